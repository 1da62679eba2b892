package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/push"
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

// How long what was told is kept: a delivery, which by then is long over, and a
// row of an inbox.
const (
	DeliveryAge = 30 * 24 * time.Hour
	InboxAge    = 90 * 24 * time.Hour
)

// sweepDeliveriesSQL forgets old deliveries, also one that waits for an endpoint
// that was disabled all the time. Ids sort by their age; crosses orgs: age is
// all that counts.
const sweepDeliveriesSQL = `DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE id < $1 AND state <> 'leased' ORDER BY id LIMIT 5000)`

// sweepInboxesSQL forgets old rows of inboxes; crosses orgs: age is all that
// counts.
const sweepInboxesSQL = `DELETE FROM notification WHERE id IN (SELECT id FROM notification WHERE id < $1 ORDER BY id LIMIT 5000)`

// letterAge is how long a letter is kept: its code is good for minutes.
const letterAge = 24 * time.Hour

// sweepLettersSQL forgets letters; crosses orgs: age is all that counts.
const sweepLettersSQL = `DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE kind = 'mail' AND notification_id IS NULL AND id < $1
	AND state <> 'leased' ORDER BY id LIMIT 5000)`

// expireNoticesSQL gives up what is not worth telling any more and nobody sends:
// a way out may be configured on no node; crosses orgs: age is all that counts.
const expireNoticesSQL = `UPDATE delivery d SET state = 'cancelled', class = 'expired', done_at = now() FROM (
		SELECT w.id FROM delivery w JOIN notification n ON n.id = w.notification_id
		WHERE w.state = 'pending' AND w.kind <> 'webhook' AND w.next_at < $1::timestamptz - interval '1 hour' AND n.expires_at < $1
		LIMIT 5000 FOR NO KEY UPDATE OF w SKIP LOCKED) late
	WHERE d.id = late.id`

func (db *DB) sweepOwed(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for sql, before := range map[string]any{
		sweepDeliveriesSQL: push.NewID(now.Add(-DeliveryAge)).UUID(), sweepInboxesSQL: push.NewNoticeID(now.Add(-InboxAge)).UUID(), expireNoticesSQL: now,
		sweepLettersSQL: push.NewID(now.Add(-letterAge)).UUID(),
	} {
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
