package event

import "github.com/openinsure/openinsure/internal/insurance/money"

// A ClaimSubject is which claim an event is about.
type ClaimSubject struct {
	ClaimID     string `json:"claimId"`
	ClaimNumber string `json:"claimNumber"`
	PolicyID    string `json:"policyId"`
	ExternalID  string `json:"externalId,omitempty"`
}

// ClaimFiled is the payload of claim.filed.
type ClaimFiled struct {
	ClaimSubject
	LossDate string `json:"lossDate" format:"date"`
}

// EventType implements Payload.
func (ClaimFiled) EventType() string { return "claim.filed" }

// ClaimReserved is the payload of claim.reserved.
type ClaimReserved struct {
	ClaimSubject
	Reserve money.Cents `json:"reserve" doc:"What is set aside now, in all."`
}

// EventType implements Payload.
func (ClaimReserved) EventType() string { return "claim.reserved" }

// ClaimSettled is the payload of claim.settled.
type ClaimSettled struct {
	ClaimSubject
	Amount money.Cents `json:"amount"`
}

// EventType implements Payload.
func (ClaimSettled) EventType() string { return "claim.settled" }

// ClaimDenied is the payload of claim.denied.
type ClaimDenied struct {
	ClaimSubject
	Reason string `json:"reason"`
}

// EventType implements Payload.
func (ClaimDenied) EventType() string { return "claim.denied" }

// ClaimClosed is the payload of claim.closed.
type ClaimClosed struct {
	ClaimSubject
	Reason string `json:"reason"`
}

// EventType implements Payload.
func (ClaimClosed) EventType() string { return "claim.closed" }

var aClaim = ClaimSubject{ClaimID: "clm_01J8K3M4N5P6Q7R8S9T0V1W2X3", ClaimNumber: "CLM-2026-000009", PolicyID: aPolicy}

// ended is a type of event by which a claim is decided or over.
func ended(name, description string, example Payload) Type {
	return Type{
		Name: name, Description: description, Resource: "claims", Audiences: []string{Claims, Finance}, Persons: []string{Insured, Producer},
		Push: []string{Insured}, Mail: []string{Insured}, Category: CategoryClaims, Webhook: true, Planned: true, Example: example,
	}
}

var claimTypes = []Type{
	ended("claim.closed", "A claim was closed.", ClaimClosed{aClaim, "paid"}),
	ended("claim.denied", "A claim was denied.", ClaimDenied{aClaim, "not_covered"}),
	{
		Name: "claim.filed", Description: "A loss was reported.", Resource: "claims", Audiences: []string{Claims},
		Persons: []string{Insured, Adjuster}, Push: []string{Insured, Adjuster}, Mail: []string{Insured},
		Category: CategoryClaims, Urgent: true, Webhook: true, Planned: true, Example: ClaimFiled{aClaim, "2026-06-14"},
	},
	{
		Name: "claim.reserved", Description: "The reserves of a claim were set or changed.", Resource: "claims", Audiences: []string{Claims},
		Webhook: true, Planned: true, Example: ClaimReserved{aClaim, 2500000},
	},
	ended("claim.settled", "A settlement was approved.", ClaimSettled{aClaim, 1830000}),
}
