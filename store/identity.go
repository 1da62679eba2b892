package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
)

// Faults of somebody who is signed in elsewhere.
var (
	ErrIdentityUnknown      = fault.New(fault.Forbidden, "identity_unknown", "Nobody here has the verified e-mail address of this session.")
	ErrIdentityOrganization = fault.New(fault.Forbidden, "identity_organization", "The session is for another organization than the one that this user belongs to here.")
)

// An Identity is who somebody is on another server.
type Identity struct {
	Provider     string
	Subject      string
	Email        string
	Verified     bool   // whether the server knows that the address is his
	Organization string // the one he works for there; empty: it names none
}

// identitySQL finds the user whom an identity was linked to, and keeps the link as
// it is meanwhile; crosses orgs: nobody acts yet.
const identitySQL = `SELECT ` + userColumns + `, x.organization FROM external_identity x JOIN app_user t ON t.id = x.user_id
	WHERE x.provider = $1 AND x.subject = $2 FOR UPDATE OF x`

// usedIdentitySQL notes the use of a link; crosses orgs: see identitySQL.
const usedIdentitySQL = `UPDATE external_identity SET last_used_at = $3, organization = CASE WHEN organization = '' THEN $4 ELSE organization END
	WHERE provider = $1 AND subject = $2`

// byAddressSQL finds the active user with an address; crosses orgs: see
// identitySQL.
const byAddressSQL = `SELECT ` + userColumns + ` FROM app_user t WHERE lower(t.email) = lower($1) AND t.status = 'active'`

// linkIdentitySQL links an identity to a user; crosses orgs: see identitySQL.
const linkIdentitySQL = `INSERT INTO external_identity (provider, subject, org_id, user_id, organization, created_at, last_used_at)
	VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING`

type identified struct {
	user         User
	organization string
}

func scanIdentified(row pgx.CollectableRow) (identified, error) {
	var l identified
	u := &l.user
	return l, row.Scan(&u.ID, &u.Org, &u.Email, &u.Name, &u.Role, &u.Status, &u.CreatedAt, &u.UpdatedAt, &u.Version, &l.organization)
}

// Identify returns the active user who an identity is. The first time it is the
// one with its verified address, and stays he whatever becomes of the address.
// ErrIdentityUnknown when there is none.
func (db *DB) Identify(ctx context.Context, i Identity, at time.Time) (User, error) {
	var who User
	err := pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		var linked bool
		var err error
		if who, linked, err = identify(ctx, Reader{q: tx}, i, at); err != nil {
			return err
		}
		return exchanged(ctx, tx, who, linked, at)
	})
	if err != nil {
		return User{}, fmt.Errorf("identify: %w", faultOf(err))
	}
	return who, nil
}

// identify finds who an identity is, and links it the first time.
func identify(ctx context.Context, r Reader, i Identity, at time.Time) (who User, linked bool, err error) {
	ls, err := many(ctx, r, scanIdentified, identitySQL, i.Provider, i.Subject)
	if err != nil {
		return User{}, false, err
	}
	if len(ls) == 0 {
		who, err = linkIdentity(ctx, r, i, at)
		return who, true, err
	}
	who = ls[0].user
	switch known := ls[0].organization; {
	case who.Status != "active":
		return User{}, false, audit.Suspect(ErrIdentityUnknown, who.actor(), "", "stopped")
	case known != "" && i.Organization != "" && i.Organization != known:
		return User{}, false, audit.Suspect(ErrIdentityOrganization, who.actor(), "", ErrIdentityOrganization.Code())
	}
	_, err = run(ctx, r, usedIdentitySQL, i.Provider, i.Subject, at, i.Organization)
	return who, false, err
}

// exchanged keeps in the audit log that somebody signed in by another server, and
// whether it was for the first time.
func exchanged(ctx context.Context, tx pgx.Tx, u User, linked bool, at time.Time) error {
	by := u.actor()
	return auditIn(ctx, tx, audit.New(by, audit.Fact{Action: audit.SignIn, Object: by.ID, Details: audit.Details{"by": "session_exchange", "linked": linked}}, at))
}

func linkIdentity(ctx context.Context, r Reader, i Identity, at time.Time) (User, error) {
	if !i.Verified || i.Email == "" {
		return User{}, ErrIdentityUnknown
	}
	u, err := one(ctx, r, scanUser, byAddressSQL, i.Email)
	if errors.Is(err, fault.ErrNotFound) {
		return User{}, ErrIdentityUnknown
	}
	if err != nil {
		return User{}, err
	}
	_, err = run(ctx, r, linkIdentitySQL, i.Provider, i.Subject, u.Org.UUID(), u.ID.UUID(), i.Organization, at)
	return u, err
}
