package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// onlyOne is a database whose pools have one connection each: whoever holds it
// and waits for another waits for ever.
func onlyOne(t *testing.T) *store.DB {
	t.Helper()
	return storetest.Open(t, store.Config{URL: storetest.URL(t), MaxConns: 1, TestClocks: true})
}

// joined runs do as Once does, for at most ten seconds.
func joined(ctx context.Context, t *testing.T, db *store.DB, by access.Actor, rollback bool, do func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, _, err := db.Once(ctx, by, store.Once{Principal: by.ID, Route: t.Name(), Key: time.Now().String()}, func(ctx context.Context) (store.Answer, error) {
		do(ctx)
		return store.Answer{Status: 200, Rollback: rollback}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What reads under Once's context reads in its transaction, as the organisation
// that it was made for: each sees its own and nothing of the other's, in whatever
// order they read, and the transaction is afterwards what it was.
func TestReadsJoinOnce(t *testing.T) {
	db := onlyOne(t)
	a, b := writeBook(t, db, "Summit"), writeBook(t, db, "Other")
	joined(t.Context(), t, db, a.by, false, func(ctx context.Context) {
		ours, theirs := db.As(a.by), db.As(b.by)
		see := func(who string, r store.Reader, of book, want error) {
			t.Helper()
			if _, err := r.Submission(ctx, of.sub.ID); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", who, err, want)
			}
			if _, err := r.Glance(ctx, a.by, of.room.ID); errors.Is(err, fault.ErrNotFound) != (want != nil) { // of a batch
				t.Errorf("%s, at a glance: %v, want %v", who, err, want)
			}
		}
		err := db.InTx(ctx, a.by, func(tx *store.Tx) error {
			see("ours", ours, a, nil)
			see("theirs, of ours", theirs, a, fault.ErrNotFound)
			see("the transaction, of its own", tx.Reader, a, nil)
			see("theirs, of their own", theirs, b, nil)
			see("the transaction, of theirs", tx.Reader, b, fault.ErrNotFound)
			see("ours, of theirs", ours, b, fault.ErrNotFound)
			return tx.Within(ctx, b.by.Org, func() error {
				see("within, of theirs", tx.Reader, b, nil)
				see("ours, within", ours, a, nil)
				see("within, afterwards", tx.Reader, b, nil)
				see("within, of ours", tx.Reader, a, fault.ErrNotFound)
				refused := errors.New("refused")
				err := tx.Try(ctx, func() error {
					see("ours, in a try", ours, a, nil)
					return refused
				})
				if !errors.Is(err, refused) {
					t.Errorf("the try: %v", err)
				}
				see("within, after the try", tx.Reader, b, nil)
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
		see("ours, at the end", ours, a, nil)
		see("theirs, last", theirs, b, nil)
	})
}

// A snapshot under Once's context takes no connection either, and answers from
// the transaction.
func TestSnapshotJoinsOnce(t *testing.T) {
	db := onlyOne(t)
	d := storetest.NewDeal(t, db)
	joined(t.Context(), t, db, d.Ben, false, func(ctx context.Context) {
		err := db.Snapshot(ctx, access.Actor{Org: d.Room.Org}, func(r store.Reader) error {
			_, err := r.Submission(ctx, d.Room.Submission)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// What a transaction has changed is seen by what joins it, and remembered by
// nobody, whether it is kept or not: relationships, and the time.
func TestReadsThatJoinSeeWhatWasChanged(t *testing.T) {
	for _, rollback := range []bool{false, true} {
		db := onlyOne(t)
		by := storetest.Org(t, db, "Summit")
		holder := access.Actor{Kind: access.Insured, ID: access.NewPersonID(time.Now()).String(), Org: by.Org}
		policy := thing(by, access.Policy)
		may := func(ctx context.Context, want bool) {
			t.Helper()
			if err := access.Check(ctx, db.As(holder), holder, access.Read, policy); (err == nil) != want {
				t.Errorf("rollback %v: he reads the policy: %v, want %v", rollback, err, want)
			}
		}
		ahead := func(ctx context.Context, want time.Duration) {
			t.Helper()
			if got, err := db.As(by).Ahead(ctx); got != want || err != nil {
				t.Errorf("rollback %v: %v ahead, %v, want %v", rollback, got, err, want)
			}
		}
		request := store.Remembering(t.Context())
		may(request, false) // and the node remembers it
		joined(request, t, db, by, rollback, func(ctx context.Context) {
			may(ctx, false)
			ahead(ctx, 0)
			err := db.InTx(ctx, by, func(tx *store.Tx) error {
				if err := tx.SaveClock(ctx, time.Hour, by, time.Now()); err != nil {
					return err
				}
				return tx.Relate(ctx, policy, access.Tuple{Relation: access.RelInsured, SubjectType: "person", SubjectID: *holder.UUID()})
			})
			if err != nil {
				t.Error(err)
			}
			may(ctx, true)
			ahead(ctx, time.Hour)
		})
		may(store.Remembering(t.Context()), !rollback)
		ahead(t.Context(), map[bool]time.Duration{false: time.Hour, true: 0}[rollback])
	}
}

// Within a request that remembers, a check that joins a transaction which has
// changed nothing costs as little as it did: no round trip.
func TestWhatIsRememberedCostsNothingInOnce(t *testing.T) {
	c := &storetest.Trips{}
	db := storetest.Open(t, store.Config{URL: storetest.URL(t), Tracer: c})
	by := storetest.Org(t, db, "Summit")
	check := func(ctx context.Context) error {
		return access.Check(ctx, db.As(by), by, access.Read, access.OrgObject(by.Org))
	}
	ctx := store.Remembering(t.Context())
	if err := check(ctx); err != nil {
		t.Fatal(err)
	}
	_, _, err := db.Once(ctx, by, bindRequest(by), func(ctx context.Context) (store.Answer, error) {
		if n := c.Of(t, func() error { return check(ctx) }); n != 0 {
			t.Errorf("%d round trips", n)
		}
		return store.Answer{Status: 200}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// shy is an authority that knows nothing of what is not committed.
type shy struct{}

func (shy) Evaluate(context.Context, access.Actor, access.Permission, access.Object) (access.Opinion, error) {
	return access.Opinion{}, nil
}

// An outside authority is not asked about what only the transaction knows, by
// whatever joins it.
func TestNobodyElseIsAskedAboutWhatOnlyTheTransactionKnows(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	holder := access.Actor{Kind: access.Insured, ID: access.NewPersonID(time.Now()).String(), Org: by.Org}
	policy := thing(by, access.Policy)
	db.Judge(shy{})
	joined(t.Context(), t, db, by, false, func(ctx context.Context) {
		check := func() error { return access.Check(ctx, db.As(holder), holder, access.Read, policy) }
		if err := check(); err == nil {
			t.Error("the authority was not asked")
		}
		err := db.InTx(ctx, by, func(tx *store.Tx) error {
			return tx.Relate(ctx, policy, access.Tuple{Relation: access.RelInsured, SubjectType: "person", SubjectID: *holder.UUID()})
		})
		if err != nil {
			t.Error(err)
		}
		if err := check(); err != nil {
			t.Errorf("the authority was asked: %v", err)
		}
	})
}
