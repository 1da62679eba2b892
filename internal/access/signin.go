package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

// How a policyholder signs in by a code.
const (
	CodeAge      = 10 * time.Minute // how long a code is good
	CodeTries    = 5                // at a code, from the address that asked for it, and as many from all others together
	SignInAge    = 180 * 24 * time.Hour
	MostSignIns  = 20 // devices of one person: one more, and the one that was not used for longest goes
	CodeWindow   = time.Hour
	CodesAsked   = 5   // for one contact from one address, in a window
	CodesOfOne   = 10  // mailed to one person in a window, whoever asks
	CodesAddress = 100 // asked for from one address, in a window
	TriesAddress = 100 // at any codes from one address, in a window
)

// Faults of signing in by a code. ErrCode is the answer to every code that does
// not sign in, also for a policy that does not exist.
var (
	ErrCode         = fault.New(fault.Unauthenticated, "invalid_code", "The code is wrong, was used, or has expired: ask for another.")
	ErrTooManyCodes = fault.New(fault.TooMany, "too_many_codes", "Too many codes were asked for from here: use the last one, or wait.")
	ErrTooManyTries = fault.New(fault.TooMany, "too_many_tries", "Too many codes were tried from here.")
)

type signInKind struct{}

func (signInKind) Prefix() string { return "ses_" }

// SignInID identifies a policyholder's device, or a user's browser, that is
// signed in: a session, as clients call it.
type SignInID = id.ID[signInKind]

// NewSignInID mints the id of a sign-in made at the given time.
func NewSignInID(at time.Time) SignInID { return id.New[signInKind](at) }

// NewCode makes a code of six digits.
func NewCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic("random number: " + err.Error()) // crypto/rand never fails
	}
	return fmt.Sprintf("%06d", n)
}

// A RefreshToken gets the device of a sign-in a new token, once. Its family's
// secret says that it is, or was, a token of this sign-in; the other one whether
// it is the one that is good now. It prints as ***.
type RefreshToken struct {
	SignIn          SignInID
	family, current [32]byte
}

// refreshPrefix makes refresh tokens recognisable where they should not be, such
// as in a log.
const refreshPrefix = "oir_"

// NewRefreshToken makes the first token of a sign-in.
func NewRefreshToken(of SignInID) RefreshToken {
	t := RefreshToken{SignIn: of}
	_, _ = rand.Read(t.family[:]) // never fails: crypto/rand aborts the program instead
	return t.Next()
}

// Next makes the token that replaces t.
func (t RefreshToken) Next() RefreshToken {
	_, _ = rand.Read(t.current[:]) // never fails
	return t
}

// Family is the hash of what all tokens of the sign-in share: what is kept in
// its place.
func (t RefreshToken) Family() []byte { h := sha256.Sum256(t.family[:]); return h[:] }

// Current is the hash of what changes with every use.
func (t RefreshToken) Current() []byte { h := sha256.Sum256(t.current[:]); return h[:] }

// Secret is the token as its device keeps it.
func (t RefreshToken) Secret() string {
	b := make([]byte, 0, 80)
	b = append(append(append(b, t.SignIn[:]...), t.family[:]...), t.current[:]...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// String hides the token.
func (RefreshToken) String() string { return "***" }

// ParseRefreshToken reads what Secret wrote; ErrToken for anything else.
func ParseRefreshToken(s string) (RefreshToken, error) {
	text, ok := strings.CutPrefix(s, refreshPrefix)
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(b) != 80 {
		return RefreshToken{}, ErrToken
	}
	t := RefreshToken{SignIn: SignInID(b[:16])}
	copy(t.family[:], b[16:48])
	copy(t.current[:], b[48:])
	return t, nil
}
