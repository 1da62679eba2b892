package api

import (
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// say puts a message into a channel of a room.
func (c *cast) say(who, roomID string, body string) store.Posted {
	c.t.Helper()
	id := parsedRoom(c.t, roomID)
	a, now := c.actors[who], time.Now()
	e := event.New(c.una.Org, roomID, event.MessagePosted{
		MessageID: room.NewMessageID(now).String(), RoomID: roomID, Visibility: "shared", Author: event.Author{ID: a.ID, Name: who, OrgID: a.Org.String()}, Body: body,
	}, now)
	payload, err := e.Payload()
	if err != nil {
		c.t.Fatal(err)
	}
	posted, err := c.posts.PostWait(c.t.Context(), store.Post{
		Room: id, Channel: room.Shared(id, c.una.Org), ID: room.MessageID(e.ID), Author: a.ID, ClientID: access.NewRequestID(now).UUID(), Payload: payload, At: now,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return posted
}

func TestRoomsInAList(t *testing.T) {
	c := newCast(t)
	r := c.room()
	id := r["id"].(string)
	row := func(who string) map[string]any {
		t.Helper()
		data := c.want(200, who, "GET", "/v1/deal-rooms", "")["data"].([]any)
		if len(data) != 1 || data[0].(map[string]any)["id"] != id {
			t.Fatalf("%s: %v", who, data)
		}
		return data[0].(map[string]any)
	}
	c.say("ben", id, "Can you do a million?")
	last := c.say("ben", id, strings.Repeat("ä", 250))
	c.say("una", id, "Yes.")
	for who, want := range map[string]struct {
		unread float64
		turn   string
	}{"una": {2, "broker"}, "ben": {1, "broker"}, "uri": {3, "broker"}, "mel": {3, "broker"}, "ulf": {0, "broker"}, "ada": {0, "broker"}, "key": {0, "broker"}} {
		got := row(who)
		if got["unread"] != want.unread || got["whoseTurn"] != want.turn || got["insuredName"] != "Pacific Coast Builders" || got["lineOfBusiness"] != "GL" {
			t.Errorf("%s: %v", who, got)
		}
		if l := got["lastMessage"].(map[string]any); l["body"] != "Yes." || l["author"].(map[string]any)["id"] != c.id("una") || l["deleted"] != false {
			t.Errorf("%s: last message %v", who, l)
		}
		if one := c.want(200, who, "GET", at(r), ""); one["unread"] != want.unread {
			t.Errorf("%s: alone %v", who, one["unread"])
		}
	}
	channel := room.Shared(parsedRoom(t, id), c.una.Org).Name
	storetest.SQL(t, c.db, `INSERT INTO read_position SELECT id, $2, $3, $4, now() FROM channel WHERE name = $1`, channel, c.id("ben"), c.actors["ben"].Org.UUID(), last.Seq+1)
	storetest.SQL(t, c.db, `INSERT INTO read_position SELECT id, $2, $3, $4, now() FROM channel WHERE name = $1`, channel, c.id("uri"), c.una.Org.UUID(), last.Seq)
	if n := row("ben")["unread"]; n != 0.0 {
		t.Errorf("ben read it all: %v", n)
	}
	if n := row("uri")["unread"]; n != 1.0 {
		t.Errorf("uri has one left: %v", n)
	}
	// Each sees how far the others have read, of the other company too.
	for _, who := range []string{"una", "ben"} {
		read := map[any]any{}
		for _, p := range c.want(200, who, "GET", at(r), "")["participants"].([]any) {
			read[p.(map[string]any)["userId"]] = p.(map[string]any)["lastReadSeq"]
		}
		if read[c.id("ben")] != float64(last.Seq+1) || read[c.id("uri")] != float64(last.Seq) || read[c.id("una")] != 0.0 {
			t.Errorf("to %s: %v", who, read)
		}
	}
	// One who is invited from now on has nothing to read and sees nothing.
	c.want(201, "una", "POST", at(r)+"/participants", `{"email":"`+c.email("bea")+`","role":"broker","fromNow":true}`)
	if got := row("bea"); got["unread"] != 0.0 || got["lastMessage"] != nil || got["whoseTurn"] != nil {
		t.Errorf("bea: %v", got)
	}
	c.say("ben", id, strings.Repeat("ä", 250))
	if got := row("bea"); got["unread"] != 1.0 || got["lastMessage"].(map[string]any)["body"] != strings.Repeat("ä", 200) || got["whoseTurn"] != "underwriter" {
		t.Errorf("bea: %v", got)
	}
	// A colleague whom she brings reads no further back than she.
	c.want(204, "ben", "DELETE", at(r)+"/participants/"+c.id("bob"), "")
	c.want(201, "bea", "POST", at(r)+"/participants", `{"userId":"`+c.id("bob")+`","role":"broker"}`)
	if got := row("bob"); got["unread"] != 1.0 {
		t.Errorf("bob: %v", got)
	}
	for range 105 {
		c.say("ben", id, "And?")
	}
	if n := row("mel")["unread"]; n != 100.0 {
		t.Errorf("capped at %v", n)
	}
}

// TestDeletedMessagesInAList has a message become a tombstone: it shows nothing
// and is nothing to read.
func TestDeletedMessagesInAList(t *testing.T) {
	c := newCast(t)
	id := c.room()["id"].(string)
	c.say("una", id, "First.")
	gone := c.say("una", id, "A premium that was a mistake.")
	channel := room.Shared(parsedRoom(t, id), c.una.Org).Name
	storetest.SQL(t, c.db, `WITH c AS (UPDATE channel SET head = head + 1 WHERE name = $1 RETURNING id, head, org_id)
		INSERT INTO entry (channel_id, seq, org_id, kind, payload, at, ref) SELECT id, head, org_id, 'deal_room.message_deleted', '{}', now(), $2 FROM c`, channel, gone.Seq)
	storetest.SQL(t, c.db, `UPDATE entry e SET payload = convert_to(replace(convert_from(payload, 'utf8'), '"clientId":""', '"clientId":"","deletedAt":"2026-03-02T12:00:00Z"'), 'utf8')
		FROM channel c WHERE c.id = e.channel_id AND c.name = $1 AND seq = $2`, channel, gone.Seq)
	got := c.want(200, "ben", "GET", "/v1/deal-rooms", "")["data"].([]any)[0].(map[string]any)
	if l := got["lastMessage"].(map[string]any); l["deleted"] != true || l["body"] != "" || l["seq"] != float64(gone.Seq) || got["unread"] != 1.0 || got["whoseTurn"] != "broker" {
		t.Errorf("%v", got)
	}
}

func parsedRoom(t *testing.T, s string) room.ID {
	t.Helper()
	var id room.ID
	if err := id.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestRoomsPageByPage reads lists of several companies' rooms while others are
// being opened: none is missed, none comes twice.
func TestRoomsPageByPage(t *testing.T) {
	c := newCast(t)
	want := map[string]bool{}
	for range 7 {
		want[c.room()["id"].(string)] = true
	}
	// Ben underwrites for his own company too, and sees its rooms in between.
	want[storetest.Room(t, c.db, c.actors["ben"]).ID.String()] = true
	for range 4 {
		want[c.room()["id"].(string)] = true
	}
	got, cursor := map[string]bool{}, ""
	for page := 0; ; page++ {
		m := c.want(200, "ben", "GET", "/v1/deal-rooms?limit=2&cursor="+cursor, "")
		for _, r := range m["data"].([]any) {
			id := r.(map[string]any)["id"].(string)
			if got[id] {
				t.Errorf("%s came twice", id)
			}
			got[id] = true
		}
		if page == 0 {
			c.room() // newer than the cursor: not of this list
		}
		if m["hasMore"] == false {
			break
		}
		cursor = m["nextCursor"].(string)
	}
	if len(got) != len(want) {
		t.Errorf("listed %d, want %d", len(got), len(want))
	}
	for id := range want {
		if !got[id] {
			t.Errorf("%s was missed", id)
		}
	}
	if n := len(c.want(200, "una", "GET", "/v1/deal-rooms?limit=100", "")["data"].([]any)); n != 12 {
		t.Errorf("una sees %d of her company's 12 rooms", n)
	}
}
