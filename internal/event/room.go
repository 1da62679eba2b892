package event

// Posted is the type of a message of a room, which is one row: an entry.
const Posted = "deal_room.message_posted"

// An Author is who did something in a room, as the other company may see him.
type Author struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	OrgID   string `json:"orgId,omitempty"`
	OrgName string `json:"orgName,omitempty"`
}

// An Attachment is a file that a message carries.
type Attachment struct {
	FileID      string `json:"fileId"`
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`
}

// MessagePosted is the payload of deal_room.message_posted. One that was
// deleted keeps its place, with deletedAt and nothing of what it said.
type MessagePosted struct {
	MessageID   string       `json:"messageId"`
	RoomID      string       `json:"roomId"`
	Visibility  string       `json:"visibility" enum:"shared,internal"`
	Author      Author       `json:"author"`
	Body        string       `json:"body"`
	ClientID    string       `json:"clientId"`
	ReplyTo     string       `json:"replyTo,omitempty"`
	Mentions    []string     `json:"mentions,omitempty" nullable:"false"`
	Attachments []Attachment `json:"attachments,omitempty" nullable:"false"`
	EditedAt    string       `json:"editedAt,omitempty" format:"date-time"`
	DeletedAt   string       `json:"deletedAt,omitempty" format:"date-time"`
}

// EventType implements Payload.
func (MessagePosted) EventType() string { return Posted }

// MessageEdited is the payload of deal_room.message_edited.
type MessageEdited struct {
	MessageID  string `json:"messageId"`
	RoomID     string `json:"roomId"`
	Visibility string `json:"visibility" enum:"shared,internal"`
	Seq        int64  `json:"seq" doc:"Of the message, in its channel."`
	Author     Author `json:"author"`
	Body       string `json:"body"`
	DeletedAt  string `json:"deletedAt,omitempty" format:"date-time"`
}

// EventType implements Payload.
func (MessageEdited) EventType() string { return "deal_room.message_edited" }

// MessageDeleted is the payload of deal_room.message_deleted.
type MessageDeleted struct {
	MessageID  string `json:"messageId"`
	RoomID     string `json:"roomId"`
	Visibility string `json:"visibility" enum:"shared,internal"`
	Seq        int64  `json:"seq" doc:"Of the message, in its channel."`
	Author     Author `json:"author" doc:"Who deleted it."`
}

// EventType implements Payload.
func (MessageDeleted) EventType() string { return "deal_room.message_deleted" }

// RoomCreated is the payload of deal_room.created.
type RoomCreated struct {
	RoomID         string `json:"roomId"`
	SubmissionID   string `json:"submissionId"`
	Title          string `json:"title"`
	InsuredName    string `json:"insuredName"`
	LineOfBusiness string `json:"lineOfBusiness"`
	ExternalID     string `json:"externalId,omitempty"`
	Author         Author `json:"author"`
}

// EventType implements Payload.
func (RoomCreated) EventType() string { return "deal_room.created" }

// RoomUpdated is the payload of deal_room.updated.
type RoomUpdated struct {
	RoomID string `json:"roomId"`
	Title  string `json:"title"`
	Author Author `json:"author"`
}

// EventType implements Payload.
func (RoomUpdated) EventType() string { return "deal_room.updated" }

// A Participant is somebody's place in a room.
type Participant struct {
	UserID      string `json:"userId"`
	Name        string `json:"name"`
	OrgID       string `json:"orgId"`
	OrgName     string `json:"orgName"`
	Role        string `json:"role"`
	CanEdit     bool   `json:"canEdit"`
	CanAnnotate bool   `json:"canAnnotate"`
	CanChat     bool   `json:"canChat"`
	Guest       bool   `json:"guest,omitempty" doc:"Without an account."`
}

// ParticipantAdded is the payload of deal_room.participant_added.
type ParticipantAdded struct {
	RoomID      string      `json:"roomId"`
	Participant Participant `json:"participant"`
	Author      Author      `json:"author"`
}

// EventType implements Payload.
func (ParticipantAdded) EventType() string { return "deal_room.participant_added" }

// ParticipantUpdated is the payload of deal_room.participant_updated.
type ParticipantUpdated struct {
	RoomID      string      `json:"roomId"`
	Participant Participant `json:"participant"`
	Author      Author      `json:"author"`
}

// EventType implements Payload.
func (ParticipantUpdated) EventType() string { return "deal_room.participant_updated" }

// ParticipantRemoved is the payload of deal_room.participant_removed.
type ParticipantRemoved struct {
	RoomID string `json:"roomId"`
	UserID string `json:"userId"`
	Left   bool   `json:"left" doc:"He left by himself."`
	Author Author `json:"author"`
}

// EventType implements Payload.
func (ParticipantRemoved) EventType() string { return "deal_room.participant_removed" }

// RoomClosed is the payload of deal_room.closed.
type RoomClosed struct {
	RoomID       string `json:"roomId"`
	SubmissionID string `json:"submissionId"`
	Reason       string `json:"reason"`
	Author       Author `json:"author"`
}

// EventType implements Payload.
func (RoomClosed) EventType() string { return "deal_room.closed" }

// RoomReopened is the payload of deal_room.reopened.
type RoomReopened struct {
	RoomID string `json:"roomId"`
	Author Author `json:"author"`
}

// EventType implements Payload.
func (RoomReopened) EventType() string { return "deal_room.reopened" }

// RoomArchived is the payload of deal_room.archived.
type RoomArchived struct {
	RoomID string `json:"roomId"`
	Author Author `json:"author"`
}

// EventType implements Payload.
func (RoomArchived) EventType() string { return "deal_room.archived" }

// FileAdded is the payload of deal_room.file_added.
type FileAdded struct {
	RoomID string     `json:"roomId"`
	File   Attachment `json:"file"`
	Author Author     `json:"author"`
}

// EventType implements Payload.
func (FileAdded) EventType() string { return "deal_room.file_added" }

// An Annotation is a remark on a place of a document; lengths are fractions of
// the page's, from its upper left corner.
type Annotation struct {
	ID       string  `json:"id"`
	FileID   string  `json:"fileId"`
	Page     int     `json:"page"`
	X        float64 `json:"x"`
	Y        float64 `json:"y"`
	Width    float64 `json:"width"`
	Height   float64 `json:"height"`
	Body     string  `json:"body"`
	Resolved bool    `json:"resolved"`
	Author   Author  `json:"author"`
}

// AnnotationAdded is the payload of deal_room.annotation_added.
type AnnotationAdded struct {
	RoomID     string     `json:"roomId"`
	Annotation Annotation `json:"annotation"`
}

// EventType implements Payload.
func (AnnotationAdded) EventType() string { return "deal_room.annotation_added" }

// AnnotationUpdated is the payload of deal_room.annotation_updated.
type AnnotationUpdated struct {
	RoomID     string     `json:"roomId"`
	Annotation Annotation `json:"annotation"`
	Author     Author     `json:"author" doc:"Who changed it."`
}

// EventType implements Payload.
func (AnnotationUpdated) EventType() string { return "deal_room.annotation_updated" }

// A Card is the payload of deal_room.card_posted: what a room shows of a fact
// of the business. The other company reads it, so it never holds limits,
// approvers, rationale or internal states.
type Card struct {
	RoomID       string   `json:"roomId"`
	Card         string   `json:"card" enum:"submission.quoted,submission.declined,submission.corrected,submission.withdrawn,submission.expired,quote.offered,quote.accepted,submission.bind_requested,policy.bound,policy.renewal_due,referral.created,referral.info_requested,referral.decided,referral.answered,referral.ended,referral.condition_changed,referral.counter_answered"`
	SubmissionID string   `json:"submissionId"`
	QuoteID      string   `json:"quoteId,omitempty"`
	PolicyID     string   `json:"policyId,omitempty"`
	PolicyNumber string   `json:"policyNumber,omitempty"`
	ReferralID   string   `json:"referralId,omitempty"`
	Status       string   `json:"status,omitempty" doc:"Of what the card is about, as the other company may know it."`
	Outcome      string   `json:"outcome,omitempty"`
	Premium      string   `json:"premium,omitempty" doc:"Dollars, of a quote or policy."`
	Plan         string   `json:"installmentPlan,omitempty" doc:"By which it is asked to be paid."`
	Conditions   []string `json:"conditions,omitempty" nullable:"false" doc:"What a decision asks of the broker."`
	Questions    []string `json:"questions,omitempty" nullable:"false" doc:"What the underwriter needs to know."`
	Reasons      []string `json:"reasons,omitempty" nullable:"false" doc:"Of an end, as codes that the other company may read."`
	Message      string   `json:"message,omitempty" doc:"What was said to the other side with it."`
	WhoseTurn    string   `json:"whoseTurn,omitempty" enum:"broker,underwriter"`
	Text         string   `json:"text" doc:"One sentence for people."`
}

// EventType implements Payload.
func (Card) EventType() string { return "deal_room.card_posted" }

// AccessChanged is the payload of access.changed, which only nodes hear.
type AccessChanged struct {
	Subject string `json:"subject"`
}

// EventType implements Payload.
func (AccessChanged) EventType() string { return "access.changed" }

const (
	aRoom       = "room_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	aMessage    = "msg_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	aSubmission = "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3"
)

var (
	una = Author{ID: "usr_01J8K3M4N5P6Q7R8S9T0V1W2X3", Name: "Una Underwriter", OrgID: "org_01J8K3M4N5P6Q7R8S9T0V1W2X3", OrgName: "Summit Specialty MGA"}
	ben = Participant{
		UserID: "usr_01J8K3M4N5P6Q7R8S9T0V1W2X4", Name: "Ben Broker", OrgID: "org_01J8K3M4N5P6Q7R8S9T0V1W2X4", OrgName: "Harbor Brokers",
		Role: "broker", CanAnnotate: true, CanChat: true,
	}
	losses = Attachment{FileID: "file_01J8K3M4N5P6Q7R8S9T0V1W2X3", Name: "loss-runs.pdf", ContentType: "application/pdf", Size: 48211}
	remark = Annotation{
		ID: "ann_01J8K3M4N5P6Q7R8S9T0V1W2X3", FileID: losses.FileID, Page: 2, X: 0.12, Y: 0.3, Width: 0.25, Height: 0.05,
		Body: "Is this claim still open?", Author: una,
	}
)

// roomTypes are the events of deal rooms. What people say is Stream: it becomes
// an event of the list and of webhooks by the fan-out, not here.
var roomTypes = []Type{
	{
		Name: "access.changed", Description: "Somebody's rights changed. Only nodes hear it.", Resource: "organizations", Stream: true,
		Example: AccessChanged{Subject: una.ID},
	},
	{
		Name: "deal_room.annotation_added", Description: "A remark was put on a document.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: AnnotationAdded{aRoom, remark},
	},
	{
		Name: "deal_room.annotation_updated", Description: "A remark was changed or resolved.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: AnnotationUpdated{aRoom, remark, una},
	},
	{
		Name: "deal_room.archived", Description: "A room was archived: it can only be read.", Resource: "rooms", Room: AsEntry, Audiences: []string{Underwriting}, Webhook: true,
		Example: RoomArchived{aRoom, una},
	},
	{
		Name: "deal_room.card_posted", Description: "A fact of the business was shown in a room.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: Card{RoomID: aRoom, Card: "policy.bound", SubmissionID: aSubmission, PolicyID: "pol_01J8K3M4N5P6Q7R8S9T0V1W2X3", PolicyNumber: "GL-2026-000142", Premium: "14250", Text: "Bound as GL-2026-000142."},
	},
	{
		Name: "deal_room.closed", Description: "A room was closed.", Resource: "rooms", Room: AsEntry, Audiences: []string{Underwriting},
		Persons: []string{InRoom}, Category: CategoryRooms, Webhook: true,
		Example: RoomClosed{aRoom, aSubmission, "Bound.", una},
	},
	{
		Name: "deal_room.created", Description: "A room was opened for a submission.", Resource: "rooms", Room: AsEntry, Audiences: []string{Underwriting},
		Persons: []string{Invited}, Push: []string{Invited}, Mail: []string{Invited}, Category: CategoryRooms, Webhook: true,
		Example: RoomCreated{RoomID: aRoom, SubmissionID: aSubmission, Title: "Pacific Coast Builders GL", InsuredName: "Pacific Coast Builders", LineOfBusiness: "GL", Author: una},
	},
	{
		Name: "deal_room.file_added", Description: "A file was added to a room.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: FileAdded{aRoom, losses, una},
	},
	{
		Name: "deal_room.message_deleted", Description: "A message was deleted.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: MessageDeleted{aMessage, aRoom, "shared", 131, una},
	},
	{
		Name: "deal_room.message_edited", Description: "A message was edited.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: MessageEdited{MessageID: aMessage, RoomID: aRoom, Visibility: "shared", Seq: 131, Author: una, Body: "We can offer 1M/2M."},
	},
	{
		Name: Posted, Description: "Somebody said something in a room.", Resource: "rooms", Room: AsEntry,
		Persons: []string{Mentioned, InRoom}, Push: []string{Mentioned, InRoom}, Category: CategoryRooms, Webhook: true, Stream: true,
		Example: MessagePosted{MessageID: aMessage, RoomID: aRoom, Visibility: "shared", Author: una, Body: "We can offer 1M/2M.", ClientID: "5f0c2f6e-9a51-4a5e-8a39-2f0f6c1f7a10"},
	},
	{
		Name: "deal_room.participant_added", Description: "Somebody joined a room.", Resource: "rooms", Room: AsEntry, Audiences: []string{Underwriting},
		Persons: []string{Invited}, Push: []string{Invited}, Mail: []string{Invited}, Category: CategoryRooms, Webhook: true,
		Example: ParticipantAdded{aRoom, ben, una},
	},
	{
		Name: "deal_room.participant_removed", Description: "Somebody left a room or was removed from it.", Resource: "rooms", Room: AsEntry, Audiences: []string{Underwriting}, Webhook: true,
		Example: ParticipantRemoved{RoomID: aRoom, UserID: ben.UserID, Author: una},
	},
	{
		Name: "deal_room.participant_updated", Description: "What somebody may do in a room was changed.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: ParticipantUpdated{aRoom, ben, una},
	},
	{
		Name: "deal_room.reopened", Description: "A closed room was opened again.", Resource: "rooms", Room: AsEntry, Audiences: []string{Underwriting}, Webhook: true,
		Example: RoomReopened{aRoom, una},
	},
	{
		Name: "deal_room.updated", Description: "A room's title was changed.", Resource: "rooms", Room: AsEntry, Stream: true,
		Example: RoomUpdated{aRoom, "Pacific Coast Builders GL 2026", una},
	},
}
