package api

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/store/storetest"
)

// at2 is the id of the first row of a list.
func at2(list map[string]any) string {
	return list["data"].([]any)[0].(map[string]any)["id"].(string)
}

func TestDelegatedAuthority(t *testing.T) {
	c := newCast(t)
	began := len(c.kept("ada"))
	program := at2(c.want(200, "ada", "GET", "/v1/programs", ""))
	carrier := c.want(201, "ada", "POST", "/v1/carriers", `{"name":"Summit Casualty"}`)
	if fmt.Sprint(carrier["bordereauConfig"]) != "map[claimsFrequency:monthly premiumFrequency:monthly reportingLag:15]" {
		t.Errorf("by default %v", carrier["bordereauConfig"])
	}
	if got := c.want(409, "ada", "POST", "/v1/carriers", `{"name":"SUMMIT casualty"}`); got["error"] != "carrier_exists" {
		t.Errorf("%v", got)
	}
	id := carrier["id"].(string)
	c.want(200, "ada", "PATCH", "/v1/carriers/"+id, `{"bordereauConfig":{"reportingLag":20},"email":"x@summit.example"}`, "If-Match", `"1"`)
	for _, email := range []string{"Bob <bob@summit.example>", "bob"} {
		got := c.want(400, "ada", "PATCH", "/v1/carriers/"+id, fmt.Sprintf(`{"email":%q,"bordereauConfig":{"reportingLag":20}}`, email), "If-Match", `"2"`)
		if fmt.Sprint(got["details"]) != "map[field:email rule:email]" {
			t.Errorf("%s: %v", email, got)
		}
	}
	c.want(412, "ada", "PATCH", "/v1/carriers/"+id, `{"name":"X"}`, "If-Match", `"1"`)

	made := c.want(201, "ada", "POST", "/v1/da-agreements", fmt.Sprintf(`{"carrierId":%q,"programId":%q,%s,"maxPoliciesPerInsured":1,"quarterlyGwpLimit":100000}`, id, program, someTerms))
	one := "/v1/da-agreements/" + made["id"].(string)
	if got := c.want(409, "ada", "POST", "/v1/da-agreements", fmt.Sprintf(`{"carrierId":%q,"programId":%q,%s}`, id, program, someTerms)); got["error"] != "da_agreement_overlap" {
		t.Errorf("%v", got)
	}
	wrong := c.want(400, "ada", "POST", "/v1/da-agreements", fmt.Sprintf(`{"carrierId":%q,"programId":%q,"effectiveDate":"2027-01-01","expirationDate":"2027-01-01",
		"maxOccurrenceLimit":2,"maxAggregateLimit":1,"maxPremiumPerPolicy":1,"authorizedStates":["XX"],"annualGwpLimit":1,"quarterlyGwpLimit":2}`, id, program))
	if want := "map[errors:[map[field:expirationDate rule:min] map[field:maxAggregateLimit rule:min] map[field:quarterlyGwpLimit rule:max] map[field:authorizedStates[0] rule:enum]] field:expirationDate rule:min]"; fmt.Sprint(wrong["details"]) != want {
		t.Errorf("%v", wrong["details"])
	}
	for field, body := range map[string]string{
		"carrierId": fmt.Sprintf(`{"carrierId":%q,"programId":%q,%s}`, unknown(id), program, someTerms),
		"programId": fmt.Sprintf(`{"carrierId":%q,"programId":%q,%s}`, id, unknown(program), someTerms),
	} {
		got := c.want(400, "ada", "POST", "/v1/da-agreements", body)
		if got["details"].(map[string]any)["field"] != field {
			t.Errorf("%s: %v", field, got)
		}
	}
	if got := c.want(400, "ada", "PATCH", one, `{"remove":["maxTiv"],"maxTiv":5}`); strings.Join(wrongs(got), ", ") != "maxTiv unexpected" {
		t.Errorf("given and removed: %v", got)
	}
	changed := c.want(200, "ada", "PATCH", one, `{"remove":["quarterlyGwpLimit"],"maxTiv":5,"agreementNumber":"B-1","authorizedStates":["OR"]}`)
	if changed["quarterlyGwpLimit"] != nil || changed["maxTiv"] != 5.0 || changed["agreementNumber"] != "B-1" || changed["maxPoliciesPerInsured"] != 1.0 || changed["annualGwpLimit"] != 5_000_000.0 {
		t.Errorf("%v", changed)
	}

	quoted := func() (string, map[string]any) {
		t.Helper()
		s := c.submission()
		return s, c.want(201, "una", "POST", "/v1/submissions/"+s+"/quote", "")
	}
	first, q := quoted()
	c.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/offer", "")
	c.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/accept", "")
	second, q := quoted()
	if fmt.Sprint(q["daFlags"]) != "[da_policies_per_insured]" || q["decision"] != "quoted" {
		t.Errorf("%v, %v", q["decision"], q["daFlags"])
	}
	of := "/v1/analytics/" + c.una.Org.String() + "/da-utilization"
	if got := c.want(200, "una", "GET", of+"?asOf=2026-11-29", "")["data"].([]any); len(got) != 1 || got[0].(map[string]any)["agreementId"] != made["id"] {
		t.Errorf("%v", got)
	}
	// Unless it is told, it goes by today, when the agreement may be over.
	on := func(day time.Time) string {
		return fmt.Sprint(c.want(200, "una", "GET", of+"?asOf="+day.UTC().Format(time.DateOnly), "")["data"])
	}
	before := on(time.Now())
	if got := fmt.Sprint(c.want(200, "una", "GET", of, "")["data"]); got != before && got != on(time.Now()) {
		t.Errorf("today: %s, want %s", got, before)
	}
	if got := c.want(200, "una", "GET", of+"?asOf=2020-01-01", "")["data"].([]any); len(got) != 1 {
		t.Errorf("before it began: %v", got)
	}
	c.want(404, "ben", "GET", of, "")
	c.want(403, "vic", "GET", of, "")
	refused := c.want(422, "una", "POST", "/v1/submissions/"+second+"/bind", `{"installmentPlan":"PIF"}`)
	want := fmt.Sprintf("map[blockers:[da_policies_per_insured] delegatedAuthority:[map[actual:2 agreementId:%s limit:1 rule:da_policies_per_insured]]]", made["id"])
	if refused["error"] != "not_bindable" || fmt.Sprint(refused["details"]) != want {
		t.Errorf("%v", refused)
	}
	c.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/offer", "")
	if got := c.want(422, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/accept", ""); got["error"] != "da_limit_exceeded" || fmt.Sprint(got["details"]) != "map[exceeded:[da_policies_per_insured]]" {
		t.Errorf("%v", got)
	}
	c.want(201, "una", "POST", "/v1/submissions/"+first+"/bind", `{"installmentPlan":"PIF"}`)

	storetest.SQL(t, c.db, `UPDATE bordereau_row SET booked = '2024-11-05', facts = facts || '{"insuredName": "=HYPERLINK(\"x\")"}'`)
	b := c.want(201, "ada", "POST", "/v1/bordereaux", fmt.Sprintf(`{"agreementId":%q,"periodStart":"2024-11-01","periodEnd":"2024-11-06"}`, made["id"]))
	if b["dueDate"] != "2024-11-26" || b["rows"] != 1.0 {
		t.Errorf("%v", b)
	}
	if got := c.want(409, "ada", "POST", "/v1/bordereaux", fmt.Sprintf(`{"agreementId":%q,"periodStart":"2024-11-01","periodEnd":"2024-11-02"}`, made["id"])); got["error"] != "bordereau_exists" || fmt.Sprint(got["details"].(map[string]any)["bordereauId"]) != b["id"] {
		t.Errorf("%v", got)
	}
	status, text, header := c.raw("una", "/v1/bordereaux/"+b["id"].(string)+"/export")
	table, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if status != 200 || err != nil || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") || len(table) != 2 || !slices.Equal(table[0], bordereauHeader) ||
		table[1][5] != `'=HYPERLINK("x")` || table[1][14] != "14250.00" || table[1][17] != "14250.00" {
		t.Errorf("%d %v, %v", status, table, err)
	}
	wantKept := []string{
		"carrier.added", "carrier.changed", "da_agreement.added", "da_agreement.changed", "submission.quoted", "quote.offered", "da_agreement.reserved",
		"quote.accepted", "submission.quoted", "quote.offered", "policy.bound", "bordereau.created",
	}
	if got := c.kept("ada")[began:]; !slices.Equal(got, wantKept) {
		t.Errorf("kept %v", got)
	}
}
