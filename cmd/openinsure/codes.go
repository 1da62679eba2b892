package main

import (
	"context"
	"time"
)

// Wishes for codes are looked at when somebody of this node's clients has one,
// and now and then for those that another node left behind.
const (
	codesEvery  = time.Second
	codesAtOnce = 100
)

// makeCodes turns wishes into letters until ctx is over.
func (o *outbound) makeCodes(ctx context.Context) error {
	tick := time.NewTicker(codesEvery)
	defer tick.Stop()
	for {
		n, err := o.p.db.MakeCodes(ctx, codesAtOnce)
		if err != nil && ctx.Err() == nil {
			o.p.log.WarnContext(ctx, "codes were not made", "error", err)
		}
		if n == codesAtOnce && err == nil {
			continue
		}
		select {
		case <-o.asked:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
