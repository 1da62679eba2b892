package hub_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
)

// A wire joins the brokers of several nodes, and is as bad as it is told to be.
type wire struct {
	hostile bool // drops, doubles, delays and swaps
	dead    atomic.Bool
	well    atomic.Bool // what Healthy says

	mu    sync.Mutex
	ports []*port
}

// A port is one node's end of a wire: a Broker.
type port struct {
	wire *wire
	in   chan hub.Publication
}

func (w *wire) port() *port {
	p := &port{wire: w, in: make(chan hub.Publication, 1<<16)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports = append(w.ports, p)
	return p
}

func newWire() *wire {
	w := &wire{}
	w.well.Store(true)
	return w
}

func (p *port) Publish(pubs ...hub.Publication) {
	if p.wire.dead.Load() {
		return
	}
	p.wire.mu.Lock()
	defer p.wire.mu.Unlock()
	for _, to := range p.wire.ports {
		for _, pub := range pubs {
			times := 1
			if p.wire.hostile {
				times = []int{0, 1, 1, 1, 1, 2}[rand.IntN(6)]
			}
			for range times {
				select {
				case to.in <- pub:
				default:
				}
			}
		}
	}
}

func (p *port) Run(ctx context.Context, r hub.Receiver) error {
	var late []hub.Publication
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case pub := <-p.in:
			if p.wire.hostile && rand.IntN(4) == 0 {
				late = append(late, pub)
				continue
			}
			r.Receive(pub)
		case <-tick.C:
			rand.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
			for _, pub := range late {
				r.Receive(pub)
			}
			late = nil
			if p.wire.hostile && rand.IntN(20) == 0 {
				r.Lost()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *port) Healthy() bool { return p.wire.well.Load() }

type counting struct {
	got  []int64
	lost int
	done chan struct{}
	want int
}

func (c *counting) Receive(p hub.Publication) {
	if c.got = append(c.got, p.Seq); len(c.got) == c.want {
		close(c.done)
	}
}
func (c *counting) Lost() { c.lost++ }

func TestMemoryKeepsOrderAndSaysWhatItLost(t *testing.T) {
	const room = 16 << 10
	m := hub.NewMemory()
	for i := range room + 10 {
		m.Publish(hub.Publication{Kind: hub.KindEntry, Channel: "c", Seq: int64(i)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &counting{done: make(chan struct{}), want: room}
	over := make(chan error, 1)
	go func() { over <- m.Run(ctx, c) }()
	<-c.done
	cancel()
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	for i, seq := range c.got {
		if seq != int64(i) {
			t.Fatalf("publication %d has seq %d", i, seq)
		}
	}
	if len(c.got) != room || c.lost != 1 {
		t.Errorf("got %d publications and Lost %d times, want %d and 1", len(c.got), c.lost, room)
	}
}
