package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store/storetest"
)

// refusedRows are the refusals that the API told of.
type refusedRows struct {
	mu   sync.Mutex // guards rows
	rows []audit.Row
}

func (r *refusedRows) Refused(row audit.Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// take returns what came since the last time, once there is something or the
// request that it waits for is surely over.
func (r *refusedRows) take() []audit.Row {
	deadline := time.Now().Add(2 * time.Second) // an answer is out before its request is over
	for {
		r.mu.Lock()
		rows := r.rows
		r.rows = nil
		r.mu.Unlock()
		if len(rows) > 0 || time.Now().After(deadline) {
			return rows
		}
		timer := time.NewTimer(time.Millisecond)
		<-timer.C
	}
}

// kept are the actions in an organisation's log, the oldest first.
func (c *cast) kept(who string) []string {
	c.t.Helper()
	var actions []string
	for _, r := range rows(c.want(200, who, "GET", "/v1/audit?limit=100", "")) {
		actions = append(actions, r.(map[string]any)["action"].(string))
	}
	slices.Reverse(actions)
	return actions
}

// canary is in everything that is private: it must be nowhere in the log.
const canary = "Kanarienvogel"

// newCanaryURL is an address with a secret in it.
const newCanaryURL = "https://hooks.example.com/" + canary

// heard waits for the rows that the audit log was told of, up to one that fits.
func (r *refusedRows) heard(t *testing.T, fits func(audit.Row) bool) audit.Row {
	t.Helper()
	var all []audit.Row
	for {
		rows := r.take()
		if len(rows) == 0 {
			t.Fatalf("the audit log was told of %+v only", all)
		}
		for i, row := range rows {
			if fits(row) {
				r.mu.Lock()
				r.rows = append(rows[i+1:len(rows):len(rows)], r.rows...)
				r.mu.Unlock()
				return row
			}
		}
		all = append(all, rows...)
	}
}

// TestDeniedOnASocket is what an open connection is refused, and what the audit
// log is told of it.
func TestDeniedOnASocket(t *testing.T) {
	p := newPlace(t)
	shared := room.Shared(p.Room.ID, p.Una.Org).Name
	roomID := p.Room.ID.String()
	ben, _ := p.open("ben", p.path+"/ws")
	uno, _ := p.open("uno", p.path+"/ws")
	vic, _ := p.open("vic", "/v1/ws")
	p.refused.take()
	for _, tt := range []struct {
		name           string
		l              *line
		by             access.Actor
		frame          string
		action         audit.Action
		reason, object string
	}{
		{"post", uno, p.Uno, `"type":"post","channel":"` + shared + `","body":"` + canary + `"`, audit.Permission, "forbidden", roomID},
		{"typing", uno, p.Uno, `"type":"typing","channel":"` + shared + `","on":true`, audit.Permission, "forbidden", roomID},
		{"the other desk", ben, p.Ben, `"type":"subscribe","channel":"` + room.Desk(p.Room.ID, p.Una.Org).Name + `"`, audit.Permission, "not_found", roomID},
		{"another room, by a ticket for this one", ben, p.Ben, `"type":"subscribe","channel":"` + room.Shared(room.NewID(time.Now()), p.Una.Org).Name + `"`, audit.Permission, "ticket_room", ""},
		{"an organisation", vic, p.Vic, `"type":"subscribe","channel":"` + event.OrgChannel(p.Una.Org, event.Underwriting) + `"`, audit.Permission, "not_found", p.Una.Org.String()},
		{"another person", vic, p.Vic, `"type":"subscribe","channel":"person:` + p.Una.ID + `"`, audit.Permission, "not_found", p.Una.ID},
		{"no channel", vic, p.Vic, `"type":"subscribe","channel":"` + canary + `"`, audit.Permission, "not_found", ""},
		{"a forged token", vic, p.Vic, `"type":"refresh","token":"` + canary + `"`, audit.Authenticate, "token", ""},
		{"another's token", vic, p.Vic, `"type":"refresh","token":"` + p.as["ben"] + `"`, audit.Authenticate, "token", ""},
	} {
		tt.l.send(`{"id":1,%s}`, tt.frame)
		if f := tt.l.until("error", "subscribed", "posted", "refreshed"); f.Type != "error" {
			t.Fatalf("%s: %+v", tt.name, f)
		}
		row := p.refused.heard(t, func(audit.Row) bool { return true })
		if row.ActorID != tt.by.ID || row.Org != tt.by.Org || row.Action != tt.action || row.Reason != tt.reason || row.Outcome != audit.Refused ||
			tt.object != "" && row.ObjectID != tt.object || row.Address != "127.0.0.1" {
			t.Errorf("%s: %+v", tt.name, row)
		}
		if s := fmt.Sprintf("%+v", row); strings.Contains(s, canary) {
			t.Errorf("%s: it says what it must not: %s", tt.name, s)
		}
		if err := p.db.AddAudit(t.Context(), row); err != nil {
			t.Errorf("%s: it cannot be written: %v", tt.name, err)
		}
	}
	// Being behind, or wrong, is no matter of rights.
	vic.send(`{"id":2,"type":"unsubscribe","channel":%q}`, shared)
	vic.until("error")
	uno.send(`{"id":2,"type":"read","channel":%q,"seq":99999}`, shared)
	uno.until("error")

	p.must(204, p.as["una"], "DELETE", p.path+"/participants/"+p.Ben.ID, "")
	ben.until("unsubscribed")
	row := p.refused.heard(t, func(audit.Row) bool { return true })
	if row.Action != audit.SessionCut || row.Reason != "removed" || row.ActorID != p.Ben.ID || row.ObjectID != roomID {
		t.Errorf("of one who was removed: %+v", row)
	}
	p.must(204, p.as["ada"], "DELETE", "/v1/users/"+p.Uno.ID, "")
	uno.until("unsubscribed")
	row = p.refused.heard(t, func(audit.Row) bool { return true })
	if row.Action != audit.SessionCut || row.Reason != "token" || row.ActorID != p.Uno.ID || row.ObjectID != roomID {
		t.Errorf("of one who was stopped: %+v", row)
	}
}

func parseUserID(s string) (access.UserID, error) {
	var id access.UserID
	return id, id.UnmarshalText([]byte(s))
}

// raw is as, for an answer that is no JSON.
func (c *cast) raw(who, path string) (int, string, http.Header) {
	c.t.Helper()
	return c.bytes(who, http.MethodGet, path)
}

// bytes is raw, by any method.
func (c *cast) bytes(who, method, path string) (int, string, http.Header) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.bearers[who])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func TestWhoReadsTheAuditLog(t *testing.T) {
	c := newCast(t)
	c.insure("pat", c.una.Org)
	for who, want := range map[string]int{
		"ada": 200, "abe": 200, "system": 200, "mel": 200, // of her own
		"una": 403, "vic": 403, "key": 403, "readingKey": 403, "ben": 403, "pat": 404,
	} {
		if got, _, _ := c.as(who, "GET", "/v1/audit", ""); got != want {
			t.Errorf("%s: %d, want %d", who, got, want)
		}
		if got, _, _ := c.raw(who, "/v1/audit/export?format=csv"+map[bool]string{true: "&orgId=" + c.una.Org.String()}[who == "system"]); got != want {
			t.Errorf("%s: export %d, want %d", who, got, want)
		}
	}
	for _, r := range rows(c.want(200, "mel", "GET", "/v1/audit", "")) {
		if a := r.(map[string]any)["actor"].(map[string]any)["id"]; a != c.id("mel") {
			t.Errorf("another company's log has something of %s", a)
		}
	}
	if got, _, _ := c.call("", "GET", "/v1/audit", ""); got != 401 {
		t.Errorf("nobody: %d", got)
	}
}

func TestAuditFiltersAndPages(t *testing.T) {
	c := newCast(t)
	if err := c.db.AddAudit(t.Context(), audit.New(c.una, audit.Fact{Action: audit.Permission, Outcome: audit.Refused, Reason: "forbidden"}, time.Now())); err != nil {
		t.Fatal(err)
	}
	key := c.id("key")
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string]int{
		"": 4, "?action=api_key.created": 3, "?object=" + key: 1, "?actor=" + c.id("ada"): 3, "?actor=" + c.id("una"): 1, "?outcome=refused": 1,
		"?outcome=granted&action=permission": 0, "?from=" + soon: 0, "?to=" + soon: 4,
	} {
		if got := len(rows(c.want(200, "ada", "GET", "/v1/audit"+query, ""))); got != want {
			t.Errorf("%q: %d rows, want %d", query, got, want)
		}
	}
	for query, field := range map[string]string{"?outcome=maybe": "outcome", "?from=" + soon + "&to=" + soon: "to", "?action=Drop%20it": "action", "?limit=101": "limit"} {
		if m := c.want(400, "ada", "GET", "/v1/audit"+query, ""); m["details"].(map[string]any)["field"] != field {
			t.Errorf("%q: %v, want it to blame %s", query, m, field)
		}
	}
	var ids []string
	for path := "/v1/audit?limit=3"; path != ""; {
		m := c.want(200, "ada", "GET", path, "")
		for _, r := range rows(m) {
			ids = append(ids, r.(map[string]any)["id"].(string))
		}
		path = ""
		if m["hasMore"].(bool) {
			path = "/v1/audit?limit=3&cursor=" + m["nextCursor"].(string)
		}
	}
	if slices.Sort(ids); len(ids) != 4 || len(slices.Compact(ids)) != 4 {
		t.Errorf("by pages: %v", ids)
	}

	if _, _, err := c.db.LinkAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, text, header := c.raw("ada", "/v1/audit/export?action=api_key.created")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if header.Get("Content-Type") != "application/x-ndjson" || header.Get("X-Next-Cursor") != "" || len(lines) != 3 {
		t.Errorf("%d lines, %v", len(lines), header)
	}
	for _, line := range lines {
		var r auditBody
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Action != "api_key.created" || r.Chain == nil || len(r.Chain.Hash) != 64 {
			t.Errorf("line %s: %v", line, err)
		}
	}
	_, text, header = c.raw("ada", "/v1/audit/export?format=csv&action=api_key.created")
	table, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") || len(table) != 4 || !slices.Equal(table[0], auditHeader) {
		t.Errorf("csv: %v, %v, %v", table, header, err)
	}
}

// TestRefusalsAreTold is the table of what is refused, and what the audit log
// hears of it: who, in whose log, why.
func TestRefusalsAreTold(t *testing.T) {
	c := newCast(t)
	c.addKey("gone", "rooms:read")
	c.want(204, "ada", "DELETE", "/v1/api-keys/"+c.id("gone"), "")
	expired := c.want(201, "ada", "POST", "/v1/api-keys", fmt.Sprintf(`{"name":"e","scopes":["rooms:read"],"expiresAt":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339)))
	storetest.SQL(t, c.db, `UPDATE api_key SET expires_at = now() - interval '1 hour' WHERE expires_at IS NOT NULL`)
	c.bearers["expired"], c.actors["expired"] = expired["key"].(string), access.Actor{Kind: access.Machine, ID: expired["id"].(string), Org: c.una.Org}
	roomID := c.room()["id"].(string)
	c.want(204, "ada", "DELETE", "/v1/users/"+c.id("uno"), "")
	ticket := c.want(200, "una", "POST", "/v1/realtime/tickets", `{}`)["ticket"].(string)
	c.bearers["forged"], c.bearers["nobody"] = "oik_test_"+strings.Repeat("ab", 32), "x.y.z"
	nobody := access.Actor{}
	unused := c.want(200, "una", "GET", "/v1/deal-rooms/"+roomID+"/ws", "")["ticket"].(string)
	late, err := access.ParseTokens(c.key, "http://test", func() time.Time { return time.Now().Add(-time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	if c.bearers["late"], _, err = late.Mint(c.una); err != nil {
		t.Fatal(err)
	}
	sub := c.submission()
	c.refused.take()
	for _, r := range []struct {
		name, who, method, path, body string
		status                        int
		by                            access.Actor
		action                        audit.Action
		reason, object                string
	}{
		{"no credential", "none", "GET", "/v1/policies", "", 401, nobody, audit.Authenticate, "unauthenticated", ""},
		{"a forged key", "forged", "GET", "/v1/policies", "", 401, nobody, audit.Authenticate, "invalid_credential", ""},
		{"a forged token", "nobody", "GET", "/v1/policies", "", 401, nobody, audit.Authenticate, "invalid_credential", ""},
		{"a revoked key", "gone", "GET", "/v1/policies", "", 401, c.actors["gone"], audit.Authenticate, "key_revoked", ""},
		{"an expired key", "expired", "GET", "/v1/policies", "", 401, c.actors["expired"], audit.Authenticate, "key_expired", ""},
		{"a stopped user", "uno", "GET", "/v1/policies", "", 401, c.actors["uno"], audit.Authenticate, "stopped", ""},
		{"no scope", "key", "GET", "/v1/policies", "", 403, c.actors["key"], audit.Permission, "insufficient_scope", ""},
		{"no permission", "una", "GET", "/v1/api-keys", "", 403, c.una, audit.Permission, "forbidden", ""},
		{"an object", "abe", "POST", "/v1/submissions/" + sub + "/bind", `{"installmentPlan":"PIF"}`, 403, c.actors["abe"], audit.Permission, "forbidden", sub},
		{"no id", "una", "DELETE", "/v1/api-keys/" + canary, "", 403, c.una, audit.Permission, "forbidden", ""},
		{"demo", "none", "POST", "/auth/demo", `{"secret":"` + canary + `"}`, 401, nobody, audit.SignIn, "invalid_credential", ""},
		{"login link", "none", "POST", "/auth/login", `{"code":"` + canary + `"}`, 401, nobody, audit.SignIn, "invalid_credential", ""},
		{"another's ticket", "none", "GET", "/v1/events/stream?channel=org:x&ticket=" + canary, "", 401, nobody, audit.Authenticate, "invalid_ticket", ""},
		{"a ticket twice", "none", "GET", "/v1/events/stream?channel=room:" + canary + "&ticket=" + ticket, "", 401, c.una, audit.Authenticate, "ticket_used", ""},
		{"another company's", "ben", "GET", "/v1/submissions/" + sub, "", 404, c.actors["ben"], audit.Permission, "not_found", sub},
		{"no such id", "una", "GET", "/v1/submissions/" + canary, "", 404, nobody, "", "", ""},
		{"no such route", "una", "GET", "/v1/" + canary + "/" + sub, "", 404, nobody, "", "", ""},
		{"a token of yesterday", "late", "GET", "/v1/policies", "", 401, c.una, audit.Authenticate, "expired", ""},
		{"a page of another site", "none", "GET", "/v1/events/stream?channel=room:x&ticket=" + unused, "", 403, c.una, audit.Permission, "origin_not_allowed", roomID},
		{"a ticket for another room", "none", "GET", "/v1/events/stream?channel=room:x&ticket=" + unused, "", 401, c.una, audit.Authenticate, "ticket_room", roomID},
		{"bad input", "una", "POST", "/v1/submissions", `{}`, 400, nobody, "", "", ""},
		{"all is well", "una", "GET", "/v1/submissions", "", 200, nobody, "", "", ""},
	} {
		t.Run(r.name, func(t *testing.T) {
			if r.name == "a ticket twice" {
				c.call("", r.method, r.path, r.body) // the first time it is only of no use there
				c.refused.take()
			}
			var header []string
			if r.reason == errOrigin.Code() {
				header = []string{"Origin", "https://" + canary + ".example"}
			}
			if got, m, _ := c.as(r.who, r.method, r.path, r.body, header...); got != r.status {
				t.Fatalf("%d %v, want %d", got, m, r.status)
			}
			if r.action == "" {
				c.as("none", "GET", "/v1/policies", "") // what comes first is not of the one before
				if told := c.refused.take(); len(told) != 1 || told[0].Reason != "unauthenticated" {
					t.Errorf("told of %+v", told)
				}
				return
			}
			told := c.refused.take()
			if len(told) != 1 {
				t.Fatalf("told of %+v", told)
			}
			row := told[0]
			if row.ActorID != r.by.ID || row.ActorKind != r.by.Kind || row.Org != r.by.Org || row.Action != r.action || row.Reason != r.reason ||
				row.ObjectID != r.object || row.Outcome != audit.Refused || row.Request.IsZero() || row.Address != "127.0.0.1" {
				t.Errorf("told of %+v", row)
			}
			if s := fmt.Sprintf("%+v", row); strings.Contains(s, canary) || strings.Contains(s, ticket) || strings.Contains(s, unused) || strings.Contains(s, "oik_") {
				t.Errorf("it says what it must not: %s", s)
			}
			if err := c.db.AddAudit(t.Context(), row); err != nil {
				t.Errorf("it cannot be written: %v", err)
			}
		})
	}
	if m := c.must(200, worldSecret, "GET", "/v1/audit", ""); len(rows(m)) != 6 {
		t.Errorf("the platform's log: %v, want the 6 of nobody known", m)
	}
}
