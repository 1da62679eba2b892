package hub

import (
	"context"
	"slices"
	"sync"
	"time"
)

// channels is what this node has open, by name.
type channels struct {
	mu   sync.RWMutex // guards what follows, and channel.refs
	open map[string]*channel
}

func (c *channels) get(name string) *channel {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.open[name]
}

func (c *channels) all() []*channel {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*channel, 0, len(c.open))
	for _, ch := range c.open {
		all = append(all, ch)
	}
	return all
}

// hold opens a channel and keeps it until let.
func (h *Hub) hold(ctx context.Context, name string, since *Position) (*channel, error) {
	c := &h.channels
	c.mu.Lock()
	ch := c.open[name]
	if ch == nil {
		ch = newChannel(h, name)
		c.open[name] = ch
	}
	ch.refs++
	c.mu.Unlock()
	if err := ch.open(ctx, since); err != nil {
		h.let(ch, true)
		return nil, err
	}
	return ch, nil
}

// let gives back what hold or keep took. The channel lingers for the next one
// who wants it, unless it is to be gone now.
func (h *Hub) let(ch *channel, now bool) {
	h.channels.mu.Lock()
	defer h.channels.mu.Unlock()
	if ch.refs--; ch.refs == 0 {
		if ch.since = h.now(); now {
			h.drop(ch)
		}
	}
}

// drop closes a channel that nobody holds; channels.mu is held.
func (h *Hub) drop(ch *channel) {
	delete(h.channels.open, ch.name)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	h.remember(-ch.ring.bytes)
	ch.ring.reset(0)
	ch.forgetPages(func(*page) bool { return true })
	ch.state = channelClosed
	clear(ch.pending)
}

// tidy drops channels and pages that nobody wanted for a while, and keeps the
// memory of all rings within its bound: those idle longest go first.
func (h *Hub) tidy(now time.Time) {
	h.channels.mu.Lock()
	for _, ch := range h.channels.open {
		if ch.refs == 0 && now.Sub(ch.since) >= h.cfg.Linger {
			h.drop(ch)
		}
	}
	h.channels.mu.Unlock()

	all := h.channels.all()
	old := now.Add(-2 * time.Second).UnixNano()
	for _, ch := range all {
		ch.mu.Lock()
		ch.forgetPages(func(p *page) bool { return p.used < old })
		if len(ch.backoff) > pageRoom {
			clear(ch.backoff)
		}
		ch.mu.Unlock()
	}
	if h.memory.Load() <= h.cfg.Memory {
		return
	}
	idle := make(map[*channel]int64, len(all))
	for _, ch := range all {
		idle[ch] = ch.visited.Load()
	}
	slices.SortFunc(all, func(a, b *channel) int { return int(idle[a]/1000 - idle[b]/1000) })
	for _, ch := range all {
		if h.memory.Load() <= h.cfg.Memory*9/10 {
			return
		}
		ch.shrink()
	}
}

// remember counts bytes of rings and pages, and has them tidied when they are
// too many.
func (h *Hub) remember(bytes int) {
	if bytes == 0 {
		return
	}
	if h.memory.Add(int64(bytes)) > h.cfg.Memory && bytes > 0 {
		select {
		case h.untidy <- struct{}{}:
		default:
		}
	}
}

func (h *Hub) tidyLoop(ctx context.Context) {
	tick := time.NewTicker(h.cfg.sweep())
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-h.untidy:
		case <-ctx.Done():
			return
		}
		h.tidy(h.now())
	}
}

func (c *channels) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.open)
}

// holdAll holds several channels, all or none.
func (h *Hub) holdAll(ctx context.Context, names []string) ([]*channel, error) {
	held := make([]*channel, 0, len(names))
	for _, name := range names {
		ch, err := h.hold(ctx, name, nil)
		if err != nil {
			for _, ch := range held {
				h.let(ch, false)
			}
			return nil, err
		}
		held = append(held, ch)
	}
	return held, nil
}
