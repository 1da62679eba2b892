package fcm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/openinsure/openinsure/push"
)

// access is the access token, which one sender fetches for all. The library's
// own would keep everybody waiting under a lock, past the end of his context.
type access struct {
	account *jwt.Config
	base    http.RoundTripper
	now     func() time.Time

	mu      sync.Mutex
	text    string        // guarded by mu
	renewAt time.Time     // guarded by mu
	expires time.Time     // guarded by mu
	asking  chan struct{} // guarded by mu; closed when the one who asks is done; nil when nobody does
	refused *noToken      // guarded by mu; counts until renewAt
}

const (
	earlier   = 5 * time.Minute  // than it expires, a token is renewed
	afterFail = 10 * time.Second // the next try
)

// noToken is why there is none.
type noToken struct{ result push.Result }

func (e *noToken) Error() string { return e.result.Detail }

// token returns one that is good by our clock. An error is a *noToken, or that
// ctx is over.
func (a *access) token(ctx context.Context) (string, error) {
	for {
		a.mu.Lock()
		now := a.now()
		good := a.text != "" && now.Before(a.expires)
		switch {
		case good && (now.Before(a.renewAt) || a.asking != nil):
			defer a.mu.Unlock()
			return a.text, nil
		case !good && a.refused != nil && now.Before(a.renewAt):
			defer a.mu.Unlock()
			return "", a.refused
		case a.asking == nil:
			a.asking = make(chan struct{})
			a.mu.Unlock()
			return a.renew(ctx)
		}
		asking := a.asking
		a.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-asking:
		}
	}
}

// refuse forgets a token that Google does not take.
func (a *access) refuse(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.text == text {
		a.text = ""
	}
}

// renew asks for a token on behalf of everybody. With a good one left, it is no
// harm if that fails.
func (a *access) renew(ctx context.Context) (string, error) {
	text, life, failed := a.ask(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.asking)
	a.asking = nil
	now := a.now()
	if failed == nil {
		a.text, a.refused = text, nil
		a.expires = now.Add(life)
		a.renewAt = a.expires.Add(-min(earlier, life/10))
		return text, nil
	}
	// Whoever gave up says nothing of what the next one will find.
	a.refused, a.renewAt = nil, now
	if ctx.Err() == nil {
		a.refused, a.renewAt = failed, now.Add(afterFail)
	}
	if a.text != "" && now.Before(a.expires) {
		return a.text, nil
	}
	return "", failed
}

func (a *access) ask(ctx context.Context) (string, time.Duration, *noToken) {
	ctx, x := push.WithExchange(ctx, a.now)
	hc := &http.Client{Transport: tokenTransport{ctx, a.base}, CheckRedirect: noRedirect}
	t, err := a.account.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, hc)).Token()
	if err == nil && t.AccessToken != "" {
		seconds, _ := t.Extra("expires_in").(float64)
		return t.AccessToken, time.Duration(seconds) * time.Second, nil
	}
	status := x.Status()
	if status == 0 && x.Err() != nil {
		return "", 0, &noToken{x.Lost(x.Err())}
	}
	refused, _ := errors.AsType[*oauth2.RetrieveError](err)
	var r push.Result
	switch {
	case status == 0:
		r = x.Result(push.Misset, push.ClassCredential, "The service account's key cannot sign.")
	case refused == nil, status >= 300 && status < 400:
		r = x.Result(push.Retry, push.ClassProtocol, fmt.Sprintf("%d without a token, from where access tokens are got.", status))
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		r = x.Result(push.Retry, push.ClassStatus, fmt.Sprintf("%d from where access tokens are got.", status))
		r.Slow, r.RetryAfter = status == http.StatusTooManyRequests, x.RetryAfter()
	default:
		r = x.Result(push.Misset, push.ClassCredential, fmt.Sprintf("%d: no access token for our service account.", status))
	}
	return "", 0, &noToken{r}
}

// tokenTransport is the transport under the library that gets tokens, which
// knows no context of a request.
type tokenTransport struct {
	ctx  context.Context //nolint:containedctx // of one request
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return push.RoundTrip(t.base, req.WithContext(t.ctx))
}
