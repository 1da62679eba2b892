package referral

import (
	"errors"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/policy"
)

// The states of a condition. One that expired can still be waived.
const (
	ConditionOpen      = "open"
	ConditionSubmitted = "submitted"
	ConditionAccepted  = "accepted"
	ConditionRejected  = "rejected" // what was submitted does not do: submit again
	ConditionWaived    = "waived"
	ConditionExpired   = "expired"
)

// ConditionStatuses lists the states of a condition.
var ConditionStatuses = []string{ConditionOpen, ConditionSubmitted, ConditionAccepted, ConditionRejected, ConditionWaived, ConditionExpired}

// Faults of conditions.
var (
	ErrCondition      = fault.New(fault.Refused, "condition_state", "The condition is not in a state that allows this.")
	ErrOwnSubmission  = fault.New(fault.Forbidden, "own_submission", "Whoever submitted something may not accept it.")
	ErrConditionLevel = authority.ErrExceeded.Saying("A condition is waived by the authority that set it, or more.")
)

// A Task is a condition that is still to be met after a bind, by its day.
type Task struct {
	ID          ConditionID
	Org         access.OrgID
	Referral    ID
	Policy      policy.ID
	Action      string
	Responsible string
	Consequence string
	DueAt       *time.Time
	Status      string // its condition's
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Tasks returns what an approval still asks for once it is used for a policy.
func (r Referral) Tasks(of policy.ID, at time.Time) []Task {
	var out []Task
	for _, c := range r.Conditions {
		if c.Kind == PostBind {
			out = append(out, Task{
				ID: c.ID, Org: r.Org, Referral: r.ID, Policy: of, Action: c.Action, Responsible: c.Responsible, Consequence: c.Consequence,
				DueAt: c.DueAt, Status: c.Status, CreatedAt: at, UpdatedAt: at,
			})
		}
	}
	return out
}

// Met reports whether nothing waits for a condition any more.
func (c Condition) Met() bool { return c.Status == ConditionAccepted || c.Status == ConditionWaived }

// find returns the place of a condition that can still change: those before bind
// until then, those after it also later.
func (r Referral) find(id ConditionID, from ...string) (int, error) {
	i := slices.IndexFunc(r.Conditions, func(c Condition) bool { return c.ID == id })
	if i < 0 {
		return 0, fault.ErrNotFound
	}
	if r.Status != Decided && (r.Status != Consumed || r.Conditions[i].Kind != PostBind) {
		return 0, ErrState.With("status", r.Status)
	}
	if !slices.Contains(from, r.Conditions[i].Status) {
		return 0, ErrCondition.With("status", r.Conditions[i].Status)
	}
	return i, nil
}

// SubmitCondition says that a condition is met, and how.
func (r Referral) SubmitCondition(by access.Actor, id ConditionID, note string, at time.Time) (Referral, event.Event, error) {
	i, err := r.find(id, ConditionOpen, ConditionRejected)
	if err != nil {
		return r, event.Event{}, err
	}
	if fault.Blank(note) {
		return r, event.Event{}, ErrNote
	}
	after, told := r.change(by, i, func(c *Condition) {
		c.Status, c.Note, c.SubmittedBy = ConditionSubmitted, note, by.ID
	}, at)
	return after, told, nil
}

// ResolveCondition accepts or rejects what was submitted. It takes the authority
// that the approval took; either of two who agreed will do, since a third has
// submitted something.
func (r Referral) ResolveCondition(by access.Actor, id ConditionID, accept bool, because string, on Bench, at time.Time) (Referral, event.Event, error) {
	if err := r.mayJudge(by); err != nil {
		return r, event.Event{}, err
	}
	i, err := r.find(id, ConditionSubmitted)
	if err != nil {
		return r, event.Event{}, err
	}
	if by.ID == r.Conditions[i].SubmittedBy {
		return r, event.Event{}, ErrOwnSubmission
	}
	if !accept && fault.Blank(because) {
		return r, event.Event{}, ErrNote
	}
	if _, err := r.judge(by, on, r.agreed(on)); err != nil {
		return r, event.Event{}, err
	}
	to := map[bool]string{true: ConditionAccepted, false: ConditionRejected}[accept]
	after, told := r.change(by, i, func(c *Condition) { c.Status, c.ResolvedBy, c.Because = to, by.ID, because }, at)
	return after, told, nil
}

// WaiveCondition does without a condition. It takes the authority that set it, or
// more: of two who agreed, that of the higher level, and a third person, since
// each may have relied on it.
func (r Referral) WaiveCondition(by access.Actor, id ConditionID, because string, on Bench, at time.Time) (Referral, event.Event, error) {
	if err := r.mayJudge(by); err != nil {
		return r, event.Event{}, err
	}
	i, err := r.find(id, ConditionOpen, ConditionSubmitted, ConditionRejected, ConditionExpired)
	if err != nil {
		return r, event.Event{}, err
	}
	if fault.Blank(because) {
		return r, event.Event{}, ErrNote
	}
	takes := r.agreed(on)
	takes.Level, takes.Besides = max(r.level(), r.Conditions[i].Level), r.both()
	if _, err := r.judge(by, on, takes); errors.Is(err, authority.ErrExceeded) {
		return r, event.Event{}, ErrConditionLevel
	} else if err != nil {
		return r, event.Event{}, err
	}
	after, told := r.change(by, i, func(c *Condition) { c.Status, c.ResolvedBy, c.Because = ConditionWaived, by.ID, because }, at)
	return after, told, nil
}

// change changes a condition of a copy of the referral.
func (r Referral) change(by access.Actor, i int, how func(*Condition), at time.Time) (Referral, event.Event) {
	r.Conditions = slices.Clone(r.Conditions)
	how(&r.Conditions[i])
	r.Conditions[i].UpdatedAt, r.UpdatedAt = &at, at
	c := r.Conditions[i]
	return r, r.tell(by, event.ReferralConditionChanged{
		ReferralSubject: r.subject(), ConditionID: c.ID.String(), Kind: c.Kind, Action: c.Action, Status: c.Status, Note: c.Note, Rationale: c.Because,
		Consequence: c.Consequence, ChangedBy: by.ID,
	}, at)
}
