package store

import (
	"context"
	"time"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// programSQL reads the program of a line.
const programSQL = `SELECT t.id, t.org_id, t.name, t.line_of_business, t.auto_bind_threshold, t.refer_above, t.decline_above
	FROM program t WHERE t.org_id = $1 AND t.line_of_business = $2`

// Program reads the organisation's program of a line of business;
// submission.ErrLine when it has none.
func (r Reader) Program(ctx context.Context, line string) (quote.Program, error) {
	ps, err := many(ctx, r, pgx.RowToStructByPos[quote.Program], programSQL, r.org.UUID(), line)
	if err == nil && len(ps) == 0 {
		err = submission.ErrLine
	}
	if err != nil {
		return quote.Program{}, err
	}
	return ps[0], nil
}

// rateTableSQL picks the version in force on a day: of those that took effect
// by then the latest, or the first of all for a day before it.
const rateTableSQL = `SELECT t.version, t.book FROM rate_table t WHERE t.org_id = $1 AND t.program_id = $2 AND t.published_at IS NOT NULL
	ORDER BY (t.effective_date <= $3::text::date) DESC,
		CASE WHEN t.effective_date <= $3::text::date THEN t.effective_date END DESC, t.effective_date, t.version DESC LIMIT 1`

// RateTable reads the published rates that price an effective day.
func (r Reader) RateTable(ctx context.Context, program quote.ProgramID, effective civil.Date) (quote.RateTable, error) {
	ts, err := many(ctx, r, pgx.RowToStructByPos[quote.RateTable], rateTableSQL, r.org.UUID(), program.UUID(), effective.String())
	if err == nil && len(ts) == 0 {
		err = rating.ErrNoRate
	}
	if err != nil {
		return quote.RateTable{}, err
	}
	return ts[0], nil
}

// addProgramSQL adds a program.
const addProgramSQL = `INSERT INTO program (id, org_id, name, line_of_business, auto_bind_threshold, refer_above, decline_above, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// addRateTableSQL adds a published version of a rate book.
const addRateTableSQL = `INSERT INTO rate_table (id, org_id, program_id, version, effective_date, book, published_at, created_at)
	VALUES ($1, $2, $3, $4, $5::text::date, $6, $7, $7)`

// AddProgram adds a program with the first version of its rate book, published
// and in force from a day on.
func (tx *Tx) AddProgram(ctx context.Context, p quote.Program, t quote.RateTable, from civil.Date, at time.Time) error {
	if err := t.Book.Validate(); err != nil {
		return err
	}
	_, err := run(ctx, tx.Reader, addProgramSQL, p.ID.UUID(), p.Org.UUID(), p.Name, p.LineOfBusiness, int64(p.AutoBindThreshold), int64(p.ReferAbove), int64(p.DeclineAbove), at)
	if err != nil {
		return err
	}
	_, err = run(ctx, tx.Reader, addRateTableSQL, quote.NewRateTableID(at).UUID(), p.Org.UUID(), p.ID.UUID(), t.Version, from.String(), t.Book, at)
	return err
}

const quoteColumns = `t.id, t.org_id, t.submission_id, t.program_id, t.rate_version, t.version, t.status, t.decision, t.gross_premium,
	t.factors, t.reasons, t.created_at, t.expires_at`

func scanQuote(row pgx.CollectableRow) (quote.Quote, error) {
	var q quote.Quote
	return q, row.Scan(&q.ID, &q.Org, &q.Submission, &q.Program, &q.RateVersion, &q.Version, &q.Status, &q.Decision, &q.GrossPremium,
		&q.Factors, &q.Reasons, &q.CreatedAt, &q.ExpiresAt)
}

// quotesSQL reads the newest version of a submission's quote.
const quotesSQL = `SELECT ` + quoteColumns + ` FROM quote t WHERE t.org_id = $1 AND t.submission_id = $2 ORDER BY t.version DESC LIMIT 1`

// LatestQuote reads the newest version of a submission's quote; false when it
// was never quoted.
func (r Reader) LatestQuote(ctx context.Context, s submission.ID) (quote.Quote, bool, error) {
	qs, err := many(ctx, r, scanQuote, quotesSQL, r.org.UUID(), s.UUID())
	if err != nil || len(qs) == 0 {
		return quote.Quote{}, false, err
	}
	return qs[0], true, nil
}

// quoteSQL reads one quote.
const quoteSQL = `SELECT ` + quoteColumns + ` FROM quote t WHERE t.org_id = $1 AND t.id = $2`

// Quote reads one quote.
func (r Reader) Quote(ctx context.Context, id quote.ID) (quote.Quote, error) {
	return one(ctx, r, scanQuote, quoteSQL, r.org.UUID(), id.UUID())
}

// supersedeSQL ends the quotes before a new version.
const supersedeSQL = `UPDATE quote SET status = 'superseded' WHERE org_id = $1 AND submission_id = $2 AND status IN ('quoted', 'referred')`

// addQuoteSQL adds the next version of a submission's quote.
const addQuoteSQL = `INSERT INTO quote (id, org_id, submission_id, program_id, rate_version, version, status, decision, gross_premium, factors, reasons, created_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, (SELECT coalesce(max(version), 0) + 1 FROM quote WHERE org_id = $2 AND submission_id = $3), $6, $7, $8, $9, $10, $11, $12)
	RETURNING version`

// AddQuote adds a quote as the next version of a submission that this
// transaction locked, supersedes the ones before, and returns its version.
func (tx *Tx) AddQuote(ctx context.Context, q quote.Quote) (int, error) {
	if _, err := run(ctx, tx.Reader, supersedeSQL, tx.org.UUID(), q.Submission.UUID()); err != nil {
		return 0, err
	}
	return one(ctx, tx.Reader, pgx.RowTo[int], addQuoteSQL, q.ID.UUID(), q.Org.UUID(), q.Submission.UUID(), q.Program.UUID(), q.RateVersion,
		string(q.Status), string(q.Decision), int64(q.GrossPremium), q.Factors, q.Reasons, q.CreatedAt, q.ExpiresAt)
}

// standQuoteSQL says where a quote stands.
const standQuoteSQL = `UPDATE quote SET status = $3 WHERE org_id = $1 AND id = $2`

// StandQuote says where a quote of a locked submission stands.
func (tx *Tx) StandQuote(ctx context.Context, id quote.ID, s quote.Status) error {
	_, err := run(ctx, tx.Reader, standQuoteSQL, tx.org.UUID(), id.UUID(), string(s))
	return err
}

// boundQuoteSQL marks the quote that was bound.
const boundQuoteSQL = `UPDATE quote SET status = 'bound' WHERE org_id = $1 AND id = $2`

// BoundQuote marks a quote of a locked submission as bound.
func (tx *Tx) BoundQuote(ctx context.Context, id quote.ID) error {
	_, err := run(ctx, tx.Reader, boundQuoteSQL, tx.org.UUID(), id.UUID())
	return err
}
