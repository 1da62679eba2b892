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

// AgreementChanged is the payload of da.agreement_changed.
type AgreementChanged struct {
	AgreementID    string `json:"agreementId"`
	CarrierID      string `json:"carrierId"`
	ProgramID      string `json:"programId"`
	Status         string `json:"status" enum:"active,suspended" doc:"Nothing is bound under one that is suspended."`
	EffectiveDate  string `json:"effectiveDate" format:"date"`
	ExpirationDate string `json:"expirationDate" format:"date" doc:"The first day on which it covers nothing."`
	Version        int    `json:"version" doc:"1: it was added."`
}

// EventType implements Payload.
func (AgreementChanged) EventType() string { return "da.agreement_changed" }

var authorityTypes = []Type{{
	Name: "da.agreement_changed", Description: "An agreement of delegated authority was added, suspended or taken up again, or its bounds or days are others.",
	Resource: "da-agreements", Audiences: []string{Admin, Underwriting}, Webhook: true,
	Example: AgreementChanged{
		AgreementID: "da_01J8K3M4N5P6Q7R8S9T0V1W2X3", CarrierID: "car_01J8K3M4N5P6Q7R8S9T0V1W2X3", ProgramID: "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3",
		Status: "suspended", EffectiveDate: "2026-01-01", ExpirationDate: "2027-01-01", Version: 4,
	},
}, {
	Name: "da.limit_approaching", Description: "More than 85 percent of a limit of delegated authority is used.", Resource: "da-agreements",
	Audiences: []string{Admin, Underwriting}, Persons: []string{Manager}, Push: []string{Manager}, Mail: []string{Manager},
	Category: CategoryAdmin, Webhook: true,
	Example: LimitApproaching{AgreementID: "da_01J8K3M4N5P6Q7R8S9T0V1W2X3", Aggregate: "annual_written_premium", PeriodStart: "2026-01-01", Utilization: 86},
}}
