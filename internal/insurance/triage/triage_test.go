package triage_test

import (
	"math/big"
	"testing"

	"github.com/openinsure/openinsure/internal/insurance/triage"
)

func TestOf(t *testing.T) {
	tests := []struct {
		name  string
		in    triage.Input
		score int
		lane  triage.Lane
	}{
		{"nothing is known", triage.Input{}, 50, triage.UnderwriterReview},
		{"the best", triage.Input{LossRatio: big.NewRat(0, 1), Claims: new(0), Years: new(5)}, 10, triage.AutoProcess},
		{"the worst is no more than all", triage.Input{LossRatio: big.NewRat(16, 10), Claims: new(11), Years: new(1), High: true}, 100, triage.Escalate},
		{"ratio of one and a half", triage.Input{LossRatio: big.NewRat(15, 10)}, 65, triage.UnderwriterReview},
		{"ratio above it", triage.Input{LossRatio: big.NewRat(1501, 1000)}, 80, triage.Escalate},
		{"ratio of three quarters", triage.Input{LossRatio: big.NewRat(3, 4)}, 65, triage.UnderwriterReview},
		{"ratio in between", triage.Input{LossRatio: big.NewRat(74, 100)}, 50, triage.UnderwriterReview},
		{"ratio just above two fifths", triage.Input{LossRatio: big.NewRat(401, 1000)}, 50, triage.UnderwriterReview},
		{"ratio of two fifths", triage.Input{LossRatio: big.NewRat(2, 5)}, 30, triage.UnderwriterReview},
		{"one claim", triage.Input{Claims: new(1)}, 40, triage.UnderwriterReview},
		{"two claims", triage.Input{Claims: new(2)}, 50, triage.UnderwriterReview},
		{"four claims", triage.Input{Claims: new(4)}, 50, triage.UnderwriterReview},
		{"five claims", triage.Input{Claims: new(5)}, 60, triage.UnderwriterReview},
		{"ten claims", triage.Input{Claims: new(10)}, 60, triage.UnderwriterReview},
		{"eleven claims", triage.Input{Claims: new(11)}, 75, triage.Escalate},
		{"one year", triage.Input{Years: new(1)}, 65, triage.UnderwriterReview},
		{"two years", triage.Input{Years: new(2)}, 50, triage.UnderwriterReview},
		{"five years", triage.Input{Years: new(5)}, 40, triage.UnderwriterReview},
		{"thirty is no more for the machine", triage.Input{LossRatio: big.NewRat(2, 5), High: false}, 30, triage.UnderwriterReview},
		{"twenty-nine would be: twenty is", triage.Input{LossRatio: big.NewRat(2, 5), Claims: new(1)}, 20, triage.AutoProcess},
		{"seventy escalates", triage.Input{LossRatio: big.NewRat(1, 1), Years: new(1), Claims: new(1)}, 70, triage.Escalate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := triage.Of(tt.in)
			sum := 50
			for _, f := range got.Factors {
				sum += f.Points
				if f.Reason == "" {
					t.Errorf("%s says no reason", f.Factor)
				}
			}
			if got.Score != tt.score || got.Lane != tt.lane || max(0, min(100, sum)) != got.Score || len(got.Factors) != 4 {
				t.Errorf("%d %s of %v, want %d %s", got.Score, got.Lane, got.Factors, tt.score, tt.lane)
			}
		})
	}
}
