package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

const worker = "node-1"

// owe makes n deliveries to an endpoint due, of events that did not happen.
func owe(t testing.TB, db *store.DB, to push.Endpoint, n int) {
	t.Helper()
	storetest.SQL(t, db, `INSERT INTO delivery (org_id, kind, target, event_id, type, payload)
		SELECT $1, 'webhook', $2, new_ulid(), 'invoice.created', g::text::bytea FROM generate_series(1, $3::int) g`, to.Org.UUID(), to.ID.UUID(), n)
}

func lease(t testing.TB, db *store.DB, kind push.Kind, n int) []push.Delivery {
	t.Helper()
	return must[[]push.Delivery](t)(db.Lease(t.Context(), kind, worker, n, time.Minute))
}

func finish(t testing.TB, db *store.DB, d push.Delivery, s push.State, r push.Result) {
	t.Helper()
	if err := db.Finish(t.Context(), worker, []push.Finished{{Delivery: d, State: s, Result: r}}); err != nil {
		t.Fatal(err)
	}
}

// stands reads where deliveries stand, and what the log has of each, in the
// order of the fan-out.
func stands(t testing.TB, url string) []string {
	t.Helper()
	return owed(t, url, `d.state || coalesce((SELECT string_agg(' ' || a.attempt || '=' || a.outcome, '' ORDER BY a.attempt, a.at) FROM attempt a WHERE a.delivery_id = d.id), '')`)
}

func wantStands(t testing.TB, url string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, stands(t, url)); d != "" {
		t.Errorf("stand (-want +got):\n%s", d)
	}
}

// expire lets every lease end.
func expire(t testing.TB, db *store.DB) {
	t.Helper()
	storetest.SQL(t, db, `UPDATE delivery SET lease_until = now() - interval '1 second' WHERE state = 'leased'`)
}

func reclaim(t testing.TB, db *store.DB, want int) {
	t.Helper()
	if n, err := db.Reclaim(t.Context()); err != nil || n != want {
		t.Errorf("reclaimed %d, %v; want %d", n, err, want)
	}
}

var (
	went   = push.Result{Outcome: push.Delivered, Code: 200}
	failed = push.Result{Outcome: push.Retry, Code: 500, Class: push.ClassStatus}
)

// TestLeaseHasWhatASenderNeeds compares a leased delivery with what was
// committed.
func TestLeaseHasWhatASenderNeeds(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	e := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.Thin, e.Schedule = true, push.LegacySchedule })
	phone := storetest.Device(t, db, by, func(d *push.Device) { d.App, d.Environment, d.Locale = "com.example", push.Sandbox, "es" })
	told := invoice(by, by)
	emit(t, db, by, told)
	fanAll(t, db)
	before := time.Now().Truncate(time.Microsecond) // as Postgres does
	ds := lease(t, db, push.Webhook, 9)
	after := time.Now()
	if len(ds) != 1 {
		t.Fatalf("%d were leased", len(ds))
	}
	d := ds[0]
	want := push.Delivery{
		ID: d.ID, Kind: push.Webhook, Attempt: 1, Lease: d.Lease, Org: by.Org, Event: told.ID, Type: told.Type, At: told.At, Payload: must[[]byte](t)(told.Payload()),
		Endpoint: &push.Endpoint{ID: e.ID, Org: by.Org, URL: e.URL, Thin: true, Schedule: push.LegacySchedule, Secret: e.Secret},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("webhook (-want +got):\n%s", diff)
	}
	if d.Lease.Before(before.Add(time.Minute)) || d.Lease.After(after.Add(time.Minute)) {
		t.Errorf("leased until %s, want a minute from between %s and %s", d.Lease, before, after)
	}
	ds = lease(t, db, push.APNs, 9)
	if len(ds) != 1 || ds[0].Device == nil || ds[0].Notice == nil {
		t.Fatalf("%+v", ds)
	}
	got, dev := ds[0].Notice, *ds[0].Device
	if dev.Address != phone.Address || dev.App != "com.example" || dev.Environment != push.Sandbox || dev.Locale != "es" || dev.Subject != by.ID || !dev.RegisteredAt.Equal(phone.LastSeenAt) {
		t.Errorf("phone %+v, want %+v", dev, phone)
	}
	if got.Category != event.CategoryBilling || got.About != told.Subject || got.In("es").Title == got.In("en").Title || got.Urgent || got.Expires.Before(before.Add(71*time.Hour)) {
		t.Errorf("notice %+v", got)
	}
	ds = lease(t, db, push.Mail, 9)
	if len(ds) != 1 || ds[0].Mailbox == nil || ds[0].Mailbox.Address != by.ID+"@example.com" || ds[0].Notice.ID != got.ID {
		t.Fatalf("mail %+v", ds)
	}
}

// TestLeasesAreBounded lets two nodes lease, send and record at once: never is
// more in flight to an endpoint than it takes.
func TestLeasesAreBounded(t *testing.T) {
	const each = 60
	url := storetest.URL(t)
	dbs := []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
	by := storetest.Org(t, dbs[0], "Summit")
	type flight struct{ now, most atomic.Int64 }
	flights := map[push.EndpointID]*flight{}
	caps := map[push.EndpointID]int64{}
	for _, most := range []int{1, 2, 3, 8} {
		e := storetest.Endpoint(t, dbs[0], by, func(e *push.Endpoint) { e.AtOnce = most })
		owe(t, dbs[0], e, each)
		flights[e.ID], caps[e.ID] = &flight{}, int64(most)
	}
	var done atomic.Int64
	together(6, func(w int) {
		db := dbs[w%2]
		for done.Load() < int64(len(flights))*each {
			ds, err := db.Lease(t.Context(), push.Webhook, fmt.Sprint(w), 7, time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			for _, d := range ds {
				f := flights[d.Endpoint.ID]
				n := f.now.Add(1)
				for was := f.most.Load(); n > was && !f.most.CompareAndSwap(was, n); was = f.most.Load() {
				}
			}
			for _, d := range ds {
				flights[d.Endpoint.ID].now.Add(-1) // before it is recorded
				if err := db.Finish(t.Context(), fmt.Sprint(w), []push.Finished{{Delivery: d, State: push.StateDelivered, Result: went}}); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}
		}
	})
	for id, f := range flights {
		if f.most.Load() > caps[id] || caps[id] == 8 && f.most.Load() < 3 {
			t.Errorf("%d in flight at once, of %d", f.most.Load(), caps[id])
		}
	}
	if n := storetest.Value[int](t, dbs[0], `SELECT count(*) FROM delivery d WHERE state <> 'delivered' OR attempt <> 1
		OR (SELECT count(*) FROM attempt a WHERE a.delivery_id = d.id) <> 1`); n > 0 {
		t.Errorf("%d were not delivered at the first attempt, with a row of it", n)
	}
}

// TestEverybodyHasHisTurn: a few endpoints to which endlessly much is due do not
// keep the slots from the others.
func TestEverybodyHasHisTurn(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	var es []push.Endpoint
	for range 9 {
		e := storetest.Endpoint(t, db, by)
		owe(t, db, e, 100)
		es = append(es, e)
	}
	seen := map[push.EndpointID]int{}
	for range 6 {
		for _, d := range lease(t, db, push.Webhook, 3) {
			seen[d.Endpoint.ID]++
			finish(t, db, d, push.StateDelivered, went)
		}
	}
	for i, e := range es {
		if seen[e.ID] != 2 {
			t.Errorf("endpoint %d had %d of 18 turns, want 2", i, seen[e.ID])
		}
	}
	got := map[push.EndpointID]int{}
	for _, d := range lease(t, db, push.Webhook, 23) {
		got[d.Endpoint.ID]++
	}
	for i, e := range es {
		if got[e.ID] < 2 || got[e.ID] > 3 {
			t.Errorf("endpoint %d got %d of 23 slots", i, got[e.ID])
		}
	}
}

func TestOrderedEndpoints(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	ordered := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.Ordered, e.AtOnce = true, 1 })
	owe(t, db, ordered, 3)
	next := func(payload string, attempt int) push.Delivery {
		t.Helper()
		ds := lease(t, db, push.Webhook, 9)
		if len(ds) != 1 || string(ds[0].Payload) != payload || ds[0].Attempt != attempt {
			t.Fatalf("%d leased: %+v", len(ds), ds)
		}
		if more := lease(t, db, push.Webhook, 9); len(more) > 0 {
			t.Fatalf("another one while one is in flight: %+v", more)
		}
		return ds[0]
	}
	first := next("1", 1)
	if err := db.Finish(t.Context(), worker, []push.Finished{{Delivery: first, State: push.StatePending, After: time.Hour, Result: failed}}); err != nil {
		t.Fatal(err)
	}
	if ds := lease(t, db, push.Webhook, 9); len(ds) > 0 {
		t.Fatalf("overtaken by %s", ds[0].Payload)
	}
	storetest.SQL(t, db, `UPDATE delivery SET next_at = now() WHERE id = $1`, first.ID.UUID())
	finish(t, db, next("1", 2), push.StateFailed, push.Result{Outcome: push.Failed})
	finish(t, db, next("2", 1), push.StateDelivered, went)
	finish(t, db, next("3", 1), push.StateDelivered, went)
	wantStands(t, url, "failed 1=retry 2=failed", "delivered 1=delivered", "delivered 1=delivered")
}

func TestEndpointsThatAreLeftAlone(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	open := storetest.Endpoint(t, db, by)
	for _, sql := range []string{
		`UPDATE endpoint SET status = 'disabled' WHERE id = $1`,
		`UPDATE endpoint SET paused_until = now() + interval '1 hour' WHERE id = $1`,
		`UPDATE delivery SET next_at = now() + interval '1 hour' WHERE target = $1`,
	} {
		e := storetest.Endpoint(t, db, by)
		owe(t, db, e, 2)
		storetest.SQL(t, db, sql, e.ID.UUID())
	}
	over := storetest.Endpoint(t, db, by)
	storetest.SQL(t, db, `UPDATE endpoint SET paused_until = now() - interval '1 second' WHERE id = $1`, over.ID.UUID())
	owe(t, db, open, 1)
	owe(t, db, over, 1)
	var got []push.EndpointID
	for _, d := range lease(t, db, push.Webhook, 99) {
		got = append(got, d.Endpoint.ID)
	}
	if d := cmp.Diff([]push.EndpointID{open.ID, over.ID}, got); d != "" {
		t.Errorf("leased for (-want +got):\n%s", d)
	}
}

// TestLateAttempts come after their lease was given to somebody else: they
// change nothing, in the delivery, the log, the endpoint or the device.
func TestLateAttempts(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	e := storetest.Endpoint(t, db, by)
	storetest.Device(t, db, by)
	told := invoice(by, by)
	emit(t, db, by, told)
	fanAll(t, db)
	lost := append(lease(t, db, push.Webhook, 1), lease(t, db, push.APNs, 1)...)
	if len(lost) != 2 {
		t.Fatalf("%d leased", len(lost))
	}
	late := func() {
		t.Helper()
		finish(t, db, lost[0], push.StateDelivered, push.Result{Outcome: push.Delivered, Slow: true, RetryAfter: time.Hour})
		finish(t, db, lost[1], push.StateFailed, push.Result{Outcome: push.Gone, Environment: push.Sandbox})
	}
	expire(t, db)
	reclaim(t, db, 2)
	late()
	wantStands(t, url, "pending 1=unknown", "pending 1=unknown", "pending") // the last is his mail
	now := append(lease(t, db, push.Webhook, 1), lease(t, db, push.APNs, 1)...)
	if len(now) != 2 || now[0].Attempt != 2 || now[1].Attempt != 2 {
		t.Fatalf("leased again: %+v", now)
	}
	late()
	wantStands(t, url, "leased 1=unknown", "leased 1=unknown", "pending")
	// Both in one batch: the one that counts is recorded once.
	if err := db.Finish(t.Context(), worker, []push.Finished{
		{Delivery: lost[0], State: push.StateFailed, Result: failed}, {Delivery: now[0], State: push.StateDelivered, Result: went},
		{Delivery: now[1], State: push.StateDelivered, Result: went}, {Delivery: lost[1], State: push.StateFailed, Result: push.Result{Outcome: push.Gone}},
	}); err != nil {
		t.Fatal(err)
	}
	late()
	wantStands(t, url, "delivered 1=unknown 2=delivered", "delivered 1=unknown 2=delivered", "pending")
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM endpoint WHERE id = $1 AND at_once_now = 8 AND paused_until IS NULL`, e.ID.UUID()); n != 1 {
		t.Error("the endpoint goes slower")
	}
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM device WHERE invalid_at IS NULL AND environment = 'production'`); n != 1 {
		t.Error("the device is taken for dead, or for another environment's")
	}
	other := must[[]push.Delivery](t)(db.Lease(t.Context(), push.Mail, "node-2", 1, time.Minute))
	finish(t, db, other[0], push.StateDelivered, went) // of a node that did not lease it
	wantStands(t, url, "delivered 1=unknown 2=delivered", "delivered 1=unknown 2=delivered", "leased")
}

// TestEveryAttemptLeavesARow, whatever came of it.
func TestEveryAttemptLeavesARow(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	e := storetest.Endpoint(t, db, by)
	owe(t, db, e, 1)
	var want []push.Attempt
	var d push.Delivery
	for i, r := range []push.Result{
		{Outcome: push.Retry, Class: push.ClassTimeout, Detail: "No whole answer within 20s.", Slow: true, Timing: push.Timing{Total: 20 * time.Second}},
		{Outcome: push.Misset, Code: 403, Class: push.ClassCredential, Detail: "403"},
		{},
		{Outcome: push.Retry, Code: 503, Class: push.ClassStatus, ResponseHeader: http.Header{"X-A": {"1", "zwei\x00\xff"}}, ResponseBody: []byte("\x00\xff")},
		{Outcome: push.Failed, Class: push.ClassPayload, Detail: "a\x00b\xff", ProviderMessage: "m\x00"},
		{
			Outcome: push.Delivered, Code: 204, IP: "192.0.2.1", RequestHeader: http.Header{"Webhook-Id": {"evt"}}, ResponseHeader: http.Header{"Server": {"x"}}, ResponseBody: []byte("ok"),
			ProviderMessage: "mid", Timing: push.Timing{DNS: time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 4 * time.Millisecond, Total: 5 * time.Millisecond},
		},
		{Outcome: push.Gone, Code: 410, Class: push.ClassGone},
		{Outcome: push.Cancelled, Class: push.ClassGone},
	} {
		storetest.SQL(t, db, `UPDATE delivery SET state = 'pending', next_at = now()`) // by hand, as it were
		ds := lease(t, db, push.Webhook, 1)
		if len(ds) != 1 || ds[0].Attempt != i+1 {
			t.Fatalf("attempt %d: %+v", i+1, ds)
		}
		d = ds[0]
		a := push.Attempt{
			Number: i + 1, Outcome: r.Outcome, Code: r.Code, Class: r.Class, Detail: r.Detail, IP: r.IP, Timing: r.Timing, RequestHeader: r.RequestHeader,
			ResponseHeader: r.ResponseHeader, ResponseBody: r.ResponseBody, ProviderMessage: r.ProviderMessage, Worker: worker,
		}
		switch i {
		case 2: // the node dies
			a.Outcome, a.Class, a.Detail = push.Unknown, push.ClassCrash, "The node that made it went away in the middle."
			expire(t, db)
			reclaim(t, db, 1)
		case 3:
			a.ResponseHeader = map[string][]string{"X-A": {"1", "zwei\ufffd\ufffd"}}
			finish(t, db, d, push.StatePending, r)
		case 4:
			a.Detail, a.ProviderMessage = "a\ufffdb\ufffd", "m\ufffd"
			finish(t, db, d, push.StateFailed, r)
		default:
			finish(t, db, d, push.StatePending, r)
		}
		want = append(want, a)
	}
	owedTo := must[push.Owed](t)(db.As(by).Delivery(t.Context(), e.ID, d.ID))
	got := must[[]push.Attempt](t)(db.As(by).Attempts(t.Context(), owedTo))
	for i := range got {
		if time.Since(got[i].At) > time.Minute {
			t.Errorf("attempt %d at %s", i+1, got[i].At)
		}
		got[i].At = time.Time{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// TestReclaim takes back what nodes that died had leased, a thousand at once,
// and gives up what was tried too often.
func TestReclaim(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	e := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.AtOnce = 50 })
	owe(t, db, e, 1200)
	reclaim(t, db, 0)
	storetest.SQL(t, db, `UPDATE delivery SET state = 'leased', attempt = CASE WHEN payload = '1' THEN $1::int ELSE 1 END, worker = 'dead', lease_until = now() - interval '1 second' WHERE payload <> '2'`, push.MostAttempts)
	storetest.SQL(t, db, `UPDATE delivery SET state = 'leased', attempt = 1, worker = 'alive', lease_until = now() + interval '1 minute' WHERE payload = '2'`)
	counts := make([]int, 2)
	together(2, func(w int) {
		n, err := db.Reclaim(t.Context())
		if err != nil {
			t.Error(err)
		}
		counts[w] = n
	})
	if counts[0]+counts[1] != 1199 {
		t.Errorf("reclaimed %v", counts)
	}
	got := map[string]int{}
	for _, s := range stands(t, url) {
		got[s]++
	}
	want := map[string]int{"pending 1=unknown": 1198, "leased": 1, fmt.Sprintf("failed %d=unknown", push.MostAttempts): 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("stand (-want +got):\n%s", d)
	}
}

// TestPace sends an endpoint half as much at once each time that it cannot keep
// up, more again with each success, and nothing while it wants nothing.
func TestPace(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	e := storetest.Endpoint(t, db, by)
	other := storetest.Endpoint(t, db, by)
	owe(t, db, e, 100)
	slow := push.Result{Outcome: push.Retry, Class: push.ClassTimeout, Slow: true}
	one := func(r push.Result) {
		t.Helper()
		storetest.SQL(t, db, `UPDATE endpoint SET paused_until = NULL`)
		finish(t, db, lease(t, db, push.Webhook, 1)[0], push.StateDelivered, r)
	}
	pace := func(want int) {
		t.Helper()
		if got := storetest.Value[int](t, db, `SELECT at_once_now FROM endpoint WHERE id = $1`, e.ID.UUID()); got != want {
			t.Errorf("%d at once, want %d", got, want)
		}
	}
	for _, want := range []int{4, 2, 1, 1} {
		one(slow)
		pace(want)
	}
	if ds := lease(t, db, push.Webhook, 9); len(ds) != 1 {
		t.Errorf("%d leased at a pace of 1", len(ds))
	} else {
		finish(t, db, ds[0], push.StateFailed, push.Result{Outcome: push.Failed})
	}
	pace(1)
	for want := 2; want <= 8; want++ {
		one(went)
		pace(want)
	}
	one(went)
	pace(8)
	// A batch: what went and what did not.
	ds := lease(t, db, push.Webhook, 4)
	var fs []push.Finished
	for i, d := range ds {
		f := push.Finished{Delivery: d, State: push.StateDelivered, Result: went}
		if i == 1 {
			f.Result = push.Result{Outcome: push.Retry, Code: 429, Class: push.ClassStatus, Slow: true, RetryAfter: time.Hour}
		}
		fs = append(fs, f)
	}
	if err := db.Finish(t.Context(), worker, fs); err != nil {
		t.Fatal(err)
	}
	pace(4)
	if ds := lease(t, db, push.Webhook, 9); len(ds) > 0 {
		t.Errorf("%d leased for an endpoint that asked for an hour", len(ds))
	}
	until := storetest.Value[time.Time](t, db, `SELECT paused_until FROM endpoint WHERE id = $1`, e.ID.UUID())
	if in := time.Until(until); in < 59*time.Minute || in > 61*time.Minute {
		t.Errorf("paused for %s", in)
	}
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM endpoint WHERE id = $1 AND at_once_now = 8 AND paused_until IS NULL AND version = 1`, other.ID.UUID()); n != 1 {
		t.Error("another endpoint goes slower")
	}
}

func TestDeletedEndpoints(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	e := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.AtOnce = 1 })
	stays := storetest.Endpoint(t, db, by)
	owe(t, db, e, 2)
	flying := lease(t, db, push.Webhook, 1)[0]
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.DeleteEndpoint(t.Context(), e.ID) }); err != nil {
		t.Fatal(err)
	}
	owe(t, db, e, 1) // by a fan-out that still saw it
	owe(t, db, stays, 1)
	wantStands(t, url, "leased", "cancelled", "pending", "pending")
	reclaim(t, db, 0)
	wantStands(t, url, "leased", "cancelled", "cancelled", "pending")
	finish(t, db, flying, push.StatePending, failed)
	reclaim(t, db, 0)
	wantStands(t, url, "cancelled 1=retry", "cancelled", "cancelled", "pending")
	if ds := lease(t, db, push.Webhook, 9); len(ds) != 1 || ds[0].Endpoint.ID != stays.ID {
		t.Errorf("leased: %+v", ds)
	}
}

// TestDeadDevices: what else is owed to a device that is dead has nobody to go
// to; one that was registered again meanwhile lives.
func TestDeadDevices(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	dead, back := storetest.Device(t, db, by), storetest.Device(t, db, by)
	for range 2 {
		emit(t, db, by, invoice(by, by))
	}
	fanAll(t, db)
	first := lease(t, db, push.APNs, 2)
	if len(first) != 2 || first[0].Device.ID == first[1].Device.ID {
		t.Fatalf("leased: %+v", first)
	}
	again := back
	again.ID, again.LastSeenAt = push.NewDeviceID(time.Now()), time.Now().UTC().Truncate(time.Microsecond)
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		_, known, err := tx.AddDevice(t.Context(), again)
		if !known {
			t.Error("it was not known")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, d := range first {
		finish(t, db, d, push.StateFailed, push.Result{Outcome: push.Gone, Code: 410, Class: push.ClassGone, Detail: "410 Unregistered"})
	}
	if got := storetest.Value[string](t, db, `SELECT string_agg(id::text || invalid_reason, ',') FROM device WHERE invalid_at IS NOT NULL`); got != dead.ID.UUID()+"410 Unregistered" {
		t.Errorf("dead are %s", got)
	}
	for _, d := range lease(t, db, push.APNs, 9) {
		if (d.Device != nil) != (storetest.Value[string](t, db, `SELECT target::text FROM delivery WHERE id = $1`, d.ID.UUID()) == back.ID.UUID()) {
			t.Errorf("leased: %+v", d)
		}
	}
}

func TestDeviceOfTheOtherEnvironment(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	storetest.Device(t, db, by)
	emit(t, db, by, invoice(by, by))
	fanAll(t, db)
	finish(t, db, lease(t, db, push.APNs, 1)[0], push.StateDelivered, push.Result{Outcome: push.Delivered, Environment: push.Sandbox})
	emit(t, db, by, invoice(by, by))
	fanAll(t, db)
	if got := lease(t, db, push.APNs, 1)[0].Device.Environment; got != push.Sandbox {
		t.Errorf("the next one goes to %s", got)
	}
}

// TestPhonesOfSomebodyElse: a phone that changed hands is told nothing that was
// meant for the one before.
func TestPhonesOfSomebodyElse(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	phone := storetest.Device(t, db, by)
	emit(t, db, by, invoice(by, by))
	fanAll(t, db)
	eve := storetest.Org(t, db, "Elsewhere")
	storetest.Device(t, db, eve, func(d *push.Device) { d.Address = phone.Address })
	ds := lease(t, db, push.APNs, 9)
	if len(ds) != 1 || ds[0].Device != nil {
		t.Errorf("leased: %+v", ds)
	}
}

// TestGoneEndpoints are disabled, and their organisation hears of it.
func TestGoneEndpoints(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by, eve := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Elsewhere")
	ann := storetest.User(t, db, by, "Ann", access.RoleAdmin)
	storetest.User(t, db, eve, "Eva", access.RoleAdmin)
	gone, other, moved := storetest.Endpoint(t, db, by), storetest.Endpoint(t, db, by), storetest.Endpoint(t, db, by)
	storetest.Endpoint(t, db, eve)
	owe(t, db, gone, 1)
	storetest.SQL(t, db, `UPDATE endpoint SET url = url || '/new' WHERE id = $1`, moved.ID.UUID())
	together(3, func(int) { // what several attempts find is told once
		for _, e := range []push.Endpoint{gone, moved} {
			if err := db.DisableEndpoint(t.Context(), e, "gone"); err != nil {
				t.Error(err)
			}
		}
	})
	got := must[push.Endpoint](t)(db.As(by).Endpoint(t.Context(), gone.ID))
	if got.Status != push.Disabled || got.Reason != "gone" || got.Version != 2 {
		t.Errorf("%+v", got)
	}
	if got := must[push.Endpoint](t)(db.As(by).Endpoint(t.Context(), moved.ID)); got.Status != push.Enabled {
		t.Error("an endpoint is disabled for what its last address answered")
	}
	fanAll(t, db)
	want := []string{"webhook.disabled " + other.ID.UUID(), "webhook.disabled " + moved.ID.UUID(), "webhook.disabled " + *ann.UUID()}
	heard := owed(t, url, `d.type || ' ' || d.target`)[1:]
	slices.Sort(want)
	slices.Sort(heard)
	if d := cmp.Diff(want, heard); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
	if ds := lease(t, db, push.Webhook, 9); len(ds) != 2 {
		t.Errorf("%d leased", len(ds))
	}
}

// TestLostKey: that a secret cannot be opened any more is one endpoint's
// trouble and not all others'.
func TestLostKey(t *testing.T) {
	url := storetest.URL(t)
	old := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, old, "Summit")
	owe(t, old, storetest.Endpoint(t, old, by), 1)
	storetest.Device(t, old, by)
	db := storetest.Open(t, store.Config{URL: url, Sealer: must[*seal.Ring](t)(seal.ParseRing(seal.NewKey("new")))})
	fresh := storetest.Endpoint(t, db, by)
	owe(t, db, fresh, 1)
	storetest.Device(t, db, by)
	emit(t, db, by, invoice(by, by))
	fanAll(t, db)
	secrets, addresses := map[bool]int{}, map[bool]int{}
	for _, d := range lease(t, db, push.Webhook, 9) {
		secrets[d.Endpoint.Secret == ""]++
	}
	for _, d := range lease(t, db, push.APNs, 9) {
		addresses[d.Device.Address == ""]++
	}
	if d := cmp.Diff([]map[bool]int{{true: 2, false: 2}, {true: 1, false: 1}}, []map[bool]int{secrets, addresses}); d != "" {
		t.Errorf("without and with (-want +got):\n%s", d)
	}
}

// TestSweepDeliveries forgets what is old, and gives up what nobody sends and
// is not worth telling any more.
func TestSweepDeliveries(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	storetest.Device(t, db, by)
	off := storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.Status = push.Disabled })
	owe(t, db, off, 3)
	storetest.SQL(t, db, `UPDATE delivery SET state = 'delivered', done_at = now() WHERE payload = '2'`)
	storetest.SQL(t, db, `UPDATE delivery SET state = 'leased', lease_until = now() + interval '40 days' WHERE payload = '3'`)
	emit(t, db, by, invoice(by, by))
	fanAll(t, db)
	now := time.Now()
	sweep := func(in time.Duration, want ...string) {
		t.Helper()
		if _, err := db.Sweep(t.Context(), now.Add(in)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, owed(t, url, `d.kind || ' ' || d.state || ' ' || d.class`)); d != "" {
			t.Errorf("after %s (-want +got):\n%s", in, d)
		}
	}
	webhooks := []string{"webhook pending ", "webhook delivered ", "webhook leased "}
	sweep(71*time.Hour, append(webhooks, "webhook pending ", "apns pending ", "mail pending ")...)
	sweep(73*time.Hour, append(webhooks, "webhook pending ", "apns cancelled expired", "mail cancelled expired")...)
	sweep(29*24*time.Hour, append(webhooks, "webhook pending ", "apns cancelled expired", "mail cancelled expired")...)
	sweep(31*24*time.Hour, "webhook leased ")
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM notification`); n != 1 {
		t.Errorf("%d notices", n)
	}
	sweep(91*24*time.Hour, "webhook leased ")
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM notification`); n != 0 {
		t.Errorf("%d notices", n)
	}
}

// TestStopInTheMiddle cancels whoever works at the queue, at any moment: what he
// did is there whole or not at all.
func TestStopInTheMiddle(t *testing.T) {
	const events = 60
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	storetest.Endpoint(t, db, by)
	storetest.Device(t, db, by)
	for range events {
		emit(t, db, by, invoice(by, by))
	}
	var cut atomic.Int64
	var work sync.WaitGroup
	for i := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond/4)
		work.Go(func() {
			if _, _, err := db.Fan(ctx); err != nil {
				cut.Add(1)
				if !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
		work.Wait()
		cancel()
	}
	if cut.Load() == 0 {
		t.Fatal("nobody was cut off")
	}
	fanAll(t, db)
	for _, kind := range []string{"webhook", "apns", "mail"} {
		if n := storetest.Value[int](t, db, `SELECT count(DISTINCT event_id) FROM delivery WHERE kind = $1`, kind); n != events {
			t.Errorf("%d of %d are owed as %s", n, events, kind)
		}
	}
}
