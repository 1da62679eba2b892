package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openinsure/openinsure/store/embedded"
)

// servers are the nodes that the deal is played against.
type servers struct {
	urls   []string
	secret string // API_SECRET
	dir    string // of servers that the demo started; empty of others

	postgres *embedded.Server
	redis    *process
	nodes    []*process
}

// own reports whether the demo started them.
func (s *servers) own() bool { return s.dir != "" }

// node names a node for people; -1 is the last one.
func (s *servers) node(i int) string {
	if i < 0 {
		i += len(s.urls)
	}
	return "node " + strconv.Itoa(i+1)
}

// places lists where they are.
func (s *servers) places() string { return strings.Join(s.urls, ", ") }

// The times that parts may take to start and to stop.
const (
	postgresTime = 2 * time.Minute // it may have to be downloaded
	nodeTime     = time.Minute
	stopTime     = 20 * time.Second
)

// startServers starts Postgres, a Redis when there are several nodes, and the
// nodes, all below a folder of their own that goes with them.
func startServers(ctx context.Context, cfg Config, o *outside, out *screen) (s *servers, err error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand aborts the program instead
	s = &servers{secret: hex.EncodeToString(raw)}
	if s.dir, err = os.MkdirTemp("", "openinsure-demo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
			s = nil
		}
	}()
	if err := os.Chmod(s.dir, 0o755); err != nil { //nolint:gosec // Postgres may run as another user, who must pass
		return s, err
	}
	if cfg.Nodes > 1 && cfg.RedisURL == "" {
		if s.redis, cfg.RedisURL, err = startRedis(ctx, s.dir); err != nil {
			return s, err
		}
	}
	starting, cancel := context.WithTimeoutCause(ctx, postgresTime, errors.New("the private Postgres did not start in time"))
	defer cancel()
	began := time.Now()
	if s.postgres, err = embedded.Start(starting, embedded.Config{Dir: filepath.Join(s.dir, "postgres")}); err != nil {
		return s, err
	}
	carrier := "one node, messages carried in its own process"
	if cfg.Nodes > 1 {
		carrier = "messages carried by Redis"
	}
	out.say("Postgres", "private, ready in %.1f s", time.Since(began).Seconds())
	env, err := s.environment(cfg, o)
	if err != nil {
		return s, err
	}
	for i := range cfg.Nodes {
		began := time.Now()
		if err := s.startNode(ctx, cfg, env, i); err != nil {
			return s, err
		}
		out.say(s.node(i), "%s, ready in %.1f s", s.urls[i], time.Since(began).Seconds())
	}
	out.say("broker", "%s", carrier)
	out.say("outside", "a webhook receiver, an APNs, an FCM, mailboxes: none of them leaves this machine")
	return s, nil
}

// environment is what all nodes are told. Nothing of the demo's own environment
// gets through but what any program needs: a DATABASE_URL in it is somebody's.
func (s *servers) environment(cfg Config, o *outside) ([]string, error) {
	env := []string{
		"ENVIRONMENT=development", "DATA_DIR=" + filepath.Join(s.dir, "data"), "DATABASE_URL=" + s.postgres.URL(), "API_SECRET=" + s.secret,
		"BLOB_URL=file://" + filepath.ToSlash(filepath.Join(s.dir, "files")), "ADMIN_ADDR=", "DRAIN_TIME=6s", "LOG_LEVEL=info",
		"PUBLIC_URL=http://localhost:8787",
	}
	if cfg.RedisURL != "" && cfg.Nodes > 1 {
		env = append(env, "REDIS_URL="+cfg.RedisURL)
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "GOCOVERDIR", "GORACE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	o.mails = filepath.Join(s.dir, "data", "mail")
	told, err := o.settings(s.dir)
	return append(append(env, told...), cfg.Env...), err
}

// startNode starts a node on a free port and waits until it is ready. Somebody
// else may take the port before the node does, so it tries more than one.
func (s *servers) startNode(ctx context.Context, cfg Config, env []string, i int) error {
	var err error
	for range 5 {
		var addr string
		if addr, err = freeAddr(); err != nil {
			return err
		}
		var node *process
		node, err = startProcess(filepath.Join(s.dir, s.log(i)), slices.Concat(env, []string{"ADDR=" + addr}), slices.Concat(cfg.Command, []string{"serve"})...)
		if err != nil {
			return fmt.Errorf("start %s: %w", s.node(i), err)
		}
		s.nodes = append(s.nodes[:i:i], node)
		s.urls = append(s.urls[:i:i], "http://"+addr)
		if err = awaitReady(ctx, s.urls[i], node); err == nil {
			return nil
		}
		if !bytes.Contains([]byte(node.log()), []byte("is in use")) {
			break
		}
	}
	return fmt.Errorf("start %s: %w\n%s", s.node(i), err, s.nodes[i].log())
}

func (s *servers) log(i int) string { return fmt.Sprintf("node-%d.log", i+1) }

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitReady waits until a node takes requests.
func awaitReady(ctx context.Context, url string, node *process) error {
	ctx, cancel := context.WithTimeoutCause(ctx, nodeTime, errors.New("it was not ready in time"))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close() // the status says it all
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-node.done:
			return errors.New("it ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// mostComplaints is how many lines of a node's log are worth showing.
const mostComplaints = 10

// complaints are the warnings and errors in the nodes' logs, the newest.
func (s *servers) complaints() string {
	var out []string
	for i, n := range s.nodes {
		var lines []string
		for line := range strings.Lines(n.log()) {
			if strings.Contains(line, "code=not_ready") {
				continue // it was asked while it started
			}
			if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "panic:") || strings.Contains(line, "DATA RACE") {
				lines = append(lines, s.node(i)+"  "+strings.TrimSpace(line))
			}
		}
		out = append(out, lines[max(0, len(lines)-mostComplaints):]...)
	}
	return strings.Join(out, "\n")
}

// stop ends the nodes first and the folder last.
func (s *servers) stop() error {
	if !s.own() {
		return nil
	}
	for _, n := range s.nodes { // all at once: they drain together
		n.interrupt()
	}
	var errs []error
	for i, n := range s.nodes {
		if err := n.stop(stopTime); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.node(i), err))
		}
	}
	if s.redis != nil {
		errs = append(errs, s.redis.stop(stopTime))
	}
	if s.postgres != nil {
		ctx, cancel := context.WithTimeoutCause(context.Background(), stopTime, errors.New("stop of the private Postgres"))
		defer cancel()
		errs = append(errs, s.postgres.Stop(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
