package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const okToy = `{"name":"bear","effectiveDate":"2026-03-01"`

func TestEveryErrorPath(t *testing.T) {
	f := newFixture(t, Config{})
	deep := strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65)
	tests := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code, field, rule        string
	}{
		{name: "malformed json", body: `{"name":SECRET`, status: 400, code: "malformed_json"},
		{name: "truncated json", body: `{"name":"SECRET"`, status: 400, code: "malformed_json"},
		{name: "trailing json", body: okToy + `} SECRET`, status: 400, code: "malformed_json"},
		{name: "deep json", body: deep, status: 400, code: "malformed_json"},
		{name: "invalid utf-8", body: okToy + ",\"kind\":\"\xff\"}", status: 400, code: "malformed_json"},
		{name: "nul in a text", body: `{"name":"a\u0000SECRET","effectiveDate":"2026-03-01"}`, status: 400, code: "validation_failed", field: "name", rule: "format"},
		{name: "no body", body: "", status: 400, code: "validation_failed", field: "body", rule: "required"},
		{name: "null body", body: "null", status: 400, code: "validation_failed", field: "body", rule: "required"},
		{name: "list body", body: `["SECRET"]`, status: 400, code: "validation_failed", field: "body", rule: "type"},
		{name: "wrong type", body: `{"name":12345678,"effectiveDate":"2026-03-01"}`, status: 400, code: "validation_failed", field: "name", rule: "type"},
		{name: "missing", body: `{"name":"SECRET"}`, status: 400, code: "validation_failed", field: "effectiveDate", rule: "required"},
		{name: "unknown field", body: okToy + `,"colour":"SECRET"}`, status: 400, code: "validation_failed", field: "colour", rule: "unknown"},
		{name: "other case", body: okToy + `,"Kind":"red"}`, status: 400, code: "validation_failed", field: "Kind", rule: "unknown"},
		{name: "unknown nested", body: okToy + `,"parts":[{"code":"AB","amount":1,"x":"SECRET"}]}`, status: 400, code: "validation_failed", field: "parts[0].x", rule: "unknown"},
		{name: "missing nested", body: okToy + `,"parts":[{"code":"AB","amount":1},{"code":"AB"}]}`, status: 400, code: "validation_failed", field: "parts[1].amount", rule: "required"},
		{name: "too short", body: okToy + `,"parts":[{"code":"A","amount":1}]}`, status: 400, code: "validation_failed", field: "parts[0].code", rule: "minLength"},
		{name: "too long", body: okToy + `,"parts":[{"code":"SECRET","amount":1}]}`, status: 400, code: "validation_failed", field: "parts[0].code", rule: "maxLength"},
		{name: "pattern", body: okToy + `,"parts":[{"code":"ab","amount":1}]}`, status: 400, code: "validation_failed", field: "parts[0].code", rule: "pattern"},
		{name: "too few", body: okToy + `,"parts":[]}`, status: 400, code: "validation_failed", field: "parts", rule: "minItems"},
		{name: "enum", body: okToy + `,"kind":"SECRET"}`, status: 400, code: "validation_failed", field: "kind", rule: "enum"},
		{name: "email", body: okToy + `,"email":"SECRET"}`, status: 400, code: "validation_failed", field: "email", rule: "email"},
		{name: "instant", body: okToy + `,"at":"SECRET"}`, status: 400, code: "validation_failed", field: "at", rule: "datetime"},
		{name: "id of another kind", body: okToy + `,"parent":"org_SECRET"}`, status: 400, code: "validation_failed", field: "parent", rule: "id"},
		{name: "exclusive minimum", body: okToy + `,"share":0}`, status: 400, code: "validation_failed", field: "share", rule: "exclusiveMin"},
		{name: "maximum", body: okToy + `,"share":1e400}`, status: 400, code: "validation_failed", field: "share", rule: "max"},
		{name: "fraction of a whole", body: okToy + `,"size":1.5}`, status: 400, code: "validation_failed", field: "size", rule: "type"},
		{name: "beyond int64", body: okToy + `,"size":99999999999999999999}`, status: 400, code: "validation_failed", field: "size", rule: "max"},
		{name: "below int64", body: okToy + `,"size":-99999999999999999999}`, status: 400, code: "validation_failed", field: "size", rule: "min"},
		{name: "a third of a cent", body: okToy + `,"parts":[{"code":"AB","amount":1.333}]}`, status: 400, code: "validation_failed", field: "parts[0].amount", rule: "money"},
		{name: "negative money", body: okToy + `,"parts":[{"code":"AB","amount":-1}]}`, status: 400, code: "validation_failed", field: "parts[0].amount", rule: "min"},
		{name: "absurd money", body: okToy + `,"parts":[{"code":"AB","amount":1e999999999}]}`, status: 400, code: "validation_failed", field: "parts[0].amount", rule: "max"},
		{name: "tiny money", body: okToy + `,"parts":[{"code":"AB","amount":1e-999999999}]}`, status: 400, code: "validation_failed", field: "parts[0].amount", rule: "money"},
		{name: "no such day", body: `{"name":"bear","effectiveDate":"2026-02-30"}`, status: 400, code: "validation_failed", field: "effectiveDate", rule: "date"},
		{name: "absurd year", body: `{"name":"bear","effectiveDate":"9999-02-01"}`, status: 400, code: "validation_failed", field: "effectiveDate", rule: "date"},
		{name: "wrong content type", body: okToy + `}`, header: []string{"Content-Type: text/plain"}, status: 415, code: "unsupported_media_type"},
		{name: "2 MiB", body: `{"name":"` + strings.Repeat("x", 2<<20) + `"}`, status: 413, code: "body_too_large"},
		{name: "bad idempotency key", body: okToy + `}`, header: []string{"Idempotency-Key: " + strings.Repeat("x", 256)}, status: 400, code: "validation_failed", field: "Idempotency-Key", rule: "format"},

		{name: "unknown route", method: "GET", path: "/v1/SECRET", status: 404, code: "unknown_route"},
		{name: "wrong method", method: "PATCH", path: "/v1/toys", status: 405, code: "method_not_allowed"},
		{name: "invented method", method: "BREW", path: "/v1/toys", status: 405, code: "method_not_allowed"},
		{name: "unknown query", method: "GET", path: "/v1/toys?colour=SECRET", status: 400, code: "validation_failed", field: "colour", rule: "unknown"},
		{name: "limit 0", method: "GET", path: "/v1/toys?limit=0", status: 400, code: "validation_failed", field: "limit", rule: "min"},
		{name: "limit 101", method: "GET", path: "/v1/toys?limit=101", status: 400, code: "validation_failed", field: "limit", rule: "max"},
		{name: "limit word", method: "GET", path: "/v1/toys?limit=SECRET", status: 400, code: "validation_failed", field: "limit", rule: "type"},
		{name: "limit absurd", method: "GET", path: "/v1/toys?limit=99999999999999999999", status: 400, code: "validation_failed", field: "limit", rule: "max"},
		{name: "bad cursor", method: "GET", path: "/v1/toys?cursor=SECRET", status: 400, code: "validation_failed", field: "cursor", rule: "cursor"},
		{name: "bad instant in the query", method: "GET", path: "/v1/toys?since=SECRET", status: 400, code: "validation_failed", field: "since", rule: "datetime"},
		{name: "bad escape", method: "GET", path: "/v1/toys?limit=%zz", status: 400, code: "validation_failed", field: "query", rule: "format"},
		{name: "nul in the query", method: "GET", path: "/v1/toys?cursor=%00", status: 400, code: "validation_failed", field: "cursor", rule: "format"},
		{name: "bad date in the query", method: "GET", path: toyPath() + "?from=SECRET", status: 400, code: "validation_failed", field: "from", rule: "date"},
		{name: "bad id", method: "GET", path: "/v1/toys/SECRET", status: 400, code: "validation_failed", field: "id", rule: "id"},

		{name: "no credential", method: "GET", path: "/v1/toys", header: []string{"Authorization: "}, status: 401, code: "unauthenticated"},
		{name: "bad credential", method: "GET", path: "/v1/toys", header: []string{"Authorization: Bearer SECRET"}, status: 401, code: "unauthenticated"},
		{name: "other scheme", method: "GET", path: "/v1/toys", header: []string{"Authorization: Basic SECRET"}, status: 401, code: "unauthenticated"},
		{name: "two credentials", method: "GET", path: "/v1/toys", header: []string{"X-API-Key: reader"}, status: 401, code: "unauthenticated"},
		{name: "sign-in down", method: "GET", path: "/v1/toys", header: []string{"Authorization: Bearer down"}, status: 503, code: "auth_unavailable"},
		{name: "no scope, before the body is looked at", body: `{`, header: []string{"Authorization: Bearer reader"}, status: 403, code: "insufficient_scope"},
		{name: "no credential, before the body is looked at", body: `{`, header: []string{"Authorization: "}, status: 401, code: "unauthenticated"},

		{name: "refused", body: okToy + `,"fail":"broken"}`, status: 422, code: "toy_broken"},
		{name: "conflict", body: okToy + `,"fail":"taken"}`, status: 409, code: "toy_taken"},
		{name: "not found, wrapped", body: okToy + `,"fail":"wrapped"}`, status: 404, code: "not_found"},
		{name: "unavailable", body: okToy + `,"fail":"down"}`, status: 503, code: "mail_unavailable"},
		{name: "unclassified", body: okToy + `,"fail":"unclassified"}`, status: 500, code: "internal"},
		{name: "panic", body: okToy + `,"fail":"panic"}`, status: 500, code: "internal"},
		{name: "several fields of a rule", body: okToy + `,"fail":"fields"}`, status: 400, code: "validation_failed", field: "a", rule: "required"},
		{name: "stale", method: "PUT", path: toyPath(), body: `{}`, header: []string{`If-Match: "2"`}, status: 412, code: "stale_version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method, path := tt.method, tt.path
			if method == "" {
				method, path = "POST", "/v1/toys"
			}
			r := f.send(t, method, path, tt.body, tt.header...)
			if r.status != tt.status || r.problem.Code != tt.code {
				t.Fatalf("got %d %s, want %d %s\n%s", r.status, r.problem.Code, tt.status, tt.code, r.body)
			}
			field, _ := r.problem.Details["field"].(string)
			rule, _ := r.problem.Details["rule"].(string)
			if field != tt.field || rule != tt.rule {
				t.Errorf("got field %q rule %q, want %q %q\n%s", field, rule, tt.field, tt.rule, r.body)
			}
			if strings.Contains(r.body, "SECRET") || strings.Contains(r.body, "\\u0001") || strings.Contains(r.body, "expected ") {
				t.Errorf("the body repeats what was sent, or what huma said: %s", r.body)
			}
			if r.problem.RequestID == "" || r.problem.RequestID != r.header.Get("X-Request-Id") {
				t.Errorf("requestId %q, header %q", r.problem.RequestID, r.header.Get("X-Request-Id"))
			}
			if ct := r.header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("Content-Type %q", ct)
			}
			if (r.header.Get("WWW-Authenticate") == "Bearer") != (r.status == 401) {
				t.Errorf("WWW-Authenticate %q with %d", r.header.Get("WWW-Authenticate"), r.status)
			}
			if (r.header.Get("Allow") != "") != (r.status == 405) {
				t.Errorf("Allow %q with %d", r.header.Get("Allow"), r.status)
			}
		})
	}
	if got := strings.Count(f.log.String(), "SECRET sql text"); got != 1 {
		t.Errorf("the unclassified error was logged %d times, want once", got)
	}
}

func TestProblemDetails(t *testing.T) {
	f := newFixture(t, Config{})
	r := f.send(t, "POST", "/v1/toys", `{"zeta":1,"alpha":2}`)
	got, _ := json.Marshal(r.problem.Details)
	want := `{"errors":[{"field":"effectiveDate","rule":"required"},{"field":"name","rule":"required"},{"field":"alpha","rule":"unknown"},{"field":"zeta","rule":"unknown"}],"field":"effectiveDate","rule":"required"}`
	if string(got) != want {
		t.Errorf("several faults:\ngot  %s\nwant %s", got, want)
	}
	if r.problem.Message != "Missing required field: effectiveDate" {
		t.Errorf("message %q", r.problem.Message)
	}
	if r := f.send(t, "POST", "/v1/toys", okToy+`,"fail":"broken"}`); r.problem.Details["since"] != "2026-01-01" || r.problem.Message != "The toy is broken." {
		t.Errorf("refusal: %s", r.body)
	}
	if r := f.send(t, "POST", "/v1/toys", okToy+`,"fail":"taken"}`); r.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After %q, want 2", r.header.Get("Retry-After"))
	}
	if r := f.send(t, "PATCH", "/v1/toys", ""); r.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow %q", r.header.Get("Allow"))
	}
	if r := f.send(t, "POST", "/v1/toys", strings.Repeat(" ", 2<<20)); r.problem.Details["limit"] != float64(1<<20) {
		t.Errorf("oversize: %s", r.body)
	}
	if r := f.send(t, http.MethodHead, "/v1/nothing", ""); r.status != 404 || r.body != "" {
		t.Errorf("HEAD: %d %q", r.status, r.body)
	}
}
