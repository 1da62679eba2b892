package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestWebhookTest: what a test owes is an event like any other, of the
// catalogue's example.
func TestWebhookTest(t *testing.T) {
	c := newCast(t)
	for name, tt := range map[string]struct{ events, body, want string }{
		"the first":        {`["claim.filed","policy.bound"]`, ``, "claim.filed"},
		"of all":           {`["*"]`, ``, "policy.bound"},
		"an empty body":    {`["claim.filed"]`, `{}`, "claim.filed"},
		"another":          {`["claim.filed"]`, `{"type":"payment.received"}`, "payment.received"},
		"one of them":      {`["claim.filed","policy.bound"]`, `{"type":"policy.bound"}`, "policy.bound"},
		"one of all types": {`["*"]`, `{"type":"referral.decided"}`, "referral.decided"},
	} {
		w := c.webhook(`{"url":"https://h.example.com","events":` + tt.events + `}`)
		d := c.want(200, "ada", "POST", w+"/test", tt.body)
		if d["type"] != tt.want || d["state"] != "pending" || d["test"] != true || d["attemptCount"] != 0.0 || d["nextAttemptAt"] == nil || "/v1/webhooks/"+d["webhookId"].(string) != w {
			t.Errorf("%s: %v", name, d)
		}
		payload := storetest.Value[[]byte](t, c.db, `SELECT payload FROM delivery WHERE id = $1`, uuidOf[push.ID](t, d["id"]))
		e, err := event.Open(payload)
		typ, _ := event.Lookup(tt.want)
		want, werr := typ.ExampleFor(c.una.Org, e.Timestamp).Payload()
		if err != nil || werr != nil {
			t.Fatal(err, werr)
		}
		if e.ID.String() != d["eventId"] || e.OrgID != c.una.Org || len(payload) != len(want) || !strings.Contains(string(payload), `"apiVersion":"`+event.APIVersion+`","data":{`) {
			t.Errorf("%s: payload %s of event %s", name, payload, d["eventId"])
		}
		c.want(404, "ada", "GET", "/v1/events/"+e.ID.String(), "")
	}
}

// deliver owes an endpoint something in a state, some of it tried already.
func (c *cast) deliver(w, state, typ string, attempts int) string {
	c.t.Helper()
	id := storetest.Value[[16]byte](c.t, c.db, `WITH d AS (
			INSERT INTO delivery (org_id, kind, target, event_id, type, state, attempt, next_at, lease_until, done_at, code, class)
			SELECT org_id, 'webhook', id, new_ulid(), $3, $2, $4, now() + interval '1 hour',
				CASE WHEN $2 = 'leased' THEN now() + interval '1 minute' END, CASE WHEN $2 IN ('delivered', 'failed', 'cancelled') THEN now() END, 500, 'status'
			FROM endpoint WHERE id = $1 RETURNING *
		), tried AS (
			INSERT INTO attempt (delivery_id, attempt, org_id, outcome, code, class, detail, ip, dns_us, connect_us, tls_us, first_byte_us, total_us,
				request_header, response_header, response_body, worker)
			SELECT id, n, org_id, 'retry', 500, 'status', 'The receiver answered 500.', '203.0.113.9', 1500, 2000, 3000, 4250, 10750,
				'{"Webhook-Id":["evt_1"]}', '{"Server":["toy"]}', '\x636166ff'::bytea, 'node-1' FROM d, generate_series($4::int, 1, -1) n
		) SELECT id FROM d`, uuidOf[push.EndpointID](c.t, strings.TrimPrefix(w, "/v1/webhooks/")), state, typ, attempts)
	return push.ID(id).String()
}

func TestDeliveryShowsItsAttempts(t *testing.T) {
	c := newCast(t)
	w := c.webhook(goodWebhook)
	d := c.want(200, "una", "GET", w+"/deliveries/"+c.deliver(w, "failed", "policy.bound", 3), "")
	if d["state"] != "failed" || d["attemptCount"] != 3.0 || d["lastStatus"] != 500.0 || d["lastError"] != "status" || d["nextAttemptAt"] != nil || d["doneAt"] == nil || d["test"] != false {
		t.Errorf("delivery %v", d)
	}
	tries := d["attempts"].([]any)
	var numbers []any
	for _, a := range tries {
		numbers = append(numbers, a.(map[string]any)["attempt"])
	}
	if fmt.Sprint(numbers) != "[1 2 3]" {
		t.Fatalf("attempts %v, want the first first", numbers)
	}
	got := tries[0].(map[string]any)
	delete(got, "at")
	want := map[string]any{
		"attempt": 1.0, "outcome": "retry", "status": 500.0, "error": "status", "detail": "The receiver answered 500.", "ip": "203.0.113.9",
		"timing":         map[string]any{"dns": 1.5, "connect": 2.0, "tls": 3.0, "firstByte": 4.25, "total": 10.75},
		"requestHeaders": map[string]any{"Webhook-Id": []any{"evt_1"}}, "responseHeaders": map[string]any{"Server": []any{"toy"}}, "responseBody": "caf\ufffd",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("attempt %v, want %v", got, want)
	}
	// Of the endpoint that it is owed to, and of no other.
	c.want(404, "una", "GET", c.webhook(goodWebhook)+"/deliveries/"+d["id"].(string), "")
	if empty := c.want(200, "una", "GET", w+"/deliveries/"+c.deliver(w, "pending", "policy.bound", 0), ""); fmt.Sprint(empty["attempts"]) != "[]" {
		t.Errorf("not tried yet: %v", empty)
	}
}

// TestDeliveryRetry: whatever came of a delivery, it can be tried again at once,
// unless it is being tried.
func TestDeliveryRetry(t *testing.T) {
	c := newCast(t)
	w := c.webhook(goodWebhook)
	for _, state := range []string{"failed", "delivered", "cancelled", "pending"} {
		id := c.deliver(w, state, "policy.bound", 2)
		before := c.want(200, "ada", "GET", w+"/deliveries/"+id, "")
		got := c.want(200, "ada", "POST", w+"/deliveries/"+id+"/retry", "")
		if got["state"] != "pending" || got["doneAt"] != nil || got["attemptCount"] != 2.0 || got["eventId"] != before["eventId"] {
			t.Errorf("%s: %v", state, got)
		}
		if due := storetest.Value[bool](t, c.db, `SELECT next_at <= now() FROM delivery WHERE id = $1`, uuidOf[push.ID](t, id)); !due {
			t.Errorf("%s: not due", state)
		}
	}
	status, m, h := c.as("ada", "POST", w+"/deliveries/"+c.deliver(w, "leased", "policy.bound", 1)+"/retry", "")
	if status != 409 || m["error"] != "delivery_in_flight" || h.Get("Retry-After") == "" {
		t.Errorf("leased: %d %v", status, m)
	}
	if m := c.want(422, "ada", "POST", w+"/deliveries/"+c.deliver(w, "failed", "policy.bound", push.MostAttempts)+"/retry", ""); m["error"] != "too_many_attempts" ||
		m["details"].(map[string]any)["limit"] != float64(push.MostAttempts) {
		t.Errorf("tried out: %v", m)
	}
	other := c.webhook(goodWebhook)
	c.want(404, "ada", "POST", other+"/deliveries/"+c.deliver(w, "failed", "policy.bound", 1)+"/retry", "")
}

// TestDeletedWebhookIsOwedNothing: what waits is cancelled with the endpoint.
func TestDeletedWebhookIsOwedNothing(t *testing.T) {
	c := newCast(t)
	w, other := c.webhook(goodWebhook), c.webhook(goodWebhook)
	want := map[string]string{}
	for state, after := range map[string]string{"pending": "cancelled", "leased": "leased", "delivered": "delivered", "failed": "failed"} {
		want[uuidOf[push.ID](t, c.deliver(w, state, "policy.bound", 1))] = after
	}
	want[uuidOf[push.ID](t, c.deliver(other, "pending", "policy.bound", 1))] = "pending"
	c.want(204, "ada", "DELETE", w, "")
	for id, after := range want {
		got := storetest.Value[string](t, c.db, `SELECT state || CASE WHEN state IN ('pending', 'leased') = (done_at IS NULL) THEN '' ELSE ' without an end' END FROM delivery WHERE id = $1`, id)
		if got != after {
			t.Errorf("%s, want %s", got, after)
		}
	}
}

func TestDeliveriesList(t *testing.T) {
	c := newCast(t)
	w := c.webhook(goodWebhook)
	var ids []string
	for i := range 7 {
		ids = append(ids, c.deliver(w, []string{"failed", "delivered"}[i%2], []string{"policy.bound", "claim.filed"}[i/4], 1))
	}
	c.deliver(c.webhook(goodWebhook), "failed", "policy.bound", 1) // another endpoint's
	slices.Reverse(ids)
	for query, want := range map[string][]string{
		"":                                ids,
		"state=failed":                    {ids[0], ids[2], ids[4], ids[6]},
		"state=pending":                   nil,
		"type=claim.filed":                ids[:3],
		"type=claim.filed&state=failed":   {ids[0], ids[2]},
		"type=policy.cancelled":           nil,
		"type=policy.bound&state=failed":  {ids[4], ids[6]},
		"state=delivered&type=claim.paid": nil,
	} {
		if strings.Contains(query, "claim.paid") {
			c.want(400, "una", "GET", w+"/deliveries?"+query, "")
			continue
		}
		var got []string
		for cursor, pages := "", 0; ; pages++ {
			m := c.want(200, "una", "GET", w+"/deliveries?limit=2&cursor="+cursor+"&"+query, "")
			for _, d := range rows(m) {
				got = append(got, d.(map[string]any)["id"].(string))
			}
			if m["hasMore"] == false || pages > 9 {
				break
			}
			cursor = m["nextCursor"].(string)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
}
