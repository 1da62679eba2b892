// Package triage says how risky a submission looks before anybody has read it,
// and who should read it. The table of points is data: triage.json.
package triage

import (
	_ "embed" // the table
	"encoding/json"
	"math/big"
	"strconv"
	"sync"
)

// A Lane is where a submission goes by its score.
type Lane string

// The lanes.
const (
	AutoProcess       Lane = "auto_process"
	UnderwriterReview Lane = "underwriter_review"
	Escalate          Lane = "escalate"
)

// Input is what a score depends on; nil is not known.
type Input struct {
	LossRatio *big.Rat // losses of the past years to their premium
	Claims    *int     // of the past years
	Years     *int     // in business
	High      bool     // priority
}

// A Factor is one part of a score. What is not known, or in between, has no
// points.
type Factor struct {
	Factor string `json:"factor"`
	Points int    `json:"points"`
	Value  string `json:"value,omitempty"` // empty: not known
	Reason string `json:"reason"`
}

// A Result is a score from 0 to 100, the higher the riskier, and how it came
// about.
type Result struct {
	Score   int
	Lane    Lane
	Factors []Factor
}

// Blank is the result of what nobody has looked at.
var Blank = Result{Score: 50, Lane: UnderwriterReview, Factors: []Factor{}}

type band struct {
	Above  json.Number `json:"above"`
	From   json.Number `json:"from"`
	UpTo   json.Number `json:"upTo"`
	Below  json.Number `json:"below"`
	Points int         `json:"points"`
	Reason string      `json:"reason"`
}

func (b band) holds(v *big.Rat) bool {
	is := func(bound json.Number, ok func(int) bool) bool {
		if bound == "" {
			return true
		}
		r, known := new(big.Rat).SetString(bound.String())
		return known && ok(v.Cmp(r))
	}
	return is(b.Above, func(c int) bool { return c > 0 }) && is(b.From, func(c int) bool { return c >= 0 }) &&
		is(b.UpTo, func(c int) bool { return c <= 0 }) && is(b.Below, func(c int) bool { return c < 0 })
}

//go:embed triage.json
var table []byte

type rules struct {
	Start   int               `json:"start"`
	Factors map[string][]band `json:"factors"`
	Lanes   []struct {
		UpTo int  `json:"upTo"`
		Lane Lane `json:"lane"`
	} `json:"lanes"`
}

var read = sync.OnceValue(func() rules {
	var r rules
	if err := json.Unmarshal(table, &r); err != nil {
		panic("triage.json: " + err.Error()) // a test reads it
	}
	return r
})

// Of scores an input: the same one always alike.
func Of(in Input) Result {
	t := read()
	score := t.Start
	factors := []Factor{}
	for _, k := range []struct {
		name  string
		value *big.Rat
		shown string
	}{
		{"loss_ratio", in.LossRatio, decimal(in.LossRatio)},
		{"claims", whole(in.Claims), count(in.Claims)},
		{"years_in_business", whole(in.Years), count(in.Years)},
		{"priority", high(in.High), priority(in.High)},
	} {
		f := Factor{Factor: k.name, Value: k.shown, Reason: "Nothing is known of it."}
		if k.value != nil {
			f.Reason = "It speaks neither for the risk nor against it."
			for _, b := range t.Factors[k.name] {
				if b.holds(k.value) {
					f.Points, f.Reason = b.Points, b.Reason
					break
				}
			}
		}
		score += f.Points
		factors = append(factors, f)
	}
	r := Result{Score: max(0, min(100, score)), Factors: factors}
	for _, l := range t.Lanes {
		if r.Score <= l.UpTo {
			r.Lane = l.Lane
			break
		}
	}
	return r
}

func decimal(v *big.Rat) string {
	if v == nil {
		return ""
	}
	return v.FloatString(2)
}

func whole(n *int) *big.Rat {
	if n == nil {
		return nil
	}
	return big.NewRat(int64(*n), 1)
}

func count(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func high(is bool) *big.Rat {
	if is {
		return big.NewRat(1, 1)
	}
	return new(big.Rat)
}

func priority(is bool) string {
	if is {
		return "high"
	}
	return "normal"
}
