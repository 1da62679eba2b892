package access

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openinsure/openinsure/internal/fault"
)

// TokenAge is how long a token is good, GuestAge how long that of a guest, who
// has nothing to refresh it with but the page he is on.
const (
	TokenAge = 15 * time.Minute
	GuestAge = 12 * time.Hour
)

// leeway is how far two machines' clocks may be apart.
const leeway = 30 * time.Second

// audience is whom our tokens are for: this API and nobody else.
const audience = "openinsure"

// ErrToken is what Verify answers, whatever is wrong with a token.
var ErrToken = fault.New(fault.Unauthenticated, "invalid_credential", "The credential is not valid.")

// Tokens signs and verifies JWTs with EdDSA. The first key signs, all of them
// verify, so that keys rotate without an interruption. It prints as ***.
type Tokens struct {
	issuer  string
	signing jwk.Key
	public  jwk.Set
	now     func() time.Time
}

// NewTokenKey makes a key in the form that ParseTokens reads: id:base64 of the
// 32-byte Ed25519 seed.
func NewTokenKey(name string) string {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails: crypto/rand aborts the program instead
	return name + ":" + base64.StdEncoding.EncodeToString(seed)
}

// ParseTokens reads keys as "kid:seed[,kid:seed…]", the signing one first.
func ParseTokens(keys, issuer string, now func() time.Time) (*Tokens, error) {
	t := &Tokens{issuer: issuer, public: jwk.NewSet(), now: now}
	for i, part := range strings.Split(keys, ",") {
		kid, text, ok := strings.Cut(strings.TrimSpace(part), ":")
		seed, err := base64.StdEncoding.DecodeString(text)
		if !ok || kid == "" || err != nil || len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("token key %d is not of the form kid:base64 of 32 bytes", i+1)
		}
		private, err := tokenKey(ed25519.NewKeyFromSeed(seed), kid)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			t.signing = private
		}
		public, err := private.PublicKey()
		if err != nil {
			return nil, fmt.Errorf("token key %q: %w", kid, err)
		}
		if err := t.public.AddKey(public); err != nil {
			return nil, fmt.Errorf("token key %q: %w", kid, err)
		}
	}
	return t, nil
}

func tokenKey(raw ed25519.PrivateKey, kid string) (jwk.Key, error) {
	k, err := jwk.Import(raw)
	if err != nil {
		return nil, fmt.Errorf("token key %q: %w", kid, err)
	}
	err = errors.Join(k.Set(jwk.KeyIDKey, kid), k.Set(jwk.AlgorithmKey, jwa.EdDSA()), k.Set(jwk.KeyUsageKey, "sig"))
	if err != nil {
		return nil, fmt.Errorf("token key %q: %w", kid, err)
	}
	return k, nil
}

// Mint makes a token for a user, an insured or a guest, and says until when it is good.
func (t *Tokens) Mint(a Actor) (string, time.Time, error) {
	now := t.now().UTC().Truncate(time.Second)
	until := now.Add(TokenAge)
	if a.Kind == Guest {
		until = now.Add(GuestAge)
	}
	b := jwt.NewBuilder().Issuer(t.issuer).Audience([]string{audience}).Subject(a.ID).
		IssuedAt(now).NotBefore(now).Expiration(until).
		Claim("typ", string(a.Kind)).Claim("org", a.Org.String()).Claim("role", a.Role)
	if !a.SignIn.IsZero() {
		b = b.Claim("sid", a.SignIn.String())
	}
	if a.Kind == Guest {
		b = b.Claim("room", a.Room)
	}
	tok, err := b.Build()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("mint token: %w", err)
	}
	signed, err := jwt.Sign(tok, jwt.WithKey(jwa.EdDSA(), t.signing))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("mint token: %w", err)
	}
	return string(signed), until, nil
}

// Verify returns who a token says acts. Whether he still may is for the caller
// to look up.
func (t *Tokens) Verify(token string) (Actor, error) {
	return t.verify(token, jwt.WithValidate(true), jwt.WithIssuer(t.issuer), jwt.WithAudience(audience), jwt.WithAcceptableSkew(leeway),
		jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("nbf"), jwt.WithClock(jwt.ClockFunc(t.now)))
}

// Expired returns whom a token was of that is good in everything but its age.
func (t *Tokens) Expired(token string) (Actor, bool) {
	tok, err := jwt.ParseInsecure([]byte(token))
	if err != nil {
		return Actor{}, false
	}
	then, ok := tok.NotBefore() // when it was good, if ever
	if !ok || t.now().Before(then) {
		return Actor{}, false
	}
	a, err := t.verify(token, jwt.WithValidate(true), jwt.WithIssuer(t.issuer), jwt.WithAudience(audience), jwt.WithRequiredClaim("exp"),
		jwt.WithClock(jwt.ClockFunc(func() time.Time { return then })))
	return a, err == nil && t.now().After(a.Until)
}

func (t *Tokens) verify(token string, how ...jwt.ParseOption) (Actor, error) {
	if err := checkForm(token); err != nil {
		return Actor{}, ErrToken.Because(err)
	}
	tok, err := jwt.Parse([]byte(token), append(how, jwt.WithKeySet(t.public))...)
	if err != nil {
		return Actor{}, ErrToken.Because(err)
	}
	var kind, org, role string
	if err := errors.Join(tok.Get("typ", &kind), tok.Get("org", &org), tok.Get("role", &role)); err != nil {
		return Actor{}, ErrToken.Because(err)
	}
	if Kind(kind) != User && Kind(kind) != Insured && Kind(kind) != Guest {
		return Actor{}, ErrToken
	}
	a := Actor{Kind: Kind(kind), Role: role}
	a.ID, _ = tok.Subject()
	a.Until, _ = tok.Expiration()
	if a.Kind == Guest && (tok.Get("room", &a.Room) != nil || SubjectUUID(a.Room) == nil) {
		return Actor{}, ErrToken
	}
	if err := readSignIn(tok, &a); err != nil {
		return Actor{}, ErrToken.Because(err)
	}
	if err := a.Org.UnmarshalText([]byte(org)); err != nil || a.ID == "" || a.Org.IsZero() {
		return Actor{}, ErrToken
	}
	return a, nil
}

// checkForm refuses a token that is not written as we write ours: three parts of
// plain base64url, signed with EdDSA, and nothing in its header that must be
// understood. The library picks a key's own algorithm whatever a header says,
// and overlooks what it does not know.
func checkForm(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("a token has three parts")
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
	}
	var header struct {
		Alg, Kid string
		Crit     json.RawMessage
	}
	if err := json.Unmarshal(raw[0], &header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if header.Alg != jwa.EdDSA().String() || header.Kid == "" || header.Crit != nil {
		return errors.New("the header is not one of ours")
	}
	return nil
}

// readSignIn reads the sign-in that a token or ticket belongs to, when it names
// one.
func readSignIn(tok jwt.Token, a *Actor) error {
	if !tok.Has("sid") {
		return nil
	}
	var sid string
	if err := tok.Get("sid", &sid); err != nil {
		return err
	}
	return a.SignIn.UnmarshalText([]byte(sid))
}

// JWKS returns the public keys as a JSON Web Key Set.
func (t *Tokens) JWKS() ([]byte, error) {
	b, err := json.Marshal(t.public)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return b, nil
}

// String hides the keys.
func (t *Tokens) String() string { return "***" }
