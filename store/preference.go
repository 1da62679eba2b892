package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
)

// preferenceSQL reads what a person wants to reach him where.
const preferenceSQL = `SELECT t.locale, t.no_push, t.no_mail, t.muted, t.quiet_from, t.quiet_until, t.timezone, t.version
	FROM preference t WHERE t.org_id = $1 AND t.subject = $2`

func scanPreferences(row pgx.CollectableRow) (push.Preferences, error) {
	var p push.Preferences
	var muted []room.ID
	var from, until *int
	var zone string
	if err := row.Scan(&p.Locale, &p.NoPush, &p.NoMail, &muted, &from, &until, &zone, &p.Version); err != nil {
		return p, err
	}
	for _, id := range muted {
		p.Rooms = append(p.Rooms, id.String())
	}
	if from != nil && until != nil {
		p.Quiet = &push.QuietHours{From: *from, Until: *until, Timezone: zone}
	}
	return p, nil
}

// Preferences reads what a person of the reader's organisation wants to reach
// him where: everything, of version 0, when he never said anything.
func (r Reader) Preferences(ctx context.Context, subject string) (push.Preferences, error) {
	ps, err := many(ctx, r, scanPreferences, preferenceSQL, r.org.UUID(), subject)
	return first(ps), err
}

// savePreferencesSQL saves what a person wants, over the version that he knew.
const savePreferencesSQL = `INSERT INTO preference AS t (subject, org_id, locale, no_push, no_mail, muted, quiet_from, quiet_until, timezone, updated_at)
	VALUES ($2, $1, $3, $4, $5, $6::text[]::uuid[], $7, $8, $9, $10)
	ON CONFLICT (subject) DO UPDATE SET locale = excluded.locale, no_push = excluded.no_push, no_mail = excluded.no_mail, muted = excluded.muted,
		quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, timezone = excluded.timezone, updated_at = excluded.updated_at,
		version = t.version + 1
	WHERE t.org_id = $1 AND t.version = $11
	RETURNING t.version`

// SavePreferences saves what a person of the transaction's organisation wants,
// and returns its new version; fault.ErrStale when it has changed since it was
// read.
func (tx *Tx) SavePreferences(ctx context.Context, subject string, p push.Preferences, at time.Time) (int, error) {
	muted := make([]string, len(p.Rooms))
	for i, s := range p.Rooms {
		var id room.ID
		if err := id.UnmarshalText([]byte(s)); err != nil {
			return 0, err
		}
		muted[i] = id.UUID()
	}
	var from, until *int
	zone := ""
	if q := p.Quiet; q != nil {
		from, until, zone = &q.From, &q.Until, q.Timezone
	}
	saved, err := many(ctx, tx.Reader, pgx.RowTo[int], savePreferencesSQL, tx.org.UUID(), subject, p.Locale, some(p.NoPush), some(p.NoMail), muted,
		from, until, zone, at, p.Version)
	if err == nil && len(saved) == 0 {
		return 0, fault.ErrStale
	}
	return first(saved), err
}

// LockPreferences reads what a person wants, and nobody else changes it until
// the end of the transaction, also when there is nothing yet.
func (tx *Tx) LockPreferences(ctx context.Context, subject string) (push.Preferences, error) {
	if _, err := run(ctx, tx.Reader, lockNumberSQL, lockNumber("preferences of "+subject)); err != nil {
		return push.Preferences{}, err
	}
	return tx.Preferences(ctx, subject)
}

// some is a list that is there, also when it is empty.
func some(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
