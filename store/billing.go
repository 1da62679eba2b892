package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
)

const invoiceColumns = `t.id, t.org_id, t.policy_id, t.number, coalesce(t.external_id, ''), t.due_date::text, t.premium, t.fee, t.amount, t.status,
	t.bill_to, coalesce(t.bill_to_name, (SELECT p.insured_name FROM policy p WHERE p.id = t.policy_id), ''),
	t.metadata, t.created_at, t.updated_at, t.version, coalesce(t.notice, ''), t.timer_at, t.past_due_at`

func scanInvoice(row pgx.CollectableRow) (billing.Invoice, error) {
	var i billing.Invoice
	var p policy.ID
	err := row.Scan(&i.ID, &i.Org, &p, &i.Number, &i.ExternalID, day(&i.Due), &i.Premium, &i.Fee, &i.Amount, &i.Status,
		&i.BillTo, &i.BillToName, &i.Metadata, &i.CreatedAt, &i.UpdatedAt, &i.Version, &i.Notice, &i.NoticeAt, &i.PastDueAt)
	i.Policy = p.String()
	return i, err
}

// invoiceSQL reads one invoice.
const invoiceSQL = `SELECT ` + invoiceColumns + ` FROM invoice t WHERE t.org_id = $1 AND t.id = $2`

// Invoice reads one invoice.
func (r Reader) Invoice(ctx context.Context, id billing.InvoiceID) (billing.Invoice, error) {
	return one(ctx, r, scanInvoice, invoiceSQL, r.org.UUID(), id.UUID())
}

// lockInvoiceSQL reads one invoice for change.
const lockInvoiceSQL = invoiceSQL + ` FOR NO KEY UPDATE`

// LockInvoice reads an invoice that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockInvoice(ctx context.Context, id billing.InvoiceID) (billing.Invoice, error) {
	return one(ctx, tx.Reader, scanInvoice, lockInvoiceSQL, tx.org.UUID(), id.UUID())
}

// saveNoticeSQL notes what was told of a locked invoice; it is another version of
// it when it is overdue now.
const saveNoticeSQL = `UPDATE invoice t SET notice = $3, timer_at = $4, past_due_at = $5, updated_at = $6,
	version = version + (t.past_due_at IS DISTINCT FROM $5)::int WHERE t.org_id = $1 AND t.id = $2`

// SaveNotice notes what was told of an invoice that this transaction locked.
func (tx *Tx) SaveNotice(ctx context.Context, i billing.Invoice) error {
	_, err := run(ctx, tx.Reader, saveNoticeSQL, tx.org.UUID(), i.ID.UUID(), null(string(i.Notice)), i.NoticeAt, i.PastDueAt, i.UpdatedAt)
	return err
}

// InvoiceFilter narrows a list; empty fields do not.
type InvoiceFilter struct {
	Status, ExternalID string
	Policy             policy.ID
	PastDue            bool
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
	if f.PastDue {
		w.and("t.past_due_at IS NOT NULL AND " + owed)
	}
	return list(ctx, r, scanInvoice, invoiceColumns, "invoice", "created_at", w, p)
}

// addInvoicesSQL adds the invoices of one policy. The insured's name is the
// policy's.
const addInvoicesSQL = `INSERT INTO invoice (id, org_id, policy_id, number, due_date, premium, fee, amount, status, notice, timer_at, created_at, updated_at, bill_to,
	bill_to_name)
	SELECT u.id, $1, $2, u.number, u.due::date, u.premium, u.fee, u.premium + u.fee, 'open', nullif(u.notice, ''), u.notice_at, $3, $3, u.payer,
		CASE u.payer WHEN 'insured' THEN NULL ELSE u.name END
	FROM unnest($4::uuid[], $5::int[], $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::timestamptz[], $11::text[], $12::text[])
		u(id, number, due, premium, fee, notice, notice_at, payer, name)`

// relateInvoicesSQL relates invoices to their policy, whose insured reads them.
const relateInvoicesSQL = `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
	SELECT $1, 'invoice', u::text, 'policy', 'policy', $2 FROM unnest($3::uuid[]) u`

// AddInvoices adds the open invoices of a policy. Those that somebody else owes
// are not for its insured to read.
func (tx *Tx) AddInvoices(ctx context.Context, p policy.Policy, invoices []billing.Invoice) error {
	n := len(invoices)
	ids, numbers, dues, premiums, fees := make([]string, n), make([]int32, n), make([]string, n), make([]int64, n), make([]int64, n)
	notices, noticesAt := make([]string, n), make([]*time.Time, n)
	payers, names, his := make([]string, n), make([]string, n), make([]string, 0, n)
	for i, v := range invoices {
		ids[i], numbers[i], dues[i], premiums[i], fees[i] = v.ID.UUID(), int32(v.Number), v.Due.String(), int64(v.Premium), int64(v.Fee) //nolint:gosec // a policy has a few installments
		notices[i], noticesAt[i] = string(v.Notice), v.NoticeAt
		payers[i], names[i] = string(v.BillTo), v.BillToName
		if v.BillTo == billing.Insured {
			his = append(his, ids[i])
		}
	}
	err := tx.write(ctx, addInvoicesSQL, tx.org.UUID(), p.ID.UUID(), p.CreatedAt, ids, numbers, dues, premiums, fees, notices, noticesAt, payers, names)
	if err != nil {
		return err
	}
	return tx.write(ctx, relateInvoicesSQL, tx.org.UUID(), p.ID.UUID(), his)
}
