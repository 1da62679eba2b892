package insurance

import (
	"context"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
)

// Tick does what is due about referrals by now: reminders, escalations, the end
// of what nobody decided and of approvals, conditions that were not met. Each in
// a transaction of its own; several nodes may do it at once, and a referral that
// cannot be done does not hold up the others. It returns how many it changed.
func (d *Desk) Tick(ctx context.Context, now time.Time) (int, error) {
	now = now.UTC().Truncate(time.Microsecond)
	if err := d.dropReservations(ctx, now); err != nil {
		return 0, fmt.Errorf("drop reservations: %w", err)
	}
	total := 0
	for {
		due, err := d.db.DueReferrals(ctx, now, dueBatch)
		if err != nil {
			return total, fmt.Errorf("find referrals that are due: %w", err)
		}
		done := 0
		var failed error
		for _, r := range due {
			ok, err := d.tick(ctx, r, now)
			if err != nil {
				failed = fmt.Errorf("referral %s: %w", r.ID, err)
			}
			if ok {
				done++
			}
		}
		total += done
		if len(due) < dueBatch || done == 0 || failed != nil {
			return total, failed
		}
	}
}

func (d *Desk) tick(ctx context.Context, due store.DueReferral, now time.Time) (bool, error) {
	by := access.Actor{Kind: access.System, ID: "system", Org: due.Org}
	done := false
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		m, err := d.matter(ctx, tx, due.Submission, now)
		if err != nil {
			return err
		}
		r, err := tx.LockReferral(ctx, due.ID)
		if err != nil || r.TimerAt == nil || r.TimerAt.After(now) { // another node was faster
			return err
		}
		next, err := successor(ctx, tx, m, r.Assignee)
		if err != nil {
			return err
		}
		after, told := r.Tick(m.Pace, next, now)
		if after, err = save(ctx, tx, m, after, told...); err != nil {
			return err
		}
		done = true
		return d.restand(ctx, tx, m, after)
	})
	return done && err == nil, err
}
