package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/openinsure/openinsure/hub"
)

// memoryLog is a Log that commits in memory, as the store would in Postgres.
type memoryLog struct {
	ranges, heads atomic.Int64 // questions asked

	mu       sync.Mutex
	epoch    string
	channels map[string]*memoryChannel
	silent   chan struct{} // while not nil, questions wait until it is closed
	broken   bool
	gate     func(channel string, after int64) // called before a Range answers
}

type memoryChannel struct {
	floor   int64
	entries []hub.Entry // the first has seq floor+1
}

func newLog() *memoryLog {
	return &memoryLog{epoch: "e1", channels: map[string]*memoryChannel{}}
}

func (l *memoryLog) channel(name string) *memoryChannel {
	c := l.channels[name]
	if c == nil {
		c = &memoryChannel{}
		l.channels[name] = c
	}
	return c
}

// commit appends an entry and returns it as committed.
func (l *memoryLog) commit(e hub.Entry) hub.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channel(e.Channel)
	e.Epoch, e.Seq = l.epoch, c.floor+int64(len(c.entries))+1
	if e.Payload == nil {
		e.Payload = fmt.Appendf(nil, `{"n":%d}`, e.Seq)
	}
	c.entries = append(c.entries, e)
	return e
}

// rewrite changes an earlier entry, with the one that says so.
func (l *memoryLog) rewrite(channel string, seq int64, payload string) hub.Entry {
	l.mu.Lock()
	c := l.channel(channel)
	c.entries[seq-c.floor-1].Payload = []byte(payload)
	l.mu.Unlock()
	return l.commit(hub.Entry{Channel: channel, Rewrites: true})
}

// forget moves the floor.
func (l *memoryLog) forget(channel string, floor int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channel(channel)
	c.entries = c.entries[floor-c.floor:]
	c.floor = floor
}

// rewind loses what came after seq; the epoch changes unless it is empty.
func (l *memoryLog) rewind(channel string, seq int64, epoch string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channel(channel)
	c.entries = c.entries[:seq-c.floor]
	if epoch != "" {
		l.epoch = epoch
	}
}

// silence makes questions wait until the func that it returns is called.
func (l *memoryLog) silence() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	silent := make(chan struct{})
	l.silent = silent
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.silent == silent {
			l.silent = nil
			close(silent)
		}
	}
}

func (l *memoryLog) wait(ctx context.Context) error {
	l.mu.Lock()
	silent, broken := l.silent, l.broken
	l.mu.Unlock()
	if broken {
		return errors.New("the log is broken")
	}
	if silent == nil {
		return ctx.Err()
	}
	select {
	case <-silent:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *memoryLog) Heads(ctx context.Context, channels []string) (hub.Heads, error) {
	l.heads.Add(1)
	if err := l.wait(ctx); err != nil {
		return hub.Heads{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := hub.Heads{Epoch: l.epoch, Head: make(map[string]int64, len(channels))}
	for _, name := range channels {
		if c := l.channels[name]; c != nil {
			h.Head[name] = c.floor + int64(len(c.entries))
		}
	}
	return h, nil
}

func (l *memoryLog) Range(ctx context.Context, channel string, after int64, limit int) (hub.Range, error) {
	if !strings.HasPrefix(channel, "control:") {
		l.ranges.Add(1)
	}
	if err := l.wait(ctx); err != nil {
		return hub.Range{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channel(channel)
	head := c.floor + int64(len(c.entries))
	r := hub.Range{Epoch: l.epoch, Head: head, Floor: c.floor}
	if from := max(after, c.floor); from < head {
		r.Entries = append(r.Entries, c.entries[from-c.floor:min(head, from+int64(limit))-c.floor]...)
	}
	if gate := l.gate; gate != nil {
		l.mu.Unlock()
		gate(channel, after)
		l.mu.Lock()
	}
	return r, nil
}
