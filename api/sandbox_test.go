package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestSandboxReset resets an organisation while people of two companies are in
// its room: those who heard the room are told that they do not, the channels of
// the organisation go on without a gap, and everything works anew.
func TestSandboxReset(t *testing.T) {
	p := newPlace(t)
	const reset = "/v1/sandbox/reset"
	if err := p.db.InTx(t.Context(), p.Una, func(tx *store.Tx) error { return p.desk.OpenProgram(t.Context(), tx, p.Una.Org) }); err != nil {
		t.Fatal(err)
	}
	shared, org := room.Shared(p.Room.ID, p.Una.Org).Name, event.OrgChannel(p.Una.Org, event.Underwriting)
	p.say("una", "Before.")
	p.upload(t, "ben", "losses.txt", "shared", "losses")
	submit := func() {
		t.Helper()
		p.must(201, p.bearer("una"), "POST", "/v1/submissions", `{"insuredName":"Builders","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,
			"effectiveDate":"2027-05-01","state":"OR","lineOfBusiness":"GL","externalId":"same"}`)
	}
	submit()
	listen := func(who, channel, since string) (*line, lineFrame) {
		t.Helper()
		l, _ := p.open(who, "/v1/ws")
		l.send(`{"id":1,"type":"subscribe","channel":%q%s}`, channel, since)
		return l, l.until("subscribed", "reset", "error")
	}
	heard := map[string]*line{}
	for _, who := range []string{"una", "ben", "bob", "uri", "reading key"} {
		heard[who], _ = listen(who, shared, "")
	}
	ofBen, _ := listen("ben", room.Desk(p.Room.ID, p.Ben.Org).Name, "")
	desk, at := listen("una", org, "")
	bound, _ := p.reach("ben", p.path+"/ws") // opened for the room alone
	if first := bound.next(); first.Type != "init" {
		t.Fatalf("opened: %+v", first)
	}

	for _, who := range []string{"una", "uri", "ben", "eve", "writing key"} {
		if status, _, _ := p.call(p.bearer(who), "POST", reset, ""); status != 403 && (who != "ben" && who != "eve" || status != 200) {
			t.Errorf("%s resets: %d", who, status)
		}
	}
	p.must(200, p.bearer("ada"), "POST", "/v1/test-clock", `{"advance":"P3D"}`)
	got := p.must(200, p.bearer("ada"), "POST", reset, "")
	deleted := got["deleted"].(map[string]any)
	if deleted["submissions"] != 3.0 && deleted["submissions"] != 2.0 || deleted["dealRooms"] != 1.0 || deleted["files"] != 1.0 || got["aheadSeconds"] != 0.0 {
		t.Errorf("reset: %v", got)
	}

	ends := func(who string, l *line) { // told, and with nothing left to hear closed
		t.Helper()
		var err error
		var f lineFrame
		for told := false; err == nil; f, err = l.read() {
			if told = told || f.Type == "unsubscribed" && f.Code == "removed"; f.Type == "entry" && told {
				t.Errorf("%s still hears %+v", who, f)
			}
		}
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != websocket.StatusCode(hub.CloseForbidden) || !strings.Contains(l.raw.String(), `"code":"removed"`) {
			t.Errorf("%s: %v, was sent %s", who, err, l.raw.String())
		}
	}
	for who, l := range heard {
		ends(who, l)
	}
	ends("ben's desk", ofBen)
	ends("a connection of the room alone", bound)
	if _, f := listen("ben", shared, ""); f.Type != "error" || f.Code != "not_found" {
		t.Errorf("ben subscribes: %+v", f)
	}

	// Whoever listens to the organisation hears of it, and of what follows, at the
	// next numbers; whoever was away is told to read anew.
	for want := at.Seq + 1; ; want++ {
		f := desk.until("entry", "reset", "unsubscribed")
		if f.Type != "entry" || f.Seq != want {
			t.Fatalf("%+v, want entry %d", f, want)
		}
		if f.Event.Type == "sandbox.reset" {
			at.Seq = f.Seq
			break
		}
	}
	submit()
	if f := desk.until("entry", "reset"); f.Seq != at.Seq+1 || f.Event.Type != "submission.created" {
		t.Errorf("then %+v, after %d", f, at.Seq)
	}
	status, kept, _ := p.call(p.bearer("una"), "GET", "/v1/events?channel="+org+"&after="+at.Epoch+":0", "")
	if status != 409 || kept["error"] != "position_reset" {
		t.Errorf("whoever was away reads %d %v", status, kept)
	}

	for _, who := range []string{"una", "ben"} {
		if status, _ := p.do(who, "GET", "", ""); status != 404 {
			t.Errorf("%s gets the room: %d", who, status)
		}
		if status, _ := p.do(who, "POST", "/messages", `{"body":"x"}`); status != 404 {
			t.Errorf("%s posts: %d", who, status)
		}
	}
	if list := rows(p.must(200, p.bearer("ben"), "GET", "/v1/deal-rooms", "")); len(list) != 0 {
		t.Errorf("ben's rooms: %v", list)
	}
	if list := rows(p.must(200, p.bearer("una"), "GET", "/v1/submissions", "")); len(list) != 1 {
		t.Errorf("submissions: %v", list)
	}
	if log := rows(p.must(200, p.bearer("ada"), "GET", "/v1/audit?action=sandbox.reset", "")); len(log) != 1 {
		t.Errorf("audit: %v", log)
	}
	if n, err := p.rooms.Discard(t.Context()); n != 1 || err != nil || p.stored(t) != 0 {
		t.Errorf("%d files discarded, %v; %d are stored", n, err, p.stored(t))
	}
	// A repeated request is one; another finds the new submission.
	first := p.must(200, p.bearer("ada"), "POST", reset, "", "Idempotency-Key", "again")
	submit()
	if again := p.must(200, p.bearer("ada"), "POST", reset, "", "Idempotency-Key", "again"); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("again: %v, then %v", first, again)
	}
	if list := rows(p.must(200, p.bearer("una"), "GET", "/v1/submissions", "")); len(list) != 1 {
		t.Errorf("after a replay: %v", list)
	}
}

// In production nothing is deleted.
func TestNoResetInProduction(t *testing.T) {
	w := newWorldOn(t, storetest.Open(t, store.Config{URL: storetest.URL(t)}))
	if got := w.must(403, w.token(w.ada), "POST", "/v1/sandbox/reset", ""); got["error"] != "sandbox_off" {
		t.Errorf("in production: %v", got)
	}
}
