package mail_test

import (
	"bytes"
	"context"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/mail"
	"github.com/openinsure/openinsure/push/pushtest"
)

// written is the mail of a delivery, from a folder.
func written(t *testing.T, cfg mail.Config, d push.Delivery) pushtest.Mail {
	t.Helper()
	cfg.Folder, cfg.Now = t.TempDir(), func() time.Time { return noon }
	r := newSender(t, cfg).Send(context.Background(), d)
	if r.Outcome != push.Delivered {
		t.Fatalf("%+v", r)
	}
	raw, err := os.ReadFile(filepath.Join(cfg.Folder, r.ProviderMessage))
	if err != nil {
		t.Fatal(err)
	}
	m, err := pushtest.OpenMail(raw)
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	return m
}

func TestHeaders(t *testing.T) {
	m := written(t, config(), delivery())
	want := netmail.Header{
		"Auto-Submitted":           {"auto-generated"},
		"Content-Language":         {"en"},
		"Content-Type":             {"multipart/alternative; boundary=" + someDelivery.UUID()},
		"Date":                     {"Wed, 01 Apr 2026 12:00:00 +0000"},
		"From":                     {`"Summit Specialty" <no-reply@summit.example>`},
		"List-Id":                  {"<policies.notices.summit.example>"},
		"Message-Id":               {"<" + someDelivery.String() + "@summit.example>"},
		"Mime-Version":             {"1.0"},
		"Reply-To":                 {"<help@summit.example>"},
		"Subject":                  {"Policy GL-2026-000142 is bound"},
		"To":                       {`"Ada Insured" <ada@example.com>`},
		"X-Auto-Response-Suppress": {"All"},
		"X-Openinsure-Event":       {someEvent.String()},
		"X-Openinsure-Event-Type":  {"policy.bound"},
	}
	if d := cmp.Diff(want, m.Header); d != "" {
		t.Errorf("header (-want +got):\n%s", d)
	}
	for l := range bytes.SplitSeq(m.Raw, []byte("\r\n")) {
		if len(l) > 998 || bytes.ContainsAny(l, "\r\n") || bytes.ContainsFunc(l, func(r rune) bool { return r > 126 }) {
			t.Errorf("line %q is not fit for SMTP", l)
		}
	}
	again := delivery()
	again.Attempt = 2
	if r := written(t, config(), again); !bytes.Equal(r.Raw, m.Raw) {
		t.Error("another attempt is another mail")
	}
	plain := written(t, mail.Config{}, delivery())
	if from := plain.Header.Get("From"); from != `"OpenInsure" <no-reply@localhost>` || plain.Header.Get("Reply-To") != "" {
		t.Errorf("from %s by default", from)
	}
}

func TestTexts(t *testing.T) {
	d := delivery()
	d.Notice.Words["en"] = push.Words{Title: "Fish & <chips>", Body: "First <b>paragraph</b>.\r\n\r\n Second\x07 one.\n"}
	m := written(t, config(), d)
	const link = "https://hub.summit.example/policies/pol_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	want := strings.ReplaceAll(`Hello Ada Insured,

Fish & <chips>

First <b>paragraph</b>.

Second one.

Open in OpenInsure: `+link+`

-- 
You get this mail because you take part in this business on OpenInsure.
You choose which mails you get in your notification settings.
`, "\n", "\r\n")
	if diff := cmp.Diff(want, m.Text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for _, part := range []string{
		`<html lang="en">`, "<title>Fish &amp; &lt;chips&gt;</title>", "Fish &amp; &lt;chips&gt;</h1>", "Hello Ada Insured,</p>",
		"First &lt;b&gt;paragraph&lt;/b&gt;.</p>", "Second one.</p>", `href="` + link + `"`, "notification settings.",
	} {
		if !strings.Contains(m.HTML, part) {
			t.Errorf("the HTML lacks %s", part)
		}
	}
	// Nothing is fetched when the mail is read, and nobody learns that it was.
	if found := regexp.MustCompile(`(?i)<(img|script|link|iframe|object|form|video|base)\b|url\(|@import|src=`).FindString(m.HTML); found != "" {
		t.Errorf("the HTML has %s", found)
	}
	for _, a := range regexp.MustCompile(`https?://[^"<\s]*`).FindAllString(m.HTML, -1) {
		if a != link {
			t.Errorf("the HTML has the address %s", a)
		}
	}
}

func TestLanguages(t *testing.T) {
	for locale, want := range map[string]string{"es-MX": "es", "es": "es", "ES_us": "es", "en-GB": "en", "fr": "en", "": "en", "x": "en"} {
		d := delivery()
		d.Mailbox.Locale = locale
		m := written(t, config(), d)
		w := d.Notice.Words[want]
		if m.Subject != w.Title || !strings.Contains(m.Text, w.Body) || m.Header.Get("Content-Language") != want || !strings.Contains(m.HTML, `<html lang="`+want+`">`) {
			t.Errorf("%q: got %q in %s, want %s", locale, m.Subject, m.Header.Get("Content-Language"), want)
		}
		if spanish := strings.Contains(m.Text, "Hola, Ada Insured:") && strings.Contains(m.Text, "configuración"); spanish != (want == "es") {
			t.Errorf("%q: the fixed texts are in another language:\n%s", locale, m.Text)
		}
	}
	// Words that nobody translated are not put between Spanish ones.
	d := delivery()
	d.Mailbox.Locale = "es"
	delete(d.Notice.Words, "es")
	if m := written(t, config(), d); !strings.HasPrefix(m.Text, "Hello") || m.Header.Get("Content-Language") != "en" {
		t.Errorf("%s:\n%s", m.Header.Get("Content-Language"), m.Text)
	}
}

func TestLinks(t *testing.T) {
	for _, tt := range []struct{ name, public, link, want string }{
		{"a path", "https://hub.example", "/deal-rooms/room_1", "https://hub.example/deal-rooms/room_1"},
		{"below a path", "https://hub.example/app/", "/deal-rooms/room_1", "https://hub.example/app/deal-rooms/room_1"},
		{"with a query", "https://hub.example", "/inbox?open=1#top", "https://hub.example/inbox?open=1#top"},
		{"odd characters", "https://hub.example", `/a b"<`, "https://hub.example/a%20b%22%3C"},
		{"none", "https://hub.example", "", ""},
		{"nowhere to put it", "", "/deal-rooms/room_1", ""},
		{"another host", "https://hub.example", "https://evil.example/x", ""},
		{"another host, shorter", "https://hub.example", "//evil.example/x", ""},
		{"another host, for browsers that are kind", "https://hub.example", `/\evil.example/x`, "https://hub.example/%5Cevil.example/x"},
		{"a script", "https://hub.example", "javascript:alert(1)", ""},
		{"upwards", "https://hub.example/app", "/../../x", "https://hub.example/x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			cfg.PublicURL = tt.public
			d := delivery()
			d.Notice.Link = tt.link
			m := written(t, cfg, d)
			if tt.want == "" {
				if strings.Contains(m.Text, "Open in") || strings.Contains(m.HTML, "href") {
					t.Errorf("there is a link:\n%s", m.Text)
				}
				return
			}
			if !strings.Contains(m.Text, "Open in OpenInsure: "+tt.want+"\r\n") || !strings.Contains(m.HTML, `href="`+strings.ReplaceAll(tt.want, "&", "&amp;")+`"`) {
				t.Errorf("want %s in\n%s", tt.want, m.Text)
			}
		})
	}
}

// hostile are texts that try to become more than one header.
var hostile = []string{
	"x\r\nBcc: eve@evil.example",
	"x\nBcc: eve@evil.example",
	"x\rBcc: eve@evil.example",
	"x\r\n\r\n<script>alert(1)</script>",
	"x\r\n.\r\nRSET\r\nMAIL FROM:<eve@evil.example>",
	`"x" <eve@evil.example>, "y`,
	"x\\",
	`x\" <eve@evil.example>`,
	"x, eve@evil.example",
	"=?utf-8?q?x=0D=0ABcc:_eve@evil.example?=",
	"x\u2028Bcc: eve@evil.example\u2029\u0085",
	"x\x00\x1b[31m\u202egro.evil@eve\u200b",
	"x\xff\xfe",
	"Ñandú 🦤 <eve@evil.example>",
	strings.Repeat("long ", 500),
}

func TestHeadersCannotBeInjected(t *testing.T) {
	want := written(t, config(), delivery())
	for _, h := range hostile {
		for place, set := range map[string]func(*push.Delivery){
			"name":     func(d *push.Delivery) { d.Mailbox.Name = h },
			"title":    func(d *push.Delivery) { d.Notice.Words["en"] = push.Words{Title: h, Body: h} },
			"category": func(d *push.Delivery) { d.Notice.Category = h },
			"type":     func(d *push.Delivery) { d.Type = h },
			"link":     func(d *push.Delivery) { d.Notice.Link = "/" + h },
			"locale":   func(d *push.Delivery) { d.Mailbox.Locale = h },
		} {
			d := delivery()
			set(&d)
			m := written(t, config(), d)
			for name, values := range m.Header {
				if len(want.Header[name]) != 1 || len(values) != 1 {
					t.Errorf("%s %q: header %s: %q", place, h, name, values)
				}
			}
			if len(m.Header) != len(want.Header) {
				t.Errorf("%s %q: %d headers, want %d:\n%s", place, h, len(m.Header), len(want.Header), m.Raw)
			}
			to, err := m.Header.AddressList("To")
			if err != nil || len(to) != 1 || to[0].Address != "ada@example.com" {
				t.Errorf("%s %q: to %v, %v", place, h, to, err)
			}
			for _, s := range []string{m.Subject, to[0].Name} {
				if strings.ContainsAny(s, "\r\n\x00\x1b\u0085\u2028\u202e\u200b\ufffd") || len([]rune(s)) > 150 {
					t.Errorf("%s %q: reads %q", place, h, s)
				}
			}
			if strings.Contains(m.HTML, "<script") {
				t.Errorf("%s %q: a script", place, h)
			}
			if id := m.Header.Get("List-Id"); !regexp.MustCompile(`^<[a-z0-9-]{1,60}\.notices\.summit\.example>$`).MatchString(id) {
				t.Errorf("%s %q: list %q", place, h, id)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, good := range []string{"a@b.example", "first.last+tag@sub.example.com", "o'neil@example.com", "ada@localhost", "josé@example.com"} {
		d := delivery()
		d.Mailbox.Address = good
		m := written(t, config(), d)
		if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != good {
			t.Errorf("%q became %v, %v", good, to, err)
		}
	}
	d := delivery()
	d.Mailbox.Address = "ada@bücher.example"
	if m := written(t, config(), d); !strings.HasSuffix(m.Header.Get("To"), "<ada@xn--bcher-kva.example>") {
		t.Errorf("to %q", m.Header.Get("To"))
	}
	cfg := config()
	cfg.Folder = t.TempDir()
	s := newSender(t, cfg)
	bad := []string{
		"", "ada", "@example.com", "ada@", "ada@exa mple.com", "ada@example.com, eve@evil.example", "Ada <ada@example.com>",
		"<ada@example.com>", " ada@example.com", "ada@example.com ", `"a b"@example.com`, `"a@b"@example.com`, "ada@[127.0.0.1]", "ada@exa_mple.com", "ada@-x.example",
		"ada@example.com>\r\nRCPT TO:<eve@evil.example", "ada@example.com> NOTIFY=SUCCESS", "ada\x00@example.com", "ada@example.com\r\nBcc: eve@evil.example",
		strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("a", 64) + ".example", strings.Repeat("a", 60) + "@" + strings.Repeat("abcdefg.", 30) + "example",
	}
	for _, a := range append(bad, hostile...) {
		d := delivery()
		d.Mailbox.Address = a
		r := s.Send(context.Background(), d)
		if r.Outcome != push.Failed || r.Class != push.ClassPayload {
			t.Errorf("%q: %+v", a, r)
		}
		if a != "" && strings.Contains(r.Detail, a) {
			t.Errorf("%q is in the log: %s", a, r.Detail)
		}
	}
	if files, err := os.ReadDir(cfg.Folder); err != nil || len(files) != 0 {
		t.Errorf("%v, %v: mail to nobody", files, err)
	}
}

// A mail with a code says who asked for it and what to do if it was not he; it
// is of no event, and is not sent once the code is good for nothing.
func TestCodeLetter(t *testing.T) {
	for locale, want := range map[string][2]string{
		"en":    {"Your code to sign in", "If it was not you"},
		"es-MX": {"Su código de acceso", "Si no fue usted"},
	} {
		d := delivery()
		n := push.CodeNotice("Summit Specialty", "042617", 10*time.Minute, noon.Add(time.Minute))
		d.Notice, d.Type, d.Mailbox.Locale = &n, push.CodeType, locale
		m := written(t, config(), d)
		if m.Subject != want[0] || strings.Contains(string(m.Header.Get("Subject")), "042617") {
			t.Errorf("%s: subject %q", locale, m.Subject)
		}
		for _, body := range []string{m.Text, m.HTML} {
			if !strings.Contains(body, "Summit Specialty") || !strings.Contains(body, "042617") || !strings.Contains(body, want[1]) || strings.Contains(body, "settings") {
				t.Errorf("%s:\n%s", locale, body)
			}
		}
		if m.Header.Get("X-Openinsure-Event") != "" || m.Header.Get("List-Id") != "<sign-in.notices.summit.example>" {
			t.Errorf("%s: header %v", locale, m.Header)
		}
		n.Expires = noon
		cfg := config()
		cfg.Folder, cfg.Now = t.TempDir(), func() time.Time { return noon }
		if r := newSender(t, cfg).Send(context.Background(), d); r.Outcome != push.Cancelled {
			t.Errorf("expired: %+v", r)
		}
	}
}
