package hub

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// handle does what a client's frame asks for, in the goroutine that reads him:
// a client waits for himself only. It reports false when the session is over.
func (s *session) handle(data []byte) bool {
	q, err := parseRequest(data)
	if errors.Is(err, errNotJSON) {
		s.end(CloseBadFrame, err.Error())
		return false
	}
	if err != nil {
		s.fail(q.ID, err)
		return true
	}
	if q.Batch != nil {
		s.batch.Store(*q.Batch)
	}
	switch q.Type {
	case "pong":
	case "subscribe":
		err = s.subscribe(q)
	case "unsubscribe":
		err = s.unsubscribe(q)
	case "post":
		err = s.post(q, data)
	case "typing":
		err = s.typing(q)
	case "read":
		err = s.read(q)
	case "refresh":
		err = s.refresh(q)
	case "presence":
		err = s.presence(q)
	default:
		err = &Refusal{Code: "unknown_type", Message: "There is no frame of this type."}
	}
	if err != nil {
		s.deny(q.Type, q.Channel, err)
		s.fail(q.ID, err)
	}
	return !s.over.Load()
}

// deny tells of a frame that was refused for lack of a right.
func (s *session) deny(frame, channel string, err error) {
	if no, ok := errors.AsType[*Refusal](err); ok && no.Denied && s.hub.cfg.Denied != nil {
		s.hub.cfg.Denied(Denial{Principal: s.who(), Frame: frame, Channel: channel, Code: no.Code})
	}
}

// fail answers with an error; one that is not a Refusal is for the log only.
func (s *session) fail(id json.RawMessage, err error) {
	if s.over.Load() {
		return
	}
	no, ok := errors.AsType[*Refusal](err)
	if !ok {
		s.hub.log.Error("a frame could not be answered", "session", s.id, "error", err)
		no = &Refusal{Code: "internal", Message: "Something went wrong; try again.", Retry: true, After: time.Second}
	}
	s.reply(refusalAnswer(id, no))
}

func (s *session) timeout(what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(s.ctx, s.hub.cfg.LogTimeout, errors.New(what))
}

func (s *session) subscribe(q request) error {
	if q.Channel == "" {
		return badFrame("channel is missing")
	}
	s.mu.Lock()
	full := s.named[q.Channel] == nil && len(s.named) >= s.hub.cfg.Subscriptions
	s.mu.Unlock()
	if full {
		return tooMany("subscriptions of a session", s.hub.cfg.Subscriptions)
	}
	ctx, cancel := s.timeout("subscribe")
	defer cancel()
	ch, err := s.hub.hold(ctx, q.Channel, q.Since)
	if err != nil {
		return err
	}
	err = s.join(ctx, ch, &joining{id: q.ID, since: q.Since, watch: q.Presence}, nil)
	if err != nil {
		no, ok := errors.AsType[*Refusal](err)
		s.hub.let(ch, ok && no != errAskAgain) // what nobody may hear is not kept
	}
	return err
}

// join subscribes to a channel that is held. The order is what makes it safe:
// first the node follows the channel and all that may take it away, then the
// App is asked; whatever happens in between is noticed, and it is asked again.
// Rights that are known already are taken for the first try.
func (s *session) join(ctx context.Context, ch *channel, j *joining, known *Rights) error {
	if j.since != nil && s.hub.unsure(ch, *j.since) {
		if err := ch.probe(ctx); err != nil {
			return err
		}
	}
	for tries := 0; ; tries++ {
		if known != nil {
			j.rights, known = *known, nil
		} else {
			var p Principal
			j.mark = ch.head.Load()
			p, j.asked = s.askings()
			rights, err := s.authorize(p, ch.name)
			if err != nil {
				return err
			}
			j.rights = rights
		}
		done := make(chan struct{})
		s.shard.do(func() {
			j.problem = nil
			s.shard.attach(s, ch, j)
			close(done)
		})
		select {
		case <-done:
		case <-s.hub.ctx.Done():
			return errStopped
		}
		if !errors.Is(j.problem, errAskAgain) || tries > 5 {
			return j.problem
		}
	}
}

// unsure reports whether a client's position is one that this node cannot
// judge, because it may itself be behind.
func (h *Hub) unsure(ch *channel, at Position) bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return at.Epoch != ch.epoch || at.Seq >= ch.ring.next()
}

func (s *session) unsubscribe(q request) error {
	sub := s.subscription(q.Channel)
	if sub == nil {
		return errNotSubscribed
	}
	s.shard.do(func() {
		s.shard.detach(sub)
		s.reply(answer{ID: q.ID, Type: "unsubscribed", Channel: q.Channel})
	})
	return nil
}

var (
	errNotSubscribed = &Refusal{Code: "not_subscribed", Message: "Subscribe to the channel first."}
	errMayNotType    = &Refusal{Code: "forbidden", Message: "You may not post in this channel.", Denied: true}
)

// rights returns what the session may do in a channel, as last authorised.
func (s *session) rights(name string) (Rights, error) {
	sub := s.subscription(name)
	if sub == nil || sub.cut.Load() {
		return Rights{}, errNotSubscribed
	}
	return *sub.rights.Load(), nil
}

// post hands a message to the App, also when he could not post when he was last
// authorised: the right may have been given since, and the App decides anew.
func (s *session) post(q request, data []byte) error {
	rights, err := s.rights(q.Channel)
	if err != nil {
		return err
	}
	if int(s.posts.Add(1)) > s.hub.cfg.Posts {
		s.posts.Add(-1)
		return tooMany("posts in flight of a session", s.hub.cfg.Posts)
	}
	id, channel := slices.Clone(q.ID), q.Channel
	s.hub.app.Post(s.hub.ctx, s.who(), rights, q.Channel, slices.Clone(data), func(p Posted, err error) {
		s.posts.Add(-1)
		if err != nil {
			s.deny("post", channel, err)
			s.fail(id, err)
			return
		}
		s.reply(answer{ID: id, Type: "posted", MessageID: p.MessageID, Seq: &p.Seq, Duplicate: &p.Duplicate})
	})
	return nil
}

// typing tells those who listen now; too many in a short time are dropped.
func (s *session) typing(q request) error {
	rights, err := s.rights(q.Channel)
	switch {
	case err != nil:
		return err
	case !rights.Post:
		return errMayNotType
	}
	if s.hub.nano()-s.typed.Load() < int64(typingEvery) && q.On {
		return nil
	}
	s.typed.Store(s.hub.nano())
	s.relay(answer{Type: "typing", Channel: q.Channel, On: &q.On})
	return nil
}

// typingEvery is the shortest time between two typing frames that are relayed.
const typingEvery = 500 * time.Millisecond

func (s *session) relay(a answer) {
	a.By = s.who().Identity
	s.hub.broker.Publish(Publication{Kind: KindSignal, Channel: a.Channel, Payload: a.body()})
}

func (s *session) read(q request) error {
	sub := s.subscription(q.Channel)
	switch {
	case sub == nil || sub.cut.Load():
		return errNotSubscribed
	case q.Seq > sub.ch.head.Load():
		return badFrame("seq is ahead of the channel")
	}
	ctx, cancel := s.timeout("read position")
	defer cancel()
	moved, err := s.hub.app.Read(ctx, s.who(), q.Channel, q.Seq)
	if err == nil && moved && !sub.rights.Load().Hidden {
		s.relay(answer{Type: "read", Channel: q.Channel, Seq: &q.Seq})
	}
	return err
}

// refresh takes a newer credential and has all rights asked for again with it.
func (s *session) refresh(q request) error {
	ctx, cancel := s.timeout("refresh")
	defer cancel()
	p, err := s.hub.app.Refresh(ctx, s.who(), q.Token)
	if err != nil {
		return err
	}
	if p.Subject != s.subject {
		return &Refusal{Code: "forbidden", Message: "The token is another subject's.", Denied: true}
	}
	controls, err := s.hub.holdAll(ctx, p.Control)
	if err != nil {
		return err
	}
	s.mu.Lock()
	p.Address = s.principal.Address
	s.principal = p
	s.mu.Unlock()
	s.setExpiry(p)
	s.govern(controls)
	s.revalidate()
	a := answer{ID: q.ID, Type: "refreshed"}
	if !p.Expires.IsZero() {
		a.ExpiresAt = &p.Expires
	}
	s.reply(a)
	return nil
}

// presence answers who is in a channel; from then on the session is told who
// comes and goes.
func (s *session) presence(q request) error {
	sub := s.subscription(q.Channel)
	if sub == nil {
		return errNotSubscribed
	}
	id := slices.Clone(q.ID)
	s.shard.do(func() {
		if sub.cut.Load() {
			s.fail(id, errNotSubscribed)
			return
		}
		s.reply(sub.watch(id, q.After))
	})
	return nil
}
