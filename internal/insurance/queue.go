package insurance

import (
	"context"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// A Queue is a page of the submissions that wait for the desk, at a moment.
type Queue struct {
	Rows       []submission.Submission // one more than was asked for when there are more
	Duplicates map[submission.ID][]submission.Duplicate
	At         time.Time
}

// Queue lists what waits for the desk, by when it has to act; of what is due at
// once the riskiest is first.
func (d *Desk) Queue(ctx context.Context, by access.Actor, f store.QueueFilter, after store.QueueKey, limit int) (Queue, error) {
	r := d.db.As(by)
	if err := access.Check(ctx, r, by, access.ViewBusiness, access.OrgObject(by.Org)); err != nil {
		return Queue{}, err
	}
	ahead, err := r.Ahead(ctx)
	if err != nil {
		return Queue{}, fmt.Errorf("queue: %w", err)
	}
	q := Queue{At: d.real().Add(ahead)}
	f.At = q.At
	if q.Rows, err = r.Queue(ctx, f, after, limit); err != nil {
		return Queue{}, fmt.Errorf("queue: %w", err)
	}
	ids := make([]submission.ID, min(limit, len(q.Rows)))
	for i := range ids {
		ids[i] = q.Rows[i].ID
	}
	if len(ids) == 0 {
		return q, nil
	}
	if q.Duplicates, err = r.Duplicates(ctx, ids...); err != nil {
		return Queue{}, fmt.Errorf("queue: %w", err)
	}
	return q, nil
}

// tickSubmission tells of the clocks of a submission that have passed a mark by
// a time of its organisation, of each mark once; or ends it, when nothing has
// become of it for long.
func (d *Desk) tickSubmission(ctx context.Context, tx *store.Tx, due store.Due, at time.Time) (bool, error) {
	s, err := tx.LockSubmission(ctx, due.Submission)
	if err != nil {
		return false, err
	}
	if next := s.TimerAt(); next.IsZero() || next.After(at) { // another node was faster
		return false, nil
	}
	if end := s.ExpiresAt(); !end.IsZero() && !end.After(at) {
		return true, d.expire(ctx, tx, s, at)
	}
	var crossed []sla.Crossing
	if s.Clocks, crossed = s.Clocks.Tick(at); len(crossed) > 0 {
		hear, err := hearing(ctx, tx, s)
		if err != nil {
			return false, err
		}
		for _, c := range crossed {
			told := event.New(s.Org, s.ID.String(), late(s, c), at).With(s.Metadata)
			told.Persons = hear
			tx.Emit(told)
		}
	}
	return true, tx.SaveClocks(ctx, s)
}

func late(s submission.Submission, c sla.Crossing) event.Payload {
	clock := event.SubmissionClock{
		SubmissionID: s.ID.String(), InsuredName: s.InsuredName, Clock: c.Clock, DueAt: c.DueAt.UTC().Format(time.RFC3339), Assignee: s.Assignee,
		Lane: string(s.Triage.Lane), Score: s.Triage.Score, ExternalID: s.ExternalID,
	}
	if c.State == sla.Breached {
		return event.SubmissionBreached{SubmissionClock: clock}
	}
	return event.SubmissionAtRisk{SubmissionClock: clock}
}

// hearing are who hears of a submission's clocks: who works on it, and who leads
// its room.
func hearing(ctx context.Context, tx *store.Tx, s submission.Submission) ([]event.Person, error) {
	var all []event.Person
	if s.Assignee != "" {
		all = append(all, event.Person{Subject: s.Assignee, Org: s.Org, As: event.Assignee})
	}
	r, ok, err := tx.RoomOf(ctx, s.ID)
	if err != nil || !ok {
		return all, err
	}
	in, err := tx.Participants(ctx, r.ID)
	for _, p := range in {
		if id := p.User.String(); p.Role == room.Lead && id != s.Assignee {
			all = append(all, event.Person{Subject: id, Org: s.Org, As: event.Next})
		}
	}
	return all, err
}
