package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
)

// An Org is a tenant: a company and its books.
type Org struct {
	ID                   access.OrgID
	Name, Kind           string // Kind is mga, carrier or brokerage
	CreatedAt, UpdatedAt time.Time
	Version              int
}

// A User is somebody who works for an organisation.
type User struct {
	ID                        access.UserID
	Org                       access.OrgID
	Email, Name, Role, Status string // Status is active or stopped; guest for one who signs in nowhere
	CreatedAt, UpdatedAt      time.Time
	Version                   int
}

// actor is the user as one who acts.
func (u User) actor() access.Actor {
	return access.Actor{Kind: access.User, ID: u.ID.String(), Org: u.Org}
}

// A Person is a policyholder.
type Person struct {
	ID          access.PersonID
	Org         access.OrgID
	Name, Email string
	CreatedAt   time.Time
}

const orgColumns = `t.id, t.name, t.kind, t.created_at, t.updated_at, t.version`

func scanOrg(row pgx.CollectableRow) (Org, error) {
	var o Org
	return o, row.Scan(&o.ID, &o.Name, &o.Kind, &o.CreatedAt, &o.UpdatedAt, &o.Version)
}

// orgSQL reads an organisation; crosses orgs: the system reads any, everybody
// else his own by the walls.
const orgSQL = `SELECT ` + orgColumns + ` FROM org t WHERE t.id = $1`

// Org reads the reader's own organisation.
func (r Reader) Org(ctx context.Context, id access.OrgID) (Org, error) {
	return one(ctx, r, scanOrg, orgSQL, id.UUID())
}

// orgsSQL lists all organisations, newest first; crosses orgs: for the system.
const orgsSQL = `SELECT ` + orgColumns + ` FROM org t
	WHERE $1::timestamptz IS NULL OR (t.created_at, t.id) < ($1, $2::uuid) ORDER BY t.created_at DESC, t.id DESC LIMIT $3`

// Orgs lists every organisation; it is the system's.
func (db *DB) Orgs(ctx context.Context, p Page) ([]Org, error) {
	if p.At.IsZero() {
		return many(ctx, db.everywhere(), scanOrg, orgsSQL, nil, nil, p.Limit+1)
	}
	return many(ctx, db.everywhere(), scanOrg, orgsSQL, p.At, p.ID, p.Limit+1)
}

// addOrgSQL adds an organisation; crosses orgs: it is not there yet.
const addOrgSQL = `INSERT INTO org (id, name, kind, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)`

// AddOrg adds an organisation in the current transaction: the one that the
// transaction is of.
func (tx *Tx) AddOrg(ctx context.Context, o Org) error {
	if o.ID != tx.org {
		return fmt.Errorf("organisation %s added as %s", o.ID, tx.org)
	}
	return tx.across(ctx, addOrgSQL, o.ID.UUID(), o.Name, o.Kind, o.CreatedAt)
}

// becomeAppSQL gives the walls back after a statement of the worker's.
const becomeAppSQL = `SET LOCAL ROLE openinsure_app`

// saveOrgSQL renames an organisation; its id is the organisation.
const saveOrgSQL = `UPDATE org t SET name = $2, updated_at = $3, version = version + 1 WHERE t.id = $1 AND t.version = $4`

// SaveOrg saves a changed name; fault.ErrStale when it has changed since.
func (tx *Tx) SaveOrg(ctx context.Context, o Org) error {
	return changed(run(ctx, tx.Reader, saveOrgSQL, o.ID.UUID(), o.Name, o.UpdatedAt, o.Version))
}

// changed is fault.ErrStale when an update by version met no row.
func changed(n int64, err error) error {
	if err == nil && n == 0 {
		return fault.ErrStale
	}
	return err
}

const userColumns = `t.id, t.org_id, t.email, t.name, t.role, t.status, t.created_at, t.updated_at, t.version`

func scanUser(row pgx.CollectableRow) (User, error) {
	var u User
	return u, row.Scan(&u.ID, &u.Org, &u.Email, &u.Name, &u.Role, &u.Status, &u.CreatedAt, &u.UpdatedAt, &u.Version)
}

// userSQL reads one user; a guest is none.
const userSQL = `SELECT ` + userColumns + ` FROM app_user t WHERE t.org_id = $1 AND t.id = $2 AND t.status <> 'guest'`

// User reads a user of the reader's organisation.
func (r Reader) User(ctx context.Context, id access.UserID) (User, error) {
	return one(ctx, r, scanUser, userSQL, r.org.UUID(), id.UUID())
}

// Users lists the users of the reader's organisation that the scope allows.
func (r Reader) Users(ctx context.Context, see access.Scope, p Page) ([]User, error) {
	w := r.where()
	w.scope(see)
	w.and("t.status <> 'guest'")
	return list(ctx, r, scanUser, userColumns, "app_user", "created_at", w, p)
}

// addUserSQL adds a user.
const addUserSQL = `INSERT INTO app_user (id, org_id, email, name, role, status, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`

// AddUser adds a user with the relationship that his role is.
func (tx *Tx) AddUser(ctx context.Context, u User) error {
	if _, err := run(ctx, tx.Reader, addUserSQL, u.ID.UUID(), u.Org.UUID(), u.Email, u.Name, u.Role, u.Status, u.CreatedAt); err != nil {
		return err
	}
	return tx.Relate(ctx, access.OrgObject(u.Org), access.Tuple{Relation: u.Role, SubjectType: "user", SubjectID: u.ID.UUID()})
}

// saveUserSQL saves a user.
const saveUserSQL = `UPDATE app_user t SET name = $3, role = $4, status = $5, updated_at = $6, version = version + 1
	WHERE t.org_id = $1 AND t.id = $2 AND t.version = $7`

// SaveUser saves a user and makes his relationship follow: a stopped user has
// none.
func (tx *Tx) SaveUser(ctx context.Context, u User) error {
	if err := changed(run(ctx, tx.Reader, saveUserSQL, u.Org.UUID(), u.ID.UUID(), u.Name, u.Role, u.Status, u.UpdatedAt, u.Version)); err != nil {
		return err
	}
	tx.accessChanged(u.Org, u.ID.String(), u.UpdatedAt)
	if err := tx.Unrelate(ctx, access.OrgObject(u.Org), "user", u.ID.UUID()); err != nil || u.Status != "active" {
		return err
	}
	return tx.Relate(ctx, access.OrgObject(u.Org), access.Tuple{Relation: u.Role, SubjectType: "user", SubjectID: u.ID.UUID()})
}

// accessChanged makes every node ask again what somebody with a live session
// may hear, within a second of the commit.
func (tx *Tx) accessChanged(org access.OrgID, subject string, at time.Time) {
	e := event.New(org, subject, event.AccessChanged{Subject: subject}, at)
	e.Also, e.Revokes = []event.Channel{event.AccessChannel(org)}, subject
	tx.Emit(e)
}

// addPersonSQL adds a policyholder.
const addPersonSQL = `INSERT INTO person (id, org_id, name, email, created_at) VALUES ($1, $2, $3, $4, $5)`

// AddPerson adds a policyholder.
func (tx *Tx) AddPerson(ctx context.Context, p Person) error {
	_, err := run(ctx, tx.Reader, addPersonSQL, p.ID.UUID(), p.Org.UUID(), p.Name, p.Email, p.CreatedAt)
	return err
}

// holderOfSQL finds the policyholder with an address, or adds him. The update
// changes nothing: it lets the statement see a row that another transaction has
// just added.
const holderOfSQL = `INSERT INTO person AS t (id, org_id, name, email, created_at) VALUES ($2, $1, $3, $4, $5)
	ON CONFLICT (org_id, lower(email)) WHERE email <> '' DO UPDATE SET email = t.email
	RETURNING t.id, t.org_id, t.name, t.email, t.created_at`

// Holder returns the organisation's policyholder with the address of p, or adds
// p when there is none.
func (tx *Tx) Holder(ctx context.Context, p Person) (Person, error) {
	return one(ctx, tx.Reader, pgx.RowToStructByPos[Person], holderOfSQL, tx.org.UUID(), p.ID.UUID(), p.Name, p.Email, p.CreatedAt)
}

// principalSQL finds an active user; crosses orgs: his token is looked at
// before anybody acts.
const principalSQL = `SELECT ` + userColumns + ` FROM app_user t WHERE t.id = $1 AND t.status = 'active'`

// Principal finds an active user of any organisation by the id in his token.
func (db *DB) Principal(ctx context.Context, id access.UserID) (User, error) {
	return one(ctx, db.everywhere(), scanUser, principalSQL, id.UUID())
}

// personaSQL finds the first active user with a role in organisations of a
// kind, or any kind; crosses orgs: for demo sign-in only.
const personaSQL = `SELECT ` + userColumns + ` FROM app_user t WHERE t.role = $1 AND t.status = 'active' ORDER BY t.created_at, t.id LIMIT 1`

// Persona finds the longest-standing active user with a role: the one that the
// demo sign-in acts as.
func (db *DB) Persona(ctx context.Context, role string) (User, error) {
	return one(ctx, db.everywhere(), scanUser, personaSQL, role)
}

// personSQL finds the first policyholder; crosses orgs: for demo sign-in only.
const personSQL = `SELECT t.id, t.org_id, t.name, t.email, t.created_at FROM person t ORDER BY t.created_at, t.id LIMIT 1`

// DemoPerson finds the longest-standing policyholder, for the demo sign-in.
func (db *DB) DemoPerson(ctx context.Context) (Person, error) {
	return one(ctx, db.everywhere(), pgx.RowToStructByPos[Person], personSQL)
}

// holderSQL finds a policyholder; crosses orgs: his token is looked at before
// anybody acts.
const holderSQL = `SELECT t.id, t.org_id, t.name, t.email, t.created_at FROM person t WHERE t.id = $1`

// Holder finds a policyholder of any organisation by the id in his token.
func (db *DB) Holder(ctx context.Context, id access.PersonID) (Person, error) {
	return one(ctx, db.everywhere(), pgx.RowToStructByPos[Person], holderSQL, id.UUID())
}

// anyOrgSQL says whether there is any organisation; crosses orgs: it is asked
// once, at the first start.
const anyOrgSQL = `SELECT EXISTS (SELECT FROM org)`

// Empty reports whether no organisation exists yet.
func (db *DB) Empty(ctx context.Context) (bool, error) {
	some, err := one(ctx, db.everywhere(), pgx.RowTo[bool], anyOrgSQL)
	return !some, err
}
