package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
)

// readSQL moves a read position forward, never past the head, and notes that
// the participant was there, at most once a minute.
const readSQL = `WITH c AS (
		SELECT c.id, least(c.head, $5::bigint) AS seq FROM channel c WHERE c.name = $2 AND ` + heard + `
	), seen AS (
		UPDATE participant t SET last_seen_at = $6 WHERE t.room_id = $3 AND t.user_id = $7 AND t.left_at IS NULL
			AND (t.last_seen_at IS NULL OR t.last_seen_at < $6::timestamptz - interval '1 minute')
	), moved AS (
		INSERT INTO read_position AS p (channel_id, subject, org_id, seq, at) SELECT c.id, $4, $1, c.seq, $6 FROM c WHERE c.seq > 0
		ON CONFLICT (channel_id, subject) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE p.seq < excluded.seq
		RETURNING p.seq
	)
	SELECT seq FROM moved`

// Read notes that an actor has read a channel of a room up to seq and reports
// where he stands; moved is false when he stood there or further already.
func (r Reader) Read(ctx context.Context, id room.ID, channel string, by access.Actor, seq int64, at time.Time) (stands int64, moved bool, err error) {
	to, err := many(ctx, r, pgx.RowTo[int64], readSQL, r.org.UUID(), channel, id.UUID(), by.ID, seq, at, by.UUID())
	if err != nil || len(to) == 0 {
		return 0, false, err
	}
	return to[0], true, nil
}
