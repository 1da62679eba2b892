package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/store/embedded"
)

// command runs the program beside a server on its data folder, as its operator
// would.
func command(t testing.TB, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(append(os.Environ(), roleEnv+"=serve", "DATA_DIR="+dir), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// operate is command for one who knows that it works.
func operate(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := command(t, dir, nil, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// sql runs statements on the private Postgres of a server, as its superuser.
func sql(t testing.TB, dir string, statements ...string) {
	t.Helper()
	url, ok, err := embedded.Running(filepath.Join(dir, "postgres"))
	if err != nil || !ok {
		t.Fatalf("no Postgres runs: %v", err)
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// until asks again until it is so.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestKeysRotateBesideAServer goes the way of the operator's guide: rotate,
// restart, reseal, drop. What is sealed can be read all the way.
func TestKeysRotateBesideAServer(t *testing.T) {
	dir := dataDir(t)
	file := filepath.Join(dir, "secrets.env")
	r := start(t, "serve", dir)
	post := func(key string, replayed bool) {
		t.Helper()
		a, err := r.call("POST", "/v1/submissions", builder, "Idempotency-Key", key)
		if err != nil || a.status != 201 || (a.header.Get("Idempotent-Replayed") == "true") != replayed {
			t.Fatalf("%s: %+v, %v; want it replayed: %v", key, a, err, replayed)
		}
	}
	post("one", false)
	if s := operate(t, dir, "keys", "status"); !strings.Contains(s, "ENCRYPTION_KEY: k1 ") || !strings.Contains(s, "idempotency.answer  k1   1\n") {
		t.Errorf("status:\n%s", s)
	}
	if s, err := command(t, dir, nil, "keys", "drop", "k1"); err == nil {
		t.Errorf("the only key was dropped:\n%s", s)
	}

	before := must(readEnv(file))(t)
	if s := operate(t, dir, "keys", "rotate"); !strings.Contains(s, "1 rows are sealed anew, by k2") {
		t.Errorf("rotate:\n%s", s)
	}
	after := must(readEnv(file))(t)
	if s := after["ENCRYPTION_KEY"]; !strings.HasPrefix(s, "k2:") || !strings.HasSuffix(s, ","+before["ENCRYPTION_KEY"]) {
		t.Errorf("the new setting has the keys %v", keyNames(secret(s)))
	}
	post("one", true)  // the server has learned k2
	post("two", false) // and still seals by k1
	if s, err := command(t, dir, nil, "keys", "drop", "k1"); err == nil || !strings.Contains(s, "k1 still seals 1 rows of idempotency.answer") {
		t.Errorf("dropped what still seals: %v\n%s", err, s)
	}
	// An operator who keeps the setting himself is shown it, twice the same.
	env := []string{"ENCRYPTION_KEY=" + before["ENCRYPTION_KEY"]}
	s, err := command(t, dir, env, "keys", "rotate")
	if err != nil || !strings.Contains(s, "\nENCRYPTION_KEY="+after["ENCRYPTION_KEY"]+"\n") {
		t.Errorf("a rotation that goes on: %v; its setting is another", err)
	}
	r.stop()

	r = start(t, "serve", dir)
	post("two", true)
	operate(t, dir, "keys", "reseal")
	operate(t, dir, "keys", "drop", "k1")
	if s := operate(t, dir, "keys", "status"); strings.Contains(s, "k1") || !strings.Contains(s, "idempotency.answer  k2   2\n") {
		t.Errorf("status:\n%s", s)
	}
	r.stop()
	r = start(t, "serve", dir)
	post("one", true)
	post("two", true)
	r.stop()
	if s := operate(t, dir, "keys", "status"); !strings.Contains(s, "ENCRYPTION_KEY: k2 ") { // and without a server
		t.Errorf("status:\n%s", s)
	}
}

// must fails the test that asked when there was an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestTokenKeysRotate: tokens of the key before are good after it, new ones are
// of the new key.
func TestTokenKeysRotate(t *testing.T) {
	dir := dataDir(t)
	r := start(t, "serve", dir)
	signIn := func() string {
		t.Helper()
		secrets := must(readEnv(filepath.Join(dir, "secrets.env")))(t)
		return r.must(200, "POST", "/auth/demo", fmt.Sprintf(`{"secret":%q}`, secrets["API_SECRET"]))["token"].(string)
	}
	kid := func(token string) string {
		t.Helper()
		head, _, _ := strings.Cut(token, ".")
		return string(must(base64.RawURLEncoding.DecodeString(head))(t))
	}
	old := signIn()
	r.stop()
	if s := operate(t, dir, "keys", "rotate", "--jwt"); !strings.Contains(s, "JWT_KEYS in") {
		t.Errorf("rotate:\n%s", s)
	}
	r = start(t, "serve", dir)
	r.must(200, "GET", "/v1/me", "", "X-API-Key", "", "Authorization", "Bearer "+old)
	if fresh := signIn(); !strings.Contains(kid(fresh), `"k2"`) || !strings.Contains(kid(old), `"k1"`) {
		t.Errorf("signed by %s after %s", kid(fresh), kid(old))
	}
	r.stop()
	env := []string{"JWT_KEYS=k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	s, err := command(t, dir, env, "keys", "rotate", "--jwt")
	if err != nil || !strings.Contains(s, "\n"+env[0]+",k2:") || !strings.Contains(s, "\nJWT_KEYS=k2:") {
		t.Errorf("for several nodes: %v\n%s", err, s)
	}
}

// TestVerifyBesideAServer: what a server writes is a whole chain, also after a
// kill, until somebody touches it.
func TestVerifyBesideAServer(t *testing.T) {
	dir := dataDir(t)
	r := start(t, "serve", dir)
	org := r.demo()["DEMO_ORG"]
	for range 20 {
		r.must(401, "GET", "/v1/policies", "", "X-API-Key", "oik_test_"+strings.Repeat("00", 32))
		r.must(403, "GET", "/v1/api-keys", "")
	}
	var s string
	until(t, "the refusals are linked", func() bool {
		s = operate(t, dir, "audit", "verify")
		return strings.Contains(s, "platform: 1 rows, head 1:") && strings.Contains(s, org+": 5 rows, head 5:")
	})
	kept := ""
	for line := range strings.Lines(s) {
		if rest, ok := strings.CutPrefix(line, org+": 5 rows, head "); ok {
			kept = strings.TrimSpace(rest)
		}
	}
	_ = r.cmd.Process.Kill()
	_ = r.wait()
	r = start(t, "serve", dir)
	if s := operate(t, dir, "audit", "verify", "--org", org, "--head", kept); strings.Contains(s, "platform") {
		t.Errorf("of one organization:\n%s", s)
	}
	other := strings.Replace(kept, "5:", "4:", 1)
	if s, err := command(t, dir, nil, "audit", "verify", "--org", org, "--head", other); err == nil || !strings.Contains(s, "row 4 is not the one") {
		t.Errorf("a head that never was: %v\n%s", err, s)
	}
	sql(t, dir, `ALTER TABLE audit DISABLE TRIGGER USER`, `UPDATE audit SET reason = 'x' WHERE seq = 2 AND object_type = 'user'`)
	s, err := command(t, dir, nil, "audit", "verify")
	if err == nil || !strings.Contains(s, org+": BROKEN at row 2 (aud_") || !strings.Contains(s, "platform: ") {
		t.Errorf("a changed row: %v\n%s", err, s)
	}
	r.stop()
}
