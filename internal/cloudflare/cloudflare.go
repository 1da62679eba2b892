// Package cloudflare says whom Cloudflare Access has let through: it verifies
// the assertion that Cloudflare adds to every request that passed it.
package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/jwks"
)

// Header is where Cloudflare puts its assertion.
const Header = "Cf-Access-Jwt-Assertion"

// leeway is how far two machines' clocks may be apart.
const leeway = 30 * time.Second

// Faults of an assertion. ErrUnavailable is not the caller's: Cloudflare's keys
// cannot be had, so nobody is let in.
var (
	ErrAssertion   = fault.New(fault.Forbidden, "cloudflare_access_required", "This page is opened through Cloudflare Access, and this request did not pass it.")
	ErrUnavailable = fault.New(fault.Unavailable, "cloudflare_unavailable", "Whom Cloudflare Access let through cannot be verified right now.").With("part", "cloudflare").Retry(5 * time.Second)
)

// Config adjusts a Gate; the zero value works.
type Config struct {
	Keys jwks.Config
	Now  func() time.Time // default time.Now
}

// A Gate knows the assertions of one application of one team.
type Gate struct {
	issuer, audience string
	keys             *jwks.Set
	now              func() time.Time
}

// A Pass is whom Cloudflare let through. A person has an id there; a service
// token has none.
type Pass struct{ Subject string }

// New returns the gate of a team, such as acme.cloudflareaccess.com, and the
// audience tag of one of its applications.
func New(team, audience string, cfg Config) (*Gate, error) {
	if !strings.Contains(team, "://") {
		team = "https://" + team
	}
	u, err := url.Parse(strings.TrimSuffix(team, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !loopback(u) {
		return nil, errors.New("the team's domain is not of the form name.cloudflareaccess.com")
	}
	if len(audience) < 16 || len(audience) > 200 || strings.ContainsAny(audience, " ,\t\n") {
		return nil, errors.New("the audience is not the tag of an application: 64 hexadecimal digits")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Keys.Now == nil {
		cfg.Keys.Now = cfg.Now
	}
	return &Gate{
		issuer: u.String(), audience: audience, now: cfg.Now,
		keys: jwks.New(u.String()+"/cdn-cgi/access/certs", []jose.SignatureAlgorithm{jose.RS256}, cfg.Keys),
	}, nil
}

// loopback reports whether an address leads to this machine, as in tests.
func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && ip != nil && ip.IsLoopback()
}

// claims are what an assertion says that the standard ones do not.
type claims struct {
	jwt.Claims
	Type string `json:"type"` // app, or org for a session that is of no application
}

// Verify returns whom an assertion lets through; ErrAssertion, whatever is wrong
// with it, and ErrUnavailable when nobody can tell.
func (g *Gate) Verify(ctx context.Context, assertion string) (Pass, error) {
	if assertion == "" {
		return Pass{}, ErrAssertion.Because(errors.New("there is none"))
	}
	payload, err := g.keys.VerifySignature(ctx, assertion)
	if errors.Is(err, jwks.ErrUnavailable) {
		return Pass{}, ErrUnavailable.Because(err)
	}
	if err != nil {
		return Pass{}, ErrAssertion.Because(err)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return Pass{}, ErrAssertion.Because(fmt.Errorf("read the claims: %w", err))
	}
	if c.Expiry == nil || c.NotBefore == nil || c.IssuedAt == nil {
		return Pass{}, ErrAssertion.Because(errors.New("exp, nbf or iat is missing"))
	}
	if c.Type != "" && c.Type != "app" {
		return Pass{}, ErrAssertion.Because(errors.New("it is of no application"))
	}
	if err := c.ValidateWithLeeway(jwt.Expected{Issuer: g.issuer, AnyAudience: jwt.Audience{g.audience}, Time: g.now()}, leeway); err != nil {
		return Pass{}, ErrAssertion.Because(err)
	}
	return Pass{Subject: c.Subject}, nil
}
