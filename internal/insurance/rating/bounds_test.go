package rating_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
)

func fieldsOf(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(f.Fields())
}

// flat is a book of one rate in which nothing else moves the premium.
func flat(rate rating.BaseRate) rating.Book {
	return rating.Book{
		BaseRates: map[string]rating.BaseRate{rating.AnyState: rate}, LimitFactors: []rating.Band{{UpTo: money.Max, Factor: "1"}},
		RevenueBands: []rating.Band{{UpTo: money.Max, Factor: "1"}},
	}
}

func TestNumbersOfABookAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*rating.Book)
		want   string
	}{
		{"as dear as it gets", func(b *rating.Book) {
			b.BaseRates = map[string]rating.BaseRate{
				"OR": {PerUnit: "1000", MinimumPremium: 1_000_000_00}, "WA": {PerUnit: "100.00", Basis: rating.Payroll}, "CA": {PerUnit: "100", Basis: rating.Value},
				"TX": {PerUnit: "100000", Basis: rating.Vehicles}, "NY": {PerUnit: "100000", Basis: rating.Employees},
			}
			b.LimitFactors[0].Factor = "100"
		}, "<nil>"},
		{"dearer", func(b *rating.Book) {
			b.BaseRates = map[string]rating.BaseRate{
				"OR": {PerUnit: "99999999999999", MinimumPremium: 99_999_999_999_00}, "WA": {PerUnit: "100.01", Basis: rating.Payroll}, "CA": {PerUnit: "100.0001", Basis: rating.Value},
				"TX": {PerUnit: "100001", Basis: rating.Vehicles}, "NY": {PerUnit: "100001", Basis: rating.Employees},
			}
			b.LimitFactors[0].Factor, b.RevenueBands[0].Factor = "9999999", "100.01"
			b.TerritoryFactors, b.ClassModifiers = map[string]string{"OR": "101"}, map[string]string{"23": "101"}
			b.ClaimFactors = []rating.CountBand{{UpTo: rating.MostClaims, Factor: "101"}}
		}, "[{baseRates.CA.perUnit max} {baseRates.NY.perUnit max} {baseRates.OR.perUnit max} {baseRates.OR.minimumPremium max} {baseRates.TX.perUnit max} {baseRates.WA.perUnit max}" +
			" {territoryFactors.OR max} {classModifiers.23 max} {limitFactors[0].factor max} {revenueBands[0].factor max} {claimFactors[0].factor max}]"},
	} {
		book := flat(rating.BaseRate{PerUnit: "1"})
		tt.change(&book)
		if got := fieldsOf(book.Validate()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// full is a book with n entries in every table, of the same number.
func full(n int, number string) rating.Book {
	b := rating.Book{
		BaseRates: map[string]rating.BaseRate{}, TerritoryFactors: map[string]string{}, ClassModifiers: map[string]string{}, ScheduleMax: 1,
		LimitFactors: slices.Repeat([]rating.Band{{UpTo: 1, Factor: number}}, n), DeductibleCredits: slices.Repeat([]rating.Credit{{From: 1, Credit: number}}, n),
		ClaimFactors: slices.Repeat([]rating.CountBand{{UpTo: 1, Factor: number}}, n),
	}
	b.AggregateFactors, b.RevenueBands, b.IncurredFactors = b.LimitFactors, b.LimitFactors, b.LimitFactors
	for i := range n {
		key := fmt.Sprintf("%06d", i)
		b.BaseRates[key], b.TerritoryFactors[key], b.ClassModifiers[key] = rating.BaseRate{PerUnit: number}, number, number
		b.ExcludedClasses = append(b.ExcludedClasses, key)
	}
	return b
}

// Written out, each of these numbers has a million digits: forty thousand of them
// would be hours of work.
func TestANumberThatIsNoneIsNeverWrittenOut(t *testing.T) {
	began := time.Now()
	for _, number := range []string{"1e999999", "-1e999999", "1e-999999"} {
		book := full(5000, number)
		f, ok := errors.AsType[*fault.Error](book.Gaps(rating.Reach{States: []string{"OR"}}))
		if !ok {
			t.Fatalf("%s: no fault", number)
		}
		for _, want := range []string{
			"baseRates.000000.perUnit", "territoryFactors.004999", "classModifiers.004999", "limitFactors[4999].factor", "aggregateFactors[0].factor",
			"deductibleCredits[4999].credit", "revenueBands[1].factor", "claimFactors[7].factor", "incurredFactors[4999].factor",
		} {
			if !slices.Contains(f.Fields(), fault.Field{Field: want, Rule: "format"}) {
				t.Errorf("%s: %s is not blamed", number, want)
			}
		}
		in := rating.Input{State: "OR", NAICS: "000001", AnnualRevenue: 1, RequestedLimit: 1}
		for _, change := range []func(*rating.Book){
			func(b *rating.Book) { b.BaseRates["OR"] = rating.BaseRate{PerUnit: number} },
			func(b *rating.Book) {
				b.BaseRates["OR"], b.TerritoryFactors["OR"] = rating.BaseRate{PerUnit: "1"}, number
			},
		} {
			change(&book)
			if _, err := book.Rate(in); err == nil {
				t.Errorf("%s: a price", number)
			}
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestOfATableThatIsTooLongNothingElseIsSaid(t *testing.T) {
	want := "[{baseRates maxItems} {territoryFactors maxItems} {classModifiers maxItems} {excludedClasses maxItems} {limitFactors maxItems} {aggregateFactors maxItems}" +
		" {deductibleCredits maxItems} {revenueBands maxItems} {claimFactors maxItems} {incurredFactors maxItems}]"
	if got := fieldsOf(full(5001, "none").Validate()); got != want {
		t.Errorf("%.500s, want %s", got, want)
	}
}

// 10,000,000 units of 1,000 dollars each, × 9.999 × 1.25: up to 100,000,000,000.
func TestTheLargestRiskHasAPrice(t *testing.T) {
	reach := rating.Reach{States: []string{"OR", "WA", "TX"}, MaxLimit: 1_000_000_00}
	for _, tt := range []struct {
		name, rate, factor string
		want               string
	}{
		{"just what there is money for", "800", "1", "<nil>"},
		{"a little more", "801", "1", "[{baseRates.OR.perUnit max} {baseRates.__.perUnit max}]"},
		{"by a factor", "400", "2.1", "[{baseRates.OR.perUnit max} {baseRates.__.perUnit max}]"},
	} {
		book := flat(rating.BaseRate{PerUnit: tt.rate})
		book.BaseRates["OR"] = book.BaseRates[rating.AnyState]
		book.RevenueBands[0].Factor = tt.factor
		book.LimitFactors = []rating.Band{{UpTo: reach.MaxLimit, Factor: "1"}, {UpTo: money.Max, Factor: "100"}} // what is beyond the program's limit does not count
		if got := fieldsOf(book.Gaps(reach)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	book := flat(rating.BaseRate{PerUnit: "800"})
	in := rating.Largest()
	in.State, in.NAICS, in.RequestedLimit, in.Schedule = "OR", "236220", 1, &rating.Schedule{Percent: 25, Reason: "safety"}
	if got, err := book.Rate(in); err != nil || got.Premium != 9_999_000_000_000 {
		t.Errorf("%s, %v", got.Premium, err)
	}
	in.AnnualRevenue = money.Max
	if _, err := book.Rate(in); !errors.Is(err, rating.ErrNoRate) || fieldsOf(err) != "[{annualRevenue max}]" {
		t.Errorf("more than there is money for: %v", err)
	}
}

// decimals draws a number of a book, from tiny to the bound of its kind.
func decimals(most int64) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		of := rapid.Int64Range(1, 1000).Draw(t, "of")
		return big.NewRat(of*most, 1000*rapid.SampledFrom([]int64{1, 1, 10, 100, 1000}).Draw(t, "over")).FloatString(6)
	})
}

// A book without gaps has a price for every risk within reach, however dear it is.
func TestABookWithoutGapsPricesWhatIsWithinReach(t *testing.T) {
	whole := 0
	rapid.Check(t, func(t *rapid.T) {
		factor := decimals(100)
		small := rapid.OneOf(rapid.Just("1"), decimals(5), factor)
		most := map[rating.Basis]int64{rating.Revenue: 1000, rating.Payroll: 100, rating.Value: 100, rating.Employees: 100_000, rating.Vehicles: 100_000}
		basis := rapid.SampledFrom([]rating.Basis{rating.Revenue, rating.Payroll, rating.Value, rating.Employees, rating.Vehicles}).Draw(t, "basis")
		book := flat(rating.BaseRate{PerUnit: decimals(most[basis]).Draw(t, "rate"), Basis: basis, MinimumPremium: money.Cents(rapid.Int64Range(0, 1e8).Draw(t, "minimum"))})
		book.BaseRates["OR"] = rating.BaseRate{PerUnit: decimals(most[basis]).Draw(t, "in OR"), Basis: basis}
		if rapid.Bool().Draw(t, "territories") {
			book.TerritoryFactors = map[string]string{rating.AnyState: small.Draw(t, "anywhere"), "OR": small.Draw(t, "OR"), "OR-972": small.Draw(t, "972"), "TX-77": small.Draw(t, "77")}
		}
		book.ClassModifiers = map[string]string{"2362": small.Draw(t, "class")}
		book.LimitFactors[0].Factor = small.Draw(t, "limit")
		book.RevenueBands = []rating.Band{{UpTo: 1_000_000_00, Factor: small.Draw(t, "first")}, {UpTo: money.Max, Factor: small.Draw(t, "rest")}}
		if rapid.Bool().Draw(t, "losses") {
			book.ClaimFactors = []rating.CountBand{{UpTo: rating.MostClaims, Factor: small.Draw(t, "claims")}}
			book.IncurredFactors = []rating.Band{{UpTo: money.Max, Factor: small.Draw(t, "incurred")}}
			book.AggregateFactors = []rating.Band{{UpTo: money.Max, Factor: small.Draw(t, "aggregate")}}
		}
		book.ScheduleMax = rapid.IntRange(0, rating.MaxSchedule).Draw(t, "schedule")
		reach := rating.Reach{States: []string{"OR", "TX"}, MaxLimit: money.Cents(rapid.Int64Range(0, int64(money.Max)).Draw(t, "reach"))}
		if book.Gaps(reach) != nil {
			return
		}
		whole++
		in := rating.Largest()
		less := func(c money.Cents) money.Cents {
			if rapid.Bool().Draw(t, "smaller") {
				return money.Cents(rapid.Int64Range(1, int64(c)).Draw(t, "amount"))
			}
			return c
		}
		in.AnnualRevenue, in.Payroll, in.InsuredValue = less(in.AnnualRevenue), less(in.Payroll), less(in.InsuredValue)
		in.RequestedLimit, in.AggregateLimit = less(max(reach.MaxLimit, 1)), less(money.Max)
		in.State, in.NAICS = rapid.SampledFrom(reach.States).Draw(t, "state"), rapid.SampledFrom([]string{"236220", "541511"}).Draw(t, "naics")
		in.PostalCode = rapid.SampledFrom([]string{"", "97201", "77002"}).Draw(t, "postal")
		in.ExperienceMod = rapid.SampledFrom([]string{"", "0.1", in.ExperienceMod}).Draw(t, "mod")
		if rapid.Bool().Draw(t, "known") {
			in.Losses = &rating.Losses{Claims: rapid.IntRange(0, rating.MostClaims).Draw(t, "count"), Incurred: less(money.Max)}
		}
		if book.ScheduleMax > 0 {
			in.Schedule = &rating.Schedule{Percent: book.ScheduleMax, Reason: "safety"}
		}
		if got, err := book.Rate(in); err != nil || got.Premium < 0 || got.Premium > money.Max {
			t.Fatalf("%s, %v %s", got.Premium, err, fieldsOf(err))
		}
	})
	if whole == 0 {
		t.Error("no book was without gaps")
	}
}
