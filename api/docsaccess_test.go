package api

import (
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/cloudflare"
	"github.com/openinsure/openinsure/internal/jwks/jwkstest"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// docsPaths are all that the docs consist of.
var docsPaths = []string{"/docs", "/docs/scalar.js", "/openapi.json"}

const browser = "text/html,application/xhtml+xml,*/*;q=0.8" // what browsers accept who open a page

const cloudflareTag = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"

// A gated is a server whose docs stand behind something.
type gated struct {
	t       *testing.T
	api     *API
	refused refusedRows
	log     logBuffer
}

func newGated(t *testing.T, p Platform) *gated {
	t.Helper()
	g := &gated{t: t}
	p.Now = time.Now
	g.api = New(Deps{Refusals: &g.refused}, Config{Logger: slog.New(slog.NewTextHandler(&g.log, nil))})
	g.api.registerDocsGate(p)
	return g
}

// get asks for a path; the request is over when it returns.
func (g *gated) get(method, path, accept string, header ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequestWithContext(g.t.Context(), method, path, http.NoBody)
	r.Header.Set("Accept", accept)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.api.Handler().ServeHTTP(w, r)
	return w
}

// rows are what was refused since the last time.
func (g *gated) rows() []audit.Row {
	g.refused.mu.Lock()
	defer g.refused.mu.Unlock()
	rows := g.refused.rows
	g.refused.rows = nil
	return rows
}

// platformLog is the log of what is of no organisation, the newest first.
func platformLog(t *testing.T, db *store.DB) []audit.Row {
	t.Helper()
	rows, err := db.As(access.Actor{}).Audit(t.Context(), store.AuditFilter{}, store.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestDocsAreClosedUnlessSaidOtherwise(t *testing.T) {
	g := newGated(t, Platform{})
	for _, path := range docsPaths {
		for _, method := range []string{"GET", "HEAD"} {
			if w := g.get(method, path, "*/*"); w.Code != 503 || method == "GET" && !strings.Contains(w.Body.String(), `"docs_not_configured"`) {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
	w := g.get("GET", "/docs", browser)
	if w.Code != 503 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(w.Body.String(), "set DOCS_ACCESS") ||
		w.Header().Get("Content-Security-Policy") != refusalPolicy || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a person: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := newGated(t, Platform{Docs: DocsOpen}).get("GET", "/docs", browser); w.Code != 200 {
		t.Errorf("open: %d", w.Code)
	}
}

func TestDocsBehindCloudflare(t *testing.T) {
	db := storetest.New(t)
	keys := jwkstest.New(t)
	gate, err := cloudflare.New(keys.URL, cloudflareTag, cloudflare.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g := newGated(t, Platform{DB: db, Docs: DocsCloudflare, Assertions: gate})
	now := time.Now()
	claims := map[string]any{
		"aud": []string{cloudflareTag}, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(), "iss": keys.URL, "type": "app",
		"email": "una@example.com", "sub": "ca639bb9-26ab-42e5-b9bf-3aea27b331fd",
	}
	good := keys.Sign("k1", claims)
	for _, path := range docsPaths {
		w := g.get("GET", path, "*/*", cloudflare.Header, good)
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "private") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if w := g.get("GET", path, "*/*"); w.Code != 403 || !strings.Contains(w.Body.String(), `"cloudflare_access_required"`) {
			t.Errorf("%s without an assertion: %d %s", path, w.Code, w.Body)
		}
	}
	if w := g.get("GET", "/docs", browser); w.Code != 403 || !strings.Contains(w.Body.String(), "did not pass it") || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("a person without an assertion: %d %s", w.Code, w.Body)
	}
	for _, row := range g.rows() {
		if row.Action != audit.SignIn || row.Outcome != audit.Refused || row.Reason != "cloudflare_access_required" {
			t.Errorf("kept: %+v", row)
		}
	}
	other := maps.Clone(claims)
	other["aud"] = "another application's"
	bad := keys.Forgeries(claims)
	bad["of another application"] = keys.Sign("k1", other)
	for name, token := range bad {
		if w := g.get("GET", "/openapi.json", "*/*", cloudflare.Header, token); w.Code != 403 {
			t.Errorf("%s: %d", name, w.Code)
		}
		if rows := g.rows(); len(rows) != 1 || rows[0].Outcome != audit.Refused {
			t.Errorf("%s: kept %+v", name, rows)
		}
	}
	if w := g.get("GET", "/docs", "*/*", cloudflare.Header, good, cloudflare.Header, keys.Sign("k1", other)); w.Code != 403 {
		t.Errorf("two assertions: %d", w.Code)
	}
	for _, where := range []string{"Cookie", "Authorization"} {
		if w := g.get("GET", "/docs", "*/*", where, "CF_Authorization="+good); w.Code != 403 {
			t.Errorf("in %s: %d", where, w.Code)
		}
	}
	// Another way of writing a path leads nowhere.
	for _, path := range []string{"/docs/", "/docs/index.html", "//docs", "/docs/%2e%2e/openapi.json", "/docs/../openapi.json", "/DOCS", "/openapi.yaml"} {
		if w := g.get("GET", path, browser); w.Code < 400 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	// One row for a person's session over there, however much he reads.
	granted := platformLog(t, db)
	if len(granted) != 1 || granted[0].Action != audit.SignIn || granted[0].Outcome != audit.Granted || granted[0].Details["subject"] != claims["sub"] || granted[0].Details["by"] != "cloudflare" {
		t.Errorf("granted: %+v", granted)
	}
	if strings.Contains(g.log.String(), good) || strings.Contains(g.log.String(), "una@example.com") {
		t.Error("the log has an assertion")
	}
	gate2, err := cloudflare.New(keys.URL, cloudflareTag, cloudflare.Config{})
	if err != nil {
		t.Fatal(err)
	}
	keys.Down(true)
	away := newGated(t, Platform{DB: db, Docs: DocsCloudflare, Assertions: gate2})
	w := away.get("GET", "/docs", browser, cloudflare.Header, good)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), keys.URL) {
		t.Errorf("without the keys: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if rows := away.rows(); len(rows) != 1 || rows[0].Outcome != audit.Failed || rows[0].Reason != "cloudflare_unavailable" {
		t.Errorf("without the keys: kept %+v", rows)
	}
}
