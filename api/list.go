package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
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

// A cursor leaves with the name of its list before it, and is good for no other.
const listNameLength = 11

// listName stands for a list and its filters: its rows, whatever their number in
// a page, are those of one organisation, path and query.
func listName(r *http.Request, org access.OrgID, q url.Values) string {
	filters := maps.Clone(q)
	filters.Del("cursor")
	filters.Del("limit")
	sum := sha256.Sum256([]byte(org.String() + " " + r.URL.Path + "?" + filters.Encode()))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:listNameLength]
}

// unbindCursor makes of the cursor that was sent the one that the list gave, and
// refuses one of another list: it would begin there somewhere.
func unbindCursor(r *http.Request, q url.Values, st *state) {
	st.list = listName(r, st.actor.Org, q)
	sent := q.Get("cursor")
	if sent == "" {
		return
	}
	bare, ok := strings.CutPrefix(sent, st.list)
	if !ok || bare == "" {
		st.needless = append(st.needless, fault.Field{Field: "cursor", Rule: "cursor"})
		bare = ""
	}
	q.Set("cursor", bare)
	r.URL.RawQuery = q.Encode()
}

// bindCursors puts the name of the list before the cursors of an output.
func (o output) bindCursors(v reflect.Value, list string) {
	if v.IsNil() {
		return
	}
	for _, at := range o.cursors {
		if f := v.Elem().FieldByIndex(at); f.String() != "" {
			f.SetString(list + f.String())
		}
	}
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
