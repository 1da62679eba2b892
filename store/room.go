package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

const roomColumns = `t.id, t.org_id, t.submission_id, coalesce(t.external_id, ''), t.title, t.insured_name, t.line_of_business, t.status,
	t.close_reason, t.closed_by, t.closed_at, t.closes_at, t.metadata, t.created_by, t.created_at, t.updated_at, t.version`

func scanRoom(row pgx.CollectableRow) (room.Room, error) {
	var r room.Room
	return r, row.Scan(&r.ID, &r.Org, &r.Submission, &r.ExternalID, &r.Title, &r.InsuredName, &r.LineOfBusiness, &r.Status,
		&r.CloseReason, &r.ClosedBy, &r.ClosedAt, &r.ClosesAt, &r.Metadata, &r.CreatedBy, &r.CreatedAt, &r.UpdatedAt, &r.Version)
}

// roomSQL reads a room that is shared with the organisation, its own included.
const roomSQL = `SELECT ` + roomColumns + ` FROM room t WHERE t.id = $2
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.id AND ro.org_id = $1)`

// Room reads a room that is, or was, shared with the reader's organisation.
// Whether the actor may read it is for access to say.
func (r Reader) Room(ctx context.Context, id room.ID) (room.Room, error) {
	return one(ctx, r, scanRoom, roomSQL, r.org.UUID(), id.UUID())
}

// lockRoomSQL reads a room for change; it is locked after its submission and
// before anything in it.
const lockRoomSQL = roomSQL + ` FOR NO KEY UPDATE OF t`

// LockRoom reads a room that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockRoom(ctx context.Context, id room.ID) (room.Room, error) {
	return one(ctx, tx.Reader, scanRoom, lockRoomSQL, tx.org.UUID(), id.UUID())
}

// roomOfSQL finds the room of a submission.
const roomOfSQL = `SELECT ` + roomColumns + ` FROM room t WHERE t.org_id = $1 AND t.submission_id = $2`

// RoomOf finds the room of a submission of the reader's organisation; ok is
// false when there is none.
func (r Reader) RoomOf(ctx context.Context, id submission.ID) (found room.Room, ok bool, err error) {
	rs, err := many(ctx, r, scanRoom, roomOfSQL, r.org.UUID(), id.UUID())
	if err != nil || len(rs) == 0 {
		return room.Room{}, false, err
	}
	return rs[0], true, nil
}

// addRoomSQL adds a room.
const addRoomSQL = `INSERT INTO room (id, org_id, submission_id, external_id, title, insured_name, line_of_business, status, metadata, created_by, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`

// shareRoomSQL shares a room with an organisation; once is enough. crosses
// orgs: a room is where two companies meet.
const shareRoomSQL = `INSERT INTO room_org (room_id, org_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`

// AddRoom adds a room to the transaction's organisation, whose desk in it is
// open to all of its underwriters; ErrDuplicate when its submission has one.
func (tx *Tx) AddRoom(ctx context.Context, r room.Room) error {
	_, err := run(ctx, tx.Reader, addRoomSQL, r.ID.UUID(), r.Org.UUID(), r.Submission.UUID(), null(r.ExternalID), r.Title, r.InsuredName,
		r.LineOfBusiness, string(r.Status), r.Metadata, r.CreatedBy, r.CreatedAt)
	if err != nil {
		return err
	}
	if err := tx.across(ctx, shareRoomSQL, r.ID.UUID(), r.Org.UUID()); err != nil {
		return err
	}
	return tx.Relate(ctx, room.DeskObject(r.ID, r.Org), access.Tuple{Relation: access.DeskHouse, SubjectType: string(access.Org), SubjectID: r.Org.UUID()})
}

// across runs one statement that reaches beyond the organisation's walls. The
// caller has checked that it may.
func (tx *Tx) across(ctx context.Context, sql string, args ...any) error {
	return tx.beyond(ctx, func(b *pgx.Batch) { b.Queue(sql, args...) })
}

// beyond runs statements that reach beyond the organisation's walls, in one
// round trip.
func (tx *Tx) beyond(ctx context.Context, queue func(*pgx.Batch)) error {
	b := &pgx.Batch{}
	b.Queue(becomeWorkerSQL)
	queue(b)
	b.Queue(becomeAppSQL)
	return faultOf(tx.pipe.SendBatch(ctx, b).Close())
}

// saveRoomSQL saves a locked room.
const saveRoomSQL = `UPDATE room t SET title = $3, status = $4, close_reason = $5, closed_by = $6, closed_at = $7, closes_at = $8, metadata = $9,
	updated_at = $10, version = version + 1
	WHERE t.id = $2 AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.id AND ro.org_id = $1)`

// SaveRoom saves a room that this transaction locked.
func (tx *Tx) SaveRoom(ctx context.Context, r room.Room) error {
	return tx.write(ctx, saveRoomSQL, tx.org.UUID(), r.ID.UUID(), r.Title, string(r.Status), r.CloseReason, r.ClosedBy, r.ClosedAt, r.ClosesAt,
		r.Metadata, r.UpdatedAt)
}

// dueRoomsSQL finds rooms that are to close by themselves; crosses orgs: a node
// closes those of all.
const dueRoomsSQL = `SELECT t.id, t.org_id FROM room t WHERE t.status = 'active' AND t.closes_at <= $1 ORDER BY t.closes_at, t.id LIMIT $2`

// A DueRoom is a room that is to close by itself, of whichever organisation.
type DueRoom struct {
	ID  room.ID
	Org access.OrgID
}

// DueRooms returns up to limit rooms that were to close by now, the longest due
// first.
func (db *DB) DueRooms(ctx context.Context, now time.Time, limit int) ([]DueRoom, error) {
	found, err := many(ctx, db.everywhere(), pgx.RowToStructByPos[DueRoom], dueRoomsSQL, now, limit)
	if err != nil || !db.clocks || len(found) == limit {
		return found, err
	}
	ahead, err := many(ctx, db.everywhere(), pgx.RowToStructByPos[DueRoom], dueRoomsAheadSQL, now, limit)
	return append(found, ahead...), err
}

// dueRoomsAheadSQL finds rooms that are to close by the test clock of their
// organisation, and not by everybody's time; crosses orgs for the same.
const dueRoomsAheadSQL = `SELECT t.id, t.org_id FROM test_clock c JOIN room t ON t.org_id = c.org_id
	WHERE t.status = 'active' AND t.closes_at > $1 AND t.closes_at <= $1 + c.ahead LIMIT $2`

// lockDueRoomSQL is lockRoomSQL for a room that is still due; one that somebody
// else is at work on is left to him.
const lockDueRoomSQL = roomSQL + ` AND t.status = 'active' AND t.closes_at <= $3 FOR NO KEY UPDATE OF t SKIP LOCKED`

// LockDueRoom locks a room that is to close by itself; ok is false when it is
// not, or somebody else has it.
func (tx *Tx) LockDueRoom(ctx context.Context, id room.ID, now time.Time) (found room.Room, ok bool, err error) {
	rs, err := many(ctx, tx.Reader, scanRoom, lockDueRoomSQL, tx.org.UUID(), id.UUID(), now)
	if err != nil || len(rs) == 0 {
		return room.Room{}, false, err
	}
	return rs[0], true, nil
}

// lockRoomOfSQL is roomOfSQL for change.
const lockRoomOfSQL = roomOfSQL + ` FOR NO KEY UPDATE`

// LockRoomOf is RoomOf, for change; its submission is locked before it.
func (tx *Tx) LockRoomOf(ctx context.Context, id submission.ID) (found room.Room, ok bool, err error) {
	rs, err := many(ctx, tx.Reader, scanRoom, lockRoomOfSQL, tx.org.UUID(), id.UUID())
	if err != nil || len(rs) == 0 {
		return room.Room{}, false, err
	}
	return rs[0], true, nil
}
