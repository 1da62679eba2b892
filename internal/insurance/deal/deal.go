// Package deal holds what the two companies in a deal room both know of its
// submission: prices that are offered, questions, conditions and counter-offers
// that wait for the broker. Levels, limits, approvers, rationale and the states in
// which the underwriting side works are not in it.
package deal

import (
	"time"

	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

// A Deal is how a submission stands, as both sides of its room may know it.
type Deal struct {
	Room       room.ID
	Submission submission.ID
	Status     submission.Status
	Quotes     []Quote
	Referrals  []Referral
}

// A Quote is a price that the broker was told.
type Quote struct {
	ID           quote.ID
	Status       quote.Status
	GrossPremium money.Cents
	Limit        money.Cents
	Aggregate    money.Cents // 0: none
	Deductible   money.Cents // 0: none
	Exclusions   []string
	ExpiresAt    time.Time
	OfferedAt    *time.Time
	AcceptedAt   *time.Time
}

// A Referral is a question for an underwriter that the room was told of.
type Referral struct {
	ID         referral.ID
	Status     string // its face
	Outcome    referral.Outcome
	Questions  []Question  // that wait for an answer
	Conditions []Condition // of the approval
	Counter    *Counter    // that waits for an answer; nil: none
}

// A Question is one that an underwriter asked the other company.
type Question struct {
	Number int
	Text   string
}

// A Condition is one thing that an approval asks for.
type Condition struct {
	ID     referral.ConditionID
	Kind   string
	Action string
	DueAt  *time.Time
	Status string
	Note   string // what was submitted
}

// A Counter is the terms that an underwriter proposes in place of those asked for;
// what is nil stays as it is.
type Counter struct {
	referral.Counter
	ValidUntil *time.Time
}

// Of is the deal of a room, given all of its submission. Quotes and referrals of
// which the room was told nothing are not in it.
func Of(in room.ID, s submission.Submission, quotes []quote.Quote, referrals []referral.Referral, at time.Time) Deal {
	d := Deal{Room: in, Submission: s.ID, Status: face(s.Status), Quotes: []Quote{}, Referrals: []Referral{}}
	for _, q := range quotes {
		if !priced(q) {
			continue
		}
		d.Quotes = append(d.Quotes, Quote{
			ID: q.ID, Status: q.StatusAt(at), GrossPremium: q.GrossPremium, Limit: q.Terms.Limit, Aggregate: q.Terms.Aggregate, Deductible: q.Terms.Deductible, Exclusions: q.Terms.Exclusions,
			ExpiresAt: q.ExpiresAt, OfferedAt: q.OfferedAt, AcceptedAt: q.AcceptedAt,
		})
		if s.Status == submission.Referred { // whether more is asked is the inside's to know
			d.Status = submission.Quoted
		}
	}
	for _, r := range referrals {
		if Shows(in, r) {
			d.Referrals = append(d.Referrals, shown(r))
		}
	}
	return d
}

// face is the state of a submission as the other company may know it: not who
// looks at it, nor why.
func face(s submission.Status) submission.Status {
	switch s {
	case submission.Quoted, submission.Declined, submission.Withdrawn, submission.Expired, submission.Bound:
		return s
	}
	return submission.InReview
}

// priced reports whether a price is the broker's to know now: nobody has to agree
// to it, or somebody has.
func priced(q quote.Quote) bool {
	switch q.Status {
	case quote.Status(quote.Quoted), quote.Offered, quote.Accepted, quote.Bound:
		return true
	}
	return false
}

// Knows reports whether the broker knows of a quote: its price is his to know, or
// was.
func Knows(q quote.Quote) bool { return priced(q) || q.OfferedAt != nil || q.Decision == quote.Quoted }

// Shows reports whether a room was told of a referral.
func Shows(in room.ID, r referral.Referral) bool {
	return !in.IsZero() && r.Room == in && r.Status != referral.Draft
}

func shown(r referral.Referral) Referral {
	out := Referral{ID: r.ID, Status: r.Face(), Questions: []Question{}, Conditions: []Condition{}}
	if n := len(r.Requests); n > 0 && r.Status == referral.InfoRequested {
		for i, q := range r.Requests[n-1].Questions {
			if !q.Internal && q.Answer == nil {
				out.Questions = append(out.Questions, Question{Number: i + 1, Text: q.Text})
			}
		}
	}
	if r.Status != referral.Decided && r.Status != referral.Consumed {
		return out
	}
	out.Outcome = r.Outcome
	for _, c := range r.Conditions {
		out.Conditions = append(out.Conditions, Condition{ID: c.ID, Kind: c.Kind, Action: c.Action, DueAt: c.DueAt, Status: c.Status, Note: c.Note})
	}
	if r.Waits() && r.Counter != nil {
		out.Counter = &Counter{*r.Counter, r.ValidUntil}
	}
	return out
}
