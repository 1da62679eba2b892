package event

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
)

// The audiences of an organisation; each is a channel of its own.
const (
	Underwriting = "underwriting"
	Claims       = "claims"
	Finance      = "finance"
	Admin        = "admin"
)

// Audiences lists every audience of an organisation.
var Audiences = []string{Underwriting, Claims, Finance, Admin}

// Asked are the resources that one has to be able to read to follow an audience:
// a channel is heard whole or not at all. What is asked stays so within a version
// of the API, or a key that follows an audience today would hear nothing tomorrow:
// a type of another resource is Open, or is told to another audience.
var Asked = map[string][]string{
	Underwriting: {"submissions", "rooms", "referrals", "policies", "da-agreements"},
	Claims:       {"claims", "policies"},
	Finance:      {"invoices", "policies", "claims"},
	Admin:        {"compliance", "da-agreements", "producers", "rates", "webhooks"},
}

// The parts in which persons hear of events.
const (
	Producer  = "producer"    // who brought the business
	Insured   = "insured"     // the policyholder
	Invited   = "invited"     // into a room
	InRoom    = "participant" // of a room
	Mentioned = "mentioned"   // in a message
	Assignee  = "assignee"    // of a referral
	Requester = "requester"   // who raised a referral
	Next      = "next"        // in line, for a referral that waited too long
	Adjuster  = "adjuster"    // of a claim
	Uploader  = "uploader"    // of a document
	Owner     = "owner"       // of a filing
	Manager   = "manager"     // the administrators of the organisation
)

// The categories by which persons choose what reaches their phones and
// mailboxes.
const (
	CategoryRooms     = "rooms"     // invitations, what was said
	CategoryReferrals = "referrals" // questions and decisions
	CategoryPolicies  = "policies"  // quotes, binds and changes of cover
	CategoryClaims    = "claims"
	CategoryBilling   = "billing"
	CategoryAdmin     = "admin" // what needs an administrator
)

// Categories lists every category.
var Categories = []string{CategoryRooms, CategoryReferrals, CategoryPolicies, CategoryClaims, CategoryBilling, CategoryAdmin}

// How a room shows an event.
const (
	AsEntry = "entry" // an entry of the room itself
	AsCard  = "card"  // an event of its own, safe for the other company
	OnDesk  = "desk"  // an entry of the underwriters' desk
)

// A Type is one row of the catalogue, and of the table that says who hears
// what: sockets, inboxes, phones, mailboxes and endpoints all go by it. Its
// Example is also the source of the JSON Schema.
type Type struct {
	Name        string
	Description string
	Resource    string   // whose read scope shows it in GET /v1/events
	Room        string   // AsEntry, AsCard or OnDesk; empty: rooms do not show it
	Audiences   []string // of the event's organisation
	Persons     []string // the parts whose persons hear it: on their channel and in their inbox
	Push        []string // of those, the parts whose phones show it
	Mail        []string // of those, the parts who get a mail
	Category    string   // of what persons are told
	Urgent      bool     // quiet hours do not hold it back
	Webhook     bool     // whether endpoints may subscribe to it
	Stream      bool     // an entry of its channels only: no row in the list of events
	Open        bool     // heard by whoever follows an audience, whatever he may read besides
	Inside      bool     // other companies are told by words only: the payload is not theirs to read
	Metadata    bool     // its organisation hears the metadata of what it happened to
	Planned     bool     // nothing emits it yet; endpoints may subscribe already
	Example     Payload
}

// tellMetadata are the types of what happens to a thing that has metadata.
var tellMetadata = []string{
	"submission.created", "submission.quoted", "submission.declined", "submission.corrected", "submission.claimed", "submission.released", "submission.sla_at_risk",
	"submission.sla_breached", "submission.withdrawn", "submission.expired", "submission.bind_requested", "quote.offered", "quote.accepted",
	"policy.bound", "policy.endorsed", "policy.cancelled", "policy.reinstated", "policy.renewed", "policy.renewal_due",
	"claim.filed", "claim.reserved", "claim.settled", "claim.denied", "claim.closed",
	"invoice.created", "invoice.due_soon", "invoice.overdue", "invoice.last_notice", "document.ready",
	"producer.created", "producer.status_changed", "compliance.sanctions_review", "da.agreement_changed", "da.limit_approaching",
	"deal_room.created", "deal_room.closed", "deal_room.reopened", "deal_room.archived",
}

// ExampleFor is an event of the type as an organisation would hear it.
func (t Type) ExampleFor(org access.OrgID, at time.Time) Event {
	return New(org, "", t.Example, at).With(map[string]string{"costCenter": "west"})
}

// ExampleData is the data of ExampleFor.
func (t Type) ExampleData() (json.RawMessage, error) {
	return t.ExampleFor(access.OrgID{}, time.Unix(0, 0)).data(t.Metadata)
}

// catalogue holds every type by its name.
var catalogue = func() map[string]Type {
	all := map[string]Type{}
	for _, ts := range [][]Type{
		roomTypes, referralTypes, submissionTypes, policyTypes, claimTypes, billingTypes, documentTypes, authorityTypes, complianceTypes, producerTypes, webhookTypes, notificationTypes, sandboxTypes,
	} {
		for _, t := range ts {
			t.Metadata = slices.Contains(tellMetadata, t.Name)
			all[t.Name] = t
		}
	}
	return all
}()

// Types returns the catalogue, by name.
func Types() []Type {
	out := make([]Type, 0, len(catalogue))
	for _, name := range slices.Sorted(maps.Keys(catalogue)) {
		out = append(out, catalogue[name])
	}
	return out
}

// Lookup finds a type by name.
func Lookup(name string) (Type, bool) {
	t, ok := catalogue[name]
	return t, ok
}
