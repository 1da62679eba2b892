package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// A Deal is a room of two companies with everybody who may have to do with one.
type Deal struct {
	Room room.Room
	Una  access.Actor // lead underwriter; the room is of her organisation
	Uri  access.Actor // an underwriter in it with every permission
	Uno  access.Actor // an underwriter in it with none
	Ulf  access.Actor // an underwriter of the organisation who is not in it
	Ada  access.Actor // an administrator of the organisation who is not in it
	Abe  access.Actor // an auditor of the organisation
	Ben  access.Actor // a broker in it who may chat and annotate
	Bob  access.Actor // a broker in it who may not
	Bea  access.Actor // of Ben's company, not in it
	Vic  access.Actor // of Ben's company, a viewer
	Eve  access.Actor // of a third company
}

// NewDeal makes a room of two companies, and a third that has nothing to do
// with it.
func NewDeal(t testing.TB, db *store.DB) Deal {
	t.Helper()
	d := Deal{Una: Org(t, db, "Summit"), Ben: Org(t, db, "Harbor"), Eve: Org(t, db, "Elsewhere")}
	d.Ben.Role = access.RoleBroker
	d.Uri, d.Uno = User(t, db, d.Una, "Uri", access.RoleUnderwriter), User(t, db, d.Una, "Uno", access.RoleUnderwriter)
	d.Ulf, d.Ada, d.Abe = User(t, db, d.Una, "Ulf", access.RoleUnderwriter), User(t, db, d.Una, "Ada", access.RoleAdmin), User(t, db, d.Una, "Abe", access.RoleAuditor)
	d.Bob, d.Bea, d.Vic = User(t, db, d.Ben, "Bob", access.RoleBroker), User(t, db, d.Ben, "Bea", access.RoleBroker), User(t, db, d.Ben, "Vic", access.RoleBroker)
	d.Room = Room(t, db, d.Una)
	Seat(t, db, d.Room, d.Uri, "underwriter", access.RoomChat, access.RoomAnnotate, access.RoomEdit)
	Seat(t, db, d.Room, d.Uno, "underwriter")
	Seat(t, db, d.Room, d.Ben, "broker", access.RoomChat, access.RoomAnnotate)
	Seat(t, db, d.Room, d.Bob, "broker")
	Seat(t, db, d.Room, d.Vic, "viewer")
	return d
}

// User adds a user to the organisation of by.
func User(t testing.TB, db *store.DB, by access.Actor, name, role string) access.Actor {
	t.Helper()
	now := time.Now()
	id := access.NewUserID(now)
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		return tx.AddUser(t.Context(), store.User{
			ID: id, Org: by.Org, Email: id.String() + "@example.com", Name: name, Role: role, Status: "active", CreatedAt: now,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return access.Actor{Kind: access.User, ID: id.String(), Org: by.Org, Role: role}
}

// Room opens a room for a new submission, with lead in it as its lead
// underwriter.
func Room(t testing.TB, db *store.DB, lead access.Actor) room.Room {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	s := submission.Submission{
		ID: submission.NewID(now), Org: lead.Org, Status: submission.Received, InsuredName: "Pacific Coast Builders", NAICS: "236220",
		AnnualRevenue: 800_000_000, RequestedLimit: 100_000_000, EffectiveDate: civil.Date{Year: 2026, Month: time.May, Day: 1},
		State: "OR", LineOfBusiness: "GL", Metadata: map[string]string{}, CreatedBy: lead.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	r := room.Room{
		ID: room.NewID(now), Org: lead.Org, Submission: s.ID, Title: "Pacific Coast Builders", InsuredName: s.InsuredName, LineOfBusiness: s.LineOfBusiness,
		Status: room.Active, Metadata: map[string]string{}, CreatedBy: lead.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	err := db.InTx(t.Context(), lead, func(tx *store.Tx) error {
		if err := tx.AddSubmission(t.Context(), s); err != nil {
			return err
		}
		return tx.AddRoom(t.Context(), r)
	})
	if err != nil {
		t.Fatal(err)
	}
	Seat(t, db, r, lead, "lead_underwriter", access.RoomLead, access.RoomChat, access.RoomAnnotate, access.RoomEdit)
	return r
}

// Seat puts somebody into a room in a role, with those of the relations
// participant_chat, _annotate and _edit that he is to have.
func Seat(t testing.TB, db *store.DB, r room.Room, who access.Actor, role string, may ...string) {
	t.Helper()
	relations := append([]string{access.RoomParticipant}, may...)
	if role == "broker" {
		relations = append(relations, access.RoomBroker)
	}
	SQL(t, db, `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
		SELECT $1, 'desk', $2, 'member', 'user', $3 WHERE $4 <> 'viewer' ON CONFLICT DO NOTHING`,
		who.Org.UUID(), room.DeskObject(r.ID, who.Org).ID, *who.UUID(), role)
	SQL(t, db, `WITH shared AS (INSERT INTO room_org VALUES ($1::uuid, $2) ON CONFLICT DO NOTHING),
		related AS (INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
			SELECT $3, 'room', $1::uuid::text, unnest($6::text[]), 'user', $4::uuid::text ON CONFLICT DO NOTHING)
		INSERT INTO participant (room_id, user_id, org_id, member_org_id, member_org_name, name, email, role, can_edit, can_annotate, can_chat, invited_by, joined_at)
		SELECT $1, u.id, $3, o.id, o.name, u.name, u.email, $5, 'participant_edit' = ANY ($6), 'participant_annotate' = ANY ($6), 'participant_chat' = ANY ($6), 'system', now()
		FROM app_user u JOIN org o ON o.id = u.org_id WHERE u.id = $4`,
		r.ID.UUID(), who.Org.UUID(), r.Org.UUID(), *who.UUID(), role, relations)
}

// Unseat takes somebody out of a room.
func Unseat(t testing.TB, db *store.DB, r room.Room, who access.Actor) {
	t.Helper()
	SQL(t, db, `WITH unrelated AS (DELETE FROM relationship WHERE object_type IN ('room', 'desk') AND split_part(object_id, '/', 1) = $1::uuid::text AND subject_id = $2::uuid::text)
		UPDATE participant SET left_at = now() WHERE room_id = $1 AND user_id = $2`, r.ID.UUID(), *who.UUID())
}

// Poster returns a poster that runs until the test is over.
func Poster(t testing.TB, db *store.DB) *store.Poster {
	t.Helper()
	p := db.NewPoster(nil)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) }) // returns nil
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return p
}
