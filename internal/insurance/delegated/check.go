package delegated

import (
	"cmp"
	"slices"
	"strings"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// A Rule is one thing that an agreement bounds. It is also the code of a quote's
// flag and of what stands against a bind.
type Rule string

// The rules, in the order in which they are reported.
const (
	NoAgreement      Rule = "da_no_agreement" // of a program that has some, none for the day
	NotActive        Rule = "da_suspended"
	CarrierStopped   Rule = "da_carrier_inactive"
	Occurrence       Rule = "da_occurrence_limit"
	Aggregate        Rule = "da_aggregate_limit"
	PerPolicy        Rule = "da_premium_per_policy"
	State            Rule = "da_state"
	Class            Rule = "da_class"
	Revenue          Rule = "da_insured_revenue"
	TIV              Rule = "da_tiv"
	Term             Rule = "da_policy_term"
	YearsInBusiness  Rule = "da_years_in_business"
	Annual           Rule = "da_annual_premium"
	QuarterlyRule    Rule = "da_quarterly_premium"
	AccumulatedLimit Rule = "da_accumulated_limit"
	PoliciesOfOne    Rule = "da_policies_per_insured"
	Referral         Rule = "da_referral_required"
)

// Rules lists every rule.
var Rules = []Rule{
	NoAgreement, NotActive, CarrierStopped, Occurrence, Aggregate, PerPolicy, State, Class, Revenue, TIV, Term, YearsInBusiness, Annual, QuarterlyRule,
	AccumulatedLimit, PoliciesOfOne, Referral,
}

// Capacity reports whether a rule is about how much there is already, and not
// about the risk by itself.
func (r Rule) Capacity() bool {
	return r == Annual || r == QuarterlyRule || r == AccumulatedLimit || r == PoliciesOfOne
}

// A Risk is what of a submission and its quote agreements ask about.
type Risk struct {
	Insured         string // as Insured makes it of a name
	State           string
	NAICS           string
	Effective       civil.Date
	Months          int // of the policy
	Occurrence      money.Cents
	Aggregate       money.Cents
	Premium         money.Cents
	Revenue         money.Cents
	TIV             money.Cents
	Losses          money.Cents // of the years that count
	YearsInBusiness *int        // nil: not known
}

// months is the term of every policy.
const months = 12

// Insured makes of a name what policies of one insured are counted by: capitals
// and spaces do not make another.
func Insured(name string) string { return strings.Join(strings.Fields(strings.ToLower(name)), " ") }

// RiskOf is what of a submission and its quote agreements ask about. An
// aggregate limit that nobody asked for is that of one loss.
func RiskOf(s submission.Submission, q quote.Quote) Risk {
	_, losses, _ := s.Past()
	return Risk{
		Insured: Insured(s.InsuredName), State: s.State, NAICS: s.NAICS, Effective: s.EffectiveDate, Months: months, Occurrence: q.Terms.Limit,
		Aggregate: cmp.Or(q.Terms.Aggregate, q.Terms.Limit), Premium: q.GrossPremium, Revenue: s.AnnualRevenue, TIV: s.Exposure.InsuredValue,
		Losses: losses, YearsInBusiness: s.Exposure.YearsInBusiness,
	}
}

// An Exceeding is a rule that a risk breaks: how far it goes, and what there
// would be. The two are money, numbers or words, and nil where there is nothing
// to compare.
type Exceeding struct {
	Rule   Rule
	Limit  any
	Actual any
	Period string // the first day of the year or quarter that has no room
}

// Check finds every rule of the agreement that a risk breaks, given what was
// used and reserved before; nil when none. The order of the answer is that of
// Rules.
func Check(a Agreement, c carrier.Carrier, before Room, r Risk) []Exceeding {
	t := a.Terms
	var out []Exceeding
	when := func(wrong bool, rule Rule, limit, actual any) {
		if wrong {
			out = append(out, Exceeding{Rule: rule, Limit: limit, Actual: actual})
		}
	}
	over := func(rule Rule, most *money.Cents, actual money.Cents) {
		if most != nil && actual > *most {
			when(true, rule, *most, actual)
		}
	}
	when(a.Status != Active, NotActive, nil, nil)
	when(c.Status != carrier.Active, CarrierStopped, nil, nil)
	over(Occurrence, &t.MaxOccurrence, r.Occurrence)
	over(Aggregate, &t.MaxAggregate, r.Aggregate)
	over(PerPolicy, &t.MaxPremium, r.Premium)
	when(!t.inState(r.State), State, nil, r.State)
	when(!t.inClass(r.NAICS), Class, nil, r.NAICS)
	over(Revenue, t.MaxRevenue, r.Revenue)
	over(TIV, t.MaxTIV, r.TIV)
	when(len(t.Months) > 0 && !slices.Contains(t.Months, r.Months), Term, t.Months, r.Months)
	if t.MinYears != nil && *t.MinYears > 0 {
		switch {
		case r.YearsInBusiness == nil:
			when(true, YearsInBusiness, *t.MinYears, nil)
		case *r.YearsInBusiness < *t.MinYears:
			when(true, YearsInBusiness, *t.MinYears, *r.YearsInBusiness)
		}
	}
	return append(out, a.full(before, r)...)
}

// full finds the rules whose room a risk is too big for.
func (a Agreement) full(before Room, r Risk) []Exceeding {
	var out []Exceeding
	for _, c := range before.Counters {
		adds, most := c.Key.adds(r), a.limit(c.Key.Kind)
		if most != nil && c.Used+c.Reserved+adds > *most {
			out = append(out, Exceeding{Rule: c.Key.rule(), Limit: *most, Actual: c.Used + c.Reserved + adds, Period: c.Key.Period})
		}
	}
	if most := a.Terms.PerInsured; most > 0 && before.Policies+1 > most {
		out = append(out, Exceeding{Rule: PoliciesOfOne, Limit: most, Actual: before.Policies + 1})
	}
	slices.SortStableFunc(out, func(x, y Exceeding) int { return cmp.Compare(slices.Index(Rules, x.Rule), slices.Index(Rules, y.Rule)) })
	return out
}

// Triggered returns the descriptions of the triggers that a risk pulls, which
// refer it even when it is inside all limits; nil when none.
func (t Terms) Triggered(r Risk) []Trigger {
	var out []Trigger
	for _, g := range t.Triggers {
		if g.pulled(r) {
			out = append(out, g)
		}
	}
	return out
}

func (g Trigger) pulled(r Risk) bool {
	switch g.Type {
	case RevenueThreshold:
		return g.Threshold != nil && r.Revenue > *g.Threshold
	case LossHistory:
		return g.Threshold != nil && r.Losses > *g.Threshold
	case ClassCode:
		return slices.ContainsFunc(g.Values, func(prefix string) bool { return strings.HasPrefix(r.NAICS, prefix) })
	case StateTrigger:
		return slices.Contains(g.Values, r.State)
	}
	return false
}

// Reason is why a quote is referred that pulls a trigger, as a code.
func (g Trigger) Reason() string { return "da_trigger_" + strings.ToLower(string(g.Type)) }

// Codes lists the rules that are broken, as codes.
func Codes(found []Exceeding) []string {
	out := make([]string, len(found))
	for i, f := range found {
		out[i] = string(f.Rule)
	}
	return out
}
