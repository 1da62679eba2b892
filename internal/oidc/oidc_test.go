package oidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/jwks/jwkstest"
	"github.com/openinsure/openinsure/internal/oidc"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const (
	nonce    = "the nonce of this attempt"
	verifier = "the-verifier-of-this-attempt-which-is-long-enough"
)

// An idp is a server that answers what a test wants it to.
type idp struct {
	*jwkstest.Server
	t testing.TB

	mu       sync.Mutex // guards the rest
	metadata map[string]any
	token    map[string]any // the answer to a code
	status   int
	userinfo map[string]any
	form     url.Values // of the last exchange
}

func newIDP(t testing.TB) *idp {
	t.Helper()
	s := &idp{Server: jwkstest.New(t), t: t, status: http.StatusOK}
	s.metadata = map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/jwks",
		"userinfo_endpoint": s.URL + "/me", "id_token_signing_alg_values_supported": []string{"HS256", "none", "RS256"},
	}
	answer := func(what func() (int, any)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if r.Method == http.MethodPost {
				_ = r.ParseForm() // what is missing shows
				s.form = r.PostForm
			}
			status, body := what()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body) // as above
		}
	}
	s.Handle("/.well-known/openid-configuration", answer(func() (int, any) { return 200, s.metadata }))
	s.Handle("/token", answer(func() (int, any) { return s.status, s.token }))
	s.Handle("/me", answer(func() (int, any) { return 200, s.userinfo }))
	return s
}

// claims are what a good token says.
func (s *idp) claims() map[string]any {
	return map[string]any{
		"iss": s.URL, "aud": "openinsure", "sub": "u1", "nonce": nonce, "iat": noon.Unix(), "exp": noon.Add(time.Minute).Unix(),
		"email": "una@example.com", "email_verified": true, "orgs": []string{"summit", "other"}, "groups": "uw",
	}
}

func (s *idp) client() *oidc.Server {
	s.t.Helper()
	cfg := oidc.Config{
		Issuer: s.URL, ClientID: "openinsure", ClientSecret: "se:cret", Redirect: "https://api.example.com/auth/oidc/callback", Scopes: []string{"groups"},
		Now: func() time.Time { return noon }, Mapping: oidc.Mapping{OrganizationClaim: "orgs", RoleClaim: "groups"},
	}
	c, err := oidc.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// says makes the server give a token for the next code.
func (s *idp) says(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.token = 200, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": token}
}

func TestBegin(t *testing.T) {
	s := newIDP(t)
	to, err := s.client().Begin(t.Context(), "the state", nonce, verifier)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, s.URL+"/authorize?") {
		t.Fatalf("%s, %v", to, err)
	}
	sum := sha256.Sum256([]byte(verifier))
	want := url.Values{
		"client_id": {"openinsure"}, "response_type": {"code"}, "redirect_uri": {"https://api.example.com/auth/oidc/callback"}, "scope": {"openid email groups"},
		"state": {"the state"}, "nonce": {nonce}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if d := cmp.Diff(want, u.Query()); d != "" {
		t.Error(d)
	}
}

func TestFinish(t *testing.T) {
	s := newIDP(t)
	s.says(s.Sign("k1", s.claims()))
	who, err := s.client().Finish(t.Context(), oidc.Answer{Code: "the code"}, nonce, verifier)
	want := oidc.Who{Provider: "oidc " + s.URL, Subject: "u1", Email: "una@example.com", Verified: true, Organizations: []string{"summit", "other"}, Roles: []string{"uw"}}
	if d := cmp.Diff(want, who); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if d := cmp.Diff(url.Values{
		"grant_type": {"authorization_code"}, "code": {"the code"}, "code_verifier": {verifier}, "redirect_uri": {"https://api.example.com/auth/oidc/callback"},
	}, s.form); d != "" {
		t.Errorf("exchange: %s", d)
	}
}

// What a server says beyond our bounds is left out: an email of more than 320
// characters, and what a list has after its 500th value.
func TestBounds(t *testing.T) {
	s := newIDP(t)
	claims := s.claims()
	claims["email"] = strings.Repeat("u", 310) + "@example.com"
	claims["groups"] = slices.Repeat([]string{"uw"}, 501)
	s.says(s.Sign("k1", claims))
	who, err := s.client().Finish(t.Context(), oidc.Answer{Code: "the code"}, nonce, verifier)
	if err != nil || who.Email != "" || len(who.Roles) != 500 {
		t.Errorf("email %q, %d roles, %v", who.Email, len(who.Roles), err)
	}
}

// An attempt that lost its nonce is no reason to take a token that has none.
func TestNoNonce(t *testing.T) {
	s := newIDP(t)
	claims := s.claims()
	delete(claims, "nonce")
	s.says(s.Sign("k1", claims))
	if _, err := s.client().Finish(t.Context(), oidc.Answer{Code: "the code"}, "", verifier); !errors.Is(err, oidc.ErrAnswer) {
		t.Errorf("err = %v", err)
	}
}

// TestTokens are tokens of a server that is theirs, or was.
func TestTokens(t *testing.T) {
	s := newIDP(t)
	for name, tt := range map[string]struct {
		change map[string]any // nil takes a claim away
		err    error
	}{
		"as it is":                  {nil, nil},
		"for us and another":        {map[string]any{"aud": []string{"openinsure", "other"}, "azp": "openinsure"}, nil},
		"for us, through another":   {map[string]any{"aud": []string{"openinsure", "other"}, "azp": "other"}, oidc.ErrAnswer},
		"for many, through nobody":  {map[string]any{"aud": []string{"openinsure", "other"}}, oidc.ErrAnswer},
		"azp is another":            {map[string]any{"azp": "other"}, oidc.ErrAnswer},
		"for another":               {map[string]any{"aud": "other"}, oidc.ErrAnswer},
		"for nobody":                {map[string]any{"aud": nil}, oidc.ErrAnswer},
		"of another server":         {map[string]any{"iss": "https://evil.example.com"}, oidc.ErrAnswer},
		"of a longer server":        {map[string]any{"iss": s.URL + "/"}, oidc.ErrAnswer},
		"another nonce":             {map[string]any{"nonce": "of another attempt"}, oidc.ErrAnswer},
		"no nonce":                  {map[string]any{"nonce": nil}, oidc.ErrAnswer},
		"an empty nonce":            {map[string]any{"nonce": ""}, oidc.ErrAnswer},
		"expired":                   {map[string]any{"exp": noon.Unix() - 1}, oidc.ErrAnswer},
		"without an end":            {map[string]any{"exp": nil}, oidc.ErrAnswer},
		"not yet":                   {map[string]any{"nbf": noon.Add(time.Hour).Unix()}, oidc.ErrAnswer},
		"of tomorrow":               {map[string]any{"iat": noon.Add(time.Hour).Unix()}, oidc.ErrAnswer},
		"without its time":          {map[string]any{"iat": nil}, oidc.ErrAnswer},
		"of nobody":                 {map[string]any{"sub": nil}, oidc.ErrAnswer},
		"a subject too long":        {map[string]any{"sub": strings.Repeat("x", 256)}, oidc.ErrAnswer},
		"with another access token": {map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, oidc.ErrAnswer},
	} {
		c := s.claims()
		maps.Copy(c, tt.change)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
		s.says(s.Sign("k1", c))
		if _, err := s.client().Finish(t.Context(), oidc.Answer{Code: "c"}, nonce, verifier); !errors.Is(err, tt.err) {
			t.Errorf("%s: err = %v, want %v", name, err, tt.err)
		}
	}
	client := s.client()
	for name, token := range s.Forgeries(s.claims()) {
		s.says(token)
		if _, err := client.Finish(t.Context(), oidc.Answer{Code: "c"}, nonce, verifier); !errors.Is(err, oidc.ErrAnswer) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

// TestAnswers are what browsers bring that were elsewhere.
func TestAnswers(t *testing.T) {
	s := newIDP(t)
	s.says(s.Sign("k1", s.claims()))
	announced := newIDP(t)
	announced.metadata["authorization_response_iss_parameter_supported"] = true
	announced.says(announced.Sign("k1", announced.claims()))
	for name, tt := range map[string]struct {
		at     *idp
		answer oidc.Answer
		err    error
	}{
		"names itself":              {s, oidc.Answer{Code: "c", Iss: []string{s.URL}}, nil},
		"another names itself":      {s, oidc.Answer{Code: "c", Iss: []string{"https://evil.example.com"}}, oidc.ErrAnswer},
		"both name themselves":      {s, oidc.Answer{Code: "c", Iss: []string{s.URL, "https://evil.example.com"}}, oidc.ErrAnswer},
		"nobody":                    {s, oidc.Answer{Code: "c", Iss: []string{""}}, oidc.ErrAnswer},
		"announced, and is named":   {announced, oidc.Answer{Code: "c", Iss: []string{announced.URL}}, nil},
		"announced, and is not":     {announced, oidc.Answer{Code: "c"}, oidc.ErrAnswer},
		"announced, with an error":  {announced, oidc.Answer{Error: "access_denied"}, oidc.ErrAnswer},
		"he said no":                {s, oidc.Answer{Error: "access_denied"}, oidc.ErrRefused},
		"an error and a code":       {s, oidc.Answer{Error: "access_denied", Code: "c"}, oidc.ErrRefused},
		"neither code nor an error": {s, oidc.Answer{}, oidc.ErrAnswer},
	} {
		if _, err := tt.at.client().Finish(t.Context(), tt.answer, nonce, verifier); !errors.Is(err, tt.err) {
			t.Errorf("%s: err = %v, want %v", name, err, tt.err)
		}
	}
}

// TestExchange is what a server may answer to a code.
func TestExchange(t *testing.T) {
	s := newIDP(t)
	c := s.client()
	for name, tt := range map[string]struct {
		status int
		body   map[string]any
		err    error
	}{
		"a code that was used":  {400, map[string]any{"error": "invalid_grant"}, oidc.ErrAnswer},
		"we are not known":      {401, map[string]any{"error": "invalid_client"}, oidc.ErrUnavailable},
		"down":                  {502, map[string]any{}, oidc.ErrUnavailable},
		"without an id_token":   {200, map[string]any{"access_token": "at", "token_type": "Bearer"}, oidc.ErrAnswer},
		"id_token is no text":   {200, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": 1}, oidc.ErrAnswer},
		"without access_token":  {200, map[string]any{"id_token": s.Sign("k1", s.claims())}, oidc.ErrUnavailable},
		"an answer too long":    {200, map[string]any{"access_token": strings.Repeat("x", 2<<20)}, oidc.ErrUnavailable},
		"a redirect to nowhere": {302, map[string]any{}, oidc.ErrUnavailable},
	} {
		s.mu.Lock()
		s.status, s.token = tt.status, tt.body
		s.mu.Unlock()
		if _, err := c.Finish(t.Context(), oidc.Answer{Code: "c"}, nonce, verifier); !errors.Is(err, tt.err) {
			t.Errorf("%s: err = %v, want %v", name, err, tt.err)
		}
	}
}

// What a token does not say is asked for, of the same person.
func TestUserInfo(t *testing.T) {
	s := newIDP(t)
	for name, tt := range map[string]struct {
		token, info map[string]any
		verified    bool
		email       string
		err         error
	}{
		"all in the token":           {nil, map[string]any{"sub": "u1", "email": "other@example.com"}, true, "una@example.com", nil},
		"the address elsewhere":      {map[string]any{"email": nil, "email_verified": nil}, map[string]any{"sub": "u1", "email": "una@example.com", "email_verified": true}, true, "una@example.com", nil},
		"not verified there":         {map[string]any{"email": nil, "email_verified": nil}, map[string]any{"sub": "u1", "email": "una@example.com", "email_verified": false}, false, "una@example.com", nil},
		"verified, another address":  {map[string]any{"email": nil}, map[string]any{"sub": "u1", "email": "boss@example.com", "email_verified": false}, false, "boss@example.com", nil},
		"verified, no word of it":    {map[string]any{"email": nil}, map[string]any{"sub": "u1", "email": "boss@example.com"}, false, "boss@example.com", nil},
		"of somebody else":           {map[string]any{"email": nil}, map[string]any{"sub": "u2", "email": "boss@example.com", "email_verified": true}, false, "", oidc.ErrAnswer},
		"as text":                    {map[string]any{"email_verified": "true"}, nil, true, "una@example.com", nil},
		"as another text":            {map[string]any{"email_verified": "TRUE "}, nil, false, "una@example.com", nil},
		"as a list":                  {map[string]any{"email_verified": []bool{true}}, nil, false, "una@example.com", nil},
		"false":                      {map[string]any{"email_verified": false}, nil, false, "una@example.com", nil},
		"an address that is no text": {map[string]any{"email": []string{"una@example.com"}}, nil, true, "", nil},
	} {
		c := s.claims()
		maps.Copy(c, tt.token)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
		s.says(s.Sign("k1", c))
		s.mu.Lock()
		s.userinfo = tt.info
		s.mu.Unlock()
		who, err := s.client().Finish(t.Context(), oidc.Answer{Code: "c"}, nonce, verifier)
		if !errors.Is(err, tt.err) || err == nil && (who.Verified != tt.verified || who.Email != tt.email) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

// A server that is not what was named, or sends us where anybody listens, is as
// good as none.
func TestMetadata(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"another issuer":  {"issuer": "https://evil.example.com"},
		"a code in clear": {"token_endpoint": "http://idp.example.com/token"},
		"keys in clear":   {"jwks_uri": "http://idp.example.com/jwks"},
		"no keys":         {"jwks_uri": ""},
		"a script":        {"authorization_endpoint": "javascript:alert(1)"},
	} {
		s := newIDP(t)
		maps.Copy(s.metadata, change)
		if _, err := s.client().Begin(t.Context(), "s", nonce, verifier); !errors.Is(err, oidc.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	good := oidc.Config{Issuer: "https://idp.example.com", ClientID: "c", Redirect: "https://api.example.com/auth/oidc/callback"}
	for name, change := range map[string]func(*oidc.Config){
		"no issuer":         func(c *oidc.Config) { c.Issuer = "" },
		"issuer in clear":   func(c *oidc.Config) { c.Issuer = "http://idp.example.com" },
		"redirect in clear": func(c *oidc.Config) { c.Redirect = "http://api.example.com/auth/oidc/callback" },
		"no client":         func(c *oidc.Config) { c.ClientID = "" },
		"HS256":             func(c *oidc.Config) { c.Algorithm = "HS256" },
		"none":              func(c *oidc.Config) { c.Algorithm = "none" },
	} {
		cfg := good
		change(&cfg)
		if _, err := oidc.New(cfg); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := oidc.New(good); err != nil {
		t.Error(err)
	}
}

func TestMapping(t *testing.T) {
	summit, other := access.NewOrgID(noon), access.NewOrgID(noon)
	orgs, err := oidc.ParseOrganizations([]string{"CN=Summit=" + summit.String(), "both=" + summit.String(), "both=" + other.String()})
	if err != nil {
		t.Fatal(err)
	}
	roles, err := oidc.ParseRoles([]string{"uw=underwriter", "boss=admin", "boss=underwriter"})
	if err != nil {
		t.Fatal(err)
	}
	all := oidc.Mapping{OrganizationClaim: "o", Organizations: orgs, RoleClaim: "r", Roles: roles}
	for name, tt := range map[string]struct {
		m    oidc.Mapping
		o, r []string
		role string
		err  error
	}{
		"nothing is asked for":      {oidc.Mapping{}, nil, nil, "admin", nil},
		"both":                      {all, []string{"CN=Summit"}, []string{"uw"}, "underwriter", nil},
		"one of two":                {all, []string{"unheard of", "both"}, []string{"x", "boss"}, "admin", nil},
		"our own names":             {all, []string{summit.String()}, []string{"broker"}, "broker", nil},
		"another organisation":      {all, []string{other.String()}, []string{"uw"}, "underwriter", oidc.ErrOrganization},
		"no organisation":           {all, nil, []string{"uw"}, "underwriter", oidc.ErrOrganization},
		"unknown organisation":      {all, []string{"evil"}, []string{"uw"}, "underwriter", oidc.ErrOrganization},
		"a role that he has not":    {all, []string{"both"}, []string{"uw"}, "admin", oidc.ErrRole},
		"no role":                   {all, []string{"both"}, nil, "admin", oidc.ErrRole},
		"a role that is not":        {all, []string{"both"}, []string{"superadmin"}, "admin", oidc.ErrRole},
		"the name means another":    {oidc.Mapping{RoleClaim: "r", Roles: map[string][]string{"admin": {"broker"}}}, nil, []string{"admin"}, "admin", oidc.ErrRole},
		"the organisation is spelt": {all, []string{"cn=summit"}, []string{"uw"}, "underwriter", oidc.ErrOrganization},
	} {
		if err := tt.m.Allows(oidc.Who{Organizations: tt.o, Roles: tt.r}, summit, tt.role); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, tt.err)
		}
	}
	if _, err := oidc.ParseRoles([]string{"a=superadmin", "b", "=admin"}); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("bad roles: %v", err)
	}
	if _, err := oidc.ParseOrganizations([]string{"a=summit", "b"}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("bad organisations: %v", err)
	}
	if fault.KindOf(oidc.ErrRole) != fault.Forbidden {
		t.Error("a role that is not granted is no refusal")
	}
}
