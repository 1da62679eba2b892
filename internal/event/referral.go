package event

import "github.com/openinsure/openinsure/internal/insurance/money"

// A ReferralSubject is which referral an event is about, and what that is about.
type ReferralSubject struct {
	ReferralID   string `json:"referralId"`
	EntityType   string `json:"entityType" enum:"submission,quote,policy"`
	EntityID     string `json:"entityId"`
	SubmissionID string `json:"submissionId" doc:"That the entity is, or came of."`
	DealRoomID   string `json:"dealRoomId,omitempty"`
}

// ReferralEscalated is the payload of referral.escalated.
type ReferralEscalated struct {
	ReferralSubject
	Level int `json:"level" doc:"How often it was escalated."`
}

// EventType implements Payload.
func (ReferralEscalated) EventType() string { return "referral.escalated" }

// ReferralCreated is the payload of referral.created.
type ReferralCreated struct {
	ReferralSubject
	Reason    string `json:"reason"`
	Rationale string `json:"rationale"`
	RaisedBy  string `json:"raisedBy"`
}

// EventType implements Payload.
func (ReferralCreated) EventType() string { return "referral.created" }

// ReferralInfoRequested is the payload of referral.info_requested.
type ReferralInfoRequested struct {
	ReferralSubject
	Questions   []string `json:"questions" nullable:"false"`
	Rationale   string   `json:"rationale"`
	RequestedBy string   `json:"requestedBy"`
}

// EventType implements Payload.
func (ReferralInfoRequested) EventType() string { return "referral.info_requested" }

// A ReferralCondition is what an approval depends on.
type ReferralCondition struct {
	ID          string `json:"id"`
	Kind        string `json:"kind" enum:"pre_bind,post_bind"`
	Action      string `json:"action"`
	Responsible string `json:"responsibleParty,omitempty"`
	Evidence    string `json:"evidence,omitempty"`
	DueAt       string `json:"dueAt,omitempty" format:"date-time"`
	Consequence string `json:"consequence,omitempty"`
}

// A ReferralCounter is the terms that are approved in place of those asked for.
type ReferralCounter struct {
	Premium    *money.Cents `json:"premium,omitempty"`
	Limit      *money.Cents `json:"limit,omitempty"`
	Deductible *money.Cents `json:"deductible,omitempty"`
	Exclusions []string     `json:"exclusions,omitempty" nullable:"false"`
}

// ReferralDecided is the payload of referral.decided.
type ReferralDecided struct {
	ReferralSubject
	Outcome    string              `json:"outcome" enum:"approved,approved_with_conditions,countered,declined"`
	Rationale  string              `json:"rationale"`
	Conditions []ReferralCondition `json:"conditions" nullable:"false"`
	Counter    *ReferralCounter    `json:"counter,omitempty"`
	ValidUntil string              `json:"validUntil,omitempty" format:"date-time"`
	DecidedBy  string              `json:"decidedBy"`
}

// EventType implements Payload.
func (ReferralDecided) EventType() string { return "referral.decided" }

var aReferral = ReferralSubject{
	ReferralID: "ref_01J8K3M4N5P6Q7R8S9T0V1W2X3", EntityType: "quote", EntityID: "quo_01J8K3M4N5P6Q7R8S9T0V1W2X3",
	SubmissionID: aSubmission, DealRoomID: aRoom,
}

// referralTypes are the events of referrals, in full: they are heard by the
// organisation that underwrites. What the other company may know of them is a
// Card.
var referralTypes = []Type{
	{
		Name: "referral.created", Description: "A question was put to an underwriter.", Resource: "referrals",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee}, Push: []string{Assignee}, Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralCreated{aReferral, "prior_losses", "Two water damage losses in three years.", una.ID},
	},
	{
		Name: "referral.decided", Description: "An underwriter decided a referral, for good.", Resource: "referrals",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Requester}, Push: []string{Requester}, Mail: []string{Requester},
		Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralDecided{
			ReferralSubject: aReferral, Outcome: "approved_with_conditions", Rationale: "Inside appetite once the roof is done.",
			Conditions: []ReferralCondition{{ID: "cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3", Kind: "pre_bind", Action: "Send the roof inspection report."}}, DecidedBy: una.ID,
		},
	},
	{
		Name: "referral.info_requested", Description: "An underwriter needs to know more before a referral is decided.", Resource: "referrals",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Requester}, Push: []string{Requester}, Mail: []string{Requester},
		Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralInfoRequested{aReferral, []string{"Are both claims closed?"}, "The loss runs are a year old.", una.ID},
	},
	{
		Name: "referral.escalated", Description: "A referral waited too long, and somebody else was asked.", Resource: "referrals",
		Room: OnDesk, Audiences: []string{Underwriting}, Persons: []string{Next}, Push: []string{Next}, Mail: []string{Next},
		Category: CategoryReferrals, Urgent: true, Webhook: true, Inside: true, Planned: true,
		Example: ReferralEscalated{aReferral, 1},
	},
}
