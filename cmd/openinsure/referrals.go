package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/openinsure/openinsure/internal/insurance"
)

// tickEvery is how late a reminder, an escalation or the end of a referral may
// be.
const tickEvery = 15 * time.Second

// keepReferrals does what is due about referrals until ctx is over. Every node
// does; each thing is done once.
func keepReferrals(ctx context.Context, desk *insurance.Desk, log *slog.Logger) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		if n, err := desk.Tick(ctx, time.Now()); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "what is due about referrals was not all done", "error", err)
		} else if n > 0 {
			log.InfoContext(ctx, "referrals were reminded of, passed on or ended", "count", n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
