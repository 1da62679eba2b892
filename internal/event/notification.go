package event

// NotificationCreated is the payload of notification.created: a person's inbox
// has a new row. The words are in English; the inbox has them in his language.
type NotificationCreated struct {
	NotificationID string `json:"notificationId"`
	EventID        string `json:"eventId" doc:"Of what he is told of."`
	OfType         string `json:"eventType"`
	Category       string `json:"category"`
	About          string `json:"about" doc:"The id of what it happened to."`
	Link           string `json:"link,omitempty"`
	Title          string `json:"title"`
	Body           string `json:"body"`
}

// EventType implements Payload.
func (NotificationCreated) EventType() string { return "notification.created" }

var notificationTypes = []Type{{
	Name: "notification.created", Description: "Somebody's inbox has a new row. He alone hears it.", Resource: "notifications", Stream: true,
	Example: NotificationCreated{
		NotificationID: "ntf_01J8K3M4N5P6Q7R8S9T0V1W2X3", EventID: "evt_01J8K3M4N5P6Q7R8S9T0V1W2X3", OfType: "policy.bound", Category: CategoryPolicies,
		About: aPolicy, Link: "/policies/" + aPolicy, Title: "Policy bound", Body: "Policy GL-2026-000142 is in force from April 1, 2026.",
	},
}}
