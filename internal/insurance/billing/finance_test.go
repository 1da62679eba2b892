package billing_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// 14,250.01 from 31 January 2026, by hand.
func TestFinanceSchedule(t *testing.T) {
	start := civil.Date{Year: 2026, Month: time.January, Day: 31}
	on := func(month time.Month, day int) civil.Date { return civil.Date{Year: 2026, Month: month, Day: day} }
	tests := []struct {
		name string
		f    billing.Finance
		want string // number, premium, payer and day
	}{
		{"nothing down", billing.Finance{}, "1 14250.01 financier 2026-03-02"},
		{"dollars down", billing.Finance{Down: 250_001}, "1 2500.01 insured 2026-01-31, 2 11750.00 financier 2026-03-02"},
		{"a quarter down", billing.Finance{DownPercent: 25}, "1 3562.50 insured 2026-01-31, 2 10687.51 financier 2026-03-02"},
		{"one cent financed", billing.Finance{Down: 1_425_000}, "1 14250.00 insured 2026-01-31, 2 0.01 financier 2026-03-02"},
		{"funded at once", billing.Finance{FundingDue: start}, "1 14250.01 financier 2026-01-31"},
		{"funded as late as may be", billing.Finance{FundingDue: on(time.April, 1)}, "1 14250.01 financier 2026-04-01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parts, err := tt.f.Schedule(1_425_001, start)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i, p := range parts {
				if i > 0 {
					got += ", "
				}
				got += fmt.Sprintf("%d %s %s %s", p.Number, p.Premium, p.BillTo, p.Due)
				if p.Fee != 0 || p.Amount != p.Premium {
					t.Errorf("a fee: %+v", p)
				}
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFinanceRefusals(t *testing.T) {
	tooSmall := billing.ErrTooSmall.Fields()
	start := civil.Date{Year: 2026, Month: time.January, Day: 31}
	tests := []struct {
		name    string
		f       billing.Finance
		premium money.Cents
		want    error
		fields  []fault.Field
	}{
		{"nothing left to finance", billing.Finance{Down: 1000}, 1000, billing.ErrFinance, []fault.Field{{Field: "premiumFinance.downPayment", Rule: "exclusiveMax"}}},
		{"funded before cover begins", billing.Finance{FundingDue: start.AddDays(-1)}, 1000, billing.ErrFinance, []fault.Field{{Field: "premiumFinance.fundingDue", Rule: "min"}}},
		{"everything at once", billing.Finance{Down: 1001, FundingDue: start.AddDays(61)}, 1000, billing.ErrFinance,
			[]fault.Field{{Field: "premiumFinance.downPayment", Rule: "exclusiveMax"}, {Field: "premiumFinance.fundingDue", Rule: "max"}}},
		{"a share that is no cent", billing.Finance{DownPercent: 10}, 1, billing.ErrTooSmall, tooSmall},
		{"a share that is all of it", billing.Finance{DownPercent: 90}, 1, billing.ErrTooSmall, tooSmall},
		{"nothing to pay", billing.Finance{}, 0, billing.ErrTooSmall, tooSmall},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.f.Schedule(tt.premium, start)
			f, ok := errors.AsType[*fault.Error](err)
			if !errors.Is(err, tt.want) || !ok {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if d := cmp.Diff(tt.fields, f.Fields()); d != "" {
				t.Error(d)
			}
		})
	}
}

// What the insured and the financier owe is the premium to the cent, for every
// agreement that fits.
func TestFinanceAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		premium := money.Cents(rapid.Int64Range(1, 1e11).Draw(t, "premium"))
		day := civil.Date{Year: 2026, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 1500).Draw(t, "day"))
		f := billing.Finance{FundingDue: day.AddDays(rapid.IntRange(0, billing.MaxFundingDays).Draw(t, "funded"))}
		if rapid.Bool().Draw(t, "percent") {
			f.DownPercent = rapid.IntRange(1, 99).Draw(t, "share")
		} else {
			f.Down = money.Cents(rapid.Int64Range(0, int64(premium)-1).Draw(t, "down"))
		}
		parts, err := f.Schedule(premium, day)
		if errors.Is(err, billing.ErrTooSmall) && premium < 100 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		owed := map[billing.Payer]money.Cents{}
		for i, p := range parts {
			owed[p.BillTo] += p.Premium
			if p.Premium <= 0 || p.Amount != p.Premium || p.Number != i+1 || p.Due.Before(day) {
				t.Fatalf("%+v", p)
			}
		}
		agreed, err := f.Of(premium, day)
		if err != nil || owed[billing.Insured] != agreed.Down || owed[billing.Insured]+owed[billing.Financier] != premium || owed[billing.Financier] <= 0 {
			t.Fatalf("%v of %s by %+v, %v", owed, premium, agreed, err)
		}
	})
}
