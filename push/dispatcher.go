package push

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Limits of a dispatcher, unless its Config says otherwise.
const (
	leaseTime  = 45 * time.Second // for one attempt: more than any sender may take
	fanEvery   = 250 * time.Millisecond
	leaseEvery = 250 * time.Millisecond
	sweepEvery = 5 * time.Second // for what another node left behind
	drainTime  = 20 * time.Second
	batchTime  = 5 * time.Millisecond
	batchSize  = 200
)

// slots are how many attempts of a kind a node makes at once.
var slots = map[Kind]int{Webhook: 128, APNs: 128, FCM: 128, Mail: 4}

// Config adjusts a Dispatcher; the zero value works.
type Config struct {
	Worker     string        // names this node in the log; made up when empty
	Slots      map[Kind]int  // attempts of a kind at once; 128, of mail 4
	Lease      time.Duration // for one attempt: longer than any sender takes; 45 s
	Drain      time.Duration // for the attempts under way when the node stops; 20 s
	Logger     *slog.Logger
	Registerer prometheus.Registerer

	look time.Duration // between two looks for what is due that nothing told of; 250 ms
}

// A Dispatcher is a node's share of the work: it fans out what was committed,
// leases what is due, has it sent, and records what came of it. Any number of
// nodes share one queue.
type Dispatcher struct {
	queue   Queue
	senders map[Kind]Sender
	cfg     Config
	log     *slog.Logger
	metrics *metrics

	fan  chan struct{}
	said chan struct{}
	due  map[Kind]chan struct{}

	mu       sync.Mutex
	channels map[string]struct{} // in which something was said; guarded by mu
}

// New returns a dispatcher over a queue. A kind without a sender stays in the
// queue: another node may have one.
func New(q Queue, senders map[Kind]Sender, cfg Config) *Dispatcher {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Lease, cfg.Drain = cmp.Or(cfg.Lease, leaseTime), cmp.Or(cfg.Drain, drainTime)
	cfg.look = cmp.Or(cfg.look, leaseEvery)
	cfg.Worker = cmp.Or(cfg.Worker, "node-"+strconv.FormatUint(rand.Uint64(), 36)) //nolint:gosec // a name in a log, guards nothing
	d := &Dispatcher{
		queue: q, senders: senders, cfg: cfg, log: cfg.Logger, metrics: newMetrics(cfg.Registerer),
		fan: make(chan struct{}, 1), said: make(chan struct{}, 1), due: map[Kind]chan struct{}{}, channels: map[string]struct{}{},
	}
	for k := range senders {
		d.due[k] = make(chan struct{}, 1)
	}
	return d
}

// Wake says that events were committed on this node. It never blocks.
func (d *Dispatcher) Wake() { poke(d.fan) }

// Said says that something was said in channels. It never blocks.
func (d *Dispatcher) Said(names ...string) {
	d.mu.Lock()
	for _, n := range names {
		d.channels[n] = struct{}{}
	}
	d.mu.Unlock()
	poke(d.said)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run works until ctx is over. It then leases nothing more, gives the attempts
// that are under way the time that Config.Drain says, and records them.
func (d *Dispatcher) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { d.loop(ctx, "fan-out", d.fan, fanEvery, d.fanOut) })
	work.Go(func() { d.loop(ctx, "fan-out of messages", d.said, fanEvery, d.fanSaid) })
	work.Go(func() { d.loop(ctx, "fan-out of messages left behind", nil, sweepEvery, d.fanLeft) })
	work.Go(func() { d.loop(ctx, "reminders", nil, time.Second, d.nudge) })
	work.Go(func() { d.loop(ctx, "reclaiming", nil, sweepEvery, d.reclaim) })
	for k, s := range d.senders {
		work.Go(func() { newLane(d, k, s).run(ctx) })
	}
	work.Wait()
	return nil
}

// loop does a job whenever it is woken and now and then, again as long as there
// is more. After an error it waits.
func (d *Dispatcher) loop(ctx context.Context, what string, wake <-chan struct{}, every time.Duration, job func(context.Context) (more bool, err error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	wait := backoff{}
	for {
		more, err := job(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.log.WarnContext(ctx, "outbound work failed", "work", what, "error", err)
			if !wait.sleep(ctx) {
				return
			}
			continue
		case more:
			continue
		}
		wait = backoff{}
		select {
		case <-wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (d *Dispatcher) fanOut(ctx context.Context) (bool, error) {
	f, more, err := d.queue.Fan(ctx)
	d.made(f)
	return more, err
}

// fanSaid fans out what was said on this node.
func (d *Dispatcher) fanSaid(ctx context.Context) (bool, error) {
	d.mu.Lock()
	names := make([]string, 0, len(d.channels))
	for n := range d.channels {
		names = append(names, n)
	}
	clear(d.channels)
	d.mu.Unlock()
	if len(names) == 0 {
		return false, nil
	}
	f, more, err := d.queue.FanMessages(ctx, names)
	d.made(f)
	if more && err == nil {
		d.Said(names...)
	}
	return more, err // what an error left undone, fanLeft finds
}

func (d *Dispatcher) fanLeft(ctx context.Context) (bool, error) {
	f, more, err := d.queue.FanMessages(ctx, nil)
	d.made(f)
	return more, err
}

func (d *Dispatcher) nudge(ctx context.Context) (bool, error) {
	f, more, err := d.queue.Nudge(ctx)
	d.made(f)
	return more, err
}

func (d *Dispatcher) reclaim(ctx context.Context) (bool, error) {
	n, err := d.queue.Reclaim(ctx)
	if n > 0 {
		d.log.WarnContext(ctx, "attempts of a node that is gone are due again", "count", n)
		for k := range d.due {
			poke(d.due[k])
		}
	}
	return false, err
}

// made wakes the lanes in which something became due.
func (d *Dispatcher) made(f Fanned) {
	for k, n := range f {
		if c, ok := d.due[k]; ok && n > 0 {
			poke(c)
		}
	}
}

// outcome decides what becomes of a delivery after an attempt.
func outcome(d Delivery, r Result, spread float64) Finished {
	f := Finished{Delivery: d, Result: r}
	switch r.Outcome {
	case Delivered:
		f.State = StateDelivered
	case Cancelled:
		f.State = StateCancelled
	case Failed, Gone:
		f.State = StateFailed
	default:
		wait, ok := ScheduleOf(d).Next(d.Attempt, r.RetryAfter, spread)
		f.State, f.After = StatePending, wait
		if !ok {
			f.State = StateFailed
		}
	}
	return f
}

// backoff waits longer each time: 50 ms to 5 s, with jitter.
type backoff struct{ tries int }

func (b *backoff) sleep(ctx context.Context) bool {
	wait := min(50*time.Millisecond<<min(b.tries, 10), 5*time.Second)
	b.tries++
	t := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // spreads nodes out, guards nothing
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Why an attempt or its record was broken off.
var (
	errDrained = errors.New("the node stopped")
	errLate    = errors.New("the lease ended")
	errQueue   = errors.New("the queue does not answer")
)
