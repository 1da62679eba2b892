//go:build unix && !linux

package proctest

import "syscall"

// dieWithUs keeps the server out of the terminal's group. Nothing tells it of
// a test binary that is killed.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
