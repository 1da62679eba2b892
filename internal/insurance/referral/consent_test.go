package referral_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// asked is a submission with a quote of $100,000 that has to be agreed to.
func asked() (submission.Submission, quote.Quote) {
	s := submission.Submission{ID: submission.NewID(noon), LineOfBusiness: "GL", State: "OR", AnnualRevenue: 1, RequestedLimit: 100_000_000}
	s.Exposure.InsuredValue = 100_000_000
	q := quote.Quote{Submission: s.ID, CreatedAt: noon, Decision: quote.Referred, Status: quote.Status(quote.Referred), GrossPremium: 10_000_000}
	q.Terms = quote.Terms{Limit: 100_000_000, Deductible: 500_000, Schedule: &rating.Schedule{Percent: -5, Reason: "management"}}
	return s, q
}

// benchOf is a bench with authority for everything.
func benchOf(s submission.Submission, q *quote.Quote) referral.Bench {
	return referral.Bench{Threshold: 1_000_000_000, Value: referral.PriceOf(s, q).Value, Quote: q}
}

// TestWhatAnApprovalAgreesTo says of each way in which a quote may differ from
// the one that was looked at whether an approval of that is one of this.
func TestWhatAnApprovalAgreesTo(t *testing.T) {
	type change func(*submission.Submission, *quote.Quote)
	premium := func(c money.Cents) change {
		return func(_ *submission.Submission, q *quote.Quote) { q.GrossPremium = c }
	}
	terms := func(fn func(*quote.Terms)) change {
		return func(_ *submission.Submission, q *quote.Quote) { fn(&q.Terms) }
	}
	limit := func(c money.Cents) change { return terms(func(t *quote.Terms) { t.Limit = c }) }
	insured := func(c money.Cents) change {
		return func(s *submission.Submission, _ *quote.Quote) { s.Exposure.InsuredValue = c }
	}
	counter := &referral.Counter{Premium: new(money.Cents(10_200_000)), Exclusions: []string{"Roofing"}}
	taken := func(fn change) change {
		return func(s *submission.Submission, q *quote.Quote) {
			made, err := q.Countered(quote.Counter(*counter), noon)
			if err != nil {
				panic(err)
			}
			fn(s, &made)
			*q = made
		}
	}
	for _, tt := range []struct {
		name                            string
		change                          change
		plain, offset, edits, countered bool // offset of 10 %; with that, edits; a counter that was taken
	}{
		{"the very quote", func(*submission.Submission, *quote.Quote) {}, true, true, true, false},
		{"a cent dearer", premium(10_000_001), false, true, true, false},
		{"ten per cent dearer", premium(11_000_000), false, true, true, false},
		{"more than ten", premium(11_000_001), false, false, false, false},
		{"five per cent cheaper", premium(9_500_000), true, true, true, false},
		{"more than five", premium(9_499_999), false, false, true, false},
		{"a lower limit", limit(50_000_000), true, true, true, false},
		{"a cent more of limit", limit(100_000_001), false, true, true, false},
		{"more than ten per cent of limit", limit(110_000_001), false, false, false, false},
		{"no deductible", terms(func(t *quote.Terms) { t.Deductible = 0 }), false, false, false, false},
		{"a higher deductible", terms(func(t *quote.Terms) { t.Deductible = 600_000 }), false, false, false, false},
		{"an aggregate limit", terms(func(t *quote.Terms) { t.Aggregate = 200_000_000 }), false, false, false, false},
		{"no schedule", terms(func(t *quote.Terms) { t.Schedule = nil }), false, false, false, false},
		{"another schedule", terms(func(t *quote.Terms) { t.Schedule = &rating.Schedule{Percent: -6, Reason: "management"} }), false, false, false, false},
		{"the same schedule, read again", terms(func(t *quote.Terms) { t.Schedule = new(*t.Schedule) }), true, true, true, false},
		{"exclusions", terms(func(t *quote.Terms) { t.Exclusions = []string{"Roofing"} }), false, false, false, false},
		{"another risk", func(s *submission.Submission, _ *quote.Quote) { s.AnnualRevenue = 2 }, false, false, true, false},
		{"insured values within ten per cent", insured(110_000_000), false, false, true, false},
		{"more than ten of insured values", insured(110_000_001), false, false, false, false},
		{"fewer of insured values", insured(1), false, false, true, false},
		{"another state", func(s *submission.Submission, _ *quote.Quote) { s.State = "WA" }, false, false, false, false},
		{"what the counter made", taken(func(*submission.Submission, *quote.Quote) {}), false, false, false, true},
		{"that, a cent cheaper", taken(premium(10_199_999)), false, false, false, false},
		{"that, with a lower limit", taken(limit(50_000_000)), false, false, false, false},
		{"that, of another risk", taken(func(s *submission.Submission, _ *quote.Quote) { s.AnnualRevenue = 2 }), false, false, false, false},
		{"that, without its exclusion", taken(terms(func(t *quote.Terms) { t.Exclusions = nil })), false, true, true, false}, // which is the quote, two per cent dearer
	} {
		t.Run(tt.name, func(t *testing.T) {
			agrees := func(d referral.Decision, old bool) bool {
				t.Helper()
				s, q := asked()
				a := ask()
				a.Value, a.Risk = referral.PriceOf(s, &q).Value, s.Risk()
				r, _, err := referral.Raise(sam, a, noon)
				if err != nil {
					t.Fatal(err)
				}
				d.Verb, d.Rationale = referral.Approve, "x"
				if r, _, err = r.Decide(maria, d, benchOf(s, &q), noon); err != nil {
					t.Fatal(err)
				}
				if d.Counter != nil {
					if r.Agrees(referral.PriceOf(s, &q), noon) {
						t.Error("a counter agrees before it is taken")
					}
					if r, _, err = r.AnswerCounter(sam, true, "", noon); err != nil {
						t.Fatal(err)
					}
				}
				if old { // as a node of before would have written it
					r.Bargain = nil
				}
				b, err := json.Marshal(r.Work)
				if err != nil {
					t.Fatal(err)
				}
				r.Work = referral.Work{}
				if err := json.Unmarshal(b, &r.Work); err != nil {
					t.Fatal(err)
				}
				tt.change(&s, &q)
				return r.Agrees(referral.PriceOf(s, &q), noon)
			}
			plain, wide := referral.Decision{}, referral.Decision{Offset: 10}
			edits, countered := referral.Decision{Offset: 10, AllowEdit: true}, referral.Decision{Terms: referral.Terms{Counter: counter}}
			edited := countered // edits are of no use to a counter
			edited.AllowEdit, edited.Offset = true, 50
			for name, c := range map[string]struct {
				d    referral.Decision
				want bool
			}{
				"plain": {plain, tt.plain}, "offset": {wide, tt.offset}, "edits": {edits, tt.edits}, "counter": {countered, tt.countered}, "counter with edits": {edited, tt.countered},
			} {
				if got := agrees(c.d, false); got != c.want {
					t.Errorf("%s: agrees %v, want %v", name, got, c.want)
				}
				if c.want && !agrees(c.d, true) {
					t.Errorf("%s: does not agree any more when it is older than the bargain", name)
				}
			}
		})
	}
}

// What was decided before the bargain was kept agrees by what there is: not to
// other premiums, and not to what its counter did not make.
func TestAnApprovalOfBeforeTheBargain(t *testing.T) {
	s, q := asked()
	value := referral.PriceOf(s, &q).Value
	old := referral.Referral{Status: referral.Decided, Verdict: referral.Verdict{Outcome: referral.Approved}, Work: referral.Work{Value: value, Risk: s.Risk(), Reference: &value}}
	counter := &referral.Counter{Exclusions: []string{"Roofing"}}
	countered := old
	countered.Outcome, countered.Counter, countered.Taken = referral.Countered, counter, true
	cheap := q
	cheap.GrossPremium = 9_000_000
	made, err := q.Countered(quote.Counter(*counter), noon)
	if err != nil {
		t.Fatal(err)
	}
	another, err := q.Countered(quote.Counter{Exclusions: []string{"Asbestos"}}, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		of   referral.Referral
		q    quote.Quote
		want bool
	}{
		{"the quote", old, q, true}, {"a cheaper one", old, cheap, false}, {"what the counter made", countered, made, true},
		{"the terms before", countered, q, false}, {"what another counter made", countered, another, false},
	} {
		if got := tt.of.Agrees(referral.PriceOf(s, &tt.q), noon); got != tt.want {
			t.Errorf("%s: agrees %v, want %v", tt.name, got, tt.want)
		}
	}
}

// An act is what people agreed to, as a test remembers it.
type act struct {
	by   []string
	d    referral.Decision
	seen quote.Quote
	risk string
}

// A desk is a submission with its quotes and a question, worked at random.
type desk struct {
	crew
	s        submission.Submission
	open     []quote.Quote
	r        referral.Referral
	proposed act
	agreed   act
}

// TestWhateverStandsOpenWasAgreedTo works a submission at random: it is quoted on
// all kinds of terms, corrected, decided by one or two, countered. What an
// approval opens was seen by whoever gave it, on those very terms, and is inside
// the authority of each of them.
func TestWhateverStandsOpenWasAgreedTo(t *testing.T) {
	opened := map[string]int{}
	for range 15 {
		rapid.Check(t, func(t *rapid.T) {
			d := desk{crew: drawCrew(t)}
			for id, p := range d.profiles {
				most := func(name string, of ...money.Cents) *money.Cents { return new(rapid.SampledFrom(of).Draw(t, name)) }
				p.MaxTIV, p.MaxLimit = most("maxTiv", 100_000_000, 200_000_000), most("maxLimit", 100_000_000, 200_000_000)
				p.MaxPremium, p.Lines = most("maxPremium", 10_000_000, 10_500_000, 20_000_000, 50_000_000), []string{"GL"}
				d.profiles[id] = p
			}
			d.s, _ = asked()
			d.quote(t)
			d.raise(t)
			for range rapid.IntRange(10, 40).Draw(t, "moves") {
				d.move(t)
				d.check(t, opened)
			}
		})
	}
	for _, way := range []string{"plain", "edited", "counter", "two", "lent"} {
		if opened[way] == 0 {
			t.Errorf("nothing was opened: %s; only %v", way, opened)
		}
	}
}

const (
	fewest = money.Cents(1_000_000) // up to which nobody's authority is asked for
	four   = money.Cents(9_900_000) // above which it takes two
)

func (d *desk) newest() *quote.Quote {
	if len(d.open) == 0 {
		return nil
	}
	return &d.open[len(d.open)-1]
}

func (d *desk) bench(by access.Actor) referral.Bench {
	return referral.Bench{Grants: d.grants(by.ID), Threshold: fewest, FourEyesAbove: new(four), Value: referral.PriceOf(d.s, d.newest()).Value, Quote: d.newest()}
}

func (d *desk) raise(t *rapid.T) {
	a := ask()
	a.Value, a.Risk = referral.PriceOf(d.s, d.newest()).Value, d.s.Risk()
	r, _, err := referral.Raise(d.people[0], a, noon)
	if err != nil {
		t.Fatal(err)
	}
	d.r = r
}

// quote makes one more quote, beside the others or in their place.
func (d *desk) quote(t *rapid.T) {
	_, q := asked()
	q.GrossPremium = money.Cents(rapid.SampledFrom([]int64{9_000_000, 9_499_999, 9_600_000, 10_000_000, 10_000_000, 10_000_000, 10_000_000, 10_000_000, 10_300_000, 10_900_000}).Draw(t, "premium"))
	switch rapid.IntRange(0, 12).Draw(t, "terms") {
	case 0:
		q.Terms.Limit = 150_000_000
	case 1:
		q.Terms.Deductible = 0
	case 2:
		q.Terms.Schedule = nil
	case 3:
		q.Terms.Aggregate = 300_000_000
	}
	if beside := rapid.Bool().Draw(t, "beside"); !beside {
		d.open = nil
		d.r, _, _ = d.r.Changed(referral.PriceOf(d.s, &q), noon)
	}
	d.open = append(d.open, q)
}

func (d *desk) move(t *rapid.T) {
	by := rapid.SampledFrom(d.people).Draw(t, "by")
	before := d.r
	var err error
	next := map[referral.Status][]string{
		referral.Open: {"decide"}, referral.InReview: {"decide"}, referral.InfoRequested: {"respond"}, referral.PendingSecond: {"confirm", "confirm", "quote"},
		referral.Decided: {"answer", "answer", "quote", "quote", "correct"},
	}[d.r.Status]
	if next == nil {
		next = []string{"raise"}
	}
	next = slices.Concat(next, next, next, next, next, next, []string{"quote", "correct", "decide", "confirm", "answer", "object"})
	switch rapid.SampledFrom(next).Draw(t, "move") {
	case "quote":
		d.quote(t)
	case "correct":
		d.s.AnnualRevenue = money.Cents(rapid.IntRange(1, 2).Draw(t, "revenue"))
		d.s.Exposure.InsuredValue = money.Cents(rapid.SampledFrom([]int64{90_000_000, 100_000_000, 105_000_000, 1_000_000_000}).Draw(t, "insured"))
		d.open = nil
		d.r, _, _ = d.r.Changed(referral.PriceOf(d.s, nil), noon)
	case "decide":
		dec := drawDecision(t, noon)
		dec.Rationale, dec.Override = "x", false
		if d.r, _, err = d.r.Decide(by, dec, d.bench(by), noon); err == nil && dec.Verb == referral.Approve && d.newest() != nil {
			d.proposed = act{by: []string{by.ID}, d: dec, seen: *d.newest(), risk: d.s.Risk()}
		}
	case "respond":
		var replies []referral.Reply
		for n := range d.r.Requests[len(d.r.Requests)-1].Questions {
			replies = append(replies, referral.Reply{Question: n + 1, Text: "x"})
		}
		d.r, _, err = d.r.Respond(access.Actor{Kind: access.User, ID: d.r.RaisedBy, Org: d.r.Org}, replies, referral.Desk, noon)
	case "confirm":
		on := d.bench(by)
		if first, ok := d.r.First(); ok {
			on.First = new(d.bench(first))
		}
		if d.r, _, err = d.r.Confirm(by, "x", on, noon); err == nil {
			d.proposed.by = append(d.proposed.by, by.ID)
		}
	case "object":
		d.r, _, err = d.r.Dissent(by, "x", d.bench(by), noon)
	case "answer":
		take := rapid.IntRange(0, 3).Draw(t, "take") > 0
		if d.r, _, err = d.r.AnswerCounter(by, take, "x", noon); err != nil || !take {
			break
		}
		var prices []referral.Price
		for _, q := range d.open {
			prices = append(prices, referral.PriceOf(d.s, &q))
		}
		if _, made, ok := d.r.TakenVersion(prices, noon); ok {
			d.open = []quote.Quote{made}
		} else {
			d.r = before
		}
	case "raise":
		d.raise(t)
	}
	if err == nil && d.r.Status == referral.Decided && before.Status != referral.Decided {
		d.agreed = d.proposed
	}
}

func (d *desk) check(t *rapid.T, opened map[string]int) {
	for _, q := range d.open {
		p := referral.PriceOf(d.s, &q)
		if !d.r.Agrees(p, noon) {
			continue
		}
		a := d.agreed
		want := a.seen.Terms
		switch c := a.d.Counter; {
		case c != nil:
			opened["counter"]++
			if q.GrossPremium != *c.Premium || a.risk != p.Risk {
				t.Fatalf("a counter of %s agrees to %s, of the same risk: %v", *c.Premium, q.GrossPremium, a.risk == p.Risk)
			}
		case a.d.AllowEdit:
			opened["edited"]++
		default:
			opened["plain"]++
			if a.risk != p.Risk || q.GrossPremium*100 < a.seen.GrossPremium*95 {
				t.Fatalf("%s was seen, and %s is agreed to, of the same risk: %v", a.seen.GrossPremium, q.GrossPremium, a.risk == p.Risk)
			}
		}
		if a.d.Counter == nil {
			want.Limit = q.Terms.Limit
		}
		if !want.Equal(q.Terms) {
			t.Fatalf("%+v was seen, and %+v is agreed to", want, q.Terms)
		}
		if (len(a.by) == 2) != (d.r.SecondBy != "") || len(a.by) < 2 && q.GrossPremium > four {
			t.Fatalf("%s is agreed to by %v", q.GrossPremium, a.by)
		}
		for i, use := range []*authority.Use{d.r.Use, d.r.SecondUse}[:len(a.by)] {
			of := a.by[i]
			if use.For != "" {
				opened["lent"]++
				of = use.For
			}
			if missing := d.profiles[of].Missing(p.Value); *use != (authority.Use{}) && missing != nil || *use == (authority.Use{}) && q.GrossPremium > fewest {
				t.Fatalf("%s agreed to %s for %s of insured values without authority for %v", a.by[i], q.GrossPremium, d.s.Exposure.InsuredValue, missing)
			}
		}
		if len(a.by) == 2 {
			opened["two"]++
		}
	}
}

// TestWhatWaitsIsStillThere says what becomes of a proposal and of a counter when
// a quote takes the place of the one that they are about.
func TestWhatWaitsIsStillThere(t *testing.T) {
	counter := &referral.Counter{Exclusions: []string{"Roofing"}}
	for _, tt := range []struct {
		name    string
		counter *referral.Counter
		four    *money.Cents
		other   bool // terms of the new quote
		kept    bool // the bargain
		want    referral.Status
	}{
		{"a proposal, and the same again", nil, new(money.Cents(0)), false, true, referral.PendingSecond},
		{"a proposal, and other terms", nil, new(money.Cents(0)), true, true, referral.Superseded},
		{"a proposal of before, and other terms", nil, new(money.Cents(0)), true, false, referral.PendingSecond},
		{"a proposed counter, and the same again", counter, new(money.Cents(0)), false, true, referral.PendingSecond},
		{"a proposed counter, and other terms", counter, new(money.Cents(0)), true, true, referral.Superseded},
		{"a counter, and the same again", counter, nil, false, true, referral.Decided},
		{"a counter, and other terms", counter, nil, true, true, referral.Lapsed},
		{"an approval, and the same again", nil, nil, false, true, referral.Decided},
		{"an approval, and other terms at about the same premium", nil, nil, true, true, referral.Decided}, // of no use, but for its conditions
	} {
		s, q := asked()
		a := ask()
		a.Value, a.Risk = referral.PriceOf(s, &q).Value, s.Risk()
		r, _, err := referral.Raise(sam, a, noon)
		if err != nil {
			t.Fatal(err)
		}
		on := benchOf(s, &q)
		on.FourEyesAbove = tt.four
		if r, _, err = r.Decide(maria, referral.Decision{Verb: referral.Approve, Rationale: "x", Terms: referral.Terms{Counter: tt.counter}}, on, noon); err != nil {
			t.Fatal(err)
		}
		if !tt.kept {
			r.Bargain = nil
		}
		again := q
		if tt.other {
			again.Terms.Deductible, again.GrossPremium = 0, q.GrossPremium+1
		}
		after, draft, _ := r.Changed(referral.PriceOf(s, &again), noon.Add(time.Hour))
		if after.Status != tt.want || (draft != nil) != (tt.want == referral.Superseded) {
			t.Errorf("%s: %s, draft %v", tt.name, after.Status, draft != nil)
		}
		if tt.other && after.Agrees(referral.PriceOf(s, &again), noon) {
			t.Errorf("%s: other terms are agreed to", tt.name)
		}
	}
}
