package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"net/mail"
	"net/url"
	"strings"
	text "text/template"

	gomail "github.com/wneessen/go-mail"

	"github.com/openinsure/openinsure/push"
)

//go:embed letter.txt letter.html
var files embed.FS

var (
	textForm = text.Must(text.ParseFS(files, "letter.txt"))
	htmlForm = html.Must(html.ParseFS(files, "letter.html"))
)

// phrases are the fixed texts of a mail.
type phrases struct {
	Greeting, GreetingOf, Open, Paste, Why, Where string
	WhyCode                                       string // in place of Why and Where, in a mail with a code
	WhyLink                                       string // the same, in a mail that lets somebody in
	WhyGuest                                      string // the same, in a mail to a guest who was away
}

// fixed holds the languages of mails; each notice has at least en.
var fixed = map[string]phrases{
	"en": {
		Greeting: "Hello,", GreetingOf: "Hello %s,", Open: "Open in OpenInsure",
		Paste:    "If the button does not work, copy this address into your browser:",
		Why:      "You get this mail because you take part in this business on OpenInsure.",
		Where:    "You choose which mails you get in your notification settings.",
		WhyCode:  "You get this mail because somebody asked for a code with this address. If it was not you, you need to do nothing: without the code nobody gets in.",
		WhyLink:  "You get this mail because somebody wants you in a deal room on OpenInsure, or you asked for a link to it. Do not pass it on: who has the link gets in.",
		WhyGuest: "You get this mail because you are a guest of this deal room on OpenInsure. Who leaves the room gets no more.",
	},
	"es": {
		Greeting: "Hola:", GreetingOf: "Hola, %s:", Open: "Abrir en OpenInsure",
		Paste:    "Si el botón no funciona, copie esta dirección en su navegador:",
		Why:      "Recibe este correo porque participa en este negocio en OpenInsure.",
		Where:    "En su configuración de notificaciones puede elegir qué correos recibe.",
		WhyCode:  "Recibe este correo porque alguien pidió un código con esta dirección. Si no fue usted, no tiene que hacer nada: sin el código nadie entra.",
		WhyLink:  "Recibe este correo porque alguien le quiere en una sala de OpenInsure, o porque pidió un enlace a ella. No lo reenvíe: quien tenga el enlace entra.",
		WhyGuest: "Recibe este correo porque es invitado de esta sala de OpenInsure. Quien sale de la sala no recibe más.",
	},
}

const (
	mostSubject   = 150    // characters
	mostBody      = 10_000 // characters
	listNamespace = "notices"
)

// A letter is a mail, ready to be sent.
type letter struct {
	msg      *gomail.Msg
	from, to mail.Address
}

// form is what the templates fill in.
type form struct {
	phrases
	Lang, Title, Salutation string
	Paragraphs              []string
	Link                    string
}

// compose writes the mail of a delivery.
func (s *Sender) compose(d push.Delivery) (*letter, error) {
	if d.Mailbox == nil || d.Notice == nil {
		return nil, errNoMailbox
	}
	to, err := mailbox(d.Mailbox.Name, d.Mailbox.Address)
	if err != nil {
		return nil, err
	}
	lang := language(*d.Notice, d.Mailbox.Locale)
	words := d.Notice.Words[lang]
	f := form{
		phrases: fixed[lang], Lang: lang, Title: line(words.Title, mostSubject),
		Paragraphs: paragraphs(words.Body), Link: s.link(d.Notice.Link),
	}
	switch d.Notice.Category {
	case push.SignIn:
		f.Why, f.Where = f.WhyCode, ""
	case push.Invitation:
		f.Why, f.Where, f.Link = f.WhyLink, "", d.Notice.URL
	case push.GuestNews:
		f.Why, f.Where = f.WhyGuest, ""
	}
	if f.Title == "" {
		return nil, errors.New("the notice has no title")
	}
	if f.Salutation = f.Greeting; to.Name != "" {
		f.Salutation = fmt.Sprintf(f.GreetingOf, to.Name)
	}
	var plain, rich bytes.Buffer
	if err := textForm.Execute(&plain, f); err != nil {
		return nil, fmt.Errorf("fill in the text of the mail: %w", err)
	}
	if err := htmlForm.Execute(&rich, f); err != nil {
		return nil, fmt.Errorf("fill in the HTML of the mail: %w", err)
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	// The boundary comes of the id too, so that all attempts are the same bytes
	// but for the date.
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(d.ID.UUID()))
	if err := m.From(s.from.String()); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := m.To(to.String()); err != nil {
		return nil, errAddress
	}
	if s.rep != nil {
		if err := m.ReplyTo(s.rep.String()); err != nil {
			return nil, fmt.Errorf("address for answers: %w", err)
		}
	}
	m.Subject(f.Title)
	m.SetDateWithValue(s.now())
	m.SetMessageIDWithValue(d.ID.String() + "@" + domain)
	m.SetGenHeader(gomail.HeaderContentLang, lang)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation answers to it
	m.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	if !d.Notice.IsLetter() { // which is of no event
		m.SetGenHeader("X-OpenInsure-Event", d.Event.String())
		m.SetGenHeader("X-OpenInsure-Event-Type", line(d.Type, 100))
	}
	m.SetGenHeader("List-Id", listID(d.Notice.Category, domain))
	m.SetBodyString(gomail.TypeTextPlain, plain.String())
	m.AddAlternativeString(gomail.TypeTextHTML, rich.String())
	return &letter{msg: m, from: s.from, to: to}, nil
}

// language returns the language of a locale if the notice's words as well as the
// fixed texts are there in it, else en.
func language(n push.Notice, locale string) string {
	lang, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-")
	_, told := n.Words[lang]
	if _, ok := fixed[lang]; ok && told {
		return lang
	}
	return "en"
}

// link makes a notice's path absolute. What is no path of ours is no link.
func (s *Sender) link(path string) string {
	if s.base == nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return ""
	}
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" {
		return ""
	}
	abs := s.base.JoinPath(u.EscapedPath())
	abs.RawQuery, abs.Fragment = u.RawQuery, u.Fragment
	return abs.String()
}

// paragraphs splits a body at its line breaks.
func paragraphs(body string) []string {
	var ps []string
	for p := range strings.SplitSeq(body, "\n") {
		if p = line(p, mostBody); p != "" {
			ps = append(ps, p)
		}
	}
	return ps
}

// listID names the list of a category, by which mailboxes sort; its name is
// made of letters, digits and dashes only.
func listID(category, domain string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, category)
	if name = strings.Trim(name, "-"); name == "" {
		name = "all"
	}
	return "<" + name[:min(len(name), 60)] + "." + listNamespace + "." + domain + ">"
}
