package submission

import (
	"cmp"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/sla"
)

// A Step is what brings a submission from one state to another.
type Step string

// The steps. Ask is what referrals do to it: see referral.Standing.
const (
	Submit   Step = "submit" // a draft
	Correct  Step = "correct"
	Claim    Step = "claim"
	Release  Step = "release"
	Rate     Step = "rate"
	Ask      Step = "ask"
	Decline  Step = "decline"
	Withdraw Step = "withdraw"
	Expire   Step = "expire"
	Bind     Step = "bind"
)

// Steps lists every step.
var Steps = []Step{Submit, Correct, Claim, Release, Rate, Ask, Decline, Withdraw, Expire, Bind}

// open are the states in which somebody still works on a submission.
var open = []Status{Received, InReview, Quoted, Referred}

// steps is the whole machine: from which states a step may be taken, and to
// which it may lead.
var steps = map[Step]map[Status][]Status{
	Submit: {Draft: {Received}},
	Correct: {
		Draft: {Draft}, Received: {Received, InReview, Referred}, InReview: {InReview, Received, Referred},
		Quoted: {Quoted, Received, InReview, Referred}, Referred: {Referred, Received, InReview},
	},
	Claim:    {Received: {InReview}, InReview: {InReview}, Quoted: {Quoted}, Referred: {Referred}},
	Release:  {InReview: {Received}, Quoted: {Quoted}, Referred: {Referred}},
	Rate:     every(open, Quoted, Referred, Declined),
	Ask:      every(open, Received, InReview, Quoted, Referred, Declined),
	Decline:  every(open, Declined),
	Withdraw: every(open, Withdrawn), // a draft is thrown away
	Expire:   every(open, Expired),
	Bind:     {Quoted: {Bound}},
}

func every(from []Status, to ...Status) map[Status][]Status {
	m := map[Status][]Status{}
	for _, s := range from {
		m[s] = to
	}
	return m
}

// Allows reports whether a step may lead from one state to another.
func Allows(v Step, from, to Status) bool { return slices.Contains(steps[v][from], to) }

// Faults of who works on a submission.
var (
	ErrClaimed  = fault.New(fault.Conflict, "submission_claimed", "Somebody else works on the submission.")
	ErrNotHis   = fault.ErrForbidden.Saying("Only who works on the submission, its lead underwriter or an administrator may give it back.")
	ErrNobodys  = fault.New(fault.Refused, "submission_unclaimed", "Nobody has claimed the submission.")
	ErrNoPerson = fault.ErrForbidden.Saying("A submission is claimed, released and declined by a person.")
)

// may returns ErrState unless the step may be taken from here.
func (s Submission) may(v Step) error {
	if steps[v][s.Status] == nil {
		return ErrState.With("status", s.Status)
	}
	return nil
}

// MayAsk returns ErrState when it is too late, or too early, to ask an
// underwriter about the submission.
func (s Submission) MayAsk() error { return s.may(Ask) }

// take takes a step to a state.
func (s Submission) take(v Step, to Status, at time.Time) (Submission, error) {
	if !Allows(v, s.Status, to) {
		return s, ErrState.With("status", s.Status)
	}
	s.Status, s.UpdatedAt = to, at
	return s, nil
}

// Rated returns the submission after a quote was made of it, in the state that
// the quote's decision gives it.
func (s Submission) Rated(to Status, at time.Time) (Submission, error) { return s.take(Rate, to, at) }

// Bind returns the submission as bound.
func (s Submission) Bind(at time.Time) (Submission, error) { return s.take(Bind, Bound, at) }

// Claimed returns the submission as taken up by somebody. Of two who do, the
// second gets ErrClaimed with the first; who has it already changes nothing.
func (s Submission) Claimed(by access.Actor, at time.Time) (Submission, error) {
	if by.Kind != access.User {
		return s, ErrNoPerson
	}
	if err := s.may(Claim); err != nil {
		return s, err
	}
	if s.Assignee != "" {
		return s, s.Held(by.ID)
	}
	after, err := s.take(Claim, steps[Claim][s.Status][0], at)
	if err != nil {
		return s, err
	}
	after.Assignee, after.ClaimedAt = by.ID, &at
	return after, nil
}

// Held returns ErrClaimed when somebody else works on the submission.
func (s Submission) Held(by string) error {
	if s.Assignee == "" || s.Assignee == by {
		return nil
	}
	f := ErrClaimed.With("assignee", s.Assignee)
	if s.ClaimedAt != nil {
		f = f.With("claimedAt", s.ClaimedAt.UTC())
	}
	return f
}

// Released gives the submission back to everybody; leads says that by may take
// it from others.
func (s Submission) Released(by access.Actor, leads bool, at time.Time) (Submission, error) {
	if by.Kind == access.Machine || by.Kind == access.Insured {
		return s, ErrNoPerson
	}
	if s.Assignee == "" {
		return s, ErrNobodys.With("status", s.Status)
	}
	if s.Assignee != by.ID && !leads {
		return s, ErrNotHis
	}
	if err := s.may(Release); err != nil {
		return s, err
	}
	after, err := s.take(Release, steps[Release][s.Status][0], at)
	if err != nil {
		return s, err
	}
	after.Assignee, after.ClaimedAt = "", nil
	return after, nil
}

// IdleDays is after how many days in which nothing becomes of it an open
// submission expires: three times as long as a quote is good. The number is ours.
const IdleDays = 90

// ExpiresAt is when the submission expires unless something is done about it
// before; zero when it is not open.
func (s Submission) ExpiresAt() time.Time {
	if !slices.Contains(open, s.Status) {
		return time.Time{}
	}
	return s.UpdatedAt.UTC().AddDate(0, 0, IdleDays) // a day of 24 hours, wherever we are
}

// TimerAt is when Tick has something to do about the submission; zero for never.
func (s Submission) TimerAt() time.Time {
	clock, end := s.Clocks.TimerAt(), s.ExpiresAt()
	if clock.IsZero() || !end.IsZero() && end.Before(clock) {
		return end
	}
	return clock
}

// Ended returns the submission as declined, withdrawn or expired, and why.
func (s Submission) Ended(v Step, e Ending) (Submission, error) {
	if err := s.may(v); err != nil {
		return s, err
	}
	if err := e.Check(v); err != nil {
		return s, err
	}
	after, err := s.take(v, steps[v][s.Status][0], e.At)
	if err != nil {
		return s, err
	}
	after.Ending = &e
	return after, nil
}

// Corrected returns what s was made of it by change. When the risk is now
// another, what was quoted is a question again.
func (s Submission) Corrected(change func(*Submission), at time.Time) (after Submission, material bool, err error) {
	if err := s.may(Correct); err != nil {
		return s, false, err
	}
	after = s
	change(&after)
	if s.Status == Draft { // it is checked when it is submitted
		after, err = after.take(Correct, Draft, at)
		return after, false, err
	}
	err = fault.Anew(s.Check(), after.Check(), fault.Together(Differences(s, after), compared))
	if after.EffectiveDate != s.EffectiveDate { // one that stays was near when it was said
		err = Near(err, "effectiveDate", after.EffectiveDate, at, YearsBack)
	}
	if err != nil {
		return s, false, err
	}
	material = after.Risk() != s.Risk()
	to := s.Status
	if material {
		to = after.untouched()
	}
	if after, err = after.take(Correct, to, at); err != nil {
		return s, false, err
	}
	return after.Scored(), material, nil
}

// untouched is where a submission stands of which there is no answer.
func (s Submission) untouched() Status {
	if s.Assignee != "" {
		return InReview
	}
	return Received
}

// Stand is what the submission waits for; asked says that information is asked
// of the other side.
func (s Submission) Stand(asked bool) sla.Stand {
	return sla.Stand{
		Waits: s.Status == Received || s.Status == InReview || s.Status == Referred, Taken: s.Assignee != "" || s.Status != Received, Asked: asked,
	}
}

// Urgent is the priority, which is normal when nobody says otherwise.
func (s Submission) Urgent() Priority { return cmp.Or(s.Priority, Normal) }
