package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// kept are the tables that a reset leaves alone, and why. A table that is in
// neither list is one that nobody has thought of.
var kept = map[string]string{
	"org": "who it is", "app_user": "who works there", "api_key": "what works there", "login_link": "how somebody gets in",
	"external_identity": "how somebody gets in", "user_sign_in": "who is in", "person": "policyholders sign in, as users do",
	"sign_in": "who is in", "sign_in_ask": "how somebody gets in", "sign_in_code": "how somebody gets in", "sign_in_count": "how often somebody tried",
	"device": "of somebody who stays", "preference": "of somebody who stays",
	"program": "how it prices", "rate_table": "how it prices", "carrier": "for whom it writes", "da_agreement": "for whom it writes",
	"authority_profile": "who may agree to what", "authority_assignment": "who may agree to what", "authority_delegation": "who may agree to what",
	"referral_rules": "a setting", "flag_override": "a setting", "flag": "a setting", "endpoint": "whom it tells",
	"audit": "what was done is never forgotten", "audit_chain": "as the log", "request": "what was asked is kept for its 30 days",
	"discarded_file": "what is left to do of it",
}

// Each table is one whose rows are deleted, or one of which somebody has said why
// they stay.
func TestResetKnowsEveryTable(t *testing.T) {
	c := connect(t, storetest.URL(t))
	tables := must[[]string](t)(column(t.Context(), c, `SELECT relname FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`))
	cleared := store.Cleared()
	for _, table := range tables {
		goes := slices.Contains(cleared, table) || table == "test_clock"
		if stays := kept[table] != "" || noWalls[table] != "" && !goes; goes == stays {
			t.Errorf("%s: a reset deletes it: %v; it stays: %v. Add it to clearings of reset.go, or to kept here", table, goes, stays)
		}
	}
	for _, table := range slices.Concat(cleared, slices.Collect(maps.Keys(kept))) {
		if !slices.Contains(tables, table) {
			t.Errorf("there is no table %s", table)
		}
	}
	// What points at rows that go is found by an index, or each of them would read
	// the whole table.
	keys := must[[]string](t)(column(t.Context(), c, `SELECT c.conrelid::regclass || '.' || a.attname FROM pg_constraint c
		JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
		WHERE c.contype = 'f' AND c.confrelid::regclass::text = ANY ('{`+strings.Join(cleared, ",")+`}') AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])`))
	if len(keys) > 0 {
		t.Errorf("there is no index for %v", keys)
	}
}

// digest is a number for all rows of a table that an organisation has.
func digest(t *testing.T, c *pgx.Conn, table, column string, org access.OrgID) string {
	t.Helper()
	var sum string
	sql := fmt.Sprintf(`SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM %s t WHERE %s = $1`,
		pgx.Identifier{table}.Sanitize(), column)
	if err := c.QueryRow(t.Context(), sql, org.UUID()).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// digests are those of all tables with rows of organisations.
func digests(t *testing.T, c *pgx.Conn, org access.OrgID) map[string]string {
	t.Helper()
	all := map[string]string{"org": digest(t, c, "org", "id", org)}
	for _, table := range must[[]string](t)(column(t.Context(), c, `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`)) {
		all[table] = digest(t, c, table, "org_id", org)
	}
	return all
}

// Two organisations have been through everything, and each takes part in the
// other's room. One is reset: of the other nothing is gone but what it left in
// the first one's room.
func TestReset(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url, TestClocks: true})
	a, b := writeBook(t, db, "Summit"), writeBook(t, db, "Other")
	c := connect(t, url)
	storetest.Seat(t, db, b.room, a.by, "broker", access.RoomChat) // of which nothing goes
	fillRoom(t, db, b.room, a.by, "shared")
	places := digests(t, c, a.by.Org)
	before := digests(t, c, b.by.Org)
	storetest.Seat(t, db, a.room, b.by, "broker", access.RoomChat)
	poster := storetest.Poster(t, db)
	house := rooms.New(db, poster, nil, rooms.Config{})
	for _, visibility := range []string{"shared", "internal"} {
		draft := room.Draft{Body: "Seen.", ClientID: map[string]string{"shared": "5f0c2f6e-9a51-4a5e-8a39-2f0f6c1f7a10", "internal": "5f0c2f6e-9a51-4a5e-8a39-2f0f6c1f7a11"}[visibility], Visibility: room.Visibility(visibility)}
		if _, _, err := house.Post(t.Context(), b.by, a.room.ID, draft); err != nil {
			t.Fatal(err)
		}
		fillRoom(t, db, a.room, b.by, visibility)
	}
	if cmp.Equal(before, digests(t, c, b.by.Org)) {
		t.Fatal("the other organisation left nothing in the room")
	}
	boss := storetest.User(t, db, a.by, "Ada", access.RoleAdmin)
	desk := insurance.New(db, insurance.Config{MaxBackdate: -1})
	if _, err := desk.Reset(t.Context(), boss); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Discarded(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, db, `DELETE FROM outbox`) // of the event that tells of it
	after := digests(t, c, b.by.Org)
	for _, of := range []map[string]string{before, after} { // their node is told to ask again who hears what; they are known to be in a place
		delete(of, "channel")
		delete(of, "entry")
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("the other organisation (-before +after):\n%s", d)
	}
	left := digests(t, c, a.by.Org)
	for table, was := range places {
		switch {
		case table == "audit" || table == "audit_chain" || table == "app_user": // it was told; who asked for it came
		case kept[table] != "" && table != "discarded_file":
			if left[table] != was {
				t.Errorf("%s: %s, was %s", table, left[table], was)
			}
		case slices.Contains([]string{"entry", "event", "channel", "relationship", "read_position", "room_org", "discarded_file"}, table): // see below
		case !strings.HasPrefix(left[table], "0 "):
			t.Errorf("%s: %s rows are left", table, left[table])
		}
	}
	if n := storetest.Value[int](t, db, `SELECT count(*)::int FROM relationship WHERE org_id = $1
		AND object_type IN ('submission', 'room', 'referral', 'policy', 'claim', 'invoice', 'document')`, a.by.Org.UUID()); n != 0 {
		t.Errorf("%d relationships are left", n)
	}
	if n := storetest.Value[int](t, db, `SELECT (SELECT count(*) FROM channel WHERE name LIKE '%' || $1 || '%')::int + (SELECT count(*) FROM room_org WHERE room_id = $2)::int`,
		a.room.ID.String(), a.room.ID.UUID()); n != 0 {
		t.Errorf("%d channels of the room are left", n)
	}
	if n := storetest.Value[int](t, db, `SELECT count(*)::int FROM event WHERE org_id = $1 AND type <> 'sandbox.reset'`, a.by.Org.UUID()); n != 0 {
		t.Errorf("%d events are left", n)
	}
	if n := storetest.Value[int](t, db, `SELECT count(*)::int FROM entry e JOIN channel c ON c.id = e.channel_id
		WHERE c.org_id = $1 AND c.name LIKE 'org:%' AND (e.kind <> 'sandbox.reset' OR e.seq <> c.head OR c.floor <> c.head - 1)`, a.by.Org.UUID()); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	if files := must[[]room.FileID](t)(db.Discarded(t.Context(), 10)); len(files) != 5 { // one of each was there
		t.Errorf("%d files are to be deleted", len(files))
	} else if err := db.ForgetFiles(t.Context(), files); err != nil || len(must[[]room.FileID](t)(db.Discarded(t.Context(), 10))) != 0 {
		t.Errorf("they were not forgotten: %v", err)
	}
	if _, _, err := db.LinkAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What was on its way into the room meanwhile is refused.
	for _, channel := range []event.Channel{room.Shared(a.room.ID, a.by.Org), room.Desk(a.room.ID, b.by.Org)} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := poster.PostWait(ctx, store.Post{
			Room: a.room.ID, Channel: channel, ID: room.NewMessageID(time.Now()), Author: b.by.ID, ClientID: "5f0c2f6e-9a51-4a5e-8a39-2f0f6c1f7a12", Payload: []byte("{}"), At: time.Now(),
		})
		cancel()
		if !errors.Is(err, store.ErrRoomClosed) {
			t.Errorf("a late post to %s: %v", channel.Name, err)
		}
	}
	// A second one finds nothing, and everything works anew.
	again := must[insurance.Reset](t)(desk.Reset(t.Context(), boss))
	for what, n := range again.Deleted {
		if n != 0 && what != "events" && what != "deliveries" {
			t.Errorf("the second time: %d %s", n, what)
		}
	}
	p := bindOne(t, db, desk, a.by)
	if p.Number != "GL-2026-000001" {
		t.Errorf("the first policy is %s", p.Number)
	}
}

// bindOne binds a submission, in a program that no agreement covers.
func bindOne(t *testing.T, db *store.DB, desk *insurance.Desk, by access.Actor) policy.Policy {
	t.Helper()
	storetest.SQL(t, db, `DELETE FROM da_agreement WHERE org_id = $1`, by.Org.UUID())
	s := must[submission.Submission](t)(desk.Submit(t.Context(), by, submission.Submission{
		InsuredName: "Pacific Coast Builders", NAICS: "236220", AnnualRevenue: 800_000_000, RequestedLimit: 100_000_000,
		EffectiveDate: civil.Date{Year: 2026, Month: time.May, Day: 1}, State: "OR", LineOfBusiness: "GL",
	}))
	if _, err := desk.Quote(t.Context(), by, s.ID, whatever); err != nil {
		t.Fatal(err)
	}
	return must[policy.Policy](t)(desk.Bind(t.Context(), by, s.ID, policy.Order{Plan: billing.Monthly10}, whatever))
}

// A sandbox in which thousands of submissions were bound is reset in one request.
func TestResetOfMany(t *testing.T) {
	const many = 2_000
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url, TestClocks: true})
	a, b := writeBook(t, db, "Summit"), writeBook(t, db, "Other")
	fillSubmissions(t, url, many, queueNow, a.by, b.by)
	c := connect(t, url)
	for _, sql := range []string{
		`INSERT INTO quote SELECT (jsonb_populate_record(q, jsonb_build_object('id', new_ulid(), 'submission_id', s.id, 'version', 1))).*
			FROM submission s, quote q WHERE q.id = (SELECT id FROM quote WHERE org_id = $1 LIMIT 1) AND s.org_id = $1 AND NOT EXISTS (SELECT FROM quote o WHERE o.submission_id = s.id)`,
		`INSERT INTO policy SELECT (jsonb_populate_record(p, jsonb_build_object('id', new_ulid(), 'number', q.id::text, 'submission_id', q.submission_id, 'quote_id', q.id))).*
			FROM quote q, policy p WHERE p.id = (SELECT id FROM policy WHERE org_id = $1 LIMIT 1) AND q.org_id = $1 AND NOT EXISTS (SELECT FROM policy o WHERE o.submission_id = q.submission_id)`,
		`INSERT INTO invoice SELECT (jsonb_populate_record(i, jsonb_build_object('id', new_ulid(), 'policy_id', p.id, 'number', 20 + n))).*
			FROM policy p, invoice i, generate_series(1, 3) n WHERE i.id = (SELECT id FROM invoice WHERE org_id = $1 LIMIT 1) AND p.org_id = $1`,
		`INSERT INTO event SELECT (jsonb_populate_record(e, jsonb_build_object('id', new_ulid()))).* FROM event e, submission s, generate_series(1, 3) n WHERE e.id = (SELECT id FROM event WHERE org_id = $1 LIMIT 1) AND s.org_id = $1`,
		`WITH c AS (SELECT id FROM channel WHERE org_id = $1 AND name LIKE 'org:%underwriting'), more AS (
			INSERT INTO entry SELECT (jsonb_populate_record(e, jsonb_build_object('channel_id', c.id, 'seq', 1000 + row_number() OVER ()))).*
			FROM c, entry e, submission s, generate_series(1, 3) n WHERE e.ctid = (SELECT ctid FROM entry WHERE org_id = $1 LIMIT 1) AND s.org_id = $1)
			UPDATE channel SET head = 100000 WHERE id IN (SELECT id FROM c)`,
		`INSERT INTO room SELECT (jsonb_populate_record(r, jsonb_build_object('id', new_ulid(), 'submission_id', s.id))).*
			FROM submission s, room r WHERE r.id = (SELECT id FROM room WHERE org_id = $1 LIMIT 1) AND s.org_id = $1 AND s.id <> r.submission_id`,
		`INSERT INTO room_org SELECT id, org_id FROM room WHERE org_id = $1 ON CONFLICT DO NOTHING`,
		`INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
			SELECT $1, 'invoice', id::text, 'policy', 'policy', policy_id::text FROM invoice WHERE org_id = $1 ON CONFLICT DO NOTHING`,
	} {
		if _, err := c.Exec(t.Context(), sql, a.by.Org.UUID()); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	boss := storetest.User(t, db, a.by, "Ada", access.RoleAdmin)
	desk := insurance.New(db, insurance.Config{MaxBackdate: -1})
	before := digest(t, c, "submission", "org_id", b.by.Org)
	began := time.Now()
	r := must[insurance.Reset](t)(desk.Reset(t.Context(), boss))
	t.Logf("%v in %s", r.Deleted, time.Since(began).Round(time.Millisecond))
	if r.Deleted["submissions"] < many || r.Deleted["policies"] < many || r.Deleted["dealRooms"] < many || r.Deleted["invoices"] < 3*many || r.Deleted["events"] < 3*many {
		t.Errorf("deleted %v", r.Deleted)
	}
	if digest(t, c, "submission", "org_id", b.by.Org) != before {
		t.Error("another organisation's submissions are others")
	}
	if p := bindOne(t, db, desk, a.by); p.Number != "GL-2026-000001" {
		t.Errorf("the first policy is %s", p.Number)
	}
}
