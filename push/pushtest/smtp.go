package pushtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// SMTPConfig says what kind of mail server a sink is. The zero value is one
// that offers STARTTLS and lets anybody in who knows User and Password.
type SMTPConfig struct {
	ImplicitTLS bool     // TLS from the first byte, as on port 465
	NoTLS       bool     // STARTTLS is not offered, and nobody logs in
	User        string   // default hub
	Password    string   // default open-sesame
	Mechanisms  []string // of AUTH; default PLAIN and LOGIN
	Domain      string   // it calls itself so; default mail.example.com
}

// SMTP is a mail server on loopback that keeps all mail for whoever started it.
// It speaks the protocol of RFC 5321 with STARTTLS and AUTH, with a certificate
// of its own authority.
type SMTP struct {
	cfg      SMTPConfig
	listener *countingListener
	server   *smtp.Server
	roots    *x509.CertPool
	closing  chan struct{}
	served   chan error
	once     sync.Once

	mu      sync.Mutex
	mails   []Mail        // guarded by mu
	arrived chan struct{} // guarded by mu; closed and replaced when a mail is in
	faults  []*SMTPFault  // guarded by mu
	logins  int           // guarded by mu
}

// NewSMTP starts a mail server. Close ends it.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	if cfg.User == "" {
		cfg.User, cfg.Password = "hub", "open-sesame"
	}
	if cfg.Domain == "" {
		cfg.Domain = "mail.example.com"
	}
	if cfg.Mechanisms == nil {
		cfg.Mechanisms = []string{sasl.Plain, sasl.Login}
	}
	ca, err := newAuthority("Mail sink")
	if err != nil {
		return nil, fmt.Errorf("certificate of the mail server: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return nil, fmt.Errorf("listen for mail: %w", err)
	}
	s := &SMTP{
		cfg: cfg, listener: &countingListener{Listener: l, open: map[net.Conn]struct{}{}}, roots: ca.roots,
		closing: make(chan struct{}), served: make(chan error, 1), arrived: make(chan struct{}),
	}
	s.server = smtp.NewServer(smtp.BackendFunc(s.session))
	s.server.Domain = cfg.Domain
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	s.server.ReadTimeout, s.server.WriteTimeout = time.Minute, time.Minute
	s.server.MaxMessageBytes = 1 << 20
	s.server.EnableSMTPUTF8 = true
	var serve net.Listener = s.listener
	own := &tls.Config{Certificates: []tls.Certificate{ca.cert}, MinVersion: tls.VersionTLS12}
	switch {
	case cfg.ImplicitTLS:
		serve = tls.NewListener(s.listener, own)
	case !cfg.NoTLS:
		s.server.TLSConfig = own
	}
	go func() { s.served <- s.server.Serve(serve) }() // Close waits for it
	return s, nil
}

// Close hangs up on everybody and returns when nothing of the sink runs.
func (s *SMTP) Close() error {
	err := errors.New("the mail server is closed already")
	s.once.Do(func() {
		close(s.closing)
		s.listener.hangUp()
		if err = <-s.served; errors.Is(err, net.ErrClosed) {
			err = nil
		}
		ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Second, errors.New("the mail server's sessions did not end"))
		defer cancel()
		if waited := s.server.Shutdown(ctx); waited != nil && !errors.Is(waited, net.ErrClosed) {
			err = errors.Join(err, waited)
		}
	})
	return err
}

// URL is the sink's address in the form of SMTP_URL, with its user.
func (s *SMTP) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.Addr(), User: url.UserPassword(s.cfg.User, s.cfg.Password)}
	switch {
	case s.cfg.ImplicitTLS:
		u.Scheme = "smtps"
	case s.cfg.NoTLS:
		u.User, u.RawQuery = nil, "tls=none"
	}
	return u.String()
}

// Addr is the sink's host and port.
func (s *SMTP) Addr() string { return s.listener.Addr().String() }

// Roots trusts the authority of the sink's certificate.
func (s *SMTP) Roots() *x509.CertPool { return s.roots }

// Misbehave sets what the sink does wrong from now on; nothing, without
// arguments. Of several faults at one step the first counts.
func (s *SMTP) Misbehave(faults ...SMTPFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	for _, f := range faults {
		s.faults = append(s.faults, &f)
	}
}

// Mails returns all mail so far, in the order in which it was accepted.
func (s *SMTP) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Wait returns all mail as soon as there are n, or what there is and an error
// when ctx is over.
func (s *SMTP) Wait(ctx context.Context, n int) ([]Mail, error) {
	for {
		s.mu.Lock()
		mails, arrived := slices.Clone(s.mails), s.arrived
		s.mu.Unlock()
		if len(mails) >= n {
			return mails, nil
		}
		select {
		case <-ctx.Done():
			return mails, fmt.Errorf("%d of %d mails: %w", len(mails), n, context.Cause(ctx))
		case <-arrived:
		}
	}
}

// Logins counts the attempts to log in.
func (s *SMTP) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Connections returns how many there are now, how many there were at most at
// one time, and how many in all.
func (s *SMTP) Connections() (now, most, all int) { return s.listener.counts() }

func (s *SMTP) keep(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}
