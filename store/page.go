package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
)

// A Page asks for Limit rows that come before the row (At, ID) in a list that
// is newest first; the zero At starts at the newest.
type Page struct {
	Limit int
	At    time.Time
	ID    string // the uuid form
}

// A where is a condition under construction. Its first argument is always the
// organisation.
type where struct {
	terms []string
	args  []any
}

func (r Reader) where() *where {
	w := &where{}
	w.and("t.org_id = $?", r.org.UUID())
	return w
}

// and adds a term; each $? in it is the next argument.
func (w *where) and(term string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		term = strings.Replace(term, "$?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.terms = append(w.terms, term)
}

// equal adds column = value unless value is empty.
func (w *where) equal(column, value string) {
	if value != "" {
		w.and("t."+column+" = $?", value)
	}
}

// scope keeps what access.Visible allows.
func (w *where) scope(s access.Scope) {
	if s.All {
		return
	}
	w.and(`EXISTS (SELECT FROM relationship r WHERE r.object_type = $? AND r.object_id = t.id::text
		AND r.relation = ANY ($?) AND r.subject_type = $? AND r.subject_id = $?)`,
		string(s.Type), s.Relations, s.SubjectType, s.SubjectID)
}

// list runs a paged SELECT of columns from table, aliased t, newest first by
// (at, id). It returns one row more than the page holds when there are more.
func list[T any](ctx context.Context, r Reader, scan pgx.RowToFunc[T], columns, table, at string, w *where, p Page) ([]T, error) {
	if !p.At.IsZero() {
		w.and("(t."+at+", t.id) < ($?, $?)", p.At, p.ID)
	}
	w.args = append(w.args, p.Limit+1)
	sql := fmt.Sprintf("SELECT %s FROM %s t WHERE %s ORDER BY t.%s DESC, t.id DESC LIMIT $%d",
		columns, table, strings.Join(w.terms, " AND "), at, len(w.args))
	return many(ctx, r, scan, sql, w.args...)
}
