package deal

import (
	"errors"
	"fmt"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

// ErrUnderwriter refuses what something on the underwriting side stands against.
// What that is, it does not say.
var ErrUnderwriter = fault.New(fault.Refused, "underwriter_needed", "The underwriting side has to look at this first; ask in the room.")

// ErrNotAccepted refuses to ask for the bind of what was not accepted.
var ErrNotAccepted = fault.New(fault.Refused, "quote_not_accepted", "A quote has to be accepted before its bind can be asked for.")

// Outside returns a refusal as the other company may read it: without states,
// names and limits of the inside. What the caller himself did wrong, and what is
// nobody's secret, stays as it is.
func Outside(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	switch f.Kind() {
	case fault.Refused, fault.Forbidden, fault.Conflict:
	default:
		return err
	}
	status := fmt.Sprint(f.Details()["status"])
	switch f.Code() {
	case quote.ErrState.Code():
		out := quote.ErrState.With("status", faceOfQuote(quote.Status(status)))
		if winner, ok := f.Details()["acceptedQuoteId"]; ok {
			out = out.With("acceptedQuoteId", winner)
		}
		return out
	case submission.ErrState.Code():
		if open := face(submission.Status(status)); open == submission.InReview {
			return ErrUnderwriter
		}
		return submission.ErrState.With("status", status)
	case referral.ErrState.Code(), referral.ErrDecided.Code():
		return referral.ErrState
	case referral.ErrCounter.Code():
		return referral.ErrCounter
	case ErrNotAccepted.Code(), billing.ErrTooSmall.Code(), quote.ErrExpired.Code(), referral.ErrCondition.Code(), room.ErrClosed.Code(), fault.ErrForbidden.Code():
		return err
	}
	return ErrUnderwriter.Because(err)
}

// faceOfQuote is where a quote stands, as the other company may know it.
func faceOfQuote(s quote.Status) quote.Status {
	switch s {
	case quote.Status(quote.Quoted), quote.Offered, quote.Accepted, quote.Bound, quote.NotTakenUp, quote.Superseded, quote.Expired, quote.Status(quote.Declined):
		return s
	}
	return quote.Status(submission.InReview)
}
