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

// The requests that are let in during one minute.
const (
	unlimited      = 1_000_000 // what development says; it refuses nobody
	sandboxRate    = 100
	standardRate   = 1_000
	enterpriseRate = 10_000
	addressRate    = 600 // nobody in particular, by address
	aiRate         = 20  // operations that ask a model
)

// A Limiter counts requests in windows of one minute, which end at the full
// minute. An implementation may count across nodes; none of them fails or
// blocks: one that cannot reach the others counts in this process meanwhile.
type Limiter interface {
	// Take adds cost to each of owner's buckets, or to none if one of them has
	// no room for it. It returns how full the first is that has none, and
	// otherwise the last. A cost of zero only looks.
	Take(ctx context.Context, owner string, cost int, buckets ...Bucket) Quota
}

// A Bucket is what its owner may use up in a minute.
type Bucket struct {
	Name  string // in headers, too: a word in lower case
	Limit int
}

// A Quota is the state of one bucket.
type Quota struct {
	Bucket
	OK    bool
	Used  int
	Reset time.Time     // when the window ends, by the clock of whoever counts
	In    time.Duration // until then, by the same clock
}

// Remaining is what may still be taken.
func (q Quota) Remaining() int { return max(0, q.Limit-q.Used) }

// The buckets that an owner has.
const (
	allRequests = "default"
	aiRequests  = "ai"
)

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
	return a.take(w, r, addressOwner(stateOf(r.Context()).address), 1, Bucket{allRequests, a.rates.ofNobody()})
}

// peekAddress only writes the headers.
func (a *API) peekAddress(w http.ResponseWriter, r *http.Request) {
	a.take(w, r, addressOwner(stateOf(r.Context()).address), 0, Bucket{allRequests, a.rates.ofNobody()})
}

// takeActor counts a request of somebody known, by the key or person, not by
// the token.
func (a *API) takeActor(w http.ResponseWriter, r *http.Request, by access.Actor, ai bool) bool {
	buckets := []Bucket{{allRequests, a.rates.of(by)}}
	if ai && !a.rates.development {
		buckets = append(buckets, Bucket{aiRequests, aiRate})
	}
	return a.take(w, r, "actor:"+by.Org.String()+":"+by.ID, 1, buckets...)
}

func (a *API) take(w http.ResponseWriter, r *http.Request, owner string, cost int, buckets ...Bucket) bool {
	var q Quota
	if a.rates.development {
		now := a.cfg.Now()
		end := now.Truncate(time.Minute).Add(time.Minute)
		q = Quota{Bucket: buckets[len(buckets)-1], OK: true, Reset: end, In: end.Sub(now)}
	} else {
		q = a.rates.limiter.Take(r.Context(), owner, cost, buckets...)
	}
	seconds := max(1, int(math.Ceil(q.In.Seconds())))
	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(q.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(q.Remaining()))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.Reset.Unix(), 10))
	h.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, q.Name, q.Remaining(), seconds))
	h.Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=60`, q.Name, q.Limit))
	if cost > 0 && !q.OK {
		a.fail(w, r, errRateLimited.Retry(time.Duration(seconds)*time.Second))
		return false
	}
	return true
}

// addressOwner gives one owner to an IPv4 address, or to the /64 that an IPv6
// customer usually has.
func addressOwner(ip netip.Addr) string {
	if ip.Is6() {
		p, _ := ip.Prefix(64) // 64 is always in range for IPv6
		return "address:" + p.String()
	}
	return "address:" + ip.String()
}

// MemoryLimiter counts in this process: forgetting a window is dropping one
// map.
type MemoryLimiter struct {
	now func() time.Time

	mu     sync.Mutex // guards window and counts
	window time.Time
	counts map[counted]int
}

// counted is whose requests are counted together.
type counted struct{ owner, bucket string }

// mostCounts bounds the memory of one window; strangers beyond it share one
// count. Known principals are as many as we let in, and always have their own.
const mostCounts = 100_000

// NewMemoryLimiter returns a Limiter for a single node.
func NewMemoryLimiter(now func() time.Time) *MemoryLimiter {
	return &MemoryLimiter{now: now, counts: map[counted]int{}}
}

// Take implements Limiter.
func (l *MemoryLimiter) Take(_ context.Context, owner string, cost int, buckets ...Bucket) Quota {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if w := now.Truncate(time.Minute); !w.Equal(l.window) {
		l.window, l.counts = w, map[counted]int{}
	}
	if _, known := l.counts[counted{owner, buckets[0].Name}]; !known && len(l.counts) >= mostCounts && !strings.HasPrefix(owner, "actor:") {
		owner = "others"
	}
	end := l.window.Add(time.Minute)
	used := make([]int, len(buckets))
	for i, b := range buckets {
		used[i] = l.counts[counted{owner, b.Name}]
	}
	q := QuotaOf(cost, buckets, used)
	q.Reset, q.In = end, end.Sub(now)
	if q.OK && cost > 0 {
		for i, b := range buckets {
			l.counts[counted{owner, b.Name}] = used[i] + cost
		}
	}
	return q
}

// QuotaOf says whether cost fits into buckets of which so much was used, as a
// Limiter's Take does. It leaves the time to the caller.
func QuotaOf(cost int, buckets []Bucket, used []int) Quota {
	last := len(buckets) - 1
	for i, b := range buckets {
		if used[i]+cost > b.Limit {
			return Quota{Bucket: b, Used: used[i]}
		}
	}
	return Quota{Bucket: buckets[last], OK: true, Used: used[last] + cost}
}
