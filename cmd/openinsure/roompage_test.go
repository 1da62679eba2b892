package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// roomPage is what drives a browser on the page of a room.
const roomPage = "testdata/roompage"

// browse has Chromium do what a script says, on the page of a room of a server
// of its own. ROOMPAGE_SHOTS names a folder for pictures.
func browse(t *testing.T, script string) *running {
	t.Helper()
	node, browser := needs(t, "node"), needs(t, "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if _, err := os.Stat(filepath.Join(roomPage, "node_modules")); err != nil {
		install := exec.CommandContext(ctx, needs(t, "npm"), "ci", "--no-audit", "--no-fund") //nolint:gosec // npm
		install.Dir = roomPage
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	r := start(t, "serve", dataDir(t))
	run := exec.CommandContext(ctx, node, script) //nolint:gosec // our own test data
	run.Dir = roomPage
	run.Env = append(os.Environ(), "API="+r.url, "TOKEN="+r.token("underwriter"), "ADMIN="+r.token("admin"), "BROKER="+r.token("broker"), "ROOM="+r.room(),
		"MAIL="+filepath.Join(r.dataDir, "mail"), "CHROMIUM="+browser, "SHOTS="+os.Getenv("ROOMPAGE_SHOTS"))
	if out, err := run.CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
	return r
}

// TestRoomPage is what strangers, guests and mail scanners do with the link of an
// invitation, which is read from the mail folder.
func TestRoomPage(t *testing.T) {
	r := browse(t, "page.js")
	if res, err := http.Get(r.url + "/rooms/join"); err != nil {
		t.Error(err)
	} else {
		_ = res.Body.Close()
		if csp := res.Header.Get("Content-Security-Policy"); csp == "" {
			t.Error("the page has no policy")
		}
	}
	r.stop()
}

// TestRoomPageDeal is a broker's side of a deal, act by act, with an underwriter
// in the room who sees each of them.
func TestRoomPageDeal(t *testing.T) { browse(t, "deal.js").stop() }
