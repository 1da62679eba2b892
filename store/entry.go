package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
)

// An Entry is one place in a channel: (channel, epoch, seq) names it for ever.
type Entry struct {
	Channel  string
	Epoch    string
	Seq      int64
	Payload  []byte // the envelope, as it goes out
	Revokes  string // who loses the channel with it; usually nobody
	Rewrites bool   // earlier entries were changed with it
}

// flush is what one transaction tells the world, as columns.
type flush struct {
	ids, orgs                        []string
	types, resources, subjects       []string
	payloads, persons                [][]byte
	quiet                            []bool
	ats                              []time.Time
	request                          any
	heardName, heardType, heardEvent []string
	heardAuthor, heardRevokes        []string
	heardRewrites                    []bool
	heardRef                         []*int64
	heardPayload                     [][]byte
	heardAt                          []time.Time
	channels                         map[string]event.Channel
	entries                          []Entry
}

func newFlush(ctx context.Context, events []event.Event) (*flush, error) {
	f := &flush{channels: map[string]event.Channel{}}
	if r := access.RequestFrom(ctx); !r.IsZero() {
		f.request = r.UUID()
	}
	for _, e := range inOrder(events) {
		payload, err := e.Payload()
		if err != nil {
			return nil, err
		}
		t, _ := event.Lookup(e.Type)
		if !t.Stream {
			f.ids = append(f.ids, e.ID.UUID())
			f.orgs = append(f.orgs, e.Org.UUID())
			f.types = append(f.types, e.Type)
			f.resources = append(f.resources, t.Resource)
			f.subjects = append(f.subjects, e.Subject)
			f.payloads = append(f.payloads, payload)
			f.ats = append(f.ats, e.At)
			persons, err := json.Marshal(e.Heard())
			if err != nil {
				return nil, err
			}
			f.persons = append(f.persons, persons)
			f.quiet = append(f.quiet, e.Quiet)
		}
		for _, c := range e.Channels() {
			heard := payload
			if t.Metadata {
				if heard, err = e.PayloadFor(c); err != nil {
					return nil, err
				}
			}
			f.hear(c, e, heard)
		}
	}
	return f, nil
}

// inOrder gives the events of one transaction ids that sort as they were emitted:
// who reads the list, which is by time and id, reads what follows from what after
// it. An id is minted when an event is made, which may be before others that are
// emitted first, and between ids of other times chance decides. Whatever has been
// told its id before the commit is no event of the list.
func inOrder(events []event.Event) []event.Event {
	out := slices.Clone(events)
	ids, at := map[time.Time][]event.ID{}, map[time.Time][]int{}
	for i, e := range out {
		if t, _ := event.Lookup(e.Type); !t.Stream {
			ids[e.At], at[e.At] = append(ids[e.At], e.ID), append(at[e.At], i)
		}
	}
	for moment, of := range ids {
		slices.SortFunc(of, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
		for n, i := range at[moment] {
			out[i].ID = of[n]
		}
	}
	return out
}

func (f *flush) hear(c event.Channel, e event.Event, payload []byte) {
	f.channels[c.Name] = c
	f.heardName = append(f.heardName, c.Name)
	f.heardType = append(f.heardType, e.Type)
	f.heardEvent = append(f.heardEvent, e.ID.UUID())
	f.heardAuthor = append(f.heardAuthor, e.Author)
	f.heardRevokes = append(f.heardRevokes, e.RevokedFrom(c))
	f.heardRewrites = append(f.heardRewrites, e.Rewrites)
	var ref *int64
	if e.Ref != 0 {
		ref = &e.Ref
	}
	f.heardRef = append(f.heardRef, ref)
	f.heardPayload = append(f.heardPayload, payload)
	f.heardAt = append(f.heardAt, e.At)
}

// becomeWorkerSQL lets the flush write what other organisations hear; the role
// falls back with the commit, which follows at once.
const becomeWorkerSQL = `SET LOCAL ROLE openinsure_worker`

// makeChannelsSQL makes channels that are not known to exist. Names are in
// order, like every lock on channels; crosses orgs: a fact may be heard by
// several.
const makeChannelsSQL = `INSERT INTO channel (name, org_id, room_id)
	SELECT n, o, r FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS u(n, o, r)
	WHERE NOT EXISTS (SELECT FROM channel c WHERE c.name = n)
	ORDER BY n ON CONFLICT DO NOTHING`

// lockHeadsSQL takes the heads in name order, which is what makes it free of
// deadlocks, and fails (division by zero) when one is missing, so that no entry
// is lost in silence; crosses orgs: a fact may be heard by several.
const lockHeadsSQL = `SELECT 1 / (count(*) = cardinality($1::text[]))::int FROM (
	SELECT id FROM channel WHERE name = ANY ($1) ORDER BY name FOR NO KEY UPDATE) locked`

// appendSQL writes events and entries. It is a statement of its own because its
// snapshot must be newer than the locks on the heads; crosses orgs: a fact may
// be heard by several.
const appendSQL = `WITH told AS (
		INSERT INTO event (id, org_id, type, resource, subject, payload, occurred_at, request_id)
		SELECT u.*, $8::uuid FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[]) u
	), owed AS (
		INSERT INTO outbox (event_id, persons, quiet)
		SELECT u.id, convert_from(u.persons, 'UTF8')::jsonb, u.quiet FROM unnest($1::uuid[], $18::bytea[], $19::bool[]) WITH ORDINALITY AS u(id, persons, quiet, ord) ORDER BY u.ord
	), heard AS (
		SELECT c.id, c.org_id, u.*, c.head + row_number() OVER (PARTITION BY c.id ORDER BY u.ord) AS seq
		FROM unnest($9::text[], $10::text[], $11::uuid[], $12::bytea[], $13::timestamptz[], $14::text[], $15::text[], $16::bool[], $17::bigint[])
			WITH ORDINALITY AS u(name, kind, event_id, payload, at, author, revokes, rewrites, ref, ord)
		JOIN channel c ON c.name = u.name
	), moved AS (
		UPDATE channel c SET head = top.seq FROM (SELECT id, max(seq) AS seq FROM heard GROUP BY id) top WHERE c.id = top.id
	), kept AS (
		INSERT INTO entry (channel_id, seq, org_id, kind, event_id, payload, at, author, revokes, rewrites, ref)
		SELECT id, seq, org_id, kind, event_id, payload, at, author, revokes, rewrites, ref FROM heard
	)
	SELECT name, (SELECT epoch FROM log), seq, payload, revokes, rewrites FROM heard ORDER BY ord`

// queue adds the statements to b; none when nothing was emitted.
func (f *flush) queue(b *pgx.Batch, known *sync.Map) {
	if len(f.ids) == 0 && len(f.heardName) == 0 {
		return
	}
	b.Queue(becomeWorkerSQL)
	queueChannels(b, f.channels, known)
	b.Queue(lockHeadsSQL, keys(f.channels))
	b.Queue(appendSQL, f.ids, f.orgs, f.types, f.resources, f.subjects, f.payloads, f.ats, f.request,
		f.heardName, f.heardType, f.heardEvent, f.heardPayload, f.heardAt, f.heardAuthor, f.heardRevokes, f.heardRewrites, f.heardRef, f.persons, f.quiet).Query(func(rows pgx.Rows) error {
		var err error
		f.entries, err = pgx.CollectRows(rows, scanEntry)
		return err
	})
}

func scanEntry(row pgx.CollectableRow) (Entry, error) {
	var e Entry
	return e, row.Scan(&e.Channel, &e.Epoch, &e.Seq, &e.Payload, &e.Revokes, &e.Rewrites)
}

// keys returns the names of channels, in order.
func keys(channels map[string]event.Channel) []string { return slices.Sorted(maps.Keys(channels)) }

// queueChannels makes those channels that are not known to exist.
func queueChannels(b *pgx.Batch, channels map[string]event.Channel, known *sync.Map) {
	var fresh, owners []string
	var rooms []*string
	for _, n := range keys(channels) {
		if _, ok := known.Load(n); !ok {
			c := channels[n]
			fresh, owners, rooms = append(fresh, n), append(owners, c.Org.UUID()), append(rooms, null(c.Room))
		}
	}
	if len(fresh) > 0 {
		b.Queue(makeChannelsSQL, fresh, owners, rooms)
	}
}

// remember notes the channels that are committed now.
func (f *flush) remember(known *sync.Map) {
	for n := range f.channels {
		known.Store(n, struct{}{})
	}
}

// channelSQL finds a channel that the organisation hears, and the log's epoch.
const channelSQL = `SELECT c.id, c.head, c.floor, l.epoch FROM channel c, log l WHERE c.name = $1 AND (c.org_id = $2
	OR EXISTS (SELECT FROM room_org ro WHERE ro.room_id = c.room_id AND ro.org_id = $2))`

// epochSQL reads the log's epoch.
const epochSQL = `SELECT epoch FROM log`

// entriesSQL reads on from a position; crosses orgs: channelSQL checked that
// the channel is heard by the organisation.
const entriesSQL = `SELECT seq, payload FROM entry WHERE channel_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`

// A Position is where a reader of a channel stands.
type Position struct {
	Epoch string
	Seq   int64
}

// Channel is the state of a channel, and what came after a position.
type Channel struct {
	Epoch       string
	Head, Floor int64
	Entries     []Entry
}

// Entries reads up to limit entries of a channel after seq. A channel nobody
// has been told anything on yet is empty, not missing.
func (r Reader) Entries(ctx context.Context, name string, after int64, limit int) (Channel, error) {
	type row struct {
		id int64
		Channel
	}
	rows, err := many(ctx, r, func(c pgx.CollectableRow) (row, error) {
		var v row
		return v, c.Scan(&v.id, &v.Head, &v.Floor, &v.Epoch)
	}, channelSQL, name, r.org.UUID())
	if err != nil {
		return Channel{}, fmt.Errorf("read channel: %w", err)
	}
	if len(rows) == 0 {
		epoch, err := one(ctx, r, pgx.RowTo[string], epochSQL)
		return Channel{Epoch: epoch}, err
	}
	ch := rows[0].Channel
	ch.Entries, err = many(ctx, r, func(c pgx.CollectableRow) (Entry, error) {
		e := Entry{Channel: name}
		return e, c.Scan(&e.Seq, &e.Payload)
	}, entriesSQL, rows[0].id, after, limit)
	if err != nil {
		return Channel{}, fmt.Errorf("read entries: %w", err)
	}
	if n := len(ch.Entries); n > 0 {
		ch.Head = cmp.Or(max(ch.Head, ch.Entries[n-1].Seq), ch.Head)
	}
	return ch, nil
}
