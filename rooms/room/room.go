// Package room holds the rules of a deal room: who has which place in it, what
// may be said where, and how it opens and closes.
package room

import (
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type kind struct{}

func (kind) Prefix() string { return "room_" }

type messageKind struct{}

func (messageKind) Prefix() string { return "msg_" }

type fileKind struct{}

func (fileKind) Prefix() string { return "file_" }

type annotationKind struct{}

func (annotationKind) Prefix() string { return "ann_" }

// The ids of what is in a room. A message's is also the id of the event that
// tells of it, under another prefix.
type (
	ID           = id.ID[kind]
	MessageID    = id.ID[messageKind]
	FileID       = id.ID[fileKind]
	AnnotationID = id.ID[annotationKind]
)

// NewID mints the id of a room opened at the given time.
func NewID(at time.Time) ID { return id.New[kind](at) }

// NewMessageID mints the id of a message posted at the given time.
func NewMessageID(at time.Time) MessageID { return id.New[messageKind](at) }

// NewFileID mints the id of a file uploaded at the given time.
func NewFileID(at time.Time) FileID { return id.New[fileKind](at) }

// NewAnnotationID mints the id of an annotation made at the given time.
func NewAnnotationID(at time.Time) AnnotationID { return id.New[annotationKind](at) }

// Shared is the channel that everybody in a room hears.
func Shared(r ID, org access.OrgID) event.Channel {
	return event.Channel{Name: "room:" + r.String(), Org: org, Room: r.UUID()}
}

// Desk is the channel in a room that one company hears alone.
func Desk(r ID, company access.OrgID) event.Channel {
	return event.Channel{Name: "desk:" + r.String() + ":" + company.String(), Org: company}
}

// ParseChannel reads the name of a room's channel; company is zero for what is
// shared. ok is false for any other name.
func ParseChannel(name string) (r ID, company access.OrgID, ok bool) {
	sort, rest, _ := strings.Cut(name, ":")
	switch sort {
	case "room":
		return r, company, r.UnmarshalText([]byte(rest)) == nil && !r.IsZero()
	case "desk":
		first, second, _ := strings.Cut(rest, ":")
		ok = r.UnmarshalText([]byte(first)) == nil && company.UnmarshalText([]byte(second)) == nil
		return r, company, ok && !r.IsZero() && !company.IsZero()
	}
	return r, company, false
}

// The statuses of a room.
const (
	Active   Status = "active"
	Closed   Status = "closed"
	Archived Status = "archived" // can only be read
)

// Status is where a room stands.
type Status string

// Faults of a room's state.
var (
	ErrState  = fault.New(fault.Refused, "room_state", "The room is in a state that does not allow this.")
	ErrClosed = fault.New(fault.Refused, "room_closed", "The room is closed: it can be read, and nothing can be added.")
	ErrReason = fault.New(fault.Invalid, "validation_failed", "Closing a room needs a reason.").Field("reason", "required")
)

// A Room is where a deal is worked. It belongs to the underwriting
// organisation, Org.
type Room struct {
	ID             ID
	Org            access.OrgID
	Submission     submission.ID
	ExternalID     string
	Title          string
	InsuredName    string // of the submission, which the other company cannot read
	LineOfBusiness string
	Status         Status
	CloseReason    string
	ClosedBy       string
	ClosedAt       *time.Time
	ClosesAt       *time.Time // closes by itself then; nil: not
	Metadata       map[string]string
	CreatedBy      string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int
}

// Object is the room as an object of access.
func (r Room) Object() access.Object {
	return access.Object{Type: access.Room, ID: r.ID.UUID(), Org: r.Org}
}

// Close ends the work in an active room.
func (r Room) Close(reason, by string, at time.Time) (Room, error) {
	switch {
	case r.Status != Active:
		return r, ErrState.With("status", r.Status)
	case strings.TrimSpace(reason) == "":
		return r, ErrReason
	}
	r.Status, r.CloseReason, r.ClosedBy, r.ClosedAt, r.ClosesAt, r.UpdatedAt = Closed, reason, by, &at, nil, at
	return r, nil
}

// Reopen takes the work in a closed room up again; it does not close by itself
// any more.
func (r Room) Reopen(at time.Time) (Room, error) {
	if r.Status != Closed {
		return r, ErrState.With("status", r.Status)
	}
	r.Status, r.CloseReason, r.ClosedBy, r.ClosedAt, r.ClosesAt, r.UpdatedAt = Active, "", "", nil, nil, at
	return r, nil
}

// Archive makes a room one that can only be read, for good.
func (r Room) Archive(at time.Time) (Room, error) {
	if r.Status == Archived {
		return r, ErrState.With("status", r.Status)
	}
	r.Status, r.ClosesAt, r.UpdatedAt = Archived, nil, at
	return r, nil
}
