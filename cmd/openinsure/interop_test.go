package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// interop is what speaks the protocol that is not ours.
const interop = "testdata/interop"

// needs fails the test when a program is missing.
func needs(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: .ci/run installs what the tests need", err)
	}
	return path
}

// token signs in as a persona of the demo.
func (r *running) token(persona string) string {
	r.t.Helper()
	secrets, err := readEnv(filepath.Join(r.dataDir, "secrets.env"))
	if err != nil {
		r.t.Fatal(err)
	}
	return r.must(http.StatusOK, http.MethodPost, "/auth/demo", `{"secret":"`+secrets["API_SECRET"]+`","as":"`+persona+`"}`)["token"].(string)
}

func TestNodeClient(t *testing.T) {
	node := needs(t, "node")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := os.Stat(filepath.Join(interop, "node_modules")); err != nil {
		install := exec.CommandContext(ctx, needs(t, "npm"), "ci", "--no-audit", "--no-fund") //nolint:gosec // npm
		install.Dir = interop
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	r := start(t, "serve", dataDir(t))
	room := r.room()
	script := exec.CommandContext(ctx, node, "client.js") //nolint:gosec // our own test data
	script.Dir = interop
	script.Env = append(os.Environ(), "API="+r.url, "TOKEN="+r.token("broker"), "ROOM="+room)
	if out, err := script.CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("client.js: %v\n%s", err, out)
	}
	r.stop()
}

// A site is a web site with the page of the interop tests.
type site struct {
	*httptest.Server
	config  atomic.Pointer[map[string]string]
	results chan browsed
}

// browsed is what the page reports.
type browsed struct {
	Failed string
	Seen   struct {
		Socket, Stream []string
		LastEventID    string
	}
	Socket *struct {
		Opened bool
		Code   int
	}
	Stream *struct{ Opened, Error bool }
	Rest   *struct {
		Refused          bool
		Status           int
		RequestID, Limit string
	}
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{results: make(chan browsed, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(interop, "page.html"))
	})
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(*s.config.Load()) // the page reports that it got none
	})
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, r *http.Request) {
		var b browsed
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			b.Failed = err.Error()
		}
		select {
		case s.results <- b:
		default: // a page reports once
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.CloseClientConnections)
	return s
}

// browse has a browser open the site's page, and returns what it reports.
func (s *site) browse(t *testing.T, config map[string]string) browsed {
	t.Helper()
	s.config.Store(&config)
	profile, err := os.MkdirTemp("", "openinsure-browser-")
	if err != nil {
		t.Fatal(err)
	}
	var log output
	browser := exec.Command(needs(t, "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", //nolint:gosec // chromium
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
		"--user-data-dir="+profile, s.URL+"/")
	browser.Stdout, browser.Stderr = &log, &log
	browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	browser.WaitDelay = 5 * time.Second // its children may hold its output
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-browser.Process.Pid, syscall.SIGKILL) // with its children
		_ = browser.Wait()                                      // it was killed
		_ = os.RemoveAll(profile)                               // a child may still be going
	}()
	select {
	case b := <-s.results:
		if b.Failed != "" {
			t.Fatalf("the page failed: %s\n%s", b.Failed, log.String())
		}
		return b
	case <-time.After(time.Minute):
		t.Fatalf("the page reported nothing\n%s", log.String())
		return browsed{}
	}
}

// A browser calls the API and hears a room by WebSocket and by EventSource from
// a page whose origin is allowed; a page of another site can do nothing.
func TestBrowser(t *testing.T) {
	good, bad := newSite(t), newSite(t)
	defer good.Close()
	defer bad.Close()
	r := start(t, "serve", dataDir(t), "ALLOWED_ORIGINS="+good.URL)
	room := r.room()
	as := r.underwriter()
	head := as(http.MethodGet, "/v1/deal-rooms/"+room+"/messages", nil)
	since := head["epoch"].(string) + ":" + "0"
	ticket := func() string {
		return as(http.MethodGet, "/v1/deal-rooms/"+room+"/ws", nil)["ticket"].(string)
	}
	direct := func(ticket string) string {
		return "ws" + strings.TrimPrefix(r.url, "http") + "/v1/ws?ticket=" + url.QueryEscape(ticket)
	}
	stream := func(ticket string) string {
		return r.url + "/v1/events/stream?channel=room:" + room + "&lastEventId=" + since + "&ticket=" + url.QueryEscape(ticket)
	}
	one, two := ticket(), ticket()
	call, token := r.url+"/v1/realtime/tickets", r.token("underwriter")

	// The tickets are good, as the next page shows: it is the origin that is not.
	b := bad.browse(t, map[string]string{"socket": direct(one), "stream": stream(two), "rest": call, "token": token})
	if b.Socket == nil || b.Socket.Opened || b.Socket.Code != 1006 || len(b.Seen.Socket) > 0 {
		t.Errorf("a page of another site: socket %+v heard %q", b.Socket, b.Seen.Socket)
	}
	if b.Stream == nil || b.Stream.Opened || !b.Stream.Error || len(b.Seen.Stream) > 0 {
		t.Errorf("a page of another site: stream %+v heard %q", b.Stream, b.Seen.Stream)
	}
	if b.Rest == nil || !b.Rest.Refused {
		t.Errorf("a page of another site called the API: %+v", b.Rest)
	}

	b = good.browse(t, map[string]string{"socket": direct(one), "stream": stream(two), "rest": call, "token": token})
	if b.Socket == nil || !b.Socket.Opened || b.Socket.Code != 1000 {
		t.Errorf("the socket: %+v", b.Socket)
	}
	if len(b.Seen.Socket) == 0 || b.Seen.Socket[0] != "init" || !slices.Contains(b.Seen.Socket, "posted") || !slices.Contains(b.Seen.Socket, "entry") {
		t.Errorf("the socket heard %q", b.Seen.Socket)
	}
	if b.Stream == nil || !b.Stream.Opened || b.Stream.Error {
		t.Errorf("the stream: %+v heard %q", b.Stream, b.Seen.Stream)
	}
	if b.Rest == nil || b.Rest.Status != http.StatusOK || !strings.HasPrefix(b.Rest.RequestID, "req_") || b.Rest.Limit == "" {
		t.Errorf("the API answered the page %+v", b.Rest)
	}
	last := as(http.MethodGet, "/v1/deal-rooms/"+room+"/messages", nil)["data"].([]any)
	if len(last) != 1 || last[0].(map[string]any)["body"] != "From a browser." {
		t.Errorf("the room has %v", last)
	}
	if epoch, seq, _ := strings.Cut(b.Seen.LastEventID, ":"); epoch == "" || seq == "" || seq == "0" {
		t.Errorf("the stream's last event id is %q", b.Seen.LastEventID)
	}
	r.stop()
}
