package webhook

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/openinsure/openinsure/push"
)

// A trace takes the times of one attempt. A connect may go on, for the next
// attempt's sake, after this one is over: mu guards all of it.
type trace struct {
	now func() time.Time

	mu                               sync.Mutex
	dnsStart, connectStart, tlsStart time.Time
	ready                            time.Time // when there was a connection
	timing                           push.Timing
	ip                               string
	answered                         bool
	handshaking                      bool // begun, and not come to a good end
}

func newTrace(now func() time.Time) *trace { return &trace{now: now} }

func (t *trace) with(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { t.do(func(at time.Time) { t.dnsStart = at }) },
		DNSDone:      func(httptrace.DNSDoneInfo) { t.do(func(at time.Time) { t.timing.DNS = at.Sub(t.dnsStart) }) },
		ConnectStart: func(string, string) { t.do(t.connecting) },
		ConnectDone: func(_, address string, err error) {
			t.do(func(at time.Time) {
				if err == nil {
					t.timing.Connect, t.ip = at.Sub(t.connectStart), host(address)
				}
			})
		},
		TLSHandshakeStart: func() { t.do(func(at time.Time) { t.tlsStart, t.handshaking = at, true }) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			t.do(func(at time.Time) { t.timing.TLS, t.handshaking = at.Sub(t.tlsStart), err != nil })
		},
		GotConn: func(c httptrace.GotConnInfo) { t.do(func(at time.Time) { t.got(c, at) }) },
		// Counted from the connection on, not from the end of the request: over
		// HTTP/2 a quick answer is here before we hear that we have asked.
		GotFirstResponseByte: func() { t.do(func(at time.Time) { t.answered, t.timing.FirstByte = true, at.Sub(t.ready) }) },
	})
}

func (t *trace) do(f func(at time.Time)) {
	at := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	f(at)
}

// connecting is called for every address that is tried; all the tries count.
func (t *trace) connecting(at time.Time) {
	if t.connectStart.IsZero() {
		t.connectStart = at
	}
}

// got forgets what a connect took that was begun and then not needed, because
// another connection came free first.
func (t *trace) got(c httptrace.GotConnInfo, at time.Time) {
	t.ready, t.handshaking = at, false
	if c.Reused {
		t.timing.DNS, t.timing.Connect, t.timing.TLS = 0, 0, 0
	}
	t.ip = host(c.Conn.RemoteAddr().String())
}

// reached says how far the attempt came: to which address, if any.
func (t *trace) reached() (ip string, answered, handshaking bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ip, t.answered, t.handshaking
}

func (t *trace) result() (string, push.Timing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ip, t.timing
}

func host(address string) string {
	h, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return h
}
