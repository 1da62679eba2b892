package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
)

const bordereauColumns = `t.id, t.org_id, t.agreement_id, t.carrier_id, t.type, t.from_day::text, t.to_day::text, t.due::text, t.status, t.rows, t.gross,
	t.commission, t.override, t.net, t.created_by, t.created_at`

func scanBordereau(row pgx.CollectableRow) (delegated.Bordereau, error) {
	var b delegated.Bordereau
	return b, row.Scan(&b.ID, &b.Org, &b.Agreement, &b.Carrier, &b.Type, day(&b.From), day(&b.To), day(&b.Due), &b.Status, &b.Rows, &b.Gross,
		&b.Commission, &b.Override, &b.Net, &b.CreatedBy, &b.CreatedAt)
}

// bordereauSQL reads one bordereau.
const bordereauSQL = `SELECT ` + bordereauColumns + ` FROM bordereau t WHERE t.org_id = $1 AND t.id = $2`

// Bordereau reads one bordereau.
func (r Reader) Bordereau(ctx context.Context, id delegated.BordereauID) (delegated.Bordereau, error) {
	return one(ctx, r, scanBordereau, bordereauSQL, r.org.UUID(), id.UUID())
}

// A BordereauFilter narrows a list; zero fields do not.
type BordereauFilter struct {
	Agreement delegated.ID
	Carrier   carrier.ID
}

// Bordereaux lists the organisation's bordereaux, newest first.
func (r Reader) Bordereaux(ctx context.Context, f BordereauFilter, p Page) ([]delegated.Bordereau, error) {
	w := r.where()
	if !f.Agreement.IsZero() {
		w.equal("agreement_id", f.Agreement.UUID())
	}
	if !f.Carrier.IsZero() {
		w.equal("carrier_id", f.Carrier.UUID())
	}
	return list(ctx, r, scanBordereau, bordereauColumns, "bordereau", "created_at", w, p)
}

// coveredSQL is whether a bordereau of an agreement covers days of a period.
const coveredSQL = `SELECT t.id FROM bordereau t WHERE t.org_id = $1 AND t.agreement_id = $2 AND t.type = $3
	AND t.from_day < $5::text::date AND t.to_day > $4::text::date LIMIT 1`

// addBordereauSQL adds a bordereau of nothing yet.
const addBordereauSQL = `INSERT INTO bordereau (id, org_id, agreement_id, carrier_id, type, from_day, to_day, due, status, rows, gross, commission, override, net,
	created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6::text::date, $7::text::date, $8::text::date, $9, 0, 0, 0, 0, 0, $10, $11)`

// fillBordereauSQL gives a bordereau every row of its agreement up to its end
// that no other one holds, and sums them.
const fillBordereauSQL = `WITH taken AS (
		UPDATE bordereau_row SET bordereau_id = $2 WHERE org_id = $1 AND agreement_id = $3 AND booked < $4::text::date AND bordereau_id IS NULL
		RETURNING gross, commission, override, net
	), total AS (
		SELECT count(*)::int AS rows, coalesce(sum(gross), 0)::bigint AS gross, coalesce(sum(commission), 0)::bigint AS commission,
			coalesce(sum(override), 0)::bigint AS override, coalesce(sum(net), 0)::bigint AS net FROM taken
	)
	UPDATE bordereau t SET rows = total.rows, gross = total.gross, commission = total.commission, override = total.override, net = total.net
	FROM total WHERE t.org_id = $1 AND t.id = $2 RETURNING ` + bordereauColumns

// AddBordereau adds a bordereau of an agreement that the transaction has locked,
// with every row up to its end that none holds yet; delegated.ErrReported when
// another one covers days of its period.
func (tx *Tx) AddBordereau(ctx context.Context, b delegated.Bordereau) (delegated.Bordereau, error) {
	org, agreement, from, to := tx.org.UUID(), b.Agreement.UUID(), b.From.String(), b.To.String()
	ids, err := many(ctx, tx.Reader, pgx.RowTo[delegated.BordereauID], coveredSQL, org, agreement, b.Type, from, to)
	if err == nil && len(ids) > 0 {
		err = delegated.ErrReported.With("bordereauId", ids[0].String())
	}
	if err != nil {
		return b, err
	}
	_, err = run(ctx, tx.Reader, addBordereauSQL, b.ID.UUID(), org, agreement, b.Carrier.UUID(), b.Type, from, to, b.Due.String(), b.Status, b.CreatedBy, b.CreatedAt)
	if err != nil {
		return b, err
	}
	return one(ctx, tx.Reader, scanBordereau, fillBordereauSQL, org, b.ID.UUID(), agreement, to)
}

const rowColumns = `t.id, t.org_id, t.agreement_id, t.carrier_id, t.policy_id, t.bordereau_id, t.type, t.booked::text, t.facts, t.gross, t.commission,
	t.override, t.net, t.created_at`

func scanRow(row pgx.CollectableRow) (delegated.Row, error) {
	var r delegated.Row
	return r, row.Scan(&r.Transaction, &r.Org, &r.Agreement, &r.Carrier, &r.Policy, &r.Bordereau, &r.Type, day(&r.Booked), &r.Facts, &r.Gross, &r.Commission,
		&r.Override, &r.Net, &r.CreatedAt)
}

// BordereauRows lists the rows of a bordereau, newest first.
func (r Reader) BordereauRows(ctx context.Context, of delegated.BordereauID, p Page) ([]delegated.Row, error) {
	w := r.where()
	w.equal("bordereau_id", of.UUID())
	return list(ctx, r, scanRow, rowColumns, "bordereau_row", "created_at", w, p)
}

// addRowSQL adds what a carrier is told of a transaction.
const addRowSQL = `INSERT INTO bordereau_row (id, org_id, agreement_id, carrier_id, policy_id, type, booked, facts, gross, commission, override, net, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7::text::date, $8, $9, $10, $11, $12, $13)`

// AddRow adds what a carrier is told of a transaction.
func (tx *Tx) AddRow(ctx context.Context, r delegated.Row) error {
	return tx.write(ctx, addRowSQL, r.Transaction.UUID(), tx.org.UUID(), r.Agreement.UUID(), r.Carrier.UUID(), r.Policy.UUID(), r.Type,
		r.Booked.String(), r.Facts, int64(r.Gross), int64(r.Commission), int64(r.Override), int64(r.Net), r.CreatedAt)
}
