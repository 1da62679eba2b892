// Package redisbroker carries publications between nodes over Redis pub/sub.
//
// Redis keeps nothing: what it loses is found in the Log. So a publication is
// sent once and never waited for, and all care goes to noticing that nothing
// arrives any more, which neither TCP nor the client library does: each
// receiving connection has to hear a probe that another one publishes.
package redisbroker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/internal/redisurl"
)

// A Topology says what kind of Redis it is.
type Topology string

// The topologies. Detect asks the server with INFO, which an access list may
// forbid.
const (
	Detect  Topology = ""
	Single  Topology = "single"
	Cluster Topology = "cluster"
)

// Config is how a Broker works; URL is needed, any other zero value is the
// default.
type Config struct {
	URL   string   // redis://user:password@host:port/db, rediss:// or unix://
	Seeds []string // more host:port of the same Redis, tried when URL's does not answer

	Prefix   string // of all topics: nodes hear each other when they share it; "" is "oi"
	Topology Topology

	MaxPublications int // that wait to be sent, more are dropped; 0 is 65,536
	MaxBytes        int // that wait to be sent, more are dropped; 0 is 64 MB

	ProbeEvery   time.Duration // 0 is 2 s
	ProbeTimeout time.Duration // without a probe, until all is connected anew; 0 is 6 s
	MinBackoff   time.Duration // at least, before a new try to connect; 0 is 50 ms
	MaxBackoff   time.Duration // at most; 0 is 2 s
	KeepFor      time.Duration // that publications wait for a lost connection; 0 is 1 s

	Logger     *slog.Logger          // nil logs nothing
	Registerer prometheus.Registerer // nil counts for nobody
	Now        func() time.Time      // nil is time.Now
}

func (c *Config) complete() {
	c.Prefix = cmp.Or(c.Prefix, "oi")
	c.MaxPublications = cmp.Or(c.MaxPublications, 65536)
	c.MaxBytes = cmp.Or(c.MaxBytes, 64<<20)
	c.ProbeEvery = cmp.Or(c.ProbeEvery, 2*time.Second)
	c.ProbeTimeout = cmp.Or(c.ProbeTimeout, 6*time.Second)
	c.MinBackoff = cmp.Or(c.MinBackoff, 50*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, 2*time.Second)
	c.KeepFor = cmp.Or(c.KeepFor, time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// A Broker is a hub.Broker over Redis.
type Broker struct {
	cfg     Config
	options *redis.Options
	log     *slog.Logger
	metrics *metrics
	queue   *queue
	link    atomic.Pointer[link] // nil while there is none
}

var _ hub.Broker = (*Broker)(nil)

// New checks the settings. It does not connect: a Redis that is away does not
// keep a node from starting.
func New(cfg Config) (*Broker, error) {
	cfg.complete()
	options, err := redisurl.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	switch cfg.Topology {
	case Detect, Single, Cluster:
	default:
		return nil, fmt.Errorf("the topology of Redis is %q, must be single, cluster or empty", cfg.Topology)
	}
	if cfg.ProbeTimeout < 2*cfg.ProbeEvery {
		return nil, fmt.Errorf("a probe every %v cannot be missed in %v: the timeout must be twice as long", cfg.ProbeEvery, cfg.ProbeTimeout)
	}
	b := &Broker{
		cfg: cfg, options: options, log: cfg.Logger,
		queue: newQueue(cfg.MaxPublications, cfg.MaxBytes),
	}
	b.metrics = newMetrics(cfg.Registerer, b)
	return b, nil
}

// Publish implements hub.Broker. What does not fit the buffer is dropped.
func (b *Broker) Publish(pubs ...hub.Publication) {
	if dropped := b.queue.add(pubs); dropped > 0 {
		b.metrics.drop(full, dropped)
	}
}

// Healthy implements hub.Broker: every topic is subscribed, and a probe that
// was sent within ProbeTimeout has arrived.
func (b *Broker) Healthy() bool {
	l := b.link.Load()
	return l != nil && l.healthy()
}

// probeAge is the time since the oldest of the last probes to arrive was sent;
// negative when none has.
func (b *Broker) probeAge() time.Duration {
	if l := b.link.Load(); l != nil {
		return l.age()
	}
	return -1
}

// Run implements hub.Broker. Whatever happens to Redis, it goes on trying
// until ctx is over and returns nil then. It may be called again after it
// returned.
func (b *Broker) Run(ctx context.Context, r hub.Receiver) error {
	var keeping sync.WaitGroup
	keeping.Go(func() { b.keep(ctx) })
	defer keeping.Wait()

	backoff, seed, told := b.cfg.MinBackoff, 0, false
	for {
		l := &link{broker: b, receiver: r, seed: seed, start: b.cfg.Now()}
		err := l.run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		b.metrics.rebuilds.Inc()
		if l.wasHealthy.Load() {
			backoff, told = b.cfg.MinBackoff, false
		} else {
			seed++
		}
		if !told {
			told = true
			b.log.WarnContext(ctx, "the broker has no connection to Redis; entries are found by polling until it has", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff + rand.N(backoff)): //nolint:gosec // spreads nodes out, guards nothing
		}
		backoff = min(2*backoff, b.cfg.MaxBackoff/2) // the jitter doubles it at most
	}
}

// keep drops what waits for a connection too long, since everybody has found
// it in the Log by then, and says when publications begin and cease to be
// dropped or unreadable.
func (b *Broker) keep(ctx context.Context) {
	tick := time.NewTicker(b.cfg.KeepFor)
	defer tick.Stop()
	drops := change{count: &b.metrics.droppedCount, begins: "the broker drops publications", ends: "the broker drops no more publications"}
	garbage := change{count: &b.metrics.garbageCount, begins: "the broker receives what it cannot read", ends: "the broker can read what it receives again"}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if b.link.Load() == nil {
			b.drop(away, b.queue.take())
		}
		drops.look(ctx, b.log)
		garbage.look(ctx, b.log)
	}
}

func (b *Broker) drop(reason string, pubs []hub.Publication) {
	b.metrics.drop(reason, len(pubs))
	b.queue.done(pubs)
}

// A change logs that a count begins to move and that it stands still again.
type change struct {
	count        *atomic.Uint64
	begins, ends string

	last, first uint64
	moving      bool
}

func (c *change) look(ctx context.Context, log *slog.Logger) {
	now := c.count.Load()
	switch {
	case now != c.last && !c.moving:
		c.moving, c.first = true, c.last
		log.WarnContext(ctx, "broker trouble begins", "trouble", c.begins)
	case now == c.last && c.moving:
		c.moving = false
		log.InfoContext(ctx, "broker trouble is over", "trouble", c.ends, "publications", now-c.first)
	}
	c.last = now
}
