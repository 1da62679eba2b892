package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
)

// A Span is a part of a channel: what lies between two seqs, neither included,
// up to Limit messages, counted from its newest, or from its oldest when
// Forward.
type Span struct {
	After, Before int64 // Before 0 is the end
	Limit         int
	Forward       bool
}

// History is what a channel holds of a Span.
type History struct {
	Epoch    string
	Head     int64
	Messages []room.Message
}

// heard is the condition that a channel c is heard by the organisation $1: its
// own, or one of a room that is shared with it.
const heard = `(c.org_id = $1 OR EXISTS (SELECT FROM room_org ro WHERE ro.room_id = c.room_id AND ro.org_id = $1))`

const historyColumns = `SELECT l.epoch, coalesce(c.head, 0), e.seq, e.payload FROM log l LEFT JOIN channel c ON c.name = $2 AND ` + heard

// historySQL reads messages back from a seq, with where the channel stands, in
// one snapshot.
const historySQL = historyColumns + `
	LEFT JOIN LATERAL (SELECT seq, payload FROM entry WHERE channel_id = c.id AND kind = 'deal_room.message_posted'
		AND seq > $3 AND seq < $4 ORDER BY seq DESC LIMIT $5) e ON true ORDER BY e.seq DESC`

// forwardSQL is historySQL, oldest first.
const forwardSQL = historyColumns + `
	LEFT JOIN LATERAL (SELECT seq, payload FROM entry WHERE channel_id = c.id AND kind = 'deal_room.message_posted'
		AND seq > $3 AND seq < $4 ORDER BY seq LIMIT $5) e ON true ORDER BY e.seq`

// Messages reads messages of a channel that the reader's organisation hears; of
// any other it reads none. Whether the actor may is for access to say.
func (r Reader) Messages(ctx context.Context, name string, s Span) (History, error) {
	sql := historySQL
	if s.Forward {
		sql = forwardSQL
	}
	if s.Before == 0 {
		s.Before = 1<<63 - 1
	}
	var h History
	var seq *int64
	var payload []byte
	err := each(ctx, r, []any{&h.Epoch, &h.Head, &seq, &payload}, func() error {
		if seq == nil {
			return nil
		}
		m, err := room.ReadMessage(name, *seq, payload)
		h.Messages = append(h.Messages, m)
		return err
	}, sql, r.org.UUID(), name, s.After, s.Before, s.Limit)
	if err != nil {
		return History{}, fmt.Errorf("read messages of %s: %w", name, err)
	}
	return h, nil
}

// messageSQL finds a message by its id in one of several channels.
const messageSQL = `SELECT c.name, e.seq, e.payload FROM entry e JOIN channel c ON c.id = e.channel_id
	WHERE e.kind = 'deal_room.message_posted' AND e.event_id = $2 AND c.name = ANY ($3) AND ` + heard

// Message finds a message in one of the channels; fault.ErrNotFound when it is
// in none that the reader's organisation hears.
func (r Reader) Message(ctx context.Context, id room.MessageID, channels ...string) (room.Message, error) {
	return one(ctx, r, func(row pgx.CollectableRow) (room.Message, error) {
		var name string
		var seq int64
		var payload []byte
		if err := row.Scan(&name, &seq, &payload); err != nil {
			return room.Message{}, err
		}
		return room.ReadMessage(name, seq, payload)
	}, messageSQL, r.org.UUID(), id.UUID(), channels)
}

// reviseMessageSQL keeps what a message said and writes what it says now, all
// over again in the entries that told of earlier edits; crosses orgs: entries
// are the worker's to change, and a room's are of the other company, too.
const reviseMessageSQL = `WITH said AS (
		SELECT e.channel_id, e.seq, e.org_id, e.payload FROM entry e JOIN channel c ON c.id = e.channel_id WHERE c.name = $1 AND e.seq = $2
	), kept AS (
		INSERT INTO message_revision (channel_id, seq, number, org_id, payload, replaced_by, replaced_at)
		SELECT s.channel_id, s.seq, 1 + (SELECT count(*) FROM message_revision r WHERE r.channel_id = s.channel_id AND r.seq = s.seq), s.org_id, s.payload, $4, $5 FROM said s
	)
	UPDATE entry e SET payload = $3 FROM said s WHERE e.channel_id = s.channel_id AND e.seq = s.seq`

// editsSQL reads the entries that told of edits of a message; crosses orgs: see
// reviseMessageSQL.
const editsSQL = `SELECT e.seq, e.payload FROM entry e JOIN channel c ON c.id = e.channel_id
	WHERE c.name = $1 AND e.ref = $2 AND e.kind = 'deal_room.message_edited' ORDER BY e.seq`

// rewriteEntrySQL changes one entry; crosses orgs: see reviseMessageSQL.
const rewriteEntrySQL = `UPDATE entry e SET payload = $3 FROM channel c WHERE c.id = e.channel_id AND c.name = $1 AND e.seq = $2`

// lockFanSQL makes the fan-out of a channel wait: what it read before is there
// to be rewritten, and what it reads afterwards is what is said then; crosses
// orgs: see reviseMessageSQL.
const lockFanSQL = `SELECT FROM fan_position p JOIN channel c ON c.id = p.channel_id WHERE c.name = $1 FOR NO KEY UPDATE OF p`

// reviseEventSQL rewrites the event that a message became, which is what is sent
// by everything that still waits; crosses orgs: see reviseMessageSQL.
const reviseEventSQL = `UPDATE event SET payload = $2 WHERE id = $1`

// ReviseMessage makes a message say what m says, also where it became an event.
// What it said is kept as a revision and is in no entry any more: edited
// rewrites the payload of each entry that told of an earlier edit. The caller
// has locked the room.
func (tx *Tx) ReviseMessage(ctx context.Context, m room.Message, by string, at time.Time, edited func(payload []byte) ([]byte, error)) error {
	payload, err := m.Payload()
	if err != nil {
		return err
	}
	err = tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(startFansSQL, []string{m.Channel})
		b.Queue(lockFanSQL, m.Channel)
		b.Queue(reviseMessageSQL, m.Channel, m.Seq, payload, by, at)
		b.Queue(reviseEventSQL, m.ID().UUID(), payload)
	})
	if err != nil {
		return err
	}
	type edit struct {
		seq     int64
		payload []byte
	}
	edits, err := many(ctx, tx.Reader, func(row pgx.CollectableRow) (edit, error) {
		var e edit
		return e, row.Scan(&e.seq, &e.payload)
	}, editsSQL, m.Channel, m.Seq)
	if err != nil {
		return err
	}
	for _, e := range edits {
		if e.payload, err = edited(e.payload); err != nil {
			return err
		}
		if err := tx.across(ctx, rewriteEntrySQL, m.Channel, e.seq, e.payload); err != nil {
			return err
		}
	}
	return nil
}

// presentSQL finds which users are in a room now: of one company, without its
// viewers, when $4 names it; $1 is the organisation that the room is shared
// with.
const presentSQL = `SELECT t.user_id FROM participant t WHERE t.room_id = $2 AND t.user_id = ANY ($3::uuid[]) AND t.left_at IS NULL
	AND ($4::uuid IS NULL OR t.member_org_id = $4 AND t.role <> 'viewer')
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1)`

// Present returns those of the users who are in a room: who hear its shared
// channel, or the desk of a company when company is not zero.
func (r Reader) Present(ctx context.Context, id room.ID, company access.OrgID, users []access.UserID) ([]access.UserID, error) {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.UUID()
	}
	var of *string
	if !company.IsZero() {
		of = new(company.UUID())
	}
	return many(ctx, r, pgx.RowTo[access.UserID], presentSQL, r.org.UUID(), id.UUID(), ids, of)
}

// unreadSQL counts messages of others after the reader's position in each of
// several channels, deleted ones left out. A count looks at a thousand entries
// at most.
const unreadSQL = `SELECT c.name, coalesce(p.seq, 0), (SELECT count(*) FROM (
		SELECT e.author, e.kind, e.payload FROM entry e
		WHERE e.channel_id = c.id AND e.seq > greatest(coalesce(p.seq, 0), coalesce(t.from_seq, 0)) ORDER BY e.seq LIMIT 1000) e
		WHERE e.kind = 'deal_room.message_posted' AND e.author <> $3 AND position('"deletedAt":"'::bytea IN e.payload) = 0)
	FROM channel c LEFT JOIN read_position p ON p.channel_id = c.id AND p.subject = $3 AND p.org_id = $1
	LEFT JOIN participant t ON t.room_id = c.room_id AND t.user_id = $4
	WHERE c.name = ANY ($2) AND ` + heard

// A Progress is how far somebody has read in a channel.
type Progress struct {
	Seq    int64
	Unread int // messages of others after Seq, at most MostUnread
}

// MostUnread is where counts of unread messages end.
const MostUnread = 100

// Progress says how far an actor has read in each of the channels; one that
// nothing was said in is missing.
func (r Reader) Progress(ctx context.Context, by access.Actor, channels ...string) (map[string]Progress, error) {
	out := make(map[string]Progress, len(channels))
	var name string
	var p Progress
	err := each(ctx, r, []any{&name, &p.Seq, &p.Unread}, func() error {
		p.Unread = min(p.Unread, MostUnread)
		out[name] = p
		return nil
	}, unreadSQL, r.org.UUID(), channels, by.ID, by.UUID())
	if err != nil {
		return nil, fmt.Errorf("count unread messages: %w", err)
	}
	return out, nil
}
