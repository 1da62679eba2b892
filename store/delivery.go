package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
)

// reclaimLimit is how many leases that ended are taken back at once.
const reclaimLimit = 500

// reclaimSQL makes deliveries whose lease has ended due again, unless there were
// $2 attempts, and logs those that were lost; crosses orgs: a node cleans up
// after any other.
const reclaimSQL = `WITH lost AS (
		SELECT id FROM delivery WHERE state = 'leased' AND lease_until < now() LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
	), freed AS (
		UPDATE delivery d SET state = CASE WHEN d.attempt < $2 THEN 'pending' ELSE 'failed' END, next_at = now(), lease_until = NULL, worker = '',
			code = 0, class = 'crash', done_at = CASE WHEN d.attempt < $2 THEN NULL ELSE now() END
		FROM (SELECT d.id, d.worker FROM delivery d JOIN lost USING (id)) was WHERE d.id = was.id
		RETURNING d.id, d.attempt, d.org_id, was.worker
	)
	INSERT INTO attempt (delivery_id, attempt, org_id, outcome, class, detail, worker)
	SELECT id, attempt, org_id, 'unknown', 'crash', 'The node that made it went away in the middle.', worker FROM freed`

// orphansSQL drops what is owed to endpoints that were deleted while it was
// fanned out; crosses orgs: a node cleans up after any other.
const orphansSQL = `WITH RECURSIVE owed AS (
		(SELECT target FROM delivery WHERE state = 'pending' AND kind = 'webhook' ORDER BY target LIMIT 1)
		UNION ALL
		SELECT n.target FROM owed CROSS JOIN LATERAL (SELECT d.target FROM delivery d
			WHERE d.state = 'pending' AND d.kind = 'webhook' AND d.target > owed.target ORDER BY d.target LIMIT 1) n
	)
	UPDATE delivery d SET state = 'cancelled', class = 'gone', done_at = now()
	WHERE d.state = 'pending' AND d.kind = 'webhook'
		AND d.target = ANY (ARRAY(SELECT o.target FROM owed o WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.id = o.target)))`

// Reclaim implements push.Queue.
func (db *DB) Reclaim(ctx context.Context) (int, error) {
	total := 0
	for {
		var n int
		err := db.owing(ctx, func(b *pgx.Batch) {
			b.Queue(reclaimSQL, reclaimLimit, push.MostAttempts).Exec(func(tag pgconn.CommandTag) error {
				n = int(tag.RowsAffected())
				return nil
			})
			b.Queue(orphansSQL)
		})
		if err != nil {
			return total, fmt.Errorf("reclaim: %w", err)
		}
		if total += n; n < reclaimLimit {
			return total, nil
		}
	}
}

// disableEndpointSQL stops an endpoint that is enabled, and still at the address
// that was tried.
const disableEndpointSQL = `UPDATE endpoint SET status = 'disabled', reason = $3, updated_at = $4, version = version + 1
	WHERE org_id = $1 AND id = $2 AND status = 'enabled' AND url = $5`

// managersSQL finds the administrators of an organisation.
const managersSQL = `SELECT t.id FROM app_user t WHERE t.org_id = $1 AND t.role = 'admin' AND t.status = 'active' ORDER BY t.id`

// Managers lists the administrators of the transaction's organisation, as those
// who hear of what needs one.
func (tx *Tx) Managers(ctx context.Context) ([]event.Person, error) {
	ids, err := many(ctx, tx.Reader, pgx.RowTo[access.UserID], managersSQL, tx.org.UUID())
	out := make([]event.Person, len(ids))
	for i, m := range ids {
		out[i] = event.Person{Subject: m.String(), Org: tx.org, As: event.Manager}
	}
	return out, err
}

// DisableEndpoint implements push.Queue. What waits for the endpoint stays.
func (db *DB) DisableEndpoint(ctx context.Context, e push.Endpoint, reason string) error {
	by := access.Actor{Kind: access.System, ID: "system", Org: e.Org}
	err := db.InTx(ctx, by, func(tx *Tx) error {
		at := db.now().UTC().Truncate(time.Microsecond)
		n, err := run(ctx, tx.Reader, disableEndpointSQL, e.Org.UUID(), e.ID.UUID(), reason, at, e.URL)
		if err != nil || n == 0 {
			return err
		}
		told := event.New(e.Org, e.ID.String(), event.WebhookDisabled{WebhookID: e.ID.String(), URL: e.URL, Reason: reason}, at)
		if told.Persons, err = tx.Managers(ctx); err != nil {
			return err
		}
		tx.Emit(told)
		tx.Audit(by, audit.Fact{Action: audit.WebhookDisabled, Object: e.ID.String(), Reason: reason})
		return nil
	})
	if err != nil {
		return fmt.Errorf("disable %s: %w", e.ID, err)
	}
	return nil
}
