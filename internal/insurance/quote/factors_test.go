package quote_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// The factors of whatever is quoted come to its premium, however often it was
// countered: the first is an amount, each later one multiplies it or, as the
// minimum and a counter do, takes its place.
func TestFactorsComeToThePremium(t *testing.T) {
	var minima, counters int
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom(rating.Lines).Draw(t, "line")
		p, rates := quote.Standard(line)
		cents := func(name string, most int64) money.Cents { return money.Cents(rapid.Int64Range(1, most).Draw(t, name)) }
		s := submission.Submission{
			LineOfBusiness: line, State: "OR", NAICS: "236220", AnnualRevenue: cents("revenue", 5_000_000_000), RequestedLimit: cents("limit", 200_000_000),
			EffectiveDate: today, Exposure: submission.Risk{
				Payroll: cents("payroll", 500_000_000), InsuredValue: cents("tiv", 2_000_000_000), Employees: rapid.IntRange(1, 300).Draw(t, "employees"),
				Vehicles: rapid.IntRange(1, 100).Draw(t, "vehicles"), ExperienceMod: rapid.SampledFrom([]string{"", "0.8", "1.12"}).Draw(t, "mod"),
			},
		}
		terms := quote.Terms{Schedule: rapid.SampledFrom([]*rating.Schedule{nil, {Percent: -15, Reason: "management"}, {Percent: 10, Reason: "management"}}).Draw(t, "schedule")}
		q, err := quote.Make(s, p, rates, terms, quote.Dates{Today: today, MaxBackdate: -1}, noon)
		if err != nil || len(q.Factors) == 0 {
			t.Fatalf("no price: %v, %v", q.Reasons, err)
		}
		comes(t, q)
		for range rapid.IntRange(0, 3).Draw(t, "counters") {
			c := quote.Counter{Deductible: new(money.Cents(rapid.Int64Range(0, 1000).Draw(t, "deductible")))}
			if rapid.Bool().Draw(t, "premium") {
				c.Premium = new(cents("counter", 20_000_000))
			}
			was := len(q.Factors)
			before := q
			if q, err = q.Countered(c, noon); err != nil {
				q = before
				continue
			}
			if len(before.Factors) != was {
				t.Fatal("the version before has another step")
			}
			comes(t, q)
		}
		for _, f := range q.Factors {
			switch f.Key {
			case "minimum_premium":
				minima++
			case "counter":
				counters++
			}
		}
	})
	if minima == 0 || counters == 0 {
		t.Errorf("%d minima and %d counters", minima, counters)
	}
}

// comes checks the working of a quote, step by step.
func comes(t *rapid.T, q quote.Quote) {
	number := func(text string) *big.Rat {
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is no number", text)
		}
		return r
	}
	premium := new(big.Rat)
	for i, f := range q.Factors {
		after := number(f.Premium)
		switch {
		case i == 0:
		case f.Key == "minimum_premium", f.Key == "counter":
			if number(f.Value).Cmp(after) != 0 {
				t.Fatalf("%s is %s and leads to %s", f.Key, f.Value, f.Premium)
			}
		default:
			// Premiums are written with four decimals, a value with six.
			off := new(big.Rat).Sub(new(big.Rat).Mul(premium, number(f.Value)), after)
			if room := new(big.Rat).Add(big.NewRat(1, 1000), new(big.Rat).Mul(premium, big.NewRat(1, 1_000_000))); off.Abs(off).Cmp(room) > 0 {
				t.Fatalf("%s: %s times %s is not %s", f.Key, premium.FloatString(4), f.Value, f.Premium)
			}
		}
		premium = after
	}
	// The sum is rounded as it was before it was written with four decimals.
	written := big.NewRat(1, 20_000)
	cents := func(dollars *big.Rat) money.Cents { return money.Round(dollars.Mul(dollars, big.NewRat(100, 1))) }
	if least, most := cents(new(big.Rat).Sub(premium, written)), cents(new(big.Rat).Add(premium, written)); q.GrossPremium < least || q.GrossPremium > most {
		t.Fatalf("the factors come to %s, and the premium is %s: %+v", premium.FloatString(4), q.GrossPremium, q.Factors)
	}
}
