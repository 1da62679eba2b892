package insurance_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// An account is a policy with its room, its policyholder and its broker.
type account struct {
	hall
	policy policy.Policy
	holder string
}

func openAccount(t *testing.T, h hall, plan billing.Plan) account {
	t.Helper()
	a := account{hall: h}
	s := builder()
	s.Insured = &submission.Insured{Email: "owner@example.com"}
	s, err := h.desk.Submit(t.Context(), h.una, s)
	if err != nil {
		t.Fatal(err)
	}
	a.sub, a.room = s, openRoom(t, h.db, h.una, s)
	storetest.Seat(t, h.db, a.room, h.ben, "broker", access.RoomChat)
	if _, err := h.desk.Quote(t.Context(), h.una, s.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if a.policy, err = h.desk.Bind(t.Context(), h.una, s.ID, orderOf(plan), whatever); err != nil {
		t.Fatal(err)
	}
	holders, err := h.db.As(h.una).Insureds(t.Context(), a.policy.ID)
	if err != nil || len(holders) != 1 {
		t.Fatalf("policyholders %v, %v", holders, err)
	}
	a.holder = holders[0].String()
	return a
}

// orderOf is an order of a plan, with an agreement when it takes one.
func orderOf(plan billing.Plan) policy.Order {
	o := policy.Order{Plan: plan}
	if plan == billing.PremiumFinance {
		o.Finance = &billing.Finance{Financier: "Evergreen Premium Finance", Agreement: "EPF-1", DownPercent: 20}
	}
	return o
}

// Of what a financier owes finance is told, and the policyholder of his own.
func TestNoticesOfAFinancier(t *testing.T) {
	a := openAccount(t, openHall(t), billing.PremiumFinance)
	if m := a.on(t, 200*24*time.Hour); m.Failed != 0 {
		t.Errorf("%d failed", m.Failed)
	}
	his := []string{"invoice.due_soon 04-24 13:00", "invoice.overdue 05-02 13:00", "invoice.last_notice 05-12 13:00"}
	all := []string{his[0], his[1], his[2], "invoice.due_soon 05-24 13:00", "invoice.overdue 06-01 13:00", "invoice.last_notice 06-11 13:00"}
	if d := diff.Diff(all, a.told(t, event.Finance)); d != "" {
		t.Errorf("finance (-want +got):\n%s", d)
	}
	holder := access.Actor{Kind: access.Insured, ID: a.holder, Org: a.una.Org}
	if d := diff.Diff(his, of(told(t, a.db, holder, event.PersonChannel(a.holder, a.una.Org).Name))); d != "" {
		t.Errorf("the policyholder (-want +got):\n%s", d)
	}
}

// of keeps the lines about invoices that are owed and policies that expire.
func of(lines []string) []string {
	return slices.DeleteFunc(lines, func(s string) bool {
		return !strings.HasPrefix(s, "invoice.") && !strings.HasPrefix(s, "policy.renewal") || strings.HasPrefix(s, "invoice.created")
	})
}

func (a account) told(t *testing.T, audience string) []string {
	t.Helper()
	return of(told(t, a.db, a.una, event.OrgChannel(a.una.Org, audience)))
}

// A clock that moves over a year and more tells of every instalment of its own,
// and of the end of the policy, all in order and by mornings in New York.
func TestNoticesAreToldInOrder(t *testing.T) {
	a := openAccount(t, openHall(t), billing.TwoPay)
	m := a.on(t, 425*24*time.Hour)
	if m.Failed != 0 {
		t.Errorf("%d failed", m.Failed)
	}
	money := []string{
		"invoice.due_soon 04-24 13:00", "invoice.overdue 05-02 13:00", "invoice.last_notice 05-12 13:00",
		"invoice.due_soon 10-25 13:00", "invoice.overdue 11-02 14:00", "invoice.last_notice 11-12 14:00",
	}
	ends := []string{"policy.renewal_due 03-02 14:00", "policy.renewal_due 04-01 13:00", "policy.renewal_due 04-16 13:00"}
	if d := diff.Diff(money, a.told(t, event.Finance)); d != "" {
		t.Errorf("finance (-want +got):\n%s", d)
	}
	if d := diff.Diff(ends, a.told(t, event.Underwriting)); d != "" {
		t.Errorf("underwriting (-want +got):\n%s", d)
	}
	holder := access.Actor{Kind: access.Insured, ID: a.holder, Org: a.una.Org}
	if d := diff.Diff(slices.Concat(money, ends), of(told(t, a.db, holder, event.PersonChannel(a.holder, a.una.Org).Name))); d != "" {
		t.Errorf("the policyholder (-want +got):\n%s", d)
	}
	broker := slices.DeleteFunc(slices.Concat(money, ends), func(s string) bool { return strings.HasPrefix(s, "invoice.due_soon") })
	if d := diff.Diff(broker, of(told(t, a.db, a.ben, event.PersonChannel(a.ben.ID, a.ben.Org).Name))); d != "" {
		t.Errorf("the broker (-want +got):\n%s", d)
	}
	shared := heard(t, a.db, a.ben, room.Shared(a.room.ID, a.room.Org).Name)
	for _, days := range []int{60, 30, 15} {
		if text := fmt.Sprintf(`"text":"%s expires on 2027-05-01, in %d days."`, a.policy.Number, days); strings.Count(shared, text) != 1 {
			t.Errorf("no card %s in the room:\n%s", text, shared)
		}
	}
	if says := heard(t, a.db, a.una, event.OrgChannel(a.una.Org, event.Finance)); !strings.Contains(says,
		`"policyNumber":"`+a.policy.Number+`","number":2,"amount":`) || !strings.Contains(says, `"dueDate":"2026-11-01"`) {
		t.Errorf("finance heard\n%s", says)
	}
	var did []string
	for _, d := range m.Did {
		did = append(did, d.What)
	}
	if n := strings.Count(strings.Join(did, " "), store.WhatInvoice); n != 6 {
		t.Errorf("did %v", did)
	}
	is, err := a.db.As(a.una).Invoices(t.Context(), access.Scope{All: true}, store.InvoiceFilter{PastDue: true}, store.Page{Limit: 10})
	if err != nil || len(is) != 2 || !is[0].IsPastDue() || is[0].Version != 2 {
		t.Errorf("past due: %+v, %v", is, err)
	}
}

// Two nodes look for what is due at the same time: it is told once.
func TestNoticesAreToldOnce(t *testing.T) {
	a := openAccount(t, openHall(t), billing.PayInFull)
	second := insurance.New(storetest.Open(t, store.Config{URL: storetest.Address(a.db), TestClocks: true}),
		insurance.Config{MaxBackdate: -1, Now: func() time.Time { return *a.at.Load() }})
	tick := func(at time.Time, want ...string) {
		t.Helper()
		a.set(at)
		before := len(a.told(t, event.Finance))
		var n atomic.Int32
		together(8, func(i int) {
			did, err := []*insurance.Desk{a.desk, second}[i%2].Tick(t.Context(), at)
			if err != nil {
				t.Error(err)
			}
			n.Add(int32(did))
		})
		var got []string
		for _, s := range a.told(t, event.Finance)[before:] {
			name, _, _ := strings.Cut(s, " ")
			got = append(got, name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
	tick(time.Date(2026, 4, 24, 12, 59, 59, 0, time.UTC))
	tick(time.Date(2026, 4, 24, 13, 0, 0, 0, time.UTC), "invoice.due_soon")
	tick(time.Date(2026, 5, 2, 12, 59, 59, 0, time.UTC))
	tick(time.Date(2026, 5, 2, 13, 0, 0, 0, time.UTC), "invoice.overdue")
	tick(time.Date(2026, 5, 30, 13, 0, 0, 0, time.UTC), "invoice.last_notice")
	tick(time.Date(2026, 12, 30, 13, 0, 0, 0, time.UTC))
	if n := strings.Count(heard(t, a.db, a.una, a.underwriting()), `"policy.renewal_due"`); n != 0 {
		t.Errorf("%d reminders of the end", n)
	}
	a.set(time.Date(2027, 3, 20, 13, 0, 0, 0, time.UTC)) // nobody was there for a while
	if n, err := second.Tick(t.Context(), *a.at.Load()); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n := strings.Count(heard(t, a.db, a.una, a.underwriting()), `"days":60`); n != 1 {
		t.Errorf("%d reminders of the end", n)
	}
}

// Nothing is told of what is paid or void, nor of the end of a policy that is
// over, even when whoever changed it left the timer.
func TestNothingIsToldOfWhatIsSettled(t *testing.T) {
	h := openHall(t)
	for status, invoices := range map[string]string{"cancelled": "paid", "renewed": "void"} {
		a := openAccount(t, h, billing.Quarterly)
		storetest.SQL(t, h.db, `UPDATE invoice SET status = $2 WHERE policy_id = $1`, a.policy.ID.UUID(), invoices)
		storetest.SQL(t, h.db, `UPDATE policy SET status = $2 WHERE id = $1`, a.policy.ID.UUID(), status)
	}
	halfway := openAccount(t, h, billing.PayInFull)
	h.on(t, 70*24*time.Hour)
	storetest.SQL(t, h.db, `UPDATE invoice SET status = 'paid' WHERE policy_id = $1`, halfway.policy.ID.UUID())
	h.on(t, 400*24*time.Hour)
	if d := diff.Diff([]string{"invoice.due_soon 04-24 13:00", "invoice.overdue 05-02 13:00"}, halfway.told(t, event.Finance)); d != "" {
		t.Error(d)
	}
	if n := len(halfway.told(t, event.Underwriting)); n != 3 {
		t.Errorf("%d reminders of the end of one policy", n)
	}
	is, err := h.db.As(h.una).Invoices(t.Context(), access.Scope{All: true}, store.InvoiceFilter{PastDue: true}, store.Page{Limit: 10})
	if err != nil || len(is) != 0 {
		t.Errorf("past due: %+v, %v", is, err)
	}
}

// Whoever settles an invoice while it is about to be told overdue comes before
// or after: it is never told of what is paid.
func TestPaidWhileItIsTold(t *testing.T) {
	h := openHall(t)
	for range 12 {
		openAccount(t, h, billing.PayInFull)
	}
	at := time.Date(2026, 5, 2, 13, 0, 0, 0, time.UTC)
	h.set(at)
	var told atomic.Int32
	together(4, func(i int) {
		if i > 1 {
			n, err := h.desk.Tick(t.Context(), at)
			if err != nil {
				t.Error(err)
			}
			told.Add(int32(n))
			return
		}
		storetest.SQL(t, h.db, `UPDATE invoice SET status = 'paid' WHERE past_due_at IS NULL`)
	})
	overdue := strings.Count(heard(t, h.db, h.una, event.OrgChannel(h.una.Org, event.Finance)), `"invoice.overdue"`)
	if n := storetest.Value[int](t, h.db, `SELECT count(*)::int FROM invoice WHERE past_due_at IS NOT NULL`); n != overdue || overdue != int(told.Load())-h.others(t) {
		t.Errorf("%d are past due, %d told, %d done", n, overdue, told.Load())
	}
}

// others is how many of the things that came due in the hall were not invoices.
func (h hall) others(t *testing.T) int {
	t.Helper()
	return strings.Count(heard(t, h.db, h.una, h.underwriting()), `"submission.sla_`)
}

// TestOneMoveOrManyOfMoney moves a clock to a time at once, and another one there
// in steps: what was told of a policy's invoices and its end is the same.
func TestOneMoveOrManyOfMoney(t *testing.T) {
	h := openHall(t)
	days := rapid.SliceOfN(rapid.IntRange(0, 120), 1, 6)
	plans := rapid.SampledFrom(billing.Offered)
	elsewhere := func(plan billing.Plan) account {
		o := h
		o.una = storetest.Org(t, h.db, "A year")
		o.ada = colleague(t, h.db, o.una, access.RoleAdmin)
		if err := h.db.InTx(t.Context(), o.una, func(tx *store.Tx) error { return h.desk.OpenProgram(t.Context(), tx, o.una.Org) }); err != nil {
			t.Fatal(err)
		}
		return openAccount(t, o, plan)
	}
	tale := func(a account) []string {
		return slices.Concat(a.told(t, event.Finance), a.told(t, event.Underwriting), of(told(t, a.db, a.ben, room.Shared(a.room.ID, a.una.Org).Name)))
	}
	for seed := range 12 {
		steps, plan := days.Example(seed), plans.Example(seed)
		total := 0
		for _, n := range steps {
			total += n
		}
		atOnce, stepwise := elsewhere(plan), elsewhere(plan)
		atOnce.on(t, time.Duration(total)*24*time.Hour)
		for _, n := range steps {
			stepwise.on(t, time.Duration(n)*24*time.Hour)
		}
		if d := diff.Diff(tale(atOnce), tale(stepwise)); d != "" {
			t.Fatalf("%s, at once, and in steps of %v days:\n%s", plan, steps, d)
		}
	}
}

// Who sells a policy whose premium is due already has the day to pay it, and
// another organisation's time is not his.
func TestNoticesOfALateBind(t *testing.T) {
	h := openHall(t)
	h.set(time.Date(2026, 6, 20, 15, 0, 0, 0, time.UTC))
	a := openAccount(t, h, billing.TwoPay)
	other := storetest.Org(t, h.db, "Elsewhere")
	boss := colleague(t, h.db, other, access.RoleAdmin)
	if _, err := h.desk.MoveClock(t.Context(), boss, func(now time.Time) time.Time { return now.AddDate(1, 0, 0) }); err != nil {
		t.Fatal(err)
	}
	if n, err := h.desk.Tick(t.Context(), *h.at.Load()); err != nil || len(a.told(t, event.Finance)) != 0 {
		t.Errorf("%d at once, %v", n, err)
	}
	h.on(t, 20*24*time.Hour)
	if d := diff.Diff([]string{"invoice.overdue 06-21 13:00", "invoice.last_notice 07-01 13:00"}, a.told(t, event.Finance)); d != "" {
		t.Error(d)
	}
}

// The calendar of the organisation says where it is nine.
func TestNoticesByTheCalendar(t *testing.T) {
	h := openHall(t)
	rules, err := h.db.As(h.una).Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rules.Calendar.TimeZone = "Pacific/Honolulu"
	if err := h.db.InTx(t.Context(), h.una, func(tx *store.Tx) error { return tx.SaveRules(t.Context(), rules) }); err != nil {
		t.Fatal(err)
	}
	a := openAccount(t, h, billing.PayInFull)
	h.on(t, 90*24*time.Hour)
	if d := diff.Diff([]string{"invoice.due_soon 04-24 19:00", "invoice.overdue 05-02 19:00", "invoice.last_notice 05-12 19:00"}, a.told(t, event.Finance)); d != "" {
		t.Error(d)
	}
	if a.policy.Effective != (civil.Date{Year: 2026, Month: 5, Day: 1}) {
		t.Error(fmt.Sprint(a.policy.Effective))
	}
	if err := h.db.InTx(t.Context(), storetest.Org(t, h.db, "Elsewhere"), func(tx *store.Tx) error {
		_, err := tx.LockPolicy(t.Context(), a.policy.ID)
		return err
	}); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("another organisation: %v", err)
	}
}
