package egress_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook/egress"
)

func client(t *testing.T, c egress.Config) *http.Client {
	t.Helper()
	if c.Allow == nil {
		c.Allow = prefixes("127.0.0.0/8")
	}
	hc := guard(t, c).Client()
	t.Cleanup(hc.CloseIdleConnections)
	return hc
}

func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestClientUsesNoProxy(t *testing.T) {
	caught := trap(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, caught.URL())
	}
	url := server(t, func(http.ResponseWriter, *http.Request) {})
	if err := post(t, client(t, egress.Config{}), url); err != nil {
		t.Error(err)
	}
	if tr := client(t, egress.Config{}).Transport.(*http.Transport); tr.Proxy != nil {
		t.Error("the transport has a proxy")
	}
	if n := caught.Connections(); n != 0 {
		t.Errorf("%d connections by way of the proxy, want 0", n)
	}
}

func TestClientAsksForNothingPackedAndKeepsNoCookie(t *testing.T) {
	var seen []http.Header
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	c := client(t, egress.Config{})
	for range 2 {
		if err := post(t, c, url); err != nil {
			t.Fatal(err)
		}
	}
	for i, h := range seen {
		if h.Get("Accept-Encoding") != "" || h.Get("Cookie") != "" {
			t.Errorf("request %d: %v; want neither Accept-Encoding nor Cookie", i, h)
		}
	}
}

func TestClientKeepsConnections(t *testing.T) {
	r, err := pushtest.NewReceiver(pushtest.ReceiverConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := client(t, egress.Config{})
	for range 5 {
		if err := post(t, c, r.URL()); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Connections(); n != 1 {
		t.Errorf("%d connections for 5 requests one after the other, want 1", n)
	}
}

func TestClientSpeaksHTTP2(t *testing.T) {
	r, err := pushtest.NewReceiver(pushtest.ReceiverConfig{TLS: true, HTTP2: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := post(t, client(t, egress.Config{RootCAs: r.RootCAs()}), r.URL()); err != nil {
		t.Fatal(err)
	}
	if got := r.Requests()[0].Proto; got != "HTTP/2.0" {
		t.Errorf("proto = %s, want HTTP/2.0", got)
	}
	if err := post(t, client(t, egress.Config{}), r.URL()); err == nil {
		t.Error("a certificate that nobody vouches for is accepted")
	}
}

func TestClientTakesNoEndlessHead(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", egress.HeaderBytes))
	})
	if err := post(t, client(t, egress.Config{}), url); err == nil {
		t.Error("a head above 64 KiB is accepted")
	}
}

func TestClientTimeouts(t *testing.T) {
	// It accepts by the kernel's doing and never says anything.
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", deaf.LocalAddr().String())
	}}
	tests := []struct {
		name string
		c    egress.Config
		url  string
	}{
		{"handshake", egress.Config{TLSTimeout: 50 * time.Millisecond}, "https://" + mute.Addr().String()},
		{"name", egress.Config{ConnectTimeout: 50 * time.Millisecond, Resolver: silent}, "https://hooks.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			err := post(t, client(t, tt.c), tt.url)
			if n, ok := errors.AsType[net.Error](err); !ok || !n.Timeout() {
				t.Errorf("err = %v, want a timeout", err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %s, want about 50ms", took)
			}
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	tr := guard(t, egress.Config{}).Client().Transport.(*http.Transport)
	if tr.TLSHandshakeTimeout != 5*time.Second || !tr.DisableCompression || tr.MaxResponseHeaderBytes != 64<<10 || tr.MaxIdleConns != 512 || tr.MaxIdleConnsPerHost != 8 {
		t.Errorf("transport = %+v", tr)
	}
	if h2 := tr.HTTP2; h2.MaxReceiveBufferPerStream > 64<<10 || h2.MaxReceiveBufferPerConnection > 512<<10 {
		t.Errorf("windows of HTTP/2 are %+v; a receiver may fill them before anybody reads", h2)
	}
}

func ExampleGuard_CheckURL() {
	g, err := egress.New(egress.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.CheckURL(context.Background(), "https://hooks.example.com/openinsure"))
	fmt.Println(g.CheckURL(context.Background(), "https://0x7f.1/openinsure"))
	// Output:
	// <nil>
	// validation_failed: The URL must have a host name, not an IP address in any spelling.
}
