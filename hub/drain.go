package hub

import (
	"context"
	"math/rand/v2"
	"time"
)

// Drain asks all sessions to go elsewhere, spread over Config.Drain so that
// they do not all come at once, and ends those that are left with 4001. From
// its start the node is not ready and admits nobody. It returns when all
// sessions were told, or ctx is over.
func (h *Hub) Drain(ctx context.Context) {
	h.draining.Store(true)
	end := time.NewTimer(h.cfg.Drain)
	defer end.Stop()
	all := h.registry.all()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) //nolint:gosec // spreads sessions out, guards nothing

	// The frames take three quarters of the time, the reconnecting the rest.
	const steps = 100
	slice := h.cfg.Drain / 4
	step := 3 * slice / steps
	for i := range steps {
		for _, s := range all[i*len(all)/steps : (i+1)*len(all)/steps] {
			wait := rand.N(slice + 1).Milliseconds() //nolint:gosec // spreads sessions out, guards nothing
			s.replyFrame(frame{body: answer{Type: "drain", Reconnect: &wait}.body(), kind: frameDrain, seq: wait})
		}
		if h.registry.len() == 0 || !sleep(ctx, step) {
			break
		}
	}
	for h.registry.len() > 0 {
		select {
		case <-end.C:
		case <-ctx.Done():
		default:
			sleep(ctx, step)
			continue
		}
		break
	}
	for _, s := range h.registry.all() {
		s.end(CloseDraining, "this server is shutting down")
	}
	h.broker.Publish(h.where.bye()...)
}
