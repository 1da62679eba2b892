package rating_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
)

// Every step at once, by hand: 40,000.00 of payroll in units of 100 are 400.
func TestEveryStepInOrder(t *testing.T) {
	book := rating.Book{
		BaseRates:         map[string]rating.BaseRate{"TX": {PerUnit: "2.50", Basis: rating.Payroll, MinimumPremium: 50_000}},
		TerritoryFactors:  map[string]string{"TX": "1.10", "TX-77": "1.20", "TX-770": "1.25"},
		ClassModifiers:    map[string]string{"23": "1.50", "2381": "2.00"},
		LimitFactors:      []rating.Band{{UpTo: 50_000_000, Factor: "1.00"}, {UpTo: 100_000_000, Factor: "1.10"}},
		AggregateFactors:  []rating.Band{{UpTo: 200_000_000, Factor: "1.02"}},
		DeductibleCredits: []rating.Credit{{From: 100_000, Credit: "0.05"}, {From: 500_000, Credit: "0.10"}, {From: 1_000_000, Credit: "0.20"}},
		RevenueBands:      []rating.Band{{UpTo: 100_000_000, Factor: "1.00"}, {UpTo: money.Max, Factor: "0.50"}},
		ClaimFactors:      []rating.CountBand{{UpTo: 0, Factor: "0.90"}, {UpTo: 3, Factor: "1.20"}},
		IncurredFactors:   []rating.Band{{UpTo: 1_000_000, Factor: "1.00"}, {UpTo: 10_000_000, Factor: "1.25"}},
	}
	in := rating.Input{
		State: "TX", NAICS: "238110", PostalCode: "77002", AnnualRevenue: 200_000_000, RequestedLimit: 100_000_000, AggregateLimit: 200_000_000,
		Deductible: 999_999, Payroll: 4_000_000, ExperienceMod: "1.1", Losses: &rating.Losses{Claims: 2, Incurred: 5_000_000},
		Schedule: &rating.Schedule{Percent: -15, Reason: "safety"},
	}
	want := []rating.Factor{
		{"base_rate", "Base rate per $100 of payroll, TX", "2.50", "40000.00 ÷ 100 × 2.50 = 1000.0000", "1000.0000"},
		{"territory", "Territory, TX-770", "1.25", "1000.0000 × 1.25 = 1250.0000", "1250.0000"},
		{"class", "Class modifier, NAICS 238110", "2.00", "1250.0000 × 2.00 = 2500.0000", "2500.0000"},
		{"limit", "Limit factor", "1.10", "2500.0000 × 1.10 = 2750.0000", "2750.0000"},
		{"aggregate", "Aggregate limit factor", "1.02", "2750.0000 × 1.02 = 2805.0000", "2805.0000"},
		{"deductible", "Deductible credit, 9999.99", "0.9", "2805.0000 × (1 − 0.10) = 2524.5000", "2524.5000"},
		{"revenue_band", "Revenue band", "0.75", "2524.5000 × (1000000.00 × 1.00 + 1000000.00 × 0.50) ÷ 2000000.00 = 1893.3750", "1893.3750"},
		{"loss_claims", "Loss history, 2 claims", "1.20", "1893.3750 × 1.20 = 2272.0500", "2272.0500"},
		{"loss_incurred", "Loss history, 50000.00 incurred", "1.25", "2272.0500 × 1.25 = 2840.0625", "2840.0625"},
		{"experience", "Experience modification", "1.1", "2840.0625 × 1.1 = 3124.0688", "3124.0688"}, // .06875
		{"schedule", "Schedule rating, safety", "0.85", "3124.0688 × 0.85 = 2655.4584", "2655.4584"}, // .4584375
	}
	got, err := book.Rate(in)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got.Factors); d != "" || got.Premium != 265_546 {
		t.Errorf("premium %s\n%s", got.Premium, d)
	}
	book.BaseRates["TX"] = rating.BaseRate{PerUnit: "2.50", Basis: rating.Payroll, MinimumPremium: 300_000}
	got, err = book.Rate(in)
	last := rating.Factor{"minimum_premium", "Minimum premium", "3000.00", "the larger of 2655.4584 and 3000.00", "3000.0000"}
	if err != nil || got.Premium != 300_000 || got.Factors[len(got.Factors)-1] != last {
		t.Errorf("minimum last: %s, %v, %+v", got.Premium, err, got.Factors[len(got.Factors)-1])
	}
}

// lines draws a risk that every standard book has an answer for.
func lines(t *rapid.T) (string, rating.Book, rating.Input) {
	line := rapid.SampledFrom(rating.Lines).Draw(t, "line")
	dollars := func(name string, most int64) money.Cents {
		return money.Cents(rapid.Int64Range(1, most).Draw(t, name)) * 100
	}
	in := rating.Input{
		State: rapid.SampledFrom([]string{"OR", "TX", "NY", "VT", "FL"}).Draw(t, "state"), NAICS: rapid.SampledFrom([]string{"236220", "238160", "445110", "541330", "722511", "922120"}).Draw(t, "naics"),
		PostalCode: rapid.SampledFrom([]string{"", "77002", "33101", "10001", "97201"}).Draw(t, "postal"), AnnualRevenue: dollars("revenue", 1e8),
		RequestedLimit: dollars("limit", 2_000_000), Payroll: dollars("payroll", 1e7), InsuredValue: dollars("value", 1e7),
		Employees: rapid.IntRange(1, 500).Draw(t, "employees"), Vehicles: rapid.IntRange(1, 50).Draw(t, "vehicles"),
	}
	if rapid.Bool().Draw(t, "more") {
		in.AggregateLimit, in.Deductible = in.RequestedLimit*2, money.Cents(rapid.Int64Range(0, 20_000_000).Draw(t, "deductible"))
		in.Losses = &rating.Losses{Claims: rapid.IntRange(0, 30).Draw(t, "claims"), Incurred: dollars("incurred", 5_000_000)}
		in.ExperienceMod = rapid.SampledFrom([]string{"", "0.82", "1", "1.375"}).Draw(t, "mod")
		if p := rapid.IntRange(-25, 25).Draw(t, "schedule"); p != 0 {
			in.Schedule = &rating.Schedule{Percent: p, Reason: "management"}
		}
	}
	return line, rating.Standard(line), in
}

func TestRatingIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line, book, in := lines(t)
		a, err1 := book.Rate(in)
		b, err2 := rating.Standard(line).Rate(in)
		if d := cmp.Diff(a, b); d != "" || err1 != nil || err2 != nil {
			t.Fatalf("%v, %v\n%s", err1, err2, d)
		}
	})
}

// More exposure, more cover, a smaller deductible or more losses never cost
// less, in any line.
func TestMoreRiskNeverCostsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line, book, in := lines(t)
		more := in
		grow := func(c money.Cents, most int64) money.Cents {
			return c + money.Cents(rapid.Int64Range(0, most).Draw(t, "growth"))
		}
		switch what := rapid.SampledFrom([]string{"exposure", "limit", "aggregate", "deductible", "claims", "incurred"}).Draw(t, "what"); what {
		case "exposure":
			// Revenue is one of the rating variables of each line, and the exposure of
			// some: it grows only where it is the exposure.
			if book.BaseRates[rating.AnyState].Basis == rating.Revenue {
				more.AnnualRevenue = grow(in.AnnualRevenue, 1e10)
			}
			more.Payroll, more.InsuredValue = grow(in.Payroll, 1e9), grow(in.InsuredValue, 1e9)
			more.Employees, more.Vehicles = in.Employees+rapid.IntRange(0, 9).Draw(t, "e"), in.Vehicles+rapid.IntRange(0, 9).Draw(t, "v")
		case "limit":
			more.RequestedLimit = min(grow(in.RequestedLimit, 2e8), 200_000_000)
			more.RequestedLimit = max(more.RequestedLimit, in.RequestedLimit)
		case "aggregate":
			more.AggregateLimit = grow(in.AggregateLimit, 1e9)
			in.AggregateLimit = max(in.AggregateLimit, 1)
		case "deductible":
			more.Deductible = money.Cents(rapid.Int64Range(0, int64(in.Deductible)).Draw(t, "d"))
		default:
			if in.Losses == nil {
				return
			}
			worse := *in.Losses
			if what == "claims" {
				worse.Claims += rapid.IntRange(0, 30).Draw(t, "c")
			} else {
				worse.Incurred = grow(worse.Incurred, 1e9)
			}
			more.Losses = &worse
		}
		a, err1 := book.Rate(in)
		b, err2 := book.Rate(more)
		if err1 != nil || err2 != nil || a.Premium > b.Premium {
			t.Fatalf("%s: %s of %+v (%v); %s of %+v (%v)", line, a.Premium, in, err1, b.Premium, more, err2)
		}
	})
}

// Who multiplies the steps himself comes to the premium.
func TestTheWorkingIsTheArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, book, in := lines(t)
		r, err := book.Rate(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range r.Factors {
			if i == 0 || f.Key == "minimum_premium" {
				continue
			}
			before, _ := new(big.Rat).SetString(r.Factors[i-1].Premium)
			by, ok := new(big.Rat).SetString(f.Value)
			after, _ := new(big.Rat).SetString(f.Premium)
			if !ok {
				t.Fatalf("%+v", f)
			}
			// Amounts are shown to four decimals and derived factors to six.
			slack := new(big.Rat).Add(big.NewRat(3, 10_000), new(big.Rat).Mul(before, big.NewRat(1, 1_000_000)))
			if d := new(big.Rat).Sub(after, before.Mul(before, by)); d.Abs(d).Cmp(slack) > 0 {
				t.Fatalf("%+v after %s", f, r.Factors[i-1].Premium)
			}
		}
		// Half a cent of rounding, and what four decimals do not show.
		last, ok := new(big.Rat).SetString(r.Factors[len(r.Factors)-1].Premium)
		d := new(big.Rat).Sub(last, big.NewRat(int64(r.Premium), 100))
		if !ok || d.Abs(d).Cmp(big.NewRat(505, 100_000)) > 0 {
			t.Fatalf("premium %s of %+v", r.Premium, r.Factors)
		}
	})
}

// The standard books have no gaps, and every risk that they exclude nothing of
// gets a price.
func TestStandardBooksAreWhole(t *testing.T) {
	states := strings.Fields("AL AK CA DC FL NY OR TX VT WY")
	for _, line := range rating.Lines {
		if err := rating.Standard(line).Gaps(rating.Reach{States: states, MaxLimit: 200_000_000}); err != nil {
			f, _ := errors.AsType[*fault.Error](err)
			t.Errorf("%s: %v", line, f.Fields())
		}
	}
}

func TestGapsNamesEveryHole(t *testing.T) {
	book := rating.Standard("COMMERCIAL_AUTO")
	delete(book.BaseRates, rating.AnyState)
	delete(book.TerritoryFactors, rating.AnyState)
	book.TerritoryFactors["TX"] = "1"
	book.LimitFactors = book.LimitFactors[:3]
	book.RevenueBands = []rating.Band{{UpTo: 100, Factor: "1"}}
	book.ClaimFactors = book.ClaimFactors[:2]
	book.IncurredFactors = book.IncurredFactors[:2]
	book.AggregateFactors = []rating.Band{{UpTo: 100, Factor: "1"}}
	book.DeductibleCredits[1].Credit = "1.00" // a mistake, in the same answer
	got, _ := errors.AsType[*fault.Error](book.Gaps(rating.Reach{States: []string{"TX", "VT", "WY"}, MaxLimit: 100_000_000}))
	want := []fault.Field{
		{Field: "deductibleCredits[1].credit", Rule: "max"}, {Field: "deductibleCredits[2].credit", Rule: "ascending"},
		{Field: "baseRates.VT", Rule: "gap"}, {Field: "baseRates.WY", Rule: "gap"},
		{Field: "territoryFactors.VT", Rule: "gap"}, {Field: "territoryFactors.WY", Rule: "gap"},
		{Field: "limitFactors", Rule: "gap"}, {Field: "aggregateFactors", Rule: "gap"}, {Field: "revenueBands", Rule: "gap"},
		{Field: "claimFactors", Rule: "gap"}, {Field: "incurredFactors", Rule: "gap"},
	}
	if d := cmp.Diff(want, got.Fields()); d != "" {
		t.Error(d)
	}
}

func TestNewTablesAreChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(*rating.Book)
		want   fault.Field
	}{
		{"no such basis", func(b *rating.Book) { b.BaseRates["OR"] = rating.BaseRate{PerUnit: "1", Basis: "acres"} }, fault.Field{Field: "baseRates.OR.basis", Rule: "enum"}},
		{"state in words", func(b *rating.Book) { b.BaseRates["Oregon"] = rating.BaseRate{PerUnit: "1"} }, fault.Field{Field: "baseRates.Oregon", Rule: "pattern"}},
		{"territory in words", func(b *rating.Book) { b.TerritoryFactors = map[string]string{"coast": "1"} }, fault.Field{Field: "territoryFactors.coast", Rule: "pattern"}},
		{"territory for nothing", func(b *rating.Book) { b.TerritoryFactors = map[string]string{"OR-972": "0"} }, fault.Field{Field: "territoryFactors.OR-972", Rule: "min"}},
		{"more cover for less", func(b *rating.Book) { b.LimitFactors[3].Factor = "0.89" }, fault.Field{Field: "limitFactors[3].factor", Rule: "ascending"}},
		{"more losses for less", func(b *rating.Book) { b.ClaimFactors[1].Factor = "0.9" }, fault.Field{Field: "claimFactors[1].factor", Rule: "ascending"}},
		{"costlier losses for less", func(b *rating.Book) { b.IncurredFactors[1].Factor = "0.9" }, fault.Field{Field: "incurredFactors[1].factor", Rule: "ascending"}},
		{"the same count twice", func(b *rating.Book) { b.ClaimFactors[1].UpTo = 0 }, fault.Field{Field: "claimFactors[1].upTo", Rule: "min"}},
		{"a larger deductible saves less", func(b *rating.Book) { b.DeductibleCredits[1].Credit = "0.01" }, fault.Field{Field: "deductibleCredits[1].credit", Rule: "ascending"}},
		{"a credit below nothing", func(b *rating.Book) { b.DeductibleCredits[0].Credit = "-0.01" }, fault.Field{Field: "deductibleCredits[0].credit", Rule: "min"}},
		{"judgement without bounds", func(b *rating.Book) { b.ScheduleMax = 26 }, fault.Field{Field: "scheduleMax", Rule: "max"}},
		{"too many classes", func(b *rating.Book) { b.ExcludedClasses = strings.Fields(strings.Repeat("11 ", 5001)) }, fault.Field{Field: "excludedClasses", Rule: "maxItems"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := rating.Standard("GL")
			tt.change(&book)
			got, _ := errors.AsType[*fault.Error](book.Validate())
			if got == nil || !cmp.Equal(got.Fields(), []fault.Field{tt.want}) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWhatABookCannotPrice(t *testing.T) {
	tests := []struct {
		name string
		line string
		in   rating.Input
		want error
		bad  []fault.Field
	}{
		{"payroll unknown", "WC", rating.Input{State: "OR", NAICS: "236220", RequestedLimit: 1}, rating.ErrExposure, []fault.Field{{Field: "payroll", Rule: "required"}}},
		{"value unknown", "PROPERTY", rating.Input{State: "OR", NAICS: "236220", RequestedLimit: 1}, rating.ErrExposure, []fault.Field{{Field: "tiv", Rule: "required"}}},
		{"vehicles unknown", "COMMERCIAL_AUTO", rating.Input{State: "OR", NAICS: "236220", RequestedLimit: 1}, rating.ErrExposure, []fault.Field{{Field: "vehicles", Rule: "required"}}},
		{"too many claims, too high a limit", "GL", rating.Input{State: "OR", NAICS: "236220", RequestedLimit: money.Max, Losses: &rating.Losses{Claims: 1001}}, rating.ErrNoRate,
			[]fault.Field{{Field: "requestedLimit", Rule: "max"}, {Field: "lossHistory", Rule: "max"}}},
		{"excluded", "WC", rating.Input{State: "OR", NAICS: "332992", RequestedLimit: 1}, rating.ErrExcludedClass, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rating.Standard(tt.line).Rate(tt.in)
			f, _ := errors.AsType[*fault.Error](err)
			if !errors.Is(err, tt.want) || !cmp.Equal(f.Fields(), tt.bad) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestScheduleNeedsAReasonWithinBounds(t *testing.T) {
	book := rating.Standard("GL")
	for name, tt := range map[string]struct {
		s    rating.Schedule
		want []fault.Field
	}{
		"most":           {rating.Schedule{Percent: 25, Reason: "safety"}, nil},
		"least":          {rating.Schedule{Percent: -25, Reason: "other", Note: "x"}, nil},
		"too much":       {rating.Schedule{Percent: 26, Reason: "safety"}, []fault.Field{{Field: "schedule.percent", Rule: "max"}}},
		"too little":     {rating.Schedule{Percent: -26, Reason: "safety"}, []fault.Field{{Field: "schedule.percent", Rule: "min"}}},
		"nothing at all": {rating.Schedule{}, []fault.Field{{Field: "schedule.percent", Rule: "required"}, {Field: "schedule.reason", Rule: "enum"}}},
		"other, unsaid":  {rating.Schedule{Percent: 5, Reason: "other", Note: " "}, []fault.Field{{Field: "schedule.note", Rule: "required"}}},
		"no such reason": {rating.Schedule{Percent: 5, Reason: "sympathy"}, []fault.Field{{Field: "schedule.reason", Rule: "enum"}}},
	} {
		err := book.Allows(tt.s)
		f, ok := errors.AsType[*fault.Error](err)
		if ok != (tt.want != nil) || ok && !cmp.Equal(f.Fields(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	book.ScheduleMax = 10
	if err := book.Allows(rating.Schedule{Percent: 11, Reason: "safety"}); !errors.Is(err, rating.ErrSchedule) {
		t.Errorf("beyond the book's own bound: %v", err)
	}
	in := risk("OR", "236220", 800_000_000, 100_000_000)
	in.Schedule = &rating.Schedule{Percent: 11, Reason: "safety"}
	if _, err := book.Rate(in); !errors.Is(err, rating.ErrSchedule) {
		t.Errorf("rated: %v", err)
	}
}

// The rate books that were stored before there were bases keep their prices.
func TestOldBooksAreRead(t *testing.T) {
	var book rating.Book
	err := json.Unmarshal([]byte(`{"baseRates": {"OR": {"perThousand": "1.425", "minimumPremium": 750}}, "classModifiers": {"2362": "1.25"}, "excludedClasses": null,
		"limitFactors": [{"upTo": 1000000, "factor": "1.00"}], "revenueBands": [{"upTo": 100000000000, "factor": "1.00"}]}`), &book)
	if err != nil {
		t.Fatal(err)
	}
	got, err := book.Rate(risk("OR", "236220", 800_000_000, 100_000_000))
	if err != nil || got.Premium != 1_425_000 || book.BaseRates["OR"].MinimumPremium != 75_000 {
		t.Errorf("%s, %v, %+v", got.Premium, err, book.BaseRates)
	}
}

func BenchmarkRate(b *testing.B) {
	book := rating.Standard("GL")
	in := risk("OR", "236220", 800_000_000, 100_000_000)
	in.Deductible, in.Losses, in.Schedule = 500_000, &rating.Losses{Claims: 2, Incurred: 5_000_000}, &rating.Schedule{Percent: -10, Reason: "safety"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := book.Rate(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rates/s")
}
