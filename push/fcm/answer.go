package fcm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"

	"github.com/openinsure/openinsure/push"
)

// quotaPause is how long Google wants to be left alone when it does not say.
const quotaPause = time.Minute

// verdict says what an answer means, by its codes and never by its texts.
func (s *Sender) verdict(x *push.Exchange, name string, err error) push.Result {
	status := x.Status()
	detail := fmt.Sprintf("%d %s", status, code(x))
	switch {
	case x.Err() != nil:
		return x.Lost(x.Err())
	case status == 0: // the library did not like the message
		return x.Result(push.Failed, push.ClassPayload, "The message is not one that FCM takes.")
	case status >= 300 && status < 400:
		return x.Result(push.Retry, push.ClassRedirect, detail)
	case status < 300 && (err != nil || name == ""):
		return x.Result(push.Retry, push.ClassProtocol, fmt.Sprintf("%d without the name of a message: it may not be Google who answers.", status))
	case err == nil:
		s.doubt.Delivered(s.cfg.Now())
		r := x.Result(push.Delivered, "", "")
		r.ProviderMessage = name
		return r
	case messaging.IsUnregistered(err):
		return x.Result(push.Gone, push.ClassGone, detail)
	case messaging.IsSenderIDMismatch(err):
		if s.doubt.Dead(s.cfg.Now()) {
			return x.Result(push.Gone, push.ClassGone, detail)
		}
		return x.Result(push.Misset, push.ClassCredential, detail+", from so many phones that our project may be the wrong one.")
	case messaging.IsThirdPartyAuthError(err):
		return x.Result(push.Misset, push.ClassCredential, detail)
	case messaging.IsInvalidArgument(err), errorutils.IsInvalidArgument(err):
		if aboutToken(x) {
			return x.Result(push.Gone, push.ClassGone, detail)
		}
		return x.Result(push.Failed, push.ClassPayload, detail)
	}
	return later(x, status, detail, messaging.IsQuotaExceeded(err))
}

// later reads what is left by its status.
func later(x *push.Exchange, status int, detail string, quota bool) push.Result {
	r := x.Result(push.Retry, push.ClassStatus, detail)
	r.RetryAfter = x.RetryAfter()
	switch {
	case quota, status == http.StatusTooManyRequests:
		if r.Slow = true; r.RetryAfter == 0 {
			r.RetryAfter = quotaPause
		}
	case status == http.StatusServiceUnavailable:
		r.Slow = true
	// 404 without a code of FCM's is our project or endpoint.
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		r.Outcome, r.Class = push.Misset, push.ClassCredential
	}
	return r
}

type failure struct {
	Error struct {
		Status  string `json:"status"`
		Details []struct {
			Code       string `json:"errorCode"`
			Violations []struct {
				Field string `json:"field"`
			} `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

func readFailure(x *push.Exchange) failure {
	var f failure
	if json.Unmarshal(x.Answer(), &f) != nil {
		return failure{}
	}
	return f
}

// code returns what FCM calls an error, or else Google.
func code(x *push.Exchange) string {
	f := readFailure(x)
	for _, d := range f.Error.Details {
		if d.Code != "" {
			return d.Code
		}
	}
	return f.Error.Status
}

// aboutToken reports whether it is the address that was not valid.
func aboutToken(x *push.Exchange) bool {
	for _, d := range readFailure(x).Error.Details {
		for _, v := range d.Violations {
			if slices.Contains([]string{"message.token", "message.fid"}, v.Field) {
				return true
			}
		}
	}
	return false
}
