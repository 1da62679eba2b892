package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// A QueueFilter narrows the queue; what is empty does not.
type QueueFilter struct {
	Assignee             string // who has claimed it
	Unclaimed            bool   // nobody has
	Lane, LineOfBusiness string
	Clock                sla.State // how its clock stands at At: Running, Risky, Breached or Paused
	At                   time.Time
}

// A QueueKey is the place of a row in the queue: by when the desk has to act, of
// those the riskiest first.
type QueueKey struct {
	At   time.Time
	Rank int    // 100 less the score
	ID   string // the uuid form
}

// KeyOf is the place of a submission in the queue.
func KeyOf(s submission.Submission) QueueKey {
	due, _ := s.Clocks.Due()
	return QueueKey{At: due, Rank: 100 - s.Triage.Score, ID: s.ID.UUID()}
}

// Queue lists the submissions that wait for the desk, by their deadlines, after
// a place; the zero QueueKey is the start. It is for who may see all of the
// organisation's business. It returns one row more than limit when there are
// more.
func (r Reader) Queue(ctx context.Context, f QueueFilter, after QueueKey, limit int) ([]submission.Submission, error) {
	w := r.where()
	w.and("t.queue_at IS NOT NULL")
	w.equal("assignee", f.Assignee)
	if f.Unclaimed {
		w.and("t.assignee = ''")
	}
	w.equal("lane", f.Lane)
	w.equal("line_of_business", f.LineOfBusiness)
	switch f.Clock {
	case sla.Breached:
		w.and("t.queue_at <= $?", f.At)
	case sla.Risky:
		w.and("t.queue_at > $? AND t.risk_at <= $?", f.At, f.At)
	case sla.Running:
		w.and("t.queue_at > $? AND t.queue_at < $? AND t.risk_at > $?", f.At, sla.Never, f.At)
	case sla.Paused:
		w.and("t.queue_at = $?", sla.Never)
	}
	if !after.At.IsZero() {
		w.and("(t.queue_at, t.queue_rank, t.id) > ($?, $?, $?)", after.At, int16(after.Rank), after.ID) //nolint:gosec // from 0 to 100
	}
	from, where := "submission t", strings.Join(w.terms, " AND ")
	head := ""
	if f.Clock == sla.Risky { // little of the queue: to be found first and put in order then
		head, from, where = "WITH t AS MATERIALIZED (SELECT t.* FROM submission t WHERE "+where+") ", "t", "t.org_id = $1"
	}
	sql := fmt.Sprintf("%sSELECT %s FROM %s WHERE %s ORDER BY t.queue_at, t.queue_rank, t.id LIMIT %s", head, submissionColumns, from, where, w.arg(limit+1))
	return many(ctx, r, scanSubmission, sql, w.args...)
}

// saveClocksSQL notes what was told of a submission's clocks, which is no change
// of the submission.
const saveClocksSQL = `UPDATE submission t SET clocks = $3, timer_at = $4 WHERE t.org_id = $1 AND t.id = $2`

// SaveClocks saves what was told of the clocks of a submission that this
// transaction locked.
func (tx *Tx) SaveClocks(ctx context.Context, s submission.Submission) error {
	return tx.write(ctx, saveClocksSQL, tx.org.UUID(), s.ID.UUID(), s.Clocks, instant(s.TimerAt()))
}
