package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store/storetest"
)

func (w *world) refresh(token string) (int, map[string]any) {
	w.t.Helper()
	status, m, _ := w.call("", "POST", "/auth/policyholder-token/refresh", fmt.Sprintf(`{"refreshToken":%q}`, token))
	return status, m
}

func TestRefreshTokensRotate(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	phone, tablet := w.signIn(number, "pat@example.com", "phone"), w.signIn(number, "pat@example.com", "tablet")
	first := phone["refreshToken"].(string)
	got, second := w.refresh(first)
	if got != 200 || second["refreshToken"] == first || second["sessionId"] != phone["sessionId"] {
		t.Fatalf("refresh: %d %v", got, second)
	}
	got, third := w.refresh(second["refreshToken"].(string))
	if got != 200 {
		t.Fatalf("refresh: %d %v", got, third)
	}
	token := third["token"].(string)
	w.must(200, token, "GET", "/v1/portal/sessions", "")
	// Somebody has an old one: whoever it is, all of the family end.
	if got, m := w.refresh(first); got != 401 || m["error"] != "invalid_credential" {
		t.Errorf("replayed: %d %v", got, m)
	}
	if got, m := w.refresh(third["refreshToken"].(string)); got != 401 {
		t.Errorf("the last of the family: %d %v", got, m)
	}
	if got, m, _ := w.call(token, "GET", "/v1/portal/sessions", ""); got != 401 {
		t.Errorf("its token: %d %v", got, m)
	}
	if got, m := w.refresh(tablet["refreshToken"].(string)); got != 200 {
		t.Errorf("another device: %d %v", got, m)
	}
	if why := storetest.Value[string](t, w.db, `SELECT ended_why FROM sign_in WHERE ended_at IS NOT NULL`); why != "reused" {
		t.Errorf("ended as %q", why)
	}
}

func TestForgedRefreshTokens(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	s := w.signIn(number, "pat@example.com", "phone")
	good := s["refreshToken"].(string)
	var id access.SignInID
	if err := id.UnmarshalText([]byte(s["sessionId"].(string))); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"nonsense":         "nonsense",
		"prefix":           "oir_",
		"cut":              good[:len(good)-1],
		"longer":           good + "A",
		"of his session":   access.NewRefreshToken(id).Secret(), // whoever knows the id cannot end it
		"of no session":    access.NewRefreshToken(access.NewSignInID(time.Now())).Secret(),
		"a JWT":            s["token"].(string),
		"SQL":              "oir_' OR 1=1 --",
		"an API key":       "oik_test_" + strings.Repeat("0", 64),
		"too long to read": strings.Repeat("x", 200),
	} {
		if got, m := w.refresh(token); got != 401 || m["error"] != "invalid_credential" {
			t.Errorf("%s: %d %v", name, got, m)
		}
	}
	if got, m := w.refresh(good); got != 200 {
		t.Errorf("the good one, after all: %d %v", got, m)
	}
	// Two at once: one gets the next, and both end.
	fresh := w.signIn(number, "pat@example.com", "tablet")["refreshToken"].(string)
	results := make(chan int, 2)
	for range 2 {
		go func() {
			got, _ := w.refresh(fresh)
			results <- got
		}()
	}
	if a, b := <-results, <-results; a+b != 200+401 {
		t.Errorf("two at once: %d, %d", a, b)
	}
	last := w.signIn(number, "pat@example.com", "phone")
	storetest.SQL(t, w.db, `UPDATE sign_in SET expires_at = now()`)
	if got, m := w.refresh(last["refreshToken"].(string)); got != 401 {
		t.Errorf("after its time: %d %v", got, m)
	}
	if got, m, _ := w.call(last["token"].(string), "GET", "/v1/policies", ""); got != 401 {
		t.Errorf("its token: %d %v", got, m)
	}
}

func TestRevokedSession(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	pia := w.signIn(w.bind(w.una, "pia@example.com"), "pia@example.com", "hers")
	tablet, lost := w.signIn(number, "pat@example.com", "tablet"), w.signIn(number, "pat@example.com", "lost")
	token := tablet["token"].(string)
	mine := w.must(201, token, "POST", "/v1/portal/push-tokens", phone(apple(1), "ios"))["id"]
	w.must(201, lost["token"].(string), "POST", "/v1/portal/push-tokens", phone(apple(2), "ios"))
	list := w.must(200, token, "GET", "/v1/portal/sessions", "")["data"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["device"] != "lost" || list[0].(map[string]any)["current"] != false ||
		!cmp.Equal(list[1].(map[string]any)["pushTokens"], []any{mine}) {
		t.Errorf("sessions %v", list)
	}
	path := "/v1/portal/sessions/" + lost["sessionId"].(string)
	for name, bearer := range map[string]string{"another's": pia["token"].(string), "of the demo": w.token(access.Actor{Kind: access.Insured, ID: access.NewPersonID(time.Now()).String(), Org: w.una.Org})} {
		if got, m, _ := w.call(bearer, "DELETE", path, ""); got != 404 && got != 401 {
			t.Errorf("%s: %d %v", name, got, m)
		}
	}
	if got, m, _ := w.call(w.token(w.una), "DELETE", path, ""); got != 403 || m["error"] != "insured_required" {
		t.Errorf("an underwriter: %d %v", got, m)
	}
	w.must(200, lost["token"].(string), "GET", "/v1/policies", "")
	ticket := w.must(200, lost["token"].(string), "POST", "/v1/realtime/tickets", "{}")["ticket"].(string)
	w.must(204, token, "DELETE", path, "")
	w.must(404, token, "DELETE", path, "")
	if got, m, _ := w.call(lost["token"].(string), "GET", "/v1/policies", ""); got != 401 {
		t.Errorf("its token: %d %v", got, m)
	}
	if got, m := w.refresh(lost["refreshToken"].(string)); got != 401 {
		t.Errorf("its refresh token: %d %v", got, m)
	}
	if _, _, err := w.door.UseTicket(t.Context(), ticket); err == nil {
		t.Error("its ticket still opens a connection")
	}
	if left := storetest.Value[string](t, w.db, `SELECT string_agg(address_hash::text, ',') FROM device`); strings.Count(left, ",") != 0 {
		t.Errorf("devices %s", left)
	}
	if n := len(w.must(200, token, "GET", "/v1/portal/sessions", "")["data"].([]any)); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
	w.must(200, pia["token"].(string), "GET", "/v1/portal/sessions", "")
	// The one that asks can end itself.
	w.must(204, token, "DELETE", "/v1/portal/sessions/"+tablet["sessionId"].(string), "")
	if got, _, _ := w.call(token, "GET", "/v1/portal/sessions", ""); got != 401 {
		t.Errorf("signed out: %d", got)
	}
}

func TestMostSignIns(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	first := w.signIn(number, "pat@example.com", "first")
	for n := range access.MostSignIns {
		storetest.SQL(t, w.db, `DELETE FROM sign_in_count`)
		w.signIn(number, "pat@example.com", fmt.Sprint(n))
	}
	if got, _ := w.refresh(first["refreshToken"].(string)); got != 401 {
		t.Errorf("the oldest: %d", got)
	}
	if n := storetest.Value[int](t, w.db, `SELECT count(*) FROM sign_in WHERE ended_at IS NULL`); n != access.MostSignIns {
		t.Errorf("%d are signed in", n)
	}
}
