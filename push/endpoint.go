package push

import (
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/id"
)

type endpointKind struct{}

func (endpointKind) Prefix() string { return "whk_" }

// EndpointID identifies a webhook endpoint.
type EndpointID = id.ID[endpointKind]

// NewEndpointID mints the id of an endpoint.
func NewEndpointID(at time.Time) EndpointID { return id.New[endpointKind](at) }

// The statuses of an endpoint. What happens while one is disabled waits for it.
const (
	Enabled  = "enabled"
	Disabled = "disabled"
)

// Limits of endpoints.
const (
	MostEndpoints = 50 // of an organisation
	MostAtOnce    = 50 // deliveries of one endpoint, in flight
	AtOnce        = 8  // unless it says otherwise
)

// An Endpoint is an organisation's webhook address.
type Endpoint struct {
	ID          EndpointID
	Org         access.OrgID
	URL         string
	Description string
	Types       []string // of events; "*" alone is every type
	Thin        bool     // gets ids in place of the whole payload
	Ordered     bool     // one delivery at a time, in order; one that fails holds up the rest
	AtOnce      int      // deliveries in flight, 1 to MostAtOnce
	Schedule    string   // of retries: StandardSchedule or LegacySchedule
	Secret      string   // as shown: whsec_ and base64; signs
	Status      string   // Enabled or Disabled
	Reason      string   // of being disabled, when it was not the owner
	PausedUntil *time.Time
	CreatedBy   string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int
}
