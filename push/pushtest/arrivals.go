package pushtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// arrivals keeps what a fake was sent, in the order of arrival.
type arrivals[T any] struct {
	mu      sync.Mutex
	all     []T            // guarded by mu
	seen    map[string]int // guarded by mu; how often by key
	arrived chan struct{}  // guarded by mu; closed and replaced with each arrival; nil when nobody waits
}

// keep adds what makes of the number of earlier arrivals under the same key.
func (l *arrivals[T]) keep(key string, makes func(earlier int) T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	l.all = append(l.all, makes(l.seen[key]))
	l.seen[key]++
	if l.arrived != nil {
		close(l.arrived)
		l.arrived = nil
	}
}

// Pushes returns everything so far that was taken for a phone, in the order in
// which it came.
func (l *arrivals[T]) Pushes() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// Wait returns everything as soon as there are n, or what there is and an error
// when ctx is over.
func (l *arrivals[T]) Wait(ctx context.Context, n int) ([]T, error) {
	for {
		l.mu.Lock()
		if l.arrived == nil {
			l.arrived = make(chan struct{})
		}
		all, arrived := slices.Clone(l.all), l.arrived
		l.mu.Unlock()
		if len(all) >= n {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return all, fmt.Errorf("%d of %d pushes: %w", len(all), n, context.Cause(ctx))
		case <-arrived:
		}
	}
}
