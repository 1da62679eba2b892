package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
)

// A test clock is how far an organisation's time is ahead of everybody's. It is
// there only outside production: a DB that was opened without TestClocks never
// asks for it.
//
// Whoever changes something holds the clock of his organisation until he
// commits, shared with all others; whoever moves it holds it alone. So nothing
// is done at a time that has passed for somebody else.

// shareClockSQL holds the organisation's clock where it is until the end of the
// transaction. It has to be a statement before the one that reads it.
const shareClockSQL = `SELECT pg_advisory_xact_lock_shared($1)`

// aheadSQL reads how far an organisation's time is ahead.
const aheadSQL = `SELECT coalesce((SELECT ahead FROM test_clock WHERE org_id = $1), interval '0')`

func clockLock(org access.OrgID) int64 { return lockNumber("test clock of " + org.String()) }

// shareClock holds the clock of an organisation and reads it into ahead.
func shareClock(b *pgx.Batch, org access.OrgID, ahead *time.Duration) {
	b.Queue(shareClockSQL, clockLock(org))
	b.Queue(aheadSQL, org.UUID()).QueryRow(func(row pgx.Row) error { return row.Scan(ahead) })
}

// TestClocks reports whether organisations have clocks of their own.
func (db *DB) TestClocks() bool { return db.clocks }

// Ahead returns how far the transaction's organisation is ahead of everybody's
// time. It stays so until the end of the transaction.
func (tx *Tx) Ahead() time.Duration { return tx.ahead }

// Ahead returns how far the reader's organisation is ahead of everybody's time.
func (r Reader) Ahead(ctx context.Context) (time.Duration, error) {
	if !r.clocks || r.inTx {
		return r.ahead, nil
	}
	if tx := carried(ctx); tx != nil && tx.org == r.org {
		return tx.ahead, nil
	}
	return one(ctx, r, pgx.RowTo[time.Duration], aheadSQL, r.org.UUID())
}

// TakeClock waits until nobody else works by the organisation's clock, and keeps
// everybody from it until the end of the transaction; false when somebody else
// moves it already.
func (tx *Tx) TakeClock(ctx context.Context) (bool, error) {
	mine, err := one(ctx, tx.Reader, pgx.RowTo[bool], lockOnceSQL, lockNumber("moves of the test clock of "+tx.org.String()))
	if err != nil || !mine {
		return false, err
	}
	_, err = run(ctx, tx.Reader, lockNumberSQL, clockLock(tx.org))
	return err == nil, err
}

// Pretend lets the rest of the transaction happen at another time than it was;
// only for one that took the clock.
func (tx *Tx) Pretend(ahead time.Duration) { tx.ahead = ahead }

// saveClockSQL moves a clock.
const saveClockSQL = `INSERT INTO test_clock (org_id, ahead, moved_at, moved_by) VALUES ($1, $2, $3, $4)
	ON CONFLICT (org_id) DO UPDATE SET ahead = excluded.ahead, moved_at = excluded.moved_at, moved_by = excluded.moved_by`

// SaveClock moves the organisation's clock, which this transaction took.
func (tx *Tx) SaveClock(ctx context.Context, ahead time.Duration, by access.Actor, at time.Time) error {
	tx.ahead = ahead
	_, err := run(ctx, tx.Reader, saveClockSQL, tx.org.UUID(), ahead, at, by.ID)
	return err
}

// dropClockSQL sets a clock back to everybody's time.
const dropClockSQL = `DELETE FROM test_clock WHERE org_id = $1`

// DropClock sets the organisation's clock, which this transaction took, back to
// everybody's time; false when it was not moved.
func (tx *Tx) DropClock(ctx context.Context) (bool, error) {
	n, err := run(ctx, tx.Reader, dropClockSQL, tx.org.UUID())
	tx.ahead = 0
	return n > 0, err
}

// Try runs fn, and undoes what it did, with what it emitted, when it fails: the
// transaction goes on either way.
func (tx *Tx) Try(ctx context.Context, fn func() error) error {
	if _, err := run(ctx, tx.Reader, "SAVEPOINT try"); err != nil {
		return err
	}
	events, audits := len(tx.events), len(tx.audits)
	failed := fn()
	if failed == nil {
		_, failed = run(ctx, tx.Reader, "RELEASE try") // with what fn left kept
	}
	if failed == nil {
		return nil
	}
	tx.events, tx.audits = tx.events[:events], tx.audits[:audits]
	tx.pipe.drop()
	// Not in a batch: a transaction that an error has stopped prepares nothing.
	if _, err := tx.pipe.conn.Exec(ctx, "ROLLBACK TO try; RELEASE try"); err != nil {
		return faultOf(err)
	}
	return failed
}
