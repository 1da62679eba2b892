package api

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/store/storetest"
)

// closed waits until the server ends a line.
func (l *line) closed() {
	l.t.Helper()
	began := time.Now()
	var err error
	for err == nil {
		_, err = l.read()
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusCode(hub.CloseForbidden) || time.Since(began) > 2*time.Second {
		l.t.Errorf("%s: %v after %v", l.who, err, time.Since(began))
	}
}

// TestLiveConnectionsOfEndedCredentials: a device that was signed out, also by
// a refresh token that came twice, and a key whose overlap is over are cut off;
// the same person's other device goes on.
func TestLiveConnectionsOfEndedCredentials(t *testing.T) {
	p := newPlace(t)
	number := p.bind(p.una, "pat@example.com")
	ins := map[string]map[string]any{}
	for _, device := range []string{"phone", "tablet", "lost"} {
		ins[device] = p.signIn(number, "pat@example.com", device)
		p.as[device] = ins[device]["token"].(string)
	}
	person := p.must(200, p.as["phone"], "GET", "/v1/me", "")["id"].(string)
	listen := func(who, channel string) *line {
		l, _ := p.open(who, "/v1/ws")
		l.send(`{"id":1,"type":"subscribe","channel":%q}`, channel)
		l.until("subscribed")
		return l
	}
	phone, tablet, lost := listen("phone", "person:"+person), listen("tablet", "person:"+person), listen("lost", "person:"+person)
	p.must(204, p.as["phone"], "DELETE", "/v1/portal/sessions/"+ins["lost"]["sessionId"].(string), "")
	lost.closed()
	for _, want := range []int{200, 401} {
		if got, m := p.refresh(ins["tablet"]["refreshToken"].(string)); got != want {
			t.Fatalf("refresh: %d %v", got, m)
		}
	}
	tablet.closed()
	phone.send(`{"id":2,"type":"subscribe","channel":%q}`, "org:"+p.una.Org.String()+":admin")
	if f := phone.until("error"); f.Code == "" {
		t.Errorf("the phone: %+v", f)
	}

	var id string
	for _, k := range p.must(200, p.as["ada"], "GET", "/v1/api-keys?limit=100", "")["data"].([]any) {
		if k := k.(map[string]any); k["name"] == "reading key" {
			id = k["id"].(string)
		}
	}
	key := listen("reading key", "room:"+p.Room.ID.String())
	p.must(201, p.as["ada"], "POST", fmt.Sprintf("/v1/api-keys/%s/rotate", id), `{"overlapHours":1}`)
	p.say("una", "the old key hears this")
	key.until("entry")
	storetest.SQL(t, p.db, `UPDATE api_key SET expires_at = now() WHERE replaced_by IS NOT NULL`)
	if n, err := p.db.EndKeys(t.Context(), time.Now()); n != 1 || err != nil {
		t.Fatalf("ended %d, %v", n, err)
	}
	key.closed()
}
