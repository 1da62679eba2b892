package jwks_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/openinsure/openinsure/internal/jwks"
	"github.com/openinsure/openinsure/internal/jwks/jwkstest"
)

// A clock is a time that the test sets.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1_800_000_000, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

var said = map[string]any{"sub": "una", "n": 1}

func keysOf(s *jwkstest.Server, c *clock) *jwks.Set {
	return jwks.New(s.URL+"/keys", []jose.SignatureAlgorithm{jose.RS256}, jwks.Config{Now: c.now})
}

func TestSignature(t *testing.T) {
	s, c := jwkstest.New(t), &clock{}
	k := keysOf(s, c)
	if payload, err := k.VerifySignature(t.Context(), s.Sign("k1", said)); err != nil || string(payload) != `{"n":1,"sub":"una"}` {
		t.Fatalf("%s, %v", payload, err)
	}
	for name, token := range s.Forgeries(said) {
		switch name {
		case "a signature of no JSON", "a signature of a list", "a signature of only a kid":
			continue // which say nothing that would be wrong with the signature
		}
		if _, err := k.VerifySignature(t.Context(), token); !errors.Is(err, jwks.ErrSignature) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	// Strangers with tokens of their own do not make us ask all the time.
	if n := s.Asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// What is longer than 16 KiB is not read, however well it is signed.
func TestLongTokens(t *testing.T) {
	s, c := jwkstest.New(t), &clock{}
	k := keysOf(s, c)
	short := strings.Repeat("a", 11<<10) // a third longer in base64
	if _, err := k.VerifySignature(t.Context(), s.Sign("k1", map[string]any{"sub": short})); err != nil {
		t.Errorf("just short enough: %v", err)
	}
	if _, err := k.VerifySignature(t.Context(), s.Sign("k1", map[string]any{"sub": short + short[:1<<10]})); !errors.Is(err, jwks.ErrSignature) {
		t.Errorf("too long: err = %v", err)
	}
}

// Who writes tokens with keys that do not exist has the keys asked for once in a
// pause, however many he writes.
func TestUnknownKeysAreRarelyAskedFor(t *testing.T) {
	s, c := jwkstest.New(t), &clock{}
	k := keysOf(s, c)
	s.Add("k2")
	s.Withdraw("k2")
	unknown := s.Sign("k2", said)
	for range 35 {
		if _, err := k.VerifySignature(t.Context(), unknown); !errors.Is(err, jwks.ErrSignature) {
			t.Fatal(err)
		}
		c.pass(time.Second)
	}
	if n := s.Asked(); n != 4 {
		t.Errorf("asked %d times in 35 s, want 4", n)
	}
}

// A key that is new is found, a key that was withdrawn is not believed for long.
func TestRotation(t *testing.T) {
	s, c := jwkstest.New(t), &clock{}
	k := keysOf(s, c)
	verify := func(kid string) error {
		_, err := k.VerifySignature(t.Context(), s.Sign(kid, said))
		return err
	}
	if err := verify("k1"); err != nil {
		t.Fatal(err)
	}
	c.pass(11 * time.Second)
	s.Add("k2")
	if err := verify("k2"); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if err := verify("k1"); err != nil {
		t.Errorf("the old one beside it: %v", err)
	}
	s.Withdraw("k1")
	c.pass(30 * time.Minute)
	if err := verify("k1"); !errors.Is(err, jwks.ErrSignature) {
		t.Errorf("a withdrawn key: %v", err)
	}
	if err := verify("k2"); err != nil {
		t.Errorf("the new key after: %v", err)
	}
}

// What is fresh is used while the server is away; then nothing is believed, and
// all is well soon after it is back.
func TestServerAway(t *testing.T) {
	s, c := jwkstest.New(t), &clock{}
	k := keysOf(s, c)
	token := s.Sign("k1", said)
	verify := func() error {
		_, err := k.VerifySignature(t.Context(), token)
		return err
	}
	s.Down(true)
	if err := verify(); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("never there: %v", err)
	}
	s.Down(false)
	c.pass(2 * time.Second)
	if err := verify(); err != nil {
		t.Errorf("there: %v", err)
	}
	s.Down(true)
	c.pass(59 * time.Minute)
	if err := verify(); err != nil {
		t.Errorf("away, and known: %v", err)
	}
	c.pass(time.Minute)
	if err := verify(); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("away for too long: %v", err)
	}
	s.Down(false)
	c.pass(2 * time.Second)
	if err := verify(); err != nil {
		t.Errorf("back: %v", err)
	}
}

// What is no key set, or has no key that may sign, is as good as no answer.
func TestNoKeys(t *testing.T) {
	for name, document := range map[string]string{
		"a page":       `<html>`,
		"empty":        `{"keys":[]}`,
		"nothing":      `{}`,
		"a secret":     `{"keys":[{"kty":"oct","kid":"k1","k":"c2VjcmV0"}]}`,
		"for nobody":   `{"keys":[{"kty":"RSA","kid":"","n":"sXch","e":"AQAB"}]}`,
		"a short one":  `{"keys":[{"kty":"RSA","kid":"k1","alg":"RS256","use":"sig","n":"AK_eBDNbU-NK8IEEy5oENJp3ZqRjWzSm7gWDXPp5cvYz","e":"AQAB"}]}`,
		"for secrecy":  `{"keys":[{"kty":"EC","kid":"k1","use":"enc","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`,
		"of other alg": `{"keys":[{"kty":"EC","kid":"k1","use":"sig","alg":"ES256","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`,
	} {
		s, c := jwkstest.New(t), &clock{}
		s.Says([]byte(document))
		if _, err := keysOf(s, c).VerifySignature(t.Context(), s.Sign("k1", said)); !errors.Is(err, jwks.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A redirect leads to somebody whom nobody named.
func TestRedirect(t *testing.T) {
	s := jwkstest.New(t)
	elsewhere := httptest.NewServer(http.RedirectHandler(s.URL+"/keys", http.StatusFound))
	defer elsewhere.Close()
	k := jwks.New(elsewhere.URL, []jose.SignatureAlgorithm{jose.RS256}, jwks.Config{})
	if _, err := k.VerifySignature(t.Context(), s.Sign("k1", said)); !errors.Is(err, jwks.ErrUnavailable) || s.Asked() != 0 {
		t.Errorf("err = %v, asked %d", err, s.Asked())
	}
}

// Many who need a key wait for one question; who leaves meanwhile waits no
// longer, and the others are served.
func TestOneQuestion(t *testing.T) {
	s := jwkstest.New(t)
	hold, asked := make(chan struct{}), make(chan struct{}, 100)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-hold
		http.Redirect(w, r, s.URL, http.StatusTemporaryRedirect)
	}))
	defer slow.Close()
	client := &http.Client{Timeout: 30 * time.Second} // follows, to the keys
	k := jwks.New(slow.URL, []jose.SignatureAlgorithm{jose.RS256}, jwks.Config{Client: client})
	token := s.Sign("k1", said)
	var work sync.WaitGroup
	leaving, leave := context.WithCancel(t.Context())
	work.Go(func() {
		if _, err := k.VerifySignature(leaving, token); err != nil { // he asks, so he stays
			t.Errorf("who asks: %v", err)
		}
	})
	<-asked
	left := make(chan error, 1)
	work.Go(func() {
		_, err := k.VerifySignature(leaving, token)
		left <- err
	})
	for range 20 {
		work.Go(func() {
			if _, err := k.VerifySignature(t.Context(), token); err != nil {
				t.Errorf("who waits: %v", err)
			}
		})
	}
	leave()
	if err := <-left; !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("who leaves: %v", err)
	}
	close(hold)
	work.Wait()
	if len(asked) != 0 {
		t.Errorf("%d more questions", len(asked))
	}
}
