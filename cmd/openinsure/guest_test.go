package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

var joinLink = regexp.MustCompile(`/rooms/join#([\w-]+)`)

// mailedLink waits for the mail to an address, and returns what stands in its
// link.
func (c *cluster) mailedLink(to string) string {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		names, err := filepath.Glob(filepath.Join(c.dir, "mail", "*.eml"))
		if err != nil {
			c.t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name) //nolint:gosec // of our own folder
			if err != nil {
				c.t.Fatal(err)
			}
			plain := strings.ReplaceAll(strings.ReplaceAll(string(b), "=\r\n", ""), "=3D", "=")
			if m := joinLink.FindStringSubmatch(plain); m != nil && strings.Contains(plain, to) {
				return m[1]
			}
		}
	}
	c.t.Fatalf("no mail to %s", to)
	return ""
}

// guest lets somebody without an account into a room: invited by one node, in by
// the page of another.
func (c *cluster) guest(lead, room, email string) (token, user string) {
	c.t.Helper()
	c.must(lead, "/v1/deal-rooms/"+room+"/participants", map[string]any{"email": email, "role": "broker"})
	link := c.mailedLink(email)
	at := c.node(1).url
	res, err := http.Get(at + "/rooms/join")
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, at+"/auth/guest/enter", strings.NewReader(`{"link":"`+link+`","name":"Gus"}`))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, k := range res.Cookies() {
		req.AddCookie(k)
	}
	req.Header.Set("Content-Type", "application/json")
	if res, err = http.DefaultClient.Do(req); err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var in struct{ Token, UserID string }
	if err := json.NewDecoder(res.Body).Decode(&in); err != nil || res.StatusCode != http.StatusOK {
		c.t.Fatalf("enter: %d %v", res.StatusCode, err)
	}
	return in.Token, in.UserID
}

// A guest who is removed on one node loses his sockets on every node, and hears
// nothing of what is said after, also while the nodes do not hear each other
// through Redis.
func TestRemovedGuestOnEveryNode(t *testing.T) {
	c := newCluster(t, "serve", "serve")
	una := c.token("underwriter")
	room := c.room(una)
	for _, cut := range []bool{false, true} {
		email := map[bool]string{false: "gus@harbor.example", true: "gil@harbor.example"}[cut]
		token, user := c.guest(una, room, email)
		var conns []*websocket.Conn
		for i := range 2 {
			conn, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(c.node(i).url, "http")+"/v1/deal-rooms/"+room+"/ws",
				&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
			if err != nil {
				t.Fatal(err)
			}
			if res.Body != nil {
				_ = res.Body.Close()
			}
			defer func() { _ = conn.CloseNow() }()
			conn.SetReadLimit(1 << 20)
			if _, b, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(b), `"type":"init"`) {
				t.Fatalf("node %d: %s %v", i, b, err)
			}
			conns = append(conns, conn)
		}
		if cut {
			c.bus.set("", true)
		}
		if err := send(t.Context(), c.node(0).url, una, http.MethodDelete, "/v1/deal-rooms/"+room+"/participants/"+user, nil, nil); err != nil {
			t.Fatal(err)
		}
		// It comes after the removal in the room, so that he never hears it.
		gone := email + " has left"
		c.must(una, "/v1/deal-rooms/"+room+"/messages", map[string]any{"body": gone})
		for i, conn := range conns {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			for {
				_, b, err := conn.Read(ctx)
				if err != nil {
					t.Fatalf("node %d: %v", i, err)
				}
				if strings.Contains(string(b), gone) {
					t.Errorf("node %d, Redis cut %v: he was sent %s", i, cut, b)
				}
				if strings.Contains(string(b), `"type":"unsubscribed"`) {
					break
				}
			}
			cancel()
			if err := send(t.Context(), c.node(i).url, token, http.MethodGet, "/v1/deal-rooms/"+room+"/messages", nil, nil); err == nil || !strings.Contains(err.Error(), "not_in_room") {
				t.Errorf("node %d answers %v", i, err)
			}
		}
	}
}
