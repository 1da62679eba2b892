package rooms

import (
	"context"
	"errors"

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
	read, post := access.Read, access.Post
	if !company.IsZero() {
		read, post = access.ReadDesk, access.PostDesk
	}
	found, _, err := h.room(ctx, r, by, id, read)
	if err != nil {
		return Hearing{}, err
	}
	if !company.IsZero() && by.Kind != access.User { // a desk is for people
		return Hearing{}, fault.ErrForbidden
	}
	heard := Hearing{Room: found, Channel: room.Shared(id, found.Org)}
	if !company.IsZero() {
		heard.Channel = room.Desk(id, company)
	} else if heard.From, err = r.FromSeq(ctx, id, by); err != nil {
		return Hearing{}, err
	}
	heard.Grant, err = access.Find(ctx, r, by, post, found.Object())
	switch {
	case err == nil:
		heard.Post = true
	case !errors.Is(err, fault.ErrForbidden) && !errors.Is(err, fault.ErrNotFound):
		return Hearing{}, err
	}
	return heard, nil
}
