package referral

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
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
	Questions []string // of RequestMoreInfo, for the other company; without any, who raised the referral is asked by the rationale
	Offset    int      // of Approve: percent by which the risk may still grow
	AllowEdit bool     // of Approve: it survives changes that stay within that
	Override  bool     // of Approve: although no profile covers it; takes two persons
	Terms              // of Approve
}

// MaxOffset is the most by which an approved risk may grow, in percent.
const MaxOffset = 100

// mostItems bounds each list of a decision.
const mostItems = 20

// A Bench is by what somebody decides: the authority that he has at this moment,
// and when two have to agree.
type Bench struct {
	Grants        []authority.Grant
	Threshold     money.Cents  // up to this premium nobody's authority is asked for
	FourEyesAbove *money.Cents // above this premium approvals take two persons; nil: never
	Value         authority.Value
	Quote         *quote.Quote // that he looks at; nil: there is none
	Least         money.Cents  // premium by the rates of the quote: no counter goes below
	First         *Bench       // of the first of two, at this moment; nil: there is none, or he may decide nothing any more
}

// A Proposal is the first of two decisions.
type Proposal struct {
	Decision Decision      `json:"decision"`
	By       string        `json:"by"`
	Use      authority.Use `json:"use"`
	At       time.Time     `json:"at"`
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
	Status      string      `json:"status"`          // open until somebody submits something
	Level       int         `json:"level,omitempty"` // of the authority that set it
	Note        string      `json:"note,omitempty"`  // what was submitted
	SubmittedBy string      `json:"submittedBy,omitempty"`
	ResolvedBy  string      `json:"resolvedBy,omitempty"`
	Because     string      `json:"because,omitempty"`
	UpdatedAt   *time.Time  `json:"updatedAt,omitempty"`
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
// it up with that; while questions are open nothing is decided, and nothing more
// asked. An answer for good has to be inside the authority of who gives it; above
// a threshold an approval is one of two.
func (r Referral) Decide(by access.Actor, d Decision, on Bench, at time.Time) (Referral, event.Event, error) {
	if err := r.mayJudge(by); err != nil {
		return r, event.Event{}, err
	}
	if r.Status == InfoRequested {
		return r, event.Event{}, r.refusal()
	}
	taken, err := r.takeUp(by, on)
	if err != nil {
		return r, event.Event{}, err
	}
	if err := d.checkOn(r.Entity, on, at); err != nil {
		return r, event.Event{}, err
	}
	taken.UpdatedAt = at
	if d.Verb == RequestMoreInfo {
		after, told := taken.ask(by, d, at)
		return after, told, nil
	}
	on.Value.Issue = r.Value.Issue
	taken.Value = on.Value
	value := d.value(on.Value)
	use, err := r.judge(by, on, judgement{Value: value, Override: d.Override})
	if err != nil {
		return r, event.Event{}, err
	}
	if taken.Bargain = nil; d.Verb == Approve {
		b, err := on.bargain(d.Counter, at)
		if err != nil {
			return r, event.Event{}, err
		}
		taken.Bargain = &b
	}
	if d.Verb == Approve && (use.Override || on.two(value)) {
		taken.Status, taken.Proposal = PendingSecond, &Proposal{Decision: d, By: by.ID, Use: use, At: at}
		return taken, taken.tell(by, event.ReferralConfirmationRequested{ReferralSubject: r.subject(), ProposedBy: by.ID}, at), nil
	}
	after, told := taken.settle(by, d, use, at)
	return after, told, nil
}

// value is what a decision agrees to: what was asked for, or the counter where
// that is more.
func (d Decision) value(v authority.Value) authority.Value {
	if c := d.Counter; c != nil {
		if c.Premium != nil && (v.Premium == nil || *c.Premium > *v.Premium) {
			v.Premium = c.Premium
		}
		if c.Limit != nil {
			v.Limit = max(v.Limit, *c.Limit)
		}
	}
	return v.Reference(d.Offset)
}

// two reports whether two persons have to agree to a value.
func (on Bench) two(v authority.Value) bool {
	return on.FourEyesAbove != nil && v.Premium != nil && *v.Premium > *on.FourEyesAbove
}

// takeUp gives a referral that can still be decided to somebody who could decide
// it: it is in review, unless it waits for information.
func (r Referral) takeUp(by access.Actor, on Bench) (Referral, error) {
	switch r.Status {
	case Open, InReview, InfoRequested:
	default:
		return r, r.refusal()
	}
	if r.Assignee != "" && r.Assignee != by.ID {
		return r, ErrClaimed.With("assignee", r.Assignee)
	}
	if r.Assignee == "" {
		on.Value.Issue = r.Value.Issue
		if _, err := r.judge(by, on, judgement{Value: on.Value, Override: true}); err != nil {
			return r, err
		}
	}
	if r.Status == Open {
		r.Status = InReview
	}
	r.Assignee = by.ID
	return r, nil
}

// refusal is why nothing more is done with a referral in its state.
func (r Referral) refusal() error {
	switch r.Status {
	case Decided, Revoked, Lapsed, Consumed:
		return ErrDecided.With("decision", r.Outcome).With("decidedBy", r.DecidedBy).With("decidedAt", r.DecidedAt)
	}
	return ErrState.With("status", r.Status)
}

// Check reports everything that is wrong with what is answered at a time.
func (d Decision) Check(at time.Time) error {
	var bad fault.Complaints
	unsaid := fault.Blank(d.Rationale)
	bad.When(unsaid, "rationale", "required")
	bad.When(d.Verb != Approve && d.Verb != Reject && d.Verb != RequestMoreInfo, "decision", "enum")
	bad.When(d.Verb != RequestMoreInfo && len(d.Questions) > 0, "questions", "unexpected")
	bad.When(d.Verb != Approve && len(d.Conditions) > 0, "conditions", "unexpected")
	bad.When(d.Verb != Approve && d.Counter != nil, "counter", "unexpected")
	bad.When(d.Verb != Approve && d.ValidUntil != nil, "validUntil", "unexpected")
	bad.When(d.ValidUntil != nil && !d.ValidUntil.After(at), "validUntil", "min")
	bad.When(d.Verb != Approve && d.Offset != 0, "offsetPercent", "unexpected")
	bad.When(d.Verb != Approve && d.AllowEdit, "allowEdit", "unexpected")
	bad.When(d.Verb != Approve && d.Override, "override", "unexpected")
	bad.When(d.Offset < 0, "offsetPercent", "min")
	bad.When(d.Offset > MaxOffset, "offsetPercent", "max")
	for i, q := range fault.Fitting(&bad, "questions", d.Questions, mostItems) {
		bad.When(fault.Blank(q), fmt.Sprintf("questions[%d]", i), "required")
	}
	for i, c := range fault.Fitting(&bad, "conditions", d.Conditions, mostItems) {
		bad.When(fault.Blank(c.Action), fmt.Sprintf("conditions[%d].action", i), "required")
		bad.When(c.Kind != PreBind && c.Kind != PostBind, fmt.Sprintf("conditions[%d].kind", i), "enum")
		bad.When(c.DueAt != nil && !c.DueAt.After(at), fmt.Sprintf("conditions[%d].dueAt", i), "min")
	}
	if c := d.Counter; c != nil {
		bad.Fits("counter.exclusions", len(c.Exclusions), mostItems)
		bad.When(c.Premium == nil && c.Limit == nil && c.Deductible == nil && len(c.Exclusions) == 0, "counter", "required")
	}
	if len(bad) == 1 && unsaid {
		return ErrRationale
	}
	return bad.On(fault.ErrValidation)
}

// checkOn is Check, with everything that is wrong with it for the quote that it is
// about: a counter makes no sense with what it leaves as it is, or an approval
// would outlast what it approves.
func (d Decision) checkOn(e Entity, on Bench, at time.Time) error {
	q, err := on.Quote, d.Check(at)
	var bad fault.Complaints
	bad.When(d.outlasts(e, q, at), "validUntil", "max")
	if d.Verb == Approve && d.Counter != nil && q != nil {
		if f, ok := errors.AsType[*fault.Error](q.CheckCounter(quote.Counter(*d.Counter), on.Least)); ok {
			bad = append(bad, f.Fields()...)
		}
	}
	if len(bad) == 0 {
		return err
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		bad = append(slices.Clip(f.Fields()), bad...)
	}
	return bad.On(fault.ErrValidation)
}

// outlasts reports whether an approval would be valid for longer than the open
// quote that it approves: one that is there, or that is made, new, when its counter
// is taken.
func (d Decision) outlasts(e Entity, q *quote.Quote, at time.Time) bool {
	if d.Verb != Approve || d.ValidUntil == nil || !d.ValidUntil.After(at) || q == nil || !q.Status.IsOpen() || e.Type == Policy {
		return false
	}
	ends := q.ExpiresAt
	if d.Counter != nil {
		ends = at.Add(quote.Age)
	}
	return d.ValidUntil.After(ends)
}

// ask asks the broker for more, or only who raised the referral: what is not
// written as a question leaves the house as none.
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
	told.Questions = append(told.Questions, d.Questions...)
	return r, r.tell(by, told, at)
}

// settle decides the referral for good.
func (r Referral) settle(by access.Actor, d Decision, use authority.Use, at time.Time) (Referral, event.Event) {
	r.Status, r.Use, r.Proposal, r.Taken = Decided, &use, nil, false
	if d.Verb == Approve {
		reference := d.value(r.Value)
		r.Reference, r.AllowEdit = &reference, d.AllowEdit
	}
	r.Verdict = Verdict{Outcome: d.Outcome(), DecidedBy: by.ID, DecidedAt: &at, Because: d.Rationale, Terms: d.Terms}
	r.Conditions = []Condition{}
	told := event.ReferralDecided{
		ReferralSubject: r.subject(), Outcome: string(r.Outcome), Rationale: d.Rationale, Conditions: []event.ReferralCondition{},
		ValidUntil: stamp(d.ValidUntil), DecidedBy: by.ID,
	}
	for _, c := range d.Conditions {
		c.ID, c.Status, c.Level = id.New[conditionKind](at), ConditionOpen, use.Level
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
