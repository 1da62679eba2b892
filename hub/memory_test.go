package hub_test

import (
	"context"
	"testing"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/brokertest"
)

func TestMemoryIsABroker(t *testing.T) {
	brokertest.Run(t, func(*testing.T) []hub.Broker { return []hub.Broker{hub.NewMemory()} })
}

// A flood publishes again whatever it receives, and is over after enough.
type flood struct {
	*hub.Memory
	received int
	each     func(received int)
}

const enough = 100_000

func (f *flood) Receive(p hub.Publication) {
	f.received++
	f.each(f.received)
	if f.received < enough {
		f.Publish(p)
	}
}

func (f *flood) Lost() {}

func TestMemoryEndsUnderAFlood(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &flood{Memory: hub.NewMemory()}
	f.each = func(received int) {
		if received == 1000 || received == enough {
			cancel()
		}
	}
	f.Publish(hub.Publication{Kind: hub.KindSignal, Channel: "room:1"})
	if err := f.Run(ctx, f); err != nil {
		t.Error(err)
	}
	if f.received != 1000 {
		t.Errorf("received %d publications, want no more after the 1000th ended it", f.received)
	}
}
