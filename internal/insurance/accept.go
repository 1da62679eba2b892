package insurance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/deal"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// Offer shows a quote to who brought the business, for him to accept;
// quote.ErrNotBindable when there can be no business with the insured.
func (d *Desk) Offer(ctx context.Context, by access.Actor, id quote.ID) (quote.Quote, error) {
	q, err := d.move(ctx, by, access.Write, id, func(tx *store.Tx, s submission.Submission, q quote.Quote, at time.Time) (quote.Quote, error) {
		q, err := q.Offer(at)
		if err != nil {
			return q, err
		}
		if err := d.notBlocked(ctx, tx, by, s, atOffer, at); err != nil {
			return q, err
		}
		told := event.New(s.Org, s.ID.String(), event.QuoteOffered{
			QuoteID: q.ID.String(), SubmissionID: s.ID.String(), InsuredName: s.InsuredName, GrossPremium: q.GrossPremium,
			ExpiresAt: q.ExpiresAt.Format(time.RFC3339), ExternalID: s.ExternalID,
		}, at).With(s.Metadata)
		if told.Persons, err = tx.Producers(ctx, s.ID); err != nil {
			return q, err
		}
		tx.Emit(told)
		tx.Audit(by, audit.Fact{Action: audit.QuoteOffered, Object: q.ID.String(), Details: audit.Details{"submissionId": s.ID.String()}})
		return q, rooms.ShowCard(ctx, tx, s.ID, offeredCard(q), at)
	})
	if err != nil {
		return quote.Quote{}, fmt.Errorf("offer %s: %w", id, err)
	}
	return q, nil
}

// Accept takes a quote that was offered: a bind is of it from now on, and the
// other quotes of the submission are not taken up. Room of delegated authority is
// kept for it, for a time; delegated.ErrExceeded when there is none. Like an offer
// it is refused when there can be no business with the insured, and whoever is not
// inside the company reads no more of a refusal than in a deal room. Of two
// acceptances at once the later one to lock the submission gets quote.ErrState
// with the winner.
func (d *Desk) Accept(ctx context.Context, by access.Actor, id quote.ID) (quote.Quote, error) {
	q, err := d.move(ctx, by, access.Accept, id, d.takes(ctx, by))
	if err != nil {
		return quote.Quote{}, fmt.Errorf("accept %s: %w", id, err)
	}
	return q, nil
}

// A quoteMove changes where a quote stands whose submission is locked.
type quoteMove func(*store.Tx, submission.Submission, quote.Quote, time.Time) (quote.Quote, error)

// takes is an acceptance by somebody who may.
func (d *Desk) takes(ctx context.Context, by access.Actor) quoteMove {
	return func(tx *store.Tx, s submission.Submission, q quote.Quote, at time.Time) (quote.Quote, error) {
		q, err := q.Accept(at)
		if err != nil {
			return q, err
		}
		if err := d.notBlocked(ctx, tx, by, s, atAcceptance, at); err != nil {
			return q, err
		}
		if err := tx.PassOver(ctx, q, at); err != nil {
			return q, err
		}
		if err := d.reserve(ctx, tx, by, s, q, at); err != nil {
			return q, err
		}
		tx.Emit(event.New(s.Org, s.ID.String(), event.QuoteAccepted{
			QuoteID: q.ID.String(), SubmissionID: s.ID.String(), InsuredName: s.InsuredName, GrossPremium: q.GrossPremium, ExternalID: s.ExternalID,
		}, at).With(s.Metadata))
		tx.Audit(by, audit.Fact{Action: audit.QuoteAccepted, Object: q.ID.String(), Details: audit.Details{"submissionId": s.ID.String()}})
		return q, rooms.ShowCard(ctx, tx, s.ID, acceptedCard(q), at)
	}
}

// move changes where a quote stands, under the lock of its submission, which has
// to be quoted.
func (d *Desk) move(ctx context.Context, by access.Actor, want access.Permission, id quote.ID, to quoteMove) (quote.Quote, error) {
	var moved quote.Quote
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		q, err := tx.Quote(ctx, id)
		if err != nil {
			return err
		}
		s, at, err := d.lock(ctx, tx, q.Submission)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, want, submissionObject(s)); err != nil {
			return err
		}
		if q, err = tx.Quote(ctx, id); err != nil { // as it is under the lock
			return err
		}
		moved, err = moveQuote(ctx, tx, by, s, q, at, to)
		return err
	})
	return moved, err
}

// moveQuote moves a quote of a locked submission. Whoever is not inside the
// company is refused without what it keeps to itself, at its desk as in a room.
func moveQuote(ctx context.Context, tx *store.Tx, by access.Actor, s submission.Submission, q quote.Quote, at time.Time, to quoteMove) (quote.Quote, error) {
	moved, err := to(tx, s, q, at)
	switch {
	case errors.Is(err, quote.ErrState):
		err = lost(ctx, tx, q, err)
	case err == nil && s.Status != submission.Quoted:
		err = submission.ErrState.With("status", s.Status)
	}
	if fault.KindOf(err) == fault.Refused {
		in, unknown := inside(ctx, tx, by, s.Org)
		switch {
		case unknown != nil:
			err = unknown
		case !in:
			err = deal.Outside(err)
		}
	}
	if err != nil {
		return q, err
	}
	return moved, tx.SaveQuote(ctx, moved)
}

// lost says in the refusal of a quote which one of its submission was taken.
func lost(ctx context.Context, tx *store.Tx, q quote.Quote, refused error) error {
	winner, err := tx.Accepted(ctx, q.Submission)
	f, ok := errors.AsType[*fault.Error](refused)
	switch {
	case err != nil:
		return err
	case !ok || winner.IsZero():
		return refused
	}
	return f.With("acceptedQuoteId", winner.String())
}
