package rooms_test

import (
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// BenchmarkList reads a page of 100 of 5,000 rooms with 60 messages each, as a
// lead and as a broker of another company who is in all of them.
func BenchmarkList(b *testing.B) {
	db := storetest.New(b)
	una, ben := storetest.Org(b, db, "Summit"), storetest.Org(b, db, "Harbor")
	storetest.Room(b, db, una)
	storetest.SQL(b, db, `WITH made AS (SELECT gen_random_uuid() AS id, n FROM generate_series(1, 5000) n),
		s AS (INSERT INTO submission (id, org_id, insured_name, naics_code, annual_revenue, requested_limit, effective_date, state, line_of_business, status, created_by, created_at, updated_at)
			SELECT id, $1, 'Builders', '236220', 1, 1, '2026-05-01', 'OR', 'GL', 'received', 'x', now(), now() FROM made)
		INSERT INTO room (id, org_id, submission_id, title, insured_name, line_of_business, status, created_by, created_at, updated_at)
		SELECT id, $1, id, 'Builders', 'Builders', 'GL', 'active', 'x', now() - n * interval '1 second', now() FROM made`, una.Org.UUID())
	storetest.SQL(b, db, `INSERT INTO room_org SELECT r.id, o FROM room r, unnest($1::uuid[]) o ON CONFLICT DO NOTHING`, []string{una.Org.UUID(), ben.Org.UUID()})
	storetest.SQL(b, db, `INSERT INTO participant (room_id, user_id, org_id, member_org_id, member_org_name, name, email, role, can_edit, can_annotate, can_chat, invited_by, joined_at)
		SELECT r.id, u.id, r.org_id, u.org_id, 'x', u.name, u.email, 'broker', false, true, true, 'x', now() FROM room r, app_user u ON CONFLICT DO NOTHING`)
	storetest.SQL(b, db, `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
		SELECT p.org_id, 'room', p.room_id::text, 'participant', 'user', p.user_id::text FROM participant p ON CONFLICT DO NOTHING`)
	storetest.SQL(b, db, `INSERT INTO channel (name, org_id, room_id, head) SELECT 'room:' || id, org_id, id, 60 FROM room`)
	storetest.SQL(b, db, `INSERT INTO entry (channel_id, seq, org_id, kind, author, payload, at)
		SELECT id, n, org_id, 'deal_room.message_posted', 'x', convert_to('{"data":{"body":"Hello."}}', 'utf8'), now() FROM channel, generate_series(1, 60) n WHERE room_id IS NOT NULL`)
	storetest.SQL(b, db, `ANALYZE`)
	h := newHouse(db)
	for name, by := range map[string]access.Actor{"lead": una, "broker": ben} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				vs, err := h.List(b.Context(), by, store.RoomFilter{Status: room.Active}, store.Page{Limit: 100})
				if err != nil || len(vs) != 101 || vs[5].Unread != 60 {
					b.Fatal(len(vs), err)
				}
			}
		})
	}
	deep := store.Page{Limit: 100, At: time.Now().Add(-4000 * time.Second), ID: una.Org.UUID()}
	b.Run("deep", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.List(b.Context(), ben, store.RoomFilter{Status: room.Active}, deep); err != nil {
				b.Fatal(err)
			}
		}
	})
}
