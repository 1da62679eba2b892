package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/flag"
)

// A Flag is a feature flag as an organisation sees it.
type Flag struct {
	flag.Flag             // Value is what all have that have no other
	Source    flag.Source // of Current
	Current   any
	UpdatedAt *time.Time // of Current; nil: built in
	UpdatedBy string
}

// flagRow is a flag that was set: for all, for an organisation, or for both.
type flagRow struct {
	Key, Kind, Description string
	Global                 *[]byte
	GlobalAt               *time.Time
	GlobalBy               string
	Own                    *[]byte
	OwnAt                  *time.Time
	OwnBy                  string
}

// flagsSQL reads the flags that were set, for all and for the organisation.
const flagsSQL = `SELECT coalesce(f.key, o.key), coalesce(f.kind, ''), coalesce(f.description, ''),
		convert_to(f.value::text, 'UTF8'), f.updated_at, coalesce(f.updated_by, ''), convert_to(o.value::text, 'UTF8'), o.updated_at, coalesce(o.updated_by, '')
	FROM flag f FULL JOIN (SELECT * FROM flag_override WHERE org_id = $1) o USING (key)`

// Flags lists the flags as the reader's organisation sees them, by key: those
// that are built in and those that were added. Of no organisation: as they are
// for all.
func (r Reader) Flags(ctx context.Context) ([]Flag, error) {
	set, err := many(ctx, r, pgx.RowToStructByPos[flagRow], flagsSQL, r.org.UUID())
	if err != nil {
		return nil, err
	}
	all := map[string]Flag{}
	for _, f := range flag.BuiltIn() {
		all[f.Key] = Flag{Flag: f, Current: f.Value, Source: flag.FromBuiltIn}
	}
	for _, row := range set {
		f, isBuiltIn := all[row.Key]
		if !isBuiltIn && row.Global == nil {
			continue // of a flag of a later version of the program, or of one that was deleted
		}
		if !isBuiltIn {
			f.Flag = flag.Flag{Key: row.Key, Kind: flag.Kind(row.Kind), Description: row.Description}
		}
		if row.Global != nil {
			if err := json.Unmarshal(*row.Global, &f.Value); err != nil {
				return nil, fmt.Errorf("flag %s: %w", row.Key, err)
			}
			f.Current, f.Source, f.UpdatedAt, f.UpdatedBy = f.Value, flag.FromGlobal, row.GlobalAt, row.GlobalBy
		}
		if row.Own != nil {
			f.Current = nil
			if err := json.Unmarshal(*row.Own, &f.Current); err != nil {
				return nil, fmt.Errorf("flag %s: %w", row.Key, err)
			}
			f.Source, f.UpdatedAt, f.UpdatedBy = flag.FromOverride, row.OwnAt, row.OwnBy
		}
		all[row.Key] = f
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Flag) int { return cmp.Compare(a.Key, b.Key) }), nil
}

// Flag reads one of Flags; fault.ErrNotFound when there is none.
func (r Reader) Flag(ctx context.Context, key string) (Flag, error) {
	all, err := r.Flags(ctx)
	if err != nil {
		return Flag{}, err
	}
	i := slices.IndexFunc(all, func(f Flag) bool { return f.Key == key })
	if i < 0 {
		return Flag{}, fault.ErrNotFound
	}
	return all[i], nil
}

// bumpFlagsSQL tells every node that flags have changed; crosses orgs: one number
// is for all.
const bumpFlagsSQL = `UPDATE flag_revision SET revision = revision + 1`

// saveOverrideSQL sets a flag for an organisation.
const saveOverrideSQL = `INSERT INTO flag_override AS t (org_id, key, value, updated_at, updated_by) VALUES ($1, $2, convert_from($3, 'UTF8')::jsonb, $4, $5)
	ON CONFLICT (org_id, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by
	WHERE t.org_id = $1`

// SetFlag sets a flag for the transaction's organisation: flag.ErrKind when it
// takes values of another kind, fault.ErrNotFound when there is none.
func (tx *Tx) SetFlag(ctx context.Context, by access.Actor, key string, value any, at time.Time) error {
	kind, err := flag.Read(value)
	if err != nil {
		return err
	}
	if _, err := run(ctx, tx.Reader, bumpFlagsSQL); err != nil { // first: nobody deletes the flag meanwhile
		return err
	}
	f, err := tx.Flag(ctx, key)
	if err != nil {
		return err
	}
	if f.Kind != kind {
		return flag.ErrKind.With("kind", f.Kind)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("value of %s: %w", key, err)
	}
	tx.Audit(by, audit.Fact{Action: audit.FlagSet, Details: flagDetails(key, kind, value)})
	_, err = run(ctx, tx.Reader, saveOverrideSQL, tx.org.UUID(), key, raw, at, by.ID)
	return err
}

// flagDetails keeps what a flag was set to, when that is a number or a yes or no:
// the log holds nobody's words.
func flagDetails(key string, kind flag.Kind, value any) audit.Details {
	d := audit.Details{"key": key}
	if kind == flag.Boolean || kind == flag.Number {
		d["value"] = value
	}
	return d
}

// dropOverrideSQL gives an organisation the value that all have.
const dropOverrideSQL = `DELETE FROM flag_override t WHERE t.org_id = $1 AND t.key = $2`

// UnsetFlag gives the transaction's organisation the value that all have, whether
// it had another or not; fault.ErrNotFound when there is no such flag.
func (tx *Tx) UnsetFlag(ctx context.Context, by access.Actor, key string) error {
	if _, err := run(ctx, tx.Reader, bumpFlagsSQL); err != nil {
		return err
	}
	if _, err := tx.Flag(ctx, key); err != nil {
		return err
	}
	n, err := run(ctx, tx.Reader, dropOverrideSQL, tx.org.UUID(), key)
	if n > 0 {
		tx.Audit(by, audit.Fact{Action: audit.FlagUnset, Details: audit.Details{"key": key}})
	}
	return err
}

// globalFlagsSQL reads the flags that were set for all; crosses orgs: they are of
// none.
const globalFlagsSQL = `SELECT key, kind, description FROM flag`

// saveFlagSQL sets a flag for all; crosses orgs: it is of none.
const saveFlagSQL = `INSERT INTO flag (key, kind, description, value, updated_at, updated_by) VALUES ($1, $2, $3, convert_from($4, 'UTF8')::jsonb, $5, $6)
	ON CONFLICT (key) DO UPDATE SET description = excluded.description, value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by`

// SetFlagForAll sets a flag for every organisation that does not override it. One
// that neither is built in nor was set before is added. A nil description stays
// as it is. Faults: flag.ErrKind, flag.ErrTooMany, flag.ErrNotAdded.
func (db *DB) SetFlagForAll(ctx context.Context, by access.Actor, key string, value any, description *string) error {
	kind, err := flag.Read(value)
	if err != nil {
		return err
	}
	return db.forAll(ctx, by, audit.Fact{Action: audit.FlagSet, Details: flagDetails(key, kind, value)}, func(r Reader) error {
		set, err := many(ctx, r, pgx.RowToStructByPos[struct{ Key, Kind, Description string }], globalFlagsSQL)
		if err != nil {
			return err
		}
		f, isBuiltIn := flag.Find(key)
		added := 0
		for _, s := range set {
			if _, ok := flag.Find(s.Key); !ok {
				added++
			}
			if s.Key == key && !isBuiltIn {
				f = flag.Flag{Key: key, Kind: flag.Kind(s.Kind), Description: s.Description}
			}
		}
		switch {
		case isBuiltIn && description != nil:
			return flag.ErrNotAdded
		case f.Key != "" && f.Kind != kind:
			return flag.ErrKind.With("kind", f.Kind)
		case f.Key == "" && added >= flag.MostAdded:
			return flag.ErrTooMany
		case f.Key == "":
			if err := flag.CheckKey(key); err != nil {
				return err
			}
		}
		if description != nil {
			f.Description = *description
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("value of %s: %w", key, err)
		}
		_, err = run(ctx, r, saveFlagSQL, key, kind, f.Description, raw, db.now(), by.ID)
		return err
	})
}

// dropFlagSQL forgets what a flag was set to for all; crosses orgs: it is of none.
const dropFlagSQL = `DELETE FROM flag WHERE key = $1`

// dropOverridesSQL forgets what a flag was set to for single organisations;
// crosses orgs: it is gone for all of them.
const dropOverridesSQL = `DELETE FROM flag_override WHERE key = $1`

// UnsetFlagForAll gives a flag that is built in its own value again, and deletes
// one that was added, with what it was set to for single organisations;
// fault.ErrNotFound when there is none.
func (db *DB) UnsetFlagForAll(ctx context.Context, by access.Actor, key string) error {
	return db.forAll(ctx, by, audit.Fact{Action: audit.FlagUnset, Details: audit.Details{"key": key}}, func(r Reader) error {
		n, err := run(ctx, r, dropFlagSQL, key)
		if err != nil {
			return err
		}
		if _, isBuiltIn := flag.Find(key); isBuiltIn {
			return nil
		}
		if n == 0 {
			return fault.ErrNotFound
		}
		_, err = run(ctx, r, dropOverridesSQL, key)
		return err
	})
}

// forAll changes flags for everybody and keeps that in the platform's audit log.
func (db *DB) forAll(ctx context.Context, by access.Actor, f audit.Fact, change func(Reader) error) error {
	err := pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		r := Reader{q: tx}
		if _, err := run(ctx, r, bumpFlagsSQL); err != nil {
			return err
		}
		if err := change(r); err != nil {
			return err
		}
		by.Org = access.OrgID{}
		rows := []audit.Row{audit.New(by, f, db.now())}
		of(ctx, rows)
		b := &pgx.Batch{}
		if err := queueAudit(b, rows); err != nil {
			return err
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return faultOf(err)
}

// flagRevisionSQL reads the number that goes up with each change; crosses orgs:
// it is one for all.
const flagRevisionSQL = `SELECT revision FROM flag_revision`

// everyFlagSQL reads what every flag is set to; crosses orgs: a node serves all.
// The number is of the same state as the values, or they would not be noticed to
// be old.
const everyFlagSQL = `SELECT r.revision, s.org_id, s.key, convert_to(s.value::text, 'UTF8')
	FROM flag_revision r LEFT JOIN (SELECT NULL::uuid AS org_id, key, value FROM flag UNION ALL SELECT org_id, key, value FROM flag_override) s ON true`

// flagsEvery is how often a node looks whether flags have changed.
const flagsEvery = 500 * time.Millisecond

// FlagCache is what the flags are set to, as a node knows it: what was changed on
// any node is known on all within flagsEvery and a read. While Postgres is away
// it has what it had.
type FlagCache struct {
	db     *DB
	values atomic.Pointer[flag.Values]
}

// LoadFlags reads the flags; Run keeps them up to date.
func (db *DB) LoadFlags(ctx context.Context) (*FlagCache, error) {
	c := &FlagCache{db: db}
	return c, c.load(ctx)
}

// Bool is whether a flag is on for an organisation.
func (c *FlagCache) Bool(org access.OrgID, key string) bool { return c.values.Load().Bool(org, key) }

// Of returns the value of a flag for an organisation; nil when there is none.
func (c *FlagCache) Of(org access.OrgID, key string) any {
	v, _ := c.values.Load().Of(org, key)
	return v
}

// Run follows changes until ctx is over.
func (c *FlagCache) Run(ctx context.Context) {
	tick := time.NewTicker(flagsEvery)
	defer tick.Stop()
	well := true
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := c.follow(ctx)
		if err != nil && well && ctx.Err() == nil {
			c.db.log.WarnContext(ctx, "flags cannot be read: they stay as they were", "error", err)
		}
		well = err == nil
	}
}

func (c *FlagCache) follow(ctx context.Context) error {
	now, err := one(ctx, c.db.everywhere(), pgx.RowTo[int64], flagRevisionSQL)
	if err != nil || now == c.values.Load().Revision {
		return err
	}
	return c.load(ctx)
}

func (c *FlagCache) load(ctx context.Context) error {
	v := &flag.Values{Global: map[string]any{}, Overrides: map[access.OrgID]map[string]any{}}
	var org access.OrgID
	var key *string
	var raw []byte
	err := each(ctx, c.db.everywhere(), []any{&v.Revision, &org, &key, &raw}, func() error {
		if key == nil {
			return nil // none is set
		}
		into := v.Global
		if !org.IsZero() {
			if v.Overrides[org] == nil {
				v.Overrides[org] = map[string]any{}
			}
			into = v.Overrides[org]
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return fmt.Errorf("flag %s: %w", *key, err)
		}
		into[*key] = value
		return nil
	}, everyFlagSQL)
	if err == nil {
		c.values.Store(v)
	}
	return err
}
