package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// headsSQL reads the heads of channels and the epoch they are of; crosses
// orgs: a node tails the channels of all its sessions.
const headsSQL = `SELECT l.epoch, c.name, c.head FROM log l LEFT JOIN channel c ON c.name = ANY ($1)`

// Heads returns the epoch and the last seq of each channel; a channel that was
// never told anything is missing. Whoever asks has checked who may hear them.
func (db *DB) Heads(ctx context.Context, names []string) (string, map[string]int64, error) {
	var epoch string
	heads := make(map[string]int64, len(names))
	rows, err := db.live.Query(ctx, headsSQL, names)
	if err != nil {
		return "", nil, faultOf(err)
	}
	var name *string
	var head *int64
	_, err = pgx.ForEachRow(rows, []any{&epoch, &name, &head}, func() error {
		if name != nil {
			heads[*name] = *head
		}
		return nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("read heads: %w", faultOf(err))
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
	rows, err := db.live.Query(ctx, rangeSQL, name, after, limit)
	if err != nil {
		return Channel{}, faultOf(err)
	}
	var seq *int64
	var payload []byte
	var revokes *string
	var rewrites *bool
	_, err = pgx.ForEachRow(rows, []any{&ch.Epoch, &ch.Head, &ch.Floor, &seq, &payload, &revokes, &rewrites}, func() error {
		if seq != nil {
			ch.Entries = append(ch.Entries, Entry{Channel: name, Epoch: ch.Epoch, Seq: *seq, Payload: payload, Revokes: *revokes, Rewrites: *rewrites})
			payload = nil
		}
		return nil
	})
	if err != nil {
		return Channel{}, fmt.Errorf("read a range of %s: %w", name, faultOf(err))
	}
	return ch, nil
}
