// Package fcm tells Android phones, by Google's Firebase Cloud Messaging.
package fcm

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"

	"github.com/openinsure/openinsure/push"
)

// Config says for which project is pushed, and how much.
type Config struct {
	CredentialsFile string         // JSON of a service account of the project; or
	Credentials     []byte         // what is in it
	Endpoint        string         // empty: Google's. A fake's is like http://127.0.0.1:9099/v1
	RootCAs         *x509.CertPool // empty: the system's
	Timeout         time.Duration  // of one Send; default 10 s
	PerSecond       int            // messages of the project; default 5,000
	PerPhone        int            // messages to one phone in a minute; default 200
	Now             func() time.Time
}

const (
	defaultEndpoint = "https://fcm.googleapis.com/v1"
	messagingScope  = "https://www.googleapis.com/auth/firebase.messaging"
)

// A Sender sends to Google for one project. There is one in a process: it counts
// what Google allows.
type Sender struct {
	cfg    Config
	client *messaging.Client
	hosts  *hosts
	access *access
	limits *limits
	doubt  push.Doubt
}

var (
	_ push.Sender = (*Sender)(nil)

	errAnswer = errors.New("FCM did not answer in time")
)

// New checks the settings, so that a wrong key is found at the start. It does
// not connect.
func New(ctx context.Context, cfg Config) (*Sender, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.PerSecond, cfg.PerPhone = cmp.Or(cfg.PerSecond, 5000), cmp.Or(cfg.PerPhone, 200)
	cfg.Endpoint = cmp.Or(cfg.Endpoint, defaultEndpoint)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.CredentialsFile != "" {
		b, err := os.ReadFile(cfg.CredentialsFile)
		if err != nil {
			return nil, fmt.Errorf("read the credentials for FCM: %w", err)
		}
		cfg.Credentials = b
	}
	endpoint, err := address(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint of FCM: %w", err)
	}
	project, err := checkAccount(cfg.Credentials)
	if err != nil {
		return nil, fmt.Errorf("the credentials for FCM: %w", err)
	}
	account, err := google.JWTConfigFromJSON(cfg.Credentials, messagingScope)
	if err != nil {
		return nil, fmt.Errorf("the credentials for FCM: %w", err)
	}
	tokens, err := address(account.TokenURL)
	if err != nil {
		return nil, fmt.Errorf("the token_uri in the credentials for FCM: %w", err)
	}
	s := &Sender{cfg: cfg, hosts: newHosts(cfg.RootCAs, endpoint, tokens), limits: newLimits(cfg.PerSecond, cfg.PerPhone)}
	s.access = &access{account: account, base: s.hosts, now: cfg.Now}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: project}, option.WithEndpoint(cfg.Endpoint),
		option.WithHTTPClient(&http.Client{Transport: messages{s.hosts}, CheckRedirect: noRedirect}))
	if err != nil {
		return nil, fmt.Errorf("set up FCM: %w", err)
	}
	if s.client, err = app.Messaging(ctx); err != nil {
		return nil, fmt.Errorf("set up FCM: %w", err)
	}
	return s, nil
}

func address(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is no http or https URL", s)
	}
	return u, nil
}

// checkAccount returns the project of a service account that can sign.
func checkAccount(b []byte) (project string, err error) {
	var a struct {
		Type       string `json:"type"`
		Project    string `json:"project_id"`
		Email      string `json:"client_email"`
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return "", errors.New("they are not JSON")
	}
	switch {
	case a.Type != "service_account":
		return "", errors.New(`they are not those of a service account: "type" must be service_account`)
	case a.Project == "" || a.Email == "":
		return "", errors.New("project_id or client_email is missing")
	}
	block, _ := pem.Decode([]byte(a.PrivateKey))
	if block == nil {
		return "", errors.New("private_key is not in PEM")
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return a.Project, nil
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		return "", errors.New("private_key is not a key in PKCS #8 or #1")
	}
	return a.Project, nil
}

// Close ends the connections to Google. Nothing may be sent any more.
func (s *Sender) Close() { s.hosts.CloseIdleConnections() }

// Send implements push.Sender. An attempt is one request, and a second one when
// the access token no longer counted.
func (s *Sender) Send(ctx context.Context, d push.Delivery) push.Result {
	if d.Device == nil || d.Notice == nil {
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload, Detail: "The delivery names no phone or nothing to tell."}
	}
	now := s.cfg.Now()
	if at := d.Notice.Expires; !at.IsZero() && !at.After(now) {
		return push.Result{Outcome: push.Cancelled, Class: push.ClassGone, Detail: "It was no longer worth telling."}
	}
	m, ok := message(d, now)
	if !ok {
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload, Detail: fmt.Sprintf("What goes with the words is over %d bytes.", mostPayload)}
	}
	if wait, of := s.limits.wait(d.Device.ID, now); wait > 0 {
		return s.heldBack(wait, of)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errAnswer)
	defer cancel()
	r, refused := s.ask(ctx, m)
	if refused != "" {
		s.access.refuse(refused)
		r, _ = s.ask(ctx, m)
	}
	return r
}

func (s *Sender) heldBack(wait time.Duration, of string) push.Result {
	r := push.Result{Outcome: push.Retry, Class: push.ClassStatus, RetryAfter: wait}
	if of == "phone" {
		r.Detail = fmt.Sprintf("Not sent yet: over %d messages a minute to one phone.", s.cfg.PerPhone)
	} else {
		r.Detail = fmt.Sprintf("Not sent yet: over %d messages a second to all phones.", s.cfg.PerSecond)
	}
	return r
}

// ask makes one request. When Google does not take the access token, it returns
// that too.
func (s *Sender) ask(ctx context.Context, m *messaging.Message) (r push.Result, refused string) {
	text, err := s.access.token(ctx)
	if err != nil {
		if none, ok := errors.AsType[*noToken](err); ok {
			return none.result, ""
		}
		_, x := push.WithExchange(ctx, s.cfg.Now)
		return x.Lost(ctx.Err()), ""
	}
	ctx, x := push.WithExchange(withToken(ctx, text), s.cfg.Now)
	name, err := s.client.Send(ctx, m)
	r = s.verdict(x, name, err)
	if r.Outcome == push.Misset && r.Code == http.StatusUnauthorized && !messaging.IsThirdPartyAuthError(err) {
		refused = text
	}
	return r, refused
}
