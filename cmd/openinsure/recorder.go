package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/store"
)

// The recorder's limits: how many requests may wait to be written, how many are
// written at once, and how long the first of a batch waits.
const (
	recorderRoom  = 8192
	recorderBatch = 200
	recorderWait  = 100 * time.Millisecond
)

// A recorder writes what became of requests, in batches, off the requests' own
// path. When Postgres cannot keep up it drops the newest and counts them: the
// events of a change still name their request.
type recorder struct {
	db      *store.DB
	log     *slog.Logger
	waiting chan store.Request
	dropped prometheus.Counter
}

func newRecorder(db *store.DB, log *slog.Logger, r prometheus.Registerer) *recorder {
	c := &recorder{db: db, log: log, waiting: make(chan store.Request, recorderRoom), dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "request_records_dropped_total", Help: "Requests that GET /v1/requests does not know, because writing them was too slow.",
	})}
	r.MustRegister(c.dropped)
	return c
}

// Record implements api.Requests. A request that nobody signed in for is not
// kept: nobody could read it.
func (c *recorder) Record(e api.Entry) {
	if e.Org.IsZero() {
		return
	}
	r := store.Request{
		ID: e.RequestID, Org: e.Org, ClientRequestID: e.ClientRequestID, Actor: e.Actor.ID, Method: e.Method, Route: e.Route,
		Status: e.Status, ErrorCode: e.ErrorCode, Milliseconds: int(e.Milliseconds), Replayed: e.Replayed, At: e.At,
	}
	select {
	case c.waiting <- r:
	default:
		c.dropped.Inc()
	}
}

// Run writes until ctx is over, then what still waits.
func (c *recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(recorderWait)
	defer tick.Stop()
	var batch []store.Request
	for {
		select {
		case r := <-c.waiting:
			if batch = append(batch, r); len(batch) < recorderBatch {
				continue
			}
		case <-tick.C:
		case <-ctx.Done():
			for len(c.waiting) > 0 {
				batch = append(batch, <-c.waiting)
			}
			c.write(context.WithoutCancel(ctx), batch)
			return nil
		}
		c.write(ctx, batch)
		batch = batch[:0]
	}
}

func (c *recorder) write(ctx context.Context, batch []store.Request) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := c.db.AddRequests(ctx, batch); err != nil {
		c.dropped.Add(float64(len(batch)))
		c.log.WarnContext(ctx, "requests were not recorded", "count", len(batch), "error", err)
	}
}

// sweepEvery is how often what is past its age is deleted.
const sweepEvery = time.Hour

// sweep forgets what is past its age, at once and every hour, until ctx is over.
func sweep(ctx context.Context, db *store.DB, log *slog.Logger) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if n, err := db.Sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "sweep failed", "error", err)
		} else if n > 0 {
			log.InfoContext(ctx, "swept", "rows", n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
