package seal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/openinsure/openinsure/internal/seal"
)

func TestRing(t *testing.T) {
	old, fresh := seal.NewKey("a"), seal.NewKey("b")
	before := ring(t, old)
	sealed := before.Seal([]byte("secret"), "row 1")
	after := ring(t, fresh+","+old)
	if got, err := after.Open(sealed, "row 1"); err != nil || string(got) != "secret" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
	if _, err := before.Open(after.Seal([]byte("x"), ""), ""); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("a ring without the key: err = %v", err)
	}
	if _, err := after.Open(sealed, "row 2"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("another context: err = %v", err)
	}
	for i := range sealed {
		bad := append([]byte(nil), sealed...)
		bad[i] ^= 1
		if _, err := after.Open(bad, "row 1"); !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("byte %d changed: err = %v", i, err)
		}
	}
	if s := fmt.Sprint(after); s != "***" {
		t.Errorf("prints as %q", s)
	}
}

func TestParseRingRefuses(t *testing.T) {
	for name, s := range map[string]string{"empty": "", "no id": ":AAAA", "short": "a:AAAA", "twice": seal.NewKey("a") + "," + seal.NewKey("a")} {
		if _, err := seal.ParseRing(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func ring(t *testing.T, s string) *seal.Ring {
	t.Helper()
	r, err := seal.ParseRing(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
