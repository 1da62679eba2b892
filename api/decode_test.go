package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func FuzzCursor(f *testing.F) {
	f.Add("eyJ0IjoiMjAyNi0wMy0wMlQxMjowMDowMFoiLCJpIjoiQUFBQUFBQUFBQUFBQUFBQUFBQUFBQT09In0")
	f.Fuzz(func(t *testing.T, s string) {
		var c, again Cursor
		if c.UnmarshalText([]byte(s)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(c.String())); err != nil || again != c {
			t.Errorf("%q: %v, then %v, %v", s, c, again, err)
		}
	})
}

func FuzzMoney(f *testing.F) {
	f.Add("14250.5")
	f.Add("-1.5e3")
	f.Fuzz(func(t *testing.T, s string) {
		var m, again Money
		if !json.Valid([]byte(s)) || m.UnmarshalJSON([]byte(s)) != nil {
			return
		}
		b, _ := m.MarshalJSON()
		if err := again.UnmarshalJSON(b); err != nil || again != m {
			t.Errorf("%q: %d, then %s, %d, %v", s, m, b, again, err)
		}
	})
}

// Whatever cannot be decoded must be blamed on a field, and filling must not
// panic.
func FuzzFill(f *testing.F) {
	f.Add(okToy + `,"at":"x","parts":[{"amount":"x"}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		if !soundJSON([]byte(s)) {
			return
		}
		var v toyBody
		err := json.Unmarshal([]byte(s), &v)
		var filled toyBody
		fields := fill(reflect.ValueOf(&filled).Elem(), []byte(s), "")
		if len(fields) > 0 && err == nil {
			t.Errorf("%q: blamed %v for nothing", s, fields)
		}
		for _, field := range fields {
			if field.Field == "" || field.Rule == "" || strings.Contains(field.Rule, mark) {
				t.Errorf("%q: %+v", s, field)
			}
		}
	})
}
