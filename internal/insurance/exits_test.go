package insurance_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// refuses lets the hall's program decline whatever is quoted from now on.
func (h hall) refuses(t *testing.T) {
	t.Helper()
	storetest.SQL(t, h.db, `UPDATE program SET refer_above = 0, decline_above = 0 WHERE org_id = $1`, h.una.Org.UUID())
}

// question asks an underwriter about a submission.
func (h hall) question(ctx context.Context, id submission.ID) (referral.Referral, error) {
	return h.questionFor(ctx, id, "other")
}

func (h hall) questionFor(ctx context.Context, id submission.ID, why referral.Reason) (referral.Referral, error) {
	return h.desk.Refer(ctx, h.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: id}, Reason: why, Rationale: "x"})
}

// reach brings a submission that was received to each state that has a way out.
var reach = map[submission.Status]func(*testing.T, hall, submission.ID) error{
	submission.Received: func(*testing.T, hall, submission.ID) error { return nil },
	submission.InReview: func(t *testing.T, h hall, id submission.ID) error {
		_, err := h.desk.Claim(t.Context(), h.maria, id, whatever)
		return err
	},
	submission.Quoted: func(t *testing.T, h hall, id submission.ID) error {
		r, err := h.question(t.Context(), id)
		if err != nil {
			return err
		}
		agrees := yes
		agrees.ValidUntil = new(noon.AddDate(1, 0, 0))
		if _, err = h.desk.Decide(t.Context(), h.maria, r.ID, agrees, whatever); err != nil {
			return err
		}
		_, err = h.desk.Quote(t.Context(), h.una, id, whatever)
		return err
	},
	submission.Referred: func(t *testing.T, h hall, id submission.ID) error {
		r, err := h.question(t.Context(), id)
		if err != nil {
			return err
		}
		_, err = h.desk.Decide(t.Context(), h.maria, r.ID, referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "x", Questions: []string{"Closed?"}}, whatever)
		return err
	},
}

// leave takes each step that ends a submission. A question is asked before it is
// answered, so what an underwriter declines was referred.
var leave = map[submission.Step]func(*testing.T, hall, submission.ID) error{
	submission.Rate: func(t *testing.T, h hall, id submission.ID) error {
		h.refuses(t)
		q, err := h.desk.Quote(t.Context(), h.una, id, whatever)
		if err == nil && q.Decision != quote.Declined {
			t.Errorf("the quote is %s", q.Decision)
		}
		return err
	},
	submission.Ask: func(t *testing.T, h hall, id submission.ID) error {
		r, err := h.questionFor(t.Context(), id, "prior_losses") // beside what is asked already
		if err != nil {
			return err
		}
		_, err = h.desk.Decide(t.Context(), h.maria, r.ID, referral.Decision{Verb: referral.Reject, Rationale: "no"}, whatever)
		return err
	},
	submission.Decline: func(t *testing.T, h hall, id submission.ID) error {
		_, err := h.desk.Decline(t.Context(), h.maria, id, submission.Ending{Reasons: []submission.Reason{"capacity"}, Rationale: "x"}, whatever)
		return err
	},
	submission.Withdraw: func(t *testing.T, h hall, id submission.ID) error {
		_, err := h.desk.Withdraw(t.Context(), h.una, id, submission.Ending{Reasons: []submission.Reason{"coverage_elsewhere"}}, whatever)
		return err
	},
	submission.Expire: func(t *testing.T, h hall, _ submission.ID) error {
		h.on(t, (2*submission.IdleDays+1)*24*time.Hour) // that a question expires begins the days anew
		return nil
	},
	submission.Bind: func(t *testing.T, h hall, id submission.ID) error {
		_, err := h.desk.Bind(t.Context(), h.una, id, policy.Order{Plan: billing.PayInFull}, whatever)
		return err
	},
}

// TestNoClockRunsAfterTheEnd takes every way out of the machine that a
// submission goes by: none of its clocks runs or waits then, nothing of it is due
// any more, and it is in no queue.
func TestNoClockRunsAfterTheEnd(t *testing.T) {
	final := func(s submission.Status) bool { return s != submission.Draft && reach[s] == nil }
	ways := 0
	for _, step := range submission.Steps {
		for _, from := range submission.Statuses {
			for _, to := range submission.Statuses {
				if final(from) && submission.Allows(step, from, to) {
					t.Errorf("%s leads out of %s, which is final", step, from)
				}
				if from == submission.Draft || !final(to) || !submission.Allows(step, from, to) {
					continue
				}
				ways++
				t.Run(string(step)+" "+string(from), func(t *testing.T) { takeWay(t, step, from, to) })
			}
		}
	}
	if ways < 21 {
		t.Errorf("%d ways out", ways)
	}
}

func takeWay(t *testing.T, step submission.Step, from, to submission.Status) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	s, err := h.desk.Submit(t.Context(), h.una, builder())
	if err != nil {
		t.Fatal(err)
	}
	if err := reach[from](t, h, s.ID); err != nil {
		t.Fatal(err)
	}
	if s, err = h.db.As(h.una).Submission(t.Context(), s.ID); err != nil || s.Status != from {
		t.Fatalf("%s is %s: %v", s.ID, s.Status, err)
	}
	if err := leave[step](t, h, s.ID); err != nil {
		t.Fatal(err)
	}
	if s, err = h.db.As(h.una).Submission(t.Context(), s.ID); err != nil || s.Status != to {
		t.Fatalf("%s is %s, not %s: %v", s.ID, s.Status, to, err)
	}
	if c := s.Clocks; c.Waits || c.Asked || c.Response.Open() || c.Quote.Open() {
		t.Errorf("clocks %+v", c)
	}
	left := storetest.Value[int](t, h.db, `SELECT (SELECT count(*) FROM submission WHERE id = $1 AND (queue_at IS NOT NULL OR risk_at IS NOT NULL OR timer_at IS NOT NULL))::int +
		(SELECT count(*) FROM referral WHERE submission_id = $1 AND timer_at IS NOT NULL)::int`, s.ID.UUID())
	if left != 0 {
		t.Errorf("%d things of it are still due", left)
	}
	for _, clock := range []sla.State{"", sla.Running, sla.Risky, sla.Breached, sla.Paused} {
		q, err := h.desk.Queue(t.Context(), h.una, store.QueueFilter{Clock: clock}, store.QueueKey{}, 50)
		if err != nil || slices.ContainsFunc(q.Rows, func(x submission.Submission) bool { return x.ID == s.ID }) {
			t.Errorf("it is in the queue %q: %v", clock, err)
		}
	}
}
