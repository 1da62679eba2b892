package redislimit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	workers  = 4   // batches on their way at once, each on a connection
	maxBatch = 256 // questions of one batch
)

// link connects and answers questions until something breaks; then all of it
// ends, and Run makes another. It reports whether it ever worked.
func (l *Limiter) link(ctx context.Context) (shared bool, err error) {
	client, cluster, err := l.connect(ctx)
	if err != nil {
		return false, fmt.Errorf("look at Redis: %w", err)
	}
	defer func() { _ = client.Close() }() // what it could say, its commands have
	ctx, breaks := context.WithCancelCause(ctx)
	defer breaks(nil)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() { breaks(l.work(ctx, client)) })
	}
	l.shared.Store(true)
	l.cfg.Logger.InfoContext(ctx, "requests are counted in Redis, for all nodes", "cluster", cluster)
	<-ctx.Done()
	l.shared.Store(false)
	working.Wait()
	l.refuse()
	return true, context.Cause(ctx)
}

// connect makes a client of which all that a question needs was tried.
func (l *Limiter) connect(ctx context.Context) (redis.UniversalClient, bool, error) {
	o := *l.options
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaxRetries = -1 // a late answer is none
	o.DialerRetries = 1
	o.PoolSize, o.MaxConcurrentDials = workers, workers
	o.DialTimeout, o.PoolTimeout = l.cfg.DialTimeout, l.cfg.DialTimeout
	o.ReadTimeout, o.WriteTimeout = l.cfg.Timeout, l.cfg.Timeout
	single := redis.NewClient(&o)
	info, err := single.Info(ctx, "cluster").Result()
	if err != nil {
		return nil, false, errors.Join(err, single.Close())
	}
	if !strings.Contains(info, "cluster_enabled:1") {
		if err = load(ctx, single); err == nil {
			err = l.try(ctx, single)
		}
		if err != nil {
			return nil, false, errors.Join(err, single.Close())
		}
		return single, false, nil
	}
	all := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		Protocol: o.Protocol, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, PoolSize: workers,
		DialTimeout: o.DialTimeout, PoolTimeout: o.PoolTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
	})
	if err = errors.Join(single.Close(), all.ForEachMaster(ctx, load)); err == nil {
		err = l.try(ctx, all)
	}
	if err != nil {
		return nil, true, errors.Join(err, all.Close())
	}
	return all, true, nil
}

func load(ctx context.Context, c *redis.Client) error { return c.ScriptLoad(ctx, takeScript).Err() }

// try counts something, so that a server that only reads, is full or forbids
// it is known before anybody waits for it.
func (l *Limiter) try(ctx context.Context, client redis.UniversalClient) error {
	q := &question{owner: "nobody", cost: 1, buckets: trial}
	cmd := client.EvalSha(ctx, takeSHA, l.keys(q), l.args(q)...)
	_, err := l.quota(q, cmd)
	return err
}

// work answers questions, those that wait together in one round trip, until
// ctx is over or Redis fails.
func (l *Limiter) work(ctx context.Context, client redis.UniversalClient) error {
	batch := make([]*question, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return nil
		case q := <-l.asked:
			batch = append(batch, q)
		}
	more:
		for len(batch) < maxBatch {
			select {
			case q := <-l.asked:
				batch = append(batch, q)
			default:
				break more
			}
		}
		if err := l.answer(ctx, client, batch); err != nil {
			return err
		}
	}
}

// answer asks Redis a batch of questions; whoever gets no answer is told so.
func (l *Limiter) answer(ctx context.Context, client redis.UniversalClient, batch []*question) error {
	pipe := client.Pipeline()
	cmds := make([]*redis.Cmd, len(batch))
	for i, q := range batch {
		if !q.left.Load() { // he counted elsewhere
			cmds[i] = pipe.EvalSha(ctx, takeSHA, l.keys(q), l.args(q)...)
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	var failed error
	for i, q := range batch {
		if cmds[i] == nil {
			continue
		}
		quota, err := l.quota(q, cmds[i])
		if err != nil {
			failed = err
		}
		q.answered <- answer{quota, err == nil}
	}
	return failed
}

// refuse tells those who still wait that nobody works for them.
func (l *Limiter) refuse() {
	for {
		select {
		case q := <-l.asked:
			q.answered <- answer{}
		default:
			return
		}
	}
}
