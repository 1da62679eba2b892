//go:build unix && !linux

package demo

import "syscall"

// ofItsOwn keeps a child out of the terminal's group. Nothing tells it of a demo
// that was killed.
func ofItsOwn() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
