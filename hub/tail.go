package hub

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// headsAtOnce is how many channels the Log is asked about in one question.
const headsAtOnce = 1000

// tail asks the Log for the heads of all open channels, again and again, and so
// finds what the broker did not bring. It never trusts the broker for longer.
func (h *Hub) tail(ctx context.Context) {
	tick := time.NewTicker(min(h.cfg.TailUnwell, h.cfg.Tail))
	defer tick.Stop()
	asked := h.nano() - int64(h.cfg.Tail)
	for {
		if now := h.nano(); h.looking.Swap(false) || now-asked >= int64(h.cfg.Tail) || !h.broker.Healthy() || h.age(now) > int64(h.cfg.Silence) {
			asked = now
			if err := h.heads(ctx, now); err != nil && ctx.Err() == nil {
				h.log.Error("the log did not tell its heads", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-h.looks:
		case <-ctx.Done():
			return
		}
	}
}

// look has the tail ask at once.
func (h *Hub) look() {
	h.looking.Store(true)
	select {
	case h.looks <- struct{}{}:
	default:
	}
}

// Knowledge is what a channel knew when the Log was asked.
type knowledge struct {
	ch    *channel
	gen   int64
	epoch string
	next  int64
}

// heads asks once about everything that is open. Only when all was answered has
// the Log been heard, as of the instant the asking began.
func (h *Hub) heads(ctx context.Context, start int64) error {
	all := make([]knowledge, 0, h.channels.len())
	for _, ch := range h.channels.all() {
		ch.mu.Lock()
		if ch.state == channelOpen {
			all = append(all, knowledge{ch, ch.gen.Load(), ch.epoch, ch.ring.next()})
		}
		ch.mu.Unlock()
	}
	for first := true; first || len(all) > 0; first = false {
		group := all[:min(len(all), headsAtOnce)]
		all = all[len(group):]
		if err := h.headsOf(ctx, group); err != nil {
			return err
		}
	}
	h.metrics.tail.Observe(time.Duration(h.nano() - start).Seconds())
	h.lastHeard.Store(start)
	h.release()
	return nil
}

func (h *Hub) headsOf(ctx context.Context, group []knowledge) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.cfg.LogTimeout, errors.New("heads of the log"))
	defer cancel()
	names := make([]string, len(group))
	for i, k := range group {
		names[i] = k.ch.name
	}
	start := h.nano()
	heads, err := h.source.Heads(ctx, names)
	if err != nil {
		return fmt.Errorf("heads of %d channels: %w", len(names), err)
	}
	grace := h.cfg.Grace
	if !h.broker.Healthy() {
		grace = 0
	}
	for _, k := range group {
		k.ch.told(k, heads, start, grace)
	}
	return nil
}

// told compares what was known with what the Log says.
func (ch *channel) told(k knowledge, heads Heads, start int64, grace time.Duration) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.state != channelOpen || ch.gen.Load() != k.gen {
		return
	}
	head := heads.Head[ch.name]
	switch {
	case heads.Epoch != k.epoch || head < k.next-1:
		ch.suspect = true
		ch.mend(causeEpoch, 0)
	case head < ch.ring.next():
		ch.freshen(start)
	default:
		if ch.target == 0 {
			ch.target, ch.targetAt = head, start
		}
		ch.mend(causeTail, grace)
	}
}

// heardAt reports whether the Log was heard lately enough to deliver at an
// instant in ns.
func (h *Hub) heardAt(now int64) bool { return h.age(now) <= int64(h.cfg.Silence) }

// age is how long ago, in ns, the Log was heard; very long before the first
// time.
func (h *Hub) age(now int64) int64 {
	if last := h.lastHeard.Load(); last > 0 {
		return now - last
	}
	return math.MaxInt64
}

// release delivers what was held back for the Log's silence.
func (h *Hub) release() {
	for _, w := range h.shards {
		if w.held.Load() && w.held.CompareAndSwap(true, false) {
			w.do(w.serveAll)
		}
	}
}
