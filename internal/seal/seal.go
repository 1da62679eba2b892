// Package seal keeps secrets at rest: AES-256-GCM under a named key, so that
// keys can be rotated while what older keys sealed stays readable.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrOpen is what Open answers for bytes that no key of the ring sealed, or
// that were changed since.
var ErrOpen = errors.New("sealed bytes cannot be opened")

// A Ring holds the keys: the first seals, all of them open. It prints as ***.
type Ring struct {
	first string
	keys  map[string]cipher.AEAD
}

// ParseRing reads keys as "id:base64[,id:base64…]", 32 bytes each, the sealing
// one first. An id has 1 to 16 characters.
func ParseRing(s string) (*Ring, error) {
	r := &Ring{keys: map[string]cipher.AEAD{}}
	for i, part := range strings.Split(s, ",") {
		name, text, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || name == "" || len(name) > 16 {
			return nil, fmt.Errorf("encryption key %d is not of the form id:base64", i+1)
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("encryption key %q is not 32 bytes of base64", name)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("encryption key %q: %w", name, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("encryption key %q: %w", name, err)
		}
		if _, twice := r.keys[name]; twice {
			return nil, fmt.Errorf("encryption key %q is given twice", name)
		}
		if i == 0 {
			r.first = name
		}
		r.keys[name] = aead
	}
	return r, nil
}

// NewKey makes a key in the form that ParseRing reads.
func NewKey(name string) string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand aborts the program instead
	return name + ":" + base64.StdEncoding.EncodeToString(raw)
}

// Seal encrypts plain; context must be the same when it is opened, so that
// sealed bytes cannot be moved to another row.
func (r *Ring) Seal(plain []byte, context string) []byte {
	out := append([]byte{byte(len(r.first))}, r.first...)
	return r.keys[r.first].Seal(out, nil, plain, []byte(context))
}

// Open decrypts what Seal made.
func (r *Ring) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) == 0 || len(sealed) < 1+int(sealed[0]) {
		return nil, ErrOpen
	}
	n := 1 + int(sealed[0])
	aead, ok := r.keys[string(sealed[1:n])]
	if !ok {
		return nil, fmt.Errorf("%w: key %q is not in the ring", ErrOpen, sealed[1:n])
	}
	plain, err := aead.Open(nil, nil, sealed[n:], []byte(context))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// String hides the keys.
func (r *Ring) String() string { return "***" }
