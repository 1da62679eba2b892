// Package quote holds the rules of a price that was offered: what a program
// makes of a submission, and what stands between a quote and its bind.
package quote

import (
	"errors"
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

type programKind struct{}

func (programKind) Prefix() string { return "prog_" }

type rateTableKind struct{}

func (rateTableKind) Prefix() string { return "rt_" }

// The ids of this package.
type (
	ID          = id.ID[quoteKind]
	ProgramID   = id.ID[programKind]
	RateTableID = id.ID[rateTableKind]
)

// Age is how long a quote is good.
const Age = 30 * 24 * time.Hour

// A Program is a line of business that an organisation writes, with its
// thresholds on the annual premium. The defaults are those of the platform's
// underwriting guidelines: refer from $100,000, decline above $250,000.
type Program struct {
	ID                ProgramID
	Org               access.OrgID
	Name              string
	LineOfBusiness    string
	AutoBindThreshold money.Cents // up to here nobody's authority is asked for
	ReferAbove        money.Cents
	DeclineAbove      money.Cents
}

// A RateTable is a published version of a program's rate book.
type RateTable struct {
	Version int
	Book    rating.Book
}

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

// The later states of a quote.
const (
	Superseded Status = "superseded"
	Bound      Status = "bound"
)

// A Quote is one version of a price; it never changes, only its status does.
type Quote struct {
	ID           ID
	Org          access.OrgID
	Submission   submission.ID
	Program      ProgramID
	RateVersion  int
	Version      int
	Status       Status
	Decision     Decision
	GrossPremium money.Cents
	Factors      []rating.Factor
	Reasons      []string // of a referral or a decline
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

// Dates says how a submission's effective date is judged. A MaxBackdate of 0 or
// more refers dates further back than so many days; a negative one refers none.
type Dates struct {
	Today       civil.Date
	MaxBackdate int
}

// Make prices a submission. It fails only on a risk that the book cannot price;
// an excluded class is a quote that declines.
func Make(s submission.Submission, p Program, t RateTable, d Dates, at time.Time) (Quote, error) {
	q := Quote{
		ID: id.New[quoteKind](at), Org: s.Org, Submission: s.ID, Program: p.ID, RateVersion: t.Version,
		Decision: Quoted, Factors: []rating.Factor{}, Reasons: []string{}, CreatedAt: at, ExpiresAt: at.Add(Age),
	}
	r, err := t.Book.Rate(rating.Input{State: s.State, NAICS: s.NAICS, AnnualRevenue: s.AnnualRevenue, RequestedLimit: s.RequestedLimit})
	switch {
	case errors.Is(err, rating.ErrExcludedClass):
		q.Decision, q.Reasons = Declined, []string{rating.ErrExcludedClass.Code()}
	case err != nil:
		return Quote{}, err
	}
	if r.Factors != nil {
		q.GrossPremium, q.Factors = r.Premium, r.Factors
	}
	if q.GrossPremium > p.DeclineAbove {
		q.Decision, q.Reasons = Declined, append(q.Reasons, "premium_above_appetite")
	} else if q.Decision == Quoted {
		if q.GrossPremium > p.ReferAbove {
			q.Decision, q.Reasons = Referred, append(q.Reasons, "premium_above_guideline")
		}
		if d.MaxBackdate >= 0 && d.Today.DaysSince(s.EffectiveDate) > d.MaxBackdate {
			q.Decision, q.Reasons = Referred, append(q.Reasons, "backdated")
		}
	}
	q.Status = Status(q.Decision)
	return q, nil
}

// Countered returns the next version of a quote, at a premium that both sides
// took; nil keeps the one that there was. What it was rated from stays.
func (q Quote) Countered(premium *money.Cents, at time.Time) Quote {
	q.ID, q.CreatedAt, q.ExpiresAt, q.Status = id.New[quoteKind](at), at, at.Add(Age), Status(Referred)
	if premium != nil {
		q.GrossPremium = *premium
	}
	q.Decision, q.Reasons = Referred, []string{"countered"}
	return q
}

// ErrNotBindable carries every blocker in its details.
var ErrNotBindable = fault.New(fault.Refused, "not_bindable", "The quote cannot be bound.")

// Blockers lists what stands against binding a quote at the given time without
// anybody's authority; nil when nothing does.
func (q Quote) Blockers(p Program, at time.Time) []string {
	var blockers []string
	if agreed := q.Decision == Referred && q.Status == Status(Quoted); q.Decision != Quoted && !agreed {
		blockers = append(blockers, "quote_"+string(q.Decision))
	} else if q.Status != Status(Quoted) {
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

// NewProgramID mints the id of a program made at the given time.
func NewProgramID(at time.Time) ProgramID { return id.New[programKind](at) }

// NewRateTableID mints the id of a rate table made at the given time.
func NewRateTableID(at time.Time) RateTableID { return id.New[rateTableKind](at) }
