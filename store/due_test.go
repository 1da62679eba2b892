package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// policiesDue makes a policy of each submission of an organisation, with three
// invoices, as one quote has it. Most of what is to be told of them lies ahead.
const policiesDue = `WITH made AS (
	INSERT INTO policy SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(), 'number', s.id::text, 'submission_id', s.id,
		'renewal_step', 60, 'timer_at', $2::timestamptz + (row_number() OVER () - 5) * interval '1 minute'))).*
	FROM policy p JOIN submission s ON s.org_id = p.org_id AND s.id <> p.submission_id WHERE p.org_id = $1 RETURNING id, org_id)
	INSERT INTO invoice (id, org_id, policy_id, number, due_date, premium, fee, amount, status, notice, timer_at, created_at, updated_at)
	SELECT gen_random_uuid(), org_id, id, n, date '2026-03-01' + n, 100, 0, 100, CASE WHEN n = 1 THEN 'paid' ELSE 'open' END, 'due_soon',
		$2::timestamptz + (row_number() OVER (PARTITION BY n) - 5) * interval '1 minute', $2, $2
	FROM made, generate_series(1, 3) n`

// draftsDue makes drafts, most of which are not forgotten yet.
const draftsDue = `INSERT INTO submission_draft (id, org_id, created_by, body, created_at, updated_at, timer_at)
	SELECT gen_random_uuid(), $1, 'x', '{}', $2::timestamptz, $2::timestamptz, $2::timestamptz + (n - 5) * interval '1 minute' FROM generate_series(1, 5000) n`

// TestDuePlans compares how Postgres finds what is due, of 5,000 policies and
// 15,000 invoices in each of two organisations, with testdata/plans: each kind
// comes off an index by its time, and nothing is read that is not due.
func TestDuePlans(t *testing.T) {
	url := storetest.URL(t)
	s := &scribe{}
	db := storetest.Open(t, store.Config{URL: url, Tracer: s, TestClocks: true})
	a, b := writeBook(t, db, "Summit"), writeBook(t, db, "Other")
	fillSubmissions(t, url, 5_000, queueNow, a.by, b.by)
	c := connect(t, url)
	for _, by := range []access.Actor{a.by, b.by} {
		for _, fill := range []string{policiesDue, draftsDue} {
			if _, err := c.Exec(t.Context(), fill, by.Org.UUID(), queueNow); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Exec(t.Context(), `INSERT INTO test_clock VALUES ($1, '1 hour', now(), 'x') ON CONFLICT DO NOTHING`, by.Org.UUID()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Exec(t.Context(), "VACUUM ANALYZE"); err != nil {
		t.Fatal(err)
	}
	count := func(all []store.Due, what string) int {
		return len(slices.DeleteFunc(slices.Clone(all), func(d store.Due) bool { return d.What != what }))
	}
	must[[]store.Due](t)(db.Due(t.Context(), queueNow, 10_000))
	asBefore(t, "due_ahead", planOf(t, c, "openinsure_worker", a.by.Org, s.sql, s.args), s.sql)
	everybody := storetest.Open(t, store.Config{URL: url, Tracer: s})
	due := must[[]store.Due](t)(everybody.Due(t.Context(), queueNow, 10_000))
	if n := count(due, store.WhatDraft); n != 10 {
		t.Errorf("%d drafts are due", n)
	}
	if invoices, policies := count(due, store.WhatInvoice), count(due, store.WhatPolicy); invoices != 20 || policies != 10 {
		t.Errorf("%d invoices and %d policies are due; one of three invoices is paid", invoices, policies)
	}
	must[[]store.Due](t)(everybody.Due(t.Context(), queueNow, 100))
	asBefore(t, "due", planOf(t, c, "openinsure_worker", a.by.Org, s.sql, s.args), s.sql)
	err := db.InTx(t.Context(), a.by, func(tx *store.Tx) error {
		due, found, err := tx.NextDue(t.Context(), queueNow.Add(time.Hour), queueNow)
		if !found || due.Org != a.by.Org || !strings.Contains("submission policy invoice draft", due.What) {
			t.Errorf("next: %+v, %v", due, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	asBefore(t, "due_next", planOf(t, c, "openinsure_app", a.by.Org, s.sql, s.args), s.sql)
}
