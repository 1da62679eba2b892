package rooms

import (
	"context"
	"errors"
	"fmt"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// Annotate puts a remark on a shared document of a room. What a says of its id,
// organisation, author and times is overwritten.
func (h *House) Annotate(ctx context.Context, by access.Actor, a room.Annotation) (room.Annotation, error) {
	a, err := a.Check()
	if err != nil {
		return a, err
	}
	at := h.now()
	a.ID, a.CreatedAt, a.UpdatedAt, a.Version = room.NewAnnotationID(at), at, at, 1
	a.ResolvedBy, a.ResolvedAt = "", nil
	err = h.db.InTx(ctx, by, func(tx *store.Tx) error {
		r, err := h.lockToAnnotate(ctx, tx, by, a.Room)
		if err != nil {
			return err
		}
		from, err := tx.FromSeq(ctx, a.Room, by)
		if err != nil {
			return err
		}
		_, err = tx.File(ctx, store.Shelf{Room: a.Room, From: from}, a.File)
		if errors.Is(err, fault.ErrNotFound) {
			return fault.ErrValidation.Field("fileId", "exists")
		}
		if err != nil {
			return err
		}
		a.Org = r.Org
		if a.Author, err = h.author(ctx, tx.Reader, by); err != nil {
			return err
		}
		e := event.New(r.Org, a.ID.String(), event.AnnotationAdded{RoomID: r.ID.String(), Annotation: a.Told()}, at)
		e.Also, e.Author = []event.Channel{room.Shared(r.ID, r.Org)}, by.ID
		tx.Emit(e)
		return tx.AddAnnotation(ctx, a)
	})
	if err != nil {
		return room.Annotation{}, fmt.Errorf("annotate in %s: %w", a.Room, err)
	}
	return a, nil
}

// lockToAnnotate locks an active room that by may annotate in. Remarks are
// people's: neither keys nor the system make any.
func (h *House) lockToAnnotate(ctx context.Context, tx *store.Tx, by access.Actor, id room.ID) (room.Room, error) {
	r, err := h.lock(ctx, tx, by, id, access.Annotate)
	switch {
	case err != nil:
		return r, err
	case by.Kind != access.User:
		return r, fault.ErrForbidden
	case r.Status != room.Active:
		return r, ErrRoomClosed
	}
	return r, nil
}

// Version guards a change: it returns an error unless the version that the
// caller saw is the current one.
type Version func(current int) error

// A Change is what is to become of an annotation; nil leaves it.
type Change struct {
	Body     *string
	Resolved *bool
}

// ChangeAnnotation changes the words of an annotation, which only its author
// may, or whether it is resolved.
func (h *House) ChangeAnnotation(ctx context.Context, by access.Actor, id room.ID, annotation room.AnnotationID, c Change, seen Version) (room.Annotation, error) {
	var a room.Annotation
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		r, err := h.lockToAnnotate(ctx, tx, by, id)
		if err != nil {
			return err
		}
		if a, err = tx.Annotation(ctx, id, annotation); err != nil {
			return err
		}
		joined, err := tx.JoinedFromNow(ctx, id, by)
		if err != nil {
			return err
		}
		if a.CreatedAt.Before(joined) {
			return fault.ErrNotFound
		}
		if err := seen(a.Version); err != nil {
			return err
		}
		at := h.now()
		if a, err = a.Change(by, c.Body, c.Resolved, at); err != nil {
			return err
		}
		author, err := h.author(ctx, tx.Reader, by)
		if err != nil {
			return err
		}
		e := event.New(r.Org, a.ID.String(), event.AnnotationUpdated{RoomID: r.ID.String(), Annotation: a.Told(), Author: author}, at)
		e.Also, e.Author = []event.Channel{room.Shared(r.ID, r.Org)}, by.ID
		tx.Emit(e)
		a.Version++
		return tx.SaveAnnotation(ctx, a)
	})
	if err != nil {
		return room.Annotation{}, fmt.Errorf("change %s: %w", annotation, err)
	}
	return a, nil
}

// Annotations lists the annotations of a room, newest first.
func (h *House) Annotations(ctx context.Context, by access.Actor, id room.ID, f store.AnnotationFilter, p store.Page) ([]room.Annotation, error) {
	r := h.db.As(by)
	if _, err := h.room(ctx, r, by, id, access.Read); err != nil {
		return nil, err
	}
	var err error
	if f.Since, err = r.JoinedFromNow(ctx, id, by); err != nil {
		return nil, err
	}
	return r.Annotations(ctx, id, f, p)
}
