package insurance_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store/storetest"
)

func TestADeclineEndsTheSubmission(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	r := h.ask(t)
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, referral.Decision{Verb: referral.Reject, Rationale: "no"}, whatever); err != nil {
		t.Fatal(err)
	}
	if got := h.stands(t); got != "declined declined" {
		t.Errorf("stands %s", got)
	}
	if rm, err := h.db.As(h.una).Room(t.Context(), h.room.ID); err != nil || rm.ClosesAt == nil {
		t.Errorf("the room stays open: %v, %v", rm.ClosesAt, err)
	}
	if n := strings.Count(heard(t, h.db, h.una, h.underwriting()), `"submission.declined"`); n != 1 {
		t.Errorf("%d declines were told", n)
	}
	if _, err := h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever); !errors.Is(err, submission.ErrState) {
		t.Errorf("quoted again: %v", err)
	}
}

// A bind waits for the conditions before it; those after it become tasks.
func TestConditionsGateTheBind(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	r := h.ask(t)
	due := noon.AddDate(0, 0, 20)
	dec := yes
	dec.Conditions = []referral.Condition{
		{Kind: referral.PreBind, Action: "Send the roof inspection report."}, {Kind: referral.PreBind, Action: "Sign the form."},
		{Kind: referral.PostBind, Action: "Report the payroll.", DueAt: &due, Consequence: "Notice of cancellation."},
	}
	r, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever)
	if err != nil {
		t.Fatal(err)
	}
	change := func(who access.Actor, n int, verb, note string, want error) {
		t.Helper()
		got, err := h.desk.ChangeCondition(t.Context(), who, r.ID, insurance.ConditionChange{ID: r.Conditions[n].ID, Verb: verb, Note: note}, whatever)
		if !errors.Is(err, want) {
			t.Fatalf("%s %d: %v, want %v", verb, n, err, want)
		}
		if err == nil {
			r = got
		}
	}
	const waits = "[condition_open]"
	if got := h.blocked(t); got != waits {
		t.Fatalf("blocked by %s", got)
	}
	change(h.maria, 0, "accept", "", referral.ErrCondition)
	change(h.noor, 0, "submit", "It is in the room.", nil)
	change(h.una, 0, "submit", "Again.", referral.ErrCondition)
	change(h.noor, 0, "accept", "", referral.ErrOwnSubmission)
	change(h.maria, 0, "reject", "Not signed.", nil)
	change(h.una, 0, "submit", "Signed now.", nil)
	change(h.maria, 0, "accept", "", nil)
	if got := h.blocked(t); got != waits {
		t.Fatalf("blocked by %s", got)
	}
	h.give(t, h.noor, 2, 20_000_000)
	change(h.noor, 1, "waive", "x", authority.ErrExceeded) // below the level that set it
	change(h.maria, 1, "waive", "", referral.ErrRationale)
	change(h.maria, 1, "waive", "They signed another one.", nil)
	p, err := h.desk.Bind(t.Context(), h.una, h.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := h.db.As(h.una).Tasks(t.Context(), "", ten)
	if err != nil || len(tasks) != 1 || tasks[0].Policy != p.ID || tasks[0].Status != "open" || !tasks[0].DueAt.Equal(due) || tasks[0].Consequence == "" {
		t.Fatalf("tasks %+v, %v", tasks, err)
	}
	h.set(due)
	if n, err := h.desk.Tick(t.Context(), due); err != nil || n != 1 {
		t.Fatalf("tick %d, %v", n, err)
	}
	if tasks, _ = h.db.As(h.una).Tasks(t.Context(), "expired", ten); len(tasks) != 1 {
		t.Errorf("a task that was not done in time: %+v", tasks)
	}
	change(h.maria, 2, "waive", "Too small.", nil)
	if tasks, _ = h.db.As(h.una).Tasks(t.Context(), "waived", ten); len(tasks) != 1 {
		t.Errorf("a task that is waived: %+v", tasks)
	}
}

// conditional lets somebody agree to what is asked with a condition before the bind.
func (h hall) conditional(t *testing.T, by access.Actor, d referral.Decision) (referral.Referral, func(access.Actor, string) error) {
	t.Helper()
	r := h.ask(t)
	d.Conditions = []referral.Condition{{Kind: referral.PreBind, Action: "Send the report."}}
	r, err := h.desk.Decide(t.Context(), by, r.ID, d, whatever)
	if err != nil {
		t.Fatal(err)
	}
	return r, func(who access.Actor, verb string) error {
		got, err := h.desk.ChangeCondition(t.Context(), who, r.ID, insurance.ConditionChange{ID: h.referral(t, r.ID).Conditions[0].ID, Verb: verb, Note: "x"}, whatever)
		if want := map[string]string{"submit": "submitted", "accept": "accepted", "reject": "rejected", "waive": "waived"}[verb]; err == nil && got.Conditions[0].Status != want {
			t.Errorf("after %s it is %s", verb, got.Conditions[0].Status)
		}
		return err
	}
}

func (h hall) referral(t *testing.T, id referral.ID) referral.Referral {
	t.Helper()
	r, err := h.db.As(h.una).Referral(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whether a condition is met is said by the authority that the approval took, and
// never by who asked.
func TestWhoAcceptsACondition(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.una, 9, 20_000_000)
	_, change := h.conditional(t, h.maria, yes)
	if err := change(h.noor, "submit"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Lend(t.Context(), h.una, user(t, h.una), user(t, h.ada), time.Time{}, noon.AddDate(0, 0, 7)); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"accept", "reject"} {
		if err := change(h.una, verb); !errors.Is(err, referral.ErrOwnReferral) {
			t.Errorf("who asked, to %s: %v", verb, err)
		}
		if err := change(h.ada, verb); !errors.Is(err, authority.ErrExceeded) {
			t.Errorf("by the authority of who asked, to %s: %v", verb, err)
		}
	}
	h.give(t, h.ada, 1, 20_000_000)
	if err := change(h.ada, "accept"); err != nil {
		t.Errorf("by her own: %v", err)
	}
}

// What two agreed to with a condition takes a third to do without it, and the
// authority of the higher of them; either says whether it is met.
func TestWhoWaivesAConditionOfTwo(t *testing.T) {
	h := openHall(t)
	h.fourEyes(t, 10_000_000)
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.noor, 8, 20_000_000)
	r, change := h.conditional(t, h.maria, yes)
	if _, err := h.desk.Confirm(t.Context(), h.noor, r.ID, "With the report, yes.", whatever); err != nil {
		t.Fatal(err)
	}
	for _, who := range []access.Actor{h.maria, h.noor} {
		if err := change(who, "waive"); !errors.Is(err, referral.ErrSecond) {
			t.Errorf("waived by one of two: %v", err)
		}
	}
	h.give(t, h.ada, 7, 20_000_000)
	if _, err := h.desk.Lend(t.Context(), h.noor, user(t, h.noor), user(t, h.ada), time.Time{}, noon.AddDate(0, 0, 7)); err != nil {
		t.Fatal(err)
	}
	if err := change(h.ada, "waive"); !errors.Is(err, referral.ErrConditionLevel) {
		t.Errorf("waived by a third, of a level between theirs, by what one of them lends: %v", err)
	}
	if err := change(h.una, "submit"); err != nil {
		t.Fatal(err)
	}
	if err := change(h.maria, "reject"); err != nil {
		t.Errorf("rejected by one of two: %v", err)
	}
	h.give(t, h.ada, 8, 20_000_000)
	if err := change(h.ada, "waive"); err != nil {
		t.Errorf("waived by a third of the level of the higher: %v", err)
	}
}

// An approval that no profile covers is eased and taken back by a third who may
// override, too, and by nobody else.
func TestAnOverrideIsTakenBack(t *testing.T) {
	h := openHall(t)
	for _, who := range []access.Actor{h.maria, h.noor, h.ada} {
		p := h.give(t, who, 10, 1)
		if _, err := h.desk.ChangeProfile(t.Context(), h.ada, p.ID, whatever, func(p *authority.Profile) { p.CanOverride = true }); err != nil {
			t.Fatal(err)
		}
	}
	uri := colleague(t, h.db, h.una, access.RoleUnderwriter)
	h.give(t, uri, 10, 1)
	d := yes
	d.Override = true
	r, change := h.conditional(t, h.maria, d)
	if _, err := h.desk.Confirm(t.Context(), h.noor, r.ID, "x", whatever); err != nil {
		t.Fatal(err)
	}
	if err := change(uri, "waive"); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("waived by who may not override: %v", err)
	}
	if err := change(h.ada, "waive"); err != nil {
		t.Errorf("waived by a third: %v", err)
	}
	for _, try := range []struct {
		who  access.Actor
		want error
	}{{h.maria, referral.ErrSecond}, {h.noor, referral.ErrSecond}, {uri, authority.ErrExceeded}} {
		if _, err := h.desk.Revoke(t.Context(), try.who, r.ID, "x", whatever); !errors.Is(err, try.want) {
			t.Errorf("revoked: %v, want %v", err, try.want)
		}
	}
	if got, err := h.desk.Revoke(t.Context(), h.ada, r.ID, "x", whatever); err != nil || got.Status != referral.Revoked {
		t.Errorf("revoked by a third: %s, %v", got.Status, err)
	}
}

func TestCounterOffers(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 15_000_000)
	r := h.ask(t)
	dec := yes
	dec.Counter = &referral.Counter{Premium: new(money.Cents(15_000_001)), Exclusions: []string{"Roofing"}}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("a counter outside her authority: %v", err)
	}
	for field, c := range map[string]referral.Counter{"counter.premium min": {Premium: new(money.Cents(74_999))}, "counter different": {Premium: &h.quote.GrossPremium}} {
		none := yes
		none.Counter = &c
		_, err := h.desk.Decide(t.Context(), h.maria, r.ID, none, whatever)
		if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Fields()) != 1 || f.Fields()[0].Field+" "+f.Fields()[0].Rule != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	dec.Counter.Premium, dec.Counter.Limit, dec.Counter.Deductible = new(money.Cents(15_000_000)), new(money.Cents(50_000_000)), new(money.Cents(50_000_000))
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a deductible as high as the limit: %v", err)
	}
	dec.Counter.Deductible = new(money.Cents(1_000_000))
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); err != nil {
		t.Fatal(err)
	}
	if got := h.stands(t) + " " + h.blocked(t); got != "referred referred [quote_referred authority_required counter_open]" {
		t.Errorf("countered: %s", got)
	}
	if _, err := h.desk.AnswerCounter(t.Context(), h.una, r.ID, false, "", whatever); !errors.Is(err, referral.ErrRationale) {
		t.Errorf("refused without a reason: %v", err)
	}
	if got, err := h.desk.AnswerCounter(t.Context(), h.una, r.ID, false, "too dear", whatever); err != nil || got.Status != referral.InReview || got.Outcome != "" {
		t.Fatalf("refused %s, %v", got.Status, err)
	}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); err != nil {
		t.Fatal(err)
	}
	if got, err := h.desk.AnswerCounter(t.Context(), h.una, r.ID, true, "", whatever); err != nil || !got.Taken {
		t.Fatalf("taken %v, %v", got.Taken, err)
	}
	q, _, err := h.db.As(h.una).LatestQuote(t.Context(), h.sub.ID)
	if err != nil || q.Version != 2 || q.GrossPremium != 15_000_000 || h.stands(t) != "quoted quoted" {
		t.Fatalf("quote %+v, %v, stands %s", q, err, h.stands(t))
	}
	if last := q.Factors[len(q.Factors)-1]; last.Key != "counter" || last.Premium != "150000.0000" || len(q.Factors) != len(h.quote.Factors)+1 {
		t.Errorf("the quote's factors are %+v", q.Factors)
	}
	terms := quote.Terms{Limit: 50_000_000, Deductible: 1_000_000, Exclusions: []string{"Roofing"}}
	if !cmp.Equal(q.Terms, terms) {
		t.Errorf("the quote's terms are %+v", q.Terms)
	}
	qs, err := h.db.As(h.una).Quotes(t.Context(), h.sub.ID, ten)
	first := slices.IndexFunc(qs, func(q quote.Quote) bool { return q.Version == 1 })
	if err != nil || len(qs) != 2 || !cmp.Equal(qs[first].Terms, quote.Terms{Limit: 100_000_000}) {
		t.Errorf("the version before is on other terms now: %+v, %v", qs, err)
	}
	if _, err := h.desk.AnswerCounter(t.Context(), h.una, r.ID, true, "", whatever); !errors.Is(err, referral.ErrCounter) {
		t.Errorf("taken twice: %v", err)
	}
	p, err := h.desk.Bind(t.Context(), h.una, h.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever)
	if err != nil || p.GrossPremium != 15_000_000 {
		t.Fatalf("bound at %s, %v", p.GrossPremium, err)
	}
	if ts, err := h.db.As(h.una).Timeline(t.Context(), p.ID); err != nil || len(ts) != 1 || !cmp.Equal(ts[0].Working.Terms, terms) {
		t.Errorf("the policy is on %+v, %v", ts, err)
	}
}

// A counter that was taken agrees to its own version, and not to the terms that it
// was made in place of.
func TestATakenCounterAgreesToNothingElse(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 15_000_000)
	r := h.ask(t)
	dec := yes
	dec.Counter = &referral.Counter{Premium: new(money.Cents(15_000_000)), Exclusions: []string{"Roofing"}}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.AnswerCounter(t.Context(), h.una, r.ID, true, "", whatever); err != nil {
		t.Fatal(err)
	}
	if got := h.stands(t); got != "quoted quoted" {
		t.Fatalf("the counter stands %s", got)
	}
	again, err := h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever)
	if err != nil || again.GrossPremium != h.quote.GrossPremium || again.Status != quote.Status(quote.Referred) {
		t.Errorf("the terms before are %s, at %s, %v", again.Status, again.GrossPremium, err)
	}
	if got := h.stands(t) + " " + h.blocked(t); got != "referred referred [quote_referred authority_required]" {
		t.Errorf("the terms before: %s", got)
	}
}

// A counter is to the quote that whoever made it looked at, also when others were
// made since; and to none when that is gone.
func TestACounterIsOfTheQuoteThatWasSeen(t *testing.T) {
	for _, tt := range []struct {
		name string
		a    insurance.Ask
		want string
	}{
		{"one beside it", insurance.Ask{Beside: true, Terms: quote.Terms{Limit: 150_000_000}}, "quoted quoted"},
		{"one in its place", insurance.Ask{Terms: quote.Terms{Deductible: 1_000_000}}, "referred referred"},
	} {
		h := openHall(t)
		h.give(t, h.maria, 3, 15_000_000)
		r, err := h.desk.Refer(t.Context(), h.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: h.sub.ID}, Reason: "other", Rationale: "x"})
		if err != nil {
			t.Fatal(err)
		}
		dec := yes
		dec.Counter = &referral.Counter{Premium: new(money.Cents(15_000_000))}
		if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); err != nil {
			t.Fatal(err)
		}
		if _, err := h.desk.QuoteAs(t.Context(), h.una, h.sub.ID, tt.a, whatever); err != nil {
			t.Fatal(err)
		}
		_, err = h.desk.AnswerCounter(t.Context(), h.una, r.ID, true, "", whatever)
		if taken := err == nil; taken != tt.a.Beside || !taken && !errors.Is(err, referral.ErrCounter) {
			t.Errorf("%s: taken %v, %v", tt.name, taken, err)
		}
		q, _, err := h.db.As(h.una).LatestQuote(t.Context(), h.sub.ID)
		if got := h.stands(t); err != nil || got != tt.want || tt.a.Beside && (q.GrossPremium != 15_000_000 || !q.Terms.Equal(h.quote.Terms)) {
			t.Errorf("%s: stands %s, with %s for %+v, %v", tt.name, got, q.GrossPremium, q.Terms, err)
		}
	}
}

// An approval that allows edits ends where the insured values are beyond what
// somebody's authority was asked for.
func TestInsuredValuesOutgrowAnApproval(t *testing.T) {
	h := openHall(t)
	value := func(v money.Cents) {
		t.Helper()
		if _, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, func(s *submission.Submission) { s.Exposure.InsuredValue = v }, whatever); err != nil {
			t.Fatal(err)
		}
		var err error
		if h.quote, err = h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever); err != nil {
			t.Fatal(err)
		}
	}
	value(100_000_000)
	p := h.give(t, h.maria, 3, 20_000_000)
	may := func(most money.Cents) {
		t.Helper()
		if _, err := h.desk.ChangeProfile(t.Context(), h.ada, p.ID, whatever, func(p *authority.Profile) { p.MaxTIV = &most }); err != nil {
			t.Fatal(err)
		}
	}
	r := h.ask(t)
	dec := yes
	dec.AllowEdit, dec.Offset = true, 5
	may(104_999_999)
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("with an offset that is beyond her authority: %v", err)
	}
	may(105_000_000)
	if got, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); err != nil || got.Reference.Insured != 105_000_000 {
		t.Fatalf("%+v, %v", got.Reference, err)
	}
	value(105_000_000)
	if got := h.stands(t); got != "quoted quoted" {
		t.Errorf("as much as she agreed to: stands %s", got)
	}
	value(10_000_000_000)
	if got := h.stands(t) + " " + h.blocked(t); got != "referred referred [quote_referred authority_required]" {
		t.Errorf("a hundred times that: %s", got)
	}
	if got, err := h.db.As(h.una).Referral(t.Context(), r.ID); err != nil || got.Status != referral.Lapsed {
		t.Errorf("%s, %v", got.Status, err)
	}
}

// What the approval of a price does not agree to alone it does not agree to beside
// it either: the binder's own discount is another question.
func TestACheaperQuoteBesideIsAnotherQuestion(t *testing.T) {
	for name, beside := range map[string]bool{"beside": true, "in its place": false} {
		h := openHall(t)
		h.give(t, h.maria, 3, 20_000_000)
		r := h.ask(t)
		if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); err != nil {
			t.Fatal(err)
		}
		cheap, err := h.desk.QuoteAs(t.Context(), h.una, h.sub.ID, insurance.Ask{Beside: beside, Terms: quote.Terms{Schedule: &rating.Schedule{Percent: -25, Reason: "management"}}}, whatever)
		if err != nil || cheap.Status != quote.Status(quote.Referred) {
			t.Errorf("%s: %s of %s is %s, %v", name, cheap.GrossPremium, h.quote.GrossPremium, cheap.Status, err)
		}
		old, err := h.db.As(h.una).Quote(t.Context(), h.quote.ID)
		if want := map[bool]quote.Status{true: quote.Status(quote.Quoted), false: quote.Superseded}[beside]; err != nil || old.Status != want {
			t.Errorf("%s: what she agreed to is %s, %v", name, old.Status, err)
		}
		if _, err := h.desk.Bind(t.Context(), h.una, h.sub.ID, policy.Order{Plan: billing.PayInFull, Quote: cheap.ID}, whatever); !errors.Is(err, quote.ErrNotBindable) {
			t.Errorf("%s: bound: %v", name, err)
		}
	}
}

// A changed risk is another question; an approval holds within what it allows.
func TestTheRiskChanges(t *testing.T) {
	grow := func(t *testing.T, h hall, revenue money.Cents) {
		t.Helper()
		storetest.SQL(t, h.db, `UPDATE submission SET annual_revenue = $1 WHERE id = $2`, int64(revenue), h.sub.ID.UUID())
		if _, err := h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever); err != nil {
			t.Fatal(err)
		}
	}
	all := func(t *testing.T, h hall) []referral.Referral {
		t.Helper()
		rs, err := h.db.As(h.una).Referrals(t.Context(), access.Scope{All: true}, store0, ten)
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	t.Run("while it is asked", func(t *testing.T) {
		h := openHall(t)
		r := h.ask(t)
		grow(t, h, dear)
		if rs := all(t, h); len(rs) != 1 || rs[0].Status != referral.Open {
			t.Fatalf("the same risk: %+v", rs)
		}
		grow(t, h, dear+800_000_000)
		rs := all(t, h)
		i := slices.IndexFunc(rs, func(r referral.Referral) bool { return r.Status == referral.Draft })
		if len(rs) != 2 || i < 0 || rs[1-i].Status != referral.Superseded || rs[i].Supersedes != r.ID.String() || rs[i].RaisedBy != h.una.ID {
			t.Fatalf("another risk: %+v", rs)
		}
		if _, err := h.desk.SubmitReferral(t.Context(), h.maria, rs[i].ID, whatever); !errors.Is(err, fault.ErrForbidden) {
			t.Errorf("another's draft: %v", err)
		}
		if got, err := h.desk.SubmitReferral(t.Context(), h.una, rs[i].ID, whatever); err != nil || got.Status != referral.Open || got.Clock.DueAt == nil {
			t.Errorf("asked again: %s, %v", got.Status, err)
		}
	})
	t.Run("after an approval", func(t *testing.T) {
		h := openHall(t)
		h.give(t, h.maria, 3, 20_000_000)
		r := h.ask(t)
		dec := yes
		dec.Offset, dec.AllowEdit = 20, true
		if got, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); err != nil || got.Status != referral.PendingSecond { // $171,000
			t.Fatal(got.Status, err)
		}
		h.give(t, h.noor, 3, 20_000_000)
		if _, err := h.desk.Confirm(t.Context(), h.noor, r.ID, "x", whatever); err != nil {
			t.Fatal(err)
		}
		grow(t, h, dear+800_000_000)
		if got := all(t, h)[0].Status; got != referral.Decided || h.stands(t) != "quoted quoted" {
			t.Errorf("within the reference: %s, stands %s", got, h.stands(t))
		}
		grow(t, h, dear+2_400_000_000)
		if got := all(t, h)[0].Status; got != referral.Lapsed || h.stands(t) != "referred referred" {
			t.Errorf("beyond it: %s, stands %s", got, h.stands(t))
		}
	})
}

// An approval ends by itself, and a bind looks at it whether or not a clock has.
func TestAnApprovalEnds(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	r := h.ask(t)
	dec := yes
	until := noon.Add(24 * time.Hour)
	dec.ValidUntil = &until
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); err != nil {
		t.Fatal(err)
	}
	h.set(until)
	if got := h.blocked(t); got != "[authority_required approval_expired quote_referred]" {
		t.Errorf("blocked by %s", got)
	}
	if _, err := h.desk.Tick(t.Context(), until); err != nil {
		t.Fatal(err)
	}
	if got, _ := h.db.As(h.una).Referral(t.Context(), r.ID); got.Status != referral.Lapsed || h.stands(t) != "referred referred" {
		t.Errorf("%s, stands %s", got.Status, h.stands(t))
	}
}

// What a profile rules out is not bound by who has it, however small it is, unless
// somebody else agrees.
func TestWhatAProfileRulesOutIsNotBound(t *testing.T) {
	h := openHall(t)
	p := h.give(t, h.una, 3, 20_000_000)
	if _, err := h.desk.ChangeProfile(t.Context(), h.ada, p.ID, whatever, func(p *authority.Profile) { p.ProhibitedStates = []string{"OR"} }); err != nil {
		t.Fatal(err)
	}
	id := quoted(t, h.desk, h.una)
	ready, err := h.desk.Ready(t.Context(), h.una, id)
	if err != nil || ready.Binds() {
		t.Errorf("it looks ready: %+v, %v", ready.Blockers, err)
	}
	bind := func(who access.Actor) error {
		_, err := h.desk.Bind(t.Context(), who, id, policy.Order{Plan: billing.PayInFull}, whatever)
		return err
	}
	err = bind(h.una)
	if f, ok := errors.AsType[*fault.Error](err); !ok || fmt.Sprint(f.Details()["blockers"]) != "[authority_required]" {
		t.Fatalf("bound where her profile rules it out: %v", err)
	}
	r, err := h.desk.Refer(t.Context(), h.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: id}, Reason: "other", Rationale: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); err != nil {
		t.Fatal(err)
	}
	if err := bind(h.una); err != nil {
		t.Errorf("agreed to by another: %v", err)
	}
	id = quoted(t, h.desk, h.una)
	if err := bind(h.maria); err != nil {
		t.Errorf("by one without a profile: %v", err)
	}
}

// Within his own authority an underwriter binds what is above the threshold.
func TestOwnAuthorityBinds(t *testing.T) {
	h := openHall(t)
	storetest.SQL(t, h.db, `UPDATE program SET refer_above = 20000000`)
	if _, err := h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if got := h.blocked(t); got != "[authority_required]" {
		t.Fatalf("blocked by %s", got)
	}
	h.give(t, h.una, 3, 14_249_999)
	if got := h.blocked(t); got != "[authority_required]" {
		t.Fatalf("a cent too little: %s", got)
	}
	h.give(t, h.una, 4, 14_250_000)
	if as, err := h.db.As(h.una).Assignments(t.Context(), user(t, h.una), true, ten); err != nil || len(as) != 2 || (as[0].EndedAt == nil) == (as[1].EndedAt == nil) {
		t.Errorf("assignments %+v, %v", as, err)
	}
	if got := h.blocked(t); got != "<nil>" {
		t.Errorf("blocked by %s", got)
	}
}
