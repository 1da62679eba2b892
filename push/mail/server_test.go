package mail_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/mail"
	"github.com/openinsure/openinsure/push/pushtest"
)

func TestDelivers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		server  pushtest.SMTPConfig
		user    string
		withTLS bool
	}{
		{"STARTTLS and PLAIN", pushtest.SMTPConfig{}, "hub", true},
		{"STARTTLS and LOGIN", pushtest.SMTPConfig{Mechanisms: []string{"LOGIN"}}, "hub", true},
		{"TLS", pushtest.SMTPConfig{ImplicitTLS: true}, "hub", true},
		{"a password of all kinds", pushtest.SMTPConfig{User: "ada@example.com", Password: `p@ss:/?#[]% "w"`}, "ada@example.com", true},
		{"development", pushtest.SMTPConfig{NoTLS: true}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink, s := newServer(t, tt.server)
			r := s.Send(t.Context(), delivery())
			if r.Outcome != push.Delivered || r.Code != 250 || r.Class != "" || r.Detail != "" || r.IP != "127.0.0.1" || r.ProviderMessage == "" {
				t.Errorf("%+v", r)
			}
			if r.Timing.Total <= 0 || r.Timing.Connect <= 0 || r.Timing.FirstByte < r.Timing.Connect || (r.Timing.TLS > 0) != tt.server.ImplicitTLS {
				t.Errorf("timing = %+v", r.Timing)
			}
			mails := sink.Mails()
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			m := mails[0]
			if m.From != "no-reply@summit.example" || len(m.To) != 1 || m.To[0] != "ada@example.com" || m.User != tt.user || m.TLS != tt.withTLS {
				t.Errorf("envelope: from %q to %q as %q, TLS %v", m.From, m.To, m.User, m.TLS)
			}
			if m.Subject != "Policy GL-2026-000142 is bound" || !strings.Contains(m.Text, "$14,250") || !strings.Contains(m.HTML, "$14,250") {
				t.Errorf("mail:\n%s", m.Raw)
			}
		})
	}
}

// A dot alone ends a mail on the wire; in a text it must not.
func TestDotsAreText(t *testing.T) {
	sink, s := newServer(t, pushtest.SMTPConfig{NoTLS: true})
	d := delivery()
	d.Notice.Words["en"] = push.Words{Title: ".", Body: ".\n..\n.\r\nMAIL FROM:<eve@evil.example>"}
	if r := s.Send(t.Context(), d); r.Outcome != push.Delivered {
		t.Fatalf("%+v", r)
	}
	m := sink.Mails()[0]
	if m.Subject != "." || !strings.Contains(m.Text, "\r\n.\r\n\r\n..\r\n\r\n.\r\n\r\nMAIL FROM:<eve@evil.example>\r\n") {
		t.Errorf("subject %q, text %q", m.Subject, m.Text)
	}
}

func TestRefusals(t *testing.T) {
	answer := func(step string, code int, a, b, c int, text string) pushtest.SMTPFault {
		return pushtest.SMTPFault{Step: step, Code: code, Enhanced: [3]int{a, b, c}, Text: text}
	}
	to, data, from := pushtest.SMTPTo, pushtest.SMTPData, pushtest.SMTPFrom
	plain := [3]int{-1, -1, -1} // no finer code at all
	tests := []struct {
		name    string
		fault   pushtest.SMTPFault
		outcome push.Outcome
		class   string
	}{
		{"no such user", pushtest.SMTPNoSuchUser, push.Gone, push.ClassGone},
		{"no such user, without a finer code", pushtest.SMTPFault{Step: to, Code: 550, Enhanced: plain, Text: "user unknown"}, push.Gone, push.ClassGone},
		{"not local", pushtest.SMTPFault{Step: to, Code: 551, Enhanced: plain, Text: "user not local"}, push.Gone, push.ClassGone},
		{"no such name", pushtest.SMTPFault{Step: to, Code: 553, Enhanced: plain, Text: "mailbox name not allowed"}, push.Gone, push.ClassGone},
		{"moved", answer(to, 551, 5, 1, 6, "mailbox has moved"), push.Gone, push.ClassGone},
		{"disabled", answer(to, 550, 5, 2, 1, "mailbox disabled"), push.Gone, push.ClassGone},
		{"no such user, said late", answer(data, 550, 5, 1, 1, "no such user"), push.Gone, push.ClassGone},
		{"greylisted", pushtest.SMTPGreylisted, push.Retry, push.ClassStatus},
		{"full for now", answer(to, 452, 4, 2, 2, "mailbox full"), push.Retry, push.ClassStatus},
		{"full for good", answer(to, 552, 5, 2, 2, "mailbox full"), push.Failed, push.ClassStatus},
		{"no relay", pushtest.SMTPNoRelay, push.Misset, push.ClassStatus},
		{"blocked", answer(to, 550, 5, 7, 1, "your address is on a block list"), push.Misset, push.ClassStatus},
		{"our domain is refused", answer(to, 550, 5, 1, 8, "sender domain does not exist"), push.Misset, push.ClassStatus},
		{"our address is refused", answer(from, 553, 5, 1, 7, "sender address rejected"), push.Misset, push.ClassStatus},
		{"who are you", answer(from, 530, 5, 7, 0, "authentication required"), push.Misset, push.ClassCredential},
		{"too big", answer(from, 552, 5, 3, 4, "message too big"), push.Failed, push.ClassPayload},
		{"too big, said late", pushtest.SMTPFault{Step: data, Code: 552, Enhanced: plain, Text: "exceeded storage allocation"}, push.Failed, push.ClassPayload},
		{"spam", pushtest.SMTPSpam, push.Failed, push.ClassPayload},
		{"spam, without a finer code", pushtest.SMTPFault{Step: data, Code: 554, Enhanced: plain, Text: "no"}, push.Failed, push.ClassPayload},
		{"not now", answer(data, 451, 4, 3, 0, "local error"), push.Retry, push.ClassStatus},
		{"wrong password", pushtest.SMTPBadAuth, push.Misset, push.ClassCredential},
		{"nobody can log in now", answer(pushtest.SMTPAuth, 454, 4, 7, 0, "temporary failure"), push.Retry, push.ClassStatus},
		{"too many", pushtest.SMTPTooMany, push.Retry, push.ClassStatus},
		{"not you", answer(pushtest.SMTPHello, 554, 5, 7, 1, "go away"), push.Retry, push.ClassStatus},
		{"hangs up at the recipient", pushtest.SMTPFault{Step: to, Drop: true}, push.Retry, push.ClassConnect},
		{"hangs up in the mail", pushtest.SMTPDrops, push.Retry, push.ClassConnect},
		{"hangs up at the greeting", pushtest.SMTPFault{Step: pushtest.SMTPHello, Drop: true}, push.Retry, push.ClassConnect},
	}
	sink, s := newServer(t, pushtest.SMTPConfig{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sink.Misbehave(tt.fault)
			r := s.Send(t.Context(), delivery())
			if r.Outcome != tt.outcome || r.Class != tt.class || r.Code != tt.fault.Code {
				t.Errorf("%s, %s, %d; want %s, %s, %d: %s", r.Outcome, r.Class, r.Code, tt.outcome, tt.class, tt.fault.Code, r.Detail)
			}
			if r.Detail == "" || strings.Contains(r.Detail, "@") {
				t.Errorf("detail = %q; want a reason without addresses", r.Detail)
			}
			if want := tt.fault.Code == 421; r.Slow != want {
				t.Errorf("slow = %v, want %v", r.Slow, want)
			}
		})
	}
	if n := len(sink.Mails()); n != 0 {
		t.Errorf("%d mails got through", n)
	}
	sink.Misbehave()
	if r := s.Send(t.Context(), delivery()); r.Outcome != push.Delivered {
		t.Errorf("%+v after all that", r)
	}
}

// A greylisting server takes the same mail later; it is one mail for a mailbox.
func TestAgainIsTheSameMail(t *testing.T) {
	sink, s := newServer(t, pushtest.SMTPConfig{})
	once := pushtest.SMTPGreylisted
	once.Times, once.Address = 1, "ada@example.com"
	sink.Misbehave(once)
	other := delivery()
	other.Mailbox = &push.Mailbox{Address: "bob@example.com"}
	for i, want := range []push.Outcome{push.Delivered, push.Retry, push.Delivered, push.Delivered} {
		d := delivery()
		if i == 0 {
			d = other
		}
		if r := s.Send(t.Context(), d); r.Outcome != want {
			t.Fatalf("attempt %d: %+v, want %s", i, r, want)
		}
	}
	ids := map[string]bool{}
	for _, m := range sink.Mails()[1:] {
		ids[m.Header.Get("Message-Id")] = true
	}
	if len(ids) != 1 || !ids["<"+someDelivery.String()+"@summit.example>"] {
		t.Errorf("ids = %v", ids)
	}
}

func TestTroubleBeforeAnAnswer(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		server  pushtest.SMTPConfig
		change  func(*mail.Config)
		outcome push.Outcome
		class   string
	}{
		{"nobody listens", pushtest.SMTPConfig{}, func(c *mail.Config) { c.URL = "smtp://" + nobody + "?tls=none" }, push.Retry, push.ClassConnect},
		{"no such host", pushtest.SMTPConfig{}, func(c *mail.Config) { c.URL = "smtp://nowhere.invalid" }, push.Retry, push.ClassDNS},
		{"STARTTLS is not offered", pushtest.SMTPConfig{NoTLS: true}, func(c *mail.Config) { c.URL, _, _ = strings.Cut(c.URL, "?") }, push.Retry, push.ClassTLS},
		{"an unknown authority", pushtest.SMTPConfig{}, func(c *mail.Config) { c.RootCAs = x509.NewCertPool() }, push.Retry, push.ClassTLS},
		{"an unknown authority, from the start", pushtest.SMTPConfig{ImplicitTLS: true}, func(c *mail.Config) { c.RootCAs = x509.NewCertPool() }, push.Retry, push.ClassTLS},
		{"TLS where none is spoken", pushtest.SMTPConfig{NoTLS: true}, func(c *mail.Config) {
			c.URL, _, _ = strings.Cut(strings.Replace(c.URL, "smtp:", "smtps:", 1), "?")
		}, push.Retry, push.ClassTLS},
		{"no way to log in", pushtest.SMTPConfig{Mechanisms: []string{"GSSAPI"}}, func(*mail.Config) {}, push.Misset, push.ClassCredential},
		{"another password", pushtest.SMTPConfig{}, func(c *mail.Config) { c.URL = strings.Replace(c.URL, "sesame", "barley", 1) }, push.Misset, push.ClassCredential},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink, s := newServer(t, tt.server, tt.change)
			r := s.Send(t.Context(), delivery())
			if r.Outcome != tt.outcome || r.Class != tt.class {
				t.Errorf("%+v; want %s, %s", r, tt.outcome, tt.class)
			}
			if r.Detail == "" || strings.Contains(r.Detail, "open-") {
				t.Errorf("detail = %q", r.Detail)
			}
			if len(sink.Mails()) != 0 {
				t.Error("a mail got through")
			}
		})
	}
}

// A password is never said to a server that cannot keep it.
func TestNoPasswordWithoutTLS(t *testing.T) {
	sink, s := newServer(t, pushtest.SMTPConfig{}, func(c *mail.Config) { c.RootCAs = x509.NewCertPool() })
	if r := s.Send(t.Context(), delivery()); r.Class != push.ClassTLS {
		t.Errorf("%+v", r)
	}
	if n := sink.Logins(); n != 0 {
		t.Errorf("%d logins", n)
	}
}

func TestHangingServer(t *testing.T) {
	for _, step := range []string{pushtest.SMTPHello, pushtest.SMTPAuth, pushtest.SMTPFrom, pushtest.SMTPTo, pushtest.SMTPData} {
		t.Run(step, func(t *testing.T) {
			sink, s := newServer(t, pushtest.SMTPConfig{}, func(c *mail.Config) { c.Timeout = 100 * time.Millisecond })
			sink.Misbehave(pushtest.SMTPFault{Step: step, Hang: true})
			r := s.Send(t.Context(), delivery())
			if r.Outcome != push.Retry || r.Class != push.ClassTimeout || !strings.Contains(r.Detail, "in time") {
				t.Errorf("%+v", r)
			}
			if r.Timing.Total > 5*time.Second {
				t.Errorf("it took %s", r.Timing.Total)
			}
		})
	}
	t.Run("and the caller gives up first", func(t *testing.T) {
		sink, s := newServer(t, pushtest.SMTPConfig{})
		sink.Misbehave(pushtest.SMTPHangs)
		why := errors.New("the node stops")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, why)
		defer cancel()
		if r := s.Send(ctx, delivery()); r.Outcome != push.Retry || r.Class != push.ClassTimeout || r.Detail != why.Error() {
			t.Errorf("%+v", r)
		}
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	const most, mails = 3, 24
	sink, s := newServer(t, pushtest.SMTPConfig{NoTLS: true}, func(c *mail.Config) { c.AtOnce = most })
	sink.Misbehave(pushtest.SMTPHangs)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range mails {
		wg.Go(func() {
			if r := s.Send(ctx, delivery()); r.Outcome != push.Retry || r.Class != push.ClassTimeout {
				t.Errorf("%+v", r)
			}
		})
	}
	deadline := time.Now().Add(10 * time.Second)
	for now := 0; now < most; now, _, _ = sink.Connections() {
		if time.Now().After(deadline) {
			t.Fatal("the connections were not taken")
		}
		runtime.Gosched()
	}
	short, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	if r := s.Send(short, delivery()); r.Outcome != push.Retry || r.Class != push.ClassTimeout || !strings.Contains(r.Detail, "free") {
		t.Errorf("%+v with all connections taken", r)
	}
	cancel()
	wg.Wait()
	if _, peak, all := sink.Connections(); peak != most || all != most {
		t.Errorf("%d connections at a time and %d in all; want %d", peak, all, most)
	}

	// They are free again.
	sink.Misbehave()
	for range mails {
		wg.Go(func() {
			if r := s.Send(t.Context(), delivery()); r.Outcome != push.Delivered {
				t.Errorf("%+v", r)
			}
		})
	}
	wg.Wait()
	if n := len(sink.Mails()); n != mails {
		t.Errorf("%d mails, want %d", n, mails)
	}
}
