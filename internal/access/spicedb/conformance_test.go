package spicedb_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	pb "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/access/spicedb"
	"github.com/openinsure/openinsure/internal/access/spicedb/spicetest"
	"github.com/openinsure/openinsure/internal/fault"
)

// memory holds tuples by their object.
type memory map[string][]access.Tuple

// Relationships implements access.Tuples.
func (m memory) Relationships(context.Context, access.Subject, ...access.Object) (access.Graph, error) {
	g := make(access.Graph, len(m))
	for name, tuples := range m {
		kind, id, _ := strings.Cut(name, ":")
		g[access.Node{Type: access.Type(kind), ID: id}] = tuples
	}
	return g, nil
}

// A question is one that both evaluators are asked.
type question struct {
	by   access.Actor
	want access.Permission
	on   access.Object
}

// A graph is objects of two organisations, and who is related to them.
type graph struct {
	tuples  memory
	all     []access.Relationship // with whose each object is
	objects []access.Object
	related []access.Object // those with tuples
	actors  []access.Actor
}

func (g *graph) add(on access.Object, t access.Tuple) {
	r := access.Relationship{Type: on.Type, ID: on.ID, Tuple: t}
	key := string(on.Type) + ":" + on.ID
	if slices.Contains(g.tuples[key], t) {
		return
	}
	g.tuples[key] = append(g.tuples[key], t)
	g.all = append(g.all, r)
	g.related = append(g.related, on)
	g.owned(on)
}

// owned says in the graph whose an object is, which our own evaluator knows from
// the object.
func (g *graph) owned(on access.Object) {
	r := access.Relationship{Type: on.Type, ID: on.ID, Tuple: access.Tuple{Relation: "org", SubjectType: "org", SubjectID: on.Org.UUID()}}
	if on.Type != access.Org && !slices.Contains(g.all, r) {
		g.all = append(g.all, r)
	}
}

// newGraph makes two organisations with an object of every type each, and a
// principal of every kind.
func newGraph() *graph {
	g := &graph{tuples: memory{}}
	now := time.Now()
	for range 2 {
		org := access.NewOrgID(now)
		g.objects = append(g.objects, access.OrgObject(org))
		for _, t := range access.Belonging() {
			g.objects = append(g.objects, access.Object{Type: t, ID: access.NewOrgID(now).UUID(), Org: org})
		}
		g.actors = append(g.actors,
			access.Actor{Kind: access.User, ID: access.NewUserID(now).String(), Org: org},
			access.Actor{Kind: access.User, ID: access.NewUserID(now).String(), Org: org},
			access.Actor{Kind: access.Machine, ID: access.NewKeyID(now).String(), Org: org},
			access.Actor{Kind: access.Insured, ID: access.NewPersonID(now).String(), Org: org})
	}
	return g
}

// relations lists every relation that is stored, with each subject that it
// takes: the whole schema, edge by edge.
func relations() []edge {
	var out []edge
	for _, t := range slices.Sorted(maps.Keys(access.Schema)) {
		d := access.Schema[t]
		for _, r := range slices.Sorted(maps.Keys(d.Relations)) {
			if r == "org" {
				continue
			}
			for _, subject := range d.Relations[r] {
				kind, relation, _ := strings.Cut(subject, "#")
				out = append(out, edge{t, r, kind, relation})
			}
		}
	}
	return out
}

type edge struct {
	of       access.Type
	relation string
	kind     string
	set      string
}

// ends returns the objects and principals of the graph at which a relation may
// end.
func (g *graph) ends(kind string) []string {
	var out []string
	for _, a := range g.actors {
		if k, id, _ := a.Subject(); k == kind {
			out = append(out, id)
		}
	}
	for _, o := range g.objects {
		if string(o.Type) == kind {
			out = append(out, o.ID)
		}
	}
	return out
}

// of returns the graph's objects of a type.
func (g *graph) of(t access.Type) []access.Object {
	var out []access.Object
	for _, o := range g.objects {
		if o.Type == t {
			out = append(out, o)
		}
	}
	return out
}

// permissions lists what can be asked of a type.
func permissions(t access.Type) []access.Permission {
	return slices.Sorted(maps.Keys(access.Schema[t].Permissions))
}

// load puts graphs into SpiceDB.
func (r raw) load(graphs ...*graph) {
	r.t.Helper()
	stream, err := r.ImportBulkRelationships(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var batch []*pb.Relationship
	send := func() {
		if err := stream.Send(&pb.ImportBulkRelationshipsRequest{Relationships: batch}); err != nil {
			r.t.Fatal(err)
		}
		batch = nil
	}
	for _, g := range graphs {
		for _, rel := range g.all {
			if batch = append(batch, wire(rel)); len(batch) == 1000 {
				send()
			}
		}
	}
	if len(batch) > 0 {
		send()
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		r.t.Fatal(err)
	}
}

// ask asks SpiceDB many questions.
func (r raw) ask(qs []question) []bool {
	r.t.Helper()
	var out []bool
	for part := range slices.Chunk(qs, 500) {
		items := make([]*pb.CheckBulkPermissionsRequestItem, len(part))
		for i, q := range part {
			kind, id, _ := q.by.Subject()
			items[i] = &pb.CheckBulkPermissionsRequestItem{
				Resource: &pb.ObjectReference{ObjectType: string(q.on.Type), ObjectId: q.on.ID}, Permission: string(q.want),
				Subject: &pb.SubjectReference{Object: &pb.ObjectReference{ObjectType: kind, ObjectId: id}},
			}
		}
		res, err := r.CheckBulkPermissions(r.ctx, &pb.CheckBulkPermissionsRequest{
			Consistency: &pb.Consistency{Requirement: &pb.Consistency_FullyConsistent{FullyConsistent: true}}, Items: items,
		})
		if err != nil {
			r.t.Fatal(err)
		}
		for i, pair := range res.GetPairs() {
			if pair.GetError() != nil {
				r.t.Fatalf("%+v: %v", part[i], pair.GetError())
			}
			out = append(out, pair.GetItem().GetPermissionship() == pb.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION)
		}
	}
	return out
}

// said is what access makes of what SpiceDB says.
func said(q question, holds, known bool) error {
	switch {
	case holds:
		return nil
	case known || q.by.Org == q.on.Org && q.by.Kind != access.Insured:
		return fault.ErrForbidden
	}
	return fault.ErrNotFound
}

// compare puts questions about graphs to both evaluators and returns how many
// were answered by yes.
func compare(t *testing.T, r raw, of map[*graph][]question) (held int) {
	t.Helper()
	var all, unknown []question
	var from []*graph
	for g, qs := range of {
		for _, q := range qs {
			all, from = append(all, q), append(from, g)
		}
	}
	says, knows := r.ask(all), make([]bool, len(all))
	var at []int // of the unknown
	for i, q := range all {
		if errors.Is(said(q, says[i], false), fault.ErrNotFound) {
			unknown, at = append(unknown, question{q.by, access.Known, q.on}), append(at, i)
		}
	}
	for i, known := range r.ask(unknown) {
		knows[at[i]] = known
	}
	wrong := 0
	for i, q := range all {
		want := said(q, says[i], knows[i])
		got := access.Check(t.Context(), from[i].tuples, q.by, q.want, q.on)
		if says[i] {
			held++
		}
		if !errors.Is(got, want) || (got == nil) != (want == nil) {
			if wrong++; wrong < 10 {
				t.Errorf("%s %s (of %s) may %s %s:%s (of %s)?\nwe say %v, SpiceDB %v (holds %v, known %v); tuples:\n%s",
					q.by.Kind, q.by.ID, q.by.Org.UUID(), q.want, q.on.Type, q.on.ID, q.on.Org.UUID(), got, want, says[i], knows[i], from[i])
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d answers differ", wrong, len(all))
	}
	return held
}

// String lists a graph's tuples.
func (g *graph) String() string {
	var b strings.Builder
	for _, r := range g.all {
		fmt.Fprintln(&b, " ", line(r))
	}
	return b.String()
}

func conforming(t *testing.T) raw {
	t.Helper()
	r := rawOf(t, spicetest.Start(t))
	if _, err := r.WriteSchema(r.ctx, &pb.WriteSchemaRequest{Schema: spicedb.Schema()}); err != nil {
		t.Fatalf("SpiceDB does not take the schema: %v\n%s", err, spicedb.Schema())
	}
	return r
}

// TestConformance asks both evaluators everything about graphs of one
// relationship, or of one and what leads on from its set: each edge of the
// schema, with each principal and permission.
func TestConformance(t *testing.T) {
	r := conforming(t)
	of := map[*graph][]question{}
	var graphs []*graph
	for _, e := range relations() {
		g := newGraph()
		graphs = append(graphs, g)
		for _, on := range g.of(e.of)[:1] {
			for _, id := range g.ends(e.kind)[:1] {
				g.add(on, access.Tuple{Relation: e.relation, SubjectType: e.kind, SubjectID: id, SubjectRelation: e.set})
			}
		}
		if e.set != "" { // somebody of the set
			for _, next := range relations() {
				if string(next.of) == e.kind && next.set == "" {
					g.add(g.of(next.of)[0], access.Tuple{Relation: next.relation, SubjectType: next.kind, SubjectID: g.ends(next.kind)[0]})
				}
			}
		}
		for _, on := range g.objects {
			g.owned(on)
			for _, by := range g.actors {
				for _, p := range permissions(on.Type) {
					of[g] = append(of[g], question{by, p, on})
				}
			}
		}
	}
	r.load(graphs...)
	if held := compare(t, r, of); held < len(graphs) {
		t.Errorf("%d questions of %d graphs were answered by yes: hardly anything was compared", held, len(graphs))
	}
}

// TestRandomGraphsAgree compares the evaluators on 10,000 graphs.
func TestRandomGraphsAgree(t *testing.T) {
	const graphs, part, tuples, questions = 10_000, 500, 8, 2
	r := conforming(t)
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // not a secret
	edges := relations()
	held, asked := 0, 0
	for range graphs / part {
		of := map[*graph][]question{}
		var batch []*graph
		for range part {
			g := newGraph()
			for range 1 + rnd.IntN(tuples) {
				e := edges[rnd.IntN(len(edges))]
				on, ends := pick(rnd, g.of(e.of)), g.ends(e.kind)
				g.add(on, access.Tuple{Relation: e.relation, SubjectType: e.kind, SubjectID: pick(rnd, ends), SubjectRelation: e.set})
			}
			for i := range questions {
				on, by := pick(rnd, g.objects), pick(rnd, g.actors)
				if i%2 == 0 { // one that is related to something
					on = pick(rnd, g.related)
				}
				g.owned(on)
				of[g] = append(of[g], question{by, pick(rnd, permissions(on.Type)), on})
			}
			batch = append(batch, g)
			asked += questions
		}
		r.load(batch...)
		held += compare(t, r, of)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d of %d questions were answered by yes", held, asked)
	if held < asked/50 {
		t.Errorf("only %d of %d questions were answered by yes", held, asked)
	}
}

func pick[T any](rnd *rand.Rand, of []T) T { return of[rnd.IntN(len(of))] }
