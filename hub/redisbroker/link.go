package redisbroker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/openinsure/openinsure/hub"
)

var (
	errSilent       = errors.New("no probe has come back in time")
	errReplica      = errors.New("the server is a replica, what is published there reaches few")
	errUnsubscribed = errors.New("the server ended a subscription")
	errMoved        = errors.New("the slots of the cluster have moved")
)

// A link is one life of the connections to Redis: whatever breaks, all of it
// ends, and the Broker makes another.
type link struct {
	broker   *Broker
	receiver hub.Receiver
	seed     int // which address to ask first
	start    time.Time

	servers    []*server
	byTopic    [partitions]*server
	wasHealthy atomic.Bool

	receiving sync.Mutex // held while the receiver is called
}

// run returns why the link broke, when its goroutines and connections are
// gone.
func (l *link) run(ctx context.Context) error {
	ctx, breaks := context.WithCancelCause(ctx)
	defer breaks(nil)
	if err := l.discover(ctx); err != nil {
		return fmt.Errorf("look at Redis: %w", err)
	}
	var working sync.WaitGroup
	work := func(f func(context.Context) error) { working.Go(func() { breaks(f(ctx)) }) }
	for _, s := range l.servers {
		work(func(ctx context.Context) error { return l.receive(ctx, s) })
		work(func(ctx context.Context) error { return l.probe(ctx, s) })
	}
	work(l.publish)
	work(l.watch)
	l.broker.link.Store(l)
	<-ctx.Done() // which closes all connections
	l.broker.link.Store(nil)
	working.Wait()
	for _, s := range l.servers {
		_ = s.client.Close() // what it could say, its connections have
	}
	return context.Cause(ctx)
}

// healthy and age go by when a probe was sent: one that took long proves
// little.
func (l *link) healthy() bool {
	for _, s := range l.servers {
		if !s.complete.Load() || s.seen.Load() == 0 {
			return false
		}
	}
	return l.age() <= l.broker.cfg.ProbeTimeout
}

func (l *link) age() time.Duration {
	oldest := time.Duration(l.servers[0].seen.Load())
	for _, s := range l.servers[1:] {
		oldest = min(oldest, time.Duration(s.seen.Load()))
	}
	return l.broker.cfg.Now().Sub(l.start) - oldest
}

// watch breaks a link that is silent, and says when it has begun to work.
func (l *link) watch(ctx context.Context) error {
	tick := time.NewTicker(l.broker.cfg.ProbeTimeout / 16)
	defer tick.Stop()
	for {
		if !l.wasHealthy.Load() && l.healthy() {
			l.wasHealthy.Store(true)
			l.broker.log.InfoContext(ctx, "the broker is connected to Redis", "servers", len(l.servers), "cluster", l.servers[0].sharded)
		}
		if l.age() > l.broker.cfg.ProbeTimeout {
			return errSilent
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// probe publishes, on a connection of its own, what the receiving one has to
// hear. An error here only delays the probe: silence is what counts.
func (l *link) probe(ctx context.Context, s *server) error {
	tick := time.NewTicker(l.broker.cfg.ProbeEvery)
	defer tick.Stop()
	subscribed := s.subscribed
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-subscribed: // at once, so that a new link is known to work
			subscribed = nil
		case <-tick.C:
		}
		if replica(ctx, s.client) {
			return errReplica
		}
		at := max(l.broker.cfg.Now().Sub(l.start), 1)
		pipe := s.client.Pipeline()
		s.publish(ctx, pipe, s.probeTopic, s.nonce+strconv.FormatInt(int64(at), 10))
		_, _ = pipe.Exec(ctx)
	}
}

// replica says whether a server is known to be one. What is published there
// does not reach the others, though its own subscribers hear it. An access
// list may forbid to ask, which is no reason to give up.
func replica(ctx context.Context, c *redis.Client) bool {
	answer, err := c.Do(ctx, "ROLE").Slice()
	return err == nil && len(answer) > 0 && answer[0] == "slave"
}

// publish sends what is queued until ctx is over.
func (l *link) publish(ctx context.Context) error {
	q := l.broker.queue
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.ready:
		}
		all := q.take()
		for rest := all; len(rest) > 0; {
			n := 0
			for bytes := 0; n < len(rest) && bytes < maxBatch; n++ {
				bytes += size(rest[n])
			}
			err := l.send(ctx, rest[:n])
			q.done(rest[:n])
			rest = rest[n:]
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				l.broker.drop(failed, rest)
				return err
			}
		}
		q.recycle(all)
	}
}

const (
	maxBatch   = 1 << 20 // bytes to send before the answers are read
	maxMessage = 256 << 10
)

// A message is several publications of one topic.
type message struct {
	topic int
	body  []byte
	pubs  int
}

// pack joins publications by topic, since a message is what costs Redis; the
// order within a topic is kept.
func pack(pubs []hub.Publication) []message {
	var open [partitions]message
	var packed []message
	for _, p := range pubs {
		i := partition(p.Channel)
		m := &open[i]
		if m.pubs > 0 && len(m.body)+size(p) > maxMessage {
			packed = append(packed, *m)
			*m = message{}
		}
		if m.pubs == 0 {
			m.topic, m.body = i, append(make([]byte, 0, 1+size(p)), messageVersion)
		}
		m.body = appendPublication(m.body, p)
		m.pubs++
	}
	for _, m := range open {
		if m.pubs > 0 {
			packed = append(packed, m)
		}
	}
	return packed
}

// send publishes a batch on all servers at once. What fails is dropped; only
// an error that a new link can mend is returned.
func (l *link) send(ctx context.Context, pubs []hub.Publication) error {
	byServer := map[*server][]message{}
	for _, m := range pack(pubs) {
		s := l.byTopic[m.topic]
		byServer[s] = append(byServer[s], m)
	}
	var sending sync.WaitGroup
	var moved atomic.Bool
	for s, messages := range byServer {
		sending.Go(func() {
			pipe := s.client.Pipeline()
			for _, m := range messages {
				s.publish(ctx, pipe, l.broker.topic(m.topic), m.body)
			}
			cmds, _ := pipe.Exec(ctx) // each command has its own error
			sent, lost := 0, 0
			for i, m := range messages {
				if err := cmds[i].Err(); err == nil {
					sent += m.pubs
				} else {
					lost += m.pubs
					if redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "READONLY") {
						moved.Store(true)
					}
				}
			}
			l.broker.metrics.published.Add(float64(sent))
			l.broker.metrics.drop(failed, lost)
		})
	}
	sending.Wait()
	if moved.Load() {
		return errMoved
	}
	return nil
}

// A server is where some or all topics are.
type server struct {
	client     *redis.Client
	sharded    bool
	topics     []string
	probeTopic string
	nonce      string

	subscribed chan struct{} // closed when all topics are
	complete   atomic.Bool   // the same
	seen       atomic.Int64  // when the last probe to arrive was sent, after the link's start; 0 before the first
}

// newServer gives a server its topics; the probe lives beside the first, in
// its slot.
func newServer(client *redis.Client, sharded bool, topics []string) *server {
	nonce := rand.Text()
	return &server{
		client: client, sharded: sharded, topics: topics, nonce: nonce,
		probeTopic: topics[0] + ":probe:" + nonce, subscribed: make(chan struct{}),
	}
}

func (s *server) publish(ctx context.Context, to redis.Pipeliner, topic string, body any) {
	if s.sharded {
		to.SPublish(ctx, topic, body)
	} else {
		to.Publish(ctx, topic, body)
	}
}

// subscribe only writes: the answers come to receive. A cluster takes topics
// of one slot at a time.
func (s *server) subscribe(ctx context.Context, ps *redis.PubSub) error {
	topics := append([]string{s.probeTopic}, s.topics...)
	if !s.sharded {
		return ps.Subscribe(ctx, topics...)
	}
	for _, topic := range topics {
		if err := ps.SSubscribe(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// receive reads one connection until it breaks. The library would connect it
// anew by itself, without telling what was missed: so any error ends the link.
func (l *link) receive(ctx context.Context, s *server) error {
	ps := s.client.Subscribe(ctx)
	defer func() { _ = ps.Close() }()
	if err := s.subscribe(ctx, ps); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	subs := subscriptions{want: len(s.topics) + 1, have: map[string]bool{}}
	var d decoder
	for {
		// A probe comes more often than this, and a deadline is the only end to
		// a message that never ends.
		m, err := ps.ReceiveTimeout(ctx, l.broker.cfg.ProbeTimeout)
		if err != nil {
			l.broker.metrics.errors.Inc()
			return fmt.Errorf("receive: %w", err)
		}
		switch m := m.(type) {
		case *redis.Subscription:
			lost, err := subs.answer(m)
			if err != nil {
				return err
			}
			if lost {
				l.receiving.Lock()
				l.receiver.Lost()
				l.receiving.Unlock()
				if !s.complete.Swap(true) {
					close(s.subscribed)
				}
			}
		case *redis.Message:
			if m.Channel == s.probeTopic {
				s.hear(m.Payload)
				continue
			}
			l.receiving.Lock()
			n := 0
			err := d.decode(m.Payload, func(p hub.Publication) {
				n++
				l.receiver.Receive(p)
			})
			l.receiving.Unlock()
			l.broker.metrics.received.Add(float64(n))
			if err != nil {
				l.broker.metrics.garbage()
			}
		}
	}
}

// hear notes a probe of ours.
func (s *server) hear(payload string) {
	sent, ours := strings.CutPrefix(payload, s.nonce)
	if at, err := strconv.ParseInt(sent, 10, 64); ours && err == nil && at > s.seen.Load() {
		s.seen.Store(at)
	}
}

// subscriptions follow the server's answers.
type subscriptions struct {
	want int
	have map[string]bool
	all  bool
}

// answer says whether publications may have been missed: everything is
// subscribed for the first time, or something is a second time, as after a
// connection that was changed behind our back.
func (s *subscriptions) answer(m *redis.Subscription) (lost bool, err error) {
	switch m.Kind {
	case "subscribe", "ssubscribe":
	default: // nobody asked for it: a slot moves away
		return false, errUnsubscribed
	}
	again := s.have[m.Channel]
	s.have[m.Channel] = true
	if s.all {
		return again, nil
	}
	s.all = len(s.have) == s.want
	return s.all, nil
}
