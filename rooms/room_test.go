package rooms_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

func whatever(int) error { return nil }

func newHouse(db *store.DB) *rooms.House { return rooms.New(db, nil, nil, rooms.Config{}) }

func userID(t *testing.T, a access.Actor) access.UserID {
	t.Helper()
	var id access.UserID
	if err := id.UnmarshalText([]byte(a.ID)); err != nil {
		t.Fatal(err)
	}
	return id
}

// told are the types of events on a room's shared channel that begin with one
// of the prefixes.
func told(t *testing.T, db *store.DB, r room.Room, prefixes ...string) []string {
	t.Helper()
	ch, err := db.As(access.Actor{Org: r.Org}).Entries(t.Context(), room.Shared(r.ID, r.Org).Name, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for i, e := range ch.Entries {
		if e.Seq != int64(i+1) {
			t.Errorf("entry %d has seq %d", i, e.Seq)
		}
		for _, p := range prefixes {
			if strings.Contains(string(e.Payload), `"type":"deal_room.`+p) {
				types = append(types, p)
			}
		}
	}
	return types
}

// together runs n calls at once and returns how many came to what.
func together(n int, call func(i int) error) map[error]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[error]int{}
	for i := range n {
		wg.Go(func() {
			err := call(i)
			for _, known := range []error{room.ErrState, room.ErrPresent, room.ErrLastLead, fault.ErrNotFound, fault.ErrForbidden} {
				if errors.Is(err, known) {
					err = known
				}
			}
			mu.Lock()
			outcomes[err]++
			mu.Unlock()
		})
	}
	wg.Wait()
	return outcomes
}

// TestInvitingAndRemovingAtOnce has many invite and remove one broker: what is
// told alternates, and in the end his place, his relationships and the last
// event agree.
func TestInvitingAndRemovingAtOnce(t *testing.T) {
	db := storetest.New(t)
	h, d := newHouse(db), storetest.NewDeal(t, db)
	bea := userID(t, d.Bea)
	got := together(40, func(i int) error {
		if i%2 == 1 {
			return h.Remove(t.Context(), []access.Actor{d.Una, d.Uri, d.Ben}[i%3], d.Room.ID, bea)
		}
		_, err := h.Invite(t.Context(), []access.Actor{d.Una, d.Uri, d.Ada}[i%3], d.Room.ID, rooms.Invitation{
			Email: d.Bea.ID + "@example.com", Place: room.Place{Role: new(room.Broker)},
		})
		return err
	})
	// Ben may not remove one who has never been there.
	if n := got[nil] + got[room.ErrPresent] + got[fault.ErrNotFound] + got[fault.ErrForbidden]; n != 40 || got[nil] == 0 {
		t.Fatalf("outcomes %v", got)
	}
	events := told(t, db, d.Room, "participant_added", "participant_removed")
	for i, e := range events {
		if want := []string{"participant_added", "participant_removed"}[i%2]; e != want {
			t.Fatalf("event %d is %s: %v", i, e, events)
		}
	}
	if len(events) != got[nil] {
		t.Errorf("%d events of %d changes", len(events), got[nil])
	}
	in := len(events)%2 == 1
	p, ok, err := db.As(d.Una).Participant(t.Context(), d.Room.ID, bea)
	if err != nil || !ok || p.Present() != in {
		t.Errorf("in the room: %v %v %v, want %v", p, ok, err, in)
	}
	if err := access.Check(t.Context(), db.As(d.Bea), d.Bea, access.Read, d.Room.Object()); (err == nil) != in {
		t.Errorf("may read: %v, want %v", err, in)
	}
}

func TestClosingAtOnce(t *testing.T) {
	db := storetest.New(t)
	h, d := newHouse(db), storetest.NewDeal(t, db)
	got := together(16, func(i int) error {
		_, err := h.Change(t.Context(), []access.Actor{d.Una, d.Ada}[i%2], d.Room.ID, rooms.Update{Status: new(room.Closed), Reason: "Bound."}, whatever)
		return err
	})
	if got[nil] != 1 || got[room.ErrState] != 15 {
		t.Errorf("outcomes %v", got)
	}
	if n := len(told(t, db, d.Room, "closed")); n != 1 {
		t.Errorf("told of %d closings", n)
	}
}

func TestTwoLeadsLeaveAtOnce(t *testing.T) {
	db := storetest.New(t)
	h, d := newHouse(db), storetest.NewDeal(t, db)
	_, err := h.Change(t.Context(), d.Una, d.Room.ID, rooms.Update{Participants: []rooms.Placing{{User: userID(t, d.Uri), Place: room.Place{Role: new(room.Lead)}}}}, whatever)
	if err != nil {
		t.Fatal(err)
	}
	leads := []access.Actor{d.Una, d.Uri}
	got := together(2, func(i int) error { return h.Remove(t.Context(), leads[i], d.Room.ID, userID(t, leads[i])) })
	if got[nil] != 1 || got[room.ErrLastLead] != 1 {
		t.Errorf("outcomes %v", got)
	}
}

// TestPostingEnds has one post until he is removed, or the room is closed: from
// the commit on he is refused, though he was granted it before.
func TestPostingEnds(t *testing.T) {
	db := storetest.New(t)
	h, d := newHouse(db), storetest.NewDeal(t, db)
	posts := storetest.Poster(t, db)
	grants := map[string]access.Grant{}
	for _, a := range []access.Actor{d.Una, d.Ben} {
		grant, err := access.Find(t.Context(), db.As(a), a, access.Post, d.Room.Object())
		if err != nil {
			t.Fatal(err)
		}
		grants[a.ID] = grant
	}
	post := func(a access.Actor) error {
		now := time.Now()
		e := event.New(d.Room.Org, d.Room.ID.String(), event.MessagePosted{RoomID: d.Room.ID.String(), Visibility: "shared", Body: "Hello."}, now)
		payload, err := e.Payload()
		if err != nil {
			return err
		}
		_, err = posts.PostWait(t.Context(), store.Post{
			Room: d.Room.ID, Channel: room.Shared(d.Room.ID, d.Room.Org), ID: room.MessageID(e.ID), Author: a.ID, ClientID: access.NewRequestID(now).UUID(),
			Payload: payload, At: now, Grant: grants[a.ID],
		})
		return err
	}
	if err := errors.Join(post(d.Una), post(d.Ben)); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(t.Context(), d.Una, d.Room.ID, userID(t, d.Ben)); err != nil {
		t.Fatal(err)
	}
	if err := post(d.Ben); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("removed: %v", err)
	}
	if _, err := h.Change(t.Context(), d.Una, d.Room.ID, rooms.Update{Status: new(room.Closed), Reason: "Bound."}, whatever); err != nil {
		t.Fatal(err)
	}
	if err := post(d.Una); !errors.Is(err, room.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestRoomsCloseByThemselves has two nodes close what is due, and nothing else.
func TestRoomsCloseByThemselves(t *testing.T) {
	db := storetest.New(t)
	una, other := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Other")
	h := newHouse(db)
	now := time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC)
	schedule := func(by access.Actor, r room.Room, at time.Time) {
		t.Helper()
		err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
			if _, err := tx.LockSubmission(t.Context(), r.Submission); err != nil {
				return err
			}
			_, err := rooms.ScheduleClose(t.Context(), tx, r.Submission, at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	status := func(by access.Actor, r room.Room) rooms.View {
		t.Helper()
		v, err := h.Get(t.Context(), by, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	due := map[string][]room.Room{}
	actors := map[string]access.Actor{una.ID: una, other.ID: other}
	for i := range 12 {
		by := []access.Actor{una, other}[i%2]
		r := storetest.Room(t, db, by)
		schedule(by, r, now)
		due[by.ID] = append(due[by.ID], r)
	}
	late, never, closed := storetest.Room(t, db, una), storetest.Room(t, db, una), storetest.Room(t, db, una)
	schedule(una, late, now.Add(time.Hour))
	if _, err := h.Change(t.Context(), una, closed.ID, rooms.Update{Status: new(room.Closed), Reason: "Withdrawn."}, whatever); err != nil {
		t.Fatal(err)
	}
	schedule(una, closed, now)
	if n, err := h.CloseDue(t.Context(), now.Add(-time.Second)); n != 0 || err != nil {
		t.Fatalf("too early: %d, %v", n, err)
	}
	var total atomic.Int64
	if got := together(4, func(int) error {
		n, err := newHouse(db).CloseDue(t.Context(), now)
		total.Add(int64(n))
		return err
	}); got[nil] != 4 {
		t.Errorf("outcomes %v", got)
	}
	// Of nodes at once one may leave a room to another that is at work on it.
	if total.Load() != 12 {
		t.Errorf("closed %d", total.Load())
	}
	for by, rs := range due {
		for _, r := range rs {
			if v := status(actors[by], r); v.Status != room.Closed || v.ClosedBy != "system" || v.CloseReason == "" || !v.ClosedAt.Equal(now) || v.ClosesAt != nil {
				t.Errorf("%s: %+v", r.ID, v.Room)
			}
			if n := len(told(t, db, r, "closed")); n != 1 {
				t.Errorf("%s: told of %d closings", r.ID, n)
			}
		}
	}
	if v := status(una, late); v.Status != room.Active || v.ClosesAt == nil {
		t.Errorf("not due: %+v", v.Room)
	}
	if v := status(una, never); v.Status != room.Active {
		t.Errorf("without a time: %+v", v.Room)
	}
	if v := status(una, closed); v.CloseReason != "Withdrawn." || v.ClosesAt != nil {
		t.Errorf("closed before: %+v", v.Room)
	}
	// One that is reopened stays open.
	again := due[una.ID][0]
	if _, err := h.Change(t.Context(), una, again.ID, rooms.Update{Status: new(room.Active)}, whatever); err != nil {
		t.Fatal(err)
	}
	if n, err := h.CloseDue(t.Context(), now.Add(time.Hour)); n != 1 || err != nil { // the late one
		t.Errorf("closed %d, %v", n, err)
	}
	if v := status(una, again); v.Status != room.Active {
		t.Errorf("reopened: %+v", v.Room)
	}
}

func TestRoomIsFull(t *testing.T) {
	db := storetest.New(t)
	h, una := newHouse(db), storetest.Org(t, db, "Summit")
	r := storetest.Room(t, db, una)
	storetest.SQL(t, db, `WITH u AS (INSERT INTO app_user (id, org_id, email, name, role, status, created_at, updated_at)
			SELECT gen_random_uuid(), $2, 'u' || n || '@example.com', 'U', 'auditor', 'active', now(), now() FROM generate_series(2, $3::int) n RETURNING *)
		INSERT INTO participant (room_id, user_id, org_id, member_org_id, member_org_name, name, email, role, can_edit, can_annotate, can_chat, invited_by, joined_at)
		SELECT $1, id, org_id, org_id, 'Summit', name, email, 'viewer', false, false, false, 'system', now() FROM u`, r.ID.UUID(), una.Org.UUID(), room.MostParticipants)
	uma := storetest.User(t, db, una, "Uma", access.RoleUnderwriter)
	in := rooms.Invitation{User: userID(t, uma), Place: room.Place{Role: new(room.Viewer)}}
	if _, err := h.Invite(t.Context(), una, r.ID, in); !errors.Is(err, room.ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	storetest.SQL(t, db, `UPDATE participant SET left_at = now() WHERE email = 'u2@example.com'`)
	if _, err := h.Invite(t.Context(), una, r.ID, in); err != nil {
		t.Errorf("the last place: %v", err)
	}
}

func TestCardsAreShown(t *testing.T) {
	db := storetest.New(t)
	d := storetest.NewDeal(t, db)
	err := db.InTx(t.Context(), d.Una, func(tx *store.Tx) error {
		return rooms.ShowCard(t.Context(), tx, d.Room.Submission, event.Card{Card: "policy.bound", Text: "Bound."}, time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := told(t, db, d.Room, "card_posted"); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}
