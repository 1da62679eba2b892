package room

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

// Limits of a message.
const (
	MaxBody        = 16_384 // characters, after trimming
	MaxAttachments = 20
	MaxMentions    = 50
)

// Faults of messages.
var (
	ErrDeleted   = fault.New(fault.Refused, "message_deleted", "The message was deleted.")
	ErrNotAuthor = fault.New(fault.Forbidden, "not_author", "Only its author may change a message; those who run his company's side may delete it.")
)

// A Visibility says who hears something: all of the room, or the author's own
// company, at its desk.
type Visibility string

// The visibilities.
const (
	ForAll   Visibility = "shared"
	Internal Visibility = "internal"
)

// A Draft is a message that somebody wants to post.
type Draft struct {
	Body        string
	ClientID    string // a uuid that names the post for its author; minted when empty
	Visibility  Visibility
	ReplyTo     MessageID // of the same channel; zero for none
	Mentions    []access.UserID
	Attachments []FileID
}

// Check returns the draft as it is posted: trimmed, with a client id, each
// mention and attachment once. A message without words needs an attachment.
func (d Draft) Check() (Draft, error) {
	var err error
	if d.Body, err = checkBody(d.Body, len(d.Attachments) > 0); err != nil {
		return d, err
	}
	bad := fault.ErrValidation
	switch d.Visibility {
	case "":
		d.Visibility = ForAll
	case ForAll, Internal:
	default:
		return d, bad.Field("visibility", "enum")
	}
	if len(d.Mentions) > MaxMentions {
		return d, bad.Field("mentions", "maxItems")
	}
	if len(d.Attachments) > MaxAttachments {
		return d, bad.Field("attachments", "maxItems")
	}
	if d.Mentions, err = once(d.Mentions, "mentions"); err != nil {
		return d, err
	}
	if d.Attachments, err = once(d.Attachments, "attachments"); err != nil {
		return d, err
	}
	if d.ClientID == "" {
		d.ClientID = NewClientID()
		return d, nil
	}
	c, err := id.ParseUUID[messageKind](d.ClientID)
	if err != nil {
		return d, bad.Field("clientId", "uuid")
	}
	d.ClientID = c.UUID() // in lower case, as it is compared
	return d, nil
}

// NewClientID mints a random uuid.
func NewClientID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	h := hex.EncodeToString(raw[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func checkBody(s string, mayBeEmpty bool) (string, error) {
	bad := fault.ErrValidation
	if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
		return s, bad.Field("body", "format")
	}
	s = strings.TrimSpace(s)
	switch {
	case s == "" && !mayBeEmpty:
		return s, bad.Field("body", "required")
	case utf8.RuneCountInString(s) > MaxBody:
		return s, bad.Field("body", "maxLength")
	}
	return s, nil
}

// once refuses the zero id and drops what is repeated.
func once[T comparable](ids []T, field string) ([]T, error) {
	var zero T
	seen := make(map[T]bool, len(ids))
	out := ids[:0:0]
	for i, v := range ids {
		if v == zero {
			return nil, fault.ErrValidation.Field(field+"["+strconv.Itoa(i)+"]", "id")
		}
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out, nil
}

// A Message is something that was said, at its place in a channel.
type Message struct {
	event.MessagePosted
	Org     access.OrgID // whose channel it is in
	Channel string
	Seq     int64
	At      time.Time
}

// ReadMessage reads a message from the entry that it is.
func ReadMessage(channel string, seq int64, payload []byte) (Message, error) {
	m := Message{Channel: channel, Seq: seq}
	var e event.Envelope
	err := json.Unmarshal(payload, &e)
	if err == nil {
		m.Org, m.At = e.OrgID, e.Timestamp
		err = json.Unmarshal(e.Data, &m.MessagePosted)
	}
	if err != nil {
		return m, fmt.Errorf("message %d of %s: %w", seq, channel, err)
	}
	return m, nil
}

// Payload is the envelope of the message, under its own ULID.
func (m Message) Payload() ([]byte, error) {
	var mid MessageID
	if err := mid.UnmarshalText([]byte(m.MessageID)); err != nil {
		return nil, err
	}
	e := event.Event{ID: event.ID(mid), Type: event.Posted, Org: m.Org, At: m.At, Data: m.MessagePosted}
	return e.Payload()
}

// ID returns the message's id.
func (m Message) ID() MessageID {
	var mid MessageID
	_ = mid.UnmarshalText([]byte(m.MessageID)) // ours: it was minted
	return mid
}

// Edit returns the message with another body. Only its author may, at any time.
func (m Message) Edit(by access.Actor, body string, at time.Time) (Message, error) {
	switch {
	case by.ID != m.Author.ID || by.Org.String() != m.Author.OrgID:
		return m, ErrNotAuthor
	case m.DeletedAt != "":
		return m, ErrDeleted
	}
	var err error
	if m.Body, err = checkBody(body, len(m.Attachments) > 0); err != nil {
		return m, err
	}
	m.EditedAt = at.UTC().Format(time.RFC3339Nano)
	return m, nil
}

// Delete returns the tombstone of the message: its place, author and time, and
// nothing of what it said. Its author may, and whoever runs his company's side:
// what the other company said is not ours to take away.
func (m Message) Delete(by access.Actor, runs bool, at time.Time) (Message, error) {
	if by.Org.String() != m.Author.OrgID || by.ID != m.Author.ID && !runs {
		return m, ErrNotAuthor
	}
	m.Body, m.ReplyTo, m.Mentions, m.Attachments, m.EditedAt = "", "", nil, nil, ""
	m.DeletedAt = at.UTC().Format(time.RFC3339Nano)
	return m, nil
}

// Words splits what is searched for; all of them must be in a message.
func Words(q string) []string { return strings.Fields(strings.ToLower(q)) }

// Matches reports whether the message holds every word, in any case, in its
// body or in the names of its attachments.
func (m Message) Matches(words []string) bool {
	if m.DeletedAt != "" {
		return false
	}
	said := []string{m.Body}
	for _, a := range m.Attachments {
		said = append(said, a.Name)
	}
	text := strings.ToLower(strings.Join(said, "\n"))
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
