package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// key gives the cast a key of the MGA with some scopes.
func (c *cast) addKey(name string, scopes ...string) {
	c.t.Helper()
	k := c.must(201, c.bearers["ada"], "POST", "/v1/api-keys", fmt.Sprintf(`{"name":%q,"scopes":["%s"]}`, name, strings.Join(scopes, `","`)))
	c.bearers[name] = k["key"].(string)
	c.actors[name] = access.Actor{Kind: access.Machine, ID: k["id"].(string), Org: c.una.Org}
}

// insure gives an organisation of the cast a policyholder.
func (c *cast) insure(name string, org access.OrgID) {
	c.t.Helper()
	now := time.Now()
	p := store.Person{ID: access.NewPersonID(now), Org: org, Name: name, Email: name + "@example.com", CreatedAt: now}
	c.actors[name] = access.Actor{Kind: access.Insured, ID: p.ID.String(), Org: org}
	if err := c.db.InTx(c.t.Context(), c.actors[name], func(tx *store.Tx) error { return tx.AddPerson(c.t.Context(), p) }); err != nil {
		c.t.Fatal(err)
	}
	c.bearers[name] = c.token(c.actors[name])
}

const goodWebhook = `{"url":"https://hooks.example.com/openinsure","events":["policy.bound","claim.filed"],"description":"Our system"}`

func (c *cast) webhook(body string) string {
	c.t.Helper()
	return "/v1/webhooks/" + c.want(201, "ada", "POST", "/v1/webhooks", body)["id"].(string)
}

func field(m map[string]any) string {
	d, _ := m["details"].(map[string]any)
	f, _ := d["field"].(string)
	return f
}

func rows(m map[string]any) []any {
	d, _ := m["data"].([]any)
	return d
}

// TestWhoMayDoWhatWithWebhooks is the table of who may: the status that
// everybody gets for everything, each on an endpoint of its own.
func TestWhoMayDoWhatWithWebhooks(t *testing.T) {
	c := newCast(t)
	c.addKey("hooks", "webhooks:write")
	c.addKey("hooksReader", "webhooks:read")
	c.insure("pat", c.una.Org)
	on := func(method, path, body string) func(string) int {
		return func(who string) int {
			w := c.webhook(goodWebhook)
			path := strings.Replace(path, "{d}", "/deliveries/"+c.want(200, "ada", "POST", w+"/test", "")["id"].(string), 1)
			status, _, _ := c.as(who, method, w+path, body)
			c.want(204, "system", "DELETE", w, "")
			return status
		}
	}
	do := map[string]func(string) int{
		"create": func(who string) int {
			status, m, _ := c.as(who, "POST", "/v1/webhooks", goodWebhook)
			if status == 201 {
				c.want(204, who, "DELETE", "/v1/webhooks/"+m["id"].(string), "")
			}
			return status
		},
		"list":       func(who string) int { status, _, _ := c.as(who, "GET", "/v1/webhooks", ""); return status },
		"get":        on("GET", "", ""),
		"patch":      on("PATCH", "", `{"description":"Another"}`),
		"test":       on("POST", "/test", ""),
		"deliveries": on("GET", "/deliveries", ""),
		"delivery":   on("GET", "{d}", ""),
		"retry":      on("POST", "{d}/retry", ""),
	}
	columns := []string{"create", "list", "get", "patch", "test", "deliveries", "delivery", "retry"}
	for who, statuses := range map[string][]int{
		"ada":         {201, 200, 200, 200, 200, 200, 200, 200},
		"una":         {403, 200, 200, 403, 403, 200, 200, 403},
		"abe":         {403, 200, 200, 403, 403, 200, 200, 403}, // an auditor
		"vic":         {403, 403, 403, 403, 403, 403, 403, 403}, // a broker of the MGA
		"hooks":       {201, 200, 200, 200, 200, 200, 200, 200},
		"hooksReader": {403, 200, 200, 403, 403, 200, 200, 403},
		"key":         {403, 403, 403, 403, 403, 403, 403, 403}, // of another scope
		"system":      {201, 200, 200, 200, 200, 200, 200, 200},
		"pat":         {404, 404, 404, 404, 404, 404, 404, 404}, // a policyholder
		"bob":         {403, 403, 403, 403, 403, 403, 403, 403}, // a broker of another company
		"mel":         {201, 200, 404, 404, 404, 404, 404, 404}, // its administrator
		"nobody":      {401, 401, 401, 401, 401, 401, 401, 401},
	} {
		for i, want := range statuses {
			if got := do[columns[i]](who); got != want {
				t.Errorf("%s: %s = %d, want %d", who, columns[i], got, want)
			}
		}
	}
	c.want(404, "mel", "DELETE", c.webhook(goodWebhook), "")
	c.want(403, "una", "DELETE", c.webhook(goodWebhook), "")
	if n := len(rows(c.want(200, "mel", "GET", "/v1/webhooks", ""))); n != 0 {
		t.Errorf("another company lists %d endpoints", n)
	}
}

// TestWebhookSecretIsShownOnce looks for the secret wherever else it might be.
func TestWebhookSecretIsShownOnce(t *testing.T) {
	c := newCast(t)
	made := c.want(201, "ada", "POST", "/v1/webhooks", goodWebhook, "Idempotency-Key", "once")
	secret, _ := made["secret"].(string)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if !strings.HasPrefix(secret, "whsec_") || err != nil || len(raw) != 32 {
		t.Fatalf("secret %q: %v", secret, err)
	}
	if again := c.want(201, "ada", "POST", "/v1/webhooks", goodWebhook, "Idempotency-Key", "once"); again["secret"] != secret || again["id"] != made["id"] {
		t.Error("the same request was answered otherwise")
	}
	if other := c.want(201, "ada", "POST", "/v1/webhooks", goodWebhook); other["secret"] == secret {
		t.Error("two endpoints have one secret")
	}
	w := "/v1/webhooks/" + made["id"].(string)
	test := c.want(200, "ada", "POST", w+"/test", "")
	for _, m := range []map[string]any{
		c.want(200, "ada", "GET", w, ""), c.want(200, "ada", "GET", "/v1/webhooks", ""), c.want(200, "ada", "PATCH", w, `{"thin":true}`),
		test, c.want(200, "ada", "GET", w+"/deliveries/"+test["id"].(string), ""),
	} {
		if text := fmt.Sprint(m); strings.Contains(text, secret[6:]) || strings.Contains(text, "secret") {
			t.Errorf("shown again: %s", text)
		}
	}
	if strings.Contains(c.log.String(), secret[6:]) {
		t.Error("the log holds the secret")
	}
	stored := storetest.Value[string](t, c.db, `SELECT string_agg(secret::text, ' ') || (SELECT string_agg(answer::text, ' ') FROM idempotency) FROM endpoint`)
	for _, form := range []string{fmt.Sprintf("%x", secret), fmt.Sprintf("%x", raw)} {
		if strings.Contains(stored, form) {
			t.Error("the secret is stored as it is")
		}
	}
}

func TestWebhookComesAndGoes(t *testing.T) {
	c := newCast(t)
	made := c.want(201, "ada", "POST", "/v1/webhooks", goodWebhook)
	delete(made, "secret")
	w := "/v1/webhooks/" + made["id"].(string)
	status, got, h := c.as("ada", "GET", w, "")
	if status != 200 || h.Get("ETag") != `"1"` || !reflect.DeepEqual(got, made) {
		t.Errorf("read %d %s %v, made %v", status, h.Get("ETag"), got, made)
	}
	for name, want := range map[string]any{
		"url": "https://hooks.example.com/openinsure", "events": []any{"policy.bound", "claim.filed"}, "description": "Our system", "thin": false,
		"ordered": false, "maxConcurrency": 8.0, "retrySchedule": "standard", "status": "enabled", "createdBy": c.id("ada"), "orgId": c.una.Org.String(),
	} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	patched := c.want(200, "ada", "PATCH", w, `{"url":"https://other.example.com","events":["*"],"thin":true,"retrySchedule":"openinsure-legacy","maxConcurrency":3}`, "If-Match", `"1"`)
	if patched["url"] != "https://other.example.com" || fmt.Sprint(patched["events"]) != "[*]" || patched["thin"] != true || patched["maxConcurrency"] != 3.0 ||
		patched["retrySchedule"] != "openinsure-legacy" || patched["description"] != "Our system" {
		t.Errorf("patched %v", patched)
	}
	if m := c.want(412, "ada", "PATCH", w, `{"thin":false}`, "If-Match", `"1"`); m["error"] != "stale_version" {
		t.Errorf("stale: %v", m)
	}
	// In order means one at a time, whatever else is asked for.
	for _, step := range []struct {
		body string
		most float64
	}{
		{`{"ordered":true,"maxConcurrency":5}`, 1},
		{`{"maxConcurrency":5}`, 1},
		{`{"ordered":false}`, 8},
		{`{"ordered":true}`, 1},
		{`{"ordered":false,"maxConcurrency":20}`, 20},
	} {
		if m := c.want(200, "ada", "PATCH", w, step.body); m["maxConcurrency"] != step.most {
			t.Errorf("%s: %v at once, want %v", step.body, m["maxConcurrency"], step.most)
		}
	}
	ordered := c.want(201, "ada", "POST", "/v1/webhooks", `{"url":"https://h.example.com","events":["*"],"ordered":true}`)
	if ordered["maxConcurrency"] != 1.0 {
		t.Errorf("made in order: %v", ordered)
	}
	// One that we disabled says why, until its owner enables it.
	storetest.SQL(t, c.db, `UPDATE endpoint SET status = 'disabled', reason = 'gone', paused_until = now() + interval '1 hour', at_once_now = 1 WHERE id = $1`, uuidOf[push.EndpointID](t, made["id"]))
	if m := c.want(200, "ada", "GET", w, ""); m["disabledReason"] != "gone" || m["pausedUntil"] == nil {
		t.Errorf("disabled: %v", m)
	}
	if m := c.want(422, "ada", "POST", w+"/test", ""); m["error"] != "webhook_disabled" {
		t.Errorf("tested: %v", m)
	}
	if m := c.want(200, "ada", "PATCH", w, `{"description":"Still"}`); m["disabledReason"] != "gone" || m["pausedUntil"] == nil {
		t.Errorf("changed while disabled: %v", m)
	}
	if m := c.want(200, "ada", "PATCH", w, `{"status":"enabled"}`); m["status"] != "enabled" || m["disabledReason"] != nil || m["pausedUntil"] != nil {
		t.Errorf("enabled: %v", m)
	}
	if now := storetest.Value[int](t, c.db, `SELECT at_once_now FROM endpoint WHERE id = $1`, uuidOf[push.EndpointID](t, made["id"])); now != 20 {
		t.Errorf("an endpoint that was enabled gets %d at once", now)
	}
	c.want(204, "ada", "DELETE", w, "")
	for _, path := range []string{"", "/deliveries"} {
		c.want(404, "ada", "GET", w+path, "")
	}
	c.want(404, "ada", "DELETE", w, "")
	c.want(404, "ada", "PATCH", w, `{"thin":true}`)
	c.want(404, "ada", "GET", "/v1/webhooks/whk_nonsense", "")
	c.want(404, "ada", "GET", "/v1/webhooks/"+c.id("ada"), "")
}

// uuidOf is the uuid form of an id in an answer.
func uuidOf[T interface {
	UUID() string
}, P interface {
	*T
	UnmarshalText([]byte) error
}](t *testing.T, v any) string {
	t.Helper()
	var id T
	s, _ := v.(string)
	if err := P(&id).UnmarshalText([]byte(s)); err != nil || s == "" {
		t.Fatalf("%v is no id: %v", v, err)
	}
	return id.UUID()
}

func TestWebhookBadInput(t *testing.T) {
	c := newCast(t)
	w := c.webhook(goodWebhook)
	many := `["` + strings.Repeat(`policy.bound","`, 100) + `claim.filed"]`
	for name, tt := range map[string]struct{ body, field, rule string }{
		"no url":               {`{"events":["*"]}`, "url", "required"},
		"no events":            {`{"url":"https://h.example.com"}`, "events", "required"},
		"nothing to hear":      {`{"url":"https://h.example.com","events":[]}`, "events", "minItems"},
		"null":                 {`{"url":"https://h.example.com","events":null}`, "events", "type"},
		"too many":             {`{"url":"https://h.example.com","events":` + many + `}`, "events", "maxItems"},
		"unknown type":         {`{"url":"https://h.example.com","events":["policy.bound","policy.bund"]}`, "events[1]", "enum"},
		"of rooms only":        {`{"url":"https://h.example.com","events":["deal_room.message_edited"]}`, "events[0]", "enum"},
		"twice":                {`{"url":"https://h.example.com","events":["policy.bound","policy.bound"]}`, "events[1]", "unique"},
		"all and one":          {`{"url":"https://h.example.com","events":["policy.bound","*"]}`, "events[1]", "unexpected"},
		"not a url":            {`{"url":"hooks","events":["*"]}`, "url", "url"},
		"no host":              {`{"url":"https:///hooks","events":["*"]}`, "url", "url"},
		"another scheme":       {`{"url":"ftp://h.example.com","events":["*"]}`, "url", "url"},
		"script":               {`{"url":"javascript:alert(1)","events":["*"]}`, "url", "url"},
		"control character":    {`{"url":"https://h.example.com/\n","events":["*"]}`, "url", "url"},
		"empty url":            {`{"url":"","events":["*"]}`, "url", "minLength"},
		"endless url":          {`{"url":"https://h.example.com/` + strings.Repeat("x", 2000) + `","events":["*"]}`, "url", "maxLength"},
		"endless words":        {`{"url":"https://h.example.com","events":["*"],"description":"` + strings.Repeat("x", 501) + `"}`, "description", "maxLength"},
		"none at once":         {`{"url":"https://h.example.com","events":["*"],"maxConcurrency":0}`, "maxConcurrency", "min"},
		"all at once":          {`{"url":"https://h.example.com","events":["*"],"maxConcurrency":51}`, "maxConcurrency", "max"},
		"unknown schedule":     {`{"url":"https://h.example.com","events":["*"],"retrySchedule":"never"}`, "retrySchedule", "enum"},
		"unknown field":        {`{"url":"https://h.example.com","events":["*"],"secret":"whsec_mine"}`, "secret", "unknown"},
		"an object as a type":  {`{"url":"https://h.example.com","events":[{}]}`, "events[0]", "type"},
		"status of a new one":  {`{"url":"https://h.example.com","events":["*"],"status":"disabled"}`, "status", "unknown"},
		"a number as the url":  {`{"url":1,"events":["*"]}`, "url", "type"},
		"ordered is no string": {`{"url":"https://h.example.com","events":["*"],"ordered":"yes"}`, "ordered", "type"},
	} {
		m := c.want(400, "ada", "POST", "/v1/webhooks", tt.body)
		d, _ := m["details"].(map[string]any)
		if m["error"] != "validation_failed" || d["field"] != tt.field || d["rule"] != tt.rule {
			t.Errorf("%s: %v, want %s %s", name, m, tt.field, tt.rule)
		}
	}
	for body, field := range map[string]string{
		`{"events":["policy.bund"]}`: "events[0]", `{"events":[]}`: "events", `{"url":"hooks"}`: "url", `{"status":"paused"}`: "status",
		`{"maxConcurrency":0}`: "maxConcurrency", `{"secret":"x"}`: "secret",
	} {
		if m := c.want(400, "ada", "PATCH", w, body); m["details"].(map[string]any)["field"] != field {
			t.Errorf("%s: %v", body, m)
		}
	}
	for path, field := range map[string]string{
		"/deliveries?state=lost": "state", "/deliveries?type=policy.bund": "type", "/deliveries?limit=101": "limit", "/deliveries?cursor=x": "cursor",
		"/deliveries?since=today": "since",
	} {
		if m := c.want(400, "ada", "GET", w+path, ""); m["details"].(map[string]any)["field"] != field {
			t.Errorf("%s: %v", path, m)
		}
	}
	for _, body := range []string{`{"type":"policy.bund"}`, `{"type":"deal_room.message_edited"}`} {
		if m := c.want(400, "ada", "POST", w+"/test", body); m["details"].(map[string]any)["field"] != "type" {
			t.Errorf("%s: %v", body, m)
		}
	}
	c.want(404, "ada", "GET", w+"/deliveries/dlv_nonsense", "")
	c.want(404, "ada", "POST", w+"/deliveries/dlv_nonsense/retry", "")
	if n := len(rows(c.want(200, "ada", "GET", "/v1/webhooks", ""))); n != 1 {
		t.Errorf("%d endpoints after nothing but bad ones", n)
	}
}

// TestUnknownTypesAreAllNamed: whoever mistypes several learns it at once.
func TestUnknownTypesAreAllNamed(t *testing.T) {
	c := newCast(t)
	m := c.want(400, "ada", "POST", "/v1/webhooks", `{"url":"https://h.example.com","events":["policy.bund","policy.bound","claim.fild","<script>"]}`)
	d := m["details"].(map[string]any)
	if got := fmt.Sprint(d["unknown"]); got != "[policy.bund claim.fild]" {
		t.Errorf("unknown %s", got)
	}
	if got := fmt.Sprint(d["errors"]); got != "[map[field:events[0] rule:enum] map[field:events[2] rule:enum] map[field:events[3] rule:enum]]" {
		t.Errorf("blamed %s", got)
	}
	if d["see"] != "/v1/event-types" || !strings.Contains(m["message"].(string), "GET /v1/event-types") {
		t.Errorf("does not say where the types are: %v", m)
	}
}

// TestWebhookAddressIsAsked: an address is saved only when the guard agrees, and
// what the guard says reaches the client.
func TestWebhookAddressIsAsked(t *testing.T) {
	refused := fault.ErrValidation.Saying("Not that one.").Field("url", "public")
	p := Platform{CheckURL: func(_ context.Context, u string) error {
		if u == "https://inside.example.com" {
			return refused
		}
		return nil
	}}
	if err := p.checkURL(t.Context(), "https://inside.example.com"); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	if err := p.checkURL(t.Context(), "https://outside.example.com"); err != nil {
		t.Errorf("accepted: %v", err)
	}
}

func TestMostWebhooks(t *testing.T) {
	c := newCast(t)
	// All at once, or a count that two of them read would let both in.
	var made, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range push.MostEndpoints + 5 {
		all.Go(func() {
			status, m, err := c.try("ada", "POST", "/v1/webhooks", goodWebhook)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case status == 201:
				made++
			case status == 422 && m["error"] == "too_many_webhooks" && m["details"].(map[string]any)["limit"] == float64(push.MostEndpoints):
				refused++
			default:
				t.Errorf("%d %v", status, m)
			}
		})
	}
	all.Wait()
	if made != push.MostEndpoints || refused != 5 {
		t.Errorf("%d made, %d refused", made, refused)
	}
	// Every page, no endpoint twice, newest first.
	var ids []string
	var times []time.Time
	for cursor := ""; ; {
		m := c.want(200, "una", "GET", "/v1/webhooks?limit=7&cursor="+cursor, "")
		for _, w := range rows(m) {
			ids = append(ids, w.(map[string]any)["id"].(string))
			at, err := time.Parse(time.RFC3339Nano, w.(map[string]any)["createdAt"].(string))
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, at)
		}
		if m["hasMore"] == false {
			break
		}
		cursor = m["nextCursor"].(string)
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != push.MostEndpoints {
		t.Errorf("listed %d", n)
	}
	if !slices.IsSortedFunc(times, func(a, b time.Time) int { return b.Compare(a) }) {
		t.Error("not newest first")
	}
	// Another organisation has its own fifty.
	c.want(201, "mel", "POST", "/v1/webhooks", goodWebhook)
}

// try is as, from a goroutine that may not end the test.
func (c *cast) try(who, method, path, body string, header ...string) (int, map[string]any, error) {
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.bearers[who])
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var m map[string]any
	err = json.NewDecoder(res.Body).Decode(&m)
	return res.StatusCode, m, err
}

func TestTypesOfTheCatalogue(t *testing.T) {
	c := newCast(t)
	types := rows(c.want(200, "una", "GET", "/v1/event-types", ""))
	var heard []string
	for _, v := range types {
		m := v.(map[string]any)
		typ, _ := event.Lookup(m["type"].(string))
		if m["webhook"] != typ.Webhook || m["planned"] != typ.Planned {
			t.Errorf("%v", m)
		}
		if typ.Webhook {
			heard = append(heard, typ.Name)
		}
	}
	// Whatever the catalogue says may be heard, may be heard.
	c.webhook(`{"url":"https://h.example.com","events":["` + strings.Join(heard, `","`) + `"]}`)
	w := c.webhook(`{"url":"https://h.example.com","events":["*"]}`)
	for _, typ := range heard {
		if d := c.want(200, "ada", "POST", w+"/test", `{"type":"`+typ+`"}`); d["type"] != typ {
			t.Errorf("%s: %v", typ, d)
		}
	}
}
