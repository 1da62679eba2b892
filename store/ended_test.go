package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/insurance/calendar"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// What ended while its clocks ran on, in a database of before, has them stopped
// as of its end by the migration, as if they had followed. What waits and was not
// in the queue has its answer due, and what waits in the queue stays as it is.
func TestEndedClocksAreStopped(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	day, err := calendar.Parse(calendar.Standard(), "")
	if err != nil {
		t.Fatal(err)
	}
	pace := sla.Pace{Respond: 4 * time.Hour, Quote: 16 * time.Hour, Calendar: day}
	began := queueNow
	ended := began.AddDate(0, 0, submission.IdleDays)
	waits := sla.Clocks{}.Follow(pace, sla.Stand{Waits: true}, began)
	ways := map[string]sla.Clocks{
		"waiting": waits,
		"taken":   waits.Follow(pace, sla.Stand{Waits: true, Taken: true}, began.Add(4*time.Hour)),
		"asked":   waits.Follow(pace, sla.Stand{Waits: true, Taken: true, Asked: true}, began.Add(4*time.Hour)),
	}
	want := map[submission.ID]sla.Clocks{}
	put := func(status submission.Status, c sla.Clocks) submission.ID {
		id := storetest.Room(t, db, by).Submission
		due, risk := c.Due()
		storetest.SQL(t, db, `UPDATE submission SET status = $2, clocks = $3, queue_at = nullif($4, $7::timestamptz), risk_at = nullif($5, $7), timer_at = nullif($4, $7), updated_at = $6 WHERE id = $1`,
			id.UUID(), string(status), c, due, risk, ended, time.Time{})
		return id
	}
	for _, status := range []submission.Status{submission.Declined, submission.Withdrawn, submission.Expired, submission.Bound} {
		for _, c := range ways {
			want[put(status, c)] = c.Follow(sla.Pace{}, sla.Stand{}, ended)
		}
	}
	open := put(submission.Received, waits)
	want[open] = waits
	answered := ways["taken"].Follow(pace, sla.Stand{}, began.Add(5*time.Hour))
	quoted, left := put(submission.Quoted, answered), put(submission.Referred, answered)
	want[quoted] = answered
	files, err := filepath.Glob("migrations/*_ended_clocks.sql")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Truncate(time.Microsecond)
	storetest.SQL(t, db, string(text))
	for id, c := range want {
		s, err := db.As(by).Submission(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, s.Clocks); d != "" {
			t.Errorf("%s: %s", s.Status, d)
		}
	}
	q, err := db.As(by).Queue(t.Context(), store.QueueFilter{}, store.QueueKey{}, 50)
	if err != nil || len(q) != 2 || !slices.ContainsFunc(q, func(s submission.Submission) bool { return s.ID == open }) {
		t.Errorf("%d in the queue: %v", len(q), err)
	}
	if n := storetest.Value[int](t, db, `SELECT count(*)::int FROM submission WHERE status IN ('declined', 'withdrawn', 'expired', 'bound')
		AND (queue_at IS NOT NULL OR risk_at IS NOT NULL OR timer_at IS NOT NULL)`); n != 0 {
		t.Errorf("%d are still due", n)
	}
	s, err := db.As(by).Submission(t.Context(), left)
	if err != nil {
		t.Fatal(err)
	}
	due, risk := s.Clocks.Due()
	if !s.Clocks.Settled(s.Stand(false)) || !cmp.Equal(s.Clocks.Response, answered.Response) || due.Before(before.Add(48*time.Hour)) || !risk.Before(due) ||
		s.Clocks.State(before) != sla.Running || s.Clocks.Quote.Within != pace.Quote {
		t.Errorf("what was left out has the clocks %+v", s.Clocks)
	}
	if !storetest.Value[bool](t, db, `SELECT (queue_at, risk_at, timer_at) = ($2::timestamptz, $3::timestamptz, $4::timestamptz) FROM submission WHERE id = $1`, left.UUID(), due, risk, s.TimerAt()) {
		t.Errorf("what was left out is due otherwise than %s, %s, %s", due, risk, s.TimerAt())
	}
}
