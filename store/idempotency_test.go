package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A counter is a database whose visible effect is to count, with a clock.
type counter struct {
	*store.DB
	t     testing.TB
	by    access.Actor
	ago   atomic.Int64 // how far the clock is set back, negative: forward
	heard *published
}

func newCounter(t testing.TB) *counter {
	t.Helper()
	c := &counter{t: t}
	c.DB = storetest.Open(t, store.Config{URL: storetest.URL(t), Now: func() time.Time { return time.Now().Add(-time.Duration(c.ago.Load())) }})
	c.heard = listen(c.DB)
	c.by = storetest.Org(t, c.DB, "Summit")
	return c
}

// effect counts one up and tells of it, in a transaction that joins Once's.
func (c *counter) effect(ctx context.Context, by access.Actor) error {
	return c.InTx(ctx, by, func(tx *store.Tx) error {
		tx.Emit(shuffled(by, nil))
		_, err := tx.NextNumber(ctx, "effects")
		return err
	})
}

// answer does the effect and answers.
func (c *counter) answer(by access.Actor, a store.Answer) func(context.Context) (store.Answer, error) {
	return func(ctx context.Context) (store.Answer, error) { return a, c.effect(ctx, by) }
}

// effects checks how often the effect of an organisation is there, with as many
// events, entries and publications.
func (c *counter) effects(t *testing.T, by access.Actor, want int) {
	t.Helper()
	err := c.InTx(t.Context(), by, func(tx *store.Tx) error {
		n, err := tx.NextNumber(t.Context(), "effects")
		if err != nil {
			return err
		}
		if n != int64(want)+1 {
			t.Errorf("%d effects, want %d", n-1, want)
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Error(err)
	}
	es, err := c.As(by).Events(t.Context(), "", everything, store.Page{Limit: 100})
	if err != nil || len(es) != want {
		t.Errorf("%d events, want %d; %v", len(es), want, err)
	}
	c.heard.compare(t, c.As(by), event.OrgChannel(by.Org, event.Finance), want)
}

func bindRequest(by access.Actor) store.Once {
	return store.Once{Principal: by.ID, Route: "POST /v1/bind", Key: "k", Fingerprint: [32]byte{1}}
}

var created = store.Answer{Status: 201, Header: map[string]string{"Location": "/v1/policies/1"}, Body: []byte(`{"id":1}`)}

// once runs and checks whether it was replayed.
func (c *counter) once(t *testing.T, by access.Actor, o store.Once, a store.Answer, replayed bool) store.Answer {
	t.Helper()
	got, again, err := c.Once(t.Context(), by, o, c.answer(by, a))
	if err != nil {
		t.Fatal(err)
	}
	if again != replayed {
		t.Errorf("replayed: %t, want %t", again, replayed)
	}
	return got
}

func TestOnceReplays(t *testing.T) {
	c := newCounter(t)
	o := bindRequest(c.by)
	if diff := cmp.Diff(created, c.once(t, c.by, o, created, false)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(created, c.once(t, c.by, o, store.Answer{Status: 500}, true)); diff != "" {
		t.Error(diff)
	}
	c.effects(t, c.by, 1)
	o.Fingerprint = [32]byte{2}
	if _, _, err := c.Once(t.Context(), c.by, o, c.answer(c.by, created)); !errors.Is(err, store.ErrKeyReused) {
		t.Errorf("another fingerprint: %v", err)
	}
	c.effects(t, c.by, 1)
}

func TestOnceSharesNothing(t *testing.T) {
	c := newCounter(t)
	o := bindRequest(c.by)
	c.once(t, c.by, o, created, false)
	for i, change := range []func(*store.Once){
		func(o *store.Once) { o.Principal = "usr_other" },
		func(o *store.Once) { o.Route = "POST /v1/quote" },
		func(o *store.Once) { o.Key = "l" },
		// The parts of a label must not run into each other.
		func(o *store.Once) { o.Route, o.Key = o.Route+`" "k`, "" },
	} {
		other := o
		change(&other)
		c.once(t, c.by, other, created, false)
		c.effects(t, c.by, i+2)
	}
	stranger := storetest.Org(t, c.DB, "Other")
	c.once(t, stranger, o, created, false)
	c.effects(t, stranger, 1)
	c.once(t, c.by, o, created, true)
}

// TestOnceInFlight holds the first request until the others are answered.
func TestOnceInFlight(t *testing.T) {
	c := newCounter(t)
	o := bindRequest(c.by)
	inside, done := make(chan struct{}), make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		_, again, err := c.Once(t.Context(), c.by, o, func(ctx context.Context) (store.Answer, error) {
			close(inside)
			<-done
			return created, c.effect(ctx, c.by)
		})
		if again || err != nil {
			t.Errorf("first: replayed %t, %v", again, err)
		}
	})
	<-inside
	together(8, func(int) {
		if _, _, err := c.Once(t.Context(), c.by, o, c.answer(c.by, created)); !errors.Is(err, store.ErrInFlight) {
			t.Errorf("second: %v", err)
		}
	})
	close(done)
	first.Wait()
	c.once(t, c.by, o, created, true)
	c.effects(t, c.by, 1)
}

func TestOnceAtOnce(t *testing.T) {
	c := newCounter(t)
	const rounds = 10
	for round := range rounds {
		o := bindRequest(c.by)
		o.Fingerprint[0] = byte(round)
		o.Key = access.NewRequestID(time.Now()).String()
		var ran atomic.Int64
		together(16, func(int) {
			a, again, err := c.Once(t.Context(), c.by, o, func(ctx context.Context) (store.Answer, error) {
				ran.Add(1)
				return created, c.effect(ctx, c.by)
			})
			switch {
			case errors.Is(err, store.ErrInFlight):
			case err != nil:
				t.Error(err)
			case again && a.Status != created.Status:
				t.Errorf("answer %+v", a)
			}
		})
		if ran.Load() != 1 {
			t.Errorf("round %d: ran %d times", round, ran.Load())
		}
	}
	c.effects(t, c.by, rounds)
}

func TestOnceKeepsNothingOfAnError(t *testing.T) {
	c := newCounter(t)
	o := bindRequest(c.by)
	for name, do := range map[string]func(context.Context) (store.Answer, error){
		"an error": func(ctx context.Context) (store.Answer, error) {
			return store.Answer{}, errors.Join(c.effect(ctx, c.by), errUndo)
		},
		"a failed statement whose error is dropped": func(ctx context.Context) (store.Answer, error) {
			return created, errors.Join(c.effect(ctx, c.by), c.InTx(ctx, c.by, func(tx *store.Tx) error {
				_ = tx.AddUser(ctx, store.User{Org: c.by.Org}) // without a name
				return nil
			}))
		},
		"another organisation": func(ctx context.Context) (store.Answer, error) {
			other := c.by
			other.Org = access.NewOrgID(time.Now())
			return created, errors.Join(c.effect(ctx, c.by), c.effect(ctx, other))
		},
	} {
		if _, again, err := c.Once(t.Context(), c.by, o, do); again || err == nil {
			t.Errorf("%s: replayed %t, %v", name, again, err)
		}
		c.effects(t, c.by, 0)
	}
	func() {
		defer func() { _ = recover() }()
		_, _, _ = c.Once(t.Context(), c.by, o, func(ctx context.Context) (store.Answer, error) {
			_ = c.effect(ctx, c.by)
			panic("in the middle")
		})
	}()
	c.effects(t, c.by, 0)
	c.once(t, c.by, o, created, false)
	c.effects(t, c.by, 1)
}

// TestOnceRollback keeps a final refusal and undoes what came before it.
func TestOnceRollback(t *testing.T) {
	c := newCounter(t)
	o := bindRequest(c.by)
	refused := store.Answer{Status: 422, Body: []byte(`{"code":"plan_unknown"}`), Rollback: true}
	for _, broken := range []bool{false, true} {
		o.Key += "+"
		_, again, err := c.Once(t.Context(), c.by, o, func(ctx context.Context) (store.Answer, error) {
			if err := c.effect(ctx, c.by); err != nil {
				return refused, err
			}
			if broken { // the answer is a constraint's, so the transaction is aborted
				_ = c.InTx(ctx, c.by, func(tx *store.Tx) error { return tx.AddUser(ctx, store.User{Org: c.by.Org}) })
			}
			return refused, nil
		})
		if again || err != nil {
			t.Fatalf("broken %t: replayed %t, %v", broken, again, err)
		}
		c.effects(t, c.by, 0)
		a := c.once(t, c.by, o, created, true)
		if a.Status != 422 || string(a.Body) != string(refused.Body) {
			t.Errorf("answer %+v", a)
		}
		c.effects(t, c.by, 0)
	}
}

func TestOnceForgets(t *testing.T) {
	c := newCounter(t)
	o := bindRequest(c.by)
	c.ago.Store(int64(store.IdempotencyAge + time.Minute))
	c.once(t, c.by, o, created, false)
	c.ago.Store(int64(2 * time.Minute))
	c.once(t, c.by, o, created, true)
	c.ago.Store(0)
	o.Fingerprint = [32]byte{9} // the old answer does not even refuse the key
	accepted := store.Answer{Status: 202, Body: []byte("new")}
	c.once(t, c.by, o, accepted, false)
	c.effects(t, c.by, 2)
	if a := c.once(t, c.by, o, created, true); a.Status != 202 {
		t.Errorf("answer %+v", a)
	}
	// What else there is to sweep goes with the first.
	if _, err := c.Sweep(t.Context(), time.Now().Add(2*time.Hour)); err != nil {
		t.Error(err)
	}
	c.once(t, c.by, o, created, true)
	if n, err := c.Sweep(t.Context(), time.Now().Add(store.IdempotencyAge+time.Minute)); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	c.once(t, c.by, o, created, false)
}

// TestOnceCommitsTogether looks from outside while the request is worked on.
func TestOnceCommitsTogether(t *testing.T) {
	c := newCounter(t)
	o := bindRequest(c.by)
	_, _, err := c.Once(t.Context(), c.by, o, func(ctx context.Context) (store.Answer, error) {
		for range 2 {
			if err := c.effect(ctx, c.by); err != nil {
				return store.Answer{}, err
			}
		}
		es, err := c.As(c.by).Events(ctx, "", everything, store.Page{Limit: 10})
		if err != nil || len(es) != 0 {
			t.Errorf("before the commit: %d events, %v", len(es), err)
		}
		c.heard.compare(t, c.As(c.by), event.OrgChannel(c.by.Org, event.Finance), 0)
		return created, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.effects(t, c.by, 2)
}
