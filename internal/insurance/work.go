package insurance

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// on changes a submission that is locked, for one who may, and lets its clocks
// follow. What fn returns unchanged is left as it is.
func (d *Desk) on(ctx context.Context, by access.Actor, want access.Permission, id submission.ID, seen Version, fn submissionMove) (submission.Submission, error) {
	var s submission.Submission
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		was, at, err := d.open(ctx, tx, by, want, id, seen)
		if err != nil {
			return err
		}
		s, err = moveSubmission(ctx, tx, was, at, fn)
		return err
	})
	return s, err
}

// A submissionMove changes a submission that is locked; what it returns
// unchanged is left as it is.
type submissionMove func(*store.Tx, submission.Submission, time.Time) (submission.Submission, error)

// moveSubmission changes a submission that is locked, and lets its clocks follow.
func moveSubmission(ctx context.Context, tx *store.Tx, was submission.Submission, at time.Time, to submissionMove) (submission.Submission, error) {
	s, err := to(tx, was, at)
	if err != nil || reflect.DeepEqual(s, was) {
		return s, err
	}
	if s, err = follow(ctx, tx, s, at); err != nil {
		return s, err
	}
	s.Version++
	if len(submission.Differences(was, s)) > 0 {
		return s, tx.CorrectSubmission(ctx, s)
	}
	return s, tx.SaveSubmission(ctx, s)
}

// Correct changes what a submission says, as change has it. When the risk is
// another then, open quotes are superseded, and what was asked or agreed about
// it goes the way of a risk that has changed.
func (d *Desk) Correct(ctx context.Context, by access.Actor, id submission.ID, change func(*submission.Submission), seen Version) (submission.Submission, error) {
	s, err := d.on(ctx, by, access.Write, id, seen, func(tx *store.Tx, was submission.Submission, at time.Time) (submission.Submission, error) {
		s, material, err := was.Corrected(change, at)
		if err != nil {
			return s, err
		}
		fields := submission.Differences(was, s)
		if len(fields) == 0 {
			return was, nil
		}
		if s.LineOfBusiness != was.LineOfBusiness {
			if _, err := tx.Program(ctx, s.LineOfBusiness); err != nil {
				return s, err
			}
		}
		if err := handedOver(ctx, tx, was, s); err != nil {
			return s, err
		}
		if s, err = d.rescreened(ctx, tx, by, s, atCorrection, at); err != nil {
			return s, err
		}
		if material {
			if s, err = d.outgrown(ctx, tx, s, at); err != nil {
				return s, err
			}
		}
		data := event.SubmissionCorrected{
			SubmissionID: id.String(), InsuredName: s.InsuredName, Fields: fields, Material: material, Status: string(s.Status),
			ProducerID: s.Producer.String(), ExternalID: s.ExternalID,
		}
		if s.Producer != was.Producer {
			data.ProducerIDBefore = was.Producer.String()
		}
		tx.Emit(tellAssignee(event.New(s.Org, id.String(), data, at).With(s.Metadata), by, s.Assignee, s.Org))
		tx.Audit(by, audit.Fact{Action: audit.Corrected, Object: id.String(), Details: audit.Details{"fields": fields, "material": material}})
		return s, rooms.ShowCard(ctx, tx, id, correctedCard(material), at)
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("correct submission %s: %w", id, err)
	}
	return s, nil
}

// outgrown ends what was said about a risk that is now another.
func (d *Desk) outgrown(ctx context.Context, tx *store.Tx, s submission.Submission, at time.Time) (submission.Submission, error) {
	if err := tx.Supersede(ctx, s.ID); err != nil {
		return s, err
	}
	all, err := tx.LockReferralsOf(ctx, s.ID)
	if err != nil || len(all) == 0 {
		return s, err
	}
	if err := outgrow(ctx, tx, referral.PriceOf(s, nil), all, at); err != nil {
		return s, err
	}
	s.Status, _ = referral.Standing(s, nil, all, at)
	s.Clocks.Asked = asked(all)
	return s, nil
}

// tellAssignee lets an event be heard by who works on its submission, unless he
// did it himself.
func tellAssignee(e event.Event, by access.Actor, assignee string, org access.OrgID) event.Event {
	e.Author = by.ID
	if assignee != "" && assignee != by.ID {
		e.Persons = append(e.Persons, event.Person{Subject: assignee, Org: org, As: event.Assignee})
	}
	return e
}

// Claim takes a submission up: from then on it is his to decide. Of those who
// do at once, one has it and the others get submission.ErrClaimed, which names
// him.
func (d *Desk) Claim(ctx context.Context, by access.Actor, id submission.ID, seen Version) (submission.Submission, error) {
	s, err := d.on(ctx, by, access.Judge, id, seen, func(tx *store.Tx, was submission.Submission, at time.Time) (submission.Submission, error) {
		s, err := was.Claimed(by, at)
		if err != nil || s.Assignee == was.Assignee {
			return s, err
		}
		told := event.New(s.Org, id.String(), event.SubmissionClaimed{
			SubmissionID: id.String(), InsuredName: s.InsuredName, Assignee: by.ID, Status: string(s.Status), ExternalID: s.ExternalID,
		}, at).With(s.Metadata)
		told.Author = by.ID
		tx.Emit(told)
		tx.Audit(by, audit.Fact{Action: audit.Claimed, Object: id.String()})
		return s, nil
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("claim submission %s: %w", id, err)
	}
	return s, nil
}

// Release gives a submission back to everybody: who has it may, the lead
// underwriter of its room, and administrators.
func (d *Desk) Release(ctx context.Context, by access.Actor, id submission.ID, seen Version) (submission.Submission, error) {
	s, err := d.on(ctx, by, access.Judge, id, seen, func(tx *store.Tx, was submission.Submission, at time.Time) (submission.Submission, error) {
		leads, err := leads(ctx, tx, by, was)
		if err != nil {
			return was, err
		}
		s, err := was.Released(by, leads, at)
		if err != nil {
			return s, err
		}
		tx.Emit(tellAssignee(event.New(s.Org, id.String(), event.SubmissionReleased{
			SubmissionID: id.String(), InsuredName: s.InsuredName, Assignee: was.Assignee, ReleasedBy: by.ID, Status: string(s.Status), ExternalID: s.ExternalID,
		}, at).With(s.Metadata), by, was.Assignee, s.Org))
		tx.Audit(by, audit.Fact{Action: audit.Released, Object: id.String(), Details: audit.Details{"assignee": was.Assignee}})
		return s, nil
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("release submission %s: %w", id, err)
	}
	return s, nil
}

// leads reports whether by may act for whoever works on a submission.
func leads(ctx context.Context, tx *store.Tx, by access.Actor, s submission.Submission) (bool, error) {
	if by.Kind != access.User {
		return false, nil
	}
	if administers(ctx, tx, by) {
		return true, nil
	}
	r, ok, err := tx.RoomOf(ctx, s.ID)
	return ok && access.Check(ctx, tx, by, access.Moderate, r.Object()) == nil, err
}

// Decline ends a submission with an underwriter's no: of who has claimed it,
// when somebody has, or who may act for him. What has a price, or is asked about,
// takes the authority that answers it; what was never priced takes none.
func (d *Desk) Decline(ctx context.Context, by access.Actor, id submission.ID, e submission.Ending, seen Version) (submission.Submission, error) {
	s, err := d.on(ctx, by, access.Judge, id, seen, func(tx *store.Tx, was submission.Submission, at time.Time) (submission.Submission, error) {
		if by.Kind != access.User {
			return was, submission.ErrNoPerson
		}
		if held := was.Held(by.ID); held != nil {
			ok, err := leads(ctx, tx, by, was)
			if err != nil {
				return was, err
			}
			if !ok {
				return was, held
			}
		}
		e.By, e.At = by.ID, at
		s, err := was.Ended(submission.Decline, e)
		if err != nil {
			return s, err
		}
		if err := mayRefuse(ctx, tx, by, was, at); err != nil {
			return was, err
		}
		told := tellAssignee(event.New(s.Org, id.String(), event.SubmissionDeclined{
			SubmissionID: id.String(), InsuredName: s.InsuredName, Reasons: reasonsOf(e), Message: e.Message, ExternalID: s.ExternalID,
		}, at).With(s.Metadata), by, "", s.Org)
		tx.Audit(by, audit.Fact{Action: audit.Declined, Object: id.String(), Details: audit.Details{"reasons": e.Reasons}})
		return d.end(ctx, tx, s, told, at)
	})
	if err != nil {
		return submission.Submission{}, fmt.Errorf("decline submission %s: %w", id, err)
	}
	return s, nil
}

// mayRefuse returns authority.ErrExceeded unless somebody may refuse all that is
// offered and asked of a submission that is locked.
func mayRefuse(ctx context.Context, tx *store.Tx, by access.Actor, s submission.Submission, at time.Time) error {
	prices, err := pricesOf(ctx, tx, s)
	if err != nil {
		return err
	}
	if len(prices) == 0 { // a correction took the last one back: it says still how much this is about
		q, ok, err := tx.LatestQuote(ctx, s.ID)
		if err != nil {
			return err
		}
		if ok {
			prices = append(prices, referral.PriceOf(s, &q))
		}
	}
	all, err := tx.LockReferralsOf(ctx, s.ID)
	if err != nil || len(prices) == 0 && len(all) == 0 {
		return err
	}
	m := matter{Submission: s, At: at}
	if m.Program, err = tx.Program(ctx, s.LineOfBusiness); err != nil {
		return err
	}
	on, err := m.bench(ctx, tx, by)
	if err != nil {
		return err
	}
	return referral.MayRefuse(by, prices, all, on)
}

// Withdraw ends a submission for whoever brought it, or for the desk that was
// told so.
func (d *Desk) Withdraw(ctx context.Context, by access.Actor, id submission.ID, e submission.Ending, seen Version) (submission.Submission, error) {
	s, err := d.on(ctx, by, access.Accept, id, seen, d.withdraws(ctx, by, e))
	if err != nil {
		return submission.Submission{}, fmt.Errorf("withdraw submission %s: %w", id, err)
	}
	return s, nil
}

// withdraws is a withdrawal by somebody who may.
func (d *Desk) withdraws(ctx context.Context, by access.Actor, e submission.Ending) submissionMove {
	return func(tx *store.Tx, was submission.Submission, at time.Time) (submission.Submission, error) {
		e.By, e.At = by.ID, at
		s, err := was.Ended(submission.Withdraw, e)
		if err != nil {
			return s, err
		}
		told := tellAssignee(event.New(s.Org, s.ID.String(), event.SubmissionWithdrawn{
			SubmissionID: s.ID.String(), InsuredName: s.InsuredName, Reasons: reasonsOf(e), Message: e.Message, ExternalID: s.ExternalID,
		}, at).With(s.Metadata), by, s.Assignee, s.Org)
		tx.Audit(by, audit.Fact{Action: audit.Withdrawn, Object: s.ID.String(), Details: audit.Details{"reasons": e.Reasons}})
		return d.end(ctx, tx, s, told, at)
	}
}

// expire ends a submission of which nothing becomes.
func (d *Desk) expire(ctx context.Context, tx *store.Tx, was submission.Submission, at time.Time) error {
	_, err := moveSubmission(ctx, tx, was, at, func(tx *store.Tx, was submission.Submission, at time.Time) (submission.Submission, error) {
		e := submission.Ending{By: system(was.Org).ID, At: at, Reasons: []submission.Reason{submission.NoActivity}}
		s, err := was.Ended(submission.Expire, e)
		if err != nil {
			return s, err
		}
		told := tellAssignee(event.New(s.Org, s.ID.String(), event.SubmissionExpired{
			SubmissionID: s.ID.String(), InsuredName: s.InsuredName, ExternalID: s.ExternalID,
		}, at).With(s.Metadata), system(s.Org), s.Assignee, s.Org)
		return d.end(ctx, tx, s, told, at)
	})
	return err
}

// end ends what belongs to a submission that came to nothing: its quotes, what
// was asked about it, in time its room; and tells.
func (d *Desk) end(ctx context.Context, tx *store.Tx, s submission.Submission, told event.Event, at time.Time) (submission.Submission, error) {
	over := quote.Quote{Submission: s.ID}
	if s.Status == submission.Declined {
		q, ok, err := tx.LatestQuote(ctx, s.ID)
		if err != nil {
			return s, err
		}
		if ok && q.Status.IsOpen() {
			if err := tx.StandQuote(ctx, q.ID, quote.Status(quote.Declined)); err != nil {
				return s, err
			}
		}
	}
	if err := tx.PassOver(ctx, over, at); err != nil {
		return s, err
	}
	board, err := d.wind(ctx, tx, s, at)
	if err != nil {
		return s, err
	}
	s.Clocks.Asked = false
	parties, err := tx.Producers(ctx, s.ID)
	if err != nil {
		return s, err
	}
	told.Persons = append(told.Persons, parties...)
	tx.Emit(told)
	board.Show(tx, endingCard(s), at)
	return s, nil
}

// wind winds up what a submission that came to nothing leaves behind: in time its
// room, and what was asked and agreed about it.
func (d *Desk) wind(ctx context.Context, tx *store.Tx, s submission.Submission, at time.Time) (rooms.Board, error) {
	board, err := rooms.ScheduleClose(ctx, tx, s.ID, at.Add(d.cfg.CloseAfter))
	if err != nil {
		return board, err
	}
	return board, d.dropReferrals(ctx, tx, s, at)
}

// dropReferrals takes back what is asked about a submission that is over.
func (d *Desk) dropReferrals(ctx context.Context, tx *store.Tx, s submission.Submission, at time.Time) error {
	all, err := tx.LockReferralsOf(ctx, s.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	rules, err := tx.Rules(ctx)
	if err != nil {
		return err
	}
	m := matter{At: at}
	if m.Pace, err = rules.Pace(); err != nil {
		return err
	}
	for _, r := range all {
		after, told, ok := r.Dropped("The submission is over.", at)
		if !ok {
			continue
		}
		if _, err := save(ctx, tx, m, after, told); err != nil {
			return err
		}
	}
	return nil
}
