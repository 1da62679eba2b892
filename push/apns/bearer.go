package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"sync"
	"time"
)

// Apple takes a provider token for an hour, and refuses a provider that makes
// new ones more often than every twenty minutes.
const (
	bearerLife  = 50 * time.Minute
	forcedEvery = 20 * time.Minute
)

// bearer is the provider's token, one for all connections. It is made here and
// not by the library, which goes on without one when it cannot sign.
type bearer struct {
	key           *ecdsa.PrivateKey
	keyID, teamID string
	now           func() time.Time

	mu     sync.Mutex
	text   string    // guarded by mu
	issued time.Time // guarded by mu
	forced time.Time // guarded by mu; when one was made before its time
}

// parseKey reads a p8 file.
func parseKey(b []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("it is not a .p8 file in PEM, as Apple hands it out")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is not a PKCS #8 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("it is not a key of the curve P-256")
	}
	return key, nil
}

// current returns the token, a new one when it is old or of the future: the
// clock was set.
func (b *bearer) current() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if age := b.now().Sub(b.issued); b.text != "" && age >= 0 && age < bearerLife {
		return b.text, nil
	}
	err := b.sign()
	return b.text, err
}

// renew makes a new token in place of one that was refused as expired, unless
// that has been done already. It reports whether another try may go better.
func (b *bearer) renew(refused string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text != refused {
		return true
	}
	if at := b.now(); b.forced.IsZero() || at.Sub(b.forced) >= forcedEvery {
		b.forced = at
		return b.sign() == nil
	}
	return false
}

// sign makes a token; mu is held.
func (b *bearer) sign() error {
	at := b.now()
	head, err := json.Marshal(map[string]any{"alg": "ES256", "kid": b.keyID})
	if err != nil {
		return err
	}
	claims, err := json.Marshal(map[string]any{"iss": b.teamID, "iat": at.Unix()})
	if err != nil {
		return err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	hash := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, b.key, hash[:])
	if err != nil {
		return err
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	b.text, b.issued = text+"."+base64.RawURLEncoding.EncodeToString(sig[:]), at
	return nil
}
