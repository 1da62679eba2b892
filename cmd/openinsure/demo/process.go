package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// A process is a child in a group of its own, so that Ctrl-C reaches the demo
// and not it, with a file of what it says.
type process struct {
	cmd   *exec.Cmd
	file  string
	done  chan struct{} // closed when it is gone
	ended error         // written before done closes
	asked bool          // to end
}

// startProcess starts a program; it inherits the environment when env is nil.
func startProcess(log string, env []string, command ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // in our own folder
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own
	p := &process{file: log, done: make(chan struct{})}
	p.cmd = exec.Command(command[0], command[1:]...) //nolint:gosec // this program, or redis-server
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, out, out
	p.cmd.SysProcAttr = ofItsOwn()
	started := make(chan error)
	go func() { // stop waits for it
		// The kernel tells a child of its parent's death when the thread ends
		// that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.ended = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// log is what it said.
func (p *process) log() string {
	b, err := os.ReadFile(p.file)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// interrupt asks it to end, once: a program that is about to end has given up
// its handlers, and dies of another one.
func (p *process) interrupt() {
	if p.asked {
		return
	}
	select {
	case <-p.done:
	default:
		p.asked = true
		_ = p.cmd.Process.Signal(os.Interrupt) // it may be gone
	}
}

// stop ends it and waits until it is gone. One that ended by itself, or had to
// be killed, is an error.
func (p *process) stop(patience time.Duration) error {
	p.interrupt()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Kill() // it may be gone
		<-p.done
		return fmt.Errorf("it did not stop in %v and was killed", patience)
	}
	if !p.asked {
		return errors.Join(errors.New("it ended by itself"), p.ended)
	}
	return p.ended
}
