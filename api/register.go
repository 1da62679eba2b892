package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/openinsure/openinsure/store"
)

// An operation is one method on one path. What the document shows of it as an
// example is in examples, by its ID.
type operation struct {
	Method      string
	Path        string // with {id} parameters
	ID          string // operationId: decide-referral
	Summary     string
	Description string
	Tag         string
	Scope       string // resource:read or resource:write; empty asks for no scope
	Status      int    // of success; default POST 201, DELETE or no Body 204, else 200
	Errors      []int  // documented beyond those that follow from the rest

	Public        bool          // needs no credential
	Page          bool          // only for our own pages, which it knows by cookies
	PerMinute     int           // from one address, besides all else; 0 is no such limit
	Guests        bool          // open to guests, in the room that {id} names
	NoOrg         bool          // the system need not name an organisation
	NoIdempotency bool          // a POST that does not heed Idempotency-Key
	IfMatch       bool          // the input embeds IfMatch
	AI            bool          // also counts in the bucket of AI operations
	MaxBody       int64         // bytes; default Config.MaxBody
	ReadTimeout   time.Duration // for the body; default Config.ReadTimeout
	ContentType   string        // of the body; default application/json

	// Upgrade, when set, answers requests that ask for a WebSocket, once they
	// are authenticated, counted and in scope.
	Upgrade http.HandlerFunc
	form    bool // the body is a form that the handler reads as it comes; see registerUpload
}

func (op operation) contentType() string {
	if op.ContentType == "" {
		return jsonType
	}
	return op.ContentType
}

func (op operation) json() bool { return op.contentType() == jsonType }

func (op operation) idempotent() bool {
	return op.Method == http.MethodPost && !op.Public && !op.NoIdempotency
}

// inputShape is what the guard must know of an input type.
type inputShape struct {
	body         bool         // has a Body or RawBody
	of           reflect.Type // of the Body; nil: there is none
	bodyRequired bool
	query        map[string]bool // the parameters that it reads

	document *huma.RequestBody // as published, once the operation is registered
}

// schema is what is published of the body; nil of none, and of one that is no JSON.
func (s inputShape) schema() *huma.Schema {
	if s.document == nil || s.document.Content[jsonType] == nil {
		return nil
	}
	return s.document.Content[jsonType].Schema
}

func shapeOf(t reflect.Type) inputShape {
	s := inputShape{query: map[string]bool{}}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("query"), ","); name != "" {
			s.query[name] = true
		}
		switch {
		case f.Name == "Body":
			s.body, s.of = true, f.Type
			s.bodyRequired = f.Type.Kind() != reflect.Pointer && f.Type.Kind() != reflect.Interface
		case f.Name == "RawBody":
			s.body = true
		}
	}
	return s
}

// register adds an operation. Whatever handler returns reaches the client only
// through here: its output as the one JSON that an Idempotency-Key would replay,
// its error as a problem.
//
// I is a struct with path, query and header fields and a Body. O is a struct
// with a Body (JSON, or []byte with a Content-Type header field), and maybe
// Status int and string fields with a header tag. A Body with a method ETag()
// string sets that header. Do not tag a list uniqueItems: huma panics when a
// client sends objects in it; check in a resolver, see found, rule "unique".
func register[I, O any](a *API, op operation, handler func(context.Context, *I) (*O, error)) {
	shape := shapeOf(reflect.TypeFor[I]())
	out := outputOf(reflect.TypeFor[O]())
	if op.Status == 0 {
		op.Status = defaultStatus(op.Method, out.body >= 0)
	}
	hop := a.describe(op, shape, out)
	shape.document = hop.RequestBody
	hop.Middlewares = huma.Middlewares{a.guard(op, shape)}
	huma.Register(a.huma, hop, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		ctx = store.Remembering(ctx)
		err := stateOf(ctx).excess()
		var ans Answer
		if err == nil {
			ans, err = a.once(ctx, stateOf(ctx), func(ctx context.Context) (Answer, error) {
				o, err := handler(ctx, in)
				if err != nil {
					return Answer{}, err
				}
				out.bindCursors(reflect.ValueOf(o), stateOf(ctx).list)
				return out.answer(op.Status, reflect.ValueOf(o))
			})
		}
		if err != nil {
			ans = a.failure(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			r, w := humachi.Unwrap(hctx)
			a.write(w, r, ans)
		}}, nil
	})
}

func defaultStatus(method string, body bool) int {
	switch {
	case !body, method == http.MethodDelete:
		return http.StatusNoContent
	case method == http.MethodPost:
		return http.StatusCreated
	}
	return http.StatusOK
}

// output knows where the parts of an output type are; -1 is nowhere.
type output struct {
	body, status int
	bodyField    reflect.StructField
	headers      map[string]int
	cursors      [][]int // where the next page is named
}

func outputOf(t reflect.Type) output {
	o := output{body: -1, status: -1, headers: map[string]int{}}
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case f.Name == "Body":
			o.body, o.bodyField = i, f
			if f.Type.Kind() == reflect.Struct {
				if next, ok := f.Type.FieldByName("NextCursor"); ok {
					o.cursors = append(o.cursors, append([]int{i}, next.Index...))
				}
			}
		case f.Name == "Status":
			o.status = i
		case f.Tag.Get("header") != "":
			if f.Type.Kind() != reflect.String {
				panic(fmt.Sprintf("%s.%s: a header is a string", t, f.Name))
			}
			name := http.CanonicalHeaderKey(f.Tag.Get("header"))
			if o.headers[name] = i; name == "X-Next-Cursor" {
				o.cursors = append(o.cursors, []int{i})
			}
		}
	}
	return o
}

// raw reports whether the body is bytes of its own kind, not JSON.
func (o output) raw() bool { return o.body >= 0 && o.bodyField.Type == reflect.TypeFor[[]byte]() }

func (o output) answer(status int, v reflect.Value) (Answer, error) {
	ans := Answer{Status: status, Header: map[string]string{}}
	if v.IsNil() {
		return ans, nil
	}
	v = v.Elem()
	if o.status >= 0 && v.Field(o.status).Int() != 0 {
		ans.Status = int(v.Field(o.status).Int())
	}
	if o.body >= 0 {
		body := v.Field(o.body)
		if o.raw() {
			ans.Body = body.Bytes()
		} else {
			var err error
			if ans.Body, err = marshal(body.Interface()); err != nil {
				return Answer{}, fmt.Errorf("marshal %s: %w", body.Type(), err)
			}
			ans.Header["Content-Type"] = jsonType
		}
		if tagged, ok := reflect.TypeAssert[interface{ ETag() string }](body); ok && (body.Kind() != reflect.Pointer || !body.IsNil()) {
			ans.Header["ETag"] = tagged.ETag()
		}
	}
	for name, i := range o.headers {
		if s := v.Field(i).String(); s != "" {
			ans.Header[name] = s
		}
	}
	return ans, nil
}
