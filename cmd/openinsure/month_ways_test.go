package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// A snapshot is where everything of a tale stands, by machine and id.
type snapshot map[string]map[string]string

// machines are those whose every way the month has to go.
var machines = []string{
	"submission", "quote", "referral", "condition", "producer", "review", "license", "standing", "appointment", "clock", "agreement", "reservation", "carrier",
}

// look reads where everything stands.
func (t *tale) look() snapshot {
	t.t.Helper()
	s := snapshot{}
	for _, machine := range machines {
		s[machine] = map[string]string{}
	}
	t.lookAtProducer(s)
	t.lookAtAgreement(s)
	if t.submission == "" {
		return s
	}
	s["submission"][t.submission] = t.must("una", "GET", "/v1/submissions/"+t.submission, nil)["status"].(string)
	if s["submission"][t.submission] == "draft" {
		return s
	}
	for _, q := range t.must("una", "GET", "/v1/submissions/"+t.submission+"/quotes?limit=100", nil)["data"].([]any) {
		q := q.(map[string]any)
		s["quote"][q["id"].(string)] = q["status"].(string)
	}
	if t.room == "" {
		return s
	}
	for _, r := range t.must("una", "GET", "/v1/referrals?limit=100&dealRoomId="+t.room, nil)["data"].([]any) {
		r := r.(map[string]any)
		s["referral"][r["id"].(string)] = r["status"].(string)
		d, _ := r["decision"].(map[string]any)
		cs, _ := d["conditions"].([]any)
		for _, c := range cs {
			c := c.(map[string]any)
			s["condition"][c["id"].(string)] = c["status"].(string)
		}
	}
	return s
}

// acts say which steps of which machine something that is done can take.
var acts = map[string]map[string][]string{
	"rate":      {"submission": {"rate", "ask"}, "quote": {"supersede", "expire"}, "referral": {"change"}},
	"beside":    {"submission": {"rate"}},
	"offer":     {"quote": {"offer"}},
	"accept":    {"quote": {"accept", "pass_over"}, "reservation": {"accept"}},
	"refer":     {"submission": {"ask"}, "quote": {"doubt"}},
	"submit":    {"submission": {"ask"}, "referral": {"submit"}},
	"claim":     {"referral": {"claim"}},
	"release":   {"referral": {"release"}},
	"decide":    {"submission": {"ask"}, "quote": {"agree", "decline"}, "referral": {"decide"}},
	"confirm":   {"submission": {"ask"}, "quote": {"agree"}, "referral": {"confirm"}},
	"dissent":   {"referral": {"dissent"}},
	"respond":   {"referral": {"respond"}},
	"withdraw":  {"submission": {"ask"}, "referral": {"withdraw"}},
	"counter":   {"submission": {"ask"}, "quote": {"supersede"}, "referral": {"counter"}},
	"revoke":    {"submission": {"ask"}, "quote": {"doubt"}, "referral": {"revoke"}},
	"condition": {"condition": {"submit", "accept", "reject", "waive"}},
	"correct":   {"submission": {"correct"}, "quote": {"supersede"}, "referral": {"change"}},
	"send":      {"submission": {"submit"}},
	"take":      {"submission": {"claim"}},
	"give":      {"submission": {"release"}},
	"decline":   {"submission": {"decline"}, "quote": {"decline", "pass_over"}, "referral": {"drop"}},
	"leave":     {"submission": {"withdraw"}, "quote": {"pass_over"}, "referral": {"drop"}, "reservation": {"leave"}},
	"bind":      {"submission": {"bind"}, "quote": {"bind", "pass_over"}, "referral": {"consume"}, "reservation": {"bind"}},
	"pass": {
		"submission": {"ask", "expire"}, "quote": {"expire", "doubt", "pass_over"}, "referral": {"tick", "drop"}, "condition": {"tick"}, "standing": {"pass"}, "clock": {"pass"},
		"agreement": {"pass"}, "reservation": {"pass"},
	},
	"move":    {"producer": {"move"}},
	"review":  {"producer": {"block"}, "review": {"clear", "block"}},
	"rename":  {"review": {"rename"}},
	"license": {"license": {"amend"}},
	"appoint": {"appointment": {"step"}},
	"agree":   {"agreement": {"change", "move end"}},
	"carrier": {"carrier": {"change"}},
}

// ways lists every way of every machine, as the rules have it.
func ways() []way {
	var out []way
	for _, r := range referral.Steps {
		out = append(out, way{"referral", string(r.From), r.By, string(r.To)})
	}
	for _, c := range referral.ConditionSteps {
		out = append(out, way{"condition", c.From, c.By, c.To})
	}
	for _, v := range submission.Steps {
		for _, from := range submission.Statuses {
			for _, to := range submission.Statuses {
				if from != to && submission.Allows(v, from, to) {
					out = append(out, way{"submission", string(from), string(v), string(to)})
				}
			}
		}
	}
	for _, v := range quote.Steps {
		for _, from := range quote.Statuses {
			for _, to := range quote.Statuses {
				if quote.Allows(v, from, to) {
					out = append(out, way{"quote", string(from), string(v), string(to)})
				}
			}
		}
	}
	return append(out, marketWays()...)
}

// over notes what the room shows of what came later than the tale.
func (t *tale) over() {
	t.t.Helper()
	after := t.look()
	t.expect("pass", after)
	t.before = after
}

// went notes the ways that something which was done went, and what the room
// shows of it.
func (t *tale) went(act string) {
	t.t.Helper()
	after := t.look()
	for _, machine := range machines {
		for id, to := range after[machine] {
			from, was := t.before[machine][id]
			if !was || from == to {
				continue
			}
			t.taken[t.way(machine, from, act, to)]++
		}
	}
	t.expect(act, after)
	t.before = after
}

// way finds the one way of a machine that an act can have gone.
func (t *tale) way(machine, from, act, to string) way {
	t.t.Helper()
	steps, known := acts[act]
	if !known {
		t.fail("what %s can do is not said", act)
	}
	for _, by := range steps[machine] {
		if w := (way{machine, from, by, to}); slices.Contains(allWays, w) {
			return w
		}
	}
	t.fail("by %s the %s went from %s to %s", act, machine, from, to)
	return way{}
}

var allWays = ways()

// expect notes which facts the room has to show of what was done, in order.
func (t *tale) expect(act string, after snapshot) {
	var facts []string
	for _, id := range sorted(after["referral"]) {
		before, was := t.before["referral"][id]
		now := after["referral"][id]
		facts = append(facts, t.conditions(after, id)...)
		if before == now && was || now == "draft" {
			continue
		}
		switch {
		case !was && now == "withdrawn": // drafted for a risk that was declined then
		case !was, before == "draft" && now == "open":
			facts = append(facts, "referral.created "+id)
		case before == "draft":
		case act == "respond":
			facts = append(facts, "referral.answered "+id)
		case act == "counter":
			facts = append(facts, "referral.counter_answered "+id)
		case now == "info_requested":
			facts = append(facts, "referral.info_requested "+id)
		case now == "decided":
			facts = append(facts, "referral.decided "+id)
		case slices.Contains([]string{"withdrawn", "expired", "superseded", "revoked", "lapsed"}, now):
			facts = append(facts, "referral.ended "+id)
		}
	}
	if act == "counter" && len(facts) == 0 { // a counter that is taken leaves the referral decided
		facts = append(facts, "referral.counter_answered "+t.referral)
	}
	ended := t.before["submission"][t.submission] != after["submission"][t.submission] && after["submission"][t.submission] == "declined"
	for _, id := range sorted(after["quote"]) {
		before, was := t.before["quote"][id]
		now := after["quote"][id]
		switch {
		case !was && now == "declined":
			facts = append(facts, "submission.declined")
		case !was && act == "beside" && now != "quoted" && t.before["submission"][t.submission] == "quoted": // what there is to choose from is as good as before
		case !was, act == "confirm" && before != now, act == "revoke" && before != now, act == "pass" && now == "referred" && before != now:
			if !ended {
				facts = append(facts, "submission.quoted")
			}
		case act == "decide" && before == "referred" && now == "quoted":
			facts = append(facts, "submission.quoted")
		case act == "offer" && before != now:
			facts = append(facts, "quote.offered "+id)
		case act == "accept" && now == "accepted" && before != now:
			facts = append(facts, "quote.accepted "+id)
		}
	}
	if ended && (act == "decide" || act == "confirm") {
		facts = append(facts, "submission.declined")
	}
	if fact := map[string]string{"correct": "submission.corrected", "decline": "submission.declined", "leave": "submission.withdrawn"}[act]; fact != "" {
		facts = append(facts, fact)
	}
	if act == "bind" {
		facts = append(facts, "policy.bound "+t.policy)
	}
	if was := t.before["submission"][t.submission]; act == "pass" && was != "expired" && after["submission"][t.submission] == "expired" {
		facts = append(facts, "submission.expired")
	}
	t.expects = append(t.expects, facts...)
}

// conditions are the facts of conditions that changed. Their referral is the
// tale's: a tale has one with conditions.
func (t *tale) conditions(after snapshot, referral string) []string {
	var facts []string
	if referral != t.referral {
		return nil
	}
	for _, id := range sorted(after["condition"]) {
		if before, was := t.before["condition"][id]; was && before != after["condition"][id] {
			facts = append(facts, "referral.condition_changed "+referral+" "+after["condition"][id])
		}
	}
	return facts
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// covered complains of every way that was not gone.
func (s *month) covered(never map[way]string) {
	s.t.Helper()
	var missing, table []string
	for _, w := range allWays {
		line := fmt.Sprintf("%-10s %-15s %-9s %-15s", w.machine, w.from, w.by, w.to)
		table = append(table, fmt.Sprintf("%s %4d", line, s.taken[w]))
		switch {
		case s.taken[w] == 0 && never[w] == "":
			missing = append(missing, line)
		case s.taken[w] > 0 && never[w] != "":
			s.t.Errorf("%s was gone: %s", line, never[w])
		}
	}
	s.t.Logf("%d ways:\n%s", len(allWays), strings.Join(table, "\n"))
	if len(missing) > 0 {
		s.t.Errorf("nobody went %d ways:\n%s", len(missing), strings.Join(missing, "\n"))
	}
}

// read compares what the room of a tale shows to both companies with what
// happened: each fact once, in order, without gaps.
func (t *tale) read() {
	t.t.Helper()
	var shown []string
	var last time.Time
	theirs := t.must("ben", "GET", "/v1/deal-rooms/"+t.room+"/transcript?limit=5000", nil)["entries"].([]any)
	for i, e := range t.must("una", "GET", "/v1/deal-rooms/"+t.room+"/transcript?limit=5000", nil)["entries"].([]any) {
		e := e.(map[string]any)
		if e["seq"] != float64(i+1) || i >= len(theirs) || theirs[i].(map[string]any)["hash"] != e["hash"] {
			t.t.Errorf("%s: entry %d has the seq %v, and the other company has %v", t.name, i+1, e["seq"], theirs)
			return
		}
		if e["type"] != "deal_room.card_posted" {
			continue
		}
		at, err := time.Parse(time.RFC3339, e["at"].(string))
		if err != nil || at.Before(last) {
			t.t.Errorf("%s: entry %d is at %s, after %s: %v", t.name, i+1, at, last, err)
		}
		last = at
		card := e["event"].(map[string]any)["data"].(map[string]any)
		line := card["card"].(string)
		switch {
		case strings.HasPrefix(line, "referral."):
			line += " " + card["referralId"].(string)
		case line == "quote.offered" || line == "quote.accepted":
			line += " " + card["quoteId"].(string)
		case line == "policy.bound":
			line += " " + card["policyId"].(string)
		}
		if strings.HasPrefix(line, "referral.condition_changed") {
			line += " " + t.conditionOf(card)
		}
		shown = append(shown, line)
	}
	if len(theirs) == 0 || !slices.Equal(shown, t.expects) {
		t.t.Errorf("%s: the room shows\n  %s\nand what happened is\n  %s", t.name, strings.Join(shown, "\n  "), strings.Join(t.expects, "\n  "))
	}
}

// conditionOf reads the state of a condition from the sentence of its card.
func (t *tale) conditionOf(card map[string]any) string {
	return cmp.Or(map[any]string{
		"A condition was reported as met.": "submitted", "A condition is met.": "accepted", "A condition is no longer asked for.": "waived",
		"What was sent for a condition is not enough.": "rejected", "A condition was not met in time.": "expired",
	}[card["text"]], fmt.Sprint(card["text"]))
}
