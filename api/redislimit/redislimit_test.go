package redislimit_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/api/redislimit"
	"github.com/openinsure/openinsure/hub/redistest"
)

var hundred = api.Bucket{Name: "default", Limit: 100}

// patient is how long a test waits for Redis: a crowded machine must not make
// a node count by itself.
const patient = 10 * time.Second

// open makes a limiter and waits until Redis counts.
func open(t testing.TB, url string) *redislimit.Limiter {
	t.Helper()
	l := run(t, redislimit.Config{URL: url, Timeout: patient})
	until(t, "Redis counts", l.Shared)
	return l
}

func run(t testing.TB, cfg redislimit.Config) *redislimit.Limiter {
	t.Helper()
	l, err := redislimit.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

func until(t testing.TB, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// take counts n requests of one owner and returns how many passed.
func take(t testing.TB, l api.Limiter, owner string, n int) int {
	t.Helper()
	passed := 0
	for range n {
		if l.Take(t.Context(), owner, 1, hundred).OK {
			passed++
		}
	}
	return passed
}

// inOneWindow waits until the minute has so much left that what follows is
// counted in one.
func inOneWindow(t testing.TB) {
	t.Helper()
	const enough = 15 * time.Second
	if left := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)); left < enough {
		<-time.After(left + 10*time.Millisecond)
	}
}

func TestURLIsChecked(t *testing.T) {
	_, err := redislimit.New(redislimit.Config{URL: "redis://user:SECRET@[::1"})
	if err == nil || strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), "redis://") {
		t.Errorf("got %v, want how an address looks and no password", err)
	}
}

func TestRedisComesAndGoes(t *testing.T) {
	s := redistest.Reserved(t)
	logs, reg := &lines{}, prometheus.NewRegistry()
	l := run(t, redislimit.Config{
		URL: s.URL(), Timeout: patient, MinBackoff: 10 * time.Millisecond, MaxBackoff: 40 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(logs, nil)), Registerer: reg,
	})
	inOneWindow(t)
	if got := take(t, l, "actor:early", 150); got != 100 {
		t.Errorf("without Redis %d passed, want the limit", got)
	}
	until(t, "it says that it counts alone", func() bool { return logs.count("counted on this node alone") == 1 })
	s.Restart()
	until(t, "Redis counts", l.Shared)
	if got := take(t, l, "actor:a", 60); got != 60 {
		t.Errorf("%d passed, want 60", got)
	}
	s.Kill()
	// Nobody is refused for it, and the node has its own count.
	if got := take(t, l, "actor:a", 150); got != 100 {
		t.Errorf("after Redis was killed %d passed, want the limit of this node", got)
	}
	until(t, "it is seen to be away", func() bool { return !l.Shared() })
	s.Restart()
	until(t, "Redis counts again", l.Shared)
	if got := take(t, l, "actor:a", 150); got != 100 {
		t.Errorf("an empty Redis let %d pass, want the limit", got)
	}
	if n := logs.count("counted on this node alone"); n != 2 {
		t.Errorf("it said %d times that it counts alone, want 2:\n%s", n, logs)
	}
	if n := logs.count("counted in Redis"); n != 2 {
		t.Errorf("it said %d times that Redis counts, want 2:\n%s", n, logs)
	}
	if got, want := value(t, reg, "http_rate_limit_local_total"), 300.0; got != want {
		t.Errorf("counted %v requests on this node, want %v", got, want)
	}
	if got := value(t, reg, "http_rate_limit_shared"); got != 1 {
		t.Errorf("shared is %v, want 1", got)
	}
}

// A Redis that hangs costs a request its timeout, and then no request any
// more.
func TestRedisHangs(t *testing.T) {
	s := redistest.Start(t)
	l := run(t, redislimit.Config{URL: s.URL(), MinBackoff: 10 * time.Millisecond, MaxBackoff: 40 * time.Millisecond})
	until(t, "Redis counts", l.Shared)
	s.Pause()
	start := time.Now()
	if q := l.Take(t.Context(), "actor:a", 1, hundred); !q.OK {
		t.Error("refused because Redis hangs")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("a request waited %v, want 50 ms or little more", took)
	}
	until(t, "it is seen to hang", func() bool { return !l.Shared() })
	start = time.Now()
	take(t, l, "actor:b", 1000)
	if took := time.Since(start); took > time.Second {
		t.Errorf("1,000 requests beside a hanging Redis took %v", took)
	}
	s.Continue()
	until(t, "Redis counts again", l.Shared)
}

// A Redis that cannot count is no Redis.
func TestRedisThatDoesNotWrite(t *testing.T) {
	s := redistest.Start(t, "--maxmemory", "1", "--maxmemory-policy", "noeviction")
	logs := &lines{}
	l := run(t, redislimit.Config{URL: s.URL(), Logger: slog.New(slog.NewTextHandler(logs, nil)), MinBackoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond})
	until(t, "it says why", func() bool { return logs.count("OOM") == 1 })
	if got := take(t, l, "actor:a", 150); got != 100 || l.Shared() {
		t.Errorf("%d passed, shared %v; want the limit of this node", got, l.Shared())
	}
}

// What a server forgets is taught anew: scripts, too.
func TestScriptIsLost(t *testing.T) {
	s := redistest.Start(t)
	l := open(t, s.URL())
	inOneWindow(t)
	take(t, l, "actor:a", 50)
	s.Must("SCRIPT FLUSH")
	take(t, l, "actor:b", 1)
	until(t, "the script was lost", func() bool { return !l.Shared() })
	until(t, "Redis counts again", l.Shared)
	if got := take(t, l, "actor:a", 100); got != 50 {
		t.Errorf("%d passed, want the 50 that were left", got)
	}
}

// Keys go with their minute.
func TestKeysExpire(t *testing.T) {
	s := redistest.Start(t)
	l := open(t, s.URL())
	q := l.Take(t.Context(), "actor:a", 1, hundred)
	ttl := s.Must("PTTL oi:rate:{actor:a}:default")
	d, err := time.ParseDuration(ttl + "ms")
	if err != nil || d <= 0 || d > q.In {
		t.Errorf("a key lives for %s ms, the window for %v", ttl, q.In)
	}
}

func TestWithoutRun(t *testing.T) {
	s := redistest.Start(t)
	l, err := redislimit.New(redislimit.Config{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	inOneWindow(t)
	if got := take(t, l, "actor:a", 150); got != 100 {
		t.Errorf("%d passed, want the limit of this node", got)
	}
}

func value(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *lines) count(what string) int { return strings.Count(l.String(), what) }
