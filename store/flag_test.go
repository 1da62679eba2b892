package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/flag"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

var operator = access.Actor{Kind: access.System, ID: "system"}

// follow runs the flags of one node.
func follow(t *testing.T, db *store.DB) *store.FlagCache {
	t.Helper()
	c, err := db.LoadFlags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return c
}

// looks tells of each statement that a node has run, with its error: what it
// knows may be another thing then.
type looks chan error

func (l looks) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (l looks) TraceQueryEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	select {
	case l <- d.Err:
	default: // nobody waits
	}
}

// until waits for something that the node comes to know by looking.
func (l looks) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for !is() {
		select {
		case <-l:
		case <-late:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func setGuests(t *testing.T, db *store.DB, by access.Actor, v bool) {
	t.Helper()
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.SetFlag(t.Context(), by, flag.GuestInvitations, v, time.Now()) }); err != nil {
		t.Fatal(err)
	}
}

// TestFlagsOnEveryNode changes flags on one node and waits for them on another.
func TestFlagsOnEveryNode(t *testing.T) {
	url := storetest.URL(t)
	seen := make(looks)
	one, two := storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url, Tracer: seen})
	us, they := storetest.Org(t, one, "Summit"), storetest.Org(t, one, "Other")
	ctx, c := t.Context(), follow(t, two)
	if !c.Bool(us.Org, flag.GuestInvitations) {
		t.Error("off before anybody said so")
	}
	setGuests(t, one, us, false)
	seen.until(t, "an override", func() bool { return !c.Bool(us.Org, flag.GuestInvitations) })
	if !c.Bool(they.Org, flag.GuestInvitations) {
		t.Error("another organisation has the override")
	}
	if err := one.SetFlagForAll(ctx, operator, flag.GuestInvitations, false, nil); err != nil {
		t.Fatal(err)
	}
	seen.until(t, "a value for all", func() bool { return !c.Bool(they.Org, flag.GuestInvitations) })
	setGuests(t, one, us, true)
	seen.until(t, "an override of it", func() bool { return c.Bool(us.Org, flag.GuestInvitations) })
	if err := one.InTx(ctx, us, func(tx *store.Tx) error { return tx.UnsetFlag(ctx, us, flag.GuestInvitations) }); err != nil {
		t.Fatal(err)
	}
	seen.until(t, "no override", func() bool { return !c.Bool(us.Org, flag.GuestInvitations) })
	if err := one.UnsetFlagForAll(ctx, operator, flag.GuestInvitations); err != nil {
		t.Fatal(err)
	}
	seen.until(t, "what is built in", func() bool { return c.Bool(us.Org, flag.GuestInvitations) })

	list := map[string]any{"a": []any{1.5, "x", nil}}
	if err := one.SetFlagForAll(ctx, operator, "pricing.bands", list, new("Bands.")); err != nil {
		t.Fatal(err)
	}
	seen.until(t, "a flag that was added", func() bool { return fmt.Sprint(c.Of(they.Org, "pricing.bands")) == fmt.Sprint(list) })
}

// TestFlagsWithoutPostgres: a node that cannot read the flags has those it had.
func TestFlagsWithoutPostgres(t *testing.T) {
	url := storetest.URL(t)
	seen := make(looks)
	one, two := storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url, Tracer: seen})
	us := storetest.Org(t, one, "Summit")
	setGuests(t, one, us, false)
	c := follow(t, two)
	storetest.SQL(t, one, `ALTER TABLE flag_revision RENAME TO gone`)
	for failed := 0; failed < 2; {
		if err := <-seen; err != nil {
			failed++
		}
	}
	if c.Bool(us.Org, flag.GuestInvitations) {
		t.Error("forgotten")
	}
	storetest.SQL(t, one, `ALTER TABLE gone RENAME TO flag_revision`)
	setGuests(t, one, us, true)
	seen.until(t, "well again", func() bool { return c.Bool(us.Org, flag.GuestInvitations) })
}

// TestFlagsAtOnce lets many set and delete one flag at the same time: no
// override is left of a flag that is gone, and revisions rise.
func TestFlagsAtOnce(t *testing.T) {
	seen := make(looks)
	db := storetest.Open(t, store.Config{URL: storetest.URL(t), Tracer: seen})
	orgs := []access.Actor{storetest.Org(t, db, "a"), storetest.Org(t, db, "b"), storetest.Org(t, db, "c")}
	ctx, c := t.Context(), follow(t, db)
	var work sync.WaitGroup
	var refused atomic.Int64
	for n := range 8 {
		work.Go(func() {
			for i := range 20 {
				by := orgs[(n+i)%len(orgs)]
				var err error
				switch {
				case n == 0 && i%2 == 0:
					err = db.SetFlagForAll(ctx, operator, "race", float64(i), nil)
				case n == 0:
					err = db.UnsetFlagForAll(ctx, operator, "race")
				default:
					err = db.InTx(ctx, by, func(tx *store.Tx) error { return tx.SetFlag(ctx, by, "race", float64(i), time.Now()) })
				}
				if errors.Is(err, fault.ErrNotFound) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	if n := storetest.Value[int](t, db, `SELECT count(*)::int FROM flag_override o WHERE NOT EXISTS (SELECT FROM flag f WHERE f.key = o.key)`); n != 0 {
		t.Errorf("%d overrides of nothing", n)
	}
	seen.until(t, "the last state", func() bool { return c.Of(orgs[0].Org, "race") == nil })
	set := storetest.Value[int](t, db, `SELECT count(*)::int FROM audit WHERE action = 'flag.set'`)
	if want := 10 + 140 - int(refused.Load()); set != want {
		t.Errorf("%d rows in the audit log, want %d", set, want)
	}
}
