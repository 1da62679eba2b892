// Package redistest gives a test a real Redis of its own, to be stopped,
// frozen and lost. It never skips: a machine without redis-server fails.
package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/proctest"
)

// startIn is how long a Redis may take to answer: it forks nothing and loads
// nothing, so that only a crowded machine needs more than a moment.
const startIn = 15 * time.Second

// A Server is one redis-server, which keeps nothing on disk. Its methods are
// for the goroutine of the test.
type Server struct {
	*proctest.Process
	t        testing.TB
	dir      string
	addr     string
	settings []string
}

// Start starts a server on a free port of the loopback and stops it when the
// test is over. Settings are more arguments of redis-server:
// "--maxclients", "20".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{Process: proctest.New(t), t: t, dir: t.TempDir(), settings: settings}
	var err error
	for range 5 { // somebody else may take the free port before Redis does
		if s.addr, err = free(); err != nil {
			break
		}
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatalf("start a Redis for the test: %v", err)
	return nil
}

// Reserved returns the address of a server that was never started; Restart
// starts it.
func Reserved(t testing.TB, settings ...string) *Server {
	t.Helper()
	addr, err := free()
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Process: proctest.New(t), t: t, dir: t.TempDir(), addr: addr, settings: settings}
}

func free() (string, error) {
	// A cluster's bus listens at the port + 10000, which must exist too.
	for {
		addr, err := proctest.Free()
		if err != nil {
			return "", err
		}
		if a, err := netip.ParseAddrPort(addr); err != nil || a.Port() < 55000 {
			return addr, err
		}
	}
}

func (s *Server) start() error {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("redis-server is needed (Debian: apt-get install redis-server): %w", err)
	}
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	args := append([]string{
		"--port", port, "--bind", host, "--dir", s.dir, "--save", "", "--appendonly", "no",
		"--logfile", filepath.Join(s.dir, "log"),
	}, s.settings...)
	if err := s.Process.Start(exec.Command(binary, args...)); err != nil { //nolint:gosec // redis-server, with what a test says
		return err
	}
	for deadline := time.Now().Add(startIn); ; {
		answer, err := s.Do("PING")
		if err == nil && answer == "PONG" {
			return nil
		}
		if time.Now().After(deadline) {
			err = fmt.Errorf("no answer in %v: %w", startIn, err)
		} else {
			select {
			case <-s.Ended():
				err = errors.New("redis-server ended")
			case <-time.After(5 * time.Millisecond):
				continue
			}
		}
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		s.Kill()
		return fmt.Errorf("%w; its log:\n%s", err, log)
	}
}

// Addr is host:port.
func (s *Server) Addr() string { return s.addr }

// URL is the address for a client.
func (s *Server) URL() string { return "redis://" + s.addr }

// Stop ends the server as an operator would and waits until it is gone.
func (s *Server) Stop() {
	s.t.Helper()
	s.End(syscall.SIGTERM)
}

// Restart starts the server again at its address, empty; a running one is
// stopped first.
func (s *Server) Restart() {
	s.t.Helper()
	s.End(syscall.SIGTERM)
	if err := s.start(); err != nil {
		s.t.Fatalf("restart Redis: %v", err)
	}
}

// Must sends a command whose arguments have no spaces, such as "CLIENT KILL
// TYPE pubsub", and returns its answer of one line.
func (s *Server) Must(command string) string {
	s.t.Helper()
	answer, err := s.Do(command)
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	return answer
}

// Do is Must for a command that may fail.
func (s *Server) Do(command string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 5*time.Second, errors.New("the test's own command"))
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	switch line[0] {
	case '-':
		return "", errors.New(line[1:])
	case '$': // one bulk string
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "", err
		}
		bulk := make([]byte, n)
		for read := 0; read < n; {
			m, err := r.Read(bulk[read:])
			if err != nil {
				return "", err
			}
			read += m
		}
		return string(bulk), nil
	}
	return line[1:], nil
}
