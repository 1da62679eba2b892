// Package fault is the one error type that may travel to a client.
//
// A fault says what kind of failure it is, under a stable code, in one sentence
// that is safe for anybody to read. What caused it stays hidden: it reaches the
// log and errors.Is, never the answer.
package fault

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind sorts faults by what the caller can do about them. The zero Kind is
// Internal, so that an error nobody classified is never blamed on the client.
type Kind int

// The kinds, each with the HTTP status that api gives it.
const (
	Internal        Kind = iota // 500: ours; quote the request id
	Invalid                     // 400: the request is malformed
	Unauthenticated             // 401: no credential, or a bad one
	Forbidden                   // 403: known, and refused
	NotFound                    // 404: does not exist for this caller
	Conflict                    // 409: a duplicate, or the same request in flight
	Stale                       // 412: If-Match names an older version
	Refused                     // 422: a business rule says no
	TooMany                     // 429: slow down
	Unavailable                 // 503: a needed part is down or not configured
)

// Field is one thing wrong with one field of a request.
type Field struct {
	Field string `json:"field"` // as it was sent: a.b[0].c
	Rule  string `json:"rule"`  // a name from the registry in docs/errors.md
}

// Top is the member of the request that the field is, or is in.
func (f Field) Top() string {
	if i := strings.IndexAny(f.Field, ".["); i >= 0 {
		return f.Field[:i]
	}
	return f.Field
}

// Error is a failure with a kind. Errors are values: With, Field, Retry and
// Because return changed copies, so a package variable can be specialised
// safely.
type Error struct {
	kind       Kind
	code       string
	message    string
	fields     []Field
	details    map[string]any
	retryAfter time.Duration
	cause      error
}

// New declares a fault. The code is snake_case and stable: clients match on it.
// The message is one sentence that may be shown to anybody.
func New(kind Kind, code, message string) *Error {
	return &Error{kind: kind, code: code, message: message}
}

// Error implements error; it includes the cause, so it is for logs only.
func (e *Error) Error() string {
	s := e.code + ": " + e.message
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Kind returns what sort of failure it is.
func (e *Error) Kind() Kind { return e.kind }

// Code returns the stable snake_case name.
func (e *Error) Code() string { return e.code }

// Message returns the sentence that is safe to show.
func (e *Error) Message() string { return e.message }

// Fields returns what is wrong with which field; empty when it is no one field.
func (e *Error) Fields() []Field { return e.fields }

// Details returns facts for the client's code, such as the id of the winner of
// a race. The caller must not change it.
func (e *Error) Details() map[string]any { return e.details }

// RetryAfter returns how long to wait before another try; zero says nothing.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// Unwrap returns the hidden cause.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is a fault with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.code == e.code
}

// Because returns a copy that hides cause behind it.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// With returns a copy with one more detail.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.details = maps.Clone(e.details)
	if c.details == nil {
		c.details = map[string]any{}
	}
	c.details[key] = value
	return &c
}

// Saying returns a copy with another sentence under the same code.
func (e *Error) Saying(message string) *Error {
	c := *e
	c.message = message
	return &c
}

// Field returns a copy that also blames a field.
func (e *Error) Field(field, rule string) *Error {
	return e.Blame(Field{Field: field, Rule: rule})
}

// Blame returns a copy that also blames all of the fields.
func (e *Error) Blame(fields ...Field) *Error {
	c := *e
	c.fields = slices.Concat(e.fields, fields)
	return &c
}

// Retry returns a copy that asks the caller to wait for d.
func (e *Error) Retry(d time.Duration) *Error {
	c := *e
	c.retryAfter = d
	return &c
}

// KindOf returns the kind of the first fault in err's chain, Internal when
// there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.kind
	}
	return Internal
}

// Faults that every part of the program shares.
var (
	ErrValidation = New(Invalid, "validation_failed", "The request is not valid.")
	ErrNotFound   = New(NotFound, "not_found", "There is no such resource in your organization.")
	ErrForbidden  = New(Forbidden, "forbidden", "You may not do this.")
	ErrStale      = New(Stale, "stale_version", "The resource has changed since you read it.")
)
