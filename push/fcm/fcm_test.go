package fcm_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/fcm"
	"github.com/openinsure/openinsure/push/pushtest"
)

func TestPhoneIsToldInItsLanguage(t *testing.T) {
	fake, s := newFCM(t)
	d := delivery(1)
	d.Device.Locale = "es_MX"
	d.Notice.Expires = time.Now().Add(90*time.Second + 500*time.Millisecond)
	r := s.Send(t.Context(), d)
	if r.Outcome != push.Delivered || r.Code != 200 || r.Class != "" || r.IP != "127.0.0.1" {
		t.Fatalf("result = %+v, want delivered", r)
	}
	if r.RequestHeader.Get("Authorization") != "" || r.RequestHeader.Get("Content-Type") != "application/json" {
		t.Errorf("request header = %v, want all but the access token", r.RequestHeader)
	}
	p := fake.Pushes()[0]
	if p.Name == "" || r.ProviderMessage != p.Name || p.Token != d.Device.Address || p.Installation {
		t.Errorf("push = %+v and message %q, want it to the phone under the name that FCM gave", p, r.ProviderMessage)
	}
	var want pushtest.FCMMessage
	want.Token = d.Device.Address
	want.Data = map[string]string{"eventId": "evt_00000000000000000000000001", "type": d.Type, "about": d.Notice.About, "link": d.Notice.Link}
	want.Notification.Title, want.Notification.Body = "Su siniestro", "Lo estamos revisando."
	want.Android.Priority, want.Android.TTL = "high", "90s"
	want.Android.CollapseKey, want.Android.Notification.Tag = d.Notice.About, d.Notice.About
	if diff := cmp.Diff(want, p.Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestAnInstallationIsTold(t *testing.T) {
	fake, s := newFCM(t)
	d := delivery(1)
	d.Device.Address, d.Device.Installation = "dInstallationOfAPhone1", true
	if r := s.Send(t.Context(), d); r.Outcome != push.Delivered {
		t.Fatal(r)
	}
	if p := fake.Pushes()[0]; !p.Installation || p.Token != d.Device.Address {
		t.Errorf("push = %+v, want one to the installation", p)
	}
}

func TestTimeToLive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		expires time.Duration // from now; 0: never
		want    string
	}{{"now or never", 0, "0s"}, {"a second that has begun", 1900 * time.Millisecond, "1s"}, {"at most four weeks", 365 * 24 * time.Hour, "2419200s"}} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Now()
			fake, s := newFCM(t, func(c *fcm.Config) { c.Now = func() time.Time { return now } })
			d := delivery(1)
			if tt.expires != 0 {
				d.Notice.Expires = now.Add(tt.expires)
			}
			if r := s.Send(t.Context(), d); r.Outcome != push.Delivered {
				t.Fatal(r)
			}
			if got := fake.Pushes()[0].Message.Android.TTL; got != tt.want {
				t.Errorf("ttl = %s, want %s", got, tt.want)
			}
		})
	}
	fake, s := newFCM(t)
	d := delivery(1)
	d.Notice.Expires = time.Now()
	if r := s.Send(t.Context(), d); r.Outcome != push.Cancelled || fake.Requests() != 0 {
		t.Errorf("an expired one: %s after %d requests, want cancelled after none", r.Outcome, fake.Requests())
	}
}

func TestLongWordsAreCut(t *testing.T) {
	fake, s := newFCM(t)
	for i, unit := range []string{"word ", "日", "<&>"} {
		d := delivery(i)
		d.Notice.Words["en"] = push.Words{Title: "Title", Body: strings.Repeat(unit, 5000)}
		if r := s.Send(t.Context(), d); r.Outcome != push.Delivered {
			t.Errorf("%q: result = %+v, want delivered", unit, r)
		}
	}
	for _, p := range fake.Pushes() {
		if b := p.Message.Notification.Body; len(b) < 400 || !utf8.ValidString(b) || !strings.HasSuffix(b, "…") {
			t.Errorf("body has %d bytes and ends in %q, want whole characters and an ellipsis", len(b), b[len(b)-6:])
		}
	}
	d := delivery(9)
	d.Notice.Link = strings.Repeat("x", 5000)
	if r := s.Send(t.Context(), d); r.Outcome != push.Failed || r.Class != push.ClassPayload {
		t.Errorf("with a link that is too long: %+v, want failed", r)
	}
}

func TestAnswers(t *testing.T) {
	const credential, bad = "credential", "payload"
	html := "<html>Sign in to the network</html>"
	tests := []struct {
		name    string
		fault   pushtest.Fault
		outcome push.Outcome
		class   string
		slow    bool
		wait    time.Duration
	}{
		{"unregistered", pushtest.Fault{Status: 404, Reason: "UNREGISTERED"}, push.Gone, push.ClassGone, false, 0},
		{"a token that is none", pushtest.Fault{Status: 400, Reason: "INVALID_ARGUMENT", Field: "message.token"}, push.Gone, push.ClassGone, false, 0},
		{"an installation that is none", pushtest.Fault{Status: 400, Reason: "INVALID_ARGUMENT", Field: "message.fid"}, push.Gone, push.ClassGone, false, 0},
		{"another field", pushtest.Fault{Status: 400, Reason: "INVALID_ARGUMENT", Field: "message.android.ttl"}, push.Failed, bad, false, 0},
		{"no field", pushtest.Fault{Status: 400, Reason: "INVALID_ARGUMENT"}, push.Failed, bad, false, 0},
		{"a 400 of Google and not of FCM", pushtest.Fault{Status: 400}, push.Failed, bad, false, 0},
		{"quota", pushtest.Fault{Status: 429, Reason: "QUOTA_EXCEEDED"}, push.Retry, push.ClassStatus, true, time.Minute},
		{"quota with a wait", pushtest.Fault{Status: 429, Reason: "QUOTA_EXCEEDED", RetryAfter: "5"}, push.Retry, push.ClassStatus, true, 5 * time.Second},
		{"internal", pushtest.Fault{Status: 500, Reason: "INTERNAL"}, push.Retry, push.ClassStatus, false, 0},
		{"unavailable", pushtest.Fault{Status: 503, Reason: "UNAVAILABLE", RetryAfter: "2"}, push.Retry, push.ClassStatus, true, 2 * time.Second},
		{"unavailable without a code", pushtest.Fault{Status: 503, Body: html}, push.Retry, push.ClassStatus, true, 0},
		{"a proxy's 502", pushtest.Fault{Status: 502, Body: html}, push.Retry, push.ClassStatus, false, 0},
		{"a success that is none", pushtest.Fault{Status: 200, Body: html}, push.Retry, push.ClassProtocol, false, 0},
		{"a success without a name", pushtest.Fault{Status: 200, Body: "{}"}, push.Retry, push.ClassProtocol, false, 0},
		{"moved", pushtest.Fault{Status: 302, Body: `{"name":"projects/p/messages/1"}`}, push.Retry, push.ClassRedirect, false, 0},
		{"credentials for another push service", pushtest.Fault{Status: 401, Reason: "THIRD_PARTY_AUTH_ERROR"}, push.Misset, credential, false, 0},
		{"no permission", pushtest.Fault{Status: 403}, push.Misset, credential, false, 0},
		{"no such project", pushtest.Fault{Status: 404}, push.Misset, credential, false, 0},
		{"another project's phone, and nothing delivered yet", pushtest.Fault{Status: 403, Reason: "SENDER_ID_MISMATCH"}, push.Misset, credential, false, 0},
		{"hung up", pushtest.Fault{Drop: true}, push.Retry, push.ClassConnect, false, 0},
	}
	fake, s := newFCM(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := fake.Requests()
			fake.Misbehave(tt.fault)
			r := s.Send(t.Context(), delivery(i))
			if r.Outcome != tt.outcome || r.Class != tt.class || r.Slow != tt.slow || r.RetryAfter != tt.wait || r.Code != tt.fault.Status {
				t.Errorf("result = %s %s slow=%t after %v code %d (%s), want %s %s slow=%t after %v", r.Outcome, r.Class, r.Slow, r.RetryAfter, r.Code, r.Detail,
					tt.outcome, tt.class, tt.slow, tt.wait)
			}
			if r.Detail == "" || strings.Contains(r.Detail, "127.0.0.1") || strings.Contains(r.Detail, "html") {
				t.Errorf("detail = %q, want what people need, without addresses or foreign text", r.Detail)
			}
			// net/http repeats a request on a connection that breaks before any answer
			// only if it is safe, which a message is not.
			if n := fake.Requests() - before; n != 1 {
				t.Errorf("%d requests in one attempt, want 1", n)
			}
		})
	}
}

func TestPhonesOfAnotherProjectAreDoubted(t *testing.T) {
	var ahead atomic.Int64
	fake, s := newFCM(t, func(c *fcm.Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	send := func(n int) push.Outcome { return s.Send(t.Context(), delivery(n)).Outcome }
	for n := range 600 {
		if got := send(n); got != push.Delivered {
			t.Fatal(got)
		}
	}
	fake.Misbehave(pushtest.Fault{Status: http.StatusForbidden, Reason: "SENDER_ID_MISMATCH"})
	for n := range 6 { // of 606
		if got := send(n); got != push.Gone {
			t.Errorf("number %d: %s, want gone", n+1, got)
		}
	}
	if got := send(7); got != push.Misset {
		t.Errorf("above one in a hundred: %s, want misset", got)
	}
	ahead.Store(int64(6 * time.Minute))
	if got := send(8); got != push.Gone {
		t.Errorf("five minutes later: %s, want gone", got)
	}
}

func TestLoginIsOneForAllAndRenewedInTime(t *testing.T) {
	var ahead atomic.Int64
	fake, s := newFCM(t, func(c *fcm.Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	sendAll(t, s, 200)
	if n := fake.AccessTokens(); n != 1 {
		t.Fatalf("%d access tokens for 200 messages at once, want 1", n)
	}
	for _, tt := range []struct {
		at     time.Duration
		tokens int
	}{{54 * time.Minute, 1}, {56 * time.Minute, 2}, {57 * time.Minute, 2}, {4 * time.Hour, 3}} {
		ahead.Store(int64(tt.at))
		sendAll(t, s, 10)
		if n := fake.AccessTokens(); n != tt.tokens {
			t.Errorf("after %v: %d access tokens, want %d", tt.at, n, tt.tokens)
		}
	}
}

func TestAFailedRenewalIsNoHarmWhileTheTokenIsGood(t *testing.T) {
	var ahead atomic.Int64
	fake, s := newFCM(t, func(c *fcm.Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	sendAll(t, s, 1)
	fake.Misbehave(pushtest.Fault{OAuth: true, Status: 500})
	ahead.Store(int64(58 * time.Minute))
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Delivered {
		t.Errorf("result = %+v, want delivered with the old token", r)
	}
	ahead.Store(int64(61 * time.Minute))
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Retry || r.Code != 500 {
		t.Errorf("result = %+v, want retry: no token, and nobody's fault", r)
	}
	fake.Misbehave()
	ahead.Store(int64(62 * time.Minute))
	sendAll(t, s, 1)
}

func TestATokenThatNoLongerCountsIsRenewedOnce(t *testing.T) {
	fake, s := newFCM(t)
	sendAll(t, s, 1)
	fake.ExpireTokens()
	if r := s.Send(t.Context(), delivery(2)); r.Outcome != push.Delivered || fake.AccessTokens() != 2 || fake.Requests() != 3 {
		t.Errorf("%s after %d requests with %d tokens, want delivered after 3 with 2", r.Outcome, fake.Requests(), fake.AccessTokens())
	}
	fake.Misbehave(pushtest.Fault{Status: http.StatusUnauthorized})
	if r := s.Send(t.Context(), delivery(3)); r.Outcome != push.Misset || r.Class != push.ClassCredential || fake.Requests() != 5 {
		t.Errorf("%s after %d requests, want misset after 5", r.Outcome, fake.Requests())
	}
}

func TestNoLogin(t *testing.T) {
	tests := []struct {
		name    string
		fault   pushtest.Fault
		change  func(*fcm.Config)
		outcome push.Outcome
		class   string
	}{
		{"the account is refused", pushtest.Fault{Status: 400, Reason: "invalid_grant"}, nil, push.Misset, push.ClassCredential},
		{"the endpoint is down", pushtest.Fault{Status: 503}, nil, push.Retry, push.ClassStatus},
		{"too many", pushtest.Fault{Status: 429}, nil, push.Retry, push.ClassStatus},
		{"an answer that is none", pushtest.Fault{Status: 200, Body: "<html>"}, nil, push.Retry, push.ClassProtocol},
		{"an answer without a token", pushtest.Fault{Status: 200, Body: "{}"}, nil, push.Retry, push.ClassProtocol},
		{"no answer", pushtest.Fault{Drop: true}, nil, push.Retry, push.ClassConnect},
		{"no answer in time", pushtest.Fault{Hang: true}, func(c *fcm.Config) { c.Timeout = 50 * time.Millisecond }, push.Retry, push.ClassTimeout},
		{"the key of another account", pushtest.Fault{OAuth: true}, func(c *fcm.Config) {
			var a, b map[string]string
			if json.Unmarshal(c.Credentials, &a) != nil || json.Unmarshal(newFake(t, pushtest.FCMConfig{}).Credentials(), &b) != nil {
				t.Fatal("credentials are not JSON")
			}
			a["private_key"] = b["private_key"]
			c.Credentials, _ = json.Marshal(a)
		}, push.Misset, push.ClassCredential},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			change := tt.change
			if change == nil {
				change = func(*fcm.Config) {}
			}
			fake, s := newFCM(t, change)
			tt.fault.OAuth = true
			fake.Misbehave(tt.fault)
			for range 3 {
				if r := s.Send(t.Context(), delivery(1)); r.Outcome != tt.outcome || r.Class != tt.class || r.Detail == "" || strings.Contains(r.Detail, "127.0.0.1") {
					t.Errorf("result = %s %s (%s), want %s %s", r.Outcome, r.Class, r.Detail, tt.outcome, tt.class)
				}
			}
			if fake.Requests() != 0 {
				t.Errorf("%d messages without a token, want none", fake.Requests())
			}
		})
	}
}

func TestAllowances(t *testing.T) {
	now := time.Now()
	fake, s := newFCM(t, func(c *fcm.Config) {
		c.Now = func() time.Time { return now }
		c.PerSecond, c.PerPhone = 10, 3
	})
	for range 3 {
		if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Delivered {
			t.Fatal(r)
		}
	}
	r := s.Send(t.Context(), delivery(1))
	if r.Outcome != push.Retry || r.Class != push.ClassStatus || r.Slow || r.RetryAfter != 20*time.Second || !strings.Contains(r.Detail, "3 messages a minute") {
		t.Errorf("a fourth to one phone: %+v, want retry in 20 s", r)
	}
	for n := range 7 {
		if r := s.Send(t.Context(), delivery(2+n)); r.Outcome != push.Delivered {
			t.Fatal(r)
		}
	}
	r = s.Send(t.Context(), delivery(10))
	if r.Outcome != push.Retry || r.RetryAfter != 100*time.Millisecond || !strings.Contains(r.Detail, "10 messages a second") {
		t.Errorf("an eleventh in a second: %+v, want retry in 100 ms", r)
	}
	if n := fake.Requests(); n != 10 {
		t.Errorf("%d requests, want 10: what is held back asks for nothing", n)
	}
	now = now.Add(20 * time.Second)
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Delivered {
		t.Errorf("after 20 s: %+v, want delivered", r)
	}
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Retry {
		t.Errorf("after 20 s, a second one: %+v, want retry", r)
	}
	now = now.Add(61 * time.Second)
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Delivered {
		t.Errorf("a minute later: %+v, want delivered", r)
	}
	now = now.Add(time.Hour)
	for range 3 {
		if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Delivered {
			t.Errorf("an hour later: %+v, want delivered", r)
		}
	}
}

func TestOtherHostsAreNotAsked(t *testing.T) {
	fake, other := newFake(t, pushtest.FCMConfig{}), newFake(t, pushtest.FCMConfig{})
	s := newSender(t, fake)
	fake.Misbehave(pushtest.Fault{Status: http.StatusTemporaryRedirect, Location: other.Endpoint()})
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Retry || r.Class != push.ClassRedirect {
		t.Errorf("result = %+v, want retry for redirect", r)
	}
	if other.Connections() != 0 {
		t.Error("a host was asked that is not configured")
	}
}

func TestNoAnswer(t *testing.T) {
	secure := newFake(t, pushtest.FCMConfig{TLS: true})
	if r := newSender(t, secure).Send(t.Context(), delivery(1)); r.Outcome != push.Delivered {
		t.Errorf("over TLS: %+v, want delivered", r)
	}
	if r := newSender(t, secure, func(c *fcm.Config) { c.RootCAs = nil }).Send(t.Context(), delivery(1)); r.Outcome != push.Retry || r.Class != push.ClassTLS {
		t.Errorf("a certificate of nobody we trust: %+v, want retry for tls", r)
	}
	plain := newFake(t, pushtest.FCMConfig{})
	if r := newSender(t, plain, func(c *fcm.Config) { c.Endpoint = "http://127.0.0.1:1/v1" }).Send(t.Context(), delivery(1)); r.Outcome != push.Retry || r.Class != push.ClassConnect {
		t.Errorf("nobody there: %+v, want retry for connect", r)
	}
}

func TestSendEndsInTime(t *testing.T) {
	fake, s := newFCM(t, func(c *fcm.Config) { c.Timeout = 50 * time.Millisecond })
	sendAll(t, s, 1)
	fake.Misbehave(pushtest.Fault{Hang: true})
	ctx := within(t, 20*time.Second)
	for i := range 20 {
		if r := s.Send(ctx, delivery(i)); r.Outcome != push.Retry || r.Class != push.ClassTimeout || r.Slow {
			t.Fatalf("result = %+v, want retry for timeout", r)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if r := s.Send(gone, delivery(21)); r.Outcome != push.Retry || r.Class != push.ClassTimeout {
		t.Errorf("with a context that is over: %+v, want retry", r)
	}
	fake.Misbehave()
	if r := s.Send(ctx, delivery(22)); r.Outcome != push.Delivered {
		t.Errorf("afterwards: %+v, want delivered", r)
	}
}

// sendAll sends n notices at once, each until it is delivered, and returns how
// many attempts that took.
func sendAll(t *testing.T, s *fcm.Sender, n int) int64 {
	t.Helper()
	ctx := within(t, time.Minute)
	var all sync.WaitGroup
	var attempts atomic.Int64
	for i := range n {
		all.Go(func() {
			for {
				attempts.Add(1)
				switch r := s.Send(ctx, delivery(i)); {
				case r.Outcome == push.Delivered:
					return
				case r.Outcome != push.Retry || ctx.Err() != nil:
					t.Errorf("notice %d: %+v", i, r)
					return
				}
			}
		})
	}
	all.Wait()
	return attempts.Load()
}

func TestManyAtOnceAndABrokenConnectionLoseNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		tls  bool
	}{{"plain", false}, {"HTTP/2", true}} {
		t.Run(tt.name, func(t *testing.T) {
			fake := newFake(t, pushtest.FCMConfig{TLS: tt.tls})
			s := newSender(t, fake)
			sendAll(t, s, 1)
			var faults []pushtest.Fault
			for i := range 10 {
				faults = append(faults, pushtest.Fault{Token: delivery(i * 100).Device.Address, Drop: true, Kept: i%2 == 0, Times: 1})
			}
			fake.Misbehave(faults...)
			const n = 1000
			attempts := sendAll(t, s, n)
			phones := map[string]bool{}
			for _, p := range fake.Pushes() {
				phones[p.Token] = true
			}
			if len(phones) != n || attempts <= n {
				t.Errorf("%d phones after %d attempts, want %d after more", len(phones), attempts, n)
			}
			if c := fake.Connections(); tt.tls && c > n/4 {
				t.Errorf("%d connections, want one dialled for everybody, not one for each", c)
			}
		})
	}
}

func TestSettingsAreChecked(t *testing.T) {
	fake := newFake(t, pushtest.FCMConfig{})
	file, err := fake.WriteFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	set := func(key, value string) func(*fcm.Config) {
		return func(c *fcm.Config) {
			var m map[string]string
			if err := json.Unmarshal(c.Credentials, &m); err != nil {
				t.Fatal(err)
			}
			m[key] = value
			c.Credentials, _ = json.Marshal(m)
		}
	}
	tests := []struct {
		name   string
		change func(*fcm.Config)
		want   string // in the error; empty: none
	}{
		{"good", func(*fcm.Config) {}, ""},
		{"from a file", func(c *fcm.Config) { c.Credentials, c.CredentialsFile = nil, file }, ""},
		{"none", func(c *fcm.Config) { c.Credentials = nil }, "not JSON"},
		{"no such file", func(c *fcm.Config) { c.CredentialsFile = file + "x" }, "no such file"},
		{"a user's", set("type", "authorized_user"), "service account"},
		{"no project", set("project_id", ""), "project_id"},
		{"no key", set("private_key", ""), "not in PEM"},
		{"a key that is none", set("private_key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "not a key"},
		{"a token address that is none", set("token_uri", "token"), "token_uri"},
		{"an endpoint that is none", func(c *fcm.Config) { c.Endpoint = "localhost:9099" }, "endpoint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := fcm.Config{Credentials: fake.Credentials()}
			tt.change(&cfg)
			s, err := fcm.New(t.Context(), cfg)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				s.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestNothingToTell(t *testing.T) {
	_, s := newFCM(t)
	d := delivery(1)
	d.Notice = nil
	if r := s.Send(t.Context(), d); r.Outcome != push.Failed {
		t.Errorf("%s, want failed", r.Outcome)
	}
	d = delivery(1)
	d.Device.Address = ""
	if r := s.Send(t.Context(), d); r.Outcome != push.Failed || r.Class != push.ClassPayload {
		t.Errorf("no address: %+v, want failed", r)
	}
}

// BenchmarkFCM tells phones of a fake in this process, 128 at once, as Google is
// told: HTTP/2 over TLS.
func BenchmarkFCM(b *testing.B) {
	fake := newFake(b, pushtest.FCMConfig{TLS: true})
	s := newSender(b, fake, func(c *fcm.Config) { c.PerSecond = 1e6 })
	if r := s.Send(b.Context(), delivery(0)); r.Outcome != push.Delivered {
		b.Fatal(r)
	}
	b.SetParallelism(64)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r := s.Send(b.Context(), delivery(int(n.Add(1)))); r.Outcome != push.Delivered {
				b.Error(r.Outcome, r.Detail)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pushes/s")
	if got := len(fake.Pushes()); got != int(n.Load())+1 {
		b.Errorf("%d pushes arrived, want %d", got, n.Load()+1)
	}
}
