package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// invited makes an invitation into the place's room whose link and code the test
// knows, as nobody else does.
func (p *place) invited(email string, role room.Role) (room.Invitation, room.Secret, string) {
	p.t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	v := room.Invitation{
		ID: room.NewInvitationID(now), Room: p.Room.ID, Org: p.Room.Org, Email: email, Role: role, CanChat: role == room.Broker,
		InvitedBy: event.Author{ID: p.Una.ID, Name: "Una", OrgName: "Summit"}, State: room.Waiting, CreatedAt: now, ExpiresAt: now.Add(room.InvitationAge),
	}
	link, code := room.NewSecret(), room.NewCode()
	err := p.db.InTx(p.t.Context(), p.Una, func(tx *store.Tx) error {
		if _, err := tx.LockRoom(p.t.Context(), p.Room.ID); err != nil {
			return err
		}
		notice := push.InvitationNotice("Una", "Summit", "Builders", "https://here/rooms/join#"+string(link), "https://here/rooms/join", code, room.InvitationAge, v.ExpiresAt)
		return tx.AddInvitation(p.t.Context(), p.Una, v, link, code, notice)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return v, link, code
}

// pageCookie is what a browser is given with the page of a link.
func (p *place) pageCookie() string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.world.url+"/rooms/join", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = res.Body.Close()
	cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return cookie
}

// page sends what the page does.
func (p *place) page(cookie, path string, body any) (int, map[string]any, http.Header) {
	p.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.call("", "POST", "/auth/guest/"+path, string(b), "Cookie", cookie, "Origin", p.world.url, "Sec-Fetch-Site", "same-origin")
}

type fields map[string]string

// joined is a guest under a name: his token and the cookie of his browser.
func (p *place) joined(name, email string, role room.Role) (guest map[string]any, device string) {
	p.t.Helper()
	_, link, _ := p.invited(email, role)
	status, body, h := p.page(p.pageCookie(), "enter", fields{"link": string(link), "name": name})
	if status != 200 {
		p.t.Fatalf("enter: %d %v", status, body)
	}
	set := h.Get("Set-Cookie")
	if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") || !strings.Contains(set, "Max-Age=2592000") || !strings.Contains(set, "Path=/auth/guest") {
		p.t.Errorf("the device's cookie: %s", set)
	}
	p.as[name] = body["token"].(string)
	device, _, _ = strings.Cut(set, ";")
	return body, device
}

// guestMay are the operations that are open to guests, with what becomes of them
// in his own room.
var guestMay = map[string]int{
	"get-deal-room": 200, "list-messages": 200, "post-message": 201, "read-messages": 200, "add-file": 201, "list-files": 200,
	"get-file": 404, "get-file-content": 404, "edit-message": 404, "delete-message": 404, // there is none such
	"list-annotations": 200, "open-deal-room": 200, "create-ticket": 200,
}

// TestGuestMatrix asks every operation of the contract as a guest, in his own
// room and in another: what is not open to him is refused, whatever it is about.
func TestGuestMatrix(t *testing.T) {
	p := newPlace(t)
	p.joined("gus", "gus@harbor.example", room.Broker)
	other := storetest.Room(t, p.db, p.Una)
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Security    []any
		}
	}
	res := p.must(200, "", "GET", "/openapi.json", "")
	raw, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{"post-message": `{"body":"Hello."}`, "read-messages": `{"seq":1}`, "edit-message": `{"body":"x"}`, "create-ticket": `{}`}
	asked := 0
	for path, methods := range document.Paths {
		for method, op := range methods {
			if op.Security == nil { // anybody's
				continue
			}
			asked++
			ask := func(id string) (int, string) {
				at := strings.NewReplacer("{id}", id, "{fileId}", room.NewFileID(time.Now()).String(), "{messageId}", "msg_1", "{userId}", p.Ben.ID).Replace(path)
				body, header := bodies[op.OperationID], []string(nil)
				if op.OperationID == "add-file" {
					body, header = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nx\r\n--x--\r\n", []string{"Content-Type", "multipart/form-data; boundary=x"}
				}
				status, m, _ := p.call(p.as["gus"], strings.ToUpper(method), at, body, header...)
				code, _ := m["error"].(string)
				return status, code
			}
			want, open := guestMay[op.OperationID]
			status, code := ask(p.Room.ID.String())
			if !open {
				if status != 403 || code != "guest_room_only" {
					t.Errorf("%s: %d %s", op.OperationID, status, code)
				}
				continue
			}
			if status != want {
				t.Errorf("%s: %d %s, want %d", op.OperationID, status, code, want)
			}
			if strings.Contains(path, "{id}") {
				if status, _ := ask(other.ID.String()); status != 404 {
					t.Errorf("%s in another room: %d", op.OperationID, status)
				}
			}
		}
	}
	if asked < 60 {
		t.Errorf("only %d operations were asked", asked)
	}
	p.must(404, p.as["gus"], "POST", "/v1/realtime/tickets", `{"dealRoomId":"`+other.ID.String()+`"}`)
	for name, body := range map[string]string{"own desk": `{"body":"x","visibility":"internal"}`} {
		if status, m, _ := p.call(p.as["gus"], "POST", p.path+"/messages", body); status != 403 {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
	if status, m, _ := p.call(p.as["gus"], "GET", p.path+"/messages?channel=desk", ""); status != 403 {
		t.Errorf("reads a desk: %d %v", status, m)
	}
	// One who may not chat only reads.
	p.joined("vera", "vera@harbor.example", room.Viewer)
	p.must(200, p.as["vera"], "GET", p.path+"/messages", "")
	p.must(403, p.as["vera"], "POST", p.path+"/messages", `{"body":"Hello."}`)
}

// TestGuestOnASocket is the guest's row of TestWhoMayOnASocket, and what becomes
// of his sockets when he is removed.
func TestGuestOnASocket(t *testing.T) {
	p := newPlace(t)
	gus, device := p.joined("gus", "gus@harbor.example", room.Broker)
	other := storetest.Room(t, p.db, p.Una)
	shared := room.Shared(p.Room.ID, p.Una.Org).Name
	var firm access.OrgID
	for _, v := range p.must(200, p.as["una"], "GET", p.path, "")["participants"].([]any) {
		if v := v.(map[string]any); v["userId"] == gus["userId"] {
			if err := firm.UnmarshalText([]byte(v["orgId"].(string))); err != nil || v["guest"] != true {
				t.Fatalf("%v %v", v, err)
			}
		}
	}
	ticket := p.must(200, p.as["gus"], "GET", p.path+"/ws", "")["ticket"].(string)
	lines := map[string]*line{}
	for name, at := range map[string]string{"by ticket": "/v1/ws?ticket=" + ticket, "by header": "/v1/ws", "upgraded": p.path + "/ws"} {
		l, first := p.open("gus", at)
		if first.Type != "init" || first.Channel != shared {
			t.Fatalf("%s: %+v", name, first)
		}
		lines[name] = l
	}
	l := lines["by header"]
	for name, c := range map[string]struct {
		channel string
		want    int
	}{
		"another room": {room.Shared(other.ID, p.Una.Org).Name, 403}, "the room's desk": {room.Desk(p.Room.ID, p.Una.Org).Name, 404},
		"his firm's desk": {room.Desk(p.Room.ID, firm).Name, 404}, "the underwriters": {event.OrgChannel(p.Una.Org, event.Underwriting), 403},
		"his own": {"person:" + gus["userId"].(string), 403},
	} {
		l.send(`{"id":1,"type":"subscribe","channel":%q}`, c.channel)
		if f := l.until("subscribed", "error"); f.Type == "subscribed" || f.status() != c.want {
			t.Errorf("%s: %+v, want %d", name, f, c.want)
		}
	}
	l.send(`{"id":2,"type":"post","channel":%q,"body":"Hello.","clientId":"5f0c2f6e-9a51-4a5e-8a39-2f0f6c1f7a10"}`, shared)
	if f := l.until("posted", "error"); f.Type != "posted" {
		t.Errorf("post: %+v", f)
	}
	l.send(`{"id":3,"type":"post","channel":%q,"body":"Hello.","visibility":"internal"}`, shared)
	if f := l.until("posted", "error"); f.Type != "error" {
		t.Errorf("post on a desk: %+v", f)
	}
	left := p.must(200, p.as["gus"], "GET", p.path+"/ws", "")["ticket"].(string)

	began := time.Now()
	p.must(204, p.as["una"], "DELETE", p.path+"/participants/"+gus["userId"].(string), "")
	// What is said after it is after it in the room: he never hears it, however
	// late his lines are cut.
	p.must(201, p.as["una"], "POST", p.path+"/messages", `{"body":"He is gone."}`)
	for name, l := range lines {
		if f := l.until("unsubscribed"); f.Channel != shared {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for _, at := range []string{"", "/messages", "/files", "/ws"} {
		if m := p.must(401, p.as["gus"], "GET", p.path+at, ""); m["error"] != "not_in_room" {
			t.Errorf("%s: %v", at, m)
		}
	}
	if _, status := p.reach("gus", "/v1/ws?ticket="+left); status != 401 {
		t.Errorf("a ticket of before: %d", status)
	}
	if status, m, _ := p.page(device, "session", fields{"roomId": p.Room.ID.String()}); status != 401 {
		t.Errorf("his browser: %d %v", status, m)
	}
	for name, l := range lines {
		if strings.Contains(l.raw.String(), "He is gone.") {
			t.Errorf("%s: he hears the room", name)
		}
	}

	// Invited again he is who he was, and what he had before stays void: tokens
	// count in seconds.
	before := p.as["gus"]
	deadline := time.Now().Add(2 * time.Second)
	for time.Now().Truncate(time.Second).Equal(began.Truncate(time.Second)) && time.Now().Before(deadline) {
		p.must(401, before, "GET", p.path, "")
	}
	again, _ := p.joined("gus", "GUS@harbor.example", room.Broker)
	if again["userId"] != gus["userId"] {
		t.Errorf("he was %v and is %v", gus["userId"], again["userId"])
	}
	p.must(200, p.as["gus"], "GET", p.path, "")
	p.must(401, before, "GET", p.path, "")
	if status, m, _ := p.page(device, "session", fields{"roomId": p.Room.ID.String()}); status != 401 {
		t.Errorf("the browser of before: %d %v", status, m)
	}
}

// TestOneGuestOfTwoRooms has two rooms welcome one address for the first time at
// once: he is one user, and each token and cookie is for its own room.
func TestOneGuestOfTwoRooms(t *testing.T) {
	p := newPlace(t)
	q := &place{world: p.world, Deal: p.Deal, as: map[string]string{}}
	q.Room = storetest.Room(t, p.db, p.Una)
	q.path = "/v1/deal-rooms/" + q.Room.ID.String()
	cookie := p.pageCookie()
	var wg sync.WaitGroup
	tokens, users, devices := make([]string, 2), make([]any, 2), make([]string, 2)
	for i, at := range []*place{p, q} {
		_, link, _ := at.invited("gus@harbor.example", room.Broker)
		wg.Go(func() {
			status, m, h := at.page(cookie, "enter", fields{"link": string(link), "name": "Gus"})
			if status != 200 {
				t.Errorf("room %d: %d %v", i, status, m)
				return
			}
			tokens[i], users[i] = m["token"].(string), m["userId"]
			devices[i], _, _ = strings.Cut(h.Get("Set-Cookie"), ";")
		})
	}
	wg.Wait()
	if users[0] != users[1] || users[0] == nil {
		t.Errorf("users %v", users)
	}
	p.must(200, tokens[0], "GET", p.path, "")
	p.must(404, tokens[0], "GET", q.path, "")
	p.must(404, tokens[1], "GET", p.path, "")
	p.must(200, tokens[1], "GET", q.path, "")
	if status, _, _ := p.page(devices[0], "session", fields{"roomId": q.Room.ID.String()}); status != 401 {
		t.Errorf("the cookie of one room in the other: %d", status)
	}
	// He is nobody's user: the system cannot make him one either.
	for _, v := range p.must(200, p.as["una"], "GET", p.path, "")["participants"].([]any) {
		if v := v.(map[string]any); v["userId"] == users[0] {
			p.must(404, worldSecret, "PATCH", "/v1/users/"+v["userId"].(string)+"?orgId="+v["orgId"].(string), `{"status":"active"}`)
			if list := p.must(200, worldSecret, "GET", "/v1/users?orgId="+v["orgId"].(string), "")["data"].([]any); len(list) > 0 {
				t.Errorf("users of his firm: %v", list)
			}
		}
	}
	// Being a guest keeps nobody from getting an account, which a guest's is not.
	p.must(201, p.as["ada"], "POST", "/v1/users", `{"email":"gus@harbor.example","name":"Gus","role":"auditor"}`)
}

// TestGuestTokens are tokens that look like a guest's.
func TestGuestTokens(t *testing.T) {
	p := newPlace(t)
	gus, _ := p.joined("gus", "gus@harbor.example", room.Broker)
	other := storetest.Room(t, p.db, p.Una)
	var firm access.OrgID
	for _, v := range p.must(200, p.as["una"], "GET", p.path, "")["participants"].([]any) {
		if v := v.(map[string]any); v["userId"] == gus["userId"] {
			_ = firm.UnmarshalText([]byte(v["orgId"].(string))) // or it is zero, and all is refused
		}
	}
	good := access.Actor{Kind: access.Guest, ID: gus["userId"].(string), Org: firm, Room: p.Room.ID.String()}
	for name, tt := range map[string]struct {
		change func(*access.Actor)
		want   int
	}{
		"as it is":                 {func(*access.Actor) {}, 200},
		"as a user":                {func(a *access.Actor) { a.Kind, a.Room = access.User, "" }, 401},
		"of another room":          {func(a *access.Actor) { a.Room = other.ID.String() }, 401},
		"of no room":               {func(a *access.Actor) { a.Room = "" }, 401},
		"of another organisation":  {func(a *access.Actor) { a.Org = p.Una.Org }, 401},
		"a user as a guest":        {func(a *access.Actor) { a.ID, a.Org = p.Ben.ID, p.Ben.Org }, 401},
		"an underwriter's, as his": {func(a *access.Actor) { a.ID, a.Org = p.Una.ID, p.Una.Org }, 401},
	} {
		a := good
		tt.change(&a)
		if status, m, _ := p.call(p.token(a), "GET", p.path, ""); status != tt.want {
			t.Errorf("%s: %d %v, want %d", name, status, m, tt.want)
		}
	}
}

// TestPageOfRoom looks at what stands around the page: its policy, its cookie,
// and that nothing is looked up for it.
func TestPageOfRoom(t *testing.T) {
	tokens, err := access.ParseTokens(access.NewTokenKey("t"), "http://test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Deps{}, Config{Environment: "production"})
	a.registerRoomPage(Platform{Door: &Door{Tokens: tokens}}) // without a database
	parts := "/rooms/" + roomVersion() + "/"
	html := ""
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		for path, contentType := range map[string]string{
			"/rooms/join": "text/html; charset=utf-8", "/rooms/room_1": "text/html; charset=utf-8", parts + "room.js": "text/javascript; charset=utf-8",
			parts + "deal.js": "text/javascript; charset=utf-8", parts + "room.css": "text/css; charset=utf-8", "/rooms/reload.js": "text/javascript; charset=utf-8",
			"/rooms/deal.js": "text/javascript; charset=utf-8",
		} {
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
			h := w.Header()
			if w.Code != 200 || h.Get("Content-Type") != contentType || h.Get("Content-Security-Policy") != roomPolicy || h.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%s %s: %d %v", method, path, w.Code, h)
			}
			if set := h.Get("Set-Cookie"); (set != "") != (path == "/rooms/join") || set != "" && (!strings.Contains(set, "; Secure") || h.Get("Cache-Control") != "no-store") {
				t.Errorf("%s %s: cookie %q", method, path, set)
			}
			if keep := h.Get("Cache-Control"); strings.HasSuffix(keep, "immutable") != strings.HasPrefix(path, parts) {
				t.Errorf("%s %s: kept as %q", method, path, keep)
			}
			if path == "/rooms/room_1" {
				html = w.Body.String()
			}
		}
	}
	w := httptest.NewRecorder() // what a page of another version asks for
	a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/rooms/0123456789abcdef/deal.js", nil))
	if keep := w.Header().Get("Cache-Control"); w.Code != http.StatusNotFound || keep != "no-store" {
		t.Errorf("a part of another version: %d, kept as %q", w.Code, keep)
	}
	for _, word := range []string{"'unsafe-inline'", "'unsafe-eval'", "http:", "https:"} {
		if strings.Contains(roomPolicy, word) {
			t.Errorf("the policy allows %s", word)
		}
	}
	for _, name := range roomParts() { // at once, and not one after another as they import each other
		at := parts + name
		if name == roomReloader {
			at = "/rooms/" + name
		}
		if !strings.Contains(html, `="`+at+`"`) {
			t.Errorf("the page does not name %s", at)
		}
		part := roomFile(name)
		for _, word := range []string{"innerHTML", "insertAdjacentHTML", "eval(", "http://", "https://"} { // what others wrote is text
			if strings.Contains(string(part), word) {
				t.Errorf("%s has %s", name, word)
			}
		}
	}
	for _, word := range []string{"style=", "onclick", "http://", "https://", "<script>"} {
		if strings.Contains(html, word) {
			t.Errorf("the page has %s", word)
		}
	}
}

// TestGuestChangesHisOwnWords: a guest edits and deletes what he said, and
// nothing else, as long as he may chat and is in the room.
func TestGuestChangesHisOwnWords(t *testing.T) {
	p := newPlace(t)
	gus, _ := p.joined("gus", "gus@harbor.example", room.Broker)
	p.joined("gil", "gil@harbor.example", room.Broker)
	said := func(who string) string {
		t.Helper()
		return p.want(201, who, "POST", "/messages", `{"body":"first words"}`)["id"].(string)
	}
	mine, una, gil, ben := said("gus"), said("una"), said("gil"), said("ben")
	desk := p.say("una", "between us", asDesk)["id"].(string)
	if m := p.want(200, "gus", "PATCH", "/messages/"+mine, `{"body":"second words"}`); m["body"] != "second words" || m["editedAt"] == nil {
		t.Errorf("edited: %v", m)
	}
	for name, id := range map[string]string{"the lead's": una, "another guest's": gil, "a broker's": ben} {
		for method, body := range map[string]string{"PATCH": `{"body":"his"}`, "DELETE": ""} {
			if status, m := p.do("gus", method, "/messages/"+id, body); status != 403 || m["error"] != "not_author" {
				t.Errorf("%s %s: %d %v", method, name, status, m)
			}
		}
	}
	p.want(404, "gus", "PATCH", "/messages/"+desk, `{"body":"his"}`)
	p.want(404, "gus", "DELETE", "/messages/"+desk, "")
	p.want(403, "una", "DELETE", "/messages/"+mine, "") // another company's words
	p.want(200, "una", "PATCH", "/participants/"+gus["userId"].(string), `{"canChat":false}`)
	p.want(403, "gus", "PATCH", "/messages/"+mine, `{"body":"third words"}`)
	p.want(403, "gus", "DELETE", "/messages/"+mine, "")
	p.want(200, "una", "PATCH", "/participants/"+gus["userId"].(string), `{"canChat":true}`)
	p.want(204, "gus", "DELETE", "/messages/"+mine, "")
	for _, v := range p.want(200, "una", "GET", "/messages", "")["data"].([]any) {
		if m := v.(map[string]any); m["id"] == mine && (m["body"] != "" || m["deletedAt"] == nil) || m["id"] != mine && m["body"] != "first words" {
			t.Errorf("after it: %v", m)
		}
	}
}

// TestAbsentGuest: a guest who is away is mailed once that there is news, by a
// path of the room, and again only once he has been there and is gone again.
func TestAbsentGuest(t *testing.T) {
	p := newPlace(t)
	gus, _ := p.joined("gus", "gus@harbor.example", room.Broker)
	gil, _ := p.joined("gil", "gil@harbor.example", room.Broker)
	if _, err := p.db.Lease(t.Context(), push.Mail, "test", 100, time.Minute); err != nil { // the invitations
		t.Fatal(err)
	}
	shared := room.Shared(p.Room.ID, p.Una.Org).Name
	pass := func(want ...string) {
		t.Helper()
		if _, _, err := p.db.FanMessages(t.Context(), []string{shared}); err != nil {
			t.Fatal(err)
		}
		storetest.SQL(t, p.db, `UPDATE nudge SET due_at = now() WHERE due_at IS NOT NULL`)
		if _, _, err := p.db.Nudge(t.Context()); err != nil {
			t.Fatal(err)
		}
		ds, err := p.db.Lease(t.Context(), push.Mail, "test", 100, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range ds {
			if d.Type != push.GuestNewsType {
				continue
			}
			got = append(got, d.Mailbox.Address)
			words := d.Notice.Words["en"].Title + d.Notice.Words["en"].Body + d.Notice.Words["es"].Body
			if d.Notice.Link != "/rooms/"+p.Room.ID.String() || !d.Notice.IsLetter() || !strings.Contains(words, "Summit") || strings.Contains(words, "heliotrope") {
				t.Errorf("letter %+v", d.Notice)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("mailed %v, want %v", got, want)
		}
	}
	read := func(who string) {
		t.Helper()
		head := p.want(200, who, "GET", "/messages", "")["head"]
		p.want(200, who, "POST", "/read", fmt.Sprintf(`{"seq":%v}`, head))
	}
	p.say("una", "heliotrope 1")
	p.say("una", "heliotrope 2")
	pass("gil@harbor.example", "gus@harbor.example")
	for range 3 {
		p.say("una", "heliotrope, still")
		pass()
	}
	storetest.SQL(t, p.db, `UPDATE nudge SET last_at = now() - interval '1 day'`)
	p.say("una", "heliotrope, a day later")
	pass()
	read("gus")
	p.say("una", "heliotrope, again")
	pass("gus@harbor.example")
	read("gil")
	read("gus")
	m := p.say("una", "heliotrope, taken back")["id"].(string)
	p.want(204, "una", "DELETE", "/messages/"+m, "")
	pass()
	p.say("una", "heliotrope, while he is there")
	read("gus")
	pass("gil@harbor.example")
	if n := storetest.Value[int](t, p.db, `SELECT count(*) FROM notification WHERE subject IN ($1, $2) AND type = 'deal_room.message_posted'`, gus["userId"], gil["userId"]); n != 0 {
		t.Errorf("%d notices are in inboxes that they have not", n)
	}
	// One who is removed is told nothing more, not even what was owed.
	p.say("una", "heliotrope, before he is gone")
	if _, _, err := p.db.FanMessages(t.Context(), []string{shared}); err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, p.db, `UPDATE nudge SET due_at = now() WHERE due_at IS NOT NULL`)
	if _, _, err := p.db.Nudge(t.Context()); err != nil {
		t.Fatal(err)
	}
	owed := `SELECT count(*) FROM delivery WHERE type = 'deal_room.guest_news' AND state = 'pending'`
	if n := storetest.Value[int](t, p.db, owed); n != 1 {
		t.Errorf("%d mails are owed", n)
	}
	p.want(204, "una", "DELETE", "/participants/"+gus["userId"].(string), "")
	if n := storetest.Value[int](t, p.db, owed); n != 0 {
		t.Errorf("%d mails are owed to one who is gone", n)
	}
	pass()
}
