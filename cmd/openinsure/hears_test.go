package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
	"github.com/openinsure/openinsure/push/apns"
	"github.com/openinsure/openinsure/push/mail"
	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook"
	"github.com/openinsure/openinsure/push/webhook/egress"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A hearing is who heard an event, by path; each list is in order.
type hearing struct {
	Room                             string
	Audiences, Persons, Push, Mail   []string
	Webhook                          bool
	Planned, Inside                  bool
	Payloads                         []string // the parts on whose channels the event itself is
	Announced                        []string // the parts on whose channels notification.created is
	Strangers                        int      // webhooks of another organisation
	Unsigned, Doubled, DoubledPushes int
}

// documented reads the table of docs/events.md.
func documented(t *testing.T) map[string]hearing {
	t.Helper()
	b, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]hearing{}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 9 || !strings.Contains(cells[1], "`") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		_, name, _ := strings.Cut(cells[1], "`")
		name, marks, _ := strings.Cut(name, "`")
		out[name] = hearing{
			Room: cells[2], Audiences: parts(cells[3]), Persons: parts(cells[4]), Webhook: cells[5] != "", Push: parts(cells[6]), Mail: parts(cells[7]),
			Planned: strings.Contains(marks, "*"), Inside: strings.Contains(marks, "†"),
		}
	}
	return out
}

func parts(cell string) []string {
	if cell == "" {
		return nil
	}
	out := strings.Split(cell, ", ")
	slices.Sort(out)
	return out
}

// outsiders are the parts whose persons are of another company here.
var outsiders = []string{event.Producer, event.Invited, event.InRoom, event.Mentioned}

var everyPart = []string{
	event.Producer, event.Insured, event.Invited, event.InRoom, event.Mentioned, event.Assignee, event.Requester, event.Next, event.Adjuster,
	event.Uploader, event.Owner, event.Manager,
}

// A theatre is an organisation with somebody in every part, each with a phone and
// a mailbox, and with ears on every path.
type theatre struct {
	t         *testing.T
	db        *store.DB
	sql       *pgx.Conn
	deal      storetest.Deal
	people    map[string]event.Person // by part
	partOf    map[string]string       // by subject and by token
	hook      *pushtest.Receiver
	foreign   *pushtest.Receiver
	phone     *pushtest.APNs
	mailbox   string
	deliverer *push.Dispatcher
}

func newTheatre(t *testing.T) *theatre {
	t.Helper()
	url := storetest.URL(t)
	s := &theatre{t: t, db: storetest.Open(t, store.Config{URL: url}), people: map[string]event.Person{}, partOf: map[string]string{}, mailbox: t.TempDir()}
	var err error
	if s.sql, err = pgx.Connect(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.sql.Close(context.Background()) })
	s.deal = storetest.NewDeal(t, s.db)
	s.hook, s.foreign = s.endpoint(s.deal.Una), s.endpoint(s.deal.Ben)
	s.cast()
	s.deliver()
	return s
}

// endpoint gives an organisation an endpoint for everything.
func (s *theatre) endpoint(of access.Actor) *pushtest.Receiver {
	s.t.Helper()
	secret := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	r, err := pushtest.NewReceiver(pushtest.ReceiverConfig{Secret: secret})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Close() })
	now := time.Now()
	err = s.db.InTx(s.t.Context(), of, func(tx *store.Tx) error {
		return tx.AddEndpoint(s.t.Context(), push.Endpoint{
			ID: push.NewEndpointID(now), Org: of.Org, URL: r.URL(), Types: []string{"*"}, AtOnce: push.AtOnce, Schedule: push.StandardSchedule,
			Secret: secret, Status: push.Enabled, CreatedBy: of.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// cast puts somebody in every part.
func (s *theatre) cast() {
	s.t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i, part := range everyPart {
		by := s.deal.Una
		if slices.Contains(outsiders, part) {
			by = s.deal.Ben
		}
		who := access.Actor{Org: by.Org}
		if part == event.Insured {
			p := store.Person{ID: access.NewPersonID(now), Org: by.Org, Name: part, Email: part + "@example.com", CreatedAt: now}
			if err := s.db.InTx(s.t.Context(), by, func(tx *store.Tx) error { return tx.AddPerson(s.t.Context(), p) }); err != nil {
				s.t.Fatal(err)
			}
			who.Kind, who.ID = access.Insured, p.ID.String()
		} else {
			who = storetest.User(s.t, s.db, by, part, access.RoleBroker)
			storetest.SQL(s.t, s.db, `UPDATE app_user SET email = $1 WHERE id = $2`, part+"@example.com", *who.UUID())
		}
		token := fmt.Sprintf("%064x", i+1)
		err := s.db.InTx(s.t.Context(), who, func(tx *store.Tx) error {
			_, _, err := tx.AddDevice(s.t.Context(), push.Device{
				ID: push.NewDeviceID(now), Subject: who.ID, Platform: push.IOS, Kind: push.APNs, Address: token, Environment: push.Production,
				RegisteredAt: now, LastSeenAt: now,
			})
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.people[part] = event.Person{Subject: who.ID, Org: by.Org, As: part}
		s.partOf[who.ID], s.partOf[token] = part, part
		if part == event.InRoom || part == event.Mentioned {
			storetest.Seat(s.t, s.db, s.deal.Room, who, "broker", access.RoomChat)
		}
	}
}

// deliver runs what leaves the building, with the real senders.
func (s *theatre) deliver() {
	s.t.Helper()
	loopback, err := parsePrefixes([]string{"127.0.0.0/8"})
	if err != nil {
		s.t.Fatal(err)
	}
	guard, err := egress.New(egress.Config{Allow: loopback})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.phone, err = pushtest.NewAPNs(pushtest.APNsConfig{}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.phone.Close() })
	phones, err := apns.New(apns.Config{
		Key: s.phone.KeyPEM(), KeyID: s.phone.KeyID(), TeamID: s.phone.TeamID(), Topic: s.phone.Topic(), Host: s.phone.URL(), RootCAs: s.phone.Roots(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	mails, err := mail.New(mail.Config{Folder: s.mailbox})
	if err != nil {
		s.t.Fatal(err)
	}
	hooks := webhook.New(guard, webhook.Config{})
	s.deliverer = push.New(s.db, map[push.Kind]push.Sender{push.Webhook: hooks, push.APNs: phones, push.Mail: mails}, push.Config{Worker: "test"})
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = s.deliverer.Run(ctx) }) // returns nil
	s.t.Cleanup(func() { stop(); work.Wait(); hooks.Close() })
}

// emit commits an event of a type, with persons in every part.
func (s *theatre) emit(typ event.Type) event.ID {
	s.t.Helper()
	e := event.New(s.deal.Una.Org, s.deal.Room.ID.String(), typ.Example, time.Now()).With(map[string]string{"secret": "7"})
	for _, part := range everyPart {
		e.Persons = append(e.Persons, s.people[part])
	}
	switch typ.Room {
	case event.AsEntry:
		e.Also = []event.Channel{room.Shared(s.deal.Room.ID, e.Org)}
	case event.OnDesk:
		e.Also = []event.Channel{room.Desk(s.deal.Room.ID, e.Org)}
	}
	if err := s.db.InTx(s.t.Context(), s.deal.Una, func(tx *store.Tx) error { tx.Emit(e); return nil }); err != nil {
		s.t.Fatal(err)
	}
	return e.ID
}

// say posts a message in the room that mentions somebody, and lets half a minute
// pass in which nobody reads it.
func (s *theatre) say() event.ID {
	s.t.Helper()
	var mentioned access.UserID
	if err := mentioned.UnmarshalText([]byte(s.people[event.Mentioned].Subject)); err != nil {
		s.t.Fatal(err)
	}
	house := rooms.New(s.db, storetest.Poster(s.t, s.db), nil, rooms.Config{})
	m, _, err := house.Post(s.t.Context(), s.deal.Una, s.deal.Room.ID, room.Draft{
		Body: "We can offer 1M/2M.", ClientID: "5f0c2f6e-9a51-4a5e-8a39-2f0f6c1f7a10", Visibility: room.ForAll, Mentions: []access.UserID{mentioned},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.until("reminders", `SELECT count(*) > 0 FROM nudge`)
	storetest.SQL(s.t, s.db, `DELETE FROM nudge WHERE subject NOT IN ($1, $2)`, s.people[event.InRoom].Subject, s.people[event.Mentioned].Subject)
	storetest.SQL(s.t, s.db, `UPDATE nudge SET due_at = now()`)
	s.until("reminded", `SELECT count(*) = 0 FROM nudge WHERE due_at IS NOT NULL`)
	return event.ID(m.ID())
}

// until waits for a condition of the database.
func (s *theatre) until(what, sql string) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var ok bool
		if err := s.sql.QueryRow(s.t.Context(), sql).Scan(&ok); err != nil {
			s.t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within 30 s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// strings reads a column of texts.
func (s *theatre) strings(sql string, args ...any) []string {
	s.t.Helper()
	rows, err := s.sql.Query(s.t.Context(), sql, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// heard collects who heard an event, on every path.
func (s *theatre) heard(typ event.Type, id event.ID) hearing {
	s.t.Helper()
	h := hearing{Planned: typ.Planned, Inside: typ.Inside}
	for _, name := range s.strings(`SELECT c.name FROM entry e JOIN channel c ON c.id = e.channel_id WHERE e.event_id = $1 AND e.kind = $2`, id.UUID(), typ.Name) {
		sort, rest, _ := strings.Cut(name, ":")
		switch sort {
		case "org":
			_, audience, _ := strings.Cut(rest, ":")
			h.Audiences = append(h.Audiences, audience)
		case "person":
			h.Payloads = append(h.Payloads, s.partOf[rest])
		case "room":
			h.Room = event.AsEntry
		case "desk":
			h.Room = event.OnDesk
		}
	}
	if typ.Room == event.AsCard {
		h.Room = typ.Room // cards are events of their own: see the tests of insurance
	}
	for _, subject := range s.strings(`SELECT subject FROM notification WHERE event_id = $1`, id.UUID()) {
		h.Persons = append(h.Persons, s.partOf[subject])
	}
	for _, name := range s.strings(`SELECT c.name FROM entry e JOIN channel c ON c.id = e.channel_id
		WHERE e.kind = 'notification.created' AND convert_from(e.payload, 'UTF8')::jsonb->'data'->>'eventId' = $1`, id.String()) {
		h.Announced = append(h.Announced, s.partOf[strings.TrimPrefix(name, "person:")])
	}
	for _, p := range s.phone.Pushes() {
		var payload struct {
			EventID string `json:"eventId"`
		}
		if err := json.Unmarshal(p.Payload, &payload); err != nil {
			s.t.Fatal(err)
		}
		if payload.EventID == id.String() {
			h.Push = append(h.Push, s.partOf[p.Token])
			h.DoubledPushes += p.Repeat
		}
	}
	h.Mail = s.mails(id)
	for _, r := range s.hook.Requests() {
		if r.ID == id.String() {
			h.Doubled += map[bool]int{true: 1}[h.Webhook]
			h.Unsigned += map[bool]int{true: 1}[r.Unsigned != nil]
			h.Webhook = true
		}
	}
	for _, r := range s.foreign.Requests() {
		h.Strangers += map[bool]int{true: 1}[r.ID == id.String()]
	}
	for _, list := range [][]string{h.Audiences, h.Persons, h.Push, h.Mail, h.Payloads, h.Announced} {
		slices.Sort(list)
	}
	return h
}

// keepsMetadata checks that of the metadata of what happened nobody hears but the
// organisation: by its list, its webhooks and its audiences.
func (s *theatre) keepsMetadata(typ event.Type, id event.ID) {
	s.t.Helper()
	const knows = ` convert_from(e.payload, 'UTF8') LIKE '%"metadata":{"secret":"7"}%'`
	var want []string
	if typ.Metadata {
		want = append(want, "event")
		for _, a := range typ.Audiences {
			want = append(want, event.OrgChannel(s.deal.Una.Org, a))
		}
	}
	slices.Sort(want)
	got := s.strings(`SELECT 'event' FROM event e WHERE e.id = $1 AND`+knows+` UNION ALL
		SELECT c.name FROM entry e JOIN channel c ON c.id = e.channel_id WHERE e.event_id = $1 AND`+knows, id.UUID())
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: metadata is known to %q, want %q", typ.Name, got, want)
	}
	for _, b := range s.strings(`SELECT words::text FROM notification WHERE event_id = $1`, id.UUID()) {
		if strings.Contains(b, "secret") {
			s.t.Errorf("%s: in an inbox: %s", typ.Name, b)
		}
	}
}

// mails returns to whom mails of an event are.
func (s *theatre) mails(id event.ID) []string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.mailbox, "*.eml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var to []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			s.t.Fatal(err)
		}
		m, err := pushtest.OpenMail(b)
		if err != nil {
			s.t.Fatal(err)
		}
		if m.Header.Get("X-OpenInsure-Event") == id.String() {
			part, _, _ := strings.Cut(m.Header.Get("To"), "@")
			to = append(to, part[strings.LastIndexAny(part, "<\" ")+1:])
		}
	}
	return to
}

// TestWhoHearsWhat emits every type of the catalogue once, with somebody in
// every part, and compares who heard it on every path with docs/events.md.
func TestWhoHearsWhat(t *testing.T) {
	want := documented(t)
	s := newTheatre(t)
	told := map[string]event.ID{}
	for _, typ := range event.Types() {
		if typ.Name == event.Posted {
			told[typ.Name] = s.say()
			continue
		}
		told[typ.Name] = s.emit(typ)
	}
	s.until("deliveries", `SELECT (SELECT count(*) FROM outbox) = 0 AND (SELECT count(*) FROM delivery WHERE state IN ('pending', 'leased')) = 0`)
	for _, typ := range event.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			expect, listed := want[typ.Name]
			if listed == (typ.Stream && typ.Name != event.Posted) {
				t.Fatalf("in the table: %v", listed)
			}
			delete(want, typ.Name)
			if !listed {
				expect.Room = typ.Room // rooms carry more than the events of the list
			}
			expect.Announced = expect.Persons
			for _, part := range expect.Persons {
				if typ.Name != event.Posted && (!expect.Inside || !slices.Contains(outsiders, part)) {
					expect.Payloads = append(expect.Payloads, part)
				}
			}
			got := s.heard(typ, told[typ.Name])
			s.keepsMetadata(typ, told[typ.Name])
			if typ.Name == event.Posted {
				got.Persons = only(got.Persons, expect.Persons)
			}
			if d := cmp.Diff(expect, got); d != "" {
				t.Errorf("-docs/events.md +heard:\n%s", d)
			}
		})
	}
	for name := range want {
		t.Errorf("%s is in the table and not in the catalogue", name)
	}
}

// only keeps what is in a list.
func only(of, list []string) []string {
	return slices.DeleteFunc(of, func(s string) bool { return !slices.Contains(list, s) })
}
