package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/authority"
)

const profileColumns = `t.id, t.org_id, t.name, t.level, t.max_tiv, t.max_limit, t.max_premium, t.lines, t.prohibited_states, t.can_override, t.constraints,
	t.active, t.created_by, t.created_at, t.updated_at, t.version`

func profileInto(p *authority.Profile) []any {
	return []any{
		&p.ID, &p.Org, &p.Name, &p.Level, &p.MaxTIV, &p.MaxLimit, &p.MaxPremium, &p.Lines, &p.ProhibitedStates, &p.CanOverride, &p.Constraints,
		&p.Active, &p.CreatedBy, &p.CreatedAt, &p.UpdatedAt, &p.Version,
	}
}

func scanProfile(row pgx.CollectableRow) (authority.Profile, error) {
	var p authority.Profile
	return p, row.Scan(profileInto(&p)...)
}

// profileSQL reads one profile.
const profileSQL = `SELECT ` + profileColumns + ` FROM authority_profile t WHERE t.org_id = $1 AND t.id = $2`

// lockProfileSQL reads one profile for change.
const lockProfileSQL = profileSQL + ` FOR NO KEY UPDATE`

// LockProfile reads an authority profile that nobody else changes until the end
// of the transaction.
func (tx *Tx) LockProfile(ctx context.Context, id authority.ProfileID) (authority.Profile, error) {
	return one(ctx, tx.Reader, scanProfile, lockProfileSQL, tx.org.UUID(), id.UUID())
}

// Profile reads one authority profile.
func (r Reader) Profile(ctx context.Context, id authority.ProfileID) (authority.Profile, error) {
	return one(ctx, r, scanProfile, profileSQL, r.org.UUID(), id.UUID())
}

// Profiles lists authority profiles, newest first.
func (r Reader) Profiles(ctx context.Context, inactive bool, p Page) ([]authority.Profile, error) {
	w := r.where()
	if !inactive {
		w.and("t.active")
	}
	return list(ctx, r, scanProfile, profileColumns, "authority_profile", "created_at", w, p)
}

// addProfileSQL adds a profile.
const addProfileSQL = `INSERT INTO authority_profile (id, org_id, name, level, max_tiv, max_limit, max_premium, lines, prohibited_states, can_override,
	constraints, active, created_by, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)`

// AddProfile adds an authority profile.
func (tx *Tx) AddProfile(ctx context.Context, p authority.Profile) error {
	_, err := run(ctx, tx.Reader, addProfileSQL, p.ID.UUID(), p.Org.UUID(), p.Name, p.Level, p.MaxTIV, p.MaxLimit, p.MaxPremium, p.Lines,
		p.ProhibitedStates, p.CanOverride, p.Constraints, p.Active, p.CreatedBy, p.CreatedAt)
	return err
}

// saveProfileSQL saves a locked profile.
const saveProfileSQL = `UPDATE authority_profile t SET name = $3, level = $4, max_tiv = $5, max_limit = $6, max_premium = $7, lines = $8,
	prohibited_states = $9, can_override = $10, constraints = $11, active = $12, updated_at = $13, version = version + 1
	WHERE t.org_id = $1 AND t.id = $2`

// SaveProfile saves an authority profile that this transaction locked.
func (tx *Tx) SaveProfile(ctx context.Context, p authority.Profile) error {
	_, err := run(ctx, tx.Reader, saveProfileSQL, tx.org.UUID(), p.ID.UUID(), p.Name, p.Level, p.MaxTIV, p.MaxLimit, p.MaxPremium, p.Lines,
		p.ProhibitedStates, p.CanOverride, p.Constraints, p.Active, p.UpdatedAt)
	return err
}

// lockUserSQL keeps others from changing what a user is given.
const lockUserSQL = `SELECT t.id FROM app_user t WHERE t.org_id = $1 AND t.id = $2 AND t.status <> 'guest' FOR NO KEY UPDATE`

// endAssignmentsSQL ends what a user was given.
const endAssignmentsSQL = `UPDATE authority_assignment SET ended_at = $3 WHERE org_id = $1 AND user_id = $2 AND ended_at IS NULL`

// addAssignmentSQL gives a user a profile.
const addAssignmentSQL = `INSERT INTO authority_assignment (id, org_id, profile_id, user_id, by, created_at) VALUES ($1, $2, $3, $4, $5, $6)`

// Assign gives a user a profile in place of the one that he had.
func (tx *Tx) Assign(ctx context.Context, a authority.Assignment) error {
	if err := tx.Unassign(ctx, a.User, a.CreatedAt); err != nil {
		return err
	}
	_, err := run(ctx, tx.Reader, addAssignmentSQL, a.ID.UUID(), a.Org.UUID(), a.Profile.UUID(), a.User.UUID(), a.By, a.CreatedAt)
	return err
}

// Unassign takes a user's profile away; fault.ErrNotFound when there is no such
// user.
func (tx *Tx) Unassign(ctx context.Context, user access.UserID, at time.Time) error {
	if _, err := one(ctx, tx.Reader, pgx.RowTo[access.UserID], lockUserSQL, tx.org.UUID(), user.UUID()); err != nil {
		return err
	}
	_, err := run(ctx, tx.Reader, endAssignmentsSQL, tx.org.UUID(), user.UUID(), at)
	return err
}

const assignmentColumns = `t.id, t.org_id, t.profile_id, t.user_id, t.by, t.created_at, t.ended_at`

// Assignments lists who has which profile, newest first.
func (r Reader) Assignments(ctx context.Context, user access.UserID, ended bool, p Page) ([]authority.Assignment, error) {
	w := r.where()
	if !ended {
		w.and("t.ended_at IS NULL")
	}
	if !user.IsZero() {
		w.equal("user_id", user.UUID())
	}
	return list(ctx, r, pgx.RowToStructByPos[authority.Assignment], assignmentColumns, "authority_assignment", "created_at", w, p)
}

// grantsSQL finds what a user may use at a time: the profile that he has, and
// those of users who lend him theirs. Of one who may decide nothing any more,
// nobody uses the authority.
const grantsSQL = `SELECT ` + profileColumns + `, a.user_id FROM authority_assignment a
	JOIN authority_profile t ON t.id = a.profile_id AND t.org_id = $1
	JOIN app_user u ON u.id = a.user_id AND u.status = 'active' AND u.role IN ('admin', 'underwriter')
	WHERE a.org_id = $1 AND a.ended_at IS NULL AND (a.user_id = $2 OR a.user_id IN (SELECT d.from_user FROM authority_delegation d
		WHERE d.org_id = $1 AND d.to_user = $2 AND d.ended_at IS NULL AND d.starts_at <= $3 AND d.ends_at > $3))
	ORDER BY (a.user_id = $2) DESC, a.id`

// Grants returns what a user may use at a time, his own profile first.
func (r Reader) Grants(ctx context.Context, user string, at time.Time) ([]authority.Grant, error) {
	return many(ctx, r, scanGrant, grantsSQL, r.org.UUID(), access.SubjectUUID(user), at)
}

func scanGrant(row pgx.CollectableRow) (authority.Grant, error) {
	var g authority.Grant
	var of access.UserID
	err := row.Scan(append(profileInto(&g.Profile), &of)...)
	g.Of = of.String()
	return g, err
}

// holdersSQL finds everybody who has a profile and may decide.
const holdersSQL = `SELECT ` + profileColumns + `, a.user_id FROM authority_assignment a
	JOIN authority_profile t ON t.id = a.profile_id AND t.org_id = $1 AND t.active
	JOIN app_user u ON u.id = a.user_id AND u.status = 'active' AND u.role IN ('admin', 'underwriter')
	WHERE a.org_id = $1 AND a.ended_at IS NULL ORDER BY a.id`

// Holders returns everybody who has an active profile and may decide, each with
// his own.
func (r Reader) Holders(ctx context.Context) ([]authority.Grant, error) {
	return many(ctx, r, scanGrant, holdersSQL, r.org.UUID())
}

const delegationColumns = `t.id, t.org_id, t.from_user, t.to_user, t.starts_at, t.ends_at, t.by, t.created_at, t.ended_at`

// lockDelegationsSQL reads the delegations that are not over. Two that are made
// at once might close each other's circle: their organisation is locked before.
const lockDelegationsSQL = `SELECT ` + delegationColumns + ` FROM authority_delegation t
	WHERE t.org_id = $1 AND t.ended_at IS NULL AND t.ends_at > $2 ORDER BY t.id FOR NO KEY UPDATE`

// LockDelegations returns the organisation's delegations that are not over;
// nobody makes another until the end of the transaction.
func (tx *Tx) LockDelegations(ctx context.Context, at time.Time) ([]authority.Delegation, error) {
	if _, err := run(ctx, tx.Reader, lockOrgSQL, tx.org.UUID()); err != nil {
		return nil, err
	}
	return many(ctx, tx.Reader, pgx.RowToStructByPos[authority.Delegation], lockDelegationsSQL, tx.org.UUID(), at)
}

// addDelegationSQL adds a delegation.
const addDelegationSQL = `INSERT INTO authority_delegation (id, org_id, from_user, to_user, starts_at, ends_at, by, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// AddDelegation adds a delegation.
func (tx *Tx) AddDelegation(ctx context.Context, d authority.Delegation) error {
	_, err := run(ctx, tx.Reader, addDelegationSQL, d.ID.UUID(), d.Org.UUID(), d.From.UUID(), d.To.UUID(), d.Starts, d.Ends, d.By, d.CreatedAt)
	return err
}

// endDelegationSQL ends a delegation before its time.
const endDelegationSQL = `UPDATE authority_delegation t SET ended_at = $3 WHERE t.org_id = $1 AND t.id = $2 AND t.ended_at IS NULL
	RETURNING ` + delegationColumns

// EndDelegation ends a delegation; fault.ErrNotFound when it is over.
func (tx *Tx) EndDelegation(ctx context.Context, id authority.DelegationID, at time.Time) (authority.Delegation, error) {
	return one(ctx, tx.Reader, pgx.RowToStructByPos[authority.Delegation], endDelegationSQL, tx.org.UUID(), id.UUID(), at)
}

// Delegations lists who lends whom his authority, newest first.
func (r Reader) Delegations(ctx context.Context, over bool, at time.Time, p Page) ([]authority.Delegation, error) {
	w := r.where()
	if !over {
		w.and("t.ended_at IS NULL")
		w.and("t.ends_at > $?", at)
	}
	return list(ctx, r, pgx.RowToStructByPos[authority.Delegation], delegationColumns, "authority_delegation", "created_at", w, p)
}
