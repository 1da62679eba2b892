//go:build unix

package embedded_test

import (
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/openinsure/openinsure/store/embedded"
)

// When the tests run as root, the essential ones run again as nobody; as an
// ordinary user all of them are that already.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	home := folder(t)
	other := nobody(t)
	if err := os.Chown(home, int(other.Uid), int(other.Gid)); err != nil {
		t.Fatal(err)
	}
	// go test builds into a folder closed to others.
	binary := filepath.Join(home, "embedded.test")
	copyFile(t, binary)
	cmd := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run",
		"^(TestRestartKeepsData|TestParentKilled|TestPostgresKilled|TestRecycledProcessNumber|TestSettings)$")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: other}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS"); n != 5 {
		t.Errorf("%d tests passed as nobody, want 5:\n%s", n, out)
	}
}

func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func copyFile(t *testing.T, to string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, from); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Postgres refuses root, so the data belongs to somebody else, and stays his
// when a user postgres appears later.
func TestRootGivesTheDataAway(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	data := filepath.Join(dir, "data")
	s := start(t, config(dir))
	remember(t, s.URL())
	owner := ownerOf(t, data)
	if os.Geteuid() != 0 {
		if owner != os.Geteuid() {
			t.Errorf("the data belongs to user %d, want us", owner)
		}
		return
	}
	if owner == 0 {
		t.Error("the data belongs to root")
	}
	stop(t, s)

	other := nobody(t)
	if err := filepath.WalkDir(data, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(other.Uid), int(other.Gid))
	}); err != nil {
		t.Fatal(err)
	}
	s = start(t, config(dir))
	checkRemembered(t, s.URL())
	if got := ownerOf(t, data); got != int(other.Uid) {
		t.Errorf("the data belongs to user %d, want nobody as before", got)
	}
}

func ownerOf(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func TestClosedParentFolder(t *testing.T) {
	closed := filepath.Join(folder(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Start(t.Context(), config(filepath.Join(closed, "postgres")))
	if err == nil {
		stop(t, s)
	}
	if os.Geteuid() != 0 { // our own folder, open to us
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), closed+" is closed to others") {
		t.Errorf("start: %v, want the folder that is closed", err)
	}
	if info, err := os.Stat(closed); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the closed folder is now %v, %v; want it untouched", info.Mode(), err)
	}
}
