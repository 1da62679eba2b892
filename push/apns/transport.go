package apns

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/push"
)

// mostConnections is how many there are to one of Apple's hosts at a time: one
// takes about a thousand requests, and Apple takes very many connections for an
// attack. Without a bound, everybody who waits dials when a connection ends.
const mostConnections = 1

// transport is what the library sends by. It adds the provider token and
// records what the library does not tell.
type transport struct {
	base   *http.Transport
	bearer *bearer
	gates  map[string]*gate // by host[:port]; never changed
}

func newTransport(roots *x509.CertPool, b *bearer, hosts ...string) *transport {
	dialer := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	t := &transport{bearer: b, gates: map[string]*gate{}, base: &http.Transport{
		Protocols:           new(http.Protocols),
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 5 * time.Second,
		DisableCompression:  true,
		MaxConnsPerHost:     mostConnections,
		IdleConnTimeout:     time.Hour, // Apple wants connections to stay
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second, WriteByteTimeout: 10 * time.Second},
	}}
	t.base.Protocols.SetHTTP2(true)
	for _, h := range hosts {
		t.gates[h] = newGate()
	}
	return t
}

type bearerKey struct{}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	text, err := t.bearer.current()
	if err != nil {
		return nil, errSigning{err}
	}
	if used, ok := req.Context().Value(bearerKey{}).(*string); ok {
		*used = text
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "bearer "+text)
	leave, err := t.gates[req.URL.Host].enter(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := push.RoundTrip(t.base, req)
	leave(err == nil)
	return resp, err
}

// CloseIdleConnections ends the connections that nothing waits for.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }
