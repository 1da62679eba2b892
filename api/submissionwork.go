package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/internal/insurance/triage"
)

// DeskBody is what the desk knows of a submission, which who brought it does not
// read; exported so that the document sees through its embedding.
type DeskBody struct {
	Assignee  string      `json:"assignee,omitempty" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X3" doc:"Who has claimed it."`
	ClaimedAt *time.Time  `json:"claimedAt,omitempty"`
	Triage    *triageBody `json:"triage,omitempty" doc:"Not for who brought it."`

	SanctionsReview string         `json:"sanctionsReview,omitempty" enum:"pending,cleared,blocked" doc:"A name of the insured is like one on a sanctions list. pending: it is quoted, and not bound before somebody has looked; blocked: neither. Absent: there is no such name, and always for who brought the business, who must not be told."`
	Screening       *screeningBody `json:"screening,omitempty" doc:"The likeness, when there is one; likewise."`

	SLA *slaBody `json:"sla,omitempty" doc:"By when the desk has to act; when one submission is read, and not for who brought it."`

	PossibleDuplicates *[]duplicateBody `json:"possibleDuplicates,omitempty" doc:"Other submissions of your organization that may be of the same business: of the same line, with terms that overlap, and with something of the insured in common. When one submission is created, corrected or read; not for who brought it."`
}

type duplicateBody struct {
	SubmissionID  string    `json:"submissionId"`
	InsuredName   string    `json:"insuredName"`
	Status        string    `json:"status" enum:"draft,received,in_review,quoted,referred,declined,withdrawn,expired,bound"`
	EffectiveDate Date      `json:"effectiveDate"`
	ProducerID    string    `json:"producerId,omitempty"`
	CreatedAt     time.Time `json:"createdAt"`
	Reasons       []string  `json:"reasons" nullable:"false" enum:"insured_name,insured_email,insured_fein,insured_address" doc:"What they have in common."`
}

func duplicatesOf(found []submission.Duplicate) *[]duplicateBody {
	out := make([]duplicateBody, len(found))
	for i, d := range found {
		out[i] = duplicateBody{d.ID.String(), d.InsuredName, string(d.Status), Date{d.EffectiveDate}, d.Producer.String(), d.CreatedAt, d.Reasons}
	}
	return &out
}

// compared is a submission that by has made or corrected, beside what may be
// the same.
func (p Platform) compared(ctx context.Context, by access.Actor, s submission.Submission) (*bodyOf[submissionBody], error) {
	found, err := p.Desk.PossibleDuplicates(ctx, by, s.ID)
	if err != nil {
		return nil, err
	}
	b := submissionOf(s)
	b.PossibleDuplicates = duplicatesOf(found)
	return &bodyOf[submissionBody]{b}, nil
}

type triageBody struct {
	Score   int          `json:"score" minimum:"0" maximum:"100" doc:"The higher the riskier."`
	Lane    string       `json:"lane" enum:"auto_process,underwriter_review,escalate" doc:"0–29, 30–69, 70–100."`
	Factors []triagePart `json:"factors" nullable:"false" doc:"What the score is made of, from 50 on. What is not known, or in between, has no points."`
}

type triagePart struct {
	Factor string `json:"factor" enum:"loss_ratio,claims,years_in_business,priority"`
	Points int    `json:"points"`
	Value  string `json:"value,omitempty" doc:"Absent when it is not known."`
	Reason string `json:"reason"`
}

func triageOf(t triage.Result) *triageBody {
	b := &triageBody{Score: t.Score, Lane: string(t.Lane), Factors: []triagePart{}}
	for _, f := range t.Factors {
		b.Factors = append(b.Factors, triagePart(f))
	}
	return b
}

func deskOf(s submission.Submission) DeskBody {
	return DeskBody{Assignee: s.Assignee, ClaimedAt: s.ClaimedAt, Triage: triageOf(s.Triage), SanctionsReview: string(s.Sanctions()), Screening: screeningOf(s.Screening)}
}

type endingOfBody struct {
	Reasons   []string  `json:"reasons" nullable:"false" doc:"Who brought it reads underwriting_decision in place of those that are not his to know."`
	Message   string    `json:"message,omitempty" doc:"To both sides."`
	Rationale string    `json:"rationale,omitempty" doc:"Not for who brought it."`
	By        string    `json:"by,omitempty" doc:"Not for who brought it."`
	At        time.Time `json:"at"`
}

func endingOf(e submission.Ending) *endingOfBody {
	b := &endingOfBody{Reasons: []string{}, Message: e.Message, Rationale: e.Rationale, By: e.By, At: e.At}
	for _, r := range e.Reasons {
		b.Reasons = append(b.Reasons, string(r))
	}
	return b
}

type correctSubmissionInput struct {
	ByID
	IfMatch
	Body struct {
		InsuredName     *string             `json:"insuredName,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		NAICSCode       *string             `json:"naicsCode,omitempty" pattern:"^[0-9]{2,6}$" example:"236220"`
		AnnualRevenue   *Money              `json:"annualRevenue,omitempty" minimum:"0" maximum:"100000000000"`
		RequestedLimit  *Money              `json:"requestedLimit,omitempty" minimum:"1" maximum:"100000000000"`
		EffectiveDate   *Date               `json:"effectiveDate,omitempty"`
		State           *USState            `json:"state,omitempty"`
		LineOfBusiness  *string             `json:"lineOfBusiness,omitempty" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
		ProducerID      *producer.ID        `json:"producerId,omitempty" maxLength:"64" doc:"Who brings it from now on; empty: nobody."`
		AggregateLimit  *Money              `json:"aggregateLimit,omitempty" minimum:"1" maximum:"100000000000"`
		Deductible      *Money              `json:"deductible,omitempty" minimum:"1" maximum:"100000000000"`
		Payroll         *Money              `json:"payroll,omitempty" minimum:"1" maximum:"100000000000"`
		TIV             *Money              `json:"tiv,omitempty" minimum:"1" maximum:"100000000000"`
		Employees       *int                `json:"employees,omitempty" minimum:"1" maximum:"10000000"`
		Vehicles        *int                `json:"vehicles,omitempty" minimum:"1" maximum:"1000000"`
		YearsInBusiness *int                `json:"yearsInBusiness,omitempty" minimum:"0" maximum:"1000"`
		ExperienceMod   *ExperienceMod      `json:"experienceMod,omitempty"`
		PostalCode      *string             `json:"postalCode,omitempty" pattern:"^[0-9]{5}$"`
		LossHistory     *[]lossBody         `json:"lossHistory,omitempty" maxItems:"11" doc:"All of it."`
		Insured         *submission.Insured `json:"insured,omitempty" doc:"All of it."`
		Priority        *string             `json:"priority,omitempty" enum:"normal,high"`
		ExternalID      *string             `json:"externalId,omitempty" minLength:"1" maxLength:"255" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Metadata        Metadata            `json:"metadata,omitempty" doc:"All of it: at most 50 keys of 40 characters with values of 500."`
		Unset           []string            `json:"unset,omitempty" nullable:"false" maxItems:"14" enum:"aggregateLimit,deductible,payroll,tiv,employees,vehicles,yearsInBusiness,experienceMod,postalCode,lossHistory,insured,externalId" doc:"What is not known any more."`
	}
}

// Resolve implements huma.Resolver: nothing is both set and unset, and what is
// set is in itself without contradiction.
func (in *correctSubmissionInput) Resolve(ctx huma.Context) []error {
	b := in.Body
	var bad fault.Complaints
	set := map[string]bool{
		"aggregateLimit": b.AggregateLimit != nil, "deductible": b.Deductible != nil, "payroll": b.Payroll != nil, "tiv": b.TIV != nil,
		"employees": b.Employees != nil, "vehicles": b.Vehicles != nil, "yearsInBusiness": b.YearsInBusiness != nil, "experienceMod": b.ExperienceMod != nil,
		"postalCode": b.PostalCode != nil, "lossHistory": b.LossHistory != nil, "insured": b.Insured != nil, "externalId": b.ExternalID != nil,
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		bad.When(set[name] && slices.Contains(b.Unset, name), name, "unexpected")
	}
	var s submission.Submission
	in.change(&s)
	foreseenOfChange(ctx, s.Check())
	return found(ctx, bad.On(fault.ErrValidation))
}

// change corrects a submission.
func (in *correctSubmissionInput) change(s *submission.Submission) {
	b := in.Body
	put(&s.InsuredName, b.InsuredName)
	put(&s.NAICS, b.NAICSCode)
	put(&s.AnnualRevenue, (*money.Cents)(b.AnnualRevenue))
	put(&s.RequestedLimit, (*money.Cents)(b.RequestedLimit))
	if b.EffectiveDate != nil {
		s.EffectiveDate = b.EffectiveDate.Date
	}
	put(&s.State, (*string)(b.State))
	put(&s.LineOfBusiness, b.LineOfBusiness)
	put(&s.Producer, b.ProducerID)
	unset(s, b.Unset)
	r := &s.Exposure
	put(&r.AggregateLimit, (*money.Cents)(b.AggregateLimit))
	put(&r.Deductible, (*money.Cents)(b.Deductible))
	put(&r.Payroll, (*money.Cents)(b.Payroll))
	put(&r.InsuredValue, (*money.Cents)(b.TIV))
	put(&r.Employees, b.Employees)
	put(&r.Vehicles, b.Vehicles)
	put(&r.ExperienceMod, (*string)(b.ExperienceMod))
	put(&r.PostalCode, b.PostalCode)
	if b.YearsInBusiness != nil {
		r.YearsInBusiness = b.YearsInBusiness
	}
	if b.LossHistory != nil {
		r.Losses = lossesOf(*b.LossHistory)
	}
	if b.Insured != nil {
		s.Insured = b.Insured
	}
	put(&s.Priority, (*submission.Priority)(b.Priority))
	put(&s.ExternalID, b.ExternalID)
	if b.Metadata != nil {
		s.Metadata = b.Metadata
	}
}

// put sets what was sent.
func put[T any](to *T, sent *T) {
	if sent != nil {
		*to = *sent
	}
}

// unset forgets what is named.
func unset(s *submission.Submission, names []string) {
	for _, name := range names {
		switch r := &s.Exposure; name {
		case "aggregateLimit":
			r.AggregateLimit = 0
		case "deductible":
			r.Deductible = 0
		case "payroll":
			r.Payroll = 0
		case "tiv":
			r.InsuredValue = 0
		case "employees":
			r.Employees = 0
		case "vehicles":
			r.Vehicles = 0
		case "yearsInBusiness":
			r.YearsInBusiness = nil
		case "experienceMod":
			r.ExperienceMod = ""
		case "postalCode":
			r.PostalCode = ""
		case "lossHistory":
			r.Losses = nil
		case "insured":
			s.Insured = nil
		case "externalId":
			s.ExternalID = ""
		}
	}
}

type moveSubmissionInput struct {
	ByID
	IfMatch
}

type declineSubmissionInput struct {
	ByID
	IfMatch
	Body struct {
		Reasons   []string `json:"reasons" nullable:"false" minItems:"1" maxItems:"5" enum:"outside_appetite,class_not_written,territory_not_written,loss_history,incomplete_information,terms_not_available,financial_condition,business_too_young,other,capacity,pricing_inadequate,reinsurance,duplicate_submission,broker_of_record,sanctions,suspected_fraud" doc:"The last seven are not told who brought it."`
		Rationale string   `json:"rationale" minLength:"1" maxLength:"5000" example:"Three water losses in two years." doc:"For your own company."`
		Message   string   `json:"message,omitempty" maxLength:"500" example:"We cannot write this risk with its losses." doc:"To who brought it; the deal room shows it. Needed for the reason other."`
	}
}

func (in *declineSubmissionInput) ending() submission.Ending {
	e := submission.Ending{Rationale: in.Body.Rationale, Message: in.Body.Message}
	for _, r := range in.Body.Reasons {
		e.Reasons = append(e.Reasons, submission.Reason(r))
	}
	return e
}

// Resolve implements huma.Resolver.
func (in *declineSubmissionInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.ending().Check(submission.Decline))
}

type withdrawSubmissionInput struct {
	ByID
	IfMatch
	Body withdrawBody
}

func (a *API) registerSubmissionWork(p Platform) {
	const tag, write = "Submissions", "submissions:write"
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/submissions/{id}", ID: "update-submission", Tag: tag, Scope: write, IfMatch: true, Summary: "Correct a submission",
		Description: "A draft, too, of which nothing more comes. Until it is bound, declined, withdrawn or expired. It is scored again. When the risk is another then, open quotes are superseded, " +
			"questions about it are superseded by drafts, and approvals lapse unless they cover it.",
	}, func(ctx context.Context, in *correctSubmissionInput) (*bodyOf[submissionBody], error) {
		id, err := parseSubmission(in.ID)
		if err != nil {
			return nil, err
		}
		by := access.From(ctx)
		s, err := p.Desk.Correct(ctx, by, id, in.change, in.Check)
		if errors.Is(err, submission.ErrState) { // of a draft, it may be
			s, err = p.Desk.Redraft(ctx, by, id, in.change, in.Check)
			return &bodyOf[submissionBody]{submissionFor(s)}, err
		}
		if err != nil {
			return nil, err
		}
		return p.compared(ctx, by, s)
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/claim", ID: "claim-submission", Tag: tag, Scope: write, Status: http.StatusOK, IfMatch: true,
		Summary: "Take a submission up", Description: "For underwriters. Of those who do at once, one has it, and the others get 409 `submission_claimed` with his id.",
		Errors: []int{409},
	}, p.moveSubmission(p.Desk.Claim))
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/release", ID: "release-submission", Tag: tag, Scope: write, Status: http.StatusOK, IfMatch: true,
		Summary: "Give a submission back to everybody", Description: "For who has it, the lead underwriter of its deal room, and administrators.",
	}, p.moveSubmission(p.Desk.Release))
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/decline", ID: "decline-submission", Tag: tag, Scope: write, Status: http.StatusOK, IfMatch: true,
		Summary: "Decline a submission", Errors: []int{409},
		Description: "For underwriters; of a claimed one for who has it. Its open quotes end, its referrals are taken back, and its deal room closes in time. " +
			"Who brought it learns the reasons that he may know, and the message.",
	}, func(ctx context.Context, in *declineSubmissionInput) (*bodyOf[submissionBody], error) {
		return p.endSubmission(ctx, in.ID, in.ending(), in.Check, p.Desk.Decline)
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/withdraw", ID: "withdraw-submission", Tag: tag, Scope: write, Status: http.StatusOK, IfMatch: true,
		Summary: "Withdraw a submission", Description: "For who brought it, and for the desk on his word. Its open quotes are not taken up, and its referrals are taken back.",
	}, func(ctx context.Context, in *withdrawSubmissionInput) (*bodyOf[submissionBody], error) {
		return p.endSubmission(ctx, in.ID, in.Body.ending(), in.Check, p.Desk.Withdraw)
	})
}

func (p Platform) moveSubmission(to func(context.Context, access.Actor, submission.ID, insurance.Version) (submission.Submission, error)) func(context.Context, *moveSubmissionInput) (*bodyOf[submissionBody], error) {
	return func(ctx context.Context, in *moveSubmissionInput) (*bodyOf[submissionBody], error) {
		id, err := parseSubmission(in.ID)
		if err != nil {
			return nil, err
		}
		s, err := to(ctx, access.From(ctx), id, in.Check)
		return &bodyOf[submissionBody]{submissionOf(s)}, err
	}
}

func (p Platform) endSubmission(ctx context.Context, of string, e submission.Ending, seen insurance.Version,
	end func(context.Context, access.Actor, submission.ID, submission.Ending, insurance.Version) (submission.Submission, error),
) (*bodyOf[submissionBody], error) {
	id, err := parseSubmission(of)
	if err != nil {
		return nil, err
	}
	by := access.From(ctx)
	s, err := end(ctx, by, id, e, seen)
	if err != nil {
		return nil, err
	}
	b, err := p.shown(ctx, by, s)
	return &bodyOf[submissionBody]{b}, err
}
