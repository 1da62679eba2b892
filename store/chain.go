package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
)

// linkBatch is how many rows one transaction links, and linkOrgs how many
// organisations one turn looks at.
const (
	linkBatch = 500
	linkOrgs  = 100
)

// unchainedOrgsSQL finds organisations with rows that are not linked yet;
// crosses orgs: a node links those of all.
const unchainedOrgsSQL = `SELECT DISTINCT t.org_id FROM audit t WHERE t.seq IS NULL LIMIT $1`

// openChainSQL starts an organisation's chain, once; crosses orgs: a node links
// those of all.
const openChainSQL = `INSERT INTO audit_chain (org_id, hash) VALUES ($1, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING`

// lockChainSQL takes the end of a chain, unless another node has it; crosses
// orgs: a node links those of all.
const lockChainSQL = `SELECT t.org_id, t.seq, t.hash FROM audit_chain t WHERE t.org_id = $1 FOR UPDATE SKIP LOCKED`

// unchainedSQL reads what is to be linked next, in the order of being written as
// far as one can tell. It is a statement of its own because its snapshot must be
// newer than the lock; crosses orgs: a node links those of all.
const unchainedSQL = `SELECT ` + auditColumns + ` FROM audit t WHERE t.org_id = $1 AND t.seq IS NULL ORDER BY t.ord LIMIT $2`

// linkSQL gives rows their places; crosses orgs: a node links those of all.
const linkSQL = `UPDATE audit t SET seq = u.seq, prev_hash = u.prev, hash = u.hash
	FROM unnest($2::uuid[], $3::bigint[], $4::bytea[], $5::bytea[]) AS u(id, seq, prev, hash)
	WHERE t.org_id = $1 AND t.id = u.id AND t.seq IS NULL`

// moveChainSQL moves the end of a chain; crosses orgs: a node links those of
// all.
const moveChainSQL = `UPDATE audit_chain t SET seq = $2, hash = $3 WHERE t.org_id = $1`

// LinkAudit links rows of the audit log into the chains of their organisations
// and returns how many, and whether there may be more. Several nodes may run it
// at once: one at a time is at a chain. A turn that dies has linked nothing.
func (db *DB) LinkAudit(ctx context.Context) (linked int, more bool, err error) {
	orgs, err := many(ctx, db.everywhere(), pgx.RowTo[access.OrgID], unchainedOrgsSQL, linkOrgs)
	if err != nil {
		return 0, false, fmt.Errorf("find rows to link: %w", err)
	}
	more = len(orgs) == linkOrgs
	var failed error
	for _, org := range orgs {
		n, err := db.link(ctx, org)
		linked += n
		if err != nil { // the others' are no worse for it
			failed = errors.Join(failed, fmt.Errorf("link the audit log of %s: %w", org, err))
		}
		more = more || n == linkBatch
	}
	return linked, more && failed == nil, failed
}

func scanHead(row pgx.CollectableRow) (audit.Head, error) {
	var h audit.Head
	var hash []byte
	err := row.Scan(&h.Org, &h.Seq, &hash)
	copy(h.Hash[:], hash)
	return h, err
}

func (db *DB) link(ctx context.Context, org access.OrgID) (int, error) {
	var rows []audit.Row
	err := pgx.BeginFunc(ctx, db.worker, func(conn pgx.Tx) error {
		r := Reader{q: conn}
		if _, err := run(ctx, r, openChainSQL, org.UUID()); err != nil {
			return err
		}
		heads, err := many(ctx, r, scanHead, lockChainSQL, org.UUID())
		if err != nil || len(heads) == 0 {
			return err
		}
		if rows, err = many(ctx, r, scanAudit, unchainedSQL, org.UUID(), linkBatch); err != nil || len(rows) == 0 {
			return err
		}
		head := heads[0]
		ids, seqs, prevs, hashes := make([]string, len(rows)), make([]int64, len(rows)), make([][]byte, len(rows)), make([][]byte, len(rows))
		for i, row := range rows {
			row.Seq, row.Prev = head.Seq+1, head.Hash
			row.Hash = row.Link(head.Hash)
			ids[i], seqs[i], prevs[i], hashes[i] = row.ID.UUID(), row.Seq, row.Prev[:], row.Hash[:]
			head = audit.Head{Org: org, Seq: row.Seq, Hash: row.Hash}
		}
		n, err := run(ctx, r, linkSQL, org.UUID(), ids, seqs, prevs, hashes)
		if err == nil && n != int64(len(rows)) {
			err = fmt.Errorf("linked %d rows of %d", n, len(rows))
		}
		if err != nil {
			return err
		}
		_, err = run(ctx, r, moveChainSQL, org.UUID(), head.Seq, head.Hash[:])
		return err
	})
	if err != nil {
		return 0, faultOf(err)
	}
	return len(rows), nil
}

// chainsSQL lists the organisations that have a chain, or rows that claim to be
// in one; crosses orgs: verification is of all.
const chainsSQL = `SELECT t.org_id FROM audit_chain t UNION SELECT t.org_id FROM audit t ORDER BY 1`

// chainSQL reads where a chain was last seen to end; crosses orgs: verification
// is of all.
const chainSQL = `SELECT t.org_id, t.seq, t.hash FROM audit_chain t WHERE t.org_id = $1`

// linkedSQL reads rows of a chain in its order. Two rows in one place, which
// only somebody without an index could make, are both read; crosses orgs:
// verification is of all.
const linkedSQL = `SELECT ` + auditColumns + ` FROM audit t WHERE t.org_id = $1 AND t.seq IS NOT NULL AND (t.seq, t.id) > ($2, $3::uuid)
	ORDER BY t.seq, t.id LIMIT $4`

// unlinkedSQL counts rows that were written before a time and are in no chain,
// and finds the oldest; crosses orgs: verification is of all.
const unlinkedSQL = `SELECT count(*), min(t.at) FROM audit t WHERE t.org_id = $1 AND t.seq IS NULL AND t.at < $2`

// A Verdict is what the audit log of an organisation was found to be.
type Verdict struct {
	audit.Head              // the last sound row
	Break      *audit.Break // nil: the chain is whole
	Late       int64        // rows that should have been linked by now
	Oldest     time.Time    // of those
}

// VerifyAudit walks the chain of every organisation, or of one, and tells what
// it found of each. Rows that were written before late must be linked.
func (db *DB) VerifyAudit(ctx context.Context, only *access.OrgID, late time.Time, tell func(Verdict) error) error {
	orgs := []access.OrgID{}
	if only != nil {
		orgs = append(orgs, *only)
	} else {
		var err error
		if orgs, err = many(ctx, db.everywhere(), pgx.RowTo[access.OrgID], chainsSQL); err != nil {
			return fmt.Errorf("find audit logs: %w", err)
		}
	}
	for _, org := range orgs {
		v, err := db.verify(ctx, org, late)
		if err != nil {
			return fmt.Errorf("verify the audit log of %s: %w", org, err)
		}
		if err := tell(v); err != nil {
			return err
		}
	}
	return nil
}

// verify reads one state of the database, so that what is linked meanwhile is
// not taken for a difference.
func (db *DB) verify(ctx context.Context, org access.OrgID, late time.Time) (Verdict, error) {
	v := Verdict{Head: audit.Head{Org: org}}
	err := pgx.BeginTxFunc(ctx, db.worker, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(conn pgx.Tx) error {
		r := Reader{q: conn}
		if err := v.walk(ctx, r); err != nil || v.Break != nil {
			return err
		}
		kept := audit.Head{Org: org}
		heads, err := many(ctx, r, scanHead, chainSQL, org.UUID())
		if err != nil {
			return err
		}
		if len(heads) > 0 {
			kept = heads[0]
		}
		if v.Break = v.End(kept); v.Break != nil {
			return nil
		}
		var oldest *time.Time
		err = each(ctx, r, []any{&v.Late, &oldest}, func() error { return nil }, unlinkedSQL, org.UUID(), late)
		if oldest != nil {
			v.Oldest = oldest.UTC()
		}
		return err
	})
	return v, faultOf(err)
}

// walk follows the chain to its end or to where it breaks.
func (v *Verdict) walk(ctx context.Context, r Reader) error {
	seq, id := int64(-1), audit.ID{}
	for {
		rows, err := many(ctx, r, scanAudit, linkedSQL, v.Org.UUID(), seq, id.UUID(), linkBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if v.Head, v.Break = v.Follow(row); v.Break != nil {
				return nil
			}
			seq, id = row.Seq, row.ID
		}
		if len(rows) < linkBatch {
			return nil
		}
	}
}

// inChainSQL says whether a chain has a row of some hash in a place; crosses
// orgs: verification is of all.
const inChainSQL = `SELECT EXISTS (SELECT FROM audit t WHERE t.org_id = $1 AND t.seq = $2 AND t.hash = $3)`

// InChain reports whether the row at seq of a chain has a hash, as an earlier
// verification found it to have.
func (db *DB) InChain(ctx context.Context, org access.OrgID, seq int64, hash audit.Hash) (bool, error) {
	return one(ctx, db.everywhere(), pgx.RowTo[bool], inChainSQL, org.UUID(), seq, hash[:])
}
