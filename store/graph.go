package store

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
)

// Bounds of what a node remembers of the relationships.
const (
	mostKept    = 200_000          // objects, each once for everybody who asked about it
	mostChanges = 10_000           // of one answer; with more everything is forgotten
	momentAge   = time.Second      // for which a request trusts what it was told
	changeAge   = time.Hour        // after which a change is deleted
	longSilence = 30 * time.Minute // after which a node that asked nothing forgets everything
)

// revisionSQL says what has changed in the relationships since the reader's
// horizon ($1): a number below which every transaction was over when he asked
// last. It answers with the next one; crosses orgs: a node remembers for all.
const revisionSQL = `SELECT l.epoch, pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
		ARRAY(SELECT c.xid::text || ' ' || c.object_type || ' ' || c.object_id FROM relationship_change c WHERE c.xid >= $1::text::xid8 LIMIT 10001)
	FROM log l`

// sweepChangesSQL forgets changes that every node has heard of; crosses orgs:
// age is all that counts.
const sweepChangesSQL = `DELETE FROM relationship_change WHERE at < $1`

// A revision is an answer of revisionSQL.
type revision struct {
	epoch   string
	horizon int64
	changes []string
}

func scanRevision(row pgx.CollectableRow) (revision, error) {
	var r revision
	return r, row.Scan(&r.epoch, &r.horizon, &r.changes)
}

// A graph is what a node remembers of the relationships, of every object apart.
//
// It is told of changes only when somebody asks what has changed, and everybody
// who relies on it has asked: see moment.
type graph struct {
	mu      sync.RWMutex // guards all below
	epoch   string       // of the server that it was read from
	horizon int64        // what was changed by transactions below is forgotten already; 0 at first
	heard   time.Time    // when it was told last
	done    map[string]int64
	gen     uint64 // rises with whatever is forgotten
	kept    map[access.Node]map[viewer][]access.Tuple
	count   int // of kept
}

// A viewer is for whom tuples were read. The walls show each organisation its
// own.
type viewer struct {
	org access.OrgID
	of  access.Subject
}

// known returns what is remembered of objects and of all that they lead to;
// false when a part is missing.
func (g *graph) known(v viewer, objects []access.Object) (access.Graph, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	found := make(access.Graph, len(objects))
	next := make([]access.Node, 0, 8)
	for _, o := range objects {
		next = append(next, o.Node())
	}
	for len(next) > 0 {
		n := next[len(next)-1]
		next = next[:len(next)-1]
		if _, ok := found[n]; ok {
			continue
		}
		rows, ok := g.kept[n][v]
		if !ok {
			return nil, false
		}
		found[n] = rows
		for _, r := range rows {
			if to, leads := r.Leads(); leads {
				next = append(next, to)
			}
		}
	}
	return found, true
}

// since is where the next question starts. The generation is that of what is
// remembered now.
func (g *graph) since() (horizon string, gen uint64) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.horizon == 0 {
		return strconv.FormatInt(1<<62, 10), g.gen // nothing is remembered that could have changed
	}
	return strconv.FormatInt(g.horizon, 10), g.gen
}

// learn forgets what a revision says has changed, and remembers what was read
// with it, unless something was forgotten since the question was asked: it may
// have been read before that changed.
func (g *graph) learn(r revision, gen uint64, v viewer, read access.Graph) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	current := g.gen == gen
	if r.epoch != g.epoch || len(r.changes) > mostChanges || now.Sub(g.heard) > longSilence {
		g.forgetAll()
		g.epoch, g.horizon = r.epoch, 0
	}
	g.heard = now
	for _, c := range r.changes {
		if _, ok := g.done[c]; ok {
			continue
		}
		xid, object, _ := strings.Cut(c, " ")
		kind, id, _ := strings.Cut(object, " ")
		n := access.Node{Type: access.Type(kind), ID: id}
		g.done[c], _ = strconv.ParseInt(xid, 10, 64) // Postgres wrote it
		g.gen++
		g.count -= len(g.kept[n])
		delete(g.kept, n)
	}
	if r.horizon > g.horizon {
		g.horizon = r.horizon
		for c, xid := range g.done {
			if xid < g.horizon {
				delete(g.done, c)
			}
		}
	}
	if current {
		g.keep(v, read)
	}
}

func (g *graph) keep(v viewer, read access.Graph) {
	if g.count+len(read) > mostKept {
		g.forgetAll()
	}
	for n, rows := range read {
		if g.kept[n] == nil {
			g.kept[n] = map[viewer][]access.Tuple{}
		}
		if _, ok := g.kept[n][v]; !ok {
			g.count++
		}
		g.kept[n][v] = rows
	}
}

// forgetAll forgets everything; what is in use comes back by itself.
func (g *graph) forgetAll() {
	g.kept, g.done, g.count = map[access.Node]map[viewer][]access.Tuple{}, map[string]int64{}, 0
	g.gen++
}

// A moment is one request, and whether this node was told what had changed by
// the time the request came, or later.
type moment struct{ told atomic.Int64 } // nanoseconds since began; 0: not yet

type momentKey struct{}

// began is what moments are counted from.
var began = time.Now()

// Remembering returns a context of one request that is soon answered. Its first
// statement brings along what has changed in the relationships; with that, the
// node answers its checks from memory for a second: each of them sees all that
// was committed before the request came.
//
// What lives longer, a socket, must not have it.
func Remembering(ctx context.Context) context.Context {
	if momentOf(ctx) != nil {
		return ctx
	}
	return context.WithValue(ctx, momentKey{}, &moment{})
}

func momentOf(ctx context.Context) *moment {
	m, _ := ctx.Value(momentKey{}).(*moment)
	return m
}

// knows reports whether what is remembered is good enough for the moment.
func (m *moment) knows() bool {
	told := m.told.Load()
	return told != 0 && int64(time.Since(began))-told < int64(momentAge)
}

// A question asks what has changed, along with other statements. The nil
// question asks nothing.
type question struct {
	graph   *graph
	moment  *moment
	at      int64
	horizon string
	gen     uint64
}

// ask prepares a question when ctx is of a request that was told nothing yet.
func (g *graph) ask(ctx context.Context) *question {
	m := momentOf(ctx)
	if m == nil || m.knows() {
		return nil
	}
	q := &question{graph: g, moment: m, at: int64(time.Since(began))}
	q.horizon, q.gen = g.since()
	return q
}

func (q *question) queue(b *pgx.Batch) {
	if q != nil {
		b.Queue(revisionSQL, q.horizon)
	}
}

// answer reads the answer from the batch, in the place where it was queued.
func (q *question) answer(br pgx.BatchResults) (revision, error) {
	if q == nil {
		return revision{}, nil
	}
	rows, err := br.Query()
	if err != nil {
		return revision{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanRevision)
}

// learn passes on what was answered, and what was read after it.
func (q *question) learn(r revision, v viewer, read access.Graph) {
	if q == nil {
		return
	}
	q.graph.learn(r, q.gen, v, read)
	q.moment.told.Store(max(q.at, 1))
}

// relationships answers from memory when the request that asks has been told
// what changed, and otherwise in one round trip, which tells it.
func (w walled) relationships(ctx context.Context, of access.Subject, objects []access.Object) (access.Graph, error) {
	v := viewer{w.org, of}
	m, tx := momentOf(ctx), carried(ctx)
	if m != nil && m.knows() && (tx == nil || !tx.related) {
		if g, ok := w.graph.known(v, objects); ok {
			return g, nil
		}
	}
	if tx != nil {
		return readAnew(ctx, w, w.org, of, objects)
	}
	q := w.graph.ask(ctx)
	if q == nil && m != nil { // told already, but something is missing
		q = &question{graph: w.graph, moment: m, at: int64(time.Since(began))}
		q.horizon, q.gen = w.graph.since()
	}
	b := &pgx.Batch{}
	b.Queue(setOrgSQL, w.org.UUID())
	q.queue(b)
	b.Queue(relationshipsSQL, relationshipArgs(w.org, of, objects)...)
	br := w.pool.SendBatch(ctx, b)
	g, r, err := readRelationships(br, q)
	if closed := br.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, faultOf(err)
	}
	q.learn(r, v, g)
	return g, nil
}

func readRelationships(br pgx.BatchResults, q *question) (access.Graph, revision, error) {
	if _, err := br.Exec(); err != nil {
		return nil, revision{}, err
	}
	r, err := q.answer(br)
	if err != nil {
		return nil, revision{}, err
	}
	rows, err := br.Query()
	if err != nil {
		return nil, revision{}, err
	}
	g, err := graphOf(rows)
	return g, r, err
}
