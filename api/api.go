// Package api is the REST interface: it translates between HTTP and the use
// cases, and decides nothing itself.
//
// Every operation goes through register, which authenticates, counts, checks
// the scope and only then validates, in that order. Whatever goes wrong becomes
// one shape of answer, made in problem.go.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access"
)

// Config holds what has a sensible default. The zero Config works and is as
// strict as production.
type Config struct {
	Logger         *slog.Logger                    // slog.Default when nil
	Environment    string                          // development, sandbox or production (default): sets the rate limits
	Version        string                          // shown in the OpenAPI document; default "dev"
	MaxBody        int64                           // bytes of a request body; default 1 MiB
	ReadTimeout    time.Duration                   // for a whole request body; default 15 s
	TrustedProxies []netip.Prefix                  // peers whose X-Forwarded-For and -Proto are believed; none by default
	Now            func() time.Time                // default time.Now
	Registerer     prometheus.Registerer           // nil keeps no metrics
	Ready          func(ctx context.Context) error // nil is always ready
	Parts          func() map[string]string        // the state of each part, for /readyz; nil tells of none
	Limiter        Limiter                         // default counts in this process
	Origins        []string                        // whose pages may call us and open sockets besides our own, as https://app.example.com in lower case
}

// Deps is what the frame needs of others.
type Deps struct {
	Authenticator Authenticator
	Idempotency   Idempotency // nil ignores Idempotency-Key: only for tests
	Requests      Requests    // nil records nothing
	Refusals      Refusals    // nil keeps nothing
}

// An Authenticator turns a credential into who acts. A credential that proves
// nothing is a fault of kind Unauthenticated.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credential) (access.Actor, error)
}

// A Credential is what a request showed. Exactly one of Bearer and APIKey is
// set, unless both headers carried the same value.
type Credential struct {
	Bearer string
	APIKey string
	OrgID  string     // of ?orgId=; it only means something for System
	IP     netip.Addr // the client's address, behind trusted proxies
}

// Requests keeps what happened to changes and failures. Record must not block.
type Requests interface {
	Record(Entry)
}

// An Entry is one request that changed something or failed.
type Entry struct {
	RequestID       access.RequestID
	ClientRequestID string // the caller's own X-Request-Id, at most 128 characters
	Org             access.OrgID
	Actor           access.Actor // zero when nobody was authenticated
	Method          string
	Route           string // the pattern, such as /v1/claims/{id}
	Status          int
	ErrorCode       string // empty on success
	Milliseconds    int64
	Replayed        bool
	At              time.Time
}

// API serves the REST interface. Register every operation before it serves.
type API struct {
	cfg      Config
	deps     Deps
	mux      *chi.Mux
	huma     huma.API
	rates    rates
	metrics  *metrics
	draining atomic.Bool
	docsGate func(w http.ResponseWriter, r *http.Request) bool // lets a request to the docs pass, or has answered it; nil: they are open

	document     []byte // the OpenAPI document, made once
	documentOnce sync.Once
}

// New returns an API without business operations.
func New(deps Deps, cfg Config) *API {
	cfg = cfg.withDefaults()
	setHumaOnce()
	a := &API{cfg: cfg, deps: deps, mux: chi.NewMux()}
	a.rates = newRates(cfg.Environment, cfg.Limiter)
	a.metrics = newMetrics(cfg.Registerer)
	a.mux.Use(a.observe, a.preflight, middleware.GetHead)
	a.mux.NotFound(a.unknownRoute)
	a.mux.MethodNotAllowed(a.wrongMethod)
	a.huma = huma.NewAPI(huma.Config{
		OpenAPI:       newDocument(cfg.Version),
		Formats:       map[string]huma.Format{"application/json": jsonFormat},
		DefaultFormat: "application/json",
	}, humachi.NewAdapter(a.mux))
	a.serveHealth()
	a.serveDocs()
	return a
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = 15 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	if c.Limiter == nil {
		c.Limiter = NewMemoryLimiter(c.Now)
	}
	return c
}

// Handler returns the root of the interface.
func (a *API) Handler() http.Handler { return a.mux }

// Handle mounts a handler that is no JSON operation, such as a WebSocket or a
// key set. It gets request ids, logs and panics like any other, and nothing
// else: it authenticates for itself.
func (a *API) Handle(method, pattern string, h http.Handler) { a.mux.Method(method, pattern, h) }

// OpenAPI returns the OpenAPI 3.1 document of all registered operations.
func (a *API) OpenAPI() []byte {
	a.documentOnce.Do(func() {
		var b bytes.Buffer
		compact, err := json.Marshal(a.huma.OpenAPI())
		if err != nil {
			panic("openapi document: " + err.Error()) // a schema that no code path can make
		}
		if err := json.Indent(&b, compact, "", "  "); err != nil {
			panic("openapi document: " + err.Error())
		}
		b.WriteByte('\n')
		a.document = b.Bytes()
	})
	return a.document
}

// SetDraining makes /readyz say no, so that balancers stop sending before the
// listener closes.
func (a *API) SetDraining() { a.draining.Store(true) }
