package redistest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/hub/redistest"
)

func TestServer(t *testing.T) {
	s := redistest.Start(t)
	addr := s.Addr()
	s.Must("SET a 1")
	if got := s.Must("GET a"); got != "1" {
		t.Errorf("GET a = %q, want 1", got)
	}
	s.Stop()
	if answer, err := s.Do("PING"); err == nil {
		t.Errorf("a stopped server answers %q", answer)
	}
	s.Restart()
	if s.Addr() != addr {
		t.Errorf("restarted at %s, want %s", s.Addr(), addr)
	}
	if got := s.Must("EXISTS a"); got != "0" {
		t.Errorf("EXISTS a = %q after a restart, want it empty", got)
	}
	s.Pause()
	s.Continue()
	if got := s.Must("PING"); got != "PONG" {
		t.Errorf("PING = %q after a pause", got)
	}
	s.Pause()
	s.Stop() // must not wait for a frozen server
}

func TestMissingBinary(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	failed := make(chan string, 1)
	inner := &recorder{TB: t, failed: failed}
	done := make(chan struct{})
	go func() {
		defer close(done)
		redistest.Start(inner)
	}()
	<-done
	if got := <-failed; !strings.Contains(got, "redis-server") {
		t.Errorf("failed with %q, want it to name redis-server", got)
	}
}

func TestCluster(t *testing.T) {
	servers := redistest.StartCluster(t, 3)
	if _, err := servers[0].Do("SPUBLISH {oi:0} x"); err != nil && !strings.HasPrefix(err.Error(), "MOVED") {
		t.Errorf("SPUBLISH on a cluster: %v", err)
	}
}

// A recorder takes the failure of a test that is meant to fail.
type recorder struct {
	testing.TB

	failed chan string
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed <- fmt.Sprintf(format, args...)
	runtime.Goexit()
}
