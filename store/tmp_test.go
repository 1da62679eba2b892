package store_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

func TestTmp(t *testing.T) {
	url := storetest.URL(t)
	storetest.SQL(t, storetest.Open(t, store.Config{URL: url}), "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET session_preload_libraries = auto_explain', current_database()); EXECUTE format('ALTER DATABASE %I SET auto_explain.log_min_duration = 9', current_database()); EXECUTE format('ALTER DATABASE %I SET auto_explain.log_analyze = on', current_database()); END$$")
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	rs := make([]room.Room, 200)
	for i := range rs {
		rs[i] = storetest.Room(t, db, by)
	}
	p := storetest.Poster(t, db)
	burst(t, p, rs[0], by, clientIDs(1))
	for range 3 {
	began := time.Now()
	together(64, func(w int) {
		for range 50 {
			if _, err := p.PostWait(t.Context(), post(t, rs[0], by, access.RoomLead, room.NewClientID(), words)); err != nil {
				t.Error(err)
			}
		}
	})
	fmt.Println(3200/time.Since(began).Seconds())
	}
	bs, _ := os.ReadFile(fmt.Sprintf("/tmp/openinsure-test-%d/postgres/postgres.log", os.Getpid())); _ = os.WriteFile("/tmp/pglog-messages.txt", bs, 0o600)
}
