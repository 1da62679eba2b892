package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook"
	"github.com/openinsure/openinsure/push/webhook/egress"
	"github.com/openinsure/openinsure/push/webhook/sign"
)

// receive starts a receiver that ends with the test.
func receive(t testing.TB, c pushtest.ReceiverConfig) *pushtest.Receiver {
	t.Helper()
	r, err := pushtest.NewReceiver(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// sender may connect to loopback, unless it is told otherwise.
func sender(t testing.TB, e egress.Config, c webhook.Config) *webhook.Sender {
	t.Helper()
	if e.Allow == nil {
		e.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	g, err := egress.New(e)
	if err != nil {
		t.Fatal(err)
	}
	s := webhook.New(g, c)
	t.Cleanup(s.Close)
	return s
}

// owed makes a delivery of a policy that was bound.
func owed(t testing.TB, url, secret string) push.Delivery {
	t.Helper()
	at := time.Date(2026, 3, 8, 14, 32, 0, 0, time.UTC)
	bound := event.New(access.OrgID{1}, "pol_01J8K3M4N5P6Q7R8S9T0V1W2X3", event.PolicyBound{
		PolicyID: "pol_01J8K3M4N5P6Q7R8S9T0V1W2X3", PolicyNumber: "GL-2026-000142", SubmissionID: "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3",
		GrossPremium: 1425000, EffectiveDate: "2026-04-01", ExpirationDate: "2027-04-01", ExternalID: "crm-7",
	}, at)
	payload, err := bound.Payload()
	if err != nil {
		t.Fatal(err)
	}
	return push.Delivery{
		ID: push.ID{2}, Kind: push.Webhook, Attempt: 3, Org: bound.Org, Event: bound.ID, Type: bound.Type, At: at, Payload: payload,
		Endpoint: &push.Endpoint{ID: push.EndpointID{3}, URL: url, Secret: secret, Types: []string{"*"}},
	}
}

func TestSend(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    pushtest.ReceiverConfig
	}{
		{"http", pushtest.ReceiverConfig{}},
		{"https", pushtest.ReceiverConfig{TLS: true}},
		{"HTTP/2", pushtest.ReceiverConfig{TLS: true, HTTP2: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Secret = sign.NewSecret()
			r := receive(t, tt.c)
			s := sender(t, egress.Config{RootCAs: r.RootCAs()}, webhook.Config{})
			d := owed(t, r.URL()+"/hooks", tt.c.Secret)
			got := s.Send(t.Context(), d)
			if got.Outcome != push.Delivered || got.Code != 200 || got.Class != "" || got.Detail != "" {
				t.Fatalf("result = %+v, want delivered", got)
			}
			q := r.Requests()[0]
			if q.Unsigned != nil || !bytes.Equal(q.Body, d.Payload) || q.Method != "POST" || q.Path != "/hooks" {
				t.Errorf("received %+v, want the signed payload", q)
			}
			for name, want := range map[string]string{
				"Content-Type":          "application/json",
				"User-Agent":            "OpenInsure-Webhooks/1.0",
				"X-OpenInsure-Event":    "policy.bound",
				"X-OpenInsure-Delivery": d.ID.String(),
				"X-OpenInsure-Attempt":  "3",
				"webhook-id":            d.Event.String(),
			} {
				if got := q.Header.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
				if logged := got.RequestHeader.Get(name); logged != want {
					t.Errorf("the log has %s = %q, want %q", name, logged, want)
				}
			}
			if got.RequestHeader.Get(sign.Plain) == "" || got.RequestHeader.Get(sign.Signature) == "" {
				t.Error("the log has no signatures")
			}
			if string(got.ResponseBody) != "ok\n" || got.ResponseHeader.Get("Content-Type") == "" || got.IP != "127.0.0.1" {
				t.Errorf("the log has %q, %v from %q", got.ResponseBody, got.ResponseHeader, got.IP)
			}
			tm := got.Timing
			if tm.Connect <= 0 || tm.FirstByte <= 0 || tm.Total < tm.Connect+tm.TLS+tm.FirstByte || (tm.TLS > 0) != tt.c.TLS {
				t.Errorf("timing = %+v", tm)
			}
			again := s.Send(t.Context(), d)
			if again.Outcome != push.Delivered || again.Timing.Connect != 0 || again.Timing.TLS != 0 || again.IP != "127.0.0.1" {
				t.Errorf("on the open connection: %+v", again)
			}
			if q := r.Requests()[1]; !q.Duplicate || r.Connections() != 1 {
				t.Errorf("second attempt: duplicate %v over %d connections, want one and the same id", q.Duplicate, r.Connections())
			}
		})
	}
}

func TestSendThin(t *testing.T) {
	secret := sign.NewSecret()
	r := receive(t, pushtest.ReceiverConfig{Secret: secret})
	d := owed(t, r.URL(), secret)
	d.Endpoint.Thin = true
	s := sender(t, egress.Config{}, webhook.Config{})
	if got := s.Send(t.Context(), d); got.Outcome != push.Delivered {
		t.Fatalf("result = %+v", got)
	}
	q := r.Requests()[0]
	want := `{"id":"` + d.Event.String() + `","type":"policy.bound","orgId":"` + d.Org.String() +
		`","timestamp":"2026-03-08T14:32:00Z","apiVersion":"` + event.APIVersion +
		`","data":{"policyId":"pol_01J8K3M4N5P6Q7R8S9T0V1W2X3","submissionId":"sub_01J8K3M4N5P6Q7R8S9T0V1W2X3","externalId":"crm-7"}}`
	if diff := cmp.Diff(want, string(q.Body)); diff != "" || q.Unsigned != nil {
		t.Errorf("body (-want +got):\n%s%v", diff, q.Unsigned)
	}
}

func TestSendClassifies(t *testing.T) {
	now := time.Date(2026, 3, 8, 14, 32, 0, 0, time.UTC)
	tests := []struct {
		name       string
		code       int
		retryAfter string
		want       push.Result
	}{
		{"200", 200, "", push.Result{Outcome: push.Delivered}},
		{"201", 201, "", push.Result{Outcome: push.Delivered}},
		{"204", 204, "", push.Result{Outcome: push.Delivered}},
		{"299", 299, "", push.Result{Outcome: push.Delivered}},
		{"300", 300, "", push.Result{Outcome: push.Retry, Class: push.ClassRedirect}},
		{"304", 304, "", push.Result{Outcome: push.Retry, Class: push.ClassRedirect}},
		{"400", 400, "", push.Result{Outcome: push.Retry, Class: push.ClassStatus}},
		{"401", 401, "", push.Result{Outcome: push.Retry, Class: push.ClassStatus}},
		{"404", 404, "", push.Result{Outcome: push.Retry, Class: push.ClassStatus}},
		{"410", 410, "", push.Result{Outcome: push.Gone, Class: push.ClassGone}},
		{"500", 500, "60", push.Result{Outcome: push.Retry, Class: push.ClassStatus}},
		{"599", 599, "", push.Result{Outcome: push.Retry, Class: push.ClassStatus}},
		{"999", 999, "", push.Result{Outcome: push.Retry, Class: push.ClassStatus}},
		{"429", 429, "", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true}},
		{"429 in seconds", 429, "120", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true, RetryAfter: 2 * time.Minute}},
		{"503 until a date", 503, "Sun, 08 Mar 2026 15:32:00 GMT", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true, RetryAfter: time.Hour}},
		{"503 until a date gone by", 503, "Sun, 08 Mar 2026 13:32:00 GMT", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true}},
		{"503 until next year", 503, "Mon, 08 Mar 2027 13:32:00 GMT", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true, RetryAfter: 24 * time.Hour}},
		{"503 for two days", 503, "172800", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true, RetryAfter: 24 * time.Hour}},
		{"503 for ever", 503, "99999999999999999999", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true, RetryAfter: 24 * time.Hour}},
		{"503 for less than nothing", 503, "-5", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true}},
		{"503 soon", 503, "soon", push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: true}},
	}
	r := receive(t, pushtest.ReceiverConfig{})
	s := sender(t, egress.Config{}, webhook.Config{Now: func() time.Time { return now }})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.Status(tt.code, tt.retryAfter)
			got := s.Send(t.Context(), owed(t, r.URL(), sign.NewSecret()))
			tt.want.Code = tt.code
			if (got.Detail == "") != (got.Outcome == push.Delivered) {
				t.Errorf("detail = %q", got.Detail)
			}
			if d := cmp.Diff(tt.want, verdict(got)); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
		})
	}
}

// verdict leaves out of a result what is only for the log.
func verdict(r push.Result) push.Result {
	return push.Result{Outcome: r.Outcome, Code: r.Code, Class: r.Class, RetryAfter: r.RetryAfter, Slow: r.Slow}
}

func TestSendFailures(t *testing.T) {
	dns, err := pushtest.NewDNS(func(name string, _ int) []netip.Addr {
		if name == "hooks.example.com" {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	good, plain := receive(t, pushtest.ReceiverConfig{TLS: true}), receive(t, pushtest.ReceiverConfig{})
	refusing, bad := receive(t, pushtest.ReceiverConfig{}), receive(t, pushtest.ReceiverConfig{TLS: true})
	refusing.Refuse()
	bad.BadTLS()
	gone := receive(t, pushtest.ReceiverConfig{})
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	garbled := raw(t, "SSH-2.0-OpenSSH_9.2\r\n")
	cut := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot a hundred")
	long := raw(t, "HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("a", 70<<10)+"\r\n\r\n")
	port := ":" + strconv.Itoa(good.Addr().Port)
	tests := []struct {
		name, url string
		want      push.Result
		detail    string
	}{
		{"nobody listens", gone.URL(), push.Result{Class: push.ClassConnect}, "No connection could be made."},
		{"the connection is reset", refusing.URL(), push.Result{Class: push.ClassConnect}, "No connection could be made.|The connection broke before the answer was whole."}, // as the reset comes
		{"half an answer", cut, push.Result{Class: push.ClassConnect, Code: 200}, "The connection broke before the answer was whole."},
		{"no such name", "https://nowhere.example.com" + port, push.Result{Class: push.ClassDNS}, "The host's name has no address."},
		{"a certificate of somebody else's", bad.URL(), push.Result{Class: push.ClassTLS}, "The receiver's certificate is not for this host."},
		{"a certificate for another name", "https://hooks.example.com" + port, push.Result{Class: push.ClassTLS}, "The receiver's certificate is not for this host."},
		{"no TLS", strings.Replace(plain.URL(), "http:", "https:", 1), push.Result{Class: push.ClassTLS}, "The receiver does not speak TLS on this port."},
		{"another protocol", garbled, push.Result{Class: push.ClassProtocol}, "The answer is not HTTP, or its head is too large."},
		{"a head too large", long, push.Result{Class: push.ClassProtocol}, "The answer is not HTTP, or its head is too large."},
		{"a URL that is none", "https://exa mple.com", push.Result{Class: push.ClassRefused}, egress.ErrURL.Message()},
		{"http to a public name", "http://public.example.com", push.Result{Class: push.ClassRefused}, egress.ErrScheme.Message()},
		{"an address", "https://169.254.169.254/", push.Result{Class: push.ClassRefused}, egress.ErrAddress.Message()},
	}
	s := sender(t, egress.Config{RootCAs: good.RootCAs(), Resolver: dns.Resolver(), Ports: []uint16{uint16(good.Addr().Port)}}, webhook.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := s.Send(t.Context(), owed(t, tt.url, sign.NewSecret()))
			tt.want.Outcome = push.Retry
			if d := cmp.Diff(tt.want, verdict(got)); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
			if !slices.Contains(strings.Split(tt.detail, "|"), got.Detail) {
				t.Errorf("detail = %q, want %q", got.Detail, tt.detail)
			}
		})
	}
	unknown := sender(t, egress.Config{}, webhook.Config{})
	if got := unknown.Send(t.Context(), owed(t, good.URL(), sign.NewSecret())); got.Class != push.ClassTLS || !strings.Contains(got.Detail, "nobody we trust") {
		t.Errorf("a certificate of an unknown authority: %+v", got)
	}
}

func TestSendRefusesWhatCannotBeMade(t *testing.T) {
	r := receive(t, pushtest.ReceiverConfig{})
	s := sender(t, egress.Config{}, webhook.Config{})
	for _, tt := range []struct {
		name   string
		change func(*push.Delivery)
		detail string
	}{
		{"no secret", func(d *push.Delivery) { d.Endpoint.Secret = "" }, "The endpoint has no usable secret."},
		{"a payload without ids", func(d *push.Delivery) { d.Endpoint.Thin, d.Payload = true, []byte("[]") }, "The event's payload cannot be reduced to ids."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := owed(t, r.URL(), sign.NewSecret())
			tt.change(&d)
			got := s.Send(t.Context(), d)
			if d := cmp.Diff(push.Result{Outcome: push.Failed, Class: push.ClassPayload}, verdict(got)); d != "" || got.Detail != tt.detail {
				t.Errorf("result %q (-want +got):\n%s", got.Detail, d)
			}
		})
	}
	if n := r.Total(); n != 0 {
		t.Errorf("%d requests were sent, want none", n)
	}
}

func TestSendStopsWithItsContext(t *testing.T) {
	r := receive(t, pushtest.ReceiverConfig{})
	r.Hang()
	s := sender(t, egress.Config{}, webhook.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan push.Result, 1)
	go func() { stopped <- s.Send(ctx, owed(t, r.URL(), sign.NewSecret())) }()
	if err := r.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if d := cmp.Diff(push.Result{Outcome: push.Retry, Class: push.ClassTimeout}, verdict(<-stopped)); d != "" {
		t.Errorf("our own stopping is not the receiver's fault (-want +got):\n%s", d)
	}

	ctx, cancel = context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("lease"))
	defer cancel()
	if d := cmp.Diff(push.Result{Outcome: push.Retry, Class: push.ClassTimeout, Slow: true}, verdict(s.Send(ctx, owed(t, r.URL(), sign.NewSecret())))); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
}

// BenchmarkSend is one attempt after another at a receiver beside us, which
// checks the signatures and is paid for here too.
func BenchmarkSend(b *testing.B) {
	secret := sign.NewSecret()
	r := receive(b, pushtest.ReceiverConfig{Secret: secret})
	s := sender(b, egress.Config{}, webhook.Config{})
	d := owed(b, r.URL(), secret)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if got := s.Send(b.Context(), d); got.Outcome != push.Delivered {
				b.Errorf("result = %+v", got)
				return
			}
		}
	})
}
