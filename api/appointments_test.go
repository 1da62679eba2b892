package api

import (
	"fmt"
	"strings"
	"testing"
)

// An appointment names one of the organization's carriers, or goes by a name.
func TestAppointedWithACarrier(t *testing.T) {
	c := newCast(t)
	carrierOf := func(who, name string) string {
		t.Helper()
		return c.want(201, who, "POST", "/v1/carriers", `{"name":"`+name+`"}`)["id"].(string)
	}
	summit, theirs := carrierOf("ada", "Summit Casualty"), carrierOf("mel", "Harbor Re")
	id := c.sell("300", "") // by the name of Summit Casualty
	path := "/v1/producers/" + id + "/appointments"
	made := c.want(201, "una", "POST", path, `{"carrierId":"`+summit+`","state":"OR"}`)
	if made["carrier"] != "Summit Casualty" || made["carrierId"] != summit {
		t.Errorf("by id: %v", made)
	}
	if got := c.want(201, "una", "POST", path, `{"carrierId":"`+summit+`","carrier":"summit casualty","state":"WA"}`); got["carrier"] != "Summit Casualty" {
		t.Errorf("by both: %v", got)
	}
	for body, want := range map[string]string{
		`{"state":"OR"}`:                     "carrier required",
		`{"state":"QQ","lines":["GL","GL"]}`: "state enum, lines unique, carrier required",
		`{"carrierId":"` + summit + `","carrier":"Atlas","state":"OR"}`: "carrier same",
		`{"carrierId":"` + theirs + `","state":"OR"}`:                   "carrierId exists",
		`{"carrierId":"` + unknown(summit) + `","state":"OR"}`:          "carrierId exists",
		`{"carrierId":"` + id + `","state":"OR"}`:                       "carrierId id",
		`{"carrierId":"","state":"OR"}`:                                 "carrier required",
	} {
		if got := fieldsOfProblem(c.want(400, "una", "POST", path, body)); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	c.want(200, "ada", "PATCH", "/v1/carriers/"+summit, `{"name":"Summit Re","status":"inactive"}`)
	list := rows(c.want(200, "abe", "GET", path, ""))
	for _, a := range list {
		if a := a.(map[string]any); a["carrier"] != "Summit Re" || a["carrierId"] != summit {
			t.Errorf("renamed: %v", a)
		}
	}
	if len(list) != 3 {
		t.Errorf("%d appointments", len(list))
	}
	// One that is inactive may be named; what is bound in its name is stopped there.
	if got := c.want(201, "una", "POST", path, `{"carrierId":"`+summit+`","state":"ID"}`); got["carrier"] != "Summit Re" {
		t.Errorf("inactive: %v", got)
	}
	step := path + "/" + made["id"].(string)
	if got := c.want(200, "una", "PATCH", step, `{"status":"filed"}`); got["carrier"] != "Summit Re" || got["carrierId"] != summit {
		t.Errorf("filed: %v", got)
	}
	told := rows(c.want(200, "una", "GET", "/v1/events?limit=100", ""))
	if !strings.Contains(fmt.Sprint(told), "carrierId:"+summit) {
		t.Errorf("no event names it: %v", told)
	}
}

// A quote shows whether its producer is appointed with the carrier that it would
// be bound for, and the bind is refused until he is.
func TestBindByAProducerOfTheCarrier(t *testing.T) {
	c := newCast(t)
	summit := c.want(201, "ada", "POST", "/v1/carriers", `{"name":"Summit"}`)["id"].(string)
	program := rows(c.want(200, "ada", "GET", "/v1/programs", ""))[0].(map[string]any)["id"].(string)
	c.want(201, "ada", "POST", "/v1/da-agreements", fmt.Sprintf(`{"carrierId":%q,"programId":%q,`+someTerms+`}`, summit, program))
	id := c.sell("301", "") // for Summit Casualty, which is another
	at := "/v1/submissions/" + c.want(201, "una", "POST", "/v1/submissions", fmt.Sprintf(byProducer, id))["id"].(string)
	if q := c.want(201, "una", "POST", at+"/quote", ""); fmt.Sprint(q["producerFlags"]) != "[producer_not_appointed]" {
		t.Errorf("flags: %v", q)
	}
	refused := c.want(422, "una", "POST", at+"/bind", `{"installmentPlan":"PIF"}`)
	if got := fmt.Sprint(refused["details"].(map[string]any)["blockers"]); got != "[producer_not_appointed]" {
		t.Errorf("blockers: %s", got)
	}
	c.want(201, "una", "POST", "/v1/producers/"+id+"/appointments", `{"carrierId":"`+summit+`","state":"OR"}`)
	if q := c.want(200, "una", "POST", at+"/quote?preview=true", ""); fmt.Sprint(q["producerFlags"]) != "[]" {
		t.Errorf("appointed: %v", q["producerFlags"])
	}
	c.want(201, "una", "POST", at+"/bind", `{"installmentPlan":"PIF"}`)
}
