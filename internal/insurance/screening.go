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
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// The sources of an insured's screenings in the audit log.
const (
	atReceipt    = "submission_received"
	atCorrection = "submission_corrected"
	atQuote      = "quote"
	atOffer      = "offer"
	atAcceptance = "acceptance"
	atBind       = "bind"
	atReview     = "sanctions_review"
	atNewList    = "list_changed"
)

// screened returns a submission whose insured was compared with the list that is
// in force, and whether he had to be: as long as names and list are the same, the
// screening that there is will do.
func (d *Desk) screened(s submission.Submission) (submission.Submission, bool) {
	version := d.cfg.Sanctions.Version()
	if !s.Stale(version) {
		return s, false
	}
	found, former := d.cfg.Sanctions.Screen(s.Names()), []string(nil)
	for _, name := range s.Former() {
		if of := d.cfg.Sanctions.Screen([]string{name}); of.Decision != producer.Pass {
			found, former = found.Beside(of), append(former, name)
		}
	}
	return s.Screened(found, former, version), true
}

// screenInsured is screened, for a transaction that has the submission and saves
// its screening: it keeps in the audit log what was found, and tells of it.
func (d *Desk) screenInsured(tx *store.Tx, by access.Actor, was submission.Submission, source string, at time.Time) (submission.Submission, bool) {
	s, again := d.screened(was)
	if !again || s.Screening.Decision == producer.Pass {
		return s, again
	}
	tx.Audit(by, screenedFact(audit.InsuredScreened, s.ID.String(), s.Screening.Screening, source))
	now := s.Sanctions()
	told := now == was.Sanctions() && was.Screening.Decision == s.Screening.Decision && slices.Equal(was.Screening.Names, s.Screening.Names)
	if told || now == submission.SanctionsCleared {
		return s, again
	}
	tx.Emit(event.New(s.Org, s.ID.String(), event.SanctionsReview{
		SubmissionID: s.ID.String(), Decision: string(s.Screening.Decision), Matches: len(s.Screening.Matches), List: s.Screening.List, ExternalID: s.ExternalID,
	}, at).With(s.Metadata))
	return s, again
}

// rescreened is screenInsured for a submission that is locked, and saves what
// came of it. That is no new version of the submission: whoever brought it would
// see that there is one.
func (d *Desk) rescreened(ctx context.Context, tx *store.Tx, by access.Actor, s submission.Submission, source string, at time.Time) (submission.Submission, error) {
	s, again := d.screenInsured(tx, by, s, source, at)
	if !again {
		return s, nil
	}
	return s, tx.SaveScreening(ctx, s)
}

// sanctioned is what the quote of a submission is refused with when there can be
// no business with its insured; nil when there can. Only who is inside the
// company learns why.
func (d *Desk) sanctioned(ctx context.Context, r access.Tuples, by access.Actor, s submission.Submission) (*fault.Error, error) {
	if s, _ := d.screened(s); s.Sanctions() != submission.SanctionsBlocked {
		return nil, nil
	}
	in, err := inside(ctx, r, by, s.Org)
	if err != nil {
		return nil, err
	}
	if !in {
		return fault.ErrForbidden, nil
	}
	return producer.ErrSanctions.Saying("The insured's name is on a sanctions list: there can be no business."), nil
}

// notBlocked refuses, as a bind does, to offer or to accept a quote when there can
// be no business with the insured, by the list that is in force now. A likeness
// that nobody has looked at yet holds up neither: it is the bind's.
func (d *Desk) notBlocked(ctx context.Context, tx *store.Tx, by access.Actor, s submission.Submission, source string, at time.Time) error {
	s, err := d.rescreened(ctx, tx, by, s, source, at)
	if err == nil && s.Sanctions() == submission.SanctionsBlocked {
		err = quote.ErrNotBindable.With("blockers", []string{submission.SanctionsMatch})
	}
	return err
}

// notSanctioned is the gate of sanctions lists: of the one that is in force at
// the bind.
func (d *Desk) notSanctioned(ctx context.Context, tx *store.Tx, b *bid) ([]string, error) {
	s, again := d.screened(b.Submission)
	code := ""
	switch s.Sanctions() {
	case submission.SanctionsBlocked:
		code = submission.SanctionsMatch
	case submission.SanctionsPending:
		code = submission.SanctionsReview
	}
	if code == "" {
		if again && b.Held { // evidence of the list that was asked
			tx.Audit(b.By, screenedFact(audit.InsuredScreened, s.ID.String(), s.Screening.Screening, atBind))
		}
		return nil, nil
	}
	in, err := inside(ctx, tx, b.By, s.Org)
	if err != nil {
		return nil, err
	}
	if !in {
		code = underReview
	}
	return []string{code}, nil
}

// underReview is what somebody of another company reads in place of what must
// not be told.
const underReview = "underwriting_review"

// inside reports whether somebody reads what the company makes of its business.
func inside(ctx context.Context, r access.Tuples, by access.Actor, org access.OrgID) (bool, error) {
	err := access.Check(ctx, r, by, access.ViewBusiness, access.OrgObject(org))
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.NotFound:
		return false, nil
	}
	return err == nil, err
}

// ReviewInsured is a person's word about the likeness of an insured's name with
// one on a sanctions list: of a compliance officer, or an administrator.
func (d *Desk) ReviewInsured(ctx context.Context, by access.Actor, id submission.ID, cleared bool, rationale string, seen Version) (submission.Submission, error) {
	var s submission.Submission
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		was, at, err := d.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.Read, submissionObject(was)); err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.ReviewSanctions, access.OrgObject(was.Org)); err != nil {
			return err
		}
		if err := seen(was.Version); err != nil {
			return err
		}
		s, _ = d.screenInsured(tx, by, was, atReview, at)
		if s, err = s.Reviewed(producer.Reviewed{By: by.ID, At: at, Decision: saying(cleared), Rationale: rationale}); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.InsuredReviewed, Object: id.String(), Details: audit.Details{"decision": saying(cleared)}})
		return tx.SaveScreening(ctx, s)
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("review the insured of submission %s: %w", id, err)
	}
	return s, nil
}

// ScreenAnew compares the insureds of all that is open with the list that is in
// force, of every organisation, each in a transaction of its own: those that
// were compared with it already cost nothing. Several nodes may do it at once.
// What fails holds nothing else up. It returns how many were compared.
func (d *Desk) ScreenAnew(ctx context.Context) (int, error) {
	done, failures := 0, 0
	var failed error
	version := d.cfg.Sanctions.Version()
	for after := (submission.ID{}); ; {
		stale, err := d.db.Unscreened(ctx, version, after, dueBatch)
		if err != nil {
			return done, errors.Join(failed, fmt.Errorf("find who was not screened: %w", err))
		}
		for _, x := range stale {
			err := d.db.InTx(ctx, system(x.Org), func(tx *store.Tx) error {
				s, at, err := d.lock(ctx, tx, x.ID)
				if err != nil {
					return err
				}
				_, err = d.rescreened(ctx, tx, system(x.Org), s, atNewList, at)
				return err
			})
			if err == nil {
				done++
			} else if failures++; failures <= mostTold {
				failed = errors.Join(failed, fmt.Errorf("screen the insured of submission %s: %w", x.ID, err))
			}
			after = x.ID
		}
		if len(stale) < dueBatch || ctx.Err() != nil {
			return done, andMore(failed, failures)
		}
	}
}
