package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
)

// headsSQL reads the heads of channels and the epoch they are of; crosses
// orgs: a node tails the channels of all its sessions.
const headsSQL = `SELECT l.epoch, c.name, c.head FROM log l LEFT JOIN channel c ON c.name = ANY ($1)`

// Heads returns the epoch and the last seq of each channel; a channel that was
// never told anything is missing. Whoever asks has checked who may hear them.
func (db *DB) Heads(ctx context.Context, names []string) (string, map[string]int64, error) {
	var epoch string
	heads := make(map[string]int64, len(names))
	var name *string
	var head *int64
	err := each(ctx, Reader{q: plain{db.live}}, []any{&epoch, &name, &head}, func() error {
		if name != nil {
			heads[*name] = *head
		}
		return nil
	}, headsSQL, names)
	if err != nil {
		return "", nil, fmt.Errorf("read heads: %w", err)
	}
	return epoch, heads, nil
}

// rangeSQL reads on in one channel, with where it stands, in one snapshot;
// crosses orgs: a node reads for all its sessions.
const rangeSQL = `SELECT l.epoch, coalesce(c.head, 0), coalesce(c.floor, 0), e.seq, e.payload, e.revokes, e.rewrites
	FROM log l LEFT JOIN channel c ON c.name = $1
	LEFT JOIN LATERAL (SELECT * FROM entry WHERE channel_id = c.id AND seq > $2 ORDER BY seq LIMIT $3) e ON true
	ORDER BY e.seq`

// Range reads up to limit entries of a channel after seq, whoever's it is; one
// that was never told anything is empty. Whoever asks has checked who may hear
// it.
func (db *DB) Range(ctx context.Context, name string, after int64, limit int) (Channel, error) {
	var ch Channel
	var seq *int64
	var payload []byte
	var revokes *string
	var rewrites *bool
	err := each(ctx, Reader{q: plain{db.live}}, []any{&ch.Epoch, &ch.Head, &ch.Floor, &seq, &payload, &revokes, &rewrites}, func() error {
		if seq != nil {
			ch.Entries = append(ch.Entries, Entry{Channel: name, Epoch: ch.Epoch, Seq: *seq, Payload: payload, Revokes: *revokes, Rewrites: *rewrites})
			payload = nil
		}
		return nil
	}, rangeSQL, name, after, limit)
	if err != nil {
		return Channel{}, fmt.Errorf("read a range of %s: %w", name, err)
	}
	return ch, nil
}

// NoticeAge is how long the channels of organisations and persons hold an
// entry. Those of rooms hold theirs as long as the room.
const NoticeAge = 30 * 24 * time.Hour

// raiseFloorsSQL notes how far channels that are not of rooms are about to
// forget, a few at a time; crosses orgs: age is all that counts.
const raiseFloorsSQL = `WITH old AS (
		SELECT c.id, (SELECT max(seq) FROM entry e WHERE e.channel_id = c.id AND e.at < $1) AS seq
		FROM channel c WHERE c.name > $2 AND c.name NOT LIKE 'room:%' AND c.name NOT LIKE 'desk:%' ORDER BY c.name LIMIT $3
	), raised AS (
		UPDATE channel c SET floor = old.seq FROM old WHERE c.id = old.id AND old.seq > c.floor
	)
	SELECT max(name) FROM channel WHERE id IN (SELECT id FROM old)`

// sweepEntriesSQL forgets what is below the floors; crosses orgs: age is all
// that counts.
const sweepEntriesSQL = `DELETE FROM entry WHERE ctid = ANY (ARRAY(
	SELECT e.ctid FROM channel c JOIN entry e ON e.channel_id = c.id AND e.seq <= c.floor WHERE c.floor > 0 LIMIT 5000))`

// sweepEntries forgets entries from before a time: first no reader may ask for
// them, then they go.
func (db *DB) sweepEntries(ctx context.Context, before time.Time) (int64, error) {
	for after := ""; ; {
		last, err := one(ctx, db.everywhere(), pgx.RowTo[*string], raiseFloorsSQL, before, after, 1000)
		if err != nil {
			return 0, err
		}
		if last == nil {
			break
		}
		after = *last
	}
	var total int64
	for {
		n, err := run(ctx, db.everywhere(), sweepEntriesSQL)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// fromSeqSQL reads from where on a participant may read; $1 is the
// organisation that the room is shared with.
const fromSeqSQL = `SELECT t.from_seq FROM participant t WHERE t.room_id = $2 AND t.user_id = $3 AND t.left_at IS NULL
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1)`

// FromSeq returns the seq up to which the shared channel of a room is not the
// actor's to read; 0 for one who may read all of it, or is no participant.
func (r Reader) FromSeq(ctx context.Context, id room.ID, by access.Actor) (int64, error) {
	var user access.UserID
	if !by.Sits() || user.UnmarshalText([]byte(by.ID)) != nil {
		return 0, nil
	}
	from, err := many(ctx, r, pgx.RowTo[int64], fromSeqSQL, r.org.UUID(), id.UUID(), user.UUID())
	if err != nil || len(from) == 0 {
		return 0, err
	}
	return from[0], nil
}
