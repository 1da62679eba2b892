package insurance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A deal is a submission with a room in which two companies meet.
type deal struct {
	db    *store.DB
	desk  *insurance.Desk
	una   access.Actor // who works it
	maria access.Actor // her colleague
	ben   access.Actor // the broker
	sub   submission.Submission
	room  room.Room
}

// noon is when everything happens.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func openDeal(t *testing.T, revenue money.Cents) deal {
	t.Helper()
	url := storetest.URL(t)
	d := deal{db: storetest.Open(t, store.Config{URL: url, TestClocks: true})}
	d.desk = insurance.New(d.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return noon }})
	d.una, d.ben = storetest.Org(t, d.db, "Summit MGA"), storetest.Org(t, d.db, "Harbor Brokers")
	d.maria = colleague(t, d.db, d.una, access.RoleUnderwriter)
	if err := d.db.InTx(t.Context(), d.una, func(tx *store.Tx) error { return d.desk.OpenProgram(t.Context(), tx, d.una.Org) }); err != nil {
		t.Fatal(err)
	}
	s := builder()
	s.AnnualRevenue = revenue
	var err error
	if d.sub, err = d.desk.Submit(t.Context(), d.una, s); err != nil {
		t.Fatal(err)
	}
	d.room = openRoom(t, d.db, d.una, d.sub)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Exec(t.Context(), "INSERT INTO room_org (room_id, org_id) VALUES ($1, $2)", d.room.ID.UUID(), d.ben.Org.UUID())
	if err := errors.Join(err, c.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return d
}

// colleague adds a user of a role to an organisation.
func colleague(t *testing.T, db *store.DB, of access.Actor, role string) access.Actor {
	t.Helper()
	id := access.NewUserID(time.Now())
	err := db.InTx(t.Context(), of, func(tx *store.Tx) error {
		return tx.AddUser(t.Context(), store.User{
			ID: id, Org: of.Org, Email: id.String() + "@example.com", Name: "A colleague", Role: role, Status: "active", CreatedAt: time.Now(),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	of.ID, of.Role = id.String(), role
	return of
}

func openRoom(t *testing.T, db *store.DB, by access.Actor, s submission.Submission) room.Room {
	t.Helper()
	r := room.Room{
		ID: room.NewID(time.Now()), Org: by.Org, Submission: s.ID, Title: "A deal", InsuredName: s.InsuredName, LineOfBusiness: s.LineOfBusiness,
		Status: room.Active, Metadata: map[string]string{}, CreatedBy: by.ID, CreatedAt: time.Now(),
	}
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.AddRoom(t.Context(), r) }); err != nil {
		t.Fatal(err)
	}
	return r
}

// refer raises a referral of the deal's submission in its room.
func (d deal) refer(t *testing.T, rationale string) referral.Referral {
	t.Helper()
	return d.referFor(t, "prior_losses", rationale)
}

func (d deal) referFor(t *testing.T, reason referral.Reason, rationale string) referral.Referral {
	t.Helper()
	r, err := d.desk.Refer(t.Context(), d.una, referral.Ask{
		Entity: referral.Entity{Type: referral.Submission, ID: d.sub.ID}, Room: d.room.ID, Reason: reason, Rationale: rationale,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// heard is what somebody hears on a channel, the payloads one a line.
func heard(t *testing.T, db *store.DB, by access.Actor, channel string) string {
	t.Helper()
	ch, err := db.As(by).Entries(t.Context(), channel, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range ch.Entries {
		b.Write(e.Payload)
		b.WriteByte('\n')
	}
	return b.String()
}

func (d deal) underwriting() string { return event.OrgChannel(d.una.Org, event.Underwriting) }

// cards is what the broker hears in the room.
func (d deal) cards(t *testing.T) []event.Card {
	t.Helper()
	var cards []event.Card
	for line := range strings.Lines(heard(t, d.db, d.ben, room.Shared(d.room.ID, d.room.Org).Name)) {
		var e struct {
			Type string
			Data event.Card
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Type != (event.Card{}).EventType() {
			t.Errorf("the broker hears %s", line)
		}
		cards = append(cards, e.Data)
	}
	return cards
}

func TestOneDecisionWins(t *testing.T) {
	d := openDeal(t, 800_000_000)
	r := d.refer(t, "two losses")
	deciders := []access.Actor{d.maria, colleague(t, d.db, d.una, access.RoleAdmin)}
	var mu sync.Mutex
	var won referral.Referral
	var lost []error
	together(64, func(i int) {
		dec := referral.Decision{Verb: referral.Approve, Rationale: fmt.Sprintf("reason %d", i)}
		if i%2 == 1 {
			dec.Verb = referral.Reject
		}
		got, err := d.desk.Decide(t.Context(), deciders[i/2%2], r.ID, dec, whatever)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			won = got
			return
		}
		lost = append(lost, err)
	})
	if len(lost) != 63 {
		t.Fatalf("%d lost", len(lost))
	}
	for _, err := range lost {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || !errors.Is(err, referral.ErrDecided) || f.Details()["decision"] != won.Outcome || f.Details()["decidedBy"] != won.DecidedBy {
			t.Errorf("err = %v, details %v; won by %s: %s", err, f.Details(), won.DecidedBy, won.Outcome)
		}
	}
	kept, err := d.db.As(d.una).Referral(t.Context(), r.ID)
	if err != nil || kept.Because != won.Because || kept.Outcome != won.Outcome || kept.Version != won.Version || kept.Version != 2 {
		t.Errorf("kept %+v, %v; won %+v", kept, err, won)
	}
	if n := strings.Count(heard(t, d.db, d.una, d.underwriting()), `"referral.decided"`); n != 1 {
		t.Errorf("underwriting hears %d decisions", n)
	}
	shown := 2
	if won.Outcome == referral.Declined { // and the submission with it
		shown = 3
	}
	if cards := d.cards(t); len(cards) != shown || cards[1].Outcome != string(won.Outcome) || cards[shown-1].Status != map[int]string{2: "decided", 3: "declined"}[shown] {
		t.Errorf("cards %+v", cards)
	}
}

// Of those who ask the same at once one asks, and the others are told which it
// is. Once that is answered, it may be asked again.
func TestTheSameIsAskedOnce(t *testing.T) {
	d := openDeal(t, 800_000_000)
	ask := referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: d.sub.ID}, Reason: "prior_losses", Rationale: "x"}
	var mu sync.Mutex
	var asked []referral.Referral
	var refused []any
	together(16, func(int) {
		r, err := d.desk.Refer(t.Context(), d.una, ask)
		mu.Lock()
		defer mu.Unlock()
		if f, ok := errors.AsType[*fault.Error](err); ok && errors.Is(err, referral.ErrExists) {
			refused = append(refused, f.Details()["referralId"])
		} else if err == nil {
			asked = append(asked, r)
		} else {
			t.Error(err)
		}
	})
	if len(asked) != 1 || len(refused) != 15 {
		t.Fatalf("%d asked, %d refused", len(asked), len(refused))
	}
	for _, id := range refused {
		if id != asked[0].ID.String() {
			t.Errorf("refused for %v, not %s", id, asked[0].ID)
		}
	}
	draft := ask
	draft.Draft = true
	drafted, err := d.desk.Refer(t.Context(), d.una, draft)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.desk.SubmitReferral(t.Context(), d.una, drafted.ID, whatever); !errors.Is(err, referral.ErrExists) {
		t.Errorf("a draft of the same was opened: %v", err)
	}
	if _, err := d.desk.Decide(t.Context(), d.maria, asked[0].ID, referral.Decision{Verb: referral.Approve, Rationale: "x"}, whatever); err != nil {
		t.Fatal(err)
	}
	if _, err := d.desk.SubmitReferral(t.Context(), d.una, drafted.ID, whatever); err != nil {
		t.Errorf("asked again: %v", err)
	}
}

// What a company writes for itself is on its own channels in full, and in
// nothing that the broker can reach.
func TestTheRoomHearsTheSafeCard(t *testing.T) {
	const canary = "canary-5e0f"
	d := openDeal(t, 800_000_000)
	r := d.refer(t, canary+"-asked")
	for _, dec := range []referral.Decision{
		{Verb: referral.RequestMoreInfo, Rationale: canary + "-question"},
		{Verb: referral.RequestMoreInfo, Rationale: canary + "-more", Questions: []string{"Are both claims closed?"}},
		{Verb: referral.Approve, Rationale: canary + "-decided", Terms: referral.Terms{
			Conditions: []referral.Condition{{Kind: referral.PreBind, Action: "Send the inspection.", Consequence: canary + "-consequence"}},
		}},
	} {
		var err error
		if r, err = d.desk.Decide(t.Context(), d.maria, r.ID, dec, whatever); err != nil {
			t.Fatal(err)
		}
		if dec.Verb == referral.RequestMoreInfo {
			if r, err = d.desk.Respond(t.Context(), d.una, r.ID, []referral.Reply{{Question: 1, Text: canary + "-answer"}}, whatever); err != nil {
				t.Fatal(err)
			}
		}
	}
	shared := heard(t, d.db, d.ben, room.Shared(d.room.ID, d.room.Org).Name)
	for _, secret := range []string{canary, d.maria.ID, d.una.ID, "prior_losses"} {
		if strings.Contains(shared, secret) {
			t.Errorf("%s is in the room:\n%s", secret, shared)
		}
	}
	about := event.Card{RoomID: d.room.ID.String(), SubmissionID: d.sub.ID.String(), ReferralID: r.ID.String()}
	var kinds []string
	for _, c := range d.cards(t) {
		if c.RoomID != about.RoomID || c.SubmissionID != about.SubmissionID || c.ReferralID != about.ReferralID {
			t.Errorf("card %+v", c)
		}
		kinds = append(kinds, fmt.Sprint(c.Card, " ", c.Status, " ", c.Outcome, " ", c.WhoseTurn, " ", c.Questions, " ", c.Conditions))
	}
	want := []string{
		"referral.created in_review  underwriter [] []",
		"referral.info_requested info_requested  broker [Are both claims closed?] []",
		"referral.answered in_review  underwriter [] []",
		"referral.decided decided approved_with_conditions broker [] [Send the inspection.]",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("cards\n%s\nwant\n%s", strings.Join(kinds, "\n"), strings.Join(want, "\n"))
	}

	full := heard(t, d.db, d.una, d.underwriting())
	for _, part := range []string{"-asked", "-question", "-more", "-decided", "-consequence"} {
		if !strings.Contains(full, canary+part) {
			t.Errorf("underwriting does not hear %s", part)
		}
	}
	if !strings.Contains(full, d.maria.ID) {
		t.Error("underwriting does not hear who decided")
	}
	person := event.PersonChannel(d.una.ID, d.una.Org).Name
	if got := heard(t, d.db, d.una, person); strings.Count(got, "\n") != 3 || !strings.Contains(got, canary+"-decided") {
		t.Errorf("who asked hears\n%s", got)
	}
	for _, channel := range []string{d.underwriting(), person} {
		if got := heard(t, d.db, d.ben, channel); got != "" {
			t.Errorf("the broker hears on %s\n%s", channel, got)
		}
	}
	if _, err := d.db.As(d.ben).Referral(t.Context(), r.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("the broker reads it: %v", err)
	}
	if _, err := d.desk.Decide(t.Context(), d.ben, r.ID, referral.Decision{Verb: referral.Reject, Rationale: "x"}, whatever); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("the broker decides it: %v", err)
	}
}

func TestWhatIsUndoneTellsNobody(t *testing.T) {
	d := openDeal(t, 800_000_000)
	r := d.refer(t, "two losses")
	before := heard(t, d.db, d.una, d.underwriting())
	told := 0
	d.db.OnCommit(func(context.Context, []store.Entry) { told++ })
	approve := referral.Decision{Verb: referral.Approve, Rationale: "x"}
	undo := errors.New("undo")
	for name, try := range map[string]struct {
		do   func() error
		want error
	}{
		"her own": {func() error { _, err := d.desk.Decide(t.Context(), d.una, r.ID, approve, whatever); return err }, referral.ErrOwnReferral},
		"stale": {func() error {
			_, err := d.desk.Decide(t.Context(), d.maria, r.ID, approve, func(int) error { return fault.ErrStale })
			return err
		}, fault.ErrStale},
		"undone": {func() error {
			once := store.Once{Principal: d.maria.ID, Route: "POST /v1/referrals", Key: "once"}
			_, _, err := d.db.Once(t.Context(), d.maria, once, func(ctx context.Context) (store.Answer, error) {
				if _, err := d.desk.Decide(ctx, d.maria, r.ID, approve, whatever); err != nil {
					return store.Answer{}, err
				}
				return store.Answer{}, undo
			})
			return err
		}, undo},
		"an auditor": {func() error {
			_, err := d.desk.Decide(t.Context(), colleagueOf(d, access.RoleAuditor), r.ID, approve, whatever)
			return err
		}, fault.ErrForbidden},
		"another room": {func() error {
			other, err := d.desk.Submit(t.Context(), d.una, builder())
			if err != nil {
				return err
			}
			told--
			_, err = d.desk.Refer(t.Context(), d.una, referral.Ask{
				Entity: referral.Entity{Type: referral.Submission, ID: other.ID}, Room: d.room.ID, Reason: "other", Rationale: "x",
			})
			return err
		}, referral.ErrRoom},
		"no such quote": {func() error {
			_, err := d.desk.Refer(t.Context(), d.una, referral.Ask{Entity: referral.Entity{Type: referral.Quote, ID: d.sub.ID}, Reason: "other", Rationale: "x"})
			return err
		}, fault.ErrNotFound},
	} {
		if err := try.do(); !errors.Is(err, try.want) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	after := heard(t, d.db, d.una, d.underwriting())
	if strings.Count(after, `"referral.`) != strings.Count(before, `"referral.`) || told != 0 || len(d.cards(t)) != 1 {
		t.Errorf("told %d times:\n%s", told, after)
	}
	if kept, err := d.db.As(d.una).Referral(t.Context(), r.ID); err != nil || kept.Status != referral.Open || kept.Version != 1 {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

// colleagueOf is somebody of a role that is in his credential only.
func colleagueOf(d deal, role string) access.Actor {
	by := d.una
	by.ID, by.Role = access.NewUserID(time.Now()).String(), role
	return by
}

// A referral without a room is the company's own business, whatever room its
// submission has.
func TestUnlinkedReferralShowsNoCard(t *testing.T) {
	d := openDeal(t, 800_000_000)
	q, err := d.desk.Quote(t.Context(), d.una, d.sub.ID, whatever)
	if err != nil {
		t.Fatal(err)
	}
	refer := func(e referral.Entity) {
		t.Helper()
		before := len(d.cards(t))
		r, err := d.desk.Refer(t.Context(), d.una, referral.Ask{Entity: e, Reason: "other", Rationale: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if r.Submission != d.sub.ID {
			t.Errorf("%s: of submission %s", e.Type, r.Submission)
		}
		if _, err := d.desk.Decide(t.Context(), d.maria, r.ID, referral.Decision{Verb: referral.Approve, Rationale: "x"}, whatever); err != nil {
			t.Fatal(err)
		}
		if after := len(d.cards(t)); after != before {
			t.Errorf("%s: %d cards of a referral without a room", e.Type, after-before)
		}
	}
	refer(referral.Entity{Type: referral.Submission, ID: d.sub.ID})
	refer(referral.Entity{Type: referral.Quote, ID: q.ID})
	p, err := d.desk.Bind(t.Context(), d.una, d.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever)
	if err != nil {
		t.Fatal(err)
	}
	refer(referral.Entity{Type: referral.Policy, ID: p.ID})
}

func TestTheRoomHearsOfQuoteAndBind(t *testing.T) {
	d := openDeal(t, 800_000_000)
	q, err := d.desk.Quote(t.Context(), d.una, d.sub.ID, whatever)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := d.db.As(d.una).Room(t.Context(), d.room.ID); err != nil || r.ClosesAt != nil {
		t.Errorf("a quote closes the room: %+v, %v", r, err)
	}
	p, err := d.desk.Bind(t.Context(), d.una, d.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever)
	if err != nil {
		t.Fatal(err)
	}
	cards := d.cards(t)
	if len(cards) != 2 {
		t.Fatalf("cards %+v", cards)
	}
	if c := cards[0]; c.Card != "submission.quoted" || c.QuoteID != q.ID.String() || c.Premium != "14250" || c.WhoseTurn != "underwriter" {
		t.Errorf("quoted %+v", c)
	}
	if c := cards[1]; c.Card != "policy.bound" || c.PolicyID != p.ID.String() || c.PolicyNumber != p.Number || c.Premium != "14250" {
		t.Errorf("bound %+v", c)
	}
	if r, err := d.db.As(d.una).Room(t.Context(), d.room.ID); err != nil || r.ClosesAt == nil || !r.ClosesAt.Equal(noon.Add(14*24*time.Hour)) {
		t.Errorf("room %+v, %v", r, err)
	}
	shared := heard(t, d.db, d.ben, room.Shared(d.room.ID, d.room.Org).Name)
	if strings.Contains(shared, "factor") || strings.Contains(shared, "base_rate") {
		t.Errorf("the broker hears how the price came about:\n%s", shared)
	}
}

func TestTheRoomHearsOfReferralAndDecline(t *testing.T) {
	for _, tt := range []struct {
		name    string
		revenue money.Cents
		want    event.Card
		closes  bool
	}{
		{"referred", 8_000_000_000, event.Card{Card: "submission.quoted", Status: "in_review", WhoseTurn: "underwriter", Text: "An underwriter reviews the quote."}, false},
		{"declined", 30_000_000_000, event.Card{Card: "submission.declined", Status: "declined", Text: "The submission was declined."}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openDeal(t, tt.revenue)
			q, err := d.desk.Quote(t.Context(), d.una, d.sub.ID, whatever)
			if err != nil || string(q.Decision) != tt.name {
				t.Fatalf("quote %s of %s, %v", q.Decision, q.GrossPremium, err)
			}
			tt.want.RoomID, tt.want.SubmissionID = d.room.ID.String(), d.sub.ID.String()
			cards := d.cards(t)
			if len(cards) != 1 || fmt.Sprint(cards[0]) != fmt.Sprint(tt.want) {
				t.Errorf("cards %+v", cards)
			}
			if shared := heard(t, d.db, d.ben, room.Shared(d.room.ID, d.room.Org).Name); strings.Contains(shared, q.Reasons[0]) || strings.Contains(strings.ToLower(shared), "premium") {
				t.Errorf("the broker hears why, or how much:\n%s", shared)
			}
			if r, err := d.db.As(d.una).Room(t.Context(), d.room.ID); err != nil || (r.ClosesAt != nil) != tt.closes {
				t.Errorf("room %+v, %v", r, err)
			}
		})
	}
}

// Binds and decisions in one room at once end, whatever they lock.
func TestBindsAndDecisionsDoNotWaitInACircle(t *testing.T) {
	d := openDeal(t, 800_000_000)
	if _, err := d.desk.Quote(t.Context(), d.una, d.sub.ID, whatever); err != nil {
		t.Fatal(err)
	}
	rs := make([]referral.Referral, 8)
	for i := range rs {
		rs[i] = d.referFor(t, referral.Reasons[i], "x")
	}
	together(16, func(i int) {
		var err error
		if i < len(rs) {
			_, err = d.desk.Decide(t.Context(), d.maria, rs[i].ID, referral.Decision{Verb: referral.Approve, Rationale: "x"}, whatever)
		} else if _, err = d.desk.Bind(t.Context(), d.una, d.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever); errors.Is(err, submission.ErrState) || errors.Is(err, quote.ErrNotBindable) {
			err = nil // something is still asked
		}
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := d.desk.Bind(t.Context(), d.una, d.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever); err != nil && !errors.Is(err, submission.ErrState) {
		t.Error(err)
	}
	if n := len(d.cards(t)); n != 1+8+8+1 {
		t.Errorf("%d cards", n)
	}
}

// Nobody is asked about what is over, nor about a quote that something else took
// the place of.
func TestNothingIsAskedAboutWhatIsOver(t *testing.T) {
	h := openHall(t)
	ask := func(e referral.Entity) error {
		_, err := h.desk.Refer(t.Context(), h.una, referral.Ask{Entity: e, Reason: "other", Rationale: "x"})
		return err
	}
	if _, err := h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if err := ask(referral.Entity{Type: referral.Quote, ID: h.quote.ID}); !errors.Is(err, quote.ErrState) {
		t.Errorf("about a quote that was superseded: %v", err)
	}
	if _, err := h.desk.Withdraw(t.Context(), h.una, h.sub.ID, submission.Ending{Reasons: []submission.Reason{"price"}}, whatever); err != nil {
		t.Fatal(err)
	}
	if err := ask(referral.Entity{Type: referral.Submission, ID: h.sub.ID}); !errors.Is(err, submission.ErrState) {
		t.Errorf("about a submission that was withdrawn: %v", err)
	}
}
