package event

// DocumentReady is the payload of document.ready.
type DocumentReady struct {
	DocumentID   string `json:"documentId"`
	Name         string `json:"name"`
	SubmissionID string `json:"submissionId,omitempty"`
	PolicyID     string `json:"policyId,omitempty"`
	ExternalID   string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (DocumentReady) EventType() string { return "document.ready" }

var documentTypes = []Type{{
	Name: "document.ready", Description: "A document was read or rendered, and can be fetched.", Resource: "documents", Room: AsCard,
	Persons: []string{Uploader}, Category: CategoryPolicies, Webhook: true, Planned: true,
	Example: DocumentReady{DocumentID: "doc_01J8K3M4N5P6Q7R8S9T0V1W2X3", Name: "ACORD 125.pdf", SubmissionID: aSubmission},
}}
