package betterauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/betterauth"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// good is what version 1.7 of the server answers, without what nobody reads.
const good = `{"session":{"id":"s","userId":"u1","expiresAt":"2026-03-09T12:00:00.000Z","token":"t","activeOrganizationId":"o1","ipAddress":""},
	"user":{"id":"u1","name":"Una","email":"una@example.com","emailVerified":true,"image":null}}`

func TestSession(t *testing.T) {
	want := betterauth.Session{
		Subject: "u1", Email: "una@example.com", Verified: true, Organization: "o1", ExpiresAt: noon.AddDate(0, 0, 7),
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		want   func(*betterauth.Session)
		err    error
	}{
		"a session":            {200, good, func(*betterauth.Session) {}, nil},
		"no organisation":      {200, strings.Replace(good, `"o1"`, `null`, 1), func(s *betterauth.Session) { s.Organization = "" }, nil},
		"the platform's own":   {200, strings.NewReplacer(`"activeOrganizationId":"o1",`, "", `"image"`, `"orgId":"o2","image"`).Replace(good), func(s *betterauth.Session) { s.Organization = "o2" }, nil},
		"address not verified": {200, strings.Replace(good, `"emailVerified":true`, `"emailVerified":false`, 1), func(s *betterauth.Session) { s.Verified = false }, nil},
		"none":                 {200, `null`, nil, betterauth.ErrNoSession},
		"refused":              {401, `{}`, nil, betterauth.ErrNoSession},
		"over":                 {200, strings.Replace(good, "2026-03-09", "2026-03-02", 1), nil, betterauth.ErrNoSession},
		"without an end":       {200, strings.Replace(good, `"expiresAt"`, `"ends"`, 1), nil, betterauth.ErrNoSession},
		"another's user":       {200, strings.Replace(good, `"userId":"u1"`, `"userId":"u2"`, 1), nil, betterauth.ErrUnavailable},
		"nobody":               {200, `{}`, nil, betterauth.ErrUnavailable},
		"a page":               {200, `<html>`, nil, betterauth.ErrUnavailable},
		"a list":               {200, `[]`, nil, betterauth.ErrUnavailable},
		"endless":              {200, `"` + strings.Repeat("x", 70<<10) + `"`, nil, betterauth.ErrUnavailable},
		"down":                 {502, good, nil, betterauth.ErrUnavailable},
		"not there":            {404, good, nil, betterauth.ErrUnavailable},
		"too many":             {429, good, nil, betterauth.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/sub/api/auth/get-session" || r.Header.Get("Authorization") != "Bearer the-token" {
					t.Errorf("asked %s %s %v", r.Method, r.URL, r.Header)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body)) // the client may have read enough
			}))
			defer s.Close()
			got, err := client(t, s.URL+"/sub/").Session(t.Context(), "the-token")
			if !errors.Is(err, tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			if tt.want == nil {
				return
			}
			expected := want
			expected.Provider = "better-auth " + s.URL + "/sub"
			tt.want(&expected)
			if d := cmp.Diff(expected, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func client(t *testing.T, url string) *betterauth.Client {
	t.Helper()
	c, err := betterauth.New(url, betterauth.Config{Timeout: 200 * time.Millisecond, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A token goes to the server that was named, and nowhere else; a server that
// does not answer is not waited for.
func TestServerThatMisbehaves(t *testing.T) {
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	s := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	if _, err := client(t, s.URL).Session(t.Context(), "t"); !errors.Is(err, betterauth.ErrUnavailable) {
		t.Errorf("a redirect: %v", err)
	}
	over := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush() // the headers come, the body does not
		<-over
	}))
	defer slow.Close()
	defer close(over)
	if _, err := client(t, slow.URL).Session(t.Context(), "t"); !errors.Is(err, betterauth.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a slow one: %v", err)
	}
	down := httptest.NewServer(nil)
	down.Close()
	if _, err := client(t, down.URL).Session(t.Context(), "t"); !errors.Is(err, betterauth.ErrUnavailable) {
		t.Errorf("none: %v", err)
	}
	for _, token := range []string{"", "two words", "line\nbreak", "ü", strings.Repeat("x", 5000)} {
		if _, err := client(t, thief.URL).Session(t.Context(), token); !errors.Is(err, betterauth.ErrNoSession) {
			t.Errorf("%.10q: %v", token, err)
		}
	}
}

func TestAddressOfTheServer(t *testing.T) {
	for _, bad := range []string{"", "auth.example.com", "ftp://auth.example.com", "https://", "https://u:p@auth.example.com", "https://auth.example.com/?a=b", "file:///etc/passwd"} {
		if _, err := betterauth.New(bad, betterauth.Config{}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
