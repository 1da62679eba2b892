package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// Faults of the door.
var (
	errNeedsOrg = fault.New(fault.Invalid, "validation_failed", "The system names its organization by ?orgId=.").Field("orgId", "required")
	errOrgID    = fault.New(fault.Invalid, "validation_failed", "orgId is not an organization's id.").Field("orgId", "id")
)

// A Door knows every credential. It looks each of them up on each request, so
// that a revoked key or a stopped user is refused at once on every node.
type Door struct {
	DB     *store.DB
	Tokens *access.Tokens
	Secret string // API_SECRET
	Demo   bool   // whether /auth/demo is open
	Now    func() time.Time

	Sessions Sessions // of another server, for /auth/better/exchange; nil: none is configured
}

// Authenticate implements Authenticator.
func (d *Door) Authenticate(ctx context.Context, c Credential) (access.Actor, error) {
	token := c.Bearer
	if token == "" {
		token = c.APIKey
	}
	switch {
	case strings.HasPrefix(token, "oik_"):
		return d.key(ctx, token)
	case c.Bearer != "" && d.isSecret(token):
		return d.system(ctx, c.OrgID)
	case c.Bearer != "":
		return d.token(ctx, token)
	}
	return access.Actor{}, access.ErrToken
}

func (d *Door) isSecret(s string) bool {
	a, b := sha256.Sum256([]byte(s)), sha256.Sum256([]byte(d.Secret))
	return d.Secret != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (d *Door) key(ctx context.Context, secret string) (access.Actor, error) {
	k, err := d.DB.UseKey(ctx, secret, d.Now())
	if errors.Is(err, fault.ErrNotFound) {
		return access.Actor{}, d.deadKey(ctx, secret)
	}
	a := access.Actor{Kind: access.Machine, ID: k.ID.String(), Org: k.Org, Scopes: k.Scopes, Tier: k.Tier}
	if k.ExpiresAt != nil {
		a.Until = *k.ExpiresAt
	}
	return a, err
}

// system acts for the organisation it names. Naming none is allowed where none
// is needed; the operations that need one say so by needOrg.
func (d *Door) system(ctx context.Context, orgID string) (access.Actor, error) {
	a := access.Actor{Kind: access.System, ID: "system", Role: "system"}
	if orgID == "" {
		return a, nil
	}
	var err error
	if a.Org, err = parseOrg(orgID); err != nil {
		return access.Actor{}, err
	}
	if _, err := d.DB.As(a).Org(ctx, a.Org); err != nil {
		return access.Actor{}, err
	}
	return a, nil
}

func parseOrg(s string) (access.OrgID, error) {
	o, err := access.ParseOrgID(s)
	if err != nil {
		return access.OrgID{}, errOrgID
	}
	return o, nil
}

func (d *Door) token(ctx context.Context, token string) (access.Actor, error) {
	a, err := d.Tokens.Verify(token)
	if err != nil {
		if was, ok := d.Tokens.Expired(token); ok {
			err = suspected(was, "expired", err)
		}
		return access.Actor{}, err
	}
	by, err := d.person(ctx, a)
	return by, suspected(a, "stopped", err)
}

// person looks up the user or policyholder that a token names.
func (d *Door) person(ctx context.Context, a access.Actor) (access.Actor, error) {
	if a.Kind == access.Guest {
		return d.guest(ctx, a)
	}
	if a.Kind == access.Insured {
		var person access.PersonID
		if person.UnmarshalText([]byte(a.ID)) != nil {
			return access.Actor{}, access.ErrToken
		}
		if !a.SignIn.IsZero() {
			h, err := d.DB.SignedIn(ctx, a.SignIn, person, d.Now())
			return sameOrg(a, h.Org, err)
		}
		h, err := d.DB.Holder(ctx, person)
		return sameOrg(a, h.Org, err)
	}
	var user access.UserID
	if user.UnmarshalText([]byte(a.ID)) != nil {
		return access.Actor{}, access.ErrToken
	}
	if !a.SignIn.IsZero() {
		u, err := d.DB.SignedInUser(ctx, a.SignIn, user, d.Now())
		a.Role = u.Role
		return sameOrg(a, u.Org, err)
	}
	u, err := d.DB.Principal(ctx, user)
	a.Role = u.Role
	return sameOrg(a, u.Org, err)
}

// Still looks an actor up anew, who was authenticated a while ago: it answers
// access.ErrToken when his credential proves nothing any more.
func (d *Door) Still(ctx context.Context, a access.Actor) (access.Actor, error) {
	if !a.Until.IsZero() && d.Now().After(a.Until) {
		return access.Actor{}, access.ErrToken
	}
	switch a.Kind {
	case access.User, access.Insured, access.Guest:
		return d.person(ctx, a)
	case access.Machine:
		var id access.KeyID
		if id.UnmarshalText([]byte(a.ID)) != nil {
			return access.Actor{}, access.ErrToken
		}
		k, err := d.DB.As(a).Key(ctx, id)
		if errors.Is(err, fault.ErrNotFound) || err == nil && k.ExpiresAt != nil && d.Now().After(*k.ExpiresAt) {
			return access.Actor{}, access.ErrToken
		}
		return a, err
	case access.System:
		return a, nil
	}
	return access.Actor{}, access.ErrToken
}

func sameOrg(a access.Actor, org access.OrgID, err error) (access.Actor, error) {
	if errors.Is(err, fault.ErrNotFound) || err == nil && a.Org != org {
		return access.Actor{}, access.ErrToken
	}
	return a, err
}

type demoInput struct {
	Body struct {
		Secret string `json:"secret" maxLength:"1000" doc:"The API_SECRET."`
		As     string `json:"as,omitempty" enum:"admin,underwriter,broker,insured" default:"underwriter" doc:"Which persona of the demo data to act as."`
	}
}

type tokenBody struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expiresAt"`
}

type meBody struct {
	Type   access.Kind `json:"type" enum:"user,machine,system,insured"`
	ID     string      `json:"id"`
	OrgID  string      `json:"orgId,omitempty"`
	Role   string      `json:"role,omitempty"`
	Name   string      `json:"name,omitempty"`
	Email  string      `json:"email,omitempty"`
	Scopes []string    `json:"scopes,omitempty" doc:"Of a key."`
}

func (a *API) registerAuth(p Platform) {
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/demo", ID: "demo-token", Tag: "Authentication", Public: true, Status: http.StatusOK,
		Summary:     "Exchange the API_SECRET for a short-lived token",
		Description: "Acts as a persona of the demo data. Closed in production.",
	}, func(ctx context.Context, in *demoInput) (*bodyOf[tokenBody], error) {
		return p.Door.demo(ctx, in.Body.Secret, in.Body.As)
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/me", ID: "me", Tag: "Authentication", NoOrg: true, Summary: "Who the credential acts as",
	}, p.me)
	a.Handle(http.MethodGet, "/.well-known/jwks.json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys, err := p.Door.Tokens.JWKS()
		if err != nil {
			a.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(keys) // the client is gone
	}))
}

func (d *Door) demo(ctx context.Context, secret, as string) (*bodyOf[tokenBody], error) {
	if !d.Demo {
		return nil, fault.ErrNotFound.Saying("Demo sign-in is closed here.")
	}
	if !d.isSecret(secret) {
		return nil, access.ErrToken
	}
	who := access.Actor{Kind: access.User, Role: as}
	if as == "insured" {
		h, err := d.DB.DemoPerson(ctx)
		if err != nil {
			return nil, err
		}
		who.Kind, who.Role, who.ID, who.Org = access.Insured, "", h.ID.String(), h.Org
	} else {
		u, err := d.DB.Persona(ctx, as)
		if err != nil {
			return nil, err
		}
		who.ID, who.Org = u.ID.String(), u.Org
	}
	token, until, err := d.Tokens.Mint(who)
	if err != nil {
		return nil, err
	}
	if err := d.signedIn(ctx, who, "demo"); err != nil {
		return nil, err
	}
	return &bodyOf[tokenBody]{tokenBody{Token: token, ExpiresAt: until}}, nil
}

func (p Platform) me(ctx context.Context, _ *struct{}) (*bodyOf[meBody], error) {
	by := access.From(ctx)
	b := meBody{Type: by.Kind, ID: by.ID, OrgID: by.Org.String(), Role: by.Role, Scopes: by.Scopes}
	switch by.Kind {
	case access.User:
		var user access.UserID
		if err := user.UnmarshalText([]byte(by.ID)); err != nil {
			return nil, err
		}
		u, err := p.DB.As(by).User(ctx, user)
		if err != nil {
			return nil, err
		}
		b.Name, b.Email = u.Name, u.Email
	case access.Machine:
		var key access.KeyID
		if err := key.UnmarshalText([]byte(by.ID)); err != nil {
			return nil, err
		}
		k, err := p.DB.As(by).Key(ctx, key)
		if err != nil {
			return nil, err
		}
		b.Name = k.Name
	}
	return &bodyOf[meBody]{b}, nil
}
