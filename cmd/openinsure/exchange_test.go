package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// betterAuth is a real better-auth server under Node.js.
type betterAuth struct {
	t    *testing.T
	url  string
	stop func()
}

const betterAuthFolder = "testdata/better-auth"

func startBetterAuth(t *testing.T) *betterAuth {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	if _, err := os.Stat(filepath.Join(betterAuthFolder, "node_modules")); err != nil {
		install := exec.CommandContext(ctx, needs(t, "npm"), "ci", "--no-audit", "--no-fund") //nolint:gosec // npm
		install.Dir = betterAuthFolder
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	node := exec.CommandContext(ctx, needs(t, "node"), "server.js") //nolint:gosec // our own test data
	node.Dir = betterAuthFolder
	var log output
	node.Stderr = &log
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	b := &betterAuth{t: t}
	b.stop = func() {
		if b.url != "" {
			_ = in.Close() // which ends it
			_ = node.Wait()
			b.url = ""
		}
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if b.url = strings.TrimSpace(line); err != nil || !strings.HasPrefix(b.url, "http://") {
		t.Fatalf("the server said %q, %v\n%s", line, err, log.String())
	}
	t.Cleanup(b.stop)
	return b
}

// call asks the server for something and returns the session's token, if the
// answer has one, and the body.
func (b *betterAuth) call(path, token string, body map[string]any) (string, map[string]any) {
	b.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(string(raw)))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var m map[string]any
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil || res.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %d %v %v", path, res.StatusCode, m, err)
	}
	return res.Header.Get("Set-Auth-Token"), m
}

// signUp makes an account and signs it in.
func (b *betterAuth) signUp(email string) string {
	b.t.Helper()
	token, _ := b.call("/api/auth/sign-up/email", "", map[string]any{"email": email, "password": "a long password", "name": "Una"})
	if token == "" {
		b.t.Fatal("no token came with the account")
	}
	return token
}

// The sessions of a real better-auth server are exchanged as the reference has
// it, for the user here whom they belong to, as long as he may.
func TestExchangeOfBetterAuth(t *testing.T) {
	auth := startBetterAuth(t)
	r := start(t, "serve", dataDir(t), "AUTH_SESSION_URL="+auth.url)
	admin := []string{"X-API-Key", "", "Authorization", "Bearer " + r.token("admin")}
	user := r.must(201, "POST", "/v1/users", `{"email":"Uma@Summit.example","name":"Una","role":"underwriter"}`, admin...)
	exchange := func(status int, token string) map[string]any {
		t.Helper()
		return r.must(status, "POST", "/auth/better/exchange", "", "X-API-Key", "", "Authorization", "Bearer "+token)
	}
	session := auth.signUp("uma@summit.example")
	if m := exchange(403, session); m["error"] != "identity_unknown" {
		t.Errorf("an address that is not verified: %v", m)
	}
	auth.call("/test/user", "", map[string]any{"email": "uma@summit.example", "emailVerified": true})
	in := exchange(200, session)
	if me := r.must(200, "GET", "/v1/me", "", "X-API-Key", "", "Authorization", "Bearer "+in["token"].(string)); me["id"] != user["id"] || me["role"] != "underwriter" {
		t.Errorf("me: %v", me)
	}
	if until, err := time.Parse(time.RFC3339, in["expiresAt"].(string)); err != nil || time.Until(until) > 15*time.Minute || time.Until(until) < 14*time.Minute {
		t.Errorf("until %v, %v", in["expiresAt"], err)
	}
	// He stays who he is, whatever becomes of his address.
	auth.call("/test/user", "", map[string]any{"email": "uma@summit.example", "emailVerified": false})
	exchange(200, session)
	// Another account gets in by its own address alone.
	stranger := auth.signUp("stranger@summit.example")
	auth.call("/test/user", "", map[string]any{"email": "stranger@summit.example", "emailVerified": true})
	if m := exchange(403, stranger); m["error"] != "identity_unknown" {
		t.Errorf("a stranger: %v", m)
	}
	// The organisation over there that he worked for first is the one here.
	_, summit := auth.call("/api/auth/organization/create", session, map[string]any{"name": "Summit", "slug": "summit"})
	exchange(200, session)
	_, other := auth.call("/api/auth/organization/create", session, map[string]any{"name": "Other", "slug": "other"})
	auth.call("/api/auth/organization/set-active", session, map[string]any{"organizationId": other["id"]})
	if m := exchange(403, session); m["error"] != "identity_organization" {
		t.Errorf("for another organisation: %v", m)
	}
	auth.call("/api/auth/organization/set-active", session, map[string]any{"organizationId": summit["id"]})
	exchange(200, session)
	// Bad tokens, and our own secrets, which nobody else is to see.
	secrets, err := readEnv(filepath.Join(r.dataDir, "secrets.env"))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"nonsense": "nonsense", "a token of ours": in["token"].(string), "cut": session[:20], "a key": r.demo()["DEMO_API_KEY"], "the secret": secrets["API_SECRET"],
	} {
		if m := exchange(401, token); m["error"] != "invalid_session" {
			t.Errorf("%s: %v", name, m)
		}
	}
	r.must(401, "POST", "/auth/better/exchange", "", "X-API-Key", "")
	r.must(200, "PATCH", "/v1/users/"+user["id"].(string), `{"status":"stopped"}`, admin...)
	if m := exchange(403, session); m["error"] != "identity_unknown" {
		t.Errorf("a stopped user: %v", m)
	}
	r.must(401, "GET", "/v1/me", "", "X-API-Key", "", "Authorization", "Bearer "+in["token"].(string))
	r.must(200, "PATCH", "/v1/users/"+user["id"].(string), `{"status":"active"}`, admin...)
	exchange(200, session)
	auth.call("/api/auth/sign-out", session, map[string]any{})
	if m := exchange(401, session); m["error"] != "invalid_session" {
		t.Errorf("after he signed out over there: %v", m)
	}
	auth.stop()
	if m := exchange(503, session); m["error"] != "auth_unavailable" {
		t.Errorf("without the server: %v", m)
	}
	if strings.Contains(r.log.String(), session) {
		t.Error("the log has a session's token")
	}
	r.stop()
}
