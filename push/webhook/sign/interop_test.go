package sign_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/openinsure/openinsure/push/webhook/sign"
)

// needs fails the test when a program is missing.
func needs(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: .ci/run installs what the tests need", err)
	}
	return path
}

func TestStandardWebhooksLibraryAgrees(t *testing.T) {
	secret, next := sign.NewSecret(), sign.NewSecret()
	body := []byte(`{"type":"policy.bound","data":{"insuredName":"Müller 保険"}}`)
	h, err := sign.Headers([]string{secret, next}, "evt_01J8K3M4N5P6Q7R8S9T0V1W2X3", time.Now(), body)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, next} {
		theirs, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.Verify(body, h); err != nil {
			t.Errorf("refused: %v", err)
		}
		if err := theirs.Verify(append(bytes.Clone(body), ' '), h); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
			t.Errorf("a changed body: %v, want %v", err, standardwebhooks.ErrNoMatchingSignature)
		}
	}

	theirs, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_772_980_320, 0)
	signature, err := theirs.Sign("evt_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	v := vector{Secret: secret, ID: "evt_1", Timestamp: at.Unix(), Signature: signature}
	if err := sign.Verify(secret, v.header(), body, at, 0); err != nil {
		t.Errorf("we refuse what they signed: %v", err)
	}
}

func decoded(t *testing.T, b64 string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenSSLAgrees(t *testing.T) {
	openssl := needs(t, "openssl")
	digest := func(body []byte, args ...string) string {
		t.Helper()
		c := exec.Command(openssl, append([]string{"dgst", "-sha256"}, args...)...)
		c.Stdin = bytes.NewReader(body)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		_, sum, _ := strings.Cut(strings.TrimSpace(string(out)), "= ")
		return sum
	}
	valid, _ := vectors(t)
	for _, v := range valid {
		t.Run(v.Name, func(t *testing.T) {
			h, err := sign.Headers([]string{v.Secret}, v.ID, v.at(), v.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := "sha256=" + digest(v.Body, "-hmac", v.Secret); got != h.Get(sign.Plain) {
				t.Errorf("openssl says %s, we say %s", got, h.Get(sign.Plain))
			}
			signed := append([]byte(v.ID+"."+h.Get(sign.Timestamp)+"."), v.Body...)
			key := hex.EncodeToString(decoded(t, strings.TrimPrefix(v.Secret, sign.Prefix)))
			got := digest(signed, "-mac", "HMAC", "-macopt", "hexkey:"+key)
			if want := hex.EncodeToString(decoded(t, strings.TrimPrefix(h.Get(sign.Signature), "v1,"))); got != want {
				t.Errorf("openssl says %s, we say %s", got, want)
			}
		})
	}
}

func TestReferenceVerifierAgrees(t *testing.T) {
	node := needs(t, "node")
	verdict := func(body []byte, signature, secret string) string {
		t.Helper()
		c := exec.Command(node, "testdata/reference.mjs", signature, secret)
		c.Stdin = bytes.NewReader(body)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	secret := sign.NewSecret()
	body := []byte(`{"type":"policy.bound","data":{"grossPremium":14250}}`)
	h, err := sign.Headers([]string{secret}, "evt_1", time.Unix(1, 0), body)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(body, []byte("14250"), []byte("14251"), 1)
	if got := verdict(body, h.Get(sign.Plain), secret); got != "good" {
		t.Errorf("the body as signed: %s", got)
	}
	if got := verdict(changed, h.Get(sign.Plain), secret); got != "bad" {
		t.Errorf("a changed byte: %s", got)
	}
	if got := verdict(body, h.Get(sign.Plain), sign.NewSecret()); got != "bad" {
		t.Errorf("another secret: %s", got)
	}
}
