package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
)

// errEndpointDisabled is for a test that would wait until somebody enables the
// endpoint.
var errEndpointDisabled = fault.New(fault.Refused, "webhook_disabled", "The endpoint is disabled: enable it first.")

// DeliveryBody is one event that is or was owed to an endpoint; exported so that
// the document sees through its embedding.
type DeliveryBody struct {
	ID            string     `json:"id"`
	WebhookID     string     `json:"webhookId"`
	EventID       string     `json:"eventId" doc:"Also the webhook-id of every attempt."`
	Type          string     `json:"type" doc:"Of the event."`
	Test          bool       `json:"test" doc:"It was made by POST /v1/webhooks/{id}/test."`
	State         string     `json:"state" enum:"pending,leased,delivered,failed,cancelled" doc:"leased: an attempt is under way. failed: there is no other attempt. cancelled: not wanted any more."`
	AttemptCount  int        `json:"attemptCount"`
	NextAttemptAt *time.Time `json:"nextAttemptAt,omitempty"`
	LastStatus    int        `json:"lastStatus,omitempty" doc:"HTTP status of the last answer."`
	LastError     string     `json:"lastError,omitempty" doc:"The class of what went wrong in the last attempt."`
	CreatedAt     time.Time  `json:"createdAt"`
	DoneAt        *time.Time `json:"doneAt,omitempty"`
}

type deliveryDetailBody struct {
	DeliveryBody
	Attempts []attemptBody `json:"attempts" nullable:"false" doc:"The first first; kept 30 days."`
}

type attemptBody struct {
	Attempt         int                 `json:"attempt"`
	At              time.Time           `json:"at" doc:"When it was over."`
	Outcome         string              `json:"outcome" enum:"delivered,retry,failed,gone,misset,unknown,cancelled" doc:"unknown: the node that made it died; you may have got it."`
	Status          int                 `json:"status,omitempty" doc:"HTTP status of the answer."`
	Error           string              `json:"error,omitempty" enum:"status,timeout,dns,connect,tls,refused,redirect,gone,credential,payload,protocol,crash"`
	Detail          string              `json:"detail,omitempty"`
	IP              string              `json:"ip,omitempty" doc:"The address that was reached."`
	Timing          timingBody          `json:"timing" doc:"Milliseconds; 0 is not needed or not reached."`
	RequestHeaders  map[string][]string `json:"requestHeaders,omitempty"`
	ResponseHeaders map[string][]string `json:"responseHeaders,omitempty"`
	ResponseBody    string              `json:"responseBody,omitempty" doc:"Its beginning."`
}

type timingBody struct {
	DNS       float64 `json:"dns"`
	Connect   float64 `json:"connect"`
	TLS       float64 `json:"tls"`
	FirstByte float64 `json:"firstByte"`
	Total     float64 `json:"total"`
}

func deliveryOf(d push.Owed) DeliveryBody {
	b := DeliveryBody{
		ID: d.ID.String(), WebhookID: d.Endpoint.String(), EventID: d.Event.String(), Type: d.Type, Test: d.Test, State: string(d.State),
		AttemptCount: d.Attempts, LastStatus: d.Code, LastError: d.Class, CreatedAt: d.CreatedAt, DoneAt: d.DoneAt,
	}
	if d.State == push.StatePending {
		b.NextAttemptAt = &d.NextAt
	}
	return b
}

func attemptOf(a push.Attempt) attemptBody {
	return attemptBody{
		Attempt: a.Number, At: a.At, Outcome: string(a.Outcome), Status: a.Code, Error: a.Class, Detail: a.Detail, IP: a.IP,
		Timing: timingBody{
			DNS: millis(a.Timing.DNS), Connect: millis(a.Timing.Connect), TLS: millis(a.Timing.TLS),
			FirstByte: millis(a.Timing.FirstByte), Total: millis(a.Timing.Total),
		},
		RequestHeaders: a.RequestHeader, ResponseHeaders: a.ResponseHeader, ResponseBody: strings.ToValidUTF8(string(a.ResponseBody), "�"),
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

type listDeliveriesInput struct {
	ByID
	Page
	State string `query:"state" enum:"pending,leased,delivered,failed,cancelled"`
	Type  string `query:"type" maxLength:"100" doc:"Only events of this type."`
}

// Resolve implements huma.Resolver.
func (in *listDeliveriesInput) Resolve(ctx huma.Context) []error { return foundType(ctx, in.Type) }

// foundType is what is wrong with a type of events by which a list is asked for.
func foundType(ctx huma.Context, name string) []error {
	if _, ok := event.Lookup(name); name != "" && !ok {
		return found(ctx, fault.ErrValidation.Field("type", "enum"))
	}
	return nil
}

// ByDelivery is the input of an operation on one delivery of an endpoint.
type ByDelivery struct {
	ByID
	DeliveryID string `path:"deliveryId" maxLength:"64"`
}

type testWebhookInput struct {
	ByID
	Body *struct {
		Type string `json:"type,omitempty" maxLength:"100" doc:"Of the event; the endpoint's first when you give none, policy.bound when it hears all."`
	}
}

func (a *API) registerDeliveries(p Platform) {
	const tag = "Webhooks"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/webhooks/{id}/test", ID: "test-webhook", Tag: tag, Scope: "webhooks:write", Status: 200,
		Summary: "Send an example to a webhook endpoint", Description: "Signed and retried like any other, under an event id of its own that GET /v1/events does not know.",
	}, p.testWebhook)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/webhooks/{id}/deliveries", ID: "list-webhook-deliveries", Tag: tag, Scope: "webhooks:read",
		Summary: "List what was and is owed to a webhook endpoint, newest first",
	}, p.listDeliveries)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/webhooks/{id}/deliveries/{deliveryId}", ID: "get-webhook-delivery", Tag: tag, Scope: "webhooks:read",
		Summary: "Get a delivery and every attempt at it",
	}, p.getDelivery)
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/webhooks/{id}/deliveries/{deliveryId}/retry", ID: "retry-webhook-delivery", Tag: tag, Scope: "webhooks:write", Status: 200,
		Summary: "Try a delivery again now", Description: "Whatever came of it so far; the event keeps its id. One that is being tried at this moment is 409.",
	}, p.retryDelivery)
}

func (p Platform) testWebhook(ctx context.Context, in *testWebhookInput) (*bodyOf[DeliveryBody], error) {
	by := access.From(ctx)
	id, err := p.managed(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	var d push.Owed
	err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		e, err := tx.KeepEndpoint(ctx, id)
		if err != nil {
			return err
		}
		if e.Status != push.Enabled {
			return errEndpointDisabled
		}
		name := e.Types[0]
		if name == everyType {
			name = event.PolicyBound{}.EventType()
		}
		if in.Body != nil && in.Body.Type != "" {
			name = in.Body.Type
		}
		t, ok := event.Lookup(name)
		if !ok || !t.Webhook {
			return fault.ErrValidation.Saying("Endpoints do not hear that type: see GET /v1/event-types.").Field("type", "enum")
		}
		now := p.Now()
		example := t.ExampleFor(by.Org, now)
		payload, err := example.Payload()
		if err != nil {
			return err
		}
		d, err = tx.AddTestDelivery(ctx, id, example.ID, name, payload)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[DeliveryBody]{deliveryOf(d)}, nil
}

func (p Platform) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*bodyOf[List[DeliveryBody]], error) {
	by := access.From(ctx)
	e, err := p.endpoint(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	ds, err := p.DB.As(by).Deliveries(ctx, e.ID, store.DeliveryFilter{State: push.State(in.State), Type: in.Type}, in.page())
	return &bodyOf[List[DeliveryBody]]{listOf(ds, in.Limit, deliveryOf, func(d push.Owed) Cursor { return Cursor{d.CreatedAt, d.ID} })}, err
}

func (p Platform) getDelivery(ctx context.Context, in *ByDelivery) (*bodyOf[deliveryDetailBody], error) {
	by := access.From(ctx)
	e, err := p.endpoint(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	var id push.ID
	if err := pathID(&id, in.DeliveryID); err != nil {
		return nil, err
	}
	b := deliveryDetailBody{Attempts: []attemptBody{}}
	err = p.DB.Snapshot(ctx, by, func(r store.Reader) error {
		d, err := r.Delivery(ctx, e.ID, id)
		if err != nil {
			return err
		}
		b.DeliveryBody = deliveryOf(d)
		tries, err := r.Attempts(ctx, d)
		for _, a := range tries {
			b.Attempts = append(b.Attempts, attemptOf(a))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[deliveryDetailBody]{b}, nil
}

func (p Platform) retryDelivery(ctx context.Context, in *ByDelivery) (*bodyOf[DeliveryBody], error) {
	by := access.From(ctx)
	to, err := p.managed(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	var id push.ID
	if err := pathID(&id, in.DeliveryID); err != nil {
		return nil, err
	}
	var d push.Owed
	err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		if _, err := tx.KeepEndpoint(ctx, to); err != nil {
			return err
		}
		d, err = tx.RetryDelivery(ctx, to, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[DeliveryBody]{deliveryOf(d)}, nil
}
