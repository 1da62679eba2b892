package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
)

// ours keeps the tuples of the reader's organisation ($1), and those of rooms
// that are shared with it.
const ours = `(t.org_id = $1 OR EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1))`

// relationshipsSQL reads what may relate a subject ($4, $5) to objects ($2, $3):
// of these, and of every object that their tuples lead to ($6 are the types that
// any may), the tuples that name the subject or lead on. An object without any
// has one row, of nulls.
const relationshipsSQL = `WITH RECURSIVE reach AS (
		SELECT u.type, u.id, 0 AS depth FROM unnest($2::text[], $3::text[]) u (type, id)
		UNION
		SELECT t.subject_type, t.subject_id, reach.depth + 1 FROM reach
		JOIN relationship t ON t.object_type = reach.type AND t.object_id = reach.id AND t.subject_type = ANY ($6::text[]) AND ` + ours + `
		WHERE reach.depth < 8
	)
	SELECT o.type, o.id, t.relation, t.subject_type, t.subject_id, t.subject_relation FROM (SELECT DISTINCT type, id FROM reach) o
	LEFT JOIN relationship t ON t.object_type = o.type AND t.object_id = o.id AND ` + ours + `
		AND (t.subject_type = $4 AND t.subject_id = $5 OR t.subject_type = ANY ($6::text[]))`

// Relationships implements access.Tuples. Within a request (see Remembering) it
// answers from what this node remembers. In a transaction it reads them anew:
// what was locked may have changed whoever waited for it, and nobody remembers
// what it has changed itself.
func (r Reader) Relationships(ctx context.Context, of access.Subject, objects ...access.Object) (access.Graph, error) {
	if w, ok := r.q.(walled); ok {
		return w.relationships(ctx, of, objects)
	}
	return readAnew(ctx, r.q, r.org, of, objects)
}

func readAnew(ctx context.Context, q querier, org access.OrgID, of access.Subject, objects []access.Object) (access.Graph, error) {
	rows, err := q.Query(ctx, relationshipsSQL, relationshipArgs(org, of, objects)...)
	if err != nil {
		return nil, faultOf(err)
	}
	return graphOf(rows)
}

func relationshipArgs(org access.OrgID, of access.Subject, objects []access.Object) []any {
	types, ids := make([]string, len(objects)), make([]string, len(objects))
	for i, o := range objects {
		types[i], ids[i] = string(o.Type), o.ID
	}
	return []any{org.UUID(), types, ids, of.Type, of.ID, access.Leading}
}

// graphOf reads the rows of relationshipsSQL.
func graphOf(rows pgx.Rows) (access.Graph, error) {
	g := access.Graph{}
	var n access.Node
	var relation, subjectType, subjectID, subjectRelation *string
	_, err := pgx.ForEachRow(rows, []any{&n.Type, &n.ID, &relation, &subjectType, &subjectID, &subjectRelation}, func() error {
		if relation == nil {
			g[n] = nil
			return nil
		}
		g[n] = append(g[n], access.Tuple{Relation: *relation, SubjectType: *subjectType, SubjectID: *subjectID, SubjectRelation: *subjectRelation})
		return nil
	})
	return g, faultOf(err)
}

// relateSQL writes a tuple; one that is there stays.
const relateSQL = `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id, subject_relation)
	VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`

// Relate writes a tuple on an object of the transaction's organisation. The
// schema has to know such a tuple.
func (tx *Tx) Relate(ctx context.Context, o access.Object, t access.Tuple) error {
	if !o.Type.Takes(t) {
		return fmt.Errorf("the schema has no %s#%s@%s", o.Type, t.Relation, t.Subject())
	}
	tx.judge, tx.related = nil, true
	return tx.write(ctx, relateSQL, tx.org.UUID(), string(o.Type), o.ID, t.Relation, t.SubjectType, t.SubjectID, t.SubjectRelation)
}

// unrelateSQL removes every tuple between an object and a subject.
const unrelateSQL = `DELETE FROM relationship WHERE org_id = $1 AND object_type = $2 AND object_id = $3 AND subject_type = $4 AND subject_id = $5`

// Unrelate removes what relates a subject to an object.
func (tx *Tx) Unrelate(ctx context.Context, o access.Object, subjectType, subjectID string) error {
	tx.judge, tx.related = nil, true
	return tx.write(ctx, unrelateSQL, tx.org.UUID(), string(o.Type), o.ID, subjectType, subjectID)
}
