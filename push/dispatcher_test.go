package push_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A receiver is the remote side: a sender that does what a test says.
type receiver func(ctx context.Context, d push.Delivery) push.Result

func (r receiver) Send(ctx context.Context, d push.Delivery) push.Result { return r(ctx, d) }

// taken counts what receivers were sent.
type taken struct {
	mu    sync.Mutex
	times map[push.ID]int
	now   map[push.EndpointID]int // under way
	most  int                     // that were under way at once
	more  chan struct{}
}

func newTaken() *taken {
	return &taken{times: map[push.ID]int{}, now: map[push.EndpointID]int{}, more: make(chan struct{}, 1)}
}

func (k *taken) begin(d push.Delivery) (under int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.times[d.ID]++
	all := 0
	if d.Endpoint != nil {
		k.now[d.Endpoint.ID]++
		under = k.now[d.Endpoint.ID]
	}
	for _, n := range k.now {
		all += n
	}
	k.most = max(k.most, all)
	select {
	case k.more <- struct{}{}:
	default:
	}
	return under
}

func (k *taken) end(d push.Delivery) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d.Endpoint != nil {
		k.now[d.Endpoint.ID]--
	}
}

func (k *taken) counts() map[push.ID]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.times)
}

// wait waits until so many deliveries were sent.
func (k *taken) wait(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for len(k.counts()) < n {
		select {
		case <-k.more:
		case <-deadline:
			t.Fatalf("%d of %d deliveries were sent", len(k.counts()), n)
		}
	}
}

// node runs a dispatcher and returns what stops it, and waits until it has.
func node(t *testing.T, db *store.DB, senders map[push.Kind]push.Sender, cfg push.Config) (stop func()) {
	t.Helper()
	_, stop = stoppable(t, db, senders, cfg)
	return stop
}

// stoppable is node that can also be told to stop, which does not wait.
func stoppable(t *testing.T, db *store.DB, senders map[push.Kind]push.Sender, cfg push.Config) (tell context.CancelFunc, stop func()) {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	d := push.New(db, senders, cfg)
	db.OnOwed(func(channels []string) {
		if channels == nil {
			d.Wake()
			return
		}
		d.Said(channels...)
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-over; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return cancel, stop
}

func emit(t testing.TB, db *store.DB, by access.Actor, n int) {
	t.Helper()
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		for i := range n {
			e := event.New(by.Org, fmt.Sprint("inv_", i), event.InvoiceCreated{InvoiceID: "inv", Amount: 1}, time.Now())
			e.Persons = []event.Person{{Subject: by.ID, Org: by.Org, As: event.Insured}}
			tx.Emit(e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// settled waits until nothing is under way and returns where the deliveries of a
// kind stand, by state, each with its attempts in the log.
func settled(t *testing.T, db *store.DB, kind push.Kind, until func(map[string]int) bool) map[string]int {
	t.Helper()
	// A busy machine is slow, and one that stands still is a failure.
	const patience = 30 * time.Second
	deadline := time.Now().Add(patience)
	for last := map[string]int(nil); ; {
		got := storetest.Value[map[string]int](t, db, `SELECT coalesce(jsonb_object_agg(s, n), '{}') FROM (
			SELECT d.state || coalesce((SELECT string_agg(' ' || a.attempt || '=' || a.outcome, '' ORDER BY a.attempt, a.at) FROM attempt a WHERE a.delivery_id = d.id), '') AS s, count(*) AS n
			FROM delivery d WHERE kind = $1 GROUP BY 1) counted`, string(kind))
		if until(got) {
			return got
		}
		switch {
		case !maps.Equal(got, last):
			last, deadline = got, time.Now().Add(patience)
		case time.Now().After(deadline):
			t.Fatalf("deliveries stand so: %v", got)
		}
	}
}

// all is the condition that there are n deliveries, and they all stand so.
func all(n int, state string) func(map[string]int) bool {
	return func(got map[string]int) bool { return len(got) == 1 && got[state] == n }
}

var good = push.Result{Outcome: push.Delivered, Code: 200}

// TestSlots: a node never has more under way than it has slots, nor more to an
// endpoint than that takes, and uses them all when there is enough to do.
func TestSlots(t *testing.T) {
	const slots, endpoints, each = 12, 5, 40
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	for range endpoints {
		storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.AtOnce = 4 })
	}
	k := newTaken()
	full := make(chan struct{})
	go1 := sync.OnceFunc(func() { close(full) })
	registry := prometheus.NewRegistry()
	stop := node(t, db, map[push.Kind]push.Sender{push.Webhook: receiver(func(ctx context.Context, d push.Delivery) push.Result {
		if n := k.begin(d); n > 4 {
			t.Errorf("%d under way to one endpoint", n)
		}
		defer k.end(d)
		k.mu.Lock()
		if k.most == slots {
			go1()
		}
		k.mu.Unlock()
		select { // nobody answers before all slots are taken
		case <-full:
		case <-ctx.Done():
			t.Error("the slots were never all taken")
		}
		return good
	})}, push.Config{Slots: map[push.Kind]int{push.Webhook: slots}, Lease: 20 * time.Second, Registerer: registry})
	emit(t, db, by, each)
	settled(t, db, push.Webhook, all(endpoints*each, "delivered 1=delivered"))
	stop()
	if k.most != slots {
		t.Errorf("%d under way at once, with %d slots", k.most, slots)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		m := f.GetMetric()[0]
		switch {
		case len(f.GetMetric()) != 1, m.GetCounter() != nil && m.GetCounter().GetValue() != endpoints*each, m.GetGauge() != nil && m.GetGauge().GetValue() != 0:
			t.Errorf("metrics: %v", f)
		}
	}
}

// TestHangingEndpoints hold what they may have at once, and no slot more: what
// is left serves all others.
func TestHangingEndpoints(t *testing.T) {
	const slots, hanging, healthy, each = 10, 4, 6, 30
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	hangs := map[push.EndpointID]bool{}
	for i := range hanging + healthy {
		e := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.AtOnce = 2 })
		hangs[e.ID] = i < hanging
	}
	k := newTaken()
	release := make(chan struct{})
	stop := node(t, db, map[push.Kind]push.Sender{push.Webhook: receiver(func(ctx context.Context, d push.Delivery) push.Result {
		k.begin(d)
		defer k.end(d)
		if !hangs[d.Endpoint.ID] {
			return good
		}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return push.Result{Outcome: push.Retry, Class: push.ClassTimeout, Slow: true}
	})}, push.Config{Slots: map[push.Kind]int{push.Webhook: slots}})
	emit(t, db, by, each)
	want := map[string]int{"delivered 1=delivered": healthy * each, "leased": 2 * hanging, "pending": hanging * (each - 2)}
	got := settled(t, db, push.Webhook, func(got map[string]int) bool { return got["delivered 1=delivered"] == healthy*each })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("while they hang (-want +got):\n%s", d)
	}
	close(release)
	stop()
}

// TestOrderedEndpointsAreNotSlow: that one may go only after the other does not
// mean that each waits for a clock to tick.
func TestOrderedEndpointsAreNotSlow(t *testing.T) {
	const each = 100
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.Ordered, e.AtOnce = true, 1 })
	var mu sync.Mutex
	var got []string
	node(t, db, map[push.Kind]push.Sender{push.Webhook: receiver(func(_ context.Context, d push.Delivery) push.Result {
		mu.Lock()
		defer mu.Unlock()
		e, err := event.Open(d.Payload)
		if err != nil {
			t.Error(err)
		}
		got = append(got, e.ID.String())
		return good
	})}, push.Unprompted(push.Config{}))
	emit(t, db, by, each)
	settled(t, db, push.Webhook, all(each, "delivered 1=delivered"))
	want := storetest.Value[[]string](t, db, `SELECT array_agg(convert_from(payload, 'UTF8')::jsonb ->> 'id' ORDER BY created_at, id) FROM event`)
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

// TestStopFinishes: what a node has leased is sent and recorded before it ends,
// once, and what hangs is cut off and due again at once.
func TestStopFinishes(t *testing.T) {
	const each = 50
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	slow := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.AtOnce = 3 })
	storetest.Endpoint(t, db, by)
	k := newTaken()
	answer := make(chan struct{})
	cut := receiver(func(ctx context.Context, d push.Delivery) push.Result {
		k.begin(d)
		defer k.end(d)
		if d.Endpoint.ID == slow.ID {
			<-ctx.Done()
			return push.Result{Outcome: push.Retry, Class: push.ClassTimeout, Slow: true}
		}
		select {
		case <-answer:
		case <-ctx.Done():
			t.Error("cut off before its time")
		}
		return good
	})
	tell, stop := stoppable(t, db, map[push.Kind]push.Sender{push.Webhook: cut}, push.Config{Drain: 2 * time.Second})
	emit(t, db, by, each)
	k.wait(t, 11)
	tell()
	close(answer) // which makes room for more, but the node stops
	stop()
	want := map[string]int{"delivered 1=delivered": 8, "pending 1=retry": 3, "pending": 2*each - 11}
	got := settled(t, db, push.Webhook, func(map[string]int) bool { return true })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("after the stop (-want +got):\n%s", d)
	}
	for id, n := range k.counts() {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM delivery WHERE state = 'pending' AND next_at > now()`); n > 0 {
		t.Errorf("%d have to wait for our having stopped", n)
	}
	if n := storetest.Value[int](t, db, `SELECT at_once_now FROM endpoint WHERE id = $1`, slow.ID.UUID()); n != 3 {
		t.Errorf("the endpoint goes slower, %d at once, for our having stopped", n)
	}
	// The next node finishes.
	stop = node(t, db, map[push.Kind]push.Sender{push.Webhook: receiver(func(_ context.Context, d push.Delivery) push.Result {
		k.begin(d)
		defer k.end(d)
		return good
	})}, push.Config{})
	settled(t, db, push.Webhook, func(got map[string]int) bool {
		return got["delivered 1=delivered"] == 2*each-3 && got["delivered 1=retry 2=delivered"] == 3
	})
	stop()
	if n := len(k.counts()); n != 2*each {
		t.Errorf("%d of %d were sent", n, 2*each)
	}
}

// TestPostgresRestarts breaks every connection again and again while two nodes
// deliver: nothing is lost, and every attempt is in the log.
func TestPostgresRestarts(t *testing.T) {
	const events, endpoints = 300, 4
	url := storetest.URL(t)
	ring, err := seal.ParseRing(seal.NewKey("test"))
	if err != nil {
		t.Fatal(err)
	}
	dbs := []*store.DB{storetest.Open(t, store.Config{URL: url, Sealer: ring}), storetest.Open(t, store.Config{URL: url, Sealer: ring})}
	by := storetest.Org(t, dbs[0], "Summit")
	for range endpoints {
		storetest.Endpoint(t, dbs[0], by)
	}
	k := newTaken()
	sender := receiver(func(_ context.Context, d push.Delivery) push.Result {
		k.begin(d)
		defer k.end(d)
		return good
	})
	for _, db := range dbs {
		node(t, db, map[push.Kind]push.Sender{push.Webhook: sender}, push.Config{Lease: 2 * time.Second})
	}
	killed := 0
	for n := 0; n < events; {
		err := dbs[n%2].InTx(t.Context(), by, func(tx *store.Tx) error {
			tx.Emit(event.New(by.Org, "inv", event.InvoiceCreated{InvoiceID: "inv", Amount: 1}, time.Now()))
			return nil
		})
		switch {
		case err == nil:
			n++
		case !errors.Is(err, store.ErrUnavailable):
			t.Fatal(err)
		}
		if n%30 == 0 {
			killed += storetest.Value[int](t, dbs[0], `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		}
	}
	if killed == 0 {
		t.Fatal("nothing was killed")
	}
	// The rest of what was committed, in spite of an answer that did not come.
	total := storetest.Value[int](t, dbs[0], `SELECT count(*) FROM event`) * endpoints
	settled(t, dbs[0], push.Webhook, func(got map[string]int) bool {
		n := 0
		for s, c := range got {
			if strings.HasPrefix(s, "delivered") {
				n += c
			}
		}
		return n == total
	})
	sent := 0
	for _, n := range k.counts() {
		sent += n
	}
	if n := storetest.Value[int](t, dbs[0], `SELECT count(*) FROM attempt`); n < sent {
		t.Errorf("%d attempts are in the log, %d were made", n, sent)
	}
	if n := storetest.Value[int](t, dbs[0], `SELECT count(*) FROM delivery d WHERE attempt <> (SELECT count(*) FROM attempt a WHERE a.delivery_id = d.id)`); n > 0 {
		t.Errorf("%d deliveries have more or fewer attempts than rows of them", n)
	}
	t.Logf("%d connections were killed; %d deliveries in %d attempts", killed, total, sent)
}

// TestLeasesThatEnd: an attempt does not outlast its lease, whatever the sender
// would do.
func TestLeasesThatEnd(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	storetest.Endpoint(t, db, by)
	k := newTaken()
	stop := node(t, db, map[push.Kind]push.Sender{push.Webhook: receiver(func(ctx context.Context, d push.Delivery) push.Result {
		k.begin(d)
		defer k.end(d)
		if until, ok := ctx.Deadline(); !ok || until.After(d.Lease) {
			t.Errorf("runs until %s, leased until %s", until, d.Lease)
		}
		<-ctx.Done()
		return push.Result{Outcome: push.Retry, Class: push.ClassTimeout}
	})}, push.Config{Lease: 300 * time.Millisecond, Drain: time.Nanosecond})
	emit(t, db, by, 1)
	k.wait(t, 1)
	settled(t, db, push.Webhook, func(got map[string]int) bool {
		return got["pending 1=retry"] == 1 || got["pending 1=unknown"] == 1 || got["leased 1=unknown"] == 1
	})
	stop()
}

// TestPanics of a sender are one delivery's trouble.
func TestPanics(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	storetest.Endpoint(t, db, by)
	first := sync.OnceFunc(func() { panic("an answer that nobody expected") })
	stop := node(t, db, map[push.Kind]push.Sender{push.Webhook: receiver(func(context.Context, push.Delivery) push.Result {
		defer func() {
			if p := recover(); p != nil {
				panic(p)
			}
		}()
		first()
		return good
	})}, push.Config{})
	emit(t, db, by, 1)
	settled(t, db, push.Webhook, all(1, "pending 1=retry"))
	stop()
}

// TestWhatCannotBeSent ends, or waits for an operator, and says why.
func TestWhatCannotBeSent(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	storetest.Endpoint(t, db, by)
	storetest.Device(t, db, by)
	emit(t, db, by, 1)
	if _, _, err := db.Fan(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, db, `UPDATE endpoint SET secret = 'lost'`)
	storetest.SQL(t, db, `DELETE FROM device`)
	storetest.SQL(t, db, `UPDATE app_user SET status = 'stopped'`)
	never := receiver(func(_ context.Context, d push.Delivery) push.Result {
		t.Errorf("sent: %+v", d)
		return good
	})
	node(t, db, map[push.Kind]push.Sender{push.Webhook: never, push.APNs: never, push.Mail: never}, push.Config{})
	settled(t, db, push.Webhook, all(1, "pending 1=misset"))
	settled(t, db, push.APNs, all(1, "cancelled 1=cancelled"))
	settled(t, db, push.Mail, all(1, "cancelled 1=cancelled"))
}

// TestGoneEndpoint is disabled by the attempt that finds it gone.
func TestGoneEndpoint(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	gone := storetest.Endpoint(t, db, by)
	other := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.Types = []string{"webhook.disabled"} })
	told := make(chan push.Delivery, 9)
	stop := node(t, db, map[push.Kind]push.Sender{push.Webhook: receiver(func(_ context.Context, d push.Delivery) push.Result {
		if d.Endpoint.ID == gone.ID {
			return push.Result{Outcome: push.Gone, Code: 410, Class: push.ClassGone}
		}
		told <- d
		return good
	})}, push.Config{})
	emit(t, db, by, 3)
	select {
	case d := <-told:
		if d.Endpoint.ID != other.ID || d.Type != "webhook.disabled" {
			t.Errorf("told %+v", d)
		}
	case <-time.After(30 * time.Second):
		t.Error("nobody was told")
	}
	stop()
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM endpoint WHERE id = $1 AND status = 'disabled' AND reason = 'gone'`, gone.ID.UUID()); n != 1 {
		t.Error("the endpoint is not disabled")
	}
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM event WHERE type = 'webhook.disabled'`); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// TestKindsWithoutSender stay in the queue for a node that has one.
func TestKindsWithoutSender(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	storetest.Device(t, db, by)
	sender := receiver(func(_ context.Context, d push.Delivery) push.Result { return good })
	stop := node(t, db, map[push.Kind]push.Sender{push.Mail: sender}, push.Config{})
	emit(t, db, by, 1)
	settled(t, db, push.Mail, all(1, "delivered 1=delivered"))
	settled(t, db, push.APNs, all(1, "pending"))
	stop()
	node(t, db, map[push.Kind]push.Sender{push.APNs: sender}, push.Config{})
	settled(t, db, push.APNs, all(1, "delivered 1=delivered"))
}
