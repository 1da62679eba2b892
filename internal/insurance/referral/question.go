package referral

import (
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
)

// A Reply answers one question, by its number in the last request, from 1.
type Reply struct {
	Question int
	Text     string
}

// An Answerer is for whom somebody answers what was asked.
type Answerer int

// Who answers.
const (
	Broker Answerer = iota // the other company, in the room
	Desk                   // who raised the referral
	Office                 // an administrator in his place
)

// Respond answers every question that is open; then it is the underwriter's
// turn again. The other company does not know the internal ones: while those
// wait, nothing waits for it. Inside, who raised the referral answers, and nobody
// what he asked or is to decide.
func (r Referral) Respond(by access.Actor, replies []Reply, as Answerer, at time.Time) (Referral, event.Event, error) {
	if r.Status != InfoRequested || len(r.Requests) == 0 || as == Broker && !r.asksBroker() {
		return r, event.Event{}, r.refusal()
	}
	requests := slices.Clone(r.Requests)
	last := requests[len(requests)-1]
	if by.ID == last.By || by.ID == r.Assignee {
		return r, event.Event{}, ErrAsker
	}
	if as == Desk && by.ID != r.RaisedBy {
		return r, event.Event{}, ErrRequester
	}
	inside := as != Broker
	last.Questions = slices.Clone(last.Questions)
	bad := fault.ErrValidation
	answered := map[int]bool{}
	for i, a := range replies {
		n := a.Question - 1
		field := fmt.Sprintf("answers[%d]", i)
		switch {
		case n < 0 || n >= len(last.Questions) || last.Questions[n].Internal && !inside:
			bad = bad.Field(field+".question", "enum")
			continue
		case answered[n]:
			bad = bad.Field(field+".question", "unique")
		case fault.Blank(a.Text):
			bad = bad.Field(field+".text", "required")
		}
		answered[n] = true
		last.Questions[n].Answer = &Answer{Text: a.Text, By: by.ID, At: at}
	}
	if left := missing(last.Questions, inside); len(left) > 0 {
		bad = bad.Field("answers", "required").With("missing", left)
	}
	if len(bad.Fields()) > 0 {
		return r, event.Event{}, bad
	}
	requests[len(requests)-1] = last
	r.Requests, r.Status, r.UpdatedAt = requests, InReview, at
	if r.Assignee == "" {
		r.Status = Open
	}
	told := event.ReferralAnswered{ReferralSubject: r.subject(), Answers: []event.ReferralAnswer{}, AnsweredBy: by.ID}
	for n, q := range last.Questions {
		if q.Answer != nil {
			told.Answers = append(told.Answers, event.ReferralAnswer{Question: n + 1, Text: q.Answer.Text})
		}
	}
	return r, r.tell(by, told, at), nil
}

// asksBroker reports whether something of what was asked last was asked of the
// other company.
func (r Referral) asksBroker() bool {
	n := len(r.Requests)
	return n > 0 && slices.ContainsFunc(r.Requests[n-1].Questions, func(q Question) bool { return !q.Internal })
}

// missing lists the numbers of questions that have no answer.
func missing(qs []Question, inside bool) []int {
	var out []int
	for n, q := range qs {
		if q.Answer == nil && (inside || !q.Internal) {
			out = append(out, n+1)
		}
	}
	return out
}
