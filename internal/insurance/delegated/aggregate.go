package delegated

import (
	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

// A Kind is what an aggregate adds up.
type Kind string

// The kinds of aggregate, in the order in which their rows are locked.
const (
	AccumulatedLimits Kind = "accumulated_limit" // of all policies, as long as the agreement lasts
	AnnualPremium     Kind = "annual_written_premium"
	QuarterlyPremium  Kind = "quarterly_written_premium"
)

// A Key names an aggregate of an agreement: what it adds up, and of policies that
// take effect from which day on.
type Key struct {
	Kind   Kind
	Period string // the first day
}

// Keys are the aggregates that a policy which takes effect on a day counts in,
// in the order in which their rows are locked. The first is one for the whole
// agreement: who has its lock is alone with the agreement.
func (a Agreement) Keys(effective civil.Date) []Key {
	year, _ := a.Year(effective)
	quarter, _ := a.Quarter(effective)
	return []Key{{AccumulatedLimits, a.Effective.String()}, {AnnualPremium, year.String()}, {QuarterlyPremium, quarter.String()}}
}

// Year is the year of the agreement that a day lies in: its first day, and the
// first day of the next. Years count from the day on which it took effect.
func (a Agreement) Year(day civil.Date) (from, to civil.Date) {
	n := max(day.Year-a.Effective.Year, 0)
	if n > 0 && day.Before(a.Effective.AddYears(n)) {
		n--
	}
	return a.Effective.AddYears(n), a.Effective.AddYears(n + 1)
}

// Quarter is the quarter of the agreement's year that a day lies in.
func (a Agreement) Quarter(day civil.Date) (from, to civil.Date) {
	year, next := a.Year(day)
	from = year
	for q := 1; q < 4; q++ {
		to = year.AddMonths(3 * q)
		if day.Before(to) {
			return from, to
		}
		from = to
	}
	return from, next
}

// limit is the bound of a kind of aggregate; nil is none.
func (a Agreement) limit(k Kind) *money.Cents {
	switch k {
	case AnnualPremium:
		return &a.Terms.AnnualPremium
	case QuarterlyPremium:
		return a.Terms.QuarterlyPremium
	case AccumulatedLimits:
		return a.Terms.Accumulated
	}
	return nil
}

func (k Key) rule() Rule {
	switch k.Kind {
	case AnnualPremium:
		return Annual
	case QuarterlyPremium:
		return QuarterlyRule
	}
	return AccumulatedLimit
}

// adds is what a risk adds to an aggregate.
func (k Key) adds(r Risk) money.Cents {
	if k.Kind == AccumulatedLimits {
		return r.Aggregate
	}
	return r.Premium
}

// A Counter is an aggregate as it stands.
type Counter struct {
	Key      Key
	Used     money.Cents // by policies
	Reserved money.Cents // by acceptances that were not bound yet
	Told     bool        // that it comes near its limit
}

// Room is what there was before a risk: the aggregates that it counts in, and the
// policies of its insured, bound or reserved.
type Room struct {
	Counters []Counter
	Policies int
}

// Approaching is above which share of its limit, in per cent, an aggregate is
// told of.
const Approaching = 85

// Percent is how much of a limit is used, in per cent, rounded down; 100 of a
// limit of nothing.
func Percent(used, limit money.Cents) int {
	if limit <= 0 {
		return 100
	}
	return int(used * 100 / limit)
}

// Add counts an amount, which may be negative, and reports whether the aggregate
// is to be told of: once when it comes above Approaching, and again only after it
// was below.
func (a Agreement) Add(c Counter, amount money.Cents) (Counter, bool) {
	c.Used += amount
	limit := a.limit(c.Key.Kind)
	above := limit != nil && c.Used*100 > *limit*Approaching
	tell := above && !c.Told
	c.Told = above
	return c, tell
}

// Use counts a risk in all of its aggregates, and returns those to be told of.
func (a Agreement) Use(before []Counter, r Risk) (after, near []Counter) {
	after = make([]Counter, len(before))
	for i, c := range before {
		var tell bool
		if after[i], tell = a.Add(c, c.Key.adds(r)); tell {
			near = append(near, after[i])
		}
	}
	return after, near
}

// PercentOf is how much of its limit an aggregate has used.
func (a Agreement) PercentOf(c Counter) int {
	if limit := a.limit(c.Key.Kind); limit != nil {
		return Percent(c.Used, *limit)
	}
	return 0
}
