package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
)

const fileColumns = `t.id, t.org_id, t.room_id, t.visibility, t.name, t.content_type, t.size, t.sha256, t.author, t.created_at`

func scanFile(row pgx.CollectableRow) (room.File, error) {
	var f room.File
	return f, row.Scan(&f.ID, &f.Org, &f.Room, &f.Visibility, &f.Name, &f.ContentType, &f.Size, &f.SHA256, &f.Author, &f.CreatedAt)
}

// addFileSQL adds a file.
const addFileSQL = `INSERT INTO file (id, org_id, room_id, visibility, name, content_type, size, sha256, author, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// AddFile adds a file whose bytes are stored.
func (tx *Tx) AddFile(ctx context.Context, f room.File) error {
	_, err := run(ctx, tx.Reader, addFileSQL, f.ID.UUID(), f.Org.UUID(), f.Room.UUID(), string(f.Visibility), f.Name, f.ContentType, f.Size, f.SHA256,
		f.Author, f.CreatedAt)
	return err
}

// visible is the condition that a file t is one the organisation $1 may know:
// its own company's, or shared in a room that it shares. t.org_id = $1 alone
// would not do: a shared file is the room's organisation's.
const visible = `(t.visibility = 'shared' AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1)
	OR t.visibility = 'internal' AND t.org_id = $1)`

// A Shelf says which files of a room somebody may know.
type Shelf struct {
	Room     room.ID
	Internal bool  // those of his company's desk, too
	From     int64 // of the shared ones those that were added, or attached to a message, after this seq
}

// since keeps the shared files that somebody who joined at seq $4 may know.
const since = `(t.visibility <> 'shared' OR $4 = 0 OR EXISTS (SELECT FROM channel c JOIN entry e ON e.channel_id = c.id
	WHERE c.room_id = t.room_id AND e.seq > $4 AND CASE e.kind
		WHEN 'deal_room.file_added' THEN convert_from(e.payload, 'UTF8')::jsonb #>> '{data,file,fileId}' = $5
		WHEN 'deal_room.message_posted' THEN convert_from(e.payload, 'UTF8')::jsonb #> '{data,attachments}' @> jsonb_build_array(jsonb_build_object('fileId', $5::text))
		ELSE false END))`

// fileSQL reads one file of a room.
const fileSQL = `SELECT ` + fileColumns + ` FROM file t WHERE t.room_id = $2 AND t.id = $3 AND ` + visible + ` AND (t.visibility = 'shared' OR $6) AND ` + since

// File reads a file of a room.
func (r Reader) File(ctx context.Context, s Shelf, id room.FileID) (room.File, error) {
	return one(ctx, r, scanFile, fileSQL, r.org.UUID(), s.Room.UUID(), id.UUID(), s.From, id.String(), s.Internal)
}

// attachableSQL finds which files a message of a visibility may carry.
const attachableSQL = `SELECT ` + fileColumns + ` FROM file t WHERE t.room_id = $2 AND t.id = ANY ($3::uuid[]) AND t.visibility = $4 AND ` + visible

// Attachable returns those of the files that a message in a room may carry: an
// internal one never leaves its company's desk.
func (r Reader) Attachable(ctx context.Context, id room.ID, v room.Visibility, files []room.FileID) ([]room.File, error) {
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = f.UUID()
	}
	return many(ctx, r, scanFile, attachableSQL, r.org.UUID(), id.UUID(), ids, string(v))
}

// Files lists the files of a room, newest first; since bounds the shared ones
// by time, for those who joined with nothing of what was before.
func (r Reader) Files(ctx context.Context, s Shelf, joined time.Time, p Page) ([]room.File, error) {
	w := &where{}
	w.and(`(t.visibility = 'shared' AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $?)
		OR t.visibility = 'internal' AND $? AND t.org_id = $?)`, r.org.UUID(), s.Internal, r.org.UUID())
	w.and("t.room_id = $?", s.Room.UUID())
	if !joined.IsZero() {
		w.and("(t.visibility = 'internal' OR t.created_at >= $?)", joined)
	}
	return list(ctx, r, scanFile, fileColumns, "file", "created_at", w, p)
}

// joinedSQL reads when a participant joined; $1 is the organisation that the
// room is shared with.
const joinedSQL = `SELECT t.joined_at FROM participant t WHERE t.room_id = $2 AND t.user_id = $3 AND t.left_at IS NULL AND t.from_seq > 0
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1)`

// JoinedFromNow returns when an actor joined a room whose earlier history is not
// his to read; zero for anybody else.
func (r Reader) JoinedFromNow(ctx context.Context, id room.ID, by access.Actor) (time.Time, error) {
	at, err := many(ctx, r, pgx.RowTo[time.Time], joinedSQL, r.org.UUID(), id.UUID(), by.UUID())
	if err != nil || len(at) == 0 {
		return time.Time{}, err
	}
	return at[0], nil
}
