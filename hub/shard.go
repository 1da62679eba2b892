package hub

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A shard delivers to its share of the sessions. One goroutine owns all their
// cursors, so that moving one takes no lock; a channel with thousands of
// sessions is spread over all shards.
type shard struct {
	hub  *Hub
	id   int
	wake chan struct{}
	held atomic.Bool // something was not delivered for the Log's silence

	mu    sync.Mutex // guards what follows
	tasks []func()
	ready []*session // may have something to be sent, and can take it
	dirty []*channel

	// What follows belongs to the worker.
	sessions []*session
	letting  []*channel // held no more
	now      int64
	heard    bool // the Log was, a moment ago
	swept    int64

	frames []frame // the batch that is being put together
	moves  []move  // what each of them means
	bytes  int
	more   bool // did not fit

	joined joinedFrames
	sent   int // entries delivered, not yet counted
	writes int
}

// A move is what a frame means to its subscription once it is taken.
type move struct {
	sub     *subscription // nil for a reply
	cursor  int64
	gen     int64
	entries int
	caught  bool // the catch-up is over
}

// joinedFrames is the last frames that were joined for clients who take several
// at once: most want the same.
type joinedFrames struct {
	ch       *channel
	gen      int64
	from, to int64
	body     []byte
}

func newShard(h *Hub, id int) *shard {
	return &shard{hub: h, id: id, wake: make(chan struct{}, 1)}
}

// do has f run by the worker, in the order of the calls.
func (w *shard) do(f func()) {
	w.mu.Lock()
	w.tasks = append(w.tasks, f)
	w.mu.Unlock()
	w.awake()
}

// doSoon is do for what may be dropped when much else is to be done.
func (w *shard) doSoon(f func()) {
	w.mu.Lock()
	if len(w.tasks) < 1024 {
		w.tasks = append(w.tasks, f)
	}
	w.mu.Unlock()
	w.awake()
}

func (w *shard) visitLater(ch *channel) {
	w.mu.Lock()
	w.dirty = append(w.dirty, ch)
	w.mu.Unlock()
	w.awake()
}

func (w *shard) serveLater(s *session) {
	w.mu.Lock()
	w.ready = append(w.ready, s)
	w.mu.Unlock()
	w.awake()
}

func (w *shard) letLater(ch *channel) { w.letting = append(w.letting, ch) }

func (w *shard) awake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *shard) run(ctx context.Context) {
	tick := time.NewTicker(w.hub.cfg.sweep())
	defer tick.Stop()
	var tasks []func()
	var ready []*session
	var dirty []*channel
	for {
		select {
		case <-w.wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		tasks, w.tasks = w.tasks, tasks[:0]
		ready, w.ready = w.ready, ready[:0]
		dirty, w.dirty = w.dirty, dirty[:0]
		w.mu.Unlock()

		w.begin()
		for _, f := range tasks {
			f()
		}
		for _, s := range ready {
			s.queued.Store(false)
			w.serve(s)
		}
		for _, ch := range dirty {
			ch.dirty[w.id].Store(false)
			w.visit(ch)
		}
		if w.now-w.swept >= int64(w.hub.cfg.sweep()) {
			w.sweep()
		}
		w.end()
		clear(tasks)
		clear(ready)
		clear(dirty)
	}
}

func (w *shard) begin() {
	w.now = w.hub.nano()
	w.heard = w.hub.heardAt(w.now)
}

func (w *shard) end() {
	w.joined = joinedFrames{}
	for i, ch := range w.letting {
		w.hub.let(ch, false)
		w.letting[i] = nil
	}
	w.letting = w.letting[:0]
	if w.writes > 0 {
		w.hub.metrics.deliveries.Add(float64(w.sent))
		w.hub.metrics.writes.Add(float64(w.writes))
		w.sent, w.writes = 0, 0
	}
}

// visit sends what is new in a channel to everybody here.
func (w *shard) visit(ch *channel) {
	v := ch.view()
	ch.visited.Store(w.now)
	for i, sub := range ch.audience[w.id] {
		if i%256 == 0 {
			w.now = w.hub.nano() // a large audience takes its time
			w.heard = w.hub.heardAt(w.now)
		}
		if sub.cursor == v.head && sub.gen == v.gen && !sub.catching {
			continue
		}
		s := sub.session
		if !s.writable() {
			continue
		}
		w.takeReplies(s)
		if !s.paused.Load() {
			w.add(sub, &v)
		}
		w.flush(s)
	}
}

// serve sends whatever is owed to a session, in turns among its channels.
func (w *shard) serve(s *session) {
	if !s.writable() {
		return
	}
	w.takeReplies(s)
	if !s.paused.Load() {
		s.turn++
		for i := range s.subs {
			sub := s.subs[(s.turn+i)%len(s.subs)]
			if sub.ch.head.Load() == sub.cursor && sub.ch.gen.Load() == sub.gen && !sub.catching {
				continue
			}
			if w.bytes >= batchBytes {
				w.more = true
				break
			}
			v := sub.ch.view()
			w.add(sub, &v)
		}
	}
	w.flush(s)
}

// serveAll serves everybody, after a silence.
func (w *shard) serveAll() {
	for _, s := range w.sessions {
		w.serve(s)
	}
}

// takeReplies begins the batch with the frames that wait for the session.
func (w *shard) takeReplies(s *session) {
	if s.owed.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.greeted {
		return
	}
	for _, f := range s.replies {
		if w.bytes > 0 && w.bytes+len(f.body) > batchBytes {
			w.more = true
			return
		}
		w.frames = append(w.frames, f)
		w.moves = append(w.moves, move{})
		w.bytes += len(f.body)
	}
}

// add puts what follows the subscription's cursor into the batch.
func (w *shard) add(sub *subscription, v *view) {
	if sub.cut.Load() {
		return
	}
	if sub.gen != v.gen {
		sub.session.revalidate()
		w.addReset(sub, v, v.reason)
		return
	}
	cursor := sub.cursor
	if cursor < v.head {
		if !w.mayHear(sub.session, v.ch) {
			return
		}
		frames, ok := v.ring.after(cursor)
		switch {
		case cursor < sub.rights.Load().From:
			// The node was behind what gave him the right, or it was given anew.
			w.hub.metrics.resets.WithLabelValues("too_old").Inc()
			w.addReset(sub, v, "too_old")
			return
		case ok:
		case cursor < v.floor:
			w.hub.metrics.resets.WithLabelValues("too_old").Inc()
			w.addReset(sub, v, "too_old")
			return
		default:
			if frames = v.ch.page(v.gen, cursor); frames == nil {
				return // visited again when it is there
			}
		}
		n := w.fitting(frames)
		if n < len(frames) || cursor+int64(n) < v.head {
			w.more = true
		}
		w.addEntries(sub, v, frames[:n])
		if cursor += int64(n); cursor < v.head {
			return
		}
	}
	if sub.catching {
		body := answer{Type: "live", Channel: v.ch.name, Seq: &cursor}.body()
		w.put(frame{body: body}, move{sub: sub, cursor: cursor, gen: v.gen, caught: true})
	}
}

// fitting is how many of the frames still fit into the batch.
func (w *shard) fitting(frames [][]byte) int {
	bytes := w.bytes
	for i, f := range frames {
		if bytes += len(f); bytes > batchBytes && (i > 0 || w.bytes > 0) {
			return i
		}
	}
	return len(frames)
}

func (w *shard) addEntries(sub *subscription, v *view, frames [][]byte) {
	cursor := sub.cursor
	if len(frames) < 2 || !sub.session.batch.Load() {
		for _, f := range frames {
			cursor++
			w.put(frame{body: f, kind: frameEntry, epoch: v.epoch, seq: cursor}, move{sub: sub, cursor: cursor, gen: v.gen, entries: 1})
		}
		return
	}
	to := cursor + int64(len(frames))
	if j := &w.joined; j.ch != v.ch || j.gen != v.gen || j.from != cursor || j.to != to {
		*j = joinedFrames{ch: v.ch, gen: v.gen, from: cursor, to: to, body: bytes.Join(frames, newline)}
	}
	w.put(frame{body: w.joined.body, kind: frameEntry, epoch: v.epoch, seq: to}, move{sub: sub, cursor: to, gen: v.gen, entries: len(frames)})
}

var newline = []byte{'\n'}

func (w *shard) addReset(sub *subscription, v *view, reason string) {
	w.put(resetFrame(v.ch.name, v.epoch, v.head, reason), move{sub: sub, cursor: v.head, gen: v.gen, caught: true})
}

func (w *shard) put(f frame, m move) {
	w.frames = append(w.frames, f)
	w.moves = append(w.moves, m)
	w.bytes += len(f.body)
}

// flush offers the batch to the session's transport, and moves the cursors by
// what was taken.
func (w *shard) flush(s *session) {
	if len(w.frames) > 0 {
		taken, err := s.transport.tryWrite(w.frames)
		replies := 0
		for _, m := range w.moves[:taken] {
			if m.sub == nil {
				replies++
				continue
			}
			m.sub.cursor, m.sub.gen = m.cursor, m.gen
			m.sub.catching = m.sub.catching && !m.caught
			w.sent += m.entries
		}
		if replies > 0 {
			s.replied(replies)
		}
		w.more = w.more || taken < len(w.frames)
		w.writes++
		if err != nil {
			s.end(CloseRetry, "the connection failed")
			w.more = false
		}
	}
	clear(w.frames)
	w.frames, w.moves, w.bytes = w.frames[:0], w.moves[:0], 0
	if w.more {
		w.more = false
		if s.writable() {
			s.poke()
		}
	}
}

// mayHear reports whether nothing that takes the channel away from the session
// can have been missed for longer than the limit.
func (w *shard) mayHear(s *session, ch *channel) bool {
	since := w.now - int64(w.hub.cfg.Silence)
	if w.heard && s.freshSince(ch, since) {
		return true
	}
	// Say so before looking again: whoever hears of the Log looks at held last.
	w.held.Store(true)
	w.heard = w.hub.heardAt(w.now)
	return w.heard && s.freshSince(ch, since)
}

// signal hands a frame that is not kept to those who listen now.
func (w *shard) signal(ch *channel, body []byte, to func(*subscription) bool) {
	for _, sub := range ch.audience[w.id] {
		if s := sub.session; to(sub) && !sub.cut.Load() && !s.paused.Load() && w.mayHear(s, ch) {
			s.signal(body)
		}
	}
}

// sweep looks after pings and deadlines.
func (w *shard) sweep() {
	w.swept = w.now
	lag := int64(0)
	for _, s := range w.sessions {
		s.check(w.now)
		for _, sub := range s.subs {
			if sub.gen == sub.ch.gen.Load() {
				lag = max(lag, sub.ch.head.Load()-sub.cursor)
			}
		}
	}
	w.hub.metrics.lag.observe(w.id, lag)
}

func (w *shard) addSession(s *session) {
	s.place = len(w.sessions)
	w.sessions = append(w.sessions, s)
}

func (w *shard) removeSession(s *session) {
	for len(s.subs) > 0 {
		w.detach(s.subs[len(s.subs)-1])
	}
	if s.place < len(w.sessions) && w.sessions[s.place] == s {
		last := len(w.sessions) - 1
		w.sessions[s.place] = w.sessions[last]
		w.sessions[s.place].place = s.place
		w.sessions[last] = nil
		w.sessions = w.sessions[:last]
	}
}
