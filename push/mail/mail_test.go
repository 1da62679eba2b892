package mail_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/mail"
	"github.com/openinsure/openinsure/push/pushtest"
)

var noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// delivery is a mail owed to Ada, about a policy.
func delivery() push.Delivery {
	return push.Delivery{
		ID: someDelivery, Kind: push.Mail, Attempt: 1, Type: "policy.bound", At: noon, Event: someEvent, Org: access.OrgID{1},
		Mailbox: &push.Mailbox{Name: "Ada Insured", Address: "ada@example.com", Locale: "en-US"},
		Notice: &push.Notice{
			Category: "policies", Link: "/policies/pol_01J8K3M4N5P6Q7R8S9T0V1W2X3",
			Words: map[string]push.Words{
				"en": {Title: "Policy GL-2026-000142 is bound", Body: "Cover runs from April 1, 2026 to April 1, 2027. The premium is $14,250."},
				"es": {Title: "Póliza GL-2026-000142 emitida", Body: "La cobertura va del 1 de abril de 2026 al 1 de abril de 2027. La prima es de $14,250."},
			},
		},
	}
}

var (
	someDelivery = parse[push.ID]("dlv_01J8K3M4N5P6Q7R8S9T0V1W2X3")
	someEvent    = parse[event.ID]("evt_01J8K3M4N5P6Q7R8S9T0V1W2X3")
)

// parse reads an id.
func parse[ID any, P interface {
	*ID
	UnmarshalText([]byte) error
}](s string) (v ID) {
	if err := P(&v).UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return v
}

// config is a sender's, for tests: the real time but for what is written down.
func config() mail.Config {
	return mail.Config{
		From: "Summit Specialty <no-reply@summit.example>", ReplyTo: "help@summit.example", PublicURL: "https://hub.summit.example",
		Timeout: 10 * time.Second,
	}
}

func newSender(t *testing.T, cfg mail.Config) *mail.Sender {
	t.Helper()
	s, err := mail.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newServer starts a mail server and a sender that knows it.
func newServer(t *testing.T, server pushtest.SMTPConfig, change ...func(*mail.Config)) (*pushtest.SMTP, *mail.Sender) {
	t.Helper()
	sink, err := pushtest.NewSMTP(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := config()
	cfg.URL, cfg.RootCAs = sink.URL(), sink.Roots()
	for _, c := range change {
		c(&cfg)
	}
	return sink, newSender(t, cfg)
}

func TestSettingsAreChecked(t *testing.T) {
	with := func(change func(*mail.Config)) mail.Config {
		c := mail.Config{URL: "smtp://mail.example.com"}
		change(&c)
		return c
	}
	url := func(s string) mail.Config { return with(func(c *mail.Config) { c.URL = s }) }
	tests := []struct {
		name string
		cfg  mail.Config
		want string // a part of the error; empty: none
	}{
		{"STARTTLS", url("smtp://user:pa%40ss@mail.example.com:587"), ""},
		{"TLS", url("smtps://user:pass@mail.example.com"), ""},
		{"development", url("smtp://localhost:1025?tls=none"), ""},
		{"a catcher in another container", url("smtp://mailpit:1025?tls=none"), ""},
		{"IPv6", url("smtp://[::1]:1025?tls=none"), ""},
		{"nothing", mail.Config{}, "neither a folder nor a server"},
		{"no scheme", url("mail.example.com:587"), "has the scheme"},
		{"only a name", url("mail"), "has no scheme"},
		{"another scheme", url("https://mail.example.com"), `has the scheme "https"`},
		{"no host", url("smtp://"), "names no host"},
		{"no host but a port", url("smtp://:587"), "names no host"},
		{"a path", url("smtp://mail.example.com/inbox"), "no path"},
		{"a fragment", url("smtp://mail.example.com#x"), "no path and no fragment"},
		{"an unknown option", url("smtp://mail.example.com?starttls=always"), `knows no option "starttls"`},
		{"another tls", url("smtp://mail.example.com?tls=maybe"), "another tls than none"},
		{"tls twice", url("smtp://mail.example.com?tls=none&tls=none"), "another tls than none"},
		{"smtps without TLS", url("smtps://mail.example.com?tls=none"), "at once"},
		{"a user without a password", url("smtp://user@mail.example.com"), "both a user and a password"},
		{"a password in the clear", url("smtp://user:s3cret@mail.example.com?tls=none"), "in the clear"},
		{"a port that is none", url("smtp://mail.example.com:0"), "port outside"},
		{"a port that is too high", url("smtp://mail.example.com:65536"), "port outside"},
		{"a port that is a word", url("smtp://u:s3cret@mail.example.com:mail"), "is malformed"},
		{"a % in the password", url("smtp://u:s3cret%zz@mail.example.com"), "written %25"},
		{"an @ in the password", url("smtp://u:s3cret/@mail.example.com"), "is malformed"},
		{"a sender that is none", with(func(c *mail.Config) { c.From = "OpenInsure" }), "is no address"},
		{"two senders", with(func(c *mail.Config) { c.From = "a@b.example, c@d.example" }), "is no address"},
		{"answers to nobody", with(func(c *mail.Config) { c.ReplyTo = "help" }), "for answers"},
		{"a public address without a scheme", with(func(c *mail.Config) { c.PublicURL = "hub.example" }), "public address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := mail.New(tt.cfg)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("err = %v, want one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestSenderIsOne(t *testing.T) {
	var _ push.Sender = (*mail.Sender)(nil)
	for _, tt := range []struct {
		name   string
		change func(*push.Delivery)
	}{
		{"no mailbox", func(d *push.Delivery) { d.Mailbox = nil }},
		{"no notice", func(d *push.Delivery) { d.Notice = nil }},
		{"no words", func(d *push.Delivery) { d.Notice.Words = nil }},
		{"a title of nothing", func(d *push.Delivery) { d.Notice.Words = map[string]push.Words{"en": {Title: " \r\n\x00"}} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			cfg.Folder = t.TempDir()
			d := delivery()
			tt.change(&d)
			if r := newSender(t, cfg).Send(context.Background(), d); r.Outcome != push.Failed || r.Class != push.ClassPayload || r.Detail == "" {
				t.Errorf("%+v", r)
			}
		})
	}
}
