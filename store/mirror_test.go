package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// passOn passes everything on that is noted and returns it.
func passOn(t *testing.T, db *store.DB, holder string) []access.Change {
	t.Helper()
	var all []access.Change
	for {
		n, _, err := db.PassOn(t.Context(), holder, func(_ context.Context, cs []access.Change) (string, error) {
			all = append(all, cs...)
			return "token", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return all
		}
	}
}

func TestTuplesAreNotedWithTheirTransaction(t *testing.T) {
	db := storetest.New(t)
	una := storetest.Org(t, db, "Summit")
	if n, _, err := db.Waiting(t.Context()); err != nil || n != 0 {
		t.Fatalf("%d notes without a mirror, %v", n, err)
	}
	if _, held, err := db.LeaseMirror(t.Context(), "one"); err != nil || !held {
		t.Fatal(held, err)
	}
	if _, held, err := db.LeaseMirror(t.Context(), "two"); err != nil || held {
		t.Fatalf("two nodes have the lease: %v", err)
	}
	on := access.OrgObject(una.Org)
	tuple := access.Tuple{Relation: access.RoleBroker, SubjectType: "user", SubjectID: access.NewUserID(time.Now()).UUID()}
	undo := errors.New("undo")
	err := db.InTx(t.Context(), una, func(tx *store.Tx) error {
		if err := tx.Relate(t.Context(), on, tuple); err != nil {
			return err
		}
		return undo
	})
	if n, _, waiting := db.Waiting(t.Context()); !errors.Is(err, undo) || waiting != nil || n != 0 {
		t.Errorf("what was rolled back left %d notes: %v, %v", n, err, waiting)
	}
	relate := func(tx *store.Tx) error { return tx.Relate(t.Context(), on, tuple) }
	unrelate := func(tx *store.Tx) error { return tx.Unrelate(t.Context(), on, tuple.SubjectType, tuple.SubjectID) }
	for _, change := range []func(*store.Tx) error{relate, unrelate, relate} {
		if err := db.InTx(t.Context(), una, change); err != nil {
			t.Fatal(err)
		}
	}
	ties := []access.Tie{{Type: "user", ID: tuple.SubjectID}}
	if f, err := db.Freshness(t.Context(), ties); err != nil || !f.Behind || !f.Alive || f.Token != "" {
		t.Errorf("before: %+v, %v", f, err)
	}
	if n, _, err := db.PassOn(t.Context(), "two", nil); err != nil || n != 0 {
		t.Errorf("one without the lease passed on %d, %v", n, err)
	}
	broken := errors.New("broken")
	if _, _, err := db.PassOn(t.Context(), "one", func(context.Context, []access.Change) (string, error) { return "lost", broken }); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
	got := passOn(t, db, "one")
	if want := (access.Change{Relationship: access.Relationship{Type: access.Org, ID: on.ID, Tuple: tuple}, Present: true}); len(got) != 1 || got[0] != want {
		t.Errorf("passed on %+v, want %+v once", got, want)
	}
	if f, err := db.Freshness(t.Context(), ties); err != nil || f.Behind || f.Token != "token" {
		t.Errorf("after: %+v, %v", f, err)
	}
	storetest.SQL(t, db, `UPDATE relationship SET relation = 'auditor' WHERE subject_id = $1`, tuple.SubjectID)
	there := map[string]bool{}
	for _, c := range passOn(t, db, "one") {
		there[c.Relation] = c.Present
	}
	if was, ok := there[access.RoleBroker]; was || !ok || !there[access.RoleAuditor] {
		t.Errorf("changed by hand: %v", there)
	}
	if err := db.ReleaseMirror(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if _, held, err := db.LeaseMirror(t.Context(), "two"); err != nil || !held {
		t.Errorf("after a release: %v, %v", held, err)
	}
}

// TestObjectsAreMirroredByTheirTables: whose an object is follows from its row,
// for each type that has a table.
func TestObjectsAreMirroredByTheirTables(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	if _, _, err := db.LeaseMirror(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	b := writeBook(t, db, "Summit")
	noted := passOn(t, db, "one")
	var all []access.Relationship
	if err := db.Everything(t.Context(), func(r access.Relationship) error {
		all = append(all, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if !slices.Contains(noted, access.Change{Relationship: r, Present: true}) {
			t.Errorf("not noted: %+v", r)
		}
	}
	c := connect(t, url)
	tables := must[[]string](t)(column(t.Context(), c, `SELECT table_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND column_name IN ('id', 'org_id') GROUP BY 1 HAVING count(*) = 2`))
	for _, of := range access.Belonging() {
		if !slices.Contains(tables, string(of)) {
			continue
		}
		if !slices.ContainsFunc(all, func(r access.Relationship) bool {
			return r.Type == of && r.Relation == "org" && r.SubjectID == b.by.Org.UUID()
		}) {
			t.Errorf("no %s is somebody's: let writeBook write one", of)
		}
	}
	for _, table := range []string{"mirror", "mirror_note", "mirror_token", "mirror_source"} {
		if _, err := c.Exec(t.Context(), "SET ROLE openinsure_app"); err != nil {
			t.Fatal(err)
		}
		_, err := c.Exec(t.Context(), "SELECT FROM "+table)
		var denied *pgconn.PgError
		if !errors.As(err, &denied) || denied.Code != "42501" {
			t.Errorf("the app's role reads %s: %v", table, err)
		}
	}
}
