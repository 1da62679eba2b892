package api

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestInvitations is who invites strangers, sees and revokes invitations, and
// what becomes of those that are over.
func TestInvitations(t *testing.T) {
	p := newPlace(t)
	for i, tt := range []struct {
		who          string
		invite, list int
	}{
		{"una", 202, 200},
		{"uri", 202, 200},
		{"ada", 202, 200},
		{"system", 202, 200},
		{"uno", 403, 403},
		{"ulf", 403, 403},
		{"abe", 403, 403},
		{"ben", 422, 403}, // brings colleagues only
		{"bob", 422, 403},
		{"vic", 403, 403},
		{"bea", 404, 404},
		{"eve", 404, 404},
		{"writing key", 403, 403},
		{"reading key", 403, 403},
	} {
		email := fmt.Sprintf("stranger%d@example.net", i)
		status, m := p.do(tt.who, "POST", "/participants", `{"email":"`+email+`","role":"broker"}`)
		if status != tt.invite {
			t.Errorf("%s invites: %d %v, want %d", tt.who, status, m, tt.invite)
		}
		if v, ok := m["invitation"].(map[string]any); ok != (status == 202) || ok && (v["email"] != email || v["status"] != "pending" || v["role"] != "broker") {
			t.Errorf("%s invites: %v", tt.who, m)
		}
		if status, m := p.do(tt.who, "GET", "/invitations", ""); status != tt.list {
			t.Errorf("%s lists: %d %v, want %d", tt.who, status, m, tt.list)
		}
		if status, m := p.do(tt.who, "DELETE", "/invitations/"+room.NewInvitationID(time.Now()).String(), ""); tt.list == 200 && status != 404 || tt.list != 200 && status != tt.list {
			t.Errorf("%s revokes: %d %v", tt.who, status, m)
		}
	}
	for _, bad := range []string{`{"email":"x@example.net","role":"underwriter"}`, `{"email":"x@example.net","role":"manager"}`, `{"email":"x@example.net","role":"lead_underwriter"}`} {
		if status, m := p.do("una", "POST", "/participants", bad); status != 422 || m["error"] != "user_unknown" {
			t.Errorf("%s: %d %v", bad, status, m)
		}
	}

	cookie := p.pageCookie()
	enter := func(link room.Secret) (int, map[string]any) {
		status, m, _ := p.page(cookie, "enter", fields{"link": string(link), "name": "X"})
		return status, m
	}
	revoked, link, code := p.invited("revoked@example.net", room.Broker)
	p.must(204, p.as["una"], "DELETE", p.path+"/invitations/"+revoked.ID.String(), "")
	p.must(204, p.as["una"], "DELETE", p.path+"/invitations/"+revoked.ID.String(), "") // stays so
	if status, m := enter(link); status != 422 || m["error"] != "invitation_invalid" {
		t.Errorf("revoked: %d %v", status, m)
	}
	if status, m, _ := p.page(cookie, "enter", fields{"email": "revoked@example.net", "code": code, "name": "X"}); status != 422 || m["error"] != "invitation_code" {
		t.Errorf("the code of a revoked one: %d %v", status, m)
	}
	_, first, _ := p.invited("twice@example.net", room.Broker)
	second, newer, _ := p.invited("TWICE@example.net", room.Viewer)
	if status, m := enter(first); status != 422 {
		t.Errorf("replaced: %d %v", status, m)
	}
	if status, m := enter(newer); status != 200 {
		t.Errorf("the later one: %d %v", status, m)
	}
	if status, m := enter(newer); status != 422 || m["details"].(map[string]any)["roomId"] != p.Room.ID.String() {
		t.Errorf("used: %d %v", status, m)
	}
	if m := p.must(422, p.as["una"], "DELETE", p.path+"/invitations/"+second.ID.String(), ""); m["error"] != "invitation_over" {
		t.Errorf("revoke what was used: %v", m)
	}
	if status, m := p.do("una", "POST", "/participants", `{"email":"twice@example.net","role":"broker"}`); status != 409 || m["error"] != "participant_exists" {
		t.Errorf("who is in is invited: %d %v", status, m)
	}
	_, late, _ := p.invited("late@example.net", room.Broker)
	storetest.SQL(t, p.db, `UPDATE invitation SET expires_at = now() WHERE email = 'late@example.net'`)
	if status, m := enter(late); status != 422 {
		t.Errorf("expired: %d %v", status, m)
	}
	states := map[string]string{}
	for _, v := range p.must(200, p.as["una"], "GET", p.path+"/invitations?limit=100", "")["data"].([]any) {
		v := v.(map[string]any)
		states[v["email"].(string)] += v["status"].(string) + " "
	}
	for email, want := range map[string]string{"revoked@example.net": "revoked ", "twice@example.net": "replaced ", "TWICE@example.net": "accepted ", "late@example.net": "expired ", "stranger0@example.net": "pending "} {
		if states[email] != want {
			t.Errorf("%s is %q, want %q", email, states[email], want)
		}
	}
	_, closed, _ := p.invited("closed@example.net", room.Broker)
	p.must(200, p.as["una"], "PATCH", p.path, `{"status":"closed","reason":"Bound."}`)
	if status, m := enter(closed); status != 422 || m["error"] != "room_state" && m["error"] != "room_closed" {
		t.Errorf("a closed room: %d %v", status, m)
	}
}

// TestInvitationAtRest looks for the link and the code of an invitation in all
// that is kept: there are only hashes, and the sealed mail.
func TestInvitationAtRest(t *testing.T) {
	p := newPlace(t)
	v, link, code := p.invited("gus@harbor.example", room.Broker)
	for _, secret := range []string{string(link), code, room.ReadCode(code)} {
		for _, table := range []string{"invitation", "delivery", "notification", "event", "outbox", "entry"} {
			// Found, it divides by zero.
			storetest.SQL(t, p.db, `SELECT 1 / (1 - least(1, count(*))) FROM `+table+` t WHERE t::text LIKE '%' || $1::text || '%' OR t::text LIKE '%' || encode($1::text::bytea, 'hex') || '%'`, secret)
		}
	}
	storetest.SQL(t, p.db, `SELECT 1 / least(1, count(*)) FROM delivery WHERE event_id = $1 AND kind = 'mail' AND notification_id IS NULL AND state = 'pending'`, v.ID.UUID())
	ds, err := p.db.Lease(t.Context(), push.Mail, "test", 10, time.Minute)
	if err != nil || len(ds) != 1 || ds[0].Mailbox == nil || ds[0].Mailbox.Address != "gus@harbor.example" || !strings.Contains(ds[0].Notice.URL, string(link)) {
		t.Errorf("the mail: %+v %v", ds, err)
	}
}

// TestLinkIsUsedOnce has many browsers use one link at once.
func TestLinkIsUsedOnce(t *testing.T) {
	p := newPlace(t)
	_, link, _ := p.invited("gus@harbor.example", room.Broker)
	cookie := p.pageCookie()
	var mu sync.Mutex
	var got []int
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			status, _, _ := p.page(cookie, "enter", fields{"link": string(link), "name": fmt.Sprint("Gus ", i)})
			mu.Lock()
			defer mu.Unlock()
			got = append(got, status)
		})
	}
	wg.Wait()
	slices.Sort(got)
	if !slices.Equal(got, []int{200, 422, 422, 422, 422, 422, 422, 422}) {
		t.Errorf("%v", got)
	}
}

// TestFromNow has a guest who does not read what was said before he was invited.
func TestFromNow(t *testing.T) {
	p := newPlace(t)
	p.must(201, p.as["una"], "POST", p.path+"/messages", `{"body":"Before."}`)
	v, link, _ := p.invited("gus@harbor.example", room.Broker)
	storetest.SQL(t, p.db, `UPDATE invitation SET from_seq = (SELECT head FROM channel WHERE room_id = $2) WHERE id = $1`, v.ID.UUID(), p.Room.ID.UUID())
	p.must(201, p.as["una"], "POST", p.path+"/messages", `{"body":"After."}`)
	_, m, _ := p.page(p.pageCookie(), "enter", fields{"link": string(link), "name": "Gus"})
	p.as["gus"] = m["token"].(string)
	got := p.must(200, p.as["gus"], "GET", p.path+"/messages", "")["data"].([]any)
	if len(got) != 1 || got[0].(map[string]any)["body"] != "After." {
		t.Errorf("he reads %v", got)
	}
	l, first := p.open("gus", p.path+"/ws")
	if len(first.Messages) != 1 || strings.Contains(l.raw.String(), "Before.") {
		t.Errorf("he is shown %v", first.Messages)
	}
}
