package demo

import "syscall"

// ofItsOwn has a child end when the demo does, however that ends.
func ofItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
