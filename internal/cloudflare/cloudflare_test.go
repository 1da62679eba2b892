package cloudflare_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/cloudflare"
	"github.com/openinsure/openinsure/internal/jwks/jwkstest"
)

const (
	audience = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"
	person   = "ca639bb9-26ab-42e5-b9bf-3aea27b331fd"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func gate(t *testing.T, s *jwkstest.Server) *cloudflare.Gate {
	t.Helper()
	g, err := cloudflare.New(s.URL, audience, cloudflare.Config{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// claims are what Cloudflare says of a person.
func claims(s *jwkstest.Server) map[string]any {
	return map[string]any{
		"aud": []string{audience}, "email": "una@example.com", "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix(), "nbf": noon.Unix(),
		"iss": s.URL, "type": "app", "identity_nonce": "6ei69kawdKzMIAPF", "sub": person, "country": "US",
	}
}

func TestAssertion(t *testing.T) {
	s := jwkstest.New(t)
	g := gate(t, s)
	for name, tt := range map[string]struct {
		change map[string]any // nil takes a claim away
		err    error
	}{
		"as it is":            {nil, nil},
		"a service token":     {map[string]any{"sub": "", "common_name": "abc.access", "email": nil}, nil},
		"of two applications": {map[string]any{"aud": []string{"another", audience}}, nil},
		"one audience":        {map[string]any{"aud": audience}, nil},
		"clocks apart":        {map[string]any{"exp": noon.Unix() - 20, "nbf": noon.Unix() + 20, "iat": noon.Unix() + 20}, nil},
		"expired":             {map[string]any{"exp": noon.Unix() - 40}, cloudflare.ErrAssertion},
		"without an end":      {map[string]any{"exp": nil}, cloudflare.ErrAssertion},
		"an end that is text": {map[string]any{"exp": "never"}, cloudflare.ErrAssertion},
		"not yet":             {map[string]any{"nbf": noon.Unix() + 40}, cloudflare.ErrAssertion},
		"without a start":     {map[string]any{"nbf": nil}, cloudflare.ErrAssertion},
		"of tomorrow":         {map[string]any{"iat": noon.Unix() + 40}, cloudflare.ErrAssertion},
		"without its time":    {map[string]any{"iat": nil}, cloudflare.ErrAssertion},
		"another team's":      {map[string]any{"iss": "https://thief.cloudflareaccess.com"}, cloudflare.ErrAssertion},
		"longer issuer":       {map[string]any{"iss": s.URL + "/"}, cloudflare.ErrAssertion},
		"of nobody":           {map[string]any{"iss": nil}, cloudflare.ErrAssertion},
		"of another app":      {map[string]any{"aud": []string{"0000000000000000000000000000000000000000000000000000000000000000"}}, cloudflare.ErrAssertion},
		"of no app":           {map[string]any{"aud": nil}, cloudflare.ErrAssertion},
		"of an empty list":    {map[string]any{"aud": []string{}}, cloudflare.ErrAssertion},
		"a part of the tag":   {map[string]any{"aud": []string{audience[:32]}}, cloudflare.ErrAssertion},
		"the team's session":  {map[string]any{"type": "org"}, cloudflare.ErrAssertion},
	} {
		c := claims(s)
		maps.Copy(c, tt.change)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
		pass, err := g.Verify(t.Context(), s.Sign("k1", c))
		if !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: err = %v, want %v", name, err, tt.err)
		}
		if err == nil && pass.Subject != c["sub"] {
			t.Errorf("%s: %+v", name, pass)
		}
	}
}

func TestForgedAssertions(t *testing.T) {
	s := jwkstest.New(t)
	g := gate(t, s)
	for name, token := range s.Forgeries(claims(s)) {
		if _, err := g.Verify(t.Context(), token); !errors.Is(err, cloudflare.ErrAssertion) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	if _, err := g.Verify(t.Context(), ""); !errors.Is(err, cloudflare.ErrAssertion) {
		t.Errorf("none: err = %v", err)
	}
	s.Down(true)
	if _, err := gate(t, s).Verify(t.Context(), s.Sign("k1", claims(s))); !errors.Is(err, cloudflare.ErrUnavailable) {
		t.Errorf("without the keys: err = %v", err)
	}
}

func TestNamesOfTeams(t *testing.T) {
	for _, good := range []string{"acme.cloudflareaccess.com", "https://acme.cloudflareaccess.com", "https://acme.cloudflareaccess.com/"} {
		if _, err := cloudflare.New(good, audience, cloudflare.Config{}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "https://", "http://acme.cloudflareaccess.com", "ftp://127.0.0.1", "https://u:p@acme.cloudflareaccess.com", "acme.cloudflareaccess.com/x", "https://a.example?x=y"} {
		if _, err := cloudflare.New(bad, audience, cloudflare.Config{}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, bad := range []string{"", "short", audience + "," + audience, audience + " "} {
		if _, err := cloudflare.New("acme.cloudflareaccess.com", bad, cloudflare.Config{}); err == nil {
			t.Errorf("audience %q was taken", bad)
		}
	}
}
