package store

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
)

// addLoginLinkSQL adds a link.
const addLoginLinkSQL = `INSERT INTO login_link (hash, org_id, user_id, expires_at) VALUES ($1, $2, $3, $4)`

// AddLoginLink lets the holder of a code sign in once as a user.
func (tx *Tx) AddLoginLink(ctx context.Context, code string, user access.UserID, until time.Time) error {
	hash := sha256.Sum256([]byte(code))
	_, err := run(ctx, tx.Reader, addLoginLinkSQL, hash[:], tx.org.UUID(), user.UUID(), until)
	return err
}

// useLoginLinkSQL uses a link up; crosses orgs: nobody acts yet.
const useLoginLinkSQL = `WITH used AS (
		UPDATE login_link SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING user_id
	)
	SELECT ` + userColumns + ` FROM used JOIN app_user t ON t.id = used.user_id WHERE t.status = 'active'`

// UseLoginLink uses a code up, keeps that in the audit log, and returns whom it
// signs in; fault.ErrNotFound for one that is unknown, used or expired. Of two
// uses at once one succeeds.
func (db *DB) UseLoginLink(ctx context.Context, code string, at time.Time) (User, error) {
	hash := sha256.Sum256([]byte(code))
	var u User
	err := pgx.BeginFunc(ctx, db.worker, func(conn pgx.Tx) error {
		var err error
		if u, err = one(ctx, Reader{q: conn}, scanUser, useLoginLinkSQL, hash[:], at); err != nil {
			return err
		}
		by := u.actor()
		return auditIn(ctx, conn, audit.New(by, audit.Fact{Action: audit.SignIn, Object: by.ID, Details: audit.Details{"by": "login_link"}}, at))
	})
	return u, faultOf(err)
}
