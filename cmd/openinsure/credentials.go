package main

import (
	"context"
	"time"
)

// Wishes for codes are looked at when a client of this node has one, and every
// second for those that another node left behind; keys that were replaced end
// within a second of their time.
const (
	credentialsEvery = time.Second
	codesAtOnce      = 100
)

// keepCredentials turns wishes for codes into letters, and ends keys that were
// replaced, until ctx is over.
func (o *outbound) keepCredentials(ctx context.Context) error {
	tick := time.NewTicker(credentialsEvery)
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
			continue
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if _, err := o.p.db.EndKeys(ctx, time.Now()); err != nil && ctx.Err() == nil {
			o.p.log.WarnContext(ctx, "keys that were replaced did not end", "error", err)
		}
	}
}
