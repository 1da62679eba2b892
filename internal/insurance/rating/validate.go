package rating

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// Validate reports everything that is wrong with the book, in the same order
// every time: a number that is no plain positive decimal, a class that is no
// NAICS prefix, a band out of order, no rates or no bands at all.
func (b Book) Validate() error {
	bad := ErrBook
	if len(b.BaseRates) == 0 {
		bad = bad.Field("baseRates", "required")
	}
	for _, state := range slices.Sorted(maps.Keys(b.BaseRates)) {
		r := b.BaseRates[state]
		if !positive(r.PerThousand) || r.MinimumPremium < 0 {
			bad = bad.Field("baseRates."+state, "min")
		}
	}
	for _, class := range slices.Sorted(maps.Keys(b.ClassModifiers)) {
		if !naicsPrefix(class) {
			bad = bad.Field("classModifiers."+class, "pattern")
		} else if !positive(b.ClassModifiers[class]) {
			bad = bad.Field("classModifiers."+class, "min")
		}
	}
	for i, class := range b.ExcludedClasses {
		// An empty prefix would exclude every class there is.
		if !naicsPrefix(class) {
			bad = bad.Field(fmt.Sprintf("excludedClasses[%d]", i), "pattern")
		}
	}
	bad = checkBands(bad, "limitFactors", b.LimitFactors)
	bad = checkBands(bad, "revenueBands", b.RevenueBands)
	if len(bad.Fields()) > 0 {
		return bad
	}
	return nil
}

func checkBands(bad *fault.Error, name string, bands []Band) *fault.Error {
	if len(bands) == 0 {
		return bad.Field(name, "required")
	}
	last := money.Cents(0)
	for i, band := range bands {
		if !positive(band.Factor) || band.UpTo <= last {
			bad = bad.Field(fmt.Sprintf("%s[%d]", name, i), "min")
		}
		last = band.UpTo
	}
	return bad
}

// positive reports whether s is a plain decimal above zero. What big.Rat reads
// besides (fractions, exponents, other bases) has no place in a rate book, and
// an exponent can make a number too large to hold.
func positive(s string) bool {
	if len(s) > 20 || strings.Trim(s, "0123456789.") != "" || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		return false
	}
	r, ok := new(big.Rat).SetString(s)
	return ok && r.Sign() > 0
}

func naicsPrefix(s string) bool {
	return s != "" && len(s) <= 6 && strings.Trim(s, "0123456789") == ""
}
