package event

// WebhookDisabled is the payload of webhook.disabled.
type WebhookDisabled struct {
	WebhookID string `json:"webhookId"`
	URL       string `json:"url"`
	Reason    string `json:"reason" enum:"gone"`
}

// EventType implements Payload.
func (WebhookDisabled) EventType() string { return "webhook.disabled" }

var webhookTypes = []Type{{
	Name: "webhook.disabled", Description: "An endpoint was disabled: nothing is sent to it until somebody enables it again.", Resource: "webhooks",
	Audiences: []string{Admin}, Persons: []string{Manager}, Push: []string{Manager}, Mail: []string{Manager},
	Category: CategoryAdmin, Webhook: true,
	Example: WebhookDisabled{WebhookID: "whk_01J8K3M4N5P6Q7R8S9T0V1W2X3", URL: "https://hooks.example.com/openinsure", Reason: "gone"},
}}
