package demo

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Ledger holds what came at all ears, in the order in which it came. Its
// methods may be called from any goroutine.
type Ledger struct {
	mu       sync.Mutex
	receipts []Receipt
	troubles []string
	changed  chan struct{} // closed and replaced with every change
}

// NewLedger returns an empty one.
func NewLedger() *Ledger { return &Ledger{changed: make(chan struct{})} }

// Hear notes a receipt.
func (l *Ledger) Hear(r Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receipts = append(l.receipts, r)
	l.wake()
}

// Trouble notes what went wrong with an ear itself: a connection that broke.
func (l *Ledger) Trouble(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.troubles = append(l.troubles, what)
	l.wake()
}

// wake tells those who wait; mu is held.
func (l *Ledger) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// read returns what there is so far, and what is closed when there is more.
func (l *Ledger) read() (receipts []Receipt, troubles []string, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.receipts), slices.Clip(l.troubles), l.changed
}

// Wait returns once every fact was heard by all who are to hear it, or ctx is
// over: whatever is missing then, Check finds. It calls seen with every change.
func (l *Ledger) Wait(ctx context.Context, facts []*Fact, seen func(*Account)) {
	for {
		receipts, _, changed := l.read()
		a := NewAccount(facts, receipts)
		seen(a)
		if a.complete() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Quiet returns once nothing came for a while, or ctx is over: what is doubled
// comes late.
func (l *Ledger) Quiet(ctx context.Context, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	for {
		_, _, changed := l.read()
		select {
		case <-changed:
			timer.Reset(while)
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
