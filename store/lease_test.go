package store_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestFullEndpoints: those that have as much in flight as they take are not in
// the way of others, however much is due to them.
func TestFullEndpoints(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	for i := range 5 {
		owe(t, db, storetest.Endpoint(t, db, by, func(e *push.Endpoint) { e.AtOnce = 1 + i }), 50)
	}
	if n := len(lease(t, db, push.Webhook, 99)); n != 15 {
		t.Fatalf("%d leased, want 15", n)
	}
	last := storetest.Endpoint(t, db, by)
	owe(t, db, last, 2)
	for range 2 {
		if ds := lease(t, db, push.Webhook, 1); len(ds) != 1 || ds[0].Endpoint.ID != last.ID {
			t.Errorf("leased %+v", ds)
		}
	}
}

// crowd is a database with many endpoints, of which some have something due, and
// many deliveries that are over. Others have something to be tried again later,
// when so many of them are said to.
func crowd(t testing.TB, url string, by access.Actor, endpoints, due, later, over int) {
	t.Helper()
	c := connect(t, url)
	for _, sql := range []string{
		"SET session_replication_role = replica", // no foreign keys
		fmt.Sprintf(`INSERT INTO endpoint (id, org_id, url, types, at_once, at_once_now, schedule, secret, status, created_by, created_at, updated_at)
			SELECT new_ulid(), '%s', 'https://hooks.example.com', '{*}', 8, 8, 'standard', 'x', 'enabled', 'usr', now(), now() FROM generate_series(1, %d)`, by.Org.UUID(), endpoints),
		fmt.Sprintf(`INSERT INTO delivery (org_id, kind, target, event_id, type, payload, state, attempt, done_at)
			SELECT org_id, 'webhook', id, new_ulid(), 'invoice.created', 'x', 'delivered', 1, now() FROM endpoint, generate_series(1, %d)`, over/endpoints),
		fmt.Sprintf(`INSERT INTO delivery (org_id, kind, target, event_id, type, payload)
			SELECT org_id, 'webhook', id, new_ulid(), 'invoice.created', 'x' FROM (SELECT * FROM endpoint ORDER BY random() LIMIT %d) e, generate_series(1, 20)`, due),
		fmt.Sprintf(`INSERT INTO delivery (org_id, kind, target, event_id, type, payload, next_at)
			SELECT org_id, 'webhook', id, new_ulid(), 'invoice.created', 'x', now() + interval '1 hour' FROM (SELECT * FROM endpoint ORDER BY random() LIMIT %d) e`, later),
	} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// explained is what a statement did.
type explained struct {
	plan    string // as JSON
	buffers int
	rows    float64
	ms      float64
}

// explain runs a statement of the store as the worker does, in a transaction,
// by the plan that serves for all parameters.
func explain(t testing.TB, tx pgx.Tx, name, sql string, args ...string) explained {
	t.Helper()
	_, err := tx.Exec(t.Context(), "SET LOCAL plan_cache_mode = force_generic_plan; PREPARE "+name+" AS "+sql)
	if err != nil {
		t.Fatal(err)
	}
	execute := "EXECUTE " + name
	if len(args) > 0 {
		execute += "(" + strings.Join(args, ", ") + ")"
	}
	var out []byte
	if err := tx.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+execute).Scan(&out); err != nil {
		t.Fatal(err)
	}
	var plan []struct {
		Plan struct {
			Hit  int     `json:"Shared Hit Blocks"`
			Read int     `json:"Shared Read Blocks"`
			Rows float64 `json:"Actual Rows"`
		}
		Time float64 `json:"Execution Time"`
	}
	if err := json.Unmarshal(out, &plan); err != nil {
		t.Fatal(err)
	}
	return explained{string(out), plan[0].Plan.Hit + plan[0].Plan.Read, plan[0].Plan.Rows, plan[0].Time}
}

var scans = regexp.MustCompile(`"Node Type": "Seq Scan"[^{}]*"Relation Name": "(delivery|endpoint|event|device|notification)"`)

// TestLeaseDoesNotScan: what a lease costs goes by what is due, not by all the
// endpoints and deliveries that there are; also when the planner knows nothing
// of the tables, and when it knows them well.
func TestLeaseDoesNotScan(t *testing.T) {
	const endpoints, due, over = 10_000, 50, 200_000
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	crowd(t, url, by, endpoints, due, 0, over)
	all := storetest.Statements(t, ".")
	for _, analysed := range []bool{false, true} {
		c := connect(t, url)
		if analysed {
			if _, err := c.Exec(t.Context(), "VACUUM ANALYZE delivery, endpoint, attempt"); err != nil {
				t.Fatal(err)
			}
		}
		tx := must[pgx.Tx](t)(c.Begin(t.Context()))
		if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE openinsure_worker; "+all["planByIndexSQL"].SQL); err != nil {
			t.Fatal(err)
		}
		for _, s := range []struct {
			name string
			args []string
			rows float64
			most int // buffers
		}{
			{"lockEndpointsSQL", []string{"'00000000-0000-0000-0000-000000000000'", "128"}, 1, 40 * due},
			{"leaseWebhooksSQL", []string{"128", "45000000", "'w'"}, 128, 60 * 128},
			{"reclaimSQL", []string{"500", "100"}, 0, 400},
			{"orphansSQL", nil, 0, 40 * due},
		} {
			got := explain(t, tx, s.name, all[s.name].SQL, s.args...)
			t.Logf("analysed=%t %s: %d buffers, %.1f ms", analysed, s.name, got.buffers, got.ms)
			if m := scans.FindString(got.plan); m != "" {
				t.Errorf("%s reads all of a table: %s", s.name, m)
			}
			if got.rows != s.rows || got.buffers > s.most {
				t.Errorf("%s: %v rows with %d buffers, want %v with at most %d\n%s", s.name, got.rows, got.buffers, s.rows, s.most, got.plan)
			}
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ds := lease(t, db, push.Webhook, 128)
	if len(ds) != 128 {
		t.Fatalf("%d leased", len(ds))
	}
	for _, d := range ds {
		finish(t, db, d, push.StateDelivered, went)
	}
}

// BenchmarkLease leases 128 deliveries and records that they were made, among
// 10,000 endpoints: 50 have something due; all have; 50 have and all others
// have something to try again later.
func BenchmarkLease(b *testing.B) {
	for _, c := range []struct {
		name       string
		due, later int
	}{{"due=50", 50, 0}, {"due=10000", 10_000, 0}, {"due=50/later=10000", 50, 10_000}} {
		b.Run(c.name, func(b *testing.B) {
			url := storetest.URL(b)
			db := storetest.Open(b, store.Config{URL: url})
			by := storetest.Org(b, db, "Summit")
			crowd(b, url, by, 10_000, c.due, c.later, 200_000)
			storetest.SQL(b, db, "VACUUM ANALYZE delivery")
			var leases, finishes []time.Duration
			for b.Loop() {
				began := time.Now()
				ds := lease(b, db, push.Webhook, 128)
				leases = append(leases, time.Since(began))
				began = time.Now()
				var fs []push.Finished
				for _, d := range ds {
					fs = append(fs, push.Finished{Delivery: d, State: push.StatePending, Result: went})
				}
				if err := db.Finish(b.Context(), worker, fs); err != nil || len(ds) != 128 {
					b.Fatalf("%d leased, %v", len(ds), err)
				}
				finishes = append(finishes, time.Since(began))
			}
			sum := func(ds []time.Duration) (total time.Duration) {
				for _, d := range ds {
					total += d
				}
				return total / time.Duration(len(ds))
			}
			b.ReportMetric(float64(sum(leases).Microseconds())/1000, "lease-ms")
			b.ReportMetric(float64(sum(finishes).Microseconds())/1000, "finish-ms")
		})
	}
}
