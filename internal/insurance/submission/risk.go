package submission

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/triage"
)

// A Risk is what is known of a submission beyond what every submission says.
// What is not known is zero.
type Risk struct {
	AggregateLimit  money.Cents `json:"aggregateLimit,omitzero"` // of all losses of a year
	Deductible      money.Cents `json:"deductible,omitzero"`
	Payroll         money.Cents `json:"payroll,omitzero"` // of a year
	InsuredValue    money.Cents `json:"tiv,omitzero"`     // of all that is insured
	Employees       int         `json:"employees,omitzero"`
	Vehicles        int         `json:"vehicles,omitzero"`
	YearsInBusiness *int        `json:"yearsInBusiness,omitempty"`
	ExperienceMod   string      `json:"experienceMod,omitempty"` // a decimal such as 1.12
	PostalCode      string      `json:"postalCode,omitempty"`
	Losses          []Loss      `json:"lossHistory,omitzero"` // nil is not known; none is empty
}

// A Loss is what a year cost.
type Loss struct {
	Year     int         `json:"year"`
	Claims   int         `json:"claims"`
	Incurred money.Cents `json:"incurred"` // paid and reserved
	Premium  money.Cents `json:"premium,omitzero"`
}

// LossYears is how many years before the effective one count.
const LossYears = 5

// mostLosses is how many years there are to tell of: each once.
const mostLosses = 2*LossYears + 1

// Past sums the losses of the years that count: the effective year and the five
// before it. It is false when nothing is known of them.
func (s Submission) Past() (claims int, incurred money.Cents, known bool) {
	for _, l := range s.Exposure.Losses {
		if l.Year >= s.EffectiveDate.Year-LossYears {
			claims += l.Claims
			incurred = min(incurred+l.Incurred, money.Max)
		}
	}
	return claims, incurred, s.Exposure.Losses != nil
}

// LossRatio is what the losses of the years that count came to for each dollar
// of premium; nil when the premium of none of them is known. Years without a
// known premium are left out.
func (s Submission) LossRatio() *big.Rat {
	var incurred, premium money.Cents
	for _, l := range s.Exposure.Losses {
		if l.Year >= s.EffectiveDate.Year-LossYears && l.Premium > 0 {
			incurred, premium = min(incurred+l.Incurred, money.Max), min(premium+l.Premium, money.Max)
		}
	}
	if premium == 0 {
		return nil
	}
	return big.NewRat(int64(incurred), int64(premium))
}

// Scored returns the submission with its triage.
func (s Submission) Scored() Submission {
	in := triage.Input{LossRatio: s.LossRatio(), Years: s.Exposure.YearsInBusiness, High: s.Priority == High}
	if claims, _, known := s.Past(); known {
		in.Claims = &claims
	}
	s.Triage = triage.Of(in)
	return s
}

// Triaged is the triage of the submission: that of what nobody has looked at
// when it was never scored.
func (s Submission) Triaged() triage.Result {
	if s.Triage.Lane == "" {
		return triage.Blank
	}
	return s.Triage
}

const states = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY"

// States lists the states of the union and the district.
var States = strings.Fields(states)

// sectors are the first two digits of the classes of NAICS, and 99 for what
// nobody has classified.
const sectors = "11 21 22 23 31 32 33 42 44 45 48 49 51 52 53 54 55 56 61 62 71 72 81 92 99"

// ExperiencePattern is that of an experience modification, from 0.1 to 9.999. By
// the formula of the bureaus the best of insureds keeps a good part of what is
// expected of him, so that none comes near to nothing.
const ExperiencePattern = `^([1-9](\.[0-9]{1,3})?|0\.[1-9][0-9]{0,2})$`

var experience = regexp.MustCompile(ExperiencePattern)

func blank(s string) bool { return fault.Blank(s) }

// UnknownRevenue is the revenue of a draft of which nobody has said any: none at
// all is one, too.
const UnknownRevenue money.Cents = -1

// Check reports everything that keeps a submission from being received: what
// every submission has to say and this one does not, a state or class that is
// none, terms that contradict each other, losses of years that are not past or
// that come twice. What is compared with something that is missing is looked at
// when it is there.
func (s Submission) Check() error {
	var bad fault.Complaints
	bad.When(blank(s.InsuredName), "insuredName", "required")
	bad.When(s.Insured != nil && s.Insured.Name != "" && blank(s.Insured.Name), "insured.name", "pattern")
	bad.When(s.NAICS == "", "naicsCode", "required")
	bad.When(s.AnnualRevenue < 0, "annualRevenue", "required")
	bad.When(s.RequestedLimit <= 0, "requestedLimit", "required")
	bad.When(s.EffectiveDate.IsZero(), "effectiveDate", "required")
	bad.When(s.State == "", "state", "required")
	bad.When(s.LineOfBusiness == "", "lineOfBusiness", "required")
	bad.When(s.State != "" && !slices.Contains(States, s.State), "state", "enum")
	bad.When(s.NAICS != "" && !slices.ContainsFunc(strings.Fields(sectors), func(sector string) bool { return strings.HasPrefix(s.NAICS, sector) }), "naicsCode", "enum")
	bad.When(s.Exposure.ExperienceMod != "" && !experience.MatchString(s.Exposure.ExperienceMod), "experienceMod", "pattern")
	bad.When(s.Exposure.AggregateLimit > 0 && s.Exposure.AggregateLimit < s.RequestedLimit, "aggregateLimit", "min")
	bad.When(s.RequestedLimit > 0 && s.Exposure.Deductible >= s.RequestedLimit, "deductible", "max")
	seen := map[int]bool{}
	for i, l := range fault.Fitting(&bad, "lossHistory", s.Exposure.Losses, mostLosses) {
		field := fmt.Sprintf("lossHistory[%d].year", i)
		if !s.EffectiveDate.IsZero() {
			bad.When(l.Year < s.EffectiveDate.Year-2*LossYears, field, "min")
			bad.When(l.Year > s.EffectiveDate.Year, field, "max")
		}
		bad.When(seen[l.Year], field, "unique")
		bad.When(l.Claims == 0 && l.Incurred > 0, fmt.Sprintf("lossHistory[%d].claims", i), "min")
		seen[l.Year] = true
	}
	return bad.On(fault.ErrValidation)
}

// compared are the fields that are blamed for what another one says.
var compared = map[string][]string{"requestedLimit": {"aggregateLimit", "deductible"}, "effectiveDate": {"lossHistory"}}

// String writes what is known, the same way every time.
func (r Risk) String() string {
	b, _ := json.Marshal(r) // numbers and texts: never fails
	return string(b)
}
