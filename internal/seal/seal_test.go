package seal_test

import (
	"errors"
	"fmt"
	"sync"
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

// TestRingLearns: a key that is learned opens and can be asked to seal, while
// others use the ring; the first key stays the one that seals.
func TestRingLearns(t *testing.T) {
	old, fresh := seal.NewKey("a"), seal.NewKey("b")
	r := ring(t, old)
	sealed := ring(t, fresh).Seal([]byte("secret"), "row 1")
	if _, err := r.Open(sealed, "row 1"); !errors.Is(err, seal.ErrKey) {
		t.Fatalf("an unknown key: err = %v", err)
	}
	if _, err := r.SealWith("b", []byte("x"), ""); !errors.Is(err, seal.ErrKey) {
		t.Errorf("seal under an unknown key: err = %v", err)
	}
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			if err := r.Learn(fresh); err != nil {
				t.Error(err)
			}
			if got, err := r.Open(sealed, "row 1"); err != nil || string(got) != "secret" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	users.Wait()
	if err := r.Learn(seal.NewKey("a")); err != nil { // of the same name: not taken
		t.Fatal(err)
	}
	if got, err := ring(t, old).Open(r.Seal([]byte("x"), ""), ""); err != nil || string(got) != "x" {
		t.Errorf("the first key does not seal any more: %v", err)
	}
	under, err := r.SealWith("b", []byte("y"), "")
	if got, openErr := ring(t, fresh).Open(under, ""); err != nil || openErr != nil || string(got) != "y" {
		t.Errorf("sealed under the learned key: %v, %v", err, openErr)
	}
	if s := r.Learn("nonsense"); s == nil || len(r.Names()) != 2 || r.First() != "a" || !r.Has("b") {
		t.Errorf("%v, %v", s, r.Names())
	}
	if _, err := r.Open(sealed, "row 2"); errors.Is(err, seal.ErrKey) || !errors.Is(err, seal.ErrOpen) {
		t.Errorf("a known key, another context: err = %v", err)
	}
}

func TestMac(t *testing.T) {
	old, fresh := seal.NewKey("a"), seal.NewKey("b")
	before, after := ring(t, old), ring(t, fresh+","+old)
	mac := before.Mac("123456", "code 1")
	if string(before.Mac("123456", "code 1")) != string(mac) || string(ring(t, seal.NewKey("a")).Mac("123456", "code 1")) == string(mac) {
		t.Error("it is not of its key and text alone")
	}
	for name, tt := range map[string]struct {
		ring           *seal.Ring
		mac            []byte
		plain, context string
		want           bool
	}{
		"its own":             {before, mac, "123456", "code 1", true},
		"after rotation":      {after, mac, "123456", "code 1", true},
		"another text":        {before, mac, "123457", "code 1", false},
		"another context":     {before, mac, "123456", "code 2", false},
		"text and context":    {before, mac, "1123456", "code ", false},
		"a key that was lost": {ring(t, fresh), mac, "123456", "code 1", false},
		"empty":               {before, nil, "123456", "code 1", false},
		"only a name":         {before, mac[:2], "123456", "code 1", false},
		"a length that lies":  {before, []byte{200, 1}, "123456", "code 1", false},
	} {
		if got := tt.ring.IsMac(tt.mac, tt.plain, tt.context); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
