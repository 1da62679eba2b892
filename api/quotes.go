package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
)

type quoteBody struct {
	ID           string                       `json:"id"`
	SubmissionID string                       `json:"submissionId"`
	Version      int                          `json:"version"`
	Status       string                       `json:"status" enum:"quoted,referred,declined,accepted,bound,superseded,expired"`
	Decision     string                       `json:"decision" enum:"quoted,referred,declined"`
	Reasons      []string                     `json:"reasons" nullable:"false" doc:"Why it was referred or declined."`
	GrossPremium Money                        `json:"grossPremium"`
	Factors      []rating.Factor              `json:"factors" nullable:"false" doc:"The working, step by step."`
	RateVersion  int                          `json:"rateVersion"`
	Schedule     map[string][]installmentBody `json:"schedule" doc:"What is due when, by instalment plan, if bound; plans that the premium is too small for are absent."`
	DAFlags      []string                     `json:"daFlags" nullable:"false" doc:"What delegated authority would object to at bind."`
	CreatedAt    time.Time                    `json:"createdAt"`
	ExpiresAt    time.Time                    `json:"expiresAt"`
}

type installmentBody struct {
	Number   int   `json:"number"`
	DueAfter int   `json:"dueAfterMonths"`
	Premium  Money `json:"premium"`
	Fee      Money `json:"fee"`
	Amount   Money `json:"amount"`
}

func quoteOf(q quote.Quote) quoteBody {
	b := quoteBody{
		ID: q.ID.String(), SubmissionID: q.Submission.String(), Version: q.Version, Status: string(q.Status), Decision: string(q.Decision),
		Reasons: q.Reasons, GrossPremium: Money(q.GrossPremium), Factors: q.Factors, RateVersion: q.RateVersion,
		Schedule: map[string][]installmentBody{}, DAFlags: []string{}, CreatedAt: q.CreatedAt, ExpiresAt: q.ExpiresAt,
	}
	for _, plan := range billing.Offered {
		parts, err := billing.Parts(plan, q.GrossPremium)
		if err != nil {
			continue
		}
		for _, in := range parts {
			b.Schedule[string(plan)] = append(b.Schedule[string(plan)], installmentBody{in.Number, in.Months, Money(in.Premium), Money(in.Fee), Money(in.Amount)})
		}
	}
	return b
}

func (a *API) registerQuotes(p Platform) {
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/quotes/{id}", ID: "get-quote", Tag: "Submissions", Scope: "submissions:read", Summary: "Get a quote",
	}, func(ctx context.Context, in *ByID) (*bodyOf[quoteBody], error) {
		by := access.From(ctx)
		var id quote.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		q, err := p.DB.As(by).Quote(ctx, id)
		if err != nil {
			return nil, err
		}
		err = access.Check(ctx, p.DB.As(by), by, access.Read, access.Object{Type: access.Submission, ID: q.Submission.UUID(), Org: q.Org})
		return &bodyOf[quoteBody]{quoteOf(q)}, err
	})
}
