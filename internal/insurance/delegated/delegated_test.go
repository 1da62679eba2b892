package delegated_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

func day(y int, m time.Month, d int) civil.Date { return civil.Date{Year: y, Month: m, Day: d} }

// agreement is one with every bound.
func agreement() delegated.Agreement {
	return delegated.Agreement{
		ID: delegated.NewID(time.Unix(1, 0)), Effective: day(2026, 2, 1), Expiration: day(2028, 2, 1), Status: delegated.Active, Terms: delegated.Terms{
			MaxOccurrence: 100_000_000, MaxAggregate: 200_000_000, MaxPremium: 5_000_000, States: []string{delegated.AllStates}, ExcludedStates: []string{"NY"},
			Classes: []string{"23"}, ExcludedClass: []string{"2389"}, AnnualPremium: 100_000_000, QuarterlyPremium: new(money.Cents(40_000_000)),
			Accumulated: new(money.Cents(1_000_000_000)), PerInsured: 2, MaxRevenue: new(money.Cents(1_000_000_000)), MaxTIV: new(money.Cents(500_000_000)),
			Months: []int{12}, MinYears: new(3), Triggers: []delegated.Trigger{
				{Type: delegated.RevenueThreshold, Threshold: new(money.Cents(900_000_000)), Description: "big"},
				{Type: delegated.LossHistory, Threshold: new(money.Cents(0)), Description: "any loss"},
				{Type: delegated.ClassCode, Values: []string{"2381"}, Description: "framing"},
				{Type: delegated.StateTrigger, Values: []string{"FL", "LA"}, Description: "storms"},
			}, ProducerCommission: 1500, Override: 750,
		},
	}
}

func summit() carrier.Carrier {
	return carrier.Carrier{Name: "Summit", Status: carrier.Active, Reporting: carrier.Reporting{Premium: carrier.Monthly, Claims: carrier.Quarterly, Lag: 15}}
}

// risk is one inside every bound.
func risk() delegated.Risk {
	return delegated.Risk{
		Insured: "pacific coast builders", State: "OR", NAICS: "236220", Effective: day(2026, 5, 1), Months: 12, Occurrence: 100_000_000, Aggregate: 200_000_000,
		Premium: 5_000_000, Revenue: 800_000_000, TIV: 500_000_000, YearsInBusiness: new(3),
	}
}

func room(a delegated.Agreement, r delegated.Risk) delegated.Room {
	var out delegated.Room
	for _, k := range a.Keys(r.Effective) {
		out.Counters = append(out.Counters, delegated.Counter{Key: k})
	}
	return out
}

func TestCheckNamesEveryRule(t *testing.T) {
	type world struct {
		a *delegated.Agreement
		c *carrier.Carrier
		r *delegated.Risk
		m *delegated.Room
	}
	tests := []struct {
		name   string
		change func(world)
		want   []delegated.Exceeding
	}{
		{"inside everything", func(world) {}, nil},
		{"suspended", func(w world) { w.a.Status = delegated.Suspended }, []delegated.Exceeding{{Rule: delegated.NotActive}}},
		{"carrier stopped", func(w world) { w.c.Status = carrier.Inactive }, []delegated.Exceeding{{Rule: delegated.CarrierStopped}}},
		{"a cent of limit", func(w world) { w.r.Occurrence++ }, []delegated.Exceeding{{Rule: delegated.Occurrence, Limit: money.Cents(100_000_000), Actual: money.Cents(100_000_001)}}},
		{"a cent of aggregate", func(w world) { w.r.Aggregate++ }, []delegated.Exceeding{{Rule: delegated.Aggregate, Limit: money.Cents(200_000_000), Actual: money.Cents(200_000_001)}}},
		{"a cent of premium", func(w world) { w.r.Premium++ }, []delegated.Exceeding{{Rule: delegated.PerPolicy, Limit: money.Cents(5_000_000), Actual: money.Cents(5_000_001)}}},
		{"an excluded state", func(w world) { w.r.State = "NY" }, []delegated.Exceeding{{Rule: delegated.State, Actual: "NY"}}},
		{"the district is none of fifty", func(w world) { w.r.State = "DC" }, []delegated.Exceeding{{Rule: delegated.State, Actual: "DC"}}},
		{"the district, named", func(w world) { w.r.State, w.a.Terms.States = "DC", []string{delegated.AllStates, "DC"} }, nil},
		{"a state of a list", func(w world) { w.a.Terms.States = []string{"WA"} }, []delegated.Exceeding{{Rule: delegated.State, Actual: "OR"}}},
		{"another class", func(w world) { w.r.NAICS = "440000" }, []delegated.Exceeding{{Rule: delegated.Class, Actual: "440000"}}},
		{"an excluded class", func(w world) { w.r.NAICS = "238910" }, []delegated.Exceeding{{Rule: delegated.Class, Actual: "238910"}}},
		{"no list of classes", func(w world) { w.r.NAICS, w.a.Terms.Classes = "440000", nil }, nil},
		{"revenue", func(w world) { w.r.Revenue = 1_000_000_001 }, []delegated.Exceeding{{Rule: delegated.Revenue, Limit: money.Cents(1_000_000_000), Actual: money.Cents(1_000_000_001)}}},
		{"insured value", func(w world) { w.r.TIV++ }, []delegated.Exceeding{{Rule: delegated.TIV, Limit: money.Cents(500_000_000), Actual: money.Cents(500_000_001)}}},
		{"another term", func(w world) { w.r.Months = 6 }, []delegated.Exceeding{{Rule: delegated.Term, Limit: []int{12}, Actual: 6}}},
		{"any term", func(w world) { w.r.Months, w.a.Terms.Months = 6, nil }, nil},
		{"too young", func(w world) { w.r.YearsInBusiness = new(2) }, []delegated.Exceeding{{Rule: delegated.YearsInBusiness, Limit: 3, Actual: 2}}},
		{"age unknown", func(w world) { w.r.YearsInBusiness = nil }, []delegated.Exceeding{{Rule: delegated.YearsInBusiness, Limit: 3}}},
		{"the year is full to the cent", func(w world) { w.m.Counters[1].Used = 95_000_000 }, nil},
		{"a cent more", func(w world) { w.m.Counters[1].Used = 95_000_001 }, []delegated.Exceeding{{Rule: delegated.Annual, Limit: money.Cents(100_000_000), Actual: money.Cents(100_000_001), Period: "2026-02-01"}}},
		{"reserved counts", func(w world) { w.m.Counters[1].Used, w.m.Counters[1].Reserved = 50_000_000, 45_000_001 }, []delegated.Exceeding{{Rule: delegated.Annual, Limit: money.Cents(100_000_000), Actual: money.Cents(100_000_001), Period: "2026-02-01"}}},
		{"the quarter is full", func(w world) { w.m.Counters[2].Used = 35_000_001 }, []delegated.Exceeding{{Rule: delegated.QuarterlyRule, Limit: money.Cents(40_000_000), Actual: money.Cents(40_000_001), Period: "2026-05-01"}}},
		{"no bound of quarters", func(w world) { w.m.Counters[2].Used, w.a.Terms.QuarterlyPremium = money.Max, nil }, nil},
		{"limits add up", func(w world) { w.m.Counters[0].Used = 800_000_001 }, []delegated.Exceeding{{Rule: delegated.AccumulatedLimit, Limit: money.Cents(1_000_000_000), Actual: money.Cents(1_000_000_001), Period: "2026-02-01"}}},
		{"the insured has one", func(w world) { w.m.Policies = 1 }, nil},
		{"the insured has two", func(w world) { w.m.Policies = 2 }, []delegated.Exceeding{{Rule: delegated.PoliciesOfOne, Limit: 2, Actual: 3}}},
		{"any number", func(w world) { w.m.Policies, w.a.Terms.PerInsured = 99, 0 }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, c, r := agreement(), summit(), risk()
			m := room(a, r)
			tt.change(world{&a, &c, &r, &m})
			if d := cmp.Diff(tt.want, delegated.Check(a, c, m, r)); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("all at once, in the order of the rules", func(t *testing.T) {
		a, c := agreement(), summit()
		a.Status, c.Status = delegated.Suspended, carrier.Inactive
		r := delegated.Risk{State: "NY", NAICS: "44", Effective: day(2026, 5, 1), Months: 6, Occurrence: money.Max, Aggregate: money.Max, Premium: money.Max, Revenue: money.Max, TIV: money.Max}
		m := room(a, r)
		m.Policies = 9
		slices.Reverse(m.Counters)
		got := delegated.Codes(delegated.Check(a, c, m, r))
		var want []string
		for _, rule := range delegated.Rules {
			if rule != delegated.NoAgreement && rule != delegated.Referral {
				want = append(want, string(rule))
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestTriggersRefer(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*delegated.Risk)
		want   []string
	}{
		"none":       {func(*delegated.Risk) {}, nil},
		"revenue":    {func(r *delegated.Risk) { r.Revenue = 900_000_001 }, []string{"da_trigger_revenue_threshold"}},
		"at it":      {func(r *delegated.Risk) { r.Revenue = 900_000_000 }, nil},
		"losses":     {func(r *delegated.Risk) { r.Losses = 1 }, []string{"da_trigger_loss_history"}},
		"class":      {func(r *delegated.Risk) { r.NAICS = "238130" }, []string{"da_trigger_class_code"}},
		"state":      {func(r *delegated.Risk) { r.State = "LA" }, []string{"da_trigger_state"}},
		"everything": {func(r *delegated.Risk) { r.Revenue, r.Losses, r.NAICS, r.State = money.Max, 1, "2381", "FL" }, []string{"da_trigger_revenue_threshold", "da_trigger_loss_history", "da_trigger_class_code", "da_trigger_state"}},
	} {
		r := risk()
		tt.change(&r)
		var got []string
		for _, g := range agreement().Terms.Triggered(r) {
			got = append(got, g.Reason())
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestAgreementsSayWhatIsWrong(t *testing.T) {
	if err := agreement().Check(); err != nil {
		t.Fatal(err)
	}
	bad := delegated.Agreement{Effective: day(2026, 2, 1), Expiration: day(2026, 2, 1), Status: "asleep", Terms: delegated.Terms{
		MaxOccurrence: 2, MaxAggregate: 1, MaxPremium: money.Max + 1, ExcludedStates: []string{delegated.AllStates, "OR", "OR"}, Classes: []string{"x"},
		AnnualPremium: 5, QuarterlyPremium: new(money.Cents(6)), Accumulated: new(money.Cents(-1)), PerInsured: -1, Months: []int{0, 121}, MinYears: new(101),
		ProducerCommission: 6000, Override: 5000, Triggers: []delegated.Trigger{
			{Type: delegated.RevenueThreshold, Values: []string{"OR"}}, {Type: delegated.StateTrigger, Threshold: new(money.Cents(1)), Description: "d"},
			{Type: "MOOD", Description: "d"}, {Type: delegated.StateTrigger, Values: []string{"XX"}, Description: "d"},
		},
	}}
	f, ok := errors.AsType[*fault.Error](bad.Check())
	if !ok {
		t.Fatal("nothing wrong")
	}
	var got []string
	for _, b := range f.Fields() {
		got = append(got, b.Field+" "+b.Rule)
	}
	want := []string{
		"expirationDate min", "status enum", "maxAggregateLimit min", "maxPremiumPerPolicy max", "quarterlyGwpLimit max", "maxAccumulatedLimit min",
		"authorizedStates minItems", "excludedStates[0] enum", "excludedStates[2] unique", "authorizedNaicsCodes[0] pattern", "maxPoliciesPerInsured min",
		"allowedPolicyTerms[0] min", "allowedPolicyTerms[1] max", "minYearsInBusiness max", "mgaOverrideBps max", "referralTriggers[0].description required",
		"referralTriggers[0].threshold required", "referralTriggers[0].values unexpected", "referralTriggers[1].values required",
		"referralTriggers[1].threshold unexpected", "referralTriggers[2].type enum", "referralTriggers[3].values[0] enum",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	long := agreement()
	long.Expiration = day(2036, 2, 2)
	if f, _ := errors.AsType[*fault.Error](long.Check()); f == nil || fmt.Sprint(f.Fields()) != "[{expirationDate max}]" {
		t.Errorf("of more than ten years: %v", f)
	}
}

func TestPeriodsOfAnAgreement(t *testing.T) {
	a := agreement()
	for name, tt := range map[string]struct{ on, year, quarter civil.Date }{
		"the first day":               {day(2026, 2, 1), day(2026, 2, 1), day(2026, 2, 1)},
		"the last day of a quarter":   {day(2026, 4, 30), day(2026, 2, 1), day(2026, 2, 1)},
		"the first of the next":       {day(2026, 5, 1), day(2026, 2, 1), day(2026, 5, 1)},
		"the fourth, in another year": {day(2027, 1, 31), day(2026, 2, 1), day(2026, 11, 1)},
		"the second year":             {day(2027, 2, 1), day(2027, 2, 1), day(2027, 2, 1)},
	} {
		year, _ := a.Year(tt.on)
		quarter, _ := a.Quarter(tt.on)
		if year != tt.year || quarter != tt.quarter {
			t.Errorf("%s: year from %s, quarter from %s", name, year, quarter)
		}
	}
}

// Every day of an agreement lies in one year and one quarter, also in one that
// begins on a day that not every year and month has.
func TestPeriodsHoldTheirDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := agreement()
		a.Effective = day(2024, 1, 1).AddDays(rapid.IntRange(0, 1500).Draw(t, "begins"))
		on := a.Effective.AddDays(rapid.IntRange(0, 3000).Draw(t, "day"))
		year, next := a.Year(on)
		quarter, then := a.Quarter(on)
		if on.Before(year) || !on.Before(next) || on.Before(quarter) || !on.Before(then) || quarter.Before(year) || then.After(next) {
			t.Fatalf("%s of %s: year %s to %s, quarter %s to %s", on, a.Effective, year, next, quarter, then)
		}
		if again, _ := a.Quarter(quarter); again != quarter {
			t.Fatalf("the quarter of its first day begins on %s, not %s", again, quarter)
		}
	})
}

// What is bound never exceeds a bound; whether all of some risks fit does not
// depend on their order, nor does what is used then; and the aggregates are told
// of once for each time that they come above the share.
func TestSumsStayInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := agreement()
		a.Terms.PerInsured, a.Terms.MaxPremium = 0, money.Max
		var risks []delegated.Risk
		for i := range rapid.IntRange(1, 30).Draw(t, "risks") {
			r := risk()
			r.Premium = money.Cents(rapid.IntRange(0, 20_000_000).Draw(t, fmt.Sprint("premium ", i)))
			r.Aggregate = money.Cents(rapid.IntRange(1, 200_000_000).Draw(t, fmt.Sprint("limit ", i)))
			r.Occurrence = 1
			r.Effective = a.Effective.AddDays(rapid.IntRange(0, 700).Draw(t, fmt.Sprint("day ", i)))
			risks = append(risks, r)
		}
		all, fitted := bindAll(t, a, risks)
		other, fittedToo := bindAll(t, a, rapid.Permutation(risks).Draw(t, "order"))
		if fitted == len(risks) && (fittedToo != fitted || !cmp.Equal(all, other)) {
			t.Fatalf("all fit in one order, and %d of %d in another", fittedToo, fitted)
		}
	})
}

func bindAll(t *rapid.T, a delegated.Agreement, risks []delegated.Risk) (map[delegated.Key]money.Cents, int) {
	ledger, told, fitted := map[delegated.Key]delegated.Counter{}, map[delegated.Key]int{}, 0
	for _, r := range risks {
		m := room(a, r)
		for i, c := range m.Counters {
			if was, ok := ledger[c.Key]; ok {
				m.Counters[i] = was
			}
		}
		if len(delegated.Check(a, summit(), m, r)) > 0 {
			continue
		}
		fitted++
		after, near := a.Use(m.Counters, r)
		for _, c := range after {
			ledger[c.Key] = c
		}
		for _, c := range near {
			told[c.Key]++
		}
	}
	used := map[delegated.Key]money.Cents{}
	for k, c := range ledger {
		limit := map[delegated.Kind]money.Cents{
			delegated.AnnualPremium: a.Terms.AnnualPremium, delegated.QuarterlyPremium: *a.Terms.QuarterlyPremium, delegated.AccumulatedLimits: *a.Terms.Accumulated,
		}[k.Kind]
		if c.Used > limit {
			t.Fatalf("%v has used %s of %s", k, c.Used, limit)
		}
		if want := c.Used*100 > limit*85; (told[k] == 1) != want || told[k] > 1 {
			t.Fatalf("%v with %s of %s was told %d times", k, c.Used, limit, told[k])
		}
		used[k] = c.Used
	}
	return used, fitted
}

// Coming back below the share arms it again; going up and down above it does not.
func TestToldOncePerCrossing(t *testing.T) {
	a := agreement()
	c := delegated.Counter{Key: delegated.Key{Kind: delegated.AnnualPremium, Period: "2026-02-01"}}
	for i, step := range []struct {
		add  money.Cents
		tell bool
	}{{85_000_000, false}, {1, true}, {10_000_000, false}, {-5_000_000, false}, {-5_000_001, false}, {1, true}, {1, false}} {
		var tell bool
		if c, tell = a.Add(c, step.add); tell != step.tell {
			t.Errorf("step %d, at %s: told %t", i, c.Used, tell)
		}
	}
	raised := a
	raised.Terms.AnnualPremium = 200_000_000
	changed, near := raised.Watch([]delegated.Counter{c})
	if len(changed) != 1 || changed[0].Told || len(near) != 0 {
		t.Errorf("a higher limit: %v, %v", changed, near)
	}
	if _, near := a.Watch(changed); len(near) != 1 {
		t.Errorf("the lower limit again: %v", near)
	}
}

func TestUtilization(t *testing.T) {
	a := agreement()
	used := []delegated.Share{
		{Effective: day(2026, 2, 1), Premium: 10_000_000, Aggregate: 100_000_000, Policies: 2}, {Effective: day(2026, 5, 1), Premium: 20_000_000, Aggregate: 100_000_000, Policies: 1},
		{Effective: day(2027, 2, 1), Premium: 7, Aggregate: 100_000_000, Policies: 1},
	}
	lines := a.Utilization(day(2026, 6, 1), used, []delegated.Share{{Effective: day(2026, 5, 2), Premium: 1_000_000, Aggregate: 50_000_000, Policies: 1}})
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprint(l.Kind, " ", l.From, " ", l.To, " ", l.Used, " ", l.Reserved, " ", *l.Remaining, " ", *l.Percent, " ", l.Policies))
	}
	want := []string{
		"accumulated_limit 2026-02-01 2028-02-01 3000000.00 500000.00 6500000.00 30 4",
		"annual_written_premium 2026-02-01 2027-02-01 300000.00 10000.00 690000.00 30 3",
		"quarterly_written_premium 2026-02-01 2026-05-01 100000.00 0.00 300000.00 25 2",
		"quarterly_written_premium 2026-05-01 2026-08-01 200000.00 10000.00 190000.00 50 1",
		"quarterly_written_premium 2026-08-01 2026-11-01 0.00 0.00 400000.00 0 0",
		"quarterly_written_premium 2026-11-01 2027-02-01 0.00 0.00 400000.00 0 0",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for name, on := range map[string]civil.Date{"before": day(2020, 1, 1), "after": day(2040, 1, 1)} {
		want := map[string]civil.Date{"before": day(2026, 2, 1), "after": day(2027, 2, 1)}[name]
		if got := a.Utilization(on, nil, nil); len(got) != 6 || got[1].From != want {
			t.Errorf("%s its time: %v", name, got)
		}
	}
	a.Terms.Accumulated = nil
	if l := a.Utilization(day(2026, 6, 1), used, nil)[0]; l.Limit != nil || l.Remaining != nil || l.Percent != nil || l.Used != 300_000_000 {
		t.Errorf("without a bound: %+v", l)
	}
}

// The parts of a premium add up to it, back and forth.
func TestSplitAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := delegated.Terms{ProducerCommission: rapid.IntRange(0, 5000).Draw(t, "commission"), Override: rapid.IntRange(0, 5000).Draw(t, "override")}
		gross := money.Cents(rapid.Int64Range(-int64(money.Max), int64(money.Max)).Draw(t, "gross"))
		s, back := terms.Split(gross), terms.Split(-gross)
		if s.Commission+s.Override+s.Net != gross || back.Net != -s.Net || back.Commission != -s.Commission {
			t.Fatalf("%s: %+v, and back %+v", gross, s, back)
		}
	})
	if s := agreement().Terms.Split(1_425_001); s.Commission != 213_750 || s.Override != 106_875 || s.Net != 1_104_376 {
		t.Errorf("%+v", s)
	}
}

func TestRiskOf(t *testing.T) {
	s := submission.Submission{InsuredName: "  Pacific  COAST Builders ", State: "OR", NAICS: "236220", AnnualRevenue: 8, EffectiveDate: day(2026, 5, 1), Exposure: submission.Risk{
		InsuredValue: 9, YearsInBusiness: new(4), Losses: []submission.Loss{{Year: 2025, Claims: 1, Incurred: 5}, {Year: 2019, Claims: 1, Incurred: 100}},
	}}
	q := quote.Quote{GrossPremium: 7, Terms: quote.Terms{Limit: 100}}
	want := delegated.Risk{
		Insured: "pacific coast builders", State: "OR", NAICS: "236220", Effective: day(2026, 5, 1), Months: 12, Occurrence: 100, Aggregate: 100, Premium: 7, Revenue: 8,
		TIV: 9, Losses: 5, YearsInBusiness: new(4),
	}
	if d := cmp.Diff(want, delegated.RiskOf(s, q)); d != "" {
		t.Error(d)
	}
	q.Terms.Aggregate = 300
	if r := delegated.RiskOf(s, q); r.Aggregate != 300 {
		t.Errorf("aggregate %s", r.Aggregate)
	}
}

func TestPeriodsOfBordereaux(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to civil.Date
		want     string
	}{
		"a month":             {day(2026, 5, 1), day(2026, 6, 1), ""},
		"up to yesterday":     {day(2026, 5, 1), day(2026, 6, 15), ""},
		"with today":          {day(2026, 5, 1), day(2026, 6, 16), "[{periodEnd max}]"},
		"nothing":             {day(2026, 5, 1), day(2026, 5, 1), "[{periodEnd min}]"},
		"more than a year":    {day(2025, 5, 1), day(2026, 5, 3), "[{periodEnd max}]"},
		"exactly a leap year": {day(2024, 1, 1), day(2025, 1, 1), ""},
	} {
		err := delegated.Bordereau{From: tt.from, To: tt.to}.CheckPeriod(day(2026, 6, 15))
		f, _ := errors.AsType[*fault.Error](err)
		if (f == nil) != (tt.want == "") || f != nil && fmt.Sprint(f.Fields()) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
