package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
)

// ErrTooManyEndpoints is what the endpoint after the last that an organisation
// may have is answered.
var ErrTooManyEndpoints = fault.New(fault.Refused, "too_many_webhooks", fmt.Sprintf("An organization has at most %d webhook endpoints.", push.MostEndpoints)).With("limit", push.MostEndpoints)

const endpointColumns = `t.id, t.org_id, t.url, t.description, t.types, t.thin, t.ordered, t.at_once, t.schedule, t.status, t.reason,
	t.paused_until, t.created_by, t.created_at, t.updated_at, t.version`

func scanEndpoint(row pgx.CollectableRow) (push.Endpoint, error) {
	var e push.Endpoint
	return e, row.Scan(&e.ID, &e.Org, &e.URL, &e.Description, &e.Types, &e.Thin, &e.Ordered, &e.AtOnce, &e.Schedule, &e.Status, &e.Reason,
		&e.PausedUntil, &e.CreatedBy, &e.CreatedAt, &e.UpdatedAt, &e.Version)
}

// endpointLabel binds a sealed secret to its endpoint and organisation.
func endpointLabel(id push.EndpointID, org access.OrgID) string {
	return fmt.Sprintf("endpoint %s of %s", id, org)
}

// lockOrgSQL makes whoever adds to what an organisation may have a number of
// wait for the others who do.
const lockOrgSQL = `SELECT FROM org t WHERE t.id = $1 FOR NO KEY UPDATE`

// addEndpointSQL adds an endpoint unless there are so many already.
const addEndpointSQL = `INSERT INTO endpoint (id, org_id, url, description, types, thin, ordered, at_once, at_once_now, schedule, secret, status,
		created_by, created_at, updated_at)
	SELECT $2, $1, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12, $13, $13
	WHERE (SELECT count(*) FROM endpoint t WHERE t.org_id = $1) < $14`

// AddEndpoint adds an endpoint with its secret, which is sealed and is not read
// again but to sign. ErrTooManyEndpoints when the organisation has as many as it
// may.
func (tx *Tx) AddEndpoint(ctx context.Context, e push.Endpoint) error {
	if _, err := run(ctx, tx.Reader, lockOrgSQL, tx.org.UUID()); err != nil {
		return err
	}
	sealed := tx.db.seal.Seal([]byte(e.Secret), endpointLabel(e.ID, tx.org))
	n, err := run(ctx, tx.Reader, addEndpointSQL, tx.org.UUID(), e.ID.UUID(), e.URL, e.Description, e.Types, e.Thin, e.Ordered, e.AtOnce,
		e.Schedule, sealed, e.Status, e.CreatedBy, e.CreatedAt, push.MostEndpoints)
	if err == nil && n == 0 {
		return ErrTooManyEndpoints
	}
	return err
}

// endpointSQL reads an endpoint.
const endpointSQL = `SELECT ` + endpointColumns + ` FROM endpoint t WHERE t.org_id = $1 AND t.id = $2`

// Endpoint reads an endpoint of the reader's organisation, without its secret.
func (r Reader) Endpoint(ctx context.Context, id push.EndpointID) (push.Endpoint, error) {
	return one(ctx, r, scanEndpoint, endpointSQL, r.org.UUID(), id.UUID())
}

// Endpoints lists the endpoints that the scope allows, without their secrets.
func (r Reader) Endpoints(ctx context.Context, see access.Scope, p Page) ([]push.Endpoint, error) {
	w := r.where()
	w.scope(see)
	return list(ctx, r, scanEndpoint, endpointColumns, "endpoint", "created_at", w, p)
}

// lockEndpointSQL reads an endpoint for change.
const lockEndpointSQL = endpointSQL + ` FOR NO KEY UPDATE`

// LockEndpoint reads an endpoint that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockEndpoint(ctx context.Context, id push.EndpointID) (push.Endpoint, error) {
	return one(ctx, tx.Reader, scanEndpoint, lockEndpointSQL, tx.org.UUID(), id.UUID())
}

// keepEndpointSQL reads an endpoint that is to stay while something is owed to
// it, as the fan-out does.
const keepEndpointSQL = endpointSQL + ` FOR KEY SHARE`

// KeepEndpoint reads an endpoint that nobody deletes until the end of the
// transaction.
func (tx *Tx) KeepEndpoint(ctx context.Context, id push.EndpointID) (push.Endpoint, error) {
	return one(ctx, tx.Reader, scanEndpoint, keepEndpointSQL, tx.org.UUID(), id.UUID())
}

// saveEndpointSQL saves what the owner of an endpoint may change. One that was
// given another address, or was enabled, starts anew: it is not paused, and gets
// as many deliveries at once as it may.
const saveEndpointSQL = `UPDATE endpoint t SET url = $3, description = $4, types = $5, thin = $6, ordered = $7, at_once = $8,
		at_once_now = CASE WHEN t.url = $3 AND t.status = $10 AND t.at_once = $8 THEN t.at_once_now ELSE $8 END,
		paused_until = CASE WHEN t.url = $3 AND t.status = $10 THEN t.paused_until END,
		schedule = $9, status = $10, reason = $11, updated_at = $12, version = version + 1
	WHERE t.org_id = $1 AND t.id = $2 AND t.version = $13
	RETURNING ` + endpointColumns

// SaveEndpoint saves a changed endpoint and returns it as it is then;
// fault.ErrStale when it has changed since it was read. Its secret stays.
func (tx *Tx) SaveEndpoint(ctx context.Context, e push.Endpoint) (push.Endpoint, error) {
	saved, err := many(ctx, tx.Reader, scanEndpoint, saveEndpointSQL, tx.org.UUID(), e.ID.UUID(), e.URL, e.Description, e.Types, e.Thin, e.Ordered,
		e.AtOnce, e.Schedule, e.Status, e.Reason, e.UpdatedAt, e.Version)
	switch {
	case err != nil:
		return push.Endpoint{}, err
	case len(saved) == 0:
		return push.Endpoint{}, fault.ErrStale
	}
	return saved[0], nil
}

// deleteEndpointSQL removes an endpoint. It waits for those who owe it something
// new, so that what they owe is there to be cancelled.
const deleteEndpointSQL = `DELETE FROM endpoint t WHERE t.org_id = $1 AND t.id = $2`

// cancelDeliveriesSQL cancels what nobody is sending to an endpoint right now.
const cancelDeliveriesSQL = `UPDATE delivery t SET state = 'cancelled', done_at = clock_timestamp()
	WHERE t.org_id = $1 AND t.target = $2 AND t.kind = 'webhook' AND t.state = 'pending'`

// DeleteEndpoint removes an endpoint and cancels what is owed to it. An attempt
// that is under way is not interrupted.
func (tx *Tx) DeleteEndpoint(ctx context.Context, id push.EndpointID) error {
	n, err := run(ctx, tx.Reader, deleteEndpointSQL, tx.org.UUID(), id.UUID())
	switch {
	case err != nil:
		return err
	case n == 0:
		return fault.ErrNotFound
	}
	_, err = run(ctx, tx.Reader, cancelDeliveriesSQL, tx.org.UUID(), id.UUID())
	return err
}
