package api

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestRateLimits(t *testing.T) {
	tests := []struct {
		environment, token string
		limit              string
	}{
		{"development", "maria", "1000000"},
		{"sandbox", "maria", "100"},
		{"sandbox", "enterprise", "100"},
		{"production", "maria", "1000"},
		{"production", "enterprise", "10000"},
		{"", "maria", "1000"},
		{"production", "nobody", "600"},
	}
	for _, tt := range tests {
		f := newFixture(t, Config{Environment: tt.environment})
		r := f.send(t, "GET", "/v1/toys", "", "Authorization: Bearer "+tt.token)
		if got := r.header.Get("X-RateLimit-Limit"); got != tt.limit {
			t.Errorf("%s in %q: limit %s, want %s", tt.token, tt.environment, got, tt.limit)
		}
	}
}

func TestRateLimitRefuses(t *testing.T) {
	f := newFixture(t, Config{Environment: "sandbox"})
	for i := range 100 {
		r := f.send(t, "GET", "/v1/toys", "")
		if want := fmt.Sprint(99 - i); r.status != 200 || r.header.Get("X-RateLimit-Remaining") != want {
			t.Fatalf("request %d: %d, %s left, want %s", i, r.status, r.header.Get("X-RateLimit-Remaining"), want)
		}
	}
	r := f.send(t, "POST", "/v1/toys", "{")
	if r.status != 429 || r.problem.Code != "rate_limited" || r.header.Get("Retry-After") != "50" {
		t.Errorf("over: %d %s %v", r.status, r.body, r.header)
	}
	if got, want := r.header.Get("X-RateLimit-Reset"), fmt.Sprint(f.now.Truncate(time.Minute).Add(time.Minute).Unix()); got != want {
		t.Errorf("reset %s, want %s", got, want)
	}
	if got := r.header.Get("RateLimit") + " " + r.header.Get("RateLimit-Policy"); got != `"default";r=0;t=50 "default";q=100;w=60` {
		t.Errorf("structured headers: %s", got)
	}
	if r := f.send(t, "GET", "/v1/toys", "", "Authorization: Bearer reader"); r.status != 200 {
		t.Errorf("another principal: %d", r.status)
	}
	f.now = f.now.Add(time.Minute)
	if r := f.send(t, "GET", "/v1/toys", ""); r.status != 200 {
		t.Errorf("next minute: %d", r.status)
	}
}

func TestStrangersShareAnAddress(t *testing.T) {
	f := newFixture(t, Config{})
	for i := range 600 {
		if r := f.send(t, "GET", "/v1/toys", "", "Authorization: Bearer guess"); r.status != 401 {
			t.Fatalf("guess %d: %d", i, r.status)
		}
	}
	for path, want := range map[string]int{"/v1/toys": 429, "/v1/nowhere": 429, "/openapi.json": 429, "/healthz": 200, "/readyz": 200} {
		if r := f.send(t, "GET", path, "", "Authorization: Bearer guess"); r.status != want {
			t.Errorf("%s: %d, want %d", path, r.status, want)
		}
	}
	if r := f.send(t, "GET", "/v1/toys", ""); r.status != 200 {
		t.Errorf("somebody known behind the same address: %d", r.status)
	}
}

func TestMemoryLimiterIsBounded(t *testing.T) {
	l := NewMemoryLimiter(func() time.Time { return time.Unix(0, 0) })
	five := Bucket{"default", 5}
	for i := range mostCounts + 10 {
		l.Take(t.Context(), fmt.Sprintf("address:%d", i), 1, five)
	}
	if q := l.Take(t.Context(), "address:new", 1, five); q.OK {
		t.Error("strangers beyond the bound share a count, which is full")
	}
	if q := l.Take(t.Context(), "actor:new", 1, five); !q.OK {
		t.Error("somebody known always has a count")
	}
	if len(l.counts) > mostCounts+2 {
		t.Errorf("%d counts", len(l.counts))
	}
}

func TestAddressOwner(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "address:192.0.2.7", "2001:db8:1:2:3:4:5:6": "address:2001:db8:1:2::/64",
	} {
		if got := addressOwner(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestOperationsThatAskAModelCountTwice(t *testing.T) {
	f := newFixture(t, Config{})
	register(f.api, operation{Method: "POST", Path: "/v1/ask", ID: "ask", AI: true, Status: 200},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	for i := range 20 {
		if r := f.send(t, "POST", "/v1/ask", ""); r.status != 200 || r.header.Get("X-RateLimit-Limit") != "20" {
			t.Fatalf("ask %d: %d of %s", i, r.status, r.header.Get("X-RateLimit-Limit"))
		}
	}
	if r := f.send(t, "POST", "/v1/ask", ""); r.status != 429 {
		t.Errorf("over: %d", r.status)
	}
	if r := f.send(t, "GET", "/v1/toys", ""); r.status != 200 {
		t.Errorf("other operations go on: %d", r.status)
	}
}
