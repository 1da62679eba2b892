package event

import "github.com/openinsure/openinsure/internal/insurance/money"

// InvoiceCreated is the payload of invoice.created.
type InvoiceCreated struct {
	InvoiceID  string      `json:"invoiceId"`
	PolicyID   string      `json:"policyId"`
	Amount     money.Cents `json:"amount"`
	DueDate    string      `json:"dueDate" format:"date"`
	BillTo     string      `json:"billTo,omitempty" enum:"insured,financier" doc:"Who owes it. Absent in what was told before there were financiers: the insured."`
	ExternalID string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (InvoiceCreated) EventType() string { return "invoice.created" }

// An InvoiceOwed is an invoice that somebody has to pay.
type InvoiceOwed struct {
	InvoiceID    string      `json:"invoiceId"`
	PolicyID     string      `json:"policyId"`
	PolicyNumber string      `json:"policyNumber"`
	Number       int         `json:"number" doc:"Which of the policy's invoices; 1 is the down payment."`
	Amount       money.Cents `json:"amount"`
	DueDate      string      `json:"dueDate" format:"date"`
	BillTo       string      `json:"billTo" enum:"insured,financier" doc:"Who owes it."`
	ExternalID   string      `json:"externalId,omitempty"`
}

// InvoiceDueSoon is the payload of invoice.due_soon.
type InvoiceDueSoon struct{ InvoiceOwed }

// EventType implements Payload.
func (InvoiceDueSoon) EventType() string { return "invoice.due_soon" }

// InvoiceOverdue is the payload of invoice.overdue.
type InvoiceOverdue struct{ InvoiceOwed }

// EventType implements Payload.
func (InvoiceOverdue) EventType() string { return "invoice.overdue" }

// InvoiceLastNotice is the payload of invoice.last_notice.
type InvoiceLastNotice struct{ InvoiceOwed }

// EventType implements Payload.
func (InvoiceLastNotice) EventType() string { return "invoice.last_notice" }

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

var anOwed = InvoiceOwed{InvoiceID: anInvoice, PolicyID: aPolicy, PolicyNumber: aNumber, Number: 1, Amount: 285000, DueDate: "2026-04-01", BillTo: "insured"}

// andProducer lets who brought the business hear of it too.
func andProducer(t Type) Type {
	t.Persons = []string{Insured, Producer}
	return t
}

var billingTypes = []Type{
	ofMoney("invoice.due_soon", "An invoice that nobody has paid is due in a few days.", false, InvoiceDueSoon{anOwed}),
	andProducer(ofMoney("invoice.overdue", "An invoice was not paid by the end of its due day.", false, InvoiceOverdue{anOwed})),
	func() Type {
		t := andProducer(ofMoney("invoice.last_notice", "An invoice is overdue for long. Nothing more is told of it.", false, InvoiceLastNotice{anOwed}))
		t.Mail = []string{Insured, Producer}
		return t
	}(),
	ofMoney("invoice.created", "An invoice was made, one for each instalment when a policy is bound.", false, InvoiceCreated{
		InvoiceID: anInvoice, PolicyID: aPolicy, Amount: 285000, DueDate: "2026-04-01", BillTo: "insured",
	}),
	ofMoney("payment.failed", "A payment did not go through.", true, PaymentFailed{aPayment, anInvoice, aPolicy, 285000, "card_declined"}),
	ofMoney("payment.received", "A payment was received.", true, PaymentReceived{aPayment, anInvoice, aPolicy, 285000}),
}
