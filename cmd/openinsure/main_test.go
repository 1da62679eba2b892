package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary is the program itself when this is set: "serve" runs it as a
// user would, "hostile" does too, with a broker that loses, doubles, delays and
// swaps, "bench" with no limits, "deliver" with leases as short as LEASE says,
// "patient" waits for a Redis and a SpiceDB that a crowded machine slows down, and "die" is
// killed after so many commits as DIE_AFTER says, before anybody is told or
// answered.
const roleEnv = "OPENINSURE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "serve", "hostile", "die", "bench", "deliver", "patient":
		main()
		return
	case "sink":
		if err := sink(os.Getenv("SINK_ADDR")); err != nil {
			panic(err) // whoever started it sees it
		}
		return
	}
	os.Exit(m.Run())
}

// A running is a server in a process of its own.
type running struct {
	t       testing.TB
	cmd     *exec.Cmd
	url     string
	log     *output
	dataDir string
	ended   chan error
}

// An output is what a server says, read while it is still saying it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// dataDir makes a folder that the user of a private Postgres can reach.
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "openinsure-cmd-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // Postgres runs as another user
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// start starts a server and waits until it is ready.
func start(t testing.TB, role, dir string, env ...string) *running {
	t.Helper()
	return launch(t, role, dir, env...).ready()
}

// freeAddr is an address at which nobody listens.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// launch starts a server and does not wait.
func launch(t testing.TB, role, dir string, env ...string) *running {
	t.Helper()
	addr := freeAddr(t)
	r := &running{t: t, url: "http://" + addr, log: &output{}, dataDir: dir, ended: make(chan error, 1)}
	r.cmd = exec.Command(os.Args[0], "serve")
	r.cmd.Env = append(os.Environ(), roleEnv+"="+role, "DATA_DIR="+dir, "ADDR="+addr, "ADMIN_ADDR=")
	r.cmd.Env = append(r.cmd.Env, env...)
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

// ready waits until the server takes requests.
func (r *running) ready() *running {
	t := r.t
	t.Helper()
	deadline, tick := time.After(90*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-r.ended:
			t.Fatalf("the server ended: %v\n%s", err, r.log)
		case <-deadline:
			t.Fatalf("the server is not ready\n%s", r.log)
		case <-tick.C:
			if res, err := http.Get(r.url + "/readyz"); err == nil {
				_ = res.Body.Close()
				if res.StatusCode == http.StatusOK {
					return r
				}
			}
		}
	}
}

// stop asks the server to stop and waits until it has.
func (r *running) stop() {
	r.t.Helper()
	_ = r.cmd.Process.Signal(os.Interrupt)
	if err := r.wait(); err != nil {
		r.t.Fatalf("stop: %v\n%s", err, r.log)
	}
}

func (r *running) wait() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(60 * time.Second):
		r.t.Fatal("the server does not end")
		return nil
	}
}

// demo reads what the first start wrote for people to try.
func (r *running) demo() map[string]string {
	r.t.Helper()
	m, err := readEnv(filepath.Join(r.dataDir, "demo.env"))
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// An answer is what a server said.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// call makes a request with the demo API key; an error of the connection is
// returned.
func (r *running) call(method, path, body string, header ...string) (answer, error) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-API-Key", r.demo()["DEMO_API_KEY"])
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(bufio.NewReader(res.Body))
	if err != nil {
		return answer{}, err
	}
	var m map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &m); err != nil {
			r.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return answer{res.StatusCode, res.Header, m}, nil
}

// must makes a request that has to answer with a status.
func (r *running) must(status int, method, path, body string, header ...string) map[string]any {
	r.t.Helper()
	a, err := r.call(method, path, body, header...)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", method, path, err, r.log)
	}
	if a.status != status {
		r.t.Fatalf("%s %s = %d %v, want %d", method, path, a.status, a.body, status)
	}
	return a.body
}
