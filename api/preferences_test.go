package api

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store/storetest"
)

// everyCategory is what somebody who switched off nothing but some has.
func everyCategory(off map[string]string) []any {
	var out []any
	for _, c := range event.Categories {
		out = append(out, map[string]any{"category": c, "push": !strings.Contains(off[c], "p"), "mail": !strings.Contains(off[c], "m")})
	}
	return out
}

const (
	aRoomID       = "room_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	anotherRoomID = "room_01J8K3M4N5P6Q7R8S9T0V1W2X4"
)

func TestPreferences(t *testing.T) {
	for _, who := range []string{"una", "pat"} {
		t.Run(who, func(t *testing.T) {
			c := newPeople(t)
			path := c.own(who) + "/preferences"
			nothing := map[string]any{"locale": nil, "categories": everyCategory(nil), "mutedRooms": []any{}, "quietHours": nil}
			status, got, h := c.as(who, "GET", path, "")
			if status != 200 || h.Get("ETag") != `"0"` || !reflect.DeepEqual(got, nothing) {
				t.Errorf("who never said anything: %d %s %v", status, h.Get("ETag"), got)
			}
			put := `{"locale":"es-mx","categories":[{"category":"billing","push":false,"mail":true},{"category":"rooms","push":false,"mail":false},{"category":"claims","push":true,"mail":true}],
				"mutedRooms":["` + aRoomID + `","` + strings.ToLower(anotherRoomID) + `"],"quietHours":{"from":"22:00","until":"07:05","timezone":"America/Tijuana"}}`
			want := map[string]any{
				"locale": "es-MX", "categories": everyCategory(map[string]string{"billing": "p", "rooms": "pm"}), "mutedRooms": []any{aRoomID, anotherRoomID},
				"quietHours": map[string]any{"from": "22:00", "until": "07:05", "timezone": "America/Tijuana"},
			}
			if got := c.want(200, who, "PUT", path, put, "If-Match", `"0"`); !reflect.DeepEqual(got, want) {
				t.Errorf("said %v, want %v", got, want)
			}
			status, got, h = c.as(who, "GET", path, "")
			if status != 200 || h.Get("ETag") != `"1"` || !reflect.DeepEqual(got, want) {
				t.Errorf("read %s %v, want %v", h.Get("ETag"), got, want)
			}
			if m := c.want(412, who, "PUT", path, "{}", "If-Match", `"0"`); m["error"] != "stale_version" {
				t.Errorf("stale: %v", m)
			}
			// Others have what they had.
			for _, other := range []string{"uri", "ben", "pia", "pol"} {
				if got := c.want(200, other, "GET", c.own(other)+"/preferences", ""); !reflect.DeepEqual(got, nothing) {
					t.Errorf("%s has %v", other, got)
				}
			}
			// What is left out is as if it had never been said, and null as well.
			if got := c.want(200, who, "PUT", path, `{"locale":null,"quietHours":null}`, "If-Match", `"1"`); !reflect.DeepEqual(got, nothing) {
				t.Errorf("taken back: %v", got)
			}
			if _, _, h := c.as(who, "GET", path, ""); h.Get("ETag") != `"2"` {
				t.Errorf("ETag %s", h.Get("ETag"))
			}
		})
	}
}

// TestPreferencesReachTheFanOut: what he says is what the fan-out reads.
func TestPreferencesReachTheFanOut(t *testing.T) {
	c := newPeople(t)
	c.want(200, "una", "PUT", "/v1/me/preferences", `{"categories":[{"category":"billing","push":false,"mail":true}],"mutedRooms":["`+aRoomID+`"],
		"quietHours":{"from":"22:30","until":"07:05","timezone":"UTC"}}`)
	got, err := c.db.As(c.una).Preferences(t.Context(), c.una.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Allows("billing", push.FCM) || !got.Allows("billing", push.Mail) || !got.Muted(aRoomID) || got.Muted(anotherRoomID) || *got.Quiet != (push.QuietHours{From: 22*60 + 30, Until: 7*60 + 5, Timezone: "UTC"}) {
		t.Errorf("%+v", got)
	}
	row := storetest.Value[string](t, c.db, `SELECT format('%s %s %s %s %s', no_push, no_mail, muted, quiet_from, quiet_until) FROM preference`)
	if want := fmt.Sprintf("{billing} {} {%s} 1350 425", uuidOf[push.ID](t, "dlv_"+strings.TrimPrefix(aRoomID, "room_"))); row != want {
		t.Errorf("the row is %s, want %s", row, want)
	}
}

// TestPreferencesAtOnce: of many who save at once without an ETag all succeed,
// one after the other; of those who name the same one, one does.
func TestPreferencesAtOnce(t *testing.T) {
	c := newPeople(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if status, m, err := c.try("una", "PUT", "/v1/me/preferences", `{"locale":"es"}`); err != nil || status != 200 {
				t.Errorf("%d %v %v", status, m, err)
			}
		})
	}
	all.Wait()
	if _, _, h := c.as("una", "GET", "/v1/me/preferences", ""); h.Get("ETag") != `"8"` {
		t.Errorf("ETag %s after eight", h.Get("ETag"))
	}
	var saved, stale int
	var mu sync.Mutex
	for range 8 {
		all.Go(func() {
			status, _, err := c.try("una", "PUT", "/v1/me/preferences", `{"locale":"en"}`, "If-Match", `"8"`)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && status == 200:
				saved++
			case err == nil && status == 412:
				stale++
			default:
				t.Errorf("%d %v", status, err)
			}
		})
	}
	all.Wait()
	if saved != 1 || stale != 7 {
		t.Errorf("%d saved, %d stale", saved, stale)
	}
}

func TestPreferencesBadInput(t *testing.T) {
	c := newPeople(t)
	hours := func(from, until, zone string) string {
		return fmt.Sprintf(`{"quietHours":{"from":%q,"until":%q,"timezone":%q}}`, from, until, zone)
	}
	many := `{"mutedRooms":["` + strings.Repeat(aRoomID+`","`, push.MostMuted) + aRoomID + `"]}`
	for name, tt := range map[string]struct{ body, field, rule string }{
		"no language":             {`{"locale":"english!"}`, "locale", "locale"},
		"endless language":        {`{"locale":"` + strings.Repeat("x", 36) + `"}`, "locale", "maxLength"},
		"unknown category":        {`{"categories":[{"category":"weather","push":true,"mail":true}]}`, "categories[0].category", "enum"},
		"category twice":          {`{"categories":[{"category":"rooms","push":true,"mail":true},{"category":"rooms","push":false,"mail":true}]}`, "categories[1].category", "unique"},
		"half a category":         {`{"categories":[{"category":"rooms","push":true}]}`, "categories[0].mail", "required"},
		"an unknown way":          {`{"categories":[{"category":"rooms","push":true,"mail":true,"sms":true}]}`, "categories[0].sms", "unknown"},
		"categories as an object": {`{"categories":{"rooms":false}}`, "categories", "type"},
		"no room":                 {`{"mutedRooms":["pol_01J8K3M4N5P6Q7R8S9T0V1W2X3"]}`, "mutedRooms[0]", "id"},
		"an empty room":           {`{"mutedRooms":["` + aRoomID + `",""]}`, "mutedRooms[1]", "id"},
		"a room twice":            {`{"mutedRooms":["` + aRoomID + `","` + strings.ToLower(aRoomID) + `"]}`, "mutedRooms[1]", "unique"},
		"too many rooms":          {many, "mutedRooms", "maxItems"},
		"no clock":                {hours("24:00", "07:00", "UTC"), "quietHours.from", "pattern"},
		"no clock at the end":     {hours("22:00", "7:00", "UTC"), "quietHours.until", "pattern"},
		"never ending":            {hours("22:00", "22:00", "UTC"), "quietHours.until", "different"},
		"no timezone":             {hours("22:00", "07:00", "Mars/Olympus"), "quietHours.timezone", "timezone"},
		"the server's own":        {hours("22:00", "07:00", "Local"), "quietHours.timezone", "timezone"},
		"an empty timezone":       {hours("22:00", "07:00", ""), "quietHours.timezone", "minLength"},
		"timezone left out":       {`{"quietHours":{"from":"22:00","until":"07:00"}}`, "quietHours.timezone", "required"},
		"minutes":                 {`{"quietHours":{"from":1320,"until":420,"timezone":"UTC"}}`, "quietHours.from", "type"},
		"unknown field":           {`{"sound":"loud"}`, "sound", "unknown"},
		"a list":                  {`[]`, "body", "type"},
		"nothing":                 {``, "body", "required"},
	} {
		for _, who := range []string{"una", "pat"} {
			m := c.want(400, who, "PUT", c.own(who)+"/preferences", tt.body)
			d, _ := m["details"].(map[string]any)
			if m["error"] != "validation_failed" || d["field"] != tt.field || d["rule"] != tt.rule {
				t.Errorf("%s: %v, want %s %s", name, m, tt.field, tt.rule)
			}
		}
	}
	if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM preference`); n != 0 {
		t.Errorf("%d rows of nothing but bad input", n)
	}
}
