package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/cloudflare"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// errDocsClosed names the setting that nobody made.
var errDocsClosed = fault.New(fault.Unavailable, "docs_not_configured", "Nobody has said who may read these pages: set DOCS_ACCESS.").With("setting", "DOCS_ACCESS")

// DocsAccess is who may open /docs and /openapi.json.
type DocsAccess string

// Who may. The zero DocsAccess is closed: whoever opens the docs says so.
const (
	DocsClosed     DocsAccess = ""
	DocsOpen       DocsAccess = "open"
	DocsCloudflare DocsAccess = "cloudflare" // whom Cloudflare Access let through
	DocsOIDC       DocsAccess = "oidc"       // users who are signed in, and programs with a credential
)

// Assertions knows whom Cloudflare Access let through.
type Assertions interface {
	Verify(ctx context.Context, assertion string) (cloudflare.Pass, error)
}

// registerDocsGate puts what p says before the docs.
func (a *API) registerDocsGate(p Platform) {
	switch p.Docs {
	case DocsOpen:
	case DocsCloudflare:
		passed := newPassed(p.DB, p.Now)
		a.docsGate = func(w http.ResponseWriter, r *http.Request) bool {
			err := passed.check(r, p.Assertions)
			if err != nil {
				a.failPage(w, r, err)
			}
			return err == nil
		}
	case DocsOIDC:
		a.docsGate = func(w http.ResponseWriter, r *http.Request) bool { return a.signedInForDocs(p, w, r) }
	default:
		a.docsGate = func(w http.ResponseWriter, r *http.Request) bool {
			a.failPage(w, r, errDocsClosed)
			return false
		}
	}
}

// signedInForDocs lets a user's browser pass, and a program with the credential of
// a user, a key or the system; people are sent to sign in and come back.
func (a *API) signedInForDocs(p Platform, w http.ResponseWriter, r *http.Request) bool {
	st := stateOf(r.Context())
	var by access.Actor
	var err error
	if r.Header.Get("Authorization") != "" || r.Header.Get("X-API-Key") != "" {
		by, err = a.authenticate(r, st)
		if err == nil && by.Kind != access.User && by.Kind != access.Machine && by.Kind != access.System {
			err = errUserRequired
		}
	} else if by, err = a.browserOf(r.Context(), p, r.Cookies()); fault.KindOf(err) == fault.Unauthenticated && err != nil && wantsPage(r) && returns.MatchString(r.URL.Path) {
		http.Redirect(w, r, signInPath+"?"+url.Values{"return": {r.URL.Path}}.Encode(), http.StatusSeeOther)
		return false
	}
	if err != nil {
		a.failPage(w, r, err)
		return false
	}
	st.actor = by
	return true
}

// mostPassed is how many assertions a node remembers to have seen.
const mostPassed = 4096

// passed keeps in the audit log whom Cloudflare let through: once for each
// assertion, which is good for as long as somebody's session there, and not for
// each page. Beyond so many it begins anew, and some are kept twice.
type passed struct {
	db  *store.DB
	now func() time.Time

	mu   sync.Mutex // guards seen
	seen map[[32]byte]struct{}
}

func newPassed(db *store.DB, now func() time.Time) *passed {
	return &passed{db: db, now: now, seen: map[[32]byte]struct{}{}}
}

// check verifies the assertion of a request. A second one beside it is nobody's
// that we know.
func (k *passed) check(r *http.Request, by Assertions) error {
	all := r.Header.Values(cloudflare.Header)
	if len(all) > 1 {
		return cloudflare.ErrAssertion
	}
	assertion := r.Header.Get(cloudflare.Header)
	pass, err := by.Verify(r.Context(), assertion)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(assertion))
	if k.known(hash) {
		return nil
	}
	f := audit.Fact{Action: audit.SignIn, Details: audit.Details{"by": "cloudflare", "route": r.Method + " " + r.URL.Path}}
	if uuidShape.MatchString(pass.Subject) { // and no one's words
		f.Details["subject"] = pass.Subject
	}
	if err := k.db.AddAudit(r.Context(), audit.New(access.Actor{}, f, k.now())); err != nil {
		return err
	}
	k.remember(hash)
	return nil
}

func (k *passed) known(hash [32]byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, known := k.seen[hash]
	return known
}

func (k *passed) remember(hash [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.seen) >= mostPassed {
		clear(k.seen)
	}
	k.seen[hash] = struct{}{}
}
