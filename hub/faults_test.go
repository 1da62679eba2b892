package hub_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
)

// follow keeps a client of a channel alive, on whichever node, until it has
// heard up to last; it checks that nothing is missing or doubled.
func follow(t *testing.T, nodes []*node, channel string, last int64, leave bool) {
	seq := int64(0)
	for seq < last {
		n := nodes[rand.IntN(len(nodes))]
		c := n.dial(t, "as=usr_1&batch")
		c.next("connected")
		c.send(fmt.Sprintf(`{"id":1,"type":"subscribe","channel":%q,"since":{"epoch":"e1","seq":%d}}`, channel, seq))
		stay := rand.IntN(400)
		for i := 0; seq < last && (!leave || i < stay); i++ {
			f, err := c.read()
			if err != nil {
				t.Errorf("at %d: %v", seq, err)
				return
			}
			switch {
			case f.Type == "reset" || f.Type == "error":
				t.Errorf("at %d: %+v", seq, f)
				return
			case f.Type == "entry":
				if f.Seq != seq+1 || string(f.Event) != fmt.Sprintf(`{"n":%d}`, seq+1) {
					t.Errorf("got entry %d %s, want %d", f.Seq, f.Event, seq+1)
					return
				}
				seq = f.Seq
			}
		}
		_ = c.conn.CloseNow()
	}
}

// P3 and P4: whatever the broker does, everybody hears everything once, in
// order, on any node.
func TestHostileBroker(t *testing.T) {
	tests := []struct {
		name   string
		change func(*wire)
	}{
		{"drops, doubles, delays and swaps", func(w *wire) { w.hostile = true }},
		{"is dead and knows it", func(w *wire) { w.dead.Store(true); w.well.Store(false) }},
		{"is dead and does not know it", func(w *wire) { w.dead.Store(true) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log, w := newLog(), newWire()
			tt.change(w)
			app := newApp(log)
			var nodes []*node
			for range 3 {
				nodes = append(nodes, startNode(t, log, w.port(), app, hub.Config{SessionsPerSubject: 1000}))
			}
			const entries, channels = 2000, 4
			var group sync.WaitGroup
			for c := range channels {
				name := fmt.Sprintf("room:%d", c)
				for i := range 6 {
					group.Go(func() { follow(t, nodes, name, entries, i%2 == 0) })
				}
				group.Go(func() {
					for i := range entries {
						nodes[i%len(nodes)].commit(log, name)
						if i%100 == 0 {
							// Let readers catch up, so that they hear some of it live.
							eventually(t, "a node caught up", func() bool {
								head := hub.HeadOf(nodes[0].Hub, name)
								return head < 0 || head >= int64(i)
							})
						}
					}
				})
			}
			group.Wait()
		})
	}
}

func TestTailFindsWhatNobodyPublished(t *testing.T) {
	log := newLog()
	n := startNode(t, log, hub.NewMemory(), newApp(log), hub.Config{})
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	c.subscribe("room:1", "")
	for range 300 {
		log.commit(hub.Entry{Channel: "room:1"})
	}
	c.entries(1, 300)
}

// P6: a node that does not hear the Log delivers nothing, and all of it later.
func TestSilentLogPausesDelivery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n, log := singleHere(t, hub.Config{Tail: 10 * time.Millisecond, Silence: 200 * time.Millisecond})
		c := n.dial(t, "as=usr_1")
		c.next("connected")
		c.subscribe("room:1", "")
		n.commit(log, "room:1")
		c.entries(1, 1)

		end := log.silence()
		eventually(t, "not ready", func() bool { return n.Ready() != nil })
		n.commit(log, "room:1")
		n.commit(log, "room:1")
		// Answers still come, and no entry before them.
		c.send(`{"id":9,"type":"unsubscribe","channel":"room:2"}`)
		if f := c.next("error"); f.Code != "not_subscribed" {
			t.Errorf("error = %+v", f)
		}
		if n.Health().Log < 200*time.Millisecond {
			t.Errorf("health = %+v", n.Health())
		}
		end()
		c.entries(2, 3)
		eventually(t, "ready again", func() bool { return n.Ready() == nil })
	})
}

func TestNothingIsDeliveredBeforeTheLogWasHeard(t *testing.T) {
	log := newLog()
	end := log.silence()
	n := startNode(t, log, hub.NewMemory(), newApp(log), hub.Config{})
	if n.Ready() == nil {
		t.Error("ready before the log was heard")
	}
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	c.send(`{"id":1,"type":"subscribe","channel":"room:1"}`)
	end()
	c.next("subscribed")
	n.commit(log, "room:1")
	c.entries(1, 1)
}

func TestRevokedSubjectDoesNotSeeTheEntry(t *testing.T) {
	n, log, app := single(t, hub.Config{})
	out, stay := n.dial(t, "as=usr_1"), n.dial(t, "as=usr_2")
	for _, c := range []*client{out, stay} {
		c.next("connected")
		c.subscribe("room:1", "")
		c.subscribe("room:2", "")
	}
	app.refuse("usr_1", "room:1", &hub.Refusal{Code: "forbidden", Message: "no"})
	n.Publish(log.commit(hub.Entry{Channel: "room:1", Revokes: "usr_1"}))
	n.commit(log, "room:1")
	stay.entries(1, 2)
	if f := out.next("unsubscribed"); f.Code != "removed" || f.Channel != "room:1" {
		t.Errorf("unsubscribed = %+v", f)
	}
	n.commit(log, "room:2")
	if f := out.next("entry"); f.Channel != "room:2" {
		t.Errorf("entry = %+v", f)
	}
	out.send(`{"id":1,"type":"subscribe","channel":"room:1"}`)
	if f := out.next("error"); f.Code != "forbidden" {
		t.Errorf("error = %+v", f)
	}
}

func TestControlChannelHasRightsAskedForAgain(t *testing.T) {
	for _, broker := range []string{"alive", "dead"} {
		t.Run(broker, func(t *testing.T) {
			log, w := newLog(), newWire()
			w.dead.Store(broker == "dead")
			app := newApp(log)
			n := startNode(t, log, w.port(), app, hub.Config{})
			c, all := n.dial(t, "as=usr_1&control=control:1"), n.dial(t, "as=usr_2&control=control:1")
			for _, c := range []*client{c, all} {
				c.next("connected")
				c.subscribe("room:1", "")
				c.subscribe("room:2", "")
			}
			app.refuse("usr_1", "room:1", &hub.Refusal{Code: "forbidden", Message: "no"})
			n.Publish(log.commit(hub.Entry{Channel: "control:1", Revokes: "usr_1"}))
			if f := c.next("unsubscribed"); f.Code != "removed" || f.Channel != "room:1" {
				t.Errorf("unsubscribed = %+v", f)
			}
			n.commit(log, "room:1")
			n.commit(log, "room:2")
			if f := c.next("entry"); f.Channel != "room:2" {
				t.Errorf("entry = %+v", f)
			}
			all.next("entry")
			all.next("entry")

			app.refuse("usr_1", "room:2", &hub.Refusal{Code: "forbidden", Message: "no"})
			n.Publish(log.commit(hub.Entry{Channel: "control:1", Revokes: "usr_1"}))
			c.next("unsubscribed")
			if code := c.closed(); code != hub.CloseForbidden {
				t.Errorf("closed with %d, want %d", code, hub.CloseForbidden)
			}
			app.refuse("usr_2", "room:1", &hub.Refusal{Code: "token", Message: "no"})
			app.refuse("usr_2", "room:2", &hub.Refusal{Code: "token", Message: "no"})
			n.Publish(log.commit(hub.Entry{Channel: "control:1", Revokes: "usr_2"}))
			if code := all.closed(); code != hub.CloseForbidden {
				t.Errorf("closed with %d, want %d", code, hub.CloseForbidden)
			}
		})
	}
}

// A revocation that commits between the question for rights and the
// subscription must not slip through.
func TestRevocationWhileSubscribing(t *testing.T) {
	n, log, app := single(t, hub.Config{})
	app.mu.Lock()
	app.during = sync.OnceFunc(func() {
		app.refuse("usr_1", "room:1", &hub.Refusal{Code: "forbidden", Message: "no"})
		n.Publish(log.commit(hub.Entry{Channel: "room:1", Revokes: "usr_1"}))
		eventually(t, "the node has heard", func() bool { return hub.HeadOf(n.Hub, "room:1") == 1 })
	})
	app.mu.Unlock()
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	c.send(`{"id":1,"type":"subscribe","channel":"room:1"}`)
	if f := c.next("error"); f.Code != "forbidden" {
		t.Errorf("got %+v, want forbidden", f)
	}
}

func TestCatchUpSurvivesALogThatBreaks(t *testing.T) {
	n, log, _ := single(t, hub.Config{})
	for range 2000 {
		log.commit(hub.Entry{Channel: "room:1"})
	}
	var asked atomic.Int64
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	log.mu.Lock()
	log.gate = func(string, int64) {
		if asked.Add(1) == 3 {
			log.mu.Lock()
			log.broken = true
			log.mu.Unlock()
		}
	}
	log.mu.Unlock()
	c.send(`{"id":1,"type":"subscribe","channel":"room:1","since":{"epoch":"e1","seq":0}}`)
	c.next("subscribed")
	eventually(t, "the log broke", func() bool { return asked.Load() >= 3 })
	log.mu.Lock()
	log.broken = false
	log.mu.Unlock()
	c.entries(1, 2000)
	c.next("live")
}

func TestManyChannelsOfOneSession(t *testing.T) {
	n, log, _ := single(t, hub.Config{FrameBurst: 1000})
	c := n.dial(t, "as=usr_1&batch")
	c.next("connected")
	const channels, each = 90, 30
	for i := range channels {
		c.subscribe(fmt.Sprintf("room:%d", i), "")
	}
	for range each {
		for i := range channels {
			n.commit(log, fmt.Sprintf("room:%d", i))
		}
	}
	got := map[string]int64{}
	for range channels * each {
		f := c.next("entry")
		if f.Seq != got[f.Channel]+1 {
			t.Fatalf("%s: got %d after %d", f.Channel, f.Seq, got[f.Channel])
		}
		got[f.Channel] = f.Seq
	}
}

func TestMemoryOfRingsIsBounded(t *testing.T) {
	const limit = 1 << 20
	n, log, _ := single(t, hub.Config{Memory: limit, Ping: 20 * time.Millisecond, Pong: time.Minute, FrameBurst: 1000})
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	big := []byte(`"` + strings.Repeat("x", 8<<10) + `"`)
	for i := range 20 {
		name := fmt.Sprintf("room:%d", i)
		c.subscribe(name, "")
		for seq := range 40 {
			n.Publish(log.commit(hub.Entry{Channel: name, Payload: big}))
			if f := c.next("entry"); f.Seq != int64(seq+1) {
				t.Fatalf("%s: %+v", name, f)
			}
		}
	}
	eventually(t, "memory is given back", func() bool { return hub.RingBytes(n.Hub) <= limit })
	d := n.dial(t, "as=usr_2")
	d.next("connected")
	d.subscribe("room:0", `,"since":{"epoch":"e1","seq":0}`)
	d.entries(1, 40)
}
