package presence_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/hub/presence"
)

// A world is three nodes on a network that loses, doubles, delays and swaps,
// with people who come and go, nodes that die and come back under another name,
// and nodes that hear nobody for a while.
type world struct {
	t     *testing.T
	dice  *rand.Rand
	now   time.Time
	calm  bool
	names int
	nodes []*simulated
	way   []letter
}

type letter struct {
	at      time.Time
	to      *simulated
	payload []byte
}

type simulated struct {
	name     string
	roster   *presence.Roster
	deaf     time.Time                    // hears and is heard by nobody before
	sessions map[[2]string]int            // what is true
	mirrors  map[string]map[string]string // what somebody who watches believes, by channel
	versions map[string]uint64
}

var channels = []string{"room:1", "room:2", "room:3", "org:1:claims"}

func (w *world) node() *simulated {
	w.names++
	name := fmt.Sprint("node", w.names)
	return &simulated{
		name: name, roster: presence.New(name), sessions: map[[2]string]int{},
		mirrors: map[string]map[string]string{}, versions: map[string]uint64{},
	}
}

// watch begins to believe a snapshot.
func (n *simulated) watch(channel string) {
	n.roster.Watch(channel)
	s := n.roster.Snapshot(channel, "", 0)
	n.mirrors[channel], n.versions[channel] = map[string]string{}, s.Version
	for _, m := range s.Members {
		n.mirrors[channel][m.Subject] = string(m.Identity)
	}
}

func (w *world) step() {
	w.now = w.now.Add(50 * time.Millisecond)
	if !w.calm {
		w.live()
	}
	// What is due, in no order: that is a swap.
	due := w.way
	w.way = nil
	for _, l := range due {
		switch {
		case l.at.After(w.now):
			w.way = append(w.way, l)
		case slices.Contains(w.nodes, l.to):
			l.to.roster.Receive(w.now, l.payload)
		}
	}
	for _, n := range w.nodes {
		out, diffs := n.roster.Tick(w.now)
		for _, payload := range out {
			w.post(n, payload)
		}
		for _, d := range diffs {
			n.believe(w.t, d)
		}
	}
}

func (n *simulated) believe(t *testing.T, d presence.Diff) {
	mirror := n.mirrors[d.Channel]
	if mirror == nil {
		t.Fatalf("%s: a diff of %s, which nobody watches", n.name, d.Channel)
	}
	if d.Version != n.versions[d.Channel]+1 {
		t.Fatalf("%s: version %d of %s after %d", n.name, d.Version, d.Channel, n.versions[d.Channel])
	}
	n.versions[d.Channel] = d.Version
	for _, m := range d.Join {
		mirror[m.Subject] = string(m.Identity)
	}
	for _, subject := range d.Leave {
		delete(mirror, subject)
	}
}

// live is what people, nodes and operators do.
func (w *world) live() {
	for range w.dice.IntN(4) {
		n := w.nodes[w.dice.IntN(len(w.nodes))]
		channel, subject := channels[w.dice.IntN(len(channels))], fmt.Sprint("usr_", w.dice.IntN(12))
		at := [2]string{channel, subject}
		if n.sessions[at] > 0 && w.dice.IntN(2) == 0 {
			n.sessions[at]--
			n.roster.Leave(w.now, channel, subject)
		} else {
			n.sessions[at]++
			n.roster.Join(channel, subject, identity(fmt.Sprint(subject, " ", w.dice.IntN(3))))
		}
	}
	i := w.dice.IntN(len(w.nodes))
	switch w.dice.IntN(400) {
	case 0: // killed, and another one starts
		w.nodes[i] = w.node()
	case 1: // stopped in order
		w.post(w.nodes[i], w.nodes[i].roster.Bye())
		w.nodes[i] = w.node()
	case 2:
		w.nodes[i].deaf = w.now.Add(time.Duration(w.dice.IntN(90)) * time.Second)
	case 3:
		w.nodes[i].roster.Missed()
	case 4, 5, 6, 7:
		channel := channels[w.dice.IntN(len(channels))]
		if w.nodes[i].mirrors[channel] == nil {
			w.nodes[i].watch(channel)
		} else {
			w.nodes[i].roster.Unwatch(channel)
			delete(w.nodes[i].mirrors, channel)
		}
	}
}

func (w *world) post(from *simulated, payload []byte) {
	if len(payload) > presence.MaxGossip {
		w.t.Fatalf("a gossip of %d bytes", len(payload))
	}
	for _, to := range w.nodes {
		if !w.calm && (w.now.Before(from.deaf) || w.now.Before(to.deaf) || w.dice.IntN(100) < 10) {
			continue
		}
		copies := 1
		if !w.calm && w.dice.IntN(100) < 10 {
			copies = 2
		}
		for range copies {
			at := w.now
			if !w.calm && w.dice.IntN(100) < 30 {
				at = at.Add(time.Duration(w.dice.IntN(2000)) * time.Millisecond)
			}
			w.way = append(w.way, letter{at, to, payload})
		}
	}
	if !w.calm {
		w.dice.Shuffle(len(w.way), func(i, j int) { w.way[i], w.way[j] = w.way[j], w.way[i] })
	}
}

// truth is who is where, by what the nodes' sessions say.
func (w *world) truth(channel string) []string {
	there := map[string]bool{}
	for _, n := range w.nodes {
		for at, sessions := range n.sessions {
			if at[0] == channel && sessions > 0 {
				there[at[1]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(there))
}

func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.step()
	}
}

// settled checks that all nodes, and all who watch, believe the truth.
func (w *world) settled(seed uint64) {
	for _, channel := range channels {
		want := w.truth(channel)
		first := w.nodes[0].roster.Snapshot(channel, "", 0)
		for _, n := range w.nodes {
			s := n.roster.Snapshot(channel, "", 0)
			var got []string
			believed := map[string]string{}
			for _, m := range s.Members {
				got = append(got, m.Subject)
				believed[m.Subject] = string(m.Identity)
			}
			if !slices.Equal(got, want) {
				w.t.Errorf("seed %d: %s shows %v in %s, want %v", seed, n.name, got, channel, want)
			}
			if d := cmp.Diff(first.Members, s.Members); d != "" {
				w.t.Errorf("seed %d: %s and %s differ over %s:\n%s", seed, w.nodes[0].name, n.name, channel, d)
			}
			if mirror := n.mirrors[channel]; mirror != nil && !maps.Equal(mirror, believed) {
				w.t.Errorf("seed %d: who watches %s at %s believes %v, the node shows %v", seed, channel, n.name, mirror, believed)
			}
		}
	}
}

func TestSimulation(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		w := &world{t: t, dice: rand.New(rand.NewPCG(seed, 0)), now: noon}
		w.nodes = []*simulated{w.node(), w.node(), w.node()}
		w.nodes[0].watch(channels[0])
		w.run(2 * time.Minute)
		w.calm = true
		// The last late letters, and then the lease of nodes that died.
		w.run(2*time.Second + presence.Lease + time.Second)
		w.settled(seed)

		// When all have left, nothing is kept.
		for _, n := range w.nodes {
			for at, sessions := range n.sessions {
				for range sessions {
					n.roster.Leave(w.now, at[0], at[1])
				}
			}
			clear(n.sessions)
			for channel := range n.mirrors {
				n.roster.Unwatch(channel)
			}
			clear(n.mirrors)
		}
		w.run(presence.Linger + time.Second)
		for _, n := range w.nodes {
			for what, kept := range n.roster.Kept() {
				if kept != 0 {
					t.Errorf("seed %d: %s keeps %d %s after all have left", seed, n.name, kept, what)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}
