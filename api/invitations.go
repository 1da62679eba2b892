package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
)

type mailInvitationBody struct {
	ID         string       `json:"id"`
	RoomID     string       `json:"roomId"`
	Email      string       `json:"email" format:"email"`
	Role       string       `json:"role" enum:"broker,viewer"`
	CanChat    bool         `json:"canChat"`
	Status     string       `json:"status" enum:"pending,accepted,revoked,replaced,expired"`
	InvitedBy  event.Author `json:"invitedBy"`
	CreatedAt  time.Time    `json:"createdAt"`
	ExpiresAt  time.Time    `json:"expiresAt"`
	AcceptedAt *time.Time   `json:"acceptedAt" nullable:"true"`
	AcceptedBy string       `json:"acceptedBy,omitempty" doc:"The participant's userId that came of it."`
}

func invitationOf(v room.Invitation) mailInvitationBody {
	return mailInvitationBody{
		ID: v.ID.String(), RoomID: v.Room.String(), Email: v.Email, Role: string(v.Role), CanChat: v.CanChat, Status: string(v.State), InvitedBy: v.InvitedBy,
		CreatedAt: v.CreatedAt, ExpiresAt: v.ExpiresAt, AcceptedAt: v.AcceptedAt, AcceptedBy: v.AcceptedBy.String(),
	}
}

// invitedBody is a participant, or the invitation of somebody who has no
// account.
type invitedBody struct{ rooms.Invited }

type waitingInvitationBody struct {
	Invitation mailInvitationBody `json:"invitation"`
}

// MarshalJSON writes whichever it is.
func (b invitedBody) MarshalJSON() ([]byte, error) {
	if b.Waiting != nil {
		return json.Marshal(waitingInvitationBody{invitationOf(*b.Waiting)})
	}
	return json.Marshal(participantOf(*b.Joined))
}

// Schema documents both.
func (invitedBody) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[participantBody](), true, "ParticipantBody"),
		r.Schema(reflect.TypeFor[waitingInvitationBody](), true, "WaitingInvitationBody"),
	}}
}

type invitedOutput struct {
	Status int
	Body   invitedBody
}

func (p Platform) invite(ctx context.Context, in *inviteInput) (*invitedOutput, error) {
	id, err := parseRoom(in.ID)
	if err != nil {
		return nil, err
	}
	v, err := in.Body.invitation("", 0)
	if err != nil {
		return nil, err
	}
	v.Page = p.joinPage(ctx)
	done, err := p.Rooms.Invite(ctx, access.From(ctx), id, v)
	if err != nil {
		return nil, err
	}
	out := &invitedOutput{Status: http.StatusCreated, Body: invitedBody{done}}
	if done.Waiting != nil {
		out.Status = http.StatusAccepted
	}
	return out, nil
}

// joinPage is where people without an account get into a room.
func (p Platform) joinPage(ctx context.Context) string { return p.site(ctx) + "/rooms/join" }

type invitationInput struct {
	ByID
	InvitationID string `path:"invitationId" maxLength:"64" doc:"The invitation's id."`
}

func (a *API) registerInvitations(p Platform) {
	const tag, path = "Deal rooms", "/v1/deal-rooms/{id}/invitations"
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-invitations", Tag: tag, Scope: "rooms:read", Summary: "List the invitations by mail into a room, newest first",
		Description: "For those of the room's organization who may invite anybody.",
	}, func(ctx context.Context, in *listInRoomInput) (*bodyOf[List[mailInvitationBody]], error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		vs, err := p.Rooms.Invitations(ctx, access.From(ctx), id, in.page())
		if err != nil {
			return nil, err
		}
		return &bodyOf[List[mailInvitationBody]]{listOf(vs, in.Limit, invitationOf, func(v room.Invitation) Cursor { return Cursor{v.CreatedAt, v.ID} })}, nil
	})
	register(a, operation{
		Method: http.MethodDelete, Path: path + "/{invitationId}", ID: "revoke-invitation", Tag: tag, Scope: "rooms:write", Summary: "Take an invitation back",
		Description: "Its link and its code let nobody in any more. Somebody who is in already is removed as a participant.",
	}, func(ctx context.Context, in *invitationInput) (*struct{}, error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		var invitation room.InvitationID
		if err := pathID(&invitation, in.InvitationID); err != nil {
			return nil, err
		}
		return nil, p.Rooms.Revoke(ctx, access.From(ctx), id, invitation)
	})
}
