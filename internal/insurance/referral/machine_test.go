package referral_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
)

var moves = []string{
	"submit", "claim", "release", "decide", "confirm", "dissent", "respond", "withdraw", "counter", "revoke", "tick", "change", "consume", "drop", "condition", "resolve", "waive",
}

// likely are the moves that get a referral on.
var likely = map[referral.Status][]string{
	referral.Draft:         {"submit", "submit", "submit", "submit", "submit", "submit", "submit", "submit", "submit", "submit"},
	referral.Open:          {"claim", "decide", "decide", "decide", "decide", "decide", "decide"},
	referral.InReview:      {"decide", "decide", "decide", "decide", "decide", "decide", "decide", "decide"},
	referral.InfoRequested: {"respond", "respond", "respond", "respond", "respond", "respond", "respond", "respond", "respond", "respond", "decide"},
	referral.PendingSecond: {"confirm", "confirm", "confirm", "confirm", "confirm", "confirm", "confirm", "confirm", "dissent"},
}

// crew is who plays: everybody has some profile, or none, and may be lent those
// of others.
type crew struct {
	people   []access.Actor
	profiles map[string]authority.Profile
	lent     map[string][]string // by borrower: whose
}

func drawCrew(t *rapid.T) crew {
	c := crew{profiles: map[string]authority.Profile{}, lent: map[string][]string{}}
	for range 5 {
		c.people = append(c.people, access.Actor{Kind: access.User, ID: access.NewUserID(noon).String(), Org: sam.Org})
	}
	for _, p := range c.people {
		if rapid.IntRange(0, 7).Draw(t, "profile") > 0 {
			premium, limit := money.Cents(rapid.Int64Range(0, 40_000_000).Draw(t, "maxPremium")), money.Cents(rapid.Int64Range(50_000_000, 300_000_000).Draw(t, "maxLimit"))
			c.profiles[p.ID] = authority.Profile{
				ID: authority.NewProfileID(noon), Level: rapid.IntRange(1, 10).Draw(t, "level"), MaxPremium: &premium, MaxLimit: &limit, Version: 1,
				Lines: []string{rapid.SampledFrom([]string{"GL", "GL", "GL", "GL", "WC"}).Draw(t, "line")}, Active: rapid.IntRange(0, 5).Draw(t, "active") > 0,
				CanOverride: rapid.Bool().Draw(t, "override"),
			}
		}
		if rapid.IntRange(0, 2).Draw(t, "lent") == 0 {
			c.lent[p.ID] = append(c.lent[p.ID], rapid.SampledFrom(c.people).Draw(t, "from").ID)
		}
	}
	return c
}

// grants are what somebody may use now.
func (c crew) grants(who string) []authority.Grant {
	var out []authority.Grant
	for _, of := range append([]string{who}, c.lent[who]...) {
		if p, ok := c.profiles[of]; ok {
			out = append(out, authority.Grant{Profile: p, Of: of})
		}
	}
	return out
}

// TestIllegalMovesChangeNothing lets a few people do anything at random. What is
// refused changes nothing, no state is left by a way that is not in the table,
// and a decision is always inside somebody's authority.
func TestIllegalMovesChangeNothing(t *testing.T) {
	pace, err := referral.StandardRules().Pace()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 5 {
		rapid.Check(t, func(t *rapid.T) { play(t, pace, seen) })
	}
	for _, step := range referral.Steps {
		if seen[fmt.Sprint(step)] == 0 {
			t.Logf("not seen: %s", step)
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d ways were gone", len(seen))
	}
}

// play lets a crew work one referral at random.
func play(t *rapid.T, pace referral.Pace, seen map[string]int) {
	c := drawCrew(t)
	const threshold = money.Cents(10_000_000)
	four := money.Cents(15_000_000)
	premium := money.Cents(rapid.Int64Range(1, 30_000_000).Draw(t, "premium"))
	price := func() referral.Price {
		q := quote.Quote{CreatedAt: noon, GrossPremium: premium, Terms: quote.Terms{Limit: 100_000_000}}
		return referral.Price{Quote: q, Value: authority.Value{Premium: &q.GrossPremium, Limit: q.Terms.Limit, Line: "GL", State: "OR"}, Risk: "risk"}
	}
	bench := func(by access.Actor) referral.Bench {
		return referral.Bench{Grants: c.grants(by.ID), Threshold: threshold, FourEyesAbove: &four, Value: price().Value, Quote: new(price().Quote)}
	}
	requester := c.people[0]
	a := ask()
	a.Value, a.Risk, a.Draft = bench(requester).Value, "risk", rapid.Bool().Draw(t, "draft")
	at := noon
	r, _, err := referral.Raise(requester, a, at)
	if err != nil {
		t.Fatal(err)
	}
	r = r.Timed(pace, at)
	for range rapid.IntRange(1, 30).Draw(t, "moves") {
		by := rapid.SampledFrom(c.people).Draw(t, "by")
		at = at.Add(time.Duration(rapid.Int64Range(0, 48*3600).Draw(t, "later")) * time.Second)
		before := r
		if rapid.IntRange(0, 30).Draw(t, "asleep") == 0 {
			at = at.AddDate(0, 0, 40)
		}
		move := rapid.SampledFrom(append(slices.Clone(likely[r.Status]), moves...)).Draw(t, "move")
		var told event.Event
		var err error
		switch move {
		case "submit":
			r, told, err = r.Submit(by, at)
		case "claim":
			r, told, err = r.Claim(by, bench(by), at)
		case "release":
			r, told, err = r.Release(by, rapid.Bool().Draw(t, "admin"), at)
		case "decide":
			r, told, err = r.Decide(by, drawDecision(t, at), bench(by), at)
		case "confirm":
			on := bench(by)
			if first, ok := r.First(); ok && rapid.IntRange(0, 5).Draw(t, "first") > 0 { // else he may decide nothing any more
				its := bench(first)
				on.First = &its
			}
			r, told, err = r.Confirm(by, rapid.SampledFrom([]string{"yes", ""}).Draw(t, "because"), on, at)
			if err == nil && on.First == nil {
				t.Fatal("confirmed for a first who may not decide")
			}
		case "dissent":
			r, told, err = r.Dissent(by, rapid.SampledFrom([]string{"no", ""}).Draw(t, "because"), bench(by), at)
		case "respond":
			r, told, err = r.Respond(by, []referral.Reply{{Question: rapid.IntRange(0, 2).Draw(t, "question"), Text: "x"}}, referral.Answerer(rapid.IntRange(0, 2).Draw(t, "as")), at)
		case "withdraw":
			r, told, err = r.Withdraw(by, rapid.Bool().Draw(t, "admin"), "x", at)
		case "counter":
			r, told, err = r.AnswerCounter(by, rapid.Bool().Draw(t, "take"), rapid.SampledFrom([]string{"too much", ""}).Draw(t, "because"), at)
		case "revoke":
			r, told, err = r.Revoke(by, "x", bench(by), at)
		case "tick":
			r, _ = r.Tick(pace, func(...string) string { return c.people[4].ID }, at)
		case "change":
			premium = max(1, premium+money.Cents(rapid.Int64Range(-3_000_000, 3_000_000).Draw(t, "more")))
			p := price()
			p.Risk = rapid.SampledFrom([]string{"risk", "risk", "another"}).Draw(t, "risk")
			r, _, _ = r.Changed(p, at)
		case "consume":
			r = r.Consume(at)
		case "drop":
			if rapid.IntRange(0, 9).Draw(t, "over") == 0 {
				r, _, _ = r.Dropped("It is over.", at)
			}
		default:
			var id referral.ConditionID
			if len(r.Conditions) > 0 {
				id = r.Conditions[0].ID
			}
			switch move {
			case "condition":
				r, told, err = r.SubmitCondition(by, id, "done", at)
			case "resolve":
				r, told, err = r.ResolveCondition(by, id, rapid.Bool().Draw(t, "accept"), "x", bench(by), at)
			case "waive":
				r, told, err = r.WaiveCondition(by, id, "x", bench(by), at)
			}
		}
		if err != nil {
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code() == "" {
				t.Fatalf("%s: %v is no fault", move, err)
			}
			if told.Type != "" || !diff.Equal(before, r) {
				t.Fatalf("%s was refused (%v) and changed %s", move, err, diff.Diff(before, r))
			}
			continue
		}
		if r.Status != before.Status {
			step := referral.Step{From: before.Status, By: move, To: r.Status}
			if !slices.Contains(referral.Steps, step) {
				t.Fatalf("no way: %s", step)
			}
			seen[fmt.Sprint(step)]++
		}
		conditioned(t, move, before, r)
		eased(t, move, by, before)
		r = r.Timed(pace, at)
		clocked(t, r, at)
		judged(t, c, requester, before, r, threshold, four)
	}
}

// conditioned checks that conditions only go the ways that they have.
func conditioned(t *rapid.T, move string, before, r referral.Referral) {
	for i, c := range r.Conditions {
		if i >= len(before.Conditions) || before.Conditions[i].ID != c.ID || before.Conditions[i].Status == c.Status {
			continue
		}
		by := map[string]string{"condition": "submit", "resolve": strings.TrimSuffix(c.Status, "ed")}[move]
		step := referral.ConditionStep{From: before.Conditions[i].Status, By: cmp.Or(by, move), To: c.Status}
		if !slices.Contains(referral.ConditionSteps, step) {
			t.Fatalf("no way of a condition: %s", step)
		}
	}
}

// eased checks who did something about what was agreed: never who asked, and what
// two agreed to is undone or eased by neither of them.
func eased(t *rapid.T, move string, by access.Actor, before referral.Referral) {
	if !slices.Contains([]string{"revoke", "resolve", "waive"}, move) {
		return
	}
	if by.ID == before.RaisedBy {
		t.Fatalf("%s by who asked", move)
	}
	if move != "resolve" && before.SecondBy != "" && (by.ID == before.DecidedBy || by.ID == before.SecondBy || by.ID == before.Use.For || by.ID == before.SecondUse.For) {
		t.Fatalf("%s by one of two", move)
	}
}

func drawDecision(t *rapid.T, at time.Time) referral.Decision {
	d := referral.Decision{
		Verb:      rapid.SampledFrom([]referral.Verb{referral.Approve, referral.Approve, referral.Approve, referral.Reject, referral.RequestMoreInfo}).Draw(t, "verb"),
		Rationale: rapid.SampledFrom([]string{"x", "x", "x", ""}).Draw(t, "rationale"),
	}
	switch d.Verb {
	case referral.RequestMoreInfo:
		d.Questions = []string{"why?", "when?"}[:rapid.IntRange(0, 2).Draw(t, "questions")]
	case referral.Approve:
		d.Offset, d.Override, d.AllowEdit = rapid.IntRange(0, 20).Draw(t, "offset"), rapid.IntRange(0, 3).Draw(t, "override") == 0, rapid.Bool().Draw(t, "edit")
		if rapid.Bool().Draw(t, "valid") {
			until := at.Add(100 * time.Hour)
			d.ValidUntil = &until
		}
		if rapid.Bool().Draw(t, "counter") {
			p := money.Cents(rapid.Int64Range(1, 40_000_000).Draw(t, "counterPremium"))
			d.Counter = &referral.Counter{Premium: &p}
		}
		if rapid.Bool().Draw(t, "conditional") {
			due := at.Add(50 * time.Hour)
			d.Conditions = []referral.Condition{{Kind: rapid.SampledFrom([]string{referral.PreBind, referral.PostBind}).Draw(t, "kind"), Action: "x", DueAt: &due}}
		}
	}
	return d
}

// clocked checks that a clock runs exactly while somebody has a turn.
func clocked(t *rapid.T, r referral.Referral, at time.Time) {
	if (r.Turn() != "") != (r.Clock.DueAt != nil) || r.Clock.Turn != r.Turn() {
		t.Fatalf("%s: turn %q, clock %+v", r.Status, r.Turn(), r.Clock)
	}
	if r.Clock.Since.After(at) || r.Clock.Spent < 0 {
		t.Fatalf("clock %+v at %s", r.Clock, at)
	}
}

// judged checks a decision that was just made against what its makers may do.
func judged(t *rapid.T, c crew, requester access.Actor, before, r referral.Referral, threshold, four money.Cents) {
	if r.Status != referral.Decided || before.Status == referral.Decided {
		return
	}
	if r.DecidedBy == requester.ID || r.SecondBy == requester.ID || r.Use.For == requester.ID {
		t.Fatal("he decided his own")
	}
	premium := *r.Value.Premium
	if r.Reference != nil {
		premium = *r.Reference.Premium
	}
	covers := func(u authority.Use, by string) bool {
		of := by
		if u.For != "" {
			of = u.For
		}
		p, ok := c.profiles[of]
		switch {
		case u == (authority.Use{}):
			return premium <= threshold
		case !ok || !p.Active || u.Level != p.Level:
			return false
		case u.Override:
			return p.CanOverride && of == by
		}
		return slices.Contains(p.Lines, "GL") && premium <= *p.MaxPremium
	}
	if !covers(*r.Use, r.DecidedBy) {
		t.Fatalf("%s by %s is outside the authority %+v", premium, r.DecidedBy, r.Use)
	}
	if r.Outcome == referral.Declined {
		return
	}
	if (r.SecondBy != "") != (premium > four || r.Use.Override) {
		t.Fatalf("%s, override %v: second %q", premium, r.Use.Override, r.SecondBy)
	}
	if r.SecondBy == "" {
		return
	}
	if r.SecondBy == r.DecidedBy || r.SecondUse.For == r.DecidedBy || r.SecondUse.For != "" && r.SecondUse.For == r.Use.For || r.Use.For == r.SecondBy {
		t.Fatalf("one person agreed twice: %s by %+v and %s by %+v", r.DecidedBy, r.Use, r.SecondBy, r.SecondUse)
	}
	if !covers(*r.SecondUse, r.SecondBy) {
		t.Fatalf("the second, %s, is outside the authority %+v", r.SecondBy, r.SecondUse)
	}
}
