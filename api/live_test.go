package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// runHub runs a hub over the world's database until the test is over.
func runHub(t *testing.T, app *Live, log *slog.Logger) *hub.Hub {
	t.Helper()
	h := hub.New(Entries{app.Platform.DB}, hub.NewMemory(), app, hub.Config{Logger: log, Denied: app.Denied})
	app.Platform.DB.OnCommit(func(_ context.Context, es []store.Entry) { h.Publish(HubEntries(es)...) })
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	return h
}

// A line is a live socket of somebody, which reads one frame at a time.
type line struct {
	t    *testing.T
	who  string
	conn *websocket.Conn
	raw  strings.Builder // everything that was sent to him
}

type lineFrame struct {
	Type, Channel, Code, Message, Epoch, MessageID string
	Seq                                            int64
	Event                                          struct {
		Type string
		Data struct{ Body, Visibility string }
	}
	Messages []map[string]any
	Resumed  bool
	Reset    string
}

// reach opens a socket at a path; the status is that of a refusal.
func (p *place) reach(who, path string, header ...string) (*line, int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	h := http.Header{}
	if b := p.bearer(who); b != "" && !strings.Contains(path, "ticket=") {
		h.Set("Authorization", "Bearer "+b)
	}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	url := p.world.url + path
	if who == "system" {
		url += "?orgId=" + p.Una.Org.String()
	}
	conn, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		if res == nil {
			p.t.Fatal(err)
		}
		_ = res.Body.Close() // Dial has read it
		return nil, res.StatusCode
	}
	conn.SetReadLimit(1 << 22)
	p.t.Cleanup(func() { _ = conn.CloseNow() })
	return &line{t: p.t, who: who, conn: conn}, http.StatusSwitchingProtocols
}

// open is reach that must succeed, with its first frame.
func (p *place) open(who, path string) (*line, lineFrame) {
	p.t.Helper()
	l, status := p.reach(who, path)
	if l == nil {
		p.t.Fatalf("%s opens %s: %d", who, path, status)
	}
	return l, l.next()
}

func (l *line) send(format string, args ...any) {
	l.t.Helper()
	if err := l.conn.Write(l.t.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		l.t.Fatalf("%s: %v", l.who, err)
	}
}

func (l *line) read() (lineFrame, error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	var f lineFrame
	_, b, err := l.conn.Read(ctx)
	if err != nil {
		return f, err
	}
	l.raw.Write(b)
	return f, json.Unmarshal(b, &f)
}

func (l *line) next() lineFrame {
	l.t.Helper()
	f, err := l.read()
	if err != nil {
		l.t.Fatalf("%s: %v", l.who, err)
	}
	return f
}

// until reads on to the first frame of one of the types.
func (l *line) until(types ...string) lineFrame {
	l.t.Helper()
	for {
		f := l.next()
		if slices.Contains(types, f.Type) {
			return f
		}
	}
}

// status of a frame's outcome, as REST would say it.
func (f lineFrame) status() int {
	switch {
	case f.Type == "subscribed":
		return 200
	case f.Type == "posted":
		return 201
	case f.Code == "not_found":
		return 404
	}
	return 403 // forbidden, insufficient_scope, not_subscribed
}

// TestWhoMayOnASocket is the table of TestWhoMayInARoom over sockets: who hears
// a room and his company's desk, and who speaks there. Nobody hears the other
// company's desk, or learns that there is one.
func TestWhoMayOnASocket(t *testing.T) {
	p := newPlace(t)
	id := p.Room.ID
	shared := room.Shared(id, p.Una.Org).Name
	summit, harbor := room.Desk(id, p.Una.Org).Name, room.Desk(id, p.Ben.Org).Name
	for _, tt := range []struct {
		who                                 string
		own, other                          string
		read, post, deskRead, deskPost, org int
	}{
		{"una", summit, harbor, 200, 201, 200, 201, 200},
		{"uri", summit, harbor, 200, 201, 200, 201, 200},
		{"uno", summit, harbor, 200, 403, 200, 201, 200},
		{"ulf", summit, harbor, 200, 403, 200, 201, 200},
		{"ada", summit, harbor, 200, 403, 200, 201, 200},
		{"abe", summit, harbor, 200, 403, 200, 403, 200},
		{"ben", harbor, summit, 200, 201, 200, 201, 404},
		{"bob", harbor, summit, 200, 403, 200, 201, 404},
		{"vic", harbor, summit, 200, 403, 403, 403, 404},
		{"bea", harbor, summit, 404, 403, 404, 403, 404},
		{"eve", harbor, summit, 404, 403, 404, 403, 404},
		{"writing key", summit, harbor, 200, 201, 403, 403, 403},
		{"reading key", summit, harbor, 200, 403, 403, 403, 403},
		{"other key", summit, harbor, 403, 403, 403, 403, 403},
		{"system", summit, harbor, 200, 201, 403, 403, 200},
	} {
		t.Run(tt.who, func(t *testing.T) {
			l, first := p.open(tt.who, "/v1/ws")
			if first.Type != "connected" {
				t.Fatalf("first frame %+v", first)
			}
			own := tt.own
			if tt.who == "vic" || tt.who == "eve" { // of other companies
				own = room.Desk(id, p.orgOf(tt.who)).Name
			}
			for _, c := range []struct {
				name, frame string
				want        int
			}{
				{"hear the room", `"type":"subscribe","channel":"` + shared + `"`, tt.read},
				{"hear the own desk", `"type":"subscribe","channel":"` + own + `"`, tt.deskRead},
				{"hear the other desk", `"type":"subscribe","channel":"` + tt.other + `"`, map[bool]int{true: 403, false: 404}[tt.who == "other key"]}, // who lacks the scope is told that, of anything
				{"hear the organisation", `"type":"subscribe","channel":"` + event.OrgChannel(p.Una.Org, event.Underwriting) + `"`, tt.org},
				{"hear who lost what", `"type":"subscribe","channel":"` + event.AccessChannel(p.Una.Org).Name + `"`, 404},
				{"hear another person", `"type":"subscribe","channel":"person:` + p.Uno.ID + `"`, map[bool]int{true: 200, false: 404}[tt.who == "uno"]},
				{"speak in the room", `"type":"post","channel":"` + shared + `","body":"hello"`, tt.post},
				{"speak on the own desk", `"type":"post","channel":"` + own + `","body":"hello"`, tt.deskPost},
				{"speak on the own desk by the room", `"type":"post","channel":"` + shared + `","visibility":"internal","body":"hello"`, tt.deskPost},
				{"speak on the other desk", `"type":"post","channel":"` + tt.other + `","body":"hello"`, 403},
			} {
				l.send(`{"id":1,%s}`, c.frame)
				f := l.until("subscribed", "posted", "error")
				if got := f.status(); got != c.want {
					t.Errorf("%s: %d %s, want %d", c.name, got, f.Code, c.want)
				}
			}
		})
	}
	if _, status := p.reach("nobody", "/v1/ws"); status != http.StatusUnauthorized {
		t.Errorf("nobody opens a socket: %d", status)
	}
}

func (p *place) orgOf(who string) access.OrgID {
	return map[string]access.OrgID{"vic": p.Vic.Org, "eve": p.Eve.Org}[who]
}

// TestDesksDoNotLeakOverSockets fills a desk with a word over every way in while
// everybody listens to all that he can: the word reaches its company only.
func TestDesksDoNotLeakOverSockets(t *testing.T) {
	const word = "heliotrope"
	p := newPlace(t)
	shared, summit := room.Shared(p.Room.ID, p.Una.Org).Name, room.Desk(p.Room.ID, p.Una.Org).Name
	listen := func(who string, channels ...string) *line {
		l, _ := p.open(who, "/v1/ws")
		for _, c := range channels {
			l.send(`{"id":1,"type":"subscribe","channel":%q,"since":{"epoch":"x","seq":0},"presence":true}`, c)
			l.until("subscribed", "error")
		}
		return l
	}
	outsiders := []*line{}
	for _, who := range []string{"ben", "bob", "vic", "bea", "eve", "writing key", "reading key", "system"} {
		outsiders = append(outsiders, listen(who, summit, shared, event.OrgChannel(p.Una.Org, event.Underwriting)))
	}
	inRoom, _ := p.open("ben", p.path+"/ws")
	outsiders = append(outsiders, inRoom)
	stream := p.stream("ben", shared, "")
	una, uri := listen("una", shared, summit), listen("uri", summit)

	una.send(`{"id":2,"type":"post","channel":%q,"body":"the %s over a socket"}`, summit, word)
	una.until("posted")
	una.send(`{"id":3,"type":"post","channel":%q,"visibility":"internal","body":"the %s by the room"}`, shared, word)
	una.until("posted")
	una.send(`{"id":4,"type":"post","channel":%q,"body":%q,"replyTo":"msg_%s"}`, shared, word, word) // refused whole
	una.until("error")
	una.send(`{"type":"typing","channel":%q,"on":true}`, summit)
	m := p.say("una", "the "+word+" by REST", asDesk)["id"].(string)
	p.want(200, "una", "PATCH", "/messages/"+m, `{"body":"the `+word+` edited"}`)
	p.want(204, "una", "DELETE", "/messages/"+m, "")
	p.upload(t, "una", word+".txt", "internal", word)
	p.say("una", "the end")

	for heard := 0; heard < 3; {
		if f := uri.next(); strings.Contains(f.Event.Data.Body, word) || f.Event.Type == "deal_room.message_edited" {
			heard++
		}
	}
	for _, l := range outsiders {
		if l.who != "bea" && l.who != "eve" { // who hear nothing at all
			for f := l.next(); f.Event.Data.Body != "the end"; f = l.next() {
			}
		}
		if strings.Contains(l.raw.String(), word) {
			t.Errorf("%s was sent the word: %s", l.who, l.raw.String())
		}
	}
	if text := stream.until("the end"); strings.Contains(text, word) {
		t.Errorf("a stream has the word: %s", text)
	}
	if log := p.log.String(); strings.Contains(log, word) || log == "" {
		t.Errorf("the log has the word, or nothing")
	}
}

// A reading is a stream of server-sent events.
type reading struct {
	t     *testing.T
	lines *bufio.Scanner
}

func (p *place) stream(who, channel, lastID string) *reading {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.world.url+"/v1/events/stream?channel="+channel, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.bearer(who))
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { cancel(); _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body) // to be shown
		p.t.Fatalf("%s streams %s: %d %s", who, channel, res.StatusCode, b)
	}
	return &reading{p.t, bufio.NewScanner(res.Body)}
}

// until returns everything up to the line with a text.
func (r *reading) until(text string) string {
	r.t.Helper()
	var all strings.Builder
	for r.lines.Scan() {
		all.WriteString(r.lines.Text() + "\n")
		if strings.Contains(r.lines.Text(), text) {
			return all.String()
		}
	}
	r.t.Fatalf("the stream ended with %v before %q:\n%s", r.lines.Err(), text, all.String())
	return ""
}

func TestStreamGoesOn(t *testing.T) {
	p := newPlace(t)
	shared := room.Shared(p.Room.ID, p.Una.Org).Name
	first := p.stream("ben", shared, "")
	p.say("una", "one")
	text := first.until("one")
	var position string
	for line := range strings.Lines(text) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "id: "); ok {
			position = at
		}
	}
	p.say("una", "two")
	p.say("una", "three")
	again := p.stream("ben", shared, position)
	if text := again.until("three"); !strings.Contains(text, "two") || strings.Contains(text, `"one"`) {
		t.Errorf("went on with\n%s", text)
	}
	for path, want := range map[string]int{
		"/v1/events/stream?channel=" + room.Desk(p.Room.ID, p.Una.Org).Name: 404,
		"/v1/events/stream":                                400,
		"/v1/events/stream?channel=x":                      404,
		"/v1/events/stream?ticket=x.y.z&channel=" + shared: 401,
	} {
		if status, m, _ := p.call(p.bearer("ben"), "GET", path, ""); status != want {
			t.Errorf("%s: %d %v, want %d", path, status, m, want)
		}
	}
}

// ticketFor asks for a ticket, for a room or none.
func (p *place) ticketFor(who, roomID string) string {
	p.t.Helper()
	return p.must(200, p.bearer(who), "POST", "/v1/realtime/tickets", `{"dealRoomId":"`+roomID+`"}`)["ticket"].(string)
}

// TestTickets: what a ticket is good for, once, and what does not use it up.
func TestTickets(t *testing.T) {
	p := newPlace(t)
	id := p.Room.ID.String()
	at := func(ticket string) string { return "/v1/ws?ticket=" + ticket }

	good := p.ticketFor("ben", id)
	if status, m, _ := p.call("", "GET", at(good), ""); status != 400 || m["error"] != "upgrade_required" {
		t.Errorf("without an upgrade: %d %v", status, m)
	}
	if _, status := p.reach("nobody", at(good), "Origin", "https://evil.example"); status != 403 {
		t.Errorf("from another origin: %d", status)
	}
	l, first := p.open("nobody", at(good))
	if first.Type != "init" || first.Messages == nil {
		t.Errorf("first frame %+v", first)
	}
	for frame, code := range map[string]string{
		`"channel":"person:` + p.Ben.ID + `"`:                                     "ticket_room",
		`"channel":"` + room.Shared(room.NewID(time.Now()), p.Una.Org).Name + `"`: "ticket_room",
		`"channel":"` + room.Desk(p.Room.ID, p.Una.Org).Name + `"`:                "not_found",
	} {
		l.send(`{"id":1,"type":"subscribe",%s}`, frame)
		if f := l.until("error", "subscribed"); f.Code != code {
			t.Errorf("a room's ticket hears %s: %+v", frame, f)
		}
	}
	l.send(`{"id":1,"type":"subscribe","channel":%q}`, room.Desk(p.Room.ID, p.Ben.Org).Name)
	l.until("subscribed")

	clock := func(d time.Duration) *access.Tokens {
		tokens, err := access.ParseTokens(p.key, "http://test", func() time.Time { return time.Now().Add(d) })
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	mint := func(tokens *access.Tokens, by access.Actor, room string) string {
		ticket, _, err := tokens.MintTicket(by, room)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	foreign, err := access.ParseTokens(access.NewTokenKey("t"), "http://test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ticket string
		want   int
	}{
		"used":              {good, 401},
		"expired":           {mint(clock(-2*time.Minute), p.Ben, id), 401},
		"from the future":   {mint(clock(2*time.Minute), p.Ben, id), 401},
		"signed by another": {mint(foreign, p.Ben, id), 401},
		"a token":           {p.bearer("ben"), 401},
		"of a stranger":     {mint(p.tokens, p.Eve, id), 404},
		"of nobody":         {mint(p.tokens, access.Actor{Kind: access.User, ID: access.NewUserID(time.Now()).String(), Org: p.Ben.Org}, id), 401},
		"cut short":         {good[:len(good)-5], 401},
	} {
		if _, status := p.reach("nobody", at(c.ticket)); status != c.want {
			t.Errorf("%s: %d, want %d", name, status, c.want)
		}
	}
	if status, m := p.do("eve", "GET", "/ws", ""); status != 404 {
		t.Errorf("a stranger asks for a ticket: %d %v", status, m)
	}

	// Of many who use one at once, one gets in.
	once := p.ticketFor("una", id)
	var work sync.WaitGroup
	statuses := make(chan int, 16)
	for range cap(statuses) {
		work.Go(func() {
			_, status := p.reach("nobody", at(once))
			statuses <- status
		})
	}
	work.Wait()
	close(statuses)
	in := 0
	for status := range statuses {
		if status == http.StatusSwitchingProtocols {
			in++
		} else if status != http.StatusUnauthorized {
			t.Errorf("status %d", status)
		}
	}
	if in != 1 {
		t.Errorf("%d got in with one ticket", in)
	}
}

// TestSocketGoesOn resumes a room's socket, and says why it cannot.
func TestSocketGoesOn(t *testing.T) {
	p := newPlace(t)
	_, first := p.open("ben", p.path+"/ws")
	p.say("una", "one")
	p.say("una", "two")
	path := func(epoch string, seq int64) string { return fmt.Sprintf("%s/ws?since=%s:%d", p.path, epoch, seq) }
	l, again := p.open("ben", path(first.Epoch, first.Seq))
	if !again.Resumed || again.Messages != nil {
		t.Errorf("resumed as %+v", again)
	}
	for _, body := range []string{"one", "two"} {
		if f := l.until("entry"); f.Event.Data.Body != body {
			t.Errorf("got %+v, want %s", f, body)
		}
	}
	for reset, path := range map[string]string{"epoch": path("ffffffff", 1), "ahead": path(first.Epoch, 1000)} {
		if _, f := p.open("ben", path); f.Reset != reset || f.Resumed || len(f.Messages) < 2 {
			t.Errorf("%s: %+v", reset, f)
		}
	}
	if _, status := p.reach("ben", p.path+"/ws?since=nonsense"); status != 400 {
		t.Errorf("a since that is none: %d", status)
	}
}

// TestRightsThatEnd: whoever loses a right hears nothing from then on.
func TestRightsThatEnd(t *testing.T) {
	p := newPlace(t)
	shared := room.Shared(p.Room.ID, p.Una.Org).Name
	listen := func(who string) *line {
		l, _ := p.open(who, "/v1/ws")
		l.send(`{"id":1,"type":"subscribe","channel":%q}`, shared)
		l.until("subscribed")
		return l
	}
	ben, bob, uri, key := listen("ben"), listen("bob"), listen("uri"), listen("reading key")
	p.want(204, "una", "DELETE", "/participants/"+p.Ben.ID, "")
	if f := ben.until("unsubscribed"); f.Code != "removed" {
		t.Errorf("removed: %+v", f)
	}
	for body := range 3 {
		p.say("una", fmt.Sprintf("after he left %d", body))
	}
	ben.send(`{"id":2,"type":"subscribe","channel":%q}`, shared)
	if f := ben.until("error", "subscribed"); f.Code != "not_found" {
		t.Errorf("subscribes again: %+v", f)
	}
	ben.send(`{"id":3,"type":"post","channel":%q,"body":"still here"}`, shared)
	if f := ben.until("error", "posted"); f.Code != "not_subscribed" {
		t.Errorf("posts: %+v", f)
	}
	if strings.Contains(ben.raw.String(), "after he left") {
		t.Errorf("he was sent %s", ben.raw.String())
	}

	p.must(200, p.bearer("ada"), "PATCH", "/v1/users/"+p.Uri.ID, `{"status":"stopped"}`)
	keys := p.must(200, p.bearer("ada"), "GET", "/v1/api-keys?limit=100", "")["data"].([]any)
	for _, k := range keys {
		if k := k.(map[string]any); k["name"] == "reading key" {
			p.must(204, p.bearer("ada"), "DELETE", "/v1/api-keys/"+k["id"].(string), "")
		}
	}
	for _, l := range []*line{uri, key} {
		var err error
		for err == nil {
			_, err = l.read()
		}
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != websocket.StatusCode(hub.CloseForbidden) {
			t.Errorf("%s: %v", l.who, err)
		}
	}

	// A room that is closed can be heard, and nothing can be said.
	storetest.SQL(t, p.db, `UPDATE room SET status = 'closed'`)
	una := listen("una")
	una.send(`{"id":4,"type":"post","channel":%q,"body":"too late"}`, shared)
	if f := una.until("error", "posted"); f.Code != "room_closed" {
		t.Errorf("posts in a closed room: %+v", f)
	}
	bob.until("entry")
}
