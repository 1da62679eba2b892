package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
)

const invitationColumns = `t.id, t.room_id, t.org_id, t.email, t.role, t.can_chat, t.from_seq, t.invited_by, t.state, t.created_at, t.expires_at, t.accepted_at, t.accepted_by`

func invitationFields(v *room.Invitation) []any {
	return []any{&v.ID, &v.Room, &v.Org, &v.Email, &v.Role, &v.CanChat, &v.FromSeq, &v.InvitedBy, &v.State, &v.CreatedAt, &v.ExpiresAt, &v.AcceptedAt, &v.AcceptedBy}
}

func scanInvitation(row pgx.CollectableRow) (room.Invitation, error) {
	var v room.Invitation
	return v, row.Scan(invitationFields(&v)...)
}

// hashOf is what is kept of a secret.
func hashOf(s room.Secret) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// invitationLabel binds the keyed hash of a code to its invitation.
func invitationLabel(id room.InvitationID) string { return "invitation " + id.String() }

// replaceInvitationSQL ends the invitation of an address to a room that waits,
// and takes back the mail that was not sent.
const replaceInvitationSQL = `WITH gone AS (
		UPDATE invitation SET state = 'replaced' WHERE org_id = $1 AND room_id = $2 AND lower(email) = lower($3) AND state = 'pending' RETURNING id
	)
	, unsent AS (
		UPDATE delivery d SET state = 'cancelled', class = 'gone', done_at = now() FROM gone
		WHERE d.org_id = $1 AND d.event_id = gone.id AND d.kind = 'mail' AND d.state = 'pending'
	)
	SELECT id FROM gone`

// waitingSQL counts the invitations to a room that wait.
const waitingSQL = `SELECT count(*) FROM invitation t WHERE t.org_id = $1 AND t.room_id = $2 AND t.state = 'pending' AND t.expires_at > $3`

// addInvitationSQL adds an invitation.
const addInvitationSQL = `INSERT INTO invitation (id, org_id, room_id, email, role, can_chat, from_seq, invited_by, hash, code, state, created_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, convert_from($8, 'UTF8')::jsonb, $9, $10, 'pending', $11, $12)`

// AddInvitation adds an invitation into a room that this transaction locked, in
// place of the one that waits for the same address, and owes it the mail that
// has the link and the code in it. The audit log keeps both, by whom they were
// brought about.
func (tx *Tx) AddInvitation(ctx context.Context, by access.Actor, v room.Invitation, link room.Secret, code string, mail push.Notice) error {
	replaced, err := many(ctx, tx.Reader, pgx.RowTo[room.InvitationID], replaceInvitationSQL, tx.org.UUID(), v.Room.UUID(), v.Email)
	if err != nil {
		return err
	}
	for _, id := range replaced {
		tx.Audit(by, audit.Fact{Action: audit.InvitationReplaced, Object: id.String(), Details: audit.Details{"roomId": v.Room.String(), "replacedBy": v.ID.String()}})
	}
	waiting, err := one(ctx, tx.Reader, pgx.RowTo[int], waitingSQL, tx.org.UUID(), v.Room.UUID(), v.CreatedAt)
	if err != nil {
		return err
	}
	if waiting >= room.MostInvitations {
		return room.ErrInvited
	}
	inviter, err := json.Marshal(v.InvitedBy)
	if err != nil {
		return err
	}
	_, err = run(ctx, tx.Reader, addInvitationSQL, v.ID.UUID(), tx.org.UUID(), v.Room.UUID(), v.Email, string(v.Role), v.CanChat, v.FromSeq, inviter, hashOf(link),
		tx.db.seal.Mac(room.ReadCode(code), invitationLabel(v.ID)), v.CreatedAt, v.ExpiresAt)
	if err != nil {
		return err
	}
	tx.Audit(by, audit.Fact{Action: audit.InvitationSent, Object: v.ID.String(), Details: audit.Details{"roomId": v.Room.String(), "role": string(v.Role), "canChat": v.CanChat}})
	return tx.owe(ctx, event.ID(v.ID), push.InvitationType, letter{Notice: mail, To: v.Email})
}

// owe owes a mailbox without an inbox a letter.
func (tx *Tx) owe(ctx context.Context, of event.ID, typ string, l letter) error {
	sealed, err := tx.db.sealLetter(of, l)
	if err != nil {
		return err
	}
	_, err = run(ctx, tx.Reader, addLetterSQL, tx.org.UUID(), of.UUID(), of.UUID(), typ, sealed)
	return err
}

// Invitations lists the invitations into a room of the reader's organisation.
func (r Reader) Invitations(ctx context.Context, id room.ID, p Page) ([]room.Invitation, error) {
	w := r.where()
	w.and("t.room_id = $?", id.UUID())
	return list(ctx, r, scanInvitation, invitationColumns, "invitation", "created_at", w, p)
}

// lockInvitationSQL reads an invitation for change.
const lockInvitationSQL = `SELECT ` + invitationColumns + ` FROM invitation t WHERE t.org_id = $1 AND t.room_id = $2 AND t.id = $3 FOR NO KEY UPDATE`

// LockInvitation reads an invitation that nobody else uses until the end of the
// transaction; its room is locked before it.
func (tx *Tx) LockInvitation(ctx context.Context, id room.ID, invitation room.InvitationID) (room.Invitation, error) {
	return one(ctx, tx.Reader, scanInvitation, lockInvitationSQL, tx.org.UUID(), id.UUID(), invitation.UUID())
}

// endInvitationSQL ends an invitation, and takes back the mail that was not
// sent.
const endInvitationSQL = `WITH gone AS (
		UPDATE invitation SET state = $4, accepted_at = $5, accepted_by = $6 WHERE org_id = $1 AND room_id = $2 AND id = $3 AND state = 'pending' RETURNING id
	)
	UPDATE delivery d SET state = 'cancelled', class = 'gone', done_at = now() FROM gone
	WHERE d.org_id = $1 AND d.event_id = gone.id AND d.kind = 'mail' AND d.state = 'pending'`

// EndInvitation saves that a locked invitation does not wait any more.
func (tx *Tx) EndInvitation(ctx context.Context, v room.Invitation) error {
	var by *string
	if !v.AcceptedBy.IsZero() {
		by = new(v.AcceptedBy.UUID())
	}
	_, err := run(ctx, tx.Reader, endInvitationSQL, tx.org.UUID(), v.Room.UUID(), v.ID.UUID(), string(v.State), v.AcceptedAt, by)
	return err
}

// invitationByLinkSQL finds an invitation; crosses orgs: nobody acts yet.
const invitationByLinkSQL = `SELECT ` + invitationColumns + ` FROM invitation t WHERE t.hash = $1`

// InvitationByLink finds an invitation, in whatever state, by what stands in its
// link.
func (db *DB) InvitationByLink(ctx context.Context, link room.Secret) (room.Invitation, error) {
	return one(ctx, db.everywhere(), scanInvitation, invitationByLinkSQL, hashOf(link))
}

// openInvitationSQL notes that the link of an invitation was followed for the
// first time; crosses orgs: nobody acts yet.
const openInvitationSQL = `UPDATE invitation t SET opened_at = $2 WHERE t.id = $1 AND t.opened_at IS NULL`

// OpenInvitation keeps in the audit log that somebody follows the link of an
// invitation for the first time; nothing else changes.
func (db *DB) OpenInvitation(ctx context.Context, v room.Invitation, at time.Time) error {
	return faultOf(pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		n, err := run(ctx, Reader{q: tx}, openInvitationSQL, v.ID.UUID(), at)
		if err != nil || n == 0 {
			return err
		}
		f := audit.Fact{Action: audit.InvitationOpened, Object: v.ID.String(), Details: audit.Details{"roomId": v.Room.String()}}
		return auditIn(ctx, tx, audit.New(access.Actor{Org: v.Org}, f, at))
	}))
}

// tryInvitationSQL counts a try at the codes of all invitations of an address that
// wait, before anybody knows whether it is right; crosses orgs: nobody acts yet.
const tryInvitationSQL = `UPDATE invitation t SET tries = t.tries + 1
	WHERE lower(t.email) = lower($1) AND t.state = 'pending' AND t.expires_at > $2 AND t.tries < $3 RETURNING ` + invitationColumns + `, t.code`

// InvitationByCode finds the invitation of an address that waits by its code;
// room.ErrInvitationCode when there is none, or too many codes were tried.
func (db *DB) InvitationByCode(ctx context.Context, email, code string, at time.Time) (room.Invitation, error) {
	type tried struct {
		room.Invitation
		mac []byte
	}
	vs, err := many(ctx, db.everywhere(), func(row pgx.CollectableRow) (tried, error) {
		var v tried
		return v, row.Scan(append(invitationFields(&v.Invitation), &v.mac)...)
	}, tryInvitationSQL, email, at, room.CodeTries)
	if err != nil {
		return room.Invitation{}, err
	}
	for _, v := range vs {
		if typed := room.ReadCode(code); typed != "" && db.seal.IsMac(v.mac, typed, invitationLabel(v.ID)) {
			return v.Invitation, nil
		}
	}
	if len(vs) == 0 {
		return room.Invitation{}, room.ErrInvitationCode
	}
	return room.Invitation{}, audit.Suspect(room.ErrInvitationCode, access.Actor{Org: vs[0].Org}, vs[0].ID.String(), room.ErrInvitationCode.Code())
}
