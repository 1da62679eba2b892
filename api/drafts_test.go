package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/store/storetest"
)

const bareDraft = `{"insuredName":"Acme Builders","lineOfBusiness":"GL"}`

// names are the fields that an answer of 400 blames, with their rules.
func names(m map[string]any) string {
	d, _ := m["details"].(map[string]any)
	all, _ := d["errors"].([]any)
	if all == nil && d != nil && d["field"] != nil {
		all = []any{d}
	}
	var b strings.Builder
	for _, e := range all {
		e := e.(map[string]any)
		fmt.Fprintf(&b, "%s %s, ", e["field"], e["rule"])
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// A draft is its author's: it is heard and found by nobody, until it is submitted
// as if it were created then.
func TestDraft(t *testing.T) {
	c := newCast(t)
	d := c.want(201, "una", "POST", "/v1/submissions/drafts", bareDraft)
	if d["status"] != "draft" || d["naicsCode"] != nil || d["annualRevenue"] != nil || d["effectiveDate"] != nil || d["triage"] != nil || d["createdBy"] != c.id("una") {
		t.Errorf("made: %v", d)
	}
	id := d["id"].(string)
	s := "/v1/submissions/" + id
	underwriting := event.OrgChannel(c.una.Org, event.Underwriting)
	if told := c.heard(c.una, underwriting); len(told) != 0 {
		t.Errorf("heard: %v", told)
	}
	list := func(who, query string) int {
		t.Helper()
		return len(rows(c.want(200, who, "GET", "/v1/submissions"+query, "")))
	}
	if list("una", "") != 0 || list("una", "?status=draft") != 1 || list("ada", "?status=draft") != 1 || list("una", "/queue") != 0 || list("una", "?status=draft&lineOfBusiness=WC") != 0 ||
		list("una", "?status=draft&effectiveTo=2199-01-01") != 0 {
		t.Error("it is in another list, or not in its own")
	}
	for _, who := range []string{"ulf", "abe", "vic", "ben", "eve"} {
		if n := list(who, "?status=draft"); n != 0 {
			t.Errorf("%s lists %d", who, n)
		}
		c.want(404, who, "GET", s, "")
	}
	for _, op := range []struct{ method, path, body string }{{"POST", "/submit", ""}, {"PATCH", "", `{"state":"WA"}`}, {"DELETE", "", ""}, {"POST", "/quote", ""}, {"POST", "/claim", ""}} {
		c.want(404, "ulf", op.method, s+op.path, op.body)
		c.want(404, "eve", op.method, s+op.path, op.body)
	}
	for path, body := range map[string]string{
		"/quote": "", "/quote?preview=true": "", "/bind": `{"installmentPlan":"PIF"}`, "/claim": "", "/release": "", "/withdraw": `{"reason":"price"}`,
		"/decline": `{"reasons":["capacity"],"rationale":"x"}`,
	} {
		if m := c.want(422, "una", "POST", s+path, body); m["error"] != "submission_state" || m["details"].(map[string]any)["status"] != "draft" {
			t.Errorf("%s: %v", path, m)
		}
	}
	c.want(422, "una", "GET", s+"/quote-readiness", "")
	c.want(404, "una", "POST", "/v1/deal-rooms", `{"submissionId":"`+id+`"}`)
	if got := names(c.want(400, "una", "POST", s+"/submit", "")); got != "naicsCode required, annualRevenue required, requestedLimit required, effectiveDate required, state required" {
		t.Errorf("missing: %s", got)
	}
	c.want(412, "una", "PATCH", s, `{"naicsCode":"001"}`, "If-Match", `"2"`)
	got := c.want(200, "una", "PATCH", s, `{"naicsCode":"001","annualRevenue":0,"requestedLimit":1000,"deductible":2000}`)
	if got["status"] != "draft" || got["annualRevenue"] != 0.0 || got["naicsCode"] != "001" {
		t.Errorf("corrected: %v", got)
	}
	if got := names(c.want(400, "una", "POST", s+"/submit", "")); got != "effectiveDate required, state required, naicsCode enum, deductible max" {
		t.Errorf("missing and wrong: %s", got)
	}
	got = c.want(200, "ada", "PATCH", s, `{"state":"OR","naicsCode":"236220","annualRevenue":8000000,"effectiveDate":"2026-05-01","unset":["deductible"],"insuredName":"Viktor Zelezny Morosenco"}`)
	if got["sanctionsReview"] != nil || list("una", "?status=draft&effectiveTo=2199-01-01&effectiveFrom=2026-05-01") != 1 {
		t.Errorf("corrected: %v", got)
	}
	c.want(412, "una", "POST", s+"/submit", "", "If-Match", `"2"`)
	got = c.want(200, "una", "POST", s+"/submit", "", "If-Match", `"3"`)
	if got["id"] != id || got["status"] != "received" || got["triage"] == nil || got["possibleDuplicates"] == nil || got["sanctionsReview"] != "pending" || got["createdBy"] != c.id("una") {
		t.Errorf("submitted: %v", got)
	}
	if told := fmt.Sprint(c.heard(c.una, underwriting)); told != "[submission.created]" {
		t.Errorf("heard: %s", told)
	}
	for _, op := range []struct{ method, path string }{{"POST", "/submit"}, {"DELETE", ""}} {
		if m := c.want(422, "una", op.method, s+op.path, ""); m["error"] != "submission_state" || m["details"].(map[string]any)["status"] != "received" {
			t.Errorf("%s%s again: %v", op.method, op.path, m)
		}
	}
	_, _, header := c.as("una", "GET", s, "")
	if header.Get("ETag") != `"4"` || list("una", "") != 1 || list("una", "/queue") != 1 || list("una", "?status=draft") != 0 {
		t.Errorf("afterwards its version is %s, or it is in another list", header.Get("ETag"))
	}
	c.want(201, "una", "POST", s+"/quote", "")
	c.keeps(audit.Drafted)
}

// A draft takes no external id and needs no sense, until it is submitted.
func TestDraftIsChecked(t *testing.T) {
	c := newCast(t)
	if got := names(c.want(400, "una", "POST", "/v1/submissions/drafts", `{"state":"oregon","annualRevenue":-1}`)); strings.Count(got, ",") != 3 {
		t.Errorf("a bad one: %s", got)
	}
	for _, who := range []string{"abe", "vic"} {
		c.want(403, who, "POST", "/v1/submissions/drafts", bareDraft)
	}
	c.want(201, "una", "POST", "/v1/submissions", goodSubmission)
	s := "/v1/submissions/" + c.want(201, "una", "POST", "/v1/submissions/drafts", goodSubmission)["id"].(string)
	if m := c.want(409, "una", "POST", s+"/submit", ""); m["error"] != "duplicate_external_id" {
		t.Errorf("its id is taken: %v", m)
	}
	if got := names(c.want(400, "una", "PATCH", s, `{"producerId":"prd_01J8K3M4N5P6Q7R8S9T0V1W2X3"}`)); got != "producerId exists" {
		t.Errorf("nobody brings it: %s", got)
	}
	c.want(204, "una", "DELETE", s, "")
	c.want(404, "una", "GET", s, "")
	c.want(404, "una", "DELETE", s, "")
	c.keeps(audit.DraftDropped)
}

// One of those who submit a draft at once makes the submission.
func TestDraftIsSubmittedOnce(t *testing.T) {
	c := newCast(t)
	s := "/v1/submissions/" + c.want(201, "una", "POST", "/v1/submissions/drafts", goodSubmission)["id"].(string) + "/submit"
	made, refused := 0, 0
	results := make(chan int, 8)
	for range cap(results) {
		go func() {
			status, _, _ := c.try("una", "POST", s, "")
			results <- status
		}()
	}
	for range cap(results) {
		switch status := <-results; status {
		case 200:
			made++
		case 422:
			refused++
		default:
			t.Errorf("submitted: %d", status)
		}
	}
	if n := storetest.Value[int](t, c.db, `SELECT count(*)::int FROM submission`); made != 1 || refused != 7 || n != 1 {
		t.Errorf("%d made it, %d were refused, %d are there", made, refused, n)
	}
}
