package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/internal/jwks/jwkstest"
)

const docsTag = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"

func TestDocsSettings(t *testing.T) {
	for name, tt := range map[string]struct {
		settings    doorSettings
		environment string
		want        api.DocsAccess
		err         []string // what it says
	}{
		"development":          {doorSettings{}, "development", api.DocsOpen, nil},
		"sandbox":              {doorSettings{}, "sandbox", api.DocsClosed, nil},
		"production":           {doorSettings{}, "production", api.DocsClosed, nil},
		"production, opened":   {doorSettings{DocsAccess: "open"}, "production", api.DocsOpen, nil},
		"cloudflare":           {doorSettings{DocsAccess: "cloudflare", CFTeamDomain: "acme.cloudflareaccess.com", CFAudience: docsTag}, "development", api.DocsCloudflare, nil},
		"cloudflare alone":     {doorSettings{DocsAccess: "cloudflare"}, "development", "", []string{"CF_ACCESS_TEAM_DOMAIN", "CF_ACCESS_AUD"}},
		"cloudflare, a page":   {doorSettings{DocsAccess: "cloudflare", CFTeamDomain: "https://acme.cloudflareaccess.com/x", CFAudience: docsTag}, "production", "", []string{"CF_ACCESS_TEAM_DOMAIN"}},
		"cloudflare, no https": {doorSettings{DocsAccess: "cloudflare", CFTeamDomain: "http://acme.cloudflareaccess.com", CFAudience: docsTag}, "production", "", []string{"CF_ACCESS_TEAM_DOMAIN"}},
	} {
		d, err := tt.settings.openDoor(tt.environment, "https://api.example.com")
		if err == nil && d.docs != tt.want || (err != nil) != (tt.err != nil) || (d.assertions != nil) != (err == nil && tt.want == api.DocsCloudflare) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		for _, part := range tt.err {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v says nothing of %s", name, err, part)
			}
		}
	}
}

// A server behind Cloudflare Access shows its docs to those whom that let
// through, and takes requests of programs as ever.
func TestDocsBehindCloudflareAccess(t *testing.T) {
	keys := jwkstest.New(t)
	r := start(t, "serve", dataDir(t), "DOCS_ACCESS=cloudflare", "CF_ACCESS_TEAM_DOMAIN="+keys.URL, "CF_ACCESS_AUD="+docsTag)
	now := time.Now()
	claims := map[string]any{"aud": []string{docsTag}, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(), "iss": keys.URL, "type": "app", "sub": "x"}
	get := func(assertion string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/docs", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if assertion != "" {
			req.Header.Set("Cf-Access-Jwt-Assertion", assertion)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	keys.Add("k2") // as in the middle of a rotation
	for name, tt := range map[string]struct {
		assertion string
		want      int
	}{
		"none": {"", 403}, "good": {keys.Sign("k1", claims), 200}, "of the next key": {keys.Sign("k2", claims), 200}, "forged": {keys.Forgeries(claims)["a thief's, as k1"], 403},
	} {
		if got := get(tt.assertion); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
	r.must(200, "GET", "/v1/me", "")
	r.stop()
}
