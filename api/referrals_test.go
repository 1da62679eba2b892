package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// hire adds a user of a role to the MGA and returns a credential of his.
func (w *world) hire(role string) string {
	w.t.Helper()
	id := access.NewUserID(time.Now())
	err := w.db.InTx(w.t.Context(), w.una, func(tx *store.Tx) error {
		return tx.AddUser(w.t.Context(), store.User{
			ID: id, Org: w.una.Org, Email: id.String() + "@example.com", Name: "A colleague", Role: role, Status: "active", CreatedAt: time.Now(),
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.token(access.Actor{Kind: access.User, ID: id.String(), Org: w.una.Org, Role: role})
}

// apiKey makes a key with scopes.
func (w *world) apiKey(scopes string) string {
	w.t.Helper()
	return w.must(201, w.token(w.ada), "POST", "/v1/api-keys", `{"name":"k","scopes":["`+strings.ReplaceAll(scopes, " ", `","`)+`"]}`)["key"].(string)
}

// submit makes a submission and returns its id.
func (w *world) submit() string {
	w.t.Helper()
	return w.must(201, w.token(w.una), "POST", "/v1/submissions", strings.Replace(goodSubmission, `,"externalId":"ext-1"`, "", 1))["id"].(string)
}

// openRoom opens a room for a submission.
func (w *world) openRoom(of string) string {
	w.t.Helper()
	r := room.Room{
		ID: room.NewID(time.Now()), Org: w.una.Org, Title: "A deal", InsuredName: "Pacific Coast Builders", LineOfBusiness: "GL",
		Status: room.Active, Metadata: map[string]string{}, CreatedBy: w.una.ID, CreatedAt: time.Now(),
	}
	err := errors.Join(r.Submission.UnmarshalText([]byte(of)), w.db.InTx(w.t.Context(), w.una, func(tx *store.Tx) error {
		return tx.AddRoom(w.t.Context(), r)
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	return r.ID.String()
}

func referralFor(of string) string {
	return `{"entityType":"submission","entityId":"` + of + `","reason":"prior_losses","rationale":"two losses"}`
}

const approval = `{"decision":"approve","rationale":"inside appetite"}`

// TestWhoMayRefer calls each operation as everybody. The referral that is read
// and decided was raised by Una.
func TestWhoMayRefer(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	other := w.token(storetest.Org(t, w.db, "Harbor Brokers"))
	system := "?orgId=" + w.una.Org.String()
	for _, tt := range []struct {
		name, as, query           string
		list, get, create, decide int
		listed                    bool
		code                      string // of the refused decision
	}{
		{"the requester herself", una, "", 200, 200, 201, 403, true, "own_referral"},
		{"another underwriter", w.hire(access.RoleUnderwriter), "", 200, 200, 201, 200, true, ""},
		{"an administrator", w.token(w.ada), "", 200, 200, 201, 200, true, ""},
		{"an auditor", w.hire(access.RoleAuditor), "", 200, 200, 403, 403, true, "forbidden"},
		{"a broker of the organisation", w.hire(access.RoleBroker), "", 200, 403, 403, 403, false, "forbidden"},
		{"another organisation", other, "", 200, 404, 404, 404, false, "not_found"},
		{"a key that may write", w.apiKey("referrals:write"), "", 200, 200, 201, 403, true, "forbidden"},
		{"a key that may read", w.apiKey("referrals:read"), "", 200, 200, 403, 403, true, "insufficient_scope"},
		{"a key that may not", w.apiKey("submissions:write"), "", 403, 403, 403, 403, false, "insufficient_scope"},
		{"the system", worldSecret, system, 200, 200, 201, 403, true, "forbidden"},
		{"nobody", "", "", 401, 401, 401, 401, false, "unauthenticated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sub := w.submit()
			id := w.must(201, una, "POST", "/v1/referrals", referralFor(sub))["id"].(string)
			got, m, _ := w.call(tt.as, "GET", "/v1/referrals"+tt.query, "")
			data, _ := m["data"].([]any)
			if got != tt.list || (len(data) > 0) != tt.listed {
				t.Errorf("list = %d with %d, want %d", got, len(data), tt.list)
			}
			if got, m, _ := w.call(tt.as, "GET", "/v1/referrals/"+id+tt.query, ""); got != tt.get {
				t.Errorf("get = %d %v, want %d", got, m, tt.get)
			}
			another := strings.Replace(referralFor(sub), "prior_losses", "other", 1) // the same twice is refused
			if got, m, _ := w.call(tt.as, "POST", "/v1/referrals"+tt.query, another); got != tt.create {
				t.Errorf("create = %d %v, want %d", got, m, tt.create)
			}
			got, m, _ = w.call(tt.as, "POST", "/v1/referrals/"+id+"/decision"+tt.query, approval)
			if code, _ := m["error"].(string); got != tt.decide || code != tt.code {
				t.Errorf("decide = %d %v, want %d %s", got, m, tt.decide, tt.code)
			}
			want := "open"
			if tt.decide == 200 {
				want = "decided"
			}
			if r := w.must(200, una, "GET", "/v1/referrals/"+id, ""); r["status"] != want {
				t.Errorf("status %v after %d", r["status"], got)
			}
		})
	}
}

func TestReferralToDecision(t *testing.T) {
	w := newWorld(t)
	una, ada := w.token(w.una), w.token(w.ada)
	sub := w.submit()
	rm := w.openRoom(sub)
	quo := w.must(201, una, "POST", "/v1/submissions/"+sub+"/quote", "")["id"].(string)
	ask := `{"entityType":"quote","entityId":"` + quo + `","reason":"prior_losses","rationale":"two losses","dealRoomId":"` + rm + `"}`
	r := w.must(201, una, "POST", "/v1/referrals", ask)
	if r["status"] != "open" || r["submissionId"] != sub || r["entityId"] != quo || r["dealRoomId"] != rm || r["raisedBy"] != w.una.ID || len(r["infoRequests"].([]any)) != 0 {
		t.Errorf("created %v", r)
	}
	if _, there := r["decision"]; there || r["outcome"] != nil {
		t.Errorf("created with a decision: %v", r)
	}
	path := "/v1/referrals/" + r["id"].(string)

	r = w.must(200, ada, "POST", path+"/decision", `{"decision":"request_more_info","rationale":"old loss runs","questions":["Are both closed?"]}`, "If-Match", `"1"`)
	asked := r["infoRequests"].([]any)[0].(map[string]any)
	if r["status"] != "info_requested" || r["assignee"] != w.ada.ID || asked["requestedBy"] != w.ada.ID || asked["questions"].([]any)[0].(map[string]any)["text"] != "Are both closed?" {
		t.Errorf("asked %v", r)
	}
	if m := w.must(412, ada, "POST", path+"/decision", approval, "If-Match", `"1"`); m["error"] != "stale_version" {
		t.Errorf("stale: %v", m)
	}
	if m := w.must(422, ada, "POST", path+"/decision", approval, "If-Match", `"2"`); m["error"] != "referral_state" || m["details"].(map[string]any)["status"] != "info_requested" {
		t.Errorf("decided before it is answered: %v", m)
	}
	w.must(200, una, "POST", path+"/respond", `{"answers":[{"question":1,"text":"Both."}]}`)
	for _, counter := range []string{"", `,"counter":{"premium":15000.5}`} {
		if m := w.must(400, ada, "POST", path+"/decision", `{"decision":"approve","rationale":"fine","validUntil":"2199-01-01T00:00:00Z"`+counter+`}`); fieldsOfProblem(m) != "validUntil max" {
			t.Errorf("valid after the quote is over: %v", m)
		}
	}
	got, r, h := w.call(ada, "POST", path+"/decision", `{"decision":"approve","rationale":"fine","conditions":[{"action":"Inspect the roof."},{"kind":"post_bind","action":"Report.","dueAt":"2199-01-01T00:00:00Z"}],
		"counter":{"premium":15000.5,"exclusions":["Roofing"]},"validUntil":"`+nextWeek+`"}`, "If-Match", `"3"`)
	if got != 200 || h.Get("ETag") != `"4"` || r["status"] != "decided" || r["outcome"] != "countered" {
		t.Fatalf("decided %d %v", got, r)
	}
	read, _, h := w.call(una, "GET", path, "")
	if read != 200 || h.Get("ETag") != `"4"` {
		t.Errorf("read %d with ETag %s", read, h.Get("ETag"))
	}
	d := w.must(200, una, "GET", path, "")["decision"].(map[string]any)
	first := d["conditions"].([]any)[0].(map[string]any)
	if d["rationale"] != "fine" || d["decidedBy"] != w.ada.ID || d["validUntil"] != nextWeek || first["kind"] != "pre_bind" || first["status"] != "open" || first["id"] == "" {
		t.Errorf("decision %v", d)
	}
	if c := d["counter"].(map[string]any); c["premium"] != 15000.5 || c["exclusions"].([]any)[0] != "Roofing" {
		t.Errorf("counter %v", c)
	}
	m := w.must(422, w.hire(access.RoleUnderwriter), "POST", path+"/decision", `{"decision":"reject","rationale":"no"}`)
	if won := m["details"].(map[string]any); m["error"] != "referral_decided" || won["decision"] != "countered" || won["decidedBy"] != w.ada.ID || won["decidedAt"] == nil {
		t.Errorf("second decision: %v", m)
	}

	open := w.must(201, una, "POST", "/v1/referrals", referralFor(sub))["id"]
	if m := w.must(409, una, "POST", "/v1/referrals", referralFor(sub)); m["error"] != "referral_exists" || m["details"].(map[string]any)["referralId"] != open || fieldsOfProblem(m) != "reason unique" {
		t.Errorf("asked twice: %v", m)
	}
	for query, want := range map[string]int{
		"": 2, "?status=decided": 1, "?status=open": 1, "?status=withdrawn": 0, "?entityType=quote": 1, "?entityType=submission": 1, "?entityType=policy": 0,
		"?entityId=" + quo: 1, "?entityType=submission&entityId=" + sub: 1, "?entityId=" + sub + "&status=decided": 0, "?dealRoomId=" + rm: 1,
		"?dealRoomId=" + room.NewID(time.Now()).String(): 0, "?entityId=" + submission.NewID(time.Now()).String(): 0,
	} {
		if n := len(w.must(200, una, "GET", "/v1/referrals"+query, "")["data"].([]any)); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	page := w.must(200, una, "GET", "/v1/referrals?limit=1", "")
	next := w.must(200, una, "GET", "/v1/referrals?limit=1&cursor="+page["nextCursor"].(string), "")
	if page["hasMore"] != true || next["hasMore"] != false || next["data"].([]any)[0].(map[string]any)["entityId"] != quo {
		t.Errorf("pages %v, %v", page, next)
	}
}

func TestBadReferrals(t *testing.T) {
	w := newWorld(t)
	una, ada := w.token(w.una), w.token(w.ada)
	sub := w.submit()
	elsewhere := w.openRoom(w.submit())
	id := w.must(201, una, "POST", "/v1/referrals", referralFor(sub))["id"].(string)
	decision := "/v1/referrals/" + id + "/decision"
	before := len(w.must(200, una, "GET", "/v1/events", "")["data"].([]any))
	for name, tt := range map[string]struct {
		as, path, body string
		status         int
		code, field    string
		rule           string
	}{
		"no rationale":       {una, "/v1/referrals", strings.Replace(referralFor(sub), `,"rationale":"two losses"`, "", 1), 400, "validation_failed", "rationale", "required"},
		"a blank rationale":  {una, "/v1/referrals", strings.Replace(referralFor(sub), "two losses", "  ", 1), 400, "validation_failed", "rationale", "required"},
		"no such reason":     {una, "/v1/referrals", strings.Replace(referralFor(sub), "prior_losses", "because", 1), 400, "validation_failed", "reason", "enum"},
		"no such type":       {una, "/v1/referrals", strings.Replace(referralFor(sub), `"submission"`, `"claim"`, 1), 400, "validation_failed", "entityType", "enum"},
		"another type's id":  {una, "/v1/referrals", strings.Replace(referralFor(sub), `"submission"`, `"quote"`, 1), 400, "validation_failed", "entityId", "id"},
		"an empty id":        {una, "/v1/referrals", referralFor(""), 400, "validation_failed", "entityId", "id"},
		"nothing there":      {una, "/v1/referrals", referralFor(submission.NewID(time.Now()).String()), 404, "not_found", "", ""},
		"a malformed room":   {una, "/v1/referrals", strings.Replace(referralFor(sub), `"reason"`, `"dealRoomId":"x","reason"`, 1), 400, "validation_failed", "dealRoomId", "id"},
		"no such room":       {una, "/v1/referrals", strings.Replace(referralFor(sub), `"reason"`, `"dealRoomId":"`+room.NewID(time.Now()).String()+`","reason"`, 1), 404, "not_found", "", ""},
		"another room":       {una, "/v1/referrals", strings.Replace(referralFor(sub), `"reason"`, `"dealRoomId":"`+elsewhere+`","reason"`, 1), 422, "room_mismatch", "dealRoomId", "id"},
		"a blank decision":   {ada, decision, `{"decision":"approve","rationale":"\n"}`, 400, "validation_failed", "rationale", "required"},
		"a silent decision":  {ada, decision, `{"decision":"approve"}`, 400, "validation_failed", "rationale", "required"},
		"no such verb":       {ada, decision, `{"decision":"maybe","rationale":"x"}`, 400, "validation_failed", "decision", "enum"},
		"rejected, with if":  {ada, decision, `{"decision":"reject","rationale":"x","conditions":[{"action":"x"}]}`, 400, "validation_failed", "conditions", "unexpected"},
		"an empty question":  {ada, decision, `{"decision":"request_more_info","rationale":"x","questions":[""]}`, 400, "validation_failed", "questions[0]", "minLength"},
		"a free counter":     {ada, decision, `{"decision":"approve","rationale":"x","counter":{"premium":-1}}`, 400, "validation_failed", "counter.premium", "min"},
		"an empty counter":   {ada, decision, `{"decision":"approve","rationale":"x","counter":{}}`, 400, "validation_failed", "counter", "required"},
		"valid until before": {ada, decision, `{"decision":"approve","rationale":"x","validUntil":"2020-01-01T00:00:00Z"}`, 400, "validation_failed", "validUntil", "min"},
		"a blank condition":  {ada, decision, `{"decision":"approve","rationale":"x","conditions":[{"action":"x"},{"action":" "}]}`, 400, "validation_failed", "conditions[1].action", "required"},
		"no such referral":   {ada, "/v1/referrals/ref_nonsense/decision", approval, 404, "not_found", "", ""},
	} {
		got, m, _ := w.call(tt.as, "POST", tt.path, tt.body)
		d, _ := m["details"].(map[string]any)
		if got != tt.status || m["error"] != tt.code || tt.field != "" && (d["field"] != tt.field || d["rule"] != tt.rule) {
			t.Errorf("%s: %d %v, want %d %s %s %s", name, got, m, tt.status, tt.code, tt.field, tt.rule)
		}
	}
	w.must(400, una, "GET", "/v1/referrals?entityId=nonsense", "")
	w.must(400, una, "GET", "/v1/referrals?entityType=quote&entityId="+sub, "")
	w.must(400, una, "GET", "/v1/referrals?dealRoomId=nonsense", "")
	w.must(400, una, "GET", "/v1/referrals?status=nonsense", "")
	if after := len(w.must(200, una, "GET", "/v1/events", "")["data"].([]any)); after != before {
		t.Errorf("%d events were told", after-before)
	}
	if r := w.must(200, una, "GET", "/v1/referrals/"+id, ""); r["status"] != "open" {
		t.Errorf("left %v", r)
	}
}

// TestNoPathShowsAReferralToTheBroker asks every GET of the contract for
// everything there is, as the company on the other side.
func TestNoPathShowsAReferralToTheBroker(t *testing.T) {
	const canary = "canary-7d11"
	w := newWorld(t)
	una, ada := w.token(w.una), w.token(w.ada)
	sub := w.submit()
	rm := w.openRoom(sub)
	quo := w.must(201, una, "POST", "/v1/submissions/"+sub+"/quote", "")["id"].(string)
	r := w.must(201, una, "POST", "/v1/referrals", `{"entityType":"submission","entityId":"`+sub+`","reason":"other","rationale":"`+canary+`","dealRoomId":"`+rm+`"}`)["id"].(string)
	w.must(200, ada, "POST", "/v1/referrals/"+r+"/decision", `{"decision":"reject","rationale":"`+canary+`"}`)
	ids := []string{sub, rm, quo, r}
	for _, e := range w.must(200, una, "GET", "/v1/events", "")["data"].([]any) {
		ids = append(ids, e.(map[string]any)["id"].(string))
	}
	ben := storetest.Org(t, w.db, "Harbor Brokers")
	err := w.db.InTx(t.Context(), w.una, func(tx *store.Tx) error { // Ben brought the business
		var id submission.ID
		if err := id.UnmarshalText([]byte(sub)); err != nil {
			return err
		}
		on := access.Object{Type: access.Submission, ID: id.UUID(), Org: w.una.Org}
		return tx.Relate(t.Context(), on, access.Tuple{Relation: "producer", SubjectType: "org", SubjectID: ben.Org.UUID(), SubjectRelation: "member"})
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(w.url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var doc struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for path, ops := range doc.Paths {
		if _, ok := ops["get"]; !ok {
			continue
		}
		if !strings.Contains(path, "{id}") {
			paths = append(paths, path)
			continue
		}
		for _, id := range ids {
			paths = append(paths, strings.ReplaceAll(path, "{id}", id))
		}
	}
	for _, audience := range event.Audiences {
		paths = append(paths, "/v1/events?channel="+event.OrgChannel(w.una.Org, audience))
	}
	paths = append(paths, "/v1/events?channel="+event.PersonChannel(w.una.ID, w.una.Org).Name, "/v1/events?channel=room:"+rm, "/v1/referrals?dealRoomId="+rm)
	if len(paths) < 30 {
		t.Fatalf("only %d paths", len(paths))
	}
	read := func(bearer, path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	benToken, seen := w.token(ben), 0
	for _, path := range paths {
		if status, body := read(benToken, path); strings.Contains(body, canary) || status >= 500 {
			t.Errorf("GET %s = %d %s", path, status, body)
		}
		if _, body := read(ada, path); strings.Contains(body, canary) {
			seen++
		}
	}
	// The list, the referral, three events, their list and underwriting's feed.
	if seen < 6 {
		t.Errorf("the administrator finds it in %d places only: the search finds nothing", seen)
	}
}
