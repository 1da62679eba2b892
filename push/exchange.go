package push

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"sync"
	"time"
)

// What an Exchange keeps of an answer.
const (
	keptBody   = 16 << 10
	keptHeader = 4 << 10
	longestAsk = 24 * time.Hour // of Retry-After
)

// An Exchange is one request to a provider and what came back, as the log wants
// to know it. The providers' libraries hide the status of an answer that they
// cannot read, and its headers; an Exchange in the request's context has them.
type Exchange struct {
	now   func() time.Time
	began time.Time

	mu     sync.Mutex // a dial that was given up still tells how it ends
	timing Timing
	ip     string
	sent   http.Header
	status int
	header http.Header
	body   []byte
	err    error
}

type exchangeKey struct{}

// WithExchange returns a context whose request is recorded, and the record.
func WithExchange(ctx context.Context, now func() time.Time) (context.Context, *Exchange) {
	x := &Exchange{now: now, began: now()}
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// RoundTrip makes a request by base for whoever implements http.RoundTripper,
// and records it in the Exchange of its context. The whole answer has arrived
// when it returns; of a body longer than 16 KiB the rest is missing.
func RoundTrip(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*Exchange)
	if !ok {
		return base.RoundTrip(req)
	}
	resp, body, err := x.ask(base, req)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.timing.Total = x.now().Sub(x.began)
	if over := req.Context().Err(); over != nil && err != nil {
		err = errors.Join(over, err) // net/http tells its cause alone
	}
	if x.err = err; err != nil {
		return nil, err
	}
	x.status, x.header, x.body = resp.StatusCode, trimmed(resp.Header), body
	return resp, nil
}

func (x *Exchange) ask(base http.RoundTripper, req *http.Request) (*http.Response, []byte, error) {
	sent := req.Header.Clone()
	sent.Del("Authorization")
	x.mu.Lock()
	x.sent = sent
	x.mu.Unlock()
	resp, err := base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), x.trace())))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, keptBody))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, body, nil
}

// Status returns the answer's status; 0: there was no answer.
func (x *Exchange) Status() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.status
}

// Answer returns the answer's body, up to 16 KiB.
func (x *Exchange) Answer() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.body
}

// Err returns why there was no answer; nil: there was, or nothing was asked.
func (x *Exchange) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// RetryAfter returns how long the answer asks to wait, up to a day.
func (x *Exchange) RetryAfter() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	asked := x.header.Get("Retry-After")
	var d time.Duration
	if s, err := strconv.ParseInt(asked, 10, 32); err == nil {
		d = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(asked); err == nil {
		d = at.Sub(x.now())
	}
	return min(max(d, 0), longestAsk)
}

// Result returns what came of the exchange. The detail is cut to what a Result
// may hold.
func (x *Exchange) Result(o Outcome, class, detail string) Result {
	x.mu.Lock()
	defer x.mu.Unlock()
	if runes := []rune(detail); len(runes) > 500 {
		detail = string(runes[:499]) + "…"
	}
	return Result{
		Outcome: o, Code: x.status, Class: class, Detail: detail, IP: x.ip, Timing: x.timing,
		RequestHeader: x.sent, ResponseHeader: x.header, ResponseBody: x.body,
	}
}

// Lost returns the Result of an exchange without an answer, because of err. Its
// detail is ours: the texts of network errors hold our addresses.
func (x *Exchange) Lost(err error) Result {
	class := lossClass(err)
	return x.Result(Retry, class, lossDetails[class])
}

var lossDetails = map[string]string{
	ClassTimeout: "No answer in time.",
	ClassDNS:     "The name of the provider has no address.",
	ClassConnect: "The connection could not be made, or broke.",
	ClassTLS:     "The provider has no certificate that holds for its name.",
}

func lossClass(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return ClassTimeout
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return ClassTimeout
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ClassDNS
	}
	if badTLS(err) {
		return ClassTLS
	}
	return ClassConnect
}

func badTLS(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return verification || authority || name || alert || record
}

// trace times the parts of the exchange. On a connection that is open already
// there is nothing to look up, to connect or to shake hands on.
func (x *Exchange) trace() *httptrace.ClientTrace {
	var dns, connect, handshake time.Time // guarded by mu
	since := func(part *time.Duration, from *time.Time) {
		x.mu.Lock()
		defer x.mu.Unlock()
		*part = x.now().Sub(*from)
	}
	starts := func(at *time.Time) {
		x.mu.Lock()
		defer x.mu.Unlock()
		*at = x.now()
	}
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { starts(&dns) },
		DNSDone:              func(httptrace.DNSDoneInfo) { since(&x.timing.DNS, &dns) },
		ConnectStart:         func(_, _ string) { starts(&connect) },
		ConnectDone:          func(_, _ string, _ error) { since(&x.timing.Connect, &connect) },
		TLSHandshakeStart:    func() { starts(&handshake) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { since(&x.timing.TLS, &handshake) },
		GotFirstResponseByte: func() { since(&x.timing.FirstByte, &x.began) },
		GotConn: func(c httptrace.GotConnInfo) {
			ip, _, err := net.SplitHostPort(c.Conn.RemoteAddr().String())
			if err != nil {
				return // a connection that is no network's, in tests
			}
			x.mu.Lock()
			defer x.mu.Unlock()
			x.ip = ip
		},
	}
}

// trimmed returns as many of the fields, in the order of their names, as a
// Result may hold.
func trimmed(h http.Header) http.Header {
	kept, size := http.Header{}, 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			if size += len(name) + len(v); size > keptHeader {
				return kept
			}
			kept.Add(name, v)
		}
	}
	return kept
}
