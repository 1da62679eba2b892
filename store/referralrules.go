package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/referral"
)

// rulesSQL reads how an organisation handles its referrals.
const rulesSQL = `SELECT t.four_eyes_above, t.decide_within, t.answer_within, t.expires_after, t.respond_within, t.quote_within, t.calendar, t.updated_at, t.version
	FROM referral_rules t WHERE t.org_id = $1`

// Rules reads how the organisation handles its referrals: by the standard, while
// it has set nothing else.
func (r Reader) Rules(ctx context.Context) (referral.Rules, error) {
	rs, err := many(ctx, r, pgx.RowToStructByPos[referral.Rules], rulesSQL, r.org.UUID())
	if err != nil || len(rs) == 0 {
		return referral.StandardRules(), err
	}
	return rs[0], nil
}

// addRulesSQL sets rules for the first time.
const addRulesSQL = `INSERT INTO referral_rules (org_id, four_eyes_above, decide_within, answer_within, expires_after, calendar, updated_at, respond_within, quote_within)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (org_id) DO NOTHING`

// saveRulesSQL changes rules that somebody has read.
const saveRulesSQL = `UPDATE referral_rules t SET four_eyes_above = $2, decide_within = $3, answer_within = $4, expires_after = $5, calendar = $6,
	updated_at = $7, respond_within = $8, quote_within = $9, version = version + 1 WHERE t.org_id = $1 AND t.version = $10`

// SaveRules saves rules that were read at their version; fault.ErrStale when
// they have changed since.
func (tx *Tx) SaveRules(ctx context.Context, r referral.Rules) error {
	args := []any{tx.org.UUID(), r.FourEyesAbove, r.DecideWithin, r.AnswerWithin, r.ExpiresAfter, r.Calendar, r.UpdatedAt, r.RespondWithin, r.QuoteWithin}
	sql := addRulesSQL
	if r.Version > 0 {
		sql, args = saveRulesSQL, append(args, r.Version)
	}
	n, err := run(ctx, tx.Reader, sql, args...)
	if err == nil && n == 0 {
		err = fault.ErrStale
	}
	return err
}
