package insurance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// mayDraft checks whose a draft is: its author's, and the administrators', who
// may have to finish what somebody left behind. For others there is none.
func mayDraft(ctx context.Context, r access.Tuples, by access.Actor, s submission.Submission) error {
	want := access.Administer
	if s.CreatedBy == by.ID {
		want = access.Write
	}
	err := access.Check(ctx, r, by, want, access.OrgObject(s.Org))
	if want == access.Administer && fault.KindOf(err) == fault.Forbidden {
		return fault.ErrNotFound
	}
	return err
}

// Draft keeps what somebody has of a submission until he submits it. It is heard
// and found by nobody else. What s says of its id, organisation, state and times
// is overwritten.
func (d *Desk) Draft(ctx context.Context, by access.Actor, s submission.Submission) (submission.Submission, error) {
	if s.Metadata == nil {
		s.Metadata = map[string]string{}
	}
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := d.now(tx)
		if err := access.Check(ctx, tx, by, access.Write, access.OrgObject(by.Org)); err != nil {
			return err
		}
		s.ID, s.Org, s.Status, s.CreatedBy, s.CreatedAt, s.UpdatedAt, s.Version = submission.NewID(at), by.Org, submission.Draft, by.ID, at, at, 1
		if err := knowsProducer(ctx, tx, s); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.Drafted, Object: s.ID.String()})
		return tx.AddDraft(ctx, s)
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("draft: %w", err)
	}
	return s, nil
}

// knowsProducer refuses a producer that is none of the organisation's.
func knowsProducer(ctx context.Context, tx *store.Tx, s submission.Submission) error {
	if s.Producer.IsZero() {
		return nil
	}
	_, err := tx.Producer(ctx, s.Producer)
	return unknown(err, fault.ErrValidation.Field("producerId", "exists"))
}

// DraftOf reads a draft that is by's.
func (d *Desk) DraftOf(ctx context.Context, by access.Actor, id submission.ID) (submission.Submission, error) {
	s, err := draftOf(ctx, d.db.As(by), by, id)
	if err != nil {
		return submission.Submission{}, fmt.Errorf("draft %s: %w", id, err)
	}
	return s, nil
}

// drafts is what draftOf reads of.
type drafts interface {
	access.Tuples
	Draft(context.Context, submission.ID) (submission.Submission, error)
}

func draftOf(ctx context.Context, r drafts, by access.Actor, id submission.ID) (submission.Submission, error) {
	s, err := r.Draft(ctx, id)
	if err != nil {
		return s, err
	}
	return s, mayDraft(ctx, r, by, s)
}

// Drafts lists the drafts that are by's, newest first: those of all for an
// administrator.
func (d *Desk) Drafts(ctx context.Context, by access.Actor, f store.SubmissionFilter, p store.Page) ([]submission.Submission, error) {
	r := d.db.As(by)
	of := by.ID
	err := mayDraft(ctx, r, by, submission.Submission{Org: by.Org}) // of somebody's
	switch {
	case err == nil:
		of = ""
	case fault.KindOf(err) != fault.NotFound:
		return nil, err
	}
	return r.Drafts(ctx, of, f, p)
}

// onDraft does something with a draft that is locked and by's. One that is a
// submission already is submission.ErrState, to who may read it.
func (d *Desk) onDraft(ctx context.Context, by access.Actor, id submission.ID, seen Version, fn func(*store.Tx, submission.Submission, time.Time) error) error {
	return d.db.InTx(ctx, by, func(tx *store.Tx) error {
		s, err := tx.LockDraft(ctx, id)
		if errors.Is(err, fault.ErrNotFound) {
			return submitted(ctx, tx, by, id)
		}
		if err != nil {
			return err
		}
		if err := mayDraft(ctx, tx, by, s); err != nil {
			return err
		}
		if err := seen(s.Version); err != nil {
			return err
		}
		return fn(tx, s, d.now(tx))
	})
}

// submitted says of a submission that it is no draft.
func submitted(ctx context.Context, tx *store.Tx, by access.Actor, id submission.ID) error {
	s, err := tx.Submission(ctx, id)
	if err != nil {
		return err
	}
	if err := access.Check(ctx, tx, by, access.Read, submissionObject(s)); err != nil {
		return err
	}
	if err := access.Check(ctx, tx, by, access.Write, submissionObject(s)); err != nil {
		return err
	}
	return submission.ErrState.With("status", s.Status)
}

// undrafted says of what was not found as a submission that it is a draft, to
// whom it belongs.
func undrafted(ctx context.Context, r drafts, by access.Actor, id submission.ID, err error) error {
	if !errors.Is(err, fault.ErrNotFound) {
		return err
	}
	if _, drafted := draftOf(ctx, r, by, id); drafted == nil {
		return submission.ErrState.With("status", submission.Draft)
	}
	return err
}

// Redraft changes what a draft says, as change has it.
func (d *Desk) Redraft(ctx context.Context, by access.Actor, id submission.ID, change func(*submission.Submission), seen Version) (submission.Submission, error) {
	var s submission.Submission
	err := d.onDraft(ctx, by, id, seen, func(tx *store.Tx, was submission.Submission, at time.Time) (err error) {
		if s, _, err = was.Corrected(change, at); err != nil {
			return err
		}
		if s.Producer != was.Producer {
			if err := knowsProducer(ctx, tx, s); err != nil {
				return err
			}
		}
		s.Version++
		return tx.SaveDraft(ctx, s)
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("correct draft %s: %w", id, err)
	}
	return s, nil
}

// SubmitDraft makes a submission of a draft, as Submit does.
func (d *Desk) SubmitDraft(ctx context.Context, by access.Actor, id submission.ID, seen Version) (submission.Submission, error) {
	var s submission.Submission
	err := d.onDraft(ctx, by, id, seen, func(tx *store.Tx, draft submission.Submission, at time.Time) (err error) {
		if s, err = draft.Submitted(at); err != nil {
			return err
		}
		if err := tx.DropDraft(ctx, id); err != nil {
			return err
		}
		s.Version++
		s, err = d.receive(ctx, tx, by, s, at)
		return err
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("submit draft %s: %w", id, err)
	}
	return s, nil
}

// DropDraft throws a draft away.
func (d *Desk) DropDraft(ctx context.Context, by access.Actor, id submission.ID, seen Version) error {
	err := d.onDraft(ctx, by, id, seen, func(tx *store.Tx, _ submission.Submission, _ time.Time) error {
		tx.Audit(by, audit.Fact{Action: audit.DraftDropped, Object: id.String()})
		return tx.DropDraft(ctx, id)
	})
	if err != nil {
		return fmt.Errorf("drop draft %s: %w", id, err)
	}
	return nil
}
