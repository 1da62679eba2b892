package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// IdempotencyAge is how long a recorded answer is replayed.
const IdempotencyAge = 24 * time.Hour

// Faults of a repeated request.
var (
	ErrInFlight  = fault.New(fault.Conflict, "idempotency_in_flight", "A request with this Idempotency-Key is still being worked on.").Retry(time.Second)
	ErrKeyReused = fault.New(fault.Refused, "idempotency_key_reused", "This Idempotency-Key was used for another request.").Field("Idempotency-Key", "unique")
)

// A Once names a request that is to be carried out once.
type Once struct {
	Principal   string // the user or key, not its token
	Route       string
	Key         string
	Fingerprint [32]byte // of the request
}

// An Answer is what a request was answered.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body"`

	// Rollback says that the change did not happen, yet the answer is final and
	// is to be repeated.
	Rollback bool `json:"-"`
}

// lockOnceSQL takes the key for this transaction, or says that another has it.
// It needs no clean-up: the lock goes with its transaction, however that ends.
const lockOnceSQL = `SELECT pg_try_advisory_xact_lock($1)`

// answerSQL finds the answer given within the last 24 hours.
const answerSQL = `SELECT fingerprint, answer FROM idempotency
	WHERE org_id = $1 AND principal = $2 AND route = $3 AND key = $4 AND created_at > $5`

// saveAnswerSQL records the answer, over one that is older than 24 hours.
const saveAnswerSQL = `INSERT INTO idempotency (org_id, principal, route, key, fingerprint, status, answer, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (org_id, principal, route, key) DO UPDATE
	SET fingerprint = excluded.fingerprint, status = excluded.status, answer = excluded.answer, created_at = excluded.created_at`

// Once runs do in a transaction that every InTx, and every read, under the
// context given to do joins, and records its answer in that same transaction. When the request was
// answered before, do does not run and the answer is returned with true. An
// error from do undoes everything and records nothing.
func (db *DB) Once(ctx context.Context, by access.Actor, o Once, do func(context.Context) (Answer, error)) (Answer, bool, error) {
	var free bool
	var fingerprint, sealed []byte
	now := db.now()
	label := o.label(by.Org)
	tx, err := db.begin(ctx, by.Org, func(b *pgx.Batch) {
		b.Queue(lockOnceSQL, lockNumber(label)).QueryRow(func(row pgx.Row) error { return row.Scan(&free) })
		b.Queue(answerSQL, by.Org.UUID(), o.Principal, o.Route, o.Key, now.Add(-IdempotencyAge)).QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&fingerprint, &sealed); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
		b.Queue("SAVEPOINT once")
	})
	if err != nil {
		return Answer{}, false, err
	}
	defer tx.pipe.conn.Release()
	defer tx.undo(ctx)
	if sealed != nil {
		if !bytes.Equal(fingerprint, o.Fingerprint[:]) {
			return Answer{}, false, ErrKeyReused
		}
		a, err := db.openAnswer(sealed, label)
		return a, err == nil, err
	}
	if !free {
		return Answer{}, false, ErrInFlight
	}
	a, err := do(joined(ctx, tx))
	if err != nil {
		return Answer{}, false, err
	}
	if a.Rollback {
		tx.events, tx.audits = nil, nil
		tx.pipe.drop()
		if _, err := tx.pipe.conn.Exec(ctx, "ROLLBACK TO once"); err != nil {
			return Answer{}, false, faultOf(err)
		}
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return Answer{}, false, fmt.Errorf("record answer: %w", err)
	}
	tx.last = func(b *pgx.Batch) {
		b.Queue(saveAnswerSQL, by.Org.UUID(), o.Principal, o.Route, o.Key, o.Fingerprint[:], a.Status, db.seal.Seal(plain, label), now)
	}
	return a, false, tx.commit(ctx)
}

func (db *DB) openAnswer(sealed []byte, label string) (Answer, error) {
	plain, err := db.open(sealed, label)
	if err != nil {
		return Answer{}, fmt.Errorf("recorded answer: %w", err)
	}
	var a Answer
	if err := json.Unmarshal(plain, &a); err != nil {
		return Answer{}, fmt.Errorf("recorded answer: %w", err)
	}
	return a, nil
}

func (o Once) label(org access.OrgID) string {
	return fmt.Sprintf("%s %q %q %q", org, o.Principal, o.Route, o.Key)
}

// lockNumber folds a label into the space of advisory locks. Two labels on one
// number only make one of the requests wait and retry.
func lockNumber(label string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(label))
	return int64(binary.BigEndian.Uint64(h.Sum(nil))) //nolint:gosec // the bits of a hash, whatever the sign
}
