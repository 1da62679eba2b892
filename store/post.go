package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
)

// Limits of the group commit.
const (
	groupSize   = 64               // posts of one transaction
	mostWaiting = 10_000           // posts of a node that are not committed yet
	groupTime   = 10 * time.Second // for one transaction
	groupTries  = 5                // of a group whose connection broke
)

// Faults of posting.
var (
	ErrRoomClosed = room.ErrClosed
	ErrTooBusy    = fault.New(fault.Unavailable, "too_many_posts", "Too many messages are waiting to be saved; try again.").With("limit", mostWaiting).Retry(time.Second)
)

// A Post is a message that is to become an entry.
type Post struct {
	Room     room.ID
	Channel  event.Channel
	ID       room.MessageID
	Author   string // with ClientID, names the post in its channel
	ClientID string // a uuid: two posts with one are one
	Payload  []byte // the envelope
	At       time.Time
	Grant    access.Grant // by which the author may post; looked at again under the lock
}

// A Posted is the entry that a post became.
type Posted struct {
	ID        room.MessageID
	Seq       int64
	Payload   []byte
	Duplicate bool // it had been posted before, maybe in other words: those count
}

// A Poster commits messages in groups: up to 64 at a time, the next group when
// the last one is back. It is the hot path: a message costs one row and a share
// of a commit.
type Poster struct {
	db    *DB
	wake  chan struct{}
	sizes prometheus.Observer

	mu      sync.Mutex // guards waiting and stopped
	waiting []waiting
	stopped bool
}

type waiting struct {
	post Post
	done func(Posted, error)
}

// NewPoster returns the poster of a node; it posts once it runs. r may be nil.
func (db *DB) NewPoster(r prometheus.Registerer) *Poster {
	sizes := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "openinsure_post_group_size", Help: "Messages of one group commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 7),
	})
	if r != nil {
		r.MustRegister(sizes)
	}
	return &Poster{db: db, wake: make(chan struct{}, 1), sizes: sizes}
}

// Post hands a message over and returns; done is called once, when it is
// committed or refused. Posts of one caller to one channel keep their order.
// That the caller goes away does not undo it.
func (p *Poster) Post(m Post, done func(Posted, error)) {
	p.mu.Lock()
	switch {
	case p.stopped:
		p.mu.Unlock()
		done(Posted{}, ErrUnavailable)
		return
	case len(p.waiting) >= mostWaiting:
		p.mu.Unlock()
		done(Posted{}, ErrTooBusy)
		return
	}
	p.waiting = append(p.waiting, waiting{m, done})
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// PostWait is Post for one who waits. When ctx ends first the message may still
// be committed: repeat it with the same ClientID.
func (p *Poster) PostWait(ctx context.Context, m Post) (Posted, error) {
	type result struct {
		posted Posted
		err    error
	}
	got := make(chan result, 1)
	p.Post(m, func(posted Posted, err error) { got <- result{posted, err} })
	select {
	case r := <-got:
		return r.posted, r.err
	case <-ctx.Done():
		return Posted{}, ErrUnavailable.Because(context.Cause(ctx))
	}
}

// Run commits until ctx is over, and then what is waiting.
func (p *Poster) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			p.mu.Lock()
			p.stopped = true
			p.mu.Unlock()
			for p.turn(context.WithoutCancel(ctx)) {
			}
			return nil
		case <-p.wake:
			for p.turn(context.WithoutCancel(ctx)) {
			}
		}
	}
}

// turn commits one group; false when nobody waits.
func (p *Poster) turn(ctx context.Context) bool {
	group := p.take()
	if len(group) == 0 {
		return false
	}
	p.sizes.Observe(float64(len(group)))
	busy, err := p.commit(ctx, group)
	if err != nil {
		p.alone(ctx, group, err)
		return true
	}
	p.putBack(busy)
	if len(busy) == len(group) {
		// All their channels are being written to by others: give way.
		timer := time.NewTimer(time.Millisecond)
		<-timer.C
	}
	return true
}

// take takes the next group off the queue. Of two posts that would be one the
// second waits for the next group, and so does what follows it in its channel.
func (p *Poster) take() []waiting {
	p.mu.Lock()
	defer p.mu.Unlock()
	type name struct{ channel, author, client string }
	seen := make(map[name]bool, groupSize)
	held := map[string]bool{}
	var group, rest []waiting
	for i, w := range p.waiting {
		if len(group) == groupSize {
			rest = append(rest, p.waiting[i:]...)
			break
		}
		n := name{w.post.Channel.Name, w.post.Author, w.post.ClientID}
		if seen[n] || held[n.channel] {
			held[n.channel] = true
			rest = append(rest, w)
			continue
		}
		seen[n] = true
		group = append(group, w)
	}
	p.waiting = rest
	return group
}

// putBack lets posts wait for the next group, before those that came later.
func (p *Poster) putBack(ws []waiting) {
	if len(ws) == 0 {
		return
	}
	p.mu.Lock()
	p.waiting = append(ws, p.waiting...)
	p.mu.Unlock()
}

// alone answers a group that failed: of several posts each is tried by itself,
// so that what is wrong with one is not the others' fault.
func (p *Poster) alone(ctx context.Context, group []waiting, err error) {
	if len(group) == 1 || errors.Is(err, ErrUnavailable) {
		for _, w := range group {
			w.done(Posted{}, err)
		}
		return
	}
	for _, w := range group {
		one := []waiting{w}
		for {
			busy, err := p.commit(ctx, one)
			if err != nil {
				w.done(Posted{}, err)
			}
			if len(busy) == 0 {
				break
			}
		}
	}
}

// skipHeadsSQL takes those heads that nobody else holds, in name order, and
// notes for appendPostsSQL which; crosses orgs: a group is of several.
const skipHeadsSQL = `SELECT set_config('app.heads', coalesce(string_agg(id::text, ','), ''), true) FROM (
	SELECT id FROM channel WHERE name = ANY ($1) ORDER BY name FOR NO KEY UPDATE SKIP LOCKED) locked`

// appendPostsSQL makes entries of the posts whose heads were taken. It is a
// statement of its own because its snapshot must be newer than the locks: what
// was posted under the same client_id, whether the room is open and whether the
// author still may are read here. LIMIT keeps the look-up of client ids from
// becoming a join, which on a table that was small when it was planned reads the
// whole index for each post. A room that is gone, with its channels, is one that is
// not open. A grant is looked up as one word, in the index
// relationship_grant; crosses orgs: a group is of several.
const appendPostsSQL = `WITH post AS (
		SELECT u.*, c.id AS channel_id, c.head, c.org_id
		FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::bytea[], $7::timestamptz[], $8::text[])
			WITH ORDINALITY AS u(name, room_id, author, client_id, event_id, payload, at, held, ord)
		LEFT JOIN channel c ON c.name = u.name
		WHERE c.id IS NULL OR c.id = ANY (string_to_array(nullif(current_setting('app.heads', true), ''), ',')::bigint[])
	), judged AS (
		SELECT p.ord, p.channel_id, p.head, p.org_id, p.event_id, p.author, p.client_id, p.payload, p.at,
			was.seq AS was_seq, was.event_id AS was_id, was.payload AS was_payload,
			coalesce(r.status = 'active' AND p.channel_id IS NOT NULL, false) AS open,
			p.held = '' OR EXISTS (SELECT FROM relationship t WHERE t.subject_relation = ''
				AND t.object_type || ':' || t.object_id || '#' || t.relation || '@' || t.subject_type || ':' || t.subject_id = p.held) AS may
		FROM post p LEFT JOIN room r ON r.id = p.room_id
		LEFT JOIN LATERAL (SELECT e.seq, e.event_id, e.payload FROM entry e
			WHERE e.channel_id = p.channel_id AND e.author = p.author AND e.client_id = p.client_id LIMIT 1) was ON true
	), numbered AS (
		SELECT j.*, j.was_seq IS NULL AND j.open AND j.may AS fresh,
			coalesce(j.head, 0) + count(*) FILTER (WHERE j.was_seq IS NULL AND j.open AND j.may) OVER (PARTITION BY j.channel_id ORDER BY j.ord) AS seq
		FROM judged j
	), moved AS (
		UPDATE channel c SET head = top.seq FROM (SELECT channel_id, max(seq) AS seq FROM numbered WHERE fresh GROUP BY channel_id) top
		WHERE c.id = top.channel_id
	), kept AS (
		INSERT INTO entry (channel_id, seq, org_id, kind, event_id, author, client_id, payload, at)
		SELECT channel_id, seq, org_id, 'deal_room.message_posted', event_id, author, client_id, payload, at FROM numbered WHERE fresh
	)
	SELECT ord, (SELECT epoch FROM log), CASE WHEN fresh THEN seq ELSE coalesce(was_seq, 0) END, coalesce(was_id, event_id), was_payload,
		was_seq IS NOT NULL, may
	FROM numbered`

// verdict is what became of the post at index at.
type verdict struct {
	at     int
	epoch  string
	posted Posted
	may    bool
}

// commit commits a group, tells the publisher and the callers, and returns the
// posts whose channels were busy. A connection that breaks leaves it open
// whether the group was committed; the client ids make it safe to try again.
func (p *Poster) commit(ctx context.Context, group []waiting) (busy []waiting, err error) {
	var verdicts []verdict
	for try := 1; ; try++ {
		verdicts, err = p.send(ctx, group)
		if err == nil || try == groupTries || !errors.Is(err, ErrUnavailable) {
			break
		}
		timer := time.NewTimer(time.Duration(try*try) * 20 * time.Millisecond)
		<-timer.C
	}
	if err != nil {
		return nil, err
	}
	told := make([]Entry, 0, len(verdicts))
	met := make([]bool, len(group))
	for _, v := range verdicts {
		met[v.at] = true
		if v.posted.Seq > 0 && !v.posted.Duplicate {
			m := group[v.at].post
			told = append(told, Entry{Channel: m.Channel.Name, Epoch: v.epoch, Seq: v.posted.Seq, Payload: m.Payload})
		}
	}
	if p.db.publish != nil && len(told) > 0 {
		p.db.publish(ctx, told)
	}
	if p.db.owed != nil && len(told) > 0 {
		p.db.owed(channelsOf(told))
	}
	for _, v := range verdicts {
		switch {
		case v.posted.Seq > 0:
			group[v.at].done(v.posted, nil)
		case !v.may:
			group[v.at].done(Posted{}, fault.ErrForbidden)
		default:
			group[v.at].done(Posted{}, ErrRoomClosed)
		}
	}
	for i, w := range group {
		if !met[i] {
			busy = append(busy, w)
		}
	}
	return busy, nil
}

// channelsOf are the channels of entries; several of one channel that follow
// each other name it once.
func channelsOf(es []Entry) []string {
	names := make([]string, len(es))
	for i, e := range es {
		names[i] = e.Channel
	}
	return slices.Compact(names)
}

// send is one transaction in one round trip.
func (p *Poster) send(ctx context.Context, group []waiting) ([]verdict, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, groupTime, errors.New("group commit"))
	defer cancel()
	conn, err := p.db.post.Acquire(ctx)
	if err != nil {
		return nil, faultOf(err)
	}
	defer conn.Release()
	var verdicts []verdict
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	channels := columnsOf(group).queue(b, &p.db.known, func(rows pgx.Rows) error {
		verdicts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (verdict, error) { return scanVerdict(row, group) })
		return err
	})
	b.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, p.rollback(ctx, conn.Conn(), err)
	}
	for n := range channels {
		p.db.known.Store(n, struct{}{})
	}
	return verdicts, nil
}

// rollback leaves the connection fit for the next group, or closed.
func (p *Poster) rollback(ctx context.Context, conn *pgx.Conn, cause error) error {
	if !conn.IsClosed() && conn.PgConn().TxStatus() != 'I' {
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			_ = conn.Close(ctx) // it is of no use any more
		}
	}
	return fmt.Errorf("post a group: %w", faultOf(cause))
}

func scanVerdict(row pgx.CollectableRow, group []waiting) (verdict, error) {
	var v verdict
	var ord int64
	err := row.Scan(&ord, &v.epoch, &v.posted.Seq, &v.posted.ID, &v.posted.Payload, &v.posted.Duplicate, &v.may)
	v.at = int(ord) - 1
	if err == nil && !v.posted.Duplicate {
		v.posted.Payload = group[v.at].post.Payload
	}
	return v, err
}

// columns is a group as the statements take it.
type columns struct {
	channels                                  map[string]event.Channel
	names, rooms, authors, clients, ids, held []string
	payloads                                  [][]byte
	ats                                       []time.Time
}

func columnsOf(group []waiting) *columns {
	c := &columns{channels: make(map[string]event.Channel, len(group))}
	for _, w := range group {
		m := w.post
		c.channels[m.Channel.Name] = m.Channel
		c.names = append(c.names, m.Channel.Name)
		c.rooms = append(c.rooms, m.Room.UUID())
		c.authors = append(c.authors, m.Author)
		c.clients = append(c.clients, m.ClientID)
		c.ids = append(c.ids, m.ID.UUID())
		c.payloads = append(c.payloads, m.Payload)
		c.ats = append(c.ats, m.At)
		c.held = append(c.held, m.Grant.String())
	}
	return c
}

func (c *columns) queue(b *pgx.Batch, known *sync.Map, read func(pgx.Rows) error) map[string]event.Channel {
	queueChannels(b, c.channels, known)
	b.Queue(skipHeadsSQL, keys(c.channels))
	b.Queue(appendPostsSQL, c.names, c.rooms, c.authors, c.clients, c.ids, c.payloads, c.ats, c.held).Query(read)
	return c.channels
}
