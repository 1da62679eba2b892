package event

import "github.com/openinsure/openinsure/internal/insurance/money"

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

// PolicyEndorsed is the payload of policy.endorsed.
type PolicyEndorsed struct {
	PolicyID      string      `json:"policyId"`
	PolicyNumber  string      `json:"policyNumber"`
	TransactionID string      `json:"transactionId"`
	PremiumChange money.Cents `json:"premiumChange"`
	EffectiveDate string      `json:"effectiveDate" format:"date"`
	ExternalID    string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (PolicyEndorsed) EventType() string { return "policy.endorsed" }

// PolicyCancelled is the payload of policy.cancelled.
type PolicyCancelled struct {
	PolicyID      string      `json:"policyId"`
	PolicyNumber  string      `json:"policyNumber"`
	TransactionID string      `json:"transactionId"`
	Reason        string      `json:"reason"`
	ReturnPremium money.Cents `json:"returnPremium"`
	EffectiveDate string      `json:"effectiveDate" format:"date"`
	ExternalID    string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (PolicyCancelled) EventType() string { return "policy.cancelled" }

// PolicyReinstated is the payload of policy.reinstated.
type PolicyReinstated struct {
	PolicyID      string `json:"policyId"`
	PolicyNumber  string `json:"policyNumber"`
	TransactionID string `json:"transactionId"`
	EffectiveDate string `json:"effectiveDate" format:"date"`
	ExternalID    string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (PolicyReinstated) EventType() string { return "policy.reinstated" }

// PolicyRenewed is the payload of policy.renewed.
type PolicyRenewed struct {
	PolicyID         string      `json:"policyId" doc:"Of the new term."`
	PolicyNumber     string      `json:"policyNumber"`
	PreviousPolicyID string      `json:"previousPolicyId"`
	GrossPremium     money.Cents `json:"grossPremium"`
	EffectiveDate    string      `json:"effectiveDate" format:"date"`
	ExpirationDate   string      `json:"expirationDate" format:"date"`
	ExternalID       string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (PolicyRenewed) EventType() string { return "policy.renewed" }

// PolicyRenewalDue is the payload of policy.renewal_due.
type PolicyRenewalDue struct {
	PolicyID       string `json:"policyId"`
	PolicyNumber   string `json:"policyNumber"`
	ExpirationDate string `json:"expirationDate" format:"date"`
	Days           int    `json:"days" doc:"Until the policy expires: 60, 30 or 15."`
	ExternalID     string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (PolicyRenewalDue) EventType() string { return "policy.renewal_due" }

const (
	aPolicy      = "pol_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	aNumber      = "GL-2026-000142"
	aTransaction = "ptx_01J8K3M4N5P6Q7R8S9T0V1W2X3"
)

// ofPolicy is a type of event that changes cover.
func ofPolicy(name, description string, planned bool, audiences []string, example Payload) Type {
	return Type{
		Name: name, Description: description, Resource: "policies", Room: AsCard, Audiences: audiences,
		Persons: []string{Insured, Producer}, Push: []string{Insured}, Mail: []string{Insured, Producer},
		Category: CategoryPolicies, Webhook: true, Planned: planned, Example: example,
	}
}

var policyTypes = func() []Type {
	both := []string{Finance, Underwriting}
	cancelled := ofPolicy("policy.cancelled", "A policy was cancelled.", true, []string{Claims, Finance, Underwriting}, PolicyCancelled{
		PolicyID: aPolicy, PolicyNumber: aNumber, TransactionID: aTransaction, Reason: "insured_request", ReturnPremium: 712500, EffectiveDate: "2026-10-01",
	})
	cancelled.Mail, cancelled.Urgent = []string{Insured}, true
	due := ofPolicy("policy.renewal_due", "A policy expires in 60, 30 or 15 days.", false, []string{Underwriting}, PolicyRenewalDue{
		PolicyID: aPolicy, PolicyNumber: aNumber, ExpirationDate: "2027-04-01", Days: 30,
	})
	due.Mail = []string{Insured}
	return []Type{
		ofPolicy("policy.bound", "A new policy was bound.", false, both, PolicyBound{
			PolicyID: aPolicy, PolicyNumber: aNumber, SubmissionID: aSubmission, GrossPremium: 1425000, EffectiveDate: "2026-04-01", ExpirationDate: "2027-04-01",
		}),
		ofPolicy("policy.endorsed", "A policy was changed in the middle of its term.", true, both, PolicyEndorsed{
			PolicyID: aPolicy, PolicyNumber: aNumber, TransactionID: aTransaction, PremiumChange: 35000, EffectiveDate: "2026-08-01",
		}),
		ofPolicy("policy.reinstated", "A cancelled policy was put back in force.", true, both, PolicyReinstated{
			PolicyID: aPolicy, PolicyNumber: aNumber, TransactionID: aTransaction, EffectiveDate: "2026-10-01",
		}),
		ofPolicy("policy.renewed", "A policy was renewed for another term.", true, both, PolicyRenewed{
			PolicyID: "pol_01J8K3M4N5P6Q7R8S9T0V1W2X4", PolicyNumber: "GL-2027-000017", PreviousPolicyID: aPolicy, GrossPremium: 1460000,
			EffectiveDate: "2027-04-01", ExpirationDate: "2028-04-01",
		}),
		cancelled, due,
	}
}()
