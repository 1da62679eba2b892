package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

type requestBody struct {
	ID              string    `json:"id"`
	ClientRequestID string    `json:"clientRequestId,omitempty" doc:"Your own X-Request-Id."`
	Method          string    `json:"method"`
	Route           string    `json:"route"`
	Status          int       `json:"status"`
	Error           string    `json:"error,omitempty"`
	Caller          string    `json:"caller"`
	Milliseconds    int       `json:"milliseconds"`
	Replayed        bool      `json:"replayed"`
	At              time.Time `json:"at"`
	Events          []string  `json:"events" nullable:"false" doc:"Ids of the events it caused."`
}

func (a *API) registerRequests(p Platform) {
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/requests/{id}", ID: "get-request", Tag: "Requests",
		Summary: "What became of a request", Description: "By our request id or your own; kept 30 days, for changes and failures. Bodies are not kept.",
	}, func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"128" doc:"X-Request-Id of the answer, or the one you sent."`
	}) (*bodyOf[requestBody], error) {
		by := access.From(ctx)
		if err := member(ctx, p, by); err != nil {
			return nil, err
		}
		var id access.RequestID
		if id.UnmarshalText([]byte(in.ID)) != nil && in.ID == "" {
			return nil, fault.ErrNotFound
		}
		q, caused, err := p.DB.As(by).Request(ctx, id, in.ID)
		if err != nil {
			return nil, err
		}
		b := requestBody{
			ID: q.ID.String(), ClientRequestID: q.ClientRequestID, Method: q.Method, Route: q.Route, Status: q.Status, Error: q.ErrorCode,
			Caller: q.Actor, Milliseconds: q.Milliseconds, Replayed: q.Replayed, At: q.At, Events: []string{},
		}
		for _, e := range caused {
			b.Events = append(b.Events, e.String())
		}
		return &bodyOf[requestBody]{b}, nil
	})
}
