package hub

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A page is a piece of a channel that is not in its ring, read from the Log
// once for all who need it.
type page struct {
	first  int64
	frames [][]byte
	bytes  int
	used   int64 // the instant, in ns, somebody was last sent from it
}

// after returns the page's frames after seq, if it has the one right after.
func (p *page) after(seq int64) ([][]byte, bool) {
	i := seq + 1 - p.first
	if i < 0 || i >= int64(len(p.frames)) {
		return nil, false
	}
	return p.frames[i:], true
}

// page returns frames after seq that only the Log holds, or nothing while they
// are being read; the channel is touched when they are there. 5,000 sessions
// that resume at one seq cost one question.
func (ch *channel) page(gen, seq int64) [][]byte {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.state != channelOpen || ch.gen.Load() != gen {
		return nil
	}
	for _, p := range ch.pages {
		if frames, ok := p.after(seq); ok {
			p.used = ch.hub.nano()
			return frames
		}
	}
	if _, busy := ch.fetching[seq]; !busy {
		ch.fetching[seq] = struct{}{}
		wait := backoff(ch.backoff[seq])
		ch.hub.tasks.Go(func() { ch.hub.fetch(ch, seq, wait) })
	}
	return nil
}

// forgetPages drops the pages that which says; ch.mu is held.
func (ch *channel) forgetPages(which func(*page) bool) {
	kept := ch.pages[:0]
	for _, p := range ch.pages {
		if which(p) {
			ch.hub.remember(-p.bytes)
		} else {
			kept = append(kept, p)
		}
	}
	clear(ch.pages[len(kept):])
	ch.pages = kept
}

// addPage keeps p, in the place of the page that was used longest ago if need
// be; ch.mu is held.
func (ch *channel) addPage(p *page) {
	if len(ch.pages) >= pageRoom {
		oldest := ch.pages[0]
		for _, q := range ch.pages {
			if q.used < oldest.used {
				oldest = q
			}
		}
		ch.forgetPages(func(q *page) bool { return q == oldest })
	}
	p.used = ch.hub.nano()
	ch.pages = append(ch.pages, p)
	ch.hub.remember(p.bytes)
}

// fetch reads the page after seq. Whatever comes of it, those who wait are
// visited, and ask again if they must.
func (h *Hub) fetch(ch *channel, seq int64, wait time.Duration) {
	err := h.fetchPage(ch, seq, wait)
	if err != nil && h.ctx.Err() == nil {
		h.log.Error("a page of a channel could not be read", "channel", ch.name, "after", seq, "error", err)
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	delete(ch.fetching, seq)
	if err != nil {
		ch.backoff[seq]++
	} else {
		delete(ch.backoff, seq)
	}
	ch.touch()
}

func (h *Hub) fetchPage(ch *channel, seq int64, wait time.Duration) error {
	if !sleep(h.ctx, wait) {
		return h.ctx.Err()
	}
	select {
	case h.readers <- struct{}{}:
		defer func() { <-h.readers }()
	case <-h.ctx.Done():
		return h.ctx.Err()
	}
	ch.mu.Lock()
	gen, rewrites := ch.gen.Load(), ch.rewrites
	ch.mu.Unlock()

	r, err := h.ask(ch.name, seq, pageEntries)
	if err != nil {
		return err
	}

	ch.mu.Lock()
	defer ch.mu.Unlock()
	switch {
	case ch.state != channelOpen || ch.gen.Load() != gen || ch.rewrites != rewrites:
		return nil // what was read may be outdated
	case r.Epoch != ch.epoch:
		ch.suspect = true
		ch.mend(causeEpoch, 0)
		return errors.New("the log was rewound")
	case r.Floor > seq:
		ch.floor = max(ch.floor, r.Floor)
		return nil
	}
	p := ch.newPage(r, seq)
	if len(p.frames) == 0 {
		return fmt.Errorf("the log gave nothing after %d of %d", seq, ch.ring.next()-1)
	}
	ch.addPage(p)
	return nil
}

// newPage makes a page of what r has after seq; ch.mu is held. What the ring
// has not reached yet waits for its turn there.
func (ch *channel) newPage(r Range, seq int64) *page {
	p := &page{first: seq + 1}
	for _, e := range r.Entries {
		if e.Seq != p.first+int64(len(p.frames)) || e.Seq >= ch.ring.next() || p.bytes > 0 && p.bytes+len(e.Payload) > pageBytes {
			break
		}
		f := entryFrame(ch.quoted, e.Seq, e.Payload)
		p.frames = append(p.frames, f)
		p.bytes += len(f)
	}
	return p
}

// ask puts one Range to the Log.
func (h *Hub) ask(name string, after int64, limit int) (Range, error) {
	ctx, cancel := context.WithTimeoutCause(h.ctx, h.cfg.LogTimeout, errors.New("range of the log"))
	defer cancel()
	r, err := h.source.Range(ctx, name, after, limit)
	if err != nil {
		return r, fmt.Errorf("read %s after %d: %w", name, after, err)
	}
	return r, nil
}

// sleep waits and reports whether ctx is still on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff is how long to wait after so many failures in a row.
func backoff(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return min(2*time.Second, 50*time.Millisecond<<min(failures-1, 6))
}
