//go:build unix

package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const logCap = 10 << 20 // bytes; a longer log is emptied at the next start

// makeDir leaves parents alone. As root the folder itself must let the
// account through to data/, which stays closed to everybody else.
func (c *cluster) makeDir() error {
	mode := os.FileMode(0o700)
	if c.acc.other {
		mode = 0o711
	}
	if err := os.MkdirAll(c.dir, mode); err != nil {
		return err
	}
	info, err := os.Stat(c.dir)
	if err != nil {
		return err
	}
	if missing := mode &^ info.Mode().Perm(); missing != 0 {
		return os.Chmod(c.dir, info.Mode().Perm()|missing)
	}
	return nil
}

// openLog opens postgres.log, emptied first when it has grown too long.
func (c *cluster) openLog() error {
	f, err := os.OpenFile(filepath.Join(c.dir, "postgres.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	c.log = f
	if info, err := f.Stat(); err == nil && info.Size() > logCap {
		if err := f.Truncate(0); err != nil {
			_ = f.Close()
			return err
		}
	}
	c.markLog()
	return nil
}

// markLog makes lastWords begin here.
func (c *cluster) markLog() {
	if info, err := c.log.Stat(); err == nil {
		c.logStart = info.Size()
	}
}

// lastWords are the last lines logged since markLog.
func (c *cluster) lastWords() string {
	const most = 4096
	f, err := os.Open(filepath.Join(c.dir, "postgres.log"))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	from := c.logStart
	if info, err := f.Stat(); err == nil {
		from = max(from, info.Size()-most)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// loadPassword reads the password, or makes one before there is any data.
func (c *cluster) loadPassword() error {
	file := filepath.Join(c.dir, "password")
	b, err := os.ReadFile(file) //nolint:gosec // in our own folder
	c.password = strings.TrimSpace(string(b))
	switch {
	case err == nil && c.password != "":
		return nil
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	case c.hasData():
		return fmt.Errorf("there is data in %s, but its password is missing from %s", c.data(), file)
	}
	c.password = rand.Text()
	return writeSynced(file, c.password)
}

func writeSynced(file, text string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // in our own folder
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

func (c *cluster) hasData() bool {
	_, err := os.Stat(filepath.Join(c.data(), "PG_VERSION"))
	return err == nil
}

// initialise runs initdb in a folder aside and renames it when it has
// finished, so that data/ is whole or absent. What a crash left is removed.
func (c *cluster) initialise(ctx context.Context) error {
	leftovers, err := filepath.Glob(filepath.Join(c.dir, "init-*"))
	if err != nil {
		return err
	}
	for _, l := range leftovers {
		// An initdb that is still dying may write into it; next time, then.
		if err := os.RemoveAll(l); err != nil {
			c.cfg.Logger.WarnContext(ctx, "cannot remove an unfinished initdb", "error", err)
		}
	}
	if c.hasData() {
		return nil
	}
	// An empty folder is fine; anything else is not ours to remove.
	if err := os.Remove(c.data()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not a Postgres data folder; move it away and start again: %w", c.data(), err)
	}
	aside, err := os.MkdirTemp(c.dir, "init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside) // gone already when all went well, but for the password
	pwfile := filepath.Join(aside, "password")
	if err := os.WriteFile(pwfile, []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := errors.Join(c.acc.own(pwfile), c.acc.own(aside)); err != nil {
		return err
	}
	// Not every C library has C.UTF-8; plain C knows only ASCII letters.
	for _, locale := range []string{"C.UTF-8", "C"} {
		fresh := filepath.Join(aside, locale)
		args := []string{
			"--pgdata=" + fresh, "--username=" + name, "--pwfile=" + pwfile, "--auth=scram-sha-256",
			"--encoding=UTF8", "--locale=" + locale, "--lc-messages=C", "--data-checksums",
		}
		if c.cfg.Settings["fsync"] == "off" {
			args = append(args, "--no-sync")
		}
		c.markLog()
		if err = run(ctx, c.command("initdb", args...)); err == nil {
			return c.adopt(fresh)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("initdb: %w; its last words:\n%s", err, c.lastWords())
}

// adopt makes a finished cluster the data folder, durably.
func (c *cluster) adopt(fresh string) error {
	if err := os.Rename(fresh, c.data()); err != nil {
		return err
	}
	d, err := os.Open(c.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
