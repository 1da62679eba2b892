package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/insurance/calendar"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// What expired while its clocks ran on, in a database of before, has them
// stopped as of its end by the migration, as if they had followed; and the
// database refuses to put what has ended into the queue.
func TestEndedClocksAreStopped(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	rooms := map[string]submission.ID{}
	for _, name := range []string{"taken", "waiting", "asked", "open"} {
		rooms[name] = storetest.Room(t, db, by).Submission
	}
	day, err := calendar.Parse(calendar.Standard(), "")
	if err != nil {
		t.Fatal(err)
	}
	pace := sla.Pace{Respond: 4 * time.Hour, Quote: 16 * time.Hour, Calendar: day}
	began := queueNow
	ended := began.AddDate(0, 0, submission.IdleDays)
	waits := sla.Clocks{}.Follow(pace, sla.Stand{Waits: true}, began)
	clocks := map[string]sla.Clocks{
		"waiting": waits,
		"taken":   waits.Follow(pace, sla.Stand{Waits: true, Taken: true}, began.Add(4*time.Hour)),
		"asked":   waits.Follow(pace, sla.Stand{Waits: true, Taken: true, Asked: true}, began.Add(4*time.Hour)),
		"open":    waits,
	}
	storetest.SQL(t, db, `ALTER TABLE submission DROP CONSTRAINT submission_queue_waits`)
	for name, c := range clocks {
		status := submission.Expired
		if name == "open" {
			status = submission.Received
		}
		due, risk := c.Due()
		storetest.SQL(t, db, `UPDATE submission SET status = $2, clocks = $3, queue_at = $4, risk_at = $5, timer_at = $4, updated_at = $6 WHERE id = $1`,
			rooms[name].UUID(), string(status), c, due, risk, ended)
	}
	files, err := filepath.Glob("migrations/*_ended_clocks.sql")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, db, string(text))
	for name, c := range clocks {
		want := c.Follow(sla.Pace{}, sla.Stand{}, ended)
		if name == "open" {
			want = c
		}
		s, err := db.As(by).Submission(t.Context(), rooms[name])
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, s.Clocks); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	q, err := db.As(by).Queue(t.Context(), store.QueueFilter{}, store.QueueKey{}, 10)
	if err != nil || len(q) != 1 || q[0].ID != rooms["open"] {
		t.Errorf("%d in the queue: %v", len(q), err)
	}
	if n := storetest.Value[int](t, db, `SELECT count(*)::int FROM submission WHERE status = 'expired' AND (risk_at IS NOT NULL OR timer_at IS NOT NULL)`); n != 0 {
		t.Errorf("%d are still due", n)
	}
	_, err = connect(t, storetest.Address(db)).Exec(t.Context(), `UPDATE submission SET queue_at = now() WHERE status = 'expired'`)
	if held, ok := errors.AsType[*pgconn.PgError](err); !ok || held.ConstraintName != "submission_queue_waits" {
		t.Errorf("what has ended is put into the queue: %v", err)
	}
}
