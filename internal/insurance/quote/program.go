package quote

import (
	_ "embed" // of the standard programs
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type programKind struct{}

func (programKind) Prefix() string { return "prog_" }

type rateTableKind struct{}

func (rateTableKind) Prefix() string { return "rt_" }

// The ids of programs and their rate tables.
type (
	ProgramID   = id.ID[programKind]
	RateTableID = id.ID[rateTableKind]
)

// A Program is a line of business that an organisation writes, with its
// thresholds. The defaults are those of the platform's underwriting guidelines:
// refer from $100,000 and below two years in business, decline above $250,000.
type Program struct {
	ID                ProgramID
	Org               access.OrgID
	Name              string
	LineOfBusiness    string
	States            []string    // in which it writes; empty is all of them
	MaxLimit          money.Cents // above it is referred; 0 is no bound
	AutoBindThreshold money.Cents // up to here nobody's authority is asked for
	ReferAbove        money.Cents // annual premium
	DeclineAbove      money.Cents
	MinYears          int    // in business; fewer are referred
	MaxExperience     string // experience modification; above it is referred; empty is no bound
	CreatedAt         time.Time
	UpdatedAt         time.Time
	Version           int
}

// A RateTable is a version of a program's rate book. It prices the effective
// days from its own on, once it is published, until the next version's.
type RateTable struct {
	ID          RateTableID
	Org         access.OrgID
	Program     ProgramID
	Version     int
	Effective   civil.Date
	Book        rating.Book
	CreatedBy   string
	CreatedAt   time.Time
	PublishedBy string
	PublishedAt *time.Time // nil is a draft
}

// Faults of programs and rate tables.
var (
	ErrProgramExists = fault.New(fault.Conflict, "program_exists", "Your organization has a program of this line of business already.").Field("lineOfBusiness", "unique")
	ErrNoProgram     = fault.ErrValidation.Field("programId", "exists")
	ErrPublished     = fault.New(fault.Refused, "rate_table_published", "The version is published already; make another one.")
	ErrGaps          = fault.New(fault.Refused, "rate_table_incomplete", "The rates leave risks of their program without a price.")
)

// mostYears bounds how long a business may be asked to have been there.
const mostYears = 100

var experience = regexp.MustCompile(`^[0-9](\.[0-9]{1,3})?$`)

// Check reports everything that is wrong with a program.
func (p Program) Check() error {
	var bad fault.Complaints
	bad.When(fault.Blank(p.Name), "name", "required")
	bad.When(!slices.Contains(rating.Lines, p.LineOfBusiness), "lineOfBusiness", "enum")
	bad.Each("states", p.States, submission.States)
	for _, amount := range []struct {
		field string
		of    money.Cents
	}{{"maxLimit", p.MaxLimit}, {"autoBindThreshold", p.AutoBindThreshold}, {"referAbove", p.ReferAbove}, {"declineAbove", p.DeclineAbove}} {
		bad.When(amount.of < 0, amount.field, "min")
		bad.When(amount.of > money.Max, amount.field, "max")
	}
	bad.When(p.DeclineAbove < p.ReferAbove, "declineAbove", "min")
	bad.When(p.MinYears < 0, "minYearsInBusiness", "min")
	bad.When(p.MinYears > mostYears, "minYearsInBusiness", "max")
	bad.When(p.MaxExperience != "" && !experience.MatchString(p.MaxExperience), "maxExperienceMod", "pattern")
	return bad.On(fault.ErrValidation)
}

// CheckChange reports everything that is wrong with a program that was another
// one, in what was changed.
func (p Program) CheckChange(was Program) error {
	changed := fault.Together(p.Changed(was), map[string][]string{"referAbove": {"declineAbove"}})
	return fault.Anew(was.Check(), p.Check(), changed)
}

// Changed names, in order, the fields in which a program is not what it was.
func (p Program) Changed(was Program) []string {
	return slices.Sorted(slices.Values(fault.Changed(was.fields(), p.fields())))
}

// Thresholds are what a program says to be judged by: all of its fields but its
// name, as they are written.
func (p Program) Thresholds() map[string]any {
	all := p.fields()
	delete(all, "name")
	return all
}

func (p Program) fields() map[string]any {
	return map[string]any{
		"name": p.Name, "lineOfBusiness": p.LineOfBusiness, "states": p.States, "maxLimit": p.MaxLimit, "autoBindThreshold": p.AutoBindThreshold,
		"referAbove": p.ReferAbove, "declineAbove": p.DeclineAbove, "minYearsInBusiness": p.MinYears, "maxExperienceMod": p.MaxExperience,
	}
}

// Reach is what the program's rates have to have an answer for.
func (p Program) Reach() rating.Reach {
	r := rating.Reach{States: p.States, MaxLimit: p.MaxLimit}
	if len(r.States) == 0 {
		r.States = submission.States
	}
	return r
}

// Check reports everything that is wrong with what the table says.
func (t RateTable) Check() error {
	if err := t.Book.Validate(); err != nil {
		return under(fault.ErrValidation, "book", err)
	}
	return nil
}

// CheckAt is Check on a day: the table takes effect near to it as well.
func (t RateTable) CheckAt(at time.Time) error {
	return submission.Near(t.Check(), "effectiveDate", t.Effective, at, submission.YearsBack)
}

// Publish returns the table as published, or ErrGaps with all that its book is
// wrong about or leaves open.
func (t RateTable) Publish(p Program, by string, at time.Time) (RateTable, error) {
	if t.PublishedAt != nil {
		return t, ErrPublished.With("publishedAt", *t.PublishedAt)
	}
	if err := t.Book.Gaps(p.Reach()); err != nil {
		return t, under(ErrGaps, "book", err)
	}
	t.PublishedBy, t.PublishedAt = by, &at
	return t, nil
}

// Widened returns ErrGaps when a program reaches further than before and one of
// its rate tables has no price for that: with each new state that is left out, and
// the limit that is not reached.
func (p Program) Widened(was Program, tables []RateTable) error {
	reach, before := p.Reach(), was.Reach()
	var bad fault.Complaints
	for i, state := range reach.States {
		field := fmt.Sprintf("states[%d]", i)
		if len(p.States) == 0 {
			field = "states" // all of them
		}
		wide := rating.Reach{States: []string{state}, MaxLimit: before.MaxLimit}
		bad.When(!slices.Contains(before.States, state) && short(tables, before, wide) && !slices.Contains(bad, fault.Field{Field: field, Rule: "gap"}), field, "gap")
	}
	tall := rating.Reach{States: before.States, MaxLimit: reach.MaxLimit}
	bad.When(short(tables, before, tall) || len(bad) == 0 && short(tables, before, reach), "maxLimit", "gap")
	return bad.On(ErrGaps)
}

// short reports whether any of the tables leaves more without a price of what is
// wanted than of what was.
func short(tables []RateTable, was, want rating.Reach) bool {
	return slices.ContainsFunc(tables, func(t RateTable) bool {
		known := complaints(t.Book.Gaps(was))
		return slices.ContainsFunc(complaints(t.Book.Gaps(want)), func(f fault.Field) bool { return !slices.Contains(known, f) })
	})
}

func complaints(err error) []fault.Field {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Fields()
	}
	return nil
}

// under says what is wrong with a part of something under the part's name.
func under(out *fault.Error, name string, err error) error {
	var all fault.Complaints
	for _, bad := range complaints(err) {
		all.When(true, name+"."+bad.Field, bad.Rule)
	}
	return out.Blame(all...)
}

// refers lists why the program's guidelines refer a risk, besides its premium.
func (p Program) refers(s submission.Submission, terms Terms) []string {
	var reasons []string
	if p.MaxLimit > 0 && terms.Limit > p.MaxLimit {
		reasons = append(reasons, "limit_above_program")
	}
	if y := s.Exposure.YearsInBusiness; y != nil && *y < p.MinYears {
		reasons = append(reasons, "years_in_business")
	}
	mod, known := new(big.Rat).SetString(s.Exposure.ExperienceMod)
	most, bound := new(big.Rat).SetString(p.MaxExperience)
	if known && bound && mod.Cmp(most) > 0 {
		reasons = append(reasons, "experience_mod")
	}
	return reasons
}

//go:embed programs.json
var programs []byte

// Standard returns the program that an organisation starts with in a line, with
// the first version of its rates. It panics for a line that is none of
// rating.Lines.
func Standard(line string) (Program, RateTable) {
	var all map[string]struct {
		Name              string      `json:"name"`
		MaxLimit          money.Cents `json:"maxLimit"`
		AutoBindThreshold money.Cents `json:"autoBindThreshold"`
		ReferAbove        money.Cents `json:"referAbove"`
		DeclineAbove      money.Cents `json:"declineAbove"`
		MinYears          int         `json:"minYearsInBusiness"`
		MaxExperience     string      `json:"maxExperienceMod"`
	}
	if err := json.Unmarshal(programs, &all); err != nil {
		panic(fmt.Sprintf("the standard programs: %v", err))
	}
	p, ok := all[line]
	if !ok {
		panic(fmt.Sprintf("no standard program of %s, only of %v", line, slices.Sorted(maps.Keys(all))))
	}
	return Program{
			Name: p.Name, LineOfBusiness: line, States: []string{}, MaxLimit: p.MaxLimit, AutoBindThreshold: p.AutoBindThreshold, ReferAbove: p.ReferAbove,
			DeclineAbove: p.DeclineAbove, MinYears: p.MinYears, MaxExperience: p.MaxExperience,
		}, RateTable{
			Version: 1, Effective: civil.Date{Year: 2020, Month: time.January, Day: 1}, Book: rating.Standard(line),
		}
}

// NewProgramID mints the id of a program made at the given time.
func NewProgramID(at time.Time) ProgramID { return id.New[programKind](at) }

// NewRateTableID mints the id of a rate table made at the given time.
func NewRateTableID(at time.Time) RateTableID { return id.New[rateTableKind](at) }
