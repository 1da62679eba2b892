package insurance

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// A bid is a quote that somebody wants to bind, or looks at, with what the gates
// judge it by.
type bid struct {
	By         access.Actor
	At         time.Time
	Submission submission.Submission
	Quote      quote.Quote
	Program    quote.Program
	Order      policy.Order
	Held       bool // to be bound: nobody changes what was read until the bind commits

	Referrals []referral.Referral // all of the submission
	File      producer.File       // of who brought it, if anybody did
	Firm      *producer.File      // that he belongs to
	Cover     cover
}

// reads are the ways to what the gates judge by.
type reads struct {
	referrals func(context.Context, submission.ID) ([]referral.Referral, error)
	covering  func(context.Context, quote.ProgramID, civil.Date) (store.Covering, error)
	file      func(context.Context, producer.ID) (producer.File, *producer.File, error)
	counted   counting
}

// looking waits for nobody, and holds nothing.
func looking(r store.Reader) reads {
	return reads{r.ReferralsOf, r.Covering, r.ProducerFile, r.Counted}
}

// holding keeps others from changing what it reads until the transaction ends.
func holding(tx *store.Tx) reads {
	return reads{tx.LockReferralsOf, tx.HoldCovering, tx.HoldProducerFile, tx.LockCounted}
}

// gather reads what the gates judge a bid by: all of it before any of them does,
// and in the order of the locks, so that of what they find nothing is of a time
// before a wait. A reservation that ends
// meanwhile still counts. Whoever brought the business comes before the aggregates, for
// which the binds of an agreement wait.
func (b *bid) gather(ctx context.Context, how reads) error {
	var err error
	if b.Referrals, err = how.referrals(ctx, b.Submission.ID); err != nil {
		return err
	}
	covering, err := how.covering(ctx, b.Quote.Program, b.Submission.EffectiveDate)
	if err != nil {
		return err
	}
	if id := b.Submission.Producer; !id.IsZero() {
		if b.File, b.Firm, err = how.file(ctx, id); err != nil {
			return err
		}
	}
	b.Cover, err = look(ctx, how.counted, covering, b.Submission, b.Quote, b.At)
	return err
}

// A gate finds what stands between a bid and its policy, as the codes that
// quote.ErrNotBindable lists. It locks nothing.
type gate func(context.Context, *store.Tx, *bid) ([]string, error)

// gates are all asked, in this order.
func (d *Desk) gates() []gate {
	return []gate{d.agreed, chosen, d.dated, soldBy, within, d.notSanctioned}
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
func (d *Desk) pass(ctx context.Context, tx *store.Tx, b *bid) error {
	blockers, err := ask(ctx, tx, b, d.gates())
	if err != nil {
		return err
	}
	if len(blockers) > 0 {
		refused := quote.ErrNotBindable.With("blockers", blockers)
		if b.Held && len(b.Cover.Found) > 0 {
			refused = refused.With("delegatedAuthority", exceedings(b.Cover))
		}
		return refused
	}
	return nil
}

func ask(ctx context.Context, tx *store.Tx, b *bid, gates []gate) ([]string, error) {
	var blockers []string
	for _, g := range gates {
		found, err := g(ctx, tx, b)
		if err != nil {
			return nil, err
		}
		blockers = append(blockers, found...)
	}
	return blockers, nil
}

// unquoted is why a submission that was never quoted is not bound: its state, and
// with it, for who is inside, the codes of all else that is known without a price.
// Nobody else may read what has nothing to do with the state.
func (d *Desk) unquoted(ctx context.Context, tx *store.Tx, b bid) error {
	_, err := b.Submission.Bind(b.At)
	state, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	if in, err := inside(ctx, tx, b.By, b.Submission.Org); err != nil || !in {
		return cmp.Or(err, error(state))
	}
	blockers, err := d.foreseen(ctx, tx, b)
	if err != nil {
		return err
	}
	// What is wrong with the terms of payment for the highest premium is wrong for any.
	_, unpayable := b.Order.Schedule(money.Max, b.Submission.EffectiveDate)
	if f, ok := errors.AsType[*fault.Error](unpayable); ok && f.Kind() == fault.Refused {
		blockers, state = append(blockers, f.Code()), state.Blame(f.Fields()...)
	}
	if len(blockers) == 0 {
		return state
	}
	return state.With("blockers", append([]string{state.Code()}, blockers...))
}

// foreseen lists what the gates have against a submission as it asks to be
// covered, whatever its price. It holds nothing.
func (d *Desk) foreseen(ctx context.Context, tx *store.Tx, b bid) ([]string, error) {
	s := b.Submission
	b.Held = false
	b.Quote = quote.Quote{Program: b.Program.ID, Terms: quote.Terms{Limit: s.RequestedLimit, Aggregate: s.Exposure.AggregateLimit, Deductible: s.Exposure.Deductible}}
	if err := b.gather(ctx, looking(tx.Reader)); err != nil {
		return nil, err
	}
	return ask(ctx, tx, &b, []gate{unsettled, soldBy, within, d.notSanctioned})
}

// unsettled finds what was asked about a submission that has no price.
func unsettled(_ context.Context, _ *store.Tx, b *bid) ([]string, error) {
	var blockers []string
	for _, r := range b.Referrals {
		blockers = append(blockers, r.Blockers(b.At)...)
	}
	slices.Sort(blockers)
	return slices.Compact(blockers), nil
}
