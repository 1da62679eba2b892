package pushtest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

const messagingScope = "https://www.googleapis.com/auth/firebase.messaging"

// oauth gives access tokens for the signed assertions of one service account.
type oauth struct {
	key               *rsa.PublicKey
	keyID, email, url string
	life              time.Duration
	now               func() time.Time

	mu     sync.Mutex
	given  map[string]time.Time // guarded by mu; when they expire
	issued int                  // guarded by mu
}

// issue returns a token for the assertion in a request, or the refusal.
func (o *oauth) issue(r *http.Request) (string, *Fault) {
	r.Body = http.MaxBytesReader(nil, r.Body, 64<<10)
	switch {
	case r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
		return "", refuse(http.StatusBadRequest, "unsupported_grant_type")
	case !o.verify(r.PostFormValue("assertion")):
		return "", refuse(http.StatusBadRequest, "invalid_grant")
	}
	text := "ya29." + rand.Text() + rand.Text()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.given == nil {
		o.given = map[string]time.Time{}
	}
	o.given[text] = o.now().Add(o.life)
	o.issued++
	return text, nil
}

func (o *oauth) verify(assertion string) bool {
	m, err := jws.Parse([]byte(assertion))
	if err != nil || len(m.Signatures()) != 1 {
		return false
	}
	h := m.Signatures()[0].ProtectedHeaders()
	alg, _ := h.Algorithm()
	kid, _ := h.KeyID()
	if alg != jwa.RS256() || kid != o.keyID {
		return false
	}
	payload, err := jws.Verify([]byte(assertion), jws.WithKey(jwa.RS256(), o.key))
	if err != nil {
		return false
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		Scope    string `json:"scope"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return false
	}
	now := o.now()
	return claims.Issuer == o.email && claims.Audience == o.url && strings.Contains(claims.Scope+" ", messagingScope+" ") &&
		time.Unix(claims.Issued, 0).Before(now.Add(time.Minute)) && time.Unix(claims.Expires, 0).After(now) && claims.Expires-claims.Issued <= 3600
}

// knows reports whether an Authorization header has a token that still counts.
func (o *oauth) knows(header string) bool {
	text, ok := strings.CutPrefix(header, "Bearer ")
	o.mu.Lock()
	defer o.mu.Unlock()
	expires, given := o.given[text]
	return ok && given && o.now().Before(expires)
}

func (o *oauth) expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.given)
}

func (o *oauth) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.issued
}

// answerOAuth writes a refusal as a token endpoint does.
func (f Fault) answerOAuth(w http.ResponseWriter) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.Status)
	if f.Body != "" {
		_, _ = io.WriteString(w, f.Body)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"error": f.Reason})
}
