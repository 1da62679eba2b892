package pushtest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
)

// A Mail is one that a sink accepted, as it came and taken apart.
type Mail struct {
	From string   // of the envelope
	To   []string // of the envelope
	User string   // who was logged in; empty: nobody
	TLS  bool

	Raw     []byte
	Header  mail.Header // as sent: encoded words are not decoded
	Subject string      // decoded
	Text    string      // of the text/plain part, decoded
	HTML    string      // of the text/html part, decoded
}

// OpenMail takes a mail apart. It is strict: a line that is no header, a part
// that is neither text nor HTML or an unknown encoding is an error.
func OpenMail(raw []byte) (Mail, error) {
	m := Mail{Raw: raw}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	m.Header = msg.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return m, fmt.Errorf("subject: %w", err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return m, err
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return m, m.add(textproto.MIMEHeader(msg.Header), msg.Body)
	}
	for parts := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		if err := m.add(p.Header, p); err != nil {
			return m, err
		}
	}
}

func (m *Mail) add(h textproto.MIMEHeader, body io.Reader) error {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return err
	}
	switch enc := strings.ToLower(h.Get("Content-Transfer-Encoding")); enc {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "", "7bit", "8bit":
	default:
		return fmt.Errorf("unknown encoding %q", enc)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	switch kind {
	case "text/plain":
		m.Text = string(b)
	case "text/html":
		m.HTML = string(b)
	default:
		return fmt.Errorf("a part of type %q", kind)
	}
	return nil
}
