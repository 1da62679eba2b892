package api

import (
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
)

// exampleGL are rates of general liability for Oregon and Washington.
const exampleGL = `{"baseRates": {"__": {"perUnit": "2.00", "minimumPremium": 500}}, "limitFactors": [{"factor": "1"}], "revenueBands": [{"factor": "1"}]}`

// openAll gives an organisation a program of every line.
func (w *world) openAll(by access.Actor) {
	w.t.Helper()
	if err := w.db.InTx(w.t.Context(), by, func(tx *store.Tx) error { return w.desk.OpenPrograms(w.t.Context(), tx, by.Org) }); err != nil {
		w.t.Fatal(err)
	}
}

// generalLiability is the id of the MGA's program.
func (w *world) generalLiability() string {
	w.t.Helper()
	return w.must(200, w.token(w.ada), "GET", "/v1/programs?lineOfBusiness=GL", "")["data"].([]any)[0].(map[string]any)["id"].(string)
}

// draft adds rates of general liability from June 2026 on and returns their id.
func (w *world) draft(book string) string {
	w.t.Helper()
	t := w.must(201, w.token(w.ada), "POST", "/v1/rate-tables", `{"programId":"`+w.generalLiability()+`","effectiveDate":"2026-06-01","book":`+book+`}`)
	return t["id"].(string)
}

// A version prices the effective days from its own on; those before keep theirs.
func TestVersionsByEffectiveDate(t *testing.T) {
	w := newWorld(t)
	una, ada := w.token(w.una), w.token(w.ada)
	table := w.draft(exampleGL)
	price := func(day, ext string) (float64, float64) {
		t.Helper()
		s := w.must(201, una, "POST", "/v1/submissions", strings.NewReplacer("2026-05-01", day, "ext-1", ext).Replace(goodSubmission))["id"].(string)
		q := w.must(201, una, "POST", "/v1/submissions/"+s+"/quote", "")
		return q["grossPremium"].(float64), q["rateVersion"].(float64)
	}
	if p, v := price("2026-06-01", "draft"); p != 14250 || v != 1 {
		t.Errorf("before it is published: %v by version %v", p, v)
	}
	w.must(200, ada, "POST", "/v1/rate-tables/"+table+"/publish", "")
	if p, v := price("2026-05-31", "before"); p != 14250 || v != 1 {
		t.Errorf("the day before: %v by version %v", p, v)
	}
	if p, v := price("2026-06-01", "from"); p != 16000 || v != 2 {
		t.Errorf("its own day: %v by version %v", p, v)
	}
	if got := w.must(422, ada, "POST", "/v1/rate-tables/"+table+"/publish", ""); got["error"] != "rate_table_published" {
		t.Errorf("published twice: %v", got)
	}
	events := w.must(200, ada, "GET", "/v1/events?type=rate_table.published", "")["data"].([]any)
	if len(events) != 1 || events[0].(map[string]any)["data"].(map[string]any)["version"] != 2.0 {
		t.Errorf("events %v", events)
	}
	next := w.draft(strings.Replace(exampleGL, "2.00", "3.00", 1))
	w.must(200, ada, "POST", "/v1/rate-tables/"+next+"/publish", "")
	if p, v := price("2026-07-01", "corrected"); p != 24000 || v != 3 {
		t.Errorf("two from one day: %v by version %v", p, v)
	}
	if n := len(w.must(200, ada, "GET", "/v1/rate-tables?status=published", "")["data"].([]any)); n != 3 {
		t.Errorf("%d versions", n)
	}
}

func TestATableWithHolesIsRefusedWithAll(t *testing.T) {
	w := newWorld(t)
	table := w.draft(`{"baseRates": {"OR": {"perUnit": "2.00", "minimumPremium": 500}}, "limitFactors": [{"upTo": 1000000, "factor": "1"}],
		"revenueBands": [{"upTo": 1000000, "factor": "1"}], "claimFactors": [{"upTo": 3, "factor": "1"}]}`)
	got := w.must(422, w.token(w.ada), "POST", "/v1/rate-tables/"+table+"/publish", "")
	fields := strings.Split(fieldsOfProblem(got), ", ")
	if got["error"] != "rate_table_incomplete" || len(fields) != 50+3 || fields[0] != "book.baseRates.AL gap" || strings.Join(fields[50:], ", ") != "book.limitFactors gap, book.revenueBands gap, book.claimFactors gap" {
		t.Errorf("%v: %d %v", got["error"], len(fields), fields)
	}
}

func TestUnsoundRatesAreRefusedWithAll(t *testing.T) {
	w := newWorld(t)
	body := `{"programId":"` + w.generalLiability() + `","effectiveDate":"2026-06-01","book":{"baseRates": {"OR": {"perUnit": "free", "minimumPremium": -1}, "Texas": {"perUnit": "1", "minimumPremium": 1}},
		"limitFactors": [{"upTo": 5, "factor": "2"}, {"upTo": 4, "factor": "1"}], "revenueBands": [], "deductibleCredits": [{"from": 1, "credit": "1.5"}], "scheduleMax": 40}}`
	got := w.must(400, w.token(w.ada), "POST", "/v1/rate-tables", body)
	want := "book.baseRates.OR.perUnit format, book.baseRates.OR.minimumPremium min, book.baseRates.Texas pattern, book.limitFactors[1].upTo min, book.limitFactors[1].factor ascending, book.deductibleCredits[0].credit max, book.revenueBands required, book.scheduleMax max"
	if fieldsOfProblem(got) != want {
		t.Errorf("%s\nwant %s", fieldsOfProblem(got), want)
	}
	for body, want := range map[string]string{
		`{"programId":"prog_01J8K3M4N5P6Q7R8S9T0V1W2X3","effectiveDate":"2026-06-01","book":` + exampleGL + `}`: "programId exists",
		`{"programId":"pol_01J8K3M4N5P6Q7R8S9T0V1W2X3","effectiveDate":"2026-06-30","book":` + exampleGL + `}`:  "programId id",
		`{"programId":"prog_01J8K3M4N5P6Q7R8S9T0V1W2X3","effectiveDate":"2026-06-31","book":` + exampleGL + `}`: "effectiveDate date",
	} {
		if got := w.must(400, w.token(w.ada), "POST", "/v1/rate-tables", body); fieldsOfProblem(got) != want {
			t.Errorf("%s, want %s", fieldsOfProblem(got), want)
		}
	}
	got = w.must(400, w.token(w.ada), "POST", "/v1/programs", `{"name":"x","lineOfBusiness":"WC","states":["OR","OR","ZZ"],"maxLimit":1,"autoBindThreshold":1,"referAbove":2,"declineAbove":1}`)
	if fieldsOfProblem(got) != "states[1] unique, states[2] enum, declineAbove min" {
		t.Errorf("program: %s", fieldsOfProblem(got))
	}
}

// Rates that no risk could pay are refused, by number and, when each number is
// one that there is, by what they come to; and a line without rates says so.
func TestRatesBeyondAllMoney(t *testing.T) {
	w := newWorld(t)
	ada := w.token(w.ada)
	post := func(book string) map[string]any {
		t.Helper()
		return w.must(400, ada, "POST", "/v1/rate-tables", `{"programId":"`+w.generalLiability()+`","effectiveDate":"2026-06-01","book":`+book+`}`)
	}
	got := post(`{"baseRates": {"__": {"perUnit": "99999999999999", "minimumPremium": 99999999999}}, "limitFactors": [{"factor": "9999999999"}], "revenueBands": [{"factor": "1"}]}`)
	if want := "book.baseRates.__.perUnit max, book.baseRates.__.minimumPremium max, book.limitFactors[0].factor max"; fieldsOfProblem(got) != want {
		t.Errorf("%s, want %s", fieldsOfProblem(got), want)
	}
	table := w.draft(strings.NewReplacer("2.00", "999", `limitFactors": [{"factor": "1"`, `limitFactors": [{"factor": "99"`).Replace(exampleGL))
	if got := w.must(422, ada, "POST", "/v1/rate-tables/"+table+"/publish", ""); got["error"] != "rate_table_incomplete" || fieldsOfProblem(got) != "book.baseRates.__.perUnit max" {
		t.Errorf("%v: %s", got["error"], fieldsOfProblem(got))
	}
	w.must(201, ada, "POST", "/v1/programs", `{"name":"x","lineOfBusiness":"CYBER","maxLimit":1,"autoBindThreshold":1,"referAbove":2,"declineAbove":3}`)
	s := w.must(201, ada, "POST", "/v1/submissions", strings.Replace(goodSubmission, `"GL"`, `"CYBER"`, 1))["id"].(string)
	if got := w.must(422, ada, "POST", "/v1/submissions/"+s+"/quote", ""); got["error"] != "no_rate" || fieldsOfProblem(got) != "lineOfBusiness gap" {
		t.Errorf("%v: %s", got["error"], fieldsOfProblem(got))
	}
}
