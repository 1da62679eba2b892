package main

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/referral"
)

// TestOneMonth plays a month of an MGA on its test clock, by the public API at
// two nodes: a hundred submissions of all lines. Every way of every machine is
// gone, and each room tells its story in order, to both companies.
func TestOneMonth(t *testing.T) {
	s := newMonth(t)
	tales := map[string]func(*tale){}
	addSubmissions(tales)
	addDrafts(tales)
	addReferrals(tales)
	addConditions(tales)
	addQuotes(tales)
	addPolicies(tales)
	addAlternatives(tales)
	addProducers(tales)
	addAgreements(tales)
	began := time.Now()
	told := s.tell(tales)
	for _, one := range told {
		one.over()
		one.read()
	}
	s.covered(never)
	s.dealtBoth()
	if len(told) < 100 {
		t.Errorf("only %d submissions", len(told))
	}
	t.Logf("%d submissions, %d days, %d requests in %s", len(told), s.day, s.calls, time.Since(began).Round(time.Second))
}

// newMonth brings up two nodes, and hires who works there.
func newMonth(t *testing.T) *month {
	t.Helper()
	c := newCluster(t, "patient", "patient")
	s := &month{t: t, c: c, tokens: map[string]string{}, ids: map[string]string{}, taken: map[way]int{}, dealt: map[string]int{}}
	s.tokens["una"], s.tokens["ada"], s.tokens["ben"] = c.token("underwriter"), c.token("admin"), c.token("broker")
	for _, who := range []string{"maria", "noor"} {
		s.tokens[who] = c.underwriter(who + "@summit.example")
	}
	for who := range s.tokens {
		s.ids[who] = s.must(who, "GET", "/v1/me", nil)["id"].(string)
	}
	profile := func(who string, level int) {
		p := s.must("ada", "POST", "/v1/authority/profiles", fields{
			"name": who, "level": level, "authorizedLobs": rating.Lines, "maxPremium": 250_000, "maxLimit": 50_000_000, "maxTiv": 1_000_000_000, "prohibitedStates": []string{"NY"},
		})["id"].(string)
		s.must("ada", "POST", "/v1/authority/profiles/"+p+"/assign", fields{"userId": s.ids[who]})
	}
	profile("maria", 5)
	profile("noor", 5)
	profile("ada", 9)
	now, err := time.Parse(time.RFC3339, s.must("una", "GET", "/v1/test-clock", nil)["now"].(string))
	if err != nil {
		t.Fatal(err)
	}
	// A Monday at ten in New York.
	for s.began = now.Truncate(24 * time.Hour).Add(15 * time.Hour); s.began.Weekday() != time.Monday || s.began.Before(now); {
		s.began = s.began.AddDate(0, 0, 1)
	}
	s.day = -1
	s.move(0)
	return s
}

// lineOf is a line for the nth of something.
func lineOf(n int) string { return rating.Lines[n%len(rating.Lines)] }

// addReferrals adds a tale for every way of a referral.
func addReferrals(tales map[string]func(*tale)) {
	for n, step := range referral.Steps {
		tales[fmt.Sprintf("referral: %s, %s, %s", step.From, step.By, step.To)] = func(t *tale) {
			line, kind := lineOf(n), "plain"
			switch {
			case step.From == referral.PendingSecond || step.To == referral.PendingSecond:
				line, kind = "GL", "dear"
			case step.From == referral.Open && step.To == referral.Expired:
				kind = "prohibited" // nobody has the authority, so nobody gets it
			case step.By == "change":
				line = "GL"
			}
			t.begin(line, kind)
			t.rate(nil)
			t.reach(step)
			t.leave(step)
		}
	}
}

// reach brings a referral to where a step begins.
func (t *tale) reach(step referral.Step) {
	t.t.Helper()
	t.refer(fields{"draft": step.From == referral.Draft})
	switch step.From {
	case referral.InReview:
		t.on("claim", "maria", "claim", nil)
	case referral.InfoRequested:
		t.ask()
	case referral.PendingSecond:
		t.approve(nil)
	case referral.Decided:
		terms := map[string]fields{"counter": {"counter": fields{"premium": 20_000}}, "drop": {"counter": fields{"premium": 20_000}}, "tick": {"validUntil": t.later(2)}}
		t.approve(terms[step.By])
	}
	if t.before["referral"][t.referral] != string(step.From) {
		t.fail("it is %s", t.before["referral"][t.referral])
	}
}

// leave takes a step.
func (t *tale) leave(step referral.Step) {
	t.t.Helper()
	because := fields{"rationale": "Because."}
	switch step.By {
	case "submit", "claim", "release":
		who := map[string]string{"submit": "una"}[step.By]
		if who == "" {
			who = "maria"
		}
		t.on(step.By, who, step.By, nil)
	case "withdraw":
		t.on("withdraw", "una", "withdraw", because)
	case "decide":
		if step.To == referral.InfoRequested {
			t.ask()
		} else {
			t.approve(nil)
		}
	case "respond":
		if step.To == referral.Open {
			t.on("release", "maria", "release", nil)
		}
		t.answer()
	case "confirm":
		t.refused("second_person", "maria", "/v1/referrals/"+t.referral+"/confirm", because)
		t.on("confirm", "noor", "confirm", because)
	case "dissent":
		t.on("dissent", "noor", "object", because)
	case "counter":
		t.brokerOn("counter", "counter", "answer-counter", fields{"accept": false, "rationale": "Too much."})
	case "revoke":
		t.on("revoke", "maria", "revoke", because)
	case "tick":
		t.wait(map[referral.Status]int{referral.Expired: 31, referral.InReview: 6, referral.Lapsed: 3}[step.To])
	case "change":
		t.rate(larger)
	case "consume":
		t.bind("PIF")
	case "drop":
		t.work("leave", leaving)
	}
	if t.before["referral"][t.referral] != string(step.To) {
		t.fail("it is %s", t.before["referral"][t.referral])
	}
}

// addConditions adds a tale for every way of a condition.
func addConditions(tales map[string]func(*tale)) {
	for n, step := range referral.ConditionSteps {
		tales[fmt.Sprintf("condition: %s, %s, %s", step.From, step.By, step.To)] = func(t *tale) {
			t.begin(lineOf(n), "young")
			t.rate(nil)
			t.refer(nil)
			t.approve(fields{"conditions": []fields{{"kind": "pre_bind", "action": "Send the roof report.", "dueAt": t.later(5)}}})
			switch step.From {
			case referral.ConditionSubmitted, referral.ConditionRejected:
				t.condition("una", "submit", "It is in the room.")
				if step.From == referral.ConditionRejected {
					t.condition("maria", "reject", "It is not signed.")
				}
			case referral.ConditionExpired:
				t.wait(6)
			}
			switch step.By {
			case "tick":
				t.wait(6)
			case "submit":
				t.condition("una", "submit", "It is signed now.")
			default:
				t.condition("maria", step.By, "Because.")
			}
			if id := sorted(t.before["condition"])[0]; t.before["condition"][id] != step.To {
				t.fail("it is %s", t.before["condition"][id])
			}
		}
	}
}

// addQuotes adds a tale for every way of a quote.
func addQuotes(tales map[string]func(*tale)) {
	n := 0
	for _, v := range quote.Steps {
		for _, from := range quote.From(v) {
			line := lineOf(n)
			n++
			tales[fmt.Sprintf("quote: %s, %s", from, v)] = func(t *tale) {
				kind := "plain"
				if from == quote.Status(quote.Referred) || v == quote.Doubt {
					kind = "young"
				}
				t.begin(line, kind)
				t.rate(nil)
				if v == quote.Doubt {
					t.refer(nil)
					t.approve(nil)
				}
				if from == quote.Offered || from == quote.Accepted {
					t.offer()
				}
				if from == quote.Accepted {
					t.accept()
				}
				t.step(v, t.quote)
			}
		}
	}
}

// step takes a step of a quote.
func (t *tale) step(v quote.Step, id string) {
	t.t.Helper()
	switch v {
	case quote.Offer:
		t.offer()
	case quote.Accept:
		t.accept()
	case quote.Agree, quote.Decline:
		t.refer(nil)
		t.decide(map[quote.Step]string{quote.Agree: "approve", quote.Decline: "reject"}[v], nil)
	case quote.Doubt:
		t.on("revoke", "maria", "revoke", fields{"rationale": "Because."})
	case quote.Supersede:
		t.rate(nil)
	case quote.PassOver:
		from := t.before["quote"][id]
		t.rate(fields{"alternative": true})
		if from == string(quote.Referred) {
			t.refer(nil)
			t.approve(nil)
		}
		t.offer()
		t.accept()
	case quote.Bind:
		t.bind("PIF")
	case quote.Expire:
		t.wait(31)
	}
}

// addPolicies adds a tale for each line: quoted, and bound on a plan; and
// declined.
func addPolicies(tales map[string]func(*tale)) {
	for n, line := range rating.Lines {
		plans := append(slices.Clone(billing.Offered), billing.PremiumFinance)
		plan := plans[n%len(plans)]
		tales["bound: "+line] = func(t *tale) {
			t.begin(line, "plain")
			t.rate(nil)
			if n == 0 {
				t.refused("validation_failed", "una", "/v1/submissions/"+t.submission+"/bind", fields{"installmentPlan": billing.PremiumFinance})
			}
			t.bind(string(plan))
			t.owed(plan)
			t.wait(15) // its room closes by itself
			if status := t.must("una", "GET", "/v1/deal-rooms/"+t.room, nil)["status"]; status != "closed" {
				t.fail("the room is %v", status)
			}
		}
		tales["declined: "+line] = func(t *tale) {
			t.begin(line, "huge")
			t.rate(nil)
		}
	}
}

// owed checks what the policy's invoices come to, and who owes them.
func (t *tale) owed(plan billing.Plan) {
	t.t.Helper()
	p := t.must("una", "GET", "/v1/policies/"+t.policy, nil)
	var sum float64
	var by []string
	for _, i := range t.must("una", "GET", "/v1/invoices?limit=100&policyId="+t.policy, nil)["data"].([]any) {
		i := i.(map[string]any)
		sum += i["premium"].(float64)
		by = append(by, i["billTo"].(map[string]any)["kind"].(string))
	}
	slices.Sort(by)
	if financed := slices.Equal(by, []string{"financier", "insured"}); math.Abs(sum-p["grossPremium"].(float64)) > 0.001 || financed != (plan == billing.PremiumFinance) || len(by) == 0 {
		t.fail("%s: %v of %v is owed by %v", plan, sum, p["grossPremium"], by)
	}
}
