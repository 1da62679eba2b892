package room

import (
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
)

// Role is what somebody is in a room.
type Role string

// The roles of participants. Those of the underwriting side are of the room's
// organisation, a broker is not, actuaries and managers are of either.
const (
	Lead        Role = "lead_underwriter"
	Underwriter Role = "underwriter"
	Broker      Role = "broker"
	Actuary     Role = "actuary"
	Manager     Role = "manager"
	Viewer      Role = "viewer"
)

// MostParticipants is how many can be in a room at once.
const MostParticipants = 200

// Faults of participants.
var (
	ErrRole      = fault.New(fault.Refused, "participant_role", "Leads, underwriters and viewers are of the organization that the room belongs to, brokers of another.").Field("role", "enum")
	ErrLastLead  = fault.New(fault.Refused, "last_lead", "A room keeps a lead underwriter: make somebody else the lead first.")
	ErrGuestRole = fault.New(fault.Refused, "guest_role", "Somebody without an account is a broker or a viewer.").Field("role", "enum")
	ErrPresent   = fault.New(fault.Conflict, "participant_exists", "That user is in the room already.")
	ErrFull      = fault.New(fault.Refused, "room_full", "The room has as many participants as a room can have.").With("limit", MostParticipants)
)

// Flags are what a participant may do, whatever his role.
type Flags struct {
	CanEdit     bool // the title, and who is in
	CanAnnotate bool
	CanChat     bool
}

// Flags returns what a role may do as long as nobody says otherwise.
func (r Role) Flags() Flags {
	switch r {
	case Lead, Underwriter:
		return Flags{CanEdit: true, CanAnnotate: true, CanChat: true}
	case Broker, Actuary, Manager:
		return Flags{CanAnnotate: true, CanChat: true}
	case Viewer:
	}
	return Flags{}
}

// A Participant is somebody's place in a room. His name, address and company
// are as they were when he was invited: the other company cannot read the user.
type Participant struct {
	Room          ID
	User          access.UserID
	Org           access.OrgID // the room's
	MemberOrg     access.OrgID // his own
	MemberOrgName string
	Name, Email   string
	Guest         bool // without an account: he reads, and may chat
	Role          Role
	Flags
	FromSeq     int64 // entries of the shared channel up to here are not his to read
	InvitedBy   string
	JoinedAt    time.Time
	LeftAt      *time.Time // nil: he is in it
	Barred      bool       // removed by the other side: his firm cannot bring him back
	LastSeenAt  *time.Time
	LastReadSeq int64 // in the shared channel
}

// A Place is what an invitation or a change says of somebody's place; what is
// nil follows from the role, or stays.
type Place struct {
	Role                          *Role
	CanEdit, CanAnnotate, CanChat *bool
}

// IsZero reports whether nothing is said.
func (c Place) IsZero() bool { return c == Place{} }

// Placed returns p in another place. A new role brings its own flags, and a
// lead may do everything.
func (p Participant) Placed(c Place) Participant {
	if c.Role != nil && *c.Role != p.Role {
		p.Role, p.Flags = *c.Role, c.Role.Flags()
	}
	set := func(flag, to *bool) {
		if to != nil {
			*flag = *to
		}
	}
	set(&p.CanEdit, c.CanEdit)
	set(&p.CanAnnotate, c.CanAnnotate)
	set(&p.CanChat, c.CanChat)
	if p.Role == Lead {
		p.Flags = Lead.Flags()
	}
	if p.Guest {
		p.CanEdit, p.CanAnnotate = false, false
	}
	return p
}

// Check refuses a role that p's company cannot have in the room.
func (p Participant) Check() error {
	if p.Guest {
		if p.Role != Broker && p.Role != Viewer {
			return ErrGuestRole
		}
		return nil
	}
	ours := p.MemberOrg == p.Org
	switch p.Role {
	case Lead, Underwriter, Viewer:
		if !ours {
			return ErrRole
		}
	case Broker:
		if ours {
			return ErrRole
		}
	case Actuary, Manager:
	default:
		return ErrRole
	}
	return nil
}

// Present reports whether p is in the room.
func (p Participant) Present() bool { return p.LeftAt == nil }

// Relations returns how p is related to the room: not at all once he has left.
func (p Participant) Relations() []string {
	if !p.Present() {
		return []string{}
	}
	all := []string{access.RoomParticipant}
	for _, r := range []struct {
		relation string
		holds    bool
	}{
		{access.RoomLead, p.Role == Lead},
		{access.RoomEdit, p.CanEdit},
		{access.RoomChat, p.CanChat},
		{access.RoomAnnotate, p.CanAnnotate},
		{access.RoomBroker, p.Role == Broker && !p.Guest},
	} {
		if r.holds {
			all = append(all, r.relation)
		}
	}
	return all
}

func (p Participant) hasDesk() bool { return p.Role != Viewer && !p.Guest }

// DeskRelations returns how p is related to his company's desk in the room.
func (p Participant) DeskRelations() []string {
	if !p.Present() || !p.hasDesk() {
		return []string{}
	}
	return []string{access.DeskMember}
}

// DeskObject is the desk of a company in a room, as permissions name it.
func DeskObject(in ID, company access.OrgID) access.Object {
	return access.Object{Type: access.Desk, ID: in.UUID() + "/" + company.UUID(), Org: company}
}

// LosesDesk reports whether p hears his company's desk and will not as next.
func (p Participant) LosesDesk(next Participant) bool { return p.hasDesk() && !next.hasDesk() }

// Brings returns other as p, a broker, may bring him: a colleague of his own
// firm, who may do no more and read no further back than p himself.
func (p Participant) Brings(other Participant) (Participant, error) {
	switch {
	case other.MemberOrg != p.MemberOrg, other.Barred, other.Role != Broker && other.Role != Actuary && other.Role != Manager,
		other.CanEdit && !p.CanEdit:
		return other, fault.ErrForbidden
	}
	other.CanAnnotate = other.CanAnnotate && p.CanAnnotate
	other.CanChat = other.CanChat && p.CanChat
	other.FromSeq = max(other.FromSeq, p.FromSeq)
	return other, nil
}

// Removed returns p as removed by somebody at the given time, or as gone by
// himself.
func (p Participant) Removed(by access.Actor, at time.Time) Participant {
	p.LeftAt = &at
	p.Barred = by.Org != p.MemberOrg
	return p
}

// Leads reports whether somebody besides user leads the room.
func Leads(present []Participant, besides access.UserID) bool {
	return slices.ContainsFunc(present, func(p Participant) bool { return p.Role == Lead && p.User != besides && p.Present() })
}

// Told is p as events tell of him.
func (p Participant) Told() event.Participant {
	return event.Participant{
		UserID: p.User.String(), Name: p.Name, OrgID: p.MemberOrg.String(), OrgName: p.MemberOrgName, Role: string(p.Role),
		CanEdit: p.CanEdit, CanAnnotate: p.CanAnnotate, CanChat: p.CanChat, Guest: p.Guest,
	}
}
