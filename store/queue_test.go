package store_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// manySubmissions adds n submissions of an organisation, two thirds of which
// wait for the desk: due one a minute from an hour before now on, a third of
// these claimed by one of forty, every fiftieth of them waiting for information.
const manySubmissions = `INSERT INTO submission (id, org_id, insured_name, naics_code, annual_revenue, requested_limit, effective_date, state, line_of_business,
	status, created_by, created_at, updated_at, assignee, score, queue_rank, lane, queue_at, risk_at, timer_at, clocks, match_name)
	SELECT gen_random_uuid(), $1, 'Builder ' || g, '236220', 800000000, 100000000, date '2026-01-01' + g % 700, 'OR',
		(ARRAY['GL', 'CYBER', 'EO', 'WC', 'PROPERTY', 'UMBRELLA', 'COMMERCIAL_AUTO'])[1 + g % 7], CASE WHEN due IS NULL THEN 'bound' ELSE 'received' END,
		'usr', made, made, who, score, 100 - score, CASE WHEN score < 30 THEN 'auto_process' WHEN score < 70 THEN 'underwriter_review' ELSE 'escalate' END,
		due, risk, CASE WHEN due > $2::timestamptz AND due < '2199-01-01' THEN risk END,
		CASE WHEN due IS NULL THEN '{}' WHEN due > '2199-01-01' THEN jsonb_build_object('waits', true, 'asked', true) ELSE jsonb_build_object('waits', true, 'quote', jsonb_build_object('startedAt', made, 'since', made, 'within', 57600000000000,
			'dueAt', due, 'riskAt', risk)) END, md5(((g * 7919) % $3 / 3)::text)
	FROM (SELECT g, made, score, who, due, CASE WHEN due > '2199-01-01' THEN due ELSE due - interval '30 minutes' END AS risk FROM (
		SELECT g, $2::timestamptz - interval '2 days' + g * interval '1 second' AS made, (g * 37) % 101 AS score,
			CASE WHEN g % 3 = 0 THEN 'usr_' || g % 40 ELSE '' END AS who,
			CASE WHEN g % 3 = 2 THEN NULL WHEN g % 50 = 0 THEN '2200-01-01Z'::timestamptz ELSE $2::timestamptz + ((g % 2000) - 60) * interval '1 minute' END AS due
		FROM generate_series(1, $3::int) g) a) b`

// fillSubmissions adds n submissions of each organisation, due around now, and
// takes statistics.
func fillSubmissions(t testing.TB, url string, n int, now time.Time, orgs ...access.Actor) {
	t.Helper()
	c := connect(t, url)
	for _, o := range orgs {
		if _, err := c.Exec(t.Context(), manySubmissions, o.Org.UUID(), now, n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Exec(t.Context(), "VACUUM ANALYZE submission"); err != nil {
		t.Fatal(err)
	}
}

var queueNow = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// queueFilters are the ways in which the queue is asked for.
var queueFilters = map[string]store.QueueFilter{
	"all": {}, "mine": {Assignee: "usr_3"}, "unclaimed": {Unclaimed: true}, "lane": {Lane: "escalate"}, "line": {LineOfBusiness: "WC"},
	"unclaimed in a lane": {Unclaimed: true, Lane: "auto_process"}, "mine of a line": {Assignee: "usr_6", LineOfBusiness: "GL"},
	"breached": {Clock: sla.Breached, At: queueNow}, "at risk": {Clock: sla.Risky, At: queueNow}, "running": {Clock: sla.Running, At: queueNow},
	"paused": {Clock: sla.Paused, At: queueNow},
}

// Every page after the other holds each row once, in order, and just those that
// the filter says, while others come and go.
func TestQueuePages(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by, other := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Other")
	fillSubmissions(t, url, 900, queueNow, by, other)
	r := db.As(by)
	all := map[string]submission.Submission{}
	for name, f := range queueFilters {
		var keys []store.QueueKey
		var after store.QueueKey
		for {
			page := must[[]submission.Submission](t)(r.Queue(t.Context(), f, after, 37))
			for _, s := range page[:min(37, len(page))] {
				if s.Org != by.Org {
					t.Fatalf("%s: of another organisation", name)
				}
				all[s.ID.String()] = s
				keys = append(keys, store.KeyOf(s))
			}
			if len(page) <= 37 {
				break
			}
			after = store.KeyOf(page[36])
		}
		before := func(a, b store.QueueKey) int {
			if d := a.At.Compare(b.At); d != 0 {
				return d
			}
			if a.Rank != b.Rank {
				return a.Rank - b.Rank
			}
			return slices.Compare([]byte(a.ID), []byte(b.ID))
		}
		if !slices.IsSortedFunc(keys, before) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
			t.Errorf("%s: not in order, or twice", name)
		}
		want := 0
		for _, s := range all {
			if queued(s, f) {
				want++
			}
		}
		if name == "all" && len(keys) != 600 || name != "all" && (len(keys) == 0 || len(keys) == 600) {
			t.Errorf("%s: %d rows", name, len(keys))
		}
		for _, k := range keys {
			for _, s := range all {
				if store.KeyOf(s) == k && !queued(s, f) {
					t.Errorf("%s: holds %+v", name, s)
				}
			}
		}
	}
	for name, f := range queueFilters {
		n := 0
		for _, s := range all {
			if queued(s, f) {
				n++
			}
		}
		if got := must[[]submission.Submission](t)(r.Queue(t.Context(), f, store.QueueKey{}, 1000)); len(got) != n {
			t.Errorf("%s: %d rows, want %d", name, len(got), n)
		}
	}
}

// queued says whether a filter takes a submission, as its words have it.
func queued(s submission.Submission, f store.QueueFilter) bool {
	return (f.Assignee == "" || s.Assignee == f.Assignee) && (!f.Unclaimed || s.Assignee == "") && (f.Lane == "" || string(s.Triage.Lane) == f.Lane) &&
		(f.LineOfBusiness == "" || s.LineOfBusiness == f.LineOfBusiness) && (f.Clock == "" || s.Clocks.State(f.At) == f.Clock)
}

// The statements of the queue keep organisations apart by themselves.
func TestQueueWithoutWalls(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url, NoWalls: true})
	me, they := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Other")
	fillSubmissions(t, url, 300, queueNow, me, they)
	theirs := must[[]submission.Submission](t)(db.As(they).Queue(t.Context(), store.QueueFilter{}, store.QueueKey{}, 1000))
	for _, s := range must[[]submission.Submission](t)(db.As(me).Queue(t.Context(), store.QueueFilter{}, store.QueueKey{}, 1000)) {
		if s.Org != me.Org {
			t.Fatal("their submissions are in my queue")
		}
	}
	found := must[map[submission.ID][]submission.Duplicate](t)(db.As(they).Duplicates(t.Context(), theirs[0].ID, theirs[1].ID))
	mine := must[map[submission.ID][]submission.Duplicate](t)(db.As(me).Duplicates(t.Context(), theirs[0].ID, theirs[1].ID))
	if len(mine) != 0 {
		t.Errorf("I compare theirs: %v", mine)
	}
	for _, ds := range found {
		for _, d := range ds {
			if !slices.ContainsFunc(theirs, func(s submission.Submission) bool { return s.ID == d.ID }) && storetest.Value[string](t, db, `SELECT org_id::text FROM submission WHERE id = $1`, d.ID.UUID()) != they.Org.UUID() {
				t.Errorf("theirs are compared with mine: %+v", d)
			}
		}
	}
	s := theirs[0]
	s.Clocks.Quote.Told = 2
	if err := db.InTx(t.Context(), me, func(tx *store.Tx) error { return tx.SaveClocks(t.Context(), s) }); err != nil {
		t.Fatal(err)
	}
	if after := must[submission.Submission](t)(db.As(they).Submission(t.Context(), s.ID)); after.Clocks.Quote.Told != 0 {
		t.Error("I note what they were told")
	}
	due := must[[]store.Due](t)(db.Due(t.Context(), queueNow.Add(time.Hour), 1000))
	if len(due) == 0 || slices.ContainsFunc(due, func(d store.Due) bool { return d.What != store.WhatSubmission || d.Org != me.Org && d.Org != they.Org }) {
		t.Errorf("due: %v", due)
	}
}

// BenchmarkQueue has fifty ask for pages of 25 of a queue of 200,000
// submissions, in all the ways that there are, from its start and from further
// on.
func BenchmarkQueue(b *testing.B) {
	const callers, rows = 50, 200_000
	url := storetest.URL(b)
	db := storetest.Open(b, store.Config{URL: url, MaxConns: callers})
	by := storetest.Org(b, db, "Summit")
	fillSubmissions(b, url, rows, queueNow, by)
	r := db.As(by)
	for _, name := range []string{"all", "mine", "unclaimed", "lane", "line", "breached", "at risk"} {
		b.Run(name, func(b *testing.B) {
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for c := range callers {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(uint64(c), 1)) //nolint:gosec // which page
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						var after store.QueueKey
						if rnd.IntN(2) == 0 {
							after = store.QueueKey{At: queueNow.Add(time.Duration(rnd.IntN(1900)-60) * time.Minute), Rank: rnd.IntN(100), ID: access.NewOrgID(queueNow).UUID()}
						}
						began := time.Now()
						_, err := r.Queue(context.Background(), queueFilters[name], after, 25)
						took[i] = time.Since(began)
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
			latencies(b, took)
		})
	}
}
