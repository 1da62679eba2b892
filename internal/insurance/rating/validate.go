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
// of its kind, a key that is none, a band out of order, no rates or no bands at
// all. What it does not say is for Gaps.
func (b Book) Validate() error {
	var c check
	c.rates(b.BaseRates)
	if c.fits("territoryFactors", len(b.TerritoryFactors)) {
		for _, place := range slices.Sorted(maps.Keys(b.TerritoryFactors)) {
			c.When(!territory.MatchString(place), "territoryFactors."+place, "pattern")
			c.factor("territoryFactors."+place, b.TerritoryFactors[place])
		}
	}
	c.classes(b.ClassModifiers)
	if c.fits("excludedClasses", len(b.ExcludedClasses)) {
		for i, class := range b.ExcludedClasses {
			// An empty prefix would exclude every class there is.
			c.When(!naicsPrefix(class), fmt.Sprintf("excludedClasses[%d]", i), "pattern")
		}
	}
	c.When(len(b.LimitFactors) == 0, "limitFactors", "required")
	c.bands("limitFactors", b.LimitFactors)
	c.bands("aggregateFactors", b.AggregateFactors)
	c.credits(b.DeductibleCredits)
	c.When(len(b.RevenueBands) == 0, "revenueBands", "required")
	c.bands("revenueBands", b.RevenueBands)
	c.counts(b.ClaimFactors)
	c.bands("incurredFactors", b.IncurredFactors)
	c.When(b.ScheduleMax < 0, "scheduleMax", "min")
	c.When(b.ScheduleMax > MaxSchedule, "scheduleMax", "max")
	return c.On(ErrBook)
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
	var c check
	if f, ok := errors.AsType[*fault.Error](b.Validate()); ok {
		c.Complaints = f.Fields()
	}
	for _, state := range r.States {
		_, ok := b.base(state)
		c.When(!ok, "baseRates."+state, "gap")
	}
	if len(b.TerritoryFactors) > 0 {
		for _, state := range r.States {
			_, _, ok := b.territory(state, "")
			c.When(!ok, "territoryFactors."+state, "gap")
		}
	}
	short := func(bands []Band, most money.Cents) bool { return len(bands) > 0 && bands[len(bands)-1].UpTo < most }
	c.When(short(b.LimitFactors, r.MaxLimit), "limitFactors", "gap")
	c.When(short(b.AggregateFactors, money.Max), "aggregateFactors", "gap")
	c.When(short(b.RevenueBands, money.Max), "revenueBands", "gap")
	n := len(b.ClaimFactors)
	c.When(n > 0 && b.ClaimFactors[n-1].UpTo < MostClaims, "claimFactors", "gap")
	c.When(short(b.IncurredFactors, money.Max), "incurredFactors", "gap")
	c.affordable(b, r)
	return c.On(ErrBook)
}

// check collects what is wrong.
type check struct{ fault.Complaints }

// fits blames a table that has more entries than any, of which none is looked at.
func (c *check) fits(table string, entries int) bool {
	return c.Fits(table, entries, mostEntries)
}

// decimal blames what is no number, or a negative one.
func (c *check) decimal(field, s string) {
	abs, negative := strings.CutPrefix(s, "-")
	c.When(!number(abs), field, "format")
	c.When(number(abs) && negative, field, "min")
}

// factor blames what is no number above zero, or none that a factor can be.
func (c *check) factor(field, s string) { c.upTo(field, s, mostFactor) }

// upTo blames what is no number above zero and up to the most.
func (c *check) upTo(field, s string, most int64) {
	c.decimal(field, s)
	if r, ok := rational(s); ok {
		c.When(r.Sign() == 0, field, "min")
		c.When(r.Cmp(big.NewRat(most, 1)) > 0, field, "max")
	}
}

func (c *check) classes(modifiers map[string]string) {
	if !c.fits("classModifiers", len(modifiers)) {
		return
	}
	for _, class := range slices.Sorted(maps.Keys(modifiers)) {
		if !naicsPrefix(class) {
			c.When(true, "classModifiers."+class, "pattern")
		} else {
			c.factor("classModifiers."+class, modifiers[class])
		}
	}
}

func (c *check) rates(rates map[string]BaseRate) {
	c.When(len(rates) == 0, "baseRates", "required")
	if !c.fits("baseRates", len(rates)) {
		return
	}
	for _, state := range slices.Sorted(maps.Keys(rates)) {
		r, field := rates[state], "baseRates."+state
		c.When(!stateKey.MatchString(state), field, "pattern")
		_, known := units[r.basis()]
		c.When(!known, field+".basis", "enum")
		c.upTo(field+".perUnit", r.PerUnit, r.mostPerUnit())
		c.When(r.MinimumPremium < 0, field+".minimumPremium", "min")
		c.When(r.MinimumPremium > mostMinimum, field+".minimumPremium", "max")
	}
}

// bands looks at a table of amounts. More cover, or more losses, never cost less;
// the part of the revenue in a higher band may.
func (c *check) bands(name string, bands []Band) {
	if !c.fits(name, len(bands)) {
		return
	}
	last := money.Cents(-1)
	if name != "incurredFactors" {
		last = 0 // no band for nothing
	}
	for i, band := range bands {
		c.factor(fmt.Sprintf("%s[%d].factor", name, i), band.Factor)
		c.When(band.UpTo <= last, fmt.Sprintf("%s[%d].upTo", name, i), "min")
		last = band.UpTo
	}
	if name != "revenueBands" {
		c.rising(name, "factor", factorsOf(bands))
	}
}

func (c *check) counts(bands []CountBand) {
	if !c.fits("claimFactors", len(bands)) {
		return
	}
	last := -1
	factors := make([]string, len(bands))
	for i, band := range bands {
		c.factor(fmt.Sprintf("claimFactors[%d].factor", i), band.Factor)
		c.When(band.UpTo <= last, fmt.Sprintf("claimFactors[%d].upTo", i), "min")
		last, factors[i] = band.UpTo, band.Factor
	}
	c.rising("claimFactors", "factor", factors)
}

func (c *check) credits(credits []Credit) {
	if !c.fits("deductibleCredits", len(credits)) {
		return
	}
	last, factors := money.Cents(0), make([]string, len(credits))
	for i, credit := range credits {
		field := fmt.Sprintf("deductibleCredits[%d]", i)
		c.decimal(field+".credit", credit.Credit)
		c.When(credit.From <= last, field+".from", "min")
		r, ok := rational(credit.Credit)
		c.When(ok && r.Cmp(big.NewRat(1, 1)) >= 0, field+".credit", "max") // nothing would be left to pay
		last, factors[i] = credit.From, credit.Credit
	}
	c.rising("deductibleCredits", "credit", factors)
}

// rising blames factors that fall where the risk grows: more cover, or more
// losses, must never cost less.
func (c *check) rising(name, member string, factors []string) {
	var last *big.Rat
	for i, f := range factors {
		r, ok := rational(f)
		if !ok {
			continue
		}
		c.When(last != nil && r.Cmp(last) < 0, fmt.Sprintf("%s[%d].%s", name, i, member), "ascending")
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

// rational reads a plain decimal, zero or more. What big.Rat reads besides
// (fractions, exponents, other bases) has no place in a rate book, and an exponent
// can make a number that takes minutes to write out: such a text never gets there.
func rational(s string) (*big.Rat, bool) {
	if len(s) > 20 || strings.Trim(s, "0123456789.") != "" || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// number reports whether s is a plain decimal, zero or more.
func number(s string) bool {
	_, ok := rational(s)
	return ok
}

func naicsPrefix(s string) bool {
	return s != "" && len(s) <= 6 && strings.Trim(s, "0123456789") == ""
}

var (
	stateKey  = regexp.MustCompile(`^([A-Z]{2}|__)$`)
	territory = regexp.MustCompile(`^([A-Z]{2}(-[0-9]{1,5})?|__)$`)
)
