package event

// LimitApproaching is the payload of da.limit_approaching.
type LimitApproaching struct {
	AgreementID string `json:"agreementId"`
	Aggregate   string `json:"aggregate" doc:"Which of the agreement's limits."`
	PeriodStart string `json:"periodStart" format:"date" doc:"The first day of the year, the quarter or the agreement that it adds up."`
	Utilization int    `json:"utilization" doc:"Percent of the limit, rounded down."`
}

// EventType implements Payload.
func (LimitApproaching) EventType() string { return "da.limit_approaching" }

var authorityTypes = []Type{{
	Name: "da.limit_approaching", Description: "More than 85 percent of a limit of delegated authority is used.", Resource: "da-agreements",
	Audiences: []string{Admin, Underwriting}, Persons: []string{Manager}, Push: []string{Manager}, Mail: []string{Manager},
	Category: CategoryAdmin, Webhook: true,
	Example: LimitApproaching{AgreementID: "da_01J8K3M4N5P6Q7R8S9T0V1W2X3", Aggregate: "annual_written_premium", PeriodStart: "2026-01-01", Utilization: 86},
}}
