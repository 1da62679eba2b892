package billing_test

import (
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

func TestMonthly10IsTwentyPercentDownAndEightTenths(t *testing.T) {
	got, err := billing.Schedule(billing.Monthly10, 1_425_000, civil.Date{Year: 2026, Month: time.January, Day: 31})
	if err != nil || len(got) != 9 {
		t.Fatalf("%d instalments, %v", len(got), err)
	}
	if got[0].Amount != 285_000 || got[1].Amount != 142_500+800 {
		t.Errorf("down payment %s, then %s", got[0].Amount, got[1].Amount)
	}
	if due := got[1].Due.String() + " " + got[2].Due.String(); due != "2026-02-28 2026-03-31" {
		t.Errorf("month ends: %s", due)
	}
}

func TestRefusals(t *testing.T) {
	day := civil.Date{Year: 2026, Month: 1, Day: 1}
	for name, tt := range map[string]struct {
		plan    billing.Plan
		premium money.Cents
		want    error
	}{
		"IN-8: seven cents in nine parts": {billing.Monthly10, 7, billing.ErrTooSmall},
		"nothing to pay":                  {billing.PayInFull, 0, billing.ErrTooSmall},
		"financed":                        {billing.PremiumFinance, 100_000, billing.ErrPlan},
		"unknown":                         {"WEEKLY", 100_000, billing.ErrPlan},
	} {
		if _, err := billing.Schedule(tt.plan, tt.premium, day); !errors.Is(err, tt.want) {
			t.Errorf("%s: err = %v, want %v", name, err, tt.want)
		}
	}
}

func TestSchedulesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		premium := money.Cents(rapid.Int64Range(100, 1e11).Draw(t, "premium"))
		day := civil.Date{Year: 2026, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 1500).Draw(t, "day"))
		for _, p := range billing.Offered {
			parts, err := billing.Schedule(p, premium, day)
			if err != nil {
				t.Fatal(p, err)
			}
			var sum money.Cents
			for i, in := range parts {
				sum += in.Premium
				if in.Amount != in.Premium+in.Fee || in.Number != i+1 || i > 0 && !in.Due.After(parts[i-1].Due) {
					t.Fatalf("%s: %+v", p, in)
				}
			}
			if sum != premium {
				t.Fatalf("%s: %s of %s", p, sum, premium)
			}
		}
	})
}
