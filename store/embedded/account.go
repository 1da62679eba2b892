//go:build unix

package embedded

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// An account is whom Postgres runs as. The zero value is ourselves.
type account struct {
	other    bool
	name     string
	uid, gid int
}

// accountFor is ourselves unless we are root, whom Postgres refuses: then the
// owner of existing data, else postgres, else nobody.
func accountFor(data string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	if info, err := os.Stat(data); err == nil {
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 {
			a := account{other: true, name: "number " + strconv.Itoa(int(st.Uid)), uid: int(st.Uid), gid: int(st.Gid)}
			if u, err := user.LookupId(strconv.Itoa(a.uid)); err == nil {
				a.name = u.Username
			}
			return a, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 {
			return account{other: true, name: name, uid: uid, gid: gid}, nil
		}
	}
	return account{}, fmt.Errorf("postgres refuses to run as root, and this machine has neither a user postgres nor nobody; run openinsure as an ordinary user, or set DATABASE_URL")
}

func (a account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // ids are the system's own
}

// own hands a file or folder to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// explain turns "permission denied" into the folder that is closed.
func (a account) explain(err error, path string) error {
	closed := a.closedFolder(path)
	if closed == "" {
		return err
	}
	return fmt.Errorf("postgres refuses to run as root, so it runs as user %s, who cannot reach %s: %s is closed to others; choose a folder that user can reach, such as /var/lib/openinsure, or set DATABASE_URL", a.name, path, closed)
}

// closedFolder is the topmost folder on the way to path that the account may
// not pass, going by the permission bits; empty when there is none.
func (a account) closedFolder(path string) string {
	if !a.other {
		return ""
	}
	closed := ""
	for ; ; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil {
			st := info.Sys().(*syscall.Stat_t)
			bit := os.FileMode(0o001)
			switch {
			case int(st.Uid) == a.uid:
				bit = 0o100
			case int(st.Gid) == a.gid:
				bit = 0o010
			}
			if info.IsDir() && info.Mode()&bit == 0 {
				closed = path
			}
		}
		if path == filepath.Dir(path) {
			return closed
		}
	}
}
