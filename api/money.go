package api

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// mostDollars bounds every amount, far above any policy and far below where a
// float64 in a client would lose cents.
const mostDollars = 1e12

// Money is an amount in cents that travels as a JSON number of dollars. It is
// read from the digits themselves, never through a float.
type Money int64

// Schema implements huma.SchemaProvider. There is no multipleOf: in binary
// floats it refuses even 14250.
func (Money) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeNumber, Minimum: ptr(-mostDollars), Maximum: ptr(mostDollars),
		Description: "US dollars, at most two decimals.", Examples: []any{14250.5},
	}
}

// MarshalJSON writes dollars: 14250 or 14250.50.
func (m Money) MarshalJSON() ([]byte, error) {
	cents, sign := uint64(m), ""
	if m < 0 {
		cents, sign = -cents, "-"
	}
	s := sign + strconv.FormatUint(cents/100, 10)
	if c := cents % 100; c != 0 {
		s += "." + string([]byte{byte('0' + c/10), byte('0' + c%10)})
	}
	return []byte(s), nil
}

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
	if len(digits)+shift > 15 {
		if negative {
			return ruleError("min")
		}
		return ruleError("max")
	}
	cents, err := strconv.ParseInt(digits+strings.Repeat("0", shift), 10, 64)
	if err != nil {
		return ruleError("money")
	}
	if negative {
		cents = -cents
	}
	*m = Money(cents)
	return nil
}
