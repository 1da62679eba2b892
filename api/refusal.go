package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
)

// Refusals keeps in the audit log who was refused what. Refused must not block,
// and may count equal ones together.
type Refusals interface {
	Refused(audit.Row)
}

// suspected notes whom a refused credential was of, and why it was refused. What
// is no refusal stays as it is.
func suspected(by access.Actor, reason string, err error) error {
	if err == nil || fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	return audit.Suspect(err, by, "", reason)
}

func noteSuspect(st *state, err error) {
	if s, ok := errors.AsType[*audit.Suspicion](err); ok {
		st.suspect, st.object, st.reason = s.By, s.Object, s.Reason
	}
}

// deadKey is the refusal of a key that is not good, or not good any more.
func (d *Door) deadKey(ctx context.Context, secret string) error {
	k, err := d.DB.DeadKey(ctx, secret)
	if errors.Is(err, fault.ErrNotFound) {
		return access.ErrToken
	}
	if err != nil {
		return err
	}
	reason := "key_expired"
	if k.RevokedAt != nil {
		reason = "key_revoked"
	}
	return suspected(access.Actor{Kind: access.Machine, ID: k.ID.String(), Org: k.Org}, reason, access.ErrToken)
}

// signedIn keeps in the audit log that somebody signed in where no transaction
// does.
func (d *Door) signedIn(ctx context.Context, who access.Actor, by string) error {
	return d.DB.AddAudit(ctx, audit.New(who, audit.Fact{Action: audit.SignIn, Object: who.ID, Details: audit.Details{"by": by}}, d.Now()))
}

// refused tells the audit log of a request that was refused for who asked: a
// credential that proves nothing, something that he may not, has no business
// knowing, or that nobody could say whether he may, or a sign-in, also one that
// came too often or that we could not answer.
func (a *API) refused(r *http.Request, st *state, route string, status int, at time.Time) {
	if a.deps.Refusals == nil {
		return
	}
	f := audit.Fact{Outcome: audit.Refused, Reason: st.errorCode, Details: audit.Details{"route": r.Method + " " + route}}
	door := st.door || strings.HasPrefix(route, "/auth/")
	switch {
	case door && status >= 500:
		f.Action, f.Outcome = audit.SignIn, audit.Failed
	case door && status >= 400 && status != http.StatusBadRequest:
		f.Action = audit.SignIn
	case status == http.StatusUnauthorized:
		f.Action = audit.Authenticate
	case status == http.StatusForbidden:
		f.Action, f.Object = audit.Permission, objectOf(r)
	case status == http.StatusNotFound && st.errorCode == fault.ErrNotFound.Code() && objectOf(r) != "":
		f.Action, f.Object = audit.Permission, objectOf(r) // whether there is none, or it is none of his
	case st.errorCode == access.ErrUnavailable.Code():
		f.Action, f.Object, f.Outcome = audit.Permission, objectOf(r), audit.Failed
	default:
		return
	}
	by := st.actor
	if by.IsZero() {
		by = st.suspect
	}
	if st.reason != "" {
		f.Reason = st.reason
	}
	if st.object != "" {
		f.Object = st.object
	}
	row := audit.New(by, f, at)
	row.Request, row.Address = access.RequestFrom(r.Context()), access.AddressFrom(r.Context())
	a.deps.Refusals.Refused(row)
}

// uuidShape is the id of a user at Cloudflare.
var uuidShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var idShape = regexp.MustCompile(`^[a-z]{2,5}_[0-9A-Za-z]{26}$`)

// objectOf is the id in the path of a request; what is no id is nobody's words
// in the log.
func objectOf(r *http.Request) string {
	id := chi.URLParam(r, "id")
	if !idShape.MatchString(id) {
		return ""
	}
	return id
}
