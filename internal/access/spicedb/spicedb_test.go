package spicedb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	pb "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/access/spicedb"
	"github.com/openinsure/openinsure/internal/access/spicedb/spicetest"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// somebody is a user of an organisation who has no role.
func somebody(org access.OrgID) access.Actor {
	return access.Actor{Kind: access.User, ID: access.NewUserID(time.Now()).String(), Org: org}
}

func as(relation string, by access.Actor) access.Tuple {
	return access.Tuple{Relation: relation, SubjectType: "user", SubjectID: *by.UUID()}
}

// submit adds a submission as the product does.
func submit(t testing.TB, db *store.DB, by access.Actor) access.Object {
	t.Helper()
	now := time.Now()
	s := submission.Submission{
		ID: submission.NewID(now), Org: by.Org, InsuredName: "Cascade Builders", NAICS: "236220", AnnualRevenue: 1, RequestedLimit: 1,
		EffectiveDate: civil.DateOf(now), State: "OR", LineOfBusiness: "GL", Status: "received", Metadata: map[string]string{}, CreatedBy: by.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.AddSubmission(t.Context(), s) }); err != nil {
		t.Fatal(err)
	}
	return access.Object{Type: access.Submission, ID: s.ID.UUID(), Org: s.Org}
}

func TestEveryQuestionIsAnsweredBySpiceDB(t *testing.T) {
	w := newWorld(t, spicedb.Config{})
	una := storetest.Org(t, w.db, "Summit")
	ben, eve := somebody(una.Org), somebody(una.Org)
	stranger := storetest.Org(t, w.db, "Harbor")
	on := submit(t, w.db, una)
	w.ready()
	for _, tt := range []struct {
		name string
		by   access.Actor
		want access.Permission
		err  error
	}{
		{"her own", una, access.Bind, nil},
		{"a colleague without a role", eve, access.Read, fault.ErrForbidden},
		{"a stranger", stranger, access.Read, fault.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := w.check(tt.by, tt.want, on); !errors.Is(err, tt.err) {
				t.Errorf("err = %v, want %v", err, tt.err)
			}
		})
	}
	t.Run("what was just written", func(t *testing.T) {
		w.relate(on, true, as("producer", ben))
		if err := w.check(ben, access.Read, on); err != nil {
			t.Error(err)
		}
		if err := w.check(ben, access.Bind, on); !errors.Is(err, fault.ErrForbidden) {
			t.Errorf("a producer may not bind: %v", err)
		}
	})
	t.Run("a refusal of SpiceDB counts", func(t *testing.T) {
		w.raw.write(pb.RelationshipUpdate_OPERATION_DELETE, access.Relationship{Type: on.Type, ID: on.ID, Tuple: as("producer", ben)})
		// A copy of some seconds ago may answer: nothing was written by us.
		eventually(t, func() error {
			if err := w.check(ben, access.Read, on); !errors.Is(err, fault.ErrForbidden) {
				return fmt.Errorf("err = %w, want forbidden", err)
			}
			return nil
		})
	})
	t.Run("in the transaction that relates", func(t *testing.T) {
		cal := somebody(una.Org)
		err := w.db.InTx(t.Context(), una, func(tx *store.Tx) error {
			if err := tx.Relate(t.Context(), access.OrgObject(una.Org), as(access.RoleAdmin, cal)); err != nil {
				return err
			}
			return access.Check(t.Context(), tx, cal, access.Administer, access.OrgObject(una.Org))
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestSpiceDBDownIsClosed(t *testing.T) {
	w := newWorld(t, spicedb.Config{Timeout: time.Second})
	una := storetest.Org(t, w.db, "Summit")
	on := submit(t, w.db, una)
	holds := func() error { return w.check(una, access.Read, on) }
	eventually(t, holds)
	for name, f := range map[string]struct{ hurt, heal func() }{
		"killed": {w.server.Kill, w.server.Restart},
		"frozen": {w.server.Pause, w.server.Continue},
	} {
		t.Run(name, func(t *testing.T) {
			f.hurt()
			if err := holds(); !errors.Is(err, access.ErrUnavailable) || fault.KindOf(err) != fault.Unavailable {
				t.Errorf("err = %v", err)
			}
			if _, err := access.Visible(t.Context(), w.db.As(una), una, access.Submission); !errors.Is(err, access.ErrUnavailable) {
				t.Errorf("a list: err = %v", err)
			}
			f.heal()
			eventually(t, func() error {
				err := holds()
				if errors.Is(err, fault.ErrForbidden) || errors.Is(err, fault.ErrNotFound) {
					t.Fatalf("a SpiceDB that is not filled refused: %v", err)
				}
				return err
			})
		})
	}
	t.Run("another token", func(t *testing.T) {
		c, err := spicedb.New(w.db, spicedb.Config{Endpoint: w.server.Addr(), Token: "wrong", Plaintext: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Evaluate(t.Context(), una, access.Read, on); !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("TLS where there is none", func(t *testing.T) {
		c, err := spicedb.New(w.db, spicedb.Config{Endpoint: w.server.Addr(), Token: w.server.Token(), Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Evaluate(t.Context(), una, access.Read, on); !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a caller who went away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.client.Evaluate(ctx, una, access.Read, on); errors.Is(err, access.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

// TestLaggingMirror stops the mirror: what is taken is gone at once, and what
// is given is neither granted nor refused.
func TestLaggingMirror(t *testing.T) {
	w := newWorld(t, spicedb.Config{Timeout: 500 * time.Millisecond})
	una := storetest.Org(t, w.db, "Summit")
	ben := somebody(una.Org)
	on := submit(t, w.db, una)
	w.relate(on, true, as("producer", ben))
	eventually(t, func() error { return w.check(ben, access.Read, on) })
	w.stop()

	w.relate(on, false, as("producer", ben))
	if !w.raw.says(ben, access.Read, on) {
		t.Fatal("the mirror does not lag")
	}
	if err := w.check(ben, access.Read, on); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("removed: err = %v, want forbidden", err)
	}
	cal := somebody(ben.Org)
	w.relate(on, true, as("producer", cal))
	if err := w.check(cal, access.Read, on); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("added: err = %v, want unavailable", err)
	}
	if err := w.check(una, access.Read, on); err != nil {
		t.Errorf("who was there before: %v", err)
	}
	w.mirror()
	eventually(t, func() error { return w.check(cal, access.Read, on) })
	if w.raw.says(ben, access.Read, on) {
		t.Error("SpiceDB still has who was removed")
	}
}

func TestRogueRelationshipGrantsNothing(t *testing.T) {
	w := newWorld(t, spicedb.Config{Compare: 500 * time.Millisecond})
	una := storetest.Org(t, w.db, "Summit")
	ben := storetest.Org(t, w.db, "Harbor")
	on := submit(t, w.db, una)
	eventually(t, func() error { return w.check(una, access.Read, on) })
	touch := pb.RelationshipUpdate_OPERATION_TOUCH
	for name, rogue := range map[string]struct {
		rel  access.Relationship
		by   access.Actor
		want access.Permission
		on   access.Object
		err  error
	}{
		"a role":   {access.Relationship{Type: access.Org, ID: una.Org.UUID(), Tuple: as(access.RoleAdmin, una)}, una, access.Administer, access.OrgObject(una.Org), fault.ErrForbidden},
		"a place":  {access.Relationship{Type: on.Type, ID: on.ID, Tuple: as("producer", ben)}, ben, access.Read, on, fault.ErrNotFound},
		"an owner": {access.Relationship{Type: on.Type, ID: on.ID, Tuple: access.Tuple{Relation: "org", SubjectType: "org", SubjectID: ben.Org.UUID()}}, ben, access.Read, on, fault.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w.raw.write(touch, rogue.rel)
			if !w.raw.says(rogue.by, rogue.want, rogue.on) {
				t.Fatal("SpiceDB does not grant it either")
			}
			if err := w.check(rogue.by, rogue.want, rogue.on); !errors.Is(err, rogue.err) {
				t.Errorf("err = %v, want %v", err, rogue.err)
			}
			eventually(t, func() error {
				if slices.Contains(w.raw.holds(), line(rogue.rel)) {
					return errors.New("it is still there")
				}
				return nil
			})
		})
	}
	t.Run("what was taken out is put back", func(t *testing.T) {
		w.raw.write(pb.RelationshipUpdate_OPERATION_DELETE, access.Relationship{Type: access.Org, ID: una.Org.UUID(), Tuple: as(access.RoleUnderwriter, una)})
		eventually(t, func() error {
			if d := cmp.Diff(w.due(), w.raw.holds()); d != "" {
				return errors.New(d)
			}
			return nil
		})
		if got, want := w.due(), 3; len(got) != want {
			t.Errorf("%d relationships, want %d: %q", len(got), want, got)
		}
	})
}

// TestKilledDuringTraffic asks while SpiceDB dies and comes back empty, and while
// tuples change: nobody is refused what he holds or granted what he does not.
func TestKilledDuringTraffic(t *testing.T) {
	w := newWorld(t, spicedb.Config{Timeout: time.Second})
	una := storetest.Org(t, w.db, "Summit")
	ben := storetest.Org(t, w.db, "Harbor")
	on := submit(t, w.db, una)
	eve := somebody(ben.Org)
	eventually(t, func() error { return w.check(una, access.Read, on) })
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	var mu sync.Mutex // guards answers
	answers := map[string]int{}
	for name, q := range map[string]struct {
		by  access.Actor
		err error
	}{"holds": {una, nil}, "is no one": {eve, fault.ErrNotFound}} {
		for range 2 {
			work.Go(func() {
				for ctx.Err() == nil {
					err := w.check(q.by, access.Read, on)
					got := "right"
					switch {
					case errors.Is(err, access.ErrUnavailable):
						got = "closed"
					case !errors.Is(err, q.err):
						got = "wrong"
						t.Errorf("%s: %v", name, err)
					}
					mu.Lock()
					answers[got]++
					mu.Unlock()
				}
			})
		}
	}
	work.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.relate(on, i%2 == 0, as("producer", ben))
		}
	})
	for range 3 {
		w.server.Restart()
		eventually(t, func() error { return w.check(una, access.Read, on) })
	}
	cancel()
	work.Wait()
	if answers["right"] == 0 || answers["closed"] == 0 {
		t.Errorf("answers %v: want some of each", answers)
	}
	eventually(t, func() error {
		if d := cmp.Diff(w.due(), w.raw.holds()); d != "" {
			return errors.New(d)
		}
		return nil
	})
}

// A restless ledger has another change whenever changes are passed on.
type restless struct {
	access.Ledger
	change func()
}

// PassOn implements access.Ledger.
func (r restless) PassOn(ctx context.Context, holder string, write func(context.Context, []access.Change) (string, error)) (int, bool, error) {
	r.change()
	return r.Ledger.PassOn(ctx, holder, write)
}

// TestFilledWhileChangesNeverEnd: a SpiceDB that was empty is asked once it was
// filled, though there is never a moment in which nothing waits.
func TestFilledWhileChangesNeverEnd(t *testing.T) {
	w := &world{t: t, db: storetest.New(t), server: spicetest.Start(t)}
	una := storetest.Org(t, w.db, "Summit")
	on, ben := submit(t, w.db, una), somebody(una.Org)
	there := false
	busy := restless{w.db, func() {
		there = !there
		w.relate(on, there, as("producer", ben))
	}}
	w.client = w.joinOver(busy, spicedb.Config{})
	w.db.Judge(w.client)
	w.mirror()
	eventually(t, func() error { return w.check(una, access.Read, on) })
}

// TestTwoMirrors has two nodes mirror at once, one of which ends in the middle.
func TestTwoMirrors(t *testing.T) {
	w := newWorld(t, spicedb.Config{})
	stop := run(t, w.join(spicedb.Config{}))
	una := storetest.Org(t, w.db, "Summit")
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for i := range 50 {
				by := somebody(una.Org)
				w.relate(access.OrgObject(una.Org), true, as(access.RoleBroker, by))
				if i%2 == 0 {
					w.relate(access.OrgObject(una.Org), false, as(access.RoleBroker, by))
				}
			}
		})
	}
	w.stop() // the first, which has the lease
	work.Wait()
	eventually(t, func() error {
		if n, _, err := w.db.Waiting(t.Context()); err != nil || n != 0 {
			return fmt.Errorf("%d wait, %w", n, err)
		}
		if d := cmp.Diff(w.due(), w.raw.holds()); d != "" {
			return errors.New(d)
		}
		return nil
	})
	stop()
}
