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
	var ways []string
	for _, way := range s.Ways {
		ways = append(ways, "t.id = ANY (ARRAY("+w.way(s.Type, way)+"))")
	}
	if len(ways) == 0 {
		ways = []string{"false"}
	}
	w.terms = append(w.terms, "("+strings.Join(ways, " OR ")+")")
}

// way selects the ids of a type's objects from which a way leads to its
// subjects: r1 are tuples of these objects, the last ones are of the subjects.
func (w *where) way(t access.Type, way access.Way) string {
	steps := len(way.Path)
	if len(way.Relations) > 0 {
		steps++
	}
	var b strings.Builder
	b.WriteString("SELECT r1.object_id::uuid FROM relationship r1")
	for i := 2; i <= steps; i++ {
		fmt.Fprintf(&b, ` JOIN relationship r%d ON r%[1]d.org_id = $1 AND r%[1]d.object_type = r%d.subject_type AND r%[1]d.object_id = r%[2]d.subject_id`, i, i-1)
	}
	b.WriteString(" WHERE r1.org_id = $1 AND r1.object_type = " + w.arg(string(t)))
	for i, relation := range way.Path {
		fmt.Fprintf(&b, " AND r%d.relation = %s AND r%[1]d.subject_relation = ''", i+1, w.arg(relation))
	}
	if len(way.Relations) == 0 {
		return b.String()
	}
	n := len(way.Subjects)
	types, ids, relations := make([]string, n), make([]string, n), make([]string, n)
	for i, s := range way.Subjects {
		types[i], ids[i], relations[i] = s.Type, s.ID, s.Relation
	}
	fmt.Fprintf(&b, " AND r%d.relation = ANY (%s) AND (r%[1]d.subject_type, r%[1]d.subject_id, r%[1]d.subject_relation) IN (SELECT * FROM unnest(%[3]s::text[], %[4]s::text[], %[5]s::text[]))",
		steps, w.arg(way.Relations), w.arg(types), w.arg(ids), w.arg(relations))
	return b.String()
}

// arg adds an argument and returns its name.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
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
