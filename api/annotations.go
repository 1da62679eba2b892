package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

type annotationBody struct {
	versioned
	ID         string       `json:"id"`
	RoomID     string       `json:"roomId"`
	FileID     string       `json:"fileId"`
	Page       int          `json:"page"`
	X          float64      `json:"x" doc:"Of the upper left corner, as a fraction of the page."`
	Y          float64      `json:"y"`
	Width      float64      `json:"width"`
	Height     float64      `json:"height"`
	Body       string       `json:"body"`
	Author     event.Author `json:"author"`
	Resolved   bool         `json:"resolved"`
	ResolvedBy string       `json:"resolvedBy,omitempty"`
	ResolvedAt *time.Time   `json:"resolvedAt,omitempty"`
	CreatedAt  time.Time    `json:"createdAt"`
	UpdatedAt  time.Time    `json:"updatedAt"`
}

func annotationOf(a room.Annotation) annotationBody {
	t := a.Told()
	return annotationBody{
		versioned: versioned{a.Version}, ID: t.ID, RoomID: a.Room.String(), FileID: t.FileID, Page: t.Page, X: t.X, Y: t.Y, Width: t.Width, Height: t.Height,
		Body: t.Body, Author: t.Author, Resolved: t.Resolved, ResolvedBy: a.ResolvedBy, ResolvedAt: a.ResolvedAt, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

type annotateInput struct {
	ByID
	Body struct {
		FileID string  `json:"fileId" maxLength:"64" doc:"A shared file of the room."`
		Page   int     `json:"page" minimum:"1" maximum:"10000"`
		X      float64 `json:"x" minimum:"0" maximum:"1" doc:"Of the upper left corner, as a fraction of the page."`
		Y      float64 `json:"y" minimum:"0" maximum:"1"`
		Width  float64 `json:"width" minimum:"0" maximum:"1"`
		Height float64 `json:"height" minimum:"0" maximum:"1"`
		Body   string  `json:"body" maxLength:"5000" doc:"At most 4000 characters."`
	}
}

type listAnnotationsInput struct {
	ByID
	Page
	FileID   string `query:"fileId" maxLength:"64" doc:"Only on this file."`
	Resolved string `query:"resolved" enum:"true,false" doc:"Only those that are resolved, or are not."`
}

type changeAnnotationInput struct {
	ByID
	IfMatch
	AnnotationID string `path:"annotationId" maxLength:"64" doc:"The annotation's id."`
	Body         struct {
		Body     *string `json:"body,omitempty" maxLength:"5000" doc:"Only its author may change it."`
		Resolved *bool   `json:"resolved,omitempty"`
	}
}

func (a *API) registerAnnotations(p Platform) {
	const tag, path = "Deal rooms", "/v1/deal-rooms/{id}/annotations"
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "annotate", Tag: tag, Scope: "rooms:write", Summary: "Put a remark on a place of a document",
	}, func(ctx context.Context, in *annotateInput) (*bodyOf[annotationBody], error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		b := in.Body
		n := room.Annotation{Room: id, Page: b.Page, Body: b.Body}
		if err := n.File.UnmarshalText([]byte(b.FileID)); err != nil || n.File.IsZero() {
			return nil, fault.ErrValidation.Field("fileId", "id")
		}
		if n.At, err = room.OnPage(b.X, b.Y, b.Width, b.Height); err != nil {
			return nil, err
		}
		made, err := p.Rooms.Annotate(ctx, access.From(ctx), n)
		if err != nil {
			return nil, err
		}
		return &bodyOf[annotationBody]{annotationOf(made)}, nil
	})
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-annotations", Tag: tag, Guests: true, Scope: "rooms:read", Summary: "List the annotations of a room, newest first",
	}, func(ctx context.Context, in *listAnnotationsInput) (*bodyOf[List[annotationBody]], error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		var f store.AnnotationFilter
		if err := f.File.UnmarshalText([]byte(in.FileID)); err != nil {
			return nil, fault.ErrValidation.Field("fileId", "id")
		}
		if in.Resolved != "" {
			f.Resolved = new(in.Resolved == "true")
		}
		as, err := p.Rooms.Annotations(ctx, access.From(ctx), id, f, in.page())
		if err != nil {
			return nil, err
		}
		return &bodyOf[List[annotationBody]]{listOf(as, in.Limit, annotationOf, func(n room.Annotation) Cursor { return Cursor{n.CreatedAt, n.ID} })}, nil
	})
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{annotationId}", ID: "change-annotation", Tag: tag, Scope: "rooms:write", IfMatch: true,
		Summary: "Change, resolve or reopen an annotation",
	}, func(ctx context.Context, in *changeAnnotationInput) (*bodyOf[annotationBody], error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		var n room.AnnotationID
		if err := pathID(&n, in.AnnotationID); err != nil {
			return nil, err
		}
		changed, err := p.Rooms.ChangeAnnotation(ctx, access.From(ctx), id, n, rooms.Change{Body: in.Body.Body, Resolved: in.Body.Resolved}, in.Check)
		if err != nil {
			return nil, err
		}
		return &bodyOf[annotationBody]{annotationOf(changed)}, nil
	})
}
