package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// deepest is how far JSON in a request may nest.
const deepest = 64

// guard is what stands before validation, in an order that tells a stranger
// nothing: who (401), how often (429), allowed at all (403), readable (400,
// 408, 413, 415).
func (a *API) guard(op operation, shape inputShape) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(hctx)
		ctx := hctx.Context()
		st := stateOf(ctx)
		st.operation = true
		if op.Public {
			if !a.takeAddress(w, r) {
				return
			}
			if op.PerMinute > 0 && !a.take(w, r, op.ID+":"+addressOwner(st.address), 1, Bucket{op.ID, op.PerMinute}) {
				return
			}
		} else {
			by, err := a.authenticate(r, st)
			if err != nil {
				if fault.KindOf(err) != fault.Unauthenticated || a.takeAddress(w, r) {
					a.fail(w, r, err)
				}
				return
			}
			st.actor = by
			ctx = access.With(ctx, by)
			if !a.takeActor(w, r, by, op.AI) {
				return
			}
			if err := ownOrg(r, by); err != nil {
				a.fail(w, r, err)
				return
			}
			if err := guestAllowed(by, op, hctx.Param("id")); err != nil {
				a.fail(w, r, err)
				return
			}
			if !by.HasScope(op.Scope) {
				a.fail(w, r, errScope.With("scope", op.Scope))
				return
			}
		}
		if op.Page {
			if err := a.checkPage(r); err != nil {
				a.fail(w, r, err)
				return
			}
			st.cookies = r.Cookies()
		}
		if st.actor.Kind == access.System && st.actor.Org.IsZero() && !op.NoOrg {
			a.fail(w, r, errNeedsOrg)
			return
		}
		if op.Upgrade != nil && r.Header.Get("Upgrade") != "" {
			op.Upgrade(w, r.WithContext(ctx))
			return
		}
		if err := a.readable(w, r, op, shape, st); err != nil {
			a.fail(w, r, err)
			return
		}
		next(huma.WithContext(hctx, ctx))
	}
}

// ownOrg refuses a request that names another organisation than the caller's, in
// which he would have been answered about his own. Only the system chooses, by
// its credential.
func ownOrg(r *http.Request, by access.Actor) error {
	if by.Kind == access.System {
		return nil
	}
	for _, s := range r.URL.Query()["orgId"] {
		org, err := parseOrg(s)
		if err != nil {
			return err
		}
		if org != by.Org {
			return fault.ErrNotFound
		}
	}
	return nil
}

// guestAllowed keeps a guest in his room, on the operations that are open to
// him.
func guestAllowed(by access.Actor, op operation, id string) error {
	switch {
	case by.Kind != access.Guest:
		return nil
	case !op.Guests:
		return errGuest
	case id != "" && id != by.Room:
		return fault.ErrNotFound
	}
	return nil
}

func (a *API) authenticate(r *http.Request, st *state) (access.Actor, error) {
	c := Credential{APIKey: r.Header.Get("X-API-Key"), OrgID: r.URL.Query().Get("orgId"), IP: st.address}
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, ok := strings.Cut(h, " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return access.Actor{}, errUnauthenticated
		}
		c.Bearer = strings.TrimSpace(token)
	}
	if len(r.Header.Values("Authorization")) > 1 || len(r.Header.Values("X-API-Key")) > 1 ||
		c.Bearer != "" && c.APIKey != "" && c.Bearer != c.APIKey {
		return access.Actor{}, errTwoCredentials
	}
	if c.Bearer == "" && c.APIKey == "" || a.deps.Authenticator == nil {
		return access.Actor{}, errUnauthenticated
	}
	by, err := a.deps.Authenticator.Authenticate(r.Context(), c)
	if err == nil && by.IsZero() {
		err = errUnauthenticated
	}
	return by, err
}

// readable reads the body within its bounds of size and time, checks that what
// was sent can be read at all, and leaves the request as if nobody had looked.
func (a *API) readable(w http.ResponseWriter, r *http.Request, op operation, shape inputShape, st *state) error {
	query, err := readQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var body []byte
	if op.form {
		if err := a.openForm(w, r, op, st); err != nil {
			return err
		}
	} else if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if shape.body {
			if err := checkContentType(r, op.contentType()); err != nil {
				return err
			}
		}
		if body, err = a.readBody(w, r, op); err != nil {
			return err
		}
		switch {
		case !shape.body && !saysNothing(body):
			st.needless = append(st.needless, fault.Field{Field: "body", Rule: "unexpected"})
		case shape.body && op.json():
			if text := bytes.TrimSpace(body); len(text) == 0 || string(text) == "null" {
				body = nil
				if shape.bodyRequired {
					return fault.ErrValidation.Field("body", "required")
				}
			} else if !soundJSON(body) {
				return errMalformedJSON
			} else if field, twice := repeated(body); twice {
				return fault.ErrValidation.Field(clip(field), "unique")
			}
			st.body, st.bodyType = body, shape.of
			st.needless = append(st.needless, nulls(a.huma.OpenAPI().Components.Schemas, shape.schema(), body)...)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
	}
	if op.idempotent() {
		key, err := newIdempotencyKey(r, op.Method+" "+op.Path, st.actor, body)
		if err != nil {
			return err
		}
		st.key = key
	}
	if !shape.query["orgId"] {
		dropOrgID(r, query)
	}
	if shape.query["cursor"] {
		unbindCursor(r, query, st)
	}
	st.needless = append(st.needless, unused(query, shape.query)...)
	return nil
}

// unused names the parameters of which nothing, or not all, would be read: of two
// values the second, and of a filter by nothing the filter. An empty position is
// the start.
func unused(query url.Values, known map[string]bool) []fault.Field {
	var bad fault.Complaints
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		switch {
		case !known[name]:
			bad.When(true, clip(name), "unknown")
		case len(values) > 1:
			bad.When(true, name, "unique")
		default:
			bad.When(values[0] == "" && name != "cursor" && name != "after", name, "minLength")
		}
	}
	return bad
}

func (a *API) readBody(w http.ResponseWriter, r *http.Request, op operation) ([]byte, error) {
	limited, untimed := a.bounded(w, r, op)
	body, err := io.ReadAll(limited)
	if err == nil {
		untimed()
		return body, nil
	}
	w.Header().Set("Connection", "close") // the rest of the body is still in it
	return nil, bodyFault(err)
}

// bounded returns the body of a request, which ends in an error past its size
// and its time; untimed is called when it was read, or the time would end the
// handler's context.
func (a *API) bounded(w http.ResponseWriter, r *http.Request, op operation) (body io.ReadCloser, untimed func()) {
	limit, within := a.cfg.MaxBody, a.cfg.ReadTimeout
	if op.MaxBody > 0 {
		limit = op.MaxBody
	}
	if op.ReadTimeout > 0 {
		within = op.ReadTimeout
	}
	control := http.NewResponseController(w)
	timed := control.SetReadDeadline(time.Now().Add(within)) == nil // not supported in some tests
	return http.MaxBytesReader(w, r.Body, limit), func() {
		if timed {
			_ = control.SetReadDeadline(time.Time{})
		}
	}
}

// bodyFault says what was wrong with a body that could not be read.
func bodyFault(err error) error {
	var tooLarge *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &tooLarge):
		return errBodyTooLarge.With("limit", tooLarge.Limit)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errRequestTimeout
	}
	return errUnreadableBody.Because(err)
}

// checkContentType insists on the type that the operation reads; saying
// nothing counts as saying it right.
func checkContentType(r *http.Request, want string) error {
	sent := r.Header.Get("Content-Type")
	if sent == "" {
		if r.ContentLength != 0 && want != jsonType {
			return errMediaType.With("expected", want)
		}
		return nil
	}
	got, _, err := mime.ParseMediaType(sent)
	if err != nil || got != want {
		return errMediaType.With("expected", want)
	}
	if want == jsonType {
		r.Header.Set("Content-Type", jsonType)
	}
	return nil
}

// readQuery reads the parameters, and refuses what url.Query would silently drop
// and what Postgres could not store.
func readQuery(raw string) (url.Values, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.ErrValidation.Field("query", "format")
	}
	for name, values := range q {
		if !sound(name) {
			return nil, fault.ErrValidation.Field("query", "format")
		}
		for _, v := range values {
			if !sound(v) {
				return nil, fault.ErrValidation.Field(name, "format")
			}
		}
	}
	return q, nil
}

// sound reports whether a text can be stored: UTF-8 without NUL.
func sound(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// soundJSON reports whether b is one JSON value in UTF-8 that does not nest too
// deep.
func soundJSON(b []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > deepest {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return utf8.Valid(b) && json.Valid(b)
}

// saysNothing reports whether a body is empty, or an object or value of nothing.
func saysNothing(b []byte) bool {
	b = bytes.TrimSpace(b)
	inner, opened := bytes.CutPrefix(b, []byte("{"))
	inner, closed := bytes.CutSuffix(inner, []byte("}"))
	return len(b) == 0 || string(b) == "null" || opened && closed && len(bytes.TrimSpace(inner)) == 0
}

// repeated finds a member that an object of sound JSON has twice. Of two, the
// schema would see one and the input be made of both.
func repeated(b []byte) (path string, is bool) {
	type place struct {
		seen map[string]bool // of an object; nil: a list
		path string
		next int
	}
	var open []place
	name, named := "", false
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		t, err := d.Token()
		if err != nil {
			return "", false // the end
		}
		in := len(open) - 1
		if t == json.Delim('}') || t == json.Delim(']') {
			open, named = open[:in], false
			continue
		}
		if in >= 0 && open[in].seen != nil && !named {
			name, named = t.(string), true
			if open[in].seen[name] {
				return join(open[in].path, name), true
			}
			open[in].seen[name] = true
			continue
		}
		named = false
		if _, opens := t.(json.Delim); opens {
			var p place
			switch {
			case in >= 0 && open[in].seen != nil:
				p.path = join(open[in].path, name)
			case in >= 0:
				p.path = open[in].path + "[" + strconv.Itoa(open[in].next) + "]"
			}
			if t == json.Delim('{') {
				p.seen = map[string]bool{}
			}
			open = append(open, p)
		}
		if in >= 0 {
			open[in].next++
		}
	}
}

// dropOrgID takes the parameter that every route knows out of the query, so
// that validation, which knows only those of the operation, does not refuse it.
func dropOrgID(r *http.Request, q url.Values) {
	if !strings.HasPrefix(r.URL.Path, "/v1/") || !q.Has("orgId") {
		return
	}
	q.Del("orgId")
	r.URL.RawQuery = q.Encode()
}
