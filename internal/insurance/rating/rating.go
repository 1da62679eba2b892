// Package rating prices a risk from a rate book, exactly, and shows its working.
package rating

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// Faults of rating.
var (
	ErrExcludedClass = fault.New(fault.Refused, "excluded_class", "This class of business is not written.")
	ErrNoRate        = fault.New(fault.Refused, "no_rate", "The rate book has no rate for this risk.")
	ErrBook          = fault.New(fault.Invalid, "validation_failed", "The rate book is not valid.")
)

// AnyState is the key of the rate for states that have none of their own.
const AnyState = "__"

// A Book is one version of a program's rates. Numbers are decimal strings: they
// are multiplied exactly and rounded once.
type Book struct {
	BaseRates       map[string]BaseRate `json:"baseRates"`       // by state, or AnyState
	ClassModifiers  map[string]string   `json:"classModifiers"`  // by NAICS prefix; the longest that fits counts
	ExcludedClasses []string            `json:"excludedClasses"` // NAICS prefixes
	LimitFactors    []Band              `json:"limitFactors"`    // by requested limit, ascending
	RevenueBands    []Band              `json:"revenueBands"`    // by annual revenue, ascending
}

// A BaseRate is dollars per $1,000 of revenue, and the least premium.
type BaseRate struct {
	PerThousand    string      `json:"perThousand"`
	MinimumPremium money.Cents `json:"minimumPremium"`
}

// A Band gives a factor to amounts up to and including UpTo.
type Band struct {
	UpTo   money.Cents `json:"upTo"`
	Factor string      `json:"factor"`
}

// Input is what a price depends on.
type Input struct {
	State, NAICS                  string
	AnnualRevenue, RequestedLimit money.Cents
}

// A Factor is one step of the working: what was applied, and the premium after.
type Factor struct {
	Key     string `json:"key"`
	Label   string `json:"label"`
	Value   string `json:"value"`
	Premium string `json:"premium"` // dollars, four decimals: the sum is rounded only at the end
}

// Result is a price and its working.
type Result struct {
	Premium money.Cents
	Factors []Factor
}

// most is the largest premium that is an amount of money at all.
var most = big.NewRat(int64(money.Max), 1)

// Rate prices a risk: revenue/1,000 × base rate × class × limit × revenue band,
// rounded once, half a cent up, and at least the minimum premium. A price that
// is beyond money.Max is ErrNoRate, never a number that wrapped around.
func (b Book) Rate(in Input) (Result, error) {
	if slices.ContainsFunc(b.ExcludedClasses, func(p string) bool { return strings.HasPrefix(in.NAICS, p) }) {
		return Result{}, ErrExcludedClass
	}
	base, ok := b.BaseRates[in.State]
	if !ok {
		base, ok = b.BaseRates[AnyState]
	}
	limit, okLimit := factorFor(b.LimitFactors, in.RequestedLimit)
	band, okBand := factorFor(b.RevenueBands, in.AnnualRevenue)
	if !ok || !okLimit || !okBand {
		return Result{}, ErrNoRate
	}
	// Cents of revenue over 1,000 dollars, times dollars, is cents again.
	w := working{cents: big.NewRat(int64(in.AnnualRevenue), 1000)}
	for _, s := range []struct{ key, label, value string }{
		{"base_rate", "Base rate per $1,000 of revenue, " + in.State, base.PerThousand},
		{"class", "Class modifier, NAICS " + in.NAICS, b.classModifier(in.NAICS)},
		{"limit", "Limit factor", limit},
		{"revenue_band", "Revenue band", band},
	} {
		if err := w.times(s.key, s.label, s.value); err != nil {
			return Result{}, err
		}
	}
	if w.cents.Cmp(most) > 0 {
		return Result{}, ErrNoRate
	}
	premium := money.Round(w.cents)
	if premium < base.MinimumPremium {
		premium = base.MinimumPremium
		w.factors = append(w.factors, Factor{"minimum_premium", "Minimum premium", premium.String(), premium.String() + "00"})
	}
	return Result{Premium: premium, Factors: w.factors}, nil
}

type working struct {
	cents   *big.Rat
	factors []Factor
}

func (w *working) times(key, label, value string) error {
	f, ok := new(big.Rat).SetString(value)
	if !ok {
		return fmt.Errorf("rate book: %s %q is no number", key, value)
	}
	w.cents.Mul(w.cents, f)
	dollars := new(big.Rat).Mul(w.cents, big.NewRat(1, 100))
	w.factors = append(w.factors, Factor{Key: key, Label: label, Value: value, Premium: dollars.FloatString(4)})
	return nil
}

func (b Book) classModifier(naics string) string {
	for n := len(naics); n > 0; n-- {
		if f, ok := b.ClassModifiers[naics[:n]]; ok {
			return f
		}
	}
	return "1"
}

func factorFor(bands []Band, amount money.Cents) (string, bool) {
	i := slices.IndexFunc(bands, func(b Band) bool { return amount <= b.UpTo })
	if i < 0 {
		return "", false
	}
	return bands[i].Factor, true
}
