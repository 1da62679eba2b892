package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
)

// Limits of the fan-out of messages.
const (
	saidChannels = 100 // at once
	saidMessages = 50  // of a channel at once
)

// When those who have not read what was said are reminded.
const (
	remindAfter = 30 * time.Second // what is read by then rings nowhere
	remindEvery = 10 * time.Minute // of one channel, unless somebody is mentioned
	nudgeLimit  = 100              // persons at once
)

// leftSQL finds channels of rooms in which something was said that nobody has
// fanned out: what a node that died left behind; crosses orgs: a node cleans up
// after any other.
const leftSQL = `SELECT c.name FROM channel c LEFT JOIN fan_position p ON p.channel_id = c.id
	WHERE c.head > coalesce(p.seq, 0) AND (c.name LIKE 'room:%' OR c.name LIKE 'desk:%') LIMIT $1`

// startFansSQL makes the positions of channels that have none; crosses orgs:
// channels are of all.
const startFansSQL = `INSERT INTO fan_position (channel_id, seq) SELECT c.id, 0 FROM channel c
	WHERE c.name = ANY ($1) AND NOT EXISTS (SELECT FROM fan_position p WHERE p.channel_id = c.id) ORDER BY c.id ON CONFLICT DO NOTHING`

// behind are the positions of the channels $1 in which something is not fanned
// out.
const behind = `SELECT set_config('app.fan', coalesce(string_agg(channel_id::text, ','), ''), true) FROM (
	SELECT p.channel_id FROM fan_position p JOIN channel c ON c.id = p.channel_id
	WHERE c.name = ANY ($1) AND c.head > p.seq ORDER BY p.channel_id LIMIT $2 FOR NO KEY UPDATE OF p`

// lockFansSQL takes positions, in an order that makes it free of deadlocks, and
// notes which for saidSQL, whose snapshot must be newer than the locks. It waits
// for a node that is at one of them: what was said since that node looked is
// nobody's but ours; crosses orgs: channels are of all.
const lockFansSQL = behind + `) locked`

// lockLeftSQL takes the positions that no node is at; crosses orgs: channels are
// of all.
const lockLeftSQL = behind + ` SKIP LOCKED) locked`

// saidSQL reads what was said in the channels whose positions are taken, and how
// far each channel goes; crosses orgs: channels are of all.
const saidSQL = `SELECT c.id, c.name, c.org_id, c.head, e.seq, e.event_id, e.author, e.at, e.payload
	FROM fan_position p JOIN channel c ON c.id = p.channel_id
	LEFT JOIN LATERAL (SELECT * FROM entry WHERE channel_id = c.id AND seq > p.seq AND seq <= c.head AND kind = 'deal_room.message_posted'
		ORDER BY seq LIMIT $1) e ON true
	WHERE p.channel_id = ANY (string_to_array(nullif(current_setting('app.fan', true), ''), ',')::bigint[])
	ORDER BY c.id, e.seq`

// said is a message that is to be fanned out, or how far its channel goes when
// there is none.
type said struct {
	channel int64
	name    string
	org     access.OrgID // whose channel it is
	head    int64
	seq     int64
	id      event.ID
	author  string
	at      time.Time
	payload []byte
	message event.MessagePosted
}

// open reads what the message says.
func (m *said) open() error {
	e, err := event.Open(m.payload)
	if err != nil {
		return err
	}
	return json.Unmarshal(e.Data, &m.message)
}

// FanMessages implements push.Queue.
func (db *DB) FanMessages(ctx context.Context, names []string) (made push.Fanned, more bool, err error) {
	lock := lockFansSQL
	if names == nil {
		lock = lockLeftSQL
		if names, err = many(ctx, db.everywhere(), pgx.RowTo[string], leftSQL, saidChannels); err != nil || len(names) == 0 {
			return nil, false, err
		}
		more = len(names) == saidChannels
	}
	made, err = db.fan(ctx, func(f *fanning) error {
		ms, err := f.take(ctx, names, lock)
		if err != nil || len(ms) == 0 {
			return err
		}
		full, err := f.move(ctx, ms)
		if err != nil {
			return err
		}
		more = more || full || len(names) > saidChannels
		return f.say(ctx, ms)
	})
	if err != nil {
		return nil, false, fmt.Errorf("fan out messages: %w", err)
	}
	return made, more, nil
}

func (f *fanning) take(ctx context.Context, names []string, lock string) ([]said, error) {
	if _, err := run(ctx, f.Reader, startFansSQL, names); err != nil {
		return nil, err
	}
	if _, err := run(ctx, f.Reader, lock, names, saidChannels); err != nil {
		return nil, err
	}
	return many(ctx, f.Reader, func(row pgx.CollectableRow) (said, error) {
		var m said
		var seq *int64
		var author *string
		var at *time.Time
		if err := row.Scan(&m.channel, &m.name, &m.org, &m.head, &seq, &m.id, &author, &at, &m.payload); err != nil || seq == nil {
			return m, err
		}
		m.seq, m.author, m.at = *seq, *author, *at
		return m, m.open()
	}, saidSQL, saidMessages)
}

// moveFansSQL notes how far channels were fanned out; crosses orgs: channels are
// of all.
const moveFansSQL = `UPDATE fan_position p SET seq = u.seq FROM unnest($1::bigint[], $2::bigint[]) AS u(id, seq) WHERE p.channel_id = u.id`

// move notes how far each channel goes with ms: to its head, unless there were
// too many messages. Full is true then.
func (f *fanning) move(ctx context.Context, ms []said) (full bool, err error) {
	var ids, seqs []int64
	n := 0
	for i, m := range ms {
		n++
		if i+1 < len(ms) && ms[i+1].channel == m.channel {
			continue
		}
		to := m.head
		if n == saidMessages {
			to, full = m.seq, true
		}
		ids, seqs, n = append(ids, m.channel), append(seqs, to), 0
	}
	_, err = run(ctx, f.Reader, moveFansSQL, ids, seqs)
	return full, err
}

// listMessagesSQL lists what is shared in rooms as events, under the messages'
// own ids; crosses orgs: rooms are of all.
const listMessagesSQL = `INSERT INTO event (id, org_id, type, resource, subject, payload, occurred_at)
	SELECT u.id, u.org_id, 'deal_room.message_posted', 'rooms', u.subject, u.payload, u.at
	FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::timestamptz[]) AS u(id, org_id, subject, payload, at) ON CONFLICT (id) DO NOTHING`

// say lists what is shared, owes it to endpoints, tells those who are mentioned,
// and has everybody else reminded who does not read it. What was deleted
// meanwhile is told nobody.
func (f *fanning) say(ctx context.Context, ms []said) error {
	var ids, orgs, subjects []string
	var payloads [][]byte
	var ats []time.Time
	var facts []push.Fact
	rooms := map[string]struct{}{}
	live := ms[:0]
	for _, m := range ms {
		if m.seq == 0 || m.message.DeletedAt != "" {
			continue
		}
		live = append(live, m)
		of, company, _ := room.ParseChannel(m.name)
		rooms[of.UUID()] = struct{}{}
		if !company.IsZero() {
			continue
		}
		ids, orgs, subjects = append(ids, m.id.UUID()), append(orgs, m.org.UUID()), append(subjects, of.String())
		payloads, ats = append(payloads, m.payload), append(ats, m.at)
		facts = append(facts, push.Fact{Event: m.id, Type: event.Posted, Org: m.org, About: of.String(), At: m.at, Payload: m.payload})
	}
	if len(live) == 0 {
		return nil
	}
	if len(ids) > 0 {
		if _, err := run(ctx, f.Reader, listMessagesSQL, ids, orgs, subjects, payloads, ats); err != nil {
			return err
		}
		if err := f.endpoints(ctx, facts); err != nil {
			return err
		}
	}
	ps, err := f.hearers(ctx, rooms)
	if err != nil {
		return err
	}
	return f.remind(ctx, live, ps)
}

// hearersSQL reads who is in rooms, from where on, and whether he hears his
// company's desk; crosses orgs: rooms are of several.
const hearersSQL = `SELECT p.room_id, p.user_id, p.member_org_id, p.from_seq, EXISTS (SELECT FROM relationship t
		WHERE t.object_type = 'desk' AND t.object_id = p.room_id || '/' || p.member_org_id
			AND t.subject_type = 'user' AND t.subject_id = p.user_id::text AND t.relation = 'member'), p.guest
	FROM participant p WHERE p.room_id = ANY ($1) AND p.left_at IS NULL`

// A hearer is a participant as the fan-out knows him.
type hearer struct {
	room    room.ID
	user    access.UserID
	org     access.OrgID
	fromSeq int64
	desk    bool
	guest   bool
}

// hears reports whether what was said in a channel was said to him.
func (h hearer) hears(m said) bool {
	of, company, ok := room.ParseChannel(m.name)
	if !ok || of != h.room || m.author == h.user.String() {
		return false
	}
	if company.IsZero() {
		return m.seq > h.fromSeq
	}
	return company == h.org && h.desk
}

func (f *fanning) hearers(ctx context.Context, rooms map[string]struct{}) ([]hearer, error) {
	return many(ctx, f.Reader, func(row pgx.CollectableRow) (hearer, error) {
		var h hearer
		return h, row.Scan(&h.room, &h.user, &h.org, &h.fromSeq, &h.desk, &h.guest)
	}, hearersSQL, slices.Collect(maps.Keys(rooms)))
}

// remindSQL lets persons be reminded: so long after the first message that they
// have not read, and not again too soon, unless somebody names them; crosses
// orgs: persons are of several.
const remindSQL = `INSERT INTO nudge AS n (channel_id, subject, org_id, event_id, seq, mentioned, due_at)
	SELECT channel_id, subject, org_id, event_id, seq, mentioned, now() + $7 * interval '1 microsecond'
	FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bool[]) AS u(channel_id, subject, org_id, event_id, seq, mentioned)
	ORDER BY channel_id, subject
	ON CONFLICT (channel_id, subject) DO UPDATE SET event_id = excluded.event_id, seq = excluded.seq,
		(mentioned, due_at) = (SELECT waits AND n.mentioned OR excluded.mentioned, CASE
				WHEN excluded.mentioned THEN least(CASE WHEN waits THEN n.due_at END, excluded.due_at)
				WHEN waits THEN n.due_at
				ELSE greatest(excluded.due_at, n.last_at + $8 * interval '1 microsecond') END
			FROM (SELECT n.due_at IS NOT NULL AND NOT EXISTS (SELECT FROM read_position r
				WHERE r.channel_id = n.channel_id AND r.subject = n.subject AND r.seq >= n.seq) AS waits) was)
	WHERE n.seq < excluded.seq`

func (f *fanning) remind(ctx context.Context, ms []said, hs []hearer) error {
	type who struct {
		channel int64
		subject string
	}
	newest := map[who]int{} // index of the newest message to him
	named := map[who]bool{}
	people := map[who]hearer{}
	var mentions []push.Fact
	for i, m := range ms {
		var persons []event.Person
		for _, h := range hs {
			if !h.hears(m) {
				continue
			}
			w := who{m.channel, h.user.String()}
			newest[w], people[w] = i, h
			for _, name := range m.message.Mentions {
				if name == w.subject {
					named[w] = true
					persons = append(persons, event.Person{Subject: w.subject, Org: h.org, As: event.Mentioned})
				}
			}
		}
		if len(persons) > 0 {
			of, _, _ := room.ParseChannel(m.name)
			mentions = append(mentions, push.Fact{Event: m.id, Type: event.Posted, Org: m.org, About: of.String(), At: m.at, Payload: m.payload, Persons: persons})
		}
	}
	var channels, seqs []int64
	var subjects, orgs, events []string
	var mentioned []bool
	for w, i := range newest {
		channels, subjects, orgs = append(channels, w.channel), append(subjects, w.subject), append(orgs, people[w].org.UUID())
		events, seqs, mentioned = append(events, ms[i].id.UUID()), append(seqs, ms[i].seq), append(mentioned, named[w])
	}
	if len(channels) > 0 {
		if _, err := run(ctx, f.Reader, remindSQL, channels, subjects, orgs, events, seqs, mentioned, remindAfter.Microseconds(), remindEvery.Microseconds()); err != nil {
			return err
		}
	}
	return f.persons(ctx, mentions, false)
}

// dueNudgesSQL takes reminders whose time has come, each with the newest message
// of others that there is to remind of: none when he has read them all, or they
// were deleted; crosses orgs: persons are of several.
const dueNudgesSQL = `WITH due AS (
		SELECT channel_id, subject FROM nudge WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
	)
	SELECT n.channel_id, c.name, c.org_id, n.subject, n.org_id, n.mentioned, coalesce(e.seq, n.seq), coalesce(e.event_id, n.event_id), coalesce(e.at, now()), e.payload,
		coalesce(r.seq, 0), n.mailed_at_seq IS NOT DISTINCT FROM coalesce(r.seq, 0)
	FROM due JOIN nudge n USING (channel_id, subject) JOIN channel c ON c.id = n.channel_id
	LEFT JOIN read_position r ON r.channel_id = n.channel_id AND r.subject = n.subject
	LEFT JOIN LATERAL (SELECT m.seq, m.event_id, m.at, m.payload FROM entry m
		WHERE m.channel_id = n.channel_id AND m.seq > coalesce(r.seq, 0) AND m.seq <= n.seq AND m.kind = 'deal_room.message_posted'
			AND m.author <> n.subject AND position('"deletedAt":"'::bytea IN m.payload) = 0
		ORDER BY m.seq DESC LIMIT 1) e ON true`

// nudgedSQL notes that persons need not be reminded of anything more, and who
// was reminded; crosses orgs: persons are of several.
const nudgedSQL = `UPDATE nudge n SET due_at = NULL, mentioned = false, last_at = CASE WHEN u.told THEN now() ELSE n.last_at END,
		mailed_at_seq = coalesce(u.mailed, n.mailed_at_seq)
	FROM unnest($1::bigint[], $2::text[], $3::bool[], $4::bigint[]) AS u(channel_id, subject, told, mailed) WHERE n.channel_id = u.channel_id AND n.subject = u.subject`

// Nudge implements push.Queue.
func (db *DB) Nudge(ctx context.Context) (made push.Fanned, more bool, err error) {
	made, err = db.fan(ctx, func(f *fanning) error {
		type due struct {
			said
			person event.Person
			named  bool
			read   int64 // how far he has
			away   bool  // he was mailed, as a guest, and has not read on since
		}
		ds, err := many(ctx, f.Reader, func(row pgx.CollectableRow) (due, error) {
			var d due
			if err := row.Scan(&d.channel, &d.name, &d.org, &d.person.Subject, &d.person.Org, &d.named, &d.seq, &d.id, &d.at, &d.payload, &d.read, &d.away); err != nil || d.payload == nil {
				return d, err
			}
			return d, d.open()
		}, dueNudgesSQL, nudgeLimit)
		if err != nil || len(ds) == 0 {
			return err
		}
		more = len(ds) == nudgeLimit
		rooms, subjects := map[string]struct{}{}, map[string]struct{}{}
		for _, d := range ds {
			of, _, _ := room.ParseChannel(d.name)
			rooms[of.UUID()], subjects[d.person.Subject] = struct{}{}, struct{}{}
		}
		hs, err := f.hearers(ctx, rooms)
		if err != nil {
			return err
		}
		reach, err := f.recipients(ctx, subjects)
		if err != nil {
			return err
		}
		var tellings []push.Telling
		var channels []int64
		var names []string
		told, mailed := make([]bool, len(ds)), make([]*int64, len(ds))
		for i, d := range ds {
			channels, names = append(channels, d.channel), append(names, d.person.Subject)
			of, _, _ := room.ParseChannel(d.name)
			d.person.As = event.InRoom
			if d.named {
				d.person.As = event.Mentioned
			}
			if d.payload == nil || !stillHears(hs, d.said, d.person.Subject) || !d.named && reach[d.person.Subject].Muted(of.String()) {
				continue
			}
			if isGuest(hs, of, d.person.Subject) {
				if !d.away {
					if err := f.mailGuest(ctx, d.said, of, d.person.Subject); err != nil {
						return err
					}
					told[i], mailed[i] = true, new(d.read)
				}
				continue
			}
			ts := push.Tell(push.Fact{
				Event: d.id, Type: event.Posted, Org: d.org, About: of.String(), At: d.at, Payload: d.payload, Persons: []event.Person{d.person},
			}, true, f.db.now(), reach)
			told[i] = len(ts) > 0
			tellings = append(tellings, ts...)
		}
		if err := f.tell(ctx, tellings); err != nil {
			return err
		}
		_, err = run(ctx, f.Reader, nudgedSQL, channels, names, told, mailed)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("remind: %w", err)
	}
	return made, more, nil
}

// isGuest reports whether somebody is a guest of a room.
func isGuest(hs []hearer, of room.ID, subject string) bool {
	return slices.ContainsFunc(hs, func(h hearer) bool { return h.guest && h.room == of && h.user.String() == subject })
}

// newsSQL reads where a guest is told of news in his room; crosses orgs: guests
// are of their own.
const newsSQL = `SELECT u.email, u.name, r.title FROM participant t JOIN app_user u ON u.id = t.user_id AND u.status = 'guest' JOIN room r ON r.id = t.room_id
	WHERE t.room_id = $1 AND t.user_id = $2 AND t.guest AND t.left_at IS NULL`

// newsAge is how long it is tried to mail a guest that there is news.
const newsAge = 24 * time.Hour

// mailGuest owes a guest the mail that something was said in his room. Neither
// inbox nor phone is his.
func (f *fanning) mailGuest(ctx context.Context, m said, of room.ID, subject string) error {
	var user access.UserID
	if err := user.UnmarshalText([]byte(subject)); err != nil {
		return err
	}
	var email, name, title string
	err := each(ctx, f.Reader, []any{&email, &name, &title}, func() error { return nil }, newsSQL, of.UUID(), user.UUID())
	if err != nil || email == "" {
		return err
	}
	at := f.db.now()
	by := m.message.Author
	id := event.NewID(at) // of its own: of one message he may be mailed twice, when a later one was deleted
	notice := push.GuestNewsNotice(by.Name, by.OrgName, title, "/rooms/"+of.String(), at.Add(newsAge))
	sealed, err := f.db.sealLetter(id, letter{Notice: notice, To: email, Name: name})
	if err != nil {
		return err
	}
	if _, err := run(ctx, f.Reader, addLetterSQL, m.org.UUID(), user.UUID(), id.UUID(), push.GuestNewsType, sealed); err != nil {
		return err
	}
	f.made[push.Mail]++
	return nil
}

// stillHears reports whether somebody hears what was said, as things are now.
func stillHears(hs []hearer, m said, subject string) bool {
	for _, h := range hs {
		if h.user.String() == subject {
			m.author = ""
			if h.hears(m) {
				return true
			}
		}
	}
	return false
}
