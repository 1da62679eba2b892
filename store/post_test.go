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

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// post makes a post of who, who leads the room.
func post(t testing.TB, r room.Room, who access.Actor, clientID, body string) store.Post {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Millisecond)
	id := room.NewMessageID(at)
	m := room.Message{Org: r.Org, At: at, MessagePosted: event.MessagePosted{
		MessageID: id.String(), RoomID: r.ID.String(), Visibility: "shared", Author: event.Author{ID: who.ID}, Body: body, ClientID: clientID,
	}}
	payload, err := m.Payload()
	if err != nil {
		t.Fatal(err)
	}
	return store.Post{
		Room: r.ID, Channel: room.Shared(r.ID, r.Org), ID: id, Author: who.ID, ClientID: clientID, Payload: payload, At: at,
		Grant: access.Grant{Type: access.Room, ID: r.ID.UUID(), Relation: access.RoomLead, SubjectType: "user", SubjectID: *who.UUID()},
	}
}

func shared(r room.Room) string { return room.Shared(r.ID, r.Org).Name }

// card makes an event that several rooms hear.
func card(by access.Actor, rs ...room.Room) event.Event {
	e := event.New(by.Org, "room", event.Card{RoomID: "room", Card: "policy.bound", Text: "Bound."}, time.Now())
	for _, i := range rand.Perm(len(rs)) {
		e.Also = append(e.Also, room.Shared(rs[i].ID, rs[i].Org))
	}
	return e
}

// clients returns the seq of each client id of a channel, and fails when one
// has two.
func clients(t *testing.T, c *pgx.Conn, channel string) map[string]int64 {
	t.Helper()
	//nolint:rowserrcheck // ForEachRow returns it
	rows, err := c.Query(t.Context(), `SELECT e.client_id::text, e.seq FROM entry e JOIN channel c ON c.id = e.channel_id WHERE c.name = $1 AND e.client_id IS NOT NULL`, channel)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	var client string
	var seq int64
	if _, err := pgx.ForEachRow(rows, []any{&client, &seq}, func() error {
		if _, ok := out[client]; ok {
			t.Errorf("%s: %s twice", channel, client)
		}
		out[client] = seq
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// burst posts n messages in a row without waiting, then waits for all, and
// checks that they kept their order.
func burst(t *testing.T, p *store.Poster, r room.Room, who access.Actor, ids []string) []store.Posted {
	t.Helper()
	got := make([]store.Posted, len(ids))
	var wait sync.WaitGroup
	wait.Add(len(ids))
	for i, id := range ids {
		p.Post(post(t, r, who, id, fmt.Sprint(i)), func(posted store.Posted, err error) {
			defer wait.Done()
			if err != nil {
				t.Errorf("post: %v", err)
			}
			got[i] = posted
		})
	}
	wait.Wait()
	for i := range got {
		if i > 0 && got[i].Seq <= got[i-1].Seq {
			t.Errorf("order lost: %d after %d", got[i].Seq, got[i-1].Seq)
		}
	}
	return got
}

func clientIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = room.NewClientID()
	}
	return ids
}

// TestPostersTogether lets many on two nodes post to the same rooms, most of
// them repeating what they posted on the other node, while transactions tell
// the same rooms of other things.
func TestPostersTogether(t *testing.T) {
	const callers, rounds, each, tellers = 16, 8, 5, 4
	url := storetest.URL(t)
	dbs := []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
	heard := listen(dbs...)
	by := storetest.Org(t, dbs[0], "Summit")
	rs := []room.Room{storetest.Room(t, dbs[0], by), storetest.Room(t, dbs[0], by), storetest.Room(t, dbs[0], by)}
	posters := []*store.Poster{storetest.Poster(t, dbs[0]), storetest.Poster(t, dbs[1])}
	var posted [3]atomic.Int64
	var cards atomic.Int64
	together(callers+tellers, func(w int) {
		if w >= callers {
			for range rounds * 4 {
				if err := dbs[w%2].InTx(t.Context(), by, func(tx *store.Tx) error {
					tx.Emit(card(by, rs...))
					return nil
				}); err != nil {
					t.Error(err)
				}
				cards.Add(1)
			}
			return
		}
		for range rounds {
			in := rand.IntN(len(rs))
			ids := clientIDs(each)
			var again, first []store.Posted
			if rand.IntN(2) == 0 { // at once, on both nodes
				together(2, func(i int) {
					if got := burst(t, posters[i], rs[in], by, ids); i == 0 {
						first = got
					} else {
						again = got
					}
				})
			} else {
				first = burst(t, posters[w%2], rs[in], by, ids)
				again = burst(t, posters[rand.IntN(2)], rs[in], by, ids)
			}
			for i := range first {
				if first[i].Seq != again[i].Seq || first[i].ID != again[i].ID || first[i].Duplicate == again[i].Duplicate || string(first[i].Payload) != string(again[i].Payload) {
					t.Errorf("two posts of one client id: %+v and %+v", first[i], again[i])
				}
			}
			posted[in].Add(each)
		}
	})
	c := connect(t, url)
	for i, r := range rs {
		heard.compare(t, dbs[i%2].As(by), shared(r), int(posted[i].Load()+cards.Load()))
		if n := len(clients(t, c, shared(r))); n != int(posted[i].Load()) {
			t.Errorf("%d messages, want %d", n, posted[i].Load())
		}
	}
}

// hold takes the head of a channel, as a transaction does that is about to
// commit, until the returned function is called.
func hold(t *testing.T, url, channel string) pgx.Tx {
	t.Helper()
	c := connect(t, url)
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM channel WHERE name = $1 FOR NO KEY UPDATE", channel); err != nil {
		t.Fatal(err)
	}
	return tx
}

type answer struct {
	posted store.Posted
	err    error
}

func ask(p *store.Poster, m store.Post) <-chan answer {
	got := make(chan answer, 1)
	p.Post(m, func(posted store.Posted, err error) { got <- answer{posted, err} })
	return got
}

// TestPostsToABusyChannel wait, and hold up nobody else; whatever changed when
// their turn comes counts.
func TestPostsToABusyChannel(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile string
		want      error
	}{
		"nothing happens":    {"SELECT $1::uuid", nil},
		"the room is closed": {"UPDATE room SET status = 'closed' WHERE id = $1", store.ErrRoomClosed},
		"the right is taken": {"DELETE FROM relationship WHERE object_type = 'room' AND object_id = $1::uuid::text", fault.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.URL(t)
			db := storetest.Open(t, store.Config{URL: url})
			heard := listen(db)
			by := storetest.Org(t, db, "Summit")
			busy, free := storetest.Room(t, db, by), storetest.Room(t, db, by)
			p := storetest.Poster(t, db)
			burst(t, p, busy, by, clientIDs(1))
			tx := hold(t, url, shared(busy))
			ids := clientIDs(3)
			var waiting []<-chan answer
			for _, id := range ids {
				waiting = append(waiting, ask(p, post(t, busy, by, id, "wait")))
			}
			burst(t, p, free, by, clientIDs(3))
			select {
			case a := <-waiting[0]:
				t.Fatalf("did not wait: %+v", a)
			default:
			}
			if _, err := tx.Exec(t.Context(), tt.meanwhile, busy.ID.UUID()); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			last := int64(1)
			for _, w := range waiting {
				a := <-w
				if !errors.Is(a.err, tt.want) {
					t.Errorf("%+v, want %v", a, tt.want)
				}
				if a.err == nil {
					if last++; a.posted.Seq != last {
						t.Errorf("seq %d, want %d", a.posted.Seq, last)
					}
				}
			}
			heard.compare(t, db.As(by), shared(busy), int(last))
			heard.compare(t, db.As(by), shared(free), 3)
			if tt.want != nil {
				return
			}
			again, err := p.PostWait(t.Context(), post(t, busy, by, ids[2], "again"))
			if err != nil || !again.Duplicate || again.Seq != 4 {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

func TestPosterWhoGoesAway(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	heard := listen(db)
	by := storetest.Org(t, db, "Summit")
	r := storetest.Room(t, db, by)
	p := storetest.Poster(t, db)
	burst(t, p, r, by, clientIDs(1))
	tx := hold(t, url, shared(r))
	id := room.NewClientID()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	var wait sync.WaitGroup
	wait.Go(func() {
		_, err := p.PostWait(ctx, post(t, r, by, id, "x"))
		gone <- err
	})
	other := ask(p, post(t, r, by, room.NewClientID(), "y"))
	cancel()
	if err := <-gone; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("he who left: %v", err)
	}
	wait.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-other; a.err != nil {
		t.Errorf("the other: %v", a.err)
	}
	again, err := p.PostWait(t.Context(), post(t, r, by, id, "x"))
	if err != nil || !again.Duplicate {
		t.Errorf("again: %+v, %v", again, err)
	}
	heard.compare(t, db.As(by), shared(r), 3)
}

// TestOneBadPost is not the fault of those that were in its group.
func TestOneBadPost(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	heard := listen(db)
	by := storetest.Org(t, db, "Summit")
	r := storetest.Room(t, db, by)
	p := db.NewPoster(nil) // does not run yet, so that they meet
	var all []<-chan answer
	for i := range 9 {
		m := post(t, r, by, room.NewClientID(), "x")
		switch i {
		case 3:
			m.ClientID = "no uuid"
		case 5:
			m.Grant.Relation = access.RoomBroker
		case 7:
			m.Grant = access.Grant{} // the system's
		}
		all = append(all, ask(p, m))
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) }) // returns nil
	for i, w := range all {
		a := <-w
		if bad := i == 3 || i == 5; bad != (a.err != nil) || i == 5 && !errors.Is(a.err, fault.ErrForbidden) {
			t.Errorf("%d: %+v", i, a)
		}
	}
	stop()
	running.Wait()
	heard.compare(t, db.As(by), shared(r), 7)
	if a := <-ask(p, post(t, r, by, room.NewClientID(), "x")); !errors.Is(a.err, store.ErrUnavailable) {
		t.Errorf("after the end: %+v", a)
	}
}

// TestPosterIsFullAndFinishes fills the queue before the poster runs; when it
// is stopped at once what was taken is committed.
func TestPosterIsFullAndFinishes(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	r := storetest.Room(t, db, by)
	p := db.NewPoster(nil)
	var committed, busy atomic.Int64
	m := post(t, r, by, "", "x")
	for range 10_007 {
		m.ClientID, m.ID = room.NewClientID(), room.NewMessageID(time.Now())
		p.Post(m, func(_ store.Posted, err error) {
			switch {
			case err == nil:
				committed.Add(1)
			case errors.Is(err, store.ErrTooBusy):
				busy.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if committed.Load() != 10_000 || busy.Load() != 7 {
		t.Errorf("%d committed, %d refused", committed.Load(), busy.Load())
	}
	ch, err := db.As(by).Entries(t.Context(), shared(r), 9_999, 5)
	if err != nil || ch.Head != 10_000 || len(ch.Entries) != 1 {
		t.Errorf("head %d, %v", ch.Head, err)
	}
}

// TestConnectionsDieWhilePosting kills the posters' connections again and again
// under load: whatever was answered is there once, and what was refused may be
// there once.
func TestConnectionsDieWhilePosting(t *testing.T) {
	const callers, each = 8, 60
	url := storetest.URL(t)
	dbs := []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
	heard := listen(dbs...)
	by := storetest.Org(t, dbs[0], "Summit")
	rs := []room.Room{storetest.Room(t, dbs[0], by), storetest.Room(t, dbs[0], by)}
	posters := []*store.Poster{storetest.Poster(t, dbs[0]), storetest.Poster(t, dbs[1])}
	killer := connect(t, url)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	killed := 0
	var wait sync.WaitGroup
	wait.Go(func() {
		for tick := time.NewTicker(15 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			var n int
			if err := killer.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.7`).Scan(&n); err != nil {
				t.Error(err)
				return
			}
			killed += n
		}
	})
	var mu sync.Mutex
	answered, tried := [2]map[string]int64{{}, {}}, [2]map[string]bool{{}, {}}
	together(callers, func(w int) {
		for range each {
			in, id := rand.IntN(2), room.NewClientID()
			mu.Lock()
			tried[in][id] = true
			mu.Unlock()
			for range 50 { // as a client would
				got, err := posters[w%2].PostWait(t.Context(), post(t, rs[in], by, id, "x"))
				if errors.Is(err, store.ErrUnavailable) {
					continue
				}
				if err != nil {
					t.Errorf("post: %v", err)
					break
				}
				mu.Lock()
				answered[in][id] = got.Seq
				mu.Unlock()
				break
			}
		}
	})
	stop()
	wait.Wait()
	if killed == 0 {
		t.Fatal("nothing was killed")
	}
	c := connect(t, url)
	for i, r := range rs {
		there := clients(t, c, shared(r))
		for id, seq := range answered[i] {
			if there[id] != seq {
				t.Errorf("answered %d for %s, which is %d", seq, id, there[id])
			}
		}
		seen := make([]bool, len(there)+1)
		for id, seq := range there {
			if !tried[i][id] || seq > int64(len(there)) || seen[seq] {
				t.Errorf("%s is at %d of %d", id, seq, len(there))
				continue
			}
			seen[seq] = true
		}
		if len(answered[i]) != len(tried[i]) {
			t.Errorf("%d of %d were answered", len(answered[i]), len(tried[i]))
		}
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	for _, e := range heard.twice {
		t.Errorf("published twice: %s", e)
	}
	t.Logf("%d connections were killed", killed)
}
