package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// ExperienceMod is an experience modification as it is sent: a decimal in a text.
type ExperienceMod string

// Schema implements huma.SchemaProvider.
func (ExperienceMod) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: submission.ExperiencePattern, Description: "Experience modification, from 0.1.", Examples: []any{"1.12"}}
}
