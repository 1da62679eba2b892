package brokertest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/brokertest"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

// A feed is a broker that hands over what the test says.
type feed chan func(hub.Receiver)

func (f feed) Publish(pubs ...hub.Publication) {
	for _, p := range pubs {
		f <- func(r hub.Receiver) { r.Receive(p) }
	}
}

func (f feed) Healthy() bool { return true }

func (f feed) Run(ctx context.Context, r hub.Receiver) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case give := <-f:
			give(r)
		}
	}
}

// A diary notes what came.
type diary struct {
	mu   sync.Mutex // guards the fields below
	seqs []int64
	lost int
}

// Receive implements hub.Receiver.
func (d *diary) Receive(p hub.Publication) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seqs = append(d.seqs, p.Seq)
}

// Lost implements hub.Receiver.
func (d *diary) Lost() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost++
}

// play sends 1 to n, a millisecond apart, and returns what came in a second.
func play(t *testing.T, n int64, seed uint64, cfg brokertest.Config) *diary {
	t.Helper()
	f := make(feed)
	h := brokertest.Hostile(f, seed, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	d := &diary{}
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Run(ctx, d); err != nil {
			t.Error(err)
		}
	})
	for seq := range n {
		h.Publish(hub.Publication{Kind: hub.KindEntry, Seq: seq + 1})
		time.Sleep(time.Millisecond) // of the bubble
	}
	f <- func(r hub.Receiver) { r.Lost() }
	time.Sleep(time.Second)
	cancel()
	running.Wait()
	return d
}

func TestHostile(t *testing.T) {
	times := func(d *diary, n int64) (missing, doubled, swapped int) {
		for seq := range n {
			at := slices.Index(d.seqs, seq+1)
			switch {
			case at < 0:
				missing++
			case slices.Contains(d.seqs[at+1:], seq+1):
				doubled++
			}
		}
		for i := 1; i < len(d.seqs); i++ {
			if d.seqs[i] < d.seqs[i-1] {
				swapped++
			}
		}
		return missing, doubled, swapped
	}
	const n = 1000
	for name, tt := range map[string]struct {
		cfg                       brokertest.Config
		missing, doubled, swapped [2]int // from, to
	}{
		"kind":    {brokertest.Config{}, [2]int{0, 0}, [2]int{0, 0}, [2]int{0, 0}},
		"drops":   {brokertest.Config{Drop: .2}, [2]int{150, 250}, [2]int{0, 0}, [2]int{0, 0}},
		"doubles": {brokertest.Config{Double: .2}, [2]int{0, 0}, [2]int{150, 250}, [2]int{100, 400}},
		"delays":  {brokertest.Config{Delay: .2}, [2]int{0, 0}, [2]int{0, 0}, [2]int{100, 250}},
		"swaps":   {brokertest.Config{Swap: .2}, [2]int{0, 0}, [2]int{0, 0}, [2]int{100, 200}},
		"all":     {brokertest.Config{Drop: .1, Double: .1, Delay: .1, Swap: .1}, [2]int{60, 140}, [2]int{60, 140}, [2]int{100, 400}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := play(t, n, 7, tt.cfg)
				missing, doubled, swapped := times(d, n)
				for what, v := range map[string]struct {
					got  int
					want [2]int
				}{"missing": {missing, tt.missing}, "doubled": {doubled, tt.doubled}, "swapped": {swapped, tt.swapped}} {
					if v.got < v.want[0] || v.got > v.want[1] {
						t.Errorf("%d of %d %s, want %d to %d", v.got, n, what, v.want[0], v.want[1])
					}
				}
				if d.lost != 1 {
					t.Errorf("told %d times of a loss, want once", d.lost)
				}
			})
		})
	}
}

func TestHostileRepeatsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := brokertest.Config{Drop: .1, Double: .1, Delay: .2, Swap: .1}
		one, two, other := play(t, 500, 1, cfg), play(t, 500, 1, cfg), play(t, 500, 2, cfg)
		if !slices.Equal(one.seqs, two.seqs) {
			t.Error("one seed gave two orders")
		}
		if slices.Equal(one.seqs, other.seqs) {
			t.Error("two seeds gave one order")
		}
	})
}

func TestHostileCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := make(feed)
		h := brokertest.Hostile(f, 1, brokertest.Config{Drop: 1})
		d := &diary{}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = h.Run(ctx, d) })
		h.Publish(hub.Publication{Seq: 1})
		synctest.Wait()
		h.Calm()
		h.Publish(hub.Publication{Seq: 2})
		synctest.Wait()
		cancel()
		running.Wait()
		if !slices.Equal(d.seqs, []int64{2}) {
			t.Errorf("received %v, want only what came after the faults", d.seqs)
		}
	})
}
