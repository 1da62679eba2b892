package push

import (
	"time"

	"github.com/openinsure/openinsure/internal/event"
)

// A Received is a notice as it lies in the inbox of a person.
type Received struct {
	Notice
	Event     event.ID
	Type      string // of the event
	CreatedAt time.Time
}
