package insurance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// dueBatch is how many things Tick looks up at a time.
const dueBatch = 100

// Tick does what is due by now: about referrals reminders, escalations, the end
// of what nobody decided and of approvals, conditions that were not met; of
// submissions it tells the clocks that have passed a mark, of invoices that they
// are owed, of policies that they expire. Each in a transaction of its own;
// several nodes may do it at once. What fails, or is due though there is nothing
// to do about it, holds nothing else up, and waits ever longer before it is tried
// again. It returns how many it changed.
//
// Now is everybody's time. Where an organisation has a test clock, that counts.
func (d *Desk) Tick(ctx context.Context, now time.Time) (int, error) {
	now = now.UTC().Truncate(time.Microsecond)
	total, failures := 0, 0
	failed := d.dropReservations(ctx, now)
	for {
		due, err := d.db.Due(ctx, now, dueBatch)
		if err != nil {
			return total, errors.Join(failed, fmt.Errorf("find what is due: %w", err))
		}
		moved := 0
		for _, x := range due {
			ok, err := d.tick(ctx, x, now)
			if err != nil {
				if failures++; failures <= mostTold {
					failed = errors.Join(failed, err)
				}
			}
			if ok {
				total++
			}
			if ok || err != nil {
				moved++ // it is not found again
			}
		}
		if len(due) < dueBatch || moved == 0 || ctx.Err() != nil {
			return total, andMore(failed, failures)
		}
	}
}

// mostTold is of how many failures it is told what they are.
const mostTold = 5

// andMore adds to what is told of failures how many others there were.
func andMore(told error, failures int) error {
	if failures > mostTold {
		return errors.Join(told, fmt.Errorf("and %d more", failures-mostTold))
	}
	return told
}

// tick does one thing that is due. When that fails it is put off.
func (d *Desk) tick(ctx context.Context, due store.Due, now time.Time) (bool, error) {
	by := system(due.Org)
	done := false
	failed := d.db.InTx(ctx, by, func(tx *store.Tx) (err error) {
		if done, err = d.do(ctx, tx, due, now.Add(tx.Ahead())); done || err != nil {
			return err
		}
		still, err := tx.StillDue(ctx, due)
		if err == nil && still { // it would be found again, before all that is due later
			err = fmt.Errorf("%s %s is due since %s, and there is nothing to do about it", due.What, submission.ID(due.ID).UUID(), due.At)
		}
		return err
	})
	if failed == nil || ctx.Err() != nil {
		return done && failed == nil, failed
	}
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error { return tx.PutOff(ctx, due, now) })
	return false, errors.Join(failed, err)
}

// system is who acts when nobody does.
func system(org access.OrgID) access.Actor {
	return access.Actor{Kind: access.System, ID: "system", Org: org}
}

// do does one thing that was due at a time of its organisation; false when
// somebody was faster.
func (d *Desk) do(ctx context.Context, tx *store.Tx, due store.Due, at time.Time) (done bool, err error) {
	switch due.What {
	case store.WhatReferral:
		if done, err = d.tickReferral(ctx, tx, due, at); err != nil {
			err = fmt.Errorf("referral %s: %w", referral.ID(due.ID), err)
		}
	case store.WhatSubmission:
		if done, err = d.tickSubmission(ctx, tx, due, at); err != nil {
			err = fmt.Errorf("submission %s: %w", due.Submission, err)
		}
	case store.WhatInvoice:
		if done, err = d.tickInvoice(ctx, tx, billing.InvoiceID(due.ID), at); err != nil {
			err = fmt.Errorf("invoice %s: %w", billing.InvoiceID(due.ID), err)
		}
	case store.WhatPolicy:
		if done, err = tickPolicy(ctx, tx, policy.ID(due.ID), at); err != nil {
			err = fmt.Errorf("policy %s: %w", policy.ID(due.ID), err)
		}
	case store.WhatDraft:
		if done, err = tx.DropIdleDraft(ctx, due.Submission, at); err != nil {
			err = fmt.Errorf("draft %s: %w", due.Submission, err)
		}
	case store.WhatRoom:
		if done, err = rooms.CloseRoom(ctx, tx, system(due.Org), room.ID(due.ID), at); err != nil {
			err = fmt.Errorf("room %s: %w", room.ID(due.ID), err)
		}
	}
	if err != nil || !done {
		return false, err
	}
	return true, tx.Worked(ctx, due)
}

func (d *Desk) tickReferral(ctx context.Context, tx *store.Tx, due store.Due, at time.Time) (bool, error) {
	s, err := tx.LockSubmission(ctx, due.Submission)
	if err != nil {
		return false, err
	}
	m, err := matterOf(ctx, tx, s)
	if err != nil {
		return false, err
	}
	m.At = at
	r, err := tx.LockReferral(ctx, referral.ID(due.ID))
	if err != nil || r.TimerAt == nil || r.TimerAt.After(at) { // another node was faster
		return false, err
	}
	if m, err = m.about(ctx, tx, r.Entity); err != nil {
		return false, err
	}
	next, err := successor(ctx, tx, m, r.Assignee)
	if err != nil {
		return false, err
	}
	after, told := r.Tick(m.Pace, next, at)
	if _, err = save(ctx, tx, m, after, told...); err != nil {
		return false, err
	}
	return true, d.restand(ctx, tx, m)
}
