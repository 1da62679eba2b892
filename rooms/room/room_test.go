package room_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openinsure/openinsure/rooms/room"
)

func TestStatuses(t *testing.T) {
	later := noon.Add(time.Hour)
	closing := func(reason string) func(room.Room) (room.Room, error) {
		return func(r room.Room) (room.Room, error) { return r.Close(reason, "usr_1", noon) }
	}
	reopen := func(r room.Room) (room.Room, error) { return r.Reopen(noon) }
	archive := func(r room.Room) (room.Room, error) { return r.Archive(noon) }
	tests := []struct {
		name string
		was  room.Status
		do   func(room.Room) (room.Room, error)
		to   room.Status
		err  error
	}{
		{"close", room.Active, closing("Bound."), room.Closed, nil},
		{"close without a reason", room.Active, closing(" \t"), room.Active, room.ErrReason},
		{"close again", room.Closed, closing("Bound."), room.Closed, room.ErrState},
		{"close an archived one", room.Archived, closing("Bound."), room.Archived, room.ErrState},
		{"reopen", room.Closed, reopen, room.Active, nil},
		{"reopen an open one", room.Active, reopen, room.Active, room.ErrState},
		{"reopen an archived one", room.Archived, reopen, room.Archived, room.ErrState},
		{"archive an open one", room.Active, archive, room.Archived, nil},
		{"archive a closed one", room.Closed, archive, room.Archived, nil},
		{"archive again", room.Archived, archive, room.Archived, room.ErrState},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := room.Room{Status: tt.was, ClosesAt: &later, CloseReason: "before", ClosedBy: "usr_0", ClosedAt: &later}
			got, err := tt.do(before)
			if !errors.Is(err, tt.err) || got.Status != tt.to {
				t.Fatalf("%s, %v; want %s, %v", got.Status, err, tt.to, tt.err)
			}
			if err != nil {
				return
			}
			if got.ClosesAt != nil || !got.UpdatedAt.Equal(noon) {
				t.Errorf("closes at %v, updated at %v", got.ClosesAt, got.UpdatedAt)
			}
			switch tt.to {
			case room.Active:
				if got.CloseReason != "" || got.ClosedBy != "" || got.ClosedAt != nil {
					t.Errorf("open, and closed by %s at %v: %s", got.ClosedBy, got.ClosedAt, got.CloseReason)
				}
			case room.Closed:
				if got.CloseReason != "Bound." || got.ClosedBy != "usr_1" || !got.ClosedAt.Equal(noon) {
					t.Errorf("closed by %s at %v: %s", got.ClosedBy, got.ClosedAt, got.CloseReason)
				}
			case room.Archived:
				if got.CloseReason != "before" {
					t.Error("archiving forgot why it was closed")
				}
			}
		})
	}
}

func TestChannelNames(t *testing.T) {
	id := room.NewID(noon)
	for name, tt := range map[string]struct {
		channel string
		company bool
		ok      bool
	}{
		"shared":            {room.Shared(id, summit).Name, false, true},
		"desk":              {room.Desk(id, harbor).Name, true, true},
		"no room":           {"room:", false, false},
		"another id":        {"room:" + summit.String(), false, false},
		"a desk of nobody":  {"desk:" + id.String() + ":", false, false},
		"a desk of a room":  {"desk:" + id.String() + ":" + id.String(), false, false},
		"an organization's": {"org:" + summit.String() + ":underwriting", false, false},
		"nothing":           {"", false, false},
	} {
		r, company, ok := room.ParseChannel(tt.channel)
		if ok != tt.ok || ok && (r != id || tt.company != (company == harbor)) {
			t.Errorf("%s: %s %s %v", name, r, company, ok)
		}
	}
}
