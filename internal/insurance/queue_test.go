package insurance_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// eastern is an hour of a day in March 2026 in New York, where the standard
// calendar works from nine to five; the second is a Monday.
func eastern(day, hour int) time.Time { return time.Date(2026, 3, day, hour+5, 0, 0, 0, time.UTC) }

// The clocks of a submission follow it through its life, and what has passed is
// told once, on however many nodes.
func TestClocksAreToldOnce(t *testing.T) {
	h := openHall(t)
	h.set(eastern(2, 9))
	s, err := h.desk.Submit(t.Context(), h.una, builder())
	if err != nil {
		t.Fatal(err)
	}
	rm := openRoom(t, h.db, h.una, s)
	storetest.Seat(t, h.db, rm, h.noor, "lead_underwriter", access.RoomLead)
	other := insurance.New(h.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return *h.at.Load() }})
	count := func(who access.Actor, channel, typ string) int {
		return strings.Count(heard(t, h.db, who, channel), `"`+typ+`"`)
	}
	tick := func(at time.Time, risk, breach int) {
		t.Helper()
		h.set(at)
		together(8, func(i int) {
			if _, err := []*insurance.Desk{h.desk, other}[i%2].Tick(t.Context(), at); err != nil {
				t.Error(err)
			}
		})
		told := heard(t, h.db, h.una, h.underwriting())
		ofIt := func(typ string) (n int) {
			for line := range strings.Lines(told) {
				if strings.Contains(line, typ) && strings.Contains(line, s.ID.String()) {
					n++
				}
			}
			return n
		}
		if a, b := ofIt("submission.sla_at_risk"), ofIt("submission.sla_breached"); a != risk || b != breach {
			t.Errorf("at %s: %d at risk, %d breached, want %d and %d", at, a, b, risk, breach)
		}
	}
	tick(eastern(2, 12), 0, 0)
	tick(eastern(2, 12).Add(12*time.Minute), 1, 0) // four fifths of four hours
	tick(eastern(2, 12).Add(13*time.Minute), 1, 0)
	tick(eastern(2, 13), 1, 1)
	if n := count(h.noor, event.PersonChannel(h.noor.ID, h.noor.Org).Name, "submission.sla_breached"); n != 1 {
		t.Errorf("who leads the room hears %d", n)
	}
	if _, err := h.desk.Claim(t.Context(), h.maria, s.ID, whatever); err != nil {
		t.Fatal(err)
	}
	h.set(eastern(2, 15))
	r, err := h.desk.Refer(t.Context(), h.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: s.ID}, Reason: "other", Rationale: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "x", Questions: []string{"Closed?"}}, whatever); err != nil {
		t.Fatal(err)
	}
	tick(eastern(9, 9), 1, 1) // a week later: it stands still
	now, err := h.db.As(h.una).Submission(t.Context(), s.ID)
	if err != nil || now.Clocks.State(eastern(9, 9)) != sla.Paused || now.Clocks.Response.State(eastern(9, 9)) != sla.Missed {
		t.Errorf("%+v, %v", now.Clocks, err)
	}
	if _, err := h.desk.Respond(t.Context(), h.una, r.ID, []referral.Reply{{Question: 1, Text: "Yes."}}, whatever); err != nil {
		t.Fatal(err)
	}
	// Six of sixteen hours were spent: the other ten end on Tuesday at noon, in summer time.
	tick(eastern(10, 10), 2, 1)
	tick(eastern(10, 11), 2, 2)
	if n := count(h.maria, event.PersonChannel(h.maria.ID, h.maria.Org).Name, "submission.sla_breached"); n != 1 {
		t.Errorf("who works on it hears %d", n)
	}
	if shared := heard(t, h.db, h.ben, room.Shared(rm.ID, rm.Org).Name); strings.Contains(shared, "sla_") {
		t.Errorf("the room shows it:\n%s", shared)
	}
	version := now.Version
	if now, _ = h.db.As(h.una).Submission(t.Context(), s.ID); now.Version != version+1 {
		t.Errorf("version %d, was %d: only the answer is a change", now.Version, version)
	}
	tick(eastern(27, 11), 2, 2)
}

func TestTheQueue(t *testing.T) {
	h := openHall(t)
	queue := func(f store.QueueFilter) string {
		t.Helper()
		q, err := h.desk.Queue(t.Context(), h.una, f, store.QueueKey{}, 50)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range q.Rows {
			names = append(names, s.InsuredName)
		}
		return strings.Join(names, " ")
	}
	submit := func(name string, at time.Time, change func(*submission.Submission)) submission.Submission {
		t.Helper()
		h.set(at)
		s := builder()
		s.InsuredName = name
		if change != nil {
			change(&s)
		}
		s, err := h.desk.Submit(t.Context(), h.una, s)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	h.give(t, h.maria, 3, 20_000_000)
	if _, err := h.desk.Decline(t.Context(), h.maria, h.sub.ID, submission.Ending{Reasons: []submission.Reason{"capacity"}, Rationale: "x"}, whatever); err != nil {
		t.Fatal(err)
	}
	a := submit("Late", eastern(2, 13), nil)
	submit("Early", eastern(2, 9), nil)
	submit("Saturday", eastern(7, 9), nil)
	submit("Sunday", eastern(8, 20), func(s *submission.Submission) { s.Priority = submission.High }) // due at the same instant, and riskier
	if got := queue(store.QueueFilter{}); got != "Early Late Sunday Saturday" {
		t.Errorf("the queue: %s", got)
	}
	h.set(eastern(2, 13))
	if got := queue(store.QueueFilter{Clock: sla.Breached}) + "; " + queue(store.QueueFilter{Clock: sla.Running}); got != "Early; Late Sunday Saturday" {
		t.Errorf("by clocks: %s", got)
	}
	if _, err := h.desk.Claim(t.Context(), h.maria, a.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if got := queue(store.QueueFilter{Assignee: h.maria.ID}) + "; " + queue(store.QueueFilter{Unclaimed: true}); got != "Late; Early Sunday Saturday" {
		t.Errorf("by whose: %s", got)
	}
	if _, err := h.desk.Quote(t.Context(), h.una, a.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if got := queue(store.QueueFilter{}); got != "Early Sunday Saturday" {
		t.Errorf("what is quoted still waits: %s", got)
	}
	h.set(eastern(9, 12))
	s, err := h.desk.Correct(t.Context(), h.una, a.ID, func(s *submission.Submission) { s.AnnualRevenue += money.Cents(1000) }, whatever)
	if err != nil {
		t.Fatal(err)
	}
	if due, _ := s.Clocks.Due(); !due.Equal(eastern(11, 12)) { // summer time began on the eighth
		t.Errorf("asked anew: due %s", due)
	}
	if got := queue(store.QueueFilter{Assignee: h.maria.ID}); got != "Late" {
		t.Errorf("what is a question again: %s", got)
	}
	if _, err := h.desk.Queue(t.Context(), h.ben, store.QueueFilter{}, store.QueueKey{}, 5); err != nil && !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("another company: %v", err)
	}
}

// What nobody touches for 90 days expires, once on however many nodes, and what
// belongs to it ends; whatever is done about it begins the days anew.
func TestIdleSubmissionsExpire(t *testing.T) {
	h := openHall(t)
	start := eastern(2, 9)
	h.set(start)
	made := func() submission.Submission {
		t.Helper()
		s, err := h.desk.Submit(t.Context(), h.una, builder())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	idle, kept, bound := made(), made(), quoted(t, h.desk, h.una)
	priced := quoted(t, h.desk, h.una)
	openRoom(t, h.db, h.una, idle)
	if _, err := h.desk.Bind(t.Context(), h.una, bound, policy.Order{Plan: billing.Monthly10}, whatever); err != nil {
		t.Fatal(err)
	}
	other := insurance.New(h.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return *h.at.Load() }})
	tick := func(at time.Time) {
		t.Helper()
		h.set(at)
		together(8, func(i int) {
			if _, err := []*insurance.Desk{h.desk, other}[i%2].Tick(t.Context(), at); err != nil {
				t.Error(err)
			}
		})
	}
	status := func(want map[submission.ID]submission.Status) {
		t.Helper()
		for id, status := range want {
			if s, err := h.db.As(h.una).Submission(t.Context(), id); err != nil || s.Status != status {
				t.Errorf("at %s: %s is %s, not %s (%v)", h.at.Load(), id, s.Status, status, err)
			}
		}
	}
	end := start.AddDate(0, 0, submission.IdleDays)
	tick(end.Add(-time.Second))
	status(map[submission.ID]submission.Status{idle.ID: submission.Received, kept.ID: submission.Received, priced: submission.Quoted, bound: submission.Bound})
	if _, err := h.desk.Claim(t.Context(), h.maria, kept.ID, whatever); err != nil {
		t.Fatal(err)
	}
	tick(end)
	tick(end.Add(time.Hour))
	status(map[submission.ID]submission.Status{idle.ID: submission.Expired, kept.ID: submission.InReview, priced: submission.Expired, bound: submission.Bound})
	for id, want := range map[submission.ID]int{idle.ID: 1, priced: 1, kept.ID: 0, bound: 0} {
		n := 0
		for line := range strings.Lines(heard(t, h.db, h.una, h.underwriting())) {
			if strings.Contains(line, `"submission.expired"`) && strings.Contains(line, id.String()) {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: told %d times, not %d", id, n, want)
		}
	}
	qs, err := h.db.As(h.una).Quotes(t.Context(), priced, store.Page{Limit: 10})
	if err != nil || len(qs) != 1 || qs[0].Status.IsOpen() {
		t.Errorf("%+v, %v", qs, err)
	}
	if _, err := h.desk.Quote(t.Context(), h.una, idle.ID, whatever); !errors.Is(err, submission.ErrState) {
		t.Errorf("a quote afterwards: %v", err)
	}
	tick(end.Add(-time.Second).AddDate(0, 0, submission.IdleDays))
	status(map[submission.ID]submission.Status{kept.ID: submission.Expired})
}
