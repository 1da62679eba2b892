package policy

import (
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/calendar"
)

// renewalSteps are how many days before it expires those whom a policy concerns
// are reminded of that.
var renewalSteps = []int{60, 30, 15}

// Live lists the states of a policy that is to be renewed.
var Live = []Status{Bound, Issued, Active}

// RemindRenewal sets the first reminder of a policy's end that is still to come at a time,
// in the mornings of a zone.
func (p Policy) RemindRenewal(zone *time.Location, at time.Time) Policy {
	p.RenewalStep, p.RenewalAt = 0, nil
	for _, days := range renewalSteps {
		if due := calendar.Morning(p.Expiration.AddDays(-days), zone); due.After(at) {
			p.RenewalStep, p.RenewalAt = days, &due
			return p
		}
	}
	return p
}

// TellRenewal returns the policy after its reminder that was due at a time was
// told, and of which step that was: the latest that is due, of those that were
// not told. It is 0 when none was due.
func (p Policy) TellRenewal(zone *time.Location, at time.Time) (Policy, int) {
	if !slices.Contains(Live, p.Status) || p.RenewalAt == nil || p.RenewalAt.After(at) {
		return p, 0
	}
	told := p.RenewalStep
	p.RenewalStep, p.RenewalAt = 0, nil
	for _, days := range renewalSteps {
		if days >= told {
			continue
		}
		due := calendar.Morning(p.Expiration.AddDays(-days), zone)
		if due.After(at) {
			p.RenewalStep, p.RenewalAt = days, &due
			break
		}
		told = days
	}
	return p, told
}
