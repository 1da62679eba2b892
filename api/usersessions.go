package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// errSessionOver is what a browser hears that is not signed in any more.
var errSessionOver = fault.New(fault.Unauthenticated, "session_over", "You are not signed in here any more: sign in again.")

type userSessionBody struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current" doc:"Whether it is the one that asks."`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

type signedOutOutput struct {
	SetCookie string `header:"Set-Cookie"`
}

func (a *API) registerUserSessions(p Platform) {
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/session/token", ID: "create-session-token", Tag: "Authentication", Public: true, Page: true, Status: http.StatusOK,
		Errors: []int{401, 403}, Summary: "Get a token for a browser that is signed in",
		Description: "For our own pages, which are known by a cookie. The token is good for 15 minutes, and no longer than the browser is signed in.",
	}, func(ctx context.Context, _ *struct{}) (*bodyOf[tokenBody], error) {
		by, err := a.browserOf(ctx, p, stateOf(ctx).cookies)
		if err != nil {
			return nil, err
		}
		token, until, err := p.Door.Tokens.Mint(by)
		return &bodyOf[tokenBody]{tokenBody{Token: token, ExpiresAt: until}}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/session/sign-out", ID: "sign-out", Tag: "Authentication", Public: true, Page: true, Status: http.StatusNoContent,
		Errors: []int{403}, Summary: "Sign out in a browser",
		Description: "At once: its tokens are refused and its live connections cut. The sign-in server may still know him.",
	}, func(ctx context.Context, _ *struct{}) (*signedOutOutput, error) {
		gone := &signedOutOutput{SetCookie: a.browserCookie(ctx, sessionName, "", -time.Second).String()}
		by, err := a.browserOf(ctx, p, stateOf(ctx).cookies)
		if fault.KindOf(err) == fault.Unauthenticated {
			return gone, nil
		}
		if err == nil {
			err = p.DB.InTx(ctx, by, func(tx *store.Tx) error { return tx.EndUserSignIn(ctx, by, by.SignIn, p.now()) })
		}
		if errors.Is(err, fault.ErrNotFound) { // another request was faster
			err = nil
		}
		return gone, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/me/sessions", ID: "list-my-sessions", Tag: "Authentication", Summary: "List the browsers in which you are signed in",
	}, func(ctx context.Context, in *struct{ Page }) (*bodyOf[List[userSessionBody]], error) {
		by, user, err := signedInUser(ctx)
		if err != nil {
			return nil, err
		}
		body := func(s store.UserSignIn) userSessionBody {
			return userSessionBody{ID: s.ID.String(), Current: s.ID == by.SignIn, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt}
		}
		ss, err := p.DB.As(by).UserSignIns(ctx, user, p.now(), in.page())
		return &bodyOf[List[userSessionBody]]{listOf(ss, in.Limit, body, func(s store.UserSignIn) Cursor { return Cursor{s.CreatedAt, s.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/me/sessions/{id}", ID: "revoke-my-session", Tag: "Authentication", Summary: "Sign out in a browser of yours",
		Description: "At once: its tokens are refused and its live connections are cut.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		by, _, err := signedInUser(ctx)
		if err != nil {
			return nil, err
		}
		var id access.SignInID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		return nil, p.DB.InTx(ctx, by, func(tx *store.Tx) error { return tx.EndUserSignIn(ctx, by, id, p.now()) })
	})
}

// signedInUser is the user who asks.
func signedInUser(ctx context.Context) (by access.Actor, user access.UserID, err error) {
	if by = access.From(ctx); by.Kind != access.User {
		return by, user, errUserRequired
	}
	err = user.UnmarshalText([]byte(by.ID))
	return by, user, err
}
