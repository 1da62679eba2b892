package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
)

// lockEndpointsSQL takes endpoints to which something is due, none that another
// node is leasing for, and notes which for leaseWebhooksSQL, whose snapshot must
// be newer than the locks: no two nodes count the same attempts in flight. It
// steps from endpoint to endpoint in the index of what is pending, so it costs
// by the endpoints that are owed something, not by all there are; crosses orgs:
// endpoints are of all.
const lockEndpointsSQL = `WITH RECURSIVE owed AS (
		(SELECT target, next_at FROM delivery WHERE state = 'pending' AND kind = 'webhook' ORDER BY target, next_at LIMIT 1)
		UNION ALL
		SELECT n.target, n.next_at FROM owed CROSS JOIN LATERAL (SELECT d.target, d.next_at FROM delivery d
			WHERE d.state = 'pending' AND d.kind = 'webhook' AND d.target > owed.target ORDER BY d.target, d.next_at LIMIT 1) n
	)
	SELECT set_config('app.endpoints', coalesce(string_agg(id::text, ','), ''), true) FROM (
		SELECT e.id FROM owed o JOIN endpoint e ON e.id = o.target
		WHERE o.next_at <= now() AND e.status = 'enabled' AND (e.paused_until IS NULL OR e.paused_until <= now())
		ORDER BY random() LIMIT 256 FOR NO KEY UPDATE OF e SKIP LOCKED) locked`

// leaseWebhooksSQL takes due deliveries of the locked endpoints: of each no more
// than may be in flight to it at once, of one that wants order only the oldest
// that is not over. The attempt is counted here, so that one that kills the node
// counts; crosses orgs: endpoints are of all.
const leaseWebhooksSQL = `WITH open AS (
		SELECT e.id, e.ordered, e.at_once_now - (SELECT count(*) FROM delivery l WHERE l.target = e.id AND l.state = 'leased') AS free
		FROM endpoint e WHERE e.id = ANY (string_to_array(nullif(current_setting('app.endpoints', true), ''), ',')::uuid[])
	), picked AS (
		SELECT p.id FROM open CROSS JOIN LATERAL (SELECT d.id FROM delivery d
			WHERE d.state = 'pending' AND d.kind = 'webhook' AND d.target = open.id AND d.next_at <= now() AND NOT open.ordered
			ORDER BY d.next_at, d.ord LIMIT greatest(open.free, 0)) p
		UNION ALL
		SELECT p.id FROM open CROSS JOIN LATERAL (SELECT d.id, d.next_at FROM delivery d
			WHERE d.state = 'pending' AND d.kind = 'webhook' AND d.target = open.id ORDER BY d.ord LIMIT 1) p
		WHERE open.ordered AND open.free > 0 AND p.next_at <= now()
		LIMIT $1
	), taken AS (
		UPDATE delivery d SET state = 'leased', attempt = attempt + 1, lease_until = now() + $2 * interval '1 microsecond', worker = $3
		FROM picked WHERE d.id = picked.id
		RETURNING d.id, d.attempt, d.lease_until, d.org_id, d.event_id, d.type, d.target, d.payload, d.ord
	)
	SELECT t.id, t.attempt, t.lease_until, t.org_id, t.event_id, t.type, coalesce(v.occurred_at, t.lease_until), coalesce(t.payload, v.payload, ''),
		e.id, e.url, e.thin, e.ordered, e.schedule, e.secret
	FROM taken t JOIN endpoint e ON e.id = t.target LEFT JOIN event v ON v.id = t.event_id ORDER BY t.ord`

// leaseNoticesSQL takes due deliveries to phones or mailboxes, with what they
// need; what is gone meanwhile is missing; crosses orgs: persons are of all.
const leaseNoticesSQL = `WITH taken AS (
		UPDATE delivery d SET state = 'leased', attempt = attempt + 1, lease_until = now() + $3 * interval '1 microsecond', worker = $4
		FROM (SELECT id FROM delivery WHERE state = 'pending' AND kind = $1 AND kind <> 'webhook' AND next_at <= now()
			ORDER BY next_at, ord LIMIT $2 FOR UPDATE SKIP LOCKED) picked
		WHERE d.id = picked.id
		RETURNING d.id, d.attempt, d.lease_until, d.org_id, d.event_id, d.type, d.target, d.notification_id, d.created_at
	)
	SELECT t.id, t.attempt, t.lease_until, t.org_id, t.event_id, t.type, n.created_at,
		n.id, n.category, n.about, n.link, n.words, n.urgent, n.expires_at,
		d.id, d.subject, d.app, d.platform, d.kind, d.address, d.installation, d.environment, d.locale, d.registered_at,
		coalesce(u.name, h.name, ''), coalesce(u.email, h.email, ''), coalesce(p.locale, '')
	FROM taken t JOIN notification n ON n.id = t.notification_id
	LEFT JOIN device d ON d.id = t.target AND d.subject = n.subject AND d.invalid_at IS NULL
	LEFT JOIN app_user u ON $1 = 'mail' AND u.id = t.target AND u.status = 'active'
	LEFT JOIN person h ON $1 = 'mail' AND h.id = t.target
	LEFT JOIN preference p ON p.subject = n.subject`

// Lease implements push.Queue.
func (db *DB) Lease(ctx context.Context, kind push.Kind, worker string, n int, d time.Duration) ([]push.Delivery, error) {
	var leased []push.Delivery
	var err error
	if kind == push.Webhook {
		leased, err = db.leaseWebhooks(ctx, worker, n, d)
	} else {
		leased, err = many(ctx, db.everywhere(), func(row pgx.CollectableRow) (push.Delivery, error) { return db.scanNotice(row, kind) },
			leaseNoticesSQL, string(kind), n, d.Microseconds(), worker)
	}
	if err != nil {
		return nil, fmt.Errorf("lease %s: %w", kind, err)
	}
	return leased, nil
}

func (db *DB) leaseWebhooks(ctx context.Context, worker string, n int, d time.Duration) ([]push.Delivery, error) {
	conn, err := db.worker.Acquire(ctx)
	if err != nil {
		return nil, faultOf(err)
	}
	defer conn.Release()
	var leased []push.Delivery
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(lockEndpointsSQL)
	b.Queue(leaseWebhooksSQL, n, d.Microseconds(), worker).Query(func(rows pgx.Rows) error {
		var err error
		leased, err = pgx.CollectRows(rows, db.scanWebhook)
		return err
	})
	b.Queue("COMMIT")
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		_ = conn.Conn().Close(context.WithoutCancel(ctx)) // its transaction may be open; nothing was leased that was not committed
		return nil, faultOf(err)
	}
	return leased, nil
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
	e.Secret, err = db.openText(sealed, endpointLabel(e.ID, e.Org))
	return d, err
}

func (db *DB) scanNotice(row pgx.CollectableRow, kind push.Kind) (push.Delivery, error) {
	d := push.Delivery{Kind: kind, Notice: &push.Notice{}}
	n := d.Notice
	var dev push.Device
	var box push.Mailbox
	var subject, app, platform, phone, environment, locale *string
	var installation *bool
	var registered *time.Time
	var sealed, words []byte
	err := row.Scan(&d.ID, &d.Attempt, &d.Lease, &d.Org, &d.Event, &d.Type, &d.At, &n.ID, &n.Category, &n.About, &n.Link, &words, &n.Urgent, &n.Expires,
		&dev.ID, &subject, &app, &platform, &phone, &sealed, &installation, &environment, &locale, &registered, &box.Name, &box.Address, &box.Locale)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(words, &n.Words); err != nil {
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
	dev.Address, err = db.openText(sealed, deviceLabel(dev.Subject, d.Org))
	d.Device = &dev
	return d, err
}

// finishSQL records attempts and moves their deliveries on, where the attempt is
// the one that was leased; crosses orgs: a batch is of several.
const finishSQL = `WITH f AS (
		SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::bigint[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::text[],
			$10::int[], $11::int[], $12::int[], $13::int[], $14::int[], $15::bytea[], $16::bytea[], $17::bytea[], $18::text[])
			AS u(id, attempt, state, after, outcome, code, class, detail, ip, dns, connect, tls, first_byte, total, request, response, body, provider)
	), moved AS (
		UPDATE delivery d SET state = f.state, next_at = now() + f.after * interval '1 microsecond', lease_until = NULL, worker = '',
			code = f.code, class = f.class, done_at = CASE WHEN f.state <> 'pending' THEN now() END
		FROM f WHERE d.id = f.id AND d.attempt = f.attempt AND d.state = 'leased' AND d.worker = $19
		RETURNING d.id, d.org_id
	)
	INSERT INTO attempt (delivery_id, attempt, org_id, outcome, code, class, detail, ip, dns_us, connect_us, tls_us, first_byte_us, total_us,
		request_header, response_header, response_body, provider_id, worker)
	SELECT f.id, f.attempt, m.org_id, f.outcome, f.code, f.class, f.detail, f.ip, f.dns, f.connect, f.tls, f.first_byte, f.total,
		convert_from(f.request, 'UTF8')::jsonb, convert_from(f.response, 'UTF8')::jsonb, f.body, f.provider, $19
	FROM f JOIN moved m USING (id)`

// paceSQL sends less to endpoints that cannot keep up, half each time, and one
// more for each success until it is as much as its owner allows; and not at all
// as long as one has asked for; crosses orgs: a batch is of several.
const paceSQL = `UPDATE endpoint e SET at_once_now = CASE WHEN u.slow THEN greatest(e.at_once_now / 2, 1) ELSE least(e.at_once, e.at_once_now + u.went) END,
		paused_until = greatest(e.paused_until, CASE WHEN u.pause > 0 THEN now() + u.pause * interval '1 microsecond' END)
	FROM (SELECT * FROM unnest($1::uuid[], $2::bool[], $3::int[], $4::bigint[]) AS u(id, slow, went, pause) ORDER BY id) u
	WHERE e.id = u.id AND (u.slow OR u.pause > 0 OR e.at_once_now < e.at_once)`

// deviceSQL notes what providers say of devices: that one is dead, unless it was
// registered again since, or that it is of the other environment; crosses orgs:
// a batch is of several.
const deviceSQL = `UPDATE device d SET invalid_at = CASE WHEN u.dead THEN now() ELSE d.invalid_at END,
		invalid_reason = CASE WHEN u.dead THEN u.reason ELSE d.invalid_reason END,
		environment = CASE WHEN u.environment <> '' THEN u.environment ELSE d.environment END
	FROM unnest($1::uuid[], $2::bool[], $3::text[], $4::text[], $5::timestamptz[]) AS u(id, dead, reason, environment, registered_at)
	WHERE d.id = u.id AND d.registered_at = u.registered_at`

// Finish implements push.Queue.
func (db *DB) Finish(ctx context.Context, worker string, fs []push.Finished) error {
	var c finished
	for _, f := range fs {
		if err := c.add(f); err != nil {
			return err
		}
	}
	err := pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(finishSQL, c.ids, c.attempts, c.states, c.afters, c.outcomes, c.codes, c.classes, c.details, c.ips, c.dns, c.connects, c.tls, c.firsts, c.totals,
			c.requests, c.responses, c.bodies, c.providers, worker)
		if paces := c.paces(); len(paces.ids) > 0 {
			b.Queue(paceSQL, paces.ids, paces.slow, paces.went, paces.pause)
		}
		if len(c.devices.ids) > 0 {
			b.Queue(deviceSQL, c.devices.ids, c.devices.dead, c.devices.reasons, c.devices.environments, c.devices.registered)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("finish: %w", faultOf(err))
	}
	return nil
}

// finished are attempts as columns.
type finished struct {
	ids, states, outcomes, classes, details, ips, providers []string
	attempts, codes                                         []int16
	afters                                                  []int64
	dns, connects, tls, firsts, totals                      []int32
	requests, responses, bodies                             [][]byte
	endpoints                                               map[push.EndpointID]*pace
	devices                                                 struct {
		ids, reasons, environments []string
		dead                       []bool
		registered                 []time.Time
	}
}

// pace is how an endpoint took a batch.
type pace struct {
	slow  bool
	went  int32
	pause time.Duration
}

func (c *finished) add(f push.Finished) error {
	d, r := f.Delivery, f.Result
	request, err := headerJSON(r.RequestHeader)
	if err != nil {
		return err
	}
	response, err := headerJSON(r.ResponseHeader)
	if err != nil {
		return err
	}
	micros := func(d time.Duration) int32 { return int32(min(d.Microseconds(), 1<<31-1)) }
	c.ids, c.attempts, c.states, c.afters = append(c.ids, d.ID.UUID()), append(c.attempts, int16(d.Attempt)), append(c.states, string(f.State)), append(c.afters, f.After.Microseconds())
	c.outcomes, c.codes, c.classes, c.details = append(c.outcomes, string(r.Outcome)), append(c.codes, int16(r.Code)), append(c.classes, r.Class), append(c.details, r.Detail)
	c.ips, c.providers = append(c.ips, r.IP), append(c.providers, r.ProviderMessage)
	c.dns, c.connects, c.tls = append(c.dns, micros(r.Timing.DNS)), append(c.connects, micros(r.Timing.Connect)), append(c.tls, micros(r.Timing.TLS))
	c.firsts, c.totals = append(c.firsts, micros(r.Timing.FirstByte)), append(c.totals, micros(r.Timing.Total))
	c.requests, c.responses, c.bodies = append(c.requests, request), append(c.responses, response), append(c.bodies, r.ResponseBody)
	if e := d.Endpoint; e != nil {
		c.took(e.ID, r)
	}
	if dev := d.Device; dev != nil && (r.Outcome == push.Gone || r.Environment != "") {
		c.devices.ids, c.devices.dead = append(c.devices.ids, dev.ID.UUID()), append(c.devices.dead, r.Outcome == push.Gone)
		c.devices.reasons, c.devices.environments = append(c.devices.reasons, r.Detail), append(c.devices.environments, r.Environment)
		c.devices.registered = append(c.devices.registered, dev.RegisteredAt)
	}
	return nil
}

func (c *finished) took(id push.EndpointID, r push.Result) {
	if c.endpoints == nil {
		c.endpoints = map[push.EndpointID]*pace{}
	}
	p := c.endpoints[id]
	if p == nil {
		p = &pace{}
		c.endpoints[id] = p
	}
	p.slow = p.slow || r.Slow
	if r.Outcome == push.Delivered {
		p.went++
	}
	if r.Slow {
		p.pause = max(p.pause, min(r.RetryAfter, 24*time.Hour))
	}
}

func (c *finished) paces() (out struct {
	ids   []string
	slow  []bool
	went  []int32
	pause []int64
},
) {
	for id, p := range c.endpoints {
		out.ids, out.slow, out.went, out.pause = append(out.ids, id.UUID()), append(out.slow, p.slow), append(out.went, p.went), append(out.pause, p.pause.Microseconds())
	}
	return out
}

func headerJSON(h http.Header) ([]byte, error) {
	if h == nil {
		return nil, nil
	}
	return json.Marshal(h)
}

// reclaimSQL makes deliveries whose lease has ended due again, and logs their
// attempts; crosses orgs: a node cleans up after any other.
const reclaimSQL = `WITH lost AS (
		SELECT id FROM delivery WHERE state = 'leased' AND lease_until < now() ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED
	), freed AS (
		UPDATE delivery d SET state = 'pending', next_at = now(), lease_until = NULL, worker = '', class = 'crash'
		FROM (SELECT d.id, d.worker FROM delivery d JOIN lost USING (id)) was WHERE d.id = was.id
		RETURNING d.id, d.attempt, d.org_id, was.worker
	)
	INSERT INTO attempt (delivery_id, attempt, org_id, outcome, class, detail, worker)
	SELECT id, attempt, org_id, 'unknown', 'crash', 'the node went away in the middle', worker FROM freed`

// orphansSQL drops what is owed to endpoints that were deleted while it was
// fanned out; crosses orgs: a node cleans up after any other.
const orphansSQL = `WITH RECURSIVE owed AS (
		(SELECT target FROM delivery WHERE state = 'pending' AND kind = 'webhook' ORDER BY target LIMIT 1)
		UNION ALL
		SELECT n.target FROM owed CROSS JOIN LATERAL (SELECT d.target FROM delivery d
			WHERE d.state = 'pending' AND d.kind = 'webhook' AND d.target > owed.target ORDER BY d.target LIMIT 1) n
	)
	UPDATE delivery d SET state = 'cancelled', class = 'gone', done_at = now()
	WHERE d.state = 'pending' AND d.kind = 'webhook' AND d.target IN (SELECT o.target FROM owed o WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.id = o.target))`

// Reclaim implements push.Queue.
func (db *DB) Reclaim(ctx context.Context) (int, error) {
	n, err := run(ctx, db.everywhere(), reclaimSQL)
	if err == nil {
		_, err = run(ctx, db.everywhere(), orphansSQL)
	}
	if err != nil {
		return 0, fmt.Errorf("reclaim: %w", err)
	}
	return int(n), nil
}

// disableEndpointSQL stops an endpoint that is enabled.
const disableEndpointSQL = `UPDATE endpoint SET status = 'disabled', reason = $3, updated_at = $4, version = version + 1
	WHERE org_id = $1 AND id = $2 AND status = 'enabled'`

// managersSQL finds the administrators of an organisation.
const managersSQL = `SELECT t.id FROM app_user t WHERE t.org_id = $1 AND t.role = 'admin' AND t.status = 'active' ORDER BY t.id`

// DisableEndpoint implements push.Queue. What waits for the endpoint stays.
func (db *DB) DisableEndpoint(ctx context.Context, e push.Endpoint, reason string) error {
	by := access.Actor{Kind: access.System, ID: "system", Org: e.Org}
	err := db.InTx(ctx, by, func(tx *Tx) error {
		at := db.now().UTC().Truncate(time.Microsecond)
		n, err := run(ctx, tx.Reader, disableEndpointSQL, e.Org.UUID(), e.ID.UUID(), reason, at)
		if err != nil || n == 0 {
			return err
		}
		managers, err := many(ctx, tx.Reader, pgx.RowTo[access.UserID], managersSQL, e.Org.UUID())
		if err != nil {
			return err
		}
		told := event.New(e.Org, e.ID.String(), event.WebhookDisabled{WebhookID: e.ID.String(), URL: e.URL, Reason: reason}, at)
		for _, m := range managers {
			told.Persons = append(told.Persons, event.Person{Subject: m.String(), Org: e.Org, As: event.Manager})
		}
		tx.Emit(told)
		return nil
	})
	if err != nil {
		return fmt.Errorf("disable %s: %w", e.ID, err)
	}
	return nil
}

// openText opens a sealed text.
func (db *DB) openText(sealed []byte, label string) (string, error) {
	plain, err := db.seal.Open(sealed, label)
	if err != nil {
		return "", fmt.Errorf("sealed text: %w", err)
	}
	return string(plain), nil
}
