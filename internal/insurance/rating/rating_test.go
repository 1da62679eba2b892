package rating_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
)

// risk is one of whom no more is known than the reference's submission says.
func risk(state, naics string, revenue, limit money.Cents) rating.Input {
	return rating.Input{State: state, NAICS: naics, AnnualRevenue: revenue, RequestedLimit: limit}
}

func TestRate(t *testing.T) {
	tests := []struct {
		name    string
		in      rating.Input
		want    money.Cents
		steps   int
		wantErr error
	}{
		// 8,000 × 1.425 = 11,400; × 1.25 = 14,250: the reference's own premium
		{"the reference's builder", risk("OR", "236220", 800_000_000, 100_000_000), 1_425_000, 4, nil},
		// 8,000 × 1.425 × 1.25 × 1.25 = 17,812.50
		{"two million", risk("OR", "236220", 800_000_000, 100_000_001), 1_781_250, 4, nil},
		// 1,000 × 1.50 × 1 = 1,500
		{"state and class without entries", risk("VT", "999999", 100_000_000, 100_000_000), 150_000, 4, nil},
		// 10 × 1.50 × 1.35 = 20.25, below 750
		{"minimum premium last", risk("VT", "238990", 1_000_000, 100_000_000), 75_000, 5, nil},
		{"longest prefix counts", risk("NY", "238110", 1_000_000_000, 100_000_000), 3_840_000, 4, nil}, // 10,000 × 2.4 × 1.6
		{"ammunition", risk("OR", "332992", 1, 1), 0, 0, rating.ErrExcludedClass},
		{"limit beyond the book", risk("OR", "236220", 1, 1_000_000_001), 0, 0, rating.ErrNoRate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rating.Standard("GL").Rate(tt.in)
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
	book := rating.Standard("GL")
	rapid.Check(t, func(t *rapid.T) {
		revenue := rapid.Int64Range(0, 1e12)
		limit := rapid.Int64Range(1, 1_000_000_000)
		small := risk("OR", "236220", money.Cents(revenue.Draw(t, "r")), money.Cents(limit.Draw(t, "l")))
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

func TestRateWithoutARateForTheState(t *testing.T) {
	book := rating.Standard("GL")
	delete(book.BaseRates, rating.AnyState)
	in := risk("VT", "236220", 800_000_000, 100_000_000)
	if _, err := book.Rate(in); !errors.Is(err, rating.ErrNoRate) {
		t.Errorf("no default: err = %v", err)
	}
	in.State = "OR"
	if got, err := book.Rate(in); err != nil || got.Premium != 1_425_000 {
		t.Errorf("a state of its own: %s, %v", got.Premium, err)
	}
}

func TestRateRoundsOnceHalfUp(t *testing.T) {
	book := rating.Standard("GL")
	book.BaseRates["OR"] = rating.BaseRate{PerUnit: "0.5"}
	tests := []struct {
		name    string
		revenue money.Cents
		want    money.Cents
	}{
		{"half a cent goes up", 1_000, 1},             // 10.00/1,000 × 0.5 = 0.005 dollars
		{"a little less goes down", 999, 0},           // 0.004995
		{"one and a half", 3_000, 2},                  // 0.015
		{"exact", 2_000, 1},                           // 0.01
		{"no revenue, no minimum", 0, 0},              //
		{"the largest", money.Max, money.Max / 2_000}, // 100,000,000,000/1,000 × 0.5
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := book.Rate(risk("OR", "999999", tt.revenue, 100_000_000))
			if err != nil || got.Premium != tt.want {
				t.Errorf("got %s, %v; want %s", got.Premium, err, tt.want)
			}
		})
	}
}

func TestRateShowsTheWorking(t *testing.T) {
	got, err := rating.Standard("GL").Rate(risk("OR", "236220", 800_000_000, 100_000_000))
	if err != nil {
		t.Fatal(err)
	}
	want := []rating.Factor{
		{"base_rate", "Base rate per $1,000 of revenue, OR", "1.425", "8000000.00 ÷ 1000 × 1.425 = 11400.0000", "11400.0000"},
		{"class", "Class modifier, NAICS 236220", "1.25", "11400.0000 × 1.25 = 14250.0000", "14250.0000"},
		{"limit", "Limit factor", "1.00", "14250.0000 × 1.00 = 14250.0000", "14250.0000"},
		{"revenue_band", "Revenue band", "1.00", "14250.0000 × 1.00 = 14250.0000", "14250.0000"},
	}
	if d := cmp.Diff(want, got.Factors); d != "" {
		t.Error(d)
	}
}

// A factor that no validated book has must not make a risk free of charge.
func TestRateNeverWrapsAround(t *testing.T) {
	for _, rate := range []string{"1000000000000000000", "99999999999999999999"} {
		book := rating.Standard("GL")
		book.BaseRates["OR"] = rating.BaseRate{PerUnit: rate}
		if got, err := book.Rate(risk("OR", "236220", 800_000_000, 100_000_000)); !errors.Is(err, rating.ErrNoRate) {
			t.Errorf("%s: premium %s, err = %v", rate, got.Premium, err)
		}
	}
}
