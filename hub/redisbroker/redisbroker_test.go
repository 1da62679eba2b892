package redisbroker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/brokertest"
	"github.com/openinsure/openinsure/hub/redisbroker"
	"github.com/openinsure/openinsure/hub/redistest"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

// quick has the times of a test: a tenth of the real ones.
func quick(url string) redisbroker.Config {
	return redisbroker.Config{
		URL: url, ProbeEvery: 200 * time.Millisecond, ProbeTimeout: 600 * time.Millisecond,
		MinBackoff: 5 * time.Millisecond, MaxBackoff: 200 * time.Millisecond, KeepFor: 100 * time.Millisecond,
	}
}

func open(t testing.TB, cfg redisbroker.Config) *redisbroker.Broker {
	t.Helper()
	b, err := redisbroker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBroker(t *testing.T) {
	brokertest.Run(t, func(t *testing.T) []hub.Broker {
		s := redistest.Start(t)
		return []hub.Broker{open(t, redisbroker.Config{URL: s.URL()}), open(t, redisbroker.Config{URL: s.URL()})}
	})
}

func TestBrokerOnCluster(t *testing.T) {
	servers := redistest.StartCluster(t, 3)
	n := 0
	brokertest.Run(t, func(t *testing.T) []hub.Broker {
		n++
		prefix := fmt.Sprintf("test%d", n)
		return []hub.Broker{
			open(t, redisbroker.Config{URL: servers[0].URL(), Prefix: prefix}),
			open(t, redisbroker.Config{URL: servers[1].URL(), Prefix: prefix}),
		}
	})
}

func TestHealthyWhileItRuns(t *testing.T) {
	s := redistest.Start(t)
	b := open(t, quick(s.URL()))
	if b.Healthy() {
		t.Error("healthy before it runs: nothing can arrive")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, &meter{}) }()
	until(t, "it is healthy", b.Healthy)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if b.Healthy() {
		t.Error("healthy after the end of Run: nothing can arrive")
	}
}

func TestPrefixesKeepApart(t *testing.T) {
	s := redistest.Start(t)
	one, other := quick(s.URL()), quick(s.URL())
	other.Prefix = "other"
	a, b := run(t, open(t, one)), run(t, open(t, other))
	a.eventually(true)
	b.eventually(true)
	a.broker.Publish(signal("from a"))
	b.broker.Publish(signal("from b"))
	a.hears("from a")
	b.hears("from b")
	if got := a.count("from b") + b.count("from a"); got != 0 {
		t.Errorf("%d publications crossed prefixes", got)
	}
}

func TestSettings(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  redisbroker.Config
		want string
	}{
		"no URL":           {redisbroker.Config{}, "the URL of Redis"},
		"another scheme":   {redisbroker.Config{URL: "http://u:hidden@localhost"}, "the URL of Redis"},
		"bad option":       {redisbroker.Config{URL: "redis://u:hidden@localhost?x=1"}, "the URL of Redis"},
		"unknown topology": {redisbroker.Config{URL: "redis://localhost", Topology: "ring"}, "ring"},
		"probes too rare":  {redisbroker.Config{URL: "redis://localhost", ProbeEvery: 4 * time.Second}, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := redisbroker.New(tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("New: %v, want it to say %q and no password", err, tt.want)
			}
		})
	}
}

func TestRedisStopsAndComesBack(t *testing.T) {
	s := redistest.Start(t)
	log := &lines{}
	cfg, registry := quick(s.URL()), prometheus.NewRegistry()
	cfg.Logger, cfg.Registerer = slog.New(slog.NewTextHandler(log, nil)), registry
	a, b := run(t, open(t, cfg)), run(t, open(t, quick(s.URL())))
	a.eventually(true)
	b.eventually(true)
	lost := b.lostCount()

	s.Stop()
	a.eventually(false)
	b.eventually(false)
	for i := range 1000 {
		a.broker.Publish(signal(fmt.Sprint("while it is away ", i)))
	}
	// What waits for a connection longer than KeepFor is dropped.
	until(t, "all are dropped", func() bool { return metric(t, registry, "hub_broker_dropped_total") >= 1000 })
	if got := metric(t, registry, "hub_broker_probe_age_seconds"); got != -1 {
		t.Errorf("probe age = %v without a connection, want -1", got)
	}

	s.Restart()
	a.eventually(true)
	b.eventually(true)
	if b.lostCount() <= lost {
		t.Error("the receiver was not told that it may have missed something")
	}
	a.broker.Publish(signal("back again"))
	a.hears("back again")
	b.hears("back again")
	if n := a.count("while it is away 0") + b.count("while it is away 0"); n != 0 {
		t.Error("a publication was kept longer than a poll of the Log takes")
	}
	if got := metric(t, registry, "hub_broker_rebuilds_total"); got < 1 {
		t.Errorf("rebuilds = %v, want some", got)
	}
	until(t, "the end of drops is logged", func() bool { return strings.Contains(log.String(), "no more") })
	until(t, "the new connection is logged", func() bool { return strings.Count(log.String(), "is connected") == 2 })
	for text, want := range map[string]int{"is connected to Redis": 2, "has no connection to Redis": 1, "trouble begins": 1, "is over": 1} {
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("%d lines say %q, want %d:\n%s", got, text, want, log.String())
		}
	}
}

// unhealthyOnceFrozen freezes the server of a node that is healthy, and checks
// that it is unhealthy in time: not before the last probe is as old as the timeout
// says, which on a crowded machine it may nearly be by now.
func unhealthyOnceFrozen(t *testing.T, s *redistest.Server, a *node, registry prometheus.Gatherer, timeout, most time.Duration) {
	t.Helper()
	before := time.Now()
	age := time.Duration(metric(t, registry, "hub_broker_probe_age_seconds") * float64(time.Second))
	s.Pause()
	frozen := time.Now()
	a.eventually(false)
	if took := time.Since(before) + age; took < timeout {
		t.Errorf("unhealthy %v after a probe, want %v", took, timeout)
	}
	if took := time.Since(frozen); took > most {
		t.Errorf("unhealthy after %v, want about %v", took, timeout)
	}
}

// A frozen server accepts connections and data: TCP alone sees nothing wrong.
func TestRedisFrozen(t *testing.T) {
	s := redistest.Start(t)
	cfg, registry := quick(s.URL()), prometheus.NewRegistry()
	cfg.Registerer = registry
	a := run(t, open(t, cfg))
	a.eventually(true)
	// 600 ms is the timeout; the rest is a crowded machine's.
	unhealthyOnceFrozen(t, s, a, registry, 600*time.Millisecond, 3*time.Second)
	a.broker.Publish(signal("while frozen"))
	until(t, "the connections are given up", func() bool { return metric(t, registry, "hub_broker_rebuilds_total") > 0 })
	lost := a.lostCount()
	s.Continue()
	a.eventually(true)
	if a.lostCount() <= lost {
		t.Error("the receiver was not told that it may have missed something")
	}
	a.broker.Publish(signal("back again"))
	a.hears("back again")
}

// The real times, once: silence for 6 s.
func TestRedisFrozenForReal(t *testing.T) {
	s := redistest.Start(t)
	registry := prometheus.NewRegistry()
	a := run(t, open(t, redisbroker.Config{URL: s.URL(), Registerer: registry}))
	a.eventually(true)
	unhealthyOnceFrozen(t, s, a, registry, 6*time.Second, 8*time.Second)
	s.Continue()
	thawed := time.Now()
	a.eventually(true)
	if took := time.Since(thawed); took > 5*time.Second {
		t.Errorf("healthy again only after %v", took)
	}
}

// A node may stop while its Redis does not answer: the check is that of every
// node, that Run ends soon.
func TestEndWhileFrozen(t *testing.T) {
	s := redistest.Start(t)
	a := run(t, open(t, redisbroker.Config{URL: s.URL()}))
	a.eventually(true)
	s.Pause()
	a.broker.Publish(signal("while frozen"))
}

// Nothing gets through to the server, but what others publish still comes: no
// read times out, and only the probe is missing.
func TestConnectionSwallowedOneWay(t *testing.T) {
	s := redistest.Start(t)
	p := proxied(t, s.Addr())
	cfg, registry := quick("redis://"+p.addr), prometheus.NewRegistry()
	cfg.Registerer = registry
	a, b := run(t, open(t, cfg)), run(t, open(t, quick(s.URL())))
	a.eventually(true)
	b.eventually(true)
	p.swallow(true, false)
	until(t, "it is connected anew", func() bool {
		b.broker.Publish(signal("from b"))
		return metric(t, registry, "hub_broker_rebuilds_total") > 0
	})
	if a.count("from b") == 0 {
		t.Error("nothing came, so this was not about one way")
	}
	p.swallow(false, false)
	a.eventually(true)
}

// A proxy that takes everything and answers nothing, from one moment on.
func TestConnectionSwallowed(t *testing.T) {
	s := redistest.Start(t)
	p := proxied(t, s.Addr())
	a := run(t, open(t, quick("redis://"+p.addr)))
	a.eventually(true)
	p.swallow(true, true)
	a.eventually(false)
	p.swallow(false, false)
	a.eventually(true)
	a.broker.Publish(signal("back again"))
	a.hears("back again")
}

// Only the receiving connection dies, as when a server's output buffer for it
// overflows.
func TestSubscriberKilled(t *testing.T) {
	s := redistest.Start(t)
	a := run(t, open(t, quick(s.URL())))
	a.eventually(true)
	for i := range 3 {
		lost := a.lostCount()
		s.Must("CLIENT KILL TYPE pubsub")
		until(t, "the receiver is told", func() bool { return a.lostCount() > lost })
		a.eventually(true)
		text := fmt.Sprint("after kill ", i)
		a.broker.Publish(signal(text))
		a.hears(text)
	}
}

// Publishing connections that die are made anew without giving up the rest.
func TestPublisherKilled(t *testing.T) {
	s := redistest.Start(t)
	cfg, registry := quick(s.URL()), prometheus.NewRegistry()
	cfg.Registerer = registry
	a := run(t, open(t, cfg))
	a.eventually(true)
	for i := range 10 {
		a.broker.Publish(signal(fmt.Sprint("before ", i)))
	}
	s.Must("CLIENT KILL TYPE normal")
	until(t, "publications arrive again", func() bool {
		a.broker.Publish(signal("after"))
		return a.count("after") > 0
	})
	if got := metric(t, registry, "hub_broker_rebuilds_total"); got != 0 {
		t.Errorf("rebuilds = %v, want none", got)
	}
}

func TestRedisNeverStarted(t *testing.T) {
	s := redistest.Reserved(t)
	a := run(t, open(t, quick(s.URL())))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100_000 {
			a.broker.Publish(signal("to nobody"))
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Publish waits for a server that is not there")
	}
	if a.broker.Healthy() {
		t.Error("healthy without a server")
	}
	s.Restart()
	a.eventually(true)
	a.broker.Publish(signal("at last"))
	a.hears("at last")
}

// What is published on a replica reaches only those who listen there, and it
// hears itself: no probe would notice.
func TestServerBecomesReplica(t *testing.T) {
	master, s := redistest.Start(t), redistest.Start(t)
	a := run(t, open(t, quick(s.URL())))
	a.eventually(true)
	s.Must("REPLICAOF " + strings.Replace(master.Addr(), ":", " ", 1))
	a.eventually(false)
	s.Must("REPLICAOF NO ONE")
	a.eventually(true)
}

func TestOtherSeed(t *testing.T) {
	s, away := redistest.Start(t), redistest.Reserved(t)
	cfg := quick(away.URL())
	cfg.Seeds = []string{s.Addr()}
	a := run(t, open(t, cfg))
	a.eventually(true)
}

func TestClusterSlotMoves(t *testing.T) {
	servers := redistest.StartCluster(t, 2)
	a := run(t, open(t, quick(servers[0].URL())))
	b := run(t, open(t, quick(servers[1].URL())))
	a.eventually(true)
	b.eventually(true)
	left := servers[1].Must("CLUSTER MYID")
	for slot := range 8192 { // the first server's
		for _, s := range servers {
			s.Must(fmt.Sprintf("CLUSTER SETSLOT %d NODE %s", slot, left))
		}
		if slot%512 == 0 {
			a.broker.Publish(signal("while slots move"))
		}
	}
	until(t, "both are well with the one server left", func() bool { return a.broker.Healthy() && b.broker.Healthy() })
	for i := range 64 {
		p := signal(fmt.Sprint("after the move ", i))
		p.Channel = fmt.Sprint("room:", i)
		a.broker.Publish(p)
	}
	for i := range 64 {
		b.hears(fmt.Sprint("after the move ", i))
	}
}

func TestUnreadableMessage(t *testing.T) {
	s := redistest.Start(t)
	cfg, registry := quick(s.URL()), prometheus.NewRegistry()
	cfg.Registerer = registry
	a := run(t, open(t, cfg))
	a.eventually(true)
	s.Must("PUBLISH {oi:3} rubbish")
	a.broker.Publish(signal("goes on"))
	a.hears("goes on")
	if got := metric(t, registry, "hub_broker_receive_errors_total"); got != 1 {
		t.Errorf("receive errors = %v, want 1", got)
	}
}

func TestTooMuchAtOnce(t *testing.T) {
	s := redistest.Start(t)
	for name, tt := range map[string]struct{ number, bytes, payload int }{
		"by number": {number: 10, bytes: 1 << 20, payload: 1},
		"by size":   {number: 1000, bytes: 10 * (128 + len("room:1") + 1000), payload: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, registry := quick(s.URL()), prometheus.NewRegistry()
			cfg.MaxPublications, cfg.MaxBytes, cfg.Registerer, cfg.Prefix = tt.number, tt.bytes, registry, name
			broker := open(t, cfg)
			for range 25 {
				broker.Publish(hub.Publication{Kind: hub.KindSignal, Channel: "room:1", Payload: bytes.Repeat([]byte("x"), tt.payload)})
			}
			if got := metric(t, registry, "hub_broker_dropped_total"); got != 15 {
				t.Errorf("dropped %v of 25 with room for 10, want 15", got)
			}
			a := run(t, broker)
			a.eventually(true)
			until(t, "the buffer is empty", func() bool {
				return metric(t, registry, "hub_broker_published_total")+metric(t, registry, "hub_broker_dropped_total") >= 25
			})
			before := metric(t, registry, "hub_broker_dropped_total")
			for i := range 10 {
				broker.Publish(signal(fmt.Sprint("room again ", i)))
			}
			a.hears("room again 9")
			if got := metric(t, registry, "hub_broker_dropped_total"); got != before {
				t.Errorf("dropped %v more: what was sent still takes room", got-before)
			}
		})
	}
}

func signal(text string) hub.Publication {
	return hub.Publication{Kind: hub.KindSignal, Channel: "room:1", Payload: []byte(text)}
}

// A node counts what it is told.
type node struct {
	t      testing.TB
	broker *redisbroker.Broker

	mu   sync.Mutex // guards the fields below
	got  map[string]int
	lost int
}

func run(t testing.TB, b *redisbroker.Broker) *node {
	n := &node{t: t, broker: b, got: map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, n) }()
	t.Cleanup(func() {
		cancel()
		stopping := time.Now()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(stopping); took > 2*time.Second {
			t.Errorf("Run took %v to end", took)
		}
	})
	return n
}

// Receive implements hub.Receiver.
func (n *node) Receive(p hub.Publication) {
	n.mu.Lock()
	n.got[string(p.Payload)]++
	n.mu.Unlock()
}

// Lost implements hub.Receiver.
func (n *node) Lost() {
	n.mu.Lock()
	n.lost++
	n.mu.Unlock()
}

func (n *node) lostCount() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

func (n *node) count(text string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.got[text]
}

func (n *node) hears(text string) {
	n.t.Helper()
	until(n.t, "hears "+text, func() bool { return n.count(text) > 0 })
}

func (n *node) eventually(healthy bool) {
	n.t.Helper()
	until(n.t, fmt.Sprintf("healthy is %t", healthy), func() bool { return n.broker.Healthy() == healthy })
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s until %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// metric sums a counter or gauge over its labels.
func metric(t testing.TB, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			sum := 0.0
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
			return sum
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// A proxy passes bytes on in both directions, or takes them and passes
// nothing on.
type proxy struct {
	addr string

	mu       sync.Mutex // guards the fields below
	up, down bool       // swallowed: to the server, from it
	conns    []net.Conn
}

func proxied(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			serving.Go(func() { p.pass(in, out, &p.up) })
			serving.Go(func() { p.pass(out, in, &p.down) })
		}
	})
	return p
}

func (p *proxy) pass(from, to net.Conn, swallowed *bool) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		swallow := *swallowed
		p.mu.Unlock()
		if swallow {
			continue
		}
		if _, err := io.Copy(to, bytes.NewReader(buf[:n])); err != nil {
			return
		}
	}
}

func (p *proxy) swallow(up, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.down = up, down
}
