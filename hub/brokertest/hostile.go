package brokertest

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/openinsure/openinsure/hub"
)

// Config is how unkind a HostileBroker is. Rates are from 0 to 1, of
// publications that arrive.
type Config struct {
	Drop     float64       // never delivered
	Double   float64       // delivered again, up to MaxDelay later
	Delay    float64       // delivered up to MaxDelay later
	Swap     float64       // delivered after the one that comes next
	MaxDelay time.Duration // 0 is 200 ms
}

// A HostileBroker does to what arrives on one node all that a Broker may do.
type HostileBroker struct {
	hub.Broker

	maxDelay time.Duration
	wake     chan struct{}

	mu        sync.Mutex // guards the fields below
	cfg       Config
	dice      *rand.Rand
	held      *hub.Publication // waits for the one that comes next,
	heldUntil time.Time        // though not for ever
	count     int              // breaks ties, so that what is due together keeps its order
	due       schedule
}

// Hostile wraps b. What happens to the nth arrival depends on the seed only.
func Hostile(b hub.Broker, seed uint64, cfg Config) *HostileBroker {
	if cfg.MaxDelay == 0 {
		cfg.MaxDelay = 200 * time.Millisecond
	}
	return &HostileBroker{
		Broker: b, maxDelay: cfg.MaxDelay, wake: make(chan struct{}, 1),
		cfg: cfg, dice: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // a test wants the same luck again
	}
}

// Calm ends the faults: what was held back is delivered in its time.
func (h *HostileBroker) Calm() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg = Config{}
}

// Run implements hub.Broker. What is still held back at the end is lost.
func (h *HostileBroker) Run(ctx context.Context, r hub.Receiver) error {
	inner, cancel := context.WithCancel(ctx)
	var delivering sync.WaitGroup
	delivering.Go(func() { h.deliver(inner, r) })
	err := h.Broker.Run(ctx, arrivals{h})
	cancel()
	delivering.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.due, h.held = nil, nil
	return err
}

// arrivals is what the wrapped broker calls.
type arrivals struct{ h *HostileBroker }

// Receive implements hub.Receiver.
func (a arrivals) Receive(p hub.Publication) {
	h := a.h
	h.mu.Lock()
	// One throw each, whatever comes of it, so that arrivals do not depend on
	// one another's fate.
	drop, double, delay, swap := h.throw(h.cfg.Drop), h.throw(h.cfg.Double), h.throw(h.cfg.Delay), h.throw(h.cfg.Swap)
	later, again := h.dice.Int64N(int64(h.maxDelay)), h.dice.Int64N(int64(h.maxDelay))
	switch {
	case drop:
	case delay:
		h.push(arrival{pub: p}, time.Duration(later))
	case swap && h.held == nil:
		h.held, h.heldUntil = &p, time.Now().Add(h.maxDelay)
	default:
		h.push(arrival{pub: p}, 0)
		if h.held != nil {
			h.push(arrival{pub: *h.held}, 0)
			h.held = nil
		}
	}
	if double && !drop {
		h.push(arrival{pub: p}, time.Duration(again))
	}
	h.mu.Unlock()
	h.poke()
}

// Lost implements hub.Receiver.
func (a arrivals) Lost() {
	a.h.mu.Lock()
	a.h.push(arrival{lost: true}, 0)
	a.h.mu.Unlock()
	a.h.poke()
}

func (h *HostileBroker) throw(rate float64) bool { return h.dice.Float64() < rate }

func (h *HostileBroker) push(a arrival, after time.Duration) {
	h.count++
	a.at, a.number = time.Now().Add(after), h.count
	heap.Push(&h.due, a)
}

func (h *HostileBroker) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// deliver hands over what is due, until ctx is over.
func (h *HostileBroker) deliver(ctx context.Context, r hub.Receiver) {
	timer := time.NewTimer(h.maxDelay)
	defer timer.Stop()
	for {
		now, wait := h.take()
		for _, a := range now {
			if a.lost {
				r.Lost()
			} else {
				r.Receive(a.pub)
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// take returns what is due and how long it is until more may be.
func (h *HostileBroker) take() ([]arrival, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held != nil && time.Until(h.heldUntil) <= 0 {
		h.push(arrival{pub: *h.held}, 0)
		h.held = nil
	}
	var now []arrival
	for len(h.due) > 0 && time.Until(h.due[0].at) <= 0 {
		now = append(now, heap.Pop(&h.due).(arrival))
	}
	wait := h.maxDelay
	if len(h.due) > 0 {
		wait = min(wait, time.Until(h.due[0].at))
	}
	return now, wait
}

// An arrival waits for its time.
type arrival struct {
	at     time.Time
	number int
	pub    hub.Publication
	lost   bool
}

// A schedule is a heap of arrivals, the next one first.
type schedule []arrival

func (s schedule) Len() int { return len(s) }

func (s schedule) Less(i, j int) bool {
	if s[i].at.Equal(s[j].at) {
		return s[i].number < s[j].number
	}
	return s[i].at.Before(s[j].at)
}

func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface.
func (s *schedule) Push(x any) { *s = append(*s, x.(arrival)) }

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	a := (*s)[last]
	(*s)[last] = arrival{}
	*s = (*s)[:last]
	return a
}
