// Package presence knows who is where: which subjects are in which channels, on
// which of many nodes.
//
// Every node tells all others what changes among its own members, and a
// heartbeat with its version. Who sees that a version is missing asks, and is
// sent all of them. So what nodes tell may be lost, doubled, delayed and
// swapped, and nothing is kept anywhere but in the nodes; a node that falls
// silent takes its members with it.
//
// It has no lock, no clock and does no I/O: whoever owns a Roster passes the
// time, calls Tick about ten times a second, and carries what it returns.
package presence

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	beatEvery   = 3 * time.Second        // between heartbeats
	lease       = 10 * time.Second       // members of a node that is silent for longer leave
	linger      = 3 * time.Second        // a subject without sessions stays, as while a page reloads
	swapTime    = 250 * time.Millisecond // to wait for what was only swapped
	askEvery    = 2 * time.Second        // before asking again
	answerEvery = time.Second            // between full states that a node sends

	// A node that does not hear itself is deaf: the others' silence means
	// nothing then, and their members stay, though not for ever.
	deafAfter = 5 * time.Second
	deafHold  = 60 * time.Second

	maxGossip   = 32 << 10 // bytes of one gossip
	maxMembers  = 100_000  // subjects in channels that one node may have
	maxIdentity = 2 << 10  // bytes; a larger identity is reduced to its id
	maxPeers    = 256      // nodes
	forgetAfter = time.Minute
	maxPage     = 200 // members of a snapshot, unless fewer are wanted
)

// A place is one subject in one channel.
type place struct{ channel, subject string }

func comparePlace(a, b place) int {
	return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.subject, b.subject))
}

// An attendance is a place as this node's sessions have it.
type attendance struct {
	sessions int
	identity json.RawMessage
}

// A Roster knows who is in which channel on which node.
type Roster struct {
	self      *peer
	local     map[place]*attendance
	lingering map[place]time.Time // when those without sessions leave
	dirty     map[place]struct{}  // may differ from what the others were told
	views     map[string]*view    // by channel
	changed   map[string]struct{} // channels whose watchers may have to be told
	highest   uint64              // version that any view ever had

	peers map[string]*peer
	gone  map[string]departed // who comes back only with something newer

	number   uint64 // of the last gossip told
	beat     time.Time
	answered time.Time
	asked    time.Time // everybody, for a beat
	wanted   bool      // somebody asked for our state
	hello    bool      // somebody asked for a beat
	lost     bool      // we have to ask everybody

	echo       time.Time // when we last heard ourselves
	echoNumber uint64
}

type departed struct {
	number uint64
	at     time.Time
}

// New is for a node whose name no other has or ever had: it is drawn
// anew at every start.
func New(node string) *Roster {
	return &Roster{
		self:      &peer{id: node, members: map[place]struct{}{}},
		local:     map[place]*attendance{},
		lingering: map[place]time.Time{},
		dirty:     map[place]struct{}{},
		views:     map[string]*view{},
		changed:   map[string]struct{}{},
		peers:     map[string]*peer{},
		gone:      map[string]departed{},
		lost:      true, // whoever is new asks
	}
}

// Join adds a session of a subject, whose newest identity counts. It refuses
// names of more than 200 bytes and what is over the limit of the node: he is
// then not shown.
func (r *Roster) Join(channel, subject string, identity json.RawMessage) bool {
	at := place{channel, subject}
	a := r.local[at]
	if a == nil {
		if len(r.local) >= maxMembers || len(channel) > 200 || len(subject) > 200 || subject == "" {
			return false
		}
		a = &attendance{}
		r.local[at] = a
	}
	if len(identity) == 0 || len(identity) > maxIdentity {
		identity, _ = json.Marshal(map[string]string{"id": subject}) // strings always can
	}
	a.sessions++
	a.identity = identity
	delete(r.lingering, at)
	r.dirty[at] = struct{}{}
	return true
}

// Leave takes a session away that had joined.
func (r *Roster) Leave(now time.Time, channel, subject string) {
	at := place{channel, subject}
	a := r.local[at]
	if a == nil || a.sessions == 0 {
		return
	}
	if a.sessions--; a.sessions == 0 {
		r.lingering[at] = now.Add(linger)
	}
}

// Watch makes Tick return the diffs of a channel, for one more watcher; he
// begins with a snapshot taken right then.
func (r *Roster) Watch(channel string) {
	v := r.view(channel)
	if v.watchers++; v.touched == nil {
		v.touched = map[string]json.RawMessage{}
	}
}

// Unwatch is for one watcher less.
func (r *Roster) Unwatch(channel string) {
	v := r.views[channel]
	if v == nil || v.watchers == 0 {
		return
	}
	if v.watchers--; v.watchers == 0 {
		v.touched = nil
	}
	r.tidy(channel)
}

// Snapshot is up to limit members whose subject comes after one, 200 when limit
// is 0 or more than that.
func (r *Roster) Snapshot(channel, after string, limit int) Snapshot {
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	if v := r.views[channel]; v != nil {
		return v.page(after, limit)
	}
	return Snapshot{Version: r.highest}
}

// Missed is for a broker's Lost: everybody is asked where he stands.
func (r *Roster) Missed() { r.lost = true }

// Receive takes what a node told, this one included.
func (r *Roster) Receive(now time.Time, payload []byte) {
	g, err := decodeGossip(payload)
	if err != nil { // of another version, which keeps to itself
		return
	}
	if g.node == r.self.id {
		r.hear(now, g)
		return
	}
	p := r.peers[g.node]
	if p == nil {
		if g.number <= r.gone[g.node].number || len(r.peers) >= maxPeers {
			return
		}
		delete(r.gone, g.node)
		p = &peer{id: g.node, members: map[place]struct{}{}, heard: now}
		r.peers[g.node] = p
	}
	fresh := g.number > p.number
	if fresh {
		p.number, p.heard, p.leaves = g.number, now, time.Time{}
	}
	p.newest = max(p.newest, g.version)
	switch g.kind {
	case gossipDiff:
		if g.from == p.version && g.version > p.version {
			r.apply(p, g)
		} else if g.from > p.version {
			p.wait(g)
		}
	case gossipState:
		if all, whole := p.collect(g); whole {
			r.replace(p, g.version, all)
		}
	case gossipAsk:
		r.wanted = r.wanted || g.of == r.self.id
		r.hello = r.hello || g.of == ""
	case gossipBye:
		if fresh {
			p.leaves = now.Add(linger)
		}
	case gossipBeat: // the version is all
	}
}

// hear is for what we told ourselves. After having been deaf, the others' time
// begins anew.
func (r *Roster) hear(now time.Time, g gossip) {
	if g.number <= r.echoNumber {
		return
	}
	if r.deaf(now) {
		for _, p := range r.peers {
			p.heard = now
		}
		r.lost = true
	}
	r.echo, r.echoNumber = now, g.number
}

func (r *Roster) deaf(now time.Time) bool { return now.Sub(r.echo) > deafAfter }

// apply takes a diff that follows on, and those that waited for it.
func (r *Roster) apply(p *peer, g gossip) {
	for ok := true; ok; g, ok = p.next() {
		for _, c := range g.changes {
			r.set(p, c)
		}
		p.version = g.version
	}
}

// replace makes the members of a peer those of its state; who is in both is
// not seen to leave.
func (r *Roster) replace(p *peer, version uint64, all []change) {
	stay := make(map[place]struct{}, len(all))
	for _, c := range all {
		stay[place{c.channel, c.subject}] = struct{}{}
		r.set(p, c)
	}
	for at := range p.members {
		if _, ok := stay[at]; !ok {
			r.set(p, change{channel: at.channel, subject: at.subject, leave: true})
		}
	}
	p.version = version
	if g, ok := p.next(); ok {
		r.apply(p, g)
	}
}

func (r *Roster) set(p *peer, c change) {
	at := place{c.channel, c.subject}
	_, there := p.members[at]
	switch {
	case c.leave && there:
		delete(p.members, at)
		r.view(c.channel).unset(p.id, c.subject)
	case !c.leave && (there || p == r.self || len(p.members) < maxMembers):
		p.members[at] = struct{}{}
		r.view(c.channel).set(p.id, c.subject, c.identity)
	default:
		return
	}
	r.changed[c.channel] = struct{}{}
}

func (r *Roster) view(channel string) *view {
	v := r.views[channel]
	if v == nil {
		// A client may still have a version of an earlier view of the channel.
		v = &view{version: r.highest, members: map[string][]holder{}}
		r.views[channel] = v
	}
	return v
}

// tidy forgets a view that nobody is in and nobody looks at.
func (r *Roster) tidy(channel string) {
	if v := r.views[channel]; v != nil && v.watchers == 0 && len(v.members) == 0 {
		delete(r.views, channel)
	}
}

// Tick lets time pass, and returns what to publish and what to tell those who
// watch.
func (r *Roster) Tick(now time.Time) ([][]byte, []Diff) {
	if r.echo.IsZero() {
		r.echo = now
	}
	for at, when := range r.lingering {
		if !now.Before(when) {
			delete(r.lingering, at)
			delete(r.local, at)
			r.dirty[at] = struct{}{}
		}
	}
	r.expire(now)
	out := r.tell(nil)
	out = r.ask(now, out)
	out = r.answer(now, out)

	var diffs []Diff
	for _, channel := range slices.Sorted(maps.Keys(r.changed)) {
		v := r.views[channel]
		if v == nil {
			continue
		}
		if d, ok := v.diff(channel); ok {
			diffs = append(diffs, d)
		}
		r.highest = max(r.highest, v.version)
		r.tidy(channel)
	}
	clear(r.changed)
	return out, diffs
}

// Bye is the last thing to publish when the node stops: its members leave soon,
// unless they have come to another.
func (r *Roster) Bye() []byte { return r.payload(gossip{kind: gossipBye}) }

func (r *Roster) payload(g gossip) []byte {
	r.number++
	g.node, g.number = r.self.id, r.number
	if g.kind != gossipDiff {
		g.version = r.self.version
	}
	return g.encode()
}

// tell publishes how our members differ from what was told.
func (r *Roster) tell(out [][]byte) [][]byte {
	var changes []change
	for _, at := range slices.SortedFunc(maps.Keys(r.dirty), comparePlace) {
		c := change{channel: at.channel, subject: at.subject}
		told := r.told(at)
		if a := r.local[at]; a != nil {
			c.identity = a.identity
		} else {
			c.leave = true
		}
		if string(told) == string(c.identity) {
			continue
		}
		r.set(r.self, c)
		changes = append(changes, c)
	}
	clear(r.dirty)
	for chunk := range chunks(changes) {
		from := r.self.version
		r.self.version++
		out = append(out, r.payload(gossip{kind: gossipDiff, from: from, version: r.self.version, changes: chunk}))
	}
	return out
}

// told is the identity that others know of a member of ours; nil if none.
func (r *Roster) told(at place) json.RawMessage {
	if v := r.views[at.channel]; v != nil {
		return v.held(r.self.id, at.subject)
	}
	return nil
}

// chunks cuts changes so that each part fits one gossip; there is none of
// nothing.
func chunks(changes []change) func(func([]change) bool) {
	return func(yield func([]change) bool) {
		for len(changes) > 0 {
			n, size := 0, 512 // what comes before the changes
			for n < len(changes) && (n == 0 || size+changes[n].size() <= maxGossip) {
				size += changes[n].size()
				n++
			}
			if !yield(changes[:n]) {
				return
			}
			changes = changes[n:]
		}
	}
}

// ask is for what was missed.
func (r *Roster) ask(now time.Time, out [][]byte) [][]byte {
	if r.lost && now.Sub(r.asked) >= askEvery/2 {
		r.lost, r.asked = false, now
		out = append(out, r.payload(gossip{kind: gossipAsk}))
	}
	for _, id := range slices.Sorted(maps.Keys(r.peers)) {
		p := r.peers[id]
		switch {
		case p.version >= p.newest:
			p.gap = time.Time{}
		case p.gap.IsZero():
			p.gap = now
		case now.Sub(p.gap) >= swapTime && now.Sub(p.asked) >= askEvery:
			p.asked = now
			out = append(out, r.payload(gossip{kind: gossipAsk, of: id}))
		}
	}
	return out
}

// answer is what others want to know, at most so often: all of them hear it.
func (r *Roster) answer(now time.Time, out [][]byte) [][]byte {
	if r.wanted && now.Sub(r.answered) >= answerEvery {
		r.wanted, r.answered = false, now
		var all []change
		for _, at := range slices.SortedFunc(maps.Keys(r.self.members), comparePlace) {
			all = append(all, change{channel: at.channel, subject: at.subject, identity: r.told(at)})
		}
		parts := slices.Collect(chunks(all))
		if len(parts) == 0 {
			parts = [][]change{nil}
		}
		for i, part := range parts {
			out = append(out, r.payload(gossip{kind: gossipState, part: uint64(i), parts: uint64(len(parts)), changes: part}))
		}
	}
	if r.hello || now.Sub(r.beat) >= beatEvery {
		r.hello, r.beat = false, now
		out = append(out, r.payload(gossip{kind: gossipBeat}))
	}
	return out
}

// expire lets the members of nodes leave that are gone.
func (r *Roster) expire(now time.Time) {
	limit := lease
	if r.deaf(now) {
		limit = deafHold
	}
	for id, p := range r.peers {
		if p.silentFor(now) <= limit && (p.leaves.IsZero() || now.Before(p.leaves)) {
			continue
		}
		for at := range p.members {
			r.set(p, change{channel: at.channel, subject: at.subject, leave: true})
		}
		delete(r.peers, id)
		r.gone[id] = departed{p.number, now}
	}
	for id, d := range r.gone {
		if now.Sub(d.at) > forgetAfter {
			delete(r.gone, id)
		}
	}
}
