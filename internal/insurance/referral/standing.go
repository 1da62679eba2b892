package referral

import (
	"cmp"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// A Price is a quote of a submission, and what somebody has to agree to in it.
type Price struct {
	Quote quote.Quote
	Value authority.Value
	Risk  string // a hash of what makes it
}

// PriceOf is what somebody has to agree to in a submission with a quote. Nil is a
// submission without one: there is no premium then.
func PriceOf(s submission.Submission, q *quote.Quote) Price {
	p := Price{Value: authority.Value{Limit: s.RequestedLimit, Insured: s.Exposure.InsuredValue, Line: s.LineOfBusiness, State: s.State}, Risk: s.Risk()}
	if q != nil {
		p = p.with(*q)
	}
	return p
}

// with puts a quote in the place of that of a price.
func (p Price) with(q quote.Quote) Price {
	p.Quote, p.Value.Premium, p.Value.Limit = q, &q.GrossPremium, cmp.Or(q.Terms.Limit, p.Value.Limit)
	return p
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
		agreed := slices.ContainsFunc(about, func(r Referral) bool { return r.Agrees(p, at) })
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
