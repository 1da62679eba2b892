package push

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"time"
)

// How long a connection to a provider may take.
const (
	connectTimeout   = 5 * time.Second
	handshakeTimeout = 5 * time.Second
)

var errHandshake = errors.New("the provider did not shake hands in time")

// Dial connects to a provider.
func Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}
	return d.DialContext(ctx, network, addr)
}

// DialTLS connects to a provider over TLS, and tells the Exchange of ctx how
// long the handshake took.
func DialTLS(ctx context.Context, network, addr string, cfg *tls.Config) (net.Conn, error) {
	conn, err := Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil {
		trace.TLSHandshakeStart()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, errHandshake)
	defer cancel()
	secure := tls.Client(conn, cfg)
	err = secure.HandshakeContext(ctx)
	if trace != nil {
		trace.TLSHandshakeDone(secure.ConnectionState(), err)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}
