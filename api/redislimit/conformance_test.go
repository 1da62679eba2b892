package redislimit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/api/redislimit"
	"github.com/openinsure/openinsure/hub/redistest"
)

// A counter is a limiter under test: two nodes of it, which are one and the
// same when there is only one, and a way into the next window.
type counter struct {
	nodes  [2]api.Limiter
	window time.Duration
	next   func(*testing.T)
}

// Both limiters say the same of the same requests.
func TestLimiters(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		var now atomic.Int64
		now.Store(time.Date(2026, 3, 2, 12, 0, 10, 0, time.UTC).UnixNano())
		l := api.NewMemoryLimiter(func() time.Time { return time.Unix(0, now.Load()) })
		conform(t, counter{[2]api.Limiter{l, l}, time.Minute, func(*testing.T) { now.Add(int64(time.Minute)) }})
	})
	t.Run("redis", func(t *testing.T) {
		s := redistest.Start(t)
		conform(t, overRedis(open(t, s.URL()), open(t, s.URL())))
	})
	t.Run("cluster", func(t *testing.T) {
		servers := redistest.StartCluster(t, 3)
		conform(t, overRedis(open(t, servers[0].URL()), open(t, servers[1].URL())))
	})
}

func overRedis(a, b *redislimit.Limiter) counter {
	const window = 3 * time.Second
	a.SetWindow(window)
	b.SetWindow(window)
	return counter{[2]api.Limiter{a, b}, window, func(t *testing.T) {
		q := a.Take(t.Context(), "nobody", 0, api.Bucket{Name: "x", Limit: 1})
		<-time.After(q.In + time.Millisecond)
	}}
}

func conform(t *testing.T, c counter) {
	a, b := c.nodes[0], c.nodes[1]
	three, two := api.Bucket{Name: "default", Limit: 3}, api.Bucket{Name: "ai", Limit: 2}
	check := func(t *testing.T, what string, q api.Quota, ok bool, bucket string, remaining int) {
		t.Helper()
		if q.OK != ok || q.Name != bucket || q.Remaining() != remaining {
			t.Errorf("%s: ok %v, %s, %d left; want %v, %s, %d", what, q.OK, q.Name, q.Remaining(), ok, bucket, remaining)
		}
		if q.In <= 0 || q.In > c.window || q.Reset.UnixMilli()%c.window.Milliseconds() != 0 {
			t.Errorf("%s: ends in %v at %v, not at a full %v", what, q.In, q.Reset, c.window)
		}
	}
	t.Run("counts down, refuses, begins anew", func(t *testing.T) {
		c.next(t)
		ctx := t.Context()
		check(t, "a look", a.Take(ctx, "actor:1", 0, three), true, "default", 3)
		first := a.Take(ctx, "actor:1", 1, three)
		check(t, "first", first, true, "default", 2)
		check(t, "second", b.Take(ctx, "actor:1", 1, three), true, "default", 1)
		check(t, "more than is left", b.Take(ctx, "actor:1", 2, three), false, "default", 1)
		check(t, "last", a.Take(ctx, "actor:1", 1, three), true, "default", 0)
		check(t, "over", b.Take(ctx, "actor:1", 1, three), false, "default", 0)
		check(t, "a look when full", a.Take(ctx, "actor:1", 0, three), true, "default", 0)
		check(t, "another", b.Take(ctx, "actor:2", 1, three), true, "default", 2)
		check(t, "a lower limit", b.Take(ctx, "actor:1", 1, api.Bucket{Name: "default", Limit: 1}), false, "default", 0)
		c.next(t)
		later := b.Take(ctx, "actor:1", 1, three)
		check(t, "the next window", later, true, "default", 2)
		if got := later.Reset.Sub(first.Reset); got <= 0 || got%c.window != 0 {
			t.Errorf("windows end %v apart, want a multiple of %v", got, c.window)
		}
	})
	t.Run("several buckets are taken from together or not at all", func(t *testing.T) {
		c.next(t)
		ctx := t.Context()
		check(t, "first", a.Take(ctx, "actor:3", 1, three, two), true, "ai", 1)
		check(t, "second", b.Take(ctx, "actor:3", 1, three, two), true, "ai", 0)
		check(t, "no third", a.Take(ctx, "actor:3", 1, three, two), false, "ai", 0)
		check(t, "which was not counted", b.Take(ctx, "actor:3", 1, three), true, "default", 0)
		check(t, "the first that is full", a.Take(ctx, "actor:3", 1, three, two), false, "default", 0)
	})
	t.Run("exactly the limit passes at once", func(t *testing.T) {
		c.next(t)
		const limit, asked = 100, 400
		hundred := api.Bucket{Name: "default", Limit: limit}
		var passed atomic.Int64
		seen := make([]atomic.Int64, limit)
		var asking sync.WaitGroup
		for i := range asked {
			asking.Go(func() {
				if q := c.nodes[i%2].Take(t.Context(), "address:192.0.2.1", 1, hundred); q.OK {
					passed.Add(1)
					seen[q.Remaining()].Add(1)
				}
			})
		}
		asking.Wait()
		if passed.Load() != limit {
			t.Errorf("%d of %d passed, want %d", passed.Load(), asked, limit)
		}
		for left := range seen {
			if n := seen[left].Load(); n != 1 {
				t.Errorf("%d requests were told that %d are left, want one", n, left)
			}
		}
	})
}
