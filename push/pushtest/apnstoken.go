package pushtest

import (
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// providerTokens checks the JWTs of one provider. A signature is checked once.
type providerTokens struct {
	key           *ecdsa.PublicKey
	keyID, teamID string
	now           func() time.Time

	mu   sync.Mutex
	good map[string]time.Time // guarded by mu; when they were issued
}

const tokenLife = time.Hour

// check returns the refusal of an authorization header, or nil.
func (t *providerTokens) check(header string) *Fault {
	text, ok := strings.CutPrefix(header, "bearer ")
	if !ok || text == "" {
		return refuse(http.StatusForbidden, "MissingProviderToken")
	}
	t.mu.Lock()
	issued, known := t.good[text]
	t.mu.Unlock()
	if !known {
		if issued, ok = t.verify(text); !ok {
			return refuse(http.StatusForbidden, "InvalidProviderToken")
		}
	}
	if age := t.now().Sub(issued); age > tokenLife || age < -time.Minute {
		return refuse(http.StatusForbidden, "ExpiredProviderToken")
	}
	if !known {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.good == nil {
			t.good = map[string]time.Time{}
		}
		t.good[text] = issued
	}
	return nil
}

func (t *providerTokens) verify(text string) (issued time.Time, ok bool) {
	m, err := jws.Parse([]byte(text))
	if err != nil || len(m.Signatures()) != 1 {
		return issued, false
	}
	h := m.Signatures()[0].ProtectedHeaders()
	alg, _ := h.Algorithm()
	kid, _ := h.KeyID()
	if alg != jwa.ES256() || kid != t.keyID {
		return issued, false
	}
	payload, err := jws.Verify([]byte(text), jws.WithKey(jwa.ES256(), t.key))
	if err != nil {
		return issued, false
	}
	var claims struct {
		Issuer string `json:"iss"`
		Issued int64  `json:"iat"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Issuer != t.teamID {
		return issued, false
	}
	return time.Unix(claims.Issued, 0), true
}

func (t *providerTokens) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.good)
}

func hexToken(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) >= 64 && len(s) <= 200
}

func uuidText(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	_, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil
}

func repeated(h http.Header) bool {
	for name, values := range h {
		if strings.HasPrefix(name, "Apns-") && len(values) > 1 {
			return true
		}
	}
	return false
}
