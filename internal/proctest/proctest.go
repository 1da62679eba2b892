// Package proctest runs a server as a process of a test's own, to be stopped,
// frozen and lost.
package proctest

import (
	"net"
	"os/exec"
	"syscall"
	"testing"
)

// A Process is a server that may be started, ended and started again. Its methods
// are for the goroutine of the test.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd     // nil when it does not run
	ended chan struct{} // closed when cmd is gone
}

// New returns a process that does not run yet; it is killed when the test is over.
func New(t testing.TB) *Process {
	p := &Process{t: t}
	t.Cleanup(p.Kill)
	return p
}

// Start starts it. It ends when the test binary does, however that ends.
func (p *Process) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = dieWithUs()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() { // ends with the process, for which End waits
		_ = cmd.Wait() // a killed server is what was wanted
		close(ended)
	}()
	return nil
}

// Ended is closed when the process that was started last is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// End ends it by a signal and waits until it is gone.
func (p *Process) End(sig syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)             // it may be gone already
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // a frozen one hears only SIGKILL
	<-p.ended
	p.cmd = nil
}

// Kill ends it as kill -9 does and waits until it is gone.
func (p *Process) Kill() { p.End(syscall.SIGKILL) }

// Pause freezes it: its connections stay, and nothing answers.
func (p *Process) Pause() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
}

// Continue lets a frozen one go on.
func (p *Process) Continue() {
	p.t.Helper()
	p.signal(syscall.SIGCONT)
}

func (p *Process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// Free is an address of the loopback, as host:port, that nobody listens at;
// somebody may before the caller does.
func Free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
