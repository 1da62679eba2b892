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

type userBody struct {
	versioned
	ID        string    `json:"id"`
	OrgID     string    `json:"orgId"`
	Email     string    `json:"email" format:"email"`
	Name      string    `json:"name"`
	Role      string    `json:"role" enum:"admin,underwriter,broker,auditor,finance,adjuster,compliance"`
	Status    string    `json:"status" enum:"active,stopped"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

func userOf(u store.User) userBody {
	return userBody{
		versioned: versioned{u.Version}, ID: u.ID.String(), OrgID: u.Org.String(), Email: u.Email, Name: u.Name, Role: u.Role, Status: u.Status,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

type createUserInput struct {
	Body struct {
		Email string `json:"email" format:"email" maxLength:"320"`
		Name  string `json:"name" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Role  string `json:"role" enum:"admin,underwriter,broker,auditor,finance,adjuster,compliance"`
	}
}

type patchUserInput struct {
	ByID
	IfMatch
	Body struct {
		Name   *string `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Role   *string `json:"role,omitempty" enum:"admin,underwriter,broker,auditor,finance,adjuster,compliance"`
		Status *string `json:"status,omitempty" enum:"active,stopped"`
	}
}

// errOwnAccess keeps an administrator from locking himself, and perhaps
// everybody, out.
var errOwnAccess = fault.New(fault.Refused, "own_access", "You cannot change your own role or stop yourself.")

func (a *API) registerUsers(p Platform) {
	const tag = "Users"
	register(a, operation{Method: http.MethodPost, Path: "/v1/users", ID: "create-user", Tag: tag, Summary: "Add a user to the organization"}, p.createUser)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/users", ID: "list-users", Tag: tag, Summary: "List the organization's users",
	}, func(ctx context.Context, in *struct{ Page }) (*bodyOf[List[userBody]], error) {
		by := access.From(ctx)
		see, err := p.over(ctx, by, access.Read)
		if err != nil {
			return nil, err
		}
		us, err := p.DB.As(by).Users(ctx, see, in.page())
		return &bodyOf[List[userBody]]{listOf(us, in.Limit, userOf, func(u store.User) Cursor { return Cursor{u.CreatedAt, u.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodPatch, Path: "/v1/users/{id}", ID: "update-user", Tag: tag, Summary: "Change a user's name, role or status", IfMatch: true,
	}, p.patchUser)
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/users/{id}", ID: "stop-user", Tag: tag,
		Summary: "Stop a user at once", Description: "His tokens are refused from now on; what he did stays. A PATCH to status active lets him in again.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		stopped := "stopped"
		patch := patchUserInput{ByID: *in}
		patch.Body.Status = &stopped
		_, err := p.patchUser(ctx, &patch)
		return nil, err
	})
}

func (p Platform) createUser(ctx context.Context, in *createUserInput) (*bodyOf[userBody], error) {
	by := access.From(ctx)
	if err := administer(ctx, p, by); err != nil {
		return nil, err
	}
	now := p.Now().UTC().Truncate(time.Microsecond)
	u := store.User{
		ID: access.NewUserID(now), Org: by.Org, Email: in.Body.Email, Name: in.Body.Name, Role: in.Body.Role,
		Status: "active", CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	err := p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		tx.Audit(by, audit.Fact{Action: audit.UserCreated, Object: u.ID.String(), Details: audit.Details{"role": u.Role}})
		return tx.AddUser(ctx, u)
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[userBody]{userOf(u)}, nil
}

func (p Platform) patchUser(ctx context.Context, in *patchUserInput) (*bodyOf[userBody], error) {
	by := access.From(ctx)
	if err := administer(ctx, p, by); err != nil {
		return nil, err
	}
	var target access.UserID
	if target.UnmarshalText([]byte(in.ID)) != nil || target.IsZero() {
		return nil, fault.ErrNotFound
	}
	var u store.User
	err := p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		var err error
		if u, err = tx.User(ctx, target); err != nil {
			return err
		}
		if err := in.Check(u.Version); err != nil {
			return err
		}
		if in.ID == by.ID && (in.Body.Role != nil || in.Body.Status != nil) {
			return errOwnAccess
		}
		was := u.Role
		set(&u.Name, in.Body.Name)
		set(&u.Role, in.Body.Role)
		set(&u.Status, in.Body.Status)
		u.UpdatedAt = p.Now().UTC().Truncate(time.Microsecond)
		tx.Audit(by, in.fact(target, was, u))
		if err := tx.SaveUser(ctx, u); err != nil {
			return err
		}
		u.Version++
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[userBody]{userOf(u)}, nil
}

// fact is what the audit log keeps of a change to a user: his role before and
// now, his status, and whether he was renamed, but not how.
func (in *patchUserInput) fact(target access.UserID, was string, u store.User) audit.Fact {
	f := audit.Fact{Action: audit.UserChanged, Object: target.String(), Details: audit.Details{
		"role": u.Role, "roleBefore": was, "status": u.Status, "renamed": in.Body.Name != nil,
	}}
	if in.Body.Status != nil && u.Status != "active" {
		f.Action = audit.UserStopped
	}
	return f
}

// set overwrites a field that a patch names.
func set[T any](field, with *T) {
	if with != nil {
		*field = *with
	}
}
