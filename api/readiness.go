package api

import (
	"context"
	"net/http"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance"
)

type readinessBody struct {
	SubmissionID string        `json:"submissionId" example:"sub_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Status       string        `json:"status" enum:"draft,received,in_review,quoted,referred,declined,withdrawn,expired,bound"`
	Score        int           `json:"score" minimum:"0" maximum:"100" doc:"Of its triage: the higher the riskier."`
	Lane         string        `json:"lane" enum:"auto_process,underwriter_review,escalate"`
	Ready        bool          `json:"ready" doc:"A quote would be made now that offers a price, be it one that an underwriter has to agree to."`
	ReadyToBind  bool          `json:"readyToBind" doc:"The quote that there is would be bound now, by whoever asks."`
	Decision     string        `json:"decision,omitempty" enum:"quoted,referred,declined" doc:"Of the quote that would be made; absent when none would."`
	GrossPremium *Money        `json:"grossPremium,omitempty" doc:"Of that quote."`
	Blockers     []blockerBody `json:"blockers" nullable:"false" doc:"Everything that is in the way, at once."`
}

type blockerBody struct {
	Stage    string `json:"stage" enum:"quote,bind"`
	Severity string `json:"severity" enum:"blocks,declines,refers" doc:"blocks: the stage is refused with this rule; declines, refers: a quote would be made, and decline or wait for an underwriter."`
	Rule     string `json:"rule" example:"exposure_missing" doc:"An error code, a reason or a blocker: see the page of errors."`
	Field    string `json:"field,omitempty" example:"payroll" doc:"Of the submission."`
	Message  string `json:"message,omitempty"`
}

func readinessOf(r insurance.Readiness) readinessBody {
	s := r.Submission
	b := readinessBody{
		SubmissionID: s.ID.String(), Status: string(s.Status), Score: s.Triage.Score, Lane: string(s.Triage.Lane), Ready: r.Quotes(), ReadyToBind: r.Binds(),
		Blockers: []blockerBody{},
	}
	if q := r.Quote; q != nil {
		b.Decision, b.GrossPremium = string(q.Decision), (*Money)(&q.GrossPremium)
	}
	for _, k := range r.Blockers {
		b.Blockers = append(b.Blockers, blockerBody(k))
	}
	return b
}

func (a *API) registerReadiness(p Platform) {
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/submissions/{id}/quote-readiness", ID: "get-quote-readiness", Tag: "Submissions", Scope: "submissions:read",
		Summary:     "Get what a quote and a bind of a submission would come to now",
		Description: "With its triage and everything that is in the way. It goes the way that a quote and a bind go, and leaves no trace. Not for who brought the submission.",
	}, func(ctx context.Context, in *ByID) (*bodyOf[readinessBody], error) {
		id, err := parseSubmission(in.ID)
		if err != nil {
			return nil, err
		}
		r, err := p.Desk.Ready(ctx, access.From(ctx), id)
		if err != nil {
			return nil, err
		}
		return &bodyOf[readinessBody]{readinessOf(r)}, nil
	})
}
