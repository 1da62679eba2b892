package pushtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// server is an HTTP server on loopback whose handlers can cut the connection
// that they answer on.
type server struct {
	http    *http.Server
	addr    string
	served  chan error
	closing chan struct{}
	once    sync.Once
	opened  atomic.Int64

	mu   sync.Mutex
	gone bool           // no handler starts any more
	busy sync.WaitGroup // counts up under mu, before gone
}

type connKey struct{}

// serve starts a server; with a certificate it speaks HTTP/2 over TLS and
// nothing else.
func serve(h http.Handler, cert *tls.Certificate) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return nil, fmt.Errorf("listen for pushes: %w", err)
	}
	s := &server{addr: l.Addr().String(), served: make(chan error, 1), closing: make(chan struct{})}
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !s.enter() {
				panic(http.ErrAbortHandler)
			}
			defer s.busy.Done()
			h.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			s.opened.Add(1)
			return context.WithValue(ctx, connKey{}, c)
		},
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000},
	}
	if cert != nil {
		s.http.Protocols = new(http.Protocols)
		s.http.Protocols.SetHTTP2(true)
		s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}
	}
	go func() { // Close waits for it
		if cert != nil {
			s.served <- s.http.ServeTLS(l, "", "")
		} else {
			s.served <- s.http.Serve(l)
		}
	}()
	return s, nil
}

// Close hangs up on everybody and returns when no handler runs any more.
func (s *server) Close() error {
	err := errors.New("the fake is closed already")
	s.once.Do(func() {
		close(s.closing)
		err = s.http.Close()
		if ended := <-s.served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		s.mu.Lock()
		s.gone = true
		s.mu.Unlock()
		s.busy.Wait()
	})
	return err
}

// enter counts a handler in, unless the server is closing: Close on the HTTP
// server does not wait for one that it has just accepted.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	s.busy.Add(1)
	return true
}

// hang keeps a request waiting until the client or the server leaves.
func (s *server) hang(r *http.Request) {
	select {
	case <-s.closing:
	case <-r.Context().Done():
	}
}

// cut closes the connection of a request under it.
func cut(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		if t, ok := c.(*tls.Conn); ok {
			c = t.NetConn()
		}
		_ = c.Close()
	}
	panic(http.ErrAbortHandler)
}
