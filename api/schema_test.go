package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/event"
)

// Each example of the catalogue satisfies its own published schema, and the
// schema is not so loose that an empty object would.
func TestExamplesSatisfyTheirSchemas(t *testing.T) {
	for _, typ := range event.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			if len(typ.Audiences)+len(typ.Persons) == 0 && !typ.Stream || typ.Description == "" || typ.Resource == "" {
				t.Errorf("incomplete: %+v", typ)
			}
			raw, err := payloadSchema(typ)
			if err != nil {
				t.Fatal(err)
			}
			b, err := typ.ExampleData()
			if err != nil {
				t.Fatal(err)
			}
			var published, example map[string]any
			if err := errors.Join(json.Unmarshal(raw, &published), json.Unmarshal(b, &example)); err != nil {
				t.Fatal(err)
			}
			required, _ := published["required"].([]any)
			if len(required) == 0 {
				t.Error("nothing is required")
			}
			satisfies(t, published, published, example, "data")
		})
	}
}

// satisfies reports where v is not what the schema s, a part of all, says.
func satisfies(t *testing.T, all, s map[string]any, v any, place string) {
	t.Helper()
	if ref, ok := s["$ref"].(string); ok {
		defs, _ := all["$defs"].(map[string]any)
		if s, ok = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any); !ok {
			t.Errorf("%s: %s leads nowhere", place, ref)
			return
		}
	}
	kinds, ok := s["type"].([]any)
	if !ok {
		kinds = []any{s["type"]}
	}
	var kind string
	switch v := v.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case float64:
		if kind = "number"; slices.Contains(kinds, any("integer")) && v == math.Trunc(v) {
			kind = "integer"
		}
	case []any:
		kind = "array"
		of, _ := s["items"].(map[string]any)
		for i, x := range v {
			satisfies(t, all, of, x, fmt.Sprintf("%s[%d]", place, i))
		}
	case map[string]any:
		kind = "object"
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				t.Errorf("%s lacks %s", place, name)
			}
		}
		for name, x := range v {
			p, ok := properties[name].(map[string]any)
			if !ok && properties == nil { // a map of the client's own names
				p, ok = s["additionalProperties"].(map[string]any)
			}
			if !ok {
				t.Errorf("%s.%s is not in the schema", place, name)
				continue
			}
			satisfies(t, all, p, x, place+"."+name)
		}
	}
	if !slices.Contains(kinds, any(kind)) {
		t.Errorf("%s is %s in the example and %v in the schema", place, kind, kinds)
	}
}

// An amount inside a part of the payload is dollars too.
func TestAmountsOfPartsAreDollars(t *testing.T) {
	typ, _ := event.Lookup("referral.decided")
	raw, err := payloadSchema(typ)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties map[string]struct{ Type any }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if got := s.Defs["ReferralCounter"].Properties["premium"].Type; got != "number" {
		t.Errorf("premium is %v", got)
	}
}

func TestANameOfSpacesOfAnyKindIsBlank(t *testing.T) {
	c := newCast(t)
	for _, name := range []string{"   ", "\u00a0", "\u3000\u200b"} {
		got := c.want(400, "ada", "POST", "/v1/carriers", fmt.Sprintf(`{"name":%q}`, name))
		if fmt.Sprint(got["details"]) != "map[field:name rule:pattern]" {
			t.Errorf("%q: %v", name, got)
		}
	}
	c.want(201, "ada", "POST", "/v1/carriers", `{"name":"保\u00a0险"}`)
}
