// Package billing turns a premium into what is due, and when.
package billing

import (
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

type invoiceKind struct{}

func (invoiceKind) Prefix() string { return "inv_" }

// InvoiceID identifies an invoice.
type InvoiceID = id.ID[invoiceKind]

// An Invoice is one instalment that is owed.
type Invoice struct {
	ID                   InvoiceID
	Org                  access.OrgID
	Policy               string // pol_…
	Number               int    // 1 is the down payment
	ExternalID           string
	Due                  civil.Date
	BillTo               Payer
	BillToName           string // the insured's, by the policy, or the financier's
	Premium, Fee, Amount money.Cents
	Status               string // open, paid, failed or void
	Metadata             map[string]string
	CreatedAt, UpdatedAt time.Time
	Version              int

	Notice    Notice     // what is told of it next; empty: nothing more
	NoticeAt  *time.Time // when
	PastDueAt *time.Time // when it was told overdue
}

// A Plan is how a premium is paid.
type Plan string

// The plans of the platform. PremiumFinance depends on an agreement of the
// insured's with a financier: see Finance.
const (
	PayInFull      Plan = "PIF"
	TwoPay         Plan = "TWO_PAY"
	Quarterly      Plan = "QUARTERLY"
	Monthly10      Plan = "MONTHLY_10"
	Monthly12      Plan = "MONTHLY_12"
	PremiumFinance Plan = "PREMIUM_FINANCE"
)

var planWords = map[Plan]string{
	PayInFull: "in full", TwoPay: "two payments", Quarterly: "quarterly", Monthly10: "monthly, 20% down", Monthly12: "monthly, twelve parts",
	PremiumFinance: "premium finance",
}

// Words names the plan to people, as in a card of a room.
func (p Plan) Words() string { return planWords[p] }

// Offered lists the plans that can be chosen without an agreement.
var Offered = []Plan{PayInFull, TwoPay, Quarterly, Monthly10, Monthly12}

// ByAgreement lists the plans whose parts an agreement with somebody else says.
var ByAgreement = []Plan{PremiumFinance}

// Faults of choosing a plan.
var (
	ErrPlan     = fault.ErrValidation.Field("installmentPlan", "enum")
	ErrTooSmall = fault.New(fault.Refused, "plan_too_small", "The premium is too small for this instalment plan.").Field("installmentPlan", "min")
)

// An Installment is one part of the premium and the day on which it is due.
type Installment struct {
	Part
	Due    civil.Date
	BillTo Payer
}

type terms struct {
	weights []int64
	months  int // between two instalments
	fee     money.Cents
}

// plans are the platform's, by its billing page; MONTHLY_10 is nine payments,
// see docs/adr.
var plans = map[Plan]terms{
	PayInFull: {weights: []int64{1}},
	TwoPay:    {weights: []int64{50, 50}, months: 6},
	Quarterly: {weights: []int64{25, 25, 25, 25}, months: 3, fee: 500},
	Monthly10: {weights: []int64{20, 10, 10, 10, 10, 10, 10, 10, 10}, months: 1, fee: 800},
	Monthly12: {weights: []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, months: 1, fee: 800},
}

// A Part is an instalment before it has a date.
type Part struct {
	Number  int
	Months  int // after the effective day
	Premium money.Cents
	Fee     money.Cents // on every instalment but the down payment
	Amount  money.Cents // Premium + Fee
}

// Parts splits premium by a plan. Its parts sum to the premium to the cent; a
// plan that would leave a part without premium is ErrTooSmall.
func Parts(p Plan, premium money.Cents) ([]Part, error) {
	t, ok := plans[p]
	if !ok {
		return nil, ErrPlan
	}
	shares := money.Split(premium, t.weights)
	out := make([]Part, len(shares))
	for i, share := range shares {
		if share <= 0 {
			return nil, ErrTooSmall
		}
		part := Part{Number: i + 1, Months: i * t.months, Premium: share}
		if i > 0 {
			part.Fee = t.fee
		}
		part.Amount = part.Premium + part.Fee
		out[i] = part
	}
	return out, nil
}

// Suits returns why a premium cannot be paid by a plan. A plan by agreement suits
// every premium: what the agreement says is looked at when it is there.
func Suits(p Plan, premium money.Cents) error {
	if slices.Contains(ByAgreement, p) {
		return nil
	}
	_, err := Parts(p, premium)
	return err
}

// Schedule gives the parts their dates: whole months from the effective day,
// clamped to the end of shorter months.
func Schedule(p Plan, premium money.Cents, effective civil.Date) ([]Installment, error) {
	parts, err := Parts(p, premium)
	if err != nil {
		return nil, err
	}
	out := make([]Installment, len(parts))
	for i, part := range parts {
		out[i] = Installment{Part: part, Due: addMonths(effective, part.Months), BillTo: Insured}
	}
	return out, nil
}

// addMonths moves a day by whole months, to the month's last day when it is
// shorter.
func addMonths(d civil.Date, n int) civil.Date {
	first := civil.Date{Year: d.Year, Month: d.Month, Day: 1}.AddMonths(n)
	last := first.AddMonths(1).AddDays(-1)
	return civil.Date{Year: first.Year, Month: first.Month, Day: min(d.Day, last.Day)}
}

// NewInvoiceID mints the id of an invoice made at the given time.
func NewInvoiceID(at time.Time) InvoiceID { return id.New[invoiceKind](at) }
