package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// latencies reports the median and the 99th percentile in milliseconds.
func latencies(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		d := took[(len(took)-1)*p/100]
		b.ReportMetric(float64(d.Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}

// manyPolicies adds n policies of an organisation, one a second, without what
// they refer to.
const manyPolicies = `INSERT INTO policy (id, org_id, number, submission_id, quote_id, insured_name, line_of_business, state, effective_date,
	expiration_date, gross_premium, installment_plan, status, created_by, created_at, updated_at)
	SELECT gen_random_uuid(), $1, 'GL-2026-' || lpad(g::text, 6, '0'), gen_random_uuid(), gen_random_uuid(), 'Builder ' || g, 'GL', 'OR', '2026-05-01',
	'2027-05-01', 1425000, 'MONTHLY_10', (ARRAY['bound', 'issued', 'active', 'cancelled'])[1 + g % 4], 'usr', at, at
	FROM (SELECT g, $2::timestamptz + g * interval '1 second' AS at FROM generate_series(1, $3::int) g) made`

// BenchmarkListPolicies100k reads pages of 50 from anywhere in a list of
// 100,000; another organisation has as many.
func BenchmarkListPolicies100k(b *testing.B) {
	const policies = 100_000
	url := storetest.URL(b)
	db := storetest.Open(b, store.Config{URL: url})
	c := connect(b, url)
	by, other := storetest.Org(b, db, "Summit"), storetest.Org(b, db, "Other")
	start := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	if _, err := c.Exec(b.Context(), "SET session_replication_role = replica"); err != nil { // no foreign keys
		b.Fatal(err)
	}
	for _, o := range []access.Actor{by, other} {
		if _, err := c.Exec(b.Context(), manyPolicies, o.Org.UUID(), start, policies); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := c.Exec(b.Context(), "VACUUM ANALYZE policy"); err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]store.PolicyFilter{"all": {}, "status": {Status: "active"}} {
		for _, walls := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/walls=%t", name, walls), func(b *testing.B) {
				r := storetest.Open(b, store.Config{URL: url, NoWalls: !walls}).As(by)
				var took []time.Duration
				for b.Loop() {
					// Before the first 300 seconds there may be less than a page.
					at := start.Add(time.Duration(300+rand.IntN(policies-300)) * time.Second)
					began := time.Now()
					ps, err := r.Policies(b.Context(), access.Scope{All: true}, f, store.Page{Limit: 50, At: at, ID: by.Org.UUID()})
					took = append(took, time.Since(began))
					if err != nil || len(ps) != 51 {
						b.Fatalf("%d policies, %v", len(ps), err)
					}
				}
				latencies(b, took)
			})
		}
	}
}

// BenchmarkEmit is what a transaction costs with no event, one and ten.
func BenchmarkEmit(b *testing.B) {
	db := storetest.New(b)
	by := storetest.Org(b, db, "Summit")
	for _, n := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := db.InTx(b.Context(), by, func(tx *store.Tx) error {
					for range n {
						tx.Emit(shuffled(by, nil))
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			latencies(b, took)
		})
	}
}

// BenchmarkCheck asks for a permission that the organisation's tuples grant.
func BenchmarkCheck(b *testing.B) {
	url := storetest.URL(b)
	by := storetest.Org(b, storetest.Open(b, store.Config{URL: url}), "Summit")
	on := access.Object{Type: access.Submission, ID: by.Org.UUID(), Org: by.Org}
	for _, walls := range []bool{true, false} {
		b.Run(fmt.Sprintf("walls=%t", walls), func(b *testing.B) {
			r := storetest.Open(b, store.Config{URL: url, NoWalls: !walls}).As(by)
			for b.Loop() {
				if err := access.Check(b.Context(), r, by, access.Bind, on); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// manyTuples relates invoices to their policies, these to who is insured and to
// a broker: 1,000,000 tuples.
const manyTuples = `WITH p AS (SELECT n, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0')) AS id FROM generate_series(1, 200000) n)
	INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id, subject_relation)
	SELECT $1::uuid, 'policy', p.id, 'insured', 'person', gen_random_uuid()::text, '' FROM p
	UNION ALL SELECT $1::uuid, 'policy', p.id, 'producer', 'org', $1::uuid::text, 'member' FROM p
	UNION ALL SELECT $1::uuid, 'invoice', ('10000000-0000-4000-8000-' || lpad((p.n * 3 + i)::text, 12, '0')), 'policy', 'policy', p.id, '' FROM p, generate_series(0, 2) i`

// BenchmarkCheckMillion asks who may read an invoice, through its policy, with
// 1,000,000 tuples: from memory, as a request does; in a round trip of its own;
// and in a transaction, where nothing is remembered.
func BenchmarkCheckMillion(b *testing.B) {
	url := storetest.URL(b)
	db := storetest.Open(b, store.Config{URL: url})
	by := storetest.Org(b, db, "Summit")
	c := connect(b, url)
	if _, err := c.Exec(b.Context(), "SET session_replication_role = replica"); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Exec(b.Context(), manyTuples, by.Org.UUID()); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Exec(b.Context(), "VACUUM ANALYZE relationship"); err != nil {
		b.Fatal(err)
	}
	const warm = 10_000
	object := func() access.Object {
		return access.Object{Type: access.Invoice, ID: fmt.Sprintf("10000000-0000-4000-8000-%012d", 3+rand.IntN(warm)), Org: by.Org}
	}
	check := func(ctx context.Context, tuples access.Tuples, on access.Object) time.Duration {
		began := time.Now()
		err := access.Check(ctx, tuples, by, access.Read, on)
		took := time.Since(began)
		if err != nil {
			b.Fatal(err)
		}
		return took
	}
	ctx := store.Remembering(b.Context())
	for n := range warm {
		check(ctx, db.As(by), access.Object{Type: access.Invoice, ID: fmt.Sprintf("10000000-0000-4000-8000-%012d", 3+n), Org: by.Org})
	}
	for name, ask := range map[string]func() time.Duration{
		"remembered": func() time.Duration {
			ctx := store.Remembering(b.Context())
			if _, err := db.As(by).Org(ctx, by.Org); err != nil { // what a request reads first
				b.Fatal(err)
			}
			return check(ctx, db.As(by), object())
		},
		"round trip": func() time.Duration { return check(b.Context(), db.As(by), object()) },
		"transaction": func() (took time.Duration) {
			err := db.InTx(b.Context(), by, func(tx *store.Tx) error {
				took = check(b.Context(), tx, object())
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			return took
		},
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				took = append(took, ask())
			}
			latencies(b, took)
		})
	}
}

// BenchmarkFirstStatement is what the first statement of a request costs when it
// brings along what changed in the relationships, and without that.
func BenchmarkFirstStatement(b *testing.B) {
	db := storetest.New(b)
	by := storetest.Org(b, db, "Summit")
	for name, of := range map[string]func() context.Context{
		"with": func() context.Context { return store.Remembering(b.Context()) }, "without": b.Context,
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				ctx := of()
				began := time.Now()
				if _, err := db.As(by).Org(ctx, by.Org); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			latencies(b, took)
		})
	}
}

// BenchmarkPosts posts messages as fast as they are taken, by 8 and 64 callers
// who wait for each, in one room and in 200; by the group commit, the same
// without looking whether the author still may, and with a transaction for each,
// which does and checks the same. On a busy machine compare what a post takes of
// the processors, ours and Postgres', rather than posts a second.
func BenchmarkPosts(b *testing.B) {
	url := storetest.URL(b)
	db := storetest.Open(b, store.Config{URL: url, MaxConns: 64})
	by := storetest.Org(b, db, "Summit")
	rs := make([]room.Room, 200)
	for i := range rs {
		rs[i] = storetest.Room(b, db, by)
	}
	p, admin := storetest.Poster(b, db), connect(b, url)
	grouped := func(r room.Room) error {
		_, err := p.PostWait(b.Context(), post(b, r, by, room.NewClientID(), words))
		return err
	}
	unchecked := func(r room.Room) error {
		m := post(b, r, by, room.NewClientID(), words)
		m.Grant = access.Grant{}
		_, err := p.PostWait(b.Context(), m)
		return err
	}
	single := func(r room.Room) error {
		return db.InTx(b.Context(), by, func(tx *store.Tx) error {
			if _, err := access.Find(b.Context(), tx, by, access.Post, r.Object()); err != nil {
				return err
			}
			e := event.New(r.Org, r.ID.String(), event.MessagePosted{RoomID: r.ID.String(), Author: event.Author{ID: by.ID}, Body: words, ClientID: room.NewClientID()}, time.Now())
			e.Also, e.Author = []event.Channel{room.Shared(r.ID, r.Org)}, by.ID
			tx.Emit(e)
			return nil
		})
	}
	for name, say := range map[string]func(room.Room) error{"group": grouped, "unchecked": unchecked, "single": single} {
		for _, callers := range []int{8, 64} {
			for _, rooms := range []int{1, 200} {
				b.Run(fmt.Sprintf("%s/callers=%d/rooms=%d", name, callers, rooms), func(b *testing.B) {
					took := make([][]time.Duration, callers)
					var next atomic.Int64
					began, spent := time.Now(), processors(b, admin)
					together(callers, func(w int) {
						for next.Add(1) <= int64(b.N) {
							start := time.Now()
							if err := say(rs[rand.IntN(rooms)]); err != nil {
								b.Error(err)
								return
							}
							took[w] = append(took[w], time.Since(start))
						}
					})
					b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "posts/s")
					b.ReportMetric(float64((processors(b, admin)-spent).Microseconds())/float64(b.N), "cpu-µs/post")
					latencies(b, slices.Concat(took...))
				})
			}
		}
	}
}

// processors is how long this process and the connections of its database have
// had processors for, where the system tells as Linux does.
func processors(b *testing.B, c *pgx.Conn) time.Duration {
	b.Helper()
	rows, err := c.Query(b.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = 'openinsure' AND datname = current_database()")
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.Fatal(err)
	}
	var spent time.Duration
	for _, pid := range append(pids, os.Getpid()) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // not this system, or a connection that has just ended
		}
		_, after, _ := strings.Cut(string(stat), ") ") // the name may have spaces
		for _, ticks := range strings.Fields(after)[11:13] {
			n, err := strconv.Atoi(ticks)
			if err != nil {
				b.Fatal(err)
			}
			spent += time.Duration(n) * 10 * time.Millisecond // USER_HZ is 100
		}
	}
	return spent
}

// words are 256 bytes, as a message has.
var words = strings.Repeat("We can offer 1M/2M. ", 13)[:256]
