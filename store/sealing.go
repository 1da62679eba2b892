package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/seal"
)

// learnWithin is how long a server may take to look for a key that it does not
// know.
const learnWithin = 5 * time.Second

// A SealingKey is a key that came by rotation, sealed under one before it, for
// servers that were started without it.
type SealingKey struct {
	Name, By string
	sealed   []byte
}

// sealingKeysSQL reads the keys that came by rotation; crosses orgs: they are
// nobody's.
const sealingKeysSQL = `SELECT t.name, t.sealed_by, t.key FROM sealing_key t ORDER BY t.created_at, t.name`

// addSealingKeySQL adds a key; crosses orgs: it is nobody's.
const addSealingKeySQL = `INSERT INTO sealing_key (name, sealed_by, key, created_at) VALUES ($1, $2, $3, $4)`

// dropSealingKeySQL forgets a key, and those that were kept under it; crosses
// orgs: they are nobody's.
const dropSealingKeySQL = `DELETE FROM sealing_key t WHERE t.name = $1 OR t.sealed_by = $1`

// SealingKeys lists the keys that came by rotation and are not settled yet.
func (db *DB) SealingKeys(ctx context.Context) ([]SealingKey, error) {
	return many(ctx, db.everywhere(), scanSealingKey, sealingKeysSQL)
}

func scanSealingKey(row pgx.CollectableRow) (SealingKey, error) {
	var k SealingKey
	return k, row.Scan(&k.Name, &k.By, &k.sealed)
}

func sealingLabel(name string) string { return "sealing key " + name }

// AddSealingKey lets every server that knows the ring's first key learn another,
// given in the form that seal.ParseRing reads.
func (db *DB) AddSealingKey(ctx context.Context, name, key string) error {
	by, at := db.seal.First(), db.now()
	return db.platform(ctx, audit.Fact{Action: audit.KeysRotated, Details: audit.Details{"key": name, "before": by}}, addSealingKeySQL,
		name, by, db.seal.Seal([]byte(key), sealingLabel(name)), at)
}

// DropSealingKey forgets a key, and those that were kept under it.
func (db *DB) DropSealingKey(ctx context.Context, name string) error {
	return db.platform(ctx, audit.Fact{Action: audit.KeysDropped, Details: audit.Details{"key": name}}, dropSealingKeySQL, name)
}

// itself is who acts when the operator does, at the command line.
var itself = access.Actor{Kind: access.System, ID: "system"}

// platform runs a statement that is about the platform itself, and keeps it in
// the platform's audit log.
func (db *DB) platform(ctx context.Context, f audit.Fact, sql string, args ...any) error {
	b := &pgx.Batch{}
	b.Queue(sql, args...)
	if err := queueAudit(b, []audit.Row{audit.New(itself, f, db.now())}); err != nil {
		return err
	}
	return faultOf(db.worker.SendBatch(ctx, b).Close()) // a batch is a transaction
}

// OpenSealingKey returns a key in the form that seal.ParseRing reads.
func (db *DB) OpenSealingKey(k SealingKey) (string, error) {
	plain, err := db.open(k.sealed, sealingLabel(k.Name))
	if err != nil {
		return "", fmt.Errorf("sealing key %q: %w", k.Name, err)
	}
	return string(plain), nil
}

// open opens sealed bytes, also those of a key that came by rotation since this
// server was started.
func (db *DB) open(sealed []byte, label string) ([]byte, error) {
	plain, err := db.seal.Open(sealed, label)
	if !errors.Is(err, seal.ErrKey) {
		return plain, err
	}
	if err := db.learnKeys(); err != nil {
		return nil, err
	}
	return db.seal.Open(sealed, label)
}

// learnKeys adds to the ring what was added to the database. Keys may be under
// keys that are themselves learned. It takes a connection of a pool that nobody
// holds while he waits for it.
func (db *DB) learnKeys() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), learnWithin, errors.New("look for sealing keys"))
	defer cancel()
	keys, err := many(ctx, Reader{q: plain{db.live}}, scanSealingKey, sealingKeysSQL)
	if err != nil {
		return fmt.Errorf("look for sealing keys: %w", err)
	}
	for learned := true; learned; {
		learned = false
		for _, k := range keys {
			if db.seal.Has(k.Name) || !db.seal.Has(k.By) {
				continue
			}
			text, err := db.seal.Open(k.sealed, sealingLabel(k.Name))
			if err != nil {
				return fmt.Errorf("sealing key %q: %w", k.Name, err)
			}
			if err := db.seal.Learn(string(text)); err != nil {
				return fmt.Errorf("sealing key %q: %w", k.Name, err)
			}
			learned = true
		}
	}
	return nil
}
