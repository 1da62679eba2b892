package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
)

// RequestAge is how long a request is remembered.
const RequestAge = 30 * 24 * time.Hour

// A Request is what became of one change or one failure. It has no bodies.
type Request struct {
	ID              access.RequestID
	Org             access.OrgID // zero: nobody was signed in
	ClientRequestID string
	Actor           string
	Method, Route   string
	Status          int
	ErrorCode       string
	Milliseconds    int
	Replayed        bool
	At              time.Time
}

// requestSQL reads one request.
const requestSQL = `SELECT id, org_id, client_request_id, actor, method, route, status, error_code, milliseconds, replayed, at
	FROM request WHERE org_id = $1 AND (id = $2 OR client_request_id = $3 AND $3 <> '') ORDER BY at DESC LIMIT 1`

// causedSQL lists the events that a request caused.
const causedSQL = `SELECT id FROM event WHERE org_id = $1 AND request_id = $2 ORDER BY id`

// Request finds a request by our id, or the newest by the caller's own, with
// the events it caused.
func (r Reader) Request(ctx context.Context, id access.RequestID, clientID string) (Request, []event.ID, error) {
	q, err := one(ctx, r, pgx.RowToStructByPos[Request], requestSQL, r.org.UUID(), id, clientID)
	if err != nil {
		return Request{}, nil, err
	}
	caused, err := many(ctx, r, pgx.RowTo[event.ID], causedSQL, r.org.UUID(), q.ID.UUID())
	return q, caused, err
}

// addRequestsSQL writes a batch; crosses orgs: a batch holds everybody's.
const addRequestsSQL = `INSERT INTO request (id, org_id, client_request_id, actor, method, route, status, error_code, milliseconds, replayed, at)
	SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::text[], $9::int[], $10::bool[], $11::timestamptz[])
	ON CONFLICT (id) DO NOTHING`

// AddRequests remembers requests.
func (db *DB) AddRequests(ctx context.Context, rs []Request) error {
	n := len(rs)
	ids, orgs := make([]string, n), make([]*string, n)
	clients, actors, methods, routes, codes := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	statuses, millis, replayed, ats := make([]int16, n), make([]int32, n), make([]bool, n), make([]time.Time, n)
	for i, r := range rs {
		ids[i] = r.ID.UUID()
		if !r.Org.IsZero() {
			o := r.Org.UUID()
			orgs[i] = &o
		}
		clients[i], actors[i], methods[i], routes[i], codes[i] = r.ClientRequestID, r.Actor, r.Method, r.Route, r.ErrorCode
		statuses[i], millis[i], replayed[i], ats[i] = int16(r.Status), int32(min(r.Milliseconds, 1<<31-1)), r.Replayed, r.At //nolint:gosec // statuses have three digits, min keeps the other in range
	}
	_, err := run(ctx, db.everywhere(), addRequestsSQL, ids, orgs, clients, actors, methods, routes, statuses, codes, millis, replayed, ats)
	return err
}

// sweepRequestsSQL forgets old requests; crosses orgs: age is all that counts.
const sweepRequestsSQL = `DELETE FROM request WHERE id IN (SELECT id FROM request WHERE at < $1 LIMIT 5000)`

// sweepAnswersSQL forgets answers that are not replayed any more; crosses
// orgs: age is all that counts.
const sweepAnswersSQL = `DELETE FROM idempotency WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency WHERE created_at < $1 LIMIT 5000))`

// sweepTicketsSQL forgets used tickets that no signature is good for any more;
// crosses orgs: age is all that counts.
const sweepTicketsSQL = `DELETE FROM ticket_use WHERE id IN (SELECT id FROM ticket_use WHERE expires_at < $1 LIMIT 5000)`

// sweepGuestDevicesSQL deletes some old browsers of guests; crosses orgs: it is
// the janitor's.
const sweepGuestDevicesSQL = `DELETE FROM guest_device WHERE hash IN (SELECT hash FROM guest_device WHERE expires_at < $1 LIMIT 5000)`

// sweepGuestLinksSQL deletes some old links of guests; crosses orgs: it is the
// janitor's.
const sweepGuestLinksSQL = `DELETE FROM guest_link WHERE hash IN (SELECT hash FROM guest_link WHERE created_at < $1 LIMIT 5000)`

// Sweep forgets what is past its age, in batches, and returns how many rows.
func (db *DB) Sweep(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for sql, before := range map[string]time.Time{
		sweepRequestsSQL: now.Add(-RequestAge), sweepAnswersSQL: now.Add(-IdempotencyAge), sweepTicketsSQL: now.Add(-time.Minute),
		sweepChangesSQL: now.Add(-changeAge), sweepGuestDevicesSQL: now, sweepGuestLinksSQL: now.Add(-24 * time.Hour),
		sweepCountsSQL: now, sweepCodesSQL: now.Add(-codeKept), dropIdlePhonesSQL: now, sweepSignInsSQL: now.Add(-codeKept), sweepUserSignInsSQL: now,
	} {
		for {
			n, err := run(ctx, db.everywhere(), sql, before)
			total += n
			if err != nil {
				return total, err
			}
			if n == 0 {
				break
			}
		}
	}
	owed, err := db.sweepOwed(ctx, now)
	total += owed
	if err != nil {
		return total, err
	}
	n, err := db.sweepEntries(ctx, now.Add(-NoticeAge))
	return total + n, err
}
