// Package oidc has users signed in by an OpenID Connect server: the
// authorization code flow with PKCE, and nothing else of it.
package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/jwks"
)

// Faults of signing in. ErrUnavailable is ours or the server's; ErrAnswer is
// whatever is wrong with what the server is said to have answered.
var (
	ErrUnavailable = fault.New(fault.Unavailable, "auth_unavailable", "The sign-in server cannot answer right now.").With("part", "auth").Retry(5 * time.Second)
	ErrRefused     = fault.New(fault.Forbidden, "sign_in_refused", "The sign-in server did not sign you in.")
	ErrAnswer      = fault.New(fault.Unauthenticated, "sign_in_invalid", "The answer of the sign-in server is not valid: begin again.")
	ErrUnverified  = fault.New(fault.Forbidden, "email_unverified", "The sign-in server has not verified your e-mail address.")
)

// Limits of the server's answers.
const (
	mostAnswer  = 1 << 20 // bytes
	mostSubject = 255
	mostValues  = 500 // of a claim
	metaAge     = time.Hour
	leeway      = 30 * time.Second // that two machines' clocks may be apart
	metaPause   = 2 * time.Second  // between two questions for metadata while it does not come
)

// Algorithms are those that a token may be signed with. A server uses one of
// them, which the operator names.
var Algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Config says which server, and what we are there.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string   // empty: a public client
	Redirect     string   // exactly as it is registered
	Scopes       []string // besides openid and email
	Algorithm    string   // of its tokens; default RS256
	Verified     string   // the claim that says whether the address is his; default email_verified
	Mapping      Mapping

	Client *http.Client     // default waits 5 s and follows no redirects
	Now    func() time.Time // default time.Now
	Keys   jwks.Config
}

// A Server signs users in.
type Server struct {
	cfg Config

	mu    sync.Mutex // guards the rest; held while the server is asked for its metadata
	meta  *metadata
	asked time.Time
}

// metadata is what the server says of itself.
type metadata struct {
	provider *upstream.Provider
	oauth    oauth2.Config
	keys     *jwks.Set
	verifier *upstream.IDTokenVerifier
	jwksURL  string
	issParam bool // it names itself beside the code
	at       time.Time
}

// A Who is whom the server signed in.
type Who struct {
	Provider      string
	Subject       string
	Email         string
	Verified      bool
	Organizations []string // values of the claims that the mapping names
	Roles         []string
}

// New returns a server by its issuer. It is asked when somebody signs in, not
// before.
func New(cfg Config) (*Server, error) {
	var errs []error
	if err := checkURL(cfg.Issuer); err != nil {
		errs = append(errs, fmt.Errorf("OIDC_ISSUER %w", err))
	}
	if err := checkURL(cfg.Redirect); err != nil {
		errs = append(errs, fmt.Errorf("OIDC_REDIRECT %w", err))
	}
	if cfg.ClientID == "" {
		errs = append(errs, errors.New("OIDC_CLIENT_ID is missing"))
	}
	if cfg.Algorithm == "" {
		cfg.Algorithm = "RS256"
	}
	if !slices.Contains(Algorithms, cfg.Algorithm) {
		errs = append(errs, fmt.Errorf("OIDC_ALG is none of %s", strings.Join(Algorithms, ", ")))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.Verified == "" {
		cfg.Verified = "email_verified"
	}
	if cfg.Client == nil {
		cfg.Client = jwks.NewClient(5 * time.Second)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	bounded := *cfg.Client
	bounded.Transport = boundedTransport{bounded.Transport}
	cfg.Client = &bounded
	if cfg.Keys.Now == nil {
		cfg.Keys.Now = cfg.Now
	}
	cfg.Keys.Client = cfg.Client
	return &Server{cfg: cfg}, nil
}

// checkURL accepts https, and http to this machine.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("is not of the form https://host[/path]")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return errors.New("must be https: without it anybody on the way could sign in as anybody")
	}
	return nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// boundedTransport ends answers that are longer than any should be.
type boundedTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	res, err := next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, mostAnswer)
	}
	return res, err
}

// Close ends the connections to the server.
func (s *Server) Close() { s.cfg.Client.CloseIdleConnections() }

// Begin returns where to send a browser.
func (s *Server) Begin(ctx context.Context, state, nonce, verifier string) (string, error) {
	m, err := s.metadata(ctx)
	if err != nil {
		return "", err
	}
	return m.oauth.AuthCodeURL(state, upstream.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// An Answer is what a browser brought back from the server.
type Answer struct {
	Code  string
	Iss   []string // as often as it came
	Error string   // in place of a code
}

// Finish exchanges the code of an answer for who it is of, whose token must hold
// the nonce.
func (s *Server) Finish(ctx context.Context, a Answer, nonce, verifier string) (Who, error) {
	m, err := s.metadata(ctx)
	if err != nil {
		return Who{}, err
	}
	// The answer of another server, which knows neither secret nor verifier, must
	// not make us hand it our code (RFC 9207).
	if len(a.Iss) > 1 || len(a.Iss) == 1 && a.Iss[0] != s.cfg.Issuer || len(a.Iss) == 0 && m.issParam {
		return Who{}, ErrAnswer.Because(errors.New("iss is not the server's"))
	}
	if a.Error != "" {
		return Who{}, ErrRefused.Because(errors.New("the server answered with an error")) // its words are anybody's
	}
	if a.Code == "" {
		return Who{}, ErrAnswer.Because(errors.New("there is no code"))
	}
	tok, err := m.oauth.Exchange(s.with(ctx), a.Code, oauth2.VerifierOption(verifier))
	if err != nil {
		return Who{}, exchangeFault(err)
	}
	raw, _ := tok.Extra("id_token").(string)
	if raw == "" {
		return Who{}, ErrAnswer.Because(errors.New("there is no id_token"))
	}
	claims, id, err := s.verify(ctx, m, raw, nonce, tok.AccessToken)
	if err != nil {
		return Who{}, err
	}
	if err := s.complete(ctx, m, claims, id.Subject, tok); err != nil {
		return Who{}, err
	}
	return s.who(id.Subject, claims), nil
}

// with has the library use our client.
func (s *Server) with(ctx context.Context) context.Context {
	return upstream.ClientContext(ctx, s.cfg.Client)
}

// exchangeFault says whose fault it is that a code was not taken.
func exchangeFault(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		return ErrAnswer.Because(errors.New("the server does not take the code"))
	}
	return ErrUnavailable.Because(fmt.Errorf("exchange the code: %w", err))
}

// verify reads the token of the server, which must be signed by it, with the
// algorithm that was named, for us, now, and for this attempt.
func (s *Server) verify(ctx context.Context, m *metadata, raw, nonce, accessToken string) (map[string]any, *upstream.IDToken, error) {
	payload, err := m.keys.VerifySignature(ctx, raw)
	if errors.Is(err, jwks.ErrUnavailable) {
		return nil, nil, ErrUnavailable.Because(err)
	}
	if err != nil {
		return nil, nil, ErrAnswer.Because(err)
	}
	id, err := m.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, ErrAnswer.Because(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, nil, ErrAnswer.Because(err)
	}
	azp, named := claims["azp"]
	switch {
	case nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		err = errors.New("the nonce is another")
	case named && azp != s.cfg.ClientID, !named && len(id.Audience) > 1:
		err = errors.New("it was issued to another client")
	case id.IssuedAt.IsZero() || id.IssuedAt.After(s.cfg.Now().Add(leeway)):
		err = errors.New("it is of no time, or of a later one")
	case id.Subject == "" || len(id.Subject) > mostSubject:
		err = errors.New("it is of nobody")
	case id.AccessTokenHash != "":
		err = id.VerifyAccessToken(accessToken)
	}
	if err != nil {
		return nil, nil, ErrAnswer.Because(err)
	}
	return claims, id, nil
}

// complete asks the server for claims that its token lacks.
func (s *Server) complete(ctx context.Context, m *metadata, claims map[string]any, subject string, tok *oauth2.Token) error {
	lacking := []string{}
	for _, name := range []string{"email", s.cfg.Verified, s.cfg.Mapping.OrganizationClaim, s.cfg.Mapping.RoleClaim} {
		if _, there := claims[name]; name != "" && !there {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) == 0 || m.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := m.provider.UserInfo(s.with(ctx), oauth2.StaticTokenSource(tok))
	if err != nil {
		return ErrUnavailable.Because(fmt.Errorf("ask who it is: %w", err))
	}
	if info.Subject != subject {
		return ErrAnswer.Because(errors.New("the server says that it is somebody else"))
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return ErrAnswer.Because(err)
	}
	// An address and whether it is his come from one place.
	if slices.Contains(lacking, "email") {
		delete(claims, s.cfg.Verified)
		lacking = append(lacking, s.cfg.Verified)
	}
	for _, name := range lacking {
		if v, there := more[name]; there {
			claims[name] = v
		}
	}
	return nil
}

func (s *Server) who(subject string, claims map[string]any) Who {
	w := Who{Provider: "oidc " + s.cfg.Issuer, Subject: subject}
	if email, ok := claims["email"].(string); ok && len(email) <= 320 {
		w.Email = email
	}
	switch v := claims[s.cfg.Verified].(type) { // servers write it in three ways
	case bool:
		w.Verified = v
	case string:
		w.Verified = v == "true" || v == "1"
	case float64:
		w.Verified = v == 1
	}
	w.Organizations = values(claims[s.cfg.Mapping.OrganizationClaim])
	w.Roles = values(claims[s.cfg.Mapping.RoleClaim])
	return w
}

// values are those of a claim that is a text or a list of them.
func values(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, one := range v {
			if text, ok := one.(string); ok && len(out) < mostValues {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// Allows returns nil when the mapping lets somebody be a user here.
func (s *Server) Allows(w Who, org access.OrgID, role string) error {
	return s.cfg.Mapping.Allows(w, org, role)
}

// metadata returns what the server says of itself, as of the last hour; of older
// times when it does not answer.
func (s *Server) metadata(ctx context.Context) (*metadata, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.meta != nil && now.Sub(s.meta.at) < metaAge {
		return s.meta, nil
	}
	if !s.asked.IsZero() && now.Sub(s.asked) < metaPause {
		return s.older()
	}
	m, err := s.discover(context.WithoutCancel(ctx))
	if s.asked = s.cfg.Now(); err != nil {
		if s.meta != nil {
			return s.meta, nil
		}
		return nil, ErrUnavailable.Because(err)
	}
	if s.meta != nil && s.meta.jwksURL == m.jwksURL {
		m.keys, m.verifier = s.meta.keys, s.meta.verifier // they are cached
	}
	m.at, s.meta, s.asked = s.cfg.Now(), m, time.Time{}
	return m, nil
}

func (s *Server) older() (*metadata, error) {
	if s.meta == nil {
		return nil, ErrUnavailable.Because(errors.New("the server has just not answered"))
	}
	return s.meta, nil
}

func (s *Server) discover(ctx context.Context) (*metadata, error) {
	ctx = s.with(ctx)
	provider, err := upstream.NewProvider(ctx, s.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the sign-in server about itself: %w", err)
	}
	var said struct {
		Keys     string   `json:"jwks_uri"`
		IssParam bool     `json:"authorization_response_iss_parameter_supported"`
		Auth     []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, fmt.Errorf("read what the sign-in server says of itself: %w", err)
	}
	endpoint := provider.Endpoint()
	for name, address := range map[string]string{"authorization_endpoint": endpoint.AuthURL, "token_endpoint": endpoint.TokenURL, "jwks_uri": said.Keys} {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
			return nil, fmt.Errorf("the sign-in server names a %s that is not https", name)
		}
	}
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if s.cfg.ClientSecret == "" || len(said.Auth) > 0 && !slices.Contains(said.Auth, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	m := &metadata{
		provider: provider, jwksURL: said.Keys, issParam: said.IssParam,
		oauth: oauth2.Config{
			ClientID: s.cfg.ClientID, ClientSecret: s.cfg.ClientSecret, Endpoint: endpoint, RedirectURL: s.cfg.Redirect,
			Scopes: append([]string{upstream.ScopeOpenID, "email"}, s.cfg.Scopes...),
		},
		keys: jwks.New(said.Keys, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(s.cfg.Algorithm)}, s.cfg.Keys),
	}
	m.verifier = upstream.NewVerifier(s.cfg.Issuer, m.keys, &upstream.Config{
		ClientID: s.cfg.ClientID, SupportedSigningAlgs: []string{s.cfg.Algorithm}, Now: s.cfg.Now,
	})
	return m, nil
}
