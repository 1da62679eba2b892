//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrInUse means that the server of this folder belongs to a living process.
var ErrInUse = errors.New("another openinsure is using")

var errPatience = errors.New("waited long enough")

// lockDir holds the folder until the file is closed or we die. The lock is
// not inherited by Postgres: it stands for the parent.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in our own folder
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			_ = f.Close()
			return nil, fmt.Errorf("lock the folder: %w", err)
		}
		if !pause(ctx, 50*time.Millisecond) {
			_ = f.Close()
			if cause := context.Cause(ctx); !errors.Is(cause, errPatience) {
				return nil, cause
			}
			return nil, fmt.Errorf("%w %s", ErrInUse, dir)
		}
	}
}

// awaitPredecessor waits for a Postgres whose parent was killed: we hold the
// folder's lock, so nobody else will stop it.
func (c *cluster) awaitPredecessor(ctx context.Context) error {
	file := filepath.Join(c.data(), "postmaster.pid")
	told := false
	for {
		pid, err := readPID(file)
		if err != nil || pid == 0 {
			return err
		}
		if !serves(pid, c.data()) {
			// A process of the same user with a recycled number would make
			// Postgres refuse to start for good.
			if err := syscall.Kill(pid, 0); err == nil {
				err = os.Remove(file)
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
			}
			return nil
		}
		if !told {
			// On Linux the kernel has told it already; twice does no harm.
			c.cfg.Logger.WarnContext(ctx, "waiting for a predecessor's postgres", "pid", pid)
			_ = syscall.Kill(pid, syscall.SIGINT)
			told = true
		}
		if !pause(ctx, 50*time.Millisecond) {
			if cause := context.Cause(ctx); !errors.Is(cause, errPatience) {
				return cause
			}
			return fmt.Errorf("a postgres left behind (process %d) still uses the folder; end it and start again", pid)
		}
	}
}

// readPID is 0 when there is no file, or none that Postgres finished writing.
func readPID(file string) (int, error) {
	b, err := os.ReadFile(file) //nolint:gosec // in our own folder
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 {
		return 0, nil
	}
	return pid, nil
}
