// Package event is the catalogue of what can happen, and who hears of it.
//
// An event is something that happened, in the past tense, committed. It has one
// id on every path: the REST list, the socket frame, the webhook and the push.
package event

import (
	"encoding/json"
	"fmt"
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
	Subject string   // the id of what it happened to
	Persons []string // usr_… and per_… who hear it on their own channel
}

// New makes the event that data describes.
func New(org access.OrgID, subject string, data Payload, at time.Time) Event {
	at = at.UTC().Truncate(time.Millisecond)
	return Event{ID: id.New[eventKind](at), Type: data.EventType(), Org: org, At: at, Data: data, Subject: subject}
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

// Payload serialises the event; the bytes are frozen from here on. A type that
// is not in the catalogue is an error: nothing else may be heard.
func (e Event) Payload() ([]byte, error) {
	if _, ok := Lookup(e.Type); !ok {
		return nil, fmt.Errorf("event type %q is not in the catalogue", e.Type)
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("serialise %s: %w", e.Type, err)
	}
	return json.Marshal(Envelope{ID: e.ID, Type: e.Type, OrgID: e.Org, Timestamp: e.At, APIVersion: APIVersion, Data: data})
}

// Channels returns the names of the channels that hear the event: its type's
// audiences in its organisation, and its persons.
func (e Event) Channels() []string {
	t, _ := Lookup(e.Type)
	names := make([]string, 0, len(t.Audiences)+len(e.Persons))
	for _, a := range t.Audiences {
		names = append(names, OrgChannel(e.Org, a))
	}
	for _, p := range e.Persons {
		names = append(names, "person:"+p)
	}
	return names
}

// OrgChannel names the channel of an organisation's audience.
func OrgChannel(org access.OrgID, audience string) string {
	return "org:" + org.String() + ":" + audience
}
