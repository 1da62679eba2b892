package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
)

// A UserSignIn is a browser in which a user is signed in.
type UserSignIn struct {
	ID                   access.SignInID
	Org                  access.OrgID
	User                 access.UserID
	CreatedAt, ExpiresAt time.Time
}

const userSignInColumns = `t.id, t.org_id, t.user_id, t.created_at, t.expires_at`

// UseAttempt uses an attempt to sign in up; access.ErrSignIn when it was used
// before, on any node. Of two uses at once one succeeds.
func (db *DB) UseAttempt(ctx context.Context, a access.Attempt) error {
	n, err := run(ctx, db.everywhere(), useTicketSQL, a.ID.UUID(), a.Expires)
	if err == nil && n == 0 {
		err = access.ErrSignIn
	}
	return err
}

// addUserSignInSQL adds a sign-in; crosses orgs: nobody acts yet.
const addUserSignInSQL = `INSERT INTO user_sign_in (id, org_id, user_id, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`

// dropUserSignInSQL ends what the same browser had before; crosses orgs: it may
// have been somebody else's.
const dropUserSignInSQL = `DELETE FROM user_sign_in WHERE hash = $1`

// surplusUserSignInsSQL ends the oldest sign-ins of a user beyond some; crosses
// orgs: nobody acts yet.
const surplusUserSignInsSQL = `DELETE FROM user_sign_in WHERE id IN (SELECT id FROM user_sign_in WHERE user_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2)`

// SignInUser signs the user who an identity is, if allow has nothing against
// him, in a browser that will show secret and has shown before, and keeps that
// in the audit log. All or nothing.
func (db *DB) SignInUser(ctx context.Context, i Identity, allow func(User) error, secret, before string, at time.Time) (User, UserSignIn, error) {
	var who User
	var s UserSignIn
	err := pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		var err error
		if who, _, err = identify(ctx, Reader{q: tx}, i, at); err != nil {
			return err
		}
		if err := allow(who); err != nil {
			return err
		}
		s = UserSignIn{ID: access.NewSignInID(at), Org: who.Org, User: who.ID, CreatedAt: at, ExpiresAt: at.Add(access.BrowserAge)}
		by := access.Actor{Kind: access.User, ID: who.ID.String(), Org: who.Org}
		rows := []audit.Row{audit.New(by, audit.Fact{Action: audit.SignIn, Object: by.ID, Details: audit.Details{"by": "oidc", "session": s.ID.String()}}, at)}
		of(ctx, rows)
		b := &pgx.Batch{}
		b.Queue(dropUserSignInSQL, access.HashBrowserSecret(before))
		b.Queue(addUserSignInSQL, s.ID.UUID(), s.Org.UUID(), s.User.UUID(), access.HashBrowserSecret(secret), at, s.ExpiresAt)
		b.Queue(surplusUserSignInsSQL, s.User.UUID(), access.MostUserSignIns)
		if err := queueAudit(b, rows); err != nil {
			return err
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return User{}, UserSignIn{}, fmt.Errorf("sign a user in: %w", faultOf(err))
	}
	return who, s, nil
}

// browserSQL finds the active user of a browser; crosses orgs: nobody acts yet.
const browserSQL = `SELECT ` + userSignInColumns + `, u.role FROM user_sign_in t JOIN app_user u ON u.id = t.user_id
	WHERE t.hash = $1 AND t.expires_at > $2 AND u.status = 'active'`

// Browser finds whom a browser that shows a secret acts as; fault.ErrNotFound
// when he is not signed in, or not any more.
func (db *DB) Browser(ctx context.Context, secret string, at time.Time) (access.Actor, error) {
	return one(ctx, db.everywhere(), func(row pgx.CollectableRow) (access.Actor, error) {
		var s UserSignIn
		var role string
		err := row.Scan(&s.ID, &s.Org, &s.User, &s.CreatedAt, &s.ExpiresAt, &role)
		return access.Actor{Kind: access.User, ID: s.User.String(), Org: s.Org, Role: role, SignIn: s.ID, Until: s.ExpiresAt}, err
	}, browserSQL, access.HashBrowserSecret(secret), at)
}

// signedInUserSQL finds the active user of a sign-in; crosses orgs: his token is
// looked at before anybody acts.
const signedInUserSQL = `SELECT ` + userColumns + ` FROM user_sign_in s JOIN app_user t ON t.id = s.user_id
	WHERE s.id = $1 AND s.user_id = $2 AND s.expires_at > $3 AND t.status = 'active'`

// SignedInUser finds the user whom a token names, if the sign-in that it belongs
// to has not ended.
func (db *DB) SignedInUser(ctx context.Context, id access.SignInID, user access.UserID, at time.Time) (User, error) {
	return one(ctx, db.everywhere(), scanUser, signedInUserSQL, id.UUID(), user.UUID(), at)
}

// UserSignIns lists the browsers in which a user of the reader's organisation is
// signed in at a time.
func (r Reader) UserSignIns(ctx context.Context, user access.UserID, at time.Time, p Page) ([]UserSignIn, error) {
	w := r.where()
	w.and("t.user_id = $? AND t.expires_at > $?", user.UUID(), at)
	return list(ctx, r, pgx.RowToStructByPos[UserSignIn], userSignInColumns, "user_sign_in", "created_at", w, p)
}

// endUserSignInSQL ends a sign-in.
const endUserSignInSQL = `DELETE FROM user_sign_in WHERE org_id = $1 AND user_id = $2 AND id = $3`

// EndUserSignIn signs a user of the transaction's organisation out in a browser:
// from the commit on its cookie and tokens are good for nothing.
// fault.ErrNotFound when it is not his.
func (tx *Tx) EndUserSignIn(ctx context.Context, by access.Actor, id access.SignInID, at time.Time) error {
	var user access.UserID
	if err := user.UnmarshalText([]byte(by.ID)); err != nil {
		return fault.ErrNotFound
	}
	n, err := run(ctx, tx.Reader, endUserSignInSQL, tx.org.UUID(), user.UUID(), id.UUID())
	if err == nil && n == 0 {
		err = fault.ErrNotFound
	}
	if err != nil {
		return err
	}
	tx.Audit(by, audit.Fact{Action: audit.SignedOut, Object: by.ID, Details: audit.Details{"session": id.String(), "why": "revoked"}})
	tx.accessChanged(tx.org, by.ID, at)
	return nil
}

// sweepUserSignInsSQL forgets sign-ins that have expired; crosses orgs: age is
// all that counts.
const sweepUserSignInsSQL = `DELETE FROM user_sign_in WHERE id IN (SELECT id FROM user_sign_in WHERE expires_at < $1 LIMIT 5000)`
