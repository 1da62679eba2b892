// Package store is the Postgres behind everything, and the only package that
// knows pgx.
//
// Reads go through a Reader, which sees one organisation. Changes go through
// InTx, which writes the events and channel entries of the change just before
// its commit, and tells the publisher only after it.
package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/push"
)

// Config says how to reach Postgres. Only URL and Sealer are needed.
type Config struct {
	URL      string
	MaxConns int32         // of each pool (app, worker); 20 when 0
	Timeout  time.Duration // of one statement; 10 s when 0
	Sealer   *seal.Ring    // seals recorded answers
	Logger   *slog.Logger  // nil discards
	Now      func() time.Time
	Tracer   pgx.QueryTracer // sees every statement; nil: nobody does
	NoWalls  bool            // measure without row-level security: the pools keep the login role

	// TestClocks lets organisations have times of their own; not in production.
	TestClocks bool
}

// A DB is a pair of connection pools: app sees one organisation at a time,
// worker spans them all.
type DB struct {
	app, worker *pgxpool.Pool
	live        *pgxpool.Pool // what the hub reads, so that it waits for nobody
	post        *pgxpool.Pool // the group commit's
	seal        *seal.Ring
	log         *slog.Logger
	now         func() time.Time
	clocks      bool // organisations have test clocks

	graph   *graph                          // what this node remembers of the relationships
	known   sync.Map                        // names of channels that are committed
	served  atomic.Pointer[push.EndpointID] // the last endpoint that was leased for; nil: none yet
	judge   access.Evaluator                // nil: none
	publish func(context.Context, []Entry)
	owed    func(channels []string)
	asked   func()
	refused func(audit.Row)
}

// The roles that the pools take; see migration 00001.
const (
	roleApp    = "openinsure_app"
	roleWorker = "openinsure_worker"
)

// Open connects. It does not migrate; see Migrate.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 20
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	db := &DB{seal: cfg.Sealer, log: cfg.Logger, now: cfg.Now, clocks: cfg.TestClocks, graph: &graph{}}
	for _, p := range []struct {
		pool **pgxpool.Pool
		role string
		max  int32
	}{
		{&db.app, roleApp, cfg.MaxConns}, {&db.worker, roleWorker, cfg.MaxConns},
		{&db.live, roleWorker, liveConns}, {&db.post, roleWorker, postConns},
	} {
		var err error
		planned := ""
		if p.pool == &db.post {
			planned = byIndex
		}
		if *p.pool, err = connect(ctx, cfg, p.role, p.max, planned); err != nil {
			db.Close()
			return nil, err
		}
	}
	if err := db.openLog(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// The connections of the pools that nobody sets.
const (
	liveConns = 4
	postConns = 2
)

// byIndex makes the group commit look everything up by its index. A plan that
// was made while a table was small reads all of it, and stays until statistics
// are taken: a minute in which each group costs more than the one before.
const byIndex = "SET enable_seqscan = off"

func connect(ctx context.Context, cfg Config, role string, most int32, planned string) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a Postgres address") // the parser's own text holds the password
	}
	pc.MaxConns = most
	pc.ConnConfig.Tracer = cfg.Tracer
	pc.ConnConfig.RuntimeParams["application_name"] = "openinsure"
	pc.ConnConfig.RuntimeParams["statement_timeout"] = fmt.Sprint(cfg.Timeout.Milliseconds())
	pc.ConnConfig.RuntimeParams["lock_timeout"] = "5000"
	pc.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "30000"
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// Our statements are short. Before a table's first ANALYZE one may be thought
	// to be dear, and compiling it then takes a second each time.
	pc.ConnConfig.RuntimeParams["jit"] = "off"
	pc.ConnConfig.ConnectTimeout = 5 * time.Second
	pc.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		timesInUTC(c.TypeMap())
		// A new connection may lead to another server than the last one did.
		if _, err := c.Exec(ctx, rotateLogSQL, newEpoch()); err != nil {
			return fmt.Errorf("compare the log with the server: %w", err)
		}
		if planned != "" {
			if _, err := c.Exec(ctx, planned); err != nil {
				return err
			}
		}
		if cfg.NoWalls {
			return nil
		}
		_, err := c.Exec(ctx, "SET ROLE "+role)
		return err
	}
	p, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("connect as %s: %w", role, err)
	}
	return p, nil
}

// timesInUTC lets times be read in UTC. Read in the machine's zone, as pgx does, a
// day that is added to one would be as long as a day is there.
func timesInUTC(m *pgtype.Map) {
	at := &pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}}
	m.RegisterType(at)
	m.RegisterType(&pgtype.Type{Name: "_timestamptz", OID: pgtype.TimestamptzArrayOID, Codec: &pgtype.ArrayCodec{ElementType: at}})
}

// Close waits for connections in use and closes them.
func (db *DB) Close() {
	for _, p := range []*pgxpool.Pool{db.post, db.live, db.app, db.worker} {
		if p != nil {
			p.Close()
		}
	}
}

// Ping reports whether Postgres answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.app.Ping(ctx); err != nil {
		return faultOf(err)
	}
	return nil
}

// OnCommit sets who is told of committed entries, right after the commit, on
// the committing goroutine. It must not block. Set it before the first InTx.
func (db *DB) OnCommit(f func(context.Context, []Entry)) { db.publish = f }

// As returns a Reader that sees what belongs to the actor's organisation. Under
// the context that Once gives, it reads in Once's transaction, whatever its
// organisation: what that has changed, and without another connection.
func (db *DB) As(by access.Actor) Reader {
	return Reader{q: walled{db.app, by.Org, db.graph}, org: by.Org, judge: db.judge, clocks: db.clocks}
}

// Judge sets the authority that every question about permission is put to as
// well. Set it before anything is read.
func (db *DB) Judge(e access.Evaluator) { db.judge = e }

// Evaluator returns the authority that questions are put to; nil when there is
// none, and once the transaction has changed relationships, of which nobody else
// can know yet: those by which it was allowed to have been asked about before.
func (r Reader) Evaluator(ctx context.Context) access.Evaluator {
	if tx := carried(ctx); tx != nil {
		return tx.judge
	}
	return r.judge
}

// everywhere returns a Reader that sees every organisation.
func (db *DB) everywhere() Reader { return Reader{q: plain{db.worker}} }

// A Reader runs the statements that only read, in a transaction or outside.
type Reader struct {
	q     querier
	org   access.OrgID
	judge access.Evaluator // nil: none

	clocks bool          // the organisation may have a test clock
	inTx   bool          // and ahead is what it says
	ahead  time.Duration // of everybody's time
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	// SendBatch runs statements in one round trip. Their answers are read by the
	// functions that they were queued with, so only Close is of use.
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// walled runs each statement under one organisation, in one round trip: in the
// transaction that the context carries, or else on any connection of the pool.
type walled struct {
	pool  *pgxpool.Pool
	org   access.OrgID
	graph *graph
}

// setOrgSQL names the organisation for row-level security until the
// transaction, explicit or implicit, is over.
const setOrgSQL = `SELECT set_config('app.org', $1, true)`

func (w walled) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if tx := carried(ctx); tx != nil {
		defer tx.as(w.org)()
		return tx.pipe.Query(ctx, sql, args...)
	}
	b := &pgx.Batch{}
	b.Queue(setOrgSQL, w.org.UUID())
	q := w.graph.ask(ctx)
	q.queue(b)
	b.Queue(sql, args...)
	br := w.pool.SendBatch(ctx, b)
	if _, err := br.Exec(); err != nil {
		return nil, errors.Join(err, br.Close())
	}
	changed, err := q.answer(br)
	if err != nil {
		return nil, errors.Join(err, br.Close())
	}
	q.learn(changed, viewer{}, nil)
	rows, err := br.Query()
	if err != nil {
		return nil, errors.Join(err, br.Close())
	}
	return batchRows{rows, br}, nil
}

// SendBatch implements querier.
func (w walled) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if tx := carried(ctx); tx != nil {
		defer tx.as(w.org)()
		return tx.pipe.SendBatch(ctx, b)
	}
	all := &pgx.Batch{}
	all.Queue(setOrgSQL, w.org.UUID())
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	return w.pool.SendBatch(ctx, all)
}

// batchRows gives the connection back when its rows have been read.
type batchRows struct {
	pgx.Rows
	batch pgx.BatchResults
}

func (r batchRows) Close() {
	r.Rows.Close()
	_ = r.batch.Close() // repeats the error that Rows.Err has
}

type plain struct{ pool *pgxpool.Pool }

func (p plain) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.pool.Query(ctx, sql, args...)
}

// SendBatch implements querier.
func (p plain) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return p.pool.SendBatch(ctx, b)
}

// queue lets a batch read all rows of a statement into out.
func queue[T any](b *pgx.Batch, out *[]T, scan pgx.RowToFunc[T], sql string, args ...any) {
	b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		*out, err = pgx.CollectRows(rows, scan)
		return err
	})
}

// one reads exactly one row; no row is fault.ErrNotFound.
func one[T any](ctx context.Context, r Reader, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	var zero T
	rows, err := r.q.Query(ctx, sql, args...)
	if err != nil {
		return zero, faultOf(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, scan)
	if err != nil {
		return zero, faultOf(err)
	}
	return v, nil
}

// many reads all rows.
func many[T any](ctx context.Context, r Reader, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := r.q.Query(ctx, sql, args...)
	if err != nil {
		return nil, faultOf(err)
	}
	vs, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, faultOf(err)
	}
	return vs, nil
}

// each scans every row into dest and calls f after it.
func each(ctx context.Context, r Reader, dest []any, f func() error, sql string, args ...any) error {
	rows, err := r.q.Query(ctx, sql, args...) //nolint:rowserrcheck // ForEachRow returns it
	if err != nil {
		return faultOf(err)
	}
	_, err = pgx.ForEachRow(rows, dest, f)
	return faultOf(err)
}

// run executes a statement whose rows do not matter and returns how many it
// changed.
func run(ctx context.Context, r Reader, sql string, args ...any) (int64, error) {
	rows, err := r.q.Query(ctx, sql, args...)
	if err != nil {
		return 0, faultOf(err)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return 0, faultOf(err)
	}
	return rows.CommandTag().RowsAffected(), nil
}

// serverTimeline is the server's timeline, as of now: the first part of the name
// of the file it writes to. pg_control_checkpoint knows it a checkpoint later.
const serverTimeline = `('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint`

// createLogSQL starts the log, once; crosses orgs: there is one log.
const createLogSQL = `INSERT INTO log (epoch, system_id, timeline)
	SELECT $1, (SELECT system_identifier::text FROM pg_control_system()), ` + serverTimeline + `
	ON CONFLICT (only_row) DO NOTHING`

// rotateLogSQL begins a new epoch when the server is not the one that the log
// was written on (restored, failed over); crosses orgs: there is one log.
const rotateLogSQL = `UPDATE log SET epoch = $1, system_id = s.system_identifier::text, timeline = ` + serverTimeline + `
	FROM pg_control_system() s WHERE (system_id, timeline) IS DISTINCT FROM (s.system_identifier::text, ` + serverTimeline + `)`

// openLog sees to it that the log has an epoch. Every connection sees to it
// that it has a new one after a rewind.
func (db *DB) openLog(ctx context.Context) error {
	if _, err := run(ctx, db.everywhere(), createLogSQL, newEpoch()); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	return nil
}

func newEpoch() string {
	raw := make([]byte, 4)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
