package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// An exampled is the OpenAPI document, of which clients copy the examples.
type exampled struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas map[string]map[string]any
	}
}

func (w *world) exampled() exampled {
	w.t.Helper()
	res, err := http.Get(w.url + "/openapi.json")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var doc exampled
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// example makes the body that the document shows for an operation, with real ids
// in the place of those that it makes up.
func (c exampled) example(t *testing.T, method, path string, real map[string]any) string {
	t.Helper()
	var op struct {
		RequestBody struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
	if err := json.Unmarshal(c.Paths[path][strings.ToLower(method)], &op); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	schema := op.RequestBody.Content["application/json"].Schema
	if schema == nil {
		return ""
	}
	b, err := json.Marshal(c.value(schema, real))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (c exampled) value(s map[string]any, real map[string]any) any {
	if ref, ok := s["$ref"].(string); ok {
		return c.value(c.Components.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]], real)
	}
	if es, ok := s["examples"].([]any); ok && len(es) > 0 {
		return es[0]
	}
	props, ok := s["properties"].(map[string]any)
	if !ok {
		if items, ok := s["items"].(map[string]any); ok {
			return []any{c.value(items, real)}
		}
		if enum, ok := s["enum"].([]any); ok {
			return enum[0]
		}
		return map[any]any{"boolean": false, "integer": 1, "number": 1, "string": "x"}[s["type"]]
	}
	required, _ := s["required"].([]any)
	out := map[string]any{}
	for name, p := range props {
		if v, ok := real[name]; ok {
			if v != nil {
				out[name] = v
			}
			continue
		}
		if slices.Contains(required, any(name)) || p.(map[string]any)["examples"] != nil {
			out[name] = c.value(p.(map[string]any), real)
		}
	}
	return out
}

// What is left out of the rules is by the standard, the second person as well;
// only null does without him. What is read can be sent back.
func TestRulesWithoutAWord(t *testing.T) {
	w := newWorld(t)
	ada := w.token(w.ada)
	const rules = "/v1/referral-rules"
	const rest = `"decideWithinMinutes":960,"answerWithinMinutes":2400,"expiresAfterDays":30,"calendar":{"timeZone":"UTC","opens":"09:00","closes":"17:00","workdays":["mon"],"holidays":[]}}`
	if r := w.must(200, ada, "GET", rules, ""); r["fourEyesAbove"] != 150000.0 {
		t.Errorf("the standard: %v", r)
	}
	for _, tt := range []struct {
		sent string
		want any
	}{
		{`"fourEyesAbove":2.5,`, 2.5}, {``, 150000.0}, {`"fourEyesAbove":null,`, nil}, {`"fourEyesAbove":0,`, 0.0}, {``, 150000.0},
	} {
		set := w.must(200, ada, "PUT", rules, "{"+tt.sent+rest)
		read := w.must(200, ada, "GET", rules, "")
		for _, r := range []map[string]any{set, read} {
			if got, there := r["fourEyesAbove"]; got != tt.want || !there {
				t.Errorf("%s: %v", tt.sent, r)
			}
		}
		if set["firstResponseWithinMinutes"] != 240.0 || set["quoteWithinMinutes"] != 960.0 {
			t.Errorf("%s: %v", tt.sent, set)
		}
	}
	for sent, rule := range map[string]string{`"fourEyesAbove":-1,`: "min", `"fourEyesAbove":"2",`: "type", `"fourEyesAbove":0.001,`: "money"} {
		if m := w.must(400, ada, "PUT", rules, "{"+sent+rest); fieldsOfProblem(m) != "fourEyesAbove "+rule {
			t.Errorf("%s: %v", sent, m)
		}
	}
}

// TestEveryReferralExampleWorks sends each operation of referrals and authority
// the example of the document.
func TestEveryReferralExampleWorks(t *testing.T) {
	w := newWorld(t)
	doc := w.exampled()
	una, ada := w.token(w.una), w.token(w.ada)
	real := map[string]any{"fourEyesAbove": nil, "userId": w.ada.ID, "delegateId": w.ada.ID, "delegatorId": nil, "until": time.Now().AddDate(0, 0, 7).UTC().Format(time.RFC3339)}
	sent := map[string]bool{}
	send := func(status int, as, method, path, id string) map[string]any {
		t.Helper()
		sent[method+" "+path] = true
		at := strings.Replace(path, "{id}", id, 1)
		if c, ok := real["condition"].(string); ok {
			at = strings.Replace(at, "{conditionId}", c, 1)
		}
		return w.must(status, as, method, at, doc.example(t, method, path, real))
	}
	const profiles, rules, delegations = "/v1/authority/profiles", "/v1/referral-rules", "/v1/authority/delegations"
	profile := send(201, ada, "POST", profiles, "")["id"].(string)
	send(200, ada, "GET", profiles, "")
	send(200, una, "GET", profiles+"/{id}", profile)
	send(200, ada, "PATCH", profiles+"/{id}", profile)
	send(201, ada, "POST", profiles+"/{id}/assign", profile)
	send(200, una, "GET", "/v1/authority/assignments", "")
	lent := send(201, una, "POST", delegations, "")["id"].(string)
	send(200, una, "GET", delegations, "")
	send(204, una, "DELETE", delegations+"/{id}", lent)
	send(204, ada, "DELETE", "/v1/authority/users/{id}", w.ada.ID)
	send(200, una, "GET", rules, "")
	send(200, ada, "PUT", rules, "")

	sub := w.submit()
	real["entityType"], real["entityId"], real["dealRoomId"] = "submission", sub, w.openRoom(sub)
	raise := func(with ...any) string {
		t.Helper()
		for i := 0; i < len(with); i += 2 {
			real[with[i].(string)] = with[i+1]
		}
		defer delete(real, "draft")
		return send(201, una, "POST", "/v1/referrals", "")["id"].(string)
	}
	const base = "/v1/referrals/{id}"
	real["issue"] = nil
	draft := raise("draft", true)
	send(200, una, "POST", base+"/submit", draft)
	send(200, ada, "POST", base+"/claim", draft)
	send(200, ada, "POST", base+"/release", draft)
	real["decision"], real["conditions"], real["counter"] = "request_more_info", nil, nil
	send(200, ada, "POST", base+"/decision", draft)
	send(200, una, "POST", base+"/respond", draft)
	send(200, una, "POST", base+"/withdraw", draft)

	real["decision"], real["questions"] = "approve", nil
	real["counter"] = map[string]any{"premium": 15000}
	countered := raise()
	send(200, ada, "POST", base+"/decision", countered)
	send(200, una, "POST", base+"/answer-counter", countered)
	real["counter"] = nil
	delete(real, "conditions")
	conditional := raise()
	r := send(200, ada, "POST", base+"/decision", conditional)
	if r["outcome"] != "approved_with_conditions" {
		real["conditions"] = []any{map[string]any{"action": "Send the roof inspection report."}}
		conditional = raise()
		r = send(200, ada, "POST", base+"/decision", conditional)
	}
	real["condition"] = r["decision"].(map[string]any)["conditions"].([]any)[0].(map[string]any)["id"]
	send(200, una, "POST", base+"/conditions/{conditionId}", conditional)
	send(200, ada, "POST", base+"/revoke", conditional)
	real["conditions"] = nil
	// An override takes a second person; the confirmation and the objection.
	real["override"] = true
	real["canOverride"] = true
	overriding := w.must(201, ada, "POST", profiles, `{"name":"Chief","level":10,"authorizedLobs":["GL"],"canOverride":true}`)["id"].(string)
	uri := w.hire(access.RoleUnderwriter)
	for _, who := range []string{w.ada.ID, w.subject(uri)} {
		w.must(201, ada, "POST", profiles+"/"+overriding+"/assign", `{"userId":"`+who+`"}`)
	}
	storetest.SQL(t, w.db, `UPDATE program SET auto_bind_threshold = 0, refer_above = 0`)
	w.must(201, una, "POST", "/v1/submissions/"+sub+"/quote", "")
	two := raise()
	if r := send(200, ada, "POST", base+"/decision", two); r["status"] != "pending_second" {
		t.Fatalf("overridden by one: %v", r)
	}
	send(200, uri, "POST", base+"/object", two)
	send(200, ada, "POST", base+"/decision", two)
	if r := send(200, uri, "POST", base+"/confirm", two); r["status"] != "decided" {
		t.Fatalf("confirmed %v", r)
	}
	send(200, una, "GET", "/v1/referral-tasks", "")
	for path, ops := range doc.Paths {
		if !strings.HasPrefix(path, "/v1/referral") && !strings.HasPrefix(path, "/v1/authority") {
			continue
		}
		for method := range ops {
			op := strings.ToUpper(method) + " " + path
			if strings.HasPrefix(op, "GET /v1/referrals") || method == "parameters" {
				continue // TestReferralToDecision reads them
			}
			if !sent[op] {
				t.Errorf("the example of %s was not sent", op)
			}
		}
	}
}

// subject is who a token is of.
func (w *world) subject(token string) string {
	w.t.Helper()
	a, err := w.tokens.Verify(token)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// TestWhoMaySetAuthority calls each operation of authority as everybody.
func TestWhoMaySetAuthority(t *testing.T) {
	w := newWorld(t)
	ada := w.token(w.ada)
	const body = `{"name":"p","level":3,"authorizedLobs":["GL"],"maxPremium":100}`
	id := w.must(201, ada, "POST", "/v1/authority/profiles", body)["id"].(string)
	rules, err := json.Marshal(w.must(200, ada, "GET", "/v1/referral-rules", ""))
	if err != nil {
		t.Fatal(err)
	}
	system := "?orgId=" + w.una.Org.String()
	until := time.Now().AddDate(0, 0, 7).UTC().Format(time.RFC3339)
	uno := storetest.User(t, w.db, w.una, "Uno", access.RoleUnderwriter)
	for _, tt := range []struct {
		name, as, query                       string
		read, create, change, rules, lend, of int
	}{
		{"an administrator", ada, "", 200, 201, 200, 200, 201, 201},
		{"an underwriter", w.hire(access.RoleUnderwriter), "", 200, 403, 403, 403, 201, 403},
		{"an auditor", w.hire(access.RoleAuditor), "", 200, 403, 403, 403, 403, 403},
		{"a broker of the organisation", w.hire(access.RoleBroker), "", 403, 403, 403, 403, 403, 403},
		{"another organisation's administrator", w.token(storetest.User(t, w.db, storetest.Org(t, w.db, "Harbor"), "x", access.RoleAdmin)), "", 200, 201, 404, 200, 400, 400},
		{"a key", w.apiKey("referrals:write"), "", 403, 403, 403, 403, 403, 403},
		{"the system", worldSecret, system, 200, 201, 200, 200, 400, 201},
		{"nobody", "", "", 401, 401, 401, 401, 401, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check := func(want int, method, path, body string) {
				t.Helper()
				if got, m, _ := w.call(tt.as, method, path+tt.query, body); got != want {
					t.Errorf("%s %s = %d %v, want %d", method, path, got, m, want)
				}
			}
			for _, path := range []string{"/v1/authority/profiles", "/v1/authority/assignments", "/v1/authority/delegations", "/v1/referral-rules"} {
				check(tt.read, "GET", path, "")
			}
			check(tt.create, "POST", "/v1/authority/profiles", body)
			check(tt.change, "PATCH", "/v1/authority/profiles/"+id, `{"level":4}`)
			set := strings.Replace(string(rules), `"calendar"`, `"expiresAfterDays":31,"calendar"`, 1)
			set = strings.Replace(set, `"expiresAfterDays":30`, `"x":1`, 1)
			set = strings.NewReplacer(`,"x":1`, "", `"x":1,`, "").Replace(set)
			check(tt.rules, "PUT", "/v1/referral-rules", set)
			check(tt.lend, "POST", "/v1/authority/delegations", `{"delegateId":"`+uno.ID+`","until":"`+until+`"}`)
			check(tt.of, "POST", "/v1/authority/delegations", `{"delegatorId":"`+w.una.ID+`","delegateId":"`+uno.ID+`","until":"`+until+`"}`)
		})
	}
}

// TestBadAuthorityIsReportedAtOnce sends everything wrong that there is.
func TestBadAuthorityIsReportedAtOnce(t *testing.T) {
	w := newWorld(t)
	ada := w.token(w.ada)
	profile := w.must(201, ada, "POST", "/v1/authority/profiles", `{"name":"p","level":3,"authorizedLobs":["GL"]}`)["id"].(string)
	for _, tt := range []struct{ method, path, body, want string }{
		{"POST", "/v1/authority/profiles", `{"name":" ","level":3,"authorizedLobs":[],"prohibitedStates":["ny","NYC"],"constraints":[{"name":"a","comparator":"at_most","value":1},{"name":"a","comparator":"at_least","value":1}]}`,
			"authorizedLobs:minItems name:pattern prohibitedStates[0]:enum prohibitedStates[1]:enum constraints[1].name:unique"},
		{"POST", "/v1/authority/profiles", `{"name":"","level":11,"maxPremium":-1,"who":1}`, "authorizedLobs:required level:max maxPremium:min name:minLength who:unknown"},
		{"PATCH", "/v1/authority/profiles/" + profile, `{"name":" ","authorizedLobs":[" "]}`, "authorizedLobs[0]:enum name:pattern"},
		{"POST", "/v1/authority/profiles", `{"name":"p","level":3,"authorizedLobs":["BOATS"],"prohibitedStates":["ZZ"]}`, "authorizedLobs[0]:enum prohibitedStates[0]:enum"},
		{"PATCH", "/v1/authority/profiles/" + profile, `{"authorizedLobs":["GL","WC","GL"],"prohibitedStates":["NY","NY"]}`, "authorizedLobs[2]:unique prohibitedStates[1]:unique"},
		{"POST", "/v1/authority/profiles/" + profile + "/assign", `{"userId":"x"}`, "userId:id"},
		{"POST", "/v1/authority/profiles/" + profile + "/assign", `{"userId":"` + access.NewUserID(time.Now()).String() + `"}`, "userId:exists"},
		{"POST", "/v1/authority/delegations", `{"delegatorId":"x","delegateId":"","until":"2026-01-01T00:00:00Z"}`, "delegateId:minLength delegatorId:id"},
		{"POST", "/v1/authority/delegations", `{"delegateId":"` + w.ada.ID + `","until":"2020-01-01T00:00:00Z"}`, "delegateId:different until:min"},
		{"POST", "/v1/authority/delegations", `{"delegateId":"` + w.una.ID + `","until":"2199-01-01T00:00:00Z"}`, "until:max"},
		{"PUT", "/v1/referral-rules", `{"decideWithinMinutes":1,"answerWithinMinutes":1,"expiresAfterDays":1,"calendar":{"timeZone":"Mars","opens":"25:00","closes":"09:00","workdays":["mon","mon"],"holidays":[]}}`,
			"calendar.timeZone:timezone calendar.opens:format calendar.workdays[1]:unique"},
	} {
		m := w.must(400, ada, tt.method, tt.path, tt.body)
		var got []string
		d := m["details"].(map[string]any)
		errs, ok := d["errors"].([]any)
		if !ok {
			errs = []any{d}
		}
		for _, e := range errs {
			got = append(got, fmt.Sprint(e.(map[string]any)["field"], ":", e.(map[string]any)["rule"]))
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s %s %s: %s, want %s", tt.method, tt.path, tt.body, s, tt.want)
		}
	}
	w.must(412, ada, "PATCH", "/v1/authority/profiles/"+profile, `{"level":4}`, "If-Match", `"7"`)
	w.must(200, ada, "PATCH", "/v1/authority/profiles/"+profile, `{"level":4,"active":false}`, "If-Match", `"1"`)
	if m := w.must(422, ada, "POST", "/v1/authority/profiles/"+profile+"/assign", `{"userId":"`+w.una.ID+`"}`); m["error"] != "profile_inactive" {
		t.Errorf("an inactive profile: %v", m)
	}
	if n := len(w.must(200, ada, "GET", "/v1/authority/profiles", "")["data"].([]any)); n != 0 {
		t.Errorf("%d active profiles", n)
	}
	if n := len(w.must(200, ada, "GET", "/v1/authority/profiles?includeInactive=true", "")["data"].([]any)); n != 1 {
		t.Errorf("%d profiles", n)
	}
}

// TestBrokersSeeNoAuthority lets a referral above the threshold go its whole
// way, each word of the company's own a canary, and reads everything that the
// broker of its room can: every GET, every channel, every socket's entries.
func TestBrokersSeeNoAuthority(t *testing.T) {
	const canary = "canary-31"
	p := newPlace(t)
	una, ada, uri := p.bearer("una"), p.bearer("ada"), p.bearer("uri")
	sub, rm := p.Room.Submission.String(), p.Room.ID.String()
	if err := p.db.InTx(t.Context(), p.Una, func(tx *store.Tx) error { return p.desk.OpenProgram(t.Context(), tx, p.Una.Org) }); err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, p.db, `UPDATE program SET auto_bind_threshold = 1, refer_above = 1`)
	profile := p.must(201, ada, "POST", "/v1/authority/profiles", `{"name":"`+canary+`","level":7,"authorizedLobs":["GL"],"maxPremium":7654321,"maxLimit":76543210}`)["id"].(string)
	for _, who := range []string{p.Uri.ID, p.Ada.ID} {
		p.must(201, ada, "POST", "/v1/authority/profiles/"+profile+"/assign", `{"userId":"`+who+`"}`)
	}
	p.must(200, ada, "PUT", "/v1/referral-rules", `{"fourEyesAbove":2,"decideWithinMinutes":60,"answerWithinMinutes":60,"expiresAfterDays":9,
		"calendar":{"timeZone":"UTC","opens":"00:00","closes":"23:59","workdays":["mon","tue","wed","thu","fri","sat","sun"],"holidays":[]}}`)
	quo := p.must(201, una, "POST", "/v1/submissions/"+sub+"/quote", "")["id"].(string)
	r := p.must(201, una, "POST", "/v1/referrals", `{"entityType":"quote","entityId":"`+quo+`","reason":"authority_exceeded","rationale":"`+canary+`","dealRoomId":"`+rm+`"}`)["id"].(string)
	path := "/v1/referrals/" + r
	step := func(as, op, body string) map[string]any {
		t.Helper()
		return p.must(200, as, "POST", path+op, body)
	}
	because := `{"rationale":"` + canary + `"}`
	step(uri, "/claim", "")
	step(uri, "/decision", `{"decision":"request_more_info","rationale":"`+canary+`","questions":["Are both claims closed?"]}`)
	step(una, "/respond", `{"answers":[{"question":1,"text":"`+canary+` yes"}]}`)
	approve := `{"decision":"approve","rationale":"` + canary + `","conditions":[{"action":"Send the report.","consequence":"` + canary + `"}]}`
	step(uri, "/decision", approve)
	step(ada, "/object", because)
	step(uri, "/decision", approve)
	decided := step(ada, "/confirm", because)
	condition := decided["decision"].(map[string]any)["conditions"].([]any)[0].(map[string]any)["id"].(string)
	step(una, "/conditions/"+condition, `{"action":"submit","note":"`+canary+`"}`)
	step(uri, "/conditions/"+condition, `{"action":"reject","note":"`+canary+`"}`)
	chief := storetest.User(t, p.db, p.Una, "Chief", access.RoleUnderwriter)
	all := p.must(201, ada, "POST", "/v1/authority/profiles", `{"name":"Chief","level":10,"authorizedLobs":["GL"],"maxPremium":99999999,"maxLimit":999999999}`)["id"].(string)
	p.must(201, ada, "POST", "/v1/authority/profiles/"+all+"/assign", `{"userId":"`+chief.ID+`"}`)
	step(p.token(chief), "/conditions/"+condition, `{"action":"waive","note":"`+canary+`"}`)
	step(p.token(chief), "/revoke", because)

	secrets := []string{canary, "7654321", "76543210", "pending_second", "referral.objected", "confirmation", "assigned", "authority_exceeded", "escalat", "revoked", `"level"`, p.Uri.ID + `","decided`}
	ids := []string{r, profile, condition, quo}
	for _, e := range p.must(200, una, "GET", "/v1/events?limit=100", "")["data"].([]any) {
		ids = append(ids, e.(map[string]any)["id"].(string))
	}
	paths := p.reads(t, ids, map[string]string{"x": canary})
	for _, audience := range event.Audiences {
		paths = append(paths, "/v1/events?limit=100&channel="+event.OrgChannel(p.Una.Org, audience))
	}
	found := 0
	for _, at := range paths {
		if strings.Contains(at, "openapi") || strings.Contains(at, "event-types") || strings.HasPrefix(at, "/docs") {
			continue // the contract itself says which words there are
		}
		for _, who := range []string{"ben", "bob"} {
			status, text := p.raw(t, who, at)
			for _, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("%s reads %q at %s: %s", who, s, at, text)
				}
			}
			if status >= 500 {
				t.Errorf("%s GET %s = %d", who, at, status)
			}
		}
		if _, text := p.raw(t, "ada", at); strings.Contains(text, canary) {
			found++
		}
	}
	if found < 6 {
		t.Errorf("the administrator finds it in %d places only: the search finds nothing", found)
	}
	heard, err := p.db.As(p.Ben).Entries(t.Context(), "room:"+rm, 0, 1000) // what his socket carries
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, e := range heard.Entries {
		text += string(e.Payload) + "\n"
	}
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("the broker's socket carries %q: %s", s, text)
		}
	}
	for _, card := range []string{"referral.created", "referral.info_requested", "referral.answered", "referral.decided", "referral.condition_changed", "referral.ended"} {
		if !strings.Contains(text, `"`+card+`"`) {
			t.Errorf("the broker does not hear of %s: %s", card, text)
		}
	}
}
