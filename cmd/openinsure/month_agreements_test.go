package main

import (
	"fmt"
	"math"
	"time"

	"cloud.google.com/go/civil"
)

// paper is the line that is bound in carriers' names in the month.
const paper = "EO"

// lookAtAgreement reads where a tale's agreement and its carrier stand, and the
// room that the agreement keeps for the tale's quote.
func (t *tale) lookAtAgreement(s snapshot) {
	t.t.Helper()
	if t.agreement == "" {
		return
	}
	s["agreement"][t.agreement] = t.must("ada", "GET", "/v1/da-agreements/"+t.agreement, nil)["status"].(string)
	s["carrier"][t.carrier] = t.must("ada", "GET", "/v1/carriers/"+t.carrier, nil)["status"].(string)
	kept := t.before["reservation"][t.agreement]
	switch {
	case t.year()["reserved"].(float64) > 0:
		kept = "held"
	case kept == "":
		kept = "none"
	case kept == "held" && t.policy != "":
		kept = "used"
	case kept == "held":
		kept = "over"
	}
	s["reservation"][t.agreement] = kept
}

// year is the aggregate of premium of the agreement's first year.
func (t *tale) year() map[string]any {
	t.t.Helper()
	for _, l := range t.must("ada", "GET", "/v1/da-agreements/"+t.agreement+"/utilization", nil)["aggregates"].([]any) {
		if l := l.(map[string]any); l["aggregate"] == "annual_written_premium" {
			return l
		}
	}
	t.fail("an agreement without a year")
	return nil
}

// agree makes an agreement with a carrier of the tale's own for policies of that
// line that take effect on certain days: no two agreements cover a day. What all
// other tales bind of the line is under one that was there before.
func (t *tale) agree(from, to civil.Date) {
	t.t.Helper()
	program := t.must("ada", "GET", "/v1/programs?lineOfBusiness="+paper, nil)["data"].([]any)[0].(map[string]any)["id"].(string)
	const most = 100_000_000_000
	with := func(carrier, from, to string) string {
		return t.must("ada", "POST", "/v1/da-agreements", fields{
			"carrierId": carrier, "programId": program, "effectiveDate": from, "expirationDate": to, "maxOccurrenceLimit": most, "maxAggregateLimit": most,
			"maxPremiumPerPolicy": most, "authorizedStates": []string{"ALL_50"}, "annualGwpLimit": most,
		})["id"].(string)
	}
	add := func(name string) string {
		return t.must("ada", "POST", "/v1/carriers", fields{"name": name})["id"].(string)
	}
	if t.agreements++; t.agreements == 1 {
		with(add("Everybody Else Casualty"), "2027-05-01", "2027-12-31")
	}
	t.carrier = add("Carrier of " + t.name)
	t.agreement = with(t.carrier, from.String(), to.String())
	t.asked = fields{"effectiveDate": from.String()}
}

// ahead is half a year of its own, far from now and near enough to be asked for.
func (t *tale) ahead() (from, to civil.Date) {
	from = civil.Date{Year: 2028, Month: time.March, Day: 1}.AddMonths(6 * t.agreements)
	return from, from.AddMonths(6)
}

func (t *tale) agreementBecomes(change fields) {
	t.t.Helper()
	t.patch("agree", "/v1/da-agreements/"+t.agreement, change)
}

// priced is what the tale's quote costs.
func (t *tale) priced() float64 {
	t.t.Helper()
	return t.must("una", "GET", "/v1/quotes/"+t.quote, nil)["grossPremium"].(float64)
}

// beside submits one more of the same risk, and returns it with its quote.
func (t *tale) beside(name string) (submission, quote string) {
	t.t.Helper()
	submission = t.must("una", "POST", "/v1/submissions", risk(paper, "plain").with(fields{"insuredName": name + " of " + t.name}).with(t.asked))["id"].(string)
	quote = t.must("una", "POST", "/v1/submissions/"+submission+"/quote", fields{})["id"].(string)
	return submission, quote
}

// is checks what an answer is.
func (t *tale) is(want int, code string, who, path string, body any) {
	t.t.Helper()
	status, out := t.as(who, "POST", path, body)
	details, _ := out["details"].(map[string]any)
	if got := fmt.Sprint(out["error"], " ", details["blockers"], " ", details["exceeded"]); status != want || want >= 400 && got != code {
		t.fail("%s: %d %v, want %d %s", path, status, out, want, code)
	}
}

// told counts how often it was told that the agreement's limit is near.
func (t *tale) told() int {
	t.t.Helper()
	n := 0
	for _, e := range t.must("ada", "GET", "/v1/events?type=da.limit_approaching&limit=100", nil)["data"].([]any) {
		if data := e.(map[string]any)["data"].(map[string]any); data["agreementId"] == t.agreement {
			n++
		}
	}
	return n
}

// addAgreements adds tales of what is bound in carriers' names.
func addAgreements(tales map[string]func(*tale)) {
	one := fields{"installmentPlan": "PIF"}
	tales["agreement: its whole life"] = func(t *tale) {
		today := civil.DateOf(t.at(t.day))
		day := func(days int) fields { return fields{"expirationDate": today.AddDays(days).String()} }
		t.agree(today.AddDays(-5), today.AddDays(60))
		t.asked = fields{"effectiveDate": today.AddDays(-1).String()}
		t.begin(paper, "plain")
		t.rate(nil)
		t.agreementBecomes(fields{"status": "suspended"})
		t.sells("da_suspended")
		t.agreementBecomes(fields{"status": "active"})
		t.agreementBecomes(day(-2)) // it ends before what is asked for
		t.sells("da_no_agreement")
		t.agreementBecomes(day(2))
		t.sells()
		t.wait(3)
		t.agreementBecomes(day(60))
		t.agreementBecomes(fields{"status": "suspended"})
		t.agreementBecomes(day(1))
		t.agreementBecomes(day(5))
		t.wait(3)
	}
	tales["carrier: out and back"] = func(t *tale) {
		t.agree(t.ahead())
		t.begin(paper, "plain")
		t.rate(nil)
		t.patch("carrier", "/v1/carriers/"+t.carrier, fields{"status": "inactive"})
		t.sells("da_carrier_inactive")
		t.patch("carrier", "/v1/carriers/"+t.carrier, fields{"status": "active"})
		t.sells()
	}
	tales["reservation: it keeps room, and for a time"] = func(t *tale) {
		t.agree(t.ahead())
		t.begin(paper, "plain")
		t.rate(nil)
		premium := t.priced()
		t.agreementBecomes(fields{"annualGwpLimit": math.Round(premium * 2.5)})
		t.offer()
		t.accept()
		second, _ := t.beside("Second")
		t.is(201, "", "una", "/v1/submissions/"+second+"/bind", one)
		third, quote := t.beside("Third")
		t.is(200, "", "una", "/v1/quotes/"+quote+"/offer", nil)
		t.is(422, "da_limit_exceeded <nil> [da_annual_premium]", "una", "/v1/quotes/"+quote+"/accept", nil)
		t.is(422, "not_bindable [da_annual_premium] <nil>", "una", "/v1/submissions/"+third+"/bind", one)
		t.wait(4) // 72 hours are over
		t.is(201, "", "una", "/v1/submissions/"+third+"/bind", one)
		if n := t.told(); n != 0 {
			t.fail("told %d times that 80 %% are near the limit", n)
		}
		t.sells("da_annual_premium")
		t.agreementBecomes(fields{"annualGwpLimit": math.Round(premium * 3.2)})
		t.sells()
		if n := t.told(); n != 1 {
			t.fail("told %d times that the limit is near", n)
		}
		fourth, _ := t.beside("Fourth")
		t.agreementBecomes(fields{"annualGwpLimit": math.Round(premium * 4.2)}) // below 85 % again
		t.is(201, "", "una", "/v1/submissions/"+fourth+"/bind", one)
		if n := t.told(); n != 2 {
			t.fail("told %d times, after a limit that was raised", n)
		}
		t.unreported()
	}
	tales["reservation: what was reserved is used"] = func(t *tale) {
		t.agree(t.ahead())
		t.begin(paper, "plain")
		t.rate(nil)
		premium := t.priced()
		t.agreementBecomes(fields{"annualGwpLimit": math.Ceil(premium)})
		t.offer()
		t.accept()
		other, _ := t.beside("Other")
		t.is(422, "not_bindable [da_annual_premium] <nil>", "una", "/v1/submissions/"+other+"/bind", one)
		t.sells() // its own reservation is not in its way
		if year := t.year(); year["used"] != premium || year["reserved"] != 0.0 {
			t.fail("%v is used, %v reserved", year["used"], year["reserved"])
		}
	}
	tales["reservation: who leaves gives it back"] = func(t *tale) {
		t.agree(t.ahead())
		t.begin(paper, "plain")
		t.rate(nil)
		t.offer()
		t.accept()
		t.work("leave", leaving)
	}
}

// unreported checks that nothing of what was bound is for a carrier to read: this
// is no production.
func (t *tale) unreported() {
	t.t.Helper()
	t.is(422, "not_reported <nil> <nil>", "ada", "/v1/bordereaux", fields{"agreementId": t.agreement, "periodStart": "2026-01-01", "periodEnd": "2026-02-01"})
	if made := t.must("ada", "GET", "/v1/bordereaux?agreementId="+t.agreement, nil)["data"].([]any); len(made) != 0 {
		t.fail("bordereaux of the sandbox: %v", made)
	}
	if rows := readSQL[int](t.c, "SELECT count(*)::int FROM bordereau_row"); rows != 0 {
		t.fail("the sandbox would report %d policies to a carrier", rows)
	}
}
