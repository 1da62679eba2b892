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
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// mails reports whether somebody who has no account may be invited by mail: as a
// broker or viewer, and only by the underwriting side.
func (a *admission) mails(i Invitation) bool {
	return i.Email != "" && i.Page != "" && a.broker == nil && a.by.Org == a.room.Org &&
		i.Place.Role != nil && (*i.Place.Role == room.Broker || *i.Place.Role == room.Viewer)
}

// mail invites somebody who has no account.
func (a *admission) mail(ctx context.Context, i Invitation) (*room.Invitation, error) {
	seat := room.Participant{Guest: true}.Placed(i.Place)
	v := room.Invitation{
		ID: room.NewInvitationID(a.at), Room: a.room.ID, Org: a.room.Org, Email: strings.TrimSpace(i.Email), Role: seat.Role, CanChat: seat.CanChat,
		InvitedBy: a.author, State: room.Waiting, CreatedAt: a.at, ExpiresAt: a.at.Add(room.InvitationAge),
	}
	present, err := a.tx.Participants(ctx, a.room.ID)
	if err != nil {
		return nil, err
	}
	for _, p := range present {
		if strings.EqualFold(p.Email, v.Email) {
			return nil, room.ErrPresent.With("userId", p.User)
		}
	}
	if i.FromNow {
		if v.FromSeq, err = a.tx.SharedHead(ctx, a.room.ID); err != nil {
			return nil, err
		}
	}
	link, code := room.NewSecret(), room.NewCode()
	// What follows # stays in the browser: no server and no scanner logs it.
	notice := push.InvitationNotice(a.author.Name, a.author.OrgName, a.room.Title, i.Page+"#"+string(link), i.Page, code, room.InvitationAge, v.ExpiresAt)
	return &v, a.tx.AddInvitation(ctx, a.by, v, link, code, notice)
}

// Invitations lists the invitations into a room, for those who may make them.
func (h *House) Invitations(ctx context.Context, by access.Actor, id room.ID, p store.Page) ([]room.Invitation, error) {
	r := h.db.As(by)
	found, err := h.room(ctx, r, by, id, access.Invite)
	if err != nil {
		return nil, err
	}
	if found.Org != by.Org {
		return nil, fault.ErrForbidden
	}
	vs, err := r.Invitations(ctx, id, p)
	for i := range vs {
		vs[i] = vs[i].At(h.now())
	}
	return vs, err
}

// Revoke takes an invitation back that waits.
func (h *House) Revoke(ctx context.Context, by access.Actor, id room.ID, invitation room.InvitationID) error {
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		r, err := h.lock(ctx, tx, by, id, access.Invite)
		if err != nil {
			return err
		}
		if r.Org != by.Org {
			return fault.ErrForbidden
		}
		v, err := tx.LockInvitation(ctx, id, invitation)
		if err != nil {
			return err
		}
		switch v.State {
		case room.Waiting:
			v.State = room.Revoked
			tx.Audit(by, audit.Fact{Action: audit.InvitationRevoked, Object: v.ID.String(), Details: audit.Details{"roomId": id.String()}})
			return tx.EndInvitation(ctx, v)
		case room.Revoked:
			return nil
		}
		return room.ErrNothingToRevoke
	})
	if err != nil {
		return fmt.Errorf("revoke %s: %w", invitation, err)
	}
	return nil
}

// A Pass is what somebody without an account shows: what stands in his link, or
// his address and the code of his mail.
type Pass struct {
	Link        room.Secret
	Email, Code string
}

// A Door is what somebody sees who opened a link and has not used it.
type Door struct {
	Room      room.ID
	Title     string
	InvitedBy event.Author // of an invitation
	Email     string
	Name      string // of a guest who comes back
	Firm      string
	Returning bool
}

// Knock says where a link leads. It leaves the link as it is, however often.
func (h *House) Knock(ctx context.Context, link room.Secret) (Door, error) {
	at := h.now()
	seat, err := h.db.GuestLink(ctx, link, at)
	if err == nil {
		d := Door{Room: seat.Room, Email: seat.Email, Name: seat.Name, Firm: seat.FirmName, Returning: true}
		d.Title, err = h.title(ctx, seat.Org, seat.Room)
		return d, err
	}
	if !errors.Is(err, fault.ErrNotFound) {
		return Door{}, err
	}
	v, err := h.db.InvitationByLink(ctx, link)
	if errors.Is(err, fault.ErrNotFound) {
		return Door{}, room.ErrInvitation
	}
	if err != nil {
		return Door{}, err
	}
	d := Door{Room: v.Room, InvitedBy: v.InvitedBy, Email: v.Email}
	if v.At(at).State != room.Waiting {
		return Door{}, spent(v, at)
	}
	if err := h.db.OpenInvitation(ctx, v, at); err != nil {
		return Door{}, err
	}
	d.Title, err = h.title(ctx, v.Org, v.Room)
	return d, err
}

// spent is why an invitation lets nobody in. Who has the link of one that was
// used is told to which room it led: he may be the guest that came of it.
func spent(v room.Invitation, at time.Time) error {
	err := room.ErrInvitation
	if v.State == room.Accepted {
		err = err.With("roomId", v.Room)
	}
	return audit.Suspect(err, access.Actor{Org: v.Org}, v.ID.String(), "invitation_"+string(v.At(at).State))
}

func (h *House) title(ctx context.Context, org access.OrgID, id room.ID) (string, error) {
	r, err := h.db.As(access.Actor{Org: org}).Room(ctx, id)
	return r.Title, err
}

// Enter uses a link or code up: whoever shows it is in the room from then on,
// and is let back in by device. A guest who comes back is the participant that
// he was.
func (h *House) Enter(ctx context.Context, p Pass, name, firm string, device room.Secret) (store.Seat, error) {
	at := h.now()
	var v room.Invitation
	var err error
	if p.Link != "" {
		seat, err := h.db.UseGuestLink(ctx, p.Link, device, at)
		if err == nil || !errors.Is(err, fault.ErrNotFound) {
			return seat, err
		}
		v, err = h.db.InvitationByLink(ctx, p.Link)
		if errors.Is(err, fault.ErrNotFound) {
			return seat, room.ErrInvitation
		}
		if err != nil {
			return seat, err
		}
	} else if v, err = h.db.InvitationByCode(ctx, p.Email, p.Code, at); err != nil {
		return store.Seat{}, err
	}
	if name == "" {
		return store.Seat{}, fault.ErrValidation.Field("name", "required")
	}
	if firm == "" {
		_, firm, _ = strings.Cut(v.Email, "@")
	}
	seat, err := h.accept(ctx, v, name, firm, device)
	if errors.Is(err, store.ErrDuplicate) { // another room has just made him
		seat, err = h.accept(ctx, v, name, firm, device)
	}
	if err != nil {
		return store.Seat{}, fmt.Errorf("accept %s: %w", v.ID, err)
	}
	return seat, nil
}

func (h *House) accept(ctx context.Context, v room.Invitation, name, firm string, device room.Secret) (store.Seat, error) {
	var seat store.Seat
	by := access.Actor{Kind: access.System, ID: "system", Org: v.Org}
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := h.now()
		r, err := tx.LockRoom(ctx, v.Room)
		if err != nil {
			return err
		}
		v, err := tx.LockInvitation(ctx, v.Room, v.ID)
		switch {
		case err != nil:
			return err
		case v.At(at).State != room.Waiting:
			return spent(v, at)
		case r.Status != room.Active:
			return room.ErrClosed
		}
		g, err := tx.WelcomeGuest(ctx, v.Email, name, firm, at)
		if err != nil {
			return err
		}
		p := v.Seat(g.User.ID, g.User.Org, g.OrgName, name, at)
		was, _, err := tx.Participant(ctx, v.Room, g.User.ID)
		if err != nil {
			return err
		}
		p.LastSeenAt = was.LastSeenAt
		guest := access.Actor{Kind: access.Guest, ID: g.User.ID.String(), Org: g.User.Org, Room: v.Room.String()}
		a := admission{
			tx: tx, by: guest, at: at, room: r,
			author: event.Author{ID: guest.ID, Name: name, OrgID: guest.Org.String(), OrgName: g.OrgName},
		}
		if a.present, err = tx.Participants(ctx, v.Room); err != nil {
			return err
		}
		if err := a.join(ctx, p); err != nil {
			return err
		}
		v.State, v.AcceptedAt, v.AcceptedBy = room.Accepted, &at, g.User.ID
		if err := tx.EndInvitation(ctx, v); err != nil {
			return err
		}
		tx.Audit(guest, audit.Fact{Action: audit.InvitationAccepted, Object: v.ID.String(), Details: audit.Details{"roomId": v.Room.String()}})
		if err := tx.AddGuestDevice(ctx, device, v.Room, g.User.ID, at); err != nil {
			return err
		}
		seat = store.Seat{User: g.User.ID, Firm: g.User.Org, FirmName: g.OrgName, Name: name, Email: v.Email, Room: v.Room, Org: v.Org, JoinedAt: at}
		r.UpdatedAt = at
		return tx.SaveRoom(ctx, r)
	})
	return seat, err
}

// SendLink mails a guest who comes back a link to his room. It says the same
// whether there is such a guest or not.
func (h *House) SendLink(ctx context.Context, id room.ID, email, page string) error {
	at := h.now()
	link := room.NewSecret()
	err := h.db.SendGuestLink(ctx, id, strings.TrimSpace(email), link, at, func(title string) push.Notice {
		return push.GuestLinkNotice(title, page+"#"+string(link), room.LinkAge, at.Add(room.LinkAge))
	})
	if err != nil {
		return fmt.Errorf("send a link to %s: %w", id, err)
	}
	return nil
}
