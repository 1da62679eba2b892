package insurance_test

import (
	"errors"
	"fmt"
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
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
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

// fourEyes makes approvals above a premium take two persons.
func (h hall) fourEyes(t *testing.T, above money.Cents) {
	t.Helper()
	rules := referral.StandardRules()
	rules.FourEyesAbove = &above
	if _, err := h.desk.SetRules(t.Context(), h.ada, rules, whatever); err != nil {
		t.Fatal(err)
	}
}

// becomes gives somebody another role.
func (h hall) becomes(t *testing.T, who access.Actor, role string) {
	t.Helper()
	err := h.db.InTx(t.Context(), h.ada, func(tx *store.Tx) error {
		u, err := tx.User(t.Context(), user(t, who))
		if err != nil {
			return err
		}
		u.Role = role
		return tx.SaveUser(t.Context(), u)
	})
	if err != nil {
		t.Fatal(err)
	}
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
	if last := cards[len(cards)-1]; last.Card != "submission.quoted" || last.Premium != "142500" || last.WhoseTurn != "underwriter" {
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

// Above the threshold of four eyes it takes two, and the broker hears of the
// decision only when both agree.
func TestTwoPersonsAgree(t *testing.T) {
	h := openHall(t)
	h.fourEyes(t, 10_000_000)
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

// What the first of two proposed is settled by the authority that he has when the
// second confirms. Where it is gone, they begin anew.
func TestTheFirstOfTwoHasHisAuthorityStill(t *testing.T) {
	h := openHall(t)
	h.fourEyes(t, 10_000_000)
	h.give(t, h.ada, 7, 20_000_000)
	h.give(t, h.noor, 5, 20_000_000)
	week := noon.AddDate(0, 0, 7)
	lent, err := h.desk.Lend(t.Context(), h.ada, user(t, h.ada), user(t, h.maria), time.Time{}, week)
	if err != nil {
		t.Fatal(err)
	}
	r := h.ask(t)
	if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); err != nil {
		t.Fatal(err)
	}
	confirm := func() (referral.Referral, error) { return h.desk.Confirm(t.Context(), h.noor, r.ID, "x", whatever) }
	if err := h.desk.TakeBack(t.Context(), h.ada, lent.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := confirm(); !errors.Is(err, referral.ErrFirst) {
		t.Errorf("by %+v, which was taken back: %v", got.Use, err)
	}
	own := h.give(t, h.maria, 3, 20_000_000)
	h.becomes(t, h.maria, access.RoleAuditor)
	if _, err := confirm(); !errors.Is(err, referral.ErrFirst) {
		t.Errorf("for an auditor: %v", err)
	}
	h.becomes(t, h.maria, access.RoleUnderwriter)
	if got, err := confirm(); err != nil || got.Use.Profile != own.ID.String() || got.Use.For != "" {
		t.Errorf("by her own, meanwhile: %+v, %v", got.Use, err)
	}
}

func TestSixtyFourConfirmOnce(t *testing.T) {
	h := openHall(t)
	h.fourEyes(t, 1)
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
	if _, err := h.desk.ClaimReferral(t.Context(), h.maria, r.ID, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("claimed by somebody who could not decide it: %v", err)
	}
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.noor, 3, 20_000_000)
	h.give(t, h.ada, 3, 20_000_000)
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
	if _, err := lend(h.ada, h.ada, h.ada, noon, noon); blame(err) != "delegateId until" {
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

// Who may decide nothing any more lends nothing any more.
func TestAnAuditorLendsNothing(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 7, 20_000_000)
	r := h.ask(t)
	if _, err := h.desk.Lend(t.Context(), h.maria, user(t, h.maria), user(t, h.noor), time.Time{}, noon.AddDate(0, 0, 7)); err != nil {
		t.Fatal(err)
	}
	h.becomes(t, h.maria, access.RoleAuditor)
	if got, err := h.desk.Decide(t.Context(), h.noor, r.ID, yes, whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("decided by %+v, %v", got.Use, err)
	}
	h.becomes(t, h.maria, access.RoleAdmin)
	if _, err := h.desk.Decide(t.Context(), h.noor, r.ID, yes, whatever); err != nil {
		t.Errorf("by one who may: %v", err)
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
			if got := blame(err); got != "delegateId" {
				t.Errorf("it blames %q", got)
			}
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

// store0 filters nothing.
var store0 store.ReferralFilter

// ten is a page of ten.
var ten = store.Page{Limit: 10}

// The second of two is asked for authority over what the first proposed, and that
// is what they agree to, whatever was quoted since.
func TestTheSecondConfirmsWhatWasProposed(t *testing.T) {
	h := openHall(t)
	rules := referral.StandardRules()
	rules.FourEyesAbove = new(money.Cents(10_000_000))
	if _, err := h.desk.SetRules(t.Context(), h.ada, rules, whatever); err != nil {
		t.Fatal(err)
	}
	h.give(t, h.maria, 3, 20_000_000)
	h.give(t, h.noor, 2, 14_000_000) // less than $142,500
	r, err := h.desk.Refer(t.Context(), h.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: h.sub.ID}, Reason: "other", Rationale: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); err != nil || r.Status != referral.PendingSecond {
		t.Fatal(r.Status, err)
	}
	cheaper, err := h.desk.QuoteAs(t.Context(), h.una, h.sub.ID, insurance.Ask{Beside: true, Terms: quote.Terms{Deductible: 10_000_000, Limit: 50_000_000}}, whatever)
	if err != nil || cheaper.GrossPremium >= 14_000_000 {
		t.Fatal(cheaper.GrossPremium, err)
	}
	if _, err := h.desk.Confirm(t.Context(), h.noor, r.ID, "x", whatever); !errors.Is(err, authority.ErrExceeded) {
		t.Fatalf("confirmed by less than what was proposed: %v", err)
	}
	h.give(t, h.noor, 2, 14_250_000)
	if r, err = h.desk.Confirm(t.Context(), h.noor, r.ID, "x", whatever); err != nil || *r.Reference.Premium != 14_250_000 {
		t.Fatalf("%+v, %v", r.Reference, err)
	}
	for id, want := range map[quote.ID]quote.Status{h.quote.ID: quote.Status(quote.Quoted), cheaper.ID: cheaper.Status} {
		if q, err := h.db.As(h.una).Quote(t.Context(), id); err != nil || q.Status != want {
			t.Errorf("of %s it is %s, want %s, %v", q.GrossPremium, q.Status, want, err)
		}
	}
}
