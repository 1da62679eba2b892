package apns

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sideshow/apns2"

	"github.com/openinsure/openinsure/push"
)

// Reasons that the library does not know.
const (
	reasonUnrelatedKey   = "UnrelatedKeyIdInToken"
	reasonBadEnvironment = "BadEnvironmentKeyIdInToken"
)

// answer is what came of one request.
type answer struct {
	x      *push.Exchange
	err    error // why there is no answer
	status int
	reason string
	since  time.Time // with 410: when the token was found dead
}

func read(x *push.Exchange, err error) answer {
	a := answer{x: x, status: x.Status()}
	if a.status == 0 {
		if a.err = x.Err(); a.err == nil {
			a.err = err
		}
		return a
	}
	var body struct {
		Reason    string `json:"reason"`
		Timestamp int64  `json:"timestamp"`
	}
	if json.Unmarshal(x.Answer(), &body) == nil {
		a.reason = body.Reason
		if body.Timestamp != 0 {
			a.since = time.UnixMilli(body.Timestamp)
		}
	}
	return a
}

// result says what an answer means for the delivery.
func (s *Sender) result(a answer, d push.Delivery) push.Result {
	r := s.verdict(a, d)
	r.RetryAfter = a.x.RetryAfter()
	if r.Outcome == push.Delivered {
		r.ProviderMessage = r.ResponseHeader.Get("apns-id")
		s.doubt.Delivered(s.cfg.Now())
	}
	return r
}

func (s *Sender) verdict(a answer, d push.Delivery) push.Result {
	detail := fmt.Sprintf("%d %s", a.status, a.reason)
	switch {
	case a.err != nil:
		if _, ours := errors.AsType[errSigning](a.err); ours {
			return a.x.Result(push.Misset, push.ClassCredential, "No provider token could be signed.")
		}
		return a.x.Lost(a.err)
	case a.status == http.StatusOK:
		return a.x.Result(push.Delivered, "", "")
	case a.status >= 300 && a.status < 400:
		return a.x.Result(push.Retry, push.ClassRedirect, detail)
	case a.status == http.StatusGone:
		return gone(a, d)
	case a.status == http.StatusTooManyRequests && a.reason == apns2.ReasonTooManyProviderTokenUpdates:
		return a.x.Result(push.Misset, push.ClassCredential, detail)
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable:
		r := a.x.Result(push.Retry, push.ClassStatus, detail)
		r.Slow = true
		return r
	case a.status >= 500:
		return a.x.Result(push.Retry, push.ClassStatus, detail)
	}
	return s.refusal(a, d, detail)
}

// gone believes a death only if it is later than the registration: who installs
// the app again may get the same token, and Apple tells of the old death for a
// while.
func gone(a answer, d push.Delivery) push.Result {
	if !a.since.IsZero() && a.since.Before(d.Device.RegisteredAt) {
		return a.x.Result(push.Retry, push.ClassGone, fmt.Sprintf("410 %s, since before the phone registered.", a.reason))
	}
	return a.x.Result(push.Gone, push.ClassGone, "410 "+a.reason)
}

// refusal reads the rest of 4xx by its reason.
func (s *Sender) refusal(a answer, d push.Delivery, detail string) push.Result {
	switch a.reason {
	case apns2.ReasonBadDeviceToken:
		return a.x.Result(push.Gone, push.ClassGone, detail)

	// The token is of another app. Apple calls nothing but 410 a death, but a
	// token never changes its app, so no later try can go better. When our own
	// topic is wrong, though, every phone answers this.
	case apns2.ReasonDeviceTokenNotForTopic:
		if s.doubt.Dead(s.cfg.Now()) {
			return a.x.Result(push.Gone, push.ClassGone, detail)
		}
		return a.x.Result(push.Misset, push.ClassCredential, detail+", from so many phones that our topic may be wrong.")

	case apns2.ReasonExpiredProviderToken, apns2.ReasonInvalidProviderToken, apns2.ReasonMissingProviderToken, apns2.ReasonForbidden,
		apns2.ReasonBadCertificate, apns2.ReasonBadCertificateEnvironment, reasonUnrelatedKey, reasonBadEnvironment,
		apns2.ReasonBadPath, apns2.ReasonMethodNotAllowed:
		return a.x.Result(push.Misset, push.ClassCredential, detail)

	case apns2.ReasonBadTopic, apns2.ReasonMissingTopic, apns2.ReasonTopicDisallowed:
		if d.Device.App != "" && d.Device.App != s.cfg.Topic {
			return a.x.Result(push.Failed, push.ClassPayload, detail+", an app that the phone named.")
		}
		return a.x.Result(push.Misset, push.ClassCredential, detail)

	case apns2.ReasonIdleTimeout:
		return a.x.Result(push.Retry, push.ClassTimeout, detail)

	case "":
		return a.x.Result(push.Retry, push.ClassProtocol, fmt.Sprintf("%d without a reason: it may not be Apple who answers.", a.status))
	}
	switch a.status {
	case http.StatusForbidden: // a reason that is newer than we are
		return a.x.Result(push.Misset, push.ClassCredential, detail)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return a.x.Result(push.Failed, push.ClassPayload, detail)
	}
	return a.x.Result(push.Retry, push.ClassStatus, detail)
}
