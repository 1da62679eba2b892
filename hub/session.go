package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A session is one connection of one principal on this node.
//
// It owns no queue of entries: each subscription is a cursor into its channel,
// so a slow reader lags and catches up, costs one batch of memory, and never
// holds up a channel. What it is owed in answers is bounded: a client that asks
// without reading is read no further.
type session struct {
	hub       *Hub
	id        string
	subject   string
	shard     *shard
	transport transport
	oneWay    bool // the client cannot answer a ping
	ctx       context.Context
	cancel    context.CancelFunc

	batch    atomic.Bool // the client takes several frames joined by newlines
	paused   atomic.Bool // rights are being asked for again: no entry is sent
	over     atomic.Bool
	started  atomic.Bool // transport is set
	queued   atomic.Bool // is in shard.ready
	wants    atomic.Bool // is to be served when the transport is ready
	handling atomic.Bool // a frame of the client is being worked on
	owed     atomic.Int32
	posts    atomic.Int32 // in flight
	typed    atomic.Int64 // the instant, in ns, typing was last relayed
	seen     atomic.Int64 // the instant, in ns, of the client's last sign of life
	expires  atomic.Int64 // the instant, in ns, or 0
	controls atomic.Pointer[[]*channel]

	// What follows belongs to the shard.
	subs    []*subscription
	place   int
	turn    int
	pinged  int64 // the instant, in ns, of the last turn to ping
	waiting bool  // for a pong
	leaving int64 // the instant, in ns, it was ended

	mu        sync.Mutex // guards what follows
	room      *sync.Cond // replies became fewer, or the session is over
	principal Principal
	replies   []frame
	greeted   bool // the first frame is among replies, or gone; nothing goes before it
	named     map[string]*subscription
	asked     int64 // counts reasons to ask for the rights again
	checking  bool  // they are being asked for
	left      bool  // the last answers are gone
}

func (h *Hub) newSession(p Principal) *session {
	s := &session{hub: h, id: "ses_" + rand.Text(), subject: p.Subject, principal: p, named: map[string]*subscription{}}
	s.room = sync.NewCond(&s.mu)
	s.shard = h.shards[int(h.turn.Add(1))%len(h.shards)]
	s.ctx, s.cancel = context.WithCancel(h.ctx)
	s.controls.Store(&[]*channel{})
	s.setExpiry(p)
	s.seen.Store(h.nano())
	return s
}

func (s *session) setExpiry(p Principal) {
	if p.Expires.IsZero() {
		s.expires.Store(0)
		return
	}
	s.expires.Store(p.Expires.UnixNano())
}

// who is the principal as last refreshed.
func (s *session) who() Principal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.principal
}

// writable reports whether the transport can take a batch now. If not, the
// session is served as soon as it can.
func (s *session) writable() bool {
	if s.over.Load() || !s.started.Load() {
		return false
	}
	if !s.transport.busy() {
		return true
	}
	s.wants.Store(true)
	return !s.transport.busy() && s.wants.CompareAndSwap(true, false)
}

// ready is the transport's word that it is busy no more.
func (s *session) ready() {
	if s.wants.CompareAndSwap(true, false) {
		s.poke()
	}
}

// poke has the session served.
func (s *session) poke() {
	if s.queued.CompareAndSwap(false, true) {
		s.shard.serveLater(s)
	}
}

// reply owes the client an answer.
func (s *session) reply(a answer) { s.replyFrame(frame{body: a.body()}) }

func (s *session) replyFrame(f frame) {
	s.mu.Lock()
	if s.left {
		s.mu.Unlock()
		return
	}
	s.replies = append(s.replies, f)
	s.owed.Store(int32(len(s.replies))) //nolint:gosec // as many as a session may owe
	s.mu.Unlock()
	s.poke()
}

// greet owes the client the first frame of the session, before all others.
func (s *session) greet(f frame) {
	s.mu.Lock()
	s.greeted = true
	s.replies = slices.Insert(s.replies, 0, f)
	s.owed.Store(int32(len(s.replies))) //nolint:gosec // as many as a session may owe
	s.mu.Unlock()
	s.poke()
}

// signal owes the client a frame that is not kept, unless he is behind.
func (s *session) signal(body []byte) {
	const few = 8
	if s.owed.Load() < few {
		s.replyFrame(frame{body: body})
	}
}

// replied takes away answers that the transport took.
func (s *session) replied(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = slices.Delete(s.replies, 0, n)
	if len(s.replies) == 0 && cap(s.replies) > 8 {
		s.replies = nil
	}
	s.owed.Store(int32(len(s.replies))) //nolint:gosec // as many as a session may owe
	s.room.Broadcast()
}

// awaitRoom waits until the client is owed few enough answers for another
// frame of his to be read, and reports whether there is still a client.
func (s *session) awaitRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.replies) >= s.hub.cfg.Replies && !s.over.Load() {
		s.room.Wait()
	}
	return !s.over.Load()
}

// subscription returns what the session has of a channel, or nil.
func (s *session) subscription(name string) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.named[name]
}

// enlist makes sub the session's subscription of its channel, unless the rights
// it stands on were put in question since asked. It returns the one before it.
func (s *session) enlist(sub *subscription, asked int64) (*subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.named[sub.ch.name]
	switch {
	case s.over.Load():
		return nil, errStopped
	case s.asked != asked:
		return nil, errAskAgain
	case old == nil && len(s.named) >= s.hub.cfg.Subscriptions:
		return nil, tooMany("subscriptions of a session", s.hub.cfg.Subscriptions)
	}
	s.named[sub.ch.name] = sub
	return old, nil
}

func (s *session) delist(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.named[sub.ch.name] == sub {
		delete(s.named, sub.ch.name)
	}
}

// askings returns the principal, and what enlist wants to know of when he was
// asked about.
func (s *session) askings() (Principal, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.principal, s.asked
}

// govern makes channels that are held the session's control channels, in the
// place of those before, which it gives back.
func (s *session) govern(channels []*channel) {
	for _, ch := range channels {
		ch.mu.Lock()
		ch.governs[s] = struct{}{}
		ch.mu.Unlock()
	}
	for _, ch := range *s.controls.Swap(&channels) {
		if !slices.Contains(channels, ch) {
			ch.mu.Lock()
			delete(ch.governs, s)
			ch.mu.Unlock()
		}
		s.hub.let(ch, false)
	}
}

// freshSince reports whether the channel and all control channels are known to
// be complete up to an instant.
func (s *session) freshSince(ch *channel, at int64) bool {
	if ch.fresh.Load() < at {
		return false
	}
	for _, c := range *s.controls.Load() {
		if c.fresh.Load() < at {
			return false
		}
	}
	return true
}

// cut stops a subscription at once and tells the client, who is not told the code.
func (s *session) cut(sub *subscription, code, why string) {
	if sub.cut.Swap(true) {
		return
	}
	if s.hub.cfg.Denied != nil {
		s.hub.cfg.Denied(Denial{Principal: s.who(), Channel: sub.ch.name, Code: code})
	}
	s.shard.do(func() {
		s.shard.detach(sub)
		s.reply(answer{Type: "unsubscribed", Channel: sub.ch.name, Code: "removed", Message: why})
		if s.oneWay && len(s.subs) == 0 {
			s.end(CloseForbidden, "nothing is left to hear")
		}
	})
}

// revalidate stops all entries to the session until the App has said for every
// channel that he may still hear it. The session must be registered.
func (s *session) revalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.paused.Store(true)
	if s.checking || s.over.Load() {
		return
	}
	s.checking = true
	s.hub.tasks.Go(s.askAll)
}

// askAll asks about every channel of the session and cuts what is refused. An
// App that cannot say keeps the session waiting, and then costs it the
// connection: it may come back.
func (s *session) askAll() {
	for failures := 0; ; {
		p, asked := s.askings()
		err := s.askEach(p)
		if err != nil {
			if s.over.Load() {
				return
			}
			s.hub.log.Error("rights could not be asked for again", "session", s.id, "error", err)
			if failures++; failures > 5 {
				s.end(CloseRetry, "rights could not be checked")
				return
			}
			sleep(s.ctx, backoff(failures))
			continue
		}
		s.mu.Lock()
		done := s.asked == asked
		if done {
			s.checking = false
			s.paused.Store(false)
		}
		s.mu.Unlock()
		if done {
			s.poke()
			return
		}
	}
}

func (s *session) askEach(p Principal) error {
	s.mu.Lock()
	subs := slices.Collect(maps.Values(s.named))
	s.mu.Unlock()
	left := len(subs)
	for _, sub := range subs {
		rights, err := s.authorize(p, sub.ch.name)
		if no, ok := errors.AsType[*Refusal](err); ok {
			left--
			s.cut(sub, no.Code, no.Message)
			if no.Code == "token" {
				left = 0
				break
			}
			continue
		}
		if err != nil {
			return err
		}
		sub.rights.Store(&rights)
	}
	if len(subs) > 0 && left == 0 {
		s.end(CloseForbidden, "nothing is left to hear")
	}
	return nil
}

func (s *session) authorize(p Principal, name string) (Rights, error) {
	ctx, cancel := context.WithTimeoutCause(s.ctx, s.hub.cfg.LogTimeout, errors.New("authorize"))
	defer cancel()
	return s.hub.app.Authorize(ctx, p, name)
}

// check looks after the session's deadlines, in its shard.
func (s *session) check(now int64) {
	cfg := s.hub.cfg
	if s.over.Load() {
		if s.leaving > 0 && now-s.leaving > int64(5*time.Second) {
			s.transport.kill()
		}
		return
	}
	moved, expires := s.transport.moved(), s.expires.Load()
	switch {
	case moved > 0 && now-moved > int64(cfg.Stuck):
		s.end(CloseStuck, "")
		s.transport.kill() // a frame is half written: nothing can follow it
	case expires > 0 && now >= expires:
		s.end(CloseToken, "the token has expired")
	case s.waiting && s.seen.Load() >= s.pinged:
		s.waiting = false
	case s.waiting && now-s.pinged > int64(cfg.Pong) && !s.handling.Load() && !s.full():
		s.end(CloseNoPong, "no sign of life after a ping")
	case !s.waiting && now-s.pinged >= int64(cfg.Ping): // Pong counts from the ping that is waited for
		s.pinged = now
		if s.owed.Load() == 0 && !s.transport.busy() {
			s.waiting = !s.oneWay
			s.replyFrame(frame{body: pingBody, kind: framePing})
		}
	}
}

// full reports whether the client is not being read because of what he is owed.
func (s *session) full() bool { return int(s.owed.Load()) >= s.hub.cfg.Replies }

// end closes the session. Answers that are owed go out first; the first call
// counts.
func (s *session) end(code CloseCode, reason string) {
	if s.over.Swap(true) {
		return
	}
	s.hub.metrics.closes.WithLabelValues(code.label()).Inc()
	s.cancel()
	s.mu.Lock()
	s.room.Broadcast()
	s.mu.Unlock()
	s.shard.do(func() { s.shard.farewell(s, code, reason) })
}

// farewell writes the answers that are owed, and the close.
func (w *shard) farewell(s *session, code CloseCode, reason string) {
	s.leaving = w.now
	if !s.started.Load() {
		return // begin looks for itself
	}
	w.takeReplies(s)
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	w.more = false
	last := slices.Clone(w.frames)
	clear(w.frames)
	w.frames, w.moves, w.bytes = w.frames[:0], w.moves[:0], 0
	s.transport.close(last, code, reason)
}

// finish forgets the session once its connection is gone.
func (s *session) finish() {
	s.end(0, "")
	s.kill()
	s.govern(nil)
	s.shard.do(func() { s.shard.removeSession(s) })
	s.hub.registry.remove(s)
}

func (s *session) kill() {
	if s.started.Load() {
		s.transport.kill()
	}
}
