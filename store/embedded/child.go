//go:build unix

package embedded

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// A child is a process in its own group that we wait for.
type child struct {
	process *os.Process
	state   *os.ProcessState // written before done closes
	done    chan struct{}
}

// startChild keeps one thread for the child: the kernel sends the
// parent-death signal when the thread that started it ends, not the process.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.done)
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // the state says it all: there is nothing to copy
		c.state = cmd.ProcessState
	}()
	if err := <-started; err != nil {
		<-c.done
		return nil, err
	}
	return c, nil
}

// run waits for a short-lived child; when ctx ends, the child is interrupted.
func run(ctx context.Context, cmd *exec.Cmd) error {
	c, err := startChild(cmd)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		c.quit()
		return context.Cause(ctx)
	}
	if !c.state.Success() {
		return &exec.ExitError{ProcessState: c.state}
	}
	return nil
}

// signal does nothing once the child is gone.
func (c *child) signal(sig syscall.Signal) { _ = c.process.Signal(sig) }

// quit makes the child go without delay and waits for it.
func (c *child) quit() {
	c.signal(syscall.SIGQUIT)
	t := time.NewTimer(quitWithin)
	defer t.Stop()
	select {
	case <-c.done:
	case <-t.C:
		c.signal(syscall.SIGKILL)
		<-c.done
	}
}

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// end is "exit status 1" or "signal: killed"; call it after done.
func (c *child) end() string { return c.state.String() }
