package insurance

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// Quote prices a submission and returns the new version of its quote; the ones
// before are superseded.
func (d *Desk) Quote(ctx context.Context, by access.Actor, id submission.ID, seen Version) (quote.Quote, error) {
	var q quote.Quote
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := d.now()
		s, p, err := d.open(ctx, tx, by, access.Write, id, seen)
		if err != nil {
			return err
		}
		t, err := tx.RateTable(ctx, p.ID, s.EffectiveDate)
		if err != nil {
			return err
		}
		if q, err = quote.Make(s, p, t, quote.Dates{Today: civil.DateOf(at), MaxBackdate: d.cfg.MaxBackdate}, at); err != nil {
			return err
		}
		if s, err = s.Rated(submission.Status(q.Decision), at); err != nil {
			return err
		}
		if q.Version, err = tx.AddQuote(ctx, q); err != nil {
			return err
		}
		if s, q, err = d.reconsider(ctx, tx, s, q, at); err != nil {
			return err
		}
		told := event.New(s.Org, s.ID.String(), quotedPayload(s, q), at)
		if offered(q) || q.Decision == quote.Declined {
			if told.Persons, err = tx.Producers(ctx, s.ID); err != nil {
				return err
			}
		}
		tx.Emit(told)
		tx.Audit(by, quoted(s, q))
		if err := tx.SaveSubmission(ctx, s); err != nil {
			return err
		}
		if s.Status == submission.Declined {
			if err := rooms.ScheduleClose(ctx, tx, s.ID, at.Add(d.cfg.CloseAfter)); err != nil {
				return err
			}
		}
		return rooms.ShowCard(ctx, tx, s.ID, quoteCard(q), at)
	})
	if err != nil {
		return quote.Quote{}, fmt.Errorf("quote %s: %w", id, err)
	}
	return q, nil
}

func quotedPayload(s submission.Submission, q quote.Quote) event.Payload {
	if q.Decision == quote.Declined {
		return event.SubmissionDeclined{SubmissionID: s.ID.String(), InsuredName: s.InsuredName, Reasons: q.Reasons, ExternalID: s.ExternalID}
	}
	decision := q.Decision
	if offered(q) { // on its own, or since an underwriter agreed to it
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
	if q.Decision == quote.Declined {
		f.Action = audit.Declined
	}
	return f
}
