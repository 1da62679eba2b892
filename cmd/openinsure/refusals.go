package main

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/store"
)

// The limits of refusals: how many different ones are told apart in a minute,
// how long equal ones are counted together, how often is written, and how many
// rows at once.
const (
	refusalRoom   = 4096
	refusalWindow = time.Minute
	refusalEvery  = 500 * time.Millisecond
	refusalBatch  = 500
)

// refusals keeps in the audit log who was refused what, off the requests' own
// path. The first of its kind is written at once; those that are equal to it
// within a minute are counted, and are one row at the minute's end. So a flood
// costs two rows, and a crash forgets no more than a number.
type refusals struct {
	db      *store.DB
	log     *slog.Logger
	now     func() time.Time
	dropped prometheus.Counter

	mu   sync.Mutex // guards open and due
	open map[refusalKind]*refusal
	due  []audit.Row // to be written
}

// A refusalKind is what makes refusals equal. Nobody known is told apart by his
// address.
type refusalKind struct {
	org            access.OrgID
	actor, address string
	action         audit.Action
	outcome        audit.Outcome
	reason         string
}

type refusal struct {
	first audit.Row
	again int // beyond the first
	last  time.Time
}

func newRefusals(db *store.DB, log *slog.Logger, now func() time.Time, r prometheus.Registerer) *refusals {
	c := &refusals{
		db: db, log: log, now: now, open: map[refusalKind]*refusal{},
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "audit_refusals_dropped_total", Help: "Refusals that the audit log does not hold, because Postgres did not answer.",
		}),
	}
	r.MustRegister(c.dropped)
	return c
}

// Refused implements api.Refusals. Beyond so many kinds in a minute, those of
// one action and reason are of nobody in particular.
func (c *refusals) Refused(r audit.Row) {
	k := refusalKind{org: r.Org, actor: r.ActorID, action: r.Action, outcome: r.Outcome, reason: r.Reason}
	if k.actor == "" {
		k.address = r.Address
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.open[k]; !known && len(c.open) >= refusalRoom {
		k = refusalKind{action: r.Action, outcome: r.Outcome, reason: r.Reason}
		r.Org, r.ActorKind, r.ActorID, r.Address, r.ObjectID, r.ObjectType = access.OrgID{}, "", "", "", "", ""
		r.Request, r.Details = access.RequestID{}, audit.Details{"of": "others"}
	}
	if o, known := c.open[k]; known {
		o.again++
		o.last = r.At
		return
	}
	c.open[k] = &refusal{first: r}
	c.due = append(c.due, r)
}

// Run writes until ctx is over, then what is left, counts and all.
func (c *refusals) Run(ctx context.Context) error {
	tick := time.NewTicker(refusalEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.write(ctx, c.take(c.now()))
		case <-ctx.Done():
			c.write(context.WithoutCancel(ctx), c.take(c.now().Add(refusalWindow)))
			return nil
		}
	}
}

// take returns what is to be written, and forgets the kinds whose minute is over.
func (c *refusals) take(now time.Time) []audit.Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	rows := c.due
	c.due = nil
	for k, o := range c.open {
		if now.Sub(o.first.At) < refusalWindow {
			continue
		}
		delete(c.open, k)
		if o.again > 0 {
			rows = append(rows, o.counted())
		}
	}
	return rows
}

// counted is the row of those that came after the first.
func (o *refusal) counted() audit.Row {
	f := o.first
	row := audit.New(access.Actor{Kind: f.ActorKind, ID: f.ActorID, Org: f.Org}, audit.Fact{
		Action: f.Action, Object: f.ObjectID, Outcome: f.Outcome, Reason: f.Reason, Details: audit.Details{"since": f.At.Format(time.RFC3339)},
	}, o.last)
	maps.Copy(row.Details, f.Details)
	row.Count, row.Request, row.Address = o.again, f.Request, f.Address
	return row
}

// write tries once. What could not be written waits for the next turn, as long
// as there is room.
func (c *refusals) write(ctx context.Context, rows []audit.Row) {
	for len(rows) > 0 {
		n := min(len(rows), refusalBatch)
		if err := c.add(ctx, rows[:n]); err != nil {
			c.log.WarnContext(ctx, "refusals were not written to the audit log", "count", len(rows), "error", err)
			c.putBack(rows)
			return
		}
		rows = rows[n:]
	}
}

func (c *refusals) add(ctx context.Context, rows []audit.Row) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return c.db.AddAudit(ctx, rows...)
}

func (c *refusals) putBack(rows []audit.Row) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fits := max(0, min(len(rows), refusalRoom-len(c.due)))
	c.due = append(rows[:fits:fits], c.due...)
	c.dropped.Add(float64(len(rows) - fits))
}

// keepAudit writes refusals and links the audit log until ctx is over. What was
// written last is linked as well.
func keepAudit(ctx context.Context, c *refusals) error {
	linking, end := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { _ = keepChains(linking, c.db, c.log) }) // returns nil
	err := c.Run(ctx)
	end()
	work.Wait()
	return err
}

// linkEvery is how often what was written is linked into the chains.
const linkEvery = time.Second

// keepChains links the audit log until ctx is over, and once more then.
func keepChains(ctx context.Context, db *store.DB, log *slog.Logger) error {
	tick := time.NewTicker(linkEvery)
	defer tick.Stop()
	for {
		linkAll(ctx, db, log)
		select {
		case <-tick.C:
		case <-ctx.Done():
			linkAll(context.WithoutCancel(ctx), db, log)
			return nil
		}
	}
}

func linkAll(ctx context.Context, db *store.DB, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for more := true; more; {
		var err error
		if _, more, err = db.LinkAudit(ctx); err != nil {
			log.WarnContext(ctx, "the audit log was not linked", "error", err)
			return
		}
	}
}
