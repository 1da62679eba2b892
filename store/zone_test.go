package store_test

import (
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// Times are read in UTC, wherever the machine is: a day that a rule adds to one is
// of 24 hours.
func TestTimesAreReadInUTC(t *testing.T) {
	if !storetest.InNewYork(t) {
		return
	}
	db := storetest.New(t)
	d := storetest.NewDeal(t, db)
	at := time.Date(2026, 8, 20, 12, 0, 0, 0, time.Local)
	storetest.SQL(t, db, `UPDATE room SET created_at = $1, closes_at = $1`, at)
	utc := func(what string, got time.Time) {
		t.Helper()
		if got.Location() != time.UTC || !got.Equal(at) {
			t.Errorf("%s: %v, want %v", what, got, at.UTC())
		}
	}
	r, err := db.As(d.Una).Room(t.Context(), d.Room.ID)
	if err != nil {
		t.Fatal(err)
	}
	utc("outside a transaction", r.CreatedAt)
	utc("what may be null", *r.ClosesAt)
	err = db.InTx(t.Context(), d.Una, func(tx *store.Tx) error {
		r, err := tx.LockRoom(t.Context(), d.Room.ID)
		utc("in a transaction", r.CreatedAt)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	storetest.SQL(t, db, `UPDATE app_user SET created_at = $1`, at)
	var id access.UserID
	if err := id.UnmarshalText([]byte(d.Una.ID)); err != nil {
		t.Fatal(err)
	}
	u, err := db.Principal(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	utc("across organisations", u.CreatedAt)
}
