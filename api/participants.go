package api

import (
	"context"
	"encoding"
	"fmt"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
)

type participantBody struct {
	UserID      string     `json:"userId"`
	Name        string     `json:"name"`
	Email       string     `json:"email" format:"email"`
	OrgID       string     `json:"orgId"`
	OrgName     string     `json:"orgName"`
	Guest       bool       `json:"guest" doc:"Without an account: he reads this room, and may write in it."`
	Role        string     `json:"role" enum:"lead_underwriter,underwriter,broker,actuary,manager,viewer"`
	CanEdit     bool       `json:"canEdit"`
	CanAnnotate bool       `json:"canAnnotate"`
	CanChat     bool       `json:"canChat"`
	InvitedBy   string     `json:"invitedBy"`
	JoinedAt    time.Time  `json:"joinedAt"`
	LastSeenAt  *time.Time `json:"lastSeenAt" nullable:"true" doc:"To the minute; null: not yet."`
	LastReadSeq int64      `json:"lastReadSeq" doc:"How far he has read the room's channel."`
}

func participantOf(p room.Participant) participantBody {
	return participantBody{
		UserID: p.User.String(), Name: p.Name, Email: p.Email, OrgID: p.MemberOrg.String(), OrgName: p.MemberOrgName, Guest: p.Guest, Role: string(p.Role),
		CanEdit: p.CanEdit, CanAnnotate: p.CanAnnotate, CanChat: p.CanChat, InvitedBy: p.InvitedBy, JoinedAt: p.JoinedAt,
		LastSeenAt: p.LastSeenAt, LastReadSeq: p.LastReadSeq,
	}
}

// PermissionsBody is what a participant may do; absent is what his role brings,
// or stays. Exported so that the document sees through its embedding.
type PermissionsBody struct {
	CanEdit     *bool `json:"canEdit,omitempty" doc:"Invite, remove, rename the room."`
	CanAnnotate *bool `json:"canAnnotate,omitempty"`
	CanChat     *bool `json:"canChat,omitempty"`
}

func (b PermissionsBody) place(role *string) room.Place {
	return room.Place{Role: (*room.Role)(role), CanEdit: b.CanEdit, CanAnnotate: b.CanAnnotate, CanChat: b.CanChat}
}

// InvitationBody names somebody who is to be in a room.
type InvitationBody struct {
	UserID string `json:"userId,omitempty" maxLength:"64" doc:"Of a colleague, or of somebody who was in the room before. Or give email."`
	Email  string `json:"email,omitempty" format:"email" maxLength:"320" doc:"The exact address of somebody, of any company. Or give userId."`
	Role   string `json:"role" enum:"lead_underwriter,underwriter,broker,actuary,manager,viewer"`
	PermissionsBody
	FromNow bool `json:"fromNow,omitempty" doc:"He does not read what was said before."`
}

// invitation reads the body, which is item i of a list when that has a name.
func (b InvitationBody) invitation(list string, i int) (rooms.Invitation, error) {
	v := rooms.Invitation{Email: b.Email, Place: b.place(&b.Role), FromNow: b.FromNow}
	if (b.UserID == "") == (b.Email == "") {
		return v, fault.ErrValidation.Saying("Give either userId or email.").Field(userField(list, i), "required")
	}
	return v, fieldID(&v.User, b.UserID, userField(list, i))
}

// userField names the userId of item i of a list; without a list, the body's.
func userField(list string, i int) string {
	if list == "" {
		return "userId"
	}
	return fmt.Sprintf("%s[%d].userId", list, i)
}

// fieldID reads an id of a body or query; empty text is the zero id.
func fieldID(id encoding.TextUnmarshaler, s, field string) error {
	if err := id.UnmarshalText([]byte(s)); err != nil {
		return fault.ErrValidation.Field(field, "id").Because(err)
	}
	return nil
}

// PlacementBody is a new place of somebody who is in a room.
type PlacementBody struct {
	UserID string `json:"userId" minLength:"1" maxLength:"64"`
	PlaceBody
}

// PlaceBody is a role and permissions. A new role brings its own permissions; a
// lead has all.
type PlaceBody struct {
	Role *string `json:"role,omitempty" enum:"lead_underwriter,underwriter,broker,actuary,manager,viewer"`
	PermissionsBody
}

func (b PlacementBody) placing(i int) (rooms.Placing, error) {
	v := rooms.Placing{Place: b.place(b.Role)}
	return v, fieldID(&v.User, b.UserID, userField("participants", i))
}

type inviteInput struct {
	ByID
	Body InvitationBody
}

// ByParticipant is the input of an operation on one participant.
type ByParticipant struct {
	ByID
	UserID string `path:"userId" maxLength:"64"`
}

// names returns the two ids of the path.
func (in ByParticipant) names() (id room.ID, user access.UserID, err error) {
	if id, err = parseRoom(in.ID); err == nil {
		err = pathID(&user, in.UserID)
	}
	return id, user, err
}

type patchParticipantInput struct {
	ByParticipant
	IfMatch
	Body PlaceBody
}

func (a *API) registerParticipants(p Platform) {
	const tag = "Deal rooms"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/deal-rooms/{id}/participants", ID: "add-deal-room-participant", Tag: tag, Scope: "rooms:write",
		Summary: "Invite somebody into a deal room", Description: "Who may edit the room invites anybody; a broker brings colleagues of his own firm. One who left comes back in. Somebody without an account is mailed an invitation when one of the room's organization invites him as a broker or viewer: 202.",
	}, p.invite)
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/deal-rooms/{id}/participants/{userId}", ID: "update-deal-room-participant", Tag: tag, Scope: "rooms:write",
		IfMatch: true, Summary: "Change somebody's role or permissions in a deal room", Description: "If-Match is about the room, which is also the answer.",
	}, func(ctx context.Context, in *patchParticipantInput) (*bodyOf[roomDetailBody], error) {
		by := access.From(ctx)
		id, user, err := in.names()
		if err != nil {
			return nil, err
		}
		c := rooms.Update{Participants: []rooms.Placing{{User: user, Place: in.Body.place(in.Body.Role)}}}
		v, err := p.Rooms.Change(ctx, by, id, c, in.Check)
		return &bodyOf[roomDetailBody]{roomDetailOf(by, v)}, err
	})
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/deal-rooms/{id}/participants/{userId}", ID: "remove-deal-room-participant", Tag: tag, Scope: "rooms:write",
		Summary: "Remove somebody from a deal room, or leave it", Description: "He loses the room at once, on live connections too. The last lead cannot go.",
	}, func(ctx context.Context, in *ByParticipant) (*struct{}, error) {
		id, user, err := in.names()
		if err != nil {
			return nil, err
		}
		return nil, p.Rooms.Remove(ctx, access.From(ctx), id, user)
	})
}
