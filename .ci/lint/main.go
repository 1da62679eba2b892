// Lint is the one linter of this project, run as go vet -vettool: it joins
// the passes of go vet with those of other people, and go vet caches what it
// finds. It is a module of its own so that go.mod lists only what the product
// uses; the leading dot of .ci keeps it out of ./... there.
//
// gosec is among them, for all files but tests. Beside it, licences checks what
// is built in, and govulncheck is pinned here for make vuln.
//
// An exception is a comment on the line of the finding or above it, naming
// the check and giving the reason:
//
//	//lint:ignore SA1019 the replacement does not speak HTTP/1.1
//	v == http.ErrAbortHandler //nolint:errorlint // net/http panics with it as it is
package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/jingyugao/rowserrcheck/passes/rowserr"
	"github.com/polyfloyd/go-errorlint/errorlint"
	"github.com/timakin/bodyclose/passes/bodyclose"
	"go-simpler.org/sloglint"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/appends"
	"golang.org/x/tools/go/analysis/passes/asmdecl"
	"golang.org/x/tools/go/analysis/passes/assign"
	"golang.org/x/tools/go/analysis/passes/atomic"
	"golang.org/x/tools/go/analysis/passes/bools"
	"golang.org/x/tools/go/analysis/passes/buildssa"
	"golang.org/x/tools/go/analysis/passes/buildtag"
	"golang.org/x/tools/go/analysis/passes/cgocall"
	"golang.org/x/tools/go/analysis/passes/composite"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/analysis/passes/defers"
	"golang.org/x/tools/go/analysis/passes/directive"
	"golang.org/x/tools/go/analysis/passes/errorsas"
	"golang.org/x/tools/go/analysis/passes/framepointer"
	"golang.org/x/tools/go/analysis/passes/hostport"
	"golang.org/x/tools/go/analysis/passes/httpresponse"
	"golang.org/x/tools/go/analysis/passes/ifaceassert"
	"golang.org/x/tools/go/analysis/passes/loopclosure"
	"golang.org/x/tools/go/analysis/passes/lostcancel"
	"golang.org/x/tools/go/analysis/passes/modernize"
	"golang.org/x/tools/go/analysis/passes/nilfunc"
	"golang.org/x/tools/go/analysis/passes/nilness"
	"golang.org/x/tools/go/analysis/passes/printf"
	"golang.org/x/tools/go/analysis/passes/shift"
	"golang.org/x/tools/go/analysis/passes/sigchanyzer"
	"golang.org/x/tools/go/analysis/passes/slog"
	"golang.org/x/tools/go/analysis/passes/stdmethods"
	"golang.org/x/tools/go/analysis/passes/stdversion"
	"golang.org/x/tools/go/analysis/passes/stringintconv"
	"golang.org/x/tools/go/analysis/passes/structtag"
	"golang.org/x/tools/go/analysis/passes/testinggoroutine"
	"golang.org/x/tools/go/analysis/passes/tests"
	"golang.org/x/tools/go/analysis/passes/timeformat"
	"golang.org/x/tools/go/analysis/passes/unmarshal"
	"golang.org/x/tools/go/analysis/passes/unreachable"
	"golang.org/x/tools/go/analysis/passes/unsafeptr"
	"golang.org/x/tools/go/analysis/passes/unusedresult"
	"golang.org/x/tools/go/analysis/passes/unusedwrite"
	"golang.org/x/tools/go/analysis/passes/waitgroup"
	"golang.org/x/tools/go/analysis/unitchecker"
	"golang.org/x/tools/go/packages"
	"honnef.co/go/tools/analysis/lint"
	"honnef.co/go/tools/quickfix/qf1004"
	"honnef.co/go/tools/quickfix/qf1012"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
	"honnef.co/go/tools/unused"
	"mvdan.cc/unparam/check"
)

// vet is what go vet itself runs (cmd/vet/main.go), and nilness and
// unusedwrite, which it leaves out only for the time they take.
var vet = []*analysis.Analyzer{
	appends.Analyzer, asmdecl.Analyzer, assign.Analyzer, atomic.Analyzer,
	bools.Analyzer, buildtag.Analyzer, cgocall.Analyzer, composite.Analyzer,
	copylock.Analyzer, defers.Analyzer, directive.Analyzer,
	errorsas.Analyzer, framepointer.Analyzer, hostport.Analyzer,
	httpresponse.Analyzer, ifaceassert.Analyzer, loopclosure.Analyzer,
	lostcancel.Analyzer, nilfunc.Analyzer, nilness.Analyzer,
	printf.Analyzer, shift.Analyzer, sigchanyzer.Analyzer, slog.Analyzer,
	stdmethods.Analyzer, stdversion.Analyzer, stringintconv.Analyzer,
	structtag.Analyzer, testinggoroutine.Analyzer, tests.Analyzer,
	timeformat.Analyzer, unmarshal.Analyzer, unreachable.Analyzer,
	unsafeptr.Analyzer, unusedresult.Analyzer, unusedwrite.Analyzer,
	waitgroup.Analyzer,
}

// skipped are checks of staticcheck that are not run, each with its reason.
var skipped = map[string]string{
	"ST1000": "a package comment is wanted in packages others import, but not in every test package",
	"ST1003": "its initialisms refuse names that follow the wire or SQL, as in ApiVersion",
	"ST1016": "a receiver is sometimes named for its part: before, after, open",
	"ST1020": "comments here do not begin with the name by rule",
	"ST1021": "as ST1020",
	"ST1022": "as ST1020",
	"ST1023": "a type that repeats what the value says may be there for the reader",
	"SA9003": "an empty branch with a comment is a way to say that nothing is to be done",
}

func checks() []*analysis.Analyzer {
	all := slices.Concat(vet, modernize.Suite)
	for _, family := range [][]*lint.Analyzer{staticcheck.Analyzers, simple.Analyzers, stylecheck.Analyzers} {
		for _, a := range family {
			if skipped[a.Analyzer.Name] == "" {
				all = append(all, a.Analyzer)
			}
		}
	}
	return append(all,
		// The rest of quickfix are refactorings for an editor to offer.
		qf1004.Analyzer, qf1012.Analyzer,
		unusedCode, unusedParams,
		security(),
		unreasoned,
		wrapped(),
		bodyclose.Analyzer,
		rowsErr(),
		// Messages are constants, facts are attributes: pairs of key and
		// value or slog.Attr, not both in one call.
		sloglint.New(&sloglint.Options{StaticMessage: true, NoMixedArguments: true}),
	)
}

func main() {
	all := checks()
	for _, a := range all {
		honourExceptions(a)
	}
	unitchecker.Main(all...)
}

// unusedCode reports what staticcheck's U1000 finds, which by itself only
// hands the list to its own driver. go vet gives it a package together with
// the tests inside it, so that what only these use counts as used.
var unusedCode = &analysis.Analyzer{
	Name:     "U1000",
	Doc:      "report unused constants, functions, fields, types and variables",
	Requires: []*analysis.Analyzer{unused.Analyzer.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		files := map[string]*token.File{}
		for _, f := range pass.Files {
			tf := pass.Fset.File(f.Pos())
			files[tf.Name()] = tf
		}
		for _, o := range pass.ResultOf[unused.Analyzer.Analyzer].(unused.Result).Unused {
			// What has no file here is in generated code.
			if tf := files[o.Position.Filename]; tf != nil {
				pass.Reportf(tf.LineStart(o.Position.Line), "%s %s is unused", o.Kind, o.Name)
			}
		}
		return nil, nil
	},
}

// unusedParams is unparam, which expects a whole program. One package is
// enough for functions that are not exported: all their callers are in it.
var unusedParams = &analysis.Analyzer{
	Name:     "unparam",
	Doc:      "report parameters and results that are never used or always the same",
	Requires: []*analysis.Analyzer{buildssa.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		c := &check.Checker{}
		c.CheckExportedFuncs(false)
		c.Packages([]*packages.Package{{
			Fset: pass.Fset, Syntax: pass.Files, Types: pass.Pkg, TypesInfo: pass.TypesInfo,
		}})
		c.ProgramSSA(pass.ResultOf[buildssa.Analyzer].(*buildssa.SSA).Pkg.Prog)
		issues, err := c.Check()
		if err != nil {
			return nil, err
		}
		for _, i := range issues {
			pass.Reportf(i.Pos(), "%s", i.Message())
		}
		return nil, nil
	},
}

const pgx = "github.com/jackc/pgx/v5"

// rowsErr is rowserrcheck for pgx. A function that returns the rows leaves
// the question to its caller; rowserrcheck knows that of database/sql only,
// where rows are a pointer and not an interface.
func rowsErr() *analysis.Analyzer {
	a := rowserr.NewAnalyzer(pgx)
	run := a.Run
	a.Run = func(pass *analysis.Pass) (any, error) {
		own := *pass
		own.Report = func(d analysis.Diagnostic) {
			if !returnsRows(pass, d.Pos) {
				pass.Report(d)
			}
		}
		return run(&own)
	}
	return a
}

// returnsRows reports whether the innermost function around pos returns rows.
func returnsRows(pass *analysis.Pass, pos token.Pos) bool {
	var around *ast.FuncType
	for _, f := range pass.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil || pos < n.Pos() || n.End() <= pos {
				return false
			}
			switch n := n.(type) {
			case *ast.FuncDecl:
				around = n.Type
			case *ast.FuncLit:
				around = n.Type
			}
			return true
		})
	}
	return around != nil && around.Results != nil && slices.ContainsFunc(around.Results.List, func(f *ast.Field) bool {
		return pass.TypesInfo.TypeOf(f.Type).String() == pgx+".Rows"
	})
}

// wrapped is errorlint, and it also wants %w where an error is formatted into
// another.
func wrapped() *analysis.Analyzer {
	a := errorlint.NewAnalyzer()
	if err := a.Flags.Set("errorf", "true"); err != nil {
		panic(err)
	}
	return a
}

// unreasoned reports exceptions that give no reason.
var unreasoned = &analysis.Analyzer{
	Name: "unreasoned",
	Doc:  "report exceptions that give no reason",
	Run: func(pass *analysis.Pass) (any, error) {
		for _, f := range pass.Files {
			for _, group := range f.Comments {
				for _, c := range group.List {
					if (strings.HasPrefix(c.Text, "//lint:ignore") || strings.HasPrefix(c.Text, "//nolint")) && !exception.MatchString(c.Text) {
						pass.Reportf(c.Pos(), "an exception needs a check and a reason: //lint:ignore SA1019 why")
					}
				}
			}
		}
		return nil, nil
	},
}

var exception = regexp.MustCompile(`^//(?:lint:ignore |nolint:)(\S+) (?:// *)?[^/\s]`)

// honourExceptions drops findings of a that an exception on their line or
// the line above excuses, and those in generated files. One without a reason
// excuses nothing.
func honourExceptions(a *analysis.Analyzer) {
	run := a.Run
	a.Run = func(pass *analysis.Pass) (any, error) {
		type line struct {
			file string
			n    int
		}
		excused := map[line]bool{}
		generated := map[string]bool{}
		for _, f := range pass.Files {
			file := pass.Fset.Position(f.Pos()).Filename
			generated[file] = ast.IsGenerated(f)
			for _, group := range f.Comments {
				for _, c := range group.List {
					m := exception.FindStringSubmatch(c.Text)
					if m == nil || !slices.Contains(strings.Split(m[1], ","), a.Name) {
						continue
					}
					n := pass.Fset.Position(c.Pos()).Line
					excused[line{file, n}], excused[line{file, n + 1}] = true, true
				}
			}
		}
		own := *pass
		own.Report = func(d analysis.Diagnostic) {
			at := pass.Fset.Position(d.Pos)
			if generated[at.Filename] || excused[line{at.Filename, at.Line}] {
				return
			}
			d.Message = a.Name + ": " + d.Message
			pass.Report(d)
		}
		return run(&own)
	}
}
