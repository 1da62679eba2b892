package api

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

// mostDollars bounds every amount, far above any policy and far below where a
// float64 in a client would lose cents.
const mostDollars = float64(money.Max / 100)

// Money is money.Cents as it travels: a JSON number of dollars, with its schema
// and with errors that name the broken rule. It is read from the digits
// themselves, never through a float.
type Money money.Cents

// Schema implements huma.SchemaProvider. There is no multipleOf: in binary
// floats it refuses even 14250.
func (Money) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeNumber, Minimum: new(-mostDollars), Maximum: new(mostDollars),
		Description: "US dollars, at most two decimals.", Examples: []any{14250.5},
	}
}

// String writes dollars with two decimals, 14250.00.
func (m Money) String() string { return money.Cents(m).String() }

// MarshalJSON writes dollars without idle zeros: 14250 or 712.5.
func (m Money) MarshalJSON() ([]byte, error) { return money.Cents(m).MarshalJSON() }

// UnmarshalJSON reads dollars exactly. An exponent is allowed, as in 1.5e3.
func (m *Money) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	s, negative := strings.CutPrefix(string(b), "-")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return ruleError("type")
	}
	shift := 2 - len(fraction) // how many zeros turn digits into cents
	if exponent != "" {
		e, err := strconv.Atoi(exponent)
		if err != nil || e < -1000 || e > 1000 {
			return ruleError("money")
		}
		shift += e
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		*m = 0
		return nil
	}
	for ; shift < 0; shift++ {
		var zero bool
		if digits, zero = strings.CutSuffix(digits, "0"); !zero {
			return ruleError("money")
		}
	}
	beyond := ruleError("max")
	if negative {
		beyond = "min"
	}
	if len(digits)+shift > 18 { // more than an int64 surely holds
		return beyond
	}
	cents, err := strconv.ParseInt(digits+strings.Repeat("0", shift), 10, 64)
	if err != nil || cents > int64(money.Max) {
		return beyond
	}
	if negative {
		cents = -cents
	}
	*m = Money(cents)
	return nil
}
