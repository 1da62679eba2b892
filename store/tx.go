package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
)

// A Tx is one transaction of one organisation. It is used by one goroutine.
type Tx struct {
	Reader
	db     *DB
	pipe   *pipe
	events []event.Event
	audits []audit.Row
	at     time.Time        // of what is done, by everybody's time; zero: nobody said
	last   func(*pgx.Batch) // queues one more statement before the commit

	related bool // it has changed relationships
}

type txKey struct{}

// joined returns a context in which InTx joins tx instead of opening another.
func joined(ctx context.Context, tx *Tx) context.Context {
	return context.WithValue(ctx, txKey{}, tx)
}

// carried returns the transaction that a context was joined to; nil without one.
func carried(ctx context.Context) *Tx {
	tx, _ := ctx.Value(txKey{}).(*Tx)
	return tx
}

// as lets the next statement see another organisation; what it returns lets those
// after it see again what they saw. Both travel with the statements.
func (tx *Tx) as(org access.OrgID) (back func()) {
	if org == tx.org {
		return func() {}
	}
	tx.pipe.kept.Queue(setOrgSQL, org.UUID())
	return func() { tx.pipe.kept.Queue(setOrgSQL, tx.org.UUID()) }
}

// InTx runs fn in a transaction of the actor's organisation and commits what it
// did, with the events it emitted; an error from fn undoes all of it. Inside
// Once, fn joins the transaction that Once opened, and commits with it.
//
// Lock order: the organisation's test clock, domain rows (ADR 46 says which comes
// first), then counters; channel heads are locked last, by the flush.
func (db *DB) InTx(ctx context.Context, by access.Actor, fn func(*Tx) error) error {
	if tx := carried(ctx); tx != nil {
		if tx.org != by.Org {
			return fmt.Errorf("transaction of %s joined as %s", tx.org, by.Org)
		}
		return fn(tx)
	}
	tx, err := db.begin(ctx, by.Org)
	if err != nil {
		return err
	}
	defer tx.pipe.conn.Release()
	defer tx.undo(ctx)
	if err := fn(tx); err != nil {
		return err
	}
	return tx.commit(ctx)
}

func (db *DB) begin(ctx context.Context, org access.OrgID, more ...func(*pgx.Batch)) (*Tx, error) {
	conn, err := db.app.Acquire(ctx)
	if err != nil {
		return nil, faultOf(err)
	}
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(setOrgSQL, org.UUID())
	p := &pipe{conn: conn}
	tx := &Tx{Reader: Reader{q: p, org: org, judge: db.judge, clocks: db.clocks, inTx: true}, db: db, pipe: p}
	if db.clocks {
		shareClock(b, org, &tx.ahead)
	}
	for _, f := range more {
		f(b)
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		conn.Release() // the pool closes a connection that is not idle
		return nil, faultOf(err)
	}
	return tx, nil
}

// Snapshot runs fn over one state of the database, in which nothing changes
// while fn reads; what is committed meanwhile it does not see. Inside Once it
// does: fn reads in Once's transaction, each statement what there is by then.
func (db *DB) Snapshot(ctx context.Context, by access.Actor, fn func(Reader) error) error {
	if carried(ctx) != nil {
		return fn(db.As(by))
	}
	conn, err := db.app.Acquire(ctx)
	if err != nil {
		return faultOf(err)
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue(setOrgSQL, by.Org.UUID())
	tx := &Tx{Reader: Reader{q: conn, org: by.Org, judge: db.judge, clocks: db.clocks}, db: db, pipe: &pipe{conn: conn}}
	defer tx.undo(ctx)
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return faultOf(err)
	}
	return fn(tx.Reader)
}

// Within runs fn in the same transaction as another organisation, whose rows it
// sees, and whose time it is; then the transaction is again what it was. The
// caller has checked that whoever acts may: he stays himself in what is emitted
// and audited.
func (tx *Tx) Within(ctx context.Context, org access.OrgID, fn func() error) error {
	if org == tx.org {
		return fn()
	}
	home, ahead := tx.org, tx.ahead
	b := &pgx.Batch{}
	b.Queue(setOrgSQL, org.UUID())
	tx.org, tx.ahead = org, 0
	if tx.clocks {
		shareClock(b, org, &tx.ahead)
	}
	defer func() { tx.org, tx.ahead = home, ahead }()
	if err := tx.pipe.SendBatch(ctx, b).Close(); err != nil {
		return faultOf(err)
	}
	failed := fn()
	if err := tx.write(ctx, setOrgSQL, home.UUID()); failed == nil {
		failed = err
	}
	return failed
}

// Emit tells the world of events once, and only if, the transaction commits. It
// only buffers: they are written just before the commit.
func (tx *Tx) Emit(events ...event.Event) { tx.events = append(tx.events, events...) }

// Happens says when what is done from now on is done, by everybody's time: the
// audit log has it at that instant, too.
func (tx *Tx) Happens(at time.Time) { tx.at = at }

// commit writes what is kept and what was emitted, and commits, in one round trip; then it tells
// the publisher.
func (tx *Tx) commit(ctx context.Context) error {
	b := &pgx.Batch{}
	if tx.last != nil {
		tx.last(b)
	}
	f, err := newFlush(ctx, tx.events)
	if err != nil {
		return err
	}
	if err := tx.queueAudits(ctx, b); err != nil {
		return err
	}
	f.queue(b, &tx.db.known)
	b.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" { // a statement failed and its error was dropped
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	if err := tx.pipe.SendBatch(ctx, b).Close(); err != nil {
		return tx.db.flushFault(err)
	}
	f.remember(&tx.db.known)
	if tx.db.publish != nil && len(f.entries) > 0 {
		tx.db.publish(ctx, f.entries)
	}
	if tx.db.owed != nil && len(f.ids) > 0 {
		tx.db.owed(nil)
	}
	return nil
}

// flushFault is faultOf for what a flush met. A channel that was known and is
// missing means that the database was set back: what is known is forgotten, and
// the next try makes it again.
func (db *DB) flushFault(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == divisionByZero {
		db.known.Clear()
		return ErrUnavailable.Because(err).Retry(time.Second)
	}
	return faultOf(err)
}

// divisionByZero is the SQLSTATE by which lockHeadsSQL says that a head is
// missing.
const divisionByZero = "22012"

// undo rolls back what is still open, even when ctx is over or fn panicked.
func (tx *Tx) undo(ctx context.Context) {
	conn := tx.pipe.conn.Conn()
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 5*time.Second, errors.New("rollback"))
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		tx.db.log.WarnContext(ctx, "rollback failed", "error", err)
	}
}
