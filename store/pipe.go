package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A pipe is the connection of one transaction. Statements that nobody waits for
// are kept, and travel with the next one that somebody does, in their order: so
// a change costs as many round trips as it has questions, however much it writes.
type pipe struct {
	conn *pgxpool.Conn
	kept pgx.Batch
}

// Query sends what is kept, and a statement whose rows are returned.
func (p *pipe) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	n := p.kept.Len()
	if n == 0 {
		return p.conn.Query(ctx, sql, args...)
	}
	b := p.with(&pgx.Batch{})
	b.Queue(sql, args...)
	answers := p.conn.SendBatch(ctx, b)
	for range n {
		if _, err := answers.Exec(); err != nil {
			return nil, errors.Join(err, answers.Close())
		}
	}
	rows, err := answers.Query()
	if err != nil {
		return nil, errors.Join(err, answers.Close())
	}
	return batchRows{rows, answers}, nil
}

// SendBatch sends what is kept, and a batch whose answers are read by the
// functions of its own statements.
func (p *pipe) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return p.conn.SendBatch(ctx, p.with(b))
}

// with returns what is kept, which is kept no longer, and then b.
func (p *pipe) with(b *pgx.Batch) *pgx.Batch {
	all := p.kept
	p.kept = pgx.Batch{}
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	return &all
}

// drop forgets what is kept.
func (p *pipe) drop() { p.kept = pgx.Batch{} }

// write keeps a statement whose answer nobody waits for. What it violates is told
// by the next statement that is waited for, or by the commit; its arguments must
// not be changed any more. The error is that of a context which is over.
func (tx *Tx) write(ctx context.Context, sql string, args ...any) error {
	if err := context.Cause(ctx); err != nil {
		return faultOf(err)
	}
	tx.pipe.kept.Queue(sql, args...)
	return nil
}
