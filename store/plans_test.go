package store_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

var update = flag.Bool("update", false, "write testdata/plans anew")

// A scribe writes down the last statement that was run on submissions.
type scribe struct {
	mu   sync.Mutex
	sql  string
	args []any
}

func (s *scribe) note(sql string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(sql, "FROM submission") {
		s.sql, s.args = sql, args
	}
}

func (s *scribe) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.note(d.SQL, d.Args)
	return ctx
}
func (*scribe) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (*scribe) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (s *scribe) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	s.note(d.SQL, d.Args)
}
func (*scribe) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// A plan is a node of what EXPLAIN says.
type plan struct {
	Node    string   `json:"Node Type"`
	Index   string   `json:"Index Name"`
	Cond    string   `json:"Index Cond"`
	Filter  string   `json:"Filter"`
	SortKey []string `json:"Sort Key"`
	Plans   []plan   `json:"Plans"`
}

var (
	values = regexp.MustCompile(`'[^']*'(::[a-z]+( with(out)? time zone)?(\[\])?)?|\b\d+\b|InitPlan \S+|\$\d+`)
	spaces = regexp.MustCompile(`\s+`)
)

// text is the shape of a plan, a line a node, without its values.
func (p plan) text(b *strings.Builder, depth int) {
	fmt.Fprintf(b, "%s%s", strings.Repeat("  ", depth), p.Node)
	if p.Index != "" {
		fmt.Fprintf(b, " on %s", p.Index)
	}
	for _, part := range []struct{ name, of string }{{"by", p.Cond}, {"keeping", p.Filter}, {"sorted by", strings.Join(p.SortKey, ", ")}} {
		if part.of != "" {
			fmt.Fprintf(b, "\n%s  %s %s", strings.Repeat("  ", depth), part.name, values.ReplaceAllString(spaces.ReplaceAllString(part.of, " "), "?"))
		}
	}
	b.WriteString("\n")
	for _, child := range p.Plans {
		child.text(b, depth+1)
	}
}

// TestPlans compares how Postgres reads submissions, in two organisations of
// 20,000 each, with testdata/plans: pages of lists and of the queue come off an
// index in their order, and nothing is sorted that grows with the table.
func TestPlans(t *testing.T) {
	url := storetest.URL(t)
	s := &scribe{}
	db := storetest.Open(t, store.Config{URL: url, Tracer: s})
	by, other := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Other")
	fillSubmissions(t, url, 20_000, queueNow, by, other)
	c := connect(t, url)
	r, ctx := db.As(by), t.Context()
	first := must[[]submission.Submission](t)(r.Queue(ctx, store.QueueFilter{}, store.QueueKey{}, 25))
	page := store.Page{Limit: 25}
	everybody := access.Scope{All: true, Type: access.Submission}
	asks := map[string]func() error{
		"queue_a_page_on": func() error {
			_, err := r.Queue(ctx, store.QueueFilter{}, store.KeyOf(first[20]), 25)
			return err
		},
		"list": func() error { _, err := r.Submissions(ctx, everybody, store.SubmissionFilter{}, page); return err },
		"list_by_status": func() error {
			_, err := r.Submissions(ctx, everybody, store.SubmissionFilter{Status: "received"}, page)
			return err
		},
		"list_by_assignee": func() error {
			_, err := r.Submissions(ctx, everybody, store.SubmissionFilter{Assignee: "usr_3"}, page)
			return err
		},
		"list_by_lane": func() error {
			_, err := r.Submissions(ctx, everybody, store.SubmissionFilter{Lane: "escalate"}, page)
			return err
		},
		"list_by_producer": func() error {
			_, err := r.Submissions(ctx, everybody, store.SubmissionFilter{Producer: producer.NewID(queueNow)}, page)
			return err
		},
		"list_by_external_id": func() error {
			_, err := r.Submissions(ctx, everybody, store.SubmissionFilter{ExternalID: "x"}, page)
			return err
		},
		"duplicates": func() error { _, err := r.Duplicates(ctx, first[0].ID, first[1].ID); return err },
	}
	for name, f := range queueFilters {
		asks["queue_"+strings.ReplaceAll(name, " ", "_")] = func() error { _, err := r.Queue(ctx, f, store.QueueKey{}, 25); return err }
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			if err := ask(); err != nil {
				t.Fatal(err)
			}
			asBefore(t, name, planOf(t, c, "openinsure_app", by.Org, s.sql, s.args), s.sql)
		})
	}
}

// asBefore compares a plan with the one in testdata/plans.
func asBefore(t *testing.T, name, got, sql string) {
	t.Helper()
	file := filepath.Join("testdata", "plans", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("another plan than before; see whether it is as good, and run with -update:\n%s\nbefore:\n%s\n%s", got, want, sql)
	}
}

func planOf(t *testing.T, c *pgx.Conn, role string, org access.OrgID, sql string, args []any) string {
	t.Helper()
	ctx := t.Context()
	tx := must[pgx.Tx](t)(c.Begin(ctx))
	defer func() { _ = tx.Rollback(ctx) }()
	for _, set := range []string{
		"SET LOCAL ROLE " + role, "SELECT set_config('app.org', '" + org.UUID() + "', true)", "SET LOCAL jit = off", "SET LOCAL max_parallel_workers_per_gather = 0",
		"SET LOCAL timezone = 'UTC'",
	} {
		if _, err := tx.Exec(ctx, set); err != nil {
			t.Fatal(err)
		}
	}
	var raw []byte
	if err := tx.QueryRow(ctx, "EXPLAIN (FORMAT JSON, COSTS OFF) "+sql, args...).Scan(&raw); err != nil {
		t.Fatal(err)
	}
	var said []struct{ Plan plan }
	if err := json.Unmarshal(raw, &said); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	said[0].Plan.text(&b, 0)
	return b.String()
}
