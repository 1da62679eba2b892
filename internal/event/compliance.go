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

var complianceTypes = []Type{{
	Name: "compliance.deadline_approaching", Description: "A filing is due within 30 days.", Resource: "compliance",
	Audiences: []string{Admin}, Persons: []string{Owner}, Push: []string{Owner}, Mail: []string{Owner},
	Category: CategoryAdmin, Webhook: true, Planned: true,
	Example: DeadlineApproaching{FilingID: "flg_01J8K3M4N5P6Q7R8S9T0V1W2X3", Name: "Surplus lines tax, second quarter", State: "OR", DueDate: "2026-07-31"},
}}
