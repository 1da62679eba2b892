package push

import (
	"time"

	"github.com/openinsure/openinsure/internal/event"
)

// MostUnread is up to where unread notices are counted.
const MostUnread = 1000

// A Received is a notice as it lies in the inbox of a person.
type Received struct {
	Notice
	Event     event.ID
	Type      string // of the event
	CreatedAt time.Time
}
