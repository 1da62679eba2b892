// Package rating prices a risk from a rate book, exactly, and shows its working.
package rating

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// Faults of rating.
var (
	ErrExcludedClass = fault.New(fault.Refused, "excluded_class", "This class of business is not written.")
	ErrNoRate        = fault.New(fault.Refused, "no_rate", "The rate book has no rate for this risk.")
	ErrExposure      = fault.New(fault.Refused, "exposure_missing", "The rates of this line need to know more of the risk.")
	ErrBook          = fault.New(fault.Invalid, "validation_failed", "The rate book is not valid.")
)

// Input is what a price depends on. What is not known of a risk is zero and has
// no step.
type Input struct {
	State, NAICS                  string
	PostalCode                    string
	AnnualRevenue, RequestedLimit money.Cents
	AggregateLimit, Deductible    money.Cents
	Payroll, InsuredValue         money.Cents
	Employees, Vehicles           int
	ExperienceMod                 string // a decimal such as 1.12, of workers' compensation
	Losses                        *Losses
	Schedule                      *Schedule
}

// Losses are those of the last years, as far as rating counts them.
type Losses struct {
	Claims   int
	Incurred money.Cents
}

// A Factor is one step of the working: what was applied, and the premium after.
type Factor struct {
	Key     string `json:"key"`
	Label   string `json:"label"`
	Value   string `json:"value"`
	Formula string `json:"formula,omitempty"`
	Premium string `json:"premium"` // dollars, four decimals: the sum is rounded only at the end
}

// Agreed is the step of a premium that was agreed to in place of what the book and
// the steps before come to.
func Agreed(before, agreed money.Cents) Factor {
	text := agreed.String()
	return Factor{"counter", "Counter-offer", text, text + " in place of " + before.String(), text + "00"}
}

// Result is a price and its working.
type Result struct {
	Premium money.Cents
	Factors []Factor
}

// most is the largest premium that is an amount of money at all.
var most = big.NewRat(int64(money.Max), 1)

// Rate prices a risk: exposure × base rate × territory × class × limit ×
// aggregate × (1 − deductible credit) × revenue band × losses × experience ×
// schedule, rounded once, half a cent up, and at least the minimum premium. What
// the book has no table for, or the risk says nothing of, is no step. A price
// that is beyond money.Max is ErrNoRate for its exposure, never a number that wrapped
// around.
func (b Book) Rate(in Input) (Result, error) {
	if slices.ContainsFunc(b.ExcludedClasses, func(p string) bool { return strings.HasPrefix(in.NAICS, p) }) {
		return Result{}, ErrExcludedClass
	}
	base, factors, err := b.look(in)
	if err != nil {
		if base.PerUnit != "" && base.lacks(in) != nil {
			err = errors.Join(err, base.lacks(in))
		}
		return Result{}, err
	}
	w := working{cents: new(big.Rat)}
	if err := w.start(base, in); err != nil {
		return Result{}, err
	}
	for _, f := range factors {
		if err := w.times(f); err != nil {
			return Result{}, err
		}
	}
	if w.cents.Cmp(most) > 0 {
		return Result{}, ErrNoRate.Field(units[base.basis()].field, "max")
	}
	premium := money.Round(w.cents)
	if premium < base.MinimumPremium {
		least := base.MinimumPremium.String()
		w.factors = append(w.factors, Factor{"minimum_premium", "Minimum premium", least, "the larger of " + w.dollars() + " and " + least, least + "00"})
		premium = base.MinimumPremium
	}
	return Result{Premium: premium, Factors: w.factors}, nil
}

// A step is a factor of the book before it is applied.
type step struct {
	key, label, value string
	by                *big.Rat // exactly, when value is not; how says what it is
	how               string
}

// look finds every factor that applies to a risk, in the order of the working,
// and names all that the book lacks at once.
func (b Book) look(in Input) (BaseRate, []step, error) {
	lacks := ErrNoRate
	lack := func(field, rule string) { lacks = lacks.Field(field, rule) }
	base, ok := b.base(in.State)
	if !ok {
		lack("state", "enum")
	}
	var steps []step
	add := func(key, label, value string) { steps = append(steps, step{key: key, label: label, value: value}) }
	if len(b.TerritoryFactors) > 0 {
		name, f, ok := b.territory(in.State, in.PostalCode)
		if !ok {
			lack("state", "enum")
		}
		add("territory", "Territory, "+name, f)
	}
	add("class", "Class modifier, NAICS "+in.NAICS, b.classModifier(in.NAICS))
	limit, ok := factorFor(b.LimitFactors, in.RequestedLimit)
	if !ok {
		lack("requestedLimit", "max")
	}
	add("limit", "Limit factor", limit)
	if in.AggregateLimit > 0 && len(b.AggregateFactors) > 0 {
		f, ok := factorFor(b.AggregateFactors, in.AggregateLimit)
		if !ok {
			lack("aggregateLimit", "max")
		}
		add("aggregate", "Aggregate limit factor", f)
	}
	if in.Deductible > 0 && len(b.DeductibleCredits) > 0 {
		steps = append(steps, b.deductible(in.Deductible))
	}
	band, ok := b.revenue(in.AnnualRevenue)
	if !ok {
		lack("annualRevenue", "max")
	}
	steps = append(steps, band)
	if l := in.Losses; l != nil {
		more, ok := b.losses(*l)
		if !ok {
			lack("lossHistory", "max")
		}
		steps = append(steps, more...)
	}
	if in.ExperienceMod != "" {
		add("experience", "Experience modification", in.ExperienceMod)
	}
	if s := in.Schedule; s != nil {
		if err := b.Allows(*s); err != nil {
			return base, nil, err
		}
		add("schedule", "Schedule rating, "+s.Reason, s.factor())
	}
	if len(lacks.Fields()) > 0 {
		return base, nil, lacks
	}
	return base, steps, nil
}

// lacks says that a risk does not have what it is rated on.
func (r BaseRate) lacks(in Input) error {
	u := units[r.basis()]
	if amount, _ := u.of(in); amount <= 0 && u.needed {
		return ErrExposure.Field(u.field, "required")
	}
	return nil
}

// exposure is how many cents a risk costs by a rate of one dollar: amounts are
// cents, counts are whole.
func (u unit) exposure(in Input) *big.Rat {
	amount, _ := u.of(in)
	cents := big.NewRat(amount, u.per)
	if u.count {
		cents.Mul(cents, big.NewRat(100, 1))
	}
	return cents
}

// working multiplies exactly and writes down each step.
type working struct {
	cents   *big.Rat
	factors []Factor
}

func (w *working) dollars() string {
	return new(big.Rat).Mul(w.cents, big.NewRat(1, 100)).FloatString(4)
}

// start makes the first amount: exposure over its unit, times the base rate.
func (w *working) start(base BaseRate, in Input) error {
	if err := base.lacks(in); err != nil {
		return err
	}
	u := units[base.basis()]
	_, text := u.of(in)
	rate, ok := rational(base.PerUnit)
	if !ok {
		return fmt.Errorf("rate book: base rate %q is no number", base.PerUnit)
	}
	w.cents.Mul(u.exposure(in), rate)
	formula := text + " × " + base.PerUnit
	if u.per > 1 {
		formula = text + " ÷ " + strconv.FormatInt(u.per, 10) + " × " + base.PerUnit
	}
	w.factors = append(w.factors, Factor{"base_rate", "Base rate " + u.label + ", " + in.State, base.PerUnit, formula + " = " + w.dollars(), w.dollars()})
	return nil
}

func (w *working) times(s step) error {
	by, ok := s.by, true
	if by == nil {
		by, ok = rational(s.value)
	}
	if !ok {
		return fmt.Errorf("rate book: %s %q is no number", s.key, s.value)
	}
	how := s.how
	if how == "" {
		how = s.value
	}
	before := w.dollars()
	w.cents.Mul(w.cents, by)
	w.factors = append(w.factors, Factor{s.key, s.label, s.value, before + " × " + how + " = " + w.dollars(), w.dollars()})
	return nil
}
