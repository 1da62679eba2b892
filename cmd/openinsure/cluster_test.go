package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/api/redislimit"
	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/brokertest"
	"github.com/openinsure/openinsure/hub/redistest"
	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/access/spicedb"
	"github.com/openinsure/openinsure/store/embedded"
)

func init() {
	switch os.Getenv(roleEnv) {
	case "hostile":
		seed, err := strconv.ParseUint(os.Getenv("HOSTILE_SEED"), 10, 64)
		if err != nil {
			panic(err) // the test sets it
		}
		wrapBroker = func(b hub.Broker) hub.Broker {
			return brokertest.Hostile(b, seed, brokertest.Config{Drop: 0.1, Double: 0.1, Delay: 0.1, Swap: 0.1})
		}
	case "patient":
		tuneLimits = func(c *redislimit.Config) { c.Timeout = 20 * time.Second }
		tuneAuthority = func(c *spicedb.Config) { c.Timeout = 20 * time.Second }
	case "bench":
		tune = func(c *hub.Config) {
			c.Sessions, c.SessionsPerSubject, c.SessionsPerAddress = 50_000, 50_000, 50_000
			c.FrameRate, c.FrameBurst = 100_000, 100_000
		}
	case "die":
		last, err := strconv.ParseInt(os.Getenv("DIE_AFTER"), 10, 64)
		if err != nil {
			panic(err) // the test sets it
		}
		var commits atomic.Int64
		beforePublish = func() {
			if commits.Add(1) >= last {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}
}

// A gate is a stretch of network that can be cut, and led to another server.
type gate struct {
	l    net.Listener
	work sync.WaitGroup

	mu     sync.Mutex // guards the rest
	target string
	cut    bool
	conns  map[net.Conn]struct{}
}

func newGate(t testing.TB, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{l: l, target: target, conns: map[net.Conn]struct{}{}}
	g.work.Go(g.accept)
	t.Cleanup(func() {
		_ = l.Close()
		g.set("", true)
		g.work.Wait()
	})
	return g
}

func (g *gate) addr() string { return g.l.Addr().String() }

// set cuts the gate, or opens it towards a server.
func (g *gate) set(target string, cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target, g.cut = target, cut
	if cut {
		for c := range g.conns {
			_ = c.Close()
		}
	}
}

// to is where the gate leads.
func (g *gate) to() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.target
}

func (g *gate) accept() {
	for {
		in, err := g.l.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		target, cut := g.target, g.cut
		g.mu.Unlock()
		out, err := net.Dial("tcp", target)
		if cut || err != nil {
			_ = in.Close()
			if out != nil {
				_ = out.Close()
			}
			continue
		}
		g.mu.Lock()
		g.conns[in], g.conns[out] = struct{}{}, struct{}{}
		g.mu.Unlock()
		g.work.Go(func() { g.carry(in, out) })
		g.work.Go(func() { g.carry(out, in) })
	}
}

func (g *gate) carry(to, from net.Conn) {
	_, _ = io.Copy(to, from) // ends when either side does
	_, _ = to.Close(), from.Close()
	g.mu.Lock()
	delete(g.conns, to)
	delete(g.conns, from)
	g.mu.Unlock()
}

// A cluster is nodes over one Postgres and one Redis, each reached by gates.
type cluster struct {
	t        testing.TB
	dir      string
	pgDir    string
	postgres *embedded.Server
	db       *gate
	redis    *redistest.Server
	bus      *gate
	dbURL    string

	mu    sync.Mutex // guards nodes
	nodes []*running
}

// newCluster brings up Postgres and Redis, and a node of each role.
func newCluster(t testing.TB, roles ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: dataDir(t)}
	c.pgDir = filepath.Join(dataDir(t), "postgres")
	c.startPostgres()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.postgres.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	c.redis = redistest.Start(t)
	c.bus = newGate(t, c.redis.Addr())
	for i, role := range roles {
		c.add(role, i)
	}
	return c
}

// startPostgres starts Postgres and leads the gate there: its port is another
// one each time.
func (c *cluster) startPostgres() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	var err error
	if c.postgres, err = embedded.Start(ctx, embedded.Config{Dir: c.pgDir}); err != nil {
		c.t.Fatal(err)
	}
	u, err := url.Parse(c.postgres.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	if c.db == nil {
		c.db = newGate(c.t, u.Host)
		u.Host = c.db.addr()
		c.dbURL = u.String()
	} else {
		c.db.set(u.Host, false)
	}
}

// restartPostgres stops Postgres at once, as a crash of its machine would be
// noticed, and starts it again.
func (c *cluster) restartPostgres() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	c.db.set("", true)
	if err := c.postgres.Stop(ctx); err != nil {
		c.t.Fatal(err)
	}
	c.startPostgres()
}

// add starts node number i with a role, in the place of the one before.
func (c *cluster) add(role string, i int, env ...string) {
	c.t.Helper()
	r := start(c.t, role, c.dir, append([]string{
		"DATABASE_URL=" + c.dbURL, "REDIS_URL=redis://" + c.bus.addr(), "HOSTILE_SEED=" + strconv.Itoa(i+1), "DRAIN_TIME=6s",
	}, env...)...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < len(c.nodes) {
		c.nodes[i] = r
	} else {
		c.nodes = append(c.nodes, r)
	}
}

// node is a node, any of them in turn.
func (c *cluster) node(i int) *running {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[i%len(c.nodes)]
}

// send makes a request to a node; what is not 2xx is an error.
func send(ctx context.Context, base, bearer, method, path string, body, answer any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(b, answer)
}

// must posts to the first node, which has to succeed.
func (c *cluster) must(bearer, path string, body any) map[string]any {
	c.t.Helper()
	var m map[string]any
	if err := send(c.t.Context(), c.node(0).url, bearer, http.MethodPost, path, body, &m); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// token signs in as a persona of the demo.
func (c *cluster) token(as string) string {
	c.t.Helper()
	secrets, err := readEnv(filepath.Join(c.dir, "secrets.env"))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.must("", "/auth/demo", map[string]any{"secret": secrets["API_SECRET"], "as": as})["token"].(string)
}

// underwriter adds a user to the demo's MGA and signs in as him.
func (c *cluster) underwriter(email string) string {
	c.t.Helper()
	made := c.must(c.token("admin"), "/v1/users", map[string]any{"email": email, "name": "Another Underwriter", "role": access.RoleUnderwriter})
	secrets, err := readEnv(filepath.Join(c.dir, "secrets.env"))
	if err != nil {
		c.t.Fatal(err)
	}
	tokens, err := access.ParseTokens(secrets["JWT_KEYS"], "http://localhost:8787", time.Now)
	if err != nil {
		c.t.Fatal(err)
	}
	by := access.Actor{Kind: access.User, ID: made["id"].(string), Role: access.RoleUnderwriter}
	if by.Org, err = access.ParseOrgID(made["orgId"].(string)); err != nil {
		c.t.Fatal(err)
	}
	token, _, err := tokens.Mint(by)
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

// key is the demo's API key.
func (c *cluster) key() string {
	c.t.Helper()
	demo, err := readEnv(filepath.Join(c.dir, "demo.env"))
	if err != nil {
		c.t.Fatal(err)
	}
	return demo["DEMO_API_KEY"]
}

// room opens a room of the demo's two companies for a new submission.
func (c *cluster) room(lead string) string {
	c.t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(builder), &fields); err != nil {
		c.t.Fatal(err)
	}
	sub := c.must(c.key(), "/v1/submissions", fields)["id"]
	who := []map[string]any{{"email": "ben@harbor.example", "role": "broker"}}
	return c.must(lead, "/v1/deal-rooms", map[string]any{"submissionId": sub, "participants": who})["id"].(string)
}

// logged is one entry as the database has it.
type logged struct {
	seq     int64
	event   string
	payload string
}

// entries reads a channel from the database itself.
func (c *cluster) entries(channel string) []logged {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.postgres.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(c.t.Context()) }()
	rows, err := conn.Query(c.t.Context(), `SELECT e.seq, e.event_id::text, convert_from(e.payload, 'UTF8') FROM entry e JOIN channel c ON c.id = e.channel_id
		WHERE c.name = $1 ORDER BY e.seq`, channel)
	if err != nil {
		c.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (logged, error) {
		var l logged
		return l, row.Scan(&l.seq, &l.event, &l.payload)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}
