package store

import (
	"context"
	"time"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

const programColumns = `t.id, t.org_id, t.name, t.line_of_business, t.states, t.max_limit, t.auto_bind_threshold, t.refer_above, t.decline_above,
	t.min_years, t.max_experience, t.created_at, t.updated_at, t.version`

func scanProgram(row pgx.CollectableRow) (quote.Program, error) {
	var p quote.Program
	return p, row.Scan(&p.ID, &p.Org, &p.Name, &p.LineOfBusiness, &p.States, &p.MaxLimit, &p.AutoBindThreshold, &p.ReferAbove, &p.DeclineAbove,
		&p.MinYears, &p.MaxExperience, &p.CreatedAt, &p.UpdatedAt, &p.Version)
}

// programSQL reads the program of a line.
const programSQL = `SELECT ` + programColumns + ` FROM program t WHERE t.org_id = $1 AND t.line_of_business = $2`

// Program reads the organisation's program of a line of business;
// submission.ErrLine when it has none.
func (r Reader) Program(ctx context.Context, line string) (quote.Program, error) {
	return r.programOf(ctx, programSQL, line)
}

// keepProgramSQL reads the program of a line and lets nobody change what it says:
// of all locks on a program only that of such a change waits.
const keepProgramSQL = programSQL + ` FOR KEY SHARE`

// KeepProgram is Program for somebody who decides by what it says: that stays so
// until the end of the transaction.
func (tx *Tx) KeepProgram(ctx context.Context, line string) (quote.Program, error) {
	if err := tx.shareProgram(ctx, line); err != nil {
		return quote.Program{}, err
	}
	return tx.programOf(ctx, keepProgramSQL, line)
}

func (r Reader) programOf(ctx context.Context, sql, line string) (quote.Program, error) {
	ps, err := many(ctx, r, scanProgram, sql, r.org.UUID(), line)
	if err == nil && len(ps) == 0 {
		err = submission.ErrLine
	}
	if err != nil {
		return quote.Program{}, err
	}
	return ps[0], nil
}

// programByIDSQL reads one program.
const programByIDSQL = `SELECT ` + programColumns + ` FROM program t WHERE t.org_id = $1 AND t.id = $2`

// ProgramByID reads one program.
func (r Reader) ProgramByID(ctx context.Context, id quote.ProgramID) (quote.Program, error) {
	return one(ctx, r, scanProgram, programByIDSQL, r.org.UUID(), id.UUID())
}

// lockProgramSQL reads one program under a lock that versions of its rates are
// numbered by.
const lockProgramSQL = programByIDSQL + ` FOR NO KEY UPDATE`

// LockProgram reads a program, of which nobody else adds or publishes rates
// until the end of the transaction.
func (tx *Tx) LockProgram(ctx context.Context, id quote.ProgramID) (quote.Program, error) {
	return one(ctx, tx.Reader, scanProgram, lockProgramSQL, tx.org.UUID(), id.UUID())
}

// lockProgramAloneSQL reads one program for a change of what it says.
const lockProgramAloneSQL = programByIDSQL + ` FOR UPDATE`

// LockProgramAlone reads a program for a change: nobody else changes it, changes
// its rates, or decides by what it says until the end of the transaction. It waits
// for those who do.
func (tx *Tx) LockProgramAlone(ctx context.Context, id quote.ProgramID) (quote.Program, error) {
	if err := tx.turn(ctx, id); err != nil {
		return quote.Program{}, err
	}
	return one(ctx, tx.Reader, scanProgram, lockProgramAloneSQL, tx.org.UUID(), id.UUID())
}

// Programs lists the organisation's programs, newest first.
func (r Reader) Programs(ctx context.Context, line string, p Page) ([]quote.Program, error) {
	w := r.where()
	w.equal("line_of_business", line)
	return list(ctx, r, scanProgram, programColumns, "program", "created_at", w, p)
}

// addProgramSQL adds a program.
const addProgramSQL = `INSERT INTO program (id, org_id, name, line_of_business, states, max_limit, auto_bind_threshold, refer_above, decline_above,
	min_years, max_experience, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`

// AddProgram adds a program; quote.ErrProgramExists when its line has one.
func (tx *Tx) AddProgram(ctx context.Context, p quote.Program) error {
	_, err := run(ctx, tx.Reader, addProgramSQL, p.ID.UUID(), p.Org.UUID(), p.Name, p.LineOfBusiness, p.States, int64(p.MaxLimit),
		int64(p.AutoBindThreshold), int64(p.ReferAbove), int64(p.DeclineAbove), p.MinYears, p.MaxExperience, p.CreatedAt)
	return err
}

// saveProgramSQL saves a locked program. Its line of business never changes.
const saveProgramSQL = `UPDATE program t SET name = $3, states = $4, max_limit = $5, auto_bind_threshold = $6, refer_above = $7, decline_above = $8,
	min_years = $9, max_experience = $10, updated_at = $11, version = t.version + 1 WHERE t.org_id = $1 AND t.id = $2`

// SaveProgram saves a program that the transaction has locked.
func (tx *Tx) SaveProgram(ctx context.Context, p quote.Program) error {
	_, err := run(ctx, tx.Reader, saveProgramSQL, tx.org.UUID(), p.ID.UUID(), p.Name, p.States, int64(p.MaxLimit), int64(p.AutoBindThreshold),
		int64(p.ReferAbove), int64(p.DeclineAbove), p.MinYears, p.MaxExperience, p.UpdatedAt)
	return err
}

const rateTableColumns = `t.id, t.org_id, t.program_id, t.version, t.effective_date::text, t.book, t.created_by, t.created_at, t.published_by, t.published_at`

func scanRateTable(row pgx.CollectableRow) (quote.RateTable, error) {
	var t quote.RateTable
	return t, row.Scan(&t.ID, &t.Org, &t.Program, &t.Version, day(&t.Effective), &t.Book, &t.CreatedBy, &t.CreatedAt, &t.PublishedBy, &t.PublishedAt)
}

// rateTableInForceSQL picks the version in force on a day: of those that took
// effect by then the latest, or the first of all for a day before it; of several
// from one day the highest.
const rateTableInForceSQL = `SELECT ` + rateTableColumns + ` FROM rate_table t WHERE t.org_id = $1 AND t.program_id = $2 AND t.published_at IS NOT NULL
	ORDER BY (t.effective_date <= $3::text::date) DESC,
		CASE WHEN t.effective_date <= $3::text::date THEN t.effective_date END DESC, t.effective_date, t.version DESC LIMIT 1`

// RateTable reads the published rates that price an effective day.
func (r Reader) RateTable(ctx context.Context, program quote.ProgramID, effective civil.Date) (quote.RateTable, error) {
	ts, err := many(ctx, r, scanRateTable, rateTableInForceSQL, r.org.UUID(), program.UUID(), effective.String())
	if err == nil && len(ts) == 0 {
		err = rating.ErrNoRate.Field("lineOfBusiness", "gap") // none is published
	}
	if err != nil {
		return quote.RateTable{}, err
	}
	return ts[0], nil
}

// rateTableVersionSQL reads one version of a program's rates.
const rateTableVersionSQL = `SELECT ` + rateTableColumns + ` FROM rate_table t WHERE t.org_id = $1 AND t.program_id = $2 AND t.version = $3`

// LeastPremium reads the minimum premium of a version of a program's rates in a
// state; 0 when there is none.
func (r Reader) LeastPremium(ctx context.Context, program quote.ProgramID, version int, state string) (money.Cents, error) {
	ts, err := many(ctx, r, scanRateTable, rateTableVersionSQL, r.org.UUID(), program.UUID(), version)
	if err != nil || len(ts) == 0 {
		return 0, err
	}
	return ts[0].Book.Least(state), nil
}

// rateTablesFromSQL picks the versions that are in force on a day or on one after
// it: of several from one day the highest, and not those before the one that the
// day itself has.
const rateTablesFromSQL = `SELECT DISTINCT ON (t.effective_date) ` + rateTableColumns + ` FROM rate_table t
	WHERE t.org_id = $1 AND t.program_id = $2 AND t.published_at IS NOT NULL AND t.effective_date >= coalesce((SELECT max(b.effective_date)
		FROM rate_table b WHERE b.org_id = $1 AND b.program_id = $2 AND b.published_at IS NOT NULL AND b.effective_date <= $3::text::date), '-infinity')
	ORDER BY t.effective_date, t.version DESC`

// RateTablesFrom reads the published rates that price the effective days from one
// on, by the day from which they do.
func (r Reader) RateTablesFrom(ctx context.Context, program quote.ProgramID, day civil.Date) ([]quote.RateTable, error) {
	return many(ctx, r, scanRateTable, rateTablesFromSQL, r.org.UUID(), program.UUID(), day.String())
}

// rateTableSQL reads one version.
const rateTableSQL = `SELECT ` + rateTableColumns + ` FROM rate_table t WHERE t.org_id = $1 AND t.id = $2`

// RateTableByID reads one version of a program's rates.
func (r Reader) RateTableByID(ctx context.Context, id quote.RateTableID) (quote.RateTable, error) {
	return one(ctx, r, scanRateTable, rateTableSQL, r.org.UUID(), id.UUID())
}

// RateTableFilter narrows a list; empty fields do not.
type RateTableFilter struct {
	Program quote.ProgramID
	Status  string // draft or published
}

// RateTables lists versions of rates, newest first.
func (r Reader) RateTables(ctx context.Context, f RateTableFilter, p Page) ([]quote.RateTable, error) {
	w := r.where()
	if !f.Program.IsZero() {
		w.equal("program_id", f.Program.UUID())
	}
	switch f.Status {
	case "draft":
		w.and("t.published_at IS NULL")
	case "published":
		w.and("t.published_at IS NOT NULL")
	}
	return list(ctx, r, scanRateTable, rateTableColumns, "rate_table", "created_at", w, p)
}

// addRateTableSQL adds the next version of a program's rates.
const addRateTableSQL = `INSERT INTO rate_table (id, org_id, program_id, version, effective_date, book, created_by, created_at, published_by, published_at)
	VALUES ($1, $2, $3, (SELECT coalesce(max(version), 0) + 1 FROM rate_table WHERE org_id = $2 AND program_id = $3), $4::text::date, $5, $6, $7, $8, $9)
	RETURNING version`

// AddRateTable adds rates as the next version of a program that the transaction
// locked or made, and returns the version.
func (tx *Tx) AddRateTable(ctx context.Context, t quote.RateTable) (int, error) {
	return one(ctx, tx.Reader, pgx.RowTo[int], addRateTableSQL, t.ID.UUID(), t.Org.UUID(), t.Program.UUID(), t.Effective.String(), t.Book,
		t.CreatedBy, t.CreatedAt, t.PublishedBy, t.PublishedAt)
}

// publishRateTableSQL publishes a version.
const publishRateTableSQL = `UPDATE rate_table SET published_by = $3, published_at = $4 WHERE org_id = $1 AND id = $2 AND published_at IS NULL`

// PublishRateTable publishes a draft of a program that the transaction locked.
func (tx *Tx) PublishRateTable(ctx context.Context, id quote.RateTableID, by string, at time.Time) error {
	_, err := run(ctx, tx.Reader, publishRateTableSQL, tx.org.UUID(), id.UUID(), by, at)
	return err
}
