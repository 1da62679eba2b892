package referral

import "github.com/openinsure/openinsure/internal/event"

// Whose turn it is. Cards know of two sides only: what waits for who raised the
// referral waits for the underwriter.
const (
	brokersTurn      = "broker"
	underwritersTurn = "underwriter"
	requestersTurn   = "requester"
)

// Shows reports whether the room of a referral shows a card of an event that the
// referral told, as far as that depends on it: what is asked and answered inside,
// the room hears nothing of.
func (r Referral) Shows(told event.Event) bool {
	switch told.Type {
	case event.ReferralInfoRequested{}.EventType(), event.ReferralAnswered{}.EventType():
		return r.asksBroker()
	}
	return true
}

// Card returns what the room of the referral shows of an event that the
// referral told, right after it. The broker reads it: status and outcome, what is
// asked of him, whose turn it is. Rationale, reason, who decided, the terms of a
// counter and the states in which the company works stay inside.
func (r Referral) Card(told event.Event) event.Card {
	c := event.Card{Card: told.Type, ReferralID: r.ID.String(), Status: r.Face(), WhoseTurn: underwritersTurn}
	switch told.Type {
	case event.ReferralCreated{}.EventType():
		c.Text = "An underwriter was asked to review this."
	case event.ReferralInfoRequested{}.EventType():
		c.Text, c.WhoseTurn = "The underwriter needs more information.", brokersTurn
		if n := len(r.Requests); n > 0 {
			for _, q := range r.Requests[n-1].Questions {
				if !q.Internal {
					c.Questions = append(c.Questions, q.Text)
				}
			}
		}
	case event.ReferralAnswered{}.EventType():
		c.Text = "The questions were answered."
	case event.ReferralCounterAnswered{}.EventType():
		c.Text, c.Outcome = "The proposed terms were not accepted.", string(r.Outcome)
		if r.Taken {
			c.Text = "The proposed terms were accepted."
		}
	case event.ReferralConditionChanged{}.EventType():
		c.Outcome = string(r.Outcome)
		c.Text, c.WhoseTurn, c.Conditions = r.conditionSaid(told)
	case event.ReferralEnded{}.EventType():
		c.Text, c.WhoseTurn = "The question is closed.", ""
		switch r.Status {
		case Revoked, Lapsed:
			c.Text = "The underwriter's approval no longer holds."
		case Superseded:
			c.Text = "The risk has changed; the question is closed."
		}
	case event.ReferralDecided{}.EventType():
		c.Outcome = string(r.Outcome)
		c.Text, c.WhoseTurn = r.said()
		for _, k := range r.Conditions {
			c.Conditions = append(c.Conditions, k.Action)
		}
	}
	return c
}

// said is a decision in one sentence, and whose turn it is after it.
func (r Referral) said() (text, turn string) {
	switch r.Outcome {
	case ApprovedWithConditions:
		return "The underwriter approved this, with conditions.", brokersTurn
	case Countered:
		return "The underwriter proposes other terms.", brokersTurn
	case Declined:
		return "The underwriter declined this.", ""
	}
	return "The underwriter approved this.", underwritersTurn
}

// conditionSaid is what became of one condition, whose turn it is then, and the
// condition.
func (r Referral) conditionSaid(told event.Event) (text, turn string, what []string) {
	changed, _ := told.Data.(event.ReferralConditionChanged)
	what = []string{changed.Action}
	switch changed.Status {
	case ConditionSubmitted:
		return "A condition was reported as met.", underwritersTurn, what
	case ConditionAccepted:
		return "A condition is met.", "", what
	case ConditionWaived:
		return "A condition is no longer asked for.", "", what
	case ConditionRejected:
		return "What was sent for a condition is not enough.", brokersTurn, what
	}
	return "A condition was not met in time.", underwritersTurn, what
}

// Face is the status as the other company may know it: not who has to look at
// it, and how often, nor how it came to an end.
func (r Referral) Face() string {
	switch r.Status {
	case Draft, Open, PendingSecond:
		return string(InReview)
	case InfoRequested:
		if !r.asksBroker() {
			return string(InReview)
		}
	case Withdrawn, Expired, Superseded, Revoked, Lapsed:
		return "closed"
	case Consumed:
		return string(Decided)
	}
	return string(r.Status)
}
