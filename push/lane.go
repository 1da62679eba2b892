package push

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A lane makes the attempts of one kind: up to so many at once, leased as slots
// come free, recorded in batches.
type lane struct {
	d     *Dispatcher
	kind  Kind
	by    Sender
	slots int
	freed chan struct{} // a slot came free
	over  chan Finished

	mu   sync.Mutex
	busy int // attempts under way; guarded by mu
}

func newLane(d *Dispatcher, k Kind, s Sender) *lane {
	n := d.cfg.Slots[k]
	if n <= 0 {
		n = slots[k]
	}
	return &lane{d: d, kind: k, by: s, slots: n, freed: make(chan struct{}, 1), over: make(chan Finished, n)}
}

// run leases until ctx is over, and returns when all that it leased is recorded.
func (l *lane) run(ctx context.Context) {
	sending, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var attempts, records sync.WaitGroup
	records.Go(func() { l.record(context.WithoutCancel(ctx)) })
	l.lease(ctx, func(d Delivery) { attempts.Go(func() { l.attempt(sending, d) }) })
	stop := time.AfterFunc(l.d.cfg.Drain, func() { cancel(errDrained) })
	attempts.Wait()
	stop.Stop()
	close(l.over)
	records.Wait()
}

// leaseAfter is how long a lease waits for more slots to come free, so that it
// is worth its round trip.
const leaseAfter = 2 * time.Millisecond

// lease takes what is due and starts it: at once when a quarter of the slots is
// free, and otherwise a moment later. A slot that came free may have been what
// an endpoint waited for, so it is a reason to look.
func (l *lane) lease(ctx context.Context, start func(Delivery)) {
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	soon := time.NewTimer(0)
	defer soon.Stop()
	wait := backoff{}
	wanted, waited := true, true
	for {
		// What is leased must be started: the stop of the node does not cut a lease
		// off between the commit and its answer.
		if free := l.free(); wanted && free > 0 && (waited || free >= max(l.slots/4, 1)) {
			ds, err := l.d.queue.Lease(context.WithoutCancel(ctx), l.kind, l.d.cfg.Worker, free, leaseTime)
			if err != nil {
				if ctx.Err() == nil {
					l.d.log.WarnContext(ctx, "lease failed", "kind", string(l.kind), "error", err)
				}
				if !wait.sleep(ctx) {
					return
				}
				continue
			}
			wait = backoff{}
			l.add(len(ds))
			for _, d := range ds {
				start(d)
			}
			wanted, waited = len(ds) > 0, false
			if wanted {
				soon.Reset(leaseAfter)
			}
		}
		select {
		case <-l.d.due[l.kind]:
			wanted, waited = true, true
		case <-l.freed:
			if !wanted {
				wanted = true
				soon.Reset(leaseAfter)
			}
		case <-soon.C:
			waited = true
		case <-tick.C:
			wanted, waited = true, true
		case <-ctx.Done():
			return
		}
	}
}

func (l *lane) free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slots - l.busy
}

func (l *lane) add(n int) {
	l.mu.Lock()
	l.busy += n
	l.mu.Unlock()
	l.d.metrics.busy.WithLabelValues(string(l.kind)).Add(float64(n))
}

// attempt sends one delivery, when there still is somebody to send it to.
func (l *lane) attempt(ctx context.Context, d Delivery) {
	r := Result{Outcome: Cancelled, Class: ClassGone, Detail: "what it was for is gone"}
	if d.Endpoint != nil || d.Device != nil && d.Notice != nil || d.Mailbox != nil && d.Notice != nil {
		r = l.by.Send(ctx, d)
	}
	if context.Cause(ctx) == errDrained && r.Outcome != Delivered { //nolint:errorlint // it is the cause itself
		r.Outcome, r.Detail = Retry, "the node stopped in the middle"
	}
	l.d.metrics.attempts.WithLabelValues(string(l.kind), string(r.Outcome)).Inc()
	l.over <- outcome(d, r, rand.Float64())
	l.add(-1)
	poke(l.freed)
}

// record writes down what is over, up to 200 at a time and no later than 5 ms
// after the first of them.
func (l *lane) record(ctx context.Context) {
	for f := range l.over {
		batch := []Finished{f}
		timer := time.NewTimer(batchTime)
	more:
		for len(batch) < batchSize {
			select {
			case f, ok := <-l.over:
				if !ok {
					break more
				}
				batch = append(batch, f)
			case <-timer.C:
				break more
			}
		}
		timer.Stop()
		l.write(ctx, batch)
	}
}

// write records a batch. When the queue does not answer before the leases end,
// they are somebody's to reclaim.
func (l *lane) write(ctx context.Context, batch []Finished) {
	ctx, cancel := context.WithTimeoutCause(ctx, leaseTime/2, errLate)
	defer cancel()
	wait := backoff{}
	for {
		err := l.d.queue.Finish(ctx, l.d.cfg.Worker, batch)
		if err == nil {
			break
		}
		l.d.log.WarnContext(ctx, "attempts were not recorded", "kind", string(l.kind), "count", len(batch), "error", err)
		if !wait.sleep(ctx) {
			return
		}
	}
	l.after(ctx, batch)
}

// after acts on what endpoints and our own credentials turned out to be.
func (l *lane) after(ctx context.Context, batch []Finished) {
	for _, f := range batch {
		switch f.Result.Outcome {
		case Gone:
			if e := f.Delivery.Endpoint; e != nil {
				if err := l.d.queue.DisableEndpoint(ctx, *e, "gone"); err != nil {
					l.d.log.WarnContext(ctx, "an endpoint that is gone stays enabled", "endpoint", e.ID, "error", err)
				}
			}
		case Misset:
			l.d.log.ErrorContext(ctx, "the provider refuses our credentials", "kind", string(l.kind), "code", f.Result.Code, "detail", f.Result.Detail)
		}
	}
}
