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

// TestRoomPage has Chromium do what strangers, guests and mail scanners do with
// the link of an invitation, which is read from the mail folder. ROOMPAGE_SHOTS
// names a folder for pictures.
func TestRoomPage(t *testing.T) {
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
	script := exec.CommandContext(ctx, node, "page.js") //nolint:gosec // our own test data
	script.Dir = roomPage
	script.Env = append(os.Environ(), "API="+r.url, "TOKEN="+r.token("underwriter"), "BROKER="+r.token("broker"), "ROOM="+r.room(), "MAIL="+filepath.Join(r.dataDir, "mail"),
		"CHROMIUM="+browser, "SHOTS="+os.Getenv("ROOMPAGE_SHOTS"))
	if out, err := script.CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("page.js: %v\n%s", err, out)
	}
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
