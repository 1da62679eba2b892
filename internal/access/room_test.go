package access_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
)

// TestRoomMatrix is the table of who may what in a room. A letter is a
// permission held; whoever holds none has no business knowing the room.
func TestRoomMatrix(t *testing.T) {
	at := time.Now()
	mga, firm, third := access.NewOrgID(at), access.NewOrgID(at), access.NewOrgID(at)
	columns := []struct {
		letter string
		want   access.Permission
	}{
		{"R", access.Read},
		{"P", access.Post},
		{"d", access.Read}, // his company's desk
		{"D", access.Post},
		{"A", access.Annotate},
		{"E", access.Edit},
		{"I", access.Invite},
		{"B", access.Bring},
		{"M", access.Moderate},
		{"T", access.Deal},
	}
	tests := []struct {
		name    string
		kind    access.Kind
		org     access.OrgID
		orgRole string
		role    room.Role // in the room; empty for one who is not in it
		place   room.Place
		gone    bool
		may     string
	}{
		{"lead", access.User, mga, "underwriter", room.Lead, room.Place{}, false, "RPdDAEIMT"},
		{"own underwriter in it", access.User, mga, "underwriter", room.Underwriter, room.Place{}, false, "RPdDAEIT"},
		{"own underwriter in it without permissions", access.User, mga, "underwriter", room.Underwriter, room.Place{CanEdit: new(false), CanChat: new(false), CanAnnotate: new(false)}, false, "RdD"},
		{"own underwriter not in it", access.User, mga, "underwriter", "", room.Place{}, false, "RdD"},
		{"administrator not in it", access.User, mga, "admin", "", room.Place{}, false, "RdDEIM"},
		{"administrator who has left", access.User, mga, "admin", room.Lead, room.Place{}, true, "RdDEIM"},
		{"own auditor", access.User, mga, "auditor", "", room.Place{}, false, "Rd"},
		{"own compliance officer", access.User, mga, "compliance", "", room.Place{}, false, "Rd"},
		{"own finance", access.User, mga, "finance", "", room.Place{}, false, ""},
		{"own adjuster", access.User, mga, "adjuster", "", room.Place{}, false, ""},
		{"own broker not in it", access.User, mga, "broker", "", room.Place{}, false, ""},
		{"own broker in it as actuary", access.User, mga, "broker", room.Actuary, room.Place{}, false, "RPdDA"},
		{"viewer", access.User, mga, "broker", room.Viewer, room.Place{}, false, "R"},
		{"viewer who may chat", access.User, mga, "broker", room.Viewer, room.Place{CanChat: new(true)}, false, "RP"},
		{"broker in it", access.User, firm, "broker", room.Broker, room.Place{}, false, "RPdDABT"},
		{"broker in it who may edit", access.User, firm, "broker", room.Broker, room.Place{CanEdit: new(true)}, false, "RPdDAEIBT"},
		{"manager of the firm in it", access.User, firm, "admin", room.Manager, room.Place{}, false, "RPdDA"},
		{"colleague of the broker", access.User, firm, "broker", "", room.Place{}, false, ""},
		{"administrator of the firm", access.User, firm, "admin", "", room.Place{}, false, ""},
		{"broker who has left", access.User, firm, "broker", room.Broker, room.Place{}, true, ""},
		{"stranger", access.User, third, "admin", "", room.Place{}, false, ""},
		{"key", access.Machine, mga, "integration", "", room.Place{}, false, "RP"},
		{"key of the firm", access.Machine, firm, "integration", "", room.Place{}, false, ""},
		{"system", access.System, mga, "", "", room.Place{}, false, "RPdDAEIBMT"},
		{"system of the firm", access.System, firm, "", "", room.Place{}, false, ""},
		{"insured", access.Insured, mga, "", "", room.Place{}, false, ""},
		{"guest", access.Guest, firm, "", room.Broker, room.Place{}, false, "RP"},
		{"guest who may not chat", access.Guest, firm, "", room.Broker, room.Place{CanChat: new(false)}, false, "R"},
		{"guest who should be able to do more", access.Guest, firm, "", room.Broker, room.Place{CanEdit: new(true), CanAnnotate: new(true)}, false, "RP"},
		{"guest who looks on", access.Guest, firm, "", room.Viewer, room.Place{}, false, "R"},
		{"guest whose firm has an account", access.Guest, firm, "admin", room.Broker, room.Place{}, false, "RP"},
		{"guest of the room's own company", access.Guest, mga, "underwriter", room.Broker, room.Place{}, false, "RP"},
		{"guest who has left", access.Guest, firm, "", room.Broker, room.Place{}, true, ""},
	}
	roomID := room.NewID(at)
	on := access.Object{Type: access.Room, ID: roomID.UUID(), Org: mga}
	g := graph{"desk:" + room.DeskObject(roomID, mga).ID: {{Relation: access.DeskHouse, SubjectType: "org", SubjectID: mga.UUID()}}}
	actors := make([]access.Actor, len(tests))
	for i, tt := range tests {
		by := access.Actor{Kind: tt.kind, ID: access.NewUserID(at).String(), Org: tt.org}
		subject := map[access.Kind]string{access.User: "user", access.Guest: "user", access.Machine: "key"}[tt.kind]
		switch tt.kind {
		case access.Machine:
			by.ID = access.NewKeyID(at).String()
		case access.Insured:
			by.ID = access.NewPersonID(at).String()
		case access.System:
			by.ID = "system"
		case access.Guest:
			by.Room = roomID.String()
		case access.User:
		}
		if tt.orgRole != "" {
			key := "org:" + tt.org.UUID()
			g[key] = append(g[key], access.Tuple{Relation: tt.orgRole, SubjectType: subject, SubjectID: *by.UUID()})
		}
		if tt.role != "" {
			p := room.Participant{Org: mga, MemberOrg: tt.org, Guest: tt.kind == access.Guest}.Placed(room.Place{Role: &tt.role}).Placed(tt.place)
			if tt.gone {
				p = p.Removed(by, at)
			}
			for _, r := range p.Relations() {
				key := "room:" + on.ID
				g[key] = append(g[key], access.Tuple{Relation: r, SubjectType: subject, SubjectID: *by.UUID()})
			}
			for _, r := range p.DeskRelations() {
				key := "desk:" + room.DeskObject(roomID, tt.org).ID
				g[key] = append(g[key], access.Tuple{Relation: r, SubjectType: subject, SubjectID: *by.UUID()})
			}
		}
		actors[i] = by
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			by, may := actors[i], ""
			for _, c := range columns {
				desk := strings.EqualFold(c.letter, "d")
				on := on
				if desk {
					on = room.DeskObject(roomID, tt.org)
				}
				// The system is asked about the room first: see rooms.Hear.
				if desk && tt.kind == access.System && tt.org != mga {
					continue
				}
				err := access.Check(t.Context(), g, by, c.want, on)
				refused := fault.ErrForbidden
				if tt.may == "" && (tt.org != mga || tt.kind == access.Insured) {
					refused = fault.ErrNotFound
				}
				if err == nil {
					may += c.letter
				} else if !errors.Is(err, refused) && !desk {
					t.Errorf("%s: %v, want %v", c.want, err, refused)
				}
			}
			if may != tt.may {
				t.Errorf("may %q, want %q", may, tt.may)
			}
			see, err := access.Visible(t.Context(), g, by, access.Room)
			if err != nil {
				t.Fatal(err)
			}
			if listed := g.lists(see, by, on); listed != (strings.Contains(may, "R") && tt.kind != access.Guest) { // who has one room lists none
				t.Errorf("listed %v, but may %q", listed, may)
			}
		})
	}
}

// TestGuestCeiling gives a guest every relationship that there is: he has his
// room, to read and to write in, and nothing else.
func TestGuestCeiling(t *testing.T) {
	at := time.Now()
	mga := access.NewOrgID(at)
	mine, other := room.NewID(at), room.NewID(at)
	by := access.Actor{Kind: access.Guest, ID: access.NewUserID(at).String(), Org: mga, Room: mine.String()}
	g := graph{}
	all := map[access.Type]string{access.Org: mga.UUID(), access.Submission: mine.UUID(), access.Policy: mine.UUID(), access.Invoice: mine.UUID(), access.Referral: mine.UUID()}
	for typ := range access.Schema {
		if all[typ] == "" {
			all[typ] = mine.UUID()
		}
	}
	for typ, def := range access.Schema {
		for relation := range def.Relations {
			for _, id := range []string{mga.UUID(), mine.UUID(), other.UUID()} {
				key := string(typ) + ":" + id
				g[key] = append(g[key], access.Tuple{Relation: relation, SubjectType: "user", SubjectID: *by.UUID()})
			}
		}
		for want := range def.Permissions {
			if typ == access.Room {
				err := access.Check(t.Context(), g, by, want, access.Object{Type: typ, ID: mine.UUID(), Org: mga})
				if open := want == access.Read || want == access.Post; open != (err == nil) || !open && !errors.Is(err, fault.ErrForbidden) {
					t.Errorf("%s of his room: %v", want, err)
				}
				if err := access.Check(t.Context(), g, by, want, access.Object{Type: typ, ID: other.UUID(), Org: mga}); !errors.Is(err, fault.ErrNotFound) {
					t.Errorf("%s of another room: %v", want, err)
				}
				continue
			}
			refused := fault.ErrNotFound
			if typ == access.Desk { // he knows that the companies in his room have theirs
				refused = fault.ErrForbidden
			}
			if err := access.Check(t.Context(), g, by, want, access.Object{Type: typ, ID: all[typ], Org: mga}); !errors.Is(err, refused) {
				t.Errorf("%s of a %s: %v", want, typ, err)
			}
			if see, err := access.Visible(t.Context(), g, by, typ); err != nil || see.All || len(see.Ways) > 0 {
				t.Errorf("sees %ss: %+v %v", typ, see, err)
			}
		}
	}
}
