package api

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

const goodProducer = `{"type":"agency","legalName":"Harbor Brokers LLC","dba":"Harbor","npn":"1234567","email":"hello@harbor.example","ein":"123456789","externalId":"H-1"}`

// sell takes a producer on, licensed and appointed for GL in Oregon, and
// activates it.
func (c *cast) sell(npn string, extra string) string {
	c.t.Helper()
	id := c.want(201, "ada", "POST", "/v1/producers", `{"type":"agency","legalName":"Agency `+npn+`","npn":"`+npn+`","email":"a@b.example"`+extra+`}`)["id"].(string)
	c.want(201, "ada", "POST", "/v1/producers/"+id+"/licenses", oregon)
	c.want(201, "ada", "POST", "/v1/producers/"+id+"/appointments", `{"carrier":"Summit Casualty","state":"OR"}`)
	c.want(200, "ada", "PATCH", "/v1/producers/"+id+"/status", `{"status":"active"}`)
	return id
}

const oregon = `{"number":"OR-1","type":"property_casualty","state":"OR","effectiveDate":"2020-01-01","expirationDate":"2199-01-01"}`

func TestProducers(t *testing.T) {
	c := newCast(t)
	made := c.want(201, "una", "POST", "/v1/producers", goodProducer)
	id := made["id"].(string)
	if made["status"] != "pending" || made["sanctionsReviewPending"] != false || made["screening"].(map[string]any)["decision"] != "pass" || made["orgId"] != c.una.Org.String() {
		t.Errorf("made: %v", made)
	}
	one := "/v1/producers/" + id
	if got := c.want(422, "una", "PATCH", one+"/status", `{"status":"active"}`); got["error"] != "producer_not_ready" || fmt.Sprint(got["details"]) != "map[reasons:[no_license]]" {
		t.Errorf("without a license: %v", got)
	}
	l := c.want(201, "una", "POST", one+"/licenses", `{"number":"OR-1","type":"property_casualty","state":"OR","lines":["GL","WC"],"effectiveDate":"2020-01-01","expirationDate":"2199-01-01"}`)
	if l["standing"] != "active" || l["status"] != "active" || fmt.Sprint(l["lines"]) != "[GL WC]" || l["producerId"] != id {
		t.Errorf("license: %v", l)
	}
	if got := c.want(200, "una", "PATCH", one+"/status", `{"status":"active"}`); got["status"] != "active" {
		t.Errorf("active: %v", got)
	}
	a := c.want(201, "una", "POST", one+"/appointments", `{"carrier":"Summit Casualty","state":"OR","contractDate":"2026-01-01"}`)
	if a["status"] != "pending" || a["fileBy"] != "2026-01-16" || a["overdue"] != true || a["noticeBy"] != nil {
		t.Errorf("appointment: %v", a)
	}
	appt := one + "/appointments/" + a["id"].(string)
	if got := c.want(422, "una", "PATCH", appt, `{"status":"active"}`); got["error"] != "appointment_state" {
		t.Errorf("active before it is filed: %v", got)
	}
	c.want(200, "una", "PATCH", appt, `{"status":"filed","on":"2026-01-10"}`)
	c.want(400, "una", "PATCH", appt, `{"status":"active"}`) // no confirmation
	c.want(200, "una", "PATCH", appt, `{"status":"active","confirmationNumber":"OR-77"}`)
	c.want(400, "una", "PATCH", appt, `{"status":"terminated"}`) // no reason
	if got := c.want(200, "una", "PATCH", appt, `{"status":"terminated","reason":"Retired.","on":"2026-02-01"}`); got["noticeBy"] != "2026-03-03" || got["overdue"] != true {
		t.Errorf("terminated: %v", got)
	}
	if got := c.want(200, "una", "PATCH", appt, `{"status":"noticed"}`); got["overdue"] != false || got["noticedOn"] == nil {
		t.Errorf("noticed: %v", got)
	}
	whole := c.want(200, "abe", "GET", one, "")
	if len(whole["licenses"].([]any)) != 1 || len(whole["appointments"].([]any)) != 1 || whole["ein"] != "123456789" {
		t.Errorf("whole: %v", whole)
	}
	for search, found := range map[string]int{"search=harbor": 1, "search=HARBOR%20BROK": 1, "search=23456": 1, "search=hello@": 1, "search=%25": 0, "search=nobody": 0, "status=active": 1, "status=pending": 0, "npn=1234567": 1, "externalId=H-1": 1, "type=mga": 0} {
		if got := rows(c.want(200, "una", "GET", "/v1/producers?"+search, "")); len(got) != found {
			t.Errorf("%s: %d", search, len(got))
		}
	}
	if got := c.want(409, "una", "POST", "/v1/producers", strings.Replace(goodProducer, "H-1", "H-2", 1)); got["error"] != "duplicate_npn" {
		t.Errorf("twice: %v", got)
	}
	if got := c.want(409, "una", "POST", "/v1/producers", strings.Replace(goodProducer, "1234567", "1", 1)); got["error"] != "duplicate_external_id" {
		t.Errorf("one external id: %v", got)
	}
	var types []string
	for _, e := range rows(c.want(200, "una", "GET", "/v1/events?limit=100", "")) {
		types = append(types, e.(map[string]any)["type"].(string))
	}
	slices.Sort(types)
	if n := len(slices.DeleteFunc(types, func(s string) bool { return !strings.HasPrefix(s, "producer.") })); n < 6 {
		t.Errorf("%d events of producers: %v", n, types)
	}
	c.keeps(audit.ProducerAdded, audit.ProducerScreened, audit.ProducerChanged, audit.LicenseAdded, audit.AppointmentAdded, audit.AppointmentChanged)
}

// keeps checks that actions are in the log of ada's organisation.
func (c *cast) keeps(actions ...audit.Action) {
	c.t.Helper()
	kept := c.kept("ada")
	for _, a := range actions {
		if !slices.Contains(kept, string(a)) {
			c.t.Errorf("nothing was kept as %s", a)
		}
	}
}

func TestSanctions(t *testing.T) {
	c := newCast(t)
	got := c.want(403, "una", "POST", "/v1/producers", `{"type":"individual","legalName":"Morozenko, Viktor Zhelezny","npn":"66","email":"v@m.example"}`)
	match, _ := got["details"].(map[string]any)["matches"].([]any)
	if got["error"] != "sanctions_match" || len(match) != 1 || match[0].(map[string]any)["entryId"] != "SAMPLE-1" || match[0].(map[string]any)["type"] != "exact" {
		t.Errorf("blocked: %v", got)
	}
	if n := len(rows(c.want(200, "una", "GET", "/v1/producers", ""))); n != 0 {
		t.Errorf("%d producers", n)
	}
	log := rows(c.want(200, "ada", "GET", "/v1/audit?action=producer.screened&outcome=refused", ""))
	if len(log) != 1 || log[0].(map[string]any)["details"].(map[string]any)["source"] != "producer_onboarding" || strings.Contains(fmt.Sprint(log), "orozenko") {
		t.Errorf("log: %v", log)
	}
	made := c.want(201, "una", "POST", "/v1/producers", `{"type":"individual","legalName":"Viktor Zelezny Morosenco","npn":"67","email":"v@m.example"}`)
	if made["sanctionsReviewPending"] != true || made["screening"].(map[string]any)["decision"] != "review" {
		t.Errorf("like: %v", made)
	}
	one := "/v1/producers/" + made["id"].(string)
	c.want(201, "una", "POST", one+"/licenses", oregon)
	if got := c.want(422, "una", "PATCH", one+"/status", `{"status":"active"}`); fmt.Sprint(got["details"]) != "map[reasons:[sanctions_review_pending]]" {
		t.Errorf("under review: %v", got)
	}
	c.want(403, "una", "POST", one+"/sanctions-review", `{"decision":"clear","rationale":"Born in 1990."}`)
	cleared := c.want(200, "ada", "POST", one+"/sanctions-review", `{"decision":"clear","rationale":"Born in 1990."}`)
	if cleared["sanctionsReviewPending"] != false || cleared["screening"].(map[string]any)["reviewed"].(map[string]any)["rationale"] != "Born in 1990." {
		t.Errorf("cleared: %v", cleared)
	}
	if got := c.want(422, "ada", "POST", one+"/sanctions-review", `{"decision":"block","rationale":"x"}`); got["error"] != "no_review_pending" {
		t.Errorf("again: %v", got)
	}
	c.want(200, "una", "PATCH", one+"/status", `{"status":"active"}`)
	// A new name is looked at again.
	if got := c.want(403, "una", "PATCH", one, `{"legalName":"Victor Morozenko"}`); got["error"] != "sanctions_match" {
		t.Errorf("renamed: %v", got)
	}
	if got := c.want(200, "una", "GET", one, ""); got["legalName"] != "Viktor Zelezny Morosenco" {
		t.Errorf("renamed all the same: %v", got)
	}
	if got := c.want(200, "una", "PATCH", one, `{"legalName":"Vic Moros","phone":"1"}`); got["sanctionsReviewPending"] != false || got["phone"] != "1" {
		t.Errorf("renamed to nobody's: %v", got)
	}
	c.keeps(audit.ProducerReviewed)
}

const byProducer = `{"insuredName":"Acme Builders","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,"effectiveDate":"2026-05-01","state":"OR","lineOfBusiness":"GL","producerId":"%s"}`

// TestBindByProducer: what is missing of whoever brings the business blocks the
// bind, all of it at once, and not the quote.
func TestBindByProducer(t *testing.T) {
	c := newCast(t)
	id := c.want(201, "ada", "POST", "/v1/producers", goodProducer)["id"].(string)
	one := "/v1/producers/" + id
	sub := c.want(201, "una", "POST", "/v1/submissions", fmt.Sprintf(byProducer, id))
	if sub["producerId"] != id {
		t.Errorf("submission: %v", sub)
	}
	if n := len(rows(c.want(200, "una", "GET", "/v1/submissions?producerId="+id, ""))); n != 1 {
		t.Errorf("%d submissions of the producer", n)
	}
	at := "/v1/submissions/" + sub["id"].(string)
	// A quote is made all the same, and keeps what was in the way that day.
	q := c.want(201, "una", "POST", at+"/quote", "")
	if got := fmt.Sprint(q["producerFlags"]); got != "[producer_not_active producer_not_licensed producer_not_appointed]" {
		t.Errorf("flags of the quote: %s", got)
	}
	bind := func() any {
		t.Helper()
		got := c.want(422, "una", "POST", at+"/bind", `{"installmentPlan":"PIF"}`)
		return got["details"].(map[string]any)["blockers"]
	}
	if got := fmt.Sprint(bind()); got != "[producer_not_active producer_not_licensed producer_not_appointed]" {
		t.Errorf("blockers: %s", got)
	}
	l := c.want(201, "ada", "POST", one+"/licenses", oregon)["id"].(string)
	if got := c.want(409, "ada", "POST", one+"/licenses", oregon); got["error"] != "conflict" || strings.Join(wrongs(got), ", ") != "number unique" {
		t.Errorf("the same licence again: %v", got)
	}
	c.want(200, "ada", "PATCH", one+"/status", `{"status":"active"}`)
	if got := fmt.Sprint(bind()); got != "[producer_not_appointed]" {
		t.Errorf("blockers: %s", got)
	}
	c.want(201, "ada", "POST", one+"/appointments", `{"carrier":"Summit Casualty","state":"OR","lines":["GL"]}`)
	c.want(200, "ada", "PATCH", one+"/licenses/"+l, `{"status":"suspended"}`)
	if got := fmt.Sprint(bind()); got != "[producer_not_licensed]" {
		t.Errorf("blockers: %s", got)
	}
	if got := fmt.Sprint(c.want(200, "una", "POST", at+"/quote?preview=true", "")["producerFlags"]); got != "[producer_not_licensed]" {
		t.Errorf("flags of a preview: %s", got)
	}
	if got := fmt.Sprint(c.want(200, "una", "GET", "/v1/quotes/"+q["id"].(string), "")["producerFlags"]); !strings.Contains(got, "producer_not_active") {
		t.Errorf("flags of the quote, later: %s", got)
	}
	c.want(200, "ada", "PATCH", one+"/licenses/"+l, `{"status":"active"}`)
	c.want(201, "una", "POST", at+"/bind", `{"installmentPlan":"PIF"}`)
	log := rows(c.want(200, "ada", "GET", "/v1/audit?action=producer.sale_checked", ""))
	if len(log) != 1 || !strings.Contains(fmt.Sprint(log), l) {
		t.Errorf("evidence: %v", log)
	}
	// Nobody brings anything any more who is terminated, or of another company.
	c.want(200, "ada", "PATCH", one+"/status", `{"status":"terminated"}`)
	c.want(400, "una", "POST", "/v1/submissions", fmt.Sprintf(byProducer, id))
	eve := c.actors["eve"]
	if err := c.db.InTx(t.Context(), eve, func(tx *store.Tx) error { return c.desk.OpenProgram(t.Context(), tx, eve.Org) }); err != nil {
		t.Fatal(err)
	}
	c.want(400, "eve", "POST", "/v1/submissions", fmt.Sprintf(byProducer, id))
	if n := len(rows(c.want(200, "una", "GET", "/v1/submissions", ""))); n != 1 {
		t.Errorf("%d submissions", n)
	}
}

// TestProducerAtTheBind: a producer is suspended while binds of what he brought
// are under way: each of them was before it, or is refused.
func TestProducerAtTheBind(t *testing.T) {
	c := newCast(t)
	id := c.sell("77", "")
	var subs []string
	for range 6 {
		s := c.want(201, "una", "POST", "/v1/submissions", fmt.Sprintf(byProducer, id))["id"].(string)
		c.want(201, "una", "POST", "/v1/submissions/"+s+"/quote", "")
		subs = append(subs, s)
	}
	var work sync.WaitGroup
	var mu sync.Mutex
	bound := map[int]int{}
	start := make(chan struct{})
	for _, s := range subs {
		work.Go(func() {
			<-start
			status, _, _ := c.as("una", "POST", "/v1/submissions/"+s+"/bind", `{"installmentPlan":"PIF"}`)
			mu.Lock()
			defer mu.Unlock()
			bound[status]++
		})
	}
	work.Go(func() {
		<-start
		c.as("ada", "PATCH", "/v1/producers/"+id+"/status", `{"status":"suspended"}`)
	})
	close(start)
	work.Wait()
	if bound[201]+bound[422] != len(subs) {
		t.Errorf("answers: %v", bound)
	}
	late := storetest.Value[int](t, c.db, `SELECT count(*)::int FROM policy p, producer d WHERE d.id::text = $1 AND d.status = 'suspended' AND p.created_at > d.updated_at + interval '5 seconds'`, uuidOf[producer.ID](t, id))
	if n := storetest.Value[int](t, c.db, `SELECT count(*)::int FROM policy`); n != bound[201] || late != 0 {
		t.Errorf("%d policies of %d binds, %d late", n, bound[201], late)
	}
}

func TestFirmOfProducer(t *testing.T) {
	c := newCast(t)
	c.want(400, "ada", "POST", "/v1/producers", `{"type":"agency","legalName":"F","npn":"9","email":"f@b.example","firmOrgId":"`+c.actors["ben"].Org.String()+`"}`) // nobody has met them
	met := c.want(201, "una", "POST", "/v1/submissions", goodSubmission)["id"].(string)
	c.want(201, "una", "POST", "/v1/deal-rooms", `{"submissionId":"`+met+`","participants":[{"email":"`+c.email("ben")+`","role":"broker"}]}`)
	firm := c.sell("100", `,"firmOrgId":"`+c.actors["ben"].Org.String()+`"`)
	person := c.want(201, "ada", "POST", "/v1/producers", `{"type":"individual","legalName":"Bob Broker","npn":"101","email":"bob@b.example","parentProducerId":"`+firm+`"}`)["id"].(string)
	c.want(201, "ada", "POST", "/v1/producers/"+person+"/licenses", oregon)
	c.want(200, "ada", "PATCH", "/v1/producers/"+person+"/status", `{"status":"active"}`)
	sub := c.want(201, "una", "POST", "/v1/submissions", fmt.Sprintf(byProducer, person))["id"].(string)
	c.want(201, "una", "POST", "/v1/submissions/"+sub+"/quote", "")
	// Bob hears of it, since his firm brought it.
	var told []event.Person
	err := c.db.InTx(t.Context(), c.una, func(tx *store.Tx) error {
		id, err := parseSubmission(sub)
		if err != nil {
			return err
		}
		told, err = tx.Producers(t.Context(), id)
		return err
	})
	if err != nil || !slices.ContainsFunc(told, func(p event.Person) bool { return p.Subject == c.id("bob") }) {
		t.Errorf("who hears: %v, %v", told, err)
	}
	// The firm needs a license too.
	l := c.want(200, "ada", "GET", "/v1/producers/"+firm, "")["licenses"].([]any)[0].(map[string]any)["id"].(string)
	c.want(200, "ada", "PATCH", "/v1/producers/"+firm+"/licenses/"+l, `{"status":"revoked"}`)
	got := c.want(422, "una", "POST", "/v1/submissions/"+sub+"/bind", `{"installmentPlan":"PIF"}`)
	if fmt.Sprint(got["details"].(map[string]any)["blockers"]) != "[producer_firm_not_licensed]" {
		t.Errorf("blockers: %v", got)
	}
	if got := c.want(422, "ada", "PATCH", "/v1/producers/"+firm+"/licenses/"+l, `{"status":"active"}`); got["error"] != "license_revoked" {
		t.Errorf("revoked and back: %v", got)
	}
	for body, why := range map[string]string{
		`"parentProducerId":"` + person + `"`:                 "a person is no firm",
		`"parentProducerId":"prd_nonsense"`:                   "no id",
		`"parentProducerId":"prd_01J8K3M4N5P6Q7R8S9T0V1W2X3"`: "unknown",
		`"firmOrgId":"org_01J8K3M4N5P6Q7R8S9T0V1W2X3"`:        "unknown",
	} {
		if status, m, _ := c.as("ada", "POST", "/v1/producers", `{"type":"individual","legalName":"X Y","npn":"102","email":"x@b.example",`+body+`}`); status != 400 {
			t.Errorf("%s: %d %v", why, status, m)
		}
	}
}

func TestWhoManagesProducers(t *testing.T) {
	c := newCast(t)
	id := c.sell("5", "")
	c.addKey("selling", "producers:write")
	c.addKey("reading", "producers:read")
	c.insure("pat", c.una.Org)
	n := 1000
	for who, want := range map[string][4]int{ // list, get, create, change
		"ada": {200, 200, 201, 200}, "una": {200, 200, 201, 200}, "abe": {200, 200, 403, 403}, "vic": {403, 403, 403, 403},
		"selling": {200, 200, 201, 200}, "reading": {200, 200, 403, 403}, "key": {403, 403, 403, 403}, "system": {200, 200, 201, 200},
		"mel": {200, 404, 201, 404}, "bob": {403, 403, 403, 403}, "pat": {404, 404, 404, 404}, "nobody": {401, 401, 401, 401},
	} {
		n++
		var got [4]int
		got[0], _, _ = c.as(who, "GET", "/v1/producers", "")
		got[1], _, _ = c.as(who, "GET", "/v1/producers/"+id, "")
		got[2], _, _ = c.as(who, "POST", "/v1/producers", fmt.Sprintf(`{"type":"agency","legalName":"A %d","npn":"%d","email":"a@b.example"}`, n, n))
		got[3], _, _ = c.as(who, "PATCH", "/v1/producers/"+id, `{"phone":"7"}`)
		if got != want {
			t.Errorf("%s: %v, want %v", who, got, want)
		}
	}
}

func TestBadProducers(t *testing.T) {
	c := newCast(t)
	id := c.sell("5", "")
	for _, tt := range [][2]string{
		{"/v1/producers", `{}`},
		{"/v1/producers", strings.Replace(goodProducer, "agency", "broker", 1)},
		{"/v1/producers", strings.Replace(goodProducer, "1234567", "12a", 1)},
		{"/v1/producers", strings.Replace(goodProducer, "hello@", "", 1)},
		{"/v1/producers", strings.Replace(goodProducer, "123456789", "1", 1)},
		{"/v1/producers/" + id + "/licenses", strings.Replace(oregon, "OR\",\"eff", "ZZ\",\"eff", 1)},
		{"/v1/producers/" + id + "/licenses", strings.Replace(oregon, "2199", "2019", 1)},
		{"/v1/producers/" + id + "/licenses", strings.Replace(oregon, "2199-01-01", "2026-02-30", 1)},
		{"/v1/producers/" + id + "/licenses", strings.Replace(oregon, `"state"`, `"lines":["GL","GL"],"state"`, 1)},
		{"/v1/producers/" + id + "/appointments", `{"carrier":"","state":"OR"}`},
		{"/v1/producers/" + id + "/appointments", `{"carrier":"C","state":"QQ"}`},
	} {
		if status, m, _ := c.as("ada", "POST", tt[0], tt[1]); status != 400 || m["error"] != "validation_failed" {
			t.Errorf("%s %s: %d %v", tt[0], tt[1], status, m)
		}
	}
	if got := c.want(409, "ada", "POST", "/v1/producers/"+id+"/licenses", oregon); got["error"] == "internal" {
		t.Errorf("twice: %v", got)
	}
	future := time.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	a := c.want(200, "ada", "GET", "/v1/producers/"+id+"/appointments", "")["data"].([]any)[0].(map[string]any)["id"].(string)
	c.want(400, "ada", "PATCH", "/v1/producers/"+id+"/appointments/"+a, `{"status":"filed","on":"`+future+`"}`)
	c.want(404, "ada", "PATCH", "/v1/producers/"+id+"/appointments/apt_01J8K3M4N5P6Q7R8S9T0V1W2X3", `{"status":"filed"}`)
	c.want(404, "ada", "PATCH", "/v1/producers/"+id+"/licenses/nonsense", `{"status":"revoked"}`)
}
