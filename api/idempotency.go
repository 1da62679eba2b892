package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// Idempotency keeps the first answer to a key.
//
// Do opens a transaction and calls run with a context that carries it. When run
// returns an Answer, Do records it, in that same transaction or, when
// Answer.Rollback is set, in one of its own after undoing run's work. When run
// returns an error, nothing is kept and the error is returned. A key that was
// answered before is not run: its Answer returns with replayed true; another
// Fingerprint under the key is a fault of kind Refused, one in flight a fault
// of kind Conflict.
type Idempotency interface {
	Do(ctx context.Context, key IdempotencyKey, run func(ctx context.Context) (Answer, error)) (a Answer, replayed bool, err error)
}

// An IdempotencyKey names one change that must happen once.
type IdempotencyKey struct {
	Org         access.OrgID
	Principal   string // the actor's id, not that of a token
	Route       string // method and pattern: POST /v1/claims/{id}/settle
	Key         string // as the client sent it
	Fingerprint [sha256.Size]byte
}

// An Answer is what a client gets, apart from headers that belong to the
// request of the moment. Header holds such as Content-Type, ETag and Location.
type Answer struct {
	Status   int
	Header   map[string]string
	Body     []byte
	Rollback bool // a refusal: keep the answer, undo the work
}

// newIdempotencyKey reads the header; nil when there is none to heed.
func newIdempotencyKey(r *http.Request, route string, by access.Actor, body []byte) (*IdempotencyKey, error) {
	sent := r.Header.Values("Idempotency-Key")
	if len(sent) == 0 {
		return nil, nil
	}
	if len(sent) > 1 || !printable(sent[0], 255) {
		return nil, fault.ErrValidation.Field("Idempotency-Key", "format")
	}
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(body)
	k := &IdempotencyKey{Org: by.Org, Principal: by.ID, Route: route, Key: sent[0]}
	h.Sum(k.Fingerprint[:0])
	return k, nil
}

// once runs the change under its key. Faults that say something about the
// state of the world, 404 and 422, are kept like successes; the others may go
// away by themselves and are not.
func (a *API) once(ctx context.Context, st *state, run func(ctx context.Context) (Answer, error)) (Answer, error) {
	if st.key == nil || a.deps.Idempotency == nil {
		return run(ctx)
	}
	ans, replayed, err := a.deps.Idempotency.Do(ctx, *st.key, func(ctx context.Context) (Answer, error) {
		ans, err := run(ctx)
		if err == nil {
			return ans, nil
		}
		var f *fault.Error
		if errors.As(err, &f) && (f.Kind() == fault.NotFound || f.Kind() == fault.Refused) {
			ans = newProblem(ctx, err).answer()
			ans.Rollback = true
			return ans, nil
		}
		return Answer{}, err
	})
	st.replayed = replayed
	return ans, err
}

// write sends an answer and notes its error code for the log.
func (a *API) write(w http.ResponseWriter, r *http.Request, ans Answer) {
	st := stateOf(r.Context())
	if ans.Status >= 400 {
		var p struct {
			Code string `json:"error"`
		}
		_ = json.Unmarshal(ans.Body, &p) // ours, so it is JSON
		st.errorCode = p.Code
	}
	h := w.Header()
	for k, v := range ans.Header {
		h.Set(k, v)
	}
	if st.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(ans.Status)
	if len(ans.Body) > 0 && ans.Status != http.StatusNoContent {
		_, _ = w.Write(ans.Body) // a client that left is no failure of ours
	}
}
