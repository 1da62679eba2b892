package sign

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how old, or how early, a request should be at most; more than
// clocks differ and less than a thief needs.
const Tolerance = 5 * time.Minute

// mostSignatures is how many signatures of one request are looked at.
const mostSignatures = 16

// What a receiver should answer 401 to. None of them says which byte was wrong.
var (
	ErrMissing  = errors.New("the request has no signature of ours")
	ErrMismatch = errors.New("no signature of the request fits this secret and body")
	ErrTime     = errors.New("the request was signed too long ago, or in the future")
)

// Verify checks the Standard Webhooks signature of a request: that body is what
// the owner of the secret signed, within tolerance of now. body is the raw bytes
// as they came; parsing and serialising it again gives others.
//
// A request that is good may still come twice: compare its Webhook-Id with those
// handled already.
func Verify(secret string, h http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	key, err := decode(secret)
	if err != nil {
		return err
	}
	id, stamp, signatures := h.Get(ID), h.Get(Timestamp), strings.Fields(h.Get(Signature))
	if id == "" || stamp == "" || len(signatures) == 0 {
		return ErrMissing
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || !validID(id) {
		return ErrMismatch
	}
	want := standardMAC(key, id, stamp, body)
	found := false
	for _, s := range signatures[:min(len(signatures), mostSignatures)] {
		b64, ok := strings.CutPrefix(s, "v1,")
		if !ok {
			continue // another version's
		}
		if got, err := base64.StdEncoding.DecodeString(b64); err == nil && hmac.Equal(got, want) {
			found = true
		}
	}
	if !found {
		return ErrMismatch
	}
	if off := now.Sub(time.Unix(seconds, 0)).Abs(); off > tolerance {
		return fmt.Errorf("%w: by %s", ErrTime, off.Round(time.Second))
	}
	return nil
}

// VerifyPlain checks the plain signature, the one over the body alone. It proves
// who sent the body, but not when: whoever has seen a request can send it again.
func VerifyPlain(secret string, h http.Header, body []byte) error {
	switch got := h.Values(Plain); {
	case secret == "":
		return ErrSecret
	case len(got) == 0:
		return ErrMissing
	case len(got) > 1 || !hmac.Equal([]byte(got[0]), []byte(plain(secret, body))):
		return ErrMismatch
	}
	return nil
}
