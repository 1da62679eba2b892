package api

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const schemaPrefix = "#/components/schemas/"

// rateHeaders are on every answer.
var rateHeaders = map[string]string{
	"X-Request-Id":          "Our name for this request (req_…).",
	"X-RateLimit-Limit":     "Requests allowed in a minute.",
	"X-RateLimit-Remaining": "Requests left in this minute.",
	"X-RateLimit-Reset":     "When the minute ends, in unix seconds.",
	"RateLimit":             "The same, as a structured field: remaining requests and seconds.",
	"RateLimit-Policy":      "The quota and its window, as a structured field.",
}

// newDocument returns the OpenAPI document before any operation.
func newDocument(version string) *huma.OpenAPI {
	headers := map[string]*huma.Header{}
	for name, doc := range rateHeaders {
		kind := huma.TypeString
		if name[0] == 'X' && name != "X-Request-Id" {
			kind = huma.TypeInteger
		}
		headers[name] = &huma.Header{Description: doc, Schema: &huma.Schema{Type: kind}}
	}
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "OpenInsure", Version: version},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer),
			Headers: headers,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer"},
				"apiKey": {Type: "apiKey", In: "header", Name: "X-API-Key"},
			},
		},
	}
}

// describe documents an operation for huma.
func (a *API) describe(op operation, shape inputShape, out output) huma.Operation {
	hop := huma.Operation{
		Method: op.Method, Path: op.Path, OperationID: op.ID, Summary: op.Summary, Description: op.Description,
		DefaultStatus: op.Status, Extensions: map[string]any{}, Responses: map[string]*huma.Response{},
		MaxBodyBytes: -1, BodyReadTimeout: -1, // the guard has read it
	}
	if op.Tag != "" {
		hop.Tags = []string{op.Tag}
	}
	if !op.Public {
		hop.Security = []map[string][]string{{"bearer": {}}, {"apiKey": {}}}
	}
	if op.Scope != "" {
		hop.Extensions["x-required-scope"] = op.Scope
	}
	if op.idempotent() {
		hop.Parameters = append(hop.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header", Description: "Makes a retry safe for 24 hours: the first answer is given again.",
			Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(255)},
		})
	}
	if !op.Public && !shape.query["orgId"] && strings.HasPrefix(op.Path, "/v1/") {
		hop.Parameters = append(hop.Parameters, &huma.Param{
			Name: "orgId", In: "query", Description: "The organization to work on, for the system credential; another's is 404 for everybody else.",
			Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	success := &huma.Response{Description: http.StatusText(op.Status), Headers: headerRefs()}
	if out.raw() {
		success.Content = map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	} else if out.body >= 0 {
		success.Content = map[string]*huma.MediaType{jsonType: {Schema: huma.SchemaFromField(a.huma.OpenAPI().Components.Schemas, out.bodyField, op.ID+"Response")}}
	}
	shown := examples()[op.ID]
	if shown.Answer != nil {
		success.Content[jsonType].Example = shown.Answer
	}
	if shape.body {
		hop.RequestBody = &huma.RequestBody{} // which huma fills in
	}
	if shown.Request != nil {
		hop.RequestBody.Content = map[string]*huma.MediaType{jsonType: {Example: shown.Request}}
	}
	for name := range out.headers {
		success.Headers[name] = &huma.Header{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if out.body >= 0 && out.bodyField.Type.Implements(reflect.TypeFor[interface{ ETag() string }]()) {
		success.Headers["ETag"] = &huma.Header{Description: "The version; send it as If-Match.", Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if op.idempotent() {
		success.Headers["Idempotent-Replayed"] = &huma.Header{Description: "true when this is the first answer again.", Schema: &huma.Schema{Type: huma.TypeString}}
	}
	hop.Responses[strconv.Itoa(op.Status)] = success
	a.describeErrors(&hop, op, shape)
	return hop
}

func (a *API) describeErrors(hop *huma.Operation, op operation, shape inputShape) {
	codes := append([]int{400, 429, 500, 503}, op.Errors...)
	if !op.Public {
		codes = append(codes, 401, 403)
	}
	if slices.Contains([]byte(op.Path), '{') {
		codes = append(codes, 404)
	}
	if op.IfMatch {
		codes = append(codes, 412)
	}
	if shape.body {
		codes = append(codes, 408, 413, 415)
	}
	if op.Method != http.MethodGet {
		codes = append(codes, 409, 422)
	}
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	for _, code := range codes {
		r := &huma.Response{
			Description: http.StatusText(code), Headers: headerRefs(),
			Content: map[string]*huma.MediaType{jsonType: {Schema: schema}},
		}
		if code == 429 || code == 503 || code == 409 {
			r.Headers["Retry-After"] = &huma.Header{Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger}}
		}
		hop.Responses[strconv.Itoa(code)] = r
	}
}

func headerRefs() map[string]*huma.Header {
	refs := map[string]*huma.Header{}
	for name := range rateHeaders {
		refs[name] = &huma.Header{Ref: "#/components/headers/" + name}
	}
	return refs
}
