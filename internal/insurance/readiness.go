package insurance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// The stages that a blocker stands before.
const (
	AtQuote = "quote"
	AtBind  = "bind"
)

// What a blocker does at its stage.
const (
	Blocks   = "blocks"   // it is refused, by the blocker's rule
	Declines = "declines" // there would be a quote that declines
	Refers   = "refers"   // there would be a quote that an underwriter has to agree to
)

// A Blocker is one thing between a submission and its quote or its policy.
type Blocker struct {
	Stage    string
	Severity string
	Rule     string // the code of a fault, a reason of a quote, or a blocker of a bind
	Field    string // of the submission; empty: of none
	Message  string // empty: the rule says it
}

// Readiness is what a quote and a bind of a submission would come to now.
type Readiness struct {
	Submission submission.Submission
	Quote      *quote.Quote // that would be made; nil: none would
	Blockers   []Blocker
}

// Quotes reports whether a quote would be made that offers a price, be it one
// that has to be agreed to.
func (r Readiness) Quotes() bool { return r.clear(AtQuote) }

// Binds reports whether the quote that there is would be bound.
func (r Readiness) Binds() bool { return r.clear(AtBind) }

func (r Readiness) clear(stage string) bool {
	for _, b := range r.Blockers {
		if b.Stage == stage && b.Severity != Refers {
			return false
		}
	}
	return true
}

// errLooked undoes what was only looked at.
var errLooked = errors.New("looked at")

// Ready says what a quote of a submission, on its own terms, and a bind of the
// quote that it has, by whoever asks, would come to now: with everything that is
// in the way at once. It goes the way of Quote and Bind, leaves no trace, and
// locks nothing: nobody waits for it, and it waits for nobody.
func (d *Desk) Ready(ctx context.Context, by access.Actor, id submission.ID) (Readiness, error) {
	var r Readiness
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := d.now(tx)
		s, err := tx.Submission(ctx, id)
		if err != nil {
			return undrafted(ctx, tx, by, id, err)
		}
		if err := access.Check(ctx, tx, by, access.Read, submissionObject(s)); err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.ViewBusiness, access.OrgObject(s.Org)); err != nil {
			return err
		}
		r.Submission = s
		if err := d.readyToQuote(ctx, tx, by, &r, at); err != nil {
			return err
		}
		if err := d.readyToBind(ctx, tx, by, &r, at); err != nil {
			return err
		}
		return errLooked
	})
	if !errors.Is(err, errLooked) {
		return Readiness{}, fmt.Errorf("look at submission %s: %w", id, err)
	}
	return r, nil
}

func (d *Desk) readyToQuote(ctx context.Context, tx *store.Tx, by access.Actor, r *Readiness, at time.Time) error {
	s := r.Submission
	q, against, err := d.weigh(ctx, tx.Reader, by, s, Ask{}, at)
	if err != nil {
		return err
	}
	for _, f := range against {
		r.refused(AtQuote, f)
	}
	if len(against) > 0 {
		return nil
	}
	r.Quote = &q
	severity := map[quote.Decision]string{quote.Declined: Declines, quote.Referred: Refers}[q.Decision]
	for _, reason := range q.Reasons {
		r.Blockers = append(r.Blockers, Blocker{Stage: AtQuote, Severity: severity, Rule: reason})
	}
	return nil
}

// refused notes a fault with which a stage is refused, once for each field that
// it blames.
func (r *Readiness) refused(stage string, f *fault.Error) {
	b := Blocker{Stage: stage, Severity: Blocks, Rule: f.Code(), Message: f.Message()}
	for _, bad := range f.Fields() {
		if b.Field = bad.Field; !slices.Contains(r.Blockers, b) {
			r.Blockers = append(r.Blockers, b)
		}
	}
	if len(f.Fields()) == 0 {
		r.Blockers = append(r.Blockers, b)
	}
}

func (d *Desk) readyToBind(ctx context.Context, tx *store.Tx, by access.Actor, r *Readiness, at time.Time) error {
	s := r.Submission
	p, err := tx.Program(ctx, s.LineOfBusiness)
	if errors.Is(err, submission.ErrLine) {
		r.refused(AtBind, submission.ErrLine)
		return nil // nothing else is asked then
	}
	if err != nil {
		return err
	}
	q, quoted, err := toBind(ctx, tx, s.ID, quote.ID{})
	if err != nil {
		return err
	}
	b := bid{By: by, At: at, Submission: s, Quote: q, Program: p, Order: policy.Order{}}
	if quoted && s.Status != submission.Bound {
		if err := b.gather(ctx, looking(tx.Reader)); err != nil {
			return err
		}
		codes, err := ask(ctx, tx, &b, d.gates())
		if err != nil || len(codes) > 0 {
			r.blocked(codes)
			return err
		}
	}
	if f, ok := errors.AsType[*fault.Error](second(s.Bind(at))); ok {
		r.refused(AtBind, f)
	}
	if quoted {
		return nil
	}
	codes, err := d.foreseen(ctx, tx, b)
	r.blocked(codes)
	return err
}

// blocked notes what the gates have against a bind.
func (r *Readiness) blocked(codes []string) {
	for _, code := range codes {
		r.Blockers = append(r.Blockers, Blocker{Stage: AtBind, Severity: Blocks, Rule: code})
	}
}

func second[T any](_ T, err error) error { return err }
