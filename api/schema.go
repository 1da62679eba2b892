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
	registry := huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	s := huma.SchemaFromType(registry, reflect.TypeOf(t.Example))
	for name, prop := range s.Properties {
		if f, ok := fieldOf(reflect.TypeOf(t.Example), name); ok && f == reflect.TypeFor[money.Cents]() {
			*prop = *Money(0).Schema(registry)
		}
	}
	s.AdditionalProperties = true // fields may be added within a version
	if parts := registry.Map(); len(parts) > 0 {
		for _, part := range parts {
			part.AdditionalProperties = true
		}
		s.Extensions = map[string]any{"$defs": parts}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
	}
	return b, nil
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
