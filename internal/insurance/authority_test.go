package insurance_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A hall is a deal whose quote of $142,500 had to be referred, with an
// administrator, more underwriters and a clock that moves.
type hall struct {
	deal
	ada, noor access.Actor // who administers; one more underwriter
	quote     quote.Quote
	at        *atomic.Pointer[time.Time]
}

// dear is the revenue of a risk that has to be referred.
const dear = money.Cents(8_000_000_000)

func openHall(t *testing.T) hall {
	t.Helper()
	h := hall{deal: openDeal(t, dear), at: &atomic.Pointer[time.Time]{}}
	h.set(noon)
	h.desk = insurance.New(h.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return *h.at.Load() }})
	h.ada, h.noor = colleague(t, h.db, h.una, access.RoleAdmin), colleague(t, h.db, h.una, access.RoleUnderwriter)
	var err error
	if h.quote, err = h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever); err != nil || h.quote.Decision != quote.Referred {
		t.Fatalf("quote %+v, %v", h.quote, err)
	}
	return h
}

func (h hall) set(at time.Time) { h.at.Store(&at) }

// give gives somebody authority for premiums.
func (h hall) give(t *testing.T, who access.Actor, level int, premium money.Cents) authority.Profile {
	t.Helper()
	limit := money.Cents(500_000_000)
	p, err := h.desk.AddProfile(t.Context(), h.ada, authority.Profile{
		Name: fmt.Sprint("level ", level), Level: level, MaxPremium: &premium, MaxLimit: &limit, Lines: []string{"GL"}, ProhibitedStates: []string{}, Constraints: []authority.Issue{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Assign(t.Context(), h.ada, p.ID, user(t, who)); err != nil {
		t.Fatal(err)
	}
	return p
}

func user(t *testing.T, who access.Actor) access.UserID {
	t.Helper()
	var id access.UserID
	if err := id.UnmarshalText([]byte(who.ID)); err != nil {
		t.Fatal(err)
	}
	return id
}

// ask raises a referral of the hall's quote in its room.
func (h hall) ask(t *testing.T) referral.Referral {
	t.Helper()
	r, err := h.desk.Refer(t.Context(), h.una, referral.Ask{
		Entity: referral.Entity{Type: referral.Quote, ID: h.quote.ID}, Room: h.room.ID, Reason: "authority_exceeded", Rationale: "above the guideline",
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (h hall) stands(t *testing.T) string {
	t.Helper()
	s, err := h.db.As(h.una).Submission(t.Context(), h.sub.ID)
	if err != nil {
		t.Fatal(err)
	}
	q, _, err := h.db.As(h.una).LatestQuote(t.Context(), h.sub.ID)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(s.Status, " ", q.Status)
}

// blocked returns what stands against a bind, which is undone when nothing does.
func (h hall) blocked(t *testing.T) string {
	t.Helper()
	_, err := h.desk.Bind(t.Context(), h.una, h.sub.ID, policy.Order{Plan: billing.PayInFull}, func(int) error { return nil })
	f, ok := errors.AsType[*fault.Error](err)
	if err == nil || !ok || !errors.Is(err, quote.ErrNotBindable) {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(f.Details()["blockers"])
}

var yes = referral.Decision{Verb: referral.Approve, Rationale: "inside appetite"}

// Without any profile nobody agrees to what is above the threshold.
func TestADecisionNeedsAuthority(t *testing.T) {
	h := openHall(t)
	r := h.ask(t)
	for _, dec := range []referral.Decision{yes, {Verb: referral.Reject, Rationale: "x"}} {
		for _, who := range []access.Actor{h.maria, h.ada, h.noor} {
			if _, err := h.desk.Decide(t.Context(), who, r.ID, dec, whatever); !errors.Is(err, authority.ErrExceeded) {
				t.Fatalf("%s without a profile: %v", dec.Verb, err)
			}
		}
	}
	if got := h.stands(t); got != "referred referred" {
		t.Errorf("stands %s", got)
	}
	if got := h.blocked(t); got != "[quote_referred authority_required referral_open]" {
		t.Errorf("blocked by %s", got)
	}
	p := h.give(t, h.maria, 3, 14_249_999)
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("a cent too little: %v", err)
	}
	enough := money.Cents(14_250_000)
	if _, err := h.desk.ChangeProfile(t.Context(), h.ada, p.ID, whatever, func(p *authority.Profile) { p.MaxPremium = &enough }); err != nil {
		t.Fatal(err)
	}
	r, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever)
	if err != nil || r.Status != referral.Decided || r.Use.Profile != p.ID.String() || r.Use.Version != 2 || r.Use.Level != 3 {
		t.Fatalf("decided %+v, %v", r.Use, err)
	}
	if got := h.stands(t); got != "quoted quoted" {
		t.Errorf("stands %s", got)
	}
	cards := h.cards(t)
	if last := cards[len(cards)-1]; last.Card != "submission.quoted" || last.Premium != "142500" || last.WhoseTurn != "broker" {
		t.Errorf("the price is not offered: %+v", last)
	}
	bound, err := h.desk.Bind(t.Context(), h.una, h.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever)
	if err != nil || bound.GrossPremium != 14_250_000 {
		t.Fatalf("bound %+v, %v", bound, err)
	}
	if kept, err := h.db.As(h.una).Referral(t.Context(), r.ID); err != nil || kept.Status != referral.Consumed || kept.Version != r.Version+1 {
		t.Errorf("kept %s, %v", kept.Status, err)
	}
}

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

// Above the threshold of four eyes it takes two, and the broker hears of the
// decision only when both agree.
func TestTwoPersonsAgree(t *testing.T) {
	h := openHall(t)
	rules := referral.StandardRules()
	four := money.Cents(10_000_000)
	rules.FourEyesAbove = &four
	if _, err := h.desk.SetRules(t.Context(), h.ada, rules, whatever); err != nil {
		t.Fatal(err)
	}
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.noor, 5, 20_000_000)
	r := h.ask(t)
	told := len(h.cards(t))
	var err error
	if r, err = h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); err != nil || r.Status != referral.PendingSecond {
		t.Fatalf("%s, %v", r.Status, err)
	}
	if n := len(h.cards(t)); n != told || h.stands(t) != "referred referred" {
		t.Errorf("one of two is told: %d cards, %s", n, h.stands(t))
	}
	if heard(t, h.db, h.noor, event.PersonChannel(h.noor.ID, h.noor.Org).Name) == "" {
		t.Error("the second does not hear that he is asked")
	}
	for name, try := range map[string]struct {
		who  access.Actor
		want error
	}{
		"the first": {h.maria, referral.ErrSecond}, "who asked": {h.una, referral.ErrOwnReferral}, "one without authority": {h.ada, authority.ErrExceeded},
		"the broker": {h.ben, fault.ErrNotFound},
	} {
		if _, err := h.desk.Confirm(t.Context(), try.who, r.ID, "x", whatever); !errors.Is(err, try.want) {
			t.Errorf("%s confirms: %v", name, err)
		}
	}
	if r, err = h.desk.Dissent(t.Context(), h.noor, r.ID, "not inspected", whatever); err != nil || r.Status != referral.InReview {
		t.Fatalf("%s, %v", r.Status, err)
	}
	if r, err = h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); err != nil {
		t.Fatal(err)
	}
	if r, err = h.desk.Confirm(t.Context(), h.noor, r.ID, "inspected now", whatever); err != nil || r.DecidedBy != h.maria.ID || r.SecondBy != h.noor.ID {
		t.Fatalf("%+v, %v", r.Verdict, err)
	}
	if h.stands(t) != "quoted quoted" {
		t.Errorf("stands %s", h.stands(t))
	}
	if _, err := h.desk.Revoke(t.Context(), h.maria, r.ID, "x", whatever); !errors.Is(err, referral.ErrSecond) {
		t.Errorf("one of two undoes it: %v", err)
	}
	h.give(t, h.ada, 9, 20_000_000)
	if r, err = h.desk.Revoke(t.Context(), h.ada, r.ID, "a mistake", whatever); err != nil || r.Status != referral.Revoked {
		t.Fatalf("%s, %v", r.Status, err)
	}
	if got := h.stands(t) + " " + h.blocked(t); got != "referred referred [quote_referred authority_required]" {
		t.Errorf("revoked, it stands %s", got)
	}
	for _, secret := range []string{"not inspected", "inspected now", "a mistake", h.maria.ID, h.noor.ID, "level", "pending_second", "authority"} {
		if shared := heard(t, h.db, h.ben, room.Shared(h.room.ID, h.room.Org).Name); strings.Contains(shared, secret) {
			t.Errorf("the broker hears %q:\n%s", secret, shared)
		}
	}
}

func TestSixtyFourConfirmOnce(t *testing.T) {
	h := openHall(t)
	rules := referral.StandardRules()
	rules.FourEyesAbove = new(money.Cents(1))
	if _, err := h.desk.SetRules(t.Context(), h.ada, rules, whatever); err != nil {
		t.Fatal(err)
	}
	for _, who := range []access.Actor{h.maria, h.noor, h.ada} {
		h.give(t, who, 3, 20_000_000)
	}
	r := h.ask(t)
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); err != nil {
		t.Fatal(err)
	}
	var won, objected, lost atomic.Int32
	together(64, func(i int) {
		who := []access.Actor{h.noor, h.ada}[i%2]
		var err error
		if i%3 == 0 {
			if _, err = h.desk.Dissent(t.Context(), who, r.ID, "no", whatever); err == nil {
				objected.Add(1)
			}
		} else if _, err = h.desk.Confirm(t.Context(), who, r.ID, "yes", whatever); err == nil {
			won.Add(1)
		}
		if errors.Is(err, referral.ErrDecided) || errors.Is(err, referral.ErrState) {
			lost.Add(1)
		} else if err != nil {
			t.Error(err)
		}
	})
	if won.Load()+objected.Load() != 1 || lost.Load() != 63 {
		t.Errorf("%d confirmed, %d objected, %d lost", won.Load(), objected.Load(), lost.Load())
	}
}

func TestTwoClaimOneHasIt(t *testing.T) {
	h := openHall(t)
	r := h.ask(t)
	var mu sync.Mutex
	winners := map[string]bool{}
	together(64, func(i int) {
		who := []access.Actor{h.maria, h.noor, h.ada}[i%3]
		got, err := h.desk.ClaimReferral(t.Context(), who, r.ID, whatever)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			winners[got.Assignee] = true
		} else if !errors.Is(err, referral.ErrClaimed) {
			t.Error(err)
		}
	})
	if len(winners) != 1 {
		t.Fatalf("%d have it", len(winners))
	}
	if n := strings.Count(heard(t, h.db, h.una, h.underwriting()), `"referral.assigned"`); n != 1 {
		t.Errorf("told %d times", n)
	}
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.noor, 3, 20_000_000)
	h.give(t, h.ada, 3, 20_000_000)
	for _, who := range []access.Actor{h.maria, h.noor, h.ada} {
		if winners[who.ID] {
			continue
		}
		if _, err := h.desk.Decide(t.Context(), who, r.ID, yes, whatever); !errors.Is(err, referral.ErrClaimed) {
			t.Errorf("another decides: %v", err)
		}
	}
	if got, err := h.desk.ReleaseReferral(t.Context(), h.ada, r.ID, whatever); err != nil || got.Status != referral.Open || got.Assignee != "" {
		t.Errorf("released %+v, %v", got.Status, err)
	}
	if _, err := h.desk.ClaimReferral(t.Context(), h.una, r.ID, whatever); !errors.Is(err, referral.ErrOwnReferral) {
		t.Errorf("her own: %v", err)
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
	change(h.una, 0, "submit", "It is in the room.", nil)
	change(h.una, 0, "submit", "Again.", referral.ErrCondition)
	change(h.una, 0, "accept", "", referral.ErrOwnSubmission)
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

func TestCounterOffers(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 15_000_000)
	r := h.ask(t)
	dec := yes
	dec.Counter = &referral.Counter{Premium: new(money.Cents(15_000_001)), Exclusions: []string{"Roofing"}}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, dec, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("a counter outside her authority: %v", err)
	}
	dec.Counter.Premium = new(money.Cents(15_000_000))
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
	if _, err := h.desk.AnswerCounter(t.Context(), h.una, r.ID, true, "", whatever); !errors.Is(err, referral.ErrCounter) {
		t.Errorf("taken twice: %v", err)
	}
	if p, err := h.desk.Bind(t.Context(), h.una, h.sub.ID, policy.Order{Plan: billing.PayInFull}, whatever); err != nil || p.GrossPremium != 15_000_000 {
		t.Errorf("bound at %s, %v", p.GrossPremium, err)
	}
}

// Lent authority counts while it is lent, is written down, and leads nowhere
// back.
func TestLentAuthority(t *testing.T) {
	h := openHall(t)
	p := h.give(t, h.ada, 7, 20_000_000)
	r := h.ask(t)
	lend := func(by, from, to access.Actor, starts, ends time.Time) (authority.Delegation, error) {
		return h.desk.Lend(t.Context(), by, user(t, from), user(t, to), starts, ends)
	}
	week := noon.AddDate(0, 0, 7)
	if _, err := lend(h.maria, h.ada, h.maria, noon, week); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("she takes it: %v", err)
	}
	if _, err := lend(h.ada, h.ada, h.ada, noon, noon); blame(err) != "delegateId until until" {
		t.Errorf("to herself, for no time: %v", err)
	}
	tomorrow, err := lend(h.ada, h.ada, h.maria, noon.AddDate(0, 0, 1), week)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("before it is lent: %v", err)
	}
	h.set(noon.AddDate(0, 0, 1))
	if err := h.desk.TakeBack(t.Context(), h.noor, tomorrow.ID); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("another takes it back: %v", err)
	}
	if err := h.desk.TakeBack(t.Context(), h.ada, tomorrow.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("after it was taken back: %v", err)
	}
	if _, err := lend(h.ada, h.ada, h.maria, time.Time{}, week); err != nil {
		t.Fatal(err)
	}
	h.set(week)
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("when it is over: %v", err)
	}
	h.set(week.Add(-time.Second))
	// Who raised it does not decide it by another's hand.
	if _, err := lend(h.ada, h.una, h.noor, time.Time{}, week); err != nil {
		t.Fatal(err)
	}
	h.give(t, h.una, 8, 20_000_000)
	if _, err := h.desk.Decide(t.Context(), h.noor, r.ID, yes, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("by the authority of who asked: %v", err)
	}
	got, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever)
	if err != nil || got.Use.For != h.ada.ID || got.Use.Profile != p.ID.String() {
		t.Errorf("decided by %+v, %v", got.Use, err)
	}
}

// Of lendings that close a circle together, one at least is refused.
func TestNoCircleOfLending(t *testing.T) {
	h := openHall(t)
	ring := []access.Actor{h.maria, h.noor, h.ada}
	week := noon.AddDate(0, 0, 7)
	var circles atomic.Int32
	together(3, func(i int) {
		_, err := h.desk.Lend(t.Context(), h.ada, user(t, ring[i]), user(t, ring[(i+1)%3]), noon, week)
		if errors.Is(err, authority.ErrCircle) {
			circles.Add(1)
		} else if err != nil {
			t.Error(err)
		}
	})
	if circles.Load() != 1 {
		t.Errorf("%d were refused", circles.Load())
	}
	if _, err := h.desk.Lend(t.Context(), h.ada, user(t, ring[0]), user(t, ring[2]), week, week.AddDate(0, 0, 1)); err != nil {
		t.Errorf("at another time: %v", err)
	}
}

func blame(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return ""
	}
	var fields []string
	for _, b := range f.Fields() {
		fields = append(fields, b.Field)
	}
	return strings.Join(fields, " ")
}

// Two nodes do what is due; each thing happens once, and what nobody decided is
// not approved.
func TestWhatIsDueHappensOnce(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.ada, 9, 20_000_000)
	r := h.ask(t) // Monday noon UTC is 7:00 in New York; two business days end on Tuesday at 17:00
	if _, err := h.desk.ClaimReferral(t.Context(), h.maria, r.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); !r.Clock.DueAt.Equal(time.Date(2026, 3, 3, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("due at %s", r.Clock.DueAt)
	}
	other := insurance.New(h.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return *h.at.Load() }})
	tick := func(at time.Time) int {
		h.set(at)
		var n atomic.Int32
		together(8, func(i int) {
			did, err := []*insurance.Desk{h.desk, other}[i%2].Tick(t.Context(), at)
			if err != nil {
				t.Error(err)
			}
			n.Add(int32(did))
		})
		return int(n.Load())
	}
	count := func(typ string) int { return strings.Count(heard(t, h.db, h.una, h.underwriting()), `"`+typ+`"`) }
	half := time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC)
	if n := tick(half.Add(-time.Second)); n != 0 || count("referral.due_soon") != 0 {
		t.Errorf("%d before half of the time", n)
	}
	if n := tick(half); n != 1 || count("referral.due_soon") != 1 {
		t.Errorf("%d at half of the time, %d told", n, count("referral.due_soon"))
	}
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "x", Questions: []string{"Closed?"}}, whatever); err != nil {
		t.Fatal(err)
	}
	wednesday := time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)
	if n := tick(wednesday); n != 0 || count("referral.escalated") != 0 {
		t.Errorf("%d while information is asked for", n)
	}
	if _, err := h.desk.Respond(t.Context(), h.una, r.ID, []referral.Reply{{Question: 1, Text: "Yes."}}, whatever); err != nil {
		t.Fatal(err)
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); r.Status != referral.InReview || !r.Clock.DueAt.Equal(time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("%s, due at %s", r.Status, r.Clock.DueAt)
	}
	if n := tick(time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)); n != 1 || count("referral.escalated") != 2 || count("referral.due_soon") != 1 {
		t.Errorf("%d at the end of the time, %d escalations, %d reminders", n, count("referral.escalated"), count("referral.due_soon"))
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); r.Assignee != h.ada.ID || r.Escalated != 2 {
		t.Errorf("assignee %s, escalated %d", r.Assignee, r.Escalated)
	}
	if told := heard(t, h.db, h.ada, event.PersonChannel(h.ada.ID, h.ada.Org).Name); strings.Count(told, `"referral.escalated"`) != 2 {
		t.Errorf("who is next hears\n%s", told)
	}
	if shared := heard(t, h.db, h.ben, room.Shared(h.room.ID, h.room.Org).Name); strings.Contains(shared, "escalated") || strings.Contains(shared, h.ada.ID) {
		t.Errorf("the broker hears of it:\n%s", shared)
	}
	if n := tick(noon.AddDate(0, 0, 31)); n != 1 || count("referral.ended") != 1 || count("referral.decided") != 0 {
		t.Errorf("%d when it is over", n)
	}
	if r, _ = h.db.As(h.una).Referral(t.Context(), r.ID); r.Status != referral.Expired || r.Outcome != "" || h.stands(t) != "referred referred" {
		t.Errorf("%s %s, stands %s", r.Status, r.Outcome, h.stands(t))
	}
	if n := tick(noon.AddDate(1, 0, 0)); n != 0 {
		t.Errorf("%d afterwards", n)
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

// store0 filters nothing.
var store0 store.ReferralFilter

// ten is a page of ten.
var ten = store.Page{Limit: 10}
