package api

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/oidc"
	"github.com/openinsure/openinsure/store"
)

// A fakeServer signs in whoever it is told to, if the attempt is the one that was
// begun with it.
type fakeServer struct {
	mu   sync.Mutex // guards the rest
	sent map[string][2]string
	who  oidc.Who
	err  error
	deny error
}

func (s *fakeServer) Begin(_ context.Context, state, nonce, verifier string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent == nil {
		s.sent = map[string][2]string{}
	}
	s.sent["code for "+state] = [2]string{nonce, verifier}
	return "https://idp.example.com/authorize?" + url.Values{"state": {state}}.Encode(), nil
}

func (s *fakeServer) Finish(_ context.Context, a oidc.Answer, nonce, verifier string) (oidc.Who, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Error != "" {
		return oidc.Who{}, oidc.ErrRefused
	}
	if s.sent[a.Code] != [2]string{nonce, verifier} || nonce == "" {
		return oidc.Who{}, oidc.ErrAnswer
	}
	return s.who, s.err
}

func (s *fakeServer) Allows(oidc.Who, access.OrgID, string) error { return s.deny }

func (s *fakeServer) as(who oidc.Who, deny error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who, s.deny = who, deny
}

// A doorway is a server whose users sign in elsewhere, and whose docs are theirs.
type doorway struct {
	*world
	idp *fakeServer
	api *API
}

func newDoorway(t *testing.T, environment string) *doorway {
	t.Helper()
	d := &doorway{world: newWorld(t), idp: &fakeServer{}}
	d.idp.who = oidc.Who{Provider: "oidc https://idp.example.com", Subject: "ada", Email: "ADA@example.com", Verified: true}
	d.api = New(Deps{Authenticator: d.door, Refusals: &d.refused}, Config{Environment: environment, Logger: slog.New(slog.NewTextHandler(&d.log, nil))})
	d.api.RegisterAll(Platform{DB: d.db, Door: d.door, Rooms: d.rooms, Now: time.Now, Docs: DocsOIDC, SignIn: d.idp})
	return d
}

// A visitor is a browser: it keeps cookies and follows nothing.
type visitor struct {
	*doorway
	cookies map[string]string
}

func (d *doorway) visitor() *visitor { return &visitor{d, map[string]string{}} }

// An opened is what a browser got.
type opened struct {
	status int
	header http.Header
	body   string
}

func (o opened) cookies() []*http.Cookie { return (&http.Response{Header: o.header}).Cookies() }

// open asks for something as a browser does; the request is over when it returns.
func (v *visitor) open(method, target string, header ...string) opened {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), method, target, http.NoBody)
	if method == http.MethodGet {
		r.Header.Set("Accept", browser)
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	v.api.Handler().ServeHTTP(w, r)
	res := opened{w.Code, w.Header(), w.Body.String()}
	for _, c := range res.cookies() {
		if v.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return res
}

// begin starts to sign in and returns the address that the server would send the
// browser to.
func (v *visitor) begin(query string) string {
	v.t.Helper()
	res := v.open("GET", "/auth/oidc"+query)
	to, err := url.Parse(res.header.Get("Location"))
	if err != nil || res.status != 303 || to.Host != "idp.example.com" {
		v.t.Fatalf("begin: %d %v %v", res.status, to, err)
	}
	state := to.Query().Get("state")
	return "/auth/oidc/callback?" + url.Values{"state": {state}, "code": {"code for " + state}}.Encode()
}

// in signs somebody in.
func (v *visitor) in() *visitor {
	v.t.Helper()
	if res := v.open("GET", v.begin("")); res.status != 303 || res.header.Get("Location") != "/account" {
		v.t.Fatalf("signed in: %d %v", res.status, res.header)
	}
	return v
}

func (v *visitor) kept() []audit.Row {
	v.refused.mu.Lock()
	defer v.refused.mu.Unlock()
	rows := v.refused.rows
	v.refused.rows = nil
	return rows
}

// token is what the browser's page gets for its programs.
func (v *visitor) token() string {
	v.t.Helper()
	res := v.open("POST", "/auth/session/token", "Sec-Fetch-Site", "same-origin")
	body := res.body
	_, rest, ok := strings.Cut(body, `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	if res.status != 200 || !ok {
		v.t.Fatalf("token: %d %s", res.status, body)
	}
	return token
}

// ask is what a program gets that has a token.
func (v *visitor) ask(token, path string) int {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), http.MethodGet, path, http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	v.api.Handler().ServeHTTP(w, r)
	return w.Code
}

func TestOIDCSignIn(t *testing.T) {
	d := newDoorway(t, "production")
	v := d.visitor()
	back := v.begin("?return=/docs")
	for name := range v.cookies {
		if !strings.HasPrefix(name, "__Host-oi_attempt_") {
			t.Errorf("cookie %s", name)
		}
	}
	res := v.open("GET", back)
	if res.status != 303 || res.header.Get("Location") != "/docs" {
		t.Fatalf("%d %v %s", res.status, res.header, res.body)
	}
	var session *http.Cookie
	for _, c := range res.cookies() {
		if c.Name == "__Host-oi_session" {
			session = c
		}
	}
	if session == nil || !session.HttpOnly || !session.Secure || session.SameSite != http.SameSiteLaxMode || session.Path != "/" || session.Domain != "" || session.MaxAge != 12*3600 {
		t.Fatalf("session cookie %+v", session)
	}
	if len(v.cookies) != 1 {
		t.Errorf("cookies left: %v", v.cookies)
	}
	token := v.token()
	if got := v.ask(token, "/v1/me"); got != 200 {
		t.Errorf("me: %d", got)
	}
	who, err := d.door.Authenticate(t.Context(), Credential{Bearer: token})
	if err != nil || who.ID != d.ada.ID || who.Role != access.RoleAdmin || who.SignIn.IsZero() {
		t.Errorf("%+v, %v", who, err)
	}
	rows, err := d.db.As(d.ada).Audit(t.Context(), store.AuditFilter{Action: audit.SignIn, Actor: d.ada.ID}, store.Page{Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].Outcome != audit.Granted || rows[0].Details["by"] != "oidc" || rows[0].Request.IsZero() {
		t.Errorf("kept: %+v, %v", rows, err)
	}
	if strings.Contains(d.log.String(), session.Value) || strings.Contains(d.log.String(), token) || strings.Contains(strings.ToLower(d.log.String()), "ada@example.com") {
		t.Error("the log has a secret or an address")
	}
}

// TestOIDCAttacks are answers of the sign-in server that were not for this
// browser, or not for now.
func TestOIDCAttacks(t *testing.T) {
	d := newDoorway(t, "production")
	refuse := func(name string, v *visitor, target, code, reason string) {
		t.Helper()
		res := v.open("GET", target)
		body := res.body
		if res.status < 400 || !strings.Contains(body, "<code>"+code+"</code>") || res.header.Get("Location") != "" {
			t.Errorf("%s: %d %v %s", name, res.status, res.header, body)
		}
		if v.cookies["__Host-oi_session"] != "" {
			t.Errorf("%s: has a session", name)
		}
		if rows := v.kept(); len(rows) != 1 || rows[0].Action != audit.SignIn || rows[0].Outcome != audit.Refused || rows[0].Reason != reason {
			t.Errorf("%s: kept %+v", name, rows)
		}
	}
	v, thief := d.visitor(), d.visitor()
	mine, his := v.begin(""), thief.begin("")
	refuse("the thief's answer in my browser", v, his, "sign_in_invalid", "other_browser")
	refuse("my answer in no browser", d.visitor(), mine, "sign_in_invalid", "other_browser")
	refuse("no state", v, "/auth/oidc/callback?code=x", "sign_in_invalid", "malformed")
	refuse("two states", v, mine+"&state=x", "sign_in_invalid", "malformed")
	refuse("an empty state", v, "/auth/oidc/callback?code=x&state=", "sign_in_invalid", "other_browser")
	myState, hisState := "", ""
	if u, err := url.Parse(mine); err == nil {
		myState = u.Query().Get("state")
	}
	if u, err := url.Parse(his); err == nil {
		hisState = u.Query().Get("state")
	}
	// The thief's code with my state, in my browser: the nonce and verifier are
	// mine. It uses my attempt up.
	refuse("the thief's code", v, "/auth/oidc/callback?"+url.Values{"state": {myState}, "code": {"code for " + hisState}}.Encode(), "sign_in_invalid", "sign_in_invalid")
	refuse("my attempt again", v, mine, "sign_in_invalid", "other_browser")
	// The same answer twice, with the cookie of the first time.
	again := d.visitor()
	target := again.begin("")
	cookies := maps.Clone(again.cookies)
	if res := again.open("GET", target); res.status != 303 {
		t.Fatalf("%d", res.status)
	}
	replay := &visitor{d, cookies}
	refuse("a replay", replay, target, "sign_in_invalid", "used")
	// A cookie of ours that is for something else, and one that was changed.
	page, err := d.tokens.MintPage()
	if err != nil {
		t.Fatal(err)
	}
	for name, cookie := range map[string]string{"another page's cookie": page, "a user's token": d.world.token(d.ada), "nonsense": "x.y.z"} {
		o := d.visitor()
		target := o.begin("")
		for slot := range o.cookies {
			o.cookies[slot] = cookie
		}
		refuse(name, o, target, "sign_in_invalid", "other_browser")
	}
	denied := d.visitor()
	u, err := url.Parse(denied.begin(""))
	if err != nil {
		t.Fatal(err)
	}
	refuse("he said no", denied, "/auth/oidc/callback?"+url.Values{"state": u.Query()["state"], "error": {"access_denied"}, "error_description": {"<b>call 555</b>"}}.Encode(), "sign_in_refused", "sign_in_refused")
}

// TestOIDCOneUse has an answer come at once several times.
func TestOIDCOneUse(t *testing.T) {
	d := newDoorway(t, "production")
	v := d.visitor()
	target := v.begin("")
	const tries = 8
	statuses := make([]int, tries)
	var work sync.WaitGroup
	for i := range tries {
		w := &visitor{d, map[string]string{}}
		maps.Copy(w.cookies, v.cookies)
		work.Go(func() { statuses[i] = w.open("GET", target).status })
	}
	work.Wait()
	in := 0
	for _, s := range statuses {
		if s == 303 {
			in++
		} else if s != 401 {
			t.Errorf("status %d", s)
		}
	}
	if in != 1 {
		t.Errorf("%d signed in", in)
	}
}

// TestOIDCStrangers are people whom the server knows and we do not, or not so.
func TestOIDCStrangers(t *testing.T) {
	d := newDoorway(t, "production")
	ada := d.idp.who
	for name, tt := range map[string]struct {
		change func(*oidc.Who)
		deny   error
		code   string
		known  bool
	}{
		"unknown":              {func(w *oidc.Who) { w.Subject, w.Email = "eve", "eve@evil.example" }, nil, "identity_unknown", false},
		"not verified":         {func(w *oidc.Who) { w.Verified = false }, nil, "email_unverified", false},
		"without an address":   {func(w *oidc.Who) { w.Email = "" }, nil, "email_unverified", false},
		"another organisation": {func(*oidc.Who) {}, oidc.ErrOrganization, "identity_organization", true},
		"another role":         {func(*oidc.Who) {}, oidc.ErrRole, "identity_role", true},
	} {
		who := ada
		tt.change(&who)
		d.idp.as(who, tt.deny)
		v := d.visitor()
		res := v.open("GET", v.begin(""))
		body := res.body
		if res.status != 403 || !strings.Contains(body, "<code>"+tt.code+"</code>") || !strings.Contains(body, `href="/auth/oidc"`) || v.cookies["__Host-oi_session"] != "" {
			t.Errorf("%s: %d %s", name, res.status, body)
		}
		if rows := v.kept(); len(rows) != 1 || rows[0].Action != audit.SignIn || rows[0].Reason != tt.code || (rows[0].ActorID == d.ada.ID) != tt.known {
			t.Errorf("%s: kept %+v", name, rows)
		}
	}
	// Whoever was refused has not been tied to anybody: another account over there
	// with the address is she.
	d.idp.as(oidc.Who{Provider: ada.Provider, Subject: "ada's other account", Email: "ada@example.com", Verified: true}, nil)
	d.visitor().in()
}

// Nothing that is written into an address leads to another site.
func TestOIDCReturns(t *testing.T) {
	d := newDoorway(t, "production")
	for _, bad := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, `\\evil.example`, "/docs/../../evil", "/docs//evil.example", "javascript:alert(1)", "/docs?x=1", "/docs#x",
		"/rooms/x", "/rooms/room_../x", "/auth/oidc", "", " /docs", "/docs\n", "/docs%0d%0aSet-Cookie:x", "http:/docs", "/account@evil.example", "evil.example/docs",
	} {
		v := d.visitor()
		res := v.open("GET", "/auth/oidc?"+url.Values{"return": {bad}}.Encode())
		if res.status != 400 || res.header.Get("Location") != "" || len(v.cookies) != 0 {
			t.Errorf("%q: %d %v", bad, res.status, res.header)
		}
	}
	if res := d.visitor().open("GET", "/auth/oidc?return=/docs&return=/account"); res.status != 400 {
		t.Errorf("twice: %d", res.status)
	}
	for _, good := range []string{"/docs", "/account", "/openapi.json", "/rooms/room_01J9ZC2Q0V8Y4T6M3K5N7P9RSB"} {
		v := d.visitor()
		if res := v.open("GET", v.begin("?"+url.Values{"return": {good}}.Encode())); res.header.Get("Location") != good {
			t.Errorf("%s: %v", good, res.header)
		}
	}
}

// A browser opens as many attempts as it has slots, whoever makes it.
func TestOIDCAttemptsAreFew(t *testing.T) {
	v := newDoorway(t, "development").visitor()
	for range 60 {
		v.begin("")
	}
	if len(v.cookies) > len(attemptSlots) || v.cookies["oi_attempt_0"] == "" && v.cookies["oi_attempt_1"] == "" && v.cookies["oi_attempt_2"] == "" && v.cookies["oi_attempt_3"] == "" {
		t.Errorf("%d cookies", len(v.cookies))
	}
}

// TestUserSessions lists them, and ends them: tokens and cookie at once.
func TestUserSessions(t *testing.T) {
	d := newDoorway(t, "development")
	a, b := d.visitor().in(), d.visitor().in()
	first, second := a.token(), b.token()
	list := rows(d.must(200, first, "GET", "/v1/me/sessions", ""))
	if len(list) != 2 {
		t.Fatalf("sessions: %v", list)
	}
	for _, s := range list {
		s := s.(map[string]any)
		if s["current"] == false {
			d.must(204, first, "DELETE", "/v1/me/sessions/"+s["id"].(string), "")
			d.must(404, first, "DELETE", "/v1/me/sessions/"+s["id"].(string), "")
		}
	}
	d.must(401, second, "GET", "/v1/me", "")
	d.must(200, first, "GET", "/v1/me", "")
	if res := b.open("POST", "/auth/session/token"); res.status != 401 || !strings.Contains(res.body, `"session_over"`) {
		t.Errorf("the browser of an ended session: %d", res.status)
	}
	// Another user ends nothing of hers.
	mine := rows(d.must(200, first, "GET", "/v1/me/sessions", ""))[0].(map[string]any)["id"].(string)
	d.must(404, d.world.token(d.una), "DELETE", "/v1/me/sessions/"+mine, "")
	// Sign out, and once more.
	secret := a.cookies[sessionName]
	for range 2 {
		if res := a.open("POST", "/auth/session/sign-out", "Sec-Fetch-Site", "same-origin"); res.status != 204 || a.cookies[sessionName] != "" {
			t.Errorf("sign out: %d %v", res.status, a.cookies)
		}
	}
	d.must(401, first, "GET", "/v1/me", "")
	a.cookies[sessionName] = secret
	if res := a.open("POST", "/auth/session/token"); res.status != 401 {
		t.Errorf("the cookie after: %d", res.status)
	}
	out, err := d.db.As(d.ada).Audit(t.Context(), store.AuditFilter{Action: audit.SignedOut}, store.Page{Limit: 10})
	if err != nil || len(out) != 2 || out[0].ActorID != d.ada.ID {
		t.Errorf("kept: %+v %v", out, err)
	}
	// A second sign-in in the same browser replaces the first.
	c := d.visitor().in()
	before := c.token()
	c.in()
	d.must(401, before, "GET", "/v1/me", "")
	// There are only so many.
	for range access.MostUserSignIns + 3 {
		d.visitor().in()
	}
	if list := rows(d.must(200, d.world.token(d.ada), "GET", "/v1/me/sessions?limit=100", "")); len(list) != access.MostUserSignIns {
		t.Errorf("%d sessions", len(list))
	}
	// A stopped user is out everywhere.
	e := d.visitor().in()
	token := e.token()
	d.must(200, worldSecret, "PATCH", "/v1/users/"+d.ada.ID+"?orgId="+d.una.Org.String(), `{"status":"stopped"}`)
	d.must(401, token, "GET", "/v1/me", "")
	if res := e.open("GET", "/docs"); res.status != 303 {
		t.Errorf("docs of a stopped user: %d", res.status)
	}
}

// What another site's page sends does nothing, whatever cookies come along.
func TestSessionsOfOtherSites(t *testing.T) {
	v := newDoorway(t, "development").visitor().in()
	for _, path := range []string{"/auth/session/token", "/auth/session/sign-out"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			if res := v.open("POST", path, header...); res.status != 403 {
				t.Errorf("%s %v: %d", path, header, res.status)
			}
		}
		if res := v.open("GET", path); res.status != 405 {
			t.Errorf("GET %s: %d", path, res.status)
		}
	}
	v.token() // she is still in
	// The API itself takes no cookie.
	if res := v.open("GET", "/v1/me"); res.status != 401 {
		t.Errorf("me by cookie: %d", res.status)
	}
	v.cookies[sessionName+"2"] = v.cookies[sessionName]
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/auth/session/token", http.NoBody)
	r.Header.Set("Cookie", sessionName+"=planted; "+sessionName+"="+v.cookies[sessionName])
	w := httptest.NewRecorder()
	v.api.Handler().ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("two cookies of one name: %d", w.Code)
	}
}

func TestDocsOfUsers(t *testing.T) {
	d := newDoorway(t, "production")
	v := d.visitor()
	res := v.open("GET", "/docs")
	if res.status != 303 || res.header.Get("Location") != "/auth/oidc?return=%2Fdocs" || !strings.Contains(res.header.Get("Cache-Control"), "no-store") {
		t.Errorf("a stranger: %d %v", res.status, res.header)
	}
	for _, path := range docsPaths {
		if res := v.open("GET", path, "Accept", "*/*"); path == "/docs/scalar.js" && res.status != 401 {
			t.Errorf("%s: %d", path, res.status)
		}
		if got := v.ask(d.world.token(d.una), path); got != 200 {
			t.Errorf("%s with a token: %d", path, got)
		}
		if got := v.ask(worldSecret, path); got != 200 {
			t.Errorf("%s with the secret: %d", path, got)
		}
		for name, token := range map[string]string{
			"nonsense": "x", "a guest": d.world.token(access.Actor{Kind: access.Guest, ID: d.una.ID, Org: d.una.Org, Room: "room_01J9ZC2Q0V8Y4T6M3K5N7P9RSB"}),
		} {
			if got := v.ask(token, path); got != 401 && got != 403 {
				t.Errorf("%s with %s: %d", path, name, got)
			}
		}
	}
	v.in()
	for _, path := range docsPaths {
		if res := v.open("GET", path); res.status != 200 {
			t.Errorf("%s signed in: %d", path, res.status)
		}
	}
	// Without a sign-in server there is a page that says so.
	none := New(Deps{}, Config{})
	none.RegisterAll(Platform{DB: d.db, Door: d.door, Rooms: d.rooms, Now: time.Now, Docs: DocsOIDC})
	w := httptest.NewRecorder()
	none.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/auth/oidc", http.NoBody))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "OIDC_ISSUER") {
		t.Errorf("none configured: %d %s", w.Code, w.Body)
	}
}
