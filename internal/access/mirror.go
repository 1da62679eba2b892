package access

import (
	"context"
	"time"
)

// A Relationship is a stored relationship with its object, as an outside
// authority is told of it.
type Relationship struct {
	Type Type
	ID   string // the uuid form
	Tuple
}

// A Change is a relationship that was touched, and whether it is there now.
type Change struct {
	Relationship
	Present bool
}

// A Freshness says how far an outside authority has been told what a question
// may depend on.
type Freshness struct {
	Mirror string // names our database
	Token  string // of the last write that touched any of it; "" when none did
	Behind bool   // something about it is still to be told
	Alive  bool   // somebody is at it
}

// A Tie is an end of a relationship: an object or a subject.
type Tie struct{ Type, ID string }

// Ties returns what the answer to a question may depend on: the object, whoever
// asks, and the organisations of both. A relationship in between leads from one
// of them or to one of them.
func Ties(by Actor, on Object) []Tie {
	s := by.subject()
	return []Tie{{string(on.Type), on.ID}, {string(Org), on.Org.UUID()}, {s.Type, s.ID}, {string(Org), by.Org.UUID()}}
}

// Subject returns the actor as the graph of relationships knows him; ok is false
// for one that it does not, such as the system.
func (a Actor) Subject() (kind, id string, ok bool) {
	s := a.subject()
	kind, id = s.Type, s.ID
	return kind, id, kind != "" && id != ""
}

// A Ledger is what is to be mirrored, as the store keeps it.
type Ledger interface {
	// Freshness says how far the authority is about ties.
	Freshness(ctx context.Context, of []Tie) (Freshness, error)
	// LeaseMirror makes holder the only one to mirror for a while; held is false
	// while somebody else is.
	LeaseMirror(ctx context.Context, holder string) (id string, held bool, err error)
	// ReleaseMirror lets another one mirror at once.
	ReleaseMirror(ctx context.Context, holder string) error
	// PassOn hands the oldest changes to write and keeps the token that it
	// returns beside their ends. It returns how many it took, and whether it left
	// some that were there when it began.
	PassOn(ctx context.Context, holder string, write func(context.Context, []Change) (token string, err error)) (n int, more bool, err error)
	// Everything hands every relationship that there should be to f.
	Everything(ctx context.Context, f func(Relationship) error) error
	// LookAgain has relationships passed on once more.
	LookAgain(ctx context.Context, rs []Relationship) error
	// Waiting returns how many changes wait, and since when the oldest does.
	Waiting(ctx context.Context) (n int, oldest time.Duration, err error)
}
