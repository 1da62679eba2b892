package store

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
)

const deviceColumns = `t.id, t.org_id, t.subject, t.app, t.platform, t.kind, t.installation, t.environment, t.locale, t.timezone, t.app_version,
	t.registered_at, t.last_seen_at, t.sign_in_id`

func scanDevice(row pgx.CollectableRow) (push.Device, error) {
	var d push.Device
	return d, row.Scan(deviceFields(&d)...)
}

func deviceFields(d *push.Device) []any {
	return []any{
		&d.ID, &d.Org, &d.Subject, &d.App, &d.Platform, &d.Kind, &d.Installation, &d.Environment, &d.Locale, &d.Timezone, &d.AppVersion,
		&d.RegisteredAt, &d.LastSeenAt, &d.SignIn,
	}
}

// deviceLabel binds a sealed address to the person whose phone it leads to.
func deviceLabel(subject string, org access.OrgID) string {
	return fmt.Sprintf("device of %s of %s", subject, org)
}

// lockNumberSQL makes those who work at what a number stands for wait for each
// other until the end of their transactions; crosses orgs: it touches no table.
const lockNumberSQL = `SELECT pg_advisory_xact_lock($1)`

// takeDeviceSQL takes an address from whoever had it: his device goes, or what
// is still owed to it would reach the next one; crosses orgs: a phone may change
// hands between companies.
const takeDeviceSQL = `DELETE FROM device t WHERE t.address_hash = $1 AND t.subject <> $2`

// addDeviceSQL adds a device, or registers it anew: what a provider says of the
// time before does not count any more. crosses orgs: only the worker may write to devices.
const addDeviceSQL = `INSERT INTO device AS t (id, org_id, subject, app, platform, kind, address, address_hash, installation, environment, locale,
		timezone, app_version, registered_at, last_seen_at, sign_in_id)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15)
	ON CONFLICT (address_hash) DO UPDATE SET app = excluded.app, platform = excluded.platform, kind = excluded.kind, installation = excluded.installation,
		environment = excluded.environment, locale = excluded.locale, timezone = excluded.timezone, app_version = excluded.app_version,
		registered_at = excluded.registered_at, last_seen_at = excluded.last_seen_at, invalid_at = NULL, invalid_reason = '',
		sign_in_id = excluded.sign_in_id
	RETURNING ` + deviceColumns + `, xmax = 0`

// keepDevicesSQL forgets the devices that a person has beyond some: the dead
// ones, then those that were not seen for longest; crosses orgs: see
// addDeviceSQL.
const keepDevicesSQL = `DELETE FROM device t WHERE t.org_id = $1 AND t.subject = $2 AND t.id IN (
		SELECT d.id FROM device d WHERE d.subject = $2 ORDER BY d.invalid_at IS NULL DESC, d.last_seen_at DESC, d.id DESC OFFSET $3)`

// AddDevice registers a device of the transaction's organisation and returns it
// as it is then; known is true when this person had registered it before. Its
// address is his alone from the commit on, and of nobody who had it before, in
// whichever organisation: what is still owed there goes to nobody. When he has
// more than push.MostDevices, the oldest goes.
func (tx *Tx) AddDevice(ctx context.Context, d push.Device) (saved push.Device, known bool, err error) {
	hash := sha256.Sum256([]byte(d.Address))
	sealed := tx.db.seal.Seal([]byte(d.Address), deviceLabel(d.Subject, tx.org))
	err = tx.beyond(ctx, func(b *pgx.Batch) {
		// The address before the person: two who register in turn never wait
		// for each other in a circle.
		b.Queue(lockNumberSQL, lockNumber(fmt.Sprintf("device address %x", hash)))
		b.Queue(lockNumberSQL, lockNumber("devices of "+d.Subject))
		b.Queue(takeDeviceSQL, hash[:], d.Subject)
		b.Queue(addDeviceSQL, d.ID.UUID(), tx.org.UUID(), d.Subject, d.App, d.Platform, string(d.Kind), sealed, hash[:], d.Installation, d.Environment,
			d.Locale, d.Timezone, d.AppVersion, d.LastSeenAt, d.SignIn).QueryRow(func(row pgx.Row) error {
			added := false
			err := row.Scan(append(deviceFields(&saved), &added)...)
			known = !added
			return err
		})
		b.Queue(keepDevicesSQL, tx.org.UUID(), d.Subject, push.MostDevices)
	})
	return saved, known, err
}

// Devices lists the devices of a person of the reader's organisation, without
// their addresses and without those that are dead.
func (r Reader) Devices(ctx context.Context, subject string, p Page) ([]push.Device, error) {
	w := r.where()
	w.and("t.subject = $? AND t.invalid_at IS NULL", subject)
	return list(ctx, r, scanDevice, deviceColumns, "device", "registered_at", w, p)
}

// deleteDeviceSQL removes a device of a person; crosses orgs: see addDeviceSQL.
const deleteDeviceSQL = `DELETE FROM device t WHERE t.org_id = $1 AND t.subject = $2 AND t.id = $3 RETURNING t.id`

// DeleteDevice removes a device of a person of the transaction's organisation:
// from the commit on nothing more is sent to it. fault.ErrNotFound when it is
// not his.
func (tx *Tx) DeleteDevice(ctx context.Context, subject string, id push.DeviceID) error {
	found := false
	err := tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(deleteDeviceSQL, tx.org.UUID(), subject, id.UUID()).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				found = true
			}
			return rows.Err()
		})
	})
	if err == nil && !found {
		return fault.ErrNotFound
	}
	return err
}
