package store_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// shareRoom lets ben, a broker of another company, into the room of una's book,
// as both companies would.
func shareRoom(t *testing.T, db *store.DB, una book, ben access.Actor) {
	t.Helper()
	house := rooms.New(db, nil, nil, rooms.Config{})
	address := must[store.User](t)(db.As(ben).User(t.Context(), must[access.UserID](t)(parseUser(ben.ID)))).Email
	must[rooms.Invited](t)(house.Invite(t.Context(), una.by, una.room.ID, rooms.Invitation{Email: address, Place: room.Place{Role: new(room.Broker)}}))
	fillRoom(t, db, una.room, una.by, "internal")
	fillRoom(t, db, una.room, ben, "shared")
	fillRoom(t, db, una.room, ben, "internal")
}

// TestSharedRoom reads every table of a room without a filter, as the role of
// the app: what is shared is seen by the two companies and by no third one, and
// what is of a desk by its own company alone.
func TestSharedRoom(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	una := writeBook(t, db, "Summit")
	ben, eve := storetest.Org(t, db, "Harbor"), storetest.Org(t, db, "Elsewhere")
	shareRoom(t, db, una, ben)
	c := connect(t, url)
	ofRoom := map[string]string{
		"room":          `SELECT title FROM room WHERE id = $1`,
		"participant":   `SELECT role FROM participant WHERE room_id = $1`,
		"file":          `SELECT visibility FROM file WHERE room_id = $1`,
		"annotation":    `SELECT body FROM annotation WHERE room_id = $1`,
		"relationship":  `SELECT relation FROM relationship WHERE object_id = $1::uuid::text`,
		"read_position": `SELECT split_part(name, ':', 1) || CASE p.org_id WHEN c.org_id THEN '' ELSE ', of another' END FROM channel c JOIN read_position p ON p.channel_id = c.id WHERE name ~ $1`,
		"channel":       `SELECT split_part(name, ':', 1) FROM channel WHERE name ~ $1`,
		"entry":         `SELECT split_part(name, ':', 1) || ' ' || kind FROM channel c JOIN entry e ON e.channel_id = c.id WHERE name ~ $1`,
		"room_org":      `SELECT 'shared' FROM room_org WHERE room_id = $1`,
		"revision":      `SELECT split_part(name, ':', 1) FROM channel c JOIN message_revision m ON m.channel_id = c.id WHERE name ~ $1`,
	}
	both := map[string][]string{
		"room":         {"Summit Builders GL"},
		"participant":  {"broker", "lead_underwriter"},
		"annotation":   {"Why?", "Why?"},
		"relationship": {"broker", "lead", "participant", "participant", "participant_annotate", "participant_annotate", "participant_chat", "participant_chat", "participant_edit"},
		"channel":      {"desk", "room"},
		"entry":        {"desk deal_room.participant_added", "room deal_room.created", "room deal_room.participant_added", "room deal_room.participant_added"},
		"room_org":     {"shared"},
	}
	want := map[string]map[string][]string{"una": maps.Clone(both), "ben": maps.Clone(both), "eve": {}}
	want["una"]["file"] = []string{"internal", "shared", "shared"}
	want["ben"]["file"] = []string{"internal", "shared", "shared"}
	want["una"]["read_position"] = []string{"desk", "room", "room, of another"}
	want["ben"]["read_position"] = []string{"desk", "room", "room, of another"}
	want["una"]["revision"] = []string{"desk", "room", "room"}
	want["ben"]["revision"] = []string{"desk"}
	for name, who := range map[string]access.Actor{"una": una.by, "ben": ben, "eve": eve} {
		got := map[string][]string{}
		err := pgx.BeginFunc(t.Context(), c, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE openinsure_app"); err != nil {
				return err
			}
			if _, err := tx.Exec(t.Context(), "SELECT set_config('app.org', $1, true)", who.Org.UUID()); err != nil {
				return err
			}
			for table, sql := range ofRoom {
				arg := una.room.ID.UUID()
				if strings.Contains(sql, "name ~") {
					arg = una.room.ID.String()
				}
				rows, err := tx.Query(t.Context(), sql, arg)
				if err != nil {
					return err
				}
				found, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					return err
				}
				if slices.Sort(found); len(found) > 0 {
					got[table] = found
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want[name], got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
