package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

const referralColumns = `t.id, t.org_id, t.entity_type, t.entity_id, t.submission_id, t.room_id, t.reason, t.rationale, t.status, coalesce(t.outcome, ''),
	t.raised_by, t.assignee, t.requests, t.decided_by, t.second_by, t.decided_at, t.decision_rationale, t.conditions, t.counter, t.valid_until, t.work,
	t.created_at, t.updated_at, t.version`

func scanReferral(row pgx.CollectableRow) (referral.Referral, error) {
	var r referral.Referral
	return r, row.Scan(&r.ID, &r.Org, &r.Entity.Type, &r.Entity.ID, &r.Submission, &r.Room, &r.Reason, &r.Rationale, &r.Status, &r.Outcome,
		&r.RaisedBy, &r.Assignee, &r.Requests, &r.DecidedBy, &r.SecondBy, &r.DecidedAt, &r.Because, &r.Conditions, &r.Counter, &r.ValidUntil, &r.Work,
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

// referralsOfSQL reads all referrals of a submission.
const referralsOfSQL = `SELECT ` + referralColumns + ` FROM referral t WHERE t.org_id = $1 AND t.submission_id = $2 ORDER BY t.id`

// ReferralsOf reads all referrals of a submission.
func (r Reader) ReferralsOf(ctx context.Context, id submission.ID) ([]referral.Referral, error) {
	return many(ctx, r, scanReferral, referralsOfSQL, r.org.UUID(), id.UUID())
}

// lockReferralsOfSQL reads all referrals of a submission for change; they are
// locked after it, in the order of their ids.
const lockReferralsOfSQL = referralsOfSQL + ` FOR NO KEY UPDATE`

// LockReferralsOf reads all referrals of a submission that the transaction has
// locked: nobody raises or changes one until its end.
func (tx *Tx) LockReferralsOf(ctx context.Context, id submission.ID) ([]referral.Referral, error) {
	return many(ctx, tx.Reader, scanReferral, lockReferralsOfSQL, tx.org.UUID(), id.UUID())
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
const addReferralSQL = `INSERT INTO referral (id, org_id, entity_type, entity_id, submission_id, room_id, reason, rationale, status, raised_by, work, timer_at, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`

// AddReferral adds a referral that nobody has worked on yet.
func (tx *Tx) AddReferral(ctx context.Context, r referral.Referral) error {
	return tx.write(ctx, addReferralSQL, r.ID.UUID(), r.Org.UUID(), string(r.Entity.Type), r.Entity.UUID(), r.Submission.UUID(), r.Room,
		string(r.Reason), r.Rationale, string(r.Status), r.RaisedBy, r.Work, r.TimerAt, r.CreatedAt)
}

// saveReferralSQL saves a locked referral.
const saveReferralSQL = `UPDATE referral t SET status = $3, outcome = $4, assignee = $5, requests = $6, decided_by = $7, decided_at = $8,
	decision_rationale = $9, conditions = $10, counter = $11, valid_until = $12, updated_at = $13, second_by = $14, work = $15, timer_at = $16, version = version + 1
	WHERE t.org_id = $1 AND t.id = $2`

// SaveReferral saves a referral that this transaction locked.
func (tx *Tx) SaveReferral(ctx context.Context, r referral.Referral) error {
	return tx.write(ctx, saveReferralSQL, tx.org.UUID(), r.ID.UUID(), string(r.Status), null(string(r.Outcome)), r.Assignee, r.Requests,
		r.DecidedBy, r.DecidedAt, r.Because, r.Conditions, r.Counter, r.ValidUntil, r.UpdatedAt, r.SecondBy, r.Work, r.TimerAt)
}

const taskColumns = `t.id, t.org_id, t.referral_id, t.policy_id, t.action, t.responsible, t.consequence, t.due_at, t.status, t.created_at, t.updated_at`

// addTaskSQL adds what is still to be done after a bind.
const addTaskSQL = `INSERT INTO referral_task (id, org_id, referral_id, policy_id, action, responsible, consequence, due_at, status, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`

// AddTask adds a task.
func (tx *Tx) AddTask(ctx context.Context, t referral.Task) error {
	return tx.write(ctx, addTaskSQL, t.ID.UUID(), t.Org.UUID(), t.Referral.UUID(), t.Policy.UUID(), t.Action, t.Responsible, t.Consequence,
		t.DueAt, t.Status, t.CreatedAt)
}

// saveTaskSQL lets a task follow its condition; there is none before a bind.
const saveTaskSQL = `UPDATE referral_task t SET status = $3, updated_at = $4 WHERE t.org_id = $1 AND t.id = $2 AND t.status <> $3`

// SaveTask lets a task stand where its condition stands.
func (tx *Tx) SaveTask(ctx context.Context, id referral.ConditionID, status string, at time.Time) error {
	return tx.write(ctx, saveTaskSQL, tx.org.UUID(), id.UUID(), status, at)
}

// Tasks lists what approvals still ask for after a bind, newest first.
func (r Reader) Tasks(ctx context.Context, status string, p Page) ([]referral.Task, error) {
	w := r.where()
	w.equal("status", status)
	return list(ctx, r, pgx.RowToStructByPos[referral.Task], taskColumns, "referral_task", "created_at", w, p)
}
