package live_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openinsure/openinsure/clients/live"
	"github.com/openinsure/openinsure/hub"
)

func TestRefusals(t *testing.T) {
	tests := []struct {
		name       string
		status     int
		wantStatus int // 0: it is tried again
	}{
		{"no such room", 404, 404}, {"forbidden", 403, 403}, {"a static token is refused", 401, 401},
		{"too many", 429, 0}, {"a proxy without a server", 502, 0}, {"unavailable", 503, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, ticket := range []bool{false, true} {
				s := serve(t, hub.Config{})
				s.answer.Store(int64(tt.status))
				l := listen(t, live.Config{URL: s.URL, Room: roomID, Ticket: ticket})
				if tt.wantStatus == 0 {
					until[live.Disconnected](l)
					until[live.Disconnected](l)
					s.answer.Store(0)
					until[live.Init](l)
					continue
				}
				no, ok := errors.AsType[*live.Refused](l.end())
				if !ok || no.Status != tt.wantStatus || no.Code != "no" || no.Message != "No." {
					t.Errorf("ticket %t: %+v", ticket, no)
				}
			}
		})
	}
}

// After 44xx the client does not come back; after 40xx it does.
func TestCloseCodes(t *testing.T) {
	for code, back := range map[websocket.StatusCode]bool{
		1000: true, 1006: true, 1011: true, 4000: true, 4001: true, 4002: true, 4003: true, 4400: false, 4401: false, 4403: false, 4429: false,
	} {
		t.Run(fmt.Sprint(int(code)), func(t *testing.T) {
			var opened atomic.Int64
			at := script(t, func(ctx context.Context, c *websocket.Conn) {
				write(ctx, c, `{"type":"init","ping":25,"channel":"`+inRoom+`","epoch":"e1","seq":7}`)
				if opened.Add(1) > 1 {
					<-c.CloseRead(ctx).Done()
					return
				}
				if code == 1006 {
					_ = c.CloseNow()
					return
				}
				_ = c.Close(code, "because")
			})
			l := listen(t, live.Config{URL: at, Room: roomID})
			until[live.Init](l)
			if back {
				until[live.Disconnected](l)
				until[live.Init](l)
				return
			}
			no, ok := errors.AsType[*live.Refused](l.end())
			if !ok || no.Status != int(code) || no.Message != "because" || opened.Load() != 1 {
				t.Errorf("%+v after %d openings", no, opened.Load())
			}
		})
	}
}

// A credential that has ended is exchanged: before its end without a break,
// and after it by a new connection.
func TestCredential(t *testing.T) {
	// The server's clock goes ahead when it is told to; the client's is real.
	start := func(t *testing.T) (s *server, ahead *atomic.Int64) {
		ahead = new(atomic.Int64)
		return serve(t, hub.Config{
			Now:    func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
			Shards: 1, Stuck: 24 * time.Hour, Pong: 24 * time.Hour, // time that is skipped is nobody's silence
		}), ahead
	}
	until2 := func(d time.Duration) string { return fmt.Sprintf("until-%d", time.Now().Add(d).UnixMilli()) }
	t.Run("refreshed in time", func(t *testing.T) {
		s, ahead := start(t)
		other := listen(t, live.Config{URL: s.URL, Room: roomID, Credential: func(context.Context) (string, error) {
			return until2(time.Hour), nil
		}})
		until[live.Init](other)
		var asked atomic.Int64
		l := listen(t, live.Config{
			URL: s.URL, Room: roomID, Now: func() time.Time { return time.Now().Add(time.Hour) }, // its end is near
			Credential: func(context.Context) (string, error) {
				if asked.Add(1) == 1 {
					return until2(time.Hour), nil
				}
				return until2(10 * time.Hour), nil
			},
		})
		until[live.Init](l)
		select {
		case <-s.ledger.refreshed:
		case <-time.After(patient):
			t.Fatal("no refresh")
		}
		// What follows the refresh on the wire is answered after it.
		if _, err := l.Post(t.Context(), live.Message{Channel: inRoom, Body: "after the refresh"}); err != nil {
			t.Error(err)
		}
		until[live.Entry](l)
		ahead.Store(int64(2 * time.Hour))
		until[live.Disconnected](other)
		s.ledger.say(inRoom, "after its first end")
		if e, ok := l.next().(live.Entry); !ok || e.Seq != 2 {
			t.Errorf("%T: %+v", e, e)
		}
		if asked.Load() != 2 {
			t.Errorf("the credential was asked for %d times", asked.Load())
		}
	})
	t.Run("another one after its end", func(t *testing.T) {
		s, ahead := start(t)
		var asked atomic.Int64
		l := listen(t, live.Config{URL: s.URL, Room: roomID, Credential: func(context.Context) (string, error) {
			if asked.Add(1) == 1 {
				return until2(time.Hour), nil
			}
			return "late", nil
		}})
		until[live.Init](l)
		ahead.Store(int64(2 * time.Hour))
		until[live.Disconnected](l)
		until[live.Init](l)
	})
	t.Run("another one after a 401", func(t *testing.T) {
		s := serve(t, hub.Config{})
		s.tokens.Store("bad", true)
		var asked atomic.Int64
		l := listen(t, live.Config{URL: s.URL, Room: roomID, Credential: func(context.Context) (string, error) {
			if asked.Add(1) == 1 {
				return "bad", nil
			}
			return "good", nil
		}})
		until[live.Init](l)
	})
	t.Run("one question at a time", func(t *testing.T) {
		asking := make(chan struct{})
		at := script(t, func(ctx context.Context, c *websocket.Conn) {
			write(ctx, c, `{"type":"init","ping":25,"channel":"`+inRoom+`","epoch":"e1","seq":7,"expiresAt":"2020-01-01T00:00:00Z"}`)
			select {
			case <-asking: // the renewal is under way
			case <-ctx.Done():
			}
			_ = c.Close(4401, "too late")
		})
		var asked, now atomic.Int64
		l := listen(t, live.Config{URL: at, Room: roomID, Credential: func(ctx context.Context) (string, error) {
			if now.Add(1) > 1 {
				t.Error("two questions at once")
			}
			defer now.Add(-1)
			if asked.Add(1) == 2 {
				close(asking)
				<-ctx.Done() // as a slow sign-in that heeds its context
				return "", ctx.Err()
			}
			return "static", nil
		}})
		if no, ok := errors.AsType[*live.Refused](l.end()); !ok || no.Status != 4401 {
			t.Errorf("%+v", no)
		}
	})
	t.Run("none any more", func(t *testing.T) {
		s := serve(t, hub.Config{})
		l := listen(t, live.Config{URL: s.URL, Room: roomID, Credential: func(context.Context) (string, error) {
			return "", &live.Refused{Code: "signed_out"}
		}})
		if no, ok := errors.AsType[*live.Refused](l.end()); !ok || no.Code != "signed_out" {
			t.Errorf("%+v", no)
		}
	})
}

// A channel that is taken away is told, and the others go on; posts to it end.
func TestTakenAway(t *testing.T) {
	s := serve(t, hub.Config{})
	l := listen(t, live.Config{URL: s.URL, Room: roomID, Channels: []string{atDesk}})
	until[live.Subscribed](l)
	s.ledger.set(func(l *ledger) { l.denied[atDesk] = true })
	s.ledger.add(hub.Entry{Channel: atDesk, Payload: payload("out"), Revokes: "usr_1"})
	if e := until[live.Unsubscribed](l); e.Channel != atDesk || e.Code != "removed" {
		t.Errorf("%+v", e)
	}
	if _, err := l.Post(t.Context(), live.Message{Channel: atDesk, Body: "still?"}); !errors.Is(err, live.ErrNotSubscribed) {
		t.Errorf("post: %v", err)
	}
	s.ledger.say(inRoom, "on")
	if e := until[live.Entry](l); e.Channel != inRoom {
		t.Errorf("%+v", e)
	}

	refused := listen(t, live.Config{URL: s.URL, Room: roomID, Channels: []string{atDesk}})
	if e := until[live.Unsubscribed](refused); e.Code != "forbidden" || e.Message != "Not yours." {
		t.Errorf("%+v", e)
	}
}
