package rooms

import (
	"sync"
	"time"
)

// Bounds of what a House remembers.
const (
	memoSize = 10_000
	memoAge  = time.Minute
)

// A memo remembers answers for a minute: only such as are harmless when they
// are a minute old, or looked at again before they count.
type memo[K comparable, V any] struct {
	now func() time.Time

	mu   sync.Mutex // guards kept
	kept map[K]remembered[V]
}

type remembered[V any] struct {
	value V
	until time.Time
}

func newMemo[K comparable, V any](now func() time.Time) *memo[K, V] {
	return &memo[K, V]{now: now, kept: map[K]remembered[V]{}}
}

func (m *memo[K, V]) get(k K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.kept[k]
	if !ok || m.now().After(r.until) {
		var none V
		return none, false
	}
	return r.value, true
}

// put remembers v. When it is full it forgets everything: what is in use comes
// back by itself.
func (m *memo[K, V]) put(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= memoSize {
		clear(m.kept)
	}
	m.kept[k] = remembered[V]{v, m.now().Add(memoAge)}
}

func (m *memo[K, V]) forget(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, k)
}
