package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/event"
)

// Each example of the catalogue satisfies its own published schema, and the
// schema is not so loose that an empty object would.
func TestExamplesSatisfyTheirSchemas(t *testing.T) {
	for _, typ := range event.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			if len(typ.Audiences) == 0 && !typ.Stream || typ.Description == "" || typ.Resource == "" {
				t.Errorf("incomplete: %+v", typ)
			}
			raw, err := payloadSchema(typ)
			if err != nil {
				t.Fatal(err)
			}
			type schema struct {
				Type       string
				Ref        string `json:"$ref"`
				Required   []string
				Properties map[string]*schema
				Defs       map[string]*schema `json:"$defs"`
			}
			var published schema
			if err := json.Unmarshal(raw, &published); err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(typ.Example)
			if err != nil {
				t.Fatal(err)
			}
			var example map[string]any
			if err := json.Unmarshal(b, &example); err != nil {
				t.Fatal(err)
			}
			for _, name := range published.Required {
				if _, ok := example[name]; !ok {
					t.Errorf("the example lacks %s", name)
				}
			}
			if len(published.Required) == 0 {
				t.Error("nothing is required")
			}
			for name, v := range example {
				p := published.Properties[name]
				if p == nil {
					t.Errorf("%s is not in the schema", name)
					continue
				}
				if name, ok := strings.CutPrefix(p.Ref, "#/$defs/"); ok {
					if p = published.Defs[name]; p == nil {
						t.Fatalf("%s is not in $defs", name)
					}
				}
				kind := map[reflect.Kind]string{reflect.String: "string", reflect.Float64: "number", reflect.Slice: "array", reflect.Bool: "boolean", reflect.Map: "object"}[reflect.TypeOf(v).Kind()]
				if p.Type != kind && (p.Type != "integer" || kind != "number") {
					t.Errorf("%s is %s in the schema and %s in the example", name, p.Type, kind)
				}
			}
		})
	}
}
