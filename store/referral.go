package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/rooms/room"
)

const referralColumns = `t.id, t.org_id, t.entity_type, t.entity_id, t.submission_id, t.room_id, t.reason, t.rationale, t.status, coalesce(t.outcome, ''),
	t.raised_by, t.assignee, t.requests, t.decided_by, t.decided_at, t.decision_rationale, t.conditions, t.counter, t.valid_until,
	t.created_at, t.updated_at, t.version`

func scanReferral(row pgx.CollectableRow) (referral.Referral, error) {
	var r referral.Referral
	return r, row.Scan(&r.ID, &r.Org, &r.Entity.Type, &r.Entity.ID, &r.Submission, &r.Room, &r.Reason, &r.Rationale, &r.Status, &r.Outcome,
		&r.RaisedBy, &r.Assignee, &r.Requests, &r.DecidedBy, &r.DecidedAt, &r.Because, &r.Conditions, &r.Counter, &r.ValidUntil,
		&r.CreatedAt, &r.UpdatedAt, &r.Version)
}

// referralSQL reads one referral.
const referralSQL = `SELECT ` + referralColumns + ` FROM referral t WHERE t.org_id = $1 AND t.id = $2`

// Referral reads one referral.
func (r Reader) Referral(ctx context.Context, id referral.ID) (referral.Referral, error) {
	return one(ctx, r, scanReferral, referralSQL, r.org.UUID(), id.UUID())
}

// lockReferralSQL reads one referral for change; it is locked after its
// submission and its room, where these are locked too.
const lockReferralSQL = referralSQL + ` FOR NO KEY UPDATE`

// LockReferral reads a referral that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockReferral(ctx context.Context, id referral.ID) (referral.Referral, error) {
	return one(ctx, tx.Reader, scanReferral, lockReferralSQL, tx.org.UUID(), id.UUID())
}

// ReferralFilter narrows a list; empty fields do not.
type ReferralFilter struct {
	Status, EntityType string
	Entity             referral.Entity
	Room               room.ID
}

// Referrals lists what the scope allows, newest first.
func (r Reader) Referrals(ctx context.Context, see access.Scope, f ReferralFilter, p Page) ([]referral.Referral, error) {
	w := r.where()
	w.scope(see)
	w.equal("status", f.Status)
	w.equal("entity_type", f.EntityType)
	if f.Entity.Type != "" {
		w.equal("entity_type", string(f.Entity.Type))
		w.equal("entity_id", f.Entity.UUID())
	}
	if !f.Room.IsZero() {
		w.equal("room_id", f.Room.UUID())
	}
	return list(ctx, r, scanReferral, referralColumns, "referral", "created_at", w, p)
}

// addReferralSQL adds a referral.
const addReferralSQL = `INSERT INTO referral (id, org_id, entity_type, entity_id, submission_id, room_id, reason, rationale, status, raised_by, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`

// AddReferral adds a referral that nobody has worked on yet.
func (tx *Tx) AddReferral(ctx context.Context, r referral.Referral) error {
	_, err := run(ctx, tx.Reader, addReferralSQL, r.ID.UUID(), r.Org.UUID(), string(r.Entity.Type), r.Entity.UUID(), r.Submission.UUID(), r.Room,
		string(r.Reason), r.Rationale, string(r.Status), r.RaisedBy, r.CreatedAt)
	return err
}

// saveReferralSQL saves a locked referral.
const saveReferralSQL = `UPDATE referral t SET status = $3, outcome = $4, assignee = $5, requests = $6, decided_by = $7, decided_at = $8,
	decision_rationale = $9, conditions = $10, counter = $11, valid_until = $12, updated_at = $13, version = version + 1
	WHERE t.org_id = $1 AND t.id = $2`

// SaveReferral saves a referral that this transaction locked.
func (tx *Tx) SaveReferral(ctx context.Context, r referral.Referral) error {
	_, err := run(ctx, tx.Reader, saveReferralSQL, tx.org.UUID(), r.ID.UUID(), string(r.Status), null(string(r.Outcome)), r.Assignee, r.Requests,
		r.DecidedBy, r.DecidedAt, r.Because, r.Conditions, r.Counter, r.ValidUntil, r.UpdatedAt)
	return err
}
