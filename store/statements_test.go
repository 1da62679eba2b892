package store_test

import (
	"maps"
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
	"slowSQL":         "it is about time and touches no table",
	"planByIndexSQL":  "it is about plans and touches no table",
	"epochSQL":        "the log is one for all and has no organisation",
	"shareClockSQL":   "the number that it locks is made of the organisation",
	"lockOnceSQL":     "the number that it locks is made of the organisation",
	"saveOrgSQL":      "the id of an org is the organisation",
	"lockOrgSQL":      "the id of an org is the organisation",
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
	all := storetest.Statements(t, ".")
	if len(all) < 30 {
		t.Fatalf("only %d statements found", len(all))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		t.Run(name, func(t *testing.T) {
			_, excepted := unscoped[name]
			scoped := ofOrg.MatchString(s.SQL) || intoOrg.MatchString(s.SQL)
			if !scoped && !excepted && !s.Crosses() {
				t.Errorf("has no filter by org_id and does not say why it crosses orgs:\n%s", s.SQL)
			}
			roles := []string{"openinsure_app"}
			if s.Crosses() {
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
func prepare(t *testing.T, c *pgx.Conn, role string, s storetest.Statement) {
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
	if strings.HasPrefix(s.SQL, "SET LOCAL ROLE") {
		// A role that the pool has taken may be left since the login may.
		if _, err := tx.Exec(ctx, s.SQL); err != nil {
			t.Errorf("as %s: %v", role, err)
		}
		return
	}
	if _, err := tx.Prepare(ctx, "", s.SQL); err != nil {
		t.Errorf("prepare as %s: %v", role, err)
		return
	}
	if s.Crosses() && role != "openinsure_worker" {
		return
	}
	execute := "EXECUTE planned"
	if n := parameters(s.SQL); n > 0 {
		execute += "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
	}
	plan := "DEALLOCATE ALL; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE planned AS " + s.SQL + "; EXPLAIN " + execute
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
