package submission

import (
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
)

// A Reason is why a submission was declined, withdrawn or expired, as a code.
type Reason string

// Other is the reason that none of the list is; it takes words.
const Other Reason = "other"

// Undisclosed is what the other company reads in place of reasons that are for
// the inside.
const Undisclosed Reason = "underwriting_decision"

// NoActivity is why a submission expires.
const NoActivity Reason = "no_activity"

// declines are the reasons of a decline, and whether who brought the business
// reads them. Those that he does not read say something of another broker, of a
// suspicion that must not be told, or of what the company can take.
var declines = []struct {
	reason Reason
	shown  bool
}{
	{"outside_appetite", true}, {"class_not_written", true}, {"territory_not_written", true}, {"loss_history", true}, {"incomplete_information", true},
	{"terms_not_available", true}, {"financial_condition", true}, {"business_too_young", true}, {Other, true},
	{"capacity", false}, {"pricing_inadequate", false}, {"reinsurance", false}, {"duplicate_submission", false}, {"broker_of_record", false},
	{"sanctions", false}, {"suspected_fraud", false},
}

// withdrawals are the reasons of a withdrawal; both sides know them.
var withdrawals = []Reason{
	"insured_request", "coverage_elsewhere", "price", "no_longer_needed", "broker_of_record_changed", "entered_in_error", Other,
}

// Bounds of an ending.
const (
	MostReasons   = 5
	mostRationale = 5000
	mostMessage   = 500
)

// Reasons lists the reasons that a step takes.
func Reasons(v Step) []Reason {
	switch v {
	case Withdraw:
		return slices.Clone(withdrawals)
	case Expire:
		return []Reason{NoActivity}
	}
	var all []Reason
	for _, d := range declines {
		all = append(all, d.reason)
	}
	return all
}

// An Ending is why a submission came to nothing.
type Ending struct {
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Reasons   []Reason  `json:"reasons"`
	Rationale string    `json:"rationale,omitempty"` // of a decline: for the inside
	Message   string    `json:"message,omitempty"`   // for both sides
}

// Check reports everything that is wrong with the ending of a step.
func (e Ending) Check(v Step) error {
	var bad fault.Complaints
	bad.When(len(e.Reasons) == 0, "reasons", "minItems")
	all := Reasons(v)
	for i, r := range fault.Fitting(&bad, "reasons", e.Reasons, MostReasons) {
		field := fmt.Sprintf("reasons[%d]", i)
		bad.When(!slices.Contains(all, r), field, "enum")
		bad.When(slices.Index(e.Reasons, r) < i, field, "unique")
	}
	bad.When(v == Decline && fault.Blank(e.Rationale), "rationale", "required")
	bad.When(len([]rune(e.Rationale)) > mostRationale, "rationale", "maxLength")
	bad.When(slices.Contains(e.Reasons, Other) && fault.Blank(e.Message), "message", "required")
	bad.When(len([]rune(e.Message)) > mostMessage, "message", "maxLength")
	return bad.On(fault.ErrValidation)
}

// Face returns the reasons as who brought the business may read them.
func (e Ending) Face() []Reason {
	var shown []Reason
	for _, r := range e.Reasons {
		for _, d := range declines {
			if d.reason == r && !d.shown {
				r = Undisclosed
			}
		}
		if !slices.Contains(shown, r) {
			shown = append(shown, r)
		}
	}
	return shown
}

// Outside returns the ending without what is for the inside.
func (e Ending) Outside() Ending {
	e.Reasons, e.Rationale, e.By = e.Face(), "", ""
	return e
}
