// Package event is the catalogue of what can happen, and who hears of it.
//
// An event is something that happened, in the past tense, committed. It has one
// id on every path: the REST list, the socket frame, the webhook and the push.
package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/id"
)

// APIVersion is the version of the envelope and of all payloads, the date of
// the last change that was not an addition.
const APIVersion = "2026-11-01"

type eventKind struct{}

func (eventKind) Prefix() string { return "evt_" }

// ID identifies an event; it is minted once, when the event is made.
type ID = id.ID[eventKind]

// NewID mints the id of what is told like an event, and is none.
func NewID(at time.Time) ID { return id.New[eventKind](at) }

// A Payload is the data of one type of event.
type Payload interface {
	// EventType returns the type's name in the catalogue.
	EventType() string
}

// An Event is one fact, not yet committed until the transaction is that emits
// it.
type Event struct {
	ID      ID
	Type    string
	Org     access.OrgID // whose fact it is
	At      time.Time
	Data    Payload
	Subject string    // the id of what it happened to
	Also    []Channel // who hears it besides its type's audiences: rooms, desks, persons

	Persons []Person // who hears it besides, in the parts of its type
	Quiet   bool     // persons find it in their inbox; phones and mailboxes are left alone

	Metadata map[string]string // of what it happened to, where the type tells it

	Author   string // who did it, when that matters: usr_…, key_…, system
	Ref      int64  // the seq of the message that it is about; 0 for none
	Revokes  string // who loses the channels of Also with it, and does not hear it there
	Rewrites bool   // earlier entries of its channels were changed with it
}

// A Person is somebody who hears of an event, in the part that he has in it.
type Person struct {
	Subject string       `json:"subject"` // usr_… or per_…
	Org     access.OrgID `json:"org"`     // his
	As      string       `json:"as"`
}

// A Channel is a name that sessions listen to, and whose it is.
type Channel struct {
	Name string
	Org  access.OrgID // whose entries they are
	Room string       // the uuid form of the room that all of the room's companies hear; else empty
}

// PersonChannel is the channel of one user or policyholder.
func PersonChannel(subject string, org access.OrgID) Channel {
	return Channel{Name: "person:" + subject, Org: org}
}

// AccessChannel is where an organisation's nodes learn that somebody's rights
// changed. It is never subscribed to by clients.
func AccessChannel(org access.OrgID) Channel {
	return Channel{Name: "access:" + org.String(), Org: org}
}

// New makes the event that data describes.
func New(org access.OrgID, subject string, data Payload, at time.Time) Event {
	at = at.UTC().Truncate(time.Millisecond)
	return Event{ID: id.New[eventKind](at), Type: data.EventType(), Org: org, At: at, Data: data, Subject: subject}
}

// With returns the event with the metadata of what it happened to.
func (e Event) With(metadata map[string]string) Event {
	e.Metadata = metadata
	return e
}

// Envelope is the form in which an event leaves: the reference's five fields
// and the version.
type Envelope struct {
	ID         ID              `json:"id"`
	Type       string          `json:"type"`
	OrgID      access.OrgID    `json:"orgId"`
	Timestamp  time.Time       `json:"timestamp"`
	APIVersion string          `json:"apiVersion"`
	Data       json.RawMessage `json:"data"`
}

// Payload serialises the event for its organisation; the bytes are frozen from
// here on. A type that is not in the catalogue is an error: nothing else may be
// heard.
func (e Event) Payload() ([]byte, error) {
	t, _ := Lookup(e.Type)
	return e.payload(t.Metadata)
}

// PayloadFor is what a channel hears: metadata is the organisation's own, and
// leaves it on no channel on which others may be, a room's or a person's.
func (e Event) PayloadFor(c Channel) ([]byte, error) {
	t, _ := Lookup(e.Type)
	return e.payload(t.Metadata && strings.HasPrefix(c.Name, OrgChannel(e.Org, "")))
}

func (e Event) payload(metadata bool) ([]byte, error) {
	if _, ok := Lookup(e.Type); !ok {
		return nil, fmt.Errorf("event type %q is not in the catalogue", e.Type)
	}
	data, err := e.data(metadata)
	if err != nil {
		return nil, fmt.Errorf("serialise %s: %w", e.Type, err)
	}
	return json.Marshal(Envelope{ID: e.ID, Type: e.Type, OrgID: e.Org, Timestamp: e.At, APIVersion: APIVersion, Data: data})
}

func (e Event) data(metadata bool) ([]byte, error) {
	data, err := json.Marshal(e.Data)
	if err == nil && metadata {
		data, err = withMetadata(data, e.Metadata)
	}
	return data, err
}

// withMetadata adds metadata to data that is an object, as its last member.
func withMetadata(data []byte, metadata map[string]string) ([]byte, error) {
	if metadata == nil {
		metadata = map[string]string{}
	}
	m, err := json.Marshal(metadata)
	if err != nil {
		return nil, err
	}
	data = data[:len(data)-1]
	if len(data) > 1 {
		data = append(data, ',')
	}
	return append(append(append(data, `"metadata":`...), m...), '}'), nil
}

// Channels returns the channels that hear the event: its type's audiences in
// its organisation, its persons, each once, and those it names itself. A person
// of another company does not read the payload of an Inside event.
func (e Event) Channels() []Channel {
	t, _ := Lookup(e.Type)
	heard := make([]Channel, 0, len(t.Audiences)+len(e.Persons)+len(e.Also))
	for _, a := range t.Audiences {
		heard = append(heard, Channel{Name: OrgChannel(e.Org, a), Org: e.Org})
	}
	for _, p := range e.Heard() {
		if c := PersonChannel(p.Subject, p.Org); (p.Org == e.Org || !t.Inside) && !slices.Contains(heard, c) {
			heard = append(heard, c)
		}
	}
	return append(heard, e.Also...)
}

// Heard returns the persons who hear the event: those in a part that its type
// has.
func (e Event) Heard() []Person {
	t, _ := Lookup(e.Type)
	return slices.DeleteFunc(slices.Clone(e.Persons), func(p Person) bool { return !slices.Contains(t.Persons, p.As) })
}

// RevokedFrom returns who loses a channel with the event; usually nobody. An
// audience of the organisation is not lost with a room.
func (e Event) RevokedFrom(c Channel) string {
	if slices.Contains(e.Also, c) {
		return e.Revokes
	}
	return ""
}

// OrgChannel names the channel of an organisation's audience.
func OrgChannel(org access.OrgID, audience string) string {
	return "org:" + org.String() + ":" + audience
}

// Open reads an envelope; its data stays as it is.
func Open(payload []byte) (Envelope, error) {
	var e Envelope
	err := json.Unmarshal(payload, &e)
	return e, err
}
