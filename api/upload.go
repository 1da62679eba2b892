package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

const formType = "multipart/form-data"

// A form is a body of several parts, still on its way.
type form struct {
	*multipart.Reader
	w       http.ResponseWriter
	untimed func()
}

// received is what an upload left behind before anything was decided about it.
type received interface {
	// Fingerprint tells uploads under one Idempotency-Key apart.
	Fingerprint() []byte
	// Discard takes it away, unless it was made use of.
	Discard(ctx context.Context) error
}

// registerUpload is register for a body that is read as it comes, in bounds of
// size and time, and is never whole in memory: receive reads it, handler decides
// about what was received. When an Idempotency-Key was answered before, or the
// handler fails, what was received is discarded.
func registerUpload[I, O any, R received](a *API, op operation, body *huma.Schema,
	receive func(context.Context, *I, *multipart.Reader) (R, error), handler func(context.Context, *I, R) (*O, error),
) {
	op.ContentType, op.form = formType, true
	out := outputOf(reflect.TypeFor[O]())
	if op.Status == 0 {
		op.Status = http.StatusCreated
	}
	shape := shapeOf(reflect.TypeFor[I]())
	documented := shape
	documented.body = true
	hop := a.describe(op, documented, out)
	hop.Middlewares = huma.Middlewares{a.guard(op, shape)}
	huma.Register(a.huma, hop, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		ans, err := upload(ctx, a, op, out, in, receive, handler)
		if err != nil {
			ans = a.failure(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			r, w := humachi.Unwrap(hctx)
			a.write(w, r, ans)
		}}, nil
	})
	a.huma.OpenAPI().Paths[op.Path].Post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{formType: {Schema: body}}}
}

func upload[I, O any, R received](ctx context.Context, a *API, op operation, out output, in *I,
	receive func(context.Context, *I, *multipart.Reader) (R, error), handler func(context.Context, *I, R) (*O, error),
) (Answer, error) {
	st := stateOf(ctx)
	var got R
	err := st.excess()
	if err == nil {
		got, err = receive(ctx, in, st.form.Reader)
	}
	if err != nil {
		st.form.w.Header().Set("Connection", "close") // the rest of the body is still in it
		return Answer{}, err
	}
	st.form.untimed()
	defer func() {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 10*time.Second, errors.New("discard an upload"))
		defer cancel()
		if err := got.Discard(ctx); err != nil {
			a.cfg.Logger.WarnContext(ctx, "upload not discarded", "error", err)
		}
	}()
	if st.key != nil {
		st.key.Fingerprint = sha256.Sum256(append(st.key.Fingerprint[:], got.Fingerprint()...))
	}
	return a.once(ctx, st, func(ctx context.Context) (Answer, error) {
		o, err := handler(ctx, in, got)
		if err != nil {
			return Answer{}, err
		}
		return out.answer(op.Status, reflect.ValueOf(o))
	})
}

// openForm makes the body of r readable part by part.
func (a *API) openForm(w http.ResponseWriter, r *http.Request, op operation, st *state) error {
	if err := checkContentType(r, formType); err != nil {
		return err
	}
	st.form = &form{w: w}
	r.Body, st.form.untimed = a.bounded(w, r, op)
	var err error
	if st.form.Reader, err = r.MultipartReader(); err != nil {
		return errUnreadableBody.Because(err)
	}
	return nil
}

// A download is bytes that are sent as a file.
type download struct {
	ContentType string
	Name        string
	Size        int64
	Body        io.ReadCloser
}

// registerDownload is register for an answer that is a file, sent as it is
// read. It is always an attachment: no browser shows it in our name.
func registerDownload[I any](a *API, op operation, handler func(context.Context, *I) (*download, error)) {
	type file struct {
		Disposition string `header:"Content-Disposition"`
		Body        []byte
	}
	op.Status = http.StatusOK
	shape := shapeOf(reflect.TypeFor[I]())
	hop := a.describe(op, shape, outputOf(reflect.TypeFor[file]()))
	hop.Middlewares = huma.Middlewares{a.guard(op, shape)}
	huma.Register(a.huma, hop, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		var d *download
		err := stateOf(ctx).excess()
		if err == nil {
			d, err = handler(ctx, in)
		}
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			r, w := humachi.Unwrap(hctx)
			if err != nil {
				a.write(w, r, a.failure(ctx, err))
				return
			}
			d.send(w, r)
		}}, nil
	})
}

// send answers with the file. One that cannot be read to its end breaks the
// connection, so that nobody takes the part for the whole.
func (d *download) send(w http.ResponseWriter, r *http.Request) {
	defer func() { _ = d.Body.Close() }() // it was only read
	h := w.Header()
	h.Set("Content-Type", d.ContentType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.Name}))
	h.Set("Content-Length", strconv.FormatInt(d.Size, 10))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, d.Body); err != nil {
		panic(fmt.Errorf("%w: %w", http.ErrAbortHandler, err))
	}
}
