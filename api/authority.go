package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/calendar"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/referral"
)

type profileBody struct {
	versioned
	ID        string    `json:"id" example:"aup_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	OrgID     string    `json:"orgId" example:"org_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Active    bool      `json:"active"`
	CreatedBy string    `json:"createdBy" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	ProfileInput
	// One that was made before the lines and states were checked may say others.
	AuthorizedLobs   []string `json:"authorizedLobs" nullable:"false" example:"[\"GL\"]" doc:"Lines of business; others are not allowed."`
	ProhibitedStates []string `json:"prohibitedStates,omitempty" nullable:"false" example:"[\"NY\"]"`
}

// ProfileInput is what an administrator says of an authority profile, beside its
// lines and states; exported so that the document sees through its embedding.
type ProfileInput struct {
	Name        string      `json:"name" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]" example:"Senior underwriter"`
	Level       int         `json:"level" minimum:"1" maximum:"10" example:"5" doc:"10 is the most senior."`
	MaxTIV      *Money      `json:"maxTiv,omitempty" minimum:"0" doc:"Without it, no authority for insured values."`
	MaxLimit    *Money      `json:"maxLimit,omitempty" minimum:"0" doc:"Without it, no authority for limits."`
	MaxPremium  *Money      `json:"maxPremium,omitempty" minimum:"0" doc:"Without it, no authority for premiums."`
	CanOverride bool        `json:"canOverride,omitempty" doc:"May, with a second person, approve what no profile covers."`
	Constraints []issueBody `json:"constraints,omitempty" nullable:"false" maxItems:"50" doc:"For issues beside money. One that is missing is not covered."`
}

type issueBody struct {
	Name       string `json:"name" minLength:"1" maxLength:"100" pattern:"[^\\s\\p{Z}\\p{C}]" example:"driver_age"`
	Comparator string `json:"comparator" enum:"at_most,at_least" example:"at_least"`
	Value      int64  `json:"value" example:"17"`
}

func issuesOf(in []issueBody) []authority.Issue {
	out := []authority.Issue{}
	for _, i := range in {
		out = append(out, authority.Issue{Name: i.Name, Comparator: authority.Comparator(i.Comparator), Value: i.Value})
	}
	return out
}

func bodyOfIssue(i authority.Issue) issueBody {
	return issueBody{Name: i.Name, Comparator: string(i.Comparator), Value: i.Value}
}

type newProfileBody struct {
	ProfileInput
	AuthorizedLobs   []string  `json:"authorizedLobs" nullable:"false" minItems:"1" maxItems:"7" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO" example:"[\"GL\"]" doc:"Lines of business, each once; others are not allowed."`
	ProhibitedStates []USState `json:"prohibitedStates,omitempty" nullable:"false" maxItems:"51" example:"[\"NY\"]" doc:"Each once."`
}

func (in newProfileBody) profile() authority.Profile {
	return authority.Profile{
		Name: in.Name, Level: in.Level, MaxTIV: (*money.Cents)(in.MaxTIV), MaxLimit: (*money.Cents)(in.MaxLimit), MaxPremium: (*money.Cents)(in.MaxPremium),
		Lines: in.AuthorizedLobs, ProhibitedStates: statesOf(in.ProhibitedStates), CanOverride: in.CanOverride, Constraints: issuesOf(in.Constraints),
	}
}

func profileOf(p authority.Profile) profileBody {
	b := profileBody{
		versioned: versioned{p.Version}, ID: p.ID.String(), OrgID: p.Org.String(), Active: p.Active, CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		ProfileInput: ProfileInput{
			Name: p.Name, Level: p.Level, MaxTIV: (*Money)(p.MaxTIV), MaxLimit: (*Money)(p.MaxLimit), MaxPremium: (*Money)(p.MaxPremium),
			CanOverride: p.CanOverride, Constraints: []issueBody{},
		},
		AuthorizedLobs: p.Lines, ProhibitedStates: p.ProhibitedStates,
	}
	for _, c := range p.Constraints {
		b.Constraints = append(b.Constraints, bodyOfIssue(c))
	}
	return b
}

type createProfileInput struct{ Body newProfileBody }

// Resolve implements huma.Resolver.
func (in *createProfileInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.Body.profile().Check())
}

type patchProfileInput struct {
	ByID
	IfMatch
	Body struct {
		Name             *string      `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]" example:"Senior underwriter"`
		Level            *int         `json:"level,omitempty" minimum:"1" maximum:"10" example:"6"`
		MaxTIV           *Money       `json:"maxTiv,omitempty" minimum:"0"`
		MaxLimit         *Money       `json:"maxLimit,omitempty" minimum:"0"`
		MaxPremium       *Money       `json:"maxPremium,omitempty" minimum:"0"`
		AuthorizedLobs   *[]string    `json:"authorizedLobs,omitempty" nullable:"false" minItems:"1" maxItems:"7" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
		ProhibitedStates *[]USState   `json:"prohibitedStates,omitempty" nullable:"false" maxItems:"51"`
		CanOverride      *bool        `json:"canOverride,omitempty"`
		Constraints      *[]issueBody `json:"constraints,omitempty" nullable:"false" maxItems:"50"`
		Active           *bool        `json:"active,omitempty" doc:"A profile that is not active gives nobody authority."`
	}
}

func (in *patchProfileInput) apply(p *authority.Profile) {
	b := in.Body
	set(&p.Name, b.Name)
	set(&p.Level, b.Level)
	set(&p.Lines, b.AuthorizedLobs)
	if b.ProhibitedStates != nil {
		p.ProhibitedStates = statesOf(*b.ProhibitedStates)
	}
	set(&p.CanOverride, b.CanOverride)
	set(&p.Active, b.Active)
	for to, from := range map[**money.Cents]*Money{&p.MaxTIV: b.MaxTIV, &p.MaxLimit: b.MaxLimit, &p.MaxPremium: b.MaxPremium} {
		if from != nil {
			*to = (*money.Cents)(from)
		}
	}
	if b.Constraints != nil {
		p.Constraints = issuesOf(*b.Constraints)
	}
}

// Resolve implements huma.Resolver.
func (in *patchProfileInput) Resolve(ctx huma.Context) []error {
	var p authority.Profile
	in.apply(&p)
	return foreseenOfChange(ctx, p.Check())
}

type assignInput struct {
	ByID
	Body struct {
		UserID access.UserID `json:"userId" minLength:"1" maxLength:"64" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	}
}

type assignmentBody struct {
	ID         string     `json:"id" example:"aua_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	ProfileID  string     `json:"profileId" example:"aup_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	UserID     string     `json:"userId" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	AssignedBy string     `json:"assignedBy" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4"`
	CreatedAt  time.Time  `json:"createdAt"`
	EndedAt    *time.Time `json:"endedAt,omitempty"`
}

func assignmentOf(a authority.Assignment) assignmentBody {
	return assignmentBody{ID: a.ID.String(), ProfileID: a.Profile.String(), UserID: a.User.String(), AssignedBy: a.By, CreatedAt: a.CreatedAt, EndedAt: a.EndedAt}
}

type delegationBody struct {
	ID          string     `json:"id" example:"dlg_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	DelegatorID string     `json:"delegatorId" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X3" doc:"Whose authority it is."`
	DelegateID  string     `json:"delegateId" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4"`
	From        time.Time  `json:"from"`
	Until       time.Time  `json:"until" doc:"No longer then."`
	CreatedBy   string     `json:"createdBy"`
	CreatedAt   time.Time  `json:"createdAt"`
	EndedAt     *time.Time `json:"endedAt,omitempty" doc:"Taken back before its time."`
}

func delegationOf(d authority.Delegation) delegationBody {
	return delegationBody{
		ID: d.ID.String(), DelegatorID: d.From.String(), DelegateID: d.To.String(), From: d.Starts, Until: d.Ends, CreatedBy: d.By, CreatedAt: d.CreatedAt, EndedAt: d.EndedAt,
	}
}

type createDelegationInput struct {
	Body struct {
		DelegatorID access.UserID `json:"delegatorId,omitempty" maxLength:"64" doc:"Your own authority without it; an administrator may name others."`
		DelegateID  access.UserID `json:"delegateId" minLength:"1" maxLength:"64" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4"`
		From        *time.Time    `json:"from,omitempty" doc:"Now without it."`
		Until       time.Time     `json:"until" example:"2199-01-01T00:00:00Z" doc:"At most 366 days after from."`
	}
}

// Resolve implements huma.Resolver.
func (in *createDelegationInput) Resolve(ctx huma.Context) []error {
	d := authority.Delegation{From: in.Body.DelegatorID, To: in.Body.DelegateID, Ends: in.Body.Until}
	set(&d.Starts, in.Body.From)
	if by := access.From(ctx.Context()); d.From.IsZero() && by.Kind == access.User {
		_ = d.From.UnmarshalText([]byte(by.ID)) // his own
	}
	return foreseen(ctx, d.CheckAlone())
}

type rulesBody struct {
	versioned
	RulesInput
	UpdatedAt *time.Time `json:"updatedAt,omitempty" doc:"Without it these are the standard rules."`
}

// RulesInput is how an organisation handles its referrals; exported so that the
// document sees through its embedding.
type RulesInput struct {
	FourEyesAbove       fourEyes     `json:"fourEyesAbove" required:"false" doc:"Approvals of a higher premium take two persons; null: none does. 150000 when it is left out."`
	DecideWithinMinutes int          `json:"decideWithinMinutes" minimum:"1" maximum:"86400" example:"960" doc:"Working minutes that underwriters have for a referral. The time stands still while information is asked for."`
	AnswerWithinMinutes int          `json:"answerWithinMinutes" minimum:"1" maximum:"86400" example:"2400" doc:"Working minutes for each answer to an underwriter."`
	ExpiresAfterDays    int          `json:"expiresAfterDays" minimum:"1" maximum:"366" example:"30" doc:"What is not decided so many days after it was opened, expires; it is never approved by that."`
	Calendar            calendarBody `json:"calendar"`

	FirstResponseWithinMinutes int `json:"firstResponseWithinMinutes,omitempty" minimum:"1" maximum:"86400" default:"240" doc:"Working minutes until a submission is taken up; see the queue of submissions."`
	QuoteWithinMinutes         int `json:"quoteWithinMinutes,omitempty" minimum:"1" maximum:"86400" default:"960" doc:"Working minutes until a submission has its answer. The time stands still while information is asked for."`
}

// fourEyes is an amount, or null for never. What is left out is not null: that two
// have to agree does not end by a word that is missing.
type fourEyes struct {
	said  bool
	above *Money
}

// Schema implements huma.SchemaProvider.
func (fourEyes) Schema(r huma.Registry) *huma.Schema {
	s := Money(0).Schema(r)
	s.Nullable, s.Minimum = true, new(0.0)
	return s
}

// MarshalJSON writes the amount, or null.
func (f fourEyes) MarshalJSON() ([]byte, error) { return json.Marshal(f.above) }

// UnmarshalJSON reads an amount, or null.
func (f *fourEyes) UnmarshalJSON(b []byte) error {
	f.said = true
	return json.Unmarshal(b, &f.above)
}

// orStandard is what was said, or the standard.
func (f fourEyes) orStandard() *money.Cents {
	if !f.said {
		return referral.StandardRules().FourEyesAbove
	}
	return (*money.Cents)(f.above)
}

type calendarBody struct {
	TimeZone string   `json:"timeZone" maxLength:"64" example:"America/New_York"`
	Opens    string   `json:"opens" pattern:"^[0-2][0-9]:[0-5][0-9]$" example:"09:00"`
	Closes   string   `json:"closes" pattern:"^[0-2][0-9]:[0-5][0-9]$" example:"17:00"`
	Workdays []string `json:"workdays" nullable:"false" maxItems:"7" enum:"mon,tue,wed,thu,fri,sat,sun" example:"[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"]"`
	Holidays []Date   `json:"holidays" nullable:"false" maxItems:"400" example:"[\"2026-12-25\"]"`
}

func rulesOf(r referral.Rules) rulesBody {
	b := rulesBody{versioned: versioned{r.Version}, RulesInput: RulesInput{
		FourEyesAbove: fourEyes{true, (*Money)(r.FourEyesAbove)}, DecideWithinMinutes: r.DecideWithin, AnswerWithinMinutes: r.AnswerWithin, ExpiresAfterDays: r.ExpiresAfter,
		Calendar:                   calendarBody{TimeZone: r.Calendar.TimeZone, Opens: r.Calendar.Opens, Closes: r.Calendar.Closes, Workdays: r.Calendar.Workdays, Holidays: []Date{}},
		FirstResponseWithinMinutes: r.RespondWithin, QuoteWithinMinutes: r.QuoteWithin,
	}}
	for _, d := range r.Calendar.Holidays {
		b.Calendar.Holidays = append(b.Calendar.Holidays, Date{d})
	}
	if r.Version > 0 {
		b.UpdatedAt = &r.UpdatedAt
	}
	return b
}

func (in RulesInput) rules() referral.Rules {
	c := in.Calendar
	r := referral.Rules{
		FourEyesAbove: in.FourEyesAbove.orStandard(), DecideWithin: in.DecideWithinMinutes, AnswerWithin: in.AnswerWithinMinutes, ExpiresAfter: in.ExpiresAfterDays,
		Calendar:      calendar.Spec{TimeZone: c.TimeZone, Opens: c.Opens, Closes: c.Closes, Workdays: c.Workdays, Holidays: []civil.Date{}},
		RespondWithin: in.FirstResponseWithinMinutes, QuoteWithin: in.QuoteWithinMinutes,
	}
	for _, d := range c.Holidays {
		r.Calendar.Holidays = append(r.Calendar.Holidays, d.Date)
	}
	return r
}

type setRulesInput struct {
	IfMatch
	Body RulesInput
}

// Resolve implements huma.Resolver.
func (in *setRulesInput) Resolve(ctx huma.Context) []error {
	_, err := in.Body.rules().Pace()
	return foreseen(ctx, err)
}

func (a *API) registerAuthority(p Platform) {
	a.registerProfiles(p)
	a.registerDelegations(p)
	const tag = "Authority"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/referral-rules", ID: "get-referral-rules", Tag: tag, Summary: "Get how the organization handles referrals",
	}, func(ctx context.Context, _ *struct{}) (*bodyOf[rulesBody], error) {
		by := access.From(ctx)
		if err := viewDesk(ctx, p, by); err != nil {
			return nil, err
		}
		r, err := p.DB.As(by).Rules(ctx)
		return &bodyOf[rulesBody]{rulesOf(r)}, err
	})
	register(a, operation{
		Method: http.MethodPut, Path: "/v1/referral-rules", ID: "set-referral-rules", Tag: tag, Summary: "Set how the organization handles referrals", IfMatch: true,
		Description: "When approvals take two persons, how long a referral may take, and in which working hours. For administrators.",
	}, func(ctx context.Context, in *setRulesInput) (*bodyOf[rulesBody], error) {
		r, err := p.Desk.SetRules(ctx, access.From(ctx), in.Body.rules(), in.Check)
		return &bodyOf[rulesBody]{rulesOf(r)}, err
	})
}

// viewDesk checks that the caller may know what the organisation's underwriters
// know.
func viewDesk(ctx context.Context, p Platform, by access.Actor) error {
	return access.Check(ctx, p.DB.As(by), by, access.ViewDesk, access.OrgObject(by.Org))
}

func (a *API) registerProfiles(p Platform) {
	const tag = "Authority"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/authority/profiles", ID: "create-authority-profile", Tag: tag, Summary: "Add an authority profile",
		Description: "What its holders may agree to, above what any underwriter may: the threshold of the program. For administrators.",
	}, func(ctx context.Context, in *createProfileInput) (*bodyOf[profileBody], error) {
		made, err := p.Desk.AddProfile(ctx, access.From(ctx), in.Body.profile())
		return &bodyOf[profileBody]{profileOf(made)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/authority/profiles", ID: "list-authority-profiles", Tag: tag, Summary: "List authority profiles, newest first",
	}, func(ctx context.Context, in *struct {
		Page
		IncludeInactive bool `query:"includeInactive"`
	},
	) (*bodyOf[List[profileBody]], error) {
		by := access.From(ctx)
		if err := viewDesk(ctx, p, by); err != nil {
			return nil, err
		}
		ps, err := p.DB.As(by).Profiles(ctx, in.IncludeInactive, in.page())
		return &bodyOf[List[profileBody]]{listOf(ps, in.Limit, profileOf, func(v authority.Profile) Cursor { return Cursor{v.CreatedAt, v.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/authority/profiles/{id}", ID: "get-authority-profile", Tag: tag, Summary: "Get an authority profile",
	}, func(ctx context.Context, in *ByID) (*bodyOf[profileBody], error) {
		by := access.From(ctx)
		var id authority.ProfileID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		if err := viewDesk(ctx, p, by); err != nil {
			return nil, err
		}
		got, err := p.DB.As(by).Profile(ctx, id)
		return &bodyOf[profileBody]{profileOf(got)}, err
	})
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/authority/profiles/{id}", ID: "update-authority-profile", Tag: tag, Summary: "Change an authority profile", IfMatch: true,
		Description: "It counts at once, also for those who have it.",
	}, func(ctx context.Context, in *patchProfileInput) (*bodyOf[profileBody], error) {
		var id authority.ProfileID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		changed, err := p.Desk.ChangeProfile(ctx, access.From(ctx), id, in.Check, in.apply)
		return &bodyOf[profileBody]{profileOf(changed)}, err
	})
	a.registerAssignments(p)
}

func (a *API) registerAssignments(p Platform) {
	const tag = "Authority"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/authority/profiles/{id}/assign", ID: "assign-authority-profile", Tag: tag, Summary: "Give a user an authority profile",
		Description: "He has one at a time: the one before ends.",
	}, func(ctx context.Context, in *assignInput) (*bodyOf[assignmentBody], error) {
		var id authority.ProfileID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		made, err := p.Desk.Assign(ctx, access.From(ctx), id, in.Body.UserID)
		return &bodyOf[assignmentBody]{assignmentOf(made)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/authority/assignments", ID: "list-authority-assignments", Tag: tag, Summary: "List who has which authority profile, newest first",
	}, func(ctx context.Context, in *struct {
		Page
		UserID       access.UserID `query:"userId" maxLength:"64"`
		IncludeEnded bool          `query:"includeEnded"`
	},
	) (*bodyOf[List[assignmentBody]], error) {
		by := access.From(ctx)
		if err := viewDesk(ctx, p, by); err != nil {
			return nil, err
		}
		as, err := p.DB.As(by).Assignments(ctx, in.UserID, in.IncludeEnded, in.page())
		return &bodyOf[List[assignmentBody]]{listOf(as, in.Limit, assignmentOf, func(v authority.Assignment) Cursor { return Cursor{v.CreatedAt, v.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/authority/users/{id}", ID: "take-authority", Tag: tag, Summary: "Take a user's authority profile away",
		Description: "What is above the threshold of a program is then not his to decide.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		var user access.UserID
		if err := pathID(&user, in.ID); err != nil {
			return nil, err
		}
		return nil, p.Desk.Unassign(ctx, access.From(ctx), user)
	})
}

func (a *API) registerDelegations(p Platform) {
	const tag = "Authority"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/authority/delegations", ID: "create-authority-delegation", Tag: tag, Summary: "Lend authority for a time",
		Description: "The delegate decides by the delegator's profile from one instant up to another, and it is written down for whom. What is lent is not lent on, and no delegation leads back to whoever delegates.",
	}, func(ctx context.Context, in *createDelegationInput) (*bodyOf[delegationBody], error) {
		var starts time.Time
		set(&starts, in.Body.From)
		made, err := p.Desk.Lend(ctx, access.From(ctx), in.Body.DelegatorID, in.Body.DelegateID, starts, in.Body.Until)
		return &bodyOf[delegationBody]{delegationOf(made)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/authority/delegations", ID: "list-authority-delegations", Tag: tag, Summary: "List who lends whom his authority, newest first",
	}, func(ctx context.Context, in *struct {
		Page
		IncludeEnded bool `query:"includeEnded"`
	},
	) (*bodyOf[List[delegationBody]], error) {
		by := access.From(ctx)
		if err := viewDesk(ctx, p, by); err != nil {
			return nil, err
		}
		at, err := p.at(ctx)
		if err != nil {
			return nil, err
		}
		ds, err := p.DB.As(by).Delegations(ctx, in.IncludeEnded, at, in.page())
		return &bodyOf[List[delegationBody]]{listOf(ds, in.Limit, delegationOf, func(v authority.Delegation) Cursor { return Cursor{v.CreatedAt, v.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/authority/delegations/{id}", ID: "end-authority-delegation", Tag: tag, Summary: "Take lent authority back",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		var id authority.DelegationID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		return nil, p.Desk.TakeBack(ctx, access.From(ctx), id)
	})
}
