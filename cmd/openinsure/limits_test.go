package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Two nodes over one Redis let through exactly what a key may ask in a minute,
// go on when Redis dies, each by itself, and count together again when it is
// back.
func TestLimitsAcrossNodes(t *testing.T) {
	c := newCluster(t)
	// The sandbox has no demo of its own; development makes it first.
	start(t, "serve", c.dir, "DATABASE_URL="+c.dbURL).stop()
	for i := range 2 {
		c.add("patient", i, "ENVIRONMENT=sandbox")
	}
	token := c.token("underwriter")
	shared := func(want bool) {
		t.Helper()
		for _, n := range c.nodes {
			for deadline := time.Now().Add(30 * time.Second); ; <-time.After(20 * time.Millisecond) {
				_, body := ask(t, n.url, "", "/readyz")
				if strings.Contains(body, `"limits":"ok"`) == want {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("shared must become %v: %s\n%s", want, body, n.log)
				}
			}
		}
	}
	// at asks n times of both nodes at once and returns how many passed.
	at := func(n int) (passed int) {
		t.Helper()
		var ok, refused atomic.Int64
		var asking sync.WaitGroup
		for i := range n {
			asking.Go(func() {
				h, _ := ask(t, c.node(i).url, token, "/v1/me")
				switch {
				case h.status == http.StatusOK:
					ok.Add(1)
				case h.status == http.StatusTooManyRequests && h.header.Get("Retry-After") != "" && h.header.Get("X-RateLimit-Remaining") == "0":
					refused.Add(1)
				default:
					t.Errorf("answered %d with %v", h.status, h.header)
				}
			})
		}
		asking.Wait()
		return int(ok.Load())
	}
	// fresh waits for a minute that has just begun, by Redis' clock, which is
	// ours.
	fresh := func() {
		now := time.Now()
		<-time.After(now.Truncate(time.Minute).Add(time.Minute + 100*time.Millisecond).Sub(now))
	}

	shared(true)
	fresh()
	h, _ := ask(t, c.node(0).url, token, "/v1/me")
	if h.header.Get("X-RateLimit-Limit") != "100" || h.header.Get("X-RateLimit-Remaining") != "99" {
		t.Errorf("the first request: %v", h.header)
	}
	h, _ = ask(t, c.node(1).url, token, "/v1/me")
	if h.header.Get("X-RateLimit-Remaining") != "98" {
		t.Errorf("on the other node %s are left, want 98", h.header.Get("X-RateLimit-Remaining"))
	}
	if got := at(150); got != 98 {
		t.Errorf("%d of 150 passed over two nodes, want the 98 that were left", got)
	}
	c.redis.Kill()
	shared(false)
	// Each node has a count of its own, in which a few may be already.
	if got := at(300); got < 190 || got > 200 {
		t.Errorf("without Redis %d passed, want the limit of each node", got)
	}
	c.redis.Restart()
	shared(true)
	fresh()
	if got := at(150); got != 100 {
		t.Errorf("%d passed with Redis back, want 100", got)
	}
}

// answered is an answer without its body.
type answered struct {
	status int
	header http.Header
}

func ask(t *testing.T, base, token, path string) (answered, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		t.Error(err)
		return answered{}, ""
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return answered{}, ""
	}
	defer func() { _ = res.Body.Close() }()
	var body strings.Builder
	if _, err := io.Copy(&body, res.Body); err != nil {
		t.Error(err)
	}
	if n, err := strconv.Atoi(res.Header.Get("X-RateLimit-Limit")); err != nil || n == 0 {
		t.Errorf("%s: no limit in %v", path, res.Header)
	}
	return answered{res.StatusCode, res.Header}, body.String()
}
