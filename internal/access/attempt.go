package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

// How long a user's browser is signed in, and how long he may take to sign in at
// the other server.
const (
	BrowserAge      = 12 * time.Hour
	AttemptAge      = 10 * time.Minute
	MostUserSignIns = 20 // browsers of one user: one more, and the oldest goes
)

// attemptAudience keeps attempts apart from tokens, tickets and pages.
const attemptAudience = "openinsure-sign-in"

// ErrSignIn is what is wrong with an answer of the sign-in server, or with who
// brings it.
var ErrSignIn = fault.New(fault.Unauthenticated, "sign_in_invalid", "This sign-in was not begun in this browser, took too long, or was used before: begin again.")

// An Attempt is somebody on his way through the sign-in server. His browser
// keeps it, signed; whoever does not show it cannot finish.
type Attempt struct {
	ID       TicketID // to be used up once; using it up is the store's
	State    string   // what the server must bring back
	Nonce    string   // what must stand in the token of the server
	Verifier string   // of PKCE
	Return   string   // the path that he wanted to open
	Expires  time.Time
}

// MintAttempt begins to sign somebody in who wanted to open a path.
func (t *Tokens) MintAttempt(path string) (string, Attempt, error) {
	now := t.now().UTC().Truncate(time.Second)
	a := Attempt{ID: id.New[ticketKind](now), State: NewBrowserSecret(), Nonce: NewBrowserSecret(), Verifier: NewBrowserSecret(), Return: path, Expires: now.Add(AttemptAge)}
	tok, err := jwt.NewBuilder().Issuer(t.issuer).Audience([]string{attemptAudience}).JwtID(a.ID.String()).IssuedAt(now).NotBefore(now).Expiration(a.Expires).
		Claim("state", a.State).Claim("nonce", a.Nonce).Claim("verifier", a.Verifier).Claim("return", a.Return).Build()
	if err != nil {
		return "", Attempt{}, fmt.Errorf("mint attempt: %w", err)
	}
	signed, err := jwt.Sign(tok, jwt.WithKey(jwa.EdDSA(), t.signing))
	if err != nil {
		return "", Attempt{}, fmt.Errorf("mint attempt: %w", err)
	}
	return string(signed), a, nil
}

// VerifyAttempt reads the attempt of a browser to which the server sent back
// state; ErrSignIn when the two do not belong together.
func (t *Tokens) VerifyAttempt(s, state string) (Attempt, error) {
	if err := checkForm(s); err != nil {
		return Attempt{}, ErrSignIn.Because(err)
	}
	tok, err := jwt.Parse([]byte(s), jwt.WithKeySet(t.public), jwt.WithValidate(true), jwt.WithIssuer(t.issuer), jwt.WithAudience(attemptAudience),
		jwt.WithAcceptableSkew(2*time.Second), jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("nbf"), jwt.WithClock(jwt.ClockFunc(t.now)))
	if err != nil {
		return Attempt{}, ErrSignIn.Because(err)
	}
	var a Attempt
	err = errors.Join(tok.Get("state", &a.State), tok.Get("nonce", &a.Nonce), tok.Get("verifier", &a.Verifier), tok.Get("return", &a.Return))
	if err != nil {
		return Attempt{}, ErrSignIn.Because(err)
	}
	jti, _ := tok.JwtID()
	a.Expires, _ = tok.Expiration()
	if err := a.ID.UnmarshalText([]byte(jti)); err != nil || a.ID.IsZero() {
		return Attempt{}, ErrSignIn.Because(err)
	}
	if a.State == "" || subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 {
		return Attempt{}, ErrSignIn.Because(errors.New("the state is another"))
	}
	return a, nil
}

// NewBrowserSecret makes what a browser keeps and nobody guesses.
func NewBrowserSecret() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand aborts the program instead
	return base64.RawURLEncoding.EncodeToString(raw)
}

// HashBrowserSecret is what is kept in a secret's place.
func HashBrowserSecret(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
