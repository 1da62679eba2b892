package api

import (
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"
)

// The bounds of metadata, by the contract.
const (
	mostMetadata      = 50
	longestKey        = 40  // characters
	longestAnnotation = 500 // characters
)

// Metadata is what a client keeps with a resource for itself.
type Metadata map[string]string

// Schema implements huma.SchemaProvider.
func (Metadata) Schema(huma.Registry) *huma.Schema {
	value := &huma.Schema{Type: huma.TypeString, MaxLength: new(longestAnnotation)}
	value.PrecomputeMessages()
	return &huma.Schema{
		Type: huma.TypeObject, MaxProperties: new(mostMetadata), AdditionalProperties: value,
		Description: "Your own data: at most 50 keys of 40 characters with values of 500.",
	}
}

// UnmarshalJSON reads an object of texts, and refuses keys that are empty or too
// long, of which a schema here says nothing.
func (m *Metadata) UnmarshalJSON(b []byte) error {
	var all map[string]string
	if err := json.Unmarshal(b, &all); err != nil {
		return ruleError("type")
	}
	for k := range all {
		switch {
		case k == "":
			return ruleError("minLength")
		case len([]rune(k)) > longestKey:
			return ruleError("maxLength")
		}
	}
	*m = all
	return nil
}

// metadataOf is never null in an answer.
func metadataOf(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
