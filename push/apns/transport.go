package apns

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"

	"golang.org/x/net/http2"

	"github.com/openinsure/openinsure/push"
)

// transport is what the library sends by. It adds the provider token and
// records what the library does not tell.
type transport struct {
	base   *http2.Transport
	bearer *bearer
	gates  map[string]*gate // by host[:port]; never changed
}

func newTransport(roots *x509.CertPool, b *bearer, hosts ...string) *transport {
	t := &transport{bearer: b, gates: map[string]*gate{}, base: &http2.Transport{
		TLSClientConfig:    &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialTLSContext:     push.DialTLS,
		DisableCompression: true,
		ReadIdleTimeout:    15 * time.Second, // then a ping
		PingTimeout:        5 * time.Second,
		WriteByteTimeout:   10 * time.Second,
		IdleConnTimeout:    time.Hour, // Apple wants connections to stay
	}}
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
