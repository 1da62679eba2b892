package api

import (
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store/storetest"
)

// program is the path of the MGA's program of general liability.
func (w *world) program() string { return "/v1/programs/" + w.generalLiability() }

func TestAProgramIsCorrected(t *testing.T) {
	w := newWorld(t)
	ada, path := w.token(w.ada), w.program()
	_, before, head := w.call(ada, "GET", path, "")
	if head.Get("ETag") != `"1"` {
		t.Fatalf("ETag %q", head.Get("ETag"))
	}
	_, after, head := w.call(ada, "PATCH", path, `{"name":"Contractors","states":["OR","WA"],"maxLimit":500000,"autoBindThreshold":12.5,"referAbove":20000,"declineAbove":30000,
		"minYearsInBusiness":3,"maxExperienceMod":""}`, "If-Match", `"1"`)
	if head.Get("ETag") != `"2"` || after["updatedAt"] == before["updatedAt"] {
		t.Errorf("%v: %v", head, after)
	}
	for _, kept := range []string{"id", "orgId", "lineOfBusiness", "createdAt"} {
		if after[kept] != before[kept] {
			t.Errorf("%s: %v", kept, after[kept])
		}
	}
	read := w.must(200, ada, "GET", path, "")
	want := map[string]any{"name": "Contractors", "maxLimit": 500000.0, "autoBindThreshold": 12.5, "referAbove": 20000.0, "declineAbove": 30000.0, "minYearsInBusiness": 3.0, "maxExperienceMod": nil}
	for name, v := range want {
		if read[name] != v || after[name] != v {
			t.Errorf("%s: %v, %v", name, read[name], after[name])
		}
	}
	if states := read["states"].([]any); len(states) != 2 || states[0] != "OR" {
		t.Errorf("states %v", states)
	}
	if got := w.must(412, ada, "PATCH", path, `{"name":"X"}`, "If-Match", `"1"`); got["error"] != "stale_version" {
		t.Errorf("%v", got)
	}
	// What is not said stays, and no field is told to be missing.
	w.must(200, ada, "PATCH", path, `{}`, "If-Match", `"2"`)
	if again := w.must(200, ada, "PATCH", path, `{"minYearsInBusiness":0,"states":[]}`); again["name"] != "Contractors" || again["minYearsInBusiness"] != nil || again["states"] != nil {
		t.Errorf("%v", again)
	}
}

func TestACorrectionOfAProgramIsRefusedWithAll(t *testing.T) {
	w := newWorld(t)
	ada, path := w.token(w.ada), w.program()
	for _, c := range []struct{ body, want string }{
		{
			`{"name":" ","states":["OR","OR","ZZ"],"maxLimit":0,"autoBindThreshold":-1,"referAbove":10,"declineAbove":5,"minYearsInBusiness":101,"maxExperienceMod":"high"}`,
			"autoBindThreshold min, maxExperienceMod pattern, maxLimit min, minYearsInBusiness max, name pattern, states[1] unique, states[2] enum, declineAbove min",
		},
		{`{"lineOfBusiness":"WC"}`, "lineOfBusiness unknown"},
		{`{"referAbove":"much","states":["ZZ"]}`, "referAbove type, states[0] enum"},
		// By what is stored: declined above 250,000, referred above 100,000.
		{`{"declineAbove":1}`, "declineAbove min"},
		{`{"referAbove":250000.01}`, "declineAbove min"},
	} {
		if got := w.must(400, ada, "PATCH", path, c.body); got["error"] != "validation_failed" || fieldsOfProblem(got) != c.want {
			t.Errorf("%s: %s\nwant %s", c.body, fieldsOfProblem(got), c.want)
		}
	}
	if _, _, head := w.call(ada, "GET", path, ""); head.Get("ETag") != `"1"` {
		t.Errorf("changed: %s", head.Get("ETag"))
	}
}

func TestOnlyWhoMakesAProgramCorrectsIt(t *testing.T) {
	w := newWorld(t)
	path := w.program()
	eve := storetest.User(t, w.db, storetest.Org(t, w.db, "Elsewhere"), "Eve", access.RoleAdmin)
	for who, c := range map[string]struct {
		token string
		want  int
	}{
		"underwriter": {w.token(w.una), 403}, "auditor": {w.token(storetest.User(t, w.db, w.una, "Abe", access.RoleAuditor)), 403},
		"broker": {w.token(storetest.User(t, w.db, w.una, "Bob", access.RoleBroker)), 403}, "administrator of another": {w.token(eve), 404},
		"administrator": {w.token(w.ada), 200},
	} {
		if got, m, _ := w.call(c.token, "PATCH", path, `{"minYearsInBusiness":4}`); got != c.want {
			t.Errorf("%s: %d %v", who, got, m)
		}
	}
}

// A quote stays as it was judged, and is bound by the threshold of the day.
func TestWhatAQuoteWasJudgedByStays(t *testing.T) {
	w := newWorld(t)
	una, ada, path := w.token(w.una), w.token(w.ada), w.program()
	quoted := func(ext string) (string, map[string]any) {
		t.Helper()
		s := w.must(201, una, "POST", "/v1/submissions", strings.Replace(goodSubmission, "ext-1", ext, 1))["id"].(string)
		return "/v1/submissions/" + s, w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "")
	}
	bind := func(want int, sub, user string) map[string]any {
		t.Helper()
		return w.must(want, user, "POST", sub+"/bind", `{"installmentPlan":"PIF"}`)
	}
	first, q := quoted("before") // of $14,250
	if q["decision"] != "quoted" || q["programVersion"] != 1.0 {
		t.Fatalf("%v", q)
	}
	second, _ := quoted("before, too")
	policy := bind(201, second, una)

	w.must(200, ada, "PATCH", path, `{"states":["WA"],"referAbove":1000,"declineAbove":2000,"maxLimit":1}`)
	if again := w.must(200, una, "GET", first+"/quotes", "")["data"].([]any)[0].(map[string]any); again["status"] != "quoted" || again["decision"] != "quoted" || again["programVersion"] != 1.0 {
		t.Errorf("the quote of before: %v", again)
	}
	if got := w.must(200, una, "GET", "/v1/policies/"+policy["id"].(string), ""); got["status"] != "bound" {
		t.Errorf("the policy of before: %v", got)
	}
	if _, q := quoted("after"); q["decision"] != "declined" || q["programVersion"] != 2.0 {
		t.Errorf("quoted after: %v", q)
	}
	// Its guidelines are those of its day; whose authority it takes is a question of today.
	w.must(200, ada, "PATCH", path, `{"autoBindThreshold":14249.99}`)
	if got := bind(422, first, una); got["error"] != "not_bindable" || blockersOf(got) != "authority_required" {
		t.Errorf("above the threshold of today: %v", got)
	}
	ready := w.must(200, una, "GET", first+"/quote-readiness", "")
	if ready["bindable"] == true {
		t.Errorf("ready: %v", ready)
	}
	w.must(200, ada, "PATCH", path, `{"autoBindThreshold":14250}`)
	bind(201, first, una)
}

// A program reaches no further than its rates: those that price today and later.
func TestAProgramReachesNoFurtherThanItsRates(t *testing.T) {
	w := newWorld(t)
	ada := w.token(w.ada)
	made := w.must(201, ada, "POST", "/v1/programs", requestOf(t, "create-program"))
	path := "/v1/programs/" + made["id"].(string)
	publish := func(day, book string) {
		t.Helper()
		table := w.must(201, ada, "POST", "/v1/rate-tables", `{"programId":"`+made["id"].(string)+`","effectiveDate":"`+day+`","book":`+book+`}`)
		w.must(200, ada, "POST", "/v1/rate-tables/"+table["id"].(string)+"/publish", "")
	}
	const narrow = `{"baseRates":{"OR":{"perUnit":"2.00","minimumPremium":500},"WA":{"perUnit":"2.00","minimumPremium":500}},"limitFactors":[{"upTo":2000000,"factor":"1"}],"revenueBands":[{"factor":"1"}]}`
	w.must(200, ada, "PATCH", path, `{"states":["OR","WA","ID"],"maxLimit":3000000}`) // it has no rates yet
	w.must(200, ada, "PATCH", path, `{"states":["OR","WA"],"maxLimit":2000000}`)
	publish("2021-01-01", narrow)
	publish("2022-01-01", narrow)
	got := w.must(422, ada, "PATCH", path, `{"states":["WA","ID","OR","AK"],"maxLimit":2000000.01}`)
	if got["error"] != "rate_table_incomplete" || fieldsOfProblem(got) != "states[1] gap, states[3] gap, maxLimit gap" {
		t.Errorf("%v: %s", got["error"], fieldsOfProblem(got))
	}
	if got := w.must(422, ada, "PATCH", path, `{"states":[]}`); fieldsOfProblem(got) != "states gap" {
		t.Errorf("all states: %s", fieldsOfProblem(got))
	}
	w.must(200, ada, "PATCH", path, `{"states":["OR"],"maxLimit":1000000,"name":"Narrower"}`)
	w.must(200, ada, "PATCH", path, `{"states":["WA","OR"],"maxLimit":2000000}`)
	// What prices no day from today on is not asked: neither the version of 2021, nor the one that a later version of its day replaced.
	publish("2022-01-01", strings.NewReplacer(`"OR"`, `"ID":{"perUnit":"2.00","minimumPremium":500},"OR"`, "2000000", "3000000").Replace(narrow))
	w.must(200, ada, "PATCH", path, `{"states":["OR","WA","ID"],"maxLimit":3000000}`)
}

// blockersOf are the blockers of a refusal, in their order.
func blockersOf(problem map[string]any) string {
	var all []string
	for _, b := range problem["details"].(map[string]any)["blockers"].([]any) {
		all = append(all, b.(string))
	}
	return strings.Join(all, " ")
}
