package apns_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/apns"
	"github.com/openinsure/openinsure/push/pushtest"
)

func TestPhoneIsToldInItsLanguage(t *testing.T) {
	fake, s := newAPNs(t)
	d := delivery(1)
	d.Device.Locale = "es-MX"
	d.Notice.Expires = time.Now().Add(time.Hour)
	r := s.Send(t.Context(), d)
	if r.Outcome != push.Delivered || r.Code != 200 || r.Class != "" || r.IP != "127.0.0.1" {
		t.Fatalf("result = %+v, want delivered", r)
	}
	if r.Timing.Connect == 0 || r.Timing.TLS == 0 || r.Timing.FirstByte == 0 || r.Timing.Total < r.Timing.FirstByte {
		t.Errorf("timing = %+v, want its parts", r.Timing)
	}
	if r.RequestHeader.Get("Authorization") != "" || r.RequestHeader.Get("apns-topic") != fake.Topic() {
		t.Errorf("request header = %v, want all but the provider token", r.RequestHeader)
	}
	pushes := fake.Pushes()
	if len(pushes) != 1 {
		t.Fatalf("%d pushes, want 1", len(pushes))
	}
	p := pushes[0]
	if r.ProviderMessage != p.ID {
		t.Errorf("provider's message = %q, want %q", r.ProviderMessage, p.ID)
	}
	want := `{"aps":{"alert":{"title":"Su siniestro","body":"Lo estamos revisando."},"sound":"default","thread-id":"clm_01J9ZC2Q0V8Y4T6M3K5N7P9RSB"},` +
		`"eventId":"evt_00000000000000000000000001","type":"claim.status_changed","about":"clm_01J9ZC2Q0V8Y4T6M3K5N7P9RSB","link":"/claims/clm_01J9ZC2Q0V8Y4T6M3K5N7P9RSB"}`
	if got := string(p.Payload); got != want {
		t.Errorf("payload (-want +got):\n%s", cmp.Diff(want, got))
	}
	p.ID, p.Payload, p.At = "", nil, time.Time{}
	wantPush := pushtest.APNsPush{
		Host: pushtest.Production, Token: d.Device.Address, Topic: fake.Topic(), Type: "alert", Collapse: d.Notice.About, Priority: "10",
		Expiration: strconv.FormatInt(d.Notice.Expires.Unix(), 10),
	}
	if diff := cmp.Diff(wantPush, p); diff != "" {
		t.Errorf("push (-want +got):\n%s", diff)
	}
}

func TestANoticeThatDoesNotExpireIsForNow(t *testing.T) {
	fake, s := newAPNs(t)
	before := time.Now().Unix()
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Delivered {
		t.Fatal(r)
	}
	got, err := strconv.ParseInt(fake.Pushes()[0].Expiration, 10, 64)
	if err != nil || got < before || got > time.Now().Unix() {
		t.Errorf("expiration = %d, %v; want now: without one Apple keeps trying for a month", got, err)
	}
}

func TestAnExpiredNoticeIsNotSent(t *testing.T) {
	fake, s := newAPNs(t)
	d := delivery(1)
	d.Notice.Expires = time.Now()
	if r := s.Send(t.Context(), d); r.Outcome != push.Cancelled {
		t.Errorf("outcome = %s, want cancelled", r.Outcome)
	}
	if n := fake.Requests(); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestLongWordsAreCut(t *testing.T) {
	fake, s := newAPNs(t)
	for i, unit := range []string{"word ", "ñ", "日", "👩‍👩‍👧", "<&>", "\u2028", "\"\\"} {
		d := delivery(i)
		d.Notice.Words["en"] = push.Words{Title: "Title", Body: strings.Repeat(unit, 5000)}
		if r := s.Send(t.Context(), d); r.Outcome != push.Delivered {
			t.Errorf("%q: result = %+v, want delivered", unit, r)
		}
	}
	for _, p := range fake.Pushes() {
		var body struct{ APS struct{ Alert push.Words } }
		if err := json.Unmarshal(p.Payload, &body); err != nil {
			t.Fatal(err)
		}
		if n := len(p.Payload); n > 4096 || n < 4096-12 {
			t.Errorf("payload has %d bytes, want almost 4096", n)
		}
		if b := body.APS.Alert.Body; !utf8.ValidString(b) || strings.Contains(b, "\ufffd") || !strings.HasSuffix(b, "…") {
			t.Errorf("body ends in %q, want whole characters and an ellipsis", b[len(b)-12:])
		}
	}
	d := delivery(9)
	d.Notice.Link = strings.Repeat("x", 5000)
	if r := s.Send(t.Context(), d); r.Outcome != push.Failed || r.Class != push.ClassPayload {
		t.Errorf("with a link that is too long: %+v, want failed", r)
	}
}

func TestAnswers(t *testing.T) {
	const token, bad = "credential", "payload"
	html := "<html>Bad gateway</html>"
	tests := []struct {
		name    string
		fault   pushtest.Fault
		outcome push.Outcome
		class   string
		slow    bool
		wait    time.Duration
	}{
		{"unregistered since", pushtest.Fault{Status: 410, Reason: "Unregistered", Timestamp: registered.Add(time.Millisecond)}, push.Gone, push.ClassGone, false, 0},
		{"unregistered when it registered", pushtest.Fault{Status: 410, Reason: "Unregistered", Timestamp: registered}, push.Gone, push.ClassGone, false, 0},
		{"unregistered before", pushtest.Fault{Status: 410, Reason: "Unregistered", Timestamp: registered.Add(-time.Millisecond)}, push.Retry, push.ClassGone, false, 0},
		{"unregistered at no time", pushtest.Fault{Status: 410, Reason: "Unregistered"}, push.Gone, push.ClassGone, false, 0},
		{"expired since", pushtest.Fault{Status: 410, Reason: "ExpiredToken", Timestamp: registered.Add(time.Hour)}, push.Gone, push.ClassGone, false, 0},
		{"too many to one phone", pushtest.Fault{Status: 429, Reason: "TooManyRequests", RetryAfter: "120"}, push.Retry, push.ClassStatus, true, 2 * time.Minute},
		{"too many tokens", pushtest.Fault{Status: 429, Reason: "TooManyProviderTokenUpdates"}, push.Misset, token, false, 0},
		{"internal", pushtest.Fault{Status: 500, Reason: "InternalServerError"}, push.Retry, push.ClassStatus, false, 0},
		{"unavailable", pushtest.Fault{Status: 503, Reason: "ServiceUnavailable", RetryAfter: "7"}, push.Retry, push.ClassStatus, true, 7 * time.Second},
		{"shutdown", pushtest.Fault{Status: 503, Reason: "Shutdown"}, push.Retry, push.ClassStatus, true, 0},
		{"a wait that is no number", pushtest.Fault{Status: 503, RetryAfter: "soon"}, push.Retry, push.ClassStatus, true, 0},
		{"a wait without end", pushtest.Fault{Status: 503, RetryAfter: "99999999"}, push.Retry, push.ClassStatus, true, 24 * time.Hour},
		{"a proxy's 502", pushtest.Fault{Status: 502, Body: html}, push.Retry, push.ClassStatus, false, 0},
		{"a proxy's 404", pushtest.Fault{Status: 404, Body: html}, push.Retry, push.ClassProtocol, false, 0},
		{"a success that is no JSON", pushtest.Fault{Status: 200, Body: html, Kept: true}, push.Delivered, "", false, 0},
		{"moved", pushtest.Fault{Status: 308, Body: html}, push.Retry, push.ClassRedirect, false, 0},
		{"invalid provider token", pushtest.Fault{Status: 403, Reason: "InvalidProviderToken"}, push.Misset, token, false, 0},
		{"another team's key", pushtest.Fault{Status: 403, Reason: "UnrelatedKeyIdInToken"}, push.Misset, token, false, 0},
		{"a reason of 403 from the future", pushtest.Fault{Status: 403, Reason: "NotOnTuesdays"}, push.Misset, token, false, 0},
		{"topic disallowed", pushtest.Fault{Status: 400, Reason: "TopicDisallowed"}, push.Misset, token, false, 0},
		{"bad path", pushtest.Fault{Status: 404, Reason: "BadPath"}, push.Misset, token, false, 0},
		{"idle", pushtest.Fault{Status: 400, Reason: "IdleTimeout"}, push.Retry, push.ClassTimeout, false, 0},
		{"too large", pushtest.Fault{Status: 413, Reason: "PayloadTooLarge"}, push.Failed, bad, false, 0},
		{"bad collapse id", pushtest.Fault{Status: 400, Reason: "BadCollapseId"}, push.Failed, bad, false, 0},
		{"a reason of 400 from the future", pushtest.Fault{Status: 400, Reason: "BadMood"}, push.Failed, bad, false, 0},
		{"bad token everywhere", pushtest.Fault{Status: 400, Reason: "BadDeviceToken"}, push.Gone, push.ClassGone, false, 0},
		{"hung up", pushtest.Fault{Drop: true}, push.Retry, push.ClassConnect, false, 0},
	}
	fake, s := newAPNs(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake.Misbehave(tt.fault)
			r := s.Send(t.Context(), delivery(i))
			if r.Outcome != tt.outcome || r.Class != tt.class || r.Slow != tt.slow || r.RetryAfter != tt.wait || r.Code != tt.fault.Status {
				t.Errorf("result = %s %s slow=%t after %v code %d (%s), want %s %s slow=%t after %v", r.Outcome, r.Class, r.Slow, r.RetryAfter, r.Code, r.Detail,
					tt.outcome, tt.class, tt.slow, tt.wait)
			}
			if (r.Detail == "") != (r.Outcome == push.Delivered) || strings.Contains(r.Detail, "127.0.0.1") {
				t.Errorf("detail = %q, want what people need and no address", r.Detail)
			}
			if r.Environment != "" {
				t.Errorf("environment = %q, want none", r.Environment)
			}
		})
	}
}

func TestATokenOfTheOtherEnvironment(t *testing.T) {
	bad := pushtest.Fault{Status: http.StatusBadRequest, Reason: "BadDeviceToken"}
	there := func(f pushtest.Fault) pushtest.Fault { f.Host = pushtest.Sandbox; return f }
	here := bad
	here.Host = pushtest.Production
	tests := []struct {
		name        string
		of          string
		faults      []pushtest.Fault
		outcome     push.Outcome
		environment string
		requests    int
	}{
		{"is of the sandbox", push.Production, []pushtest.Fault{here}, push.Delivered, push.Sandbox, 2},
		{"is of production", push.Sandbox, []pushtest.Fault{there(bad)}, push.Delivered, push.Production, 2},
		{"unnamed, is of production", "", nil, push.Delivered, "", 1},
		{"is of none", push.Production, []pushtest.Fault{bad}, push.Gone, "", 2},
		{"is dead there", push.Production, []pushtest.Fault{here, there(pushtest.Fault{Status: 410, Reason: "Unregistered"})}, push.Gone, "", 2},
		{"may be of the one that is down", push.Production, []pushtest.Fault{here, there(pushtest.Fault{Status: 503})}, push.Retry, "", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake, s := newAPNs(t)
			fake.Misbehave(tt.faults...)
			d := delivery(1)
			d.Device.Environment = tt.of
			r := s.Send(t.Context(), d)
			if r.Outcome != tt.outcome || r.Environment != tt.environment || fake.Requests() != tt.requests {
				t.Errorf("%s in %q (%s) after %d requests, want %s in %q after %d", r.Outcome, r.Environment, r.Detail, fake.Requests(),
					tt.outcome, tt.environment, tt.requests)
			}
		})
	}
}

func TestOneHostForBothIsAskedOnce(t *testing.T) {
	fake, s := newAPNs(t, func(c *apns.Config) { c.SandboxHost = "" })
	fake.Misbehave(pushtest.Fault{Status: http.StatusBadRequest, Reason: "BadDeviceToken"})
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Gone || fake.Requests() != 1 {
		t.Errorf("%s after %d requests, want gone after 1", r.Outcome, fake.Requests())
	}
}

func TestTokensOfAnotherAppAreDoubted(t *testing.T) {
	fake, s := newAPNs(t)
	wrong := pushtest.Fault{Status: http.StatusBadRequest, Reason: "DeviceTokenNotForTopic"}
	fake.Misbehave(wrong)
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Misset {
		t.Errorf("before anything was delivered: %s, want misset", r.Outcome)
	}
	fake.Misbehave()
	if r := s.Send(t.Context(), delivery(2)); r.Outcome != push.Delivered {
		t.Fatal(r)
	}
	fake.Misbehave(wrong)
	for i, want := range []push.Outcome{push.Gone, push.Gone, push.Misset, push.Misset} {
		if r := s.Send(t.Context(), delivery(3+i)); r.Outcome != want {
			t.Errorf("the %dth afterwards: %s, want %s", i+1, r.Outcome, want)
		}
	}
}

func TestAnAppThatThePhoneNamed(t *testing.T) {
	fake := newFake(t, pushtest.APNsConfig{Topics: []string{"com.openinsure.portal", "com.openinsure.agent"}})
	s := newSender(t, fake)
	d := delivery(1)
	d.Device.App = "com.openinsure.agent"
	if r := s.Send(t.Context(), d); r.Outcome != push.Delivered || fake.Pushes()[0].Topic != d.Device.App {
		t.Errorf("result = %+v, want delivered to the app that the phone named", r)
	}
	d.Device.App = "com.example.other"
	if r := s.Send(t.Context(), d); r.Outcome != push.Failed {
		t.Errorf("outcome = %s, want failed: the setting is right, and the phone named an app that is not ours", r.Outcome)
	}
}

func TestIDIsTheSameInEveryAttempt(t *testing.T) {
	fake, s := newAPNs(t)
	fake.Misbehave(pushtest.Fault{Drop: true, Kept: true, Times: 1}, pushtest.Fault{Status: 503, Times: 1})
	for attempt, want := range []push.Outcome{push.Retry, push.Retry, push.Delivered} {
		d := delivery(1)
		d.Attempt = attempt + 1
		if r := s.Send(t.Context(), d); r.Outcome != want {
			t.Fatalf("attempt %d: %s, want %s", attempt+1, r.Outcome, want)
		}
	}
	if r := s.Send(t.Context(), delivery(2)); r.Outcome != push.Delivered {
		t.Fatal(r)
	}
	p := fake.Pushes()
	if len(p) != 3 || p[0].ID != p[1].ID || p[1].Repeat != 1 || p[2].ID == p[0].ID {
		t.Errorf("pushes = %+v, want the first twice under one id", p)
	}
	d := delivery(1)
	d.Device = delivery(2).Device
	if r := s.Send(t.Context(), d); r.ProviderMessage == p[0].ID {
		t.Error("one event on two phones has one id, want two")
	}
}

func TestAnExpiredProviderTokenIsRenewedOnce(t *testing.T) {
	fake, s := newAPNs(t)
	expired := pushtest.Fault{Status: http.StatusForbidden, Reason: "ExpiredProviderToken"}
	once := expired
	once.Times = 1
	fake.Misbehave(once)
	if r := s.Send(t.Context(), delivery(1)); r.Outcome != push.Delivered || fake.Requests() != 2 || fake.ProviderTokens() != 2 {
		t.Fatalf("%s after %d requests with %d tokens, want delivered after 2 with 2", r.Outcome, fake.Requests(), fake.ProviderTokens())
	}
	fake.Misbehave(expired)
	for i := range 3 {
		if r := s.Send(t.Context(), delivery(2+i)); r.Outcome != push.Misset || r.Class != push.ClassCredential {
			t.Errorf("result = %+v, want misset: Apple does not want more tokens", r)
		}
	}
	if fake.Requests() != 5 || fake.ProviderTokens() != 2 {
		t.Errorf("%d requests with %d tokens, want 5 with 2", fake.Requests(), fake.ProviderTokens())
	}
}

func TestProviderTokenIsRenewedInTime(t *testing.T) {
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	fake := newFake(t, pushtest.APNsConfig{Now: clock})
	s := newSender(t, fake, func(c *apns.Config) { c.Now = clock })
	for i, tt := range []struct {
		at     time.Duration
		tokens int
	}{{0, 1}, {49 * time.Minute, 1}, {51 * time.Minute, 2}, {100 * time.Minute, 2}, {3 * time.Hour, 3}} {
		ahead.Store(int64(tt.at))
		if r := s.Send(t.Context(), delivery(i)); r.Outcome != push.Delivered {
			t.Errorf("after %v: %s (%s), want delivered", tt.at, r.Outcome, r.Detail)
		}
		if fake.ProviderTokens() != tt.tokens || fake.Requests() != i+1 {
			t.Errorf("after %v: %d tokens in %d requests, want %d in %d", tt.at, fake.ProviderTokens(), fake.Requests(), tt.tokens, i+1)
		}
	}
}

func TestAWrongKeyIsMisset(t *testing.T) {
	fake := newFake(t, pushtest.APNsConfig{})
	for _, tt := range []struct {
		name   string
		change func(*apns.Config)
	}{
		{"of somebody else", func(c *apns.Config) { c.Key = newFake(t, pushtest.APNsConfig{}).KeyPEM() }},
		{"under another id", func(c *apns.Config) { c.KeyID = "ZZZZZZZZZZ" }},
		{"of another team", func(c *apns.Config) { c.TeamID = "ZZZZZZZZZZ" }},
		{"and a clock that is late", func(c *apns.Config) { c.Now = func() time.Time { return time.Now().Add(-2 * time.Hour) } }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := newSender(t, fake, tt.change).Send(t.Context(), delivery(1)); r.Outcome != push.Misset || r.Class != push.ClassCredential || r.Code != 403 {
				t.Errorf("result = %+v, want misset", r)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	fake, _ := newAPNs(t)
	tests := []struct {
		name   string
		change func(*apns.Config)
		class  string
	}{
		{"a certificate of nobody we trust", func(c *apns.Config) { c.RootCAs = nil }, push.ClassTLS},
		{"nobody there", func(c *apns.Config) { c.Host = "https://127.0.0.1:1" }, push.ClassConnect},
		{"no address", func(c *apns.Config) { c.Host = "https://apns.invalid" }, push.ClassDNS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newSender(t, fake, tt.change).Send(t.Context(), delivery(1))
			if r.Outcome != push.Retry || r.Class != tt.class || r.Code != 0 || r.Detail == "" {
				t.Errorf("result = %+v, want retry for %s", r, tt.class)
			}
		})
	}
}

func TestSendEndsInTime(t *testing.T) {
	fake, s := newAPNs(t, func(c *apns.Config) { c.Timeout = 50 * time.Millisecond })
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
func sendAll(t *testing.T, s *apns.Sender, n int) int64 {
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

func phones(pushes []pushtest.APNsPush) map[string]int {
	m := map[string]int{}
	for _, p := range pushes {
		m[p.Token]++
	}
	return m
}

func TestManyAtOnceGoOverOneConnectionUnderOneToken(t *testing.T) {
	fake, s := newAPNs(t)
	const n = 1000
	attempts := sendAll(t, s, n)
	if got := len(phones(fake.Pushes())); got != n || attempts != n {
		t.Errorf("%d phones after %d attempts, want %d after as many", got, attempts, n)
	}
	if c, tokens := fake.Connections(), fake.ProviderTokens(); c != 1 || tokens != 1 {
		t.Errorf("%d connections and %d provider tokens, want 1 of each", c, tokens)
	}
}

func TestGoingAwayLosesNothing(t *testing.T) {
	fake, s := newAPNs(t)
	fake.Misbehave(pushtest.Fault{Away: true, Times: 20})
	const n = 1000
	attempts := sendAll(t, s, n)
	if got := phones(fake.Pushes()); len(got) != n {
		t.Errorf("%d phones, want %d", len(got), n)
	}
	if fake.Connections() < 2 {
		t.Errorf("%d connections, want a second one after GOAWAY", fake.Connections())
	}
	t.Logf("%d attempts over %d connections", attempts, fake.Connections())
}

func TestABrokenConnectionLosesNothing(t *testing.T) {
	fake, s := newAPNs(t)
	var faults []pushtest.Fault
	for i := range 10 {
		faults = append(faults, pushtest.Fault{Token: delivery(i * 100).Device.Address, Drop: true, Kept: i%2 == 0, Times: 1})
	}
	fake.Misbehave(faults...)
	const n = 1000
	attempts := sendAll(t, s, n)
	ids := map[string]string{}
	for _, p := range fake.Pushes() {
		if id, ok := ids[p.Token]; ok && id != p.ID {
			t.Errorf("phone %s got one notice under two ids", p.Token)
		}
		ids[p.Token] = p.ID
	}
	if len(ids) != n || attempts <= n {
		t.Errorf("%d phones after %d attempts, want %d after more", len(ids), attempts, n)
	}
	t.Logf("%d attempts over %d connections, %d repeats", attempts, fake.Connections(), len(fake.Pushes())-n)
}

func TestSettingsAreChecked(t *testing.T) {
	fake := newFake(t, pushtest.APNsConfig{})
	good := apns.Config{Key: fake.KeyPEM(), KeyID: fake.KeyID(), TeamID: fake.TeamID(), Topic: fake.Topic()}
	keyFile, _, err := fake.WriteFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fcm, err := pushtest.NewFCM(pushtest.FCMConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer fcm.Close()
	var account struct {
		Key string `json:"private_key"`
	}
	if err := json.Unmarshal(fcm.Credentials(), &account); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*apns.Config)
		want   string // in the error; empty: none
	}{
		{"good", func(*apns.Config) {}, ""},
		{"from a file", func(c *apns.Config) { c.Key, c.KeyFile = nil, keyFile }, ""},
		{"no key", func(c *apns.Config) { c.Key = nil }, "not a .p8 file"},
		{"no such file", func(c *apns.Config) { c.KeyFile = keyFile + "x" }, "no such file"},
		{"a certificate", func(c *apns.Config) { c.Key = fake.RootsPEM() }, "not a PKCS #8"},
		{"Google's key", func(c *apns.Config) { c.Key = []byte(account.Key) }, "P-256"},
		{"a short key id", func(c *apns.Config) { c.KeyID = "ABC" }, "id of the key"},
		{"no team", func(c *apns.Config) { c.TeamID = "" }, "id of the team"},
		{"no topic", func(c *apns.Config) { c.Topic = "" }, "bundle id"},
		{"plain HTTP", func(c *apns.Config) { c.Host = "http://127.0.0.1:8080" }, "must be https"},
		{"a path", func(c *apns.Config) { c.Host = "https://127.0.0.1/3/device" }, "must be https"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			s, err := apns.New(cfg)
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

func TestAnAddressThatIsNoToken(t *testing.T) {
	fake, s := newAPNs(t)
	for _, address := range []string{"", "../../admin", strings.Repeat("a", 63), strings.Repeat("g", 64), strings.Repeat("a", 64) + "?x"} {
		d := delivery(1)
		d.Device.Address = address
		if r := s.Send(t.Context(), d); r.Outcome != push.Gone {
			t.Errorf("%q: %s, want gone", address, r.Outcome)
		}
	}
	if n := fake.Requests(); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
	d := delivery(1)
	d.Notice = nil
	if r := s.Send(t.Context(), d); r.Outcome != push.Failed {
		t.Errorf("nothing to tell: %s, want failed", r.Outcome)
	}
}

// BenchmarkAPNs tells phones of a fake in this process, 128 at once.
func BenchmarkAPNs(b *testing.B) {
	fake, s := newAPNs(b)
	b.SetParallelism(64)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r := s.Send(b.Context(), delivery(int(n.Add(1)))); r.Outcome != push.Delivered {
				b.Error(fmt.Sprint(r.Outcome, r.Detail))
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pushes/s")
	if got := len(fake.Pushes()); got != int(n.Load()) {
		b.Errorf("%d pushes arrived, want %d", got, n.Load())
	}
}
