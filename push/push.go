// Package push is every way an event leaves the building: to integrators'
// endpoints, to phones, to mailboxes and to the inbox of a person.
//
// What is owed is a row, a Delivery. A node leases the ones that are due, makes
// one Attempt at each and records what came of it; a node that dies leaves
// leases that end by themselves. So each is sent at least once, under one id.
package push

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/id"
)

type deliveryKind struct{}

func (deliveryKind) Prefix() string { return "dlv_" }

// ID identifies a delivery.
type ID = id.ID[deliveryKind]

// NewID mints the id of a delivery.
func NewID(at time.Time) ID { return id.New[deliveryKind](at) }

// Kind is a way out of the building.
type Kind string

// The ways out.
const (
	Webhook Kind = "webhook"
	APNs    Kind = "apns"
	FCM     Kind = "fcm"
	Mail    Kind = "mail"
)

// Kinds lists every way out.
var Kinds = []Kind{Webhook, APNs, FCM, Mail}

// A Delivery is one event owed to one endpoint, phone or mailbox, leased to
// this node for one attempt. Of Endpoint, Device and Mailbox it has the one that
// its kind needs.
type Delivery struct {
	ID      ID
	Kind    Kind
	Attempt int // 1 is the first
	Lease   time.Time
	Org     access.OrgID
	Event   event.ID
	Type    string // of the event
	At      time.Time
	Payload []byte // the event's envelope, frozen when it happened

	Endpoint *Endpoint
	Device   *Device
	Mailbox  *Mailbox
	Notice   *Notice // what a phone or mailbox is told
}

// A Sender makes one attempt at a delivery. It returns when ctx is over at the
// latest, and never keeps the Delivery.
type Sender interface {
	Send(ctx context.Context, d Delivery) Result
}

// Outcome is what came of an attempt.
type Outcome string

// The outcomes of an attempt.
const (
	Delivered Outcome = "delivered"
	Retry     Outcome = "retry"     // it may go better later
	Failed    Outcome = "failed"    // trying again cannot help
	Gone      Outcome = "gone"      // the address is dead: nothing is sent to it any more
	Misset    Outcome = "misset"    // our own credentials or settings are refused: tried again, and an operator must act
	Unknown   Outcome = "unknown"   // the node died in the middle
	Cancelled Outcome = "cancelled" // not tried: the endpoint, device or reason is gone
)

// The classes of what goes wrong: a closed set, for logs and metrics.
const (
	ClassStatus     = "status"     // an answer other than success
	ClassTimeout    = "timeout"    // no whole answer in time
	ClassDNS        = "dns"        // the name has no address
	ClassConnect    = "connect"    // nobody listens, or the connection broke
	ClassTLS        = "tls"        // no certificate that holds for the name
	ClassRefused    = "refused"    // an address that we do not connect to
	ClassRedirect   = "redirect"   // 3xx, which is never followed
	ClassGone       = "gone"       // 410, or a dead token
	ClassCredential = "credential" // ours were refused
	ClassPayload    = "payload"    // what we sent was refused, and will be again
	ClassProtocol   = "protocol"   // an answer that is none
	ClassCrash      = "crash"      // our node died
)

// A Result says what came of an attempt and, for the log, what it was like.
type Result struct {
	Outcome    Outcome
	Code       int           // HTTP or SMTP status; 0: there was no answer
	Class      string        // one of the classes; empty when delivered
	Detail     string        // for people, up to 500 characters: no secrets, no addresses of ours
	RetryAfter time.Duration // what the receiver asked for; 0: nothing
	Slow       bool          // the receiver cannot keep up: send it less at once

	Environment string // an APNs token turned out to be of this one: try it there

	IP              string
	Timing          Timing
	RequestHeader   http.Header // without secrets
	ResponseHeader  http.Header // up to 4 KiB
	ResponseBody    []byte      // up to 16 KiB
	ProviderMessage string      // the provider's id of the message
}

// Timing says how long the parts of an attempt took; 0: not needed or not
// reached.
type Timing struct {
	DNS, Connect, TLS, FirstByte, Total time.Duration
}
