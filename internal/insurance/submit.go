package insurance

import (
	"context"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// Submit receives a submission. What s says of its id, organisation, state and
// times is overwritten.
func (d *Desk) Submit(ctx context.Context, by access.Actor, s submission.Submission) (submission.Submission, error) {
	if s.Metadata == nil {
		s.Metadata = map[string]string{}
	}
	err := d.db.InTx(ctx, by, func(tx *store.Tx) (err error) {
		at := d.now(tx)
		s.ID, s.Org, s.Status, s.CreatedBy, s.Version = submission.NewID(at), by.Org, submission.Received, by.ID, 1
		s, err = d.receive(ctx, tx, by, s, at)
		return err
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("submit: %w", err)
	}
	return s, nil
}

// receive adds a submission that somebody submits now, and tells of it.
func (d *Desk) receive(ctx context.Context, tx *store.Tx, by access.Actor, s submission.Submission, at time.Time) (submission.Submission, error) {
	s.CreatedAt, s.UpdatedAt = at, at
	s.Assignee, s.ClaimedAt, s.Ending, s.Clocks, s.Screening, s.Priority = "", nil, nil, sla.Clocks{}, submission.Screening{}, s.Urgent()
	s = s.Scored()
	if err := access.Check(ctx, tx, by, access.Write, access.OrgObject(by.Org)); err != nil {
		return s, err
	}
	if err := s.CheckAt(at); err != nil {
		return s, err
	}
	if _, err := tx.Program(ctx, s.LineOfBusiness); err != nil {
		return s, err
	}
	tx.Emit(event.New(s.Org, s.ID.String(), event.SubmissionCreated{
		SubmissionID: s.ID.String(), InsuredName: s.InsuredName, LineOfBusiness: s.LineOfBusiness, State: s.State,
		EffectiveDate: s.EffectiveDate.String(), ExternalID: s.ExternalID,
	}, at).With(s.Metadata))
	s, _ = d.screenInsured(tx, by, s, atReceipt, at)
	if err := brought(ctx, tx, s); err != nil {
		return s, err
	}
	s, err := follow(ctx, tx, s, at)
	if err != nil {
		return s, err
	}
	return s, tx.AddSubmission(ctx, s)
}

// PossibleDuplicates finds what may be the same business as a submission, in the
// transaction of whoever made it when there is one.
func (d *Desk) PossibleDuplicates(ctx context.Context, by access.Actor, id submission.ID) ([]submission.Duplicate, error) {
	var found []submission.Duplicate
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.ViewBusiness, access.OrgObject(by.Org)); err != nil {
			return err
		}
		all, err := tx.Duplicates(ctx, id)
		found = all[id]
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("duplicates of %s: %w", id, err)
	}
	return found, nil
}
