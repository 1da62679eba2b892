package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
)

// ProgramFields are what a program says; exported so that the document sees
// through its embedding.
type ProgramFields struct {
	Name              string   `json:"name" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
	LineOfBusiness    string   `json:"lineOfBusiness" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
	States            []string `json:"states,omitempty" nullable:"false" maxItems:"51" doc:"In which it writes; none is all of them."`
	MaxLimit          Money    `json:"maxLimit" minimum:"1" maximum:"100000000000" doc:"A higher limit is referred."`
	AutoBindThreshold Money    `json:"autoBindThreshold" minimum:"0" maximum:"100000000000" doc:"A premium up to here is bound without anybody's authority."`
	ReferAbove        Money    `json:"referAbove" minimum:"0" maximum:"100000000000" doc:"A higher annual premium is referred."`
	DeclineAbove      Money    `json:"declineAbove" minimum:"0" maximum:"100000000000" doc:"A higher annual premium is declined."`
	MinYears          int      `json:"minYearsInBusiness,omitempty" minimum:"0" maximum:"100" doc:"Fewer are referred."`
	MaxExperience     string   `json:"maxExperienceMod,omitempty" pattern:"^[0-9](\\.[0-9]{1,3})?$" doc:"A higher experience modification is referred." example:"1.50"`
}

type programBody struct {
	versioned
	ID    string `json:"id"`
	OrgID string `json:"orgId"`
	ProgramFields
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

func programOf(p quote.Program) programBody {
	return programBody{versioned: versioned{p.Version}, ID: p.ID.String(), OrgID: p.Org.String(), CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, ProgramFields: ProgramFields{
		Name: p.Name, LineOfBusiness: p.LineOfBusiness, States: p.States, MaxLimit: Money(p.MaxLimit), AutoBindThreshold: Money(p.AutoBindThreshold),
		ReferAbove: Money(p.ReferAbove), DeclineAbove: Money(p.DeclineAbove), MinYears: p.MinYears, MaxExperience: p.MaxExperience,
	}}
}

func (f ProgramFields) program() quote.Program {
	return quote.Program{
		Name: f.Name, LineOfBusiness: f.LineOfBusiness, States: f.States, MaxLimit: money.Cents(f.MaxLimit), AutoBindThreshold: money.Cents(f.AutoBindThreshold),
		ReferAbove: money.Cents(f.ReferAbove), DeclineAbove: money.Cents(f.DeclineAbove), MinYears: f.MinYears, MaxExperience: f.MaxExperience,
	}
}

type createProgramInput struct{ Body ProgramFields }

// Resolve implements huma.Resolver.
func (in *createProgramInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.Body.program().Check())
}

type patchProgramInput struct {
	ByID
	IfMatch
	Body struct {
		Name              *string   `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		States            *[]string `json:"states,omitempty" nullable:"false" maxItems:"51" doc:"None is all of them."`
		MaxLimit          *Money    `json:"maxLimit,omitempty" minimum:"1" maximum:"100000000000"`
		AutoBindThreshold *Money    `json:"autoBindThreshold,omitempty" minimum:"0" maximum:"100000000000" doc:"It counts for every bind and every decision on a referral from now on."`
		ReferAbove        *Money    `json:"referAbove,omitempty" minimum:"0" maximum:"100000000000"`
		DeclineAbove      *Money    `json:"declineAbove,omitempty" minimum:"0" maximum:"100000000000"`
		MinYears          *int      `json:"minYearsInBusiness,omitempty" minimum:"0" maximum:"100"`
		MaxExperience     *string   `json:"maxExperienceMod,omitempty" pattern:"^([0-9](\\.[0-9]{1,3})?)?$" doc:"Empty: no bound." example:"1.50"`
	}
}

func (in *patchProgramInput) apply(p *quote.Program) {
	b := in.Body
	set(&p.Name, b.Name)
	set(&p.States, b.States)
	for to, from := range map[*money.Cents]*Money{
		&p.MaxLimit: b.MaxLimit, &p.AutoBindThreshold: b.AutoBindThreshold, &p.ReferAbove: b.ReferAbove, &p.DeclineAbove: b.DeclineAbove,
	} {
		set(to, (*money.Cents)(from))
	}
	set(&p.MinYears, b.MinYears)
	set(&p.MaxExperience, b.MaxExperience)
}

// Resolve implements huma.Resolver.
func (in *patchProgramInput) Resolve(ctx huma.Context) []error {
	var p quote.Program
	in.apply(&p)
	return foreseenOfChange(ctx, p.Check())
}

type listProgramsInput struct {
	Page
	LineOfBusiness string `query:"lineOfBusiness" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
}

func (a *API) registerPrograms(p Platform) {
	const tag = "Programs and rates"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/programs", ID: "create-program", Tag: tag, Scope: "rates:write", Summary: "Create a program",
		Description: "For administrators and keys; one for each line of business. Nothing can be quoted in it before rates are published.",
	}, func(ctx context.Context, in *createProgramInput) (*bodyOf[programBody], error) {
		made, err := p.Desk.CreateProgram(ctx, access.From(ctx), in.Body.program())
		return &bodyOf[programBody]{programOf(made)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/programs", ID: "list-programs", Tag: tag, Scope: "rates:read", Summary: "List programs, newest first",
	}, func(ctx context.Context, in *listProgramsInput) (*bodyOf[List[programBody]], error) {
		by, err := p.ratesReader(ctx)
		if err != nil {
			return nil, err
		}
		ps, err := p.DB.As(by).Programs(ctx, in.LineOfBusiness, in.page())
		return &bodyOf[List[programBody]]{listOf(ps, in.Limit, programOf, func(p quote.Program) Cursor { return Cursor{p.CreatedAt, p.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/programs/{id}", ID: "get-program", Tag: tag, Scope: "rates:read", Summary: "Get a program",
	}, func(ctx context.Context, in *ByID) (*bodyOf[programBody], error) {
		by, err := p.ratesReader(ctx)
		if err != nil {
			return nil, err
		}
		var id quote.ProgramID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		found, err := p.DB.As(by).ProgramByID(ctx, id)
		return &bodyOf[programBody]{programOf(found)}, err
	})
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/programs/{id}", ID: "update-program", Tag: tag, Scope: "rates:write", IfMatch: true, Summary: "Correct a program",
		Description: "For administrators and keys. Quotes, approvals and policies stay as they were judged, and submissions are quoted by it from now on. Its line of business never changes.",
	}, func(ctx context.Context, in *patchProgramInput) (*bodyOf[programBody], error) {
		var id quote.ProgramID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		changed, err := p.Desk.ChangeProgram(ctx, access.From(ctx), id, in.Check, in.apply)
		return &bodyOf[programBody]{programOf(changed)}, err
	})
}

// ratesReader is the caller, when he may see his organisation's programs and
// rates.
func (p Platform) ratesReader(ctx context.Context) (access.Actor, error) {
	by := access.From(ctx)
	return by, access.Check(ctx, p.DB.As(by), by, access.ReadRates, access.OrgObject(by.Org))
}
