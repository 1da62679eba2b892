package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A listener writes down which statements were run with which arguments, and for
// which organisation.
type listener struct {
	mu    sync.Mutex
	orgs  map[*pgx.Conn]string
	heard map[string][]heard // by the text of the statement; the last few
}

type heard struct {
	org  string
	args []any
}

func (l *listener) note(c *pgx.Conn, sql string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.HasPrefix(sql, "SELECT set_config('app.org'") {
		l.orgs[c], _ = args[0].(string)
		return
	}
	if of := l.orgs[c]; of != "" && len(args) > 0 {
		l.heard[sql] = append(l.heard[sql], heard{of, args})
	}
}

func (l *listener) TraceQueryStart(ctx context.Context, c *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	l.note(c, d.SQL, d.Args)
	return ctx
}
func (*listener) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*listener) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (l *listener) TraceBatchQuery(_ context.Context, c *pgx.Conn, d pgx.TraceBatchQueryData) {
	l.note(c, d.SQL, d.Args)
}
func (*listener) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// An outcome is what a statement came to.
type outcome struct {
	rows     [][]any
	affected int64
	code     string // of the error
	reads    bool   // it changes nothing
	changed  []string
}

func (o outcome) String() string {
	return fmt.Sprintf("%d rows, %d affected, error %q, changed %v", len(o.rows), o.affected, o.code, o.changed)
}

// A replay runs statements again, each of which leaves nothing behind.
type replay struct {
	*census
	before map[string]string
}

// run runs a statement as a role under an organisation, both of which may be
// none. It looks at what has become of the rows of the census when looks is true.
func (r replay) run(sql string, args []any, role, org string, looks bool) outcome {
	r.t.Helper()
	ctx := r.t.Context()
	o := outcome{reads: strings.HasPrefix(sql, "SELECT") || strings.HasPrefix(sql, "WITH") && !writes.MatchString(sql)}
	undo := errors.New("undo")
	err := pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
		if role != "" {
			if _, err := tx.Exec(ctx, "SET LOCAL ROLE "+role); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "SELECT set_config('app.org', $1, true)", org); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		if o.rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() }); err != nil {
			return err
		}
		o.affected = rows.CommandTag().RowsAffected()
		if looks && !o.reads {
			if _, err := tx.Exec(ctx, "RESET ROLE"); err != nil {
				return err
			}
			o.changed = r.changed(r.before)
		}
		return undo
	})
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		o.code = pg.Code
	case !errors.Is(err, undo):
		r.t.Fatalf("%v: %s", err, sql)
	}
	return o
}

var writes = regexp.MustCompile(`\b(INSERT INTO|UPDATE|DELETE FROM)\b`)

// unheard are the statements that no call of the matrix runs, and why that need
// not be.
var unheard = map[string]string{
	"lockRoomsSQL":       "of a reset: TestReset",
	"slowSQL":            "of a reset: it gives its statements time and touches no table",
	"heldSQL":            "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"countersSQL":        "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"lockCountersSQL":    "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"saveCountersSQL":    "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"releaseSQL":         "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"reserveSQL":         "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"useSQL":             "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"addRowSQL":          "of a quote, an acceptance or a bind under an agreement: TestDelegatedAuthority, TestFiltersWithoutWalls",
	"lockInvoiceSQL":     "of what comes due: internal/insurance.TestNoticesAreToldInOrder, TestFiltersWithoutWalls",
	"saveNoticeSQL":      "of what comes due: internal/insurance.TestNoticesAreToldInOrder, TestFiltersWithoutWalls",
	"lockPolicySQL":      "of what comes due: internal/insurance.TestNoticesAreToldInOrder, TestFiltersWithoutWalls",
	"saveRenewalStepSQL": "of what comes due: internal/insurance.TestNoticesAreToldInOrder, TestFiltersWithoutWalls",
	"stillDueSQL":        "of what is due for nothing: internal/insurance.TestWhatIsDueForNothingHoldsUpNothing",
	"insuredsSQL":        "of what comes due: internal/insurance.TestNoticesAreToldInOrder, TestFiltersWithoutWalls",
	"keepAppointedSQL":   "of a carrier's new name: internal/insurance.TestARenamedCarrierKeepsItsProducers",
	"acceptedSQL":        "of two acceptances at once: TestFiltersWithoutWalls",
	"setOrgSQL":          "it is what names the organisation",
	"becomeAppSQL":       "it takes a role and touches no table",
	"becomeWorkerSQL":    "it takes a role and touches no table",
	"planByIndexSQL":     "it is about plans and touches no table",
	"epochSQL":           "the log is one for all and has no organisation",
	"referralsOfSQL":     "of a bid and of a risk that changes: TestTheRiskChanges",
	"addTaskSQL":         "of a bind under an approval: TestConditionsGateTheBind",
	"saveTaskSQL":        "of a bind under an approval: TestConditionsGateTheBind",
	"shareClockSQL":      "it locks a number and touches no table",
	"nextDueSQL":         "nothing is due in a second: TestTheClockMovesEverything",
	"putOffSQL":          "nothing fails: TestWhatFailsWaits",
	"workedSQL":          "nothing is due: TestWhatFailsWaits",
	"standQuoteSQL":      "of a quote whose submission is locked: TestTwoPersonsAgree",
	"saveClocksSQL":      "of a clock that has passed a mark: TestQueueWithoutWalls",
	"dropIdleDraftSQL":   "no draft is idle: TestFiltersWithoutWalls",
}

// unshown are the statements that come to nothing when they are run again, so
// that what they do with another's ids shows nothing here; with the reason.
var unshown = map[string]string{
	"addCountersSQL":   "it adds what its agreement has",
	"coveringSQL":      "the matrix has no agreement of a program that it quotes in: TestFiltersWithoutWalls",
	"holdCoveringSQL":  "the matrix has no agreement of a program that it quotes in: TestFiltersWithoutWalls",
	"overlapSQL":       "each agreement of the matrix has a program of its own: TestFiltersWithoutWalls",
	"reservedSQL":      "nobody accepts under an agreement: TestFiltersWithoutWalls",
	"dropDraftSQL":     "what it forgets is gone: TestFiltersWithoutWalls",
	"shareCoveringSQL": "the matrix has no agreement of a program that it quotes in: TestFiltersWithoutWalls",
	"lockOnceSQL":      "it locks a number and touches no table",
	"lockNumberSQL":    "it locks a number and touches no table",
	"nextDueSQL":       "nothing is due in a second: TestTheClockMovesEverything",
	"addRulesSQL":      "it adds the one row of its organisation, which is there",
}

// moving are the statements that answer something else each time, whoever there
// is, so that what they answer cannot be compared.
var moving = map[string]string{
	"revisionSQL": "it is how far the database's transactions are, and ids of objects whose relationships changed",
}

// instead are arguments that make a statement come to something again, by their
// place: the id of a thing that is there, in place of one that was taken away.
var instead = map[string]map[int]string{
	"deleteEndpointSQL":   {1: `SELECT id::text FROM endpoint WHERE org_id = $1 LIMIT 1`},
	"cancelDeliveriesSQL": {1: `SELECT target::text FROM delivery WHERE org_id = $1 AND kind = 'webhook' AND state = 'pending' LIMIT 1`},
	"openQuotesSQL":       {1: `SELECT submission_id::text FROM quote WHERE org_id = $1 LIMIT 1`},
	"lockRoomOfSQL":       {1: `SELECT submission_id::text FROM room WHERE org_id = $1 LIMIT 1`},
	"causedSQL":           {1: `SELECT request_id::text FROM event WHERE org_id = $1 AND request_id IS NOT NULL LIMIT 1`},
	"attemptsSQL":         {1: `SELECT delivery_id::text FROM attempt WHERE org_id = $1 LIMIT 1`, 2: `SELECT '2020-01-01'`},
	"joinedSQL":           {1: `SELECT room_id::text FROM participant WHERE org_id = $1 AND from_seq > 0 AND left_at IS NULL LIMIT 1`, 2: `SELECT user_id::text FROM participant WHERE org_id = $1 AND from_seq > 0 AND left_at IS NULL LIMIT 1`},
	"surplusSignInsSQL":   {2: `SELECT '0'`},
	"endSignInSQL":        {1: `SELECT person_id::text FROM sign_in WHERE org_id = $1 LIMIT 1`, 2: `SELECT id::text FROM sign_in WHERE org_id = $1 LIMIT 1`},
	"endUserSignInSQL":    {1: `SELECT user_id::text FROM user_sign_in WHERE org_id = $1 ORDER BY id LIMIT 1`, 2: `SELECT id::text FROM user_sign_in WHERE org_id = $1 ORDER BY id LIMIT 1`},
	"passOverSQL":         {2: `SELECT new_ulid()::text`},
	"revokeKeySQL":        {1: `SELECT id::text FROM api_key WHERE org_id = $1 LIMIT 1`},
}

// asBefore takes back what used things up, so that statements that use them up
// find them again.
var asBefore = []string{
	`UPDATE quote SET status = 'offered' WHERE org_id = $1`,
	`INSERT INTO da_usage (transaction_id, org_id, agreement_id, policy_id, insured, effective, premium, aggregate, policies, at)
		SELECT t.id, $1, a.id, t.policy_id, 'i', '2026-01-01', 1, 1, 1, '2020-01-01' FROM (SELECT id, row_number() OVER () AS n FROM da_agreement WHERE org_id = $1) a
		JOIN (SELECT id, policy_id, row_number() OVER () AS n FROM policy_transaction WHERE org_id = $1) t USING (n)`,
	`INSERT INTO bordereau_row (id, org_id, agreement_id, carrier_id, policy_id, bordereau_id, type, booked, facts, gross, commission, override, net, created_at)
		SELECT t.id, $1, b.agreement_id, b.carrier_id, t.policy_id, b.id, 'NEW', '2024-01-01', '{}', 1, 0, 0, 1, now()
		FROM (SELECT *, row_number() OVER () AS n FROM bordereau WHERE org_id = $1) b
		JOIN (SELECT id, policy_id, row_number() OVER () AS n FROM policy_transaction WHERE org_id = $1) t USING (n)`,
	`UPDATE rate_table SET published_at = NULL, published_by = '' WHERE org_id = $1 AND version > 1`,
	`UPDATE invitation SET state = 'pending', accepted_at = NULL, accepted_by = NULL WHERE org_id = $1 AND state = 'revoked'`,
	`UPDATE delivery SET state = 'pending', done_at = NULL, lease_until = NULL WHERE org_id = $1`,
	`INSERT INTO attempt (delivery_id, attempt, org_id, outcome, worker) SELECT id, 1, $1, 'delivered', 'w' FROM delivery WHERE org_id = $1 LIMIT 1`,
	`UPDATE sign_in SET ended_at = NULL, ended_why = '' WHERE org_id = $1`,
	`INSERT INTO user_sign_in (id, org_id, user_id, hash, created_at, expires_at)
		SELECT new_ulid(), org_id, id, sha256(id::text::bytea), now(), now() + interval '1 hour' FROM app_user WHERE org_id = $1`,
	`UPDATE sign_in_code SET used_at = NULL WHERE org_id = $1`,
	`UPDATE api_key SET revoked_at = NULL WHERE org_id = $1`,
	`DELETE FROM authority_assignment a WHERE org_id = $1 AND EXISTS (SELECT FROM authority_assignment b WHERE b.user_id = a.user_id AND b.id > a.id)`,
	`UPDATE authority_assignment SET ended_at = NULL WHERE org_id = $1`,
	`UPDATE authority_profile SET active = true WHERE org_id = $1`,
	`UPDATE authority_delegation SET ended_at = NULL WHERE org_id = $1`,
	`INSERT INTO referral_task (id, org_id, referral_id, policy_id, action, responsible, consequence, status, created_at, updated_at)
		SELECT new_ulid(), $1, r.id, p.id, 'a', 'b', 'c', 'open', now(), now() FROM referral r, policy p WHERE r.org_id = $1 AND p.org_id = $1 LIMIT 1`,
	`UPDATE notification SET read_at = NULL WHERE org_id = $1`,
	`INSERT INTO test_clock (org_id, ahead, moved_at, moved_by) VALUES ($1, '1 second', now(), 'x') ON CONFLICT DO NOTHING`,
	`UPDATE read_position SET seq = 0 WHERE org_id = $1`,
	`UPDATE participant SET from_seq = 1 WHERE org_id = $1`,
}

// TestEveryStatement calls everything once, writes down each statement that was
// run for an organisation, with its arguments, and runs it again for another
// one: under the walls of row-level security with the filter that it had, and
// without walls with the other's filter. Either way it finds and changes nothing
// of the first: it comes to what it comes to when the first never was.
func TestEveryStatement(t *testing.T) {
	l := &listener{orgs: map[*pgx.Conn]string{}, heard: map[string][]heard{}}
	s := newSceneOn(t, storetest.Open(t, store.Config{URL: storetest.URL(t), Tracer: l, TestClocks: true}))
	_, tables := readTables(t)
	all, _ := s.operations()
	for _, d := range all {
		ks := callsOf(d)
		who := ""
		for _, way := range slices.Sorted(maps.Keys(ks)) { // probes come last
			if ks[way].apart { // it would leave nothing to be looked at
				continue
			}
			who = cmp.Or(succeeds(tables, d, way), who)
			if who != "" {
				s.home.try(who, d, ks[way], s.home)
			}
		}
	}
	s.workBehind()
	home, away := s.home.org.UUID(), s.away.org.UUID()
	l.mu.Lock()
	statements := maps.Clone(l.heard)
	l.mu.Unlock()

	for _, sql := range asBefore {
		storetest.SQL(t, s.db, sql, home)
	}
	ours := newCensus(t, s.db, slices.DeleteFunc(s.orgs(), func(o access.OrgID) bool { return o == s.home.org })...)
	r := replay{ours, ours.take()}
	named := storetest.Statements(t, "../store")
	names := map[string]string{}
	for name, st := range named {
		names[st.SQL] = name
	}
	type run struct {
		name, sql      string
		args, foreign  []any
		walls, without outcome
	}
	var runs []run
	shown := map[string]bool{}
	for _, sql := range slices.Sorted(maps.Keys(statements)) {
		name := names[sql]
		if name == "" {
			name = strings.Join(strings.Fields(sql), " ")
		}
		var mine []heard
		for _, h := range statements[sql] {
			if h.org == home {
				mine = append(mine, h)
			}
		}
		if len(mine) == 0 {
			continue
		}
		crosses := named[names[sql]].Crosses()
		best := mine[len(mine)-1].args
		for _, args := range s.variants(name, home, mine) {
			if o := r.run(sql, args, "", home, false); len(o.rows) > 0 || o.affected > 0 || o.code == "23505" {
				best = args
				shown[name] = true
				break
			}
		}
		c := run{name: name, sql: sql, args: best}
		for _, a := range best {
			if a == any(home) {
				a = away
			}
			c.foreign = append(c.foreign, a)
		}
		c.walls = r.run(sql, c.args, "openinsure_app", away, true)
		if len(c.walls.changed) > 0 {
			t.Errorf("%s: under the walls it changes %v of another organisation\n%s", name, c.walls.changed, sql)
		}
		if strings.HasPrefix(sql, "INSERT") && !crosses && c.walls.code == "" && c.walls.affected > 0 {
			t.Errorf("%s: under the walls it writes for another organisation\n%s", name, sql)
		}
		if !crosses {
			c.without = r.run(sql, c.foreign, "", away, true)
			if len(c.without.changed) > 0 {
				t.Errorf("%s: without walls it changes %v of another organisation\n%s", name, c.without.changed, sql)
			}
		}
		runs = append(runs, c)
		if !shown[name] && !crosses && unshown[name] == "" {
			t.Errorf("%s comes to nothing when it is run again: call it so that it does, or say in unshown why not\n%s", name, sql)
		}
	}
	for name, st := range named {
		if _, ok := statements[st.SQL]; !ok && !st.Crosses() && unheard[name] == "" {
			t.Errorf("%s is run by no call of the matrix: add one, or say in unheard who looks at it", name)
		}
	}
	s.erase(home)
	for _, c := range runs {
		if moving[c.name] != "" {
			continue
		}
		if got := r.run(c.sql, c.args, "openinsure_app", away, false); !same(got, c.walls) {
			t.Errorf("%s: under the walls it comes to %v, and to %v when there is nobody else\n%s\n%v", c.name, c.walls, got, c.sql, c.walls.rows)
		}
		if named[names[c.sql]].Crosses() {
			continue
		}
		if got := r.run(c.sql, c.foreign, "", away, false); !same(got, c.without) {
			t.Errorf("%s: without walls it comes to %v, and to %v when there is nobody else\n%s\n%v", c.name, c.without, got, c.sql, c.without.rows)
		}
	}
	t.Logf("%d statements, %d of them shown", len(runs), len(shown))
}

// same reports whether a statement comes to the same beside another organisation
// as alone, to one who sees what it comes to. What a change answers is new each
// time; it may change less, where the key of its row is taken.
func same(alone, beside outcome) bool {
	if alone.code != "" || beside.code != "" {
		return alone.code == beside.code || !alone.reads && !beside.reads
	}
	if !alone.reads {
		return beside.affected <= alone.affected
	}
	return len(alone.rows) == len(beside.rows) && alone.affected == beside.affected && reflect.DeepEqual(alone.rows, beside.rows)
}

// orgs are all organisations.
func (s *scene) orgs() []access.OrgID {
	s.t.Helper()
	var all []access.OrgID
	for _, o := range storetest.Value[[]string](s.t, s.db, `SELECT array_agg(id::text) FROM org`) {
		id, err := access.ParseOrgID(o)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, id)
	}
	return all
}

// erase takes everything of an organisation away, as if it had never been.
func (s *scene) erase(org string) {
	s.t.Helper()
	storetest.SQL(s.t, s.db, `DO $$ DECLARE t text; BEGIN
		SET LOCAL session_replication_role = replica;
		FOR t IN SELECT c.table_name FROM information_schema.columns c JOIN pg_class p ON p.oid = format('%I', c.table_name)::regclass
			WHERE c.table_schema = current_schema() AND c.column_name = 'org_id' AND p.relkind IN ('r', 'p') AND NOT p.relispartition
		LOOP EXECUTE format('DELETE FROM %I WHERE org_id = %L', t, '`+org+`'); END LOOP;
		DELETE FROM room_org WHERE org_id = '`+org+`';
		DELETE FROM org WHERE id = '`+org+`';
	END $$`)
}

// variants are arguments with which a statement may come to something: those
// that it was last run with, the same with the version after, and those with the
// ids of things that are there.
func (s *scene) variants(name, org string, mine []heard) [][]any {
	s.t.Helper()
	var all [][]any
	for _, h := range slices.Backward(mine[max(0, len(mine)-8):]) {
		next := slices.Clone(h.args)
		for i, a := range next {
			if v, ok := a.(int); ok {
				next[i] = v + 1
			}
		}
		all = append(all, h.args, next)
	}
	if len(instead[name]) > 0 {
		args := slices.Clone(mine[len(mine)-1].args)
		for i, sql := range instead[name] {
			args[i] = storetest.Value[string](s.t, s.db, sql, orgArg(sql, org)...)
		}
		all = append([][]any{args}, all...)
	}
	return all
}

// orgArg is the argument of a statement that has one.
func orgArg(sql, org string) []any {
	if strings.Contains(sql, "$1") {
		return []any{org}
	}
	return nil
}

// workBehind runs what no operation does, or none that the matrix calls in full.
func (s *scene) workBehind() {
	c, t := s.home, s.t
	t.Helper()
	ctx := t.Context()
	s.signIn(s.bind(c.actors["lead"], "signs@in.example"), "signs@in.example", "phone")
	c.send(c.keyOf("policies:read"), "GET", "/v1/me", "")
	for range 2 { // the second time it is answered from memory
		c.done("lead", "POST", "/v1/submissions", calls["create-submission"].body, "Idempotency-Key", "once")
	}
	c.done("underwriter", "POST", "/v1/submissions/"+makers()["submission"](c, "lead", "")+"/claim", "")
	c.done("lead", "GET", "/v1/submissions?assignee="+c.actors["underwriter"].ID, "")
	file := c.thing("lead", "file")
	c.done("lead", "POST", c.room("lead")+"/messages", fmt.Sprintf(`{"body":"Hello.","mentions":[%q],"attachments":[%q]}`, c.actors["participant"].ID, file))
	c.done("lead", "GET", c.room("lead")+"/messages?after=1", "")
	c.done("lead", "POST", c.room("lead")+"/participants", fmt.Sprintf(`{"userId":%q,"role":"underwriter","fromNow":true}`, c.actors["hired"].ID))
	c.done("lead", "POST", c.room("lead")+"/files", oneFile, formOf...)
	c.done("hired", "GET", c.room("lead")+"/files", "")
	about := c.thing("lead", "room submission")
	c.done("lead", "POST", "/v1/referrals", fmt.Sprintf(`{"entityType":"submission","entityId":%q,"dealRoomId":%q,"reason":"prior_losses","rationale":"Three."}`, about, c.thing("lead", "room")))
	c.done("lead", "GET", "/v1/referrals?entityType=submission&entityId="+about+"&dealRoomId="+c.thing("lead", "room"), "")
	c.done("admin", "GET", "/v1/audit?actor="+c.actors["admin"].ID+"&object="+c.thing("lead", "key"), "")
	c.done("lead", "POST", c.room("lead")+"/read", `{"seq":1}`)
	c.done("lead", "GET", c.room("lead"), "")
	var id room.ID
	var webhook push.EndpointID
	if err := errors.Join(id.UnmarshalText([]byte(c.thing("lead", "room"))), webhook.UnmarshalText([]byte(c.thing("lead", "webhook")))); err != nil {
		t.Fatal(err)
	}
	e, err := s.db.As(c.actors["lead"]).Endpoint(ctx, webhook)
	if err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, s.db, `UPDATE room SET closes_at = now() WHERE id = $1`, id.UUID())
	now := time.Now()
	err = errors.Join(s.db.DisableEndpoint(ctx, e, "gone"), s.db.InTx(ctx, c.actors["lead"], func(tx *store.Tx) error {
		_, _, err := tx.LockDueRoom(ctx, id, now.Add(time.Hour))
		return errors.Join(err, tx.AddPerson(ctx, store.Person{ID: access.NewPersonID(now), Org: c.org, Name: "Pru", Email: "pru@example.com", CreatedAt: now}))
	}))
	if err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, s.db, `UPDATE endpoint SET status = 'enabled', reason = '' WHERE id = $1`, webhook.UUID())
	c.done("admin", "POST", "/v1/webhooks/"+c.thing("lead", "webhook")+"/test", "")
}
