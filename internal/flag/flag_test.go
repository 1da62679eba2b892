package flag_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/flag"
)

func TestRead(t *testing.T) {
	tests := []struct {
		json string
		kind flag.Kind
		rule string // that it breaks
	}{
		{`true`, flag.Boolean, ""},
		{`false`, flag.Boolean, ""},
		{`0`, flag.Number, ""},
		{`-1.5e3`, flag.Number, ""},
		{`""`, flag.String, ""},
		{`"` + strings.Repeat("é", 1000) + `"`, flag.String, ""},
		{`"` + strings.Repeat("é", 1001) + `"`, "", "maxLength"},
		{`{}`, flag.JSON, ""},
		{`[1,{"a":null}]`, flag.JSON, ""},
		{`["` + strings.Repeat("x", 8<<10-4) + `"]`, flag.JSON, ""},
		{`["` + strings.Repeat("x", 8<<10-3) + `"]`, "", "maxBytes"},
		{`null`, "", "type"},
	}
	for _, tt := range tests {
		var v any
		if err := json.Unmarshal([]byte(tt.json), &v); err != nil {
			t.Fatal(err)
		}
		kind, err := flag.Read(v)
		var rule string
		if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields()) == 1 {
			rule = f.Fields()[0].Rule
		}
		if kind != tt.kind || rule != tt.rule || (err == nil) != (tt.rule == "") {
			t.Errorf("%.30s: %s, %v", tt.json, kind, err)
		}
	}
}

func TestCheckKey(t *testing.T) {
	for key, good := range map[string]bool{
		"a": true, "rooms.guest_invitations": true, "new-quote.v2": true, "a.b.c": true, strings.Repeat("a", 64): true,
		"": false, "A": false, "1a": false, ".a": false, "a.": false, "a..b": false, "a b": false, "a/b": false, "é": false, strings.Repeat("a", 65): false,
	} {
		if err := flag.CheckKey(key); (err == nil) != good {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, f := range flag.BuiltIn() {
		if err := flag.CheckKey(f.Key); err != nil {
			t.Errorf("built in: %q: %v", f.Key, err)
		}
		if kind, err := flag.Read(f.Value); err != nil || kind != f.Kind || f.Description == "" || flag.CheckDescription(f.Description) != nil {
			t.Errorf("built in: %v: %v", f, err)
		}
	}
}

func TestValues(t *testing.T) {
	us, they := access.NewOrgID(time.Now()), access.NewOrgID(time.Now().Add(time.Second))
	v := flag.Values{}
	if got, from := v.Of(us, flag.GuestInvitations); got != true || from != flag.FromBuiltIn || !v.Bool(us, flag.GuestInvitations) {
		t.Errorf("built in: %v from %s", got, from)
	}
	if got, _ := v.Of(us, "unknown"); got != nil || v.Bool(us, "unknown") {
		t.Errorf("unknown: %v", got)
	}
	v = flag.Values{
		Global:    map[string]any{flag.GuestInvitations: false, "limit": 5.0},
		Overrides: map[access.OrgID]map[string]any{us: {flag.GuestInvitations: true, "limit": 7.0, "deleted": true}},
	}
	for _, tt := range []struct {
		org  access.OrgID
		key  string
		want any
		from flag.Source
	}{
		{us, flag.GuestInvitations, true, flag.FromOverride},
		{they, flag.GuestInvitations, false, flag.FromGlobal},
		{us, "limit", 7.0, flag.FromOverride},
		{they, "limit", 5.0, flag.FromGlobal},
		{us, "deleted", nil, flag.FromBuiltIn},
	} {
		if got, from := v.Of(tt.org, tt.key); got != tt.want || from != tt.from {
			t.Errorf("%s = %v from %s, want %v from %s", tt.key, got, from, tt.want, tt.from)
		}
	}
	if v.Bool(us, "limit") {
		t.Error("a number is on")
	}
}
