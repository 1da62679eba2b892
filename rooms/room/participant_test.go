package room_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
)

var (
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	summit = access.NewOrgID(noon)
	harbor = access.NewOrgID(noon)
)

// in is somebody of a company in a room of summit's.
func in(member access.OrgID, role room.Role) room.Participant {
	return room.Participant{User: access.NewUserID(noon), Org: summit, MemberOrg: member}.Placed(room.Place{Role: &role})
}

func TestRoles(t *testing.T) {
	tests := []struct {
		role         room.Role
		flags        room.Flags
		relations    []string
		ours, theirs error
	}{
		{
			room.Lead, room.Flags{CanEdit: true, CanAnnotate: true, CanChat: true},
			[]string{access.RoomParticipant, access.RoomLead, access.RoomEdit, access.RoomChat, access.RoomAnnotate}, nil, room.ErrRole,
		},
		{
			room.Underwriter, room.Flags{CanEdit: true, CanAnnotate: true, CanChat: true},
			[]string{access.RoomParticipant, access.RoomEdit, access.RoomChat, access.RoomAnnotate}, nil, room.ErrRole,
		},
		{
			room.Broker, room.Flags{CanAnnotate: true, CanChat: true},
			[]string{access.RoomParticipant, access.RoomChat, access.RoomAnnotate, access.RoomBroker}, room.ErrRole, nil,
		},
		{
			room.Actuary, room.Flags{CanAnnotate: true, CanChat: true},
			[]string{access.RoomParticipant, access.RoomChat, access.RoomAnnotate}, nil, nil,
		},
		{
			room.Manager, room.Flags{CanAnnotate: true, CanChat: true},
			[]string{access.RoomParticipant, access.RoomChat, access.RoomAnnotate}, nil, nil,
		},
		{room.Viewer, room.Flags{}, []string{access.RoomParticipant}, nil, room.ErrRole},
		{"captain", room.Flags{}, []string{access.RoomParticipant}, room.ErrRole, room.ErrRole},
	}
	for _, tt := range tests {
		t.Run(string(tt.role), func(t *testing.T) {
			p := in(summit, tt.role)
			if p.Flags != tt.flags {
				t.Errorf("flags %+v, want %+v", p.Flags, tt.flags)
			}
			if got := p.Relations(); !slices.Equal(got, tt.relations) {
				t.Errorf("relations %v, want %v", got, tt.relations)
			}
			desk := []string{access.DeskMember}
			if tt.role == room.Viewer {
				desk = []string{}
			}
			if got := p.DeskRelations(); !slices.Equal(got, desk) {
				t.Errorf("relations to the desk %v, want %v", got, desk)
			}
			if err := p.Check(); !errors.Is(err, tt.ours) {
				t.Errorf("of the room's company: %v, want %v", err, tt.ours)
			}
			if err := in(harbor, tt.role).Check(); !errors.Is(err, tt.theirs) {
				t.Errorf("of another company: %v, want %v", err, tt.theirs)
			}
			if gone := p.Removed(access.Actor{Org: summit}, noon); gone.Present() || len(gone.Relations()) != 0 || gone.Relations() == nil {
				t.Errorf("relations after he left: %v", gone.Relations())
			} else if desk := gone.DeskRelations(); len(desk) != 0 || desk == nil {
				t.Errorf("relations to the desk after he left: %v", desk)
			}
		})
	}
}

func TestPlaced(t *testing.T) {
	yes, no := new(true), new(false)
	tests := []struct {
		name  string
		was   room.Participant
		to    room.Place
		flags room.Flags
	}{
		{"nothing said", in(summit, room.Underwriter), room.Place{}, room.Underwriter.Flags()},
		{"one flag taken", in(summit, room.Underwriter), room.Place{CanChat: no}, room.Flags{CanEdit: true, CanAnnotate: true}},
		{"a viewer who may chat", in(summit, room.Viewer), room.Place{CanChat: yes}, room.Flags{CanChat: true}},
		{"a broker who may edit", in(harbor, room.Broker), room.Place{CanEdit: yes}, room.Flags{CanEdit: true, CanAnnotate: true, CanChat: true}},
		{"the role he has", in(summit, room.Viewer).Placed(room.Place{CanChat: yes}), room.Place{Role: new(room.Viewer)}, room.Flags{CanChat: true}},
		{"another role", in(summit, room.Viewer).Placed(room.Place{CanChat: yes}), room.Place{Role: new(room.Actuary)}, room.Actuary.Flags()},
		{"another role and a flag", in(summit, room.Underwriter), room.Place{Role: new(room.Viewer), CanAnnotate: yes}, room.Flags{CanAnnotate: true}},
		{"a lead cannot be less", in(summit, room.Underwriter), room.Place{Role: new(room.Lead), CanChat: no}, room.Lead.Flags()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.was.Placed(tt.to); got.Flags != tt.flags {
				t.Errorf("flags %+v, want %+v", got.Flags, tt.flags)
			}
		})
	}
	if p := in(summit, room.Underwriter); !p.LosesDesk(p.Placed(room.Place{Role: new(room.Viewer)})) || p.LosesDesk(p) {
		t.Error("a viewer keeps his desk, or somebody else loses his")
	}
}

func TestGuestsPlace(t *testing.T) {
	guest := room.Participant{Org: summit, MemberOrg: harbor, Guest: true}
	for _, tt := range []struct {
		role      room.Role
		to        room.Place
		relations []string
		err       error
	}{
		{room.Broker, room.Place{}, []string{"participant", "participant_chat"}, nil},
		{room.Broker, room.Place{CanEdit: new(true), CanAnnotate: new(true)}, []string{"participant", "participant_chat"}, nil},
		{room.Broker, room.Place{CanChat: new(false)}, []string{"participant"}, nil},
		{room.Viewer, room.Place{}, []string{"participant"}, nil},
		{room.Viewer, room.Place{CanChat: new(true)}, []string{"participant", "participant_chat"}, nil},
		{room.Underwriter, room.Place{}, nil, room.ErrGuestRole},
		{room.Lead, room.Place{}, nil, room.ErrGuestRole},
		{room.Actuary, room.Place{}, nil, room.ErrGuestRole},
		{room.Manager, room.Place{}, nil, room.ErrGuestRole},
	} {
		p := guest.Placed(room.Place{Role: &tt.role}).Placed(tt.to)
		if err := p.Check(); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.role, err, tt.err)
		}
		if got := p.Relations(); tt.err == nil && !slices.Equal(got, tt.relations) {
			t.Errorf("%s %+v: %v, want %v", tt.role, p.Flags, got, tt.relations)
		}
	}
}

func TestBrings(t *testing.T) {
	ben := in(harbor, room.Broker)
	mute := ben.Placed(room.Place{CanChat: new(false)})
	mute.FromSeq = 40
	editor := in(harbor, room.Manager).Placed(room.Place{CanEdit: new(true)})
	barred := in(harbor, room.Broker).Removed(access.Actor{Org: summit}, noon)
	left := in(harbor, room.Broker).Removed(access.Actor{Org: harbor}, noon)
	barred.LeftAt, left.LeftAt = nil, nil
	third := in(access.NewOrgID(noon), room.Broker)
	tests := []struct {
		name    string
		by      room.Participant
		other   room.Participant
		flags   room.Flags
		fromSeq int64
		err     error
	}{
		{"a colleague", ben, in(harbor, room.Broker), room.Broker.Flags(), 0, nil},
		{"a manager of the firm", ben, in(harbor, room.Manager), room.Manager.Flags(), 0, nil},
		{"as far as the broker himself may", mute, in(harbor, room.Broker), room.Flags{CanAnnotate: true}, 40, nil},
		{"one who had left", ben, left, room.Broker.Flags(), 0, nil},
		{"one whom the other side removed", ben, barred, room.Flags{}, 0, fault.ErrForbidden},
		{"an editor", ben, editor, room.Flags{}, 0, fault.ErrForbidden},
		{"somebody of a third company", ben, third, room.Flags{}, 0, fault.ErrForbidden},
		{"an underwriter", ben, in(summit, room.Underwriter), room.Flags{}, 0, fault.ErrForbidden},
		{"a viewer of the firm", ben, in(harbor, room.Viewer), room.Flags{}, 0, fault.ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.by.Brings(tt.other)
			if !errors.Is(err, tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			if err == nil && (got.Flags != tt.flags || got.FromSeq != tt.fromSeq) {
				t.Errorf("%+v from %d, want %+v from %d", got.Flags, got.FromSeq, tt.flags, tt.fromSeq)
			}
		})
	}
}

func TestLeads(t *testing.T) {
	una, uri, ben := in(summit, room.Lead), in(summit, room.Lead), in(harbor, room.Broker)
	gone := uri.Removed(access.Actor{Org: summit}, noon)
	for name, tt := range map[string]struct {
		present []room.Participant
		besides access.UserID
		want    bool
	}{
		"another lead":         {[]room.Participant{una, uri}, una.User, true},
		"the only lead":        {[]room.Participant{una, ben}, una.User, false},
		"the only lead, stays": {[]room.Participant{una, ben}, ben.User, true},
		"the other has left":   {[]room.Participant{una, gone}, una.User, false},
		"nobody":               {nil, una.User, false},
	} {
		if got := room.Leads(tt.present, tt.besides); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
