package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/betterauth"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// errNoAuthServer names the setting that is missing.
var errNoAuthServer = fault.New(fault.Unavailable, "auth_not_configured", "No sign-in server is configured: set AUTH_SESSION_URL.").With("setting", "AUTH_SESSION_URL")

// Sessions knows whose session on another server a token is.
type Sessions interface {
	Session(ctx context.Context, token string) (betterauth.Session, error)
}

type exchangeInput struct {
	Authorization string `header:"Authorization" maxLength:"5000" doc:"Bearer and the session's token, as the sign-in server gave it."`
}

func (a *API) registerExchange(p Platform) {
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/better/exchange", ID: "exchange-session", Tag: "Authentication", Public: true, Status: http.StatusOK,
		Errors:  []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable},
		Summary: "Exchange a session of the sign-in server for a token",
		Description: "The server behind AUTH_SESSION_URL, which runs better-auth, is asked whose session it is. The first time its user is the one here " +
			"who has his verified e-mail address, and stays he from then on.",
	}, func(ctx context.Context, in *exchangeInput) (*bodyOf[tokenBody], error) {
		return p.Door.exchange(ctx, in.Authorization)
	})
}

func (d *Door) exchange(ctx context.Context, authorization string) (*bodyOf[tokenBody], error) {
	if d.Sessions == nil {
		return nil, errNoAuthServer
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, errUnauthenticated
	}
	// Our own secrets are not another server's to see, whoever mistook them.
	if strings.HasPrefix(token, "oik_") || strings.HasPrefix(token, "oir_") || d.isSecret(token) {
		return nil, betterauth.ErrNoSession
	}
	s, err := d.Sessions.Session(ctx, token)
	if err != nil {
		return nil, err
	}
	u, err := d.DB.Identify(ctx, store.Identity{Provider: s.Provider, Subject: s.Subject, Email: s.Email, Verified: s.Verified, Organization: s.Organization}, d.Now())
	if err != nil {
		return nil, err
	}
	minted, until, err := d.Tokens.Mint(access.Actor{Kind: access.User, ID: u.ID.String(), Org: u.Org, Role: u.Role})
	return &bodyOf[tokenBody]{tokenBody{Token: minted, ExpiresAt: until}}, err
}
