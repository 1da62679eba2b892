package push

import (
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
)

// State is where a delivery stands.
type State string

// The states of a delivery. Any that is over may be made pending again by hand.
const (
	StatePending   State = "pending" // due now or later
	StateLeased    State = "leased"  // an attempt is under way
	StateDelivered State = "delivered"
	StateFailed    State = "failed"    // there is no other attempt
	StateCancelled State = "cancelled" // not wanted any more
)

// MostAttempts bounds how often one delivery is tried, by itself and by hand.
const MostAttempts = 100

// An Owed is a delivery to an endpoint as the endpoint's owner reads it.
type Owed struct {
	ID        ID
	Org       access.OrgID
	Endpoint  EndpointID
	Event     event.ID
	Type      string // of the event
	Test      bool   // of an example, not of what happened
	State     State
	Attempts  int       // made so far, one under way included
	NextAt    time.Time // of the next attempt; only while pending
	Code      int       // what the last attempt was answered; 0: nothing
	Class     string    // of what went wrong in it
	CreatedAt time.Time
	DoneAt    *time.Time
}
