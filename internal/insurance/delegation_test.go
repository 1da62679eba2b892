package insurance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A treaty is an organisation that binds under an agreement.
type treaty struct {
	t         testing.TB
	db        *store.DB
	desk      *insurance.Desk
	una, ada  access.Actor
	at        time.Time
	program   quote.ProgramID
	carrier   carrier.Carrier
	agreement delegated.Agreement
}

// premium is what a builder's quote costs.
const premium = money.Cents(1_425_000)

// newTreaty makes one whose year has room for so many builders.
func newTreaty(t testing.TB, builders int, change ...func(*delegated.Terms)) *treaty {
	t.Helper()
	return newTreatyIn(t, storetest.New(t), builders, change...)
}

// newTreatyIn is newTreaty in a database.
func newTreatyIn(t testing.TB, db *store.DB, builders int, change ...func(*delegated.Terms)) *treaty {
	t.Helper()
	tr := &treaty{t: t, db: db, at: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	tr.desk = insurance.New(tr.db, insurance.Config{MaxBackdate: -1, Production: true, Now: func() time.Time { return tr.at }})
	tr.una = storetest.Org(t, tr.db, "Summit MGA")
	tr.ada = storetest.User(t, tr.db, tr.una, "ada", access.RoleAdmin)
	if err := tr.db.InTx(t.Context(), tr.una, func(tx *store.Tx) error { return tr.desk.OpenProgram(t.Context(), tx, tr.una.Org) }); err != nil {
		t.Fatal(err)
	}
	p, err := tr.db.As(tr.una).Program(t.Context(), "GL")
	if err != nil {
		t.Fatal(err)
	}
	tr.program = p.ID
	if tr.carrier, err = tr.desk.AddCarrier(t.Context(), tr.ada, carrier.Carrier{Name: "Summit", Reporting: carrier.Reporting{Premium: "monthly", Claims: "monthly", Lag: 15}}); err != nil {
		t.Fatal(err)
	}
	terms := delegated.Terms{
		MaxOccurrence: 100_000_000, MaxAggregate: 200_000_000, MaxPremium: 10_000_000, States: []string{delegated.AllStates},
		AnnualPremium: premium * money.Cents(builders), ProducerCommission: 1500, Override: 750,
	}
	for _, c := range change {
		c(&terms)
	}
	tr.agreement, err = tr.desk.AddAgreement(t.Context(), tr.ada, delegated.Agreement{
		Carrier: tr.carrier.ID, Program: tr.program, Effective: civil.Date{Year: 2026, Month: 1, Day: 1}, Expiration: civil.Date{Year: 2028, Month: 1, Day: 1}, Terms: terms,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func (tr *treaty) submit(change ...func(*submission.Submission)) submission.Submission {
	tr.t.Helper()
	s := builder()
	for _, c := range change {
		c(&s)
	}
	s, err := tr.desk.Submit(tr.t.Context(), tr.una, s)
	if err != nil {
		tr.t.Fatal(err)
	}
	return s
}

func (tr *treaty) quote(change ...func(*submission.Submission)) quote.Quote {
	tr.t.Helper()
	q, err := tr.desk.Quote(tr.t.Context(), tr.una, tr.submit(change...).ID, whatever)
	if err != nil {
		tr.t.Fatal(err)
	}
	return q
}

func (tr *treaty) bind(q quote.Quote) (policy.Policy, error) {
	return tr.desk.Bind(tr.t.Context(), tr.una, q.Submission, policy.Order{Plan: billing.PayInFull}, whatever)
}

func (tr *treaty) accept(q quote.Quote) error {
	tr.t.Helper()
	if _, err := tr.desk.Offer(tr.t.Context(), tr.una, q.ID); err != nil {
		tr.t.Fatal(err)
	}
	_, err := tr.desk.Accept(tr.t.Context(), tr.una, q.ID)
	return err
}

// blockers are those of a refused bind; "bound" of one that was not.
func blockers(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		return "bound"
	case !ok || !errors.Is(err, quote.ErrNotBindable):
		return err.Error()
	}
	return fmt.Sprint(f.Details()["blockers"])
}

// used are the aggregates as they stand, and must be the sums of what is written
// down of each transaction.
func (tr *treaty) used() map[string]money.Cents {
	tr.t.Helper()
	out := map[string]money.Cents{}
	shares, err := tr.db.As(tr.una).Used(tr.t.Context(), tr.agreement.ID, tr.at.Add(time.Hour))
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, s := range shares {
		for _, k := range tr.agreement.Keys(s.Effective) {
			sum := s.Premium
			if k.Kind == delegated.AccumulatedLimits {
				sum = s.Aggregate
			}
			out[string(k.Kind)+" "+k.Period] += sum
		}
	}
	kept := storetest.Value[string](tr.t, tr.db, `SELECT coalesce(json_object_agg(kind || ' ' || period, used) FILTER (WHERE used <> 0), '{}')::text FROM da_aggregate WHERE agreement_id = $1`, tr.agreement.ID.UUID())
	var counters map[string]money.Cents
	var plain map[string]int64
	if err := json.Unmarshal([]byte(kept), &plain); err != nil {
		tr.t.Fatal(err)
	}
	counters = map[string]money.Cents{}
	for k, v := range plain {
		counters[k] = money.Cents(v)
	}
	if d := cmp.Diff(out, counters); d != "" {
		tr.t.Errorf("aggregates are not the sums of what was used (-sums +aggregates):\n%s", d)
	}
	return counters
}

func (tr *treaty) told() []event.LimitApproaching {
	tr.t.Helper()
	es, err := tr.db.As(tr.una).Events(tr.t.Context(), "da.limit_approaching", []string{"da-agreements"}, store.Page{Limit: 100})
	if err != nil {
		tr.t.Fatal(err)
	}
	var out []event.LimitApproaching
	for _, e := range slices.Backward(es) {
		var v struct{ Data event.LimitApproaching }
		if err := json.Unmarshal(e.Payload, &v); err != nil {
			tr.t.Fatal(err)
		}
		out = append(out, v.Data)
	}
	return out
}

// Of 64 binds at once as many win as there is room for, each of another
// submission; who loses is told what is full, and nothing of him is counted.
func TestConcurrentBindsStayInside(t *testing.T) {
	tr := newTreaty(t, 40)
	const n = 64
	qs := make([]quote.Quote, n)
	for i := range qs {
		qs[i] = tr.quote()
	}
	var mu sync.Mutex
	got := map[string]int{}
	together(n, func(i int) {
		_, err := tr.bind(qs[i])
		mu.Lock()
		defer mu.Unlock()
		got[blockers(err)]++
	})
	if d := cmp.Diff(map[string]int{"bound": 40, "[da_annual_premium]": 24}, got); d != "" {
		t.Error(d)
	}
	want := map[string]money.Cents{
		"accumulated_limit 2026-01-01": 40 * 100_000_000, "annual_written_premium 2026-01-01": 40 * premium, "quarterly_written_premium 2026-04-01": 40 * premium,
	}
	if d := cmp.Diff(want, tr.used()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]event.LimitApproaching{{AgreementID: tr.agreement.ID.String(), Aggregate: "annual_written_premium", PeriodStart: "2026-01-01", Utilization: 87}}, tr.told()); d != "" {
		t.Errorf("told: %s", d)
	}
	for what, sql := range map[string]string{
		"policies": "SELECT count(*) FROM policy", "rows for the carrier": "SELECT count(*) FROM bordereau_row", "numbers": "SELECT last FROM number_counter",
	} {
		if n := storetest.Value[int](t, tr.db, sql); n != 40 {
			t.Errorf("%d %s", n, what)
		}
	}
}

// Quarters and years share an agreement: binds at once in all of them end, and
// none is counted where it does not belong.
func TestConcurrentBindsOfManyPeriods(t *testing.T) {
	tr := newTreaty(t, 6, func(t *delegated.Terms) { t.QuarterlyPremium = new(2 * premium) })
	var qs []quote.Quote
	for i := range 32 {
		qs = append(qs, tr.quote(func(s *submission.Submission) {
			s.EffectiveDate = civil.Date{Year: 2026, Month: time.January, Day: 15}.AddMonths(3 * (i % 8))
			s.InsuredName = fmt.Sprint("Builders ", i)
		}))
	}
	var mu sync.Mutex
	won := 0
	together(len(qs), func(i int) {
		_, err := tr.bind(qs[i])
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			won++
		} else if !errors.Is(err, quote.ErrNotBindable) {
			t.Error(err)
		}
	})
	used := tr.used()
	for k, v := range used {
		if most := map[bool]money.Cents{true: 6 * premium, false: 2 * premium}[k[:6] == "annual"]; k[:5] != "accum" && v > most {
			t.Errorf("%s: %s used of %s", k, v, most)
		}
	}
	if won != 12 || used["accumulated_limit 2026-01-01"] != 12*100_000_000 {
		t.Errorf("%d won, used %v", won, used)
	}
}

func TestEverythingIsSaidAtOnce(t *testing.T) {
	tr := newTreaty(t, 1, func(t *delegated.Terms) {
		t.ExcludedStates, t.PerInsured, t.MaxOccurrence = []string{"OR"}, 1, 50_000_000
	})
	if _, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(a *delegated.Agreement) { a.Terms.ExcludedStates, a.Terms.MaxOccurrence = nil, 100_000_000 }); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.bind(tr.quote()); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(a *delegated.Agreement) {
		a.Terms.ExcludedStates, a.Terms.MaxOccurrence = []string{"OR"}, 50_000_000
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"da_occurrence_limit", "da_state", "da_annual_premium", "da_policies_per_insured"}
	q := tr.quote(func(s *submission.Submission) { s.InsuredName = " pacific COAST  builders" })
	if d := cmp.Diff(want, q.Flags); d != "" || q.Decision != quote.Quoted || q.GrossPremium != premium {
		t.Errorf("%s for %s: %s", q.Decision, q.GrossPremium, d)
	}
	ready, err := tr.desk.Ready(t.Context(), tr.una, q.Submission)
	var rules []string
	for _, b := range ready.Blockers {
		rules = append(rules, b.Stage+" "+b.Rule)
	}
	if d := cmp.Diff([]string{"bind da_occurrence_limit", "bind da_state", "bind da_annual_premium", "bind da_policies_per_insured"}, rules); d != "" || err != nil || ready.Binds() {
		t.Error(err, d)
	}
	_, err = tr.bind(q)
	f, _ := errors.AsType[*fault.Error](err)
	if blockers(err) != fmt.Sprint(want) {
		t.Fatalf("%v", err)
	}
	id := tr.agreement.ID.String()
	details := []map[string]any{
		{"rule": "da_occurrence_limit", "agreementId": id, "limit": money.Cents(50_000_000), "actual": money.Cents(100_000_000)},
		{"rule": "da_state", "agreementId": id, "actual": "OR"},
		{"rule": "da_annual_premium", "agreementId": id, "limit": premium, "actual": 2 * premium, "periodStart": "2026-01-01"},
		{"rule": "da_policies_per_insured", "agreementId": id, "limit": 1, "actual": 2},
	}
	if d := cmp.Diff(details, f.Details()["delegatedAuthority"]); d != "" {
		t.Error(d)
	}
	// The order is also refused for what is not the carrier's.
	tr.at = tr.at.AddDate(0, 0, 31)
	if got := blockers(func() error { _, err := tr.bind(q); return err }()); got != "[quote_expired da_occurrence_limit da_state da_annual_premium da_policies_per_insured]" {
		t.Error(got)
	}
}

func TestWhoNeedsAnAgreement(t *testing.T) {
	tr := newTreaty(t, 9)
	bind := func(change ...func(*submission.Submission)) string {
		t.Helper()
		_, err := tr.bind(tr.quote(change...))
		return blockers(err)
	}
	on := func(y int) func(*submission.Submission) {
		return func(s *submission.Submission) { s.EffectiveDate = civil.Date{Year: y, Month: 12, Day: 31} }
	}
	for name, tt := range map[string]struct{ got, want string }{
		"a day that it covers": {bind(on(2027)), "bound"}, "a day before": {bind(on(2025)), "[da_no_agreement]"},
		"the day it ends": {bind(func(s *submission.Submission) { s.EffectiveDate = tr.agreement.Expiration }), "[da_no_agreement]"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s", name, tt.got)
		}
	}
	change := func(f func(*delegated.Agreement)) {
		t.Helper()
		if _, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, f); err != nil {
			t.Fatal(err)
		}
	}
	change(func(a *delegated.Agreement) { a.Status = delegated.Suspended })
	if got := bind(); got != "[da_suspended]" {
		t.Error(got)
	}
	change(func(a *delegated.Agreement) { a.Status = delegated.Active })
	stop := func(status string) {
		t.Helper()
		if _, err := tr.desk.ChangeCarrier(t.Context(), tr.ada, tr.carrier.ID, whatever, func(c *carrier.Carrier) { c.Status = status }); err != nil {
			t.Fatal(err)
		}
	}
	stop(carrier.Inactive)
	if got := bind(); got != "[da_carrier_inactive]" {
		t.Error(got)
	}
	stop(carrier.Active)
	if got := bind(); got != "bound" {
		t.Error(got)
	}
	// Another organisation has none, and its own paper.
	other := storetest.Org(t, tr.db, "Own paper")
	if err := tr.db.InTx(t.Context(), other, func(tx *store.Tx) error { return tr.desk.OpenProgram(t.Context(), tx, other.Org) }); err != nil {
		t.Fatal(err)
	}
	tr.una = other
	if got := bind(); got != "bound" {
		t.Error(got)
	}
	if n := storetest.Value[int](t, tr.db, "SELECT count(*) FROM bordereau_row"); n != 2 {
		t.Errorf("%d rows for carriers", n)
	}
}

func TestTriggersNeedAnApproval(t *testing.T) {
	tr := newTreaty(t, 9, func(t *delegated.Terms) {
		t.Triggers = []delegated.Trigger{{Type: delegated.StateTrigger, Values: []string{"OR"}, Description: "the carrier's own"}}
	})
	q := tr.quote()
	if q.Decision != quote.Referred || q.Status != quote.Status(quote.Referred) || !slices.Equal(q.Reasons, []string{"da_trigger_state"}) || len(q.Flags) != 0 {
		t.Fatalf("%+v", q)
	}
	if _, err := tr.bind(q); blockers(err) != "[quote_referred]" {
		t.Error(err)
	}
	// A quote of a time before the trigger.
	off := func(on bool) {
		t.Helper()
		if _, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(a *delegated.Agreement) {
			a.Terms.Triggers = nil
			if on {
				a.Terms.Triggers = tr.agreement.Terms.Triggers
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	off(false)
	before := tr.quote()
	off(true)
	if _, err := tr.bind(before); blockers(err) != "[da_referral_required]" {
		t.Error(err)
	}
}

// An acceptance keeps its room, for a time and as long as it stands.
// What the agreement could not have bound takes no room from what it can.
func TestAcceptancesOutsideKeepNone(t *testing.T) {
	tr := newTreaty(t, 3, func(t *delegated.Terms) { t.ExcludedStates = []string{"CA"} })
	outside := tr.quote(func(s *submission.Submission) { s.State = "CA" })
	if !slices.Contains(outside.Flags, "da_state") {
		t.Fatalf("flags %v", outside.Flags)
	}
	if err := tr.accept(outside); err != nil {
		t.Errorf("it is the bind's matter: %v", err)
	}
	if n := storetest.Value[int](t, tr.db, "SELECT count(*) FROM da_reservation"); n != 0 {
		t.Errorf("%d reservations", n)
	}
	for range 3 {
		inside := tr.quote()
		if err := tr.accept(inside); err != nil {
			t.Errorf("there is room: %v", err)
		}
		if _, err := tr.bind(inside); err != nil {
			t.Errorf("there is room: %v", err)
		}
	}
	if _, err := tr.bind(outside); !strings.HasPrefix(blockers(err), "[da_state") {
		t.Errorf("outside: %v", err)
	}
}

func TestAcceptancesKeepRoom(t *testing.T) {
	tr := newTreaty(t, 2)
	first, second, third := tr.quote(), tr.quote(), tr.quote()
	if err := tr.accept(first); err != nil {
		t.Fatal(err)
	}
	if err := tr.accept(second); err != nil {
		t.Fatal(err)
	}
	if q := tr.quote(); !slices.Equal(q.Flags, []string{"da_annual_premium"}) {
		t.Errorf("flags %v", q.Flags)
	}
	_, err := tr.bind(third)
	if blockers(err) != "[da_annual_premium]" {
		t.Errorf("what is reserved was bound: %v", err)
	}
	f, _ := errors.AsType[*fault.Error](tr.accept(third))
	if f == nil || f.Code() != "da_limit_exceeded" || fmt.Sprint(f.Details()) != "map[exceeded:[da_annual_premium]]" {
		t.Errorf("what is reserved was reserved again: %v", f)
	}
	if _, err := tr.bind(first); err != nil {
		t.Errorf("its own room was none: %v", err)
	}
	// Quoted anew, the second is accepted no more.
	if _, err := tr.desk.Quote(t.Context(), tr.una, second.Submission, whatever); err != nil {
		t.Fatal(err)
	}
	again, err := tr.desk.Quote(t.Context(), tr.una, third.Submission, whatever)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.accept(again); err != nil {
		t.Errorf("the room of a quote that is superseded: %v", err)
	}
	fourth := tr.quote()
	tr.at = tr.at.Add(72*time.Hour - time.Microsecond)
	if _, err := tr.bind(fourth); blockers(err) != "[da_annual_premium]" {
		t.Errorf("before its time is over: %v", err)
	}
	tr.at = tr.at.Add(time.Microsecond)
	if _, err := tr.bind(fourth); err != nil {
		t.Errorf("after its time is over: %v", err)
	}
	if n := storetest.Value[int](t, tr.db, "SELECT count(*) FROM da_reservation"); n != 2 { // of the superseded one, and this one
		t.Errorf("%d reservations", n)
	}
	if _, err := tr.desk.Tick(t.Context(), tr.at); err != nil {
		t.Fatal(err)
	}
	if n := storetest.Value[int](t, tr.db, "SELECT count(*) FROM da_reservation"); n != 0 {
		t.Errorf("%d reservations after their time", n)
	}
	if _, err := tr.bind(again); blockers(err) != "[da_annual_premium]" {
		t.Errorf("nothing is left: %v", err)
	}
	tr.used()
}

// A question about a submission gives its room to nobody else: when it is
// answered, or taken back, what was accepted is bound.
func TestAQuestionGivesNoRoomBack(t *testing.T) {
	tr := newTreaty(t, 1)
	one := tr.quote()
	if err := tr.accept(one); err != nil {
		t.Fatal(err)
	}
	r, err := tr.desk.Refer(t.Context(), tr.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: one.Submission}, Reason: "other", Rationale: "x"})
	if err != nil {
		t.Fatal(err)
	}
	const n = 8
	qs := make([]quote.Quote, n)
	for i := range qs {
		qs[i] = tr.quote()
		if _, err := tr.desk.Offer(t.Context(), tr.una, qs[i].ID); err != nil {
			t.Fatal(err)
		}
	}
	together(n, func(i int) {
		if i%2 == 0 {
			if _, err := tr.desk.Accept(t.Context(), tr.una, qs[i].ID); !errors.Is(err, delegated.ErrExceeded) {
				t.Errorf("accepted in the room of another: %v", err)
			}
		} else if _, err := tr.bind(qs[i]); blockers(err) != "[da_annual_premium]" {
			t.Errorf("bound in the room of another: %v", err)
		}
	})
	u, err := tr.desk.Utilization(t.Context(), tr.una, tr.agreement.ID, civil.Date{})
	if err != nil || u.Lines[1].Reserved != premium {
		t.Errorf("reserved: %+v, %v", u.Lines, err)
	}
	if _, err := tr.desk.WithdrawReferral(t.Context(), tr.una, r.ID, "never mind", whatever); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.bind(one); err != nil {
		t.Errorf("its room was given away: %v", err)
	}
	tr.used()
}

// Of acceptances at once as many have room as there is.
func TestConcurrentAcceptancesStayInside(t *testing.T) {
	tr := newTreaty(t, 5)
	const n = 16
	qs := make([]quote.Quote, n)
	for i := range qs {
		qs[i] = tr.quote()
		if _, err := tr.desk.Offer(t.Context(), tr.una, qs[i].ID); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	won := map[int]bool{}
	together(n, func(i int) {
		_, err := tr.desk.Accept(t.Context(), tr.una, qs[i].ID)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			won[i] = true
		} else if !errors.Is(err, delegated.ErrExceeded) {
			t.Error(err)
		}
	})
	if len(won) != 5 {
		t.Errorf("%d won", len(won))
	}
	together(n, func(i int) {
		if _, err := tr.bind(qs[i]); (err == nil) != won[i] {
			t.Errorf("quote %d, accepted %t: %v", i, won[i], err)
		}
	})
	tr.used()
}

// A reservation lasts no longer than its quote.
func TestReservationsEndWithTheirQuotes(t *testing.T) {
	tr := newTreaty(t, 1)
	q := tr.quote()
	tr.at = q.ExpiresAt.Add(-time.Hour)
	if err := tr.accept(q); err != nil {
		t.Fatal(err)
	}
	tr.at = q.ExpiresAt
	if _, err := tr.bind(tr.quote()); err != nil {
		t.Error(err)
	}
}

// What is withdrawn or declined gives its room back at once.
func TestEndedSubmissionsGiveRoomBack(t *testing.T) {
	tr := newTreaty(t, 1)
	for name, end := range map[string]func(context.Context, access.Actor, submission.ID, submission.Ending, insurance.Version) (submission.Submission, error){
		"withdrawn": tr.desk.Withdraw, "declined": tr.desk.Decline,
	} {
		q := tr.quote()
		if err := tr.accept(q); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if q := tr.quote(); len(q.Flags) != 1 {
			t.Errorf("before it is %s: flags %v", name, q.Flags)
		}
		why := submission.Ending{Reasons: []submission.Reason{map[string]submission.Reason{"withdrawn": "price", "declined": "capacity"}[name]}, Rationale: "x"}
		if name == "withdrawn" {
			why.Rationale = ""
		}
		if _, err := end(t.Context(), tr.una, q.Submission, why, whatever); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if q := tr.quote(); len(q.Flags) != 0 {
			t.Errorf("after it was %s: flags %v", name, q.Flags)
		}
	}
}
