package access

import (
	"context"
	"net/netip"
	"time"

	"github.com/openinsure/openinsure/internal/id"
)

type requestKind struct{}

func (requestKind) Prefix() string { return "req_" }

// RequestID is the identifier of one request, which we mint ourselves.
type RequestID = id.ID[requestKind]

type requestKey struct{}

type addressKey struct{}

// WithRequest returns a context of the request r: what is written in it can be
// traced back to r.
func WithRequest(ctx context.Context, r RequestID) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom returns the request that ctx belongs to; the zero id outside one.
func RequestFrom(ctx context.Context) RequestID {
	r, _ := ctx.Value(requestKey{}).(RequestID)
	return r
}

// NewRequestID mints the id of a request that arrived at the given time.
func NewRequestID(at time.Time) RequestID { return id.New[requestKind](at) }

// WithAddress returns a context of a request that came from an address, behind
// the proxies that we trust.
func WithAddress(ctx context.Context, from netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, from)
}

// AddressFrom returns where the request came from; empty outside one.
func AddressFrom(ctx context.Context) string {
	if a, ok := ctx.Value(addressKey{}).(netip.Addr); ok && a.IsValid() {
		return a.String()
	}
	return ""
}
