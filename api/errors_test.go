package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/fault"
)

// TestErrorsAreDocumented compares docs/errors.md with the faults that the
// program declares: no code is without its row, and no row without a code.
func TestErrorsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, codes, _ := strings.Cut(string(page), "\n## Codes\n")
	codes, _, _ = strings.Cut(codes, "\n## ")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([0-9]{3}) \\|").FindAllStringSubmatch(codes, -1) {
		if documented[row[1]] != "" {
			t.Errorf("%s has two rows", row[1])
		}
		documented[row[1]] = row[2]
	}
	declared := faults(t)
	if len(declared) < 40 {
		t.Fatalf("only %d faults found", len(declared))
	}
	for code, kind := range declared {
		status := strconv.Itoa(statusOf(fault.New(kind, code, "")))
		if documented[code] == "" {
			t.Errorf("%s, which is %s, has no row in docs/errors.md", code, status)
		} else if documented[code] != status {
			t.Errorf("docs/errors.md says that %s is %s; it is %s", code, documented[code], status)
		}
	}
	for code := range documented {
		if _, ok := declared[code]; !ok {
			t.Errorf("docs/errors.md has a row for %s, which nothing declares", code)
		}
	}
}

// kinds are the kinds of faults by their names in Go.
var kinds = map[string]fault.Kind{
	"Internal": fault.Internal, "Invalid": fault.Invalid, "Unauthenticated": fault.Unauthenticated, "Forbidden": fault.Forbidden,
	"NotFound": fault.NotFound, "Conflict": fault.Conflict, "Stale": fault.Stale, "Refused": fault.Refused, "TooMany": fault.TooMany,
	"Unavailable": fault.Unavailable,
}

// faults finds every call of fault.New and returns its kind by its code.
func faults(t *testing.T) map[string]fault.Kind {
	t.Helper()
	found := map[string]fault.Kind{}
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			switch fun := call.Fun.(type) {
			case *ast.SelectorExpr:
				if of, ok := fun.X.(*ast.Ident); !ok || of.Name != "fault" || fun.Sel.Name != "New" {
					return true
				}
			case *ast.Ident:
				if fun.Name != "New" || f.Name.Name != "fault" {
					return true
				}
			default:
				return true
			}
			code, ok := call.Args[1].(*ast.BasicLit)
			if !ok {
				return true // another's, passed on
			}
			name, err := strconv.Unquote(code.Value)
			if err != nil {
				t.Error(err)
			}
			kind := call.Args[0]
			if sel, ok := kind.(*ast.SelectorExpr); ok {
				kind = sel.Sel
			}
			k, ok := kinds[kind.(*ast.Ident).Name]
			if !ok {
				t.Errorf("%s: an unknown kind", fset.Position(call.Pos()))
			}
			found[name] = k
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// blamed finds the rule in code that blames a field.
var blamed = regexp.MustCompile(`(?:\.Field\([^\n]*|(?:when|wrong)\([^\n]*, [^,\n]+), "([A-Za-z]+)"\)|ruleError\("([A-Za-z]+)"\)|^\t\t&validation\.Msg\w+: +"([A-Za-z]+)",`)

// TestRulesAreDocumented compares the rules of docs/errors.md with those that the
// program names: none is without its row, and none has two.
func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(string(page), "\n## Rules\n")
	documented := map[string]int{}
	for line := range strings.SplitSeq(rules, "\n") {
		if row, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(row, "`") {
			for rule := range strings.SplitSeq(row, ", ") {
				documented[strings.Trim(rule, "`")]++
			}
		}
	}
	for rule, n := range documented {
		if n > 1 {
			t.Errorf("%s has %d rows", rule, n)
		}
	}
	found := 0
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/.ci/") {
			return err
		}
		source, err := os.ReadFile(path) //nolint:gosec // of this repository
		for line := range strings.SplitSeq(string(source), "\n") {
			for _, m := range blamed.FindAllStringSubmatch(line, -1) {
				found++
				if rule := m[1] + m[2] + m[3]; documented[rule] == 0 {
					t.Errorf("%s names the rule %s, which has no row in docs/errors.md", path, rule)
				}
			}
		}
		return err
	})
	if err != nil || found < 150 {
		t.Errorf("%d rules found, %v", found, err)
	}
}
