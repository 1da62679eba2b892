package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// Faults of HTTP itself; statusOf gives them their own statuses.
var (
	errInternal        = fault.New(fault.Internal, "internal", "Something went wrong on our side. Quote the request id when you ask us about it.")
	errUnknownRoute    = fault.New(fault.NotFound, "unknown_route", "There is no such route.")
	errMethod          = fault.New(fault.Invalid, "method_not_allowed", "This route does not answer that method.")
	errBodyTooLarge    = fault.New(fault.Invalid, "body_too_large", "The request body is too large.")
	errMediaType       = fault.New(fault.Invalid, "unsupported_media_type", "The request body has a content type that this route does not read.")
	errRequestTimeout  = fault.New(fault.Invalid, "request_timeout", "The request body took too long to arrive.")
	errMalformedJSON   = fault.New(fault.Invalid, "malformed_json", "The request body is not valid JSON.")
	errUnreadableBody  = fault.New(fault.Invalid, "malformed_body", "The request body could not be read.")
	errUnauthenticated = fault.New(fault.Unauthenticated, "unauthenticated", "A valid credential is needed.")
	errTwoCredentials  = fault.New(fault.Unauthenticated, "unauthenticated", "The request carries two different credentials.")
	errScope           = fault.New(fault.Forbidden, "insufficient_scope", "The credential lacks the scope that this operation needs.")
	errRateLimited     = fault.New(fault.TooMany, "rate_limited", "Too many requests; try again later.")
	errNotReady        = fault.New(fault.Unavailable, "not_ready", "The service is not ready.")
	errDraining        = fault.New(fault.Unavailable, "draining", "The service is shutting down.")
	statusByCode       = map[string]int{"method_not_allowed": 405, "request_timeout": 408, "body_too_large": 413, "unsupported_media_type": 415}
	statusByKind       = map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.Stale: 412, fault.Refused: 422, fault.TooMany: 429, fault.Unavailable: 503,
	}
)

// problem is the one body of every answer that is an error.
type problem struct {
	Code      string         `json:"error" doc:"Stable name of the failure; see docs/errors.md."`
	Message   string         `json:"message" doc:"One sentence that may be shown to anybody."`
	Details   map[string]any `json:"details" doc:"Facts for code: field and rule of a bad field, errors when there are several."`
	RequestID string         `json:"requestId" doc:"Quote it when you ask us about this failure."`

	status int
	retry  time.Duration
}

// Error and GetStatus make a problem what huma calls a StatusError.
func (p *problem) Error() string  { return p.Code }
func (p *problem) GetStatus() int { return p.status }

// TransformSchema adds an example to the schema.
func (*problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{map[string]any{
		"error": "validation_failed", "message": "Missing required field: effectiveDate",
		"details": map[string]any{"field": "effectiveDate", "rule": "required"}, "requestId": "req_01J9ZC2Q0V8Y4T6M3K5N7P9RSB",
	}}
	return s
}

// newProblem is the only maker of error bodies. What is no fault becomes an
// internal error whose text stays out of it.
func newProblem(ctx context.Context, err error) *problem {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = errInternal
	} else if f.Kind() == fault.Internal {
		f = errInternal.Because(f)
	}
	p := &problem{
		Code: f.Code(), Message: f.Message(), Details: map[string]any{},
		RequestID: access.RequestFrom(ctx).String(), status: statusOf(f), retry: f.RetryAfter(),
	}
	maps.Copy(p.Details, f.Details())
	if fields := f.Fields(); len(fields) > 0 {
		p.Details["field"], p.Details["rule"] = fields[0].Field, fields[0].Rule
		if len(fields) > 1 {
			p.Details["errors"] = fields
		}
		if f.Message() == fault.ErrValidation.Message() {
			p.Message = sentence(fields[0])
		}
	}
	return p
}

func statusOf(f *fault.Error) int {
	if s, ok := statusByCode[f.Code()]; ok {
		return s
	}
	if s, ok := statusByKind[f.Kind()]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// sentence says what is wrong with one field, without its value.
func sentence(f fault.Field) string {
	switch f.Rule {
	case "required":
		return "Missing required field: " + f.Field
	case "unknown":
		return "Unknown field: " + f.Field
	}
	return "The field " + f.Field + " is not valid: " + f.Rule + "."
}

// answer renders the problem as an Answer.
func (p *problem) answer() Answer {
	h := map[string]string{"Content-Type": "application/json"}
	if p.retry > 0 {
		h["Retry-After"] = strconv.Itoa(int(math.Ceil(p.retry.Seconds())))
	}
	if p.status == http.StatusUnauthorized {
		h["WWW-Authenticate"] = "Bearer"
	}
	b, err := marshal(p)
	if err != nil { // a detail that is no JSON: the code still tells
		p.Details = map[string]any{}
		b, _ = marshal(p)
	}
	return Answer{Status: p.status, Header: h, Body: b}
}

// fail writes err as the answer and logs it when it is ours.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	a.write(w, r, a.failure(r.Context(), err))
}

// failure renders err as an answer.
func (a *API) failure(ctx context.Context, err error) Answer { return a.problem(ctx, err).answer() }

// problem makes the body for err and logs err once when it is ours: this is
// where an error stops travelling.
func (a *API) problem(ctx context.Context, err error) *problem {
	p := newProblem(ctx, err)
	noteSuspect(stateOf(ctx), err)
	if p.status < 500 {
		return p
	}
	level := slog.LevelError
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil: // the client left
		level = slog.LevelInfo
	case p.status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	}
	a.cfg.Logger.Log(ctx, level, "request failed", "requestId", p.RequestID, "code", p.Code, "error", err)
	return p
}

func (a *API) unknownRoute(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store") // a node of another version may know it
	if a.takeAddress(w, r) {
		a.fail(w, r, errUnknownRoute)
	}
}

func (a *API) wrongMethod(w http.ResponseWriter, r *http.Request) {
	if !a.takeAddress(w, r) {
		return
	}
	w.Header().Set("Allow", strings.Join(a.methods(r), ", "))
	a.fail(w, r, errMethod)
}

// marshal writes JSON the one way in which all answers are written.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}
