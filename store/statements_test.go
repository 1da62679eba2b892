package store_test

import (
	"errors"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// unscoped are the statements that name no organisation and yet cross none.
var unscoped = map[string]string{
	"setOrgSQL":       "it is what names the organisation",
	"becomeAppSQL":    "it takes a role and touches no table",
	"becomeWorkerSQL": "it takes a role and touches no table",
	"planByIndexSQL":  "it is about plans and touches no table",
	"epochSQL":        "the log is one for all and has no organisation",
	"lockOnceSQL":     "the number that it locks is made of the organisation",
	"saveOrgSQL":      "the id of an org is the organisation",
	"lockOrgSQL":      "the id of an org is the organisation",
}

// A statement is a constant of package store whose name ends in SQL.
type statement struct{ sql, doc string }

func (s statement) crosses() bool { return strings.Contains(s.doc, "crosses orgs") }

// noImports lets the type checker do without the packages that are imported:
// constants are strings made of strings.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

func statements(t *testing.T) map[string]statement {
	t.Helper()
	paths, err := filepath.Glob("*.go")
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
	found := map[string]statement{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || !strings.HasSuffix(name, "SQL") {
			continue
		}
		if c.Val().Kind() != constant.String {
			t.Fatalf("%s has no value: %v", name, c)
		}
		found[name] = statement{sql: constant.StringVal(c.Val()), doc: docs[name]}
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

var (
	ofOrg   = regexp.MustCompile(`\borg_id = \$\d`)
	intoOrg = regexp.MustCompile(`^INSERT INTO \w+(?: AS \w+)? \([^)]*\borg_id\b[^)]*\)`)
)

// TestStatementsPrepare lets Postgres parse every statement and check what its
// role may do, and finds the ones that forget the organisation.
func TestStatementsPrepare(t *testing.T) {
	c, err := pgx.Connect(t.Context(), storetest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	all := statements(t)
	if len(all) < 30 {
		t.Fatalf("only %d statements found", len(all))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		t.Run(name, func(t *testing.T) {
			_, excepted := unscoped[name]
			scoped := ofOrg.MatchString(s.sql) || intoOrg.MatchString(s.sql)
			if !scoped && !excepted && !s.crosses() {
				t.Errorf("has no filter by org_id and does not say why it crosses orgs:\n%s", s.sql)
			}
			roles := []string{"openinsure_app"}
			if s.crosses() {
				roles = append(roles, "openinsure_worker")
			}
			for _, role := range roles {
				prepare(t, c, role, s)
			}
		})
	}
	for name := range unscoped {
		if _, ok := all[name]; !ok {
			t.Errorf("%s is excepted and does not exist", name)
		}
	}
}

// prepare prepares a statement as a role, and plans it when the role is the one
// that runs it, since only a plan checks privileges.
func prepare(t *testing.T, c *pgx.Conn, role string, s statement) {
	t.Helper()
	ctx := t.Context()
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "SET LOCAL ROLE "+role); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(s.sql, "SET LOCAL ROLE") {
		// A role that the pool has taken may be left since the login may.
		if _, err := tx.Exec(ctx, s.sql); err != nil {
			t.Errorf("as %s: %v", role, err)
		}
		return
	}
	if _, err := tx.Prepare(ctx, "", s.sql); err != nil {
		t.Errorf("prepare as %s: %v", role, err)
		return
	}
	if s.crosses() && role != "openinsure_worker" {
		return
	}
	execute := "EXECUTE planned"
	if n := parameters(s.sql); n > 0 {
		execute += "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
	}
	plan := "DEALLOCATE ALL; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE planned AS " + s.sql + "; EXPLAIN " + execute
	if _, err := c.PgConn().Exec(ctx, plan).ReadAll(); err != nil {
		t.Errorf("plan as %s: %v", role, err)
	}
}

var parameter = regexp.MustCompile(`\$(\d+)`)

// parameters returns the highest number of a parameter.
func parameters(sql string) int {
	top := 0
	for _, m := range parameter.FindAllStringSubmatch(sql, -1) {
		n, _ := strconv.Atoi(m[1])
		top = max(top, n)
	}
	return top
}
