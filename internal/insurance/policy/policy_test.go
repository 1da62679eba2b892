package policy_test

import (
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
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
	p, tx, invoices, err := policy.Bind(s, quote.Quote{GrossPremium: 1_425_001}, billing.Monthly10, "GL-2028-000001", "usr_1", at)
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
