package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/openinsure/openinsure/push"
)

// farewell is how long a server may take to say goodbye. The mail is out by
// then.
const farewell = 2 * time.Second

var (
	errTooLate = errors.New("the mail server did not answer in time")
	errNoTLS   = errors.New("the mail server does not offer STARTTLS")
	errNoAuth  = errors.New("the mail server offers no way to log in that we know")
)

// server sends mail over SMTP, one connection a mail.
type server struct {
	at      serverURL
	hello   string // what we call ourselves
	tls     *tls.Config
	timeout time.Duration
	slots   chan struct{} // one token for each connection
	now     func() time.Time
}

func newServer(cfg Config, from mail.Address) (*server, error) {
	at, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	return &server{
		at: at, hello: domain, timeout: cfg.Timeout, slots: make(chan struct{}, cfg.AtOnce), now: cfg.Now,
		tls: &tls.Config{ServerName: at.host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
	}, nil
}

// send waits for its turn and has one conversation with the server.
func (s *server) send(ctx context.Context, _ push.Delivery, l *letter) push.Result {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return push.Result{Outcome: push.Retry, Class: push.ClassTimeout, Detail: "no connection to the mail server was free in time"}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, errTooLate)
	defer cancel()
	t := &talk{server: s, letter: l, began: s.now()}
	err := t.deliver(ctx)
	r := t.result(ctx, err)
	r.IP, r.Timing = t.ip, t.timing
	return r
}

// step is a part of a conversation; it decides what a refusal means.
type step int

const (
	connecting step = iota
	securing
	greeting
	loggingIn
	naming    // MAIL FROM
	addressed // RCPT TO
	writing   // DATA
)

// talk is one conversation with a server.
type talk struct {
	server *server
	letter *letter
	began  time.Time

	at       step
	ip       string
	timing   push.Timing
	response string // to the mail
}

// deliver hands the mail over; t.at says how far it came.
func (t *talk) deliver(ctx context.Context) error {
	conn, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // closed already when all went well
	// The library knows no contexts: who hangs up ends its waiting.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	t.at = greeting
	c, err := smtp.NewClient(conn, t.server.at.host)
	if err != nil {
		return err
	}
	t.timing.FirstByte = t.server.now().Sub(t.began)
	if err := c.Hello(t.server.hello); err != nil {
		return err
	}
	if t.server.at.security == startTLS {
		t.at = securing
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errNoTLS
		}
		if err := c.StartTLS(t.server.tls); err != nil {
			return err
		}
	}
	if t.server.at.login {
		t.at = loggingIn
		if err := t.logIn(c); err != nil {
			return err
		}
	}
	t.at = naming
	if err := c.Mail("<" + t.letter.from.Address + ">"); err != nil {
		return err
	}
	t.at = addressed
	if err := c.Rcpt("<" + t.letter.to.Address + ">"); err != nil {
		return err
	}
	t.at = writing
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := t.letter.msg.WriteTo(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if dc, ok := w.(*smtp.DataCloser); ok {
		t.response = dc.ServerResponse()
	}
	// The mail is theirs: nothing that happens from here on makes it unsent.
	if c.UpdateDeadline(farewell) == nil {
		_ = c.Quit()
	}
	return nil
}

// connect opens the connection, with TLS if that comes first.
func (t *talk) connect(ctx context.Context) (net.Conn, error) {
	var dns, dial time.Time
	now := t.server.now
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { dns = now() },
		DNSDone:      func(httptrace.DNSDoneInfo) { t.timing.DNS = now().Sub(dns) },
		ConnectStart: func(_, _ string) { dial = now() },
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				t.timing.Connect = now().Sub(dial)
			}
		},
	})
	conn, err := (&net.Dialer{}).DialContext(traced, "tcp", t.server.at.addr())
	if err != nil {
		return nil, err
	}
	if ap, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		t.ip = ap.Addr().Unmap().String()
	}
	if t.server.at.security != implicitTLS {
		return conn, nil
	}
	t.at = securing
	shaking := now()
	safe := tls.Client(conn, t.server.tls)
	if err := safe.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	t.timing.TLS = now().Sub(shaking)
	return safe, nil
}

// logIn uses the best way that the server offers. Without TLS, which is with
// loopback only, passwords go as they are.
func (t *talk) logIn(c *smtp.Client) error {
	at := t.server.at
	_, offered := c.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	open := at.security == noTLS
	switch {
	case slices.Contains(ways, "SCRAM-SHA-256"):
		return c.Auth(smtp.ScramSHA256Auth(at.user, at.password))
	case slices.Contains(ways, "PLAIN"):
		return c.Auth(smtp.PlainAuth("", at.user, at.password, at.host, open))
	case slices.Contains(ways, "LOGIN"):
		return c.Auth(smtp.LoginAuth(at.user, at.password, at.host, open))
	}
	return errNoAuth
}
