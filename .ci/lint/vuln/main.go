// Command vuln looks for known vulnerabilities that a module's code reaches, by
// govulncheck and the copy of Go's vulnerability database that is in this folder,
// so that it works without a network and says the same on every machine:
//
//	vuln <module>            scans all packages of the module in that folder
//	vuln -update <data/osv>  makes the copy anew, from a checkout of github.com/golang/vulndb
//
// The copy has of each entry what a scan needs: which symbols of which versions.
// The database is its authors', under CC BY 4.0.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const database = "vuln/db.ndjson.gz" // from .ci/lint, where go -C runs us

// An entry is as much of an OSV entry as govulncheck goes by.
type entry struct {
	SchemaVersion string     `json:"schema_version"`
	ID            string     `json:"id"`
	Modified      string     `json:"modified"`
	Published     string     `json:"published"`
	Withdrawn     string     `json:"withdrawn,omitempty"`
	Aliases       []string   `json:"aliases,omitempty"`
	Affected      []affected `json:"affected"`

	// The copy does without; govulncheck crashes when it tells of one that has none.
	DatabaseSpecific struct {
		URL string `json:"url"`
	} `json:"database_specific,omitzero"`
}

type affected struct {
	Package           json.RawMessage `json:"package"`
	Ranges            json.RawMessage `json:"ranges,omitempty"`
	EcosystemSpecific struct {
		Imports json.RawMessage `json:"imports,omitempty"`
	} `json:"ecosystem_specific"`
}

func main() {
	from := flag.String("update", "", "folder data/osv of a checkout of the database")
	flag.Parse()
	err := errors.New("usage: vuln <module> | vuln -update <data/osv>")
	switch {
	case *from != "":
		err = update(*from)
	case flag.NArg() == 1:
		err = scan(database, flag.Arg(0), os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vuln:", err)
		os.Exit(1)
	}
}

// scan runs govulncheck on a module; an error says that something was found, or
// that nothing could be looked for.
func scan(copied, module string, out io.Writer) error {
	module, err := filepath.Abs(module)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vulndb")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	n, newest, err := unpack(copied, dir)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", copied, err)
	}
	fmt.Fprintf(out, "Known vulnerabilities: %d, the newest %s.\n", n, newest)
	cmd := exec.Command("go", "tool", "govulncheck", "-db", "file://"+filepath.ToSlash(dir), "-C", module, "./...") //nolint:gosec // a folder of ours, one of the caller's
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(out, &said), os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("govulncheck: %w", err)
	}
	if !strings.Contains(said.String(), "No vulnerabilities found.") { // it may crash and not say so
		return errors.New("govulncheck came to no end")
	}
	return nil
}

// unpack writes the copy's entries as files, as govulncheck reads them.
func unpack(copied, dir string) (n int, newest string, err error) {
	f, err := os.Open(copied) //nolint:gosec // the caller's
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return 0, "", err
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, "", err
		}
		if e.ID == "" || e.ID != filepath.Base(e.ID) {
			return 0, "", fmt.Errorf("entry %d has no id", n+1)
		}
		e.DatabaseSpecific.URL = "https://pkg.go.dev/vuln/" + e.ID
		b, err := json.Marshal(e)
		if err != nil {
			return 0, "", err
		}
		if err := os.WriteFile(filepath.Join(dir, e.ID+".json"), b, 0o600); err != nil {
			return 0, "", err
		}
		n, newest = n+1, max(newest, e.ID)
	}
	if err := lines.Err(); err != nil {
		return 0, "", err
	}
	if n == 0 {
		return 0, "", errors.New("it is empty")
	}
	return n, newest, nil
}

func update(from string) error {
	names, err := filepath.Glob(filepath.Join(from, "GO-*.json"))
	if err != nil {
		return err
	}
	if len(names) < 1000 {
		return fmt.Errorf("only %d entries in %s", len(names), from)
	}
	var lines bytes.Buffer
	z, err := gzip.NewWriterLevel(&lines, gzip.BestCompression)
	if err != nil {
		return err
	}
	for _, name := range names { // sorted
		b, err := os.ReadFile(name) //nolint:gosec // the caller's
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(b, &e); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if e.ID+".json" != filepath.Base(name) {
			return fmt.Errorf("%s is %q", name, e.ID)
		}
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := z.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(database, lines.Bytes(), 0o600)
}
