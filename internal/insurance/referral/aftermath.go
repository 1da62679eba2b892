package referral

import (
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
)

// ErrCounter refuses an answer to a counter that nobody made, or that was
// answered.
var ErrCounter = fault.New(fault.Refused, "counter_state", "There is no counter-offer that waits for an answer.")

// Approves reports whether a referral is decided so that what was asked may go
// on: approved, or countered and the counter taken.
func (r Referral) Approves() bool {
	return r.Status == Decided && (r.Outcome == Approved || r.Outcome == ApprovedWithConditions || r.Outcome == Countered && r.Taken)
}

// Waits reports whether a counter waits for its answer.
func (r Referral) Waits() bool { return r.Status == Decided && r.Outcome == Countered && !r.Taken }

// AnswerCounter takes the terms of a counter, or refuses them with a reason: then
// the underwriter looks again.
func (r Referral) AnswerCounter(by access.Actor, take bool, because string, at time.Time) (Referral, event.Event, error) {
	if !r.Waits() {
		return r, event.Event{}, ErrCounter.With("status", r.Status)
	}
	if r.ValidUntil != nil && !at.Before(*r.ValidUntil) {
		return r, event.Event{}, ErrCounter.With("validUntil", r.ValidUntil)
	}
	if !take && fault.Blank(because) {
		return r, event.Event{}, ErrRationale
	}
	told := event.ReferralCounterAnswered{ReferralSubject: r.subject(), Accepted: take, Rationale: because, AnsweredBy: by.ID}
	r.UpdatedAt, r.Taken = at, take
	if !take {
		r = r.ended("counter_refused", by.ID, because, at)
		r.Status, r.Verdict, r.Use, r.SecondUse, r.Reference, r.Bargain = InReview, Verdict{Terms: Terms{Conditions: []Condition{}}}, nil, nil, nil, nil
	}
	return r, r.tell(by, told, at), nil
}

// Revoke takes an approval back before it is used, by the authority that it took:
// one by override by whoever may override, too. What two agreed to is not for one
// of them alone to undo.
func (r Referral) Revoke(by access.Actor, because string, on Bench, at time.Time) (Referral, event.Event, error) {
	if err := r.mayJudge(by); err != nil {
		return r, event.Event{}, err
	}
	if r.Status != Decided || r.Outcome == Declined {
		return r, event.Event{}, r.refusal()
	}
	if fault.Blank(because) {
		return r, event.Event{}, ErrRationale
	}
	takes := r.agreed(on)
	takes.Besides = r.both()
	if _, err := r.judge(by, on, takes); err != nil {
		return r, event.Event{}, err
	}
	return r.end(by, Revoked, because, at)
}

// Consume uses an approval up: what it was about is bound.
func (r Referral) Consume(at time.Time) Referral {
	if r.Approves() {
		r.Status, r.UpdatedAt = Consumed, at
	}
	return r
}

// system is who acts when nobody does.
func (r Referral) system() access.Actor {
	return access.Actor{Kind: access.System, ID: "system", Org: r.Org}
}

// sameRisk compares two hashes of risks: whether they are of the same risk, and of
// the same insured's. Those of before say nothing of the insured.
func sameRisk(before, now string) (what, whose bool) {
	a, who, known := strings.Cut(before, ".")
	b, whoNow, _ := strings.Cut(now, ".")
	return before == "" || a == b, !known || who == whoNow
}

// same reports whether a risk is materially still the one that was asked about.
func (r Referral) same(p Price) bool {
	if what, whose := sameRisk(r.Risk, p.Risk); !what || !whose {
		return false
	}
	asked, now := r.Value.Premium, p.Value.Premium
	if asked == nil || now == nil { // a first price changes no risk
		return asked == nil || now != nil
	}
	return !below(*asked, *now) && int64(*now-*asked)*100 <= int64(*asked)*Tolerance
}

// stays reports whether a referral is untouched by a price that takes the place of
// those before. What one has agreed to while another is asked, the second of two
// or the broker, has to be still there to be agreed to.
func (r Referral) stays(p Price) bool {
	kept := r.Bargain != nil
	switch {
	case r.Status == PendingSecond:
		return r.same(p) && (!kept || r.holds(p))
	case r.Waits():
		return r.holds(p) || r.same(p) && !kept
	case r.Status == Decided:
		return r.holds(p) || r.same(p)
	}
	return r.same(p)
}

// Changed says what becomes of a referral when a price takes the place of those
// before, or the risk is now another and has none. A question that is another then
// is superseded by a draft, which is returned, too; an approval lapses unless it
// is to the new price.
func (r Referral) Changed(p Price, at time.Time) (after Referral, draft *Referral, told event.Event) {
	if r.stays(p) {
		return r, nil, event.Event{}
	}
	switch {
	case r.Status.live():
		r, told, _ = r.end(r.system(), Superseded, "The risk has changed.", at)
		next := Referral{
			ID: NewID(at), Org: r.Org, Entity: r.Entity, Submission: r.Submission, Room: r.Room, Reason: r.Reason, Rationale: r.Rationale, Status: Draft,
			RaisedBy: r.RaisedBy, Requests: []Request{}, Verdict: Verdict{Terms: Terms{Conditions: []Condition{}}},
			Work: Work{Value: p.Value, Risk: p.Risk, Supersedes: r.ID.String()}, CreatedAt: at, UpdatedAt: at, Version: 1,
		}
		next.Value.Issue = r.Value.Issue
		return r, &next, told
	case r.Status == Decided && r.Outcome != Declined:
		r, told, _ = r.end(r.system(), Lapsed, "The risk has changed.", at)
	}
	return r, nil, told
}

// Blockers lists what a referral has against binding a quote of a value now.
func (r Referral) Blockers(at time.Time) []string {
	switch {
	case r.Entity.Type == Policy:
		return nil
	case r.Status.live():
		return []string{"referral_open"}
	case r.Waits():
		return []string{"counter_open"}
	case r.Approves() && slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.Kind == PreBind && !c.Met() }):
		return []string{"condition_open"}
	case r.Approves() && r.ValidUntil != nil && !at.Before(*r.ValidUntil):
		return []string{"approval_expired"}
	}
	return nil
}

// Agrees reports whether a referral approves of a price now.
func (r Referral) Agrees(p Price, at time.Time) bool {
	c, ok := r.consent()
	return ok && r.Approves() && (r.ValidUntil == nil || at.Before(*r.ValidUntil)) && c.to(p)
}

// Dropped returns a referral about something that is over as taken back, or as
// lapsed when it was agreed to; false when there is nothing to take back.
func (r Referral) Dropped(because string, at time.Time) (Referral, event.Event, bool) {
	yes := r.Status == Decided && r.Outcome != Declined
	if r.Entity.Type == Policy || !r.Status.live() && r.Status != Draft && !yes {
		return r, event.Event{}, false
	}
	to := Withdrawn
	if yes {
		to = Lapsed
	}
	after, told, _ := r.end(r.system(), to, because, at)
	return after, told, true
}
