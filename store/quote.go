package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

const quoteColumns = `t.id, t.org_id, t.submission_id, t.program_id, t.program_version, t.rate_version, t.version, t.status, t.decision, t.gross_premium,
	t.terms, t.factors, t.reasons, t.flags, t.producer_flags, t.created_at, t.expires_at, t.offered_at, t.accepted_at`

func scanQuote(row pgx.CollectableRow) (quote.Quote, error) {
	var q quote.Quote
	return q, row.Scan(&q.ID, &q.Org, &q.Submission, &q.Program, &q.ProgramVersion, &q.RateVersion, &q.Version, &q.Status, &q.Decision, &q.GrossPremium,
		&q.Terms, &q.Factors, &q.Reasons, &q.Flags, &q.ProducerFlags, &q.CreatedAt, &q.ExpiresAt, &q.OfferedAt, &q.AcceptedAt)
}

// quoteToBindSQL reads the accepted version of a submission's quote, else the
// newest.
const quoteToBindSQL = `SELECT ` + quoteColumns + ` FROM quote t WHERE t.org_id = $1 AND t.submission_id = $2
	ORDER BY (t.status = 'accepted') DESC, t.version DESC LIMIT 1`

// LatestQuote reads the version of a submission's quote that a bind would take:
// the accepted one, else the newest; false when it was never quoted.
func (r Reader) LatestQuote(ctx context.Context, s submission.ID) (quote.Quote, bool, error) {
	qs, err := many(ctx, r, scanQuote, quoteToBindSQL, r.org.UUID(), s.UUID())
	if err != nil || len(qs) == 0 {
		return quote.Quote{}, false, err
	}
	return qs[0], true, nil
}

// openQuotesSQL reads the quotes of a submission of which something may still
// become.
const openQuotesSQL = `SELECT ` + quoteColumns + ` FROM quote t WHERE t.org_id = $1 AND t.submission_id = $2
	AND t.status IN ('quoted', 'referred', 'offered', 'accepted') ORDER BY t.version`

// OpenQuotes reads the quotes of a submission of which something may still
// become, oldest first.
func (r Reader) OpenQuotes(ctx context.Context, s submission.ID) ([]quote.Quote, error) {
	return many(ctx, r, scanQuote, openQuotesSQL, r.org.UUID(), s.UUID())
}

// pricedQuotesSQL reads the quotes of a submission whose price nobody has to
// agree to any more.
const pricedQuotesSQL = `SELECT ` + quoteColumns + ` FROM quote t WHERE t.org_id = $1 AND t.submission_id = $2
	AND t.status IN ('quoted', 'offered', 'accepted', 'bound') ORDER BY t.version`

// PricedQuotes reads the quotes of a submission whose price nobody has to agree
// to any more, those that were bound among them, oldest first.
func (r Reader) PricedQuotes(ctx context.Context, s submission.ID) ([]quote.Quote, error) {
	return many(ctx, r, scanQuote, pricedQuotesSQL, r.org.UUID(), s.UUID())
}

// Quotes lists the quotes of a submission, newest first.
func (r Reader) Quotes(ctx context.Context, s submission.ID, p Page) ([]quote.Quote, error) {
	w := r.where()
	w.equal("submission_id", s.UUID())
	return list(ctx, r, scanQuote, quoteColumns, "quote", "created_at", w, p)
}

// acceptedSQL finds the quote of a submission that was accepted or bound.
const acceptedSQL = `SELECT t.id FROM quote t WHERE t.org_id = $1 AND t.submission_id = $2 AND t.status IN ('accepted', 'bound')`

// Accepted finds the quote of a submission that was accepted or bound; the zero
// id when none was.
func (r Reader) Accepted(ctx context.Context, s submission.ID) (quote.ID, error) {
	ids, err := many(ctx, r, pgx.RowTo[quote.ID], acceptedSQL, r.org.UUID(), s.UUID())
	if err != nil || len(ids) == 0 {
		return quote.ID{}, err
	}
	return ids[0], nil
}

// quoteSQL reads one quote.
const quoteSQL = `SELECT ` + quoteColumns + ` FROM quote t WHERE t.org_id = $1 AND t.id = $2`

// Quote reads one quote.
func (r Reader) Quote(ctx context.Context, id quote.ID) (quote.Quote, error) {
	return one(ctx, r, scanQuote, quoteSQL, r.org.UUID(), id.UUID())
}

// supersedeSQL ends the quotes before a new version.
const supersedeSQL = `UPDATE quote SET status = 'superseded'
	WHERE org_id = $1 AND submission_id = $2 AND status IN ('quoted', 'referred', 'offered', 'accepted')`

// Supersede ends the quotes of a submission that this transaction locked and
// quotes anew.
func (tx *Tx) Supersede(ctx context.Context, s submission.ID) error {
	return tx.write(ctx, supersedeSQL, tx.org.UUID(), s.UUID())
}

// addQuoteSQL adds the next version of a submission's quote.
const addQuoteSQL = `INSERT INTO quote (id, org_id, submission_id, program_id, rate_version, version, status, decision, gross_premium, terms, factors, reasons, flags, producer_flags,
	created_at, expires_at, program_version)
	VALUES ($1, $2, $3, $4, $5, (SELECT coalesce(max(version), 0) + 1 FROM quote WHERE org_id = $2 AND submission_id = $3), $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
	RETURNING version`

// AddQuote adds a quote as the next version of a submission that this
// transaction locked, and returns its version.
func (tx *Tx) AddQuote(ctx context.Context, q quote.Quote) (int, error) {
	return one(ctx, tx.Reader, pgx.RowTo[int], addQuoteSQL, q.ID.UUID(), q.Org.UUID(), q.Submission.UUID(), q.Program.UUID(), q.RateVersion,
		string(q.Status), string(q.Decision), int64(q.GrossPremium), q.Terms, q.Factors, q.Reasons, q.Flags, q.ProducerFlags, q.CreatedAt, q.ExpiresAt,
		q.ProgramVersion)
}

// saveQuoteSQL moves a quote on.
const saveQuoteSQL = `UPDATE quote SET status = $3, offered_at = $4, accepted_at = $5 WHERE org_id = $1 AND id = $2`

// SaveQuote saves where a quote of a locked submission stands.
func (tx *Tx) SaveQuote(ctx context.Context, q quote.Quote) error {
	return tx.write(ctx, saveQuoteSQL, tx.org.UUID(), q.ID.UUID(), string(q.Status), q.OfferedAt, q.AcceptedAt)
}

// passOverSQL ends the open quotes of a submission beside the one that was
// taken; what had expired by then is said to have.
const passOverSQL = `UPDATE quote SET status = CASE WHEN expires_at > $4 THEN 'not_taken_up' ELSE 'expired' END
	WHERE org_id = $1 AND submission_id = $2 AND id <> $3 AND status IN ('quoted', 'referred', 'offered', 'accepted')`

// PassOver ends the quotes of a locked submission, at a time, beside the one that
// was accepted or bound.
func (tx *Tx) PassOver(ctx context.Context, q quote.Quote, at time.Time) error {
	return tx.write(ctx, passOverSQL, tx.org.UUID(), q.Submission.UUID(), q.ID.UUID(), at)
}

// standQuoteSQL says where a quote stands.
const standQuoteSQL = `UPDATE quote SET status = $3 WHERE org_id = $1 AND id = $2`

// StandQuote says where a quote of a locked submission stands.
func (tx *Tx) StandQuote(ctx context.Context, id quote.ID, s quote.Status) error {
	return tx.write(ctx, standQuoteSQL, tx.org.UUID(), id.UUID(), string(s))
}

// boundQuoteSQL marks the quote that was bound.
const boundQuoteSQL = `UPDATE quote SET status = 'bound' WHERE org_id = $1 AND id = $2`

// BoundQuote marks a quote of a locked submission as bound.
func (tx *Tx) BoundQuote(ctx context.Context, id quote.ID) error {
	return tx.write(ctx, boundQuoteSQL, tx.org.UUID(), id.UUID())
}
