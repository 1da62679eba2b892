package rooms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// ErrExists names the room that a submission has already.
var ErrExists = fault.New(fault.Conflict, "room_exists", "The submission has a room already: one is all there is.").Field("submissionId", "unique")

// mostOfTitle is how long a title can be, in characters.
const mostOfTitle = 200

// An Opening is what the opener of a room says of it.
type Opening struct {
	Submission   submission.ID
	Title        string // the insured and the line when empty
	ExternalID   string
	Metadata     map[string]string
	Participants []Invitation
}

// Open opens the room of a submission; a user who does leads it. Of several who
// open it at once the first does, and the others get ErrExists with its id.
func (h *House) Open(ctx context.Context, by access.Actor, o Opening) (View, error) {
	var v View
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := h.now()
		s, err := tx.LockSubmission(ctx, o.Submission)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.OpenRoom, access.OrgObject(s.Org)); err != nil {
			return err
		}
		if was, ok, err := tx.RoomOf(ctx, s.ID); err != nil || ok {
			if ok {
				err = ErrExists.With("roomId", was.ID)
			}
			return err
		}
		r := opened(s, o, by, at)
		if err := tx.AddRoom(ctx, r); err != nil {
			return err
		}
		if err := h.settle(ctx, tx, by, r, o.Participants); err != nil {
			return err
		}
		v, err = h.view(ctx, tx.Reader, by, r.ID)
		return err
	})
	if err != nil {
		return View{}, fmt.Errorf("open a room for %s: %w", o.Submission, err)
	}
	return v, nil
}

func opened(s submission.Submission, o Opening, by access.Actor, at time.Time) room.Room {
	r := room.Room{
		ID: room.NewID(at), Org: s.Org, Submission: s.ID, ExternalID: o.ExternalID, Title: strings.TrimSpace(o.Title), InsuredName: s.InsuredName,
		LineOfBusiness: s.LineOfBusiness, Status: room.Active, Metadata: o.Metadata, CreatedBy: by.ID, CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	if r.Metadata == nil {
		r.Metadata = map[string]string{}
	}
	if r.Title == "" {
		name := []rune(s.InsuredName)
		r.Title = string(name[:min(len(name), mostOfTitle-1-len(s.LineOfBusiness))]) + " " + s.LineOfBusiness
	}
	return r
}

// settle tells of a new room and brings its first participants in.
func (h *House) settle(ctx context.Context, tx *store.Tx, by access.Actor, r room.Room, invited []Invitation) error {
	author, err := h.author(ctx, tx.Reader, by)
	if err != nil {
		return err
	}
	a := &admission{tx: tx, by: by, author: author, at: r.CreatedAt, room: r, opening: true}
	joining, err := a.guests(ctx, invited)
	if err != nil {
		return err
	}
	if by.Kind == access.User {
		user, err := userOf(by)
		if err != nil {
			return err
		}
		lead, err := a.guest(ctx, Invitation{User: user, Place: room.Place{Role: new(room.Lead)}})
		if err != nil {
			return err
		}
		joining = append([]room.Participant{lead}, joining...)
	}
	e := event.New(r.Org, r.ID.String(), event.RoomCreated{
		RoomID: r.ID.String(), SubmissionID: r.Submission.String(), Title: r.Title, InsuredName: r.InsuredName,
		LineOfBusiness: r.LineOfBusiness, ExternalID: r.ExternalID, Author: author,
	}, a.at).With(r.Metadata)
	e.Author, e.Persons, e.Also = by.ID, persons(joining, by, event.Invited), []event.Channel{room.Shared(r.ID, r.Org)}
	tx.Emit(e)
	tx.Audit(by, audit.Fact{Action: audit.RoomOpened, Object: r.ID.String(), Org: r.Org, Details: audit.Details{"submissionId": r.Submission.String()}})
	for _, p := range joining {
		if err := a.join(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// persons are participants as persons who hear of an event, by left out.
func persons(ps []room.Participant, by access.Actor, as string) []event.Person {
	var out []event.Person
	for _, p := range ps {
		if p.User.String() != by.ID {
			out = append(out, event.Person{Subject: p.User.String(), Org: p.MemberOrg, As: as})
		}
	}
	return out
}

// An Update is what is to become of a room, all of it or nothing; nil fields
// stay.
type Update struct {
	Title        *string
	Status       *room.Status
	Reason       string // of closing
	Participants []Placing
}

// A Placing says what somebody's place in a room is to be.
type Placing struct {
	User access.UserID
	room.Place
}

// Change changes a room. A room that is closed is reopened first when that is
// asked for, and closed or archived last.
func (h *House) Change(ctx context.Context, by access.Actor, id room.ID, u Update, seen Version) (View, error) {
	var v View
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		r, err := h.lock(ctx, tx, by, id, access.Read)
		if err != nil {
			return err
		}
		if err := seen(r.Version); err != nil {
			return err
		}
		author, err := h.author(ctx, tx.Reader, by)
		if err != nil {
			return err
		}
		c := change{tx: tx, by: by, author: author, at: h.now(), room: r}
		if err := c.apply(ctx, u); err != nil {
			return err
		}
		v, err = h.view(ctx, tx.Reader, by, id)
		return err
	})
	if err != nil {
		return View{}, fmt.Errorf("change %s: %w", id, err)
	}
	return v, nil
}

// change is one change under way: by changes room, which is locked.
type change struct {
	tx     *store.Tx
	by     access.Actor
	author event.Author
	at     time.Time
	room   room.Room
}

func (c *change) apply(ctx context.Context, u Update) error {
	reopen, end := u.Status, (*room.Status)(nil)
	if u.Status != nil && *u.Status != room.Active {
		reopen, end = nil, u.Status
	}
	if err := c.move(ctx, reopen, ""); err != nil {
		return err
	}
	if err := c.rename(ctx, u.Title); err != nil {
		return err
	}
	if err := c.place(ctx, u.Participants); err != nil {
		return err
	}
	if err := c.move(ctx, end, u.Reason); err != nil {
		return err
	}
	if u.Status == nil && u.Title == nil && len(u.Participants) == 0 {
		return nil
	}
	c.room.UpdatedAt = c.at
	return c.tx.SaveRoom(ctx, c.room)
}

// rename gives the room another title; nil leaves it.
func (c *change) rename(ctx context.Context, to *string) error {
	if to == nil {
		return nil
	}
	if err := access.Check(ctx, c.tx, c.by, access.Edit, c.room.Object()); err != nil {
		return err
	}
	if c.room.Status != room.Active {
		return room.ErrClosed
	}
	title := strings.TrimSpace(*to)
	if title == "" {
		return fault.ErrValidation.Field("title", "minLength")
	}
	c.room.Title = title
	c.tell(event.RoomUpdated{RoomID: c.room.ID.String(), Title: title, Author: c.author})
	return nil
}

// tell tells everybody in the room, and whom it concerns besides.
func (c *change) tell(data event.Payload, whom ...event.Person) {
	e := event.New(c.room.Org, c.room.ID.String(), data, c.at).With(c.room.Metadata)
	e.Author, e.Persons, e.Also = c.by.ID, whom, []event.Channel{room.Shared(c.room.ID, c.room.Org)}
	c.tx.Emit(e)
}

// keep keeps in the audit log, for both companies, what was done to the room.
func (c *change) keep(a audit.Action, d audit.Details) {
	c.tx.Audit(c.by, audit.Fact{Action: a, Object: c.room.ID.String(), Org: c.room.Org, Details: d})
}

// move moves the room to another status; nil leaves it where it is.
func (c *change) move(ctx context.Context, to *room.Status, reason string) error {
	if to == nil {
		return nil
	}
	if err := access.Check(ctx, c.tx, c.by, access.Moderate, c.room.Object()); err != nil {
		return err
	}
	var err error
	id := c.room.ID.String()
	switch *to {
	case room.Active:
		if c.room, err = c.room.Reopen(c.at); err == nil {
			c.tell(event.RoomReopened{RoomID: id, Author: c.author})
			c.keep(audit.RoomReopened, nil)
		}
	case room.Closed:
		if c.room, err = c.room.Close(reason, c.by.ID, c.at); err != nil {
			return err
		}
		ps, err := c.tx.Participants(ctx, c.room.ID)
		if err != nil {
			return err
		}
		c.tell(event.RoomClosed{RoomID: id, SubmissionID: c.room.Submission.String(), Reason: reason, Author: c.author}, persons(ps, c.by, event.InRoom)...)
		c.keep(audit.RoomClosed, nil)
	case room.Archived:
		if c.room, err = c.room.Archive(c.at); err == nil {
			c.tell(event.RoomArchived{RoomID: id, Author: c.author})
			c.keep(audit.RoomArchived, nil)
		}
	default:
		return fault.ErrValidation.Field("status", "enum")
	}
	return err
}

// dueReason is why a room closed by itself.
const dueReason = "The submission was bound or declined."

// dueBatch is how many rooms CloseDue looks up at a time.
const dueBatch = 100

// CloseDue closes the rooms whose time has come by now, each in a transaction
// of its own, and returns how many. Several nodes may run it at once. One that
// cannot be closed does not hold up the others.
func (h *House) CloseDue(ctx context.Context, now time.Time) (int, error) {
	now = now.UTC().Truncate(time.Microsecond)
	total := 0
	for {
		due, err := h.db.DueRooms(ctx, now, dueBatch)
		if err != nil {
			return total, fmt.Errorf("find rooms to close: %w", err)
		}
		closed := 0
		var failed error
		for _, d := range due {
			ok, err := h.closeDue(ctx, d, now)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("close %s: %w", d.ID, err))
			}
			if ok {
				closed++
			}
		}
		total += closed
		if len(due) < dueBatch || closed == 0 || failed != nil {
			return total, failed
		}
	}
}

func (h *House) closeDue(ctx context.Context, d store.DueRoom, now time.Time) (bool, error) {
	by := access.Actor{Kind: access.System, ID: "system", Org: d.Org}
	done := false
	err := h.db.InTx(ctx, by, func(tx *store.Tx) (err error) {
		done, err = CloseRoom(ctx, tx, by, d.ID, now.Add(tx.Ahead()))
		return err
	})
	return done && err == nil, err
}
