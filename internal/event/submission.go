package event

import "github.com/openinsure/openinsure/internal/insurance/money"

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
	InsuredName  string      `json:"insuredName"`
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
	InsuredName  string   `json:"insuredName"`
	Reasons      []string `json:"reasons" nullable:"false"`
	Message      string   `json:"message,omitempty" doc:"To who brought the business."`
	ExternalID   string   `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionDeclined) EventType() string { return "submission.declined" }

// SubmissionCorrected is the payload of submission.corrected.
type SubmissionCorrected struct {
	SubmissionID     string   `json:"submissionId"`
	InsuredName      string   `json:"insuredName"`
	Fields           []string `json:"fields" nullable:"false" doc:"What was changed."`
	Material         bool     `json:"material" doc:"The risk is now another: open quotes are superseded, and what was asked or agreed about it is over."`
	Status           string   `json:"status"`
	ProducerID       string   `json:"producerId,omitempty"`
	ProducerIDBefore string   `json:"producerIdBefore,omitempty" doc:"When it was changed: another one brings the business now."`
	ExternalID       string   `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionCorrected) EventType() string { return "submission.corrected" }

// SubmissionClaimed is the payload of submission.claimed.
type SubmissionClaimed struct {
	SubmissionID string `json:"submissionId"`
	InsuredName  string `json:"insuredName"`
	Assignee     string `json:"assignee"`
	Status       string `json:"status"`
	ExternalID   string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionClaimed) EventType() string { return "submission.claimed" }

// SubmissionReleased is the payload of submission.released.
type SubmissionReleased struct {
	SubmissionID string `json:"submissionId"`
	InsuredName  string `json:"insuredName"`
	Assignee     string `json:"assignee" doc:"Who had it."`
	ReleasedBy   string `json:"releasedBy"`
	Status       string `json:"status"`
	ExternalID   string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionReleased) EventType() string { return "submission.released" }

// SubmissionWithdrawn is the payload of submission.withdrawn.
type SubmissionWithdrawn struct {
	SubmissionID string   `json:"submissionId"`
	InsuredName  string   `json:"insuredName"`
	Reasons      []string `json:"reasons" nullable:"false"`
	Message      string   `json:"message,omitempty"`
	ExternalID   string   `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionWithdrawn) EventType() string { return "submission.withdrawn" }

// SubmissionExpired is the payload of submission.expired.
type SubmissionExpired struct {
	SubmissionID string `json:"submissionId"`
	InsuredName  string `json:"insuredName"`
	ExternalID   string `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionExpired) EventType() string { return "submission.expired" }

// SubmissionClock is a clock of a submission that has passed a mark.
type SubmissionClock struct {
	SubmissionID string `json:"submissionId"`
	InsuredName  string `json:"insuredName"`
	Clock        string `json:"clock" enum:"first_response,quote"`
	DueAt        string `json:"dueAt" format:"date-time"`
	Assignee     string `json:"assignee,omitempty" doc:"Absent when nobody has claimed it."`
	Lane         string `json:"lane" enum:"auto_process,underwriter_review,escalate"`
	Score        int    `json:"score"`
	ExternalID   string `json:"externalId,omitempty"`
}

// SubmissionAtRisk is the payload of submission.sla_at_risk.
type SubmissionAtRisk struct{ SubmissionClock }

// EventType implements Payload.
func (SubmissionAtRisk) EventType() string { return "submission.sla_at_risk" }

// SubmissionBreached is the payload of submission.sla_breached.
type SubmissionBreached struct{ SubmissionClock }

// EventType implements Payload.
func (SubmissionBreached) EventType() string { return "submission.sla_breached" }

// QuoteOffered is the payload of quote.offered.
type QuoteOffered struct {
	QuoteID      string      `json:"quoteId"`
	SubmissionID string      `json:"submissionId"`
	InsuredName  string      `json:"insuredName"`
	GrossPremium money.Cents `json:"grossPremium"`
	ExpiresAt    string      `json:"expiresAt" format:"date-time"`
	ExternalID   string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (QuoteOffered) EventType() string { return "quote.offered" }

// QuoteAccepted is the payload of quote.accepted.
type QuoteAccepted struct {
	QuoteID      string      `json:"quoteId"`
	SubmissionID string      `json:"submissionId"`
	InsuredName  string      `json:"insuredName"`
	GrossPremium money.Cents `json:"grossPremium"`
	ExternalID   string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (QuoteAccepted) EventType() string { return "quote.accepted" }

// SubmissionBindRequested is the payload of submission.bind_requested.
type SubmissionBindRequested struct {
	SubmissionID    string      `json:"submissionId"`
	QuoteID         string      `json:"quoteId"`
	InsuredName     string      `json:"insuredName"`
	GrossPremium    money.Cents `json:"grossPremium"`
	InstallmentPlan string      `json:"installmentPlan"`
	ExternalID      string      `json:"externalId,omitempty"`
}

// EventType implements Payload.
func (SubmissionBindRequested) EventType() string { return "submission.bind_requested" }

// RateTablePublished is the payload of rate_table.published.
type RateTablePublished struct {
	RateTableID    string `json:"rateTableId"`
	ProgramID      string `json:"programId"`
	LineOfBusiness string `json:"lineOfBusiness"`
	Version        int    `json:"version"`
	EffectiveDate  string `json:"effectiveDate" format:"date"`
}

// EventType implements Payload.
func (RateTablePublished) EventType() string { return "rate_table.published" }

// submissionTypes are the events of submissions. What they say of prices and
// reasons is the underwriters': a producer is told by words, and reads the card
// of the room.
var submissionTypes = []Type{
	{
		Name: "submission.created", Description: "A submission was received.", Resource: "submissions",
		Audiences: []string{Underwriting}, Persons: []string{Producer}, Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionCreated{
			SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", LineOfBusiness: "GL", State: "OR", EffectiveDate: "2026-05-01",
		},
	},
	{
		Name: "submission.declined", Description: "A submission was declined, by rating it or by an underwriter.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Producer}, Push: []string{Producer}, Mail: []string{Producer},
		Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionDeclined{SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", Reasons: []string{"excluded_class"}},
	},
	{
		Name: "submission.corrected", Description: "What a submission says was corrected.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee}, Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionCorrected{
			SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", Fields: []string{"annualRevenue"}, Material: true, Status: "received",
		},
	},
	{
		Name: "submission.claimed", Description: "An underwriter took up a submission.", Resource: "submissions",
		Audiences: []string{Underwriting}, Webhook: true, Inside: true,
		Example: SubmissionClaimed{SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", Assignee: una.ID, Status: "in_review"},
	},
	{
		Name: "submission.released", Description: "A submission was given back to everybody.", Resource: "submissions",
		Audiences: []string{Underwriting}, Persons: []string{Assignee}, Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionReleased{SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", Assignee: una.ID, ReleasedBy: una.ID, Status: "received"},
	},
	{
		Name: "submission.sla_at_risk", Description: "Four fifths of the working time for a submission are over.", Resource: "submissions",
		Audiences: []string{Underwriting}, Persons: []string{Assignee, Next}, Push: []string{Assignee}, Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionAtRisk{lateClock},
	},
	{
		Name: "submission.sla_breached", Description: "The working time for a submission is over.", Resource: "submissions",
		Audiences: []string{Underwriting}, Persons: []string{Assignee, Next}, Push: []string{Assignee, Next}, Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionBreached{lateClock},
	},
	{
		Name: "submission.withdrawn", Description: "A submission was withdrawn.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee, Producer}, Push: []string{Assignee}, Mail: []string{Producer},
		Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionWithdrawn{SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", Reasons: []string{"coverage_elsewhere"}},
	},
	{
		Name: "submission.expired", Description: "A submission ended because nothing became of it for 90 days.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee, Producer}, Push: []string{Assignee}, Mail: []string{Producer},
		Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionExpired{SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders"},
	},
	{
		Name: "submission.quoted", Description: "A submission was rated; the decision says whether it may be bound or was referred.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Producer}, Push: []string{Producer}, Mail: []string{Producer},
		Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionQuoted{
			SubmissionID: aSubmission, QuoteID: aQuote, InsuredName: "Pacific Coast Builders", Decision: "quoted",
			GrossPremium: 1425000, ExpiresAt: "2026-04-30T14:32:00Z",
		},
	},
	{
		Name: "quote.offered", Description: "A quote was offered to who brought the business.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Producer}, Push: []string{Producer},
		Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: QuoteOffered{
			QuoteID: aQuote, SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", GrossPremium: 1425000, ExpiresAt: "2026-04-30T14:32:00Z",
		},
	},
	{
		Name: "quote.accepted", Description: "An offered quote was accepted; the submission's others were not taken up.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: QuoteAccepted{QuoteID: aQuote, SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", GrossPremium: 1425000},
	},
	{
		Name: "submission.bind_requested", Description: "From the deal room the accepted quote was asked to be bound, by an instalment plan.", Resource: "submissions",
		Room: AsCard, Audiences: []string{Underwriting}, Category: CategoryPolicies, Webhook: true, Inside: true,
		Example: SubmissionBindRequested{SubmissionID: aSubmission, QuoteID: aQuote, InsuredName: "Pacific Coast Builders", GrossPremium: 1425000, InstallmentPlan: "MONTHLY_10"},
	},
	{
		Name: "rate_table.published", Description: "A version of a program's rates was published; it prices the effective days from its own on.", Resource: "rates",
		Audiences: []string{Admin}, Category: CategoryAdmin, Webhook: true, Inside: true,
		Example: RateTablePublished{
			RateTableID: "rt_01J8K3M4N5P6Q7R8S9T0V1W2X3", ProgramID: "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", LineOfBusiness: "GL", Version: 2, EffectiveDate: "2026-07-01",
		},
	},
}

const aQuote = "quo_01J8K3M4N5P6Q7R8S9T0V1W2X3"

var lateClock = SubmissionClock{
	SubmissionID: aSubmission, InsuredName: "Pacific Coast Builders", Clock: "quote", DueAt: "2026-03-03T22:00:00Z", Assignee: una.ID, Lane: "underwriter_review", Score: 50,
}
