package access

import (
	"context"
	"slices"
	"strings"
)

// A Scope says which objects of a type a list may hold: all of the actor's
// organisation, or those to which one of the Ways leads. The zero Scope holds
// none. Only this package makes one.
type Scope struct {
	All  bool
	Type Type
	Ways []Way
}

// A Way is a condition on an object: that following the relations in Path, it
// leads to an object which has one of Relations to one of Subjects.
type Way struct {
	Path      []string
	Relations []string  // none: that the path leads anywhere suffices
	Subjects  []Subject // the actor, and usersets that he is of
}

// Visible returns the objects of a type on which by holds Read: the same rule
// as Check, in the form that the store turns into a condition of its SQL.
func Visible(ctx context.Context, tuples Tuples, by Actor, t Type) (Scope, error) {
	return VisibleTo(ctx, tuples, by, Read, t)
}

// VisibleTo is Visible for another permission than Read.
func VisibleTo(ctx context.Context, tuples Tuples, by Actor, want Permission, t Type) (Scope, error) {
	if by.Kind == System {
		return Scope{All: true, Type: t}, nil
	}
	if by.Kind == Guest {
		return Scope{Type: t}, nil // he has one room, and lists none
	}
	v := view{check: check{by: by.subject()}, of: by.Org, scope: Scope{Type: t}}
	v.opinion = func(want Permission) (Opinion, error) { return opinion(ctx, tuples, by, want, OrgObject(by.Org)) }
	var err error
	if v.check.graph, err = tuples.Relationships(ctx, v.check.by, OrgObject(by.Org)); err != nil {
		return Scope{}, err
	}
	v.follow(t, string(want), nil)
	return v.scope, v.err
}

// Over returns the Scope of all that belongs to an object, for one who holds a
// permission on it; without it the error of Check.
func Over(ctx context.Context, tuples Tuples, by Actor, want Permission, on Object) (Scope, error) {
	if err := Check(ctx, tuples, by, want, on); err != nil {
		return Scope{}, err
	}
	return Scope{All: true, Type: on.Type}, nil
}

// view is the making of a Scope. What depends on the organisation alone is
// decided now; what depends on the object becomes a Way.
type view struct {
	check   check
	of      OrgID
	scope   Scope
	opinion func(Permission) (Opinion, error) // of an outside authority
	err     error                             // its first
}

// holds reports whether the actor has a permission or relation of his
// organisation.
func (v *view) holds(name string) bool {
	if v.err != nil {
		return false
	}
	var said Opinion
	said, v.err = v.opinion(Permission(name))
	return v.err == nil && said.Holds && v.check.holds(OrgObject(v.of), name, 0)
}

// follow adds the ways to hold a permission or relation of a type, which path
// leads to.
func (v *view) follow(t Type, name string, path []string) {
	if len(path) > maxDepth {
		return
	}
	def := Schema[t]
	terms, ok := def.Permissions[Permission(name)]
	if !ok {
		if takes, ok := def.Relations[name]; ok {
			v.add(path, name, v.subjects(takes)...)
		}
		return
	}
	for _, term := range terms {
		switch term.Via {
		case "":
			v.follow(t, term.Name, path)
		case orgRelation:
			if v.holds(term.Name) {
				v.whole(path)
			}
		default:
			v.arrow(def, term, path)
		}
	}
}

func (v *view) arrow(def Definition, term Term, path []string) {
	for _, to := range def.Relations[term.Via] {
		if Type(to) != Org {
			v.follow(Type(to), term.Name, append(slices.Clone(path), term.Via))
			continue
		}
		if v.holds(term.Name) {
			v.add(path, term.Via, Subject{Type: string(Org), ID: v.of.UUID()})
		}
	}
}

// whole adds that path leads anywhere.
func (v *view) whole(path []string) {
	if len(path) == 0 {
		v.scope.All = true
		return
	}
	v.scope.Ways = append(v.scope.Ways, Way{Path: path})
}

// add adds a relation, to the way that is like it if there is one.
func (v *view) add(path []string, relation string, subjects ...Subject) {
	if len(subjects) == 0 {
		return
	}
	for i, w := range v.scope.Ways {
		if slices.Equal(w.Path, path) && slices.Equal(w.Subjects, subjects) {
			v.scope.Ways[i].Relations = append(w.Relations, relation)
			return
		}
	}
	v.scope.Ways = append(v.scope.Ways, Way{path, []string{relation}, subjects})
}

// subjects are those that the actor is, of what a relation takes: himself, and
// the usersets that he is of.
func (v *view) subjects(takes []string) []Subject {
	var out []Subject
	for _, t := range takes {
		if t == v.check.by.Type {
			out = append(out, v.check.by)
		}
		if name, ok := cutUserset(t, Org); ok && v.holds(name) {
			out = append(out, Subject{string(Org), v.of.UUID(), name})
		}
	}
	return out
}

// cutUserset returns the relation in "type#relation".
func cutUserset(takes string, t Type) (string, bool) { return strings.CutPrefix(takes, string(t)+"#") }
