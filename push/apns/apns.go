// Package apns tells iPhones, by Apple's push service.
package apns

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/sideshow/apns2"

	"github.com/openinsure/openinsure/push"
)

// Config says who pushes, and to which app.
type Config struct {
	KeyFile     string         // the .p8 file that Apple made for the team; or
	Key         []byte         // what is in it
	KeyID       string         // 10 characters, beside the key in Apple's portal
	TeamID      string         // 10 characters
	Topic       string         // bundle id of the app, for devices that do not say theirs
	Host        string         // https URL of production; empty: Apple's
	SandboxHost string         // empty: Host, and Apple's when that is empty too
	RootCAs     *x509.CertPool // empty: the system's
	Timeout     time.Duration  // of one Send; default 10 s
	Now         func() time.Time
}

// A Sender sends to Apple for one team. There is one in a process: Apple refuses
// a team whose provider tokens change too often.
type Sender struct {
	cfg       Config
	bearer    *bearer
	transport *transport
	hosts     map[string]*apns2.Client // by environment; never changed
	doubt     push.Doubt
}

var (
	_ push.Sender = (*Sender)(nil)

	errAnswer  = errors.New("APNs did not answer in time")
	tenLetters = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	hexToken   = regexp.MustCompile(`^[0-9a-fA-F]{64,200}$`)
)

// errSigning is that we could not make a provider token.
type errSigning struct{ error }

func (e errSigning) Unwrap() error { return e.error }

// New checks the settings, so that a wrong key is found at the start. It does
// not connect.
func New(cfg Config) (*Sender, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.KeyFile != "" {
		b, err := os.ReadFile(cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the key for APNs: %w", err)
		}
		cfg.Key = b
	}
	key, err := parseKey(cfg.Key)
	switch {
	case err != nil && cfg.KeyFile != "":
		return nil, fmt.Errorf("the key for APNs, %s: %w", cfg.KeyFile, err)
	case err != nil:
		return nil, fmt.Errorf("the key for APNs: %w", err)
	case !tenLetters.MatchString(cfg.KeyID):
		return nil, errors.New("the id of the key for APNs must be 10 capital letters and digits")
	case !tenLetters.MatchString(cfg.TeamID):
		return nil, errors.New("the id of the team at Apple must be 10 capital letters and digits")
	case cfg.Topic == "":
		return nil, errors.New("the topic for APNs is missing: the app's bundle id")
	}
	production, sandbox := cmp.Or(cfg.Host, apns2.HostProduction), cmp.Or(cfg.SandboxHost, cfg.Host, apns2.HostDevelopment)
	var hosts []string
	for _, h := range []string{production, sandbox} {
		u, err := url.Parse(h)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" {
			return nil, fmt.Errorf("the host for APNs must be https://host[:port], and is %q", h)
		}
		hosts = append(hosts, u.Host)
	}
	b := &bearer{key: key, keyID: cfg.KeyID, teamID: cfg.TeamID, now: cfg.Now}
	if _, err := b.current(); err != nil {
		return nil, fmt.Errorf("sign a token for APNs: %w", err)
	}
	s := &Sender{cfg: cfg, bearer: b, transport: newTransport(cfg.RootCAs, b, hosts...)}
	hc := &http.Client{Transport: s.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.hosts = map[string]*apns2.Client{
		push.Production: {Host: production, HTTPClient: hc},
		push.Sandbox:    {Host: sandbox, HTTPClient: hc},
	}
	return s, nil
}

// Close ends the connections to Apple. Nothing may be sent any more.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

// Send implements push.Sender. An attempt is one request, and a second one in
// two cases: the provider token had expired, or the device's token is unknown to
// the environment that the device named and may be of the other.
func (s *Sender) Send(ctx context.Context, d push.Delivery) push.Result {
	if d.Device == nil || d.Notice == nil {
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload, Detail: "The delivery names no phone or nothing to tell."}
	}
	now := s.cfg.Now()
	if at := d.Notice.Expires; !at.IsZero() && !at.After(now) {
		return push.Result{Outcome: push.Cancelled, Class: push.ClassGone, Detail: "It was no longer worth telling."}
	}
	if !hexToken.MatchString(d.Device.Address) {
		return push.Result{Outcome: push.Gone, Class: push.ClassGone, Detail: "The address is no token of APNs."}
	}
	n, ok := notification(d, cmp.Or(d.Device.App, s.cfg.Topic), now)
	if !ok {
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload, Detail: fmt.Sprintf("What goes with the words is over %d bytes.", mostPayload)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errAnswer)
	defer cancel()

	env, other := push.Production, push.Sandbox
	if d.Device.Environment == push.Sandbox {
		env, other = other, env
	}
	a := s.push(ctx, env, n)
	if a.reason != apns2.ReasonBadDeviceToken || s.hosts[env].Host == s.hosts[other].Host {
		return s.result(a, d)
	}
	r := s.result(s.push(ctx, other, n), d)
	switch {
	case r.Outcome == push.Delivered:
		r.Environment = other
	case r.Outcome == push.Gone && r.Code == http.StatusBadRequest:
		r.Detail = "BadDeviceToken in production and in the sandbox."
	}
	return r
}

// push makes one request, and another one when the provider token had expired.
func (s *Sender) push(ctx context.Context, env string, n *apns2.Notification) answer {
	a, bearer := s.ask(ctx, env, n)
	if a.reason == apns2.ReasonExpiredProviderToken && s.bearer.renew(bearer) {
		a, _ = s.ask(ctx, env, n)
	}
	return a
}

func (s *Sender) ask(ctx context.Context, env string, n *apns2.Notification) (a answer, bearer string) {
	ctx, x := push.WithExchange(context.WithValue(ctx, bearerKey{}, &bearer), s.cfg.Now)
	// Of what the library makes of the answer nothing is used: it fails for what
	// is no JSON, also after a success, and cuts the time to seconds.
	_, err := s.hosts[env].PushWithContext(ctx, n)
	return read(x, err), bearer
}
