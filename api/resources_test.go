package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A world is a server over a database of its own, with an MGA.
type world struct {
	t       *testing.T
	db      *store.DB
	url     string
	tokens  *access.Tokens
	key     string // of the tokens
	rooms   *rooms.House
	files   *blob.Bucket
	desk    *insurance.Desk
	door    *Door
	log     logBuffer
	una     access.Actor // the MGA's underwriter
	ada     access.Actor // its administrator
	refused refusedRows
}

// A logBuffer is a log that is read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

const worldSecret = "a secret of the system, long enough for tests"

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, storetest.New(t))
}

// newWorldOn is newWorld over a database that was opened in some special way.
func newWorldOn(t *testing.T, db *store.DB) *world {
	t.Helper()
	return newWorldAt(t, db, time.Now)
}

// newWorldAt is newWorldOn at a time of its own, which the database has to have
// as well.
func newWorldAt(t *testing.T, db *store.DB, now func() time.Time) *world {
	t.Helper()
	w := &world{t: t, db: db}
	db.OnRefused(w.refused.Refused)
	var err error
	w.key = access.NewTokenKey("t")
	if w.tokens, err = access.ParseTokens(w.key, "http://test", now); err != nil {
		t.Fatal(err)
	}
	desk := insurance.New(w.db, insurance.Config{MaxBackdate: -1, Production: true, Now: now})
	w.una = storetest.Org(t, w.db, "Summit")
	w.ada = w.una
	ada := access.NewUserID(time.Now())
	w.ada.ID, w.ada.Role = ada.String(), access.RoleAdmin
	err = w.db.InTx(t.Context(), w.una, func(tx *store.Tx) error {
		if err := tx.AddUser(t.Context(), store.User{ID: ada, Org: w.una.Org, Email: "ada@example.com", Name: "Ada", Role: access.RoleAdmin, Status: "active", CreatedAt: time.Now()}); err != nil {
			return err
		}
		return desk.OpenProgram(t.Context(), tx, w.una.Org)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.desk = desk
	door := &Door{DB: w.db, Tokens: w.tokens, Secret: worldSecret, Demo: true, Now: now}
	w.door = door
	a := New(Deps{Authenticator: door, Idempotency: keptAnswers{w.db}, Refusals: &w.refused}, Config{Environment: "development", Now: now, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Logger: slog.New(slog.NewTextHandler(&w.log, nil))})
	w.files = memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = w.files.Close() })
	posts := storetest.Poster(t, w.db)
	// Each question reads the flags anew, so that nothing waits for them to be
	// followed; how they are is a test of the store's.
	isOn := func(org access.OrgID, key string) bool {
		flags, err := w.db.LoadFlags(context.Background())
		if err != nil {
			t.Error(err)
			return false
		}
		return flags.Bool(org, key)
	}
	w.rooms = rooms.New(w.db, posts, w.files, rooms.Config{Flag: isOn, Now: now})
	p := Platform{DB: w.db, Desk: desk, Rooms: w.rooms, Door: door, Now: now, Docs: DocsOpen}
	p.Hub = runHub(t, &Live{Platform: p, Posts: posts, Refusals: &w.refused}, slog.New(slog.NewTextHandler(&w.log, nil)))
	a.RegisterAll(p)
	s := httptest.NewServer(a.Handler())
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

// keptAnswers lets the API's idempotency stand on the store's.
type keptAnswers struct{ db *store.DB }

func (k keptAnswers) Do(ctx context.Context, key IdempotencyKey, run func(context.Context) (Answer, error)) (Answer, bool, error) {
	a, replayed, err := k.db.Once(ctx, access.Actor{Org: key.Org}, store.Once{Principal: key.Principal, Route: key.Route, Key: key.Key, Fingerprint: key.Fingerprint},
		func(ctx context.Context) (store.Answer, error) {
			a, err := run(ctx)
			return store.Answer(a), err
		})
	return Answer(a), replayed, err
}

// token is a credential of the actor's.
func (w *world) token(a access.Actor) string {
	w.t.Helper()
	token, _, err := w.tokens.Mint(a)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// call answers the status and the body.
func (w *world) call(bearer, method, path, body string, header ...string) (int, map[string]any, http.Header) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var m map[string]any
	if len(bytes.TrimSpace(b)) > 0 {
		if err := json.Unmarshal(b, &m); err != nil {
			w.t.Fatalf("%s %s: %s", method, path, b)
		}
	}
	return res.StatusCode, m, res.Header
}

func (w *world) must(status int, bearer, method, path, body string, header ...string) map[string]any {
	w.t.Helper()
	got, m, _ := w.call(bearer, method, path, body, header...)
	if got != status {
		w.t.Fatalf("%s %s = %d %v, want %d", method, path, got, m, status)
	}
	return m
}

const goodSubmission = `{"insuredName":"Pacific Coast Builders","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,
	"effectiveDate":"2026-05-01","state":"OR","lineOfBusiness":"GL","externalId":"ext-1","metadata":{"a":"b"}}`

func TestSubmissionToPolicy(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	s := w.must(201, una, "POST", "/v1/submissions", goodSubmission)
	id := s["id"].(string)
	if s["status"] != "received" || s["annualRevenue"] != 8e6 || s["effectiveDate"] != "2026-05-01" {
		t.Errorf("created %v", s)
	}
	q := w.must(201, una, "POST", "/v1/submissions/"+id+"/quote", "")
	if q["grossPremium"] != 14250.0 || q["decision"] != "quoted" || len(q["factors"].([]any)) != 4 || len(q["schedule"].(map[string]any)["MONTHLY_10"].([]any)) != 9 {
		t.Errorf("quote %v", q)
	}
	w.must(200, una, "GET", "/v1/quotes/"+q["id"].(string), "")
	if got := w.must(412, una, "POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"PIF"}`, "If-Match", `"1"`); got["error"] != "stale_version" {
		t.Errorf("stale: %v", got)
	}
	p := w.must(201, una, "POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"PIF","externalId":"p-1","metadata":{"k":"v"}}`, "If-Match", `"2"`)
	if p["externalId"] != "p-1" || p["metadata"].(map[string]any)["k"] != "v" || p["policyNumber"] != "GL-2026-000001" || p["expirationDate"] != "2027-05-01" {
		t.Errorf("policy %v", p)
	}
	if got := w.must(422, una, "POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"PIF"}`); got["error"] != "submission_state" || got["details"].(map[string]any)["status"] != "bound" {
		t.Errorf("second bind: %v", got)
	}
	if n := len(w.must(200, una, "GET", "/v1/policies?externalId=p-1", "")["data"].([]any)); n != 1 {
		t.Errorf("%d policies by externalId", n)
	}
	line := w.must(200, una, "GET", "/v1/policies/"+p["id"].(string)+"/timeline", "")["data"].([]any)
	if len(line) != 1 || line[0].(map[string]any)["premium"] != 14250.0 {
		t.Errorf("timeline %v", line)
	}
	is := w.must(200, una, "GET", "/v1/invoices?policyId="+p["id"].(string), "")["data"].([]any)
	if len(is) != 1 || is[0].(map[string]any)["amount"] != 14250.0 {
		t.Errorf("invoices %v", is)
	}
	w.must(200, una, "GET", "/v1/invoices/"+is[0].(map[string]any)["id"].(string), "")
	if n := len(w.must(200, una, "GET", "/v1/submissions?externalId=ext-1&status=bound&effectiveFrom=2026-05-01&effectiveTo=2026-05-01", "")["data"].([]any)); n != 1 {
		t.Errorf("filter found %d", n)
	}
	if got := w.must(409, una, "POST", "/v1/submissions", goodSubmission); got["error"] != "duplicate_external_id" {
		t.Errorf("duplicate: %v", got)
	}
}

func TestBadInputWritesNothing(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	for name, tt := range map[string]struct {
		old, now    string
		status      int
		code, field string
		rule        string
	}{
		"no name":            {`"insuredName":"Pacific Coast Builders",`, ``, 400, "validation_failed", "insuredName", "required"},
		"unknown field":      {`"state"`, `"colour":"red","state"`, 400, "validation_failed", "colour", "unknown"},
		"wrong type":         {`8000000`, `"8000000"`, 400, "validation_failed", "annualRevenue", "type"},
		"negative revenue":   {`8000000`, `-1`, 400, "validation_failed", "annualRevenue", "min"},
		"part of a cent":     {`8000000`, `1.001`, 400, "validation_failed", "annualRevenue", "money"},
		"absurd limit":       {`1000000`, `1e300`, 400, "validation_failed", "requestedLimit", "max"},
		"no limit":           {`1000000,`, `0,`, 400, "validation_failed", "requestedLimit", "min"},
		"impossible date":    {`2026-05-01`, `2026-02-30`, 400, "validation_failed", "effectiveDate", "date"},
		"absurd date":        {`2026-05-01`, `9999-05-01`, 400, "validation_failed", "effectiveDate", "date"},
		"no state":           {`"OR"`, `"XX"`, 400, "validation_failed", "state", "enum"},
		"line without rates": {`"GL"`, `"CYBER"`, 422, "line_not_offered", "lineOfBusiness", "enum"},
		"fat metadata":       {`{"a":"b"}`, `{"a":"` + strings.Repeat("x", 501) + `"}`, 400, "validation_failed", "metadata.a", "maxLength"},
		"malformed":          {`"GL"`, `GL`, 400, "malformed_json", "", ""},
	} {
		got, m, _ := w.call(una, "POST", "/v1/submissions", strings.Replace(goodSubmission, tt.old, tt.now, 1))
		d, _ := m["details"].(map[string]any)
		if got != tt.status || m["error"] != tt.code || tt.field != "" && (d["field"] != tt.field || d["rule"] != tt.rule) {
			t.Errorf("%s: %d %v, want %d %s %s %s", name, got, m, tt.status, tt.code, tt.field, tt.rule)
		}
	}
	if n := len(w.must(200, una, "GET", "/v1/submissions", "")["data"].([]any)); n != 0 {
		t.Errorf("%d submissions were written", n)
	}
	if n := len(w.must(200, una, "GET", "/v1/events", "")["data"].([]any)); n != 0 {
		t.Errorf("%d events were told", n)
	}
}

func TestStrangersAndTheUnderscoped(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	id := w.must(201, una, "POST", "/v1/submissions", goodSubmission)["id"].(string)
	w.must(201, una, "POST", "/v1/submissions/"+id+"/quote", "")
	pol := w.must(201, una, "POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"PIF"}`)["id"].(string)
	other := w.token(storetest.Org(t, w.db, "Other"))
	paths := []string{"/v1/submissions/" + id, "/v1/policies/" + pol, "/v1/policies/" + pol + "/timeline"}
	for _, path := range paths {
		if got, m, _ := w.call(other, "GET", path, ""); got != 404 || m["error"] != "not_found" {
			t.Errorf("another organisation: GET %s = %d %v", path, got, m)
		}
		for _, bad := range []string{"", "nonsense", "oik_live_nonsense", una + "x"} {
			if got, m, h := w.call(bad, "GET", path, ""); got != 401 || h.Get("X-Request-Id") == "" || m["requestId"] != h.Get("X-Request-Id") {
				t.Errorf("credential %.8q: GET %s = %d %v", bad, path, got, m)
			}
		}
	}
	if got, m, _ := w.call(other, "POST", "/v1/submissions/"+id+"/quote", ""); got != 404 {
		t.Errorf("foreign quote: %d %v", got, m)
	}
	w.must(404, una, "GET", "/v1/policies/pol_nonsense", "")
	w.must(404, una, "GET", "/v1/policies/"+id, "")

	ada := w.token(w.ada)
	made := w.must(201, ada, "POST", "/v1/api-keys", `{"name":"reader","scopes":["policies:read"]}`)
	key := made["key"].(string)
	w.must(200, key, "GET", "/v1/policies/"+pol, "")
	if m := w.must(403, key, "GET", "/v1/submissions", ""); m["error"] != "insufficient_scope" {
		t.Errorf("underscoped: %v", m)
	}
	w.must(403, key, "POST", "/v1/api-keys", `{"name":"more","scopes":["policies:read"]}`)
	w.must(403, una, "POST", "/v1/api-keys", `{"name":"more","scopes":["policies:read"]}`)
	w.must(400, ada, "POST", "/v1/api-keys", `{"name":"x","scopes":["everything:write"]}`)
	w.must(400, ada, "POST", "/v1/api-keys", `{"name":"x","scopes":["policies:read"],"expiresAt":"2020-01-01T00:00:00Z"}`)
	w.must(404, ada, "DELETE", "/v1/api-keys/key_nonsense", "")
	w.must(204, ada, "DELETE", "/v1/api-keys/"+made["id"].(string), "")
	w.must(401, key, "GET", "/v1/policies", "")
}

func TestExpiredKeyAndToken(t *testing.T) {
	w := newWorld(t)
	past := time.Now().Add(-time.Hour)
	k, secret := NewKey(w.una.Org, "old", "test", false, past.Add(-time.Hour))
	k.ExpiresAt = &past
	if err := w.db.InTx(t.Context(), w.una, func(tx *store.Tx) error { return tx.AddKey(t.Context(), k, secret) }); err != nil {
		t.Fatal(err)
	}
	w.must(401, secret, "GET", "/v1/policies", "")

	keys := access.NewTokenKey("t")
	then := func() time.Time { return time.Now().Add(-access.TokenAge - time.Minute) }
	old, err := access.ParseTokens(keys, "http://test", then)
	if err != nil {
		t.Fatal(err)
	}
	now, err := access.ParseTokens(keys, "http://test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	expired, _, err := old.Mint(w.una)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Verify(expired); err != nil {
		t.Errorf("when it was good: %v", err)
	}
	if _, err := now.Verify(expired); err == nil {
		t.Error("an expired token was accepted")
	}
}

func TestUsersComeAndGo(t *testing.T) {
	w := newWorld(t)
	ada := w.token(w.ada)
	u := w.must(201, ada, "POST", "/v1/users", `{"email":"uma@example.com","name":"Uma","role":"auditor"}`)
	if m := w.must(409, ada, "POST", "/v1/users", `{"email":"UMA@example.com","name":"Uma","role":"auditor"}`); m["error"] != "duplicate_email" {
		t.Errorf("twice: %v", m)
	}
	uma := w.token(access.Actor{Kind: access.User, ID: u["id"].(string), Org: w.una.Org})
	w.must(200, uma, "GET", "/v1/submissions", "")
	w.must(403, uma, "POST", "/v1/submissions", goodSubmission)
	w.must(200, ada, "PATCH", "/v1/users/"+u["id"].(string), `{"role":"underwriter"}`, "If-Match", `"1"`)
	w.must(412, ada, "PATCH", "/v1/users/"+u["id"].(string), `{"role":"auditor"}`, "If-Match", `"1"`)
	w.must(201, uma, "POST", "/v1/submissions", goodSubmission)
	if m := w.must(200, uma, "GET", "/v1/me", ""); m["role"] != "underwriter" || m["email"] != "uma@example.com" {
		t.Errorf("me: %v", m)
	}
	w.must(204, ada, "DELETE", "/v1/users/"+u["id"].(string), "")
	w.must(401, uma, "GET", "/v1/me", "")
	w.must(422, ada, "DELETE", "/v1/users/"+w.ada.ID, "")
	w.must(403, w.token(w.una), "POST", "/v1/users", `{"email":"x@example.com","name":"X","role":"admin"}`)
}

func TestLoginLinkWorksOnce(t *testing.T) {
	w := newWorld(t)
	var una access.UserID
	if err := una.UnmarshalText([]byte(w.una.ID)); err != nil {
		t.Fatal(err)
	}
	err := w.db.InTx(t.Context(), w.una, func(tx *store.Tx) error {
		return errors.Join(tx.AddLoginLink(t.Context(), "good", una, time.Now().Add(time.Minute)),
			tx.AddLoginLink(t.Context(), "old", una, time.Now().Add(-time.Minute)))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.must(401, "", "POST", "/auth/login", `{"code":"old"}`)
	w.must(401, "", "POST", "/auth/login", `{"code":"unknown"}`)
	token := w.must(200, "", "POST", "/auth/login", `{"code":"good"}`)["token"].(string)
	if m := w.must(200, token, "GET", "/v1/me", ""); m["id"] != w.una.ID {
		t.Errorf("signed in as %v", m)
	}
	w.must(401, "", "POST", "/auth/login", `{"code":"good"}`)
}

func TestSystemNamesItsOrganization(t *testing.T) {
	w := newWorld(t)
	if m := w.must(400, worldSecret, "GET", "/v1/policies", ""); m["details"].(map[string]any)["field"] != "orgId" {
		t.Errorf("without: %v", m)
	}
	w.must(200, worldSecret, "GET", "/v1/policies?orgId="+w.una.Org.String(), "")
	w.must(200, worldSecret, "GET", "/v1/policies?orgId="+w.una.Org.UUID(), "")
	w.must(404, worldSecret, "GET", "/v1/policies?orgId="+access.NewOrgID(time.Now()).String(), "")
	w.must(400, worldSecret, "GET", "/v1/policies?orgId=nonsense", "")
	o := w.must(201, worldSecret, "POST", "/v1/organizations", `{"name":"Third","kind":"mga"}`)
	w.must(201, worldSecret, "POST", "/v1/submissions?orgId="+o["id"].(string), goodSubmission)
	w.must(403, w.token(w.ada), "POST", "/v1/organizations", `{"name":"Mine","kind":"mga"}`)
	w.must(401, "", "POST", "/auth/demo", `{"secret":"wrong"}`)
	for _, as := range []string{"admin", "underwriter"} {
		token := w.must(200, "", "POST", "/auth/demo", `{"secret":"`+worldSecret+`","as":"`+as+`"}`)["token"].(string)
		if m := w.must(200, token, "GET", "/v1/me", ""); m["role"] != as {
			t.Errorf("demo as %s: %v", as, m)
		}
	}
}

func TestEventFeeds(t *testing.T) {
	w := newWorld(t)
	una := w.token(w.una)
	for range 5 {
		w.must(201, una, "POST", "/v1/submissions", strings.Replace(goodSubmission, `,"externalId":"ext-1"`, "", 1))
	}
	channel := event.OrgChannel(w.una.Org, event.Underwriting)
	var seqs []float64
	after := ""
	for {
		m := w.must(200, una, "GET", "/v1/events?limit=2&channel="+channel+"&after="+after, "")
		for _, e := range m["data"].([]any) {
			seqs = append(seqs, e.(map[string]any)["seq"].(float64))
		}
		after = m["after"].(string)
		if m["hasMore"] == false {
			break
		}
	}
	if len(seqs) != 5 || seqs[0] != 1 || seqs[4] != 5 {
		t.Errorf("followed %v", seqs)
	}
	epoch, _, _ := strings.Cut(after, ":")
	for _, gone := range []string{"0000:1", epoch + ":99"} {
		if m := w.must(409, una, "GET", "/v1/events?channel="+channel+"&after="+gone, ""); m["details"].(map[string]any)["after"] != after {
			t.Errorf("after %s: %v", gone, m)
		}
	}
	w.must(400, una, "GET", "/v1/events?channel="+channel+"&after=x", "")
	w.must(400, una, "GET", "/v1/events?after="+after, "")
	w.must(404, w.token(storetest.Org(t, w.db, "Other")), "GET", "/v1/events?channel="+channel, "")

	var ids []string
	cursor := ""
	for {
		m := w.must(200, una, "GET", "/v1/events?limit=2&type=submission.created&cursor="+cursor, "")
		for _, e := range m["data"].([]any) {
			ids = append(ids, e.(map[string]any)["id"].(string))
		}
		if m["hasMore"] == false {
			break
		}
		cursor = m["nextCursor"].(string)
	}
	if len(ids) != 5 {
		t.Errorf("listed %d", len(ids))
	}
	w.must(200, una, "GET", "/v1/events/"+ids[0], "")
	key := w.must(201, w.token(w.ada), "POST", "/v1/api-keys", `{"name":"k","scopes":["events:read","policies:read"]}`)["key"].(string)
	if n := len(w.must(200, key, "GET", "/v1/events", "")["data"].([]any)); n != 0 {
		t.Errorf("a key without submissions:read lists %d events of submissions", n)
	}
	w.must(403, key, "GET", "/v1/events?channel="+channel, "")
}
