package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
)

// fanLimit is how many events one fan-out takes.
const fanLimit = 200

// OnOwed sets who is told, on the committing goroutine, that this node committed
// something which the outside must hear: events, or messages in the named
// channels. It must not block. Set it before the first InTx.
func (db *DB) OnOwed(f func(channels []string)) { db.owed = f }

// A fanning is one transaction of the fan-out. It does all of its work or none,
// and done twice it makes nothing twice.
type fanning struct {
	db     *DB
	conn   pgx.Tx
	Reader // of every organisation
	made   push.Fanned
	told   []event.Event // what persons hear on their channels
}

// fan runs fn in a transaction of the worker's and publishes what persons were
// told.
func (db *DB) fan(ctx context.Context, fn func(*fanning) error) (push.Fanned, error) {
	f := &fanning{db: db, made: push.Fanned{}}
	var told *flush
	err := pgx.BeginTxFunc(ctx, db.worker, pgx.TxOptions{BeginQuery: "BEGIN; " + planByIndexSQL}, func(tx pgx.Tx) error {
		f.conn, f.Reader = tx, Reader{q: tx}
		if err := fn(f); err != nil {
			return err
		}
		var err error
		if told, err = newFlush(ctx, f.told); err != nil {
			return err
		}
		b := &pgx.Batch{}
		told.queue(b, &db.known)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return nil, db.flushFault(err)
	}
	told.remember(&db.known)
	if db.publish != nil && len(told.entries) > 0 {
		db.publish(ctx, told.entries)
	}
	return f.made, nil
}

// fanLock is the number that the fan-out of events locks. One node at a time is
// at it: two would do the same work, and wait for each other at every row.
const fanLock = 7349120467

// outboxSQL reads what was committed and is not fanned out, in the order of
// commits as far as one can tell. It is a statement of its own because its
// snapshot must be newer than the lock; crosses orgs: the outbox is of all.
const outboxSQL = `SELECT o.ord, e.id, e.type, e.org_id, e.subject, e.occurred_at, e.payload, o.persons, o.quiet
	FROM (SELECT * FROM outbox ORDER BY ord LIMIT $1) o JOIN event e ON e.id = o.event_id ORDER BY o.ord`

// fannedSQL forgets what is fanned out; crosses orgs: the outbox is of all.
const fannedSQL = `DELETE FROM outbox WHERE ord = ANY ($1)`

// Fan implements push.Queue.
func (db *DB) Fan(ctx context.Context) (made push.Fanned, more bool, err error) {
	made, err = db.fan(ctx, func(f *fanning) error {
		type owed struct {
			ord int64
			push.Fact
		}
		if _, err := run(ctx, f.Reader, lockNumberSQL, fanLock); err != nil {
			return err
		}
		os, err := many(ctx, f.Reader, func(row pgx.CollectableRow) (owed, error) {
			var o owed
			var persons []byte
			if err := row.Scan(&o.ord, &o.Event, &o.Type, &o.Org, &o.About, &o.At, &o.Payload, &persons, &o.Quiet); err != nil {
				return o, err
			}
			return o, json.Unmarshal(persons, &o.Persons)
		}, outboxSQL, fanLimit)
		if err != nil || len(os) == 0 {
			return err
		}
		more = len(os) == fanLimit
		facts, ords := make([]push.Fact, len(os)), make([]int64, len(os))
		for i, o := range os {
			facts[i], ords[i] = o.Fact, o.ord
		}
		if err := f.endpoints(ctx, facts); err != nil {
			return err
		}
		if err := f.persons(ctx, facts, true); err != nil {
			return err
		}
		_, err = run(ctx, f.Reader, fannedSQL, ords)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("fan out events: %w", err)
	}
	return made, more, nil
}

// fanEndpointsSQL owes events to the endpoints that want them, once; crosses
// orgs: events are of all.
const fanEndpointsSQL = `INSERT INTO delivery (org_id, kind, target, event_id, type)
	SELECT f.org_id, 'webhook', e.id, f.id, f.type
	FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) WITH ORDINALITY AS f(id, org_id, type, itself, ord)
	JOIN endpoint e ON e.org_id = f.org_id AND (f.type = ANY (e.types) OR '*' = ANY (e.types)) AND e.id <> f.itself
	ORDER BY f.ord, e.id ON CONFLICT (event_id, target) DO NOTHING`

// endpoints owes facts to endpoints: what happened to one of them to the others.
func (f *fanning) endpoints(ctx context.Context, facts []push.Fact) error {
	var ids, orgs, types, itself []string
	for _, fact := range facts {
		if t, ok := event.Lookup(fact.Type); ok && t.Webhook {
			ids, orgs, types = append(ids, fact.Event.UUID()), append(orgs, fact.Org.UUID()), append(types, fact.Type)
			var of push.EndpointID
			if of.UnmarshalText([]byte(fact.About)) != nil {
				of = push.EndpointID{}
			}
			itself = append(itself, of.UUID())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	n, err := run(ctx, f.Reader, fanEndpointsSQL, ids, orgs, types, itself)
	f.made[push.Webhook] += int(n)
	return err
}

// persons tells persons of facts. When rings is false it only fills their
// inboxes.
func (f *fanning) persons(ctx context.Context, facts []push.Fact, rings bool) error {
	subjects := map[string]struct{}{}
	for _, fact := range facts {
		for _, p := range fact.Persons {
			subjects[p.Subject] = struct{}{}
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	reach, err := f.recipients(ctx, subjects)
	if err != nil {
		return err
	}
	var tellings []push.Telling
	for _, fact := range facts {
		tellings = append(tellings, push.Tell(fact, rings, f.db.now(), reach)...)
	}
	return f.tell(ctx, tellings)
}

// recipientsSQL reads what reaches subjects; crosses orgs: they are of several.
const recipientsSQL = `SELECT s.subject, coalesce(p.locale, ''), coalesce(p.no_push, '{}'), coalesce(p.no_mail, '{}'), coalesce(p.muted, '{}')::text[],
		p.quiet_from, p.quiet_until, coalesce(p.timezone, ''),
		EXISTS (SELECT FROM app_user u WHERE u.id = s.id AND u.status = 'active') OR EXISTS (SELECT FROM person h WHERE h.id = s.id AND h.email <> '')
	FROM unnest($1::text[], $2::uuid[]) AS s(subject, id) LEFT JOIN preference p ON p.subject = s.subject`

// phonesSQL reads the living devices of subjects; crosses orgs: they are of
// several.
const phonesSQL = `SELECT t.subject, t.id, t.org_id, t.kind FROM device t WHERE t.subject = ANY ($1) AND t.invalid_at IS NULL ORDER BY t.registered_at, t.id`

func (f *fanning) recipients(ctx context.Context, subjects map[string]struct{}) (map[string]push.Recipient, error) {
	names, ids := make([]string, 0, len(subjects)), make([]*string, 0, len(subjects))
	for s := range subjects {
		names, ids = append(names, s), append(ids, access.SubjectUUID(s))
	}
	out := make(map[string]push.Recipient, len(names))
	var subject string
	var r push.Recipient
	var muted []string
	var from, until *int
	var zone string
	err := each(ctx, f.Reader, []any{&subject, &r.Locale, &r.NoPush, &r.NoMail, &muted, &from, &until, &zone, &r.Mailbox}, func() error {
		for _, m := range muted {
			var id room.ID
			if err := id.Scan(m); err != nil {
				return err
			}
			r.Rooms = append(r.Rooms, id.String())
		}
		if from != nil && until != nil {
			r.Quiet = &push.QuietHours{From: *from, Until: *until, Timezone: zone}
		}
		out[subject] = r
		r, muted, from, until = push.Recipient{}, nil, nil, nil
		return nil
	}, recipientsSQL, names, ids)
	if err != nil {
		return nil, err
	}
	var d push.Device
	err = each(ctx, f.Reader, []any{&subject, &d.ID, &d.Org, &d.Kind}, func() error {
		r := out[subject]
		r.Devices = append(r.Devices, d)
		out[subject] = r
		return nil
	}, phonesSQL, names)
	return out, err
}

// tellSQL fills inboxes, once for each event and person; crosses orgs: persons
// are of several.
const tellSQL = `INSERT INTO notification (org_id, subject, event_id, type, category, about, link, words, urgent, expires_at)
	SELECT org_id, subject, event_id, type, category, about, link, convert_from(words, 'UTF8')::jsonb, urgent, expires_at
	FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bool[], $10::timestamptz[])
		WITH ORDINALITY AS u(org_id, subject, event_id, type, category, about, link, words, urgent, expires_at, ord)
	ORDER BY u.ord ON CONFLICT (event_id, subject) DO NOTHING RETURNING id, event_id, subject`

// ringSQL owes notices to phones and mailboxes, once; crosses orgs: persons are
// of several.
const ringSQL = `INSERT INTO delivery (org_id, kind, target, event_id, type, notification_id, next_at)
	SELECT n.org_id, u.kind, u.target, n.event_id, n.type, n.id, greatest(now(), u.not_till)
	FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[]) WITH ORDINALITY AS u(event_id, subject, kind, target, not_till, ord)
	JOIN notification n ON n.event_id = u.event_id AND n.subject = u.subject
	ORDER BY u.ord ON CONFLICT (event_id, target) DO NOTHING RETURNING kind, next_at <= now()`

func (f *fanning) tell(ctx context.Context, ts []push.Telling) error {
	if len(ts) == 0 {
		return nil
	}
	var c tellings
	type name struct{ event, subject string }
	of := make(map[name]push.Telling, len(ts))
	for _, t := range ts {
		words, err := json.Marshal(t.Notice.Words)
		if err != nil {
			return err
		}
		c.add(t, words)
		of[name{t.Event.UUID(), t.Subject}] = t
	}
	var fresh push.NoticeID
	var about event.ID
	var subject string
	err := each(ctx, f.Reader, []any{&fresh, &about, &subject}, func() error {
		f.announce(fresh, of[name{about.UUID(), subject}])
		return nil
	}, tellSQL, c.orgs, c.subjects, c.events, c.types, c.categories, c.abouts, c.links, c.words, c.urgents, c.expires)
	if err != nil || len(c.rings.targets) == 0 {
		return err
	}
	var kind push.Kind
	var due bool
	return each(ctx, f.Reader, []any{&kind, &due}, func() error {
		if due {
			f.made[kind]++
		}
		return nil
	}, ringSQL, c.rings.events, c.rings.subjects, c.rings.kinds, c.rings.targets, c.rings.notTill)
}

// announce lets a person's live sessions hear that his inbox has a new row.
func (f *fanning) announce(id push.NoticeID, t push.Telling) {
	w := t.Notice.In("")
	e := event.New(t.Org, t.Subject, event.NotificationCreated{
		NotificationID: id.String(), EventID: t.Event.String(), OfType: t.Type, Category: t.Notice.Category,
		About: t.Notice.About, Link: t.Notice.Link, Title: w.Title, Body: w.Body,
	}, f.db.now())
	e.Also = []event.Channel{event.PersonChannel(t.Subject, t.Org)}
	f.told = append(f.told, e)
}

// tellings are columns for tellSQL and ringSQL.
type tellings struct {
	orgs, subjects, events, types, categories, abouts, links []string
	words                                                    [][]byte
	urgents                                                  []bool
	expires                                                  []time.Time
	rings                                                    struct {
		events, subjects, kinds []string
		targets                 []*string
		notTill                 []*time.Time
	}
}

func (c *tellings) add(t push.Telling, words []byte) {
	n := t.Notice
	c.orgs, c.subjects, c.events, c.types = append(c.orgs, t.Org.UUID()), append(c.subjects, t.Subject), append(c.events, t.Event.UUID()), append(c.types, t.Type)
	c.categories, c.abouts, c.links = append(c.categories, n.Category), append(c.abouts, n.About), append(c.links, n.Link)
	c.words, c.urgents, c.expires = append(c.words, words), append(c.urgents, n.Urgent), append(c.expires, n.Expires)
	ring := func(k push.Kind, target *string, notTill *time.Time) {
		c.rings.events, c.rings.subjects = append(c.rings.events, t.Event.UUID()), append(c.rings.subjects, t.Subject)
		c.rings.kinds, c.rings.targets, c.rings.notTill = append(c.rings.kinds, string(k)), append(c.rings.targets, target), append(c.rings.notTill, notTill)
	}
	for _, d := range t.Devices {
		var until *time.Time
		if !t.NotTill.IsZero() {
			until = &t.NotTill
		}
		ring(d.Kind, new(d.ID.UUID()), until)
	}
	if t.Mail {
		ring(push.Mail, access.SubjectUUID(t.Subject), nil)
	}
}
