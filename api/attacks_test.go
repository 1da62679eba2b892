package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAttacksAreShown compares docs/attacks.md with the tests that there are:
// each row names one at least, and each that it names exists.
func TestAttacksAreShown(t *testing.T) {
	page, err := os.ReadFile("../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	there := testNames(t)
	rows := 0
	for line := range strings.SplitSeq(string(page), "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 2 || strings.HasPrefix(line, "| attack |") {
			continue
		}
		rows++
		if len(cells) != 4 {
			t.Errorf("a row of %d columns: %s", len(cells), line)
			continue
		}
		named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(cells[3], -1)
		if len(named) == 0 {
			t.Errorf("no test shows %s", cells[0])
		}
		for _, n := range named {
			if !there[n[1]] {
				t.Errorf("%s is to show %q, and there is no such test", n[1], strings.TrimPrefix(cells[0], "| "))
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows were read", rows)
	}
	// Every test of an intruder is there to be shown.
	for name := range there {
		if strings.HasPrefix(name, "TestIntruder") && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/attacks.md does not name %s", name)
		}
	}
}

// testNames finds the names of all tests of the repository.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				found[fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
