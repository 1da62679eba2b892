package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// ErrRoomClosed is what is wrong with a change of a room that is not active.
var ErrRoomClosed = store.ErrRoomClosed

// hearer names what a Hearing is of. The system is one in every organisation.
type hearer struct {
	actor   string
	org     access.OrgID
	channel string
}

// channelOf names the channel that by means by a visibility.
func channelOf(id room.ID, by access.Actor, v room.Visibility) string {
	if v == room.Internal {
		return room.Desk(id, by.Org).Name
	}
	return room.Shared(id, access.OrgID{}).Name
}

// Post says something in a room. The same ClientID of the same author in the
// same channel is the same message, whatever its words: duplicate is true then
// and the first one is answered.
//
// Who may is remembered for a minute, since the group commit looks again: an
// author who lost the right meanwhile is refused there, and asked about anew.
func (h *House) Post(ctx context.Context, by access.Actor, id room.ID, d room.Draft) (m room.Message, duplicate bool, err error) {
	if d, err = d.Check(); err != nil {
		return m, false, err
	}
	name := hearer{by.ID, by.Org, channelOf(id, by, d.Visibility)}
	heard, known := h.hearings.get(name)
	for {
		if !known {
			if heard, err = h.Hear(ctx, by, name.channel); err != nil {
				return m, false, fmt.Errorf("post in %s: %w", name.channel, err)
			}
		}
		if !heard.Post {
			h.hearings.forget(name)
			return m, false, fault.ErrForbidden
		}
		h.hearings.put(name, heard)
		m, duplicate, err = h.post(ctx, by, heard, d)
		if !known || !errors.Is(err, fault.ErrForbidden) {
			return m, duplicate, err
		}
		h.hearings.forget(name)
		known = false
	}
}

func (h *House) post(ctx context.Context, by access.Actor, heard Hearing, d room.Draft) (room.Message, bool, error) {
	p, err := h.Prepare(ctx, by, heard.Channel, d, heard.Grant)
	if err != nil {
		return room.Message{}, false, err
	}
	posted, err := h.posts.PostWait(ctx, p)
	if err != nil {
		return room.Message{}, false, fmt.Errorf("post in %s: %w", heard.Channel.Name, err)
	}
	m, err := room.ReadMessage(heard.Channel.Name, posted.Seq, posted.Payload)
	return m, posted.Duplicate, err
}

// Prepare makes a draft ready for the store's Poster: grant is by which the
// caller may post in the channel, which the group commit looks at again. It
// asks the database only about what the draft refers to, and once a minute for
// the author's name. The draft's visibility is that of the channel.
func (h *House) Prepare(ctx context.Context, by access.Actor, channel event.Channel, d room.Draft, grant access.Grant) (store.Post, error) {
	id, company, ok := room.ParseChannel(channel.Name)
	if !ok || !company.IsZero() && company != by.Org {
		return store.Post{}, fault.ErrNotFound
	}
	d.Visibility = room.ForAll
	if !company.IsZero() {
		d.Visibility = room.Internal
	}
	d, err := d.Check()
	if err != nil {
		return store.Post{}, err
	}
	r := h.db.As(by)
	author, err := h.knownAuthor(ctx, r, by)
	if err != nil {
		return store.Post{}, err
	}
	at := h.now().Truncate(time.Millisecond)
	mid := room.NewMessageID(at)
	m := room.Message{Org: channel.Org, Channel: channel.Name, At: at, MessagePosted: event.MessagePosted{
		MessageID: mid.String(), RoomID: id.String(), Visibility: string(d.Visibility), Author: author, Body: d.Body, ClientID: d.ClientID,
		ReplyTo: d.ReplyTo.String(),
	}}
	if err := h.refer(ctx, r, by, id, company, d, &m); err != nil {
		return store.Post{}, err
	}
	payload, err := m.Payload()
	if err != nil {
		return store.Post{}, err
	}
	return store.Post{
		Room: id, Channel: channel, ID: mid, Author: by.ID, ClientID: d.ClientID, Payload: payload, At: at, Grant: grant,
	}, nil
}

// knownAuthor is author, remembered.
func (h *House) knownAuthor(ctx context.Context, r store.Reader, by access.Actor) (event.Author, error) {
	name := by.ID + "@" + by.Org.String() // the system is in every organisation
	if a, ok := h.authors.get(name); ok {
		return a, nil
	}
	a, err := h.author(ctx, r, by)
	if err == nil {
		h.authors.put(name, a)
	}
	return a, err
}

// refer checks what a draft refers to and adds it to the message: a message of
// the same channel, people who hear it, files that are as visible as it is.
func (h *House) refer(ctx context.Context, r store.Reader, by access.Actor, id room.ID, company access.OrgID, d room.Draft, m *room.Message) error {
	if !d.ReplyTo.IsZero() {
		from, err := h.from(ctx, r, by, id, company)
		if err != nil {
			return err
		}
		to, err := r.Message(ctx, d.ReplyTo, m.Channel)
		if errors.Is(err, fault.ErrNotFound) || err == nil && to.Seq <= from {
			return fault.ErrValidation.Field("replyTo", "exists")
		}
		if err != nil {
			return err
		}
	}
	if len(d.Mentions) > 0 {
		in, err := r.Present(ctx, id, company, d.Mentions)
		if err != nil {
			return err
		}
		for i, u := range d.Mentions {
			if !slices.Contains(in, u) {
				return fault.ErrValidation.Field("mentions["+strconv.Itoa(i)+"]", "exists")
			}
			m.Mentions = append(m.Mentions, u.String())
		}
	}
	if len(d.Attachments) > 0 {
		files, err := r.Attachable(ctx, id, d.Visibility, d.Attachments)
		if err != nil {
			return err
		}
		for i, f := range d.Attachments {
			at := slices.IndexFunc(files, func(have room.File) bool { return have.ID == f })
			if at < 0 {
				return fault.ErrValidation.Field("attachments["+strconv.Itoa(i)+"]", "exists")
			}
			m.Attachments = append(m.Attachments, files[at].Attachment())
		}
	}
	return nil
}

// from is up to where a channel of a room is not by's to read. A company's desk
// is all its people's.
func (h *House) from(ctx context.Context, r store.Reader, by access.Actor, id room.ID, company access.OrgID) (int64, error) {
	if !company.IsZero() {
		return 0, nil
	}
	return r.FromSeq(ctx, id, by)
}

// Edit changes the words of a message; only its author may, as long as he may
// post. What it said before is kept, and is nowhere to be read.
func (h *House) Edit(ctx context.Context, by access.Actor, id room.ID, message room.MessageID, body string) (room.Message, error) {
	var m room.Message
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		heard, found, err := h.lockMessage(ctx, tx, by, id, message)
		if err != nil {
			return err
		}
		if m = found; !heard.Post {
			return fault.ErrForbidden
		}
		at := h.now()
		if m, err = m.Edit(by, body, at); err != nil {
			return err
		}
		err = tx.ReviseMessage(ctx, m, by.ID, at, retell(func(d *event.MessageEdited) { d.Body = m.Body }))
		if err != nil {
			return err
		}
		tell(tx, heard, m, by, at, event.MessageEdited{
			MessageID: m.MessageID, RoomID: m.RoomID, Visibility: m.Visibility, Seq: m.Seq, Author: m.Author, Body: m.Body,
		})
		return nil
	})
	if err != nil {
		return room.Message{}, fmt.Errorf("edit %s: %w", message, err)
	}
	return m, nil
}

// Delete takes away what a message said, on every path, and leaves its place.
// Its author may, and of his company the room's lead and administrators. A
// message that is deleted already stays so.
func (h *House) Delete(ctx context.Context, by access.Actor, id room.ID, message room.MessageID) error {
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		heard, m, err := h.lockMessage(ctx, tx, by, id, message)
		if err != nil {
			return err
		}
		runs, err := h.runs(ctx, tx, by, heard.Room)
		if err != nil {
			return err
		}
		if !runs && !heard.Post {
			return fault.ErrForbidden
		}
		gone := m.DeletedAt != ""
		at := h.now()
		if m, err = m.Delete(by, runs, at); err != nil || gone {
			return err
		}
		err = tx.ReviseMessage(ctx, m, by.ID, at, retell(func(d *event.MessageEdited) { d.Body, d.DeletedAt = "", m.DeletedAt }))
		if err != nil {
			return err
		}
		author, err := h.author(ctx, tx.Reader, by)
		if err != nil {
			return err
		}
		tell(tx, heard, m, by, at, event.MessageDeleted{
			MessageID: m.MessageID, RoomID: m.RoomID, Visibility: m.Visibility, Seq: m.Seq, Author: author,
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete %s: %w", message, err)
	}
	return nil
}

// lockMessage locks an active room and finds a message in it that by hears.
func (h *House) lockMessage(ctx context.Context, tx *store.Tx, by access.Actor, id room.ID, message room.MessageID) (Hearing, room.Message, error) {
	locked, err := h.lock(ctx, tx, by, id, access.Read)
	if err != nil {
		return Hearing{}, room.Message{}, err
	}
	m, err := tx.Message(ctx, message, channelOf(id, by, room.ForAll), channelOf(id, by, room.Internal))
	if err != nil {
		return Hearing{}, m, err
	}
	heard, err := h.hear(ctx, tx.Reader, by, m.Channel)
	switch {
	case err != nil:
		return Hearing{}, m, err
	case m.Seq <= heard.From:
		return Hearing{}, m, fault.ErrNotFound
	case locked.Status != room.Active:
		return Hearing{}, m, ErrRoomClosed
	}
	return heard, m, nil
}

// runs reports whether by runs his company's side of a room: its lead and the
// administrators of the room's organisation on that side, the administrators of
// the other company on the other.
func (h *House) runs(ctx context.Context, tx *store.Tx, by access.Actor, r room.Room) (bool, error) {
	err := access.Check(ctx, tx, by, access.Moderate, r.Object())
	if err != nil && by.Org != r.Org {
		err = access.Check(ctx, tx, by, access.Administer, access.OrgObject(by.Org))
	}
	if errors.Is(err, fault.ErrForbidden) || errors.Is(err, fault.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// tell tells a message's channel that it was changed.
func tell(tx *store.Tx, heard Hearing, m room.Message, by access.Actor, at time.Time, data event.Payload) {
	e := event.New(heard.Channel.Org, m.MessageID, data, at)
	e.Also, e.Author, e.Ref, e.Rewrites = []event.Channel{heard.Channel}, by.ID, m.Seq, true
	tx.Emit(e)
}

// retell changes what the entry of an earlier edit says.
func retell(change func(*event.MessageEdited)) func([]byte) ([]byte, error) {
	return func(payload []byte) ([]byte, error) {
		var e event.Envelope
		var d event.MessageEdited
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return nil, err
		}
		change(&d)
		return event.Event{ID: e.ID, Type: e.Type, Org: e.OrgID, At: e.Timestamp, Data: d}.Payload()
	}
}
