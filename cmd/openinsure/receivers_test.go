package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook/sign"
)

// pipe runs a program with something on its standard input and returns what it
// says.
func pipe(t *testing.T, in []byte, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s; .ci/run installs what the tests need", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestWebhookVerifiers lets those whom customers use check what a real server
// delivered: the reference's own verifier, the library of Standard Webhooks, and
// openssl.
func TestWebhookVerifiers(t *testing.T) {
	c := newCluster(t, "serve")
	h := c.hook(nil)
	c.room(c.token("underwriter"))
	eventually(t, 20*time.Second, "delivered", func() bool { return h.Total() >= 3 })
	for _, q := range h.Requests() {
		plain, signed := q.Header.Get(sign.Plain), append([]byte(q.ID+"."+q.Header.Get(sign.Timestamp)+"."), q.Body...)
		if got := pipe(t, q.Body, "node", "../../push/webhook/sign/testdata/reference.mjs", plain, h.secret); got != "good" {
			t.Errorf("the reference's verifier says %s", got)
		}
		if got := pipe(t, append(bytes.Clone(q.Body), ' '), "node", "../../push/webhook/sign/testdata/reference.mjs", plain, h.secret); got != "bad" {
			t.Errorf("the reference's verifier says %s of a changed body", got)
		}
		library, err := standardwebhooks.NewWebhook(h.secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := library.Verify(q.Body, q.Header); err != nil {
			t.Errorf("the library says %v", err)
		}
		if err := library.Verify(append(bytes.Clone(q.Body), ' '), q.Header); err == nil {
			t.Error("the library takes a changed body")
		}
		_, sum, _ := strings.Cut(pipe(t, q.Body, "openssl", "dgst", "-sha256", "-hmac", h.secret), "= ")
		if plain != "sha256="+sum {
			t.Errorf("openssl says %s, the header %s", sum, plain)
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.secret, sign.Prefix))
		if err != nil {
			t.Fatal(err)
		}
		_, sum, _ = strings.Cut(pipe(t, signed, "openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:"+hex.EncodeToString(key)), "= ")
		theirs, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(q.Header.Get(sign.Signature), "v1,"))
		if err != nil || hex.EncodeToString(theirs) != sum {
			t.Errorf("openssl says %s, the header %x, %v", sum, theirs, err)
		}
	}
	c.node(0).stop()
}

// TestReceiversThatMisbehave: each delivery says what was wrong, and whoever
// behaves is delivered to all the while.
func TestReceiversThatMisbehave(t *testing.T) {
	c := newCluster(t)
	c.add("deliver", 0, "WORKER=one", "LEASE=4s")
	trap := c.hook(map[string]any{"events": []string{"webhook.disabled"}})
	type want struct{ state, outcome, class, detail string }
	cases := []struct {
		name string
		set  func(*hook)
		want want
	}{
		{"a hundred megabytes", func(h *hook) { h.Huge(100 << 20) }, want{"delivered", "delivered", "", ""}},
		{"hangs", func(h *hook) { h.Hang() }, want{"pending", "retry", "timeout", "No whole answer"}},
		{"drips", func(h *hook) { h.Drip() }, want{"pending", "retry", "timeout", "No whole answer"}},
		{"refuses", func(h *hook) { h.Refuse() }, want{"pending", "retry", "connect", "connection"}},
		{"redirects", func(h *hook) { h.Redirect(trap.URL()) }, want{"pending", "retry", "redirect", "not followed"}},
		{"is down", func(h *hook) { h.Status(500, "") }, want{"pending", "retry", "status", "500"}},
		{"has enough", func(h *hook) { h.Status(503, "3600") }, want{"pending", "retry", "status", "503"}},
		{"is gone", func(h *hook) { h.Status(410, "") }, want{"failed", "gone", "gone", "410"}},
		{"is well", func(*hook) {}, want{"delivered", "delivered", "", ""}},
	}
	hooks := make([]*hook, len(cases))
	for i, tt := range cases {
		hooks[i] = c.hook(map[string]any{"events": []string{"submission.created"}})
		tt.set(hooks[i])
	}
	c.must(c.key(), "/v1/submissions", map[string]any{
		"insuredName": "Pacific Coast Builders", "naicsCode": "236220", "annualRevenue": 8000000, "requestedLimit": 1000000,
		"effectiveDate": "2026-05-01", "state": "OR", "lineOfBusiness": "GL",
	})
	for i, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			var d map[string]any
			var attempts []any
			eventually(t, 20*time.Second, "tried", func() bool {
				ds := c.owedTo(hooks[i])
				if len(ds) != 1 {
					return false
				}
				d = ds[0]
				attempts = d["attempts"].([]any)
				return len(attempts) > 0
			})
			a := attempts[0].(map[string]any)
			text := func(name string) string {
				s, _ := a[name].(string)
				return s
			}
			got := want{d["state"].(string), text("outcome"), text("error"), text("detail")}
			if got.state == "leased" {
				got.state = "pending" // it is tried again already
			}
			if !strings.Contains(got.detail, tt.want.detail) || (got.detail == "") != (tt.want.detail == "") {
				t.Errorf("detail %q, want %q in it", got.detail, tt.want.detail)
			}
			if got.detail = tt.want.detail; got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if tt.name == "has enough" {
				at, err := time.Parse(time.RFC3339Nano, d["nextAttemptAt"].(string))
				if in := time.Until(at); err != nil || in < 50*time.Minute {
					t.Errorf("the next attempt is in %s, %v", in, err)
				}
			}
			if body, _ := a["responseBody"].(string); len(body) > 16<<10 {
				t.Errorf("%d bytes of the answer are kept", len(body))
			}
		})
	}
	gone := hooks[7]
	eventually(t, 20*time.Second, "told", func() bool { return trap.Total() > 0 })
	var e struct{ Status, DisabledReason string }
	if err := send(t.Context(), c.node(0).url, c.key(), http.MethodGet, "/v1/webhooks/"+gone.id, nil, &e); err != nil || e.Status != "disabled" {
		t.Errorf("the endpoint that is gone is %+v, %v", e, err)
	}
	if q := trap.Requests()[0]; trap.Total() != 1 || !bytes.Contains(q.Body, []byte(gone.id)) || q.Path != "/in" {
		t.Errorf("%d requests at the other endpoint, the first at %s:\n%s", trap.Total(), q.Path, q.Body)
	}
	c.node(0).stop()
}

// TestExpiredProviderKey: a push that Apple refuses because of our key says so,
// waits, and arrives once the key is good.
func TestExpiredProviderKey(t *testing.T) {
	for _, reason := range []string{"ExpiredProviderToken", "InvalidProviderToken"} {
		t.Run(reason, func(t *testing.T) {
			apple, err := pushtest.NewAPNs(pushtest.APNsConfig{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = apple.Close() }()
			dir := t.TempDir()
			key, roots, err := apple.WriteFiles(dir)
			if err != nil {
				t.Fatal(err)
			}
			c := newCluster(t)
			c.add("serve", 0, "APNS_KEY_FILE="+key, "APNS_ROOTS_FILE="+roots, "APNS_HOST="+apple.URL(), "APNS_KEY_ID="+apple.KeyID(),
				"APNS_TEAM_ID="+apple.TeamID(), "APNS_TOPIC="+apple.Topic())
			c.must(c.token("broker"), "/v1/me/devices", map[string]any{"platform": "ios", "token": strings.Repeat("ab", 32)})
			apple.Misbehave(pushtest.Fault{Status: 403, Reason: reason})
			c.room(c.token("underwriter")) // Ben is invited
			tried := `SELECT coalesce((SELECT a.outcome || ' ' || a.code || ' ' || a.class || ' ' || a.detail || ' ' || d.state FROM attempt a JOIN delivery d ON d.id = a.delivery_id
				WHERE d.kind = 'apns' AND a.attempt = 1), '')`
			eventually(t, 20*time.Second, "tried", func() bool { return readSQL[string](c, tried) != "" })
			if got, want := readSQL[string](c, tried), "misset 403 credential 403 "+reason+" pending"; got != want {
				t.Errorf("the log says %q, want %q", got, want)
			}
			if !strings.Contains(c.node(0).log.String(), "our own credentials are refused") {
				t.Error("the operator is not told")
			}
			apple.Misbehave()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := apple.Wait(ctx, 1); err != nil {
				t.Error(err)
			}
			eventually(t, 20*time.Second, "delivered", func() bool {
				return readSQL[bool](c, `SELECT bool_and(state = 'delivered') FROM delivery WHERE kind = 'apns'`)
			})
			c.node(0).stop()
		})
	}
}

// take returns what there is so far, the shortest first, and forgets it.
func (l *lapse) take() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	ds := l.ds
	l.ds = nil
	slices.Sort(ds)
	return ds
}

func percentile(ds []time.Duration, p int) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	return ds[(len(ds)-1)*p/100].Round(100 * time.Microsecond)
}

// TestOneHangingEndpoint of twenty holds what it may have at once and no more;
// all others are served, about as fast as before.
func TestOneHangingEndpoint(t *testing.T) {
	const endpoints = 20
	c := newCluster(t)
	c.add("deliver", 0, "WORKER=one", "LEASE=45s")
	var l lapse
	hooks := make([]*hook, endpoints)
	for i := range hooks {
		hooks[i] = c.hook(nil)
		hooks[i].late.Store(&l)
	}
	w := c.work(50 * time.Millisecond)
	pause(t.Context(), time.Second) // the first plans and connections
	l.take()
	pause(t.Context(), 4*time.Second)
	quiet := l.take()
	hanging := hooks[endpoints-1]
	hanging.Hang()
	pause(t.Context(), time.Second)
	l.take()
	most, free := 0, 0
	for range 20 {
		pause(t.Context(), 200*time.Millisecond)
		most = max(most, readSQL[int](c, `SELECT count(*) FROM delivery WHERE state = 'leased' AND target = $1::uuid`, webhookUUID(t, hanging.id)))
	}
	disturbed := l.take()
	w.stop()
	w.doing.Wait()
	if most > 8 || most == 0 {
		t.Errorf("%d slots were held by the endpoint that hangs, of 8", most)
	}
	eventually(t, 20*time.Second, "delivered to all others", func() bool { return readSQL[bool](c, delivered, []string{webhookUUID(t, hanging.id)}) })
	if free = readSQL[int](c, `SELECT count(*) FROM delivery WHERE state = 'pending' AND target = $1::uuid`, webhookUUID(t, hanging.id)); free == 0 {
		t.Error("nothing waits for the endpoint that hangs")
	}
	if n := readSQL[int](c, `SELECT count(*) FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE a.attempt > 1 AND d.target <> $1::uuid`, webhookUUID(t, hanging.id)); n > 0 {
		t.Errorf("%d deliveries to others were tried again", n)
	}
	t.Logf("quiet: %d, p50 %s, p99 %s; with one that hangs: %d, p50 %s, p99 %s; it holds %d slots, %d wait for it",
		len(quiet), percentile(quiet, 50), percentile(quiet, 99), len(disturbed), percentile(disturbed, 50), percentile(disturbed, 99), most, free)
	if q, d := percentile(quiet, 99), percentile(disturbed, 99); d > 10*q+5*time.Second {
		t.Errorf("p99 %s, from %s", d, q)
	}
	_ = hanging.Close() // or the stop waits for it
	c.node(0).stop()
}
