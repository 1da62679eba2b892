package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oidcFolder is a real OpenID Connect server, and what drives a browser there.
const oidcFolder = "testdata/oidc"

const oidcSecret = "what both servers know, and nobody else"

// startOIDC starts the server, which knows one address to come back to, and
// returns its own.
func startOIDC(ctx context.Context, t *testing.T, redirect string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(oidcFolder, "node_modules")); err != nil {
		install := exec.CommandContext(ctx, needs(t, "npm"), "ci", "--no-audit", "--no-fund") //nolint:gosec // npm
		install.Dir = oidcFolder
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	node := exec.CommandContext(ctx, needs(t, "node"), "server.js") //nolint:gosec // our own test data
	node.Dir = oidcFolder
	node.Env = append(os.Environ(), "REDIRECT="+redirect, "SECRET="+oidcSecret)
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
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = node.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	url := strings.TrimSpace(line)
	if err != nil || !strings.HasPrefix(url, "http://") {
		t.Fatalf("the server said %q, %v\n%s", line, err, log.String())
	}
	return url
}

// TestSignInByOIDC has Chromium sign people in at a real server, and thieves try.
// ROOMPAGE_SHOTS names a folder for pictures.
func TestSignInByOIDC(t *testing.T) {
	browser := needs(t, "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	addr := freeAddr(t)
	idp := startOIDC(ctx, t, "http://"+addr+"/auth/oidc/callback")
	secrets := filepath.Join(t.TempDir(), "oidc")
	if err := os.WriteFile(secrets, []byte(oidcSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := launch(t, "serve", dataDir(t), "ADDR="+addr, "PUBLIC_URL=http://"+addr, "DOCS_ACCESS=oidc", "OIDC_ISSUER="+idp, "OIDC_CLIENT_ID=openinsure", "OIDC_CLIENT_SECRET_FILE="+secrets,
		"OIDC_SCOPES=groups", "OIDC_ROLE_CLAIM=groups", "OIDC_ROLES=bosses=admin,underwriters=underwriter")
	r.url = "http://" + addr
	r.ready()
	script := exec.CommandContext(ctx, needs(t, "node"), "page.js") //nolint:gosec // our own test data
	script.Dir = oidcFolder
	script.Env = append(os.Environ(), "API="+r.url, "IDP="+idp, "ROOM="+r.room(), "CHROMIUM="+browser, "SHOTS="+os.Getenv("ROOMPAGE_SHOTS"))
	if out, err := script.CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("page.js: %v\n%s\n%s", err, out, r.log)
	}
	log := r.log.String()
	for _, word := range []string{"summit.example", "evil.example", oidcSecret, "state="} {
		if strings.Contains(log, word) {
			t.Errorf("the log has %q", word)
		}
	}
	r.stop()
}

func TestSignInSettings(t *testing.T) {
	good := doorSettings{OIDCIssuer: "https://idp.example.com", OIDCClientID: "c", OIDCAlg: "RS256"}
	for name, tt := range map[string]struct {
		change func(*doorSettings)
		err    []string // what it says; nil: nothing is wrong
	}{
		"good":                   {func(*doorSettings) {}, nil},
		"docs without a server":  {func(c *doorSettings) { *c = doorSettings{DocsAccess: "oidc"} }, []string{"DOCS_ACCESS=oidc needs OIDC_ISSUER"}},
		"a client of nobody":     {func(c *doorSettings) { c.OIDCIssuer = "" }, []string{"OIDC_CLIENT_ID needs OIDC_ISSUER"}},
		"roles without a claim":  {func(c *doorSettings) { c.OIDCRoles = []string{"a=admin"} }, []string{"OIDC_ROLES means nothing without OIDC_ROLE_CLAIM"}},
		"several at once":        {func(c *doorSettings) { c.OIDCIssuer, c.OIDCClientID, c.OIDCAlg = "http://idp.example.com", "", "HS256" }, []string{"OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_ALG"}},
		"a role of our own make": {func(c *doorSettings) { c.OIDCRoleClaim, c.OIDCRoles = "g", []string{"a=superadmin"} }, []string{"OIDC_ROLES", "superadmin"}},
		"no organisation":        {func(c *doorSettings) { c.OIDCOrgClaim, c.OIDCOrgs = "o", []string{"a=summit"} }, []string{"OIDC_ORGS", "summit"}},
	} {
		c := good
		tt.change(&c)
		_, err := c.openDoor("production", "https://api.example.com/")
		if (err != nil) != (tt.err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, part := range tt.err {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v says nothing of %s", name, err, part)
			}
		}
	}
}
