package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A scene is a cluster under load: rooms in which both companies talk, and
// witnesses on both nodes.
type scene struct {
	t         *testing.T
	c         *cluster
	rooms     []string
	witnesses []*witness
	talkers   []*talker

	una, ben atomic.Pointer[string] // tokens, renewed
	stopTalk context.CancelFunc
	stop     context.CancelFunc
	talking  sync.WaitGroup
	watching sync.WaitGroup
}

// play begins the load.
func play(t *testing.T, c *cluster, rooms int) *scene {
	t.Helper()
	s := &scene{t: t, c: c}
	s.renew()
	ctx, stop := context.WithCancel(t.Context())
	talk, stopTalk := context.WithCancel(ctx)
	s.stop, s.stopTalk = stop, stopTalk
	una, ben := func() string { return *s.una.Load() }, func() string { return *s.ben.Load() }
	for r := range rooms {
		id := c.room(una())
		s.rooms = append(s.rooms, id)
		for i, token := range []func() string{una, ben, una, ben} {
			w := &witness{t: t, c: c, room: id, token: token, first: i / 2, moved: make(chan struct{}, 1)}
			s.witnesses = append(s.witnesses, w)
			s.watching.Go(func() { w.run(ctx) })
		}
		for i, token := range []func() string{una, ben} {
			k := &talker{c: c, room: id, token: token, first: i + r, socket: i == 1, pace: 30 * time.Millisecond, acked: map[string]int64{}}
			s.talkers = append(s.talkers, k)
			s.talking.Go(func() { k.run(talk, ctx) })
		}
	}
	s.watching.Go(func() {
		for pause(ctx, 5*time.Minute); ctx.Err() == nil; pause(ctx, 5*time.Minute) {
			s.renew()
		}
	})
	t.Cleanup(func() { stop(); s.talking.Wait(); s.watching.Wait() })
	return s
}

func (s *scene) renew() {
	una, ben := s.c.token("underwriter"), s.c.token("broker")
	s.una.Store(&una)
	s.ben.Store(&ben)
}

// go on waits until n more messages were said.
func (s *scene) goOn(n int64) {
	s.t.Helper()
	said := func() (sum int64) {
		for _, k := range s.talkers {
			sum += k.said.Load()
		}
		return sum
	}
	// A busy machine is slow, and one that stands still is a failure.
	last, since := said(), time.Now()
	target := last + n
	for said() < target {
		if now := said(); now > last {
			last, since = now, time.Now()
		}
		if time.Since(since) > time.Minute {
			for i := range s.c.nodes {
				s.t.Logf("node %d:\n%s", i, tail(s.c.node(i).log.String()))
			}
			s.t.Fatalf("only %d of %d messages were said, the last a minute ago", n-(target-said()), n)
		}
		pause(s.t.Context(), 20*time.Millisecond)
	}
}

func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// end stops the talk, waits until everybody has heard all, and compares every
// witness with the database, and the database with what was acknowledged.
func (s *scene) end() {
	s.t.Helper()
	s.stopTalk()
	s.talking.Wait()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	total := 0
	for _, room := range s.rooms {
		all := s.c.entries("room:" + room)
		total += len(all)
		posted := map[string]int64{}
		for i, e := range all {
			if e.seq != int64(i)+1 {
				s.t.Fatalf("%s: seq %d in place %d", room, e.seq, i+1)
			}
			var m struct {
				Type string `json:"type"`
				Data struct {
					ClientID string `json:"clientId"`
				} `json:"data"`
			}
			if err := json.Unmarshal([]byte(e.payload), &m); err != nil {
				s.t.Fatal(err)
			}
			if m.Type != "deal_room.message_posted" {
				continue
			}
			if posted[m.Data.ClientID] != 0 {
				s.t.Errorf("%s was posted twice: %d and %d", m.Data.ClientID, posted[m.Data.ClientID], e.seq)
			}
			posted[m.Data.ClientID] = e.seq
		}
		for _, k := range s.talkers {
			if k.room != room {
				continue
			}
			for id, seq := range k.acked {
				if posted[id] != seq {
					s.t.Errorf("%s was acknowledged as %d and is %d", id, seq, posted[id])
				}
			}
		}
		for i, w := range s.witnesses {
			if w.room != room {
				continue
			}
			if err := w.until(ctx, int64(len(all))); err != nil {
				s.t.Errorf("witness %d of %s: %v", i, room, err)
			} else if err := w.compare(all); err != nil {
				s.t.Errorf("witness %d of %s: %v", i, room, err)
			}
		}
	}
	connections := 0
	for _, w := range s.witnesses {
		connections += w.comes
	}
	s.t.Logf("%d entries in %d rooms, %d witnesses over %d connections", total, len(s.rooms), len(s.witnesses), connections)
	s.stop()
	s.watching.Wait()
}

// For a while nothing is as it should be; afterwards every client has exactly
// what the database has.
func TestFaults(t *testing.T) {
	c := newCluster(t, "serve", "serve")
	s := play(t, c, 3)
	s.goOn(30)
	for _, fault := range []struct {
		name  string
		cause func()
	}{
		{"Redis frozen until everybody knows", func() {
			c.redis.Pause()
			pause(t.Context(), 8*time.Second)
			s.goOn(60)
			c.redis.Continue()
		}},
		{"Redis restarted empty", func() { c.redis.Kill(); c.redis.Restart(); s.goOn(60) }},
		{"network to Redis cut", func() { c.bus.set("", true); s.goOn(60); c.bus.set(c.redis.Addr(), false) }},
		{"Redis stopped for 30 seconds", func() {
			c.redis.Stop()
			pause(t.Context(), 30*time.Second)
			c.redis.Restart()
		}},
		{"node killed under load", func() {
			_ = c.node(0).cmd.Process.Kill()
			_ = c.node(0).wait()
			s.goOn(40)
			c.add("serve", 0)
		}},
		{"node killed between commit and publish", func() {
			old := c.node(1)
			dying := start(t, "die", c.dir, "DATABASE_URL="+c.dbURL, "REDIS_URL=redis://"+c.bus.addr(), "DRAIN_TIME=6s", "DIE_AFTER=50")
			c.mu.Lock()
			c.nodes[1] = dying
			c.mu.Unlock()
			old.stop()
			if err := dying.wait(); err == nil {
				t.Error("the node was not killed")
			}
			c.add("serve", 1)
		}},
		{"node stopped in order", func() { c.node(1).stop(); s.goOn(40); c.add("serve", 1) }},
		{"Postgres restarted", func() { c.restartPostgres() }},
		{"network to Postgres cut", func() {
			at := c.db.to()
			c.db.set("", true)
			pause(t.Context(), 2*time.Second)
			c.db.set(at, false)
		}},
		{"node frozen", func() {
			_ = c.node(0).cmd.Process.Signal(syscall.SIGSTOP)
			pause(t.Context(), 3*time.Second)
			_ = c.node(0).cmd.Process.Signal(syscall.SIGCONT)
		}},
	} {
		began := time.Now()
		fault.cause()
		s.goOn(60)
		t.Logf("%s: %s", fault.name, time.Since(began).Round(10*time.Millisecond))
		if t.Failed() {
			break
		}
	}
	s.end()
	for i := range c.nodes {
		c.node(i).stop()
	}
}

// A broker that loses, doubles, delays and swaps changes nothing either.
func TestHostileBroker(t *testing.T) {
	c := newCluster(t, "hostile", "hostile")
	s := play(t, c, 4)
	s.goOn(800)
	s.end()
}

// 200 clients that never read cost the others nothing, and when they read after
// all they have lost nothing.
func TestClientsThatStopReading(t *testing.T) {
	const users, each = 5, 40
	c := newCluster(t, "serve", "serve")
	s := play(t, c, 1)
	room := s.rooms[0]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := make(chan struct{})
	var deaf sync.WaitGroup
	defer deaf.Wait()
	defer cancel()
	var late []*witness
	for u := range users {
		token := c.underwriter(fmt.Sprintf("viewer%d@summit.example", u))
		for i := range each {
			w := &witness{t: t, c: c, room: room, token: func() string { return token }, first: i, moved: make(chan struct{}, 1)}
			late = append(late, w)
			conn, err := c.dial(ctx, i, token, room, nil)
			if err != nil {
				t.Fatal(err)
			}
			deaf.Go(func() {
				defer func() { _ = conn.CloseNow() }()
				_, b, err := conn.Read(ctx) // the init, and then nothing
				var f liveFrame
				if err == nil {
					err = json.Unmarshal(b, &f)
				}
				if err == nil {
					err = w.take(f)
				}
				if err != nil {
					t.Error(err)
				}
				select {
				case <-read:
				case <-ctx.Done():
					return
				}
				w.run(ctx) // on a new connection, from where it stopped
			})
		}
	}
	s.goOn(600)
	close(read)
	s.goOn(50)
	s.witnesses = append(s.witnesses, late...)
	s.end()
}

// A node that is cut off when somebody loses a right hands him nothing that came
// after, whichever of Redis and Postgres it hears of first.
func TestNoByteAfterTheRightIsGone(t *testing.T) {
	c := newCluster(t, "serve")
	db, bus := newGate(t, c.db.addr()), newGate(t, c.redis.Addr())
	u, err := url.Parse(c.dbURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = db.addr()
	c.add("serve", 1, "DATABASE_URL="+u.String(), "REDIS_URL=redis://"+bus.addr())
	una, ben := c.token("underwriter"), c.token("broker")
	room := c.room(una)
	say := func(body string) {
		c.must(una, "/v1/deal-rooms/"+room+"/messages", map[string]any{"body": body})
	}
	conn, err := c.dial(t.Context(), 1, ben, room, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	var all strings.Builder
	until := func(text string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for {
			_, b, err := conn.Read(ctx)
			if err != nil {
				t.Fatalf("%v before %q, after\n%s", err, text, all.String())
			}
			all.Write(b)
			if bytes.Contains(b, []byte(text)) {
				return
			}
		}
	}
	say("while he may")
	until("while he may")

	db.set("", true)
	bus.set("", true)
	pause(t.Context(), 1500*time.Millisecond) // until the node knows that it knows nothing
	var me struct{ ID string }
	if err := send(t.Context(), c.node(0).url, ben, http.MethodGet, "/v1/me", nil, &me); err != nil {
		t.Fatal(err)
	}
	if err := send(t.Context(), c.node(0).url, una, http.MethodDelete, "/v1/deal-rooms/"+room+"/participants/"+me.ID, nil, nil); err != nil {
		t.Fatal(err)
	}
	say("after he left, unheard")
	bus.set(c.redis.Addr(), false)
	for i := range 20 { // Redis tells the node, Postgres does not yet
		say(fmt.Sprintf("after he left, %d", i))
		pause(t.Context(), 150*time.Millisecond)
	}
	db.set(c.db.addr(), false)
	until(`"unsubscribed"`)
	say("after he left, the last")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for err = nil; err == nil; { // whatever else there is
		var b []byte
		_, b, err = conn.Read(ctx)
		all.Write(b)
	}
	if strings.Contains(all.String(), "after he left") {
		t.Errorf("he was sent\n%s", all.String())
	}
}
