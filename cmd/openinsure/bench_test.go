package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

// stage is the cluster that the benchmarks of one run share: two nodes, their
// own Postgres with fsync on, their own Redis.
var stage struct {
	*cluster
	una, ben string
	rooms    []string
}

// onStage brings up the cluster with at least so many rooms.
func onStage(b *testing.B, rooms int) {
	b.Helper()
	if stage.cluster == nil {
		stage.cluster = newCluster(b, "bench", "bench")
		stage.una, stage.ben = stage.token("underwriter"), stage.token("broker")
	}
	for len(stage.rooms) < rooms {
		stage.rooms = append(stage.rooms, stage.room(stage.una))
	}
}

// BenchmarkLive is what the hub is for, seen from outside: real processes, real
// sockets. Everything runs on one machine, so rates are to be compared within
// one run: above all with pgbench, which inserts one row a transaction into the
// same server.
func BenchmarkLive(b *testing.B) {
	onStage(b, 64)
	b.Run("insert=pgbench/clients=16", func(b *testing.B) { pgbench(b, 16) })
	b.Run("post=socket/clients=16", func(b *testing.B) { postBySocket(b, 16, 8) })
	b.Run("post=rest/clients=16", func(b *testing.B) { postByREST(b, 16) })
	b.Run("post=rest/clients=64", func(b *testing.B) { postByREST(b, 64) })
	b.Run("insert=pgbench/clients=16/again", func(b *testing.B) { pgbench(b, 16) })
	b.Run("fanout/sessions=1000", func(b *testing.B) { fanOut(b, 1, 1000) })
	b.Run("fanout/rooms=500/sessions=5", func(b *testing.B) { fanOut(b, 500, 5) })
	b.Run("crossnode/rooms=200/pace=1000", crossNode)
	b.Run("idle/sessions=2000", idle)
}

var transactions = regexp.MustCompile(`tps = ([0-9.]+) \(without`)

// pgbench inserts b.N rows of a message's size, each in its own transaction.
func pgbench(b *testing.B, clients int) {
	script := filepath.Join(b.TempDir(), "insert.sql")
	err := os.WriteFile(script, []byte(`\set room random(1, 64)
INSERT INTO bench_row (room, author, payload) VALUES (:room, 'usr_01J8K3M4N5P6Q7R8S9T0V1W2X3', repeat('x', 500)::bytea);
`), 0o600)
	if err != nil {
		b.Fatal(err)
	}
	onServer(b, "psql", "-q", "-c",
		"CREATE TABLE IF NOT EXISTS bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, room int, author text, payload bytea, at timestamptz DEFAULT now())")
	b.ResetTimer()
	tps := rateOf(b, onServer(b, "pgbench", "-n", "-f", script, "-c", strconv.Itoa(clients), "-j", "2", "-t", strconv.Itoa(max(1, b.N/clients))))
	b.StopTimer()
	b.ReportMetric(tps, "rows/s")
}

// rateOf reads the transactions a second in what pgbench printed.
func rateOf(b *testing.B, out string) float64 {
	b.Helper()
	m := transactions.FindStringSubmatch(out)
	if m == nil {
		b.Fatal(out)
	}
	tps, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return tps
}

// onServer runs a program of Postgres on the database of the stage.
func onServer(b *testing.B, program string, args ...string) string {
	b.Helper()
	binary, err := exec.LookPath("pgbench")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
		if len(found) == 0 {
			b.Fatal("pgbench is not installed")
		}
		binary = found[len(found)-1]
	}
	u, err := url.Parse(stage.postgres.URL())
	if err != nil {
		b.Fatal(err)
	}
	password, _ := u.User.Password()
	cmd := exec.Command(filepath.Join(filepath.Dir(realPath(binary)), program), args...) //nolint:gosec // the test's own command
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGUSER="+u.User.Username(),
		"PGDATABASE="+strings.TrimPrefix(u.Path, "/"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func realPath(p string) string {
	if q, err := filepath.EvalSymlinks(p); err == nil {
		if _, err := os.Stat(filepath.Join(filepath.Dir(q), "psql")); err == nil {
			return q
		}
	}
	return p
}

// A lapse is how long each of many things took.
type lapse struct {
	mu sync.Mutex
	ds []time.Duration
}

func (l *lapse) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ds = append(l.ds, d)
}

func (l *lapse) report(b *testing.B) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ds) == 0 {
		return
	}
	slices.Sort(l.ds)
	at := func(q float64) float64 { return float64(l.ds[int(q*float64(len(l.ds)-1))]) / 1e6 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}

const sentence = "We can offer 1M per occurrence and 2M aggregate at the expiring rate, subject to three years of loss runs and a copy of the safety manual."

// postByREST lets clients post one message after the other.
func postByREST(b *testing.B, clients int) {
	var took lapse
	var next atomic.Int64
	var work sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	b.ResetTimer()
	began := time.Now()
	for i := range clients {
		work.Go(func() {
			for next.Add(1) <= int64(b.N) {
				start := time.Now()
				body := fmt.Sprintf(`{"body":%q,"clientId":%q}`, sentence, uuid.NewString())
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, stage.node(i).url+"/v1/deal-rooms/"+stage.rooms[i%64]+"/messages", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+stage.ben)
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusCreated {
					b.Errorf("status %d", res.StatusCode)
					return
				}
				took.add(time.Since(start))
			}
		})
	}
	work.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "posts/s")
	took.report(b)
}

// postBySocket lets clients post with so many posts each in flight. They
// listen to no channel but the one they post in, alone.
func postBySocket(b *testing.B, clients, flight int) {
	var took lapse
	var next atomic.Int64
	var work sync.WaitGroup
	conns := make([]*websocket.Conn, clients)
	for i := range conns {
		var err error
		if conns[i], err = stage.dial(b.Context(), i, stage.ben, stage.rooms[i%64], nil); err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conns[i].CloseNow() }()
	}
	b.ResetTimer()
	began := time.Now()
	for i, conn := range conns {
		work.Go(func() { talk(b, conn, stage.rooms[i%64], flight, &next, &took) })
	}
	work.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "posts/s")
	took.report(b)
}

func talk(b *testing.B, conn *websocket.Conn, room string, flight int, next *atomic.Int64, took *lapse) {
	ctx := b.Context()
	started := map[int64]time.Time{}
	post := func() {
		n := next.Add(1)
		if n > int64(b.N) {
			return
		}
		started[n] = time.Now()
		frame := fmt.Sprintf(`{"id":%d,"type":"post","channel":"room:%s","clientId":%q,"body":%q}`, n, room, uuid.NewString(), sentence)
		if err := conn.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
			b.Error(err)
		}
	}
	for range flight {
		post()
	}
	for len(started) > 0 {
		_, body, err := conn.Read(ctx)
		if err != nil {
			b.Error(err)
			return
		}
		var f struct {
			ID      int64  `json:"id"`
			Type    string `json:"type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(body, &f); err != nil {
			b.Error(err)
			return
		}
		switch f.Type {
		case "posted":
			took.add(time.Since(started[f.ID]))
			delete(started, f.ID)
			post()
		case "error":
			b.Error(f.Message)
			return
		}
	}
}

// A crowd is sessions that only count what they hear.
type crowd struct {
	heard atomic.Int64
	last  lapse // from the post's timestamp to a session's frame
	work  sync.WaitGroup
	close []func()
}

// gather opens sessions of rooms, spread over the nodes.
func gather(b *testing.B, rooms, each int, timed bool) *crowd {
	b.Helper()
	onStage(b, rooms)
	c := &crowd{}
	ctx, cancel := context.WithCancel(b.Context())
	c.close = append(c.close, cancel)
	for i := range rooms * each {
		conn, err := stage.dial(ctx, i/rooms, stage.una, stage.rooms[i%rooms], nil)
		if err != nil {
			b.Fatal(err)
		}
		c.close = append(c.close, func() { _ = conn.CloseNow() })
		c.work.Go(func() {
			for {
				_, body, err := conn.Read(ctx)
				if err != nil {
					return
				}
				if !strings.HasPrefix(string(body[:min(len(body), 16)]), `{"type":"entry"`) {
					continue
				}
				if timed {
					var f struct {
						Event struct {
							Data struct {
								Body string `json:"body"`
							} `json:"data"`
						} `json:"event"`
					}
					if json.Unmarshal(body, &f) == nil {
						if at, err := strconv.ParseInt(strings.TrimSpace(f.Event.Data.Body), 10, 64); err == nil {
							c.last.add(time.Since(time.Unix(0, at)))
						}
					}
				}
				c.heard.Add(1)
			}
		})
	}
	return c
}

func (c *crowd) leave() {
	for _, f := range c.close {
		f()
	}
	c.work.Wait()
}

func (c *crowd) until(b *testing.B, heard int64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	for c.heard.Load() < heard && ctx.Err() == nil {
		pause(ctx, time.Millisecond)
	}
	if c.heard.Load() != heard {
		b.Errorf("heard %d of %d", c.heard.Load(), heard)
	}
}

// cpu is the processor time that the nodes took so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, r := range stage.nodes {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
		if err != nil {
			return 0 // not Linux
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, f := range fields[11:13] { // utime, stime, in hundredths of a second
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

// fanOut posts b.N messages into rooms that sessions listen to.
func fanOut(b *testing.B, rooms, each int) {
	c := gather(b, rooms, each, false)
	defer c.leave()
	var next atomic.Int64
	var took lapse
	var work sync.WaitGroup
	const posters = 8
	conns := make([]*websocket.Conn, posters)
	for i := range conns {
		var err error
		if conns[i], err = stage.dial(b.Context(), i, stage.ben, stage.rooms[i%rooms], nil); err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conns[i].CloseNow() }()
	}
	used := cpu(b)
	b.ResetTimer()
	began := time.Now()
	for i, conn := range conns {
		work.Go(func() { talk(b, conn, stage.rooms[i%rooms], 4, &next, &took) })
	}
	work.Wait()
	c.until(b, int64(b.N)*int64(each))
	b.StopTimer()
	deliveries := float64(b.N * each)
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "posts/s")
	b.ReportMetric(deliveries/time.Since(began).Seconds(), "deliveries/s")
	b.ReportMetric((cpu(b)-used).Seconds()/deliveries*1e6, "cpu-s/Mdelivery")
	took.report(b)
}

// crossNode posts 1,000 messages a second over 200 rooms on one node and times
// them at sessions on the other.
func crossNode(b *testing.B) {
	const rooms, pace = 200, 1000
	onStage(b, rooms)
	c := gather(b, rooms, 1, true) // on node 0
	defer c.leave()
	var work sync.WaitGroup
	conns := make([]*websocket.Conn, 20)
	for i := range conns {
		var err error
		if conns[i], err = stage.dial(b.Context(), 1, stage.ben, stage.rooms[i], nil); err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conns[i].CloseNow() }()
		work.Go(func() { // acknowledgements and entries are read and dropped
			for {
				if _, _, err := conns[i].Read(b.Context()); err != nil {
					return
				}
			}
		})
	}
	b.ResetTimer()
	tick := time.NewTicker(time.Second / pace)
	defer tick.Stop()
	for n := range b.N {
		<-tick.C
		i := n % len(conns)
		frame := fmt.Sprintf(`{"id":%d,"type":"post","channel":"room:%s","clientId":%q,"body":"%d"}`, n, stage.rooms[i], uuid.NewString(), time.Now().UnixNano())
		if err := conns[i].Write(b.Context(), websocket.MessageText, []byte(frame)); err != nil {
			b.Fatal(err)
		}
	}
	c.until(b, int64(b.N))
	b.StopTimer()
	c.last.report(b)
	for _, conn := range conns {
		_ = conn.CloseNow()
	}
	work.Wait()
}

// idle opens sessions that do nothing, and weighs the nodes.
func idle(b *testing.B) {
	weigh := func() float64 {
		var sum float64
		for _, r := range stage.nodes {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
			if err != nil {
				b.Fatal("only Linux tells: ", err)
			}
			for line := range strings.Lines(string(status)) {
				if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
					kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
					if err != nil {
						b.Fatal(err)
					}
					sum += kb
				}
			}
		}
		return sum
	}
	const sessions = 2000
	before := weigh() // once: it is no rate
	c := gather(b, 64, sessions/64, false)
	defer c.leave()
	pause(b.Context(), 2*time.Second)
	b.ReportMetric((weigh()-before)/float64(sessions/64*64), "KB/session")
}
