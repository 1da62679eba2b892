package access

import (
	"cmp"
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

	ReadWebhooks   Permission = "read_webhooks"   // on the organisation: its endpoints and what they were sent
	ManageWebhooks Permission = "manage_webhooks" // on the organisation

	ReadAudit Permission = "read_audit" // on the organisation: its audit log

	ReadProducers   Permission = "read_producers"   // on the organisation
	ManageProducers Permission = "manage_producers" // on the organisation: not their sanctions reviews, which are an administrator's

	Post     Permission = "post"      // say something to all of a room
	ReadDesk Permission = "read_desk" // hear the own company's desk of a room
	PostDesk Permission = "post_desk"
	Annotate Permission = "annotate"
	Edit     Permission = "edit"     // the title of a room
	Invite   Permission = "invite"   // anybody into a room, and out of it
	Bring    Permission = "bring"    // colleagues of the own firm into a room
	Moderate Permission = "moderate" // close, reopen, archive a room; say what its participants may do
)

// The relations of a room to a user in it: which of them he has follows from
// his role in the room and his three flags.
const (
	RoomParticipant = "participant" // everybody in it
	RoomLead        = "lead"
	RoomChat        = "chat"
	RoomAnnotate    = "annotator"
	RoomEdit        = "editor"
	RoomDesk        = "desk"   // hears and uses his company's desk
	RoomBroker      = "broker" // may bring colleagues of his firm
)

// Type is the type of an object.
type Type string

// The types of object in the schema.
const (
	Org        Type = "org"
	Submission Type = "submission"
	Policy     Type = "policy"
	Invoice    Type = "invoice"
	Room       Type = "room"
	Referral   Type = "referral"
)

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

// Schema is who may do what, as one value. Its String is a SpiceDB schema.
var Schema = map[Type]Definition{
	Org: {
		Relations: map[string][]string{
			RoleAdmin: {"user"}, RoleUnderwriter: {"user"}, RoleBroker: {"user"}, RoleAuditor: {"user"},
			"integration": {"key"},
		},
		Permissions: map[Permission][]Term{
			"member":         {{Name: RoleAdmin}, {Name: RoleUnderwriter}, {Name: RoleBroker}, {Name: RoleAuditor}},
			"view_business":  {{Name: RoleAdmin}, {Name: RoleUnderwriter}, {Name: RoleAuditor}, {Name: "integration"}},
			"write_business": {{Name: RoleAdmin}, {Name: RoleUnderwriter}, {Name: "integration"}},
			"view_desk":      {{Name: RoleAdmin}, {Name: RoleUnderwriter}, {Name: RoleAuditor}},
			"work_desk":      {{Name: RoleAdmin}, {Name: RoleUnderwriter}},
			Read:             {{Name: "member"}, {Name: "integration"}},
			Write:            {{Name: "write_business"}},
			Administer:       {{Name: RoleAdmin}},
			OpenRoom:         {{Name: RoleAdmin}, {Name: RoleUnderwriter}},
			ReadWebhooks:     {{Name: "view_business"}},
			ManageWebhooks:   {{Name: RoleAdmin}, {Name: "integration"}},
			ReadAudit:        {{Name: RoleAdmin}, {Name: RoleAuditor}},
			ReadProducers:    {{Name: "view_business"}},
			ManageProducers:  {{Name: "write_business"}},
		},
	},
	Submission: {
		Relations: map[string][]string{orgRelation: {"org"}, "producer": {"user", "org#member"}},
		Permissions: map[Permission][]Term{
			Read:  {{Via: orgRelation, Name: "view_business"}, {Name: "producer"}},
			Write: {{Via: orgRelation, Name: "write_business"}},
			Bind:  {{Via: orgRelation, Name: "write_business"}},
		},
	},
	Policy: {
		Relations: map[string][]string{orgRelation: {"org"}, "insured": {"person"}, "producer": {"user", "org#member"}},
		Permissions: map[Permission][]Term{
			Read:  {{Via: orgRelation, Name: "view_business"}, {Name: "insured"}, {Name: "producer"}},
			Write: {{Via: orgRelation, Name: "write_business"}},
		},
	},
	Invoice: {
		Relations: map[string][]string{orgRelation: {"org"}, "insured": {"person"}},
		Permissions: map[Permission][]Term{
			Read:  {{Via: orgRelation, Name: "view_business"}, {Name: "insured"}},
			Write: {{Via: orgRelation, Name: "write_business"}},
		},
	},
	// Raising a referral is a Write of what it is about, so that integrations
	// may raise one; a decision is a person's.
	Referral: {
		Relations: map[string][]string{orgRelation: {"org"}},
		Permissions: map[Permission][]Term{
			Read:   {{Via: orgRelation, Name: "view_business"}},
			Write:  {{Via: orgRelation, Name: RoleAdmin}, {Via: orgRelation, Name: RoleUnderwriter}},
			Decide: {{Via: orgRelation, Name: RoleAdmin}, {Via: orgRelation, Name: RoleUnderwriter}},
		},
	},
	// A desk is not an object of its own: it is the part of a room that only
	// one company hears. Whoever asks for a desk also has to be of its company.
	Room: {
		Relations: map[string][]string{
			orgRelation: {"org"}, RoomParticipant: {"user"}, RoomLead: {"user"}, RoomChat: {"user"}, RoomAnnotate: {"user"},
			RoomEdit: {"user"}, RoomDesk: {"user"}, RoomBroker: {"user"},
		},
		Permissions: map[Permission][]Term{
			Read:     {{Name: RoomParticipant}, {Via: orgRelation, Name: "view_business"}},
			Post:     {{Name: RoomLead}, {Name: RoomChat}, {Via: orgRelation, Name: "integration"}},
			ReadDesk: {{Name: RoomDesk}, {Via: orgRelation, Name: "view_desk"}},
			PostDesk: {{Name: RoomDesk}, {Via: orgRelation, Name: "work_desk"}},
			Annotate: {{Name: RoomLead}, {Name: RoomAnnotate}},
			Edit:     {{Name: RoomLead}, {Name: RoomEdit}, {Via: orgRelation, Name: RoleAdmin}},
			Invite:   {{Name: RoomLead}, {Name: RoomEdit}, {Via: orgRelation, Name: RoleAdmin}},
			Bring:    {{Name: RoomBroker}},
			Moderate: {{Name: RoomLead}, {Via: orgRelation, Name: RoleAdmin}},
		},
	},
}

// Known is the permission that Zed adds to every type: the object is known to
// whoever a stored relation of it reaches.
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
		fmt.Fprintf(&b, "\tpermission %s = %s\n", Known, cmp.Or(strings.Join(d.stored(), " + "), "nil"))
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
