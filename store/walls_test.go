package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
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

// A book is an organisation with at least one row in every table.
type book struct {
	by      access.Actor
	asked   referral.Referral
	user    access.UserID
	key     access.KeyID
	sub     submission.Submission
	program quote.Program
	rates   quote.RateTableID
	quote   quote.Quote
	policy  policy.Policy
	invoice billing.Invoice
	event   event.ID
	request access.RequestID
	room    room.Room
	profile authority.ProfileID

	agreement delegated.Agreement
	bordereau delegated.BordereauID

	invitation room.InvitationID

	endpoint push.EndpointID
	owed     push.Owed
	device   push.DeviceID
	notice   push.NoticeID
	person   access.PersonID
	signIn   access.SignInID

	userSignIn access.SignInID
}

// everything is every resource of an event.
var everything = []string{"submissions", "policies", "invoices", "referrals"}

func whatever(int) error { return nil }

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

// writeBook adds an organisation that has been through everything.
func writeBook(t testing.TB, db *store.DB, name string) book {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	desk := insurance.New(db, insurance.Config{MaxBackdate: -1})
	b := book{by: storetest.Org(t, db, name), key: access.NewKeyID(now), request: access.NewRequestID(now), person: access.NewPersonID(now)}
	ctx := access.WithRequest(t.Context(), b.request)
	once := store.Once{Principal: b.by.ID, Route: "POST /v1/keys", Key: "once"}
	_, _, err := db.Once(ctx, b.by, once, func(ctx context.Context) (store.Answer, error) {
		return store.Answer{Status: 201}, db.InTx(ctx, b.by, func(tx *store.Tx) error {
			return errors.Join(
				desk.OpenProgram(ctx, tx, b.by.Org),
				tx.AddLoginLink(ctx, name, must[access.UserID](t)(parseUser(b.by.ID)), now),
				tx.AddPerson(ctx, store.Person{ID: b.person, Org: b.by.Org, Name: name, Email: "p@example.com", CreatedAt: now}),
				tx.AddKey(ctx, store.Key{ID: b.key, Org: b.by.Org, Name: name, Prefix: "oi", Scopes: []string{"policies:read"}, Tier: "standard", CreatedBy: b.by.ID, CreatedAt: now}, name),
			)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.sub = must[submission.Submission](t)(desk.Submit(ctx, b.by, submission.Submission{
		InsuredName: name + " Builders", NAICS: "236220", AnnualRevenue: 800_000_000, RequestedLimit: 100_000_000,
		EffectiveDate: civil.Date{Year: 2026, Month: time.May, Day: 1}, State: "OR", LineOfBusiness: "GL",
	}))
	b.quote = must[quote.Quote](t)(desk.Quote(ctx, b.by, b.sub.ID, whatever))
	b.policy = must[policy.Policy](t)(desk.Bind(ctx, b.by, b.sub.ID, policy.Order{Plan: billing.Monthly10}, whatever))
	fillAuthority(t, db, desk, b)
	fillDelegated(t, db, b)
	b.asked = must[referral.Referral](t)(desk.Refer(ctx, b.by, referral.Ask{
		Entity: referral.Entity{Type: referral.Quote, ID: b.quote.ID}, Reason: "prior_losses", Rationale: name,
	}))
	if err := db.AddRequests(ctx, []store.Request{{ID: b.request, Org: b.by.Org, ClientRequestID: "same", Actor: b.by.ID, Method: "POST", Route: "/v1/policies", Status: 201, At: now}}); err != nil {
		t.Fatal(err)
	}
	b.room = must[rooms.View](t)(rooms.New(db, nil, nil, rooms.Config{}).Open(ctx, b.by, rooms.Opening{Submission: b.sub.ID})).Room
	fillRoom(t, db, b.room, b.by, "shared")
	fillOutbox(t, db, b.by, b.room.ID)
	fillGuests(t, db, b.room)
	r := db.As(b.by)
	page := store.Page{Limit: 1}
	b.profile = must[[]authority.Profile](t)(r.Profiles(ctx, false, page))[0].ID
	b.endpoint = must[[]push.Endpoint](t)(r.Endpoints(ctx, access.Scope{All: true}, page))[0].ID
	b.owed = must[[]push.Owed](t)(r.Deliveries(ctx, b.endpoint, store.DeliveryFilter{}, page))[0]
	b.device = must[[]push.Device](t)(r.Devices(ctx, b.by.ID, page))[0].ID
	b.notice = must[[]push.Received](t)(r.Notifications(ctx, b.by.ID, store.NotificationFilter{}, page))[0].ID
	b.invitation = must[[]room.Invitation](t)(r.Invitations(ctx, b.room.ID, page))[0].ID
	b.signIn = must[[]store.SignIn](t)(r.SignIns(ctx, b.person, now, page))[0].ID
	b.program = must[quote.Program](t)(r.Program(ctx, "GL"))
	b.agreement = must[[]delegated.Agreement](t)(r.Agreements(ctx, store.AgreementFilter{}, page))[0]
	b.bordereau = must[[]delegated.Bordereau](t)(r.Bordereaux(ctx, store.BordereauFilter{}, page))[0].ID
	b.rates = must[quote.RateTable](t)(r.RateTable(ctx, b.program.ID, b.policy.Effective)).ID
	b.user = must[[]store.User](t)(r.Users(ctx, access.Scope{All: true}, store.Page{Limit: 1}))[0].ID
	b.userSignIn = must[[]store.UserSignIn](t)(r.UserSignIns(ctx, b.user, now, page))[0].ID
	b.invoice = must[[]billing.Invoice](t)(r.Invoices(ctx, access.Scope{All: true}, store.InvoiceFilter{}, store.Page{Limit: 1}))[0]
	if _, _, err := db.LinkAudit(ctx); err != nil {
		t.Fatal(err)
	}
	b.event = must[[]store.Told](t)(r.Events(ctx, "", everything, store.Page{Limit: 1}))[0].ID
	return b
}

// fillAuthority adds a row to every table of who may agree to what.
func fillAuthority(t testing.TB, db *store.DB, desk *insurance.Desk, b book) {
	t.Helper()
	ctx, user := t.Context(), must[access.UserID](t)(parseUser(b.by.ID))
	storetest.SQL(t, db, `INSERT INTO authority_profile (id, org_id, name, level, lines, prohibited_states, can_override, constraints, active, created_by, created_at, updated_at)
		VALUES (new_ulid(), $1, 'p', 5, '{GL}', '{}', false, '[]', true, 'x', now(), now())`, b.by.Org.UUID())
	storetest.SQL(t, db, `INSERT INTO authority_assignment (id, org_id, profile_id, user_id, by, created_at)
		SELECT new_ulid(), $1, id, $2, 'x', now() FROM authority_profile WHERE org_id = $1`, b.by.Org.UUID(), user.UUID())
	to := storetest.User(t, db, b.by, "a delegate", access.RoleUnderwriter)
	storetest.SQL(t, db, `INSERT INTO authority_delegation (id, org_id, from_user, to_user, starts_at, ends_at, by, created_at)
		VALUES (new_ulid(), $1, $2, $3, now(), now() + interval '1 day', 'x', now())`, b.by.Org.UUID(), user.UUID(), *to.UUID())
	storetest.SQL(t, db, `INSERT INTO referral_rules (org_id, decide_within, answer_within, expires_after, calendar, updated_at)
		SELECT $1, 960, 2400, 30, $2, now()`, b.by.Org.UUID(), `{"timeZone":"UTC","opens":"09:00","closes":"17:00","workdays":["mon"],"holidays":[]}`)
	r := must[referral.Referral](t)(desk.Refer(ctx, b.by, referral.Ask{Entity: referral.Entity{Type: referral.Policy, ID: b.policy.ID}, Reason: "other", Rationale: "x"}))
	storetest.SQL(t, db, `INSERT INTO referral_task (id, org_id, referral_id, policy_id, action, responsible, consequence, status, created_at, updated_at)
		VALUES (new_ulid(), $1, $2, $3, 'a', '', '', 'open', now(), now())`, b.by.Org.UUID(), r.ID.UUID(), b.policy.ID.UUID())
}

// fillDelegated adds a row to every table of delegated authority. Its agreement is
// of the program that the policy was bound in, and of other days.
func fillDelegated(t testing.TB, db *store.DB, b book) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO carrier (id, org_id, name, naic, email, status, reporting, created_by, created_at, updated_at)
			VALUES (new_ulid(), $1, 'Summit', '', '', 'active', '{"premiumFrequency":"monthly","claimsFrequency":"monthly","reportingLag":15}', 'x', now(), now())`,
		`INSERT INTO da_agreement (id, org_id, carrier_id, program_id, effective, expiration, status, terms, created_by, created_at, updated_at)
			SELECT new_ulid(), $1, c.id, p.id, '2030-01-01', '2031-01-01', 'active', '{"annualGwpLimit":1}', 'x', now(), now() FROM carrier c, program p
			WHERE c.org_id = $1 AND p.org_id = $1`,
		`INSERT INTO da_aggregate (org_id, agreement_id, kind, period, used) SELECT $1, id, 'annual_written_premium', '2030-01-01', 1 FROM da_agreement WHERE org_id = $1`,
		`INSERT INTO da_usage (transaction_id, org_id, agreement_id, policy_id, insured, effective, premium, aggregate, policies, at)
			SELECT t.id, $1, a.id, t.policy_id, 'i', '2030-01-01', 1, 1, 1, now() FROM da_agreement a, policy_transaction t WHERE a.org_id = $1 AND t.org_id = $1`,
		`INSERT INTO bordereau (id, org_id, agreement_id, carrier_id, type, from_day, to_day, due, status, rows, gross, commission, override, net, created_by, created_at)
			SELECT new_ulid(), $1, id, carrier_id, 'premium', '2030-01-01', '2030-02-01', '2030-02-16', 'pending', 1, 1, 0, 0, 1, 'x', now() FROM da_agreement WHERE org_id = $1`,
		`INSERT INTO bordereau_row (id, org_id, agreement_id, carrier_id, policy_id, bordereau_id, type, booked, facts, gross, commission, override, net, created_at)
			SELECT t.id, $1, b.agreement_id, b.carrier_id, t.policy_id, b.id, 'NEW', '2030-01-01', '{}', 1, 0, 0, 1, now() FROM bordereau b, policy_transaction t
			WHERE b.org_id = $1 AND t.org_id = $1`,
	} {
		storetest.SQL(t, db, sql, b.by.Org.UUID())
	}
	// A reservation of another submission, which is quoted and accepted.
	desk := insurance.New(db, insurance.Config{MaxBackdate: -1})
	s := must[submission.Submission](t)(desk.Submit(t.Context(), b.by, submission.Submission{
		InsuredName: "Reserved", NAICS: "236220", AnnualRevenue: 800_000_000, RequestedLimit: 100_000_000,
		EffectiveDate: civil.Date{Year: 2026, Month: time.May, Day: 1}, State: "OR", LineOfBusiness: "GL",
	}))
	q := must[quote.Quote](t)(desk.Quote(t.Context(), b.by, s.ID, whatever))
	storetest.SQL(t, db, `INSERT INTO da_reservation (quote_id, org_id, agreement_id, submission_id, insured, effective, premium, aggregate, created_at, expires_at)
		SELECT $2, $1, id, $3, 'i', '2030-01-01', 1, 1, now(), now() + interval '1 day' FROM da_agreement WHERE org_id = $1`, b.by.Org.UUID(), q.ID.UUID(), s.ID.UUID())
	storetest.SQL(t, db, `UPDATE quote SET status = 'accepted' WHERE id = $1`, q.ID.UUID())
}

// fillRoom adds a row of who to every table of what is in a room: a file that
// is shared or his company's, a remark on it, a message that was changed, and
// how far he has read.
func fillRoom(t testing.TB, db *store.DB, r room.Room, who access.Actor, visibility string) {
	t.Helper()
	now := time.Now()
	owner, channel := r.Org, room.Shared(r.ID, r.Org)
	if visibility == "internal" {
		owner, channel = who.Org, room.Desk(r.ID, who.Org)
	}
	file := room.NewFileID(now)
	storetest.SQL(t, db, `INSERT INTO file (id, org_id, room_id, visibility, name, content_type, size, sha256, author, created_at)
		VALUES ($1, $2, $3, $4, 'a.pdf', 'application/pdf', 1, sha256('a'), '{}', $5)`, file.UUID(), owner.UUID(), r.ID.UUID(), visibility, now)
	if visibility == "shared" {
		storetest.SQL(t, db, `INSERT INTO annotation (id, org_id, room_id, file_id, page, x, y, width, height, body, author, created_at, updated_at)
			VALUES ($1, $2, $3, $4, 1, 0, 0, 1, 1, 'Why?', '{}', $5, $5)`, room.NewAnnotationID(now).UUID(), r.Org.UUID(), r.ID.UUID(), file.UUID(), now)
	}
	storetest.SQL(t, db, `INSERT INTO message_revision (channel_id, seq, number, org_id, payload, replaced_by, replaced_at)
		SELECT id, 1, 1 + (SELECT count(*) FROM message_revision m WHERE m.channel_id = c.id), org_id, '{}', $2, $3 FROM channel c WHERE name = $1`, channel.Name, who.ID, now)
	storetest.SQL(t, db, `INSERT INTO read_position (channel_id, subject, org_id, seq, at)
		SELECT id, $2, $3, 1, $4 FROM channel WHERE name = $1`, channel.Name, who.ID, who.Org.UUID(), now)
}

// fillOutbox adds a row of who to every table of what leaves the building.
func fillOutbox(t testing.TB, db *store.DB, who access.Actor, r room.ID) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO endpoint (id, org_id, url, types, at_once, at_once_now, schedule, secret, status, created_by, created_at, updated_at)
			VALUES (new_ulid(), $1, 'https://hooks.example.com', '{*}', 8, 8, 'standard', 'x', 'enabled', $2, now(), now())`,
		`INSERT INTO device (id, org_id, subject, platform, kind, address, address_hash, environment, registered_at, last_seen_at)
			VALUES (new_ulid(), $1, $2, 'ios', 'apns', 'x', sha256($2::text::bytea), 'production', now(), now())`,
		`INSERT INTO preference (subject, org_id, updated_at) VALUES ($2, $1, now())`,
		`INSERT INTO flag_override (org_id, key, value, updated_at, updated_by) VALUES ($1, 'rooms.guest_invitations', 'true', now(), $2)`,
		`INSERT INTO test_clock (org_id, ahead, moved_at, moved_by) VALUES ($1, '1 day', now(), $2)`,
		`INSERT INTO overdue (org_id, what, id, fails, retry_at) VALUES ($1, $2, new_ulid(), 1, now())`,
		`INSERT INTO notification (org_id, subject, event_id, type, category, about, words, expires_at)
			VALUES ($1, $2, new_ulid(), 'policy.bound', 'policies', 'pol', '{}', now())`,
		`INSERT INTO delivery (org_id, kind, target, event_id, type) SELECT $1, 'webhook', id, new_ulid(), $2 FROM endpoint WHERE org_id = $1`,
		`INSERT INTO attempt (delivery_id, attempt, org_id, outcome, worker) SELECT id, 1, $1, 'delivered', $2 FROM delivery WHERE org_id = $1`,
	} {
		storetest.SQL(t, db, sql, who.Org.UUID(), who.ID)
	}
	for _, sql := range []string{
		`INSERT INTO sign_in (id, org_id, person_id, device, family, current, asker, created_at, last_used_at, expires_at)
			SELECT new_ulid(), org_id, id, 'phone', sha256('a'), sha256('b'), 'c', now(), now(), now() + interval '1 day' FROM person WHERE org_id = $1`,
		`INSERT INTO sign_in_code (id, org_id, person_id, policy_number, mac, contact, asker, created_at, expires_at)
			SELECT new_ulid(), org_id, id, 'GL-2026-000001', 'a', 'b', 'c', now(), now() FROM person WHERE org_id = $1`,
		`INSERT INTO producer (id, org_id, type, legal_name, npn, email, status, review, screening, search, created_by, created_at, updated_at)
			VALUES (new_ulid(), $1, 'agency', 'Harbor', '1', 'a@b.example', 'pending', false, '{"matches":[]}', 'harbor', 'x', now(), now())`,
		`INSERT INTO producer_license (id, org_id, producer_id, number, type, state, lines, effective, expiration, status, created_at, updated_at)
			SELECT new_ulid(), org_id, id, '1', 'property_casualty', 'OR', '{}', '2026-01-01', '2027-01-01', 'active', now(), now() FROM producer WHERE org_id = $1`,
		`INSERT INTO producer_appointment (id, org_id, producer_id, carrier, state, lines, contract, status, created_at, updated_at)
			SELECT new_ulid(), org_id, id, 'Summit', 'OR', '{}', '2026-01-01', 'pending', now(), now() FROM producer WHERE org_id = $1`,
		`INSERT INTO external_identity (provider, subject, org_id, user_id, created_at, last_used_at)
			SELECT 'p', id::text, org_id, id, now(), now() FROM app_user WHERE org_id = $1`,
		`INSERT INTO user_sign_in (id, org_id, user_id, hash, created_at, expires_at)
			SELECT new_ulid(), org_id, id, sha256(id::text::bytea), now(), now() + interval '1 hour' FROM app_user WHERE org_id = $1`,
	} {
		storetest.SQL(t, db, sql, who.Org.UUID())
	}
	storetest.SQL(t, db, `INSERT INTO nudge (channel_id, subject, org_id, event_id, seq, mentioned)
		SELECT id, $1, $2, new_ulid(), 1, false FROM channel WHERE name = $3`, who.ID, who.Org.UUID(), "room:"+r.String())
}

// fillGuests adds a row to every table of invitations and guests.
func fillGuests(t testing.TB, db *store.DB, r room.Room) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO invitation (id, org_id, room_id, email, role, can_chat, from_seq, invited_by, hash, code, state, created_at, expires_at)
			VALUES (new_ulid(), $1, $2, 'gus@example.com', 'broker', true, 0, '{}', sha256($1::uuid::text::bytea), 'x', 'pending', now(), now())`,
		`INSERT INTO guest_link (hash, org_id, room_id, user_id, created_at, expires_at)
			SELECT sha256($1::uuid::text::bytea), $1, $2, user_id, now(), now() FROM participant WHERE room_id = $2 LIMIT 1`,
		`INSERT INTO guest_device (hash, org_id, room_id, user_id, created_at, last_seen_at, expires_at)
			SELECT sha256($1::uuid::text::bytea), $1, $2, user_id, now(), now(), now() FROM participant WHERE room_id = $2 LIMIT 1`,
	} {
		storetest.SQL(t, db, sql, r.Org.UUID(), r.ID.UUID())
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

// reads asks for what they have by its id: found when they are me.
func reads(t *testing.T, r store.Reader, me, they book) {
	t.Helper()
	ctx := t.Context()
	for name, read := range map[string]func() error{
		"Submission": func() error { _, err := r.Submission(ctx, they.sub.ID); return err },
		"Quote":      func() error { _, err := r.Quote(ctx, they.quote.ID); return err },
		"Policy":     func() error { _, err := r.Policy(ctx, they.policy.ID); return err },
		"Invoice":    func() error { _, err := r.Invoice(ctx, they.invoice.ID); return err },
		"Referral":   func() error { _, err := r.Referral(ctx, they.asked.ID); return err },
		"Profile":    func() error { _, err := r.Profile(ctx, they.profile); return err },
		"Grants": func() error {
			gs, err := r.Grants(ctx, they.by.ID, time.Now())
			return found(len(gs) > 0, err)
		},
		"Assignments": func() error {
			as, err := r.Assignments(ctx, must[access.UserID](t)(parseUser(they.by.ID)), true, store.Page{Limit: 100})
			return found(len(as) > 0, err)
		},
		"Event":    func() error { _, err := r.Event(ctx, they.event, everything); return err },
		"User":     func() error { _, err := r.User(ctx, they.user); return err },
		"Key":      func() error { _, err := r.Key(ctx, they.key); return err },
		"Request":  func() error { _, _, err := r.Request(ctx, they.request, ""); return err },
		"Room":     func() error { _, err := r.Room(ctx, they.room.ID); return err },
		"Glance":   func() error { _, err := r.Glance(ctx, me.by, they.room.ID); return err },
		"Endpoint": func() error { _, err := r.Endpoint(ctx, they.endpoint); return err },
		"Delivery": func() error { _, err := r.Delivery(ctx, they.endpoint, they.owed.ID); return err },
		"Deliveries": func() error {
			ds, err := r.Deliveries(ctx, they.endpoint, store.DeliveryFilter{}, store.Page{Limit: 100})
			return found(len(ds) > 0, err)
		},
		"Attempts": func() error {
			as, err := r.Attempts(ctx, they.owed)
			return found(len(as) > 0, err)
		},
		"Devices": func() error {
			ds, err := r.Devices(ctx, they.by.ID, store.Page{Limit: 100})
			return found(len(ds) > 0, err)
		},
		"Notifications": func() error {
			ns, err := r.Notifications(ctx, they.by.ID, store.NotificationFilter{}, store.Page{Limit: 100})
			return found(len(ns) > 0, err)
		},
		"Unread": func() error {
			n, err := r.Unread(ctx, they.by.ID)
			return found(n > 0, err)
		},
		"Preferences": func() error {
			p, err := r.Preferences(ctx, they.by.ID)
			return found(p.Version > 0, err)
		},
		"SignIns": func() error {
			ss, err := r.SignIns(ctx, they.person, time.Now(), store.Page{Limit: 100})
			return found(len(ss) > 0, err)
		},
		"UserSignIns": func() error {
			ss, err := r.UserSignIns(ctx, they.user, time.Now(), store.Page{Limit: 100})
			return found(len(ss) > 0, err)
		},
		"RoomOf": func() error {
			_, ok, err := r.RoomOf(ctx, they.sub.ID)
			return found(ok, err)
		},
		"Participants": func() error {
			ps, err := r.Participants(ctx, they.room.ID)
			return found(len(ps) > 0, err)
		},
		"Participant": func() error {
			_, ok, err := r.Participant(ctx, they.room.ID, must[access.UserID](t)(parseUser(they.by.ID)))
			return found(ok, err)
		},
		"Invitations": func() error {
			vs, err := r.Invitations(ctx, they.room.ID, store.Page{Limit: 100})
			return found(len(vs) > 0, err)
		},
		"SharedHead": func() error {
			head, err := r.SharedHead(ctx, they.room.ID)
			return found(head > 0, err)
		},
		"Entries of a room": func() error {
			ch, err := r.Entries(ctx, room.Shared(they.room.ID, they.by.Org).Name, 0, 100)
			return found(ch.Head > 0 || len(ch.Entries) > 0, err)
		},
		"Relationships of a room": func() error {
			ts, err := r.Relationships(ctx, access.Subject{Type: "user", ID: *they.by.UUID()}, they.room.Object())
			return found(len(ts[they.room.Object().Node()]) > 0, err)
		},
		"LatestQuote": func() error {
			_, ok, err := r.LatestQuote(ctx, they.sub.ID)
			return found(ok, err)
		},
		"Timeline": func() error {
			ts, err := r.Timeline(ctx, they.policy.ID)
			return found(len(ts) > 0, err)
		},
		"Entries": func() error {
			ch, err := r.Entries(ctx, event.OrgChannel(they.by.Org, event.Finance), 0, 100)
			return found(ch.Head > 0 || len(ch.Entries) > 0, err)
		},
		"Relationships": func() error {
			ts, err := r.Relationships(ctx, access.Subject{Type: "user", ID: they.user.UUID()}, access.OrgObject(they.by.Org))
			return found(len(ts[access.OrgObject(they.by.Org).Node()]) > 0, err)
		},
		"Invoices of a policy": func() error {
			is, err := r.Invoices(ctx, access.Scope{All: true}, store.InvoiceFilter{Policy: they.policy.ID}, store.Page{Limit: 100})
			return found(len(is) > 0, err)
		},
		"Referrals of an entity": func() error {
			rs, err := r.Referrals(ctx, access.Scope{All: true}, store.ReferralFilter{Entity: they.asked.Entity}, store.Page{Limit: 100})
			return found(len(rs) > 0, err)
		},
		"ProgramByID":   func() error { _, err := r.ProgramByID(ctx, they.program.ID); return err },
		"RateTableByID": func() error { _, err := r.RateTableByID(ctx, they.rates); return err },
		"Quotes": func() error {
			qs, err := r.Quotes(ctx, they.sub.ID, store.Page{Limit: 100})
			return found(len(qs) > 0, err)
		},
		"Accepted": func() error {
			id, err := r.Accepted(ctx, they.sub.ID)
			return found(!id.IsZero(), err)
		},
		"RateTables of a program": func() error {
			ts, err := r.RateTables(ctx, store.RateTableFilter{Program: they.program.ID}, store.Page{Limit: 100})
			return found(len(ts) > 0, err)
		},
		"Carrier":   func() error { _, err := r.Carrier(ctx, they.agreement.Carrier); return err },
		"Agreement": func() error { _, err := r.Agreement(ctx, they.agreement.ID); return err },
		"Bordereau": func() error { _, err := r.Bordereau(ctx, they.bordereau); return err },
		"Agreements of a program": func() error {
			as, err := r.Agreements(ctx, store.AgreementFilter{Program: they.program.ID}, store.Page{Limit: 100})
			return found(len(as) > 0, err)
		},
		"BordereauRows": func() error {
			rows, err := r.BordereauRows(ctx, they.bordereau, store.Page{Limit: 100})
			return found(len(rows) > 0, err)
		},
		"Covering": func() error {
			c, err := r.Covering(ctx, they.program.ID, they.agreement.Effective)
			return found(c.Is && c.Carrier.ID == they.agreement.Carrier, err)
		},
		"Counters": func() error {
			cs, err := r.Counters(ctx, they.agreement.ID, they.agreement.Keys(they.agreement.Effective))
			return found(len(cs) == 3 && cs[1].Used > 0, err)
		},
		"Held, reserved": func() error {
			h, err := r.Held(ctx, they.agreement, they.sub.ID, delegated.Risk{Effective: they.agreement.Effective}, time.Now())
			return found(h.Annual > 0, err)
		},
		"Held, by an insured": func() error {
			h, err := r.Held(ctx, they.agreement, they.sub.ID, delegated.Risk{Effective: they.agreement.Effective, Insured: "i"}, time.Now())
			return found(h.Policies == 2, err)
		},
		"Used": func() error {
			s, err := r.Used(ctx, they.agreement.ID, time.Now().Add(time.Hour))
			return found(len(s) > 0, err)
		},
		"Reserved": func() error {
			s, err := r.Reserved(ctx, they.agreement.ID, time.Now())
			return found(len(s) > 0, err)
		},
		"RateTable": func() error {
			_, err := r.RateTable(ctx, they.program.ID, they.policy.Effective)
			if errors.Is(err, rating.ErrNoRate) {
				return fault.ErrNotFound
			}
			return err
		},
	} {
		err := read()
		if me.by.Org == they.by.Org && err != nil || me.by.Org != they.by.Org && !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func found(ok bool, err error) error {
	if err == nil && !ok {
		return fault.ErrNotFound
	}
	return err
}

// lists checks that every list has something and nothing foreign.
func lists(t *testing.T, r store.Reader, me book) {
	t.Helper()
	ctx, all, page := t.Context(), access.Scope{All: true}, store.Page{Limit: 100}
	orgs := map[string][]access.OrgID{}
	for _, v := range must[[]submission.Submission](t)(r.Submissions(ctx, all, store.SubmissionFilter{}, page)) {
		orgs["Submissions"] = append(orgs["Submissions"], v.Org)
	}
	for _, v := range must[[]policy.Policy](t)(r.Policies(ctx, all, store.PolicyFilter{}, page)) {
		orgs["Policies"] = append(orgs["Policies"], v.Org)
	}
	// Both organisations have a policy of this number.
	for _, v := range must[[]policy.Policy](t)(r.Policies(ctx, all, store.PolicyFilter{Number: "GL-2026-000001"}, page)) {
		orgs["Policies by number"] = append(orgs["Policies by number"], v.Org)
	}
	for _, v := range must[[]billing.Invoice](t)(r.Invoices(ctx, all, store.InvoiceFilter{}, page)) {
		orgs["Invoices"] = append(orgs["Invoices"], v.Org)
	}
	for _, v := range must[[]referral.Referral](t)(r.Referrals(ctx, all, store.ReferralFilter{Status: "open"}, page)) {
		orgs["Referrals"] = append(orgs["Referrals"], v.Org)
	}
	for _, v := range must[[]authority.Profile](t)(r.Profiles(ctx, true, page)) {
		orgs["Profiles"] = append(orgs["Profiles"], v.Org)
	}
	for _, v := range must[[]authority.Delegation](t)(r.Delegations(ctx, true, time.Now(), page)) {
		orgs["Delegations"] = append(orgs["Delegations"], v.Org)
	}
	for _, v := range must[[]authority.Grant](t)(r.Holders(ctx)) {
		orgs["Holders"] = append(orgs["Holders"], v.Profile.Org)
	}
	for _, v := range must[[]referral.Task](t)(r.Tasks(ctx, "", page)) {
		orgs["Tasks"] = append(orgs["Tasks"], v.Org)
	}
	for _, v := range must[[]quote.Program](t)(r.Programs(ctx, "", page)) {
		orgs["Programs"] = append(orgs["Programs"], v.Org)
	}
	for _, v := range must[[]quote.RateTable](t)(r.RateTables(ctx, store.RateTableFilter{Status: "published"}, page)) {
		orgs["RateTables"] = append(orgs["RateTables"], v.Org)
	}
	for _, v := range must[[]delegated.Carrier](t)(r.Carriers(ctx, store.CarrierFilter{Status: "active"}, page)) {
		orgs["Carriers"] = append(orgs["Carriers"], v.Org)
	}
	for _, v := range must[[]delegated.Agreement](t)(r.Agreements(ctx, store.AgreementFilter{Status: delegated.Active, Today: me.policy.Effective}, page)) {
		orgs["Agreements"] = append(orgs["Agreements"], v.Org)
	}
	for _, v := range must[[]delegated.Bordereau](t)(r.Bordereaux(ctx, store.BordereauFilter{}, page)) {
		orgs["Bordereaux"] = append(orgs["Bordereaux"], v.Org)
	}
	for _, v := range must[[]store.User](t)(r.Users(ctx, access.Scope{All: true}, page)) {
		orgs["Users"] = append(orgs["Users"], v.Org)
	}
	for _, v := range must[[]store.Key](t)(r.Keys(ctx, access.Scope{All: true}, time.Now(), page)) {
		orgs["Keys"] = append(orgs["Keys"], v.Org)
	}
	for _, v := range must[[]store.Told](t)(r.Events(ctx, "", everything, page)) {
		e, err := r.Event(ctx, v.ID, everything)
		if err != nil || string(e.Payload) != string(v.Payload) {
			t.Errorf("event %s: %v", v.ID, err)
		}
		orgs["Events"] = append(orgs["Events"], me.by.Org)
	}
	for _, v := range must[[]store.Glance](t)(r.Glances(ctx, me.by, access.Scope{All: true}, store.RoomFilter{Status: room.Active}, page)) {
		orgs["Glances"] = append(orgs["Glances"], v.Org)
	}
	for _, v := range must[[]push.Endpoint](t)(r.Endpoints(ctx, access.Scope{All: true}, page)) {
		orgs["Endpoints"] = append(orgs["Endpoints"], v.Org)
	}
	for _, v := range must[[]audit.Row](t)(r.Audit(ctx, store.AuditFilter{}, page)) {
		orgs["Audit"] = append(orgs["Audit"], v.Org)
	}
	orgs["Program"] = []access.OrgID{must[quote.Program](t)(r.Program(ctx, "GL")).Org}
	q, _, err := r.Request(ctx, access.NewRequestID(time.Now()), "same")
	if err != nil {
		t.Error(err)
	}
	orgs["Request by the caller's id"] = []access.OrgID{q.Org}
	for _, name := range []string{"Submissions", "Policies", "Policies by number", "Invoices", "Referrals", "Profiles", "Delegations", "Holders", "Tasks", "Users", "Keys", "Events", "Glances", "Endpoints", "Audit", "Program", "Programs", "RateTables", "Carriers", "Agreements", "Bordereaux", "Request by the caller's id"} {
		if len(orgs[name]) == 0 {
			t.Errorf("%s: nothing", name)
		}
		for _, o := range orgs[name] {
			if o != me.by.Org {
				t.Errorf("%s: something of %s", name, o)
			}
		}
	}
}

// missing makes of a version that nobody has a row that is not there.
func missing(err error) error {
	if errors.Is(err, fault.ErrStale) {
		return fault.ErrNotFound
	}
	return err
}

// missingRow makes of a row that refers to nothing one that is not there.
func missingRow(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "23503" || pg.Code == "23505" || pg.Code == "42501" || pg.Code == "23514") || errors.Is(err, store.ErrDuplicate) {
		return fault.ErrNotFound
	}
	return err
}

// locks asks for the rows to change.
func locks(t *testing.T, db *store.DB, me, they book) {
	t.Helper()
	own := me.by.Org == they.by.Org
	undo := errors.New("undo")
	for name, change := range map[string]func(*store.Tx) error{
		"LockSubmission": func(tx *store.Tx) error { _, err := tx.LockSubmission(t.Context(), they.sub.ID); return err },
		"LockProgram":    func(tx *store.Tx) error { _, err := tx.LockProgram(t.Context(), they.program.ID); return err },
		"LockEndpoint":   func(tx *store.Tx) error { _, err := tx.LockEndpoint(t.Context(), they.endpoint); return err },
		"KeepEndpoint":   func(tx *store.Tx) error { _, err := tx.KeepEndpoint(t.Context(), they.endpoint); return err },
		"SaveEndpoint": func(tx *store.Tx) error {
			_, err := tx.SaveEndpoint(t.Context(), push.Endpoint{ID: they.endpoint, URL: "https://x.example.com", Types: []string{"*"}, AtOnce: 8, Schedule: "standard", Status: push.Enabled, Version: 1})
			return missing(err)
		},
		"LockReferralsOf": func(tx *store.Tx) error {
			rs, err := tx.LockReferralsOf(t.Context(), they.sub.ID)
			return found(len(rs) > 0, err)
		},
		"LockCarrier":   func(tx *store.Tx) error { _, err := tx.LockCarrier(t.Context(), they.agreement.Carrier); return err },
		"LockAgreement": func(tx *store.Tx) error { _, err := tx.LockAgreement(t.Context(), they.agreement.ID); return err },
		"HoldCovering": func(tx *store.Tx) error {
			c, err := tx.HoldCovering(t.Context(), they.program.ID, they.agreement.Effective)
			return found(c.Is, err)
		},
		"Overlaps": func(tx *store.Tx) error {
			other := they.agreement
			other.ID = delegated.ID{}
			yes, err := tx.Overlaps(t.Context(), other)
			return found(yes, err)
		},
		"LockAllCounters": func(tx *store.Tx) error {
			cs, err := tx.LockAllCounters(t.Context(), they.agreement.ID)
			return found(len(cs) > 0, err)
		},
		"LockCounters": func(tx *store.Tx) error {
			keys := []delegated.Key{{Kind: delegated.AnnualPremium, Period: "2030-01-01"}}
			cs, err := tx.LockCounters(t.Context(), they.agreement.ID, keys)
			return found(len(cs) > 0 && cs[0].Used > 0, missingRow(err))
		},
		"AddBordereau": func(tx *store.Tx) error {
			a := they.agreement // whose days are reported of, when it is one's own
			made, err := tx.AddBordereau(t.Context(), delegated.Bordereau{
				ID: delegated.NewBordereauID(time.Now()), Agreement: a.ID, Carrier: a.Carrier, Type: "premium", From: a.Effective, To: a.Expiration,
				Due: a.Expiration, Status: "pending", CreatedAt: time.Now(),
			})
			if errors.Is(err, delegated.ErrReported) {
				return nil
			}
			return found(made.Rows > 0, missingRow(err))
		},
		"LockProfile": func(tx *store.Tx) error { _, err := tx.LockProfile(t.Context(), they.profile); return err },
		"Unassign": func(tx *store.Tx) error {
			return tx.Unassign(t.Context(), must[access.UserID](t)(parseUser(they.by.ID)), time.Now())
		},
		"DeleteEndpoint": func(tx *store.Tx) error { return tx.DeleteEndpoint(t.Context(), they.endpoint) },
		"RetryDelivery": func(tx *store.Tx) error {
			_, err := tx.RetryDelivery(t.Context(), they.endpoint, they.owed.ID)
			return err
		},
		"DeleteDevice": func(tx *store.Tx) error { return tx.DeleteDevice(t.Context(), they.by.ID, they.device) },
		"EndSignIn":    func(tx *store.Tx) error { return tx.EndSignIn(t.Context(), they.person, they.signIn, time.Now()) },
		"EndUserSignIn": func(tx *store.Tx) error {
			of := access.Actor{Kind: access.User, ID: they.user.String(), Org: they.by.Org}
			return tx.EndUserSignIn(t.Context(), of, they.userSignIn, time.Now())
		},
		"ReplaceKey": func(tx *store.Tx) error {
			now := time.Now()
			_, err := tx.ReplaceKey(t.Context(), they.key, store.Key{ID: access.NewKeyID(now), Prefix: "oi", CreatedBy: me.by.ID, CreatedAt: now}, they.by.ID+me.by.ID, now)
			return err
		},
		"ReadNotification": func(tx *store.Tx) error {
			_, err := tx.ReadNotification(t.Context(), they.by.ID, they.notice, time.Now())
			return err
		},
		"ReadNotifications": func(tx *store.Tx) error {
			n, err := tx.ReadNotifications(t.Context(), they.by.ID, time.Now())
			return found(n > 0, err)
		},
		"SavePreferences": func(tx *store.Tx) error {
			_, err := tx.SavePreferences(t.Context(), they.by.ID, push.Preferences{Version: 1}, time.Now())
			return missing(err)
		},
		"LockRoom": func(tx *store.Tx) error { _, err := tx.LockRoom(t.Context(), they.room.ID); return err },
		"LockInvitation": func(tx *store.Tx) error {
			_, err := tx.LockInvitation(t.Context(), they.room.ID, they.invitation)
			return err
		},
		"EndInvitation": func(tx *store.Tx) error {
			err := tx.EndInvitation(t.Context(), room.Invitation{ID: they.invitation, Room: they.room.ID, State: room.Revoked})
			if err != nil {
				return err
			}
			v, err := tx.LockInvitation(t.Context(), they.room.ID, they.invitation)
			return found(v.State == room.Revoked, err)
		},
		"LockRoomOf": func(tx *store.Tx) error {
			_, ok, err := tx.LockRoomOf(t.Context(), they.sub.ID)
			return found(ok, err)
		},
	} {
		err := db.InTx(t.Context(), me.by, func(tx *store.Tx) error {
			if err := change(tx); err != nil {
				return err
			}
			return undo
		})
		if own && !errors.Is(err, undo) || !own && !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func parseUser(s string) (access.UserID, error) {
	var id access.UserID
	err := id.UnmarshalText([]byte(s))
	return id, err
}
