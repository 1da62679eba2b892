// Package quote holds the rules of a price that was offered: what a program
// makes of a submission, and what stands between a quote and its bind.
package quote

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type quoteKind struct{}

func (quoteKind) Prefix() string { return "quo_" }

// ID identifies a quote.
type ID = id.ID[quoteKind]

// Age is how long a quote is good.
const Age = 30 * 24 * time.Hour

// Decision is what rating a submission came to.
type Decision string

// The decisions; a quote's status begins as its decision.
const (
	Quoted   Decision = "quoted"
	Referred Decision = "referred"
	Declined Decision = "declined"
)

// Status is where a quote stands: its decision at first, then one of these. One
// that was referred is quoted once somebody with the authority agreed to it.
type Status string

// The later states of a quote. Expired is never stored: it is what an open quote
// is after its days.
const (
	Offered    Status = "offered"
	Accepted   Status = "accepted"
	Bound      Status = "bound"
	NotTakenUp Status = "not_taken_up" // another one was accepted or bound
	Superseded Status = "superseded"
	Expired    Status = "expired"
)

// A Quote is one version of a price; it never changes, only its status does.
type Quote struct {
	ID             ID
	Org            access.OrgID
	Submission     submission.ID
	Program        ProgramID
	ProgramVersion int // whose thresholds judged it
	RateVersion    int
	Version        int
	Status         Status
	Decision       Decision
	GrossPremium   money.Cents
	Terms          Terms
	Factors        []rating.Factor
	Reasons        []string // of a referral or a decline
	Flags          []string // what delegated authority would object to at bind
	ProducerFlags  []string // what stood between whoever brought the business and a sale on the day of the quote
	CreatedAt      time.Time
	ExpiresAt      time.Time
	OfferedAt      *time.Time
	AcceptedAt     *time.Time
}

// Terms are what a quote is for. Of those that are asked for, what is zero is as
// the submission has it.
type Terms struct {
	Limit      money.Cents      `json:"requestedLimit"`
	Aggregate  money.Cents      `json:"aggregateLimit,omitzero"`
	Deductible money.Cents      `json:"deductible,omitzero"`
	Schedule   *rating.Schedule `json:"schedule,omitempty"`
	Exclusions []string         `json:"exclusions,omitempty"` // what is not covered; of a counter that was taken
}

// Equal reports whether terms are the same.
func (t Terms) Equal(o Terms) bool {
	if (t.Schedule == nil) != (o.Schedule == nil) || t.Schedule != nil && *t.Schedule != *o.Schedule {
		return false
	}
	return t.Limit == o.Limit && t.Aggregate == o.Aggregate && t.Deductible == o.Deductible && slices.Equal(t.Exclusions, o.Exclusions)
}

// of completes asked terms by what a submission says, and refuses those that
// contradict each other.
func (t Terms) of(s submission.Submission) (Terms, error) {
	t.Limit = cmp.Or(t.Limit, s.RequestedLimit)
	t.Aggregate = cmp.Or(t.Aggregate, s.Exposure.AggregateLimit)
	t.Deductible = cmp.Or(t.Deductible, s.Exposure.Deductible)
	var bad fault.Complaints
	bad.When(t.Aggregate > 0 && t.Aggregate < t.Limit, "aggregateLimit", "min")
	bad.When(t.Deductible > 0 && t.Deductible >= t.Limit, "deductible", "max")
	return t, bad.On(fault.ErrValidation)
}

// Dates says how a submission's effective date is judged. A MaxBackdate of 0 or
// more refers dates further back than so many days; a negative one refers none.
type Dates struct {
	Today       civil.Date
	MaxBackdate int
}

// Backdated is the reason why a quote is referred whose policy would begin too far
// back, and what stands against the bind of one that was quoted before it did.
const Backdated = "backdated"

// Backdated reports whether an effective date lies too far back.
func (d Dates) Backdated(effective civil.Date) bool {
	return d.MaxBackdate >= 0 && d.Today.DaysSince(effective) > d.MaxBackdate
}

// Make prices a submission on terms. It fails only on a risk that the book
// cannot price; an excluded class is a quote that declines.
func Make(s submission.Submission, p Program, t RateTable, asked Terms, d Dates, at time.Time) (Quote, error) {
	terms, err := asked.of(s)
	if err != nil {
		return Quote{}, err
	}
	q := Quote{
		ID: id.New[quoteKind](at), Org: s.Org, Submission: s.ID, Program: p.ID, ProgramVersion: p.Version, RateVersion: t.Version, Terms: terms,
		Decision: Quoted, Factors: []rating.Factor{}, Reasons: []string{}, Flags: []string{}, ProducerFlags: []string{}, CreatedAt: at, ExpiresAt: at.Add(Age),
	}
	r, err := t.Book.Rate(inputOf(s, terms))
	switch {
	case errors.Is(err, rating.ErrExcludedClass):
		q.Decision, q.Reasons = Declined, []string{rating.ErrExcludedClass.Code()}
	case err != nil:
		return Quote{}, err
	}
	if r.Factors != nil {
		q.GrossPremium, q.Factors = r.Premium, r.Factors
	}
	if len(p.States) > 0 && !slices.Contains(p.States, s.State) {
		q.Decision, q.Reasons = Declined, append(q.Reasons, "state_not_eligible")
	}
	if q.GrossPremium > p.DeclineAbove {
		q.Decision, q.Reasons = Declined, append(q.Reasons, "premium_above_appetite")
	}
	if q.Decision == Quoted {
		if q.GrossPremium > p.ReferAbove {
			q.Reasons = append(q.Reasons, "premium_above_guideline")
		}
		if d.Backdated(s.EffectiveDate) {
			q.Reasons = append(q.Reasons, Backdated)
		}
		q.Reasons = append(q.Reasons, p.refers(s, terms)...)
		if len(q.Reasons) > 0 {
			q.Decision = Referred
		}
	}
	q.Status = Status(q.Decision)
	return q, nil
}

// A Counter is terms in place of those of a quote; what is nil stays as it is.
type Counter struct {
	Premium    *money.Cents
	Limit      *money.Cents
	Deductible *money.Cents
	Exclusions []string
}

// under is terms with those of a counter in their place. An aggregate limit is
// raised to a limit above it.
func (c Counter) under(t Terms) (Terms, error) {
	if c.Limit != nil {
		t.Limit = *c.Limit
	}
	if t.Aggregate > 0 {
		t.Aggregate = max(t.Aggregate, t.Limit)
	}
	if c.Deductible != nil {
		t.Deductible = *c.Deductible
	}
	if c.Exclusions != nil {
		t.Exclusions = slices.Clone(c.Exclusions)
	}
	var bad fault.Complaints
	bad.When(t.Limit <= 0, "counter.limit", "min")
	bad.When(t.Deductible >= t.Limit, "counter.deductible", "max")
	return t, bad.On(fault.ErrValidation)
}

// CheckCounter reports everything that is wrong with a counter to the quote: its
// terms, and what they leave as it is; a premium below the least that the quote's
// rates know; that it changes nothing.
func (q Quote) CheckCounter(c Counter, least money.Cents) error {
	var bad fault.Complaints
	terms, err := c.under(q.Terms)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		bad = append(bad, f.Fields()...)
	}
	bad.When(c.Premium != nil && *c.Premium < least, "counter.premium", "min")
	bad.When(terms.Equal(q.Terms) && (c.Premium == nil || *c.Premium == q.GrossPremium), "counter", "different")
	return bad.On(fault.ErrValidation)
}

// Countered returns the next version of a quote, on terms that both sides took;
// or what contradicts itself in them. What it was rated from stays; another premium
// is its last step.
func (q Quote) Countered(c Counter, at time.Time) (Quote, error) {
	terms, err := c.under(q.Terms)
	if err != nil {
		return q, err
	}
	q.Terms = terms
	q.ID, q.CreatedAt, q.ExpiresAt, q.Status = id.New[quoteKind](at), at, at.Add(Age), Status(Referred)
	q.OfferedAt, q.AcceptedAt = nil, nil
	if c.Premium != nil && *c.Premium != q.GrossPremium {
		q.Factors = append(slices.Clip(q.Factors), rating.Agreed(q.GrossPremium, *c.Premium))
		q.GrossPremium = *c.Premium
	}
	q.Decision, q.Reasons = Referred, []string{countered}
	return q, nil
}

// countered is why a quote on the terms of a counter had to be agreed to.
const countered = "countered"

// Agreed reports whether the quote is on the terms of a counter that was taken.
func (q Quote) Agreed() bool { return slices.Contains(q.Reasons, countered) }

// inputOf is what of a submission and the terms a price depends on.
func inputOf(s submission.Submission, t Terms) rating.Input {
	in := rating.Input{
		State: s.State, NAICS: s.NAICS, PostalCode: s.Exposure.PostalCode, AnnualRevenue: s.AnnualRevenue, RequestedLimit: t.Limit,
		AggregateLimit: t.Aggregate, Deductible: t.Deductible, Payroll: s.Exposure.Payroll, InsuredValue: s.Exposure.InsuredValue,
		Employees: s.Exposure.Employees, Vehicles: s.Exposure.Vehicles, ExperienceMod: s.Exposure.ExperienceMod, Schedule: t.Schedule,
	}
	if claims, incurred, known := s.Past(); known {
		in.Losses = &rating.Losses{Claims: claims, Incurred: incurred}
	}
	return in
}

// Faults of a quote.
var (
	ErrNotBindable = fault.New(fault.Refused, "not_bindable", "The quote cannot be bound.") // carries every blocker in its details
	ErrState       = fault.New(fault.Refused, "quote_state", "The quote is not in a state that allows this.")
	ErrExpired     = fault.New(fault.Refused, "quote_expired", "The quote is not good any more; ask for a new one.")
)

// StatusAt is where the quote stands at the given time: what is open expires.
func (q Quote) StatusAt(at time.Time) Status {
	if q.Status.IsOpen() && !at.Before(q.ExpiresAt) {
		return Expired
	}
	return q.Status
}

// MayAsk returns an error when it is too late to ask an underwriter about the
// quote.
func (q Quote) MayAsk(at time.Time) error {
	if q.StatusAt(at).IsOpen() {
		return nil
	}
	return q.in(at, Status(Referred))
}

// Offer returns the quote as offered to who brought the business: one that is
// quoted and still good.
func (q Quote) Offer(at time.Time) (Quote, error) {
	if err := q.in(at, Status(Quoted)); err != nil {
		return q, err
	}
	q.Status, q.OfferedAt = Offered, &at
	return q, nil
}

// Accept returns the quote as accepted: one that is offered and still good.
func (q Quote) Accept(at time.Time) (Quote, error) {
	if err := q.in(at, Offered); err != nil {
		return q, err
	}
	q.Status, q.AcceptedAt = Accepted, &at
	return q, nil
}

func (q Quote) in(at time.Time, want Status) error {
	switch now := q.StatusAt(at); now {
	case want:
		return nil
	case Expired: // wherever it stood
		return ErrExpired.With("expiresAt", q.ExpiresAt)
	default:
		return ErrState.With("status", now)
	}
}

// Blockers lists what stands against binding a quote at the given time without
// anybody's authority; nil when nothing does.
func (q Quote) Blockers(p Program, at time.Time) []string {
	var blockers []string
	switch {
	case q.Decision == Declined:
		blockers = append(blockers, "quote_"+string(Declined))
	case q.Status == Status(Referred) || !q.Status.IsOpen() && q.Status != Expired:
		blockers = append(blockers, "quote_"+string(q.Status))
	}
	if !at.Before(q.ExpiresAt) {
		blockers = append(blockers, "quote_expired")
	}
	if q.GrossPremium > p.AutoBindThreshold {
		blockers = append(blockers, "authority_required")
	}
	return blockers
}
