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

// screenAgain is how long what could not be compared with a sanctions list waits.
const screenAgain = time.Minute

// screenAnew compares what is open with the sanctions list, which changes with a
// start only, until all of it was or ctx is over. It is a loop of its own, since
// there is much of it: nothing that is due waits for it.
func screenAnew(ctx context.Context, desk *insurance.Desk, log *slog.Logger) {
	for {
		n, err := desk.ScreenAnew(ctx)
		if n > 0 {
			log.InfoContext(ctx, "insureds were compared with another sanctions list", "count", n)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		log.WarnContext(ctx, "not all insureds were compared with the sanctions list", "error", err)
		select {
		case <-time.After(screenAgain):
		case <-ctx.Done():
			return
		}
	}
}

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
