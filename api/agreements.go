package api

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/store"
)

type triggerBody struct {
	Type        string   `json:"type" enum:"REVENUE_THRESHOLD,LOSS_HISTORY,CLASS_CODE,STATE"`
	Threshold   *Money   `json:"threshold,omitempty" minimum:"0" doc:"Of revenue, or of what the last five years' losses cost: more refers."`
	Values      []string `json:"values,omitempty" nullable:"false" maxItems:"5000" doc:"NAICS prefixes, or states."`
	Description string   `json:"description" minLength:"1" maxLength:"500" pattern:"[^\\s\\p{Z}\\p{C}]"`
}

// AgreementTerms are the bounds of an agreement; exported so that the document
// sees through its embedding.
type AgreementTerms struct {
	MaxOccurrenceLimit    Money         `json:"maxOccurrenceLimit" minimum:"0" maximum:"100000000000" doc:"The highest limit per occurrence of one policy."`
	MaxAggregateLimit     Money         `json:"maxAggregateLimit" minimum:"0" maximum:"100000000000" doc:"The highest aggregate limit of one policy."`
	MaxPremiumPerPolicy   Money         `json:"maxPremiumPerPolicy" minimum:"0" maximum:"100000000000"`
	AuthorizedStates      []string      `json:"authorizedStates" nullable:"false" maxItems:"52" doc:"Two letters each; ALL_50 is every one of the fifty, without DC."`
	ExcludedStates        []string      `json:"excludedStates,omitempty" nullable:"false" maxItems:"51"`
	AuthorizedNaicsCodes  []string      `json:"authorizedNaicsCodes,omitempty" nullable:"false" maxItems:"5000" doc:"Prefixes of two to six digits; none is all."`
	ExcludedNaicsCodes    []string      `json:"excludedNaicsCodes,omitempty" nullable:"false" maxItems:"5000"`
	AnnualGwpLimit        Money         `json:"annualGwpLimit" minimum:"0" maximum:"100000000000" doc:"Of the premium of all policies that take effect in a year of the agreement, counted from its first day."`
	QuarterlyGwpLimit     *Money        `json:"quarterlyGwpLimit,omitempty" minimum:"0" maximum:"100000000000" doc:"The same of a quarter of that year."`
	MaxAccumulatedLimit   *Money        `json:"maxAccumulatedLimit,omitempty" minimum:"0" maximum:"100000000000" doc:"Of the aggregate limits of all its policies together."`
	MaxPoliciesPerInsured int           `json:"maxPoliciesPerInsured,omitempty" minimum:"0" maximum:"100000" doc:"0 or absent: no bound. Names are compared without capitals and spaces."`
	MaxInsuredRevenue     *Money        `json:"maxInsuredRevenue,omitempty" minimum:"0" maximum:"100000000000"`
	MaxTIV                *Money        `json:"maxTiv,omitempty" minimum:"0" maximum:"100000000000"`
	AllowedPolicyTerms    []int         `json:"allowedPolicyTerms,omitempty" nullable:"false" maxItems:"120" doc:"In months; none is any. Policies are of 12."`
	MinYearsInBusiness    *int          `json:"minYearsInBusiness,omitempty" minimum:"0" maximum:"100" doc:"A business whose age nobody knows does not have them."`
	ReferralTriggers      []triggerBody `json:"referralTriggers,omitempty" nullable:"false" maxItems:"50" doc:"Any of them refers a quote that is inside all limits."`
	ProducerCommissionBps int           `json:"producerCommissionBps,omitempty" minimum:"0" maximum:"10000" doc:"Of the premium, in hundredths of a per cent; for the bordereau." example:"1500"`
	MGAOverrideBps        int           `json:"mgaOverrideBps,omitempty" minimum:"0" maximum:"10000" doc:"The same, that your organization keeps." example:"750"`
}

func (in AgreementTerms) terms() delegated.Terms {
	t := delegated.Terms{
		MaxOccurrence: money.Cents(in.MaxOccurrenceLimit), MaxAggregate: money.Cents(in.MaxAggregateLimit), MaxPremium: money.Cents(in.MaxPremiumPerPolicy),
		States: listed(in.AuthorizedStates), ExcludedStates: listed(in.ExcludedStates), Classes: listed(in.AuthorizedNaicsCodes), ExcludedClass: listed(in.ExcludedNaicsCodes),
		AnnualPremium: money.Cents(in.AnnualGwpLimit), QuarterlyPremium: (*money.Cents)(in.QuarterlyGwpLimit), Accumulated: (*money.Cents)(in.MaxAccumulatedLimit),
		PerInsured: in.MaxPoliciesPerInsured, MaxRevenue: (*money.Cents)(in.MaxInsuredRevenue), MaxTIV: (*money.Cents)(in.MaxTIV),
		Months: append([]int{}, in.AllowedPolicyTerms...), MinYears: in.MinYearsInBusiness, Triggers: []delegated.Trigger{},
		ProducerCommission: in.ProducerCommissionBps, Override: in.MGAOverrideBps,
	}
	for _, g := range in.ReferralTriggers {
		t.Triggers = append(t.Triggers, delegated.Trigger{
			Type: delegated.TriggerType(g.Type), Threshold: (*money.Cents)(g.Threshold), Values: g.Values, Description: g.Description,
		})
	}
	return t
}

func termsOf(t delegated.Terms) AgreementTerms {
	b := AgreementTerms{
		MaxOccurrenceLimit: Money(t.MaxOccurrence), MaxAggregateLimit: Money(t.MaxAggregate), MaxPremiumPerPolicy: Money(t.MaxPremium),
		AuthorizedStates: listed(t.States), ExcludedStates: t.ExcludedStates, AuthorizedNaicsCodes: t.Classes, ExcludedNaicsCodes: t.ExcludedClass,
		AnnualGwpLimit: Money(t.AnnualPremium), QuarterlyGwpLimit: (*Money)(t.QuarterlyPremium), MaxAccumulatedLimit: (*Money)(t.Accumulated),
		MaxPoliciesPerInsured: t.PerInsured, MaxInsuredRevenue: (*Money)(t.MaxRevenue), MaxTIV: (*Money)(t.MaxTIV), AllowedPolicyTerms: t.Months,
		MinYearsInBusiness: t.MinYears, ProducerCommissionBps: t.ProducerCommission, MGAOverrideBps: t.Override,
	}
	for _, g := range t.Triggers {
		b.ReferralTriggers = append(b.ReferralTriggers, triggerBody{string(g.Type), (*Money)(g.Threshold), g.Values, g.Description})
	}
	return b
}

// listed is a list that is never null.
func listed(s []string) []string { return append([]string{}, s...) }

type agreementBody struct {
	versioned
	ID              string `json:"id"`
	OrgID           string `json:"orgId"`
	CarrierID       string `json:"carrierId"`
	ProgramID       string `json:"programId"`
	AgreementNumber string `json:"agreementNumber,omitempty"`
	EffectiveDate   Date   `json:"effectiveDate" doc:"It covers policies that take effect from this day on."`
	ExpirationDate  Date   `json:"expirationDate" doc:"The first day on which it covers none."`
	Status          string `json:"status" enum:"active,suspended,expired"`
	AgreementTerms
	ExternalID string            `json:"externalId,omitempty"`
	Metadata   map[string]string `json:"metadata"`
	CreatedBy  string            `json:"createdBy"`
	CreatedAt  time.Time         `json:"createdAt"`
	UpdatedAt  time.Time         `json:"updatedAt"`
}

func agreementOf(a delegated.Agreement, today civil.Date) agreementBody {
	return agreementBody{
		versioned: versioned{a.Version}, ID: a.ID.String(), OrgID: a.Org.String(), CarrierID: a.Carrier.String(), ProgramID: a.Program.String(),
		AgreementNumber: a.Number, EffectiveDate: Date{a.Effective}, ExpirationDate: Date{a.Expiration}, Status: string(a.StatusOn(today)),
		AgreementTerms: termsOf(a.Terms), ExternalID: a.ExternalID, Metadata: metadataOf(a.Metadata), CreatedBy: a.CreatedBy, CreatedAt: a.CreatedAt,
		UpdatedAt: a.UpdatedAt,
	}
}

type createAgreementInput struct {
	Body struct {
		CarrierID       carrier.ID      `json:"carrierId" minLength:"1"`
		ProgramID       quote.ProgramID `json:"programId" minLength:"1"`
		AgreementNumber string          `json:"agreementNumber,omitempty" maxLength:"100" doc:"The carrier's own."`
		EffectiveDate   Date            `json:"effectiveDate" doc:"It covers policies that take effect from this day on."`
		ExpirationDate  Date            `json:"expirationDate" doc:"The first day on which it covers none; ten years later at most."`
		AgreementTerms
		ExternalID string   `json:"externalId,omitempty" minLength:"1" maxLength:"255" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Metadata   Metadata `json:"metadata,omitempty"`
	}
}

func (in *createAgreementInput) agreement() delegated.Agreement {
	b := in.Body
	return delegated.Agreement{
		Carrier: b.CarrierID, Program: b.ProgramID, Number: b.AgreementNumber, Effective: b.EffectiveDate.Date, Expiration: b.ExpirationDate.Date,
		Status: delegated.Active, Terms: b.terms(), ExternalID: b.ExternalID, Metadata: b.Metadata,
	}
}

// Resolve implements huma.Resolver.
func (in *createAgreementInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.agreement().Check())
}

type patchAgreementInput struct {
	ByID
	IfMatch
	Body struct {
		AgreementNumber *string `json:"agreementNumber,omitempty" maxLength:"100"`
		ExpirationDate  *Date   `json:"expirationDate,omitempty"`
		Status          *string `json:"status,omitempty" enum:"active,suspended"`

		MaxOccurrenceLimit    *Money         `json:"maxOccurrenceLimit,omitempty" minimum:"0" maximum:"100000000000"`
		MaxAggregateLimit     *Money         `json:"maxAggregateLimit,omitempty" minimum:"0" maximum:"100000000000"`
		MaxPremiumPerPolicy   *Money         `json:"maxPremiumPerPolicy,omitempty" minimum:"0" maximum:"100000000000"`
		AuthorizedStates      *[]string      `json:"authorizedStates,omitempty" nullable:"false" maxItems:"52"`
		ExcludedStates        *[]string      `json:"excludedStates,omitempty" nullable:"false" maxItems:"51"`
		AuthorizedNaicsCodes  *[]string      `json:"authorizedNaicsCodes,omitempty" nullable:"false" maxItems:"5000"`
		ExcludedNaicsCodes    *[]string      `json:"excludedNaicsCodes,omitempty" nullable:"false" maxItems:"5000"`
		AnnualGwpLimit        *Money         `json:"annualGwpLimit,omitempty" minimum:"0" maximum:"100000000000"`
		QuarterlyGwpLimit     *Money         `json:"quarterlyGwpLimit,omitempty" minimum:"0" maximum:"100000000000"`
		MaxAccumulatedLimit   *Money         `json:"maxAccumulatedLimit,omitempty" minimum:"0" maximum:"100000000000"`
		MaxPoliciesPerInsured *int           `json:"maxPoliciesPerInsured,omitempty" minimum:"0" maximum:"100000"`
		MaxInsuredRevenue     *Money         `json:"maxInsuredRevenue,omitempty" minimum:"0" maximum:"100000000000"`
		MaxTIV                *Money         `json:"maxTiv,omitempty" minimum:"0" maximum:"100000000000"`
		AllowedPolicyTerms    *[]int         `json:"allowedPolicyTerms,omitempty" nullable:"false" maxItems:"120"`
		MinYearsInBusiness    *int           `json:"minYearsInBusiness,omitempty" minimum:"0" maximum:"100"`
		ReferralTriggers      *[]triggerBody `json:"referralTriggers,omitempty" nullable:"false" maxItems:"50"`
		ProducerCommissionBps *int           `json:"producerCommissionBps,omitempty" minimum:"0" maximum:"10000"`
		MGAOverrideBps        *int           `json:"mgaOverrideBps,omitempty" minimum:"0" maximum:"10000"`

		Remove   []string `json:"remove,omitempty" nullable:"false" maxItems:"5" enum:"quarterlyGwpLimit,maxAccumulatedLimit,maxInsuredRevenue,maxTiv,minYearsInBusiness" doc:"Bounds that there are to be no more."`
		Metadata Metadata `json:"metadata,omitempty"`
	}
}

func (in *patchAgreementInput) apply(a *delegated.Agreement) {
	b, t := in.Body, termsOf(a.Terms)
	for to, from := range map[*Money]*Money{
		&t.MaxOccurrenceLimit: b.MaxOccurrenceLimit, &t.MaxAggregateLimit: b.MaxAggregateLimit, &t.MaxPremiumPerPolicy: b.MaxPremiumPerPolicy,
		&t.AnnualGwpLimit: b.AnnualGwpLimit,
	} {
		set(to, from)
	}
	bounds := map[string]**Money{
		"quarterlyGwpLimit": &t.QuarterlyGwpLimit, "maxAccumulatedLimit": &t.MaxAccumulatedLimit, "maxInsuredRevenue": &t.MaxInsuredRevenue, "maxTiv": &t.MaxTIV,
	}
	for name, from := range map[string]*Money{
		"quarterlyGwpLimit": b.QuarterlyGwpLimit, "maxAccumulatedLimit": b.MaxAccumulatedLimit, "maxInsuredRevenue": b.MaxInsuredRevenue, "maxTiv": b.MaxTIV,
	} {
		if from != nil {
			*bounds[name] = from
		}
	}
	for to, from := range map[*[]string]*[]string{
		&t.AuthorizedStates: b.AuthorizedStates, &t.ExcludedStates: b.ExcludedStates, &t.AuthorizedNaicsCodes: b.AuthorizedNaicsCodes, &t.ExcludedNaicsCodes: b.ExcludedNaicsCodes,
	} {
		set(to, from)
	}
	set(&t.MaxPoliciesPerInsured, b.MaxPoliciesPerInsured)
	set(&t.AllowedPolicyTerms, b.AllowedPolicyTerms)
	set(&t.ReferralTriggers, b.ReferralTriggers)
	set(&t.ProducerCommissionBps, b.ProducerCommissionBps)
	set(&t.MGAOverrideBps, b.MGAOverrideBps)
	if b.MinYearsInBusiness != nil {
		t.MinYearsInBusiness = b.MinYearsInBusiness
	}
	for _, name := range b.Remove {
		if name == "minYearsInBusiness" {
			t.MinYearsInBusiness = nil
		} else if bound := bounds[name]; bound != nil {
			*bound = nil
		}
	}
	a.Terms = t.terms()
	set(&a.Number, b.AgreementNumber)
	set((*string)(&a.Status), b.Status)
	if b.ExpirationDate != nil {
		a.Expiration = b.ExpirationDate.Date
	}
	if b.Metadata != nil {
		a.Metadata = b.Metadata
	}
}

// Resolve implements huma.Resolver.
func (in *patchAgreementInput) Resolve(ctx huma.Context) []error {
	var a delegated.Agreement
	in.apply(&a)
	foreseenOfChange(ctx, a.Check())
	sent, _ := stateOf(ctx.Context()).sent()
	var bad fault.Complaints
	for _, name := range in.Body.Remove { // nothing is both given and removed
		_, given := sent[name]
		bad.When(given, name, "unexpected")
	}
	return found(ctx, bad.On(fault.ErrValidation))
}

type listAgreementsInput struct {
	Page
	CarrierID  carrier.ID      `query:"carrierId"`
	ProgramID  quote.ProgramID `query:"programId"`
	Status     string          `query:"status" enum:"active,suspended,expired"`
	ExternalID string          `query:"externalId" maxLength:"255"`
}

type lineBody struct {
	Aggregate   string `json:"aggregate" enum:"accumulated_limit,annual_written_premium,quarterly_written_premium"`
	PeriodStart Date   `json:"periodStart"`
	PeriodEnd   Date   `json:"periodEnd" doc:"The first day after."`
	Limit       *Money `json:"limit,omitempty" doc:"Absent: no bound."`
	Used        Money  `json:"used" doc:"By policies."`
	Reserved    Money  `json:"reserved" doc:"By accepted quotes that were not bound yet; 0 of days that are over."`
	Remaining   *Money `json:"remaining,omitempty" doc:"What neither is used nor reserved; negative after a limit was lowered below that."`
	Utilization *int   `json:"utilization,omitempty" doc:"Per cent of the limit that is used, rounded down."`
	Policies    int    `json:"policies"`
}

type utilizationBody struct {
	AgreementID string     `json:"agreementId"`
	CarrierID   string     `json:"carrierId"`
	ProgramID   string     `json:"programId"`
	Status      string     `json:"status" enum:"active,suspended,expired"`
	AsOf        Date       `json:"asOf"`
	Aggregates  []lineBody `json:"aggregates" nullable:"false" doc:"Of the whole agreement, of the year of asOf, and of its quarters."`
}

func utilizationOf(u insurance.Utilization) utilizationBody {
	b := utilizationBody{
		AgreementID: u.Agreement.ID.String(), CarrierID: u.Agreement.Carrier.String(), ProgramID: u.Agreement.Program.String(),
		Status: string(u.Agreement.StatusOn(u.AsOf)), AsOf: Date{u.AsOf}, Aggregates: make([]lineBody, len(u.Lines)),
	}
	for i, l := range u.Lines {
		b.Aggregates[i] = lineBody{
			string(l.Kind), Date{l.From}, Date{l.To}, (*Money)(l.Limit), Money(l.Used), Money(l.Reserved), (*Money)(l.Remaining), l.Percent, l.Policies,
		}
	}
	return b
}

func (a *API) registerAgreements(p Platform) {
	const read, write, path = "da-agreements:read", "da-agreements:write", "/v1/da-agreements"
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "create-da-agreement", Tag: daTag, Scope: write, Summary: "Add an agreement of delegated authority",
		Description: "For administrators and keys. A program that has an agreement binds nothing outside of one.",
	}, func(ctx context.Context, in *createAgreementInput) (*bodyOf[agreementBody], error) {
		made, err := p.Desk.AddAgreement(ctx, access.From(ctx), in.agreement())
		return asOfToday(ctx, p, made, err, agreementOf)
	})
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-da-agreements", Tag: daTag, Scope: read, Summary: "List agreements, newest first",
	}, func(ctx context.Context, in *listAgreementsInput) (*bodyOf[List[agreementBody]], error) {
		by := access.From(ctx)
		if err := p.onOrg(ctx, by, access.ReadDelegated); err != nil {
			return nil, err
		}
		today, err := p.today(ctx)
		if err != nil {
			return nil, err
		}
		as, err := p.DB.As(by).Agreements(ctx, store.AgreementFilter{
			Carrier: in.CarrierID, Program: in.ProgramID, Status: delegated.Status(in.Status), ExternalID: in.ExternalID, Today: today,
		}, in.page())
		body := func(a delegated.Agreement) agreementBody { return agreementOf(a, today) }
		return &bodyOf[List[agreementBody]]{listOf(as, in.Limit, body, func(a delegated.Agreement) Cursor { return Cursor{a.CreatedAt, a.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{id}", ID: "get-da-agreement", Tag: daTag, Scope: read, Summary: "Get an agreement",
	}, func(ctx context.Context, in *ByID) (*bodyOf[agreementBody], error) {
		by := access.From(ctx)
		var id delegated.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		if err := p.onOrg(ctx, by, access.ReadDelegated); err != nil {
			return nil, err
		}
		found, err := p.DB.As(by).Agreement(ctx, id)
		return asOfToday(ctx, p, found, err, agreementOf)
	})
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{id}", ID: "update-da-agreement", Tag: daTag, Scope: write, IfMatch: true, Summary: "Change, suspend or end an agreement",
		Description: "For administrators and keys; it counts for every bind from now on. Its carrier, program and first day never change.",
	}, func(ctx context.Context, in *patchAgreementInput) (*bodyOf[agreementBody], error) {
		var id delegated.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		changed, err := p.Desk.ChangeAgreement(ctx, access.From(ctx), id, in.Check, in.apply)
		return asOfToday(ctx, p, changed, err, agreementOf)
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/analytics/{orgId}/da-utilization", ID: "list-da-utilization", Tag: daTag, Scope: read,
		Summary: "How much of each agreement is used, newest agreement first", Description: "Of every agreement that was not over on the day.",
	}, p.listUtilization)
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{id}/utilization", ID: "get-da-utilization", Tag: daTag, Scope: read, Summary: "How much of an agreement is used",
	}, func(ctx context.Context, in *struct {
		ByID
		AsOf Date `query:"asOf" doc:"What was bound by the end of this day; today when absent."`
	},
	) (*bodyOf[utilizationBody], error) {
		var id delegated.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		u, err := p.Desk.Utilization(ctx, access.From(ctx), id, in.AsOf.Date)
		return &bodyOf[utilizationBody]{utilizationOf(u)}, err
	})
}

type listUtilizationInput struct {
	OrgID string `path:"orgId" maxLength:"64" doc:"Your organization."`
	Page
	AsOf Date `query:"asOf" doc:"What was bound by the end of this day; today when absent."`
}

func (p Platform) listUtilization(ctx context.Context, in *listUtilizationInput) (*bodyOf[List[utilizationBody]], error) {
	by := access.From(ctx)
	var org access.OrgID
	if err := pathID(&org, in.OrgID); err != nil {
		return nil, err
	}
	if org != by.Org {
		return nil, fault.ErrNotFound
	}
	us, err := p.Desk.Utilizations(ctx, by, in.AsOf.Date, in.page())
	cursor := func(u insurance.Utilization) Cursor { return Cursor{u.Agreement.CreatedAt, u.Agreement.ID} }
	return &bodyOf[List[utilizationBody]]{listOf(us, in.Limit, utilizationOf, cursor)}, err
}
