package rooms

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/flag"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// ErrUnknown is the answer to inviting somebody who cannot be found.
var ErrUnknown = fault.New(fault.Refused, "user_unknown", "Nobody with that id or e-mail address has an account.")

// ErrGuestsOff is the answer to inviting somebody without an account where that
// is switched off.
var ErrGuestsOff = fault.New(fault.Refused, "guests_off", "Your organization invites nobody without an account.").With("flag", flag.GuestInvitations)

// An Invitation brings somebody into a room: a colleague by his id, anybody by
// his exact e-mail address.
type Invitation struct {
	User    access.UserID
	Email   string
	Place   room.Place // with a role
	FromNow bool       // he does not read what was shared before
	// Page is the address at which a guest joins, https://…/rooms/join. When it is
	// empty nobody without an account can be invited.
	Page string
}

// Invited is what came of an Invitation: somebody who is in the room, or somebody
// without an account who was sent a mail.
type Invited struct {
	Joined  *room.Participant
	Waiting *room.Invitation
}

// field is the field that names the invited.
func (i Invitation) field() string {
	if i.User.IsZero() {
		return "email"
	}
	return "userId"
}

// Invite brings somebody into an active room, or back into it. Who may invite
// invites anybody; a broker brings colleagues of his own firm. Somebody without
// an account is sent an invitation by those of the underwriting side.
func (h *House) Invite(ctx context.Context, by access.Actor, id room.ID, i Invitation) (Invited, error) {
	var done Invited
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		a, err := h.admission(ctx, tx, by, id)
		if err != nil {
			return err
		}
		if a.room.Status != room.Active {
			return room.ErrClosed
		}
		joined, err := a.guest(ctx, i)
		if errors.Is(err, ErrUnknown) && a.mails(i) {
			if !h.cfg.Flag(a.room.Org, flag.GuestInvitations) {
				return ErrGuestsOff
			}
			done.Waiting, err = a.mail(ctx, i)
			return err
		}
		if err != nil {
			return err
		}
		done.Joined = &joined
		if joined.Role == room.Lead {
			if err := access.Check(ctx, tx, by, access.Moderate, a.room.Object()); err != nil {
				return err
			}
		}
		if a.present, err = tx.Participants(ctx, id); err != nil {
			return err
		}
		if err := a.join(ctx, joined); err != nil {
			return err
		}
		a.room.UpdatedAt = a.at
		return tx.SaveRoom(ctx, a.room)
	})
	if err != nil {
		return Invited{}, fmt.Errorf("invite to %s: %w", id, err)
	}
	return done, nil
}

// An admission is by letting people into a room, which is locked.
type admission struct {
	tx      *store.Tx
	by      access.Actor
	author  event.Author
	at      time.Time
	room    room.Room
	broker  *room.Participant // by, when he may only bring his colleagues
	present []room.Participant
	opening bool // the room is being opened, which its first participants hear of
}

// admission locks a room into which by may invite somebody.
func (h *House) admission(ctx context.Context, tx *store.Tx, by access.Actor, id room.ID) (*admission, error) {
	a := &admission{tx: tx, by: by, at: h.now()}
	var err error
	a.room, err = h.lock(ctx, tx, by, id, access.Invite)
	if errors.Is(err, fault.ErrForbidden) {
		if err := access.Check(ctx, tx, by, access.Bring, a.room.Object()); err != nil {
			return nil, err
		}
		var broker room.Participant
		broker, err = self(ctx, tx, by, id)
		a.broker = &broker
	}
	if err != nil {
		return nil, err
	}
	a.author, err = h.author(ctx, tx.Reader, by)
	return a, err
}

// self is by's own place in a room.
func self(ctx context.Context, tx *store.Tx, by access.Actor, id room.ID) (room.Participant, error) {
	user, err := userOf(by)
	if err != nil {
		return room.Participant{}, err
	}
	return present(ctx, tx, id, user)
}

// present is the place of somebody who is in a room.
func present(ctx context.Context, tx *store.Tx, id room.ID, user access.UserID) (room.Participant, error) {
	p, ok, err := tx.Participant(ctx, id, user)
	if err == nil && (!ok || !p.Present()) {
		err = fault.ErrNotFound
	}
	return p, err
}

// userOf is the id of by, who is a user.
func userOf(by access.Actor) (access.UserID, error) {
	var user access.UserID
	err := user.UnmarshalText([]byte(by.ID))
	return user, err
}

// guests are the places of several that are invited at once; the fault names
// all who cannot be found.
func (a *admission) guests(ctx context.Context, invited []Invitation) ([]room.Participant, error) {
	ps := make([]room.Participant, 0, len(invited))
	unknown := ErrUnknown
	for i, v := range invited {
		p, err := a.guest(ctx, v)
		if errors.Is(err, ErrUnknown) && a.mails(v) {
			if _, err := a.mail(ctx, v); err != nil {
				return nil, err
			}
			continue
		}
		if errors.Is(err, ErrUnknown) {
			unknown = unknown.Field("participants["+strconv.Itoa(i)+"]."+v.field(), "exists")
			continue
		}
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	if len(unknown.Fields()) > 0 {
		return nil, unknown
	}
	return ps, nil
}

// guest is the place of somebody who is invited. By his id are found by's
// colleagues and those who were in the room before, by his address is anybody;
// a broker finds nobody but his colleagues.
func (a *admission) guest(ctx context.Context, i Invitation) (room.Participant, error) {
	g, ok, err := a.tx.Guest(ctx, i.User, i.Email)
	if err != nil {
		return room.Participant{}, err
	}
	was, before, err := a.tx.Participant(ctx, a.room.ID, g.User.ID)
	if err != nil {
		return room.Participant{}, err
	}
	// Nobody learns who works elsewhere from ids, and a broker not at all.
	colleague := g.User.Org == a.by.Org
	if !ok || !colleague && (a.broker != nil || !i.User.IsZero() && !before) {
		return room.Participant{}, ErrUnknown.Field(i.field(), "exists")
	}
	p := room.Participant{
		Room: a.room.ID, User: g.User.ID, Org: a.room.Org, MemberOrg: g.User.Org, MemberOrgName: g.OrgName, Name: g.User.Name, Email: g.User.Email,
		InvitedBy: a.by.ID, JoinedAt: a.at, Barred: was.Barred, LastSeenAt: was.LastSeenAt,
	}.Placed(i.Place)
	if i.FromNow {
		if p.FromSeq, err = a.tx.SharedHead(ctx, a.room.ID); err != nil {
			return room.Participant{}, err
		}
	}
	if err := p.Check(); err != nil {
		return room.Participant{}, err
	}
	if a.broker != nil {
		return a.broker.Brings(p)
	}
	p.Barred = false
	return p, nil
}

// join brings somebody in and tells those who are there, his company's desk and
// himself.
func (a *admission) join(ctx context.Context, p room.Participant) error {
	for _, other := range a.present {
		if other.User == p.User {
			return room.ErrPresent.With("userId", p.User)
		}
	}
	if len(a.present) >= room.MostParticipants {
		return room.ErrFull
	}
	if err := a.tx.SaveParticipant(ctx, p); err != nil {
		return err
	}
	a.present = append(a.present, p)
	a.tx.Audit(a.by, audit.Fact{Action: audit.ParticipantAdded, Object: p.Room.String(), Org: p.Org, Details: placed(p)})
	e := event.New(p.Org, p.Room.String(), event.ParticipantAdded{RoomID: p.Room.String(), Participant: p.Told(), Author: a.author}, a.at)
	e.Author = a.by.ID
	if !a.opening {
		e.Persons = persons([]room.Participant{p}, a.by, event.Invited)
	}
	e.Also = []event.Channel{room.Shared(p.Room, p.Org), room.Desk(p.Room, p.MemberOrg)}
	a.tx.Emit(e)
	return nil
}

// placed is what the audit log keeps of somebody's place.
func placed(p room.Participant) audit.Details {
	return audit.Details{
		"userId": p.User.String(), "orgId": p.MemberOrg.String(), "role": string(p.Role),
		"canEdit": p.CanEdit, "canAnnotate": p.CanAnnotate, "canChat": p.CanChat,
	}
}

// Remove takes somebody out of a room, whatever its status: who may invite
// anybody, but a lead only for a moderator; a broker a colleague; everybody
// himself. From the commit on he has no relationship to it.
func (h *House) Remove(ctx context.Context, by access.Actor, id room.ID, user access.UserID) error {
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := h.now()
		r, err := h.lock(ctx, tx, by, id, access.Read)
		if err != nil {
			return err
		}
		p, missing := present(ctx, tx, id, user)
		if missing != nil && !errors.Is(missing, fault.ErrNotFound) {
			return missing
		}
		if err := mayRemove(ctx, tx, by, r, p); err != nil {
			return err
		}
		if missing != nil {
			return missing
		}
		if err := keepLead(ctx, tx, p); err != nil {
			return err
		}
		author, err := h.author(ctx, tx.Reader, by)
		if err != nil {
			return err
		}
		if err := tx.SaveParticipant(ctx, p.Removed(by, at)); err != nil {
			return err
		}
		e := event.New(r.Org, id.String(), event.ParticipantRemoved{
			RoomID: id.String(), UserID: user.String(), Left: by.ID == user.String(), Author: author,
		}, at)
		e.Author, e.Revokes = by.ID, user.String()
		e.Also = []event.Channel{room.Shared(id, r.Org), room.Desk(id, p.MemberOrg)}
		tx.Emit(e)
		tx.Audit(by, audit.Fact{Action: audit.ParticipantRemoved, Object: id.String(), Org: r.Org, Details: audit.Details{"userId": user.String()}})
		r.UpdatedAt = at
		return tx.SaveRoom(ctx, r)
	})
	if err != nil {
		return fmt.Errorf("remove from %s: %w", id, err)
	}
	return nil
}

// mayRemove refuses to let by remove p.
func mayRemove(ctx context.Context, tx *store.Tx, by access.Actor, r room.Room, p room.Participant) error {
	if p.User.String() == by.ID && !p.User.IsZero() {
		return nil
	}
	want := access.Invite
	if p.Role == room.Lead {
		want = access.Moderate
	}
	err := access.Check(ctx, tx, by, want, r.Object())
	if errors.Is(err, fault.ErrForbidden) && p.MemberOrg == by.Org && p.Role != room.Lead {
		return access.Check(ctx, tx, by, access.Bring, r.Object())
	}
	return err
}

// keepLead refuses to let the last lead of a room go.
func keepLead(ctx context.Context, tx *store.Tx, p room.Participant) error {
	if p.Role != room.Lead {
		return nil
	}
	present, err := tx.Participants(ctx, p.Room)
	if err != nil {
		return err
	}
	if !room.Leads(present, p.User) {
		return room.ErrLastLead
	}
	return nil
}

// place gives participants other places.
func (c *change) place(ctx context.Context, places []Placing) error {
	if len(places) == 0 {
		return nil
	}
	if err := access.Check(ctx, c.tx, c.by, access.Moderate, c.room.Object()); err != nil {
		return err
	}
	if c.room.Status != room.Active {
		return room.ErrClosed
	}
	for _, to := range places {
		was, err := present(ctx, c.tx, c.room.ID, to.User)
		if err != nil {
			return err
		}
		p := was.Placed(to.Place)
		if err := p.Check(); err != nil {
			return err
		}
		if p.Role != room.Lead {
			if err := keepLead(ctx, c.tx, was); err != nil {
				return err
			}
		}
		if err := c.tx.SaveParticipant(ctx, p); err != nil {
			return err
		}
		c.told(was, p)
		c.keep(audit.ParticipantChanged, placed(p))
	}
	return nil
}

// told tells of somebody's new place. One who loses his company's desk with it
// is told so there, by the same event.
func (c *change) told(was, p room.Participant) {
	e := event.New(c.room.Org, c.room.ID.String(), event.ParticipantUpdated{RoomID: c.room.ID.String(), Participant: p.Told(), Author: c.author}, c.at)
	e.Author = c.by.ID
	e.Also = []event.Channel{room.Shared(c.room.ID, c.room.Org)}
	c.tx.Emit(e)
	e.Also = []event.Channel{room.Desk(c.room.ID, p.MemberOrg)}
	if was.LosesDesk(p) {
		e.Revokes = p.User.String()
	}
	c.tx.Emit(e)
}
