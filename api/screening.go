package api

import (
	"context"
	"net/http"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// screeningBody is what came of comparing the names of an insured with a list.
type screeningBody struct {
	Decision string             `json:"decision" enum:"review,block" doc:"Of the list."`
	List     string             `json:"list" doc:"Which list, and of when."`
	Names    []string           `json:"names" nullable:"false" doc:"What was compared with it."`
	Matches  []producer.Match   `json:"matches" nullable:"false" doc:"The closest five."`
	Reviewed *producer.Reviewed `json:"reviewed,omitempty" doc:"What a person said of it."`
}

// screeningOf is nil when there is nothing to tell.
func screeningOf(s submission.Screening) *screeningBody {
	if s.Decision == "" || s.Decision == producer.Pass {
		return nil
	}
	return &screeningBody{Decision: string(s.Decision), List: s.List, Names: s.Names, Matches: s.Matches, Reviewed: s.Reviewed}
}

type reviewSubmissionInput struct {
	ByID
	IfMatch
	Body struct {
		Decision  string `json:"decision" enum:"clear,block" doc:"clear: it is somebody else; block: there can be no business."`
		Rationale string `json:"rationale" minLength:"1" maxLength:"2000" pattern:"[^\\s\\p{Z}\\p{C}]" example:"Another date of birth."`
	}
}

func (a *API) registerScreening(p Platform) {
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/submissions/{id}/sanctions-review", ID: "review-submission-sanctions", Tag: "Submissions",
		Scope: "submissions:write", Status: http.StatusOK, IfMatch: true,
		Summary: "Clear a likeness of the insured's name with a sanctions list, or end the business",
		Description: "For compliance and administrators. What is cleared stays so for the same name, while the list finds nothing else. " +
			"Who brought the submission is told nothing.",
	}, func(ctx context.Context, in *reviewSubmissionInput) (*bodyOf[submissionBody], error) {
		id, err := parseSubmission(in.ID)
		if err != nil {
			return nil, err
		}
		s, err := p.Desk.ReviewInsured(ctx, access.From(ctx), id, in.Body.Decision == "clear", in.Body.Rationale, in.Check)
		return &bodyOf[submissionBody]{submissionOf(s)}, err
	})
}
