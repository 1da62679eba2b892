package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// Within another organisation a transaction sees what that one has, and nothing
// of its own; afterwards it is again what it was, whatever became of it.
func TestWithin(t *testing.T) {
	db := storetest.New(t)
	d := storetest.NewDeal(t, db)
	refused := errors.New("refused")
	sees := func(tx *store.Tx, want error) {
		t.Helper()
		if _, err := tx.Submission(t.Context(), d.Room.Submission); !errors.Is(err, want) {
			t.Errorf("the submission: %v, want %v", err, want)
		}
		if _, err := tx.LockSubmission(t.Context(), d.Room.Submission); !errors.Is(err, want) {
			t.Errorf("its lock: %v, want %v", err, want)
		}
	}
	for _, end := range []error{nil, refused} {
		err := db.InTx(t.Context(), d.Ben, func(tx *store.Tx) error {
			sees(tx, fault.ErrNotFound)
			err := tx.Within(t.Context(), d.Room.Org, func() error {
				sees(tx, nil)
				if err := access.Check(t.Context(), tx, d.Ben, access.Deal, d.Room.Object()); err != nil {
					t.Errorf("within, Ben is refused: %v", err)
				}
				if err := access.Check(t.Context(), tx, d.Eve, access.Read, d.Room.Object()); !errors.Is(err, fault.ErrNotFound) {
					t.Errorf("within, Eve gets %v", err)
				}
				tx.Audit(d.Ben, audit.Fact{Action: audit.QuoteAccepted, Object: "quo_1"})
				return end
			})
			if !errors.Is(err, end) {
				t.Errorf("%v, want %v", err, end)
			}
			sees(tx, fault.ErrNotFound)
			tx.Audit(d.Ben, audit.Fact{Action: audit.RoomOpened, Object: "room_1"})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for org, action := range map[access.OrgID]audit.Action{d.Room.Org: audit.QuoteAccepted, d.Ben.Org: audit.RoomOpened} {
		kept := storetest.Value[int](t, db, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND actor_id = $2 AND action = $3`, org.UUID(), d.Ben.ID, string(action))
		all := storetest.Value[int](t, db, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND actor_id = $2`, org.UUID(), d.Ben.ID)
		if kept != 2 || all != 2 {
			t.Errorf("%s: %d rows, %d of them %s, want two", org, all, kept, action)
		}
	}
}

// A request that is carried out once keeps its answer with who sent it, although
// it acted elsewhere.
func TestOnceWithin(t *testing.T) {
	db := storetest.New(t)
	d := storetest.NewDeal(t, db)
	for _, rollback := range []bool{false, true} {
		o := store.Once{Principal: d.Ben.ID, Route: "r", Key: map[bool]string{false: "done", true: "refused"}[rollback]}
		run := func(ctx context.Context) (store.Answer, error) {
			err := db.InTx(ctx, d.Ben, func(tx *store.Tx) error {
				return tx.Within(ctx, d.Room.Org, func() error {
					if rollback {
						return fault.ErrForbidden
					}
					return nil
				})
			})
			if (err != nil) != rollback {
				t.Error(err)
			}
			return store.Answer{Status: 200, Rollback: rollback}, nil
		}
		for _, again := range []bool{false, true} {
			if _, replayed, err := db.Once(t.Context(), d.Ben, o, run); err != nil || replayed != again {
				t.Errorf("%s: replayed %v, %v", o.Key, replayed, err)
			}
		}
	}
}

// Within, it is the time of that organisation, which stands still meanwhile.
func TestWithinItIsTheOthersTime(t *testing.T) {
	db := storetest.Open(t, store.Config{URL: storetest.URL(t), TestClocks: true})
	d := storetest.NewDeal(t, db)
	move := func(by access.Actor, ahead time.Duration) {
		t.Helper()
		if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.SaveClock(t.Context(), ahead, by, time.Now()) }); err != nil {
			t.Fatal(err)
		}
	}
	move(d.Una, time.Hour)
	move(d.Ben, time.Minute)
	err := db.InTx(t.Context(), d.Ben, func(tx *store.Tx) error {
		if tx.Ahead() != time.Minute {
			t.Errorf("before, %v ahead", tx.Ahead())
		}
		err := tx.Within(t.Context(), d.Room.Org, func() error {
			if tx.Ahead() != time.Hour {
				t.Errorf("within, %v ahead", tx.Ahead())
			}
			return nil
		})
		if tx.Ahead() != time.Minute {
			t.Errorf("after, %v ahead", tx.Ahead())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
