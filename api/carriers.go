package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/store"
)

const daTag = "Delegated authority"

type reportingBody struct {
	PremiumFrequency string `json:"premiumFrequency,omitempty" enum:"monthly,quarterly" default:"monthly"`
	ClaimsFrequency  string `json:"claimsFrequency,omitempty" enum:"monthly,quarterly" default:"monthly"`
	ReportingLag     *int   `json:"reportingLag,omitempty" minimum:"0" maximum:"90" default:"15" doc:"Days after the period by which a bordereau is due."`
}

func (b *reportingBody) reporting() carrier.Reporting {
	r := carrier.Reporting{Premium: carrier.Monthly, Claims: carrier.Monthly, Lag: carrier.DefaultLag}
	if b == nil {
		return r
	}
	return b.over(r)
}

// over changes what is said.
func (b *reportingBody) over(r carrier.Reporting) carrier.Reporting {
	if b.PremiumFrequency != "" {
		r.Premium = b.PremiumFrequency
	}
	if b.ClaimsFrequency != "" {
		r.Claims = b.ClaimsFrequency
	}
	set(&r.Lag, b.ReportingLag)
	return r
}

type carrierBody struct {
	versioned
	ID              string            `json:"id"`
	OrgID           string            `json:"orgId"`
	Name            string            `json:"name"`
	NAICNumber      string            `json:"naicNumber,omitempty"`
	Email           string            `json:"email,omitempty"`
	Status          string            `json:"status" enum:"active,inactive" doc:"Nothing is bound in the name of one that is inactive."`
	BordereauConfig reportingBody     `json:"bordereauConfig"`
	ExternalID      string            `json:"externalId,omitempty"`
	Metadata        map[string]string `json:"metadata"`
	CreatedBy       string            `json:"createdBy"`
	CreatedAt       time.Time         `json:"createdAt"`
	UpdatedAt       time.Time         `json:"updatedAt"`
}

func carrierOf(c carrier.Carrier) carrierBody {
	return carrierBody{
		versioned: versioned{c.Version}, ID: c.ID.String(), OrgID: c.Org.String(), Name: c.Name, NAICNumber: c.NAIC, Email: c.Email, Status: c.Status,
		BordereauConfig: reportingBody{c.Reporting.Premium, c.Reporting.Claims, &c.Reporting.Lag}, ExternalID: c.ExternalID,
		Metadata: metadataOf(c.Metadata), CreatedBy: c.CreatedBy, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

type createCarrierInput struct {
	Body struct {
		Name            string         `json:"name" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		NAICNumber      string         `json:"naicNumber,omitempty" pattern:"^[0-9]{5}$" doc:"Its number at the regulators' association."`
		Email           string         `json:"email,omitempty" format:"email" maxLength:"320"`
		BordereauConfig *reportingBody `json:"bordereauConfig,omitempty" doc:"What it wants to be told, and when."`
		ExternalID      string         `json:"externalId,omitempty" minLength:"1" maxLength:"255" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Metadata        Metadata       `json:"metadata,omitempty"`
	}
}

type patchCarrierInput struct {
	ByID
	IfMatch
	Body struct {
		Name            *string         `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		NAICNumber      *string         `json:"naicNumber,omitempty" pattern:"^([0-9]{5})?$"`
		Email           *string         `json:"email,omitempty" maxLength:"320" doc:"An e-mail address; empty: none."`
		Status          *string         `json:"status,omitempty" enum:"active,inactive"`
		BordereauConfig *reportingPatch `json:"bordereauConfig,omitempty"`
		Metadata        Metadata        `json:"metadata,omitempty"`
	}
}

// reportingPatch is reportingBody without what is missing by default.
type reportingPatch struct {
	PremiumFrequency string `json:"premiumFrequency,omitempty" enum:"monthly,quarterly"`
	ClaimsFrequency  string `json:"claimsFrequency,omitempty" enum:"monthly,quarterly"`
	ReportingLag     *int   `json:"reportingLag,omitempty" minimum:"0" maximum:"90"`
}

// Resolve implements huma.Resolver.
func (in *patchCarrierInput) Resolve(ctx huma.Context) []error {
	c := carrier.Carrier{Reporting: (*reportingBody)(nil).reporting()} // of which a part may be sent
	in.apply(&c)
	return foreseenOfChange(ctx, c.Check())
}

func (in *patchCarrierInput) apply(c *carrier.Carrier) {
	b := in.Body
	set(&c.Name, b.Name)
	set(&c.NAIC, b.NAICNumber)
	set(&c.Email, b.Email)
	set(&c.Status, b.Status)
	if b.BordereauConfig != nil {
		c.Reporting = (*reportingBody)(b.BordereauConfig).over(c.Reporting)
	}
	if b.Metadata != nil {
		c.Metadata = b.Metadata
	}
}

type listCarriersInput struct {
	Page
	Status     string `query:"status" enum:"active,inactive"`
	ExternalID string `query:"externalId" maxLength:"255"`
}

func (a *API) registerCarriers(p Platform) {
	const read, write, path = "da-agreements:read", "da-agreements:write", "/v1/carriers"
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "create-carrier", Tag: daTag, Scope: write, Summary: "Add a carrier",
		Description: "For administrators and keys.",
	}, func(ctx context.Context, in *createCarrierInput) (*bodyOf[carrierBody], error) {
		b := in.Body
		made, err := p.Desk.AddCarrier(ctx, access.From(ctx), carrier.Carrier{
			Name: b.Name, NAIC: b.NAICNumber, Email: b.Email, Reporting: b.BordereauConfig.reporting(), ExternalID: b.ExternalID, Metadata: b.Metadata,
		})
		return &bodyOf[carrierBody]{carrierOf(made)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-carriers", Tag: daTag, Scope: read, Summary: "List carriers, newest first",
	}, func(ctx context.Context, in *listCarriersInput) (*bodyOf[List[carrierBody]], error) {
		by := access.From(ctx)
		if err := p.onOrg(ctx, by, access.ReadDelegated); err != nil {
			return nil, err
		}
		cs, err := p.DB.As(by).Carriers(ctx, store.CarrierFilter{Status: in.Status, ExternalID: in.ExternalID}, in.page())
		return &bodyOf[List[carrierBody]]{listOf(cs, in.Limit, carrierOf, func(c carrier.Carrier) Cursor { return Cursor{c.CreatedAt, c.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{id}", ID: "get-carrier", Tag: daTag, Scope: read, Summary: "Get a carrier",
	}, func(ctx context.Context, in *ByID) (*bodyOf[carrierBody], error) {
		by := access.From(ctx)
		var id carrier.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		if err := p.onOrg(ctx, by, access.ReadDelegated); err != nil {
			return nil, err
		}
		c, err := p.DB.As(by).Carrier(ctx, id)
		return &bodyOf[carrierBody]{carrierOf(c)}, err
	})
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{id}", ID: "update-carrier", Tag: daTag, Scope: write, IfMatch: true, Summary: "Change a carrier",
		Description: "For administrators and keys. One that is made inactive stops every bind in its name at once.",
	}, func(ctx context.Context, in *patchCarrierInput) (*bodyOf[carrierBody], error) {
		var id carrier.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		c, err := p.Desk.ChangeCarrier(ctx, access.From(ctx), id, in.Check, in.apply)
		return &bodyOf[carrierBody]{carrierOf(c)}, err
	})
}
