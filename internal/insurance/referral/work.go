package referral

import (
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
)

// live reports whether somebody still has to do something before a referral is
// decided.
func (s Status) live() bool {
	switch s {
	case Open, InReview, InfoRequested, PendingSecond:
		return true
	}
	return false
}

// Submit opens a draft.
func (r Referral) Submit(by access.Actor, at time.Time) (Referral, event.Event, error) {
	if by.ID != r.RaisedBy {
		return r, event.Event{}, ErrRequester
	}
	if r.Status != Draft {
		return r, event.Event{}, r.refusal()
	}
	r.Status, r.UpdatedAt = Open, at
	return r, r.created(by, at), nil
}

// Claim takes a referral up. Of two who do, the second gets ErrClaimed; who has
// it already changes nothing, and nothing is told.
func (r Referral) Claim(by access.Actor, on Bench, at time.Time) (Referral, event.Event, error) {
	if err := r.mayJudge(by); err != nil {
		return r, event.Event{}, err
	}
	taken, err := r.takeUp(by, on)
	switch {
	case err != nil:
		return r, event.Event{}, err
	case r.Assignee == by.ID:
		return r, event.Event{}, nil
	}
	return taken.assigned(by, at)
}

// Release gives a referral back to everybody.
func (r Referral) Release(by access.Actor, administers bool, at time.Time) (Referral, event.Event, error) {
	if r.Status != InReview && r.Status != InfoRequested || r.Assignee == "" {
		return r, event.Event{}, r.refusal()
	}
	if by.ID != r.Assignee && !administers {
		return r, event.Event{}, ErrAssignee
	}
	if r.Status == InReview {
		r.Status = Open
	}
	r.Assignee = ""
	return r.assigned(by, at)
}

func (r Referral) assigned(by access.Actor, at time.Time) (Referral, event.Event, error) {
	r.UpdatedAt = at
	return r, r.tell(by, event.ReferralAssigned{ReferralSubject: r.subject(), Assignee: r.Assignee, AssignedBy: by.ID}, at), nil
}

// Withdraw takes a question back before it is decided.
func (r Referral) Withdraw(by access.Actor, administers bool, because string, at time.Time) (Referral, event.Event, error) {
	if by.ID != r.RaisedBy && !administers {
		return r, event.Event{}, ErrRequester
	}
	if !r.Status.live() && r.Status != Draft {
		return r, event.Event{}, r.refusal()
	}
	if fault.Blank(because) {
		return r, event.Event{}, ErrRationale
	}
	return r.end(by, Withdrawn, because, at)
}

// end brings a referral into a state in which nothing happens any more.
func (r Referral) end(by access.Actor, to Status, because string, at time.Time) (Referral, event.Event, error) {
	quiet := r.Status == Draft
	r.Status, r.UpdatedAt, r.Proposal = to, at, nil
	r = r.ended(string(to), by.ID, because, at)
	if quiet { // nobody heard of it
		return r, event.Event{}, nil
	}
	return r, r.tell(by, event.ReferralEnded{ReferralSubject: r.subject(), Status: string(to), Rationale: because, EndedBy: by.ID}, at), nil
}

// Confirm is the second of two who agree. He is neither who raised it nor the
// first, and he brings authority of his own that neither of them lent him, for
// what the first proposed: whatever was quoted since is not what they agree to.
// The first must have his authority still: it is used now, and not when he proposed.
func (r Referral) Confirm(by access.Actor, rationale string, on Bench, at time.Time) (Referral, event.Event, error) {
	if err := r.maySecond(by, rationale); err != nil {
		return r, event.Event{}, err
	}
	held, err := r.proposed(on.First)
	if err != nil {
		return r, event.Event{}, err
	}
	use, err := held.second(by, rationale, on)
	if err != nil {
		return r, event.Event{}, err
	}
	d := held.Proposal.Decision
	if d.ValidUntil != nil && (!d.ValidUntil.After(at) || d.outlasts(r.Entity, on.Quote, at)) {
		return r, event.Event{}, ErrState.With("status", r.Status).With("validUntil", d.ValidUntil)
	}
	first, _ := r.First()
	after, told := held.settle(first, d, held.Proposal.Use, at)
	after.SecondBy, after.SecondUse, after.UpdatedAt = by.ID, &use, at
	decided, _ := told.Data.(event.ReferralDecided)
	decided.ConfirmedBy = by.ID
	told.Data, told.Author = decided, by.ID
	return after, told, nil
}

// First is the first of two, while the second is waited for; false otherwise.
func (r Referral) First() (access.Actor, bool) {
	if r.Proposal == nil {
		return access.Actor{}, false
	}
	return access.Actor{Kind: access.User, ID: r.Proposal.By, Org: r.Org}, true
}

// proposed is the referral with what its first of two proposed, by the authority
// that he has for it now.
func (r Referral) proposed(on *Bench) (Referral, error) {
	if on == nil {
		return r, ErrFirst
	}
	p := *r.Proposal
	first, _ := r.First()
	var err error
	if p.Use, err = r.judge(first, *on, judgement{Value: p.Decision.value(r.Value), Override: p.Decision.Override}); err != nil {
		return r, ErrFirst.Because(err)
	}
	r.Proposal = &p
	return r, nil
}

// Dissent is the second of two who does not agree, and who could have: the first
// looks again.
func (r Referral) Dissent(by access.Actor, rationale string, on Bench, at time.Time) (Referral, event.Event, error) {
	if _, err := r.second(by, rationale, on); err != nil {
		return r, event.Event{}, err
	}
	r.Status, r.Proposal, r.Bargain, r.UpdatedAt = InReview, nil, nil, at
	r = r.ended("objected", by.ID, rationale, at)
	return r, r.tell(by, event.ReferralObjected{ReferralSubject: r.subject(), Rationale: rationale, ObjectedBy: by.ID}, at), nil
}

func (r Referral) maySecond(by access.Actor, rationale string) error {
	if err := r.mayJudge(by); err != nil {
		return err
	}
	if r.Status != PendingSecond {
		return r.refusal()
	}
	if err := r.mayJudge(by, r.Proposal.firsts()...); err != nil {
		return err
	}
	if fault.Blank(rationale) {
		return ErrRationale
	}
	return nil
}

func (r Referral) second(by access.Actor, rationale string, on Bench) (authority.Use, error) {
	if err := r.maySecond(by, rationale); err != nil {
		return authority.Use{}, err
	}
	d := r.Proposal.Decision
	return r.judge(by, on, judgement{Value: d.value(r.Value), Override: d.Override, Besides: r.Proposal.firsts()})
}
