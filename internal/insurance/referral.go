package insurance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
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

func (d *Desk) matter(ctx context.Context, tx *store.Tx, id submission.ID, at time.Time) (matter, error) {
	m := matter{At: at}
	var err error
	if m.Submission, err = tx.LockSubmission(ctx, id); err != nil {
		return m, err
	}
	q, ok, err := tx.LatestQuote(ctx, id)
	if err != nil {
		return m, err
	}
	if ok {
		m.Quote = &q
	}
	if m.Program, err = tx.Program(ctx, m.Submission.LineOfBusiness); err != nil {
		return m, err
	}
	if m.Rules, err = tx.Rules(ctx); err != nil {
		return m, err
	}
	m.Pace, err = m.Rules.Pace()
	return m, err
}

// value is what somebody has to agree to.
func (m matter) value() authority.Value { return valueOf(m.Submission, m.Quote) }

func valueOf(s submission.Submission, q *quote.Quote) authority.Value {
	v := authority.Value{Limit: s.RequestedLimit, Line: s.LineOfBusiness, State: s.State}
	if q != nil {
		v.Premium = &q.GrossPremium
	}
	return v
}

// bench is by what somebody may decide at this moment.
func (m matter) bench(ctx context.Context, tx *store.Tx, by access.Actor) (referral.Bench, error) {
	on := referral.Bench{Threshold: m.Program.AutoBindThreshold, FourEyesAbove: m.Rules.FourEyesAbove, Value: m.value()}
	var err error
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
		m, err := d.matter(ctx, tx, of, d.now())
		if err != nil {
			return err
		}
		a.Submission, a.Value, a.Risk = of, m.value(), m.Submission.Risk()
		var told event.Event
		if raised, told, err = referral.Raise(by, a, m.At); err != nil {
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
		return d.restand(ctx, tx, m, raised)
	})
	if err != nil {
		return referral.Referral{}, fmt.Errorf("refer: %w", err)
	}
	return raised, nil
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
		m, err := d.matter(ctx, tx, known.Submission, d.now())
		if err != nil {
			return err
		}
		r, err := tx.LockReferral(ctx, id)
		if err != nil {
			return err
		}
		if err := seen(r.Version); err != nil {
			return err
		}
		var told event.Event
		if changed, told, err = v.Do(ctx, tx, m, r); err != nil {
			return err
		}
		if v.Name == "claim" && told.Type == "" { // it is his already
			return nil
		}
		tx.Audit(by, v.fact(id))
		if changed, err = save(ctx, tx, m, changed, told); err != nil {
			return err
		}
		return d.restand(ctx, tx, m, changed)
	})
	if err != nil {
		return referral.Referral{}, fmt.Errorf("%s referral %s: %w", v.Name, id, err)
	}
	return changed, nil
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
		return r.Confirm(by, rationale, on, m.At)
	}})
}

// Dissent is the second of two who does not agree to a decision.
func (d *Desk) Dissent(ctx context.Context, by access.Actor, id referral.ID, rationale string, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"object", access.Decide, func(_ context.Context, _ *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		return r.Dissent(by, rationale, m.At)
	}})
}

// ClaimReferral takes a referral up; of two who do, one gets
// referral.ErrClaimed.
func (d *Desk) ClaimReferral(ctx context.Context, by access.Actor, id referral.ID, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"claim", access.Decide, func(_ context.Context, _ *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		return r.Claim(by, m.At)
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
	return d.change(ctx, by, id, seen, move{"submit", access.Write, func(_ context.Context, _ *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		r.Value, r.Risk = withIssue(m.value(), r.Value.Issue), m.Submission.Risk()
		return r.Submit(by, m.At)
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
	return d.change(ctx, by, id, seen, move{"respond", access.Write, func(_ context.Context, _ *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		return r.Respond(by, replies, true, m.At)
	}})
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
	want := access.Decide
	if c.Verb == "submit" {
		want = access.Write
	}
	return d.change(ctx, by, id, seen, move{"condition_" + c.Verb, want, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		switch c.Verb {
		case "submit":
			return r.SubmitCondition(by, c.ID, c.Note, m.At)
		case "waive":
			on, err := m.bench(ctx, tx, by)
			if err != nil {
				return r, event.Event{}, err
			}
			return r.WaiveCondition(by, c.ID, c.Note, on, m.At)
		}
		return r.ResolveCondition(by, c.ID, c.Verb == "accept", c.Note, m.At)
	}})
}

// AnswerCounter takes the terms of a counter, which makes a new version of the
// quote, or refuses them.
func (d *Desk) AnswerCounter(ctx context.Context, by access.Actor, id referral.ID, take bool, because string, seen Version) (referral.Referral, error) {
	return d.change(ctx, by, id, seen, move{"answer_counter", access.Write, func(ctx context.Context, tx *store.Tx, m matter, r referral.Referral) (referral.Referral, event.Event, error) {
		return answerCounter(ctx, tx, m, by, r, take, because)
	}})
}

func answerCounter(ctx context.Context, tx *store.Tx, m matter, by access.Actor, r referral.Referral, take bool, because string) (referral.Referral, event.Event, error) {
	after, told, err := r.AnswerCounter(by, take, because, m.At)
	if err != nil || !take || m.Quote == nil {
		return after, told, err
	}
	q := m.Quote.Countered(r.Counter.Premium, m.At)
	if err := tx.Supersede(ctx, q.Submission); err != nil {
		return after, told, err
	}
	if q.Version, err = tx.AddQuote(ctx, q); err == nil {
		*m.Quote = q
	}
	return after, told, err
}

// restand lets a submission and its newest quote follow what became of a
// referral, and tells who brought it when a price is offered, or none will be.
func (d *Desk) restand(ctx context.Context, tx *store.Tx, m matter, because referral.Referral) error {
	all, err := tx.LockReferralsOf(ctx, m.Submission.ID)
	if err != nil {
		return err
	}
	s := m.Submission
	before := s.Status
	var stood quote.Status
	if m.Quote != nil {
		stood = m.Quote.Status
	}
	var stands quote.Status
	s.Status, stands = referral.Standing(s, m.Quote, m.value(), all, m.At)
	if stands != stood {
		if err := tx.StandQuote(ctx, m.Quote.ID, stands); err != nil {
			return err
		}
		m.Quote.Status = stands
	}
	if s.Status != before {
		s.UpdatedAt = m.At
		if err := tx.SaveSubmission(ctx, s); err != nil {
			return err
		}
	}
	switch {
	case s.Status == submission.Declined && before != submission.Declined:
		return d.tellDeclined(ctx, tx, s, because, m.At)
	case stands == stood:
		return nil
	case offered(*m.Quote):
		told := event.New(s.Org, s.ID.String(), quotedPayload(s, *m.Quote), m.At)
		if told.Persons, err = tx.Producers(ctx, s.ID); err != nil {
			return err
		}
		tx.Emit(told)
	}
	return rooms.ShowCard(ctx, tx, s.ID, quoteCard(*m.Quote), m.At)
}

// tellDeclined tells of an underwriter's no. The room of the referral has its
// card already.
func (d *Desk) tellDeclined(ctx context.Context, tx *store.Tx, s submission.Submission, because referral.Referral, at time.Time) error {
	told := event.New(s.Org, s.ID.String(), event.SubmissionDeclined{
		SubmissionID: s.ID.String(), InsuredName: s.InsuredName, Reasons: []string{"referral_declined"}, ExternalID: s.ExternalID,
	}, at)
	var err error
	if told.Persons, err = tx.Producers(ctx, s.ID); err != nil {
		return err
	}
	tx.Emit(told)
	if err := rooms.ScheduleClose(ctx, tx, s.ID, at.Add(d.cfg.CloseAfter)); err != nil {
		return err
	}
	if !because.Room.IsZero() {
		return nil
	}
	return rooms.ShowCard(ctx, tx, s.ID, declinedCard(), at)
}

// reconsider looks at what was asked and agreed about a submission that has a
// new quote, and says where both stand.
func (d *Desk) reconsider(ctx context.Context, tx *store.Tx, s submission.Submission, q quote.Quote, at time.Time) (submission.Submission, quote.Quote, error) {
	all, err := tx.LockReferralsOf(ctx, s.ID)
	if err != nil || len(all) == 0 {
		return s, q, err
	}
	rules, err := tx.Rules(ctx)
	if err != nil {
		return s, q, err
	}
	m := matter{At: at}
	if m.Pace, err = rules.Pace(); err != nil {
		return s, q, err
	}
	v := valueOf(s, &q)
	for i, r := range all {
		if r.Entity.Type == referral.Policy {
			continue
		}
		after, draft, told := r.Changed(v, s.Risk(), at)
		if told.Type == "" {
			continue
		}
		if all[i], err = save(ctx, tx, m, after, told); err != nil {
			return s, q, err
		}
		if draft != nil {
			if err := tx.AddReferral(ctx, *draft); err != nil {
				return s, q, err
			}
		}
	}
	stood := q.Status
	s.Status, q.Status = referral.Standing(s, &q, v, all, at)
	if q.Status != stood {
		err = tx.StandQuote(ctx, q.ID, q.Status)
	}
	return s, q, err
}

// agreed is the gate of authority: what a quote itself has against its bind, and
// what was asked and agreed about it. Within his own authority whoever binds
// needs nobody else's, unless the price had to be referred or takes two.
func (d *Desk) agreed(ctx context.Context, tx *store.Tx, b bid) ([]string, error) {
	blockers := b.Quote.Blockers(b.Program, b.At)
	all, err := tx.LockReferralsOf(ctx, b.Submission.ID)
	if err != nil {
		return nil, err
	}
	v := valueOf(b.Submission, &b.Quote)
	yes := false
	for _, r := range all {
		for _, code := range r.Blockers(b.At) {
			if !slices.Contains(blockers, code) {
				blockers = append(blockers, code)
			}
		}
		yes = yes || r.Agrees(v, b.At)
	}
	if b.Quote.Decision == quote.Referred && !yes && !slices.Contains(blockers, "quote_referred") {
		blockers = append(blockers, "quote_referred")
	}
	if !slices.Contains(blockers, "authority_required") {
		return blockers, nil
	}
	if !yes && b.By.Kind == access.User {
		if yes, err = ownAuthority(ctx, tx, b, v); err != nil {
			return nil, err
		}
	}
	if yes {
		blockers = slices.DeleteFunc(blockers, func(code string) bool { return code == "authority_required" })
	}
	return blockers, nil
}

func ownAuthority(ctx context.Context, tx *store.Tx, b bid, v authority.Value) (bool, error) {
	rules, err := tx.Rules(ctx)
	if err != nil {
		return false, err
	}
	grants, err := tx.Grants(ctx, b.By.ID, b.At)
	if err != nil {
		return false, err
	}
	if rules.FourEyesAbove != nil && *v.Premium > *rules.FourEyesAbove {
		return false, nil
	}
	_, err = authority.Cover(authority.Claim{By: b.By.ID, Grants: grants, Threshold: b.Program.AutoBindThreshold}, v)
	return err == nil, nil
}

// useUp uses up the approvals of a submission that is bound, whose referrals the
// gate has locked; what they still ask for becomes tasks.
func useUp(ctx context.Context, tx *store.Tx, of submission.ID, p policy.ID, at time.Time) error {
	all, err := tx.LockReferralsOf(ctx, of)
	if err != nil {
		return err
	}
	rules, err := tx.Rules(ctx)
	if err != nil {
		return err
	}
	m := matter{At: at}
	if m.Pace, err = rules.Pace(); err != nil {
		return err
	}
	for _, r := range all {
		used := r.Consume(at)
		if r.Entity.Type == referral.Policy || used.Status == r.Status {
			continue
		}
		for _, t := range used.Tasks(p, at) {
			if err := tx.AddTask(ctx, t); err != nil {
				return err
			}
		}
		if _, err := save(ctx, tx, m, used); err != nil {
			return err
		}
	}
	return nil
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
	if r.Room.IsZero() || t.Room != event.AsCard {
		return nil
	}
	return rooms.ShowCard(ctx, tx, r.Submission, r.Card(told), told.At)
}

// dueBatch is how many referrals Tick looks up at a time.
const dueBatch = 100

// Tick does what is due about referrals by now: reminders, escalations, the end
// of what nobody decided and of approvals, conditions that were not met. Each in
// a transaction of its own; several nodes may do it at once, and a referral that
// cannot be done does not hold up the others. It returns how many it changed.
func (d *Desk) Tick(ctx context.Context, now time.Time) (int, error) {
	now = now.UTC().Truncate(time.Microsecond)
	total := 0
	for {
		due, err := d.db.DueReferrals(ctx, now, dueBatch)
		if err != nil {
			return total, fmt.Errorf("find referrals that are due: %w", err)
		}
		done := 0
		var failed error
		for _, r := range due {
			ok, err := d.tick(ctx, r, now)
			if err != nil {
				failed = fmt.Errorf("referral %s: %w", r.ID, err)
			}
			if ok {
				done++
			}
		}
		total += done
		if len(due) < dueBatch || done == 0 || failed != nil {
			return total, failed
		}
	}
}

func (d *Desk) tick(ctx context.Context, due store.DueReferral, now time.Time) (bool, error) {
	by := access.Actor{Kind: access.System, ID: "system", Org: due.Org}
	done := false
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		m, err := d.matter(ctx, tx, due.Submission, now)
		if err != nil {
			return err
		}
		r, err := tx.LockReferral(ctx, due.ID)
		if err != nil || r.TimerAt == nil || r.TimerAt.After(now) { // another node was faster
			return err
		}
		next, err := successor(ctx, tx, m, r.Assignee)
		if err != nil {
			return err
		}
		after, told := r.Tick(m.Pace, next, now)
		if after, err = save(ctx, tx, m, after, told...); err != nil {
			return err
		}
		done = true
		return d.restand(ctx, tx, m, after)
	})
	return done && err == nil, err
}
