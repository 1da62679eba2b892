package hub

import (
	"encoding/json"
	"sync/atomic"
)

// A subscription is a session's interest in a channel: a cursor, and nothing
// that grows.
type subscription struct {
	session *session
	ch      *channel
	cut     atomic.Bool            // nothing more is sent
	rights  atomic.Pointer[Rights] // as last authorised

	// What follows belongs to the session's shard.
	cursor   int64 // everything up to here was taken by the transport
	gen      int64 // of the channel, that cursor counts in
	catching bool  // owes a live frame
	shown    bool  // others know that he is here
	watching bool  // is told who comes and goes
	place    int   // in ch.audience
}

// A joining is a subscription that is about to be made.
type joining struct {
	id      json.RawMessage
	since   *Position
	rights  Rights
	mark    int64  // the channel's seq before the rights were asked for
	asked   int64  // the session's askings at that time
	first   *frame // of the session, which says it instead of a subscribed frame
	watch   bool   // he wants to know who comes and goes
	problem error
}

// errAskAgain says that rights may have been lost since they were asked for.
var errAskAgain = &Refusal{Code: "unavailable", Message: "Rights changed while subscribing; try again.", Retry: true}

// attach makes the subscription, in the session's shard. It fails when the
// rights it was authorised with may be gone by now, or the session is.
func (w *shard) attach(s *session, ch *channel, j *joining) {
	sub := &subscription{session: s, ch: ch}
	sub.rights.Store(&j.rights)

	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.state != channelOpen || ch.revokedSince(s.subject, j.mark) {
		j.problem = errAskAgain
		return
	}
	old, err := s.enlist(sub, j.asked)
	if err != nil {
		j.problem = err
		return
	}
	if old != nil {
		w.detach(old)
	}
	sub.place = len(ch.audience[w.id])
	ch.audience[w.id] = append(ch.audience[w.id], sub)
	ch.heard[w.id].Add(1)
	s.subs = append(s.subs, sub)
	w.hub.metrics.subscriptions.Add(1)

	head := ch.ring.next() - 1
	sub.gen = ch.gen.Load()
	reason := ""
	sub.cursor = head // unless he goes on from since
	switch {
	case j.since == nil:
	case j.since.Epoch != ch.epoch:
		reason = "epoch"
	case j.since.Seq > head:
		reason = "ahead"
	case j.since.Seq < max(ch.floor, j.rights.From):
		reason = "too_old"
	default:
		sub.cursor, sub.catching = j.since.Seq, true
	}
	switch {
	case s.oneWay:
		s.replyFrame(frame{kind: frameStart, epoch: ch.epoch, seq: sub.cursor})
	case j.first != nil:
		s.greet(*j.first)
	default:
		s.reply(answer{ID: j.id, Type: "subscribed", Channel: ch.name, Epoch: ch.epoch, Seq: &head, Resumed: new(sub.catching)})
	}
	sub.enter()
	if j.watch {
		s.reply(sub.watch(nil, ""))
	}
	if reason != "" {
		w.hub.metrics.resets.WithLabelValues(reason).Inc()
		s.replyFrame(resetFrame(ch.name, ch.epoch, head, reason))
	}
	if j.first != nil && sub.cursor == head {
		sub.catching = false
	}
	s.poke()
}

func resetFrame(channel, epoch string, seq int64, reason string) frame {
	body := answer{Type: "reset", Channel: channel, Epoch: epoch, Seq: &seq, Reason: reason}.body()
	return frame{body: body, kind: frameReset, epoch: epoch, seq: seq}
}

// detach ends the subscription, in the session's shard, once.
func (w *shard) detach(sub *subscription) {
	set := sub.ch.audience[w.id]
	if sub.place >= len(set) || set[sub.place] != sub {
		return
	}
	sub.cut.Store(true)
	sub.exit()
	last := len(set) - 1
	set[sub.place] = set[last]
	set[sub.place].place = sub.place
	set[last] = nil
	sub.ch.audience[w.id] = set[:last]
	sub.ch.heard[w.id].Add(-1)
	s := sub.session
	for i, other := range s.subs {
		if other == sub {
			s.subs[i] = s.subs[len(s.subs)-1]
			s.subs[len(s.subs)-1] = nil
			s.subs = s.subs[:len(s.subs)-1]
			break
		}
	}
	s.delist(sub)
	w.hub.metrics.subscriptions.Add(-1)
	w.letLater(sub.ch)
}
