package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/store/storetest"
)

// fresh is a submission of una's, without an id of her own.
func (c *cast) fresh(replace ...string) string {
	c.t.Helper()
	body := strings.NewReplacer(append([]string{`,"externalId":"ext-1"`, ""}, replace...)...).Replace(goodSubmission)
	return c.want(201, "una", "POST", "/v1/submissions", body)["id"].(string)
}

// bringer makes somebody of the company who brought a submission.
func (c *cast) bringer(who, submission string) {
	c.t.Helper()
	storetest.SQL(c.t, c.db, `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
		VALUES ($1, 'submission', $2, 'producer', 'user', $3)`, c.una.Org.UUID(), submissionUUID(c.t, submission), *c.actors[who].UUID())
}

func submissionUUID(t *testing.T, of string) string {
	t.Helper()
	id, err := parseSubmission(of)
	if err != nil {
		t.Fatal(err)
	}
	return id.UUID()
}

func TestClaimOverREST(t *testing.T) {
	c := newCast(t)
	s := "/v1/submissions/" + c.fresh()
	got := c.want(200, "una", "POST", s+"/claim", "")
	if got["status"] != "in_review" || got["assignee"] != c.id("una") || got["claimedAt"] == nil {
		t.Errorf("claimed: %v", got)
	}
	m := c.want(409, "ulf", "POST", s+"/claim", "")
	if d := m["details"].(map[string]any); m["error"] != "submission_claimed" || d["assignee"] != c.id("una") {
		t.Errorf("the second: %v", m)
	}
	if m := c.want(403, "ulf", "POST", s+"/release", ""); m["error"] != "forbidden" {
		t.Errorf("not his: %v", m)
	}
	c.want(412, "una", "POST", s+"/release", "", "If-Match", `"1"`)
	if got := c.want(200, "ada", "POST", s+"/release", "", "If-Match", `"2"`); got["status"] != "received" || got["assignee"] != nil {
		t.Errorf("released: %v", got)
	}
	if m := c.want(422, "una", "POST", s+"/release", ""); m["error"] != "submission_unclaimed" {
		t.Errorf("nobody's: %v", m)
	}
}

func TestCorrectOverREST(t *testing.T) {
	c := newCast(t)
	s := "/v1/submissions/" + c.fresh(`"lineOfBusiness"`, `"deductible":5000,"payroll":100,"lineOfBusiness"`)
	quote := c.want(201, "una", "POST", s+"/quote", "")["id"].(string)
	got := c.want(200, "una", "PATCH", s, `{"annualRevenue":8500000,"lossHistory":[{"year":2025,"claims":1,"incurred":12000,"premium":14000}],"unset":["deductible"]}`)
	if got["annualRevenue"] != 8.5e6 || got["deductible"] != nil || got["payroll"] != 100.0 || got["status"] != "received" {
		t.Errorf("corrected: %v", got)
	}
	triage := got["triage"].(map[string]any)
	if triage["score"] != 55.0 || triage["lane"] != "underwriter_review" || len(triage["factors"].([]any)) != 4 {
		t.Errorf("triage %v", triage)
	}
	if q := c.want(200, "una", "GET", "/v1/quotes/"+quote, ""); q["status"] != "superseded" {
		t.Errorf("the quote is %v", q["status"])
	}
	m := c.want(400, "una", "PATCH", s, `{"deductible":1,"unset":["deductible","x"],"state":"oregon"}`)
	if got := strings.Join(wrongs(m), ", "); got != "deductible unexpected, state enum, unset[1] enum" {
		t.Errorf("two that a schema sees, and another: %s", got)
	}
	m = c.want(400, "una", "PATCH", s, `{"deductible":1,"payroll":1,"unset":["deductible","payroll"],"producerId":"x"}`)
	if n := len(m["details"].(map[string]any)["errors"].([]any)); n != 3 {
		t.Errorf("set and unset: %v", m)
	}
	c.want(412, "una", "PATCH", s, `{"state":"WA"}`, "If-Match", `"1"`)
	c.want(200, "una", "PATCH", s, `{"externalId":"taken"}`)
	c.want(409, "una", "PATCH", "/v1/submissions/"+c.fresh(), `{"externalId":"taken"}`)
	c.want(201, "una", "POST", s+"/quote", "")
	c.want(201, "una", "POST", s+"/bind", `{"installmentPlan":"PIF"}`)
	if m := c.want(422, "una", "PATCH", s, `{"state":"WA"}`); m["error"] != "submission_state" || m["details"].(map[string]any)["status"] != "bound" {
		t.Errorf("a bound one: %v", m)
	}
}

// Who brought a submission reads what he should of its end, and nothing of what
// the desk makes of it.
func TestWhatItsBrokerReads(t *testing.T) {
	c := newCast(t)
	id := c.fresh()
	s := "/v1/submissions/" + id
	c.want(404, "bob", "GET", s, "")
	c.want(403, "vic", "GET", s, "")
	c.bringer("vic", id)
	c.want(200, "una", "POST", s+"/claim", "")
	outside := func(m map[string]any) {
		t.Helper()
		for _, name := range []string{"triage", "assignee", "claimedAt", "possibleDuplicates", "sla"} {
			if m[name] != nil {
				t.Errorf("he reads %s: %v", name, m[name])
			}
		}
		if strings.Contains(fmt.Sprint(m), "inspector") || strings.Contains(fmt.Sprint(m), "fraud") || strings.Contains(fmt.Sprint(m["ending"]), "usr_") {
			t.Errorf("he reads %v", m)
		}
	}
	outside(c.want(200, "vic", "GET", s, ""))
	for _, op := range []string{"/claim", "/release"} {
		c.want(403, "vic", "POST", s+op, "")
	}
	c.want(403, "vic", "POST", s+"/decline", `{"reasons":["loss_history"],"rationale":"x"}`)
	c.want(403, "vic", "PATCH", s, `{"state":"WA"}`)
	m := c.want(400, "una", "POST", s+"/decline", `{"reasons":["other","price"],"rationale":""}`)
	if got := strings.Join(wrongs(m), ", "); got != "message required, rationale minLength, reasons[1] enum" {
		t.Errorf("all that is wrong: %s", got)
	}
	got := c.want(200, "una", "POST", s+"/decline", `{"reasons":["suspected_fraud","loss_history"],"rationale":"The inspector's word.","message":"Not with these losses."}`)
	if e := got["ending"].(map[string]any); e["rationale"] != "The inspector's word." || fmt.Sprint(e["reasons"]) != "[suspected_fraud loss_history]" || e["by"] != c.id("una") {
		t.Errorf("inside: %v", e)
	}
	m = c.want(200, "vic", "GET", s, "")
	outside(m)
	if e := m["ending"].(map[string]any); fmt.Sprint(e["reasons"]) != "[underwriting_decision loss_history]" || e["message"] != "Not with these losses." {
		t.Errorf("outside: %v", e)
	}
	for _, row := range rows(c.want(200, "vic", "GET", "/v1/submissions", "")) {
		outside(row.(map[string]any))
	}
	if n := len(rows(c.want(200, "vic", "GET", "/v1/submissions?lane=underwriter_review", ""))); n != 0 {
		t.Errorf("he asks by what he may not read: %d", n)
	}

	id = c.fresh()
	c.bringer("vic", id)
	m = c.want(200, "vic", "POST", "/v1/submissions/"+id+"/withdraw", `{"reason":"coverage_elsewhere"}`)
	outside(m)
	if m["status"] != "withdrawn" {
		t.Errorf("withdrawn: %v", m)
	}
	if m := c.want(422, "una", "POST", "/v1/submissions/"+id+"/decline", `{"reasons":["capacity"],"rationale":"x"}`); m["error"] != "submission_state" {
		t.Errorf("declined after all: %v", m)
	}
}

func TestSubmissionFilters(t *testing.T) {
	c := newCast(t)
	a := c.fresh(`"lineOfBusiness"`, `"priority":"high","yearsInBusiness":1,"lossHistory":[{"year":2025,"claims":11,"incurred":1}],"lineOfBusiness"`)
	b := c.fresh(`2026-05-01`, `2027-05-01`)
	c.want(200, "ulf", "POST", "/v1/submissions/"+b+"/claim", "")
	tests := []struct{ query, want string }{
		{"", b + " " + a}, {"lane=escalate", a}, {"assignee=" + c.id("ulf"), b}, {"status=in_review", b}, {"status=received", a},
		{"effectiveFrom=2027-01-01", b}, {"effectiveTo=2027-01-01", a}, {"effectiveFrom=2027-01-01&lane=escalate", ""},
		{"createdFrom=2020-01-01", b + " " + a}, {"createdTo=2020-01-01", ""}, {"createdFrom=2199-01-01", ""},
		{"externalId=none", ""}, {"lineOfBusiness=GL&assignee=" + c.id("ulf"), b},
	}
	for _, tt := range tests {
		var got []string
		for _, row := range rows(c.want(200, "una", "GET", "/v1/submissions?"+tt.query, "")) {
			got = append(got, row.(map[string]any)["id"].(string))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %v, want %s", tt.query, got, tt.want)
		}
	}
	if m := c.want(400, "una", "GET", "/v1/submissions?lane=x&createdTo=yesterday", ""); len(m["details"].(map[string]any)["errors"].([]any)) != 2 {
		t.Errorf("two that are wrong: %v", m)
	}
	first := c.want(200, "una", "GET", "/v1/submissions?limit=1&lineOfBusiness=GL", "")
	second := c.want(200, "una", "GET", "/v1/submissions?limit=1&lineOfBusiness=GL&cursor="+first["nextCursor"].(string), "")
	if ids := []any{rows(first)[0].(map[string]any)["id"], rows(second)[0].(map[string]any)["id"]}; !slices.Equal(ids, []any{b, a}) || second["hasMore"] != false {
		t.Errorf("pages: %v", ids)
	}
}

// What may be the same business is flagged both ways, within one company, and to
// who is inside it.
func TestPossibleDuplicates(t *testing.T) {
	c := newCast(t)
	flagged := func(m map[string]any) string {
		t.Helper()
		var all []string
		for _, d := range m["possibleDuplicates"].([]any) {
			d := d.(map[string]any)
			all = append(all, fmt.Sprint(d["submissionId"], d["reasons"]))
		}
		return strings.Join(all, " ")
	}
	insured := func(name, rest string) []string {
		return []string{"Pacific Coast Builders", name, `"lineOfBusiness"`, `"insured":` + rest + `,"lineOfBusiness"`}
	}
	a := c.fresh(insured("Pacific Coast Builders", `{"email":"pat@a.example","fein":"93-1234567","address":"12 Main Street"}`)...)
	storetest.SQL(t, c.db, `INSERT INTO program (id, org_id, name, line_of_business, auto_bind_threshold, refer_above, decline_above, created_at)
		SELECT new_ulid(), org, 'X', line, 1, 1, 1, now() FROM unnest($1::uuid[], $2::text[]) u (org, line)`,
		[]string{c.actors["eve"].Org.UUID(), c.una.Org.UUID()}, []string{"GL", "CYBER"})
	c.want(201, "eve", "POST", "/v1/submissions", goodSubmission) // another company's
	c.fresh(insured("Atlantic Roofers", `{"email":"rob@b.example"}`)...)
	c.fresh(`2026-05-01`, `2027-05-01`) // a year later: the terms do not overlap
	c.fresh(`"GL"`, `"CYBER"`)
	b := c.fresh(insured("PACIFIC COAST BUILDERS, LLC", `{"fein":"931234567"}`)...)
	d := c.fresh(insured("Somebody Else Inc.", `{"email":"PAT@a.example","address":"12 Main St."}`)...)
	for of, want := range map[string]string{
		a: d + "[insured_address insured_email] " + b + "[insured_fein insured_name]", b: a + "[insured_fein insured_name]", d: a + "[insured_address insured_email]",
	} {
		if got := flagged(c.want(200, "una", "GET", "/v1/submissions/"+of, "")); got != want {
			t.Errorf("%s: %s, want %s", of, got, want)
		}
	}
	made := c.want(201, "otherKey", "POST", "/v1/submissions", strings.Replace(goodSubmission, "ext-1", "ext-2", 1))
	if got := flagged(made); !strings.Contains(got, a) || !strings.Contains(got, b) || strings.Contains(got, d) {
		t.Errorf("as it is created: %s", got)
	}
	fixed := c.want(200, "una", "PATCH", "/v1/submissions/"+made["id"].(string), `{"insuredName":"Nobody Knows It"}`)
	if got := flagged(fixed); got != "" {
		t.Errorf("as it is corrected: %s", got)
	}
	c.bringer("vic", a)
	if m := c.want(200, "vic", "GET", "/v1/submissions/"+a, ""); m["possibleDuplicates"] != nil {
		t.Errorf("a broker reads of a rival's: %v", m)
	}
}

func TestQueueOverREST(t *testing.T) {
	c := newCast(t)
	var ids []string
	for range 3 {
		ids = append(ids, c.fresh())
	}
	c.want(200, "ulf", "POST", "/v1/submissions/"+ids[1]+"/claim", "")
	c.want(201, "una", "POST", "/v1/submissions/"+c.fresh()+"/quote", "")
	ask := func(who, query string) (string, map[string]any) {
		t.Helper()
		m := c.want(200, who, "GET", "/v1/submissions/queue?"+query, "")
		var got []string
		for _, row := range rows(m) {
			got = append(got, row.(map[string]any)["submissionId"].(string))
		}
		slices.Sort(got)
		return strings.Join(got, " "), m
	}
	sorted := slices.Sorted(slices.Values(ids))
	for _, tt := range []struct{ who, query, want string }{
		{"una", "", strings.Join(sorted, " ")}, {"abe", "", strings.Join(sorted, " ")}, {"otherKey", "", strings.Join(sorted, " ")},
		{"ulf", "mine=true", ids[1]}, {"una", "mine=true", ""}, {"una", "unclaimed=true", ids[0] + " " + ids[2]},
		{"una", "lane=escalate", ""}, {"una", "lane=underwriter_review&lineOfBusiness=GL", strings.Join(sorted, " ")}, {"una", "clock=breached", ""}, {"una", "clock=paused", ""},
		{"una", "clock=running", strings.Join(sorted, " ")},
	} {
		if got, _ := ask(tt.who, tt.query); got != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.who, tt.query, got, tt.want)
		}
	}
	var got []any
	cursor := ""
	for range ids {
		m := c.want(200, "una", "GET", "/v1/submissions/queue?limit=1"+cursor, "")
		row := rows(m)[0].(map[string]any)
		got = append(got, row["submissionId"])
		if row["possibleDuplicates"] != 3.0 {
			t.Errorf("duplicates %v", row["possibleDuplicates"])
		}
		if next, ok := m["nextCursor"].(string); ok {
			cursor = "&cursor=" + next
		} else if len(got) != len(ids) {
			t.Fatalf("no cursor: %v", m)
		}
	}
	if slices.Contains(got[1:], got[0]) || got[1] == got[2] {
		t.Errorf("pages repeat: %v", got)
	}
	m := c.want(200, "una", "GET", "/v1/submissions/"+ids[1], "")["sla"].(map[string]any)
	if m["state"] != "running" || m["firstResponse"].(map[string]any)["state"] != "met" || m["quote"].(map[string]any)["withinMinutes"] != 960.0 {
		t.Errorf("clocks: %v", m)
	}
	for query, rule := range map[string]string{
		"mine=true&unclaimed=true": "unclaimed unexpected", "cursor=x": "cursor cursor", "cursor=e30": "cursor cursor", "clock=met": "clock enum", "limit=101": "limit max", "page=1": "page unknown",
	} {
		d := c.want(400, "una", "GET", "/v1/submissions/queue?"+query, "")["details"].(map[string]any)
		if got := fmt.Sprint(d["field"], " ", d["rule"]); got != rule {
			t.Errorf("%s: %s, want %s", query, got, rule)
		}
	}
	c.want(403, "vic", "GET", "/v1/submissions/queue", "")
	c.want(403, "key", "GET", "/v1/submissions/queue", "")
	if n := len(rows(c.want(200, "eve", "GET", "/v1/submissions/queue", ""))); n != 0 {
		t.Errorf("another company sees %d", n)
	}
}

// The demo of rules: what the desk is given to answer within.
func TestQueueByRules(t *testing.T) {
	c := newCast(t)
	c.want(200, "ada", "PUT", "/v1/referral-rules", strings.Replace(twoAgree, `"expiresAfterDays"`, `"firstResponseWithinMinutes":1,"quoteWithinMinutes":2,"expiresAfterDays"`, 1))
	got := c.want(200, "una", "GET", "/v1/submissions/"+c.fresh(), "")["sla"].(map[string]any)
	if got["firstResponse"].(map[string]any)["withinMinutes"] != 1.0 || got["quote"].(map[string]any)["withinMinutes"] != 2.0 {
		t.Errorf("clocks: %v", got)
	}
	m := c.want(400, "ada", "PUT", "/v1/referral-rules", strings.Replace(twoAgree, `"expiresAfterDays"`, `"firstResponseWithinMinutes":0,"quoteWithinMinutes":86401,"expiresAfterDays"`, 1))
	if n := len(m["details"].(map[string]any)["errors"].([]any)); n != 2 {
		t.Errorf("two that are wrong: %v", m)
	}
	if m := c.want(200, "ada", "PUT", "/v1/referral-rules", twoAgree); m["firstResponseWithinMinutes"] != 240.0 || m["quoteWithinMinutes"] != 960.0 {
		t.Errorf("without them: %v", m)
	}
}
