package api

import (
	"context"
	"embed"
	"errors"
	"net/http"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

//go:embed login/*
var loginFiles embed.FS

// loginPolicy lets the page run its own script and talk to this server alone.
const loginPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type loginInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"200" doc:"What follows # in the link."`
	}
}

// registerLogin adds the page that a login link opens, and the operation behind
// its button. Opening the page changes nothing, since scanners open links; the
// code stands behind the # and so never reaches a server's log.
func (a *API) registerLogin(p Platform) {
	page := func(path, file, contentType string) {
		a.serve(path, contentType, func(w http.ResponseWriter, _ *http.Request) ([]byte, error) {
			w.Header().Set("Content-Security-Policy", loginPolicy)
			return loginFiles.ReadFile("login/" + file)
		})
	}
	page("/login", "index.html", "text/html; charset=utf-8")
	page("/login/login.js", "login.js", "text/javascript; charset=utf-8")
	page("/login/login.css", "login.css", "text/css; charset=utf-8")
	register(a, operation{
		Method: http.MethodPost, Path: "/auth/login", ID: "use-login-link", Tag: "Authentication", Public: true, Status: http.StatusOK,
		Summary: "Use a login link, once",
	}, func(ctx context.Context, in *loginInput) (*bodyOf[tokenBody], error) {
		u, err := p.DB.UseLoginLink(ctx, in.Body.Code, p.Now())
		if errors.Is(err, fault.ErrNotFound) {
			return nil, access.ErrToken.Saying("This link was used, has expired, or never was one.")
		}
		if err != nil {
			return nil, err
		}
		token, until, err := p.Door.Tokens.Mint(access.Actor{Kind: access.User, ID: u.ID.String(), Org: u.Org, Role: u.Role})
		return &bodyOf[tokenBody]{tokenBody{Token: token, ExpiresAt: until}}, err
	})
}
