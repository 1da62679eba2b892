package rating

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

// What the numbers of a book may be at most. A rate takes no more than what it is
// paid for is worth: $1,000 for each $1,000 of revenue, $100 for each $100 of payroll
// or value. The dearest thing that there is a rate for is a long-haul lorry, at
// some $30,000 a year. Published factors, those of the limits of an umbrella
// included, end below 10. No standard book has a minimum premium above $1,500.
const (
	mostPerThing             = 100_000
	mostFactor               = 100
	mostMinimum  money.Cents = 1_000_000_00
)

// MostExperience is the largest experience modification that a submission may
// have.
const MostExperience = "9.999"

// Largest is the exposure of the largest risk that rates have to have an answer
// for: about the smallest of the five hundred largest companies of the country.
// Who is larger may be priced, and is not promised to be.
func Largest() Input {
	return Input{
		AnnualRevenue: 10_000_000_000_00, Payroll: 2_000_000_000_00, InsuredValue: 10_000_000_000_00, Employees: 100_000, Vehicles: 20_000,
		ExperienceMod: MostExperience,
	}
}

// mostPerUnit is the largest rate of a basis, in dollars.
func (r BaseRate) mostPerUnit() int64 {
	if u, known := units[r.basis()]; known && !u.count {
		return u.per
	}
	return mostPerThing
}

// dearest is the key of a state's base rate, and the largest premium, in cents,
// that the book can come to there within reach; nil when some number is none, which
// is for Validate to say.
func (b Book) dearest(state string, r Reach) (string, *big.Rat) {
	key := state
	if _, ok := b.BaseRates[state]; !ok {
		key = AnyState
	}
	base := b.BaseRates[key]
	u, known := units[base.basis()]
	rate, ok := rational(base.PerUnit)
	if !ok || !known {
		return key, nil
	}
	premium := u.exposure(Largest())
	premium.Mul(premium, rate)
	limits := b.LimitFactors
	if i := slices.IndexFunc(limits, func(l Band) bool { return r.MaxLimit > 0 && r.MaxLimit <= l.UpTo }); i >= 0 {
		limits = limits[:i+1]
	}
	claims := make([]string, len(b.ClaimFactors))
	for i, c := range b.ClaimFactors {
		claims[i] = c.Factor
	}
	schedule := Schedule{Percent: b.mostSchedule()}.factor()
	for _, factors := range [][]string{
		b.territories(state), append(slices.Collect(maps.Values(b.ClassModifiers)), "1"), factorsOf(limits), append(factorsOf(b.AggregateFactors), "1"),
		factorsOf(b.RevenueBands), append(claims, "1"), append(factorsOf(b.IncurredFactors), "1"), {MostExperience}, {schedule},
	} {
		most := new(big.Rat)
		for _, f := range factors {
			by, ok := rational(f)
			if !ok {
				return key, nil
			}
			if by.Cmp(most) > 0 {
				most = by
			}
		}
		premium.Mul(premium, most)
	}
	return key, premium
}

// territories are the factors that a risk of a state may get.
func (b Book) territories(state string) []string {
	var all []string
	for place, f := range b.TerritoryFactors {
		if place == state || place == AnyState || strings.HasPrefix(place, state+"-") {
			all = append(all, f)
		}
	}
	if len(b.TerritoryFactors) == 0 {
		return []string{"1"}
	}
	return all
}

// affordable blames each base rate by which a risk within reach would cost more
// than there is an amount of money for.
func (c *check) affordable(b Book, r Reach) {
	said := map[string]bool{}
	for _, state := range r.States {
		key, premium := b.dearest(state, r)
		c.When(premium != nil && !said[key] && premium.Cmp(most) > 0, fmt.Sprintf("baseRates.%s.perUnit", key), "max")
		said[key] = said[key] || premium != nil && premium.Cmp(most) > 0
	}
}
