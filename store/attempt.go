package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// keepAttemptsSQL extends the log of attempts and drops its old days; crosses
// orgs: age is all that counts.
const keepAttemptsSQL = `SELECT attempt_partitions($1, $2)`

// KeepAttempts makes the days of the log of attempts up to so many ahead, drops
// those older than keep, and returns how many there are ahead.
func (db *DB) KeepAttempts(ctx context.Context, ahead, keep int) (int, error) {
	days, err := one(ctx, db.everywhere(), pgx.RowTo[int], keepAttemptsSQL, ahead, keep)
	if err != nil {
		return 0, fmt.Errorf("extend the log of attempts: %w", err)
	}
	return days, nil
}

// attemptDaysSQL counts the days of the log ahead of today; crosses orgs: it is
// everybody's.
const attemptDaysSQL = `SELECT coalesce(max(to_date(right(c.relname, 8), 'YYYYMMDD')) - (now() AT TIME ZONE 'UTC')::date, -1)
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'attempt'::regclass`

// AttemptDays returns for how many days ahead the log of attempts is made.
func (db *DB) AttemptDays(ctx context.Context) (int, error) {
	return one(ctx, db.everywhere(), pgx.RowTo[int], attemptDaysSQL)
}

// How long what was told is kept: a delivery that is over, and a row of an
// inbox.
const (
	DeliveryAge = 30 * 24 * time.Hour
	InboxAge    = 90 * 24 * time.Hour
)

// sweepDeliveriesSQL forgets deliveries that have long been over; crosses orgs:
// age is all that counts.
const sweepDeliveriesSQL = `DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE done_at < $1 LIMIT 5000)`

// sweepInboxesSQL forgets old rows of inboxes; crosses orgs: age is all that
// counts.
const sweepInboxesSQL = `DELETE FROM notification WHERE id IN (SELECT id FROM notification WHERE created_at < $1 LIMIT 5000)`

func (db *DB) sweepOwed(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for sql, before := range map[string]time.Time{sweepDeliveriesSQL: now.Add(-DeliveryAge), sweepInboxesSQL: now.Add(-InboxAge)} {
		for {
			n, err := run(ctx, db.everywhere(), sql, before)
			total += n
			if err != nil {
				return total, err
			}
			if n == 0 {
				break
			}
		}
	}
	return total, nil
}
