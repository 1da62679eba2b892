package push

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
)

// A lane makes the attempts of one kind: up to so many at once, leased as slots
// come free, recorded in batches.
type lane struct {
	d        *Dispatcher
	kind     Kind
	by       Sender
	slots    int
	freed    chan struct{} // a slot came free
	recorded chan struct{} // an endpoint may have room again
	over     chan Finished

	mu   sync.Mutex
	busy int // attempts under way; guarded by mu
}

func newLane(d *Dispatcher, k Kind, s Sender) *lane {
	n := d.cfg.Slots[k]
	if n <= 0 {
		n = slots[k]
	}
	return &lane{d: d, kind: k, by: s, slots: n, freed: make(chan struct{}, 1), recorded: make(chan struct{}, 1), over: make(chan Finished, n)}
}

// run leases until ctx is over, and returns when all that it leased is recorded.
func (l *lane) run(ctx context.Context) {
	sending, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var attempts, records sync.WaitGroup
	records.Go(func() { l.record(context.WithoutCancel(ctx)) })
	l.lease(ctx, func(d Delivery, until time.Time) { attempts.Go(func() { l.attempt(sending, d, until) }) })
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
// free, and otherwise a moment later. An attempt that was recorded may have been
// what its endpoint waited for, so it is a reason to look.
func (l *lane) lease(ctx context.Context, start func(d Delivery, until time.Time)) {
	tick := time.NewTicker(l.d.cfg.look)
	defer tick.Stop()
	soon := time.NewTimer(0)
	defer soon.Stop()
	wait := backoff{}
	wanted, waited := true, true
	for ctx.Err() == nil {
		if free := l.free(); wanted && free > 0 && (waited || free >= max(l.slots/4, 1)) {
			ds, until, err := l.take(ctx, free)
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
				start(d, until)
			}
			// There is no more, or no room for it at the endpoints.
			wanted, waited = len(ds) >= free, false
			if wanted {
				soon.Reset(leaseAfter)
			}
		}
		select {
		case <-l.d.due[l.kind]:
			wanted, waited = true, true
		case <-l.recorded:
			if !wanted {
				wanted = true
				soon.Reset(leaseAfter)
			}
		case <-l.freed:
		case <-soon.C:
			waited = true
		case <-tick.C:
			wanted, waited = true, true
		case <-ctx.Done():
		}
	}
}

// take leases up to n deliveries, and says until when they are ours. The stop of
// the node does not cut a lease off between the commit and its answer: what is
// leased must be started.
func (l *lane) take(ctx context.Context, n int) ([]Delivery, time.Time, error) {
	leased, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), l.d.cfg.Lease, errLate)
	defer cancel()
	until, _ := leased.Deadline() // earlier than in the queue, whose lease begins later
	asked, cancel := context.WithTimeoutCause(leased, l.d.cfg.Lease/3, errQueue)
	defer cancel()
	ds, err := l.d.queue.Lease(asked, l.kind, l.d.cfg.Worker, n, l.d.cfg.Lease)
	return ds, until, err
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

// attempt makes one attempt, which ends with its lease at the latest: what runs
// longer might run twice at once.
func (l *lane) attempt(ctx context.Context, d Delivery, until time.Time) {
	ctx, cancel := context.WithDeadlineCause(ctx, until, errLate)
	defer cancel()
	r := l.send(ctx, d)
	f := outcome(d, r, rand.Float64()) //nolint:gosec // spreads attempts out, guards nothing
	// What we broke off ourselves is not the receiver's fault.
	if errors.Is(context.Cause(ctx), errDrained) && r.Outcome == Retry && r.Code == 0 {
		f.State, f.After, f.Result.Slow, f.Result.Detail = StatePending, 0, false, "The node that made it stopped in the middle."
	}
	l.d.metrics.attempts.WithLabelValues(string(l.kind), string(r.Outcome)).Inc()
	l.over <- f
	l.add(-1)
	poke(l.freed)
}

// send sends one delivery, when there still is somebody to send it to.
func (l *lane) send(ctx context.Context, d Delivery) (r Result) {
	switch {
	case d.Endpoint == nil && (d.Notice == nil || d.Device == nil && d.Mailbox == nil):
		return Result{Outcome: Cancelled, Class: ClassGone, Detail: "What it was for is gone."}
	case d.Endpoint != nil && d.Endpoint.Secret == "", d.Device != nil && d.Device.Address == "":
		return Result{Outcome: Misset, Class: ClassCredential, Detail: "What is sealed for it cannot be opened with our keys."}
	}
	defer func() {
		if p := recover(); p != nil {
			l.d.log.ErrorContext(ctx, "an attempt panicked", "kind", string(l.kind), "delivery", d.ID, "panic", p, "stack", string(debug.Stack()))
			r = Result{Outcome: Retry, Class: ClassCrash, Detail: "The attempt failed inside of us."}
		}
	}()
	return l.by.Send(ctx, d)
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
		if l.write(ctx, batch) {
			poke(l.recorded)
			l.after(ctx, batch)
		}
	}
}

// write records a batch. When the queue does not answer before the leases end,
// they are somebody's to reclaim.
func (l *lane) write(ctx context.Context, batch []Finished) bool {
	ctx, cancel := context.WithTimeoutCause(ctx, l.d.cfg.Lease/2, errLate)
	defer cancel()
	wait := backoff{}
	for {
		err := l.d.queue.Finish(ctx, l.d.cfg.Worker, batch)
		if err == nil {
			return true
		}
		l.d.log.WarnContext(ctx, "attempts were not recorded", "kind", string(l.kind), "count", len(batch), "error", err)
		if fault.KindOf(err) != fault.Unavailable && ctx.Err() == nil {
			return l.alone(ctx, batch)
		}
		if !wait.sleep(ctx) {
			return false
		}
	}
}

// alone records each of a batch that the queue does not take, so that what is
// wrong with one is not the others' fault; and one that it does not take by
// itself without its details.
func (l *lane) alone(ctx context.Context, batch []Finished) bool {
	ok := true
	for _, f := range batch {
		one := []Finished{f}
		err := l.d.queue.Finish(ctx, l.d.cfg.Worker, one)
		if err != nil {
			one[0].Result = Result{
				Outcome: f.Result.Outcome, Code: f.Result.Code, Class: f.Result.Class, Slow: f.Result.Slow, RetryAfter: f.Result.RetryAfter,
				Detail: "What came of it could not be recorded in full.",
			}
			err = l.d.queue.Finish(ctx, l.d.cfg.Worker, one)
		}
		if err != nil {
			l.d.log.ErrorContext(ctx, "an attempt was not recorded", "kind", string(l.kind), "delivery", f.Delivery.ID, "error", err)
			ok = false
		}
	}
	return ok
}

// after acts on what endpoints and our own credentials turned out to be.
func (l *lane) after(ctx context.Context, batch []Finished) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.d.cfg.Lease/2, errQueue)
	defer cancel()
	gone := map[EndpointID]bool{}
	misset, detail := 0, ""
	for _, f := range batch {
		switch f.Result.Outcome {
		case Gone:
			e := f.Delivery.Endpoint
			if e == nil || gone[e.ID] {
				continue
			}
			gone[e.ID] = true
			if err := l.d.queue.DisableEndpoint(ctx, *e, "gone"); err != nil {
				l.d.log.WarnContext(ctx, "an endpoint that is gone stays enabled", "endpoint", e.ID, "error", err)
			}
		case Misset:
			misset++
			detail = f.Result.Detail
		}
	}
	if misset > 0 {
		l.d.log.ErrorContext(ctx, "our own credentials are refused or missing", "kind", string(l.kind), "count", misset, "detail", detail)
	}
}
