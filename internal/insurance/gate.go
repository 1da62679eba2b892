package insurance

import (
	"context"
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// A bid is a quote that somebody wants to bind: its submission is locked.
type bid struct {
	By         access.Actor
	At         time.Time
	Submission submission.Submission
	Quote      quote.Quote
	Program    quote.Program
	Order      policy.Order
	Covering   store.Covering // what the gate covered found
	Held       *held          // what the gates hold; nil when nothing is to be bound
}

// held is what the gates found and hold until the bind commits.
type held struct {
	Referrals []referral.Referral
	Cover     cover
}

// A gate finds what stands between a bid and its policy, as the codes that
// quote.ErrNotBindable lists. What it locks stays locked until the bind commits,
// so that what it found still holds then.
type gate func(context.Context, *store.Tx, *bid) ([]string, error)

// gates are all asked, in this order, which is also that of their locks.
func (d *Desk) gates() []gate {
	return []gate{d.agreed, chosen, d.dated, covered, soldBy, within, d.notSanctioned}
}

// chosen keeps a quote from being bound beside the accepted one: what a bind is
// of has been agreed to by the other side, when anything has.
func chosen(ctx context.Context, tx *store.Tx, b *bid) ([]string, error) {
	if b.Order.Quote.IsZero() || b.Quote.Status == quote.Accepted || !b.Quote.Status.IsOpen() {
		return nil, nil
	}
	q, ok, err := tx.LatestQuote(ctx, b.Submission.ID)
	if err != nil || !ok || q.ID == b.Quote.ID || q.StatusAt(b.At) != quote.Accepted {
		return nil, err
	}
	return []string{"other_quote_accepted"}, nil
}

// dated finds that a policy would begin too far back, which it did not when its
// quote was made: whoever agrees to that has to be asked.
func (d *Desk) dated(_ context.Context, _ *store.Tx, b *bid) ([]string, error) {
	if slices.Contains(b.Quote.Reasons, quote.Backdated) || !d.dates(b.At).Backdated(b.Submission.EffectiveDate) {
		return nil, nil
	}
	return []string{quote.Backdated}, nil
}

// dates is how far effective dates may lie back at an instant.
func (d *Desk) dates(at time.Time) quote.Dates {
	return quote.Dates{Today: civil.DateOf(at), MaxBackdate: d.cfg.MaxBackdate}
}

// pass returns quote.ErrNotBindable with everything that any gate has against
// a bid.
func (d *Desk) pass(ctx context.Context, tx *store.Tx, b bid) error {
	var blockers []string
	for _, g := range d.gates() {
		found, err := g(ctx, tx, &b)
		if err != nil {
			return err
		}
		blockers = append(blockers, found...)
	}
	if len(blockers) > 0 {
		refused := quote.ErrNotBindable.With("blockers", blockers)
		if b.Held != nil && len(b.Held.Cover.Found) > 0 {
			refused = refused.With("delegatedAuthority", exceedings(b.Held.Cover))
		}
		return refused
	}
	return nil
}
