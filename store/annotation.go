package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/rooms/room"
)

const annotationColumns = `t.id, t.org_id, t.room_id, t.file_id, t.page, t.x, t.y, t.width, t.height, t.body, t.author, t.resolved_by, t.resolved_at,
	t.created_at, t.updated_at, t.version`

func scanAnnotation(row pgx.CollectableRow) (room.Annotation, error) {
	var a room.Annotation
	return a, row.Scan(&a.ID, &a.Org, &a.Room, &a.File, &a.Page, &a.At.X, &a.At.Y, &a.At.Width, &a.At.Height, &a.Body, &a.Author, &a.ResolvedBy, &a.ResolvedAt,
		&a.CreatedAt, &a.UpdatedAt, &a.Version)
}

// addAnnotationSQL adds an annotation.
const addAnnotationSQL = `INSERT INTO annotation (id, org_id, room_id, file_id, page, x, y, width, height, body, author, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`

// AddAnnotation adds an annotation.
func (tx *Tx) AddAnnotation(ctx context.Context, a room.Annotation) error {
	_, err := run(ctx, tx.Reader, addAnnotationSQL, a.ID.UUID(), a.Org.UUID(), a.Room.UUID(), a.File.UUID(), a.Page, a.At.X, a.At.Y, a.At.Width, a.At.Height,
		a.Body, a.Author, a.CreatedAt)
	return err
}

// annotationSQL reads an annotation of a room that is shared with the
// organisation.
const annotationSQL = `SELECT ` + annotationColumns + ` FROM annotation t WHERE t.room_id = $2 AND t.id = $3
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1)`

// Annotation reads one annotation; it changes only under the lock of its room.
func (r Reader) Annotation(ctx context.Context, in room.ID, id room.AnnotationID) (room.Annotation, error) {
	return one(ctx, r, scanAnnotation, annotationSQL, r.org.UUID(), in.UUID(), id.UUID())
}

// saveAnnotationSQL saves an annotation of a locked room.
const saveAnnotationSQL = `UPDATE annotation t SET body = $4, resolved_by = $5, resolved_at = $6, updated_at = $7, version = version + 1
	WHERE t.room_id = $2 AND t.id = $3 AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1)`

// SaveAnnotation saves an annotation of a room that this transaction locked.
func (tx *Tx) SaveAnnotation(ctx context.Context, a room.Annotation) error {
	_, err := run(ctx, tx.Reader, saveAnnotationSQL, tx.org.UUID(), a.Room.UUID(), a.ID.UUID(), a.Body, a.ResolvedBy, a.ResolvedAt, a.UpdatedAt)
	return err
}

// AnnotationFilter names what a list of annotations is restricted to.
type AnnotationFilter struct {
	File     room.FileID
	Resolved *bool
	Since    time.Time // zero is from the start
}

// Annotations lists the annotations of a room, newest first.
func (r Reader) Annotations(ctx context.Context, in room.ID, f AnnotationFilter, p Page) ([]room.Annotation, error) {
	w := &where{}
	w.and("EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $?)", r.org.UUID())
	w.and("t.room_id = $?", in.UUID())
	if !f.File.IsZero() {
		w.and("t.file_id = $?", f.File.UUID())
	}
	if f.Resolved != nil {
		w.and("(t.resolved_at IS NOT NULL) = $?", *f.Resolved)
	}
	if !f.Since.IsZero() {
		w.and("t.created_at >= $?", f.Since)
	}
	return list(ctx, r, scanAnnotation, annotationColumns, "annotation", "created_at", w, p)
}
