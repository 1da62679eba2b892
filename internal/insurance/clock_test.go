package insurance_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// on moves the clock of the hall's organisation by a time.
func (h hall) on(t *testing.T, by time.Duration) insurance.Move {
	t.Helper()
	m, err := h.desk.MoveClock(t.Context(), h.ada, func(now time.Time) time.Time { return now.Add(by) })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// told is what an audience heard, each with its time.
func told(t *testing.T, db *store.DB, by access.Actor, channel string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(heard(t, db, by, channel)) {
		var e struct {
			Type      string
			Timestamp time.Time
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Type+" "+e.Timestamp.Format("01-02 15:04"))
	}
	return out
}

// Ten days in one move: each thing at its own time, and the quote has expired
// after thirty.
func TestTheClockMovesEverything(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.ada, 9, 20_000_000)
	r := h.ask(t) // Monday noon UTC is 7:00 in New York
	if _, err := h.desk.ClaimReferral(t.Context(), h.maria, r.ID, whatever); err != nil {
		t.Fatal(err)
	}
	until := noon.AddDate(0, 0, 10)
	decline := referral.Decision{Verb: referral.Reject, Rationale: "no"}
	before := len(told(t, h.db, h.una, h.underwriting()))
	m := h.on(t, until.Sub(noon))
	if !m.Now.Equal(until) || m.Ahead != until.Sub(noon) || m.Failed != 0 {
		t.Errorf("moved to %+v", m)
	}
	want := []string{
		"referral.due_soon 03-02 22:00", "referral.escalated 03-03 18:48", "submission.sla_at_risk 03-03 18:48",
		"referral.escalated 03-03 22:00", "submission.sla_breached 03-03 22:00",
	}
	if d := diff.Diff(want, told(t, h.db, h.una, h.underwriting())[before:]); d != "" {
		t.Fatalf("told (-want +got):\n%s", d)
	}
	if len(m.Did) != 5 || m.Did[1].At.Format("15:04") != "18:48" || referral.ID(m.Did[3].ID) != r.ID {
		t.Errorf("did %+v", m.Did)
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); r.Assignee != h.ada.ID {
		t.Errorf("assigned to %s", r.Assignee)
	}
	if r, err := h.desk.Decide(t.Context(), h.ada, r.ID, decline, whatever); err != nil || !r.DecidedAt.Equal(until) {
		t.Fatalf("decided at %v, %v", r.DecidedAt, err)
	}
	// The room closes by itself fourteen days after the decline.
	m = h.on(t, 20*24*time.Hour)
	if len(m.Did) != 1 || m.Did[0].What != store.WhatRoom || !m.Did[0].At.Equal(until.AddDate(0, 0, 14)) {
		t.Errorf("did %+v", m.Did)
	}
	if rm, err := h.db.As(h.una).Room(t.Context(), h.room.ID); err != nil || rm.Status != room.Closed || !rm.ClosedAt.Equal(until.AddDate(0, 0, 14)) {
		t.Errorf("room %+v, %v", rm, err)
	}
	if q, err := h.db.As(h.una).Quote(t.Context(), h.quote.ID); err != nil || q.StatusAt(m.Now) != quote.Status(quote.Declined) {
		t.Errorf("quote %s, %v", q.StatusAt(m.Now), err)
	}
}

// What is agreed for a time is judged by the organisation's: delegations,
// quotes, licences, the day of a backdated risk.
func TestEverybodyActsByTheClock(t *testing.T) {
	h := openHall(t)
	s := builder()
	made, err := h.desk.Submit(t.Context(), h.una, s)
	if err != nil {
		t.Fatal(err)
	}
	q, err := h.desk.Quote(t.Context(), h.una, made.ID, whatever)
	if err != nil {
		t.Fatal(err)
	}
	if q, err = h.desk.Offer(t.Context(), h.una, q.ID); err != nil {
		t.Fatal(err)
	}
	h.give(t, h.maria, 3, 20_000_000)
	if _, err := h.desk.Lend(t.Context(), h.ada, user(t, h.maria), user(t, h.noor), noon.AddDate(0, 0, 5), noon.AddDate(0, 0, 40)); err != nil {
		t.Fatal(err)
	}
	r := h.ask(t)
	may := func() bool {
		_, err := h.desk.Decide(t.Context(), h.noor, r.ID, yes, whatever)
		if err != nil && !errors.Is(err, authority.ErrExceeded) {
			t.Fatal(err)
		}
		return err == nil
	}
	if may() {
		t.Error("authority that is lent from the fifth day on was used before")
	}
	h.on(t, 6*24*time.Hour)
	if _, err := h.desk.ReleaseReferral(t.Context(), h.maria, r.ID, whatever); err != nil { // who had it in time
		t.Fatal(err)
	}
	if !may() {
		t.Error("authority that is lent since the fifth day was not to be used")
	}
	h.on(t, 25*24*time.Hour)
	if _, err := h.desk.Accept(t.Context(), h.una, q.ID); !errors.Is(err, quote.ErrExpired) {
		t.Errorf("accepted after a month: %v", err)
	}
	if _, err := h.desk.Bind(t.Context(), h.una, made.ID, policy.Order{Plan: billing.PayInFull}, whatever); !errors.Is(err, quote.ErrNotBindable) {
		t.Errorf("bound after a month: %v", err)
	}
	again, err := h.desk.Quote(t.Context(), h.una, made.ID, whatever)
	if err != nil || !again.CreatedAt.Equal(noon.AddDate(0, 0, 31)) || !again.ExpiresAt.Equal(noon.AddDate(0, 0, 61)) {
		t.Errorf("quoted again at %s until %s, %v", again.CreatedAt, again.ExpiresAt, err)
	}
	// Another organisation has everybody's time; and so has this one, once it is reset.
	other := storetest.Org(t, h.db, "Elsewhere")
	if c, err := h.desk.Clock(t.Context(), other); err != nil || c.Ahead != 0 || !c.Now.Equal(noon) {
		t.Errorf("elsewhere it is %+v, %v", c, err)
	}
	if err := h.desk.ResetClock(t.Context(), h.ada); err != nil {
		t.Fatal(err)
	}
	if c, err := h.desk.Clock(t.Context(), h.una); err != nil || c.Ahead != 0 || !c.Now.Equal(noon) {
		t.Errorf("after a reset it is %+v, %v", c, err)
	}
}

func TestBoundsOfTheClock(t *testing.T) {
	h := openHall(t)
	to := func(at time.Time, want error) {
		t.Helper()
		if _, err := h.desk.MoveClock(t.Context(), h.ada, func(time.Time) time.Time { return at }); !errors.Is(err, want) {
			t.Errorf("to %s: %v, want %v", at, err, want)
		}
	}
	to(noon.Add(-time.Second), insurance.ErrBackwards)
	to(noon.Add(insurance.MaxStep+time.Second), insurance.ErrTooFar)
	for n := range 10 {
		to(noon.Add(time.Duration(n+1)*insurance.MaxStep), nil)
	}
	to(noon.Add(10*insurance.MaxStep), nil) // it stays
	to(noon.Add(10*insurance.MaxStep+time.Second), insurance.ErrTooFar)
	to(noon, insurance.ErrBackwards)
	if _, err := h.desk.MoveClock(t.Context(), h.una, func(now time.Time) time.Time { return now }); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("an underwriter: %v", err)
	}
	// In production a row changes nothing, and nobody can write one.
	production := storetest.Open(t, store.Config{URL: storetest.Address(h.db)})
	desk := insurance.New(production, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return noon }})
	if _, err := desk.MoveClock(t.Context(), h.ada, func(now time.Time) time.Time { return now }); !errors.Is(err, insurance.ErrNoClock) {
		t.Errorf("in production: %v", err)
	}
	if s, err := desk.Submit(t.Context(), h.una, builder()); err != nil || !s.CreatedAt.Equal(noon) {
		t.Errorf("submitted at %s, %v", s.CreatedAt, err)
	}
}

// A thousand things in one move is the most.
func TestTooMuchAtOnce(t *testing.T) {
	h := openHall(t)
	r := h.ask(t)
	storetest.SQL(t, h.db, `INSERT INTO referral SELECT (r).* FROM (SELECT jsonb_populate_record(t, jsonb_build_object('id', new_ulid(), 'work', '{"clock": 7}'::jsonb)) AS r
		FROM referral t, generate_series(1, $2) WHERE t.id = $1) x`, r.ID.UUID(), insurance.MostMoved)
	_, err := h.desk.MoveClock(t.Context(), h.ada, func(now time.Time) time.Time { return now.AddDate(0, 2, 0) })
	if !errors.Is(err, insurance.ErrTooMuch) {
		t.Fatal(err)
	}
	if c, err := h.desk.Clock(t.Context(), h.una); err != nil || c.Ahead != 0 {
		t.Errorf("it moved to %+v, %v", c, err)
	}
}

// A deal of one organisation that a random month happens to.
type month struct {
	desk *insurance.Desk
	db   *store.DB
	una  access.Actor
	ada  access.Actor
	refs []referral.ID
}

// fiction is what happens in a month: what is asked, and when an approval runs
// out.
type fiction struct {
	claimed, asked, approved bool
	valid                    int // days
	due                      int // of a condition, in days; 0: none
}

func drawFiction(t *rapid.T) fiction {
	return fiction{
		claimed: rapid.Bool().Draw(t, "claimed"), asked: rapid.Bool().Draw(t, "asked"), approved: rapid.Bool().Draw(t, "approved"),
		valid: rapid.IntRange(1, 40).Draw(t, "valid"), due: rapid.IntRange(0, 40).Draw(t, "due"),
	}
}

// A route is how a clock comes to a time.
type route struct {
	stories []fiction
	hours   []int
}

var routes = rapid.Custom(func(t *rapid.T) route {
	return route{
		rapid.SliceOfN(rapid.Custom(drawFiction), 1, 3).Draw(t, "referrals"), rapid.SliceOfN(rapid.IntRange(0, 24*9), 1, 6).Draw(t, "steps"),
	}
})

// TestOneMoveOrMany moves a clock to a time at once, and another one there in
// steps: what came of it is the same, to the second.
func TestOneMoveOrMany(t *testing.T) {
	h := openHall(t)
	for seed := range 25 {
		r := routes.Example(seed)
		total := 0
		for _, n := range r.hours {
			total += n
		}
		atOnce, stepwise := h.month(t, r.stories), h.month(t, r.stories)
		atOnce.move(t, total)
		for _, n := range r.hours {
			stepwise.move(t, n)
		}
		if d := diff.Diff(atOnce.tale(t), stepwise.tale(t)); d != "" {
			t.Fatalf("%+v, at once, and in steps of %v hours:\n%s", r.stories, r.hours, d)
		}
	}
}

func (h hall) month(t *testing.T, stories []fiction) month {
	t.Helper()
	m := month{desk: h.desk, db: h.db, una: storetest.Org(t, h.db, "A month")}
	m.ada = colleague(t, h.db, m.una, access.RoleAdmin)
	sub := h
	sub.una, sub.ada = m.una, m.ada
	if err := h.db.InTx(t.Context(), m.una, func(tx *store.Tx) error { return h.desk.OpenProgram(t.Context(), tx, m.una.Org) }); err != nil {
		t.Fatal(err)
	}
	maria := colleague(t, h.db, m.una, access.RoleUnderwriter)
	sub.give(t, maria, 3, 20_000_000)
	sub.give(t, m.ada, 5, 20_000_000)
	for _, f := range stories {
		s, err := h.desk.Submit(t.Context(), m.una, builder())
		if err != nil {
			t.Fatal(err)
		}
		r, err := h.desk.Refer(t.Context(), m.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: s.ID}, Reason: "prior_losses", Rationale: "x"})
		if err != nil {
			t.Fatal(err)
		}
		m.refs = append(m.refs, r.ID)
		if f.claimed {
			_, err = h.desk.ClaimReferral(t.Context(), maria, r.ID, whatever)
		}
		if f.asked && err == nil {
			_, err = h.desk.Decide(t.Context(), maria, r.ID, referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "x"}, whatever)
			if f.approved && err == nil {
				_, err = h.desk.Respond(t.Context(), m.una, r.ID, []referral.Reply{{Question: 1, Text: "Yes."}}, whatever)
			}
		}
		if f.approved && err == nil {
			until, due := noon.AddDate(0, 0, f.valid), noon.AddDate(0, 0, f.due)
			d := referral.Decision{Verb: referral.Approve, Rationale: "x", Terms: referral.Terms{ValidUntil: &until}}
			if f.due > 0 {
				d.Conditions = []referral.Condition{{Kind: referral.PreBind, Action: "Inspect.", DueAt: &due}}
			}
			_, err = h.desk.Decide(t.Context(), maria, r.ID, d, whatever)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m month) move(t *testing.T, hours int) {
	t.Helper()
	to := func(now time.Time) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	if _, err := m.desk.MoveClock(t.Context(), m.ada, to); err != nil {
		t.Fatal(err)
	}
}

// tale is all that came of a month, without the names of whom it happened to.
func (m month) tale(t *testing.T) []string {
	t.Helper()
	out := told(t, m.db, m.una, event.OrgChannel(m.una.Org, event.Underwriting))
	slices.SortStableFunc(out, func(a, b string) int { // what is due at the same time has no order
		return cmp.Or(strings.Compare(a[len(a)-11:], b[len(b)-11:]), strings.Compare(a, b))
	})
	for _, id := range m.refs {
		r, err := m.db.As(m.una).Referral(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.db.As(m.una).Submission(t.Context(), r.Submission)
		if err != nil {
			t.Fatal(err)
		}
		who := map[string]string{"": "nobody", m.ada.ID: "ada"}[r.Assignee]
		line := fmt.Sprint(s.Status, " ", r.Status, " ", r.Outcome, " ", who, " ", r.Escalated, " ", r.Clock.Turn, " ", r.Clock.Step, " ", r.Clock.Spent, " ", r.Clock.Since, " ", r.UpdatedAt)
		for _, c := range r.Conditions {
			line += " " + c.Status
		}
		for _, e := range r.Endings {
			line += " " + e.What + " " + e.At.String()
		}
		out = append(out, line)
	}
	c, err := m.desk.Clock(t.Context(), m.una)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, c.Now.String())
}

// Several nodes work while the clock moves: nothing is done at a time that has
// passed, and what is due is done once.
func TestNodesAgreeOnTheTime(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.ada, 9, 20_000_000)
	h.ask(t)
	second := storetest.Open(t, store.Config{URL: storetest.Address(h.db), TestClocks: true})
	desks := []*insurance.Desk{h.desk, insurance.New(second, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return noon }})}
	var moved atomic.Int32
	together(16, func(i int) {
		desk := desks[i%2]
		for n := range 6 {
			switch i / 2 % 4 {
			case 0:
				_, err := desk.MoveClock(t.Context(), h.ada, func(now time.Time) time.Time { return now.Add(7 * time.Hour) })
				if err == nil {
					moved.Add(1)
				} else if !errors.Is(err, insurance.ErrMoving) {
					t.Error(err)
				}
			case 1:
				if _, err := desk.Tick(t.Context(), noon); err != nil {
					t.Error(err)
				}
			default:
				s := builder()
				s.ExternalID = fmt.Sprint(i, " ", n)
				if _, err := desk.Submit(t.Context(), h.una, s); err != nil {
					t.Error(err)
				}
			}
		}
	})
	c, err := desks[1].Clock(t.Context(), h.una)
	if err != nil || c.Ahead != time.Duration(moved.Load())*7*time.Hour {
		t.Errorf("%d moves led to %+v, %v", moved.Load(), c, err)
	}
	ch, err := h.db.As(h.una).Entries(t.Context(), h.underwriting(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	seen := map[string]int{}
	for _, e := range ch.Entries {
		var v struct {
			Type      string
			Timestamp time.Time
		}
		if err := json.Unmarshal(e.Payload, &v); err != nil {
			t.Fatal(err)
		}
		if v.Timestamp.Before(last) {
			t.Errorf("%s at %s, after %s", v.Type, v.Timestamp, last)
		}
		last = v.Timestamp
		seen[v.Type]++
	}
	if seen["referral.due_soon"] > 1 || seen["referral.escalated"] > 2 {
		t.Errorf("told %v", seen)
	}
}

// A referral that cannot be read holds up no other, however many there are of
// it, and is tried again after a minute, two, four.
func TestWhatFailsWaits(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	h.ask(t)
	other, err := h.desk.Submit(t.Context(), h.una, builder())
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.desk.Refer(t.Context(), h.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: other.ID}, Reason: "prior_losses", Rationale: "x"})
	if err != nil {
		t.Fatal(err)
	}
	poison := func(n int) {
		storetest.SQL(t, h.db, `INSERT INTO referral SELECT (r).* FROM (SELECT jsonb_populate_record(t, jsonb_build_object('id', new_ulid(), 'work', '{"clock": 7}'::jsonb,
			'timer_at', '2026-03-02T21:00:00Z')) AS r FROM referral t, generate_series(1, $2) WHERE t.id = $1) x`, r.ID.UUID(), n)
	}
	storetest.SQL(t, h.db, `UPDATE referral SET timer_at = '2027-01-01' WHERE id = $1`, r.ID.UUID())
	poison(120)
	at := time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
	tick := func(want int, fails bool) {
		t.Helper()
		if n, err := h.desk.Tick(t.Context(), at); n != want || (err != nil) != fails {
			t.Fatalf("at %s: %d done, %v", at, n, err)
		}
	}
	tick(1, true) // ours, behind a hundred and twenty that fail
	tick(0, false)
	retries := func() int {
		return storetest.Value[int](t, h.db, `SELECT coalesce(sum(fails), 0)::int FROM overdue`)
	}
	for i, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		at = at.Add(wait - time.Second)
		tick(0, false)
		if n := retries(); n != 120*(i+1) {
			t.Fatalf("%d failures before the retry", n)
		}
		at = at.Add(time.Second)
		tick(0, true)
		if n := retries(); n != 120*(i+2) {
			t.Fatalf("%d failures after the retry", n)
		}
	}
	storetest.SQL(t, h.db, `UPDATE referral SET work = (SELECT work FROM referral WHERE id = $1) WHERE work->>'clock' = '7'`, r.ID.UUID())
	at = at.Add(7 * time.Hour)
	if n, err := h.desk.Tick(t.Context(), at); n < 120 || err != nil || retries() != 0 {
		t.Errorf("%d done once they can be read, %v, %d failures", n, err, retries())
	}
	// A clock that is moved goes on without what fails.
	poison(3)
	m := h.on(t, 10*24*time.Hour)
	if done := len(m.Did) - m.Failed; m.Failed < 3 || done != 6 { // two of the referral, four of submissions' clocks
		t.Errorf("%d were done and %d failed", done, m.Failed)
	}
}
