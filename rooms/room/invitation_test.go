package room_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/rooms/room"
)

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		code := room.NewCode()
		if len(code) != 9 || code[4] != '-' || strings.ContainsAny(code, "AEIOU01LS") {
			t.Fatalf("code %s", code)
		}
		seen[room.ReadCode(code)] = true
		if room.ReadCode(strings.ToLower(code)) != room.ReadCode(strings.ReplaceAll(code, "-", " ")) || room.ReadCode(code) == "" {
			t.Fatalf("%s is read as %q", code, room.ReadCode(code))
		}
	}
	if len(seen) != 2000 {
		t.Errorf("%d of 2000 codes", len(seen))
	}
	for _, bad := range []string{"", "2345-678", "2345-67890", "AAAA-AAAA", "2345_678B", "2345-678\u00e9"} {
		if got := room.ReadCode(bad); got != "" {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
}

func TestSecrets(t *testing.T) {
	a, b := room.NewSecret(), room.NewSecret()
	if a == b || len(a) != 43 {
		t.Errorf("%d characters", len(a))
	}
	if got := fmt.Sprintf("%v %s %+v", a, a, struct{ S room.Secret }{a}); strings.Contains(got, string(a)) {
		t.Errorf("it prints as %s", got)
	}
}

func TestInvitationExpires(t *testing.T) {
	v := room.Invitation{State: room.Waiting, ExpiresAt: noon}
	for _, tt := range []struct {
		at    time.Time
		state room.InvitationState
		want  room.InvitationState
	}{
		{noon.Add(-time.Nanosecond), room.Waiting, room.Waiting},
		{noon, room.Waiting, room.Expired},
		{noon.Add(time.Hour), room.Accepted, room.Accepted},
		{noon.Add(time.Hour), room.Revoked, room.Revoked},
	} {
		v.State = tt.state
		if got := v.At(tt.at).State; got != tt.want {
			t.Errorf("%s at %s: %s, want %s", tt.state, tt.at, got, tt.want)
		}
	}
}
