package rating

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// MostClaims is the count of claims that a table of them has to reach.
const MostClaims = 1000

// mostEntries bounds each table of a book.
const mostEntries = 5000

// Validate reports everything that is wrong with what the book says, in the same
// order every time: a number that is no plain positive decimal, or larger than any
// of its kind, a key that is none, a band out of order, no rates or no bands at all. What it does not say
// is for Gaps.
func (b Book) Validate() error {
	c := check{bad: ErrBook}
	c.rates(b.BaseRates)
	for _, place := range slices.Sorted(maps.Keys(b.TerritoryFactors)) {
		c.when(!territory.MatchString(place), "territoryFactors."+place, "pattern")
		c.factor("territoryFactors."+place, b.TerritoryFactors[place])
	}
	for _, class := range slices.Sorted(maps.Keys(b.ClassModifiers)) {
		if !naicsPrefix(class) {
			c.when(true, "classModifiers."+class, "pattern")
		} else {
			c.factor("classModifiers."+class, b.ClassModifiers[class])
		}
	}
	for i, class := range b.ExcludedClasses {
		// An empty prefix would exclude every class there is.
		c.when(!naicsPrefix(class), fmt.Sprintf("excludedClasses[%d]", i), "pattern")
	}
	c.when(len(b.LimitFactors) == 0, "limitFactors", "required")
	c.bands("limitFactors", b.LimitFactors)
	c.rising("limitFactors", "factor", factorsOf(b.LimitFactors))
	c.bands("aggregateFactors", b.AggregateFactors)
	c.rising("aggregateFactors", "factor", factorsOf(b.AggregateFactors))
	c.credits(b.DeductibleCredits)
	c.when(len(b.RevenueBands) == 0, "revenueBands", "required")
	c.bands("revenueBands", b.RevenueBands)
	c.counts(b.ClaimFactors)
	c.bands("incurredFactors", b.IncurredFactors)
	c.rising("incurredFactors", "factor", factorsOf(b.IncurredFactors))
	c.when(b.ScheduleMax < 0, "scheduleMax", "min")
	c.when(b.ScheduleMax > MaxSchedule, "scheduleMax", "max")
	for _, table := range []struct {
		name string
		n    int
	}{
		{"territoryFactors", len(b.TerritoryFactors)}, {"classModifiers", len(b.ClassModifiers)}, {"excludedClasses", len(b.ExcludedClasses)},
		{"limitFactors", len(b.LimitFactors)}, {"aggregateFactors", len(b.AggregateFactors)}, {"deductibleCredits", len(b.DeductibleCredits)},
		{"revenueBands", len(b.RevenueBands)}, {"claimFactors", len(b.ClaimFactors)}, {"incurredFactors", len(b.IncurredFactors)},
	} {
		c.when(table.n > mostEntries, table.name, "maxItems")
	}
	return c.result()
}

// A Reach is what a program's rates have to have an answer for.
type Reach struct {
	States   []string // in which it writes
	MaxLimit money.Cents
}

// Gaps reports everything that is wrong with the book and every risk within
// reach that it would leave without a price, all at once: a state without a
// rate or territory, a table that ends too early, a rate by which the largest risk
// would cost more than money.Max.
func (b Book) Gaps(r Reach) error {
	c := check{bad: ErrBook}
	if f, ok := errors.AsType[*fault.Error](b.Validate()); ok {
		c.bad = f
	}
	for _, state := range r.States {
		_, ok := b.base(state)
		c.when(!ok, "baseRates."+state, "gap")
	}
	if len(b.TerritoryFactors) > 0 {
		for _, state := range r.States {
			_, _, ok := b.territory(state, "")
			c.when(!ok, "territoryFactors."+state, "gap")
		}
	}
	short := func(bands []Band, most money.Cents) bool { return len(bands) > 0 && bands[len(bands)-1].UpTo < most }
	c.when(short(b.LimitFactors, r.MaxLimit), "limitFactors", "gap")
	c.when(short(b.AggregateFactors, money.Max), "aggregateFactors", "gap")
	c.when(short(b.RevenueBands, money.Max), "revenueBands", "gap")
	n := len(b.ClaimFactors)
	c.when(n > 0 && b.ClaimFactors[n-1].UpTo < MostClaims, "claimFactors", "gap")
	c.when(short(b.IncurredFactors, money.Max), "incurredFactors", "gap")
	c.affordable(b, r)
	return c.result()
}

// check collects what is wrong.
type check struct{ bad *fault.Error }

func (c *check) when(wrong bool, field, rule string) {
	if wrong {
		c.bad = c.bad.Field(field, rule)
	}
}

func (c *check) result() error {
	if len(c.bad.Fields()) > 0 {
		return c.bad
	}
	return nil
}

// decimal blames what is no number, or a negative one.
func (c *check) decimal(field, s string) {
	abs, negative := strings.CutPrefix(s, "-")
	c.when(!number(abs), field, "format")
	c.when(number(abs) && negative, field, "min")
}

// factor blames what is no number above zero, or none that a factor can be.
func (c *check) factor(field, s string) { c.upTo(field, s, mostFactor) }

// upTo blames what is no number above zero and up to the most.
func (c *check) upTo(field, s string, most int64) {
	c.decimal(field, s)
	c.when(number(s) && !positive(s), field, "min")
	r, ok := new(big.Rat).SetString(s)
	c.when(ok && number(s) && r.Cmp(big.NewRat(most, 1)) > 0, field, "max")
}

func (c *check) rates(rates map[string]BaseRate) {
	c.when(len(rates) == 0, "baseRates", "required")
	for _, state := range slices.Sorted(maps.Keys(rates)) {
		r, field := rates[state], "baseRates."+state
		c.when(!stateKey.MatchString(state), field, "pattern")
		_, known := units[r.basis()]
		c.when(!known, field+".basis", "enum")
		c.upTo(field+".perUnit", r.PerUnit, r.mostPerUnit())
		c.when(r.MinimumPremium < 0, field+".minimumPremium", "min")
		c.when(r.MinimumPremium > mostMinimum, field+".minimumPremium", "max")
	}
}

func (c *check) bands(name string, bands []Band) {
	last := money.Cents(-1)
	if name != "incurredFactors" {
		last = 0 // no band for nothing
	}
	for i, band := range bands {
		c.factor(fmt.Sprintf("%s[%d].factor", name, i), band.Factor)
		c.when(band.UpTo <= last, fmt.Sprintf("%s[%d].upTo", name, i), "min")
		last = band.UpTo
	}
}

func (c *check) counts(bands []CountBand) {
	last := -1
	factors := make([]string, len(bands))
	for i, band := range bands {
		c.factor(fmt.Sprintf("claimFactors[%d].factor", i), band.Factor)
		c.when(band.UpTo <= last, fmt.Sprintf("claimFactors[%d].upTo", i), "min")
		last, factors[i] = band.UpTo, band.Factor
	}
	c.rising("claimFactors", "factor", factors)
}

func (c *check) credits(credits []Credit) {
	last, factors := money.Cents(0), make([]string, len(credits))
	for i, credit := range credits {
		field := fmt.Sprintf("deductibleCredits[%d]", i)
		c.decimal(field+".credit", credit.Credit)
		c.when(credit.From <= last, field+".from", "min")
		r, ok := new(big.Rat).SetString(credit.Credit)
		c.when(ok && number(credit.Credit) && r.Cmp(big.NewRat(1, 1)) >= 0, field+".credit", "max") // nothing would be left to pay
		last, factors[i] = credit.From, credit.Credit
	}
	c.rising("deductibleCredits", "credit", factors)
}

// rising blames factors that fall where the risk grows: more cover, or more
// losses, must never cost less.
func (c *check) rising(name, member string, factors []string) {
	var last *big.Rat
	for i, f := range factors {
		if !number(f) {
			continue
		}
		r, _ := new(big.Rat).SetString(f)
		c.when(last != nil && r.Cmp(last) < 0, fmt.Sprintf("%s[%d].%s", name, i, member), "ascending")
		last = r
	}
}

func factorsOf(bands []Band) []string {
	out := make([]string, len(bands))
	for i, b := range bands {
		out[i] = b.Factor
	}
	return out
}

// number reports whether s is a plain decimal, zero or more. What big.Rat reads
// besides (fractions, exponents, other bases) has no place in a rate book, and
// an exponent can make a number too large to hold.
func number(s string) bool {
	if len(s) > 20 || strings.Trim(s, "0123456789.") != "" || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		return false
	}
	_, ok := new(big.Rat).SetString(s)
	return ok
}

// positive reports whether s is a plain decimal above zero.
func positive(s string) bool {
	return number(s) && strings.Trim(s, "0.") != ""
}

func naicsPrefix(s string) bool {
	return s != "" && len(s) <= 6 && strings.Trim(s, "0123456789") == ""
}

var (
	stateKey  = regexp.MustCompile(`^([A-Z]{2}|__)$`)
	territory = regexp.MustCompile(`^([A-Z]{2}(-[0-9]{1,5})?|__)$`)
)
