package pushtest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session begins a conversation; go-smtp calls it after EHLO.
func (s *SMTP) session(c *smtp.Conn) (smtp.Session, error) {
	talk := &smtpSession{sink: s, conn: c}
	if err := talk.misbehave(SMTPHello, ""); err != nil {
		return nil, err
	}
	return talk, nil
}

// smtpSession is one conversation. go-smtp calls its methods one at a time.
type smtpSession struct {
	sink *SMTP
	conn *smtp.Conn
	user string
	from string
	to   []string
}

// misbehave does what the sink is told to do wrong at a step, if anything, and
// returns the refusal.
func (t *smtpSession) misbehave(step, to string) error {
	f, ok := t.sink.take(step, to)
	switch {
	case !ok:
		return nil
	case f.Hang:
		<-t.sink.closing
		return t.hangUp()
	case f.Drop:
		return t.hangUp()
	}
	return &smtp.SMTPError{Code: f.Code, EnhancedCode: smtp.EnhancedCode(f.Enhanced), Message: strings.ReplaceAll(f.Text, "%s", to)}
}

func (t *smtpSession) hangUp() error {
	_ = t.conn.Conn().Close() // a second time, when the sink is closing
	return errors.New("hung up")
}

// AuthMechanisms implements smtp.AuthSession.
func (t *smtpSession) AuthMechanisms() []string {
	if t.sink.cfg.NoTLS {
		return nil
	}
	return t.sink.cfg.Mechanisms
}

// Auth implements smtp.AuthSession.
func (t *smtpSession) Auth(mechanism string) (sasl.Server, error) {
	if !slices.Contains(t.AuthMechanisms(), mechanism) {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	t.sink.mu.Lock()
	t.sink.logins++
	t.sink.mu.Unlock()
	check := func(user, password string) error {
		if err := t.misbehave(SMTPAuth, ""); err != nil {
			return err
		}
		if user != t.sink.cfg.User || password != t.sink.cfg.Password {
			return smtp.ErrAuthFailed
		}
		t.user = user
		return nil
	}
	if mechanism == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// Mail implements smtp.Session.
func (t *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	if err := t.misbehave(SMTPFrom, ""); err != nil {
		return err
	}
	if t.user == "" && !t.sink.cfg.NoTLS {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "authentication required"}
	}
	t.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (t *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := t.misbehave(SMTPTo, to); err != nil {
		return err
	}
	t.to = append(t.to, to)
	return nil
}

// Data implements smtp.Session.
func (t *smtpSession) Data(r io.Reader) error {
	var raw bytes.Buffer
	if _, err := io.CopyN(io.Discard, io.TeeReader(r, &raw), 64); err != nil {
		return err
	}
	if err := t.misbehave(SMTPData, t.to[0]); err != nil {
		return err
	}
	if _, err := raw.ReadFrom(r); err != nil {
		return err
	}
	m, err := OpenMail(raw.Bytes())
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "not a mail: " + err.Error()}
	}
	m.From, m.To, m.User = t.from, slices.Clone(t.to), t.user
	_, m.TLS = t.conn.TLSConnectionState()
	t.sink.keep(m)
	return nil
}

// Reset implements smtp.Session.
func (t *smtpSession) Reset() { t.from, t.to = "", nil }

// Logout implements smtp.Session.
func (t *smtpSession) Logout() error { return nil }

// loginServer is the server's side of AUTH LOGIN: it asks for one thing after
// the other.
type loginServer struct {
	check func(user, password string) error
	step  int
	user  string
}

// Next implements sasl.Server.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil && l.step == 0 {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	if l.step < 2 {
		l.step, l.user = 2, string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}
