package api

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// newPeople is a cast with two policyholders of the MGA, pat and pia, and one of
// another company, pol.
func newPeople(t *testing.T) *cast {
	t.Helper()
	c := newCast(t)
	c.insure("pat", c.una.Org)
	c.insure("pia", c.una.Org)
	c.insure("pol", c.actors["ben"].Org)
	return c
}

// apple and google make tokens that differ in n.
func apple(n int) string  { return fmt.Sprintf("%064x", n+0xabcdef) }
func google(n int) string { return fmt.Sprintf("fAKE%04d:APA91b", n) + strings.Repeat("x-_Z9", 26) }

func phone(token, platform string, more ...string) string {
	return fmt.Sprintf(`{"token":%q,"platform":%q%s}`, token, platform, strings.Join(more, ""))
}

// own is the path of what is somebody's own.
func (c *cast) own(who string) string {
	if c.actors[who].Kind == access.Insured {
		return "/v1/portal"
	}
	return "/v1/me"
}

func (c *cast) phones(who string) string {
	if c.actors[who].Kind == access.Insured {
		return "/v1/portal/push-tokens"
	}
	return "/v1/me/devices"
}

// TestWhoHasWhatIsHisOwn: users have one side, policyholders the other, keys and
// the system neither.
func TestWhoHasWhatIsHisOwn(t *testing.T) {
	c := newPeople(t)
	c.addKey("all", Scopes...)
	const unknown = "/dev_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	type call struct {
		method, path, body string
		ok                 int
	}
	mine := []call{
		{"POST", "/v1/me/devices", phone(apple(1), "ios"), 201},
		{"GET", "/v1/me/devices", "", 200},
		{"DELETE", "/v1/me/devices" + unknown, "", 404},
	}
	portal := []call{
		{"POST", "/v1/portal/push-tokens", phone(apple(2), "ios"), 201},
		{"DELETE", "/v1/portal/push-tokens" + unknown, "", 404},
	}
	for _, side := range []struct {
		calls  []call
		may    []string
		others []string
		code   string
	}{
		{mine, []string{"una", "ada", "abe", "vic", "bob", "mel"}, []string{"pat", "pol", "all", "key", "system"}, "user_required"},
		{portal, []string{"pat", "pia", "pol"}, []string{"una", "ada", "abe", "vic", "bob", "all", "key", "system"}, "insured_required"},
	} {
		for _, call := range side.calls {
			for _, who := range side.may {
				if got, m, _ := c.as(who, call.method, call.path, call.body); got != call.ok && got != 200 {
					t.Errorf("%s: %s %s = %d %v", who, call.method, call.path, got, m)
				}
			}
			for _, who := range side.others {
				if got, m, _ := c.as(who, call.method, call.path, call.body); got != 403 || m["error"] != side.code {
					t.Errorf("%s: %s %s = %d %v", who, call.method, call.path, got, m)
				}
			}
			c.want(401, "nobody", call.method, call.path, call.body)
		}
	}
}

func TestDeviceIsRegisteredOnce(t *testing.T) {
	for _, who := range []string{"una", "pat"} {
		t.Run(who, func(t *testing.T) {
			c := newPeople(t)
			first := c.want(201, who, "POST", c.phones(who), phone(apple(7), "ios", `,"app":"dev.openinsure.app","environment":"sandbox","locale":"es-mx","timezone":"America/Tijuana","appVersion":"1.0"`))
			if !strings.HasPrefix(first["id"].(string), "dev_") || first["locale"] != "es-MX" || first["environment"] != "sandbox" || first["timezone"] != "America/Tijuana" {
				t.Errorf("registered %v", first)
			}
			again := c.want(200, who, "POST", c.phones(who), phone(strings.ToUpper(apple(7)), "ios", `,"app":"dev.openinsure.app","locale":"en","appVersion":"1.1"`))
			if again["id"] != first["id"] || again["registeredAt"] == first["registeredAt"] || again["lastSeenAt"] != again["registeredAt"] ||
				again["locale"] != "en" || again["appVersion"] != "1.1" || again["environment"] != "production" || again["timezone"] != nil {
				t.Errorf("again %v, first %v", again, first)
			}
			// Without the app it is the same phone, and rings once.
			if third := c.want(200, who, "POST", c.phones(who), phone(apple(7), "ios")); third["id"] != first["id"] || third["app"] != nil {
				t.Errorf("without the app %v, first %v", third, first)
			}
			if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM device`); n != 1 {
				t.Errorf("%d devices of one phone", n)
			}
			second := c.want(201, who, "POST", c.phones(who), phone(google(1), "android"))
			if second["id"] == first["id"] || second["environment"] != "production" {
				t.Errorf("another phone: %v", second)
			}
			c.want(204, who, "DELETE", c.phones(who)+"/"+second["id"].(string), "")
			c.want(404, who, "DELETE", c.phones(who)+"/"+second["id"].(string), "")
			if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM device`); n != 1 {
				t.Errorf("%d devices after one was deleted", n)
			}
		})
	}
}

// TestDeadDeviceLivesAgain: who registers a token that the provider called dead
// says that it is not, and later deaths are counted from then.
func TestDeadDeviceLivesAgain(t *testing.T) {
	c := newPeople(t)
	first := c.want(201, "una", "POST", "/v1/me/devices", phone(apple(7), "ios"))
	storetest.SQL(t, c.db, `UPDATE device SET invalid_at = now(), invalid_reason = 'Unregistered'`)
	if n := len(rows(c.want(200, "una", "GET", "/v1/me/devices", ""))); n != 0 {
		t.Errorf("%d dead devices are listed", n)
	}
	again := c.want(200, "una", "POST", "/v1/me/devices", phone(apple(7), "ios"))
	if again["id"] != first["id"] || again["registeredAt"] == first["registeredAt"] || again["registeredAt"] != again["lastSeenAt"] {
		t.Errorf("again %v, first %v", again, first)
	}
	if n := len(rows(c.want(200, "una", "GET", "/v1/me/devices", ""))); n != 1 {
		t.Errorf("%d devices", n)
	}
}

// TestPhoneChangesHands: whoever signs in on a phone has it alone, and what was
// owed to who had it before does not reach him.
func TestPhoneChangesHands(t *testing.T) {
	c := newPeople(t)
	// From colleague to colleague, to another company, to a policyholder, and
	// back; with the app named or not.
	before := ""
	for i, who := range []string{"una", "uri", "ben", "pat", "pol", "una"} {
		body := phone(apple(9), "ios")
		if i%2 == 1 {
			body = phone(apple(9), "ios", `,"app":"dev.openinsure.app"`)
		}
		d := c.want(201, who, "POST", c.phones(who), body)
		if d["id"] == before {
			t.Errorf("%s has the device of the one before, and what is owed to it", who)
		}
		before = d["id"].(string)
		got := storetest.Value[string](t, c.db, `SELECT string_agg(subject || ' ' || org_id, ', ') FROM device`)
		if want := c.id(who) + " " + c.actors[who].Org.UUID(); got != want {
			t.Errorf("the phone of %s is of %s, want %s", who, got, want)
		}
		if when := storetest.Value[bool](t, c.db, `SELECT registered_at = last_seen_at FROM device`); !when {
			t.Errorf("%s has it since before he had it", who)
		}
	}
	for _, who := range []string{"uri", "ben"} {
		if n := len(rows(c.want(200, who, "GET", "/v1/me/devices", ""))); n != 0 {
			t.Errorf("%s still has %d", who, n)
		}
		c.want(404, who, "DELETE", "/v1/me/devices/"+before, "")
	}
	c.want(204, "una", "DELETE", "/v1/me/devices/"+before, "")
}

// TestPhoneChangesHandsAtOnce lets everybody register one phone at the same
// time: one of them has it.
func TestPhoneChangesHandsAtOnce(t *testing.T) {
	c := newPeople(t)
	var all sync.WaitGroup
	for range 4 {
		for _, who := range []string{"una", "uri", "ben", "pat", "pol"} {
			all.Go(func() {
				if status, m, err := c.try(who, "POST", c.phones(who), phone(google(3), "android")); err != nil || status != 200 && status != 201 {
					t.Errorf("%s: %d %v %v", who, status, m, err)
				}
			})
		}
	}
	all.Wait()
	if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM device`); n != 1 {
		t.Errorf("%d devices of one phone", n)
	}
}

func TestMostDevices(t *testing.T) {
	c := newPeople(t)
	var ids []string
	for n := range push.MostDevices {
		ids = append(ids, c.want(201, "una", "POST", "/v1/me/devices", phone(apple(n), "ios"))["id"].(string))
	}
	c.want(201, "uri", "POST", "/v1/me/devices", phone(apple(100), "ios"))
	c.want(200, "una", "POST", "/v1/me/devices", phone(apple(0), "ios")) // the oldest is seen again
	storetest.SQL(t, c.db, `UPDATE device SET invalid_at = now() WHERE id = $1`, uuidOf[push.DeviceID](t, ids[5]))
	for n := range 3 {
		ids = append(ids, c.want(201, "una", "POST", "/v1/me/devices", phone(apple(50+n), "ios"))["id"].(string))
	}
	// The dead one goes, then those that were not seen for longest. The oldest
	// was registered last but three.
	want := slices.Concat(ids[3:5], ids[6:push.MostDevices], ids[:1], ids[push.MostDevices:])
	slices.Reverse(want)
	var got []string
	for cursor := ""; ; {
		m := c.want(200, "una", "GET", "/v1/me/devices?limit=6&cursor="+cursor, "")
		for _, d := range rows(m) {
			got = append(got, d.(map[string]any)["id"].(string))
		}
		if m["hasMore"] == false {
			break
		}
		cursor = m["nextCursor"].(string)
	}
	if !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	if n := len(rows(c.want(200, "uri", "GET", "/v1/me/devices", ""))); n != 1 {
		t.Errorf("a colleague has %d", n)
	}
}

func TestDeviceBadInput(t *testing.T) {
	c := newPeople(t)
	for name, tt := range map[string]struct {
		body        string
		status      int
		code, field string
		rule        string
	}{
		"nothing":               {`{}`, 400, "validation_failed", "platform", "required"},
		"no token":              {`{"platform":"ios"}`, 400, "validation_failed", "token", "required"},
		"empty token":           {phone("", "ios"), 400, "validation_failed", "token", "minLength"},
		"endless token":         {phone(strings.Repeat("x", 4097), "android"), 400, "validation_failed", "token", "maxLength"},
		"another platform":      {phone(apple(1), "windows"), 400, "validation_failed", "platform", "enum"},
		"of Expo":               {phone("ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]", "ios"), 422, "expo_token_unsupported", "token", "format"},
		"of Expo, the new form": {phone("ExpoPushToken[xxxxxxxxxxxxxxxxxxxxxx]", "android"), 422, "expo_token_unsupported", "token", "format"},
		"Apple's on Android":    {phone(apple(1), "android"), 422, "token_platform_mismatch", "token", "format"},
		"Google's on iOS":       {phone(google(1), "ios"), 422, "token_platform_mismatch", "token", "format"},
		"no token at all":       {phone("hello", "ios"), 400, "validation_failed", "token", "format"},
		"installation on iOS":   {phone("cAAAAAAAAAAAAAAAAAAAAA", "ios", `,"installation":true`), 422, "token_platform_mismatch", "token", "format"},
		"no installation":       {phone(google(1), "android", `,"installation":true`), 400, "validation_failed", "token", "format"},
		"odd environment":       {phone(apple(1), "ios", `,"environment":"test"`), 400, "validation_failed", "environment", "enum"},
		"no app's name":         {phone(apple(1), "ios", `,"app":"dev openinsure"`), 400, "validation_failed", "app", "pattern"},
		"no language":           {phone(apple(1), "ios", `,"locale":"english!"`), 400, "validation_failed", "locale", "locale"},
		"nobody's language":     {phone(apple(1), "ios", `,"locale":"und"`), 400, "validation_failed", "locale", "locale"},
		"no timezone":           {phone(apple(1), "ios", `,"timezone":"Mars/Olympus"`), 400, "validation_failed", "timezone", "timezone"},
		"the server's own":      {phone(apple(1), "ios", `,"timezone":"Local"`), 400, "validation_failed", "timezone", "timezone"},
		"a file as a timezone":  {phone(apple(1), "ios", `,"timezone":"../../etc/passwd"`), 400, "validation_failed", "timezone", "timezone"},
		"unknown field":         {phone(apple(1), "ios", `,"userId":"usr_1"`), 400, "validation_failed", "userId", "unknown"},
	} {
		for _, who := range []string{"una", "pat"} {
			got, m, _ := c.as(who, "POST", c.phones(who), tt.body)
			d, _ := m["details"].(map[string]any)
			if got != tt.status || m["error"] != tt.code || d["field"] != tt.field || d["rule"] != tt.rule {
				t.Errorf("%s: %d %v, want %d %s %s %s", name, got, m, tt.status, tt.code, tt.field, tt.rule)
			}
		}
	}
	if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM device`); n != 0 {
		t.Errorf("%d devices", n)
	}
	c.want(404, "una", "DELETE", "/v1/me/devices/dev_nonsense", "")
	c.want(404, "pat", "DELETE", "/v1/portal/push-tokens/"+c.id("pat"), "")
}

// TestTokensAreNeverShown looks for a token wherever it might be.
func TestTokensAreNeverShown(t *testing.T) {
	c := newPeople(t)
	token := google(77)
	c.want(201, "una", "POST", "/v1/me/devices", phone(token, "android"), "Idempotency-Key", "k")
	replayed, m, h := c.as("una", "POST", "/v1/me/devices", phone(token, "android"), "Idempotency-Key", "k")
	if replayed != 201 || h.Get("Idempotent-Replayed") != "true" {
		t.Errorf("replay: %d %v", replayed, m)
	}
	bad := token[:50] // no token, and yet somebody's secret perhaps
	for what, text := range map[string]string{
		"the answer": fmt.Sprint(m), "the list": fmt.Sprint(c.want(200, "una", "GET", "/v1/me/devices", "")),
		"the refusal": fmt.Sprint(c.want(400, "una", "POST", "/v1/me/devices", phone(bad, "android"))),
		"the log":     c.log.String(),
		"the table":   storetest.Value[string](t, c.db, `SELECT string_agg(encode(address, 'escape'), ' ') FROM device`),
	} {
		if strings.Contains(text, bad) {
			t.Errorf("%s has the token: %s", what, text)
		}
	}
}

// TestAnothersDeviceIsUnknown: what is not his is not there.
func TestAnothersDeviceIsUnknown(t *testing.T) {
	c := newPeople(t)
	una := c.want(201, "una", "POST", "/v1/me/devices", phone(apple(1), "ios"))["id"].(string)
	pat := c.want(201, "pat", "POST", "/v1/portal/push-tokens", phone(apple(2), "ios"))["id"].(string)
	for _, who := range []string{"ada", "uri", "ben"} {
		for _, id := range []string{una, pat} {
			c.want(404, who, "DELETE", "/v1/me/devices/"+id, "")
		}
	}
	for _, who := range []string{"pia", "pol"} {
		for _, id := range []string{una, pat} {
			c.want(404, who, "DELETE", "/v1/portal/push-tokens/"+id, "")
		}
	}
	for _, who := range []string{"una", "ada"} {
		ds, err := c.db.As(c.actors[who]).Devices(t.Context(), c.id(who), store.Page{Limit: 10})
		if err != nil || len(ds) != map[string]int{"una": 1, "ada": 0}[who] {
			t.Errorf("%s has %v, %v", who, ds, err)
		}
	}
}
