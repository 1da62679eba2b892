package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/openinsure/openinsure/internal/fault"
)

// maxDepth bounds how far usersets are followed; a graph that is deeper grants
// nothing. The schema's own depth is 3.
const maxDepth = 8

// An Object is what a permission is asked on. Its Org is its row's org_id.
type Object struct {
	Type Type
	ID   string // the uuid form
	Org  OrgID
}

// OrgObject is the organisation itself as an object.
func OrgObject(o OrgID) Object { return Object{Type: Org, ID: o.UUID(), Org: o} }

// A Subject is who a tuple gives its relation to: somebody who acts, an object,
// or with Relation a userset: everybody who has that relation to it. The id is
// in its uuid form.
type Subject struct{ Type, ID, Relation string }

// A Tuple is one stored relationship: an object's relation and its subject.
type Tuple struct {
	Relation        string
	SubjectType     string
	SubjectID       string
	SubjectRelation string // "member" in org#member, usually empty
}

// Subject returns who the tuple gives its relation to.
func (t Tuple) Subject() Subject { return Subject{t.SubjectType, t.SubjectID, t.SubjectRelation} }

// A Node is an object as tuples name it.
type Node struct {
	Type Type
	ID   string
}

// Node returns the object as tuples name it.
func (o Object) Node() Node { return Node{o.Type, o.ID} }

// Leading are the types of object that a tuple may lead on to.
var Leading = leading()

func leading() []string {
	var out []string
	for _, d := range Schema {
		for r, takes := range d.Relations {
			for _, t := range takes {
				t, _, _ = strings.Cut(t, "#")
				if r != orgRelation && !slices.Contains(principals, t) && !slices.Contains(out, t) {
					out = append(out, t)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// String returns type:id#relation, as SpiceDB writes it.
func (s Subject) String() string {
	if s.Relation == "" {
		return s.Type + ":" + s.ID
	}
	return s.Type + ":" + s.ID + "#" + s.Relation
}

// Leads reports whether the tuple leads on to another object, and to which.
func (t Tuple) Leads() (Node, bool) {
	return Node{Type(t.SubjectType), t.SubjectID}, !slices.Contains(principals, t.SubjectType)
}

// Takes reports whether the schema has such a tuple on objects of the type. One
// that it has not grants nothing.
func (t Type) Takes(r Tuple) bool {
	for _, takes := range Schema[t].Relations[r.Relation] {
		kind, relation, _ := strings.Cut(takes, "#")
		if kind == r.SubjectType && relation == r.SubjectRelation && r.Relation != orgRelation {
			return true
		}
	}
	return false
}

// A Graph is the part of the relationships that a question needs: of each
// object the tuples that name the one who asks, and those that lead on.
type Graph map[Node][]Tuple

// Tuples reads stored relationships; the store's readers do.
type Tuples interface {
	// Relationships returns, in one round trip at most, what may relate a subject
	// to objects: the tuples of those and of every object that they lead to.
	Relationships(ctx context.Context, of Subject, objects ...Object) (Graph, error)
}

// An Evaluator is an outside authority that every question is put to as well.
// It can only refuse: what it allows must follow from our own tuples, too.
type Evaluator interface {
	// Evaluate says whether by holds a permission, or stands in a relation, and
	// whether a stored relation of the object reaches him.
	Evaluate(ctx context.Context, by Actor, want Permission, on Object) (Opinion, error)
}

// ErrUnavailable is the answer when an Evaluator has none: it is away or slow,
// or was not told in time of a change that the question is about.
var ErrUnavailable = fault.New(fault.Unavailable, "permissions_unavailable", "Permissions cannot be checked right now; try again.").
	With("part", "permissions").Retry(time.Second)

// An Opinion is what an Evaluator says.
type Opinion struct{ Holds, Known bool }

// opinion asks the authority that the tuples come with; without one nothing is
// refused here.
func opinion(ctx context.Context, tuples Tuples, by Actor, want Permission, on Object) (Opinion, error) {
	if t, ok := tuples.(interface {
		Evaluator(context.Context) Evaluator
	}); ok {
		if e := t.Evaluator(ctx); e != nil {
			return e.Evaluate(ctx, by, want, on)
		}
	}
	return Opinion{Holds: true, Known: true}, nil
}

// A Grant is the stored relationship by which somebody holds a permission: the
// one that names him. While it is there and the schema is the same, he holds it.
// The zero Grant is the system's, which needs none.
type Grant struct {
	Type        Type // of the object
	ID          string
	Relation    string
	SubjectType string
	SubjectID   string
}

// String returns type:id#relation@type:id, as SpiceDB writes it and the index
// relationship_grant has it; nothing for the zero Grant.
func (g Grant) String() string {
	if g == (Grant{}) {
		return ""
	}
	return string(g.Type) + ":" + g.ID + "#" + g.Relation + "@" + g.SubjectType + ":" + g.SubjectID
}

// Check returns nil when by holds the permission on the object, ErrNotFound
// when he has no business knowing the object, and ErrForbidden when he knows it
// and may not.
func Check(ctx context.Context, tuples Tuples, by Actor, want Permission, on Object) error {
	_, err := Find(ctx, tuples, by, want, on)
	return err
}

// Find is Check, and says by which relationship the permission is held, so that
// one who acts later can look whether it still is.
func Find(ctx context.Context, tuples Tuples, by Actor, want Permission, on Object) (Grant, error) {
	if by.Kind == System && by.Org == on.Org {
		return Grant{}, nil
	}
	if by.Kind == Guest && !by.isOf(on) {
		if on.Type == Desk && by.isOf(deskRoom(on)) {
			return Grant{}, fault.ErrForbidden // he has none
		}
		return Grant{}, fault.ErrNotFound
	}
	said, err := opinion(ctx, tuples, by, want, on)
	if err != nil {
		return Grant{}, err
	}
	c := check{by: by.subject()}
	if c.graph, err = tuples.Relationships(ctx, c.by, on, OrgObject(on.Org)); err != nil {
		return Grant{}, err
	}
	switch {
	case said.Holds && (by.Kind != Guest || slices.Contains(guestMay, want)) && c.holds(on, string(want), 0):
		return c.grant, nil
	case by.Org == on.Org && by.Kind != Insured, said.Known && c.knows(on):
		return Grant{}, fault.ErrForbidden
	}
	return Grant{}, fault.ErrNotFound
}

// guestMay are the permissions that a guest can hold, whatever his relationships
// say.
var guestMay = []Permission{Read, Post}

// isOf reports whether an object is the room that a, a guest, is in.
func (a Actor) isOf(on Object) bool {
	id := SubjectUUID(a.Room)
	return on.Type == Room && id != nil && *id == on.ID
}

// deskRoom is the room that a desk is in: its id is the room's and the company's.
func deskRoom(on Object) Object {
	id, _, _ := strings.Cut(on.ID, "/")
	return Object{Type: Room, ID: id}
}

// check is one question about what was read of the relationships.
type check struct {
	by    Subject
	graph Graph
	grant Grant // the last relationship that named by
}

// holds reports whether by has a permission or relation of an object.
func (c *check) holds(on Object, name string, depth int) bool {
	if depth > maxDepth {
		return false
	}
	def := Schema[on.Type]
	if terms, ok := def.Permissions[Permission(name)]; ok {
		return slices.ContainsFunc(terms, func(t Term) bool { return c.grants(on, t, depth+1) })
	}
	_, ok := def.Relations[name]
	return ok && c.related(on, name, depth)
}

func (c *check) grants(on Object, t Term, depth int) bool {
	switch t.Via {
	case "":
		return c.holds(on, t.Name, depth)
	case orgRelation:
		return c.holds(OrgObject(on.Org), t.Name, depth)
	}
	for _, r := range c.graph[on.Node()] {
		next, leads := r.Leads()
		if r.Relation == t.Via && r.SubjectRelation == "" && leads && on.Type.Takes(r) && c.holds(next.object(on.Org), t.Name, depth) {
			return true
		}
	}
	return false
}

// object is the object that a relation leads to. What belongs to a thing is of
// the same organisation.
func (n Node) object(of OrgID) Object {
	if n.Type == Org {
		of, _ = ParseOrgID(n.ID) // zero, which is nobody's, for what is none
	}
	return Object{n.Type, n.ID, of}
}

// knows reports whether the object is any of by's business: he may read it, or a
// stored relation of it reaches him.
func (c *check) knows(on Object) bool {
	if c.holds(on, string(Read), 0) {
		return true
	}
	return slices.ContainsFunc(Schema[on.Type].stored(), func(r string) bool { return c.related(on, r, 0) })
}

// related reports whether a stored relation holds, directly or by a userset.
func (c *check) related(on Object, relation string, depth int) bool {
	for _, r := range c.graph[on.Node()] {
		if r.Relation != relation || !on.Type.Takes(r) {
			continue
		}
		if r.Subject() == c.by {
			c.grant = Grant{on.Type, on.ID, relation, c.by.Type, c.by.ID}
			return true
		}
		if set, leads := r.Leads(); leads && r.SubjectRelation != "" && c.holds(set.object(on.Org), r.SubjectRelation, depth+1) {
			return true
		}
	}
	return false
}

// subject returns who the actor is in the relationship graph.
func (a Actor) subject() Subject {
	s := Subject{Type: kinds[a.Kind]}
	if id := a.UUID(); id != nil {
		s.ID = *id
	}
	return s
}

// kinds are the types of those who act in the relationship graph. The system is
// nobody there.
var kinds = map[Kind]string{User: userType, Guest: userType, Machine: keyType, Insured: personType}

// UUID returns the actor's id in its uuid form, nil for the system's and any
// other that is not made of one.
func (a Actor) UUID() *string { return SubjectUUID(a.ID) }

// SubjectUUID returns the uuid form of an id of any principal, nil for what is
// not made of one.
func SubjectUUID(subject string) *string {
	_, body, _ := strings.Cut(subject, "_")
	u, err := ulid.ParseStrict(body)
	if err != nil {
		return nil
	}
	id := OrgID(u).UUID()
	return &id
}
