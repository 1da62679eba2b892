package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

type toyKind struct{}

func (toyKind) Prefix() string { return "toy_" }

type toyID = id.ID[toyKind]

type toyPart struct {
	Code   string `json:"code" minLength:"2" maxLength:"4" pattern:"^[A-Z]+$"`
	Amount Money  `json:"amount" minimum:"0"`
}

type toyBody struct {
	Name          string     `json:"name" minLength:"1" maxLength:"20"`
	EffectiveDate Date       `json:"effectiveDate"`
	Kind          string     `json:"kind,omitempty" enum:"red,blue"`
	Size          int64      `json:"size,omitempty"`
	Share         float64    `json:"share,omitempty" exclusiveMinimum:"0" maximum:"1"`
	Email         string     `json:"email,omitempty" format:"email"`
	At            *time.Time `json:"at,omitempty"`
	Parent        toyID      `json:"parent,omitempty"`
	Parts         []toyPart  `json:"parts,omitempty" minItems:"1" maxItems:"3"`
	Fail          string     `json:"fail,omitempty"`
}

type createToy struct{ Body toyBody }

type toyOut struct {
	Location string `header:"Location"`
	Body     toyView
}

type toyView struct {
	ID      toyID  `json:"id"`
	Name    string `json:"name"`
	Amount  Money  `json:"amount"`
	Date    Date   `json:"date"`
	Version int    `json:"version"`
}

func (v toyView) ETag() string { return etag(v.Version) }

type getToy struct {
	ID   toyID `path:"id"`
	From Date  `query:"from"`
}

type changeToy struct {
	IfMatch
	ID   toyID `path:"id"`
	Body *struct {
		Name string `json:"name,omitempty"`
	}
}

type listToys struct {
	Page
	Since time.Time `query:"since"`
}

type toyListOut struct{ Body List[toyView] }

var (
	errToyBroken = fault.New(fault.Refused, "toy_broken", "The toy is broken.")
	errToyTaken  = fault.New(fault.Conflict, "toy_taken", "The toy is taken.").Retry(1500 * time.Millisecond)
)

var toyFaults = map[string]error{
	"broken":       errToyBroken.With("since", "2026-01-01"),
	"taken":        errToyTaken,
	"unclassified": errors.New("SECRET sql text"),
	"wrapped":      fmt.Errorf("decide: %w", fault.ErrNotFound.Because(errors.New("SECRET"))),
	"down":         fault.New(fault.Unavailable, "mail_unavailable", "Mail is not configured.").Because(errors.New("SECRET")),
	"fields":       fault.ErrValidation.Field("a", "required").Field("b[0]", "max"),
}

// fixture is a server with a few toy operations and fakes for what it needs.
type fixture struct {
	api    *API
	server *httptest.Server
	keys   *fakeIdempotency
	log    *logBuffer
	now    time.Time

	mu      sync.Mutex // guards entries and made
	entries []Entry
	made    int
}

func (f *fixture) Record(e Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, e)
}

func (f *fixture) last() Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entries[len(f.entries)-1]
}

// toyOrg is maria's.
var toyOrg = access.NewOrgID(time.Unix(1, 0))

func (f *fixture) Authenticate(_ context.Context, c Credential) (access.Actor, error) {
	switch c.Bearer + c.APIKey {
	case "maria", "mariamaria":
		return access.Actor{Kind: access.User, ID: "usr_maria", Org: toyOrg}, nil
	case "reader":
		return access.Actor{Kind: access.Machine, ID: "key_reader", Scopes: []string{"toys:read"}}, nil
	case "enterprise":
		return access.Actor{Kind: access.Machine, ID: "key_big", Tier: "enterprise", Scopes: []string{"toys:write"}}, nil
	case "down":
		return access.Actor{}, fault.New(fault.Unavailable, "auth_unavailable", "Sign-in is down.")
	}
	return access.Actor{}, errUnauthenticated.Because(errors.New("SECRET token"))
}

func newFixture(t *testing.T, cfg Config) *fixture {
	t.Helper()
	f := &fixture{keys: &fakeIdempotency{kept: map[string]keptAnswer{}}, log: &logBuffer{}, now: time.Date(2026, 3, 2, 12, 0, 10, 0, time.UTC)}
	cfg.Logger = slog.New(slog.NewJSONHandler(f.log, nil))
	cfg.Now = func() time.Time { return f.now }
	if cfg.Registerer == nil {
		cfg.Registerer = prometheus.NewRegistry()
	}
	f.api = New(Deps{Authenticator: f, Idempotency: f.keys, Requests: f}, cfg)
	registerToys(f)
	f.server = httptest.NewServer(f.api.Handler())
	t.Cleanup(f.server.Close)
	return f
}

func registerToys(f *fixture) {
	view := toyView{ID: id.New[toyKind](time.Unix(1, 0)), Name: "bear", Amount: 1425050, Version: 3}
	register(f.api, operation{Method: "POST", Path: "/v1/toys", ID: "create-toy", Tag: "Toys", Scope: "toys:write"},
		func(_ context.Context, in *createToy) (*toyOut, error) {
			if err := toyFaults[in.Body.Fail]; err != nil {
				return nil, err
			}
			if in.Body.Fail == "panic" {
				panic("SECRET")
			}
			f.mu.Lock()
			f.made++
			v := toyView{ID: id.New[toyKind](f.now), Name: in.Body.Name, Date: in.Body.EffectiveDate, Version: 1}
			f.mu.Unlock()
			if len(in.Body.Parts) > 0 {
				v.Amount = in.Body.Parts[0].Amount
			}
			return &toyOut{Location: "/v1/toys/" + v.ID.String(), Body: v}, nil
		})
	register(f.api, operation{Method: "GET", Path: "/v1/toys", ID: "list-toys", Tag: "Toys", Scope: "toys:read"},
		func(_ context.Context, in *listToys) (*toyListOut, error) {
			rows := []toyView{view, view, view}
			return &toyListOut{Body: listOf(rows[:min(len(rows), in.Limit+1)], in.Limit,
				func(v toyView) toyView { return v }, func(v toyView) Cursor { return Cursor{At: f.now, ID: v.ID} })}, nil
		})
	register(f.api, operation{Method: "GET", Path: "/v1/toys/{id}", ID: "get-toy", Tag: "Toys", Scope: "toys:read"},
		func(_ context.Context, in *getToy) (*toyOut, error) { return &toyOut{Body: view}, nil })
	register(f.api, operation{Method: "PUT", Path: "/v1/toys/{id}", ID: "change-toy", Tag: "Toys", Scope: "toys:write", IfMatch: true},
		func(_ context.Context, in *changeToy) (*toyOut, error) {
			if err := in.Check(view.Version); err != nil {
				return nil, err
			}
			return &toyOut{Body: view}, nil
		})
	register(f.api, operation{Method: "DELETE", Path: "/v1/toys/{id}", ID: "delete-toy", Tag: "Toys", Scope: "toys:write"},
		func(context.Context, *getToy) (*struct{}, error) { return nil, nil })
	register(f.api, operation{Method: "POST", Path: "/auth/toys", ID: "public-toy", Public: true, Status: 200},
		func(_ context.Context, in *createToy) (*toyOut, error) { return &toyOut{Body: view}, nil })
}

type keptAnswer struct {
	fingerprint [32]byte
	answer      Answer
}

// fakeIdempotency keeps answers in memory, like the store's does in rows.
type fakeIdempotency struct {
	mu   sync.Mutex
	kept map[string]keptAnswer
}

func (f *fakeIdempotency) Do(ctx context.Context, k IdempotencyKey, run func(context.Context) (Answer, error)) (Answer, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := k.Org.String() + k.Principal + k.Route + k.Key
	if kept, ok := f.kept[name]; ok {
		if kept.fingerprint != k.Fingerprint {
			return Answer{}, false, fault.New(fault.Refused, "idempotency_mismatch", "The key was used for another request.")
		}
		return kept.answer, true, nil
	}
	a, err := run(ctx)
	if err == nil {
		f.kept[name] = keptAnswer{k.Fingerprint, a}
	}
	return a, false, err
}

type reply struct {
	status  int
	header  http.Header
	body    string
	problem struct {
		Code      string         `json:"error"`
		Message   string         `json:"message"`
		Details   map[string]any `json:"details"`
		RequestID string         `json:"requestId"`
	}
}

// send makes a request as maria; header lines are "Name: value", and an empty
// value takes a default away.
func (f *fixture) send(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer maria")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Del(name); value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := f.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if r.status >= 400 {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&r.problem); err != nil && method != "HEAD" {
			t.Fatalf("%s %s: body %q is no problem: %v", method, path, b, err)
		}
		if r.problem.Details == nil && method != "HEAD" {
			t.Errorf("%s %s: details missing in %s", method, path, b)
		}
	}
	for _, name := range []string{"X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy", "X-Content-Type-Options"} {
		if resp.Header.Get(name) == "" {
			t.Errorf("%s %s: no header %s", method, path, name)
		}
	}
	return r
}

func toyPath() string { return "/v1/toys/" + id.New[toyKind](time.Unix(1, 0)).String() }
