package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A talk is a room of two companies, everybody in it with a phone, in which one
// talks; both companies have an endpoint.
type talk struct {
	storetest.Deal
	t     *testing.T
	url   string
	db    *store.DB
	house *rooms.House
}

func newTalk(t *testing.T) *talk {
	t.Helper()
	k := &talk{t: t, url: storetest.URL(t)}
	k.db = storetest.Open(t, store.Config{URL: k.url})
	k.Deal = storetest.NewDeal(t, k.db)
	k.house = rooms.New(k.db, storetest.Poster(t, k.db), nil, rooms.Config{})
	for _, who := range []access.Actor{k.Una, k.Uri, k.Ulf, k.Ben, k.Vic, k.Bea} {
		storetest.Device(t, k.db, who)
	}
	storetest.Endpoint(t, k.db, k.Una)
	storetest.Endpoint(t, k.db, k.Ben)
	return k
}

// say posts for somebody, in the room or at his company's desk.
func (k *talk) say(who access.Actor, v room.Visibility, body string, mentions ...access.Actor) room.Message {
	k.t.Helper()
	d := room.Draft{Body: body, Visibility: v}
	for _, m := range mentions {
		d.Mentions = append(d.Mentions, must[access.UserID](k.t)(parseUser(m.ID)))
	}
	m, _, err := k.house.Post(k.t.Context(), who, k.Room.ID, d)
	if err != nil {
		k.t.Fatal(err)
	}
	return m
}

// fan fans out what was said, and what a node left behind.
func (k *talk) fan() {
	k.t.Helper()
	fanSaid(k.t, k.db, nil)
}

func fanSaid(t testing.TB, db *store.DB, names []string) {
	t.Helper()
	for more := true; more; {
		var err error
		if _, more, err = db.FanMessages(t.Context(), names); err != nil {
			t.Fatal(err)
		}
	}
}

// pass lets time pass for reminders, and makes those that are due then.
func (k *talk) pass(d time.Duration) {
	k.t.Helper()
	k.fan()
	storetest.SQL(k.t, k.db, `UPDATE nudge SET due_at = due_at - $1::bigint * interval '1 microsecond', last_at = last_at - $1::bigint * interval '1 microsecond'`, d.Microseconds())
	for more := true; more; {
		var err error
		if _, more, err = k.db.Nudge(k.t.Context()); err != nil {
			k.t.Fatal(err)
		}
	}
}

// read lets somebody read what is shared, up to a seq.
func (k *talk) read(who access.Actor, seq int64) {
	k.t.Helper()
	if _, _, err := k.house.ReadIn(k.t.Context(), who, k.Room.ID, room.ForAll, seq); err != nil {
		k.t.Fatal(err)
	}
}

// rung is whose phones rang for what, since the last time; and whose inbox has
// something that did not ring.
func (k *talk) rung() []string {
	k.t.Helper()
	names := map[string]string{k.Una.ID: "una", k.Uri.ID: "uri", k.Uno.ID: "uno", k.Ulf.ID: "ulf", k.Ben.ID: "ben", k.Bob.ID: "bob", k.Bea.ID: "bea", k.Vic.ID: "vic", k.Eve.ID: "eve"}
	c := connect(k.t, k.url)
	all := must[[]string](k.t)(column(k.t.Context(), c, `SELECT n.subject || ' ' || coalesce(e.body, '?') || coalesce(' ' || d.kind, '')
		FROM notification n LEFT JOIN delivery d ON d.notification_id = n.id
		LEFT JOIN (SELECT event_id, convert_from(payload, 'UTF8')::jsonb #>> '{data,body}' AS body FROM entry) e ON e.event_id = n.event_id`))
	storetest.SQL(k.t, k.db, `DELETE FROM notification`)
	var out []string
	for _, line := range all {
		subject, rest, _ := strings.Cut(line, " ")
		out = append(out, names[subject]+": "+rest)
	}
	slices.Sort(out)
	return out
}

func (k *talk) wantRung(want ...string) {
	k.t.Helper()
	slices.Sort(want)
	if d := cmp.Diff(want, k.rung()); d != "" {
		k.t.Errorf("rung (-want +got):\n%s", d)
	}
}

// TestMessagesBecomeEvents shows what is shared to the room's own organisation,
// under the message's own id and with its own bytes, and nothing of a desk to
// anybody.
func TestMessagesBecomeEvents(t *testing.T) {
	k := newTalk(t)
	shared := k.say(k.Una, room.ForAll, "We can offer 1M/2M.")
	k.say(k.Una, room.Internal, "CANARY of Summit", k.Uri)
	k.say(k.Ben, room.Internal, "CANARY of Harbor")
	answered := k.say(k.Ben, room.ForAll, "At what price?")
	k.fan()
	k.fan()

	all := must[[]store.Told](t)(k.db.As(k.Una).Events(t.Context(), event.Posted, []string{"rooms"}, store.Page{Limit: 10}))
	var got []string
	for _, e := range all {
		got = append(got, room.MessageID(e.ID).String())
	}
	if d := cmp.Diff([]string{answered.MessageID, shared.MessageID}, got); d != "" {
		t.Errorf("listed (-want +got):\n%s", d)
	}
	first := must[store.Told](t)(k.db.As(k.Una).Event(t.Context(), event.ID(shared.ID()), []string{"rooms"}))
	if entry := must[[]byte](t)(shared.Payload()); !bytes.Equal(first.Payload, entry) {
		t.Errorf("the event is\n%s, the entry\n%s", first.Payload, entry)
	}
	for _, who := range []access.Actor{k.Ben, k.Eve} {
		if es := must[[]store.Told](t)(k.db.As(who).Events(t.Context(), event.Posted, []string{"rooms"}, store.Page{Limit: 10})); len(es) > 0 {
			t.Errorf("another company lists %s", es[0].Payload)
		}
	}
	of := owed(t, k.url, `(SELECT org_id::text FROM endpoint WHERE id = d.target) || d.event_id::text`)
	want := []string{k.Una.Org.UUID() + shared.ID().UUID(), k.Una.Org.UUID() + answered.ID().UUID()}
	if d := cmp.Diff(want, of); d != "" {
		t.Errorf("owed (-want +got):\n%s", d)
	}
	k.pass(time.Minute)
	for _, table := range []string{"event", "delivery", "notification", "outbox"} {
		if n := storetest.Value[int](t, k.db, `SELECT count(*) FROM `+table+` t WHERE t::text ~ 'CANARY' OR t::text ~ encode('CANARY', 'hex')`); n > 0 {
			t.Errorf("%d rows of %s repeat what was said at a desk", n, table)
		}
	}
	leased := must[[]push.Delivery](t)(k.db.Lease(t.Context(), push.Webhook, "w", 10, time.Minute))
	if len(leased) != 2 || !bytes.Equal(leased[0].Payload, first.Payload) || leased[0].Type != event.Posted || !leased[0].At.Equal(shared.At) {
		t.Errorf("%d are sent, the first\n%+v", len(leased), leased)
	}
}

// TestWhatChangedIsToldAsItIs edits and deletes before and after the fan-out:
// what was taken back is nowhere any more, and what still waits says what is
// said now.
func TestWhatChangedIsToldAsItIs(t *testing.T) {
	k := newTalk(t)
	change := func(m room.Message, body string) {
		t.Helper()
		var err error
		if body == "" {
			err = k.house.Delete(t.Context(), k.Una, k.Room.ID, m.ID())
		} else {
			_, err = k.house.Edit(t.Context(), k.Una, k.Room.ID, m.ID(), body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	early := k.say(k.Una, room.ForAll, "REGRET, deleted before", k.Ben)
	edited := k.say(k.Una, room.ForAll, "REGRET, edited before")
	change(early, "")
	change(edited, "said better")
	k.fan()
	late := k.say(k.Una, room.ForAll, "REGRET, deleted after", k.Ben)
	again := k.say(k.Una, room.ForAll, "REGRET, edited after")
	desk := k.say(k.Una, room.Internal, "REGRET, at the desk")
	k.fan()
	change(late, "")
	change(again, "said better, too")
	change(desk, "said better at the desk")
	k.fan()

	told := map[string]string{}
	for _, d := range must[[]push.Delivery](t)(k.db.Lease(t.Context(), push.Webhook, "w", 10, time.Minute)) {
		listed := must[store.Told](t)(k.db.As(k.Una).Event(t.Context(), d.Event, []string{"rooms"}))
		if !bytes.Equal(listed.Payload, d.Payload) {
			t.Errorf("listed\n%s and sent\n%s", listed.Payload, d.Payload)
		}
		m := must[room.Message](t)(room.ReadMessage("", 0, d.Payload))
		told[m.MessageID] = fmt.Sprintf("%q, deleted %t", m.Body, m.DeletedAt != "")
	}
	want := map[string]string{
		edited.MessageID: `"said better", deleted false`, late.MessageID: `"", deleted true`, again.MessageID: `"said better, too", deleted false`,
	}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("sent (-want +got):\n%s", d)
	}
	for _, table := range []string{"event", "entry", "delivery", "notification"} {
		if n := storetest.Value[int](t, k.db, `SELECT count(*) FROM `+table+` t WHERE t::text ~ 'REGRET' OR t::text ~ encode('REGRET', 'hex')`); n > 0 {
			t.Errorf("%d rows of %s still say it", n, table)
		}
	}
}

// waiters waits until so many connections wait for a lock, or until is closed.
func waiters(t testing.TB, url string, n int, until <-chan error) {
	t.Helper()
	c := connect(t, url)
	for found := 0; found < n; {
		if err := c.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&found); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-until:
			t.Fatalf("did not wait: %v", err)
		default:
		}
	}
}

// TestDeletedWhileFannedOut deletes a message while a node is about to make it
// an event, with the words that it read: the event does not keep them.
func TestDeletedWhileFannedOut(t *testing.T) {
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprintf("first=%t", first), func(t *testing.T) { deleteWhileFannedOut(t, first) })
	}
}

func deleteWhileFannedOut(t *testing.T, first bool) {
	k := newTalk(t)
	if !first {
		k.say(k.Una, room.ForAll, "hello")
		k.fan()
		storetest.SQL(t, k.db, `DELETE FROM delivery`)
	}
	m := k.say(k.Una, room.ForAll, "REGRET")
	tx := must[pgx.Tx](t)(connect(t, k.url).Begin(t.Context()))
	if _, err := tx.Exec(t.Context(), `LOCK TABLE delivery IN SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	fanned, deleted := make(chan error, 1), make(chan error, 1)
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() {
		_, _, err := k.db.FanMessages(t.Context(), nil)
		fanned <- err
	})
	waiters(t, k.url, 1, fanned)
	work.Go(func() { deleted <- k.house.Delete(t.Context(), k.Una, k.Room.ID, m.ID()) })
	waiters(t, k.url, 2, deleted)
	if err := errors.Join(tx.Rollback(t.Context()), <-fanned, <-deleted); err != nil {
		t.Fatal(err)
	}
	ds := must[[]push.Delivery](t)(k.db.Lease(t.Context(), push.Webhook, "w", 10, time.Minute))
	if len(ds) != 1 || bytes.Contains(ds[0].Payload, []byte("REGRET")) || !bytes.Contains(ds[0].Payload, []byte("deletedAt")) {
		t.Errorf("sent %+v", ds)
	}
}

// TestMessagesOnce lets two nodes fan out the same channels while many post in
// them: every message is owed once, in the order of its channel.
func TestMessagesOnce(t *testing.T) {
	const posters, each, fanners = 6, 60, 4
	url := storetest.URL(t)
	dbs := []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
	by := storetest.Org(t, dbs[0], "Summit")
	rs := []room.Room{storetest.Room(t, dbs[0], by), storetest.Room(t, dbs[0], by), storetest.Room(t, dbs[0], by)}
	ps := []*store.Poster{storetest.Poster(t, dbs[0]), storetest.Poster(t, dbs[1])}
	storetest.Endpoint(t, dbs[0], by)
	done := make(chan struct{}, posters)
	together(posters+fanners, func(w int) {
		if w < posters {
			for i := range each {
				r := rs[(w+i)%len(rs)]
				if _, err := ps[w%2].PostWait(t.Context(), post(t, r, by, room.NewClientID(), "x")); err != nil {
					t.Error(err)
				}
				if i%3 == 0 { // as a node would
					if _, _, err := dbs[w%2].FanMessages(t.Context(), []string{shared(r)}); err != nil {
						t.Error(err)
					}
				}
			}
			done <- struct{}{}
			return
		}
		names := []string{shared(rs[2]), shared(rs[0]), shared(rs[1])}
		if w%2 == 0 {
			names = nil
		}
		for len(done) < posters {
			if _, _, err := dbs[w%2].FanMessages(t.Context(), names); err != nil {
				t.Error(err)
			}
		}
	})
	fanSaid(t, dbs[0], nil)
	for _, r := range rs {
		c := connect(t, url)
		want := must[[]string](t)(column(t.Context(), c, `SELECT e.event_id::text FROM entry e JOIN channel c ON c.id = e.channel_id WHERE c.name = '`+shared(r)+`' ORDER BY e.seq`))
		got := must[[]string](t)(column(t.Context(), c, `SELECT d.event_id::text FROM delivery d JOIN event e ON e.id = d.event_id WHERE e.subject = '`+r.ID.String()+`' ORDER BY d.ord`))
		if d := cmp.Diff(want, got); d != "" || len(got) != posters*each/len(rs) {
			t.Errorf("%s: %d owed (-said +owed):\n%s", r.ID, len(got), d)
		}
	}
}

// TestNobodyIsForgotten: what is said while another node is at the channel is
// told when that node is done, and not only when somebody cleans up.
func TestNobodyIsForgotten(t *testing.T) {
	k := newTalk(t)
	k.say(k.Una, room.ForAll, "first")
	k.fan()
	tx := must[pgx.Tx](t)(connect(t, k.url).Begin(t.Context())) // the other node
	if _, err := tx.Exec(t.Context(), `SELECT FROM fan_position FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	k.say(k.Una, room.ForAll, "second")
	fanned := make(chan error, 1)
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() {
		_, _, err := k.db.FanMessages(t.Context(), []string{shared(k.Room)})
		fanned <- err
	})
	waiters(t, k.url, 1, fanned)
	if _, _, err := k.db.FanMessages(t.Context(), nil); err != nil { // who cleans up does not wait
		t.Fatal(err)
	}
	if err := errors.Join(tx.Rollback(t.Context()), <-fanned); err != nil {
		t.Fatal(err)
	}
	if n := storetest.Value[int](t, k.db, `SELECT count(*) FROM delivery WHERE kind = 'webhook'`); n != 2 {
		t.Errorf("%d messages are owed, want 2", n)
	}
}

// TestManyMessages are told in several goes.
func TestManyMessages(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	storetest.Endpoint(t, db, by)
	p := storetest.Poster(t, db)
	var names []string
	for range 3 {
		r := storetest.Room(t, db, by)
		names = append(names, shared(r))
		burst(t, p, r, by, clientIDs(101))
	}
	fanSaid(t, db, names)
	if n := storetest.Value[int](t, db, `SELECT count(DISTINCT event_id) FROM delivery`); n != 303 {
		t.Errorf("%d of 303 messages are owed", n)
	}
}

func TestReminders(t *testing.T) {
	t.Run("those who are absent, after a while", func(t *testing.T) {
		k := newTalk(t)
		k.say(k.Una, room.ForAll, "hello")
		k.pass(29 * time.Second)
		k.wantRung()
		k.pass(time.Second)
		k.wantRung("ben: hello apns", "bob: hello", "uno: hello", "uri: hello apns", "vic: hello apns")
		k.pass(time.Hour)
		k.wantRung()
	})
	t.Run("not who has read it", func(t *testing.T) {
		k := newTalk(t)
		m := k.say(k.Una, room.ForAll, "hello")
		k.fan()
		k.read(k.Ben, m.Seq)
		k.read(k.Uri, m.Seq)
		k.pass(30 * time.Second)
		k.wantRung("bob: hello", "uno: hello", "vic: hello apns")
	})
	t.Run("not who left", func(t *testing.T) {
		k := newTalk(t)
		k.say(k.Una, room.ForAll, "hello")
		k.fan()
		for _, who := range []access.Actor{k.Ben, k.Bob, k.Uno, k.Vic} {
			storetest.Unseat(t, k.db, k.Room, who)
		}
		k.pass(30 * time.Second)
		k.wantRung("uri: hello apns")
	})
	t.Run("not who was not to hear it", func(t *testing.T) {
		k := newTalk(t)
		m := k.say(k.Una, room.ForAll, "hello")
		storetest.SQL(t, k.db, `UPDATE participant SET from_seq = $1 WHERE user_id <> $2`, m.Seq, *k.Ben.UUID())
		k.pass(30 * time.Second)
		k.wantRung("ben: hello apns")
	})
	t.Run("of a desk only its company", func(t *testing.T) {
		k := newTalk(t)
		k.say(k.Una, room.Internal, "between us")
		k.pass(30 * time.Second)
		k.wantRung("uno: between us", "uri: between us apns")
		k.say(k.Ben, room.Internal, "between us, too")
		k.pass(30 * time.Second)
		k.wantRung("bob: between us, too") // a viewer has no desk
	})
	t.Run("not of what was deleted, but of what stays", func(t *testing.T) {
		k := newTalk(t)
		k.say(k.Una, room.ForAll, "stays")
		gone := k.say(k.Una, room.ForAll, "gone")
		k.fan()
		if err := k.house.Delete(t.Context(), k.Una, k.Room.ID, gone.ID()); err != nil {
			t.Fatal(err)
		}
		k.pass(30 * time.Second)
		k.wantRung("ben: stays apns", "bob: stays", "uno: stays", "uri: stays apns", "vic: stays apns")
		alone := k.say(k.Uri, room.Internal, "alone")
		k.fan()
		if err := k.house.Delete(t.Context(), k.Uri, k.Room.ID, alone.ID()); err != nil {
			t.Fatal(err)
		}
		k.pass(time.Hour)
		k.wantRung()
	})
	t.Run("a muted room rings for a mention alone", func(t *testing.T) {
		k := newTalk(t)
		storetest.SQL(t, k.db, `INSERT INTO preference (subject, org_id, muted, updated_at) VALUES ($1, $2, ARRAY[$3::uuid], now())`, k.Ben.ID, k.Ben.Org.UUID(), k.Room.ID.UUID())
		for _, who := range []access.Actor{k.Bob, k.Uno, k.Uri, k.Vic} {
			storetest.Unseat(t, k.db, k.Room, who)
		}
		k.say(k.Una, room.ForAll, "hello")
		k.pass(time.Hour)
		k.wantRung()
		k.say(k.Una, room.ForAll, "Ben?", k.Ben)
		k.fan()
		k.wantRung("ben: Ben?") // at once in his inbox
		k.pass(30 * time.Second)
		k.wantRung("ben: Ben? apns")
	})
	t.Run("at most every ten minutes, but for mentions", func(t *testing.T) {
		k := newTalk(t)
		for _, who := range []access.Actor{k.Bob, k.Uno, k.Uri, k.Vic} {
			storetest.Unseat(t, k.db, k.Room, who)
		}
		k.say(k.Una, room.ForAll, "one")
		k.pass(30 * time.Second)
		k.wantRung("ben: one apns")
		k.say(k.Una, room.ForAll, "two")
		k.pass(9*time.Minute + 55*time.Second)
		k.wantRung()
		k.pass(5 * time.Second)
		k.wantRung("ben: two apns")
		m := k.say(k.Una, room.ForAll, "Ben?", k.Ben)
		k.fan()
		k.read(k.Ben, m.Seq)
		k.pass(30 * time.Second)
		k.wantRung("ben: Ben?") // in his inbox; he had read it
		k.say(k.Una, room.ForAll, "three")
		k.pass(time.Minute)
		k.wantRung() // the ten minutes are those since he was reminded
		k.say(k.Una, room.ForAll, "Ben!", k.Ben)
		k.pass(30 * time.Second)
		k.wantRung("ben: Ben! apns")
	})
	t.Run("the time begins with what he has not read", func(t *testing.T) {
		k := newTalk(t)
		for _, who := range []access.Actor{k.Bob, k.Uno, k.Uri, k.Vic} {
			storetest.Unseat(t, k.db, k.Room, who)
		}
		one := k.say(k.Una, room.ForAll, "one")
		k.pass(20 * time.Second)
		k.read(k.Ben, one.Seq)
		k.say(k.Una, room.ForAll, "two")
		k.pass(20 * time.Second)
		k.wantRung()
		k.say(k.Una, room.ForAll, "three")
		k.pass(10 * time.Second)
		k.wantRung("ben: three apns")
	})
}

// TestRemindersTogether lets two nodes remind at once: each phone rings once.
func TestRemindersTogether(t *testing.T) {
	k := newTalk(t)
	other := storetest.Open(t, store.Config{URL: k.url})
	for range 5 {
		k.say(k.Una, room.ForAll, "hello", k.Ben)
	}
	k.fan()
	storetest.SQL(t, k.db, `DELETE FROM notification`)
	storetest.SQL(t, k.db, `UPDATE nudge SET due_at = now() - interval '1 second'`)
	together(4, func(w int) {
		if _, _, err := []*store.DB{k.db, other}[w%2].Nudge(t.Context()); err != nil {
			t.Error(err)
		}
	})
	k.wantRung("ben: hello apns", "bob: hello", "uno: hello", "uri: hello apns", "vic: hello apns")
}
