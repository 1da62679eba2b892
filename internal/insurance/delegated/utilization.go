package delegated

import (
	"slices"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

// A Share is what policies, or reservations, that take effect on one day add up
// to.
type Share struct {
	Effective civil.Date
	Premium   money.Cents
	Aggregate money.Cents
	Policies  int
}

// A Line is one aggregate of an agreement in a report.
type Line struct {
	Kind      Kind
	From, To  civil.Date // To is the first day after
	Limit     *money.Cents
	Used      money.Cents
	Reserved  money.Cents
	Remaining *money.Cents // negative when a limit was lowered below what is used
	Percent   *int
	Policies  int
}

// Utilization reports the aggregates of an agreement: for all of its time, and
// the year and quarters that a day lies in, or the nearest one that the agreement
// has.
func (a Agreement) Utilization(day civil.Date, used, reserved []Share) []Line {
	if day.Before(a.Effective) {
		day = a.Effective
	}
	if !day.Before(a.Expiration) {
		day = a.Expiration.AddDays(-1)
	}
	year, next := a.Year(day)
	lines := []Line{{Kind: AccumulatedLimits, From: a.Effective, To: a.Expiration}, {Kind: AnnualPremium, From: year, To: next}}
	for from := year; from.Before(next); {
		_, to := a.Quarter(from)
		lines = append(lines, Line{Kind: QuarterlyPremium, From: from, To: to})
		from = to
	}
	for i := range lines {
		l := &lines[i]
		l.Used, l.Policies = l.sum(used)
		l.Reserved, _ = l.sum(reserved)
		if l.Limit = a.limit(l.Kind); l.Limit != nil {
			l.Remaining = new(*l.Limit - l.Used - l.Reserved)
			l.Percent = new(Percent(l.Used, *l.Limit))
		}
	}
	return lines
}

func (l Line) sum(shares []Share) (total money.Cents, policies int) {
	for _, s := range shares {
		if s.Effective.Before(l.From) || l.Kind != AccumulatedLimits && !s.Effective.Before(l.To) {
			continue
		}
		policies += s.Policies
		if l.Kind == AccumulatedLimits {
			total += s.Aggregate
		} else {
			total += s.Premium
		}
	}
	return total, policies
}

// Watch returns, of an agreement's aggregates, those that a change of its limits
// leaves otherwise told, as they then stand, and which of them to tell of.
func (a Agreement) Watch(all []Counter) (changed, near []Counter) {
	for _, c := range all {
		after, tell := a.Add(c, 0)
		if after.Told != c.Told {
			changed = append(changed, after)
		}
		if tell {
			near = append(near, after)
		}
	}
	return slices.Clip(changed), near
}
