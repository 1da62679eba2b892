package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

type orgBody struct {
	versioned
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Kind      string    `json:"kind" enum:"mga,carrier,brokerage"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

func orgOf(o store.Org) orgBody {
	return orgBody{versioned: versioned{o.Version}, ID: o.ID.String(), Name: o.Name, Kind: o.Kind, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt}
}

type createOrgInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Kind string `json:"kind" enum:"mga,carrier,brokerage"`
	}
}

type patchOrgInput struct {
	ByID
	IfMatch
	Body struct {
		Name *string `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
	}
}

func (a *API) registerOrganizations(p Platform) {
	const tag = "Organizations"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/organizations", ID: "create-organization", Tag: tag, NoIdempotency: true, NoOrg: true,
		Summary: "Create an organization", Description: "For the system. An MGA or carrier starts with the general liability program.",
	}, p.createOrg)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/organizations", ID: "list-organizations", Tag: tag, NoOrg: true,
		Summary: "List organizations: all of them for the system, otherwise the caller's own",
	}, func(ctx context.Context, in *struct{ Page }) (*bodyOf[List[orgBody]], error) {
		by := access.From(ctx)
		var os []store.Org
		var err error
		if by.Kind == access.System && by.Org.IsZero() {
			os, err = p.DB.Orgs(ctx, in.page())
		} else if err = member(ctx, p, by); err == nil {
			var own store.Org
			own, err = p.DB.As(by).Org(ctx, by.Org)
			os = []store.Org{own}
		}
		return &bodyOf[List[orgBody]]{listOf(os, in.Limit, orgOf, func(o store.Org) Cursor { return Cursor{o.CreatedAt, o.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/organizations/{id}", ID: "update-organization", Tag: tag, Summary: "Rename an organization", IfMatch: true,
	}, p.patchOrg)
}

func (p Platform) createOrg(ctx context.Context, in *createOrgInput) (*bodyOf[orgBody], error) {
	by := access.From(ctx)
	if by.Kind != access.System {
		return nil, fault.ErrForbidden
	}
	now := p.Now().UTC().Truncate(time.Microsecond)
	by.Org = access.NewOrgID(now)
	o := store.Org{ID: by.Org, Name: in.Body.Name, Kind: in.Body.Kind, CreatedAt: now, UpdatedAt: now, Version: 1}
	err := p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		tx.Audit(by, audit.Fact{Action: audit.OrgCreated, Object: o.ID.String(), Details: audit.Details{"kind": o.Kind}})
		if err := tx.AddOrg(ctx, o); err != nil || o.Kind == "brokerage" {
			return err
		}
		return p.Desk.OpenProgram(ctx, tx, o.ID)
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[orgBody]{orgOf(o)}, nil
}

func (p Platform) patchOrg(ctx context.Context, in *patchOrgInput) (*bodyOf[orgBody], error) {
	by := access.From(ctx)
	target, err := parseOrg(in.ID)
	if err != nil || target != by.Org {
		return nil, fault.ErrNotFound
	}
	if err := administer(ctx, p, by); err != nil {
		return nil, err
	}
	var o store.Org
	err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		if o, err = tx.Org(ctx, by.Org); err != nil {
			return err
		}
		if err := in.Check(o.Version); err != nil || in.Body.Name == nil {
			return err
		}
		o.Name, o.UpdatedAt = *in.Body.Name, p.Now().UTC().Truncate(time.Microsecond)
		tx.Audit(by, audit.Fact{Action: audit.OrgChanged, Object: o.ID.String(), Details: audit.Details{"renamed": true}})
		if err := tx.SaveOrg(ctx, o); err != nil {
			return err
		}
		o.Version++
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[orgBody]{orgOf(o)}, nil
}
