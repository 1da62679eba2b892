package insurance

import (
	"context"
	"fmt"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// Refer puts a question to an underwriter: whoever may work on a thing may ask
// about it. The submission of a is looked up and overwritten.
func (d *Desk) Refer(ctx context.Context, by access.Actor, a referral.Ask) (referral.Referral, error) {
	var raised referral.Referral
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		of, on, err := subjectOf(ctx, tx, a.Entity)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.Write, on); err != nil {
			return err
		}
		a.Submission = of
		if !a.Room.IsZero() {
			r, err := tx.Room(ctx, a.Room)
			if err != nil {
				return err
			}
			if r.Submission != of {
				return referral.ErrRoom
			}
		}
		var told event.Event
		if raised, told, err = referral.Raise(by, a, d.now()); err != nil {
			return err
		}
		if err := tx.AddReferral(ctx, raised); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.ReferralRaised, Object: raised.ID.String(), Details: audit.Details{"submissionId": of.String()}})
		return tellReferral(ctx, tx, raised, told)
	})
	if err != nil {
		return referral.Referral{}, fmt.Errorf("refer: %w", err)
	}
	return raised, nil
}

// subjectOf finds the submission that an entity is or came of, and the object
// whose rights decide who may refer it.
func subjectOf(ctx context.Context, tx *store.Tx, e referral.Entity) (submission.ID, access.Object, error) {
	var of submission.ID
	var org access.OrgID
	switch e.Type {
	case referral.Submission:
		s, err := tx.Submission(ctx, submission.ID(e.ID))
		if err != nil {
			return of, access.Object{}, err
		}
		of, org = s.ID, s.Org
	case referral.Quote:
		q, err := tx.Quote(ctx, quote.ID(e.ID))
		if err != nil {
			return of, access.Object{}, err
		}
		of, org = q.Submission, q.Org
	case referral.Policy:
		p, err := tx.Policy(ctx, policy.ID(e.ID))
		if err != nil {
			return of, access.Object{}, err
		}
		return p.Submission, access.Object{Type: access.Policy, ID: p.ID.UUID(), Org: p.Org}, nil
	}
	return of, access.Object{Type: access.Submission, ID: of.UUID(), Org: org}, nil
}

// Decide answers a referral and tells its room. Of two decisions made at once,
// the later one to lock the row gets referral.ErrDecided.
func (d *Desk) Decide(ctx context.Context, by access.Actor, id referral.ID, dec referral.Decision, seen Version) (referral.Referral, error) {
	var decided referral.Referral
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		open, err := tx.LockReferral(ctx, id)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.Decide, open.Object()); err != nil {
			return err
		}
		if err := seen(open.Version); err != nil {
			return err
		}
		var told event.Event
		if decided, told, err = open.Decide(by, dec, d.now()); err != nil {
			return err
		}
		if err := tx.SaveReferral(ctx, decided); err != nil {
			return err
		}
		decided.Version++
		tx.Audit(by, audit.Fact{Action: audit.ReferralDecided, Object: id.String(), Details: audit.Details{"decision": string(dec.Verb)}})
		return tellReferral(ctx, tx, decided, told)
	})
	if err != nil {
		return referral.Referral{}, fmt.Errorf("decide referral %s: %w", id, err)
	}
	return decided, nil
}

// tellReferral emits an event of a referral, and its card when the referral is
// linked to a room.
func tellReferral(ctx context.Context, tx *store.Tx, r referral.Referral, told event.Event) error {
	tx.Emit(told)
	if r.Room.IsZero() {
		return nil
	}
	return rooms.ShowCard(ctx, tx, r.Submission, r.Card(told), told.At)
}
