// Licences fails when something that is built into a package comes under a
// licence that is not on our list, or under none: the licence of each module,
// and any other that lies beside or above a package of it.
//
//	go run ./licences ../.. ./cmd/openinsure
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences that we can keep by passing their texts on:
// permissive ones, and MPL-2.0, which asks for no more than the source of its
// own files.
var allowed = []string{
	"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unlicense", "Zlib",
}

// known are licences that the list's names cannot tell, by the path of the
// module and the file, each with who looked and why it is fine.
var known = map[string]string{
	"github.com/xi2/xz/LICENSE": "puts the code into the public domain and asks for nothing, in words of its own",
}

// enough is how much of a file must be licences, in percent. What is more than
// a licence may take something back.
const enough = 75

var (
	named   = regexp.MustCompile(`(?i)^(?:un)?licen[cs]es?(?:[.-].*)?$|^copying(?:[.-].*)?$`)
	sources = regexp.MustCompile(`\.(?:go|s|c|h|js)$`)
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: licences DIR PACKAGE")
		os.Exit(2)
	}
	modules, bad, err := check(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, b := range bad {
		fmt.Fprintln(os.Stderr, b)
	}
	if len(bad) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d modules, all under licences that are allowed\n", modules)
}

// check looks at everything that pkg in dir is built from.
func check(dir, pkg string) (modules int, bad []string, err error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module", pkg) //nolint:gosec // the Makefile says what
	list.Dir, list.Stderr = dir, os.Stderr
	out, err := list.Output()
	if err != nil {
		return 0, nil, fmt.Errorf("go list: %w", err)
	}
	roots := map[string]string{}     // of each module, its path
	folders := map[string][]string{} // of each module's root, those of its packages and above
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir      string
			Standard bool
			Module   *struct{ Path, Dir string }
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, nil, fmt.Errorf("go list: %w", err)
		}
		if p.Standard {
			continue // Go's own licence is BSD-3-Clause
		}
		if p.Module == nil {
			return 0, nil, fmt.Errorf("%s belongs to no module", p.Dir)
		}
		root := p.Module.Dir
		roots[root] = p.Module.Path
		for at := p.Dir; strings.HasPrefix(at, root); at = filepath.Dir(at) {
			folders[root] = append(folders[root], at)
		}
		files, err := os.ReadDir(p.Dir)
		if err != nil {
			return 0, nil, err
		}
		for _, f := range files { // what is embedded may bring its licence along
			if f.IsDir() {
				folders[root] = append(folders[root], filepath.Join(p.Dir, f.Name()))
			}
		}
	}
	for root, module := range roots {
		more, err := checkModule(root, module, folders[root])
		if err != nil {
			return 0, nil, err
		}
		bad = append(bad, more...)
	}
	slices.Sort(bad)
	return len(roots), bad, nil
}

func checkModule(root, module string, folders []string) ([]string, error) {
	slices.Sort(folders)
	var bad []string
	atRoot := 0
	for _, folder := range slices.Compact(folders) {
		files, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.IsDir() || !named.MatchString(f.Name()) || sources.MatchString(f.Name()) {
				continue
			}
			if folder == root {
				atRoot++
			}
			file := filepath.Join(folder, f.Name())
			text, err := os.ReadFile(file) //nolint:gosec // in a module
			if err != nil {
				return nil, err
			}
			name := module + strings.TrimPrefix(file, root)
			if why := refused(text); why != "" && known[name] == "" {
				bad = append(bad, name+": "+why)
			}
		}
	}
	if atRoot == 0 && known[module] == "" {
		bad = append(bad, module+": no licence")
	}
	return bad, nil
}

// refused says what is wrong with the text of a licence, or nothing.
func refused(text []byte) string {
	found := licensecheck.Scan(text)
	if found.Percent < enough {
		return fmt.Sprintf("only %.0f%% of it is a licence that we know", found.Percent)
	}
	for _, m := range found.Match {
		if !slices.Contains(allowed, m.ID) {
			return m.ID + " is not on the list"
		}
	}
	return ""
}
