package insurance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// Bind makes a policy of a submission's quote, with its first transaction and
// its invoices: of the quote that the order names, else of the accepted one, else
// of the newest. Of two binds at once the later one to lock the
// submission gets submission.ErrState.
func (d *Desk) Bind(ctx context.Context, by access.Actor, id submission.ID, o policy.Order, seen Version) (policy.Policy, error) {
	var bound policy.Policy
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		s, at, err := d.open(ctx, tx, by, access.Bind, id, seen)
		if err != nil {
			return err
		}
		program, err := tx.KeepProgram(ctx, s.LineOfBusiness)
		if err != nil {
			return err
		}
		q, quoted, err := toBind(ctx, tx, id, o.Quote)
		if err != nil {
			return err
		}
		b := bid{By: by, At: at, Submission: s, Quote: q, Program: program, Order: o, Held: true}
		if !quoted {
			return d.unquoted(ctx, tx, b)
		}
		weighed := s.Status != submission.Bound
		if weighed {
			if err := b.gather(ctx, holding(tx)); err != nil {
				return err
			}
			at = d.now(tx) // binds of an agreement wait for each other
			b.At = at
		}
		made, first, invoices, unpayable := policy.Bind(s, q, o, by.ID, at)
		if weighed {
			if err := d.pass(ctx, tx, &b); err != nil {
				if q.Decision == quote.Declined { // it has no premium
					return err
				}
				return besides(err, unpayable)
			}
		}
		if s, err = s.Bind(at); err != nil {
			return err
		}
		if unpayable != nil {
			return unpayable
		}
		rules, err := tx.Rules(ctx)
		if err != nil {
			return err
		}
		made, invoices = d.remind(rules, made, invoices, at)
		if s, err = follow(ctx, tx, s, at); err != nil {
			return err
		}
		used, err := usedUp(rules, b.Referrals, at)
		if err != nil {
			return err
		}
		persons, err := d.partiesTo(ctx, tx, s, made)
		if err != nil {
			return err
		}
		board, err := rooms.ScheduleClose(ctx, tx, s.ID, at.Add(d.cfg.CloseAfter))
		if err != nil {
			return err
		}
		// The number is the last thing asked: all binds of a line wait for its lock.
		series := policy.Series(s.LineOfBusiness, s.EffectiveDate)
		n, err := tx.NextNumber(ctx, series)
		if err != nil {
			return err
		}
		made.Number = policy.Number(series, n)
		bound = made
		if err := saveBound(ctx, tx, s, q, made, first, invoices); err != nil {
			return err
		}
		if err := d.use(ctx, tx, b.Cover, s, q, made, first); err != nil {
			return err
		}
		if err := used.saveFor(ctx, tx, made.ID); err != nil {
			return err
		}
		tx.Emit(boundEvents(s, made, invoices, persons, at)...)
		tx.Audit(by, boundFact(s, q, made, program, b.Cover))
		board.Show(tx, boundCard(made), at)
		return nil
	})
	if err != nil {
		return policy.Policy{}, fmt.Errorf("bind %s: %w", id, err)
	}
	return bound, nil
}

// besides adds to the blockers of a bind that its terms of payment are refused, too.
func besides(err, unpayable error) error {
	f, ok := errors.AsType[*fault.Error](err)
	more, also := errors.AsType[*fault.Error](unpayable)
	if !ok || !also || !errors.Is(err, quote.ErrNotBindable) {
		return err
	}
	blockers, _ := f.Details()["blockers"].([]string)
	return f.With("blockers", append(slices.Clip(blockers), more.Code())).Blame(more.Fields()...)
}

func boundFact(s submission.Submission, q quote.Quote, p policy.Policy, in quote.Program, under cover) audit.Fact {
	details := audit.Details{"submissionId": s.ID.String(), "quoteId": q.ID.String(), "programVersion": in.Version}
	if under.Is {
		details["agreementId"] = under.Agreement.ID.String()
	}
	return audit.Fact{Action: audit.PolicyBound, Object: p.ID.String(), Details: details}
}

// toBind finds the quote that a bind is of; false when the submission was never
// quoted.
func toBind(ctx context.Context, tx *store.Tx, id submission.ID, named quote.ID) (quote.Quote, bool, error) {
	if named.IsZero() {
		return tx.LatestQuote(ctx, id)
	}
	q, err := tx.Quote(ctx, named)
	if errors.Is(err, fault.ErrNotFound) || err == nil && q.Submission != id {
		err = fault.ErrValidation.Field("quoteId", "exists")
	}
	return q, true, err
}

func saveBound(ctx context.Context, tx *store.Tx, s submission.Submission, q quote.Quote, p policy.Policy, t policy.Transaction, invoices []billing.Invoice) error {
	if err := tx.AddPolicy(ctx, p, t); err != nil {
		return err
	}
	if err := tx.AddInvoices(ctx, p, invoices); err != nil {
		return err
	}
	if err := tx.PassOver(ctx, q, p.CreatedAt); err != nil {
		return err
	}
	if err := tx.BoundQuote(ctx, q.ID); err != nil {
		return err
	}
	return tx.SaveSubmission(ctx, s)
}

// boundEvents tells of a bind to persons. Of the invoices that it made, only the
// one that is due first rings a phone; the policyholder hears of those that are
// his.
func boundEvents(s submission.Submission, p policy.Policy, invoices []billing.Invoice, persons []event.Person, at time.Time) []event.Event {
	told := []event.Event{event.New(p.Org, p.ID.String(), event.PolicyBound{
		PolicyID: p.ID.String(), PolicyNumber: p.Number, SubmissionID: s.ID.String(), GrossPremium: p.GrossPremium,
		EffectiveDate: p.Effective.String(), ExpirationDate: p.Expiration.String(), ExternalID: p.ExternalID,
	}, at).With(p.Metadata)}
	for n, i := range invoices {
		e := event.New(p.Org, i.ID.String(), event.InvoiceCreated{
			InvoiceID: i.ID.String(), PolicyID: i.Policy, Amount: i.Amount, DueDate: i.Due.String(), BillTo: string(i.BillTo),
		}, at).With(i.Metadata)
		e.Quiet, e.Persons = n > 0, owing(i, persons)
		told = append(told, e)
	}
	told[0].Persons = persons
	return told
}

// owing are those of a policy's parties who hear of one of its invoices: what
// somebody else owes is no bill of the policyholder's.
func owing(i billing.Invoice, parties []event.Person) []event.Person {
	if i.BillTo == billing.Insured {
		return parties
	}
	return slices.DeleteFunc(slices.Clone(parties), func(p event.Person) bool { return p.As == event.Insured })
}

// partiesTo are who hears of a policy in person: those who brought it, and its
// policyholder, when the submission says how to reach him. He may read the
// policy and its invoices from now on.
func (d *Desk) partiesTo(ctx context.Context, tx *store.Tx, s submission.Submission, p policy.Policy) ([]event.Person, error) {
	parties, err := tx.Producers(ctx, s.ID)
	if err != nil || s.Insured == nil || s.Insured.Email == "" {
		return parties, err
	}
	holder, err := tx.Holder(ctx, store.Person{
		ID: access.NewPersonID(p.CreatedAt), Org: s.Org, Name: cmp.Or(s.Insured.Name, s.InsuredName), Email: s.Insured.Email, CreatedAt: p.CreatedAt,
	})
	if err != nil {
		return nil, err
	}
	err = tx.Relate(ctx, access.Object{Type: access.Policy, ID: p.ID.UUID(), Org: p.Org},
		access.Tuple{Relation: access.RelInsured, SubjectType: "person", SubjectID: holder.ID.UUID()})
	if err != nil {
		return nil, err
	}
	return append(parties, event.Person{Subject: holder.ID.String(), Org: s.Org, As: event.Insured}), nil
}
