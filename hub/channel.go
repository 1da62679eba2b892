package hub

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	pendingRoom = 64      // entries held that came before their turn
	revokeRoom  = 64      // revocations remembered
	pageEntries = 128     // of one question to the Log
	pageBytes   = 1 << 17 // of a page
	pageRoom    = 16      // pages kept of a channel
)

// A channel is what this node knows of one channel that somebody here listens
// to: everything up to next, once, in order.
//
// Locks, outermost first: channels.mu, channel.mu, registry.mu, session.mu,
// shard.mu. None is held over I/O.
type channel struct {
	hub    *Hub
	name   string
	quoted []byte // name as JSON

	refs  int       // guarded by channels.mu: sessions that hold it
	since time.Time // guarded by channels.mu: when refs became 0

	head    atomic.Int64   // next-1, for those who only wonder
	gen     atomic.Int64   // counts resets; written under mu
	fresh   atomic.Int64   // the instant, in ns, up to which nothing is known to be missing
	visited atomic.Int64   // the instant, in ns, somebody was last sent from here
	dirty   []atomic.Bool  // by shard: waits for a visit
	heard   []atomic.Int32 // by shard: how many subscriptions

	// audience is the subscriptions, by shard; each slice belongs to its shard.
	audience [][]*subscription

	mu     sync.Mutex // guards what follows
	state  channelState
	opened chan struct{} // closed when opening is over, either way
	failed error         // why opening failed

	epoch   string
	reason  string // of the last reset
	floor   int64  // entries up to here are not held by the Log
	ring    ring   // its next() is the seq that is due
	pending map[int64]Entry

	target   int64 // a head the Log told of that is not reached; 0 is none
	targetAt int64 // the instant, in ns, of that

	governs map[*session]struct{} // whose control channel it is

	mending bool          // a repair is on its way
	mended  chan struct{} // closed when it is over
	suspect bool          // the Log is to be asked even though nothing is missing

	rewrites    int // counts entries that rewrote earlier ones
	revokes     []revocation
	revokesFrom int64 // revocations after this seq are all in revokes

	pages    []*page
	fetching map[int64]struct{} // pages on their way, by the seq they follow
	backoff  map[int64]int      // failures of those in a row
}

type channelState byte

const (
	channelClosed channelState = iota
	channelOpening
	channelOpen
)

type revocation struct {
	seq     int64
	subject string
}

func newChannel(h *Hub, name string) *channel {
	return &channel{
		hub: h, name: name, quoted: quote(name),
		dirty: make([]atomic.Bool, len(h.shards)), heard: make([]atomic.Int32, len(h.shards)),
		audience: make([][]*subscription, len(h.shards)),
		pending:  map[int64]Entry{}, governs: map[*session]struct{}{}, fetching: map[int64]struct{}{}, backoff: map[int64]int{},
	}
}

// A view is a channel at one instant; what it refers to never changes.
type view struct {
	ch     *channel
	epoch  string
	gen    int64
	reason string
	floor  int64
	head   int64
	fresh  int64
	ring   ring // to read only
}

func (ch *channel) view() view {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return view{
		ch: ch, epoch: ch.epoch, gen: ch.gen.Load(), reason: ch.reason, floor: ch.floor,
		head: ch.ring.next() - 1, fresh: ch.fresh.Load(), ring: ch.ring,
	}
}

// publication takes an entry that a broker brought.
func (ch *channel) publication(e Entry) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	switch ch.state {
	case channelClosed:
		return
	case channelOpening:
		ch.keep(e)
		return
	case channelOpen:
	}
	if e.Epoch != ch.epoch {
		// Late, or the log was rewound: only the Log knows.
		ch.hub.look()
		return
	}
	switch next := ch.ring.next(); {
	case e.Seq < next:
	case e.Seq == next:
		ch.append(e)
		ch.takePending()
	default:
		ch.keep(e)
		ch.mend(causeGap, ch.hub.cfg.Grace)
	}
}

// keep holds an entry that came too early; ch.mu is held.
func (ch *channel) keep(e Entry) {
	if len(ch.pending) < pendingRoom {
		ch.pending[e.Seq] = e
	}
}

// takePending appends what was waiting for its turn; ch.mu is held.
func (ch *channel) takePending() {
	for len(ch.pending) > 0 {
		e, ok := ch.pending[ch.ring.next()]
		if !ok {
			break
		}
		delete(ch.pending, e.Seq)
		if e.Epoch == ch.epoch {
			ch.append(e)
		}
	}
	for seq := range ch.pending {
		if seq < ch.ring.next() {
			delete(ch.pending, seq)
		}
	}
}

// append takes the entry that is due; ch.mu is held. Whoever loses the channel
// with it is cut off before anybody can be sent it.
func (ch *channel) append(e Entry) {
	if e.Revokes != "" {
		ch.revoke(e)
	}
	before := ch.ring.bytes
	ch.ring.push(entryFrame(ch.quoted, e.Seq, e.Payload), ch.hub.cfg.Ring, ch.hub.cfg.RingBytes)
	if e.Rewrites {
		ch.rewrites++
		ch.ring.begin(e.Seq)
		ch.forgetPages(func(*page) bool { return true })
	}
	ch.hub.remember(ch.ring.bytes - before)
	ch.head.Store(e.Seq)
	if ch.target > 0 && e.Seq >= ch.target {
		ch.freshen(ch.targetAt)
		ch.target = 0
	}
	ch.touch()
}

// revoke cuts whom e names off the channel and, where it is a control channel
// of his, has all his rights asked for again; ch.mu is held.
func (ch *channel) revoke(e Entry) {
	ch.revokes = append(ch.revokes, revocation{e.Seq, e.Revokes})
	if extra := len(ch.revokes) - revokeRoom; extra > 0 {
		ch.revokesFrom = ch.revokes[extra-1].seq
		ch.revokes = append(ch.revokes[:0], ch.revokes[extra:]...)
	}
	for _, s := range ch.hub.registry.of(e.Revokes) {
		if sub := s.subscription(ch.name); sub != nil {
			s.cut(sub, "removed", "You were removed from this channel.")
		}
		if _, ok := ch.governs[s]; ok {
			s.revalidate()
		}
	}
}

// revokedSince reports whether subject may have lost the channel after seq;
// ch.mu is held.
func (ch *channel) revokedSince(subject string, seq int64) bool {
	if seq < ch.revokesFrom {
		return true
	}
	for _, r := range ch.revokes {
		if r.subject == subject && r.seq > seq {
			return true
		}
	}
	return false
}

// freshen says that nothing committed before the instant at is missing; ch.mu
// is held.
func (ch *channel) freshen(at int64) {
	if at > ch.fresh.Load() {
		ch.fresh.Store(at)
		ch.hub.release()
	}
}

// touch has all shards visit the channel.
func (ch *channel) touch() {
	for i, w := range ch.hub.shards {
		if ch.heard[i].Load() > 0 && ch.dirty[i].CompareAndSwap(false, true) {
			w.visitLater(ch)
		}
	}
}

// restart forgets what was known; ch.mu is held. Everybody is told reset, and
// asked about again, as what was missed may have been a revocation: shards do
// it for those who listen, before they are sent anything new.
func (ch *channel) restart(epoch string, head, floor int64, reason string) {
	ch.gen.Add(1)
	ch.reason = reason
	ch.hub.metrics.resets.WithLabelValues(reason).Inc()
	ch.start(epoch, head, floor)
	for s := range ch.governs {
		s.revalidate()
	}
	ch.touch()
}

// start makes head the last seq that is known; ch.mu is held.
func (ch *channel) start(epoch string, head, floor int64) {
	ch.hub.remember(-ch.ring.bytes)
	ch.epoch, ch.floor = epoch, floor
	ch.ring.reset(head + 1)
	ch.head.Store(head)
	ch.revokes, ch.revokesFrom = nil, head
	ch.target = 0
	ch.forgetPages(func(*page) bool { return true })
	clear(ch.backoff)
	for seq, e := range ch.pending {
		if e.Epoch != epoch || seq <= head {
			delete(ch.pending, seq)
		}
	}
}

// shrink forgets all frames, which the Log has; it returns how many bytes.
func (ch *channel) shrink() int {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	freed := ch.ring.bytes
	for _, p := range ch.pages {
		freed += p.bytes
	}
	ch.hub.remember(-ch.ring.bytes)
	ch.ring.reset(ch.ring.next())
	ch.forgetPages(func(*page) bool { return true })
	return freed
}
