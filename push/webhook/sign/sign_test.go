package sign_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push/webhook/sign"
)

// A vector is one published case.
type vector struct {
	Name      string
	Secret    string
	ID        string
	Timestamp int64
	Body      []byte // base64 in the file
	Plain     string
	Signature string
}

func (v vector) at() time.Time { return time.Unix(v.Timestamp, 0) }

func (v vector) header() http.Header {
	h := http.Header{}
	h.Set(sign.ID, v.ID)
	h.Set(sign.Timestamp, strconv.FormatInt(v.Timestamp, 10))
	if v.Plain != "" {
		h.Set(sign.Plain, v.Plain)
	}
	if v.Signature != "" {
		h.Set(sign.Signature, v.Signature)
	}
	return h
}

func vectors(t *testing.T) (valid, invalid []vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Valid, Invalid []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Valid) < 8 || len(file.Invalid) < 8 {
		t.Fatalf("vectors.json has %d valid and %d invalid cases, want 8 of each at least", len(file.Valid), len(file.Invalid))
	}
	return file.Valid, file.Invalid
}

func TestVectors(t *testing.T) {
	valid, invalid := vectors(t)
	for _, v := range valid {
		t.Run(v.Name, func(t *testing.T) {
			h, err := sign.Headers([]string{v.Secret}, v.ID, v.at(), v.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.Get(sign.Plain); got != v.Plain {
				t.Errorf("plain = %s, want %s", got, v.Plain)
			}
			if got := h.Get(sign.Signature); got != v.Signature {
				t.Errorf("signature = %s, want %s", got, v.Signature)
			}
			if err := sign.Verify(v.Secret, v.header(), v.Body, v.at(), 0); err != nil {
				t.Errorf("Verify: %v", err)
			}
			if err := sign.VerifyPlain(v.Secret, v.header(), v.Body); err != nil {
				t.Errorf("VerifyPlain: %v", err)
			}
		})
	}
	for _, v := range invalid {
		t.Run(v.Name, func(t *testing.T) {
			if err := sign.Verify(v.Secret, v.header(), v.Body, v.at(), time.Hour); !errors.Is(err, sign.ErrMismatch) && !errors.Is(err, sign.ErrMissing) {
				t.Errorf("Verify = %v, want a refusal", err)
			}
			if err := sign.VerifyPlain(v.Secret, v.header(), v.Body); !errors.Is(err, sign.ErrMismatch) && !errors.Is(err, sign.ErrMissing) {
				t.Errorf("VerifyPlain = %v, want a refusal", err)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	secret, other := sign.NewSecret(), sign.NewSecret()
	body := []byte(`{"type":"policy.bound"}`)
	at := time.Unix(1_772_980_320, 0)
	signed, err := sign.Headers([]string{secret}, "evt_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	v1 := signed.Get(sign.Signature)
	tests := []struct {
		name    string
		secret  string
		change  func(http.Header)
		now     time.Time
		wantErr error
	}{
		{"as sent", secret, nil, at, nil},
		{"five minutes late", secret, nil, at.Add(5 * time.Minute), nil},
		{"five minutes early", secret, nil, at.Add(-5 * time.Minute), nil},
		{"a second later than that", secret, nil, at.Add(5*time.Minute + time.Second), sign.ErrTime},
		{"a second earlier than that", secret, nil, at.Add(-5*time.Minute - time.Second), sign.ErrTime},
		{"another secret", other, nil, at, sign.ErrMismatch},
		{"the secret without whsec_", strings.TrimPrefix(secret, sign.Prefix), nil, at, sign.ErrSecret},
		{"no secret", "", nil, at, sign.ErrSecret},
		{"another id", secret, set(sign.ID, "evt_2"), at, sign.ErrMismatch},
		{"a dot moved from the id to the timestamp", secret, set(sign.ID, "evt_1."+signed.Get(sign.Timestamp)), at, sign.ErrMismatch},
		{"a newer timestamp on an old signature", secret, set(sign.Timestamp, "1772980999"), at, sign.ErrMismatch},
		{"the timestamp written otherwise", secret, set(sign.Timestamp, "+1772980320"), at, sign.ErrMismatch},
		{"a timestamp of words", secret, set(sign.Timestamp, "now"), at, sign.ErrMismatch},
		{"a timestamp beyond numbers", secret, set(sign.Timestamp, "99999999999999999999"), at, sign.ErrMismatch},
		{"no id", secret, func(h http.Header) { h.Del(sign.ID) }, at, sign.ErrMissing},
		{"no timestamp", secret, func(h http.Header) { h.Del(sign.Timestamp) }, at, sign.ErrMissing},
		{"no signature", secret, func(h http.Header) { h.Del(sign.Signature) }, at, sign.ErrMissing},
		{"only spaces", secret, set(sign.Signature, "  "), at, sign.ErrMissing},
		{"beside those of other keys and versions", secret, set(sign.Signature, "v1a,AAAA v1,AAAA v2 "+v1), at, nil},
		{"after more signatures than are looked at", secret, set(sign.Signature, strings.Repeat("v1,AAAA ", 16)+v1), at, sign.ErrMismatch},
		{"without its version", secret, set(sign.Signature, strings.TrimPrefix(v1, "v1,")), at, sign.ErrMismatch},
		{"empty v1", secret, set(sign.Signature, "v1,"), at, sign.ErrMismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := signed.Clone()
			if tt.change != nil {
				tt.change(h)
			}
			if err := sign.Verify(tt.secret, h, body, tt.now, sign.Tolerance); !errors.Is(err, tt.wantErr) {
				t.Errorf("err = %v, want %v", err, tt.wantErr)
			}
		})
	}
}

func TestVerifyPlain(t *testing.T) {
	secret := sign.NewSecret()
	body := []byte("{}")
	signed, err := sign.Headers([]string{secret}, "evt_1", time.Unix(1, 0), body)
	if err != nil {
		t.Fatal(err)
	}
	good := signed.Get(sign.Plain)
	tests := []struct {
		name    string
		secret  string
		values  []string
		wantErr error
	}{
		{"as sent", secret, []string{good}, nil},
		{"twice", secret, []string{good, good}, sign.ErrMismatch},
		{"in capitals", secret, []string{strings.ToUpper(good)}, sign.ErrMismatch},
		{"without sha256=", secret, []string{strings.TrimPrefix(good, "sha256=")}, sign.ErrMismatch},
		{"none", secret, nil, sign.ErrMissing},
		{"no secret", "", []string{good}, sign.ErrSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{http.CanonicalHeaderKey(sign.Plain): tt.values}
			if err := sign.VerifyPlain(tt.secret, h, body); !errors.Is(err, tt.wantErr) {
				t.Errorf("err = %v, want %v", err, tt.wantErr)
			}
		})
	}
}

func TestSeveralSecrets(t *testing.T) {
	first, second, stranger := sign.NewSecret(), sign.NewSecret(), sign.NewSecret()
	body := []byte("{}")
	at := time.Unix(1_772_980_320, 0)
	h, err := sign.Headers([]string{first, second}, "evt_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{first, second} {
		if err := sign.Verify(secret, h, body, at, 0); err != nil {
			t.Errorf("one of the two keys is refused: %v", err)
		}
	}
	if err := sign.Verify(stranger, h, body, at, 0); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("a third key: %v, want %v", err, sign.ErrMismatch)
	}
	if err := sign.VerifyPlain(first, h, body); err != nil {
		t.Errorf("the plain signature is not the first key's: %v", err)
	}
}

func TestHeadersRefuse(t *testing.T) {
	secret := sign.NewSecret()
	of := func(n int) string { return sign.Prefix + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	tests := []struct {
		name    string
		secrets []string
		id      string
		wantErr error
	}{
		{"good", []string{secret}, "evt_01J8K3M4N5P6Q7R8S9T0V1W2X3", nil},
		{"24 bytes", []string{of(24)}, "evt_1", nil},
		{"64 bytes", []string{of(64)}, "evt_1", nil},
		{"23 bytes", []string{of(23)}, "evt_1", sign.ErrSecret},
		{"65 bytes", []string{of(65)}, "evt_1", sign.ErrSecret},
		{"no secret", nil, "evt_1", sign.ErrNoKey},
		{"an empty secret", []string{""}, "evt_1", sign.ErrSecret},
		{"a secret without whsec_", []string{strings.TrimPrefix(secret, sign.Prefix)}, "evt_1", sign.ErrSecret},
		{"a secret with a newline", []string{secret[:20] + "\n" + secret[20:]}, "evt_1", sign.ErrSecret},
		{"a secret that is not base64", []string{"whsec_!!!"}, "evt_1", sign.ErrSecret},
		{"a bad second secret", []string{secret, "whsec_"}, "evt_1", sign.ErrSecret},
		{"no id", []string{secret}, "", sign.ErrID},
		{"an id with a dot", []string{secret}, "evt.1", sign.ErrID},
		{"an id that ends the header", []string{secret}, "evt_1\r\nX: y", sign.ErrID},
		{"an id too long", []string{secret}, strings.Repeat("a", 129), sign.ErrID},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := sign.Headers(tt.secrets, tt.id, time.Unix(1, 0), nil); !errors.Is(err, tt.wantErr) {
				t.Errorf("err = %v, want %v", err, tt.wantErr)
			}
		})
	}
}

func TestNewSecret(t *testing.T) {
	a, b := sign.NewSecret(), sign.NewSecret()
	if a == b {
		t.Error("two secrets are the same")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(a, "whsec_"))
	if err != nil || len(key) != 32 || !strings.HasPrefix(a, "whsec_") {
		t.Errorf("secret has %d bytes, %v; want whsec_ and 32", len(key), err)
	}
}
