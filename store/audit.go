package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
)

const auditColumns = `t.id, t.ord, t.org_id, t.at, t.actor_kind, t.actor_id, t.action, t.object_type, t.object_id, t.outcome, t.reason, t.request_id,
	t.address, t.count, t.details, coalesce(t.seq, 0), t.prev_hash, t.hash`

func scanAudit(row pgx.CollectableRow) (audit.Row, error) {
	var r audit.Row
	var details, prev, hash []byte
	err := row.Scan(&r.ID, &r.Ord, &r.Org, &r.At, &r.ActorKind, &r.ActorID, &r.Action, &r.ObjectType, &r.ObjectID, &r.Outcome, &r.Reason, &r.Request,
		&r.Address, &r.Count, &details, &r.Seq, &prev, &hash)
	if err != nil {
		return r, err
	}
	copy(r.Prev[:], prev)
	copy(r.Hash[:], hash)
	d := json.NewDecoder(bytes.NewReader(details))
	d.UseNumber() // or numbers would not be hashed as they are
	return r, d.Decode(&r.Details)
}

// addAuditSQL writes rows, unchained; crosses orgs: what is done in another
// organisation's room is for both to know, and a batch of refusals is of all.
const addAuditSQL = `INSERT INTO audit (id, org_id, at, actor_kind, actor_id, action, object_type, object_id, outcome, reason, request_id, address, count, details)
	SELECT id, org_id, at, actor_kind, actor_id, action, object_type, object_id, outcome, reason, request_id, address, count, convert_from(details, 'UTF8')::jsonb
	FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
		$11::uuid[], $12::text[], $13::int[], $14::bytea[])
		WITH ORDINALITY AS u(id, org_id, at, actor_kind, actor_id, action, object_type, object_id, outcome, reason, request_id, address, count, details, n)
	ORDER BY n`

// queueAudit adds the statement that writes rows, as the worker.
func queueAudit(b *pgx.Batch, rows []audit.Row) error {
	n := len(rows)
	ids, orgs, ats, requests, details := make([]string, n), make([]string, n), make([]time.Time, n), make([]*string, n), make([][]byte, n)
	counts := make([]int32, n)
	texts := [8][]string{}
	for i, r := range rows {
		ids[i], orgs[i], ats[i], counts[i] = r.ID.UUID(), r.Org.UUID(), r.At, int32(r.Count) //nolint:gosec // of a minute
		if !r.Request.IsZero() {
			requests[i] = new(r.Request.UUID())
		}
		var err error
		if details[i], err = json.Marshal(r.Details); err != nil {
			return fmt.Errorf("audit %s: %w", r.Action, err)
		}
		for c, s := range []string{string(r.ActorKind), r.ActorID, string(r.Action), r.ObjectType, r.ObjectID, string(r.Outcome), r.Reason, r.Address} {
			texts[c] = append(texts[c], s)
		}
	}
	b.Queue(addAuditSQL, ids, orgs, ats, texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], requests, texts[7], counts, details)
	return nil
}

// Audit keeps a fact in the audit log once, and only if, the transaction
// commits. It only buffers: the row is written just before the commit. In whose
// request it happened is known then.
func (tx *Tx) Audit(by access.Actor, f audit.Fact) {
	by.Org = tx.org
	at := tx.at
	if at.IsZero() {
		at = tx.db.now()
	}
	tx.audits = append(tx.audits, audit.Rows(by, f, at)...)
}

// queueAudits adds what the transaction is to keep in the audit log.
func (tx *Tx) queueAudits(ctx context.Context, b *pgx.Batch) error {
	if len(tx.audits) == 0 {
		return nil
	}
	of(ctx, tx.audits)
	b.Queue(becomeWorkerSQL) // the walled role may read the log and not write to it
	return queueAudit(b, tx.audits)
}

// of notes in whose request rows were made, unless they know.
func of(ctx context.Context, rows []audit.Row) {
	for i := range rows {
		if r := &rows[i]; r.Request.IsZero() && r.Address == "" {
			r.Request, r.Address = access.RequestFrom(ctx), access.AddressFrom(ctx)
		}
	}
}

// AddAudit keeps rows of what changed nothing: refusals, and sign-ins that need
// no transaction.
func (db *DB) AddAudit(ctx context.Context, rows ...audit.Row) error {
	of(ctx, rows)
	b := &pgx.Batch{}
	if err := queueAudit(b, rows); err != nil {
		return err
	}
	if err := db.worker.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("write to the audit log: %w", faultOf(err))
	}
	return nil
}

// auditIn keeps rows in a transaction of the worker's, in which nobody's
// organisation acts yet. Without rows it runs the same statement.
func auditIn(ctx context.Context, tx pgx.Tx, rows ...audit.Row) error {
	of(ctx, rows)
	b := &pgx.Batch{}
	if err := queueAudit(b, rows); err != nil {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

// OnRefused sets who is told, on the goroutine that noticed, of a refusal that
// is no request's answer. It must not block. Set it before the first Ask.
func (db *DB) OnRefused(f func(audit.Row)) { db.refused = f }

// An AuditFilter narrows the log; empty fields do not.
type AuditFilter struct {
	Action   audit.Action
	Actor    string
	Object   string
	Outcome  audit.Outcome
	From, To time.Time // From inclusive, To not
}

// Audit lists the log of the reader's organisation, newest first.
func (r Reader) Audit(ctx context.Context, f AuditFilter, p Page) ([]audit.Row, error) {
	w := r.where()
	w.equal("action", string(f.Action))
	w.equal("actor_id", f.Actor)
	w.equal("object_id", f.Object)
	w.equal("outcome", string(f.Outcome))
	if !f.From.IsZero() {
		w.and("t.at >= $?", f.From)
	}
	if !f.To.IsZero() {
		w.and("t.at < $?", f.To)
	}
	return list(ctx, r, scanAudit, auditColumns, "audit", "at", w, p)
}
