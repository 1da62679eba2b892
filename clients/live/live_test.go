package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/clients/live"
	"github.com/openinsure/openinsure/hub"
)

// Whatever the network does, each entry is told once and in order, and each
// post is made once.
func TestExact(t *testing.T) {
	tests := []struct {
		name   string
		front  func(t *testing.T, target string) string
		ticket bool
		breaks bool // the client has to mend something
	}{
		{"a good network", func(_ *testing.T, target string) string { return target }, false, false},
		{"a good network, by tickets", func(_ *testing.T, target string) string { return target }, true, false},
		{"connections cut at random", func(t *testing.T, target string) string { return cutting(t, target, 1000, 150_000) }, false, true},
		{"connections cut at random, by tickets", func(t *testing.T, target string) string { return cutting(t, target, 1000, 150_000) }, true, true},
		{"a server that drops, doubles and swaps", mangling, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, hub.Config{})
			s.ledger.say(inRoom, word(0))
			l := listen(t, live.Config{
				URL: tt.front(t, s.URL), Room: roomID, Channels: []string{atDesk}, Ticket: tt.ticket,
				Since: map[string]live.Position{inRoom: {Epoch: "e1"}, atDesk: {Epoch: "e1"}},
			})
			const posters, posts = 4, 20
			entries := env("LIVE_TEST_ENTRIES", 1500)
			var work sync.WaitGroup
			work.Go(func() {
				for i := 1; i < entries; i++ {
					s.ledger.say(inRoom, word(i))
					if i%10 == 0 {
						s.ledger.say(atDesk, word(i))
					}
				}
			})
			var mu sync.Mutex
			where := map[string]int64{}
			for p := range posters {
				work.Go(func() {
					for i := range posts {
						body := fmt.Sprintf("post %d of %d", i, p)
						got, err := l.Post(t.Context(), live.Message{Channel: inRoom, Body: body})
						if err != nil {
							t.Errorf("%s: %v", body, err)
							return
						}
						mu.Lock()
						where[body] = got.Seq
						mu.Unlock()
					}
				})
			}
			room, desk := witness{channel: inRoom}, witness{channel: atDesk}
			broke, last := 0, live.Event(nil)
			total, atTheDesk := int64(entries+posters*posts), int64((entries-1)/10)
			for room.last < total || desk.last < atTheDesk {
				e := l.next()
				room.see(t, e)
				desk.see(t, e)
				switch e := e.(type) {
				case live.Disconnected:
					broke++
					last = e
				case live.Subscribed:
					if e.Channel == inRoom { // the room is subscribed by its opening, unless there was a gap
						broke++
						last = e
					}
				}
			}
			work.Wait()
			if (broke > 0) != tt.breaks {
				t.Errorf("%d breaks, want some: %t; the last is %+v", broke, tt.breaks, last)
			}
			if d := cmp.Diff(s.ledger.bodies(inRoom), room.bodies); d != "" {
				t.Errorf("the room (-log +client):\n%s", d)
			}
			if d := cmp.Diff(s.ledger.bodies(atDesk), desk.bodies); d != "" {
				t.Errorf("the desk (-log +client):\n%s", d)
			}
			for body, seq := range where {
				if room.bodies[seq-1] != body {
					t.Errorf("%q was said to be %d, which is %q", body, seq, room.bodies[seq-1])
				}
			}
			want := map[string]live.Position{inRoom: {Epoch: "e1", Seq: total}, atDesk: {Epoch: "e1", Seq: atTheDesk}}
			if d := cmp.Diff(want, l.Positions()); d != "" {
				t.Errorf("positions (-want +got):\n%s", d)
			}
		})
	}
}

// A client that was stopped is gone on from by another.
func TestGoOn(t *testing.T) {
	s := serve(t, hub.Config{})
	var w witness
	w.channel = inRoom
	since := map[string]live.Position{inRoom: {Epoch: "e1"}}
	for i := range 5 {
		for j := range 40 {
			s.ledger.say(inRoom, word(40*i+j))
		}
		l := listen(t, live.Config{URL: s.URL, Room: roomID, Since: since})
		for w.last < int64(40*i+20) { // it leaves some
			w.see(t, l.next())
		}
		l.cancel()
		// What the Handler was shown and did not take counts as told.
		if err := <-l.ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		since = l.Positions()
		if lost := since[inRoom].Seq - w.last; lost < 0 || lost > 1 {
			t.Fatalf("position %v, told up to %d", since, w.last)
		}
		since[inRoom] = live.Position{Epoch: "e1", Seq: w.last}
	}
}

// A node that drains is left for another, and nothing is missed meanwhile.
func TestDrain(t *testing.T) {
	s := serve(t, hub.Config{Drain: 200 * time.Millisecond})
	old := s.node.Load()
	l := listen(t, live.Config{URL: s.URL, Room: roomID})
	until[live.Init](l)
	s.node.Store(s.ledger.node(t, hub.Config{}))
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if _, err := l.Post(t.Context(), live.Message{Channel: inRoom, Body: word(i)}); err != nil {
					t.Errorf("post: %v", err)
					return
				}
			}
		}
	})
	work.Go(func() { old.Drain(t.Context()) })
	w := witness{channel: inRoom}
	for again := false; !again; {
		e := l.next()
		w.see(t, e)
		if e, ok := e.(live.Init); ok {
			again = e.Resumed
		}
	}
	close(stop)
	done := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() { work.Wait(); close(done) })
	for over := false; !over; {
		select {
		case e := <-l.events:
			w.see(t, e)
		case <-done:
			over = true
		}
	}
	waiting.Wait()
	for total := int64(len(s.ledger.bodies(inRoom))); w.last < total; {
		w.see(t, l.next())
	}
	if old.Health().Sessions != 0 {
		t.Errorf("%d sessions are left on the node that drained", old.Health().Sessions)
	}
	if d := cmp.Diff(s.ledger.bodies(inRoom), w.bodies); d != "" {
		t.Errorf("(-log +client):\n%s", d)
	}
}

// A position that the server cannot go on from is told as a reset, and what
// follows it goes on from there.
func TestReset(t *testing.T) {
	tests := []struct {
		name, reason string
		since        live.Position
	}{
		{"another epoch", "epoch", live.Position{Epoch: "e0", Seq: 3}},
		{"from the future", "ahead", live.Position{Epoch: "e1", Seq: 99}},
		{"forgotten", "too_old", live.Position{Epoch: "e1", Seq: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, hub.Config{})
			for i := range 10 {
				s.ledger.say(inRoom, word(i))
				s.ledger.say(atDesk, word(i))
			}
			s.ledger.set(func(l *ledger) { l.floor = 5 })
			l := listen(t, live.Config{
				URL: s.URL, Room: roomID, Channels: []string{atDesk},
				Since: map[string]live.Position{inRoom: tt.since, atDesk: tt.since},
			})
			now := live.Position{Epoch: "e1", Seq: 10}
			if e := until[live.Init](l); e.Reset != tt.reason || e.Resumed || e.Position != now || len(e.Messages) == 0 {
				t.Errorf("init: %+v", e)
			}
			if e := until[live.Reset](l); e != (live.Reset{Channel: atDesk, Position: now, Reason: tt.reason}) {
				t.Errorf("reset: %+v", e)
			}
			s.ledger.say(inRoom, "on")
			if e := until[live.Entry](l); e.Channel != inRoom || e.Seq != 11 {
				t.Errorf("entry: %+v", e)
			}
			s.ledger.say(atDesk, "on")
			if e := until[live.Entry](l); e.Channel != atDesk || e.Seq != 11 {
				t.Errorf("entry: %+v", e)
			}
		})
	}
}

// A log that is rewound under a connection is told as a reset too.
func TestRewound(t *testing.T) {
	s := serve(t, hub.Config{})
	for i := range 10 {
		s.ledger.say(inRoom, word(i))
	}
	l := listen(t, live.Config{URL: s.URL, Room: roomID})
	until[live.Init](l)
	s.ledger.set(func(l *ledger) { l.epoch, l.entries[inRoom] = "e2", l.entries[inRoom][:4] })
	e := until[live.Reset](l)
	if e.Position != (live.Position{Epoch: "e2", Seq: 4}) || l.Positions()[inRoom] != e.Position {
		t.Errorf("%+v; positions %v", e, l.Positions())
	}
	s.ledger.say(inRoom, "on")
	if e := until[live.Entry](l); e.Seq != 5 || e.Epoch != "e2" {
		t.Errorf("entry: %+v", e)
	}
}

// What comes of the server's ways to say no.
func TestPost(t *testing.T) {
	s := serve(t, hub.Config{Posts: 1})
	first := listen(t, live.Config{URL: s.URL, Room: roomID})
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() {
		for {
			select {
			case <-first.events:
			case <-stop:
				return
			}
		}
	})
	defer work.Wait()
	defer close(stop)
	ctx := t.Context()
	p, err := first.Post(ctx, live.Message{Channel: inRoom, ClientID: "c1", Body: "once"})
	if err != nil || p != (live.Posted{ClientID: "c1", MessageID: "msg_1", Seq: 1}) {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = first.Post(ctx, live.Message{Channel: inRoom, ClientID: "c1", Body: "once"}); err != nil || p.Seq != 1 || !p.Duplicate {
		t.Errorf("again: %+v, %v", p, err)
	}
	if _, err = first.Post(ctx, live.Message{Channel: inRoom}); err == nil || !strings.Contains(err.Error(), "Say something.") {
		t.Errorf("an empty one: %v", err)
	}
	if _, err = first.Post(ctx, live.Message{Channel: "room:other", Body: "x"}); !errors.Is(err, live.ErrNotSubscribed) {
		t.Errorf("elsewhere: %v", err)
	}
	// More at once than the server takes, and than the client keeps under way.
	var many sync.WaitGroup
	for i := range 60 {
		many.Go(func() {
			if _, err := first.Post(ctx, live.Message{Channel: inRoom, Body: word(i)}); err != nil {
				t.Errorf("one of many: %v", err)
			}
		})
	}
	many.Wait()
	got := s.ledger.bodies(inRoom)[1:]
	want := make([]string, 60)
	for i := range want {
		want[i] = word(i)
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("many (-want +got):\n%s", d)
	}

	// One that the server cannot take now is tried until it can.
	s.ledger.set(func(l *ledger) { l.broken = true })
	tired, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := first.Post(tired, live.Message{Channel: inRoom, Body: "later"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it fails: %v", err)
	}
	var later sync.WaitGroup
	later.Go(func() {
		p, err := first.Post(ctx, live.Message{Channel: inRoom, ClientID: "c2", Body: "later"})
		// The one that was given up may have been made before it.
		if want := s.ledger.seqOf(inRoom, "c2"); err != nil || want < 62 || p.Seq != want || p.Duplicate {
			t.Errorf("once it does not: %+v, %v, want %d", p, err, want)
		}
	})
	s.ledger.set(func(l *ledger) { l.broken = false })
	later.Wait()

	first.cancel()
	<-first.ended
	if _, err := first.Post(ctx, live.Message{Channel: inRoom, Body: "too late"}); !errors.Is(err, live.ErrStopped) {
		t.Errorf("after the end: %v", err)
	}
}

// A Handler that would wait for itself is told so; its error ends the client.
func TestHandler(t *testing.T) {
	s := serve(t, hub.Config{})
	c, err := live.New(live.Config{URL: s.URL, Room: roomID, Credential: func(context.Context) (string, error) { return "good", nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Post(canceled(t), live.Message{Channel: inRoom, Body: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("before Run: %v", err)
	}
	err = c.Run(t.Context(), func(ctx context.Context, _ live.Event) error {
		_, err := c.Post(ctx, live.Message{Channel: inRoom, Body: "x"})
		return err
	})
	if !errors.Is(err, live.ErrInHandler) {
		t.Errorf("Run = %v", err)
	}
	if err := c.Run(t.Context(), nil); err == nil {
		t.Error("Run ran twice")
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A slow Handler is not told ahead of where it is: the positions are what it
// was given, however much waits at the server.
func TestSlowHandler(t *testing.T) {
	s := serve(t, hub.Config{})
	l := listen(t, live.Config{URL: s.URL, Room: roomID, Since: map[string]live.Position{inRoom: {Epoch: "e1"}}})
	for i := range 3000 {
		s.ledger.say(inRoom, word(i))
	}
	w := witness{channel: inRoom}
	for w.last < 3000 {
		w.see(t, l.next())
		if ahead := l.Positions()[inRoom].Seq - w.last; ahead < 0 || ahead > 1 {
			t.Fatalf("at %d, told up to %d", l.Positions()[inRoom].Seq, w.last)
		}
	}
}

func TestSignals(t *testing.T) {
	s := serve(t, hub.Config{Silence: time.Hour}) // a node that has not heard of the log for longer drops what is not kept
	s.ledger.say(inRoom, "one")
	hears := listen(t, live.Config{URL: s.URL, Room: roomID})
	until[live.Init](hears)
	tells := listen(t, live.Config{URL: s.URL, Room: roomID})
	until[live.Init](tells)
	ctx := t.Context()
	if err := tells.Typing(ctx, inRoom, true); err != nil {
		t.Error(err)
	}
	if e := until[live.Typing](hears); !e.On || e.Channel != inRoom || string(e.By) != `{"id":"usr_1"}` {
		t.Errorf("%+v", e)
	}
	if err := tells.Read(ctx, inRoom, 1); err != nil {
		t.Error(err)
	}
	if e := until[live.Read](hears); e.Seq != 1 || string(e.By) != `{"id":"usr_1"}` {
		t.Errorf("%+v", e)
	}
	if err := tells.Read(ctx, "room:other", 1); !errors.Is(err, live.ErrNotSubscribed) {
		t.Error(err)
	}
}

// A server that answers a ping of its own with silence is left.
func TestDeadServer(t *testing.T) {
	pongs := make(chan string, 1)
	at := script(t, func(ctx context.Context, c *websocket.Conn) {
		write(ctx, c, `{"type":"init","ping":1,"channel":"`+inRoom+`","epoch":"e1","seq":7}`, `{"type":"ping"}`, `{"type":"something new"}`)
		if _, data, err := c.Read(ctx); err == nil {
			select {
			case pongs <- string(data):
			default:
			}
		}
		<-c.CloseRead(ctx).Done()
	})
	l := listen(t, live.Config{URL: at, Room: roomID})
	until[live.Init](l)
	select {
	case got := <-pongs:
		if got != `{"type":"pong"}` {
			t.Errorf("the answer to a ping is %s", got)
		}
	case <-l.events:
		t.Error("an event, want a pong")
	case <-time.After(patient):
		t.Error("no pong")
	}
	if e := until[live.Disconnected](l); !strings.Contains(e.Err.Error(), "broke") {
		t.Errorf("%v", e.Err)
	}
}

func TestNew(t *testing.T) {
	token := func(context.Context) (string, error) { return "", nil }
	for name, cfg := range map[string]live.Config{
		"no address":    {Credential: token, Room: roomID},
		"another kind":  {URL: "ftp://localhost", Credential: token, Room: roomID},
		"no credential": {URL: "http://localhost", Room: roomID},
		"nothing":       {URL: "http://localhost", Credential: token},
	} {
		if _, err := live.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFullJitter(t *testing.T) {
	wait := live.FullJitter(100*time.Millisecond, 2*time.Second)
	for failures, limit := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 5: 1600 * time.Millisecond, 6: 2 * time.Second, 80: 2 * time.Second} {
		most := time.Duration(0)
		for range 1000 {
			d := wait(failures)
			if d < 0 || d > limit {
				t.Fatalf("after %d failures %s, want at most %s", failures, d, limit)
			}
			most = max(most, d)
		}
		if most < limit/2 {
			t.Errorf("after %d failures never more than %s of %s", failures, most, limit)
		}
	}
}

func TestEventsAreData(t *testing.T) {
	b, err := json.Marshal(live.Position{Epoch: "e1", Seq: 7})
	if err != nil || string(b) != `{"epoch":"e1","seq":7}` || (live.Position{Epoch: "e1", Seq: 7}).String() != "e1:7" {
		t.Errorf("%s, %v", b, err)
	}
}
