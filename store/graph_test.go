package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestRoundTrips counts what a check costs: one round trip, whatever it leads
// to, and none for what the node remembers when the request has read anything.
func TestRoundTrips(t *testing.T) {
	c := &storetest.Trips{}
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url, Tracer: c})
	by := storetest.Org(t, db, "Summit")
	holder := access.Actor{Kind: access.Insured, ID: access.NewPersonID(time.Now()).String(), Org: by.Org}
	doc, claim, policy := thing(by, access.Document), thing(by, access.Claim), thing(by, access.Policy)
	relate(t, db, by, doc, access.RelClaim, lead(claim))
	relate(t, db, by, claim, access.RelPolicy, lead(policy))
	relate(t, db, by, policy, access.RelInsured, access.Subject{Type: "person", ID: *holder.UUID()})
	trips := func(f func() error) int64 { return c.Of(t, f) }
	read := func(ctx context.Context) func() error {
		return func() error { return access.Check(ctx, db.As(holder), holder, access.Read, doc) }
	}
	if n := trips(read(t.Context())); n != 1 {
		t.Errorf("outside a request: %d round trips", n)
	}
	if n := trips(func() error {
		return db.InTx(t.Context(), holder, func(tx *store.Tx) error { return access.Check(t.Context(), tx, holder, access.Read, doc) })
	}); n != 3 {
		t.Errorf("in a transaction: %d round trips with BEGIN and COMMIT", n)
	}
	if n := trips(read(store.Remembering(t.Context()))); n != 1 {
		t.Errorf("a request that comes first: %d round trips", n)
	}
	ctx := store.Remembering(t.Context())
	if n := trips(func() error { _, err := db.As(holder).Org(ctx, by.Org); return err }); n != 1 {
		t.Errorf("a statement that brings what changed: %d round trips", n)
	}
	if n := trips(read(ctx)); n != 0 {
		t.Errorf("what the node remembers: %d round trips", n)
	}
	relate(t, db, by, claim, access.RelAdjuster, access.Subject{Type: "user", ID: *by.UUID()})
	ctx = store.Remembering(t.Context())
	if _, err := db.As(holder).Org(ctx, by.Org); err != nil {
		t.Fatal(err)
	}
	if n := trips(read(ctx)); n != 1 {
		t.Errorf("after a change on the way: %d round trips", n)
	}
}

// thing is an object of a type that needs no row.
func thing(by access.Actor, typ access.Type) access.Object {
	return access.Object{Type: typ, ID: access.NewKeyID(time.Now()).UUID(), Org: by.Org}
}

func lead(o access.Object) access.Subject { return access.Subject{Type: string(o.Type), ID: o.ID} }

func relate(t testing.TB, db *store.DB, by access.Actor, on access.Object, relation string, to access.Subject) {
	t.Helper()
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		return tx.Relate(t.Context(), on, access.Tuple{Relation: relation, SubjectType: to.Type, SubjectID: to.ID, SubjectRelation: to.Relation})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRelateKnowsTheSchema(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	for _, tuple := range []access.Tuple{
		{Relation: "owner", SubjectType: "user", SubjectID: *by.UUID()},
		{Relation: "insured", SubjectType: "user", SubjectID: *by.UUID()},
		{Relation: "producer", SubjectType: "org", SubjectID: by.Org.UUID()},
		{Relation: "org", SubjectType: "org", SubjectID: by.Org.UUID()},
	} {
		err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.Relate(t.Context(), thing(by, access.Policy), tuple) })
		if err == nil {
			t.Errorf("%+v was written", tuple)
		}
	}
}

// TestEffectiveAtOnce takes rights away on one node and asks on another one,
// which remembers them: the first question after the commit is refused.
func TestEffectiveAtOnce(t *testing.T) {
	url := storetest.URL(t)
	here, there := storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})
	d := storetest.NewDeal(t, here)
	house := rooms.New(here, nil, nil, rooms.Config{})
	role := func(who access.Actor, role, status string) func() error {
		return func() error {
			id, err := parseUser(who.ID)
			if err != nil {
				return err
			}
			return here.InTx(t.Context(), who, func(tx *store.Tx) error {
				u, err := tx.User(t.Context(), id)
				if err != nil {
					return err
				}
				u.Role, u.Status = role, status
				return tx.SaveUser(t.Context(), u)
			})
		}
	}
	ben, err := parseUser(d.Ben.ID)
	if err != nil {
		t.Fatal(err)
	}
	sub := access.Object{Type: access.Submission, ID: d.Room.Submission.UUID(), Org: d.Una.Org}
	desk := room.DeskObject(d.Room.ID, d.Ben.Org)
	for _, tt := range []struct {
		name   string
		who    access.Actor
		want   access.Permission
		on     access.Object
		change func() error
		after  error
	}{
		{"an underwriter is demoted", d.Ulf, access.Bind, sub, role(d.Ulf, access.RoleAuditor, "active"), fault.ErrForbidden},
		{"an underwriter is demoted in the room's list", d.Uno, access.Read, sub, role(d.Uno, access.RoleBroker, "active"), fault.ErrForbidden},
		{"a participant's right is taken", d.Uri, access.Post, d.Room.Object(), func() error {
			id, err := parseUser(d.Uri.ID)
			if err != nil {
				return err
			}
			_, err = house.Change(t.Context(), d.Una, d.Room.ID, rooms.Update{Participants: []rooms.Placing{{User: id, Place: room.Place{CanChat: new(false)}}}}, whatever)
			return err
		}, fault.ErrForbidden},
		{"a participant is removed", d.Ben, access.Read, d.Room.Object(), func() error { return house.Remove(t.Context(), d.Una, d.Room.ID, ben) }, fault.ErrNotFound},
		{"and from his desk", d.Ben, access.Post, desk, func() error { return nil }, fault.ErrForbidden},
		{"a user is stopped", d.Ada, access.Administer, access.OrgObject(d.Ada.Org), role(d.Ada, access.RoleAdmin, "stopped"), fault.ErrForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, db := range []*store.DB{here, there} {
				for range 2 { // read, and remembered
					if err := asked(t, db, tt.who, tt.want, tt.on); tt.name != "and from his desk" && err != nil {
						t.Fatalf("before: %v", err)
					}
				}
			}
			if err := tt.change(); err != nil {
				t.Fatal(err)
			}
			for name, db := range map[string]*store.DB{"here": here, "there": there} {
				if err := asked(t, db, tt.who, tt.want, tt.on); !errors.Is(err, tt.after) {
					t.Errorf("%s, after: %v, want %v", name, err, tt.after)
				}
			}
		})
	}
}

// asked checks as a request does: it reads something first.
func asked(t *testing.T, db *store.DB, by access.Actor, want access.Permission, on access.Object) error {
	t.Helper()
	ctx := store.Remembering(t.Context())
	if _, err := db.As(by).Org(ctx, by.Org); err != nil {
		t.Fatal(err)
	}
	return access.Check(ctx, db.As(by), by, want, on)
}

// TestRevisionUnderLoad changes relationships on two nodes while both are asked
// about them: whoever asks after a commit is answered by it, however many
// transactions are under way.
func TestRevisionUnderLoad(t *testing.T) {
	url := storetest.URL(t)
	nodes := []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
	by := storetest.Org(t, nodes[0], "Summit")
	c := connect(t, url)
	// A transaction that writes and does not end holds the horizon back.
	slow, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Exec(t.Context(), "SELECT pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var checks atomic.Int64
	for w := range 4 {
		all.Go(func() {
			who := access.Actor{Kind: access.User, ID: access.NewUserID(time.Now()).String(), Org: by.Org}
			claim := thing(by, access.Claim)
			tuple := access.Tuple{Relation: access.RelAdjuster, SubjectType: "user", SubjectID: *who.UUID()}
			for i := range 60 {
				has := i%2 == 0
				db := nodes[rand.IntN(2)]
				if err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
					if has {
						return tx.Relate(t.Context(), claim, tuple)
					}
					return tx.Unrelate(t.Context(), claim, "user", *who.UUID())
				}); err != nil {
					t.Error(err)
					return
				}
				for n, db := range nodes {
					ctx := store.Remembering(t.Context())
					if _, err := db.As(who).Org(ctx, by.Org); err != nil {
						t.Error(err)
						return
					}
					for range 3 {
						checks.Add(1)
						if err := access.Check(ctx, db.As(who), who, access.Read, claim); (err == nil) != has {
							t.Errorf("worker %d, change %d, node %d: %v", w, i, n, err)
						}
					}
				}
			}
		})
	}
	all.Wait()
	if err := slow.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if checks.Load() < 1000 {
		t.Error(fmt.Errorf("only %d checks", checks.Load()))
	}
}
