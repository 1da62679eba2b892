// Package mail tells people by mail what a notice says: into a folder of .eml
// files, or over SMTP.
//
// One attempt is one mail to one mailbox on a connection of its own. A mail
// that is sent again, because nobody knows whether the first was taken, has the
// same Message-ID, by which mailboxes know it.
package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/url"
	"time"

	"github.com/openinsure/openinsure/push"
)

// Config says where mail goes and what it looks like. Of Folder and URL one is
// needed; with both, mail goes to URL.
type Config struct {
	Folder    string // made when it is missing; each mail becomes a file of it
	URL       string // smtp://user:password@host:587, smtps://…:465 or smtp://localhost:1025?tls=none
	From      string // default "OpenInsure <no-reply@localhost>"
	ReplyTo   string // empty: none
	PublicURL string // what a notice's link is put behind; empty: mails have no links

	RootCAs *x509.CertPool // that the server's certificate must be of; nil: the system's
	Timeout time.Duration  // of one attempt over SMTP; default 20 s
	AtOnce  int            // connections at a time; default 4

	Logger *slog.Logger     // nil discards
	Now    func() time.Time // nil is time.Now
}

// way is how a mail leaves.
type way interface {
	send(ctx context.Context, d push.Delivery, l *letter) push.Result
}

// A Sender implements push.Sender for mailboxes.
type Sender struct {
	way  way
	from mail.Address
	rep  *mail.Address
	base *url.URL
	now  func() time.Time
}

// New checks the settings; it does not connect.
func New(cfg Config) (*Sender, error) {
	if cfg.From == "" {
		cfg.From = "OpenInsure <no-reply@localhost>"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	if cfg.AtOnce == 0 {
		cfg.AtOnce = 4
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sender{now: cfg.Now}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("mail: the sender %q is no address: %w", cfg.From, err)
	}
	if s.from, err = mailbox(from.Name, from.Address); err != nil {
		return nil, fmt.Errorf("mail: the sender %q: %w", cfg.From, err)
	}
	if cfg.ReplyTo != "" {
		reply, err := mail.ParseAddress(cfg.ReplyTo)
		if err != nil {
			return nil, fmt.Errorf("mail: the address for answers %q is none: %w", cfg.ReplyTo, err)
		}
		s.rep = reply
	}
	if cfg.PublicURL != "" {
		s.base, err = url.Parse(cfg.PublicURL)
		if err != nil || s.base.Host == "" || s.base.Scheme != "http" && s.base.Scheme != "https" {
			return nil, fmt.Errorf("mail: the public address %q is not http://… or https://…", cfg.PublicURL)
		}
	}
	switch {
	case cfg.URL != "":
		s.way, err = newServer(cfg, s.from)
	case cfg.Folder != "":
		s.way, err = newOutbox(cfg)
	default:
		err = errors.New("mail: neither a folder nor a server is set")
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Send implements push.Sender.
func (s *Sender) Send(ctx context.Context, d push.Delivery) push.Result {
	began := s.now()
	if n := d.Notice; n != nil && n.IsLetter() && !n.Expires.After(began) {
		return push.Result{Outcome: push.Cancelled, Class: push.ClassGone, Detail: "What it says has expired."}
	}
	l, err := s.compose(d)
	if err != nil {
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload, Detail: detail(err.Error())}
	}
	r := s.way.send(ctx, d, l)
	r.Timing.Total = s.now().Sub(began)
	return r
}
