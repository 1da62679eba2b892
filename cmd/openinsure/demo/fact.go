package demo

import (
	"encoding/json"
	"strings"
	"time"
)

// A Way is how something reaches somebody.
type Way string

// The ways, in the order in which the summary has them.
const (
	Socket  Way = "sockets"
	Stream  Way = "event streams"
	Webhook Way = "webhooks"
	IPhone  Way = "iPhones"
	Android Way = "Android phones"
	Mail    Way = "mail"
	Inbox   Way = "inboxes"
)

// Ways lists every way.
var Ways = []Way{Socket, Stream, Webhook, IPhone, Android, Mail, Inbox}

// An Ear is one place at which somebody hears: one channel of one connection, a
// phone, a mailbox, an endpoint. Ears are told apart by their address in memory.
type Ear struct {
	Name  string // for people: "Una's room channel"
	Way   Way
	Shows bool // the screen shows the words that come here
}

// A Fact is something that happened in the deal, and who is to hear it. Whoever
// is not named must not.
type Fact struct {
	Type   string // of the event
	Name   string // the id of what it is about; with Type, no other fact has it
	Note   string // for people, beside the type
	Asked  time.Time
	Listed bool // GET /v1/events shows it
	Heard  []*Ear
}

// card is the type of what a room shows of a fact of the business: an event of
// its own, which the other company reads.
const card = "deal_room.card_posted"

// A Receipt is one thing that came at an ear.
type Receipt struct {
	Ear   *Ear
	At    time.Time
	Event string // id of the event
	Type  string
	Name  string          // as a Fact's; empty where the way does not say
	Lane  string          // the connection's channel whose numbers Seq counts; empty where nothing counts
	Seq   int64           // in Lane
	Data  json.RawMessage // of the event, where the way carries it
	Words string          // what a person reads, where it is for one
	Fault string          // what is wrong with the receipt by itself, such as a signature
}

// envelope is an event as it leaves the platform.
type envelope struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// subject is what names the subject of an event among its data.
type subject struct {
	SubmissionID string `json:"submissionId"`
	QuoteID      string `json:"quoteId"`
	ReferralID   string `json:"referralId"`
	PolicyID     string `json:"policyId"`
	InvoiceID    string `json:"invoiceId"`
	RoomID       string `json:"roomId"`
	MessageID    string `json:"messageId"`
	Card         string `json:"card"`
	Participant  struct {
		UserID string `json:"userId"`
	} `json:"participant"`
}

// nameOf is what an event is about: the Name of its Fact.
func nameOf(kind string, data []byte) string {
	var s subject
	if json.Unmarshal(data, &s) != nil {
		return ""
	}
	prefix, _, _ := strings.Cut(kind, ".")
	switch {
	case kind == card:
		return cardName(s.Card, nameOf(s.Card, data))
	case kind == "submission.quoted":
		return s.QuoteID
	case kind == "deal_room.participant_added":
		return s.Participant.UserID
	case strings.HasPrefix(kind, "deal_room.message_"):
		return s.MessageID
	case prefix == "submission":
		return s.SubmissionID
	case prefix == "deal_room":
		return s.RoomID
	case prefix == "referral":
		return s.ReferralID
	case prefix == "policy":
		return s.PolicyID
	case prefix == "invoice":
		return s.InvoiceID
	}
	return ""
}

// cardName is the Name of the card of a fact.
func cardName(kind, name string) string { return kind + " " + name }
