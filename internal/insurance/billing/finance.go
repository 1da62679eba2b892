package billing

import (
	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// A Payer is who owes an invoice.
type Payer string

// The payers: the insured himself, and who lends him the premium.
const (
	Insured   Payer = "insured"
	Financier Payer = "financier"
)

// Days after the effective day until which a financier pays what he finances.
// Neither the platform's pages nor a statute that we know of has a number; the
// agreement may say another, up to MaxFundingDays.
const (
	FundingDays    = 30
	MaxFundingDays = 60
)

// Finance is an agreement by which a financier pays an insured's premium. What
// he asks of the insured for that is between the two: it is on no invoice.
type Finance struct {
	Financier   string      `json:"financier"`
	Agreement   string      `json:"agreementNumber"` // the financier's
	Down        money.Cents `json:"downPayment"`     // what the insured pays himself; 0 is nothing
	DownPercent int         `json:"-"`               // instead of Down: so many per cent of the premium
	FundingDue  civil.Date  `json:"fundingDue"`      // the zero Date is FundingDays after the effective day
}

// ErrFinance lists what of an agreement does not fit the policy.
var ErrFinance = fault.New(fault.Refused, "premium_finance_terms", "The premium finance agreement does not fit the policy.")

// Of is the agreement for a premium and an effective day: its down payment in
// money, and a day by which it is funded. Everything that does not fit is in one
// ErrFinance; a premium too small to be shared is ErrTooSmall.
func (f Finance) Of(premium money.Cents, effective civil.Date) (Finance, error) {
	if f.FundingDue.IsZero() {
		f.FundingDue = effective.AddDays(FundingDays)
	}
	wrong := ErrFinance
	if f.Down >= premium && premium > 0 {
		wrong = wrong.Field("premiumFinance.downPayment", "exclusiveMax")
	}
	if days := f.FundingDue.DaysSince(effective); days < 0 {
		wrong = wrong.Field("premiumFinance.fundingDue", "min")
	} else if days > MaxFundingDays {
		wrong = wrong.Field("premiumFinance.fundingDue", "max")
	}
	if len(wrong.Fields()) > 0 {
		return Finance{}, wrong.With("earliest", effective.String()).With("latest", effective.AddDays(MaxFundingDays).String())
	}
	if f.DownPercent > 0 {
		f.Down = money.Split(premium, []int64{int64(f.DownPercent), int64(100 - f.DownPercent)})[0]
	}
	if premium <= 0 || f.Down >= premium || f.Down == 0 && f.DownPercent > 0 {
		return Finance{}, ErrTooSmall
	}
	f.DownPercent = 0
	return f, nil
}

// Schedule is what the insured pays when cover begins, if anything, and the
// rest, which the financier pays by the day of the agreement. Together they are
// the premium to the cent.
func (f Finance) Schedule(premium money.Cents, effective civil.Date) ([]Installment, error) {
	f, err := f.Of(premium, effective)
	if err != nil {
		return nil, err
	}
	var out []Installment
	owe := func(amount money.Cents, due civil.Date, by Payer) {
		out = append(out, Installment{Part: Part{Number: len(out) + 1, Premium: amount, Amount: amount}, Due: due, BillTo: by})
	}
	if f.Down > 0 {
		owe(f.Down, effective, Insured)
	}
	owe(premium-f.Down, f.FundingDue, Financier)
	return out, nil
}
