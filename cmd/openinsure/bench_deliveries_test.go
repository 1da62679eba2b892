package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
)

// sink is a receiver in a process of its own, which does no more than it must:
// it counts what comes, and how long after it happened. What comes to /hang is
// never answered.
func sink(addr string) error {
	var mu sync.Mutex
	var took []time.Duration
	mux := http.NewServeMux()
	mux.HandleFunc("POST /in/", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var e struct{ Timestamp time.Time }
		if err == nil {
			err = json.Unmarshal(b, &e)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(e.Timestamp))
	})
	mux.HandleFunc("POST /hang", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprint(w, len(took))
	})
	mux.HandleFunc("GET /took", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(took)
		took = nil
	})
	return (&http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: time.Minute}).ListenAndServe()
}

// A basin is a sink as a benchmark sees it.
type basin struct {
	b   *testing.B
	url string
}

func newBasin(b *testing.B) *basin {
	b.Helper()
	addr := freeAddr(b)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=sink", "SINK_ADDR="+addr)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &basin{b, "http://" + addr}
	eventually(b, 20*time.Second, "listening", func() bool {
		res, err := http.Get(s.url + "/count")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	})
	return s
}

func (s *basin) get(path string, v any) {
	s.b.Helper()
	res, err := http.Get(s.url + path)
	if err != nil {
		s.b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		s.b.Fatal(err)
	}
}

func (s *basin) wait(n int) {
	s.b.Helper()
	eventually(s.b, 2*time.Minute, "all there", func() bool {
		var got int
		s.get("/count", &got)
		return got >= n
	})
}

// took returns how long what came took, the shortest first, and forgets it.
func (s *basin) took() []time.Duration {
	s.b.Helper()
	var ds []time.Duration
	s.get("/took", &ds)
	slices.Sort(ds)
	return ds
}

// processTime is how long a process was on a processor so far.
func processTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// BenchmarkDeliveries is what the outbound queue is for, seen from outside: a
// node on one processor, Postgres with fsync, and a sink in a process of its own.
func BenchmarkDeliveries(b *testing.B) {
	c := newCluster(b)
	c.add("deliver", 0, "WORKER=one", "GOMAXPROCS=1", "LEASE=45s")
	s := newBasin(b)
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = c.must(c.key(), "/v1/webhooks", map[string]any{"url": fmt.Sprintf("%s/in/%d", s.url, i), "events": []string{"invoice.created"}})["id"].(string)
	}
	b.Run("burst/endpoints=50", func(b *testing.B) {
		s := &basin{b, s.url}
		burstOf(b, c, 1+2000/50)
		s.wait(2000) // the first plans and connections
		s.took()
		cpu := processTime(b, c.node(0).cmd.Process.Pid)
		b.ResetTimer()
		burstOf(b, c, (b.N+49)/50)
		s.wait((b.N + 49) / 50 * 50)
		b.StopTimer()
		took := b.Elapsed()
		cpu = processTime(b, c.node(0).cmd.Process.Pid) - cpu
		b.ReportMetric(float64(b.N)/took.Seconds(), "deliveries/s")
		b.ReportMetric(100*cpu.Seconds()/took.Seconds(), "node-cpu-%")
		s.took()
	})
	hang := func(path string) func(*testing.B) {
		return func(b *testing.B) {
			s := &basin{b, s.url}
			execSQL(c, `UPDATE endpoint SET url = $1 WHERE url LIKE '%/in/0' OR url LIKE '%/hang'`, s.url+path)
			others := 50
			if path == "/hang" {
				others = 49
			}
			s.took()
			var all []time.Duration
			for b.Loop() {
				burstOf(b, c, 40)
				s.wait(40 * others)
				all = append(all, s.took()...)
			}
			reportTimes(b, all)
		}
	}
	b.Run("burst=2000/quiet", hang("/in/0"))
	b.Run("burst=2000/hanging=1", hang("/hang"))
	b.Run("burst=2000/quiet/again", hang("/in/0"))
	execSQL(c, `UPDATE endpoint SET types = '{none}' WHERE url NOT LIKE '%/in/7'`)
	execSQL(c, `UPDATE endpoint SET types = '{deal_room.message_posted}' WHERE url LIKE '%/in/7'`)
	una := c.token("underwriter")
	var rooms []string
	for range 20 {
		rooms = append(rooms, c.room(una))
	}
	b.Run("posts/pace=200", func(b *testing.B) {
		s := &basin{b, s.url}
		s.took()
		var posts sync.WaitGroup
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		b.ResetTimer()
		for i := range b.N {
			<-tick.C
			posts.Go(func() {
				if err := send(b.Context(), c.node(0).url, una, http.MethodPost, "/v1/deal-rooms/"+rooms[i%len(rooms)]+"/messages", map[string]any{"body": sentence}, nil); err != nil {
					b.Error(err)
				}
			})
		}
		posts.Wait()
		s.wait(b.N)
		b.StopTimer()
		reportTimes(b, s.took())
	})
}

func reportTimes(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(percentile(took, 50))/1e6, "p50-ms")
	b.ReportMetric(float64(percentile(took, 99))/1e6, "p99-ms")
}

// execSQL runs a statement on the database itself.
func execSQL(c *cluster, sql string, args ...any) {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.postgres.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(c.t.Context()) }()
	if _, err := conn.Exec(c.t.Context(), sql, args...); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// burstOf commits n events of a kilobyte each at once, as if they had happened
// in the demo's organisation.
func burstOf(b *testing.B, c *cluster, n int) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), c.postgres.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	var org access.OrgID
	if err := conn.QueryRow(b.Context(), `SELECT org_id FROM endpoint LIMIT 1`).Scan(&org); err != nil {
		b.Fatal(err)
	}
	var ids []string
	var payloads [][]byte
	now := time.Now()
	for range n {
		e := event.New(org, "inv_1", event.InvoiceCreated{InvoiceID: "inv_1", Amount: 100, ExternalID: strings.Repeat("x", 800)}, now)
		p, err := e.Payload()
		if err != nil {
			b.Fatal(err)
		}
		ids, payloads = append(ids, e.ID.UUID()), append(payloads, p)
	}
	if _, err := conn.Exec(b.Context(), `WITH told AS (INSERT INTO event (id, org_id, type, resource, subject, payload, occurred_at)
			SELECT id, $3, 'invoice.created', 'invoices', 'inv_1', payload, now() FROM unnest($1::uuid[], $2::bytea[]) AS u(id, payload) RETURNING id)
		INSERT INTO outbox (event_id) SELECT id FROM told`, ids, payloads, org.UUID()); err != nil {
		b.Fatal(err)
	}
}
