package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/store/storetest"
)

const guestFlag = "/v1/flags/rooms.guest_invitations"

// flagIn is one flag of an answer that lists them.
func flagIn(t *testing.T, list map[string]any, key string) map[string]any {
	t.Helper()
	for _, row := range rows(list) {
		if f := row.(map[string]any); f["key"] == key {
			return f
		}
	}
	t.Fatalf("no %s in %v", key, list)
	return nil
}

func TestFlags(t *testing.T) {
	c := newCast(t)
	f := flagIn(t, c.want(200, "una", "GET", "/v1/flags", ""), "rooms.guest_invitations")
	if f["value"] != true || f["source"] != "built_in" || f["type"] != "boolean" || f["updatedAt"] != nil || f["description"] == "" {
		t.Errorf("untouched: %v", f)
	}
	f = c.want(200, "ada", "PUT", guestFlag, `{"value":false}`)
	if f["value"] != false || f["default"] != true || f["source"] != "override" || f["updatedBy"] != c.id("ada") || f["updatedAt"] == nil {
		t.Errorf("set: %v", f)
	}
	if got := flagIn(t, c.want(200, "una", "GET", "/v1/flags", ""), "rooms.guest_invitations"); fmt.Sprint(got) != fmt.Sprint(f) {
		t.Errorf("listed: %v", got)
	}
	for _, who := range []string{"mel", "ben"} {
		if other := flagIn(t, c.want(200, who, "GET", "/v1/flags", ""), "rooms.guest_invitations"); other["value"] != true || other["source"] != "built_in" {
			t.Errorf("%s of another company: %v", who, other)
		}
	}
	c.want(204, "ada", "DELETE", guestFlag, "")
	c.want(204, "ada", "DELETE", guestFlag, "")
	if f := flagIn(t, c.want(200, "una", "GET", "/v1/flags", ""), "rooms.guest_invitations"); f["value"] != true || f["source"] != "built_in" {
		t.Errorf("unset: %v", f)
	}
	if log := c.want(200, "ada", "GET", "/v1/audit?action=flag.set", ""); len(rows(log)) != 1 || fmt.Sprint(rows(log)[0].(map[string]any)["details"]) != "map[key:rooms.guest_invitations value:false]" {
		t.Errorf("audit: %v", log)
	}
	if log := c.want(200, "ada", "GET", "/v1/audit?action=flag.unset", ""); len(rows(log)) != 1 {
		t.Errorf("audit: %v", log)
	}
}

// global asks as the system, naming no organisation.
func (c *cast) global(status int, method, path, body string) map[string]any {
	c.t.Helper()
	got, m, _ := c.call(worldSecret, method, path+"?scope=global", body)
	if got != status {
		c.t.Fatalf("%s %s %s = %d %v, want %d", method, path, body, got, m, status)
	}
	return m
}

func TestGlobalFlags(t *testing.T) {
	c := newCast(t)
	f := c.global(200, "PUT", "/v1/flags/quote.days", `{"value":45,"description":"How long."}`)
	if f["type"] != "number" || f["value"] != 45.0 || f["source"] != "global" || f["description"] != "How long." || f["updatedBy"] != "system" {
		t.Errorf("added: %v", f)
	}
	if f := c.global(200, "PUT", "/v1/flags/quote.days", `{"value":60}`); f["value"] != 60.0 || f["description"] != "How long." {
		t.Errorf("changed: %v", f)
	}
	if f := c.want(200, "mel", "PUT", "/v1/flags/quote.days", `{"value":7}`); f["value"] != 7.0 || f["default"] != 60.0 || f["source"] != "override" {
		t.Errorf("overridden: %v", f)
	}
	if f := flagIn(t, c.want(200, "una", "GET", "/v1/flags", ""), "quote.days"); f["value"] != 60.0 || f["source"] != "global" {
		t.Errorf("elsewhere: %v", f)
	}
	if f := flagIn(t, c.global(200, "GET", "/v1/flags", ""), "quote.days"); f["value"] != 60.0 {
		t.Errorf("of all: %v", f)
	}
	if got := c.want(422, "mel", "PUT", "/v1/flags/quote.days", `{"value":"7"}`); got["error"] != "flag_kind" || got["details"].(map[string]any)["kind"] != "number" {
		t.Errorf("another kind: %v", got)
	}
	if got := c.global(422, "PUT", "/v1/flags/quote.days", `{"value":true}`); got["error"] != "flag_kind" {
		t.Errorf("another kind: %v", got)
	}
	c.global(204, "DELETE", "/v1/flags/quote.days", "")
	c.global(404, "DELETE", "/v1/flags/quote.days", "")
	c.want(404, "mel", "PUT", "/v1/flags/quote.days", `{"value":7}`)
	// What was overridden does not come back with the name.
	c.global(200, "PUT", "/v1/flags/quote.days", `{"value":"a"}`)
	if f := flagIn(t, c.want(200, "mel", "GET", "/v1/flags", ""), "quote.days"); f["value"] != "a" || f["source"] != "global" {
		t.Errorf("made again: %v", f)
	}
	// One that is built in goes back to what it was.
	c.global(200, "PUT", guestFlag, `{"value":false}`)
	if f := flagIn(t, c.want(200, "una", "GET", "/v1/flags", ""), "rooms.guest_invitations"); f["value"] != false || f["source"] != "global" {
		t.Errorf("built in, set for all: %v", f)
	}
	c.global(204, "DELETE", guestFlag, "")
	c.global(204, "DELETE", guestFlag, "")
	if f := flagIn(t, c.want(200, "una", "GET", "/v1/flags", ""), "rooms.guest_invitations"); f["value"] != true || f["source"] != "built_in" {
		t.Errorf("built in, unset: %v", f)
	}
	status, m, _ := c.call(worldSecret, "GET", "/v1/audit?action=flag.set", "")
	if status != 200 || len(rows(m)) != 4 {
		t.Errorf("the platform's log: %d %v", status, m)
	}
}

func TestBadFlags(t *testing.T) {
	c := newCast(t)
	for body, want := range map[string]string{
		`{}`:                                  "value required",
		`{"value":null}`:                      "value type",
		`{"value":true,"description":"mine"}`: "description unexpected",
	} {
		got := c.want(400, "ada", "PUT", guestFlag, body)
		d, _ := got["details"].(map[string]any)
		if fmt.Sprint(d["field"], " ", d["rule"]) != want {
			t.Errorf("%s: %v, want %s", body, got, want)
		}
	}
	if got := c.want(422, "ada", "PUT", guestFlag, `{"value":"false"}`); got["error"] != "flag_kind" {
		t.Errorf("a string: %v", got)
	}
	if got := c.global(422, "PUT", guestFlag, `{"value":true,"description":"mine"}`); got["error"] != "flag_built_in" {
		t.Errorf("described: %v", got)
	}
	c.global(400, "PUT", "/v1/flags/NotAKey", `{"value":true}`)
	c.want(404, "ada", "PUT", "/v1/flags/unknown", `{"value":true}`)
	c.want(404, "ada", "DELETE", "/v1/flags/unknown", "")
	c.want(400, "ada", "GET", "/v1/flags?scope=all", "")
	if status, m, _ := c.call(worldSecret, "GET", "/v1/flags", ""); status != 400 {
		t.Errorf("of no organization: %d %v", status, m)
	}
	storetest.SQL(t, c.db, `INSERT INTO flag (key, kind, value, updated_at, updated_by) SELECT 'k' || n, 'boolean', 'true', now(), 'system' FROM generate_series(1, 200) n`)
	if got := c.global(422, "PUT", "/v1/flags/one.more", `{"value":true}`); got["error"] != "too_many_flags" || got["details"].(map[string]any)["limit"] != 200.0 {
		t.Errorf("one too many: %v", got)
	}
	c.global(200, "PUT", "/v1/flags/k7", `{"value":false}`)
}

func TestWhoSetsFlags(t *testing.T) {
	c := newCast(t)
	c.addKey("flags", "flags:write")
	c.addKey("flagsReader", "flags:read")
	c.insure("pat", c.una.Org)
	for who, want := range map[string][4]int{ // list, set, unset, for all
		"ada": {200, 200, 204, 403}, "una": {200, 403, 403, 403}, "abe": {200, 403, 403, 403}, "vic": {200, 403, 403, 403},
		"mel": {200, 200, 204, 403}, "bob": {200, 403, 403, 403}, "flags": {200, 403, 403, 403}, "flagsReader": {200, 403, 403, 403},
		"key": {403, 403, 403, 403}, "system": {200, 200, 204, 0}, "pat": {404, 404, 404, 403}, "nobody": {401, 401, 401, 401},
	} {
		got := [4]int{}
		got[0], _, _ = c.as(who, "GET", "/v1/flags", "")
		got[1], _, _ = c.as(who, "PUT", guestFlag, `{"value":false}`)
		got[2], _, _ = c.as(who, "DELETE", guestFlag, "")
		if who != "system" {
			got[3], _, _ = c.as(who, "PUT", guestFlag+"?scope=global", `{"value":false}`)
		}
		if got != want {
			t.Errorf("%s: %v, want %v", who, got, want)
		}
	}
}

// TestGuestsOff switches off what the flag is about, on the server that heeds it.
func TestGuestsOff(t *testing.T) {
	p := newPlace(t)
	invite := func(n int) (int, string) {
		status, m := p.do("una", "POST", "/participants", fmt.Sprintf(`{"email":"g%d@example.net","role":"broker"}`, n))
		code, _ := m["error"].(string)
		return status, code
	}
	if status, code := invite(0); status != 202 {
		t.Fatalf("on: %d %s", status, code)
	}
	p.must(200, p.as["ada"], "PUT", guestFlag, `{"value":false}`)
	if status, code := invite(1); status != 422 || code != "guests_off" {
		t.Errorf("off: %d %s", status, code)
	}
	p.must(204, p.as["ada"], "DELETE", guestFlag, "")
	if status, code := invite(1); status != 202 {
		t.Errorf("on again: %d %s", status, code)
	}
	if strings.Contains(p.log.String(), "example.net") {
		t.Error("the log holds an address")
	}
}
