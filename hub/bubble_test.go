package hub_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/openinsure/openinsure/hub"
)

// inBubble runs a test about time in a bubble, where no time passes while
// anything is left to be done: a busy machine is not late for anything.
func inBubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// startNodeHere is startNode for a bubble: its connections are in memory, since
// whoever waits for a network does not let the time of a bubble pass.
func startNodeHere(t testing.TB, log hub.Log, broker hub.Broker, app *testApp, cfg hub.Config) *node {
	t.Helper()
	conns := &pipes{conns: make(chan net.Conn), over: make(chan struct{})}
	transport := &http.Transport{DialContext: conns.dial}
	n := &node{url: "http://node", http: &http.Client{Transport: transport}}
	server := &http.Server{Handler: http.HandlerFunc(n.serve)} //nolint:gosec // all its clients are the test's
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(conns) }) // returns when it is closed
	n.start(t, func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	}, hub.New(log, broker, app, cfg), app)
	return n
}

// singleHere is single for a bubble.
func singleHere(t testing.TB, cfg hub.Config) (*node, *memoryLog) {
	t.Helper()
	log := newLog()
	return startNodeHere(t, log, hub.NewMemory(), newApp(log), cfg), log
}

// pipes is a listener in memory.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
	once  sync.Once
}

func (l *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.over:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept implements net.Listener.
func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pipes) Close() error {
	l.once.Do(func() { close(l.over) })
	return nil
}

// Addr implements net.Listener.
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "node", Net: "pipe"} }
