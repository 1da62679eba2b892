package webhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook"
	"github.com/openinsure/openinsure/push/webhook/egress"
	"github.com/openinsure/openinsure/push/webhook/sign"
)

// raw starts a server that reads a request's head and answers with bytes, then
// closes; with "hold" at their end it does not close.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer, hold := strings.CutSuffix(answer, "hold")
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				if q, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.Copy(io.Discard, q.Body)
				}
				_, _ = io.WriteString(c, answer)
				if hold {
					<-stop
				}
			})
		}
	})
	t.Cleanup(func() {
		close(stop)
		_ = l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

func TestTimeoutIs20Seconds(t *testing.T) {
	if webhook.Timeout != 20*time.Second {
		t.Errorf("Timeout = %s, want 20s", webhook.Timeout)
	}
	s := sender(t, egress.Config{}, webhook.Config{})
	if got := s.Timeout(); got != 20*time.Second {
		t.Errorf("a Sender's timeout is %s unless told otherwise, want 20s", got)
	}
}

// Every kind of receiver that never comes to an end gives its slot back in time.
func TestSlotIsFreedInTime(t *testing.T) {
	const timeout = 300 * time.Millisecond
	slow := push.Result{Outcome: push.Retry, Class: push.ClassTimeout, Slow: true}
	answered := slow
	answered.Code = 200
	tests := []struct {
		name string
		c    pushtest.ReceiverConfig
		mode func(*pushtest.Receiver)
		want push.Result
	}{
		{"hangs", pushtest.ReceiverConfig{}, (*pushtest.Receiver).Hang, slow},
		{"hangs, over TLS", pushtest.ReceiverConfig{TLS: true}, (*pushtest.Receiver).Hang, slow},
		{"hangs, over HTTP/2", pushtest.ReceiverConfig{TLS: true, HTTP2: true}, (*pushtest.Receiver).Hang, slow},
		{"drips a body", pushtest.ReceiverConfig{}, (*pushtest.Receiver).Drip, answered},
		{"drips a body, over TLS", pushtest.ReceiverConfig{TLS: true}, (*pushtest.Receiver).Drip, answered},
		{"drips a body, over HTTP/2", pushtest.ReceiverConfig{TLS: true, HTTP2: true}, (*pushtest.Receiver).Drip, answered},
		{"drips a head", pushtest.ReceiverConfig{}, (*pushtest.Receiver).DripHeaders, slow},
		{"drips a head, over TLS", pushtest.ReceiverConfig{TLS: true}, (*pushtest.Receiver).DripHeaders, slow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.c.Tick = 5 * time.Millisecond
			r := receive(t, tt.c)
			tt.mode(r)
			s := sender(t, egress.Config{RootCAs: r.RootCAs()}, webhook.Config{Timeout: timeout})
			start := time.Now()
			got := s.Send(t.Context(), owed(t, r.URL(), sign.NewSecret()))
			if took := time.Since(start); took < timeout || took > timeout+time.Second {
				t.Errorf("took %s, want %s", took, timeout)
			}
			if v := verdict(got); v.Outcome != tt.want.Outcome || v.Class != tt.want.Class || v.Slow != tt.want.Slow || v.Code != tt.want.Code {
				t.Errorf("result = %+v, want %+v", v, tt.want)
			}
			if got.Detail != "No whole answer within 300ms." {
				t.Errorf("detail = %q", got.Detail)
			}
		})
	}
}

// A receiver that switches protocols owns the connection: no deadline of the
// request ends it, so it must be left at once.
func TestSwitchingProtocolsHoldsNothing(t *testing.T) {
	url := raw(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhold")
	s := sender(t, egress.Config{}, webhook.Config{Timeout: 2 * time.Second})
	start := time.Now()
	got := s.Send(t.Context(), owed(t, url, sign.NewSecret()))
	if got.Outcome != push.Retry || got.Class != push.ClassStatus || got.Code != 101 {
		t.Errorf("result = %+v, want a retry", verdict(got))
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s, want no time", took)
	}
}

// Interim answers without end are cut off like any head.
func TestEarlyHintsHaveAnEnd(t *testing.T) {
	url := raw(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <"+strings.Repeat("a", 1000)+">\r\n\r\n", 2000)+"hold")
	s := sender(t, egress.Config{}, webhook.Config{Timeout: 2 * time.Second})
	if got := s.Send(t.Context(), owed(t, url, sign.NewSecret())); got.Outcome != push.Retry || got.Class != push.ClassProtocol {
		t.Errorf("result = %+v, want a retry", got)
	}
}

func TestRedirects(t *testing.T) {
	caught := receive(t, pushtest.ReceiverConfig{})
	sly := receive(t, pushtest.ReceiverConfig{})
	s := sender(t, egress.Config{}, webhook.Config{})
	for _, to := range []string{
		caught.URL(), "http://169.254.169.254/latest/meta-data/", "//127.0.0.1", "/elsewhere", "http://[::1", ":", "",
	} {
		sly.Redirect(to)
		got := s.Send(t.Context(), owed(t, sly.URL(), sign.NewSecret()))
		if got.Outcome != push.Retry || got.Class != push.ClassRedirect || got.Code != http.StatusTemporaryRedirect {
			t.Errorf("to %q: %+v, want a retry because of the redirect", to, verdict(got))
		}
	}
	if n := caught.Connections(); n != 0 {
		t.Errorf("%d connections on the trap, want 0", n)
	}
}

// No hostile name or address is connected to, however it resolves.
func TestSendConnectsNowhereItMust(t *testing.T) {
	caught := receive(t, pushtest.ReceiverConfig{Addr: ":0"})
	port := caught.Addr().Port
	dns, err := pushtest.NewDNS(func(name string, n int) []netip.Addr {
		if strings.HasPrefix(name, "rebinds") && n == 1 {
			return []netip.Addr{netip.MustParseAddr("8.8.8.8")}
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	s := sender(t, egress.Config{Allow: []netip.Prefix{}, Ports: []uint16{uint16(port)}, Resolver: dns.Resolver()}, webhook.Config{})
	if _, err := dns.Resolver().LookupNetIP(t.Context(), "ip4", "rebinds.example.com"); err != nil { // what a check on save saw
		t.Fatal(err)
	}
	for _, host := range []string{
		"hooks.example.com", "rebinds.example.com", "127.0.0.1.nip.example.com", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0", "0x7f.1",
		"2130706433", "localhost", "１２７.0.0.1", "user@127.0.0.1", "example.com@127.0.0.1",
	} {
		got := s.Send(t.Context(), owed(t, fmt.Sprintf("https://%s:%d/", host, port), sign.NewSecret()))
		if got.Outcome != push.Retry || got.Class != push.ClassRefused || got.IP != "" {
			t.Errorf("%s: %+v, want a refusal", host, got)
		}
		if strings.Contains(got.Detail, "127.0.0.1") || got.Detail == "" {
			t.Errorf("%s: detail %q, want one that names no address", host, got.Detail)
		}
	}
	if n := caught.Connections(); n != 0 {
		t.Errorf("%d connections on the trap, want 0", n)
	}
}

// A body of any size costs what is read of it, over every protocol.
func TestHugeBodiesCostLittle(t *testing.T) {
	const slots, most = 8, 1 << 20
	for _, tt := range []struct {
		name string
		c    pushtest.ReceiverConfig
		mode func(*pushtest.Receiver)
	}{
		{"1 GB", pushtest.ReceiverConfig{}, func(r *pushtest.Receiver) { r.Huge(1 << 30) }},
		{"1 GB over TLS", pushtest.ReceiverConfig{TLS: true}, func(r *pushtest.Receiver) { r.Huge(1 << 30) }},
		{"1 GB over HTTP/2", pushtest.ReceiverConfig{TLS: true, HTTP2: true}, func(r *pushtest.Receiver) { r.Huge(1 << 30) }},
		{"a gzip bomb of 1 GB", pushtest.ReceiverConfig{}, func(r *pushtest.Receiver) { r.GzipBomb(1 << 30) }},
		{"a gzip bomb over HTTP/2", pushtest.ReceiverConfig{TLS: true, HTTP2: true}, func(r *pushtest.Receiver) { r.GzipBomb(1 << 30) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := receive(t, tt.c)
			tt.mode(r)
			s := sender(t, egress.Config{RootCAs: r.RootCAs()}, webhook.Config{})
			d := owed(t, r.URL(), sign.NewSecret())
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			results := make([]push.Result, slots)
			var all sync.WaitGroup
			for i := range slots {
				all.Go(func() { results[i] = s.Send(t.Context(), d) })
			}
			all.Wait()
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			for _, got := range results {
				if got.Outcome != push.Delivered || len(got.ResponseBody) != 16<<10 {
					t.Errorf("result = %+v with %d bytes, want delivered with 16 KiB", verdict(got), len(got.ResponseBody))
				}
			}
			// All that was ever allocated, both sides' doing: an upper bound
			// that no garbage collection flatters.
			each := (after.TotalAlloc - before.TotalAlloc) / slots
			t.Logf("%d KiB allocated for each slot, %s", each>>10, took)
			if each > most {
				t.Errorf("%d KiB for each slot, want %d at most", each>>10, most>>10)
			}
			if took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestAnswersAreKeptInPart(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nA-First: one\r\nB-Long: " + strings.Repeat("b", 5000) + "\r\nC-Third: caf\xe9\r\n"
	for i := range 200 {
		head += fmt.Sprintf("D-Many: %040d\r\n", i)
	}
	url := raw(t, head+"Content-Length: 2\r\n\r\nok")
	s := sender(t, egress.Config{}, webhook.Config{})
	got := s.Send(t.Context(), owed(t, url, sign.NewSecret()))
	if got.Outcome != push.Delivered {
		t.Fatalf("result = %+v", got)
	}
	size := 0
	for name, values := range got.ResponseHeader {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	h := got.ResponseHeader
	if size > 4<<10 || size < 3<<10 {
		t.Errorf("%d bytes of header are kept, want as many as fit into 4 KiB", size)
	}
	if h.Get("A-First") != "one" || h.Get("B-Long") != "" || h.Get("C-Third") != "caf\ufffd" || len(h["D-Many"]) < 50 {
		t.Errorf("kept %v", h)
	}
}
