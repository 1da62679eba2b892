package referral

import (
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// Standing is where a submission and its newest quote stand, given all that was
// asked about them.
//
// What is bound, withdrawn or over stays so. A decline ends both. While
// something is asked, or a counter waits, they are referred. A price that had to
// be referred is offered once somebody with the authority agreed to it.
func Standing(s submission.Submission, q *quote.Quote, v authority.Value, all []Referral, at time.Time) (submission.Status, quote.Status) {
	var offered quote.Status
	if q != nil {
		offered = q.Status
	}
	switch s.Status {
	case submission.Received, submission.InReview, submission.Quoted, submission.Referred:
	default:
		return s.Status, offered
	}
	about := slices.DeleteFunc(slices.Clone(all), func(r Referral) bool { return r.Entity.Type == Policy })
	open := q != nil && (offered == quote.Status(quote.Quoted) || offered == quote.Status(quote.Referred))
	switch {
	case slices.ContainsFunc(about, func(r Referral) bool { return r.Status == Decided && r.Outcome == Declined }):
		if open {
			offered = quote.Status(quote.Declined)
		}
		return submission.Declined, offered
	case q == nil:
		if slices.ContainsFunc(about, Referral.pending) {
			return submission.Referred, offered
		}
		if s.Status == submission.Referred {
			return submission.InReview, offered
		}
		return s.Status, offered
	case !open:
		return s.Status, offered
	}
	if q.Decision == quote.Referred {
		offered = quote.Status(quote.Referred)
		if slices.ContainsFunc(about, func(r Referral) bool { return r.Agrees(v, at) }) {
			offered = quote.Status(quote.Quoted)
		}
	}
	if offered == quote.Status(quote.Referred) || slices.ContainsFunc(about, Referral.pending) {
		return submission.Referred, offered
	}
	return submission.Quoted, offered
}

// pending reports whether a referral holds its submission up.
func (r Referral) pending() bool { return r.Status.live() || r.waits() }
