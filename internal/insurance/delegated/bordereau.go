package delegated

import (
	"math/big"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type bordereauKind struct{}

func (bordereauKind) Prefix() string { return "bdx_" }

// BordereauID identifies a bordereau.
type BordereauID = id.ID[bordereauKind]

// NewBordereauID mints the id of a bordereau made at the given time.
func NewBordereauID(at time.Time) BordereauID { return id.New[bordereauKind](at) }

// A Row is what a carrier is told of one transaction of a policy that was bound
// in its name. It is written with the transaction and never changed.
type Row struct {
	Transaction policy.TransactionID
	Org         access.OrgID
	Agreement   ID
	Carrier     carrier.ID
	Policy      policy.ID
	Bordereau   BordereauID // zero: not reported yet
	Type        string      // NEW, ENDORSEMENT, CANCELLATION or REINSTATEMENT
	Booked      civil.Date
	Facts       Facts
	Split
	CreatedAt time.Time
}

// Facts are what a row says beside its amounts.
type Facts struct {
	PolicyNumber   string      `json:"policyNumber"`
	InsuredName    string      `json:"insuredName"`
	State          string      `json:"state"`
	LineOfBusiness string      `json:"lineOfBusiness"`
	NAICS          string      `json:"naicsCode"`
	Effective      civil.Date  `json:"effectiveDate"`
	Expiration     civil.Date  `json:"expirationDate"`
	Occurrence     money.Cents `json:"occurrenceLimit"`
	Aggregate      money.Cents `json:"aggregateLimit"`
	Deductible     money.Cents `json:"deductible"`
}

// A Split is what becomes of a premium: its parts add up to it.
type Split struct {
	Gross      money.Cents
	Commission money.Cents // the producer's
	Override   money.Cents // the organisation's own
	Net        money.Cents // the carrier's
}

// Split divides a premium, which is negative where it is given back, by the
// agreement's rates; half a cent goes away from zero, and the carrier has what is
// left.
func (t Terms) Split(gross money.Cents) Split {
	part := func(bps int) money.Cents {
		return money.Round(new(big.Rat).Mul(big.NewRat(int64(gross), whole), big.NewRat(int64(bps), 1)))
	}
	s := Split{Gross: gross, Commission: part(t.ProducerCommission), Override: part(t.Override)}
	s.Net = gross - s.Commission - s.Override
	return s
}

// NewRow is the row of the transaction that made a policy.
func NewRow(a Agreement, s submission.Submission, q quote.Quote, p policy.Policy, first policy.Transaction) Row {
	r := RiskOf(s, q)
	return Row{
		Transaction: first.ID, Org: a.Org, Agreement: a.ID, Carrier: a.Carrier, Policy: p.ID, Type: "NEW", Booked: civil.DateOf(first.CreatedAt),
		Facts: Facts{
			PolicyNumber: p.Number, InsuredName: p.InsuredName, State: p.State, LineOfBusiness: p.LineOfBusiness, NAICS: s.NAICS, Effective: p.Effective,
			Expiration: p.Expiration, Occurrence: r.Occurrence, Aggregate: r.Aggregate, Deductible: q.Terms.Deductible,
		},
		Split: a.Terms.Split(first.Premium), CreatedAt: first.CreatedAt,
	}
}

// A Bordereau is what a carrier is told at once of an agreement: all rows up to
// the end of a period that no other one holds.
type Bordereau struct {
	ID        BordereauID
	Org       access.OrgID
	Agreement ID
	Carrier   carrier.ID
	Type      string     // premium
	From, To  civil.Date // To is the first day after
	Due       civil.Date
	Status    string // pending
	Rows      int
	Split     // the sum of its rows
	CreatedBy string
	CreatedAt time.Time
}

// What bordereaux there are, and how one stands.
const (
	PremiumBordereau = "premium"
	Pending          = "pending"
)

// longestPeriod bounds a period, in days.
const longestPeriod = 366

// Faults of bordereaux.
var (
	ErrReported = fault.New(fault.Conflict, "bordereau_exists", "Another bordereau of the agreement covers days of this period.").Field("periodStart", "unique")
	ErrSandbox  = fault.New(fault.Refused, "not_reported", "What is bound outside production is never reported to carriers.")
)

// Check reports a period that is none, or too long.
func (b Bordereau) Check() error {
	switch {
	case b.From.IsZero() || b.To.IsZero():
		return nil // a schema says so
	case !b.From.Before(b.To):
		return fault.ErrValidation.Field("periodEnd", "min")
	case b.To.DaysSince(b.From) > longestPeriod:
		return fault.ErrValidation.Field("periodEnd", "max")
	}
	return nil
}

// CheckPeriod reports a period that is none, too long, or not over yet: a day
// that is not over may still bring a row.
func (b Bordereau) CheckPeriod(today civil.Date) error {
	if err := b.Check(); err != nil {
		return err
	}
	if b.To.After(today) {
		return fault.ErrValidation.Field("periodEnd", "max")
	}
	return nil
}
