package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
)

// Faults of a delivery that is to be tried again.
var (
	ErrInDelivery      = fault.New(fault.Conflict, "delivery_in_flight", "An attempt at this delivery is under way.").Retry(time.Second)
	ErrTooManyAttempts = fault.New(fault.Refused, "too_many_attempts", fmt.Sprintf("A delivery is tried at most %d times.", push.MostAttempts)).With("limit", push.MostAttempts)
)

const owedColumns = `t.id, t.org_id, t.target, t.event_id, t.type, t.payload IS NOT NULL, t.state, t.attempt, t.next_at, t.code, t.class, t.created_at, t.done_at`

func scanOwed(row pgx.CollectableRow) (push.Owed, error) {
	var d push.Owed
	return d, row.Scan(&d.ID, &d.Org, &d.Endpoint, &d.Event, &d.Type, &d.Test, &d.State, &d.Attempts, &d.NextAt, &d.Code, &d.Class, &d.CreatedAt, &d.DoneAt)
}

// DeliveryFilter narrows a list; empty fields do not.
type DeliveryFilter struct {
	State push.State
	Type  string // of the event
}

// Deliveries lists what was and is owed to an endpoint, newest first.
func (r Reader) Deliveries(ctx context.Context, id push.EndpointID, f DeliveryFilter, p Page) ([]push.Owed, error) {
	w := r.where()
	w.and("t.kind = 'webhook' AND t.target = $?", id.UUID())
	w.equal("state", string(f.State))
	w.equal("type", f.Type)
	return list(ctx, r, scanOwed, owedColumns, "delivery", "created_at", w, p)
}

// owedSQL reads one delivery to an endpoint.
const owedSQL = `SELECT ` + owedColumns + ` FROM delivery t WHERE t.org_id = $1 AND t.target = $2 AND t.kind = 'webhook' AND t.id = $3`

// Delivery reads one delivery to an endpoint.
func (r Reader) Delivery(ctx context.Context, to push.EndpointID, id push.ID) (push.Owed, error) {
	return one(ctx, r, scanOwed, owedSQL, r.org.UUID(), to.UUID(), id.UUID())
}

const attemptColumns = `t.at, t.attempt, t.outcome, t.code, t.class, t.detail, t.ip, t.dns_us, t.connect_us, t.tls_us, t.first_byte_us, t.total_us,
	t.request_header, t.response_header, t.response_body, t.provider_id, t.worker`

func scanAttempt(row pgx.CollectableRow) (push.Attempt, error) {
	var a push.Attempt
	var dns, connect, tls, first, total int64
	err := row.Scan(&a.At, &a.Number, &a.Outcome, &a.Code, &a.Class, &a.Detail, &a.IP, &dns, &connect, &tls, &first, &total,
		&a.RequestHeader, &a.ResponseHeader, &a.ResponseBody, &a.ProviderMessage, &a.Worker)
	a.Timing = push.Timing{DNS: micros(dns), Connect: micros(connect), TLS: micros(tls), FirstByte: micros(first), Total: micros(total)}
	return a, err
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// attemptsSQL reads the tries at a delivery, which begin after it was made: that
// leaves the partitions of other days alone.
const attemptsSQL = `SELECT ` + attemptColumns + ` FROM attempt t WHERE t.org_id = $1 AND t.delivery_id = $2 AND t.at >= $3
	ORDER BY t.attempt, t.at LIMIT $4`

// Attempts reads the tries at a delivery that the log still has, the first
// first.
func (r Reader) Attempts(ctx context.Context, d push.Owed) ([]push.Attempt, error) {
	return many(ctx, r, scanAttempt, attemptsSQL, r.org.UUID(), d.ID.UUID(), d.CreatedAt, 2*push.MostAttempts)
}

// addTestDeliverySQL owes an endpoint an event that did not happen.
const addTestDeliverySQL = `INSERT INTO delivery AS t (org_id, kind, target, event_id, type, payload)
	VALUES ($1, 'webhook', $2, $3, $4, $5) RETURNING ` + owedColumns

// AddTestDelivery owes an endpoint, which this transaction keeps, an event that
// did not happen, with its own payload.
func (tx *Tx) AddTestDelivery(ctx context.Context, to push.EndpointID, e event.ID, typ string, payload []byte) (push.Owed, error) {
	return one(ctx, tx.Reader, scanOwed, addTestDeliverySQL, tx.org.UUID(), to.UUID(), e.UUID(), typ, payload)
}

// retryDeliverySQL makes a delivery due now, whatever came of it.
const retryDeliverySQL = `UPDATE delivery t SET state = 'pending', next_at = now(), done_at = NULL
	WHERE t.org_id = $1 AND t.target = $2 AND t.kind = 'webhook' AND t.id = $3 AND t.state <> 'leased' AND t.attempt < $4
	RETURNING ` + owedColumns

// RetryDelivery makes a delivery to an endpoint, which this transaction keeps,
// due now, whatever came of it so far. ErrInDelivery when it is being tried
// already.
func (tx *Tx) RetryDelivery(ctx context.Context, to push.EndpointID, id push.ID) (push.Owed, error) {
	due, err := many(ctx, tx.Reader, scanOwed, retryDeliverySQL, tx.org.UUID(), to.UUID(), id.UUID(), push.MostAttempts)
	if err != nil || len(due) > 0 {
		return first(due), err
	}
	d, err := tx.Delivery(ctx, to, id)
	switch {
	case err != nil:
		return push.Owed{}, err
	case d.Attempts >= push.MostAttempts:
		return push.Owed{}, ErrTooManyAttempts
	}
	return push.Owed{}, ErrInDelivery
}

// first returns the first of some, or the zero value.
func first[T any](of []T) T {
	if len(of) == 0 {
		var zero T
		return zero
	}
	return of[0]
}
