// Package insurance holds the use cases of the business: it asks who may, locks
// what changes, applies the rule of the packages below it, saves and tells; all
// or nothing.
package insurance

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// Config adjusts a Desk.
type Config struct {
	// MaxBackdate is how many days an effective date may lie back before its
	// quote is referred; negative sets no bound, as outside production.
	MaxBackdate int
	CloseAfter  time.Duration    // from bind or decline until the submission's room closes by itself; 14 days when 0
	Now         func() time.Time // time.Now when nil
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
	return &Desk{db: db, cfg: cfg}
}

func (d *Desk) now() time.Time { return d.cfg.Now().UTC().Truncate(time.Microsecond) }

// OpenProgram gives an organisation the general liability program with the rate
// book that a new program starts with.
func (d *Desk) OpenProgram(ctx context.Context, tx *store.Tx, org access.OrgID) error {
	at := d.now()
	p := quote.Program{
		ID: quote.NewProgramID(at), Org: org, Name: "General Liability", LineOfBusiness: "GL",
		AutoBindThreshold: 10_000_000, ReferAbove: 10_000_000, DeclineAbove: 25_000_000,
	}
	t := quote.RateTable{Version: 1, Book: rating.GeneralLiability()}
	return tx.AddProgram(ctx, p, t, civil.Date{Year: 2020, Month: time.January, Day: 1}, at)
}

// Submit receives a submission. What s says of its id, organisation, state and
// times is overwritten.
func (d *Desk) Submit(ctx context.Context, by access.Actor, s submission.Submission) (submission.Submission, error) {
	at := d.now()
	s.ID, s.Org, s.Status, s.CreatedBy = submission.NewID(at), by.Org, submission.Received, by.ID
	s.CreatedAt, s.UpdatedAt, s.Version = at, at, 1
	if s.Metadata == nil {
		s.Metadata = map[string]string{}
	}
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.Write, access.OrgObject(by.Org)); err != nil {
			return err
		}
		if err := s.Check(); err != nil {
			return err
		}
		if _, err := tx.Program(ctx, s.LineOfBusiness); err != nil {
			return err
		}
		tx.Emit(event.New(s.Org, s.ID.String(), event.SubmissionCreated{
			SubmissionID: s.ID.String(), InsuredName: s.InsuredName, LineOfBusiness: s.LineOfBusiness, State: s.State,
			EffectiveDate: s.EffectiveDate.String(), ExternalID: s.ExternalID,
		}, at))
		return tx.AddSubmission(ctx, s)
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("submit: %w", err)
	}
	return s, nil
}

// Version guards a change: it returns an error unless the version that the
// caller saw is the current one.
type Version func(current int) error

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
		told := event.New(s.Org, s.ID.String(), quotedPayload(s, q), at)
		if q.Decision != quote.Referred { // nothing is offered yet
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
	return event.SubmissionQuoted{
		SubmissionID: s.ID.String(), QuoteID: q.ID.String(), InsuredName: s.InsuredName, Decision: string(q.Decision), GrossPremium: q.GrossPremium,
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

// open locks a submission that by may work on, with its program.
func (d *Desk) open(ctx context.Context, tx *store.Tx, by access.Actor, want access.Permission, id submission.ID, seen Version) (submission.Submission, quote.Program, error) {
	s, err := tx.LockSubmission(ctx, id)
	if err != nil {
		return s, quote.Program{}, err
	}
	if err := access.Check(ctx, tx, by, want, access.Object{Type: access.Submission, ID: id.UUID(), Org: s.Org}); err != nil {
		return s, quote.Program{}, err
	}
	if err := seen(s.Version); err != nil {
		return s, quote.Program{}, err
	}
	p, err := tx.Program(ctx, s.LineOfBusiness)
	return s, p, err
}

// Bind makes a policy of a submission's newest quote, with its first
// transaction and its invoices. Of two binds at once the later one to lock the
// submission gets submission.ErrState.
func (d *Desk) Bind(ctx context.Context, by access.Actor, id submission.ID, o policy.Order, seen Version) (policy.Policy, error) {
	var bound policy.Policy
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := d.now()
		s, p, err := d.open(ctx, tx, by, access.Bind, id, seen)
		if err != nil {
			return err
		}
		q, quoted, err := tx.LatestQuote(ctx, id)
		if err != nil {
			return err
		}
		if quoted && s.Status != submission.Bound {
			if err := q.Bindable(p, at); err != nil {
				return err
			}
		}
		if s, err = s.Bind(at); err != nil {
			return err
		}
		// Refuse a plan before a number is taken: the counter is the last lock.
		if _, err := billing.Schedule(o.Plan, q.GrossPremium, s.EffectiveDate); err != nil {
			return err
		}
		if err := rooms.ScheduleClose(ctx, tx, s.ID, at.Add(d.cfg.CloseAfter)); err != nil {
			return err
		}
		series := policy.Series(s.LineOfBusiness, s.EffectiveDate)
		n, err := tx.NextNumber(ctx, series)
		if err != nil {
			return err
		}
		made, first, invoices, err := policy.Bind(s, q, o, policy.Number(series, n), by.ID, at)
		if err != nil {
			return err
		}
		bound = made
		if err := saveBound(ctx, tx, s, q, made, first, invoices); err != nil {
			return err
		}
		persons, err := d.partiesTo(ctx, tx, s, made, invoices)
		if err != nil {
			return err
		}
		tx.Emit(boundEvents(s, made, invoices, persons, at)...)
		tx.Audit(by, audit.Fact{Action: audit.PolicyBound, Object: made.ID.String(), Details: audit.Details{"submissionId": s.ID.String(), "quoteId": q.ID.String()}})
		return rooms.ShowCard(ctx, tx, s.ID, boundCard(made), at)
	})
	if err != nil {
		return policy.Policy{}, fmt.Errorf("bind %s: %w", id, err)
	}
	return bound, nil
}

func saveBound(ctx context.Context, tx *store.Tx, s submission.Submission, q quote.Quote, p policy.Policy, t policy.Transaction, invoices []billing.Invoice) error {
	if err := tx.AddPolicy(ctx, p, t); err != nil {
		return err
	}
	if err := tx.AddInvoices(ctx, p, invoices); err != nil {
		return err
	}
	if err := tx.BoundQuote(ctx, q.ID); err != nil {
		return err
	}
	return tx.SaveSubmission(ctx, s)
}

// boundEvents tells of a bind to persons. Of the invoices that it made, only the
// one that is due first rings a phone.
func boundEvents(s submission.Submission, p policy.Policy, invoices []billing.Invoice, persons []event.Person, at time.Time) []event.Event {
	told := []event.Event{event.New(p.Org, p.ID.String(), event.PolicyBound{
		PolicyID: p.ID.String(), PolicyNumber: p.Number, SubmissionID: s.ID.String(), GrossPremium: p.GrossPremium,
		EffectiveDate: p.Effective.String(), ExpirationDate: p.Expiration.String(), ExternalID: p.ExternalID,
	}, at)}
	for n, i := range invoices {
		e := event.New(p.Org, i.ID.String(), event.InvoiceCreated{
			InvoiceID: i.ID.String(), PolicyID: i.Policy, Amount: i.Amount, DueDate: i.Due.String(),
		}, at)
		e.Quiet = n > 0
		told = append(told, e)
	}
	for i := range told {
		told[i].Persons = persons
	}
	return told
}

// partiesTo are who hears of a policy in person: those who brought it, and its
// policyholder, when the submission says how to reach him. He may read the
// policy and its invoices from now on.
func (d *Desk) partiesTo(ctx context.Context, tx *store.Tx, s submission.Submission, p policy.Policy, invoices []billing.Invoice) ([]event.Person, error) {
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
	objects := []access.Object{{Type: access.Policy, ID: p.ID.UUID(), Org: p.Org}}
	for _, i := range invoices {
		objects = append(objects, access.Object{Type: access.Invoice, ID: i.ID.UUID(), Org: p.Org})
	}
	for _, o := range objects {
		if err := tx.Relate(ctx, o, access.Tuple{Relation: event.Insured, SubjectType: "person", SubjectID: holder.ID.UUID()}); err != nil {
			return nil, err
		}
	}
	return append(parties, event.Person{Subject: holder.ID.String(), Org: s.Org, As: event.Insured}), nil
}
