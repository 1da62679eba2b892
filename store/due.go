package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// What can be due.
const (
	WhatReferral   = "referral"
	WhatRoom       = "room"
	WhatSubmission = "submission" // a clock has passed a mark
	WhatInvoice    = "invoice"    // is owed, and to be told of
	WhatPolicy     = "policy"     // is about to expire
	WhatDraft      = "draft"      // nobody touches it
)

// A Due is something that has to be looked at by itself, and since when.
type Due struct {
	What       string
	ID         [16]byte // of an id.ID, which converts
	Org        access.OrgID
	Submission submission.ID // not of an invoice
	At         time.Time
}

const dueReferral = `SELECT '` + WhatReferral + `' AS what, t.id, t.org_id, t.submission_id, t.timer_at AS at FROM referral t
	LEFT JOIN overdue o ON o.what = '` + WhatReferral + `' AND o.id = t.id WHERE `

const dueRoom = `SELECT '` + WhatRoom + `' AS what, t.id, t.org_id, t.submission_id, t.closes_at AS at FROM room t
	LEFT JOIN overdue o ON o.what = '` + WhatRoom + `' AND o.id = t.id WHERE t.status = 'active' AND `

const dueSubmission = `SELECT '` + WhatSubmission + `' AS what, t.id, t.org_id, t.id AS submission_id, t.timer_at AS at FROM submission t
	LEFT JOIN overdue o ON o.what = '` + WhatSubmission + `' AND o.id = t.id WHERE `

// owed is that somebody has to pay an invoice.
const owed = `t.status IN ('open', 'failed')`

const dueInvoice = `SELECT '` + WhatInvoice + `' AS what, t.id, t.org_id, '00000000-0000-0000-0000-000000000000'::uuid AS submission_id, t.timer_at AS at FROM invoice t
	LEFT JOIN overdue o ON o.what = '` + WhatInvoice + `' AND o.id = t.id WHERE ` + owed + ` AND `

const duePolicy = `SELECT '` + WhatPolicy + `' AS what, t.id, t.org_id, t.submission_id, t.timer_at AS at FROM policy t
	LEFT JOIN overdue o ON o.what = '` + WhatPolicy + `' AND o.id = t.id WHERE t.status IN ('bound', 'issued', 'active') AND `
const dueDraft = `SELECT '` + WhatDraft + `' AS what, t.id, t.org_id, t.id AS submission_id, t.timer_at AS at FROM submission_draft t
	LEFT JOIN overdue o ON o.what = '` + WhatDraft + `' AND o.id = t.id WHERE `

// notPut is that it did not fail a while ago.
const notPut = ` AND (o.retry_at IS NULL OR o.retry_at <= `

// dueSQL finds what is due by everybody's time; crosses orgs: a node looks after
// those of all.
const dueSQL = `(` + dueReferral + `t.timer_at <= $1` + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + dueSubmission + `t.timer_at <= $1` + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + dueInvoice + `t.timer_at <= $1` + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + duePolicy + `t.timer_at <= $1` + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + dueDraft + `t.timer_at <= $1` + notPut + `$1) ORDER BY at, id LIMIT $2)
	ORDER BY at, what, id LIMIT $2`

// dueAheadSQL finds what is due by the test clocks of those who have one, and
// not by everybody's time; crosses orgs for the same.
const dueAheadSQL = `SELECT d.* FROM test_clock c CROSS JOIN LATERAL (` +
	`(` + dueReferral + ahead + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + dueSubmission + ahead + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + dueInvoice + ahead + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + duePolicy + ahead + notPut + `$1) ORDER BY at, id LIMIT $2)
	UNION ALL (` + dueDraft + ahead + notPut + `$1) ORDER BY at, id LIMIT $2)
	ORDER BY at, what, id LIMIT $2) d LIMIT $2`

// ahead is that its timer has run by the organisation's clock only.
const ahead = `t.org_id = c.org_id AND t.timer_at > $1 AND t.timer_at <= $1 + c.ahead`

// Due returns up to limit things that were due by now, the longest due first;
// those by test clocks last. What failed a while ago is left out.
func (db *DB) Due(ctx context.Context, now time.Time, limit int) ([]Due, error) {
	found, err := many(ctx, db.everywhere(), pgx.RowToStructByPos[Due], dueSQL, now, limit)
	if err != nil || !db.clocks || len(found) == limit {
		return found, err
	}
	ahead, err := many(ctx, db.everywhere(), pgx.RowToStructByPos[Due], dueAheadSQL, now, limit)
	return append(found, ahead...), err
}

// nextDueSQL finds what is due first in one organisation, of all that can be.
const nextDueSQL = `(` + dueReferral + `t.org_id = $1 AND t.timer_at <= $2` + notPut + `$3) ORDER BY at, id LIMIT 1)
	UNION ALL (` + dueSubmission + `t.org_id = $1 AND t.timer_at <= $2` + notPut + `$3) ORDER BY at, id LIMIT 1)
	UNION ALL (` + dueInvoice + `t.org_id = $1 AND t.timer_at <= $2` + notPut + `$3) ORDER BY at, id LIMIT 1)
	UNION ALL (` + duePolicy + `t.org_id = $1 AND t.timer_at <= $2` + notPut + `$3) ORDER BY at, id LIMIT 1)
	UNION ALL (` + dueDraft + `t.org_id = $1 AND t.timer_at <= $2` + notPut + `$3) ORDER BY at, id LIMIT 1)
	UNION ALL (` + dueRoom + `t.org_id = $1 AND t.closes_at <= $2` + notPut + `$3) ORDER BY at, id LIMIT 1)
	ORDER BY at, what, id LIMIT 1`

// NextDue returns what is due first in the transaction's organisation, until a
// time of its own; false when nothing is. What failed a while before now, which
// is everybody's time, is left out.
func (tx *Tx) NextDue(ctx context.Context, until, now time.Time) (Due, bool, error) {
	found, err := many(ctx, tx.Reader, pgx.RowToStructByPos[Due], nextDueSQL, tx.org.UUID(), until, now)
	if err != nil || len(found) == 0 {
		return Due{}, false, err
	}
	return found[0], true, nil
}

// still is that a thing's timer is what it was.
const still = `t.org_id = $1 AND t.id = $2 AND t.timer_at = $3`

// stillDueSQL finds whether something waits for what it waited for.
const stillDueSQL = `SELECT EXISTS (SELECT FROM (` + dueReferral + still +
	` UNION ALL ` + dueSubmission + still +
	` UNION ALL ` + dueInvoice + still +
	` UNION ALL ` + duePolicy + still +
	` UNION ALL ` + dueDraft + still + `) d WHERE d.what = $4)`

// StillDue reports whether the timer of something that was due stands where it
// stood: nobody else was faster.
func (tx *Tx) StillDue(ctx context.Context, d Due) (bool, error) {
	return one(ctx, tx.Reader, pgx.RowTo[bool], stillDueSQL, tx.org.UUID(), submission.ID(d.ID).UUID(), d.At, d.What)
}

// putOffSQL notes that something failed: it is tried again after a minute, and
// after twice as long each time, up to six hours.
const putOffSQL = `INSERT INTO overdue AS o (org_id, what, id, fails, retry_at) VALUES ($1, $2, $3, 1, $4::timestamptz + interval '1 minute')
	ON CONFLICT (what, id) DO UPDATE SET fails = o.fails + 1, retry_at = $4::timestamptz + least(interval '6 hours', interval '1 minute' * 2 ^ least(o.fails, 10))`

// PutOff lets something that failed wait, ever longer. Now is everybody's time.
func (tx *Tx) PutOff(ctx context.Context, d Due, now time.Time) error {
	return tx.write(ctx, putOffSQL, tx.org.UUID(), d.What, submission.ID(d.ID).UUID(), now)
}

// workedSQL forgets that something failed.
const workedSQL = `DELETE FROM overdue WHERE org_id = $1 AND what = $2 AND id = $3`

// Worked notes that something that was due is done.
func (tx *Tx) Worked(ctx context.Context, d Due) error {
	return tx.write(ctx, workedSQL, tx.org.UUID(), d.What, submission.ID(d.ID).UUID())
}
