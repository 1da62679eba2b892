package storetest

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A Trips is a tracer that counts round trips to Postgres.
type Trips struct {
	n atomic.Int64
	// Each, when it is set, sees the statement that each was made for.
	Each func(sql string)
}

// Of counts the round trips of what f does; nothing else may use the database
// meanwhile.
func (c *Trips) Of(t testing.TB, f func() error) int64 {
	t.Helper()
	before := c.n.Load()
	if err := f(); err != nil {
		t.Fatal(err)
	}
	return c.n.Load() - before
}

func (c *Trips) count(sql string) {
	c.n.Add(1)
	if c.Each != nil {
		c.Each(sql)
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (c *Trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	c.count(d.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (c *Trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (c *Trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	c.count(d.Batch.QueuedQueries[len(d.Batch.QueuedQueries)-1].SQL)
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (c *Trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (c *Trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
