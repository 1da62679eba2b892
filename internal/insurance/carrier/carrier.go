// Package carrier holds the rules of carriers: the insurers in whose name an
// organisation binds, and with whom its producers are appointed.
package carrier

import (
	"net/mail"
	"regexp"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

type carrierKind struct{}

func (carrierKind) Prefix() string { return "car_" }

// ID identifies a carrier.
type ID = id.ID[carrierKind]

// NewID mints the id of a carrier added at the given time.
func NewID(at time.Time) ID { return id.New[carrierKind](at) }

// The states of a carrier: nothing is bound for one that is not active.
const (
	Active   = "active"
	Inactive = "inactive"
)

// Statuses lists every state of a carrier.
var Statuses = []string{Active, Inactive}

// How often a carrier is reported to.
const (
	Monthly   = "monthly"
	Quarterly = "quarterly"
)

// Reporting is what a carrier wants to be told, and when.
type Reporting struct {
	Premium string `json:"premiumFrequency"`
	Claims  string `json:"claimsFrequency"`
	Lag     int    `json:"reportingLag"` // days after the period's end
}

// DefaultLag is how many days after its period a bordereau is due, by default.
const DefaultLag = 15

const mostLag = 90

// A Carrier is an insurer in whose name an organisation binds.
type Carrier struct {
	ID         ID
	Org        access.OrgID
	ExternalID string // the organisation's own, unique in it
	Name       string
	NAIC       string // its number at the regulators' association; may be empty
	Email      string
	Status     string
	Reporting  Reporting
	Metadata   map[string]string
	CreatedBy  string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
}

// ErrUnknown blames the id of a carrier that the organisation does not have.
var ErrUnknown = fault.ErrValidation.Field("carrierId", "exists")

// ErrExists is the answer to a second carrier of one name.
var ErrExists = fault.New(fault.Conflict, "carrier_exists", "Your organization has a carrier of this name already.").Field("name", "unique")

var naic = regexp.MustCompile(`^([0-9]{5})?$`)

// address reports whether the whole of a text is an e-mail address, without a name
// before it.
func address(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// Check reports everything that is wrong with a carrier.
func (c Carrier) Check() error {
	var bad fault.Complaints
	bad.When(fault.Blank(c.Name), "name", "required")
	bad.When(!naic.MatchString(c.NAIC), "naicNumber", "pattern")
	bad.When(c.Email != "" && !address(c.Email), "email", "email")
	bad.When(c.Status != Active && c.Status != Inactive, "status", "enum")
	bad.When(c.Reporting.Premium != Monthly && c.Reporting.Premium != Quarterly, "bordereauConfig.premiumFrequency", "enum")
	bad.When(c.Reporting.Claims != Monthly && c.Reporting.Claims != Quarterly, "bordereauConfig.claimsFrequency", "enum")
	bad.When(c.Reporting.Lag < 0, "bordereauConfig.reportingLag", "min")
	bad.When(c.Reporting.Lag > mostLag, "bordereauConfig.reportingLag", "max")
	return bad.On(fault.ErrValidation)
}

// CheckChange is Check of a carrier that was another before: what is as it was is
// not refused.
func (c Carrier) CheckChange(was Carrier) error {
	return fault.Anew(was.Check(), c.Check(), fault.Changed(was.fields(), c.fields()))
}

func (c Carrier) fields() map[string]any {
	return map[string]any{"name": c.Name, "naicNumber": c.NAIC, "email": c.Email, "status": c.Status, "bordereauConfig": c.Reporting}
}

// Due is when what ends before a day is to be reported.
func (r Reporting) Due(end civil.Date) civil.Date { return end.AddDays(r.Lag) }
