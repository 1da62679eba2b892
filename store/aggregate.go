package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// countersSQL reads aggregates of an agreement.
const countersSQL = `SELECT t.kind, t.period, t.used, t.told FROM da_aggregate t WHERE t.org_id = $1 AND t.agreement_id = $2
	AND (t.kind, t.period) IN (SELECT * FROM unnest($3::text[], $4::text[])) ORDER BY t.kind, t.period`

// lockCountersSQL is countersSQL, each row locked in the order of the key.
const lockCountersSQL = countersSQL + ` FOR UPDATE`

// addCountersSQL makes aggregates that nothing was counted in yet.
const addCountersSQL = `INSERT INTO da_aggregate (org_id, agreement_id, kind, period)
	SELECT $1, $2, * FROM unnest($3::text[], $4::text[]) ORDER BY 3, 4 ON CONFLICT DO NOTHING`

func scanCounter(row pgx.CollectableRow) (delegated.Counter, error) {
	var c delegated.Counter
	return c, row.Scan(&c.Key.Kind, &c.Key.Period, &c.Used, &c.Told)
}

func splitKeys(keys []delegated.Key) (kinds, periods []string) {
	for _, k := range keys {
		kinds, periods = append(kinds, string(k.Kind)), append(periods, k.Period)
	}
	return kinds, periods
}

// allCountersSQL locks every aggregate of an agreement, in the order of the key.
const allCountersSQL = `SELECT t.kind, t.period, t.used, t.told FROM da_aggregate t WHERE t.org_id = $1 AND t.agreement_id = $2
	ORDER BY t.kind, t.period FOR UPDATE`

// LockAllCounters reads every aggregate of an agreement that anything was counted
// in, and locks them.
func (tx *Tx) LockAllCounters(ctx context.Context, a delegated.ID) ([]delegated.Counter, error) {
	return many(ctx, tx.Reader, scanCounter, allCountersSQL, tx.org.UUID(), a.UUID())
}

// saveCountersSQL saves aggregates.
const saveCountersSQL = `UPDATE da_aggregate t SET used = n.used, told = n.told
	FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bool[]) AS n (kind, period, used, told)
	WHERE t.org_id = $1 AND t.agreement_id = $2 AND t.kind = n.kind AND t.period = n.period`

// SaveCounters saves aggregates that the transaction has locked.
func (tx *Tx) SaveCounters(ctx context.Context, a delegated.ID, cs []delegated.Counter) error {
	var keys []delegated.Key
	var used []int64
	var told []bool
	for _, c := range cs {
		keys, used, told = append(keys, c.Key), append(used, int64(c.Used)), append(told, c.Told)
	}
	kinds, periods := splitKeys(keys)
	return tx.write(ctx, saveCountersSQL, tx.org.UUID(), a.UUID(), kinds, periods, used, told)
}

// Held is what others reserved of an agreement, and how many policies an insured
// has of it, bound or reserved.
type Held struct {
	Annual, Quarterly, Aggregate money.Cents
	Policies                     int
}

// live are reservations that count: of quotes that are accepted still, until
// their time is over. A question about the submission gives no room back, for with
// its answer the quote may be bound.
const live = `FROM da_reservation t JOIN quote q ON q.id = t.quote_id AND q.org_id = $1 AND q.status = 'accepted'
	JOIN submission s ON s.id = t.submission_id AND s.org_id = $1 AND s.status IN ('quoted', 'referred')`

// heldSQL sums what is reserved for other submissions.
const heldSQL = `SELECT coalesce(sum(t.premium) FILTER (WHERE t.effective >= $5::text::date AND t.effective < $6::text::date), 0)::bigint,
	coalesce(sum(t.premium) FILTER (WHERE t.effective >= $7::text::date AND t.effective < $8::text::date), 0)::bigint,
	coalesce(sum(t.aggregate), 0)::bigint,
	count(*) FILTER (WHERE t.insured = $9) + (SELECT coalesce(sum(u.policies), 0) FROM da_usage u WHERE u.org_id = $1 AND u.agreement_id = $2 AND u.insured = $9)
	` + live + ` WHERE t.org_id = $1 AND t.agreement_id = $2 AND t.submission_id <> $3 AND t.expires_at > $4`

// A Demand is a risk that somebody wants to count in an agreement, at a time.
type Demand struct {
	Agreement  delegated.Agreement
	Submission submission.ID // what is reserved for itself is not in its way
	Risk       delegated.Risk
	At         time.Time
}

// Counted reads the aggregates that a demand counts in, zero when nothing was counted
// in them yet, and what others reserved of them.
func (r Reader) Counted(ctx context.Context, d Demand) ([]delegated.Counter, Held, error) {
	found, held, err := r.counted(ctx, countersSQL, d)
	if err != nil {
		return nil, held, err
	}
	keys := d.Agreement.Keys(d.Risk.Effective)
	out := make([]delegated.Counter, len(keys))
	for i, k := range keys {
		out[i].Key = k
		for _, c := range found {
			if c.Key == k {
				out[i] = c
			}
		}
	}
	return out, held, nil
}

// LockCounted is Counted; nobody else counts in these aggregates until the end of
// the transaction. All lock them in one order, and first the one of the whole
// agreement, which is as old as the agreement is: who makes those of a new year or
// quarter has it already, so that no two wait for each other.
func (tx *Tx) LockCounted(ctx context.Context, d Demand) ([]delegated.Counter, Held, error) {
	found, held, err := tx.counted(ctx, lockCountersSQL, d)
	keys := d.Agreement.Keys(d.Risk.Effective)
	if err != nil || len(found) == len(keys) {
		return found, held, err
	}
	kinds, periods := splitKeys(keys)
	if err := tx.write(ctx, addCountersSQL, tx.org.UUID(), d.Agreement.ID.UUID(), kinds, periods); err != nil {
		return nil, held, err
	}
	return tx.counted(ctx, lockCountersSQL, d)
}

func (r Reader) counted(ctx context.Context, sql string, d Demand) ([]delegated.Counter, Held, error) {
	a := d.Agreement
	kinds, periods := splitKeys(a.Keys(d.Risk.Effective))
	year, nextYear := a.Year(d.Risk.Effective)
	quarter, nextQuarter := a.Quarter(d.Risk.Effective)
	var found []delegated.Counter
	var held []Held
	q := &pgx.Batch{}
	queue(q, &found, scanCounter, sql, r.org.UUID(), a.ID.UUID(), kinds, periods)
	queue(q, &held, func(row pgx.CollectableRow) (Held, error) { // of after the locks
		var h Held
		return h, row.Scan(&h.Annual, &h.Quarterly, &h.Aggregate, &h.Policies)
	}, heldSQL, r.org.UUID(), a.ID.UUID(), d.Submission.UUID(), d.At, year.String(), nextYear.String(), quarter.String(), nextQuarter.String(), d.Risk.Insured)
	if err := r.q.SendBatch(ctx, q).Close(); err != nil {
		return nil, Held{}, faultOf(err)
	}
	return found, held[0], nil
}

// reserveSQL keeps room for a quote.
const reserveSQL = `INSERT INTO da_reservation (quote_id, org_id, agreement_id, submission_id, insured, effective, premium, aggregate, created_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6::text::date, $7, $8, $9, $10)
	ON CONFLICT (quote_id) DO UPDATE SET agreement_id = excluded.agreement_id, insured = excluded.insured, effective = excluded.effective,
		premium = excluded.premium, aggregate = excluded.aggregate, created_at = excluded.created_at, expires_at = excluded.expires_at`

// Reserve keeps room of an agreement, whose counters the transaction has locked,
// for a quote until a time.
func (tx *Tx) Reserve(ctx context.Context, a delegated.ID, q quote.Quote, r delegated.Risk, at, until time.Time) error {
	return tx.write(ctx, reserveSQL, q.ID.UUID(), tx.org.UUID(), a.UUID(), q.Submission.UUID(), r.Insured, r.Effective.String(), int64(r.Premium),
		int64(r.Aggregate), at, until)
}

// releaseSQL gives room back.
const releaseSQL = `DELETE FROM da_reservation WHERE org_id = $1 AND submission_id = $2`

// Release gives back what is reserved for a submission that is bound.
func (tx *Tx) Release(ctx context.Context, of submission.ID) error {
	return tx.write(ctx, releaseSQL, tx.org.UUID(), of.UUID())
}

// dropReservationsSQL drops reservations that are over; crosses orgs: it is the
// clock's.
const dropReservationsSQL = `DELETE FROM da_reservation WHERE quote_id IN (
	SELECT quote_id FROM da_reservation WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`

// DropReservations drops up to limit reservations that were over by a time, of
// all organisations. They counted no more since.
func (db *DB) DropReservations(ctx context.Context, by time.Time, limit int) (int, error) {
	n, err := run(ctx, db.everywhere(), dropReservationsSQL, by, limit)
	return int(n), err
}

// useSQL counts a transaction.
const useSQL = `INSERT INTO da_usage (transaction_id, org_id, agreement_id, policy_id, insured, effective, premium, aggregate, policies, at)
	VALUES ($1, $2, $3, $4, $5, $6::text::date, $7, $8, $9, $10)`

// Use writes down what a transaction of a policy uses of an agreement, whose
// counters the transaction of the database has locked.
func (tx *Tx) Use(ctx context.Context, a delegated.ID, t policy.Transaction, r delegated.Risk, policies int) error {
	return tx.write(ctx, useSQL, t.ID.UUID(), tx.org.UUID(), a.UUID(), t.Policy.UUID(), r.Insured, r.Effective.String(), int64(r.Premium),
		int64(r.Aggregate), policies, t.CreatedAt)
}

func scanShare(row pgx.CollectableRow) (delegated.Share, error) {
	var s delegated.Share
	return s, row.Scan(day(&s.Effective), &s.Premium, &s.Aggregate, &s.Policies)
}

// usedSQL sums what was used of an agreement by a time, by day.
const usedSQL = `SELECT t.effective::text, sum(t.premium)::bigint, sum(t.aggregate)::bigint, sum(t.policies)::int FROM da_usage t
	WHERE t.org_id = $1 AND t.agreement_id = $2 AND t.at < $3 GROUP BY t.effective ORDER BY t.effective`

// Used sums what was used of an agreement before a time, by the day on which
// policies take effect.
func (r Reader) Used(ctx context.Context, a delegated.ID, before time.Time) ([]delegated.Share, error) {
	return many(ctx, r, scanShare, usedSQL, r.org.UUID(), a.UUID(), before)
}

// reservedSQL sums what is reserved of an agreement, by day.
const reservedSQL = `SELECT t.effective::text, sum(t.premium)::bigint, sum(t.aggregate)::bigint, count(*)::int ` + live + `
	WHERE t.org_id = $1 AND t.agreement_id = $2 AND t.expires_at > $3 GROUP BY t.effective ORDER BY t.effective`

// Reserved sums what is reserved of an agreement at a time, by the day on which
// policies take effect.
func (r Reader) Reserved(ctx context.Context, a delegated.ID, at time.Time) ([]delegated.Share, error) {
	return many(ctx, r, scanShare, reservedSQL, r.org.UUID(), a.UUID(), at)
}
