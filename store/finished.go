package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/push"
)

// finishSQL records attempts and moves their deliveries on, where the attempt is
// the one that was leased, and else does nothing at all. Which those are it asks
// by lease_until, and not by state, so that each is looked up by its id: a
// planner that thinks that none is leased would compare all with all.
//
// Endpoints that cannot keep up get half as much at once, and one more for each
// success until it is as much as their owners allow; and nothing as long as they
// have asked for. Devices are dead or of the other environment, as providers
// say, unless they were registered again since; crosses orgs: a batch is of
// several.
const finishSQL = `WITH f AS (
		SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::bigint[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::text[],
			$10::int[], $11::int[], $12::int[], $13::int[], $14::int[], $15::bytea[], $16::bytea[], $17::bytea[], $18::text[],
			$19::bool[], $20::bigint[], $21::text[], $22::timestamptz[])
			AS u(id, attempt, state, after, outcome, code, class, detail, ip, dns, connect, tls, first_byte, total, request, response, body, provider,
				slow, pause, environment, registered_at)
	), moved AS (
		UPDATE delivery d SET state = f.state, next_at = now() + f.after * interval '1 microsecond', lease_until = NULL, worker = '',
			code = f.code, class = f.class, done_at = CASE WHEN f.state <> 'pending' THEN now() END
		FROM f WHERE d.id = f.id AND d.attempt = f.attempt AND d.lease_until IS NOT NULL AND d.worker = $23
		RETURNING d.org_id, d.kind, d.target, f.*
	), paced AS (
		UPDATE endpoint e SET at_once_now = CASE WHEN u.slow THEN greatest(e.at_once_now / 2, 1) ELSE least(e.at_once, e.at_once_now + u.went) END,
			paused_until = greatest(e.paused_until, CASE WHEN u.pause > 0 THEN now() + u.pause * interval '1 microsecond' END)
		FROM (SELECT target, bool_or(slow) AS slow, count(*) FILTER (WHERE outcome = 'delivered') AS went, max(pause) AS pause
			FROM moved WHERE kind = 'webhook' GROUP BY target ORDER BY target) u
		WHERE e.id = u.target AND (u.slow OR u.pause > 0 OR e.at_once_now < e.at_once)
	), marked AS (
		UPDATE device d SET invalid_at = CASE WHEN o.outcome = 'gone' THEN now() ELSE d.invalid_at END,
			invalid_reason = CASE WHEN o.outcome = 'gone' THEN o.detail ELSE d.invalid_reason END,
			environment = CASE WHEN o.environment <> '' THEN o.environment ELSE d.environment END
		FROM moved o WHERE o.kind IN ('apns', 'fcm') AND (o.outcome = 'gone' OR o.environment <> '') AND d.id = o.target AND d.last_seen_at = o.registered_at
			AND d.id = ANY (ARRAY(SELECT target FROM moved WHERE kind IN ('apns', 'fcm') AND (outcome = 'gone' OR environment <> '')))
	)
	INSERT INTO attempt (delivery_id, attempt, org_id, outcome, code, class, detail, ip, dns_us, connect_us, tls_us, first_byte_us, total_us,
		request_header, response_header, response_body, provider_id, worker)
	SELECT id, attempt, org_id, outcome, code, class, detail, ip, dns, connect, tls, first_byte, total,
		convert_from(request, 'UTF8')::jsonb, convert_from(response, 'UTF8')::jsonb, body, provider, $23
	FROM moved`

// Finish implements push.Queue.
func (db *DB) Finish(ctx context.Context, worker string, fs []push.Finished) error {
	var c finished
	for _, f := range fs {
		if err := c.add(f); err != nil {
			return err
		}
	}
	err := db.owing(ctx, func(b *pgx.Batch) {
		b.Queue(finishSQL, c.ids, c.attempts, c.states, c.afters, c.outcomes, c.codes, c.classes, c.details, c.ips, c.dns, c.connects, c.tls, c.firsts, c.totals,
			c.requests, c.responses, c.bodies, c.providers, c.slow, c.pauses, c.environments, c.registered, worker)
	})
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	return nil
}

// finished are attempts as columns.
type finished struct {
	ids, states, outcomes, classes, details, ips, providers, environments []string
	attempts, codes                                                       []int16
	afters, pauses                                                        []int64
	dns, connects, tls, firsts, totals                                    []int32
	requests, responses, bodies                                           [][]byte
	slow                                                                  []bool
	registered                                                            []*time.Time
}

// mostPause is how long an endpoint is left alone when it asks for it.
const mostPause = 24 * time.Hour

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
	c.ids, c.attempts, c.states, c.afters = append(c.ids, d.ID.UUID()), append(c.attempts, int16(d.Attempt)), append(c.states, string(f.State)), append(c.afters, f.After.Microseconds()) //nolint:gosec // attempts are few
	c.outcomes, c.codes = append(c.outcomes, string(r.Outcome)), append(c.codes, int16(r.Code))                                                                                           //nolint:gosec // statuses have three digits
	c.classes, c.details = append(c.classes, storable(r.Class)), append(c.details, storable(r.Detail))
	c.ips, c.providers = append(c.ips, storable(r.IP)), append(c.providers, storable(r.ProviderMessage))
	c.dns, c.connects, c.tls = append(c.dns, column32(r.Timing.DNS)), append(c.connects, column32(r.Timing.Connect)), append(c.tls, column32(r.Timing.TLS))
	c.firsts, c.totals = append(c.firsts, column32(r.Timing.FirstByte)), append(c.totals, column32(r.Timing.Total))
	c.requests, c.responses, c.bodies = append(c.requests, request), append(c.responses, response), append(c.bodies, r.ResponseBody)
	pause := time.Duration(0)
	if r.Slow {
		pause = min(r.RetryAfter, mostPause)
	}
	c.slow, c.pauses, c.environments = append(c.slow, r.Slow), append(c.pauses, pause.Microseconds()), append(c.environments, r.Environment)
	var registered *time.Time
	if d.Device != nil {
		registered = &d.Device.RegisteredAt
	}
	c.registered = append(c.registered, registered)
	return nil
}

// column32 is a duration in microseconds as a column holds it.
func column32(d time.Duration) int32 { return int32(min(d.Microseconds(), 1<<31-1)) } //nolint:gosec // min keeps it in range

// storable is a text of others as Postgres takes it: in UTF-8 and without the
// one character that it does not know.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

func headerJSON(h http.Header) ([]byte, error) {
	if h == nil {
		return nil, nil
	}
	clean := make(map[string][]string, len(h))
	for name, values := range h {
		kept := make([]string, len(values))
		for i, v := range values {
			kept[i] = storable(v)
		}
		clean[storable(name)] = kept
	}
	return json.Marshal(clean)
}
