package insurance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// A cover is what delegated authority says of a quote: nothing when its program
// was never put under an agreement, for then it is the organisation's own paper.
type cover struct {
	store.Covering
	Risk  delegated.Risk
	Room  delegated.Room
	Found []delegated.Exceeding
}

// counting reads the aggregates that a demand counts in, and locks them or not.
type counting func(context.Context, store.Demand) ([]delegated.Counter, store.Held, error)

// look holds a quote against the agreement that covers it.
func look(ctx context.Context, count counting, c store.Covering, s submission.Submission, q quote.Quote, at time.Time) (cover, error) {
	v := cover{Covering: c, Risk: delegated.RiskOf(s, q)}
	switch {
	case !c.Any:
		return v, nil
	case !c.Is:
		v.Found = []delegated.Exceeding{{Rule: delegated.NoAgreement, Actual: s.EffectiveDate.String()}}
		return v, nil
	}
	counters, held, err := count(ctx, store.Demand{Agreement: c.Agreement, Submission: s.ID, Risk: v.Risk, At: at})
	if err != nil {
		return v, err
	}
	v.Room.Counters, v.Room.Policies = counters, held.Policies
	for i := range v.Room.Counters {
		switch n := &v.Room.Counters[i]; n.Key.Kind {
		case delegated.AccumulatedLimits:
			n.Reserved = held.Aggregate
		case delegated.AnnualPremium:
			n.Reserved = held.Annual
		case delegated.QuarterlyPremium:
			n.Reserved = held.Quarterly
		}
	}
	v.Found = delegated.Check(c.Agreement, c.Carrier, v.Room, v.Risk)
	return v, nil
}

// lockCover is look, under the locks of the agreement and of its aggregates,
// which are held until the transaction ends.
func lockCover(ctx context.Context, tx *store.Tx, s submission.Submission, q quote.Quote, at time.Time) (cover, error) {
	c, err := tx.HoldCovering(ctx, q.Program, s.EffectiveDate)
	if err != nil {
		return cover{}, err
	}
	return look(ctx, tx.LockCounted, c, s, q, at)
}

// heed lets a new quote show what delegated authority will object to at its bind,
// and refers it when it pulls a trigger of the agreement.
func heed(ctx context.Context, r store.Reader, c store.Covering, s submission.Submission, q quote.Quote, at time.Time) (quote.Quote, error) {
	v, err := look(ctx, r.Counted, c, s, q, at)
	if err != nil {
		return q, err
	}
	q.Flags = append(q.Flags, delegated.Codes(v.Found)...)
	if !v.Is || q.Decision == quote.Declined {
		return q, nil
	}
	for _, t := range v.Agreement.Terms.Triggered(v.Risk) {
		if reason := t.Reason(); !slices.Contains(q.Reasons, reason) {
			q.Reasons = append(q.Reasons, reason)
		}
		q.Decision, q.Status = quote.Referred, quote.Status(quote.Referred)
	}
	return q, nil
}

// within is the gate of delegated authority: everything that the agreement is
// asked at the quote, again, with nobody else counting meanwhile.
func within(_ context.Context, _ *store.Tx, b *bid) ([]string, error) {
	v := &b.Cover
	// A quote that was referred has its approval asked for by another gate. One
	// that was not is of a time before the trigger.
	if v.Is && b.Quote.Decision == quote.Quoted && len(v.Agreement.Terms.Triggered(v.Risk)) > 0 {
		v.Found = append(v.Found, delegated.Exceeding{Rule: delegated.Referral})
	}
	return delegated.Codes(v.Found), nil
}

// exceedings are the details of a refusal, for the organisation's own people.
func exceedings(v cover) []map[string]any {
	out := make([]map[string]any, len(v.Found))
	for i, f := range v.Found {
		m := map[string]any{"rule": string(f.Rule)}
		if !v.Agreement.ID.IsZero() && v.Is {
			m["agreementId"] = v.Agreement.ID.String()
		}
		for name, value := range map[string]any{"limit": f.Limit, "actual": f.Actual} {
			if value != nil {
				m[name] = value
			}
		}
		if f.Period != "" {
			m["periodStart"] = f.Period
		}
		out[i] = m
	}
	return out
}

// use counts a policy that was bound under an agreement, and writes down what its
// carrier is told of it.
func (d *Desk) use(ctx context.Context, tx *store.Tx, v cover, s submission.Submission, q quote.Quote, p policy.Policy, first policy.Transaction) error {
	if !v.Is {
		return nil
	}
	after, near := v.Agreement.Use(v.Room.Counters, v.Risk)
	if err := tx.SaveCounters(ctx, v.Agreement.ID, after); err != nil {
		return err
	}
	if err := tx.Use(ctx, v.Agreement.ID, first, v.Risk, 1); err != nil {
		return err
	}
	if err := tx.Release(ctx, s.ID); err != nil {
		return err
	}
	if d.cfg.Production {
		if err := tx.AddRow(ctx, delegated.NewRow(v.Agreement, s, q, p, first)); err != nil {
			return err
		}
	}
	return tellNear(ctx, tx, v.Agreement, near, first.CreatedAt)
}

// reserve keeps room for an accepted quote until it is bound, for a time;
// delegated.ErrExceeded when there is none. What else the agreement has against
// the quote is the bind's matter; but what could not be bound takes no room from
// what can.
func (d *Desk) reserve(ctx context.Context, tx *store.Tx, by access.Actor, s submission.Submission, q quote.Quote, at time.Time) error {
	v, err := lockCover(ctx, tx, s, q, at)
	if err != nil || !v.Is {
		return err
	}
	full := slices.DeleteFunc(v.Found, func(f delegated.Exceeding) bool { return !f.Rule.Capacity() })
	if len(full) > 0 {
		return delegated.ErrExceeded.With("exceeded", delegated.Codes(full))
	}
	if len(v.Found) > 0 {
		return nil
	}
	until := at.Add(d.cfg.ReserveFor)
	if until.After(q.ExpiresAt) {
		until = q.ExpiresAt
	}
	tx.Audit(by, audit.Fact{Action: audit.CapacityReserved, Object: v.Agreement.ID.String(), Details: audit.Details{
		"quoteId": q.ID.String(), "until": until.Format(time.RFC3339),
	}})
	return tx.Reserve(ctx, v.Agreement.ID, q, v.Risk, at, until)
}

// reservationBatch is how many reservations that are over are dropped at once.
const reservationBatch = 500

// dropReservations drops the reservations that are over; they count no more
// anyway.
func (d *Desk) dropReservations(ctx context.Context, now time.Time) error {
	for {
		n, err := d.db.DropReservations(ctx, now, reservationBatch)
		if err != nil {
			return fmt.Errorf("drop reservations: %w", err)
		}
		if n < reservationBatch {
			return nil
		}
	}
}
