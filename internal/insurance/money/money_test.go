package money_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]money.Cents{"14250": 1425000, "712.5": 71250, "0.07": 7, "-0.07": -7, "0": 0, "100000000000": money.Max} {
		var c money.Cents
		if err := json.Unmarshal([]byte(text), &c); err != nil || c != want {
			t.Errorf("Unmarshal(%s) = %d, %v; want %d", text, c, err, want)
		}
		if b, _ := json.Marshal(want); string(b) != text {
			t.Errorf("Marshal(%d) = %s, want %s", want, b, text)
		}
	}
	for _, text := range []string{"1.001", "1e3", `"1"`, "100000000000.01", "99999999999999999999", "--1", "1.", ".5", "+1", "null", "1.-1"} {
		if c, err := money.Parse(text); err == nil {
			t.Errorf("Parse(%s) = %d, want an error", text, c)
		}
	}
}

func TestRoundHalfAwayFromZero(t *testing.T) {
	for in, want := range map[string]money.Cents{"1/2": 1, "-1/2": -1, "49/100": 0, "5/2": 3, "7/3": 2} {
		r, _ := new(big.Rat).SetString(in)
		if got := money.Round(r); got != want {
			t.Errorf("Round(%s) = %d, want %d", in, got, want)
		}
	}
}

func TestSplitVectorIN5(t *testing.T) {
	want := []money.Cents{12346, 12346, 12346, 12346, 12346, 12346, 12345, 12345, 12345, 12345}
	if d := cmp.Diff(want, money.Split(123456, []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1})); d != "" {
		t.Error(d)
	}
}

// A published plan: 20 % down of 1,200.00, the rest in nine equal parts.
func TestSplitVectorIN7(t *testing.T) {
	want := []money.Cents{24000, 10667, 10667, 10667, 10667, 10667, 10667, 10666, 10666, 10666}
	if d := cmp.Diff(want, money.Split(120000, []int64{180, 80, 80, 80, 80, 80, 80, 80, 80, 80})); d != "" {
		t.Error(d)
	}
}

func TestSplitLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := money.Cents(rapid.Int64Range(0, int64(money.Max)).Draw(t, "total"))
		weights := rapid.SliceOfN(rapid.Int64Range(1, 1000), 1, 40).Draw(t, "weights")
		var sum money.Cents
		for _, s := range money.Split(total, weights) {
			if s < 0 {
				t.Fatalf("share %d", s)
			}
			sum += s
		}
		if sum != total {
			t.Fatalf("shares sum to %d, want %d", sum, total)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("12.34")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := money.Parse(s)
		if err != nil {
			return
		}
		b, _ := json.Marshal(c)
		if back, err := money.Parse(string(b)); err != nil || back != c {
			t.Errorf("%q -> %d -> %s -> %d, %v", s, c, b, back, err)
		}
	})
}

func FuzzJSONRoundTrip(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 7, 10, 99, 100, -71250, 1425000, int64(money.Max), -int64(money.Max)} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		want := money.Cents(n) % (money.Max + 1)
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got money.Cents
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Errorf("%d -> %s -> %d, %v", want, b, got, err)
		}
		if back, err := money.Parse(want.String()); err != nil || back != want {
			t.Errorf("%d -> %s -> %d, %v", want, want, back, err)
		}
	})
}

func TestDollars(t *testing.T) {
	for c, want := range map[money.Cents]string{
		0: "$0", 5: "$0.05", 71_250: "$712.50", 99_999: "$999.99", 100_000: "$1,000", 1_425_000: "$14,250", 123_456_789_01: "$123,456,789.01", -71_250: "-$712.50", money.Max: "$100,000,000,000",
	} {
		if got := c.Dollars(); got != want {
			t.Errorf("%d is %s, want %s", c, got, want)
		}
	}
}
