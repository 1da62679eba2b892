// Package betterauth asks a better-auth server whose session a token is.
package betterauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
)

// Limits of one question, unless the Config says otherwise.
const (
	defaultTimeout = 5 * time.Second
	mostAnswer     = 64 << 10 // bytes
	mostToken      = 4096     // characters
)

// Faults of a session. ErrUnavailable is ours or the server's, never the
// caller's.
var (
	ErrNoSession   = fault.New(fault.Unauthenticated, "invalid_session", "The session is unknown to the sign-in server, or over.")
	ErrUnavailable = fault.New(fault.Unavailable, "auth_unavailable", "The sign-in server cannot answer right now.").With("part", "auth").Retry(5 * time.Second)
)

// Config adjusts a Client; the zero value works.
type Config struct {
	Timeout   time.Duration     // of a question with its answer; default 5 s
	Transport http.RoundTripper // default a transport of its own
	Now       func() time.Time  // default time.Now
}

// A Client asks one server, which the operator named: no part of its address
// comes from a caller.
type Client struct {
	ask      string
	provider string
	http     *http.Client
	now      func() time.Time
}

// New returns a client of the server at an address such as
// https://auth.example.com, under which it serves /api/auth.
func New(address string, cfg Config) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the address is not of the form https://host[/path]")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxConnsPerHost: 32, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: cfg.Timeout, MaxResponseHeaderBytes: mostAnswer,
		}
	}
	return &Client{
		ask: u.JoinPath("/api/auth/get-session").String(), provider: "better-auth " + strings.TrimRight(u.String(), "/"), now: cfg.Now,
		http: &http.Client{
			Transport: cfg.Transport, Timeout: cfg.Timeout,
			// A redirect would take the caller's token to wherever it leads.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close ends the connections to the server.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// A Session is who is signed in over there.
type Session struct {
	Provider     string // the server
	Subject      string // the user's id there
	Email        string
	Verified     bool   // whether the address is known to be his
	Organization string // the id of the one that he works for there; empty: none
	ExpiresAt    time.Time
}

// answer is what the server says of a session. Servers with the organization
// plugin name the active one in the session; the platform's own names it in the
// user.
type answer struct {
	Session struct {
		UserID    string    `json:"userId"`
		ExpiresAt time.Time `json:"expiresAt"`
		Active    string    `json:"activeOrganizationId"`
	} `json:"session"`
	User struct {
		ID       string `json:"id"`
		Email    string `json:"email"`
		Verified bool   `json:"emailVerified"`
		OrgID    string `json:"orgId"`
	} `json:"user"`
}

// Session returns whose session a token is; ErrNoSession when it is nobody's.
func (c *Client) Session(ctx context.Context, token string) (Session, error) {
	if !wellFormed(token) {
		return Session{}, ErrNoSession
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.ask, http.NoBody)
	if err != nil {
		return Session{}, ErrUnavailable.Because(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return Session{}, ErrUnavailable.Because(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	switch {
	case err != nil:
		return Session{}, ErrUnavailable.Because(err)
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return Session{}, ErrNoSession
	case res.StatusCode != http.StatusOK:
		return Session{}, ErrUnavailable.Because(fmt.Errorf("status %d", res.StatusCode))
	case len(body) > mostAnswer:
		return Session{}, ErrUnavailable.Because(fmt.Errorf("an answer of more than %d bytes", mostAnswer))
	}
	return c.read(body)
}

func (c *Client) read(body []byte) (Session, error) {
	var a *answer // null: there is no session
	if err := json.Unmarshal(body, &a); err != nil {
		return Session{}, ErrUnavailable.Because(fmt.Errorf("an answer that is none: %w", err))
	}
	if a == nil {
		return Session{}, ErrNoSession
	}
	s := Session{
		Provider: c.provider, Subject: a.User.ID, Email: a.User.Email, Verified: a.User.Verified,
		Organization: cmp.Or(a.Session.Active, a.User.OrgID), ExpiresAt: a.Session.ExpiresAt,
	}
	switch {
	case s.Subject == "" || a.Session.UserID != s.Subject || len(s.Subject) > 200 || len(s.Organization) > 200 || len(s.Email) > 320:
		return Session{}, ErrUnavailable.Because(errors.New("an answer without a session's user"))
	case !s.ExpiresAt.After(c.now()):
		return Session{}, ErrNoSession
	}
	return s, nil
}

// wellFormed reports whether a token can be put into a header as it is.
func wellFormed(token string) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return token != "" && len(token) <= mostToken
}
