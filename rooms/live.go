package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// A Hearing is what somebody may do in a channel of a room that he may hear.
type Hearing struct {
	Room    room.Room
	Channel event.Channel
	Post    bool
	Seated  bool         // has a place in the room, and does not only look on
	Grant   access.Grant // by which he may post
	From    int64        // entries up to here are not his to read
}

// Hear says whether by may hear a channel of a room, named room:<id> or
// desk:<id>:<org>, and what he may do there. A desk is its own company's alone;
// to others it does not exist.
func (h *House) Hear(ctx context.Context, by access.Actor, name string) (Hearing, error) {
	return h.hear(ctx, h.db.As(by), by, name)
}

func (h *House) hear(ctx context.Context, r store.Reader, by access.Actor, name string) (Hearing, error) {
	id, company, ok := room.ParseChannel(name)
	if !ok || !company.IsZero() && company != by.Org {
		return Hearing{}, fault.ErrNotFound
	}
	found, err := r.Room(ctx, id)
	if err != nil {
		return Hearing{}, err
	}
	held, err := access.Find(ctx, r, by, access.Read, found.Object())
	if err != nil {
		return Hearing{}, err
	}
	on := found.Object()
	heard := Hearing{Room: found, Channel: room.Shared(id, found.Org), Seated: held.Type == access.Room}
	if !company.IsZero() {
		on, heard.Channel, heard.Seated = room.DeskObject(id, company), room.Desk(id, company), true
		if err := access.Check(ctx, r, by, access.Read, on); err != nil {
			return Hearing{}, err
		}
		if by.Kind != access.User { // a desk is for people
			return Hearing{}, fault.ErrForbidden
		}
	} else if heard.From, err = r.FromSeq(ctx, id, by); err != nil {
		return Hearing{}, err
	}
	heard.Grant, err = access.Find(ctx, r, by, access.Post, on)
	switch {
	case err == nil:
		heard.Post = true
	case !errors.Is(err, fault.ErrForbidden) && !errors.Is(err, fault.ErrNotFound):
		return Hearing{}, err
	}
	return heard, nil
}

// Limits of what a session is shown first.
const (
	firstMessages    = 50
	firstAnnotations = 1000
)

// A Snapshot is what somebody who opens a room is shown first: one state of the
// database, and the place of the shared channel that it was at.
type Snapshot struct {
	Heard       Hearing
	Epoch       string
	Head        int64
	View        View
	Messages    []room.Message // the newest, in order
	Annotations []room.Annotation
}

// Snapshot reads what by is shown first of a room.
func (h *House) Snapshot(ctx context.Context, by access.Actor, id room.ID) (Snapshot, error) {
	var s Snapshot
	err := h.db.Snapshot(ctx, by, func(r store.Reader) error {
		var err error
		if s.Heard, err = h.hear(ctx, r, by, channelOf(id, by, room.ForAll)); err != nil {
			return err
		}
		if s.View, err = h.view(ctx, r, by, id); err != nil {
			return err
		}
		got, err := r.Messages(ctx, s.Heard.Channel.Name, store.Span{After: s.Heard.From, Limit: firstMessages})
		if err != nil {
			return err
		}
		s.Epoch, s.Head, s.Messages = got.Epoch, got.Head, got.Messages
		slices.Reverse(s.Messages)
		s.Annotations, err = r.Annotations(ctx, id, store.AnnotationFilter{}, store.Page{Limit: firstAnnotations})
		return err
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("open %s: %w", id, err)
	}
	return s, nil
}

// Author says who by is, as the other company may see it.
func (h *House) Author(ctx context.Context, by access.Actor) (event.Author, error) {
	return h.knownAuthor(ctx, h.db.As(by), by)
}
