package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/push"
)

// resealBatch is how many rows one statement seals anew, and resealTries how
// often it is tried when it met others' locks.
const (
	resealBatch = 200
	resealTries = 5
)

// A sealedColumn is a column that holds what Ring.Seal made. Every one must be
// here: what is not would be lost with the key that sealed it.
type sealedColumn struct {
	name  string // table.column
	by    string // the function of this package that seals it
	count string // the statement that counts its rows by the names of their keys
	read  string // that reads rows of other keys than $1 is the prefix of, after a row: $3 and so on
	write string // that changes them, unless somebody else has: keys of rows, then old and new bytes
	first []any  // before every row
	scan  func(pgx.CollectableRow) (sealedRow, error)
}

// A sealedRow is one row of a sealed column.
type sealedRow struct {
	key    []any // that finds it
	label  string
	sealed []byte
}

// countSecretsSQL counts the secrets of endpoints by key; crosses orgs: a key
// seals those of all.
const countSecretsSQL = `SELECT CASE WHEN length(t.secret) > 0 THEN encode(substring(t.secret FROM 2 FOR get_byte(t.secret, 0)), 'escape') ELSE '' END, count(*)
	FROM endpoint t GROUP BY 1`

// readSecretsSQL reads secrets of endpoints that other keys sealed; crosses
// orgs: a key seals those of all.
//
//nolint:gosec // a statement
const readSecretsSQL = `SELECT t.id, t.org_id, t.secret FROM endpoint t
	WHERE t.id > $3::uuid AND substring(t.secret FROM 1 FOR length($1::bytea)) <> $1 ORDER BY t.id LIMIT $2`

// writeSecretsSQL seals secrets of endpoints anew; crosses orgs: a key seals
// those of all.
const writeSecretsSQL = `UPDATE endpoint t SET secret = u.fresh FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS u(id, old, fresh)
	WHERE t.id = u.id AND t.secret = u.old`

// countAddressesSQL counts the addresses of devices by key; crosses orgs: a key
// seals those of all.
const countAddressesSQL = `SELECT CASE WHEN length(t.address) > 0 THEN encode(substring(t.address FROM 2 FOR get_byte(t.address, 0)), 'escape') ELSE '' END, count(*)
	FROM device t GROUP BY 1`

// readAddressesSQL reads addresses of devices that other keys sealed; crosses
// orgs: a key seals those of all.
const readAddressesSQL = `SELECT t.id, t.org_id, t.subject, t.address FROM device t
	WHERE t.id > $3::uuid AND substring(t.address FROM 1 FOR length($1::bytea)) <> $1 ORDER BY t.id LIMIT $2`

// writeAddressesSQL seals addresses of devices anew; crosses orgs: a key seals
// those of all.
const writeAddressesSQL = `UPDATE device t SET address = u.fresh FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS u(id, old, fresh)
	WHERE t.id = u.id AND t.address = u.old`

// countAnswersSQL counts recorded answers by key; crosses orgs: a key seals
// those of all.
const countAnswersSQL = `SELECT CASE WHEN length(t.answer) > 0 THEN encode(substring(t.answer FROM 2 FOR get_byte(t.answer, 0)), 'escape') ELSE '' END, count(*)
	FROM idempotency t GROUP BY 1`

// readAnswersSQL reads recorded answers that other keys sealed; crosses orgs: a
// key seals those of all.
const readAnswersSQL = `SELECT t.org_id, t.principal, t.route, t.key, t.answer FROM idempotency t
	WHERE (t.org_id, t.principal, t.route, t.key) > ($3::uuid, $4::text, $5::text, $6::text)
		AND substring(t.answer FROM 1 FOR length($1::bytea)) <> $1
	ORDER BY t.org_id, t.principal, t.route, t.key LIMIT $2`

// writeAnswersSQL seals recorded answers anew; crosses orgs: a key seals those
// of all.
const writeAnswersSQL = `UPDATE idempotency t SET answer = u.fresh
	FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[]) AS u(org_id, principal, route, key, old, fresh)
	WHERE t.org_id = u.org_id AND t.principal = u.principal AND t.route = u.route AND t.key = u.key AND t.answer = u.old`

// countLettersSQL counts mails that lie sealed by key; crosses orgs: a key seals
// those of all.
const countLettersSQL = `SELECT CASE WHEN length(t.payload) > 0 THEN encode(substring(t.payload FROM 2 FOR get_byte(t.payload, 0)), 'escape') ELSE '' END, count(*)
	FROM delivery t WHERE t.kind = 'mail' AND t.payload IS NOT NULL GROUP BY 1`

// readLettersSQL reads mails that other keys sealed; crosses orgs: a key seals
// those of all.
const readLettersSQL = `SELECT t.id, t.event_id, t.payload FROM delivery t
	WHERE t.kind = 'mail' AND t.payload IS NOT NULL AND t.id > $3::uuid AND substring(t.payload FROM 1 FOR length($1::bytea)) <> $1 ORDER BY t.id LIMIT $2`

// writeLettersSQL seals mails anew; crosses orgs: a key seals those of all.
const writeLettersSQL = `UPDATE delivery t SET payload = u.fresh FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS u(id, old, fresh)
	WHERE t.id = u.id AND t.payload = u.old`

const zeroUUID = "00000000-0000-0000-0000-000000000000"

var sealedColumns = []sealedColumn{
	{
		name: "endpoint.secret", by: "AddEndpoint", count: countSecretsSQL, read: readSecretsSQL, write: writeSecretsSQL, first: []any{zeroUUID},
		scan: func(row pgx.CollectableRow) (sealedRow, error) {
			var id push.EndpointID
			var org access.OrgID
			var s sealedRow
			err := row.Scan(&id, &org, &s.sealed)
			s.key, s.label = []any{id.UUID()}, endpointLabel(id, org)
			return s, err
		},
	},
	{
		name: "device.address", by: "AddDevice", count: countAddressesSQL, read: readAddressesSQL, write: writeAddressesSQL, first: []any{zeroUUID},
		scan: func(row pgx.CollectableRow) (sealedRow, error) {
			var id push.DeviceID
			var org access.OrgID
			var subject string
			var s sealedRow
			err := row.Scan(&id, &org, &subject, &s.sealed)
			s.key, s.label = []any{id.UUID()}, deviceLabel(subject, org)
			return s, err
		},
	},
	{
		name: "delivery.payload", by: "sealLetter", count: countLettersSQL, read: readLettersSQL, write: writeLettersSQL, first: []any{zeroUUID},
		scan: func(row pgx.CollectableRow) (sealedRow, error) {
			var id push.ID
			var of event.ID
			var s sealedRow
			err := row.Scan(&id, &of, &s.sealed)
			s.key, s.label = []any{id.UUID()}, letterLabel(of)
			return s, err
		},
	},
	{
		name: "idempotency.answer", by: "Once", count: countAnswersSQL, read: readAnswersSQL, write: writeAnswersSQL, first: []any{zeroUUID, "", "", ""},
		scan: func(row pgx.CollectableRow) (sealedRow, error) {
			var org access.OrgID
			var o Once
			var s sealedRow
			err := row.Scan(&org, &o.Principal, &o.Route, &o.Key, &s.sealed)
			s.key, s.label = []any{org.UUID(), o.Principal, o.Route, o.Key}, o.label(org)
			return s, err
		},
	},
}

// Sealed names every column that holds sealed bytes, each with the function of
// this package that seals them.
func Sealed() map[string]string {
	m := make(map[string]string, len(sealedColumns))
	for _, c := range sealedColumns {
		m[c.name] = c.by
	}
	return m
}

// A SealedCount is how many rows of a column a key sealed.
type SealedCount struct {
	Column string
	Key    string // its name; empty for what no key sealed
	Rows   int64
}

// SealedBy counts what is sealed, by column and key.
func (db *DB) SealedBy(ctx context.Context) ([]SealedCount, error) {
	var counts []SealedCount
	for _, c := range sealedColumns {
		found, err := many(ctx, db.everywhere(), func(row pgx.CollectableRow) (SealedCount, error) {
			n := SealedCount{Column: c.name}
			return n, row.Scan(&n.Key, &n.Rows)
		}, c.count+" ORDER BY 1")
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", c.name, err)
		}
		counts = append(counts, found...)
	}
	return counts, nil
}

// A Resealed is what Reseal did.
type Resealed struct {
	Rows   int64 // that it sealed anew
	Closed int64 // that no key of the ring opens; they stay as they are
}

// Reseal seals everything under the key of that name which other keys sealed, in
// batches. It may run beside servers, and again where it was stopped: what
// somebody else changes meanwhile stays his.
func (db *DB) Reseal(ctx context.Context, key string) (Resealed, error) {
	var done Resealed
	for _, c := range sealedColumns {
		after := c.first
		for {
			rows, err := many(ctx, db.everywhere(), c.scan, c.read, append([]any{seal.Prefix(key), resealBatch}, after...)...)
			if err != nil {
				return done, fmt.Errorf("read %s: %w", c.name, err)
			}
			if len(rows) == 0 {
				break
			}
			after = rows[len(rows)-1].key
			if err := db.reseal(ctx, c, key, rows, &done); err != nil {
				return done, fmt.Errorf("seal %s: %w", c.name, err)
			}
		}
	}
	return done, nil
}

// reseal seals one batch.
func (db *DB) reseal(ctx context.Context, c sealedColumn, key string, rows []sealedRow, done *Resealed) error {
	keys := make([][]string, len(c.first))
	var old, fresh [][]byte
	for _, r := range rows {
		plain, err := db.open(r.sealed, r.label)
		if err != nil {
			done.Closed++
			continue
		}
		again, err := db.seal.SealWith(key, plain, r.label)
		if err != nil {
			return err
		}
		for i, k := range r.key {
			keys[i] = append(keys[i], k.(string))
		}
		old, fresh = append(old, r.sealed), append(fresh, again)
	}
	args := make([]any, 0, len(keys)+2)
	for _, k := range keys {
		args = append(args, k)
	}
	for try := 1; ; try++ {
		n, err := run(ctx, db.everywhere(), c.write, append(args, old, fresh)...)
		if err == nil {
			done.Rows += n
			return nil
		}
		if try == resealTries || !errors.Is(err, ErrUnavailable) {
			return err
		}
	}
}
