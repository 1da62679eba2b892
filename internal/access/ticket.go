package access

import (
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

// TicketAge is how long a ticket may be used.
const TicketAge = 60 * time.Second

// ticketAudience keeps tickets and tokens apart: neither is taken for the
// other.
const ticketAudience = "openinsure-live"

// ErrTicket is what is wrong with a ticket that is unknown, used, expired or
// for another room.
var ErrTicket = fault.New(fault.Unauthenticated, "invalid_ticket", "The ticket is not valid: it is good once, within a minute, for what it was given for.")

type ticketKind struct{}

func (ticketKind) Prefix() string { return "tkt_" }

// TicketID identifies a ticket; using it up is the store's.
type TicketID = id.ID[ticketKind]

// A Ticket opens one live connection, once: it stands in an address, where a
// token must not.
type Ticket struct {
	ID      TicketID
	Actor   Actor
	Room    string // room_… when it is bound to one; else empty
	Expires time.Time
}

// MintTicket signs a ticket for an actor who was just authenticated.
func (t *Tokens) MintTicket(a Actor, room string) (string, time.Time, error) {
	now := t.now().UTC().Truncate(time.Second)
	until := now.Add(TicketAge)
	tok, err := jwt.NewBuilder().Issuer(t.issuer).Audience([]string{ticketAudience}).Subject(a.ID).JwtID(id.New[ticketKind](now).String()).
		IssuedAt(now).NotBefore(now).Expiration(until).
		Claim("typ", "ticket").Claim("kind", string(a.Kind)).Claim("org", a.Org.String()).Claim("role", a.Role).
		Claim("scopes", a.Scopes).Claim("tier", a.Tier).Claim("room", room).Claim("sid", a.SignIn.String()).
		Claim("until", unix(a.Until)).Build()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("mint ticket: %w", err)
	}
	signed, err := jwt.Sign(tok, jwt.WithKey(jwa.EdDSA(), t.signing))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("mint ticket: %w", err)
	}
	return string(signed), until, nil
}

// unix is 0 for the zero time.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// VerifyTicket reads a ticket. Whether it was used before, and whether its
// actor still may, is for the caller to look up. Tickets are given out and used
// on our own nodes, so the leeway of tokens does not lengthen their minute.
func (t *Tokens) VerifyTicket(ticket string) (Ticket, error) {
	if err := checkForm(ticket); err != nil {
		return Ticket{}, ErrTicket.Because(err)
	}
	tok, err := jwt.Parse([]byte(ticket), jwt.WithKeySet(t.public), jwt.WithValidate(true),
		jwt.WithIssuer(t.issuer), jwt.WithAudience(ticketAudience), jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("nbf"),
		jwt.WithAcceptableSkew(2*time.Second), jwt.WithClock(jwt.ClockFunc(t.now)))
	if err != nil {
		return Ticket{}, ErrTicket.Because(err)
	}
	var kind, org, role, room, tier string
	err = errors.Join(tok.Get("kind", &kind), tok.Get("org", &org), tok.Get("role", &role), tok.Get("room", &room), tok.Get("tier", &tier))
	if err != nil {
		return Ticket{}, ErrTicket.Because(err)
	}
	k := Ticket{Actor: Actor{Kind: Kind(kind), Role: role, Tier: tier}, Room: room}
	if k.Actor.Kind == Guest {
		if k.Actor.Room = room; SubjectUUID(room) == nil {
			return Ticket{}, ErrTicket
		}
	}
	var until float64
	if tok.Get("until", &until) == nil && until > 0 {
		k.Actor.Until = time.Unix(int64(until), 0).UTC()
	}
	var raw []any
	if tok.Get("scopes", &raw) == nil {
		for _, s := range raw {
			if s, ok := s.(string); ok {
				k.Actor.Scopes = append(k.Actor.Scopes, s)
			}
		}
	}
	if err := readSignIn(tok, &k.Actor); err != nil {
		return Ticket{}, ErrTicket.Because(err)
	}
	k.Actor.ID, _ = tok.Subject()
	k.Expires, _ = tok.Expiration()
	jti, _ := tok.JwtID()
	if err := errors.Join(k.ID.UnmarshalText([]byte(jti)), k.Actor.Org.UnmarshalText([]byte(org))); err != nil || k.Actor.ID == "" || k.ID.IsZero() {
		return Ticket{}, ErrTicket.Because(err)
	}
	return k, nil
}
