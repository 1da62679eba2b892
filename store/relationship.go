package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
)

// relationshipsSQL reads the tuples of one object that can lead to a subject:
// of the reader's organisation, or of a room that is shared with it.
const relationshipsSQL = `SELECT relation, subject_type, subject_id, subject_relation FROM relationship t
	WHERE object_type = $1 AND object_id = $2 AND (subject_type = $3 AND subject_id = $4 OR subject_relation <> '')
		AND (org_id = $5 OR EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $5))`

// Relationships implements access.Tuples.
func (r Reader) Relationships(ctx context.Context, o access.Object, subjectType, subjectID string) ([]access.Tuple, error) {
	return many(ctx, r, pgx.RowToStructByPos[access.Tuple], relationshipsSQL, string(o.Type), o.ID, subjectType, subjectID, r.org.UUID())
}

// relateSQL writes a tuple; one that is there stays.
const relateSQL = `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id, subject_relation)
	VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`

// Relate writes a tuple on an object of the transaction's organisation.
func (tx *Tx) Relate(ctx context.Context, o access.Object, t access.Tuple) error {
	tx.judge = nil
	_, err := run(ctx, tx.Reader, relateSQL, tx.org.UUID(), string(o.Type), o.ID, t.Relation, t.SubjectType, t.SubjectID, t.SubjectRelation)
	return err
}

// unrelateSQL removes every tuple between an object and a subject.
const unrelateSQL = `DELETE FROM relationship WHERE org_id = $1 AND object_type = $2 AND object_id = $3 AND subject_type = $4 AND subject_id = $5`

// Unrelate removes what relates a subject to an object.
func (tx *Tx) Unrelate(ctx context.Context, o access.Object, subjectType, subjectID string) error {
	tx.judge = nil
	_, err := run(ctx, tx.Reader, unrelateSQL, tx.org.UUID(), string(o.Type), o.ID, subjectType, subjectID)
	return err
}
