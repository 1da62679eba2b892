package producer

import (
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

type licenseKind struct{}

func (licenseKind) Prefix() string { return "lic_" }

// LicenseID identifies a licence.
type LicenseID = id.ID[licenseKind]

// NewLicenseID mints the id of a licence noted at the given time.
func NewLicenseID(at time.Time) LicenseID { return id.New[licenseKind](at) }

// LicenseType is what sort of business a licence is for.
type LicenseType string

// The types of licence. Those of the lines of this platform are
// PropertyCasualty and SurplusLines.
const (
	PropertyCasualty LicenseType = "property_casualty"
	LifeHealth       LicenseType = "life_health"
	SurplusLines     LicenseType = "surplus_lines"
	Adjusting        LicenseType = "adjuster"
	Consulting       LicenseType = "consultant"
)

// LicenseStatus is what the state says of a licence; whether it has expired
// follows from its dates.
type LicenseStatus string

// What a state says of a licence.
const (
	LicenseActive    LicenseStatus = "active"
	LicenseRenewing  LicenseStatus = "pending_renewal" // good until it expires
	LicenseSuspended LicenseStatus = "suspended"
	LicenseRevoked   LicenseStatus = "revoked" // final
)

// LicenseStatuses lists every status.
var LicenseStatuses = []LicenseStatus{LicenseActive, LicenseRenewing, LicenseSuspended, LicenseRevoked}

// expiresSoon is how many days before its end a licence is said to expire soon,
// by the compliance page.
const expiresSoon = 60

// Faults of licences.
var (
	ErrDates          = fault.ErrValidation.Field("expirationDate", "min")
	ErrLicenseRevoked = fault.New(fault.Refused, "license_revoked", "A licence that was revoked stays so; note another one.")
)

// A License lets a producer sell some lines in one state from one day until
// before another.
type License struct {
	ID         LicenseID
	Producer   ID
	Number     string
	Type       LicenseType
	State      string   // two letters
	Lines      []string // none: all lines of its type
	Effective  civil.Date
	Expiration civil.Date // the first day on which it is good no more
	Status     LicenseStatus
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Check reports dates in the wrong order, when both are known.
func (l License) Check() error {
	if !l.Effective.IsZero() && !l.Expiration.IsZero() && !l.Effective.Before(l.Expiration) {
		return ErrDates
	}
	return nil
}

// InForce is whether the licence is good on a day.
func (l License) InForce(day civil.Date) bool {
	return (l.Status == LicenseActive || l.Status == LicenseRenewing) && !day.Before(l.Effective) && day.Before(l.Expiration)
}

// Covers is whether the licence lets a line be sold in a state on a day.
func (l License) Covers(state, line string, day civil.Date) bool {
	return l.InForce(day) && l.State == state && (l.Type == PropertyCasualty || l.Type == SurplusLines) &&
		(len(l.Lines) == 0 || slices.Contains(l.Lines, line))
}

// Standing is how a licence stands on a day: what people look for.
func (l License) Standing(day civil.Date) string {
	switch {
	case l.Status == LicenseRevoked || l.Status == LicenseSuspended:
		return string(l.Status)
	case !day.Before(l.Expiration):
		return "expired"
	case day.Before(l.Effective):
		return "not_yet_effective"
	case l.Status == LicenseRenewing:
		return string(l.Status)
	case l.Expiration.DaysSince(day) <= expiresSoon:
		return "expiring_soon"
	}
	return string(LicenseActive)
}

// Amend returns the licence with another status or end, as its state says.
func (l License) Amend(status LicenseStatus, expiration civil.Date, at time.Time) (License, error) {
	if l.Status == LicenseRevoked {
		return l, ErrLicenseRevoked
	}
	if status != "" {
		l.Status = status
	}
	if !expiration.IsZero() {
		l.Expiration = expiration
	}
	l.UpdatedAt = at
	return l, l.Check()
}

func dayOf(at time.Time) civil.Date { return civil.DateOf(at) }
