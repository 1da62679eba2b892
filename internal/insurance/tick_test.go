package insurance_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store/storetest"
)

// Two nodes do what is due; each thing happens once, and what nobody decided is
// not approved.
func TestWhatIsDueHappensOnce(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.ada, 9, 20_000_000)
	r := h.ask(t) // Monday noon UTC is 7:00 in New York; two business days end on Tuesday at 17:00
	if _, err := h.desk.ClaimReferral(t.Context(), h.maria, r.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); !r.Clock.DueAt.Equal(time.Date(2026, 3, 3, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("due at %s", r.Clock.DueAt)
	}
	other := insurance.New(h.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return *h.at.Load() }})
	tick := func(at time.Time) int {
		h.set(at)
		var n atomic.Int32
		together(8, func(i int) {
			did, err := []*insurance.Desk{h.desk, other}[i%2].Tick(t.Context(), at)
			if err != nil {
				t.Error(err)
			}
			n.Add(int32(did))
		})
		return int(n.Load())
	}
	count := func(typ string) int { return strings.Count(heard(t, h.db, h.una, h.underwriting()), `"`+typ+`"`) }
	half := time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC)
	if n := tick(half.Add(-time.Second)); n != 0 || count("referral.due_soon") != 0 {
		t.Errorf("%d before half of the time", n)
	}
	if n := tick(half); n != 1 || count("referral.due_soon") != 1 {
		t.Errorf("%d at half of the time, %d told", n, count("referral.due_soon"))
	}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "x", Questions: []string{"Closed?"}}, whatever); err != nil {
		t.Fatal(err)
	}
	wednesday := time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)
	if n := tick(wednesday); n != 0 || count("referral.escalated") != 0 {
		t.Errorf("%d while information is asked for", n)
	}
	if _, err := h.desk.Respond(t.Context(), h.una, r.ID, []referral.Reply{{Question: 1, Text: "Yes."}}, whatever); err != nil {
		t.Fatal(err)
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); r.Status != referral.InReview || !r.Clock.DueAt.Equal(time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("%s, due at %s", r.Status, r.Clock.DueAt)
	}
	if n := tick(time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)); n != 2 || count("submission.sla_breached") != 1 || count("referral.escalated") != 2 || count("referral.due_soon") != 1 {
		t.Errorf("%d at the end of the time, %d escalations, %d reminders", n, count("referral.escalated"), count("referral.due_soon"))
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); r.Assignee != h.ada.ID || r.Escalated != 2 {
		t.Errorf("assignee %s, escalated %d", r.Assignee, r.Escalated)
	}
	if told := heard(t, h.db, h.ada, event.PersonChannel(h.ada.ID, h.ada.Org).Name); strings.Count(told, `"referral.escalated"`) != 2 {
		t.Errorf("who is next hears\n%s", told)
	}
	if shared := heard(t, h.db, h.ben, room.Shared(h.room.ID, h.room.Org).Name); strings.Contains(shared, "escalated") || strings.Contains(shared, h.ada.ID) {
		t.Errorf("the broker hears of it:\n%s", shared)
	}
	if n := tick(noon.AddDate(0, 0, 31)); n != 1 || count("referral.ended") != 1 || count("referral.decided") != 0 {
		t.Errorf("%d when it is over", n)
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); r.Status != referral.Expired || r.Outcome != "" || h.stands(t) != "referred referred" {
		t.Errorf("%s %s, stands %s", r.Status, r.Outcome, h.stands(t))
	}
	if n := tick(noon.AddDate(1, 0, 0)); n != 1 || count("submission.expired") != 1 || count("referral.ended") != 1 {
		t.Errorf("%d afterwards, when only its submission is left to end", n)
	}
	if n := storetest.Value[int](t, h.db, `SELECT count(*)::int FROM overdue`); n != 0 {
		t.Errorf("%d were put off because another node was faster", n)
	}
}

// What is due though there is nothing to do about it, is told of, and put off: it
// does not hold up what is due later, however much of it there is.
func TestWhatIsDueForNothingHoldsUpNothing(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	r := h.ask(t)
	storetest.SQL(t, h.db, `INSERT INTO submission SELECT (s).* FROM (SELECT jsonb_populate_record(t, jsonb_build_object('id', new_ulid(), 'external_id', null,
		'status', 'received', 'clocks', '{}'::jsonb, 'timer_at', '2026-03-02T21:00:00Z')) AS s FROM submission t, generate_series(1, 120) WHERE t.id = $1) x`, h.sub.ID.UUID())
	at := time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC) // half of the referral's time
	h.set(at)
	n, err := h.desk.Tick(t.Context(), at)
	if n != 1 || err == nil || !strings.Contains(err.Error(), "nothing to do about it") || !strings.Contains(err.Error(), "and 115 more") {
		t.Errorf("%d done, %v", n, err)
	}
	if got := strings.Count(heard(t, h.db, h.una, h.underwriting()), `"referral.due_soon"`); got != 1 {
		t.Errorf("of referral %s it was told %d times", r.ID, got)
	}
	if n, err := h.desk.Tick(t.Context(), at.Add(59*time.Second)); n != 0 || err != nil {
		t.Errorf("before they are looked at again: %d, %v", n, err)
	}
	if n, err := h.desk.Tick(t.Context(), at.Add(time.Minute)); n != 0 || err == nil {
		t.Errorf("a minute later: %d, %v", n, err)
	}
}

// Days of 90 are as long in New York as elsewhere: an open submission expires when
// its timer says so.
func TestIdleDaysAreAsLongEverywhere(t *testing.T) {
	if !storetest.InNewYork(t) {
		return
	}
	h := openHall(t)
	made := time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC) // to 18 November: over the end of summer time
	h.set(made)
	s, err := h.desk.Submit(t.Context(), h.una, builder())
	if err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, h.db, `UPDATE submission SET clocks = '{}', timer_at = updated_at + interval '90 days' WHERE id = $1`, s.ID.UUID())
	storetest.SQL(t, h.db, `UPDATE submission SET timer_at = NULL WHERE id <> $1`, s.ID.UUID())
	end := made.AddDate(0, 0, submission.IdleDays)
	h.set(end)
	if n, err := h.desk.Tick(t.Context(), end); n != 1 || err != nil {
		t.Errorf("%d done, %v", n, err)
	}
	if s, err = h.db.As(h.una).Submission(t.Context(), s.ID); err != nil || s.Status != submission.Expired {
		t.Errorf("the submission is %s, %v", s.Status, err)
	}
}
