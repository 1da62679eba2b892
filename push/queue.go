package push

import (
	"context"
	"time"
)

// A Queue holds what is owed. It is shared by all nodes, and its clock is the
// only one.
type Queue interface {
	// Fan turns committed events into deliveries and notices, once, and says how
	// many of which are due now. More is true when there may be others.
	Fan(ctx context.Context) (f Fanned, more bool, err error)
	// FanMessages does the same for what was said in channels, of all rooms when
	// names is nil.
	FanMessages(ctx context.Context, names []string) (f Fanned, more bool, err error)
	// Nudge reminds those who have not read what was said a while ago.
	Nudge(ctx context.Context) (f Fanned, more bool, err error)
	// Lease takes up to n deliveries of a kind that are due, for a time. What is
	// not finished by then is due again.
	Lease(ctx context.Context, kind Kind, worker string, n int, d time.Duration) ([]Delivery, error)
	// Finish records attempts. One whose lease has gone to somebody else is not
	// recorded: it is in the log as unknown.
	Finish(ctx context.Context, worker string, fs []Finished) error
	// Reclaim makes leases that have ended due again, and logs their attempts as
	// unknown.
	Reclaim(ctx context.Context) (int, error)
	// DisableEndpoint stops an endpoint that says it is gone, and tells its
	// organisation.
	DisableEndpoint(ctx context.Context, e Endpoint, reason string) error
}

// Fanned counts the deliveries of each kind that were made.
type Fanned map[Kind]int

// Finished is an attempt that is over: what came of it and of its delivery.
type Finished struct {
	Delivery Delivery
	Result   Result
	State    State
	After    time.Duration // when StatePending: until the next attempt
}
