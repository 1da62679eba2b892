package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
)

type quoteBody struct {
	ID             string                       `json:"id,omitempty" doc:"Absent in a preview."`
	SubmissionID   string                       `json:"submissionId"`
	Preview        bool                         `json:"preview,omitempty" doc:"Nothing was stored."`
	Version        int                          `json:"version" doc:"0 in a preview."`
	Status         string                       `json:"status" enum:"quoted,referred,declined,offered,accepted,not_taken_up,bound,superseded,expired"`
	Decision       string                       `json:"decision" enum:"quoted,referred,declined"`
	Reasons        []string                     `json:"reasons" nullable:"false" doc:"Why it was referred or declined."`
	GrossPremium   Money                        `json:"grossPremium"`
	Terms          termsBody                    `json:"terms" doc:"What the price is for."`
	Factors        []rating.Factor              `json:"factors" nullable:"false" doc:"The working, step by step: what was applied, and the premium after. The last one's is the gross premium; counter is the premium of a counter-offer that was taken."`
	ProgramVersion int                          `json:"programVersion" doc:"Of the program, as its ETag was: whose guidelines it was judged by."`
	RateVersion    int                          `json:"rateVersion" doc:"Of the program's rate tables."`
	Schedule       map[string][]installmentBody `json:"schedule" doc:"What is due when, by instalment plan, if bound; plans that the premium is too small for are absent."`
	ByAgreement    []string                     `json:"plansByAgreement" nullable:"false" doc:"Plans that go by an agreement with somebody else, which says what is due when: PREMIUM_FINANCE."`
	DAFlags        []string                     `json:"daFlags" nullable:"false" doc:"What delegated authority would object to at bind."`
	ProducerFlags  []string                     `json:"producerFlags" nullable:"false" doc:"What stood between the producer and a sale when the quote was made, as a bind would say it."`
	CreatedAt      time.Time                    `json:"createdAt"`
	ExpiresAt      time.Time                    `json:"expiresAt"`
	OfferedAt      *time.Time                   `json:"offeredAt,omitempty"`
	AcceptedAt     *time.Time                   `json:"acceptedAt,omitempty"`
}

type termsBody struct {
	RequestedLimit Money         `json:"requestedLimit,omitempty"`
	AggregateLimit Money         `json:"aggregateLimit,omitempty"`
	Deductible     Money         `json:"deductible,omitempty"`
	Schedule       *scheduleBody `json:"schedule,omitempty"`
	Exclusions     []string      `json:"exclusions,omitempty" nullable:"false" doc:"What is not covered, of a counter-offer that was taken."`
}

func quoteTerms(t quote.Terms) termsBody {
	return termsBody{Money(t.Limit), Money(t.Aggregate), Money(t.Deductible), scheduleOf(t.Schedule), t.Exclusions}
}

// scheduleBody is an underwriter's judgement of a risk.
type scheduleBody struct {
	Percent int    `json:"percent" minimum:"-25" maximum:"25" doc:"Off the premium (negative) or on, within what the rates allow."`
	Reason  string `json:"reason" enum:"management,employees,premises,equipment,safety,classification,other"`
	Note    string `json:"note,omitempty" maxLength:"500" doc:"Needed for the reason other."`
}

func scheduleOf(s *rating.Schedule) *scheduleBody {
	if s == nil {
		return nil
	}
	return &scheduleBody{s.Percent, s.Reason, s.Note}
}

type installmentBody struct {
	Number   int   `json:"number"`
	DueAfter int   `json:"dueAfterMonths"`
	Premium  Money `json:"premium"`
	Fee      Money `json:"fee"`
	Amount   Money `json:"amount"`
}

func quoteOf(q quote.Quote, at time.Time) quoteBody {
	return quoteBody{
		ID: q.ID.String(), SubmissionID: q.Submission.String(), Preview: q.ID.IsZero(), Version: q.Version, Status: string(q.StatusAt(at)),
		Decision: string(q.Decision), Reasons: q.Reasons, GrossPremium: Money(q.GrossPremium),
		Terms:   quoteTerms(q.Terms),
		Factors: q.Factors, ProgramVersion: q.ProgramVersion, RateVersion: q.RateVersion, Schedule: schedulesOf(q.GrossPremium), ByAgreement: plansByAgreement(), DAFlags: q.Flags,
		ProducerFlags: q.ProducerFlags, CreatedAt: q.CreatedAt, ExpiresAt: q.ExpiresAt, OfferedAt: q.OfferedAt, AcceptedAt: q.AcceptedAt,
	}
}

// plansByAgreement are the plans that no schedule has.
func plansByAgreement() []string {
	names := make([]string, len(billing.ByAgreement))
	for i, p := range billing.ByAgreement {
		names[i] = string(p)
	}
	return names
}

// schedulesOf is what is due when, by each plan that a premium is large enough
// for.
func schedulesOf(premium money.Cents) map[string][]installmentBody {
	all := map[string][]installmentBody{}
	for _, plan := range billing.Offered {
		parts, err := billing.Parts(plan, premium)
		if err != nil {
			continue
		}
		for _, in := range parts {
			all[string(plan)] = append(all[string(plan)], installmentBody{in.Number, in.Months, Money(in.Premium), Money(in.Fee), Money(in.Amount)})
		}
	}
	return all
}

// askBody is on what terms a submission is to be quoted.
type askBody struct {
	RequestedLimit Money         `json:"requestedLimit,omitempty" minimum:"1" maximum:"100000000000" doc:"Instead of the submission's."`
	AggregateLimit Money         `json:"aggregateLimit,omitempty" minimum:"1" maximum:"100000000000" doc:"Instead of the submission's."`
	Deductible     Money         `json:"deductible,omitempty" minimum:"1" maximum:"100000000000" doc:"Instead of the submission's."`
	Schedule       *scheduleBody `json:"schedule,omitempty" doc:"For underwriters."`
	Alternative    bool          `json:"alternative,omitempty" doc:"Beside the quotes before, which stay as they are; otherwise they are superseded."`
}

type quoteInput struct {
	ByID
	IfMatch
	Preview bool `query:"preview" doc:"Price and store nothing: no version, no event. Answers 200."`
	Body    *askBody
}

// quoteOutput is a quote, with 200 when it is only a preview.
type quoteOutput struct {
	Status int
	Body   quoteBody
}

func (in *quoteInput) ask() insurance.Ask {
	if in.Body == nil {
		return insurance.Ask{}
	}
	a := insurance.Ask{Beside: in.Body.Alternative, Terms: quote.Terms{
		Limit: money.Cents(in.Body.RequestedLimit), Aggregate: money.Cents(in.Body.AggregateLimit), Deductible: money.Cents(in.Body.Deductible),
	}}
	if s := in.Body.Schedule; s != nil {
		a.Terms.Schedule = &rating.Schedule{Percent: s.Percent, Reason: s.Reason, Note: s.Note}
	}
	return a
}

func (p Platform) quoteSubmission(ctx context.Context, in *quoteInput) (*quoteOutput, error) {
	id, err := parseSubmission(in.ID)
	if err != nil {
		return nil, err
	}
	by := access.From(ctx)
	if in.Preview {
		q, err := p.Desk.Preview(ctx, by, id, in.ask(), in.Check)
		return &quoteOutput{http.StatusOK, quoteOf(q, p.Now())}, err
	}
	q, err := p.Desk.QuoteAs(ctx, by, id, in.ask(), in.Check)
	return &quoteOutput{Body: quoteOf(q, p.Now())}, err
}

type listQuotesInput struct {
	ByID
	Page
}

func (a *API) registerQuotes(p Platform) {
	const tag = "Submissions"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/submissions/{id}/quotes", ID: "list-quotes", Tag: tag, Scope: "submissions:read",
		Summary: "List the quotes of a submission, newest first",
	}, p.listQuotes)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/quotes/{id}", ID: "get-quote", Tag: tag, Scope: "submissions:read", Summary: "Get a quote",
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
		if err := access.Check(ctx, p.DB.As(by), by, access.Read, access.Object{Type: access.Submission, ID: q.Submission.UUID(), Org: q.Org}); err != nil {
			return nil, err
		}
		at, err := p.at(ctx)
		return &bodyOf[quoteBody]{quoteOf(q, at)}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/quotes/{id}/offer", ID: "offer-quote", Tag: tag, Scope: "submissions:write", Status: http.StatusOK,
		Summary: "Offer a quote", Description: "Tells who brought the business that he may accept it. A quote that was referred is quoted, and to be offered, once its referral is approved.",
	}, p.moveQuote(p.Desk.Offer))
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/quotes/{id}/accept", ID: "accept-quote", Tag: tag, Scope: "submissions:write", Status: http.StatusOK,
		Summary: "Accept an offered quote", Description: "A bind is of it from now on; the submission's other quotes are not taken up. Of two acceptances the first wins. " +
			"For what has its reason inside, whoever brought the business is refused with underwriter_needed.",
	}, p.moveQuote(p.Desk.Accept))
}

func (p Platform) moveQuote(to func(context.Context, access.Actor, quote.ID) (quote.Quote, error)) func(context.Context, *ByID) (*bodyOf[quoteBody], error) {
	return func(ctx context.Context, in *ByID) (*bodyOf[quoteBody], error) {
		var id quote.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		q, err := to(ctx, access.From(ctx), id)
		return &bodyOf[quoteBody]{quoteOf(q, p.Now())}, err
	}
}

func (p Platform) listQuotes(ctx context.Context, in *listQuotesInput) (*bodyOf[List[quoteBody]], error) {
	s, err := p.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	qs, err := p.DB.As(access.From(ctx)).Quotes(ctx, s.ID, in.page())
	if err != nil {
		return nil, err
	}
	at, err := p.at(ctx)
	if err != nil {
		return nil, err
	}
	return &bodyOf[List[quoteBody]]{listOf(qs, in.Limit, func(q quote.Quote) quoteBody { return quoteOf(q, at) }, func(q quote.Quote) Cursor { return Cursor{q.CreatedAt, q.ID} })}, nil
}
