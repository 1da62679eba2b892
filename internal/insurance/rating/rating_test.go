package rating_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
)

func TestRate(t *testing.T) {
	tests := []struct {
		name    string
		in      rating.Input
		want    money.Cents
		steps   int
		wantErr error
	}{
		// 8,000 × 1.425 = 11,400; × 1.25 = 14,250: the reference's own premium
		{"the reference's builder", rating.Input{"OR", "236220", 800_000_000, 100_000_000}, 1_425_000, 4, nil},
		// 8,000 × 1.425 × 1.25 × 1.25 = 17,812.50
		{"two million", rating.Input{"OR", "236220", 800_000_000, 100_000_001}, 1_781_250, 4, nil},
		// 1,000 × 1.50 × 1 = 1,500
		{"state and class without entries", rating.Input{"VT", "999999", 100_000_000, 100_000_000}, 150_000, 4, nil},
		// 10 × 1.50 × 1.35 = 20.25, below 750
		{"minimum premium last", rating.Input{"VT", "238990", 1_000_000, 100_000_000}, 75_000, 5, nil},
		{"longest prefix counts", rating.Input{"NY", "238110", 1_000_000_000, 100_000_000}, 3_840_000, 4, nil}, // 10,000 × 2.4 × 1.6
		{"ammunition", rating.Input{"OR", "332992", 1, 1}, 0, 0, rating.ErrExcludedClass},
		{"limit beyond the book", rating.Input{"OR", "236220", 1, 1_000_000_001}, 0, 0, rating.ErrNoRate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rating.GeneralLiability().Rate(tt.in)
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("err = %v, want %v", err, tt.wantErr)
			}
			if got.Premium != tt.want || len(got.Factors) != tt.steps {
				t.Errorf("premium %s in %d steps, want %s in %d: %+v", got.Premium, len(got.Factors), tt.want, tt.steps, got.Factors)
			}
		})
	}
}

func TestRateGrowsWithRevenueAndLimit(t *testing.T) {
	book := rating.GeneralLiability()
	rapid.Check(t, func(t *rapid.T) {
		revenue := rapid.Int64Range(0, 1e12)
		limit := rapid.Int64Range(1, 1_000_000_000)
		small := rating.Input{"OR", "236220", money.Cents(revenue.Draw(t, "r")), money.Cents(limit.Draw(t, "l"))}
		large := small
		large.AnnualRevenue += money.Cents(revenue.Draw(t, "dr"))
		large.RequestedLimit = money.Cents(max(int64(small.RequestedLimit), limit.Draw(t, "l2")))
		a, err1 := book.Rate(small)
		b, err2 := book.Rate(large)
		if err1 != nil || err2 != nil || a.Premium > b.Premium {
			t.Fatalf("%v: %s (%v); %v: %s (%v)", small, a.Premium, err1, large, b.Premium, err2)
		}
	})
}

func TestValidate(t *testing.T) {
	if err := rating.GeneralLiability().Validate(); err != nil {
		t.Errorf("our own book: %v", err)
	}
	bad := rating.GeneralLiability()
	bad.LimitFactors[1].UpTo = 1
	bad.BaseRates["OR"] = rating.BaseRate{PerThousand: "-1"}
	if err := bad.Validate(); !errors.Is(err, rating.ErrBook) {
		t.Errorf("err = %v", err)
	}
	if err := (rating.Book{}).Validate(); !errors.Is(err, rating.ErrBook) {
		t.Errorf("empty book: err = %v", err)
	}
}
