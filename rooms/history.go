package rooms

import (
	"context"
	"fmt"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// Bounds of a search.
const (
	mostSearched = 10_000 // messages looked at for one page
	searchStep   = 500    // read at a time
)

// A Question asks for messages of a room.
type Question struct {
	Visibility room.Visibility // which channel: the shared one, or the company's desk
	Before     int64           // only messages before this seq; 0 is from the newest on
	After      int64           // only messages after this seq; set alone, the oldest come first
	Words      []string        // all of them must be in the message
	Limit      int
}

// A Page is an answer to a Question.
type Page struct {
	Channel  string
	Epoch    string
	Head     int64 // the channel's last seq, of whatever kind
	ReadSeq  int64 // up to where the reader has read
	Messages []room.Message
	Next     int64 // ask again from here: after it when the oldest come first, else before it; 0 on the last page
}

// History reads messages of a room, newest first, or oldest first when the
// question only says after what. A search looks at 10,000 messages at most and
// then says from where to go on.
func (h *House) History(ctx context.Context, by access.Actor, id room.ID, q Question) (Page, error) {
	r := h.db.As(by)
	heard, err := h.hear(ctx, r, by, channelOf(id, by, q.Visibility))
	if err != nil {
		return Page{}, err
	}
	p := Page{Channel: heard.Channel.Name}
	progress, err := r.Progress(ctx, by, p.Channel)
	if err != nil {
		return Page{}, err
	}
	p.ReadSeq = progress[p.Channel].Seq
	s := store.Span{After: max(q.After, heard.From), Before: q.Before, Limit: q.Limit + 1, Forward: q.After > 0 && q.Before == 0}
	if len(q.Words) == 0 {
		err = p.read(ctx, r, s, q.Limit)
	} else {
		err = p.search(ctx, r, s, q)
	}
	if err != nil {
		return Page{}, fmt.Errorf("history of %s: %w", p.Channel, err)
	}
	return p, nil
}

func (p *Page) read(ctx context.Context, r store.Reader, s store.Span, limit int) error {
	got, err := r.Messages(ctx, p.Channel, s)
	if err != nil {
		return err
	}
	p.Epoch, p.Head, p.Messages = got.Epoch, got.Head, got.Messages
	if len(p.Messages) > limit {
		p.Messages = p.Messages[:limit]
		p.Next = p.Messages[limit-1].Seq
	}
	return nil
}

func (p *Page) search(ctx context.Context, r store.Reader, s store.Span, q Question) error {
	s.Limit = searchStep
	for looked := 0; ; {
		got, err := r.Messages(ctx, p.Channel, s)
		if err != nil {
			return err
		}
		p.Epoch, p.Head = got.Epoch, got.Head
		for _, m := range got.Messages {
			if m.Matches(q.Words) {
				p.Messages = append(p.Messages, m)
			}
			if len(p.Messages) == q.Limit {
				p.Next = m.Seq // there may be no more; the next page says so
				return nil
			}
		}
		if len(got.Messages) < searchStep {
			return nil
		}
		last := got.Messages[searchStep-1].Seq
		if looked += searchStep; looked >= mostSearched {
			p.Next = last
			return nil
		}
		if s.Forward {
			s.After = last
		} else {
			s.Before = last
		}
	}
}

// Read notes that by has read a channel of a room, by its name, up to seq; past
// its head is up to its head. It reports where he stands now and whether that
// is further than before; positions never go back.
func (h *House) Read(ctx context.Context, by access.Actor, channel string, seq int64) (stands int64, moved bool, err error) {
	r := h.db.As(by)
	heard, err := h.hear(ctx, r, by, channel)
	if err != nil {
		return 0, false, err
	}
	stands, moved, err = r.Read(ctx, heard.Room.ID, channel, by, seq, h.now())
	if err != nil || moved {
		return stands, moved, err
	}
	progress, err := r.Progress(ctx, by, channel)
	return progress[channel].Seq, false, err
}

// ReadIn is Read for the channel that by means by a visibility.
func (h *House) ReadIn(ctx context.Context, by access.Actor, id room.ID, v room.Visibility, seq int64) (stands int64, moved bool, err error) {
	return h.Read(ctx, by, channelOf(id, by, v), seq)
}
