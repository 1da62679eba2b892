package main

import (
	"fmt"

	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// never are ways that a table allows and nothing leads along, with the reason.
var never = map[way]string{}

func init() {
	not := func(because string, by submission.Step, ways ...string) {
		for _, w := range ways {
			var from, to string
			_, _ = fmt.Sscan(w, &from, &to)
			never[way{"submission", from, string(by), to}] = because
		}
	}
	not("who has claimed it has it in review", submission.Correct, "received in_review")
	not("what is asked goes with the risk", submission.Correct, "received referred", "in_review referred", "quoted referred")
	not("what is asked makes it referred", submission.Ask, "received in_review", "received quoted", "received declined", "in_review received", "in_review quoted",
		"in_review declined", "quoted received", "quoted declined", "quoted in_review", "referred received")
}

// addSubmissions adds a tale for every way of a submission.
func addSubmissions(tales map[string]func(*tale)) {
	n := 0
	for _, w := range allWays {
		if w.machine != "submission" || never[w] != "" || w.from == string(submission.Draft) { // drafts: see addDrafts
			continue
		}
		line := lineOf(n)
		n++
		tales[fmt.Sprintf("submission: %s, %s, %s", w.from, w.by, w.to)] = func(t *tale) {
			switch w.by {
			case "rate":
				t.rated(w, line)
			case "correct":
				t.corrected(w, line)
			default:
				t.worked(w, line)
			}
			if got := t.before["submission"][t.submission]; got != w.to || t.taken[w] == 0 {
				t.fail("it is %s", got)
			}
		}
	}
}

// beyond are terms on which a border case has to be referred.
var beyond = fields{"requestedLimit": 5_000_000}

// rated takes a way by a quote.
func (t *tale) rated(w way, line string) {
	t.t.Helper()
	kind := map[string]string{"quoted": "plain", "referred": "young", "declined": "huge"}[w.to]
	again := w.from == "quoted" || w.from == "referred"
	if again {
		line, kind = "GL", "border"
	}
	t.begin(line, kind)
	if w.from == "in_review" {
		t.work("take", nil)
	}
	if !again {
		t.rate(nil)
		return
	}
	if w.to == "declined" {
		t.work("correct", fields{"naicsCode": "541511"})
	}
	t.rate(map[string]fields{"referred": beyond}[w.from])
	switch w.to {
	case "declined":
		t.wait(4)
		t.exclude("541511")
		t.rate(nil)
	case "referred":
		t.rate(beyond)
	default:
		t.rate(nil)
	}
}

// exclude publishes rates for general liability that do not write a class.
func (t *tale) exclude(class string) {
	t.t.Helper()
	program := t.must("ada", "GET", "/v1/programs?lineOfBusiness=GL", nil)["data"].([]any)[0].(map[string]any)["id"].(string)
	table := t.must("ada", "GET", "/v1/rate-tables?status=published&programId="+program, nil)["data"].([]any)[0].(map[string]any)
	full := t.must("ada", "GET", "/v1/rate-tables/"+table["id"].(string), nil)
	book := full["book"].(map[string]any)
	excluded, _ := book["excludedClasses"].([]any)
	for _, c := range excluded {
		if c == class {
			return
		}
	}
	book["excludedClasses"] = append(excluded, class)
	made := t.must("ada", "POST", "/v1/rate-tables", fields{"programId": program, "effectiveDate": "2027-01-01", "book": book})["id"].(string)
	t.must("ada", "POST", "/v1/rate-tables/"+made+"/publish", nil)
}

// corrected takes a way by another risk.
func (t *tale) corrected(w way, line string) {
	t.t.Helper()
	t.begin(line, map[string]string{"referred": "young"}[w.from])
	if w.to == "in_review" {
		t.work("take", nil)
	}
	if w.from == "in_review" {
		t.refer(nil)
		t.on("withdraw", "una", "withdraw", fields{"rationale": "Found it."})
	} else {
		t.rate(nil)
	}
	t.work("correct", fields{"annualRevenue": 3_500_000})
}

// worked takes any other way.
func (t *tale) worked(w way, line string) {
	t.t.Helper()
	kind := "plain"
	if w.by == "ask" && w.to == "quoted" || w.by == "expire" && w.from == "referred" {
		kind = "young"
	}
	t.begin(line, kind)
	switch w.from {
	case "in_review":
		t.work("take", nil)
	case "quoted":
		t.rate(nil)
	case "referred":
		if w.to != "in_review" {
			t.rate(nil)
		}
		if w.to == "declined" && w.by == "ask" || w.by == "expire" {
			break
		}
		t.refer(nil)
	}
	switch {
	case w.by == "claim":
		t.work("take", nil)
	case w.by == "release":
		t.work("give", nil)
	case w.by == "decline":
		t.work("decline", declining)
	case w.by == "withdraw":
		t.work("leave", leaving)
	case w.by == "bind":
		t.bind("PIF")
	case w.by == "expire":
		t.wait(91)
	case w.to == "referred":
		t.refer(nil)
	case w.to == "in_review":
		t.on("withdraw", "una", "withdraw", fields{"rationale": "Found it."})
	case w.to == "quoted":
		t.approve(nil)
	case w.to == "declined":
		t.refer(nil)
		t.decide("reject", nil)
	}
}
