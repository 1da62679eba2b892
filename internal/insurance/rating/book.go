package rating

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

// AnyState is the key of what counts for states that have no entry of their own.
const AnyState = "__"

// A Book is one version of a program's rates. Numbers are decimal strings: they
// are multiplied exactly and rounded once. Only base rates, limits and revenue
// bands must be there; a table that is empty is no step.
type Book struct {
	BaseRates         map[string]BaseRate `json:"baseRates"`                  // by state, or AnyState
	TerritoryFactors  map[string]string   `json:"territoryFactors,omitempty"` // by state, state and postal prefix (TX-770), or AnyState
	ClassModifiers    map[string]string   `json:"classModifiers"`             // by NAICS prefix; the longest that fits counts
	ExcludedClasses   []string            `json:"excludedClasses"`            // NAICS prefixes
	LimitFactors      []Band              `json:"limitFactors"`               // by requested limit, ascending
	AggregateFactors  []Band              `json:"aggregateFactors,omitempty"` // by aggregate limit, ascending
	DeductibleCredits []Credit            `json:"deductibleCredits,omitempty"`
	RevenueBands      []Band              `json:"revenueBands"`              // slices of annual revenue, ascending
	ClaimFactors      []CountBand         `json:"claimFactors,omitempty"`    // by claims of the last five years
	IncurredFactors   []Band              `json:"incurredFactors,omitempty"` // by what they cost
	ScheduleMax       int                 `json:"scheduleMax,omitempty"`     // per cent either way; MaxSchedule when 0
}

// Basis is what exposure a base rate is for.
type Basis string

// The bases, with the units of the platform's rate tables.
const (
	Revenue   Basis = "revenue"   // each $1,000
	Payroll   Basis = "payroll"   // each $100
	Value     Basis = "value"     // each $100 insured
	Employees Basis = "employees" // each
	Vehicles  Basis = "vehicles"  // each
)

// A unit says how the exposure of a basis is counted.
type unit struct {
	field, label string
	per          int64 // in the unit of the amount: dollars, or things
	count        bool  // things, not cents
	needed       bool  // nothing of it is not known, rather than none
	of           func(Input) (int64, string)
}

var units = map[Basis]unit{
	Revenue:   {"annualRevenue", "per $1,000 of revenue", 1000, false, false, func(in Input) (int64, string) { return cents(in.AnnualRevenue) }},
	Payroll:   {"payroll", "per $100 of payroll", 100, false, true, func(in Input) (int64, string) { return cents(in.Payroll) }},
	Value:     {"tiv", "per $100 of insured value", 100, false, true, func(in Input) (int64, string) { return cents(in.InsuredValue) }},
	Employees: {"employees", "per employee", 1, true, true, func(in Input) (int64, string) { return int64(in.Employees), fmt.Sprint(in.Employees) }},
	Vehicles:  {"vehicles", "per vehicle", 1, true, true, func(in Input) (int64, string) { return int64(in.Vehicles), fmt.Sprint(in.Vehicles) }},
}

func cents(c money.Cents) (int64, string) { return int64(c), c.String() }

// A BaseRate is dollars per unit of a basis, and the least premium.
type BaseRate struct {
	PerUnit        string      `json:"perUnit"`
	Basis          Basis       `json:"basis"` // Revenue when empty
	MinimumPremium money.Cents `json:"minimumPremium"`
}

func (r BaseRate) basis() Basis {
	if r.Basis == "" {
		return Revenue
	}
	return r.Basis
}

// UnmarshalJSON also reads the form of the first books, which knew no basis but
// revenue and said perThousand.
func (r *BaseRate) UnmarshalJSON(b []byte) error {
	type plain BaseRate
	v := struct {
		plain
		PerThousand string `json:"perThousand"`
	}{}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*r = BaseRate(v.plain)
	if r.PerUnit == "" {
		r.PerUnit = v.PerThousand
	}
	r.Basis = r.basis()
	return nil
}

// A Band gives a factor to amounts up to and including UpTo.
type Band struct {
	UpTo   money.Cents `json:"upTo"`
	Factor string      `json:"factor"`
}

// A CountBand gives a factor to counts up to and including UpTo.
type CountBand struct {
	UpTo   int    `json:"upTo"`
	Factor string `json:"factor"`
}

// A Credit is the share of the premium that a deductible of From or more saves.
type Credit struct {
	From   money.Cents `json:"from"`
	Credit string      `json:"credit"`
}

func (b Book) base(state string) (BaseRate, bool) {
	r, ok := b.BaseRates[state]
	if !ok {
		r, ok = b.BaseRates[AnyState]
	}
	return r, ok
}

// Least is the minimum premium in a state, below which nothing is sold; 0 where
// the book has no rate.
func (b Book) Least(state string) money.Cents {
	r, _ := b.base(state)
	return r.MinimumPremium
}

// territory finds the entry of the longest postal prefix, else of the state,
// else of any.
func (b Book) territory(state, postal string) (name, factor string, ok bool) {
	for n := len(postal); n > 0; n-- {
		name = state + "-" + postal[:n]
		if factor, ok = b.TerritoryFactors[name]; ok {
			return name, factor, true
		}
	}
	if factor, ok = b.TerritoryFactors[state]; ok {
		return state, factor, true
	}
	factor, ok = b.TerritoryFactors[AnyState]
	return state, factor, ok
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

// deductible takes the credit of the largest deductible that the risk has.
func (b Book) deductible(d money.Cents) step {
	credit := "0"
	for _, c := range b.DeductibleCredits {
		if c.From <= d {
			credit = c.Credit
		}
	}
	s := step{key: "deductible", label: "Deductible credit, " + d.String(), how: "(1 − " + credit + ")"}
	if c, ok := rational(credit); ok {
		s.by = c.Sub(big.NewRat(1, 1), c)
		s.value = decimal(s.by)
	}
	return s
}

// revenue is the factor of the bands that annual revenue fills, each for the
// part that lies in it: a discount for what is above a bound never makes more
// revenue cheaper than less.
func (b Book) revenue(amount money.Cents) (step, bool) {
	s := step{key: "revenue_band", label: "Revenue band"}
	f, ok := factorFor(b.RevenueBands, amount)
	if !ok || amount <= b.RevenueBands[0].UpTo {
		s.value = f
		return s, ok
	}
	sum, from := new(big.Rat), money.Cents(0)
	var parts []string
	for _, band := range b.RevenueBands {
		part := min(amount, band.UpTo) - from
		if part <= 0 {
			break
		}
		f, ok := rational(band.Factor)
		if !ok {
			return step{key: s.key, value: band.Factor}, true // times says that it is no number
		}
		sum.Add(sum, f.Mul(f, big.NewRat(int64(part), 1)))
		parts = append(parts, part.String()+" × "+band.Factor)
		from = band.UpTo
	}
	s.by = sum.Mul(sum, big.NewRat(1, int64(amount)))
	s.how = "(" + strings.Join(parts, " + ") + ") ÷ " + amount.String()
	s.value = decimal(s.by)
	return s, true
}

// losses are the steps of how many claims there were, and what they cost.
func (b Book) losses(l Losses) ([]step, bool) {
	var steps []step
	whole := true
	if len(b.ClaimFactors) > 0 {
		i := slices.IndexFunc(b.ClaimFactors, func(c CountBand) bool { return l.Claims <= c.UpTo })
		if whole = i >= 0; whole {
			steps = append(steps, step{key: "loss_claims", label: fmt.Sprintf("Loss history, %d claims", l.Claims), value: b.ClaimFactors[i].Factor})
		}
	}
	if len(b.IncurredFactors) > 0 {
		f, ok := factorFor(b.IncurredFactors, l.Incurred)
		whole = whole && ok
		steps = append(steps, step{key: "loss_incurred", label: "Loss history, " + l.Incurred.String() + " incurred", value: f})
	}
	return steps, whole
}

// decimal writes a factor with six decimals at most.
func decimal(r *big.Rat) string {
	s := r.FloatString(6)
	s = strings.TrimRight(s, "0")
	return strings.TrimSuffix(s, ".")
}
