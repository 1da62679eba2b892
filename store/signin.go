package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
)

// A SignIn is a policyholder's device that is signed in.
type SignIn struct {
	ID         access.SignInID
	Org        access.OrgID
	Person     access.PersonID
	Device     string // what he calls it
	CreatedAt  time.Time
	LastUsedAt time.Time
	ExpiresAt  time.Time
	Phones     []push.DeviceID // that its app registered; they go with it
}

// Why a sign-in ended.
const (
	endRevoked  = "revoked"
	endReused   = "reused"   // one of its refresh tokens came twice
	endReplaced = "replaced" // its person signed in on too many others
)

const signInColumns = `t.id, t.org_id, t.person_id, t.device, t.created_at, t.last_used_at, t.expires_at,
	ARRAY(SELECT d.id FROM device d WHERE d.sign_in_id = t.id AND d.org_id = t.org_id AND d.invalid_at IS NULL ORDER BY d.id)`

// addSignInSQL adds a sign-in.
const addSignInSQL = `INSERT INTO sign_in (id, org_id, person_id, device, family, current, asker, created_at, last_used_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`

// surplusSignInsSQL finds the sign-ins that a person has beyond some: those that
// were not used for longest. Sign-ins that are made at once may go over, until
// the next.
const surplusSignInsSQL = `SELECT t.id FROM sign_in t WHERE t.org_id = $1 AND t.person_id = $2 AND t.ended_at IS NULL
	ORDER BY t.last_used_at DESC, t.id DESC OFFSET $3`

func (tx *Tx) addSignIn(ctx context.Context, s SignIn, token access.RefreshToken, asker []byte) error {
	_, err := run(ctx, tx.Reader, addSignInSQL, s.ID.UUID(), tx.org.UUID(), s.Person.UUID(), s.Device, token.Family(), token.Current(), asker, s.CreatedAt, s.ExpiresAt)
	if err != nil {
		return err
	}
	surplus, err := many(ctx, tx.Reader, pgx.RowTo[access.SignInID], surplusSignInsSQL, tx.org.UUID(), s.Person.UUID(), access.MostSignIns)
	if err != nil {
		return err
	}
	for _, id := range surplus {
		if err := tx.endSignIn(ctx, s.Person, id, endReplaced, s.CreatedAt); err != nil {
			return err
		}
	}
	return nil
}

// SignIns lists the devices on which a person of the reader's organisation is
// signed in at a time.
func (r Reader) SignIns(ctx context.Context, person access.PersonID, at time.Time, p Page) ([]SignIn, error) {
	w := r.where()
	w.and("t.person_id = $? AND t.ended_at IS NULL AND t.expires_at > $?", person.UUID(), at)
	return list(ctx, r, pgx.RowToStructByPos[SignIn], signInColumns, "sign_in", "created_at", w, p)
}

// endSignInSQL ends a sign-in.
const endSignInSQL = `UPDATE sign_in SET ended_at = $4, ended_why = $5 WHERE org_id = $1 AND person_id = $2 AND id = $3 AND ended_at IS NULL AND expires_at > $4`

// dropPhonesSQL forgets the phones of a sign-in; crosses orgs: only the worker
// may write to devices.
const dropPhonesSQL = `DELETE FROM device WHERE org_id = $1 AND sign_in_id = $2`

// EndSignIn signs a person of the transaction's organisation out on a device:
// from the commit on its tokens are good for nothing, and its phone rings no
// more. fault.ErrNotFound when it is not his.
func (tx *Tx) EndSignIn(ctx context.Context, person access.PersonID, id access.SignInID, at time.Time) error {
	return tx.endSignIn(ctx, person, id, endRevoked, at)
}

func (tx *Tx) endSignIn(ctx context.Context, person access.PersonID, id access.SignInID, why string, at time.Time) error {
	n, err := run(ctx, tx.Reader, endSignInSQL, tx.org.UUID(), person.UUID(), id.UUID(), at, why)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.ErrNotFound
	}
	tx.Audit(access.Actor{Kind: access.Insured, ID: person.String()}, audit.Fact{Action: audit.SignedOut, Object: id.String(), Details: audit.Details{"why": why}})
	tx.accessChanged(tx.org, person.String(), at)
	return tx.beyond(ctx, func(b *pgx.Batch) { b.Queue(dropPhonesSQL, tx.org.UUID(), id.UUID()) })
}

// refreshSQL replaces the token of a sign-in by the next, if it is the one that
// is good now; crosses orgs: nobody acts yet.
const refreshSQL = `UPDATE sign_in AS t SET current = $4, last_used_at = $5, expires_at = $6, asker = $7
	WHERE t.id = $1 AND t.family = $2 AND t.current = $3 AND t.ended_at IS NULL AND t.expires_at > $5
	RETURNING ` + signInColumns

// familySQL finds the sign-in that a token was once good for; crosses orgs:
// nobody acts yet.
const familySQL = `SELECT ` + signInColumns + ` FROM sign_in t WHERE t.id = $1 AND t.family = $2 AND t.ended_at IS NULL AND t.expires_at > $3`

// Refresh uses a refresh token up and returns the next. One that was used before
// ends the sign-in, since a thief has it or has had it; access.ErrToken for that
// and any other that is not good. Of two uses at once one succeeds, and the
// other ends the sign-in.
func (db *DB) Refresh(ctx context.Context, token access.RefreshToken, from string, at time.Time) (SignIn, access.RefreshToken, error) {
	next := token.Next()
	var s SignIn
	err := faultOf(pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		var err error
		s, err = one(ctx, Reader{q: tx}, pgx.RowToStructByPos[SignIn], refreshSQL,
			token.SignIn.UUID(), token.Family(), token.Current(), next.Current(), at, at.Add(access.SignInAge), db.askerMac(from))
		if err != nil {
			return err
		}
		by := access.Actor{Kind: access.Insured, ID: s.Person.String(), Org: s.Org}
		return auditIn(ctx, tx, audit.New(by, audit.Fact{Action: audit.Refreshed, Object: s.ID.String()}, at))
	}))
	if err == nil {
		return s, next, nil
	}
	if !errors.Is(err, fault.ErrNotFound) {
		return SignIn{}, access.RefreshToken{}, fmt.Errorf("refresh: %w", err)
	}
	s, err = one(ctx, db.everywhere(), pgx.RowToStructByPos[SignIn], familySQL, token.SignIn.UUID(), token.Family(), at)
	if errors.Is(err, fault.ErrNotFound) {
		return SignIn{}, access.RefreshToken{}, access.ErrToken
	}
	if err != nil {
		return SignIn{}, access.RefreshToken{}, fmt.Errorf("refresh: %w", err)
	}
	by := access.Actor{Kind: access.Insured, ID: s.Person.String(), Org: s.Org}
	err = db.InTx(ctx, by, func(tx *Tx) error { return tx.endSignIn(ctx, s.Person, s.ID, endReused, at) })
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		return SignIn{}, access.RefreshToken{}, fmt.Errorf("end a sign-in whose token came twice: %w", err)
	}
	db.log.WarnContext(ctx, "a refresh token came twice: its sign-in has ended", "signIn", s.ID, "person", s.Person, "org", s.Org)
	return SignIn{}, access.RefreshToken{}, audit.Suspect(access.ErrToken, by, s.ID.String(), "refresh_token_reused")
}

// signedInSQL finds the policyholder of a sign-in that has not ended; crosses
// orgs: his token is looked at before anybody acts.
const signedInSQL = `SELECT t.id, t.org_id, t.name, t.email, t.created_at FROM sign_in s JOIN person t ON t.id = s.person_id
	WHERE s.id = $1 AND s.person_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3`

// SignedIn finds the policyholder whom a token names, if the sign-in that it
// belongs to has not ended.
func (db *DB) SignedIn(ctx context.Context, id access.SignInID, person access.PersonID, at time.Time) (Person, error) {
	return one(ctx, db.everywhere(), pgx.RowToStructByPos[Person], signedInSQL, id.UUID(), person.UUID(), at)
}

// dropIdlePhonesSQL forgets the phones of sign-ins that have expired; crosses
// orgs: age is all that counts.
const dropIdlePhonesSQL = `DELETE FROM device WHERE id IN (SELECT d.id FROM device d JOIN sign_in s ON s.id = d.sign_in_id WHERE s.expires_at < $1 LIMIT 5000)`

// sweepSignInsSQL forgets sign-ins that have expired; crosses orgs: age is all
// that counts.
const sweepSignInsSQL = `DELETE FROM sign_in WHERE id IN (SELECT id FROM sign_in WHERE expires_at < $1 LIMIT 5000)`
