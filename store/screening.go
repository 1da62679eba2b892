package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// saveScreeningSQL keeps what came of comparing an insured's names with a list.
// It leaves the version as it is: that is shown to who brought the business.
const saveScreeningSQL = `UPDATE submission t SET screening = $3, screened_by = $4, sanctions = $5 WHERE t.org_id = $1 AND t.id = $2`

// SaveScreening saves the screening of a submission that this transaction locked.
func (tx *Tx) SaveScreening(ctx context.Context, s submission.Submission) error {
	return tx.write(ctx, saveScreeningSQL, tx.org.UUID(), s.ID.UUID(), s.Screening, s.Screening.Version, string(s.Sanctions()))
}

// An Unscreened is an open submission whose insured was not compared with a list.
type Unscreened struct {
	ID  submission.ID
	Org access.OrgID
}

// unscreenedSQL finds open submissions that another version of the list, or none,
// was asked about; crosses orgs: a node looks after those of all.
const unscreenedSQL = `SELECT t.id, t.org_id FROM submission t
	WHERE t.status IN ('received', 'in_review', 'quoted', 'referred') AND t.screened_by <> $1 AND t.id > $2 ORDER BY t.id LIMIT $3`

// Unscreened returns up to limit open submissions, from the one after another on
// in the order of their ids, that were not compared with a version of the list.
func (db *DB) Unscreened(ctx context.Context, version string, after submission.ID, limit int) ([]Unscreened, error) {
	return many(ctx, db.everywhere(), pgx.RowToStructByPos[Unscreened], unscreenedSQL, version, after.UUID(), limit)
}
