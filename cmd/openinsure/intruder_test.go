package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// An eavesdropper is somebody's socket on a node, which hears one channel.
type eavesdropper struct {
	conn *websocket.Conn
	node int
	all  strings.Builder
}

// eavesdrop opens a socket on a node and has it hear a channel.
func (c *cluster) eavesdrop(node int, bearer, channel string) *eavesdropper {
	c.t.Helper()
	conn, res, err := websocket.Dial(c.t.Context(), "ws"+strings.TrimPrefix(c.node(node).url, "http")+"/v1/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + bearer}}})
	if err != nil {
		c.t.Fatal(err)
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	c.t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	e := &eavesdropper{conn: conn, node: node}
	if err := conn.Write(c.t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"id":1,"type":"subscribe","channel":%q}`, channel)); err != nil {
		c.t.Fatal(err)
	}
	if text := e.until(c.t, `"type":"subscribed"`, `"type":"error"`); strings.Contains(text, `"error"`) {
		c.t.Fatalf("%s: %s", channel, text)
	}
	return e
}

// until reads to the first frame that has one of the texts.
func (e *eavesdropper) until(t testing.TB, texts ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, b, err := e.conn.Read(ctx)
		if err != nil {
			t.Fatalf("node %d: %v before %q, after\n%s", e.node, err, texts, e.all.String())
		}
		e.all.Write(b)
		for _, text := range texts {
			if strings.Contains(string(b), text) {
				return string(b)
			}
		}
	}
}

// cuts are the rows of an organisation's log which say that somebody lost what he
// heard, once there is one.
func (c *cluster) cuts(org, actor string) []map[string]any {
	c.t.Helper()
	secrets, err := readEnv(filepath.Join(c.dir, "secrets.env"))
	if err != nil {
		c.t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		var log struct{ Data []map[string]any }
		path := "/v1/audit?action=session.cut&orgId=" + org + "&actor=" + actor
		if err := send(c.t.Context(), c.node(0).url, secrets["API_SECRET"], http.MethodGet, path, nil, &log); err != nil {
			c.t.Fatal(err)
		}
		if len(log.Data) > 0 {
			return log.Data
		}
	}
	c.t.Errorf("no row says that %s was cut off", actor)
	return nil
}

// Whoever loses a right has sockets on two nodes: one who is removed from a room,
// one who is demoted, one who is stopped, and a key that is revoked. Each is
// cut off on both within a second, hears nothing of what is said after, and is
// in the audit log.
func TestRightsEndOnEveryNode(t *testing.T) {
	c := newCluster(t, "serve", "serve")
	admin, una, ben := c.token("admin"), c.token("underwriter"), c.token("broker")
	id := func(bearer string) (me struct{ ID, OrgID string }) {
		if err := send(t.Context(), c.node(0).url, bearer, http.MethodGet, "/v1/me", nil, &me); err != nil {
			t.Fatal(err)
		}
		return me
	}
	room := c.room(una)
	shared := "room:" + room
	uma, uli := c.underwriter("uma@summit.example"), c.underwriter("uli@summit.example")
	mga := id(una).OrgID
	underwriting := "org:" + mga + ":underwriting"
	made := c.must(admin, "/v1/api-keys", map[string]any{"name": "intruder", "scopes": []string{"rooms:read"}})
	key := made["key"].(string)
	change := func(bearer, method, path string, body any) {
		t.Helper()
		if err := send(t.Context(), c.node(0).url, bearer, method, path, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	for n, tt := range []struct {
		name, bearer, channel, org, actor, reason string
		end                                       func()
		status                                    string // of his next request
	}{
		{"removed", ben, shared, id(ben).OrgID, id(ben).ID, "removed", func() {
			change(una, http.MethodDelete, "/v1/deal-rooms/"+room+"/participants/"+id(ben).ID, nil)
		}, "404"},
		{"demoted", uma, underwriting, mga, id(uma).ID, "forbidden", func() {
			change(admin, http.MethodPatch, "/v1/users/"+id(uma).ID, map[string]any{"role": "broker"})
		}, "403"},
		{"stopped", uli, shared, mga, id(uli).ID, "token", func() {
			change(admin, http.MethodDelete, "/v1/users/"+id(uli).ID, nil)
		}, "401"},
		{"revoked", key, shared, mga, made["id"].(string), "token", func() {
			change(admin, http.MethodDelete, "/v1/api-keys/"+made["id"].(string), nil)
		}, "401"},
	} {
		var on []*eavesdropper
		for node := range 2 {
			on = append(on, c.eavesdrop(node, tt.bearer, tt.channel))
		}
		tt.end()
		pause(t.Context(), time.Second) // what comes now is too late for him, however long it takes to cut him off
		after := fmt.Sprintf("said after number %d", n)
		c.must(una, "/v1/deal-rooms/"+room+"/messages", map[string]any{"body": after})
		opened := c.room(una) // and something that underwriting hears
		for _, e := range on {
			e.until(t, `"type":"unsubscribed"`)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			for {
				_, b, err := e.conn.Read(ctx)
				if err != nil {
					break
				}
				e.all.Write(b)
			}
			cancel()
			_, rest, _ := strings.Cut(e.all.String(), `"type":"unsubscribed"`)
			if strings.Contains(rest, `"type":"entry"`) || strings.Contains(e.all.String(), after) || strings.Contains(e.all.String(), opened) {
				t.Errorf("%s on node %d was sent\n%s", tt.name, e.node, e.all.String())
			}
			err := send(t.Context(), c.node(e.node).url, tt.bearer, http.MethodGet, "/v1/deal-rooms/"+room, nil, nil)
			if err == nil || !strings.Contains(err.Error(), ": "+tt.status+" ") {
				t.Errorf("%s asks node %d: %v, want %s", tt.name, e.node, err, tt.status)
			}
		}
		object := room
		if tt.channel == underwriting {
			object = mga
		}
		for _, row := range c.cuts(tt.org, tt.actor) {
			if row["outcome"] != "refused" || row["objectId"] != object || row["reason"] != tt.reason {
				t.Errorf("%s: the audit log has %v", tt.name, row)
			}
		}
	}
}

// A ticket is good once, on whichever node: of both at once one lets in, and a
// page of another site neither. The audit log has each.
func TestTicketOnTwoNodes(t *testing.T) {
	c := newCluster(t, "serve", "serve")
	una := c.token("underwriter")
	room := c.room(una)
	ticket := c.must(una, "/v1/realtime/tickets", map[string]any{"dealRoomId": room})["ticket"].(string)
	dial := func(node int, origin string) int {
		t.Helper()
		h := http.Header{}
		if origin != "" {
			h.Set("Origin", origin)
		}
		conn, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(c.node(node).url, "http")+"/v1/ws?ticket="+url.QueryEscape(ticket), &websocket.DialOptions{HTTPHeader: h})
		if res == nil {
			t.Fatal(err)
		}
		if err != nil {
			_ = res.Body.Close()
			return res.StatusCode
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		return http.StatusSwitchingProtocols
	}
	for node := range 2 {
		if got := dial(node, "https://evil.example"); got != http.StatusForbidden {
			t.Errorf("from another site, on node %d: %d", node, got)
		}
	}
	got := make(chan int, 2)
	for node := range 2 {
		go func() { got <- dial(node, "") }()
	}
	if a, b := <-got, <-got; a+b != http.StatusSwitchingProtocols+http.StatusUnauthorized {
		t.Errorf("both nodes at once: %d and %d", a, b)
	}
	reasons := func() (found []string) {
		var log struct{ Data []map[string]any }
		if err := send(t.Context(), c.node(0).url, c.token("admin"), http.MethodGet, "/v1/audit?outcome=refused", nil, &log); err != nil {
			t.Fatal(err)
		}
		for _, row := range log.Data {
			found = append(found, row["reason"].(string))
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	want := []string{"origin_not_allowed", "ticket_used"}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !slices.Equal(reasons(), want); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("refused: %v, want %v", reasons(), want)
		}
	}
}
