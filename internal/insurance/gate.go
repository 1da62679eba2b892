package insurance

import (
	"context"
	"time"

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
	return []gate{d.agreed, covered, soldBy, within, d.notSanctioned}
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
