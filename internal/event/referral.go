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
	Level int    `json:"level" doc:"How often it was escalated."`
	To    string `json:"to,omitempty" doc:"Who is asked now; nobody has more authority without it."`
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
	Questions   []string `json:"questions" nullable:"false" doc:"For the other company; without any, the rationale asks who raised the referral."`
	Rationale   string   `json:"rationale" doc:"For your own organization."`
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

	ConfirmedBy string `json:"confirmedBy,omitempty" doc:"The second, where two have to agree."`
}

// EventType implements Payload.
func (ReferralDecided) EventType() string { return "referral.decided" }

// ReferralAssigned is the payload of referral.assigned.
type ReferralAssigned struct {
	ReferralSubject
	Assignee   string `json:"assignee,omitempty" doc:"Nobody, when it was released."`
	AssignedBy string `json:"assignedBy"`
}

// EventType implements Payload.
func (ReferralAssigned) EventType() string { return "referral.assigned" }

// A ReferralAnswer answers one question.
type ReferralAnswer struct {
	Question int    `json:"question" doc:"Its number in the request, from 1."`
	Text     string `json:"text"`
}

// ReferralAnswered is the payload of referral.answered.
type ReferralAnswered struct {
	ReferralSubject
	Answers    []ReferralAnswer `json:"answers" nullable:"false"`
	AnsweredBy string           `json:"answeredBy"`
}

// EventType implements Payload.
func (ReferralAnswered) EventType() string { return "referral.answered" }

// ReferralConfirmationRequested is the payload of
// referral.confirmation_requested.
type ReferralConfirmationRequested struct {
	ReferralSubject
	ProposedBy string `json:"proposedBy"`
}

// EventType implements Payload.
func (ReferralConfirmationRequested) EventType() string { return "referral.confirmation_requested" }

// ReferralObjected is the payload of referral.objected.
type ReferralObjected struct {
	ReferralSubject
	Rationale  string `json:"rationale"`
	ObjectedBy string `json:"objectedBy"`
}

// EventType implements Payload.
func (ReferralObjected) EventType() string { return "referral.objected" }

// ReferralEnded is the payload of referral.ended.
type ReferralEnded struct {
	ReferralSubject
	Status    string `json:"status" enum:"withdrawn,expired,superseded,revoked,lapsed"`
	Rationale string `json:"rationale"`
	EndedBy   string `json:"endedBy"`
}

// EventType implements Payload.
func (ReferralEnded) EventType() string { return "referral.ended" }

// ReferralConditionChanged is the payload of referral.condition_changed.
type ReferralConditionChanged struct {
	ReferralSubject
	ConditionID string `json:"conditionId"`
	Kind        string `json:"kind" enum:"pre_bind,post_bind"`
	Action      string `json:"action"`
	Status      string `json:"status" enum:"submitted,accepted,rejected,waived,expired"`
	Note        string `json:"note,omitempty" doc:"What was submitted."`
	Rationale   string `json:"rationale,omitempty"`
	Consequence string `json:"consequence,omitempty"`
	ChangedBy   string `json:"changedBy"`
}

// EventType implements Payload.
func (ReferralConditionChanged) EventType() string { return "referral.condition_changed" }

// ReferralCounterAnswered is the payload of referral.counter_answered.
type ReferralCounterAnswered struct {
	ReferralSubject
	Accepted   bool   `json:"accepted"`
	Rationale  string `json:"rationale,omitempty"`
	AnsweredBy string `json:"answeredBy"`
}

// EventType implements Payload.
func (ReferralCounterAnswered) EventType() string { return "referral.counter_answered" }

// ReferralDueSoon is the payload of referral.due_soon.
type ReferralDueSoon struct {
	ReferralSubject
	Turn    string `json:"turn" enum:"broker,underwriter,requester"`
	Percent int    `json:"percent" doc:"Of the time of this turn that is over."`
	DueAt   string `json:"dueAt" format:"date-time"`
}

// EventType implements Payload.
func (ReferralDueSoon) EventType() string { return "referral.due_soon" }

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
		Name: "referral.escalated", Description: "A referral waits for too long, and somebody else is asked.", Resource: "referrals",
		Room: OnDesk, Audiences: []string{Underwriting}, Persons: []string{Next}, Push: []string{Next}, Mail: []string{Next},
		Category: CategoryReferrals, Urgent: true, Webhook: true, Inside: true,
		Example: ReferralEscalated{aReferral, 1, "usr_01J8K3M4N5P6Q7R8S9T0V1W2X5"},
	},
	{
		Name: "referral.assigned", Description: "Somebody took a referral up, or gave it back.", Resource: "referrals",
		Audiences: []string{Underwriting}, Webhook: true, Inside: true,
		Example: ReferralAssigned{aReferral, una.ID, una.ID},
	},
	{
		Name: "referral.answered", Description: "What was asked about a referral was answered.", Resource: "referrals",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee}, Push: []string{Assignee}, Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralAnswered{aReferral, []ReferralAnswer{{1, "Both are closed."}}, una.ID},
	},
	{
		Name: "referral.confirmation_requested", Description: "A decision waits for the second of two.", Resource: "referrals",
		Audiences: []string{Underwriting}, Persons: []string{Next}, Push: []string{Next}, Mail: []string{Next}, Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralConfirmationRequested{aReferral, una.ID},
	},
	{
		Name: "referral.objected", Description: "The second of two did not agree to a decision.", Resource: "referrals",
		Audiences: []string{Underwriting}, Persons: []string{Assignee}, Push: []string{Assignee}, Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralObjected{aReferral, "The roof was never inspected.", una.ID},
	},
	{
		Name: "referral.ended", Description: "A referral was withdrawn, expired or superseded, or an approval was revoked or lapsed.", Resource: "referrals",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee, Requester}, Push: []string{Requester}, Mail: []string{Requester},
		Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralEnded{aReferral, "expired", "Nobody decided in time.", "system"},
	},
	{
		Name: "referral.condition_changed", Description: "A condition of an approval was submitted, accepted, rejected or waived, or ran out.", Resource: "referrals",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee, Requester}, Push: []string{Assignee}, Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralConditionChanged{
			ReferralSubject: aReferral, ConditionID: "cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3", Kind: "pre_bind", Action: "Send the roof inspection report.",
			Status: "submitted", Note: "The report is in the room.", ChangedBy: una.ID,
		},
	},
	{
		Name: "referral.counter_answered", Description: "Other terms that an underwriter proposed were taken, or refused.", Resource: "referrals",
		Room: AsCard, Audiences: []string{Underwriting}, Persons: []string{Assignee}, Push: []string{Assignee}, Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralCounterAnswered{aReferral, true, "", una.ID},
	},
	{
		Name: "referral.due_soon", Description: "Part of the time for a referral is over.", Resource: "referrals",
		Audiences: []string{Underwriting}, Persons: []string{Assignee, Requester}, Push: []string{Assignee}, Category: CategoryReferrals, Webhook: true, Inside: true,
		Example: ReferralDueSoon{aReferral, "underwriter", 50, "2026-03-04T17:00:00Z"},
	},
}
