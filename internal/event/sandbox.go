package event

// SandboxReset is the payload of sandbox.reset.
type SandboxReset struct {
	By string `json:"by" doc:"Who asked for it."`
}

// EventType implements Payload.
func (SandboxReset) EventType() string { return "sandbox.reset" }

var sandboxTypes = []Type{{
	Name: "sandbox.reset", Description: "The business of an organization was deleted, in a sandbox: load anew what you keep of it.", Resource: "organizations",
	Audiences: Audiences, Open: true, Webhook: true,
	Example: SandboxReset{By: "usr_01J8K3M4N5P6Q7R8S9T0V1W2X3"},
}}
