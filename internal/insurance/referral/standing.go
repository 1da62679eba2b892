package referral

import (
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// A Price is an open quote of a submission, and what somebody has to agree to
// in it.
type Price struct {
	Quote quote.Quote
	Value authority.Value
}

// Standing is where a submission and its open quotes stand, given all that was
// asked about them.
//
// What is bound, withdrawn or over stays so. A decline ends all. While something
// is asked, or a counter waits, the submission is referred. A price that had to
// be referred is open to the broker while somebody with the authority agrees to
// it, and no longer, offered and accepted ones included.
func Standing(s submission.Submission, prices []Price, all []Referral, at time.Time) (submission.Status, []quote.Status) {
	stand := make([]quote.Status, len(prices))
	for i, p := range prices {
		stand[i] = p.Quote.Status
	}
	switch s.Status {
	case submission.Received, submission.InReview, submission.Quoted, submission.Referred:
	default:
		return s.Status, stand
	}
	about := slices.DeleteFunc(slices.Clone(all), func(r Referral) bool { return r.Entity.Type == Policy })
	if slices.ContainsFunc(about, func(r Referral) bool { return r.Status == Decided && r.Outcome == Declined }) {
		for i := range stand {
			stand[i] = quote.Status(quote.Declined)
		}
		return submission.Declined, stand
	}
	for i, p := range prices {
		if p.Quote.Decision != quote.Referred {
			continue
		}
		agreed := slices.ContainsFunc(about, func(r Referral) bool { return r.Agrees(p.Value, at) })
		switch {
		case !agreed:
			stand[i] = quote.Status(quote.Referred)
		case stand[i] == quote.Status(quote.Referred):
			stand[i] = quote.Status(quote.Quoted)
		}
	}
	offers := slices.ContainsFunc(stand, func(q quote.Status) bool { return q != quote.Status(quote.Referred) })
	switch {
	case slices.ContainsFunc(about, Referral.pending):
		return submission.Referred, stand
	case offers:
		return submission.Quoted, stand
	case len(prices) > 0:
		return submission.Referred, stand
	case s.Status == submission.Referred:
		return submission.InReview, stand
	}
	return s.Status, stand
}

// pending reports whether a referral holds its submission up.
func (r Referral) pending() bool { return r.Status.live() || r.Waits() }
