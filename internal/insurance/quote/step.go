package quote

import "slices"

// A Step is what brings a quote from one state to another.
type Step string

// The steps. Agree, Doubt and Decline follow from referrals: see
// referral.Standing.
const (
	Offer     Step = "offer"
	Accept    Step = "accept"
	Agree     Step = "agree"     // somebody with the authority agrees to the price
	Doubt     Step = "doubt"     // nobody does any more
	Decline   Step = "decline"   // or the submission ends
	Supersede Step = "supersede" // there is a later version
	PassOver  Step = "pass_over" // another one is taken
	Bind      Step = "bind"
	Expire    Step = "expire"
)

// Steps lists every step.
var Steps = []Step{Offer, Accept, Agree, Doubt, Decline, Supersede, PassOver, Bind, Expire}

// Statuses lists every state.
var Statuses = []Status{Status(Quoted), Status(Referred), Status(Declined), Offered, Accepted, Bound, NotTakenUp, Superseded, Expired}

// Open lists the states in which something may still become of a quote.
var Open = []Status{Status(Quoted), Status(Referred), Offered, Accepted}

// steps is the whole machine: from which states a step leads where.
var steps = map[Step]map[Status]Status{
	Offer:     {Status(Quoted): Offered},
	Accept:    {Offered: Accepted},
	Agree:     {Status(Referred): Status(Quoted)},
	Doubt:     {Status(Quoted): Status(Referred), Offered: Status(Referred), Accepted: Status(Referred)},
	Decline:   every(Status(Declined)),
	Supersede: every(Superseded),
	PassOver:  every(NotTakenUp),
	Bind:      {Status(Quoted): Bound, Offered: Bound, Accepted: Bound},
	Expire:    every(Expired),
}

func every(to Status) map[Status]Status {
	m := map[Status]Status{}
	for _, s := range Open {
		m[s] = to
	}
	return m
}

// Allows reports whether a step may lead from one state to another.
func Allows(v Step, from, to Status) bool { return steps[v][from] == to && to != "" }

// From lists the states from which a step may be taken.
func From(v Step) []Status {
	var out []Status
	for _, s := range Statuses {
		if steps[v][s] != "" {
			out = append(out, s)
		}
	}
	return out
}

// IsOpen reports whether something may still become of a quote in a state.
func (s Status) IsOpen() bool { return slices.Contains(Open, s) }
