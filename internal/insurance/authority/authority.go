// Package authority holds the rules of who may agree to how much: profiles,
// which users have, and what they may lend each other for a time.
package authority

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type profileKind struct{}

func (profileKind) Prefix() string { return "aup_" }

type assignmentKind struct{}

func (assignmentKind) Prefix() string { return "aua_" }

// The ids of this package.
type (
	ProfileID    = id.ID[profileKind]
	AssignmentID = id.ID[assignmentKind]
)

// NewProfileID mints the id of a profile made at the given time.
func NewProfileID(at time.Time) ProfileID { return id.New[profileKind](at) }

// NewAssignmentID mints the id of an assignment made at the given time.
func NewAssignmentID(at time.Time) AssignmentID { return id.New[assignmentKind](at) }

// The levels of a profile: MaxLevel is the most senior.
const (
	MinLevel = 1
	MaxLevel = 10
)

// MaxConstraints is how many constraints a profile may have.
const MaxConstraints = 50

// Faults of authority.
var (
	ErrExceeded = fault.New(fault.Forbidden, "authority_exceeded", "The decision is outside your authority.")
	ErrInactive = fault.New(fault.Refused, "profile_inactive", "The authority profile is not active.")
	ErrCircle   = fault.New(fault.Refused, "delegation_circle", "The delegation would lead back to whoever delegates.").Field("delegateId", "different")
)

// Comparator says on which side of a limit a value has to be.
type Comparator string

// The comparators.
const (
	AtMost  Comparator = "at_most"
	AtLeast Comparator = "at_least"
)

// Allows reports whether a value is on the right side of a limit.
func (c Comparator) Allows(limit, value int64) bool {
	switch c {
	case AtMost:
		return value <= limit
	case AtLeast:
		return value >= limit
	}
	return false
}

// Offset moves a value by a percentage in the direction in which it may go: an
// approval of 300,000 at most with 10 percent refers to 330,000. It is rounded
// down toward what was asked for.
func (c Comparator) Offset(value int64, percent int) int64 {
	by := new(big.Int).Mul(big.NewInt(value), big.NewInt(int64(percent)))
	by.Quo(by.Abs(by), big.NewInt(100))
	moved := new(big.Int).Add(big.NewInt(value), by)
	if c == AtLeast {
		moved.Sub(big.NewInt(value), by)
	}
	if !moved.IsInt64() {
		return value
	}
	return moved.Int64()
}

// An Issue is a fact about a risk, beside its money, that authority is asked
// for: the age of a driver, the losses of three years.
type Issue struct {
	Name       string     `json:"name"`
	Comparator Comparator `json:"comparator"`
	Value      int64      `json:"value"`
}

// Value is what somebody has to agree to.
type Value struct {
	Premium *money.Cents `json:"premium,omitempty"` // nil: there is no price yet
	Limit   money.Cents  `json:"limit"`
	Insured money.Cents  `json:"insuredValue,omitempty"` // of all that is insured; 0: it is no matter of values
	Line    string       `json:"line"`
	State   string       `json:"state"`
	Issue   *Issue       `json:"issue,omitempty"`
}

// A Profile is what its holders may agree to. A limit that is nil is no
// authority for that kind of money at all; what is not listed is not allowed.
type Profile struct {
	ID               ProfileID
	Org              access.OrgID
	Name             string
	Level            int
	MaxTIV           *money.Cents
	MaxLimit         *money.Cents
	MaxPremium       *money.Cents
	Lines            []string // of business
	ProhibitedStates []string
	CanOverride      bool    // with a second person, what no profile covers
	Constraints      []Issue // for issues beside money; one that is missing is not covered
	Active           bool
	CreatedBy        string
	CreatedAt        time.Time
	UpdatedAt        time.Time
	Version          int
}

// Object is the organisation as the object whose rights decide who may change
// its profiles.
func (p Profile) Object() access.Object { return access.OrgObject(p.Org) }

// Check reports everything that is wrong with a profile.
func (p Profile) Check() error {
	var bad fault.Complaints
	bad.When(fault.Blank(p.Name), "name", "required")
	bad.When(p.Level < MinLevel, "level", "min")
	bad.When(p.Level > MaxLevel, "level", "max")
	negative := func(c *money.Cents) bool { return c != nil && *c < 0 }
	bad.When(negative(p.MaxTIV), "maxTiv", "min")
	bad.When(negative(p.MaxLimit), "maxLimit", "min")
	bad.When(negative(p.MaxPremium), "maxPremium", "min")
	bad.When(len(p.Lines) == 0, "authorizedLobs", "minItems")
	bad.Each("authorizedLobs", p.Lines, rating.Lines)
	bad.Each("prohibitedStates", p.ProhibitedStates, submission.States)
	seen := map[string]bool{}
	for i, c := range fault.Fitting(&bad, "constraints", p.Constraints, MaxConstraints) {
		bad.When(fault.Blank(c.Name), fmt.Sprintf("constraints[%d].name", i), "required")
		bad.When(c.Comparator != AtMost && c.Comparator != AtLeast, fmt.Sprintf("constraints[%d].comparator", i), "enum")
		bad.When(seen[c.Name], fmt.Sprintf("constraints[%d].name", i), "unique")
		seen[c.Name] = true
	}
	return bad.On(fault.ErrValidation)
}

// CheckChange is Check of a profile that was another before: what is as it was is
// not refused.
func (p Profile) CheckChange(was Profile) error {
	return fault.Anew(was.Check(), p.Check(), fault.Changed(was.fields(), p.fields()))
}

func (p Profile) fields() map[string]any {
	return map[string]any{
		"name": p.Name, "level": p.Level, "maxTiv": p.MaxTIV, "maxLimit": p.MaxLimit, "maxPremium": p.MaxPremium,
		"authorizedLobs": p.Lines, "prohibitedStates": p.ProhibitedStates, "constraints": p.Constraints,
	}
}

// Missing lists what of a value a profile does not cover; nil when it covers
// all.
func (p Profile) Missing(v Value) []string {
	missing := p.Forbids(v)
	if v.Premium != nil && (p.MaxPremium == nil || *v.Premium > *p.MaxPremium) {
		missing = append(missing, "premium")
	}
	if p.MaxLimit == nil || v.Limit > *p.MaxLimit {
		missing = append(missing, "limit")
	}
	if v.Insured > 0 && (p.MaxTIV == nil || v.Insured > *p.MaxTIV) {
		missing = append(missing, "insuredValue")
	}
	if i := v.Issue; i != nil && !slices.ContainsFunc(p.Constraints, func(c Issue) bool {
		return c.Name == i.Name && c.Comparator == i.Comparator && c.Comparator.Allows(c.Value, i.Value)
	}) {
		missing = append(missing, "issue")
	}
	return missing
}

// Forbids lists what of a value a profile rules out, however small it is.
func (p Profile) Forbids(v Value) []string {
	var no []string
	if !p.Active {
		no = append(no, "profile")
	}
	if !slices.Contains(p.Lines, v.Line) {
		no = append(no, "lineOfBusiness")
	}
	if slices.Contains(p.ProhibitedStates, v.State) {
		no = append(no, "state")
	}
	return no
}

// A Grant is a profile that somebody may use: his own, or one that he is lent.
type Grant struct {
	Profile Profile
	Of      string // the user whose profile it is
}

// A Use is by which authority something was decided. The zero Use is that which
// everybody has who may decide at all: up to the threshold of the program.
type Use struct {
	Profile  string `json:"profile,omitempty"`
	Version  int    `json:"version,omitempty"`
	Level    int    `json:"level,omitempty"`
	For      string `json:"for,omitempty"`      // the user who lent it; empty: his own
	Override bool   `json:"override,omitempty"` // nobody's profile covers it
}

// A Claim is somebody who wants to use authority.
type Claim struct {
	By        string  // his id
	Grants    []Grant // his own first
	Spent     []string
	Threshold money.Cents // up to this premium nobody's authority is asked for
	Override  bool        // he wants what no profile covers
	Level     int         // of a profile, at least; what everybody has is of none
}

// Cover finds the least authority of a claim that covers a value, his own before
// what he is lent; ErrExceeded when none does. Whose authority has been used on
// the same matter, or who raised it, is spent: nobody agrees twice by another's
// hand.
func Cover(c Claim, v Value) (Use, error) {
	own := slices.IndexFunc(c.Grants, func(g Grant) bool { return g.Of == c.By })
	if c.Level == 0 && v.Issue == nil && (v.Premium == nil || *v.Premium <= c.Threshold) && (own < 0 || len(c.Grants[own].Profile.Forbids(v)) == 0) {
		return Use{}, nil
	}
	var best *Grant
	for i, g := range c.Grants {
		if slices.Contains(c.Spent, g.Of) || g.Profile.Level < c.Level || len(g.Profile.Missing(v)) > 0 {
			continue
		}
		if best == nil || g.Of == c.By || best.Of != c.By && g.Profile.Level < best.Profile.Level {
			best = &c.Grants[i]
		}
	}
	if best != nil {
		return best.use(c.By), nil
	}
	if c.Override {
		for _, g := range c.Grants {
			if g.Of == c.By && g.Profile.Active && g.Profile.CanOverride && g.Profile.Level >= c.Level {
				u := g.use(c.By)
				u.Override = true
				return u, nil
			}
		}
	}
	return Use{}, ErrExceeded
}

func (g Grant) use(by string) Use {
	u := Use{Profile: g.Profile.ID.String(), Version: g.Profile.Version, Level: g.Profile.Level}
	if g.Of != by {
		u.For = g.Of
	}
	return u
}

// Covers reports whether a value that was agreed to, as the reference, covers
// another: no more money, and the same line and state.
func (v Value) Covers(other Value) bool {
	if v.Line != other.Line || v.State != other.State || other.Limit > v.Limit || other.Insured > v.Insured {
		return false
	}
	return other.Premium == nil || v.Premium != nil && *other.Premium <= *v.Premium
}

// Reference returns what an approval of v with an offset in percent covers.
func (v Value) Reference(percent int) Value {
	v.Limit = money.Cents(AtMost.Offset(int64(v.Limit), percent))
	v.Insured = money.Cents(AtMost.Offset(int64(v.Insured), percent))
	if v.Premium != nil {
		p := money.Cents(AtMost.Offset(int64(*v.Premium), percent))
		v.Premium = &p
	}
	if v.Issue != nil {
		i := *v.Issue
		i.Value = i.Comparator.Offset(i.Value, percent)
		v.Issue = &i
	}
	return v
}

// Next finds who is asked when somebody did not decide in time: of those whose
// profile covers the value the one with the lowest level above his, who is
// nobody of those left out. It reports false when there is nobody.
func Next(holders []Grant, leaveOut []string, above int, v Value) (string, bool) {
	var best *Grant
	for i, g := range holders {
		if slices.Contains(leaveOut, g.Of) || g.Profile.Level <= above || len(g.Profile.Missing(v)) > 0 {
			continue
		}
		if best == nil || g.Profile.Level < best.Profile.Level || g.Profile.Level == best.Profile.Level && g.Of < best.Of {
			best = &holders[i]
		}
	}
	if best == nil {
		return "", false
	}
	return best.Of, true
}

// An Assignment gives a user a profile; he has one at a time.
type Assignment struct {
	ID        AssignmentID
	Org       access.OrgID
	Profile   ProfileID
	User      access.UserID
	By        string
	CreatedAt time.Time
	EndedAt   *time.Time
}
