package embedded

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// attributes put a child in its own group, under the account, and have it
// shut down when we die, however we die.
func (a account) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT, Credential: a.credential()}
}

// serves says whether the process is a live Postgres of the data folder. A
// number alone proves nothing: after a reboot or in a container it is often
// another process's, and a zombie serves nobody.
func serves(pid int, data string) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// "12 (name) S …": the name may hold anything, so look behind it.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	if rest == "" || rest[0] == 'Z' || rest[0] == 'X' {
		return false
	}
	cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil { // a container's root may not look
		return strings.Contains(string(stat), "(postgres)")
	}
	own, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, own)
}
