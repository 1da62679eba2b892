package store

import (
	"context"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/quote"
)

const agreementColumns = `t.id, t.org_id, coalesce(t.external_id, ''), t.carrier_id, t.program_id, t.number, t.effective::text, t.expiration::text, t.status,
	t.terms, t.metadata, t.created_by, t.created_at, t.updated_at, t.version`

func agreementInto(a *delegated.Agreement) []any {
	return []any{
		&a.ID, &a.Org, &a.ExternalID, &a.Carrier, &a.Program, &a.Number, day(&a.Effective), day(&a.Expiration), &a.Status, &a.Terms, &a.Metadata,
		&a.CreatedBy, &a.CreatedAt, &a.UpdatedAt, &a.Version,
	}
}

func scanAgreement(row pgx.CollectableRow) (delegated.Agreement, error) {
	var a delegated.Agreement
	return a, row.Scan(agreementInto(&a)...)
}

// agreementSQL reads one agreement.
const agreementSQL = `SELECT ` + agreementColumns + ` FROM da_agreement t WHERE t.org_id = $1 AND t.id = $2`

// Agreement reads one agreement.
func (r Reader) Agreement(ctx context.Context, id delegated.ID) (delegated.Agreement, error) {
	return one(ctx, r, scanAgreement, agreementSQL, r.org.UUID(), id.UUID())
}

// lockAgreementSQL reads one agreement for change.
const lockAgreementSQL = agreementSQL + ` FOR NO KEY UPDATE`

// LockAgreement reads an agreement that nobody else changes, or binds under,
// until the end of the transaction. Who binds at this moment is waited for, and
// who does later waits.
func (tx *Tx) LockAgreement(ctx context.Context, id delegated.ID) (delegated.Agreement, error) {
	if err := tx.turn(ctx, id); err != nil {
		return delegated.Agreement{}, err
	}
	return one(ctx, tx.Reader, scanAgreement, lockAgreementSQL, tx.org.UUID(), id.UUID())
}

// An AgreementFilter narrows a list; zero fields do not.
type AgreementFilter struct {
	Carrier    carrier.ID
	Program    quote.ProgramID
	Status     delegated.Status
	ExternalID string
	Today      civil.Date // for the status
	NotOver    civil.Date // those that end after this day
}

// Agreements lists the organisation's agreements, newest first.
func (r Reader) Agreements(ctx context.Context, f AgreementFilter, p Page) ([]delegated.Agreement, error) {
	w := r.where()
	if !f.Carrier.IsZero() {
		w.equal("carrier_id", f.Carrier.UUID())
	}
	if !f.Program.IsZero() {
		w.equal("program_id", f.Program.UUID())
	}
	w.equal("external_id", f.ExternalID)
	if !f.NotOver.IsZero() {
		w.and("t.expiration > $?::text::date", f.NotOver.String())
	}
	switch f.Status {
	case "":
	case delegated.Expired:
		w.and("t.expiration <= $?::text::date", f.Today.String())
	default:
		w.equal("status", string(f.Status))
		w.and("t.expiration > $?::text::date", f.Today.String())
	}
	return list(ctx, r, scanAgreement, agreementColumns, "da_agreement", "created_at", w, p)
}

// addAgreementSQL adds an agreement.
const addAgreementSQL = `INSERT INTO da_agreement (id, org_id, external_id, carrier_id, program_id, number, effective, expiration, status, terms, metadata,
	created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7::text::date, $8::text::date, $9, $10, $11, $12, $13, $13)`

// AddAgreement adds an agreement of a program that the transaction has locked,
// with the aggregate that everybody locks first.
func (tx *Tx) AddAgreement(ctx context.Context, a delegated.Agreement) error {
	_, err := run(ctx, tx.Reader, addAgreementSQL, a.ID.UUID(), tx.org.UUID(), null(a.ExternalID), a.Carrier.UUID(), a.Program.UUID(), a.Number,
		a.Effective.String(), a.Expiration.String(), string(a.Status), a.Terms, a.Metadata, a.CreatedBy, a.CreatedAt)
	if err != nil {
		return err
	}
	kinds, periods := splitKeys(a.Keys(a.Effective)[:1])
	_, err = run(ctx, tx.Reader, addCountersSQL, tx.org.UUID(), a.ID.UUID(), kinds, periods)
	return err
}

// saveAgreementSQL saves a locked agreement. Whose it is, of which program and
// from when on, never changes: what is used was counted by it.
const saveAgreementSQL = `UPDATE da_agreement t SET number = $3, expiration = $4::text::date, status = $5, terms = $6, metadata = $7, updated_at = $8,
	version = t.version + 1 WHERE t.org_id = $1 AND t.id = $2`

// SaveAgreement saves an agreement that the transaction has locked.
func (tx *Tx) SaveAgreement(ctx context.Context, a delegated.Agreement) error {
	_, err := run(ctx, tx.Reader, saveAgreementSQL, tx.org.UUID(), a.ID.UUID(), a.Number, a.Expiration.String(), string(a.Status), a.Terms, a.Metadata, a.UpdatedAt)
	return err
}

// overlapSQL is whether another agreement covers days of a program.
const overlapSQL = `SELECT t.id FROM da_agreement t WHERE t.org_id = $1 AND t.program_id = $2 AND t.id <> $3
	AND t.effective < $5::text::date AND t.expiration > $4::text::date LIMIT 1`

// Overlaps is whether another agreement of the program, which the transaction has
// locked, covers any of the days of this one.
func (tx *Tx) Overlaps(ctx context.Context, a delegated.Agreement) (bool, error) {
	ids, err := many(ctx, tx.Reader, pgx.RowTo[delegated.ID], overlapSQL, tx.org.UUID(), a.Program.UUID(), a.ID.UUID(), a.Effective.String(), a.Expiration.String())
	return len(ids) > 0, err
}

// Covering is which agreement a policy of a program would be bound under.
type Covering struct {
	Agreement delegated.Agreement
	Carrier   carrier.Carrier
	Is        bool // there is one for the day
	Any       bool // the program has agreements, of this day or others
}

// coveringSQL finds the agreements of a program with their carriers, that of a
// day first.
const coveringSQL = `SELECT ` + agreementColumns + `, ` + carrierOfColumns + ` FROM da_agreement t JOIN carrier c ON c.org_id = $1 AND c.id = t.carrier_id
	WHERE t.org_id = $1 AND t.program_id = $2 ` + coveringFirst

// coveringFirst puts the agreement of a day first, and leaves the others out.
const coveringFirst = `ORDER BY (t.effective <= $3::text::date AND t.expiration > $3::text::date) DESC, t.id LIMIT 1`

// holdCoveringSQL is coveringSQL, and keeps others from changing what it finds;
// many may hold it at once. Of what changed while it waited it reads the change.
const holdCoveringSQL = coveringSQL + ` FOR SHARE`

// Covering finds the agreement for a program and a day on which a policy takes
// effect.
func (r Reader) Covering(ctx context.Context, program quote.ProgramID, on civil.Date) (Covering, error) {
	return r.covering(ctx, coveringSQL, program, on)
}

// HoldCovering is Covering; nobody changes what it finds until the end of the
// transaction.
func (tx *Tx) HoldCovering(ctx context.Context, program quote.ProgramID, on civil.Date) (Covering, error) {
	if err := tx.shareCovering(ctx, program, on); err != nil {
		return Covering{}, err
	}
	return tx.covering(ctx, holdCoveringSQL, program, on)
}

func (r Reader) covering(ctx context.Context, sql string, program quote.ProgramID, on civil.Date) (Covering, error) {
	found, err := many(ctx, r, func(row pgx.CollectableRow) (Covering, error) {
		c := Covering{Any: true}
		err := row.Scan(append(agreementInto(&c.Agreement), carrierInto(&c.Carrier)...)...)
		c.Is = c.Agreement.Covers(on)
		return c, err
	}, sql, r.org.UUID(), program.UUID(), on.String())
	if err != nil || len(found) == 0 {
		return Covering{}, err
	}
	return found[0], nil
}
