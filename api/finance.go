package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// askFinanceBody is the agreement that a bind with PREMIUM_FINANCE goes by.
type askFinanceBody struct {
	Financier          string `json:"financier" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]" doc:"Who lends the premium, by name."`
	AgreementNumber    string `json:"agreementNumber" minLength:"1" maxLength:"100" pattern:"[^\\s\\p{Z}\\p{C}]" doc:"The financier's."`
	DownPayment        *Money `json:"downPayment,omitempty" minimum:"0" maximum:"100000000000" doc:"What the insured pays himself, less than the premium; by default nothing."`
	DownPaymentPercent int    `json:"downPaymentPercent,omitempty" minimum:"1" maximum:"99" doc:"The same as a share of the premium; one of the two."`
	FundingDue         Date   `json:"fundingDue,omitzero" doc:"By when the financier pays the rest: from the effective date to 60 days after it, by default 30 days after."`
}

// Resolve implements huma.Resolver: an agreement goes with PREMIUM_FINANCE, and
// with no other plan.
func (in *bindInput) Resolve(ctx huma.Context) []error {
	var bad fault.Complaints
	plan, f := in.Body.InstallmentPlan, in.Body.PremiumFinance
	financed := plan == string(billing.PremiumFinance)
	bad.When(financed && f == nil, "premiumFinance", "required")
	bad.When(!financed && f != nil && plan != "", "premiumFinance", "unexpected")
	bad.When(f != nil && f.DownPayment != nil && f.DownPaymentPercent != 0, "premiumFinance.downPaymentPercent", "unexpected")
	return found(ctx, bad.On(fault.ErrValidation))
}

func (b *askFinanceBody) finance() *billing.Finance {
	if b == nil {
		return nil
	}
	f := billing.Finance{Financier: b.Financier, Agreement: b.AgreementNumber, DownPercent: b.DownPaymentPercent, FundingDue: b.FundingDue.Date}
	if b.DownPayment != nil {
		f.Down = money.Cents(*b.DownPayment)
	}
	return &f
}

// financeBody is the agreement behind a policy.
type financeBody struct {
	Financier       string `json:"financier"`
	AgreementNumber string `json:"agreementNumber"`
	DownPayment     Money  `json:"downPayment" doc:"What the insured pays himself."`
	Financed        Money  `json:"financed" doc:"What the financier pays: the rest of the premium of the bind."`
	FundingDue      Date   `json:"fundingDue"`
}

func financeOf(f *billing.Finance, premium money.Cents) *financeBody {
	if f == nil {
		return nil
	}
	return &financeBody{f.Financier, f.Agreement, Money(f.Down), Money(premium - f.Down), Date{f.FundingDue}}
}

// billToBody is who owes an invoice.
type billToBody struct {
	Kind string `json:"kind" enum:"insured,financier"`
	Name string `json:"name"`
}
