package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
)

func TestTicket(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	key := access.NewTokenKey("a")
	tokens, err := access.ParseTokens(key, "https://here", clock)
	if err != nil {
		t.Fatal(err)
	}
	by := access.Actor{
		Kind: access.Machine, ID: access.NewKeyID(now).String(), Org: access.NewOrgID(now), Scopes: []string{"rooms:read", "events:read"}, Tier: "standard",
		Until: now.Add(15 * time.Minute),
	}
	ticket, until, err := tokens.MintTicket(by, "room_1")
	if err != nil || !until.Equal(now.Add(time.Minute)) {
		t.Fatalf("until %v, %v", until, err)
	}
	got, err := tokens.VerifyTicket(ticket)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(by, got.Actor); d != "" || got.Room != "room_1" || got.ID.IsZero() || !got.Expires.Equal(until) {
		t.Errorf("%+v %s", got, d)
	}
	if _, err := tokens.Verify(ticket); !errors.Is(err, access.ErrToken) {
		t.Errorf("taken for a token: %v", err)
	}
	token, _, err := tokens.Mint(access.Actor{Kind: access.User, ID: access.NewUserID(now).String(), Org: by.Org})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.VerifyTicket(token); !errors.Is(err, access.ErrTicket) {
		t.Errorf("a token taken for a ticket: %v", err)
	}
	elsewhere, err := access.ParseTokens(key, "https://elsewhere", clock)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := access.ParseTokens(access.NewTokenKey("a"), "https://here", clock)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*access.Tokens{"another deployment": elsewhere, "another key": forger} {
		if _, err := other.VerifyTicket(ticket); !errors.Is(err, access.ErrTicket) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "x", ticket[:len(ticket)-4] + "AAAA"} {
		if _, err := tokens.VerifyTicket(bad); !errors.Is(err, access.ErrTicket) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	now = now.Add(63 * time.Second)
	if _, err := tokens.VerifyTicket(ticket); !errors.Is(err, access.ErrTicket) {
		t.Errorf("expired: %v", err)
	}
}
