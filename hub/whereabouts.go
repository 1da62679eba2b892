package hub

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/openinsure/openinsure/hub/presence"
)

// whereabouts is who is in which channel, on all nodes, as this node knows it:
// a presence.Roster with a lock and a clock. Its lock is taken last.
type whereabouts struct {
	topic string // in which this node tells the others, so that they hear it in order

	mu     sync.Mutex // guards the rest
	roster *presence.Roster
	left   bool // the node has said good-bye
}

// presenceEvery is how often changes are told.
const presenceEvery = 100 * time.Millisecond

func newWhereabouts() *whereabouts {
	node := rand.Text()
	return &whereabouts{topic: "presence:" + node, roster: presence.New(node)}
}

// join notes a session of a subject in a channel; false when he is not shown.
func (a *whereabouts) join(channel string, p Principal) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.roster.Join(channel, p.Subject, p.Identity)
}

func (a *whereabouts) leave(now time.Time, channel, subject string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roster.Leave(now, channel, subject)
}

// watch begins to tell what changes in a channel; who is there by then, the
// snapshot says.
func (a *whereabouts) watch(channel string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roster.Watch(channel)
}

func (a *whereabouts) unwatch(channel string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roster.Unwatch(channel)
}

func (a *whereabouts) snapshot(channel, after string) presence.Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.roster.Snapshot(channel, after, 0)
}

func (a *whereabouts) receive(now time.Time, payload []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roster.Receive(now, payload)
}

func (a *whereabouts) missed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roster.Missed()
}

func (a *whereabouts) tick(now time.Time) ([]Publication, []presence.Diff) {
	a.mu.Lock()
	defer a.mu.Unlock()
	payloads, diffs := a.roster.Tick(now)
	if a.left { // whatever came after the good-bye would take it back
		return nil, diffs
	}
	return a.publications(payloads...), diffs
}

// bye is the last that the other nodes hear.
func (a *whereabouts) bye() []Publication {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = true
	return a.publications(a.roster.Bye())
}

func (a *whereabouts) publications(payloads ...[]byte) []Publication {
	pubs := make([]Publication, len(payloads))
	for i, p := range payloads {
		pubs[i] = Publication{Kind: KindPresence, Channel: a.topic, Payload: p}
	}
	return pubs
}

// gossip tells the other nodes, and the sessions that want to know, who came
// and went.
func (h *Hub) gossip(ctx context.Context) {
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		pubs, diffs := h.where.tick(h.now())
		if len(pubs) > 0 {
			h.broker.Publish(pubs...)
		}
		for _, d := range diffs {
			ch := h.channels.get(d.Channel)
			if ch == nil {
				continue
			}
			body := presenceAnswer(d.Channel, d.Version, d.Join, d.Leave).body()
			for i, w := range h.shards {
				if ch.heard[i].Load() > 0 {
					w.doSoon(func() { w.signal(ch, body, (*subscription).watches) })
				}
			}
		}
	}
}

func presenceAnswer(channel string, version uint64, join []presence.Member, leave []string) answer {
	a := answer{Type: "presence", Channel: channel, Version: version, Join: make([]json.RawMessage, len(join)), Leave: leave}
	for i, m := range join {
		a.Join[i] = m.Identity
	}
	return a
}

// here is who is in a channel after a subject, as the frame that says so.
func (h *Hub) here(id json.RawMessage, channel, after string) answer {
	s := h.where.snapshot(channel, after)
	a := presenceAnswer(channel, s.Version, s.Members, nil)
	a.ID, a.Count = id, &s.Count
	if s.More {
		a.After = s.Members[len(s.Members)-1].Subject
	}
	return a
}

// watches reports whether the session wants to know who comes and goes.
func (sub *subscription) watches() bool { return sub.watching }

// watch has the session told who comes and goes in the channel, from the frame
// on that is returned. It is called in the session's shard.
func (sub *subscription) watch(id json.RawMessage, after string) answer {
	h := sub.session.hub
	if !sub.watching {
		sub.watching = true
		h.where.watch(sub.ch.name)
	}
	return h.here(id, sub.ch.name, after)
}

// enter shows the session's subject to those in the channel, unless he only
// looks on. It is called in the session's shard.
func (sub *subscription) enter() {
	if !sub.rights.Load().Hidden {
		sub.shown = sub.session.hub.where.join(sub.ch.name, sub.session.who())
	}
}

// exit undoes enter and watch, once.
func (sub *subscription) exit() {
	h := sub.session.hub
	if sub.shown {
		sub.shown = false
		h.where.leave(h.now(), sub.ch.name, sub.session.subject)
	}
	if sub.watching {
		sub.watching = false
		h.where.unwatch(sub.ch.name)
	}
}
