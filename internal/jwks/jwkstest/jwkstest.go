// Package jwkstest is a server with a key set, for tests, and signs and forges
// tokens as it and its enemies would.
package jwkstest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A Server publishes the keys of those whom it has made signers, at any path
// that Handle does not take.
type Server struct {
	URL string

	t        testing.TB
	mux      *http.ServeMux
	mu       sync.Mutex // guards the rest
	signers  map[string]*rsa.PrivateKey
	hidden   map[string]bool
	asked    int
	down     bool
	document []byte // in place of the keys; nil: the keys
}

// New starts a server with one signer, k1.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, mux: http.NewServeMux(), signers: map[string]*rsa.PrivateKey{}, hidden: map[string]bool{}}
	s.mux.HandleFunc("/", s.serve)
	server := httptest.NewServer(s.mux)
	t.Cleanup(server.Close)
	s.URL = server.URL
	s.Add("k1")
	return s
}

// Handle adds a path with something else than keys.
func (s *Server) Handle(pattern string, h http.HandlerFunc) { s.mux.HandleFunc(pattern, h) }

func (s *Server) serve(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if s.document != nil {
		_, _ = w.Write(s.document) // the client sees what is missing
		return
	}
	keys := []map[string]any{{"kty": "unheard of", "kid": "x"}}
	for kid, k := range s.signers {
		if !s.hidden[kid] {
			keys = append(keys, jwk(kid, &k.PublicKey))
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys, "public_cert": map[string]any{}}) // as above
}

func jwk(kid string, k *rsa.PublicKey) map[string]any {
	return map[string]any{
		"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
		"n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
	}
}

// Add makes a signer and publishes its key.
func (s *Server) Add(kid string) {
	s.t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signers[kid] = k
}

// Withdraw takes a key out of the set; its signer goes on signing.
func (s *Server) Withdraw(kid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden[kid] = true
}

// Down makes the server answer nothing useful, or again what it has.
func (s *Server) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Says makes the server answer something else than its keys; nil ends that.
func (s *Server) Says(document []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.document = document
}

// Asked is how often somebody asked for the keys.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *Server) signer(kid string) *rsa.PrivateKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signers[kid]
}

// Sign signs claims with RS256, as the signer kid.
func (s *Server) Sign(kid string, claims map[string]any) string {
	return token(map[string]any{"alg": "RS256", "kid": kid, "typ": "JWT"}, claims, s.rs256(s.signer(kid)))
}

// token writes a JWT.
func token(header, claims map[string]any, sign func(string) []byte) string {
	said := encode(header) + "." + encode(claims)
	return said + "." + base64.RawURLEncoding.EncodeToString(sign(said))
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("jwkstest: " + err.Error()) // a test's own claims
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (s *Server) rs256(k *rsa.PrivateKey) func(string) []byte {
	return func(said string) []byte {
		sum := sha256.Sum256([]byte(said))
		sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
		if err != nil {
			s.t.Fatal(err)
		}
		return sig
	}
}

// Forgeries are tokens that say claims and that the server's first signer, k1,
// did not sign as it should, by what is wrong with them.
func (s *Server) Forgeries(claims map[string]any) map[string]string {
	s.t.Helper()
	k1 := s.signer("k1")
	thief, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k1.PublicKey)
	if err != nil {
		s.t.Fatal(err)
	}
	hs := func(secret []byte) func(string) []byte {
		return func(said string) []byte {
			m := hmac.New(sha256.New, secret)
			m.Write([]byte(said))
			return m.Sum(nil)
		}
	}
	header := func(more map[string]any) map[string]any {
		h := map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}
		maps.Copy(h, more)
		return h
	}
	good := s.Sign("k1", claims)
	parts := strings.Split(good, ".")
	swollen := maps.Clone(claims)
	swollen["sub"] = "somebody else"
	nobody := func(string) []byte { return nil }
	noKid := header(nil)
	delete(noKid, "kid")
	return map[string]string{
		"alg none":                  token(map[string]any{"alg": "none"}, claims, nobody),
		"alg none, with kid":        token(header(map[string]any{"alg": "none"}), claims, nobody),
		"alg None":                  token(header(map[string]any{"alg": "None"}), claims, nobody),
		"no alg":                    token(map[string]any{"kid": "k1"}, claims, s.rs256(k1)),
		"HS256 by the public PEM":   token(header(map[string]any{"alg": "HS256"}), claims, hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
		"HS256 by the public DER":   token(header(map[string]any{"alg": "HS256"}), claims, hs(der)),
		"HS256 by the modulus":      token(header(map[string]any{"alg": "HS256"}), claims, hs(k1.N.Bytes())),
		"HS256 by nothing":          token(header(map[string]any{"alg": "HS256"}), claims, hs(nil)),
		"a thief's, as k1":          token(header(nil), claims, s.rs256(thief)),
		"a thief's, with his kid":   token(header(map[string]any{"kid": "thief"}), claims, s.rs256(thief)),
		"a thief's, with his jwk":   token(header(map[string]any{"jwk": jwk("k1", &thief.PublicKey)}), claims, s.rs256(thief)),
		"a thief's, with his jku":   token(header(map[string]any{"kid": "thief", "jku": s.URL + "/thief"}), claims, s.rs256(thief)),
		"no kid":                    token(noKid, claims, s.rs256(k1)),
		"an empty kid":              token(header(map[string]any{"kid": ""}), claims, s.rs256(k1)),
		"RS512 by the right key":    token(header(map[string]any{"alg": "RS512"}), claims, s.rs512(k1)),
		"PS256 by the right key":    token(header(map[string]any{"alg": "PS256"}), claims, s.ps256(k1)),
		"RS256 called PS256":        token(header(map[string]any{"alg": "PS256"}), claims, s.rs256(k1)),
		"crit":                      token(header(map[string]any{"crit": []string{"exp"}, "exp": 1}), claims, s.rs256(k1)),
		"other claims":              parts[0] + "." + encode(swollen) + "." + parts[2],
		"another header":            encode(header(map[string]any{"x": 1})) + "." + parts[1] + "." + parts[2],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"half a signature":          parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])/2],
		"two parts":                 parts[0] + "." + parts[1],
		"four parts":                good + ".x",
		"not compact":               `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"endless":                   parts[0] + "." + strings.Repeat("A", 64<<10) + "." + parts[2],
		"nonsense":                  "nonsense",
		"a signature of no JSON":    signed(parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte("nonsense")), s.rs256(k1)),
		"a signature of a list":     signed(parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte("[]")), s.rs256(k1)),
		"a signature of only a kid": signed(parts[0]+"."+encode(map[string]any{"kid": "k1"}), s.rs256(k1)),
	}
}

func signed(said string, sign func(string) []byte) string {
	return said + "." + base64.RawURLEncoding.EncodeToString(sign(said))
}

func (s *Server) rs512(k *rsa.PrivateKey) func(string) []byte {
	return func(said string) []byte {
		sum := sha512.Sum512([]byte(said))
		sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA512, sum[:])
		if err != nil {
			s.t.Fatal(err)
		}
		return sig
	}
}

func (s *Server) ps256(k *rsa.PrivateKey) func(string) []byte {
	return func(said string) []byte {
		sum := sha256.Sum256([]byte(said))
		sig, err := rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], nil)
		if err != nil {
			s.t.Fatal(err)
		}
		return sig
	}
}
