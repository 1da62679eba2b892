package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.1:99", nil, "192.0.2.1"},
		{"a stranger's header", "192.0.2.1:99", []string{"198.51.100.1"}, "192.0.2.1"},
		{"one proxy", "10.0.0.1:99", []string{"198.51.100.1"}, "198.51.100.1"},
		{"what the client made up", "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:99", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two lines", "10.0.0.1:99", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"three proxies, one of them unknown to us", "10.0.0.1:99", []string{"198.51.100.1, 203.0.113.5, 10.0.0.2"}, "203.0.113.5"},
		{"a stranger who calls himself a proxy", "192.0.2.1:99", []string{"198.51.100.1, 10.0.0.2"}, "192.0.2.1"},
		{"a client who names our proxy", "10.0.0.1:99", []string{"10.0.0.2, 198.51.100.1"}, "198.51.100.1"},
		{"nonsense after the client", "10.0.0.1:99", []string{"198.51.100.1, <script>"}, "10.0.0.1"},
		{"nonsense before the client", "10.0.0.1:99", []string{"<script>, 198.51.100.1"}, "198.51.100.1"},
		{"a comma too many", "10.0.0.1:99", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"nothing", "10.0.0.1:99", []string{""}, "10.0.0.1"},
		{"a range", "10.0.0.1:99", []string{"198.51.100.0/24"}, "10.0.0.1"},
		{"ipv4 with a port", "10.0.0.1:99", []string{"198.51.100.1:1234"}, "198.51.100.1"},
		{"ipv6 in brackets", "10.0.0.1:99", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"ipv6 with a zone", "[fd00::1]:99", []string{"fe80::1%eth0"}, "fe80::1"},
		{"ipv6 over ipv4 proxies", "[::ffff:10.0.0.1]:99", []string{"2001:db8::7, fd00::2"}, "2001:db8::7"},
		{"a socket without addresses", "@", []string{"198.51.100.1"}, "invalid IP"},
		{"nonsense", "10.0.0.1:99", []string{"unknown"}, "10.0.0.1"},
		{"only proxies", "10.0.0.1:99", []string{"10.0.0.3"}, "10.0.0.3"},
		{"ipv6", "[fd00::1]:99", []string{"2001:db8::7"}, "2001:db8::7"},
		{"ipv6 with a port", "[fd00::1]:99", []string{"[2001:db8::7]:1234"}, "2001:db8::7"},
		{"ipv4 in ipv6", "[::ffff:10.0.0.1]:99", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
	}
	a := New(Deps{}, Config{TrustedProxies: trusted})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			for _, v := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", v)
			}
			if got := a.clientAddress(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRequestsAreRecorded(t *testing.T) {
	f := newFixture(t, Config{})
	f.send(t, "GET", "/v1/toys", "")
	if len(f.entries) != 0 {
		t.Errorf("a read that went well was recorded: %+v", f.entries)
	}
	r := f.send(t, "POST", "/v1/toys?orgId="+toyOrg.String(), okToy+`}`, "X-Request-Id: mine-1")
	e := f.last()
	if r.status != 201 || e.ClientRequestID != "mine-1" || e.RequestID.String() != r.header.Get("X-Request-Id") || e.Route != "/v1/toys" || e.Actor.ID != "usr_maria" || e.Method != "POST" {
		t.Errorf("got %d %s, recorded %+v", r.status, r.body, e)
	}
	f.send(t, "GET", "/v1/toys?limit=0", "", "X-Request-Id: "+strings.Repeat("x", 129))
	if e := f.last(); e.Status != 400 || e.ErrorCode != "validation_failed" || e.ClientRequestID != "" {
		t.Errorf("recorded %+v", e)
	}
	for _, secret := range []string{"orgId", "bear", "limit=0"} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(f.log.String(), `"route":"/v1/toys/{id}"`) {
		f.send(t, "GET", toyPath(), "")
	}
	if !strings.Contains(f.log.String(), `"route":"/v1/toys/{id}"`) {
		t.Error("the log names the pattern")
	}
}

func TestSlowBody(t *testing.T) {
	f := newFixture(t, Config{ReadTimeout: 100 * time.Millisecond})
	c, err := net.Dial("tcp", f.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST /v1/toys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer maria\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 408 || !resp.Close {
		t.Errorf("got %d, close %v", resp.StatusCode, resp.Close)
	}
}

func TestHealth(t *testing.T) {
	var broken error
	f := newFixture(t, Config{Ready: func(context.Context) error { return broken }})
	if r := f.send(t, "GET", "/readyz", ""); r.status != 200 {
		t.Errorf("ready: %d", r.status)
	}
	broken = errors.New("SECRET")
	if r := f.send(t, "GET", "/readyz", ""); r.status != 503 || r.problem.Code != "not_ready" || strings.Contains(r.body, "SECRET") {
		t.Errorf("not ready: %d %s", r.status, r.body)
	}
	broken = nil
	f.api.SetDraining()
	if r := f.send(t, "GET", "/readyz", ""); r.status != 503 || r.problem.Code != "draining" {
		t.Errorf("draining: %d %s", r.status, r.body)
	}
	if r := f.send(t, "HEAD", "/healthz", ""); r.status != 200 {
		t.Errorf("alive: %d", r.status)
	}
}
