package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
)

// Limits of mirroring.
const (
	mirrorLease = 5 * time.Second
	mirrorBatch = 500 // changes of one write; SpiceDB takes 1,000
)

// DB is what is mirrored.
var _ access.Ledger = (*DB)(nil)

// leaseMirrorSQL takes or keeps the lease of mirroring; crosses orgs: one node
// mirrors those of all.
const leaseMirrorSQL = `UPDATE mirror SET holder = $1, until = clock_timestamp() + $2 * interval '1 microsecond'
	WHERE holder = $1 OR until < clock_timestamp() RETURNING id`

// LeaseMirror implements access.Ledger.
func (db *DB) LeaseMirror(ctx context.Context, holder string) (id string, held bool, err error) {
	ids, err := many(ctx, db.everywhere(), pgx.RowTo[string], leaseMirrorSQL, holder, mirrorLease.Microseconds())
	if err != nil || len(ids) == 0 {
		return "", false, err
	}
	return ids[0], true, nil
}

// releaseMirrorSQL ends a lease; crosses orgs: see leaseMirrorSQL. Notes are
// taken for an hour yet.
const releaseMirrorSQL = `UPDATE mirror SET holder = '', until = least(until, clock_timestamp()) WHERE holder = $1`

// ReleaseMirror implements access.Ledger.
func (db *DB) ReleaseMirror(ctx context.Context, holder string) error {
	_, err := run(ctx, db.everywhere(), releaseMirrorSQL, holder)
	return err
}

// lockMirrorSQL keeps others from mirroring until the end of the transaction;
// crosses orgs: see leaseMirrorSQL.
const lockMirrorSQL = `SELECT seq FROM mirror WHERE holder = $1 FOR UPDATE`

// changesSQL reads the oldest notes, and whether their tuples are there now. Its
// snapshot is newer than the lock; crosses orgs: see leaseMirrorSQL.
const changesSQL = `SELECT n.id, n.object_type, n.object_id, n.relation, n.subject_type, n.subject_id, n.subject_relation, mirror_has(n)
	FROM mirror_note n ORDER BY n.id LIMIT $1`

// keepFreshSQL keeps the token of a write beside the ends of what it wrote;
// crosses orgs: see leaseMirrorSQL.
const keepFreshSQL = `WITH moved AS (UPDATE mirror SET seq = $3)
	INSERT INTO mirror_token (type, id, seq, token)
	SELECT DISTINCT type, id, $3::bigint, $4 FROM unnest($1::text[], $2::text[]) AS u(type, id)
	ON CONFLICT (type, id) DO UPDATE SET seq = excluded.seq, token = excluded.token`

// dropNotesSQL forgets what was passed on; crosses orgs: see leaseMirrorSQL.
const dropNotesSQL = `DELETE FROM mirror_note WHERE id = ANY ($1)`

// PassOn implements access.Ledger. The notes go with the commit that keeps the
// token: a turn that dies is made again.
func (db *DB) PassOn(ctx context.Context, holder string, write func(context.Context, []access.Change) (string, error)) (taken int, more bool, err error) {
	err = pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		r := Reader{q: tx}
		seqs, err := many(ctx, r, pgx.RowTo[int64], lockMirrorSQL, holder)
		if err != nil || len(seqs) == 0 {
			return err
		}
		var notes []int64
		var changes []access.Change
		at := map[access.Relationship]int{}
		var note int64
		var c access.Change
		if err := each(ctx, r, []any{&note, &c.Type, &c.ID, &c.Relation, &c.SubjectType, &c.SubjectID, &c.SubjectRelation, &c.Present}, func() error {
			notes = append(notes, note)
			if i, ok := at[c.Relationship]; ok {
				changes[i] = c
				return nil
			}
			at[c.Relationship] = len(changes)
			changes = append(changes, c)
			return nil
		}, changesSQL, mirrorBatch); err != nil || len(notes) == 0 {
			return err
		}
		token, err := write(ctx, changes)
		if err != nil {
			return err
		}
		if token != "" {
			types, ids := ends(changes)
			if _, err := run(ctx, r, keepFreshSQL, types, ids, seqs[0]+1, token); err != nil {
				return err
			}
		}
		taken = len(notes)
		_, err = run(ctx, r, dropNotesSQL, notes)
		return err
	})
	if err != nil {
		return 0, false, faultOf(err)
	}
	return taken, taken == mirrorBatch, nil
}

// ends lists the ends of what was changed. Whose an object is does not count
// as a change of the organisation: each new object would be one.
func ends(changes []access.Change) (types, ids []string) {
	for _, c := range changes {
		types, ids = append(types, string(c.Type)), append(ids, c.ID)
		if c.Relation != "org" {
			types, ids = append(types, c.SubjectType), append(ids, c.SubjectID)
		}
	}
	return types, ids
}

// freshnessSQL reads the newest token beside any of the ends, and whether a note
// about one of them waits; crosses orgs: an end may be of another one, and what
// is read are numbers.
const freshnessSQL = `WITH tie AS (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS u(type, id))
	SELECT m.id, coalesce((SELECT t.token FROM tie JOIN mirror_token t USING (type, id) ORDER BY t.seq DESC LIMIT 1), ''),
		EXISTS (SELECT FROM tie JOIN mirror_note n ON n.object_type = tie.type AND n.object_id = tie.id)
			OR EXISTS (SELECT FROM tie JOIN mirror_note n ON n.subject_type = tie.type AND n.subject_id = tie.id AND n.relation <> 'org'),
		m.until > clock_timestamp() - interval '5 seconds'
	FROM mirror m`

// Freshness implements access.Ledger.
func (db *DB) Freshness(ctx context.Context, of []access.Tie) (access.Freshness, error) {
	types, ids := make([]string, len(of)), make([]string, len(of))
	for i, t := range of {
		types[i], ids[i] = t.Type, t.ID
	}
	return one(ctx, db.everywhere(), pgx.RowToStructByPos[access.Freshness], freshnessSQL, types, ids)
}

// mirrorTuplesSQL reads every tuple that there should be; crosses orgs: see
// leaseMirrorSQL.
const mirrorTuplesSQL = `SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation FROM mirror_tuples()`

// Everything implements access.Ledger.
func (db *DB) Everything(ctx context.Context, f func(access.Relationship) error) error {
	return pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, longSQL); err != nil {
			return faultOf(err)
		}
		var r access.Relationship
		return each(ctx, Reader{q: tx}, []any{&r.Type, &r.ID, &r.Relation, &r.SubjectType, &r.SubjectID, &r.SubjectRelation}, func() error { return f(r) }, mirrorTuplesSQL)
	})
}

// longSQL lets the statements of a transaction take five minutes; crosses orgs:
// it touches no table.
const longSQL = `SELECT set_config('statement_timeout', '300000', true)`

// lookAgainSQL notes tuples; crosses orgs: see leaseMirrorSQL.
const lookAgainSQL = `INSERT INTO mirror_note (object_type, object_id, relation, subject_type, subject_id, subject_relation)
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])`

// LookAgain implements access.Ledger.
func (db *DB) LookAgain(ctx context.Context, rs []access.Relationship) error {
	var columns [6][]string
	for _, r := range rs {
		for i, v := range []string{string(r.Type), r.ID, r.Relation, r.SubjectType, r.SubjectID, r.SubjectRelation} {
			columns[i] = append(columns[i], v)
		}
	}
	_, err := run(ctx, db.everywhere(), lookAgainSQL, columns[0], columns[1], columns[2], columns[3], columns[4], columns[5])
	return err
}

// notesWaitingSQL counts what waits to be passed on; crosses orgs: see
// leaseMirrorSQL.
const notesWaitingSQL = `SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(at)) * 1000000, 0)::bigint FROM mirror_note`

// Waiting implements access.Ledger.
func (db *DB) Waiting(ctx context.Context) (n int, oldest time.Duration, err error) {
	var micros int64
	err = each(ctx, db.everywhere(), []any{&n, &micros}, func() error { return nil }, notesWaitingSQL)
	return n, time.Duration(micros) * time.Microsecond, err
}

// sources are the tables of the types that are not named like theirs; none when
// the objects are no rows of one organisation.
var sources = map[access.Type]string{access.Webhook: "endpoint", access.Flag: ""}

// mirrorOfSQL has the rows of a table mirrored as objects; crosses orgs: it is
// about tables.
const mirrorOfSQL = `SELECT mirror_of($1, $2)`

// unfollowedSQL says whether a table is there whose rows are objects of
// organisations, and are not noted. It reads
// what everybody may: a start that has nothing to do needs no rights; crosses
// orgs: it is about tables.
const unfollowedSQL = `SELECT (SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname IN ('id', 'org_id') AND NOT attisdropped)
	AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = 'note_added')`

// followSchema has the objects of every type mirrored that have a table.
func followSchema(ctx context.Context, db *sql.DB) error {
	for _, t := range access.Belonging() {
		source, ok := sources[t]
		switch {
		case !ok:
			source = string(t)
		case source == "":
			continue
		}
		var todo bool
		if err := db.QueryRowContext(ctx, unfollowedSQL, source).Scan(&todo); err != nil {
			return fmt.Errorf("mirror the objects of type %s: %w", t, err)
		}
		if !todo {
			continue
		}
		if _, err := db.ExecContext(ctx, mirrorOfSQL, string(t), source); err != nil {
			return fmt.Errorf("mirror the objects of type %s: %w", t, err)
		}
	}
	return nil
}
