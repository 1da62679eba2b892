// Package insurance holds the use cases of the business: it asks who may, locks
// what changes, applies the rule of the packages below it, saves and tells; all
// or nothing.
package insurance

import (
	"context"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/quote"
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
// a test clock.
func (d *Desk) now(tx *store.Tx) time.Time { return d.real().Add(tx.Ahead()) }

// Version guards a change: it returns an error unless the version that the
// caller saw is the current one.
type Version func(current int) error

// open locks a submission that by may work on, and keeps its program as it is.
func (d *Desk) open(ctx context.Context, tx *store.Tx, by access.Actor, want access.Permission, id submission.ID, seen Version) (submission.Submission, quote.Program, error) {
	s, err := tx.LockSubmission(ctx, id)
	if err != nil {
		return s, quote.Program{}, undrafted(ctx, tx, by, id, err)
	}
	if err := access.Check(ctx, tx, by, want, access.Object{Type: access.Submission, ID: id.UUID(), Org: s.Org}); err != nil {
		return s, quote.Program{}, err
	}
	if err := seen(s.Version); err != nil {
		return s, quote.Program{}, err
	}
	p, err := tx.KeepProgram(ctx, s.LineOfBusiness)
	return s, p, err
}
