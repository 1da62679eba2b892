package egress

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// HeaderBytes is how much head an answer may have.
const HeaderBytes = 64 << 10

// transport has its own small windows for HTTP/2: those of net/http let a
// receiver push megabytes into a stream before anybody reads it.
func (g *Guard) transport() *http.Transport {
	dialer := &net.Dialer{
		Timeout:        g.cfg.ConnectTimeout,
		Resolver:       g.cfg.Resolver,
		ControlContext: g.ControlContext,
	}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.cfg.RootCAs},
		TLSHandshakeTimeout:    g.cfg.TLSTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: HeaderBytes,
		MaxIdleConns:           g.cfg.Idle,
		MaxIdleConnsPerHost:    g.cfg.IdlePerHost,
		IdleConnTimeout:        g.cfg.IdleTimeout,
		ReadBufferSize:         8 << 10,
		WriteBufferSize:        8 << 10,
		HTTP2: &http.HTTP2Config{
			MaxReadFrameSize:              16 << 10,
			MaxReceiveBufferPerStream:     64 << 10,
			MaxReceiveBufferPerConnection: 512 << 10,
			SendPingTimeout:               10 * time.Second,
			PingTimeout:                   5 * time.Second,
			WriteByteTimeout:              10 * time.Second,
		},
	}
}
