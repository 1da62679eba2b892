package quote_test

import (
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

var (
	noon    = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	today   = civil.DateOf(noon)
	program = quote.Program{AutoBindThreshold: 10_000_000, ReferAbove: 10_000_000, DeclineAbove: 25_000_000}
	table   = quote.RateTable{Version: 1, Book: rating.Standard("GL")}
)

func builder(revenue money.Cents, naics string, effective civil.Date) submission.Submission {
	return submission.Submission{State: "OR", NAICS: naics, AnnualRevenue: revenue, RequestedLimit: 100_000_000, EffectiveDate: effective}
}

func TestMake(t *testing.T) {
	past := civil.Date{Year: 2026, Month: 5, Day: 1}
	tests := []struct {
		name    string
		s       submission.Submission
		dates   quote.Dates
		want    quote.Decision
		reasons []string
	}{
		{"inside everything", builder(800_000_000, "236220", today), quote.Dates{Today: today, MaxBackdate: 30}, quote.Quoted, []string{}},
		{"past date, not in production", builder(800_000_000, "236220", past), quote.Dates{Today: today, MaxBackdate: -1}, quote.Quoted, []string{}},
		{"past date in production", builder(800_000_000, "236220", past), quote.Dates{Today: today, MaxBackdate: 30}, quote.Referred, []string{"backdated"}},
		{"the last day that may be backdated", builder(800_000_000, "236220", today.AddDays(-30)), quote.Dates{Today: today, MaxBackdate: 30}, quote.Quoted, []string{}},
		{"a day too many", builder(800_000_000, "236220", today.AddDays(-31)), quote.Dates{Today: today, MaxBackdate: 30}, quote.Referred, []string{"backdated"}},
		{"above the guideline", builder(6_000_000_000, "236220", today), quote.Dates{Today: today, MaxBackdate: 30}, quote.Referred, []string{"premium_above_guideline"}},
		{"above the appetite", builder(20_000_000_000, "236220", past), quote.Dates{Today: today, MaxBackdate: 30}, quote.Declined, []string{"premium_above_appetite"}},
		{"excluded class", builder(800_000_000, "332992", past), quote.Dates{Today: today, MaxBackdate: 30}, quote.Declined, []string{"excluded_class"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := quote.Make(tt.s, program, table, quote.Terms{}, tt.dates, noon)
			if err != nil {
				t.Fatal(err)
			}
			if q.Decision != tt.want || string(q.Status) != string(tt.want) || !cmp.Equal(q.Reasons, tt.reasons) {
				t.Errorf("%s, %s, %v; want %s, %v", q.Decision, q.Status, q.Reasons, tt.want, tt.reasons)
			}
			if !q.ExpiresAt.Equal(noon.AddDate(0, 0, 30)) {
				t.Errorf("expires %s", q.ExpiresAt)
			}
		})
	}
}

// The thresholds themselves still pass: only a cent above them does not.
func TestMakeAtTheThresholds(t *testing.T) {
	s := builder(800_000_000, "236220", today) // 14,250.00
	tests := []struct {
		name           string
		refer, decline money.Cents
		want           quote.Decision
	}{
		{"at the guideline", 1_425_000, 9_000_000, quote.Quoted},
		{"a cent above the guideline", 1_424_999, 9_000_000, quote.Referred},
		{"at the appetite", 1_000_000, 1_425_000, quote.Referred},
		{"a cent above the appetite", 1_000_000, 1_424_999, quote.Declined},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := quote.Program{ReferAbove: tt.refer, DeclineAbove: tt.decline}
			q, err := quote.Make(s, p, table, quote.Terms{}, quote.Dates{Today: today, MaxBackdate: 30}, noon)
			if err != nil || q.Decision != tt.want || q.GrossPremium != 1_425_000 {
				t.Errorf("%s of %s, %v; want %s", q.Decision, q.GrossPremium, err, tt.want)
			}
		})
	}
}

func TestMakeGivesEveryReasonOfAReferral(t *testing.T) {
	s := builder(6_000_000_000, "236220", today.AddDays(-31))
	q, err := quote.Make(s, program, table, quote.Terms{}, quote.Dates{Today: today, MaxBackdate: 30}, noon)
	if err != nil || !cmp.Equal(q.Reasons, []string{"premium_above_guideline", "backdated"}) {
		t.Errorf("%v, %v", q.Reasons, err)
	}
}

func TestMakeWithoutARateIsNoQuote(t *testing.T) {
	s := builder(800_000_000, "236220", today)
	s.RequestedLimit = money.Max
	if q, err := quote.Make(s, program, table, quote.Terms{}, quote.Dates{Today: today}, noon); !errors.Is(err, rating.ErrNoRate) || !q.ID.IsZero() {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestEachBlocker(t *testing.T) {
	tests := []struct {
		name   string
		change func(*quote.Quote)
		want   []string
	}{
		{"declined", func(q *quote.Quote) { q.Decision = quote.Declined }, []string{"quote_declined"}},
		{"referred", func(q *quote.Quote) { q.Decision, q.Status = quote.Referred, quote.Status(quote.Referred) }, []string{"quote_referred"}},
		{"referred, and agreed to", func(q *quote.Quote) { q.Decision = quote.Referred }, nil},
		{"superseded", func(q *quote.Quote) { q.Status = quote.Superseded }, []string{"quote_superseded"}},
		{"bound", func(q *quote.Quote) { q.Status = quote.Bound }, []string{"quote_bound"}},
		{"agreed to, and passed over", func(q *quote.Quote) { q.Decision, q.Status = quote.Referred, quote.NotTakenUp }, []string{"quote_not_taken_up"}},
		{"agreed to, and superseded", func(q *quote.Quote) { q.Decision, q.Status = quote.Referred, quote.Superseded }, []string{"quote_superseded"}},
		{"at the threshold", func(q *quote.Quote) { q.GrossPremium = program.AutoBindThreshold }, nil},
		{"a cent above it", func(q *quote.Quote) { q.GrossPremium = program.AutoBindThreshold + 1 }, []string{"authority_required"}},
		{"expires now", func(q *quote.Quote) { q.ExpiresAt = noon }, []string{"quote_expired"}},
		{"expired, and passed over", func(q *quote.Quote) { q.ExpiresAt, q.Status = noon, quote.Expired }, []string{"quote_expired"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := quote.Make(builder(800_000_000, "236220", today), program, table, quote.Terms{}, quote.Dates{MaxBackdate: -1}, noon)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(&q)
			if d := cmp.Diff(tt.want, q.Blockers(program, noon)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEveryBlocker(t *testing.T) {
	q, _ := quote.Make(builder(800_000_000, "236220", today), program, table, quote.Terms{}, quote.Dates{MaxBackdate: -1}, noon)
	if got := q.Blockers(program, noon.Add(quote.Age-1)); got != nil {
		t.Errorf("in its last moment: %v", got)
	}
	q.Decision, q.Status, q.GrossPremium = quote.Referred, quote.Status(quote.Referred), 10_000_001
	if d := cmp.Diff([]string{"quote_referred", "quote_expired", "authority_required"}, q.Blockers(program, noon.Add(quote.Age))); d != "" {
		t.Error(d)
	}
}

// TestCountered puts the terms of a counter in the place of a quote's.
func TestCountered(t *testing.T) {
	s := builder(800_000_000, "236220", today)
	was, err := quote.Make(s, program, table, quote.Terms{Aggregate: 200_000_000, Deductible: 500_000}, quote.Dates{Today: today, MaxBackdate: -1}, noon)
	if err != nil {
		t.Fatal(err)
	}
	before := was.Terms
	limit := func(c money.Cents) *money.Cents { return &c }
	for name, tt := range map[string]struct {
		c     quote.Counter
		want  quote.Terms
		wrong int
	}{
		"nothing but exclusions":           {quote.Counter{Exclusions: []string{"Roofing"}}, quote.Terms{Limit: 100_000_000, Aggregate: 200_000_000, Deductible: 500_000, Exclusions: []string{"Roofing"}}, 0},
		"less":                             {quote.Counter{Limit: limit(50_000_000)}, quote.Terms{Limit: 50_000_000, Aggregate: 200_000_000, Deductible: 500_000}, 0},
		"more than the aggregate":          {quote.Counter{Limit: limit(300_000_000)}, quote.Terms{Limit: 300_000_000, Aggregate: 300_000_000, Deductible: 500_000}, 0},
		"no deductible":                    {quote.Counter{Deductible: limit(0)}, quote.Terms{Limit: 100_000_000, Aggregate: 200_000_000}, 0},
		"a deductible of the whole limit":  {quote.Counter{Deductible: limit(100_000_000)}, quote.Terms{}, 1},
		"a limit below the old deductible": {quote.Counter{Limit: limit(400_000)}, quote.Terms{}, 1},
		"no limit":                         {quote.Counter{Limit: limit(0)}, quote.Terms{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := was.Countered(tt.c, noon.Add(time.Hour))
			if tt.wrong > 0 {
				f, ok := errors.AsType[*fault.Error](err)
				if !ok || len(f.Fields()) != tt.wrong {
					t.Fatalf("err = %v", err)
				}
				return
			}
			if err != nil || !cmp.Equal(q.Terms, tt.want) || q.ID == was.ID || !q.Agreed() || was.Agreed() || q.GrossPremium != was.GrossPremium {
				t.Errorf("%+v, %v", q, err)
			}
			if !cmp.Equal(was.Terms, before) {
				t.Errorf("the version before is now on %+v", was.Terms)
			}
		})
	}
}

// A counter below the least premium of the rates is refused, and so is one that
// changes nothing, with all else that is wrong.
func TestCheckCounter(t *testing.T) {
	was, err := quote.Make(builder(800_000_000, "236220", today), program, table, quote.Terms{Deductible: 500_000}, quote.Dates{Today: today, MaxBackdate: -1}, noon)
	if err != nil {
		t.Fatal(err)
	}
	excluding := was
	excluding.Terms.Exclusions = []string{"Roofing"}
	const least = 75_000
	for name, tt := range map[string]struct {
		of   quote.Quote
		c    quote.Counter
		want []fault.Field
	}{
		"the least":                      {was, quote.Counter{Premium: new(money.Cents(least))}, nil},
		"a cent below":                   {was, quote.Counter{Premium: new(money.Cents(least - 1))}, []fault.Field{{Field: "counter.premium", Rule: "min"}}},
		"the same premium":               {was, quote.Counter{Premium: &was.GrossPremium}, []fault.Field{{Field: "counter", Rule: "different"}}},
		"all of it as it is":             {was, quote.Counter{Premium: &was.GrossPremium, Limit: &was.Terms.Limit, Deductible: &was.Terms.Deductible}, []fault.Field{{Field: "counter", Rule: "different"}}},
		"the same exclusions":            {excluding, quote.Counter{Exclusions: []string{"Roofing"}}, []fault.Field{{Field: "counter", Rule: "different"}}},
		"the same premium, another term": {was, quote.Counter{Premium: &was.GrossPremium, Deductible: new(money.Cents)}, nil},
		"all that is wrong": {was, quote.Counter{Premium: new(money.Cents), Limit: new(money.Cents)}, []fault.Field{
			{Field: "counter.limit", Rule: "min"}, {Field: "counter.deductible", Rule: "max"}, {Field: "counter.premium", Rule: "min"},
		}},
	} {
		var got []fault.Field
		if f, ok := errors.AsType[*fault.Error](tt.of.CheckCounter(tt.c, least)); ok {
			got = f.Fields()
		}
		if !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// What two changes of a program reach only together is blamed, too, and what was
// out of reach before is not.
func TestAWiderProgramHasToHaveItsRates(t *testing.T) {
	rate := func(state string, limits ...rating.Band) quote.RateTable {
		return quote.RateTable{Book: rating.Book{
			BaseRates: map[string]rating.BaseRate{state: {PerUnit: "1", MinimumPremium: 1}}, LimitFactors: limits, RevenueBands: []rating.Band{{Factor: "1"}},
		}}
	}
	oregon, all := rate("OR", rating.Band{UpTo: 200, Factor: "1"}), rate("__", rating.Band{Factor: "1"})
	was := quote.Program{LineOfBusiness: "GL", States: []string{"OR"}, MaxLimit: 200}
	for _, tt := range []struct {
		name   string
		to     quote.Program
		tables []quote.RateTable
		want   []fault.Field
	}{
		{"no rates yet", quote.Program{MaxLimit: 500}, nil, nil},
		{"narrower", quote.Program{States: []string{"OR"}, MaxLimit: 100}, []quote.RateTable{oregon}, nil},
		{"a state", quote.Program{States: []string{"OR", "WA"}, MaxLimit: 200}, []quote.RateTable{all, oregon}, []fault.Field{{Field: "states[1]", Rule: "gap"}}},
		{"every state", quote.Program{MaxLimit: 200}, []quote.RateTable{oregon}, []fault.Field{{Field: "states", Rule: "gap"}}},
		{"a limit", quote.Program{States: []string{"OR"}, MaxLimit: 201}, []quote.RateTable{oregon}, []fault.Field{{Field: "maxLimit", Rule: "gap"}}},
		{"both", quote.Program{States: []string{"WA"}, MaxLimit: 201}, []quote.RateTable{oregon}, []fault.Field{{Field: "states[0]", Rule: "gap"}, {Field: "maxLimit", Rule: "gap"}}},
		{"all of it is there", quote.Program{MaxLimit: 500}, []quote.RateTable{all}, nil},
		{"its gap is of before", was, []quote.RateTable{rate("WA", rating.Band{UpTo: 100, Factor: "1"})}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, _ := errors.AsType[*fault.Error](tt.to.Widened(was, tt.tables))
			if tt.want == nil {
				if f != nil {
					t.Fatalf("%v %v", f, f.Fields())
				}
				return
			}
			if f == nil || !errors.Is(f, quote.ErrGaps) || !cmp.Equal(f.Fields(), tt.want) {
				t.Errorf("%v, want %v", f, tt.want)
			}
		})
	}
}
