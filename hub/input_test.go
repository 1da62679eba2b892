package hub_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/openinsure/openinsure/hub"
)

func TestBadInput(t *testing.T) {
	tests := []struct {
		name, data string
		binary     bool
		code       string        // of the error frame
		close      hub.CloseCode // or of the end
	}{
		{name: "not JSON", data: `hello`, close: hub.CloseBadFrame},
		{name: "an array", data: `[{"type":"pong"}]`, close: hub.CloseBadFrame},
		{name: "not UTF-8", data: "{\"type\":\"\xff\"}", close: hub.CloseBadFrame},
		{name: "binary", data: `{"type":"pong"}`, binary: true, close: hub.CloseBadFrame},
		{name: "64 KB and a byte", data: `{"type":"` + strings.Repeat("x", 64<<10-10) + `"}`, close: hub.CloseBadFrame},
		{name: "10 MB", data: `{"type":"` + strings.Repeat("x", 10<<20) + `"}`, close: hub.CloseBadFrame},
		{name: "no type", data: `{"id":1}`, code: "unknown_type"},
		{name: "an unknown type", data: `{"id":1,"type":"shout"}`, code: "unknown_type"},
		{name: "no channel", data: `{"id":1,"type":"subscribe"}`, code: "bad_frame"},
		{name: "a channel that is not his", data: `{"id":1,"type":"subscribe","channel":"room:secret"}`, code: "forbidden"},
		{name: "a post where he does not listen", data: `{"id":1,"type":"post","channel":"room:2","body":"x"}`, code: "not_subscribed"},
		{name: "typing where he does not listen", data: `{"id":1,"type":"typing","channel":"room:2"}`, code: "not_subscribed"},
		{name: "reading where he does not listen", data: `{"id":1,"type":"read","channel":"room:2","seq":1}`, code: "not_subscribed"},
		{name: "presence where he does not listen", data: `{"id":1,"type":"presence","channel":"room:2"}`, code: "not_subscribed"},
		{name: "a bad token", data: `{"id":1,"type":"refresh","token":"x"}`, code: "token"},
		{name: "fields of the wrong type", data: `{"id":1,"type":"subscribe","channel":{}}`, code: "bad_frame"},
	}
	n, log, app := single(t, hub.Config{})
	app.refuse("usr_1", "room:secret", &hub.Refusal{Code: "forbidden", Message: "no"})
	other := n.dial(t, "as=usr_2")
	other.next("connected")
	other.subscribe("room:1", "")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := n.dial(t, "as=usr_1")
			c.next("connected")
			typ := websocket.MessageText
			if tt.binary {
				typ = websocket.MessageBinary
			}
			// A client cut short while it writes gets an error here too.
			_ = c.conn.Write(t.Context(), typ, []byte(tt.data))
			if tt.close != 0 {
				if code := c.closed(); code != tt.close {
					t.Errorf("closed with %d, want %d", code, tt.close)
				}
				return
			}
			if f := c.next("error"); f.Code != tt.code || string(f.ID) != "1" || f.Message == "" {
				t.Errorf("error = %+v, want %s", f, tt.code)
			}
			c.subscribe("room:1", "")
		})
	}
	e := n.commit(log, "room:1")
	other.entries(e.Seq, e.Seq)
}

func TestFlood(t *testing.T) {
	n, _, _ := single(t, hub.Config{FrameRate: 1, FrameBurst: 20})
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	go func() {
		for c.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"pong"}`)) == nil {
		}
	}()
	if code := c.closed(); code != hub.CloseLimit {
		t.Errorf("closed with %d, want %d", code, hub.CloseLimit)
	}
}

func TestUpgradable(t *testing.T) {
	n, _, _ := single(t, hub.Config{})
	good := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Connection", "keep-alive, Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
		return r
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"good", func(*http.Request) {}, ""},
		{"a plain request", func(r *http.Request) { r.Header.Del("Upgrade") }, "upgrade_required"},
		{"a POST", func(r *http.Request) { r.Method = http.MethodPost }, "upgrade_required"},
		{"another version", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, "upgrade_required"},
		{"a short key", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "AAAA") }, "bad_request"},
		{"two keys", func(r *http.Request) { r.Header.Add("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==") }, "bad_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := good()
			tt.change(r)
			err := n.Upgradable(r)
			no, _ := errors.AsType[*hub.Refusal](err)
			if (err == nil) != (tt.code == "") || no != nil && no.Code != tt.code {
				t.Fatalf("err = %v, want %q", err, tt.code)
			}
			if err == nil {
				return
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var body struct{ Error string }
			if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Error != tt.code {
				t.Errorf("the caller's answer did not come through: %v %+v", err, body)
			}
		})
	}
}

// FuzzSession sends one frame to a session, and then one that has an answer:
// the session answers or ends, and the hub goes on.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"type":"subscribe","channel":"room:1","since":{"epoch":"e1","seq":2}}`, `{"id":1,"type":"post","channel":"room:1","body":"x"}`,
		`{"type":"typing","channel":"room:1","on":true}`, `{"type":"read","channel":"room:1","seq":1}`, `{"id":1,"type":"refresh","token":"good"}`,
		`{"id":1,"type":"presence","channel":"room:1"}`, `{"type":"pong","batch":true}`, `{"id":1,"type":"unsubscribe","channel":"room:1"}`, `{`, ``,
		`{"id":"last","type":"subscribe","channel":"room:2","since":{"epoch":"","seq":9223372036854775807}}`,
	} {
		f.Add(s)
	}
	n, log, _ := single(f, hub.Config{SessionsPerSubject: 1000})
	log.commit(hub.Entry{Channel: "room:1"})
	f.Fuzz(func(t *testing.T, text string) {
		p, err := n.pipe("as=usr_1")
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		go func() {
			// It fails when the session ends first.
			_ = p.write(`{"id":"first","type":"subscribe","channel":"room:1"}`)
			_ = p.write(text[:min(len(text), 60000)])
			_ = p.write(`{"id":"the last","type":"unsubscribe","channel":"none"}`)
		}()
		for {
			m, err := p.message()
			if err != nil || len(m) >= 2 && m[0] == 0x11 { // a close frame, 44xx
				return
			}
			for line := range bytes.SplitSeq(m, []byte("\n")) { // the text may ask for batches
				var got frame
				if err := json.Unmarshal(line, &got); err != nil {
					t.Fatalf("%q is no frame", line)
				}
				if string(got.ID) == `"the last"` {
					return
				}
			}
		}
	})
}

// FuzzWire sends bytes that need not be WebSocket.
func FuzzWire(f *testing.F) {
	f.Add([]byte{0x81, 0x82, 0, 0, 0, 0, '{', '}'})
	f.Add([]byte{0x01, 0x81, 0, 0, 0, 0, '{', 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x81, 0, 0, 0, 0, '}'})
	f.Add([]byte{0x88, 0x82, 0, 0, 0, 0, 3, 232})
	f.Add([]byte{0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Add([]byte{0xf1, 0x00})
	n, _, _ := single(f, hub.Config{SessionsPerSubject: 1000})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := n.pipe("as=usr_1")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = p.Write(data)
			_ = p.Close()
		}()
		for {
			if _, err := p.message(); err != nil {
				break
			}
		}
		eventually(t, "the session is forgotten", func() bool { return n.Health().Sessions == 0 })
	})
}
