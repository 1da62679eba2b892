package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// keep writes n facts of by, each in a transaction of its own.
func keep(t testing.TB, db *store.DB, by access.Actor, n int) {
	t.Helper()
	for i := range n {
		err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
			tx.Audit(by, audit.Fact{Action: audit.KeyCreated, Object: access.NewKeyID(time.Now()).String(), Details: audit.Details{
				"n": i, "share": 0.25, "scopes": []string{"a:read", "b:write"}, "none": nil, "deep": map[string]any{"z": true, "a": "ü"},
			}})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// linkAll links until nothing is left.
func linkAll(t testing.TB, db *store.DB) {
	t.Helper()
	for {
		n, _, err := db.LinkAudit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// verdicts verifies every chain.
func verdicts(t testing.TB, db *store.DB, late time.Time) map[access.OrgID]store.Verdict {
	t.Helper()
	found := map[access.OrgID]store.Verdict{}
	err := db.VerifyAudit(t.Context(), nil, late, func(v store.Verdict) error {
		found[v.Org] = v
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAuditIsLinkedInOrder(t *testing.T) {
	db := storetest.New(t)
	una, ben := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Harbor")
	keep(t, db, una, 7)
	keep(t, db, ben, 3)
	if err := db.AddAudit(t.Context(), audit.New(access.Actor{}, audit.Fact{Action: audit.Authenticate, Outcome: audit.Refused}, time.Now())); err != nil {
		t.Fatal(err)
	}
	late := verdicts(t, db, time.Now().Add(time.Hour))
	if v := late[una.Org]; v.Seq != 0 || v.Late != 7 || v.Oldest.IsZero() {
		t.Errorf("before it was linked: %+v, want 7 late", v)
	}
	linkAll(t, db)
	for org, want := range map[access.OrgID]int64{una.Org: 7, ben.Org: 3, {}: 1} {
		v := verdicts(t, db, time.Now().Add(time.Hour))[org]
		if v.Seq != want || v.Break != nil || v.Late != 0 {
			t.Errorf("%s: %+v, want a whole chain of %d", org, v, want)
		}
	}
	rows := must[[]audit.Row](t)(db.As(una).Audit(t.Context(), store.AuditFilter{}, store.Page{Limit: 10}))
	if len(rows) != 7 {
		t.Fatalf("%d rows, want 7", len(rows))
	}
	for i, r := range rows { // newest first
		if want := int64(7 - i); r.Seq != want || fmt.Sprint(r.Details["n"]) != fmt.Sprint(want-1) || r.ActorID != una.ID || r.ObjectType != "api_key" {
			t.Errorf("row %d: %+v, want seq %d", i, r, want)
		}
	}
	keep(t, db, una, 1)
	linkAll(t, db)
	if v := verdicts(t, db, time.Now())[una.Org]; v.Seq != 8 || v.Break != nil {
		t.Errorf("went on to %+v, want 8", v)
	}
}

func TestAuditOfWhatDidNotHappen(t *testing.T) {
	db := storetest.New(t)
	una := storetest.Org(t, db, "Summit")
	undo := errors.New("undo")
	err := db.InTx(t.Context(), una, func(tx *store.Tx) error {
		tx.Audit(una, audit.Fact{Action: audit.KeyCreated})
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	once := store.Once{Principal: una.ID, Route: "POST /v1/api-keys", Key: "k"}
	_, _, err = db.Once(t.Context(), una, once, func(ctx context.Context) (store.Answer, error) {
		err := db.InTx(ctx, una, func(tx *store.Tx) error {
			tx.Audit(una, audit.Fact{Action: audit.KeyRevoked})
			return nil
		})
		return store.Answer{Status: 422, Rollback: true}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM audit`); n != 0 {
		t.Errorf("%d rows of what was undone", n)
	}
}

// TestAuditOfTwoCompanies: what is done in another organisation's room is in
// both logs.
func TestAuditOfTwoCompanies(t *testing.T) {
	db := storetest.New(t)
	una, ben := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Harbor")
	err := db.InTx(t.Context(), ben, func(tx *store.Tx) error {
		tx.Audit(ben, audit.Fact{Action: audit.ParticipantRemoved, Object: "room_01J9ZC2Q0V8Y4T6M3K5N7P9RSB", Org: una.Org})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []access.Actor{una, ben} {
		rows := must[[]audit.Row](t)(db.As(who).Audit(t.Context(), store.AuditFilter{}, store.Page{Limit: 10}))
		if len(rows) != 1 || rows[0].ActorID != ben.ID || rows[0].Org != who.Org {
			t.Errorf("%s sees %+v", who.Org, rows)
		}
	}
}

// asRole runs a statement as a role, walled to an organisation, and undoes it.
func asRole(t *testing.T, c *pgx.Conn, role string, org access.OrgID, sql string) error {
	t.Helper()
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "SELECT set_config('app.org', $1, true)", org.UUID()); err != nil {
		t.Fatal(err)
	}
	if role != "" {
		if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE "+role); err != nil {
			t.Fatal(err)
		}
	}
	_, err = tx.Exec(t.Context(), sql)
	return err
}

func TestAuditIsAppendOnly(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	una := storetest.Org(t, db, "Summit")
	keep(t, db, una, 2)
	linkAll(t, db)
	keep(t, db, una, 1)
	c := connect(t, url)
	insert := `INSERT INTO audit (id, org_id, at, actor_kind, actor_id, action, outcome) VALUES (new_ulid(), '` + una.Org.UUID() + `', now(), 'user', 'u', 'x', 'granted')`
	link := ` seq = 3, prev_hash = sha256('a'), hash = sha256('b')`
	for name, try := range map[string]struct {
		role, sql string
		ok        bool
	}{
		"the app reads":                       {"openinsure_app", `SELECT FROM audit`, true},
		"the app writes":                      {"openinsure_app", insert, false},
		"the app changes":                     {"openinsure_app", `UPDATE audit SET reason = 'x'`, false},
		"the app links":                       {"openinsure_app", `UPDATE audit SET` + link + ` WHERE seq IS NULL`, false},
		"the app deletes":                     {"openinsure_app", `DELETE FROM audit`, false},
		"the app moves a chain":               {"openinsure_app", `UPDATE audit_chain SET seq = 9`, false},
		"the app reads keys":                  {"openinsure_app", `SELECT FROM sealing_key`, false},
		"the worker writes":                   {"openinsure_worker", insert, true},
		"the worker writes a linked row":      {"openinsure_worker", strings.Replace(strings.Replace(insert, "outcome)", "outcome, seq)", 1), "'granted')", "'granted', 9)", 1), false},
		"the worker links":                    {"openinsure_worker", `UPDATE audit SET` + link + ` WHERE seq IS NULL`, true},
		"the worker links again":              {"openinsure_worker", `UPDATE audit SET` + link + ` WHERE seq = 2`, false},
		"the worker changes":                  {"openinsure_worker", `UPDATE audit SET reason = 'x'`, false},
		"the worker takes a row out":          {"openinsure_worker", `UPDATE audit SET seq = NULL, prev_hash = NULL, hash = NULL WHERE seq = 2`, false},
		"the worker deletes":                  {"openinsure_worker", `DELETE FROM audit`, false},
		"the owner changes":                   {"", `UPDATE audit SET reason = 'x'`, false},
		"the owner changes while he links":    {"", `UPDATE audit SET reason = 'x',` + link + ` WHERE seq IS NULL`, false},
		"the owner deletes":                   {"", `DELETE FROM audit`, false},
		"the owner deletes what is not there": {"", `DELETE FROM audit WHERE false`, true},
		"the owner empties":                   {"", `TRUNCATE audit`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := asRole(t, c, try.role, una.Org, try.sql); (err == nil) != try.ok {
				t.Errorf("%v, want it to go: %v", err, try.ok)
			}
		})
	}
}

// TestVerifyFindsWhatWasDone does to a log, as one whom no wall holds and
// without its triggers, what an attacker would.
func TestVerifyFindsWhatWasDone(t *testing.T) {
	for _, c := range []struct {
		name string
		sql  []string
		at   int64 // the row at which it shows; 0: the end
		want string
	}{
		{"nothing", nil, -1, ""},
		{"changed", []string{`UPDATE audit SET actor_id = 'usr_other' WHERE seq = 4`}, 4, "was changed"},
		{"details changed", []string{`UPDATE audit SET details = details || '{"n": 99}' WHERE seq = 4`}, 4, "was changed"},
		{"a number written otherwise", []string{`UPDATE audit SET details = details || '{"share": 0.250}' WHERE seq = 4`}, 4, "was changed"},
		{"moved in time", []string{`UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 1`}, 1, "was changed"},
		{"a word moved to the next column", []string{`UPDATE audit SET reason = address || 'x', address = '' WHERE seq = 2`}, 2, "was changed"},
		{"first removed", []string{`DELETE FROM audit WHERE seq = 1`}, 2, "1 rows before it are missing"},
		{"removed", []string{`DELETE FROM audit WHERE seq IN (3, 4)`}, 5, "2 rows before it are missing"},
		{"removed and closed up", []string{`DELETE FROM audit WHERE seq = 3`, `UPDATE audit SET seq = seq - 1 WHERE seq > 3`}, 3, "does not follow"},
		{"last removed", []string{`DELETE FROM audit WHERE seq > 4`}, 0, "2 rows at the end are missing"},
		{"all removed", []string{`DELETE FROM audit`}, 0, "6 rows at the end are missing"},
		{"last removed, the end moved", []string{`DELETE FROM audit WHERE seq > 4`, `UPDATE audit_chain SET seq = 4`}, 0, "another hash"},
		{"inserted", []string{
			`DROP INDEX audit_chained`, `INSERT INTO audit (id, org_id, at, actor_kind, actor_id, action, outcome, seq, prev_hash, hash)
				SELECT new_ulid(), org_id, at, actor_kind, actor_id, action, outcome, seq, prev_hash, hash FROM audit WHERE seq = 3`,
		}, 3, "has this place already"},
		{"inserted, the rest moved up", []string{
			`DROP INDEX audit_chained`, `UPDATE audit SET seq = seq + 1 WHERE seq >= 3`,
			`INSERT INTO audit (id, org_id, at, actor_kind, actor_id, action, outcome, seq, prev_hash, hash)
				SELECT new_ulid(), org_id, at, actor_kind, actor_id, action, outcome, 3, prev_hash, sha256('mine') FROM audit WHERE seq = 4`,
		}, 3, "was changed"},
		{"appended", []string{`INSERT INTO audit (id, org_id, at, actor_kind, actor_id, action, outcome, seq, prev_hash, hash)
				SELECT new_ulid(), org_id, at, actor_kind, actor_id, action, outcome, 7, hash, sha256('mine') FROM audit WHERE seq = 6`}, 7, "was changed"},
		{"reordered", []string{`DROP INDEX audit_chained`, `UPDATE audit SET seq = 7 - seq WHERE seq IN (3, 4)`}, 3, "does not follow"},
		{"reordered, hashes left in place", []string{
			`DROP INDEX audit_chained`,
			`UPDATE audit a SET seq = b.seq, prev_hash = b.prev_hash, hash = b.hash FROM audit b WHERE a.seq IN (3, 4) AND b.seq = 7 - a.seq`,
		}, 3, "was changed"},
		{"taken out of the chain", []string{`UPDATE audit SET seq = NULL, hash = NULL, prev_hash = NULL`, `DELETE FROM audit_chain`}, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := storetest.New(t)
			una, ben := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Harbor")
			keep(t, db, una, 6)
			linkAll(t, db)
			storetest.SQL(t, db, `ALTER TABLE audit DISABLE TRIGGER USER`)
			for _, sql := range c.sql {
				storetest.SQL(t, db, sql)
			}
			keep(t, db, ben, 1)
			linkBen := verdicts(t, db, time.Now().Add(-time.Hour))[ben.Org]
			if linkBen.Break != nil {
				t.Errorf("another's log: %v", linkBen.Break)
			}
			v := verdicts(t, db, time.Now().Add(time.Hour))[una.Org]
			switch {
			case c.want == "" && v.Break != nil, c.want != "" && v.Break == nil:
				t.Fatalf("found %v, want %q", v.Break, c.want)
			case c.want == "" && len(c.sql) > 0:
				if v.Late != 6 {
					t.Errorf("%d rows are late, want 6", v.Late)
				}
				return
			case c.want == "":
				return
			}
			if !strings.Contains(v.Break.String(), c.want) {
				t.Errorf("found %v, want %q", v.Break, c.want)
			}
			if c.at == 0 != (v.Break.Row == nil) || c.at > 0 && v.Break.Row.Seq != c.at {
				t.Errorf("at %v, want row %d", v.Break, c.at)
			}
		})
	}
}

// TestTwoNodesLinkOneChain writes and links on two nodes at once.
func TestTwoNodesLinkOneChain(t *testing.T) {
	url := storetest.URL(t)
	nodes := []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
	una, ben := storetest.Org(t, nodes[0], "Summit"), storetest.Org(t, nodes[0], "Harbor")
	const writers, each = 4, 60
	var writing, linking sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		who := una
		if w == 0 {
			who = ben
		}
		writing.Go(func() { keep(t, nodes[w%2], who, each) })
	}
	for _, db := range nodes {
		for range 2 {
			linking.Go(func() {
				for {
					if _, _, err := db.LinkAudit(t.Context()); err != nil {
						t.Error(err)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
	}
	writing.Wait()
	close(done)
	linking.Wait()
	linkAll(t, nodes[0])
	found := verdicts(t, nodes[1], time.Now().Add(time.Hour))
	for org, want := range map[access.OrgID]int64{una.Org: (writers - 1) * each, ben.Org: each} {
		if v := found[org]; v.Seq != want || v.Break != nil || v.Late != 0 {
			t.Errorf("%s: %+v, want a whole chain of %d", org, v, want)
		}
	}
}

// TestLinkingThatDies kills a linker's connection between the rows and the end
// of the chain: it has linked nothing, and the next one begins where the last
// ended.
func TestLinkingThatDies(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	una := storetest.Org(t, db, "Summit")
	keep(t, db, una, 5)
	linkAll(t, db)
	keep(t, db, una, 5)
	storetest.SQL(t, db, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`)
	storetest.SQL(t, db, `ALTER FUNCTION die() SECURITY DEFINER`)
	storetest.SQL(t, db, `CREATE TRIGGER die BEFORE UPDATE ON audit_chain FOR EACH ROW EXECUTE FUNCTION die()`)
	if n, _, err := db.LinkAudit(t.Context()); err == nil || n != 0 {
		t.Fatalf("linked %d, %v; want it to die", n, err)
	}
	v := verdicts(t, db, time.Now().Add(time.Hour))[una.Org]
	if v.Seq != 5 || v.Break != nil || v.Late != 5 {
		t.Errorf("after it died: %+v, want 5 linked and 5 late", v)
	}
	storetest.SQL(t, db, `DROP TRIGGER die ON audit_chain`)
	linkAll(t, db)
	if v := verdicts(t, db, time.Now().Add(time.Hour))[una.Org]; v.Seq != 10 || v.Break != nil || v.Late != 0 {
		t.Errorf("the next one: %+v, want a whole chain of 10", v)
	}
}

// TestChainIsHeldByOne: a node that comes while another is at a chain leaves it.
func TestChainIsHeldByOne(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	una, ben := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Harbor")
	keep(t, db, una, 1)
	linkAll(t, db)
	keep(t, db, una, 1)
	keep(t, db, ben, 1)
	tx, err := connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM audit_chain WHERE org_id = $1 FOR UPDATE`, una.Org.UUID()); err != nil {
		t.Fatal(err)
	}
	if n, _, err := db.LinkAudit(t.Context()); n != 1 || err != nil {
		t.Errorf("linked %d, %v; want the other's row alone", n, err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _, err := db.LinkAudit(t.Context()); n != 1 || err != nil {
		t.Errorf("linked %d, %v; want the row that was left", n, err)
	}
}
