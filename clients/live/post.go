package live

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Message is something to be said in a channel.
type Message struct {
	Channel  string // a desk's for the author's company alone
	ClientID string // names the message for ever; a new UUID when empty
	Body     string
	ReplyTo  string
	Mentions []string
}

// A Posted is where a message came to stand.
type Posted struct {
	ClientID  string
	MessageID string
	Seq       int64
	Duplicate bool // a message of this ClientID had been made before
}

// ErrInHandler is what Post returns to a Handler, which would wait for itself.
var ErrInHandler = errors.New("live: Post was called by the Handler, which its answer waits for")

// ErrNotSubscribed is what methods return for a channel that is not heard.
var ErrNotSubscribed = errors.New("live: the channel is not heard")

// ErrOffline is what Typing and Read return while there is no connection.
var ErrOffline = errors.New("live: there is no connection")

// A posting is a message that was not answered yet. Client.mu guards sent.
type posting struct {
	id      int64
	channel string
	body    []byte
	sent    bool        // on the present connection
	done    chan result // has room for the one there is
}

type result struct {
	posted Posted
	err    error
}

// Post says something and waits until it is committed, over as many connections
// as it takes. It is made once: the server knows a ClientID again.
//
// A *Refused says that it was not made. After any other error, as when ctx is
// over, it may have been, which a Post of the same ClientID finds out.
func (c *Client) Post(ctx context.Context, m Message) (Posted, error) {
	if ctx.Value(inHandler{}) == c {
		return Posted{}, ErrInHandler
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Posted{}, context.Cause(ctx)
	}
	if err := c.pace.wait(ctx); err != nil {
		return Posted{}, err
	}
	if m.ClientID == "" {
		m.ClientID = newUUID()
	}
	p, err := c.enlist(m)
	if err != nil {
		return Posted{}, err
	}
	defer c.delist(p)
	c.flushNow(ctx, m.Channel)
	select {
	case r := <-p.done:
		r.posted.ClientID = m.ClientID
		return r.posted, r.err
	case <-ctx.Done():
		return Posted{ClientID: m.ClientID}, context.Cause(ctx)
	case <-c.ended:
		return Posted{ClientID: m.ClientID}, ErrStopped
	}
}

// enlist makes a message a posting under way.
func (c *Client) enlist(m Message) (*posting, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.channels[m.Channel] == nil {
		return nil, ErrNotSubscribed
	}
	p := &posting{id: c.frameID(), channel: m.Channel, done: make(chan result, 1)}
	q := request{ID: p.id, Type: "post", Channel: m.Channel, ClientID: m.ClientID, Body: m.Body, ReplyTo: m.ReplyTo, Mentions: m.Mentions}
	p.body = q.body()
	c.posts = append(c.posts, p)
	return p, nil
}

func (c *Client) delist(p *posting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts = slices.DeleteFunc(c.posts, func(q *posting) bool { return q == p })
}

// flushNow sends what waits for a channel if there is a connection; if not, the
// next one does.
func (c *Client) flushNow(ctx context.Context, channel string) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s != nil {
		s.flush(ctx, channel)
	}
}

// flush sends the posts to a channel that were not sent on this connection, in
// their order, once the channel is subscribed.
func (s *session) flush(ctx context.Context, channel string) {
	// One at a time, so that two flushes do not swap what they send.
	s.sending.Lock()
	defer s.sending.Unlock()
	c := s.client
	c.mu.Lock()
	var bodies [][]byte
	if ch := c.channels[channel]; ch != nil && ch.up && c.session == s {
		for _, p := range c.posts {
			if p.channel == channel && !p.sent {
				p.sent = true
				bodies = append(bodies, p.body)
			}
		}
	}
	c.mu.Unlock()
	for _, b := range bodies {
		s.write(context.WithoutCancel(ctx), b)
	}
}

// again sends a post once more that the server could not take.
func (s *session) again(ctx context.Context, id int64) {
	c := s.client
	channel := ""
	c.mu.Lock()
	for _, p := range c.posts {
		if p.id == id && c.session == s {
			p.sent, channel = false, p.channel
		}
	}
	c.mu.Unlock()
	if channel != "" {
		s.flush(ctx, channel)
	}
}

// answer tells whoever waits for a post.
func (c *Client) answer(id int64, posted Posted, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.posts {
		if p.id == id {
			p.settle(posted, err)
		}
	}
}

// refuse tells all who post to a channel that it is not heard any more.
func (c *Client) refuse(channel string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.posts {
		if p.channel == channel {
			p.settle(Posted{}, err)
		}
	}
}

// settle answers a post, once.
func (p *posting) settle(posted Posted, err error) {
	select {
	case p.done <- result{posted, err}:
	default:
	}
}

// Typing tells those who listen now that the caller types, or stopped. It is
// not answered and may be lost.
func (c *Client) Typing(ctx context.Context, channel string, on bool) error {
	return c.tell(ctx, request{Type: "typing", Channel: channel, On: &on})
}

// Read moves the caller's read position. It is not answered; one that is lost
// is made up for by the next.
func (c *Client) Read(ctx context.Context, channel string, seq int64) error {
	return c.tell(ctx, request{Type: "read", Channel: channel, Seq: &seq})
}

func (c *Client) tell(ctx context.Context, q request) error {
	if err := c.pace.wait(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	s, ch := c.session, c.channels[q.Channel]
	up := ch != nil && ch.up
	c.mu.Unlock()
	switch {
	case ch == nil:
		return ErrNotSubscribed
	case s == nil || !up:
		return ErrOffline
	}
	s.write(context.WithoutCancel(ctx), q.body())
	return nil
}

// newUUID makes a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// A pace keeps the caller's frames well below the server's limit of 50 a second
// and 100 at once, which ends a session that is above it.
type pace struct {
	mu   sync.Mutex // guards next
	next time.Time  // when the next frame could go if none were let off early
}

const (
	paceEvery = time.Second / 40
	paceBurst = 40
)

// wait waits for the caller's turn.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	if earliest := now.Add(-paceBurst * paceEvery); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(paceEvery)
	d := p.next.Sub(now)
	p.mu.Unlock()
	if d > 0 && !pause(ctx, d) {
		return context.Cause(ctx)
	}
	return nil
}
