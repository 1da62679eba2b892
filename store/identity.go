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
		r := Reader{q: tx}
		ls, err := many(ctx, r, scanIdentified, identitySQL, i.Provider, i.Subject)
		if err != nil {
			return err
		}
		if len(ls) == 0 {
			if who, err = linkIdentity(ctx, r, i, at); err != nil {
				return err
			}
			return exchanged(ctx, tx, who, true, at)
		}
		who = ls[0].user
		switch known := ls[0].organization; {
		case who.Status != "active":
			return audit.Suspect(ErrIdentityUnknown, who.actor(), "", "stopped")
		case known != "" && i.Organization != "" && i.Organization != known:
			return audit.Suspect(ErrIdentityOrganization, who.actor(), "", ErrIdentityOrganization.Code())
		}
		if _, err = run(ctx, r, usedIdentitySQL, i.Provider, i.Subject, at, i.Organization); err != nil {
			return err
		}
		return exchanged(ctx, tx, who, false, at)
	})
	if err != nil {
		return User{}, fmt.Errorf("identify: %w", faultOf(err))
	}
	return who, nil
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
