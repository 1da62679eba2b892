// Package webhook makes one attempt at delivering an event to an integrator's
// endpoint: a signed POST, and a verdict on the answer.
//
// The receiver is a stranger. It gets 20 seconds in all and 16 KiB of attention,
// it is never followed anywhere, and package egress sees to where it is.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/webhook/egress"
	"github.com/openinsure/openinsure/push/webhook/sign"
)

// Limits of an attempt.
const (
	Timeout     = 20 * time.Second // from the name to the last byte of the answer
	BodyBytes   = 16 << 10         // of the answer that are read; the rest is not
	HeaderBytes = 4 << 10          // of the answer's header that are kept
	MostWait    = 24 * time.Hour   // that a Retry-After is believed
)

// UserAgent is how we introduce ourselves.
const UserAgent = "OpenInsure-Webhooks/1.0"

// A Config tunes a Sender. Its zero value is what production runs with.
type Config struct {
	Now     func() time.Time // nil is time.Now
	Timeout time.Duration    // of one attempt, the body of the answer included; 20 s
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Timeout = cmp.Or(c.Timeout, Timeout)
	return c
}

// A Sender makes attempts; many at once.
type Sender struct {
	cfg    Config
	guard  *egress.Guard
	client *http.Client
}

// New returns a Sender that connects to what the guard lets through.
func New(guard *egress.Guard, c Config) *Sender {
	return &Sender{cfg: c.withDefaults(), guard: guard, client: guard.Client()}
}

// Close ends the connections that are kept open for the next attempt.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send makes one attempt. An answer counts once all of it is there, or its first
// 16 KiB: a receiver that says 200 and then never ends was not heard to say it.
func (s *Sender) Send(ctx context.Context, d push.Delivery) push.Result {
	start := s.cfg.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errTimeout)
	defer cancel()
	t := newTrace(s.cfg.Now)
	r := s.attempt(t.with(ctx), d, start, t)
	r.IP, r.Timing = t.result()
	r.Timing.Total = s.cfg.Now().Sub(start)
	return r
}

func (s *Sender) attempt(ctx context.Context, d push.Delivery, at time.Time, t *trace) push.Result {
	// Settings may have changed since the address was saved.
	if err := s.guard.CheckURL(ctx, d.Endpoint.URL); err != nil {
		return s.failure(ctx, err, t)
	}
	req, err := request(ctx, d, at)
	if err != nil {
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload, Detail: unsendable(err)}
	}
	sent := req.Header.Clone()
	// The transport by itself: a client would read a redirect's target, and
	// take one that it cannot read for a failure of its own.
	resp, err := s.client.Transport.RoundTrip(req)
	if err != nil {
		r := s.failure(ctx, err, t)
		r.RequestHeader = sent
		return r
	}
	defer resp.Body.Close()
	body, err := read(resp)
	var r push.Result
	if err != nil {
		r = s.failure(ctx, err, t)
	} else {
		r = verdict(resp, at)
	}
	r.Code, r.RequestHeader, r.ResponseHeader, r.ResponseBody = resp.StatusCode, sent, kept(resp.Header), body
	return r
}

// read reads as much of the body as anybody looks at. After a switch of
// protocols there is none: the connection is what remains, which no deadline
// would end.
func read(resp *http.Response) ([]byte, error) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(resp.Body, BodyBytes))
}

// request makes the signed request of one attempt.
func request(ctx context.Context, d push.Delivery, at time.Time) (*http.Request, error) {
	body, err := Body(d)
	if err != nil {
		return nil, err
	}
	signed, err := sign.Headers([]string{d.Endpoint.Secret}, d.Event.String(), at, body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = signed
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("X-OpenInsure-Event", d.Type)
	req.Header.Set("X-OpenInsure-Delivery", d.ID.String())
	req.Header.Set("X-OpenInsure-Attempt", strconv.Itoa(d.Attempt))
	return req, nil
}

var errTimeout = errors.New("webhook answer: no whole one in time")

// unsendable says why there is nothing to send. Our own words only: the errors
// of others may quote what they choke on.
func unsendable(err error) string {
	switch {
	case errors.Is(err, sign.ErrSecret), errors.Is(err, sign.ErrNoKey):
		return "The endpoint has no usable secret."
	case errors.Is(err, ErrPayload):
		return "The event's payload cannot be reduced to ids."
	}
	return "The request cannot be made from this event."
}
