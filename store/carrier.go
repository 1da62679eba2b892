package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/carrier"
)

const carrierOfColumns = `c.id, c.org_id, coalesce(c.external_id, ''), c.name, c.naic, c.email, c.status, c.reporting, c.metadata, c.created_by, c.created_at,
	c.updated_at, c.version`

const carrierColumns = `t.id, t.org_id, coalesce(t.external_id, ''), t.name, t.naic, t.email, t.status, t.reporting, t.metadata, t.created_by, t.created_at,
	t.updated_at, t.version`

func carrierInto(c *carrier.Carrier) []any {
	return []any{
		&c.ID, &c.Org, &c.ExternalID, &c.Name, &c.NAIC, &c.Email, &c.Status, &c.Reporting, &c.Metadata, &c.CreatedBy, &c.CreatedAt, &c.UpdatedAt, &c.Version,
	}
}

func scanCarrier(row pgx.CollectableRow) (carrier.Carrier, error) {
	var c carrier.Carrier
	return c, row.Scan(carrierInto(&c)...)
}

// carrierSQL reads one carrier.
const carrierSQL = `SELECT ` + carrierColumns + ` FROM carrier t WHERE t.org_id = $1 AND t.id = $2`

// Carrier reads one carrier.
func (r Reader) Carrier(ctx context.Context, id carrier.ID) (carrier.Carrier, error) {
	return one(ctx, r, scanCarrier, carrierSQL, r.org.UUID(), id.UUID())
}

// lockCarrierSQL reads one carrier for change.
const lockCarrierSQL = carrierSQL + ` FOR NO KEY UPDATE`

// LockCarrier reads a carrier that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockCarrier(ctx context.Context, id carrier.ID) (carrier.Carrier, error) {
	if err := tx.turn(ctx, id); err != nil {
		return carrier.Carrier{}, err
	}
	return one(ctx, tx.Reader, scanCarrier, lockCarrierSQL, tx.org.UUID(), id.UUID())
}

// A CarrierFilter narrows a list; empty fields do not.
type CarrierFilter struct{ Status, ExternalID string }

// Carriers lists the organisation's carriers, newest first.
func (r Reader) Carriers(ctx context.Context, f CarrierFilter, p Page) ([]carrier.Carrier, error) {
	w := r.where()
	w.equal("status", f.Status)
	w.equal("external_id", f.ExternalID)
	return list(ctx, r, scanCarrier, carrierColumns, "carrier", "created_at", w, p)
}

// addCarrierSQL adds a carrier.
const addCarrierSQL = `INSERT INTO carrier (id, org_id, external_id, name, naic, email, status, reporting, metadata, created_by, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`

// AddCarrier adds a carrier: carrier.ErrExists and
// ErrDuplicateExternalID when its name or id is taken.
func (tx *Tx) AddCarrier(ctx context.Context, c carrier.Carrier) error {
	_, err := run(ctx, tx.Reader, addCarrierSQL, c.ID.UUID(), tx.org.UUID(), null(c.ExternalID), c.Name, c.NAIC, c.Email, c.Status, c.Reporting, c.Metadata,
		c.CreatedBy, c.CreatedAt)
	return err
}

// saveCarrierSQL saves a locked carrier.
const saveCarrierSQL = `UPDATE carrier t SET name = $3, naic = $4, email = $5, status = $6, reporting = $7, metadata = $8, updated_at = $9, version = t.version + 1
	WHERE t.org_id = $1 AND t.id = $2`

// SaveCarrier saves a carrier that the transaction has locked.
func (tx *Tx) SaveCarrier(ctx context.Context, c carrier.Carrier) error {
	_, err := run(ctx, tx.Reader, saveCarrierSQL, tx.org.UUID(), c.ID.UUID(), c.Name, c.NAIC, c.Email, c.Status, c.Reporting, c.Metadata, c.UpdatedAt)
	return err
}
