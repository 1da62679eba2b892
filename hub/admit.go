package hub

import (
	"context"
	"errors"
)

// admit lets a session in, within the limits: the node follows his control
// channels first, then the welcome is read, then its channel is held. After an
// error the session is forgotten.
func (h *Hub) admit(ctx context.Context, s *session, read func(context.Context) (*Welcome, error)) (*Welcome, *channel, error) {
	if h.draining.Load() {
		return nil, nil, errDraining
	}
	if err := h.registry.add(s); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.cfg.LogTimeout, errors.New("open a session"))
	defer cancel()
	welcome, ch, err := h.welcome(ctx, s, read)
	if err != nil {
		s.finish()
		return nil, nil, err
	}
	return welcome, ch, nil
}

func (h *Hub) welcome(ctx context.Context, s *session, read func(context.Context) (*Welcome, error)) (*Welcome, *channel, error) {
	controls, err := h.holdAll(ctx, s.who().Control)
	if err != nil {
		return nil, nil, err
	}
	s.govern(controls)
	if read == nil {
		return nil, nil, nil
	}
	welcome, err := read(ctx)
	if err != nil {
		return nil, nil, err
	}
	ch, err := h.hold(ctx, welcome.Channel, &Position{Epoch: welcome.Epoch, Seq: min(welcome.From, welcome.Seq)})
	return welcome, ch, err
}

// begin starts the session's delivery. Its first frame is said at once, unless
// there is one that waits for a subscription.
func (s *session) begin(t transport, first *frame) {
	s.transport = t
	s.started.Store(true)
	s.shard.do(func() {
		if s.over.Load() {
			s.shard.farewell(s, CloseRetry, "the server ended the session at once")
			return
		}
		s.pinged = s.shard.now
		s.shard.addSession(s)
		if first != nil {
			s.greet(*first)
		}
	})
}

// joinWelcome subscribes to the channel the session was opened for and says so
// with the init frame: whoever has read it hears all that is said from then on,
// also what is not kept. Rights the welcome read hold for its Seq: what took them
// away later is in the channel or in a control channel, and makes the App be asked
// again.
func (s *session) joinWelcome(w *Welcome, ch *channel) {
	ctx, cancel := s.timeout("join")
	defer cancel()
	j := &joining{since: &Position{Epoch: w.Epoch, Seq: w.From}, mark: w.Seq, first: &frame{body: initBody(s.id, s.hub.cfg.Ping, w)}}
	err := s.join(ctx, ch, j, &w.Rights)
	if err == nil {
		return
	}
	s.hub.let(ch, false)
	if no, ok := errors.AsType[*Refusal](err); ok {
		s.end(CloseForbidden, no.Message)
		return
	}
	s.hub.log.Error("a session could not join its channel", "session", s.id, "channel", ch.name, "error", err)
	s.end(CloseRetry, "the channel could not be joined")
}
