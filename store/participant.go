package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
)

const participantColumns = `t.room_id, t.user_id, t.org_id, t.member_org_id, t.member_org_name, t.name, t.email, t.guest, t.role,
	t.can_edit, t.can_annotate, t.can_chat, t.from_seq, t.invited_by, t.joined_at, t.left_at, t.barred, t.last_seen_at`

func scanParticipant(row pgx.CollectableRow) (room.Participant, error) {
	var p room.Participant
	return p, row.Scan(&p.Room, &p.User, &p.Org, &p.MemberOrg, &p.MemberOrgName, &p.Name, &p.Email, &p.Guest, &p.Role,
		&p.CanEdit, &p.CanAnnotate, &p.CanChat, &p.FromSeq, &p.InvitedBy, &p.JoinedAt, &p.LeftAt, &p.Barred, &p.LastSeenAt)
}

// participantsSQL reads who is in a room that is shared with the organisation,
// in the order in which they joined.
const participantsSQL = `SELECT ` + participantColumns + ` FROM participant t WHERE t.room_id = $2 AND t.left_at IS NULL
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1) ORDER BY t.joined_at, t.user_id`

// readPositionsSQL reads how far subjects have read what is shared in a room.
const readPositionsSQL = `SELECT p.subject, p.seq FROM channel c JOIN read_position p ON p.channel_id = c.id AND p.subject = ANY ($3)
	WHERE c.room_id = $2 AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = c.room_id AND ro.org_id = $1)`

// Participants reads who is in a room, with how far each has read what is
// shared there.
func (r Reader) Participants(ctx context.Context, id room.ID) ([]room.Participant, error) {
	ps, err := many(ctx, r, scanParticipant, participantsSQL, r.org.UUID(), id.UUID())
	if err != nil {
		return nil, fmt.Errorf("read participants: %w", err)
	}
	at := make(map[string]int, len(ps))
	subjects := make([]string, len(ps))
	for i, p := range ps {
		subjects[i] = p.User.String()
		at[subjects[i]] = i
	}
	type position struct {
		Subject string
		Seq     int64
	}
	read, err := many(ctx, r, pgx.RowToStructByPos[position], readPositionsSQL, r.org.UUID(), id.UUID(), subjects)
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	for _, p := range read {
		ps[at[p.Subject]].LastReadSeq = p.Seq
	}
	return ps, nil
}

// participantSQL reads somebody's place in a room, also one that he left.
const participantSQL = `SELECT ` + participantColumns + ` FROM participant t WHERE t.room_id = $2 AND t.user_id = $3
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = t.room_id AND ro.org_id = $1)`

// Participant reads somebody's place in a room, also one that he left; ok is
// false when he never was there.
func (r Reader) Participant(ctx context.Context, id room.ID, user access.UserID) (p room.Participant, ok bool, err error) {
	ps, err := many(ctx, r, scanParticipant, participantSQL, r.org.UUID(), id.UUID(), user.UUID())
	if err != nil || len(ps) == 0 {
		return room.Participant{}, false, err
	}
	return ps[0], true, nil
}

// sharedHeadSQL reads where the shared channel of a room stands.
const sharedHeadSQL = `SELECT c.head FROM channel c WHERE c.room_id = $2
	AND EXISTS (SELECT FROM room_org ro WHERE ro.room_id = c.room_id AND ro.org_id = $1)`

// SharedHead returns the last seq of what is shared in a room; 0 when that is
// nothing yet.
func (r Reader) SharedHead(ctx context.Context, id room.ID) (int64, error) {
	heads, err := many(ctx, r, pgx.RowTo[int64], sharedHeadSQL, r.org.UUID(), id.UUID())
	if err != nil || len(heads) == 0 {
		return 0, err
	}
	return heads[0], nil
}

// saveParticipantSQL saves somebody's place in a room; crosses orgs: he may be
// of another organisation than the room, and so may whoever saves it.
const saveParticipantSQL = `INSERT INTO participant AS t (room_id, user_id, org_id, member_org_id, member_org_name, name, email, role,
		can_edit, can_annotate, can_chat, from_seq, invited_by, joined_at, left_at, barred, guest)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
	ON CONFLICT (room_id, user_id) DO UPDATE SET member_org_id = $4, member_org_name = $5, name = $6, email = $7, role = $8,
		can_edit = $9, can_annotate = $10, can_chat = $11, from_seq = $12, invited_by = $13, joined_at = $14, left_at = $15, barred = $16, guest = $17`

// relateParticipantSQL makes a user's relationships to an object, a room or a
// desk, these and no others; crosses orgs: see saveParticipantSQL.
const relateParticipantSQL = `WITH gone AS (
		DELETE FROM relationship WHERE object_type = $5 AND object_id = $2 AND subject_type = 'user' AND subject_id = $3 AND relation <> ALL ($4)
	)
	INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
	SELECT $1, $5, $2, r, 'user', $3 FROM unnest($4::text[]) r ON CONFLICT DO NOTHING`

// SaveParticipant saves somebody's place in a room that this transaction
// locked, shares the room with his organisation, and makes his relationships
// follow: from the commit on they are those of his place, and none once he has
// left. A guest who left has no device any more by which he could come back.
func (tx *Tx) SaveParticipant(ctx context.Context, p room.Participant) error {
	tx.judge, tx.related = nil, true
	return tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(shareRoomSQL, p.Room.UUID(), p.MemberOrg.UUID())
		b.Queue(saveParticipantSQL, p.Room.UUID(), p.User.UUID(), p.Org.UUID(), p.MemberOrg.UUID(), p.MemberOrgName, p.Name, p.Email, string(p.Role),
			p.CanEdit, p.CanAnnotate, p.CanChat, p.FromSeq, p.InvitedBy, p.JoinedAt, p.LeftAt, p.Barred, p.Guest)
		desk := room.DeskObject(p.Room, p.MemberOrg)
		b.Queue(relateParticipantSQL, p.Org.UUID(), p.Room.UUID(), p.User.UUID(), p.Relations(), string(access.Room))
		b.Queue(relateParticipantSQL, desk.Org.UUID(), desk.ID, p.User.UUID(), p.DeskRelations(), string(desk.Type))
		if p.Guest && !p.Present() {
			b.Queue(forgetDevicesSQL, p.Room.UUID(), p.User.UUID())
			b.Queue(forgetGuestLinksSQL, p.Room.UUID(), p.User.UUID())
			b.Queue(forgetNewsSQL, p.Org.UUID(), p.User.UUID(), push.GuestNewsType)
		}
	})
}

// A Guest is an active user of any organisation who may be invited.
type Guest struct {
	User    User
	OrgName string
}

func scanGuest(row pgx.CollectableRow) (Guest, error) {
	var g Guest
	u := &g.User
	return g, row.Scan(&u.ID, &u.Org, &u.Email, &u.Name, &u.Role, &u.Status, &u.CreatedAt, &u.UpdatedAt, &u.Version, &g.OrgName)
}

// guestSQL finds an active user; crosses orgs: whoever knows the exact e-mail
// address of somebody may invite him, of whichever company he is.
const guestSQL = `SELECT ` + userColumns + `, o.name FROM app_user t JOIN org o ON o.id = t.org_id
	WHERE t.status = 'active' AND (t.id = $1 OR lower(t.email) = lower($2))`

// Guest finds an active user of any organisation by his id or, when that is
// zero, by his exact address; ok is false when there is none. The caller checks
// whom he may ask for.
func (tx *Tx) Guest(ctx context.Context, id access.UserID, email string) (found Guest, ok bool, err error) {
	var user *string
	if !id.IsZero() {
		user, email = new(id.UUID()), ""
	}
	var gs []Guest
	err = tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(guestSQL, user, email).Query(func(rows pgx.Rows) error {
			var err error
			gs, err = pgx.CollectRows(rows, scanGuest)
			return err
		})
	})
	if err != nil || len(gs) == 0 {
		return Guest{}, false, err
	}
	return gs[0], true, nil
}
