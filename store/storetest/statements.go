package storetest

import (
	"errors"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// A Statement is a constant of package store whose name ends in SQL.
type Statement struct{ SQL, Doc string }

// Crosses reports whether it says that it crosses organisations.
func (s Statement) Crosses() bool { return strings.Contains(s.Doc, "crosses orgs") }

// noImports lets the type checker do without the packages that are imported:
// constants are strings made of strings.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

// Statements reads the statements of package store from the folder of its source,
// by the names of their constants.
func Statements(t testing.TB, dir string) map[string]Statement {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	docs := map[string]string{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				document(docs, g)
			}
		}
	}
	cfg := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := cfg.Check("store", fset, files, nil) // every import is an error
	found := map[string]Statement{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || !strings.HasSuffix(name, "SQL") {
			continue
		}
		if c.Val().Kind() != constant.String {
			t.Fatalf("%s has no value: %v", name, c)
		}
		found[name] = Statement{SQL: constant.StringVal(c.Val()), Doc: docs[name]}
	}
	return found
}

// document notes the comments of constants, each as one line.
func document(docs map[string]string, g *ast.GenDecl) {
	for _, s := range g.Specs {
		v := s.(*ast.ValueSpec)
		text := strings.Join(strings.Fields(v.Doc.Text()+" "+g.Doc.Text()), " ")
		for _, n := range v.Names {
			docs[n.Name] = text
		}
	}
}
