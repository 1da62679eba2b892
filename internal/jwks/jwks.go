// Package jwks keeps the public keys of another server, and verifies what that
// server signed.
package jwks

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Errors of verifying. ErrSignature says something of the token, ErrUnavailable
// of the server whose keys they are.
var (
	ErrSignature   = errors.New("the signature is not one of the server's")
	ErrUnavailable = errors.New("the server's keys cannot be had")
)

// Limits of a key set.
const (
	mostAnswer = 256 << 10 // bytes
	mostToken  = 16 << 10
	leastRSA   = 2048 // bits
)

// Config adjusts a Set; the zero value works.
type Config struct {
	Client *http.Client     // default NewClient(5 s)
	Fresh  time.Duration    // how long keys are believed; they are asked for anew at half of it; default 1 h
	Pause  time.Duration    // between two questions that a token with an unknown key causes; default 10 s
	Again  time.Duration    // between two questions while the server does not answer; default 2 s
	Now    func() time.Time // default time.Now
}

// NewClient returns a client for servers that the operator named: it waits for
// so long, and follows no redirect, which would lead to somebody whom he did not
// name.
func NewClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxConnsPerHost: 32, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: timeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A Set is the keys behind one address, for the algorithms that were named and
// no others, whatever the keys or a token say.
//
// Keys are fetched when they are first needed. A token with an unknown key has
// them fetched anew, which is how a rotation is noticed, but not more often than
// once a pause: strangers write such tokens. A key that the server has withdrawn
// is believed until the next fetch.
type Set struct {
	url  string
	algs []jose.SignatureAlgorithm
	cfg  Config

	mu      sync.Mutex // guards the rest
	keys    map[string]jose.JSONWebKey
	fetched time.Time     // when keys came last; zero: never
	next    time.Time     // when they may be asked for again
	asking  chan struct{} // closed when the question under way ends; nil: there is none
	failure error         // of the last question
}

// New returns the keys that a JWKS document at an address names.
func New(url string, algs []jose.SignatureAlgorithm, cfg Config) *Set {
	if cfg.Client == nil {
		cfg.Client = NewClient(5 * time.Second)
	}
	if cfg.Fresh == 0 {
		cfg.Fresh = time.Hour
	}
	if cfg.Pause == 0 {
		cfg.Pause = 10 * time.Second
	}
	if cfg.Again == 0 {
		cfg.Again = 2 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Set{url: url, algs: algs, cfg: cfg}
}

// VerifySignature returns what a compact JWS says, once it is known that the
// server signed it: with an algorithm of the set's, and a key of the set that the
// token names and that is for that algorithm. It says nothing of the claims.
func (s *Set) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	if len(token) > mostToken {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrSignature, mostToken)
	}
	sig, err := jose.ParseSignedCompact(token, s.algs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if len(sig.Signatures) != 1 || sig.Signatures[0].Protected.KeyID == "" {
		return nil, fmt.Errorf("%w: it names no key", ErrSignature)
	}
	header := sig.Signatures[0].Protected
	if _, critical := header.ExtraHeaders["crit"]; critical {
		return nil, fmt.Errorf("%w: its header has crit", ErrSignature)
	}
	key, err := s.key(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return nil, fmt.Errorf("%w: the key is for %s", ErrSignature, key.Algorithm)
	}
	payload, err := sig.Verify(key.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return payload, nil
}

// key finds a key, and asks the server when it has to. Only one asks at a time;
// who needs a key that is known and fresh waits for nobody.
func (s *Set) key(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	for {
		k, found, wait, ask := s.look(kid)
		switch {
		case ask != nil:
			s.fetch(ctx, ask)
			continue
		case found:
			return k, nil
		case wait == nil:
			return jose.JSONWebKey{}, s.missing()
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return jose.JSONWebKey{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// look returns a key if it is known and fresh; otherwise what to wait for, or
// what to close after asking. Keys that are half as old as they may be are asked
// for again by one who needs one of them.
func (s *Set) look(kid string) (k jose.JSONWebKey, found bool, wait <-chan struct{}, ask chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	age := now.Sub(s.fetched)
	if k, found = s.keys[kid]; age >= s.cfg.Fresh {
		found = false
	}
	if found && age < s.cfg.Fresh/2 {
		return k, true, nil, nil
	}
	if s.asking == nil && !now.Before(s.next) {
		s.asking = make(chan struct{})
		return k, found, nil, s.asking
	}
	if found {
		return k, true, nil, nil
	}
	return k, false, s.asking, nil
}

// missing says why a key is not there.
func (s *Set) missing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Now().Sub(s.fetched) < s.cfg.Fresh {
		return fmt.Errorf("%w: the server has no such key", ErrSignature)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, s.failure)
}

// fetch asks the server, whatever becomes of whoever needs the answer first:
// others wait for it, too.
func (s *Set) fetch(ctx context.Context, done chan struct{}) {
	keys, err := s.get(context.WithoutCancel(ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.failure = err; err == nil {
		s.keys, s.fetched, s.next = keys, now, now.Add(s.cfg.Pause)
	} else {
		s.next = now.Add(s.cfg.Again)
	}
	s.asking = nil
	close(done)
}

func (s *Set) get(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := s.cfg.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the keys came with status %d", res.StatusCode)
	case len(body) > mostAnswer:
		return nil, fmt.Errorf("the keys are more than %d bytes", mostAnswer)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("the keys are none: %w", err)
	}
	keys := map[string]jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil { // of a kind that is not known here
			continue
		}
		if _, twice := keys[k.KeyID]; !twice && s.fit(k) {
			keys[k.KeyID] = k
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key that may sign")
	}
	return keys, nil
}

// fit reports whether a key may have signed something: a public one, strong, and
// for nothing else. So no secret is ever taken for the key of an HMAC.
func (s *Set) fit(k jose.JSONWebKey) bool {
	if k.KeyID == "" || k.Use != "" && k.Use != "sig" || !k.Valid() || !k.IsPublic() ||
		k.Algorithm != "" && !slices.Contains(s.algs, jose.SignatureAlgorithm(k.Algorithm)) {
		return false
	}
	switch p := k.Key.(type) {
	case *rsa.PublicKey:
		return p.N.BitLen() >= leastRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}
