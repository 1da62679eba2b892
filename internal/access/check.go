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

// A Tuple is one stored relationship: an object's relation and its subject.
// ids are in their uuid form.
type Tuple struct {
	Relation        string
	SubjectType     string
	SubjectID       string
	SubjectRelation string // "member" in org#member, usually empty
}

// Tuples reads stored relationships; the store's readers do.
type Tuples interface {
	// Relationships returns the object's tuples whose subject is the given one
	// or a userset.
	Relationships(ctx context.Context, object Object, subjectType, subjectID string) ([]Tuple, error)
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
func (c *check) opinion(ctx context.Context, want Permission, on Object) (Opinion, error) {
	if t, ok := c.tuples.(interface{ Evaluator() Evaluator }); ok {
		if e := t.Evaluator(); e != nil {
			return e.Evaluate(ctx, c.by, want, on)
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
		return Grant{}, fault.ErrNotFound
	}
	c := check{tuples: tuples, by: by}
	said, err := c.opinion(ctx, want, on)
	if err != nil {
		return Grant{}, err
	}
	ok := false
	if said.Holds && (by.Kind != Guest || slices.Contains(guestMay, want)) {
		ok, err = c.holds(ctx, on, string(want), 0)
	}
	switch {
	case err != nil:
		return Grant{}, err
	case ok:
		return c.grant, nil
	case by.Org == on.Org && by.Kind != Insured:
		return Grant{}, fault.ErrForbidden
	case !said.Known:
		return Grant{}, fault.ErrNotFound
	}
	known, err := c.knows(ctx, on)
	if err != nil {
		return Grant{}, err
	}
	if known {
		return Grant{}, fault.ErrForbidden
	}
	return Grant{}, fault.ErrNotFound
}

// A Scope says which objects of a type a list may hold: all of the actor's
// organisation, or those that a stored relation of the object grants him.
type Scope struct {
	All         bool
	Type        Type
	Relations   []string
	SubjectType string
	SubjectID   string // the uuid form
}

// guestMay are the permissions that a guest can hold, whatever his relationships
// say.
var guestMay = []Permission{Read, Post}

// isOf reports whether an object is the room that a, a guest, is in.
func (a Actor) isOf(on Object) bool {
	id := SubjectUUID(a.Room)
	return on.Type == Room && id != nil && *id == on.ID
}

// Visible returns the objects of a type on which by holds Read: the same rule
// as Check, in the form that the store turns into a condition of its SQL.
func Visible(ctx context.Context, tuples Tuples, by Actor, t Type) (Scope, error) {
	if by.Kind == System {
		return Scope{All: true, Type: t}, nil
	}
	s := Scope{Type: t}
	if by.Kind == Guest {
		return s, nil // he has one room, and lists none
	}
	s.SubjectType, s.SubjectID = by.subject()
	c := check{tuples: tuples, by: by}
	for _, term := range Schema[t].Permissions[Read] {
		if term.Via != orgRelation {
			s.Relations = append(s.Relations, term.Name)
			continue
		}
		said, err := c.opinion(ctx, Permission(term.Name), OrgObject(by.Org))
		if err != nil {
			return Scope{}, err
		}
		if s.All || !said.Holds {
			continue
		}
		if s.All, err = c.holds(ctx, OrgObject(by.Org), term.Name, 1); err != nil {
			return Scope{}, err
		}
	}
	return s, nil
}

// check is one question; it reads each object's tuples once.
type check struct {
	tuples Tuples
	by     Actor
	seen   map[string][]Tuple
	grant  Grant // the last relationship that named by
}

func (c *check) holds(ctx context.Context, on Object, name string, depth int) (bool, error) {
	if depth > maxDepth {
		return false, nil
	}
	def := Schema[on.Type]
	if terms, ok := def.Permissions[Permission(name)]; ok {
		for _, t := range terms {
			next := on
			if t.Via == orgRelation {
				next = OrgObject(on.Org)
			}
			ok, err := c.holds(ctx, next, t.Name, depth+1)
			if err != nil || ok {
				return ok, err
			}
		}
		return false, nil
	}
	if _, ok := def.Relations[name]; !ok {
		return false, nil
	}
	return c.related(ctx, on, name, depth)
}

// knows reports whether any stored relation of the object reaches the actor.
func (c *check) knows(ctx context.Context, on Object) (bool, error) {
	for _, name := range Schema[on.Type].stored() {
		if ok, err := c.related(ctx, on, name, 0); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// related reports whether a stored relation holds, directly or by a userset.
func (c *check) related(ctx context.Context, on Object, relation string, depth int) (bool, error) {
	subjectType, subjectID := c.by.subject()
	rows, err := c.load(ctx, on, subjectType, subjectID)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		ok := r.SubjectType == subjectType && r.SubjectID == subjectID && r.SubjectRelation == ""
		if !ok && r.SubjectRelation != "" {
			set := Object{Type: Type(r.SubjectType), ID: r.SubjectID}
			if ok, err = c.holds(ctx, set, r.SubjectRelation, depth+1); err != nil {
				return false, err
			}
		}
		if ok && r.Relation == relation {
			if r.SubjectRelation == "" {
				c.grant = Grant{on.Type, on.ID, relation, subjectType, subjectID}
			}
			return true, nil
		}
	}
	return false, nil
}

func (c *check) load(ctx context.Context, on Object, subjectType, subjectID string) ([]Tuple, error) {
	key := string(on.Type) + ":" + on.ID
	if rows, ok := c.seen[key]; ok {
		return rows, nil
	}
	rows, err := c.tuples.Relationships(ctx, on, subjectType, subjectID)
	if err != nil {
		return nil, err
	}
	if c.seen == nil {
		c.seen = map[string][]Tuple{}
	}
	c.seen[key] = rows
	return rows, nil
}

// subject returns the actor's type and uuid in the relationship graph.
func (a Actor) subject() (string, string) {
	kind := map[Kind]string{User: "user", Guest: "user", Machine: "key", Insured: "person"}[a.Kind]
	if id := a.UUID(); id != nil {
		return kind, *id
	}
	return kind, ""
}

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
