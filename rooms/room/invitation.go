package room

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

type invitationKind struct{}

func (invitationKind) Prefix() string { return "ivt_" }

// InvitationID identifies an invitation by mail.
type InvitationID = id.ID[invitationKind]

// NewInvitationID mints the id of an invitation made at the given time.
func NewInvitationID(at time.Time) InvitationID { return id.New[invitationKind](at) }

// Limits of invitations and of what guests come back with.
const (
	InvitationAge   = 48 * time.Hour
	CodeTries       = 5 // at the code of an invitation; its link stays good
	LinkAge         = 5 * time.Minute
	MostLinks       = 5 // that a guest is sent in an hour
	DeviceAge       = 30 * 24 * time.Hour
	MostInvitations = 100 // that wait in a room
)

// InvitationState is where an invitation stands.
type InvitationState string

// The states of an invitation. One that waits past its time is over as well.
const (
	Waiting  InvitationState = "pending"
	Accepted InvitationState = "accepted"
	Revoked  InvitationState = "revoked"
	Replaced InvitationState = "replaced" // by a later one to the same address
	Expired  InvitationState = "expired"
)

// Faults of invitations and of guests.
var (
	ErrInvitation      = fault.New(fault.Refused, "invitation_invalid", "This invitation is not good any more: it was used, taken back, replaced by a later one, or has expired.")
	ErrInvitationCode  = fault.New(fault.Refused, "invitation_code", "The address and the code do not belong together, or were tried too often. Use the link of the mail, or ask for a new invitation.")
	ErrInvited         = fault.New(fault.Refused, "invitations_full", "As many invitations wait in this room as can.").With("limit", MostInvitations)
	ErrNothingToRevoke = fault.New(fault.Refused, "invitation_over", "Only an invitation that waits can be taken back.")
)

// An Invitation is a place in a room that waits for somebody without an account,
// who has only his mailbox to prove who he is.
type Invitation struct {
	ID         InvitationID
	Room       ID
	Org        access.OrgID // the room's
	Email      string
	Role       Role
	CanChat    bool
	FromSeq    int64 // entries of the shared channel up to here are not his to read
	InvitedBy  event.Author
	State      InvitationState
	CreatedAt  time.Time
	ExpiresAt  time.Time
	AcceptedAt *time.Time
	AcceptedBy access.UserID // the guest that he became
}

// At returns v as it stands at the given time.
func (v Invitation) At(now time.Time) Invitation {
	if v.State == Waiting && !now.Before(v.ExpiresAt) {
		v.State = Expired
	}
	return v
}

// Seat is the place that an invitation gives to a guest.
func (v Invitation) Seat(guest access.UserID, firm access.OrgID, firmName, name string, at time.Time) Participant {
	return Participant{
		Room: v.Room, User: guest, Org: v.Org, MemberOrg: firm, MemberOrgName: firmName, Name: name, Email: v.Email, Guest: true, Role: v.Role,
		Flags: Flags{CanChat: v.CanChat}, FromSeq: v.FromSeq, InvitedBy: v.InvitedBy.ID, JoinedAt: at,
	}
}

// A Secret is what a link, or a guest's browser, proves itself with: 32 random
// bytes. It prints as ***.
type Secret string

// NewSecret makes a secret.
func NewSecret() Secret {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand aborts the program instead
	return Secret(base64.RawURLEncoding.EncodeToString(raw))
}

// String hides the secret.
func (Secret) String() string { return "***" }

// codeLetters are those of codes: none is taken for another, and none makes
// words.
const codeLetters = "23456789BCDFGHJKMNPQRTVWXYZ"

// codeLength is how many letters a code has: 38 bits.
const codeLength = 8

// NewCode makes the code by which somebody gets in whose link does not work, as
// it is written in a mail: XXXX-XXXX.
func NewCode() string {
	raw := make([]byte, codeLength)
	for i := range raw {
		b := []byte{0}
		for {
			_, _ = rand.Read(b)
			if int(b[0]) < 256-256%len(codeLetters) {
				break
			}
		}
		raw[i] = codeLetters[int(b[0])%len(codeLetters)]
	}
	return string(raw[:codeLength/2]) + "-" + string(raw[codeLength/2:])
}

// ReadCode is a code as somebody typed it, in its one form; empty when it is
// none.
func ReadCode(s string) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(s) {
		switch {
		case strings.ContainsRune(codeLetters, r):
			b.WriteRune(r)
		case r != '-' && r != ' ' && r != '\u2011':
			return ""
		}
	}
	code := b.String()
	if len(code) != codeLength {
		return ""
	}
	return code
}
