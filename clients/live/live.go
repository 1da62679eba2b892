// Package live is a client of OpenInsure's live protocol, openinsure.v1.json:
// it hears channels of deal rooms and organisations over a WebSocket and never
// misses or doubles an entry, whatever happens to connections and servers.
//
// All it keeps is one Position per channel. A connection that breaks is opened
// again, on any node, and goes on from there: entries are taken when their seq
// is the last one's + 1, dropped when it is not above the last one, and asked
// for again when some are missing. When the server cannot go on from a position
// it says so, and the caller gets a Reset before anything else of the channel.
//
// Nothing is queued for a slow caller: one event is being handled and at most
// one more has been read; the rest waits at the server. What is posted is sent
// again under the same clientId until it is answered, so that it is made once.
//
// The package needs nothing of OpenInsure but its API, and may be copied.
package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Position is a place in a channel: everything up to Seq is known. The epoch
// changes when the server's log was rewound, as by a restored backup.
type Position struct {
	Epoch string `json:"epoch"`
	Seq   int64  `json:"seq"`
}

// String returns the position as a URL carries it, <epoch>:<seq>.
func (p Position) String() string { return p.Epoch + ":" + strconv.FormatInt(p.Seq, 10) }

// A Config says where to connect and what to hear.
type Config struct {
	// URL is where the API is, as https://api.example.com.
	URL string
	// Credential returns a token or an API key. It is asked before each opening
	// and before a token expires, never twice at once, and may return the same
	// one as long as it is good. An error that is a *Refused ends Run; others are
	// tried again. It must heed ctx.
	Credential func(ctx context.Context) (string, error)

	// Room is the id of a room; its state is the first event, an Init. A
	// connection that is opened for a room hears nothing else but its desks.
	Room string
	// Channels are heard besides: desk:<room>:<org>, org:<org>:underwriting, …
	Channels []string
	// Since is where to go on in channels that were heard before; in others it
	// starts at their end.
	Since map[string]Position

	// Ticket opens connections by a ticket at the address that the API names for
	// them, as browsers must. Otherwise the credential goes with the upgrade.
	Ticket bool

	HTTPClient *http.Client                     // nil is http.DefaultClient
	Backoff    func(failures int) time.Duration // before the next try, failures is from 1; nil is FullJitter(500 ms, 20 s)
	Now        func() time.Time                 // nil is time.Now
}

// FullJitter waits between nothing and a limit that starts at first and doubles
// with every failure up to most: clients that lost their server together do not
// come back together.
func FullJitter(first, most time.Duration) func(failures int) time.Duration {
	return func(failures int) time.Duration {
		limit := most
		if n := failures - 1; n < 30 && first<<n < most {
			limit = first << n
		}
		return rand.N(limit + 1) //nolint:gosec // spreads clients out, guards nothing
	}
}

// A Handler is given what a Client hears, one event at a time: the next waits
// until it returns. Its error ends Run.
//
// It must not wait for a Post of the same Client, whose answer may stand behind
// the next event.
type Handler func(ctx context.Context, e Event) error

// A Client hears channels and posts to them. Make one with New and have Run
// running; its other methods may be called from any goroutine.
type Client struct {
	cfg   Config
	base  *url.URL
	pace  pace
	slots chan struct{} // held by posts under way
	ended chan struct{} // closed when Run returns

	mu       sync.Mutex // guards what follows
	started  bool
	session  *session            // nil while there is no connection
	channels map[string]*channel // that are wanted
	handed   map[string]Position // of what the Handler was given
	posts    []*posting          // under way, in order
	lastID   int64               // of a frame
}

// A channel is where the client stands in one. Client.mu guards it.
type channel struct {
	name   string
	known  bool     // read is a position
	read   Position // everything up to here was read from the wire
	up     bool     // subscribed, on the present connection
	asking int64    // id of the subscribe that is to be answered before entries count; 0 for none
	asked  bool     // it carried a since
}

const (
	postsAtOnce  = 32 // the server allows 64 in flight
	openTimeout  = 20 * time.Second
	writeTimeout = 10 * time.Second
	steady       = 5 * time.Second // a connection that lasts so long was no failure
	frameBytes   = 16 << 20        // of the largest frame that is read
)

// ErrStopped is what Post returns when Run has.
var ErrStopped = errors.New("live: the client was stopped")

// New returns a Client that does nothing before Run.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(cfg.URL, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("live: URL: %w", err)
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("live: URL %q is no http or https address", cfg.URL)
	case cfg.Credential == nil:
		return nil, errors.New("live: a Credential is needed")
	case cfg.Room == "" && len(cfg.Channels) == 0:
		return nil, errors.New("live: a Room or Channels are needed")
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = http.DefaultClient
	}
	if cfg.Backoff == nil {
		cfg.Backoff = FullJitter(500*time.Millisecond, 20*time.Second)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{
		cfg: cfg, base: base, slots: make(chan struct{}, postsAtOnce), ended: make(chan struct{}),
		channels: map[string]*channel{}, handed: map[string]Position{},
	}
	c.want(cfg.Channels...)
	if cfg.Room != "" {
		c.want(c.roomChannel())
	}
	return c, nil
}

func (c *Client) roomChannel() string { return "room:" + c.cfg.Room }

func (c *Client) want(names ...string) {
	for _, name := range names {
		ch := &channel{name: name}
		if at, ok := c.cfg.Since[name]; ok {
			ch.read, ch.known = at, true
			c.handed[name] = at
		}
		c.channels[name] = ch
	}
}

// Positions returns where the caller is in each channel: everything up to there
// was given to the Handler, including what it is handling now. Kept, and given
// to New as Since, it lets another Client go on.
func (c *Client) Positions() map[string]Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.handed)
}

// A delivery is an event on its way to the Handler, and where its channel
// stands with it.
type delivery struct {
	event   Event
	channel string // empty when nothing moves
	at      Position
}

type inHandler struct{}

// Run connects and hears until ctx is over, the Handler fails, or the server
// refuses for good, which is a *Refused. It is called once.
func (c *Client) Run(ctx context.Context, handle Handler) error {
	c.mu.Lock()
	again := c.started
	c.started = true
	c.mu.Unlock()
	if again {
		return errors.New("live: Run was called twice")
	}
	defer close(c.ended)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make(chan delivery)
	var work sync.WaitGroup
	work.Go(func() {
		for d := range out {
			c.moved(d)
			if err := handle(context.WithValue(ctx, inHandler{}, c), d.event); err != nil {
				cancel(err)
				return
			}
		}
	})
	err := c.connect(ctx, out)
	close(out)
	work.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// moved notes where the caller is, before he is told: an entry that his Handler
// fails at has been given to him.
func (c *Client) moved(d delivery) {
	if d.channel == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed[d.channel] = d.at
}

// connect keeps a connection until ctx is over or there is no use in another.
func (c *Client) connect(ctx context.Context, out chan<- delivery) error {
	for failures := 0; ; {
		began := c.cfg.Now()
		err := c.hear(ctx, out)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, refused := errors.AsType[*Refused](err); refused {
			return err
		}
		var wait time.Duration
		if c.cfg.Now().Sub(began) >= steady {
			failures = 0
		}
		if !errors.Is(err, errDrained) {
			failures++
			wait = c.cfg.Backoff(failures)
		}
		if busy, ok := errors.AsType[*unavailable](err); ok {
			wait = max(wait, busy.after)
		}
		select {
		case out <- delivery{event: Disconnected{Err: err, Wait: wait}}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

// pause waits and reports whether ctx is still on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// frameID returns an id for a frame that is to be answered; mu is held.
func (c *Client) frameID() int64 {
	c.lastID++
	return c.lastID
}
