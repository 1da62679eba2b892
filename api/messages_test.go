package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store/storetest"
)

// A place is a world with a deal in it, and a token for everybody.
type place struct {
	*world
	storetest.Deal
	path string // of the room
	as   map[string]string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{world: newWorld(t)}
	p.Deal = storetest.NewDeal(t, p.db)
	p.path = "/v1/deal-rooms/" + p.Room.ID.String()
	p.as = map[string]string{}
	for name, who := range map[string]access.Actor{
		"una": p.Una, "uri": p.Uri, "uno": p.Uno, "ulf": p.Ulf, "ada": p.Ada, "abe": p.Abe,
		"ben": p.Ben, "bob": p.Bob, "bea": p.Bea, "vic": p.Vic, "eve": p.Eve,
	} {
		p.as[name] = p.token(who)
	}
	for name, scopes := range map[string]string{"writing key": `"rooms:write"`, "reading key": `"rooms:read"`, "other key": `"claims:write"`} {
		p.as[name] = p.must(201, p.as["ada"], "POST", "/v1/api-keys", `{"name":"`+name+`","scopes":[`+scopes+`]}`)["key"].(string)
	}
	return p
}

// url adds what only the system needs.
func (p *place) url(who, rest string) string {
	if who != "system" {
		return p.path + rest
	}
	sep := "?"
	if strings.Contains(rest, "?") {
		sep = "&"
	}
	return p.path + rest + sep + "orgId=" + p.Una.Org.String()
}

func (p *place) bearer(who string) string {
	if who == "system" {
		return worldSecret
	}
	return p.as[who]
}

func (p *place) do(who, method, rest, body string) (int, map[string]any) {
	p.t.Helper()
	status, m, _ := p.call(p.bearer(who), method, p.url(who, rest), body)
	return status, m
}

func (p *place) want(status int, who, method, rest, body string) map[string]any {
	p.t.Helper()
	got, m := p.do(who, method, rest, body)
	if got != status {
		p.t.Fatalf("%s: %s %s = %d %v, want %d", who, method, rest, got, m, status)
	}
	return m
}

// say posts and returns the message.
func (p *place) say(who, body string, more ...string) map[string]any {
	p.t.Helper()
	return p.want(201, who, "POST", "/messages", fmt.Sprintf(`{"body":%q%s}`, body, strings.Join(more, "")))
}

const asDesk = `,"visibility":"internal"`

// TestWhoMayInARoom is the table of docs: who reads, posts, annotates, and uses
// the own company's desk.
func TestWhoMayInARoom(t *testing.T) {
	p := newPlace(t)
	file := p.upload(t, "una", "a.txt", "shared", "some words")
	p.say("una", "desk of the MGA", asDesk)
	p.say("ben", "desk of the broker", asDesk)
	for _, tt := range []struct {
		who                                                  string
		read, post, annotate, deskRead, deskPost, transcript int
	}{
		{"una", 200, 201, 201, 200, 201, 200},
		{"uri", 200, 201, 201, 200, 201, 200},
		{"uno", 200, 403, 403, 200, 201, 200},
		{"ulf", 200, 403, 403, 200, 201, 200},
		{"ada", 200, 403, 403, 200, 201, 200},
		{"abe", 200, 403, 403, 200, 403, 200},
		{"ben", 200, 201, 201, 200, 201, 200},
		{"bob", 200, 403, 403, 200, 201, 200},
		{"vic", 200, 403, 403, 403, 403, 403},
		{"bea", 404, 404, 404, 404, 404, 404},
		{"eve", 404, 404, 404, 404, 404, 404},
		{"writing key", 200, 201, 403, 403, 403, 403},
		{"reading key", 200, 403, 403, 403, 403, 403},
		{"other key", 403, 403, 403, 403, 403, 403},
		{"system", 200, 201, 403, 403, 403, 403},
		{"nobody", 401, 401, 401, 401, 401, 401},
	} {
		t.Run(tt.who, func(t *testing.T) {
			note := fmt.Sprintf(`{"fileId":%q,"page":1,"x":0.1,"y":0.1,"width":0.1,"height":0.1,"body":"look"}`, file)
			for _, c := range []struct {
				name, method, rest, body string
				want                     int
			}{
				{"read", "GET", "/messages", "", tt.read},
				{"read the transcript", "GET", "/transcript", "", tt.read},
				{"list files", "GET", "/files", "", tt.read},
				{"read a file", "GET", "/files/" + file, "", tt.read},
				{"list annotations", "GET", "/annotations", "", tt.read},
				{"note what was read", "POST", "/read", `{"seq":1}`, tt.read},
				{"post", "POST", "/messages", `{"body":"hello"}`, tt.post},
				{"annotate", "POST", "/annotations", note, tt.annotate},
				{"read the desk", "GET", "/messages?channel=desk", "", tt.deskRead},
				{"post on the desk", "POST", "/messages", `{"body":"hello"` + asDesk + `}`, tt.deskPost},
				{"note what was read on the desk", "POST", "/read", `{"seq":1,"channel":"desk"}`, tt.deskRead},
				{"read the internal transcript", "GET", "/transcript?audience=internal", "", tt.transcript},
			} {
				if got, m := p.do(tt.who, c.method, c.rest, c.body); got != c.want {
					t.Errorf("%s: %d %v, want %d", c.name, got, m, c.want)
				}
			}
			for query, want := range map[string]int{"": tt.read, "?audience=internal": tt.transcript} {
				if got, _ := p.raw(t, tt.who, p.path+"/transcript/pdf"+query); got != want {
					t.Errorf("print the transcript%s: %d, want %d", query, got, want)
				}
			}
		})
	}
	storetest.SQL(t, p.db, `UPDATE room SET status = 'closed'`)
	for name, status := range map[string]int{"una": 422, "ben": 422, "eve": 404} {
		if got, m := p.do(name, "POST", "/messages", `{"body":"too late"}`); got != status {
			t.Errorf("%s posts in a closed room: %d %v", name, got, m)
		}
	}
	if m := p.want(422, "ben", "POST", "/messages", `{"body":"too late"}`); m["error"] != "room_closed" {
		t.Errorf("closed: %v", m)
	}
	p.want(200, "ben", "GET", "/messages", "")
}

func TestOneClientIDIsOneMessage(t *testing.T) {
	p := newPlace(t)
	const id = `,"clientId":"5F0C2F6E-9A51-4A5E-8A39-2F0F6C1F7A10"`
	first := p.say("ben", " hello \n", id)
	if first["body"] != "hello" || first["seq"] != 1.0 || first["clientId"] != "5f0c2f6e-9a51-4a5e-8a39-2f0f6c1f7a10" ||
		first["channel"] != "room:"+p.Room.ID.String() || first["visibility"] != "shared" {
		t.Errorf("first: %v", first)
	}
	author := first["author"].(map[string]any)
	if author["id"] != p.Ben.ID || author["name"] != "Harbor underwriter" || author["orgName"] != "Harbor" {
		t.Errorf("author: %v", author)
	}
	again := p.want(200, "ben", "POST", "/messages", `{"body":"other words"`+id+`}`)
	if again["id"] != first["id"] || again["body"] != "hello" || again["createdAt"] != first["createdAt"] {
		t.Errorf("again: %v", again)
	}
	if m := p.say("una", "hello", id); m["seq"] != 2.0 {
		t.Errorf("the same of another author: %v", m)
	}
	if m := p.say("ben", "hello", asDesk, id); m["seq"] != 1.0 || m["channel"] != "desk:"+p.Room.ID.String()+":"+p.Ben.Org.String() {
		t.Errorf("the same on the desk: %v", m)
	}
	if a, b := p.say("ben", "x"), p.say("ben", "x"); a["clientId"] == b["clientId"] || a["seq"] == b["seq"] {
		t.Errorf("without: %v and %v", a, b)
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	p := newPlace(t)
	shared, internal := p.upload(t, "una", "a.txt", "shared", "x"), p.upload(t, "una", "b.txt", "internal", "y")
	inRoom, onDesk := p.say("una", "in the room")["id"].(string), p.say("una", "on the desk", asDesk)["id"].(string)
	many := func(n int, s string) string { return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]" }
	for name, tt := range map[string]struct{ body, field, rule string }{
		"nothing":                      {`{"body":" \n\t"}`, "body", "required"},
		"too long":                     {`{"body":"` + strings.Repeat("é", room.MaxBody+1) + `"}`, "body", "maxLength"},
		"NUL":                          {`{"body":"a\u0000"}`, "body", "format"},
		"no uuid":                      {`{"body":"a","clientId":"one"}`, "clientId", "uuid"},
		"secret":                       {`{"body":"a","visibility":"secret"}`, "visibility", "enum"},
		"no message":                   {`{"body":"a","replyTo":"msg_x"}`, "replyTo", "id"},
		"a reply to another channel":   {`{"body":"a","replyTo":"` + onDesk + `"}`, "replyTo", "exists"},
		"a desk's reply to the room":   {`{"body":"a","replyTo":"` + inRoom + `"` + asDesk + `}`, "replyTo", "exists"},
		"mention of one not in it":     {`{"body":"a","mentions":["` + p.Ben.ID + `","` + p.Ulf.ID + `"]}`, "mentions[1]", "exists"},
		"a desk's mention of another":  {`{"body":"a","mentions":["` + p.Ben.ID + `"]` + asDesk + `}`, "mentions[0]", "exists"},
		"too many mentions":            {`{"body":"a","mentions":` + many(51, `"`+p.Ben.ID+`"`) + `}`, "mentions", "maxItems"},
		"an internal file in the room": {`{"body":"a","attachments":["` + shared + `","` + internal + `"]}`, "attachments[1]", "exists"},
		"a shared file on the desk":    {`{"body":"a","attachments":["` + shared + `"]` + asDesk + `}`, "attachments[0]", "exists"},
		"too many files":               {`{"body":"a","attachments":` + many(21, `"`+shared+`"`) + `}`, "attachments", "maxItems"},
	} {
		m := p.want(400, "una", "POST", "/messages", tt.body)
		if d := m["details"].(map[string]any); d["field"] != tt.field || d["rule"] != tt.rule {
			t.Errorf("%s: %v, want %s %s", name, m, tt.field, tt.rule)
		}
	}
	// What the other company has is not there for him at all.
	for _, body := range []string{`{"body":"a","replyTo":"` + onDesk + `"}`, `{"body":"a","attachments":["` + internal + `"]` + asDesk + `}`} {
		if m := p.want(400, "ben", "POST", "/messages", body); m["details"].(map[string]any)["rule"] != "exists" {
			t.Errorf("ben: %v", m)
		}
	}
	good := p.want(201, "una", "POST", "/messages", `{"body":"`+strings.Repeat("é", room.MaxBody)+`","replyTo":"`+inRoom+`","mentions":["`+p.Ben.ID+`","`+p.Ben.ID+`"],"attachments":["`+shared+`"]}`)
	if len(good["mentions"].([]any)) != 1 || good["attachments"].([]any)[0].(map[string]any)["name"] != "a.txt" || good["replyTo"] != inRoom {
		t.Errorf("good: mentions %v, attachments %v", good["mentions"], good["attachments"])
	}
	if m := p.want(201, "una", "POST", "/messages", `{"attachments":["`+internal+`"]`+asDesk+`}`); m["body"] != "" {
		t.Errorf("only a file: %v", m)
	}
}

func TestEditAndDelete(t *testing.T) {
	p := newPlace(t)
	m := p.say("ben", "first words")
	id := m["id"].(string)
	p.say("una", "in between")
	for _, who := range []string{"una", "uri", "ada", "bob", "vic"} {
		p.want(403, who, "PATCH", "/messages/"+id, `{"body":"mine"}`)
		p.want(403, who, "DELETE", "/messages/"+id, "")
	}
	for _, who := range []string{"eve", "bea"} {
		p.want(404, who, "PATCH", "/messages/"+id, `{"body":"mine"}`)
		p.want(404, who, "DELETE", "/messages/"+id, "")
	}
	p.want(404, "ben", "PATCH", "/messages/msg_x", `{"body":"mine"}`)
	p.want(400, "ben", "PATCH", "/messages/"+id, `{"body":" "}`)
	for _, body := range []string{"second words", "third words"} {
		if e := p.want(200, "ben", "PATCH", "/messages/"+id, `{"body":"`+body+`"}`); e["body"] != body || e["editedAt"] == nil || e["seq"] != 1.0 || e["createdAt"] != m["createdAt"] {
			t.Errorf("edited: %v", e)
		}
	}
	whole := func() string {
		return fmt.Sprint(p.want(200, "una", "GET", "/messages", ""), p.want(200, "una", "GET", "/transcript", ""))
	}
	if s := whole(); strings.Contains(s, "first words") || strings.Contains(s, "second words") || !strings.Contains(s, "third words") {
		t.Errorf("after the edits: %s", s)
	}
	types := p.want(200, "una", "GET", "/transcript", "")["manifest"].(map[string]any)["types"].(map[string]any)
	if types["deal_room.message_edited"] != 2.0 || types["deal_room.message_posted"] != 2.0 {
		t.Errorf("types: %v", types)
	}
	p.want(204, "ben", "DELETE", "/messages/"+id, "")
	p.want(204, "ben", "DELETE", "/messages/"+id, "")
	if e := p.want(422, "ben", "PATCH", "/messages/"+id, `{"body":"back"}`); e["error"] != "message_deleted" {
		t.Errorf("edit of what is deleted: %v", e)
	}
	if s := whole(); strings.Contains(s, "words") || !strings.Contains(s, "in between") {
		t.Errorf("after the deletion: %s", s)
	}
	data := p.want(200, "una", "GET", "/messages?q=words", "")["data"].([]any)
	if len(data) != 0 {
		t.Errorf("a search still finds it: %v", data)
	}
	data = p.want(200, "una", "GET", "/messages", "")["data"].([]any)
	if stone := data[1].(map[string]any); stone["id"] != id || stone["body"] != "" || stone["deletedAt"] == nil || stone["seq"] != 1.0 {
		t.Errorf("tombstone: %v", stone)
	}
	// One's company's lead and administrator may take its words away, on its
	// desk, too; deletion is told once each.
	for name, by := range map[string]string{"uri": "una", "una": "ada"} {
		p.want(204, by, "DELETE", "/messages/"+p.say(name, "ours")["id"].(string), "")
		p.want(204, by, "DELETE", "/messages/"+p.say(name, "ours", asDesk)["id"].(string), "")
	}
	types = p.want(200, "una", "GET", "/transcript?audience=internal", "")["manifest"].(map[string]any)["types"].(map[string]any)
	if types["deal_room.message_deleted"] != 5.0 {
		t.Errorf("types: %v", types)
	}
	desk := p.say("una", "ours alone", asDesk)["id"].(string)
	p.want(404, "ben", "PATCH", "/messages/"+desk, `{"body":"mine"}`)
	p.want(404, "ben", "DELETE", "/messages/"+desk, "")
	kept := p.say("ben", "kept")["id"].(string)
	storetest.SQL(t, p.db, `UPDATE room SET status = 'archived'`)
	p.want(422, "ben", "PATCH", "/messages/"+kept, `{"body":"late"}`)
	p.want(422, "ben", "DELETE", "/messages/"+kept, "")
}

func TestHistoryAndSearch(t *testing.T) {
	p := newPlace(t)
	for i := range 25 {
		p.say("ben", fmt.Sprintf("Message number %d of the Straße", i+1))
	}
	seqs := func(m map[string]any) []int {
		out := []int{}
		for _, v := range m["data"].([]any) {
			out = append(out, int(v.(map[string]any)["seq"].(float64)))
		}
		return out
	}
	var back []int
	for before := ""; ; {
		m := p.want(200, "una", "GET", "/messages?limit=10"+before, "")
		back = append(back, seqs(m)...)
		if m["hasMore"] == false {
			break
		}
		before = fmt.Sprintf("&before=%v", m["nextBefore"])
	}
	if len(back) != 25 || back[0] != 25 || back[24] != 1 {
		t.Errorf("back: %v", back)
	}
	m := p.want(200, "una", "GET", "/messages?limit=3&after=20", "")
	if got := seqs(m); !slices.Equal(got, []int{21, 22, 23}) || m["nextAfter"] != 23.0 || m["head"] != 25.0 || m["epoch"] == "" {
		t.Errorf("after: %v", m)
	}
	if got := seqs(p.want(200, "una", "GET", "/messages?after=20&before=23", "")); !slices.Equal(got, []int{22, 21}) {
		t.Errorf("between: %v", got)
	}
	for q, want := range map[string][]int{
		"NUMBER+7+stra%C3%9Fe": {17, 7}, "number+70": {}, "2+5+message": {25}, "nothing": {}, "%25": {}, "_": {},
	} {
		if got := seqs(p.want(200, "una", "GET", "/messages?q="+q, "")); !slices.Equal(got, want) {
			t.Errorf("q=%s: %v, want %v", q, got, want)
		}
	}
	var found []int
	for before := ""; ; {
		m := p.want(200, "una", "GET", "/messages?q=number&limit=10"+before, "")
		found = append(found, seqs(m)...)
		if m["hasMore"] == false {
			break
		}
		before = fmt.Sprintf("&before=%v", m["nextBefore"])
	}
	if !slices.Equal(found, back) {
		t.Errorf("searched in pages: %v", found)
	}
	p.want(400, "una", "GET", "/messages?limit=101", "")
	p.want(400, "una", "GET", "/messages?channel=desk:x", "")
	// Who joined from now on sees nothing of before.
	storetest.SQL(t, p.db, `UPDATE participant SET from_seq = 23 WHERE user_id = $1`, *p.Ben.UUID())
	if got := seqs(p.want(200, "ben", "GET", "/messages", "")); !slices.Equal(got, []int{25, 24}) {
		t.Errorf("from now on: %v", got)
	}
	if got := seqs(p.want(200, "ben", "GET", "/messages?q=number&after=1", "")); !slices.Equal(got, []int{24, 25}) {
		t.Errorf("from now on, searched: %v", got)
	}
	m = p.want(200, "ben", "GET", "/transcript", "")
	if lines := m["entries"].([]any); len(lines) != 2 || lines[0].(map[string]any)["seq"] != 24.0 {
		t.Errorf("from now on, transcript: %v", lines)
	}
	p.want(404, "ben", "DELETE", "/messages/"+p.want(200, "una", "GET", "/messages?before=2", "")["data"].([]any)[0].(map[string]any)["id"].(string), "")
}

// TestSearchIsBounded looks for what is not there among more messages than one
// page looks at.
func TestSearchIsBounded(t *testing.T) {
	p := newPlace(t)
	p.say("ben", "the needle")
	storetest.SQL(t, p.db, `INSERT INTO entry (channel_id, seq, org_id, kind, event_id, author, payload, at)
		SELECT channel_id, g, org_id, kind, gen_random_uuid(), author, convert_to(replace(convert_from(payload, 'UTF8'), 'the needle', 'hay'), 'UTF8'), at
		FROM entry, generate_series(2, 10501) g WHERE kind = 'deal_room.message_posted'`)
	storetest.SQL(t, p.db, `UPDATE channel SET head = 10501 WHERE name LIKE 'room:%'`)
	m := p.want(200, "una", "GET", "/messages?q=needle", "")
	if len(m["data"].([]any)) != 0 || m["hasMore"] != true || m["nextBefore"] != 502.0 {
		t.Fatalf("first page: hasMore %v, nextBefore %v", m["hasMore"], m["nextBefore"])
	}
	m = p.want(200, "una", "GET", "/messages?q=needle&before=502", "")
	if len(m["data"].([]any)) != 1 || m["hasMore"] != false {
		t.Errorf("second page: %v", m)
	}
}

func TestReadPositions(t *testing.T) {
	p := newPlace(t)
	channel := "room:" + p.Room.ID.String()
	gone := ""
	for i := range 5 {
		gone = p.say("ben", fmt.Sprint(i))["id"].(string)
	}
	p.say("una", "mine")
	unread := func(who access.Actor) int {
		t.Helper()
		got, err := p.db.As(who).Progress(t.Context(), who, channel)
		if err != nil {
			t.Fatal(err)
		}
		return got[channel].Unread
	}
	if una, ben := unread(p.Una), unread(p.Ben); una != 5 || ben != 1 {
		t.Errorf("unread: una %d, ben %d", una, ben)
	}
	for _, step := range []struct {
		to, stands float64
		moved      bool
		unread     int
	}{{2, 2, true, 3}, {1, 2, false, 3}, {2, 2, false, 3}, {99, 6, true, 0}, {0, 6, false, 0}} {
		m := p.want(200, "una", "POST", "/read", fmt.Sprintf(`{"seq":%v}`, step.to))
		if got := unread(p.Una); m["seq"] != step.stands || m["moved"] != step.moved || got != step.unread {
			t.Errorf("read to %v: %v, unread %d; want %+v", step.to, m, got, step)
		}
	}
	if m := p.want(200, "una", "GET", "/messages", ""); m["readSeq"] != 6.0 {
		t.Errorf("readSeq %v", m["readSeq"])
	}
	p.want(204, "ben", "DELETE", "/messages/"+gone, "")
	if got := unread(p.Uri); got != 5 {
		t.Errorf("with one deleted: %d", got)
	}
	for range 120 {
		p.say("ben", "more")
	}
	if got := unread(p.Una); got != 100 {
		t.Errorf("more than a hundred: %d", got)
	}
	if m := p.want(200, "una", "POST", "/read", `{"seq":5,"channel":"desk"}`); m["moved"] != false || m["seq"] != 0.0 {
		t.Errorf("an empty desk: %v", m)
	}
}
