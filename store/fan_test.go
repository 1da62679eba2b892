package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// invoice makes an event that endpoints, insureds and audiences hear.
func invoice(by access.Actor, insured ...access.Actor) event.Event {
	e := event.New(by.Org, "inv_01J8K3M4N5P6Q7R8S9T0V1W2X3", event.InvoiceCreated{InvoiceID: "inv_01J8K3M4N5P6Q7R8S9T0V1W2X3", Amount: 100, DueDate: "2026-04-01"}, time.Now())
	for _, p := range insured {
		e.Persons = append(e.Persons, event.Person{Subject: p.ID, Org: p.Org, As: event.Insured})
	}
	return e
}

// emit commits events, all in one transaction.
func emit(t testing.TB, db *store.DB, by access.Actor, events ...event.Event) {
	t.Helper()
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		tx.Emit(events...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// fanAll fans out until there is nothing more, and counts what was made.
func fanAll(t testing.TB, db *store.DB) push.Fanned {
	t.Helper()
	made := push.Fanned{}
	for more := true; more; {
		f, again, err := db.Fan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for k, n := range f {
			made[k] += n
		}
		more = again
	}
	return made
}

// owed reads what is owed, as text made by sql of a delivery d, in the order of
// the fan-out.
func owed(t testing.TB, url, sql string) []string {
	t.Helper()
	c := connect(t, url)
	return must[[]string](t)(column(t.Context(), c, `SELECT `+sql+` FROM delivery d ORDER BY d.ord`))
}

func TestEndpointsHearWhatTheyWant(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	una, eve := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Elsewhere")
	r := storetest.Room(t, db, una)
	wants := func(types ...string) func(*push.Endpoint) {
		return func(e *push.Endpoint) { e.Types = types }
	}
	names := map[string]string{
		storetest.Endpoint(t, db, una).ID.UUID():                                                        "all",
		storetest.Endpoint(t, db, una, wants("invoice.created", "policy.bound")).ID.UUID():              "two",
		storetest.Endpoint(t, db, una, wants("policy.bound")).ID.UUID():                                 "other",
		storetest.Endpoint(t, db, una, func(e *push.Endpoint) { e.Status = push.Disabled }).ID.UUID():   "disabled",
		storetest.Endpoint(t, db, eve).ID.UUID():                                                        "another org",
		storetest.Endpoint(t, db, una, wants("access.changed", "deal_room.card_posted")).ID.UUID():      "what no endpoint hears",
		storetest.Endpoint(t, db, eve, wants("invoice.created", "*")).ID.UUID():                         "another org, all",
		storetest.Endpoint(t, db, una, wants("deal_room.archived", "access.changed", "none")).ID.UUID(): "rooms",
	}
	bound := event.New(una.Org, "pol", event.PolicyBound{PolicyID: "pol"}, time.Now())
	changed := event.New(una.Org, una.ID, event.AccessChanged{Subject: una.ID}, time.Now())
	changed.Also = []event.Channel{event.AccessChannel(una.Org)}
	undone := invoice(una)
	err := db.InTx(t.Context(), una, func(tx *store.Tx) error {
		tx.Emit(undone)
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatal(err)
	}
	emit(t, db, una, invoice(una), bound, changed, card(una, r),
		event.New(una.Org, r.ID.String(), event.RoomArchived{RoomID: r.ID.String()}, time.Now()))
	for i := range 3 { // again is nothing more
		made, want := fanAll(t, db), push.Fanned{push.Webhook: 10}
		if i > 0 {
			want = push.Fanned{}
		}
		if d := cmp.Diff(want, made); d != "" {
			t.Errorf("round %d (-want +got):\n%s", i, d)
		}
	}
	var got []string
	for _, d := range owed(t, url, `d.target::text || ' ' || d.type || ' ' || d.state`) {
		got = append(got, names[d[:36]]+d[36:])
	}
	slices.Sort(got)
	want := []string{
		"all deal_room.archived pending", "all invoice.created pending", "all policy.bound pending",
		"disabled deal_room.archived pending", "disabled invoice.created pending", "disabled policy.bound pending",
		"other policy.bound pending", "rooms deal_room.archived pending", "two invoice.created pending", "two policy.bound pending",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("owed (-want +got):\n%s", d)
	}
	if n := storetest.Value[int](t, db, `SELECT count(*) FROM outbox`); n != 0 {
		t.Errorf("%d events are left", n)
	}
}

// TestFanOutTogether lets two nodes fan out at once what many emit: each event
// goes to each endpoint once, in the order of commits, and each person hears of
// it once.
func TestFanOutTogether(t *testing.T) {
	const emitters, rounds, each = 4, 20, 3
	url := storetest.URL(t)
	dbs := []*store.DB{storetest.Open(t, store.Config{URL: url}), storetest.Open(t, store.Config{URL: url})}
	heard := listen(dbs...)
	by := storetest.Org(t, dbs[0], "Summit")
	ann := storetest.User(t, dbs[0], by, "Ann", access.RoleAdmin)
	storetest.Device(t, dbs[0], ann)
	storetest.Endpoint(t, dbs[0], by)
	storetest.Endpoint(t, dbs[0], by, func(e *push.Endpoint) { e.Ordered, e.AtOnce = true, 1 })
	// Whoever emits holds a lock until his commit, so that one knows the order.
	lock := storetest.Room(t, dbs[0], by)
	done := make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) })
	order := make(chan string, emitters*rounds*each)
	together(emitters+2, func(w int) {
		db := dbs[w%2]
		if w >= emitters {
			for over := false; ; {
				_, more, err := db.Fan(t.Context())
				if err != nil {
					t.Error(err)
				}
				if over && !more {
					return
				}
				select {
				case <-done:
					over = true
				default:
				}
			}
		}
		for range rounds {
			err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
				if _, err := tx.LockRoom(t.Context(), lock.ID); err != nil {
					return err
				}
				for range each {
					e := invoice(by, ann)
					tx.Emit(e)
					order <- e.ID.UUID()
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		if len(order) == cap(order) {
			finish() // two may find the last one there
		}
	})
	close(order)
	var want []string
	for id := range order {
		want = append(want, id)
	}
	c := connect(t, url)
	for _, kind := range []string{"webhook' AND target = (SELECT id FROM endpoint WHERE ordered) AND 'a' = 'a", "apns", "mail"} {
		got := must[[]string](t)(column(t.Context(), c, `SELECT event_id::text FROM delivery WHERE kind = '`+kind+`' ORDER BY ord`))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-committed +owed):\n%s", kind, d)
		}
	}
	if n := storetest.Value[int](t, dbs[0], `SELECT count(*) FROM delivery WHERE kind = 'webhook'`); n != 2*len(want) {
		t.Errorf("%d are owed to two endpoints of %d events", n, len(want))
	}
	if n := storetest.Value[int](t, dbs[0], `SELECT count(*) FROM notification`); n != len(want) {
		t.Errorf("%d notices of %d events", n, len(want))
	}
	// His channel has each event and each notice, once.
	heard.compare(t, dbs[0].As(by), event.PersonChannel(ann.ID, ann.Org).Name, 2*len(want))
}

// reached is what reaches somebody, as text.
func reached(t *testing.T, url string) map[string][]string {
	t.Helper()
	c := connect(t, url)
	//nolint:rowserrcheck // ForEachRow returns it
	rows, err := c.Query(t.Context(), `SELECT n.subject, n.type || coalesce((SELECT string_agg(' ' || d.kind || CASE WHEN d.next_at > now() THEN ' later' ELSE '' END, '' ORDER BY d.kind)
		FROM delivery d WHERE d.notification_id = n.id), '') FROM notification n ORDER BY n.id`)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	var subject, what string
	if _, err := pgx.ForEachRow(rows, []any{&subject, &what}, func() error {
		got[subject] = append(got[subject], what)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPersonsHearByTheirPreferences(t *testing.T) {
	// Tomorrow: the database must not find that the quiet hours are over.
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url, Now: func() time.Time { return noon }})
	heard := listen(db)
	by := storetest.Org(t, db, "Summit")
	person := func(name, sql string, phones ...push.Kind) access.Actor {
		p := storetest.User(t, db, by, name, access.RoleUnderwriter)
		for _, k := range phones {
			storetest.Device(t, db, p, func(d *push.Device) {
				if d.Kind = k; k == push.FCM {
					d.Platform = push.Android
				}
			})
		}
		if sql != "" {
			storetest.SQL(t, db, `INSERT INTO preference (subject, org_id, updated_at) VALUES ($1, $2, now())`, p.ID, p.Org.UUID())
			storetest.SQL(t, db, `UPDATE preference SET `+sql+` WHERE subject = $1`, p.ID)
		}
		return p
	}
	names := map[string]string{}
	var all []access.Actor
	want := map[string][]string{}
	for _, p := range []struct {
		name, sql string
		phones    []push.Kind
		want      string
	}{
		{"no phone", "", nil, "invoice.created mail"},
		{"two phones", "", []push.Kind{push.APNs, push.FCM}, "invoice.created apns fcm mail"},
		{"no push of billing", "no_push = '{billing}'", []push.Kind{push.APNs}, "invoice.created mail"},
		{"no mail of billing", "no_mail = '{billing}'", []push.Kind{push.APNs}, "invoice.created apns"},
		{"nothing of claims", "no_push = '{claims}', no_mail = '{claims}'", []push.Kind{push.APNs}, "invoice.created apns mail"},
		{"quiet at noon", "quiet_from = 700, quiet_until = 800, timezone = 'UTC'", []push.Kind{push.FCM}, "invoice.created fcm later mail"},
		{"quiet in the night", "quiet_from = 1320, quiet_until = 420, timezone = 'UTC'", []push.Kind{push.FCM}, "invoice.created fcm mail"},
	} {
		who := person(p.name, p.sql, p.phones...)
		names[who.ID] = p.name
		all = append(all, who)
		want[p.name] = []string{p.want}
	}
	stopped := person("stopped", "", push.APNs)
	storetest.SQL(t, db, `UPDATE app_user SET status = 'stopped' WHERE id = $1`, *stopped.UUID())
	storetest.SQL(t, db, `UPDATE device SET invalid_at = now() WHERE subject = $1`, stopped.ID)
	names[stopped.ID], want["stopped"] = "stopped", []string{"invoice.created"}

	told := invoice(by, append(all, stopped)...)
	told.Persons = append(told.Persons, event.Person{Subject: all[0].ID, Org: by.Org, As: event.Insured}, event.Person{Subject: by.ID, Org: by.Org, As: "nobody"})
	emit(t, db, by, told)
	want["made"] = []string{"apns 3 fcm 2 mail 6"}
	made := fanAll(t, db)
	got := map[string][]string{}
	for subject, what := range reached(t, url) {
		got[names[subject]] = what
	}
	got["made"] = []string{fmt.Sprintf("apns %d fcm %d mail %d", made[push.APNs], made[push.FCM], made[push.Mail])}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("reached (-want +got):\n%s", d)
	}
	for _, p := range append(all, stopped) {
		heard.compare(t, db.As(by), event.PersonChannel(p.ID, p.Org).Name, 2) // the event and the notice
	}
}

// TestQuietEvents fill the inbox and ring nowhere.
func TestQuietEvents(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	by := storetest.Org(t, db, "Summit")
	storetest.Device(t, db, by)
	told := invoice(by, by)
	told.Quiet = true
	emit(t, db, by, told)
	fanAll(t, db)
	if d := cmp.Diff(map[string][]string{by.ID: {"invoice.created"}}, reached(t, url)); d != "" {
		t.Errorf("reached (-want +got):\n%s", d)
	}
}

// TestQuietHoursEnd says when: at the end of the hours in the person's zone, and
// not at all for what is urgent.
func TestQuietHoursEnd(t *testing.T) {
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url, Now: func() time.Time { return noon }})
	by := storetest.Org(t, db, "Summit")
	storetest.Device(t, db, by)
	storetest.SQL(t, db, `INSERT INTO preference (subject, org_id, quiet_from, quiet_until, timezone, updated_at)
		VALUES ($1, $2, 1000, 1110, 'Asia/Kolkata', now())`, by.ID, by.Org.UUID()) // 16:40 to 18:30 there: noon in UTC is 17:30
	claim := event.New(by.Org, "clm", event.ClaimFiled{ClaimSubject: event.ClaimSubject{ClaimID: "clm"}}, time.Now())
	claim.Persons = []event.Person{{Subject: by.ID, Org: by.Org, As: event.Adjuster}}
	emit(t, db, by, invoice(by, by), claim)
	fanAll(t, db)
	at := func(typ string) time.Time {
		return storetest.Value[time.Time](t, db, `SELECT next_at FROM delivery WHERE kind = 'apns' AND type = $1`, typ)
	}
	if got, want := at("invoice.created"), noon.Add(time.Hour); !got.Equal(want) {
		t.Errorf("rings at %s, want %s", got, want)
	}
	if got := at("claim.filed"); got.After(time.Now()) {
		t.Errorf("what is urgent rings at %s", got)
	}
}
