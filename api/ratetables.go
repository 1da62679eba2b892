package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/store"
)

// bookBody is a rate book as it travels. Its numbers are decimal strings, so
// that nothing on the way makes floats of them; what is wrong with them is found
// at once by the rules, not one by one by the schema.
type bookBody struct {
	BaseRates         map[string]baseRateBody `json:"baseRates" doc:"No factor of a book is above 100. By state, or __ for states without an entry."`
	TerritoryFactors  map[string]string       `json:"territoryFactors,omitempty" doc:"By state and first digits of the postal code (TX-770), by state, or __."`
	ClassModifiers    map[string]string       `json:"classModifiers,omitempty" doc:"By NAICS prefix; the longest that fits counts, none is 1."`
	ExcludedClasses   []string                `json:"excludedClasses,omitempty" nullable:"false" maxItems:"5000" doc:"NAICS prefixes that are declined."`
	LimitFactors      []bandBody              `json:"limitFactors" nullable:"false" maxItems:"5000" doc:"By limit per occurrence, ascending."`
	AggregateFactors  []bandBody              `json:"aggregateFactors,omitempty" nullable:"false" maxItems:"5000" doc:"By aggregate limit, ascending."`
	DeductibleCredits []creditBody            `json:"deductibleCredits,omitempty" nullable:"false" maxItems:"5000" doc:"The share of the premium that a deductible saves, ascending."`
	RevenueBands      []bandBody              `json:"revenueBands" nullable:"false" maxItems:"5000" doc:"Each factor is for the part of the revenue that lies in its band."`
	ClaimFactors      []countBandBody         `json:"claimFactors,omitempty" nullable:"false" maxItems:"5000" doc:"By claims of the last five years, ascending."`
	IncurredFactors   []bandBody              `json:"incurredFactors,omitempty" nullable:"false" maxItems:"5000" doc:"By what they cost, ascending."`
	ScheduleMax       int                     `json:"scheduleMax,omitempty" doc:"How many per cent judgement may move the premium, 25 at most and by default."`
}

type baseRateBody struct {
	PerUnit        string `json:"perUnit" maxLength:"20" doc:"Dollars, for $1,000 of revenue, $100 of payroll or value, an employee or a vehicle; $1,000, $100 and $100,000 at most." example:"1.425"`
	Basis          string `json:"basis,omitempty" enum:"revenue,payroll,value,employees,vehicles" doc:"revenue when absent"`
	MinimumPremium Money  `json:"minimumPremium" doc:"$1,000,000 at most."`
}

type bandBody struct {
	UpTo   *Money `json:"upTo,omitempty" doc:"Included. Absent in the last band: without end."`
	Factor string `json:"factor" maxLength:"20" example:"1.25"`
}

type countBandBody struct {
	UpTo   *int   `json:"upTo,omitempty" maximum:"1000000" doc:"Included. Absent in the last band: without end."`
	Factor string `json:"factor" maxLength:"20" example:"1.15"`
}

type creditBody struct {
	From   Money  `json:"from" doc:"The least deductible that saves so much."`
	Credit string `json:"credit" maxLength:"20" example:"0.07"`
}

func (b bookBody) book() rating.Book {
	out := rating.Book{
		BaseRates: map[string]rating.BaseRate{}, TerritoryFactors: b.TerritoryFactors, ClassModifiers: b.ClassModifiers, ExcludedClasses: b.ExcludedClasses,
		LimitFactors: bandsFrom(b.LimitFactors), AggregateFactors: bandsFrom(b.AggregateFactors), RevenueBands: bandsFrom(b.RevenueBands),
		IncurredFactors: bandsFrom(b.IncurredFactors), ScheduleMax: b.ScheduleMax,
	}
	for state, r := range b.BaseRates {
		out.BaseRates[state] = rating.BaseRate{PerUnit: r.PerUnit, Basis: cmp.Or(rating.Basis(r.Basis), rating.Revenue), MinimumPremium: money.Cents(r.MinimumPremium)}
	}
	for _, c := range b.DeductibleCredits {
		out.DeductibleCredits = append(out.DeductibleCredits, rating.Credit{From: money.Cents(c.From), Credit: c.Credit})
	}
	for i, c := range b.ClaimFactors {
		band := rating.CountBand{Factor: c.Factor}
		if c.UpTo != nil {
			band.UpTo = *c.UpTo
		} else if i == len(b.ClaimFactors)-1 {
			band.UpTo = rating.MostClaims
		}
		out.ClaimFactors = append(out.ClaimFactors, band)
	}
	return out
}

// bandsFrom reads bands; the last one needs no end.
func bandsFrom(bands []bandBody) []rating.Band {
	var out []rating.Band
	for i, b := range bands {
		band := rating.Band{Factor: b.Factor}
		if b.UpTo != nil {
			band.UpTo = money.Cents(*b.UpTo)
		} else if i == len(bands)-1 {
			band.UpTo = money.Max
		}
		out = append(out, band)
	}
	return out
}

func bandsOf(bands []rating.Band) []bandBody {
	out := make([]bandBody, len(bands))
	for i, b := range bands {
		out[i] = bandBody{new(Money(b.UpTo)), b.Factor}
	}
	return out
}

func bookOf(b rating.Book) bookBody {
	out := bookBody{
		BaseRates: map[string]baseRateBody{}, TerritoryFactors: b.TerritoryFactors, ClassModifiers: b.ClassModifiers, ExcludedClasses: b.ExcludedClasses,
		LimitFactors: bandsOf(b.LimitFactors), AggregateFactors: bandsOf(b.AggregateFactors), RevenueBands: bandsOf(b.RevenueBands),
		IncurredFactors: bandsOf(b.IncurredFactors), ScheduleMax: b.ScheduleMax,
	}
	for state, r := range b.BaseRates {
		out.BaseRates[state] = baseRateBody{r.PerUnit, string(r.Basis), Money(r.MinimumPremium)}
	}
	for _, c := range b.DeductibleCredits {
		out.DeductibleCredits = append(out.DeductibleCredits, creditBody{Money(c.From), c.Credit})
	}
	for _, c := range b.ClaimFactors {
		out.ClaimFactors = append(out.ClaimFactors, countBandBody{new(c.UpTo), c.Factor})
	}
	return out
}

type rateTableBody struct {
	ID            string     `json:"id"`
	OrgID         string     `json:"orgId"`
	ProgramID     string     `json:"programId"`
	Version       int        `json:"version"`
	Status        string     `json:"status" enum:"draft,published"`
	EffectiveDate Date       `json:"effectiveDate" doc:"It prices the effective days from this one on, until the next version's."`
	Book          *bookBody  `json:"book,omitempty" doc:"Absent in lists."`
	CreatedBy     string     `json:"createdBy"`
	CreatedAt     time.Time  `json:"createdAt"`
	PublishedBy   string     `json:"publishedBy,omitempty"`
	PublishedAt   *time.Time `json:"publishedAt,omitempty"`
}

func rateTableRow(t quote.RateTable) rateTableBody {
	b := rateTableBody{
		ID: t.ID.String(), OrgID: t.Org.String(), ProgramID: t.Program.String(), Version: t.Version, Status: "draft", EffectiveDate: Date{t.Effective},
		CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt, PublishedBy: t.PublishedBy, PublishedAt: t.PublishedAt,
	}
	if t.PublishedAt != nil {
		b.Status = "published"
	}
	return b
}

func rateTableOf(t quote.RateTable) rateTableBody {
	b := rateTableRow(t)
	b.Book = new(bookOf(t.Book))
	return b
}

type createRateTableInput struct {
	Body struct {
		ProgramID     quote.ProgramID `json:"programId" minLength:"1"`
		EffectiveDate Date            `json:"effectiveDate" doc:"It prices the effective days from this one on, until the next version's. From 10 years back to 5 years ahead."`
		Book          bookBody        `json:"book"`
	}
}

func (in *createRateTableInput) table() quote.RateTable {
	return quote.RateTable{Program: in.Body.ProgramID, Effective: in.Body.EffectiveDate.Date, Book: in.Body.Book.book()}
}

// Resolve implements huma.Resolver.
func (in *createRateTableInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.table().Check())
}

type listRateTablesInput struct {
	Page
	ProgramID quote.ProgramID `query:"programId"`
	Status    string          `query:"status" enum:"draft,published"`
}

func (a *API) registerRateTables(p Platform) {
	const tag = "Programs and rates"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/rate-tables", ID: "create-rate-table", Tag: tag, Scope: "rates:write", Summary: "Draft a version of a program's rates",
		Description: "For administrators and keys. It prices nothing before it is published, and never changes: to mend one, post the next.",
	}, func(ctx context.Context, in *createRateTableInput) (*bodyOf[rateTableBody], error) {
		t, err := p.Desk.DraftRates(ctx, access.From(ctx), in.table())
		return &bodyOf[rateTableBody]{rateTableOf(t)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/rate-tables", ID: "list-rate-tables", Tag: tag, Scope: "rates:read", Summary: "List versions of rates, newest first",
	}, func(ctx context.Context, in *listRateTablesInput) (*bodyOf[List[rateTableBody]], error) {
		by, err := p.ratesReader(ctx)
		if err != nil {
			return nil, err
		}
		ts, err := p.DB.As(by).RateTables(ctx, store.RateTableFilter{Program: in.ProgramID, Status: in.Status}, in.page())
		return &bodyOf[List[rateTableBody]]{listOf(ts, in.Limit, rateTableRow, func(t quote.RateTable) Cursor { return Cursor{t.CreatedAt, t.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/rate-tables/{id}", ID: "get-rate-table", Tag: tag, Scope: "rates:read", Summary: "Get a version of rates",
	}, func(ctx context.Context, in *ByID) (*bodyOf[rateTableBody], error) {
		by, err := p.ratesReader(ctx)
		if err != nil {
			return nil, err
		}
		var id quote.RateTableID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		t, err := p.DB.As(by).RateTableByID(ctx, id)
		return &bodyOf[rateTableBody]{rateTableOf(t)}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/rate-tables/{id}/publish", ID: "publish-rate-table", Tag: tag, Scope: "rates:write", Status: http.StatusOK,
		Summary:     "Publish a version of rates",
		Description: "For administrators and keys. One that leaves a risk of its program without a price is refused, with everything that is missing at once.",
	}, func(ctx context.Context, in *ByID) (*bodyOf[rateTableBody], error) {
		var id quote.RateTableID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		t, err := p.Desk.PublishRates(ctx, access.From(ctx), id)
		return &bodyOf[rateTableBody]{rateTableOf(t)}, err
	})
}
