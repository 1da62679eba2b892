package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/webhook/sign"
	"github.com/openinsure/openinsure/store"
)

// everyType subscribes an endpoint to all types, also to those to come.
const everyType = "*"

// errEventTypes is for an endpoint that is to hear what no endpoint hears.
var errEventTypes = fault.New(fault.Invalid, "validation_failed", "Some of events are no types that endpoints may subscribe to: see GET /v1/event-types.").With("see", "/v1/event-types")

// WebhookBody is an endpoint without its secret; exported so that the document
// sees through its embedding.
type WebhookBody struct {
	versioned
	ID             string     `json:"id"`
	OrgID          string     `json:"orgId"`
	URL            string     `json:"url"`
	Events         []string   `json:"events" nullable:"false" doc:"Types of events; [\"*\"] is all of them."`
	Description    string     `json:"description"`
	Thin           bool       `json:"thin" doc:"It is sent ids in place of the whole payload."`
	Ordered        bool       `json:"ordered" doc:"It is sent one event at a time, in order; one that fails holds up the rest."`
	MaxConcurrency int        `json:"maxConcurrency" doc:"Deliveries to it at the same time; fewer while it cannot keep up."`
	RetrySchedule  string     `json:"retrySchedule" enum:"standard,openinsure-legacy"`
	Status         string     `json:"status" enum:"enabled,disabled"`
	DisabledReason string     `json:"disabledReason,omitempty" doc:"Why it is disabled, when it was not you."`
	PausedUntil    *time.Time `json:"pausedUntil,omitempty" doc:"It asked to be left alone until then."`
	CreatedBy      string     `json:"createdBy"`
	CreatedAt      time.Time  `json:"createdAt"`
	UpdatedAt      time.Time  `json:"updatedAt"`
}

type newWebhookBody struct {
	WebhookBody
	Secret string `json:"secret" doc:"Checks our signatures; shown only here."`
}

func webhookOf(e push.Endpoint) WebhookBody {
	return WebhookBody{
		versioned: versioned{e.Version}, ID: e.ID.String(), OrgID: e.Org.String(), URL: e.URL, Events: e.Types, Description: e.Description,
		Thin: e.Thin, Ordered: e.Ordered, MaxConcurrency: e.AtOnce, RetrySchedule: e.Schedule, Status: e.Status, DisabledReason: e.Reason,
		PausedUntil: e.PausedUntil, CreatedBy: e.CreatedBy, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
}

type createWebhookInput struct {
	Body struct {
		URL            string   `json:"url" minLength:"1" maxLength:"2000" doc:"Where events are sent by POST." example:"https://hooks.example.com/openinsure"`
		Events         []string `json:"events" nullable:"false" minItems:"1" maxItems:"100" doc:"Types of GET /v1/event-types, or [\"*\"] for all, also those to come."`
		Description    string   `json:"description,omitempty" maxLength:"500"`
		Thin           bool     `json:"thin,omitempty" doc:"Send ids in place of the whole payload."`
		Ordered        bool     `json:"ordered,omitempty" doc:"Send one event at a time, in order; one that fails holds up the rest."`
		MaxConcurrency int      `json:"maxConcurrency,omitempty" minimum:"1" maximum:"50" default:"8" doc:"Deliveries at the same time; ordered makes it 1."`
		RetrySchedule  string   `json:"retrySchedule,omitempty" enum:"standard,openinsure-legacy" default:"standard" doc:"standard tries ten times in some three days."`
	}
}

type patchWebhookInput struct {
	ByID
	IfMatch
	Body struct {
		URL            *string  `json:"url,omitempty" minLength:"1" maxLength:"2000"`
		Events         []string `json:"events,omitempty" nullable:"false" minItems:"1" maxItems:"100"`
		Description    *string  `json:"description,omitempty" maxLength:"500"`
		Thin           *bool    `json:"thin,omitempty"`
		Ordered        *bool    `json:"ordered,omitempty"`
		MaxConcurrency *int     `json:"maxConcurrency,omitempty" minimum:"1" maximum:"50"`
		RetrySchedule  *string  `json:"retrySchedule,omitempty" enum:"standard,openinsure-legacy"`
		Status         *string  `json:"status,omitempty" enum:"enabled,disabled" doc:"What happens while an endpoint is disabled is sent when it is enabled again."`
	}
}

func (a *API) registerWebhooks(p Platform) {
	const tag = "Webhooks"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/webhooks", ID: "create-webhook", Tag: tag, Scope: "webhooks:write", Summary: "Create a webhook endpoint",
		Description: "For administrators and integrations. The secret is shown once. An organization has at most 50 endpoints.",
	}, p.createWebhook)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/webhooks", ID: "list-webhooks", Tag: tag, Scope: "webhooks:read", Summary: "List webhook endpoints, newest first",
	}, func(ctx context.Context, in *struct{ Page }) (*bodyOf[List[WebhookBody]], error) {
		by := access.From(ctx)
		see, err := p.over(ctx, by, access.ReadWebhooks)
		if err != nil {
			return nil, err
		}
		es, err := p.DB.As(by).Endpoints(ctx, see, in.page())
		return &bodyOf[List[WebhookBody]]{listOf(es, in.Limit, webhookOf, func(e push.Endpoint) Cursor { return Cursor{e.CreatedAt, e.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/webhooks/{id}", ID: "get-webhook", Tag: tag, Scope: "webhooks:read", Summary: "Get a webhook endpoint",
	}, func(ctx context.Context, in *ByID) (*bodyOf[WebhookBody], error) {
		by := access.From(ctx)
		e, err := p.endpoint(ctx, by, in.ID)
		return &bodyOf[WebhookBody]{webhookOf(e)}, err
	})
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/webhooks/{id}", ID: "update-webhook", Tag: tag, Scope: "webhooks:write", IfMatch: true,
		Summary: "Change, enable or disable a webhook endpoint", Description: "Its secret stays.",
	}, p.patchWebhook)
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/webhooks/{id}", ID: "delete-webhook", Tag: tag, Scope: "webhooks:write",
		Summary: "Delete a webhook endpoint", Description: "What was still owed to it is not sent any more.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		by := access.From(ctx)
		id, err := p.managed(ctx, by, in.ID)
		if err != nil {
			return nil, err
		}
		return nil, p.DB.InTx(ctx, by, func(tx *store.Tx) error {
			tx.Audit(by, audit.Fact{Action: audit.WebhookDeleted, Object: id.String()})
			return tx.DeleteEndpoint(ctx, id)
		})
	})
}

// onOrg checks a permission on the caller's organisation.
func (p Platform) onOrg(ctx context.Context, by access.Actor, want access.Permission) error {
	return access.Check(ctx, p.DB.As(by), by, want, access.OrgObject(by.Org))
}

// over is the scope of all that the caller's organisation has of a kind, for one
// who holds a permission on it.
func (p Platform) over(ctx context.Context, by access.Actor, want access.Permission) (access.Scope, error) {
	return access.Over(ctx, p.DB.As(by), by, want, access.OrgObject(by.Org))
}

// endpoint reads an endpoint for one who may.
func (p Platform) endpoint(ctx context.Context, by access.Actor, s string) (push.Endpoint, error) {
	if err := p.onOrg(ctx, by, access.ReadWebhooks); err != nil {
		return push.Endpoint{}, err
	}
	var id push.EndpointID
	if err := pathID(&id, s); err != nil {
		return push.Endpoint{}, err
	}
	return p.DB.As(by).Endpoint(ctx, id)
}

// managed reads the id of an endpoint for one who may change it.
func (p Platform) managed(ctx context.Context, by access.Actor, s string) (push.EndpointID, error) {
	var id push.EndpointID
	if err := p.onOrg(ctx, by, access.ManageWebhooks); err != nil {
		return id, err
	}
	return id, pathID(&id, s)
}

func (p Platform) createWebhook(ctx context.Context, in *createWebhookInput) (*bodyOf[newWebhookBody], error) {
	by, b := access.From(ctx), in.Body
	if err := p.onOrg(ctx, by, access.ManageWebhooks); err != nil {
		return nil, err
	}
	if err := p.checkURL(ctx, b.URL); err != nil {
		return nil, err
	}
	if err := checkEventTypes(b.Events); err != nil {
		return nil, err
	}
	now := p.Now().UTC().Truncate(time.Microsecond)
	e := push.Endpoint{
		ID: push.NewEndpointID(now), Org: by.Org, URL: b.URL, Description: b.Description, Types: b.Events, Thin: b.Thin, Ordered: b.Ordered,
		AtOnce: b.MaxConcurrency, Schedule: b.RetrySchedule, Secret: sign.NewSecret(), Status: push.Enabled, CreatedBy: by.ID,
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	if e.Ordered {
		e.AtOnce = 1
	}
	err := p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		tx.Audit(by, audit.Fact{Action: audit.WebhookCreated, Object: e.ID.String(), Details: audit.Details{"events": e.Types}})
		return tx.AddEndpoint(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[newWebhookBody]{newWebhookBody{WebhookBody: webhookOf(e), Secret: e.Secret}}, nil
}

func (p Platform) patchWebhook(ctx context.Context, in *patchWebhookInput) (*bodyOf[WebhookBody], error) {
	by, b := access.From(ctx), in.Body
	id, err := p.managed(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	if b.URL != nil {
		if err := p.checkURL(ctx, *b.URL); err != nil {
			return nil, err
		}
	}
	if b.Events != nil {
		if err := checkEventTypes(b.Events); err != nil {
			return nil, err
		}
	}
	var e push.Endpoint
	err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		if e, err = tx.LockEndpoint(ctx, id); err != nil {
			return err
		}
		if err := in.Check(e.Version); err != nil {
			return err
		}
		in.apply(&e)
		e.UpdatedAt = p.Now().UTC().Truncate(time.Microsecond)
		tx.Audit(by, in.fact(e))
		e, err = tx.SaveEndpoint(ctx, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[WebhookBody]{webhookOf(e)}, nil
}

// apply changes what the patch names. An endpoint that is in order no longer may
// get as many at once as any other, unless it says how many.
func (in *patchWebhookInput) apply(e *push.Endpoint) {
	b, ordered := in.Body, e.Ordered
	set(&e.URL, b.URL)
	set(&e.Description, b.Description)
	set(&e.Thin, b.Thin)
	set(&e.Ordered, b.Ordered)
	set(&e.Schedule, b.RetrySchedule)
	if b.Events != nil {
		e.Types = b.Events
	}
	if ordered && !e.Ordered {
		e.AtOnce = push.AtOnce
	}
	set(&e.AtOnce, b.MaxConcurrency)
	if e.Ordered {
		e.AtOnce = 1
	}
	if b.Status != nil && *b.Status != e.Status {
		e.Status, e.Reason = *b.Status, ""
	}
}

// fact is what the audit log keeps of the patch. An address may hold a secret:
// only that it is another one is kept.
func (in *patchWebhookInput) fact(e push.Endpoint) audit.Fact {
	f := audit.Fact{Action: audit.WebhookChanged, Object: e.ID.String(), Details: audit.Details{"status": e.Status, "readdressed": in.Body.URL != nil}}
	if in.Body.Events != nil {
		f.Details["events"] = e.Types
	}
	if in.Body.Status != nil && e.Status == push.Disabled {
		f.Action = audit.WebhookDisabled
	}
	return f
}

// checkURL says whether webhooks may be sent to an address. Without a guard it
// only has to be one.
func (p Platform) checkURL(ctx context.Context, raw string) error {
	if p.CheckURL != nil {
		return p.CheckURL(ctx, raw)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fault.ErrValidation.Field("url", "url")
	}
	return nil
}

// typeShape is what the name of a type looks like. What does not is not repeated
// to whoever sent it.
var typeShape = regexp.MustCompile(`^[a-z][a-z_]{0,40}\.[a-z_]{1,60}$`)

// checkEventTypes blames every one that no endpoint may subscribe to.
func checkEventTypes(names []string) error {
	bad, unknown := errEventTypes, []string{}
	for i, name := range names {
		field := fmt.Sprintf("events[%d]", i)
		if slices.Contains(names[:i], name) {
			return fault.ErrValidation.Field(field, "unique")
		}
		if name == everyType {
			if len(names) > 1 {
				return fault.ErrValidation.Saying("* is every type: it stands alone.").Field(field, "unexpected")
			}
			continue
		}
		if t, ok := event.Lookup(name); !ok || !t.Webhook {
			bad = bad.Field(field, "enum")
			if typeShape.MatchString(name) {
				unknown = append(unknown, name)
			}
		}
	}
	if len(bad.Fields()) == 0 {
		return nil
	}
	return bad.With("unknown", unknown)
}
