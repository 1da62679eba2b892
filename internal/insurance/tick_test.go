package insurance_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/rooms/room"
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
}
