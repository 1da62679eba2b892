package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// noWalls are the tables that need no row-level security.
var noWalls = map[string]string{
	"log":                 "one row for all, of no organisation",
	"goose_db_version":    "the schema's version",
	"ticket_use":          "random numbers with an expiry, of nobody",
	"outbox":              "ids of events, for moments",
	"fan_position":        "how far channels are fanned out: numbers",
	"mirror":              "one row for all, of no organisation",
	"mirror_note":         "tuples' names, for moments; the app's role may not read it",
	"mirror_token":        "how far SpiceDB is; the app's role may not read it",
	"mirror_source":       "names of tables",
	"sealing_key":         "keys under keys, of nobody; the app's role may not read it",
	"relationship_change": "ids of objects, for an hour",
	"flag_revision":       "one number for all",
}

// connect opens a connection as the login role, which no wall holds.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestWalls reads every table without a filter, as the role of the app.
func TestWalls(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	a, b := writeBook(t, db, "Summit"), writeBook(t, db, "Other")
	c := connect(t, url)
	open := must[[]string](t)(column(t.Context(), c, `SELECT relname FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relrowsecurity`)) // partitions, too
	for _, table := range open {
		if noWalls[table] == "" {
			t.Errorf("table %s has no row-level security", table)
		}
	}
	tables := must[[]string](t)(column(t.Context(), c, `SELECT c.table_name FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.column_name = 'org_id'
			AND NOT EXISTS (SELECT FROM pg_class p WHERE p.oid = format('%I', c.table_name)::regclass AND p.relispartition) ORDER BY 1`))
	if len(tables) < 10 || !slices.Contains(tables, "policy") {
		t.Fatalf("tables %v", tables)
	}
	for _, table := range tables {
		t.Run(table, func(t *testing.T) { walled(t, c, table, "org_id", a.by.Org, b.by.Org) })
	}
	t.Run("org", func(t *testing.T) { walled(t, c, "org", "id", a.by.Org, b.by.Org) })
	// What is left holds nothing that the app may read: partitions, which are read
	// through their table, and what is of no organisation.
	rest := must[[]string](t)(column(t.Context(), c, `SELECT relname FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'm', 'v', 'f')`))
	for _, table := range rest {
		if table != "org" && noWalls[table] == "" && !slices.Contains(tables, table) {
			t.Run(table, func(t *testing.T) { hidden(t, c, table, a.by.Org) })
		}
	}
}

// hidden checks that the role of the app reads nothing of a table at all.
func hidden(t *testing.T, c *pgx.Conn, table string, org access.OrgID) {
	t.Helper()
	ctx := t.Context()
	tx := must[pgx.Tx](t)(c.Begin(ctx))
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "SET LOCAL ROLE openinsure_app"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "SELECT set_config('app.org', $1, true)", org.UUID()); err != nil {
		t.Fatal(err)
	}
	rows, err := column(ctx, tx, "SELECT t::text FROM "+pgx.Identifier{table}.Sanitize()+" t")
	var denied *pgconn.PgError
	if errors.As(err, &denied) && denied.Code == "42501" {
		return
	}
	if err != nil || len(rows) > 0 {
		t.Errorf("the app reads %d rows, %v: it has no org_id, so say in noWalls why it may", len(rows), err)
	}
}

func column(ctx context.Context, c interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, sql string,
) ([]string, error) {
	rows, err := c.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// walled checks who sees what of one table. Both organisations have rows.
func walled(t *testing.T, c *pgx.Conn, table, of string, a, b access.OrgID) {
	t.Helper()
	ctx := t.Context()
	read := fmt.Sprintf("SELECT DISTINCT %s::text FROM %s", of, pgx.Identifier{table}.Sanitize())
	all := must[[]string](t)(column(ctx, c, read))
	if !slices.Contains(all, a.UUID()) || !slices.Contains(all, b.UUID()) {
		t.Errorf("no row of both organisations: let writeBook write to %s", table)
	}
	for setting, want := range map[string][]string{
		a.UUID(): {a.UUID()}, b.UUID(): {b.UUID()}, "": nil, "unset": nil,
	} {
		err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL ROLE openinsure_app"); err != nil {
				return err
			}
			if setting != "unset" {
				if _, err := tx.Exec(ctx, "SELECT set_config('app.org', $1, true)", setting); err != nil {
					return err
				}
			}
			got, err := column(ctx, tx, read)
			if !slices.Equal(got, want) {
				t.Errorf("under %q: rows of %v, want %v", setting, got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestFiltersWithoutWalls takes the walls away: the statements themselves must
// keep the organisations apart.
func TestFiltersWithoutWalls(t *testing.T) {
	db := storetest.Open(t, store.Config{URL: storetest.URL(t), NoWalls: true})
	a, b := writeBook(t, db, "Summit"), writeBook(t, db, "Other")
	for _, c := range []struct {
		name     string
		me, they book
	}{{"own", a, a}, {"foreign", a, b}, {"foreign, the other way", b, a}} {
		t.Run(c.name, func(t *testing.T) {
			reads(t, db.As(c.me.by), c.me, c.they)
			lists(t, db.As(c.me.by), c.me)
			locks(t, db, c.me, c.they)
		})
	}
}

func parseUser(s string) (access.UserID, error) {
	var id access.UserID
	err := id.UnmarshalText([]byte(s))
	return id, err
}
