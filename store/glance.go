package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

// A Glance is a room as one reader sees it in a list.
type Glance struct {
	room.Room
	Unread int // messages by others that he, a participant, has not read; at most 100

	// The last message of what is shared and his to read, as its envelope; the
	// zero Seq says that there is none.
	LastSeq int64
	Last    []byte
}

// glance reads the rooms of a row source t, for the reader $2 (a user's uuid)
// who is called $3. Unread ends at 100 and leaves out what was deleted.
const glance = `SELECT ` + roomColumns + `, coalesce(unread.n, 0), coalesce(last.seq, 0), last.payload`

const glanceJoins = `
	LEFT JOIN participant me ON me.room_id = t.id AND me.user_id = $2 AND me.left_at IS NULL
	LEFT JOIN channel c ON c.room_id = t.id
	LEFT JOIN LATERAL (SELECT e.seq, e.payload FROM entry e
		WHERE e.channel_id = c.id AND e.kind = 'deal_room.message_posted' AND e.seq > coalesce(me.from_seq, 0)
		ORDER BY e.seq DESC LIMIT 1) last ON true
	LEFT JOIN read_position rp ON rp.channel_id = c.id AND rp.subject = $3
	LEFT JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM entry e
		WHERE e.channel_id = c.id AND e.seq > greatest(rp.seq, me.from_seq) AND e.kind = 'deal_room.message_posted' AND e.author <> $3
			AND NOT EXISTS (SELECT FROM entry d WHERE d.channel_id = e.channel_id AND d.ref = e.seq AND d.kind = 'deal_room.message_deleted')
		ORDER BY e.seq LIMIT 100) waiting) unread ON me.user_id IS NOT NULL`

func scanGlance(row pgx.CollectableRow) (Glance, error) {
	var g Glance
	r := &g.Room
	return g, row.Scan(&r.ID, &r.Org, &r.Submission, &r.ExternalID, &r.Title, &r.InsuredName, &r.LineOfBusiness, &r.Status,
		&r.CloseReason, &r.ClosedBy, &r.ClosedAt, &r.ClosesAt, &r.Metadata, &r.CreatedBy, &r.CreatedAt, &r.UpdatedAt, &r.Version,
		&g.Unread, &g.LastSeq, &g.Last)
}

// glanceSQL reads one room as a reader sees it.
const glanceSQL = glance + ` FROM room t` + glanceJoins + `
	WHERE t.id = $4 AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.id AND ro.org_id = $1)`

// Glance reads a room as by sees it.
func (r Reader) Glance(ctx context.Context, by access.Actor, id room.ID) (Glance, error) {
	return one(ctx, r, scanGlance, glanceSQL, r.org.UUID(), userOf(by), by.ID, id.UUID())
}

// userOf is the uuid of a user or guest, nil for any other principal.
func userOf(by access.Actor) *string {
	if !by.Sits() {
		return nil
	}
	return by.UUID()
}

// RoomFilter narrows a list of rooms; empty fields do not.
type RoomFilter struct {
	Status     room.Status
	ExternalID string
	Submission submission.ID
}

// glancesSQL lists rooms, newest first, before the row ($9, $10): when $4, all
// of the organisation's; and those of whichever organisation that stored
// relations ($5) grant the subjects $6, $7. Two branches, each with its own
// index and its own end, so that a page costs a page.
const glancesSQL = glance + ` FROM (
		(SELECT t.* FROM room t WHERE $4 AND t.org_id = $1 ` + roomsFilter + `)
		UNION ALL
		(SELECT t.* FROM room t WHERE NOT ($4 AND t.org_id = $1)
			AND t.id = ANY (ARRAY(SELECT r.room_id FROM unnest($5::text[], $6::text[], $7::text[]) u (relation, type, id)
				JOIN relationship r ON r.object_type = 'room' AND r.relation = u.relation
				AND r.subject_type = u.type AND r.subject_id = u.id AND r.subject_relation = ''))
			AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.id AND ro.org_id = $1) ` + roomsFilter + `)
		ORDER BY created_at DESC, id DESC LIMIT $13
	) t` + glanceJoins + `
	ORDER BY t.created_at DESC, t.id DESC`

const roomsFilter = `AND t.status = $8 AND (t.created_at, t.id) < ($9, $10) AND ($11::text IS NULL OR t.external_id = $11)
	AND ($12::uuid IS NULL OR t.submission_id = $12) ORDER BY t.created_at DESC, t.id DESC LIMIT $13`

// endOfTime is after every row.
var endOfTime = time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC)

// Glances lists the rooms that the scope allows, at whichever organisation, as
// by sees them, newest first.
func (r Reader) Glances(ctx context.Context, by access.Actor, see access.Scope, f RoomFilter, p Page) ([]Glance, error) {
	at, id := p.At, p.ID
	if at.IsZero() {
		at, id = endOfTime, r.org.UUID()
	}
	var of *string
	if !f.Submission.IsZero() {
		of = new(f.Submission.UUID())
	}
	relations, types, ids, err := direct(see)
	if err != nil {
		return nil, err
	}
	gs, err := many(ctx, r, scanGlance, glancesSQL, r.org.UUID(), userOf(by), by.ID,
		see.All, relations, types, ids, string(f.Status), at, id, null(f.ExternalID), of, p.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	return gs, nil
}

// direct lists the relations and subjects of a scope whose ways are all of the
// object itself and one who acts: those of a room are.
func direct(see access.Scope) (relations, types, ids []string, err error) {
	for _, w := range see.Ways {
		for _, s := range w.Subjects {
			if len(w.Path) > 0 || s.Relation != "" {
				return nil, nil, nil, fmt.Errorf("rooms are not listed by %v", w)
			}
			for _, r := range w.Relations {
				relations, types, ids = append(relations, r), append(types, s.Type), append(ids, s.ID)
			}
		}
	}
	return relations, types, ids, nil
}
