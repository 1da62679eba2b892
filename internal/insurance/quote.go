package insurance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// An Ask is how a submission is to be priced.
type Ask struct {
	Terms quote.Terms
	// Beside leaves the quotes before as they are, for the insured to choose;
	// otherwise the new one supersedes them.
	Beside bool
}

// Quote prices a submission as it stands and returns the new version of its
// quote; the ones before are superseded.
func (d *Desk) Quote(ctx context.Context, by access.Actor, id submission.ID, seen Version) (quote.Quote, error) {
	return d.QuoteAs(ctx, by, id, Ask{}, seen)
}

// QuoteAs prices a submission on other terms than its own, too.
func (d *Desk) QuoteAs(ctx context.Context, by access.Actor, id submission.ID, a Ask, seen Version) (quote.Quote, error) {
	var q quote.Quote
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		s, at, err := d.open(ctx, tx, by, access.Write, id, seen)
		if err != nil {
			return err
		}
		if s, err = d.rescreened(ctx, tx, by, s, atQuote, at); err != nil {
			return err
		}
		if q, err = d.weighed(ctx, tx.Reader, by, s, a, at); err != nil {
			return err
		}
		before := s.Status
		if s, err = s.Rated(submission.Status(q.Decision), at); err != nil {
			return err
		}
		if !a.Beside {
			if err := tx.Supersede(ctx, id); err != nil {
				return err
			}
		}
		if q.Version, err = tx.AddQuote(ctx, q); err != nil {
			return err
		}
		if a.Beside && s.Status == submission.Declined && before != submission.Received && before != submission.InReview {
			s.Status = before // the others are as good as before
		}
		if s, q, err = d.reconsider(ctx, tx, s, q, a.Beside, at); err != nil {
			return err
		}
		tx.Audit(by, quoted(s, q))
		if s, err = follow(ctx, tx, s, at); err != nil {
			return err
		}
		if a.Beside && before == submission.Quoted && q.Decision != quote.Quoted {
			// What there is to choose from is as good as before.
			return tx.SaveSubmission(ctx, s)
		}
		return d.tellQuoted(ctx, tx, s, q, at)
	})
	if err != nil {
		return quote.Quote{}, fmt.Errorf("quote %s: %w", id, err)
	}
	return q, nil
}

// Preview prices a submission as QuoteAs would, and leaves no trace.
func (d *Desk) Preview(ctx context.Context, by access.Actor, id submission.ID, a Ask, seen Version) (quote.Quote, error) {
	q, err := d.preview(ctx, d.db.As(by), by, id, a, seen)
	if err != nil {
		return quote.Quote{}, fmt.Errorf("preview a quote of %s: %w", id, err)
	}
	return q, nil
}

func (d *Desk) preview(ctx context.Context, r store.Reader, by access.Actor, id submission.ID, a Ask, seen Version) (quote.Quote, error) {
	s, err := r.Submission(ctx, id)
	if err != nil {
		return quote.Quote{}, undrafted(ctx, r, by, id, err)
	}
	if err := access.Check(ctx, r, by, access.Write, submissionObject(s)); err != nil {
		return quote.Quote{}, err
	}
	if err := seen(s.Version); err != nil {
		return quote.Quote{}, err
	}
	ahead, err := r.Ahead(ctx)
	if err != nil {
		return quote.Quote{}, err
	}
	q, err := d.weighed(ctx, r, by, s, a, d.real().Add(ahead))
	q.ID = quote.ID{}
	return q, err
}

// weigh makes the quote of a submission, or finds everything that it is refused
// with.
func (d *Desk) weigh(ctx context.Context, r store.Reader, by access.Actor, s submission.Submission, a Ask, at time.Time) (quote.Quote, []*fault.Error, error) {
	var q quote.Quote
	var against []*fault.Error
	blocked, err := d.sanctioned(ctx, r, by, s)
	if err != nil {
		return q, nil, err
	}
	if blocked != nil {
		against = append(against, blocked)
	}
	p, err := r.Program(ctx, s.LineOfBusiness)
	if err == nil {
		q, err = d.price(ctx, r, by, s, p, a, at)
	}
	_, state := s.Rated(submission.Quoted, at) // whatever it is rated as
	for _, err := range append(parts(err), state) {
		f, ok := errors.AsType[*fault.Error](err)
		switch {
		case err == nil:
		case ok && (f.Kind() == fault.Refused || f.Kind() == fault.Invalid):
			against = append(against, f)
		default:
			return q, nil, err
		}
	}
	return q, against, nil
}

// parts are the errors that were joined to one.
func parts(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // it is this very error that was joined
		return slices.Clone(j.Unwrap())
	}
	return []error{err}
}

// weighed is weigh for one who wants the quote: it is refused with the first
// thing that is in the way, and the codes of all when there are more.
func (d *Desk) weighed(ctx context.Context, r store.Reader, by access.Actor, s submission.Submission, a Ask, at time.Time) (quote.Quote, error) {
	q, against, err := d.weigh(ctx, r, by, s, a, at)
	if err != nil || len(against) == 0 {
		return q, err
	}
	if len(against) == 1 {
		return quote.Quote{}, against[0]
	}
	codes := make([]string, len(against))
	for i, f := range against {
		codes[i] = f.Code()
	}
	return quote.Quote{}, against[0].With("blockers", codes)
}

// price makes the quote of a submission by the rates in force on its effective
// day. To move the premium by judgement is for underwriters.
func (d *Desk) price(ctx context.Context, r store.Reader, by access.Actor, s submission.Submission, p quote.Program, a Ask, at time.Time) (quote.Quote, error) {
	if a.Terms.Schedule != nil {
		if err := access.Check(ctx, r, by, access.Judge, submissionObject(s)); err != nil {
			return quote.Quote{}, err
		}
	}
	t, err := r.RateTable(ctx, p.ID, s.EffectiveDate)
	if err != nil {
		return quote.Quote{}, err
	}
	q, err := quote.Make(s, p, t, a.Terms, d.dates(at), at)
	if err != nil {
		return quote.Quote{}, err
	}
	c, err := r.Covering(ctx, q.Program, s.EffectiveDate)
	if err != nil {
		return quote.Quote{}, err
	}
	if q, err = heed(ctx, r, c, s, q, at); err != nil {
		return quote.Quote{}, err
	}
	found, err := sellable(ctx, r, c, s, at)
	if err != nil {
		return quote.Quote{}, err
	}
	q.ProducerFlags = append(q.ProducerFlags, found...)
	for _, f := range d.cfg.Flaggers {
		found, err := f(ctx, r, s, q)
		if err != nil {
			return quote.Quote{}, err
		}
		q.Flags = append(q.Flags, found...)
	}
	return q, nil
}

// A Flagger finds what delegated authority will object to when the quote is
// bound, as codes. It is soft: the quote is made and shows them.
type Flagger func(context.Context, store.Reader, submission.Submission, quote.Quote) ([]string, error)

func submissionObject(s submission.Submission) access.Object {
	return access.Object{Type: access.Submission, ID: s.ID.UUID(), Org: s.Org}
}

// tellQuoted saves a submission that was quoted, and tells of the quote.
func (d *Desk) tellQuoted(ctx context.Context, tx *store.Tx, s submission.Submission, q quote.Quote, at time.Time) error {
	told := event.New(s.Org, s.ID.String(), quotedPayload(s, q), at).With(s.Metadata)
	if known(q) || q.Decision == quote.Declined {
		var err error
		if told.Persons, err = tx.Producers(ctx, s.ID); err != nil {
			return err
		}
	}
	tx.Emit(told)
	if err := tx.SaveSubmission(ctx, s); err != nil {
		return err
	}
	if s.Status == submission.Declined {
		board, err := d.wind(ctx, tx, s, at)
		board.Show(tx, quoteCard(q), at)
		return err
	}
	return rooms.ShowCard(ctx, tx, s.ID, quoteCard(q), at)
}

func quotedPayload(s submission.Submission, q quote.Quote) event.Payload {
	if q.Decision == quote.Declined {
		return event.SubmissionDeclined{SubmissionID: s.ID.String(), InsuredName: s.InsuredName, Reasons: q.Reasons, ExternalID: s.ExternalID}
	}
	decision := q.Decision
	if known(q) { // on its own, or since an underwriter agreed to it
		decision = quote.Quoted
	}
	return event.SubmissionQuoted{
		SubmissionID: s.ID.String(), QuoteID: q.ID.String(), InsuredName: s.InsuredName, Decision: string(decision), GrossPremium: q.GrossPremium,
		ExpiresAt: q.ExpiresAt.Format(time.RFC3339), ExternalID: s.ExternalID,
	}
}

// quoted is what the audit log keeps of a quote.
func quoted(s submission.Submission, q quote.Quote) audit.Fact {
	f := audit.Fact{Action: audit.Quoted, Object: s.ID.String(), Details: audit.Details{"quoteId": q.ID.String(), "decision": string(q.Decision)}}
	if j := q.Terms.Schedule; j != nil {
		f.Details["schedulePercent"], f.Details["scheduleReason"] = j.Percent, j.Reason
	}
	if q.Decision == quote.Declined {
		f.Action = audit.Declined
	}
	return f
}
