package redisbroker

import (
	"sync"

	"github.com/openinsure/openinsure/hub"
)

// A queue holds what waits to be sent, up to a number and a size. What was
// taken counts until it is done, so that the limits are those of the memory.
type queue struct {
	maxNumber, maxBytes int
	ready               chan struct{} // holds one when there may be something

	mu     sync.Mutex // guards the fields below
	pubs   []hub.Publication
	spare  []hub.Publication // an empty slice to go on with
	number int
	bytes  int
}

func newQueue(number, bytes int) *queue {
	return &queue{maxNumber: number, maxBytes: bytes, ready: make(chan struct{}, 1)}
}

// size is about what a publication costs to keep.
func size(p hub.Publication) int { return 128 + len(p.Channel) + len(p.Payload) }

// add returns how many did not fit.
func (q *queue) add(pubs []hub.Publication) (dropped int) {
	q.mu.Lock()
	for _, p := range pubs {
		n := size(p)
		if q.number >= q.maxNumber || q.bytes+n > q.maxBytes {
			dropped++
			continue
		}
		q.number++
		q.bytes += n
		q.pubs = append(q.pubs, p)
	}
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return dropped
}

// take returns everything that waits; whoever takes calls done.
func (q *queue) take() []hub.Publication {
	q.mu.Lock()
	defer q.mu.Unlock()
	pubs := q.pubs
	q.pubs, q.spare = q.spare, nil
	return pubs
}

// done makes room for as many, which may be a part of what was taken, and
// forgets them.
func (q *queue) done(pubs []hub.Publication) {
	bytes := 0
	for i, p := range pubs {
		bytes += size(p)
		pubs[i] = hub.Publication{}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.number -= len(pubs)
	q.bytes -= bytes
}

// recycle lets all that was taken be used again; a burst's is left to the
// collector.
func (q *queue) recycle(pubs []hub.Publication) {
	if cap(pubs) > 4096 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = pubs[:0]
}
