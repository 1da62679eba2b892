package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openinsure/openinsure/internal/access"
)

// The requests that one bucket may make in a minute.
const (
	unlimited      = 1_000_000 // what development says; it refuses nobody
	sandboxRate    = 100
	standardRate   = 1_000
	enterpriseRate = 10_000
	addressRate    = 600 // nobody in particular, by address
	aiRate         = 20  // operations that ask a model
)

// A Limiter counts requests in windows of one minute. An implementation may
// count across nodes.
type Limiter interface {
	// Take adds cost to the bucket and reports how full it is. It refuses, by
	// Quota.OK, without adding what would not fit. A cost of zero only looks.
	Take(ctx context.Context, bucket string, limit, cost int) (Quota, error)
}

// A Quota is the state of one bucket.
type Quota struct {
	OK        bool
	Limit     int
	Remaining int
	Reset     time.Time // when the window ends
}

// rates knows who may ask how often.
type rates struct {
	limiter     Limiter
	development bool
	sandbox     bool
}

func newRates(environment string, l Limiter) rates {
	return rates{limiter: l, development: environment == "development", sandbox: environment == "sandbox"}
}

func (s rates) of(by access.Actor) int {
	switch {
	case s.development:
		return unlimited
	case s.sandbox:
		return sandboxRate
	case by.Tier == "enterprise":
		return enterpriseRate
	}
	return standardRate
}

func (s rates) ofNobody() int {
	if s.development {
		return unlimited
	}
	return addressRate
}

// takeAddress counts a request of nobody in particular; on a refusal it has
// answered 429.
func (a *API) takeAddress(w http.ResponseWriter, r *http.Request) bool {
	return a.take(w, r, addressBucket(stateOf(r.Context()).address), a.rates.ofNobody(), 1)
}

// peekAddress only writes the headers.
func (a *API) peekAddress(w http.ResponseWriter, r *http.Request) {
	a.take(w, r, addressBucket(stateOf(r.Context()).address), a.rates.ofNobody(), 0)
}

// takeActor counts a request of somebody known, by the key or person, not by
// the token.
func (a *API) takeActor(w http.ResponseWriter, r *http.Request, by access.Actor, ai bool) bool {
	bucket := "actor:" + by.Org.String() + ":" + by.ID
	if !a.take(w, r, bucket, a.rates.of(by), 1) {
		return false
	}
	if ai && !a.rates.development {
		return a.take(w, r, "ai:"+bucket, aiRate, 1)
	}
	return true
}

func (a *API) take(w http.ResponseWriter, r *http.Request, bucket string, limit, cost int) bool {
	now := a.cfg.Now()
	q := Quota{OK: true, Limit: limit, Remaining: limit, Reset: now.Truncate(time.Minute).Add(time.Minute)}
	if !a.rates.development {
		counted, err := a.rates.limiter.Take(r.Context(), bucket, limit, cost)
		if err != nil { // a broken counter must not stop business
			a.cfg.Logger.WarnContext(r.Context(), "rate limiter failed", "error", err)
		} else {
			q = counted
		}
	}
	seconds := max(1, int(math.Ceil(q.Reset.Sub(now).Seconds())))
	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(q.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(q.Remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.Reset.Unix(), 10))
	h.Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, q.Remaining, seconds))
	h.Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=60`, q.Limit))
	if cost > 0 && !q.OK {
		a.fail(w, r, errRateLimited.Retry(time.Duration(seconds)*time.Second))
		return false
	}
	return true
}

// addressBucket gives one bucket to an IPv4 address, or to the /64 that an
// IPv6 customer usually owns.
func addressBucket(ip netip.Addr) string {
	if ip.Is6() {
		p, _ := ip.Prefix(64) // 64 is always in range for IPv6
		return "address:" + p.String()
	}
	return "address:" + ip.String()
}

// MemoryLimiter counts in this process, in fixed windows that all end at the
// full minute, so that forgetting is dropping one map.
type MemoryLimiter struct {
	now func() time.Time

	mu     sync.Mutex // guards window and counts
	window time.Time
	counts map[string]int
}

// mostAddresses bounds the memory of one window; strangers beyond it share one
// bucket. Known principals are as many as we let in, and always have their own.
const mostAddresses = 100_000

// NewMemoryLimiter returns a Limiter for a single node.
func NewMemoryLimiter(now func() time.Time) *MemoryLimiter {
	return &MemoryLimiter{now: now, counts: map[string]int{}}
}

// Take implements Limiter. It never fails.
func (l *MemoryLimiter) Take(_ context.Context, bucket string, limit, cost int) (Quota, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.now().Truncate(time.Minute); !w.Equal(l.window) {
		l.window, l.counts = w, map[string]int{}
	}
	if _, known := l.counts[bucket]; !known && len(l.counts) >= mostAddresses && strings.HasPrefix(bucket, "address:") {
		bucket = "address:others"
	}
	used := l.counts[bucket]
	q := Quota{OK: used+cost <= limit, Limit: limit, Reset: l.window.Add(time.Minute)}
	if q.OK && cost > 0 {
		used += cost
		l.counts[bucket] = used
	}
	q.Remaining = max(0, limit-used)
	return q, nil
}
