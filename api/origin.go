package api

import (
	"net/http"
	"slices"
	"strings"
)

// What pages of other sites may send and read. Nothing here goes by cookies,
// so credentials in the sense of CORS are never allowed.
const (
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-API-Key, X-Request-Id, Traceparent"
	corsExposed = "Deprecation, ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, Sunset, " +
		"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
	corsMaxAge = "600" // seconds that a browser need not ask again
)

// strictTransport has browsers use nothing but HTTPS for a year.
const strictTransport = "max-age=31536000"

// closedPolicy is the policy of what is no page: nothing in it runs or loads,
// and nobody frames it. Pages have their own.
const closedPolicy = "default-src 'none'; frame-ancestors 'none'"

// protect sets the headers by which a browser guards its user. Pages of a site
// that is not listed get no permission to read anything.
func (a *API) protect(h http.Header, r *http.Request, secure bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", closedPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	if secure {
		h.Set("Strict-Transport-Security", strictTransport)
	}
	h.Add("Vary", "Origin")
	if a.listed(r.Header.Get("Origin")) {
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Expose-Headers", corsExposed)
	}
}

// listed reports whether pages of an origin may call us.
func (a *API) listed(origin string) bool {
	return origin != "" && slices.Contains(a.cfg.Origins, strings.ToLower(origin))
}

// preflight answers a browser that asks whether a page of a listed site may
// send a request; it leaves any other to the routes.
func (a *API) preflight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Header.Get("Access-Control-Request-Method")
		if r.Method != http.MethodOptions || asked == "" || !a.listed(r.Header.Get("Origin")) {
			next.ServeHTTP(w, r)
			return
		}
		methods := a.methods(r)
		if len(methods) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		if !a.takeAddress(w, r) {
			return
		}
		h := w.Header()
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		w.WriteHeader(http.StatusNoContent)
	})
}

// secure reports whether the client speaks TLS: with us, or with a proxy that
// we trust and that says so.
func (a *API) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !a.trusts(peerOf(r)) {
		return false
	}
	said := strings.Join(r.Header.Values("X-Forwarded-Proto"), ",")
	last := said[strings.LastIndexByte(said, ',')+1:]
	return strings.EqualFold(strings.TrimSpace(last), "https")
}
