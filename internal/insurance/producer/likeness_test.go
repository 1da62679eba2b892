package producer_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/insurance/producer"
)

// The values are those of Winkler's papers and of the libraries that compute by
// them; the last two are names by which a list was got around.
func TestLikeness(t *testing.T) {
	tests := []struct {
		a, b string
		want float64
	}{
		{"MARTHA", "MARHTA", 0.9611},
		{"DIXON", "DICKSONX", 0.8133},
		{"DWAYNE", "DUANE", 0.84},
		{"JELLYFISH", "SMELLYFISH", 0.8963},
		{"JONES", "JOHNSON", 0.8324},
		{"SHACKLEFORD", "SHACKELFORD", 0.9818},
		{"DUNNINGHAM", "CUNNIGHAM", 0.8963},
		{"NICHLESON", "NICHULSON", 0.9556},
		{"MASSEY", "MASSIE", 0.9333},
		{"ABROMS", "ABRAMS", 0.9222},
		{"ITMAN", "SMITH", 0.4667},
		{"ABCVWXYZ", "CABVWXYZ", 0.9583}, // three letters in another order are one transposition
		{"Бондаренко", "Бондаренка", 0.96},
		{"", "", 1}, {"", "A", 0}, {"A", "B", 0}, {"A", "A", 1}, {"AB", "BA", 0},
		{"morosenk viktor zhelezni", "morozenko viktor zhelezny", 0.9321},
		{"morosenk viktor zhelezny", "morozenko viktor zhelezny", 0.9496},
	}
	for _, tt := range tests {
		if got := producer.Likeness(tt.a, tt.b); math.Abs(got-tt.want) > 0.00005 {
			t.Errorf("Likeness(%q, %q) = %.4f, want %.4f", tt.a, tt.b, got, tt.want)
		}
	}
}

// Few letters make many that are the same in another order.
func TestLikenessIsSymmetricAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.SampledFrom([]rune("abcé ")), 0, 30, -1)
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		got, back := producer.Likeness(a, b), producer.Likeness(b, a)
		if got != back {
			t.Errorf("%v one way and %v the other", got, back)
		}
		if got < 0 || got > 1 || (got == 1) != (a == b) {
			t.Errorf("%v", got)
		}
		if self := producer.Likeness(a, a); self != 1 {
			t.Errorf("%v with itself", self)
		}
	})
}
