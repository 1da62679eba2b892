package insurance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// A matter is what a referral is about, with its submission locked: the first
// lock of everything that changes a referral, as it is of a bind.
type matter struct {
	Submission submission.Submission
	Quote      *quote.Quote // the newest; nil: there is none
	Program    quote.Program
	Rules      referral.Rules
	Pace       referral.Pace
	At         time.Time
}

// matter locks a submission, and returns what about it is the matter now.
func (d *Desk) matter(ctx context.Context, tx *store.Tx, id submission.ID) (matter, error) {
	s, err := tx.LockSubmission(ctx, id)
	if err != nil {
		return matter{}, err
	}
	m, err := matterOf(ctx, tx, s)
	m.At = d.now(tx)
	return m, err
}

// matterOf is matter for one who has the submission locked, and says when it is.
func matterOf(ctx context.Context, tx *store.Tx, s submission.Submission) (matter, error) {
	m := matter{Submission: s}
	q, ok, err := tx.LatestQuote(ctx, s.ID)
	if err != nil {
		return m, err
	}
	if ok {
		m.Quote = &q
	}
	if m.Program, err = tx.KeepProgram(ctx, m.Submission.LineOfBusiness); err != nil {
		return m, err
	}
	if m.Rules, err = tx.Rules(ctx); err != nil {
		return m, err
	}
	m.Pace, err = m.Rules.Pace()
	return m, err
}

// about is the matter of a referral about one quote of several: that one, while
// something may still become of it.
func (m matter) about(ctx context.Context, tx *store.Tx, e referral.Entity) (matter, error) {
	if e.Type != referral.Quote {
		return m, nil
	}
	q, err := tx.Quote(ctx, quote.ID(e.ID))
	if err == nil && q.Status.IsOpen() {
		m.Quote = &q
	}
	return m, err
}

// mayAsk returns an error when nothing can become of what an entity is about any
// more. What is wrong with a policy can be asked as long as there is one.
func (m matter) mayAsk(ctx context.Context, tx *store.Tx, e referral.Entity) error {
	if e.Type == referral.Policy {
		return nil
	}
	if err := m.Submission.MayAsk(); err != nil || e.Type != referral.Quote {
		return err
	}
	q, err := tx.Quote(ctx, quote.ID(e.ID))
	if err != nil {
		return err
	}
	return q.MayAsk(m.At)
}

// value is what somebody has to agree to.
func (m matter) value() authority.Value { return referral.PriceOf(m.Submission, m.Quote).Value }

// bench is by what somebody may decide at this moment.
func (m matter) bench(ctx context.Context, tx *store.Tx, by access.Actor) (referral.Bench, error) {
	on := referral.Bench{Threshold: m.Program.AutoBindThreshold, FourEyesAbove: m.Rules.FourEyesAbove, Value: m.value(), Quote: m.Quote}
	var err error
	if q := m.Quote; q != nil {
		if on.Least, err = tx.LeastPremium(ctx, q.Program, q.RateVersion, m.Submission.State); err != nil {
			return on, err
		}
	}
	on.Grants, err = tx.Grants(ctx, by.ID, m.At)
	return on, err
}

// Refer puts a question to an underwriter: whoever may work on a thing may ask
// about it. What a says of its submission, value and risk is looked up and
// overwritten.
func (d *Desk) Refer(ctx context.Context, by access.Actor, a referral.Ask) (referral.Referral, error) {
	var raised referral.Referral
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		of, on, err := subjectOf(ctx, tx, a.Entity)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.Write, on); err != nil {
			return err
		}
		if !a.Room.IsZero() {
			r, err := tx.Room(ctx, a.Room)
			if err != nil {
				return err
			}
			if r.Submission != of {
				return referral.ErrRoom
			}
		}
		m, err := d.matter(ctx, tx, of)
		if err != nil {
			return err
		}
		if m, err = m.about(ctx, tx, a.Entity); err != nil {
			return err
		}
		if err := m.mayAsk(ctx, tx, a.Entity); err != nil {
			return err
		}
		a.Submission, a.Value, a.Risk = of, m.value(), m.Submission.Risk()
		var told event.Event
		if raised, told, err = referral.Raise(by, a, m.At); err != nil {
			return err
		}
		if err := alone(ctx, tx, raised); err != nil {
			return err
		}
		raised = raised.Timed(m.Pace, m.At)
		if err := tx.AddReferral(ctx, raised); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.ReferralRaised, Object: raised.ID.String(), Details: audit.Details{"submissionId": of.String()}})
		if err := tellReferral(ctx, tx, raised, told); err != nil {
			return err
		}
		return d.restand(ctx, tx, m)
	})
	if err != nil {
		return referral.Referral{}, fmt.Errorf("refer: %w", err)
	}
	return raised, nil
}

// alone refuses a referral while another one asks the same.
func alone(ctx context.Context, tx *store.Tx, r referral.Referral) error {
	all, err := tx.ReferralsOf(ctx, r.Submission)
	if err != nil {
		return err
	}
	return r.Twin(all)
}

// subjectOf finds the submission that an entity is or came of, and the object
// whose rights decide who may refer it.
func subjectOf(ctx context.Context, tx *store.Tx, e referral.Entity) (submission.ID, access.Object, error) {
	var of submission.ID
	var org access.OrgID
	switch e.Type {
	case referral.Submission:
		s, err := tx.Submission(ctx, submission.ID(e.ID))
		if err != nil {
			return of, access.Object{}, err
		}
		of, org = s.ID, s.Org
	case referral.Quote:
		q, err := tx.Quote(ctx, quote.ID(e.ID))
		if err != nil {
			return of, access.Object{}, err
		}
		of, org = q.Submission, q.Org
	case referral.Policy:
		p, err := tx.Policy(ctx, policy.ID(e.ID))
		if err != nil {
			return of, access.Object{}, err
		}
		return p.Submission, access.Object{Type: access.Policy, ID: p.ID.UUID(), Org: p.Org}, nil
	}
	return of, access.Object{Type: access.Submission, ID: of.UUID(), Org: org}, nil
}

// A move is one change of a referral that is locked, by somebody who may.
type move struct {
	Name string            // for the audit log
	Want access.Permission // Decide: of the referral; Write: of what it is about
	Do   func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error)
}

// change makes a move: may he, lock, apply, save, tell, and let the submission
// follow; all or nothing.
func (d *Desk) change(ctx context.Context, by access.Actor, id referral.ID, seen Version, v move) (referral.Referral, error) {
	var changed referral.Referral
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		known, err := tx.Referral(ctx, id)
		if err != nil {
			return err
		}
		on := known.Object()
		if v.Want == access.Write {
			if _, on, err = subjectOf(ctx, tx, known.Entity); err != nil {
				return err
			}
		}
		if err := access.Check(ctx, tx, by, v.Want, on); err != nil {
			return err
		}
		m, err := d.matter(ctx, tx, known.Submission)
		if err != nil {
			return err
		}
		changed, err = d.carry(ctx, tx, by, m, known, seen, v)
		return err
	})
	if err != nil {
		return referral.Referral{}, fmt.Errorf("%s referral %s: %w", v.Name, id, err)
	}
	return changed, nil
}

// carry makes a move by somebody who may, in a matter.
func (d *Desk) carry(ctx context.Context, tx *store.Tx, by access.Actor, m matter, known referral.Referral, seen Version, v move) (referral.Referral, error) {
	m, err := m.about(ctx, tx, known.Entity)
	if err != nil {
		return known, err
	}
	r, err := tx.LockReferral(ctx, known.ID)
	if err != nil {
		return known, err
	}
	if err := seen(r.Version); err != nil {
		return r, err
	}
	changed, told, err := v.Do(ctx, tx, m, r)
	if err != nil {
		return r, err
	}
	if v.Name == "claim" && told.Type == "" { // it is his already
		return changed, nil
	}
	tx.Audit(by, v.fact(r.ID))
	if changed, err = save(ctx, tx, m, changed, told); err != nil {
		return changed, err
	}
	return changed, d.restand(ctx, tx, m)
}

func (v move) fact(id referral.ID) audit.Fact {
	for _, verb := range []referral.Verb{referral.Approve, referral.Reject, referral.RequestMoreInfo} {
		if v.Name == string(verb) {
			return audit.Fact{Action: audit.ReferralDecided, Object: id.String(), Details: audit.Details{"decision": v.Name}}
		}
	}
	return audit.Fact{Action: audit.ReferralChanged, Object: id.String(), Details: audit.Details{"change": v.Name}}
}

// save saves a referral with its clock, and tells.
func save(ctx context.Context, tx *store.Tx, m matter, r referral.Referral, told ...event.Event) (referral.Referral, error) {
	r = r.Timed(m.Pace, m.At)
	if err := tx.SaveReferral(ctx, r); err != nil {
		return r, err
	}
	r.Version++
	for _, c := range r.Conditions {
		if c.Kind == referral.PostBind && r.Status == referral.Consumed {
			if err := tx.SaveTask(ctx, c.ID, c.Status, m.At); err != nil {
				return r, err
			}
		}
	}
	for _, e := range told {
		if err := tellReferral(ctx, tx, r, e); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Decide answers a referral and tells its room. Of two decisions made at once,
// the later one to lock gets referral.ErrDecided. What he may agree to is looked
// up now: authority that was taken away a moment ago is gone.
func (d *Desk) Decide(ctx context.Context, by access.Actor, id referral.ID, dec referral.Decision, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{string(dec.Verb), access.Decide, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		on, err := m.bench(ctx, tx, by)
		if err != nil {
			return r, event.Event{}, err
		}
		after, told, err := r.Decide(by, dec, on, m.At)
		if err == nil && after.Status == referral.PendingSecond {
			told.Persons, err = nextOf(ctx, tx, m, after)
		}
		return after, told, err
	}})
}

// nextOf finds who may be the second of two.
func nextOf(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) ([]event.Person, error) {
	next, err := successor(ctx, tx, m, "")
	if err != nil {
		return nil, err
	}
	to := next(r.RaisedBy, r.Proposal.By, r.Proposal.Use.For)
	if to == "" {
		return nil, nil
	}
	return []event.Person{{Subject: to, Org: r.Org, As: event.Next}}, nil
}

// successor finds who has authority for a matter, above the level of somebody
// when that is not empty.
func successor(ctx context.Context, tx *store.Tx, m matter, of string) (referral.Successor, error) {
	holders, err := tx.Holders(ctx)
	above := 0
	if i := slices.IndexFunc(holders, func(g authority.Grant) bool { return g.Of == of }); i >= 0 {
		above = holders[i].Profile.Level
	}
	return func(leaveOut ...string) string {
		to, _ := authority.Next(holders, leaveOut, above, m.value())
		return to
	}, err
}

// Confirm is the second of two who agree to a decision.
func (d *Desk) Confirm(ctx context.Context, by access.Actor, id referral.ID, rationale string, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"confirm", access.Decide, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		on, err := m.bench(ctx, tx, by)
		if err != nil {
			return r, event.Event{}, err
		}
		if on.First, err = m.firstOf(ctx, tx, r); err != nil {
			return r, event.Event{}, err
		}
		return r.Confirm(by, rationale, on, m.At)
	}})
}

// firstOf is by what the first of two decides at this moment; nil when he may
// not any more.
func (m matter) firstOf(ctx context.Context, tx *store.Tx, r referral.Referral) (*referral.Bench, error) {
	first, ok := r.First()
	if !ok {
		return nil, nil
	}
	err := access.Check(ctx, tx, first, access.Decide, r.Object())
	if kind := fault.KindOf(err); kind == fault.Forbidden || kind == fault.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	on, err := m.bench(ctx, tx, first)
	return &on, err
}

// Dissent is the second of two who does not agree to a decision.
func (d *Desk) Dissent(ctx context.Context, by access.Actor, id referral.ID, rationale string, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"object", access.Decide, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		on, err := m.bench(ctx, tx, by)
		if err != nil {
			return r, event.Event{}, err
		}
		return r.Dissent(by, rationale, on, m.At)
	}})
}

// ClaimReferral takes a referral up; of two who do, one gets
// referral.ErrClaimed.
func (d *Desk) ClaimReferral(ctx context.Context, by access.Actor, id referral.ID, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"claim", access.Decide, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		on, err := m.bench(ctx, tx, by)
		if err != nil {
			return r, event.Event{}, err
		}
		return r.Claim(by, on, m.At)
	}})
}

// ReleaseReferral gives a referral back to everybody.
func (d *Desk) ReleaseReferral(ctx context.Context, by access.Actor, id referral.ID, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"release", access.Decide, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		return r.Release(by, administers(ctx, tx, by), m.At)
	}})
}

// administers reports whether somebody runs his organisation.
func administers(ctx context.Context, tx *store.Tx, by access.Actor) bool {
	return by.Kind == access.User && access.Check(ctx, tx, by, access.Administer, access.OrgObject(by.Org)) == nil
}

// SubmitReferral opens a draft.
func (d *Desk) SubmitReferral(ctx context.Context, by access.Actor, id referral.ID, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"submit", access.Write, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		r.Value, r.Risk = withIssue(m.value(), r.Value.Issue), m.Submission.Risk()
		after, told, err := r.Submit(by, m.At)
		if err == nil {
			err = alone(ctx, tx, after)
		}
		return after, told, err
	}})
}

func withIssue(v authority.Value, i *authority.Issue) authority.Value {
	v.Issue = i
	return v
}

// WithdrawReferral takes a question back before it is decided.
func (d *Desk) WithdrawReferral(ctx context.Context, by access.Actor, id referral.ID, because string, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"withdraw", access.Write, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		return r.Withdraw(by, administers(ctx, tx, by), because, m.At)
	}})
}

// Respond answers what was asked about a referral.
func (d *Desk) Respond(ctx context.Context, by access.Actor, id referral.ID, replies []referral.Reply, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, responds(by, replies, true))
}

// responds answers what was asked; inside as who raised it, or administers.
func responds(by access.Actor, replies []referral.Reply, inside bool) move {
	return move{"respond", access.Write, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		as := referral.Broker
		switch {
		case inside && administers(ctx, tx, by):
			as = referral.Office
		case inside:
			as = referral.Desk
		}
		return r.Respond(by, replies, as, m.At)
	}}
}

// Revoke takes an approval back before it is used.
func (d *Desk) Revoke(ctx context.Context, by access.Actor, id referral.ID, because string, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"revoke", access.Decide, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		on, err := m.bench(ctx, tx, by)
		if err != nil {
			return r, event.Event{}, err
		}
		return r.Revoke(by, because, on, m.At)
	}})
}

// A ConditionChange is what somebody does about a condition.
type ConditionChange struct {
	ID   referral.ConditionID
	Verb string // submit, accept, reject or waive
	Note string // what was submitted, or why
}

// ChangeCondition submits, accepts, rejects or waives a condition of an
// approval.
func (d *Desk) ChangeCondition(ctx context.Context, by access.Actor, id referral.ID, c ConditionChange, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, changes(by, c))
}

// changes does something about a condition.
func changes(by access.Actor, c ConditionChange) move {
	want := access.Decide
	if c.Verb == "submit" {
		want = access.Write
	}
	return move{"condition_" + c.Verb, want, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		if c.Verb == "submit" {
			return r.SubmitCondition(by, c.ID, c.Note, m.At)
		}
		on, err := m.bench(ctx, tx, by)
		if err != nil {
			return r, event.Event{}, err
		}
		if c.Verb == "waive" {
			return r.WaiveCondition(by, c.ID, c.Note, on, m.At)
		}
		return r.ResolveCondition(by, c.ID, c.Verb == "accept", c.Note, on, m.At)
	}}
}

// AnswerCounter takes the terms of a counter, which makes a new version of the
// quote, or refuses them.
func (d *Desk) AnswerCounter(ctx context.Context, by access.Actor, id referral.ID, take bool, because string, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, answersCounter(by, take, because))
}

func answersCounter(by access.Actor, take bool, because string) move {
	return move{"answer_counter", access.Write, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		return answerCounter(ctx, tx, m, by, r, take, because)
	}}
}

func answerCounter(ctx context.Context, tx *store.Tx, m matter, by access.Actor, r referral.Referral, take bool, because string) (referral.Referral, event.Event, error) {
	after, told, err := r.AnswerCounter(by, take, because, m.At)
	if err != nil || !take || m.Quote == nil || !after.MakesVersion() {
		return after, told, err
	}
	prices, err := m.prices(ctx, tx)
	if err != nil {
		return after, told, err
	}
	of, made, ok := after.TakenVersion(prices, m.At)
	if !ok {
		return after, told, referral.ErrCounter.With("status", r.Status)
	}
	if r.Entity == (referral.Entity{Type: referral.Quote, ID: of.ID}) { // of several, the others stay to choose from
		err = tx.StandQuote(ctx, of.ID, quote.Superseded)
	} else {
		err = tx.Supersede(ctx, of.Submission)
	}
	if err != nil {
		return after, told, err
	}
	_, err = tx.AddQuote(ctx, made)
	return after, told, err
}

// prices are the open quotes of a submission, the one that it is about first.
func (m matter) prices(ctx context.Context, tx *store.Tx) ([]referral.Price, error) {
	open, err := tx.OpenQuotes(ctx, m.Submission.ID)
	var first, others []referral.Price
	for _, q := range open {
		if p := referral.PriceOf(m.Submission, &q); q.ID == m.Quote.ID {
			first = append(first, p)
		} else {
			others = append(others, p)
		}
	}
	return append(first, others...), err
}

// tellReferral emits an event of a referral, and its card when the referral is
// linked to a room. An event of no type is nothing to tell.
func tellReferral(ctx context.Context, tx *store.Tx, r referral.Referral, told event.Event) error {
	if told.Type == "" {
		return nil
	}
	t, _ := event.Lookup(told.Type)
	if t.Room == event.OnDesk && !r.Room.IsZero() {
		told.Also = append(told.Also, room.Desk(r.Room, r.Org))
	}
	tx.Emit(told)
	if r.Room.IsZero() || t.Room != event.AsCard || !r.Shows(told) {
		return nil
	}
	return rooms.ShowCard(ctx, tx, r.Submission, r.Card(told), told.At)
}
