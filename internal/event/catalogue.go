package event

import (
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

// The audiences of an organisation; each is a channel of its own.
const (
	Underwriting = "underwriting"
	Claims       = "claims"
	Finance      = "finance"
	Admin        = "admin"
)

// Audiences lists every audience of an organisation.
var Audiences = []string{Underwriting, Claims, Finance, Admin}

// A Type is one entry of the catalogue. Data is the example as well as the
// source of the JSON Schema.
type Type struct {
	Name        string
	Description string
	Resource    string   // whose read scope shows it in GET /v1/events
	Audiences   []string // of the event's organisation
	Webhook     bool     // whether endpoints may subscribe to it
	Stream      bool     // an entry of its channels only: no row in the list of events
	Example     Payload
}

// SubmissionCreated is the payload of submission.created.
type SubmissionCreated struct {
	SubmissionID   string `json:"submissionId"`
	InsuredName    string `json:"insuredName"`
	LineOfBusiness string `json:"lineOfBusiness"`
	State          string `json:"state"`
	EffectiveDate  string `json:"effectiveDate" format:"date"`
	ExternalID     string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionCreated) EventType() string { return "submission.created" }

// SubmissionQuoted is the payload of submission.quoted.
type SubmissionQuoted struct {
	SubmissionID string      `json:"submissionId"`
	QuoteID      string      `json:"quoteId"`
	Decision     string      `json:"decision" enum:"quoted,referred"`
	GrossPremium money.Cents `json:"grossPremium"`
	ExpiresAt    string      `json:"expiresAt" format:"date-time"`
	ExternalID   string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionQuoted) EventType() string { return "submission.quoted" }

// SubmissionDeclined is the payload of submission.declined.
type SubmissionDeclined struct {
	SubmissionID string   `json:"submissionId"`
	Reasons      []string `json:"reasons" nullable:"false"`
	ExternalID   string   `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionDeclined) EventType() string { return "submission.declined" }

// PolicyBound is the payload of policy.bound.
type PolicyBound struct {
	PolicyID       string      `json:"policyId"`
	PolicyNumber   string      `json:"policyNumber"`
	SubmissionID   string      `json:"submissionId"`
	GrossPremium   money.Cents `json:"grossPremium"`
	EffectiveDate  string      `json:"effectiveDate" format:"date"`
	ExpirationDate string      `json:"expirationDate" format:"date"`
	ExternalID     string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (PolicyBound) EventType() string { return "policy.bound" }

// InvoiceCreated is the payload of invoice.created.
type InvoiceCreated struct {
	InvoiceID  string      `json:"invoiceId"`
	PolicyID   string      `json:"policyId"`
	Amount     money.Cents `json:"amount"`
	DueDate    string      `json:"dueDate" format:"date"`
	ExternalID string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (InvoiceCreated) EventType() string { return "invoice.created" }

// The catalogue holds the types that something emits; a type joins it with the
// feature that makes it happen.
var catalogue = slices.SortedFunc(slices.Values(slices.Concat(roomTypes, referralTypes, []Type{
	{
		Name: "invoice.created", Description: "An invoice was made, one for each instalment when a policy is bound.",
		Resource: "invoices", Audiences: []string{Finance}, Webhook: true,
		Example: InvoiceCreated{InvoiceID: "inv_01J8K3M4N5P6Q7R8S9T0V1W2X3", PolicyID: "pol_01J8K3M4N5P6Q7R8S9T0V1W2X3", Amount: 285000, DueDate: "2026-04-01"},
	},
	{
		Name: "policy.bound", Description: "A new policy was bound.",
		Resource: "policies", Audiences: []string{Finance, Underwriting}, Webhook: true,
		Example: PolicyBound{
			PolicyID: "pol_01J8K3M4N5P6Q7R8S9T0V1W2X3", PolicyNumber: "GL-2026-000142", SubmissionID: "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3",
			GrossPremium: 1425000, EffectiveDate: "2026-04-01", ExpirationDate: "2027-04-01",
		},
	},
	{
		Name: "submission.created", Description: "A submission was received.",
		Resource: "submissions", Audiences: []string{Underwriting}, Webhook: true,
		Example: SubmissionCreated{
			SubmissionID: "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3", InsuredName: "Pacific Coast Builders",
			LineOfBusiness: "GL", State: "OR", EffectiveDate: "2026-05-01",
		},
	},
	{
		Name: "submission.declined", Description: "Rating a submission ended in a decline.",
		Resource: "submissions", Audiences: []string{Underwriting}, Webhook: true,
		Example: SubmissionDeclined{SubmissionID: "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3", Reasons: []string{"excluded_class"}},
	},
	{
		Name: "submission.quoted", Description: "A submission was rated; the decision says whether it may be bound or was referred.",
		Resource: "submissions", Audiences: []string{Underwriting}, Webhook: true,
		Example: SubmissionQuoted{
			SubmissionID: "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3", QuoteID: "quo_01J8K3M4N5P6Q7R8S9T0V1W2X3", Decision: "quoted",
			GrossPremium: 1425000, ExpiresAt: "2026-04-30T14:32:00Z",
		},
	},
})), func(a, b Type) int { return strings.Compare(a.Name, b.Name) })

// Types returns the catalogue, by name.
func Types() []Type { return slices.Clone(catalogue) }

// Lookup finds a type by name.
func Lookup(name string) (Type, bool) {
	i := slices.IndexFunc(catalogue, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return catalogue[i], true
}
