package policy_test

import (
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

func TestNumber(t *testing.T) {
	series := policy.Series("GL", civil.Date{Year: 2026, Month: 5, Day: 1})
	if n := policy.Number(series, 142); n != "GL-2026-000142" {
		t.Errorf("got %s", n)
	}
	if n := policy.Number(series, 1_234_567); n != "GL-2026-1234567" {
		t.Errorf("got %s", n)
	}
}

func TestBindInvoicesSumToPremium(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := submission.Submission{LineOfBusiness: "GL", EffectiveDate: civil.Date{Year: 2028, Month: 2, Day: 29}}
	p, tx, invoices, err := policy.Bind(s, quote.Quote{GrossPremium: 1_425_001}, policy.Order{Plan: billing.Monthly10}, "usr_1", at)
	if err != nil {
		t.Fatal(err)
	}
	var sum money.Cents
	for _, i := range invoices {
		sum += i.Premium
	}
	if sum != p.GrossPremium || tx.Premium != p.GrossPremium || len(invoices) != 9 {
		t.Errorf("%d invoices of %s, transaction %s, premium %s", len(invoices), sum, tx.Premium, p.GrossPremium)
	}
	if days := p.Expiration.DaysSince(p.Effective); days < 365 || days > 366 {
		t.Errorf("a term of %d days", days)
	}
}

func TestSeriesOfEveryLine(t *testing.T) {
	for line, want := range map[string]string{
		"GL": "GL-2026", "CYBER": "CY-2026", "EO": "EO-2026", "WC": "WC-2026", "PROPERTY": "PR-2026", "UMBRELLA": "UM-2026",
		"COMMERCIAL_AUTO": "CA-2026",
	} {
		if got := policy.Series(line, civil.Date{Year: 2026, Month: 12, Day: 31}); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

func TestBindCarriesTheWorkingAndRefusesThePlan(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := submission.Submission{ID: submission.NewID(at), LineOfBusiness: "GL", State: "OR", EffectiveDate: civil.Date{Year: 2026, Month: 12, Day: 1}}
	q := quote.Quote{GrossPremium: 1_425_000, RateVersion: 3, Factors: []rating.Factor{{Key: "base_rate"}}}
	p, tx, _, err := policy.Bind(s, q, policy.Order{Plan: billing.PayInFull}, "usr_1", at)
	if err != nil {
		t.Fatal(err)
	}
	if p.Status != policy.Bound || p.Submission != s.ID || p.Expiration != (civil.Date{Year: 2027, Month: 12, Day: 1}) || p.Version != 1 {
		t.Errorf("policy %+v", p)
	}
	if tx.Policy != p.ID || tx.Kind != "new" || tx.Number != 1 || !cmp.Equal(tx.Working, policy.Working{RateVersion: 3, Factors: q.Factors}) {
		t.Errorf("transaction %+v", tx)
	}
	for want, o := range map[string]policy.Order{
		"required":   {Plan: billing.PremiumFinance},
		"unexpected": {Plan: billing.PayInFull, Finance: &billing.Finance{Financier: "Evergreen", Agreement: "1"}},
	} {
		_, _, _, err := policy.Bind(s, q, o, "usr_1", at)
		if f, ok := errors.AsType[*fault.Error](err); !ok || !cmp.Equal(f.Fields(), []fault.Field{{Field: "premiumFinance", Rule: want}}) {
			t.Errorf("%s: err = %v", want, err)
		}
	}
	if _, _, _, err := policy.Bind(s, q, policy.Order{Plan: "WEEKLY"}, "usr_1", at); !errors.Is(err, billing.ErrPlan) {
		t.Errorf("unknown: err = %v", err)
	}
}
