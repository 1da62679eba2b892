package hub

import (
	"context"
	"sync"
)

// memoryRoom is how many publications a Memory holds before it drops.
const memoryRoom = 16 << 10

// Memory is the Broker of a single node: it carries publications within the
// process, in order.
//
// When the receiver is too slow it drops what does not fit and says so once,
// with Lost, when the receiver gets there.
type Memory struct {
	wake chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []Publication
	lost    bool
}

// NewMemory returns a Memory. Publications wait for Run.
func NewMemory() *Memory {
	return &Memory{wake: make(chan struct{}, 1)}
}

// Publish implements Broker.
func (m *Memory) Publish(pubs ...Publication) {
	m.mu.Lock()
	fit := min(len(pubs), memoryRoom-len(m.waiting))
	m.waiting = append(m.waiting, pubs[:fit]...)
	m.lost = m.lost || fit < len(pubs)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run implements Broker.
func (m *Memory) Run(ctx context.Context, r Receiver) error {
	var taken []Publication
	for {
		m.mu.Lock()
		taken, m.waiting = m.waiting, taken[:0]
		lost := m.lost
		m.lost = false
		m.mu.Unlock()
		for _, p := range taken {
			r.Receive(p)
		}
		if lost {
			r.Lost()
		}
		clear(taken)
		if ctx.Err() != nil {
			return nil // though there may always be more
		}
		if len(taken) > 0 {
			continue
		}
		select {
		case <-m.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// Healthy implements Broker: a process always reaches itself.
func (m *Memory) Healthy() bool { return true }
