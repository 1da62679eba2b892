package api

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Page is embedded in the input of every list.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"25" doc:"How many at most."`
	Cursor Cursor `query:"cursor" doc:"nextCursor of the page before."`
}

// A Cursor is where a page ended: the key that lists are sorted by. The zero
// Cursor is the start. To clients it is opaque.
type Cursor struct {
	At time.Time
	ID [16]byte // of an id.ID, which converts
}

type cursorText struct {
	At time.Time `json:"t"`
	ID []byte    `json:"i"`
}

// IsZero reports whether the cursor is the start.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String returns the opaque form.
func (c Cursor) String() string {
	b, _ := json.Marshal(cursorText{At: c.At.UTC(), ID: c.ID[:]}) // fails only for years beyond 9999
	return base64.RawURLEncoding.EncodeToString(b)
}

// UnmarshalText reads the opaque form.
func (c *Cursor) UnmarshalText(b []byte) error {
	var t cursorText
	raw, err := base64.RawURLEncoding.DecodeString(string(b))
	if err != nil || json.Unmarshal(raw, &t) != nil || len(t.ID) != 16 || t.At.Year() < 1900 || t.At.Year() > 2200 {
		return ruleError("cursor")
	}
	c.At, c.ID = t.At.UTC(), [16]byte(t.ID)
	return nil
}

// Schema implements huma.SchemaProvider.
func (Cursor) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

// List is the body of every list.
type List[T any] struct {
	Data       []T    `json:"data" nullable:"false"`
	HasMore    bool   `json:"hasMore"`
	NextCursor string `json:"nextCursor,omitempty" doc:"Send it as cursor for the next page; absent on the last."`
}

// listOf makes the page of rows, which were fetched with a limit one higher
// than the client's: the surplus row only says that there is more.
func listOf[R, T any](rows []R, limit int, body func(R) T, cursor func(R) Cursor) List[T] {
	l := List[T]{Data: make([]T, 0, min(len(rows), limit))}
	if len(rows) > limit {
		rows = rows[:limit]
		l.HasMore = true
		l.NextCursor = cursor(rows[limit-1]).String()
	}
	for _, r := range rows {
		l.Data = append(l.Data, body(r))
	}
	return l
}
