package event

import "github.com/openinsure/openinsure/internal/insurance/money"

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

// PaymentReceived is the payload of payment.received.
type PaymentReceived struct {
	PaymentID string      `json:"paymentId"`
	InvoiceID string      `json:"invoiceId"`
	PolicyID  string      `json:"policyId"`
	Amount    money.Cents `json:"amount"`
}

// EventType implements Payload.
func (PaymentReceived) EventType() string { return "payment.received" }

// PaymentFailed is the payload of payment.failed.
type PaymentFailed struct {
	PaymentID string      `json:"paymentId"`
	InvoiceID string      `json:"invoiceId"`
	PolicyID  string      `json:"policyId"`
	Amount    money.Cents `json:"amount"`
	Reason    string      `json:"reason"`
}

// EventType implements Payload.
func (PaymentFailed) EventType() string { return "payment.failed" }

const (
	anInvoice = "inv_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	aPayment  = "pay_01J8K3M4N5P6Q7R8S9T0V1W2X3"
)

// ofMoney is a type of event about what is owed and paid.
func ofMoney(name, description string, planned bool, example Payload) Type {
	return Type{
		Name: name, Description: description, Resource: "invoices", Audiences: []string{Finance}, Persons: []string{Insured},
		Push: []string{Insured}, Mail: []string{Insured}, Category: CategoryBilling, Webhook: true, Planned: planned, Example: example,
	}
}

var billingTypes = []Type{
	ofMoney("invoice.created", "An invoice was made, one for each instalment when a policy is bound.", false, InvoiceCreated{
		InvoiceID: anInvoice, PolicyID: aPolicy, Amount: 285000, DueDate: "2026-04-01",
	}),
	ofMoney("payment.failed", "A payment did not go through.", true, PaymentFailed{aPayment, anInvoice, aPolicy, 285000, "card_declined"}),
	ofMoney("payment.received", "A payment was received.", true, PaymentReceived{aPayment, anInvoice, aPolicy, 285000}),
}
