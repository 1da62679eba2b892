package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestWritesAreInOrder writes what nobody waits for, and reads it in the same
// transaction and after it.
func TestWritesAreInOrder(t *testing.T) {
	db := storetest.New(t)
	me := writeBook(t, db, "Summit")
	claim := thing(me.by, access.Claim)
	subject := access.Subject{Type: "user", ID: *me.by.UUID()}
	related := func(r store.Reader) bool {
		t.Helper()
		g, err := r.Relationships(t.Context(), subject, claim)
		if err != nil {
			t.Fatal(err)
		}
		return len(g[access.Node{Type: claim.Type, ID: claim.ID}]) > 0
	}
	err := db.InTx(t.Context(), me.by, func(tx *store.Tx) error {
		tie := access.Tuple{Relation: access.RelAdjuster, SubjectType: subject.Type, SubjectID: subject.ID}
		if err := errors.Join(tx.Relate(t.Context(), claim, tie), tx.Unrelate(t.Context(), claim, subject.Type, subject.ID)); err != nil {
			return err
		}
		if related(tx.Reader) {
			t.Error("what was undone is read in the transaction")
		}
		if err := tx.Relate(t.Context(), claim, tie); err != nil {
			return err
		}
		if !related(tx.Reader) {
			t.Error("what was written is not read in the transaction")
		}
		return tx.Unrelate(t.Context(), claim, subject.Type, subject.ID) // left for the commit
	})
	if err != nil {
		t.Fatal(err)
	}
	if related(db.As(me.by)) {
		t.Error("what was left for the commit was not done")
	}
}

func referrals(t *testing.T, db *store.DB) int64 {
	t.Helper()
	return storetest.Value[int64](t, db, `SELECT count(*) FROM referral`)
}

// twice writes one row twice, which nobody notices yet.
func twice(ctx context.Context, tx *store.Tx, me book) error {
	r := me.asked
	r.ID = referral.NewID(time.Now())
	return errors.Join(tx.AddReferral(ctx, r), tx.AddReferral(ctx, r))
}

// TestViolationsAreTold writes what cannot be, where nobody waits for the answer:
// it is told by what comes next, and nothing of the transaction stays.
func TestViolationsAreTold(t *testing.T) {
	db := storetest.New(t)
	me := writeBook(t, db, "Summit")
	ctx := t.Context()
	before := referrals(t, db)
	for name, do := range map[string]func(*store.Tx) error{
		"by the commit": func(tx *store.Tx) error { return twice(ctx, tx, me) },
		"by a read": func(tx *store.Tx) error {
			err := twice(ctx, tx, me)
			if err != nil {
				t.Errorf("told already: %v", err)
			}
			_, err = tx.Submission(ctx, me.sub.ID)
			return err
		},
		"by several reads": func(tx *store.Tx) error {
			err := twice(ctx, tx, me)
			if err != nil {
				t.Errorf("told already: %v", err)
			}
			_, _, err = tx.Counted(ctx, demand(me))
			return err
		},
		"by a statement beyond the walls": func(tx *store.Tx) error {
			err := twice(ctx, tx, me)
			if err != nil {
				t.Errorf("told already: %v", err)
			}
			_, err = tx.Producers(ctx, me.sub.ID)
			return err
		},
	} {
		if err := db.InTx(ctx, me.by, do); !errors.Is(err, store.ErrDuplicate) {
			t.Errorf("%s: %v", name, err)
		}
		if n := referrals(t, db); n != before {
			t.Errorf("%s: %d referrals, were %d", name, n, before)
		}
	}
	o := store.Once{Principal: me.by.ID, Route: "POST /v1/referrals", Key: "k"}
	_, _, err := db.Once(ctx, me.by, o, func(ctx context.Context) (store.Answer, error) {
		return created, db.InTx(ctx, me.by, func(tx *store.Tx) error { return twice(ctx, tx, me) })
	})
	if !errors.Is(err, store.ErrDuplicate) {
		t.Errorf("once: %v", err)
	}
	a, again, err := db.Once(ctx, me.by, o, func(context.Context) (store.Answer, error) { return created, nil })
	if err != nil || again || a.Status != created.Status {
		t.Errorf("once more: %v, replayed %t", err, again)
	}
}

// TestTryUndoesWhatIsKept lets a part of a transaction fail by what nobody waited
// for, and by itself with something kept: neither part stays, the rest does.
func TestTryUndoesWhatIsKept(t *testing.T) {
	db := storetest.New(t)
	me := writeBook(t, db, "Summit")
	ctx := t.Context()
	own := errors.New("its own")
	before := referrals(t, db)
	var mine referral.Referral
	err := db.InTx(ctx, me.by, func(tx *store.Tx) error {
		if err := tx.Try(ctx, func() error { return twice(ctx, tx, me) }); !errors.Is(err, store.ErrDuplicate) {
			t.Errorf("a violation: %v", err)
		}
		lost := me.asked
		lost.ID = referral.NewID(time.Now())
		if err := tx.Try(ctx, func() error { return errors.Join(tx.AddReferral(ctx, lost), own) }); !errors.Is(err, own) {
			t.Errorf("a failure: %v", err)
		}
		mine = me.asked
		mine.ID = referral.NewID(time.Now())
		return tx.Try(ctx, func() error { return tx.AddReferral(ctx, mine) })
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := referrals(t, db); n != before+1 {
		t.Errorf("%d referrals, were %d", n, before)
	}
	if _, err := db.As(me.by).Referral(ctx, mine.ID); err != nil {
		t.Error(err)
	}
}

// TestRolledBackAnswersDropWhatIsKept lets a request be refused for good after it
// wrote.
func TestRolledBackAnswersDropWhatIsKept(t *testing.T) {
	db := storetest.New(t)
	me := writeBook(t, db, "Summit")
	o := store.Once{Principal: me.by.ID, Route: "POST /v1/referrals", Key: "k"}
	before := referrals(t, db)
	refuse := func(ctx context.Context) (store.Answer, error) {
		return store.Answer{Status: 422, Rollback: true}, db.InTx(ctx, me.by, func(tx *store.Tx) error { return twice(ctx, tx, me) })
	}
	for _, replayed := range []bool{false, true} {
		a, again, err := db.Once(t.Context(), me.by, o, refuse)
		if err != nil || a.Status != 422 || again != replayed {
			t.Errorf("answer %d, replayed %t, %v", a.Status, again, err)
		}
	}
	if n := referrals(t, db); n != before {
		t.Errorf("%d referrals, were %d", n, before)
	}
}
