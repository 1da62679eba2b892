package hub_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
)

// A stream reads server-sent events, each as its lines.
type stream struct {
	t      testing.TB
	lines  *bufio.Scanner
	cancel context.CancelFunc
	status int
	header http.Header
}

func (n *node) stream(t testing.TB, query, lastEventID string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := n.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &stream{t, bufio.NewScanner(res.Body), cancel, res.StatusCode, res.Header}
}

// next returns the lines of the next event that is not a comment.
func (s *stream) next() string {
	s.t.Helper()
	var lines []string
	for s.lines.Scan() {
		switch line := s.lines.Text(); {
		case strings.HasPrefix(line, ":"):
		case line != "":
			lines = append(lines, line)
		case len(lines) > 0:
			return strings.Join(lines, "\n")
		}
	}
	return ""
}

func (s *stream) want(event string) {
	s.t.Helper()
	if got := s.next(); got != event {
		s.t.Fatalf("got event\n%s\nwant\n%s", got, event)
	}
}

func TestServerSentEvents(t *testing.T) {
	n, log, _ := single(t, hub.Config{Ping: 20 * time.Millisecond, Pong: 20 * time.Millisecond})
	for range 3 {
		log.commit(hub.Entry{Channel: "room:1"})
	}
	s := n.stream(t, "as=usr_1&sse=room:1", "")
	if typ := s.header.Get("Content-Type"); typ != "text/event-stream" {
		t.Errorf("Content-Type = %q", typ)
	}
	s.want("id: e1:3")
	n.commit(log, "room:1")
	s.want("id: e1:4\n" + `data: {"type":"entry","channel":"room:1","seq":4,"event":{"n":4}}`)

	again := n.stream(t, "as=usr_2&sse=room:1", "e1:2")
	again.want("id: e1:2")
	again.want("id: e1:3\n" + `data: {"type":"entry","channel":"room:1","seq":3,"event":{"n":3}}`)
	again.want("id: e1:4\n" + `data: {"type":"entry","channel":"room:1","seq":4,"event":{"n":4}}`)
	again.want(`data: {"type":"live","channel":"room:1","seq":4}`)

	other := n.stream(t, "as=usr_3&sse=room:1", "e0:2")
	other.want("id: e1:4")
	other.want("event: reset\nid: e1:4\n" + `data: {"type":"reset","channel":"room:1","epoch":"e1","seq":4,"reason":"epoch"}`)
	other.cancel()

	n.Publish(log.commit(hub.Entry{Channel: "room:1", Revokes: "usr_1"}))
	if got := s.next(); !strings.Contains(got, `"unsubscribed"`) {
		t.Errorf("got %s, want unsubscribed", got)
	}
	if got := s.next(); got != "" {
		t.Errorf("got %s after the stream's end", got)
	}
	if got := again.next(); !strings.HasPrefix(got, "id: e1:5\n") {
		t.Errorf("got %s, want entry 5", got)
	}
}

func TestServerSentEventsRefused(t *testing.T) {
	n, _, app := single(t, hub.Config{})
	app.refuse("usr_1", "room:1", &hub.Refusal{Code: "forbidden", Message: "no"})
	refused := n.stream(t, "as=usr_1&sse=room:1", "")
	if refused.status != http.StatusForbidden {
		t.Errorf("status = %d, want the caller's answer", refused.status)
	}
	eventually(t, "forgotten", func() bool { return n.Health().Sessions == 0 && hub.Channels(n.Hub) == 0 })
}

func TestServerSentEventsDrain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n, _ := singleHere(t, hub.Config{Drain: 100 * time.Millisecond})
		s := n.stream(t, "as=usr_1&sse=room:1", "")
		s.want("id: e1:0")
		n.Drain(t.Context())
		if got := s.next(); !strings.HasPrefix(got, "retry: ") || !strings.Contains(got, `"drain"`) {
			t.Errorf("got %s, want drain", got)
		}
		if got := s.next(); got != "" {
			t.Errorf("got %s after the stream's end", got)
		}
	})
}
