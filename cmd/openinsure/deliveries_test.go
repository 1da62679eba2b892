package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/pushtest"
)

func init() {
	if os.Getenv(roleEnv) != "deliver" {
		return
	}
	tunePush = func(c *push.Config) {
		c.Worker = os.Getenv("WORKER")
		if d, err := time.ParseDuration(os.Getenv("LEASE")); err == nil {
			c.Lease = d
		}
	}
}

// readSQL reads one value from the database itself.
func readSQL[T any](c *cluster, sql string, args ...any) T {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.postgres.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(c.t.Context())) }()
	var v T
	if err := conn.QueryRow(c.t.Context(), sql, args...).Scan(&v); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// eventually waits until a question is answered with true.
func eventually(t testing.TB, most time.Duration, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	for !is() {
		if ctx.Err() != nil {
			t.Fatalf("in %s: not %s", most, what)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// A hook is an endpoint of the demo's organisation with its receiver.
type hook struct {
	*pushtest.Receiver
	id       string
	secret   string
	unsigned atomic.Int64
	wrong    atomic.Int64          // bodies with another id than the header's
	late     atomic.Pointer[lapse] // how long after it happened each event came; nil: nobody asks
}

// hook makes an endpoint for everything, unless fields say otherwise.
func (c *cluster) hook(fields map[string]any) *hook {
	c.t.Helper()
	h := &hook{}
	r, err := pushtest.NewReceiver(pushtest.ReceiverConfig{Keep: 100, Heard: func(q pushtest.Request) {
		if q.Unsigned != nil {
			h.unsigned.Add(1)
		}
		e, err := event.Open(q.Body)
		if err != nil || e.ID.String() != q.ID {
			h.wrong.Add(1)
		}
		if l := h.late.Load(); l != nil {
			l.add(q.At.Sub(e.Timestamp))
		}
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = r.Close() })
	h.Receiver = r
	all := map[string]any{"url": r.URL() + "/in", "events": []string{"*"}}
	maps.Copy(all, fields)
	made := c.must(c.key(), "/v1/webhooks", all)
	h.id, h.secret = made["id"].(string), made["secret"].(string)
	r.SetSecret(h.secret)
	return h
}

// owedTo reads the deliveries to an endpoint by the API, and each with its
// attempts.
func (c *cluster) owedTo(h *hook) []map[string]any {
	c.t.Helper()
	var list struct{ Data []map[string]any }
	if err := send(c.t.Context(), c.node(0).url, c.key(), http.MethodGet, "/v1/webhooks/"+h.id+"/deliveries?limit=100", nil, &list); err != nil {
		c.t.Fatal(err)
	}
	for i, d := range list.Data {
		var one map[string]any
		if err := send(c.t.Context(), c.node(0).url, c.key(), http.MethodGet, "/v1/webhooks/"+h.id+"/deliveries/"+d["id"].(string), nil, &one); err != nil {
			c.t.Fatal(err)
		}
		list.Data[i] = one
	}
	return list.Data
}

// delivered reports whether there is nothing left to fan out and to deliver to
// endpoints, but for those named.
const delivered = `SELECT NOT EXISTS (SELECT FROM outbox)
	AND NOT EXISTS (SELECT FROM channel c LEFT JOIN fan_position p ON p.channel_id = c.id WHERE c.name LIKE 'room:%' AND c.head > coalesce(p.seq, 0))
	AND NOT EXISTS (SELECT FROM delivery WHERE kind = 'webhook' AND state NOT IN ('delivered', 'cancelled') AND target <> ALL ($1::text[]::uuid[]))`

// work is what keeps a cluster busy: talk in rooms, and policies that are bound.
type work struct {
	stop  context.CancelFunc
	doing sync.WaitGroup
	done  atomic.Int64
}

func (c *cluster) work(pace time.Duration) *work {
	c.t.Helper()
	w := &work{}
	una, ben, key := c.token("underwriter"), c.token("broker"), c.key()
	ctx, stop := context.WithCancel(c.t.Context())
	w.stop = stop
	c.t.Cleanup(func() { stop(); w.doing.Wait() })
	for r := range 2 {
		room := c.room(una)
		for i, token := range []string{una, ben} {
			k := &talker{c: c, room: room, token: func() string { return token }, first: i + r, pace: pace, acked: map[string]int64{}}
			w.doing.Go(func() { k.run(ctx, ctx); w.done.Add(k.said.Load()) })
		}
	}
	w.doing.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			var sub struct{ ID string }
			var fields map[string]any
			if err := json.Unmarshal([]byte(builder), &fields); err != nil {
				panic(err) // ours
			}
			url := c.node(n).url
			err := send(ctx, url, key, http.MethodPost, "/v1/submissions", fields, &sub)
			if err == nil {
				err = send(ctx, url, key, http.MethodPost, "/v1/submissions/"+sub.ID+"/quote", nil, nil)
			}
			if err == nil {
				err = send(ctx, url, key, http.MethodPost, "/v1/submissions/"+sub.ID+"/bind", map[string]any{"installmentPlan": "PIF"}, nil)
			}
			if err == nil {
				w.done.Add(1)
			}
			pause(ctx, 4*pace)
		}
	})
	return w
}

// TestDeliveriesAcrossKills kills servers under load, ten times: what the
// database has was delivered to every endpoint under its one id, doubled at most
// what was in flight at a kill, with a row for every attempt.
func TestDeliveriesAcrossKills(t *testing.T) {
	const endpoints, kills = 20, 10
	c := newCluster(t)
	add := func(i, n int) { c.add("deliver", i, fmt.Sprintf("WORKER=node-%d-%d", i, n), "LEASE=6s") }
	add(0, 0)
	add(1, 0)
	hooks := make([]*hook, endpoints)
	for i := range hooks {
		hooks[i] = c.hook(nil)
	}
	before := readSQL[[]string](c, `SELECT coalesce(array_agg(id::text), '{}') FROM event`)
	w := c.work(40 * time.Millisecond)
	flying := 0
	for n := 1; n <= kills; n++ {
		pause(t.Context(), 600*time.Millisecond)
		i := n % 2
		_ = c.node(i).cmd.Process.Kill()
		_ = c.node(i).wait()
		flying += readSQL[int](c, `SELECT count(*) FROM delivery WHERE state = 'leased' AND kind = 'webhook' AND worker LIKE $1`, fmt.Sprintf("node-%d-%%", i))
		add(i, n)
	}
	w.stop()
	w.doing.Wait()
	eventually(t, 30*time.Second, "all delivered", func() bool { return readSQL[bool](c, delivered, []string{}) })

	want := readSQL[[]string](c, `SELECT array_agg(id::text) FROM event WHERE id <> ALL ($1::text[]::uuid[]) AND org_id = (SELECT min(org_id::text)::uuid FROM endpoint)`, before)
	total := len(want)
	sent, doubled := 0, 0
	for i, h := range hooks {
		times := h.Times()
		for _, id := range want {
			if times[eventID(t, id)] == 0 {
				t.Errorf("endpoint %d was not sent %s", i, id)
			}
		}
		for _, n := range times {
			sent += n
			doubled += n - 1
		}
		if len(times) < total || len(times) > total+len(before) {
			t.Errorf("endpoint %d was sent %d events, of %d", i, len(times), total)
		}
		if h.unsigned.Load() > 0 || h.wrong.Load() > 0 {
			t.Errorf("endpoint %d: %d requests with a wrong signature, %d with a wrong id", i, h.unsigned.Load(), h.wrong.Load())
		}
	}
	failed := readSQL[int](c, `SELECT count(*) FROM attempt WHERE outcome = 'retry'`) // ours: a machine that is too slow for the lease
	if doubled > flying+failed {
		t.Errorf("%d requests were doubled; %d attempts were in flight at the kills, and %d failed", doubled, flying, failed)
	}
	if n := readSQL[int](c, `SELECT count(*) FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.kind = 'webhook'`); n < sent {
		t.Errorf("%d attempts are in the log, %d were made", n, sent)
	}
	if n := readSQL[int](c, `SELECT count(*) FROM delivery d WHERE kind = 'webhook' AND d.attempt <> (
		SELECT count(DISTINCT a.attempt) FROM attempt a WHERE a.delivery_id = d.id AND a.attempt BETWEEN 1 AND d.attempt)`); n > 0 {
		t.Errorf("%d deliveries have attempts that are not in the log", n)
	}
	if n := readSQL[int](c, `SELECT count(*) FROM (SELECT FROM attempt GROUP BY delivery_id, attempt HAVING count(*) > 1) twice`); n > 0 {
		t.Errorf("%d attempts are in the log twice", n)
	}
	if w.done.Load() < 50 || total < 100 {
		t.Errorf("only %d things were done, %d events", w.done.Load(), total)
	}
	t.Logf("%d events, %d requests, %d doubled; %d in flight at %d kills, %d unknown, %d failed", total, sent, doubled, flying, kills,
		readSQL[int](c, `SELECT count(*) FROM attempt WHERE outcome = 'unknown'`), failed)
	for i := range c.nodes {
		c.node(i).stop()
	}
	if n := readSQL[int](c, `SELECT count(*) FROM delivery WHERE state = 'leased'`); n > 0 {
		t.Errorf("%d are leased by nobody", n)
	}
}

// webhookUUID is the id of an endpoint as the database has it.
func webhookUUID(t testing.TB, id string) string {
	t.Helper()
	var e push.EndpointID
	if err := e.UnmarshalText([]byte(id)); err != nil {
		t.Fatal(err)
	}
	return e.UUID()
}

// eventID is the id that an event has on the wire.
func eventID(t testing.TB, uuid string) string {
	t.Helper()
	var id event.ID
	if err := id.Scan(uuid); err != nil {
		t.Fatal(err)
	}
	return id.String()
}
