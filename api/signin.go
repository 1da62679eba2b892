package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

type askCodeInput struct {
	Body struct {
		PolicyNumber string `json:"policyNumber" minLength:"1" maxLength:"64" example:"GL-2026-000142"`
		Email        string `json:"email,omitempty" format:"email" maxLength:"320" doc:"The policyholder's, as his insurer knows it. This or phone."`
		Phone        string `json:"phone,omitempty" minLength:"5" maxLength:"30" pattern:"^[+]?[0-9 ()./-]+$" doc:"In place of email. No text messages are sent as yet."`
	}
}

type askedBody struct {
	Status    string `json:"status" enum:"sent" doc:"Also when there is no such policy, or the contact is not its policyholder's."`
	ExpiresIn int    `json:"expiresIn" doc:"Seconds that a code is good for."`
}

type codeInput struct {
	Body struct {
		PolicyNumber string `json:"policyNumber" minLength:"1" maxLength:"64" example:"GL-2026-000142"`
		Code         string `json:"code" pattern:"^[0-9]{6}$" example:"042617"`
		Email        string `json:"email,omitempty" format:"email" maxLength:"320" doc:"Where the code went. Companies may have policies of one number: with it only his own code is tried."`
		Device       string `json:"device,omitempty" maxLength:"100" doc:"What the policyholder calls this device, for his list of sessions." example:"Pat's phone"`
	}
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refreshToken" minLength:"1" maxLength:"1000"`
	}
}

// signedInBody is what a device gets that has signed in or refreshed.
type signedInBody struct {
	Token            string    `json:"token"`
	ExpiresAt        time.Time `json:"expiresAt"`
	RefreshToken     string    `json:"refreshToken" doc:"Good once, for the next token. Shown only here."`
	RefreshExpiresAt time.Time `json:"refreshExpiresAt"`
	SessionID        string    `json:"sessionId"`
}

func (a *API) registerSignIn(p Platform) {
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/policyholder-otp-request", ID: "request-policyholder-code", Tag: "Authentication", Public: true,
		Status: http.StatusAccepted, Errors: []int{http.StatusTooManyRequests}, Summary: "Have a code mailed to a policyholder",
		Description: "The answer is the same, and takes as long, whether there is such a policy or not. " +
			"The code has six digits and is good once, for ten minutes and five tries.",
	}, func(ctx context.Context, in *askCodeInput) (*bodyOf[askedBody], error) {
		b := in.Body
		switch {
		case b.Email == "" && b.Phone == "":
			return nil, fault.ErrValidation.Field("email", "required")
		case b.Email != "" && b.Phone != "":
			return nil, fault.ErrValidation.Field("phone", "unexpected")
		}
		err := p.DB.Ask(ctx, store.Ask{Policy: b.PolicyNumber, Email: b.Email, Phone: b.Phone, From: from(ctx), At: p.now()})
		return &bodyOf[askedBody]{askedBody{Status: "sent", ExpiresIn: int(access.CodeAge.Seconds())}}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/policyholder-token", ID: "create-policyholder-token", Tag: "Authentication", Public: true, Status: http.StatusOK,
		Summary:     "Sign a policyholder's device in by the code that he was mailed",
		Description: "A person signs in once per device: from then on the refresh token gets the next token.",
	}, func(ctx context.Context, in *codeInput) (*bodyOf[signedInBody], error) {
		b := in.Body
		s, token, err := p.DB.SignInByCode(ctx, store.Try{Policy: b.PolicyNumber, Code: b.Code, Email: b.Email, Device: b.Device, From: from(ctx), At: p.now()})
		return p.signedIn(s, token, err)
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/policyholder-token/refresh", ID: "refresh-policyholder-token", Tag: "Authentication", Public: true,
		Status: http.StatusOK, Summary: "Get the next token of a policyholder's device",
		Description: "Each refresh token is good once, and for 180 days. One that comes a second time ends the session: sign in by a code again. " +
			"So let one request at a time refresh, and keep the new token before using it.",
	}, func(ctx context.Context, in *refreshInput) (*bodyOf[signedInBody], error) {
		token, err := access.ParseRefreshToken(in.Body.RefreshToken)
		if err != nil {
			return nil, err
		}
		s, next, err := p.DB.Refresh(ctx, token, from(ctx), p.now())
		return p.signedIn(s, next, err)
	})
}

// from is the address that asks, as limits count it.
func from(ctx context.Context) string { return addressOwner(stateOf(ctx).address) }

// now is the time as the database keeps it.
func (p Platform) now() time.Time { return p.Now().UTC().Truncate(time.Microsecond) }

func (p Platform) signedIn(s store.SignIn, refresh access.RefreshToken, err error) (*bodyOf[signedInBody], error) {
	if err != nil {
		return nil, err
	}
	token, until, err := p.Door.Tokens.Mint(access.Actor{Kind: access.Insured, ID: s.Person.String(), Org: s.Org, SignIn: s.ID})
	return &bodyOf[signedInBody]{signedInBody{
		Token: token, ExpiresAt: until, RefreshToken: refresh.Secret(), RefreshExpiresAt: s.ExpiresAt, SessionID: s.ID.String(),
	}}, err
}
