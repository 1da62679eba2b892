package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

type submissionBody struct {
	versioned
	ID             string `json:"id"`
	OrgID          string `json:"orgId"`
	Status         string `json:"status" enum:"draft,received,in_review,quoted,referred,declined,withdrawn,expired,bound"`
	InsuredName    string `json:"insuredName"`
	NAICSCode      string `json:"naicsCode,omitempty" doc:"Absent of a draft that does not say it, and so for the four below; any other submission has them."`
	AnnualRevenue  *Money `json:"annualRevenue,omitempty"`
	RequestedLimit Money  `json:"requestedLimit,omitempty"`
	EffectiveDate  *Date  `json:"effectiveDate,omitempty"`
	State          string `json:"state,omitempty"`
	LineOfBusiness string `json:"lineOfBusiness"`
	ProducerID     string `json:"producerId,omitempty" doc:"Who brought it; none: direct business."`
	RiskBody
	Insured    *submission.Insured `json:"insured,omitempty"`
	Priority   string              `json:"priority" enum:"normal,high"`
	Ending     *endingOfBody       `json:"ending,omitempty" doc:"Why it was declined or withdrawn."`
	ExternalID string              `json:"externalId,omitempty"`
	Metadata   map[string]string   `json:"metadata"`
	DeskBody
	CreatedBy string    `json:"createdBy"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// submissionOf is a submission as who is inside the company reads it.
func submissionOf(s submission.Submission) submissionBody {
	b := submissionFor(s)
	b.DeskBody = deskOf(s)
	if s.Ending != nil {
		b.Ending = endingOf(*s.Ending)
	}
	return b
}

// submissionFor is a submission as who brought it reads it.
func submissionFor(s submission.Submission) submissionBody {
	b := submissionBody{
		versioned: versioned{s.Version}, ID: s.ID.String(), OrgID: s.Org.String(), Status: string(s.Status), InsuredName: s.InsuredName,
		NAICSCode: s.NAICS, RequestedLimit: Money(s.RequestedLimit), EffectiveDate: dateOf(s.EffectiveDate),
		State: s.State, LineOfBusiness: s.LineOfBusiness, ProducerID: s.Producer.String(), RiskBody: riskOf(s.Exposure), Insured: s.Insured, ExternalID: s.ExternalID, Metadata: metadataOf(s.Metadata),
		Priority: string(s.Urgent()), CreatedBy: s.CreatedBy, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.AnnualRevenue >= 0 {
		b.AnnualRevenue = new(Money(s.AnnualRevenue))
	}
	if s.Ending != nil {
		b.Ending = endingOf(s.Ending.Outside())
	}
	return b
}

type createSubmissionInput struct {
	Body struct {
		InsuredName    string  `json:"insuredName" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		NAICSCode      string  `json:"naicsCode" pattern:"^[0-9]{2,6}$" example:"236220"`
		AnnualRevenue  Money   `json:"annualRevenue" minimum:"0" maximum:"100000000000" doc:"Dollars a year."`
		RequestedLimit Money   `json:"requestedLimit" minimum:"1" maximum:"100000000000" doc:"Dollars per occurrence."`
		EffectiveDate  Date    `json:"effectiveDate" doc:"From 10 years back to 5 years ahead."`
		State          USState `json:"state"`
		LineOfBusiness string  `json:"lineOfBusiness" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
		BroughtBody
	}
}

// BroughtBody is what whoever brings a submission may say besides, of a draft of
// it, too; exported so that the document sees through its embedding.
type BroughtBody struct {
	ProducerID producer.ID `json:"producerId,omitempty" maxLength:"64" doc:"Who brings it; none: direct business."`
	RiskBody
	Insured    *submission.Insured `json:"insured,omitempty"`
	Priority   string              `json:"priority,omitempty" enum:"normal,high" doc:"normal without it."`
	ExternalID string              `json:"externalId,omitempty" minLength:"1" maxLength:"255" pattern:"[^\\s\\p{Z}\\p{C}]" doc:"Your own id, unique in your organization; that of a draft is taken when it is submitted."`
	Metadata   Metadata            `json:"metadata,omitempty"`
}

// of adds what b says to a submission.
func (b BroughtBody) of(s submission.Submission) submission.Submission {
	s.Producer, s.Exposure, s.Insured, s.Priority = b.ProducerID, b.risk(), b.Insured, submission.Priority(b.Priority)
	s.ExternalID, s.Metadata = b.ExternalID, b.Metadata
	return s
}

func (in *createSubmissionInput) submission() submission.Submission {
	b := in.Body
	return b.of(submission.Submission{
		InsuredName: b.InsuredName, NAICS: b.NAICSCode, AnnualRevenue: money.Cents(b.AnnualRevenue), RequestedLimit: money.Cents(b.RequestedLimit),
		EffectiveDate: b.EffectiveDate.Date, State: string(b.State), LineOfBusiness: b.LineOfBusiness,
	})
}

// Resolve implements huma.Resolver.
func (in *createSubmissionInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.submission().Check())
}

// RiskBody is what may be known of a risk besides; exported so that the document
// sees through its embedding.
type RiskBody struct {
	AggregateLimit  Money         `json:"aggregateLimit,omitempty" minimum:"1" maximum:"100000000000" doc:"Dollars for all losses of a year."`
	Deductible      Money         `json:"deductible,omitempty" minimum:"1" maximum:"100000000000"`
	Payroll         Money         `json:"payroll,omitempty" minimum:"1" maximum:"100000000000" doc:"Dollars a year; workers' compensation is rated on it."`
	TIV             Money         `json:"tiv,omitempty" minimum:"1" maximum:"100000000000" doc:"Total insured value; property is rated on it."`
	Employees       int           `json:"employees,omitempty" minimum:"1" maximum:"10000000"`
	Vehicles        int           `json:"vehicles,omitempty" minimum:"1" maximum:"1000000" doc:"Commercial auto is rated on them."`
	YearsInBusiness *int          `json:"yearsInBusiness,omitempty" minimum:"0" maximum:"1000"`
	ExperienceMod   ExperienceMod `json:"experienceMod,omitempty"`
	PostalCode      string        `json:"postalCode,omitempty" pattern:"^[0-9]{5}$" doc:"Of the insured's main location." example:"97201"`
	LossHistory     *[]lossBody   `json:"lossHistory,omitempty" maxItems:"11" doc:"By year; the effective year and the five before it count. Empty says that there were none, absent that nobody knows."`
}

type lossBody struct {
	Year     int   `json:"year" minimum:"1900" maximum:"2200"`
	Claims   int   `json:"claims" minimum:"0" maximum:"100000"`
	Incurred Money `json:"incurred" minimum:"0" maximum:"100000000000" doc:"Paid and reserved."`
	Premium  Money `json:"premium,omitempty" minimum:"1" maximum:"100000000000" doc:"Of that year, for the loss ratio."`
}

func riskOf(r submission.Risk) RiskBody {
	b := RiskBody{
		AggregateLimit: Money(r.AggregateLimit), Deductible: Money(r.Deductible), Payroll: Money(r.Payroll), TIV: Money(r.InsuredValue),
		Employees: r.Employees, Vehicles: r.Vehicles, YearsInBusiness: r.YearsInBusiness, ExperienceMod: ExperienceMod(r.ExperienceMod), PostalCode: r.PostalCode,
	}
	if r.Losses != nil {
		losses := make([]lossBody, len(r.Losses))
		for i, l := range r.Losses {
			losses[i] = lossBody{l.Year, l.Claims, Money(l.Incurred), Money(l.Premium)}
		}
		b.LossHistory = &losses
	}
	return b
}

func (b RiskBody) risk() submission.Risk {
	r := submission.Risk{
		AggregateLimit: money.Cents(b.AggregateLimit), Deductible: money.Cents(b.Deductible), Payroll: money.Cents(b.Payroll), InsuredValue: money.Cents(b.TIV),
		Employees: b.Employees, Vehicles: b.Vehicles, YearsInBusiness: b.YearsInBusiness, ExperienceMod: string(b.ExperienceMod), PostalCode: b.PostalCode,
	}
	if b.LossHistory != nil {
		r.Losses = lossesOf(*b.LossHistory)
	}
	return r
}

func lossesOf(bs []lossBody) []submission.Loss {
	out := make([]submission.Loss, len(bs))
	for i, l := range bs {
		out[i] = submission.Loss{Year: l.Year, Claims: l.Claims, Incurred: money.Cents(l.Incurred), Premium: money.Cents(l.Premium)}
	}
	return out
}

type listSubmissionsInput struct {
	Page
	Status         string        `query:"status" enum:"draft,received,in_review,quoted,referred,declined,withdrawn,expired,bound" doc:"draft lists your own drafts, which are in no other list; those of all for administrators."`
	LineOfBusiness string        `query:"lineOfBusiness" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
	ExternalID     string        `query:"externalId" maxLength:"255"`
	ProducerID     producer.ID   `query:"producerId" maxLength:"64"`
	EffectiveFrom  Date          `query:"effectiveFrom" doc:"Effective on this day or later."`
	EffectiveTo    Date          `query:"effectiveTo" doc:"Effective on this day or earlier."`
	CreatedFrom    Date          `query:"createdFrom" doc:"Created on this day of UTC or later."`
	CreatedTo      Date          `query:"createdTo" doc:"Created on this day of UTC or earlier."`
	Assignee       access.UserID `query:"assignee" maxLength:"64" doc:"Who works on it, usr_…; of a broker's own submissions it finds none."`
	Lane           string        `query:"lane" enum:"auto_process,underwriter_review,escalate" doc:"Of its triage; likewise."`
	Sanctions      string        `query:"sanctionsReview" enum:"pending,cleared,blocked" doc:"Likewise."`
}

// Resolve implements huma.Resolver: a span does not end before it begins.
func (in *listSubmissionsInput) Resolve(ctx huma.Context) []error {
	return found(ctx, span("effectiveTo", in.EffectiveFrom, in.EffectiveTo), span("createdTo", in.CreatedFrom, in.CreatedTo))
}

// span blames a day that is before the one from which on something is asked for.
func span(field string, from, to Date) error {
	if !from.IsZero() && !to.IsZero() && to.Before(from.Date) {
		return fault.ErrValidation.Field(field, "min")
	}
	return nil
}

type bindInput struct {
	ByID
	IfMatch
	Body struct {
		InstallmentPlan string          `json:"installmentPlan" enum:"PIF,TWO_PAY,QUARTERLY,MONTHLY_10,MONTHLY_12,PREMIUM_FINANCE"`
		PremiumFinance  *askFinanceBody `json:"premiumFinance,omitempty" doc:"The agreement that PREMIUM_FINANCE goes by; with no other plan."`
		QuoteID         quote.ID        `json:"quoteId,omitempty" doc:"Which quote to bind; by default the accepted one, else the newest."`
		ExternalID      string          `json:"externalId,omitempty" minLength:"1" maxLength:"255" pattern:"[^\\s\\p{Z}\\p{C}]" doc:"Your own id of the policy, unique in your organization."`
		Metadata        Metadata        `json:"metadata,omitempty"`
	}
}

func (a *API) registerSubmissions(p Platform) {
	const tag = "Submissions"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions", ID: "create-submission", Tag: tag, Scope: "submissions:write", Summary: "Create a submission",
	}, p.createSubmission)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/submissions", ID: "list-submissions", Tag: tag, Scope: "submissions:read", Summary: "List submissions, newest first",
	}, p.listSubmissions)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/submissions/{id}", ID: "get-submission", Tag: tag, Scope: "submissions:read", Summary: "Get a submission",
	}, p.getSubmission)
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/quote", ID: "quote-submission", Tag: tag, Scope: "submissions:write", IfMatch: true,
		Summary: "Rate a submission and return a quote", Description: "Each call makes a new version from the rates in force on the effective date. A quote is good for 30 days.",
	}, p.quoteSubmission)
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/bind", ID: "bind-submission", Tag: tag, Scope: "submissions:write", IfMatch: true,
		Summary: "Bind a quoted submission into a policy", Description: "One transaction makes the policy, its number, its first transaction and its invoices.",
	}, func(ctx context.Context, in *bindInput) (*bodyOf[policyBody], error) {
		id, err := parseSubmission(in.ID)
		if err != nil {
			return nil, err
		}
		b, err := p.Desk.Bind(ctx, access.From(ctx), id, policy.Order{
			Plan: billing.Plan(in.Body.InstallmentPlan), Finance: in.Body.PremiumFinance.finance(), Quote: in.Body.QuoteID, ExternalID: in.Body.ExternalID, Metadata: in.Body.Metadata,
		}, in.Check)
		return &bodyOf[policyBody]{policyOf(b)}, err
	})
}

func parseSubmission(s string) (submission.ID, error) {
	var id submission.ID
	err := pathID(&id, s)
	return id, err
}

func (p Platform) createSubmission(ctx context.Context, in *createSubmissionInput) (*bodyOf[submissionBody], error) {
	by := access.From(ctx)
	s, err := p.Desk.Submit(ctx, by, in.submission())
	if err != nil {
		return nil, err
	}
	return p.compared(ctx, by, s)
}

// readable reads a submission that the caller may read.
func (p Platform) readable(ctx context.Context, s string) (submission.Submission, error) {
	id, err := parseSubmission(s)
	if err != nil {
		return submission.Submission{}, err
	}
	by := access.From(ctx)
	r := p.DB.As(by)
	found, err := r.Submission(ctx, id)
	if err != nil {
		return submission.Submission{}, err
	}
	if err := access.Check(ctx, r, by, access.Read, access.Object{Type: access.Submission, ID: id.UUID(), Org: found.Org}); err != nil {
		return submission.Submission{}, err
	}
	return found, nil
}

func (p Platform) getSubmission(ctx context.Context, in *ByID) (*bodyOf[submissionBody], error) {
	by := access.From(ctx)
	s, err := p.readable(ctx, in.ID)
	if errors.Is(err, fault.ErrNotFound) {
		return p.getDraft(ctx, by, in.ID)
	}
	if err != nil {
		return nil, err
	}
	b, err := p.shown(ctx, by, s)
	if err != nil || b.Triage == nil {
		return &bodyOf[submissionBody]{b}, err
	}
	at, err := p.at(ctx)
	if err != nil {
		return nil, err
	}
	found, err := p.DB.As(by).Duplicates(ctx, s.ID)
	b.PossibleDuplicates, b.SLA = duplicatesOf(found[s.ID]), slaOf(s.Clocks, at)
	return &bodyOf[submissionBody]{b}, err
}

// shown is a submission as by may read it: what the desk makes of it is for who
// is inside the company.
func (p Platform) shown(ctx context.Context, by access.Actor, s submission.Submission) (submissionBody, error) {
	err := access.Check(ctx, p.DB.As(by), by, access.ViewBusiness, access.OrgObject(s.Org))
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.NotFound:
		return submissionFor(s), nil
	}
	if err != nil {
		return submissionBody{}, err
	}
	return submissionOf(s), nil
}

func (p Platform) listSubmissions(ctx context.Context, in *listSubmissionsInput) (*bodyOf[List[submissionBody]], error) {
	by := access.From(ctx)
	r := p.DB.As(by)
	see, err := access.Visible(ctx, r, by, access.Submission)
	if err != nil {
		return nil, err
	}
	filter := store.SubmissionFilter{
		Status: in.Status, LineOfBusiness: in.LineOfBusiness, ExternalID: in.ExternalID, Producer: in.ProducerID,
		EffectiveFrom: in.EffectiveFrom.Date, EffectiveTo: in.EffectiveTo.Date, CreatedFrom: in.CreatedFrom.Date, CreatedTo: in.CreatedTo.Date,
		Assignee: in.Assignee.String(), Lane: in.Lane, Sanctions: in.Sanctions,
	}
	if in.Status == string(submission.Draft) {
		ss, err := p.Desk.Drafts(ctx, by, filter, in.page())
		return &bodyOf[List[submissionBody]]{listOf(ss, in.Limit, submissionFor, cursorOfSubmission)}, err
	}
	if !see.All && (!in.Assignee.IsZero() || in.Lane != "" || in.Sanctions != "") { // what he may not read he cannot ask by
		return &bodyOf[List[submissionBody]]{List[submissionBody]{Data: []submissionBody{}}}, nil
	}
	ss, err := r.Submissions(ctx, see, filter, in.page())
	if err != nil {
		return nil, err
	}
	body := submissionFor
	if see.All {
		body = submissionOf
	}
	return &bodyOf[List[submissionBody]]{listOf(ss, in.Limit, body, cursorOfSubmission)}, nil
}

func cursorOfSubmission(s submission.Submission) Cursor { return Cursor{s.CreatedAt, s.ID} }
