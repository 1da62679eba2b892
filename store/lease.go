package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/push"
)

// planByIndexSQL makes the rest of a transaction look everything up by its
// index, and read in the order of an index. The table of deliveries grows by a
// thousand rows in a second and is empty on the first day: what a planner thinks
// of it is soon wrong, and the plan of a prepared statement stays. One that was
// made when nothing was pending sorts all that is.
const planByIndexSQL = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
	set_config('enable_incremental_sort', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

// owedWebhook is the condition that a delivery d waits to be made to an
// endpoint.
const owedWebhook = `d.state = 'pending' AND d.kind = 'webhook'`

// lockEndpointsSQL takes up to $2 endpoints to which something is due and which
// have room for it, the ones after $1 first, none that another node is leasing
// for, and notes which for leaseWebhooksSQL, whose snapshot must be newer than
// the locks: no two nodes count the same attempts in flight. It steps from
// endpoint to endpoint in the index of what is pending, and no further than it
// needs to; crosses orgs: endpoints are of all.
const lockEndpointsSQL = `WITH RECURSIVE later AS (
		(SELECT d.target, d.next_at FROM delivery d WHERE ` + owedWebhook + ` AND d.target > $1::uuid ORDER BY d.target, d.next_at LIMIT 1)
		UNION ALL
		SELECT n.target, n.next_at FROM later o CROSS JOIN LATERAL (SELECT d.target, d.next_at FROM delivery d
			WHERE ` + owedWebhook + ` AND d.target > o.target ORDER BY d.target, d.next_at LIMIT 1) n
	), sooner AS (
		(SELECT d.target, d.next_at FROM delivery d WHERE ` + owedWebhook + ` AND d.target <= $1::uuid ORDER BY d.target, d.next_at LIMIT 1)
		UNION ALL
		SELECT n.target, n.next_at FROM sooner o CROSS JOIN LATERAL (SELECT d.target, d.next_at FROM delivery d
			WHERE ` + owedWebhook + ` AND d.target > o.target AND d.target <= $1::uuid ORDER BY d.target, d.next_at LIMIT 1) n
	)
	SELECT set_config('app.endpoints', coalesce(string_agg(id::text, ','), ''), true) FROM (
		SELECT l.id FROM (SELECT * FROM later UNION ALL SELECT * FROM sooner) o CROSS JOIN LATERAL (
			SELECT e.id FROM endpoint e
			WHERE e.id = o.target AND e.status = 'enabled' AND (e.paused_until IS NULL OR e.paused_until <= now())
				AND (SELECT count(*) FROM delivery l WHERE l.target = e.id AND l.state = 'leased') < e.at_once_now
				AND (NOT e.ordered OR (SELECT d.next_at FROM delivery d WHERE ` + owedWebhook + ` AND d.target = e.id ORDER BY d.ord LIMIT 1) <= now())
			FOR NO KEY UPDATE SKIP LOCKED) l
		WHERE o.next_at <= now() LIMIT $2) locked`

// leaseWebhooksSQL takes due deliveries of the locked endpoints: of each no more
// than may be in flight to it at once, of one that wants order only the oldest
// that is not over. All get one before any gets a second. The attempt is counted
// here, so that one that kills the node counts; crosses orgs: endpoints are of
// all.
const leaseWebhooksSQL = `WITH open AS (
		SELECT e.id, e.ordered, e.at_once_now - (SELECT count(*) FROM delivery l WHERE l.target = e.id AND l.state = 'leased') AS free
		FROM endpoint e WHERE e.id = ANY (string_to_array(nullif(current_setting('app.endpoints', true), ''), ',')::uuid[])
	), picked AS (
		SELECT p.id, p.turn FROM open o CROSS JOIN LATERAL (SELECT due.id, row_number() OVER () AS turn FROM (SELECT d.id FROM delivery d
			WHERE ` + owedWebhook + ` AND d.target = o.id AND d.next_at <= now()
			ORDER BY d.next_at, d.ord LIMIT greatest(least(o.free, $1), 0)) due) p
		WHERE NOT o.ordered
		UNION ALL
		SELECT p.id, 1 FROM open o CROSS JOIN LATERAL (SELECT d.id, d.next_at FROM delivery d
			WHERE ` + owedWebhook + ` AND d.target = o.id ORDER BY d.ord LIMIT 1) p
		WHERE o.ordered AND o.free > 0 AND p.next_at <= now()
		ORDER BY turn LIMIT $1
	), taken AS (
		UPDATE delivery d SET state = 'leased', attempt = attempt + 1, lease_until = now() + $2 * interval '1 microsecond', worker = $3
		FROM picked WHERE d.id = picked.id AND d.state = 'pending'
		RETURNING d.id, d.attempt, d.lease_until, d.org_id, d.event_id, d.type, d.target, d.payload, d.ord
	)
	SELECT t.id, t.attempt, t.lease_until, t.org_id, t.event_id, t.type, coalesce(v.occurred_at, t.lease_until), coalesce(t.payload, v.payload, ''),
		e.id, e.url, e.thin, e.ordered, e.schedule, e.secret
	FROM taken t JOIN endpoint e ON e.id = t.target LEFT JOIN event v ON v.id = t.event_id ORDER BY t.ord`

// leaseNoticesSQL takes due deliveries to phones or mailboxes, with what they
// need; what is gone meanwhile is missing. A letter has its words with it;
// crosses orgs: persons are of all.
const leaseNoticesSQL = `WITH taken AS (
		UPDATE delivery d SET state = 'leased', attempt = attempt + 1, lease_until = now() + $3 * interval '1 microsecond', worker = $4
		FROM (SELECT id FROM delivery WHERE state = 'pending' AND kind = $1 AND kind <> 'webhook' AND next_at <= now()
			ORDER BY next_at, ord LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) picked
		WHERE d.id = picked.id
		RETURNING d.id, d.attempt, d.lease_until, d.org_id, d.event_id, d.type, d.target, d.notification_id, d.payload, d.created_at
	)
	SELECT t.id, t.attempt, t.lease_until, t.org_id, t.event_id, t.type, coalesce(n.created_at, t.created_at),
		n.id, coalesce(n.category, ''), coalesce(n.about, ''), coalesce(n.link, ''), n.words, coalesce(n.urgent, false), coalesce(n.expires_at, t.lease_until), t.payload,
		d.id, d.subject, d.app, d.platform, d.kind, d.address, d.installation, d.environment, coalesce(nullif(d.locale, ''), p.locale, ''), d.last_seen_at,
		coalesce(u.name, h.name, ''), coalesce(u.email, h.email, ''), coalesce(p.locale, '')
	FROM taken t LEFT JOIN notification n ON n.id = t.notification_id
	LEFT JOIN device d ON d.id = t.target AND d.subject = n.subject AND d.invalid_at IS NULL
	LEFT JOIN app_user u ON $1 = 'mail' AND u.id = t.target AND u.status = 'active'
	LEFT JOIN person h ON $1 = 'mail' AND h.id = t.target
	LEFT JOIN preference p ON p.subject = n.subject
	WHERE n.id IS NOT NULL OR t.payload IS NOT NULL`

// Lease implements push.Queue. What cannot be read in a delivery is missing in
// it, so that one does not hold up all.
func (db *DB) Lease(ctx context.Context, kind push.Kind, worker string, n int, d time.Duration) ([]push.Delivery, error) {
	var leased []push.Delivery
	queue, scan := db.queueNotices(kind, worker, n, d)
	if kind == push.Webhook {
		queue, scan = db.queueWebhooks(worker, n, d)
	}
	err := db.owing(ctx, func(b *pgx.Batch) {
		queue(b).Query(func(rows pgx.Rows) error {
			var err error
			leased, err = pgx.CollectRows(rows, scan)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("lease %s: %w", kind, err)
	}
	return leased, nil
}

// owing runs statements about deliveries in one transaction and one round trip.
func (db *DB) owing(ctx context.Context, queue func(*pgx.Batch)) error {
	conn, err := db.worker.Acquire(ctx)
	if err != nil {
		return faultOf(err)
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(planByIndexSQL)
	queue(b)
	b.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		_ = conn.Conn().Close(context.WithoutCancel(ctx)) // its transaction may be open
		return faultOf(err)
	}
	return nil
}

func (db *DB) queueWebhooks(worker string, n int, d time.Duration) (func(*pgx.Batch) *pgx.QueuedQuery, func(pgx.CollectableRow) (push.Delivery, error)) {
	return func(b *pgx.Batch) *pgx.QueuedQuery {
		var after push.EndpointID
		if last := db.served.Load(); last != nil {
			after = *last
		}
		b.Queue(lockEndpointsSQL, after.UUID(), n).QueryRow(db.serve)
		return b.Queue(leaseWebhooksSQL, n, d.Microseconds(), worker)
	}, db.scanWebhook
}

// serve notes the last endpoint of a lease: the next one begins after it, so
// that all have their turn.
func (db *DB) serve(row pgx.Row) error {
	var locked string
	if err := row.Scan(&locked); err != nil || locked == "" {
		return err
	}
	var last push.EndpointID
	err := last.Scan(locked[strings.LastIndexByte(locked, ',')+1:])
	db.served.Store(&last)
	return err
}

func (db *DB) scanWebhook(row pgx.CollectableRow) (push.Delivery, error) {
	d := push.Delivery{Kind: push.Webhook, Endpoint: &push.Endpoint{}}
	e := d.Endpoint
	var sealed []byte
	err := row.Scan(&d.ID, &d.Attempt, &d.Lease, &d.Org, &d.Event, &d.Type, &d.At, &d.Payload, &e.ID, &e.URL, &e.Thin, &e.Ordered, &e.Schedule, &sealed)
	if err != nil {
		return d, err
	}
	e.Org = d.Org
	e.Secret = db.openText(sealed, endpointLabel(e.ID, e.Org))
	return d, nil
}

func (db *DB) queueNotices(kind push.Kind, worker string, n int, d time.Duration) (func(*pgx.Batch) *pgx.QueuedQuery, func(pgx.CollectableRow) (push.Delivery, error)) {
	return func(b *pgx.Batch) *pgx.QueuedQuery {
			return b.Queue(leaseNoticesSQL, string(kind), n, d.Microseconds(), worker)
		}, func(row pgx.CollectableRow) (push.Delivery, error) {
			return db.scanNotice(row, kind)
		}
}

func (db *DB) scanNotice(row pgx.CollectableRow, kind push.Kind) (push.Delivery, error) {
	d := push.Delivery{Kind: kind, Notice: &push.Notice{}}
	n := d.Notice
	var dev push.Device
	var box push.Mailbox
	var subject, app, platform, phone, environment, locale *string
	var installation *bool
	var registered *time.Time
	var sealed, words, letter []byte
	err := row.Scan(&d.ID, &d.Attempt, &d.Lease, &d.Org, &d.Event, &d.Type, &d.At, &n.ID, &n.Category, &n.About, &n.Link, &words, &n.Urgent, &n.Expires, &letter,
		&dev.ID, &subject, &app, &platform, &phone, &sealed, &installation, &environment, &locale, &registered, &box.Name, &box.Address, &box.Locale)
	if err != nil {
		return d, err
	}
	if letter != nil {
		d.Notice = db.openLetter(letter, d.Event, &box)
	} else if err := json.Unmarshal(words, &n.Words); err != nil {
		return d, err
	}
	if box.Address != "" {
		d.Mailbox = &box
	}
	if kind == push.Mail || dev.ID.IsZero() {
		return d, nil
	}
	dev.Org, dev.Subject, dev.App, dev.Platform, dev.Kind = d.Org, *subject, *app, *platform, push.Kind(*phone)
	dev.Installation, dev.Environment, dev.Locale, dev.RegisteredAt = *installation, *environment, *locale, *registered
	dev.Address = db.openText(sealed, deviceLabel(dev.Subject, d.Org))
	d.Device = &dev
	return d, nil
}

// openText opens a sealed text; empty when none of our keys does.
func (db *DB) openText(sealed []byte, label string) string {
	plain, err := db.open(sealed, label)
	if err != nil {
		db.log.Error("what was sealed cannot be opened: is a key missing in ENCRYPTION_KEY?", "of", label, "error", err)
	}
	return string(plain)
}
