package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// USState is a state of the union, or the district, as it is sent: two letters.
type USState string

// Schema implements huma.SchemaProvider.
func (USState) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: "Two letters.", Examples: []any{"OR"}}
	for _, state := range submission.States {
		s.Enum = append(s.Enum, state)
	}
	return s
}

func statesOf(in []USState) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
