package insurance

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/deal"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// A Sight guards a change from a deal room: it returns an error unless the deal
// is as the caller saw it. Nil lets every deal pass.
type Sight func(current deal.Deal) error

// Deal is how the submission of a room stands, as both sides may know it, for
// whoever may read the room.
func (d *Desk) Deal(ctx context.Context, by access.Actor, id room.ID) (deal.Deal, error) {
	var stands deal.Deal
	r, err := d.db.As(by).Room(ctx, id)
	if err == nil {
		err = access.Check(ctx, d.db.As(by), by, access.Read, r.Object())
	}
	if err == nil {
		// What the room's organisation has is read as that organisation.
		err = d.db.Snapshot(ctx, access.Actor{Org: r.Org}, func(tx store.Reader) error {
			ahead, err := tx.Ahead(ctx)
			if err != nil {
				return err
			}
			stands, err = dealOf(ctx, tx, r, d.real().Add(ahead))
			return err
		})
	}
	if err != nil {
		return deal.Deal{}, fmt.Errorf("deal of %s: %w", id, err)
	}
	return stands, nil
}

// dealOf reads the deal of a room as the room's organisation.
func dealOf(ctx context.Context, r store.Reader, in room.Room, at time.Time) (deal.Deal, error) {
	s, err := r.Submission(ctx, in.Submission)
	if err != nil {
		return deal.Deal{}, err
	}
	quotes, err := r.PricedQuotes(ctx, s.ID)
	if err != nil {
		return deal.Deal{}, err
	}
	referrals, err := r.ReferralsOf(ctx, s.ID)
	return deal.Of(in.ID, s, quotes, referrals, at), err
}

// A seat is from where somebody acts in a deal room: its submission and the room
// are locked, and the transaction is of the room's organisation.
type seat struct {
	Room       room.Room
	Submission submission.Submission
	Inside     bool // of the room's own company
	At         time.Time
}

// A dealMove is one change that is made from a deal room.
type dealMove struct {
	Name string            // for errors
	Want access.Permission // of the submission, from those of the room's own company
	Fact audit.Fact        // that the log of the other company keeps of it; of no object: of the submission
	Do   func(context.Context, *store.Tx, seat) error
}

// fromRoom makes a move from a deal room: may he, in this room, at this moment;
// lock, act as the room's organisation, and say how the deal stands then. The
// actor stays who he is. Who removes somebody from the room locks it, too, so
// that he who is out already does nothing more.
func (d *Desk) fromRoom(ctx context.Context, by access.Actor, id room.ID, seen Sight, v dealMove) (deal.Deal, error) {
	var after deal.Deal
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		r, err := tx.Room(ctx, id)
		if err != nil {
			return err
		}
		if err := mayDeal(ctx, tx, by, r); err != nil {
			return err
		}
		err = tx.Within(ctx, r.Org, func() error {
			after, err = d.dealt(ctx, tx, by, r, seen, v)
			return err
		})
		if err == nil && by.Org != r.Org {
			v.Fact.Object = cmp.Or(v.Fact.Object, r.Submission.String())
			v.Fact.Details = audit.Details{"dealRoomId": id.String()}
			tx.Audit(by, v.Fact)
		}
		return err
	})
	if err != nil {
		return deal.Deal{}, fmt.Errorf("%s from %s: %w", v.Name, id, err)
	}
	return after, nil
}

// dealt makes a move in a transaction of the room's organisation. The other
// company is refused without what it must not know.
func (d *Desk) dealt(ctx context.Context, tx *store.Tx, by access.Actor, r room.Room, seen Sight, v dealMove) (deal.Deal, error) {
	at := seat{Inside: by.Org == r.Org}
	err := at.take(ctx, tx, by, r, v.Want)
	if err != nil {
		return deal.Deal{}, err
	}
	at.At = d.now(tx)
	if seen != nil {
		before, err := dealOf(ctx, tx.Reader, at.Room, at.At)
		if err != nil {
			return deal.Deal{}, err
		}
		if err := seen(before); err != nil {
			return deal.Deal{}, err
		}
	}
	if err := v.Do(ctx, tx, at); err != nil {
		if !at.Inside {
			err = deal.Outside(err)
		}
		return deal.Deal{}, err
	}
	return dealOf(ctx, tx.Reader, at.Room, at.At)
}

// take locks what a move from a room may change: the submission, then the room.
func (s *seat) take(ctx context.Context, tx *store.Tx, by access.Actor, r room.Room, want access.Permission) error {
	var err error
	if s.Submission, err = tx.LockSubmission(ctx, r.Submission); err != nil {
		return err
	}
	if s.Room, err = tx.LockRoom(ctx, r.ID); err != nil {
		return err
	}
	if err := mayDeal(ctx, tx, by, s.Room); err != nil { // he may have been removed meanwhile
		return err
	}
	if s.Inside {
		if err := access.Check(ctx, tx, by, want, submissionObject(s.Submission)); err != nil {
			return err
		}
	}
	if s.Room.Status != room.Active {
		return room.ErrClosed
	}
	return nil
}

// mayDeal says whether somebody may act on the deal of a room: who may speak in
// it, and is a broker there, a lead, or one who may edit it.
func mayDeal(ctx context.Context, tx *store.Tx, by access.Actor, r room.Room) error {
	if err := access.Check(ctx, tx, by, access.Post, r.Object()); err != nil {
		return err
	}
	return access.Check(ctx, tx, by, access.Deal, r.Object())
}

// AcceptInRoom is Accept from a deal room. A quote that the room was not told of
// does not exist there.
func (d *Desk) AcceptInRoom(ctx context.Context, by access.Actor, in room.ID, id quote.ID, seen Sight) (deal.Deal, error) {
	fact := audit.Fact{Action: audit.QuoteAccepted, Object: id.String()}
	return d.fromRoom(ctx, by, in, seen, dealMove{"accept", access.Accept, fact, func(ctx context.Context, tx *store.Tx, at seat) error {
		q, err := tx.Quote(ctx, id)
		if err == nil && (q.Submission != at.Submission.ID || !deal.Knows(q)) {
			err = fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = moveQuote(ctx, tx, by, at.Submission, q, at.At, d.takes(ctx, by))
		return err
	}})
}

// WithdrawInRoom is Withdraw from a deal room.
func (d *Desk) WithdrawInRoom(ctx context.Context, by access.Actor, in room.ID, e submission.Ending, seen Sight) (deal.Deal, error) {
	return d.fromRoom(ctx, by, in, seen, dealMove{"withdraw", access.Accept, audit.Fact{Action: audit.Withdrawn}, func(ctx context.Context, tx *store.Tx, at seat) error {
		_, err := moveSubmission(ctx, tx, at.Submission, at.At, d.withdraws(ctx, by, e))
		return err
	}})
}

// RequestBind asks from a deal room that the accepted quote be bound, and says how
// it is to be paid. To bind it is for the underwriting side.
func (d *Desk) RequestBind(ctx context.Context, by access.Actor, in room.ID, plan billing.Plan, seen Sight) (deal.Deal, error) {
	fact := audit.Fact{Action: audit.BindRequested}
	return d.fromRoom(ctx, by, in, seen, dealMove{"request the bind", access.Accept, fact, func(ctx context.Context, tx *store.Tx, at seat) error {
		s := at.Submission
		q, ok, err := tx.LatestQuote(ctx, s.ID)
		switch {
		case err != nil:
			return err
		case !ok || q.Status != quote.Accepted:
			return deal.ErrNotAccepted
		case q.StatusAt(at.At) == quote.Expired:
			return quote.ErrExpired.With("expiresAt", q.ExpiresAt)
		case s.Status != submission.Quoted:
			return submission.ErrState.With("status", s.Status)
		}
		if err := billing.Suits(plan, q.GrossPremium); err != nil {
			return err
		}
		told := event.New(s.Org, s.ID.String(), event.SubmissionBindRequested{
			SubmissionID: s.ID.String(), QuoteID: q.ID.String(), InsuredName: s.InsuredName, GrossPremium: q.GrossPremium, InstallmentPlan: string(plan),
			ExternalID: s.ExternalID,
		}, at.At).With(s.Metadata)
		told.Author = by.ID
		tx.Emit(told)
		tx.Audit(by, audit.Fact{Action: audit.BindRequested, Object: s.ID.String(), Details: audit.Details{"quoteId": q.ID.String(), "installmentPlan": string(plan)}})
		return rooms.ShowCard(ctx, tx, s.ID, bindRequestedCard(q, plan), at.At)
	}})
}

// RespondInRoom is Respond from a deal room: the other company answers what it
// was asked, and is not held up by what it was not.
func (d *Desk) RespondInRoom(ctx context.Context, by access.Actor, in room.ID, id referral.ID, replies []referral.Reply, seen Sight) (deal.Deal, error) {
	return d.moveInRoom(ctx, by, in, id, seen, func(at seat) move { return responds(by, replies, at.Inside) })
}

// SubmitInRoom says from a deal room that a condition is met, and how.
func (d *Desk) SubmitInRoom(ctx context.Context, by access.Actor, in room.ID, id referral.ID, of referral.ConditionID, note string, seen Sight) (deal.Deal, error) {
	return d.moveInRoom(ctx, by, in, id, seen, func(seat) move { return changes(by, ConditionChange{ID: of, Verb: "submit", Note: note}) })
}

// AnswerCounterInRoom is AnswerCounter from a deal room.
func (d *Desk) AnswerCounterInRoom(ctx context.Context, by access.Actor, in room.ID, id referral.ID, take bool, because string, seen Sight) (deal.Deal, error) {
	return d.moveInRoom(ctx, by, in, id, seen, func(seat) move { return answersCounter(by, take, because) })
}

// moveInRoom moves a referral from a deal room. One that the room was not told of
// does not exist there.
func (d *Desk) moveInRoom(ctx context.Context, by access.Actor, in room.ID, id referral.ID, seen Sight, v func(seat) move) (deal.Deal, error) {
	m := v(seat{})
	return d.fromRoom(ctx, by, in, seen, dealMove{m.Name, m.Want, m.fact(id), func(ctx context.Context, tx *store.Tx, at seat) error {
		r, err := tx.Referral(ctx, id)
		if err == nil && !deal.Shows(in, r) {
			err = fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		m, err := matterOf(ctx, tx, at.Submission)
		if err != nil {
			return err
		}
		m.At = d.now(tx)
		_, err = d.carry(ctx, tx, by, m, r, anyVersion, v(at))
		return err
	}})
}
