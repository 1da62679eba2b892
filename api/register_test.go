package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAnswers(t *testing.T) {
	f := newFixture(t, Config{})
	tests := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		holds                    string
	}{
		{name: "read", method: "GET", path: toyPath(), status: 200, holds: `"amount":14250.5,"date":null`},
		{name: "head", method: "HEAD", path: toyPath(), status: 200},
		{name: "read with the system's parameter", method: "GET", path: toyPath() + "?orgId=" + toyOrg.UUID() + "&from=2026-01-01", status: 200},
		{name: "the same credential twice", method: "GET", path: "/v1/toys", header: []string{"X-API-Key: maria"}, status: 200},
		{name: "a key", method: "GET", path: "/v1/toys", header: []string{"Authorization: ", "X-API-Key: reader"}, status: 200},
		{name: "write includes read", method: "GET", path: "/v1/toys", header: []string{"Authorization: Bearer enterprise"}, status: 200},
		{name: "create", method: "POST", path: "/v1/toys", body: okToy + `,"parts":[{"code":"AB","amount":0.29}]}`, status: 201, holds: `"amount":0.29,"date":"2026-03-01"`},
		{name: "charset", method: "POST", path: "/v1/toys", body: okToy + `}`, header: []string{"Content-Type: Application/JSON; charset=utf-8"}, status: 201},
		{name: "no content type", method: "POST", path: "/v1/toys", body: okToy + `}`, header: []string{"Content-Type: "}, status: 201},
		{name: "any accept", method: "GET", path: "/v1/toys", header: []string{"Accept: text/html"}, status: 200},
		{name: "delete", method: "DELETE", path: toyPath(), status: 204},
		{name: "current version", method: "PUT", path: toyPath(), body: `{}`, header: []string{`If-Match: "3"`}, status: 200},
		{name: "any version", method: "PUT", path: toyPath(), body: `{}`, header: []string{`If-Match: *`}, status: 200},
		{name: "one of several versions", method: "PUT", path: toyPath(), body: `{}`, header: []string{`If-Match: "1", W/"3"`}, status: 200},
		{name: "no version", method: "PUT", path: toyPath(), body: `{}`, status: 200},
		{name: "no body where it is optional", method: "PUT", path: toyPath(), status: 200},
		{name: "public", method: "POST", path: "/auth/toys", body: okToy + `}`, header: []string{"Authorization: "}, status: 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := f.send(t, tt.method, tt.path, tt.body, tt.header...)
			if r.status != tt.status || !strings.Contains(r.body, tt.holds) {
				t.Errorf("got %d %s, want %d with %s", r.status, r.body, tt.status, tt.holds)
			}
			if r.header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", r.header.Get("Cache-Control"))
			}
			if r.header.Get("Link") != "" || strings.Contains(r.body, "$schema") {
				t.Error("huma's extras are back")
			}
		})
	}
	if got := f.send(t, "GET", toyPath(), "").header.Get("ETag"); got != `"3"` {
		t.Errorf("ETag %s", got)
	}
}

func TestLists(t *testing.T) {
	f := newFixture(t, Config{})
	var page List[toyView]
	if err := json.Unmarshal([]byte(f.send(t, "GET", "/v1/toys?limit=2", "").body), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 2 || !page.HasMore || page.NextCursor == "" {
		t.Fatalf("first page %+v", page)
	}
	if r := f.send(t, "GET", "/v1/toys?cursor="+page.NextCursor, ""); r.status != 200 || strings.Contains(r.body, "nextCursor") {
		t.Errorf("last page: %d %s", r.status, r.body)
	}
	var c Cursor
	if err := c.UnmarshalText([]byte(page.NextCursor[listNameLength:])); err != nil || !c.At.Equal(f.now) || c.ID != page.Data[1].ID {
		t.Errorf("cursor %+v, %v", c, err)
	}
	b, _ := json.Marshal(listOf(nil, 5, func(v toyView) toyView { return v }, func(toyView) Cursor { return Cursor{} }))
	if string(b) != `{"data":[],"hasMore":false}` {
		t.Errorf("empty list: %s", b)
	}
}

func TestMoney(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "14250": "14250", "14250.5": "14250.5", "0.29": "0.29", "-1.05": "-1.05", "1.10e2": "110", "1.500": "1.5",
		"100000000000": "100000000000", "100000000000.01": "max", "-100000000000.01": "min", "90071992547.99": "90071992547.99", "1e-2": "0.01", "0e999": "0", "0.000": "0",
		"1.005": "money", "1e-3": "money", "1e99": "max", "-1e99": "min", `"1"`: "type", "true": "type",
	} {
		var m Money
		if err := m.UnmarshalJSON([]byte(in)); err != nil {
			if err.Error() != mark+want {
				t.Errorf("%s: %q, want %s", in, err, want)
			}
			continue
		}
		if b, _ := m.MarshalJSON(); string(b) != want {
			t.Errorf("%s: %s, want %s", in, b, want)
		}
	}
}

func TestDocument(t *testing.T) {
	f := newFixture(t, Config{Version: "1.2.3"})
	r := f.send(t, "GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			ID         string                     `json:"operationId"`
			Scope      string                     `json:"x-required-scope"`
			Security   []any                      `json:"security"`
			Parameters []struct{ Name string }    `json:"parameters"`
			Responses  map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
				Examples   []any          `json:"examples"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil || r.status != 200 {
		t.Fatalf("%d %v", r.status, err)
	}
	create := doc.Paths["/v1/toys"]["post"]
	if doc.OpenAPI != "3.1.0" || create.ID != "create-toy" || create.Scope != "toys:write" || len(create.Security) != 2 {
		t.Errorf("create: %+v", create)
	}
	for _, code := range []string{"201", "400", "401", "403", "408", "409", "413", "415", "422", "429", "500"} {
		if _, ok := create.Responses[code]; !ok {
			t.Errorf("create does not document %s", code)
		}
	}
	names := map[string]bool{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			for _, p := range op.Parameters {
				names[method+" "+path+" "+p.Name] = true
			}
		}
	}
	for _, want := range []string{"post /v1/toys Idempotency-Key", "put /v1/toys/{id} If-Match", "get /v1/toys limit", "get /v1/toys cursor", "get /v1/toys orgId"} {
		if !names[want] {
			t.Errorf("no parameter %q in %v", want, names)
		}
	}
	if p := doc.Components.Schemas["Problem"]; len(p.Properties) != 4 || len(p.Examples) != 1 {
		t.Errorf("Problem: %+v", p)
	}
	if _, ok := doc.Components.Schemas["ToyView"]; !ok {
		t.Error("no schema of the answer")
	}
	if strings.Contains(r.body, mark) || strings.Contains(r.body, `\u0001`) {
		t.Error("the document holds planted rule names")
	}
}

func TestDocs(t *testing.T) {
	f := newFixture(t, Config{})
	r := f.send(t, "GET", "/docs", "")
	if r.status != 200 || r.header.Get("Content-Security-Policy") != docsPolicy || !strings.Contains(r.body, "/docs/scalar.js") {
		t.Errorf("page: %d %v", r.status, r.header)
	}
	r = f.send(t, "GET", "/docs/scalar.js", "", "Accept-Encoding: identity")
	if r.status != 200 || r.header.Get("Content-Encoding") != "" || len(r.body) < 10_000 {
		t.Errorf("script: %d %v, %d bytes", r.status, r.header, len(r.body))
	}
	if r := f.send(t, "GET", "/docs/scalar.js", "", "Accept-Encoding: gzip"); r.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("packed script: %v", r.header)
	}
}

func TestFilesGoThroughTheSamePath(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := newFixture(t, Config{Registerer: reg})
	type upload struct{ RawBody multipart.Form }
	type file struct {
		ContentType string `header:"Content-Type"`
		Body        []byte
	}
	register(f.api, operation{Method: "POST", Path: "/v1/files", ID: "upload", ContentType: "multipart/form-data", MaxBody: 3 << 20, Status: 200},
		func(_ context.Context, in *upload) (*file, error) {
			part, err := in.RawBody.File["file"][0].Open()
			if err != nil {
				return nil, err
			}
			defer part.Close()
			b, err := io.ReadAll(part)
			return &file{ContentType: "application/pdf", Body: b}, err
		})
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "a.pdf")
	if err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("x", 2<<20)
	_, _ = io.WriteString(part, content)
	_ = w.Close()
	for range 2 {
		r := f.send(t, "POST", "/v1/files", form.String(), "Content-Type: "+w.FormDataContentType(), "Idempotency-Key: k")
		if r.status != 200 || r.body != content || r.header.Get("Content-Type") != "application/pdf" {
			t.Errorf("got %d, %d bytes, %v", r.status, len(r.body), r.header)
		}
	}
	if r := f.send(t, "POST", "/v1/files", "{}"); r.status != 415 {
		t.Errorf("JSON for a form: %d", r.status)
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 2 {
		t.Fatalf("metrics: %v, %v", families, err)
	}
	if n := families[1].GetMetric()[0].GetCounter().GetValue(); families[1].GetName() != "http_requests_total" || n != 2 {
		t.Errorf("%s counted %v uploads, want 2", families[1].GetName(), n)
	}
}
