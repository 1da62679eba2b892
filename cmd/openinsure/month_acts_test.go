package main

import (
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/billing"
)

// risk is a submission of a line: plain is quoted, border too and just so, young is
// referred for its years, dear for its premium and to two persons, huge is declined.
func risk(line, kind string) fields {
	f := fields{
		"insuredName": "Month " + line, "naicsCode": "236220", "annualRevenue": 3_000_000, "requestedLimit": 1_000_000, "effectiveDate": "2027-06-01",
		"state": "OR", "lineOfBusiness": line, "payroll": 500_000, "tiv": 1_000_000, "employees": 10, "vehicles": 3, "yearsInBusiness": 9,
	}
	switch kind {
	case "young":
		f["yearsInBusiness"] = 0
	case "border":
		f["annualRevenue"] = 50_000_000
	case "dear":
		f["annualRevenue"] = 100_000_000
	case "huge":
		for _, exposure := range []string{"annualRevenue", "payroll", "tiv"} {
			f[exposure] = 40_000_000_000
		}
		f["vehicles"], f["employees"] = 900_000, 900_000
	case "prohibited":
		f["state"], f["yearsInBusiness"] = "NY", 0
	}
	return f
}

// begin submits a risk and opens a room for it.
func (t *tale) begin(line, kind string) {
	t.t.Helper()
	t.submission = t.must("una", "POST", "/v1/submissions", risk(line, kind).with(fields{"insuredName": t.name}).with(t.asked))["id"].(string)
	t.room = t.must("una", "POST", "/v1/deal-rooms", fields{"submissionId": t.submission, "participants": []fields{{"email": "ben@harbor.example", "role": "broker"}}})["id"].(string)
	t.before = t.look()
}

// act does something that has to succeed, and notes what came of it.
func (t *tale) act(act, who, path string, body any) map[string]any {
	t.t.Helper()
	method := "POST"
	if act == "correct" {
		method = "PATCH"
	}
	status, out := t.as(who, method, path, body)
	if status >= 300 {
		t.fail("%s by %s: %d %v", act, who, status, out)
	}
	t.went(act)
	return out
}

// refused does something that has to be refused with a code, and changes
// nothing.
func (t *tale) refused(code, who, path string, body any) {
	t.t.Helper()
	status, out := t.as(who, "POST", path, body)
	if status < 400 || out["error"] != code {
		t.fail("%s by %s: %d %v, want %s", path, who, status, out, code)
	}
	if after := t.look(); fmt.Sprint(after) != fmt.Sprint(t.before) {
		t.fail("%s was refused and led from %v to %v", path, t.before, after)
	}
}

// pass notes what became of the tale while days passed.
func (t *tale) pass() {
	t.t.Helper()
	t.went("pass")
}

// rate asks for a quote, on other terms when there are some.
func (t *tale) rate(terms fields) {
	t.t.Helper()
	if terms == nil {
		terms = fields{}
	}
	status, out := t.as("una", "POST", "/v1/submissions/"+t.submission+"/quote", terms)
	if status != 201 {
		t.fail("rate: %d %v", status, out)
	}
	t.quote = out["id"].(string)
	act := "rate"
	if terms["alternative"] == true {
		act = "beside"
	}
	t.went(act)
}

// larger are terms on which a price is another one.
var larger = fields{"requestedLimit": 5_000_000}

func (t *tale) offer() { t.t.Helper(); t.act("offer", "una", "/v1/quotes/"+t.quote+"/offer", nil) }
func (t *tale) accept() {
	t.t.Helper()
	t.sees(t.quote, "quotes")
	t.broker("accept", "/quotes/"+t.quote+"/accept", "/v1/quotes/"+t.quote+"/accept", nil)
}

// refer asks an underwriter about the submission, and reads what came of it.
func (t *tale) refer(more fields) {
	t.t.Helper()
	body := fields{"entityType": "submission", "entityId": t.submission, "reason": "risk_quality", "rationale": "Is it inside appetite?", "dealRoomId": t.room}
	status, out := t.as("una", "POST", "/v1/referrals", body.with(more))
	if status != 201 {
		t.fail("refer: %d %v", status, out)
	}
	t.referral = out["id"].(string)
	t.went("refer")
}

// on does something with the referral.
func (t *tale) on(act, who, verb string, body any) {
	t.t.Helper()
	t.act(act, who, "/v1/referrals/"+t.referral+"/"+verb, body)
}

// decide is Maria who answers.
func (t *tale) decide(decision string, more fields) {
	t.t.Helper()
	t.on("decide", "maria", "decision", fields{"decision": decision, "rationale": "Because."}.with(more))
}

func (t *tale) approve(more fields) { t.t.Helper(); t.decide("approve", more) }

func (t *tale) ask() {
	t.t.Helper()
	t.decide("request_more_info", fields{"questions": []string{"Are both claims closed?", "Who inspected the roof?"}})
}

func (t *tale) answer() {
	t.t.Helper()
	t.sees(t.referral, "referrals")
	t.brokerOn("respond", "respond", "respond", fields{"answers": []fields{{"question": 1, "text": "Both."}, {"question": 2, "text": "A licensed inspector."}}})
}

// work does something with the submission.
func (t *tale) work(act string, body any) {
	t.t.Helper()
	if act == "leave" {
		t.broker(act, "/withdraw", "/v1/submissions/"+t.submission+"/withdraw", body)
		return
	}
	verb := map[string]string{"take": "/claim", "give": "/release", "decline": "/decline"}[act]
	t.act(act, "una", "/v1/submissions/"+t.submission+verb, body)
}

var (
	declining = fields{"reasons": []string{"outside_appetite"}, "rationale": "Too many roofs."}
	leaving   = fields{"reason": "price"}
)

// condition changes the tale's one condition.
func (t *tale) condition(who, action, note string) {
	t.t.Helper()
	id := sorted(t.before["condition"])[0]
	t.sees(id, "referrals", "conditions")
	if action == "submit" && t.himself("condition") {
		t.act("condition", "ben", "/v1/deal-rooms/"+t.room+"/referrals/"+t.referral+"/conditions/"+id+"/submit", fields{"note": note})
		return
	}
	t.act("condition", who, "/v1/referrals/"+t.referral+"/conditions/"+id, fields{"action": action, "note": note})
}

// bind makes a policy, by a plan.
func (t *tale) bind(plan string) {
	t.t.Helper()
	body := fields{"installmentPlan": plan}
	if plan == string(billing.PremiumFinance) {
		body["premiumFinance"] = fields{"financier": "Evergreen Premium Finance", "agreementNumber": "EPF-1", "downPaymentPercent": 25}
	}
	status, out := t.as("una", "POST", "/v1/submissions/"+t.submission+"/bind", body)
	if status != 201 {
		t.fail("bind: %d %v", status, out)
	}
	t.policy = out["id"].(string)
	if made := out["createdAt"].(string); made < t.at(t.day).Format(time.RFC3339)[:10] {
		t.fail("bound at %s", made)
	}
	t.went("bind")
}

// later is an instant so many days from now.
func (t *tale) later(days int) string { return t.at(t.day + days).Format(time.RFC3339) }
