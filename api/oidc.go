package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/oidc"
	"github.com/openinsure/openinsure/store"
)

// Faults of signing in by a browser.
var (
	errNoSignInServer = fault.New(fault.Unavailable, "auth_not_configured", "No sign-in server is configured: set OIDC_ISSUER.").With("setting", "OIDC_ISSUER")
	errReturn         = fault.New(fault.Invalid, "validation_failed", "A sign-in leads back to a page of this server: /account, /docs, /openapi.json or /rooms/….").Field("return", "path")
)

// The addresses of signing in. The second is what the server of the operator
// must have registered.
const (
	signInPath   = "/auth/oidc"
	callbackPath = "/auth/oidc/callback"
	accountPath  = "/account"
)

// signInRate is how often an address may begin or end a sign-in in a minute.
const signInRate = 60

// attemptSlots is how many attempts a browser may have under way: as many
// cookies, and no more, whoever makes it open the page.
const attemptSlots = "01234567"

// SignInServer says who somebody is who comes from there.
type SignInServer interface {
	Begin(ctx context.Context, state, nonce, verifier string) (string, error)
	Finish(ctx context.Context, a oidc.Answer, nonce, verifier string) (oidc.Who, error)
	Allows(w oidc.Who, org access.OrgID, role string) error
}

// returns are the paths that a sign-in may lead back to; nothing that a
// stranger writes leads to another site.
var returns = regexp.MustCompile(`^(/account|/docs|/openapi\.json|/rooms/room_[0-9A-Za-z]{26})$`)

// registerOIDC adds the two addresses of signing in, which are for browsers.
func (a *API) registerOIDC(p Platform) {
	a.handlePage(signInPath, func(w http.ResponseWriter, r *http.Request) error { return a.beginSignIn(p, w, r) })
	a.handlePage(callbackPath, func(w http.ResponseWriter, r *http.Request) error { return a.finishSignIn(p, w, r) })
}

// handlePage mounts a page that leads somewhere else, or says why not.
func (a *API) handlePage(path string, h func(http.ResponseWriter, *http.Request) error) {
	a.mux.Get(path, func(w http.ResponseWriter, r *http.Request) {
		if !a.takeAddress(w, r) || !a.take(w, r, "sign-in:"+addressOwner(stateOf(r.Context()).address), 1, Bucket{"sign-in", signInRate}) {
			return
		}
		if err := h(w, r); err != nil {
			a.failPageWith(w, r, err, signInPath, "Sign in")
		}
	})
}

func (a *API) beginSignIn(p Platform, w http.ResponseWriter, r *http.Request) error {
	if p.SignIn == nil {
		return errNoSignInServer
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errReturn
	}
	path := accountPath
	if given, ok := q["return"]; ok {
		if len(given) != 1 || !returns.MatchString(given[0]) {
			return errReturn
		}
		path = given[0]
	}
	cookie, attempt, err := p.Door.Tokens.MintAttempt(path)
	if err != nil {
		return err
	}
	to, err := p.SignIn.Begin(r.Context(), attempt.State, attempt.Nonce, attempt.Verifier)
	if err != nil {
		return err
	}
	http.SetCookie(w, a.browserCookie(r.Context(), attemptName(attempt.State), cookie, access.AttemptAge))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (a *API) finishSignIn(p Platform, w http.ResponseWriter, r *http.Request) error {
	if p.SignIn == nil {
		return errNoSignInServer
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["state"]) != 1 || len(q["code"]) > 1 || len(q["error"]) > 1 {
		return refusedFor("malformed", access.ErrSignIn)
	}
	state := q.Get("state")
	attempt, err := p.Door.Tokens.VerifyAttempt(a.only(r.Context(), r.Cookies(), attemptName(state)), state)
	if err != nil {
		return refusedFor("other_browser", err)
	}
	http.SetCookie(w, a.browserCookie(r.Context(), attemptName(state), "", -time.Second))
	if err := p.DB.UseAttempt(r.Context(), attempt); err != nil {
		return refusedFor("used", err)
	}
	who, err := p.SignIn.Finish(r.Context(), oidc.Answer{Code: q.Get("code"), Iss: q["iss"], Error: q.Get("error")}, attempt.Nonce, attempt.Verifier)
	if err != nil {
		return err
	}
	if !who.Verified || who.Email == "" {
		return oidc.ErrUnverified
	}
	secret := access.NewBrowserSecret()
	allow := func(u store.User) error {
		err := p.SignIn.Allows(who, u.Org, u.Role)
		if err != nil {
			return audit.Suspect(err, access.Actor{Kind: access.User, ID: u.ID.String(), Org: u.Org}, "", "")
		}
		return nil
	}
	i := store.Identity{Provider: who.Provider, Subject: who.Subject, Email: who.Email, Verified: true}
	if _, _, err := p.DB.SignInUser(r.Context(), i, allow, secret, a.only(r.Context(), r.Cookies(), sessionName), p.now()); err != nil {
		return err
	}
	http.SetCookie(w, a.browserCookie(r.Context(), sessionName, secret, access.BrowserAge))
	http.Redirect(w, r, attempt.Return, http.StatusSeeOther)
	return nil
}

// refusedFor notes in the audit log why nobody known was refused.
func refusedFor(reason string, err error) error {
	if fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	return audit.Suspect(err, access.Actor{}, "", reason)
}

// The cookies of a user's browser: the session, and attempts under way.
const (
	sessionName       = "oi_session"
	attemptNamePrefix = "oi_attempt_"
)

// attemptName is one of a few names, by the state.
func attemptName(state string) string {
	slot := 0
	if state != "" {
		slot = int(state[0]) % len(attemptSlots)
	}
	return attemptNamePrefix + attemptSlots[slot:slot+1]
}

// cookieName has browsers take a cookie from this host alone, over TLS: one of a
// neighbouring host cannot put his own in its place.
func (a *API) cookieName(ctx context.Context, name string) string {
	if a.secureCookies(ctx) {
		return "__Host-" + name
	}
	return name
}

func (a *API) secureCookies(ctx context.Context) bool {
	return a.cfg.Environment != "development" || stateOf(ctx).tls
}

// browserCookie is a cookie that comes with navigation from other sites, as from
// the sign-in server, and with nothing else of theirs. A negative age takes it
// away.
func (a *API) browserCookie(ctx context.Context, name, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever it is not a developer's own machine
		Name: a.cookieName(ctx, name), Value: value, Path: "/", MaxAge: int(age.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.secureCookies(ctx),
	}
}

// only is the value of a browser's cookie that came once; empty when it did not,
// or came twice, of which one may be somebody else's.
func (a *API) only(ctx context.Context, cookies []*http.Cookie, name string) string {
	value, n := "", 0
	for _, c := range cookies {
		if c.Name == a.cookieName(ctx, name) {
			value, n = c.Value, n+1
		}
	}
	if n != 1 {
		return ""
	}
	return value
}

// browserOf finds who is signed in in a browser with cookies.
func (a *API) browserOf(ctx context.Context, p Platform, cookies []*http.Cookie) (access.Actor, error) {
	secret := a.only(ctx, cookies, sessionName)
	if secret == "" {
		return access.Actor{}, errUnauthenticated
	}
	by, err := p.DB.Browser(ctx, secret, p.now())
	if errors.Is(err, fault.ErrNotFound) {
		return access.Actor{}, errSessionOver
	}
	return by, err
}
