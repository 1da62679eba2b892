package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
)

// resetTime bounds each statement of a reset, in milliseconds.
const resetTime = "120000"

// slowSQL lets the statements of a reset take longer than others.
const slowSQL = `SELECT set_config('statement_timeout', $1, true)`

// lockRoomsSQL locks the rooms of an organisation, so that nobody is at work in
// one.
const lockRoomsSQL = `SELECT t.id FROM room t WHERE t.org_id = $1 ORDER BY t.id FOR UPDATE`

// companiesSQL finds who has a desk in the rooms of an organisation; crosses
// orgs: other companies do.
const companiesSQL = `SELECT ro.room_id, ro.org_id FROM room_org ro JOIN room r ON r.id = ro.room_id WHERE r.org_id = $1`

// listenersSQL finds who may have a connection that hears an organisation: its
// own users and keys, and whoever is in its rooms; crosses orgs: those are of
// other companies.
const listenersSQL = `SELECT u.id, u.org_id, false FROM app_user u WHERE u.status <> 'stopped' AND (u.org_id = $1
		OR u.id IN (SELECT p.user_id FROM participant p JOIN room r ON r.id = p.room_id WHERE r.org_id = $1 AND p.left_at IS NULL))
	UNION ALL SELECT k.id, k.org_id, true FROM api_key k WHERE k.org_id = $1 AND k.revoked_at IS NULL`

// lockChannelsSQL locks channels in the order of their names, as everybody does:
// those that go ($2), those of the organisation whose entries go, and where its
// listeners are told ($3); crosses orgs: desks of other companies are among
// them.
const lockChannelsSQL = `SELECT c.id, c.name = ANY ($2), c.org_id = $1 AND (c.name LIKE 'org:%' OR c.name LIKE 'person:%') FROM channel c
	WHERE c.name = ANY ($2) OR c.name = ANY ($3) OR c.org_id = $1 AND (c.name LIKE 'org:%' OR c.name LIKE 'person:%')
	ORDER BY c.name FOR UPDATE`

// What is deleted; $1 is the organisation, or the channels that go or are
// emptied. The worker's role does it, and what names no organisation crosses orgs:
// a room goes with what other companies have left in it.
const (
	ofRooms = ` WHERE room_id IN (SELECT id FROM room WHERE org_id = $1)`

	clearOutboxSQL        = `DELETE FROM outbox o USING event e WHERE e.id = o.event_id AND e.org_id = $1`
	clearAttemptsSQL      = `DELETE FROM attempt WHERE org_id = $1`
	clearDeliveriesSQL    = `DELETE FROM delivery WHERE org_id = $1`
	clearNotificationsSQL = `DELETE FROM notification WHERE org_id = $1`
	clearNudgesSQL        = `DELETE FROM nudge WHERE channel_id = ANY ($1)`
	clearReadSQL          = `DELETE FROM read_position WHERE channel_id = ANY ($1)`
	clearRevisionsSQL     = `DELETE FROM message_revision WHERE channel_id = ANY ($1)`
	clearFannedSQL        = `DELETE FROM fan_position WHERE channel_id = ANY ($1)`
	clearEntriesSQL       = `DELETE FROM entry WHERE channel_id = ANY ($1)`
	clearChannelsSQL      = `DELETE FROM channel WHERE id = ANY ($1)`
	clearAnnotationsSQL   = `DELETE FROM annotation` + ofRooms
	clearInvitationsSQL   = `DELETE FROM invitation` + ofRooms
	clearGuestLinksSQL    = `DELETE FROM guest_link` + ofRooms
	clearGuestDevicesSQL  = `DELETE FROM guest_device` + ofRooms
	clearParticipantsSQL  = `DELETE FROM participant` + ofRooms
	clearSharedSQL        = `DELETE FROM room_org` + ofRooms
	clearFilesSQL         = `WITH gone AS (DELETE FROM file` + ofRooms + ` RETURNING id) INSERT INTO discarded_file (id, org_id, at) SELECT id, $1, $2 FROM gone`
	clearDesksSQL         = `DELETE FROM relationship WHERE object_type = 'desk' AND split_part(object_id, '/', 1)::uuid IN (SELECT id FROM room WHERE org_id = $1)`
	clearRowsSQL          = `DELETE FROM bordereau_row WHERE org_id = $1`
	clearBordereauxSQL    = `DELETE FROM bordereau WHERE org_id = $1`
	clearUsageSQL         = `DELETE FROM da_usage WHERE org_id = $1`
	clearReservationsSQL  = `DELETE FROM da_reservation WHERE org_id = $1`
	clearAggregatesSQL    = `DELETE FROM da_aggregate WHERE org_id = $1`
	clearTasksSQL         = `DELETE FROM referral_task WHERE org_id = $1`
	clearReferralsSQL     = `DELETE FROM referral WHERE org_id = $1`
	clearRoomsSQL         = `DELETE FROM room WHERE org_id = $1`
	clearInvoicesSQL      = `DELETE FROM invoice WHERE org_id = $1`
	clearTransactionsSQL  = `DELETE FROM policy_transaction WHERE org_id = $1`
	clearPoliciesSQL      = `DELETE FROM policy WHERE org_id = $1`
	clearQuotesSQL        = `DELETE FROM quote WHERE org_id = $1`
	clearSubmissionsSQL   = `DELETE FROM submission WHERE org_id = $1`
	clearDraftsSQL        = `DELETE FROM submission_draft WHERE org_id = $1`
	clearAppointmentsSQL  = `DELETE FROM producer_appointment WHERE org_id = $1`
	clearLicensesSQL      = `DELETE FROM producer_license WHERE org_id = $1`
	clearProducersSQL     = `DELETE FROM producer WHERE org_id = $1`
	clearNumbersSQL       = `DELETE FROM number_counter WHERE org_id = $1`
	clearOverdueSQL       = `DELETE FROM overdue WHERE org_id = $1`
	clearAnswersSQL       = `DELETE FROM idempotency WHERE org_id = $1`
	clearEventsSQL        = `DELETE FROM event WHERE org_id = $1`
	clearRelationsSQL     = `DELETE FROM relationship WHERE org_id = $1 AND object_type IN ('submission', 'room', 'referral', 'policy', 'claim', 'invoice', 'document')`
)

// emptyChannelsSQL says that nothing can be had any more of channels that stay:
// whoever is behind is told to read anew, and their numbers go on; crosses orgs: the
// worker's role does it, for one.
const emptyChannelsSQL = `UPDATE channel SET floor = head WHERE org_id = $1 AND id = ANY ($2)`

// What the statements take.
const (
	takesOrg     = iota
	takesGone    // the channels that go
	takesEntries // those, and the ones that are emptied
	takesTime    // the organisation, and the time
)

// A clearing is one step of a reset.
type clearing struct {
	table string
	sql   string
	takes int
	what  string // what its rows are counted as; empty: they are not
}

// clearings are the steps of a reset, in their order: whatever points at
// something goes before it.
var clearings = []clearing{
	{"outbox", clearOutboxSQL, takesOrg, ""},
	{"attempt", clearAttemptsSQL, takesOrg, ""},
	{"delivery", clearDeliveriesSQL, takesOrg, "deliveries"},
	{"notification", clearNotificationsSQL, takesOrg, "notifications"},
	{"nudge", clearNudgesSQL, takesGone, ""},
	{"read_position", clearReadSQL, takesGone, ""},
	{"message_revision", clearRevisionsSQL, takesGone, ""},
	{"fan_position", clearFannedSQL, takesGone, ""},
	{"entry", clearEntriesSQL, takesEntries, ""},
	{"channel", clearChannelsSQL, takesGone, ""},
	{"annotation", clearAnnotationsSQL, takesOrg, ""},
	{"invitation", clearInvitationsSQL, takesOrg, ""},
	{"guest_link", clearGuestLinksSQL, takesOrg, ""},
	{"guest_device", clearGuestDevicesSQL, takesOrg, ""},
	{"participant", clearParticipantsSQL, takesOrg, ""},
	{"file", clearFilesSQL, takesTime, "files"},
	{"relationship", clearDesksSQL, takesOrg, ""},
	{"room_org", clearSharedSQL, takesOrg, ""},
	{"bordereau_row", clearRowsSQL, takesOrg, ""},
	{"bordereau", clearBordereauxSQL, takesOrg, "bordereaux"},
	{"da_usage", clearUsageSQL, takesOrg, ""},
	{"da_reservation", clearReservationsSQL, takesOrg, ""},
	{"da_aggregate", clearAggregatesSQL, takesOrg, ""},
	{"submission_draft", clearDraftsSQL, takesOrg, ""},
	{"referral_task", clearTasksSQL, takesOrg, ""},
	{"referral", clearReferralsSQL, takesOrg, "referrals"},
	{"room", clearRoomsSQL, takesOrg, "dealRooms"},
	{"invoice", clearInvoicesSQL, takesOrg, "invoices"},
	{"policy_transaction", clearTransactionsSQL, takesOrg, ""},
	{"policy", clearPoliciesSQL, takesOrg, "policies"},
	{"quote", clearQuotesSQL, takesOrg, "quotes"},
	{"submission", clearSubmissionsSQL, takesOrg, "submissions"},
	{"producer_appointment", clearAppointmentsSQL, takesOrg, ""},
	{"producer_license", clearLicensesSQL, takesOrg, ""},
	{"producer", clearProducersSQL, takesOrg, "producers"},
	{"number_counter", clearNumbersSQL, takesOrg, ""},
	{"overdue", clearOverdueSQL, takesOrg, ""},
	{"idempotency", clearAnswersSQL, takesOrg, ""},
	{"event", clearEventsSQL, takesOrg, "events"},
	{"relationship", clearRelationsSQL, takesOrg, ""},
}

// Clear deletes the business of the transaction's organisation, whose clock this
// transaction took, and makes every node ask again what those may hear who
// listen to it. It returns how much there was of what. What stays is who works
// there and how: users, keys, programs, authority and so on, and the audit log.
//
// Rooms of its own go with what other companies said and left in them; its place
// in the rooms of others stays.
func (tx *Tx) Clear(ctx context.Context, at time.Time) (map[string]int64, error) {
	rooms, err := many(ctx, tx.Reader, pgx.RowTo[room.ID], lockRoomsSQL, tx.org.UUID())
	if err != nil {
		return nil, err
	}
	gone, ears, err := tx.toClear(ctx, rooms)
	if err != nil {
		return nil, err
	}
	controls := make([]string, 0, len(ears))
	for _, e := range ears {
		controls = append(controls, event.AccessChannel(e.org).Name)
	}
	var dead, emptied []int64
	err = tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(slowSQL, resetTime)
		b.Queue(lockNumberSQL, fanLock) // who fans out holds rows that go
		b.Queue(lockChannelsSQL, tx.org.UUID(), gone, controls).Query(func(rows pgx.Rows) error {
			var id int64
			var goes, empties bool
			_, err := pgx.ForEachRow(rows, []any{&id, &goes, &empties}, func() error {
				if goes {
					dead = append(dead, id)
				} else if empties {
					emptied = append(emptied, id)
				}
				return nil
			})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	takes := map[int][]any{takesOrg: {tx.org.UUID()}, takesGone: {dead}, takesEntries: {slices.Concat(dead, emptied)}, takesTime: {tx.org.UUID(), at}}
	err = tx.beyond(ctx, func(b *pgx.Batch) {
		for _, c := range clearings {
			b.Queue(c.sql, takes[c.takes]...).Exec(func(tag pgconn.CommandTag) error {
				if c.what != "" {
					counts[c.what] = tag.RowsAffected()
				}
				return nil
			})
		}
		b.Queue(emptyChannelsSQL, tx.org.UUID(), emptied)
	})
	if err != nil {
		return nil, err
	}
	for _, e := range ears {
		tx.accessChanged(e.org, e.subject, at)
	}
	return counts, nil
}

// A listener is somebody who may have a connection.
type listener struct {
	subject string
	org     access.OrgID
}

// toClear returns the names of the channels of rooms, and who may be listening.
func (tx *Tx) toClear(ctx context.Context, rooms []room.ID) (channels []string, ears []listener, err error) {
	channels = make([]string, 0, 3*len(rooms))
	for _, r := range rooms {
		channels = append(channels, room.Shared(r, tx.org).Name)
	}
	err = tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(companiesSQL, tx.org.UUID()).Query(func(rows pgx.Rows) error {
			var in room.ID
			var company access.OrgID
			_, err := pgx.ForEachRow(rows, []any{&in, &company}, func() error {
				channels = append(channels, room.Desk(in, company).Name)
				return nil
			})
			return err
		})
		b.Queue(listenersSQL, tx.org.UUID()).Query(func(rows pgx.Rows) error {
			var id access.UserID
			var org access.OrgID
			var key bool
			_, err := pgx.ForEachRow(rows, []any{&id, &org, &key}, func() error {
				subject := id.String()
				if key {
					subject = access.KeyID(id).String()
				}
				ears = append(ears, listener{subject, org})
				return nil
			})
			return err
		})
	})
	return channels, ears, err
}

// discardedSQL finds files whose bytes have yet to go; crosses orgs: a node looks
// after those of all.
const discardedSQL = `SELECT t.id FROM discarded_file t ORDER BY t.at, t.id LIMIT $1`

// Discarded returns up to limit files whose rows are gone and whose bytes have
// yet to go.
func (db *DB) Discarded(ctx context.Context, limit int) ([]room.FileID, error) {
	return many(ctx, db.everywhere(), pgx.RowTo[room.FileID], discardedSQL, limit)
}

// forgetFilesSQL forgets files whose bytes are gone; crosses orgs: see
// discardedSQL.
const forgetFilesSQL = `DELETE FROM discarded_file WHERE id = ANY ($1)`

// ForgetFiles forgets files whose bytes are gone.
func (db *DB) ForgetFiles(ctx context.Context, files []room.FileID) error {
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = f.UUID()
	}
	_, err := run(ctx, db.everywhere(), forgetFilesSQL, ids)
	return err
}

// Cleared lists the tables whose rows a reset deletes, some of all.
func Cleared() []string {
	tables := make([]string, len(clearings))
	for i, c := range clearings {
		tables[i] = c.table
	}
	return tables
}
