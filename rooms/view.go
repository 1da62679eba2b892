package rooms

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// A View is a room as one reader sees it.
type View struct {
	room.Room
	Unread       int                // messages by others after his read position, at most 100; 0 for one who is not in it
	WhoseTurn    Side               // empty as long as nobody has said anything
	Last         *Said              // the last message that is shared and his to read
	Participants []room.Participant // those who are in it; not in lists
}

// A Side is one of the two that meet in a room.
type Side string

// The sides of a room.
const (
	Brokers      Side = "broker"
	Underwriters Side = "underwriter"
)

// Said is a message in short.
type Said struct {
	Author  event.Author
	Body    string // its first 200 characters; nothing of one that was deleted
	Deleted bool
	At      time.Time
	Seq     int64
}

// mostOfBody is how many characters of the last message a list shows.
const mostOfBody = 200

// Get returns a room that by may read.
func (h *House) Get(ctx context.Context, by access.Actor, id room.ID) (View, error) {
	r := h.db.As(by)
	if _, err := h.room(ctx, r, by, id, access.Read); err != nil {
		return View{}, fmt.Errorf("get %s: %w", id, err)
	}
	return h.view(ctx, r, by, id)
}

// List returns the rooms that by may read, newest first: all of his
// organisation's when he sees its business, and those that he is in, at
// whichever organisation. One row more than the page holds says that there are
// more.
func (h *House) List(ctx context.Context, by access.Actor, f store.RoomFilter, p store.Page) ([]View, error) {
	r := h.db.As(by)
	see, err := access.Visible(ctx, r, by, access.Room)
	if err != nil {
		return nil, err
	}
	gs, err := r.Glances(ctx, by, see, f, p)
	if err != nil {
		return nil, err
	}
	vs := make([]View, len(gs))
	for i, g := range gs {
		if vs[i], err = viewOf(g); err != nil {
			return nil, err
		}
	}
	return vs, nil
}

// view is a room as by, who may read it, sees it.
func (h *House) view(ctx context.Context, r store.Reader, by access.Actor, id room.ID) (View, error) {
	g, err := r.Glance(ctx, by, id)
	if err != nil {
		return View{}, err
	}
	v, err := viewOf(g)
	if err != nil {
		return View{}, err
	}
	v.Participants, err = r.Participants(ctx, id)
	return v, err
}

func viewOf(g store.Glance) (View, error) {
	v := View{Room: g.Room, Unread: g.Unread}
	if g.LastSeq == 0 {
		return v, nil
	}
	var e event.Envelope
	var m event.MessagePosted
	if err := json.Unmarshal(g.Last, &e); err != nil {
		return View{}, fmt.Errorf("read entry %d of %s: %w", g.LastSeq, g.ID, err)
	}
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return View{}, fmt.Errorf("read message %d of %s: %w", g.LastSeq, g.ID, err)
	}
	v.Last = &Said{Author: m.Author, Body: m.Body, Deleted: m.DeletedAt != "", At: e.Timestamp, Seq: g.LastSeq}
	if v.Last.Deleted {
		v.Last.Body = ""
	}
	if body := []rune(v.Last.Body); len(body) > mostOfBody {
		v.Last.Body = string(body[:mostOfBody])
	}
	v.WhoseTurn = Underwriters
	if m.Author.OrgID == g.Org.String() {
		v.WhoseTurn = Brokers
	}
	return v, nil
}
