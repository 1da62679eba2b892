// Package seal keeps secrets at rest: AES-256-GCM under a named key, so that
// keys can be rotated while what older keys sealed stays readable.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ErrOpen is what Open answers for bytes that no key of the ring sealed, or
// that were changed since.
var ErrOpen = errors.New("sealed bytes cannot be opened")

// ErrKey is the ErrOpen of bytes that a key sealed which the ring does not have.
var ErrKey = fmt.Errorf("%w: the key is not in the ring", ErrOpen)

// A Ring holds the keys: the first seals, all of them open. It may learn more
// keys while it is used by several. It prints as ***.
type Ring struct {
	first string

	mu   sync.RWMutex // guards keys
	keys map[string]ringKey
}

// A ringKey seals by one part and hashes by the other.
type ringKey struct {
	cipher.AEAD
	mac []byte
}

// ParseRing reads keys as "id:base64[,id:base64…]", 32 bytes each, the sealing
// one first. An id has 1 to 16 characters.
func ParseRing(s string) (*Ring, error) {
	r := &Ring{keys: map[string]ringKey{}}
	for i, part := range strings.Split(s, ",") {
		name, key, err := parseKey(part)
		if err != nil {
			return nil, fmt.Errorf("encryption key %d %w", i+1, err)
		}
		if _, twice := r.keys[name]; twice {
			return nil, fmt.Errorf("encryption key %q is given twice", name)
		}
		if i == 0 {
			r.first = name
		}
		r.keys[name] = key
	}
	return r, nil
}

// parseKey reads id:base64. Its errors follow the words that name the key.
func parseKey(s string) (string, ringKey, error) {
	name, text, ok := strings.Cut(strings.TrimSpace(s), ":")
	if !ok || name == "" || len(name) > 16 {
		return "", ringKey{}, errors.New("is not of the form id:base64")
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return "", ringKey{}, errors.New("is not 32 bytes of base64")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return "", ringKey{}, fmt.Errorf("does not work: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return "", ringKey{}, fmt.Errorf("does not work: %w", err)
	}
	mac, err := hkdf.Expand(sha256.New, raw, "openinsure mac", sha256.Size)
	if err != nil {
		return "", ringKey{}, fmt.Errorf("does not work: %w", err)
	}
	return name, ringKey{aead, mac}, nil
}

// Learn adds a key in the form that ParseRing reads. It opens, and seals only
// what SealWith is asked to; a key of that name that is there already stays.
func (r *Ring) Learn(key string) error {
	name, parsed, err := parseKey(key)
	if err != nil {
		return fmt.Errorf("the key to learn %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.keys[name]; !known {
		r.keys[name] = parsed
	}
	return nil
}

// First names the key that seals.
func (r *Ring) First() string { return r.first }

// Has reports whether the ring can open what a key sealed.
func (r *Ring) Has(name string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.keys[name]
	return ok
}

// Names lists the keys by name.
func (r *Ring) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	names := make([]string, 0, len(r.keys))
	for name := range r.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Prefix is how everything begins that a key sealed.
func Prefix(name string) []byte { return append([]byte{byte(len(name))}, name...) } //nolint:gosec // names are checked to be shorter

// NewKey makes a key in the form that ParseRing reads.
func NewKey(name string) string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand aborts the program instead
	return name + ":" + base64.StdEncoding.EncodeToString(raw)
}

// Seal encrypts plain; context must be the same when it is opened, so that
// sealed bytes cannot be moved to another row.
func (r *Ring) Seal(plain []byte, context string) []byte {
	return r.key(r.first).Seal(Prefix(r.first), nil, plain, []byte(context)) //nolint:gosec // the cipher draws a random one itself
}

// SealWith is Seal under another key of the ring.
func (r *Ring) SealWith(name string, plain []byte, context string) ([]byte, error) {
	if !r.Has(name) {
		return nil, fmt.Errorf("seal under %q: %w", name, ErrKey)
	}
	return r.key(name).Seal(Prefix(name), nil, plain, []byte(context)), nil //nolint:gosec // the cipher draws a random one itself
}

func (r *Ring) key(name string) ringKey {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[name]
}

// Open decrypts what Seal made.
func (r *Ring) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) == 0 || len(sealed) < 1+int(sealed[0]) {
		return nil, ErrOpen
	}
	n := 1 + int(sealed[0])
	name := string(sealed[1:n])
	if !r.Has(name) {
		return nil, fmt.Errorf("%w: %q", ErrKey, name)
	}
	plain, err := r.key(name).Open(nil, nil, sealed[n:], []byte(context))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Mac is a keyed hash of plain, for what is too easily guessed to be kept as a
// plain hash: a code of six digits, an address. Equal texts under one context
// and one sealing key have equal Macs, so that they can be looked up by.
func (r *Ring) Mac(plain, context string) []byte { return r.mac(r.first, plain, context) }

func (r *Ring) mac(name, plain, context string) []byte {
	h := hmac.New(sha256.New, r.key(name).mac)
	fmt.Fprintf(h, "%d:%s%s", len(context), context, plain)
	return h.Sum(Prefix(name))
}

// IsMac reports, in the same time whatever it answers, whether mac is that of
// plain, under any key of the ring.
func (r *Ring) IsMac(mac []byte, plain, context string) bool {
	name := r.first
	if len(mac) > 0 && len(mac) > int(mac[0]) {
		if n := string(mac[1 : 1+int(mac[0])]); r.Has(n) {
			name = n
		}
	}
	return hmac.Equal(mac, r.mac(name, plain, context))
}

// String hides the keys.
func (r *Ring) String() string { return "***" }
