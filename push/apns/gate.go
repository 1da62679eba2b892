package apns

import (
	"context"
	"sync/atomic"
)

// mostInFlight is how many requests go to one host at a time, half of what one
// connection takes at Apple. The transport opens another connection for what
// does not fit, and is slow to notice that a stream has ended. It can be told
// to stay with one, but then hangs as soon as more requests wait than fit
// (x/net v0.61: those that wait count as if they were under way).
const mostInFlight = 500

// gate lets requests to one host. The first goes alone: Apple allows one stream
// on a connection until it has seen a good provider token, so that a crowd would
// open many connections, which Apple takes for an attack.
type gate struct {
	slots chan struct{}
	alone chan struct{}
	open  atomic.Bool // somebody was answered
}

func newGate() *gate {
	return &gate{slots: make(chan struct{}, mostInFlight), alone: make(chan struct{}, 1)}
}

// enter waits for a place. Whoever has it calls leave, and says whether he was
// answered.
func (g *gate) enter(ctx context.Context) (leave func(answered bool), err error) {
	if g.open.Load() {
		return g.slot(ctx)
	}
	select {
	case g.alone <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if g.open.Load() {
		<-g.alone
		return g.slot(ctx)
	}
	return func(answered bool) {
		if answered {
			g.open.Store(true)
		}
		<-g.alone
	}, nil
}

func (g *gate) slot(ctx context.Context) (leave func(answered bool), err error) {
	select {
	case g.slots <- struct{}{}:
		return func(bool) { <-g.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
