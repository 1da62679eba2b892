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

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
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

// notOfRequests are the actions that no request of an organisation brings about.
var notOfRequests = map[audit.Action]string{
	audit.KeysRotated: "of the command line", audit.KeysDropped: "of the command line",
	audit.Authenticate: "see TestRefusalsAreTold", audit.Permission: "see TestRefusalsAreTold", audit.SessionCut: "see TestDeniedOnASocket",
	audit.FlagSet: "see TestFlags", audit.FlagUnset: "see TestFlags",
	audit.ProducerScreened: "see TestProducers", audit.ProducerReviewed: "see TestSanctions", audit.ProducerAdded: "see TestProducers",
	audit.ProducerChanged: "see TestProducers", audit.LicenseAdded: "see TestProducers", audit.LicenseChanged: "brought about in TestProducers",
	audit.AppointmentAdded: "see TestProducers", audit.AppointmentChanged: "see TestProducers", audit.ProducerSaleChecked: "see TestBindByProducer",
}

// TestEveryActionIsAudited does each thing that is kept, once, and looks for
// what it must not say.
func TestEveryActionIsAudited(t *testing.T) {
	c := newCast(t)
	began := len(c.kept("ada"))
	var want []string
	did := func(actions ...audit.Action) {
		t.Helper()
		for _, a := range actions {
			want = append(want, string(a))
		}
		if d := cmp.Diff(want, c.kept("ada")[began:]); d != "" {
			t.Fatalf("kept (-want +got):\n%s", d)
		}
	}
	secrets := []string{canary}
	key := c.want(201, "ada", "POST", "/v1/api-keys", `{"name":"`+canary+`","scopes":["rooms:write"]}`)
	secrets = append(secrets, key["key"].(string), key["prefix"].(string))
	did(audit.KeyCreated)
	next := c.want(201, "ada", "POST", "/v1/api-keys/"+key["id"].(string)+"/rotate", `{"overlapHours":1}`)
	secrets = append(secrets, next["key"].(string), next["prefix"].(string))
	did(audit.KeyRotated)
	if _, err := c.db.EndKeys(t.Context(), time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	did(audit.KeyRevoked) // by itself
	key = next
	c.want(204, "ada", "DELETE", "/v1/api-keys/"+key["id"].(string), "")
	did(audit.KeyRevoked)
	c.want(404, "ada", "DELETE", "/v1/api-keys/"+access.NewKeyID(time.Now()).String(), "")
	did() // nothing was changed

	user := "/v1/users/" + c.want(201, "ada", "POST", "/v1/users", `{"email":"`+canary+`@example.com","name":"`+canary+`","role":"underwriter"}`)["id"].(string)
	did(audit.UserCreated)
	c.want(200, "ada", "PATCH", user, `{"role":"auditor","name":"`+canary+` Two"}`)
	did(audit.UserChanged)
	c.want(204, "ada", "DELETE", user, "")
	did(audit.UserStopped)
	c.want(200, "ada", "PATCH", "/v1/organizations/"+c.una.Org.String(), `{"name":"`+canary+`"}`)
	did(audit.OrgChanged)

	sub := c.want(201, "una", "POST", "/v1/submissions", strings.Replace(goodSubmission, "Pacific Coast Builders", canary, 1))["id"].(string)
	q := c.want(201, "una", "POST", "/v1/submissions/"+sub+"/quote", "")
	did(audit.Quoted)
	c.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/offer", "")
	did(audit.QuoteOffered)
	c.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/accept", "")
	did(audit.QuoteAccepted)
	program := c.want(201, "ada", "POST", "/v1/programs", strings.Replace(exampleProgram, "Cyber for retailers", canary, 1))["id"].(string)
	did(audit.ProgramCreated)
	table := c.want(201, "ada", "POST", "/v1/rate-tables", strings.Replace(exampleRateTable, "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", program, 1))["id"].(string)
	did(audit.RatesDrafted)
	c.want(200, "ada", "POST", "/v1/rate-tables/"+table+"/publish", "")
	did(audit.RatesPublished)
	ref := c.want(201, "una", "POST", "/v1/referrals", fmt.Sprintf(`{"entityType":"quote","entityId":%q,"reason":"prior_losses","rationale":%q}`, q["id"], canary))
	did(audit.ReferralRaised)
	c.want(200, "ulf", "POST", "/v1/referrals/"+ref["id"].(string)+"/claim", "")
	did(audit.ReferralChanged)
	c.want(201, "ada", "POST", "/v1/authority/profiles", authorityProfile)
	did(audit.AuthorityChanged)
	c.want(200, "ulf", "POST", "/v1/referrals/"+ref["id"].(string)+"/decision", `{"decision":"approve","rationale":"`+canary+`"}`)
	did(audit.ReferralDecided)

	room := at(c.want(201, "una", "POST", "/v1/deal-rooms", fmt.Sprintf(`{"submissionId":%q,"title":%q}`, sub, canary)))
	did(audit.RoomOpened, audit.ParticipantAdded)
	c.want(201, "una", "POST", room+"/messages", `{"body":"`+canary+`"}`)
	c.want(201, "una", "POST", room+"/participants", fmt.Sprintf(`{"email":%q,"role":"broker"}`, c.email("ben")))
	did(audit.ParticipantAdded)
	c.want(200, "una", "PATCH", room+"/participants/"+c.id("ben"), `{"canChat":false}`)
	did(audit.ParticipantChanged)
	c.want(204, "ben", "DELETE", room+"/participants/"+c.id("ben"), "")
	did(audit.ParticipantRemoved)
	if got := c.kept("mel"); !slices.Equal(got, []string{"participant.removed"}) {
		t.Errorf("the broker's own company kept %v", got)
	}
	secrets = append(secrets, c.guestComesAndGoes(room, did)...)
	c.want(200, "una", "PATCH", room, `{"status":"closed","reason":"`+canary+`"}`)
	did(audit.RoomClosed)
	c.want(200, "una", "PATCH", room, `{"status":"active"}`)
	did(audit.RoomReopened)
	c.want(200, "una", "PATCH", room, `{"status":"archived"}`)
	did(audit.RoomArchived)

	c.want(201, "una", "POST", "/v1/submissions/"+sub+"/bind", `{"installmentPlan":"PIF"}`)
	did(audit.PolicyBound)
	large := strings.NewReplacer(`8000000`, `9000000000`, `"externalId":"ext-1",`, "").Replace(goodSubmission)
	big := c.want(201, "una", "POST", "/v1/submissions", large)["id"].(string)
	c.want(201, "una", "POST", "/v1/submissions/"+big+"/quote", "")
	did(audit.Declined)

	hook := c.want(201, "ada", "POST", "/v1/webhooks", `{"url":"`+newCanaryURL+`","events":["*"],"description":"`+canary+`"}`)
	secrets = append(secrets, hook["secret"].(string))
	did(audit.WebhookCreated)
	w := "/v1/webhooks/" + hook["id"].(string)
	c.want(200, "ada", "PATCH", w, `{"url":"`+newCanaryURL+`/2"}`)
	did(audit.WebhookChanged)
	c.want(200, "ada", "PATCH", w, `{"status":"disabled"}`)
	did(audit.WebhookDisabled)
	c.want(200, "ada", "PATCH", w, `{"status":"enabled"}`)
	did(audit.WebhookChanged)
	var id push.EndpointID
	if err := id.UnmarshalText([]byte(hook["id"].(string))); err != nil {
		t.Fatal(err)
	}
	if err := c.db.DisableEndpoint(t.Context(), push.Endpoint{ID: id, Org: c.una.Org, URL: newCanaryURL + "/2"}, "gone"); err != nil {
		t.Fatal(err)
	}
	did(audit.WebhookDisabled) // by itself
	c.want(204, "ada", "DELETE", w, "")
	did(audit.WebhookDeleted)

	phone := strings.Repeat("c0ffee00", 8)
	secrets = append(secrets, phone)
	dev := c.want(201, "una", "POST", "/v1/me/devices", `{"token":"`+phone+`","platform":"ios"}`)
	did(audit.DeviceAdded)
	c.want(200, "una", "POST", "/v1/me/devices", `{"token":"`+phone+`","platform":"ios"}`)
	did() // it was known
	c.want(204, "una", "DELETE", "/v1/me/devices/"+dev["id"].(string), "")
	did(audit.DeviceRemoved)

	err := c.db.InTx(t.Context(), c.una, func(tx *store.Tx) error {
		user, err := parseUserID(c.una.ID)
		if err != nil {
			return err
		}
		return tx.AddLoginLink(t.Context(), "code"+canary, user, time.Now().Add(time.Minute))
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, c.must(200, "", "POST", "/auth/login", `{"code":"code`+canary+`"}`)["token"].(string))
	did(audit.SignIn)
	secrets = append(secrets, c.must(200, "", "POST", "/auth/demo", `{"secret":"`+worldSecret+`","as":"underwriter"}`)["token"].(string), worldSecret)
	did(audit.SignIn)
	secrets = append(secrets, c.insuredComesAndGoes(did)...)
	if status, body, _ := c.raw("ada", "/v1/audit/export"); status != 200 || len(body) == 0 {
		t.Fatalf("export: %d", status)
	}
	did(audit.LogExported)
	founded := c.must(201, worldSecret, "POST", "/v1/organizations", `{"name":"`+canary+`","kind":"mga"}`)["id"].(string)
	if m := c.must(200, worldSecret, "GET", "/v1/audit?orgId="+founded, ""); len(rows(m)) != 1 || rows(m)[0].(map[string]any)["action"] != "organization.created" {
		t.Errorf("of a new organization: %v", m)
	}
	want = append(want, string(audit.OrgCreated))

	for _, a := range audit.Actions {
		if notOfRequests[a] == "" && !slices.Contains(want, string(a)) {
			t.Errorf("nothing was kept as %s", a)
		}
	}
	all := storetest.Value[string](t, c.db, `SELECT string_agg(t::text, E'\n') FROM audit t`)
	for _, s := range append(secrets, "example.com", "Summit") {
		if strings.Contains(all, s) {
			t.Errorf("the log says %.20q", s)
		}
	}
}

// guestComesAndGoes has people invited by mail into a room; it returns what is
// secret of it.
func (c *cast) guestComesAndGoes(path string, did func(...audit.Action)) []string {
	c.t.Helper()
	letter := func() *push.Notice {
		c.t.Helper()
		ds, err := c.db.Lease(c.t.Context(), push.Mail, "test", 100, time.Minute)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, d := range slices.Backward(ds) {
			if d.Type == push.InvitationType || d.Type == push.GuestLinkType {
				return d.Notice
			}
		}
		c.t.Fatal("there is no letter")
		return nil
	}
	link := func() string {
		c.t.Helper()
		_, found, _ := strings.Cut(letter().URL, "#")
		return found
	}
	p := &place{world: c.world}
	invite := func(email string) string {
		c.t.Helper()
		m := c.want(202, "una", "POST", path+"/participants", fmt.Sprintf(`{"email":%q,"role":"broker"}`, email))
		return m["invitation"].(map[string]any)["id"].(string)
	}
	gus := canary + "@guests.example.com"
	invite(gus)
	did(audit.InvitationSent)
	old := link()
	invite(gus)
	did(audit.InvitationReplaced, audit.InvitationSent)
	secret := link()
	cookie := p.pageCookie()
	for range 3 {
		if status, m, _ := p.page(cookie, "knock", fields{"link": secret}); status != 200 {
			c.t.Fatalf("knock: %d %v", status, m)
		}
	}
	did(audit.InvitationOpened) // once
	status, m, h := p.page(cookie, "enter", fields{"link": secret, "name": canary, "firm": canary})
	if status != 200 {
		c.t.Fatalf("enter: %d %v", status, m)
	}
	did(audit.ParticipantAdded, audit.InvitationAccepted)
	device, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	id := m["roomId"].(string)
	if status, m, _ := p.page(device, "session", fields{"roomId": id}); status != 200 {
		c.t.Fatalf("session: %d %v", status, m)
	}
	did(audit.SignIn)
	p.page(cookie, "link", fields{"roomId": id, "email": gus})
	did(audit.GuestLinkMailed)
	p.page(cookie, "link", fields{"roomId": id, "email": "nobody@guests.example.com"})
	did() // nobody was mailed
	back := link()
	if status, m, _ := p.page(cookie, "enter", fields{"link": back}); status != 200 {
		c.t.Fatalf("enter again: %d %v", status, m)
	}
	did(audit.SignIn)
	gone := invite("x" + gus)
	did(audit.InvitationSent)
	c.want(204, "una", "DELETE", path+"/invitations/"+gone, "")
	did(audit.InvitationRevoked)
	_, cookieValue, _ := strings.Cut(device, "=")
	return []string{old, secret, back, cookieValue}
}

// insuredComesAndGoes has a policyholder sign in and out; it returns what is
// secret of it.
func (c *cast) insuredComesAndGoes(did func(...audit.Action)) []string {
	c.t.Helper()
	number := c.bind(c.una, canary+"@example.com")
	did(audit.Quoted, audit.PolicyBound)
	if got, m := c.askCode(home, number, canary+"@example.com"); got != 202 {
		c.t.Fatalf("ask: %d %v", got, m)
	}
	code := c.codes()[canary+"@example.com"]
	did(audit.CodeMailed)
	got, s := c.tryCode(home, number, code, `,"device":"`+canary+`"`)
	if got != 200 {
		c.t.Fatalf("sign in: %d %v", got, s)
	}
	did(audit.SignIn)
	first := s["refreshToken"].(string)
	got, again := c.refresh(first)
	if got != 200 {
		c.t.Fatalf("refresh: %d %v", got, again)
	}
	did(audit.Refreshed)
	c.must(204, again["token"].(string), "DELETE", "/v1/portal/sessions/"+s["sessionId"].(string), "")
	did(audit.SignedOut)
	return []string{first, again["refreshToken"].(string), number}
}

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
	req, err := http.NewRequest(http.MethodGet, c.url+path, nil)
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
