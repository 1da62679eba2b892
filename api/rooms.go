package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

type authorBody struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	OrgID   string `json:"orgId"`
	OrgName string `json:"orgName"`
}

type lastMessageBody struct {
	Author  authorBody `json:"author"`
	Body    string     `json:"body" doc:"Its first 200 characters; empty when it was deleted."`
	Deleted bool       `json:"deleted"`
	At      time.Time  `json:"at"`
	Seq     int64      `json:"seq" doc:"Its place in the room's channel."`
}

// RoomBody is a room as it is in a list; exported so that the document sees
// through its embedding.
type RoomBody struct {
	versioned
	ID             string            `json:"id"`
	OrgID          string            `json:"orgId" doc:"The underwriting organization, whose room it is."`
	SubmissionID   string            `json:"submissionId"`
	Title          string            `json:"title"`
	InsuredName    string            `json:"insuredName"`
	LineOfBusiness string            `json:"lineOfBusiness"`
	Status         string            `json:"status" enum:"active,closed,archived"`
	CloseReason    string            `json:"closeReason,omitempty"`
	ClosedBy       string            `json:"closedBy,omitempty"`
	ClosedAt       *time.Time        `json:"closedAt,omitempty"`
	ClosesAt       *time.Time        `json:"closesAt,omitempty" doc:"When it closes by itself: some days after the submission was bound or declined."`
	Unread         int               `json:"unread" doc:"Messages by others after your read position, at most 100; 0 when you are not in the room."`
	LastMessage    *lastMessageBody  `json:"lastMessage,omitempty"`
	WhoseTurn      string            `json:"whoseTurn,omitempty" enum:"broker,underwriter" doc:"The side that did not speak last; absent as long as nobody has."`
	ExternalID     string            `json:"externalId,omitempty"`
	Metadata       map[string]string `json:"metadata" doc:"Empty for the other company."`
	CreatedBy      string            `json:"createdBy"`
	CreatedAt      time.Time         `json:"createdAt"`
	UpdatedAt      time.Time         `json:"updatedAt"`
}

type roomDetailBody struct {
	RoomBody
	Participants []participantBody `json:"participants" nullable:"false" doc:"Those who are in the room, not those who left."`
}

// roomOf is a room as a reader of an organisation may see it: metadata is the
// room's own organisation's.
func roomOf(by access.Actor) func(rooms.View) RoomBody {
	return func(v rooms.View) RoomBody {
		b := RoomBody{
			versioned: versioned{v.Version}, ID: v.ID.String(), OrgID: v.Org.String(), SubmissionID: v.Submission.String(), Title: v.Title,
			InsuredName: v.InsuredName, LineOfBusiness: v.LineOfBusiness, Status: string(v.Status), CloseReason: v.CloseReason, ClosedBy: v.ClosedBy,
			ClosedAt: v.ClosedAt, ClosesAt: v.ClosesAt, Unread: v.Unread, WhoseTurn: string(v.WhoseTurn), ExternalID: v.ExternalID,
			Metadata: map[string]string{}, CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		}
		if by.Org == v.Org {
			b.Metadata = metadataOf(v.Metadata)
		}
		if l := v.Last; l != nil {
			b.LastMessage = &lastMessageBody{Author: authorBody(l.Author), Body: l.Body, Deleted: l.Deleted, At: l.At, Seq: l.Seq}
		}
		return b
	}
}

func roomDetailOf(by access.Actor, v rooms.View) roomDetailBody {
	b := roomDetailBody{RoomBody: roomOf(by)(v), Participants: make([]participantBody, len(v.Participants))}
	for i, p := range v.Participants {
		b.Participants[i] = participantOf(p)
	}
	return b
}

type createRoomInput struct {
	Body struct {
		SubmissionID string           `json:"submissionId" minLength:"1" maxLength:"64"`
		Title        string           `json:"title,omitempty" minLength:"1" maxLength:"200" doc:"The insured's name and the line when you give none."`
		Participants []InvitationBody `json:"participants,omitempty" nullable:"false" maxItems:"50"`
		ExternalID   string           `json:"externalId,omitempty" minLength:"1" maxLength:"255" pattern:"[^\\s\\p{Z}\\p{C}]" doc:"Your own id, unique in your organization."`
		Metadata     Metadata         `json:"metadata,omitempty"`
	}
}

type listRoomsInput struct {
	Page
	Status       string `query:"status" enum:"active,closed,archived" default:"active"`
	ExternalID   string `query:"externalId" maxLength:"255"`
	SubmissionID string `query:"submissionId" maxLength:"64"`
}

type patchRoomInput struct {
	ByID
	IfMatch
	Body struct {
		Title        *string         `json:"title,omitempty" minLength:"1" maxLength:"200"`
		Status       *string         `json:"status,omitempty" enum:"active,closed,archived" doc:"active reopens a closed room; archived is for good."`
		Reason       string          `json:"reason,omitempty" maxLength:"1000" doc:"Why it closes; closing needs one."`
		Participants []PlacementBody `json:"participants,omitempty" nullable:"false" maxItems:"50" doc:"New roles and permissions of some who are in the room."`
	}
}

func (a *API) registerRooms(p Platform) {
	const tag = "Deal rooms"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/deal-rooms", ID: "create-deal-room", Tag: tag, Scope: "rooms:write", Errors: []int{404}, Summary: "Create a deal room for a submission",
		Description: "For underwriters and administrators; whoever creates a room is its lead underwriter. A submission has one room: a second create is 409 and names the first.",
	}, p.createRoom)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/deal-rooms", ID: "list-deal-rooms", Tag: tag, Scope: "rooms:read", Summary: "List deal rooms, newest first",
		Description: "The organization's own rooms, and those that you are in at any other organization.",
	}, p.listRooms)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/deal-rooms/{id}", ID: "get-deal-room", Tag: tag, Guests: true, Scope: "rooms:read", Summary: "Get a deal room and its participants",
	}, func(ctx context.Context, in *ByID) (*bodyOf[roomDetailBody], error) {
		by := access.From(ctx)
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		v, err := p.Rooms.Get(ctx, by, id)
		return &bodyOf[roomDetailBody]{roomDetailOf(by, v)}, err
	})
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/deal-rooms/{id}", ID: "update-deal-room", Tag: tag, Scope: "rooms:write", IfMatch: true,
		Summary: "Rename, close, reopen or archive a deal room, or change what its participants may do", Description: "All of it or nothing.",
	}, p.patchRoom)
}

func (p Platform) createRoom(ctx context.Context, in *createRoomInput) (*bodyOf[roomDetailBody], error) {
	by, b := access.From(ctx), in.Body
	o := rooms.Opening{Title: b.Title, ExternalID: b.ExternalID, Metadata: b.Metadata}
	if err := fieldID(&o.Submission, b.SubmissionID, "submissionId"); err != nil {
		return nil, err
	}
	for i, v := range b.Participants {
		invitation, err := v.invitation("participants", i)
		if err != nil {
			return nil, err
		}
		invitation.Page = p.joinPage(ctx)
		o.Participants = append(o.Participants, invitation)
	}
	v, err := p.Rooms.Open(ctx, by, o)
	if err != nil {
		return nil, err
	}
	return &bodyOf[roomDetailBody]{roomDetailOf(by, v)}, nil
}

func (p Platform) listRooms(ctx context.Context, in *listRoomsInput) (*bodyOf[List[RoomBody]], error) {
	by := access.From(ctx)
	f := store.RoomFilter{Status: room.Status(in.Status), ExternalID: in.ExternalID}
	if in.SubmissionID != "" {
		var id submission.ID
		if err := fieldID(&id, in.SubmissionID, "submissionId"); err != nil {
			return nil, err
		}
		f.Submission = id
	}
	vs, err := p.Rooms.List(ctx, by, f, in.page())
	if err != nil {
		return nil, err
	}
	return &bodyOf[List[RoomBody]]{listOf(vs, in.Limit, roomOf(by), func(v rooms.View) Cursor { return Cursor{v.CreatedAt, v.ID} })}, nil
}

func (p Platform) patchRoom(ctx context.Context, in *patchRoomInput) (*bodyOf[roomDetailBody], error) {
	by := access.From(ctx)
	id, err := parseRoom(in.ID)
	if err != nil {
		return nil, err
	}
	c := rooms.Update{Title: in.Body.Title, Status: (*room.Status)(in.Body.Status), Reason: in.Body.Reason}
	seen := map[access.UserID]bool{}
	for i, b := range in.Body.Participants {
		placing, err := b.placing(i)
		if err != nil {
			return nil, err
		}
		if seen[placing.User] {
			return nil, fault.ErrValidation.Field(userField("participants", i), "unique")
		}
		seen[placing.User] = true
		c.Participants = append(c.Participants, placing)
	}
	v, err := p.Rooms.Change(ctx, by, id, c, in.Check)
	if err != nil {
		return nil, err
	}
	return &bodyOf[roomDetailBody]{roomDetailOf(by, v)}, nil
}
