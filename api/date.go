package api

import (
	"encoding/json"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"
)

// The years that insurance deals with; others are typing errors.
const (
	firstYear = 1900
	lastYear  = 2200
)

// Date is a day, YYYY-MM-DD, without a time or a zone. The zero Date is none.
type Date struct{ civil.Date }

// Schema implements huma.SchemaProvider.
func (Date) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date", Examples: []any{"2026-03-01"}}
}

// UnmarshalText reads YYYY-MM-DD.
func (d *Date) UnmarshalText(b []byte) error {
	v, err := civil.ParseDate(string(b))
	if err != nil || v.Year < firstYear || v.Year > lastYear {
		return ruleError("date")
	}
	d.Date = v
	return nil
}

// UnmarshalJSON reads a JSON string; null is none.
func (d *Date) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ruleError("type")
	}
	return d.UnmarshalText([]byte(s))
}

// MarshalJSON writes the day, or null for none.
func (d Date) MarshalJSON() ([]byte, error) {
	if d.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(d.String())
}
