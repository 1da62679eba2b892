// Package delegated holds the rules of authority that a carrier delegates: what
// may be written in its name, how much of it in a year and a quarter, and what it
// is told of it.
package delegated

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type agreementKind struct{}

func (agreementKind) Prefix() string { return "da_" }

// ID identifies an agreement.
type ID = id.ID[agreementKind]

// NewID mints the id of an agreement made at the given time.
func NewID(at time.Time) ID { return id.New[agreementKind](at) }

// Status is where an agreement stands.
type Status string

// The states of an agreement. Expired is never stored: it is what an agreement
// is after its days.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Expired   Status = "expired"
)

// Statuses lists every state.
var Statuses = []Status{Active, Suspended, Expired}

// An Agreement is a carrier's word that business of a program may be bound in
// its name, within bounds.
type Agreement struct {
	ID         ID
	Org        access.OrgID
	ExternalID string // the organisation's own, unique in it
	Carrier    carrier.ID
	Program    quote.ProgramID
	Number     string     // the carrier's own
	Effective  civil.Date // the first day whose policies it covers
	Expiration civil.Date // the first that it does not
	Status     Status     // active or suspended
	Terms      Terms
	Metadata   map[string]string
	CreatedBy  string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
}

// AllStates stands for the fifty states in a list of states; the district has to
// be named beside it.
const AllStates = "ALL_50"

// Terms are the bounds of an agreement. A pointer that is nil and an empty list
// set no bound.
type Terms struct {
	MaxOccurrence money.Cents `json:"maxOccurrenceLimit"` // the highest limit of one policy
	MaxAggregate  money.Cents `json:"maxAggregateLimit"`  // the highest aggregate limit of one policy
	MaxPremium    money.Cents `json:"maxPremiumPerPolicy"`

	States         []string `json:"authorizedStates"`
	ExcludedStates []string `json:"excludedStates"`
	Classes        []string `json:"authorizedNaicsCodes"` // prefixes; none: all
	ExcludedClass  []string `json:"excludedNaicsCodes"`

	AnnualPremium    money.Cents  `json:"annualGwpLimit"` // of a year of the agreement
	QuarterlyPremium *money.Cents `json:"quarterlyGwpLimit,omitempty"`
	Accumulated      *money.Cents `json:"maxAccumulatedLimit,omitempty"` // all policies' aggregate limits together

	PerInsured int          `json:"maxPoliciesPerInsured,omitempty"` // 0: no bound
	MaxRevenue *money.Cents `json:"maxInsuredRevenue,omitempty"`
	MaxTIV     *money.Cents `json:"maxTiv,omitempty"`
	Months     []int        `json:"allowedPolicyTerms"` // none: any
	MinYears   *int         `json:"minYearsInBusiness,omitempty"`

	Triggers []Trigger `json:"referralTriggers"`

	// What of the premium the two in between keep, in hundredths of a per cent.
	ProducerCommission int `json:"producerCommissionBps,omitempty"`
	Override           int `json:"mgaOverrideBps,omitempty"`
}

// TriggerType is what a trigger looks at.
type TriggerType string

// The types of trigger.
const (
	RevenueThreshold TriggerType = "REVENUE_THRESHOLD" // a revenue above the threshold
	LossHistory      TriggerType = "LOSS_HISTORY"      // losses above the threshold, of the years that count
	ClassCode        TriggerType = "CLASS_CODE"        // a class that begins with one of the values
	StateTrigger     TriggerType = "STATE"             // one of the values
)

// A Trigger refers a risk that is inside all limits.
type Trigger struct {
	Type        TriggerType  `json:"type"`
	Threshold   *money.Cents `json:"threshold,omitempty"`
	Values      []string     `json:"values,omitempty"`
	Description string       `json:"description"`
}

// Bounds of an agreement.
const (
	MostTriggers = 50
	MostClasses  = 5000
	mostYears    = 100
	mostMonths   = 120
	mostPolicies = 100_000
	whole        = 10_000 // hundredths of a per cent
	longest      = 10     // years
)

// Faults of agreements.
var (
	ErrNoProgram = fault.ErrValidation.Field("programId", "exists")
	ErrOverlap   = fault.New(fault.Conflict, "da_agreement_overlap", "Another agreement covers days of this program already.")
	// ErrExceeded carries in its details every rule that is broken.
	ErrExceeded = fault.New(fault.Refused, "da_limit_exceeded", "The delegated authority has no room for this.")
)

var class = regexp.MustCompile(`^[0-9]{2,6}$`)

// Check reports everything that is wrong with an agreement.
func (a Agreement) Check() error {
	var bad fault.Complaints
	bad.When(a.Effective.IsZero(), "effectiveDate", "required")
	bad.When(a.Expiration.IsZero(), "expirationDate", "required")
	if !a.Effective.IsZero() && !a.Expiration.IsZero() {
		bad.When(!a.Effective.Before(a.Expiration), "expirationDate", "min")
		bad.When(a.Effective.AddYears(longest).Before(a.Expiration), "expirationDate", "max")
	}
	bad.When(a.Status != Active && a.Status != Suspended, "status", "enum")
	a.Terms.check(&bad)
	return bad.On(fault.ErrValidation)
}

// CheckChange is Check of an agreement that was another before: what is as it was
// is not refused.
func (a Agreement) CheckChange(was Agreement) error {
	return fault.Anew(was.Check(), a.Check(), fault.Together(fault.Changed(was.fields(), a.fields()), compared))
}

// Same reports whether a change left an agreement as it was, which is told to
// nobody and is no version.
func (a Agreement) Same(was Agreement) bool {
	return a.Number == was.Number && maps.Equal(a.Metadata, was.Metadata) && len(fault.Changed(was.fields(), a.fields())) == 0
}

// compared are the fields that are blamed for what another one says.
var compared = map[string][]string{
	"effectiveDate": {"expirationDate"}, "maxOccurrenceLimit": {"maxAggregateLimit"}, "annualGwpLimit": {"quarterlyGwpLimit"}, "producerCommissionBps": {"mgaOverrideBps"},
}

func (a Agreement) fields() map[string]any {
	t := a.Terms
	return map[string]any{
		"effectiveDate": a.Effective, "expirationDate": a.Expiration, "status": a.Status,
		"maxOccurrenceLimit": t.MaxOccurrence, "maxAggregateLimit": t.MaxAggregate, "maxPremiumPerPolicy": t.MaxPremium,
		"authorizedStates": t.States, "excludedStates": t.ExcludedStates, "authorizedNaicsCodes": t.Classes, "excludedNaicsCodes": t.ExcludedClass,
		"annualGwpLimit": t.AnnualPremium, "quarterlyGwpLimit": t.QuarterlyPremium, "maxAccumulatedLimit": t.Accumulated,
		"maxPoliciesPerInsured": t.PerInsured, "maxInsuredRevenue": t.MaxRevenue, "maxTiv": t.MaxTIV, "allowedPolicyTerms": t.Months,
		"minYearsInBusiness": t.MinYears, "referralTriggers": t.Triggers, "producerCommissionBps": t.ProducerCommission, "mgaOverrideBps": t.Override,
	}
}

func (t Terms) check(bad *fault.Complaints) {
	amount := func(field string, of money.Cents, least money.Cents) {
		bad.When(of < least, field, "min")
		bad.When(of > money.Max, field, "max")
	}
	maybe := func(field string, of *money.Cents) {
		if of != nil {
			amount(field, *of, 0)
		}
	}
	amount("maxOccurrenceLimit", t.MaxOccurrence, 1)
	amount("maxAggregateLimit", t.MaxAggregate, 1)
	bad.When(t.MaxAggregate < t.MaxOccurrence && t.MaxAggregate > 0, "maxAggregateLimit", "min")
	amount("maxPremiumPerPolicy", t.MaxPremium, 1)
	amount("annualGwpLimit", t.AnnualPremium, 1)
	maybe("quarterlyGwpLimit", t.QuarterlyPremium)
	bad.When(t.QuarterlyPremium != nil && t.AnnualPremium > 0 && *t.QuarterlyPremium > t.AnnualPremium, "quarterlyGwpLimit", "max")
	maybe("maxAccumulatedLimit", t.Accumulated)
	maybe("maxInsuredRevenue", t.MaxRevenue)
	maybe("maxTiv", t.MaxTIV)
	bad.When(len(t.States) == 0, "authorizedStates", "minItems")
	bad.Each("authorizedStates", t.States, append([]string{AllStates}, submission.States...))
	bad.Each("excludedStates", t.ExcludedStates, submission.States)
	checkClasses(bad, "authorizedNaicsCodes", t.Classes)
	checkClasses(bad, "excludedNaicsCodes", t.ExcludedClass)
	bad.When(t.PerInsured < 0, "maxPoliciesPerInsured", "min")
	bad.When(t.PerInsured > mostPolicies, "maxPoliciesPerInsured", "max")
	for i, m := range fault.Fitting(bad, "allowedPolicyTerms", t.Months, mostMonths) {
		bad.When(m < 1, fmt.Sprintf("allowedPolicyTerms[%d]", i), "min")
		bad.When(m > mostMonths, fmt.Sprintf("allowedPolicyTerms[%d]", i), "max")
	}
	if t.MinYears != nil {
		bad.When(*t.MinYears < 0, "minYearsInBusiness", "min")
		bad.When(*t.MinYears > mostYears, "minYearsInBusiness", "max")
	}
	bad.When(t.ProducerCommission < 0, "producerCommissionBps", "min")
	bad.When(t.Override < 0, "mgaOverrideBps", "min")
	bad.When(t.ProducerCommission > whole, "producerCommissionBps", "max")
	bad.When(t.Override > whole-max(t.ProducerCommission, 0), "mgaOverrideBps", "max")
	for i, g := range fault.Fitting(bad, "referralTriggers", t.Triggers, MostTriggers) {
		g.check(bad, fmt.Sprintf("referralTriggers[%d].", i))
	}
}

func (g Trigger) check(bad *fault.Complaints, in string) {
	bad.When(fault.Blank(g.Description), in+"description", "required")
	switch g.Type {
	case RevenueThreshold, LossHistory:
		bad.When(g.Threshold == nil, in+"threshold", "required")
		bad.When(g.Threshold != nil && *g.Threshold < 0, in+"threshold", "min")
		bad.When(len(g.Values) > 0, in+"values", "unexpected")
	case ClassCode, StateTrigger:
		bad.When(len(g.Values) == 0, in+"values", "required")
		bad.When(g.Threshold != nil, in+"threshold", "unexpected")
		if g.Type == StateTrigger {
			bad.Each(in+"values", g.Values, submission.States)
		} else {
			checkClasses(bad, in+"values", g.Values)
		}
	default:
		bad.When(true, in+"type", "enum")
	}
}

func checkClasses(bad *fault.Complaints, name string, classes []string) {
	seen := map[string]bool{}
	for i, c := range fault.Fitting(bad, name, classes, MostClasses) {
		field := fmt.Sprintf("%s[%d]", name, i)
		bad.When(!class.MatchString(c), field, "pattern")
		bad.When(seen[c], field, "unique")
		seen[c] = true
	}
}

// StatusOn is where the agreement stands on a day.
func (a Agreement) StatusOn(day civil.Date) Status {
	if !day.Before(a.Expiration) {
		return Expired
	}
	return a.Status
}

// Covers is whether a policy that takes effect on a day is the agreement's.
func (a Agreement) Covers(day civil.Date) bool {
	return !day.Before(a.Effective) && day.Before(a.Expiration)
}

// Object is the agreement as the subject of a permission: those of its
// organisation.
func (a Agreement) Object() access.Object { return access.OrgObject(a.Org) }

func (t Terms) inState(s string) bool {
	named := slices.Contains(t.States, s) || s != "DC" && slices.Contains(t.States, AllStates)
	return named && !slices.Contains(t.ExcludedStates, s)
}

func (t Terms) inClass(naics string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(naics, prefix) }
	return (len(t.Classes) == 0 || slices.ContainsFunc(t.Classes, begins)) && !slices.ContainsFunc(t.ExcludedClass, begins)
}
