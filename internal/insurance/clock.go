package insurance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// Bounds of a test clock.
const (
	MaxStep   = 2 * 366 * 24 * time.Hour  // of one move
	MaxAhead  = 20 * 366 * 24 * time.Hour // of everybody's time
	MostMoved = 1000                      // things that come due in one move
)

// Faults of test clocks.
var (
	ErrNoClock   = fault.New(fault.Forbidden, "test_clock_off", "There are no test clocks in production.")
	ErrBackwards = fault.New(fault.Refused, "test_clock_backwards", "A test clock only goes forward; reset it to return to the present.")
	ErrTooFar    = fault.New(fault.Refused, "test_clock_too_far", "A test clock moves two years at a time, and twenty in all.")
	ErrTooMuch   = fault.New(fault.Refused, "test_clock_too_much", "Too much comes due until then: move the clock in smaller steps.")
	ErrMoving    = fault.New(fault.Conflict, "test_clock_moving", "Somebody else is moving the test clock.").Retry(time.Second)
)

// A Clock is the time of one organisation.
type Clock struct {
	Now   time.Time
	Ahead time.Duration // of everybody's time; 0: it has no test clock
}

// A Move is what came of moving a clock.
type Move struct {
	Clock
	Did    []store.Due // what came due, in the order of its times
	Failed int         // of these; they are tried again
}

// Clock tells the time of an organisation.
func (d *Desk) Clock(ctx context.Context, by access.Actor) (Clock, error) {
	if !d.db.TestClocks() {
		return Clock{}, ErrNoClock
	}
	r := d.db.As(by)
	if err := access.Check(ctx, r, by, access.Read, access.OrgObject(by.Org)); err != nil {
		return Clock{}, err
	}
	ahead, err := r.Ahead(ctx)
	return Clock{Now: d.real().Add(ahead), Ahead: ahead}, err
}

// MoveClock moves the test clock of an organisation to a time, and does what
// comes due until then: each thing at its own time, one after the other, as if
// the days had passed. All of it happens in one transaction. From then on the
// clock runs.
func (d *Desk) MoveClock(ctx context.Context, by access.Actor, to func(now time.Time) time.Time) (Move, error) {
	var m Move
	err := d.onClock(ctx, by, access.MoveClock, func(tx *store.Tx) (err error) {
		m, err = d.moveClock(ctx, tx, by, to)
		return err
	})
	if err != nil {
		return Move{}, fmt.Errorf("move test clock: %w", err)
	}
	return m, nil
}

// ResetClock sets the clock of an organisation back to everybody's time. What
// was dated ahead stays as it is.
func (d *Desk) ResetClock(ctx context.Context, by access.Actor) error {
	err := d.onClock(ctx, by, access.MoveClock, func(tx *store.Tx) error {
		moved, err := tx.DropClock(ctx)
		if moved {
			tx.Audit(by, audit.Fact{Action: audit.ClockReset, Object: by.Org.String()})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reset test clock: %w", err)
	}
	return nil
}

// onClock runs fn with the clock of an organisation, which nobody else works by
// meanwhile, for one who may.
func (d *Desk) onClock(ctx context.Context, by access.Actor, want access.Permission, fn func(*store.Tx) error) error {
	if !d.db.TestClocks() {
		return ErrNoClock
	}
	return d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, want, access.OrgObject(by.Org)); err != nil {
			return err
		}
		mine, err := tx.TakeClock(ctx)
		if err == nil && !mine {
			err = ErrMoving
		}
		if err != nil {
			return err
		}
		return fn(tx)
	})
}

func (d *Desk) moveClock(ctx context.Context, tx *store.Tx, by access.Actor, to func(now time.Time) time.Time) (Move, error) {
	real := d.real()
	began := real.Add(tx.Ahead())
	until := to(began).UTC().Truncate(time.Microsecond)
	switch {
	case until.Before(began):
		return Move{}, ErrBackwards.With("now", began)
	case until.Sub(began) > MaxStep || until.Sub(real) > MaxAhead:
		return Move{}, ErrTooFar.With("latest", earliest(began.Add(MaxStep), real.Add(MaxAhead)))
	}
	m := Move{Clock: Clock{Now: until, Ahead: until.Sub(real)}}
	for at := began; ; {
		due, found, err := tx.NextDue(ctx, until, real)
		switch {
		case err != nil:
			return Move{}, err
		case !found:
			tx.Audit(by, audit.Fact{Action: audit.ClockMoved, Object: by.Org.String(), Details: audit.Details{"now": until, "due": len(m.Did)}})
			return m, tx.SaveClock(ctx, m.Ahead, by, real)
		case len(m.Did) == MostMoved:
			return Move{}, ErrTooMuch.With("until", due.At).With("limit", MostMoved)
		}
		if at.Before(due.At) { // what was late is late
			at = due.At
		}
		tx.Pretend(at.Sub(real))
		done := false
		err = tx.Try(ctx, func() (err error) { done, err = d.do(ctx, tx, due, at); return err })
		if err != nil && fault.KindOf(err) == fault.Unavailable || ctx.Err() != nil {
			return Move{}, errors.Join(err, ctx.Err())
		}
		if err != nil || !done { // it fails, or somebody who needs no clock is at it
			m.Failed++
			if err := tx.PutOff(ctx, due, real); err != nil {
				return Move{}, err
			}
		}
		m.Did = append(m.Did, due)
	}
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
