package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

type createDraftInput struct {
	Body struct {
		InsuredName    string  `json:"insuredName" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		LineOfBusiness string  `json:"lineOfBusiness" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
		NAICSCode      string  `json:"naicsCode,omitempty" pattern:"^[0-9]{2,6}$" example:"236220"`
		AnnualRevenue  *Money  `json:"annualRevenue,omitempty" minimum:"0" maximum:"100000000000" doc:"Dollars a year."`
		RequestedLimit Money   `json:"requestedLimit,omitempty" minimum:"1" maximum:"100000000000" doc:"Dollars per occurrence."`
		EffectiveDate  *Date   `json:"effectiveDate,omitempty"`
		State          USState `json:"state,omitempty"`
		BroughtBody
	}
}

func (in *createDraftInput) draft() submission.Submission {
	b := in.Body
	return b.of(submission.Submission{
		InsuredName: b.InsuredName, NAICS: b.NAICSCode, AnnualRevenue: money.Cents(*cmp.Or(b.AnnualRevenue, new(Money(submission.UnknownRevenue)))),
		RequestedLimit: money.Cents(b.RequestedLimit), EffectiveDate: dayIn(b.EffectiveDate), State: string(b.State), LineOfBusiness: b.LineOfBusiness,
	})
}

func (a *API) registerDrafts(p Platform) {
	const tag, write = "Submissions", "submissions:write"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/drafts", ID: "create-submission-draft", Tag: tag, Scope: write, Summary: "Draft a submission",
		Description: "All but the name and the line may be missing, and is checked when the draft is submitted. A draft is its author's and the administrators': " +
			"nobody else hears of it or finds it. It is read and corrected as a submission, and listed with status=draft.",
	}, p.createDraft)
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/submit", ID: "submit-submission-draft", Tag: tag, Scope: write, Status: http.StatusOK, IfMatch: true,
		Summary: "Submit a draft", Errors: []int{409},
		Description: "It is received then, under the same id, as if it were created now. 400 names all that is missing or wrong.",
	}, func(ctx context.Context, in *moveSubmissionInput) (*bodyOf[submissionBody], error) {
		id, err := parseSubmission(in.ID)
		if err != nil {
			return nil, err
		}
		by := access.From(ctx)
		s, err := p.Desk.SubmitDraft(ctx, by, id, in.Check)
		if err != nil {
			return nil, err
		}
		return p.compared(ctx, by, s)
	})
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/submissions/{id}", ID: "delete-submission-draft", Tag: tag, Scope: write, IfMatch: true,
		Summary: "Throw a draft away", Description: "A submission that was submitted is withdrawn instead.",
	}, func(ctx context.Context, in *moveSubmissionInput) (*struct{}, error) {
		id, err := parseSubmission(in.ID)
		if err != nil {
			return nil, err
		}
		return nil, p.Desk.DropDraft(ctx, access.From(ctx), id, in.Check)
	})
}

func (p Platform) createDraft(ctx context.Context, in *createDraftInput) (*bodyOf[submissionBody], error) {
	s, err := p.Desk.Draft(ctx, access.From(ctx), in.draft())
	return &bodyOf[submissionBody]{submissionFor(s)}, err
}

// getDraft reads a draft as its submission is read.
func (p Platform) getDraft(ctx context.Context, by access.Actor, of string) (*bodyOf[submissionBody], error) {
	id, err := parseSubmission(of)
	if err != nil {
		return nil, err
	}
	s, err := p.Desk.DraftOf(ctx, by, id)
	return &bodyOf[submissionBody]{submissionFor(s)}, err
}
