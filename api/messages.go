package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
)

type messageBody struct {
	ID          string             `json:"id"`
	RoomID      string             `json:"roomId"`
	Channel     string             `json:"channel" doc:"room:<id>, or desk:<id>:<org>, which only that company hears."`
	Seq         int64              `json:"seq" doc:"The place in the channel."`
	Author      event.Author       `json:"author"`
	Body        string             `json:"body"`
	Visibility  string             `json:"visibility" enum:"shared,internal"`
	ClientID    string             `json:"clientId"`
	ReplyTo     string             `json:"replyTo,omitempty"`
	Mentions    []string           `json:"mentions" nullable:"false"`
	Attachments []event.Attachment `json:"attachments" nullable:"false"`
	CreatedAt   time.Time          `json:"createdAt"`
	EditedAt    string             `json:"editedAt,omitempty" format:"date-time"`
	DeletedAt   string             `json:"deletedAt,omitempty" format:"date-time" doc:"It keeps its place, and nothing of what it said."`
}

func messageOf(m room.Message) messageBody {
	return messageBody{
		ID: m.MessageID, RoomID: m.RoomID, Channel: m.Channel, Seq: m.Seq, Author: m.Author, Body: m.Body, Visibility: m.Visibility, ClientID: m.ClientID,
		ReplyTo: m.ReplyTo, Mentions: append([]string{}, m.Mentions...), Attachments: append([]event.Attachment{}, m.Attachments...),
		CreatedAt: m.At, EditedAt: m.EditedAt, DeletedAt: m.DeletedAt,
	}
}

type postMessageInput struct {
	ByID
	Body struct {
		Body        string   `json:"body,omitempty" maxLength:"20000" doc:"What is said: at most 16384 characters. May be empty only with an attachment."`
		ClientID    string   `json:"clientId,omitempty" maxLength:"36" doc:"A uuid of your own: the same one twice is the same message. Minted when absent."`
		Visibility  string   `json:"visibility,omitempty" enum:"shared,internal" default:"shared" doc:"internal is for your own company's desk in the room."`
		ReplyTo     string   `json:"replyTo,omitempty" maxLength:"64" doc:"A message of the same channel."`
		Mentions    []string `json:"mentions,omitempty" maxItems:"50" doc:"Users who hear the channel."`
		Attachments []string `json:"attachments,omitempty" maxItems:"20" doc:"Files of the room, as visible as the message."`
	}
}

type postMessageOutput struct {
	Status int
	Body   messageBody
}

type listMessagesInput struct {
	ByID
	Channel string `query:"channel" enum:"room,desk" default:"room" doc:"What is shared, or your own company's desk."`
	Before  int64  `query:"before" minimum:"1" doc:"Only messages before this seq."`
	After   int64  `query:"after" minimum:"0" doc:"Only messages after this seq; without before they come oldest first."`
	Limit   int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most."`
	Q       string `query:"q" maxLength:"200" doc:"Only messages that hold every one of these words, in any case."`
}

type messagesBody struct {
	Data       []messageBody `json:"data" nullable:"false"`
	HasMore    bool          `json:"hasMore"`
	NextBefore int64         `json:"nextBefore,omitempty" doc:"Send it as before for older ones."`
	NextAfter  int64         `json:"nextAfter,omitempty" doc:"Send it as after for newer ones."`
	Channel    string        `json:"channel"`
	Epoch      string        `json:"epoch"`
	Head       int64         `json:"head" doc:"The last seq of the channel, of whatever kind."`
	ReadSeq    int64         `json:"readSeq" doc:"Up to where you have read."`
}

// ByMessage is the input of an operation on one message of a room; exported so
// that huma sees through its embedding.
type ByMessage struct {
	ByID
	MessageID string `path:"messageId" maxLength:"64" doc:"The message's id."`
}

type editMessageInput struct {
	ByMessage
	Body struct {
		Body string `json:"body" maxLength:"20000" doc:"At most 16384 characters."`
	}
}

type readInput struct {
	ByID
	Body struct {
		Channel string `json:"channel,omitempty" enum:"room,desk" default:"room"`
		Seq     int64  `json:"seq" minimum:"0" doc:"Up to here."`
	}
}

type readBody struct {
	Channel string `json:"channel" enum:"room,desk"`
	Seq     int64  `json:"seq" doc:"Where your position is now; it never goes back."`
	Moved   bool   `json:"moved"`
}

// visibilityOf is what is heard in the channel that a request names.
func visibilityOf(channel string) room.Visibility {
	if channel == "desk" {
		return room.Internal
	}
	return room.ForAll
}

func (a *API) registerMessages(p Platform) {
	const tag, path = "Deal rooms", "/v1/deal-rooms/{id}/messages"
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "post-message", Tag: tag, Guests: true, Scope: "rooms:write", NoIdempotency: true, Summary: "Say something in a room",
		Description: "The same clientId of the same author is the same message, whatever it says: the first one is answered again, with 200. Internal messages are heard by the author's own company alone.",
	}, p.postMessage)
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-messages", Tag: tag, Guests: true, Scope: "rooms:read", Summary: "Read or search the messages of a room, newest first",
		Description: "A search looks at 10,000 messages at most for one page; hasMore with little or no data says to go on from nextBefore.",
	}, p.listMessages)
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{messageId}", ID: "edit-message", Tag: tag, Guests: true, Scope: "rooms:write", Summary: "Edit a message of your own",
		Description: "The room hears of it. What it said before is kept for the record and is shown on no path.",
	}, func(ctx context.Context, in *editMessageInput) (*bodyOf[messageBody], error) {
		id, message, err := in.ids()
		if err != nil {
			return nil, err
		}
		m, err := p.Rooms.Edit(ctx, access.From(ctx), id, message, in.Body.Body)
		if err != nil {
			return nil, err
		}
		return &bodyOf[messageBody]{messageOf(m)}, nil
	})
	register(a, operation{
		Method: http.MethodDelete, Path: path + "/{messageId}", ID: "delete-message", Tag: tag, Guests: true, Scope: "rooms:write", Summary: "Delete a message of your own, or of your company's as its lead",
		Description: "It keeps its place and nothing of what it said.",
	}, func(ctx context.Context, in *ByMessage) (*struct{}, error) {
		id, message, err := in.ids()
		if err != nil {
			return nil, err
		}
		return nil, p.Rooms.Delete(ctx, access.From(ctx), id, message)
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/deal-rooms/{id}/read", ID: "read-messages", Tag: tag, Guests: true, Scope: "rooms:read", Status: http.StatusOK, NoIdempotency: true,
		Summary: "Note up to where you have read",
	}, func(ctx context.Context, in *readInput) (*bodyOf[readBody], error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		seq, moved, err := p.Rooms.ReadIn(ctx, access.From(ctx), id, visibilityOf(in.Body.Channel), in.Body.Seq)
		return &bodyOf[readBody]{readBody{in.Body.Channel, seq, moved}}, err
	})
}

func (in ByMessage) ids() (room.ID, room.MessageID, error) {
	var message room.MessageID
	id, err := parseRoom(in.ID)
	if err == nil {
		err = pathID(&message, in.MessageID)
	}
	return id, message, err
}

func (p Platform) postMessage(ctx context.Context, in *postMessageInput) (*postMessageOutput, error) {
	id, err := parseRoom(in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	d, err := draftOf(b.Body, b.ClientID, b.Visibility, b.ReplyTo, b.Mentions, b.Attachments)
	if err != nil {
		return nil, err
	}
	m, duplicate, err := p.Rooms.Post(ctx, access.From(ctx), id, d)
	if err != nil {
		return nil, err
	}
	out := &postMessageOutput{Status: http.StatusCreated, Body: messageOf(m)}
	if duplicate {
		out.Status = http.StatusOK
	}
	return out, nil
}

// draftOf reads what somebody wants to say, over REST or a socket.
func draftOf(body, clientID, visibility, replyTo string, mentions, attachments []string) (room.Draft, error) {
	d := room.Draft{Body: body, ClientID: clientID, Visibility: room.Visibility(visibility)}
	if err := d.ReplyTo.UnmarshalText([]byte(replyTo)); err != nil {
		return d, fault.ErrValidation.Field("replyTo", "id")
	}
	for i, s := range mentions {
		var u access.UserID
		if err := u.UnmarshalText([]byte(s)); err != nil || s == "" {
			return d, fault.ErrValidation.Field("mentions["+strconv.Itoa(i)+"]", "id")
		}
		d.Mentions = append(d.Mentions, u)
	}
	for i, s := range attachments {
		var f room.FileID
		if err := f.UnmarshalText([]byte(s)); err != nil || s == "" {
			return d, fault.ErrValidation.Field("attachments["+strconv.Itoa(i)+"]", "id")
		}
		d.Attachments = append(d.Attachments, f)
	}
	return d, nil
}

func (p Platform) listMessages(ctx context.Context, in *listMessagesInput) (*bodyOf[messagesBody], error) {
	id, err := parseRoom(in.ID)
	if err != nil {
		return nil, err
	}
	got, err := p.Rooms.History(ctx, access.From(ctx), id, rooms.Question{
		Visibility: visibilityOf(in.Channel), Before: in.Before, After: in.After, Words: room.Words(in.Q), Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := messagesBody{
		Data: make([]messageBody, 0, len(got.Messages)), HasMore: got.Next > 0, Channel: got.Channel, Epoch: got.Epoch, Head: got.Head, ReadSeq: got.ReadSeq,
	}
	for _, m := range got.Messages {
		out.Data = append(out.Data, messageOf(m))
	}
	if in.After > 0 && in.Before == 0 {
		out.NextAfter = got.Next
	} else {
		out.NextBefore = got.Next
	}
	return &bodyOf[messagesBody]{out}, nil
}

func parseRoom(s string) (room.ID, error) {
	var id room.ID
	err := pathID(&id, s)
	return id, err
}
