package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A session is one connection. Its frames are read and worked off by one
// goroutine, and what is due later is done by another.
type session struct {
	client  *Client
	conn    *websocket.Conn
	out     chan<- delivery
	silence time.Duration // after which the connection is dead
	agenda  *agenda
	sending sync.Mutex // held while posts are sent, so that they keep their order

	mu      sync.Mutex // guards what follows
	drained bool       // it was ended because the server asked for it
	token   string     // that the server has accepted
	refresh int64      // id of the refresh under way
	newer   string     // the token that it shows
}

// errDrained is the end of a connection that the server asked to move.
var errDrained = errors.New("the server makes room: moving to another connection")

var pongBody = request{Type: "pong"}.body()

// hear opens a connection and works off what comes until it ends, which is
// always an error.
func (c *Client) hear(ctx context.Context, out chan<- delivery) error {
	l, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = l.conn.CloseNow() }() // it ended, or is being left
	ping := time.Duration(max(1, l.first.Ping)) * time.Second
	s := &session{client: c, conn: l.conn, out: out, silence: 2*ping + 10*time.Second, agenda: newAgenda(), token: l.token}
	later, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { s.agenda.run(later) })
	defer stop()

	defer c.down()
	if err = s.begin(ctx, l.first); err == nil {
		err = s.frames(ctx, l.more)
	}
	for err == nil {
		err = s.next(ctx)
	}
	stop() // the Credential is asked one thing at a time
	work.Wait()
	s.mu.Lock()
	drained, token := s.drained, s.token
	s.mu.Unlock()
	if drained && ctx.Err() == nil {
		return errDrained
	}
	if no, ok := errors.AsType[*unauthorized](err); ok {
		return c.stale(ctx, no, token)
	}
	if ctx.Err() != nil {
		_ = l.conn.Close(websocket.StatusNormalClosure, "") // good-bye, as far as it is heard
	}
	return err
}

// down notes that there is no connection.
func (c *Client) down() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = nil
	for _, ch := range c.channels {
		ch.up, ch.asking = false, 0
	}
	for _, p := range c.posts {
		p.sent = false
	}
}

// begin takes the first frame, asks for the channels, and sends the posts that
// were not answered.
func (s *session) begin(ctx context.Context, first frame) error {
	s.expires(first.ExpiresAt)
	c := s.client
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	if first.Type == "init" {
		if err := s.init(ctx, first); err != nil {
			return err
		}
	}
	c.mu.Lock()
	var names []string
	for name, ch := range c.channels {
		if !ch.up {
			names = append(names, name)
		}
	}
	c.mu.Unlock()
	for _, name := range names {
		s.subscribe(ctx, name)
	}
	return nil
}

func (s *session) init(ctx context.Context, f frame) error {
	c := s.client
	c.mu.Lock()
	ch := c.channels[f.Channel]
	if ch == nil {
		c.mu.Unlock()
		return fmt.Errorf("the server opened %q, which was not asked for", f.Channel)
	}
	if !f.Resumed || !ch.known {
		ch.read, ch.known = f.position(), true
	}
	ch.up = true
	at := ch.read
	c.mu.Unlock()
	s.flush(ctx, f.Channel)
	return s.hand(ctx, delivery{channel: f.Channel, at: at, event: Init{
		Channel: f.Channel, Position: at, Resumed: f.Resumed, Reset: f.Reset,
		Room: f.Room, Participants: f.Participants, Messages: f.Messages, Annotations: f.Annotations,
	}})
}

// next reads what comes and works it off.
func (s *session) next(ctx context.Context) error {
	quiet, cancel := context.WithTimeoutCause(ctx, s.silence, errors.New("nothing was heard"))
	defer cancel()
	_, data, err := s.conn.Read(quiet)
	if err != nil {
		return closedBy(err)
	}
	return s.frames(ctx, bytes.Split(data, []byte("\n")))
}

func (s *session) frames(ctx context.Context, lines [][]byte) error {
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var f frame
		if err := json.Unmarshal(line, &f); err != nil {
			return fmt.Errorf("a frame is not of %s: %w", subprotocol, err)
		}
		if err := s.handle(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) handle(ctx context.Context, f frame) error {
	switch f.Type {
	case "ping":
		s.write(ctx, pongBody)
	case "entry":
		return s.entry(ctx, f)
	case "subscribed":
		return s.subscribed(ctx, f)
	case "reset":
		return s.reset(ctx, f)
	case "unsubscribed":
		return s.lost(ctx, f.Channel, f.Code, f.Message)
	case "posted":
		s.client.answer(f.ID, Posted{MessageID: f.MessageID, Seq: f.Seq, Duplicate: f.Duplicate}, nil)
	case "error":
		return s.failed(ctx, f)
	case "refreshed":
		s.mu.Lock()
		s.token = s.newer
		s.mu.Unlock()
		s.expires(f.ExpiresAt)
	case "drain":
		s.agenda.later(time.Duration(f.Reconnect)*time.Millisecond, s.leave)
	case "live":
		return s.hand(ctx, delivery{event: Live{Channel: f.Channel, Seq: f.Seq}})
	case "typing":
		return s.hand(ctx, delivery{event: Typing{Channel: f.Channel, On: f.On, By: f.By}})
	case "read":
		return s.hand(ctx, delivery{event: Read{Channel: f.Channel, Seq: f.Seq, By: f.By}})
	case "presence":
		return s.hand(ctx, delivery{event: Presence{Channel: f.Channel, Version: f.Version, Join: f.Join, Leave: f.Leave}})
	}
	return nil
}

// entry applies the client's rule: the next is taken, what was had is dropped,
// and what lies beyond a gap is asked for again from where the gap begins.
func (s *session) entry(ctx context.Context, f frame) error {
	c := s.client
	c.mu.Lock()
	ch := c.channels[f.Channel]
	if ch == nil || !ch.known || ch.asking != 0 || f.Seq <= ch.read.Seq || f.Event == nil {
		c.mu.Unlock()
		return nil
	}
	if f.Seq > ch.read.Seq+1 {
		c.mu.Unlock()
		s.subscribe(ctx, f.Channel)
		return nil
	}
	ch.read.Seq++
	at := ch.read
	c.mu.Unlock()
	return s.hand(ctx, delivery{channel: f.Channel, at: at, event: Entry{Channel: f.Channel, Epoch: at.Epoch, Seq: f.Seq, Event: *f.Event}})
}

// subscribe asks for a channel from where the client stands in it. Entries of
// it count again once that is answered.
func (s *session) subscribe(ctx context.Context, name string) {
	c := s.client
	c.mu.Lock()
	ch := c.channels[name]
	if ch == nil {
		c.mu.Unlock()
		return
	}
	q := request{ID: c.frameID(), Type: "subscribe", Channel: name}
	ch.asking, ch.asked = q.ID, ch.known
	if ch.known {
		q.Since = new(ch.read)
	}
	c.mu.Unlock()
	s.write(ctx, q.body())
}

func (s *session) subscribed(ctx context.Context, f frame) error {
	c := s.client
	c.mu.Lock()
	ch := c.channels[f.Channel]
	if ch == nil || ch.asking != f.ID {
		c.mu.Unlock()
		return nil
	}
	ch.asking, ch.up = 0, true
	if !ch.asked {
		ch.read, ch.known = f.position(), true
	}
	at := ch.read
	refused := ch.asked && !f.Resumed // a reset follows, and says it all
	c.mu.Unlock()
	s.flush(ctx, f.Channel)
	if refused {
		return nil
	}
	return s.hand(ctx, delivery{channel: f.Channel, at: at, event: Subscribed{Channel: f.Channel, Position: at, Resumed: f.Resumed}})
}

func (s *session) reset(ctx context.Context, f frame) error {
	c := s.client
	c.mu.Lock()
	ch := c.channels[f.Channel]
	if ch == nil || ch.asking != 0 {
		c.mu.Unlock()
		return nil
	}
	ch.read, ch.known = f.position(), true
	c.mu.Unlock()
	return s.hand(ctx, delivery{channel: f.Channel, at: f.position(), event: Reset{Channel: f.Channel, Position: f.position(), Reason: f.Reason}})
}

// lost forgets a channel that is not to be heard any more.
func (s *session) lost(ctx context.Context, name, code, message string) error {
	c := s.client
	c.mu.Lock()
	_, wanted := c.channels[name]
	delete(c.channels, name)
	c.mu.Unlock()
	if !wanted {
		return nil
	}
	c.refuse(name, &Refused{Code: code, Message: message})
	return s.hand(ctx, delivery{event: Unsubscribed{Channel: name, Code: code, Message: message}})
}

// failed takes the error that answers a frame.
func (s *session) failed(ctx context.Context, f frame) error {
	wait := time.Duration(f.AfterMs) * time.Millisecond
	if f.Retry {
		wait = max(wait, s.client.cfg.Backoff(1))
	}
	if f.ID == 0 {
		return nil // of typing or read, which nobody waits for
	}
	c := s.client
	c.mu.Lock()
	name := ""
	for _, ch := range c.channels {
		if ch.asking == f.ID {
			name = ch.name
		}
	}
	c.mu.Unlock()
	switch {
	case name != "" && f.Retry:
		s.agenda.later(wait, func(ctx context.Context) { s.subscribe(ctx, name) })
	case name != "":
		return s.lost(ctx, name, f.Code, f.Message)
	case s.isRefresh(f.ID) && f.Retry:
		s.agenda.later(wait, s.renew)
	case f.Retry:
		s.agenda.later(wait, func(ctx context.Context) { s.again(ctx, f.ID) })
	default:
		c.answer(f.ID, Posted{}, &Refused{Code: f.Code, Message: f.Message})
	}
	return nil
}

// hand gives an event to the Handler and waits until it takes it. The server
// meanwhile hears that the client lives.
func (s *session) hand(ctx context.Context, d delivery) error {
	const sign = 5 * time.Second
	t := time.NewTicker(sign)
	defer t.Stop()
	for {
		select {
		case s.out <- d:
			return nil
		case <-t.C:
			s.write(ctx, pongBody)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write sends a frame. When it cannot, the connection is over, and reading
// finds out why.
func (s *session) write(ctx context.Context, body []byte) {
	ctx, cancel := context.WithTimeoutCause(ctx, writeTimeout, errors.New("write a frame"))
	defer cancel()
	_ = s.conn.Write(ctx, websocket.MessageText, body)
}

// leave ends the connection at the server's wish.
func (s *session) leave(context.Context) {
	s.mu.Lock()
	s.drained = true
	s.mu.Unlock()
	_ = s.conn.Close(websocket.StatusNormalClosure, "moving") // gone either way
}

// expires plans to show a newer credential before the present one ends.
func (s *session) expires(at *time.Time) {
	if at == nil {
		return
	}
	left := at.Sub(s.client.cfg.Now())
	s.agenda.later(max(left*4/5, time.Second), s.renew)
}

func (s *session) renew(ctx context.Context) {
	c := s.client
	ctx, cancel := context.WithTimeoutCause(ctx, openTimeout, errors.New("renew the credential"))
	defer cancel()
	token, err := c.cfg.Credential(ctx)
	if err != nil {
		s.agenda.later(c.cfg.Backoff(3), s.renew)
		return
	}
	c.mu.Lock()
	q := request{ID: c.frameID(), Type: "refresh", Token: token}
	c.mu.Unlock()
	s.mu.Lock()
	s.refresh, s.newer = q.ID, token
	s.mu.Unlock()
	s.write(ctx, q.body())
}

func (s *session) isRefresh(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh == id
}
