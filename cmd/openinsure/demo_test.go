package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/cmd/openinsure/demo"
)

// played is what the demo says when everything was as it must be.
const played = "nothing missing, nothing doubled, nothing invented"

// demoConfig plays with servers that are this test binary.
func demoConfig(out *output) demo.Config {
	return demo.Config{Command: []string{os.Args[0]}, Env: []string{roleEnv + "=serve"}, Out: out}
}

// perform runs the demo to its end.
func perform(t *testing.T, cfg demo.Config) {
	t.Helper()
	out, _ := cfg.Out.(*output)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := demo.Run(ctx, cfg); err != nil {
		t.Fatalf("the demo: %v\n%s", err, out)
	}
	if !strings.Contains(out.String(), played) {
		t.Errorf("the demo does not say how it went:\n%s", out)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 100 {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
}

func TestDemo(t *testing.T) {
	perform(t, demoConfig(&output{}))
}

func TestDemoOverRedis(t *testing.T) {
	needs(t, "redis-server")
	out := &output{}
	cfg := demoConfig(out)
	cfg.Nodes = 2
	perform(t, cfg)
	if !strings.Contains(out.String(), "carried by Redis") {
		t.Errorf("it does not say what carries:\n%s", out)
	}
}

// What a broker loses, doubles, delays and swaps, nobody who listens notices.
func TestDemoOverAHostileBroker(t *testing.T) {
	needs(t, "redis-server")
	cfg := demoConfig(&output{})
	cfg.Nodes, cfg.Env = 2, []string{roleEnv + "=hostile", "HOSTILE_SEED=7"}
	perform(t, cfg)
}

// A server that goes on without the demo has no endpoint and no key of it left.
func TestDemoAgainstARunningServer(t *testing.T) {
	r := start(t, "serve", dataDir(t))
	secrets, err := readEnv(filepath.Join(r.dataDir, "secrets.env"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what the first one left behind must not disturb the second
		perform(t, demo.Config{URLs: []string{r.url}, Secret: secrets["API_SECRET"], Out: &output{}})
	}
	if left := r.must(http.StatusOK, http.MethodGet, "/v1/webhooks", "")["data"].([]any); len(left) != 0 {
		t.Errorf("endpoints are left: %v", left)
	}
	r.stop()
}

// Whoever stops the demo finds nothing of it running, and no folder.
func TestDemoIsStopped(t *testing.T) {
	tmp := dataDir(t)
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &output{}
	cfg := demoConfig(out)
	cfg.Keep = true
	ended := make(chan error, 1)
	go func() { ended <- demo.Run(ctx, cfg) }()
	deadline, tick := time.After(2*time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(out.String(), "until Ctrl-C") {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, out)
		case <-deadline:
			t.Fatalf("it does not say that it keeps the servers:\n%s", out)
		case <-tick.C:
		}
	}
	url := ""
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "API" {
			url = f[1]
		}
	}
	res, err := http.Get(url + "/readyz")
	if err != nil {
		t.Fatalf("the server it kept: %v\n%s", err, out)
	}
	_ = res.Body.Close()
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v\n%s", err, out)
	}
	if res, err := http.Get(url + "/readyz"); err == nil {
		_ = res.Body.Close()
		t.Error("the server still runs")
	}
	if left, err := filepath.Glob(filepath.Join(tmp, "openinsure-demo-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoWithoutRedis(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	cfg := demoConfig(&output{})
	cfg.Nodes = 2
	err := demo.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "install redis-server, or set --redis-url") {
		t.Errorf("two nodes without Redis: %v", err)
	}
}

func TestDemoFlags(t *testing.T) {
	for name, c := range map[string]demoCmd{
		"no nodes":            {},
		"an URL, no secret":   {Nodes: 1, URL: []string{"http://localhost:1"}},
		"an URL that is kept": {Nodes: 1, URL: []string{"http://localhost:1"}, APISecret: "s", Keep: true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.Run(t.Context()); err == nil {
				t.Error("it runs")
			}
		})
	}
}
