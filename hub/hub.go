// Package hub keeps live connections and carries what was committed to them:
// sessions, channels, presence, fan-out. It knows names and bytes, and nothing
// of insurance.
//
// What it promises, whatever fails:
//
//   - P1 An entry exists if and only if its transaction committed; (channel,
//     epoch, seq) names one entry for ever.
//   - P2 seq is gapless per channel, in the order of commits.
//   - P3 A session is handed seq strictly +1 within an epoch, or is told reset
//     first.
//   - P4 The broker only makes it fast: taking it away changes latency, to the
//     tail's poll, and never content.
//   - P5 A slow session costs one partial write of memory, not a queue, and
//     being slow never loses it anything.
//   - P6 Nobody is handed a byte of a channel later than a second after the
//     commit that took the right away; a node that has not heard from the Log
//     for a second pauses delivery.
//
// P1 and P2 are the Log's, the rest is kept here: one mechanism, a cursor per
// subscription into a ring of frames per channel, and behind the ring the Log.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A Hub is one node's live connections. Make one with New, have Run running,
// and hand it requests with ServeWS and ServeSSE.
type Hub struct {
	source  Log
	broker  Broker
	app     App
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics

	ctx    context.Context // over when Run is
	cancel context.CancelFunc
	tasks  sync.WaitGroup // goroutines that ask the Log or the App, or write

	shards   []*shard
	registry registry
	channels channels
	where    *whereabouts
	readers  chan struct{} // held while a page is read
	turn     atomic.Int64  // of the next session's shard

	memory    atomic.Int64 // bytes of rings and pages
	untidy    chan struct{}
	looking   atomic.Bool
	looks     chan struct{}
	lastHeard atomic.Int64 // the instant, in ns, the last good question to the Log began
	draining  atomic.Bool
}

// pageReaders is how many pages are read at once, so that those who catch up
// leave the Log time for those who are live.
const pageReaders = 8

// New returns a Hub that does nothing before Run.
func New(source Log, broker Broker, app App, cfg Config) *Hub {
	cfg = cfg.withDefaults()
	h := &Hub{
		source: source, broker: broker, app: app, cfg: cfg, log: cfg.Logger, now: cfg.Now,
		registry: registry{cfg: cfg, sessions: map[*session]struct{}{}, subjects: map[string]map[*session]struct{}{}, addresses: map[string]int{}},
		channels: channels{open: map[string]*channel{}},
		where:    newWhereabouts(),
		readers:  make(chan struct{}, pageReaders),
		untidy:   make(chan struct{}, 1), looks: make(chan struct{}, 1),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	for i := range cfg.Shards {
		h.shards = append(h.shards, newShard(h, i))
	}
	h.metrics = newMetrics(h, cfg.Registerer)
	return h
}

// nano is the present instant in ns.
func (h *Hub) nano() int64 { return h.now().UnixNano() }

// Run delivers until ctx is over, then ends all sessions with 4001 and returns
// when all goroutines of the hub have. It is called once.
func (h *Hub) Run(ctx context.Context) error {
	defer h.cancel()
	var inner sync.WaitGroup
	for _, w := range h.shards {
		h.tasks.Go(func() { w.run(h.ctx) })
	}
	h.tasks.Go(func() { h.tidyLoop(h.ctx) })
	inner.Go(func() { h.tail(ctx) })
	inner.Go(func() { h.receive(ctx) })
	inner.Go(func() { h.gossip(ctx) })
	<-ctx.Done()

	h.registry.stop()
	for _, s := range h.registry.all() {
		s.end(CloseDraining, "this server is shutting down")
	}
	gone := make(chan struct{})
	inner.Go(func() {
		h.registry.live.Wait()
		close(gone)
	})
	// Whoever does not say good-bye by then is left.
	const patience = 2 * time.Second
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-gone:
	case <-late.C:
		for _, s := range h.registry.all() {
			s.kill()
		}
	}
	inner.Wait()
	h.cancel()
	h.tasks.Wait()
	return nil
}

// receive keeps the broker's loop running: the hub lives without it, and tries
// again.
func (h *Hub) receive(ctx context.Context) {
	for failures := 1; ctx.Err() == nil; failures++ {
		err := h.broker.Run(ctx, receiver{h})
		if ctx.Err() != nil {
			return
		}
		h.log.Error("the broker stopped", "error", err)
		h.look()
		sleep(ctx, backoff(failures))
	}
}

// A receiver is the hub as its broker sees it.
type receiver struct{ hub *Hub }

// Receive implements Receiver.
func (r receiver) Receive(p Publication) {
	if p.Kind == KindPresence {
		r.hub.where.receive(r.hub.now(), p.Payload)
		return
	}
	ch := r.hub.channels.get(p.Channel)
	if ch == nil {
		return
	}
	switch p.Kind {
	case KindEntry:
		ch.publication(p.Entry())
	case KindSignal:
		for i, w := range r.hub.shards {
			if ch.heard[i].Load() > 0 {
				w.doSoon(func() { w.signal(ch, p.Payload, everybody) })
			}
		}
	case KindPresence: // not of one channel
	}
}

func everybody(*subscription) bool { return true }

// Lost implements Receiver.
func (r receiver) Lost() {
	r.hub.where.missed()
	r.hub.look()
}

// Publish tells all nodes of entries that were committed. It is called after
// the commit, never blocks and cannot fail: a node that is not told finds out
// from the Log.
func (h *Hub) Publish(entries ...Entry) {
	pubs := make([]Publication, len(entries))
	for i, e := range entries {
		pubs[i] = PublicationOf(e)
	}
	h.broker.Publish(pubs...)
}

// Health is how a node is, in parts.
type Health struct {
	Log      time.Duration // since the Log was last heard; negative when it never was
	Broker   bool          // publications arrive
	Draining bool
	Sessions int
}

// Health returns how the node is.
func (h *Hub) Health() Health {
	age := time.Duration(-1)
	if h.lastHeard.Load() > 0 {
		age = time.Duration(h.age(h.nano()))
	}
	return Health{Log: age, Broker: h.broker.Healthy(), Draining: h.draining.Load(), Sessions: h.registry.len()}
}

// Ready returns why this node should get no new sessions, if so. A broker that
// is unwell is no reason: the Log is enough.
func (h *Hub) Ready() error {
	switch age := h.age(h.nano()); {
	case h.draining.Load():
		return errors.New("draining")
	case h.lastHeard.Load() == 0:
		return errors.New("the log has not been heard yet")
	case age > int64(h.cfg.Silence):
		return fmt.Errorf("the log has not been heard for %s", time.Duration(age).Round(time.Millisecond))
	}
	return nil
}
