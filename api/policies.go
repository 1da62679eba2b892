package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/store"
)

type policyBody struct {
	versioned
	ID              string            `json:"id"`
	OrgID           string            `json:"orgId"`
	PolicyNumber    string            `json:"policyNumber"`
	Status          string            `json:"status" enum:"bound,issued,active,cancelled,expired,non_renewed,renewed"`
	SubmissionID    string            `json:"submissionId"`
	QuoteID         string            `json:"quoteId"`
	InsuredName     string            `json:"insuredName"`
	LineOfBusiness  string            `json:"lineOfBusiness"`
	State           string            `json:"state"`
	EffectiveDate   Date              `json:"effectiveDate"`
	ExpirationDate  Date              `json:"expirationDate" doc:"The first day without cover."`
	GrossPremium    Money             `json:"grossPremium"`
	InstallmentPlan string            `json:"installmentPlan"`
	PremiumFinance  *financeBody      `json:"premiumFinance,omitempty" doc:"With PREMIUM_FINANCE, the agreement that it goes by."`
	ExternalID      string            `json:"externalId,omitempty"`
	Metadata        map[string]string `json:"metadata"`
	CreatedBy       string            `json:"createdBy"`
	CreatedAt       time.Time         `json:"createdAt"`
	UpdatedAt       time.Time         `json:"updatedAt"`
}

func policyOf(p policy.Policy) policyBody {
	return policyBody{
		versioned: versioned{p.Version}, ID: p.ID.String(), OrgID: p.Org.String(), PolicyNumber: p.Number, Status: string(p.Status),
		SubmissionID: p.Submission.String(), QuoteID: p.Quote.String(), InsuredName: p.InsuredName, LineOfBusiness: p.LineOfBusiness, State: p.State,
		EffectiveDate: Date{p.Effective}, ExpirationDate: Date{p.Expiration}, GrossPremium: Money(p.GrossPremium), InstallmentPlan: string(p.InstallmentPlan),
		PremiumFinance: financeOf(p.Finance, p.GrossPremium), ExternalID: p.ExternalID, Metadata: metadataOf(p.Metadata), CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

// workingBody shows how the premium of a transaction came about.
type workingBody struct {
	RateVersion int             `json:"rateVersion"`
	Factors     []rating.Factor `json:"factors"`
}

// termsOfWorking is nil for transactions of before terms were kept.
func termsOfWorking(w policy.Working) *termsBody {
	if w.Terms.Limit == 0 {
		return nil
	}
	return new(quoteTerms(w.Terms))
}

type transactionBody struct {
	ID            string      `json:"id"`
	Number        int         `json:"number"`
	Type          string      `json:"type" enum:"new,endorsement,cancellation,reinstatement,renewal"`
	EffectiveDate Date        `json:"effectiveDate"`
	Premium       Money       `json:"premium" doc:"The change of premium."`
	Working       workingBody `json:"working"`
	Terms         *termsBody  `json:"terms,omitempty" doc:"What the premium is for: those of the quote that was bound."`
	CreatedBy     string      `json:"createdBy"`
	CreatedAt     time.Time   `json:"createdAt"`
}

type listPoliciesInput struct {
	Page
	Status         string `query:"status" enum:"bound,issued,active,cancelled,expired,non_renewed,renewed"`
	LineOfBusiness string `query:"lineOfBusiness" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
	PolicyNumber   string `query:"policyNumber" maxLength:"40"`
	ExternalID     string `query:"externalId" maxLength:"255"`
	EffectiveFrom  Date   `query:"effectiveFrom" doc:"Effective on this day or later."`
	EffectiveTo    Date   `query:"effectiveTo" doc:"Effective on this day or earlier."`
}

// Resolve implements huma.Resolver.
func (in *listPoliciesInput) Resolve(ctx huma.Context) []error {
	return found(ctx, span("effectiveTo", in.EffectiveFrom, in.EffectiveTo))
}

func (a *API) registerPolicies(p Platform) {
	const tag = "Policies"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/policies", ID: "list-policies", Tag: tag, Scope: "policies:read", Summary: "List policies, newest first",
	}, p.listPolicies)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/policies/{id}", ID: "get-policy", Tag: tag, Scope: "policies:read", Summary: "Get a policy",
	}, func(ctx context.Context, in *ByID) (*bodyOf[policyBody], error) {
		v, err := p.policy(ctx, in.ID)
		return &bodyOf[policyBody]{policyOf(v)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/policies/{id}/timeline", ID: "get-policy-timeline", Tag: tag, Scope: "policies:read",
		Summary: "Every transaction of a policy, the first first",
	}, func(ctx context.Context, in *ByID) (*bodyOf[List[transactionBody]], error) {
		v, err := p.policy(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		ts, err := p.DB.As(access.From(ctx)).Timeline(ctx, v.ID)
		out := List[transactionBody]{Data: make([]transactionBody, len(ts))}
		for i, t := range ts {
			out.Data[i] = transactionBody{t.ID.String(), t.Number, t.Kind, Date{t.Effective}, Money(t.Premium), workingBody{t.Working.RateVersion, t.Working.Factors}, termsOfWorking(t.Working), t.CreatedBy, t.CreatedAt}
		}
		return &bodyOf[List[transactionBody]]{out}, err
	})
}

// policy reads a policy that the caller may see.
func (p Platform) policy(ctx context.Context, s string) (policy.Policy, error) {
	by := access.From(ctx)
	var id policy.ID
	if err := pathID(&id, s); err != nil {
		return policy.Policy{}, err
	}
	v, err := p.DB.As(by).Policy(ctx, id)
	if err != nil {
		return v, err
	}
	return v, access.Check(ctx, p.DB.As(by), by, access.Read, access.Object{Type: access.Policy, ID: id.UUID(), Org: v.Org})
}

func (p Platform) listPolicies(ctx context.Context, in *listPoliciesInput) (*bodyOf[List[policyBody]], error) {
	by := access.From(ctx)
	r := p.DB.As(by)
	see, err := access.Visible(ctx, r, by, access.Policy)
	if err != nil {
		return nil, err
	}
	ps, err := r.Policies(ctx, see, store.PolicyFilter{
		Status: in.Status, LineOfBusiness: in.LineOfBusiness, Number: in.PolicyNumber, ExternalID: in.ExternalID,
		EffectiveFrom: in.EffectiveFrom.Date, EffectiveTo: in.EffectiveTo.Date,
	}, in.page())
	if err != nil {
		return nil, err
	}
	return &bodyOf[List[policyBody]]{listOf(ps, in.Limit, policyOf, func(v policy.Policy) Cursor { return Cursor{v.CreatedAt, v.ID} })}, nil
}
