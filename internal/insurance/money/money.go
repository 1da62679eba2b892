// Package money counts in whole cents and never in floats.
package money

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
)

// Cents is an amount of US dollars in cents.
type Cents int64

// Max bounds every amount, either side of zero: a hundred billion dollars.
const Max Cents = 1e13

// ErrAmount is what parsing answers for anything but an exact number of cents
// within Max.
var ErrAmount = fault.New(fault.Invalid, "validation_failed", "An amount of money has at most two decimals.")

// Parse reads dollars such as 14250, 712.5 or -0.07, exactly.
func Parse(s string) (Cents, error) {
	whole, frac, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if len(frac) > 2 || dotted && frac == "" || whole == "" || strings.ContainsAny(whole+frac, "+-") {
		return 0, ErrAmount
	}
	n, err := strconv.ParseInt(whole+frac+"00"[len(frac):], 10, 64)
	if err != nil || Cents(n) > Max {
		return 0, ErrAmount
	}
	if strings.HasPrefix(s, "-") {
		n = -n
	}
	return Cents(n), nil
}

// String returns dollars with two decimals, 14250.00.
func (c Cents) String() string {
	sign, n := "", int64(c)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// Dollars writes an amount for people in the United States: $14,250 or -$712.50, with
// cents only when there are any.
func (c Cents) Dollars() string {
	sign, digits := "$", strings.TrimSuffix(c.String(), ".00")
	if c < 0 {
		sign, digits = "-$", digits[1:]
	}
	whole, cents, dotted := strings.Cut(digits, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dotted {
		whole += "." + cents
	}
	return sign + whole
}

// MarshalJSON writes a number of dollars without idle zeros: 14250, 712.5.
func (c Cents) MarshalJSON() ([]byte, error) {
	s := strings.TrimRight(c.String(), "0")
	return []byte(strings.TrimSuffix(s, ".")), nil
}

// UnmarshalJSON reads a number of dollars, exactly.
func (c *Cents) UnmarshalJSON(b []byte) error {
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*c = v
	return nil
}

// Round returns r, in cents, as whole cents: half a cent goes away from zero.
func Round(r *big.Rat) Cents {
	n := new(big.Int).Abs(r.Num())
	n.Lsh(n, 1).Add(n, r.Denom())
	n.Quo(n, new(big.Int).Lsh(r.Denom(), 1))
	if r.Sign() < 0 {
		n.Neg(n)
	}
	return Cents(n.Int64())
}

// Split shares total by weights without losing a cent: each share is rounded
// down and the cents left over go to the largest remainders, the earlier of
// equals first. Weights are positive and total is not negative.
func Split(total Cents, weights []int64) []Cents {
	var sum int64
	for _, w := range weights {
		sum += w
	}
	shares := make([]Cents, len(weights))
	rest := make([]int64, len(weights))
	left := total
	for i, w := range weights {
		q, r := new(big.Int).QuoRem(new(big.Int).Mul(big.NewInt(int64(total)), big.NewInt(w)), big.NewInt(sum), new(big.Int))
		shares[i], rest[i] = Cents(q.Int64()), r.Int64()
		left -= shares[i]
	}
	for ; left > 0; left-- {
		best := 0
		for i := range rest {
			if rest[i] > rest[best] {
				best = i
			}
		}
		shares[best]++
		rest[best] = -1
	}
	return shares
}
