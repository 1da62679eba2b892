package access_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
)

// TestSchemaIsSound finds terms that name nothing, and a schema that a check
// could not follow in one round trip or the store not list.
func TestSchemaIsSound(t *testing.T) {
	for typ, def := range access.Schema {
		if len(def.Permissions[access.Read]) == 0 {
			t.Errorf("%s cannot be read", typ)
		}
		for relation, takes := range def.Relations {
			for _, s := range takes {
				kind, userset, isSet := strings.Cut(s, "#")
				switch target, isObject := access.Schema[access.Type(kind)]; {
				case !isObject && (isSet || !slices.Contains([]string{"user", "key", "person"}, kind)):
					t.Errorf("%s#%s takes %s, which is nothing", typ, relation, s)
				case typ == access.Org && isObject:
					t.Errorf("%s#%s takes %s: what an organisation's relations take may lead no further", typ, relation, s)
				case isSet && kind != string(access.Org):
					t.Errorf("%s#%s takes %s: a list would not know who that is", typ, relation, s)
				case isSet && len(target.Permissions[access.Permission(userset)]) == 0 && len(target.Relations[userset]) == 0:
					t.Errorf("%s#%s takes %s, and there is no %s", typ, relation, s, userset)
				}
			}
		}
		for permission, terms := range def.Permissions {
			for _, term := range terms {
				for _, on := range targets(t, typ, term) {
					next := access.Schema[on]
					if len(next.Permissions[access.Permission(term.Name)]) == 0 && len(next.Relations[term.Name]) == 0 {
						t.Errorf("%s.%s: %s has no %s", typ, permission, on, term.Name)
					}
				}
			}
		}
		if depth := deepest(t, typ, nil); depth > 4 {
			t.Errorf("%s leads %d objects far", typ, depth)
		}
	}
}

// targets are the types on which a term asks on.
func targets(t *testing.T, typ access.Type, term access.Term) []access.Type {
	t.Helper()
	if term.Via == "" {
		return []access.Type{typ}
	}
	takes, ok := access.Schema[typ].Relations[term.Via]
	if !ok {
		t.Errorf("%s has no relation %s", typ, term.Via)
	}
	var out []access.Type
	for _, s := range takes {
		if strings.Contains(s, "#") {
			t.Errorf("%s->%s leads through a userset", term.Via, term.Name)
		}
		out = append(out, access.Type(s))
	}
	return out
}

func deepest(t *testing.T, typ access.Type, on []access.Type) int {
	t.Helper()
	if slices.Contains(on, typ) {
		t.Fatalf("a circle: %v", append(on, typ))
	}
	most := 0
	for _, takes := range access.Schema[typ].Relations {
		for _, s := range takes {
			if kind, _, _ := strings.Cut(s, "#"); access.Schema[access.Type(kind)].Permissions != nil {
				most = max(most, 1+deepest(t, access.Type(kind), append(on, typ)))
			}
		}
	}
	return most
}

// TestPostIsOneTuple: what a node remembers of somebody who posts is looked at
// again when his message is committed, as one tuple. His relation, or that of
// his organisation, is one.
func TestPostIsOneTuple(t *testing.T) {
	for _, typ := range []access.Type{access.Room, access.Desk} {
		def := access.Schema[typ]
		for _, term := range def.Permissions[access.Post] {
			for _, takes := range def.Relations[term.Name] {
				if term.Via == "" && takes != "user" {
					t.Errorf("%s.post = %s takes %s", typ, term.Name, takes)
				}
			}
			if term.Via != "" && term.Via != "org" && (typ != access.Desk || term.Via != access.DeskHouse) {
				t.Errorf("%s.post goes over %s, which may be taken away", typ, term.Via)
			}
		}
	}
}

// TestNobodyComparesRoles reads the whole program: who may is asked of Check,
// and no role is compared anywhere else.
func TestNobodyComparesRoles(t *testing.T) {
	fset, files := token.NewFileSet(), 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return firstErr(err, fs.SkipDir)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "internal/access/") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if (n.Op == token.EQL || n.Op == token.NEQ) && (isRole(n.X) || isRole(n.Y)) {
					t.Errorf("%s compares a role", fset.Position(n.Pos()))
				}
			case *ast.CaseClause:
				if slices.ContainsFunc(n.List, isRole) {
					t.Errorf("%s decides by a role", fset.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil || files < 150 {
		t.Errorf("%d files, %v", files, err)
	}
}

// isRole reports whether an expression is a role of package access, or the role
// of one who acts.
func isRole(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, _ := s.X.(*ast.Ident)
	return x != nil && (x.Name == "access" && strings.HasPrefix(s.Sel.Name, "Role") || x.Name == "by" && s.Sel.Name == "Role")
}

func firstErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// noonOf is when ids of these tests are made.
var noonOf = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// TestWhoReadsEverything is the table of what roles of an organisation may do
// with what it has.
func TestWhoReadsEverything(t *testing.T) {
	may := func(role string, want access.Permission, typ access.Type) bool {
		org := access.NewOrgID(noonOf)
		by := access.Actor{Kind: access.User, ID: access.NewUserID(noonOf).String(), Org: org}
		kind := "user"
		if role == access.Integration {
			by.Kind, by.ID, kind = access.Machine, access.NewKeyID(noonOf).String(), "key"
		}
		g := graph{"org:" + org.UUID(): {{Relation: role, SubjectType: kind, SubjectID: *by.UUID()}}}
		on := access.Object{Type: typ, ID: access.NewKeyID(noonOf).UUID(), Org: org}
		if typ == access.Org {
			on = access.OrgObject(org)
		}
		return access.Check(t.Context(), g, by, want, on) == nil
	}
	read := []access.Type{
		access.Submission, access.Room, access.Referral, access.Policy, access.Claim, access.Invoice, access.Document, access.Webhook, access.Flag,
	}
	for role, want := range map[string]string{
		access.RoleAdmin:       "RRRRRRRRR SPIC F U",
		access.RoleUnderwriter: "RRRRRRRRR SP-- - -",
		access.RoleFinance:     "---RRR--R --I- F -",
		access.RoleAdjuster:    "---RR---R ---C - -",
		access.RoleCompliance:  "RRRRRRRRR ---- - -",
		access.RoleAuditor:     "RRRRRRRRR ---- - -",
		access.RoleBroker:      "--------R ---- - -",
		access.Integration:     "RRRRRRRRR SPIC - -",
	} {
		var b strings.Builder
		letter := func(l string, ok bool) {
			if !ok {
				l = "-"
			}
			b.WriteString(l)
		}
		for _, typ := range read {
			letter("R", may(role, access.Read, typ))
		}
		b.WriteString(" ")
		for i, typ := range []access.Type{access.Submission, access.Policy, access.Invoice, access.Claim} {
			letter("SPIC"[i:i+1], may(role, access.Write, typ))
		}
		b.WriteString(" ")
		letter("F", may(role, access.ManageFiduciary, access.Org))
		b.WriteString(" ")
		letter("U", may(role, access.Administer, access.Org))
		if b.String() != want {
			t.Errorf("%-12s %s, want %s", role, b.String(), want)
		}
	}
}
