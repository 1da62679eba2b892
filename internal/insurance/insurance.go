// Package insurance holds the use cases of the business: it asks who may, locks
// what changes, applies the rule of the packages below it, saves and tells; all
// or nothing.
package insurance

import (
	"context"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// Config adjusts a Desk.
type Config struct {
	// MaxBackdate is how many days an effective date may lie back before its
	// quote is referred; negative sets no bound, as outside production.
	MaxBackdate int
	CloseAfter  time.Duration    // from bind or decline until the submission's room closes by itself; 14 days when 0
	Flaggers    []Flagger        // asked of each quote beside its agreement of delegated authority
	Now         func() time.Time // time.Now when nil
	// Production reports what is bound to carriers; the zero value never does, as
	// in a sandbox.
	Production bool
	ReserveFor time.Duration // how long an acceptance keeps room of delegated authority; 72 hours when 0
	// Sanctions is what the names of producers and insureds are compared with;
	// nil: a sample list of invented names.
	Sanctions Screener
	// DueSoon is how many days before it is due an invoice is reminded of, and
	// LastNotice how many after it became overdue for the last time;
	// billing.StandardAhead and StandardLast when 0.
	DueSoon, LastNotice int
}

// A Desk is where submissions are worked.
type Desk struct {
	db  *store.DB
	cfg Config
}

// New returns a Desk over a database.
func New(db *store.DB, cfg Config) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.CloseAfter == 0 {
		cfg.CloseAfter = 14 * 24 * time.Hour
	}
	if cfg.ReserveFor == 0 {
		cfg.ReserveFor = 72 * time.Hour
	}
	if cfg.Sanctions == nil {
		cfg.Sanctions = SampleSanctions()
	}
	if cfg.DueSoon == 0 {
		cfg.DueSoon = billing.StandardAhead
	}
	if cfg.LastNotice == 0 {
		cfg.LastNotice = billing.StandardLast
	}
	return &Desk{db: db, cfg: cfg}
}

// real is everybody's time. What somebody agreed with somebody is dated by now.
func (d *Desk) real() time.Time { return d.cfg.Now().UTC().Truncate(time.Microsecond) }

// now is the time of the transaction's organisation: everybody's, unless it has
// a test clock. It is the instant of an act, in all that the act leaves behind, and
// is read when the act has its locks: what ended while it waited is over.
func (d *Desk) now(tx *store.Tx) time.Time {
	at := d.real()
	tx.Happens(at)
	return at.Add(tx.Ahead())
}

// lock locks a submission, which is the first lock of an act about it, and returns
// the instant of the act.
func (d *Desk) lock(ctx context.Context, tx *store.Tx, id submission.ID) (submission.Submission, time.Time, error) {
	s, err := tx.LockSubmission(ctx, id)
	return s, d.now(tx), err
}

// Version guards a change: it returns an error unless the version that the
// caller saw is the current one.
type Version func(current int) error

// open locks a submission that by may work on, as he saw it, and returns the
// instant of what he does.
func (d *Desk) open(ctx context.Context, tx *store.Tx, by access.Actor, want access.Permission, id submission.ID, seen Version) (submission.Submission, time.Time, error) {
	s, at, err := d.lock(ctx, tx, id)
	if err != nil {
		return s, at, undrafted(ctx, tx, by, id, err)
	}
	if err := access.Check(ctx, tx, by, want, submissionObject(s)); err != nil {
		return s, at, err
	}
	return s, at, seen(s.Version)
}
