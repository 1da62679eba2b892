package live

import (
	"context"
	"slices"
	"sync"
	"time"
)

// An agenda does things later, one after the other. What it holds is bounded by
// what a session may have under way: its channels, its posts and a few more.
type agenda struct {
	changed chan struct{}

	mu    sync.Mutex // guards items
	items []item     // the next one first
}

type item struct {
	at time.Time
	do func(ctx context.Context)
}

func newAgenda() *agenda { return &agenda{changed: make(chan struct{}, 1)} }

// later has do called after a while, unless the session is over by then.
func (a *agenda) later(wait time.Duration, do func(ctx context.Context)) {
	it := item{at: time.Now().Add(wait), do: do}
	a.mu.Lock()
	i, _ := slices.BinarySearchFunc(a.items, it, func(x, y item) int { return x.at.Compare(y.at) })
	a.items = slices.Insert(a.items, i, it)
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// due takes the next item if its time has come, or says how long to wait.
func (a *agenda) due() (do func(context.Context), wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.items) == 0 {
		return nil, time.Hour
	}
	if wait = time.Until(a.items[0].at); wait > 0 {
		return nil, wait
	}
	do = a.items[0].do
	a.items = slices.Delete(a.items, 0, 1)
	return do, 0
}

func (a *agenda) run(ctx context.Context) {
	for ctx.Err() == nil {
		do, wait := a.due()
		if do != nil {
			do(ctx)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-a.changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
}
