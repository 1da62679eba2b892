package fcm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/openinsure/openinsure/push"
)

// errHost is that the library wanted to speak to somebody who is not configured.
var errHost = errors.New("FCM is not at this host")

// mostConnections is how many there are to one of Google's hosts; one takes
// about a hundred requests at a time. Without a bound, everybody who waits dials
// when a connection ends.
const mostConnections = 4

// hosts is a transport that speaks to two hosts only: parts of the library have
// addresses of their own, which a setting does not change.
type hosts struct {
	plain   *http.Transport // to fakes
	secure  *http.Transport
	allowed []string // scheme://host[:port]
}

func newHosts(roots *x509.CertPool, urls ...*url.URL) *hosts {
	dialer := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	h := &hosts{
		plain: &http.Transport{DialContext: dialer.DialContext, DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second},
		secure: &http.Transport{
			Protocols:           new(http.Protocols),
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second,
			DisableCompression:  true,
			MaxConnsPerHost:     mostConnections,
			IdleConnTimeout:     5 * time.Minute,
			HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second, WriteByteTimeout: 10 * time.Second},
		},
	}
	h.secure.Protocols.SetHTTP2(true)
	for _, u := range urls {
		h.allowed = append(h.allowed, u.Scheme+"://"+u.Host)
	}
	return h
}

// RoundTrip implements http.RoundTripper.
func (h *hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case !slices.Contains(h.allowed, req.URL.Scheme+"://"+req.URL.Host):
		return nil, errHost
	case req.URL.Scheme == "http":
		return h.plain.RoundTrip(req)
	}
	return h.secure.RoundTrip(req)
}

// CloseIdleConnections ends the connections that nothing waits for.
func (h *hosts) CloseIdleConnections() {
	h.plain.CloseIdleConnections()
	h.secure.CloseIdleConnections()
}

type tokenKey struct{}

// messages is what the library sends messages by. It sees to it that an attempt
// is one request: the library tries again by itself after 503 and after what
// goes wrong on the way, for minutes.
type messages struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper. It returns no error: what went wrong
// is in the Exchange.
func (m messages) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if text, ok := req.Context().Value(tokenKey{}).(string); ok {
		req.Header.Set("Authorization", "Bearer "+text)
	}
	resp, err := push.RoundTrip(m.base, req)
	if err != nil {
		return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		changed := *resp
		changed.StatusCode = http.StatusInternalServerError
		return &changed, nil
	}
	return resp, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// withToken returns a context whose message goes out under an access token.
func withToken(ctx context.Context, text string) context.Context {
	return context.WithValue(ctx, tokenKey{}, text)
}
