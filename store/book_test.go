package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A book is an organisation with at least one row in every table.
type book struct {
	by      access.Actor
	asked   referral.Referral
	user    access.UserID
	key     access.KeyID
	sub     submission.Submission
	draft   submission.Submission
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
	b.draft = must[submission.Submission](t)(desk.Draft(ctx, b.by, submission.Submission{InsuredName: name, LineOfBusiness: "GL", AnnualRevenue: submission.UnknownRevenue}))
	b.quote = must[quote.Quote](t)(desk.Quote(ctx, b.by, b.sub.ID, whatever))
	b.policy = must[policy.Policy](t)(desk.Bind(ctx, b.by, b.sub.ID, policy.Order{Plan: billing.Monthly10}, whatever))
	relate(t, db, b.by, access.Object{Type: access.Policy, ID: b.policy.ID.UUID(), Org: b.by.Org}, access.RelInsured,
		access.Subject{Type: "person", ID: access.NewPersonID(now).UUID()})
	fillAuthority(t, db, desk, b)
	fillDelegated(t, db, b)
	b.asked = must[referral.Referral](t)(desk.Refer(ctx, b.by, referral.Ask{
		Entity: referral.Entity{Type: referral.Policy, ID: b.policy.ID}, Reason: "prior_losses", Rationale: name,
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
		`INSERT INTO discarded_file (id, org_id, at) VALUES (new_ulid(), $1, now())`,
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
