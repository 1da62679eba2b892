// Package sla counts how long a submission may wait for the desk: until
// somebody takes it up, and until it has its answer.
//
// Both clocks count working time. That of the answer stands still while
// information is asked of the other side.
package sla

import (
	"time"

	"github.com/openinsure/openinsure/internal/insurance/calendar"
)

// AtRisk is the part of the time, in percent, after which a clock is at risk.
const AtRisk = 80

// Never is the deadline of what waits for somebody else: after all others.
var Never = time.Date(2200, time.January, 1, 0, 0, 0, 0, time.UTC)

// A Pace is how fast the desk has to be.
type Pace struct {
	Respond, Quote time.Duration // of working time
	Calendar       calendar.Calendar
}

// A State is how a clock stands at some moment.
type State string

// The states of a clock. Met and Missed are those of one that has stopped.
const (
	Running  State = "running"
	Paused   State = "paused"
	Risky    State = "at_risk"
	Breached State = "breached"
	Met      State = "met"
	Missed   State = "missed"
)

// A Clock counts the working time until something is done. The zero Clock was
// never started.
type Clock struct {
	StartedAt time.Time     `json:"startedAt,omitzero"`
	Within    time.Duration `json:"within,omitempty"` // working time that there is
	Since     time.Time     `json:"since,omitzero"`   // of the present run
	Spent     time.Duration `json:"spent,omitempty"`  // working time of the runs before
	RiskAt    time.Time     `json:"riskAt,omitzero"`
	DueAt     time.Time     `json:"dueAt,omitzero"` // of the present run; zero: it stands still
	DoneAt    time.Time     `json:"doneAt,omitzero"`
	Late      bool          `json:"late,omitempty"` // it was done after its time
	Told      int           `json:"told,omitempty"` // 1: that it is at risk, 2: that it is breached
}

func start(p Pace, within time.Duration, at time.Time) Clock {
	c := Clock{StartedAt: at, Within: within}
	return c.run(p, at)
}

func (c Clock) run(p Pace, at time.Time) Clock {
	c.Since = at
	c.RiskAt = p.Calendar.Add(at, c.Within*AtRisk/100-c.Spent)
	c.DueAt = p.Calendar.Add(at, c.Within-c.Spent)
	return c
}

func (c Clock) pause(p Pace, at time.Time) Clock {
	c.Spent += p.Calendar.Between(c.Since, at)
	c.Since, c.RiskAt, c.DueAt = time.Time{}, time.Time{}, time.Time{}
	return c
}

// stop ends a clock. One that stands still at its end was in time unless its
// time was over before it was paused.
func (c Clock) stop(at time.Time) Clock {
	c.Late = c.State(at) == Breached || c.Spent >= c.Within
	c.DoneAt, c.Since, c.RiskAt, c.DueAt = at, time.Time{}, time.Time{}, time.Time{}
	return c
}

// Counts reports whether a clock is running.
func (c Clock) Counts() bool { return !c.DueAt.IsZero() }

// Open reports whether a clock was started and has not stopped.
func (c Clock) Open() bool { return !c.StartedAt.IsZero() && c.DoneAt.IsZero() }

// State is how the clock stands; empty when it was never started.
func (c Clock) State(at time.Time) State {
	switch {
	case c.StartedAt.IsZero():
		return ""
	case !c.DoneAt.IsZero() && c.Late:
		return Missed
	case !c.DoneAt.IsZero():
		return Met
	case !c.Counts():
		return Paused
	case !at.Before(c.DueAt):
		return Breached
	case !at.Before(c.RiskAt):
		return Risky
	}
	return Running
}

// Clocks are those of one submission.
type Clocks struct {
	Response Clock `json:"response,omitzero"` // until somebody takes it up
	Quote    Clock `json:"quote,omitzero"`    // until it has its answer
	Waits    bool  `json:"waits,omitempty"`   // for the desk
	Asked    bool  `json:"asked,omitempty"`   // information of the other side
}

// A Stand is what a submission waits for.
type Stand struct {
	Waits bool // for the desk
	Taken bool // somebody has taken it up, or answered
	Asked bool // information is asked of the other side
}

// Settled reports whether the clocks follow a stand without a calendar.
func (c Clocks) Settled(s Stand) bool {
	return !s.Waits || c.Quote.Open() && c.Quote.Counts() == !s.Asked
}

// Follow lets the clocks run, stand still or stop as a stand has it. Nothing but
// a pause, its end and a start needs the pace. What was answered and waits again
// has all of the time for its answer; it is taken up only once.
func (c Clocks) Follow(p Pace, s Stand, at time.Time) Clocks {
	c.Waits, c.Asked = s.Waits, s.Waits && s.Asked
	if s.Waits && c.Response.StartedAt.IsZero() && c.Quote.StartedAt.IsZero() {
		c.Response = start(p, p.Respond, at)
	}
	if c.Response.Open() && (s.Taken || s.Asked || !s.Waits) {
		c.Response = c.Response.stop(at)
	}
	switch {
	case !s.Waits:
		if c.Quote.Open() {
			c.Quote = c.Quote.stop(at)
		}
		return c
	case !c.Quote.Open():
		c.Quote = start(p, p.Quote, at)
	}
	switch {
	case s.Asked && c.Quote.Counts():
		c.Quote = c.Quote.pause(p, at)
	case !s.Asked && !c.Quote.Counts():
		c.Quote = c.Quote.run(p, at)
	}
	return c
}

// The names of the clocks.
const (
	ResponseClock = "first_response"
	QuoteClock    = "quote"
)

// A Crossing is that a clock has passed a mark.
type Crossing struct {
	Clock string // ResponseClock or QuoteClock
	State State  // Risky or Breached
	DueAt time.Time
}

// Tick notes the marks that have been passed by now and not told, each once. A
// clock that passed both is breached, and that it was at risk is not told any
// more.
func (c Clocks) Tick(at time.Time) (Clocks, []Crossing) {
	var told []Crossing
	for _, k := range []struct {
		name string
		of   *Clock
	}{{ResponseClock, &c.Response}, {QuoteClock, &c.Quote}} {
		passed := 0
		state := k.of.State(at)
		switch state {
		case Risky:
			passed = 1
		case Breached:
			passed = 2
		}
		if passed > k.of.Told {
			k.of.Told = passed
			told = append(told, Crossing{k.name, state, k.of.DueAt})
		}
	}
	return c, told
}

// TimerAt is when Tick has something to do; zero for never.
func (c Clocks) TimerAt() time.Time {
	var first time.Time
	for _, k := range []Clock{c.Response, c.Quote} {
		next := time.Time{}
		switch {
		case !k.Counts() || k.Told >= 2:
			continue
		case k.Told == 1:
			next = k.DueAt
		default:
			next = k.RiskAt
		}
		if first.IsZero() || next.Before(first) {
			first = next
		}
	}
	return first
}

// Due is the clock whose deadline comes first: by when the desk has to act, and
// from when on that is at risk. It is Never while the other side is asked, and
// zero for what does not wait for the desk.
func (c Clocks) Due() (due, risk time.Time) {
	if !c.Waits {
		return time.Time{}, time.Time{}
	}
	due, risk = Never, Never
	for _, k := range []Clock{c.Response, c.Quote} {
		if k.Counts() && k.DueAt.Before(due) {
			due, risk = k.DueAt, k.RiskAt
		}
	}
	return due, risk
}

// State is how the clock that is due first stands; empty for what does not wait
// for the desk.
func (c Clocks) State(at time.Time) State {
	due, risk := c.Due()
	switch {
	case due.IsZero():
		return ""
	case due.Equal(Never):
		return Paused
	case !at.Before(due):
		return Breached
	case !at.Before(risk):
		return Risky
	}
	return Running
}
