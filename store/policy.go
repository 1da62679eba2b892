package store

import (
	"context"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/policy"
)

const policyColumns = `t.id, t.org_id, t.number, t.submission_id, t.quote_id, coalesce(t.external_id, ''), t.insured_name, t.line_of_business, t.state,
	t.effective_date::text, t.expiration_date::text, t.gross_premium, t.installment_plan, t.premium_finance, t.status, t.metadata, t.created_by, t.created_at, t.updated_at,
	t.version, coalesce(t.renewal_step, 0), t.timer_at`

func scanPolicy(row pgx.CollectableRow) (policy.Policy, error) {
	var p policy.Policy
	return p, row.Scan(&p.ID, &p.Org, &p.Number, &p.Submission, &p.Quote, &p.ExternalID, &p.InsuredName, &p.LineOfBusiness, &p.State,
		day(&p.Effective), day(&p.Expiration), &p.GrossPremium, &p.InstallmentPlan, &p.Finance, &p.Status, &p.Metadata, &p.CreatedBy, &p.CreatedAt, &p.UpdatedAt,
		&p.Version, &p.RenewalStep, &p.RenewalAt)
}

// policySQL reads one policy.
const policySQL = `SELECT ` + policyColumns + ` FROM policy t WHERE t.org_id = $1 AND t.id = $2`

// Policy reads one policy.
func (r Reader) Policy(ctx context.Context, id policy.ID) (policy.Policy, error) {
	return one(ctx, r, scanPolicy, policySQL, r.org.UUID(), id.UUID())
}

// lockPolicySQL reads one policy for change.
const lockPolicySQL = policySQL + ` FOR NO KEY UPDATE`

// LockPolicy reads a policy that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockPolicy(ctx context.Context, id policy.ID) (policy.Policy, error) {
	return one(ctx, tx.Reader, scanPolicy, lockPolicySQL, tx.org.UUID(), id.UUID())
}

// saveRenewalStepSQL notes what was told of a locked policy's end.
const saveRenewalStepSQL = `UPDATE policy t SET renewal_step = nullif($3::int, 0), timer_at = $4 WHERE t.org_id = $1 AND t.id = $2`

// SaveRenewalStep notes what was told of the end of a policy that this
// transaction locked.
func (tx *Tx) SaveRenewalStep(ctx context.Context, p policy.Policy) error {
	_, err := run(ctx, tx.Reader, saveRenewalStepSQL, tx.org.UUID(), p.ID.UUID(), p.RenewalStep, p.RenewalAt)
	return err
}

// insuredsSQL finds the policyholders of a policy.
const insuredsSQL = `SELECT t.subject_id::uuid FROM relationship t
	WHERE t.org_id = $1 AND t.object_type = 'policy' AND t.object_id = $2 AND t.relation = 'insured' AND t.subject_type = 'person' ORDER BY 1`

// Insureds returns the policyholders of a policy.
func (r Reader) Insureds(ctx context.Context, id policy.ID) ([]access.PersonID, error) {
	return many(ctx, r, pgx.RowTo[access.PersonID], insuredsSQL, r.org.UUID(), id.UUID())
}

// PolicyFilter narrows a list; empty fields do not.
type PolicyFilter struct {
	Status, LineOfBusiness, Number, ExternalID string
	EffectiveFrom, EffectiveTo                 civil.Date // both included
}

// Policies lists what the scope allows, newest first.
func (r Reader) Policies(ctx context.Context, see access.Scope, f PolicyFilter, p Page) ([]policy.Policy, error) {
	w := r.where()
	w.scope(see)
	w.equal("status", f.Status)
	w.equal("line_of_business", f.LineOfBusiness)
	w.equal("number", f.Number)
	w.equal("external_id", f.ExternalID)
	w.days("effective_date", f.EffectiveFrom, f.EffectiveTo)
	return list(ctx, r, scanPolicy, policyColumns, "policy", "created_at", w, p)
}

// timelineSQL reads the transactions of a policy, the first first.
const timelineSQL = `SELECT t.id, t.org_id, t.policy_id, t.number, t.kind, t.effective_date::text, t.premium, t.working, t.created_by, t.created_at
	FROM policy_transaction t WHERE t.org_id = $1 AND t.policy_id = $2 ORDER BY t.number`

// Timeline reads every transaction of a policy, the first first.
func (r Reader) Timeline(ctx context.Context, id policy.ID) ([]policy.Transaction, error) {
	return many(ctx, r, func(row pgx.CollectableRow) (policy.Transaction, error) {
		var t policy.Transaction
		return t, row.Scan(&t.ID, &t.Org, &t.Policy, &t.Number, &t.Kind, day(&t.Effective), &t.Premium, &t.Working, &t.CreatedBy, &t.CreatedAt)
	}, timelineSQL, r.org.UUID(), id.UUID())
}

// nextNumberSQL takes the next number of a series under the row's lock, which
// holds until the commit: a number that is rolled back is given out again.
const nextNumberSQL = `INSERT INTO number_counter AS c (org_id, series, last) VALUES ($1, $2, 1)
	ON CONFLICT (org_id, series) DO UPDATE SET last = c.last + 1 RETURNING last`

// NextNumber returns the next number of a series, without gaps. It is the last
// lock before the channel heads.
func (tx *Tx) NextNumber(ctx context.Context, series string) (int64, error) {
	return one(ctx, tx.Reader, pgx.RowTo[int64], nextNumberSQL, tx.org.UUID(), series)
}

// addPolicySQL adds a policy.
const addPolicySQL = `INSERT INTO policy (id, org_id, number, submission_id, quote_id, external_id, insured_name, line_of_business, state, effective_date,
	expiration_date, gross_premium, installment_plan, premium_finance, status, metadata, created_by, created_at, updated_at, renewal_step, timer_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::date, $11::text::date, $12, $13, $14, $15, $16, $17, $18, $18, nullif($19::int, 0), $20)`

// addTransactionSQL adds a transaction to a policy.
const addTransactionSQL = `INSERT INTO policy_transaction (id, org_id, policy_id, number, kind, effective_date, premium, working, created_by, created_at)
	VALUES ($1, $2, $3, $4, $5, $6::text::date, $7, $8, $9, $10)`

// AddPolicy adds a policy with its first transaction.
func (tx *Tx) AddPolicy(ctx context.Context, p policy.Policy, t policy.Transaction) error {
	err := tx.write(ctx, addPolicySQL, p.ID.UUID(), p.Org.UUID(), p.Number, p.Submission.UUID(), p.Quote.UUID(), null(p.ExternalID), p.InsuredName, p.LineOfBusiness, p.State,
		p.Effective.String(), p.Expiration.String(), int64(p.GrossPremium), string(p.InstallmentPlan), p.Finance, string(p.Status), p.Metadata, p.CreatedBy, p.CreatedAt,
		p.RenewalStep, p.RenewalAt)
	if err != nil {
		return err
	}
	return tx.write(ctx, addTransactionSQL, t.ID.UUID(), t.Org.UUID(), t.Policy.UUID(), t.Number, t.Kind, t.Effective.String(), int64(t.Premium), t.Working, t.CreatedBy, t.CreatedAt)
}
