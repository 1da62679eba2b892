package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// Faults of the event feed.
var (
	errAfter   = fault.New(fault.Invalid, "validation_failed", "after is <epoch>:<seq>, as a page of this channel gave it.").Field("after", "format")
	errRewound = fault.New(fault.Conflict, "position_reset", "Events from this position on are not held any more: load by REST and go on from the given position.")
)

// eventBody is an envelope as it was frozen. Its fields are for the document:
// what is sent are the stored bytes.
type eventBody struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	OrgID      string          `json:"orgId"`
	Timestamp  time.Time       `json:"timestamp"`
	APIVersion string          `json:"apiVersion"`
	Data       json.RawMessage `json:"data" doc:"By type; see GET /v1/event-types."`
	Seq        int64           `json:"seq,omitempty" doc:"The place in the channel; only with channel."`
}

func eventOf(payload []byte, seq int64) (eventBody, error) {
	var e eventBody
	err := json.Unmarshal(payload, &e)
	e.Seq = seq
	return e, err
}

type eventsBody struct {
	Data       []eventBody `json:"data" nullable:"false"`
	HasMore    bool        `json:"hasMore"`
	NextCursor string      `json:"nextCursor,omitempty" doc:"Without channel: send it as cursor."`
	After      string      `json:"after,omitempty" doc:"With channel: where this page ended; send it as after. It never skips and never repeats."`
}

type listEventsInput struct {
	Page
	Type    string `query:"type" maxLength:"100" doc:"Only this type, one of GET /v1/event-types; not with channel."`
	Channel string `query:"channel" maxLength:"200" doc:"The gapless feed of a channel, oldest first: org:<id>:<audience>." example:"org:org_01J8K3M4N5P6Q7R8S9T0V1W2X3:underwriting"`
	After   string `query:"after" maxLength:"64" doc:"With channel: <epoch>:<seq>, from the page before."`
}

// Resolve implements huma.Resolver.
func (in *listEventsInput) Resolve(ctx huma.Context) []error { return foundType(ctx, in.Type) }

type eventTypeBody struct {
	Type        string          `json:"type"`
	Description string          `json:"description"`
	Webhook     bool            `json:"webhook" doc:"Whether endpoints may subscribe to it."`
	Planned     bool            `json:"planned" doc:"Nothing emits it yet; endpoints may subscribe already."`
	Audiences   []string        `json:"audiences" nullable:"false"`
	Persons     []string        `json:"persons" nullable:"false" doc:"Who is told in person: in his inbox and on his channel."`
	Room        string          `json:"room,omitempty" enum:"entry,card,desk" doc:"How a deal room shows it; absent: not at all."`
	Category    string          `json:"category,omitempty" doc:"Of the preferences of those who are told in person."`
	Example     json.RawMessage `json:"example" doc:"The data of such an event."`
	Schema      json.RawMessage `json:"schema" doc:"JSON Schema of data."`
}

func (a *API) registerEvents(p Platform) {
	const tag = "Events"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/events", ID: "list-events", Tag: tag, Scope: "events:read", Summary: "List events, newest first, or follow a channel without gaps",
		Description: "Without channel it is a list by time and no feed: an event that commits late can slip behind your cursor. With channel and after it is the channel's own sequence: nothing is missed or repeated.",
	}, func(ctx context.Context, in *listEventsInput) (*bodyOf[eventsBody], error) {
		if in.Channel != "" {
			return p.follow(ctx, in)
		}
		return p.listEvents(ctx, in)
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/events/{id}", ID: "get-event", Tag: tag, Scope: "events:read", Summary: "Get an event",
	}, func(ctx context.Context, in *ByID) (*bodyOf[eventBody], error) {
		by := access.From(ctx)
		var id event.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		resources, err := p.resources(ctx, by)
		if err != nil {
			return nil, err
		}
		e, err := p.DB.As(by).Event(ctx, id, resources)
		if err != nil {
			return nil, err
		}
		b, err := eventOf(e.Payload, 0)
		return &bodyOf[eventBody]{b}, err
	})
	types, err := a.eventTypes()
	if err != nil {
		panic(err) // a payload that has no JSON form
	}
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/event-types", ID: "list-event-types", Tag: tag, Scope: "events:read", Summary: "The catalogue of events",
	}, func(context.Context, *struct{}) (*bodyOf[List[eventTypeBody]], error) {
		return &bodyOf[List[eventTypeBody]]{List[eventTypeBody]{Data: types}}, nil
	})
}

// typeOf is the type of object that the events of a resource are about; a
// resource that is not here is the business's, as submissions are.
var typeOf = map[string]access.Type{
	"policies": access.Policy, "invoices": access.Invoice, "claims": access.Claim, "documents": access.Document, "webhooks": access.Webhook,
}

// resources returns whose events the caller may read: those of the resources
// that his credential's scopes let him read, and of which he may read all that
// his organisation has.
func (p Platform) resources(ctx context.Context, by access.Actor) ([]string, error) {
	ctx = store.Remembering(ctx) // one round trip for all types
	all := map[access.Type]bool{}
	out := []string{}
	for _, t := range event.Types() {
		if slices.Contains(out, t.Resource) || !by.HasScope(t.Resource+":read") {
			continue
		}
		of := cmp.Or(typeOf[t.Resource], access.Submission)
		if _, asked := all[of]; !asked {
			see, err := access.Visible(ctx, p.DB.As(by), by, of)
			if err != nil {
				return nil, err
			}
			all[of] = see.All
		}
		if all[of] {
			out = append(out, t.Resource)
		}
	}
	return out, nil
}

func (p Platform) listEvents(ctx context.Context, in *listEventsInput) (*bodyOf[eventsBody], error) {
	by := access.From(ctx)
	if in.After != "" {
		return nil, fault.ErrValidation.Field("channel", "required")
	}
	resources, err := p.resources(ctx, by)
	if err != nil {
		return nil, err
	}
	es, err := p.DB.As(by).Events(ctx, in.Type, resources, in.page())
	if err != nil {
		return nil, err
	}
	out := eventsBody{Data: []eventBody{}, HasMore: len(es) > in.Limit}
	for _, e := range es[:min(len(es), in.Limit)] {
		b, err := eventOf(e.Payload, 0)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, b)
		out.NextCursor = Cursor{e.At, e.ID}.String()
	}
	if !out.HasMore {
		out.NextCursor = ""
	}
	return &bodyOf[eventsBody]{out}, nil
}

// follow reads on in a channel of the caller's organisation. A channel is heard
// whole or not at all, so it asks for every resource that the channel may tell
// of.
func (p Platform) follow(ctx context.Context, in *listEventsInput) (*bodyOf[eventsBody], error) {
	by := access.From(ctx)
	if err := p.mayFollow(ctx, by, in.Channel); err != nil {
		return nil, err
	}
	epoch, after, err := parsePosition(in.After)
	if err != nil {
		return nil, err
	}
	ch, err := p.DB.As(by).Entries(ctx, in.Channel, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	head := ch.Epoch + ":" + strconv.FormatInt(ch.Head, 10)
	if epoch != "" && (epoch != ch.Epoch || after > ch.Head || after < ch.Floor) {
		return nil, errRewound.With("after", head)
	}
	out := eventsBody{Data: []eventBody{}, HasMore: len(ch.Entries) > in.Limit, After: ch.Epoch + ":" + strconv.FormatInt(after, 10)}
	for _, e := range ch.Entries[:min(len(ch.Entries), in.Limit)] {
		b, err := eventOf(e.Payload, e.Seq)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, b)
		out.After = ch.Epoch + ":" + strconv.FormatInt(e.Seq, 10)
	}
	return &bodyOf[eventsBody]{out}, nil
}

func (p Platform) mayFollow(ctx context.Context, by access.Actor, channel string) error {
	audience, ok := strings.CutPrefix(channel, "org:"+by.Org.String()+":")
	if !ok || !slices.Contains(event.Audiences, audience) {
		return fault.ErrNotFound
	}
	resources, err := p.resources(ctx, by)
	if err != nil {
		return err
	}
	for _, asked := range event.Asked[audience] {
		if slices.Contains(resources, asked) {
			continue
		}
		if by.Kind == access.Machine {
			return errScope.With("scope", asked+":read")
		}
		return fault.ErrForbidden
	}
	return nil
}

func parsePosition(s string) (epoch string, seq int64, err error) {
	if s == "" {
		return "", 0, nil
	}
	epoch, text, ok := strings.Cut(s, ":")
	seq, err = strconv.ParseInt(text, 10, 64)
	if !ok || epoch == "" || err != nil || seq < 0 {
		return "", 0, errAfter
	}
	return epoch, seq, nil
}

// notNil is a list that JSON shows as one, also when it is empty.
func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// eventTypes renders the catalogue once; the schemas are those of the document.
func (a *API) eventTypes() ([]eventTypeBody, error) {
	var out []eventTypeBody
	for _, t := range event.Types() {
		example, err := t.ExampleData()
		if err != nil {
			return nil, err
		}
		schema, err := payloadSchema(t)
		if err != nil {
			return nil, err
		}
		out = append(out, eventTypeBody{
			Type: t.Name, Description: t.Description, Webhook: t.Webhook, Planned: t.Planned, Audiences: notNil(t.Audiences), Persons: notNil(t.Persons),
			Room: t.Room, Category: t.Category, Example: example, Schema: schema,
		})
	}
	return out, nil
}
