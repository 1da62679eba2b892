// Package policy holds the rules of a contract of insurance.
package policy

import (
	"fmt"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type policyKind struct{}

func (policyKind) Prefix() string { return "pol_" }

type transactionKind struct{}

func (transactionKind) Prefix() string { return "ptx_" }

// The ids of this package.
type (
	ID            = id.ID[policyKind]
	TransactionID = id.ID[transactionKind]
)

// Status is where a policy stands.
type Status string

// The states of a policy.
const (
	Bound      Status = "bound"
	Issued     Status = "issued"
	Active     Status = "active"
	Cancelled  Status = "cancelled"
	Expired    Status = "expired"
	NonRenewed Status = "non_renewed"
	Renewed    Status = "renewed"
)

// A Policy is one term of cover: half-open, [Effective, Expiration), in civil
// days.
type Policy struct {
	ID              ID
	Org             access.OrgID
	Number          string
	Submission      submission.ID
	Quote           quote.ID
	ExternalID      string
	InsuredName     string
	LineOfBusiness  string
	State           string
	Effective       civil.Date
	Expiration      civil.Date
	GrossPremium    money.Cents
	InstallmentPlan billing.Plan
	Finance         *billing.Finance // the agreement behind PremiumFinance
	Status          Status
	Metadata        map[string]string
	CreatedBy       string
	CreatedAt       time.Time
	UpdatedAt       time.Time
	Version         int

	RenewalStep int        // days before it expires, at the next reminder of that; 0: none is left
	RenewalAt   *time.Time // when
}

// A Transaction is one change to a policy; the first makes it. It is never
// changed, only followed.
type Transaction struct {
	ID        TransactionID
	Org       access.OrgID
	Policy    ID
	Number    int
	Kind      string // new, endorsement, cancellation, reinstatement or renewal
	Effective civil.Date
	Premium   money.Cents // the change
	Working   Working
	CreatedBy string
	CreatedAt time.Time
}

// Working shows how the premium of a transaction came about.
type Working struct {
	RateVersion int             `json:"rateVersion"`
	Factors     []rating.Factor `json:"factors"`
	Terms       quote.Terms     `json:"terms,omitzero"` // what the premium is for
}

// payer is the name of who owes an invoice of the policy.
func (p Policy) payer(who billing.Payer) string {
	if who == billing.Financier {
		return p.Finance.Financier
	}
	return p.InsuredName
}

// prefixes are the lines' in policy numbers.
var prefixes = map[string]string{
	"GL": "GL", "CYBER": "CY", "EO": "EO", "WC": "WC", "PROPERTY": "PR", "UMBRELLA": "UM", "COMMERCIAL_AUTO": "CA",
}

// Series names the counter that a policy's number comes from: line and year of
// the effective date, GL-2026.
func Series(line string, effective civil.Date) string {
	return fmt.Sprintf("%s-%d", prefixes[line], effective.Year)
}

// Number returns a policy number, GL-2026-000142; it grows past six digits.
func Number(series string, n int64) string { return fmt.Sprintf("%s-%06d", series, n) }

// An Order is what the buyer chooses at the bind.
type Order struct {
	Plan       billing.Plan
	Finance    *billing.Finance // with PremiumFinance, and no other plan
	Quote      quote.ID         // which of the submission's; the zero ID is the accepted one, else the newest
	ExternalID string           // the caller's own id of the policy; may be empty
	Metadata   map[string]string
}

// Faults of an order.
var (
	ErrFinanceRequired   = fault.ErrValidation.Field("premiumFinance", "required")
	ErrFinanceUnexpected = fault.ErrValidation.Field("premiumFinance", "unexpected")
)

// Schedule is what is owed for a premium by the order's plan, by whom and when.
func (o Order) Schedule(premium money.Cents, effective civil.Date) ([]billing.Installment, error) {
	switch {
	case o.Plan == billing.PremiumFinance && o.Finance == nil:
		return nil, ErrFinanceRequired
	case o.Plan == billing.PremiumFinance:
		return o.Finance.Schedule(premium, effective)
	case o.Finance != nil:
		return nil, ErrFinanceUnexpected
	}
	return billing.Schedule(o.Plan, premium, effective)
}

// Bind makes the policy of an accepted quote for a year, which has no number yet,
// with its first transaction and the invoices of the plan.
func Bind(s submission.Submission, q quote.Quote, o Order, by string, at time.Time) (Policy, Transaction, []billing.Invoice, error) {
	parts, err := o.Schedule(q.GrossPremium, s.EffectiveDate)
	if err != nil {
		return Policy{}, Transaction{}, nil, err
	}
	p := Policy{
		ID: id.New[policyKind](at), Org: s.Org, Submission: s.ID, Quote: q.ID, InsuredName: s.InsuredName,
		LineOfBusiness: s.LineOfBusiness, State: s.State, Effective: s.EffectiveDate, Expiration: s.EffectiveDate.AddYears(1),
		GrossPremium: q.GrossPremium, InstallmentPlan: o.Plan, Status: Bound, ExternalID: o.ExternalID, Metadata: o.Metadata,
		CreatedBy: by, CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	if p.Metadata == nil {
		p.Metadata = map[string]string{}
	}
	if o.Finance != nil {
		agreed, err := o.Finance.Of(q.GrossPremium, s.EffectiveDate)
		if err != nil {
			return Policy{}, Transaction{}, nil, err
		}
		p.Finance = &agreed
	}
	t := Transaction{
		ID: id.New[transactionKind](at), Org: s.Org, Policy: p.ID, Number: 1, Kind: "new", Effective: p.Effective,
		Premium: p.GrossPremium, Working: Working{RateVersion: q.RateVersion, Factors: q.Factors, Terms: q.Terms}, CreatedBy: by, CreatedAt: at,
	}
	invoices := make([]billing.Invoice, len(parts))
	for i, in := range parts {
		invoices[i] = billing.Invoice{
			ID: billing.NewInvoiceID(at), Org: s.Org, Policy: p.ID.String(), Number: in.Number, Due: in.Due, BillTo: in.BillTo, BillToName: p.payer(in.BillTo),
			Premium: in.Premium, Fee: in.Fee, Amount: in.Amount, Status: "open", Metadata: map[string]string{},
			CreatedAt: at, UpdatedAt: at, Version: 1,
		}
	}
	return p, t, invoices, nil
}
