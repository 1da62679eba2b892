package referral

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// Verb is what an underwriter answers. Reject is final: to ask for more is
// RequestMoreInfo.
type Verb string

// The verbs.
const (
	Approve         Verb = "approve"
	Reject          Verb = "reject"
	RequestMoreInfo Verb = "request_more_info"
)

// Outcome is how a referral was decided.
type Outcome string

// The outcomes.
const (
	Approved               Outcome = "approved"
	ApprovedWithConditions Outcome = "approved_with_conditions"
	Countered              Outcome = "countered" // approved at other terms, if the broker takes them
	Declined               Outcome = "declined"
)

// A Decision is what an underwriter answers to a referral.
type Decision struct {
	Verb      Verb
	Rationale string
	Questions []string // of RequestMoreInfo, for the other company; without any, the rationale is the question
	Terms              // of Approve
}

// Terms are what an approval depends on.
type Terms struct {
	Conditions []Condition
	Counter    *Counter
	ValidUntil *time.Time // nil: no end of its own
}

// The kinds of a condition.
const (
	PreBind  = "pre_bind" // bind waits for it
	PostBind = "post_bind"
)

// A Condition is one thing that has to happen: what, by whom, to what standard,
// when, and what follows if not.
type Condition struct {
	ID          ConditionID `json:"id"`
	Kind        string      `json:"kind"`
	Action      string      `json:"action"` // as the broker reads it
	Responsible string      `json:"responsibleParty,omitempty"`
	Evidence    string      `json:"evidence,omitempty"`
	DueAt       *time.Time  `json:"dueAt,omitempty"`
	Consequence string      `json:"consequence,omitempty"`
	Status      string      `json:"status"` // open until somebody submits something
}

type conditionKind struct{}

func (conditionKind) Prefix() string { return "cnd_" }

// ConditionID identifies a condition.
type ConditionID = id.ID[conditionKind]

// A Counter is terms in place of those asked for; what is nil stays as it is.
type Counter struct {
	Premium    *money.Cents `json:"premium,omitempty"`
	Limit      *money.Cents `json:"limit,omitempty"`
	Deductible *money.Cents `json:"deductible,omitempty"`
	Exclusions []string     `json:"exclusions,omitempty"`
}

// Outcome returns what an approval or a rejection comes to.
func (d Decision) Outcome() Outcome {
	switch {
	case d.Verb == Reject:
		return Declined
	case d.Counter != nil:
		return Countered
	case len(d.Conditions) > 0:
		return ApprovedWithConditions
	}
	return Approved
}

// Decide applies d and returns the referral as it is then, and what to tell.
//
// Whoever raised a referral may not decide it, even with the authority: four
// eyes are a condition of our licence. Whoever answers an open referral takes
// it up with that; one that waits for information is taken up again, since
// people also answer each other in the room.
func (r Referral) Decide(by access.Actor, d Decision, at time.Time) (Referral, event.Event, error) {
	if by.Kind != access.User {
		return r, event.Event{}, ErrPerson
	}
	if by.ID == r.RaisedBy {
		return r, event.Event{}, ErrOwnReferral
	}
	taken, err := r.takeUp(by)
	if err != nil {
		return r, event.Event{}, err
	}
	if err := d.check(at); err != nil {
		return r, event.Event{}, err
	}
	taken.UpdatedAt = at
	if d.Verb == RequestMoreInfo {
		after, told := taken.ask(by, d, at)
		return after, told, nil
	}
	after, told := taken.settle(by, d, at)
	return after, told, nil
}

// takeUp puts a referral that can still be decided into review.
func (r Referral) takeUp(by access.Actor) (Referral, error) {
	switch r.Status {
	case Open, InReview, InfoRequested:
	case Decided, Revoked, Lapsed, Consumed:
		return r, ErrDecided.With("decision", r.Outcome).With("decidedBy", r.DecidedBy).With("decidedAt", r.DecidedAt)
	default:
		return r, ErrState.With("status", r.Status)
	}
	r.Status = InReview
	if r.Assignee == "" {
		r.Assignee = by.ID
	}
	return r, nil
}

// check reports everything that is wrong with what was answered.
func (d Decision) check(at time.Time) error {
	if strings.TrimSpace(d.Rationale) == "" {
		return ErrRationale
	}
	bad := fault.ErrValidation
	wrong := func(is bool, field, rule string) {
		if is {
			bad = bad.Field(field, rule)
		}
	}
	wrong(d.Verb != Approve && d.Verb != Reject && d.Verb != RequestMoreInfo, "decision", "enum")
	wrong(d.Verb != RequestMoreInfo && len(d.Questions) > 0, "questions", "unexpected")
	wrong(d.Verb != Approve && len(d.Conditions) > 0, "conditions", "unexpected")
	wrong(d.Verb != Approve && d.Counter != nil, "counter", "unexpected")
	wrong(d.Verb != Approve && d.ValidUntil != nil, "validUntil", "unexpected")
	wrong(d.ValidUntil != nil && !d.ValidUntil.After(at), "validUntil", "min")
	for i, q := range d.Questions {
		wrong(strings.TrimSpace(q) == "", fmt.Sprintf("questions[%d]", i), "required")
	}
	for i, c := range d.Conditions {
		wrong(strings.TrimSpace(c.Action) == "", fmt.Sprintf("conditions[%d].action", i), "required")
		wrong(c.Kind != PreBind && c.Kind != PostBind, fmt.Sprintf("conditions[%d].kind", i), "enum")
		wrong(c.DueAt != nil && !c.DueAt.After(at), fmt.Sprintf("conditions[%d].dueAt", i), "min")
	}
	if c := d.Counter; c != nil {
		wrong(c.Premium == nil && c.Limit == nil && c.Deductible == nil && len(c.Exclusions) == 0, "counter", "required")
	}
	if len(bad.Fields()) > 0 {
		return bad
	}
	return nil
}

// ask asks who raised the referral, and the broker, for more.
func (r Referral) ask(by access.Actor, d Decision, at time.Time) (Referral, event.Event) {
	asked := Request{Rationale: d.Rationale, By: by.ID, At: at}
	for _, q := range d.Questions {
		asked.Questions = append(asked.Questions, Question{Text: q})
	}
	if len(d.Questions) == 0 {
		asked.Questions = []Question{{Text: d.Rationale, Internal: true}}
	}
	r.Status, r.Requests = InfoRequested, append(slices.Clip(r.Requests), asked)
	told := event.ReferralInfoRequested{ReferralSubject: r.subject(), Questions: []string{}, Rationale: d.Rationale, RequestedBy: by.ID}
	for _, q := range asked.Questions {
		told.Questions = append(told.Questions, q.Text)
	}
	return r, r.tell(by, told, at)
}

// settle decides the referral for good.
func (r Referral) settle(by access.Actor, d Decision, at time.Time) (Referral, event.Event) {
	r.Status = Decided
	r.Verdict = Verdict{Outcome: d.Outcome(), DecidedBy: by.ID, DecidedAt: &at, Because: d.Rationale, Terms: d.Terms}
	r.Conditions = []Condition{}
	told := event.ReferralDecided{
		ReferralSubject: r.subject(), Outcome: string(r.Outcome), Rationale: d.Rationale, Conditions: []event.ReferralCondition{},
		ValidUntil: stamp(d.ValidUntil), DecidedBy: by.ID,
	}
	for _, c := range d.Conditions {
		c.ID, c.Status = id.New[conditionKind](at), "open"
		r.Conditions = append(r.Conditions, c)
		told.Conditions = append(told.Conditions, event.ReferralCondition{
			ID: c.ID.String(), Kind: c.Kind, Action: c.Action, Responsible: c.Responsible, Evidence: c.Evidence, DueAt: stamp(c.DueAt), Consequence: c.Consequence,
		})
	}
	if c := d.Counter; c != nil {
		told.Counter = &event.ReferralCounter{Premium: c.Premium, Limit: c.Limit, Deductible: c.Deductible, Exclusions: c.Exclusions}
	}
	return r, r.tell(by, told, at)
}

// stamp writes an instant of an event; empty for none.
func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
