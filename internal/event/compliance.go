package event

// DeadlineApproaching is the payload of compliance.deadline_approaching.
type DeadlineApproaching struct {
	FilingID string `json:"filingId"`
	Name     string `json:"name"`
	State    string `json:"state"`
	DueDate  string `json:"dueDate" format:"date"`
}

// EventType implements Payload.
func (DeadlineApproaching) EventType() string { return "compliance.deadline_approaching" }

// SanctionsReview is the payload of compliance.sanctions_review.
type SanctionsReview struct {
	ProducerID   string `json:"producerId,omitempty" doc:"Whose name it is: a producer's, or"`
	SubmissionID string `json:"submissionId,omitempty" doc:"that of a submission's insured."`
	Decision     string `json:"decision" enum:"review,block" doc:"review: somebody has to look; block: there can be no business."`
	Matches      int    `json:"matches" doc:"How many entries of the list are like the name."`
	List         string `json:"list"`
	ExternalID   string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SanctionsReview) EventType() string { return "compliance.sanctions_review" }

var complianceTypes = []Type{{
	Name: "compliance.sanctions_review", Description: "A name is like one on a sanctions list: a producer's, or an insured's. Not for who brought the business.", Resource: "compliance",
	Audiences: []string{Admin}, Webhook: true,
	Example: SanctionsReview{ProducerID: "prd_01J8K3M4N5P6Q7R8S9T0V1W2X3", Decision: "review", Matches: 1, List: "Sample list"},
}, {
	Name: "compliance.deadline_approaching", Description: "A filing is due within 30 days.", Resource: "compliance",
	Audiences: []string{Admin}, Persons: []string{Owner}, Push: []string{Owner}, Mail: []string{Owner},
	Category: CategoryAdmin, Webhook: true, Planned: true,
	Example: DeadlineApproaching{FilingID: "flg_01J8K3M4N5P6Q7R8S9T0V1W2X3", Name: "Surplus lines tax, second quarter", State: "OR", DueDate: "2026-07-31"},
}}
