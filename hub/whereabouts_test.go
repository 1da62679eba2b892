package hub_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
)

// A gathering is who is in a channel as a client puts it together.
type gathering struct {
	t       *testing.T
	c       *client
	version uint64
	here    []string
}

func (g *gathering) take(f frame) {
	g.t.Helper()
	if f.Version != g.version+1 {
		g.t.Fatalf("version %d after %d", f.Version, g.version)
	}
	g.version = f.Version
	for _, who := range f.Join {
		if !slices.Contains(g.here, string(who)) {
			g.here = append(g.here, string(who))
		}
	}
	g.here = slices.DeleteFunc(g.here, func(who string) bool {
		return slices.ContainsFunc(f.Leave, func(subject string) bool { return who == `{"id":"`+subject+`"}` })
	})
	slices.Sort(g.here)
}

// until reads on until just these are here.
func (g *gathering) until(subjects ...string) {
	g.t.Helper()
	var want []string
	for _, s := range subjects {
		want = append(want, `{"id":"`+s+`"}`)
	}
	for !slices.Equal(g.here, want) {
		g.take(g.c.next("presence"))
	}
}

// gather subscribes with presence.
func gather(t *testing.T, c *client) *gathering {
	t.Helper()
	c.next("connected")
	c.subscribe("room:1", `,"presence":true`)
	f := c.next("presence")
	g := &gathering{t: t, c: c, version: f.Version - 1}
	g.take(f)
	if f.Count != len(f.Join) {
		t.Errorf("%d of %d", len(f.Join), f.Count)
	}
	return g
}

// Who is in a channel is known on every node, counted by person and not by
// tab; who only looks on is not shown.
func TestPresence(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, w := newLog(), newWire()
		app := newApp(log)
		app.hidden = "usr_9"
		one, two := startNodeHere(t, log, w.port(), app, hub.Config{}), startNodeHere(t, log, w.port(), app, hub.Config{})

		a := gather(t, one.dial(t, "as=usr_1"))
		a.until("usr_1")
		b := gather(t, two.dial(t, "as=usr_2"))
		b.until("usr_1", "usr_2")
		a.until("usr_1", "usr_2")

		looking := one.dial(t, "as=usr_9")
		looking.next("connected")
		looking.subscribe("room:1", "")
		tab := two.dial(t, "as=usr_1")
		tab.next("connected")
		tab.subscribe("room:1", "")
		third := two.dial(t, "as=usr_3")
		third.next("connected")
		third.subscribe("room:1", "")
		a.until("usr_1", "usr_2", "usr_3")
		b.until("usr_1", "usr_2", "usr_3")

		// What he who looks on has read stays with him.
		n := one.commit(log, "room:1")
		looking.next("entry") // before it nothing of it can be read
		looking.send(`{"type":"read","channel":"room:1","seq":1}`)
		third.send(`{"type":"unsubscribe","channel":"room:1"}`)
		for _, g := range []*gathering{a, b} {
			if f := g.c.next("entry"); f.Seq != n.Seq {
				t.Errorf("entry %d", f.Seq)
			}
			g.until("usr_1", "usr_2")
		}
		_ = tab.conn.CloseNow()
		_ = b.c.conn.CloseNow()
		a.until("usr_1")

		looking.send(`{"id":7,"type":"presence","channel":"room:1"}`)
		if f := looking.next("presence"); string(f.ID) != "7" || f.Count != 1 || len(f.Join) != 1 || string(f.Join[0]) != `{"id":"usr_1"}` {
			t.Errorf("presence = %+v", f)
		}
		looking.send(`{"id":8,"type":"presence","channel":"room:2"}`)
		if f := looking.next("error"); f.Code != "not_subscribed" {
			t.Errorf("presence of another channel = %+v", f)
		}
	})
}

// The members of a node that drains have left by the time it is gone.
func TestPresenceOfANodeThatDrains(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, w := newLog(), newWire()
		app := newApp(log)
		one, two := startNodeHere(t, log, w.port(), app, hub.Config{}), startNodeHere(t, log, w.port(), app, hub.Config{Drain: time.Second})
		a := gather(t, one.dial(t, "as=usr_1"))
		b := gather(t, two.dial(t, "as=usr_2"))
		b.until("usr_1", "usr_2")
		a.until("usr_1", "usr_2")
		two.Drain(t.Context())
		a.until("usr_1")
	})
}
