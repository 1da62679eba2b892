package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// flagBody is a flag as an organisation sees it.
type flagBody struct {
	Key         string     `json:"key"`
	Type        string     `json:"type" enum:"boolean,number,string,json" doc:"What values it takes; json is an object or a list."`
	Description string     `json:"description"`
	Value       any        `json:"value" doc:"What counts."`
	Source      string     `json:"source" enum:"built_in,global,override" doc:"Where value is from: the program, what all organizations have, or what yours has in its place."`
	Default     any        `json:"default" doc:"The value without an override."`
	UpdatedAt   *time.Time `json:"updatedAt" nullable:"true" doc:"When value was set; null: it is built in."`
	UpdatedBy   string     `json:"updatedBy,omitempty"`
}

func flagOf(f store.Flag) flagBody {
	return flagBody{
		Key: f.Key, Type: string(f.Kind), Description: f.Description, Value: f.Current, Source: string(f.Source), Default: f.Value,
		UpdatedAt: f.UpdatedAt, UpdatedBy: f.UpdatedBy,
	}
}

// FlagScope says for whom a flag is read or set; exported so that the document
// sees through its embedding.
type FlagScope struct {
	Scope string `query:"scope" enum:"organization,global" default:"organization" doc:"global is for the system: the value of all organizations."`
}

// global is whether by asks for all organisations, which he has to be the system
// for.
func (s FlagScope) global(by access.Actor) (bool, error) {
	if s.Scope == "global" {
		if by.Kind != access.System {
			return false, fault.ErrForbidden
		}
		return true, nil
	}
	if by.Org.IsZero() {
		return false, fault.ErrValidation.Field("orgId", "required")
	}
	return false, nil
}

// FlagPath names a flag; exported for the same.
type FlagPath struct {
	FlagScope
	Key string `path:"key" maxLength:"64" doc:"The flag's name." example:"rooms.guest_invitations"`
}

type putFlagInput struct {
	FlagPath
	Body struct {
		Value       any     `json:"value" doc:"A boolean, number, string (1,000 characters), object or list (8 KiB), of the flag's type." example:"false"`
		Description *string `json:"description,omitempty" maxLength:"500" doc:"Only with scope=global, of a flag that is not built in."`
	}
}

func (a *API) registerFlags(p Platform) {
	const tag = "Flags"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/flags", ID: "list-flags", Tag: tag, Scope: "flags:read", NoOrg: true,
		Summary:     "List feature flags and what your organization overrides",
		Description: "All of them, by key. A change counts on every node within a second.",
	}, func(ctx context.Context, in *FlagScope) (*bodyOf[List[flagBody]], error) {
		by := access.From(ctx)
		global, err := in.global(by)
		if err != nil {
			return nil, err
		}
		if global {
			by.Org = access.OrgID{}
		} else if err := member(ctx, p, by); err != nil {
			return nil, err
		}
		fs, err := p.DB.As(by).Flags(ctx)
		l := List[flagBody]{Data: make([]flagBody, len(fs))}
		for i, f := range fs {
			l.Data[i] = flagOf(f)
		}
		return &bodyOf[List[flagBody]]{l}, err
	})
	register(a, operation{
		Method: http.MethodPut, Path: "/v1/flags/{key}", ID: "set-flag", Tag: tag, NoOrg: true, Summary: "Set a feature flag",
		Description: "For administrators, of a flag that exists. With scope=global, for the system, a flag that does not exist is added, of the value's type.",
	}, p.setFlag)
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/flags/{key}", ID: "unset-flag", Tag: tag, NoOrg: true, Summary: "Drop what your organization overrides",
		Description: "For administrators: the value is the one of all organizations again. With scope=global, for the system, a flag that is built in " +
			"gets its own value back, and one that was added is deleted with every override.",
	}, p.unsetFlag)
}

func (p Platform) setFlag(ctx context.Context, in *putFlagInput) (*bodyOf[flagBody], error) {
	by := access.From(ctx)
	global, err := in.global(by)
	if err != nil {
		return nil, err
	}
	if global {
		by.Org = access.OrgID{}
		if err := p.DB.SetFlagForAll(ctx, by, in.Key, in.Body.Value, in.Body.Description); err != nil {
			return nil, err
		}
	} else {
		if err := administer(ctx, p, by); err != nil {
			return nil, err
		}
		if in.Body.Description != nil {
			return nil, fault.ErrValidation.Field("description", "unexpected")
		}
		err := p.DB.InTx(ctx, by, func(tx *store.Tx) error { return tx.SetFlag(ctx, by, in.Key, in.Body.Value, p.now()) })
		if err != nil {
			return nil, err
		}
	}
	f, err := p.DB.As(by).Flag(ctx, in.Key)
	return &bodyOf[flagBody]{flagOf(f)}, err
}

func (p Platform) unsetFlag(ctx context.Context, in *FlagPath) (*struct{}, error) {
	by := access.From(ctx)
	global, err := in.global(by)
	if err != nil {
		return nil, err
	}
	if global {
		return nil, p.DB.UnsetFlagForAll(ctx, by, in.Key)
	}
	if err := administer(ctx, p, by); err != nil {
		return nil, err
	}
	return nil, p.DB.InTx(ctx, by, func(tx *store.Tx) error { return tx.UnsetFlag(ctx, by, in.Key) })
}
