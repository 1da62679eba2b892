package pushtest

import (
	"errors"
	"net"
	"sync"
)

// countingListener knows its open connections.
type countingListener struct {
	net.Listener

	mu     sync.Mutex
	open   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
	most   int                   // guarded by mu
	all    int                   // guarded by mu
}

// Accept implements net.Listener.
func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	l.open[c] = struct{}{}
	l.all++
	l.most = max(l.most, len(l.open))
	return countedConn{c, l}, nil
}

func (l *countingListener) counts() (now, most, all int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open), l.most, l.all
}

// hangUp closes the listener and all its connections.
func (l *countingListener) hangUp() {
	l.mu.Lock()
	l.closed = true
	open := l.open
	l.open = map[net.Conn]struct{}{}
	l.mu.Unlock()
	_ = l.Listener.Close()
	for c := range open {
		_ = c.Close()
	}
}

// countedConn tells its listener when it is closed.
type countedConn struct {
	net.Conn
	l *countingListener
}

// Close implements net.Conn.
func (c countedConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c.Conn)
	c.l.mu.Unlock()
	return c.Conn.Close()
}
