package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
)

const invoiceColumns = `t.id, t.org_id, t.policy_id, t.number, coalesce(t.external_id, ''), t.due_date::text, t.premium, t.fee, t.amount, t.status,
	t.metadata, t.created_at, t.updated_at, t.version`

func scanInvoice(row pgx.CollectableRow) (billing.Invoice, error) {
	var i billing.Invoice
	var p policy.ID
	err := row.Scan(&i.ID, &i.Org, &p, &i.Number, &i.ExternalID, day(&i.Due), &i.Premium, &i.Fee, &i.Amount, &i.Status,
		&i.Metadata, &i.CreatedAt, &i.UpdatedAt, &i.Version)
	i.Policy = p.String()
	return i, err
}

// invoiceSQL reads one invoice.
const invoiceSQL = `SELECT ` + invoiceColumns + ` FROM invoice t WHERE t.org_id = $1 AND t.id = $2`

// Invoice reads one invoice.
func (r Reader) Invoice(ctx context.Context, id billing.InvoiceID) (billing.Invoice, error) {
	return one(ctx, r, scanInvoice, invoiceSQL, r.org.UUID(), id.UUID())
}

// InvoiceFilter narrows a list; empty fields do not.
type InvoiceFilter struct {
	Status, ExternalID string
	Policy             policy.ID
}

// Invoices lists what the scope allows, newest first.
func (r Reader) Invoices(ctx context.Context, see access.Scope, f InvoiceFilter, p Page) ([]billing.Invoice, error) {
	w := r.where()
	w.scope(see)
	w.equal("status", f.Status)
	w.equal("external_id", f.ExternalID)
	if !f.Policy.IsZero() {
		w.and("t.policy_id = $?", f.Policy.UUID())
	}
	return list(ctx, r, scanInvoice, invoiceColumns, "invoice", "created_at", w, p)
}

// addInvoicesSQL adds the invoices of one policy.
const addInvoicesSQL = `INSERT INTO invoice (id, org_id, policy_id, number, due_date, premium, fee, amount, status, created_at, updated_at)
	SELECT u.id, $1, $2, u.number, u.due::date, u.premium, u.fee, u.premium + u.fee, 'open', $3, $3
	FROM unnest($4::uuid[], $5::int[], $6::text[], $7::bigint[], $8::bigint[]) u(id, number, due, premium, fee)`

// relateInvoicesSQL relates invoices to their policy.
const relateInvoicesSQL = `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
	SELECT $1, 'invoice', u::text, 'policy', 'policy', $2 FROM unnest($3::uuid[]) u`

// AddInvoices adds the open invoices of a policy.
func (tx *Tx) AddInvoices(ctx context.Context, p policy.Policy, invoices []billing.Invoice) error {
	n := len(invoices)
	ids, numbers, dues, premiums, fees := make([]string, n), make([]int32, n), make([]string, n), make([]int64, n), make([]int64, n)
	for i, v := range invoices {
		ids[i], numbers[i], dues[i], premiums[i], fees[i] = v.ID.UUID(), int32(v.Number), v.Due.String(), int64(v.Premium), int64(v.Fee) //nolint:gosec // a policy has a few installments
	}
	if _, err := run(ctx, tx.Reader, addInvoicesSQL, tx.org.UUID(), p.ID.UUID(), p.CreatedAt, ids, numbers, dues, premiums, fees); err != nil {
		return err
	}
	_, err := run(ctx, tx.Reader, relateInvoicesSQL, tx.org.UUID(), p.ID.UUID(), ids)
	return err
}
