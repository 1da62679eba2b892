//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const oldest = 14 // the first major version we test with

const advice = "install PostgreSQL 14 or newer (Debian: apt-get install postgresql), or set DATABASE_URL"

// binaries are an initdb and a postgres of one version.
type binaries struct {
	dir          string
	major, minor int
	version      string
}

// binDirs are the folders where packages put Postgres.
func binDirs() []string {
	var dirs []string
	for _, d := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(d) {
			dirs = append(dirs, d)
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		found, _ := filepath.Glob(pattern) // fails only on a bad pattern
		dirs = append(dirs, found...)
	}
	return dirs
}

// findBinaries takes the version the data was made with, else the newest on
// the machine; what the machine lacks is downloaded.
func (c *cluster) findBinaries(ctx context.Context) error {
	want, err := c.dataMajor()
	if err != nil {
		return err
	}
	found, reasons := c.onMachine(ctx)
	if b, ok := choose(found, want); ok {
		c.bin = b
		return c.tryReach(ctx)
	}
	downloaded, err := c.download(ctx, want)
	if err == nil {
		if c.bin, err = c.inspect(ctx, downloaded); err == nil {
			return c.tryReach(ctx)
		}
		return c.acc.explain(err, downloaded)
	}
	if reasons != nil {
		err = fmt.Errorf("%w; %w", err, reasons)
	}
	if want != 0 {
		return fmt.Errorf("the data in %s needs PostgreSQL %d, which is not on this machine and could not be downloaded (%w); install that version (Debian: apt-get install postgresql-%d), or set DATABASE_URL", c.data(), want, err, want)
	}
	return fmt.Errorf("no PostgreSQL on this machine, and it could not be downloaded (%w); %s", err, advice)
}

// dataMajor is 0 when there is no data yet.
func (c *cluster) dataMajor() (int, error) {
	b, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("PG_VERSION of %s: %w", c.data(), err)
	}
	return major, nil
}

// onMachine inspects every candidate once, and says what is wrong with those
// that look like Postgres but do not run.
func (c *cluster) onMachine(ctx context.Context) (found []binaries, reasons error) {
	own, _ := filepath.Glob(filepath.Join(c.dir, "bin", "[0-9]*", "bin"))
	seen := map[string]bool{}
	for _, d := range append(c.cfg.BinDirs(), own...) {
		// Debian and Homebrew link to the real folder, where initdb's
		// companions are.
		postgres, err := filepath.EvalSymlinks(filepath.Join(d, "postgres"))
		if err != nil {
			continue
		}
		home := filepath.Dir(postgres)
		if seen[home] {
			continue
		}
		seen[home] = true
		if _, err := os.Stat(filepath.Join(home, "initdb")); err != nil {
			continue
		}
		b, err := c.inspect(ctx, home)
		if err != nil {
			reasons = errors.Join(reasons, err)
			continue
		}
		found = append(found, b)
	}
	return found, reasons
}

// inspect asks the binaries for their version, as the account that will run
// them.
func (c *cluster) inspect(ctx context.Context, dir string) (binaries, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("it did not answer within 10 s"))
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version") //nolint:gosec // the binaries that were found, by design
	cmd.Dir = "/"
	cmd.Env = childEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.acc.credential()}
	out, err := cmd.Output()
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s for its version: %w", cmd.Path, err)
	}
	b := binaries{dir: dir}
	// "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", "… 18beta1"
	_, rest, _ := strings.Cut(string(out), "(PostgreSQL) ")
	b.version, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
	if n, _ := fmt.Sscanf(b.version, "%d.%d", &b.major, &b.minor); n == 0 {
		return binaries{}, fmt.Errorf("%s answers %q when asked for its version", cmd.Path, out)
	}
	return b, nil
}

// choose prefers what comes first among equals: BinDirs before our own.
func choose(found []binaries, want int) (binaries, bool) {
	found = slices.DeleteFunc(slices.Clone(found), func(b binaries) bool {
		return want != 0 && b.major != want || b.major < oldest
	})
	if len(found) == 0 {
		return binaries{}, false
	}
	return slices.MaxFunc(found, func(a, b binaries) int {
		return slices.Compare([]int{a.major, a.minor}, []int{b.major, b.minor})
	}), true
}

// tryReach runs something in the folder as the account, which is the one sure
// way to know whether it may.
func (c *cluster) tryReach(ctx context.Context) error {
	if !c.acc.other {
		return nil
	}
	cmd := c.command("postgres", "--version")
	cmd.Stdout = nil
	if err := run(ctx, cmd); err != nil {
		return c.acc.explain(fmt.Errorf("run postgres as user %s: %w", c.acc.name, err), c.dir)
	}
	return nil
}
