// Package sign signs webhooks, and checks the signatures of ours.
//
// Every request carries two families of them, made with one secret. The plain
// one, X-OpenInsure-Signature, is over the raw body and nothing else; strict
// receivers compare the whole header, so it has exactly one value. The one of
// Standard Webhooks is over the id and the time of the attempt as well, so that
// it cannot be replayed: receivers should prefer it, and Verify does.
//
// testdata/vectors.json has worked cases for other languages.
package sign

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed request.
const (
	Plain     = "X-OpenInsure-Signature" // sha256=<hex>
	ID        = "Webhook-Id"             // the event's id: the same in every attempt
	Timestamp = "Webhook-Timestamp"      // of the attempt, in Unix seconds
	Signature = "Webhook-Signature"      // v1,<base64>, several parted by spaces
)

// Prefix starts every secret as it is shown.
const Prefix = "whsec_"

const secretBytes = 32

// What makes signing fail: our own mistakes, never the receiver's.
var (
	ErrSecret = errors.New("a webhook secret is whsec_ and the base64 of 24 to 64 bytes")
	ErrNoKey  = errors.New("a webhook needs a secret to be signed with")
	ErrID     = errors.New("the id of a webhook has 1 to 128 letters, digits, _ and -")
)

// NewSecret makes a secret as it is shown: whsec_ and the base64 of 32 random
// bytes.
func NewSecret() string {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return Prefix + base64.StdEncoding.EncodeToString(b[:])
}

// Headers signs one attempt. The first secret makes the plain signature, all of
// them make the one of Standard Webhooks: a receiver that knows any of them
// accepts it.
//
// The key of the plain signature is the secret as it is shown, whsec_ and all;
// the other's is what the base64 stands for.
func Headers(secrets []string, id string, at time.Time, body []byte) (http.Header, error) {
	if len(secrets) == 0 {
		return nil, ErrNoKey
	}
	if !validID(id) {
		return nil, ErrID
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		key, err := decode(s)
		if err != nil {
			return nil, err
		}
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(standardMAC(key, id, stamp, body))
	}
	h := http.Header{}
	h.Set(Plain, plain(secrets[0], body))
	h.Set(ID, id)
	h.Set(Timestamp, stamp)
	h.Set(Signature, strings.Join(signatures, " "))
	return h, nil
}

func plain(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// standardMAC is over id.stamp.body. Neither id nor stamp has a dot, so no two
// requests have the same bytes signed.
func standardMAC(key []byte, id, stamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

func decode(secret string) ([]byte, error) {
	rest, ok := strings.CutPrefix(secret, Prefix)
	if !ok || strings.ContainsAny(rest, "\r\n") { // which base64 would pass over
		return nil, ErrSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(rest)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, ErrSecret
	}
	return key, nil
}

func validID(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return id != "" && len(id) <= 128
}
