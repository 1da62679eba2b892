package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// An example is what the document shows of an operation.
type example struct {
	request json.RawMessage
	answer  any
}

// examples reads those of the document, by operationId.
func (w *world) examples() map[string]example {
	w.t.Helper()
	doc := w.must(200, "", "GET", "/openapi.json", "")
	out := map[string]example{}
	at := func(v any, path ...string) any {
		for _, p := range path {
			m, _ := v.(map[string]any)
			v = m[p]
		}
		return v
	}
	for _, item := range doc["paths"].(map[string]any) {
		for _, op := range item.(map[string]any) {
			var e example
			if r := at(op, "requestBody", "content", jsonType, "example"); r != nil {
				e.request, _ = json.Marshal(r)
			}
			for _, status := range []string{"200", "201"} {
				if a := at(op, "responses", status, "content", jsonType, "example"); a != nil {
					e.answer = a
				}
			}
			if id, ok := at(op, "operationId").(string); ok {
				out[id] = e
			}
		}
	}
	return out
}

// sameShape reports where an answer is not of the form that the example shows;
// what the example shows no entry of, such as more installment plans, is free.
func sameShape(t *testing.T, place string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %v, want an object", place, got)
			return
		}
		if !strings.HasSuffix(place, ".schedule") && !slices.Equal(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(m))) {
			t.Errorf("%s has %v, the example %v", place, slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Keys(want)))
		}
		for k := range want {
			sameShape(t, place+"."+k, want[k], m[k])
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(want) != len(l) {
			t.Errorf("%s: %v, want %v", place, got, want)
			return
		}
		for i := range want {
			sameShape(t, fmt.Sprintf("%s[%d]", place, i), want[i], l[i])
		}
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			t.Errorf("%s: %v, the example has %v", place, got, want)
		}
	}
}

// Every example of programs, rates and quotes is sent as it stands in the
// document, and answered in the form that the document shows.
func TestExamplesOfRatesAndQuotes(t *testing.T) {
	w := newWorld(t)
	all := w.examples()
	done := map[string]bool{}
	play := func(status int, who, id, method, path string, replace ...string) map[string]any {
		t.Helper()
		e, ok := all[id]
		if !ok || e.answer == nil {
			t.Fatalf("%s has no example", id)
		}
		done[id] = true
		got := w.must(status, who, method, path, strings.NewReplacer(replace...).Replace(string(e.request)))
		sameShape(t, id, e.answer, got)
		return got
	}
	una, ada := w.token(w.una), w.token(w.ada)
	program := play(201, ada, "create-program", "POST", "/v1/programs")["id"].(string)
	play(200, una, "get-program", "GET", "/v1/programs/"+program)
	play(200, una, "list-programs", "GET", "/v1/programs?lineOfBusiness=CYBER")
	table := play(201, ada, "create-rate-table", "POST", "/v1/rate-tables", "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", program)["id"].(string)
	play(200, una, "get-rate-table", "GET", "/v1/rate-tables/"+table)
	play(200, una, "list-rate-tables", "GET", "/v1/rate-tables?programId="+program+"&status=draft")
	play(200, ada, "publish-rate-table", "POST", "/v1/rate-tables/"+table+"/publish")

	s := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	play(200, una, "list-submission-queue", "GET", "/v1/submissions/queue")
	play(200, una, "get-quote-readiness", "GET", "/v1/submissions/"+s+"/quote-readiness")
	q := play(201, una, "quote-submission", "POST", "/v1/submissions/"+s+"/quote")
	want := all["quote-submission"].answer.(map[string]any)
	for _, same := range []string{"grossPremium", "terms", "factors", "decision"} {
		if fmt.Sprint(q[same]) != fmt.Sprint(want[same]) {
			t.Errorf("%s: %v, the example has %v", same, q[same], want[same])
		}
	}
	id := q["id"].(string)
	play(200, una, "get-quote", "GET", "/v1/quotes/"+id)
	play(200, una, "list-quotes", "GET", "/v1/submissions/"+s+"/quotes")
	play(200, una, "offer-quote", "POST", "/v1/quotes/"+id+"/offer")
	play(200, una, "accept-quote", "POST", "/v1/quotes/"+id+"/accept")
	for id, e := range all {
		if e.answer != nil && !done[id] && (strings.Contains(id, "rate") || strings.Contains(id, "program") || strings.Contains(id, "quote")) {
			t.Errorf("nobody sends the example of %s", id)
		}
	}
}
