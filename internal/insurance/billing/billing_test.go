package billing_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
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

// 14,250.00 from 31 January of a common year, by hand.
func TestScheduleOfEveryPlan(t *testing.T) {
	start := civil.Date{Year: 2026, Month: time.January, Day: 31}
	tests := []struct {
		plan    billing.Plan
		amounts []money.Cents // with fees
		dues    string        // the first two and the last
	}{
		{billing.PayInFull, []money.Cents{1_425_000}, "2026-01-31"},
		{billing.TwoPay, []money.Cents{712_500, 712_500}, "2026-01-31 2026-07-31"},
		{billing.Quarterly, []money.Cents{356_250, 356_750, 356_750, 356_750}, "2026-01-31 2026-04-30 2026-10-31"},
		{billing.Monthly10, append([]money.Cents{285_000}, slices.Repeat([]money.Cents{143_300}, 8)...), "2026-01-31 2026-02-28 2026-09-30"},
		{billing.Monthly12, append([]money.Cents{118_750}, slices.Repeat([]money.Cents{119_550}, 11)...), "2026-01-31 2026-02-28 2026-12-31"},
	}
	for _, tt := range tests {
		t.Run(string(tt.plan), func(t *testing.T) {
			got, err := billing.Schedule(tt.plan, 1_425_000, start)
			if err != nil {
				t.Fatal(err)
			}
			var amounts []money.Cents
			var dues []string
			for i, in := range got {
				amounts = append(amounts, in.Amount)
				if i < 2 || i == len(got)-1 {
					dues = append(dues, in.Due.String())
				}
			}
			if d := cmp.Diff(tt.amounts, amounts); d != "" {
				t.Error(d)
			}
			if s := strings.Join(dues, " "); s != tt.dues {
				t.Errorf("due %s, want %s", s, tt.dues)
			}
		})
	}
}

// The smallest premium of a plan is the first that leaves no part without
// a cent.
func TestSmallestPremium(t *testing.T) {
	day := civil.Date{Year: 2026, Month: 1, Day: 1}
	for plan, smallest := range map[billing.Plan]money.Cents{
		billing.PayInFull: 1, billing.TwoPay: 2, billing.Quarterly: 4, billing.Monthly10: 9, billing.Monthly12: 12,
	} {
		if _, err := billing.Schedule(plan, smallest-1, day); !errors.Is(err, billing.ErrTooSmall) {
			t.Errorf("%s of %s: err = %v", plan, smallest-1, err)
		}
		if _, err := billing.Schedule(plan, smallest, day); err != nil {
			t.Errorf("%s of %s: err = %v", plan, smallest, err)
		}
	}
}

// Each due day is the effective day in its month, or that month's last day;
// a short month does not move the ones after it.
func TestDueDaysClampFromTheOriginalDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := civil.Date{Year: 2023, Month: 12, Day: 31}.AddDays(rapid.IntRange(0, 2200).Draw(t, "day"))
		parts, err := billing.Schedule(billing.Monthly12, 120_000, day)
		if err != nil {
			t.Fatal(err)
		}
		for i, in := range parts {
			months := int(day.Month) - 1 + i
			last := time.Date(day.Year, time.Month(months+2), 0, 0, 0, 0, 0, time.UTC)
			want := civil.Date{Year: last.Year(), Month: last.Month(), Day: min(day.Day, last.Day())}
			if in.Due != want {
				t.Fatalf("instalment %d from %s is due %s, want %s", i+1, day, in.Due, want)
			}
		}
	})
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

// What an agreement says is not known when its plan is chosen.
func TestSuits(t *testing.T) {
	for name, tt := range map[string]struct {
		plan    billing.Plan
		premium money.Cents
		want    error
	}{
		"enough":    {billing.Monthly10, 100_000, nil},
		"too small": {billing.Monthly10, 7, billing.ErrTooSmall},
		"financed":  {billing.PremiumFinance, 7, nil},
		"unknown":   {"WEEKLY", 100_000, billing.ErrPlan},
	} {
		if err := billing.Suits(tt.plan, tt.premium); !errors.Is(err, tt.want) {
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
