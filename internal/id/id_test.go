package id_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/id"
)

type thing struct{}

func (thing) Prefix() string { return "thg_" }

type other struct{}

func (other) Prefix() string { return "oth_" }

func TestRoundTrips(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 5e6, time.UTC)
	v := id.New[thing](at)
	if !v.Time().Equal(at) {
		t.Errorf("Time = %v, want %v", v.Time(), at)
	}
	p, err := id.Parse[thing](v.String())
	if err != nil || p != v {
		t.Errorf("Parse(String) = %v, %v", p, err)
	}
	u, err := id.ParseUUID[thing](v.UUID())
	if err != nil || u != v {
		t.Errorf("ParseUUID(UUID) = %v, %v", u, err)
	}
	b, _ := json.Marshal(map[string]id.ID[thing]{"a": v})
	var m map[string]id.ID[thing]
	if err := json.Unmarshal(b, &m); err != nil || m["a"] != v {
		t.Errorf("json: %v, %v", m, err)
	}
	for _, src := range []any{v.UUID(), [16]byte(v), v[:], []byte(v.UUID())} {
		var s id.ID[thing]
		if err := s.Scan(src); err != nil || s != v {
			t.Errorf("Scan(%T) = %v, %v", src, s, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := id.New[thing](time.UnixMilli(1)).String()
	for name, s := range map[string]string{
		"empty":        "",
		"prefix only":  "thg_",
		"other prefix": id.New[other](time.UnixMilli(1)).String(),
		"no prefix":    good[4:],
		"too long":     good + "0",
		"bad letter":   good[:10] + "!" + good[11:],
		"overflow":     "thg_" + strings.Repeat("Z", 26),
		"of nothing":   "thg_" + strings.Repeat("0", 26),
	} {
		if _, err := id.Parse[thing](s); !errors.Is(err, id.ErrMalformed) {
			t.Errorf("%s: err = %v, want ErrMalformed", name, err)
		}
	}
	if _, err := id.ParseLoose[thing]("0196d3a0-0000-7000-8000-00000000000g"); !errors.Is(err, id.ErrMalformed) {
		t.Errorf("bad uuid: %v", err)
	}
}

func TestParseLooseRefusesNothing(t *testing.T) {
	if _, err := id.ParseLoose[thing]("00000000-0000-0000-0000-000000000000"); !errors.Is(err, id.ErrMalformed) {
		t.Errorf("err = %v, want ErrMalformed", err)
	}
}

func TestIDsOfOneMillisecondSort(t *testing.T) {
	at := time.Unix(1, 0)
	last := ""
	for range 10_000 {
		s := id.New[thing](at).String()
		if s <= last {
			t.Fatalf("%s after %s", s, last)
		}
		last = s
	}
}

func FuzzParse(f *testing.F) {
	f.Add("thg_01ARZ3NDEKTSV4RRFFQ69G5FAV")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := id.Parse[thing](s)
		if err == nil && !strings.EqualFold(v.String(), s) && !v.IsZero() {
			t.Errorf("Parse(%q) = %q", s, v)
		}
	})
}
