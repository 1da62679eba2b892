package fcm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/net/http2"

	"github.com/openinsure/openinsure/push"
)

// errHost is that the library wanted to speak to somebody who is not configured.
var errHost = errors.New("FCM is not at this host")

// hosts is a transport that speaks to two hosts only: parts of the library have
// addresses of their own, which a setting does not change.
type hosts struct {
	plain   *http.Transport // to fakes
	secure  *http2.Transport
	allowed []string // scheme://host[:port]
}

func newHosts(roots *x509.CertPool, urls ...*url.URL) *hosts {
	h := &hosts{
		plain: &http.Transport{DialContext: push.Dial, DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second},
		// Not HTTP/2 of net/http: there everybody who waits dials when a connection
		// ends, and here one does for all.
		secure: &http2.Transport{
			TLSClientConfig:    &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DialTLSContext:     push.DialTLS,
			DisableCompression: true,
			IdleConnTimeout:    5 * time.Minute,
			ReadIdleTimeout:    15 * time.Second, // then a ping
			PingTimeout:        5 * time.Second,
			WriteByteTimeout:   10 * time.Second,
		},
	}
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
