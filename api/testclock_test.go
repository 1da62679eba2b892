package api

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

func TestTestClock(t *testing.T) {
	c := newCast(t)
	const clock = "/v1/test-clock"
	moved := func(answer map[string]any) time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339, answer["now"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	began := c.want(200, "una", "GET", clock, "")
	if began["aheadSeconds"] != 0.0 || time.Since(moved(began)).Abs() > time.Minute {
		t.Errorf("at first: %v", began)
	}

	sub := c.submission()
	q := "/v1/quotes/" + c.want(201, "una", "POST", "/v1/submissions/"+sub+"/quote", "")["id"].(string)
	r := c.want(201, "una", "POST", "/v1/referrals", `{"entityType":"submission","entityId":"`+c.submission()+`","reason":"prior_losses","rationale":"Three."}`)
	got := c.want(200, "ada", "POST", clock, `{"advance":"P3D"}`, "Idempotency-Key", "move")
	if got["aheadSeconds"] != 259200.0 || got["failed"] != 0.0 {
		t.Errorf("moved: %v", got)
	}
	for range 3 { // a repeated move is one
		if again := c.want(200, "ada", "POST", clock, `{"advance":"P3D"}`, "Idempotency-Key", "move"); again["now"] != got["now"] {
			t.Errorf("again: %v", again)
		}
	}
	now := moved(c.want(200, "una", "GET", clock, ""))
	if late := now.Sub(moved(got)); late < 0 || late > time.Minute {
		t.Errorf("it runs on from %v: %v", got["now"], now)
	}
	got = c.want(200, "ada", "POST", clock, `{"now":"`+now.AddDate(0, 1, 0).Format(time.RFC3339)+`"}`)
	last := got["due"].([]any)[len(got["due"].([]any))-1].(map[string]any)
	if last["what"] != "referral" || last["id"] != r["id"] {
		t.Errorf("due: %v", got["due"])
	}
	if r = c.want(200, "una", "GET", "/v1/referrals/"+r["id"].(string), ""); r["status"] != "expired" {
		t.Errorf("referral: %v", r["status"])
	}
	if one := c.want(200, "una", "GET", q, ""); one["status"] != "expired" {
		t.Errorf("quote: %v", one["status"])
	}
	if list := c.want(200, "una", "GET", "/v1/submissions/"+sub+"/quotes", ""); rows(list)[0].(map[string]any)["status"] != "expired" {
		t.Errorf("quotes: %v", list)
	}
	if status, problem, _ := c.as("una", "POST", "/v1/submissions/"+sub+"/bind", `{"installmentPlan":"PIF"}`); status != 422 || !strings.Contains(fmt.Sprint(problem), "quote_expired") {
		t.Errorf("bind: %d %v", status, problem)
	}
	// Tokens and the log keep everybody's time.
	log := rows(c.want(200, "ada", "GET", "/v1/audit?action=test_clock.moved", ""))
	if len(log) != 2 {
		t.Fatalf("audit: %v", log)
	}
	if at, err := time.Parse(time.RFC3339, log[0].(map[string]any)["at"].(string)); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("audit: %v", log[0])
	}
	for _, who := range []string{"eve", "ben"} {
		if theirs := c.want(200, who, "GET", clock, ""); theirs["aheadSeconds"] != 0.0 {
			t.Errorf("%s: %v", who, theirs)
		}
	}
	c.want(204, "ada", "DELETE", clock, "")
	if back := c.want(200, "una", "GET", clock, ""); back["aheadSeconds"] != 0.0 {
		t.Errorf("reset: %v", back)
	}
	if log := rows(c.want(200, "ada", "GET", "/v1/audit?action=test_clock.reset", "")); len(log) != 1 {
		t.Errorf("audit: %v", log)
	}
	c.want(204, "ada", "DELETE", clock, "")
}

func TestRefusedMovesOfTheClock(t *testing.T) {
	c := newCast(t)
	const clock = "/v1/test-clock"
	for body, want := range map[string]string{
		`{}`: "advance required", `{"advance":"P1D","now":"2030-01-01T00:00:00Z"}`: "now unexpected", `{"advance":"P"}`: "advance format",
		`{"advance":"P1DT"}`: "advance format", `{"advance":"3 days"}`: "advance format", `{"advance":"P-1D"}`: "advance format", `{"advance":"P1.5D"}`: "advance format",
		`{"advance":"-P1D"}`: "advance format", `{"now":"tomorrow"}`: "now datetime", `{"now":"2030-01-01"}`: "now datetime",
	} {
		problem := c.want(400, "ada", "POST", clock, body)
		d := problem["details"].(map[string]any)
		if got := fmt.Sprint(d["field"], " ", d["rule"]); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	for body, want := range map[string]string{
		`{"now":"2020-01-01T00:00:00Z"}`: "test_clock_backwards", `{"advance":"P2Y3D"}`: "test_clock_too_far", `{"advance":"P999999D"}`: "test_clock_too_far",
	} {
		if problem := c.want(422, "ada", "POST", clock, body); problem["error"] != want || len(problem["details"].(map[string]any)) == 0 {
			t.Errorf("%s: %v", body, problem)
		}
	}
	// A key needs the scope; the year and month are those of the calendar.
	key := c.want(201, "ada", "POST", "/v1/api-keys", `{"name":"ci","scopes":["sandbox:write"]}`)["key"].(string)
	before := time.Now()
	status, got, _ := c.call(key, "POST", clock, `{"advance":"P1Y1M1W1DT1H1M1S"}`)
	ahead := func(now time.Time) float64 {
		return now.UTC().AddDate(1, 1, 8).Add(time.Hour + time.Minute + time.Second).Sub(now).Seconds()
	}
	// Midnight may have passed, which a month can make much of.
	if status != 200 || got["aheadSeconds"] != ahead(before) && got["aheadSeconds"] != ahead(time.Now()) {
		t.Errorf("with a key: %d %v, want %v", status, got, ahead(before))
	}
	for _, who := range []string{"una", "ben", "abe", "key"} {
		c.want(403, who, "POST", clock, `{"advance":"P1D"}`)
	}
}

// In production there is no clock to be moved, and none is asked for.
func TestNoTestClockInProduction(t *testing.T) {
	w := newWorldOn(t, storetest.Open(t, store.Config{URL: storetest.URL(t)}))
	storetest.SQL(t, w.db, `INSERT INTO test_clock (org_id, ahead, moved_at, moved_by) VALUES ($1, '3 years', now(), 'x')`, w.una.Org.UUID())
	for method, body := range map[string]string{"GET": "", "POST": `{"advance":"P1D"}`, "DELETE": ""} {
		if problem := w.must(403, w.token(w.ada), method, "/v1/test-clock", body); problem["error"] != "test_clock_off" {
			t.Errorf("%s: %v", method, problem)
		}
	}
	s := w.must(201, w.token(w.una), "POST", "/v1/submissions", goodSubmission)
	q := w.must(201, w.token(w.una), "POST", "/v1/submissions/"+s["id"].(string)+"/quote", "")
	if at, err := time.Parse(time.RFC3339, q["expiresAt"].(string)); err != nil || time.Until(at) > 31*24*time.Hour {
		t.Errorf("it expires at %v", q["expiresAt"])
	}
	if q = w.must(200, w.token(w.una), "GET", "/v1/quotes/"+q["id"].(string), ""); q["status"] != "quoted" {
		t.Errorf("it is %v", q["status"])
	}
}

// TestEveryKindOfDueIsNamed goes over all that store knows to be due: each is in
// the document's enum, under an id of its own kind.
func TestEveryKindOfDueIsNamed(t *testing.T) {
	prefixes := map[string]string{
		"referral": "ref_", "deal_room": "room_", "submission": "sub_", "invoice": "inv_", "policy": "pol_", "draft": "sub_",
	}
	source, err := os.ReadFile("../store/due.go")
	if err != nil {
		t.Fatal(err)
	}
	field, _ := reflect.TypeFor[dueBody]().FieldByName("What")
	listed := strings.Split(field.Tag.Get("enum"), ",")
	kinds := regexp.MustCompile(`(?m)^\tWhat\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	for _, kind := range kinds {
		got := dueOf(store.Due{What: kind[1], ID: [16]byte{1}})
		if prefix := prefixes[got.What]; prefix == "" || !strings.HasPrefix(got.ID, prefix) || !slices.Contains(listed, got.What) {
			t.Errorf("%s is shown as %+v; the enum is %v", kind[1], got, listed)
		}
	}
	if len(kinds) != len(listed) || len(kinds) != len(prefixes) {
		t.Errorf("%d kinds, %d in the enum, %d known here", len(kinds), len(listed), len(prefixes))
	}
}

// TestAForgottenDraftIsTold: the clock names what it threw away as what it is.
func TestAForgottenDraftIsTold(t *testing.T) {
	c := newCast(t)
	draft := c.want(201, "una", "POST", "/v1/submissions/drafts", bareDraft)["id"]
	due := c.want(200, "ada", "POST", "/v1/test-clock", `{"advance":"P91D"}`)["due"].([]any)
	if !slices.ContainsFunc(due, func(d any) bool {
		m := d.(map[string]any)
		return m["what"] == "draft" && m["id"] == draft
	}) {
		t.Errorf("due: %v; the draft is %v", due, draft)
	}
}
