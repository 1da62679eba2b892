// Package access decides who may do what. Permission is a question about a
// relationship between a subject and an object, answered in one place, Check;
// lists ask Visible for the SQL condition of the same rule.
package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/id"
)

type orgKind struct{}

func (orgKind) Prefix() string { return "org_" }

type userKind struct{}

func (userKind) Prefix() string { return "usr_" }

type keyKind struct{}

func (keyKind) Prefix() string { return "key_" }

type personKind struct{}

func (personKind) Prefix() string { return "per_" }

// The ids of those who act.
type (
	OrgID    = id.ID[orgKind]    // an organisation: the tenant whose data it is
	UserID   = id.ID[userKind]   // a broker, underwriter or administrator
	KeyID    = id.ID[keyKind]    // an API key
	PersonID = id.ID[personKind] // a policyholder
)

// Kind is the sort of principal an Actor is.
type Kind string

// The kinds of principal, by the credential that each shows.
const (
	User    Kind = "user"    // a JWT with typ user
	Machine Kind = "machine" // an API key
	System  Kind = "system"  // the API_SECRET; names its organisation by orgId
	Insured Kind = "insured" // a JWT with typ insured
	Guest   Kind = "guest"   // a JWT with typ guest: somebody without an account, in one room
)

// The roles of a user in an organisation; each is a relation of the same name
// between the organisation and the user.
const (
	RoleAdmin       = "admin"
	RoleUnderwriter = "underwriter"
	RoleBroker      = "broker"
	RoleAuditor     = "auditor"
	RoleFinance     = "finance"    // policies, invoices and claims to read; the fiduciary part to change
	RoleAdjuster    = "adjuster"   // handles claims
	RoleCompliance  = "compliance" // reads everything, says who is on a sanctions list, changes nothing else
)

// Integration is the relation between the organisation and its API keys.
const Integration = "integration"

// Roles lists the roles that a user can be given.
var Roles = []string{RoleAdmin, RoleUnderwriter, RoleBroker, RoleAuditor, RoleFinance, RoleAdjuster, RoleCompliance}

// An Actor is who acts in one request, as its credential proved. The zero Actor
// is nobody and may do nothing.
type Actor struct {
	Kind   Kind
	ID     string   // usr_…, key_…, per_… or "system": the subject of relationships
	Org    OrgID    // whose data it works on
	Role   string   // informative: what counts is the relationships
	Scopes []string // of a key; nobody else is limited by scopes
	Tier   string   // of a key: standard or enterprise; sets its rate limit

	Room   string   // of a guest: the only object that there is for him, room_…
	SignIn SignInID // of an insured's device, or a user's browser, which ends when it is revoked; zero: of neither

	Until time.Time // when the credential ends, for what outlives a request; zero is never
}

// IsZero reports whether nobody acts.
func (a Actor) IsZero() bool { return a.Kind == "" }

// Sits reports whether a can have a place in a room: users and guests.
func (a Actor) Sits() bool { return a.Kind == User || a.Kind == Guest }

// HasScope reports whether the credential allows the scope resource:action.
// Only keys carry scopes; write includes read.
func (a Actor) HasScope(scope string) bool {
	if a.Kind != Machine || scope == "" {
		return a.Kind != ""
	}
	if slices.Contains(a.Scopes, scope) {
		return true
	}
	resource, isRead := strings.CutSuffix(scope, ":read")
	return isRead && slices.Contains(a.Scopes, resource+":write")
}

type contextKey struct{}

// With returns a context in which a acts.
func With(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, contextKey{}, a)
}

// From returns who acts in ctx; the zero Actor when nobody does.
func From(ctx context.Context) Actor {
	a, _ := ctx.Value(contextKey{}).(Actor)
	return a
}

// NewOrgID mints the id of an organisation made at the given time.
func NewOrgID(at time.Time) OrgID { return id.New[orgKind](at) }

// NewUserID mints the id of a user made at the given time.
func NewUserID(at time.Time) UserID { return id.New[userKind](at) }

// NewKeyID mints the id of an API key made at the given time.
func NewKeyID(at time.Time) KeyID { return id.New[keyKind](at) }

// NewPersonID mints the id of a policyholder made at the given time.
func NewPersonID(at time.Time) PersonID { return id.New[personKind](at) }

// ParseOrgID reads an organisation's id, prefixed or as a plain uuid.
func ParseOrgID(s string) (OrgID, error) { return id.ParseLoose[orgKind](s) }
