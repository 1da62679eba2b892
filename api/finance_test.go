package api

import (
	"fmt"
	"testing"
)

const anAgreement = `"financier":"Evergreen Premium Finance","agreementNumber":"EPF-2026-77"`

func TestPremiumFinance(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	id := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	q := w.must(201, una, "POST", "/v1/submissions/"+id+"/quote", "")
	if fmt.Sprint(q["plansByAgreement"]) != "[PREMIUM_FINANCE]" || q["schedule"].(map[string]any)["PREMIUM_FINANCE"] != nil {
		t.Errorf("quote %v", q)
	}
	bind := "/v1/submissions/" + id + "/bind"
	for name, tt := range map[string]struct {
		status     int
		body, want string
	}{
		"no agreement": {400, `{"installmentPlan":"PREMIUM_FINANCE"}`, "validation_failed map[field:premiumFinance rule:required]"},
		"an agreement with another plan, and more": {400, `{"installmentPlan":"PIF","premiumFinance":{"financier":" ","downPayment":1,"downPaymentPercent":100}}`,
			"validation_failed map[errors:[map[field:premiumFinance.agreementNumber rule:required] map[field:premiumFinance.downPaymentPercent rule:max] " +
				"map[field:premiumFinance.financier rule:pattern] map[field:premiumFinance rule:unexpected] map[field:premiumFinance.downPaymentPercent rule:unexpected]] " +
				"field:premiumFinance.agreementNumber rule:required]"},
		"what does not fit the policy": {422, `{"installmentPlan":"PREMIUM_FINANCE","premiumFinance":{` + anAgreement + `,"downPayment":14250,"fundingDue":"2026-07-01"}}`,
			"premium_finance_terms map[earliest:2026-05-01 errors:[map[field:premiumFinance.downPayment rule:exclusiveMax] map[field:premiumFinance.fundingDue rule:max]] " +
				"field:premiumFinance.downPayment latest:2026-06-30 rule:exclusiveMax]"},
	} {
		got := w.must(tt.status, una, "POST", bind, tt.body)
		if s := fmt.Sprint(got["error"], " ", got["details"]); s != tt.want {
			t.Errorf("%s: got %s, want %s", name, s, tt.want)
		}
	}
	p := w.must(201, una, "POST", bind, `{"installmentPlan":"PREMIUM_FINANCE","premiumFinance":{`+anAgreement+`,"downPaymentPercent":20,"fundingDue":"2026-05-11"}}`)
	const want = "map[agreementNumber:EPF-2026-77 downPayment:2850 financed:11400 financier:Evergreen Premium Finance fundingDue:2026-05-11]"
	if got := fmt.Sprint(w.must(200, una, "GET", "/v1/policies/"+p["id"].(string), "")["premiumFinance"]); got != want || fmt.Sprint(p["premiumFinance"]) != want {
		t.Errorf("policy %v", got)
	}
	owed := map[string]string{}
	for _, i := range w.must(200, una, "GET", "/v1/invoices?policyId="+p["id"].(string), "")["data"].([]any) {
		i := i.(map[string]any)
		owed[fmt.Sprint(i["number"])] = fmt.Sprint(i["amount"], " ", i["dueDate"], " ", i["billTo"])
	}
	if got := fmt.Sprint(owed); got != "map[1:2850 2026-05-01 map[kind:insured name:Pacific Coast Builders] 2:11400 2026-05-11 map[kind:financier name:Evergreen Premium Finance]]" {
		t.Errorf("invoices %s", got)
	}
}
