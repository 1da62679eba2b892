package api

import (
	"fmt"
	"strings"
	"testing"
)

// A bind of what was never quoted tells everything that is known without a price,
// to who is inside, as readiness does.
func TestABindWithoutAQuoteTellsEverything(t *testing.T) {
	c := newCast(t)
	c.hireCompliance()
	sub := func(insured, more string) string {
		t.Helper()
		body := strings.NewReplacer(`,"externalId":"ext-1"`, "", `"state"`, more+`"state"`, "Pacific Coast Builders", insured).Replace(goodSubmission)
		return "/v1/submissions/" + c.want(201, "una", "POST", "/v1/submissions", body)["id"].(string)
	}
	const finance = `{"installmentPlan":"PREMIUM_FINANCE","premiumFinance":{"financier":"Evergreen","agreementNumber":"E-1","fundingDue":"2199-01-01"}}`
	producer := c.want(201, "una", "POST", "/v1/producers", `{"type":"agency","legalName":"Harbor","npn":"1234567","email":"a@b.example"}`)["id"].(string)
	s := sub(likeInsured, `"producerId":"`+producer+`",`)
	c.want(201, "una", "POST", "/v1/referrals", referralFor(strings.TrimPrefix(s, "/v1/submissions/")))
	before := c.want(200, "una", "GET", s, "")
	got := c.want(422, "una", "POST", s+"/bind", finance)
	d := got["details"].(map[string]any)
	if want := "[submission_state referral_open producer_not_active producer_not_licensed producer_not_appointed sanctions_review premium_finance_terms]"; got["error"] != "submission_state" ||
		d["status"] != "referred" || fmt.Sprint(d["blockers"]) != want || fieldsOfProblem(got) != "premiumFinance.fundingDue max" {
		t.Errorf("%v, want %s", got, want)
	}
	if after := c.want(200, "una", "GET", s, ""); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v\nwas %v", after, before)
	}
	var ready []string
	for _, b := range c.want(200, "una", "GET", s+"/quote-readiness", "")["blockers"].([]any) {
		if b := b.(map[string]any); b["stage"] == "bind" {
			ready = append(ready, b["rule"].(string))
		}
	}
	if want := "[submission_state referral_open producer_not_active producer_not_licensed producer_not_appointed sanctions_review]"; fmt.Sprint(ready) != want {
		t.Errorf("ready: %v, want %s", ready, want)
	}
	c.want(200, "olga", "POST", s+"/sanctions-review", `{"decision":"block","rationale":"It is him."}`)
	if got := c.want(422, "una", "POST", s+"/bind", `{"installmentPlan":"PIF"}`); !strings.Contains(fmt.Sprint(got["details"]), "sanctions_match") {
		t.Errorf("blocked: %v", got)
	}
	for _, who := range []string{"vic", "abe"} { // who may not bind reads nothing of it
		if got := c.want(403, who, "POST", s+"/bind", finance); got["error"] != "forbidden" || len(got["details"].(map[string]any)) != 0 {
			t.Errorf("%s: %v", who, got)
		}
	}
	got = c.want(422, "una", "POST", sub("Acme", "")+"/bind", `{"installmentPlan":"PIF"}`)
	if d := got["details"].(map[string]any); got["error"] != "submission_state" || d["status"] != "received" || d["blockers"] != nil {
		t.Errorf("nothing else: %v", got)
	}
}
