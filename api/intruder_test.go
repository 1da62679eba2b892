package api

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store/storetest"
)

// told checks the next row that the audit log is told of, and that it can be
// written.
func (w *world) told(what string, by access.Actor, action audit.Action, reason, object string) audit.Row {
	w.t.Helper()
	row := w.refused.heard(w.t, func(audit.Row) bool { return true })
	if row.Org != by.Org || row.ActorID != by.ID || row.ActorKind != by.Kind || row.Action != action || row.Reason != reason || row.ObjectID != object ||
		row.Outcome != audit.Refused || row.Address == "" {
		w.t.Errorf("%s: the audit log is told of %+v, want %s of %q in %s for %s of %q", what, row, action, by.ID, by.Org, reason, object)
	}
	if err := w.db.AddAudit(w.t.Context(), row); err != nil {
		w.t.Errorf("%s: it cannot be written: %v", what, err)
	}
	return row
}

// TestIntruderTokens: each sort of token that is not ours is refused, and told
// as nobody's; one that was somebody's is told as his.
func TestIntruderTokens(t *testing.T) {
	w := newWorld(t)
	good, private := newForge(t, w)
	public := private.Public().(ed25519.PublicKey)
	now := time.Now().Unix()
	w.refused.take()
	nobody := access.Actor{}
	for _, tt := range []struct {
		name   string
		f      forge
		by     access.Actor
		reason string
	}{
		{"no algorithm", good.with(".alg", "none").signed(func([]byte) []byte { return nil }), nobody, "invalid_credential"},
		{"an algorithm that takes our public key for a secret", good.with(".alg", "HS256").signed(hs256(public)), nobody, "invalid_credential"},
		{"a kid that is a path", good.with(".kid", "../../dev/null").signed(hs256(nil)), nobody, "invalid_credential"},
		{"a kid that is SQL", good.with(".kid", "t' UNION SELECT 'x"), nobody, "invalid_credential"},
		{"of yesterday", good.with("nbf", now-90_000).with("iat", now-90_000).with("exp", now-86_400), w.una, "expired"},
		{"of yesterday, by another key", good.with("exp", now-86_400).signed(hs256(public)), nobody, "invalid_credential"},
		{"of tomorrow", good.with("nbf", now+86_400).with("exp", now+90_000), nobody, "invalid_credential"},
		{"for somebody else", good.with("aud", "billing"), nobody, "invalid_credential"},
		{"of yesterday, for somebody else", good.with("aud", "billing").with("nbf", now-90_000).with("exp", now-86_400), nobody, "invalid_credential"},
	} {
		if got, m, _ := w.call(tt.f.token(), "GET", "/v1/submissions", ""); got != 401 || m["error"] != "invalid_credential" {
			t.Errorf("%s: %d %v", tt.name, got, m)
		}
		w.told(tt.name, tt.by, audit.Authenticate, tt.reason, "")
	}
}

// TestIntruderGuessesKeys: a key that nearly is one is told as nobody's, from
// where it came.
func TestIntruderGuessesKeys(t *testing.T) {
	w := newWorld(t)
	key := w.addKey(`{"name":"a","scopes":["submissions:read"]}`)["key"].(string)
	w.refused.take()
	for _, bad := range []string{key[:len(key)-1] + flip(key[len(key)-1]), "oik_live_" + key[9:], key[:13]} {
		if got, m, _ := w.call("", "GET", "/v1/submissions", "", "X-API-Key", bad, "X-Forwarded-For", stranger); got != 401 {
			t.Errorf("%d %v", got, m)
		}
		if row := w.told("a key", access.Actor{}, audit.Authenticate, "invalid_credential", ""); row.Address != stranger {
			t.Errorf("from %s, want %s", row.Address, stranger)
		}
	}
}

// TestIntruderGuessesCodes: guesses are in the log of whose company they were
// at; those at nobody's policy in the platform's; and so is what was asked for
// in vain. Neither answer says which it was.
func TestIntruderGuessesCodes(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	w.askCode(home, number, "pat@example.com")
	code := w.codes()["pat@example.com"]
	person := storetest.Value[string](t, w.db, `SELECT object_id FROM audit WHERE action = 'sign_in.code_mailed' AND org_id = $1 AND address = $2`, w.una.Org.UUID(), home)
	if !strings.HasPrefix(person, "per_") {
		t.Fatalf("the code was mailed to %q", person)
	}
	w.refused.take()
	company := access.Actor{Org: w.una.Org}
	for range access.CodeTries {
		w.tryCode(stranger, number, wrong(code))
		w.told("a guess", company, audit.SignIn, "wrong_code", person)
	}
	w.tryCode(stranger, number, code) // his tries are used up
	w.told("a guess too many", access.Actor{}, audit.SignIn, "invalid_code", "")
	w.tryCode(stranger, "GL-1999-000001", code)
	w.told("a guess at nobody's", access.Actor{}, audit.SignIn, "invalid_code", "")
	w.askCode(stranger, "GL-1999-000001", "pat@example.com")
	w.codes()
	if row := w.told("asked in vain", access.Actor{}, audit.CodeMailed, "nobody_to_mail", ""); row.Address != stranger || row.Request.IsZero() {
		t.Errorf("asked in vain: %+v", row)
	}
	// The insured is none the worse for it.
	got, s := w.tryCode(home, number, code)
	if got != 200 {
		t.Fatalf("the insured: %d %v", got, s)
	}
	// Whoever asks too often, and whose codes that were.
	for n := range access.CodesOfOne + 1 {
		if got, m := w.askCode(fmt.Sprintf("198.51.100.%d", n+20), number, "pat@example.com"); got != 202 {
			t.Fatalf("ask: %d %v", got, m)
		}
	}
	w.codes()
	w.told("more codes than he is mailed", company, audit.CodeMailed, access.ErrTooManyCodes.Code(), person)
	w.refused.take()
	for range access.CodesAsked {
		w.askCode(stranger, number, "x@example.com")
	}
	if got, _ := w.askCode(stranger, number, "x@example.com"); got != 429 {
		t.Errorf("asks too often: %d", got)
	}
	w.told("asks too often", access.Actor{}, audit.SignIn, access.ErrTooManyCodes.Code(), "")

	// A refresh token that comes twice.
	first := s["refreshToken"].(string)
	w.refresh(first)
	if got, m := w.refresh(first); got != 401 {
		t.Errorf("a refresh token again: %d %v", got, m)
	}
	w.told("a refresh token again", access.Actor{Kind: access.Insured, ID: person, Org: w.una.Org}, audit.SignIn, "refresh_token_reused", s["sessionId"].(string))
	if why := storetest.Value[string](t, w.db, `SELECT details->>'why' FROM audit WHERE action = 'sign_in.ended' AND object_id = $1`, s["sessionId"]); why != "reused" {
		t.Errorf("its sign-in ended because of %q", why)
	}
}

// TestIntruderTriesIDs: an id of another company is answered as one that there
// is not, and told as tried by whom.
func TestIntruderTriesIDs(t *testing.T) {
	c := newCast(t)
	sub := c.submission()
	r := c.room()["id"].(string)
	q := c.want(201, "una", "POST", "/v1/submissions/"+sub+"/quote", "")
	pol := c.want(201, "una", "POST", "/v1/submissions/"+sub+"/bind", `{"installmentPlan":"PIF"}`)["id"].(string)
	if q["decision"] == "" {
		t.Fatal("no quote")
	}
	hook := c.want(201, "ada", "POST", "/v1/webhooks", `{"url":"https://hooks.example.com/x","events":["*"]}`)["id"].(string)
	c.refused.take()
	for _, tt := range []struct{ who, method, path, body, object string }{
		{"eve", "GET", "/v1/submissions/" + sub, "", sub},
		{"eve", "POST", "/v1/submissions/" + sub + "/quote", "", sub},
		{"eve", "POST", "/v1/submissions/" + sub + "/bind", `{"installmentPlan":"PIF"}`, sub},
		{"eve", "GET", "/v1/policies/" + pol, "", pol},
		{"eve", "GET", "/v1/deal-rooms/" + r, "", r},
		{"eve", "GET", "/v1/deal-rooms/" + r + "/messages", "", r},
		{"eve", "POST", "/v1/deal-rooms/" + r + "/messages", `{"body":"x"}`, r},
		{"eve", "GET", "/v1/deal-rooms/" + r + "/ws", "", r},
		{"bea", "PATCH", "/v1/deal-rooms/" + r, `{"title":"x"}`, r},
		{"mel", "PATCH", "/v1/users/" + c.id("una"), `{"role":"broker"}`, c.id("una")},
		{"mel", "DELETE", "/v1/api-keys/" + c.id("key"), "", c.id("key")},
		{"mel", "POST", "/v1/api-keys/" + c.id("key") + "/rotate", "", c.id("key")},
		{"mel", "GET", "/v1/webhooks/" + hook, "", hook},
		{"mel", "DELETE", "/v1/webhooks/" + hook, "", hook},
	} {
		name := tt.who + " " + tt.method + " " + tt.path
		got, m, _ := c.as(tt.who, tt.method, tt.path, tt.body)
		if got != 404 || m["error"] != "not_found" || len(m["details"].(map[string]any)) != 0 {
			t.Errorf("%s: %d %v", name, got, m)
		}
		c.told(name, c.actors[tt.who], audit.Permission, "not_found", tt.object)
		// The same path with an id that there is not.
		fresh := tt.object[:len(tt.object)-26] + "01M8K3H4E2S8SNGX6RYPPBJJMD"
		none, n, _ := c.as(tt.who, tt.method, strings.Replace(tt.path, tt.object, fresh, 1), tt.body)
		if delete(m, "requestId"); none != got || fmt.Sprint(n["error"], n["message"]) != fmt.Sprint(m["error"], m["message"]) {
			t.Errorf("%s: one that there is not is told apart: %d %v", name, none, n)
		}
		c.told(name+", that there is not", c.actors[tt.who], audit.Permission, "not_found", fresh)
	}
	if m := c.want(200, "una", "GET", "/v1/deal-rooms/"+r, ""); m["title"] == "x" {
		t.Error("the room was changed")
	}
}

// TestIntruderAssigns: fields that are not the caller's to set are refused by
// name; a role is set by administrators alone, and not their own.
func TestIntruderAssigns(t *testing.T) {
	c := newCast(t)
	theirs := c.actors["ben"].Org.String()
	ask := func(field, value string) string {
		return strings.Replace(goodSubmission, `"state"`, fmt.Sprintf(`%q:%s,"state"`, field, value), 1)
	}
	for field, value := range map[string]string{
		"id": `"sub_01M8K3H4E2S8SNGX6RYPPBJJMD"`, "orgId": `"` + theirs + `"`, "status": `"bound"`, "createdBy": `"` + c.id("ada") + `"`, "createdAt": `"2020-01-01T00:00:00Z"`,
		"version": `99`, "premium": `1`, "isAdmin": `true`, "__proto__": `{"role":"admin"}`,
	} {
		if got, m, _ := c.as("una", "POST", "/v1/submissions", ask(field, value)); got != 400 || m["details"].(map[string]any)["rule"] != "unknown" {
			t.Errorf("%s: %d %v", field, got, m)
		}
	}
	for body, field := range map[string]string{`{"name":"x","orgId":"` + theirs + `"}`: "orgId", `{"id":"` + c.id("ada") + `"}`: "id", `{"email":"x@example.com"}`: "email"} {
		if m := c.want(400, "ada", "PATCH", "/v1/users/"+c.id("uno"), body); m["details"].(map[string]any)["field"] != field {
			t.Errorf("%s: %v", body, m)
		}
	}
	if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM submission`); n != 0 {
		t.Errorf("%d submissions were written", n)
	}
	c.refused.take()
	if got, m, _ := c.as("una", "PATCH", "/v1/users/"+c.una.ID, `{"role":"admin"}`); got != 403 {
		t.Errorf("makes herself an administrator: %d %v", got, m)
	}
	c.told("makes herself an administrator", c.una, audit.Permission, "forbidden", c.una.ID)
	got, m, _ := c.as("ada", "PATCH", "/v1/users/"+c.id("ada"), `{"role":"underwriter"}`)
	if got < 400 {
		t.Errorf("an administrator changes her own role: %d %v", got, m)
	}
	key := fmt.Sprintf(`{"name":"x","scopes":["rooms:read"],"orgId":%q}`, theirs)
	c.want(400, "ada", "POST", "/v1/api-keys", key)
	c.refused.take()
	if got, m, _ := c.as("key", "POST", "/v1/api-keys", `{"name":"x","scopes":["claims:write"]}`); got != 403 {
		t.Errorf("a key makes itself a better one: %d %v", got, m)
	}
	c.told("a key makes itself a better one", c.actors["key"], audit.Permission, "forbidden", "")
}

// TestIntruderSmuggles: an organisation in a header or query changes nothing,
// also not in whose log the refusal is.
func TestIntruderSmuggles(t *testing.T) {
	c := newCast(t)
	theirs := c.una.Org.String()
	sub := c.submission()
	c.refused.take()
	for _, header := range []string{"X-Org-Id", "X-Tenant-Id", "X-Organization-Id", "X-Forwarded-Org"} {
		if got, m, _ := c.as("eve", "GET", "/v1/submissions/"+sub+"?orgId="+theirs, "", header, theirs); got != 404 {
			t.Errorf("%s: %d %v", header, got, m)
		}
		c.told(header, c.actors["eve"], audit.Permission, "not_found", sub)
	}
}

// TestIntruderSite: a page of another site opens no socket, neither by a ticket
// nor by a user's own headers, and uses no ticket up.
func TestIntruderSite(t *testing.T) {
	p := newPlace(t)
	id := p.Room.ID.String()
	ticket := p.ticketFor("ben", id)
	p.refused.take()
	for _, origin := range []string{"https://evil.example", "null", "https://" + strings.TrimPrefix(p.world.url, "http://") + ".evil.example"} {
		if _, status := p.reach("nobody", "/v1/ws?ticket="+ticket, "Origin", origin); status != http.StatusForbidden {
			t.Errorf("%s: %d", origin, status)
		}
		p.told(origin, p.Ben, audit.Permission, "origin_not_allowed", id)
		if _, status := p.reach("ben", p.path+"/ws", "Origin", origin); status != http.StatusForbidden {
			t.Errorf("%s, by headers: %d", origin, status)
		}
		p.told(origin+", by headers", p.Ben, audit.Permission, "origin_not_allowed", id)
		if _, status := p.reach("nobody", "/v1/ws?ticket=x"+ticket, "Origin", origin); status != http.StatusForbidden {
			t.Errorf("%s, forged: %d", origin, status)
		}
		p.told(origin+", forged", access.Actor{}, audit.Permission, "origin_not_allowed", "")
	}
	p.open("nobody", "/v1/ws?ticket="+ticket)
	if _, status := p.reach("nobody", "/v1/ws?ticket="+ticket); status != http.StatusUnauthorized {
		t.Errorf("a ticket again: %d", status)
	}
	p.told("a ticket again", p.Ben, audit.Authenticate, "ticket_used", "")
	late, err := access.ParseTokens(p.key, "http://test", func() time.Time { return time.Now().Add(-2 * time.Minute) })
	if err != nil {
		t.Fatal(err)
	}
	old, _, err := late.MintTicket(p.Ben, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, status := p.reach("nobody", "/v1/ws?ticket="+old); status != http.StatusUnauthorized {
		t.Errorf("a ticket of before: %d", status)
	}
	p.told("a ticket of before", access.Actor{}, audit.Authenticate, "invalid_ticket", "")
	other := storetest.Room(t, p.db, p.Una).ID.String()
	l, _ := p.open("nobody", "/v1/ws?ticket="+p.ticketFor("ben", id))
	l.send(`{"id":1,"type":"subscribe","channel":"room:%s"}`, other)
	if f := l.until("error", "subscribed"); f.Code != "ticket_room" {
		t.Errorf("another room: %+v", f)
	}
	p.told("another room", p.Ben, audit.Permission, "ticket_room", other)
}

// TestMailScanner: what opens the links of a mail, follows them and posts forms
// uses no invitation up, and is told where it went too far.
func TestMailScanner(t *testing.T) {
	p := newPlace(t)
	v, link, _ := p.invited("gus@harbor.example", room.Broker)
	scan := func(method, path, body string, header ...string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, p.world.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", "Mozilla/5.0 (compatible; SafeLinks)")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	p.refused.take()
	for _, path := range []string{"/rooms/join", "/rooms/join?" + string(link), "/rooms/join/" + string(link)} {
		for _, method := range []string{"HEAD", "GET", "POST"} {
			scan(method, path, "")
		}
	}
	entering := fmt.Sprintf(`{"link":%q,"name":"Scanner"}`, link)
	for name, header := range map[string][]string{
		"without the page":          nil,
		"with a cookie of its own":  {"Cookie", "oi_page=x"},
		"from another site":         {"Cookie", p.pageCookie(), "Origin", "https://scanner.example"},
		"from another site, by tag": {"Cookie", p.pageCookie(), "Sec-Fetch-Site", "cross-site"},
	} {
		p.refused.take()
		if got := scan("POST", "/auth/guest/enter", entering, append([]string{"Content-Type", "application/json"}, header...)...); got != http.StatusForbidden {
			t.Errorf("%s: %d", name, got)
		}
		p.told(name, access.Actor{}, audit.SignIn, access.ErrPage.Code(), "")
	}
	if s := storetest.Value[string](t, p.db, `SELECT state FROM invitation WHERE id = $1`, v.ID.UUID()); s != "pending" {
		t.Errorf("the invitation is %s", s)
	}
	if n := storetest.Value[int](t, p.db, `SELECT count(*) FROM audit WHERE action = 'invitation.opened'`); n != 0 {
		t.Error("it is kept as opened")
	}
	// Its reader comes after it, and once.
	cookie := p.pageCookie()
	if got, m, _ := p.page(cookie, "knock", fields{"link": string(link)}); got != 200 {
		t.Errorf("knock: %d %v", got, m)
	}
	if got, m, _ := p.page(cookie, "enter", fields{"link": string(link), "name": "Gus"}); got != 200 {
		t.Errorf("enter: %d %v", got, m)
	}
	p.refused.take()
	if got, m, _ := p.page(cookie, "enter", fields{"link": string(link), "name": "Gus"}); got != 422 {
		t.Errorf("the link again: %d %v", got, m)
	}
	p.told("the link again", access.Actor{Org: p.Una.Org}, audit.SignIn, "invitation_accepted", v.ID.String())
	for _, action := range []string{"sent", "opened", "accepted"} {
		if n := storetest.Value[int](t, p.db, `SELECT count(*) FROM audit WHERE object_id = $1 AND action = $2`, v.ID.String(), "invitation."+action); n != 1 {
			t.Errorf("%d rows say that it was %s", n, action)
		}
	}
	// A guess at the code of one that waits.
	w, _, _ := p.invited("gil@harbor.example", room.Broker)
	if got, m, _ := p.page(cookie, "enter", fields{"email": "gil@harbor.example", "code": "AAAA-AAAA", "name": "Gil"}); got != 422 {
		t.Errorf("a wrong code: %d %v", got, m)
	}
	p.told("a wrong code", access.Actor{Org: p.Una.Org}, audit.SignIn, room.ErrInvitationCode.Code(), w.ID.String())
}

// silent is an authority that is asked about every permission and cannot say.
type silent struct{}

func (silent) Evaluate(context.Context, access.Actor, access.Permission, access.Object) (access.Opinion, error) {
	return access.Opinion{}, access.ErrUnavailable
}

// TestIntruderWhileNobodyCanSay: as long as the authority that is asked does not
// answer, nobody gets anything: not whom our own tuples allow it, which the
// audit log has as our failure, and not whom they refuse, as ever.
func TestIntruderWhileNobodyCanSay(t *testing.T) {
	c := newCast(t)
	sub := c.submission()
	c.refused.take()
	c.db.Judge(silent{})
	for _, tt := range []struct {
		who     string
		status  int
		outcome audit.Outcome
		reason  string
	}{
		{"una", 503, audit.Failed, access.ErrUnavailable.Code()},
		{"eve", 404, audit.Refused, "not_found"},
	} {
		if got, m, _ := c.as(tt.who, "GET", "/v1/submissions/"+sub, ""); got != tt.status || m["error"] != tt.reason || m["insuredName"] != nil {
			t.Errorf("%s: %d %v", tt.who, got, m)
		}
		row := c.refused.heard(t, func(audit.Row) bool { return true })
		if row.Action != audit.Permission || row.Outcome != tt.outcome || row.Reason != tt.reason || row.ActorID != c.id(tt.who) || row.ObjectID != sub {
			t.Errorf("%s: the audit log is told of %+v", tt.who, row)
		}
	}
}
