//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Running returns the address of the server of a folder while another process
// has it running; ok is false when none has. It starts nothing.
func Running(dir string) (address string, ok bool, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0) //nolint:gosec // in our own data folder
	if errors.Is(err, os.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer f.Close() // and gives the lock back
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
		return "", false, err
	}
	c := &cluster{dir: dir}
	port, err := readPort(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return "", false, fmt.Errorf("private postgres in %s is starting or ending: %w", dir, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "password")) //nolint:gosec // in our own data folder
	if err != nil {
		return "", false, err
	}
	c.password = strings.TrimSpace(string(b))
	return c.url(port, name), true, nil
}

// readPort reads the fourth line of Postgres's own file.
func readPort(file string) (int, error) {
	b, err := os.ReadFile(file) //nolint:gosec // in our own data folder
	if err != nil {
		return 0, err
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 4 {
		return 0, errors.New("it has no port yet")
	}
	return strconv.Atoi(strings.TrimSpace(lines[3]))
}
