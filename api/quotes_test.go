package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store/storetest"
)

// fieldsOfProblem lists what is wrong with which field, in order.
func fieldsOfProblem(m map[string]any) string {
	d, _ := m["details"].(map[string]any)
	var out []string
	if all, ok := d["errors"].([]any); ok {
		for _, e := range all {
			out = append(out, fmt.Sprint(e.(map[string]any)["field"], " ", e.(map[string]any)["rule"]))
		}
	} else if d["field"] != nil {
		out = append(out, fmt.Sprint(d["field"], " ", d["rule"]))
	}
	return strings.Join(out, ", ")
}

func TestPreviewLeavesNoTrace(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	s := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	before := len(w.must(200, una, "GET", "/v1/events?limit=100", "")["data"].([]any))
	q := w.must(200, una, "POST", "/v1/submissions/"+s+"/quote?preview=true", `{"requestedLimit": 2000000}`)
	if q["grossPremium"] != 17812.5 || q["preview"] != true || q["id"] != nil || q["version"] != 0.0 || len(q["schedule"].(map[string]any)) != 5 {
		t.Errorf("preview %v", q)
	}
	if got := w.must(200, una, "GET", "/v1/submissions/"+s, ""); got["status"] != "received" {
		t.Errorf("submission %v", got)
	}
	if n := len(w.must(200, una, "GET", "/v1/submissions/"+s+"/quotes", "")["data"].([]any)); n != 0 {
		t.Errorf("%d quotes", n)
	}
	if n := len(w.must(200, una, "GET", "/v1/events?limit=100", "")["data"].([]any)); n != before {
		t.Errorf("%d events, before %d", n, before)
	}
	w.must(412, una, "POST", "/v1/submissions/"+s+"/quote?preview=true", "", "If-Match", `"9"`)
}

func TestQuotesAreOfferedAcceptedAndBound(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	s := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	quoteURL := "/v1/submissions/" + s + "/quote"
	one := w.must(201, una, "POST", quoteURL, "")["id"].(string)
	two := w.must(201, una, "POST", quoteURL, `{"requestedLimit": 2000000, "alternative": true}`)
	if two["version"] != 2.0 || two["grossPremium"] != 17812.5 {
		t.Errorf("alternative %v", two)
	}
	second := two["id"].(string)
	if got := w.must(422, una, "POST", "/v1/quotes/"+one+"/accept", ""); got["error"] != "quote_state" || got["details"].(map[string]any)["status"] != "quoted" {
		t.Errorf("not offered: %v", got)
	}
	w.must(200, una, "POST", "/v1/quotes/"+one+"/offer", "")
	w.must(200, una, "POST", "/v1/quotes/"+second+"/offer", "")
	if got := w.must(422, una, "POST", "/v1/quotes/"+one+"/offer", ""); got["error"] != "quote_state" {
		t.Errorf("offered twice: %v", got)
	}
	if got := w.must(200, una, "POST", "/v1/quotes/"+one+"/accept", ""); got["status"] != "accepted" || got["acceptedAt"] == nil {
		t.Errorf("accepted %v", got)
	}
	got := w.must(422, una, "POST", "/v1/quotes/"+second+"/accept", "")
	if d := got["details"].(map[string]any); got["error"] != "quote_state" || d["status"] != "not_taken_up" || d["acceptedQuoteId"] != one {
		t.Errorf("its sibling: %v", got)
	}
	if got := w.must(422, una, "POST", "/v1/submissions/"+s+"/bind", `{"installmentPlan":"PIF","quoteId":"`+second+`"}`); fmt.Sprint(got["details"].(map[string]any)["blockers"]) != "[quote_not_taken_up]" {
		t.Errorf("bind of the sibling: %v", got)
	}
	if got := w.must(400, una, "POST", "/v1/submissions/"+s+"/bind", `{"installmentPlan":"PIF","quoteId":"quo_01J8K3M4N5P6Q7R8S9T0V1W2X3"}`); fieldsOfProblem(got) != "quoteId exists" {
		t.Errorf("bind of nothing: %v", got)
	}
	// The accepted quote, not the newest.
	if p := w.must(201, una, "POST", "/v1/submissions/"+s+"/bind", `{"installmentPlan":"MONTHLY_10"}`); p["grossPremium"] != 14250.0 {
		t.Errorf("bound %v", p)
	}
	if got := w.must(200, una, "GET", "/v1/quotes/"+one, ""); got["status"] != "bound" {
		t.Errorf("after the bind: %v", got["status"])
	}
}

// A quote without more supersedes those before, whatever became of them.
func TestRequotingSupersedes(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	s := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	one := w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "")["id"].(string)
	w.must(200, una, "POST", "/v1/quotes/"+one+"/offer", "")
	w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "")
	if got := w.must(422, una, "POST", "/v1/quotes/"+one+"/accept", ""); got["details"].(map[string]any)["status"] != "superseded" {
		t.Errorf("accepted after all: %v", got)
	}
}

func TestAnAlternativeThatIsReferredLeavesTheRest(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	s := w.must(201, una, "POST", "/v1/submissions", strings.Replace(goodSubmission, "8000000", "50000000", 1))["id"].(string) // 89,062.50
	w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "")
	q := w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", `{"requestedLimit": 2000000, "alternative": true}`)
	if q["decision"] != "referred" || fmt.Sprint(q["reasons"]) != "[premium_above_guideline]" {
		t.Errorf("alternative %v of %v for %v", q["decision"], q["grossPremium"], q["reasons"])
	}
	if got := w.must(200, una, "GET", "/v1/submissions/"+s, ""); got["status"] != "quoted" {
		t.Errorf("submission %v", got["status"])
	}
	if got := w.must(422, una, "POST", "/v1/quotes/"+q["id"].(string)+"/offer", ""); got["details"].(map[string]any)["status"] != "referred" {
		t.Errorf("offered: %v", got)
	}
}

func TestJudgementIsForUnderwriters(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	key := w.must(201, w.token(w.ada), "POST", "/v1/api-keys", `{"name":"k","scopes":["submissions:write","rates:write"]}`)["key"].(string)
	s := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	url := "/v1/submissions/" + s + "/quote"
	w.must(403, key, "POST", url, `{"schedule":{"percent":-10,"reason":"safety"}}`)
	w.must(403, key, "POST", url+"?preview=true", `{"schedule":{"percent":-10,"reason":"safety"}}`)
	w.must(201, key, "POST", url, "")
	if q := w.must(201, una, "POST", url, `{"schedule":{"percent":-10,"reason":"safety"}}`); q["grossPremium"] != 12825.0 {
		t.Errorf("judged %v", q["grossPremium"])
	}
	for body, want := range map[string]string{
		`{"schedule":{"percent":26,"reason":"safety"}}`:       "schedule.percent max",
		`{"schedule":{"percent":-26,"reason":"safety"}}`:      "schedule.percent min",
		`{"schedule":{"percent":5}}`:                          "schedule.reason required",
		`{"schedule":{"percent":5,"reason":"sympathy"}}`:      "schedule.reason enum",
		`{"schedule":{"percent":0,"reason":"other"}}`:         "schedule.percent required, schedule.note required",
		`{"requestedLimit":1000,"deductible":1000}`:           "deductible max",
		`{"requestedLimit":1e300,"deductible":-1,"colour":1}`: "requestedLimit max, deductible min, colour unknown",
		`{"aggregateLimit":1}`:                                "aggregateLimit min",
		`{"deductible":1.001}`:                                "deductible money",
	} {
		_, got, _ := w.call(una, "POST", url+"?preview=true", body)
		have := strings.Split(fieldsOfProblem(got), ", ")
		for f := range strings.SplitSeq(want, ", ") {
			if !strings.Contains(fieldsOfProblem(got), f) {
				t.Errorf("%s: %v, want %s", body, have, want)
			}
		}
	}
}

// What a schema finds comes all at once, and what the rules find, too.
func TestBadRisksAreNamed(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	more := func(fields string) string { return strings.Replace(goodSubmission, `"state"`, fields+`,"state"`, 1) }
	for body, want := range map[string]string{
		more(`"payroll":-1,"tiv":1e12,"employees":0,"vehicles":2.5,"yearsInBusiness":-1,"experienceMod":"many","postalCode":"972"`): "payroll min, tiv max, employees min, vehicles type, yearsInBusiness min, experienceMod pattern, postalCode pattern",
		more(`"lossHistory":[{"year":2027,"claims":1,"incurred":5},{"year":2010,"claims":0,"incurred":5}],"deductible":1000000`):    "deductible max, lossHistory[0].year max, lossHistory[1].year min, lossHistory[1].claims min",
		more(`"lossHistory":[{"year":2025}]`):                                           "lossHistory[0].claims required, lossHistory[0].incurred required",
		strings.NewReplacer("236220", "990000", `"OR"`, `"ZZ"`).Replace(goodSubmission): "state enum",
		strings.NewReplacer("236220", "120000", `"OR"`, `"ZZ"`).Replace(goodSubmission): "state enum, naicsCode enum",
	} {
		_, got, _ := w.call(una, "POST", "/v1/submissions", body)
		if got["error"] != "validation_failed" {
			t.Errorf("%s: %v", body, got)
		}
		for f := range strings.SplitSeq(want, ", ") {
			if !strings.Contains(fieldsOfProblem(got), f) {
				t.Errorf("%s: %v, want %s", body, fieldsOfProblem(got), f)
			}
		}
	}
}

func TestExpiredQuotesAreRefused(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	s := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	one := w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "")["id"].(string)
	two := w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", `{"alternative":true}`)["id"].(string)
	w.must(200, una, "POST", "/v1/quotes/"+two+"/offer", "")
	three := w.must(201, una, "POST", "/v1/submissions", strings.Replace(goodSubmission, "ext-1", "ext-2", 1))["id"].(string)
	three = w.must(201, una, "POST", "/v1/submissions/"+three+"/quote", "")["id"].(string)
	w.must(200, una, "POST", "/v1/quotes/"+three+"/offer", "")
	w.must(200, una, "POST", "/v1/quotes/"+three+"/accept", "")
	storetest.SQL(t, w.db, `UPDATE quote SET expires_at = now()`)
	for _, path := range []string{one + "/offer", one + "/accept", two + "/offer", two + "/accept", three + "/offer", three + "/accept"} {
		got := w.must(422, una, "POST", "/v1/quotes/"+path, "")
		if d := got["details"].(map[string]any); got["error"] != "quote_expired" || d["expiresAt"] == nil || d["acceptedQuoteId"] != nil {
			t.Errorf("%s: %v", path, got)
		}
	}
	if got := w.must(200, una, "GET", "/v1/quotes/"+two, ""); got["status"] != "expired" {
		t.Errorf("shown as %v", got["status"])
	}
	if got := w.must(422, una, "POST", "/v1/submissions/"+s+"/bind", `{"installmentPlan":"PIF"}`); fmt.Sprint(got["details"].(map[string]any)["blockers"]) != "[quote_expired]" {
		t.Errorf("bound: %v", got)
	}
	w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "") // and a new one may be made
}

// Every line has a program after OpenPrograms, and a premium.
func TestEveryLineIsQuoted(t *testing.T) {
	w := newWorld(t)
	by := storetest.Org(t, w.db, "All lines")
	w.openAll(by)
	una := w.token(by)
	risk := `"payroll":400000,"tiv":2500000,"vehicles":6,"deductible":5000,"yearsInBusiness":12,"lossHistory":[{"year":2025,"claims":1,"incurred":12000}],"postalCode":"97201"`
	for _, line := range []string{"GL", "CYBER", "EO", "WC", "PROPERTY", "UMBRELLA", "COMMERCIAL_AUTO"} {
		body := strings.NewReplacer(`"GL"`, `"`+line+`",`+risk, `"ext-1"`, `"`+line+`"`).Replace(goodSubmission)
		s := w.must(201, una, "POST", "/v1/submissions", body)
		q := w.must(201, una, "POST", "/v1/submissions/"+s["id"].(string)+"/quote", "")
		if premium := q["grossPremium"].(float64); q["decision"] != "quoted" || premium < 1000 || premium > 60_000 {
			t.Errorf("%s: %v at %v for %v: %v", line, q["decision"], q["grossPremium"], q["reasons"], q["factors"])
		}
		w.must(201, una, "POST", "/v1/submissions/"+s["id"].(string)+"/bind", `{"installmentPlan":"QUARTERLY"}`)
	}
	if got := w.must(409, w.token(w.ada), "POST", "/v1/programs", strings.Replace(requestOf(t, "create-program"), "CYBER", "GL", 1)); got["error"] != "program_exists" {
		t.Errorf("a second program: %v", got)
	}
}

func TestGuidelinesRefer(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	body := strings.Replace(goodSubmission, `"state"`, `"yearsInBusiness":1,"experienceMod":"1.501","state"`, 1)
	s := w.must(201, una, "POST", "/v1/submissions", body)["id"].(string)
	q := w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "")
	if fmt.Sprint(q["decision"], q["reasons"]) != "referred[years_in_business experience_mod]" {
		t.Errorf("%v %v", q["decision"], q["reasons"])
	}
}

func TestOnlySomeMayManageRates(t *testing.T) {
	w := newWorld(t)
	table := w.draft(exampleGL)
	abe := storetest.User(t, w.db, w.una, "Abe", access.RoleAuditor)
	bob := storetest.User(t, w.db, w.una, "Bob", access.RoleBroker)
	eve := storetest.Org(t, w.db, "Elsewhere")
	for _, c := range []struct {
		who         string
		token       string
		read, write int
	}{
		{"underwriter", w.token(w.una), 200, 403}, {"auditor", w.token(abe), 200, 403}, {"broker", w.token(bob), 403, 403}, {"stranger", w.token(eve), 404, 404},
	} {
		if got, m, _ := w.call(c.token, "GET", "/v1/rate-tables/"+table, ""); got != c.read {
			t.Errorf("%s reads: %d %v", c.who, got, m)
		}
		if got, m, _ := w.call(c.token, "POST", "/v1/rate-tables/"+table+"/publish", ""); got != c.write {
			t.Errorf("%s publishes: %d %v", c.who, got, m)
		}
	}
	w.must(403, w.token(w.una), "POST", "/v1/programs", requestOf(t, "create-program"))
}
