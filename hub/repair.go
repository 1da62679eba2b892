package hub

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Why the Log was asked about a channel.
const (
	causeGap       = "gap"       // a publication came before its turn
	causeTail      = "tail"      // the Log's head was further
	causeEpoch     = "epoch"     // the Log was rewound
	causeSubscribe = "subscribe" // a client knew more than this node
)

// open learns where the channel stands, once for all who wait. It asks for what
// follows since, so that those who resume there find it in the ring.
func (ch *channel) open(ctx context.Context, since *Position) error {
	ch.mu.Lock()
	switch ch.state {
	case channelOpen:
		ch.mu.Unlock()
		return nil
	case channelClosed:
		ch.state, ch.opened, ch.failed = channelOpening, make(chan struct{}), nil
		after := int64(math.MaxInt64)
		if since != nil {
			after = since.Seq
		}
		ch.hub.tasks.Go(func() { ch.learn(after) })
	case channelOpening:
	}
	opened := ch.opened
	ch.mu.Unlock()

	select {
	case <-opened:
	case <-ctx.Done():
		return fmt.Errorf("open %s: %w", ch.name, context.Cause(ctx))
	case <-ch.hub.ctx.Done():
		return errStopped
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.failed
}

// learn asks the Log where the channel stands.
func (ch *channel) learn(after int64) {
	start := ch.hub.nano()
	r, err := ch.hub.ask(ch.name, after, pageEntries)

	ch.mu.Lock()
	defer ch.mu.Unlock()
	defer close(ch.opened)
	if ch.state != channelOpening {
		ch.failed = errStopped // nobody waited for it
		return
	}
	if err != nil {
		ch.state, ch.failed = channelClosed, err
		clear(ch.pending)
		return
	}
	ch.state = channelOpen
	ch.start(r.Epoch, r.Head, r.Floor)
	if n := len(r.Entries); n > 0 && r.Entries[0].Seq == after+1 && r.Entries[n-1].Seq == r.Head {
		ch.revokesFrom = after
		ch.ring.reset(after + 1)
		for _, e := range r.Entries {
			ch.append(e)
		}
	} else if p := ch.newPage(r, after); len(p.frames) > 0 {
		ch.addPage(p)
	}
	ch.freshen(start)
	ch.takePending()
	if len(ch.pending) > 0 {
		ch.mend(causeGap, ch.hub.cfg.Grace)
	}
}

// mend has the Log asked for what is missing, after grace unless it came by
// itself; ch.mu is held. One repair at a time serves everybody.
func (ch *channel) mend(cause string, grace time.Duration) {
	if ch.mending || ch.state != channelOpen {
		return
	}
	ch.mending, ch.mended = true, make(chan struct{})
	ch.hub.tasks.Go(func() { ch.repair(cause, grace) })
}

// probe asks the Log at least once from now on and waits for it: for when a
// client knows more than this node.
func (ch *channel) probe(ctx context.Context) error {
	for first := true; ; first = false {
		ch.mu.Lock()
		own := !ch.mending
		if own {
			ch.suspect = true
			ch.mend(causeSubscribe, 0)
		}
		if ch.state != channelOpen {
			ch.mu.Unlock()
			return errStopped
		}
		mended := ch.mended
		ch.mu.Unlock()
		select {
		case <-mended:
		case <-ctx.Done():
			return fmt.Errorf("look at %s again: %w", ch.name, context.Cause(ctx))
		}
		// A repair that was on its way may have asked too early.
		if own || !first {
			return nil
		}
	}
}

// behind reports whether something is missing; ch.mu is held.
func (ch *channel) behind() bool {
	return len(ch.pending) > 0 || ch.target > 0 || ch.suspect
}

// repair asks the Log until nothing is missing.
func (ch *channel) repair(cause string, grace time.Duration) {
	sleep(ch.hub.ctx, grace)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	defer func() {
		ch.mending = false
		close(ch.mended)
	}()
	counted, failures := false, 0
	for ch.behind() && ch.state == channelOpen && ch.hub.ctx.Err() == nil {
		if !counted {
			counted = true
			ch.hub.metrics.repairs.WithLabelValues(cause).Inc()
		}
		ch.suspect = false
		gen, epoch, next := ch.gen.Load(), ch.epoch, ch.ring.next()
		waiting := slices.Collect(maps.Keys(ch.pending))
		ch.mu.Unlock()

		sleep(ch.hub.ctx, backoff(failures))
		start := ch.hub.nano()
		r, err := ch.hub.ask(ch.name, next-1, pageEntries)
		if err != nil && ch.hub.ctx.Err() == nil {
			ch.hub.log.Error("a channel could not be repaired", "channel", ch.name, "after", next-1, "error", err)
		}

		ch.mu.Lock()
		if err != nil {
			failures++
			ch.suspect = true // what made the repair needed still does
			continue
		}
		if ch.gen.Load() != gen {
			continue
		}
		ch.take(r, epoch, next, start)
		for _, seq := range waiting {
			if seq > r.Head {
				delete(ch.pending, seq) // nobody committed it
			}
		}
		if failures++; ch.gen.Load() != gen || ch.ring.next() > next {
			failures = 0
		}
	}
}

// take brings in what the Log said at the instant start, when epoch and next
// were what the channel knew; ch.mu is held.
func (ch *channel) take(r Range, epoch string, next, start int64) {
	switch {
	case r.Epoch != epoch:
		ch.restart(r.Epoch, r.Head, r.Floor, "epoch")
		ch.freshen(start)
		return
	case r.Head < next-1:
		ch.restart(r.Epoch, r.Head, r.Floor, "ahead")
		ch.freshen(start)
		return
	case r.Floor >= ch.ring.next():
		ch.restart(r.Epoch, r.Head, r.Floor, "too_old")
		ch.freshen(start)
		return
	}
	ch.floor = max(ch.floor, r.Floor)
	for _, e := range r.Entries {
		if e.Seq == ch.ring.next() {
			ch.append(e)
		}
	}
	ch.takePending()
	switch reached := ch.ring.next() - 1; {
	case reached >= r.Head:
		ch.freshen(start)
	case ch.target == 0:
		ch.target, ch.targetAt = r.Head, start
	default:
		ch.target = max(ch.target, r.Head)
	}
}
