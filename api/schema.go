package api

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// payloadSchema returns the JSON Schema of a type's data, whole in itself.
func payloadSchema(t event.Type) (json.RawMessage, error) {
	const defs = "#/$defs/"
	registry := huma.NewMapRegistry(defs, huma.DefaultSchemaNamer)
	s := huma.SchemaFromType(registry, reflect.TypeOf(t.Example))
	published(registry, s, reflect.TypeOf(t.Example))
	if t.Metadata {
		s.Properties["metadata"] = Metadata(nil).Schema(registry)
		s.Properties["metadata"].Description = "Your own data, of what it happened to; {} when there is none. Only your organization hears it. Absent in what was told before it was."
	}
	parts := registry.Map()
	for name, part := range parts {
		published(registry, part, registry.TypeFromRef(defs+name))
	}
	if len(parts) > 0 {
		s.Extensions = map[string]any{"$defs": parts}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
	}
	return b, nil
}

// published turns the schema of a struct into the one that clients rely on:
// amounts are dollars, and fields may be added within a version.
func published(registry huma.Registry, s *huma.Schema, of reflect.Type) {
	s.AdditionalProperties = true
	for name, prop := range s.Properties {
		f, ok := fieldOf(of, name)
		if ok && (f == reflect.TypeFor[money.Cents]() || f == reflect.TypeFor[*money.Cents]()) {
			*prop = *Money(0).Schema(registry)
		}
	}
}

// fieldOf finds the type of the field with a JSON name.
func fieldOf(t reflect.Type, name string) (reflect.Type, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if tag := f.Tag.Get("json"); tag == name || len(tag) > len(name) && tag[:len(name)+1] == name+"," {
			return f.Type, true
		}
	}
	return nil, false
}
