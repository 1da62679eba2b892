package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/webhook/egress"
)

// verdict says what a whole answer means. Only 2xx is a yes; almost everything
// else may be one next time.
func verdict(resp *http.Response, at time.Time) push.Result {
	code := resp.StatusCode
	r := push.Result{Outcome: push.Retry, Class: push.ClassStatus, Detail: fmt.Sprintf("The receiver answered %d.", code)}
	switch {
	case code >= 200 && code < 300:
		return push.Result{Outcome: push.Delivered}
	case code >= 300 && code < 400:
		r.Class = push.ClassRedirect
		r.Detail = fmt.Sprintf("The receiver answered %d; redirects are not followed.", code)
	case code == http.StatusGone:
		r.Outcome, r.Class = push.Gone, push.ClassGone
		r.Detail = "The receiver answered 410: it wants nothing any more."
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		r.Slow = true
		r.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), at)
	}
	return r
}

// failure says what went wrong where there is no whole answer. The sentences
// are ours: errors of the net packages name addresses.
func (s *Sender) failure(ctx context.Context, err error, t *trace) push.Result {
	r := push.Result{Outcome: push.Retry}
	ip, answered, handshaking := t.reached()
	timeout := false
	if n, ok := errors.AsType[net.Error](err); ok {
		timeout = n.Timeout()
	}
	refused, isRefusal := errors.AsType[*egress.Refusal](err)
	forbidden, isForbidden := errors.AsType[*fault.Error](err)
	_, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		r.Class, r.Slow, r.Detail = push.ClassTimeout, true, fmt.Sprintf("No whole answer within %s.", s.cfg.Timeout)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.Class, r.Slow, r.Detail = push.ClassTimeout, true, "No whole answer before this attempt had to end."
	case ctx.Err() != nil:
		r.Class, r.Detail = push.ClassTimeout, "The attempt was cut short on our side."
	case isRefusal:
		r.Class, r.Detail = push.ClassRefused, "We do not connect to this host's address: "+refused.Why+"."
	case isForbidden:
		r.Class, r.Detail = push.ClassRefused, forbidden.Message()
	case isDNS && timeout:
		r.Class, r.Detail = push.ClassDNS, "The host's name could not be looked up in time."
	case isDNS:
		r.Class, r.Detail = push.ClassDNS, "The host's name has no address."
	case timeout && handshaking:
		r.Class, r.Slow, r.Detail = push.ClassTimeout, true, "The TLS handshake took too long."
	case timeout:
		r.Class, r.Slow, r.Detail = push.ClassTimeout, true, "Connecting took too long."
	case handshaking, errors.Is(err, http.ErrSchemeMismatch):
		r.Class, r.Detail = push.ClassTLS, certificate(err)
	case ip == "":
		r.Class, r.Detail = push.ClassConnect, "No connection could be made."
	case !answered, broken(err):
		r.Class, r.Detail = push.ClassConnect, "The connection broke before the answer was whole."
	default:
		r.Class, r.Detail = push.ClassProtocol, "The answer is not HTTP, or its head is too large."
	}
	return r
}

// certificate says why a handshake failed.
func certificate(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "The receiver's certificate is not for this host."
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "The receiver's certificate is signed by nobody we trust; is an intermediate certificate missing?"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "The receiver's certificate has expired, or is not valid yet."
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "The receiver does not speak TLS on this port."
	}
	return "The TLS handshake failed."
}

// broken reports whether a connection ended where more should have come.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
