package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
)

// A Seat is a guest's place in the one room that he is in.
type Seat struct {
	User     access.UserID
	Firm     access.OrgID
	FirmName string
	Name     string
	Email    string
	Room     room.ID
	Org      access.OrgID // the room's
	JoinedAt time.Time
}

// Actor is who acts from a seat.
func (s Seat) Actor() access.Actor {
	return access.Actor{Kind: access.Guest, ID: s.User.String(), Org: s.Firm, Role: "guest", Room: s.Room.String()}
}

const seatColumns = `u.id, u.org_id, o.name, u.name, u.email, t.room_id, t.org_id, t.joined_at`

func scanSeat(row pgx.CollectableRow) (Seat, error) {
	var s Seat
	return s, row.Scan(&s.User, &s.Firm, &s.FirmName, &s.Name, &s.Email, &s.Room, &s.Org, &s.JoinedAt)
}

// seats are guests who are in rooms.
const seats = ` FROM participant t JOIN app_user u ON u.id = t.user_id AND u.status = 'guest' JOIN org o ON o.id = u.org_id`

// seatSQL finds a guest in a room; crosses orgs: his token is looked at before
// anybody acts.
const seatSQL = `SELECT ` + seatColumns + seats + ` WHERE t.room_id = $1 AND t.user_id = $2 AND t.guest AND t.left_at IS NULL`

// Seat finds a guest who is in a room; fault.ErrNotFound once he is not.
func (db *DB) Seat(ctx context.Context, id room.ID, guest access.UserID) (Seat, error) {
	return one(ctx, db.everywhere(), scanSeat, seatSQL, id.UUID(), guest.UUID())
}

// knownGuestSQL finds somebody who was a guest before; crosses orgs: he may
// have been one in a room of anybody's.
const knownGuestSQL = `SELECT ` + userColumns + `, o.name FROM app_user t JOIN org o ON o.id = t.org_id WHERE t.status = 'guest' AND lower(t.email) = lower($1)`

// addGuestOrgSQL adds the firm of a guest; crosses orgs: it is not there yet.
const addGuestOrgSQL = addOrgSQL

// addGuestSQL adds a guest, who holds no role in his firm; crosses orgs: the
// inviting organisation makes him.
const addGuestSQL = `INSERT INTO app_user (id, org_id, email, name, role, status, created_at, updated_at) VALUES ($1, $2, $3, $4, 'broker', 'guest', $5, $5)`

// nameGuestSQL saves what a guest calls himself; crosses orgs: see addGuestSQL.
const nameGuestSQL = `UPDATE app_user t SET name = $2, updated_at = $3, version = version + 1 WHERE t.id = $1 AND t.status = 'guest'`

// nameFirmSQL saves what a guest calls his firm; crosses orgs: see addGuestSQL.
const nameFirmSQL = `UPDATE org t SET name = $2, updated_at = $3, version = version + 1
	WHERE t.id = $1 AND EXISTS (SELECT FROM app_user u WHERE u.org_id = t.id AND u.status = 'guest') AND NOT EXISTS (SELECT FROM app_user u WHERE u.org_id = t.id AND u.status <> 'guest')`

// WelcomeGuest finds the guest with an address, or makes him and an organisation
// of his firm, and saves what he calls both. Two rooms that welcome one address
// for the first time at once: the second gets ErrDuplicate, and finds him when
// it tries again.
func (tx *Tx) WelcomeGuest(ctx context.Context, email, name, firm string, at time.Time) (Guest, error) {
	var known []Guest
	err := tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(knownGuestSQL, email).Query(func(rows pgx.Rows) error {
			var err error
			known, err = pgx.CollectRows(rows, scanGuest)
			return err
		})
	})
	if err != nil {
		return Guest{}, err
	}
	if len(known) > 0 {
		g := known[0]
		g.User.Name, g.OrgName = name, firm
		return g, tx.beyond(ctx, func(b *pgx.Batch) {
			b.Queue(nameGuestSQL, g.User.ID.UUID(), name, at)
			b.Queue(nameFirmSQL, g.User.Org.UUID(), firm, at)
		})
	}
	g := Guest{User: User{ID: access.NewUserID(at), Org: access.NewOrgID(at), Email: email, Name: name, Role: access.RoleBroker, Status: "guest", CreatedAt: at, UpdatedAt: at}, OrgName: firm}
	return g, tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(addGuestOrgSQL, g.User.Org.UUID(), firm, "brokerage", at)
		b.Queue(addGuestSQL, g.User.ID.UUID(), g.User.Org.UUID(), email, name, at)
	})
}

// addDeviceOfGuestSQL adds a guest's browser; crosses orgs: only the worker may
// write to devices of guests.
const addDeviceOfGuestSQL = `INSERT INTO guest_device (hash, org_id, room_id, user_id, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`

// AddGuestDevice lets a guest's browser back into his room by a secret.
func (tx *Tx) AddGuestDevice(ctx context.Context, s room.Secret, id room.ID, guest access.UserID, at time.Time) error {
	return tx.across(ctx, addDeviceOfGuestSQL, hashOf(s), tx.org.UUID(), id.UUID(), guest.UUID(), at, at.Add(room.DeviceAge))
}

// useDeviceSQL finds the guest of a browser and notes that it was there; crosses
// orgs: nobody acts yet.
const useDeviceSQL = `UPDATE guest_device d SET last_seen_at = $3` + seats + `
	WHERE d.hash = $1 AND d.room_id = $2 AND d.expires_at > $3 AND t.room_id = d.room_id AND t.user_id = d.user_id AND t.guest AND t.left_at IS NULL
	RETURNING ` + seatColumns

// UseGuestDevice finds the guest whose browser has a secret; fault.ErrNotFound
// when it is unknown or too old, or he is not in the room any more.
func (db *DB) UseGuestDevice(ctx context.Context, s room.Secret, id room.ID, at time.Time) (Seat, error) {
	return db.returns(ctx, "guest_device", at, useDeviceSQL, hashOf(s), id.UUID(), at)
}

// returns runs the statement by which a guest comes back, and keeps in the audit
// log that he did.
func (db *DB) returns(ctx context.Context, by string, at time.Time, sql string, args ...any) (Seat, error) {
	var s Seat
	err := pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		var err error
		if s, err = one(ctx, Reader{q: tx}, scanSeat, sql, args...); err != nil {
			return err
		}
		who := s.Actor()
		who.Org = s.Org // the room's is where it is looked for
		return auditIn(ctx, tx, audit.New(who, audit.Fact{Action: audit.SignIn, Object: s.Room.String(), Details: audit.Details{"by": by}}, at))
	})
	return s, faultOf(err)
}

// forgetDeviceSQL forgets a browser; crosses orgs: nobody acts.
const forgetDeviceSQL = `DELETE FROM guest_device WHERE hash = $1`

// ForgetGuestDevice forgets a browser.
func (db *DB) ForgetGuestDevice(ctx context.Context, s room.Secret) error {
	_, err := run(ctx, db.everywhere(), forgetDeviceSQL, hashOf(s))
	return err
}

// forgetDevicesSQL forgets the browsers of a guest who leaves a room; crosses
// orgs: see addDeviceOfGuestSQL.
const forgetDevicesSQL = `DELETE FROM guest_device WHERE room_id = $1 AND user_id = $2`

// forgetGuestLinksSQL forgets the links of a guest who leaves a room; crosses
// orgs: see addDeviceOfGuestSQL.
const forgetGuestLinksSQL = `DELETE FROM guest_link WHERE room_id = $1 AND user_id = $2`

// forgetNewsSQL takes back mails to a guest who leaves a room that were not sent,
// whichever of the company's rooms they are of: they lie sealed; crosses orgs: see
// addDeviceOfGuestSQL.
const forgetNewsSQL = `UPDATE delivery d SET state = 'cancelled', class = 'gone', done_at = now()
	WHERE d.org_id = $1 AND d.target = $2 AND d.kind = 'mail' AND d.type = $3 AND d.state = 'pending'`

// addGuestLinkSQL makes a link for the guest with an address in a room, unless
// he was sent too many; crosses orgs: nobody acts yet.
const addGuestLinkSQL = `INSERT INTO guest_link (hash, org_id, room_id, user_id, created_at, expires_at)
	SELECT $1, t.org_id, t.room_id, t.user_id, $4, $5` + seats + `
	WHERE t.room_id = $2 AND lower(u.email) = lower($3) AND t.guest AND t.left_at IS NULL
		AND (SELECT count(*) FROM guest_link l WHERE l.user_id = t.user_id AND l.room_id = t.room_id AND l.created_at > $4::timestamptz - interval '1 hour') < $6
	RETURNING org_id, user_id`

// addGuestLetterSQL owes a guest the mail with his link, when there is one;
// crosses orgs: nobody acts yet.
const addGuestLetterSQL = `INSERT INTO delivery (org_id, kind, target, event_id, type, payload)
	SELECT l.org_id, 'mail', $2::uuid, $2::uuid, $3, $4 FROM guest_link l WHERE l.hash = $1`

// roomTitleSQL reads what a room is called; crosses orgs: nobody acts yet.
const roomTitleSQL = `SELECT coalesce((SELECT t.title FROM room t WHERE t.id = $1), '')`

// SendGuestLink mails a link to the guest with an address in a room. When there
// is none it runs the same statements, and says the same.
func (db *DB) SendGuestLink(ctx context.Context, id room.ID, email string, link room.Secret, at time.Time, mail func(title string) push.Notice) error {
	title, err := one(ctx, db.everywhere(), pgx.RowTo[string], roomTitleSQL, id.UUID())
	if err != nil {
		return err
	}
	of := event.NewID(at)
	sealed, err := db.sealLetter(of, letter{Notice: mail(title), To: email})
	if err != nil {
		return err
	}
	return faultOf(pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error {
		r := Reader{q: tx}
		type owner struct {
			Org  access.OrgID
			User access.UserID
		}
		owners, err := many(ctx, r, pgx.RowToStructByPos[owner], addGuestLinkSQL, hashOf(link), id.UUID(), email, at, at.Add(room.LinkAge), room.MostLinks)
		if err != nil {
			return err
		}
		if _, err := run(ctx, r, addGuestLetterSQL, hashOf(link), of.UUID(), push.GuestLinkType, sealed); err != nil {
			return err
		}
		var rows []audit.Row
		for _, o := range owners {
			f := audit.Fact{Action: audit.GuestLinkMailed, Object: id.String(), Details: audit.Details{"userId": o.User.String()}}
			rows = append(rows, audit.New(access.Actor{Org: o.Org}, f, at))
		}
		return auditIn(ctx, tx, rows...)
	}))
}

// guestLinkSQL finds the guest of a link that is good; crosses orgs: nobody acts
// yet.
const guestLinkSQL = `SELECT ` + seatColumns + seats + `
	JOIN guest_link l ON l.room_id = t.room_id AND l.user_id = t.user_id
	WHERE l.hash = $1 AND l.used_at IS NULL AND l.expires_at > $2 AND t.guest AND t.left_at IS NULL`

// GuestLink finds the guest of a link that is good, and leaves it so.
func (db *DB) GuestLink(ctx context.Context, link room.Secret, at time.Time) (Seat, error) {
	return one(ctx, db.everywhere(), scanSeat, guestLinkSQL, hashOf(link), at)
}

// useGuestLinkSQL uses a link up and adds the browser that did; crosses orgs:
// nobody acts yet.
const useGuestLinkSQL = `WITH used AS (
		UPDATE guest_link l SET used_at = $2 WHERE l.hash = $1 AND l.used_at IS NULL AND l.expires_at > $2 RETURNING l.org_id, l.room_id, l.user_id
	), device AS (
		INSERT INTO guest_device (hash, org_id, room_id, user_id, created_at, last_seen_at, expires_at) SELECT $3, l.org_id, l.room_id, l.user_id, $2, $2, $4 FROM used l
	)
	SELECT ` + seatColumns + seats + ` JOIN used l ON l.room_id = t.room_id AND l.user_id = t.user_id WHERE t.guest AND t.left_at IS NULL`

// UseGuestLink uses a link up and lets the browser that did back in by a secret
// of its own. Of two uses at once one succeeds.
func (db *DB) UseGuestLink(ctx context.Context, link, device room.Secret, at time.Time) (Seat, error) {
	return db.returns(ctx, "guest_link", at, useGuestLinkSQL, hashOf(link), at, hashOf(device), at.Add(room.DeviceAge))
}
