package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/push"
)

const notificationColumns = `t.id, t.category, t.about, t.words, t.link, t.urgent, t.expires_at, t.read_at, t.event_id, t.type, t.created_at`

func scanNotification(row pgx.CollectableRow) (push.Received, error) {
	var n push.Received
	return n, row.Scan(&n.ID, &n.Category, &n.About, &n.Words, &n.Link, &n.Urgent, &n.Expires, &n.ReadAt, &n.Event, &n.Type, &n.CreatedAt)
}

// NotificationFilter narrows a list; empty fields do not.
type NotificationFilter struct {
	Unread   bool
	Category string
}

// Notifications lists the inbox of a person of the reader's organisation, newest
// first.
func (r Reader) Notifications(ctx context.Context, subject string, f NotificationFilter, p Page) ([]push.Received, error) {
	w := r.where()
	w.and("t.subject = $?", subject)
	if f.Unread {
		w.and("t.read_at IS NULL")
	}
	w.equal("category", f.Category)
	return list(ctx, r, scanNotification, notificationColumns, "notification", "created_at", w, p)
}

// unreadNoticesSQL counts what a person has not read, up to a number that nobody reads.
const unreadNoticesSQL = `SELECT count(*) FROM (SELECT FROM notification t WHERE t.org_id = $1 AND t.subject = $2 AND t.read_at IS NULL LIMIT $3) AS unread`

// Unread counts what a person of the reader's organisation has not read, up to
// push.MostUnread.
func (r Reader) Unread(ctx context.Context, subject string) (int, error) {
	return one(ctx, r, pgx.RowTo[int], unreadNoticesSQL, r.org.UUID(), subject, push.MostUnread)
}

// readNotificationSQL notes that a notice was read; the first time counts.
const readNotificationSQL = `UPDATE notification t SET read_at = coalesce(t.read_at, $4)
	WHERE t.org_id = $1 AND t.subject = $2 AND t.id = $3 RETURNING ` + notificationColumns

// ReadNotification notes that a person has read a notice and returns it;
// fault.ErrNotFound when it is not his.
func (tx *Tx) ReadNotification(ctx context.Context, subject string, id push.NoticeID, at time.Time) (push.Received, error) {
	return one(ctx, tx.Reader, scanNotification, readNotificationSQL, tx.org.UUID(), subject, id.UUID(), at)
}

// readAllSQL notes that all of an inbox was read.
const readAllSQL = `UPDATE notification t SET read_at = $3 WHERE t.org_id = $1 AND t.subject = $2 AND t.read_at IS NULL`

// ReadNotifications notes that a person has read everything and returns how many
// notices that were.
func (tx *Tx) ReadNotifications(ctx context.Context, subject string, at time.Time) (int64, error) {
	return run(ctx, tx.Reader, readAllSQL, tx.org.UUID(), subject, at)
}
