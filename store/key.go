package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
)

// Faults of a key that is to be replaced.
var (
	ErrKeyExpired  = fault.New(fault.Refused, "key_expired", "The key has expired: create another.")
	ErrKeyReplaced = fault.New(fault.Refused, "key_replaced", "The key was replaced already; rotate the one that replaced it.")
)

// A Key is an API key without its secret, of which only the hash is kept.
type Key struct {
	ID         access.KeyID
	Org        access.OrgID
	Name       string
	Prefix     string // the first characters, for people to recognise it
	Scopes     []string
	Tier       string // standard or enterprise
	CreatedBy  string
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil: never
	LastUsedAt *time.Time // to the minute
	RevokedAt  *time.Time
	ReplacedBy access.KeyID // zero: by none; else it is good until ExpiresAt
}

const keyColumns = `t.id, t.org_id, t.name, t.prefix, t.scopes, t.tier, t.created_by, t.created_at, t.expires_at, t.last_used_at, t.revoked_at, t.replaced_by`

func scanKey(row pgx.CollectableRow) (Key, error) {
	var k Key
	return k, row.Scan(&k.ID, &k.Org, &k.Name, &k.Prefix, &k.Scopes, &k.Tier, &k.CreatedBy, &k.CreatedAt, &k.ExpiresAt, &k.LastUsedAt, &k.RevokedAt, &k.ReplacedBy)
}

// addKeySQL adds an API key.
const addKeySQL = `INSERT INTO api_key (id, org_id, name, prefix, hash, scopes, tier, created_by, created_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// AddKey adds an API key with the relationship that makes it act for its
// organisation.
func (tx *Tx) AddKey(ctx context.Context, k Key, secret string) error {
	hash := sha256.Sum256([]byte(secret))
	if _, err := run(ctx, tx.Reader, addKeySQL, k.ID.UUID(), k.Org.UUID(), k.Name, k.Prefix, hash[:], k.Scopes, k.Tier, k.CreatedBy, k.CreatedAt, k.ExpiresAt); err != nil {
		return err
	}
	return tx.Relate(ctx, access.OrgObject(k.Org), access.Tuple{Relation: access.Integration, SubjectType: "key", SubjectID: k.ID.UUID()})
}

// keySQL reads a key.
const keySQL = `SELECT ` + keyColumns + ` FROM api_key t WHERE t.org_id = $1 AND t.id = $2 AND t.revoked_at IS NULL`

// Key reads a live key of the reader's organisation.
func (r Reader) Key(ctx context.Context, id access.KeyID) (Key, error) {
	return one(ctx, r, scanKey, keySQL, r.org.UUID(), id.UUID())
}

// Keys lists what the scope allows of the keys that were not revoked: of those
// that were replaced, the ones that are still good at a time.
func (r Reader) Keys(ctx context.Context, see access.Scope, at time.Time, p Page) ([]Key, error) {
	w := r.where()
	w.scope(see)
	w.and("t.revoked_at IS NULL AND (t.replaced_by IS NULL OR t.expires_at > $?)", at)
	return list(ctx, r, scanKey, keyColumns, "api_key", "created_at", w, p)
}

// revokeKeySQL ends a key.
const revokeKeySQL = `UPDATE api_key SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL`

// RevokeKey ends a key at once; fault.ErrNotFound when there is none.
func (tx *Tx) RevokeKey(ctx context.Context, id access.KeyID, at time.Time) error {
	n, err := run(ctx, tx.Reader, revokeKeySQL, tx.org.UUID(), id.UUID(), at)
	if err == nil && n == 0 {
		_, err = tx.Key(ctx, id)
	}
	if err != nil {
		return err
	}
	tx.accessChanged(tx.org, id.String(), at)
	return tx.Unrelate(ctx, access.OrgObject(tx.org), "key", id.UUID())
}

// lockKeySQL is keySQL, and locks it.
const lockKeySQL = keySQL + ` FOR NO KEY UPDATE OF t`

// replaceKeySQL notes what replaces a key, and how long it is good yet.
const replaceKeySQL = `UPDATE api_key SET replaced_by = $3, expires_at = $4 WHERE org_id = $1 AND id = $2`

// ReplaceKey adds a key with a new secret that may do what an old one may, which
// is good until a time, at most: ErrKeyReplaced and ErrKeyExpired when there is
// nothing to replace. It returns the new one, of which only ID, Prefix,
// CreatedBy and CreatedAt have to be given.
func (tx *Tx) ReplaceKey(ctx context.Context, old access.KeyID, k Key, secret string, until time.Time) (Key, error) {
	was, err := one(ctx, tx.Reader, scanKey, lockKeySQL, tx.org.UUID(), old.UUID())
	if err != nil {
		return Key{}, err
	}
	switch {
	case was.ExpiresAt != nil && !was.ExpiresAt.After(k.CreatedAt):
		return Key{}, ErrKeyExpired
	case !was.ReplacedBy.IsZero():
		return Key{}, ErrKeyReplaced.With("replacedBy", was.ReplacedBy.String())
	}
	k.Org, k.Name, k.Scopes, k.Tier, k.ExpiresAt = tx.org, was.Name, was.Scopes, was.Tier, was.ExpiresAt
	if err := tx.AddKey(ctx, k, secret); err != nil {
		return Key{}, err
	}
	if was.ExpiresAt != nil && was.ExpiresAt.Before(until) {
		until = *was.ExpiresAt
	}
	if _, err := run(ctx, tx.Reader, replaceKeySQL, tx.org.UUID(), old.UUID(), k.ID.UUID(), until); err != nil {
		return Key{}, err
	}
	if !until.After(k.CreatedAt) {
		err = tx.RevokeKey(ctx, old, k.CreatedAt)
	}
	return k, err
}

// endedKeysSQL finds keys that were replaced and are good no more; crosses orgs:
// a node ends those of all.
const endedKeysSQL = `SELECT t.id, t.org_id FROM api_key t WHERE t.replaced_by IS NOT NULL AND t.revoked_at IS NULL AND t.expires_at <= $1 ORDER BY t.expires_at LIMIT 100`

// EndKeys revokes the keys that were replaced and whose time is over, so that
// connections which they opened before end too. It returns how many.
func (db *DB) EndKeys(ctx context.Context, at time.Time) (int, error) {
	type ended struct {
		ID  access.KeyID
		Org access.OrgID
	}
	over, err := many(ctx, db.everywhere(), pgx.RowToStructByPos[ended], endedKeysSQL, at)
	if err != nil {
		return 0, fmt.Errorf("end keys: %w", err)
	}
	for n, k := range over {
		by := access.Actor{Kind: access.System, ID: "system", Org: k.Org}
		err := db.InTx(ctx, by, func(tx *Tx) error {
			tx.Audit(by, audit.Fact{Action: audit.KeyRevoked, Object: k.ID.String(), Details: audit.Details{"why": "replaced"}})
			return tx.RevokeKey(ctx, k.ID, at)
		})
		if err != nil && !errors.Is(err, fault.ErrNotFound) { // another node was faster
			return n, fmt.Errorf("end key %s: %w", k.ID, err)
		}
	}
	return len(over), nil
}

// useKeySQL finds a live key by its hash; crosses orgs: nobody acts yet.
const useKeySQL = `SELECT ` + keyColumns + ` FROM api_key t
	WHERE t.hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)`

// deadKeySQL finds a key that is good no more; crosses orgs: nobody acts.
const deadKeySQL = `SELECT ` + keyColumns + ` FROM api_key t WHERE t.hash = $1`

// DeadKey finds a key of any organisation with a secret that UseKey refused: one
// that was revoked or has expired. fault.ErrNotFound when it never was one.
func (db *DB) DeadKey(ctx context.Context, secret string) (Key, error) {
	hash := sha256.Sum256([]byte(secret))
	return one(ctx, db.everywhere(), scanKey, deadKeySQL, hash[:])
}

// touchKeySQL notes the use of a key, at most once a minute; crosses orgs:
// nobody acts yet.
const touchKeySQL = `UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '1 minute')`

// UseKey finds the live key with a secret, in any organisation.
func (db *DB) UseKey(ctx context.Context, secret string, at time.Time) (Key, error) {
	hash := sha256.Sum256([]byte(secret))
	k, err := one(ctx, db.everywhere(), scanKey, useKeySQL, hash[:], at)
	if err != nil {
		return Key{}, err
	}
	if k.LastUsedAt == nil || at.Sub(*k.LastUsedAt) >= time.Minute {
		if _, err := run(ctx, db.everywhere(), touchKeySQL, k.ID.UUID(), at); err != nil {
			return Key{}, err
		}
	}
	return k, nil
}
