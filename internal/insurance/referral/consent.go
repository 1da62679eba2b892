package referral

import (
	"time"

	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
)

// A Bargain is what a quote offers: cover on terms, for a premium. The zero one
// is of no quote.
type Bargain struct {
	Premium money.Cents `json:"premium"`
	Terms   quote.Terms `json:"terms"`
}

func bargainOf(q quote.Quote) Bargain { return Bargain{Premium: q.GrossPremium, Terms: q.Terms} }

func (b Bargain) equal(o Bargain) bool { return b.Premium == o.Premium && b.Terms.Equal(o.Terms) }

// bargain is what an approval would agree to: that of the quote before whoever
// decides, under his counter when he makes one. It fails on a counter that does
// not go with what it leaves as it is.
func (on Bench) bargain(c *Counter, at time.Time) (Bargain, error) {
	switch {
	case on.Quote == nil:
		return Bargain{}, nil
	case c == nil:
		return bargainOf(*on.Quote), nil
	}
	q, err := on.Quote.Countered(quote.Counter(*c), at)
	return bargainOf(q), err
}

// Tolerance is by how much, in percent, a premium may differ from the one that
// was asked about, in either direction, before the question is another one.
const Tolerance = 5

// A consent is what an approval agrees to, given or proposed by the first of two.
// It is to a bargain that somebody looked at, never to an amount by itself.
//
// A counter agrees to the bargain that it made, to the cent. Any other approval
// agrees to the terms of the quote that was looked at, for no more than its
// reference, and no cheaper than Tolerance allows. Either is of one risk; where
// edits are allowed, the risk may change within the reference, and the premium
// follows it by the rates.
type consent struct {
	risk      string // empty: it was not kept
	asked     *money.Cents
	reference authority.Value
	bargain   *Bargain // nil: it was not kept
	counter   *Counter
	edits     bool
}

// consent returns what a referral agrees to, or would if the second confirmed or
// the counter were taken; false when it agrees to nothing.
func (r Referral) consent() (consent, bool) {
	c := consent{risk: r.Risk, asked: r.Value.Premium, bargain: r.Bargain}
	switch {
	case r.Entity.Type == Policy:
		return c, false
	case r.Status == PendingSecond:
		d := r.Proposal.Decision
		c.reference, c.counter, c.edits = d.value(r.Value), d.Counter, d.AllowEdit
	case r.Status == Decided && r.Outcome != Declined && r.Reference != nil:
		c.reference, c.counter, c.edits = *r.Reference, r.Counter, r.AllowEdit
	default:
		return c, false
	}
	c.edits = c.edits && c.counter == nil
	return c, true
}

// to reports whether a price is agreed to.
func (c consent) to(p Price) bool {
	if what, whose := sameRisk(c.risk, p.Risk); !whose || !what && !c.edits || !c.reference.Covers(p.Value) {
		return false
	}
	if c.counter != nil {
		return c.made(p.Quote)
	}
	if c.bargain != nil {
		terms := c.bargain.Terms
		terms.Limit = p.Quote.Terms.Limit // which the reference covers
		if !terms.Equal(p.Quote.Terms) {
			return false
		}
	}
	return c.edits || c.asked == nil || !below(*c.asked, p.Quote.GrossPremium)
}

// made reports whether the counter made a quote. Where its bargain was not kept,
// that is one which was made by a counter and which this one leaves as it is.
func (c consent) made(q quote.Quote) bool {
	if c.bargain != nil {
		return c.bargain.equal(bargainOf(q))
	}
	again, err := q.Countered(quote.Counter(*c.counter), q.CreatedAt)
	return err == nil && q.Agreed() && bargainOf(again).equal(bargainOf(q))
}

// below reports whether a premium is lower than another by more than Tolerance.
func below(asked, now money.Cents) bool { return int64(asked-now)*100 > int64(asked)*Tolerance }

// holds reports whether a consent is still of use when a price takes the place of
// those before: it is to that price, or its counter would make of it what it is
// to. Without a price yet, edits have to be allowed. It is of one insured's.
func (r Referral) holds(p Price) bool {
	c, ok := r.consent()
	_, whose := sameRisk(c.risk, p.Risk)
	switch {
	case !ok || !whose:
		return false
	case p.Value.Premium == nil:
		return c.edits && c.reference.Covers(p.Value)
	case c.counter != nil && !r.Taken:
		_, ok := c.version(p, p.Quote.CreatedAt)
		return ok
	}
	return c.to(p)
}

// version is what the counter of a consent makes of a price; false when that is
// not what was agreed to.
func (c consent) version(p Price, at time.Time) (quote.Quote, bool) {
	q, err := p.Quote.Countered(quote.Counter(*c.counter), at)
	return q, err == nil && c.to(p.with(q))
}

// MakesVersion reports whether a counter that is taken makes a version of a quote:
// not of a policy, nor where there was no quote to counter.
func (r Referral) MakesVersion() bool {
	return r.Entity.Type != Policy && (r.Bargain == nil || !r.Bargain.equal(Bargain{}))
}

// TakenVersion makes the version of a quote that a counter which was taken agrees to,
// out of the first price that it was made of; false when it was made of none.
func (r Referral) TakenVersion(prices []Price, at time.Time) (of, made quote.Quote, ok bool) {
	c, ok := r.consent()
	if !ok || c.counter == nil {
		return of, made, false
	}
	for _, p := range prices {
		if made, ok = c.version(p, at); ok {
			return p.Quote, made, true
		}
	}
	return of, made, false
}
