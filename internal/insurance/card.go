package insurance

import (
	"fmt"
	"strings"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// quoteCard is what a room shows of a quote. A price that an underwriter has yet
// to agree to is not shown, one that nobody has to agree to any more is, and waits
// for the desk to offer it; how any price came about, and why a risk was declined,
// stays inside.
func quoteCard(q quote.Quote) event.Card {
	switch {
	case q.Decision == quote.Declined:
		return event.Card{Card: event.SubmissionDeclined{}.EventType(), Status: string(submission.Declined), Text: "The submission was declined."}
	case !known(q):
		return event.Card{
			Card: event.SubmissionQuoted{}.EventType(), Status: string(submission.InReview), WhoseTurn: "underwriter",
			Text: "An underwriter reviews the quote.",
		}
	}
	return event.Card{
		Card: event.SubmissionQuoted{}.EventType(), QuoteID: q.ID.String(), Status: string(submission.Quoted), Premium: dollars(q.GrossPremium),
		WhoseTurn: "underwriter", Text: "Quoted at " + q.GrossPremium.Dollars() + termsOf(q) + ". It is yet to be offered.",
	}
}

// termsOf writes the terms of a counter that was taken; nothing of other quotes,
// which are on the terms that were asked for.
func termsOf(q quote.Quote) string {
	if !q.Agreed() {
		return ""
	}
	text := ": limit " + q.Terms.Limit.Dollars()
	if q.Terms.Deductible > 0 {
		text += ", deductible " + q.Terms.Deductible.Dollars()
	}
	if n := len(q.Terms.Exclusions); n > 0 {
		text += ", without " + strings.Join(q.Terms.Exclusions[:min(n, mostNamed)], ", ")
		if n > mostNamed {
			text += fmt.Sprintf(" and %d more", n-mostNamed)
		}
	}
	return text
}

// mostNamed is how many exclusions a card names.
const mostNamed = 3

// known reports whether a price that is not offered yet is the broker's to know:
// nobody has to agree to it, or somebody has.
func known(q quote.Quote) bool { return q.Status == quote.Status(quote.Quoted) }

// declinedCard is what a room shows of an underwriter's no.
func declinedCard() event.Card { return quoteCard(quote.Quote{Decision: quote.Declined}) }

// endingCard is what a room shows of the end of a submission: the reasons that
// both sides may know.
func endingCard(s submission.Submission) event.Card {
	c := event.Card{
		Card: event.SubmissionDeclined{}.EventType(), Status: string(s.Status), Reasons: reasonsOf(*s.Ending), Message: s.Ending.Message,
		Text: "The submission was declined.",
	}
	switch s.Status {
	case submission.Withdrawn:
		c.Card, c.Text = event.SubmissionWithdrawn{}.EventType(), "The submission was withdrawn."
	case submission.Expired:
		c.Card, c.Text = event.SubmissionExpired{}.EventType(), "The submission expired: nothing became of it for 90 days."
	}
	return c
}

// reasonsOf are the reasons of an end that both sides may know.
func reasonsOf(e submission.Ending) []string {
	shown := []string{}
	for _, r := range e.Face() {
		shown = append(shown, string(r))
	}
	return shown
}

// correctedCard is what a room shows of a correction.
func correctedCard(material bool) event.Card {
	c := event.Card{Card: event.SubmissionCorrected{}.EventType(), Text: "The submission was corrected."}
	if material {
		c.WhoseTurn, c.Text = "underwriter", "The submission was corrected; what was quoted before is not good any more."
	}
	return c
}

// offeredCard is what a room shows of an offer.
func offeredCard(q quote.Quote) event.Card {
	return event.Card{
		Card: event.QuoteOffered{}.EventType(), QuoteID: q.ID.String(), Status: string(quote.Offered), Premium: dollars(q.GrossPremium),
		WhoseTurn: "broker", Text: "Offered at " + q.GrossPremium.Dollars() + ".",
	}
}

// acceptedCard is what a room shows of an acceptance.
func acceptedCard(q quote.Quote) event.Card {
	return event.Card{
		Card: event.QuoteAccepted{}.EventType(), QuoteID: q.ID.String(), Status: string(quote.Accepted), Premium: dollars(q.GrossPremium),
		WhoseTurn: "underwriter", Text: "Accepted at " + q.GrossPremium.Dollars() + ".",
	}
}

// bindRequestedCard is what a room shows of a wish to bind.
func bindRequestedCard(q quote.Quote, p billing.Plan) event.Card {
	return event.Card{
		Card: event.SubmissionBindRequested{}.EventType(), QuoteID: q.ID.String(), Status: string(quote.Accepted), Premium: dollars(q.GrossPremium), Plan: string(p),
		WhoseTurn: "underwriter", Text: "To be bound at " + q.GrossPremium.Dollars() + ", paid by: " + p.Words() + ".",
	}
}

// boundCard is what a room shows of a bind.
func boundCard(p policy.Policy) event.Card {
	return event.Card{
		Card: event.PolicyBound{}.EventType(), QuoteID: p.Quote.String(), PolicyID: p.ID.String(), PolicyNumber: p.Number, Status: string(policy.Bound),
		Premium: dollars(p.GrossPremium), Text: "Bound as " + p.Number + ".",
	}
}

// renewalCard is what a room shows of a policy that is about to expire.
func renewalCard(p policy.Policy, days int) event.Card {
	return event.Card{
		Card: event.PolicyRenewalDue{}.EventType(), PolicyID: p.ID.String(), PolicyNumber: p.Number, Status: string(p.Status),
		Text: fmt.Sprintf("%s expires on %s, in %d days.", p.Number, p.Expiration, days),
	}
}

// dollars writes an amount as cards do: 14250 or 712.50.
func dollars(c money.Cents) string { return strings.TrimSuffix(c.String(), ".00") }
