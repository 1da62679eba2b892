package apns

import (
	"context"
	"sync/atomic"
)

// gate lets requests to one host. Until somebody has been answered they go one
// at a time: Apple allows one stream on a connection before it has seen a good
// provider token, and a crowd would begin with connections and streams that are
// refused.
type gate struct {
	alone chan struct{}
	open  atomic.Bool // somebody was answered
}

func newGate() *gate { return &gate{alone: make(chan struct{}, 1)} }

// enter waits until a request may go. Its caller calls leave afterwards, and
// says whether he was answered.
func (g *gate) enter(ctx context.Context) (leave func(answered bool), err error) {
	if g.open.Load() {
		return func(bool) {}, nil
	}
	select {
	case g.alone <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if g.open.Load() {
		<-g.alone
		return func(bool) {}, nil
	}
	return func(answered bool) {
		if answered {
			g.open.Store(true)
		}
		<-g.alone
	}, nil
}
