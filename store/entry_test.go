package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// together runs f n times at once.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// published is what was told after commits, by channel and number.
type published struct {
	mu      sync.Mutex
	entries map[string]map[int64][]byte
	twice   []string
}

func listen(dbs ...*store.DB) *published {
	p := &published{entries: map[string]map[int64][]byte{}}
	for _, db := range dbs {
		db.OnCommit(func(_ context.Context, es []store.Entry) {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, e := range es {
				if p.entries[e.Channel] == nil {
					p.entries[e.Channel] = map[int64][]byte{}
				}
				if _, ok := p.entries[e.Channel][e.Seq]; ok {
					p.twice = append(p.twice, fmt.Sprintf("%s %d", e.Channel, e.Seq))
				}
				p.entries[e.Channel][e.Seq] = e.Payload
			}
		})
	}
	return p
}

// compare checks a stored channel: want entries from 1 on without a gap, each
// published once and as it is stored.
func (p *published) compare(t *testing.T, r store.Reader, channel string, want int) {
	t.Helper()
	var all []store.Entry
	for {
		ch, err := r.Entries(t.Context(), channel, int64(len(all)), 100)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ch.Entries...)
		if len(ch.Entries) == 0 {
			if ch.Head != int64(len(all)) {
				t.Errorf("%s: head %d with %d entries", channel, ch.Head, len(all))
			}
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(all) != want || len(p.entries[channel]) != want {
		t.Errorf("%s: %d entries and %d published, want %d", channel, len(all), len(p.entries[channel]), want)
	}
	for i, e := range all {
		if e.Seq != int64(i+1) {
			t.Fatalf("%s: entry %d has number %d", channel, i, e.Seq)
		}
		if !bytes.Equal(p.entries[channel][e.Seq], e.Payload) {
			t.Errorf("%s %d: published %s, stored %s", channel, e.Seq, p.entries[channel][e.Seq], e.Payload)
		}
	}
	for _, e := range p.twice {
		t.Errorf("published twice: %s", e)
	}
}

func people(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = access.NewPersonID(time.Now()).String()
	}
	return names
}

// shuffled makes an event that all the people hear, in another order each time.
func shuffled(by access.Actor, persons []string) event.Event {
	e := event.New(by.Org, "inv", event.InvoiceCreated{InvoiceID: "inv", Amount: 1}, time.Now())
	for _, i := range rand.Perm(len(persons)) {
		e.Persons = append(e.Persons, event.Person{Subject: persons[i], Org: by.Org, As: event.Insured})
	}
	return e
}

// nodes opens a database twice, as two programs would, each with a memory of
// its own of the channels that exist.
func nodes(t testing.TB) []*store.DB {
	t.Helper()
	url := storetest.URL(t)
	return []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
}

var errUndo = errors.New("undo")

// TestEmitInAnyOrder lets many transactions on two nodes tell the same people
// in different orders; some roll back. A deadlock would be an error.
func TestEmitInAnyOrder(t *testing.T) {
	const workers, rounds, events = 12, 30, 3
	dbs := nodes(t)
	heard := listen(dbs...)
	by := storetest.Org(t, dbs[0], "Summit")
	persons := people(8)
	var mu sync.Mutex
	committed := 0
	together(workers, func(w int) {
		for round := range rounds {
			undo := (w+round)%7 == 0
			err := dbs[w%2].InTx(t.Context(), by, func(tx *store.Tx) error {
				for range events {
					tx.Emit(shuffled(by, persons))
				}
				if undo {
					return errUndo
				}
				return nil
			})
			if undo != errors.Is(err, errUndo) || !undo && err != nil {
				t.Errorf("worker %d, round %d: %v", w, round, err)
			}
			if err == nil {
				mu.Lock()
				committed++
				mu.Unlock()
			}
		}
	})
	if committed == 0 || committed == workers*rounds {
		t.Fatalf("%d committed", committed)
	}
	r := dbs[0].As(by)
	for _, p := range persons {
		heard.compare(t, r, "person:"+p, committed*events)
	}
	heard.compare(t, r, event.OrgChannel(by.Org, event.Finance), committed*events)
	heard.compare(t, r, event.OrgChannel(by.Org, event.Claims), 0)
}

// TestFirstOfManyChannels makes the same channels from everywhere at once.
func TestFirstOfManyChannels(t *testing.T) {
	const rounds, workers = 5, 8
	dbs := nodes(t)
	heard := listen(dbs...)
	by := storetest.Org(t, dbs[0], "Summit")
	for range rounds {
		persons := people(120) // so many that two sides meet while they make them
		together(workers, func(w int) {
			if err := dbs[w%2].InTx(t.Context(), by, func(tx *store.Tx) error {
				tx.Emit(shuffled(by, persons))
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		for _, p := range persons {
			heard.compare(t, dbs[1].As(by), "person:"+p, workers)
		}
	}
	heard.compare(t, dbs[0].As(by), event.OrgChannel(by.Org, event.Finance), rounds*workers)
}

// TestFailedTransactionTellsNothing covers the ways in which a transaction can
// end without a commit.
func TestFailedTransactionTellsNothing(t *testing.T) {
	dbs := nodes(t)
	db := dbs[0]
	heard := listen(dbs...)
	by := storetest.Org(t, db, "Summit")
	persons := people(2)
	now := time.Now()
	person := store.Person{ID: access.NewPersonID(now), Org: by.Org, Name: "Ann", Email: "ann@example.com", CreatedAt: now}
	for name, f := range map[string]func(*store.Tx) error{
		"an error": func(*store.Tx) error { return errUndo },
		"an event that is not in the catalogue": func(tx *store.Tx) error {
			e := shuffled(by, persons)
			e.Type = "unheard.of"
			tx.Emit(e)
			return nil
		},
		"a failed statement whose error is dropped": func(tx *store.Tx) error {
			_ = tx.AddPerson(t.Context(), person)
			return nil
		},
		"a failed statement whose error is returned": func(tx *store.Tx) error { return tx.AddPerson(t.Context(), person) },
	} {
		err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
			if err := tx.AddPerson(t.Context(), person); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			tx.Emit(shuffled(by, persons))
			return f(tx)
		})
		if err == nil {
			t.Errorf("%s: committed", name)
		}
	}
	// Without an event the commit is all that is left to fail.
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		_, _ = tx.AddPerson(t.Context(), person), tx.AddPerson(t.Context(), person)
		return nil
	})
	if err == nil {
		t.Error("a transaction that Postgres rolled back was reported as committed")
	}
	func() {
		defer func() { _ = recover() }()
		_ = db.InTx(t.Context(), by, func(tx *store.Tx) error {
			tx.Emit(shuffled(by, persons))
			panic("in the middle")
		})
	}()
	for _, name := range []string{"person:" + persons[0], "person:" + persons[1], event.OrgChannel(by.Org, event.Finance)} {
		heard.compare(t, db.As(by), name, 0)
	}
	es, err := db.As(by).Events(t.Context(), "", everything, store.Page{Limit: 1})
	if err != nil || len(es) != 0 {
		t.Errorf("%d events, %v", len(es), err)
	}
	if _, err := db.Holder(t.Context(), person.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("the change was kept: %v", err)
	}
	// The numbers that were rolled back are given out again.
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		tx.Emit(shuffled(by, persons), shuffled(by, persons))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	heard.compare(t, db.As(by), "person:"+persons[0], 2)
}
