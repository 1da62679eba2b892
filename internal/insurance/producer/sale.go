package producer

import (
	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/carrier"
)

// What stands between a producer and a sale.
const (
	NotActive      = "producer_not_active"
	UnderReview    = "producer_sanctions_review"
	NotLicensed    = "producer_not_licensed"
	FirmUnlicensed = "producer_firm_not_licensed"
	NotAppointed   = "producer_not_appointed"
)

// A Sale is a line that somebody sells in a state on a day: the insured's home
// state, and the day of the transaction.
type Sale struct {
	State, Line string
	On          civil.Date
	Carrier     *carrier.Carrier // in whose name it is bound; nil: no other's than the organisation's own
}

// A File is what is on file about a producer.
type File struct {
	Producer     Producer
	Licenses     []License
	Appointments []Appointment
}

// Against lists what stands between a producer and a sale, all of it: both the
// person and the firm that he belongs to need a licence. The firm is nil when
// there is none. One appointment, of either, is enough: what is bound in the name
// of a carrier takes one with it.
func (f File) Against(s Sale, firm *File) []string {
	var found []string
	if f.Producer.Status != Active || firm != nil && firm.Producer.Status != Active {
		found = append(found, NotActive)
	}
	if f.Producer.Review || firm != nil && firm.Producer.Review {
		found = append(found, UnderReview)
	}
	if !f.licensed(s) {
		found = append(found, NotLicensed)
	}
	if firm != nil && !firm.licensed(s) {
		found = append(found, FirmUnlicensed)
	}
	if !f.appointed(s) && (firm == nil || !firm.appointed(s)) {
		found = append(found, NotAppointed)
	}
	return found
}

func (f File) licensed(s Sale) bool {
	for _, l := range f.Licenses {
		if l.Covers(s.State, s.Line, s.On) {
			return true
		}
	}
	return false
}

func (f File) appointed(s Sale) bool {
	for _, a := range f.Appointments {
		if a.Covers(s.State, s.Line, s.On) && (s.Carrier == nil || a.With(*s.Carrier)) {
			return true
		}
	}
	return false
}
