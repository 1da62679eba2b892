package api

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const listedSite = "https://app.example.com"

func TestPagesOfListedSitesMayCall(t *testing.T) {
	f := newFixture(t, Config{Origins: []string{listedSite}})
	tests := []struct{ name, origin, allowed string }{
		{"listed", listedSite, listedSite},
		{"listed, in capitals", "https://APP.example.com", "https://APP.example.com"},
		{"another site", "https://evil.example", ""},
		{"another scheme", "http://app.example.com", ""},
		{"another port", "https://app.example.com:8443", ""},
		{"a name that ends alike", "https://evil-app.example.com", ""},
		{"a name that begins alike", "https://app.example.com.evil.example", ""},
		{"a sandboxed page", "null", ""},
		{"no page", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for what, r := range map[string]reply{
				"answer":   f.send(t, "GET", "/v1/toys", "", "Origin: "+tt.origin),
				"refusal":  f.send(t, "GET", "/v1/toys", "", "Origin: "+tt.origin, "Authorization: Bearer guess"),
				"no route": f.send(t, "GET", "/v1/nowhere", "", "Origin: "+tt.origin),
				"document": f.send(t, "GET", "/openapi.json", "", "Origin: "+tt.origin),
			} {
				if got := r.header.Get("Access-Control-Allow-Origin"); got != tt.allowed {
					t.Errorf("%s: allows %q, want %q", what, got, tt.allowed)
				}
				if got := r.header.Get("Access-Control-Allow-Credentials"); got != "" {
					t.Errorf("%s: allows credentials: %q", what, got)
				}
				if !slices.Contains(r.header.Values("Vary"), "Origin") {
					t.Errorf("%s: varies by %v, want Origin", what, r.header.Values("Vary"))
				}
				exposed := r.header.Get("Access-Control-Expose-Headers")
				for _, name := range []string{"X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "Retry-After", "ETag", "Location"} {
					if slices.Contains(strings.Split(exposed, ", "), name) != (tt.allowed != "") {
						t.Errorf("%s: exposes %q", what, exposed)
					}
				}
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	f := newFixture(t, Config{Origins: []string{listedSite}})
	ask := func(path, origin string) reply {
		return f.send(t, "OPTIONS", path, "", "Authorization: ", "Origin: "+origin, "Access-Control-Request-Method: POST",
			"Access-Control-Request-Headers: authorization,content-type,idempotency-key")
	}
	r := ask("/v1/toys", listedSite)
	if r.status != 204 || r.body != "" || r.header.Get("Access-Control-Allow-Origin") != listedSite ||
		r.header.Get("Access-Control-Allow-Methods") != "GET, HEAD, POST" || r.header.Get("Access-Control-Max-Age") != "600" {
		t.Errorf("listed: %d %v", r.status, r.header)
	}
	for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-API-Key"} {
		if !slices.Contains(strings.Split(r.header.Get("Access-Control-Allow-Headers"), ", "), name) {
			t.Errorf("may not send %s", name)
		}
	}
	if r := ask("/v1/nowhere", listedSite); r.status != 404 {
		t.Errorf("no route: %d", r.status)
	}
	for _, origin := range []string{"https://evil.example", "null"} {
		r := ask("/v1/toys", origin)
		if r.status != 405 {
			t.Errorf("%s: %d", origin, r.status)
		}
		for name := range r.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s gets %s", origin, name)
			}
		}
	}
	// Asking counts, like any request of nobody in particular.
	before := r.header.Get("X-RateLimit-Remaining")
	if after := ask("/v1/toys", listedSite).header.Get("X-RateLimit-Remaining"); after >= before && len(after) == len(before) {
		t.Errorf("%s left before and %s after", before, after)
	}
}

func TestStrictTransport(t *testing.T) {
	a := New(Deps{}, Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	tests := []struct {
		name, peer string
		tls        bool
		proto      []string
		want       bool
	}{
		{"plain", "192.0.2.1:99", false, nil, false},
		{"our own TLS", "192.0.2.1:99", true, nil, true},
		{"a stranger who says so", "192.0.2.1:99", false, []string{"https"}, false},
		{"a proxy with TLS", "10.0.0.1:99", false, []string{"https"}, true},
		{"a proxy with TLS, in capitals", "10.0.0.1:99", false, []string{"HTTPS"}, true},
		{"a proxy without", "10.0.0.1:99", false, []string{"http"}, false},
		{"a proxy that does not say", "10.0.0.1:99", false, nil, false},
		{"a client before the proxy", "10.0.0.1:99", false, []string{"https, http"}, false},
		{"two lines", "10.0.0.1:99", false, []string{"http", "https"}, true},
		{"nonsense", "10.0.0.1:99", false, []string{","}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/healthz", nil)
			r.RemoteAddr = tt.peer
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for _, p := range tt.proto {
				r.Header.Add("X-Forwarded-Proto", p)
			}
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			if got := w.Header().Get("Strict-Transport-Security"); (got == strictTransport) != tt.want || !tt.want && got != "" {
				t.Errorf("got %q, want it %v", got, tt.want)
			}
		})
	}
}

// Strangers cannot get more by making addresses up.
func TestForwardedForIsNoWayAroundTheLimit(t *testing.T) {
	f := newFixture(t, Config{})
	for i := range addressRate {
		f.send(t, "GET", "/v1/toys", "", "Authorization: Bearer guess", fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i%250))
	}
	if r := f.send(t, "GET", "/v1/toys", "", "Authorization: Bearer guess", "X-Forwarded-For: 203.0.113.1"); r.status != 429 {
		t.Errorf("a new made-up address: %d, want 429", r.status)
	}
	behind := newFixture(t, Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	for i := range addressRate {
		behind.send(t, "GET", "/v1/toys", "", "Authorization: Bearer guess", fmt.Sprintf("X-Forwarded-For: 198.51.100.%d, 203.0.113.1", i%250))
	}
	for from, want := range map[string]int{"198.51.100.1, 203.0.113.1": 429, "203.0.113.2": 401} {
		if r := behind.send(t, "GET", "/v1/toys", "", "Authorization: Bearer guess", "X-Forwarded-For: "+from); r.status != want {
			t.Errorf("behind a proxy, from %s: %d, want %d", from, r.status, want)
		}
	}
}

// No page of ours runs a script that is not a file of ours, and none is framed.
func TestPoliciesOfPages(t *testing.T) {
	a := New(Deps{}, Config{})
	a.registerLogin(Platform{})
	scripted := 0
	for name, policy := range map[string]string{"/docs": docsPolicy, "/login": loginPolicy, "/openapi.json": closedPolicy, "/healthz": closedPolicy, "/nowhere": closedPolicy} {
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequest("GET", name, nil))
		got := w.Header().Get("Content-Security-Policy")
		if got != policy || !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", name, got)
		}
		if script := regexp.MustCompile(`script-src([^;]*)`).FindStringSubmatch(got); script != nil {
			if scripted++; strings.TrimSpace(script[1]) != "'self'" {
				t.Errorf("%s: scripts from%s", name, script[1])
			}
		}
		if w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: tells where it was linked from", name)
		}
	}
	if scripted != 2 {
		t.Errorf("%d pages run scripts, want 2", scripted)
	}
	inline := regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<script(?:\s+(?:defer|async|type="[^"]*"))*\s*>|\son[a-z]+\s*=|javascript:`)
	for _, files := range []fs.FS{docsFiles, loginFiles} {
		err := fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
			if err != nil || path.Ext(name) != ".html" {
				return err
			}
			b, err := fs.ReadFile(files, name)
			if found := inline.Find(b); found != nil {
				t.Errorf("%s has a script inside: %s", name, found)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{`<script>x`, `<script defer>`, `<p onclick="x">`, `<a href="javascript:x">`} {
		if !inline.MatchString(bad) {
			t.Errorf("%s is not found", bad)
		}
	}
}
