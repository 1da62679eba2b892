package access

import (
	"fmt"
	"slices"
	"strings"
)

// A Permission is what an actor wants to do to an object.
type Permission string

// The permissions of the schema.
const (
	Read       Permission = "read"
	Write      Permission = "write"
	Bind       Permission = "bind"
	Administer Permission = "administer"
	OpenRoom   Permission = "open_room" // on the organisation: for its submissions
	Decide     Permission = "decide"    // a referral
	Judge      Permission = "judge"     // a submission: move its premium by schedule rating
	Accept     Permission = "accept"    // a quote of a submission

	ReadRates   Permission = "read_rates"   // on the organisation: its programs and their rates
	ManageRates Permission = "manage_rates" // on the organisation

	ReadDelegated   Permission = "read_delegated"   // on the organisation: carriers, agreements with them, what is used and reported
	ManageDelegated Permission = "manage_delegated" // on the organisation: carriers and agreements
	ReportDelegated Permission = "report_delegated" // on the organisation: make a bordereau

	MoveClock Permission = "move_clock" // on the organisation: its test clock

	ReadWebhooks   Permission = "read_webhooks"   // on the organisation: its endpoints and what they were sent
	ManageWebhooks Permission = "manage_webhooks" // on the organisation

	ViewBusiness Permission = "view_business" // on the organisation: what it deals with

	ViewDesk Permission = "view_desk" // on the organisation: what its underwriters know
	WorkDesk Permission = "work_desk" // on the organisation: what its underwriters do

	ReadAudit Permission = "read_audit" // on the organisation: its audit log

	ReadProducers   Permission = "read_producers"   // on the organisation
	ManageProducers Permission = "manage_producers" // on the organisation: not their sanctions reviews, which are an administrator's

	ReviewSanctions Permission = "review_sanctions" // on the organisation: whether an insured is who a list names

	// On the organisation, for what it has of a kind. They are what the objects of
	// that kind ask of it.
	viewBusiness  Permission = "view_business"  // submissions, quotes, referrals, rooms
	writeBusiness Permission = "write_business" // and policies
	viewPolicies  Permission = "view_policies"
	viewInvoices  Permission = "view_invoices"
	viewDesk      Permission = "view_desk" // of its own rooms
	workDesk      Permission = "work_desk"

	party Permission = "party" // to a claim, in person

	// ManageFiduciary is to change what is held for others: payments, trust
	// accounts, invoices. Who reads everything may not.
	ManageFiduciary Permission = "manage_fiduciary"

	Post     Permission = "post" // say something to all of a room, or to a desk
	Annotate Permission = "annotate"
	Edit     Permission = "edit"     // the title of a room
	Invite   Permission = "invite"   // anybody into a room, and out of it
	Bring    Permission = "bring"    // colleagues of the own firm into a room
	Deal     Permission = "deal"     // act on what a room is about for the broker's side; with Post
	Moderate Permission = "moderate" // close, reopen, archive a room; say what its participants may do
)

// The relations of a room to a user in it: which of them he has follows from
// his role in the room and his three flags.
const (
	RoomParticipant = "participant" // everybody in it
	RoomLead        = "lead"
	RoomChat        = "participant_chat"
	RoomAnnotate    = "participant_annotate"
	RoomEdit        = "participant_edit"
	RoomBroker      = "broker" // may bring colleagues of his firm
)

// The relations of a desk.
const (
	DeskMember = "member" // a participant who hears and uses it
	DeskHouse  = "house"  // the organisation, at the desk of its own room
)

// The relations of what is insured.
const (
	RelInsured  = "insured"  // of a policy: the policyholder
	RelProducer = "producer" // of a submission or policy: who brought it, or his firm
	RelPolicy   = "policy"   // of an invoice, claim or document: what it belongs to
	RelClaim    = "claim"    // of a document
	RelAdjuster = "adjuster" // of a claim: who handles it
)

// Type is the type of an object.
type Type string

// The types of object in the schema.
const (
	Org        Type = "org"
	Submission Type = "submission"
	Room       Type = "room"
	Desk       Type = "desk" // the part of a room that one company alone hears
	Referral   Type = "referral"
	Policy     Type = "policy"
	Claim      Type = "claim"
	Invoice    Type = "invoice"
	Document   Type = "document"
	Webhook    Type = "webhook"
	Flag       Type = "flag"
)

// The types of those who act.
const (
	userType   = "user"
	keyType    = "key"
	personType = "person"
)

// principals are the types of those who act.
var principals = []string{userType, keyType, personType}

// A Term is one way to hold a permission: by a relation or permission of the
// object itself, or, with Via, by one of the object that the relation Via leads
// to.
type Term struct{ Via, Name string }

// A Definition says which subjects each relation of a type takes, and which
// terms grant each permission: any one of them suffices.
type Definition struct {
	Relations   map[string][]string
	Permissions map[Permission][]Term
}

// orgRelation is the relation of every object to its organisation. It is not
// stored: it is the org_id of the object's row.
const orgRelation = "org"

// held grants by relations and permissions of the object itself.
func held(names ...string) []Term {
	terms := make([]Term, len(names))
	for i, n := range names {
		terms[i] = Term{Name: n}
	}
	return terms
}

// ofOrg grants by those of the object's organisation.
func ofOrg(names ...string) []Term { return via(orgRelation, names...) }

// via grants by those of the object that a relation leads to.
func via(relation string, names ...string) []Term {
	terms := held(names...)
	for i := range terms {
		terms[i].Via = relation
	}
	return terms
}

// Schema is who may do what, as one value. Its Zed is a SpiceDB schema.
//
// A relation that takes org#member takes everybody who has a role in an
// organisation. The relations of an organisation itself take nobody but those
// who act, and no relation leads in a circle.
var Schema = map[Type]Definition{
	Org: {
		Relations: map[string][]string{
			RoleAdmin: {userType}, RoleUnderwriter: {userType}, RoleBroker: {userType}, RoleAuditor: {userType},
			RoleFinance: {userType}, RoleAdjuster: {userType}, RoleCompliance: {userType}, Integration: {keyType},
		},
		Permissions: map[Permission][]Term{
			"member":        held(Roles...),
			viewBusiness:    held(RoleAdmin, RoleUnderwriter, RoleAuditor, RoleCompliance, Integration),
			writeBusiness:   held(RoleAdmin, RoleUnderwriter, Integration),
			viewPolicies:    held(string(viewBusiness), RoleFinance, RoleAdjuster),
			viewInvoices:    held(string(viewBusiness), RoleFinance),
			viewDesk:        held(RoleAdmin, RoleUnderwriter, RoleAuditor, RoleCompliance),
			workDesk:        held(RoleAdmin, RoleUnderwriter),
			ManageFiduciary: held(RoleAdmin, RoleFinance),
			Read:            held("member", Integration),
			Write:           held(string(writeBusiness)),
			Administer:      held(RoleAdmin),
			OpenRoom:        held(RoleAdmin, RoleUnderwriter),
			ReadWebhooks:    held(string(viewBusiness)),
			ManageWebhooks:  held(RoleAdmin, Integration),
			ReadAudit:       held(RoleAdmin, RoleAuditor, RoleCompliance),
			ReadProducers:   held(string(viewBusiness)),
			ManageProducers: held(string(writeBusiness)),
			ReviewSanctions: held(RoleAdmin, RoleCompliance),
			ReadRates:       held(string(viewBusiness)),
			ManageRates:     held(RoleAdmin, Integration),
			ReadDelegated:   held(string(viewBusiness), RoleFinance),
			ManageDelegated: held(RoleAdmin, Integration),
			ReportDelegated: held(RoleAdmin, RoleFinance, Integration),
			MoveClock:       held(RoleAdmin, Integration),
		},
	},
	Submission: {
		Relations: map[string][]string{orgRelation: {"org"}, RelProducer: {userType, "org#member"}},
		Permissions: map[Permission][]Term{
			Read:   slices.Concat(ofOrg(string(viewBusiness)), held(RelProducer)),
			Write:  ofOrg(string(writeBusiness)),
			Bind:   ofOrg(string(writeBusiness)),
			Judge:  ofOrg(RoleAdmin, RoleUnderwriter),
			Accept: slices.Concat(ofOrg(string(writeBusiness)), held(RelProducer)),
		},
	},
	Policy: {
		Relations: map[string][]string{orgRelation: {"org"}, RelInsured: {personType}, RelProducer: {userType, "org#member"}},
		Permissions: map[Permission][]Term{
			Read:  slices.Concat(ofOrg(string(viewPolicies)), held(RelInsured, RelProducer)),
			Write: ofOrg(string(writeBusiness)),
		},
	},
	Invoice: {
		Relations: map[string][]string{orgRelation: {"org"}, RelPolicy: {"policy"}},
		Permissions: map[Permission][]Term{
			Read:  slices.Concat(ofOrg(string(viewInvoices)), via(RelPolicy, RelInsured)),
			Write: ofOrg(string(ManageFiduciary), Integration),
		},
	},
	Claim: {
		Relations: map[string][]string{orgRelation: {"org"}, RelPolicy: {"policy"}, RelAdjuster: {userType}},
		Permissions: map[Permission][]Term{
			Read: slices.Concat(via(RelPolicy, RelInsured, RelProducer), held(RelAdjuster),
				ofOrg(RoleAdjuster, RoleFinance, string(viewBusiness))),
			party: slices.Concat(via(RelPolicy, RelInsured, RelProducer), held(RelAdjuster)),
			Write: slices.Concat(held(RelAdjuster), ofOrg(RoleAdjuster, RoleAdmin, Integration)),
		},
	},
	// What is uploaded to a room is the room's; a document is of a policy or a
	// claim.
	Document: {
		Relations: map[string][]string{orgRelation: {"org"}, RelPolicy: {"policy"}, RelClaim: {"claim"}},
		Permissions: map[Permission][]Term{
			Read:  slices.Concat(ofOrg(string(viewBusiness)), via(RelPolicy, RelInsured, RelProducer), via(RelClaim, string(party))),
			Write: ofOrg(string(writeBusiness)),
		},
	},
	// Raising a referral is a Write of what it is about, so that integrations
	// may raise one; a decision is a person's.
	Referral: {
		Relations: map[string][]string{orgRelation: {"org"}},
		Permissions: map[Permission][]Term{
			Read:   ofOrg(string(viewBusiness)),
			Write:  ofOrg(RoleAdmin, RoleUnderwriter),
			Decide: ofOrg(RoleAdmin, RoleUnderwriter),
		},
	},
	Room: {
		Relations: map[string][]string{
			orgRelation: {"org"}, RoomParticipant: {userType}, RoomLead: {userType}, RoomChat: {userType}, RoomAnnotate: {userType},
			RoomEdit: {userType}, RoomBroker: {userType},
		},
		Permissions: map[Permission][]Term{
			Read:     slices.Concat(held(RoomParticipant), ofOrg(string(viewBusiness))),
			Post:     slices.Concat(held(RoomLead, RoomChat), ofOrg(Integration)),
			Annotate: held(RoomLead, RoomAnnotate),
			Edit:     slices.Concat(held(RoomLead, RoomEdit), ofOrg(RoleAdmin)),
			Invite:   slices.Concat(held(RoomLead, RoomEdit), ofOrg(RoleAdmin)),
			Bring:    held(RoomBroker),
			Deal:     held(RoomLead, RoomEdit, RoomBroker),
			Moderate: slices.Concat(held(RoomLead), ofOrg(RoleAdmin)),
		},
	},
	// The organisation of a desk is the company whose desk it is. Only where the
	// room is its own, too, do those hear it who are not in the room.
	Desk: {
		Relations: map[string][]string{orgRelation: {"org"}, DeskMember: {userType}, DeskHouse: {"org"}},
		Permissions: map[Permission][]Term{
			Read: slices.Concat(held(DeskMember), via(DeskHouse, string(viewDesk))),
			Post: slices.Concat(held(DeskMember), via(DeskHouse, string(workDesk))),
		},
	},
	Webhook: {
		Relations: map[string][]string{orgRelation: {"org"}},
		Permissions: map[Permission][]Term{
			Read:  ofOrg(string(ReadWebhooks)),
			Write: ofOrg(string(ManageWebhooks)),
		},
	},
	Flag: {
		Relations: map[string][]string{orgRelation: {"org"}},
		Permissions: map[Permission][]Term{
			Read:  ofOrg(string(Read)),
			Write: ofOrg(string(Administer)),
		},
	},
}

// Known is the permission that Zed adds to every type: the object is known to
// whoever may read it, and to whoever a stored relation of it reaches.
const Known Permission = "known"

// stored lists the relations of a type that are tuples.
func (d Definition) stored() []string {
	return slices.DeleteFunc(sorted(d.Relations), func(r string) bool { return r == orgRelation })
}

// Zed prints the schema in SpiceDB's language.
func Zed() string {
	var b strings.Builder
	b.WriteString("definition user {}\n\ndefinition key {}\n\ndefinition person {}\n")
	for _, t := range sorted(Schema) {
		d := Schema[t]
		fmt.Fprintf(&b, "\ndefinition %s {\n", t)
		for _, r := range sorted(d.Relations) {
			fmt.Fprintf(&b, "\trelation %s: %s\n", r, strings.Join(d.Relations[r], " | "))
		}
		for _, p := range sorted(d.Permissions) {
			terms := make([]string, len(d.Permissions[p]))
			for i, t := range d.Permissions[p] {
				terms[i] = t.Name
				if t.Via != "" {
					terms[i] = t.Via + "->" + t.Name
				}
			}
			fmt.Fprintf(&b, "\tpermission %s = %s\n", p, strings.Join(terms, " + "))
		}
		fmt.Fprintf(&b, "\tpermission %s = %s\n", Known, strings.Join(append([]string{string(Read)}, d.stored()...), " + "))
		b.WriteString("}\n")
	}
	return b.String()
}

func sorted[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Belonging lists the types whose objects belong to an organisation by their
// row.
func Belonging() []Type {
	return slices.DeleteFunc(sorted(Schema), func(t Type) bool { return Schema[t].Relations[orgRelation] == nil })
}

// Allows reports whether the schema has the relation of a stored relationship,
// and that relation takes such a subject.
func Allows(r Relationship) bool {
	subject := r.SubjectType
	if r.SubjectRelation != "" {
		subject += "#" + r.SubjectRelation
	}
	return slices.Contains(Schema[r.Type].Relations[r.Relation], subject)
}
