package access

import (
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

// PageAge is how long a page on which somebody joins may lie open.
const PageAge = 12 * time.Hour

// pageAudience keeps what a page was given apart from tokens and tickets.
const pageAudience = "openinsure-page"

// ErrPage is what is wrong when a browser sends what it did not get the page
// for.
var ErrPage = fault.New(fault.Forbidden, "page_required", "Open the page of the link in this browser, with cookies allowed, and try again there.")

// MintPage signs what a browser is given with the page on which somebody joins,
// and must show with what it sends from there. It says nothing of who that is.
func (t *Tokens) MintPage() (string, error) {
	now := t.now().UTC().Truncate(time.Second)
	tok, err := jwt.NewBuilder().Issuer(t.issuer).Audience([]string{pageAudience}).JwtID(id.New[ticketKind](now).String()).
		IssuedAt(now).NotBefore(now).Expiration(now.Add(PageAge)).Build()
	if err != nil {
		return "", fmt.Errorf("mint page: %w", err)
	}
	signed, err := jwt.Sign(tok, jwt.WithKey(jwa.EdDSA(), t.signing))
	if err != nil {
		return "", fmt.Errorf("mint page: %w", err)
	}
	return string(signed), nil
}

// VerifyPage returns ErrPage unless a browser was given s with a page of ours.
func (t *Tokens) VerifyPage(s string) error {
	_, err := jwt.Parse([]byte(s), jwt.WithKeySet(t.public), jwt.WithValidate(true), jwt.WithIssuer(t.issuer), jwt.WithAudience(pageAudience),
		jwt.WithAcceptableSkew(leeway), jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("nbf"), jwt.WithClock(jwt.ClockFunc(t.now)))
	if err != nil {
		return ErrPage.Because(err)
	}
	return nil
}
