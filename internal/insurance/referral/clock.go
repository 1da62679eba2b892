package referral

import (
	"errors"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/calendar"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/sla"
)

// Rules are how an organisation handles its referrals, and how fast its
// submissions.
type Rules struct {
	FourEyesAbove *money.Cents  // approvals of a higher premium take two persons; nil: never
	DecideWithin  int           // working minutes of the underwriter's turns together
	AnswerWithin  int           // working minutes of each answer to an underwriter
	ExpiresAfter  int           // days from opening; whatever is not decided then is not approved
	RespondWithin int           // working minutes until a submission is taken up
	QuoteWithin   int           // working minutes until a submission has its answer
	Calendar      calendar.Spec // of the working time
	UpdatedAt     time.Time
	Version       int // 0: these are the standard rules
}

// Bounds of rules.
const (
	MaxWithin  = 60 * 24 * 60 // working minutes
	MaxExpires = 366          // days
)

// StandardRules are those of an organisation that has set none: two persons above
// $150,000, two business days to decide, five to answer, thirty days in all; four
// hours to take a submission up, two business days to answer it.
func StandardRules() Rules {
	two := money.Cents(15_000_000)
	return Rules{FourEyesAbove: &two, DecideWithin: 2 * 8 * 60, AnswerWithin: 5 * 8 * 60, ExpiresAfter: 30, RespondWithin: 4 * 60, QuoteWithin: 2 * 8 * 60, Calendar: calendar.Standard()}
}

// Pace reads rules, and reports everything that is wrong with them.
func (r Rules) Pace() (Pace, error) {
	c, err := calendar.Parse(r.Calendar, "calendar.")
	var bad fault.Complaints
	if f, ok := errors.AsType[*fault.Error](err); ok {
		bad = f.Fields()
	}
	bad.When(r.FourEyesAbove != nil && *r.FourEyesAbove < 0, "fourEyesAbove", "min")
	bad.When(r.DecideWithin < 1, "decideWithinMinutes", "min")
	bad.When(r.DecideWithin > MaxWithin, "decideWithinMinutes", "max")
	bad.When(r.AnswerWithin < 1, "answerWithinMinutes", "min")
	bad.When(r.AnswerWithin > MaxWithin, "answerWithinMinutes", "max")
	bad.When(r.ExpiresAfter < 1, "expiresAfterDays", "min")
	bad.When(r.ExpiresAfter > MaxExpires, "expiresAfterDays", "max")
	bad.When(r.RespondWithin < 1, "firstResponseWithinMinutes", "min")
	bad.When(r.RespondWithin > MaxWithin, "firstResponseWithinMinutes", "max")
	bad.When(r.QuoteWithin < 1, "quoteWithinMinutes", "min")
	bad.When(r.QuoteWithin > MaxWithin, "quoteWithinMinutes", "max")
	if err := bad.On(fault.ErrValidation); err != nil {
		return Pace{}, err
	}
	return Pace{
		Desk:   sla.Pace{Respond: time.Duration(r.RespondWithin) * time.Minute, Quote: time.Duration(r.QuoteWithin) * time.Minute, Calendar: c},
		Decide: time.Duration(r.DecideWithin) * time.Minute, Answer: time.Duration(r.AnswerWithin) * time.Minute,
		Expires: time.Duration(r.ExpiresAfter) * 24 * time.Hour, Calendar: c,
	}, nil
}

// Pace is how fast referrals have to be.
type Pace struct {
	Decide, Answer time.Duration // of working time
	Expires        time.Duration // from opening
	Calendar       calendar.Calendar
	Desk           sla.Pace // of submissions
}

// A Clock counts the working time of whoever's turn it is. The underwriter's
// stands still while information is asked for.
type Clock struct {
	Turn      string        `json:"turn,omitempty"` // broker, underwriter or requester; empty: nobody's
	Since     time.Time     `json:"since,omitzero"`
	Spent     time.Duration `json:"spent,omitempty"` // of the underwriter's time before
	DueAt     *time.Time    `json:"dueAt,omitempty"`
	Step      int           `json:"step,omitempty"` // how many marks of this turn have passed
	ExpiresAt *time.Time    `json:"expiresAt,omitempty"`
}

// marks are the parts of the time, in percent, after which something happens: a
// reminder, an escalation, and somebody else.
var marks = []int{50, 80, 100}

// Turn says who has to do something: broker, underwriter, who raised the
// referral, or nobody.
func (r Referral) Turn() string {
	switch {
	case r.Status == InfoRequested && !r.asksBroker():
		return requestersTurn
	case r.Status == InfoRequested || r.Waits():
		return brokersTurn
	case r.Status.live():
		return underwritersTurn
	}
	return ""
}

// Timed returns a referral that was just changed with its clock running for
// whoever's turn it is now.
func (r Referral) Timed(p Pace, at time.Time) Referral {
	c := &r.Clock
	if c.ExpiresAt == nil && r.Status.live() {
		end := at.Add(p.Expires)
		c.ExpiresAt = &end
	}
	if turn := r.Turn(); turn != c.Turn {
		if c.Turn == underwritersTurn {
			c.Spent += p.Calendar.Between(c.Since, at)
		}
		c.Turn, c.Since, c.DueAt, c.Step = turn, at, nil, 0
		if turn != "" {
			due := r.mark(p, 100)
			c.DueAt = &due
			for c.Turn == underwritersTurn && c.Step < len(marks) && c.passed(p, marks[c.Step]) {
				c.Step++ // in an earlier turn
			}
		}
	}
	r.TimerAt = r.timer(p)
	return r
}

// passed reports whether a mark lies in an earlier turn of the underwriter.
func (c Clock) passed(p Pace, percent int) bool {
	return c.Spent >= p.Decide*time.Duration(percent)/100 && percent < 100
}

// mark is when a part of the time of the present turn is over.
func (r Referral) mark(p Pace, percent int) time.Time {
	if r.Clock.Turn == underwritersTurn {
		return p.Calendar.Add(r.Clock.Since, p.Decide*time.Duration(percent)/100-r.Clock.Spent)
	}
	return p.Calendar.Add(r.Clock.Since, p.Answer*time.Duration(percent)/100)
}

// timer is when Tick has something to do; nil for never.
func (r Referral) timer(p Pace) *time.Time {
	var at []time.Time
	if r.Status.live() && r.Clock.ExpiresAt != nil {
		at = append(at, *r.Clock.ExpiresAt)
	}
	if r.Clock.Turn != "" && r.Clock.Step < len(marks) {
		at = append(at, r.mark(p, marks[r.Clock.Step]))
	}
	if r.Status == Decided && r.Outcome != Declined && r.ValidUntil != nil {
		at = append(at, *r.ValidUntil)
	}
	for _, c := range r.Conditions {
		if r.dueOf(c) {
			at = append(at, *c.DueAt)
		}
	}
	if len(at) == 0 {
		return nil
	}
	first := slices.MinFunc(at, time.Time.Compare)
	return &first
}

// dueOf reports whether a condition can still run out.
func (r Referral) dueOf(c Condition) bool {
	if r.Status != Decided && (r.Status != Consumed || c.Kind != PostBind) {
		return false
	}
	return c.DueAt != nil && !c.Met() && c.Status != ConditionExpired
}

// A Successor finds who is asked next: nobody is empty. It is told who must not
// be.
type Successor func(leaveOut ...string) string

// Tick does what is due by now, and says what to tell. It never decides
// anything: what runs out is not approved.
func (r Referral) Tick(p Pace, next Successor, at time.Time) (Referral, []event.Event) {
	var told []event.Event
	by := r.system()
	if r.Status.live() && r.Clock.ExpiresAt != nil && !at.Before(*r.Clock.ExpiresAt) {
		after, e, _ := r.end(by, Expired, "Nobody decided in time.", at)
		return after.Timed(p, at), []event.Event{e}
	}
	if r.Status == Decided && r.Outcome != Declined && r.ValidUntil != nil && !at.Before(*r.ValidUntil) {
		after, e, _ := r.end(by, Lapsed, "The approval was good until then.", at)
		return after.Timed(p, at), []event.Event{e}
	}
	for i, c := range r.Conditions {
		if r.dueOf(c) && !at.Before(*c.DueAt) {
			var e event.Event
			r, e = r.change(by, i, func(c *Condition) { c.Status, c.Because = ConditionExpired, "It was not met in time." }, at)
			told = append(told, e)
		}
	}
	for r.Clock.Turn != "" && r.Clock.Step < len(marks) && !at.Before(r.mark(p, marks[r.Clock.Step])) {
		var e event.Event
		r, e = r.pass(marks[r.Clock.Step], next, at)
		r.Clock.Step++
		told = append(told, e)
	}
	r.TimerAt = r.timer(p)
	return r, told
}

// pass does what follows from a mark of the present turn.
func (r Referral) pass(percent int, next Successor, at time.Time) (Referral, event.Event) {
	by := r.system()
	if percent < 80 || r.Clock.Turn != underwritersTurn {
		return r, r.tell(by, event.ReferralDueSoon{ReferralSubject: r.subject(), Turn: r.Clock.Turn, Percent: percent, DueAt: stamp(r.Clock.DueAt)}, at)
	}
	leaveOut := []string{r.RaisedBy, r.Assignee}
	if r.Proposal != nil {
		leaveOut = append(leaveOut, r.Proposal.By, r.Proposal.Use.For)
	}
	to := next(leaveOut...)
	r.Escalated++
	r.UpdatedAt = at
	if percent >= 100 && to != "" && r.Proposal == nil {
		r.Assignee = to
		if r.Status == Open {
			r.Status = InReview
		}
	}
	e := r.tell(by, event.ReferralEscalated{ReferralSubject: r.subject(), Level: r.Escalated, To: to}, at)
	if to != "" {
		e.Persons = append(e.Persons, event.Person{Subject: to, Org: r.Org, As: event.Next})
	}
	return r, e
}
