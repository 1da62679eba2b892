// Package redislimit counts requests across nodes in Redis.
//
// A request waits for Redis for a moment at most. What is asked at the same
// time travels together, on connections that a Limiter's Run keeps: a request
// never dials. While Redis is away or slow each node counts by itself, and
// nobody is refused for it.
package redislimit

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/internal/redisurl"
)

// Config is how a Limiter works; URL is needed, any other zero value is the
// default.
type Config struct {
	URL    string // redis://user:password@host:port/db, rediss:// or unix://
	Prefix string // of all keys: nodes count together when they share it; "" is "oi"

	Timeout     time.Duration // that a request waits for Redis, at most; 0 is 50 ms
	DialTimeout time.Duration // for a connection, which no request waits for; 0 is 2 s
	MinBackoff  time.Duration // at least, before a new try to connect; 0 is 100 ms
	MaxBackoff  time.Duration // at most; 0 is 2 s
	Waiting     int           // requests that wait at once, more are counted here; 0 is 4,096

	Logger     *slog.Logger          // nil logs nothing
	Registerer prometheus.Registerer // nil counts for nobody
	Now        func() time.Time      // of the count in this process; nil is time.Now
}

func (c *Config) complete() {
	c.Prefix = cmp.Or(c.Prefix, "oi")
	c.Timeout = cmp.Or(c.Timeout, 50*time.Millisecond)
	c.DialTimeout = cmp.Or(c.DialTimeout, 2*time.Second)
	c.MinBackoff = cmp.Or(c.MinBackoff, 100*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, 2*time.Second)
	c.Waiting = cmp.Or(c.Waiting, 4096)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// A Limiter is an api.Limiter over Redis.
type Limiter struct {
	cfg     Config
	options *redis.Options
	window  time.Duration
	here    *api.MemoryLimiter
	metrics *metrics
	asked   chan *question
	shared  atomic.Bool // Redis counts
}

var _ api.Limiter = (*Limiter)(nil)

// New checks the settings. It does not connect: a Redis that is away does not
// keep a node from starting.
func New(cfg Config) (*Limiter, error) {
	cfg.complete()
	options, err := redisurl.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	l := &Limiter{
		cfg: cfg, options: options, window: time.Minute,
		here: api.NewMemoryLimiter(cfg.Now), asked: make(chan *question, cfg.Waiting),
	}
	l.metrics = newMetrics(cfg.Registerer, l)
	return l, nil
}

// A question is one request to be counted.
type question struct {
	owner    string
	cost     int
	buckets  []api.Bucket
	answered chan answer // has room for the one answer
	left     atomic.Bool // whoever asked waits no more
}

type answer struct {
	quota api.Quota
	ok    bool
}

// Take implements api.Limiter. It takes Timeout at most, whatever Redis does.
func (l *Limiter) Take(ctx context.Context, owner string, cost int, buckets ...api.Bucket) api.Quota {
	q, reason := l.ask(owner, cost, buckets)
	if reason == "" {
		return q
	}
	l.metrics.local.WithLabelValues(reason).Inc()
	return l.here.Take(ctx, owner, cost, buckets...)
}

// ask lets Redis count, or says why it did not.
func (l *Limiter) ask(owner string, cost int, buckets []api.Bucket) (api.Quota, string) {
	if !l.shared.Load() {
		return api.Quota{}, away
	}
	q := &question{owner: owner, cost: cost, buckets: buckets, answered: make(chan answer, 1)}
	select {
	case l.asked <- q:
	default:
		return api.Quota{}, full
	}
	timeout := time.NewTimer(l.cfg.Timeout)
	defer timeout.Stop()
	select {
	case a := <-q.answered:
		if a.ok {
			return a.quota, ""
		}
		return api.Quota{}, away
	case <-timeout.C:
		q.left.Store(true)
		return api.Quota{}, slow
	}
}

// Shared reports whether Redis counts, for all nodes.
func (l *Limiter) Shared() bool { return l.shared.Load() }

// Run keeps the connections. Whatever happens to Redis, it goes on trying
// until ctx is over and returns nil then; without it each node counts by
// itself.
func (l *Limiter) Run(ctx context.Context) error {
	backoff, told := l.cfg.MinBackoff, false
	for {
		shared, err := l.link(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if shared {
			backoff, told = l.cfg.MinBackoff, false
		}
		if !told {
			told = true
			l.cfg.Logger.WarnContext(ctx, "requests are counted on this node alone, since Redis does not count them", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff + rand.N(backoff)): //nolint:gosec // spreads nodes out, guards nothing
		}
		backoff = min(2*backoff, l.cfg.MaxBackoff/2) // the jitter doubles it at most
	}
}
