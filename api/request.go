package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// state is what the frame learns about a request on its way, for the log line
// at the end. Only the request's own goroutine touches it.
type state struct {
	api             *API
	clientRequestID string
	address         netip.Addr
	host            string // that the request asked for
	tls             bool   // between the client and us, or a proxy of ours
	operation       bool   // a registered operation was reached
	door            bool   // it is of those by which one gets in: a refusal is of a sign-in
	actor           access.Actor
	errorCode       string
	replayed        bool
	suspect         access.Actor // whom a refused credential was of, when that is known
	object          string       // the id of what he was after, when the path does not say
	reason          string       // why it was refused, beyond the code that he is told
	key             *IdempotencyKey
	form            *form          // of an upload
	body            []byte         // JSON
	bodyType        reflect.Type   // into which it is read
	foreseen        []*fault.Error // what a use case would say of it
	needless        []fault.Field  // what the operation does not read: parameters, a body, null where there is to be a value
	list            string         // which list, by which filters, the cursors of the answer are of
	cookies         []*http.Cookie // of a page's request
}

type stateKey struct{}

func stateOf(ctx context.Context) *state {
	s, _ := ctx.Value(stateKey{}).(*state)
	if s == nil {
		s = &state{} // outside a request, as in a test of a part
	}
	return s
}

// observe is the outermost layer: it names the request, survives panics, and
// tells the log, the metrics and the record of requests how it went.
func (a *API) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.cfg.Now()
		rid := access.NewRequestID(start)
		st := &state{api: a, clientRequestID: clientRequestID(r), address: a.clientAddress(r), host: r.Host, tls: a.secure(r)}
		ctx := context.WithValue(access.WithAddress(access.WithRequest(r.Context(), rid), st.address), stateKey{}, st)
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w}
		h := rec.Header()
		h.Set("X-Request-Id", rid.String())
		a.protect(h, r, st.tls)
		if strings.HasPrefix(r.URL.Path, "/v1/") || strings.HasPrefix(r.URL.Path, "/auth/") {
			h.Set("Cache-Control", "no-store")
		}
		rec.beforeHeader = func() {
			if h.Get("X-RateLimit-Limit") == "" { // nothing counted this request
				a.peekAddress(rec, r)
			}
		}
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				a.cfg.Logger.ErrorContext(ctx, "panic", "requestId", rid, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				if rec.status == 0 {
					a.write(rec, r, newProblem(ctx, errInternal).answer())
				}
			}
			a.finish(rec, r, st, start)
		}()
		next.ServeHTTP(rec, r)
	})
}

func (a *API) finish(rec *recorder, r *http.Request, st *state, start time.Time) {
	route := chi.RouteContext(r.Context()).RoutePattern()
	if route == "" {
		route = "unmatched"
	}
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	took := a.cfg.Now().Sub(start)
	a.metrics.observe(route, r.Method, rec.status, took)
	rid := access.RequestFrom(r.Context())
	a.cfg.Logger.InfoContext(r.Context(), "request", "method", r.Method, "route", route, "status", rec.status,
		"ms", took.Milliseconds(), "requestId", rid, "actor", st.actor.ID, "org", st.actor.Org, "bytes", rec.bytes, "code", st.errorCode)
	a.refused(r, st, route, rec.status, start)
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if a.deps.Requests == nil || !st.operation || read && rec.status < 400 {
		return
	}
	a.deps.Requests.Record(Entry{
		RequestID: rid, ClientRequestID: st.clientRequestID, Org: st.actor.Org, Actor: st.actor, Method: r.Method, Route: route,
		Status: rec.status, ErrorCode: st.errorCode, Milliseconds: took.Milliseconds(), Replayed: st.replayed, At: start,
	})
}

// clientRequestID returns the caller's own id when it is fit to be kept.
func clientRequestID(r *http.Request) string {
	if s := r.Header.Get("X-Request-Id"); printable(s, 128) {
		return s
	}
	return ""
}

// printable reports whether s is 1 to most visible ASCII characters.
func printable(s string, most int) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// clientAddress returns who is really asking. X-Forwarded-For counts only as
// far as proxies that we trust wrote it: the rightmost address that is none of
// theirs.
func (a *API) clientAddress(r *http.Request) netip.Addr {
	peer := peerOf(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && a.trusts(peer); i-- {
		hop := strings.TrimSpace(hops[i])
		next, err := netip.ParseAddr(strings.Trim(hop, "[]"))
		if err != nil {
			ap, err := netip.ParseAddrPort(hop)
			if err != nil {
				break
			}
			next = ap.Addr()
		}
		peer = next.Unmap().WithZone("")
	}
	return peer
}

// peerOf is the address at the other end of the connection.
func peerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func (a *API) trusts(peer netip.Addr) bool {
	for _, p := range a.cfg.TrustedProxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// methods lists the methods that the route of r answers.
func (a *API) methods(r *http.Request) []string {
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	var allowed []string
	for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if a.mux.Match(chi.NewRouteContext(), m, path) {
			allowed = append(allowed, m)
			if m == "GET" {
				allowed = append(allowed, "HEAD")
			}
		}
	}
	return allowed
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status       int // zero until the header is sent
	bytes        int64
	beforeHeader func() // adds the last headers
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.beforeHeader()
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap, Flush and Hijack let deadlines, streams and WebSockets through.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *recorder) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that left is no failure of ours
}

// Hijack implements http.Hijacker.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = http.StatusSwitchingProtocols
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
